"""What fuzzing has found, kept small: each of these once ended in something else than a network
or a refusal in one line.
"""

import importlib.util
import io
import struct
import time
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
from scipy.io import savemat

import nngrad
from nngrad.core.layers import Affine
from nngrad.core.network import Network
from nngrad.core.ports import Origin, Port
from nngrad.errors import ModelError
from nngrad.loaders import tree
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


# a small file that asks for much


def own_format(path, layers):
    """A network in nngrad's own format, as anybody may write it."""
    with h5py.File(path, "w") as file:
        net = file.create_group("net")
        net["format"], net["version"], net["inputs/size"] = "nngrad network", 1.0, 1.0
        for k, fields in enumerate(layers, 1):
            for name, value in fields.items():
                net[f"layers/{k}/{name}"] = value


def refused_cheaply(path) -> str:
    """The refusal, which came in bounded time and memory."""
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(ModelError) as error:
            nngrad.load(path)
        assert tracemalloc.get_traced_memory()[1] < 300e6
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 20  # under tracing, on any machine; a second or so without
    return str(error.value)


def test_layers_that_double_their_width(tmp_path):
    own_format(tmp_path / "n.h5", [{"kind": "concatenate", "sources": np.array([k, k], float)} for k in range(38)])
    assert (tmp_path / "n.h5").stat().st_size < 100_000
    assert "units in its layers, at most 20000000 are computed" in refused_cheaply(tmp_path / "n.h5")


@pytest.mark.parametrize("kind", ["sum", "concatenate"])
def test_millions_of_sources(tmp_path, kind):
    own_format(tmp_path / "n.h5", [{"kind": kind, "sources": np.zeros(3_000_000)}])
    assert "3000000 sources of layers, at most 200000" in refused_cheaply(tmp_path / "n.h5")


@pytest.mark.parametrize("count", [1, 200])
def test_tens_of_thousands_of_groups(tmp_path, count):
    with h5py.File(tmp_path / "n.h5", "w") as file:
        for k in range(40_000 // count):
            for j in range(count):
                file.create_group(f"{k}/{j}" if count > 1 else str(k))
    assert "too many HDF5 objects" in refused_cheaply(tmp_path / "n.h5")


def test_many_objects_beside_a_network_are_walked_once(tmp_path, monkeypatch):
    """An agent with its experience: every look for networks walked all of it anew."""
    script = importlib.util.spec_from_file_location("made", SAMPLES / "make_matlab_networks.py")
    made = importlib.util.module_from_spec(script)
    script.loader.exec_module(made)
    net, _, _ = made.Samples(tmp_path).fit()
    memory = np.empty((1, 2000), object)
    memory[0, :] = [{"Observation": np.ones(3), "Action": float(k), "Reward": 1.0} for k in range(2000)]
    savemat(tmp_path / "agent.mat", {"agent": {"net": net, "Memory": memory}})
    taken = []
    parts = tree.parts
    monkeypatch.setattr(tree, "parts", lambda element: taken.append(1) or parts(element))
    nngrad.load(tmp_path / "agent.mat")
    assert len(taken) < 3000


def test_nul_in_the_text_of_a_mat_header(tmp_path):
    data = bytearray((SAMPLES / "fitnet.mat").read_bytes())
    data[:116] = b"MATLAB 5.0 MAT-file, Platform: PCWIN64, Created on: Mon Jun 22 21:37:50 2020\0\xe8\x03".ljust(
        116, b"\0"
    )
    (tmp_path / "nul.mat").write_bytes(data)
    net = nngrad.load(tmp_path / "nul.mat")
    assert net.origin.created == "Mon Jun 22 21:37:50 2020"
    for suffix in (".h5", ".mat"):
        nngrad.save(net, tmp_path / f"n{suffix}")
        (note,) = (n for n in nngrad.load(tmp_path / f"n{suffix}").origin.notes if n.startswith("converted from"))
        assert note == "converted from nul.mat (net, MAT v7, Mon Jun 22 21:37:50 2020)"


@pytest.mark.parametrize("text", ["a\0b", "esc\x1b[31m", "lone \ud800", "raw \udcff byte", "\u2028", "\U0001d518"])
@pytest.mark.parametrize("suffix", [".h5", ".mat"])
def test_names_of_any_text_are_written_and_read_back(tmp_path, text, suffix):
    origin = Origin(
        path=f"/x/{text}", network=text, name=text, notes=(text,), doubts=(text,), processing=(text,), layers=(text,)
    )
    net = Network.chain(
        [Affine(np.ones((1, 1)), np.ones(1))],
        inputs=(Port(text, (text,)),),
        outputs=(Port(text, (text,)),),
        origin=origin,
    )
    nngrad.save(net, tmp_path / f"n{suffix}")
    again = nngrad.load(tmp_path / f"n{suffix}")
    halves = {c: f"\\u{ord(c):04x}" for c in text if "\ud800" <= c < "\ue000"}
    expected = "".join(halves.get(c, "\ufffd" if c == "\0" else c) for c in text)
    assert (again.input_names, again.origin.name, again.origin.doubts) == ((expected,), expected, (expected,))


@pytest.mark.parametrize(
    "header",
    [b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,", b"(" * 9000, b"{'descr': '<f8', 'shape': ([],)}", b"\0"],
)
def test_headers_of_numpy_arrays_that_are_none(tmp_path, header):
    """NumPy's own reader hands such a header to Python's tokenizer."""
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(8)
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("W1.npy", array)
    with pytest.raises(ModelError, match="no network found"):
        nngrad.load(tmp_path / "w.npz")
