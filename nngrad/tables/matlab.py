"""Variables of MATLAB files. The rule: MATLAB keeps samples in columns, so the network's size decides which way a variable stands.

Reading holds the variable in memory. Writing is a version 5 file with rows as samples: y is (rows, m), J is (rows, m, n), and the names of
the columns are the cell array `J_columns`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from nngrad.errors import DataError, NngradError, UsageError, listed
from nngrad.tables.arrays import ArrayReader, layout
from nngrad.tables.common import Kept, Wanted, numbers_only
from nngrad.tables.files import Output, Place, open_input

LIMIT = (1 << 31) - (1 << 16)  # bytes of a variable in a version 5 file
HEAD = b"MATLAB 5.0 MAT-file, rows are samples, written by nngrad".ljust(116)  # without the time: same input, same bytes


def read_mat(place: Place, wanted: Wanted, samples: str | None = None) -> ArrayReader:
    """Rows of a variable: `file.mat:name`, a field `file.mat:s.x`, or the only one that fits."""
    from nngrad.load import containers

    open_input(place.path).close()
    try:
        variables = containers.read(place.path).variables
    except NngradError as error:
        raise DataError(str(error)) from error
    name = place.name or _only(place.path, variables, wanted.size)
    value: Any = variables
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            raise DataError(f"{place.path}: has no variable {name}; it has {listed(list(variables))}")
        value = value[part]
    where = f"{place.path}:{name}"
    if not isinstance(value, np.ndarray):
        raise DataError(f"{where}: is no matrix of numbers")
    how = layout(where, value.shape, value.dtype, wanted, samples, detect=True)
    notes = (f"{where}: {how.rows} samples, which stand in {'columns' if how.turned else 'rows'}",)
    return ArrayReader(where, value, how, wanted, notes=notes)


def _only(path: str, variables: dict[str, Any], size: int | None) -> str:
    tables = {name: v.shape for name, v in variables.items() if isinstance(v, np.ndarray) and v.dtype == float and v.ndim == 2}
    fitting = [name for name, shape in tables.items() if size is None or size in shape]
    if not fitting:
        raise DataError(f"{path}: no variable fits {size} inputs; it has {listed(list(variables))}")
    if len(fitting) > 1:
        raise DataError(f"{path}: {len(fitting)} variables fit ({listed(fitting)}); choose one with {path}:NAME")
    return fitting[0]


class MatWriter:
    """Rows as one variable of a version 5 MATLAB file; all of it is held in memory."""

    def __init__(self, place: Place, name: str = "J") -> None:
        self._name = place.name or name
        if not re.fullmatch(r"[A-Za-z]\w{0,30}", self._name, re.ASCII):
            raise UsageError(f"{place.path}: {self._name!r} can't name a MATLAB variable; use letters, digits and _ (31 at most)")
        self._path, self._out = place.path, Output(place.path)
        self._blocks: list[np.ndarray] = []
        self._shape: tuple[int, ...] = ()
        self._columns: list[str] = []
        self._rows = 0

    def begin(
        self, columns: Sequence[str], shape: tuple[int, ...] | None = None, *, keep: Sequence[str] = (), rows: int | None = None
    ) -> None:
        numbers_only("mat", keep)
        self._columns, self._shape = list(columns), shape or (len(columns),)
        self._check(rows or 0)

    def _check(self, rows: int) -> None:
        if 8 * rows * math.prod(self._shape) > LIMIT:
            raise UsageError(f"{self._path}: a variable of a MATLAB version 5 file ends at 2 GiB; write h5 or npy")

    def format(self, values: np.ndarray, kept: Kept = ()) -> np.ndarray:
        return np.asarray(values, np.float64).reshape(len(values), *self._shape)

    def write(self, piece: np.ndarray) -> None:
        self._rows += len(piece)
        self._check(self._rows)
        self._blocks.append(piece)

    def _save(self) -> None:
        from scipy.io import savemat

        value = np.concatenate(self._blocks) if self._blocks else np.empty((0, *self._shape))
        names = np.array(self._columns, dtype=object).reshape(1, -1)
        savemat(self._out.file, {self._name: value, f"{self._name[:23]}_columns": names}, appendmat=False)
        self._out.file.seek(0)
        self._out.file.write(HEAD)

    def __enter__(self) -> MatWriter:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if kind is None:
                self._save()
                self._out.commit()
        finally:
            self._out.abandon()
