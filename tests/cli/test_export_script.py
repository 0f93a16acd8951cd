"""nngrad_export.m, run in Octave on structs that stand for MATLAB's objects: the same y and J as the original."""

import shutil
import subprocess
from importlib.resources import files

import numpy as np
import pytest
from scipy.io import savemat

import nngrad as library
from nngrad.errors import ModelError
from nngrad.loaders import candidates, containers
from nngrad.loaders.tree import MatlabObject
from tests.makers import SAMPLES

OCTAVE = shutil.which("octave-cli")
SCRIPT = files("nngrad") / "data" / "nngrad_export.m"
needs_octave = pytest.mark.skipif(OCTAVE is None, reason="octave-cli is not here")


def test_the_script_is_printed_as_it_is(nngrad):
    done = nngrad("export-script")
    assert (done.code, done.err) == (0, "")
    assert done.out == SCRIPT.read_text("utf-8")
    assert done.out.startswith("function nngrad_export(net, varargin)\n")


@pytest.mark.parametrize(
    ("output", "file"), [("my.m", "my.m"), ("new/", "new/nngrad_export.m"), (".", "nngrad_export.m")]
)
def test_the_script_goes_into_a_file(nngrad, tmp_path, monkeypatch, output, file):
    monkeypatch.chdir(tmp_path)
    done = nngrad("export-script", "-o", output)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (tmp_path / file).read_bytes() == SCRIPT.read_bytes()


def test_it_is_plain_ascii_with_short_lines():
    text = SCRIPT.read_text("ascii")
    assert max(len(line) for line in text.splitlines()) <= 140
    assert "\t" not in text


def octave(folder, *lines):
    """Runs lines in a folder, with the script at hand; returns standard output."""
    (folder / "nngrad_export.m").write_text(SCRIPT.read_text())
    (folder / "job.m").write_text("\n".join(lines))
    done = subprocess.run(
        [OCTAVE, "--no-init-file", "--quiet", "job.m"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout


def plain(element):
    """Objects as structs, all the way down."""
    if isinstance(element, MatlabObject):
        element = element.fields
    if isinstance(element, dict):
        return {name: plain(value) for name, value in element.items() if len(name) < 60}
    if isinstance(element, np.ndarray) and element.dtype == object:
        cells = np.empty(element.shape, object)
        for place in np.ndindex(*element.shape):
            cells[place] = plain(element[place])
        return cells
    return element if isinstance(element, np.ndarray | str | list | float) else ""


def same(net, again):
    x = np.random.default_rng(0).normal(size=(6, net.input_size))
    y, J = net.value_and_jacobian(x)
    z, K = again.value_and_jacobian(x)
    np.testing.assert_allclose(z, y, rtol=1e-14, atol=1e-15 * np.abs(y).max())
    np.testing.assert_allclose(K, J, rtol=1e-12, atol=1e-14 * np.abs(J).max())


NETWORKS = [
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
]


@needs_octave
def test_network_objects(tmp_path):
    originals = {}
    for name in NETWORKS:
        for candidate in candidates(containers.read(SAMPLES / f"{name}.mat")):
            key = f"n{len(originals)}"
            savemat(tmp_path / f"{key}.mat", {"net": plain(candidate.element)}, long_field_names=True)
            originals[key] = library.load(SAMPLES / f"{name}.mat", candidate.path)
    octave(tmp_path, *(f"load('{key}.mat'); nngrad_export(net, 'out_{key}.mat');" for key in originals))
    assert len(originals) > len(NETWORKS)
    for key, net in originals.items():
        again = library.load(tmp_path / f"out_{key}.mat")
        same(net, again)
        assert (again.input_names, again.output_names) == (net.input_names, net.output_names)
        for before, after in zip((*net.inputs, *net.outputs), (*again.inputs, *again.outputs), strict=True):
            assert before.name == after.name
            assert (before.lower is None) == (after.lower is None)
            assert before.lower is None or before.lower.tolist() == after.lower.tolist()


@needs_octave
def test_plain_weights(tmp_path):
    octave(
        tmp_path,
        "W = {[1 2; 3 4; 5 6], single([0.5 -1 0.25])}; b = {[0.1; 0.2; 0.3], 0.5};",
        "nngrad_export(W, b, {'tansig', 'purelin'}, 'out.mat');",
    )
    net, x = library.load(tmp_path / "out.mat"), np.array([0.3, -0.4])
    u = np.tanh(np.array([[1, 2], [3, 4], [5, 6]]) @ x + [0.1, 0.2, 0.3])
    np.testing.assert_allclose(net(x), [[0.5, -1, 0.25] @ u + 0.5], rtol=1e-14)
    np.testing.assert_allclose(net.jacobian(x), [([0.5, -1, 0.25] * (1 - u**2)) @ [[1, 2], [3, 4], [5, 6]]], rtol=1e-12)


FIT = """
net.LayerWeights = {[1 2; 3 4], [0.5 -1]}; net.LayerBiases = {[0.1; 0.2], 0.5};
net.Activations = 'tanh'; net.OutputLayerActivation = 'none'; net.Mu = [1 2]; net.Sigma = [2 4];
net.PredictorNames = {'a', 'b'}; net.ResponseName = 'r'; net.CategoricalPredictors = []; net.ResponseTransform = 'none';
"""


@needs_octave
def test_fitrnet(tmp_path):
    octave(tmp_path, FIT, "nngrad_export(net, 'out.mat');")
    net, x = library.load(tmp_path / "out.mat"), np.array([0.3, -0.4])
    u = np.tanh(np.array([[1, 2], [3, 4]]) @ ((x - [1, 2]) / [2, 4]) + [0.1, 0.2])
    np.testing.assert_allclose(net(x), [[0.5, -1] @ u + 0.5], rtol=1e-14)
    assert (net.input_names, net.output_names) == (("a", "b"), ("r",))


LAYERS = """
function l = layer(class, name, varargin)
l = struct('class', ['nnet.cnn.layer.' class], 'Name', name, varargin{:});
end
in = layer('FeatureInputLayer', 'in', 'InputSize', 2, 'Normalization', 'zscore', 'Mean', [1 2], 'StandardDeviation', [2 4]);
fc1 = layer('FullyConnectedLayer', 'fc1', 'Weights', single([1 2; 3 4; 5 6]), 'Bias', [0.1; 0.2; 0.3]);
bn = layer('BatchNormalizationLayer', 'bn', 'Scale', [1; 2; 3], 'TrainedMean', [0; 1; 0], 'TrainedVariance', [1; 4; 9], ...
    'Epsilon', 0.5, 'Offset', [0; 0; 1]);
act = layer('LeakyReLULayer', 'act', 'Scale', 0.2);
fc2 = layer('FullyConnectedLayer', 'fc2', 'Weights', ones(3, 3), 'Bias', zeros(3, 1));
add = layer('AdditionLayer', 'add');
cat = layer('ConcatenationLayer', 'cat');
net.Layers = {in; cat; fc1; bn; act; fc2; add; layer('TanhLayer', 'tanh'); layer('RegressionOutputLayer', 'out')};
net.class = 'DAGNetwork';
net.Connections.Source = {'in'; 'fc1'; 'bn'; 'act'; 'act'; 'fc2'; 'in'; 'add'; 'cat'; 'tanh'};
net.Connections.Destination = {'fc1'; 'bn'; 'act'; 'fc2'; 'add/in2'; 'add/in1'; 'cat/in2'; 'cat/in1'; 'tanh'; 'out'};
"""


@needs_octave
def test_layers_in_a_graph(tmp_path):
    octave(tmp_path, "1;", LAYERS, "nngrad_export(net, 'out.mat');")
    net, x = library.load(tmp_path / "out.mat"), np.array([3.3, -0.4])
    z = (x - [1, 2]) / [2, 4]
    u = np.array([[1, 2], [3, 4], [5, 6]]) @ z + [0.1, 0.2, 0.3]
    u = (u - [0, 1, 0]) * [1, 2, 3] / np.sqrt(np.array([1, 4, 9]) + 0.5) + [0, 0, 1]
    u = np.where(u < 0, 0.2 * u, u)
    np.testing.assert_allclose(net(x), np.tanh(np.concatenate([u + u.sum(), z])), rtol=1e-14)
    assert net.origin.classname == "DAGNetwork"


REFUSED = {
    "unknown layer": (
        LAYERS + "net.Layers{8} = layer('LSTMLayer', 'tanh');",
        "tanh (nnet.cnn.layer.LSTMLayer): not supported",
    ),
    "categorical": (FIT + "net.CategoricalPredictors = 1;", "CategoricalPredictors"),
    "transform": (FIT + "net.ResponseTransform = @exp;", "ResponseTransform: only 'none' is supported"),
    "another object": ("net.a = 1;", "struct: not supported; supported are network"),
    "a number": ("net = 1;", "double: not supported; supported are network"),
}


@needs_octave
@pytest.mark.parametrize("name", REFUSED)
def test_what_it_does_not_know_it_names(tmp_path, name):
    code, words = REFUSED[name]
    out = octave(tmp_path, "1;", code, "try", "nngrad_export(net, 'out.mat');", "catch e", "disp(e.message)", "end")
    assert words in out
    assert not (tmp_path / "out.mat").exists()


@needs_octave
def test_each_layer_has_its_own(tmp_path):
    out = octave(
        tmp_path, "try", "nngrad_export({1}, {1, 2}, {'tanh'}, 'out.mat');", "catch e", "disp(e.message)", "end"
    )
    assert "1 weights, 2 biases and 1 activations" in out


@needs_octave
def test_an_activation_of_ones_own_is_refused_when_it_is_read(tmp_path):
    octave(tmp_path, "nngrad_export({[1 2]}, {0}, {'mine'}, 'out.mat');")
    with pytest.raises(ModelError, match=r"\.layers\{2\}: activation 'mine' is not supported"):
        library.load(tmp_path / "out.mat")
