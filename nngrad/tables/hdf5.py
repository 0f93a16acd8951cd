"""Data sets of HDF5 files, read and written in blocks. The rule: nothing outside the file itself is ever opened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nngrad.errors import DataError
from nngrad.tables.arrays import ArrayReader, layout, rows_per_chunk
from nngrad.tables.common import CHUNK_BYTES, Kept, Wanted, listed, numbers_only
from nngrad.tables.files import Output, Place, open_input


def read_h5(place: Place, wanted: Wanted, samples: str | None = None) -> ArrayReader:
    """Rows of a data set: `file.h5:group/name`, or the only one there is."""
    import h5py

    open_input(place.path).close()
    try:
        file = h5py.File(place.path, "r")
    except OSError as error:
        raise DataError(f"{place.path}: can't be read as HDF5: {str(error).splitlines()[0]}") from error
    try:
        name = place.name or _only(place.path, file)
        where = f"{place.path}:{name}"
        data = _inside(where, file, name)
        how = layout(where, data.shape, data.dtype, wanted, samples)
        return ArrayReader(where, data, how, wanted, file)
    except BaseException:
        file.close()
        raise


def _only(path: str, file: Any) -> str:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "dtype") and item.ndim in (1, 2) else None)  # follows no links
    if len(names) != 1:
        raise DataError(f"{path}: holds {len(names)} tables{f' ({listed(names)})' if names else ''}; choose one with {path}:NAME")
    return names[0]


def _inside(where: str, file: Any, name: str) -> Any:
    """The data set, reached through hard links only."""
    import h5py

    item = file
    for part in [part for part in name.split("/") if part]:
        link = item.get(part, getlink=True) if isinstance(item, h5py.Group) and part in item.keys() else None  # noqa: SIM118
        if link is not None and not isinstance(link, h5py.HardLink):
            raise DataError(f"{where}: {part} is a link to elsewhere, which is not followed; name the data set itself")
        if link is None:
            raise DataError(f"{where}: there is no such data set; the file has {listed(list(file))}")
        item = item[part]
    if not isinstance(item, h5py.Dataset):
        raise DataError(f"{where}: is a group; name a data set in it: {listed(list(item))}")
    if item.external or item.is_virtual:
        raise DataError(f"{where}: keeps its numbers in another file, which is not opened; copy them into this one")
    return item


class Hdf5Writer:
    """Rows as one float64 data set (rows, *shape) with the attribute `columns`."""

    def __init__(self, place: Place, name: str = "J") -> None:
        import h5py

        self._name = place.name or name
        self._out = Output(place.path)
        self._file = h5py.File(self._out.path, "w")
        self._data: Any = None
        self._shape: tuple[int, ...] = ()

    def begin(
        self, columns: Sequence[str], shape: tuple[int, ...] | None = None, *, keep: Sequence[str] = (), rows: int | None = None
    ) -> None:
        numbers_only("h5", keep)
        self._shape = shape or (len(columns),)
        step = rows_per_chunk(math.prod(self._shape), Wanted())
        self._data = self._file.create_dataset(
            self._name, (0, *self._shape), "<f8", maxshape=(None, *self._shape), chunks=_chunk(step, self._shape)
        )
        if sum(len(name.encode()) + 16 for name in columns) < 1 << 16:  # an attribute holds 64 KiB
            self._data.attrs["columns"] = list(columns)

    def format(self, values: np.ndarray, kept: Kept = ()) -> np.ndarray:
        return np.asarray(values, np.float64).reshape(len(values), *self._shape)

    def write(self, piece: np.ndarray) -> None:
        start = len(self._data)
        self._data.resize(start + len(piece), axis=0)
        self._data[start:] = piece

    def __enter__(self) -> Hdf5Writer:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            self._file.close()
            if kind is None:
                self._out.commit()
        finally:
            self._out.abandon()


def _chunk(rows: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """About a MiB; HDF5 wants no chunk above 4 GiB, and a row may be that long."""
    sides = list(shape)
    while math.prod(sides) * 8 > 16 * CHUNK_BYTES:
        longest = sides.index(max(sides))
        sides[longest] = -(-sides[longest] // 2)
    return (rows, *(max(1, side) for side in sides))
