"""Reading the members of structs and groups of our own format: numbers, texts and lists, or a refusal by name.

A struct of a MAT-file and an HDF5 group are alike: a member of a group may also be an attribute. Only an empty matrix
[] counts as absent: a struct array fills its gaps with it. Every function raises ModelError with the `path` of what it
read.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders.tree import Group, Undecoded, is_cell, is_numeric

Fields = dict[str, Any]

FORMAT = "nngrad network"
COMMON = {"kind", "sources", "shapes"}  # members of every layer
IGNORED = frozenset({"name", "comment", "description"})  # for people: may stand anywhere and hold anything
OF_TOOLS = frozenset(
    {"CLASS", "TITLE", "VERSION", "PYTABLES_FORMAT_VERSION"}
)  # attributes that PyTables gives to every group


def get(element: Fields, name: str) -> Any:
    """A field, or in HDF5 an attribute; None where it is absent or an empty matrix."""
    value = element.get(name)
    if value is None and isinstance(element, Group):
        value = element.attributes.get(name)
    return None if is_numeric(value) and value.shape == (0, 0) else value


def names_in(element: Fields, path: str) -> set[str]:
    """What is present, but for what HDF5 tools write on their own account."""
    attributes = set(element.attributes) - OF_TOOLS if isinstance(element, Group) else set()
    if twice := sorted(attributes & set(element)):
        raise ModelError(
            f"{path}.{twice[0]}: stands there twice, as a member and as an attribute; leave one of them out"
        )
    return {name for name in set(element) | attributes if get(element, name) is not None}


def only(element: Fields, known: set[str], path: str, what: str) -> None:
    """Refuses a member that is not among those known."""
    unknown = sorted(names_in(element, path) - known - IGNORED)
    if unknown:
        near = difflib.get_close_matches(unknown[0], sorted(known), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        members = ", ".join(sorted(known - COMMON)) or "none"
        raise ModelError(f"{path}.{clipped(unknown[0])}: not a field of {what}; it takes {members}{hint}")


def takes(fields: Fields, known: set[str], path: str) -> None:
    """Refuses a member that a layer of its kind doesn't have."""
    only(fields, known | COMMON, path, f"kind {text_of(fields, 'kind', path)}")


def clipped(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:57]}..."


def as_text(value: Any) -> str | None:
    """A text, also as the only one of a list or cell; None where it is anything else."""
    texts = as_texts(value)
    return texts[0] if texts and len(texts) == 1 else None


def as_texts(value: Any) -> tuple[str, ...] | None:
    """Names: a cell of char, a char matrix, a string array, or one name; None where it is none of these."""
    if is_cell(value):
        value = value.ravel(order="F").tolist()
    items = [value] if isinstance(value, str) else value
    return tuple(items) if isinstance(items, list) and all(isinstance(v, str) for v in items) else None


def text_of(fields: Fields, name: str, path: str) -> str | None:
    """A field that is a text; None where it is absent, refused where it is anything else."""
    value = get(fields, name)
    text = as_text(value)
    if value is not None and text is None:
        raise ModelError(f"{path}.{name}: {described(value)}, not a text")
    return text


def texts_of(fields: Fields, name: str, path: str) -> tuple[str, ...] | None:
    """A field that is a list of texts; None where it is absent, refused where it is anything else."""
    value = get(fields, name)
    texts = as_texts(value)
    if value is not None and texts is None:
        raise ModelError(f"{path}.{name}: {described(value)}, not a list of texts")
    return texts


def described(value: Any) -> str:
    match value:
        case Undecoded(reason=reason):
            return f"not decoded ({reason})"
        case str():
            return f"the text {clipped(value)!r}"
        case list():
            return f"{len(value)} texts"
        case np.ndarray() if value.dtype == np.float64:
            return "a number" if value.size == 1 else f"an array of {extents_of(value.shape)} numbers"
        case np.ndarray():
            return f"a cell of {extents_of(value.shape)}" if value.dtype == object else "complex numbers"
        case dict():
            return "a group" if isinstance(value, Group) else "a struct"
    return f"a {type(value).__name__}"


def sequence(value: Any, path: str) -> list[Any]:
    """A cell, a struct array, one struct, or a group whose members are numbered."""
    if isinstance(value, np.ndarray) and (value.dtype == object or not value.size):
        return value.ravel(order="F").tolist()
    if not isinstance(value, dict):
        raise ModelError(
            f"{path}: {'missing' if value is None else 'not a list'}; it is a cell of structs, or a group with members 1, 2, ..."
        )
    numbers = {name: int(m[1]) for name in value if (m := re.search(r"(\d{1,9})$", name))}
    if not value or len(numbers) < len(value):
        return [value]
    if isinstance(value, Group):
        only(Group({}, value.attributes), set(), path, "a list")
    if sorted(numbers.values()) != list(range(1, len(numbers) + 1)):
        raise ModelError(f"{path}: its members {short(sorted(numbers))} are not numbered from 1 to {len(numbers)}")
    return [value[name] for name in sorted(numbers, key=lambda n: numbers[n])]


def as_array(value: Any, path: str) -> np.ndarray:
    if not is_numeric(value):
        raise ModelError(
            f"{path}: {'missing' if value is None else f'not an array of real numbers, but {described(value)}'}"
        )
    return value


def as_vector(value: Any, path: str) -> np.ndarray:
    array = as_array(value, path)
    if max((1, *array.shape)) < array.size:
        raise ModelError(f"{path}: {extents_of(array.shape)} where a vector belongs")
    return np.ascontiguousarray(array.ravel())


def as_matrix(value: Any, path: str) -> np.ndarray:
    array = as_array(value, path)
    if array.ndim != 2:
        raise ModelError(f"{path}: {extents_of(array.shape)} where a matrix of outputs x inputs belongs")
    return np.ascontiguousarray(array)


def as_whole(value: Any, path: str) -> int:
    number = as_number(value, path)
    if not abs(number) < 2**53 or number != int(number):
        raise ModelError(f"{path}: {number:g} is not a whole number")
    return int(number)


def as_flag(value: Any, path: str) -> bool:
    """0 or 1; absent is 0."""
    number = 0.0 if value is None else as_number(value, path)
    if number not in (0.0, 1.0):
        raise ModelError(f"{path}: {number:g}; it is 0 or 1")
    return number == 1.0


def as_number(value: Any, path: str) -> float:
    array = as_array(value, path)
    if array.size != 1:
        raise ModelError(f"{path}: {array.size} numbers where one belongs")
    return float(array.ravel()[0])


def extents_of(shape: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in shape) or "one number"


def short(values: Any) -> str:
    listed = [f"{v:g}" if isinstance(v, float) else str(v) for v in list(values)[:8]]
    return ", ".join(listed) + (", ..." if len(values) > 8 else "")
