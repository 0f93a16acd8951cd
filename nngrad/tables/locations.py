"""Where a table stands: a path or "-", and the name of one of several tables in a file."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from nngrad.tables.formats import FORMATS

if TYPE_CHECKING:
    from nngrad.tables.streams import Stream

SUFFIXES = "|".join(suffix.removeprefix(".") for f in FORMATS if f.several for suffix in f.suffixes)
WITH_NAME = re.compile(rf"(.+?\.(?:{SUFFIXES})):(.+)", re.IGNORECASE)
STREAMS = re.compile(r"/dev/(stdin|stdout|stderr|fd/\d+)|/proc/[^/]+/fd/\d+")


class Location(NamedTuple):
    """A path and, for files of several tables, the name of one: `file.npz:key`."""

    path: str
    name: str | None = None
    opened: Stream | None = None  # when the first bytes had to be looked at

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


def place(source: str | os.PathLike[str]) -> Location:
    """Split `file.npz:key`; a file that exists under the whole name (`C:\\x.csv`, `a.npz:b`) is never split."""
    text = os.fspath(source)
    found = None if os.path.lexists(text) else WITH_NAME.fullmatch(text)
    return Location(found[1], found[2]) if found else Location(text)
