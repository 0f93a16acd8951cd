"""What one layer of MATLAB's Deep Learning Toolbox says: its fields, read strictly, with errors that name the layer.

Values have MATLAB's shapes, (C,) for features and (H, W, C) for images, and are flat in MATLAB's order (the first axis
runs fastest).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngrad.core.builder import Builder, Shape, Value
from nngrad.core.layers import Layer
from nngrad.errors import ModelError
from nngrad.loaders.matlab.fields import UNTRAINED, by, numbers
from nngrad.loaders.tree import MatlabObject

MOST_UNITS = 1_000_000
MOST_COUNT = 100_000  # of inputs of a layer, of groups


@dataclass(frozen=True, eq=False)
class Part:
    """One layer: its class, its fields, where it stands in the file, and the network being built."""

    classname: str
    name: str
    path: str
    fields: dict[str, Any]
    builder: Builder
    series: bool = False  # SeriesNetwork and DAGNetwork keep images 1x1 where dlnetwork goes over to features
    sequence: bool = False  # rows are time steps
    notes: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.classname.rsplit(".", 1)[-1]

    def fail(self, text: str) -> ModelError:
        """An error that names the layer."""
        return ModelError(f"{self.path}: {self.kind} {self.name!r}: {text}")

    def number(self, name: str, default: float | None = None) -> float:
        value = numbers(self.fields.get(name))
        if value is not None and value.size == 1:
            return float(value.flat[0])
        if default is None or name in self.fields:
            raise self.fail(f"{name} is not one number")
        return default

    def whole(self, name: str) -> int:
        """A number that counts something: 1, 2, ..."""
        value = self.number(name)
        if not (1 <= value <= MOST_COUNT and value % 1 == 0):
            raise self.fail(f"{name} is {value:g}, not a whole number from 1 to {MOST_COUNT}")
        return int(value)

    def text(self, name: str, default: str) -> str:
        value = self.fields.get(name, default)
        if not isinstance(value, str):
            raise self.fail(f"{name} is not a text")
        return value

    def learned(self, name: str) -> np.ndarray:
        """A learned parameter with the shape that it is stored in; ModelError where it is missing or empty."""
        value = numbers(self.fields.get(name))
        if value is None:
            raise self.fail(f"no {name} that are understood: {_found(self.fields.get(name))}")
        if not value.size:
            raise self.fail(f"{name} are empty: {UNTRAINED}")
        return value

    def per_unit(self, stored: np.ndarray, shape: Shape, what: str) -> np.ndarray:
        """A number for each unit of a value (size,), from one number, one for each channel or one for each unit.

        Raises ModelError, which calls the numbers `what`, where `stored` has another size.
        """
        size, channels = math.prod(shape), shape[-1]
        flat = stored.ravel(order="F")
        if flat.size == size:
            return flat
        if flat.size == 1:
            return np.full(size, flat[0])
        if flat.size == channels:
            return np.repeat(flat, size // channels)  # the channel is the last dimension
        need = f"{by(shape)} units need one, {channels} or {size} of them"
        raise self.fail(f"{what} has {by(stored.shape)} values where {need}")

    def through(self, value: Value, layers: Sequence[Layer], shape: Shape | None = None) -> Value:
        """The value after some layers that take one value; its shape stays unless another is given."""
        return self.builder.through(layers, value, value.shape if shape is None else shape)


def _found(value: Any) -> str:
    if isinstance(value, MatlabObject):
        return f"an object of the class {value.classname}"
    return "nothing" if value is None else f"a {type(value).__name__}"
