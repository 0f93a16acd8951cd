"""What save writes and load reads back: the same layers, to the last bit, whatever the kind; and
a file appears whole or not at all.
"""

import dataclasses
import os

import h5py
import numpy as np
import pytest
from scipy.io import loadmat

import nngrad
from nngrad.core.activations import BY_NAME, Activation
from nngrad.core.builder import Builder
from nngrad.core.layers import Affine, Elementwise, FillMissing, Place, Scale, Select, Softmax, Sum
from nngrad.core.network import Network
from nngrad.core.ports import Origin, Port
from nngrad.errors import DataError, ModelError, NngradError, UsageError
from nngrad.loaders import candidates, containers
from nngrad.own_format.encode import encoded, save
from tests.makers import SAMPLES

SUFFIXES = (".mat", ".h5")
TOLD = {
    "numbered": "tanh",
    "positional": "tanh",
    "in_by_out": "tanh",
    "square": "tanh",
    "groups": "relu",
    "theta": "sigmoid",
}


def models():
    """(file, path inside) of every network among the sample models that loads."""
    for path in sorted(SAMPLES.iterdir()):
        if path.suffix in (".py", ".csv", ".npz", ".md", ""):
            continue
        try:
            found = [candidate.path for candidate in candidates(containers.read(path))]
        except ModelError:
            continue
        yield from ((path.name, where) for where in found)


def loaded(name, where):
    word = TOLD.get(name.removeprefix("dump_").partition(".")[0])
    return nngrad.load(SAMPLES / name, where, activation=word and [word, "sigmoid" if word == "sigmoid" else "linear"])


def same_value(a, b):
    """Equal to the last bit, and of the same type, shape and order in memory."""
    if isinstance(a, np.ndarray):
        orders = [v.ndim > 1 and v.strides[0] < v.strides[-1] and not v.flags.c_contiguous for v in (a, b)]
        return a.dtype == b.dtype and a.shape == b.shape and orders[0] == orders[1] and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_value(a[k], b[k]) for k in a)
    if dataclasses.is_dataclass(a) and not isinstance(a, Activation):
        return type(a) is type(b) and all(
            same_value(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a)
        )
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same_value(p, q) for p, q in zip(a, b, strict=True))
    return a == b or (a != a and b != b)


def back(net, path):
    save(net, path)
    return nngrad.load(path)


def the_same(net, again):
    assert [n.sources for n in again.layers] == [tuple(int(s) for s in n.sources) for n in net.layers]
    for before, after in zip(net.layers, again.layers, strict=True):
        assert same_value(before.layer, after.layer), before.layer
    assert same_value(net.inputs, again.inputs)
    assert same_value(net.outputs, again.outputs)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("name", "where"), list(models()), ids=str)
def test_every_sample_model_comes_back(tmp_path, name, where, suffix):
    try:
        net = loaded(name, where)
    except NngradError as e:
        pytest.skip(str(e))
    again = back(net, tmp_path / f"saved{suffix}")
    the_same(net, again)
    x = np.random.default_rng(0).normal(size=(5, net.input_size))
    for rows in (x, x[0]):
        y, J = net.value_and_jacobian(rows)
        z, K = again.value_and_jacobian(rows)
        assert y.tobytes() == z.tobytes()
        assert J.tobytes() == K.tobytes()
    for field in ("classname", "version", "name", "processing", "layers"):
        assert getattr(again.origin, field) == getattr(net.origin, field)
    assert again.origin.network == "net"
    assert any(note.startswith(f"converted from {name} (") for note in again.origin.notes) or name.startswith(
        "dump_nngrad"
    )


def test_the_sample_models_were_there():
    assert len(list(models())) >= 20


MADE_ARRAYS = {
    "column by column": np.asfortranarray(np.arange(6.0).reshape(3, 2)),
    "one row": np.ones((1, 4)),
    "one column": np.ones((4, 1)),
    "one number": np.ones((1, 1)),
    "no rows": np.zeros((0, 4)),
    "no columns": np.zeros((4, 0)),
    "odd numbers": np.array([[np.inf, -np.inf, -0.0, 5e-324]]),
    "a window": np.arange(20.0).reshape(5, 4)[1:4, :2],
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", MADE_ARRAYS)
def test_arrays_keep_their_bits_and_their_order(tmp_path, name, suffix):
    W = MADE_ARRAYS[name]
    rows, columns = W.shape
    layers = [
        *([] if columns else [Select(np.zeros(0, int), 2)]),
        Affine(W, np.arange(float(rows))),
        *([] if rows else [Place(np.zeros(0, int), np.ones(2))]),
    ]
    net = Network.chain(layers, input_size=columns or 2)
    (again,) = (node.layer for node in back(net, tmp_path / f"n{suffix}").layers if isinstance(node.layer, Affine))
    assert same_value(np.ascontiguousarray(W) if name == "a window" else W, again.W)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_all_else_that_a_network_has(tmp_path, suffix):
    build = Builder()
    shown = build.through(
        [
            FillMissing(
                np.array([0, 0, 1]),
                np.array([False, True, False]),
                np.array([True, False, False]),
                np.array([0.5, 0.0, 0.0]),
                2,
            ),
            Select(np.array([2, 0]), 3),
            Elementwise(BY_NAME["leaky_relu"], {"slope": np.array([0.1, 0.2])}),
            Elementwise(BY_NAME["elu"], {"alpha": 2.0}),
            Softmax(),
            Place(np.array([1, 0]), np.array([0.0, 0.0, np.nan])),
        ],
        0,
    )
    build.add(Sum(), shown, shown)
    net = Network(
        tuple(build.nodes),
        (Port("größe", ("ä", "b c"), np.array([-np.inf, 0.0]), np.array([1.0, np.nan])),),
        (Port("", ("y1",)), Port("second", ("y2", "x → y"))),
        Origin(classname="made", notes=("one note",), processing=("p",), layers=("layer 1: a, b", "layer 2")),
    )
    again = back(net, tmp_path / f"n{suffix}")
    the_same(net, again)
    assert (again.origin.classname, again.origin.notes) == ("made", ("one note",))
    x = np.array([[np.nan, 2.0], [0.3, -1.0]])
    assert net.jacobian(x).tobytes() == again.jacobian(x).tobytes()


@pytest.mark.parametrize(("inputs", "outputs"), [((), ("a", "b")), (("a",), ())])
def test_a_network_without_inputs_or_outputs_is_none(inputs, outputs):
    layers = [Select(np.zeros(0, int), len(inputs)), Place(np.zeros(0, int), np.ones(len(outputs)))]
    with pytest.raises(ModelError, match=r"at least one of each"):
        Network.chain(layers, len(inputs), inputs=(Port("x", inputs),), outputs=(Port("y", outputs),))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_inputs_that_are_whole_numbers_stay_so(tmp_path, suffix):
    net = Network.chain(
        [Affine(np.ones((1, 3)), np.zeros(1))], inputs=(Port("a", ("x1",)), Port("n", ("x2", "x3"), integer="uint8"))
    )
    again = back(net, tmp_path / f"n{suffix}")
    assert [p.integer for p in again.inputs] == ["", "uint8"]
    np.testing.assert_array_equal(again([0.5, 0.0, 255.0]), [255.5])
    for wrong in (0.5, -1.0, 256.0, np.nan, np.inf):
        with pytest.raises(
            DataError, match=rf"row 2: x3 is {wrong:g}; the model casts it to uint8: whole numbers from 0 to 255 only"
        ):
            again.jacobian([[0.5, 1.0, 2.0], [0.5, 1.0, wrong]])


# files


def small():
    return Network.chain([Scale(np.ones(2), np.zeros(2), np.zeros(2))], input_size=2)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_network_gives_the_same_bytes(tmp_path, suffix):
    for name in ("a", "b"):
        save(small(), tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_others_can_read_it(tmp_path):
    net = nngrad.load(SAMPLES / "fitnet.mat")
    save(net, tmp_path / "n.mat")
    save(net, tmp_path / "n.h5")
    stored = loadmat(tmp_path / "n.mat", simplify_cells=True)["net"]
    with h5py.File(tmp_path / "n.h5") as file:
        for k, layer in enumerate(stored["layers"], 1):
            assert file[f"net/layers/{k}/kind"][()].decode() == layer["kind"]
        dense = next(k for k, layer in enumerate(stored["layers"], 1) if layer["kind"] == "Affine")
        np.testing.assert_array_equal(file[f"net/layers/{dense}/W"], stored["layers"][dense - 1]["W"])
        assert file["net/inputs/1/columns"].asstr()[()].tolist() == list(net.input_names)


@pytest.mark.parametrize("name", ["n.txt", "n", "n.keras"])
def test_another_suffix_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"networks are written as \.h5 or \.mat"):
        save(small(), tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises((UsageError, DataError), match="doesn't exist"):
        save(small(), tmp_path / "no" / "n.h5")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, suffix):
    target = tmp_path / f"n{suffix}"
    target.write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        save(small(), target)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == [target.name]


def test_nothing_tells_where_the_file_stood(tmp_path):
    assert encoded(nngrad.load(SAMPLES / "fitnet.mat"))["origin"]["path"] == "fitnet.mat"


@pytest.mark.skipif(os.name == "nt", reason="POSIX names are bytes")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_model_file_whose_name_is_no_text(tmp_path, suffix):
    net = Network.chain([Affine(np.ones((1, 2)), np.zeros(1))], origin=Origin(path=os.fsdecode(b"a\xff.mat")))
    save(net, tmp_path / f"net{suffix}")
    np.testing.assert_array_equal(nngrad.load(tmp_path / f"net{suffix}")([1.0, 2.0]), [3.0])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_of_many_columns_come_back(tmp_path, suffix):
    n = 20_000
    names = tuple(f"column {k}" for k in range(n))
    net = Network.chain([Affine(np.ones((1, n)), np.zeros(1))], n, inputs=(Port("x", names),))
    save(net, tmp_path / f"n{suffix}")
    assert nngrad.load(tmp_path / f"n{suffix}").input_names == names
