"""Reading the fields of MATLAB's objects and structs: numbers, texts, cells and sizes, however MATLAB wraps them.

Two families. `number`, `vector` take a struct and the name of a field, and refuse a field of another type with a
ModelError that begins with the field (".gain: ..."); `located` puts the path of the struct in front of it. `numbers`,
`names`, `categories`, `cells` and `inside` take a value and give None (or nothing) where it is of another type: the
caller knows what that means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders.tree import MatlabObject, is_cell, is_numeric, shown

Fields = dict[str, Any]

UNTRAINED = "it was never trained; train it and save the trained network (the result of trainnet, trainNetwork or a custom training loop)"
MOST_WRAPPERS = 6  # dlarray in a struct in an object ...


# a field of a struct, or an error


def vector(fields: Fields, name: str) -> np.ndarray | None:
    """A numeric field as a flat float64 array (n,), column by column; None where it is absent, ModelError where it
    isn't numbers.
    """
    value = fields.get(name)
    if value is None:
        return None
    if not is_numeric(value):
        raise ModelError(f".{name}: {shown(value)}, not an array of real numbers")
    return value.ravel(order="F")


def number(fields: Fields, name: str, default: float | None = None) -> float:
    """A numeric field of one number; the default stands only for a field that is absent; else ModelError."""
    if default is not None and name not in fields:
        return default
    value = fields.get(name)
    if not is_numeric(value) or value.size != 1:
        raise ModelError(f".{name}: one number is missing")
    return float(value.ravel()[0])


def located(path: str, call: Callable[..., Any], *args: Any) -> Any:
    """call(*args); a ModelError or ValueError of it becomes a ModelError that begins with the path."""
    try:
        return call(*args)
    except ModelError as e:
        raise ModelError(f"{path}{e}") from None
    except ValueError as e:
        raise ModelError(f"{path}: {e}") from None


def cell_at(fields: Fields, name: str, i: int, j: int) -> Any:
    """What stands in row i, column j (from 0) of a cell; ModelError where there is no such place."""
    value = fields.get(name)
    if not is_cell(value) or value.ndim != 2 or not (i < value.shape[0] and j < value.shape[1]):
        raise ModelError(f".{name}{{{i + 1},{j + 1}}}: missing; the object is damaged or no network")
    return value[i, j]


def struct_at(fields: Fields, name: str, i: int, j: int) -> Fields:
    """The fields of the struct or object in row i, column j (from 0) of a cell; ModelError where there is none."""
    value = cell_at(fields, name, i, j)
    if not isinstance(value, dict | MatlabObject):
        raise ModelError(f".{name}{{{i + 1},{j + 1}}}: not a struct; the object is damaged or no network")
    return members(value)


# a value, or None


def members(value: Any) -> Fields:
    """The fields of an object or a struct; none of anything else."""
    value = value.fields if isinstance(value, MatlabObject) else value
    return value if isinstance(value, dict) else {}


def inside(fields: Fields, *path: str) -> Any:
    """A field of structs and objects in each other; None where there is none."""
    value: Any = fields
    for name in path:
        value = members(value).get(name)
    return value


def numbers(value: Any) -> np.ndarray | None:
    """The float64 array in a stored parameter: as it is, or inside a struct, a dlarray, a gpuArray; None where there is
    none.
    """
    for _ in range(MOST_WRAPPERS):
        if is_numeric(value):
            return value
        if isinstance(value, MatlabObject):
            value = value.fields
        if isinstance(value, dict):
            value = next((value[name] for name in ("Value", "Data", "any") if name in value), None)
        elif is_cell(value) and value.size:
            value = value.ravel(order="F")[-1]  # gpuArray: a version, then the array
        else:
            return None
    return None


def cells(value: Any, most: int) -> list[Any]:
    """The entries of a cell, column by column; an empty list for anything else, and for more than `most` entries."""
    return value.ravel(order="F").tolist() if is_cell(value) and value.size <= most else []


def names(value: Any) -> list[str] | None:
    """A list of texts: a cell of them, a string array, a char matrix, or one text; None for anything else."""
    if isinstance(value, str):
        return [value]
    if is_cell(value):
        value = value.ravel(order="F").tolist()
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return value
    return None


def categories(value: Any) -> list[str] | None:
    """The classes of a classifier: a categorical, texts, or numbers; None where they are unknown ('auto')."""
    if isinstance(value, MatlabObject) and value.classname == "categorical":
        known, codes = names(value.fields.get("categoryNames")), value.fields.get("codes")
        if known is None or not is_numeric(codes):
            return known
        index = codes.ravel(order="F").astype(int) - 1
        return [known[k] for k in index] if index.size and index.min() >= 0 and index.max() < len(known) else known
    if is_numeric(value):
        return [f"{v:g}" for v in value.ravel(order="F")]
    return names(value) if not isinstance(value, str) else None  # "auto"


# sizes in messages


def by(shape: Iterable[float]) -> str:
    """3x4."""
    return "x".join(f"{n:g}" if isinstance(n, float) else str(n) for n in shape)


def sized(value: Any) -> str:
    """What stands where numbers belong: "3x4 values", or the type of what is no array."""
    return f"{by(value.shape)} values" if isinstance(value, np.ndarray) else type(value).__name__
