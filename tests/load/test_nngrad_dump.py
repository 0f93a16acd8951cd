"""nngrad's own format as people write it: the examples of its description, every kind by hand, and what is refused."""

import re
import shutil
import subprocess

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

import nngrad
from nngrad.activations import ACTIVATIONS, BY_NAME
from nngrad.errors import ModelError
from nngrad.layers import Compet, Distance, Elementwise, FillMissing, NormProd, Place, Softmax
from nngrad.load import nngrad_dump
from nngrad.load.tree import Group, Tree
from nngrad.network import Network
from nngrad.save import encoded
from tests.makers import SAMPLES

DESCRIPTION = (SAMPLES / "README.md").read_text()
OCTAVE = shutil.which("octave-cli")
X = np.array([[20.0, 30.0], [80.0, 12.0], [55.5, 49.0]])
W = np.array([[0.5, -1.0], [1.5, 0.25], [-0.75, 0.125]])
b = np.array([0.1, -0.2, 0.3])
HEAD = {"format": "nngrad network", "version": np.array([[1.0]])}


def example(language):
    (text,) = re.findall(rf"```{language}\n(.*?)```", DESCRIPTION, re.DOTALL)
    return text


def torque(x):
    """The network of the description's examples, by hand; complex x allowed."""
    u = (x - [0.0, 10.0]) / [50.0, 20.0] - 1.0
    v = np.array([1.0, -2.0, 0.5]) @ np.tanh(W @ u + b) + 0.05
    return (v + 1.0) * 150.0


def is_torque(net):
    y, J = net.value_and_jacobian(X)
    np.testing.assert_allclose(y[:, 0], [torque(x) for x in X], rtol=1e-13)
    slopes = [[torque(x + 1e-30j * e).imag / 1e-30 for e in np.eye(2)] for x in X]
    np.testing.assert_allclose(J[:, 0], slopes, rtol=1e-12)
    assert (net.input_names, net.output_names) == (("speed", "load"), ("torque",))


def test_the_python_example(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(example("python"), {})
    is_torque(nngrad.load("by_hand.h5"))


@pytest.mark.skipif(OCTAVE is None, reason="octave-cli is not here")
def test_the_matlab_example(tmp_path):
    (tmp_path / "example.m").write_text(example("matlab"))
    subprocess.run([OCTAVE, "--no-init-file", "example.m"], cwd=tmp_path, check=True, capture_output=True)
    is_torque(nngrad.load(tmp_path / "by_hand.mat"))


def test_the_julia_example_is_what_a_column_by_column_writer_leaves(tmp_path):
    assignments = dict(re.findall(r'net\["(.+?)"\] = (.+)', example("julia")))
    with h5py.File(tmp_path / "by_hand.h5", "w") as file:
        net = file.create_group("net")
        for name, text in assignments.items():
            if text.startswith('"') or text.startswith('["'):
                value = eval(text)
            else:
                rows = [[float(v) for v in re.split(r",?\s+", row)] for row in text.strip("[]").split("; ")]
                matrix = ", " not in text and text.startswith("[")
                value = np.array(rows).T if matrix and name.endswith("W") else np.array(rows).ravel()
            net[name] = value if name != "version" else 1
    net = nngrad.load(tmp_path / "by_hand.h5")
    np.testing.assert_allclose(net(X)[:, 0], [torque(x) / 150.0 - 1.0 for x in X], rtol=1e-13)


def test_the_description_names_every_kind_that_hands_write():
    kinds = {*nngrad_dump.WRITTEN_BY_HAND, *nngrad_dump.STEPS} - {"lvqoutputs"}
    assert [kind for kind in kinds if f"`{kind}`" not in DESCRIPTION] == []


# kinds


def cells(items):
    array = np.empty((len(items), 1), object)
    array[:, 0] = items
    return array


def net_of(*layers, **more):
    """Through a tree of a MAT-file's kind."""
    fields = HEAD | {"layers": cells([{k: as_mat(v) for k, v in layer.items()} for layer in layers])} | more
    ((where, element),) = nngrad_dump.find(Tree("MAT v7", {"net": fields}))
    assert where == "net"
    return nngrad_dump.read(element)


def as_mat(value):
    if isinstance(value, list | float | int | np.ndarray):
        array = np.asarray(value, float)
        return array.reshape(-1, 1) if array.ndim < 2 else array
    return value


TWO = {"inputs": {"size": np.array([[2.0]])}}
BY_HAND = {
    "dense": ([{"kind": "dense", "W": W, "b": b}], lambda x: W @ x + b),
    "dense without b": ([{"kind": "Dense", "W": W}], lambda x: W @ x),
    "dense with activation": ([{"kind": "dense", "W": W, "b": b, "activation": "logsig"}], lambda x: 1 / (1 + np.exp(-W @ x - b))),
    "dense with a parameter": (
        [{"kind": "dense", "W": W, "b": b, "activation": "leaky_relu", "slope": 0.3}],
        lambda x: np.where(W @ x + b > 0, W @ x + b, 0.3 * (W @ x + b)),
    ),
    "activation": (
        [{"kind": "activation", "activation": "elu", "alpha": [0.5, 2.0]}],
        lambda x: np.where(x > 0, x, [0.5, 2.0] * np.expm1(x)),
    ),
    "softmax": ([{"kind": "softmax"}], lambda x: np.exp(x) / np.exp(x).sum()),
    "compet": ([{"kind": "compet"}], lambda x: 1.0 * (np.arange(2) == np.argmax(x))),
    "radbasn": ([{"kind": "radbasn"}], lambda x: np.exp(-(x**2)) / np.exp(-(x**2)).sum()),
    "scale": ([{"kind": "scale", "gain": [2.0, 3.0], "center": 1.0}], lambda x: (x - 1.0) * [2.0, 3.0]),
    "mapminmax": ([{"kind": "mapminmax", "gain": [2.0, 3.0], "xoffset": [1.0, 0.0], "ymin": -1.0}], lambda x: (x - [1, 0]) * [2, 3] - 1),
    "mapstd reversed, in settings": (
        [{"kind": "mapstd", "settings": {"xmean": np.ones((2, 1)), "xstd": np.full((2, 1), 4.0)}, "reverse": 1.0}],
        lambda x: x * 4.0 + 1.0,
    ),
    "select": ([{"kind": "select", "keep": [2]}], lambda x: x[1:]),
    "constant": ([{"kind": "constant", "value": [7.0, 8.0, 9.0]}], lambda x: np.array([7.0, 8.0, 9.0])),
    "sum": ([{"kind": "tanh"}, {"kind": "sum", "sources": [0, 1]}], lambda x: x + np.tanh(x)),
    "product": ([{"kind": "tanh"}, {"kind": "product", "sources": [1, 0]}], lambda x: x * np.tanh(x)),
    "concatenate": ([{"kind": "tanh"}, {"kind": "concatenate", "sources": [1, 0]}], lambda x: np.concatenate([np.tanh(x), x])),
    "squared_distance": (
        [{"kind": "squared_distance", "C": W, "b": b}, {"kind": "exp"}],
        lambda x: np.exp(-((b * np.sqrt(((x - W) ** 2).sum(axis=1))) ** 2)),
    ),
    "dist": ([{"kind": "dist", "W": W}], lambda x: np.sqrt(((x - W) ** 2).sum(axis=1))),
    "negdist": ([{"kind": "negdist", "W": W}], lambda x: -np.sqrt(((x - W) ** 2).sum(axis=1))),
    "mandist": ([{"kind": "mandist", "W": W}], lambda x: np.abs(x - W).sum(axis=1)),
    "normprod": ([{"kind": "normprod", "W": W}], lambda x: W @ x / x.sum()),
    "a branch": (
        [{"kind": "dense", "W": W, "sources": 0.0}, {"kind": "dense", "W": W * 2, "sources": 0.0}, {"kind": "sum", "sources": [1, 2]}],
        lambda x: 3 * W @ x,
    ),
    "an output that changes nothing": ([{"kind": "dense", "W": W}, {"kind": "tanh"}, {"kind": "linear", "sources": 1.0}], lambda x: W @ x),
    "nothing at all": ([{"kind": "purelin"}], lambda x: x),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_kind_by_hand(name):
    layers, f = BY_HAND[name]
    net = net_of(*layers, **TWO)
    rows = np.random.default_rng(2).normal(size=(4, 2))
    y, J = net.value_and_jacobian(rows)
    np.testing.assert_allclose(y, [f(x) for x in rows], rtol=1e-13, atol=1e-15)
    h = 1e-6
    slopes = [np.stack([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(2)], axis=-1) for x in rows]
    np.testing.assert_allclose(J, slopes, rtol=1e-6, atol=1e-7)


def test_every_kind_by_hand_is_tested():
    tried = {layer["kind"].lower() for layers, _ in BY_HAND.values() for layer in layers}
    assert set(nngrad_dump.WRITTEN_BY_HAND) <= tried


@pytest.mark.parametrize("name", sorted({n for a in ACTIVATIONS for n in (a.name, *a.aliases)}))
def test_every_activation_by_every_name(name):
    x = np.array([[0.3, -0.7]])
    (activation,) = [a for a in ACTIVATIONS if name in (a.name, *a.aliases)]
    wanted = activation.value(x, dict(activation.params))
    np.testing.assert_array_equal(net_of({"kind": name}, **TWO)(x), wanted)


def test_the_ends_of_a_network():
    given = {"columns": ["a", "b"], "units": ["m", "s"], "lower": np.zeros((2, 1)), "upper": np.ones((1, 2))}
    net = net_of({"kind": "dense", "W": W}, inputs=given, outputs=cells([{"columns": "p", "name": "first"}, {"size": np.array([[2.0]])}]))
    assert net.input_names == ("a", "b")
    assert (net.inputs[0].lower.tolist(), net.inputs[0].upper.tolist()) == ([0.0, 0.0], [1.0, 1.0])
    assert [p.columns for p in net.outputs] == [("p",), ("y1", "y2")]
    assert net.outputs[0].name == "first"
    assert net.origin.notes == ("units of the inputs: m, s",)


@pytest.mark.parametrize("place", ["/", "a/b"])
def test_hdf5_groups_and_attributes(tmp_path, place):
    with h5py.File(tmp_path / "n.h5", "w") as file:
        group = file.require_group(place)
        group.attrs.update({"format": "nngrad network", "version": 1})
        for k in range(1, 12):
            layer = group.create_group(f"layers/layer_{k}")
            layer.attrs["kind"] = "dense" if k == 1 else "tanh" if k == 10 else "scale"
            if k == 1:
                layer["W"], layer["b"] = W, b
            elif k != 10:
                layer.attrs["gain"] = float(k)
    net = nngrad.load(tmp_path / "n.h5")
    assert net.origin.network == {"/": "/", "a/b": "a.b"}[place]
    np.testing.assert_allclose(net(X / 100), 11 * np.tanh(2 * 3 * 4 * 5 * 6 * 7 * 8 * 9 * (X / 100 @ W.T + b)), rtol=1e-13)


# refusals

DENSE = {"kind": "dense", "W": W, "b": b}
REFUSED = {
    "version": (lambda: net_of(DENSE, version=np.array([[2.0]])), ".version: version 2 of the format"),
    "no layers": (lambda: net_of(), ".layers: there is none"),
    "no list": (lambda: net_of(DENSE, layers="dense"), ".layers: not a list"),
    "unknown kind": (lambda: net_of({"kind": "lstm"}, **TWO), ".layers{1}.kind: 'lstm' is not supported; supported are dense"),
    "no kind": (lambda: net_of({"W": W}), ".layers{1}.kind: missing"),
    "a kind of nngrad's own by hand": (lambda: net_of({"kind": "Affine", "W": W, "b": b}), "write a dense"),
    "unknown member": (lambda: net_of(DENSE | {"bias": b}), ".layers{1}.bias: not a field of kind dense; it takes W, activation, b"),
    "unknown activation": (lambda: net_of(DENSE | {"activation": "tahn"}), ".layers{1}: activation 'tahn' is not supported"),
    "parameters that it does not take": (lambda: net_of({"kind": "tanh", "slope": 2.0}, **TWO), "takes the parameters []"),
    "no weights": (lambda: net_of({"kind": "dense", "b": b}, **TWO), ".layers{1}.W: missing"),
    "turned weights": (lambda: net_of({"kind": "dense", "W": W.T, "b": b}), "array_order = 'column-major'"),
    "forward source": (lambda: net_of(DENSE | {"sources": 1.0}), ".layers{1}.sources: 1; it counts values before this layer"),
    "negative source": (lambda: net_of(DENSE, DENSE | {"sources": -1.0}), ".layers{2}.sources: -1"),
    "half a source": (lambda: net_of(DENSE, {"kind": "tanh", "sources": 0.5}), ".layers{2}.sources: 0.5"),
    "no source": (lambda: net_of(DENSE | {"sources": np.zeros((0, 1))}), ".layers{1}.sources: "),
    "NaN source": (lambda: net_of(DENSE | {"sources": np.nan}), ".layers{1}.sources: nan"),
    "two sources": (
        lambda: net_of(DENSE, {"kind": "tanh", "sources": [0, 1]}),
        ".layers{2}.sources: 2 sources for a tanh, which takes one",
    ),
    "two sources of nothing": (lambda: net_of(DENSE, {"kind": "linear", "sources": [0, 1]}), "2 sources for a linear"),
    "shapes that do not chain": (lambda: net_of(DENSE, DENSE), ".layers{2} (Affine): weights (3, 2) don't take 3 inputs"),
    "unequal sum": (lambda: net_of(DENSE, {"kind": "sum", "sources": [0, 1]}), ".layers{2} (Sum)"),
    "keep from 0": (lambda: net_of({"kind": "select", "keep": [0, 1]}, **TWO), ".layers{1}.keep: 0, 1; it counts from 1 to 2"),
    "size beside columns": (
        lambda: net_of({"kind": "tanh"}, inputs={"columns": ["a", "b"], "size": np.array([[3.0]])}),
        ".inputs{1}.size: 3, but 2 columns are named",
    ),
    "port with a field of its own": (
        lambda: net_of({"kind": "tanh"}, inputs={"columns": ["a", "b"], "mean": np.ones((2, 1))}),
        ".inputs{1}.mean: not a field of a port; it takes columns, lower, name, size, units, upper",
    ),
    "step with a field beside its settings": (
        lambda: net_of({"kind": "mapstd", "settings": {"xmean": np.ones((2, 1)), "xstd": np.ones((2, 1))}, "reversed": 1.0}, **TWO),
        ".layers{1}.reversed: not a field of kind mapstd; it takes reverse, settings",
    ),
    "step that contradicts itself": (
        lambda: net_of({"kind": "mapstd", "xmean": np.ones((2, 1)), "xstd": np.ones((2, 1)), "no_change": np.ones((1, 1))}, **TWO),
        ".layers{1} (mapstd).no_change: 1, but by its other settings the step changes its rows",
    ),
    "step without settings": (lambda: net_of({"kind": "mapminmax"}, **TWO), ".layers{1} (mapminmax).ymin: one number is missing"),
    "inputs unknown": (lambda: net_of({"kind": "tanh"}), ".inputs: missing"),
    "huge inputs": (lambda: net_of({"kind": "tanh"}, inputs={"size": np.array([[1e15]])}), ".size: 1000000000000000 columns; at most"),
    "more outputs than there are": (lambda: net_of(DENSE, outputs=["p", "q"]), ".outputs: 2 columns are named, the last layer has 3"),
    "ranges of another size": (lambda: net_of(DENSE, inputs={"columns": ["a", "b"], "lower": np.ones((3, 1))}), "3 values for 2 columns"),
    "text for numbers": (lambda: net_of({"kind": "dense", "W": "W"}, **TWO), ".layers{1}.W: not an array of real numbers"),
    "a layer that is no struct": (lambda: net_of(DENSE, layers=cells([1.0]), **TWO), ".layers{1}: not a struct"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_says_where_and_what(name):
    make, words = REFUSED[name]
    with pytest.raises(ModelError) as refused:
        make()
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_numbered_members_have_no_gap(tmp_path):
    with h5py.File(tmp_path / "n.h5", "w") as file:
        file.attrs.update({"format": "nngrad network", "version": 1})
        for k in (1, 3):
            file.create_group(f"layers/{k}").attrs["kind"] = "tanh"
    with pytest.raises(ModelError, match=r"n\.h5: /\.layers: its members 1, 3 are not numbered from 1 to 2"):
        nngrad.load(tmp_path / "n.h5")


OWN = {
    "no shapes": ({"shapes": ""}, ".W: "),
    "wrong shape": ({"shapes": "W 2x3, b 3"}, ".W: 3x2 in the file, 2x3 in shapes"),
    "huge shape": ({"shapes": "W 9999999999x9999999999, b 3"}, ".W: 3x2 in the file"),
    "no shape": ({"shapes": "W big, b 3"}, "'W big' is not a name and a shape"),
    "other numbers": ({"shapes": "W 3x2 int, b 3"}, ".W: not whole numbers"),
    "no bias": ({"b": None}, ".b: missing"),
    "another field": ({"c": np.ones((1, 1))}, ".c: not a field of kind Affine; it takes W, b"),
    "bias of another size": ({"b": np.ones((4, 1)), "shapes": "W 3x2, b 4"}, "(Affine): weights (3, 2)"),
}


@pytest.mark.parametrize("name", OWN)
def test_a_kind_of_its_own_is_checked(name):
    changes, words = OWN[name]
    fields = {"kind": "Affine", "W": W, "b": b.reshape(3, 1), "shapes": "W 3x2, b 3"} | changes
    with pytest.raises(ModelError) as refused:
        net_of({k: v for k, v in fields.items() if v is not None}, **TWO)
    assert words in str(refused.value)


def test_arrays_that_disagree_are_found_by_trying():
    fields = {"kind": "FillMissing", "source": [0, 1], "flag": [0, 0, 0], "filled": [0, 0], "fill": [0, 0], "inputs": 2.0}
    with pytest.raises(ModelError, match=r"\.layers: can't be evaluated: .*; the arrays of a layer disagree"):
        net_of(fields | {"shapes": "source 2 int, flag 3 bool, filled 2 bool, fill 2"}, **TWO)


# anything at all


def tree_of(value, group):
    """What save writes, as either container gives it back."""
    if isinstance(value, dict):
        members = {k: tree_of(v, group) for k, v in value.items()}
        return Group(members, {}) if group else members
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        return value
    if isinstance(value, list):
        items = [tree_of(v, group) for v in value]
        return Group({str(k): v for k, v in enumerate(items, 1)}, {}) if group else cells(items)
    return value if isinstance(value, str) else np.asarray(value, float) if group else np.atleast_2d(np.asarray(value, float)).T


def mixture():
    """One of every kind whose size can be known here."""
    r = np.random.default_rng(0)
    flags = np.array([[0, 1, 0], [1, 0, 0]], bool)
    layers = [
        FillMissing(np.array([0, 0, 1]), flags[0], flags[1], np.array([0.5, 0.0, 0.0]), 2),
        Distance(r.normal(size=(4, 3)), manhattan=True),
        Softmax(),
        NormProd(r.normal(size=(3, 4))),
        Elementwise(BY_NAME["elu"], {"alpha": r.normal(size=3)}),
        Compet(),
        Place(np.array([2, 0, 1]), np.zeros(4)),
    ]
    return Network.chain(layers, input_size=2)


NETS = [encoded(mixture())] + [encoded(nngrad.load(SAMPLES / f"{name}.mat")) for name in ("narx", "rbf", "constant_rows", "two_inputs")]
JUNK = st.sampled_from(
    ["", "tanh", "Affine", [], ["a", "b"], {}, np.zeros(0), np.array([1e300]), np.array([np.nan]), np.ones((2, 3)), 7.0, -1.0]
)


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def changed(value, path, junk):
    if not path:
        return junk
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], junk)
    return copy


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(NETS), JUNK, st.booleans())
def test_one_wrong_thing_anywhere_is_a_network_or_an_error(data, fields, junk, group):
    path = data.draw(st.sampled_from([p for p in places(fields) if p and p[0] != "format"]))
    element = tree_of(changed(fields, path, junk), group)
    try:
        net = nngrad_dump.read(element)
    except ModelError as e:
        assert "\n" not in str(e)  # noqa: PT017
        return
    assert net(np.zeros(net.input_size)).shape == (net.output_size,)


def test_a_struct_array_is_a_list(tmp_path):
    layers = np.empty((1, 2), dtype=[("kind", object), ("W", object)])
    layers[0, 0], layers[0, 1] = ("dense", W), ("tanh", np.zeros((0, 0)))
    savemat(tmp_path / "n.mat", {"n": HEAD | {"layers": layers}})
    np.testing.assert_allclose(nngrad.load(tmp_path / "n.mat")(X / 100), np.tanh(X / 100 @ W.T), rtol=1e-13)


def test_settings_of_a_step_are_not_taken_for_settings_beside_the_network(tmp_path):
    step = {"kind": "mapminmax", "gain": np.ones((2, 1)), "xoffset": np.zeros((2, 1)), "ymin": -1.0, "xrows": 2.0, "yrows": 2.0}
    savemat(tmp_path / "n.mat", {"n": HEAD | {"layers": cells([step])}})
    assert nngrad.load(tmp_path / "n.mat").origin.notes == ()
