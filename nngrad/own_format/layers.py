"""A layer of one of the kinds <-> a struct with the fields of its dataclass and a line `shapes` about its arrays.

`shapes` is such as "W 10x3 F, index 3 int": name, extents, type (float64 unless said), F where the matrix is stored
column by column. Containers change the shapes, the types and the order of arrays; with this line a layer comes back to
the last bit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nngrad.core.activations import BY_NAME, Activation
from nngrad.core.layers import Layer
from nngrad.errors import ModelError
from nngrad.loaders.activation_names import near_activations
from nngrad.loaders.tree import Group
from nngrad.own_format.schema import ARRAYS, BY_CLASS, KIND_FIELDS, VECTOR, KindField
from nngrad.own_format.values import (
    Fields,
    as_array,
    as_flag,
    as_number,
    as_text,
    as_vector,
    as_whole,
    clipped,
    described,
    extents_of,
    get,
    names_in,
    takes,
    text_of,
)

ORDER_ADVICE = (
    "W is outputs x inputs; HDF5 files written from MATLAB, R or Julia say so with array_order = 'column-major'"
)
SHAPE = re.compile(r"(\S+) (\d{1,10}(?:x\d{1,10})*)((?: (?:int|bool|F))*)")
TYPES: dict[str, type] = {"int": np.int64, "bool": np.bool_}  # of arrays in `shapes`; every other array is of float64
TYPE_OF = {"i": "int", "u": "int", "b": "bool"}  # by the kind of NumPy's type


class ArrayShape(NamedTuple):
    """What `shapes` says of an array: its type ("" for float64), its extents, its order in memory (C or F)."""

    type: str
    extents: tuple[int, ...]
    order: str

    @classmethod
    def of(cls, a: np.ndarray) -> ArrayShape:
        fortran = a.ndim > 1 and a.strides[0] < a.strides[-1] and not a.flags.c_contiguous
        return cls(TYPE_OF.get(a.dtype.kind, ""), a.shape, "F" if fortran else "C")

    def __str__(self) -> str:
        return " ".join(filter(None, ("x".join(map(str, self.extents)), self.type, "F" * (self.order == "F"))))


Shapes = dict[str, ArrayShape]


# a layer


def encoded_layer(layer: Layer) -> Fields:
    """The struct of a layer, without its sources: texts, numbers, float64 arrays, and structs of them.

    ModelError for a layer that is none of the kinds, which could not be read back.
    """
    kind, shapes = type(layer).__name__, dict[str, ArrayShape]()
    if kind not in KIND_FIELDS:
        raise ModelError(f"layers of type {kind} have no place in the format")
    fields: Fields = {"kind": kind}
    for field in KIND_FIELDS[kind]:
        value = _type_of(field).write(getattr(layer, field.name), field.name, shapes)
        if value is not None:
            fields[field.name] = value
    return fields | {"shapes": ", ".join(f"{name} {shape}" for name, shape in shapes.items())}


def decoded_layer(kind: str, fields: Fields, path: str) -> Any:
    """A layer of a kind, by its name; ModelError where a member does not fit, or is none of its fields."""
    known = {field.name for field in KIND_FIELDS[kind]}
    takes(fields, known, path)
    shapes = shapes_of(text_of(fields, "shapes", path) or "", path)
    if unknown := sorted(name for name in shapes if name.partition(".")[0] not in known):
        raise ModelError(f"{path}.shapes: {clipped(unknown[0])} is not a field of {kind}")
    if others := sorted(name for name in shapes if not _may_be_array(name, kind)):
        raise ModelError(f"{path}.shapes: {clipped(others[0])} is no array of a {kind}")
    values = {}
    for field in KIND_FIELDS[kind]:
        value = get(fields, field.name) if field.name not in shapes else _raw(fields, field.name)
        if value is not None or field.required:
            values[field.name] = _type_of(field).read(value, field.name, shapes, path)
    return BY_CLASS[kind](**values)


def _may_be_array(name: str, kind: str) -> bool:
    """Whether `shapes` may speak of it: an array, or a member of a record."""
    first, dot, _ = name.partition(".")
    return any(field.name == first and field.type is (dict if dot else np.ndarray) for field in KIND_FIELDS[kind])


def _type_of(field: KindField) -> FieldType:
    if field.type not in FIELD_TYPES:
        raise ModelError(
            f"{field.name}: values of type {getattr(field.type, '__name__', field.type)} have no place in the format"
        )
    return FIELD_TYPES[field.type]


def _raw(fields: Fields, name: str) -> Any:
    """A member, also where it is an empty matrix: `shapes` says that it is there."""
    return fields.get(name, fields.attributes.get(name) if isinstance(fields, Group) else None)


def shapes_of(line: str, path: str) -> Shapes:
    """'W 10x3 F, index 3 int' by name."""
    found: Shapes = {}
    for item in filter(None, (part.strip() for part in line.split(","))):
        match = SHAPE.fullmatch(item)
        if not match:
            raise ModelError(
                f"{path}.shapes: {clipped(item)!r} is not a name and a shape, such as 'W 10x3' or 'index 3 int'"
            )
        if match[1] in found:
            raise ModelError(f"{path}.shapes: {clipped(match[1])} stands there twice")
        words = match[3].split()
        kind = next((w for w in words if w != "F"), "")
        found[match[1]] = ArrayShape(kind, tuple(int(n) for n in match[2].split("x")), "F" if "F" in words else "C")
    return found


# its fields, by their types


def _write_array(value: Any, name: str, shapes: Shapes) -> np.ndarray:
    shapes[name] = ArrayShape.of(value)
    return np.asarray(value, float)


def _read_array(value: Any, name: str, shapes: Shapes, path: str) -> np.ndarray:
    """An array with the axes and the type that it should have: NumPy would broadcast any other."""
    if name not in shapes:
        raise ModelError(f"{path}.{name}: .shapes says nothing of it; such as '{name} 10x3'")
    found, rule = _shaped(value, shapes[name], f"{path}.{name}"), ARRAYS.get(name, VECTOR)
    if found.ndim != rule.axes or (rule.type and found.dtype.kind != rule.type[0]):
        raise ModelError(f"{path}.shapes: {name} is {extents_of(found.shape)} {found.dtype.name}; it is {rule.should}")
    return found


def _shaped(value: Any, shape: ArrayShape, path: str) -> np.ndarray:
    """An array with its type, shape and order in memory: the order decides about the last bits of products."""
    a = as_array(value, path)
    extents = [n for n in a.shape if n != 1]
    if a.size != np.prod([float(n) for n in shape.extents]) or (
        a.size and extents != [n for n in shape.extents if n != 1]
    ):
        raise ModelError(
            f"{path}: {extents_of(a.shape)} in the file, {extents_of(shape.extents)} in shapes; {ORDER_ADVICE}"
        )
    a = a.reshape(shape.extents)
    if shape.type:
        if not np.isfinite(a).all() or np.any(a != np.round(a)) or np.any(np.abs(a) >= 2**53):
            raise ModelError(f"{path}: not whole numbers")
        return a.astype(TYPES[shape.type])
    return np.array(a, order=shape.order)  # type: ignore[call-overload]


def _write_record(value: dict[str, Any], name: str, shapes: Shapes) -> Fields | None:
    """Numbers and arrays by name; nothing for none."""
    return {k: _write_array(v, f"{name}.{k}", shapes) if np.ndim(v) else float(v) for k, v in value.items()} or None


def _read_record(value: Any, name: str, shapes: Shapes, path: str) -> dict[str, Any]:
    path = f"{path}.{name}"
    if not isinstance(value, dict):
        raise ModelError(f"{path}: {described(value)}, not a struct of numbers")
    members = {k: get(value, k) for k in names_in(value, path)}
    if unknown := sorted(k for k in shapes if k.startswith(f"{name}.") and k.removeprefix(f"{name}.") not in members):
        raise ModelError(f"{path}: {clipped(unknown[0])} is in .shapes, but not there")
    return {
        k: _shaped(v, shapes[f"{name}.{k}"], f"{path}.{k}") if f"{name}.{k}" in shapes else as_number(v, f"{path}.{k}")
        for k, v in members.items()
    }


def _read_activation(value: Any, name: str, shapes: Shapes, path: str) -> Activation:
    spelled = as_text(value)
    if spelled not in BY_NAME:
        found = described(value) if spelled is None else f"activation {clipped(spelled)!r}"
        raise ModelError(f"{path}.{name}: {found} is not supported; {near_activations(spelled or '')}")
    return BY_NAME[spelled]


def _read_sizes(value: Any, name: str, shapes: Shapes, path: str) -> tuple[int, ...]:
    return tuple(as_whole(np.array([v]), f"{path}.{name}") for v in as_vector(value, f"{path}.{name}"))


def _scalar(read: Callable[[Any, str], Any]) -> FieldType:
    """A type that is written as a number."""
    return FieldType(
        lambda value, name, shapes: float(value), lambda value, name, shapes, path: read(value, f"{path}.{name}")
    )


class FieldType(NamedTuple):
    """How a field is written: write(value, name, shapes) adds to the shapes and gives None for nothing to write; and
    how it is read: read(stored, name, shapes, path of the layer).
    """

    write: Callable[[Any, str, Shapes], Any]
    read: Callable[[Any, str, Shapes, str], Any]


FIELD_TYPES: dict[Any, FieldType] = {
    np.ndarray: FieldType(_write_array, _read_array),
    Activation: FieldType(lambda value, name, shapes: value.name, _read_activation),
    dict: FieldType(_write_record, _read_record),
    tuple: FieldType(lambda value, name, shapes: np.array(value, float), _read_sizes),
    int: _scalar(as_whole),
    bool: _scalar(as_flag),
    float: _scalar(as_number),
}
