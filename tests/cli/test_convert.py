"""`nngrad convert` writes a model that gives the same bytes; what goes wrong leaves nothing behind."""

import os

import pytest


@pytest.mark.parametrize("suffix", [".h5", ".mat"])
@pytest.mark.parametrize("name", ["fitnet", "patternnet", "narx", "two_inputs"])
def test_the_converted_model_gives_the_same_bytes(nngrad, samples, tmp_path, name, suffix):
    model, x, out = samples / f"{name}.mat", samples / f"{name}_x.csv", tmp_path / f"net{suffix}"
    assert nngrad("convert", model, out) == (0, "", nngrad("convert", model, out).err)
    for command in ("predict", "jacobian"):
        before, after = (nngrad(command, path, "-i", x, "--by", "order") for path in (model, out))
        assert before.code == after.code == 0
        assert before.out == after.out
        assert len(before.lines) > 2


def test_what_the_model_does_not_say_is_said_afterwards(nngrad, samples, tmp_path):
    model, out = samples / "dump_square.mat", tmp_path / "net.h5"
    asked = nngrad("convert", model, out)
    assert asked.code == 3
    assert "--activation tanh,linear" in asked.err
    assert not out.exists()
    told = ("--activation", "tanh,linear", "--weights", "in-by-out")
    assert nngrad("convert", model, out, *told).code == 0
    x = ("-i", samples / "dump_square_x.csv")
    assert nngrad("predict", out, *x).out == nngrad("predict", model, *x, *told).out
    assert nngrad("predict", out, *x).out != nngrad("predict", model, *x, *told[:2]).out


def test_notes_are_shown_unless_quiet(nngrad, samples, tmp_path):
    arguments = ("convert", samples / "dump_square.mat", tmp_path / "net.h5", "--activation", "tanh,linear")
    assert "W1, W2 are square" in nngrad(*arguments).err
    assert nngrad(*arguments, "--quiet").err == ""


def test_one_of_several_networks(nngrad, samples, tmp_path):
    out = tmp_path / "net.mat"
    refused = nngrad("convert", samples / "several.mat", out)
    assert (refused.code, os.listdir(tmp_path)) == (3, [])
    assert "net1, values.net" in refused.err
    assert nngrad("convert", samples / "several.mat", out, "--network", "values.net").code == 0
    assert "7 units" in nngrad("info", out).out


@pytest.mark.parametrize(
    ("out", "code", "words"),
    [
        ("net.txt", 2, "networks are written as .h5 or .mat"),
        ("no/net.h5", 4, "doesn't exist"),
        ("fitnet.mat", 2, "is the model itself"),
    ],
)
def test_a_place_that_will_not_do(nngrad, samples, tmp_path, out, code, words):
    model = tmp_path / "fitnet.mat"
    model.write_bytes((samples / "fitnet.mat").read_bytes())
    done = nngrad("convert", model, tmp_path / out)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert done.err.count("\n") == 1
    assert os.listdir(tmp_path) == ["fitnet.mat"]
    assert model.read_bytes() == (samples / "fitnet.mat").read_bytes()


def test_a_converted_model_says_where_it_is_from(nngrad, samples, tmp_path):
    nngrad("convert", samples / "fitnet.mat", tmp_path / "net.h5")
    text = nngrad("info", tmp_path / "net.h5").out
    assert "converted from fitnet.mat (net, MAT v7" in text
    assert "x1  600 to 6500 in training" in text
