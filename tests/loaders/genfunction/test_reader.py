"""genFunction files: the same numbers as the network object, as GNU Octave running the file, and refusals with the
line.

Two independent routes: `matlab_network` on the object that the text was written from, and Octave on the text itself.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

import nngrad
from nngrad.errors import ModelError
from nngrad.loaders.genfunction import reader as genfunction
from nngrad.loaders.matlab import network
from nngrad.loaders.tree import MatlabObject

SAMPLES_FOLDER = Path(__file__).parents[3] / "sample_models"


def _make():
    spec = importlib.util.spec_from_file_location("make_genfunction", SAMPLES_FOLDER / "make_genfunction.py")
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = path
    return module


make = _make()
SAMPLES = {name: (origin, style) for name, origin, style in make.SAMPLES}
OLD = make.OLD
STYLES = {
    "matrix": make.Style(),
    "cells": make.Style(cells=True),
    "old": OLD,
    "old cells": OLD._replace(cells=True),
    "rows": make.Style(rows=True),
    "cells in rows": OLD._replace(cells=True, rows=True),
    "bare": OLD._replace(comments=False),
}


def read(text):
    return genfunction.read(genfunction.SourceText(text))


def of_object(fields):
    return network.read(MatlabObject("network", fields))


def rows_of(name, net):
    x = np.loadtxt(SAMPLES_FOLDER / f"{name}_x.csv", delimiter=",", skiprows=1)
    return x.reshape(-1, net.input_size)


def same(net, other, x):
    """Equal up to the order in which a matrix product adds."""
    for a, b in zip(net.value_and_jacobian(x), other.value_and_jacobian(x), strict=True):
        assert np.allclose(a, b, rtol=1e-14, atol=1e-14 * np.abs(b).max(initial=0))


# the same as the object


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_equals_its_network_object(name):
    net, other = nngrad.load(SAMPLES_FOLDER / f"{name}.m"), of_object(make.sample_fields(SAMPLES[name][0]))
    x = rows_of(name, net)
    assert net.input_size == other.input_size  # the text has no names of inputs, the object may have some
    assert net.output_names == other.output_names
    same(net, other, x)
    assert np.ptp(net(x)) > 0


def test_samples_are_what_the_script_writes():
    for name, (origin, style) in SAMPLES.items():
        assert (SAMPLES_FOLDER / f"{name}.m").read_text() == make.source(make.sample_fields(origin), name, style)


ORIGINS = ["fitnet", "patternnet", "cascade", "constant_rows", "two_inputs", "rbf", "narx", "hard_limit"]
ORIGINS += [make.time_delay, make.closed_loop, make.recurrent, make.self_organising]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("origin", ORIGINS, ids=lambda o: o if isinstance(o, str) else o.__name__)
def test_every_style_of_every_network(origin, style):
    fields = make.sample_fields(origin)
    net, other = read(make.source(fields, "f", STYLES[style])), of_object(fields)
    x = np.random.default_rng(0).uniform(-2, 2, (5, other.input_size))
    same(net, other, x)


# ranges in training, out of the constants of mapminmax


@pytest.mark.parametrize("origin", ORIGINS, ids=lambda o: o if isinstance(o, str) else o.__name__)
def test_training_ranges_are_those_of_the_object(origin):
    fields = make.sample_fields(origin)
    net, other = read(make.source(fields, "f", make.Style())), of_object(fields)
    for ours, theirs in zip((*net.inputs, *net.outputs), (*other.inputs, *other.outputs), strict=True):
        if ours.lower is not None and theirs.lower is not None:  # generated functions know only those that are mapped
            known = np.isfinite(ours.lower)
            assert np.allclose(ours.lower[known], theirs.lower[known], rtol=1e-14)
            assert np.allclose(ours.upper[known], theirs.upper[known], rtol=1e-14)
            assert (ours.upper[known] >= theirs.upper[known]).all()
    assert (net.inputs[0].lower is None) == (origin in ("rbf", "hard_limit", make.self_organising))


def test_ranges_that_the_constants_do_not_tell():
    by_half = changed(FIT, "x1_step1.ymin = -1;", "x1_step1.ymin = -0.5;")
    assert read(by_half).inputs[0].lower is None  # to what ymax?
    (port,) = read(changed(FIT, "x1_step1.ymin = -1;", "x1_step1.ymin = 0;")).inputs
    assert port.lower.tolist() == [600.0, 0.0, 250.0]
    assert np.allclose(port.upper, [600 + 5900 / 2, 50.0, 285.0])
    constant = re.sub(r"x1_step1.gain = \[[^;]*;", "x1_step1.gain = [Inf;", FIT, count=1)
    (port,) = read(constant).inputs
    assert np.isnan(port.upper[0])
    assert np.isfinite(port.upper[1:]).all()


def one_layer(**layer):
    r = np.random.default_rng(5)
    part = {"size": 4, "transfer": "purelin", "b": r.normal(size=4), "IW": {0: r.uniform(0.1, 1, (4, 3))}} | layer
    ranges = make.ranges([-1.0] * 3, [1.0] * 3)
    net = make.network("n", [make.port("x", 3, 3, [], ranges)], [part], {0: make.port("y", 4, 4, [], np.zeros((4, 2)))})
    return make.fields_of(net)


@pytest.mark.parametrize("transfer", [t for t in network.TRANSFER if t != "purelin"])
def test_every_transfer_function(transfer):
    fields = one_layer(transfer=transfer)
    net, other = read(make.source(fields, "f", make.Style())), of_object(fields)
    x = np.random.default_rng(0).uniform(-2, 2, (6, 3))
    same(net, other, x)


@pytest.mark.parametrize("function", [w for w in network.WEIGHT if w not in ("dotprod", "scalprod")])
def test_every_weight_function(function):
    fields = one_layer(weight_fcn=function)
    net, other = read(make.source(fields, "f", make.Style(cells=True))), of_object(fields)
    x = np.random.default_rng(0).uniform(0.1, 2, (6, 3))
    same(net, other, x)


# ways of writing


FIT = make.source(make.sample_fields("fitnet"), "f", make.Style())
CELLS = make.source(make.sample_fields("fitnet"), "f", make.Style(cells=True))
LOOP = make.source(make.sample_fields(make.closed_loop), "f", make.Style(cells=True))
X = np.array([[1500.0, 30.0, 280.0], [4000.0, 80.0, 300.0]])


def changed(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("b1 = [", "b1 = [ ...\n  "),
        ("IW1_1 = [", "IW1_1 = [ % the weights [of layer 1]\n"),
        (";", ",\n"),
        (
            "a1 = tansig_apply(repmat(b1,1,Q) + IW1_1*xp1);",
            "n1 = IW1_1*xp1 + ...\n  b1\n a1=tansig_apply( n1 ) % 'quote",
        ),
        ("a1 = tansig_apply(repmat(b1,1,Q) + IW1_1*xp1);", "a1 = tansig_apply(bsxfun(@plus,IW1_1*xp1,b1));"),
        ("Q = size(x1,2);", "Q = size(x1,2); if Q > 5, disp('many'), end\nunused = x1.^2;"),
        ("x1_step1.ymin = -1;", "x1_step1.ymin = 1 - 2; x1_step1.name = 'it''s';"),
        ("% ===== SIMULATION", "%{\nx1 = 3;\n%}\n% ===== SIMULATION"),
        ("function [y1] = f(x1)", "function y1 = net(x1)"),
        ("a = 2 ./ (1 + exp(-2*n)) - 1;", "a = tanh(n);"),
        (
            "a = 2 ./ (1 + exp(-2*n)) - 1;",
            "if any(any(isnan(n))), error('NaN'), end\nfor k=1:size(n,2)\n a(:,k) = tanh(n(:,k)); end",
        ),
        ("y = bsxfun(@minus,x,settings.xoffset);", "y = x - repmat(settings.xoffset, 1, size(x, 2));"),
    ],
)
def test_other_ways_to_write_the_same(old, new):
    same(read(changed(FIT, old, new)), read(FIT), X)


HELPERS = {  # other ways in which a helper may be written
    "compet": "function a = compet_apply(n)\n[m,i] = max(n);\na = full(sparse(i,1:size(n,2),1,size(n,1),size(n,2)));",
    "softmax": "function a = softmax_apply(n)\ne = exp(n - repmat(max(n),size(n,1),1)); a = e ./ repmat(sum(e),size(e,1),1);",
    "logsig": "function a = logsig_apply(n)\na = zeros(size(n));\nfor k = 1:numel(n), a(k) = 1/(1+exp(-n(k))); end",
    "satlins": "function a = satlins_apply(n,~)\na = n; a(n > 1) = 1; a(n < -1) = -1;",
    "tansig": "function a = tansig_apply(n)\na = inner(2*n);\nfunction y = inner(x)\ny = 2*(1./(1+exp(-x))) - 1;",
    "poslin": "function a = poslin_apply(n)\nif nargin < 1 || isempty(n), a = []; return, end\na = n .* (n > 0);",
    "hardlim": "function a = hardlim_apply(n)\nk = 0; a = 0*n;\nwhile k < numel(n)\n k = k+1; if n(k) < 0, continue, end\n a(k) = 1;\nend",
}
WRONG = {
    "compet": "function a = compet_apply(n)\n[m,i] = min(n);\na = full(sparse(i,1:size(n,2),1,size(n,1),size(n,2)));",
    "hardlim": "function a = hardlim_apply(n)\na = double(n > 0);",
    "logsig": "function a = logsig_apply(n)\na = 1./(1+exp(-n)) + 1e-6;",
    "poslin": "function a = poslin_apply(n)\na = max(0.01*n,n);",
    "tansig": "function a = tansig_apply(n)\nif size(n,2) < size(n,1), a = n; else, a = tanh(n); end",  # for few samples only
}


def with_helper(name, body):
    text = make.source(one_layer(transfer=name), "f", make.Style(ends=False))
    return text[: text.index(f"function a = {name}_apply")] + body + "\n"


@pytest.mark.parametrize("name", HELPERS)
def test_helpers_are_known_by_what_they_compute(name):
    x = np.random.default_rng(0).uniform(-2, 2, (6, 3))
    same(read(with_helper(name, HELPERS[name])), of_object(one_layer(transfer=name)), x)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_helpers_are_refused(name):
    with pytest.raises(ModelError, match=f"{name}_apply does not compute {name}: it was changed by hand"):
        read(with_helper(name, WRONG[name]))


def test_names_of_input_and_output_may_be_changed():
    text = FIT.replace("x1 = size", "u").replace("(x1)", "(in)").replace("mapminmax_apply(x1,", "mapminmax_apply(in,")
    text = text.replace("size(x1,2)", "size(in,2)").replace("[y1]", "[out]").replace("y1 = mapm", "out = mapm")
    same(read(text), read(FIT), X)


@pytest.mark.parametrize("settings", ["x1_step1", "x1_step1_gain,x1_step1_xoffset,x1_step1_ymin"])
def test_old_and_new_settings_without_a_helper(settings):
    text = FIT if settings == "x1_step1" else make.source(make.sample_fields("fitnet"), "f", OLD)
    same(read(text[: text.index("% ===== MODULE")]), read(FIT), X)


# refusals


@pytest.mark.parametrize(
    ("text", "old", "new", "words"),
    [
        (FIT, "xp1 = mapminmax_apply(x1", "x1 = x1/2;\nxp1 = mapminmax_apply(x1", "line 36: `x1 = x1/2;`"),
        (FIT, "a2 = repmat(b2,1,Q) + LW2_1*a1;", "a2 = repmat(b2,1,Q) + LW2_1*tanh(a1);", "LW2_1*tanh(a1)"),
        (
            FIT,
            "a2 = repmat(b2,1,Q) + LW2_1*a1;",
            "a2 = max(0, repmat(b2,1,Q) + LW2_1*a1);",
            "the output y1 depends on it",
        ),
        (FIT, "tansig_apply(repmat", "gaussian_apply(repmat", "gaussian_apply is not supported: supported are tansig"),
        (
            FIT,
            "mapminmax_apply(x1,x1_step1)",
            "whiten_apply(x1,x1_step1)",
            "whiten is not supported: supported are mapminmax",
        ),
        (FIT, "LW2_1*a1", "LW2_1*xp1", "LW2_1 belongs to layer 1"),
        (FIT, "% Sizes", "if nargin > 0, x1 = [1;2;3]; end", "x1 depends on a condition"),
        (FIT, "% Sizes", "x1 = [1000;50;290];", "x1 is fixed in the text: make it an argument"),
        (FIT, "+ IW1_1*xp1", "+ IW1_1*b2", "b2 is fixed in the text"),
        (FIT, "% Sizes", "b1(3) = 0;", "a part of b1 is overwritten"),
        (FIT, "% Sizes", "b1 = zeros(10,1);", "b1: is assigned twice"),
        (FIT, "% Sizes", "x1_step1.gain = [1;1;1];", "assigned twice"),
        (FIT, "% Sizes", "eval('b1 = 0');", "`eval('b1 = 0');`: what this does is not understood"),
        (FIT, "% Sizes", "load weights.mat", "`load weights.mat`"),
        (FIT, "% Sizes", "while 1, end", "is not supported"),
        (FIT, "% Sizes", "try, catch, end", "'try' is not supported"),
        (FIT, "% Sizes", "return", "'return' is not supported"),
        (FIT, "% Sizes", "mod = 3;", "mod is a function"),
        (FIT, "function a = tansig_apply", "function a = repmat", "second function of that name"),
        (FIT, "exp(-2*n)", "exp(-3*n)", "tansig_apply does not compute tansig: it was changed by hand"),
        (FIT, "settings.gain", "settings.xoffset", "does not compute mapminmax"),
        (FIT, "a = 2 ./", "a = 2 ./ fft(n) +", "can't be followed (fft, which is not known here)"),
        (FIT, "a = 2 ./", "while true, n = n; end\na = 2 ./", "more than 200000 steps"),
        (FIT, "a = 2 ./", "n = zeros(1e9,1e9);\na = 2 ./", "an array of more than"),
        (FIT, "a = 2 ./", "n = tansig_apply(n);\na = 2 ./", "call each other too deeply"),
        (FIT, "y1 = mapminmax_reverse(a2", "y1 = mapminmax_reverse(x1", "is applied to something else"),
        (FIT, "y1 = mapminmax_reverse(a2,y1_step1);", "", "the output y1 is no output of a layer"),
        (FIT, "function [y1] = f(x1)", "", "stands outside of a function"),
        (CELLS, "(X{1,ts}", "(X{1,ts-1}", "depends on it"),
        (CELLS, "Y = cell2mat(Y);", "Y = 2*cell2mat(Y);", "Y depends on a condition"),
        (CELLS, "Y{1,ts} = ", "Y{2,ts} = ", "the output Y{1}"),
        (CELLS, "% Layer 1\n    ", "X = {X{1,ts}*2};\n    ", "Xp1 changes from one round"),
        (LOOP, "mod(adts-[1 2]-1,3)", "mod(adts-[1 3]-1,3)", "delays [1, 3] do not fit a ring of 3"),
        (LOOP, "mod(adts-[1 2]-1,3)", "mod(adts-[1 2]-1,4)", "do not fit their ring"),
        (LOOP, "mod(adts-[1 2]-1,3)", "mod(adts-[0 1]-1,3)", "is used before it is computed"),
        (LOOP, "adts = mod(ts+1,3)+1", "adts = mod(ts,3)+1", "does not fit the initial states"),
        (LOOP, "tapdelay1 = cat(1,Xd1", "tapdelay1 = cat(1,Ad2", "IW1_1 belongs to input 1"),
    ],
)
def test_refusals_say_line_and_text(text, old, new, words):
    with pytest.raises(ModelError) as error:
        read(changed(text, old, new))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("IW1_1 = [", "IW1_1 = [0 0 0;", ".IW{1,1}: 11x3 values where 10x3"),
        ("b2 = ", "b2 = 0; %", None),
        ("x1_step1.ymin = -1;", "", "x1_step1 (mapminmax): .ymin"),
        ("LW2_1 = ", "V = ", "depends on it"),
    ],
)
def test_numbers_that_do_not_fit(old, new, words):
    if words is None:
        assert not np.array_equal(read(changed(FIT, old, new))(X), read(FIT)(X))
        return
    with pytest.raises(ModelError) as error:
        read(changed(FIT, old, new))
    assert words in str(error.value)


OTHER_SOURCE = {
    "script": (
        "% trains\nnet = fitnet(10);\nnet = train(net, x, t);\n",
        "a script, not a function",
        "save('net.mat', 'net')",
    ),
    "class": (
        "% mine\nclassdef Net\n  methods\n    function y = f(x)\n    end\n  end\nend\n",
        "a class definition",
        "save('net.mat', 'net')",
    ),
    "table": ("% speed, throttle\n3180.5 70.8 2.7e2\nNaN -Inf 1\n", "a table of numbers with comments", "-i"),
    "state function": (
        "function x1 = stateFcn(x,u)\npersistent P\nMATname = 'stateFcnData';\nif isempty(P)\n  P = coder.load(MATname);\nend\n"
        "x1 = x + P.fc1.Weights*[x;u] + P.fc1.Bias;\nend\n",
        "its numbers stand in another file, stateFcnData.mat: name that one",
        "--activation",
    ),
    "function that loads": (
        "function y = f(x)\ns = load('weights.mat');\ny = s.W*x;\nend\n",
        "another file, weights.mat",
        "--activation",
    ),
}


@pytest.mark.parametrize("name", OTHER_SOURCE)
def test_source_of_another_kind_is_refused_for_what_it_is(tmp_path, name):
    text, what, advice = OTHER_SOURCE[name]
    path = tmp_path / "f.m"
    path.write_text(text)
    with pytest.raises(ModelError) as error:
        nngrad.load(path)
    assert what in str(error.value)
    assert advice in str(error.value)
    assert len(str(error.value)) - len(str(path)) < 300


@pytest.mark.parametrize(
    "text", ["\n" * 2_000_000, "load " * 200_000, "function" * 100_000, "coder" + " " * 1_000_000, "% " * 500_000]
)
def test_source_of_another_kind_is_refused_soon(tmp_path, text):
    path = tmp_path / "f.m"
    path.write_text(f"% x\n{text}\n")
    began = time.process_time()
    with pytest.raises(ModelError):
        nngrad.load(path)
    assert time.process_time() - began < 5


def test_origin_says_what_it_was(tmp_path):
    path = tmp_path / "f.m"
    path.write_text(FIT)
    origin = nngrad.load(path).origin
    assert (origin.classname, origin.name, origin.network) == ("genFunction", "f", "f")
    assert origin.processing == ("inputs{1}: mapminmax", "outputs{2}: mapminmax")


DEEP = [
    "[" * 20000,
    "(" * 20000,
    "x = " + "-" * 20000 + "1",
    "if 1\n" * 3000,
    "x = 1" + "+1" * 20000,
    "x = a" + "'" * 20000,
]


@pytest.mark.parametrize("text", DEEP, ids=lambda t: t[:6])
def test_deep_text_is_refused(text):
    with pytest.raises(ModelError):
        read(f"function y = f(x)\n{text}\ny = x;\n")


# the same as Octave

OCTAVE = shutil.which("octave-cli") or shutil.which("octave")
DRIVER = """
flat = @(c) cell2mat(cellfun(@(v) v(:), c(:), 'UniformOutput', false));
load(fullfile(folder, 'in.mat'));
for k = 1:numel(names)
  c = cases.(names{k}); f = str2func(names{k});
  Y = {};
  if c.cells
    args = {c.X}; if c.D, args{2} = c.Xi; else, args{2} = 0; end; if c.DL, args{3} = c.Ai; end
    [Y, Xf, Af] = f(args{1:(2 + (c.DL > 0))});
    S = {}; Xi = c.XiS; Ai = c.AiS;
    T = f(c.S, Xi, Ai);
    for t = 1:size(c.S, 2)
      [y, Xi, Ai] = f(c.S(:,t), Xi, Ai);
      S(:,t) = y;
    end
    series = flat(T); steps = flat(S);
  else
    outs = c.nout; Y = cell(outs, 1);
    for s = 1:size(c.M, 1)
      y = cell(1, outs); [y{:}] = f(c.M{s,:});
      for o = 1:outs, if c.rows, Y{o} = [Y{o}; y{o}]; else, Y{o} = [Y{o} y{o}]; end; end
    end
    series = 0; steps = 0;
  end
  result.(names{k}) = struct('Y', {Y}, 'series', series, 'steps', steps);
end
save('-v7', fullfile(folder, 'out.mat'), 'result');
"""


def cell(rows):
    c = np.empty((len(rows), len(rows[0]) if rows else 0), object)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            c[i, j] = value
    return c


class Case:
    """Rows of stacked taps as the arguments of one of the sample functions."""

    def __init__(self, name):
        origin, self.style = SAMPLES[name]
        fields = make.sample_fields(origin)
        self.writer = make.Writer(fields, self.style)
        self.net = nngrad.load(SAMPLES_FOLDER / f"{name}.m")
        w, stated = self.writer, network.NetworkObject(fields).stated()
        self.taps, self.states = stated.input_taps, stated.state_taps
        r = np.random.default_rng(9)
        x = rows_of(name, self.net)[:4]
        self.h = 1e-6 * np.maximum(1.0, np.abs(x).max(axis=0))
        moved = [x + sign * self.h[j] * np.eye(x.shape[1])[j] for j in range(x.shape[1]) for sign in (1, -1)]
        self.x, self.rows = x, np.vstack([x, *moved])
        self.series = [[self.turned(r.uniform(-1, 1, (w.rows_of(j), 2))) for _ in range(7)] for j in range(w.I)]

    def turned(self, a):
        return a.T if self.style.rows else a

    def blocks(self, x):
        """X{j}, Xi{j,k}, Ai{i,k} for these rows, samples in columns."""
        w, at = self.writer, 0
        X = [[np.zeros((w.rows_of(j), len(x)))] for j in range(w.I)]
        Xi = [[np.zeros((w.rows_of(j), len(x))) for _ in range(w.D)] for j in range(w.I)]
        Ai = [[np.zeros((w.size(i), len(x))) for _ in range(w.DL)] for i in range(w.L)]
        for j, taps in enumerate(self.taps):
            for d in taps:
                (X[j] if d == 0 else Xi[j])[0 if d == 0 else w.D - d] = x[:, at : at + w.rows_of(j)].T
                at += w.rows_of(j)
        for i, taps in self.states.items():
            for d in taps:
                Ai[i][w.DL - d] = x[:, at : at + w.size(i)].T
                at += w.size(i)
        assert at == x.shape[1]
        return X, Xi, Ai

    def arguments(self):
        w = self.writer
        X, Xi, Ai = self.blocks(self.rows)
        case = {"cells": float(self.style.cells), "rows": float(self.style.rows), "D": float(w.D), "DL": float(w.DL)}
        case["nout"] = float(len(w.outputs))
        if self.style.cells:
            case |= {"X": cell([[self.turned(v) for v in row] for row in X])}
            case |= {"Xi": cell([[self.turned(v) for v in row] for row in Xi]), "Ai": cell(Ai)}
            r = np.random.default_rng(4)
            case["S"] = cell(self.series)
            case["XiS"] = cell(
                [[self.turned(r.normal(size=(w.rows_of(j), 2))) for _ in range(w.D)] for j in range(w.I)]
            )
            case["AiS"] = cell([[r.normal(size=(w.size(i), 2)) for _ in range(w.DL)] for i in range(w.L)])
            return case
        batches = [self.rows] if not (w.D or w.DL) else [row[None] for row in self.rows]
        calls = []
        for batch in batches:
            X, Xi, Ai = self.blocks(batch)
            states = [np.hstack(v) for v in Xi if w.D] + [np.hstack(Ai[i]) for i in sorted(w.delayed)]
            calls.append([self.turned(v) for v in [row[0] for row in X] + states])
        return case | {"M": cell(calls)}


@pytest.fixture(scope="module")
def octave(tmp_path_factory):
    """What Octave computes with every sample function."""
    if OCTAVE is None:
        pytest.skip("GNU Octave is not installed")
    folder = tmp_path_factory.mktemp("octave")
    cases = {name: Case(name) for name in SAMPLES}
    names = np.array(list(SAMPLES), object).reshape(1, -1)
    savemat(folder / "in.mat", {"names": names, "cases": {k: c.arguments() for k, c in cases.items()}})
    (folder / "driver.m").write_text(DRIVER)
    code = f"addpath('{SAMPLES_FOLDER}'); folder = '{folder}'; run(fullfile(folder, 'driver.m'));"
    done = subprocess.run(
        [OCTAVE, "--no-gui", "--quiet", "--eval", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return cases, loadmat(folder / "out.mat", simplify_cells=True)["result"]


@pytest.mark.parametrize("name", SAMPLES)
def test_octave_computes_the_same(octave, name):
    cases, results = octave
    case, parts = cases[name], results[name]["Y"]
    parts = [parts] if isinstance(parts, np.ndarray) and parts.dtype != object else list(np.ravel(parts))
    sizes = [p.size for p in case.net.outputs]
    turned = [
        np.reshape(p, (-1, s)) if case.style.rows else np.reshape(p, (s, -1)).T
        for p, s in zip(parts, sizes, strict=True)
    ]
    y = np.hstack(turned)
    rows = len(case.x)
    ours, J = case.net.value_and_jacobian(case.x)
    assert np.allclose(y[:rows], ours, rtol=1e-12, atol=1e-12 * np.abs(ours).max())
    pairs = y[rows:].reshape(case.x.shape[1], 2, rows, -1)
    differences = ((pairs[:, 0] - pairs[:, 1]) / (2 * case.h[:, None, None])).transpose(1, 2, 0)
    assert np.allclose(
        differences,
        J,
        rtol=1e-6,
        atol=1e-7 * np.abs(J).max(initial=1e-300) + 1e-9 * np.abs(ours).max() / case.h.min() * 1e-6,
    )


@pytest.mark.parametrize("name", [n for n in SAMPLES if SAMPLES[n][1].cells])
def test_octave_carries_the_states(octave, name):
    """A series in one call equals step after step with the states handed on: the taps are where the function says."""
    result = octave[1][name]
    assert np.array_equal(result["series"], result["steps"])
