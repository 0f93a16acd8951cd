"""Tables that are one array: which way its samples stand, and its rows in blocks; for npy, npz, mat and h5.

An array is taken as it stands or turned as a whole; where both fit, the caller has to say which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from nngrad.errors import DataError, UsageError
from nngrad.matching import Wanted, counted, match
from nngrad.tables import headings
from nngrad.tables.common import CHUNK_BYTES, Block, Kept

SAMPLES = ("rows", "columns")


class Layout(NamedTuple):
    """How an array holds samples: `rows` samples of `width` numbers, standing in columns if `turned`."""

    rows: int
    width: int
    turned: bool


def layout(
    where: str, shape: tuple[int, ...], dtype: Any, wanted: Wanted, samples: str | None, detect: bool = False
) -> Layout:
    """Decide which way the samples stand: `samples`, or what fits wanted.size if `detect`, or
    rows. DataError if it doesn't fit.
    """
    if samples not in (None, *SAMPLES):
        raise UsageError(f"samples {samples!r}: rows and columns are possible")
    if dtype.kind not in "fiub":
        raise DataError(
            f"{where}: holds {dtype.name if dtype.names is None else 'records'}, not real numbers; save it as double"
        )
    if len(shape) == 1:
        shape = (shape[0], 1) if wanted.size in (1, None) else (1, shape[0])
        samples, detect = "rows", False
    if len(shape) != 2:
        raise DataError(f"{where}: has shape {_by(shape)}; a table has rows and columns")
    if samples is None and detect and wanted.choose is None:
        samples = _detected(where, shape, wanted.size)
    turned = samples == "columns"
    rows, width = shape[::-1] if turned else shape
    if wanted.size is not None and width != wanted.size and wanted.choose is None:
        other = (
            f"; its samples seem to stand in {SAMPLES[not turned]}: say --samples {SAMPLES[not turned]}"
            if rows == wanted.size
            else ""
        )
        part = "; choose with --columns 1,3-5 or the like" if width > wanted.size and not other else ""
        raise DataError(
            f"{where}: has shape {_by(shape)}, that is {counted(width, 'column')} where {wanted.size} are needed{other}{part}"
        )
    return Layout(rows, width, turned)


def _detected(where: str, shape: tuple[int, ...], size: int | None) -> str:
    if size is None or shape[0] != shape[1]:
        return "columns" if shape[0] == size else "rows"
    if size == 1:
        return "rows"
    raise DataError(
        f"{where}: is square ({_by(shape)}), so its samples may stand in rows or in columns; say --samples rows or columns"
    )


def doubts(where: str, how: Layout, wanted: Wanted, samples: str | None) -> tuple[str, ...]:
    """Notes on a table without names: that it has no row, or that its samples may as well stand in columns."""
    if not how.rows:
        return (f"{where}: has no rows",)
    square = samples is None and how.rows == how.width == wanted.size and how.width > 1
    return (headings.square(where, how.width),) if square else ()


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def rows_per_chunk(width: int, wanted: Wanted) -> int:
    """Rows for about a MiB of numbers; depends on the table and the network alone."""
    fitting = max(1, CHUNK_BYTES // (8 * max(1, width)))
    return fitting if wanted.max_rows is None else max(1, min(fitting, wanted.max_rows))


class ArrayReader:
    """The rows of anything that can be sliced: an array in memory, a memory map, an HDF5 data set."""

    def __init__(
        self,
        where: str,
        array: Any,
        how: Layout,
        wanted: Wanted,
        file: Any = None,
        notes: tuple[str, ...] = (),
        names: Sequence[str] | None = None,
    ) -> None:
        found = match(where, names, how.width, wanted, lambda: (array[:, :3].T if how.turned else array[:3]).tolist())
        self._indices, self._kept = (
            None if found.indices == tuple(range(how.width)) else list(found.indices),
            found.kept,
        )
        self.names, self.keep = found.names, wanted.keep
        self._where = where
        self._array, self._how, self._file = array, how, file
        self._step = rows_per_chunk(how.width, wanted)
        self._read = 0
        self.count: int | None = how.rows
        self.notes = (*notes, *found.notes)

    @property
    def progress(self) -> float | None:
        return self._read / self._how.rows if self._how.rows else 1.0

    def chunks(self) -> Iterator[slice]:
        for start in range(0, self._how.rows, self._step):
            self._read = min(self._how.rows, start + self._step)
            yield slice(start, self._read)

    def parse(self, chunk: slice) -> Block:
        if self._array.ndim == 1:
            chunk = slice(chunk.start * self._how.width, chunk.stop * self._how.width)
        try:
            part = self._array[:, chunk].T if self._how.turned else self._array[chunk]
        except OSError as error:
            raise DataError(f"{self._where}: can't be read: {error}") from error
        with np.errstate(invalid="ignore"):  # a signalling NaN of single precision
            table = np.array(part, dtype=np.float64, order="C").reshape(-1, self._how.width)
        kept: Kept = tuple([repr(value) for value in table[:, i].tolist()] for i in self._kept)
        return Block(table if self._indices is None else np.ascontiguousarray(table[:, self._indices]), kept)

    def __enter__(self) -> ArrayReader:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()
