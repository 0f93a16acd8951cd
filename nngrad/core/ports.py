"""The columns of a network's inputs and outputs, with their names and training ranges, and where
the network came from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nngrad.core.layers.base import frozen

TAP = re.compile(r"(.*?)(\(t(?:[+-]\d+)?\))?")  # the name of a column: what it measures, and when
NUMBERED_THING = re.compile(r"[xy]\d+")  # what loaders call what has no name
INTEGERS = {"bool": (0, 1)} | {  # types that a model may cast its inputs to, and what they hold
    f"{sign}int{bits}": (int(np.iinfo(f"{sign}int{bits}").min), int(np.iinfo(f"{sign}int{bits}").max))
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}


@dataclass(frozen=True, eq=False)
class Port:
    """One of the network's inputs or outputs: a run of columns, with their names and, where the file knows it, their
    training range.

    `integer` is the type, one of INTEGERS, that the model itself casts an input to: it then takes whole numbers only.
    """

    name: str
    columns: tuple[str, ...]
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    integer: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", encodable(self.name))
        object.__setattr__(self, "columns", tuple(map(encodable, self.columns)))
        for end in ("lower", "upper"):
            if isinstance(limits := getattr(self, end), np.ndarray):
                object.__setattr__(self, end, frozen(limits))

    @property
    def size(self) -> int:
        return len(self.columns)


@dataclass(frozen=True)
class Origin:
    """Where a network came from: the file, the path inside it, container, class and version; notes for the user.

    `name` and `created` are what the file says of itself; `processing` and `layers` describe the network in the file's
    own words. `doubts` are notes about what the file leaves open and the numbers depend on: nobody should use them
    without having seen it.
    """

    path: str = ""
    network: str = ""
    container: str = ""
    classname: str = ""
    version: str = ""
    name: str = ""
    created: str = ""
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    processing: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()


def encodable(text: str) -> str:
    """A text of a file that every format can write: halves of characters and bytes that are no text, as escapes."""
    return text.encode(errors="backslashreplace").decode()


def numbered(letter: str, count: int, start: int = 1) -> tuple[str, ...]:
    """Names for columns that have none: x1, x2, ..."""
    return tuple(f"{letter}{k}" for k in range(start, start + count))


def aliases(ports: Sequence[Port]) -> tuple[str, ...]:
    """Other names of the columns of ports, one each: port, port_2, port(t-1) where they are
    numbered; x1(t-1) where they have names.
    """
    aliases: list[str] = []
    measured = 0  # what the ports before have measured, whatever the number of delays
    for port in ports:
        parts = [TAP.fullmatch(c) for c in port.columns]
        things = list(dict.fromkeys(m[1] for m in parts if m))
        made_up = re.fullmatch(r"(in|out)put[ _]?\d*|", port.name, re.IGNORECASE) is not None
        for m in parts:
            k = things.index(m[1]) + 1 if m else 0
            if m and NUMBERED_THING.fullmatch(m[1]):
                aliases.append("" if made_up else f"{port.name}{f'_{k}' if len(things) > 1 else ''}{m[2] or ''}")
            else:
                aliases.append(f"x{measured + k}{m[2]}" if m and m[2] else "")
        measured += len(things)
    return tuple(aliases)


def joined_limits(limits: Sequence[tuple[np.ndarray | None, int]]) -> np.ndarray:
    """One end of the ranges of several ports, of these sizes, one after the other: NaN where there is none; read-only."""
    parts = [np.full(size, np.nan) if end is None else np.asarray(end, float) for end, size in limits]
    return frozen(np.concatenate(parts) if parts else np.empty(0))
