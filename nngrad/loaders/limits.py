"""The bounds of every reader, in one place: what a file claims is charged here before anything is allocated.

Sizes are taken from the budget *before* the memory is asked for, and a budget never grows.
"""

from __future__ import annotations

from nngrad.errors import ModelError

TOTAL_BYTES = 2 * 1024**3  # expanded, of one file
BASE_BYTES = 256 * 1024**2  # what the smallest file may expand to
EXPANSION = 64  # and how many times its own size on top of that: weights hardly compress at all
ELEMENTS = 500_000  # cells, fields, structs, objects (each is a Python object)
DEPTH = 60  # cells in structs in cells ...
DIMENSIONS = 32  # of one array: NumPy 1 knows no more
EXTENT = 2**58  # product of the nonzero dimensions, so that NumPy accepts the shape even of an empty array
SPARSE_FILL = 16_000_000  # entries of a sparse matrix that is filled
FILE_BYTES = 2 * 1024**3  # files larger than this aren't opened
TEXT_BYTES = 64 * 1024**2  # MATLAB source and Octave text
JSON_BYTES = 8 * 1024**2  # config.json of a Keras file
JSON_DEPTH = 200
HDF5_OBJECTS = 30_000  # groups, datasets and references that are opened: each takes tens of microseconds

ADVICE = "save the network alone into a file of its own, e.g. save('net.mat', 'net')"


class Budget:
    """What one file may still cost."""

    def __init__(self, file_size: int) -> None:
        self.bytes_left = min(TOTAL_BYTES, BASE_BYTES + EXPANSION * file_size)
        self.elements_left = ELEMENTS
        self.objects_left = HDF5_OBJECTS

    def take_bytes(self, count: int, what: str) -> None:
        """Charge `count` bytes; ModelError if the file has no more."""
        if count > self.bytes_left:
            raise ModelError(
                f"{what} would expand to {count} bytes, {self.bytes_left} are left of what this file may use; {ADVICE}"
            )
        self.bytes_left -= count

    def take_elements(self, count: int, what: str) -> None:
        """Charge `count` Python objects; ModelError if the file has no more."""
        if count > self.elements_left:
            raise ModelError(f"{what} holds too many elements (at most {ELEMENTS} in a file); {ADVICE}")
        self.elements_left -= count

    def take_objects(self, count: int, what: str) -> None:
        """Charge `count` HDF5 objects or references; ModelError if the file has no more."""
        if count > self.objects_left:
            raise ModelError(f"{what}: too many HDF5 objects (at most {HDF5_OBJECTS} in a file); {ADVICE}")
        self.objects_left -= count


def volume(shape: tuple[int, ...], what: str) -> int:
    """The number of entries of an array of this shape; ModelError if no array can have it."""
    if not shape or len(shape) > DIMENSIONS or min(shape) < 0:
        raise ModelError(f"{what} has impossible dimensions {shape[:8]}; the file is corrupt")
    count, extent = 1, 1
    for size in shape:
        count *= size
        extent *= size or 1
        if extent > EXTENT:
            raise ModelError(f"{what} has impossible dimensions {shape[:8]}; the file is corrupt")
    return count
