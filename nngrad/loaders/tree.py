"""The one form that every container is read into, and the walk that finds things in it.

A tree is made of

* dict (a 1x1 struct, or the variables of a file); keys are str;
* numpy float64 arrays with MATLAB's own shape (two dimensions or more), whatever the file stored: integers and
  logicals are cast, sparse matrices filled; complex128 where the file is complex;
* str (a char row, or a 1x1 string) and list of str (a char matrix, trailing blanks stripped);
* numpy object arrays with MATLAB's shape: cells, struct arrays (of dict), object arrays (of MatlabObject), string
arrays (of str);
* MatlabObject, FunctionHandle, Undecoded;
* Group: an HDF5 group of a file that MATLAB did not write; its arrays keep their own shape and its attributes are at
hand.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeGuard

import numpy as np

SKIPPED = frozenset({"revert"})  # weights as they were before training: never the network that the user means
MAX_DEPTH = 60


@dataclass(frozen=True, eq=False)
class MatlabObject:
    """An instance of a MATLAB class; what its class's saveobj stored (the property `any`) stands
    directly in `fields`.
    """

    classname: str
    fields: dict[str, Any]


@dataclass(frozen=True, eq=False)
class FunctionHandle:
    """A MATLAB function handle as text, never executed, with what an anonymous function has captured."""

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

    @cached_property
    def walk(self) -> Walk:
        """Every element in file order: made once, as many look for something in it."""
        return Walk(self.variables)

    def lock(self) -> Tree:
        """The same, with arrays that nobody can write to: a network then needs no copies of them."""
        for element in self.walk.elements:
            while isinstance(element, np.ndarray) and element.dtype != object:
                element.flags.writeable = False
                element = element.base
        return self


def is_numeric(value: object) -> TypeGuard[np.ndarray]:
    """Whether a value is a real numeric array: containers make float64 of numbers, integers and logicals alike."""
    return isinstance(value, np.ndarray) and value.dtype == np.float64


def is_cell(value: object) -> TypeGuard[np.ndarray]:
    """Whether a value is a cell array, or an array of structs or objects: NumPy's type is object then."""
    return isinstance(value, np.ndarray) and value.dtype == object


def shown(value: Any) -> str:
    """What was found, for a message: text in quotes, else its type."""
    return repr(value) if isinstance(value, str) else type(value).__name__


def printable(text: str) -> str:
    """Text out of a file may hold anything: only what can be printed."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def one_line(text: str) -> str:
    """Only what can be printed, with single blanks."""
    return " ".join(printable(text).split())


def children(path: str, element: Any) -> Iterator[tuple[str, Any]]:
    """The parts of one element with their MATLAB paths."""
    return ((f"{path}{step}" if path else step.removeprefix("."), value) for step, value in parts(element))


def parts(element: Any) -> Iterator[tuple[str, Any]]:
    """The parts of one element with what their paths have more than its own: .name, {3}, (3)."""
    if isinstance(element, MatlabObject):
        element = element.fields
    if isinstance(element, dict):
        for name, value in element.items():
            if name not in SKIPPED:
                yield f".{name}", value
    elif isinstance(element, np.ndarray) and element.dtype == object:
        left, right = "()" if _is_struct_array(element) else "{}"
        for k, value in enumerate(element.ravel(order="F"), 1):
            yield f"{left}{k}{right}", value


def _is_struct_array(element: np.ndarray) -> bool:
    """A 1x1 struct or object is never an array here, so an array of one is a cell; of several, structs with the same
    fields tell.
    """
    fields = {tuple(e) if isinstance(e, dict) else None for e in element.flat}
    return element.size > 1 and len(fields) == 1 and None not in fields


class Walk:
    """The elements of a tree in file order, numbered; the parts of number k are those from k + 1 to ends[k]. What is
    there twice has its parts where it comes first (`first`).
    """

    def __init__(self, root: Any) -> None:
        self.elements: list[Any] = []
        self.steps: list[str] = []
        self.parents = array("q")
        self.ends = array("q")
        self.first: dict[int, int] = {}
        self._fill(root)

    def _fill(self, root: Any) -> None:
        known: dict[int, int] = {}
        stack: list[tuple[str, Any, int, int]] = [("", root, -1, 0)]
        while stack:
            step, element, parent, depth = stack.pop()
            if depth < 0:  # all parts of `parent` have been
                self.ends[parent] = len(self.elements)
                continue
            here = len(self.elements)
            self.elements.append(element)
            self.steps.append(step)
            self.parents.append(parent)
            self.ends.append(here + 1)
            if id(element) in known:
                self.first[here] = known[id(element)]
            elif depth < MAX_DEPTH and _has_parts(element):
                known[id(element)] = here
                stack.append(("", None, here, -1))
                stack.extend((p, e, here, depth + 1) for p, e in reversed(list(parts(element))))

    def path(self, number: int, below: int = 0) -> str:
        """The MATLAB path of an element, from the root or from an element that it is a part of."""
        steps = []
        while number != below and number >= 0:
            steps.append(self.steps[number])
            number = self.parents[number]
        return "".join(reversed(steps))


def _has_parts(element: Any) -> bool:
    return isinstance(element, dict | MatlabObject) or (isinstance(element, np.ndarray) and element.dtype == object)


def find(tree: Tree, wanted: Callable[[Any], bool]) -> list[tuple[str, Any]]:
    """Every element that `wanted` accepts, with its MATLAB path, in file order; these are not searched further."""
    walk, found = tree.walk, []
    searched = bytearray(len(walk.elements))
    stack = [(0, len(walk.elements), 0, "")]  # from, to, and the path of what these are parts of
    while stack:
        k, end, below, prefix = stack.pop()
        while k < end:
            if wanted(walk.elements[k]):
                found.append(((prefix + walk.path(k, below)).removeprefix("."), walk.elements[k]))
                k = walk.ends[k]
                continue
            searched[k] = 1
            first = walk.first.get(k)
            k += 1
            if first is not None and not searched[first]:  # its parts are inside something that was accepted
                searched[first] = 1
                stack += [
                    (k, end, below, prefix),
                    (first + 1, walk.ends[first], first, prefix + walk.path(k - 1, below)),
                ]
                break
    return found
