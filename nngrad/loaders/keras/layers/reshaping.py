"""Keras' reshaping layers. Source: keras.io/api/layers/reshaping_layers."""

from __future__ import annotations

import math

import numpy as np

from nngrad.core.builder import Value
from nngrad.loaders.keras.builder import MOST_UNITS, KerasBuilder
from nngrad.loaders.keras.config import KerasLayer, is_whole, shown
from nngrad.loaders.keras.layers.kind import LayerKind
from nngrad.loaders.keras.settings import Array, whole

MOST_COPIES = 20_000  # of a value that is repeated


def flatten(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    (x,) = values
    if layer.config.get("data_format") == "channels_first" and len(x.shape) > 1:
        x = build.permute(x, [*range(1, len(x.shape)), 0])
    return build.reshape(x, (x.size,))


def reshape(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    """The shape `target_shape`, in which one -1 stands for the rest."""
    (x,) = values
    target = layer.config.get("target_shape")
    if not isinstance(target, list) or not all(is_whole(n) and n >= -1 for n in target) or target.count(-1) > 1:
        raise layer.error(f"target_shape is {shown(target)}, not a shape")
    known = math.prod(n for n in target if n != -1)
    shape = tuple(x.size // max(known, 1) if n == -1 else n for n in target)
    if math.prod(shape) != x.size:
        raise layer.error(f"{x.size} units don't take the shape {tuple(target)}")
    return build.reshape(x, shape)


def permute(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    """The axes in the order `dims`, which counts them from 1."""
    (x,) = values
    dims = layer.config.get("dims")
    if not isinstance(dims, list) or sorted(d for d in dims if is_whole(d)) != list(range(1, len(x.shape) + 1)):
        raise layer.error(f"dims is {shown(dims)}, not an order of the {len(x.shape)} feature axes")
    return build.permute(x, [d - 1 for d in dims])


def repeat_vector(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    """(units,) -> (n, units)."""
    (x,) = values
    times = whole(layer, layer.config.get("n"), "n")
    if times < 1 or len(x.shape) != 1 or times * x.size > MOST_UNITS:
        raise layer.error(f"{times} times the shape {x.shape}")
    return repeated(build, layer, x, np.tile(build.places(x.shape), (times, 1)))


def repeated(build: KerasBuilder, layer: KerasLayer, x: Value, columns: Array) -> Value:
    """A value of the shape of `columns`, which say which column of x stands where, each equally often."""
    if columns.size > MOST_UNITS or columns.size // max(x.size, 1) > MOST_COPIES:
        raise layer.error(f"makes {columns.size} units of {x.size}")
    return build.repeat(x, columns)


# the collection

KINDS: dict[str, LayerKind] = {
    "Flatten": LayerKind(flatten, ("data_format",), keeps_integers=True),
    "Reshape": LayerKind(reshape, ("target_shape",), keeps_integers=True),
    "Permute": LayerKind(permute, ("dims",), keeps_integers=True),
    "RepeatVector": LayerKind(repeat_vector, ("n",), keeps_integers=True),
}
