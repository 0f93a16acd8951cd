"""Normalisation beside a network is said where names and lengths fit, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

import nngrad
from tests.makers import saved, script

THREE, ONE = np.array([1.0, 2.0, 3.0]), 2.0
PS = {
    "name": "mapminmax",
    "xrows": 3.0,
    "yrows": 3.0,
    "xmin": THREE.reshape(-1, 1),
    "xmax": 9 * THREE.reshape(-1, 1),
    "ymin": -1.0,
    "ymax": 1.0,
}
TS = PS | {"xrows": 1.0, "yrows": 1.0, "xmin": 0.0, "xmax": 9.0}
SAID = {  # variables beside a network of three inputs and one output -> the options that are offered
    "mean and deviation": ({"muX": THREE, "sdX": THREE}, ["--input-scaling zscore:muX,sdX"]),
    "underscores": ({"mean_x": THREE, "stddev_x": THREE}, ["--input-scaling zscore:mean_x,stddev_x"]),
    "words": ({"inputMin": THREE, "inputMax": 2 * THREE}, ["--input-scaling minmax:inputMin,inputMax"]),
    "no rest": ({"mu": THREE, "sig": THREE}, ["--input-scaling zscore:mu,sig"]),
    "columns": ({"mu": THREE.reshape(-1, 1), "sigma": THREE.reshape(-1, 1)}, ["--input-scaling zscore:mu,sigma"]),
    "premnmx": (
        {"minp": THREE, "maxp": 2 * THREE, "mint": ONE, "maxt": 9.0},
        ["minmax:minp,maxp", "--output-scaling minmax:mint,maxt"],
    ),
    "prestd": ({"meanp": THREE, "stdp": THREE}, ["--input-scaling zscore:meanp,stdp"]),
    "outputs": ({"muY": ONE, "sdY": ONE}, ["--output-scaling zscore:muY,sdY"]),
    "one number for all inputs": ({"x_mean": ONE, "x_std": ONE}, ["--input-scaling zscore:x_mean,x_std"]),
    "one series": ({"mu": ONE, "sig": ONE}, ["--input-scaling zscore:mu,sig or --output-scaling zscore:mu,sig"]),
    "in a struct": ({"norm": {"mu": THREE, "sigma": THREE}}, ["--input-scaling zscore:norm.mu,norm.sigma"]),
    "scikit-learn": (
        {"scaler": {"mean_": THREE, "scale_": THREE, "var_": THREE**2}},
        ["zscore:scaler.mean_,scaler.scale_"],
    ),
    "settings": ({"PS": PS, "TS": TS}, ["--input-scaling mapminmax:PS", "--output-scaling mapminmax:TS"]),
    "settings by other names": (
        {"inputps": PS, "outputps": TS},
        ["mapminmax:inputps", "--output-scaling mapminmax:outputps"],
    ),
    "settings of an output": ({"ps_output": TS}, ["--output-scaling mapminmax:ps_output"]),
    "settings of mapstd": (
        {"ps_input": PS | {"name": "mapstd", "xmean": THREE, "xstd": THREE}},
        ["--input-scaling mapstd:ps_input"],
    ),
}
QUIET = {
    "training data": {
        "X": np.ones((50, 3)),
        "Y": np.ones((50, 1)),
        "xtrain": np.ones((3, 50)),
        "ytest": np.ones((1, 3)),
    },
    "other lengths": {"muX": np.ones(4), "sdX": np.ones(4)},
    "one of a pair": {"mu": THREE},
    "different lengths": {"muX": THREE, "sdX": ONE},
    "no pair": {"muX": THREE, "sdY": THREE},
    "matrices": {"muX": np.ones((3, 3)), "sdX": np.ones((3, 3))},
    "longer words": {"music": THREE, "signal": THREE, "minutes": THREE, "maximal": THREE},
    "results of a fit": {"results": {"mean": ONE, "std": ONE}},
    "settings of another network": {"other_ps": PS | {"xrows": 7.0, "yrows": 7.0}},
    "results of training": {"mean_time": THREE, "std_time": THREE, "min_perf": THREE, "max_perf": THREE},
    "text": {"mu": "a", "sig": "b"},
    "numbers of a plot": {"xmin": np.ones(5), "xmax": np.ones(5)},
}


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return script("make_matlab_networks").Samples(tmp_path_factory.mktemp("net")).fit()[0]


@pytest.mark.parametrize("name", SAID)
def test_said(tmp_path, net, name):
    variables, options = SAID[name]
    doubts = nngrad.load(saved(tmp_path, net=net, **variables)).origin.doubts
    assert len(doubts) == len(options)
    for text, option in zip(doubts, options, strict=True):
        assert option in text
        assert " beside the network: if it was trained on " in text
        assert len(text) < 300


@pytest.mark.parametrize("name", SAID)
def test_what_is_offered_can_be_done_and_settles_it(tmp_path, net, name):
    variables, options = SAID[name]
    path = saved(tmp_path, net=net, **variables)
    told = {}
    for option in options:
        kind = "output_scaling" if "--output" in option and "--input" not in option else "input_scaling"
        told[kind] = option.split("-scaling ")[-1]
    assert nngrad.load(path, **told).origin.doubts == ()


@pytest.mark.parametrize("name", QUIET)
def test_not_said(tmp_path, net, name):
    assert nngrad.load(saved(tmp_path, net=net, **QUIET[name])).origin.doubts == ()


def test_what_stands_inside_the_network_is_its_own(tmp_path, net):
    inside = net.copy()
    inside[0, 0]["userdata"] = {"mu": THREE, "sigma": THREE}
    assert nngrad.load(saved(tmp_path, net=inside)).origin.doubts == ()


def test_what_lies_beside_plain_weights_is_named_once(tmp_path):
    weights = {"W1": np.ones((4, 3)), "b1": np.ones(4), "W2": np.ones((1, 4)), "b2": 1.0}
    data = {"X": np.ones((99, 3)), "Y": np.ones((1, 99)), "training": np.ones((99, 1)), "author": "me"}
    path = saved(tmp_path, **weights, mu=THREE, sigma=THREE, gamma=THREE, **data)
    first, second = nngrad.load(path, activation=["tanh", "linear"]).origin.doubts
    assert "--input-scaling zscore:mu,sigma" in first
    assert "not used: gamma;" in second
