"""What every table has in common: blocks, and the protocol of readers and writers."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from nngrad.errors import UsageError, listed
from nngrad.tables.formats import LINES

CHUNK_BYTES = 1 << 20

Kept = tuple[list[str | None], ...]


def polars() -> Any:
    """polars, imported where it is needed: `nngrad --help` does without.

    Its import makes system calls go on after Ctrl-C, so that waiting for input could not be interrupted, and listens to
    Ctrl-C where that is to be ignored: undone here.
    """
    first = "polars" not in sys.modules
    import polars

    if first and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # in a thread other than the main one
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "siginterrupt"):
        signal.siginterrupt(signal.SIGINT, True)
    return polars


class Block(NamedTuple):
    """Rows of numbers in the order the network wants them, and the columns that are passed through as text."""

    x: np.ndarray
    kept: Kept


class RowReader(Protocol):
    """Rows in. `chunks` belongs to one thread, `parse` to any; see nngrad.tables."""

    names: tuple[str, ...] | None
    keep: tuple[str, ...]
    count: int | None
    notes: tuple[str, ...]

    @property
    def progress(self) -> float | None: ...
    def chunks(self) -> Iterator[Any]: ...
    def parse(self, chunk: Any) -> Block: ...
    def __enter__(self) -> RowReader: ...
    def __exit__(self, *error: object) -> None: ...


class RowWriter(Protocol):
    """Rows out. `format` belongs to any thread, the others to one; see nngrad.tables."""

    def begin(
        self,
        columns: Sequence[str],
        shape: tuple[int, ...] | None = None,
        *,
        keep: Sequence[str] = (),
        rows: int | None = None,
    ) -> None: ...
    def format(self, values: np.ndarray, kept: Kept = ()) -> Any: ...
    def write(self, piece: Any) -> None: ...
    def __enter__(self) -> RowWriter: ...
    def __exit__(self, *error: object) -> None: ...


def numbers_only(what: str, keep: Sequence[str]) -> None:
    """Refuse passed-through text for a format of numbers."""
    if keep:
        others = f"{', '.join(LINES[:-1])} or {LINES[-1]}"
        raise UsageError(f"{what} holds numbers only, so {listed(keep)} can't be passed through; write {others}")


def distinct(what: str, columns: Sequence[str]) -> None:
    """Refuse columns that would overwrite each other where names are keys."""
    if len(set(columns)) < len(columns):
        twice = [c for i, c in enumerate(columns) if c in columns[:i]]
        raise UsageError(
            f"{what} needs distinct column names, and {listed(twice)} occurs more than once; write csv, or rename a column"
        )


def checked_digits(digits: int | None) -> int | None:
    """The number of significant digits, or UsageError."""
    if digits is not None and not 1 <= digits <= 17:
        raise UsageError(f"digits {digits}: 1 to 17 are possible")
    return digits
