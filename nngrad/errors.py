"""What can go wrong, and whose fault it is. The library raises these; only the command line prints them."""

from __future__ import annotations

from collections.abc import Sequence

NAMED = 8  # names in a message


class NngradError(Exception):
    """Base of every error that nngrad raises on purpose. Its message is one line, whatever the names in a file are made of."""

    def __init__(self, message: str = "") -> None:
        super().__init__(" ".join(message.splitlines()))


class ModelError(NngradError):
    """The model file can't be read, or holds something that nngrad doesn't support."""


class DataError(NngradError, ValueError):
    """The numbers handed in don't fit: wrong shape, wrong columns, not numeric."""


class UsageError(NngradError):
    """The request makes no sense for this model (unknown output name, contradicting options)."""


class NngradWarning(UserWarning):
    """Numbers depend on something that the caller can't see, such as columns that were taken in order in spite of their names."""


def listed(names: Sequence[str], most: int = NAMED) -> str:
    """A few names for a message."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
