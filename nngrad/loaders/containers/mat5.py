"""MAT-files of versions 5, 6 and 7 from their bytes: header, variables, compression, the store of objects.

No size that the file states is believed before it has been compared with the bytes that are there and charged to the
budget. What is broken is a ModelError that says where; what is merely not understood becomes Undecoded. Layout:
MathWorks, "MAT-File Format" (the public description of version 5 files).
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers import mcos
from nngrad.loaders.containers.mat5_elements import MATRIX, ElementReader
from nngrad.loaders.containers.mcos import Opaque, Subsystem
from nngrad.loaders.tree import Tree, printable

HEADER = 128
COMPRESSED = 15
DEFLATE_RATIO = 1040  # more than zlib can do
FLUSH = b"\x00\x00\xff\xff"


def read(data: bytes) -> Tree:
    """The variables of a MAT v5 file."""
    if len(data) < HEADER:
        raise ModelError(f"truncated: its header has {len(data)} of {HEADER} bytes; copy the file again")
    order = "<" if data[126:128] == b"IM" else ">"
    budget = limits.Budget(len(data))
    (offset,) = struct.unpack_from(order + "Q", data, 116)
    variables: dict[str, Any] = {}
    workspace: Any = None
    compressed, position = False, HEADER
    while position < len(data):
        if not any(data[position : position + 8]) and not any(data[position:]):
            break  # padding
        start, (code, content, position) = position, _top_element(data, position, order, budget)
        compressed |= code == COMPRESSED
        name, value = _variable(content, order, budget, start)
        if start == offset or not name:
            workspace = value if start == offset or workspace is None else workspace
        else:
            variables[name] = value
    subsystem = _subsystem(workspace, budget)
    finished = {name: subsystem.finish(value) for name, value in variables.items()}
    subsystem.settle()
    return Tree("MAT v7" if compressed else "MAT v5", finished, _created(data))


def _created(data: bytes) -> str | None:
    text = data[:116].decode("latin-1").rstrip("\0 ")
    _, found, created = text.partition("Created on: ")
    return printable(created.partition("\0")[0]) or None if found else None


def _top_element(data: bytes, position: int, order: str, budget: limits.Budget) -> tuple[int, bytes | memoryview, int]:
    """The kind of a top-level element, the bytes of its matrix with its tag, and where the next one begins."""
    if len(data) - position < 8:
        raise ModelError(
            f"truncated at byte {position}: {len(data) - position} bytes are left, an element needs 8; copy the file again"
        )
    code, count = struct.unpack_from(order + "II", data, position)
    end = position + 8 + count
    if code not in (MATRIX, COMPRESSED):
        raise ModelError(
            f"corrupt at byte {position}: element of type {code} where a variable must stand; copy the file again"
        )
    if end > len(data):
        raise ModelError(
            f"truncated: the variable at byte {position} has {count} bytes, {len(data) - position - 8} are left; copy the file again"
        )
    if code == MATRIX:
        return code, memoryview(data)[position:end], end
    return code, _inflated(memoryview(data)[position + 8 : end], position, order, budget), end


def _inflated(packed: memoryview, position: int, order: str, budget: limits.Budget) -> bytes:
    """A compressed element, unpacked: its own tag says how long it is. What ends there ends with a checksum that must
    be right; some writers only flush the stream, so one without an end is whole if it holds every byte that it states.
    """
    stream = zlib.decompressobj()
    try:
        head = stream.decompress(packed, 8)
        if len(head) < 8:
            raise ModelError(f"corrupt at byte {position}: the compressed variable is empty; copy the file again")
        (count,) = struct.unpack(order + "I", head[4:])
        if count > DEFLATE_RATIO * len(packed):
            raise ModelError(
                f"corrupt: {len(packed)} bytes at byte {position} can't hold the {count} that they state; copy the file again"
            )
        budget.take_bytes(count, f"the variable at byte {position}")
        body = stream.decompress(stream.unconsumed_tail, count + 1)
        if not stream.eof and len(body) <= count:
            body += stream.decompress(stream.unconsumed_tail, 1)
    except zlib.error as error:
        raise ModelError(
            f"corrupt: the compressed variable at byte {position} can't be unpacked ({error}); copy the file again"
        ) from None
    if len(body) != count or not (stream.eof or _is_flushed(packed)):
        raise ModelError(
            f"corrupt: the compressed variable at byte {position} hasn't the {count} bytes that it states; copy the file again"
        )
    return head + body


def _is_flushed(packed: memoryview) -> bool:
    """Whether a zlib stream ends with a flush, an empty stored block, instead of its checksum."""
    return bytes(packed[-len(FLUSH) :]) == FLUSH


def _variable(content: bytes | memoryview, order: str, budget: limits.Budget, start: int) -> tuple[str, Any]:
    reader = ElementReader(content, order, budget)
    try:
        code, first, count, _ = reader.tag(0, len(content))
        if code != MATRIX:
            raise ModelError(f"element of type {code} where an array must stand")
        with np.errstate(invalid="ignore"):  # a signalling NaN of single precision, or one in an array of integers
            return reader.matrix(first, first + count, 0)
    except ModelError as error:
        name = f" '{reader.name}'" if reader.name else ""
        raise ModelError(f"the variable{name} at byte {start} can't be read: {error}") from None


def _subsystem(workspace: Any, budget: limits.Budget) -> Subsystem:
    """The store of MCOS objects: a small MAT stream inside a uint8 array."""
    if not isinstance(workspace, np.ndarray) or workspace.dtype != np.uint8 or workspace.size < 16:
        return mcos.subsystem(None, "<", budget)
    data = workspace.tobytes(order="F")
    order = {b"IM": "<", b"MI": ">"}.get(data[2:4])
    if order is None:
        return mcos.subsystem(None, "<", budget)
    _, value = _variable(memoryview(data)[8:], order, budget, 8)
    wrapper = value.get("MCOS") if isinstance(value, dict) else None
    return mcos.subsystem(wrapper.content if isinstance(wrapper, Opaque) else None, order, budget)
