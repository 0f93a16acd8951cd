"""Dumps of plain weights: every convention against a computation of its own, one sample at a
time, with complex steps.
"""

import contextlib
import json
import time
from itertools import pairwise

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

import nngrad
from nngrad.errors import ModelError, UsageError
from nngrad.loaders import candidates, read
from nngrad.loaders.dumps import weights
from nngrad.loaders.hints import Hints
from nngrad.loaders.tree import MatlabObject, Tree
from tests.makers import SAMPLES

F = {
    "tanh": np.tanh,
    "tansig": lambda n: 2 / (1 + np.exp(-2 * n)) - 1,
    "logsig": lambda n: 1 / (1 + np.exp(-n)),
    "sigmoid": lambda n: 1 / (1 + np.exp(-n)),
    "relu": lambda n: np.where(n.real > 0, n, 0),
    "linear": lambda n: n,
    "purelin": lambda n: n,
    "softmax": lambda n: np.exp(n) / np.exp(n).sum(),
    "leaky_relu(0.2)": lambda n: np.where(n.real > 0, n, 0.2 * n),
}
X = np.random.default_rng(1).normal(size=(3, 3))
STEP = 1e-30


def pairs(*sizes, seed=0):
    r = np.random.default_rng(seed)
    return [(r.normal(size=(m, n)), r.normal(size=(m, 1))) for n, m in pairwise(sizes)]


def by_hand(layers, names, rows):
    """(y, J), sample by sample."""

    def y(x):
        for (W, b), name in zip(layers, names, strict=True):
            x = F[name](W @ x + b.ravel())
        return x

    J = [np.stack([y(x + 1j * STEP * e).imag / STEP for e in np.eye(len(x))], axis=1) for x in rows]
    return np.stack([y(x) for x in rows]), np.stack(J)


def same(net, layers, names, rows=X):
    y, J = net.value_and_jacobian(rows)
    wanted_y, wanted_J = by_hand(layers, names, rows)
    np.testing.assert_allclose(y, wanted_y, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(J, wanted_J, rtol=1e-12, atol=1e-14)


def cell(*items):
    array = np.empty((1, len(items)), object)
    array[0, :] = items
    return array


def cells(items):
    """An Nx1 cell."""
    array = np.empty((len(items), 1), object)
    array[:, 0] = items
    return array


TWO = pairs(3, 5, 2)
(W1, b1), (W2, b2) = TWO
EMPTY = np.zeros((0, 0))
LW = np.empty((2, 2), object)
LW[0, 0] = LW[0, 1] = LW[1, 1] = EMPTY
LW[1, 0] = W2
ASKED = ("tanh", "linear")
NET = {"weight": cell(W1, W2), "bias": cell(b1, b2)}

CONVENTIONS = {
    "W1,b1": ({"W1": W1, "b1": b1, "W2": W2, "b2": b2}, "W1,b1,W2,b2"),
    "w1,B1": ({"w1": W1, "B1": b1, "w2": W2, "B2": b2}, "w1,B1,w2,B2"),
    "W_1,b_1 in any order": ({"b_2": b2, "W_2": W2, "W_1": W1, "b_1": b1}, "W_1,b_1,W_2,b_2"),
    "from 0": ({"W0": W1, "b0": b1, "W1": W2, "b1": b2}, "W0,b0,W1,b1"),
    "theta with biases": ({"theta1": W1, "b1": b1, "theta2": W2, "b2": b2}, "theta1,b1,theta2,b2"),
    "Wout": ({"W1": W1, "b1": b1, "Wout": W2, "bout": b2}, "W1,b1,Wout,bout"),
    "from and to": ({"W_ho": W2, "b_ho": b2, "W_ih": W1, "b_ih": b1}, "W_ih,b_ih,W_ho,b_ho"),
    "prefix": ({"net_W1": W1, "net_b1": b1, "net_W2": W2, "net_b2": b2}, "net_W1,net_b1,net_W2,net_b2"),
    "suffix": (
        {"fc1_weight": W1, "fc1_bias": b1, "fc2_weight": W2, "fc2_bias": b2},
        "fc1_weight,fc1_bias,fc2_weight,fc2_bias",
    ),
    "genFunction's names": ({"IW1_1": W1, "b1": b1, "LW2_1": W2, "b2": b2}, "IW1_1,b1,LW2_1,b2"),
    "IW,LW,b cells": ({"IW": cells([W1, EMPTY]), "LW": LW, "b": cells([b1, b2])}, "IW,LW,b"),
    "IW,LW matrices": ({"IW": W1, "LW": W2, "b1": b1, "b2": b2}, "IW,LW,b1,b2"),
    "IW,LW,b with a prefix": ({"net_IW": W1, "net_LW": W2, "net_b": cells([b1, b2])}, "net_IW,net_LW,net_b"),
    "cells W,b": ({"W": cell(W1, W2), "b": cell(b1, b2)}, "W,b"),
    "cells Weight,Bias": ({"Weight": cell(W1, W2), "Bias": cell(b1, b2)}, "Weight,Bias"),
    "cells weights,biases in a struct": ({"net": {"weights": cell(W1, W2), "biases": cell(b1, b2)}}, "net"),
    "in a struct in a cell": ({"runs": cell(1.0, {"best": {"W1": W1, "b1": b1, "W2": W2, "b2": b2}})}, "runs{2}.best"),
    "a struct for each layer": (
        {"fc1": {"Weights": W1, "Bias": b1}, "output": {"Weights": W2, "Bias": b2}, "epochs": 7.0},
        "fc1,output",
    ),
    "output stands first": ({"output": {"w": W2, "b": b2}, "hidden": {"w": W1, "b": b1}}, "hidden,output"),
    "positional": ({"constants": cell(W1, b1, W2, b2)}, "constants"),
    "params{k}": ({"params": cell({"w": W1.T, "b": b1.T}, {"w": EMPTY, "b": EMPTY}, {"w": W2.T, "b": b2.T})}, "params"),
    "struct array": (
        {"layers": np.array([(W1, b1), (W2, b2)], dtype=[("W", object), ("b", object)])},
        "layers",
    ),
    "coefs_ and intercepts_": ({"coefs_": cell(W1.T, W2.T), "intercepts_": cell(b1.T, b2.T)}, "coefs_,intercepts_"),
    "coefs_0": (
        {"coefs_0": W1.T, "intercepts_0": b1, "coefs_1": W2.T, "intercepts_1": b2},
        "coefs_0,intercepts_0,coefs_1,intercepts_1",
    ),
    "in-by-out": ({"W1": W1.T, "b1": b1.T, "W2": W2.T, "b2": b2.T}, "W1,b1,W2,b2"),
    "4-D": ({"W": cell(W1[..., None, None], W2[..., None, None]), "b": cell(b1, b2)}, "W,b"),
    "float32 and columns of others": (
        {"W1": W1.astype("f4"), "b1": b1, "W2": W2, "b2": b2, "X": np.ones((100, 3))},
        "W1,b1,W2,b2",
    ),
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_convention(tmp_path, name):
    variables, where = CONVENTIONS[name]
    path = tmp_path / "dump.mat"
    savemat(path, variables)
    net = nngrad.load(path, activation=ASKED)
    assert net.origin.network == where
    layers = [(W1.astype("f4").astype(float), b1), (W2, b2)] if "float32" in name else TWO
    same(net, layers, ASKED)
    with pytest.raises(ModelError, match=r"--activation tanh,linear"):
        nngrad.load(path)


SAID = {
    "char matrix, padded": {"W": cell(W1, W2), "b": cell(b1, b2), "act_fcns": np.array(["tansig", "relu  "])},
    "cell of names": {"W": cell(W1, W2), "b": cell(b1, b2), "activations": cell("tansig", "relu")},
    "struct with activeType": {"network": NET | {"activeType": cell("tansig", "relu")}},
    "in each layer": {
        "fc1": {"W": W1, "b": b1, "activation": "tansig"},
        "fc2": {"W": W2, "b": b2, "activation": "relu"},
    },
    "beside W1,b1": {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "transferFcns": cell("tansig", "relu")},
}


@pytest.mark.parametrize("name", SAID)
def test_activations_that_the_file_says(tmp_path, name):
    savemat(tmp_path / "dump.mat", SAID[name])
    same(nngrad.load(tmp_path / "dump.mat"), TWO, ("tansig", "relu"))
    told = nngrad.load(tmp_path / "dump.mat", activation=["relu", "softmax"])
    same(told, TWO, ("relu", "softmax"))
    assert any("the file says tansig, relu" in text for text in told.origin.doubts)
    assert (
        nngrad.load(tmp_path / "dump.mat", activation=["tanh", "relu"]).origin.doubts == ()
    )  # tansig by its other name


def hdf5(path, members, attributes=()):
    with h5py.File(path, "w") as file:
        for name, value in members.items():
            file[name] = value
        file.attrs.update(dict(attributes))


HDF5 = {
    "datasets": {"W1": W1, "b1": b1.ravel(), "W2": W2, "b2": b2.ravel()},
    "names with dots": {"fc1.weight": W1, "fc1.bias": b1.ravel(), "fc2.weight": W2, "fc2.bias": b2.ravel()},
    "names of a state": {"net.0.weight": W1, "net.0.bias": b1.ravel(), "net.2.weight": W2, "net.2.bias": b2.ravel()},
    "numbers of modules": {"0.weight": W1, "0.bias": b1.ravel(), "2.weight": W2, "2.bias": b2.ravel()},
    "shapes tell the order": {
        "fc1.weight": W1,
        "fc1.bias": b1.ravel(),
        "classify.weight": W2,
        "classify.bias": b2.ravel(),
    },
    "groups, in-by-out": {"fc1/kernel": W1.T, "fc1/bias": b1.ravel(), "out/kernel": W2.T, "out/bias": b2.ravel()},
    "lists": {"W/1": W1, "W/2": W2, "b/1": b1.ravel(), "b/2": b2.ravel()},
    "written column by column": {"W1": W1.T, "b1": b1.T, "W2": W2.T, "b2": b2.T},
}


@pytest.mark.parametrize("name", HDF5)
def test_hdf5(tmp_path, name):
    hdf5(tmp_path / "dump.h5", HDF5[name])
    same(nngrad.load(tmp_path / "dump.h5", activation=ASKED), TWO, ASKED)


def test_hdf5_vectors_and_numbers_and_attributes(tmp_path):
    (A, a), (B, b) = layers = pairs(1, 4, 1)
    hdf5(
        tmp_path / "dump.h5",
        {"W1": A.ravel(), "b1": a.ravel(), "W2": B.ravel(), "b2": b[0, 0]},
        {"activations": ["tanh", "linear"]},
    )
    same(nngrad.load(tmp_path / "dump.h5"), layers, ("tanh", "linear"), X[:, :1])


@pytest.mark.parametrize(
    ("name", "names", "told"),
    [
        ("numbered", ("tanh", "linear"), True),
        ("cells", ("relu", "relu", "linear"), False),
        ("struct", ("tansig", "purelin"), False),
        ("positional", ("tanh", "tanh", "linear"), True),
        ("in_by_out", ("tanh", "linear"), True),
    ],
)
def test_the_sample_dumps(name, names, told):
    from scipy.io import loadmat

    stored = loadmat(SAMPLES / f"dump_{name}.mat", simplify_cells=True)
    flat = {
        "numbered": lambda v: [(v["W1"], v["b1"]), (v["W2"], v["b2"])],
        "cells": lambda v: zip(v["W"], v["b"], strict=True),
        "struct": lambda v: zip(v["network"]["weight"], v["network"]["bias"], strict=True),
        "positional": lambda v: zip(v["constants"][::2], v["constants"][1::2], strict=True),
        "in_by_out": lambda v: [(p["w"].T, p["b"]) for p in v["params"] if p["w"].size],
    }[name](stored)
    layers = [(np.asarray(W, float).reshape(np.size(b), -1), np.asarray(b, float)) for W, b in flat]
    rows = np.loadtxt(SAMPLES / f"dump_{name}_x.csv", delimiter=",", skiprows=1)
    same(nngrad.load(SAMPLES / f"dump_{name}.mat", activation=names if told else None), layers, names, rows)


def test_groups_are_ordered_by_their_numbers():
    net = nngrad.load(SAMPLES / "dump_groups.h5", activation=["relu", "linear"])
    with h5py.File(SAMPLES / "dump_groups.h5") as file:
        order = [f"fc{k}" for k in range(1, 11)] + ["output"]
        layers = [(file[n]["Weights"][()].T, file[n]["Bias"][()]) for n in order]
    same(net, layers, ["relu"] * 10 + ["linear"])


def test_theta_has_the_bias_in_the_first_column(tmp_path):
    savemat(tmp_path / "dump.mat", {"Theta1": np.hstack([b1, W1]), "Theta2": np.hstack([b2, W2])})
    same(nngrad.load(tmp_path / "dump.mat", activation=["sigmoid", "sigmoid"]), TWO, ("sigmoid", "sigmoid"))
    with pytest.raises(ModelError, match=r"all are sigmoid; .*--activation sigmoid,sigmoid"):
        nngrad.load(tmp_path / "dump.mat")


def test_theta_is_not_called_square_for_what_is_left_of_it(tmp_path):
    layers = pairs(3, 3, 3)
    savemat(tmp_path / "dump.mat", {f"Theta{k}": np.hstack([b, W]) for k, (W, b) in enumerate(layers, 1)})
    net = nngrad.load(tmp_path / "dump.mat", activation=["sigmoid", "sigmoid"])
    same(net, layers, ("sigmoid", "sigmoid"))
    assert net.origin.notes == ()


# what is asked


def test_the_question_names_layers_sizes_and_the_option(tmp_path):
    (tmp_path / "w").mkdir()
    path = tmp_path / "w" / "dump.mat"
    W, b = zip(*pairs(3, 5, 5, 2), strict=True)
    savemat(path, {"W": cell(*W), "b": cell(*b)})
    with pytest.raises(ModelError) as asked:
        nngrad.load(path)
    text = str(asked.value)
    assert "W{1}: 3 -> 5, W{2}: 5 -> 5, W{3}: 5 -> 2" in text
    assert "\n" not in text
    option = text.partition("--activation ")[2].partition(",")[0:3]
    net = nngrad.load(path, activation=["".join(option).split(",")[0], "linear"])
    same(net, pairs(3, 5, 5, 2), ("tanh", "tanh", "linear"))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (["tanh"], "1 activations named for 2 layers"),
        (["tanh", "tanh", "linear"], "3 activations named for 2 layers"),
        (["tanh", "tahn"], "activation 'tahn' is not supported; supported are tansig"),
        (["tanh", "leaky_relu(x)"], "'x' is not a number"),
        (["tanh(3)", "linear"], "tansig takes 0 parameters"),
    ],
)
def test_activations_that_do_not_fit_are_refused(tmp_path, told, words):
    savemat(tmp_path / "dump.mat", CONVENTIONS["W1,b1"][0])
    with pytest.raises(ModelError) as refused:
        nngrad.load(tmp_path / "dump.mat", activation=told)
    assert words in str(refused.value)


def test_a_parameter_of_an_activation(tmp_path):
    savemat(tmp_path / "dump.mat", CONVENTIONS["W1,b1"][0])
    same(
        nngrad.load(tmp_path / "dump.mat", activation=["leaky_relu(0.2)", "softmax"]),
        TWO,
        ("leaky_relu(0.2)", "softmax"),
    )


def test_more_activations_than_layers_are_taken_literally(tmp_path):
    savemat(
        tmp_path / "dump.mat", {"W": cell(W1, W2), "b": cell(b1, b2), "act_fcns": np.array(["tanh", "relu", "tanh"])}
    )
    net = nngrad.load(tmp_path / "dump.mat")
    same(net, TWO, ("tanh", "relu"))
    assert "names 3 activations" in net.origin.doubts[0]


def test_fewer_activations_than_layers_are_not_filled_up(tmp_path):
    savemat(tmp_path / "dump.mat", {"W": cell(W1, W2), "b": cell(b1, b2), "activation": "tanh"})
    with pytest.raises(ModelError, match="names only tanh for its 2 layers"):
        nngrad.load(tmp_path / "dump.mat")


# which way round


def test_square_matrices_are_noted_and_told():
    path = SAMPLES / "dump_square.mat"
    from scipy.io import loadmat

    v = loadmat(path)
    layers = [(v["W1"], v["b1"]), (v["W2"], v["b2"])]
    net = nngrad.load(path, activation=ASKED)
    same(net, layers, ASKED)
    (note,) = net.origin.doubts
    assert "W1, W2 are square" in note
    assert "taken as out-by-in" in note
    assert "--weights in-by-out" in note
    turned = nngrad.load(path, activation=ASKED, weights="in-by-out")
    same(turned, [(W.T, b) for W, b in layers], ASKED)
    assert turned.origin.doubts == ()


def test_one_square_matrix_goes_with_the_others(tmp_path):
    layers = pairs(3, 4, 4, 2)
    savemat(
        tmp_path / "dump.mat", {f"{n}{k}": v for k, (W, b) in enumerate(layers, 1) for n, v in (("W", W.T), ("b", b))}
    )
    net = nngrad.load(tmp_path / "dump.mat", activation=["tanh", "linear"])
    same(net, layers, ("tanh", "tanh", "linear"))
    assert net.origin.notes == ("W2 is square: taken as in-by-out, as the shapes of the other layers are",)


@pytest.mark.parametrize(
    "names",
    [
        ("input_layer", "hidden_layer", "output_layer"),
        ("linear_in", "linear", "linear_out"),
        ("fc1", "fc2", "classifier"),
        ("encoder.0", "encoder.2", "decoder.0"),
        ("layer1.fc", "layer2.body", "layer3.lin"),
    ],
)
def test_the_order_of_square_layers_follows_from_their_names(tmp_path, names):
    layers = pairs(3, 3, 3, 3)
    weights = {f"{name}.weight": W for name, (W, _) in zip(names, layers, strict=True)}
    biases = {f"{name}.bias": b[:, 0] for name, (_, b) in zip(names, layers, strict=True)}
    hdf5(tmp_path / "dump.h5", weights | biases)
    same(nngrad.load(tmp_path / "dump.h5", activation=ASKED), layers, ("tanh", "tanh", "linear"))


@pytest.mark.parametrize("names", [("trunk", "mid"), ("mid", "trunk"), ("a1", "b1", "c1", "d1", "e1", "f1", "g1")])
def test_layers_whose_order_nothing_tells_are_refused(tmp_path, names):
    """Also where they chain as 3 -> 2 -> 3 and as 2 -> 3 -> 2: the alphabet is no order."""
    layers = pairs(*([3, 2] * len(names))[: len(names) + 1])
    structs = {name: {"W": W, "b": b} for name, (W, b) in zip(names, layers, strict=True)}
    variables = {f"{name}_{role}": value for name, fields in structs.items() for role, value in fields.items()}
    for made in (structs, variables):
        savemat(tmp_path / "dump.mat", made)
        with pytest.raises(
            ModelError, match="neither names nor shapes tell the order of these layers; name them W1, b1, W2, b2"
        ):
            nngrad.load(tmp_path / "dump.mat", activation=ASKED)


def test_networks_beside_each_other_are_not_put_one_after_the_other(tmp_path):
    """An actor 3 -> 5 -> 3 and a critic 3 -> 5 -> 1 would chain."""
    state = {}
    for name, layers in (("actor", pairs(3, 5, 3)), ("critic", pairs(3, 5, 1))):
        state |= {
            f"{name}.{2 * k}.{role}": v
            for k, pair in enumerate(layers)
            for role, v in zip(("weight", "bias"), pair, strict=True)
        }
    hdf5(tmp_path / "dump.h5", {name: v.ravel() if name.endswith("bias") else v for name, v in state.items()})
    with pytest.raises(
        ModelError, match=r"neither names nor shapes tell the order of these layers.*, and those of each network apart"
    ):
        nngrad.load(tmp_path / "dump.h5", activation=ASKED)


@pytest.mark.parametrize(
    ("variables", "told", "words"),
    [
        (
            {"W1": W1, "b1": b1, "W2": W1, "b2": b1},
            None,
            ["W1 5x3 with bias 5x1, W2 5x3 with bias 5x1", "do not chain", "neither"],
        ),
        ({"W1": W1, "b1": b1, "W2": W2.T, "b2": b2}, None, ["W2 5x2", "neither as out-by-in nor as in-by-out"]),
        ({"W1": W1, "b1": b1, "W2": W2, "b2": b2}, "in-by-out", ["do not chain, as in-by-out"]),
        ({"W1": W1, "b1": b1, "W2": W2, "b2": b2}, "sideways", ["'sideways'; they are out-by-in or in-by-out"]),
        (
            {"W1": np.ones((5, 5, 1, 6)), "b1": np.ones((6, 1)), "W2": np.ones((2, 6)), "b2": b2},
            None,
            ["W1 5x5x1x6", "convolution"],
        ),
        ({"W1": W1, "b1": b1, "W2": W2}, None, ["W2 has no partner"]),
        ({"W1": W1, "b1": b1, "b2": b2}, None, ["b2 has no partner"]),
        ({"W1": W1, "b1": b1, "W3": W2, "b3": b2}, None, ["W1, W3: a layer between them is missing"]),
        (
            {"wh": W1, "bh": b1, "wout": W2, "bout": b2},
            None,
            ["wout is an output layer, and no layer before it is recognised among wh, bh"],
        ),
        ({"W1": W1, "weights1": W1, "b1": b1}, None, ["weights1 has no partner"]),
        ({"IW1_1": W1, "b1": b1, "LW2_1": W2, "b2": b2, "LW3_1": W2, "b3": b2}, None, ["has no partner"]),
        ({"W": cell(W1, W2), "b": cell(b1, b2, b2)}, None, ["2 matrices in W and 3 biases in b"]),
        ({"W1": W1 * 1j, "b1": b1}, None, ["complex weights"]),
        ({"W": cell(W1, EMPTY), "b": cell(b1, EMPTY)}, None, ["W{2} is empty (0x0)", "never trained"]),
        ({"IW": cell(W1), "LW": np.array([[W2, 0]], object)[:, :1], "b": cell(b1, b2)}, None, ["not a plain chain"]),
    ],
)
def test_what_does_not_fit_is_refused_with_its_shapes(tmp_path, variables, told, words):
    savemat(tmp_path / "dump.mat", variables)
    with pytest.raises(ModelError) as refused:
        nngrad.load(tmp_path / "dump.mat", activation=ASKED, weights=told)
    assert all(word in str(refused.value) for word in words), str(refused.value)


# what is no network


@pytest.mark.parametrize(
    "variables",
    [
        {"network1_outputs": cell(np.ones((2, 18)))},
        {"X": np.ones((100, 3)), "y": np.ones((100, 1))},
        {"data": cell(np.ones((10, 3)), np.ones((10, 1)))},
        {"data": cell(np.ones((10, 3)), np.ones((4, 1)), np.ones((5, 3)), np.ones((5, 1)))},
        {"theta": np.ones((3, 1)), "X": np.ones((5, 3))},
        {"x": cell(*np.ones((6, 3, 1)))},
        {"T": cell(*np.ones((8, 1, 1)))},
        {"Theta1": np.ones((3, 4))},
        {"W1": "text", "b1": "text"},
        {"b1": b1, "b2": b2},
        {"weights": np.ones((3, 2))},
        {},
    ],
)
def test_other_arrays_do_not_become_a_network(tmp_path, variables):
    savemat(tmp_path / "other.mat", variables)
    with pytest.raises(ModelError, match="no network found"):
        nngrad.load(tmp_path / "other.mat", activation=ASKED)


def test_weights_of_an_object_are_looked_at_only_where_its_class_is_somebodys_own(tmp_path):
    """A class called network or dlnetwork is MathWorks' only if it has what theirs have."""
    fields = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    for name in ("nnet.cnn.layer.Other", "rl.agent.rlDDPGAgent", "table", "RegressionGP"):
        assert weights.find(Tree("MAT v7", {"a": MatlabObject(name, fields)})) == []
    for name in ("something", "network", "dlnetwork", "SeriesNetwork"):
        tree = Tree("MAT v7", {"a": MatlabObject(name, fields)})
        (found,) = candidates(tree)
        net = read("f.mat", tree, found, Hints(("tanh", "linear")))
        same(net, TWO, ("tanh", "linear"))
        assert net.origin.network == "a"
        assert any(f"properties of an object of a class of its own ({name})" in text for text in net.origin.doubts)
    for name, kept in (("network", {"IW": 1.0, "layerConnect": 1.0}), ("dlnetwork", {"Layers": 1.0}), ("network", {})):
        (found,) = candidates(Tree("MAT v7", {"a": MatlabObject(name, kept)}))
        assert found.dialect is not weights  # theirs, and damaged


def test_dlarrays_are_refused_by_name():
    dl = MatlabObject("dlarray", {"Data": W1})
    tree = Tree("MAT v7", {"params": {"Embedding": {"W": dl, "b": dl}, "Decoder": {"W": dl, "b": dl}}})
    ((where, dump),) = weights.find(tree)
    assert where == "params"
    with pytest.raises(ModelError, match=r"dlarray parameters of a custom training loop \(Decoder.W, Embedding.W\)"):
        weights.read(dump)


def test_several_dumps_are_chosen_from(tmp_path):
    savemat(
        tmp_path / "dump.mat",
        {"actor_W1": W1, "actor_b1": b1, "critic": {"W1": W2, "b1": b2}, "critic_W1": W2, "critic_b1": b2 + 1},
    )
    with pytest.raises(ModelError, match=r"3 networks found \(actor_W1,actor_b1, critic_W1,critic_b1, critic\)"):
        nngrad.load(tmp_path / "dump.mat")
    net = nngrad.load(tmp_path / "dump.mat", "critic", activation=["tanh"])
    same(net, [(W2, b2)], ("tanh",), X @ np.ones((3, 5)))


def test_hints_are_refused_where_the_file_says_it_itself():
    with pytest.raises(UsageError, match="--activation is not for a MATLAB network object"):
        nngrad.load(SAMPLES / "fitnet.mat", activation=["tanh"])


def test_what_stands_beside_is_mentioned(tmp_path):
    savemat(tmp_path / "dump.mat", CONVENTIONS["W1,b1"][0] | {"mu": 1.0, "sigma": 2.0})
    (note,) = nngrad.load(tmp_path / "dump.mat", activation=ASKED).origin.doubts
    assert "not used: mu, sigma" in note


@pytest.mark.parametrize("form", ["structs", "list of structs"])
def test_layers_that_are_structs_lose_nothing_quietly(tmp_path, form):
    def doubts(**second):
        layers = {"fc1": {"W": W1, "b": b1}, "fc2": second, "fc3": {"W": np.eye(2), "b": np.zeros((2, 1))}}
        params = np.empty((1, 3), object)
        params[0, :] = list(layers.values())
        savemat(tmp_path / "dump.mat", layers if form == "structs" else {"params": params})
        return nngrad.load(tmp_path / "dump.mat", activation=["tanh", "tanh", "linear"]).origin.doubts

    assert not any("not used" in text for text in doubts(W=W2, b=b2))
    assert "2.gamma" in doubts(W=W2, b=b2, gamma=3.0)[0].replace("{2}", "fc2")
    with pytest.raises(
        ModelError, match=r"2\}?\.W has no partner: a plain chain of layers has one matrix and one bias for each"
    ):
        doubts(W=W2)


def test_fields_of_a_network_object_are_said_to_lack_processing(tmp_path):
    savemat(tmp_path / "dump.mat", CONVENTIONS["IW,LW matrices"][0])
    assert "no processing steps" in nngrad.load(tmp_path / "dump.mat", activation=ASKED).origin.doubts[0]


def test_the_option_of_the_command_line(tmp_path, capsys):
    from nngrad.cli import run

    savemat(tmp_path / "dump.mat", CONVENTIONS["W1,b1"][0])
    assert run(["info", str(tmp_path / "dump.mat")]) == 3
    assert "--activation tanh,linear" in capsys.readouterr().err
    assert (
        run(["info", str(tmp_path / "dump.mat"), "--activation", "tanh,linear", "--weights", "out-by-in", "--json"])
        == 0
    )
    assert json.loads(capsys.readouterr().out)["networks"][0]["layers"][0].startswith("layer 1: tanh, 5 units")


# anything at all

NAMES = st.sampled_from(
    ["W", "b", "W1", "b1", "W2", "b2", "IW", "LW", "Theta1", "Theta2", "fc1", "act_fcns", "W1_1", "fc_W", "x", "IW2_1"]
)
NUMBERS = st.lists(st.integers(0, 3), min_size=0, max_size=4).map(lambda s: np.ones(s))
LEAVES = st.one_of(
    NUMBERS, st.text(max_size=3), st.lists(st.text(max_size=3), max_size=2), st.just(1j * np.ones((2, 2)))
)


TREES = st.recursive(
    LEAVES,
    lambda inner: st.dictionaries(NAMES, inner, max_size=6) | st.lists(inner, max_size=6).map(cells),
    max_leaves=20,
)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, TREES, max_size=6), st.sampled_from([None, "in-by-out"]))
def test_any_tree_is_a_network_or_an_error(variables, orientation):
    for where, dump in weights.find(Tree("MAT v7", variables)):
        assert where
        try:
            net = weights.read(dump, weights.Hints(("tanh",) * len(dump.layers), orientation))
        except ModelError:
            continue
        assert net(np.zeros(net.input_size)).shape == (net.output_size,)


# NumPy archives


def test_arrays_saved_by_numpy(tmp_path):
    np.savez(tmp_path / "named.npz", W1=W1, b1=b1.ravel(), W2=W2, b2=b2.ravel())
    same(nngrad.load(tmp_path / "named.npz", activation=["tanh", "linear"]), TWO, ("tanh", "linear"))
    np.savez_compressed(tmp_path / "keras.npz", W1.T.astype(np.float32), b1.ravel(), W2.T, b2.ravel())
    net = nngrad.load(tmp_path / "keras.npz", activation=["tanh", "linear"])
    assert net.origin.container == "NumPy zip"
    same(net, ((W1.astype(np.float32), b1), (W2, b2)), ("tanh", "linear"))


def test_object_arrays_of_numpy_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "w.npz", weights=np.array({"W1": W1, "call": print}, object))
    with pytest.raises(
        ModelError, match=r"no network found.*weights.*an object array is a pickle, which is never opened.*np\.savez"
    ):
        nngrad.load(tmp_path / "w.npz")


@pytest.mark.parametrize("at", range(0, 700, 7))
def test_a_damaged_numpy_archive_ends_in_a_network_or_a_model_error(tmp_path, at):
    np.savez(tmp_path / "w.npz", W1=W1, b1=b1.ravel(), W2=W2, b2=b2.ravel())
    data = bytearray((tmp_path / "w.npz").read_bytes())
    data[at] ^= 0x55
    (tmp_path / "w.npz").write_bytes(data)
    with contextlib.suppress(ModelError):
        nngrad.load(tmp_path / "w.npz", activation=["tanh", "linear"])


# without biases, by indices of units, in one vector

THREE_LAYERS = pairs(3, 4, 5, 2, seed=4)
NO_BIASES = [(W, np.zeros((len(W), 1))) for W, _ in THREE_LAYERS]
MATRICES = [W for W, _ in THREE_LAYERS]
BIASLESS = {
    "w_1": {f"w_{k}": W for k, W in enumerate(MATRICES, 1)},
    "W1": {f"W{k}": W for k, W in enumerate(MATRICES, 1)},
    "cell W": {"W": cell(*MATRICES)},
    "cell weights": {"weights": cell(*MATRICES)},
    "in-by-out": {f"W{k}": W.T for k, W in enumerate(MATRICES, 1)},
    "in a struct": {"net": {"weights": cell(*MATRICES)}},
    "beside data": {"w_1": W1, "w_2": W2, "X": np.ones((99, 3)), "epochs": 500.0, "mu": np.ones(3)},
}


@pytest.mark.parametrize("name", BIASLESS)
def test_dumps_without_biases(tmp_path, name):
    savemat(tmp_path / "dump.mat", BIASLESS[name])
    layers = [(W1, 0 * b1), (W2, 0 * b2)] if name == "beside data" else NO_BIASES
    names = ("tanh",) * (len(layers) - 1) + ("linear",)
    with pytest.raises(ModelError, match=r"--activation tanh,linear"):
        nngrad.load(tmp_path / "dump.mat")
    net = nngrad.load(tmp_path / "dump.mat", activation=names)
    same(net, layers, names)
    assert any("there are no biases beside" in text for text in net.origin.doubts)


def test_what_may_be_a_bias_is_never_left_out(tmp_path):
    savemat(tmp_path / "dump.mat", {"W1": W1, "W2": W2, "schwelle": b1})
    with pytest.raises(ModelError, match=r"W1, W2 have no biases by name, and schwelle may be some: name them b1, b2"):
        nngrad.load(tmp_path / "dump.mat", activation=["tanh", "linear"])


def test_matrices_that_chain_both_ways_are_asked_about(tmp_path):
    (A, _), (B, _) = pairs(3, 4, 3)
    savemat(tmp_path / "dump.mat", {"w1": A, "w2": B})
    with pytest.raises(ModelError, match="these chain both ways round; say --weights out-by-in"):
        nngrad.load(tmp_path / "dump.mat", activation=["tanh", "linear"])
    net = nngrad.load(tmp_path / "dump.mat", activation=["tanh", "linear"], weights="out-by-in")
    same(net, [(A, np.zeros(4)), (B, np.zeros(3))], ("tanh", "linear"))
    net = nngrad.load(tmp_path / "dump.mat", activation=["tanh", "linear"], weights="in-by-out")
    same(
        net, [(A.T, np.zeros(3)), (B.T, np.zeros(4))], ("tanh", "linear"), np.random.default_rng(0).normal(size=(3, 4))
    )


@pytest.mark.parametrize(
    "variables",
    [{"w_1": W1, "w_2": W1}, {"w_1": W1}, {"w_1": W1, "w_3": W2}, {"weights": cell(W1)}, {"x1": W1, "x2": W2}],
    ids=["no chain", "one alone", "a gap", "a cell of one", "other names"],
)
def test_matrices_that_are_no_network(tmp_path, variables):
    savemat(tmp_path / "dump.mat", variables)
    with pytest.raises(ModelError, match="no network found"):
        nngrad.load(tmp_path / "dump.mat", activation=["tanh", "linear"])


INDICES = {
    "Vij": ("Vij", "Voj", "Wjk", "Wok"),
    "v_ij": ("v_ij", "v_0j", "w_jk", "w_0k"),
    "one letter": ("wij", "woj", "wjk", "wok"),
}


@pytest.mark.parametrize("name", INDICES)
def test_names_of_units(tmp_path, name):
    names = INDICES[name]
    savemat(
        tmp_path / "dump.mat",
        dict(zip(names, (W1.T, b1.T, W2.T, b2.T), strict=True)) | {"net": 1.0, "max": np.ones((2, 2))},
    )
    net = nngrad.load(tmp_path / "dump.mat", activation=["tanh", "linear"])
    same(net, TWO, ("tanh", "linear"))
    savemat(tmp_path / "dump.mat", dict(zip(names[:3], (W1.T, b1.T, W2.T), strict=True)))
    with pytest.raises(ModelError, match=rf"the bias {names[3].replace('0', 'o')} is missing"):
        nngrad.load(tmp_path / "dump.mat", activation=["tanh", "linear"])


def test_names_of_units_never_settle_a_square(tmp_path):
    layers = pairs(3, 3, 3)
    savemat(
        tmp_path / "dump.mat", {"Vij": layers[0][0].T, "Voj": layers[0][1], "Wjk": layers[1][0].T, "Wok": layers[1][1]}
    )
    with pytest.raises(ModelError, match="chain both ways round"):
        nngrad.load(tmp_path / "dump.mat", activation=["tanh", "linear"])
    same(
        nngrad.load(tmp_path / "dump.mat", activation=["tanh", "linear"], weights="in-by-out"),
        layers,
        ("tanh", "linear"),
    )


ROLLED = {
    "course": {"input_layer_size": 3.0, "hidden_layer_size": 4.0, "num_labels": 2.0},
    "one vector": {"layer_sizes": np.array([3.0, 4.0, 2.0])},
    "other names": {"n_inputs": 3.0, "n_hidden": 4.0, "n_outputs": 2.0},
}


@pytest.mark.parametrize("name", ROLLED)
@pytest.mark.parametrize("called", ["nn_params", "params"])
def test_rolled_parameters(tmp_path, name, called):
    (A, a), (B, b) = layers = pairs(3, 4, 2)
    vector = np.concatenate([np.hstack([a, A]).ravel(order="F"), np.hstack([b, B]).ravel(order="F")])
    savemat(tmp_path / "dump.mat", {called: vector.reshape(-1, 1), **ROLLED[name], "lambda": 1.0})
    with pytest.raises(ModelError, match=r"all are sigmoid.*--activation sigmoid,sigmoid"):
        nngrad.load(tmp_path / "dump.mat")
    net = nngrad.load(tmp_path / "dump.mat", activation=["sigmoid", "sigmoid"])
    same(net, layers, ("sigmoid", "sigmoid"))
    assert any(
        "was cut into 4x4, 2x5, column by column, the bias in the first column" in text for text in net.origin.doubts
    )


def test_rolled_parameters_with_several_hidden_layers(tmp_path):
    layers = pairs(3, 4, 5, 2)
    vector = np.concatenate([np.hstack([b, W]).ravel(order="F") for W, b in layers])
    sizes = {"input_layer_size": 3.0, "hidden_layer1_size": 4.0, "hidden_layer2_size": 5.0, "num_labels": 2.0}
    savemat(tmp_path / "dump.mat", {"nn_params": vector, **sizes})
    same(nngrad.load(tmp_path / "dump.mat", activation=["sigmoid"] * 3), layers, ("sigmoid",) * 3)


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ({}, "the sizes of its layers are missing"),
        (ROLLED["course"] | {"num_labels": 3.0}, "the sizes 3, 4, 3 need 31"),
    ],
)
def test_rolled_parameters_that_do_not_fit_say_what_is_missing(tmp_path, beside, words):
    savemat(tmp_path / "dump.mat", {"nn_params": np.ones(26), **beside})
    with pytest.raises(ModelError, match=rf"26 numbers in one vector, {words}; save input_layer_size"):
        nngrad.load(tmp_path / "dump.mat", activation=["sigmoid", "sigmoid"])


def test_theta_beside_its_rolled_form_is_one_network(tmp_path):
    (A, a), (B, b) = layers = pairs(3, 4, 2)
    thetas = np.hstack([a, A]), np.hstack([b, B])
    vector = np.concatenate([t.ravel(order="F") for t in thetas])
    savemat(tmp_path / "dump.mat", {"nn_params": vector, "Theta1": thetas[0], "Theta2": thetas[1], **ROLLED["course"]})
    same(nngrad.load(tmp_path / "dump.mat", activation=["sigmoid", "sigmoid"]), layers, ("sigmoid", "sigmoid"))


FLAT = {"fc1.weight": (3, 2), "fc1.bias": (3,), "fc2.weight": (1, 3), "fc2.bias": (1,)}
NORMALISED = {
    "by name": {**FLAT, "bn1.weight": (3,), "bn1.bias": (3,)},
    "by name, two axes": {**FLAT, "norm.weight": (1, 3), "norm.bias": (1, 3)},
    "by shape": {**FLAT, "between.weight": (3,), "between.bias": (3,)},
    "modules": {
        "0.weight": (3, 2),
        "0.bias": (3,),
        "1.weight": (3,),
        "1.bias": (3,),
        "3.weight": (1, 3),
        "3.bias": (1,),
    },
    "modules of one unit": {
        "0.weight": (1, 1),
        "0.bias": (1,),
        "1.weight": (1,),
        "1.bias": (1,),
        "3.weight": (1, 1),
        "3.bias": (1,),
    },
    "by order": {"arr_0": (2, 3), "arr_1": (3,), "arr_2": (3,), "arr_3": (3,), "arr_4": (3, 1), "arr_5": (1,)},
}


@pytest.mark.parametrize("name", NORMALISED)
def test_gain_and_shift_of_a_normalisation_are_not_taken_for_a_layer(tmp_path, name):
    np.savez(tmp_path / "dump.npz", **{key: np.ones(shape) for key, shape in NORMALISED[name].items()})
    with pytest.raises(ModelError, match="looks like a normalisation layer"):
        nngrad.load(tmp_path / "dump.npz", activation=["tanh", "linear"])


def test_a_normalisation_between_structs_is_not_passed_over(tmp_path):
    (A, a), (B, b) = pairs(3, 4, 2)
    entries = [{"w": A, "b": a}, {"gamma": a, "beta": a, "mean": a, "var": a}, {"w": B, "b": b}]
    savemat(tmp_path / "dump.mat", {"params": cell(*entries)})
    with pytest.raises(ModelError, match=r"\{2\} holds gamma, beta, mean, var, but no weights"):
        nngrad.load(tmp_path / "dump.mat", activation=["tanh", "linear"])


def test_what_training_began_with_is_not_taken_before_what_it_led_to(tmp_path):
    layers = pairs(3, 4, 2)
    vector = np.concatenate([np.hstack([b, W]).ravel(order="F") for W, b in layers])
    savemat(tmp_path / "dump.mat", {"initial_nn_params": 2 * vector, "nn_params": vector, **ROLLED["course"]})
    same(nngrad.load(tmp_path / "dump.mat", activation=["sigmoid", "sigmoid"]), layers, ("sigmoid", "sigmoid"))


@pytest.mark.parametrize(
    "names", [("dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"), ("arr_0", "arr_1", "arr_2", "arr_3")]
)
def test_square_matrices_under_names_of_keras_are_asked_for(tmp_path, names):
    (A, a), (B, b) = layers = pairs(3, 3, 3)
    np.savez(tmp_path / "dump.npz", **dict(zip(names, (A.T, a.ravel(), B.T, b.ravel()), strict=True)))
    with pytest.raises(ModelError, match="these chain both ways round; say --weights"):
        nngrad.load(tmp_path / "dump.npz", activation=["tanh", "linear"])
    same(
        nngrad.load(tmp_path / "dump.npz", activation=["tanh", "linear"], weights="in-by-out"),
        layers,
        ("tanh", "linear"),
    )


def test_activations_that_the_file_names_one_by_one_are_said(tmp_path):
    (A, a), (B, b) = pairs(3, 4, 2)
    savemat(
        tmp_path / "dump.mat",
        {"W1": A, "b1": a, "W2": B, "b2": b, "act1": "relu", "output_activation": "linear", "factor": "relu"},
    )
    with pytest.raises(ModelError, match="the file says act1 relu, output_activation linear, but not in one list"):
        nngrad.load(tmp_path / "dump.mat")
    (doubt,) = nngrad.load(tmp_path / "dump.mat", activation=["tanh", "linear"]).origin.doubts
    assert doubt == "activations tanh, linear as you named them; the file says act1 relu, output_activation linear"


def test_many_layers_are_found_in_linear_time():
    def seconds(count):
        fields = {f"{letter}{k}": np.ones((1, 1)) for k in range(1, count) for letter in "Wb"}
        start = time.process_time()
        weights.find(Tree("MAT v5", fields))
        return time.process_time() - start

    assert seconds(32_000) < 24 * seconds(4_000)  # eight times the layers: linear is 8, quadratic 64


@pytest.mark.parametrize(("named", "doubts"), [("leaky_relu(0.1)", 0), ("leaky_relu(0.2)", 1)])
def test_another_parameter_is_another_activation(tmp_path, named, doubts):
    (A, a), (B, b) = pairs(3, 4, 2)
    cells = np.array([["leaky_relu(0.1)", "linear"]], object)
    savemat(tmp_path / "dump.mat", {"W1": A, "b1": a, "W2": B, "b2": b, "activations": cells})
    assert len(nngrad.load(tmp_path / "dump.mat", activation=[named, "linear"]).origin.doubts) == doubts
