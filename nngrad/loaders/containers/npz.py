"""NumPy archives (np.savez): a zip of .npy arrays.

Nothing is ever unpickled or evaluated, and what a header states is charged and compared with the bytes there.
Layout: numpy.lib.format.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers.hdf5 import decoded
from nngrad.loaders.containers.keras_zip import FAILURES
from nngrad.loaders.tree import Tree, Undecoded

MAGIC = b"\x93NUMPY"
HEADER = re.compile(rb"\{'descr': '([^']{1,20})', 'fortran_order': (True|False), 'shape': \(([\d, L]*)\),? *\}[ \n]*")
MOST_HEADER = 10_000
PICKLED = "an object array is a pickle, which is never opened; save its arrays one by one, np.savez('w.npz', W1=W1, b1=b1, ...)"


def read(data: bytes) -> Tree:
    """The arrays of an archive by their names; those of Python objects stay Undecoded."""
    budget = limits.Budget(len(data))
    variables: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                budget.take_elements(1, "the archive")
                budget.take_bytes(info.file_size, f"'{info.filename[:80]}'")
                with archive.open(info) as member:
                    content = member.read(info.file_size + 1)
                variables[info.filename.removesuffix(".npy")] = array(content, budget)
    except FAILURES as error:
        raise ModelError(
            f"the NumPy archive is truncated or corrupt ({' '.join(str(error).split())[:200]}); copy the file again"
        ) from None
    return Tree("NumPy zip", variables)


def array(content: bytes, budget: limits.Budget) -> Any:
    """One .npy array as the tree has it: float64, str or list of str; ValueError for what is none."""
    wide = content[6:7] != b"\x01"
    start = 12 if wide else 10
    begin = start + int.from_bytes(content[8:start], "little")
    head = (
        HEADER.fullmatch(content[start:begin]) if content.startswith(MAGIC) and begin - start <= MOST_HEADER else None
    )
    if head is None:
        return Undecoded("array", "an array of structures, or no array")
    dtype, shape = np.dtype(head[1].decode("ascii")), tuple(int(n) for n in re.findall(rb"\d{1,18}", head[3]))
    if dtype.hasobject:
        return Undecoded("object array", PICKLED)
    count = limits.volume(shape, "an array") if shape else 1
    if count * dtype.itemsize != len(content) - begin:
        raise ValueError(f"an array of {shape} in {len(content) - begin} bytes")
    if dtype.kind in "US":
        budget.take_elements(count, "an array of text")
    budget.take_bytes(8 * count, "an array")
    values = np.frombuffer(content, dtype, count, begin).reshape(shape, order="F" if head[2] == b"True" else "C")
    return decoded(values)
