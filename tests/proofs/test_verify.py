"""verify names what happened to recorded numbers: every wrong hypothesis is planted, and found."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.io import loadmat

from nngrad import load
from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise, Place, Scale, Select
from nngrad.core.network import Network
from nngrad.errors import DataError
from nngrad.loaders import candidates, containers
from nngrad.proofs import verify as verifying
from nngrad.proofs.recordings import element_at, find_pairs
from nngrad.proofs.verify import DIGITS, agreement, processing, rescaled, verify
from tests.makers import SAMPLES, saved, script

NET = load(SAMPLES / "recorded.mat")
X = np.loadtxt(SAMPLES / "recorded_x.csv", delimiter=",", skiprows=1)
Y = np.loadtxt(SAMPLES / "recorded_y.csv", delimiter=",", skiprows=1)
PATTERN = load(SAMPLES / "patternnet.mat")
PX = np.loadtxt(SAMPLES / "patternnet_x.csv", delimiter=",", skiprows=1)


def explanation(net, x, y, others=()):
    found = verify(net, x, y, others)
    assert not found.reproduced
    assert found.explanation is not None, found
    return found.explanation


def normalised(x):
    """By the ranges of the sample's script, written out once more."""
    return 2 * (x - [10, -1, 0]) / [80, 2, 5] - 1


def core(u):
    """The sample's layers alone, without processing."""
    first, second = (node.layer for node in NET.layers if isinstance(node.layer, Affine))
    return np.tanh(u @ first.W.T + first.b) @ second.W.T + second.b


def raw(v):
    return (v + 1) * [2, 500] + [0, 200]


def test_recorded_outputs_are_reproduced():
    found = verify(NET, X, Y)
    assert found.reproduced
    assert found.agreement.digits > 13
    assert found.hypotheses == ()
    np.testing.assert_allclose(raw(core(normalised(X))), Y, rtol=1e-13)  # the helpers of this file say the same


@pytest.mark.parametrize(("x", "y"), [(X.T, Y.T), (X, Y.T), (X.T, Y)])
def test_samples_in_columns_are_understood(x, y):
    found = verify(NET, x, y)
    assert found.reproduced
    assert found.hypotheses[0].name == "samples in columns"


def test_samples_in_columns_of_square_tables():
    net = Network.chain(
        [Scale(np.ones(2), np.array([1.0, 2.0]), np.zeros(2)), Affine(np.array([[1.0, 2.0], [3.0, 5.0]]), np.zeros(2))],
        2,
    )
    x = np.array([[1.0, 2.5], [3.0, 4.7]])
    found = verify(net, x.T, net(x).T)
    assert found.reproduced
    assert "columns" in found.hypotheses[0].text


@pytest.mark.parametrize(
    ("y", "name"),
    [
        (raw(core(X)), "input processing skipped"),
        (core(normalised(X)), "output processing skipped"),
        (core(X), "all processing skipped"),
        (raw(core(normalised(normalised(X)))), "inputs normalised twice"),
        (raw(raw(core(normalised(X)))), "outputs un-normalised twice"),
        (Y[:, ::-1], "outputs in another order"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_happened_is_named(y, name):
    found = verify(NET, X, y)
    assert not found.reproduced
    assert found.explanation is not None
    assert found.explanation.name == name, found.hypotheses
    assert found.explanation.digits > 12


def test_inputs_that_were_normalised_already():
    assert explanation(NET, normalised(X), Y).name == "input processing skipped"
    assert "normalised already" in explanation(NET, normalised(X), Y).text


@pytest.mark.parametrize("order", [[1, 0, 2], [2, 0, 1], [2, 1, 0]])
def test_inputs_in_another_order(order):
    found = explanation(NET, X[:, order], Y)
    assert found.name == "inputs in another order"
    assert found.text.endswith(", ".join(f"x{i + 1}" for i in order))


def test_inputs_in_another_order_of_many():
    r = np.random.default_rng(3)
    net = Network.chain(
        [
            Affine(r.normal(size=(4, 12)), np.zeros(4)),
            Elementwise(BY_NAME["tansig"]),
            Affine(r.normal(size=(2, 4)), np.zeros(2)),
        ]
    )
    x = r.normal(size=(30, 12))
    for order in (list(range(12))[::-1], [*range(1, 12), 0], [0, 1, 7, 3, 4, 5, 6, 2, 8, 9, 10, 11]):
        assert explanation(net, x[:, order], net(x)).name == "inputs in another order"


def test_fewer_rows_because_of_a_delay():
    found = explanation(NET, X, Y[2:])
    assert found.name == "rows shifted"
    assert "row k of the outputs belongs to row k + 2" in found.text


def test_outputs_that_come_later():
    late = np.concatenate([np.full((2, 2), 7.0), Y[:-2]])
    found = explanation(NET, X, late)
    assert found.name == "rows shifted"
    assert "row k + 2 of the outputs belongs to row k" in found.text


@pytest.mark.parametrize(("x", "y"), [(X, Y[:9]), (X[:9], Y)])
def test_rows_missing_at_the_end_are_named(x, y):
    found = verify(NET, x, y)
    assert not found.reproduced
    assert found.explanation.name == "rows shifted"
    assert found.explanation.text.startswith("the first 9 rows of inputs and outputs belong to each other")


def test_another_network_of_the_file():
    r = np.random.default_rng(3)
    other = replace(
        NET,
        layers=tuple(
            replace(n, layer=Affine(r.normal(size=n.layer.W.shape), n.layer.b)) if isinstance(n.layer, Affine) else n
            for n in NET.layers
        ),
        origin=replace(NET.origin, network="best.net"),
    )
    found = explanation(NET, X, other(X), [other])
    assert found.name == "another network (best.net)"


def test_computed_in_single_precision():
    """Every layer rounded, as Keras and gpuArray(single) do."""
    u = normalised(X).astype(np.float32)
    layers = [
        (n.layer.W.astype(np.float32), n.layer.b.astype(np.float32)) for n in NET.layers if isinstance(n.layer, Affine)
    ]
    (W1, b1), (W2, b2) = layers
    y = raw((np.tanh(u @ W1.T + b1) @ W2.T + b2).astype(float))
    assert explanation(NET, X, y).name == "single precision"


def test_recorded_in_single_precision_is_reproduced():
    found = verify(NET, X, Y.astype(np.float32).astype(float))
    assert found.reproduced
    assert found.precision == "single precision"


def test_rounded_text_is_reproduced_to_what_it_holds():
    found = verify(NET, X, np.round(Y, 3))
    assert found.reproduced
    assert found.precision == "3 decimals of the outputs"
    five = np.array([[float(f"{v:.4e}") for v in row] for row in Y])
    assert verify(NET, X, five).reproduced
    both = verify(NET, np.round(X, 3), five)
    assert (both.reproduced, both.precision) == (True, "5 digits of the outputs, 3 decimals of the inputs")
    assert not verify(NET, np.round(X, 2), Y).reproduced  # the outputs are exact, so the inputs' rounding is no excuse
    assert not verify(NET, X, np.round(Y, 3) + np.array([0.05, 0.0])).reproduced


def test_labels_prove_no_precision():
    """Whole numbers are not rounded numbers: an output near 0 or 1 doesn't reproduce a label."""
    assert not verify(PATTERN, PX, np.round(PATTERN(PX))).reproduced


def test_numbers_of_nothing_are_not_explained():
    r = np.random.default_rng(1)
    found = verify(NET, X, Y + r.normal(size=Y.shape) * [1, 100])
    assert not found.reproduced
    assert found.explanation is None


@pytest.mark.parametrize("gain", [1e-250, 1e250])
def test_numbers_that_overflow_are_no_warnings(gain):
    """In single precision, and with the processing done twice."""
    net = Network.chain([*(node.layer for node in NET.layers), Scale(np.full(2, gain), np.zeros(2), np.zeros(2))], 3)
    y = net(X)
    assert verify(net, X, y).reproduced
    assert not verify(net, X, y * (1.0 + 1e-6 * np.random.default_rng(0).normal(size=y.shape))).reproduced
    assert verify(net, X, y[:, ::-1]).explanation.name == "outputs in another order"


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(
        DataError, match=r"inputs 12 x 2 and recorded outputs 12 x 2 don't fit a network of 3 inputs and 2 outputs"
    ):
        verify(NET, X[:, :2], Y)


def test_agreement_is_measured_against_the_spread():
    y = np.array([[1000.0], [1001.0]])
    assert agreement(y, y).digits == 16
    assert agreement(y + np.array([[0.0], [0.05]]), y).digits == pytest.approx(1.0)
    assert agreement(np.array([[np.nan], [1.0]]), np.array([[np.nan], [1.0]])).digits == 16
    assert agreement(np.array([[np.nan], [1.0]]), np.array([[2.0], [1.0]])).digits == 0
    worst = agreement(np.array([[1.0, 5.0], [2.0, 7.0]]), np.array([[1.0, 5.0], [2.0, 6.0]]))
    assert (worst.row, worst.output, worst.computed, worst.recorded) == (2, 1, 7.0, 6.0)


def test_processing_is_what_comes_before_and_after():
    assert processing(NET) == ((0,), (len(NET.layers) - 1,))
    net = load(SAMPLES / "constant_rows.mat")
    before, after = processing(net)
    assert all(isinstance(net.layers[k].layer, Scale) for k in (*before, *after))
    assert len(before) == len(after) == 1
    only = Network.chain([Select(np.array([1]), 2), Scale(*np.ones((3, 1))), Place(np.array([0]), np.zeros(2))], 2)
    assert processing(only) == ((1,), ())  # each scale is one of the two


def test_scales_applied_twice():
    twice = rescaled(NET, (), processing(NET)[0])
    np.testing.assert_allclose(twice(X), raw(core(normalised(normalised(X)))), rtol=1e-12)


# the same file


def made(folder, **more):
    m = script("make_matlab_networks")
    net = m.network(
        "Function Fitting Neural Network",
        [m.port("Input", 3, 3, [m.mapminmax([0, 0, 0], [1, 2, 3])], m.ranges([0, 0, 0], [1, 2, 3]))],
        [
            {
                "size": 2,
                "transfer": "tansig",
                "b": np.array([0.3, -0.2]),
                "IW": {0: np.array([[1.0, 2.0, -1.0], [0.5, -1.0, 1.5]])},
            }
        ],
        {0: m.port("Output", 2, 2, [], m.ranges([-1, -1], [1, 1]), feedbackMode="none")},
    )
    return saved(folder, net=net, **more)


def pairs_of(path, activation=None):
    tree = containers.read(path)
    (candidate,) = candidates(tree)
    return tree, find_pairs(tree, candidate, load(path, activation=activation), ())


def test_arrays_are_found_anywhere(tmp_path):
    x = np.random.default_rng(9).uniform(0, 3, (20, 3))
    y = load(made(tmp_path))(x)
    m = script("make_matlab_networks")
    run = m.struct(data=m.cell(np.ones((2, 2)), x), result=m.struct(y=y.T))
    steps = m.cell(*(row.reshape(-1, 1) for row in x))
    path = made(tmp_path, other=np.ones((3, 20)), run=run, steps=steps, wrong=y.T + 1)
    tree, pairs = pairs_of(path)
    good = [p for p in pairs if p.agreement.digits >= DIGITS]
    assert [(p.inputs, p.outputs, p.rows) for p in good] == [
        ("run.data{2}'", "run.result.y", 20),
        ("steps", "run.result.y", 20),
    ]
    assert {p.outputs for p in pairs} == {"run.result.y", "wrong"}
    np.testing.assert_array_equal(element_at(tree, "run.data{2}'"), x)
    np.testing.assert_array_equal(element_at(tree, "steps"), x)
    with pytest.raises(DataError, match=r"no array at run.nothing; the file has net, other, run, steps, wrong"):
        element_at(tree, "run.nothing")
    with pytest.raises(DataError, match="is no matrix"):
        element_at(tree, "run")


def steps(rows):
    """A cell of (signals, steps) with a number in each entry."""
    cell = np.empty(rows.T.shape, object)
    for place, value in np.ndenumerate(rows.T):
        cell[place] = np.array([[value]])
    return cell


def test_a_series_and_its_initial_states_give_the_taps_of_a_network_with_delays(tmp_path):
    """x, xi, y as preparets makes them and as MATLAB saves them: cells of steps; the right
    outputs come from taps cut by hand.
    """
    net = load(SAMPLES / "narx.mat")
    series = np.random.default_rng(3).uniform(0, 2, (30, 2))  # both inputs, step by step
    taps = np.array([[series[t - 1, 0], series[t - 2, 0], series[t - 1, 1], series[t - 2, 1]] for t in range(2, 30)])
    y = net(taps)
    path = saved(
        tmp_path, net=loadmat(SAMPLES / "narx.mat")["net"], x=steps(series[2:]), xi=steps(series[:2]), y=steps(y)
    )
    tree = containers.read(path)
    (candidate,) = candidates(tree)
    best = find_pairs(tree, candidate, load(path), ())[0]
    assert (best.inputs, best.outputs, best.rows) == ("x after xi", "y", 28)
    assert best.agreement.digits >= DIGITS


def test_a_nan_among_recorded_outputs_is_an_output_that_was_not_recorded():
    y = Y.copy()
    y[3, 1] = np.nan
    found = verify(NET, X, y)
    assert (found.reproduced, found.missing, found.agreement.digits > 13) == (True, 1, True)
    y[5, 0] += 1e-3 * np.ptp(Y[:, 0])
    assert not verify(NET, X, y).reproduced
    assert not verify(NET, X, np.full_like(Y, np.nan)).reproduced
    assert (
        agreement(np.array([[np.nan], [1.0]]), np.array([[1.0], [1.0]])).digits == 0.0
    )  # a NaN that was computed is a difference


def test_weights_of_the_network_are_no_data(tmp_path):
    _, pairs = pairs_of(made(tmp_path))
    assert pairs == []
    _, pairs = pairs_of(
        saved(tmp_path, W1=np.ones((4, 3)), b1=np.ones((4, 1)), W2=np.ones((2, 4)), b2=np.ones((2, 1))),
        ["tanh", "linear"],
    )
    assert pairs == []


def test_constant_outputs_come_last(tmp_path):
    x = np.random.default_rng(9).uniform(0, 3, (4, 3))
    y = load(made(tmp_path))(x)
    same = np.tile(x[:1], (6, 1))
    path = made(tmp_path, a=same.T, b=np.tile(y[:1], (6, 1)).T, c=x.T, d=y.T)
    _, pairs = pairs_of(path)
    assert [(p.inputs, p.constant) for p in pairs if p.agreement.digits >= DIGITS] == [("c", False), ("a", True)]


def test_every_hypothesis_has_a_planted_case():
    """The names that the code can give are those that the tests above plant."""
    text = (SAMPLES.parent / "tests" / "proofs" / "test_verify.py").read_text()
    r = np.random.default_rng(0)
    names = {h.name for h in verifying._hypotheses(NET, X, Y + 1e-6 * r.normal(size=Y.shape), ())}
    assert len(names) >= 8
    assert all(f'"{name}"' in text for name in names)
