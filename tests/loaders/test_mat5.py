"""MAT v4 and v5: our reader against scipy's on what scipy writes, and by hand what scipy can't write."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
import scipy.sparse
from scipy.io import loadmat, savemat
from scipy.io.matlab import MatlabObject as ScipyObject

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers import mat4, mat5
from nngrad.loaders.tree import FunctionHandle, MatlabObject, Undecoded
from tests.makers import damaged
from tests.matlab_bytes import Bytes
from tests.scipy_reference import assert_same

LITTLE = Bytes("<")
NETWORK = np.zeros((1, 1), [("version", object), ("IW", object)])
NETWORK[0, 0] = ("8", np.ones((2, 3)))
CELL = np.empty((2, 2), object)
CELL[:] = [[np.arange(3.0), "text"], [np.zeros((0, 3)), np.array([[1]], np.int16)]]
VARIABLES = {
    "scalar": np.array([[3.5]]),
    "matrix": np.arange(12.0).reshape(3, 4) - 5.5,
    "special": np.array([[np.nan, np.inf, -np.inf, -0.0]]),
    "cube": np.arange(24.0).reshape(2, 3, 4),
    "single": np.array([[1.5, 2.5]], np.float32),
    **{t: np.array([[0, 1, 100]], t) for t in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")},
    "logical": np.array([[True, False]]),
    "complex": np.array([[1 + 2j, -3j]]),
    "empty": np.zeros((0, 5)),
    "row": "a row of text",
    "unicode": "grüße 漢字 😀",
    "lines": np.array(["short", "longer one", "mid  "]),
    "nothing": "",
    "cell": CELL,
    "struct": {"a": 1.0, "b": {"c": "deep", "d": np.eye(2)}, "e": CELL},
    "structs": np.array([[(1.0, "x"), (2.0, "y")]], [("p", object), ("q", object)]),
    "sparse": scipy.sparse.csc_matrix(np.array([[0, 2.5, 0], [1, 0, -3]])),
    "sparse_complex": scipy.sparse.csc_matrix(np.array([[0, 2.5j], [1, 0]])),
    "sparse_empty": scipy.sparse.csc_matrix((3, 2)),
    "object": ScipyObject(NETWORK, "network"),
}
V4 = {
    k: v
    for k, v in VARIABLES.items()
    if k in ("scalar", "matrix", "special", "single", "i2", "u1", "u2", "i4", "complex", "row", "lines", "sparse")
}


def saved(variables, **options) -> bytes:
    file = io.BytesIO()
    savemat(file, variables, **options)
    return file.getvalue()


def assert_like_scipy(data: bytes, tree) -> int:
    theirs = {k: v for k, v in loadmat(io.BytesIO(data)).items() if not k.startswith("__")}
    assert set(tree.variables) == set(theirs)
    return sum(assert_same(tree.variables[name], theirs[name], name) for name in theirs)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("oned", ["row", "column"])
@pytest.mark.parametrize("name", VARIABLES)
def test_v5_is_read_as_scipy_reads_it(name, oned, compressed):
    data = saved({name: VARIABLES[name]}, do_compression=compressed, oned_as=oned)
    tree = mat5.read(data)
    assert tree.container == ("MAT v7" if compressed else "MAT v5")
    assert assert_like_scipy(data, tree) > 0


@pytest.mark.parametrize("name", V4)
def test_v4_is_read_as_scipy_reads_it(name):
    data = saved({name: VARIABLES[name]}, format="4")
    assert mat4.plausible(data)
    assert assert_like_scipy(data, mat4.read(data)) > 0


def test_v4_sparse_complex_and_empty():
    variables = {
        "s": scipy.sparse.csc_matrix(np.array([[0, 2.5j], [1, 0]])),
        "e": np.zeros((0, 3)),
        "c": np.array([[1 + 2j]]),
    }
    data = saved(variables, format="4")
    tree = mat4.read(data)
    np.testing.assert_array_equal(tree.variables["s"], [[0, 2.5j], [1, 0]])
    assert tree.variables["e"].shape == (0, 3)
    np.testing.assert_array_equal(tree.variables["c"], [[1 + 2j]])


def test_v4_big_endian():
    values = np.array([[1.5, -2.0], [3.0, 4.0]])
    data = struct.pack(">5i", 1000, 2, 2, 0, 2) + b"x\0" + values.astype(">f8").tobytes(order="F")
    np.testing.assert_array_equal(mat4.read(data).variables["x"], values)


@pytest.mark.parametrize("compressed", [False, True])
def test_many_variables_keep_their_order(compressed):
    data = saved(VARIABLES, do_compression=compressed)
    assert list(mat5.read(data).variables) == list(VARIABLES)


def test_types_of_the_tree():
    variables = mat5.read(saved(VARIABLES)).variables
    assert variables["u1"].dtype == variables["logical"].dtype == variables["single"].dtype == np.float64
    assert variables["row"] == "a row of text"
    assert variables["lines"] == ["short", "longer one", "mid"]
    assert variables["struct"]["b"]["c"] == "deep"
    assert isinstance(variables["object"], MatlabObject)
    assert variables["object"].classname == "network"
    assert isinstance(variables["structs"][0, 1], dict)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("storage", "small"), [("u1", False), ("u1", True), ("i2", False), ("u2", True), ("i4", False), ("f8", False)]
)
def test_doubles_stored_compactly_in_both_byte_orders(order, storage, small, compressed):
    make = Bytes(order)
    values = np.array([[1.0], [2.0]]) if small else np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    data = make.file(make.matrix(6, values.shape, "W", make.data(values, storage, small)), compressed=compressed)
    tree = mat5.read(data)
    np.testing.assert_array_equal(tree.variables["W"], values)
    assert tree.created == "Mon Jan  2 03:04:05 2023"
    np.testing.assert_array_equal(loadmat(io.BytesIO(data))["W"], values)


@pytest.mark.parametrize("order", ["<", ">"])
def test_structs_and_text_in_both_byte_orders(order):
    make = Bytes(order)
    data = make.file(
        make.struct({"name": make.text("grün"), "cells": make.cell([make.array(np.eye(2)), make.text("b")])}, "net")
    )
    net = mat5.read(data).variables["net"]
    assert net["name"] == "grün"
    assert net["cells"].shape == (2, 1)
    np.testing.assert_array_equal(net["cells"][0, 0], np.eye(2))


@pytest.mark.parametrize(
    ("code", "payload"), [(1, b"abc"), (2, b"abc"), (16, b"abc"), (4, b"a\0b\0c\0"), (18, b"a\0\0\0b\0\0\0c\0\0\0")]
)
def test_text_in_every_storage(code, payload):
    assert mat5.read(LITTLE.file(LITTLE.matrix(4, (1, 3), "t", LITTLE.element(code, payload)))).variables["t"] == "abc"


def test_function_handle_java_object_and_unknown_class_do_not_stop_the_rest():
    handle = LITTLE.struct(
        {"function_handle": LITTLE.struct({"function": LITTLE.text("tansig"), "type": LITTLE.text("simple")})}
    )
    data = LITTLE.file(
        LITTLE.matrix(16, (1, 1), "f", handle),
        LITTLE.opaque("java.util.Vector", LITTLE.array(np.zeros((1, 1), np.uint8)), "j", "java"),
        LITTLE.matrix(29, (1, 1), "u", LITTLE.data([1], "f8")),
        LITTLE.matrix(16, (0, 0), "none"),
        LITTLE.object("network", [1], "m"),
        LITTLE.array(np.eye(2), "x"),
    )
    variables = mat5.read(data).variables
    assert isinstance(variables["f"], FunctionHandle)
    assert variables["f"].text == "tansig"
    assert isinstance(variables["j"], Undecoded)
    assert "java" in variables["j"].reason
    assert isinstance(variables["u"], Undecoded)
    assert "29" in variables["u"].classname
    assert isinstance(variables["m"], Undecoded)
    assert "no store of objects" in variables["m"].reason
    np.testing.assert_array_equal(variables["x"], np.eye(2))


def test_padding_at_the_end_is_not_an_error():
    assert list(mat5.read(saved({"x": 1.0}) + bytes(64)).variables) == ["x"]


def test_a_large_sparse_matrix_is_left_undecoded():
    data = saved({"s": scipy.sparse.csc_matrix((100_000, 100_000)), "x": 1.0})
    variables = mat5.read(data).variables
    assert isinstance(variables["s"], Undecoded)
    assert "too large" in variables["s"].reason
    assert variables["x"] == 1.0


def refused(data: bytes) -> str:
    with pytest.raises(ModelError) as caught:
        mat5.read(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_flipped_bit_of_a_compressed_variable_is_found():
    data = saved({"W": np.linspace(0, 1, 40)}, do_compression=True)
    for position in range(136, len(data)):
        broken = bytearray(data)
        broken[position] ^= 0x10
        assert "corrupt" in refused(bytes(broken))


def flushed(data: bytes, mode: int = zlib.Z_SYNC_FLUSH) -> bytes:
    """A file of one compressed variable whose stream is flushed but never ended, as some writers leave it."""
    packer = zlib.compressobj()
    packed = packer.compress(zlib.decompress(data[136:])) + packer.flush(mode)
    return data[:128] + struct.pack("<II", 15, len(packed)) + packed


@pytest.mark.parametrize("mode", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH])
def test_a_stream_that_is_only_flushed_is_whole_if_every_byte_is_there(mode):
    data = flushed(saved({"W": np.linspace(0, 1, 40)}, do_compression=True), mode)
    assert assert_like_scipy(data, mat5.read(data)) == 1


def test_every_truncation_of_a_flushed_stream_is_found():
    data = flushed(saved({"W": np.linspace(0, 1, 40)}, do_compression=True))
    for end in range(136, len(data)):
        assert "corrupt" in refused(data[:132] + struct.pack("<I", end - 136) + data[136:end])


@pytest.mark.parametrize("compressed", [False, True])
def test_every_truncation_is_found(compressed):
    data = saved({"W": np.arange(30.0), "s": {"a": 1.0}}, do_compression=compressed)
    whole = mat5.read(data)
    assert set(whole.variables) == {"W", "s"}
    for length in range(len(data)):
        try:
            tree = mat5.read(data[:length])
        except ModelError:
            continue
        assert length >= 128, length
        assert set(tree.variables) < {"W", "s"}, length  # cut between two variables: nothing tells


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (LITTLE.matrix(6, (2**28, 2**28), "W", LITTLE.data([1.0], "f8")), "holds 1 numbers"),
        (LITTLE.matrix(6, (-1, 2), "W", LITTLE.data([1.0], "f8")), "impossible dimensions"),
        (LITTLE.matrix(6, (2,), "W", LITTLE.data([1.0], "f8")), "dimensions"),
        (LITTLE.matrix(6, (0, *[2**31 - 1] * 4), "W", LITTLE.data([], "f8")), "impossible dimensions"),
        (LITTLE.matrix(1, (2**31 - 1, 1), "W"), "cell array"),
        (LITTLE.matrix(2, (2**31 - 1, 1), "W", LITTLE.names([])), "too many"),
        (LITTLE.matrix(2, (2**31 - 1, 1), "W", LITTLE.names(["a"])), "struct array"),
        (
            LITTLE.matrix(
                5, (2, 2), "W", LITTLE.data([0, 9], "i4"), LITTLE.data([0, 1, 2], "i4"), LITTLE.data([1.0, 2.0], "f8")
            ),
            "row 10",
        ),
        (
            LITTLE.matrix(
                5, (2, 2), "W", LITTLE.data([0], "i4"), LITTLE.data([0, 5, 9], "i4"), LITTLE.data([1.0], "f8")
            ),
            "states 9 entries",
        ),
        (LITTLE.matrix(6, (1, 1), "W", LITTLE.element(6, b"abc")), "bytes of 4"),
        (LITTLE.element(9, bytes(8)), "type 9"),
    ],
)
def test_impossible_sizes_are_refused_before_memory_is_asked_for(made, words):
    assert words in refused(LITTLE.file(made))


def test_the_name_and_the_place_of_a_broken_variable_are_told():
    good, broken = LITTLE.array(np.eye(2), "good"), LITTLE.matrix(6, (2, 2), "Wrong", LITTLE.data([1.0], "f8"))
    message = refused(LITTLE.file(good, broken))
    assert "'Wrong'" in message
    assert f"byte {128 + len(good)}" in message


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(limits, "BASE_BYTES", 2**20)
    bomb = zlib.compress(struct.pack("<II", 14, 2**24) + bytes(2**24))
    assert "would expand" in refused(LITTLE.file() + struct.pack("<II", 15, len(bomb)) + bomb)


def test_a_bomb_that_lies_about_its_size_is_not_unpacked():
    bomb = zlib.compress(struct.pack("<II", 14, 8) + bytes(2**24))
    assert "hasn't the 8 bytes" in refused(LITTLE.file() + struct.pack("<II", 15, len(bomb)) + bomb)


def test_millions_of_empty_cells_end_soon():
    count = 3_000_000
    data = LITTLE.file(LITTLE.matrix(1, (count, 1), "c", struct.pack("<II", 14, 0) * count), compressed=True)
    assert len(data) < 200_000
    started = time.perf_counter()
    assert "too many elements" in refused(data)
    assert time.perf_counter() - started < 5


def test_nesting_is_bounded():
    inner = LITTLE.array(np.eye(1))
    for _ in range(limits.DEPTH + 5):
        inner = LITTLE.cell([inner])
    assert "nested deeper" in refused(LITTLE.file(inner))


def test_random_damage_ends_in_a_tree_or_a_model_error():
    rng = np.random.default_rng(1)
    original = saved({k: v for k, v in VARIABLES.items() if k != "special"})
    outcomes = set()
    for _ in range(400):
        try:
            mat5.read(damaged(original, rng, 128, 6))
            outcomes.add("tree")
        except ModelError:
            outcomes.add("refused")
    assert outcomes == {"tree", "refused"}
