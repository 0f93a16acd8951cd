"""Where bytes come from and where they go; the one rule: a file appears whole or not at all.

A target is written beside itself under a telling name (`.J.csv.1f7e29ab.tmp`) and renamed at the end. A run that is killed leaves that
behind; the next one for the same target sweeps it, for a living run holds a lock on its own. Pipes, devices and "-" are written straight
through.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, cast

from nngrad import unfinished
from nngrad.errors import DataError

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

WITH_NAME = re.compile(r"(.+?\.(?:npz|mat|h5|hdf5|xlsx|xlsm)):(.+)", re.IGNORECASE)
SURELY_LEFT = 60.0  # seconds without a change: between closing a file and giving it its final name there are far fewer
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


class Output:
    """The bytes of one target: `file` to write to, `path` for libraries that want a name; then commit() or abandon()."""

    def __init__(self, path: str) -> None:
        self.final: str | None = None
        self._claim: int | None = None  # a second number of the file, so that its lock lasts until it has its final name
        self._waits = False  # for the others of its group
        if Place(path).is_stream:
            self.path = path
            self.file: BinaryIO = sys.stdout.buffer if path == "-" else open(path, "wb")  # noqa: SIM115
            return
        # a link stays a link: the file that it leads to is replaced
        self.final = os.path.realpath(path)
        try:
            _refuse_protected(self.final)
            self.path, self.file, self._claim = _beside(self.final)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            what = f"the folder {Path(self.final).parent} doesn't exist; make it first" if missing else f"can't be written: {reason(error)}"
            raise DataError(f"{path}: {what}") from error

    def commit(self) -> None:
        """Put the file in place, or leave that to the group; abandon() is to follow in any case and cleans up if this fails."""
        if self.final is None:
            self.file.flush()
            if self.path != "-":
                self.file.close()
            return
        self.file.close()
        group = _group.get()
        if group is None:
            _put_in_place([self])
        else:
            self._waits = True
            group.append(self)

    def abandon(self) -> None:
        """Leave nothing behind; what stood at the target before is untouched."""
        if self._waits:
            return
        if self.path != "-":
            with contextlib.suppress(OSError):  # closing flushes, and the disk may be full
                self.file.close()
        with unfinished.lock:
            if self.final is not None:
                with contextlib.suppress(OSError):
                    os.unlink(self.path)
            self.done()

    def done(self) -> None:
        """It has its final name, or none any more."""
        self.final, self._waits = None, False
        unfinished.paths.discard(self.path)
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None


def write(target: str, data: bytes) -> None:
    """All bytes of a target at once; "-" is standard output."""
    out = Output(target)
    try:
        out.file.write(data)
        out.commit()
    finally:
        out.abandon()


class together:
    """While it lasts, outputs that are committed wait for each other: all of them get in place at its end, or none."""

    def __enter__(self) -> None:
        self._outputs: list[Output] = []
        self._token = _group.set(self._outputs)

    def __exit__(self, kind: object, *error: object) -> None:
        _group.reset(self._token)
        try:
            if kind is None:
                _put_in_place(self._outputs)
        finally:
            for out in self._outputs:
                out._waits = False
                out.abandon()


_group: ContextVar[list[Output] | None] = ContextVar("outputs that wait for each other", default=None)


def _put_in_place(outputs: list[Output]) -> None:
    """Give every file its final name; where one can't have it, all targets are as before."""
    done: list[tuple[str, str | None]] = []
    with unfinished.lock:
        try:
            for out in outputs:
                final = cast(str, out.final)
                done.append((final, _kept(final) if len(outputs) > 1 else None))
                os.replace(out.path, final)
        except BaseException as error:
            for final, old in reversed(done) if len(outputs) > 1 else ():
                _put_back(final, old)
            if isinstance(error, OSError):
                raise OSError(error.errno, error.strerror, final) from error  # the other name says nothing to anybody
            raise
        for out in outputs:
            out.done()
        for _, old in done:
            if old is not None:
                _remove(old)


def _kept(final: str) -> str | None:
    """Another name for the file that stands at a target; None if there is none."""
    if not os.path.lexists(final):
        return None
    old = _unfinished_name(final)
    try:
        os.link(final, old)
    except (OSError, NotImplementedError, AttributeError):  # a file system without second names
        os.replace(final, old)
    return old


def _put_back(final: str, old: str | None) -> None:
    with contextlib.suppress(OSError):
        if old is None:
            os.unlink(final)
        else:
            os.replace(old, final)
            _remove(old)  # which is still there if both are names of one file


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _refuse_protected(final: str) -> None:
    """A rename asks for the rights of the folder alone: those of the file count too."""
    if os.path.isdir(final):
        raise IsADirectoryError(errno.EISDIR, "is a directory")
    if os.path.exists(final) and not (os.access(final, os.W_OK) and os.stat(final).st_mode & 0o222):
        raise PermissionError(errno.EACCES, "is read-only; change its mode, or choose another place")


def _beside(final: str) -> tuple[str, BinaryIO, int | None]:
    """A new file in the folder of `final`, with the rights of the file it replaces or of any new file, and locked."""
    sweep(final)
    while True:
        path = _unfinished_name(final)
        with unfinished.lock:
            try:
                number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            except FileExistsError:
                continue
            unfinished.paths.add(path)
        if _claimed(number, path):
            break
        os.close(number)  # another run swept it before it was locked
        unfinished.paths.discard(path)
    with contextlib.suppress(OSError, AttributeError):
        os.chmod(path, stat.S_IMODE(os.stat(final).st_mode))
    claim = os.dup(number) if fcntl else None
    return path, os.fdopen(number, "w+b"), claim  # buffered: a raw file writes what fits on a full disk and says nothing


def _unfinished_name(final: str) -> str:
    folder, name = os.path.split(final)
    return os.path.join(folder, f".{_start(name)}.{secrets.token_hex(4)}.tmp")


def _start(name: str) -> str:
    while len(os.fsencode(name)) > 200:  # names end at 255 bytes
        name = name[:-1]
    return name


def sweep(final: str) -> None:
    """Remove what runs that were killed have left of `final`, and nothing that a living run is writing."""
    folder, name = os.path.split(final)
    mine = re.compile(re.escape(f".{_start(name)}.") + "[0-9a-f]{8}" + re.escape(".tmp"))
    for found in _hidden(folder):
        if mine.fullmatch(found):
            with contextlib.suppress(OSError):
                _remove_if_left(os.path.join(folder, found))


def _hidden(folder: str) -> tuple[str, ...]:
    """The names of unfinished files in a folder; looked up anew where looking takes little of the time since the last look."""
    now = time.monotonic()
    until, found = _looked.get(folder, (0.0, ()))
    if now < until:
        return found
    with contextlib.suppress(OSError):
        found = tuple(name for name in os.listdir(folder) if name.startswith(".") and name.endswith(".tmp"))
    then = time.monotonic()
    _looked[folder] = (then + 20 * (then - now), found)
    return found


_looked: dict[str, tuple[float, tuple[str, ...]]] = {}


def _remove_if_left(path: str) -> None:
    """OSError where another run holds it."""
    if fcntl is None:  # Windows, where a file that is open can't be removed
        if time.time() - os.stat(path).st_mtime > SURELY_LEFT:
            os.unlink(path)
        return
    number = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(number), os.stat(path)):
            os.unlink(path)
    finally:
        os.close(number)


def _claimed(number: int, path: str) -> bool:
    """Lock a new file for as long as it is open; False if another run has swept it before."""
    if fcntl is None:
        return True
    with contextlib.suppress(OSError):  # a file system without locks: then nobody sweeps there
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        return os.path.samestat(os.fstat(number), os.stat(path))
    except FileNotFoundError:
        return False


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
