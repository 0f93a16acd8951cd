"""The heaps of an HDF5 file, where texts of variable length and the names of a group's members lie, checked before the
HDF5 library follows anything into them.

The library allocates whatever length is stated and runs in circles in a broken heap, so the heaps are walked here
first, and every text that is about to be read must state no more bytes than its heap holds. Layout: The HDF Group,
"HDF5 File Format Specification", II.A (superblock), III.D (local heap), III.E (global heap) and IV.A.2.m (attribute
message).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

from nngrad.errors import ModelError
from nngrad.loaders import limits

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAP = b"GCOL\x01\0\0\0"
LOCAL_HEAP = b"HEAP\0\0\0\0"
FREE_END = 1  # ends the list of what is free in a local heap
WIDTHS = {0: 13, 1: 13, 2: 9, 3: 9}  # where a superblock of each version says how wide its addresses and lengths are
VLEN = 9
DESCRIPTOR = struct.Struct("<IQI")  # length, address of the heap, number in it
UNDEFINED = 2**64 - 1


def broken(what: str) -> ModelError:
    """The error of a damaged file."""
    return ModelError(f"the HDF5 structure is truncated or corrupt ({what}); copy the file again")


class Heaps:
    """Every global heap of a file: its address, and the sizes of its entries."""

    def __init__(self, data: bytes, budget: limits.Budget) -> None:
        self.data = data
        self.budget = budget
        self.base = max(data.find(SIGNATURE), 0)  # addresses count from here
        self.sizes: dict[int, dict[int, int]] = {}
        self.checked: set[str] = set()
        self._check_widths()
        for start in self._all(HEAP):
            self.sizes[start - self.base] = self._entries(start, budget)
        for start in self._all(LOCAL_HEAP):
            self._check_free(start)

    def _all(self, signature: bytes) -> Iterator[int]:
        start = self.data.find(signature)
        while start >= 0:
            yield start
            start = self.data.find(signature, start + 1)

    def _check_widths(self) -> None:
        """Everything here reads addresses and lengths of 8 bytes, the only ones that MATLAB and h5py write."""
        head = self.data[self.base : self.base + 16].ljust(16, b"\0")
        place = WIDTHS.get(head[8])
        if place is not None and head[place : place + 2] != b"\x08\x08":
            raise broken(f"addresses of {head[place]} and lengths of {head[place + 1]} bytes, where 8 are supported")

    def _check_free(self, start: int) -> None:
        """The list of free places in a local heap must end: the library allocates at every step of it."""
        if start + 32 > len(self.data):
            return
        size, place, address = struct.unpack_from("<QQQ", self.data, start + 8)
        steps = 0
        while place != FREE_END and place + 16 <= size and self.base + address + place + 16 <= len(self.data):
            self.budget.take_elements(1, "a local heap")
            steps += 1
            if steps > len(self.data) // 16:
                raise broken(f"local heap at byte {start}")
            (place,) = struct.unpack_from("<Q", self.data, self.base + address + place)

    def _entries(self, start: int, budget: limits.Budget) -> dict[int, int]:
        (size,) = struct.unpack_from("<Q", self.data, start + 8) if start + 16 <= len(self.data) else (0,)
        position, end = start + 16, start + size
        if size < 16 or end > len(self.data):
            raise broken(f"global heap at byte {start}")
        entries = {}
        while position + 16 <= end:
            budget.take_elements(1, "a global heap")
            index, _, _, length = struct.unpack_from("<HHIQ", self.data, position)
            step = length if not index else 16 + length + -length % 8  # entry 0 is what is free: the rest
            if position + step > end or (not index and position + step != end):
                raise broken(f"global heap at byte {start}")
            entries[index] = length
            position += step
        return entries

    def check(self, raw: bytes, what: str) -> None:
        """Every descriptor must point to an entry that is as long as it says; several may share one, so each is
        charged.
        """
        for length, address, index in DESCRIPTOR.iter_unpack(raw[: len(raw) // 16 * 16]):
            if length and (address == UNDEFINED or self.sizes.get(address, {}).get(index, -1) < length):
                raise broken(f"{what} states a text of {length} bytes that isn't there")
            self.budget.take_bytes(length, what)

    def check_attribute(self, name: str) -> None:
        """Every attribute of this name that holds texts of variable length, wherever in the file."""
        if name in self.checked:
            return
        self.checked.add(name)
        key = name.encode("utf-8", "surrogateescape") + b"\0"
        start = self.data.find(key)
        while start >= 0:
            self.budget.take_elements(1, f"the attribute '{name[:80]}'")
            raw = self._attribute(start, len(key))
            if raw is not None:
                self.check(raw, f"the attribute '{name}'")
            start = self.data.find(key, start + 1)

    def _attribute(self, start: int, length: int) -> bytes | None:
        """The raw value of the attribute message whose name begins here; None if it's none, or of another type."""
        for version, head in ((1, 8), (2, 8), (3, 9)):
            place = start - head
            if place < 0 or self.data[place] != version:
                continue
            stated, kind, space = struct.unpack_from("<HHH", self.data, place + 2)
            pad = 8 if version == 1 else 1
            position = start + -(-stated // pad) * pad
            if stated != length or len(self.data) < position + kind + space + 16 or self.data[position] & 15 != VLEN:
                continue
            position += -(-kind // pad) * pad
            count = self._count(position)
            position += -(-space // pad) * pad
            return self.data[position : position + 16 * count]
        return None

    def _count(self, position: int) -> int:
        """The number of entries of a dataspace message."""
        version, rank = self.data[position], self.data[position + 1]
        position += 8 if version == 1 else 4
        if rank > limits.DIMENSIONS or position + 8 * rank > len(self.data):
            raise broken("an attribute of impossible dimensions")
        return math.prod(struct.unpack_from(f"<{rank}Q", self.data, position))
