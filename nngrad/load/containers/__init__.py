"""Which container a file is, decided by its bytes, never by its suffix; `read` is the one door to all of them.

Its one rule: whatever the bytes are, the outcome is a Tree or a one-line ModelError that says what to do next.
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
from nngrad.load import limits
from nngrad.load.tree import Tree, one_line

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
HDF5_PLACES = (0, 512, 1024, 2048)
MATLAB_START = re.compile(rb"(\xef\xbb\xbf)?\s*(function\b|%|classdef\b)")
SUPPORTED = "nngrad reads .mat (v4 to v7.3), Keras .h5 and .keras, .npz, Octave text and generated MATLAB functions"
TO_MAT = "write its weights to a .mat file, e.g. with scipy.io.savemat"
COPY = "copy or download the file again"


@dataclass(frozen=True)
class Container:
    """A container: how its bytes are recognised, and the module whose `read(bytes)` makes the tree (imported when needed)."""

    name: str
    looks: Callable[[bytes, Path], bool]
    module: str


@dataclass(frozen=True)
class Foreign:
    """A format that is recognised only to refuse it by name."""

    what: str
    looks: Callable[[bytes], bool]
    advice: str


def read(path: str | os.PathLike[str]) -> Tree:
    """The tree of a model file; ModelError with the file's name if there is none."""
    path = Path(path)
    data = _bytes(path)
    try:
        _refuse(data, BEFORE)
        for container in CONTAINERS:
            if container.looks(data, path):
                reader: Callable[[bytes], Tree] = import_module(f"nngrad.load.containers.{container.module}").read
                return reader(data)
        _refuse(data, AFTER)
    except ModelError as error:
        raise ModelError(f"{path}: {one_line(str(error))}") from None
    raise ModelError(f"{path}: its bytes belong to no format that is known; {SUPPORTED}")


def _refuse(data: bytes, formats: tuple[Foreign, ...]) -> None:
    for foreign in formats:
        if foreign.looks(data):
            raise ModelError(f"is {foreign.what}; {foreign.advice}")


def _bytes(path: Path) -> bytes:
    """The content of a regular file within bounds."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ModelError(f"{path}: {_folder(path)}")
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{path}: isn't a regular file; name a model file on disk")
        if status.st_size > limits.FILE_BYTES:
            raise ModelError(f"{path}: has {status.st_size} bytes, at most {limits.FILE_BYTES} are read; {limits.ADVICE}")
        with path.open("rb") as file:
            return file.read(status.st_size)  # no more: read(n) reserves n bytes at once
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; check the name") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{path}: can't be read ({reason}); check the name and the permissions") from None


def _folder(path: Path) -> str:
    if (path / "saved_model.pb").exists():
        return "is a TensorFlow SavedModel folder; load it in Keras and write model.save('model.keras')"
    if (path / "config.json").exists() and (path / "model.weights.h5").exists():
        return "is an unpacked Keras archive; zip its three files or write model.save('model.keras') again"
    return "is a folder; name the model file inside it"


def _starts(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(magic)


def _mat73(data: bytes, path: Path) -> bool:
    return data.startswith(b"MATLAB 7.3 MAT-file") or (data[124:128] == b"\x00\x02IM" and data[512:520] == HDF5_SIGNATURE)


def _mat5(data: bytes, path: Path) -> bool:
    return data[124:128] in (b"\x00\x01IM", b"\x01\x00MI") or data.startswith(b"MATLAB 5.0 MAT-file")


def _hdf5(data: bytes, path: Path) -> bool:
    return any(data[place : place + 8] == HDF5_SIGNATURE for place in HDF5_PLACES)


def _zip(data: bytes, path: Path) -> bool:
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def _npz(data: bytes, path: Path) -> bool:
    """A zip whose first member is an array."""
    return _zip(data, path) and data[30 : 30 + int.from_bytes(data[26:28], "little")].endswith(b".npy")


def _octave_text(data: bytes, path: Path) -> bool:
    return data.startswith(b"# Created by Octave")


def _matlab_text(data: bytes, path: Path) -> bool:
    return bool(MATLAB_START.match(data[:4096])) or (path.suffix.lower() == ".m" and b"\0" not in data[:4096])


def _mat4(data: bytes, path: Path) -> bool:
    from nngrad.load.containers import mat4

    return mat4.plausible(data)


def _onnx(data: bytes) -> bool:
    """A protobuf that begins with a small ir_version and then the producer's name or version, or the graph."""
    return len(data) > 3 and data[0] == 0x08 and data[1] < 0x20 and data[2] in (0x12, 0x1A, 0x22, 0x3A, 0x42)


def _saved_model(data: bytes) -> bool:
    return b"saved_model" in data[:4096] or (data[:2] == b"\x08\x01" and b"\x12" in data[2:3] and b"PartitionedCall" in data[:65536])


def _pickle(data: bytes) -> bool:
    return len(data) > 2 and data[0] == 0x80 and data[1] in (2, 3, 4, 5)


def _markup(data: bytes) -> bool:
    return data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html"))


def _text(data: bytes) -> bool:
    head = data[:4096]
    return not any(byte < 9 or 13 < byte < 32 for byte in head)


BEFORE = (
    Foreign("empty (0 bytes)", lambda data: not data, COPY),
    Foreign("a Git LFS pointer, not the file itself", _starts(b"version https://git-lfs"), "fetch the file with: git lfs pull"),
    Foreign("a web page, not a model file", _markup, "download the file itself (on GitHub: the Raw button)"),
    Foreign("a NumPy .npy array", _starts(b"\x93NUMPY"), "name a model file here, tables of inputs go to --input"),
    Foreign("a pickle (joblib, scikit-learn or PyTorch)", _pickle, f"pickles are never opened, as they run code; {TO_MAT}"),
    Foreign("a file in Octave's binary format", _starts(b"Octave-1-"), "in Octave: save -v7 net.mat net"),
    Foreign("MATLAB p-code", _starts(b"v00.00.00", b"v01.00.00"), "name the .m file or a .mat file"),
    Foreign("compressed with gzip", _starts(b"\x1f\x8b"), "unpack it first"),
    Foreign(
        "compressed with bzip2, xz, 7-Zip or zstd", _starts(b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd"), "unpack it first"
    ),
    Foreign("a TensorFlow Lite model", lambda data: data[4:8] == b"TFL3", "write the Keras model with model.save('model.keras')"),
    Foreign("a fuzzy inference system (.fis), not a network", _starts(b"[System]"), "nngrad differentiates networks only"),
    Foreign("a Parquet table, not a model", _starts(b"PAR1"), "name a model file here, tables of inputs go to --input"),
    Foreign("a picture or a PDF", _starts(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF"), "name a model file"),
)
CONTAINERS = (
    Container("MAT v7.3", _mat73, "mat73"),
    Container("MAT v5/v7", _mat5, "mat5"),
    Container("HDF5", _hdf5, "hdf5"),
    Container("NumPy zip", _npz, "npz"),
    Container("Keras zip", _zip, "keras_zip"),
    Container("Octave text", _octave_text, "octave_text"),
    Container("MATLAB source", _matlab_text, "matlab_text"),
    Container("MAT v4", _mat4, "mat4"),
)
AFTER = (
    Foreign("part of a TensorFlow SavedModel", _saved_model, "load its folder in Keras and write model.save('model.keras')"),
    Foreign("an ONNX model (protobuf)", _onnx, f"nngrad doesn't read ONNX; save the network where it came from, or {TO_MAT}"),
    Foreign("JSON text", _starts(b"{", b"["), "a Keras configuration alone has no weights; write model.save('model.keras')"),
    Foreign("XML text", _starts(b"<?xml"), SUPPORTED),
    Foreign("text (a table?)", _text, f"name a model file here, tables of inputs go to --input; {SUPPORTED}"),
)
