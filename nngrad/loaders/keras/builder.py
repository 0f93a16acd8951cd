"""The builder that Keras' layers are lowered with: what they often need, and what they must know of the whole model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nngrad.core.activations import BY_NAME
from nngrad.core.builder import Builder, FlatOrder, Value
from nngrad.core.layers import Elementwise, Scale

MOST_UNITS = 1_000_000  # of one value


@dataclass(eq=False)
class KerasBuilder(Builder):
    """The network under construction; `keras` is 2 or 3, `masked` whether anything in the model makes masks."""

    order: FlatOrder = FlatOrder.KERAS
    keras: int = 3
    masked: bool = False

    def elementwise(self, x: Value, name: str, **params: Any) -> Value:
        """A row of the table of activations, with its own parameters unless others are given: numbers or rows."""
        row = BY_NAME[name]
        return self.add(Elementwise(row, dict(row.params) | params), x, shape=x.shape)

    def scale(self, x: Value, gain: Any = 1.0, center: Any = 0.0, shift: Any = 0.0) -> Value:
        """(x - center) * gain + shift, each a number or an array that broadcasts to the shape of x."""
        rows = (self.flat(np.broadcast_to(v, x.shape)) for v in (gain, center, shift))
        return self.add(Scale(*rows), x, shape=x.shape)
