"""What our own format consists of, said once for writing and reading: its members, and the fields of every kind.

A new layer kind needs nothing here, unless it has an array that is no vector of numbers (one line in ARRAYS), or a
field of a new type (one entry in layers.FIELD_TYPES).
"""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, NamedTuple

from nngrad.core.layers import KINDS, Layer
from nngrad.core.ports import Origin

VERSION = 1
COLUMN_MAJOR, ROW_MAJOR = "column-major", "row-major"

TOP = {"format", "version", "inputs", "outputs", "layers", "origin", "array_order"}
PORT = {"name", "size", "columns", "lower", "upper", "units", "integer"}
ORIGIN = {
    field.name: isinstance(field.default, tuple) for field in dataclasses.fields(Origin)
}  # texts, and whether several

BY_CLASS = {kind.__name__: kind for kind in KINDS}


class ArrayRule(NamedTuple):
    """The axes of an array, and its type in `shapes`: "" for float64."""

    axes: int = 1
    type: str = ""

    @property
    def should(self) -> str:
        return f"{'a matrix' if self.axes == 2 else 'a vector'}{f' of type {self.type}' if self.type else ''}"


VECTOR = ArrayRule()
ARRAYS = {  # arrays of the kinds by name; all others are vectors of numbers
    **dict.fromkeys(("W", "C"), ArrayRule(axes=2)),
    **dict.fromkeys(("index", "source"), ArrayRule(type="int")),
    **dict.fromkeys(("flag", "filled"), ArrayRule(type="bool")),
}
MATRICES = tuple(name for name, rule in ARRAYS.items() if rule.axes == 2)


class KindField(NamedTuple):
    """A field of a layer kind: its name, the type that its annotation begins with (tuple of tuple[int, ...]), whether
    it must be there.
    """

    name: str
    type: Any
    required: bool


def _fields_of(kind: type) -> tuple[KindField, ...]:
    """The fields of a kind, in the order of its dataclass."""
    hints, missing = typing.get_type_hints(kind), dataclasses.MISSING
    return tuple(
        KindField(
            f.name,
            typing.get_origin(hints[f.name]) or hints[f.name],
            f.default is missing and f.default_factory is missing,
        )
        for f in dataclasses.fields(kind)
    )


KIND_FIELDS: dict[str, tuple[KindField, ...]] = {name: _fields_of(kind) for name, kind in BY_CLASS.items()}


def takes_several(layer: Layer) -> bool:
    """Whether a layer reads more than one value."""
    if layer.takes is not None:
        return len(layer.takes) > 1
    try:
        layer.size(1, 1)
    except ValueError:
        return False
    return True
