"""The door: bytes decide, other formats are refused by name, and whatever the bytes are it ends
in a Tree or a ModelError.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from nngrad.errors import ModelError
from nngrad.loaders import containers
from nngrad.loaders.containers import foreign
from tests.loaders import test_hdf5, test_keras_zip, test_mat73
from tests.loaders.test_octave_text import HEAD, block

MAT = io.BytesIO()
savemat(MAT, {"W": np.eye(3), "s": {"a": "text"}}, do_compression=True)
MAT4 = io.BytesIO()
savemat(MAT4, {"W": np.eye(3)}, format="4")
NPY, NPZ = io.BytesIO(), io.BytesIO()
np.save(NPY, np.eye(2))
np.savez(NPZ, W=np.eye(2))
GOOD = {
    "MAT v7": MAT.getvalue(),
    "MAT v4": MAT4.getvalue(),
    "MAT v7.3": test_mat73.made(lambda m: m.array(np.eye(2), "double", name="W")),
    "HDF5": test_hdf5.made(test_hdf5.keras_like),
    "Keras zip": test_keras_zip.keras(),
    "NumPy zip": NPZ.getvalue(),
    "Octave text": (HEAD + block("scalar", "1")).encode(),
    "MATLAB source": b"function [y1] = net(x1)\n%NET\r\ny1 = x1;\nend\n",
}


def field(number: int, content: bytes) -> bytes:
    """A protobuf field of bytes, shorter than 128."""
    return bytes([number << 3 | 2, len(content)]) + content


def onnx(op: bytes) -> bytes:
    node = field(1, b"x") + field(2, b"y") + field(4, op)
    return b"\x08\x08" + field(2, b"skl2onnx") + field(7, field(1, node))


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


NNET = b"// a network\n// of VerticalCAS\n2,3,1,4,\n3,4,1,\n0,\n-1,-1,-1,\n1,1,1,\n0,0,0,0,\n1,1,1,1,\n0.1,0.2,0.3,\n"
TENSORS = json.dumps({"fc1.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
SKLEARN = b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x20sklearn.neural_network._multilayer_perceptron"
TORCH = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."
FOREIGN = {  # what it is -> its bytes, and a word of the advice
    "empty": (b"", "again"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n", "git lfs pull"),
    "web page": (b"\n<!DOCTYPE html><html></html>", "Raw"),
    ".npy": (NPY.getvalue(), "--input"),
    "a pickle (joblib, scikit-learn or PyTorch)": (pickle.dumps({"W": [1.0]}), "never opened"),
    "pickle": (pickle.dumps({"W": [1.0]}, 0), "never opened"),
    "compressed pickle": (zlib.compress(pickle.dumps({"W": [1.0] * 99})), "never opened"),
    "scikit-learn": (SKLEARN, "coefs_"),
    "PyTorch file (an old one": (TORCH, "state_dict"),
    "PyTorch": (zipped("archive/data.pkl", "archive/version"), "never opened"),
    "safetensors": (len(TENSORS).to_bytes(8, "little") + TENSORS + b"\0\0\0\0", "numpy.savez"),
    ".nnet": (NNET, "numpy.savez"),
    "Octave's binary": (b"Octave-1-L\0\0", "save -v7"),
    "p-code": (b"v01.00.00v00.00.00", ".m file"),
    "gzip": (gzip.compress(b"x"), "unpack"),
    "TensorFlow Lite": (b"\x1c\0\0\0TFL3", "model.keras"),
    "SavedModel": (b"\x08\x01\x12\x05StatefulPartitionedCall", "model.keras"),
    "TensorFlow graph": (field(1, field(1, b"x") + field(2, b"Placeholder")), "model.keras"),
    "fuzzy": (b"[System]\nName='x'", "neural networks only"),
    "ONNX": (onnx(b"Gemm"), "numpy.savez"),
    "trees in ONNX": (onnx(b"TreeEnsembleRegressor"), "neural networks only"),
    "statistical model in ONNX": (onnx(b"SVMRegressor"), "neural networks only"),
    "CasADi": (b"jhpnnagiieahaaaadaaaaaaaaaaa", "f.jacobian()"),
    "JSON": (b'{"class_name": "Sequential"}', "model.keras"),
    "PMML": (b"<?xml version='1.0'?><PMML>", "numpy.savez"),
    "XML": (b"<?xml version='1.0'?>", "nngrad reads"),
    "text": (b"1,2,3\n4,5,6\n", "--input"),
    "no format": (bytes(range(1, 200)), "nngrad reads"),
    "Parquet": (b"PAR1\0\0", "--input"),
    "Excel workbook": (zipped("[Content_Types].xml", "xl/workbook.xml"), "table"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", ".csv"),
    "live script": (zipped("[Content_Types].xml", "matlab/document.xml"), "save('net.mat', 'net')"),
    "Simulink model": (zipped("[Content_Types].xml", "simulink/blockdiagram.xml"), "save('net.mat', 'net')"),
    "Simulink model (.mdl)": (b"Model {\n  Name x\n}", "save('net.mat', 'net')"),
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("suffix", ["", ".mat", ".h5", ".txt"])
def test_the_bytes_decide_and_not_the_suffix(tmp_path, name, suffix):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(GOOD[name])
    assert containers.read(path).container == name
    assert containers.read(str(path)).variables


def refused(path) -> str:
    with pytest.raises(ModelError) as caught:
        containers.read(path)
    assert "\n" not in str(caught.value)
    assert ";" in str(caught.value), "what to do next"
    return str(caught.value)


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("suffix", [".mat", ".onnx", ""])
def test_other_formats_are_refused_by_name(tmp_path, name, suffix):
    data, advice = FOREIGN[name]
    if suffix == ".onnx" and name in ("JSON", "XML", "text", "no format"):
        pytest.skip("the suffix speaks where the bytes don't")
    path = tmp_path / f"net{suffix}"
    path.write_bytes(data)
    message = refused(path)
    assert name in message
    assert advice in message
    assert str(path) in message
    assert len(message) - len(str(path)) < 300


@pytest.mark.parametrize("suffix", sorted(foreign.SUFFIXES))
def test_the_suffix_speaks_where_the_bytes_do_not(tmp_path, suffix):
    path = tmp_path / f"net{suffix}"
    for data in (bytes(range(1, 200)), b"some text\n"):
        path.write_bytes(data)
        assert f"is called {suffix}" in refused(path)
    path.write_bytes(GOOD["MAT v7"])
    assert containers.read(path).container == "MAT v7"


def test_source_without_a_keyword_is_known_by_its_suffix(tmp_path):
    path = tmp_path / "script.m"
    path.write_bytes("x = 'gr\xfc\xdfe';\r\ny = 1;".encode("latin-1"))
    assert containers.read(path).variables["source"] == "x = 'grüße';\ny = 1;"


def test_what_is_no_readable_file(tmp_path):
    assert "no such file" in refused(tmp_path / "none.mat")
    assert "is a folder" in refused(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    assert "SavedModel" in refused(tmp_path)
    assert "can't be read" in refused("bad\0name")
    os.mkfifo(tmp_path / "pipe")
    assert "isn't a regular file" in refused(tmp_path / "pipe")


@pytest.mark.parametrize("name", GOOD)
def test_every_truncation_ends_in_a_tree_or_a_model_error(tmp_path, name):
    path = tmp_path / "net"
    ends = set()
    for k in range(50):
        path.write_bytes(GOOD[name][: len(GOOD[name]) * k // 50])
        try:
            ends.add(containers.read(path).container)
        except ModelError:
            ends.add("refused")
    assert "refused" in ends


@settings(max_examples=150, deadline=2000)
@given(name=st.sampled_from(["MAT v7", "MAT v4", "Keras zip", "NumPy zip", "Octave text"]), data=st.data())
def test_damaged_bytes_end_in_a_tree_or_a_model_error(tmp_path_factory, name, data):
    broken = bytearray(GOOD[name])
    for _ in range(data.draw(st.integers(1, 5))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "net"
    path.write_bytes(broken)
    try:
        tree = containers.read(path)
    except ModelError:
        return
    assert tree.container


@settings(max_examples=200, deadline=2000)
@given(data=st.binary(max_size=300), start=st.sampled_from([b"", *(good[:140] for good in GOOD.values())]))
def test_any_bytes_end_in_a_tree_or_a_model_error(tmp_path_factory, data, start):
    path = tmp_path_factory.mktemp("any") / "net"
    path.write_bytes(start + data)
    try:
        tree = containers.read(path)
    except ModelError:
        return
    assert tree.container


def test_a_mat_file_needs_neither_scipy_nor_h5py(tmp_path):
    path = tmp_path / "net.mat"
    path.write_bytes(GOOD["MAT v7"])
    code = f"import sys; from nngrad.loaders import containers; containers.read({str(path)!r})"
    code += "; print(sorted({'scipy', 'h5py'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
