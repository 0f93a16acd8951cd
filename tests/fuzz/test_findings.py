"""What fuzzing has found, kept small: each of these once ended in something else than a network or a refusal in one line."""

import io
import struct
import tracemalloc

import h5py
import numpy as np
import pytest
from scipy.io import savemat

import nngrad
from nngrad.errors import ModelError
from tests.fuzz.seeds import SAMPLES, mat73


def test_empty_v73_array_whose_bytes_nobody_can_count(tmp_path):
    file = io.BytesIO(mat73())
    with h5py.File(file, "r+") as h5:
        h5["info/none"][:] = [2**60, 0]  # few enough entries for a shape, too many for float64
    path = tmp_path / "hostile.mat"
    path.write_bytes(file.getvalue())
    with pytest.raises(ModelError, match="impossible dimensions"):
        nngrad.load(path)


def test_free_list_of_a_local_heap_that_runs_in_circles(tmp_path):
    """The HDF5 library allocates until the memory is gone."""
    data = bytearray(mat73())
    start = data.rindex(b"HEAP\0\0\0\0")  # of the group `info`
    size, head, address = struct.unpack_from("<QQQ", data, start + 8)
    place = 512 + address + head
    assert head + 16 <= size
    assert struct.unpack_from("<Q", data, place) == (1,)
    struct.pack_into("<Q", data, place, head)
    path = tmp_path / "hostile.mat"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="local heap at byte"):
        nngrad.load(path)


@pytest.mark.parametrize("at", [13, 14])
def test_hdf5_with_narrow_addresses(tmp_path, at):
    data = bytearray(mat73())
    assert data[512 + at] == 8
    data[512 + at] = 4
    path = tmp_path / "hostile.mat"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="where 8 are supported"):
        nngrad.load(path)


@pytest.mark.parametrize("version", [np.zeros(0), np.array([1.5, np.nan]), np.int64(-1), b"\xff"])
def test_keras_version_that_is_no_text(tmp_path, version):
    path = tmp_path / "hostile.h5"
    path.write_bytes((SAMPLES / "keras_regression.h5").read_bytes())
    with h5py.File(path, "r+") as h5:
        for group in (h5, h5["model_weights"]):
            group.attrs["keras_version"] = version
    with pytest.raises(ModelError, match=r"keras_version: .*supported are Keras 2 and 3"):
        nngrad.load(path)


@pytest.mark.parametrize("text", ["b3 [0.5;0.25];", "b3 = 2.5[0.5;0.25];", "b3 = \x1b[31m;"])
def test_source_is_quoted_in_one_printable_line(tmp_path, text):
    path = tmp_path / "hostile.m"
    path.write_text(f"function y = f(x)\n{text}\ny = b3;\n")
    with pytest.raises(ModelError) as error:
        nngrad.load(path)
    assert "line 2" in str(error.value)
    assert str(error.value).isprintable()


def test_names_with_line_breaks_stay_in_one_line(tmp_path):
    path = tmp_path / "hostile.mat"
    savemat(path, {"network": {"w_ight": 1.0}})
    path.write_bytes(path.read_bytes().replace(b"w_ight", b"w\night"))
    with pytest.raises(ModelError, match="w ight") as error:
        nngrad.load(path)
    assert "\n" not in str(error.value)


def test_opening_a_small_file_takes_little_memory():
    """Reading up to the largest size allowed reserved all of it first."""
    tracemalloc.start()
    try:
        nngrad.load(SAMPLES / "hard_limit.mat")
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
