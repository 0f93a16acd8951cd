"""Text tables as rows of cells: what the bytes are, what stands before the table, and what separates its cells.

Whatever the file's encoding is, the rest of the program sees UTF-8; and line numbers in messages are always those of
the file.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nngrad.errors import DataError, UsageError, listed
from nngrad.tables.cells import COMMA, EMPTY, NAME, POINT, kind, shortened
from nngrad.tables.delimiters import BLANKS, QUOTED, checked_delimiter, sniffed, tabbed
from nngrad.tables.filters import HEAD, SHOWN, Again, Decoded, WithoutComments
from nngrad.tables.foreign import refuse_foreign
from nngrad.tables.lines import LONGEST_ROW, Lines, last_row_end, line_chunks
from nngrad.tables.locations import Location
from nngrad.tables.streams import stream_of

MARKS = (  # how a byte order mark tells an encoding; the longer ones first
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
BLANK_LINES = re.compile(r"(?:[ \r]*\n)+")
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[ \t;,]*\r?\n', re.IGNORECASE)  # Excel's
COMMENT = re.compile(r"[ \t]*[#%](?!N/?A\b|[A-Z0-9/]+[!?])[^\n]*\n?", re.IGNORECASE)  # and not Excel's #N/A or #DIV/0!
TABLE_LINE = re.compile(rb"(?m)^[ \t]*[^\s#%][^\n]*\n")
QUOTED_CELL = re.compile(r'"(?:[^"]|"")*"')


class TextOptions(NamedTuple):
    """How a text table is written, where the user said so: see nngrad.tables.reader."""

    header: bool | None = None
    delimiter: str | None = None
    decimal: str = POINT
    skip: int = 0
    units: bool = False
    comment: str | None = None
    encoding: str | None = None


class HeadRow(NamedTuple):
    """A row at the beginning of a table: its line in the file, its cells, and its text with the newline."""

    line: int
    cells: list[str]
    text: str


class TextTable:
    """A text table that is read from its first row on; what stands before it is read past.

    `head` holds the first rows, which are still unread; `whole` says whether they are all; `comments` the comment lines
    before them.
    """

    def __init__(self, place: Location, spelling: TextOptions) -> None:
        self.label, self.spelling, self.decimal = place.label, spelling, spelling.decimal
        if spelling.decimal not in (POINT, COMMA):
            raise UsageError(f"--decimal {spelling.decimal!r}: . and , are possible")
        self._separator_told = checked_delimiter(spelling.delimiter)
        if spelling.decimal == self._separator_told == POINT:
            raise UsageError("--delimiter '.': it must be another character than the decimal point")
        self.comments: list[HeadRow] = []
        self._comments_out: WithoutComments | None = None
        self._line = 1  # the next one that is unread, not counting those that are left out
        self.stream = stream_of(place)
        try:
            self._open()
        except BaseException:
            self.stream.close()
            raise

    def _open(self) -> None:
        refuse_foreign(self.label, self.stream)
        self._decode()
        for _ in range(self.spelling.skip):
            self._skip_line()
        if self.spelling.comment is not None:
            self._comments_out = WithoutComments(self.spelling.comment, self._line)
            self.stream.filtered(self._comments_out.reading)
        head, complete = self._head()
        head = self._preface(head)
        lines = [line for line in head.split("\n") if line.strip()][:SHOWN]
        self.delimiter = self._separator_told or sniffed(lines, self.decimal)
        self.separator = "\t" if self.delimiter == BLANKS else self.delimiter
        rows = list(self._rows_of(head))
        self.head = [row for row in rows if row.text.strip()]
        self.whole = complete and sum(len(row.text) for row in rows) >= len(head.rstrip())
        self.lines = sum(1 for line in head.split("\n") if line.strip()) if complete else None
        self.row_length = max((len(line) for line in lines[-2:]), default=0) + 1

    def _decode(self) -> None:
        """Have the stream give UTF-8 from here on."""
        found = next((entry for entry in MARKS if self.stream.peek(len(entry[0])) == entry[0]), None)
        encoding = self.spelling.encoding
        if encoding is not None and not _is_text_encoding(encoding):
            raise UsageError(
                f"--encoding {encoding!r}: is not known; utf-8, utf-16, cp1252 and latin-1 are some that are"
            )
        if found is not None:
            self.stream.read(len(found[0]))
            encoding = found[1]
        elif encoding is None and b"\0" in (start := self.stream.peek(2)):
            which = "utf-16-be" if start[:1] == b"\0" else "utf-16-le"
            raise DataError(f"{self.label}: is UTF-16 or not a text file; say --encoding {which}, or save it as UTF-8")
        if encoding is not None and codecs.lookup(encoding).name != "utf-8":
            self.stream.filtered(Decoded(encoding, self.label).reading)

    def _skip_line(self) -> None:
        size = HEAD
        while b"\n" not in (data := self.stream.peek(size)) and len(data) == size:
            if size > LONGEST_ROW:
                raise DataError(
                    f"{self.label}, line {self._line}: is longer than 64 MiB; is this a table in text form?"
                )
            size *= 2
        self.stream.read(data.find(b"\n") + 1 or len(data))
        self._line += 1

    def _head(self) -> tuple[str, bool]:
        """The text's beginning, with three rows of the table at least if it has so many, and
        whether that is all of it.
        """
        size = HEAD
        while True:
            head = self.stream.peek(size)
            complete = len(head) < size
            cut = len(head) if complete else last_row_end(head, True)
            if b"\n" not in head and b"\r" in head.strip():
                raise DataError(f"{self.label}: its lines end in CR alone (old Macintosh); save it with LF or CR LF")
            full = size > LONGEST_ROW
            rows = len(TABLE_LINE.findall(head, 0, cut))
            if complete or rows >= 3 or (full and rows):
                return self.decoded(Lines(head[:cut], self._line)), complete
            if full:
                raise DataError(
                    f"{self.label}, line {self._line}: a row is longer than 64 MiB; is this a table in text form?"
                )
            size *= 2

    def _preface(self, head: str) -> str:
        """Read past blank lines, Excel's `sep=;` and comments before the table; the rest of the head."""
        first = True
        while True:
            if found := BLANK_LINES.match(head):
                pass
            elif first and (found := SEPARATOR_LINE.match(head)):
                self._separator_told = self._separator_told or checked_delimiter(found[1])
                first = False
            elif found := COMMENT.match(head):
                self.comments.append(HeadRow(self.line(self._line), [], found[0]))
                first = False
            else:
                return head
            self.read_past(found[0])
            head = head[found.end() :]

    def read_past(self, text: str) -> None:
        """Take this text, with which the unread part begins, for read."""
        self.stream.read(len(text.encode()))
        self._line += text.count("\n")

    def line(self, counted: int) -> int:
        """The number in the file of a line that was counted without comments."""
        return counted if self._comments_out is None else self._comments_out.line(counted)

    def decoded(self, chunk: Lines) -> str:
        """The text of a chunk; DataError where it is none."""
        if (zero := chunk.data.find(b"\0")) >= 0:
            line = self.line(chunk.first + chunk.data.count(10, 0, zero))
            raise DataError(f"{self.label}, line {line}: holds a NUL byte; is this a table in text form?")
        try:
            return chunk.data.decode()
        except UnicodeDecodeError as error:
            line = self.line(chunk.first + chunk.data.count(10, 0, error.start))
            what = f"byte 0x{chunk.data[error.start]:02x} is not UTF-8 text"
            raise DataError(
                f"{self.label}, line {line}: {what}; save the file as UTF-8, or say --encoding cp1252"
            ) from None

    def rows(self, chunk: Lines) -> Iterator[tuple[int, list[str]]]:
        """The rows of a chunk, each with its line in the file; between blanks, the chunk is `tabbed` already."""
        text = self.decoded(chunk)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=self.separator, strict=True)
        line = chunk.first
        try:
            for row in rows:
                yield self.line(line), [cell.replace("\t", " ") for cell in row] if self.delimiter == BLANKS else row
                line = chunk.first + rows.line_num
        except csv.Error as error:
            raise self._of_quotes(line, text.split("\n", line - chunk.first)[-1], error) from None

    def _rows_of(self, head: str) -> Iterator[HeadRow]:
        """The first rows of the head."""
        if self.delimiter == BLANKS:
            lines = [line + "\n" for line in head.split("\n")]
            texts = [tabbed(line.encode()).decode() for line in lines]
        else:
            lines = texts = list(io.StringIO(head, newline=""))
        rows = csv.reader(texts, delimiter=self.separator, strict=True)
        start, first = 0, self._line
        try:
            for row in rows:
                cells = [cell.replace("\t", " ") for cell in row] if self.delimiter == BLANKS else row
                yield HeadRow(self.line(first + start), cells, "".join(lines[start : rows.line_num]))
                start = rows.line_num
                if start >= SHOWN:
                    return
        except csv.Error as error:
            raise self._of_quotes(first + start, "".join(texts[start:]), error) from None

    def _of_quotes(self, line: int, text: str, error: csv.Error) -> DataError:
        """What is wrong with the quotes of a row, or with its length."""
        where = f"{self.label}, line {self.line(line)}"
        start, column = 0, 1
        while text[start : start + 1] not in ("", "\n"):
            cell = QUOTED_CELL.match(text, start)
            end = cell.end() if cell else start
            stop = min((k for mark in (self.separator, "\n") if (k := text.find(mark, end)) >= 0), default=len(text))
            if cell and text[end:stop].strip("\r"):
                return DataError(
                    f"{where}, column {column}: {shortened(text[start:stop])} goes on behind its closing quote; mend it"
                )
            if text[stop : stop + 1] != self.separator:
                break
            start, column = stop + 1, column + 1
        return DataError(f"{where}: {error}; is a quote never closed?")

    def chunks(self, size: int) -> Iterator[Lines]:
        """The unread rows in chunks of about `size` bytes."""
        return line_chunks(self.stream, size, self._line, quotes=self.delimiter != BLANKS, blank=self._blank)

    @property
    def _blank(self) -> bytes:
        """The characters of blank lines: a tab alone is two cells where tabs stand between cells."""
        return b"\r\n " if self.delimiter == "\t" else b"\r\n \t"

    def start(self) -> Iterator[Lines]:
        """The first rows, which stay unread."""
        data = self.stream.peek(HEAD)
        data = data[: last_row_end(data, self.delimiter != BLANKS)] if len(data) == HEAD else data
        return line_chunks(
            Again(data, self.stream.path), HEAD, self._line, quotes=self.delimiter != BLANKS, blank=self._blank
        )

    def comment_names(self) -> list[str] | None:
        """The names that the comment line before the table holds, as numpy.savetxt and gnuplot write them; None if
        there are none.

        Such a line has as many cells as the first row and no numbers among them. DataError if several do, or a header
        follows.
        """
        if not self.head:
            return None
        cells = [(row, self._comment_cells(row.text)) for row in self.comments]
        fitting = [
            (row, names) for row, names in cells if len(names) == len(self.head[0].cells) and self._are_names(names)
        ]
        if len(fitting) > 1 or (fitting and len(fitting[0][1]) > 1 and self._are_names(self.head[0].cells)):
            lines = [str(row.line) for row, _ in fitting] + ([str(self.head[0].line)] if len(fitting) == 1 else [])
            mark = fitting[0][0].text.strip()[0]
            raise DataError(
                f"{self.label}, lines {' and '.join(lines[:2])}: each may be the header; --comment {mark!r} skips comments, --skip N lines"
            )
        if not fitting or (len(fitting[0][1]) == 1 and self._are_names(self.head[0].cells)):
            return None
        self.comments.remove(fitting[0][0])
        return fitting[0][1]

    def left_out_names(self) -> list[str] | None:
        """The names in a line before the table that --comment left out; None if the table has its
        own, or if several lines may be meant.
        """
        if not self.head or self._comments_out is None or self._are_names(self.head[0].cells):
            return None
        cells = [self._comment_cells(line.decode(errors="replace")) for line in self._comments_out.before]
        fitting = [names for names in cells if len(names) == len(self.head[0].cells) and self._are_names(names)]
        return fitting[0] if len(fitting) == 1 else None

    def _comment_cells(self, text: str) -> list[str]:
        bare = text.strip().removeprefix((self.spelling.comment or "").strip()).lstrip("#%").strip()
        if self.delimiter == BLANKS:
            bare = "\t".join(bare.split())
        try:
            return [cell.strip().replace("\t", " ") for cell in next(csv.reader([bare], delimiter=self.separator), [])]
        except csv.Error:
            return []

    def _are_names(self, cells: Sequence[str]) -> bool:
        kinds = {kind(cell, self.decimal) for cell in cells}
        return NAME in kinds and kinds <= {NAME, EMPTY}

    def comment_notes(self) -> tuple[str, ...]:
        """What was left out before the table without being asked to."""
        if not self.comments:
            return ()
        texts = [row.text.strip()[:40] for row in self.comments]
        return (f"{self.label}: comments before the table were left out: {listed(texts, 3)}",)

    @property
    def first_is_quoted(self) -> bool:
        """Whether all cells of the first row stand in quotes, and not all of the second."""
        quoted = []
        for row in self.head[:2]:
            bare = QUOTED.sub("q", row.text.strip())
            parts = bare.split() if self.delimiter == BLANKS else bare.split(self.separator)
            quoted.append(all(part.strip() in ("q", "") for part in parts) and "q" in bare and '"' in row.text)
        return quoted == [True, False]


def _is_text_encoding(name: str) -> bool:
    try:
        return (
            bool(getattr(codecs.lookup(name), "_is_text_encoding", True))
            and codecs.getincrementaldecoder(name) is not None
        )
    except (LookupError, ValueError):
        return False
