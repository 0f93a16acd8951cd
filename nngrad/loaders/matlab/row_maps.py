"""What processing steps do to rows, each as one layer kind: scale, take, put back, fill gaps, project.

A row map answers what is asked of a step: its layer, the same for several blocks of rows side by side (the taps of an
input with delays), and whether it changes anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nngrad.core.layers import Affine, FillMissing, Place, Scale, Select
from nngrad.errors import ModelError

MOST_WEIGHTS = 50_000_000  # of one layer


class RowMap(Protocol):
    """One thing that a step does to its rows."""

    def layer(self, times: int = 1) -> Any:
        """The layer that does it to each of several blocks of rows, one after the other."""

    @property
    def is_identity(self) -> bool:
        """Whether it takes all rows or puts them back in their places, so that no layer is needed."""

    @property
    def keeps(self) -> bool:
        """Whether it gives back what it gets but for rounding."""


@dataclass(frozen=True, eq=False)
class ScaledRows:
    """y = (x - center) * gain + shift, one of each for every row."""

    gain: np.ndarray
    center: np.ndarray
    shift: np.ndarray
    is_identity = False

    def layer(self, times: int = 1) -> Scale:
        return Scale(*(np.tile(v, times) for v in (self.gain, self.center, self.shift)))

    @property
    def keeps(self) -> bool:
        return bool(np.all((self.gain == 1.0) & (self.center == self.shift)))


@dataclass(frozen=True, eq=False)
class TakenRows:
    """The rows of `index`, out of so many."""

    index: np.ndarray
    rows: int

    def layer(self, times: int = 1) -> Select:
        return Select(_offset(self.index, self.rows, times), self.rows * times)

    @property
    def is_identity(self) -> bool:
        return np.array_equal(self.index, np.arange(self.rows))

    @property
    def keeps(self) -> bool:
        return self.is_identity


@dataclass(frozen=True, eq=False)
class PlacedRows:
    """The rows put into the places of `index`, constants elsewhere: only on the way back, so
    never for several blocks.
    """

    index: np.ndarray
    fill: np.ndarray

    def layer(self, times: int = 1) -> Place:
        if times != 1:
            raise TypeError("rows are put back on outputs only, which have no taps")
        return Place(self.index, self.fill)

    @property
    def is_identity(self) -> bool:
        return np.array_equal(self.index, np.arange(len(self.fill)))

    @property
    def keeps(self) -> bool:
        return self.is_identity


@dataclass(frozen=True, eq=False)
class FilledRows:
    """Missing values filled, and a row of flags behind each row that may have any: fields as those of FillMissing."""

    source: np.ndarray
    flag: np.ndarray
    filled: np.ndarray
    fill: np.ndarray
    rows: int
    is_identity = False

    def layer(self, times: int = 1) -> FillMissing:
        flag, filled, fill = (np.tile(v, times) for v in (self.flag, self.filled, self.fill))
        return FillMissing(_offset(self.source, self.rows, times), flag, filled, fill, self.rows * times)

    @property
    def keeps(self) -> bool:
        return not (self.flag.any() or self.filled.any())


@dataclass(frozen=True, eq=False)
class ProjectedRows:
    """y = W x."""

    W: np.ndarray
    is_identity = False

    def layer(self, times: int = 1) -> Affine:
        if times == 1:
            return Affine(self.W, np.zeros(len(self.W)))
        if self.W.size * times**2 > MOST_WEIGHTS:
            raise ModelError(f"processpca on {times} taps makes more than {MOST_WEIGHTS} weights")
        return Affine(np.kron(np.eye(times), self.W), np.zeros(len(self.W) * times))

    @property
    def keeps(self) -> bool:
        return np.array_equal(self.W, np.eye(*self.W.shape))


def applied(maps: Iterable[RowMap], x: np.ndarray) -> np.ndarray:
    """The values (rows behind, N) of columns x (rows, N); unlike a Network, of no rows too."""
    with np.errstate(all="ignore"):
        for row_map in maps:
            layer = row_map.layer()
            x = layer.forward(layer.kernel, (x,))
    return x


def _offset(index: np.ndarray, rows: int, times: int) -> np.ndarray:
    """The same rows of every block."""
    return np.concatenate([index + k * rows for k in range(times)])
