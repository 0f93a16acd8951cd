"""functionLayer: the text of its function handle, lowered to layers. The one rule: a small grammar is parsed, nothing is ever run.

    handle  :  [sf%N] @(a, b, ...) sum      or the name of a function of one argument
    sum     :  product {(+ | -) product}
    product :  unary {(* | / | .* | ./) unary}
    unary   :  {- | +} power
    power   :  atom [(^ | .^) unary]
    atom    :  number | argument | captured variable | function(sum, ...) | argument(:) | (sum)

What contains no argument is a constant and computed at once (float64); the rest becomes Scale, Affine, Sum, Product and activations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise, Product, Scale, Softmax, Sum
from nngrad.errors import ModelError
from nngrad.loaders.matlab.deep.part import Part, Value
from nngrad.loaders.matlab.fields import by, numbers
from nngrad.loaders.tree import FunctionHandle

HANDLE = re.compile(r"(?:sf%\d+)?@\(([A-Za-z_]\w*(?:,[A-Za-z_]\w*)*)\)(.+)", re.DOTALL)
NUMBER = r"(?:\d+(?:\.(?![*/^])\d*)?|\.\d+)(?:[eEdD][-+]?\d+)?"  # the point of 2.*x belongs to the sign
TOKEN = re.compile(rf"\s*(?:(?P<number>{NUMBER})|(?P<name>[A-Za-z]\w*)|(?P<sign>\.\*|\./|\.\^|[-+*/^(),:]))")
MOST_CHARACTERS = 1000
MOST_LEVELS = 40
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
        self.tokens: list[tuple[str, str]] = []
        self.names: dict[str, Operand] = {}

    def fail(self, what: str) -> ModelError:
        advice = "replace the layer by layers that say what it does"
        return self.part.fail(f"PredictFcn {_short(self.handle.text)}: {what}; {SUPPORTED}; {advice}")

    def result(self) -> Operand:
        text = self.handle.text
        if len(text) > MOST_CHARACTERS:
            raise self.fail("too long")
        match = HANDLE.fullmatch(text.replace(" ", "") if "'" not in text and '"' not in text else "")
        if match is None:
            if text.isidentifier() and len(self.values) == 1:
                return self.call(text, [self.values[0]])
            raise self.fail("not understood")
        arguments = match[1].split(",")
        if len(arguments) != len(self.values):
            raise self.fail(f"it takes {len(arguments)} inputs, the layer has {len(self.values)}")
        captured = {name: c for name, v in self.handle.variables.items() if (c := numbers(v)) is not None and c.ndim == 2}
        self.names = {"pi": np.full((1, 1), np.pi), **captured, **dict(zip(arguments, self.values, strict=True))}
        self.tokens = self.split(match[2])
        found = self.sum(0)
        if self.tokens:
            raise self.fail(f"{self.tokens[0][1]!r} is not understood")
        return found

    def split(self, text: str) -> list[tuple[str, str]]:
        tokens, position = [], 0
        while position < len(text):
            match = TOKEN.match(text, position)
            if match is None:
                raise self.fail(f"{text[position]!r} is not understood")
            tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            position = match.end()
        return tokens

    # the grammar

    def take(self, *signs: str) -> str | None:
        """The next token, if it is one of these signs."""
        if self.tokens and self.tokens[0][0] == "sign" and self.tokens[0][1] in signs:
            return self.tokens.pop(0)[1]
        return None

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise self.fail(f"{sign!r} is missing")

    def sum(self, level: int) -> Operand:
        if level > MOST_LEVELS:
            raise self.fail("too deep")
        left = self.product(level)
        while sign := self.take("+", "-"):
            right = self.product(level)
            left = self.add(left, right if sign == "+" else self.negative(right))
        return left

    def product(self, level: int) -> Operand:
        left = self.unary(level)
        while sign := self.take("*", "/", ".*", "./"):
            right = self.unary(level)
            left = self.times(left, right, sign) if sign in ("*", ".*") else self.over(left, right, sign)
        return left

    def unary(self, level: int) -> Operand:
        sign = 1
        while found := self.take("-", "+"):
            sign = -sign if found == "-" else sign
        value = self.power(level)
        return self.negative(value) if sign < 0 else value

    def power(self, level: int) -> Operand:
        base = self.atom(level)
        if sign := self.take("^", ".^"):
            if level > MOST_LEVELS:
                raise self.fail("too deep")
            return self.raised(base, self.unary(level + 1), sign)
        return base

    def atom(self, level: int) -> Operand:
        if self.take("("):
            value = self.sum(level + 1)
            self.expect(")")
            return value
        kind, text = self.tokens.pop(0) if self.tokens else ("sign", "its end")
        if kind == "number":
            return np.full((1, 1), float(text.lower().replace("d", "e")))
        if kind != "name":
            raise self.fail(f"{text!r} is not understood")
        if text in self.names:
            value = self.names[text]
            return self.column(value) if self.take("(") else value
        if not self.take("("):
            raise self.fail(f"{text!r} is neither an argument nor a captured number")
        arguments = [self.sum(level + 1)]
        while self.take(","):
            arguments.append(self.sum(level + 1))
        self.expect(")")
        return self.call(text, arguments)

    def column(self, value: Operand) -> Operand:
        """x(:), the only index there is."""
        self.expect(":")
        self.expect(")")
        return Value(value.number, (value.size,)) if isinstance(value, Value) else value.reshape(-1, 1, order="F")

    # what the signs mean

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
                return self.constant(np.true_divide, a, b) if isinstance(a, np.ndarray) else self.times(a, 1.0 / b, ".*")
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

    # their operands

    def constant(self, operation: Callable[[Any, Any], Any], a: np.ndarray, b: np.ndarray) -> np.ndarray:
        try:
            with np.errstate(all="ignore"):
                size = a.shape[0] * b.shape[-1] if operation is np.matmul else np.prod(np.broadcast_shapes(a.shape, b.shape))
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

    def join(self, layer: Any, a: Value, b: Value) -> Value:
        if a.shape != b.shape:
            raise self.fail(f"{by(a.shape)} and {by(b.shape)} units together")
        return Value(self.part.builder.add(layer, a.number, b.number), a.shape)


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
