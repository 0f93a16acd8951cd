"""MAT-files of version 4: matrices one after the other, without any mark at the beginning of the file.

As nothing says that a file is one, the first header must be plausible to the last field (`plausible`).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers.arrays import rows_of_text
from nngrad.loaders.tree import Tree

HEADER = 20
PRECISIONS = ("f8", "f4", "i4", "i2", "u2", "u1")
FULL, TEXT, SPARSE = 0, 1, 2
NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{0,126}")


@dataclass(frozen=True)
class Mat4Header:
    """One matrix: how its numbers are stored, what they mean, and where they begin."""

    dtype: np.dtype
    kind: int
    shape: tuple[int, int]
    complex: bool
    name: str
    position: int

    @property
    def end(self) -> int:
        """Where the next matrix begins."""
        return self.position + self.shape[0] * self.shape[1] * self.dtype.itemsize * (1 + self.complex)


def plausible(data: bytes) -> bool:
    """Whether the file begins with a matrix of version 4."""
    return _header(data, 0) is not None


def _header(data: bytes, position: int) -> Mat4Header | None:
    for order in "<>":
        if position + HEADER > len(data):
            return None
        code, rows, columns, imaginary, length = struct.unpack_from(order + "5i", data, position)
        machine, rest = divmod(code, 1000)
        precision, kind = divmod(rest, 10)
        if machine != "<>".index(order) or not 0 <= precision < len(PRECISIONS) or kind not in (FULL, TEXT, SPARSE):
            continue
        first = position + HEADER
        name = data[first : first + length].rstrip(b"\0") if 2 <= length <= 128 else b""
        if rows < 0 or columns < 0 or imaginary not in (0, 1) or not NAME.fullmatch(name):
            continue
        return Mat4Header(
            np.dtype(order + PRECISIONS[precision]),
            kind,
            (rows, columns),
            bool(imaginary),
            name.decode(),
            first + length,
        )
    return None


def read(data: bytes) -> Tree:
    """The variables of a MAT v4 file."""
    budget = limits.Budget(len(data))
    variables: dict[str, Any] = {}
    position = 0
    while position < len(data):
        head = _header(data, position)
        if head is None:
            raise ModelError(
                f"corrupt or truncated at byte {position}: no matrix of a MAT v4 file begins there; copy the file again"
            )
        if head.end > len(data):
            raise ModelError(
                f"truncated: '{head.name}' at byte {position} needs {head.end - len(data)} more bytes; copy the file again"
            )
        budget.take_elements(1, "it")
        variables[head.name] = _value(data, head, budget)
        position = head.end
    return Tree("MAT v4", variables)


def _value(data: bytes, head: Mat4Header, budget: limits.Budget) -> Any:
    count = limits.volume(head.shape, f"'{head.name}'")
    budget.take_bytes(8 * count * (1 + head.complex), f"'{head.name}'")
    stored = np.frombuffer(data, head.dtype, count * (1 + head.complex), head.position) if count else np.zeros(0)
    values = stored[:count].astype(np.complex128 if head.complex else np.float64)
    if head.complex and count:
        values.imag = stored[count:]
    matrix = values.reshape(head.shape, order="F")
    if head.kind == TEXT:
        return _text(matrix.real, head, budget)
    return _filled(matrix, head, budget) if head.kind == SPARSE else matrix


def _text(codes: np.ndarray, head: Mat4Header, budget: limits.Budget) -> Any:
    if not codes.size:
        return ""
    if not ((codes >= 0) & (codes < 65536)).all():
        raise ModelError(f"'{head.name}' is a text with impossible characters; the file is corrupt")
    text = codes.ravel(order="F").astype("<u2").tobytes().decode("utf-16-le", "replace")
    return rows_of_text(text, codes.shape, codes.size, budget)


def _filled(triples: np.ndarray, head: Mat4Header, budget: limits.Budget) -> Any:
    """Rows of [i, j, value(, imaginary part)]; the last one is the size."""
    if triples.shape[0] < 1 or triples.shape[1] not in (3, 4) or not np.isfinite(triples[:, :2]).all():
        raise ModelError(f"'{head.name}' is a sparse matrix of {head.shape}; the file is corrupt")
    entries, shape = triples[:-1], tuple(int(n) for n in triples[-1, :2].real)
    if min(shape) < 0 or max(shape) > 2**31 or shape[0] * shape[1] > limits.SPARSE_FILL:
        raise ModelError(
            f"'{head.name}' is a sparse matrix of {shape[0]}x{shape[1]}, too large to fill; {limits.ADVICE}"
        )
    places = entries[:, :2].real
    if entries.size and not ((places >= 1) & (places <= shape)).all():
        raise ModelError(f"'{head.name}' is a sparse matrix with an entry outside; the file is corrupt")
    budget.take_bytes(8 * shape[0] * shape[1], f"'{head.name}'")
    values = entries[:, 2] + 1j * entries[:, 3] if triples.shape[1] == 4 else entries[:, 2]
    full = np.zeros(shape, values.dtype, order="F")
    full[places[:, 0].astype(np.int64) - 1, places[:, 1].astype(np.int64) - 1] = values
    return full
