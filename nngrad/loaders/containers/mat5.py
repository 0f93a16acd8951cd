"""MAT-files of versions 5, 6 and 7, straight from their bytes.

Its one rule: no size that the file states is believed before it has been compared with the bytes that are there and charged to
the budget. What is broken is a ModelError that says where; what is merely not understood becomes Undecoded.
Layout: MathWorks, "MAT-File Format" (the public description of version 5 files).
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, NamedTuple

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers import mcos
from nngrad.loaders.containers.mcos import Opaque, Subsystem
from nngrad.loaders.tree import MatlabObject, Tree, Undecoded, printable

HEADER = 128
INT8, INT32, UINT32, MATRIX, COMPRESSED = 1, 5, 6, 14, 15
STORAGE = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
TEXT = {1: "latin-1", 2: "latin-1", 16: "utf-8", 3: "utf-16", 4: "utf-16", 17: "utf-16", 5: "utf-32", 6: "utf-32", 18: "utf-32"}
NUMERIC = {n: np.dtype(t) for n, t in enumerate(("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"), 6)}
CELL, STRUCT, OBJECT, CHAR, SPARSE, FUNCTION, OPAQUE = 1, 2, 3, 4, 5, 16, 17
DEFLATE_RATIO = 1040  # more than zlib can do
USUAL_BYTES = 40  # of a header: flags, two dimensions, no name
FLUSH = b"\x00\x00\xff\xff"


class ArrayHeader(NamedTuple):
    """The flags, the shape and the name that every array starts with; `position` is where its data begin."""

    kind: int
    logical: bool
    complex: bool
    shape: tuple[int, ...]
    name: str
    position: int


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
        raise ModelError(f"truncated at byte {position}: {len(data) - position} bytes are left, an element needs 8; copy the file again")
    code, count = struct.unpack_from(order + "II", data, position)
    end = position + 8 + count
    if code not in (MATRIX, COMPRESSED):
        raise ModelError(f"corrupt at byte {position}: element of type {code} where a variable must stand; copy the file again")
    if end > len(data):
        raise ModelError(
            f"truncated: the variable at byte {position} has {count} bytes, {len(data) - position - 8} are left; copy the file again"
        )
    if code == MATRIX:
        return code, memoryview(data)[position:end], end
    return code, _inflated(memoryview(data)[position + 8 : end], position, order, budget), end


def _inflated(packed: memoryview, position: int, order: str, budget: limits.Budget) -> bytes:
    """A compressed element, unpacked: its own tag says how long it is. What ends there ends with a checksum that must be right; some
    writers only flush the stream, so one without an end is whole if it holds every byte that it states.
    """
    stream = zlib.decompressobj()
    try:
        head = stream.decompress(packed, 8)
        if len(head) < 8:
            raise ModelError(f"corrupt at byte {position}: the compressed variable is empty; copy the file again")
        (count,) = struct.unpack(order + "I", head[4:])
        if count > DEFLATE_RATIO * len(packed):
            raise ModelError(f"corrupt: {len(packed)} bytes at byte {position} can't hold the {count} that they state; copy the file again")
        budget.take_bytes(count, f"the variable at byte {position}")
        body = stream.decompress(stream.unconsumed_tail, count + 1)
        if not stream.eof and len(body) <= count:
            body += stream.decompress(stream.unconsumed_tail, 1)
    except zlib.error as error:
        raise ModelError(f"corrupt: the compressed variable at byte {position} can't be unpacked ({error}); copy the file again") from None
    if len(body) != count or not (stream.eof or _is_flushed(packed)):
        raise ModelError(
            f"corrupt: the compressed variable at byte {position} hasn't the {count} bytes that it states; copy the file again"
        )
    return head + body


def _is_flushed(packed: memoryview) -> bool:
    """Whether a zlib stream ends with a flush, an empty stored block, instead of its checksum."""
    return bytes(packed[-len(FLUSH) :]) == FLUSH


def _variable(content: bytes | memoryview, order: str, budget: limits.Budget, start: int) -> tuple[str, Any]:
    reader = _ElementReader(content, order, budget)
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


class _ElementReader:
    """Reads the arrays of one element; positions count from its first byte."""

    def __init__(self, data: bytes | memoryview, order: str, budget: limits.Budget) -> None:
        self.data = memoryview(data)
        self.order = order
        self.budget = budget
        self.name = ""
        self.words = struct.Struct(order + "II")
        self.word = struct.Struct(order + "I")
        self.usual = struct.Struct(order + "IIIIIIiiII")

    def tag(self, position: int, end: int) -> tuple[int, int, int, int]:
        """Type, first byte, number of bytes, and where the next element begins."""
        if position + 8 > end:
            raise ModelError(f"an element is missing at byte {position} of it; the file is corrupt")
        code, count = self.words.unpack_from(self.data, position)
        if code >> 16:
            count, code, first = code >> 16, code & 0xFFFF, position + 4
            if count > 4:
                raise ModelError(f"a small element of {count} bytes at byte {position} of it; the file is corrupt")
            return code, first, count, position + 8
        first = position + 8
        if count > end - first:
            raise ModelError(f"an element of {count} bytes at byte {position} of it, where {end - first} are left; the file is corrupt")
        return code, first, count, min(end, first + count + (-count % 8))

    def numbers(self, position: int, end: int, what: str) -> tuple[np.ndarray, int]:
        """A data element as it is stored."""
        code, first, count, following = self.tag(position, end)
        if code not in STORAGE:
            raise ModelError(f"{what} is stored as type {code}; the file is corrupt")
        dtype = np.dtype(self.order + STORAGE[code])
        if count % dtype.itemsize:
            raise ModelError(f"{what} has {count} bytes of {dtype.itemsize} each; the file is corrupt")
        values = np.frombuffer(self.data, dtype, count // dtype.itemsize, first) if count else np.empty(0, dtype)
        return values, following

    def text(self, position: int, end: int) -> tuple[str, int]:
        """A name: bytes up to the first NUL."""
        _, first, count, following = self.tag(position, end)
        return bytes(self.data[first : first + count]).split(b"\0")[0].decode("utf-8", "replace"), following

    def matrix(self, position: int, end: int, depth: int) -> tuple[str, Any]:
        """The name and the value of the array whose content is data[position:end]."""
        if position == end:
            return "", np.zeros((0, 0))
        if depth > limits.DEPTH:
            raise ModelError(f"nested deeper than {limits.DEPTH} levels; {limits.ADVICE}")
        self.budget.take_elements(1, "it")
        head = self.header(position, end)
        if depth == 0:
            self.name = head.name
        return head.name, self.value(head, end, depth)

    def header(self, position: int, end: int) -> ArrayHeader:
        """Flags, dimensions and name; opaque arrays have no dimensions."""
        if end - position >= USUAL_BYTES:
            flags_code, flags_size, flags, _, shape_code, shape_size, rows, columns, *name_tag = self.usual.unpack_from(self.data, position)
            usual = flags_code == UINT32 and flags_size == shape_size == 8 and shape_code == INT32 and name_tag == [INT8, 0]
            if usual and flags & 0xFF != OPAQUE and rows >= 0 and columns >= 0:  # two dimensions and no name: nearly every array
                return ArrayHeader(flags & 0xFF, bool(flags & 0x200), bool(flags & 0x800), (rows, columns), "", position + USUAL_BYTES)
        code, first, count, position = self.tag(position, end)
        if code != UINT32 or count != 8:
            raise ModelError(f"no array flags at byte {first} of it; the file is corrupt")
        (flags,) = self.word.unpack_from(self.data, first)
        kind = flags & 0xFF
        shape: tuple[int, ...] = (1, 1)
        if kind != OPAQUE:
            numbers, position = self.numbers(position, end, "the shape of an array")
            if not 2 <= numbers.size <= limits.DIMENSIONS or numbers.dtype.kind == "f":
                raise ModelError(f"an array of {numbers.size} dimensions at byte {position} of it; the file is corrupt")
            shape = tuple(int(n) for n in numbers)
        name, position = self.text(position, end)
        return ArrayHeader(kind, bool(flags & 0x200), bool(flags & 0x800), shape, name, position)

    def value(self, head: ArrayHeader, end: int, depth: int) -> Any:
        """The value of an array, raw: numbers in their own class, MCOS objects as Opaque."""
        if head.kind in NUMERIC:
            return self.numeric(head, end)
        if head.kind in READERS:
            return READERS[head.kind](self, head, end, depth)
        return Undecoded(f"class number {head.kind}", "an array class that MAT v5 files don't define")

    def numeric(self, head: ArrayHeader, end: int) -> np.ndarray:
        """A full matrix, which may be stored in a smaller type than its class."""
        count = limits.volume(head.shape, "an array")
        real, position = self.numbers(head.position, end, "an array")
        if real.size != count:
            raise ModelError(f"an array of {head.shape} holds {real.size} numbers; the file is corrupt")
        self.budget.take_bytes(8 * count * (1 + head.complex), "an array")
        values = real.astype(NUMERIC[head.kind])
        if head.complex:
            imaginary, _ = self.numbers(position, end, "an imaginary part")
            if imaginary.size != count:
                raise ModelError(f"a complex array of {head.shape} holds {imaginary.size} imaginary parts; the file is corrupt")
            values = values.astype("c16")
            values.imag = imaginary
        return values.reshape(head.shape, order="F")

    def char(self, head: ArrayHeader, end: int, depth: int) -> Any:
        """Text: a row is a str, a matrix a list of str."""
        count = limits.volume(head.shape, "a char array")
        if not count:
            return ""
        code, first, size, _ = self.tag(head.position, end)
        if code not in TEXT:
            raise ModelError(f"a char array is stored as type {code}; the file is corrupt")
        self.budget.take_bytes(4 * size, "a char array")
        encoding = TEXT[code]
        if encoding.startswith("utf-") and encoding != "utf-8":
            encoding += "-le" if self.order == "<" else "-be"
        text = str(self.data[first : first + size], encoding, "replace")
        return rows_of_text(text, head.shape, count, self.budget)

    def cell(self, head: ArrayHeader, end: int, depth: int) -> np.ndarray:
        """A cell array as an object array."""
        count = limits.volume(head.shape, "a cell array")
        if 8 * count > end - head.position:
            raise ModelError(f"a cell array of {head.shape} in {end - head.position} bytes; the file is corrupt")
        values, _ = self.matrices(count, head.position, end, depth)
        return _shaped(values, head.shape)

    def matrices(self, count: int, position: int, end: int, depth: int) -> tuple[list[Any], int]:
        """So many arrays one after the other."""
        self.budget.take_elements(count, "it")
        values = []
        for _ in range(count):
            code, first, size, position = self.tag(position, end)
            if code != MATRIX:
                raise ModelError(f"element of type {code} where an array must stand, at byte {first} of it; the file is corrupt")
            values.append(self.matrix(first, first + size, depth + 1)[1])
        return values, position

    def struct(self, head: ArrayHeader, end: int, depth: int) -> Any:
        """A 1x1 struct as a dict, any other as an object array of dicts."""
        records = self.records(head.shape, head.position, end, depth)
        return records[0] if head.shape == (1, 1) else _shaped(records, head.shape)

    def records(self, shape: tuple[int, ...], position: int, end: int, depth: int) -> list[Any]:
        """The field names and then, element by element, the fields."""
        count = limits.volume(shape, "a struct array")
        names, position = self.field_names(position, end)
        if 8 * count * len(names) > end - position:
            raise ModelError(f"a struct array of {shape} with {len(names)} fields in {end - position} bytes; the file is corrupt")
        self.budget.take_elements(count, "a struct array")
        records = []
        for _ in range(count):
            values, position = self.matrices(len(names), position, end, depth)
            records.append(dict(zip(names, values, strict=True)))
        return records

    def field_names(self, position: int, end: int) -> tuple[list[str], int]:
        """The field names: NUL-padded, all of one stated length."""
        lengths, position = self.numbers(position, end, "the length of field names")
        _, first, size, position = self.tag(position, end)
        width = int(lengths[0]) if lengths.size == 1 and lengths.dtype.kind != "f" else 0
        if width < 1 or size % width:
            if size == 0:
                return [], position
            raise ModelError(f"field names of {width} bytes in {size}; the file is corrupt")
        self.budget.take_elements(size // width, "a struct array")
        raw = bytes(self.data[first : first + size])
        return [raw[k : k + width].split(b"\0")[0].decode("utf-8", "replace") for k in range(0, size, width)], position

    def object(self, head: ArrayHeader, end: int, depth: int) -> Any:
        """An instance (or an array) of an old class: a struct with a class name."""
        classname, position = self.text(head.position, end)
        instances = [MatlabObject(classname, record) for record in self.records(head.shape, position, end, depth)]
        return instances[0] if head.shape == (1, 1) else _shaped(instances, head.shape)

    def function(self, head: ArrayHeader, end: int, depth: int) -> Opaque:
        """A function handle: a struct that names it, or nothing for the empty default of a property."""
        if head.position == end:
            return Opaque("function", "function_handle", "")
        values, _ = self.matrices(1, head.position, end, depth)
        return Opaque("function", "function_handle", values[0])

    def opaque(self, head: ArrayHeader, end: int, depth: int) -> Opaque:
        """An object of another type system: its name, its class, and an array that refers to the subsystem."""
        system, position = self.text(head.position, end)
        classname, position = self.text(position, end)
        values, _ = self.matrices(1, position, end, depth)
        return Opaque(system, classname, values[0])

    def sparse(self, head: ArrayHeader, end: int, depth: int) -> Any:
        """A sparse matrix, filled."""
        rows, position = self.numbers(head.position, end, "the rows of a sparse matrix")
        starts, position = self.numbers(position, end, "the columns of a sparse matrix")
        real, position = self.numbers(position, end, "a sparse matrix")
        imaginary = self.numbers(position, end, "an imaginary part")[0] if head.complex else None
        return filled(head.shape, rows, starts, real, imaginary, self.budget)


def filled(
    shape: tuple[int, ...], rows: np.ndarray, starts: np.ndarray, real: np.ndarray, imaginary: np.ndarray | None, budget: limits.Budget
) -> Any:
    """The full matrix of a column-compressed one; Undecoded beyond the bound."""
    count = limits.volume(shape, "a sparse matrix")
    used = int(starts[-1]) if starts.size else 0
    if len(shape) != 2 or starts.size != shape[1] + 1 or starts.dtype.kind == "f" or rows.dtype.kind == "f" or starts[0] != 0:
        raise ModelError(f"a sparse matrix of {shape} with {starts.size} column starts; the file is corrupt")
    widths = starts[1:].astype(np.int64) - starts[:-1].astype(np.int64)
    if used > min(rows.size, real.size) or (imaginary is not None and used > imaginary.size) or (widths < 0).any():
        raise ModelError(f"a sparse matrix of {shape} states {used} entries and holds {real.size}; the file is corrupt")
    rows = rows[:used].astype(np.int64)
    if used and (rows.min() < 0 or rows.max() >= shape[0]):
        raise ModelError(f"a sparse matrix of {shape} has an entry in row {int(rows.max()) + 1}; the file is corrupt")
    if count > limits.SPARSE_FILL:
        return Undecoded("sparse", f"a sparse matrix of {shape[0]}x{shape[1]}, too large to fill")
    budget.take_bytes(8 * count * (1 + (imaginary is not None)), "a sparse matrix")
    full = np.zeros(shape, np.float64 if imaginary is None else np.complex128, order="F")
    columns = np.repeat(np.arange(shape[1]), widths)
    full[rows, columns] = real[:used] if imaginary is None else real[:used] + 1j * imaginary[:used]
    return full


def rows_of_text(text: str, shape: tuple[int, ...], count: int, budget: limits.Budget) -> Any:
    """Characters in column order as a str (one row) or a list of str without trailing blanks."""
    if shape[0] == 1:
        return text
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), "<u2")
    if units.size != count:  # MATLAB counts UTF-16 units
        return Undecoded("char", f"a char array of {shape} that holds {units.size} characters")
    budget.take_elements(shape[0], "a char array")
    lines = units.reshape((shape[0], -1), order="F")
    return [line.tobytes().decode("utf-16-le", "replace").rstrip(" \0") for line in lines]


def _shaped(values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    return np.fromiter(values, object, len(values)).reshape(shape, order="F")


READERS = {
    CELL: _ElementReader.cell,
    STRUCT: _ElementReader.struct,
    OBJECT: _ElementReader.object,
    CHAR: _ElementReader.char,
    SPARSE: _ElementReader.sparse,
    FUNCTION: _ElementReader.function,
    OPAQUE: _ElementReader.opaque,
}
