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
from nngrad.core.activations import ACTIVATIONS, BY_NAME
from nngrad.core.layers import Compet, Distance, Elementwise, FillMissing, NormProd, Place, Softmax
from nngrad.core.network import Network
from nngrad.errors import ModelError
from nngrad.loaders.tree import Group, Tree
from nngrad.own_format import decode, dialect
from nngrad.own_format.encode import encoded
from tests.makers import SAMPLES

DESCRIPTION = (SAMPLES / "README.md").read_text()
OCTAVE = shutil.which("octave-cli")
X = np.array([[20.0, 30.0], [80.0, 12.0], [55.5, 49.0]])
W = np.array([[0.5, -1.0], [1.5, 0.25], [-0.75, 0.125]])
b = np.array([0.1, -0.2, 0.3])
MATRIX = ["tansig", "logsig"]  # what a char matrix of two rows is read as
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
    kinds = {*decode.WRITTEN_BY_HAND, *decode.STEPS} - {"lvqoutputs"}
    assert [kind for kind in kinds if f"`{kind}`" not in DESCRIPTION] == []


# kinds


def cells(items):
    array = np.empty((len(items), 1), object)
    array[:, 0] = items
    return array


def net_of(*layers, **more):
    """Through a tree of a MAT-file's kind."""
    fields = HEAD | {"layers": cells([{k: as_mat(v) for k, v in layer.items()} for layer in layers])} | more
    ((where, element),) = dialect.find(Tree("MAT v7", {"net": fields}))
    assert where == "net"
    return decode.read(element)


def as_mat(value):
    if value is MATRIX or (isinstance(value, np.ndarray) and value.dtype == object):
        return value
    if isinstance(value, list | float | int | np.ndarray):
        array = np.asarray(value, float)
        return array.reshape(-1, 1) if array.ndim < 2 else array
    return value


TWO = {"inputs": {"size": np.array([[2.0]])}}
BY_HAND = {
    "dense": ([{"kind": "dense", "W": W, "b": b}], lambda x: W @ x + b),
    "dense without b": ([{"kind": "Dense", "W": W}], lambda x: W @ x),
    "dense with activation": (
        [{"kind": "dense", "W": W, "b": b, "activation": "logsig"}],
        lambda x: 1 / (1 + np.exp(-W @ x - b)),
    ),
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
    "mapminmax": (
        [{"kind": "mapminmax", "gain": [2.0, 3.0], "xoffset": [1.0, 0.0], "ymin": -1.0}],
        lambda x: (x - [1, 0]) * [2, 3] - 1,
    ),
    "MapMinMax with one end of its range": (
        [
            {
                "kind": "MapMinMax",
                "gain": [2.0, 2.0],
                "xoffset": [-1.0, 0.0],
                "xmax": [0.0, 1.0],
                "ymin": -1.0,
                "ymax": 1.0,
            }
        ],
        lambda x: (x - [-1, 0]) * 2 - 1,
    ),
    "mapstd reversed, in settings": (
        [{"kind": "mapstd", "settings": {"xmean": np.ones((2, 1)), "xstd": np.full((2, 1), 4.0)}, "reverse": 1.0}],
        lambda x: x * 4.0 + 1.0,
    ),
    "select": ([{"kind": "select", "keep": [2]}], lambda x: x[1:]),
    "constant": ([{"kind": "constant", "value": [7.0, 8.0, 9.0]}], lambda x: np.array([7.0, 8.0, 9.0])),
    "sum": ([{"kind": "tanh"}, {"kind": "sum", "sources": [0, 1]}], lambda x: x + np.tanh(x)),
    "product": ([{"kind": "tanh"}, {"kind": "product", "sources": [1, 0]}], lambda x: x * np.tanh(x)),
    "concatenate": (
        [{"kind": "tanh"}, {"kind": "concatenate", "sources": [1, 0]}],
        lambda x: np.concatenate([np.tanh(x), x]),
    ),
    "squared_distance": (
        [{"kind": "squared_distance", "C": W, "b": b}, {"kind": "exp"}],
        lambda x: np.exp(-((b * np.sqrt(((x - W) ** 2).sum(axis=1))) ** 2)),
    ),
    "dist": ([{"kind": "dist", "W": W}], lambda x: np.sqrt(((x - W) ** 2).sum(axis=1))),
    "negdist": ([{"kind": "negdist", "W": W}], lambda x: -np.sqrt(((x - W) ** 2).sum(axis=1))),
    "mandist": ([{"kind": "mandist", "W": W}], lambda x: np.abs(x - W).sum(axis=1)),
    "normprod": ([{"kind": "normprod", "W": W}], lambda x: W @ x / x.sum()),
    "a branch": (
        [
            {"kind": "dense", "W": W, "sources": 0.0},
            {"kind": "dense", "W": W * 2, "sources": 0.0},
            {"kind": "sum", "sources": [1, 2]},
        ],
        lambda x: 3 * W @ x,
    ),
    "an output that changes nothing": (
        [{"kind": "dense", "W": W}, {"kind": "tanh"}, {"kind": "linear", "sources": 1.0}],
        lambda x: W @ x,
    ),
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
    assert set(decode.WRITTEN_BY_HAND) <= tried


@pytest.mark.parametrize("name", sorted({n for a in ACTIVATIONS for n in (a.name, *a.aliases)}))
def test_every_activation_by_every_name(name):
    x = np.array([[0.3, -0.7]])
    (activation,) = [a for a in ACTIVATIONS if name in (a.name, *a.aliases)]
    wanted = activation.value(x, dict(activation.params))
    np.testing.assert_array_equal(net_of({"kind": name}, **TWO)(x), wanted)


def test_the_ends_of_a_network():
    given = {"columns": ["a", "b"], "units": ["m", "s"], "lower": np.zeros((2, 1)), "upper": np.ones((1, 2))}
    net = net_of(
        {"kind": "dense", "W": W},
        inputs=given,
        outputs=cells([{"columns": "p", "name": "first"}, {"size": np.array([[2.0]])}]),
    )
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
    np.testing.assert_allclose(
        net(X / 100), 11 * np.tanh(2 * 3 * 4 * 5 * 6 * 7 * 8 * 9 * (X / 100 @ W.T + b)), rtol=1e-13
    )


# refusals

DENSE = {"kind": "dense", "W": W, "b": b}
STANDARD = {"kind": "mapstd", "xmean": [1.0, 2.0], "xstd": [1.0, 1.0]}
LINEAR = {"kind": "mapminmax", "gain": [2.0, 2.0], "xoffset": [1.0, 0.0], "ymin": -1.0, "ymax": 1.0}
REFUSED = {
    "version": (lambda: net_of(DENSE, version=np.array([[2.0]])), ".version: version 2 of the format"),
    "no layers": (lambda: net_of(), ".layers: there is none"),
    "no list": (lambda: net_of(DENSE, layers="dense"), ".layers: not a list"),
    "unknown kind": (
        lambda: net_of({"kind": "lstm"}, **TWO),
        ".layers{1}.kind: 'lstm' is not supported; supported are dense",
    ),
    "no kind": (lambda: net_of({"W": W}), ".layers{1}.kind: missing"),
    "a kind of nngrad's own by hand": (lambda: net_of({"kind": "Affine", "W": W, "b": b}), "write a dense"),
    "unknown member": (
        lambda: net_of(DENSE | {"bias": b}),
        ".layers{1}.bias: not a field of kind dense; it takes W, activation, b",
    ),
    "unknown activation": (
        lambda: net_of(DENSE | {"activation": "tahn"}),
        ".layers{1}: activation 'tahn' is not supported",
    ),
    "parameters that it does not take": (
        lambda: net_of({"kind": "tanh", "slope": 2.0}, **TWO),
        "takes the parameters []",
    ),
    "no weights": (lambda: net_of({"kind": "dense", "b": b}, **TWO), ".layers{1}.W: missing"),
    "turned weights": (lambda: net_of({"kind": "dense", "W": W.T, "b": b}), "array_order = 'column-major'"),
    "forward source": (
        lambda: net_of(DENSE | {"sources": 1.0}),
        ".layers{1}.sources: 1; it counts values before this layer",
    ),
    "negative source": (lambda: net_of(DENSE, DENSE | {"sources": -1.0}), ".layers{2}.sources: -1"),
    "half a source": (lambda: net_of(DENSE, {"kind": "tanh", "sources": 0.5}), ".layers{2}.sources: 0.5"),
    "no source": (lambda: net_of(DENSE | {"sources": np.zeros((0, 1))}), ".layers{1}.sources: "),
    "NaN source": (lambda: net_of(DENSE | {"sources": np.nan}), ".layers{1}.sources: nan"),
    "two sources": (
        lambda: net_of(DENSE, {"kind": "tanh", "sources": [0, 1]}),
        ".layers{2}.sources: 2 sources for a tanh, which takes one",
    ),
    "two sources of nothing": (lambda: net_of(DENSE, {"kind": "linear", "sources": [0, 1]}), "2 sources for a linear"),
    "shapes that do not chain": (
        lambda: net_of(DENSE, DENSE),
        ".layers{2} (Affine): weights (3, 2) don't take 3 inputs",
    ),
    "unequal sum": (lambda: net_of(DENSE, {"kind": "sum", "sources": [0, 1]}), ".layers{2} (Sum)"),
    "keep from 0": (
        lambda: net_of({"kind": "select", "keep": [0, 1]}, **TWO),
        ".layers{1}.keep: 0, 1; it counts from 1 to 2",
    ),
    "size beside columns": (
        lambda: net_of({"kind": "tanh"}, inputs={"columns": ["a", "b"], "size": np.array([[3.0]])}),
        ".inputs{1}.size: 3, but 2 columns are named",
    ),
    "port with a field of its own": (
        lambda: net_of({"kind": "tanh"}, inputs={"columns": ["a", "b"], "mean": np.ones((2, 1))}),
        ".inputs{1}.mean: not a field of a port; it takes columns, integer, lower, name, size, units, upper",
    ),
    "step with a field beside its settings": (
        lambda: net_of(
            {"kind": "mapstd", "settings": {"xmean": np.ones((2, 1)), "xstd": np.ones((2, 1))}, "reversed": 1.0}, **TWO
        ),
        ".layers{1}.reversed: not a field of kind mapstd; it takes reverse, settings",
    ),
    "step that contradicts itself": (
        lambda: net_of(
            {"kind": "mapstd", "xmean": np.ones((2, 1)), "xstd": np.ones((2, 1)), "no_change": np.ones((1, 1))}, **TWO
        ),
        ".layers{1} (mapstd).no_change: 1, but by its other settings the step changes its rows",
    ),
    "step without settings": (
        lambda: net_of({"kind": "mapminmax"}, **TWO),
        ".layers{1} (mapminmax).ymin: one number is missing",
    ),
    "inputs unknown": (lambda: net_of({"kind": "tanh"}), ".inputs: missing"),
    "huge inputs": (
        lambda: net_of({"kind": "tanh"}, inputs={"size": np.array([[1e15]])}),
        ".size: 1000000000000000 columns; at most",
    ),
    "more outputs than there are": (
        lambda: net_of(DENSE, outputs=["p", "q"]),
        ".outputs: 2 columns are named, the last layer has 3",
    ),
    "ranges of another size": (
        lambda: net_of(DENSE, inputs={"columns": ["a", "b"], "lower": np.ones((3, 1))}),
        "3 values for 2 columns",
    ),
    "text for numbers": (
        lambda: net_of({"kind": "dense", "W": "W"}, **TWO),
        ".layers{1}.W: not an array of real numbers",
    ),
    "two texts for an activation": (
        lambda: net_of(DENSE | {"activation": cells(["tansig", "logsig"])}),
        ".activation: a cell of 2x1, not a text",
    ),
    "a cell of no text": (
        lambda: net_of(DENSE | {"activation": cells([cells(["tansig"])])}),
        ".activation: a cell of 1x1, not a text",
    ),
    "a char matrix for an activation": (
        lambda: net_of(DENSE | {"activation": MATRIX}),
        ".layers{1}.activation: 2 texts, not a text",
    ),
    "a number for an activation": (
        lambda: net_of(DENSE | {"activation": 3.0}),
        ".layers{1}.activation: a number, not a text",
    ),
    "an empty activation": (lambda: net_of(DENSE | {"activation": ""}), "activation '' is not supported"),
    "a kind that is a number": (lambda: net_of({"kind": 3.0}, **TWO), ".layers{1}.kind: a number, not a text"),
    "a parameter of nothing": (
        lambda: net_of({"kind": "linear", "slope": 3.0}, **TWO),
        "takes the parameters [], not slope",
    ),
    "a parameter twice": (lambda: net_of({"kind": "leaky_relu(0.2)", "slope": 0.3}, **TWO), "slope is said twice"),
    "shapes by hand": (lambda: net_of(DENSE | {"shapes": "W 3x2"}), ".layers{1}.shapes: not a field of kind dense"),
    "another member": (
        lambda: net_of(DENSE, input=["a", "b"]),
        ".input: not a field of a network; it takes array_order, format",
    ),
    "column-major in a MAT-file": (
        lambda: net_of(DENSE, array_order="column-major"),
        ".array_order: only HDF5 files have one",
    ),
    "an empty list of inputs": (
        lambda: net_of(DENSE, inputs=np.zeros((0, 1), object)),
        ".inputs: an empty list; leave it out",
    ),
    "names that are numbers": (
        lambda: net_of(DENSE, inputs={"columns": np.ones((2, 1))}),
        ".inputs{1}.columns: an array of 2x1 numbers, not",
    ),
    "a port's name that is none": (
        lambda: net_of(DENSE, inputs={"columns": ["a", "b"], "name": np.eye(1)}),
        ".inputs{1}.name: a number, not",
    ),
    "units of other columns": (
        lambda: net_of(DENSE, inputs={"columns": ["a", "b"], "units": ["m"]}),
        ".inputs{1}.units: 1 for 2 columns",
    ),
    "units of a second port": (
        lambda: net_of(DENSE, inputs=cells([{"columns": ["a"]}, {"columns": ["b"], "units": np.eye(1)}])),
        ".inputs{2}.units: a number, not a list of texts",
    ),
    "ranges upside down": (
        lambda: net_of(
            DENSE, inputs={"columns": ["a", "b"], "lower": np.ones((2, 1)), "upper": np.array([[2.0], [0.0]])}
        ),
        ".inputs{1}.lower: above .upper in column 2",
    ),
    "a reverse that is neither": (
        lambda: net_of(STANDARD | {"reverse": 0.5}, **TWO),
        ".layers{1}.reverse: 0.5; it is 0 or 1",
    ),
    "a setting that no step has": (
        lambda: net_of(STANDARD | {"xstds": [1.0, 1.0]}, **TWO),
        ".xstds: not a field of kind mapstd",
    ),
    "settings that are no struct": (
        lambda: net_of(STANDARD | {"settings": 1.0}, **TWO),
        ".layers{1}.settings: a number, not a struct",
    ),
    "an unknown setting inside": (
        lambda: net_of(
            {"kind": "mapstd", "settings": {"xmean": np.ones((2, 1)), "xstd": np.ones((2, 1)), "std": np.eye(1)}}, **TWO
        ),
        ".layers{1}.settings.std: not a field of mapstd",
    ),
    "an origin that is a text": (
        lambda: net_of(DENSE, origin="MATLAB"),
        ".origin: the text 'MATLAB', not a struct of texts",
    ),
    "an origin that is numbers": (
        lambda: net_of(DENSE, origin={"notes": np.eye(2)}),
        ".origin.notes: an array of 2x2 numbers, not a list",
    ),
    "an origin of its own": (
        lambda: net_of(DENSE, origin={"author": "me"}),
        ".origin.author: not a field of an origin",
    ),
    "a bias of another size": (
        lambda: net_of(DENSE | {"b": 1.0}),
        ".layers{1}.b: 1 values for 3 outputs (W is 3x2, outputs x inputs)",
    ),
    "outputs that are integers": (
        lambda: net_of(DENSE, outputs={"columns": ["p", "q", "r"], "integer": "int8"}),
        ".outputs{1}.integer: outputs are not rounded",
    ),
    "xmin beside xoffset": (
        lambda: net_of(LINEAR | {"xmin": [5.0, 0.0]}, **TWO),
        "(mapminmax).xmin: disagrees with .xoffset",
    ),
    "xmax beside gain": (
        lambda: net_of(LINEAR | {"xmax": [9.0, 1.0]}, **TWO),
        "(mapminmax).xmax: disagrees with .xoffset and .gain",
    ),
    "xrange beside gain": (
        lambda: net_of(LINEAR | {"xrange": [9.0, 1.0]}, **TWO),
        "(mapminmax).xrange: disagrees with .gain",
    ),
    "a layer that is no struct": (lambda: net_of(DENSE, layers=cells([1.0]), **TWO), ".layers{1}: not a struct"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_says_where_and_what(name):
    make, words = REFUSED[name]
    with pytest.raises(ModelError) as refused:
        make()
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_text_may_be_the_only_one_of_a_cell():
    net = net_of(DENSE | {"activation": cells(["tansig"]), "kind": cells(["dense"])})
    np.testing.assert_allclose(net(X / 100), np.tanh(X / 100 @ W.T + b), rtol=1e-15)


def test_what_is_ignored_may_be_anything():
    notes = {"name": np.eye(3), "comment": "why", "description": cells([1.0])}
    net = net_of(DENSE | notes, inputs={"columns": ["a", "b"], "comment": "c"}, origin=notes | {"name": "net"}, **notes)
    assert np.array_equal(net(X), net_of(DENSE)(X))


SQUARE = np.array([[0.5, -1.0], [1.5, 0.25]])


def in_hdf5(path, layer, order=None, **attributes):
    with h5py.File(path, "w") as file:
        file.attrs.update(
            {"format": "nngrad network", "version": 1} | attributes | ({} if order is None else {"array_order": order})
        )
        group = file.create_group("layers/1")
        for name, value in layer.items():
            group[name] = value
    return path


@pytest.mark.parametrize(
    ("order", "wanted"), [(None, SQUARE), ("row-major", SQUARE), ("column-major", SQUARE.T), ("Column-Major", SQUARE.T)]
)
def test_the_order_of_arrays(tmp_path, order, wanted):
    path = in_hdf5(tmp_path / "n.h5", {"kind": "dense", "W": SQUARE}, order)
    np.testing.assert_array_equal(nngrad.load(path)(X), X @ wanted.T)
    with h5py.File(path, "r+") as file:  # as an attribute it is turned like any other
        del file["layers/1/W"]
        file["layers/1"].attrs["W"] = SQUARE
    np.testing.assert_array_equal(nngrad.load(path)(X), X @ wanted.T)


@pytest.mark.parametrize("order", ["fortran", "C", "", 1, ["column-major", "row-major"]])
def test_another_order_of_arrays_is_refused(tmp_path, order):
    with pytest.raises(ModelError, match=r"n\.h5: /\.array_order: "):
        nngrad.load(in_hdf5(tmp_path / "n.h5", {"kind": "dense", "W": SQUARE}, order))


def test_attributes_are_members_and_never_the_second_of_a_name(tmp_path):
    path = in_hdf5(tmp_path / "n.h5", {"kind": "dense", "W": SQUARE}, TITLE="", CLASS=b"GROUP")
    np.testing.assert_array_equal(nngrad.load(path)(X), X @ SQUARE.T)
    for place, name, words in (
        ("layers/1", "kind", r"/\.layers\{1\}\.kind: stands there twice"),
        ("layers/1", "w", r"/\.layers\{1\}\.w: not a field of kind dense"),
        ("layers", "count", r"/\.layers\.count: not a field of a list"),
        ("/", "outputs_", r"/\.outputs_: not a field of a network"),
    ):
        with h5py.File(path, "r+") as file:
            file[place].attrs[name] = "dense"
        with pytest.raises(ModelError, match=words):
            nngrad.load(path)
        with h5py.File(path, "r+") as file:
            del file[place].attrs[name]


def test_settings_in_attributes_are_settings(tmp_path):
    path = in_hdf5(tmp_path / "n.h5", {"kind": "mapstd", "settings/xmean": [1.0, 2.0], "settings/xstd": [1.0, 4.0]})
    with h5py.File(path, "r+") as file:
        file["layers/1/settings"].attrs["ystd"] = 2.0
        file["inputs/size"] = 2
    np.testing.assert_allclose(nngrad.load(path)(X), (X - [1.0, 2.0]) * [2.0, 0.5], rtol=1e-15)


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
    "a bias of two axes": (
        {"b": np.ones((3, 1)), "shapes": "W 3x2, b 3x1"},
        ".shapes: b is 3x1 float64; it is a vector",
    ),
    "no shape of W": ({"shapes": "b 3"}, ".W: .shapes says nothing of it; such as 'W 10x3'"),
    "a shape of nothing": ({"shapes": "W 3x2, b 3, c 4"}, ".shapes: c is not a field of Affine"),
    "a shape twice": ({"shapes": "W 3x2, b 3, W 2x3"}, ".shapes: W stands there twice"),
    "shapes that are no text": ({"shapes": np.eye(3)}, ".shapes: an array of 3x3 numbers, not a text"),
    "bias of another size": ({"b": np.ones((4, 1)), "shapes": "W 3x2, b 4"}, "(Affine): weights (3, 2)"),
}


@pytest.mark.parametrize("name", OWN)
def test_a_kind_of_its_own_is_checked(name):
    changes, words = OWN[name]
    fields = {"kind": "Affine", "W": W, "b": b.reshape(3, 1), "shapes": "W 3x2, b 3"} | changes
    with pytest.raises(ModelError) as refused:
        net_of({k: v for k, v in fields.items() if v is not None}, **TWO)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"kind": "Elementwise", "activation": "elu", "params": 1.0, "shapes": ""},
            ".params: a number, not a struct of numbers",
        ),
        (
            {"kind": "Elementwise", "activation": "elu", "params": {"alpha": "1"}, "shapes": ""},
            ".params.alpha: not an array of real numbers",
        ),
        (
            {"kind": "Elementwise", "activation": cells(["elu", "elu"]), "shapes": ""},
            ".activation: a cell of 2x1 is not supported",
        ),
        (
            {"kind": "Elementwise", "activation": "elu", "params": {"alpha": 1.0}, "shapes": "params.beta 3"},
            "params.beta is in .shapes, but",
        ),
        ({"kind": "Distance", "W": W, "sign": 2.0, "shapes": "W 3x2"}, "sign 2; it is 1 or -1"),
        ({"kind": "Distance", "W": W, "manhattan": 2.0, "shapes": "W 3x2"}, ".manhattan: 2; it is 0 or 1"),
        (
            {"kind": "Select", "index": [1.0], "inputs": 2.0, "shapes": "index 1"},
            "index is 1 float64; it is a vector of type int",
        ),
        (
            {"kind": "Select", "index": [1.0], "inputs": 2.5, "shapes": "index 1 int"},
            ".inputs: 2.5 is not a whole number",
        ),
        ({"kind": "Normalize", "inputs": 2.0, "groups": 1.0, "epsilon": 0.0, "shapes": ""}, "epsilon 0 is not above 0"),
    ],
)
def test_fields_of_other_kinds_are_checked_too(fields, words):
    fields = {
        k: {n: np.atleast_2d(v) if isinstance(v, float) else v for n, v in f.items()} if isinstance(f, dict) else f
        for k, f in fields.items()
    }
    with pytest.raises(ModelError) as refused:
        net_of(fields, **TWO)
    assert words in str(refused.value)


def test_arrays_of_a_layer_that_disagree_are_refused():
    fields = {
        "kind": "FillMissing",
        "source": [0, 1],
        "flag": [0, 0, 0],
        "filled": [0, 0],
        "fill": [0, 0],
        "inputs": 2.0,
    }
    with pytest.raises(
        ModelError, match=r"\.layers\{1\} \(FillMissing\): fixunknowns with arrays of different lengths"
    ):
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
    return (
        value
        if isinstance(value, str)
        else np.asarray(value, float)
        if group
        else np.atleast_2d(np.asarray(value, float)).T
    )


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


NETS = [encoded(mixture())] + [
    encoded(nngrad.load(SAMPLES / f"{name}.mat")) for name in ("narx", "rbf", "constant_rows", "two_inputs")
]
JUNK = st.sampled_from(
    [
        "",
        "tanh",
        "Affine",
        [],
        ["a", "b"],
        {},
        np.zeros(0),
        np.array([1e300]),
        np.array([np.nan]),
        np.ones((2, 3)),
        7.0,
        -1.0,
    ]
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
        net = decode.read(element)
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
    step = {
        "kind": "mapminmax",
        "gain": np.ones((2, 1)),
        "xoffset": np.zeros((2, 1)),
        "ymin": -1.0,
        "xrows": 2.0,
        "yrows": 2.0,
    }
    savemat(tmp_path / "n.mat", {"n": HEAD | {"layers": cells([step])}})
    assert nngrad.load(tmp_path / "n.mat").origin.notes == ()


def test_what_does_not_fit_is_not_put_down_to_the_order_of_arrays():
    with pytest.raises(ModelError, match=r"3 gains don't take 2 inputs$"):
        net_of({"kind": "scale", "gain": [1.0, 2.0, 3.0]}, **TWO)


@pytest.mark.parametrize(
    "spelling", ["NNGRAD network", "nngrad network ", "nngrad", "nngrad-network", "network", "", None, 7.0]
)
@pytest.mark.parametrize("suffix", [".mat", ".h5"])
def test_another_spelling_of_the_format_is_refused_and_never_taken_for_plain_weights(tmp_path, spelling, suffix):
    """As plain weights, the layer that scales the inputs would be lost."""
    path = tmp_path / f"m{suffix}"
    scale, affine = (
        {"gain": [2.0, 3.0], "center": [1.0, 1.0], "shift": [0.0, 0.0]},
        {"W": np.ones((1, 2)), "b": np.zeros(1)},
    )
    layers = [{"kind": "scale", **scale}, {"kind": "affine", **affine}]
    head = {"version": 1.0} | ({} if spelling is None else {"format": spelling})
    if suffix == ".mat":
        cells = np.empty((1, 2), object)
        cells[0, :] = layers
        savemat(path, {"net": {**head, "layers": cells}})
    else:
        with h5py.File(path, "w") as file:
            file.attrs.update(head)
            for k, layer in enumerate(layers, 1):
                group = file.create_group(f"layers/{k}")
                for name, value in layer.items():
                    group[name] = value
    for activation in (None, ["linear"], ["tanh"]):
        with pytest.raises((ModelError, nngrad.UsageError)) as refused:
            nngrad.load(path, activation=activation)
        if activation is None:
            assert ".format: " in str(refused.value)
