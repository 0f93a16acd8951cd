"""Which container a file is, decided by its bytes, never by its suffix; `read` is the one door to all of them.

Whatever the bytes are, the outcome is a Tree or a one-line ModelError that says what to do next. A new container is a
module with a function from bytes to a Tree, and a line in CONTAINERS; a format that is both container and dialect may
do with one module.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers.foreign import AFTER, BEFORE, SUPPORTED, TO_KERAS, VAGUE, refuse, refuse_suffix
from nngrad.loaders.tree import Tree, one_line

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
HDF5_PLACES = (0, 512, 1024, 2048)
MATLAB_START = re.compile(rb"(\xef\xbb\xbf)?\s*(function\b|%|classdef\b)")


@dataclass(frozen=True)
class Container:
    """How the bytes of a container are recognised, and which function of which module makes the tree of them."""

    name: str
    looks: Callable[[bytes, Path], bool]
    module: str  # inside nngrad.loaders
    function: str = "read"

    @property
    def reader(self) -> Callable[[bytes], Tree]:
        """From the bytes of a file to its tree; ModelError for what is broken."""
        reader: Callable[[bytes], Tree] = getattr(import_module(f"nngrad.loaders.{self.module}"), self.function)
        return reader


def read(path: str | os.PathLike[str]) -> Tree:
    """The tree of a model file; ModelError with the file's name if there is none."""
    path = Path(path)
    data = _bytes(path)
    try:
        refuse(data, BEFORE)
        for container in CONTAINERS:
            if container.looks(data, path):
                return container.reader(data).lock()
        refuse(data, AFTER)
        refuse_suffix(path)
        refuse(data, VAGUE)
    except ModelError as error:
        raise ModelError(f"{path}: {one_line(str(error))}") from None
    raise ModelError(f"{path}: its bytes belong to no format that is known; {SUPPORTED}")


def _bytes(path: Path) -> bytes:
    """The content of a regular file within bounds."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ModelError(f"{path}: {_folder(path)}")
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{path}: isn't a regular file; name a model file on disk")
        if status.st_size > limits.FILE_BYTES:
            raise ModelError(
                f"{path}: has {status.st_size} bytes, at most {limits.FILE_BYTES} are read; {limits.ADVICE}"
            )
        with path.open("rb") as file:
            return file.read(status.st_size)  # no more: read(n) reserves n bytes at once
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; check the name") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{path}: can't be read ({reason}); check the name and the permissions") from None


def _folder(path: Path) -> str:
    if (path / "saved_model.pb").exists():
        return f"is a TensorFlow SavedModel folder; {TO_KERAS}"
    if (path / "config.json").exists() and (path / "model.weights.h5").exists():
        return "is an unpacked Keras archive; zip its three files or write model.save('model.keras') again"
    return "is a folder; name the model file inside it"


def starts(*beginnings: bytes) -> Callable[[bytes, Path], bool]:
    """What is recognised by its first bytes."""
    return lambda data, path: data.startswith(beginnings)


def _mat73(data: bytes, path: Path) -> bool:
    return data.startswith(b"MATLAB 7.3 MAT-file") or (
        data[124:128] == b"\x00\x02IM" and data[512:520] == HDF5_SIGNATURE
    )


def _mat5(data: bytes, path: Path) -> bool:
    return data[124:128] in (b"\x00\x01IM", b"\x01\x00MI") or data.startswith(b"MATLAB 5.0 MAT-file")


def _hdf5(data: bytes, path: Path) -> bool:
    return any(data[place : place + 8] == HDF5_SIGNATURE for place in HDF5_PLACES)


def _zip(data: bytes, path: Path) -> bool:
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def _npz(data: bytes, path: Path) -> bool:
    """A zip whose first member is an array."""
    return _zip(data, path) and data[30 : 30 + int.from_bytes(data[26:28], "little")].endswith(b".npy")


def _matlab_text(data: bytes, path: Path) -> bool:
    return bool(MATLAB_START.match(data[:4096])) or (path.suffix.lower() == ".m" and b"\0" not in data[:4096])


def _mat4(data: bytes, path: Path) -> bool:
    from nngrad.loaders.containers import mat4

    return mat4.plausible(data)


CONTAINERS = (
    Container("MAT v7.3", _mat73, "containers.mat73"),
    Container("MAT v5/v7", _mat5, "containers.mat5"),
    Container("HDF5", _hdf5, "containers.hdf5"),
    Container("NumPy zip", _npz, "containers.npz"),
    Container("Keras zip", _zip, "containers.keras_zip"),
    Container("Octave text", starts(b"# Created by Octave"), "containers.octave_text"),
    Container("MATLAB source", _matlab_text, "containers.matlab_text"),
    Container("MAT v4", _mat4, "containers.mat4"),
)
