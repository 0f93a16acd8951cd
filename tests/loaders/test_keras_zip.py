"""Keras archives: the three members, and zips that are something else or hostile."""

from __future__ import annotations

import io
import json
import struct
import zipfile

import h5py
import numpy as np
import pytest

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers import keras_zip
from tests.makers import damaged

CONFIG = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "text": 'a "quoted" [bracket'}]}}


def weights() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["layers/dense/vars/0"] = np.eye(2, dtype="f4")
        file["layers/dense/vars/1"] = np.ones(2, dtype="f4")
    return buffer.getvalue()


def archive(members: dict[str, bytes | str], compression=zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return buffer.getvalue()


def keras(compression=zipfile.ZIP_STORED, **changed) -> bytes:
    members = {
        "metadata.json": '{"keras_version": "3.4.1"}',
        "config.json": json.dumps(CONFIG),
        "model.weights.h5": weights(),
    }
    return archive(members | {name.replace("__", "."): content for name, content in changed.items()}, compression)


def refused(data: bytes) -> str:
    with pytest.raises(ModelError) as caught:
        keras_zip.read(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_three_members(compression):
    tree = keras_zip.read(keras(compression))
    assert tree.container == "Keras zip"
    assert tree.variables["metadata"] == {"keras_version": "3.4.1"}
    assert tree.variables["config"] == CONFIG
    np.testing.assert_array_equal(tree.variables["weights"]["layers"]["dense"]["vars"]["0"], np.eye(2))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("archive/data.pkl", "PyTorch"),
        ("arr_0.npy", "npz"),
        ("simulink/blockdiagram.xml", "Simulink"),
        ("model/saved_model.pb", "SavedModel"),
        ("xl/workbook.xml", "Excel"),
        ("net.mat", "zip around .mat"),
        ("other.txt", "other.txt"),
    ],
)
def test_other_zips_are_named(name, what):
    assert what in refused(archive({name: b"x"}))


def test_an_empty_zip():
    assert "holds nothing" in refused(archive({}))


@pytest.mark.parametrize(
    "config", ["[1, 2]", "not json", "[" * 100_000, '{"a": ' + "[" * 500 + "]" * 500 + "}", b"\xff\xfe"]
)
def test_a_configuration_that_is_no_object(config):
    assert "config.json" in refused(keras(config__json=config))


def test_weights_that_are_no_hdf5():
    assert "HDF5" in refused(keras(model__weights__h5=b"abc"))


def test_a_bomb_is_not_unpacked():
    assert "at most" in refused(keras(zipfile.ZIP_DEFLATED, config__json=bytes(limits.JSON_BYTES + 1)))


def test_a_member_that_states_less_than_it_holds():
    data = bytearray(keras(zipfile.ZIP_DEFLATED, config__json=b" " * 100_000))
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.find(signature)
        while data[start + place + (8 if signature[2] == 3 else 22) :][:11] != b"config.json":
            start = data.find(signature, start + 1)
        struct.pack_into("<I", data, start + place, 10)
    assert refused(bytes(data))


def test_other_compressions_are_refused():
    assert "unusual" in refused(keras(zipfile.ZIP_LZMA))


def test_every_truncation_and_random_damage():
    data = keras(zipfile.ZIP_DEFLATED)
    for k in range(50):
        refused(data[: len(data) * k // 50])
    rng = np.random.default_rng(3)
    refusals = 0
    for _ in range(300):
        try:
            keras_zip.read(damaged(data, rng, 0, 4))
        except ModelError:
            refusals += 1
    assert refusals
