"""What several containers make of arrays: sparse matrices filled, character matrices as rows of text."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.tree import Undecoded


def filled(
    shape: tuple[int, ...],
    rows: np.ndarray,
    starts: np.ndarray,
    real: np.ndarray,
    imaginary: np.ndarray | None,
    budget: limits.Budget,
) -> Any:
    """The full matrix of a column-compressed one; Undecoded beyond the bound."""
    count = limits.volume(shape, "a sparse matrix")
    used = int(starts[-1]) if starts.size else 0
    if (
        len(shape) != 2
        or starts.size != shape[1] + 1
        or starts.dtype.kind == "f"
        or rows.dtype.kind == "f"
        or starts[0] != 0
    ):
        raise ModelError(f"a sparse matrix of {shape} with {starts.size} column starts; the file is corrupt")
    widths = starts[1:].astype(np.int64) - starts[:-1].astype(np.int64)
    if used > min(rows.size, real.size) or (imaginary is not None and used > imaginary.size) or (widths < 0).any():
        raise ModelError(f"a sparse matrix of {shape} states {used} entries and holds {real.size}; the file is corrupt")
    rows = rows[:used].astype(np.int64)
    if used and (rows.min() < 0 or rows.max() >= shape[0]):
        raise ModelError(f"a sparse matrix of {shape} has an entry in row {int(rows.max()) + 1}; the file is corrupt")
    if count > limits.SPARSE_FILL:
        return Undecoded("sparse", f"a sparse matrix of {shape[0]}x{shape[1]}, too large to fill")
    budget.take_bytes(8 * count * (1 + (imaginary is not None)), "a sparse matrix")
    full = np.zeros(shape, np.float64 if imaginary is None else np.complex128, order="F")
    columns = np.repeat(np.arange(shape[1]), widths)
    full[rows, columns] = real[:used] if imaginary is None else real[:used] + 1j * imaginary[:used]
    return full


def rows_of_text(text: str, shape: tuple[int, ...], count: int, budget: limits.Budget) -> Any:
    """Characters in column order as a str (one row) or a list of str without trailing blanks."""
    if shape[0] == 1:
        return text
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), "<u2")
    if units.size != count:  # MATLAB counts UTF-16 units
        return Undecoded("char", f"a char array of {shape} that holds {units.size} characters")
    budget.take_elements(shape[0], "a char array")
    lines = units.reshape((shape[0], -1), order="F")
    return [line.tobytes().decode("utf-16-le", "replace").rstrip(" \0") for line in lines]
