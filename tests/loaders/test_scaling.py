"""Scalings outside of the network: values and Jacobians against the same arithmetic by hand,
arguments from everywhere, refusals.
"""

from __future__ import annotations

import dataclasses
import os

import h5py
import numpy as np
import pytest
from scipy.io import savemat

import nngrad
from nngrad.loaders.scaling import KINDS
from tests.makers import SAMPLES, saved, script

R = np.random.default_rng(3)
W1, b1, W2, b2 = R.normal(size=(4, 3)), R.normal(size=(4, 1)), R.normal(size=(2, 4)), R.normal(size=(2, 1))
WEIGHTS = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
MU, SD, LOW, HIGH = (
    np.array([10.0, -3.0, 500.0]),
    np.array([2.0, 0.5, 40.0]),
    np.array([0.0, -5.0, 1.0]),
    np.array([4.0, 9.0, 1e3]),
)
MUY, SDY = np.array([7.0, -1.0]), np.array([0.25, 30.0])
X = MU + SD * R.normal(size=(5, 3))
ACTIVATION = ["tanh", "linear"]


def settings(name: str, **values) -> dict:
    rows = float(np.size(next(iter(values.values()))))
    columns = {key: np.reshape(value, (-1, 1)) if np.ndim(value) else float(value) for key, value in values.items()}
    return {"name": name, "xrows": rows, "yrows": rows, "no_change": 0.0, **columns}


PS = settings("mapminmax", xmin=LOW, xmax=HIGH, xoffset=LOW, gain=2 / (HIGH - LOW), ymin=-1.0, ymax=1.0)
SS = settings("mapstd", xmean=MU, xstd=SD, ymean=0.0, ystd=1.0)
TS = settings("mapminmax", xmin=MUY, xmax=MUY + SDY, xoffset=MUY, gain=2 / SDY, ymin=-1.0, ymax=1.0)
BESIDE = {
    "muX": MU,
    "sdX": SD.reshape(-1, 1),
    "lo": LOW,
    "hi": HIGH,
    "PS": PS,
    "SS": SS,
    "TS": TS,
    "muY": MUY,
    "norm": {"sd": SDY},
    "three": 3.0,
}


def plain(x):
    return np.tanh(x @ W1.T + b1.T) @ W2.T + b2.T, (W2 * (1 - np.tanh(x @ W1.T + b1.T)[:, None, :] ** 2)) @ W1


def zscore(mu, sd):
    return 1 / np.broadcast_to(sd, (3,)), lambda x: (x - mu) / sd


def minmax(low, high, a=0.0, b=1.0):
    return (b - a) / (high - low), lambda x: a + (x - low) * (b - a) / (high - low)


INPUT = {
    "zscore:muX,sdX": zscore(MU, SD),
    "zscore: muX , sdX ": zscore(MU, SD),
    "zscore:10;-3;500,2;0.5;4e1": zscore(MU, SD),
    "zscore:1,300": zscore(1.0, 300.0),
    "zscore:muX,three": zscore(MU, 3.0),
    "ZSCORE:muX,sdX": zscore(MU, SD),
    "minmax:lo,hi": minmax(LOW, HIGH),
    "minmax:lo,hi,-1,1": minmax(LOW, HIGH, -1.0, 1.0),
    "minmax:0;0;0,hi,0.1,0.9": minmax(np.zeros(3), HIGH, 0.1, 0.9),
    "mapminmax:PS": minmax(LOW, HIGH, -1.0, 1.0),
    "mapstd:SS": zscore(MU, SD),
}


@pytest.mark.parametrize("spec", INPUT)
def test_inputs(tmp_path, spec):
    slope, scale = INPUT[spec]
    net = nngrad.load(saved(tmp_path, **WEIGHTS, **BESIDE), activation=ACTIVATION, input_scaling=spec)
    y, J = plain(scale(X))
    np.testing.assert_allclose(net(X), y, rtol=1e-12)
    np.testing.assert_allclose(net.jacobian(X), J * slope, rtol=1e-11)
    assert any(line.startswith("x: ") and "--input-scaling" in line for line in net.origin.processing)


OUTPUT = {
    "zscore:muY,norm.sd": (SDY, lambda y: y * SDY + MUY),
    "zscore:5,2": (np.full(2, 2.0), lambda y: y * 2.0 + 5.0),
    "minmax:1;2,3;6": (np.array([2.0, 4.0]), lambda y: np.array([1.0, 2.0]) + y * [2.0, 4.0]),
    "minmax:1;2,3;6,-1,1": (np.array([1.0, 2.0]), lambda y: np.array([1.0, 2.0]) + (y + 1) * [1.0, 2.0]),
    "mapminmax:TS": (SDY / 2, lambda y: (y + 1) * SDY / 2 + MUY),
}


@pytest.mark.parametrize("spec", OUTPUT)
def test_outputs(tmp_path, spec):
    slope, unscale = OUTPUT[spec]
    path = saved(tmp_path, **WEIGHTS, **BESIDE)
    net = nngrad.load(path, activation=ACTIVATION, input_scaling="zscore:muX,sdX", output_scaling=spec)
    y, J = plain((X - MU) / SD)
    np.testing.assert_allclose(net(X), unscale(y), rtol=1e-12)
    np.testing.assert_allclose(net.jacobian(X), slope[:, None] * J / SD, rtol=1e-11)


def test_arrays_in_python_and_other_files_are_the_same_as_variables(tmp_path):
    path = saved(tmp_path, **WEIGHTS, **BESIDE)
    savemat(tmp_path / "other.mat", {"s": {"mu": MU}})
    np.savez(tmp_path / "z.npz", sd=SD)
    np.save(tmp_path / "mu.npy", MU)
    (tmp_path / "sd.csv").write_text("2\n0.5\n40\n")
    (tmp_path / "row.csv").write_text("2, 0.5, 40\n")
    with h5py.File(tmp_path / "h.h5", "w") as file:
        file["group/sd"] = SD
    expected = nngrad.load(path, activation=ACTIVATION, input_scaling="zscore:muX,sdX")(X)
    p = tmp_path
    specs = [
        ("zscore", MU, SD),
        ("zscore", MU.tolist(), "sdX"),
        f"zscore:{p}/other.mat:s.mu,{p}/z.npz:sd",
        f"zscore:{p}/mu.npy,{p}/sd.csv",
    ]
    for spec in (*specs, f"zscore:{p}/mu.npy,{p}/row.csv", f"zscore:muX,{p}/h.h5:group/sd"):
        np.testing.assert_array_equal(nngrad.load(path, activation=ACTIVATION, input_scaling=spec)(X), expected)


REFUSED = {
    "zscore:muX": "two arguments",
    "zscore:muX,sdX,muX": "two arguments",
    "muX,sdX": "not a scaling",
    "zscore:": "not a scaling",
    "": "not a scaling",
    "robust:muX,sdX": "no scaling 'robust'",
    "zscore:muY,sdX": "muY has 1x2 numbers; give 3",
    "zscore:muX,nowhere": "there is no 'nowhere' in the file; there is W1",
    "zscore:muX,2;0;1": "not above 0 for x2",
    "zscore:muX,-1": "not above 0",
    "zscore:muX,nan": "NaN",
    "zscore:W1,sdX": "W1 has 4x3 numbers",
    "zscore:muX(1),sdX": "no 'muX",
    "zscore:PS,sdX": "PS is no array",
    "minmax:lo,lo": "are the same for x1",
    "minmax:lo,hi,1,1": "A and B are the same",
    "minmax:lo,hi,1": "two or four",
    "mapminmax:muX": "no struct of settings",
    "mapminmax:SS": "settings of mapstd",
    "mapminmax:TS": "must fit 3 columns",
    "mapstd:SS,SS": "one argument",
    "zscore:muX,nowhere.mat:sd": "no such file",
    "zscore:nowhere.npy,sdX": "nowhere.npy: can't be read",
    "zscore:0,1e-320": "not above 0",
    "minmax:0,1e-320": "are the same",
}


@pytest.mark.parametrize("spec", REFUSED)
def test_what_does_not_fit_is_refused_by_name(tmp_path, spec):
    with pytest.raises(nngrad.UsageError) as error:
        nngrad.load(saved(tmp_path, **WEIGHTS, **BESIDE), activation=ACTIVATION, input_scaling=spec)
    message = str(error.value).removeprefix(str(tmp_path))
    assert REFUSED[spec] in message
    assert "--input-scaling" in message
    assert len(message) < 330


def test_a_pickle_is_never_opened(tmp_path):
    np.save(tmp_path / "mu.npy", np.array([os.system], object), allow_pickle=True)
    with pytest.raises(nngrad.UsageError, match=r"mu\.npy: can't be read"):
        nngrad.load(saved(tmp_path, **WEIGHTS), activation=ACTIVATION, input_scaling=f"zscore:{tmp_path}/mu.npy,1")


def test_every_kind_is_tried():
    assert {spec.partition(":")[0].lower() for spec in INPUT} == set(KINDS)


def test_a_constant_row_is_left_as_mapminmax_leaves_it(tmp_path):
    high = np.where(np.arange(3) == 1, LOW.ravel(), HIGH.ravel()).reshape(-1, 1)
    with np.errstate(divide="ignore"):
        ps = PS | {"xmax": high, "gain": 2 / (high - LOW.reshape(-1, 1)), "xoffset": LOW.reshape(-1, 1)}
    net = nngrad.load(saved(tmp_path, **WEIGHTS, PS=ps), activation=ACTIVATION, input_scaling="mapminmax:PS")
    low, span = LOW.ravel(), (HIGH - LOW).ravel()
    scaled = np.where(np.arange(3) == 1, X, 2 * (X - low) / span - 1)
    np.testing.assert_allclose(net(X), plain(scaled)[0], rtol=1e-12)


def test_training_ranges_come_in_raw_units(tmp_path):
    fit = nngrad.load(SAMPLES / "fitnet.mat")
    (port,) = fit.inputs
    net = nngrad.load(
        SAMPLES / "fitnet.mat", input_scaling=("zscore", [1.0, 2.0, 3.0], [10.0, 1.0, 0.5]), output_scaling="minmax:5,3"
    )
    np.testing.assert_allclose(net.inputs[0].lower, [1.0, 2.0, 3.0] + port.lower * [10.0, 1.0, 0.5])
    np.testing.assert_allclose(net.inputs[0].upper, [1.0, 2.0, 3.0] + port.upper * [10.0, 1.0, 0.5])
    np.testing.assert_allclose(net.outputs[0].lower, 5 - 2 * fit.outputs[0].upper)  # a range that is turned round
    np.testing.assert_allclose(net.outputs[0].upper, 5 - 2 * fit.outputs[0].lower)


def test_settings_tell_the_range_where_nothing_else_does(tmp_path):
    net = nngrad.load(saved(tmp_path, **WEIGHTS, PS=PS), activation=ACTIVATION, input_scaling="mapminmax:PS")
    np.testing.assert_array_equal((net.inputs[0].lower, net.inputs[0].upper), (LOW, HIGH))
    assert net.outputs[0].lower is None


def test_delayed_inputs_are_scaled_at_every_tap_and_states_never(tmp_path):
    """A closed loop: columns x1(t), x2(t), x1(t-2), x2(t-2), and the states a1_1(t-1), a1_2(t-1)
    in the network's own units.
    """
    made = script("make_matlab_networks")
    port = made.port("p", 2, 2, [], np.tile([-1.0, 1.0], (2, 1)), feedbackMode="none")
    first = {
        "size": 2,
        "transfer": "tansig",
        "b": R.normal(size=2),
        "IW": {0: R.normal(size=(2, 4))},
        "LW": {0: R.normal(size=(2, 2))},
    }
    first["delays"] = {("IW", 0): [0, 2], ("LW", 0): [1]}
    path = saved(tmp_path, net=made.network("made", [port], [first], {0: port}), muX=[5.0, 6.0], sdX=[2.0, 4.0])
    net = nngrad.load(path)
    assert "--input-scaling zscore:muX,sdX" in net.origin.doubts[0]
    assert net.input_names == ("x1(t)", "x2(t)", "x1(t-2)", "x2(t-2)", "a1_1(t-1)", "a1_2(t-1)")
    x = R.normal(size=(3, 6))
    raw = x * [2, 4, 2, 4, 1, 1] + [5, 6, 5, 6, 0, 0]
    np.testing.assert_allclose(nngrad.load(path, input_scaling="zscore:muX,sdX")(raw), net(x), rtol=1e-12)
    each = nngrad.load(path, input_scaling=("zscore", [5, 6, 5, 6, 0, 0], [2, 4, 2, 4, 1, 1]))
    np.testing.assert_allclose(each(raw), net(x), rtol=1e-12)


@pytest.mark.parametrize("suffix", [".h5", ".mat"])
def test_convert_keeps_the_scaling(tmp_path, suffix):
    path = saved(tmp_path, **WEIGHTS, **BESIDE)
    net = nngrad.load(path, activation=ACTIVATION, input_scaling="zscore:muX,sdX", output_scaling="mapminmax:TS")
    nngrad.save(net, tmp_path / f"net{suffix}")
    again = nngrad.load(tmp_path / f"net{suffix}")
    assert again(X).tobytes() == net(X).tobytes()
    assert again.jacobian(X).tobytes() == net.jacobian(X).tobytes()
    assert again.origin.processing == net.origin.processing
    assert again.origin.doubts == ()


def test_an_object_with_its_own_processing_takes_another_in_front(tmp_path):
    made = script("make_matlab_networks")
    net, x, _ = made.Samples(tmp_path).fit()
    path = saved(tmp_path, net=net, mu=[1.0, 2.0, 3.0], sig=[2.0, 2.0, 4.0])
    x = np.asarray(x)[:4]
    inner, outer = nngrad.load(path), nngrad.load(path, input_scaling="zscore:mu,sig")
    np.testing.assert_allclose(outer(x * [2, 2, 4] + [1, 2, 3]), inner(x), rtol=1e-12)
    assert inner.origin.doubts
    assert not outer.origin.doubts
    assert dataclasses.replace(outer.origin, processing=(), doubts=()) == dataclasses.replace(
        inner.origin, processing=(), doubts=()
    )
