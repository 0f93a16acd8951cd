"""What can go wrong, and whose fault it is. The library raises these; only the command line prints them."""

from __future__ import annotations

TYPE_CHECKING = False  # as in nngrad/__init__.py
if TYPE_CHECKING:
    from collections.abc import Sequence

NAMED = 8  # names in a message
ROOM = 160  # characters of them together
LONGEST_NAME = 100


class NngradError(Exception):
    """Base of every error that nngrad raises on purpose. Its message is one line, whatever the
    names in a file are made of.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(" ".join(message.splitlines()))


class Described:
    """What a model is that can't be computed: its class and version, its name, and its layers, a line each."""

    def __init__(self, classname: str, version: str, name: str, layers: tuple[str, ...]) -> None:
        self.classname, self.version, self.name, self.layers = classname, version, name, layers


class ModelError(NngradError):
    """The model file can't be read, or holds something that nngrad doesn't support; then
    `described` may say what else it holds.
    """

    def __init__(self, message: str = "", described: Described | None = None) -> None:
        super().__init__(message)
        self.described = described


class DataError(NngradError, ValueError):
    """The numbers handed in don't fit: wrong shape, wrong columns, not numeric."""


class WholeNumbersError(DataError):
    """An input takes whole numbers only and got something else, in row `row` (from 0) of the
    table; `cell` says which and what.
    """

    def __init__(self, row: int, cell: str) -> None:
        super().__init__(f"row {row + 1}: {cell}")
        self.row, self.cell = row, cell

    def __reduce__(self) -> tuple[type[WholeNumbersError], tuple[int, str]]:
        return type(self), (self.row, self.cell)


class UsageError(NngradError):
    """The request makes no sense for this model (unknown output name, contradicting options)."""


class NngradWarning(UserWarning):
    """Numbers depend on something that the caller can't see, such as columns that were taken in
    order in spite of their names.
    """


def listed(names: Sequence[str], most: int = NAMED) -> str:
    """A few names for a message: fewer where they are long, and the beginning and the end of one that is very long."""
    shown: list[str] = []
    for name in map(clipped, names[:most]):
        if shown and sum(map(len, shown)) + len(name) > ROOM:
            break
        shown.append(name)
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def clipped(name: str) -> str:
    """A name for a message."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME // 2]}...{name[-LONGEST_NAME // 2 :]}"
