"""HDF5 files that MATLAB did not write (Keras weights, dumps), and the bounded access that the v7.3 reader shares.

Only what lies inside this file is followed (hard links, plain storage), every object once, and the declared size
of a dataset is charged to the budget, and its compressed chunks measured, before the HDF5 library may expand it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers.hdf5_heap import Heaps, broken
from nngrad.loaders.tree import Group, Tree, Undecoded

DEFLATE = 1
FILTERS = frozenset({DEFLATE, 2, 3, 32000})  # deflate, shuffle, fletcher32, lzf: those that every h5py has
PLAIN = frozenset({h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.OPAQUE})  # kinds whose entries are no Python objects
KINDS = PLAIN | {h5py.h5t.ENUM, h5py.h5t.COMPOUND, h5py.h5t.STRING, h5py.h5t.REFERENCE, h5py.h5t.BITFIELD}
FAILURES = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, LookupError, NotImplementedError)


def read(data: bytes) -> Tree:
    """The root group of an HDF5 file as a tree; the attributes of the root are at `variables.attributes`."""
    root = group(data, limits.Budget(len(data)))
    if any(isinstance(member, Group) and "OCTAVE_NEW_FORMAT" in member.attributes for member in root.values()):
        raise ModelError("is a file in Octave's HDF5 format, which isn't read; in Octave: save -v7 net.mat net")
    return Tree("HDF5", root)


def group(data: bytes, budget: limits.Budget) -> Group:
    """The root group of an HDF5 file that is in memory."""
    with Store(data, budget) as store:
        return _group(store, store.root, "", 0)


def _group(store: Store, found: h5py.Group, path: str, depth: int) -> Group:
    members = {name: _member(store, found, name, f"{path}/{name}", depth + 1) for name in store.names(found, path)}
    return Group(members, store.attributes(found, path))


def _member(store: Store, parent: h5py.Group, name: str, path: str, depth: int) -> Any:
    if depth > limits.DEPTH:
        raise ModelError(f"groups nested deeper than {limits.DEPTH} levels at '{path[:80]}'; {limits.ADVICE}")
    found = store.member(parent, name, path)
    if isinstance(found, Undecoded):
        return found
    address = store.address(found)
    if address not in store.known:
        store.known[address] = Undecoded("HDF5 group", "a group that holds itself")
        store.known[address] = (
            _group(store, found, path, depth) if isinstance(found, h5py.Group) else _dataset(store, found, path)
        )
    return store.known[address]


def _dataset(store: Store, found: h5py.Dataset, path: str) -> Any:
    """Numbers as float64 with their own shape, text as str or list of str."""
    values = store.values(found, path)
    if isinstance(values, Undecoded):
        return values
    if found.dtype == "V2" and store.attribute(found, "dtype", path) == "bfloat16":
        values = _of_bfloat16(values)
    return decoded(values)


def _of_bfloat16(values: Any) -> np.ndarray:
    """What Keras 3 writes as two opaque bytes: the upper half of a float32."""
    upper = np.frombuffer(np.asarray(values).tobytes(), "<u2").astype("<u4")
    return (upper << 16).view("<f4").reshape(np.shape(values))


def decoded(values: Any) -> Any:
    """What h5py returns, as str, list of str or float64 array."""
    if isinstance(values, h5py.Empty):
        return np.zeros(0)
    if isinstance(values, bytes | str):
        return _text(values)
    array = np.asarray(values)
    if array.dtype.kind in "fiubc":
        with np.errstate(all="ignore"):  # signalling NaN, long double beyond the range
            return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    if array.dtype.kind in "SUO" and all(isinstance(v, bytes | str) for v in array.flat):
        texts = [_text(v) for v in array.flat]
        return texts if array.ndim else texts[0]
    return Undecoded(str(array.dtype)[:80], "a type of HDF5 data that holds neither numbers nor text")


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


@contextmanager
def _sound(path: str) -> Iterator[None]:
    """Whatever the HDF5 library complains about is the file's fault."""
    try:
        yield
    except FAILURES as error:
        reason = " ".join(str(error).split())[:200]
        raise broken(f"at '{path[:80] or '/'}': {reason}") from None


def opened(identity: Any) -> Any:
    """A group or a dataset; Undecoded for anything else."""
    if isinstance(identity, h5py.h5g.GroupID):
        return h5py.Group(identity)
    if isinstance(identity, h5py.h5d.DatasetID):
        return h5py.Dataset(identity)
    return Undecoded("HDF5 type", "a named HDF5 type holds no data")


class Store:
    """An HDF5 file in memory, opened with bounds."""

    def __init__(self, data: bytes, budget: limits.Budget) -> None:
        self.budget = budget
        self.size = len(data)
        self.known: dict[int, Any] = {}  # by address in the file
        self.heaps = Heaps(data, budget)
        with _sound(""):
            access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
            access.set_fapl_core(backing_store=False)
            access.set_file_image(data)
            self.file = h5py.File(h5py.h5f.open(b"model", h5py.h5f.ACC_RDONLY, access))
            self.root = self.file["/"]

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def names(self, found: h5py.Group, path: str) -> list[str]:
        """The members of a group, by name or in the order of creation if the file kept that."""
        with _sound(path):
            self.budget.take_objects(len(found), f"'{path[:80] or '/'}'")
            return [_text(name) for name in found]

    def member(self, parent: h5py.Group, name: str, path: str) -> Any:
        """A member behind a hard link; Undecoded behind any other."""
        with _sound(path):
            key = name.encode("utf-8", "surrogateescape")
            if parent.id.links.get_info(key).type != h5py.h5l.TYPE_HARD:
                return Undecoded("HDF5 link", "a soft or external link: these aren't followed")
            return opened(h5py.h5o.open(parent.id, key))

    def address(self, found: Any) -> int:
        """Where the object lies in the file: its identity."""
        with _sound(""):
            return int(h5py.h5o.get_info(found.id).addr)

    def follow(self, reference: Any, path: str) -> Any:
        """The object behind a reference; None behind a null reference."""
        self.budget.take_objects(1, f"'{path[:80]}'")
        with _sound(path):
            return opened(self.file[reference].id) if reference else None

    def attributes(self, found: Any, path: str) -> dict[str, Any]:
        """All attributes, decoded."""
        with _sound(path):
            count = h5py.h5a.get_num_attrs(found.id)
            if not count:
                return {}
            self.budget.take_objects(count, f"the attributes of '{path[:80] or '/'}'")
            return {name: self.attribute(found, name, path) for name in map(_text, found.attrs)}

    def attribute(self, found: Any, name: str, path: str) -> Any:
        """One attribute, decoded; None if there is none."""
        with _sound(path):
            key = name.encode("utf-8", "surrogateescape")
            if not h5py.h5a.exists(found.id, key):
                return None
            entry = h5py.h5a.open(found.id, key)
            reason = self._charge(entry.shape, entry.get_type(), f"the attribute '{name}' of '{path[:80]}'")
            if reason:
                return Undecoded("HDF5 attribute", reason)
            if _is_variable(entry.get_type()):
                if (
                    math.prod(entry.shape or ()) * self.size > limits.TOTAL_BYTES
                ):  # several entries may share the same bytes
                    return Undecoded("HDF5 attribute", "text of unbounded length")
                self.heaps.check_attribute(name)
            return decoded_attribute(found.attrs[name])

    def values(self, found: h5py.Dataset, path: str) -> Any:
        """A dataset as h5py returns it, charged beforehand; Undecoded if its storage isn't plain."""
        with _sound(path):
            settings = found.id.get_create_plist()
            filters = {settings.get_filter(k)[0] for k in range(settings.get_nfilters())}
            if settings.get_external_count() or settings.get_layout() == h5py.h5d.VIRTUAL:
                return Undecoded("HDF5 dataset", "its data lie in other files: these aren't read")
            if filters - FILTERS:
                return Undecoded("HDF5 dataset", f"compressed with the HDF5 filter {min(filters - FILTERS)}")
            reason = self._charge(found.shape, found.id.get_type(), f"'{path[:80]}'")
            if reason:
                return Undecoded("HDF5 dataset", reason)
            if settings.get_layout() == h5py.h5d.CHUNKED:
                self._measure(found, settings, path)
            if _is_variable(found.id.get_type()) and not self._texts_are_sound(found, settings, path):
                return Undecoded("HDF5 dataset", "text of variable length that isn't stored in one piece")
            return found[()]

    def holds_references(self, found: h5py.Dataset, path: str) -> bool:
        """Whether the entries of a dataset refer to other objects."""
        with _sound(path):
            return bool(found.id.get_type().get_class() == h5py.h5t.REFERENCE)

    def _charge(self, shape: tuple[int, ...] | None, kind: Any, what: str) -> str:
        """Charge the declared size; a reason where the library shouldn't be asked for the data."""
        count = math.prod(shape or ())
        if shape:
            limits.volume(shape, what)
        self.budget.take_bytes(count * (kind.get_size() + 8), what)
        group = kind.get_class()
        if group not in KINDS and not _is_field_names(kind, shape):
            return "a type of HDF5 data that holds neither numbers nor text"
        if group not in PLAIN:
            self.budget.take_elements(count, what)  # may become Python objects
        return ""

    def _texts_are_sound(self, found: h5py.Dataset, settings: Any, path: str) -> bool:
        """Check where each text lies; False for storage in which that can't be seen."""
        size = 16 * math.prod(found.shape)
        if settings.get_layout() == h5py.h5d.CONTIGUOUS:
            offset = found.id.get_offset()
            if offset is not None:
                self.heaps.check(self.heaps.data[offset : offset + size], f"'{path[:80]}'")
            return True
        if settings.get_layout() != h5py.h5d.CHUNKED or settings.get_nfilters():
            return False
        for k in range(found.id.get_num_chunks()):
            info = found.id.get_chunk_info(k)
            self.heaps.check(found.id.read_direct_chunk(info.chunk_offset)[1], f"'{path[:80]}'")
        return True

    def _measure(self, found: h5py.Dataset, settings: Any, path: str) -> None:
        """Compressed chunks must hold what a chunk holds and no more: the library would expand whatever is there."""
        chunk = found.chunks
        self.budget.take_objects(
            math.prod(-(-n // c) for n, c in zip(found.shape, chunk, strict=True)), f"'{path[:80]}'"
        )
        size = math.prod(chunk) * found.id.get_type().get_size()
        self.budget.take_bytes(size, f"'{path[:80]}'")
        if settings.get_nfilters() == 0:
            return
        codes = [settings.get_filter(k)[0] for k in range(settings.get_nfilters())]
        if DEFLATE not in codes:
            return
        for k in range(found.id.get_num_chunks()):
            info = found.id.get_chunk_info(k)
            if info.filter_mask or (codes.index(DEFLATE) < len(codes) - 1 and codes[codes.index(DEFLATE) + 1 :] != [3]):
                raise ModelError(f"'{path[:80]}' is compressed in an unusual order; {limits.ADVICE}")
            _, packed = found.id.read_direct_chunk(info.chunk_offset)
            _inflates_to(packed, size, path)


def _is_variable(kind: Any) -> bool:
    return bool(kind.get_class() == h5py.h5t.VLEN or (kind.get_class() == h5py.h5t.STRING and kind.is_variable_str()))


def _is_field_names(kind: Any, shape: tuple[int, ...] | None) -> bool:
    """MATLAB_fields is a row of sequences of single characters; h5py crashes on other sequences of characters."""
    if kind.get_class() != h5py.h5t.VLEN or shape is None or len(shape) != 1:
        return False
    base = kind.get_super()
    return base.get_class() == h5py.h5t.STRING and base.get_size() == 1 and not base.is_variable_str()


def _inflates_to(packed: bytes, size: int, path: str) -> None:
    stream = zlib.decompressobj()
    try:
        length = len(stream.decompress(packed, size + 1))
    except zlib.error as error:
        raise broken(f"'{path[:80]}': {error}") from None
    if length != size or not stream.eof:
        raise broken(f"a chunk of '{path[:80]}' doesn't hold {size} bytes")


def decoded_attribute(value: Any) -> Any:
    """As `decoded`; the names of MATLAB_fields arrive as arrays of single characters."""
    if (
        isinstance(value, np.ndarray)
        and value.dtype == object
        and all(isinstance(v, np.ndarray) and v.dtype == "S1" for v in value.flat)
    ):
        return [b"".join(v.tolist()).decode("utf-8", "replace") for v in value.flat]
    return decoded(value)
