"""What can go wrong, and whose fault it is. The library raises these; only the command line prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

NAMED = 8  # names in a message


class NngradError(Exception):
    """Base of every error that nngrad raises on purpose. Its message is one line, whatever the names in a file are made of."""

    def __init__(self, message: str = "") -> None:
        super().__init__(" ".join(message.splitlines()))


class Described(NamedTuple):
    """What a model is that can't be computed: its class and version, its name, and its layers, a line each."""

    classname: str
    version: str
    name: str
    layers: tuple[str, ...]


class ModelError(NngradError):
    """The model file can't be read, or holds something that nngrad doesn't support; then `described` may say what else it holds."""

    def __init__(self, message: str = "", described: Described | None = None) -> None:
        super().__init__(message)
        self.described = described


class DataError(NngradError, ValueError):
    """The numbers handed in don't fit: wrong shape, wrong columns, not numeric."""


class WholeNumbersError(DataError):
    """An input takes whole numbers only and got something else, in row `row` (from 0) of the table; `cell` says which and what."""

    def __init__(self, row: int, cell: str) -> None:
        super().__init__(f"row {row + 1}: {cell}")
        self.row, self.cell = row, cell

    def __reduce__(self) -> tuple[type[WholeNumbersError], tuple[int, str]]:
        return type(self), (self.row, self.cell)


class UsageError(NngradError):
    """The request makes no sense for this model (unknown output name, contradicting options)."""


def listed(names: Sequence[str], most: int = NAMED) -> str:
    """A few names for a message."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
