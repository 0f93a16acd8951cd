"""`nngrad info` names what the file holds, in words and in JSON."""

import json

import numpy as np
import pytest
from scipy.io import savemat

from tests.makers import saved, script

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
    "several",
    "two_inputs",
)


@pytest.mark.parametrize("name", NAMES)
def test_the_text_fits_and_names_everything(nngrad, samples, name):
    done = nngrad("info", samples / f"{name}.mat")
    assert (done.code, done.err) == (0, "")
    assert max(len(line.replace(str(samples), "sample_models")) for line in done.lines) <= 100
    facts = json.loads(nngrad("info", samples / f"{name}.mat", "--json").out)
    for network in facts["networks"]:
        assert network["network"] in done.out
        assert network["name"] in done.out
        if len(facts["networks"]) == 1:
            for word in [*network["layers"], *network["processing"], *(step["kind"] for step in network["steps"])]:
                assert word in done.out


def test_the_facts_are_those_of_the_network(nngrad, samples):
    facts = json.loads(nngrad("info", samples / "constant_rows.mat", "--json").out)
    assert facts["container"] == "MAT v7"
    assert facts["file"] == str(samples / "constant_rows.mat")
    (network,) = facts["networks"]
    assert (network["network"], network["class"], network["version"]) == ("net", "network", "8")
    assert network["inputs"][0]["columns"] == ["x1", "x2", "x3", "x4"]
    assert network["inputs"][0]["lower"][1] == network["inputs"][0]["upper"][1] == 7.0
    assert [step["kind"] for step in network["steps"]] == [
        "Select",
        "Scale",
        "Affine",
        "Elementwise",
        "Affine",
        "Scale",
        "Place",
    ]
    assert [step["shape"] for step in network["steps"]][:3] == [[4, 3], [3, 3], [3, 6]]
    assert network["steps"][3]["function"] == "tansig"


def test_the_keys_of_the_json_form_stay(nngrad, fitnet):
    facts = json.loads(nngrad("info", fitnet[0], "--json").out)
    assert list(facts) == ["file", "container", "created", "networks"]
    (network,) = facts["networks"]
    assert list(network) == [
        "network",
        "class",
        "version",
        "name",
        "inputs",
        "outputs",
        "layers",
        "processing",
        "steps",
        "flat",
        "notes",
    ]
    assert list(network["inputs"][0]) == ["name", "columns", "lower", "upper"]
    assert list(network["steps"][0]) == ["number", "kind", "function", "from", "shape", "slope"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("fitnet", "smooth"), ("two_inputs", "kinks of step 9"), ("hard_limit", "zero wherever it exists")],
)
def test_it_says_how_the_jacobian_behaves(nngrad, samples, name, words):
    (line,) = [line for line in nngrad("info", samples / f"{name}.mat").lines if "Jacobian" in line]
    assert words in line


def test_a_model_alone_means_info(nngrad, fitnet):
    assert nngrad(fitnet[0]) == nngrad("info", fitnet[0])
    assert nngrad(fitnet[0], "--json") == nngrad("info", fitnet[0], "--json")


def test_several_networks_are_listed_and_one_can_be_chosen(nngrad, samples):
    listed = nngrad("info", samples / "several.mat")
    assert listed.code == 0
    assert "--network" in listed.out
    chosen = nngrad("info", samples / "several.mat", "--network", "values.net")
    assert chosen.code == 0
    assert "values.net: " in chosen.out
    assert "layer 1" in chosen.out
    unknown = nngrad("info", samples / "several.mat", "--network", "valuesnet")
    assert unknown.code == 2
    assert "values.net" in unknown.err


def test_a_name_in_a_file_can_not_write_to_the_terminal(nngrad, tmp_path):
    savemat(tmp_path / "odd.mat", {"a": {"b": np.arange(3)}})
    done = nngrad("info", tmp_path / "odd.mat", "--network", "\x1b[31mred")
    assert done.code == 2
    assert "\x1b" not in done.err


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "folder"),
        (lambda path: path.write_text("speed,throttle\n1,2\n" * 20), "model.mat"),
        (lambda path: path.write_bytes(b""), "model.mat"),
        (lambda path: savemat(path, {"x": np.eye(3)}), "no network"),
    ],
    ids=["missing", "folder", "text", "empty", "no network"],
)
def test_what_is_no_model_is_exit_3_with_one_line(nngrad, tmp_path, make, word):
    make(tmp_path / "model.mat")
    done = nngrad("info", tmp_path / "model.mat")
    assert (done.code, done.out) == (3, "")
    assert done.err.count("\n") == 1
    assert done.err.startswith("nngrad: ")
    assert word in done.err.lower()


def test_of_what_can_not_be_computed_it_shows_what_is_known(nngrad, tmp_path):
    """All on standard output, and the refusal on standard error."""
    made = script("make_matlab_networks")
    net, _, _ = made.Samples(tmp_path).fit()
    for layer in net[0, 0]["layers"].ravel():
        layer[0, 0]["transferFcn"] = "mine"
    path = saved(tmp_path, net=net)
    done = nngrad("info", path)
    assert done.code == 3
    assert done.err.startswith(
        f"nngrad: {path}: net.layers{{1}}.transferFcn: 'mine' is not supported, nor is .layers{{2}}.transferFcn 'mine'"
    )
    assert done.err.count("\n") == 1
    assert done.lines[0].endswith("Function Fitting Neural Network (class network, version 8), not supported")
    assert "  layer 2: mine, 1 units, from layer 1" in done.lines
    asked = nngrad("info", "--json", path)
    assert (asked.code, asked.err) == (3, done.err)
    (facts,) = json.loads(asked.out)["networks"]
    assert facts["layers"] == ["layer 1: mine, 10 units, from input 1", "layer 2: mine, 1 units, from layer 1"]
    assert facts["error"] == done.err.removeprefix("nngrad: ").rstrip("\n")
    assert nngrad("predict", path, "-i", tmp_path / "none.csv").out == ""
