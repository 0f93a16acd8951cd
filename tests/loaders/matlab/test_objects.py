"""Sample models in MATLAB's store of objects: bytes to network, against the same networks as
plain functions; the script remakes them.
"""

import numpy as np
import pytest

import nngrad
from nngrad.loaders import candidates, containers
from tests.makers import SAMPLES, script
from tests.matlab_bytes import CLASSES, Bytes

OBJECTS = script("make_matlab_objects")
BYTES = Bytes()
NAMES = [make.__name__ for make in OBJECTS.SAMPLES]
CASES = [(make.__name__, path) for make in OBJECTS.SAMPLES for path in OBJECTS.made(make).formulas]


def sample(name):
    return OBJECTS.made(getattr(OBJECTS, name))


@pytest.mark.parametrize(("name", "path"), CASES, ids=["@".join(c) for c in CASES])
def test_sample_against_its_formula(name, path):
    net, formula = nngrad.load(SAMPLES / f"{name}.mat", path), sample(name).formulas[path]
    x = np.loadtxt(SAMPLES / f"{name}_x.csv", delimiter=",", skiprows=1)[:, : net.input_size]
    y, J = net.value_and_jacobian(x)
    assert y.shape == (8, net.output_size)
    for s in range(len(x)):
        np.testing.assert_allclose(y[s], formula(x[s]), rtol=1e-12)
        for i in range(net.input_size):
            step = formula(x[s] + 1e-30j * np.eye(net.input_size)[i]).imag / 1e-30
            np.testing.assert_allclose(J[s, :, i], step, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_the_networks_found_are_those_written(name):
    found = [c.path for c in candidates(containers.read(SAMPLES / f"{name}.mat"))]
    assert sorted(found) == sorted(sample(name).formulas)


def test_the_script_makes_the_files_that_are_there(tmp_path):
    OBJECTS.write(tmp_path)
    for path in sorted(tmp_path.glob("*_x.csv")):
        assert path.read_bytes() == (SAMPLES / path.name).read_bytes()
    for name in NAMES:
        made, kept = (containers.read(folder / f"{name}.mat") for folder in (tmp_path, SAMPLES))
        assert repr(sorted(made.variables)) == repr(sorted(kept.variables))
        for path in sample(name).formulas:
            one, other = nngrad.load(tmp_path / f"{name}.mat", path), nngrad.load(SAMPLES / f"{name}.mat", path)
            x = np.ones(one.input_size)
            np.testing.assert_allclose(
                one(x), other(x), rtol=1e-6
            )  # least squares differ in the last bits between machines


def test_names_and_ranges():
    assert nngrad.load(SAMPLES / "series_classifier.mat").output_names == ("setosa", "versicolor", "virginica")
    assert nngrad.load(SAMPLES / "series_classifier.mat").origin.network == "trained.net"
    net = nngrad.load(SAMPLES / "fitrnet.mat")
    assert net.input_names == ("inflow", "level", "valve")
    assert net.output_names == ("later",)
    assert 0 <= net.inputs[0].lower[0] < net.inputs[0].upper[0] <= 20
    assert [p.name for p in nngrad.load(SAMPLES / "rl_agent.mat", "agent.Critic.Model_.Net").inputs] == [
        "angle",
        "torque",
    ]
    with pytest.raises(
        nngrad.NngradError, match=r"2 networks found \(agent.Critic.Model_.Net, agent.Actor.Model_.Net\); choose one"
    ):
        nngrad.load(SAMPLES / "rl_agent.mat")


def test_weights_that_are_no_numbers_make_no_warning(tmp_path):
    """Infinite, NaN, and a signalling NaN, which NumPy warns of when it is cast."""
    for value in (np.inf, np.nan, np.array([0x7F800001], "u4").view("f4")[0]):
        W = np.full((2, 3), value, "f4")
        layers = [
            OBJECTS.features("x", 3),
            OBJECTS.dense("a", W, np.zeros(2)),
            OBJECTS.dense("b", np.zeros((1, 2)), np.zeros(1)),
        ]
        layers[1].fields["Weights"]["Value"] = W
        path = tmp_path / "made.mat"
        path.write_bytes(OBJECTS.mat_file({"net": OBJECTS.graph("dlnetwork", layers)}))
        y, J = nngrad.load(path).value_and_jacobian(np.ones(3))
        assert np.isnan(y).all()
        assert np.isnan(J).all()


def test_a_nan_in_an_array_of_integers_makes_no_warning(tmp_path):
    odd = BYTES.matrix(CLASSES["i4"], (1, 1), "n", BYTES.data([np.nan], "f8"))
    path = tmp_path / "made.mat"
    path.write_bytes(OBJECTS.mat_file({"net": OBJECTS.graph("dlnetwork", [OBJECTS.features("x", 3)])}) + odd)
    assert nngrad.load(path)([1.0, 2.0, 3.0]).tolist() == [1.0, 2.0, 3.0]
