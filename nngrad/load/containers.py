"""Which container a file is, decided by its bytes, never by its suffix; `read` is the one door to all of them.

Its one rule: whatever the bytes are, the outcome is a Tree or a one-line ModelError that says what to do next.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from nngrad.errors import ModelError
from nngrad.load import limits
from nngrad.load.tree import Tree

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAD = 4096


def read(path: str | os.PathLike[str]) -> Tree:
    """The tree of a model file; ModelError with the file's name if there is none."""
    path = Path(path)
    data = _bytes(path)
    try:
        return _reader(data, path)(data)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ModelError(f"{path}: is a folder; name the model file inside it")
        size = path.stat().st_size
        if size > limits.FILE_BYTES:
            raise ModelError(f"{path}: has {size} bytes, at most {limits.FILE_BYTES} are read; {limits.ADVICE}")
        with path.open("rb") as file:
            return file.read(limits.FILE_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{path}: can't be read: {reason}; check the name and the permissions") from None


def _reader(data: bytes, path: Path) -> Callable[[bytes], Tree]:
    from nngrad.load import mat5

    return mat5.read
