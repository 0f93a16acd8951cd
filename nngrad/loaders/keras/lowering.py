"""What Keras' layers are lowered with: values that know their shape in Keras, and settings read from a configuration.

The one rule: a setting is a number, a flag or an array of the right shape, or the layer is refused by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nngrad.core.activations import BY_NAME
from nngrad.core.builder import Builder
from nngrad.core.layers import Concatenate, Elementwise, Scale, Select
from nngrad.errors import ModelError
from nngrad.loaders.keras.config import Layer, is_whole, shown

MOST_UNITS = 1_000_000
MOST_NODES = 20_000

Array = np.ndarray


class Value(NamedTuple):
    """A value of the network under construction and its shape in Keras."""

    number: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(eq=False)
class Lowering:
    """The network under construction; `keras` is 2 or 3, `masked` whether anything in the model makes masks."""

    keras: int
    masked: bool = False
    builder: Builder = field(default_factory=Builder)

    def add(self, layer: Any, sources: tuple[Value, ...], shape: tuple[int, ...]) -> Value:
        if len(self.builder.nodes) >= MOST_NODES or math.prod(shape) > MOST_UNITS:
            raise ModelError(f"the model needs more than {MOST_NODES} steps or more than {MOST_UNITS} units; split it into smaller models")
        return Value(self.builder.add(layer, *(s.number for s in sources)), shape)

    def elementwise(self, x: Value, name: str, **params: Any) -> Value:
        row = BY_NAME[name]
        return self.add(Elementwise(row, dict(row.params) | params), (x,), x.shape)

    def scale(self, x: Value, gain: Any = 1.0, center: Any = 0.0, shift: Any = 0.0) -> Value:
        """(x - center) * gain + shift, each a number or an array of the shape of x."""
        return self.add(Scale(*(np.broadcast_to(v, x.shape).ravel() for v in (gain, center, shift))), (x,), x.shape)

    def gather(self, x: Value, order: Array, shape: tuple[int, ...]) -> Value:
        """Columns of x in another order; `order` is a permutation of them."""
        flat = order.ravel()
        if np.array_equal(flat, np.arange(x.size)):
            return Value(x.number, shape)
        return self.add(Select(flat, x.size), (x,), shape)

    def repeat(self, x: Value, source: Array, layer: Layer) -> Value:
        """Columns of x, each repeated equally often: source (any shape) says which column of x stands where."""
        times = source.size // max(x.size, 1)
        if source.size > MOST_UNITS or times > MOST_NODES:
            raise layer.error(f"makes {source.size} units of {x.size}")
        if times == 1:
            return self.gather(x, source, source.shape)
        copies = self.add(Concatenate((x.size,) * times), (x,) * times, (times * x.size,))
        flat = source.ravel()
        by_column = np.argsort(flat, kind="stable")  # the k-th place of a column takes the k-th copy
        order = np.empty(flat.size, int)
        order[by_column] = flat[by_column] + np.tile(np.arange(times), x.size) * x.size
        return self.gather(copies, order, source.shape)


# settings


def number(layer: Layer, *names: str, default: float | None = None) -> float:
    """A setting under any of its names."""
    for name in names:
        value = layer.config.get(name)
        if value is not None:
            if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e300:
                raise layer.error(f"{name} is {shown(value)}, not a number")
            return float(value)
    if default is None:
        raise layer.error(f"{names[0]} is missing")
    return default


def whole(layer: Layer, value: Any, name: str) -> int:
    if not is_whole(value):
        raise layer.error(f"{name} is {shown(value)}, not a whole number")
    return int(value)


def flag(layer: Layer, name: str, default: bool = True) -> bool:
    value = layer.config.get(name, default)
    if not isinstance(value, bool):
        raise layer.error(f"{name} is {shown(value)}, not true or false")
    return value


def numbers(layer: Layer, name: str) -> Array:
    """A setting that is a number or nested lists of numbers."""
    return array_of(layer, layer.config.get(name), name)


def array_of(layer: Layer, value: Any, name: str) -> Array:
    if isinstance(value, dict):  # an array, as Keras 3 and Keras 2 write it
        inner = value.get("config")
        value = inner.get("value") if isinstance(inner, dict) else value.get("value")
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiu":
        raise layer.error(f"{name} is {shown(value)}, not numbers")
    return array.astype(np.float64)


def weight(layer: Layer, name: str, shape: tuple[int, ...]) -> Array:
    stored = layer.weights.get(name)
    if stored is None:
        raise layer.error(f"its {name} is missing in the file; save the whole model with model.save('model.keras')")
    if stored.shape != shape:
        raise layer.error(f"its {name} has the shape {stored.shape}, not {shape}; the file is damaged")
    return stored


def feature_axis(layer: Layer, axis: Any, x: Value) -> int:
    """An axis that counts the batch as 0, as an axis of the shape of x."""
    axis = whole(layer, axis, "axis")
    found = axis - 1 if axis > 0 else axis + len(x.shape)
    if axis == 0 or not 0 <= found < len(x.shape):
        raise layer.error(f"axis {axis} of values with the shape {('batch', *x.shape)} is not one of their feature axes")
    return found


def axes(layer: Layer, x: Value, default: Any = -1) -> list[int]:
    stored = layer.config.get("axis", default)
    return sorted({feature_axis(layer, a, x) for a in (stored if isinstance(stored, list) else [stored])})


def along(x: Value, kept: list[int], values: Array, layer: Layer, name: str) -> Array:
    """Values for some axes, broadcast to the shape of x."""
    shape = tuple(n if k in kept else 1 for k, n in enumerate(x.shape))
    if values.size not in (1, math.prod(shape)):
        raise layer.error(f"{name} holds {values.size} numbers for values of the shape {x.shape}")
    return np.broadcast_to(values.reshape(shape if values.size > 1 else (1,) * len(shape)), x.shape)
