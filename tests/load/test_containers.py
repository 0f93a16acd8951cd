"""The door: bytes decide, other formats are refused by name, and whatever the bytes are it ends in a Tree or a ModelError."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from nngrad.errors import ModelError
from nngrad.load import containers
from tests.load import test_hdf5, test_keras_zip, test_mat73
from tests.load.test_octave_text import HEAD, block

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
FOREIGN = {
    "empty": b"",
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n",
    "web page": b"\n<!DOCTYPE html><html></html>",
    ".npy": NPY.getvalue(),
    "pickle": pickle.dumps({"W": [1.0]}),
    "Octave's binary": b"Octave-1-L\0\0",
    "p-code": b"v01.00.00v00.00.00",
    "gzip": gzip.compress(b"x"),
    "TensorFlow Lite": b"\x1c\0\0\0TFL3",
    "fuzzy": b"[System]\nName='x'",
    "ONNX": b"\x08\x07\x12\x07pytorch\x1a\x031.9",
    "JSON": b'{"class_name": "Sequential"}',
    "XML": b"<?xml version='1.0'?>",
    "text": b"1,2,3\n4,5,6\n",
    "no format": bytes(range(1, 200)),
    "Parquet": b"PAR1\0\0",
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
def test_other_formats_are_refused_by_name(tmp_path, name):
    path = tmp_path / "net.mat"
    path.write_bytes(FOREIGN[name])
    message = refused(path)
    assert name in message
    assert str(path) in message


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
    code = f"import sys; from nngrad.load import containers; containers.read({str(path)!r})"
    code += "; print(sorted({'scipy', 'h5py'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
