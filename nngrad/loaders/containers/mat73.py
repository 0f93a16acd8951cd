"""MAT-files of version 7.3: HDF5 with MATLAB's attributes.

The attributes say what a thing is (MATLAB_class, MATLAB_empty, MATLAB_sparse, MATLAB_object_decode); the arrays
lie transposed and are turned back here, so that no dialect knows that the file was HDF5.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers import mcos
from nngrad.loaders.containers.arrays import filled, rows_of_text
from nngrad.loaders.containers.hdf5 import Store
from nngrad.loaders.containers.mcos import Opaque
from nngrad.loaders.tree import MatlabObject, Tree, Undecoded, printable

NUMERIC = {"double": "f8", "single": "f4", "logical": "f8", "canonical empty": "f8"} | {
    f"{s}int{n}": f"{s or 'i'}{n // 8}" for s in ("", "u") for n in (8, 16, 32, 64)
}
BUILTIN = frozenset({*NUMERIC, "char", "cell", "struct", "function_handle", ""})
INTERNAL = ("#refs#", "#subsystem#")
OPAQUE = 3  # of MATLAB_object_decode


def read(data: bytes) -> Tree:
    """The variables of a MAT v7.3 file."""
    budget = limits.Budget(len(data))
    with Store(data, budget) as store:
        names = store.names(store.root, "")
        raw = {name: _member(store, store.root, name, name, 0) for name in names if name not in INTERNAL}
        wrapper = _wrapper(store) if "#subsystem#" in names else None
    subsystem = mcos.subsystem(wrapper, "<", budget)
    finished = {name: subsystem.finish(value) for name, value in raw.items()}
    subsystem.settle()
    _, found, created = data[:116].decode("latin-1").partition("Created on: ")
    created = created.partition("\0")[0].partition(" HDF5 schema")[0]
    return Tree("MAT v7.3", finished, printable(created) or None if found else None)


def _wrapper(store: Store) -> Any:
    """The column of cells that holds the objects."""
    found = store.member(store.root, "#subsystem#", "#subsystem#")
    if not isinstance(found, h5py.Group) or "MCOS" not in store.names(found, "#subsystem#"):
        return None
    column = store.member(found, "MCOS", "#subsystem#/MCOS")
    if not isinstance(column, h5py.Dataset):
        return None
    values = _plain(store, column, "#subsystem#/MCOS", 0)
    return values.content if isinstance(values, Opaque) else values


def _member(store: Store, parent: h5py.Group, name: str, path: str, depth: int) -> Any:
    return _element(store, store.member(parent, name, path), path, depth)


def _element(store: Store, found: Any, path: str, depth: int) -> Any:
    """A variable, a field or the content of a cell; what is referred to twice is read once."""
    if found is None:
        return np.zeros((0, 0))
    if isinstance(found, Undecoded):
        return found
    if depth > limits.DEPTH:
        raise ModelError(f"'{path[:80]}' is nested deeper than {limits.DEPTH} levels; {limits.ADVICE}")
    address = store.address(found)
    if address not in store.known:
        store.known[address] = Undecoded("reference", "an element that holds itself")
        store.budget.take_elements(1, f"'{path[:80]}'")
        read = _struct if isinstance(found, h5py.Group) else _plain
        store.known[address] = read(store, found, path, depth)
    return store.known[address]


def _class(store: Store, found: Any, path: str) -> str:
    name = store.attribute(found, "MATLAB_class", path)
    return name if isinstance(name, str) else ""


def _flag(store: Store, found: Any, name: str, path: str) -> int:
    value = store.attribute(found, name, path)
    return int(value.flat[0]) if isinstance(value, np.ndarray) and value.size == 1 and 0 <= value.flat[0] < 2**53 else 0


def _plain(store: Store, found: h5py.Dataset, path: str, depth: int) -> Any:
    """A dataset: numbers, text, a cell array, an empty array of any class, or a reference to objects."""
    classname = _class(store, found, path)
    values = store.values(found, path)
    if isinstance(values, Undecoded | h5py.Empty):
        return values if isinstance(values, Undecoded) else np.zeros((0, 0))
    values = np.asarray(values)
    if _flag(store, found, "MATLAB_empty", path):
        return _empty(store, values, classname, path)
    if values.dtype.kind == "O":
        content: Any = _cell(store, values, path, depth)
    elif classname == "char":
        return _char(store, values, path)
    else:
        content = _numbers(values, classname if classname in NUMERIC else "")
    if classname in BUILTIN:
        return content
    return Opaque("MCOS", classname, content)


def _turned(values: np.ndarray) -> np.ndarray:
    """MATLAB's shape: reversed; two dimensions or more."""
    return values.reshape(1, -1) if values.ndim < 2 else values.T


def _numbers(values: np.ndarray, classname: str) -> Any:
    if values.dtype.names and set(values.dtype.names) == {"real", "imag"}:
        values = values["real"] + 1j * values["imag"]
    if values.dtype.kind not in "fiubc":
        return Undecoded(classname or str(values.dtype)[:80], "a type of HDF5 data that MATLAB doesn't write")
    if classname and values.dtype.kind != "c":
        with np.errstate(invalid="ignore"):
            values = values.astype("=" + NUMERIC[classname])
    return _turned(values)


def _char(store: Store, values: np.ndarray, path: str) -> Any:
    if values.dtype.kind not in "iu":
        return Undecoded("char", "text that isn't stored as character codes")
    wide = values.dtype.itemsize > 2
    text = values.astype("<u4" if wide else "<u2").tobytes().decode("utf-32-le" if wide else "utf-16-le", "replace")
    return rows_of_text(text, _turned(values).shape, values.size, store.budget)


def _empty(store: Store, values: np.ndarray, classname: str, path: str) -> Any:
    """An empty array: the dataset holds its dimensions."""
    if values.dtype.kind not in "iu" or values.size < 2:
        raise ModelError(f"'{path[:80]}' is an empty array without dimensions; the file is corrupt")
    shape = tuple(int(n) for n in values.flat)
    count = limits.volume(shape, f"'{path[:80]}'")
    if classname == "char":
        return ""
    if classname == "struct" and count:  # structs without fields
        store.budget.take_elements(count, f"'{path[:80]}'")
        return {} if count == 1 else np.fromiter(({} for _ in range(count)), object, count).reshape(shape, order="F")
    if count:
        raise ModelError(f"'{path[:80]}' is an empty array of {shape}; the file is corrupt")
    return np.zeros(shape) if classname in NUMERIC else np.empty(shape, object)


def _cell(store: Store, references: np.ndarray, path: str, depth: int) -> Any:
    values = [_referred(store, r, f"{path}{{{k}}}", depth) for k, r in enumerate(references.flat, 1)]
    shape = _turned(references).shape
    return np.fromiter(values, object, len(values)).reshape(shape, order="F")


def _referred(store: Store, reference: Any, path: str, depth: int) -> Any:
    if not isinstance(reference, h5py.Reference):
        return Undecoded("cell", "a cell that isn't a reference")
    return _element(store, store.follow(reference, path), path, depth + 1)


def _struct(store: Store, found: h5py.Group, path: str, depth: int) -> Any:
    """A group: a struct, a struct array, a sparse matrix, a function handle, or an object of an old class."""
    classname = _class(store, found, path)
    if store.attribute(found, "MATLAB_sparse", path) is not None:
        return _sparse(store, found, path)
    names = _names(store, found, path)
    records = _records(store, found, names, path, depth)
    if classname == "function_handle":
        return Opaque("function", classname, records)
    if classname in BUILTIN:
        return records
    if _flag(store, found, "MATLAB_object_decode", path) == OPAQUE:
        return Opaque("MCOS", classname, records)
    if isinstance(records, dict):
        return MatlabObject(classname, records)
    instances = (MatlabObject(classname, record) for record in records.ravel(order="F"))
    return np.fromiter(instances, object, records.size).reshape(records.shape, order="F")


def _names(store: Store, found: h5py.Group, path: str) -> list[str]:
    """The members in the order of the fields, where the file states it."""
    names = store.names(found, path)
    order = store.attribute(found, "MATLAB_fields", path)
    if not isinstance(order, list):
        return names
    places = {name: k for k, name in enumerate(order)}
    return sorted(names, key=lambda name: places.get(name, len(places)))


def _records(store: Store, found: h5py.Group, names: list[str], path: str, depth: int) -> Any:
    """The fields as a dict; in a struct array every field is a dataset of references without a class."""
    members = {name: store.member(found, name, f"{path}.{name}") for name in names}
    if not members or not all(_is_field_of_array(store, member, path) for member in members.values()):
        return {name: _element(store, member, f"{path}.{name}", depth + 1) for name, member in members.items()}
    columns = {name: _cells_of_field(store, member, f"{path}.{name}", depth) for name, member in members.items()}
    shapes = {column.shape for column in columns.values()}
    if len(shapes) > 1:
        raise ModelError(
            f"'{path[:80]}' is a struct array whose fields have different sizes {sorted(shapes)[:3]}; the file is corrupt"
        )
    shape = shapes.pop()
    flat = {name: column.ravel(order="F") for name, column in columns.items()}
    count = limits.volume(shape, f"'{path[:80]}'")
    store.budget.take_elements(count * len(names), f"'{path[:80]}'")
    records = ({name: flat[name][k] for name in names} for k in range(count))
    return np.fromiter(records, object, count).reshape(shape, order="F")


def _is_field_of_array(store: Store, member: Any, path: str) -> bool:
    return isinstance(member, h5py.Dataset) and store.holds_references(member, path) and not _class(store, member, path)


def _cells_of_field(store: Store, member: h5py.Dataset, path: str, depth: int) -> np.ndarray:
    values = store.values(member, path)
    return _cell(store, np.asarray([] if isinstance(values, Undecoded) else values, object), path, depth)


def _sparse(store: Store, found: h5py.Group, path: str) -> Any:
    """A column-compressed matrix; the attribute is its number of rows."""
    parts: dict[str, Any] = {}
    for name in ("ir", "jc", "data"):
        member = store.member(found, name, f"{path}/{name}") if name in found else None
        values = store.values(member, f"{path}/{name}") if isinstance(member, h5py.Dataset) else np.zeros(0, np.uint64)
        parts[name] = (
            np.zeros(0, np.uint64) if isinstance(values, Undecoded | h5py.Empty) else np.asarray(values).ravel()
        )
    data = parts["data"]
    real, imaginary = (
        (data["real"], data["imag"]) if data.dtype.names and set(data.dtype.names) == {"real", "imag"} else (data, None)
    )
    if any(v.dtype.kind not in "fiub" for v in (parts["ir"], parts["jc"], real)):
        raise ModelError(f"'{path[:80]}' is a sparse matrix without numbers; the file is corrupt")
    shape = (_flag(store, found, "MATLAB_sparse", path), max(parts["jc"].size - 1, 0))
    return filled(shape, parts["ir"], parts["jc"], real, imaginary, store.budget)
