"""Memory for the intermediates of one block of rows, which is used again for the next: nothing taken here outlives its
block.

Large arrays that are allocated and freed for every block go back to the system each time, and clearing their pages
again costs more than the arithmetic on them. Small arrays (a single row's) come from NumPy as usual, which is faster
for them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod

import numpy as np

LARGE = 4096  # numbers; below, NumPy's own allocation is as good
CHUNK = 1 << 18


class _Store(threading.local):
    def __init__(self) -> None:
        self.open = False
        self.chunks: list[np.ndarray] = []
        self.chunk, self.used = 0, 0


_store = _Store()


class block:
    """While it lasts, empty() hands out memory that is used again afterwards; nested use is part of the outer block."""

    def __enter__(self) -> None:
        self.outer = _store.open
        if not self.outer:
            _store.open, _store.chunk, _store.used = True, 0, 0

    def __exit__(self, *error: object) -> None:
        _store.open = self.outer


class part:
    """Within a block: what empty() hands out while this lasts is used again afterwards."""

    def __enter__(self) -> None:
        self.chunk, self.used = _store.chunk, _store.used

    def __exit__(self, *error: object) -> None:
        _store.chunk, _store.used = self.chunk, self.used


@contextmanager
def outside() -> Iterator[None]:
    """While it lasts, memory comes from NumPy also within a block: for what is kept."""
    was, _store.open = _store.open, False
    try:
        yield
    finally:
        _store.open = was


def empty(shape: tuple[int, ...]) -> np.ndarray:
    """An uninitialised float64 array, valid until the block ends."""
    if not _store.open:
        return np.empty(shape)
    size = prod(shape)
    if size < LARGE:
        return np.empty(shape)
    while _store.chunk < len(_store.chunks):
        chunk = _store.chunks[_store.chunk]
        if _store.used + size <= len(chunk):
            start, _store.used = _store.used, _store.used + size
            return chunk[start : start + size].reshape(shape)
        _store.chunk, _store.used = _store.chunk + 1, 0
    _store.chunks.append(np.empty(max(CHUNK, size)))
    _store.used = size
    return _store.chunks[-1][:size].reshape(shape)
