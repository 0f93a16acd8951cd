"""nngrad check: verdicts in words, in JSON and in exit codes."""

import json

import numpy as np
import pytest

import nngrad as library
from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise
from nngrad.core.network import Network
from tests.proofs.test_check import part

NAMES = (
    "cascade",
    "constant_rows",
    "fitnet",
    "hard_limit",
    "narx",
    "nested",
    "old_version",
    "patternnet",
    "rbf",
    "two_inputs",
)


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_model_passes(nngrad, samples, name):
    done = nngrad("check", samples / f"{name}.mat", "--hessian")
    assert (done.code, done.err) == (0, "")
    assert done.lines[0].endswith("the derivatives agree (10 points, seed 1)")
    given = nngrad("check", samples / f"{name}.mat", "-i", samples / f"{name}_x.csv", "--method", "differences")
    assert (given.code, given.trouble) == (0, "")
    assert "extrapolated differences" in given.out


def test_a_difference_is_exit_1_and_says_where(nngrad, patternnet, monkeypatch):
    right = Network.jacobian
    monkeypatch.setattr(
        Network, "jacobian", lambda self, x, of=None, wrt=None: part(right(self, x) * [1, 1, 1.5, 1], of, wrt)
    )
    done = nngrad("check", patternnet[0])
    assert (done.code, done.err) == (1, "")
    assert "THE DERIVATIVES DIFFER" in done.lines[0]
    wrong = [line for line in done.lines if "WRONG" in line]
    assert len(wrong) == 3
    assert all("x3" in line and "should be" in line for line in wrong)


def test_json(nngrad, fitnet):
    done = nngrad("check", fitnet[0], "-i", fitnet[1], "--json", "--hessian")
    facts = json.loads(done.out)
    assert done.code == 0
    assert (facts["passed"], facts["model"]) == (True, str(fitnet[0]))
    assert facts["points"] == len(np.genfromtxt(fitnet[1], delimiter=",", skip_header=1))
    assert [c["what"] for c in facts["checks"]] == ["y", "J", "J otherwise", "J v", "w' J", "H"]
    assert set(facts["checks"][0]["outputs"][0]) == {
        "output",
        "absolute",
        "relative",
        "row",
        "inputs",
        "ours",
        "theirs",
        "compared",
        "at_kinks",
    }


def test_other_points(nngrad, fitnet):
    assert "3 points, seed 7" in nngrad("check", fitnet[0], "--points", "3", "--seed", "7").lines[0]
    assert nngrad("check", fitnet[0], "-i", "nothing.csv").code == 4


def test_rows_of_infinities_are_left_out_and_said(nngrad, fitnet, tmp_path):
    (tmp_path / "x.csv").write_text("speed,throttle,temperature\n3000,70,270\n3000,inf,270\n")
    done = nngrad("check", fitnet[0], "-i", tmp_path / "x.csv")
    assert done.code == 0
    assert "1 of 2 points: x or a number within the network is infinite" in done.err
    (tmp_path / "x.csv").write_text("speed,throttle,temperature\n3000,inf,270\n")
    assert nngrad("check", fitnet[0], "-i", tmp_path / "x.csv").code == 4


def test_no_rows_prove_nothing(nngrad, fitnet, tmp_path):
    (tmp_path / "x.csv").write_text("speed,throttle,temperature\n")
    done = nngrad("check", fitnet[0], "-i", tmp_path / "x.csv")
    assert (done.code, done.out) == (4, "")
    assert "has no rows to check at" in done.err


def saved(path, *layers):
    library.save(library.Network.chain(layers), path)
    return path


def test_infinite_weights_are_no_difference_and_no_proof(nngrad, tmp_path):
    tanh = Elementwise(BY_NAME["tansig"])
    model = saved(tmp_path / "m.h5", Affine(np.array([[1.0, np.inf], [1.0, 2.0]]), np.zeros(2)), tanh)
    done = nngrad("check", model)
    assert (done.code, done.out) == (4, "")
    assert "10 of 10 points: x or a number within the network is infinite" in done.err


def test_points_where_sums_overflow_are_left_out(nngrad, tmp_path):
    model = saved(tmp_path / "m.h5", Affine(np.array([[1.0, 1.0]]), np.zeros(1)), Elementwise(BY_NAME["tansig"]))
    (tmp_path / "x.csv").write_text("x1,x2\n1e308,1e308\n0.1,0.2\n")
    done = nngrad("check", model, "-i", tmp_path / "x.csv")
    assert done.code == 0
    assert "1 of 2 points" in done.err


def test_zeros_alone_are_said_to_prove_little(nngrad, tmp_path):
    model = saved(tmp_path / "m.h5", Affine(np.array([[1e9, 1e9]]), np.ones(1)), Elementwise(BY_NAME["tansig"]))
    (tmp_path / "x.csv").write_text("x1,x2\n1,2\n3,4\n")
    done = nngrad("check", model, "-i", tmp_path / "x.csv")
    assert done.code == 0
    assert "every derivative is 0 at these points, so this says little" in done.lines[1]
    assert json.loads(nngrad("check", model, "-i", tmp_path / "x.csv", "--json").out)["checks"][1]["all_zero"] is True
    (tmp_path / "x.csv").write_text("x1,x2\n1e-9,0\n")
    assert "says little" not in nngrad("check", model, "-i", tmp_path / "x.csv").out
