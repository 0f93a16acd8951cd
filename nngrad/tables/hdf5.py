"""Data sets of HDF5 files, read and written in blocks: nothing outside the file itself is ever opened."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nngrad.errors import DataError, UsageError, listed
from nngrad.matching import Wanted
from nngrad.tables.arrays import ArrayReader, Layout, doubts, layout
from nngrad.tables.common import Kept, numbers_only
from nngrad.tables.files import Output
from nngrad.tables.held import Held, columns_among
from nngrad.tables.locations import Location
from nngrad.tables.streams import open_input

MOST_BESIDE = 1 << 27

MOST_UNWRITTEN = 1 << 26  # numbers of a data set that is read though some were never written
SMALL_CACHE = 1 << 19  # bytes of chunks that HDF5's own cache holds in any case
MOST_CACHED = 1 << 30


def read_h5(place: Location, wanted: Wanted, samples: str | None = None) -> ArrayReader:
    """Rows of a data set: `file.h5:group/name`, or the only one there is; the attribute `columns` names its columns."""
    open_input(place.path).close()
    file = _opened(place.path)
    try:
        if wanted.names and (beside := _beside(place, file, wanted.names)) is not None:
            array = beside.array
            how = layout(place.label, array.shape, array.dtype, Wanted(), "rows")
            return ArrayReader(place.label, array, how, wanted, file, names=beside.names)
        name = place.name or _only(place.path, file)
        where = f"{place.path}:{name}"
        data = _inside(where, file, name)
        names = _names(data)
        named = bool(names) and (data.shape or ())[1:] == (len(names or ()),) and samples != "columns"
        from_matlab = (
            samples is None and "MATLAB_class" in data.attrs
        )  # where samples stand in columns, and arrays are stored turned
        square = data.ndim == 2 and data.shape[0] == data.shape[1]
        fitting = Wanted() if named else wanted
        how = layout(where, data.shape or (), data.dtype, fitting, samples, detect=from_matlab and square)
        notes = (
            *_unwritten(where, data),
            *(() if from_matlab and square else doubts(where, how, wanted, "rows" if named else samples)),
        )
        if cache := _cache(data, how):
            file.close()
            file = _opened(place.path, **cache)
            data = _inside(where, file, name)
        return ArrayReader(where, data, how, wanted, file, notes, names if named else None)
    except BaseException:
        file.close()
        raise


def _beside(place: Location, file: Any, names: Sequence[str]) -> Held | None:
    """Data sets of the file or of the group that is named, which hold one column each."""
    import h5py

    group = _inside(place.label, file, place.name, h5py.Group) if place.name else file
    if not isinstance(group, h5py.Group) or not all(n in group.keys() for n in names):  # noqa: SIM118
        return None
    columns = {n: _inside(f"{place.path}:{n}", group, n) for n in names}
    if sum(data.size or 0 for data in columns.values()) > MOST_BESIDE:
        raise DataError(
            f"{place.label}: more than {MOST_BESIDE} numbers in separate columns; store them as one data set"
        )
    return columns_among({n: data[()] for n, data in columns.items()}, names)


def _opened(path: str, **cache: Any) -> Any:
    import h5py

    try:
        return h5py.File(path, "r", **cache)
    except OSError as error:
        raise DataError(f"{path}: can't be read as HDF5: {str(error).splitlines()[0]}") from error


def _names(data: Any) -> list[str] | None:
    """The names of the columns, as Hdf5Writer stores them."""
    found = data.attrs.get("columns")
    if not isinstance(found, np.ndarray) or found.ndim != 1:
        return None
    names = [name.decode(errors="replace") if isinstance(name, bytes) else name for name in found.tolist()]
    return names if all(isinstance(name, str) for name in names) else None


def _unwritten(where: str, data: Any) -> tuple[str, ...]:
    """A note on numbers that were never written, which read as the fill value; DataError if these are many."""
    if not data.size:
        return ()
    if data.chunks is None:
        written = 1.0 if data.id.get_storage_size() else 0.0
    else:
        written = data.id.get_num_chunks() / math.prod(
            -(-size // step) for size, step in zip(data.shape, data.chunks, strict=True)
        )
    if written >= 1.0:
        return ()
    rows = f"{where}: only {100 * written:.3g} % of its {data.shape[0]} rows were ever written"
    if data.size > MOST_UNWRITTEN:
        raise DataError(f"{rows}; copy those that were into a data set of their size")
    return (f"{rows}; the others read as {data.fillvalue}",)


def _cache(data: Any, how: Layout) -> dict[str, Any]:
    """How to open a file with room for the chunks that a block of rows lies in, so that each is
    unpacked once, and not once a block.
    """
    if data.chunks is None or data.ndim != 2:
        return {}
    along, across = (1, 0) if how.turned else (0, 1)
    abreast = -(-data.shape[across] // data.chunks[across])
    size = abreast * math.prod(data.chunks) * data.dtype.itemsize
    if not SMALL_CACHE < size <= MOST_CACHED or data.chunks[along] == 1:
        return {}
    return {"rdcc_nbytes": 2 * size, "rdcc_nslots": max(521, 100 * abreast + 1), "rdcc_w0": 1.0}


def _only(path: str, file: Any) -> str:
    names: list[str] = []
    file.visititems(
        lambda name, item: names.append(name) if hasattr(item, "dtype") and item.ndim else None
    )  # follows no links
    if len(names) != 1:
        raise DataError(
            f"{path}: holds {len(names)} tables{f' ({listed(names)})' if names else ''}; choose one with {path}:NAME"
        )
    return names[0]


def _inside(where: str, file: Any, name: str, group: Any = ()) -> Any:
    """The data set, reached through hard links only; or a group, if that is allowed."""
    import h5py

    item = file
    for part in [part for part in name.split("/") if part not in ("", ".")]:
        link = item.get(part, getlink=True) if isinstance(item, h5py.Group) and part in item.keys() else None  # noqa: SIM118
        if link is not None and not isinstance(link, h5py.HardLink):
            raise DataError(f"{where}: {part} is a link to elsewhere, which is not followed; name the data set itself")
        if link is None:
            raise DataError(f"{where}: there is no such data set; the file has {listed(list(file))}")
        item = item[part]
    if group and isinstance(item, group):
        return item
    if not isinstance(item, h5py.Dataset):
        raise DataError(f"{where}: is a group; name a data set in it: {listed(list(item))}")
    if item.external or item.is_virtual:
        raise DataError(f"{where}: keeps its numbers in another file, which is not opened; copy them into this one")
    return item


class Hdf5Writer:
    """Rows as one float64 data set (rows, *shape) with the attribute `columns`.

    HDF5 only lays the file out, in memory, and the numbers are written behind that: a library of which a write fails on
    a full disk takes the process down with it.
    """

    def __init__(self, place: Location, name: str = "J") -> None:
        self._name = place.name or name
        parts = self._name.split("/")
        if not parts[-1] or "." in parts:
            raise UsageError(
                f"{place.label}: {self._name!r} can't name a data set; write it as {place.path}:group/name"
            )
        self._out = Output(place.path)
        self._columns: tuple[str, ...] = ()
        self._shape: tuple[int, ...] = ()
        self._rows = 0

    def begin(
        self,
        columns: Sequence[str],
        shape: tuple[int, ...] | None = None,
        *,
        keep: Sequence[str] = (),
        rows: int | None = None,
    ) -> None:
        numbers_only("h5", keep)
        self._columns, self._shape = tuple(columns), shape or (len(columns),)
        self._out.file.write(before_numbers(self._name, self._columns, (rows or 1, *self._shape)))

    def format(self, values: np.ndarray, kept: Kept = ()) -> np.ndarray:
        return np.ascontiguousarray(values, "<f8").reshape(len(values), *self._shape)

    def write(self, piece: np.ndarray) -> None:
        self._out.file.write(piece.data if piece.size else b"")
        self._rows += len(piece)

    def finish(self) -> None:
        """The same again for the true number of rows: of the same length, unless there are none."""
        self._out.file.seek(0)
        self._out.file.write(before_numbers(self._name, self._columns, (self._rows, *self._shape)))
        if not self._rows:
            self._out.file.truncate()

    def __enter__(self) -> Hdf5Writer:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if kind is None:
                self.finish()
                self._out.commit()
        finally:
            self._out.abandon()


def before_numbers(name: str, columns: Sequence[str], shape: tuple[int, ...]) -> bytes:
    """An HDF5 file with one data set, up to its first number; the whole file where there is no number in it."""
    import h5py

    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        never_filled = h5py.h5p.create(
            h5py.h5p.DATASET_CREATE
        )  # as fill_time="never", which h5py before 3.12 does not know
        never_filled.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        data = file.create_dataset(name, shape, "<f8", dcpl=never_filled)
        if sum(len(column.encode()) + 16 for column in columns) < 1 << 16:  # an attribute holds 64 KiB
            data.attrs["columns"] = list(columns)
        if data.size:
            data[(0,) * data.ndim] = 0.0  # gives it its place, behind everything else
        start = data.id.get_offset() if data.size else None
    return memory.getvalue()[:start]
