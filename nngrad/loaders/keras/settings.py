"""Settings and weights of a Keras layer, read strictly: numbers, flags, arrays of the right shape.

Every function here raises ModelError, which names the layer and the setting, where the file holds anything else.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nngrad.core.builder import Value
from nngrad.loaders.keras.config import KerasLayer, is_whole, shown

Array = np.ndarray


def number(layer: KerasLayer, *names: str, default: float | None = None) -> float:
    """A number under the first of its names that is set; `default` where none is."""
    for name in names:
        value = layer.config.get(name)
        if value is not None:
            if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e300:
                raise layer.error(f"{name} is {shown(value)}, not a number")
            return float(value)
    if default is None:
        raise layer.error(f"{names[0]} is missing")
    return default


def whole(layer: KerasLayer, value: Any, name: str) -> int:
    """A whole number, called `name` where it is none."""
    if not is_whole(value):
        raise layer.error(f"{name} is {shown(value)}, not a whole number")
    return int(value)


def flag(layer: KerasLayer, name: str, default: bool = True) -> bool:
    """A setting that is true or false."""
    value = layer.config.get(name, default)
    if not isinstance(value, bool):
        raise layer.error(f"{name} is {shown(value)}, not true or false")
    return value


def numbers(layer: KerasLayer, name: str) -> Array:
    """A setting that is a number or nested lists of numbers."""
    return array_of(layer, layer.config.get(name), name)


def array_of(layer: KerasLayer, value: Any, name: str) -> Array:
    """An array in a configuration: a number, nested lists, or a record around them; float64."""
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


def weight(layer: KerasLayer, name: str, shape: tuple[int, ...]) -> Array:
    """A stored array of exactly this shape."""
    stored = layer.weights.get(name)
    if stored is None:
        raise layer.error(f"its {name} is missing in the file; save the whole model with model.save('model.keras')")
    if stored.shape != shape:
        raise layer.error(f"its {name} has the shape {stored.shape}, not {shape}; the file is damaged")
    return stored


def feature_axis(layer: KerasLayer, axis: Any, x: Value) -> int:
    """An axis that counts the batch as 0, as an axis of the shape of x."""
    axis = whole(layer, axis, "axis")
    found = axis - 1 if axis > 0 else axis + len(x.shape)
    if axis == 0 or not 0 <= found < len(x.shape):
        shape = ("batch", *x.shape)
        raise layer.error(f"axis {axis} of values with the shape {shape} is not one of their feature axes")
    return found


def axes(layer: KerasLayer, x: Value) -> list[int]:
    """The setting `axis`, one or several, as axes of the shape of x in ascending order."""
    stored = layer.config.get("axis", -1)
    return sorted({feature_axis(layer, a, x) for a in (stored if isinstance(stored, list) else [stored])})


def along(x: Value, kept: list[int], values: Array, layer: KerasLayer, name: str) -> Array:
    """Values for some axes, broadcast to the shape of x."""
    shape = tuple(n if k in kept else 1 for k, n in enumerate(x.shape))
    if values.size not in (1, math.prod(shape)):
        raise layer.error(f"{name} holds {values.size} numbers for values of the shape {x.shape}")
    return np.broadcast_to(values.reshape(shape if values.size > 1 else (1,) * len(shape)), x.shape)
