"""Tables of cells that are held in memory: sheets of Excel, and tables of any format of which the samples stand in
columns.

The cells are texts, and the same rules as for csv say which of them are names, numbers or refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nngrad.errors import DataError, UsageError, listed
from nngrad.matching import Wanted, match
from nngrad.tables import headings
from nngrad.tables.arrays import SAMPLES, rows_per_chunk
from nngrad.tables.cells import POINT, number
from nngrad.tables.common import Block

MOST_CELLS = 1 << 24
CHECKED = 200  # rows that are read before anything is done with them


@dataclass(frozen=True)
class Grid:
    """Cells in rows of equal length; `at(i, j)` is what messages call the cell in row i and column j."""

    label: str
    rows: list[list[str]]
    at: Callable[[int, int], str]
    decimal: str = POINT
    is_turned: bool = False
    is_text: bool = True  # whether --decimal and --delimiter say how its cells are written

    def turned(self) -> Grid:
        """With rows as columns. DataError if the rows have different numbers of cells."""
        width = len(self.rows[0]) if self.rows else 0
        for i, row in enumerate(self.rows):
            if len(row) != width:
                where = f"{self.label}, {self.at(i, 0).split(', column')[0]}"
                raise DataError(
                    f"{where}: {len(row)} cells where the first row has {width}; with --samples columns all need as many"
                )
        at = self.at
        return replace(
            self,
            rows=[list(column) for column in zip(*self.rows, strict=True)],
            at=lambda i, j: at(j, i),
            is_turned=not self.is_turned,
        )

    def where(self, row: int, column: int) -> str:
        """The table and the cell, for messages."""
        return f"{self.label}, {self.at(row, column)}"


class GridReader:
    """The rows of a grid."""

    def __init__(
        self, grid: Grid, wanted: Wanted, header: bool | None = None, units: bool = False, notes: tuple[str, ...] = ()
    ) -> None:
        if not grid.rows:
            raise DataError(f"{grid.label}: is empty; it needs a header line or rows of numbers")
        self._grid = grid
        rows = grid.rows
        has_header = headings.is_header(rows, grid.where, grid.decimal, len(rows) == 1) if header is None else header
        body = rows[has_header:]
        columns = headings.columns(rows[0] if has_header else None, body, wanted.size)
        found = self._matched(columns, wanted, body)
        self.names, self.keep, self._indices, self._kept = found.names, wanted.keep, found.indices, found.kept
        skipped = headings.unit_rows(columns.names, body, found.indices, grid.decimal, grid.label) if units else 0
        self._start, self._named = has_header + skipped, has_header
        left_out = tuple(f"{grid.label}: left out as units: {listed(row)}" for row in body[:skipped])
        self.notes = (*notes, *found.notes, *left_out, *self._doubts(body[skipped:], header, wanted))
        self._step, self._read = rows_per_chunk(len(found.indices), wanted), 0
        self.count: int | None = len(rows) - self._start
        self.parse(
            range(self._start, min(len(rows), self._start + CHECKED))
        )  # what is refused there leaves nothing half done

    def _matched(self, columns: headings.TableColumns, wanted: Wanted, body: Sequence[Sequence[str]]) -> Any:
        width, rows = columns.width - columns.blank, None if self._grid.is_turned else len(self._grid.rows)
        try:
            return match(self._grid.label, columns.names, width, wanted, lambda: body[:3])
        except DataError as error:
            raise DataError(f"{error}{headings.would_fit_turned(columns.names, rows, width, wanted.size)}") from None

    def _doubts(self, body: Sequence[Sequence[str]], header: bool | None, wanted: Wanted) -> tuple[str, ...]:
        if not body:
            return (f"{self._grid.label}: has a header and not a single row",)
        if self._named or header is False:
            return ()
        square = not self._grid.is_turned and len(body) == len(body[0]) == wanted.size and wanted.size > 1
        notes = headings.doubt(self._grid.label, body, self._grid.decimal)
        return (*notes, headings.square(self._grid.label, len(body))) if square else notes

    @property
    def progress(self) -> float | None:
        return self._read / self.count if self.count else 1.0

    def chunks(self) -> Iterator[range]:
        for start in range(self._start, len(self._grid.rows), self._step):
            chunk = range(start, min(len(self._grid.rows), start + self._step))
            self._read += len(chunk)
            yield chunk

    def parse(self, chunk: range) -> Block:
        x = [[self._number(i, j) for j in self._indices] for i in chunk]
        kept = tuple([self._grid.rows[i][j] for i in chunk] for j in self._kept)
        return Block(np.array(x, dtype=np.float64).reshape(len(x), len(self._indices)), kept)

    def _number(self, i: int, j: int) -> float:
        try:
            return number(self._grid.rows[i][j], self._grid.decimal, not self._grid.is_text)
        except ValueError as error:
            advice = "; if this line has names, say --header" if not self._named and i == 0 else ""
            if self._named and i == self._start == 1:
                advice = "; if these are units, say --units"
            raise DataError(f"{self._grid.where(i, j)}: {error}{advice}") from None

    def __enter__(self) -> GridReader:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing stays open."""


def checked_samples(samples: str | None) -> None:
    """UsageError if `samples` is neither rows nor columns."""
    if samples not in (None, *SAMPLES):
        raise UsageError(f"samples {samples!r}: rows and columns are possible")


def too_large(label: str, rows: Sequence[Sequence[Any]]) -> None:
    """DataError for a table of more cells than are held in memory."""
    if rows and len(rows) * len(rows[-1]) > MOST_CELLS:
        raise DataError(
            f"{label}: has more than {MOST_CELLS} cells, too many for a table that is held in memory; write it as csv, a row a sample"
        )
