"""HDF5 files that MATLAB didn't write: values, attributes, and what hostile files try."""

from __future__ import annotations

import io
import time
import zlib

import h5py
import numpy as np
import pytest

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers import hdf5
from nngrad.loaders.tree import Group, Undecoded


def made(build, **options) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        build(file)
    return buffer.getvalue()


def keras_like(file):
    file.attrs["backend"] = "tensorflow"
    file.attrs["model_config"] = b'{"class_name": "Sequential"}'
    weights = file.create_group("model_weights")
    weights.attrs["layer_names"] = [b"dense_1", b"dense_2"]
    weights.attrs["texts"] = ["a", "bc"]
    weights.attrs["count"] = 3
    weights["kernel:0"] = np.arange(6, dtype="f4").reshape(2, 3)
    weights["step"] = np.int64(7)
    weights["label"] = "text"
    weights["labels"] = np.array([b"x", b"yz"])
    weights["variable_texts"] = np.array(["one", "three"], dtype=object)
    weights["flag"] = np.array([True, False])
    weights["half"] = np.array([0.5], "f2")
    weights["z"] = np.array([1 + 2j])


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_values_and_attributes(libver):
    tree = hdf5.read(made(keras_like, libver=libver))
    assert tree.container == "HDF5"
    assert isinstance(tree.variables, Group)
    assert tree.variables.attributes == {"backend": "tensorflow", "model_config": '{"class_name": "Sequential"}'}
    weights = tree.variables["model_weights"]
    assert weights.attributes["layer_names"] == ["dense_1", "dense_2"]
    assert weights.attributes["texts"] == ["a", "bc"]
    assert weights.attributes["count"] == 3.0
    np.testing.assert_array_equal(weights["kernel:0"], [[0, 1, 2], [3, 4, 5]])
    assert weights["kernel:0"].dtype == np.float64
    assert weights["step"].shape == ()
    assert (weights["label"], weights["labels"], weights["variable_texts"]) == ("text", ["x", "yz"], ["one", "three"])
    np.testing.assert_array_equal(weights["flag"], [1.0, 0.0])
    np.testing.assert_array_equal(weights["half"], [0.5])
    np.testing.assert_array_equal(weights["z"], [1 + 2j])


@pytest.mark.parametrize(
    "options",
    [{"compression": "gzip"}, {"compression": "gzip", "shuffle": True, "fletcher32": True}, {"compression": "lzf"}],
)
def test_compressed_data(options):
    values = np.arange(5000.0).reshape(50, 100)
    found = hdf5.read(made(lambda f: f.create_dataset("x", data=values, chunks=(7, 9), **options)))
    np.testing.assert_array_equal(found.variables["x"], values)


def test_what_has_no_place_in_the_tree_is_undecoded():
    def build(file):
        file["records"] = np.zeros(2, [("a", "f8"), ("b", "S3")])
        file["ragged"] = h5py.Empty("f4")
        file.create_dataset("sequences", (2,), h5py.vlen_dtype(np.int32))
        file["type"] = np.dtype("f8")
        file["x"] = 1.0

    found = hdf5.read(made(build)).variables
    assert all(isinstance(found[name], Undecoded) for name in ("records", "sequences", "type"))
    assert found["ragged"].shape == (0,)
    assert found["x"] == 1.0


def test_what_octave_writes_is_refused_by_name():
    def build(file):
        matrix = file.create_group("W1")
        matrix.attrs["OCTAVE_NEW_FORMAT"] = np.uint8(1)
        matrix["type"], matrix["value"] = np.bytes_("matrix"), np.ones((3, 5))

    with pytest.raises(ModelError, match="Octave's HDF5 format, which isn't read; in Octave: save -v7"):
        hdf5.read(made(build))


def test_links_out_of_the_tree_and_circles():
    def build(file):
        group = file.create_group("g")
        group["again"] = file["g"]
        file["soft"] = h5py.SoftLink("/g")
        file["outer"] = h5py.ExternalLink("/etc/hosts", "/x")
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "x", (3,))
        file.create_virtual_dataset("virtual", layout)

    found = hdf5.read(made(build)).variables
    assert isinstance(found["g"]["again"], Undecoded)
    assert all(isinstance(found[name], Undecoded) for name in ("soft", "outer", "virtual"))


def refused(data: bytes) -> str:
    with pytest.raises(ModelError) as caught:
        hdf5.read(data)
    return str(caught.value)


def test_depth_is_bounded():
    assert "nested deeper" in refused(made(lambda f: f.create_group("/".join("g" * (limits.DEPTH + 5)))))


def test_a_chunk_that_expands_beyond_its_size_is_not_unpacked():
    def build(file):
        data = file.create_dataset("x", (100,), "f8", chunks=(100,), compression="gzip")
        data.id.write_direct_chunk((0,), zlib.compress(bytes(50_000_000)))

    assert "doesn't hold 800 bytes" in refused(made(build))


def test_more_chunks_than_data_are_refused():
    started = time.perf_counter()
    assert "too many HDF5 objects" in refused(made(lambda f: f.create_dataset("x", (10_000_000,), "u1", chunks=(1,))))
    assert time.perf_counter() - started < 2


def test_a_text_that_states_more_bytes_than_there_are_is_refused():
    data = bytearray(made(lambda f: f.attrs.__setitem__("backend", "tensorflow")))
    place = data.find(b"backend\0")
    descriptor = data.find((10).to_bytes(4, "little"), place)
    data[descriptor : descriptor + 4] = (0xF0000000).to_bytes(4, "little")
    assert "states a text" in refused(bytes(data))


def test_a_heap_that_runs_in_circles_is_refused():
    data = bytearray(made(lambda f: f.attrs.__setitem__("backend", "tensorflow")))
    heap = data.find(b"GCOL")
    data[heap + 24 : heap + 32] = (0).to_bytes(8, "little")
    assert "global heap" in refused(bytes(data))


def test_every_truncation_is_a_model_error():
    data = made(keras_like)
    assert hdf5.read(data)
    for k in range(50):
        assert "\n" not in refused(data[: len(data) * k // 50])


def test_texts_that_share_their_bytes_are_charged_one_by_one():
    """Sixty thousand descriptors of the same text of 100 kB would be six gigabytes."""
    count = 60_000

    def build(file):
        data = file.create_dataset("names", (count,), h5py.string_dtype())
        data[0] = "a" * 100_000

    data = bytearray(made(build))
    with h5py.File(io.BytesIO(data)) as file:
        start = file["names"].id.get_offset()
    data[start : start + 16 * count] = data[start : start + 16] * count
    begin = time.monotonic()
    with pytest.raises(ModelError, match="'/names' would expand to"):
        hdf5.read(bytes(data))
    assert time.monotonic() - begin < 20
