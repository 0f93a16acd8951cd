"""Normalisation outside of the network, from the command line: said wherever numbers are written,
applied when asked.
"""

import numpy as np
import pytest

import nngrad as library
from tests.makers import saved

WEIGHTS = {
    "W1": np.array([[0.5, -1.0], [2.0, 0.25]]),
    "b1": np.array([0.1, -0.2]),
    "W2": np.array([[1.0, -3.0]]),
    "b2": 0.5,
}
BESIDE = {"muX": np.array([10.0, 200.0]), "sdX": np.array([2.0, 50.0]), "muY": 5.0, "sdY": 4.0}
TOLD = ("--activation", "tanh,linear", "--weights", "out-by-in")
SCALED = ("--input-scaling", "zscore:muX,sdX", "--output-scaling", "zscore:muY,sdY")


@pytest.fixture
def model(tmp_path):
    return saved(tmp_path, **WEIGHTS, **BESIDE)


@pytest.mark.parametrize("command", ["predict", "jacobian", "hessian", "gradient", "check", "emit"])
def test_said_by_every_command_that_writes_numbers(nngrad, model, command):
    more = {"emit": ("--to", "python"), "check": (), "gradient": ("--scalar", "y1")}.get(command, ())
    done = nngrad(command, model, *TOLD, *more, stdin=b"10,200\n")
    assert (done.code, done.err.count(" beside the network: if it was trained on ")) == (0, 2)
    assert "--output-scaling zscore:muY,sdY" in done.err
    settled = nngrad(command, model, *TOLD, *SCALED, *more, stdin=b"10,200\n")
    assert (settled.code, settled.err) == (0, "")


def test_raw_units_on_both_sides(nngrad, model, tmp_path):
    x = np.array([12.0, 150.0])
    h = np.tanh(WEIGHTS["W1"] @ ((x - BESIDE["muX"]) / BESIDE["sdX"]) + WEIGHTS["b1"])
    y = (WEIGHTS["W2"] @ h + WEIGHTS["b2"]) * BESIDE["sdY"] + BESIDE["muY"]
    J = BESIDE["sdY"] * WEIGHTS["W2"] @ np.diag(1 - h**2) @ WEIGHTS["W1"] / BESIDE["sdX"]
    row = b"12,150\n"
    assert np.allclose(float(nngrad("predict", model, *TOLD, *SCALED, stdin=row).lines[1]), y, rtol=1e-14)
    written = [float(cell) for cell in nngrad("jacobian", model, *TOLD, *SCALED, stdin=row).lines[1].split(",")]
    assert np.allclose(written, J[0], rtol=1e-13)
    assert nngrad("convert", model, *TOLD, *SCALED, tmp_path / "net.h5").code == 0
    assert (
        nngrad("predict", tmp_path / "net.h5", stdin=row).lines
        == nngrad("predict", model, *TOLD, *SCALED, stdin=row).lines
    )
    assert "zscore with muX, sdX" in nngrad("info", tmp_path / "net.h5").out


def test_a_wrong_scaling_is_wrong_usage(nngrad, model):
    done = nngrad("predict", model, *TOLD, "--input-scaling", "zscore:muX,sd", stdin=b"1,2\n")
    assert (done.code, done.out) == (2, "")
    assert (
        "--input-scaling zscore:muX,sd: there is no 'sd' in the file; there is W1, b1, W2, b2, muX, sdX and 2 more"
        in done.err
    )


def test_emitted_code_takes_raw_units(nngrad, model, tmp_path):
    assert nngrad("emit", model, *TOLD, *SCALED, "--to", "python", "-o", tmp_path / "made.py").code == 0
    names: dict = {}
    exec((tmp_path / "made.py").read_text(), names)
    net = library.load(
        model, activation=["tanh", "linear"], weights="out-by-in", input_scaling=SCALED[1], output_scaling=SCALED[3]
    )
    x = np.array([[12.0, 150.0]])
    np.testing.assert_allclose(names["f"](x), net(x), rtol=1e-13)
    np.testing.assert_allclose(names["jacobian"](x), net.jacobian(x), rtol=1e-13)
