"""Keras 3 archives (`.keras`): a zip of metadata.json, config.json and model.weights.h5.

Only these three members are opened, none beyond its stated size; any other zip is named for what it looks like.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from typing import Any

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.tree import Tree

METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
BRACKET = re.compile(rb"[\[\]{}]")
FAILURES = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    RuntimeError,
    NotImplementedError,
    OverflowError,
)
OTHERS = (  # (a member's name ends or begins so, what it is then)
    ("data.pkl", "a PyTorch file", "pickles are never opened; write its weights to a .mat file (scipy.io.savemat)"),
    (".npy", "a NumPy .npz archive", "write its arrays to a .mat file (scipy.io.savemat)"),
    ("simulink/", "a Simulink model (.slx)", "save the network itself: save('net.mat', 'net')"),
    ("saved_model.pb", "a zipped TensorFlow SavedModel", "load it in Keras and write model.save('model.keras')"),
    ("xl/workbook.xml", "an Excel workbook", "name the model file, not a table"),
    (
        "matlab/document.xml",
        "a MATLAB live script (.mlx)",
        "export it as .m, or save the network: save('net.mat', 'net')",
    ),
    (".onnx", "a zip around an ONNX file", "nngrad reads .mat, .h5 and .keras files"),
    (".mat", "a zip around .mat files", "unpack it and name one of them"),
    (".keras", "a zip around .keras files", "unpack it and name one of them"),
    (".h5", "a zip around HDF5 files", "unpack it and name one of them"),
)


def read(data: bytes) -> Tree:
    """`metadata` and `config` as dicts, `weights` as a Group."""
    budget = limits.Budget(len(data))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if len(members) < len(archive.infolist()):
                raise ModelError("is a zip archive with two members of the same name; write it again with model.save")
            if CONFIG not in members or WEIGHTS not in members:
                raise _other(list(members))
            metadata = _json(_content(archive, members[METADATA], budget), METADATA) if METADATA in members else {}
            config = _json(_content(archive, members[CONFIG], budget), CONFIG)
            weights = _content(archive, members[WEIGHTS], budget)
    except FAILURES as error:
        raise ModelError(
            f"the zip archive is truncated or corrupt ({' '.join(str(error).split())[:200]}); copy the file again"
        ) from None
    from nngrad.loaders.containers import hdf5

    return Tree("Keras zip", {"metadata": metadata, "config": config, "weights": hdf5.group(weights, budget)})


def _other(names: list[str]) -> ModelError:
    for part, what, advice in OTHERS:
        if any(name.endswith(part) or name.startswith(part) for name in names):
            return ModelError(f"is {what}, not a Keras model; {advice}")
    found = ", ".join(names[:3])[:120] or "nothing"
    return ModelError(f"is a zip archive that holds {found}; a Keras model holds {CONFIG} and {WEIGHTS}")


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: limits.Budget) -> bytes:
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ModelError(
            f"'{info.filename}' in it is encrypted or compressed in an unusual way; write it again with model.save"
        )
    if info.filename != WEIGHTS and info.file_size > limits.JSON_BYTES:
        raise ModelError(f"'{info.filename}' in it has {info.file_size} bytes, at most {limits.JSON_BYTES} are read")
    budget.take_bytes(info.file_size, f"'{info.filename}' in it")
    with archive.open(info) as member:
        content = member.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise ModelError(
            f"'{info.filename}' in it hasn't the {info.file_size} bytes that it states; copy the file again"
        )
    return content


def _json(content: bytes, name: str) -> dict[str, Any]:
    depth = 0
    for bracket in BRACKET.findall(STRING.sub(b"", content)):
        depth += 1 if bracket in b"[{" else -1
        if depth > limits.JSON_DEPTH:
            raise ModelError(f"'{name}' in it is nested deeper than {limits.JSON_DEPTH} levels")
    try:
        value = json.loads(content)
    except ValueError as error:
        raise ModelError(f"'{name}' in it isn't JSON ({error}); write it again with model.save") from None
    if not isinstance(value, dict):
        raise ModelError(
            f"'{name}' in it holds a {type(value).__name__}, not an object; write it again with model.save"
        )
    return value
