"""NumPy's .npy and .npz, streamed in and out: nothing is ever unpickled."""

from __future__ import annotations

import contextlib
import io
import math
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from nngrad.errors import DataError, listed
from nngrad.matching import Wanted, match
from nngrad.tables.arrays import ArrayReader, Layout, doubts, layout, rows_per_chunk
from nngrad.tables.common import CHUNK_BYTES, Block, Kept, RowReader, numbers_only
from nngrad.tables.files import Output
from nngrad.tables.held import columns_among
from nngrad.tables.locations import Location
from nngrad.tables.streams import Stream, reason, stream_of

MAGIC = b"\x93NUMPY"


class NpyHeader(NamedTuple):
    """What stands before the numbers."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    length: int


class NpyReader:
    """Rows of a C-ordered array, read from front to back: a file, a pipe, or a member of an .npz file."""

    names: tuple[str, ...] | None = None
    keep: tuple[str, ...] = ()

    def __init__(
        self,
        where: str,
        stream: Stream,
        dtype: np.dtype[Any],
        how: Layout,
        wanted: Wanted,
        member: bool,
        notes: tuple[str, ...] = (),
    ) -> None:
        found = match(where, None, how.width, wanted)
        self._indices = None if found.indices == tuple(range(how.width)) else list(found.indices)
        self.notes = found.notes + notes
        self._where, self._stream, self._dtype, self._how = where, stream, dtype, how
        self._step = rows_per_chunk(how.width, wanted)
        self._read, self._member = 0, member
        self.count: int | None = how.rows

    @property
    def progress(self) -> float | None:
        return self._read / self._how.rows if self._how.rows else 1.0

    def chunks(self) -> Iterator[bytes]:
        row = self._how.width * self._dtype.itemsize
        while self._read < self._how.rows:
            rows = min(self._step, self._how.rows - self._read)
            data = self._stream.read(rows * row)
            if len(data) < rows * row:
                raise DataError(
                    f"{self._where}: ends after {self._read + len(data) // max(1, row)} of {self._how.rows} rows; it was cut short"
                )
            self._read += rows
            yield data
        if self._member:  # the checksum of a zip member is looked at at its end
            while self._stream.read(CHUNK_BYTES):
                pass

    def parse(self, chunk: bytes) -> Block:
        with np.errstate(invalid="ignore"):  # a signalling NaN of single precision
            table = np.frombuffer(chunk, self._dtype).reshape(-1, self._how.width).astype(np.float64, copy=False)
        return Block(table if self._indices is None else np.ascontiguousarray(table[:, self._indices]), ())

    def __enter__(self) -> NpyReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()


def read_npy(place: Location, wanted: Wanted, samples: str | None = None) -> RowReader:
    """Rows of an .npy file; columns stored one after another (MATLAB, Fortran) are memory-mapped."""
    return _opened(stream_of(place), place.label, None if place.is_stream or place.gz else place.path, wanted, samples)


def read_npz(place: Location, wanted: Wanted, samples: str | None = None) -> RowReader:
    """Rows of one array of an .npz file: `file.npz:key`, or the only one there is."""
    try:
        archive = zipfile.ZipFile(place.path)
    except OSError as error:
        raise DataError(f"{place.path}: can't be read: {reason(error)}") from error
    except zipfile.BadZipFile as error:
        raise DataError(f"{place.path}: can't be read as npz: {error}") from error
    keys = [name.removesuffix(".npy") for name in archive.namelist()]
    if place.name is None and wanted.names and {*wanted.names} <= {*keys}:
        archive.close()
        return _beside(place.path, wanted)
    if place.name is None and len(keys) != 1:
        raise DataError(f"{place.path}: holds {len(keys)} arrays ({listed(keys)}); choose one with {place.path}:NAME")
    key = keys[0] if place.name is None else place.name
    if key not in keys:
        raise DataError(f"{place.path}: has no array {key}; it has {listed(keys)}")
    try:
        member = cast(BinaryIO, archive.open(archive.namelist()[keys.index(key)]))
    except (RuntimeError, zipfile.BadZipFile) as error:  # encrypted, or compressed in a way that Python doesn't know
        archive.close()
        raise DataError(f"{place.path}:{key}: can't be read: {error}") from error
    stream = stream_of(place)
    stream.through(member, archive)
    return _opened(stream, f"{place.path}:{key}", None, wanted, samples, member=True)


def _beside(path: str, wanted: Wanted) -> RowReader:
    """Rows of arrays that hold one column each."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = columns_among({name: file[name] for name in wanted.names}, wanted.names)
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: can't be read as npz: {str(error).splitlines()[0]}") from error
    if found is None:
        raise DataError(
            f"{path}: {listed(wanted.names)} are no columns of one length; choose one table with {path}:NAME"
        )
    array = found.array
    return ArrayReader(path, array, layout(path, array.shape, array.dtype, Wanted(), "rows"), wanted, names=found.names)


def _opened(
    stream: Stream, where: str, path: str | None, wanted: Wanted, samples: str | None, member: bool = False
) -> RowReader:
    try:
        header = _header(stream, where)
        how = layout(where, header.shape, header.dtype, wanted, samples)
        notes = doubts(where, how, wanted, samples)
        if not header.fortran and not how.turned:
            return NpyReader(where, stream, header.dtype, how, wanted, member, notes)
        array = _mapped(stream, where, path, header)
        return ArrayReader(where, array, how, wanted, stream, notes)
    except BaseException:
        stream.close()
        raise


def _header(stream: Stream, where: str) -> NpyHeader:
    start = stream.peek(12)
    if start[:6] != MAGIC or len(start) < 12:
        raise DataError(f"{where}: is not an npy file")
    size = 10 + int.from_bytes(start[8:10], "little") if start[6] == 1 else 12 + int.from_bytes(start[8:12], "little")
    if size > 1 << 16:
        raise DataError(f"{where}: its header is damaged")
    text = io.BytesIO(stream.read(size))
    try:
        version = np.lib.format.read_magic(text)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(text)
    except (ValueError, TypeError, SyntaxError) as error:
        raise DataError(f"{where}: its header is damaged: {str(error).splitlines()[0]}") from error
    if min(shape, default=0) < 0:
        raise DataError(f"{where}: its header is damaged: the shape is {shape}")
    return NpyHeader(shape, fortran and len(shape) > 1, dtype, size)


def _mapped(stream: Stream, where: str, path: str | None, header: NpyHeader) -> Any:
    size = math.prod(header.shape) * header.dtype.itemsize
    order: Any = "F" if header.fortran else "C"
    if path is not None:
        if os.path.getsize(path) < header.length + size:
            raise DataError(f"{where}: holds fewer numbers than its header promises ({header.shape}); it was cut short")
        return (
            np.memmap(path, header.dtype, "r", header.length, header.shape, order) if size else np.empty(header.shape)
        )
    data = stream.read(size)
    if len(data) < size:
        raise DataError(f"{where}: holds fewer numbers than its header promises ({header.shape}); it was cut short")
    return np.frombuffer(data, header.dtype).reshape(header.shape, order=order)


class NpyWriter:
    """Rows as (rows, *shape) float64 in one .npy file; where the number of rows is not known, the
    header is written last.
    """

    def __init__(self, place: Location) -> None:
        self._out = Output(place.path)
        self._rows: int | None = None
        self._written = 0
        self._shape: tuple[int, ...] = ()
        self._spool: Any = None
        self._before = b""  # the header, which waits for the first numbers: what is refused leaves nothing in a pipe

    def begin(
        self,
        columns: Sequence[str],
        shape: tuple[int, ...] | None = None,
        *,
        keep: Sequence[str] = (),
        rows: int | None = None,
    ) -> None:
        numbers_only("npy", keep)
        self._shape, self._rows = shape or (len(columns),), rows
        if (
            rows is None and self._out.final is None
        ):  # what went into a pipe can't be changed: keep it back until the end
            self._spool = tempfile.TemporaryFile()  # noqa: SIM115
        else:
            self._before = header((rows or 0, *self._shape))

    def format(self, values: np.ndarray, kept: Kept = ()) -> np.ndarray:
        return np.ascontiguousarray(values, "<f8").reshape(len(values), *self._shape)

    def write(self, piece: np.ndarray) -> None:
        file = self._spool or self._out.file
        file.write(self._before)
        file.write(piece.data if piece.size else b"")
        self._before = b""
        self._written += len(piece)

    def finish(self) -> None:
        """Put the true number of rows into the header."""
        if self._before:
            self.write(np.empty((0, *self._shape)))
        start = header((self._written, *self._shape))
        if self._spool is not None:
            self._out.file.write(start)
            self._spool.seek(0)
            shutil.copyfileobj(self._spool, self._out.file, 1 << 20)
        elif self._rows != self._written:
            if self._out.final is None:
                raise RuntimeError(f"{self._written} rows written where {self._rows} were announced")
            self._out.file.seek(0)
            self._out.file.write(start)

    def __enter__(self) -> NpyWriter:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if kind is None:
                self.finish()
                self._out.commit()
        finally:
            self._out.abandon()
            if self._spool is not None:
                discard(self._spool)


class NpzWriter:
    """Rows as one array of an .npz file, not compressed."""

    def __init__(self, place: Location, name: str = "J") -> None:
        self._name = place.name or name
        self._out = Output(place.path)
        self._array = tempfile.TemporaryFile(dir=os.path.dirname(self._out.path))  # noqa: SIM115
        self._shape: tuple[int, ...] = ()
        self._written = 0

    def begin(
        self,
        columns: Sequence[str],
        shape: tuple[int, ...] | None = None,
        *,
        keep: Sequence[str] = (),
        rows: int | None = None,
    ) -> None:
        numbers_only("npz", keep)
        self._shape = shape or (len(columns),)

    def format(self, values: np.ndarray, kept: Kept = ()) -> np.ndarray:
        return np.ascontiguousarray(values, "<f8").reshape(len(values), *self._shape)

    def write(self, piece: np.ndarray) -> None:
        self._array.write(piece.data if piece.size else b"")
        self._written += len(piece)

    def __enter__(self) -> NpzWriter:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if kind is None:
                self._array.seek(0)
                member = zipfile.ZipInfo(f"{self._name}.npy")  # of 1980: the same bytes every time
                with (
                    zipfile.ZipFile(self._out.file, "w") as archive,
                    archive.open(member, "w", force_zip64=True) as file,
                ):
                    file.write(header((self._written, *self._shape)))
                    shutil.copyfileobj(self._array, file, 1 << 20)
                self._out.commit()
        finally:
            self._out.abandon()
            discard(self._array)


def discard(file: Any) -> None:
    """Close a file whose content nobody wants any more: closing flushes, and the disk may be full."""
    with contextlib.suppress(OSError):
        file.close()


def header(shape: tuple[int, ...]) -> bytes:
    """The header of a C-ordered float64 array: of the same length for any number of rows."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape!r}, }}"
    size = 128 * math.ceil((len(text) + 11 + 20) / 128)
    return MAGIC + b"\1\0" + (size - 10).to_bytes(2, "little") + text.ljust(size - 11).encode() + b"\n"
