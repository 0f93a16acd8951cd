"""Every real dump of plain weights against reference values, or in the table of refusals; every
real model through nngrad's format.
"""

import numpy as np
import pytest

import nngrad
from nngrad.core.network import Network
from nngrad.errors import ModelError, NngradError
from nngrad.own_format.encode import save
from tests.real.models import MODELS, entries, errors, reference

DUMPS = [e for e in entries("dump", "Octave text") if e.status == "EXPECTED"]
EVERY = [e for e in entries("") if e.status == "EXPECTED" and "@" not in e.network] + [
    e for e in DUMPS if "@" in e.network
]
REFUSED = {
    "abj247__Turning_ANN_GA/out.mat": ("no network found", "network1_outputs"),
    "AlexMolio__nn_classification/fuzzy.mat": ("no network found", "fuzzy"),
    "AllenWn__stock_prediction/stock_prediction/training_data/training_data.mat": (
        "no network found",
        "training_x",
        "training_y",
    ),
    "abj247__Turning_ANN_GA/error_file.mat": ("no network found", "last_error"),
    "juliabrault-ML__RLandMPCWorkshop/LinearMPC/pendulumDisturbanceLTI.mat": ("no network found",),
    "matlab-deep-learning__SciML-and-Physics-Informed-Machine-Learning-Examples/graph-neural-network-for-heat-transfer-problem/"
    "params_pre.mat": (
        "params: dlarray parameters of a custom training loop (Decoder.W, Embedding.W, GNN_1.W, GNN_2.W, GNN_3.W)",
    ),
}


def told(entry):
    """The activations that a variant of the index stands for, e.g. @hidden=relu: the file does
    not say them, or says others.
    """
    _, _, variant = entry.network.partition("@")
    if variant.startswith("hidden="):
        return [variant.removeprefix("hidden="), "linear"]
    if variant == "linear-out":
        return ["relu", "linear"]
    return {"tanh": ["tanh", "linear"]}.get(variant, ["sigmoid", "sigmoid"] if "Theta" in entry.network else None)


@pytest.mark.parametrize("entry", DUMPS, ids=str)
def test_values_and_jacobians(entry):
    net, expected = nngrad.load(entry.path, entry.network.partition("@")[0], activation=told(entry)), reference(entry)
    worst_y, worst_J = errors(*net.value_and_jacobian(expected["x"]), expected)
    assert worst_y < 1e-13
    assert worst_J < 1e-12


@pytest.mark.parametrize("entry", [e for e in DUMPS if told(e) and "linear-out" not in e.network], ids=str)
def test_without_being_told_it_asks(entry):
    with pytest.raises(ModelError, match=r"--activation \w+,\w+, in Python load\(path, activation="):
        nngrad.load(entry.path)


@pytest.mark.parametrize("file", REFUSED)
@pytest.mark.parametrize("activation", [None, ["tanh", "linear"]])
def test_a_file_without_a_network_is_refused_by_name(file, activation):
    with pytest.raises(ModelError) as refused:
        nngrad.load(MODELS / file, activation=activation)
    assert all(words in str(refused.value) for words in REFUSED[file])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("entry", EVERY, ids=str)
def test_it_comes_back_from_its_own_format(entry, tmp_path):
    where = None if entry.network == "(model)" else entry.network.partition("@")[0]
    try:
        net = nngrad.load(entry.path, where, activation=told(entry))
    except NngradError as e:
        pytest.skip(str(e))
    if not isinstance(net, Network):
        pytest.skip(f"a {type(net).__name__}")
    x = np.random.default_rng(0).normal(size=(3, net.input_size))
    y, J = net.value_and_jacobian(x)
    for suffix in (".h5", ".mat"):
        save(net, tmp_path / f"net{suffix}")
        again = nngrad.load(tmp_path / f"net{suffix}")
        z, K = again.value_and_jacobian(x)
        assert y.tobytes() == z.tobytes()
        assert J.tobytes() == K.tobytes()
        assert (again.input_names, again.output_names) == (net.input_names, net.output_names)


def test_all_of_them_were_here():
    assert len(DUMPS) >= 23
    assert len(EVERY) >= 100
