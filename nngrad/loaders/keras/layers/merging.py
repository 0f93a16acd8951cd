"""Keras' merging layers, and the arithmetic of keras.ops.

Sources: keras.io/api/layers/merging_layers and keras.io/api/ops/numpy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nngrad.core.builder import Value
from nngrad.core.layers import Product, Sum
from nngrad.errors import ModelError
from nngrad.loaders.keras.builder import MOST_UNITS, KerasBuilder
from nngrad.loaders.keras.config import ConstantOperand, KerasLayer
from nngrad.loaders.keras.layers.kind import LayerKind
from nngrad.loaders.keras.layers.reshaping import repeated
from nngrad.loaders.keras.settings import Array, array_of, feature_axis


def alike(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> tuple[Value, ...]:
    """The values, those with axes of size 1 repeated along them."""
    if len(values) < 2:
        raise layer.error("reads one value; supported are two or more")
    try:
        shape = np.broadcast_shapes(*(v.shape for v in values))
    except ValueError:
        raise _unfit(layer, values) from None
    if math.prod(shape) > MOST_UNITS:
        raise layer.error(f"makes more than {MOST_UNITS} units")
    return tuple(repeated(build, layer, v, np.broadcast_to(build.places(v.shape), shape)) for v in values)


def _unfit(layer: KerasLayer, values: Sequence[Value]) -> ModelError:
    shapes = ", ".join(str(v.shape) for v in values[:6])
    return layer.error(f"reads values of the shapes {shapes}, which don't fit each other")


def add(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    values = alike(build, layer, values)
    return build.add(Sum(), *values, shape=values[0].shape)


def subtract(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    if len(values) != 2:
        raise layer.error(f"reads {len(values)} values, not 2")
    first, second = alike(build, layer, values)
    return build.add(Sum(), first, build.scale(second, gain=-1.0), shape=first.shape)


def multiply(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    values = alike(build, layer, values)
    return build.add(Product(), *values, shape=values[0].shape)


def average(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    return build.scale(add(build, layer, values), gain=1.0 / len(values))


def divide(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    raise layer.error("divides two values; supported is dividing by a constant")


def negative(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    return build.scale(values[0], gain=-1.0)


def concatenate(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    """The values side by side along `axis`; a single one as it is."""
    if len(values) == 1:
        return values[0]
    axis = feature_axis(layer, layer.config.get("axis", -1), values[0])
    if sum(v.size for v in values) > MOST_UNITS:
        raise layer.error(f"makes more than {MOST_UNITS} units")
    try:
        return build.concatenate(values, axis)
    except ValueError:
        raise _unfit(layer, values) from None


# with constants


def with_constant(build: KerasBuilder, layer: KerasLayer, x: Value, constant: ConstantOperand) -> Value:
    """An operation with a constant: x + c, c - x, x * c, x / c."""
    c = _like(layer, array_of(layer, constant.value, "its constant"), x)
    match layer.kind:
        case "Add":
            return build.scale(x, shift=c)
        case "Subtract":
            return build.scale(x, gain=-1.0, shift=c) if constant.is_first else build.scale(x, center=c)
        case "Multiply":
            return build.scale(x, gain=c)
        case "Divide" | "TrueDivide" if not constant.is_first and np.all(c != 0.0):
            return build.scale(x, gain=1.0 / c)
    raise layer.error("is called with a constant; supported are x + c, x - c, c - x, x * c and x / c")


def _like(layer: KerasLayer, c: Array, x: Value) -> Array:
    """A constant, which may have an axis for the batch, broadcast to the shape of x."""
    while c.ndim > len(x.shape) and c.shape[0] == 1:
        c = c[0]
    try:
        return np.broadcast_to(c, x.shape)
    except ValueError:
        raise layer.error(f"a constant of the shape {c.shape} with values of the shape {x.shape}") from None


# the collection

DIVIDE = LayerKind(divide, merges=True, is_layer=False, is_operation=True)
KINDS: dict[str, LayerKind] = {
    "Add": LayerKind(add, merges=True, is_operation=True),
    "Subtract": LayerKind(subtract, merges=True, is_operation=True),
    "Multiply": LayerKind(multiply, merges=True, is_operation=True),
    "Average": LayerKind(average, merges=True),
    "Concatenate": LayerKind(concatenate, ("axis",), merges=True, keeps_integers=True, is_operation=True),
    "Divide": DIVIDE,
    "TrueDivide": DIVIDE,
    "Negative": LayerKind(negative, is_layer=False, is_operation=True),
}
