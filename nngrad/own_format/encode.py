"""A network into a file of nngrad's own format (sample_models/README.md), which load() reads back to the last bit.

The parts are written where they are read: layers.py, ports.py, by the one schema. The containers are made here.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from nngrad.core.graph import Node
from nngrad.core.layers import Sum
from nngrad.core.network import Network
from nngrad.errors import UsageError
from nngrad.own_format.layers import encoded_layer
from nngrad.own_format.ports import encoded_origin, encoded_port
from nngrad.own_format.schema import VERSION
from nngrad.own_format.values import FORMAT, Fields
from nngrad.tables.files import write

NAME = "net"  # of the struct or group in the file
HEADER = b"MATLAB 5.0 MAT-file, written by nngrad"
MOST_BYTES = 2**31 - 2**20  # of one array in a MAT-file of version 7


def save(net: Network, path: str | os.PathLike[str]) -> None:
    """Write `net` to path, .h5 or .mat, whole or not at all; UsageError for another suffix,
    DataError where it fails.
    """
    target = os.fspath(path)
    suffix = os.path.splitext(target)[1].lower()
    if suffix not in WRITERS:
        raise UsageError(f"{target}: networks are written as {' or '.join(WRITERS)}; choose one of these suffixes")
    data = WRITERS[suffix](encoded(net), target)
    write(target, data)


def encoded(net: Network) -> Fields:
    """The network as dicts, lists, text, numbers and float64 arrays: what both containers hold."""
    ends_with_y = bool(net.layers) and net.last == len(net.layers)
    moved = [] if ends_with_y else [Node(Sum(), (net.last,))]  # in a file y is the last value
    fields = {
        "format": FORMAT,
        "version": float(VERSION),
        "inputs": [encoded_port(p) for p in net.inputs],
        "outputs": [encoded_port(p) for p in net.outputs],
        "layers": [
            encoded_layer(node.layer) | {"sources": np.array(node.sources, float)} for node in (*net.layers, *moved)
        ],
        "origin": encoded_origin(net.origin),
    }
    return dict(_storable(fields))


def _storable(value: Any) -> Any:
    """With texts as every container can hold them: no NUL, only characters (names in files are of any bytes)."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {name: _storable(member) for name, member in value.items()}
    return [_storable(member) for member in value] if isinstance(value, list) else value


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
        raise UsageError(
            f"{target}: an array of {value.nbytes} bytes is too large for a MAT-file of version 7; write .h5"
        )
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
            _fill(
                group.create_group(name),
                value if isinstance(value, dict) else {str(k): v for k, v in enumerate(value, 1)},
            )
        else:
            group.create_dataset(name, data=value)


def _utf8() -> Any:
    import h5py

    return h5py.string_dtype("utf-8")


WRITERS: dict[str, Callable[[Fields, str], bytes]] = {".h5": _hdf5, ".mat": _mat}
