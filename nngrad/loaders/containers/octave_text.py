"""Octave's text format: what its plain `save` writes.

A value is read by the name of its type; a type that isn't in the table becomes Undecoded, and reading goes on at
the next name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.tree import Tree, Undecoded, printable

START = b"# Created by Octave"
LONGEST = 400  # characters of a number


class Cursor:
    """The bytes, and how far they have been read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.budget = limits.Budget(len(data))

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self.data) - self.position

    def line(self) -> bytes:
        """The next line without its end."""
        end = self.data.find(b"\n", self.position)
        end = len(self.data) if end < 0 else end
        line = self.data[self.position : end]
        self.position = min(end + 1, len(self.data))
        return line.rstrip(b"\r")

    def key(self, *names: str) -> tuple[str, str]:
        """The next line that isn't blank, as (key, value); ModelError unless the key is one of the names."""
        where = self.position
        line = b""
        while not line.strip() and self.left:
            where, line = self.position, self.line()
        key, _, value = line.lstrip(b"#% ").decode("utf-8", "replace").partition(":")
        if line[:1] not in b"#%" or key not in names:
            raise ModelError(
                f"corrupt or truncated at byte {where}: '{' or '.join(names)}' expected, '{_shown(line)}' found; copy the file again"
            )
        return key, value.strip()

    def count(self, *names: str) -> tuple[str, int]:
        """As `key`, with a whole number for the value."""
        key, value = self.key(*names)
        if not value.isascii() or not value.isdigit() or len(value) > 12:
            raise ModelError(f"corrupt before byte {self.position}: {key} is '{value[:40]}'; copy the file again")
        return key, int(value)

    def tokens(self, count: int) -> list[bytes]:
        """So many tokens from the following lines; no line is cut."""
        if count > self.left + 1:
            raise ModelError(
                f"truncated at byte {self.position}: {count} numbers expected, {self.left} bytes are left; copy the file again"
            )
        found: list[bytes] = []
        while len(found) < count and self.left:
            if self.data[self.position : self.position + 1] == b"#":
                break
            found += self.line().split(None, count - len(found))  # what is too much stays one token
        if len(found) != count:
            raise ModelError(
                f"corrupt or truncated before byte {self.position}: {len(found)} numbers instead of {count}; copy the file again"
            )
        return found

    def numbers(self, count: int) -> np.ndarray:
        """So many numbers, complex if any is."""
        self.budget.take_bytes(16 * count, "it")
        try:
            values = [_number(token) for token in self.tokens(count)]
        except ValueError as error:
            raise ModelError(f"corrupt before byte {self.position}: {str(error)[:80]}; copy the file again") from None
        return np.array(values, np.complex128 if any(isinstance(v, complex) for v in values) else np.float64)

    def shape(self) -> tuple[tuple[int, ...], str]:
        """The sizes, from `rows` and `columns` or from `ndims` and a line of them; and the order of numbers, "C" or
        "F".
        """
        key, count = self.count("rows", "ndims")
        if key == "rows":
            shape: tuple[int, ...] = (count, self.count("columns")[1])
        else:
            if count > limits.DIMENSIONS:
                raise ModelError(f"corrupt before byte {self.position}: {count} dimensions; copy the file again")
            shape = tuple(int(n.real) for n in self.numbers(count) if math.isfinite(n.real))
        limits.volume(shape, "an array")
        if len(shape) < 2:
            raise ModelError(
                f"corrupt before byte {self.position}: an array of {len(shape)} dimensions; copy the file again"
            )
        return shape, "C" if key == "rows" else "F"


def _shown(line: bytes) -> str:
    return line[:40].decode("utf-8", "replace")


def _number(token: bytes) -> float | complex:
    if len(token) > LONGEST:
        raise ValueError(f"a number of {len(token)} characters")
    if token[:1] == b"(":
        real, _, imaginary = token.strip(b"()").partition(b",")
        return complex(float(_number(real).real), float(_number(imaginary).real))
    return math.nan if token == b"NA" else float(token)


def read(data: bytes) -> Tree:
    """The variables of an Octave text file."""
    if len(data) > limits.TEXT_BYTES:
        raise ModelError(
            f"is a text of {len(data)} bytes, at most {limits.TEXT_BYTES} are read; in Octave: save -v7 net.mat net"
        )
    cursor = Cursor(data)
    created = cursor.line().decode("utf-8", "replace").partition(", ")[2].partition(" <")[0]
    variables = {}
    while _at_name(cursor):
        name = cursor.key("name")[1]
        variables[name] = _value(cursor, 0)
    return Tree("Octave text", variables, printable(created) or None)


def _at_name(cursor: Cursor) -> bool:
    """Go to the next name; False at the end of the file."""
    while cursor.left:
        start = cursor.position
        line = cursor.line()
        if line.startswith(b"# name:"):
            cursor.position = start
            return True
    return False


def _value(cursor: Cursor, depth: int) -> Any:
    if depth > limits.DEPTH:
        raise ModelError(f"nested deeper than {limits.DEPTH} levels at byte {cursor.position}")
    cursor.budget.take_elements(1, "it")
    name = cursor.key("type")[1].removeprefix("global ")
    kind = name.removeprefix("float ").removeprefix("complex ") if name != "complex" else "scalar"
    if kind.split(" ")[0] in INTEGERS:
        kind = kind.partition(" ")[2]
    if kind in READERS:
        return READERS[kind](cursor, depth)
    return Undecoded(name[:80], "a type of Octave's text format that isn't known")


def _scalar(cursor: Cursor, depth: int) -> np.ndarray:
    return cursor.numbers(1).reshape(1, 1)


def _matrix(cursor: Cursor, depth: int) -> np.ndarray:
    """Two dimensions stand row by row; more, and integers, one number a line in column order."""
    shape, order = cursor.shape()
    return cursor.numbers(math.prod(shape)).reshape(shape, order=order)  # type: ignore[call-overload]


def _range(cursor: Cursor, depth: int) -> np.ndarray:
    cursor.key("base, limit, increment", "base, limit, increment, reverse")
    width = len(cursor.data[cursor.position :].partition(b"\n")[0].split())
    if not 3 <= width <= 4:
        raise ModelError(f"corrupt at byte {cursor.position}: a range of {width} numbers; copy the file again")
    base, limit, step = (float(v.real) for v in cursor.numbers(width)[:3])
    steps = (limit - base) / step if step else math.nan
    if not abs(steps) < limits.TEXT_BYTES:
        raise ModelError(
            f"corrupt before byte {cursor.position}: a range from {base} to {limit} by {step}; copy the file again"
        )
    count = max(0, math.floor(steps * (1 + 1e-15) + 1e-10) + 1)
    cursor.budget.take_bytes(8 * count, "a range")
    return (base + step * np.arange(count)).reshape(1, -1)


def _string(cursor: Cursor, depth: int) -> Any:
    """One row is a str, several a list of str; the length counts bytes, and newlines may be among them."""
    key, count = cursor.count("elements", "ndims", "length")
    if key == "ndims":
        return Undecoded("string", "a char array of more than two dimensions")
    if key == "length":
        return _bytes(cursor, count)
    if count * 10 > cursor.left:
        raise ModelError(f"truncated at byte {cursor.position}: {count} rows of text expected; copy the file again")
    cursor.budget.take_elements(count, "a char array")
    rows = [_bytes(cursor, cursor.count("length")[1]) for _ in range(count)]
    return [row.rstrip() for row in rows] if len(rows) > 1 else "".join(rows)


def _bytes(cursor: Cursor, count: int) -> str:
    if count > cursor.left:
        raise ModelError(
            f"truncated at byte {cursor.position}: {count} characters expected, {cursor.left} are left; copy the file again"
        )
    text = cursor.data[cursor.position : cursor.position + count]
    cursor.position += count
    return text.decode("utf-8", "replace")


def _cell(cursor: Cursor, depth: int) -> np.ndarray:
    shape, _ = cursor.shape()
    count = math.prod(shape)
    if count * 10 > cursor.left:
        raise ModelError(f"truncated at byte {cursor.position}: {count} cells expected; copy the file again")
    cursor.budget.take_elements(count, "a cell array")
    values: list[Any] = []
    for _ in range(count):
        if not _at_name(cursor):
            raise ModelError(f"truncated: {count} cells expected, {len(values)} found; copy the file again")
        cursor.key("name")
        values.append(_value(cursor, depth + 1))
    return np.fromiter(values, object, count).reshape(shape, order="F")


def _fields(cursor: Cursor, depth: int) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The shape (absent in old files) and the fields."""
    key, count = cursor.count("ndims", "length")
    shape: tuple[int, ...] = (1, 1)
    if key == "ndims":
        shape = tuple(int(n.real) for n in cursor.numbers(min(count, limits.DIMENSIONS)) if math.isfinite(n.real))
        count = cursor.count("length")[1]
    limits.volume(shape, "a struct")
    fields: dict[str, Any] = {}
    for _ in range(count):
        if not _at_name(cursor):
            raise ModelError(f"truncated: {count} fields expected, {len(fields)} found; copy the file again")
        name = cursor.key("name")[1]
        fields[name] = _value(cursor, depth + 1)
    return shape, fields


def _scalar_struct(cursor: Cursor, depth: int) -> dict[str, Any]:
    return _fields(cursor, depth)[1]


def _struct(cursor: Cursor, depth: int) -> Any:
    """A struct array: every field is a cell array of the array's shape."""
    shape, fields = _fields(cursor, depth)
    count = limits.volume(shape, "a struct array")
    columns = {
        name: f.ravel(order="F") if isinstance(f, np.ndarray) and f.dtype == object else [f]
        for name, f in fields.items()
    }
    if any(len(column) != count for column in columns.values()):
        raise ModelError(
            f"corrupt before byte {cursor.position}: a struct array of {shape} with fields of other sizes; copy the file again"
        )
    cursor.budget.take_elements(count * max(len(columns), 1), "a struct array")
    records = [{name: column[k] for name, column in columns.items()} for k in range(count)]
    return np.fromiter(records, object, count).reshape(shape, order="F") if shape != (1, 1) else records[0]


def _sparse(cursor: Cursor, depth: int) -> Any:
    """Lines of row, column, value."""
    entries = cursor.count("nnz")[1]
    shape, _ = cursor.shape()
    if 3 * entries > cursor.left or math.prod(shape) > limits.SPARSE_FILL:
        return Undecoded("sparse matrix", f"{entries} entries of {shape}: truncated, or too large to fill")
    triples = cursor.numbers(3 * entries).reshape(-1, 3)
    places = triples[:, :2].real
    if entries and not ((places >= 1) & (places <= shape)).all():
        raise ModelError(
            f"corrupt before byte {cursor.position}: a sparse matrix with an entry outside; copy the file again"
        )
    cursor.budget.take_bytes(16 * math.prod(shape), "a sparse matrix")
    full = np.zeros(shape, triples.dtype)
    full[places[:, 0].astype(np.int64) - 1, places[:, 1].astype(np.int64) - 1] = triples[:, 2]
    return full


def _diagonal(cursor: Cursor, depth: int) -> np.ndarray:
    shape, _ = cursor.shape()
    if math.prod(shape) > limits.SPARSE_FILL:
        raise ModelError(f"a diagonal matrix of {shape} is too large to fill; in Octave: save -v7 net.mat net")
    diagonal = cursor.numbers(min(shape))
    full = np.zeros(shape, diagonal.dtype)
    np.fill_diagonal(full, diagonal)
    return full


INTEGERS = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
READERS: dict[str, Callable[[Cursor, int], Any]] = {
    "scalar": _scalar,
    "bool": _scalar,
    "matrix": _matrix,
    "bool matrix": _matrix,
    "null_matrix": _matrix,
    "range": _range,
    "double_range": _range,
    "string": _string,
    "sq_string": _string,
    "null_string": _string,
    "null_sq_string": _string,
    "cell": _cell,
    "scalar struct": _scalar_struct,
    "struct": _struct,
    "sparse matrix": _sparse,
    "sparse bool matrix": _sparse,
    "diagonal matrix": _diagonal,
}
