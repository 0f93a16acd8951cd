"""Comma and tab separated text in, plain or .gz: polars parses, a slow second pass explains what polars refused.

polars is believed only where counting confirms it (it fills short rows with nulls silently, reads 1e400 as inf and,
with a decimal comma, 1.5 as a number); any doubt goes to the careful pass, which either reads the chunk cell by cell or
names file, line, column and text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nngrad.errors import DataError, listed
from nngrad.matching import Wanted, counted, match
from nngrad.tables import headings
from nngrad.tables.cells import COMMA, FREQUENT, NAME, kind, number, shortened
from nngrad.tables.common import Block, RowReader, polars
from nngrad.tables.delimiters import BLANKS, tabbed
from nngrad.tables.grid import Grid, GridReader, checked_samples, too_large
from nngrad.tables.lines import Lines, count, outside_quotes
from nngrad.tables.locations import Location
from nngrad.tables.text import TextOptions, TextTable

CHUNK_BYTES = 1 << 21  # a tenth faster than 1 MiB: polars takes about 0.1 ms a call, whatever it holds
WIDE = 256  # columns: beyond, what polars spends on each column shows, and the cells are read as one long column


class DelimitedReader:
    """Rows of a csv or tsv file."""

    count: int | None = None

    def __init__(self, text: TextTable, wanted: Wanted) -> None:
        self._text, self._path = text, text.label
        self._words = False  # whether polars is told all the words for a missing number: that costs it a tenth
        try:
            self._open(wanted)
        except BaseException:
            text.stream.close()
            raise

    def _open(self, wanted: Wanted) -> None:
        text = self._text
        if not text.head:
            raise DataError(f"{self._path}: is empty; it needs a header line or rows of numbers")
        rows = [row.cells for row in text.head]
        self._delimiter, self._separator = text.delimiter, text.separator
        self._refuse_preamble(rows)
        names, own = self._header(rows)
        body = rows[1:] if own else rows
        columns = headings.columns(names, body, wanted.size)
        self._width, self._blank = columns.width, columns.blank
        self._as_expected = f"where {'the first row' if names is None else 'the header'} has {columns.width}"
        found = self._matched(columns, wanted, body)
        self._labels = columns.names or [""] * columns.width
        self.names, self.keep, self._indices, self._kept = found.names, wanted.keep, found.indices, found.kept
        self._first, self._named = text.head[own].line if body else 0, names is not None
        units = self._read_past_head(names, own, body)
        self.notes = (*text.comment_notes(), *found.notes, *units, *self._doubts(body[len(units) :], wanted))
        self._check_start(text)
        self._bytes = CHUNK_BYTES if wanted.max_rows is None else min(CHUNK_BYTES, wanted.max_rows * text.row_length)

    def _refuse_preamble(self, rows: Sequence[Sequence[str]]) -> None:
        """DataError if all rows but the first ones have another number of cells, with what may be meant by that."""
        advice = headings.irregular(rows, [row.line for row in self._text.head], self._delimiter)
        if advice and headings.columns(rows[0], rows[1:], None).width != len(rows[-1]):
            line, cells = next((row.line, row.cells) for row in self._text.head if len(row.cells) == len(rows[-1]))
            self._as_expected = f"where the first row has {len(rows[0])}"
            raise DataError(f"{self._misfit(line, cells)}; {advice}")

    def _check_start(self, text: TextTable) -> None:
        """Read the first rows, all of a small table, before anything is done with them: what is
        refused there leaves nothing half done.
        """
        for chunk in text.start():
            self.parse(chunk)

    def _header(self, rows: Sequence[Sequence[str]]) -> tuple[Sequence[str] | None, bool]:
        """The names of the columns, and whether they are the first row: they may stand in a comment before it."""
        text = self._text
        if text.spelling.header is False:
            return None, False
        names = text.comment_names()
        if names is not None:
            return names, False
        if text.spelling.header is True or self._is_header(rows):
            return rows[0], True
        return text.left_out_names(), False

    def _is_header(self, rows: Sequence[Sequence[str]]) -> bool:
        text = self._text
        only = text.whole and len(rows) == 1
        try:
            return headings.is_header(rows, self._at, text.decimal, only, text.first_is_quoted)
        except DataError as error:
            if (
                text.lines in (len(rows), None)
                and len({kind(row[0], text.decimal) for row in rows} - {NAME}) == 0
                and len(rows) > 1
            ):
                raise DataError(f"{error}, or --samples columns if each line is an input") from None
            raise

    def _at(self, row: int, column: int) -> str:
        return f"{self._path}, line {self._text.head[row].line}, column {column + 1}"

    def _matched(self, columns: headings.TableColumns, wanted: Wanted, body: Sequence[Sequence[str]]) -> Any:
        width = columns.width - columns.blank
        try:
            return match(self._path, columns.names, width, wanted, lambda: body[:3])
        except DataError as error:
            raise DataError(
                f"{error}{headings.would_fit_turned(columns.names, self._text.lines, width, wanted.size)}"
            ) from None

    def _read_past_head(self, names: Sequence[str] | None, own: bool, body: Sequence[Sequence[str]]) -> tuple[str, ...]:
        """Leave the header unread no longer, nor the units; notes."""
        text = self._text
        units = headings.unit_rows(names, body, self._indices, text.decimal, self._path) if text.spelling.units else 0
        for row in text.head[: own + units]:
            text.read_past(row.text)
        left_out = text.head[own : own + units]
        if left_out:
            self._first = -1
        return tuple(
            f"{self._path}, line {row.line}: left out as units: {listed([c.strip() for c in row.cells])}"
            for row in left_out
        )

    def _doubts(self, body: Sequence[Sequence[str]], wanted: Wanted) -> tuple[str, ...]:
        text = self._text
        if not body:
            return (f"{self._path}: has a header and not a single row",)
        if self._named or text.spelling.header is False:
            return ()
        square = text.lines == self._width == wanted.size and self._width > 1
        notes = headings.doubt(self._path, body, text.decimal)
        return (*notes, headings.square(self._path, self._width)) if square else notes

    @property
    def progress(self) -> float | None:
        return self._text.stream.progress

    def chunks(self) -> Iterator[Lines]:
        polars()  # imported by the main thread: a signal that comes meanwhile would not end its wait for input
        return self._text.chunks(self._bytes)

    def parse(self, chunk: Lines) -> Block:
        if self._delimiter == BLANKS:
            chunk = Lines(tabbed(chunk.data), chunk.first)
        return self._fast(chunk) or self._careful(chunk)

    def _fast(self, chunk: Lines) -> Block | None:
        """What polars makes of the chunk, or None if there is the least doubt."""
        data, separator = chunk.data, self._separator
        if b"\r" in data and data.count(b"\r") != data.count(
            b"\r\n"
        ):  # a CR alone is a blank to polars and a line's end to others
            return None
        if self._text.decimal == COMMA and (b"." in data or not separator.isascii()):
            return None
        number = count if b'"' not in data else outside_quotes
        rows = number(data, 10)
        if number(data, ord(separator)) != rows * (self._width - 1):
            return None
        if self._width > WIDE and len(self._indices) == self._width and not self._kept and b'"' not in data:
            return self._tall(data, ord(separator), rows)
        frame = None if self._words else self._frame(data, None)
        if frame is None and not self._kept:
            frame = self._frame(data, FREQUENT)
            self._words = self._words or frame is not None
        return None if frame is None else self._block(frame, rows)

    def _frame(self, data: bytes, words: Sequence[str] | None) -> Any:
        """What polars makes of a chunk with NA, or all of `words`, for missing numbers; None if it refuses."""
        pl = polars()

        parsed = set(self._indices) - set(self._kept)  # what is passed through stays text
        try:
            return pl.read_csv(
                data,
                has_header=False,
                separator=self._separator,
                schema={f"c{i}": pl.Float64 if i in parsed else pl.String for i in range(self._width)},
                null_values=list(words) if words else {f"c{i}": "NA" for i in parsed},
                empty_string_is_null=False,
                decimal_comma=self._text.decimal == COMMA,
                glob=False,
            )
        except pl.exceptions.PolarsError:
            return None

    def _block(self, frame: Any, rows: int) -> Block | None:
        pl = polars()

        numeric = [f"c{i}" for i in self._indices]
        try:
            numbers = (
                frame if numeric == frame.columns and not self._kept else frame.select(pl.col(numeric).cast(pl.Float64))
            )
        except pl.exceptions.PolarsError:
            return None
        x = numbers.to_numpy(order="c")
        blank = self._width == 1 and frame["c0"].null_count() > 0  # an empty cell or a blank line, and who can tell?
        if len(x) != rows or blank or np.isinf(x).any():
            return None
        if any(len(cell) for i in self._blanks for cell in frame[f"c{i}"].fill_null("").unique()):
            return None
        return Block(x, tuple(frame[f"c{i}"].to_list() for i in self._kept))

    @property
    def _blanks(self) -> range:
        """The columns at the end that are always empty."""
        return range(self._width - self._blank, self._width)

    def _tall(self, data: bytes, separator: int, rows: int) -> Block | None:
        """Like _frame and _block, of a wide table: every cell on a line of its own."""
        pl = polars()

        text = np.frombuffer(data, np.uint8)
        cuts = (text == separator) | (text == 10)
        rows_end = text[cuts].reshape(rows, self._width) == 10
        if rows_end[:, :-1].any() or not rows_end[:, -1].all():
            return None
        cells = np.where(cuts, np.uint8(10), text).tobytes()
        comma = self._text.decimal == COMMA
        options = {"has_header": False, "schema": {"c": pl.Float64}, "null_values": list(FREQUENT), "glob": False}
        try:
            column = pl.read_csv(cells, separator=";" if comma else ",", decimal_comma=comma, **options)["c"]
        except pl.exceptions.PolarsError:
            return None
        if len(column) != rows * self._width or np.isinf(x := column.to_numpy()).any():
            return None
        return Block(np.ascontiguousarray(x.reshape(rows, self._width)[:, self._indices]), ())

    def _careful(self, chunk: Lines) -> Block:
        """The chunk cell by cell: slow, for unusual spellings of numbers and to say what is wrong where."""
        x: list[list[float]] = []
        kept: list[list[str]] = []
        for line, row in self._text.rows(chunk):
            if len(row) != self._width:
                raise DataError(self._misfit(line, row) + self._advice(line, row))
            if surplus := next((i for i in self._blanks if row[i].strip()), None):
                raise DataError(
                    f"{self._path}, line {line}, column {surplus + 1}: {shortened(row[surplus])}, in a column without a name"
                    " that is empty in the first rows; name it, or remove it"
                )
            x.append([self._number(row, line, i) for i in self._indices])
            kept.append([row[i] for i in self._kept])
        block = np.array(x, dtype=np.float64).reshape(len(x), len(self._indices))
        return Block(block, tuple(list(column) for column in zip(*kept, strict=True)) if self._kept else ())

    def _number(self, row: Sequence[str], line: int, column: int) -> float:
        try:
            return number(row[column], self._text.decimal)
        except ValueError as error:
            label = self._labels[column] if column < len(self._labels) else ""
            where = f"{self._path}, line {line}, column {column + 1}" + (f" ({label})" if label else "")
            advice = "" if "--" in str(error) else self._advice(line, row)
            raise DataError(f"{where}: {error}{advice}") from None

    def _advice(self, line: int, row: Sequence[str]) -> str:
        """What may help with a row that can't be read."""
        start = row[0].strip()[:1] if row else ""
        if start in ("#", "%") and start:
            return f"; if this is a comment, say --comment {start!r}"
        if line == self._first and not self._named:
            return "; if this line has names, say --header"
        kinds = {kind(row[i], self._text.decimal) for i in self._indices if i < len(row)}
        return "; if this line has units, say --units" if line == self._first and NAME in kinds else ""

    def _misfit(self, line: int, row: Sequence[str]) -> str:
        where = f"{self._path}, line {line}"
        if not any(cell.strip() for cell in row) and len(row) < 2:
            return f"{where}: blank line between rows; remove it, or write NaN for missing values"
        text = " ".join(row) if self._delimiter == BLANKS else self._delimiter.join(row)
        return f"{where}: {counted(len(row), 'cell')} {self._as_expected}: {shortened(text)}"

    def __enter__(self) -> DelimitedReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._text.stream.close()


def read_csv(place: Location, wanted: Wanted, samples: str | None = None, **spelling: Any) -> RowReader:
    """Rows of a csv file: the delimiter is found out."""
    checked_samples(samples)
    text = TextTable(place, TextOptions(**spelling))
    return _turned(text, wanted) if samples == "columns" else DelimitedReader(text, wanted)


def read_tsv(place: Location, wanted: Wanted, delimiter: str = "\t", **options: Any) -> RowReader:
    """Rows of a tsv file."""
    return read_csv(place, wanted, delimiter=delimiter, **options)


def _turned(text: TextTable, wanted: Wanted) -> RowReader:
    """A table of which each line is an input and each column a sample; names may stand in the first column."""
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for chunk in text.chunks(CHUNK_BYTES):
            data = Lines(tabbed(chunk.data), chunk.first) if text.delimiter == BLANKS else chunk
            for line, row in text.rows(data):
                lines.append(line)
                rows.append(row)
            too_large(text.label, rows)
    finally:
        text.stream.close()
    grid = Grid(text.label, rows, lambda i, j: f"line {lines[i]}, column {j + 1}", text.decimal)
    return GridReader(grid.turned(), wanted, text.spelling.header, text.spelling.units, text.comment_notes())
