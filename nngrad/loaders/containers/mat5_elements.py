"""The arrays inside a MAT-file of version 5: numbers, text, cells, structs, objects, sparse matrices.

Layout: MathWorks, "MAT-File Format" (the public description of version 5 files).
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers.arrays import filled, rows_of_text
from nngrad.loaders.containers.mcos import Opaque
from nngrad.loaders.tree import MatlabObject, Undecoded

INT8, INT32, UINT32, MATRIX = 1, 5, 6, 14
STORAGE = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
TEXT = {
    1: "latin-1",
    2: "latin-1",
    16: "utf-8",
    3: "utf-16",
    4: "utf-16",
    17: "utf-16",
    5: "utf-32",
    6: "utf-32",
    18: "utf-32",
}
NUMERIC = {n: np.dtype(t) for n, t in enumerate(("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"), 6)}
CELL, STRUCT, OBJECT, CHAR, SPARSE, FUNCTION, OPAQUE = 1, 2, 3, 4, 5, 16, 17
USUAL_BYTES = 40  # of a header: flags, two dimensions, no name


class ArrayHeader(NamedTuple):
    """The flags, the shape and the name that every array starts with; `position` is where its data begin."""

    kind: int
    logical: bool
    complex: bool
    shape: tuple[int, ...]
    name: str
    position: int


class ElementReader:
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
            raise ModelError(
                f"an element of {count} bytes at byte {position} of it, where {end - first} are left; the file is corrupt"
            )
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
            flags_code, flags_size, flags, _, shape_code, shape_size, rows, columns, *name_tag = self.usual.unpack_from(
                self.data, position
            )
            usual = (
                flags_code == UINT32 and flags_size == shape_size == 8 and shape_code == INT32 and name_tag == [INT8, 0]
            )
            if (
                usual and flags & 0xFF != OPAQUE and rows >= 0 and columns >= 0
            ):  # two dimensions and no name: nearly every array
                return ArrayHeader(
                    flags & 0xFF, bool(flags & 0x200), bool(flags & 0x800), (rows, columns), "", position + USUAL_BYTES
                )
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
                raise ModelError(
                    f"a complex array of {head.shape} holds {imaginary.size} imaginary parts; the file is corrupt"
                )
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
                raise ModelError(
                    f"element of type {code} where an array must stand, at byte {first} of it; the file is corrupt"
                )
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
            raise ModelError(
                f"a struct array of {shape} with {len(names)} fields in {end - position} bytes; the file is corrupt"
            )
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


def _shaped(values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    return np.fromiter(values, object, len(values)).reshape(shape, order="F")


READERS = {
    CELL: ElementReader.cell,
    STRUCT: ElementReader.struct,
    OBJECT: ElementReader.object,
    CHAR: ElementReader.char,
    SPARSE: ElementReader.sparse,
    FUNCTION: ElementReader.function,
    OPAQUE: ElementReader.opaque,
}
