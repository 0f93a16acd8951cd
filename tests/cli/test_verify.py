"""nngrad verify: words, JSON and exit codes; tables of any format, and the model's own file."""

import json

import h5py
import numpy as np
import pytest

import nngrad as library


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
    assert "has no variable z{2}" in missing.err


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


def test_one_number_that_was_not_recorded_is_said(nngrad, recorded, tmp_path):
    model, x, y = recorded
    lines = y.read_text().splitlines()
    (tmp_path / "y.csv").write_text("\n".join([*lines[:4], "NaN," + lines[4].split(",")[1], *lines[5:]]))
    done = nngrad("verify", model, "-i", x, "--expect", tmp_path / "y.csv")
    assert done.code == 0
    assert "1 of them not recorded" in done.out
    assert "None" not in done.out


def test_arrays_whose_names_have_dots_are_found(nngrad, recorded, tmp_path):
    net, x, y = library.load(recorded[0]), *(np.loadtxt(path, delimiter=",", skiprows=1) for path in recorded[1:])
    library.save(net, tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "a") as file:
        file["rec.x"], file["run 1.0/y.out"] = x, y
    done = nngrad("verify", tmp_path / "net.h5", "--find")
    assert done.code == 0, done.err
    assert "inputs rec.x', outputs run 1.0.y.out'" in done.lines[0]


def test_inputs_and_outputs_may_be_columns_of_one_table(nngrad, recorded, tmp_path):
    model, x, y = recorded
    rows = [
        f"{k},{a},{b}" for k, (a, b) in enumerate(zip(*(p.read_text().splitlines()[1:] for p in (x, y)), strict=True))
    ]
    (tmp_path / "run.csv").write_text("\n".join(["time,a,b,c,stress,deflection", *rows]))
    given = ("-i", tmp_path / "run.csv", "--columns", "a,b,c", "--expect", tmp_path / "run.csv")
    done = nngrad("verify", model, *given, "--expect-columns", "stress,deflection")
    assert done.code == 0
    assert [line.partition("run.csv: ")[2] for line in done.err.splitlines()] == [
        "columns taken in order: x1 = a, x2 = b, x3 = c",
        "columns taken in order: y1 = stress, y2 = deflection",
    ]
    turned = nngrad("verify", model, *given, "--expect-columns", "6,5")
    assert (turned.code, "in this order, y2, y1" in turned.out) == (1, True)
    refused = nngrad("verify", model, *given)
    assert (refused.code, "choose with --expect-columns" in refused.err) == (4, True)


def test_an_option_that_fits_one_of_the_two_tables_is_for_that_one(nngrad, recorded, tmp_path):
    model, x, y = recorded
    (tmp_path / "y.csv").write_text(y.read_text().replace(",", "|"))
    done = nngrad("verify", model, "-i", x, "--expect", tmp_path / "y.csv", "--delimiter", "|")
    assert done.code == 0
    assert "recorded_x.csv: can't be read with --delimiter, and is read without" in done.err
    (tmp_path / "bad.csv").write_text("y1,y2\n1,two\n")
    wrong = nngrad("verify", model, "-i", x, "--expect", tmp_path / "bad.csv", "--delimiter", ",")
    assert (wrong.code, "line 2" in wrong.err) == (4, True)


def test_json(nngrad, recorded, tmp_path):
    model, x, y = recorded
    facts = json.loads(nngrad("verify", model, "-i", x, "--expect", y, "--json").out)
    assert facts["reproduced"] is True
    assert facts["networks"][0]["digits"] > 13
    assert [each["output"] for each in facts["networks"][0]["outputs_each"]] == ["y1", "y2"]
    (tmp_path / "nan.csv").write_text("y1,y2\n" + "nan,nan\n" * 12)
    assert (
        json.loads(nngrad("verify", model, "-i", x, "--expect", tmp_path / "nan.csv", "--json").out)["reproduced"]
        is False
    )
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
