"""Comma and tab separated text, plain or .gz: polars parses and formats, a slow second pass explains what polars refused.

The rule: polars is believed only where counting confirms it (it fills short rows with nulls silently and reads 1e400 as inf); any doubt
goes to the careful pass, which either reads the chunk cell by cell or names file, line, column and text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from nngrad.errors import DataError, UsageError, listed
from nngrad.tables.common import Block, Kept, Wanted, checked_digits, match, polars
from nngrad.tables.files import LONGEST_ROW, Lines, Output, Place, Stream, count, line_chunks, outside_quotes

BLANKS = "blanks"
DELIMITERS = ("\t", ";", ",")  # a decimal comma stands in files separated by semicolons, so those come first
SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", " ": BLANKS, "space": BLANKS}
HEAD = 1 << 16
CHUNK_BYTES = 1 << 21  # a tenth faster than 1 MiB: polars takes about 0.1 ms a call, whatever it holds
FORMATTED = 1 << 15  # numbers that become text at once: in cache, and memory of this size is used again without asking the system
LEADING_BLANK_LINES = re.compile(r"(?:[ \r]*\n)*")
WIDE = 256  # columns: beyond, what polars spends on each column shows, and the cells are read as one long column
QUOTED = re.compile(r'"[^"]*"')
FOREIGN = (  # spellings of numbers that are not read, and what to do
    (re.compile(r"[+-]?[\d.]+[dD][+-]?\d+"), "write the exponent with e"),
    (re.compile(r"[+-]?\d+,\d*([eE][+-]?\d+)?"), "write decimals with a point"),
)
COMMENTED = re.compile(r"\A\s*#\s*")


class DelimitedReader:
    """Rows of a csv or tsv file."""

    count: int | None = None

    def __init__(self, place: Place, wanted: Wanted, header: bool | None = None, delimiter: str | None = None) -> None:
        self._path = place.label
        self._stream = place.stream()
        try:
            self._open(wanted, header, _checked(delimiter))
        except BaseException:
            self._stream.close()
            raise

    def _open(self, wanted: Wanted, header: bool | None, delimiter: str | None) -> None:
        head = _head(self._stream, self._path)
        lines = [line for line in head.split("\n") if line.strip()][:20]
        self._delimiter = delimiter or _sniffed(lines)
        self._separator = "\t" if self._delimiter == BLANKS else self._delimiter
        blank = head[: cast(re.Match[str], LEADING_BLANK_LINES.match(head)).end()]
        self._line = 1 + self._skip(blank)
        cells, row = self._first_row(head[len(blank) :])
        if not cells:
            raise DataError(f"{self._path}: is empty; it needs a header line or rows of numbers")
        numeric = [_is_number(cell) for cell in cells]
        has_header = header if header is not None else not all(numeric)
        names = _names(cells) if has_header else None
        found = match(self._path, names, len(cells), wanted)
        if has_header:
            self._line += self._skip(row)
        self.names, self.keep, self._indices, self._kept = found.names, wanted.keep, found.indices, found.kept
        mixed = has_header and header is None and any(n and c.strip() for n, c in zip(numeric, cells, strict=True))
        self.notes = found.notes + ((f"{self._path}: the first row was taken for the header: {listed(cells)}",) if mixed else ())
        self._width, self._labels = len(cells), names or [""] * len(cells)
        self._as_expected = f"where {'the header' if has_header else 'the first row'} has {len(cells)}"
        length = max(len(line) for line in lines[-2:]) + 1
        self._bytes = CHUNK_BYTES if wanted.max_rows is None else min(CHUNK_BYTES, wanted.max_rows * length)

    def _skip(self, text: str) -> int:
        self._stream.read(len(text.encode()))
        return text.count("\n")

    def _first_row(self, head: str) -> tuple[list[str], str]:
        """The cells of the first row, and its text with the newline."""
        taken: list[str] = []
        lines = (taken.append(line) or line for line in io.StringIO(head, newline=""))  # type: ignore[func-returns-value]
        if self._delimiter == BLANKS:
            lines = ("\t".join(COMMENTED.sub("#", line).split()) for line in lines)
        rows = csv.reader(lines, delimiter=self._separator)
        try:
            return next(rows, []), "".join(taken)
        except csv.Error as error:
            raise DataError(f"{self._path}, line {self._line}: {error}; is this a table in text form?") from error

    @property
    def progress(self) -> float | None:
        return self._stream.progress

    def chunks(self) -> Iterator[Lines]:
        polars()  # imported by the main thread: a signal that comes meanwhile would not end its wait for input
        blank = b"\r\n " if self._delimiter == "\t" else b"\r\n \t"
        return line_chunks(self._stream, self._bytes, self._line, quotes=self._delimiter != BLANKS, blank=blank)

    def parse(self, chunk: Lines) -> Block:
        if self._delimiter == BLANKS:
            chunk = Lines(_tabbed(chunk.data), chunk.first)
        return self._fast(chunk) or self._careful(chunk)

    def _fast(self, chunk: Lines) -> Block | None:
        """What polars makes of the chunk, or None if there is the least doubt."""
        pl = polars()

        data, separator = chunk.data, self._separator
        if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):  # a CR alone is a blank to polars and a line's end to others
            return None
        number = count if b'"' not in data else outside_quotes
        rows = number(data, 10)
        if number(data, ord(separator)) != rows * (self._width - 1):
            return None
        if self._width > WIDE and len(self._indices) == self._width and not self._kept and b'"' not in data:
            return self._tall(data, ord(separator), rows)
        numeric = [f"c{i}" for i in self._indices]
        parsed = set(self._indices) - set(self._kept)  # what is passed through stays text
        try:
            frame = pl.read_csv(
                data,
                has_header=False,
                separator=separator,
                schema={f"c{i}": pl.Float64 if i in parsed else pl.String for i in range(self._width)},
                null_values={f"c{i}": "NA" for i in parsed},
                empty_string_is_null=False,
                glob=False,
            )
            numbers = frame if numeric == frame.columns and not self._kept else frame.select(pl.col(numeric).cast(pl.Float64))
        except pl.exceptions.PolarsError:
            return None
        x = numbers.to_numpy(order="c")
        blank = self._width == 1 and frame["c0"].null_count() > 0  # an empty cell or a blank line, and who can tell?
        if len(x) != rows or blank or np.isinf(x).any():
            return None
        return Block(x, tuple(frame[f"c{i}"].to_list() for i in self._kept))

    def _tall(self, data: bytes, separator: int, rows: int) -> Block | None:
        """Like _fast, of a wide table: every cell on a line of its own."""
        pl = polars()

        text = np.frombuffer(data, np.uint8)
        cuts = (text == separator) | (text == 10)
        rows_end = text[cuts].reshape(rows, self._width) == 10
        if rows_end[:, :-1].any() or not rows_end[:, -1].all():
            return None
        cells = np.where(cuts, np.uint8(10), text).tobytes()
        try:
            column = pl.read_csv(cells, has_header=False, schema={"c": pl.Float64}, null_values=["NA"], glob=False)["c"]
        except pl.exceptions.PolarsError:
            return None
        if len(column) != rows * self._width or np.isinf(x := column.to_numpy()).any():
            return None
        return Block(np.ascontiguousarray(x.reshape(rows, self._width)[:, self._indices]), ())

    def _careful(self, chunk: Lines) -> Block:
        """The chunk cell by cell: slow, for unusual spellings of numbers and to say what is wrong where."""
        x: list[list[float]] = []
        kept: list[list[str]] = []
        for line, row in self._rows(chunk):
            if len(row) != self._width:
                raise DataError(self._misfit(line, row))
            x.append([self._number(row[i], line, i) for i in self._indices])
            kept.append([row[i] for i in self._kept])
        block = np.array(x, dtype=np.float64).reshape(len(x), len(self._indices))
        return Block(block, tuple(list(column) for column in zip(*kept, strict=True)) if self._kept else ())

    def _rows(self, chunk: Lines) -> Iterator[tuple[int, list[str]]]:
        text = _decoded(chunk, self._path)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=self._separator)
        line = chunk.first
        try:
            for row in rows:
                yield line, row
                line = chunk.first + rows.line_num
        except csv.Error as error:
            raise DataError(f"{self._path}, line {line}: {error}; is a quote never closed?") from error

    def _number(self, text: str, line: int, column: int) -> float:
        try:
            return number(text)
        except ValueError as error:
            label = self._labels[column]
            where = f"{self._path}, line {line}, column {column + 1}" + (f" ({label})" if label else "")
            raise DataError(f"{where}: {error}") from None

    def _misfit(self, line: int, row: Sequence[str]) -> str:
        where = f"{self._path}, line {line}"
        if not any(cell.strip() for cell in row):
            return f"{where}: blank line between rows; remove it, or write NaN for missing values"
        cells = f"{len(row)} cell{'' if len(row) == 1 else 's'}"
        return (
            f"{where}: {cells} {self._as_expected}: {_shortened(self._delimiter.join(row) if self._delimiter != BLANKS else ' '.join(row))}"
        )

    def __enter__(self) -> DelimitedReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()


def _tabbed(data: bytes) -> bytes:
    """Text with one tab wherever blanks stand between cells."""
    return b"\n".join(b"\t".join(line.split()) for line in data.split(b"\n"))


def number(text: str) -> float:
    """The number that a cell holds: NaN where it is empty or NA. ValueError says what is wrong with it."""
    cell = text.strip()
    if cell == "" or cell.upper() == "NA":
        return float("nan")
    hint = "write NaN or leave the cell empty for a missing value"
    try:
        value = float(cell)
        if cell.isascii() and "_" not in cell and not (abs(value) == float("inf") and any(c.isdigit() for c in cell)):
            return value
        if cell.isascii() and "_" not in cell:
            raise ValueError(f"{_shortened(cell)} is too large for a double (at most 1.8e308); write Inf if infinity is meant")
    except ValueError as error:
        if "too large" in str(error):
            raise
    hint = next((better for spelled, better in FOREIGN if spelled.fullmatch(cell)), hint)
    raise ValueError(f"{_shortened(cell)} is not a number; {hint}")


def _is_number(cell: str) -> bool:
    """Whether a number is meant, even if it is refused."""
    if any(spelled.fullmatch(cell.strip()) for spelled, _ in FOREIGN):
        return True
    try:
        number(cell)
    except ValueError as error:
        return "too large" in str(error)
    return True


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _names(cells: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    names[0] = names[0].removeprefix("#").strip()  # numpy.savetxt and gnuplot comment the header out
    return names


def _head(stream: Stream, path: str) -> str:
    """The beginning of the text, with at least the whole first row; a byte order mark is read past."""
    if stream.peek(3) == b"\xef\xbb\xbf":
        stream.read(3)
    size = HEAD
    while True:
        head = stream.peek(size)
        if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head[:2]:
            raise DataError(f"{path}: is UTF-16 or not a text file; save it as UTF-8")
        cut = len(head) if len(head) < size else head.rfind(b"\n") + 1
        if b"\n" not in head and b"\r" in head.strip():
            raise DataError(f"{path}: its lines end in CR alone (old Macintosh); save it with LF or CR LF")
        if len(head) < size or (head[:cut].strip() and b"\n" in head[:cut].lstrip() and head.count(b'"', 0, cut) % 2 == 0):
            return _decoded(Lines(head[:cut], 1), path)
        if size > LONGEST_ROW:
            raise DataError(f"{path}, line 1: a row is longer than 64 MiB; is this a table in text form?")
        size *= 2


def _decoded(chunk: Lines, path: str) -> str:
    if (zero := chunk.data.find(b"\0")) >= 0:
        raise DataError(f"{path}, line {chunk.first + chunk.data.count(10, 0, zero)}: holds a NUL byte; is this a table in text form?")
    try:
        return chunk.data.decode()
    except UnicodeDecodeError as error:
        line = chunk.first + chunk.data.count(10, 0, error.start)
        raise DataError(f"{path}, line {line}: byte 0x{chunk.data[error.start]:02x} is not UTF-8 text; save the file as UTF-8") from None


def _sniffed(lines: Sequence[str]) -> str:
    """The delimiter that occurs equally often in the first lines; or else in the first line."""
    bare = [QUOTED.sub("q", line) for line in lines] or [""]
    for delimiter in DELIMITERS:
        if bare[0].count(delimiter) and len({line.count(delimiter) for line in bare}) == 1:
            return delimiter
    found = next((delimiter for delimiter in DELIMITERS if delimiter in bare[0]), None)
    cells, second = COMMENTED.sub("#", bare[0]).split(), bare[min(1, len(bare) - 1)].split()
    blanks = len(cells) > 1 and (len(cells) == len(second) or all(map(_is_number, cells)))
    return found or (BLANKS if blanks else ",")


def _checked(delimiter: str | None) -> str | None:
    if delimiter is None:
        return None
    found = SPELLED.get(delimiter, delimiter)
    if found != BLANKS and (len(found) != 1 or not found.isascii() or found.isalnum() or found in '+-."\r\n\0'):
        raise UsageError(
            f"delimiter {delimiter!r}: it must be one character that numbers don't contain, or one of {listed([*SPELLED, BLANKS])}"
        )
    return found


class DelimitedWriter:
    """Rows as csv or tsv; numbers in the shortest form that reads back as the same bits, or rounded to `digits` significant digits."""

    def __init__(self, place: Place, delimiter: str = ",", digits: int | None = None, header: bool | None = None) -> None:
        self._delimiter = _checked(delimiter) or ","
        if self._delimiter == BLANKS:
            self._delimiter = " "
        self._digits, self._header = checked_digits(digits), header is not False
        self._gz = place.gz
        self._width = 0
        self._out = Output(place.path)

    def begin(
        self, columns: Sequence[str], shape: tuple[int, ...] | None = None, *, keep: Sequence[str] = (), rows: int | None = None
    ) -> None:
        polars()  # as in chunks()
        self._width = len(columns)
        if self._header:
            text = io.StringIO()
            csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow([*keep, *columns])
            self.write(self._packed([text.getvalue().encode()]))

    def format(self, values: np.ndarray, kept: Kept = ()) -> Any:
        table = np.asarray(values, dtype=np.float64).reshape(len(values), self._width)
        if self._digits is not None:
            table = rounded(table, self._digits)
        return self._packed(_text(table, kept, self._delimiter))

    def _packed(self, text: list[Any]) -> list[Any]:
        if not self._gz:
            return text
        import gzip

        return [gzip.compress(b"".join(text), compresslevel=1, mtime=0)]  # members in a row are one file; above 1 it hardly gets smaller

    def write(self, piece: list[Any]) -> None:
        for part in piece:
            self._out.file.write(part)

    def __enter__(self) -> DelimitedWriter:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if kind is None:
                self._out.commit()
        finally:
            self._out.abandon()


def rounded(table: np.ndarray, digits: int) -> np.ndarray:
    """The nearest numbers of so many significant decimal digits, rounded as decimal text is (0.5 ulp, ties to even)."""
    pl = polars()

    text = io.BytesIO()
    pl.DataFrame({"": table.ravel()}).write_csv(text, include_header=False, float_scientific=True, float_precision=digits - 1)
    if not table.size:
        return table
    back = pl.read_csv(text.getvalue(), has_header=False, schema={"": pl.Float64}, glob=False)
    return back.to_numpy().reshape(table.shape)


def _text(table: np.ndarray, kept: Kept, delimiter: str) -> list[Any]:
    pl = polars()

    if kept:
        file = io.BytesIO()
        series = [pl.Series(f"k{i}", [cell or None for cell in column], dtype=pl.String) for i, column in enumerate(kept)]
        numbers = pl.from_numpy(table, schema=[f"c{i}" for i in range(table.shape[1])], orient="row")
        pl.DataFrame(series).hstack(numbers).write_csv(file, include_header=False, separator=delimiter)
        return [file.getbuffer()]
    if not table.size:
        return [b"\n" * len(table)]
    step = max(1, FORMATTED // table.shape[1])
    return [_lines(table[k : k + step], delimiter) for k in range(0, len(table), step)]


def _lines(table: np.ndarray, delimiter: str) -> bytearray:
    """Numbers to text in one long column, and then newlines where rows end: wide tables cost no more than narrow ones."""
    pl = polars()

    cells = pl.Series(table.ravel()).cast(pl.String)
    lengths = cells.str.len_bytes().to_numpy().reshape(table.shape).sum(axis=1) + table.shape[1]
    text = bytearray(cells.append(pl.Series([""])).str.join(delimiter).cast(pl.Binary).item())
    np.frombuffer(text, np.uint8)[np.cumsum(lengths) - 1] = 10
    return text


def read_csv(place: Place, wanted: Wanted, header: bool | None = None, delimiter: str | None = None) -> DelimitedReader:
    """Rows of a csv file: the delimiter is found out."""
    return DelimitedReader(place, wanted, header, delimiter)


def read_tsv(place: Place, wanted: Wanted, header: bool | None = None, delimiter: str = "\t") -> DelimitedReader:
    """Rows of a tsv file."""
    return DelimitedReader(place, wanted, header, delimiter)


def write_csv(place: Place, delimiter: str = ",", digits: int | None = None, header: bool | None = None) -> DelimitedWriter:
    """Rows as csv."""
    return DelimitedWriter(place, delimiter, digits, header)


def write_tsv(place: Place, delimiter: str = "\t", digits: int | None = None, header: bool | None = None) -> DelimitedWriter:
    """Rows as tsv."""
    return DelimitedWriter(place, delimiter, digits, header)
