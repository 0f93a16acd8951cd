"""Inputs of integer types at the command line: which row has a fraction, wherever in the file it
is, and nothing is computed with it.
"""

import numpy as np
import pytest

from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise
from nngrad.core.network import Network
from nngrad.core.ports import Port
from nngrad.own_format.encode import save


@pytest.fixture
def model(tmp_path):
    layers = [Affine(np.array([[0.5, -1.0], [0.25, 2.0]]), np.zeros(2)), Elementwise(BY_NAME["tansig"])]
    ports = (Port("count", ("n",), integer="int32"), Port("x", ("x",)))
    save(Network.chain(layers, inputs=ports), tmp_path / "net.h5")
    return tmp_path / "net.h5"


@pytest.mark.parametrize("command", ["predict", "jacobian"])
@pytest.mark.parametrize("row", [1, 2, 20_000])
def test_the_row_with_a_fraction_is_named(nngrad, tmp_path, model, command, row):
    rows = np.ones((20_000, 2))
    rows[:, 1] = 0.5  # the other input is real
    rows[row - 1 :, 0] = 2.5
    np.save(tmp_path / "x.npy", rows)
    done = nngrad(command, model, "-i", tmp_path / "x.npy", "-o", tmp_path / "out.npy")
    assert done.code == 4
    assert done.err == (
        f"nngrad: {tmp_path / 'x.npy'}: row {row}: n is 2.5; the model casts it to int32: "
        "whole numbers from -2.14748e+09 to 2.14748e+09 only\n"
    )
    assert not (tmp_path / "out.npy").exists()


def test_whole_numbers_are_computed_as_they_are(nngrad, tmp_path, model):
    (tmp_path / "x.csv").write_text("x,n\n0.5,3\n-0.25,-2\n")
    done = nngrad("predict", model, "-i", tmp_path / "x.csv")
    x = np.array([[3.0, 0.5], [-2.0, -0.25]])
    expected = np.tanh(x @ np.array([[0.5, -1.0], [0.25, 2.0]]).T)
    np.testing.assert_allclose([[float(v) for v in line.split(",")] for line in done.lines[1:]], expected, rtol=1e-15)
    assert done.code == 0


@pytest.mark.parametrize("target", ["matlab", "c", "python"])
def test_code_is_refused_that_would_take_fractions(nngrad, model, target):
    done = nngrad("emit", model, "--to", target)
    assert (done.code, done.out) == (3, "")
    assert "n: take whole numbers only, which emitted code can't insist on" in done.err
