"""Comma and tab separated text out, plain or .gz: polars formats the numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from nngrad.tables.common import Kept, checked_digits, polars
from nngrad.tables.delimiters import BLANKS, checked_delimiter
from nngrad.tables.files import Output
from nngrad.tables.locations import Location

FORMATTED = (
    1 << 15
)  # numbers that become text at once: in cache, and memory of this size is used again without asking the system


class DelimitedWriter:
    """Rows as csv or tsv; numbers in the shortest form that reads back as the same bits, or
    rounded to `digits` significant digits.
    """

    def __init__(
        self, place: Location, delimiter: str = ",", digits: int | None = None, header: bool | None = None
    ) -> None:
        self._delimiter = checked_delimiter(delimiter) or ","
        if self._delimiter == BLANKS:
            self._delimiter = " "
        self._digits, self._header = checked_digits(digits), header is not False
        self._gz = place.gz
        self._width = 0
        self._before: list[
            Any
        ] = []  # the header, which waits for the first rows: what is refused leaves nothing in a pipe
        self._out = Output(place.path)

    def begin(
        self,
        columns: Sequence[str],
        shape: tuple[int, ...] | None = None,
        *,
        keep: Sequence[str] = (),
        rows: int | None = None,
    ) -> None:
        polars()  # as in chunks()
        self._width = len(columns)
        if self._header:
            text = io.StringIO()
            csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow([*keep, *columns])
            self._before = self._packed([text.getvalue().encode()])

    def format(self, values: np.ndarray, kept: Kept = ()) -> Any:
        table = np.asarray(values, dtype=np.float64).reshape(len(values), self._width)
        if self._digits is not None:
            table = rounded(table, self._digits)
        return self._packed(_text(table, kept, self._delimiter))

    def _packed(self, text: list[Any]) -> list[Any]:
        if not self._gz:
            return text
        import gzip

        return [
            gzip.compress(b"".join(text), compresslevel=1, mtime=0)
        ]  # members in a row are one file; above 1 it hardly gets smaller

    def write(self, piece: list[Any]) -> None:
        for part in (*self._before, *piece):
            self._out.file.write(part)
        self._before = []

    def __enter__(self) -> DelimitedWriter:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if kind is None:
                self.write([])
                self._out.commit()
        finally:
            self._out.abandon()


def rounded(table: np.ndarray, digits: int) -> np.ndarray:
    """The nearest numbers of so many significant decimal digits, rounded as decimal text is (0.5 ulp, ties to even)."""
    pl = polars()

    text = io.BytesIO()
    pl.DataFrame({"": table.ravel()}).write_csv(
        text, include_header=False, float_scientific=True, float_precision=digits - 1
    )
    if not table.size:
        return table
    back = pl.read_csv(text.getvalue(), has_header=False, schema={"": pl.Float64}, glob=False)
    return back.to_numpy().reshape(table.shape)


def _text(table: np.ndarray, kept: Kept, delimiter: str) -> list[Any]:
    pl = polars()

    if kept:
        file = io.BytesIO()
        series = [
            pl.Series(f"k{i}", [cell or None for cell in column], dtype=pl.String) for i, column in enumerate(kept)
        ]
        numbers = pl.from_numpy(table, schema=[f"c{i}" for i in range(table.shape[1])], orient="row")
        pl.DataFrame(series).hstack(numbers).write_csv(file, include_header=False, separator=delimiter)
        return [file.getbuffer()]
    if not table.size:
        return [b"\n" * len(table)]
    step = max(1, FORMATTED // table.shape[1])
    return [_lines(table[k : k + step], delimiter) for k in range(0, len(table), step)]


def _lines(table: np.ndarray, delimiter: str) -> bytearray:
    """Numbers to text in one long column, and then newlines where rows end: wide tables cost no
    more than narrow ones.
    """
    pl = polars()

    cells = pl.Series(table.ravel()).cast(pl.String)
    lengths = cells.str.len_bytes().to_numpy().reshape(table.shape).sum(axis=1) + table.shape[1]
    text = bytearray(cells.append(pl.Series([""])).str.join(delimiter).cast(pl.Binary).item())
    np.frombuffer(text, np.uint8)[np.cumsum(lengths) - 1] = 10
    return text


def write_csv(
    place: Location, delimiter: str = ",", digits: int | None = None, header: bool | None = None
) -> DelimitedWriter:
    """Rows as csv."""
    return DelimitedWriter(place, delimiter, digits, header)


def write_tsv(
    place: Location, delimiter: str = "\t", digits: int | None = None, header: bool | None = None
) -> DelimitedWriter:
    """Rows as tsv."""
    return DelimitedWriter(place, delimiter, digits, header)
