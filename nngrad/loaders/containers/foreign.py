"""Formats that are recognised only to refuse each by name, with the next step.

Bytes decide, the suffix only where the bytes say nothing; nothing of such a file is ever opened or run.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nngrad.errors import ModelError

SUPPORTED = "nngrad reads .mat (v4 to v7.3), Keras .h5 and .keras, .npz, Octave text and generated MATLAB functions"
FROM_TORCH = (
    "in PyTorch: numpy.savez('w.npz', **{k: v.numpy() for k, v in model.state_dict().items()}), and give --activation"
)
TO_NPZ = "write its weights with numpy.savez('w.npz', W1=W1, b1=b1, ...), and give --activation"
TO_KERAS = "load it in Keras and write model.save('model.keras')"
OF_KERAS = "write the Keras model it was made from: model.save('model.keras')"
UNPICKLED = "pickles are never opened, as they run code"
TABLES = "name a model file here, tables of inputs go to --input"
COPY = "copy or download the file again"
NOT_A_NETWORK = "nngrad differentiates neural networks only"
HEAD = 65_536
TORCH_LEGACY = (
    b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"  # the number that torch.save wrote before its zip files
)
TREES = (b"TreeEnsembleRegressor", b"TreeEnsembleClassifier")
STATISTICS = (b"SVMRegressor", b"SVMClassifier", b"LinearClassifier", b"LinearRegressor")


@dataclass(frozen=True)
class ForeignFile:
    """A format, how its bytes look, and what to do instead."""

    what: str
    looks: Callable[[bytes], bool]
    advice: str


def refuse(data: bytes, formats: tuple[ForeignFile, ...]) -> None:
    """ModelError for a file that is one of these."""
    for foreign in formats:
        if foreign.looks(data):
            raise ModelError(f"is {foreign.what}; {foreign.advice}")


def refuse_suffix(path: Path) -> None:
    """ModelError for a file whose name says what its bytes don't."""
    what = SUFFIXES.get(path.suffix.lower())
    if what:
        raise ModelError(f"is called {path.suffix} ({what[0]}), and its bytes are not understood; {what[1]}")


def _starts(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(magic)


def _holds(*words: bytes) -> Callable[[bytes], bool]:
    return lambda data: any(word in data for word in words)


def _both(*each: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
    return lambda data: all(looks(data) for looks in each)


def _onnx(data: bytes) -> bool:
    """A protobuf that begins with a small ir_version and then the producer's name or version, or the graph."""
    return len(data) > 3 and data[0] == 0x08 and data[1] < 0x20 and data[2] in (0x12, 0x1A, 0x22, 0x3A, 0x42)


def _saved_model(data: bytes) -> bool:
    return b"saved_model" in data[:4096] or (
        data[:2] == b"\x08\x01" and b"\x12" in data[2:3] and b"PartitionedCall" in data[:HEAD]
    )


def _frozen_graph(data: bytes) -> bool:
    """TensorFlow's GraphDef: nodes with a name and an operation."""
    return (
        data[:1] == b"\x0a"
        and data[2:3] == b"\x0a"
        and any(op in data[:HEAD] for op in (b"\x12\x0bPlaceholder", b"\x12\x05Const"))
    )


def _pickle(data: bytes) -> bool:
    binary = len(data) > 2 and data[0] == 0x80 and data[1] in (2, 3, 4, 5)
    return binary or data.startswith((b"ccopy_reg\n", b"cnumpy", b"(dp0\n", b"(lp0\n", b"c__main__"))


def _zipped_pickle(data: bytes) -> bool:
    """What joblib.dump(..., compress=True) writes."""
    if not data.startswith((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")):
        return False
    try:
        return _pickle(zlib.decompressobj().decompress(data[:4096], 64))
    except zlib.error:
        return False


def _safetensors(data: bytes) -> bool:
    size = int.from_bytes(data[:8], "little")
    return len(data) > 10 and data[8:9] == b"{" and size <= len(data) - 8 and data[8 : 8 + size].rstrip().endswith(b"}")


def _nnet_text(data: bytes) -> bool:
    """Comment lines with //, then layers, inputs, outputs and the largest layer, then the sizes of all layers."""
    lines = [line.strip() for line in data[:HEAD].splitlines()]
    lines = [line for line in lines if line and not line.startswith(b"//")]
    if len(lines) < 7 or not all(re.fullmatch(rb"[\d, ]+", line) for line in lines[:2]):
        return False
    head, sizes = ([int(n) for n in re.findall(rb"\d{1,9}", line)] for line in lines[:2])
    return len(head) == 4 and len(sizes) == head[0] + 1 and sizes[0] == head[1] and sizes[-1] == head[2]


def _markup(data: bytes) -> bool:
    return data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html"))


def _text(data: bytes) -> bool:
    head = data[:4096]
    return not any(byte < 9 or 13 < byte < 32 for byte in head)


BEFORE = (
    ForeignFile("empty (0 bytes)", lambda data: not data, COPY),
    ForeignFile(
        "a Git LFS pointer, not the file itself",
        _starts(b"version https://git-lfs"),
        "fetch the file with: git lfs pull",
    ),
    ForeignFile("a web page, not a model file", _markup, "download the file itself (on GitHub: the Raw button)"),
    ForeignFile(
        "a NumPy .npy array",
        _starts(b"\x93NUMPY"),
        f"one array is no network; tables of inputs go to --input; weights: {TO_NPZ}",
    ),
    ForeignFile(
        "a PyTorch file (an old one, a pickle)",
        _both(_pickle, lambda data: TORCH_LEGACY in data[:32]),
        f"{UNPICKLED}; {FROM_TORCH}",
    ),
    ForeignFile(
        "a scikit-learn model (a pickle)",
        _both(_pickle, lambda data: b"sklearn" in data[:HEAD]),
        f"{UNPICKLED}; of an MLPRegressor {TO_NPZ}: coefs_ and intercepts_",
    ),
    ForeignFile("a pickle (joblib, scikit-learn or PyTorch)", _pickle, f"{UNPICKLED}; {TO_NPZ}"),
    ForeignFile("a compressed pickle (joblib)", _zipped_pickle, f"{UNPICKLED}; {TO_NPZ}"),
    ForeignFile(
        "a safetensors file", _safetensors, f"it isn't read; {TO_NPZ} (safetensors.numpy.load_file gives the arrays)"
    ),
    ForeignFile("a file in Octave's binary format", _starts(b"Octave-1-"), "in Octave: save -v7 net.mat net"),
    ForeignFile("MATLAB p-code", _starts(b"v00.00.00", b"v01.00.00"), "name the .m file or a .mat file"),
    ForeignFile("compressed with gzip", _starts(b"\x1f\x8b"), "unpack it first"),
    ForeignFile(
        "compressed with bzip2, xz, 7-Zip or zstd",
        _starts(b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd"),
        "unpack it first",
    ),
    ForeignFile(
        "a TensorFlow Lite model",
        lambda data: data[4:8] == b"TFL3",
        "write the Keras model it was made from: model.save('model.keras')",
    ),
    ForeignFile("a fuzzy inference system (.fis), not a network", _starts(b"[System]"), NOT_A_NETWORK),
    ForeignFile(
        "an old Excel workbook or another Office file",
        _starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        f"save it as .csv; {TABLES}",
    ),
    ForeignFile("a Parquet table, not a model", _starts(b"PAR1"), TABLES),
    ForeignFile("an Arrow or Feather table, not a model", _starts(b"ARROW1"), TABLES),
    ForeignFile(
        "a CasADi function",
        _starts(b"jhpnnagiieahaaaa"),
        "CasADi differentiates it itself: f.jacobian(); nngrad reads networks",
    ),
    ForeignFile("a model in GGUF", _starts(b"GGUF"), f"it isn't read; {TO_NPZ}"),
    ForeignFile("a picture or a PDF", _starts(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF"), "name a model file"),
)
AFTER = (
    ForeignFile(
        "part of a TensorFlow SavedModel", _saved_model, "load its folder in Keras and write model.save('model.keras')"
    ),
    ForeignFile("trees in ONNX, which have no slopes", _both(_onnx, _holds(*TREES)), NOT_A_NETWORK),
    ForeignFile("a statistical model in ONNX", _both(_onnx, _holds(*STATISTICS)), NOT_A_NETWORK),
    ForeignFile(
        "an ONNX model (protobuf)", _onnx, f"nngrad doesn't read ONNX; save the network where it came from, or {TO_NPZ}"
    ),
    ForeignFile("a TensorFlow graph (.pb)", _frozen_graph, OF_KERAS),
    ForeignFile("a Simulink model (.mdl)", _starts(b"Model {"), "save the network itself: save('net.mat', 'net')"),
    ForeignFile(
        "a network in .nnet text",
        _nnet_text,
        f"it isn't read yet; {TO_NPZ} (with its means and ranges: --input-scaling)",
    ),
    ForeignFile("a PMML model", _both(_starts(b"<?xml", b"<PMML"), lambda data: b"<PMML" in data[:4096]), TO_NPZ),
)
VAGUE = (  # after the suffix
    ForeignFile(
        "JSON text", _starts(b"{", b"["), "a Keras configuration alone has no weights; write model.save('model.keras')"
    ),
    ForeignFile("XML text", _starts(b"<?xml"), SUPPORTED),
    ForeignFile("text (a table?)", _text, f"{TABLES}; {SUPPORTED}"),
)
SUFFIXES = {
    ".pt": ("PyTorch", FROM_TORCH),
    ".pth": ("PyTorch", FROM_TORCH),
    ".ckpt": ("a checkpoint", FROM_TORCH),
    ".pkl": ("a pickle", f"{UNPICKLED}; {TO_NPZ}"),
    ".joblib": ("a pickle", f"{UNPICKLED}; {TO_NPZ}"),
    ".onnx": ("ONNX", f"nngrad doesn't read ONNX; save the network where it came from, or {TO_NPZ}"),
    ".pb": ("TensorFlow", TO_KERAS),
    ".tflite": ("TensorFlow Lite", OF_KERAS),
    ".safetensors": ("safetensors", TO_NPZ),
    ".nnet": ("text of a network", TO_NPZ),
    ".mlmodel": ("Core ML", TO_KERAS),
}
