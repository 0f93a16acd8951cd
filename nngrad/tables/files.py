"""Files that are written: each appears whole or not at all, and several that belong together all or none.

A target is written beside itself under a telling name (`.J.csv.1f7e29ab.tmp`) and renamed at the end. A run that is
killed leaves that behind; the next one for the same target sweeps it, for a living run holds a lock on its own. Pipes,
devices and "-" are written straight through.
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
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, cast

from nngrad import unfinished
from nngrad.errors import DataError
from nngrad.tables.locations import Location
from nngrad.tables.streams import reason

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

SURELY_LEFT = 60.0  # seconds without a change: between closing a file and giving it its final name there are far fewer


class Output:
    """The bytes of one target: `file` to write to, `path` for libraries that want a name; then
    commit() or abandon().
    """

    def __init__(self, path: str) -> None:
        self.final: str | None = None
        self._claim: int | None = (
            None  # a second number of the file, so that its lock lasts until it has its final name
        )
        self._waits = False  # for the others of its group
        if Location(path).is_stream:
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
            what = (
                f"the folder {Path(self.final).parent} doesn't exist; make it first"
                if missing
                else f"can't be written: {reason(error)}"
            )
            raise DataError(f"{path}: {what}") from error

    def commit(self) -> None:
        """Put the file in place, or leave that to the group; abandon() is to follow in any case
        and cleans up if this fails.
        """
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
    return (
        path,
        os.fdopen(number, "w+b"),
        claim,
    )  # buffered: a raw file writes what fits on a full disk and says nothing


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
    """The names of unfinished files in a folder; looked up anew where looking takes little of the
    time since the last look.
    """
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
