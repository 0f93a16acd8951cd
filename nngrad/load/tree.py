"""The one form that every container is read into, and the walk that finds things in it.

A tree is made of

* dict (a 1x1 struct, or the variables of a file); keys are str;
* numpy float64 arrays with MATLAB's own shape (two dimensions or more), whatever the file stored: integers and
  logicals are cast, sparse matrices filled; complex128 where the file is complex;
* str (a char row, or a 1x1 string) and list of str (a char matrix, trailing blanks stripped);
* numpy object arrays with MATLAB's shape: cells, struct arrays (of dict), object arrays (of MatlabObject), string arrays (of str);
* MatlabObject, FunctionHandle, Undecoded;
* Group: an HDF5 group of a file that MATLAB did not write; its arrays keep their own shape and its attributes are at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SKIPPED = frozenset({"revert"})  # weights as they were before training: never the network that the user means
MAX_DEPTH = 60


@dataclass(frozen=True, eq=False)
class MatlabObject:
    """An instance of a MATLAB class. What its class's saveobj stored (the property `any`) stands directly in `fields`."""

    classname: str
    fields: dict[str, Any]


@dataclass(frozen=True, eq=False)
class FunctionHandle:
    """A MATLAB function handle, as text: never executed; with what an anonymous function has captured, as MATLAB stores it."""

    text: str
    workspace: Any = None

    @property
    def variables(self) -> dict[str, Any]:
        """The captured variables by name."""
        stored = self.workspace.fields.get("any") if isinstance(self.workspace, MatlabObject) else None
        cells = stored.flat if isinstance(stored, np.ndarray) and stored.dtype == object else [stored]
        return {name: value for cell in cells if isinstance(cell, dict) for name, value in cell.items()}


@dataclass(frozen=True, eq=False)
class Undecoded:
    """Something that could not be decoded; it doesn't stop the rest of the file from being read."""

    classname: str
    reason: str


class Group(dict):
    """An HDF5 group: members by name, attributes in `attributes`."""

    def __init__(self, members: dict[str, Any], attributes: dict[str, Any]) -> None:
        super().__init__(members)
        self.attributes = attributes


@dataclass(frozen=True, eq=False)
class Tree:
    """What a file holds: its variables, and which container they were found in ("MAT v7", "HDF5", "Keras zip", ...)."""

    container: str
    variables: dict[str, Any]
    created: str | None = None
    notes: tuple[str, ...] = field(default=())


def shown(value: Any) -> str:
    """What was found, for a message: text in quotes, else its type."""
    return repr(value) if isinstance(value, str) else type(value).__name__


def children(path: str, element: Any) -> Iterator[tuple[str, Any]]:
    """The parts of one element with their MATLAB paths."""
    if isinstance(element, MatlabObject):
        element = element.fields
    if isinstance(element, dict):
        for name, value in element.items():
            if name not in SKIPPED:
                yield (f"{path}.{name}" if path else name), value
    elif isinstance(element, np.ndarray) and element.dtype == object:
        left, right = "()" if _is_struct_array(element) else "{}"
        for k, value in enumerate(element.ravel(order="F"), 1):
            yield f"{path}{left}{k}{right}", value


def _is_struct_array(element: np.ndarray) -> bool:
    """A 1x1 struct or object is never an array here, so an array of one is a cell; of several, structs with the same fields tell."""
    fields = {tuple(e) if isinstance(e, dict) else None for e in element.flat}
    return element.size > 1 and len(fields) == 1 and None not in fields


def find(tree: Tree, wanted: Callable[[Any], bool]) -> list[tuple[str, Any]]:
    """Every element that `wanted` accepts, with its MATLAB path, in file order; accepted elements are not searched further."""
    found: list[tuple[str, Any]] = []
    seen: set[int] = set()
    stack: list[tuple[str, Any, int]] = [("", tree.variables, 0)]
    while stack:
        path, element, depth = stack.pop()
        if wanted(element):
            found.append((path, element))
        elif depth < MAX_DEPTH and id(element) not in seen:
            seen.add(id(element))
            stack.extend((p, e, depth + 1) for p, e in reversed(list(children(path, element))))
    return found
