"""genFunction files: the same numbers as the network object, as GNU Octave running the file, and refusals with the line.

Two independent routes: `matlab_network` on the object that the text was written from, and Octave on the text itself.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

import nngrad
from nngrad.load import genfunction, matlab_network
from nngrad.load.tree import MatlabObject

SAMPLES_FOLDER = Path(__file__).parents[2] / "sample_models"


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
    return genfunction.read(genfunction.Source(text))


def of_object(fields):
    return matlab_network.read(MatlabObject("network", fields))


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
    assert net.input_names == other.input_names
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


def one_layer(**layer):
    r = np.random.default_rng(5)
    part = {"size": 4, "transfer": "purelin", "b": r.normal(size=4), "IW": {0: r.uniform(0.1, 1, (4, 3))}} | layer
    ranges = make.ranges([-1.0] * 3, [1.0] * 3)
    net = make.network("n", [make.port("x", 3, 3, [], ranges)], [part], {0: make.port("y", 4, 4, [], np.zeros((4, 2)))})
    return make.fields_of(net)


@pytest.mark.parametrize("transfer", [t for t in matlab_network.TRANSFER if t != "purelin"])
def test_every_transfer_function(transfer):
    fields = one_layer(transfer=transfer)
    net, other = read(make.source(fields, "f", make.Style())), of_object(fields)
    x = np.random.default_rng(0).uniform(-2, 2, (6, 3))
    same(net, other, x)


@pytest.mark.parametrize("function", [w for w in matlab_network.WEIGHT if w not in ("dotprod", "scalprod")])
def test_every_weight_function(function):
    fields = one_layer(weight_fcn=function)
    net, other = read(make.source(fields, "f", make.Style(cells=True))), of_object(fields)
    x = np.random.default_rng(0).uniform(0.1, 2, (6, 3))
    same(net, other, x)


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
        w, reader = self.writer, matlab_network._Reader(fields)
        self.taps, self.states = reader.input_taps, reader.state_taps
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
            case["XiS"] = cell([[self.turned(r.normal(size=(w.rows_of(j), 2))) for _ in range(w.D)] for j in range(w.I)])
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
    done = subprocess.run([OCTAVE, "--no-gui", "--quiet", "--eval", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return cases, loadmat(folder / "out.mat", simplify_cells=True)["result"]


@pytest.mark.parametrize("name", SAMPLES)
def test_octave_computes_the_same(octave, name):
    cases, results = octave
    case, parts = cases[name], results[name]["Y"]
    parts = [parts] if isinstance(parts, np.ndarray) and parts.dtype != object else list(np.ravel(parts))
    sizes = [p.size for p in case.net.outputs]
    turned = [np.reshape(p, (-1, s)) if case.style.rows else np.reshape(p, (s, -1)).T for p, s in zip(parts, sizes, strict=True)]
    y = np.hstack(turned)
    rows = len(case.x)
    ours, J = case.net.value_and_jacobian(case.x)
    assert np.allclose(y[:rows], ours, rtol=1e-12, atol=1e-12 * np.abs(ours).max())
    pairs = y[rows:].reshape(case.x.shape[1], 2, rows, -1)
    differences = ((pairs[:, 0] - pairs[:, 1]) / (2 * case.h[:, None, None])).transpose(1, 2, 0)
    assert np.allclose(
        differences, J, rtol=1e-6, atol=1e-7 * np.abs(J).max(initial=1e-300) + 1e-9 * np.abs(ours).max() / case.h.min() * 1e-6
    )


@pytest.mark.parametrize("name", [n for n in SAMPLES if SAMPLES[n][1].cells])
def test_octave_carries_the_states(octave, name):
    """A series in one call equals step after step with the states handed on: the taps are where the function says."""
    result = octave[1][name]
    assert np.array_equal(result["series"], result["steps"])
