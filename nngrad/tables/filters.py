"""What stands between a text file and its reader: another encoding, and lines of comments that are left out."""

from __future__ import annotations

import codecs
import io
import re
from bisect import bisect_right

from nngrad.errors import DataError, UsageError
from nngrad.tables.lines import LONGEST_ROW
from nngrad.tables.streams import Read

HEAD = 1 << 16  # bytes that are looked at together
SHOWN = 20  # rows, and lines of comments, that are looked at before the first is read
NEVER_COMMENTS = rb"(?!#N/?A\b|#[A-Za-z0-9/]+[!?])"


class Between:
    """What stands between a file and who reads it, and hands on something else than it reads."""

    _read: Read

    def reading(self, read: Read) -> Read:
        """What reads through this from what `read` gives."""
        self._read = read
        return self.read

    def read(self, size: int) -> bytes:
        """Some bytes, none only at the end."""
        raise NotImplementedError


class Decoded(Between):
    """Bytes of text in any encoding, read as UTF-8."""

    def __init__(self, encoding: str, label: str) -> None:
        self._label, self._encoding = label, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._line = 1

    def read(self, size: int) -> bytes:
        """Some bytes, none only at the end."""
        while True:
            data = self._read(min(size, HEAD))
            try:
                text = self._decoder.decode(data, not data)
            except UnicodeError as error:
                start = getattr(error, "start", 0)
                line = self._line + data.decode("latin-1").count("\n", 0, start)
                raise DataError(
                    f"{self._label}, line {line} or later: is not text in {self._encoding}; name another --encoding"
                ) from error
            self._line += text.count("\n")
            if text or not data:
                return text.encode()


class WithoutComments(Between):
    """Lines that don't begin with a mark; `line` tells where in the file they stand."""

    def __init__(self, mark: str, first: int) -> None:
        if not mark.strip() or "\n" in mark or '"' in mark or mark.strip()[0].isalnum() or mark.strip()[0] in "+-.":
            raise UsageError(f"--comment {mark!r}: must be a mark that no row begins with, such as # or %")
        self._line, self._rest = first, b""
        self._mark = mark.strip().encode()
        self._pattern = re.compile(rb"(?m)^[ \t]*" + NEVER_COMMENTS + re.escape(self._mark) + rb"[^\n]*(?:\n|\Z)")
        self._left_out: list[int] = []  # for each line left out, how the line behind it is counted
        self.before: list[bytes] = []  # those before the table, which may hold its names
        self._in_front = True

    def read(self, size: int) -> bytes:
        """Some bytes, none only at the end."""
        while True:
            data = self._read(min(size, HEAD))
            lines = self._rest + data
            cut = lines.rfind(b"\n") + 1 if data else len(lines)
            if not cut and len(lines) > LONGEST_ROW:
                cut = len(lines)
            lines, self._rest = lines[:cut], lines[cut:]
            if (lines := self._without(lines)) or not data:
                return lines

    def _without(self, lines: bytes) -> bytes:
        if self._mark in lines:
            parts, start = [], 0
            for found in self._pattern.finditer(lines):
                parts.append(lines[start : found.start()])
                self._in_front = self._in_front and not parts[-1].strip()
                if self._in_front and len(self.before) < SHOWN:
                    self.before.append(found[0])
                self._line += parts[-1].count(b"\n")
                self._left_out.append(self._line)
                start = found.end()
            parts.append(lines[start:])
            self._line += parts[-1].count(b"\n")
            self._in_front = self._in_front and not parts[-1].strip()
            return b"".join(parts)
        self._line += lines.count(b"\n")
        self._in_front = self._in_front and not lines.strip()
        return lines

    def line(self, counted: int) -> int:
        """The number in the file of a line that was counted without comments."""
        return counted + bisect_right(self._left_out, counted)


class Again:
    """Bytes at hand, read as a stream is."""

    def __init__(self, data: bytes, path: str) -> None:
        self._data, self.path = io.BytesIO(data), path

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end."""
        return self._data.read(size)
