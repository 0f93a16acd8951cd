"""Where bytes come from and where they go; the one rule: a file appears whole or not at all.

A target is written beside itself under a telling name (`.J.csv.x7k2p9.tmp`) and renamed at the end. Pipes, devices and "-" are
written straight through.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

from nngrad.errors import DataError, UsageError

WITH_NAME = re.compile(r"(.+?\.(?:npz|mat|h5|hdf5|xlsx|xlsm)):(.+)", re.IGNORECASE)
STREAMS = re.compile(r"/dev/(stdin|stdout|stderr|fd/\d+)|/proc/[^/]+/fd/\d+")


class Closing(Protocol):
    """Anything that can be closed."""

    def close(self) -> None: ...


class Place(NamedTuple):
    """A path and, for files of several arrays, the name of one: `file.npz:key`."""

    path: str
    name: str | None = None
    opened: Stream | None = None  # when the first bytes had to be looked at

    def stream(self) -> Stream:
        """Its bytes from front to back."""
        return self.opened or Stream(self.path)

    @property
    def label(self) -> str:
        """What messages call it."""
        return ("standard input" if self.path == "-" else self.path) + (f":{self.name}" if self.name else "")

    @property
    def gz(self) -> bool:
        """Whether its bytes are compressed."""
        return self.path.lower().endswith(".gz")

    @property
    def is_stream(self) -> bool:
        """Whether it can only be read or written from front to back: "-", a pipe, a device."""
        if self.path == "-" or STREAMS.fullmatch(self.path):
            return True
        try:
            return not stat.S_ISREG(mode := os.stat(self.path).st_mode) and not stat.S_ISDIR(mode)
        except OSError:
            return False


def place(source: str | os.PathLike[str]) -> Place:
    """Split `file.npz:key`; a file that exists under the whole name (`C:\\x.csv`, `a.npz:b`) is never split."""
    text = os.fspath(source)
    found = None if os.path.lexists(text) else WITH_NAME.fullmatch(text)
    return Place(found[1], found[2]) if found else Place(text)


def open_input(path: str) -> BinaryIO:
    """Open for reading; DataError if it can't be."""
    if path == "-":
        return sys.stdin.buffer
    try:
        return open(path, "rb")
    except OSError as error:
        raise DataError(f"{path}: can't be read: {reason(error)}") from error


def reason(error: OSError) -> str:
    """The system's words for what went wrong, without number and path."""
    return (error.strerror or str(error)).lower()


class Output:
    """The bytes of one target: `file` to write to, `path` for libraries that want a name; then commit() or abandon()."""

    def __init__(self, path: str) -> None:
        self.final: str | None = None
        if Place(path).is_stream:
            self.path = path
            self.file: BinaryIO = sys.stdout.buffer if path == "-" else open(path, "wb")  # noqa: SIM115
            return
        # a link stays a link: the file that it leads to is replaced
        self.final = os.path.realpath(path)
        try:
            if os.path.isdir(self.final):
                raise IsADirectoryError(21, "is a directory")
            self.path, self.file = _beside(self.final)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            what = f"the folder {Path(self.final).parent} doesn't exist; make it first" if missing else f"can't be written: {reason(error)}"
            raise UsageError(f"{path}: {what}") from error

    def commit(self) -> None:
        """Put the file in place; abandon() is to follow in any case and cleans up if this fails."""
        if self.final is None:
            self.file.flush()
            if self.path != "-":
                self.file.close()
            return
        self.file.close()
        try:
            os.replace(self.path, self.final)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.final) from error  # the other name says nothing to anybody
        self.final = None

    def abandon(self) -> None:
        """Leave nothing behind; what stood at the target before is untouched."""
        if self.path != "-":
            with contextlib.suppress(OSError):  # closing flushes, and the disk may be full
                self.file.close()
        if self.final is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.path)


def _beside(final: str) -> tuple[str, BinaryIO]:
    """A new file in the folder of `final`, with the rights of the file it replaces or of any new file."""
    folder, name = os.path.split(final)
    start = os.fsencode(name)[:200].decode(errors="ignore")  # names end at 255 bytes
    while True:
        path = os.path.join(folder, f".{start}.{secrets.token_hex(4)}.tmp")
        try:
            number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            break
        except FileExistsError:
            continue
    with contextlib.suppress(OSError, AttributeError):
        os.chmod(path, stat.S_IMODE(os.stat(final).st_mode))
    return path, os.fdopen(number, "w+b")  # buffered: a raw file writes what fits on a full disk and says nothing


Read = Callable[[int], bytes]  # some bytes, none only at the end


class Stream:
    """Bytes from front to back, with a look at the first ones, and full reads from pipes too."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = open_input(path)
        self._head = b""
        self._size = None if Place(path).is_stream else os.fstat(self.file.fileno()).st_size
        self._raw = self.file
        self._owners: tuple[Closing, ...] = ()
        if Place(path).gz:
            import gzip

            self.file = cast(BinaryIO, gzip.GzipFile(fileobj=self._raw, mode="rb"))
        self._filter: Read | None = None

    def through(self, file: BinaryIO, *owners: Closing) -> None:
        """Read from `file`, which decodes what this stream holds, from now on; it and `owners` are closed with the stream."""
        self.file, self._owners = file, owners

    def filtered(self, make: Callable[[Read], Read]) -> None:
        """Read what is still unread through `make` of what reads it now."""
        head, take, self._head = self._head, self._take, b""

        def rest(size: int) -> bytes:
            nonlocal head
            data, head = head[:size], head[size:]
            return data or take(size)

        self._filter = make(rest)

    def peek(self, size: int) -> bytes:
        """The next `size` bytes (fewer at the end), which stay unread."""
        if len(self._head) < size:
            self._head += self._full(size - len(self._head))
        return self._head[:size]

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end; some more of a stream that is filtered."""
        if not self._head:
            return self._full(size)
        data, self._head = self._head[:size], self._head[size:]
        return data + self._full(size - len(data)) if len(data) < size else data

    @property
    def _take(self) -> Read:
        # what comes slowly is taken as it comes: Python looks at signals between two pieces, and not within a read of many
        if self._filter is not None:
            return self._filter
        return self.file.read if self._size is not None else cast(Read, getattr(self.file, "read1", self.file.read))

    def _full(self, size: int) -> bytes:
        take = self._take
        parts = []
        try:
            while size > 0 and (data := take(size)):
                parts.append(data)
                size -= len(data)
        except OSError as error:
            raise DataError(f"{self.path}: can't be read: {reason(error)}") from error
        except (EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise DataError(f"{self.path}: the compressed data is damaged or cut short: {error}") from error
        return b"".join(parts)

    @property
    def progress(self) -> float | None:
        """How much of the file has been read, 0 to 1; None where that can't be known."""
        return None if self._size is None else min(1.0, self._raw.tell() / max(1, self._size))

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self.path != "-":
            for file in (self.file, *self._owners, self._raw):
                file.close()


class Lines(NamedTuple):
    """Whole lines of a text file, each ended by a newline, and the number of the first."""

    data: bytes
    first: int


LONGEST_ROW = 1 << 26
IN_CACHE = 1 << 17


class Source(Protocol):
    """What lines are read from."""

    path: str

    def read(self, size: int) -> bytes: ...


def line_chunks(stream: Source, size: int, first: int, *, quotes: bool = False, blank: bytes = b"\r\n \t") -> Iterator[Lines]:
    """Cut a text into chunks of whole lines of about `size` bytes; lines of `blank` bytes at its end are dropped.

    With `quotes`, a newline inside "..." doesn't end a row.
    """
    carry = b""
    while data := stream.read(size):
        carry += data
        if (cut := last_row_end(carry, quotes)) == 0:
            if len(carry) > LONGEST_ROW:
                what = "a quote is never closed" if quotes and b'"' in carry else "a row is longer than 64 MiB"
                raise DataError(f"{stream.path}, line {first} or later: {what}; is this a table in text form?")
            size = max(size, len(carry))  # a long row is looked at a few times, not once for each MiB
            continue
        done, carry = carry[:cut], carry[cut:]
        end = _content_end(done, blank)
        if end < len(done):
            done, carry = done[:end], done[end:] + carry
        if done:
            yield Lines(done, first)
            first += count(done, 10)
    end = _content_end(carry + b"\n", blank)
    if end:
        yield Lines((carry + b"\n")[:end], first)


def count(data: bytes, byte: int) -> int:
    """How often a byte occurs; unlike bytes.count, it lets other threads run."""
    import numpy as np

    a = np.frombuffer(data, np.uint8)
    return sum(int(np.count_nonzero(a[k : k + IN_CACHE] == byte)) for k in range(0, len(a), IN_CACHE))


def outside_quotes(data: bytes, byte: int) -> int:
    """How often a byte occurs outside "..."."""
    import numpy as np

    a = np.frombuffer(data, np.uint8)
    return int(np.count_nonzero((a == byte) & ~np.logical_xor.accumulate(a == 34)))


def last_row_end(data: bytes, quotes: bool) -> int:
    if not quotes or b'"' not in data:
        return data.rfind(b"\n") + 1
    import numpy as np

    a = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero((a == 10) & ~np.logical_xor.accumulate(a == 34))
    return int(ends[-1]) + 1 if ends.size else 0


def _content_end(data: bytes, blank: bytes) -> int:
    """The length of `data` (which ends with a newline) without blank lines at the end."""
    tail = data[-64:]
    line = tail.rstrip(blank)
    if line and tail[len(line) :].lstrip(b" \t") in (b"\n", b"\r\n"):  # the common case, without a copy of everything
        return len(data)
    body = len(data.rstrip(blank))
    return data.index(b"\n", body) + 1 if body else 0
