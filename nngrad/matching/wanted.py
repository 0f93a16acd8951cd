"""What is asked of the columns of a table, and what was found: the values that matching takes and gives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

# what loaders call columns without names
NUMBERED = re.compile(r"[xy]\d+(\(t([+-]\d+)?\))?|a\d+(_\d+)?\(t([+-]\d+)?\)")

Rows = Sequence[Sequence[Any]]


class Advice(NamedTuple):
    """What a refusal tells the user to do, in the words of the place: options of a command, or
    expressions of Python.
    """

    order: str  # takes all columns that are left
    part: str  # takes some of them
    choose: str
    header: str


COMMAND = Advice(
    "--by order takes them as they stand",
    "--columns NAMES --by order takes those",
    "choose with --columns",
    "give it a header line, or leave --by name out",
)
PYTHON = Advice(
    "x.to_numpy() is taken as it stands",
    "x[[...]].to_numpy() is taken as it stands",
    "choose with x[[...]]",
    "give its columns names",
)


@dataclass(frozen=True)
class Wanted:
    """What the caller asks of a table: see nngrad.tables.reader."""

    size: int | None = None
    columns: tuple[str, ...] | None = None
    keep: tuple[str, ...] = ()
    by: str | None = None
    max_rows: int | None = None
    choose: tuple[str, ...] | None = None
    aliases: tuple[str, ...] = ()
    advice: Advice = COMMAND

    @property
    def names(self) -> tuple[str, ...]:
        """Names that arrays beside each other may have, where each holds a column."""
        return (self.choose or ()) if self.choose is not None or self.by == "order" else (self.columns or ())

    @property
    def width(self) -> int | None:
        """The number of columns that are needed, if it matters."""
        return self.size if self.size is not None or self.columns is None else len(self.columns)


class Match(NamedTuple):
    """Where the wanted columns and the kept ones stand in the table.

    `notes` is everything worth saying; `doubts` is the part of it that the numbers depend on.
    """

    indices: tuple[int, ...]
    names: tuple[str, ...] | None
    kept: tuple[int, ...]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
