"""functionLayer: the text of its function handle, lowered to layers; it is parsed, never run.

Understood are sums, products and quotients (+ - * / .* ./), powers (^ .^) with a constant exponent, signs, x(:), and
the functions of one argument in ACTIVATIONS; zeros(m, n), ones(m, n) and the numbers that the handle has captured are
constants. What contains no argument is a constant and computed at once (float64, MATLAB's two dimensions); the rest
becomes Scale, Affine, Sum, Product and activations. Everything else is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise, Layer, Product, Scale, Softmax, Sum
from nngrad.errors import ModelError
from nngrad.loaders.matlab.deep.part import Part, Value
from nngrad.loaders.matlab.fields import by, numbers
from nngrad.loaders.matlab_code import tree as m
from nngrad.loaders.matlab_code.expressions import UnreadableError, anonymous_function
from nngrad.loaders.tree import FunctionHandle

HEAD = re.compile(r"(?:sf%\d+)?(?=@)")  # what MATLAB writes before an anonymous function in a file
STRANGE = re.compile(r"%|\.\.\.")  # comments and continuations: no text of a handle has any
MOST_CHARACTERS = 1000
MOST_CONSTANTS = 1_000_000
ACTIVATIONS = {  # MATLAB's name: ours
    "tanh": "tansig",
    "sigmoid": "logsig",
    "relu": "relu",
    "leakyrelu": "leaky_relu",
    "exp": "exp",
    "sin": "sin",
    "cos": "cos",
    "abs": "abs",
    "gelu": "gelu",
    "swish": "swish",
    "tansig": "tansig",
    "logsig": "logsig",
}
UNCHANGED = ("single", "double")
FILLED = {"zeros": 0.0, "ones": 1.0}
CALLS = ", ".join(sorted((*ACTIVATIONS, *FILLED, "softmax", "max(x,0)")))
SUPPORTED = f"supported are + - * / .* ./ .^ of arguments and constants, x(:), {CALLS}"

Operand = Value | np.ndarray  # a constant has MATLAB's two dimensions


def function_layer(part: Part, values: Sequence[Value]) -> Value:
    """The output of a function layer; ModelError where its function is outside the grammar."""
    handle = part.fields.get("PredictFcn")
    if not isinstance(handle, FunctionHandle):
        raise part.fail("PredictFcn is not a function handle")
    found = _Lowering(part, values, handle).result()
    if not isinstance(found, Value):
        raise part.fail(f"{_short(handle.text)} does not depend on its inputs")
    return found


class _Lowering:
    """One handle on its way to layers."""

    def __init__(self, part: Part, values: Sequence[Value], handle: FunctionHandle) -> None:
        self.part, self.values, self.handle = part, values, handle
        self.names: dict[str, Operand] = {}

    def fail(self, what: str) -> ModelError:
        advice = "replace the layer by layers that say what it does"
        return self.part.fail(f"PredictFcn {_short(self.handle.text)}: {what}; {SUPPORTED}; {advice}")

    def unknown(self, text: str) -> ModelError:
        return self.fail(f"{text!r} is not understood")

    def result(self) -> Operand:
        text = self.handle.text
        if len(text) > MOST_CHARACTERS:
            raise self.fail("too long")
        head = HEAD.match(text)
        if head is None and text.isidentifier() and len(self.values) == 1:
            return self.call(text, [self.values[0]])
        if head is None or "'" in text or '"' in text:
            raise self.fail("not understood")
        function = self.parsed(" ".join(text[head.end() :].split()))
        if len(function.parameters) != len(self.values):
            raise self.fail(f"it takes {len(function.parameters)} inputs, the layer has {len(self.values)}")
        captured = {
            name: c for name, v in self.handle.variables.items() if (c := numbers(v)) is not None and c.ndim == 2
        }
        arguments = dict(zip(function.parameters, self.values, strict=True))
        self.names = {"pi": np.full((1, 1), np.pi), **captured, **arguments}
        return self.operand(function.body)

    def parsed(self, text: str) -> m.AnonymousFunction:
        if strange := STRANGE.search(text):
            raise self.unknown(strange[0][0])
        try:
            return anonymous_function(text)
        except UnreadableError as e:
            raise self.fail(str(e).replace(repr("\n"), "its end")) from None

    # the tree

    def operand(self, e: Any) -> Operand:
        """What an expression is: a value, or a constant."""
        match e:
            case m.NumberLiteral(number):
                if number.size != 1:
                    raise self.unknown("[")
                return number
            case m.Name(name) | m.CallOrIndex(m.Name(name), (m.Colon(),), False) if name in self.names:
                value = self.names[name]
                return value if isinstance(e, m.Name) else _column(value)
            case m.Name(name):
                raise self.fail(f"{name!r} is neither an argument nor a captured number")
            case m.Unary("-" | "+" as sign, of):
                return self.signed(sign, of)
            case m.Binary(sign, left, right) if sign in self.signs:
                return self.signs[sign](self, self.operand(left), self.operand(right), sign)
            case m.CallOrIndex(m.Name(name), arguments, False):
                if name in self.names:
                    raise self.fail("':' is missing")
                return self.call(name, [self.operand(a) for a in arguments])
        raise self.unknown(_sign(e))

    def signed(self, sign: str, of: Any) -> Operand:
        """-x, and signs before signs, of which the even ones cancel."""
        negative = sign == "-"
        while isinstance(of, m.Unary) and of.op in "-+":
            negative, of = negative != (of.op == "-"), of.of
        return self.negative(self.operand(of)) if negative else self.operand(of)

    # what the signs mean

    def plus(self, a: Operand, b: Operand, sign: str) -> Operand:
        return self.add(a, b if sign == "+" else self.negative(b))

    def add(self, a: Operand, b: Operand) -> Operand:
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            return self.constant(np.add, a, b)
        if isinstance(a, Value) and isinstance(b, Value):
            return self.join(Sum(), a, b)
        value, c = _apart(a, b)
        n = value.size
        return self.part.through(value, [Scale(np.ones(n), np.zeros(n), self.units(c, value))])

    def negative(self, a: Operand) -> Operand:
        return self.times(np.full((1, 1), -1.0), a, ".*")

    def times(self, a: Operand, b: Operand, sign: str) -> Operand:
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            return self.constant(np.matmul if sign == "*" and a.size > 1 and b.size > 1 else np.multiply, a, b)
        if isinstance(a, Value) and isinstance(b, Value):
            if sign == "*" and (a.size > 1 or b.size > 1):
                raise self.fail("a matrix product of two inputs")
            return self.join(Product(), a, b)
        value, c = _apart(a, b)
        if sign == "*" and c.size != 1:
            if value is a or len(value.shape) != 1 or c.shape[1] != value.size:
                raise self.fail(f"a matrix product of {by(np.shape(c))} constants and {by(value.shape)} units")
            return self.part.through(value, [Affine(np.array(c), np.zeros(len(c)))], (len(c),))
        n = value.size
        return self.part.through(value, [Scale(self.units(c, value), np.zeros(n), np.zeros(n))])

    def over(self, a: Operand, b: Operand, sign: str) -> Operand:
        if isinstance(b, np.ndarray):
            if sign == "/" and b.size != 1:
                raise self.fail("a matrix division")
            with np.errstate(all="ignore"):
                return (
                    self.constant(np.true_divide, a, b) if isinstance(a, np.ndarray) else self.times(a, 1.0 / b, ".*")
                )
        if sign == "/" and b.size != 1:
            raise self.fail("a matrix division by an input")
        return self.times(a, self.part.through(b, [Elementwise(BY_NAME["netinv"])]), ".*")

    def raised(self, base: Operand, exponent: Operand, sign: str) -> Operand:
        if not isinstance(exponent, np.ndarray) or exponent.size != 1:
            raise self.fail("a power that is not one number")
        power = float(exponent.flat[0])
        if isinstance(base, np.ndarray):
            if sign == "^" and base.size != 1:
                raise self.fail("a matrix power")
            with np.errstate(all="ignore"):
                return base**power
        if power not in (1.0, 2.0, 3.0, 4.0) or (sign == "^" and base.size != 1):
            raise self.fail(f"{sign} {power:g}; supported are .^ 1 to 4 of inputs")
        if power == 1.0:
            return base
        return Value(self.part.builder.add(Product(), *[base.number] * int(power)), base.shape)

    def call(self, name: str, arguments: list[Operand]) -> Operand:
        if name in FILLED and all(isinstance(a, np.ndarray) and a.size == 1 for a in arguments) and len(arguments) == 2:
            rows, columns = (float(np.ravel(a)[0]) for a in arguments)
            if not (rows >= 0 and columns >= 0 and rows * columns <= MOST_CONSTANTS and rows % 1 == columns % 1 == 0):
                raise self.fail(f"{name} of {rows:g}x{columns:g}")
            return np.full((int(rows), int(columns)), FILLED[name])
        if name == "max" and len(arguments) == 2:
            return self.rectified(arguments)
        (value,) = arguments if len(arguments) == 1 else (None,)
        if name in UNCHANGED and value is not None:
            return value
        layer = Softmax() if name == "softmax" else Elementwise(*_activation(name)) if name in ACTIVATIONS else None
        if layer is None or value is None:
            raise self.fail(f"{name} with {len(arguments)} arguments is not supported")
        if isinstance(value, np.ndarray):
            raise self.fail(f"{name} of a constant")
        if name == "softmax" and value.size != value.shape[-1]:
            raise self.fail(f"softmax of {by(value.shape)} units")
        return self.part.through(value, [layer])

    def rectified(self, arguments: list[Operand]) -> Operand:
        """max(x, 0) or max(0, x)."""
        value = next((a for a in arguments if isinstance(a, Value)), None)
        zero = next((a for a in arguments if isinstance(a, np.ndarray)), None)
        if value is None or zero is None or zero.size != 1 or zero.flat[0] != 0:
            raise self.fail("max of anything but an input and 0")
        return self.part.through(value, [Elementwise(BY_NAME["relu"])])

    signs: ClassVar[dict[str, Callable[[_Lowering, Operand, Operand, str], Operand]]] = {
        **dict.fromkeys(("+", "-"), plus),
        **dict.fromkeys(("*", ".*"), times),
        **dict.fromkeys(("/", "./"), over),
        **dict.fromkeys(("^", ".^"), raised),
    }

    # their operands

    def constant(self, operation: Callable[[Any, Any], Any], a: np.ndarray, b: np.ndarray) -> np.ndarray:
        try:
            with np.errstate(all="ignore"):
                size = (
                    a.shape[0] * b.shape[-1]
                    if operation is np.matmul
                    else np.prod(np.broadcast_shapes(a.shape, b.shape))
                )
                if size > MOST_CONSTANTS:
                    raise self.fail(f"constants of {by(a.shape)} and {by(b.shape)}")
                return np.asarray(operation(a, b))
        except ValueError:
            raise self.fail(f"constants of {by(a.shape)} and {by(b.shape)} together") from None

    def units(self, constant: np.ndarray, value: Value) -> np.ndarray:
        """A constant with a number for each unit: one number, or a column."""
        if constant.size == 1:
            return np.full(value.size, constant.flat[0])
        if len(value.shape) == 1 and constant.shape == (value.size, 1):
            return constant[:, 0].copy()
        raise self.fail(f"{by(constant.shape)} constants with {by(value.shape)} units")

    def join(self, layer: Layer, a: Value, b: Value) -> Value:
        if a.shape != b.shape:
            raise self.fail(f"{by(a.shape)} and {by(b.shape)} units together")
        return Value(self.part.builder.add(layer, a.number, b.number), a.shape)


def _column(value: Operand) -> Operand:
    """x(:), the only index there is."""
    return Value(value.number, (value.size,)) if isinstance(value, Value) else value.reshape(-1, 1, order="F")


def _sign(e: Any) -> str:
    """The sign that tells an expression that is not understood here."""
    match e:
        case m.Unary(op, _) | m.Binary(op, _, _):
            return str(op)
        case m.CallOrIndex(_, _, brace) | m.BracketMatrix(_, brace):
            return "{" if brace else "(" if isinstance(e, m.CallOrIndex) else "["
        case m.NamedHandle():
            return "@"
        case m.Member():
            return "."
        case m.End():
            return "end"
    return ":"


def _apart(a: Operand, b: Operand) -> tuple[Value, np.ndarray]:
    """The value and the constant of a pair that has one of each."""
    if isinstance(a, Value) and isinstance(b, np.ndarray):
        return a, b
    assert isinstance(b, Value)
    assert isinstance(a, np.ndarray)
    return b, a


def _activation(name: str) -> tuple[Any, dict[str, float]]:
    activation = BY_NAME[ACTIVATIONS[name]]
    return activation, dict(activation.params)


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
