"""A scalar of the outputs, written as text ("y1**2 + 3*y2"), with its gradient and Hessian with respect to the inputs.

The text is parsed, never run as code. It may use + - * / **, numbers, the names of outputs (or y1, y2, ... by number)
and the functions of FUNCTIONS. Value, gradient and Hessian with respect to the outputs are carried through the
expression together (forward mode); the network's own passes do the rest:

    gradient = (df/dy) J            Hessian = sum_i df/dy_i H_i + J' (d2f/dy dy) J
"""

from __future__ import annotations

import ast
import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nngrad.core.activations import BY_NAME, Activation
from nngrad.core.grammar import MOST_NODES, Grammar, NoExpressionError, NotAdmittedError, TooLongError, names_in
from nngrad.errors import UsageError, listed

if TYPE_CHECKING:
    from nngrad.core.network import Network

Array = np.ndarray


class Jet(NamedTuple):
    """Value (N,), gradient (k, N) and Hessian (k, k, N) of a part of the expression; 0.0 where they vanish."""

    v: Array
    g: Any = 0.0
    h: Any = 0.0


@dataclass(frozen=True, eq=False)
class Scalar:
    """f(y) of a network's outputs: value, gradient and Hessian with respect to the inputs, for
    rows x (N, n) or one row (n,).
    """

    net: Network
    text: str
    tree: ast.expr
    of: tuple[int, ...]  # the outputs that occur

    @classmethod
    def parse(cls, net: Network, text: str) -> Scalar:
        """UsageError, naming what is outside the vocabulary, or the unknown name with its nearest match."""
        tree = _parsed(text)
        found = [_output(net, name, text) for name in names_in(tree)]
        if not found:
            raise UsageError(f"scalar {text!r}: names no output; it may use {listed(net.output_names)}")
        return cls(net, text, tree, tuple(sorted(set(found))))

    def __call__(self, x: Any) -> Array:
        """f (N,), or a number for one row."""
        y = self.net(x)
        return self._one(y, self._jet(np.atleast_2d(y)).v)

    def gradient(self, x: Any) -> Array:
        """df/dx (N, n)."""
        return self.value_and_gradient(x)[1]

    def value_and_gradient(self, x: Any) -> tuple[Array, Array]:
        """(f, df/dx): (N,), (N, n)."""
        rows, single = self.net.rows_of(x)
        jet = self._jet(self.net(rows))
        f, gradient = jet.v, self.net.vjp(rows, self._weights(jet))
        return (f[0], gradient[0]) if single else (f, gradient)

    def hessian(self, x: Any, wrt: Sequence[Any] | None = None) -> Array:
        """d2f/dx dx (N, n, n), symmetric."""
        rows, single = self.net.rows_of(x)
        y, J = self.net.value_and_jacobian(rows, self.of, wrt)
        jet = self._jet(y, tuple(range(len(self.of))))
        total = np.zeros((len(rows), J.shape[2], J.shape[2]))
        with np.errstate(all="ignore"):
            if np.ndim(jet.g):
                total += np.einsum("kn,nkij->nij", jet.g, self.net.hessian(rows, self.of, wrt))
            if np.ndim(jet.h):
                total += np.einsum("nai,abn,nbj->nij", J, jet.h, J)
            H = 0.5 * (total + total.swapaxes(1, 2))
        return H[0] if single else H

    def _weights(self, jet: Jet) -> Array:
        w = np.zeros((len(jet.v), self.net.output_size))
        w[:, self.of] = np.transpose(jet.g)
        return w

    def _jet(self, y: Array, columns: tuple[int, ...] | None = None) -> Jet:
        """The expression for the outputs y (N, m); gradients are with respect to the outputs `of`."""
        seeds = np.eye(len(self.of))
        places = self.of if columns is None else columns
        env = {
            i: Jet(y[:, c], np.repeat(seeds[k][:, None], len(y), 1))
            for k, (i, c) in enumerate(zip(self.of, places, strict=True))
        }
        with np.errstate(all="ignore"):
            return _evaluate(self.tree, lambda name: env[_output(self.net, name, self.text)], len(y))

    @staticmethod
    def _one(x: Any, found: Array) -> Array:
        return found[0] if np.ndim(x) == 1 else found


# names


def _parsed(text: str) -> ast.expr:
    try:
        return GRAMMAR.tree(text.strip())
    except NoExpressionError:
        raise UsageError(f"scalar {text!r}: is no expression; write something like y1**2 + 3*y2") from None
    except TooLongError as long:
        raise UsageError(f"scalar: has {long.count} parts, at most {MOST_NODES} are taken; shorten it") from None
    except NotAdmittedError as part:
        if isinstance(part.node, ast.BitXor):
            raise UsageError(f"scalar {text!r}: write ** for powers, not ^") from None
        known = f"+ - * / **, numbers, outputs and {', '.join(FUNCTIONS)}"
        raise UsageError(f"scalar {text!r}: {part} is not understood; it takes {known}") from None


def _output(net: Network, name: str, text: str) -> int:
    """By name, as Python's grammar spells it, or y1, y2, ... by number."""
    places = [k for k, known in enumerate(net.output_names) if unicodedata.normalize("NFKC", known) == name]
    if len(places) == 1:
        return places[0]
    by_number = re.fullmatch(r"y([1-9]\d{0,8})", name, re.ASCII)
    if by_number and int(by_number[1]) <= net.output_size:
        return int(by_number[1]) - 1
    if places:
        numbers = ", ".join(f"y{k + 1}" for k in places[:8])
        raise UsageError(f"scalar {text!r}: {len(places)} outputs are called {name!r}; choose by number: {numbers}")
    near = difflib.get_close_matches(name, net.output_names, 1)
    raise UsageError(
        f"scalar {text!r}: no output {name!r}; there are {listed(net.output_names)}"
        + (f"; did you mean {near[0]}?" if near else "")
    )


# evaluation


def _evaluate(node: ast.expr, output: Any, rows: int) -> Jet:
    match node:
        case ast.Constant(value=value):
            return Jet(np.full(rows, float(value)))  # type: ignore[arg-type]
        case ast.Name(id=name):
            found: Jet = output(name)
            return found
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            a = _evaluate(operand, output, rows)
            return Jet(-a.v, -a.g, -a.h)
        case ast.UnaryOp(operand=operand):
            return _evaluate(operand, output, rows)
        case ast.BinOp(left=left, op=op, right=right):
            result: Jet = OPERATORS[type(op)](_evaluate(left, output, rows), _evaluate(right, output, rows))
            return result
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return _apply(FUNCTIONS[name], _evaluate(argument, output, rows))
    raise UsageError(f"{ast.unparse(node)} is not understood")


def _times(v: Array, d: Any) -> Any:
    return v * d if np.ndim(d) else 0.0


def _outer(a: Any, b: Any) -> Any:
    return a[:, None] * b[None, :] if np.ndim(a) and np.ndim(b) else 0.0


def _chain(a: Jet, f: Array, d: Array, d2: Array) -> Jet:
    """f(a) from f, f' and f'' at a.v. Where f is no number it has no slope either, though 1/x of
    log(x) has a value at x < 0.
    """
    d, d2 = (np.where(np.isnan(f), np.nan, slope) for slope in (d, d2))
    return Jet(f, _times(d, a.g), _times(d, a.h) + _times(d2, _outer(a.g, a.g)))


def _apply(function: Activation, a: Jet) -> Jet:
    f = function.value(a.v, {})
    return _chain(a, f, function.slope(a.v, f, {}), function.second(a.v, f, {}))


def _add(a: Jet, b: Jet) -> Jet:
    return Jet(a.v + b.v, a.g + b.g, a.h + b.h)


def _subtract(a: Jet, b: Jet) -> Jet:
    return Jet(a.v - b.v, a.g - b.g, a.h - b.h)


def _multiply(a: Jet, b: Jet) -> Jet:
    both = _outer(a.g, b.g) + _outer(b.g, a.g)
    return Jet(a.v * b.v, _times(a.v, b.g) + _times(b.v, a.g), _times(a.v, b.h) + _times(b.v, a.h) + both)


def _divide(a: Jet, b: Jet) -> Jet:
    inverse = 1.0 / b.v
    quotient = _multiply(a, _chain(b, inverse, -inverse * inverse, 2.0 * inverse * inverse * inverse))
    return quotient._replace(v=a.v / b.v)


def _power(a: Jet, b: Jet) -> Jet:
    if np.ndim(b.g):  # a ** b = exp(b log a)
        return _apply(FUNCTIONS["exp"], _multiply(b, _apply(FUNCTIONS["log"], a)))._replace(v=a.v**b.v)
    p = float(b.v[0]) if len(b.v) else 1.0  # a number: also right where a is 0 or negative
    slopes = [
        factor * a.v**power if factor else np.zeros(a.v.shape)
        for factor, power in ((p, p - 1.0), (p * (p - 1.0), p - 2.0))
    ]
    return _chain(a, a.v**p, *slopes)


OPERATORS: dict[type, Any] = {ast.Add: _add, ast.Sub: _subtract, ast.Mult: _multiply, ast.Div: _divide, ast.Pow: _power}

FUNCTIONS: dict[str, Activation] = {
    **{name: BY_NAME[name] for name in ("exp", "sin", "cos", "tanh", "abs", "sigmoid", "softplus", "relu")},
    "log": Activation("log", f="log(x)", df="1.0/x", d2f="-d*d"),
    "sqrt": Activation("sqrt", f="sqrt(x)", df="0.5/y", d2f="-0.5*d/x"),
    "tan": Activation("tan", f="sin(x)/cos(x)", df="1.0 + y*y", d2f="2.0*y*d"),
}
GRAMMAR = Grammar(
    operators=frozenset({ast.USub, ast.UAdd, *OPERATORS}),
    functions=dict.fromkeys(FUNCTIONS, 1),
    number=lambda value: isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300,
)
