"""NumPy archives (np.savez): a zip of .npy arrays.

Its one rule: nothing is ever unpickled, and what an array's header states is charged and compared with the bytes that are there.
Layout: numpy.lib.format.
"""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np
from numpy.lib import format as npy

from nngrad.errors import ModelError
from nngrad.load import limits
from nngrad.load.containers.hdf5 import decoded
from nngrad.load.containers.keras_zip import FAILURES
from nngrad.load.tree import Tree, Undecoded

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
                variables[info.filename.removesuffix(".npy")] = _array(content, budget)
    except FAILURES as error:
        raise ModelError(f"the NumPy archive is truncated or corrupt ({' '.join(str(error).split())[:200]}); copy the file again") from None
    return Tree("NumPy zip", variables)


def _array(content: bytes, budget: limits.Budget) -> Any:
    """One array as the tree has it: float64, str or list of str."""
    file = io.BytesIO(content)
    version = npy.read_magic(file)
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, turned, dtype = reader(file, max_header_size=MOST_HEADER)
    if dtype.hasobject:
        return Undecoded("object array", PICKLED)
    count = limits.volume(shape, "an array") if shape else 1
    if math.prod((count, dtype.itemsize)) != len(content) - file.tell():
        raise ValueError(f"an array of {shape} in {len(content) - file.tell()} bytes")
    if dtype.kind in "US":
        budget.take_elements(count, "an array of text")
    budget.take_bytes(8 * count, "an array")
    values = np.frombuffer(content, dtype, count, file.tell()).reshape(shape, order="F" if turned else "C")
    return decoded(values if dtype.kind != "S" or shape else values[()])
