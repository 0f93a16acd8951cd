"""Columns that lie wholly outside the training range of their input: swapped columns, other units, a decimal mark that
was lost.

A column is out of suspicion with its first row inside, so that nothing is looked at twice and ordinary tables cost
nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np

from nngrad.core.network import Network

Array = np.ndarray
FIRST = 8  # rows that settle it for nearly every column
MOST = 3  # columns that are named


class Watch:
    """Sees the blocks of a table, in any order and from any thread, and says at the end what lay outside."""

    def __init__(self, net: Network) -> None:
        self._net = net
        self._lower, self._upper = net.lower, net.upper
        self._columns = np.flatnonzero(np.isfinite(self._lower) & np.isfinite(self._upper))  # not one row inside so far
        self._least, self._most = np.full(net.input_size, np.inf), np.full(net.input_size, -np.inf)
        self._lock = threading.Lock()

    def see(self, x: Array) -> None:
        """Rows of inputs (N, n)."""
        if not len(self._columns) or not len(x):
            return
        with self._lock, np.errstate(invalid="ignore"):
            self._drop(x[:FIRST])
            if len(self._columns):
                self._drop(x)
            if not len(self._columns):
                return
            part = x[:, self._columns]
            self._least[self._columns] = np.fmin(self._least[self._columns], np.fmin.reduce(part, axis=0))
            self._most[self._columns] = np.fmax(self._most[self._columns], np.fmax.reduce(part, axis=0))

    def _drop(self, x: Array) -> None:
        part = x[:, self._columns]
        inside = ((part >= self._lower[self._columns]) & (part <= self._upper[self._columns])).any(axis=0)
        self._columns = self._columns[~inside]

    def note(self, names: tuple[str, ...] | None) -> str:
        """What to say about it, under the table's own names too; "" if there is nothing."""
        outside = [int(j) for j in self._columns if self._least[j] <= self._most[j]]
        more = f" and {len(outside) - MOST} more" if len(outside) > MOST else ""
        return "; ".join(self._sentence(j, names) for j in outside[:MOST]) + more

    def _sentence(self, j: int, names: tuple[str, ...] | None) -> str:
        own, name = self._net.input_names, names[j] if names else self._net.input_names[j]
        called = f"{name} is" if name != own[j] else "it is"
        better = list(self._better(j))
        fits = f", as in that of {own[better[0]]}" if len(better) == 1 else ""
        low, high = f"{self._least[j]:g}", f"{self._most[j]:g}"
        return (
            f"{own[j]} lies wholly outside its training range ({self._lower[j]:g} to {self._upper[j]:g}): "
            f"{called} {low if low == high else f'{low} to {high}'} here{fits}"
        )

    def _better(self, j: int) -> Iterator[int]:
        """Inputs in whose range the column would lie."""
        with np.errstate(invalid="ignore"):
            fits = (self._lower <= self._least[j]) & (self._most[j] <= self._upper)
        yield from (int(k) for k in np.flatnonzero(fits) if k != j)
