"""nngrad verify: words, JSON and exit codes; tables of any format, and the model's own file."""

import json

import numpy as np
import pytest


@pytest.fixture
def recorded(samples):
    return samples / "recorded.mat", samples / "recorded_x.csv", samples / "recorded_y.csv"


def test_recorded_outputs_as_tables(nngrad, recorded, tmp_path):
    model, x, y = recorded
    done = nngrad("verify", model, "-i", x, "--expect", y)
    assert (done.code, done.err) == (0, "")
    assert "net: reproduced: 12 samples\n  they agree to 1" in done.out
    np.save(tmp_path / "y.npy", np.loadtxt(y, delimiter=",", skiprows=1).T)
    turned = nngrad("verify", model, "-i", x, "--expect", tmp_path / "y.npy")
    assert turned.code == 0
    assert "the samples of the outputs stand in columns" in turned.out


def test_variables_of_the_same_file(nngrad, recorded):
    model = recorded[0]
    assert nngrad("verify", model, "-i", f"{model}:x", "--expect", f"{model}:y").code == 0
    missing = nngrad("verify", model, "-i", f"{model}:x", "--expect", f"{model}:z{{2}}")
    assert (missing.code, missing.out) == (4, "")
    assert "no array at z{2}" in missing.err


def test_found_in_the_model_itself(nngrad, recorded):
    done = nngrad("verify", recorded[0], "--find")
    assert done.code == 0
    assert done.lines[0].endswith("net: reproduced: 12 samples, inputs x, outputs y")


def test_a_mismatch_is_exit_1_with_its_reason(nngrad, recorded, tmp_path):
    model, x, y = recorded
    rows = np.loadtxt(y, delimiter=",", skiprows=1)
    np.save(tmp_path / "swapped.npy", rows[:, ::-1])
    done = nngrad("verify", model, "-i", x, "--expect", tmp_path / "swapped.npy")
    assert (done.code, done.err) == (1, "")
    assert "NOT REPRODUCED" in done.lines[0]
    assert "because: the recorded outputs are, in this order, y2, y1 (this reproduces them to 1" in done.out
    np.save(tmp_path / "other.npy", rows + np.random.default_rng(1).normal(size=rows.shape) * rows.std(axis=0))
    nothing = nngrad("verify", model, "-i", x, "--expect", tmp_path / "other.npy")
    assert nothing.code == 1
    assert "no hypothesis reproduces them" in nothing.out


def test_json(nngrad, recorded, tmp_path):
    model, x, y = recorded
    facts = json.loads(nngrad("verify", model, "-i", x, "--expect", y, "--json").out)
    assert facts["reproduced"] is True
    assert facts["networks"][0]["digits"] > 13
    assert [each["output"] for each in facts["networks"][0]["outputs_each"]] == ["y1", "y2"]
    (tmp_path / "nan.csv").write_text("y1,y2\n" + "nan,nan\n" * 12)
    assert json.loads(nngrad("verify", model, "-i", x, "--expect", tmp_path / "nan.csv", "--json").out)["reproduced"] is False
    assert json.loads(nngrad("verify", model, "--find", "--json").out)["networks"][0]["inputs"] == "x"


def test_wrong_usage(nngrad, recorded):
    model, x, y = recorded
    for options in ((), ("-i", x), ("--expect", y), ("--find", "-i", x)):
        assert nngrad("verify", model, *options).code == 2


def test_what_does_not_fit_is_exit_4(nngrad, fitnet, recorded):
    done = nngrad("verify", fitnet[0], "-i", fitnet[1], "--expect", recorded[2])
    assert (done.code, done.out) == (4, "")
    assert "the inputs hold 8 samples, the recorded outputs 12" in done.err
    nothing = nngrad("verify", fitnet[0], "--find")
    assert (nothing.code, nothing.out) == (4, "")
    assert "no two arrays of the file fit 3 inputs and 1 outputs" in nothing.err


def test_several_networks_are_all_looked_at(nngrad, samples):
    done = nngrad("verify", samples / "several.mat", "--find")
    assert done.code == 4
    assert "no two arrays" in done.err


def test_arrays_that_only_fit_by_size_are_not_called_wrong(nngrad, recorded, tmp_path):
    from scipy.io import loadmat, savemat

    stored = loadmat(recorded[0])
    r = np.random.default_rng(2)
    savemat(tmp_path / "model.mat", {"net": stored["net"], "p": stored["x"], "targets": r.normal(size=(2, 12))})
    done = nngrad("verify", tmp_path / "model.mat", "--find")
    assert done.code == 1
    assert "NOT FOUND: 1 pairs of arrays fit by size" in done.lines[0]


def test_what_went_wrong_is_found_in_the_model_itself_too(nngrad, recorded, tmp_path):
    from scipy.io import loadmat, savemat

    stored = loadmat(recorded[0])
    savemat(tmp_path / "model.mat", {"net": stored["net"], "x": stored["x"], "y": stored["y"][::-1]})
    done = nngrad("verify", tmp_path / "model.mat", "--find")
    assert done.code == 1
    assert "NOT REPRODUCED: 12 samples, inputs x, outputs y" in done.lines[0]
    assert "because: the recorded outputs are, in this order, y2, y1" in done.out
