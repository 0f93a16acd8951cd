"""What every table has in common: blocks, the protocol of readers and writers, and which column is which.

The rule: columns are matched by name where both sides have names, and a file that doesn't fit is refused with the names that don't.
"""

from __future__ import annotations

import contextlib
import difflib
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from nngrad.errors import NAMED, DataError, UsageError, listed

CHUNK_BYTES = 1 << 20
GENERIC = re.compile(r"[A-Za-z]\d+(\(t([+-]\d+)?\))?")  # x1, y2, x1(t-1): names that stand for a position only

Kept = tuple[list[str | None], ...]


def polars() -> Any:
    """polars, imported where it is needed: `nngrad --help` does without.

    Its import makes system calls go on after Ctrl-C, so that waiting for input could not be interrupted, and listens to Ctrl-C where
    that is to be ignored: undone here.
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


class Reader(Protocol):
    """Rows in. `chunks` belongs to one thread, `parse` to any; see nngrad.tables."""

    names: tuple[str, ...] | None
    keep: tuple[str, ...]
    count: int | None
    notes: tuple[str, ...]

    @property
    def progress(self) -> float | None: ...
    def chunks(self) -> Iterator[Any]: ...
    def parse(self, chunk: Any) -> Block: ...
    def __enter__(self) -> Reader: ...
    def __exit__(self, *error: object) -> None: ...


class Writer(Protocol):
    """Rows out. `format` belongs to any thread, the others to one; see nngrad.tables."""

    def begin(
        self, columns: Sequence[str], shape: tuple[int, ...] | None = None, *, keep: Sequence[str] = (), rows: int | None = None
    ) -> None: ...
    def format(self, values: np.ndarray, kept: Kept = ()) -> Any: ...
    def write(self, piece: Any) -> None: ...
    def __enter__(self) -> Writer: ...
    def __exit__(self, *error: object) -> None: ...


@dataclass(frozen=True)
class Wanted:
    """What the caller asks of a table: see nngrad.tables.reader."""

    size: int | None = None
    columns: tuple[str, ...] | None = None
    keep: tuple[str, ...] = ()
    by: str | None = None
    max_rows: int | None = None


class Match(NamedTuple):
    """Where the wanted columns and the kept ones stand in the file."""

    indices: tuple[int, ...]
    names: tuple[str, ...] | None
    kept: tuple[int, ...]
    notes: tuple[str, ...]


def match(where: str, names: Sequence[str] | None, count: int, wanted: Wanted) -> Match:
    """Find the wanted columns in a table of `count` columns called `names` (None: without names), or raise DataError."""
    kept = _kept(where, names, wanted.keep)
    if (
        names is not None
        and wanted.columns is not None
        and wanted.by != "order"
        and (wanted.by == "name" or _speaks_of(names, wanted.columns))
    ):
        return _by_name(where, names, wanted.columns, kept)
    if wanted.by == "name" and wanted.columns is not None:
        raise DataError(f"{where}: has no column names; give it a header line, or match the columns by order")
    rest = tuple(i for i in range(count) if i not in kept)
    size = wanted.size if wanted.size is not None else wanted.columns and len(wanted.columns)
    if size is not None and len(rest) != size:
        raise DataError(f"{where}: {counted(len(rest), 'column')} where {size} are needed{_named(names, rest)}")
    return Match(rest, None if names is None else tuple(names[i] for i in rest), kept, ())


def _speaks_of(names: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether the file's names are to be taken as the wanted ones: unless those are x1, x2, ... and none of them occurs in the file."""
    return not all(GENERIC.fullmatch(c) for c in columns) or not set(names).isdisjoint(columns)


def _by_name(where: str, names: Sequence[str], columns: Sequence[str], kept: tuple[int, ...]) -> Match:
    place, asked = {name: i for i, name in enumerate(names)}, set(columns)
    missing = [c for c in columns if c not in place]
    surplus = [n for i, n in enumerate(names) if n not in asked and i not in kept]
    if missing:
        near = [f"{m} like {c[0]}" for m in missing[:NAMED] if (c := difflib.get_close_matches(m, surplus, 1, 0.6))]
        raise DataError(
            f"{where}: {counted(len(missing), 'column')} of {len(columns)} missing: {listed(missing)}"
            + (f"; surplus: {listed(surplus)}" if surplus else "")
            + (f"; nearest: {listed(near)}" if near else "")
            + "; rename the columns, or match them by order"
        )
    twice = [c for c in columns if list(names).count(c) > 1] if len(place) < len(names) else []
    if twice:
        raise DataError(f"{where}: column {listed(twice)} occurs more than once; rename or remove one")
    notes = (f"{where}: {counted(len(surplus), 'surplus column')} ignored: {listed(surplus)}",) if surplus else ()
    return Match(tuple(place[c] for c in columns), tuple(columns), kept, notes)


def _kept(where: str, names: Sequence[str] | None, keep: Sequence[str]) -> tuple[int, ...]:
    if keep and names is None:
        raise DataError(f"{where}: has no column names, so {listed(keep)} can't be kept; give it a header line")
    places = list(names or ())
    for name in keep:
        if name not in places:
            near = difflib.get_close_matches(name, places, 1, 0.6)
            hint = f"; nearest: {near[0]}" if near else f"; it has {listed(places)}"
            raise DataError(f"{where}: no column {name} to keep{hint}")
        if places.count(name) > 1:
            raise DataError(f"{where}: column {name} to keep occurs more than once; rename or remove one")
    return tuple(places.index(name) for name in keep)


def _named(names: Sequence[str] | None, rest: Sequence[int]) -> str:
    return "" if names is None else f" ({listed([names[i] for i in rest])})"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def numbers_only(what: str, keep: Sequence[str]) -> None:
    """Refuse passed-through text for a format of numbers."""
    if keep:
        raise UsageError(f"{what} holds numbers only, so {listed(keep)} can't be passed through; write csv, tsv, ndjson or parquet")


def distinct(what: str, columns: Sequence[str]) -> None:
    """Refuse columns that would overwrite each other where names are keys."""
    if len(set(columns)) < len(columns):
        twice = [c for i, c in enumerate(columns) if c in columns[:i]]
        raise UsageError(f"{what} needs distinct column names, and {listed(twice)} occurs more than once; write csv, or rename a column")


def checked_digits(digits: int | None) -> int | None:
    """The number of significant digits, or UsageError."""
    if digits is not None and not 1 <= digits <= 17:
        raise UsageError(f"digits {digits}: 1 to 17 are possible")
    return digits
