"""Bytes of tables from front to back: files, pipes and standard input, compressed or not."""

from __future__ import annotations

import os
import sys
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol, cast

from nngrad.errors import DataError
from nngrad.tables.locations import Location

Read = Callable[[int], bytes]  # some bytes, none only at the end


class Closing(Protocol):
    """Anything that can be closed."""

    def close(self) -> None: ...


def open_input(path: str) -> BinaryIO:
    """Open for reading; DataError if it can't be."""
    if path == "-":
        if sys.stdin is None:
            raise DataError("standard input: is closed; name a file, or open it")
        return sys.stdin.buffer
    try:
        return open(path, "rb")
    except OSError as error:
        raise DataError(f"{path}: can't be read: {reason(error)}") from error


def reason(error: OSError) -> str:
    """The system's words for what went wrong, without number and path."""
    return (error.strerror or str(error)).lower()


def stream_of(where: Location) -> Stream:
    """The bytes of a table from front to back; DataError if it can't be opened."""
    return where.opened or Stream(where.path)


class Stream:
    """Bytes from front to back, with a look at the first ones, and full reads from pipes too."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = open_input(path)
        self._head = b""
        self._size = None if Location(path).is_stream else os.fstat(self.file.fileno()).st_size
        self._raw = self.file
        self._owners: tuple[Closing, ...] = ()
        if Location(path).gz:
            import gzip

            self.file = cast(BinaryIO, gzip.GzipFile(fileobj=self._raw, mode="rb"))
        self._filter: Read | None = None

    def through(self, file: BinaryIO, *owners: Closing) -> None:
        """Read from `file`, which decodes what this stream holds, from now on; it and `owners`
        are closed with the stream.
        """
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
        # what comes slowly is taken as it comes: Python looks at signals between two pieces, and not within a read of
        # many
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
