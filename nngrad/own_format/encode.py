"""A network into a file of nngrad's own format (sample_models/README.md), which load() reads back to the last bit.

The one rule: nothing here knows a layer kind. What is written follows from the fields of the dataclasses.
"""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from nngrad.core.activations import Activation
from nngrad.core.graph import Node
from nngrad.core.layers import Sum
from nngrad.core.network import Network, Port, encodable
from nngrad.errors import ModelError, UsageError
from nngrad.own_format.decode import FORMAT, VERSION
from nngrad.tables.files import write

NAME = "net"  # of the struct or group in the file
HEADER = b"MATLAB 5.0 MAT-file, written by nngrad"
MOST_BYTES = 2**31 - 2**20  # of one array in a MAT-file of version 7
Fields = dict[str, Any]


def save(net: Network, path: str | os.PathLike[str]) -> None:
    """Write `net` to path, .h5 or .mat, whole or not at all; UsageError for another suffix, DataError where it can't be written."""
    target = os.fspath(path)
    suffix = os.path.splitext(target)[1].lower()
    if suffix not in WRITERS:
        raise UsageError(f"{target}: networks are written as {' or '.join(WRITERS)}; choose one of these suffixes")
    data = WRITERS[suffix](encoded(net), target)
    write(target, data)


def encoded(net: Network) -> Fields:
    """The network as dicts, lists, text, numbers and float64 arrays: what both containers hold."""
    origin = {f.name: getattr(net.origin, f.name) for f in dataclasses.fields(net.origin)}
    origin["path"] = os.path.basename(net.origin.path)  # where the file stood is nobody's business
    ends_with_y = bool(net.layers) and net.last == len(net.layers)
    moved = [] if ends_with_y else [Node(Sum(), (net.last,))]  # in a file y is the last value
    fields = {
        "format": FORMAT,
        "version": float(VERSION),
        "inputs": [_port(p) for p in net.inputs],
        "outputs": [_port(p) for p in net.outputs],
        "layers": [_layer(node.layer) | {"sources": np.array(node.sources, float)} for node in (*net.layers, *moved)],
        "origin": {name: list(map(encodable, v)) if isinstance(v, tuple) else encodable(v) for name, v in origin.items() if v},
    }
    return dict(_storable(fields))


def _storable(value: Any) -> Any:
    """With texts as every container can hold them: no NUL, nothing that is no character (names in files are of any bytes)."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {name: _storable(member) for name, member in value.items()}
    return [_storable(member) for member in value] if isinstance(value, list) else value


def _port(port: Port) -> Fields:
    fields = {"name": port.name, "size": float(port.size), "columns": list(port.columns) or None, "lower": port.lower, "upper": port.upper}
    fields["integer"] = port.integer or None
    return {name: value for name, value in fields.items() if value is not None}


def _layer(layer: Any) -> Fields:
    """A dataclass by its fields, with a line that says what its arrays are."""
    shapes: list[str] = []
    fields: Fields = {"kind": type(layer).__name__}
    for field in dataclasses.fields(layer):
        value = _value(getattr(layer, field.name), field.name, shapes)
        if value is not None:
            fields[field.name] = value
    return fields | {"shapes": ", ".join(shapes)}


def _value(value: Any, name: str, shapes: list[str]) -> Any:
    """One field; None for nothing."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating) or (isinstance(value, np.ndarray) and not value.ndim):
        return float(value)
    if isinstance(value, Activation):
        return value.name
    if isinstance(value, np.ndarray):
        shapes.append(_shape(value, name))
        return np.asarray(value, float)
    if isinstance(value, dict):
        return {k: _value(v, f"{name}.{k}", shapes) for k, v in value.items()} or None
    if isinstance(value, tuple | list):
        if all(isinstance(v, bool | int | float | np.integer) for v in value):
            return np.array(value, float)
        return [_value(v, f"{name}.{k}", shapes) for k, v in enumerate(value, 1)]
    if dataclasses.is_dataclass(value):
        return _layer(value)
    raise ModelError(f"{name}: values of type {type(value).__name__} have no place in the format")


def _shape(array: np.ndarray, name: str) -> str:
    kind = {"i": " int", "u": " int", "b": " bool"}.get(array.dtype.kind, "")
    order = " F" if array.ndim > 1 and array.strides[0] < array.strides[-1] and array.flags.c_contiguous is False else ""
    return f"{name} {'x'.join(str(n) for n in array.shape)}{kind}{order}"


# containers


def _mat(fields: Fields, target: str) -> bytes:
    """A MAT-file of version 7; the same network gives the same bytes."""
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, {NAME: _for_matlab(fields, target)}, long_field_names=True, do_compression=True, oned_as="column")
    return HEADER.ljust(116) + file.getvalue()[116:]


def _for_matlab(value: Any, target: str) -> Any:
    """Lists as columns of cells; the rest as it is."""
    if isinstance(value, dict):
        return {name: _for_matlab(member, target) for name, member in value.items()}
    if isinstance(value, list):
        cells = np.empty((len(value), 1), object)
        cells[:, 0] = [_for_matlab(member, target) for member in value]
        return cells
    if isinstance(value, np.ndarray) and value.nbytes > MOST_BYTES:
        raise UsageError(f"{target}: an array of {value.nbytes} bytes is too large for a MAT-file of version 7; write .h5")
    return value


def _hdf5(fields: Fields, target: str) -> bytes:
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        _fill(root.create_group(NAME), fields)
    return file.getvalue()


def _fill(group: Any, fields: Fields) -> None:
    """Dicts and lists as groups, the members of a list named 1, 2, ...; names as text."""
    for name, value in fields.items():
        if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
            group.create_dataset(name, data=value, dtype=_utf8())
        elif isinstance(value, dict | list):
            _fill(group.create_group(name), value if isinstance(value, dict) else {str(k): v for k, v in enumerate(value, 1)})
        else:
            group.create_dataset(name, data=value)


def _utf8() -> Any:
    import h5py

    return h5py.string_dtype("utf-8")


WRITERS: dict[str, Callable[[Fields, str], bytes]] = {".h5": _hdf5, ".mat": _mat}
