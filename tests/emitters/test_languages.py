"""Emitted source code does what the network does: every layer kind, every activation, sample
models, self-tests, fmincon's shapes.
"""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from nngrad import load
from nngrad.core.activations import ACTIVATIONS, BY_NAME
from nngrad.core.builder import Builder
from nngrad.core.layers import (
    KINDS,
    Affine,
    Compet,
    Concatenate,
    Distance,
    Elementwise,
    FillMissing,
    Normalize,
    NormProd,
    Place,
    Product,
    Scale,
    Select,
    Softmax,
    SquaredDistance,
    Sum,
)
from nngrad.core.network import Network
from nngrad.core.ports import Port, numbered
from nngrad.emitters.selftest import points
from tests.emitters import languages
from tests.emitters.languages import (
    COMPILERS,
    EVERY,
    LANGUAGES,
    OCTAVE,
    WARNINGS,
    c,
    compiler_only,
    octave,
    octave_only,
    worst,
    write,
)
from tests.makers import SAMPLES

ROOT = SAMPLES.parent
R = np.random.default_rng(5)
TANSIG = Elementwise(BY_NAME["tansig"])


def dense(n, m):
    return Affine(R.normal(size=(m, n)) / np.sqrt(n), R.normal(size=m))


def around(layer, n, m):
    """A layer between others, so that tangents and cotangents of both directions reach it."""
    return Network.chain([dense(3, n), TANSIG, layer, dense(m, 2), TANSIG])


def joined(join, branches=2, m=4):
    build = Builder()
    parts = [build.through([dense(3, 4), TANSIG], 0) for _ in range(branches)]
    build.through([TANSIG, dense(m, 2)], build.add(join, *parts))
    return Network(tuple(build.nodes), (Port("x", numbered("x", 3)),), (Port("y", numbered("y", 2)),))


def beside_nothing():
    """A radial basis layer without a centre beside one that has some."""
    build = Builder()
    parts = [build.add(SquaredDistance(R.normal(size=(units, 3)), np.full(units, 0.4)), 0) for units in (0, 4)]
    build.through([TANSIG, dense(4, 2)], build.beside(parts, (0, 4)))
    return Network(tuple(build.nodes), (Port("x", numbered("x", 3)),), (Port("y", numbered("y", 2)),))


def scale(n):
    return Scale(R.uniform(0.5, 2.0, n), R.normal(size=n), R.normal(size=n))


SELECT, PLACE = Select(np.array([4, 0, 2]), 5), Place(np.array([3, 1]), np.array([0.5, 0.0, 2.0, 0.0]))
MISSING = FillMissing(
    np.array([0, 1, 2, 1]),
    np.array([0, 0, 0, 1], bool),
    np.array([0, 1, 0, 0], bool),
    np.array([0.0, 0.7, 0.0, 0.0]),
    3,
)
TWICE = FillMissing(np.array([0, 0]), np.zeros(2, bool), np.array([1, 0], bool), np.array([0.3, 0.0]), 1)

NETWORKS = {
    "affine": Network.chain([dense(3, 2)]),
    "affine after affine": Network.chain([TANSIG, dense(20, 20), dense(20, 2), TANSIG], 20),
    "nothing": Network.chain([Elementwise(BY_NAME["purelin"])], 2),
    "scale": Network.chain([scale(3)], 3),
    "scales and select": Network.chain(
        [scale(5), SELECT, scale(3), dense(3, 6), TANSIG, dense(6, 2), scale(2), PLACE], 5
    ),
    "select late": around(SELECT, 5, 3),
    "select first, forwards": Network.chain([SELECT, dense(3, 9), TANSIG, dense(9, 9), TANSIG]),
    "place": around(PLACE, 2, 4),
    "place all": around(Place(np.array([2, 0, 1]), np.ones(3)), 3, 3),
    "missing": Network.chain([MISSING, dense(4, 6), TANSIG, dense(6, 2)]),
    "missing, forwards": Network.chain([MISSING, dense(4, 6), TANSIG, dense(6, 6)]),
    "missing read twice": Network.chain([TWICE, dense(2, 3), TANSIG, dense(3, 1)]),
    "softmax": around(Softmax(), 4, 4),
    "softmax last": Network.chain([dense(9, 6), TANSIG, dense(6, 3), Softmax()]),
    "softmax, sure": Network.chain(
        [dense(3, 3), Scale(np.full(3, 30.0), np.zeros(3), np.zeros(3)), Softmax(), dense(3, 2)]
    ),
    "compet": around(Compet(), 4, 4),
    "gauss": Network.chain(
        [SquaredDistance(R.normal(size=(5, 3)), R.uniform(0.2, 1.0, 5)), Elementwise(BY_NAME["exp"]), dense(5, 2)], 3
    ),
    "gauss inside": around(SquaredDistance(R.normal(size=(5, 4)), np.full(5, 0.4)), 4, 5),
    "dist": around(Distance(R.normal(size=(5, 4))), 4, 5),
    "negdist": Network.chain([Distance(R.normal(size=(4, 3)), -1.0), Softmax()], 3),
    "mandist": around(Distance(R.normal(size=(5, 4)), -1.0, manhattan=True), 4, 5),
    "normprod": Network.chain([dense(3, 4), Elementwise(BY_NAME["logsig"]), NormProd(R.normal(size=(3, 4))), TANSIG]),
    "normalize": around(Normalize(6, 1, 1e-3), 6, 6),
    "normalize groups": around(Normalize(6, 2, 1e-3), 6, 6),
    "sum": joined(Sum(), 3),
    "product": joined(Product(), 3),
    "product of two": joined(Product()),
    "concatenate": joined(Concatenate((4, 4)), m=8),
    "concatenate, one empty": beside_nothing(),
}


@pytest.fixture(scope="module")
def rows():
    return {name: R.normal(size=(4, net.input_size)) for name, net in NETWORKS.items()}


def test_every_kind_of_layer_is_among_the_networks():
    assert {type(node.layer) for net in NETWORKS.values() for node in net.layers} == set(KINDS)


@pytest.mark.parametrize("language", EVERY)
def test_every_kind_of_layer(language, rows, tmp_path):
    found = LANGUAGES[language]([(net, rows[name]) for name, net in NETWORKS.items()], tmp_path)
    for (name, net), result in zip(NETWORKS.items(), found, strict=True):
        errors = worst(result, net, rows[name])
        assert np.all(np.array(errors) <= (1e-13, 1e-11, 1e-11)), (name, errors)


def all_activations():
    """One network with every activation twice, for one input; parameters differ from unit to unit."""
    build = Builder()
    both = build.add(Affine(np.ones((2, 1)), np.zeros(2)), 0)
    some = [a for a in ACTIVATIONS if a.name != "purelin"]
    layers = [Elementwise(a, {name: np.array([default, 0.5 * default]) for name, default in a.params}) for a in some]
    build.beside([build.add(layer, both) for layer in layers], [2] * len(layers))
    m = 2 * len(layers)
    return Network(tuple(build.nodes), (Port("x", ("x1",)),), (Port("y", numbered("y", m)),))


@pytest.mark.parametrize("language", EVERY)
def test_every_activation_also_in_its_tails(language, tmp_path):
    net = all_activations()
    x = np.array(
        [
            0.0,
            -0.0,
            1e-300,
            1e-9,
            0.3,
            -0.3,
            0.5,
            -0.7,
            1.0,
            -1.0,
            2.5,
            -6.0,
            19.0,
            -19.0,
            40.0,
            -300.0,
            1e3,
            -1e3,
            np.nan,
            5.0,
        ]
    )
    found = LANGUAGES[language]([(net, x[:, None])], tmp_path)[0]
    y, J = net.value_and_jacobian(x[:, None])
    H = net.hessian(x[:, None])
    np.testing.assert_allclose(found.y, y, rtol=2e-14, atol=1e-300)
    np.testing.assert_allclose(found.J, J, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(found.H, H, rtol=1e-11, atol=1e-300)


@compiler_only
def test_tanh_and_its_slope_share_one_call_and_lose_nothing(tmp_path):
    net = Network.chain([TANSIG], 1)
    x = np.concatenate([np.logspace(-300, 2.5, 400), [0.49999, 0.5, 0.50001]])[:, None]
    write(net, "c", "f", tmp_path)
    assert "= tanh(" not in (tmp_path / "f.c").read_text()
    found = c([(net, x)], tmp_path, hessian=False)[0]
    exact = x.ravel().astype(np.longdouble)
    assert np.finfo(np.longdouble).eps < 1e-18 or pytest.skip("no wider numbers to compare with")
    np.testing.assert_allclose(found.y.ravel().astype(np.longdouble), np.tanh(exact), rtol=5e-16)
    np.testing.assert_allclose(found.J.ravel().astype(np.longdouble), 1 / np.cosh(exact) ** 2, rtol=2e-15)


SOME = ("fitnet", "patternnet", "constant_rows", "rbf", "cascade", "two_inputs", "hard_limit")


def test_outputs_in_python_are_numbers_of_their_own(tmp_path):
    """Not a view of x where the network only chooses some."""
    for name, layers in {"same": [Elementwise(BY_NAME["purelin"])], "some": [Select(np.array([1, 2]), 3)]}.items():
        write(Network.chain(layers, 3), "python", name, tmp_path)
        x = np.ones((4, 3))
        assert not np.shares_memory(languages.load(tmp_path / f"{name}.py").f(x), x)


@pytest.mark.parametrize("language", EVERY)
def test_sample_models(language, tmp_path):
    cases = [(net, points(net, 5)) for net in (load(SAMPLES / f"{name}.mat") for name in SOME)]
    for (net, x), found in zip(cases, LANGUAGES[language](cases, tmp_path), strict=True):
        errors = worst(found, net, x)
        assert np.all(np.array(errors) <= (1e-13, 1e-11, 1e-11)), (net.origin.path, errors)


@compiler_only
@pytest.mark.parametrize("compiler", COMPILERS)
def test_single_precision(compiler, tmp_path):
    nets = [load(SAMPLES / "fitnet.mat"), load(SAMPLES / "patternnet.mat"), all_activations()]
    cases = [(net, points(net, 5)) for net in nets]
    for (net, x), found in zip(cases, c(cases, tmp_path, single=True, compiler=compiler), strict=True):
        assert np.all(np.array(worst(found, net, x.astype(np.float32).astype(float))) <= (1e-5, 1e-4, 1e-3))


@compiler_only
@pytest.mark.parametrize("flags", ["-O3 -march=native", "-O0 -fsanitize=undefined"])
def test_compiles_without_a_word_and_passes_its_own_test(flags, tmp_path):
    write(load(SAMPLES / "two_inputs.mat"), "c", "net", tmp_path, tests=9, simulink=True)
    files = ["net.c", "net_simulink.c", "test_net.c"]
    built = run([COMPILERS[0], *WARNINGS, *flags.split(), *files, "-o", "test", "-lm"], tmp_path)
    assert (built.returncode, built.stderr) == (0, "")
    done = run(["./test"], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "net: 9 points agree\n", "")


COMMANDS = {
    "python": [sys.executable, "-B", "test_net.py"],
    "c": ["sh", "-c", f"{(*COMPILERS, 'cc')[0]} net.c test_net.c -o test -lm && ./test"],
    "matlab": [str(OCTAVE), "-qf", "test_net.m"],
}


def run(command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("language", EVERY)
def test_a_self_test_fails_where_a_weight_differs(language, tmp_path):
    net = load(SAMPLES / "fitnet.mat")
    weight = next(float(node.layer.W.flat[0]) for node in net.layers if isinstance(node.layer, Affine))
    write(net, language, "net", tmp_path, tests=3)
    main = next(tmp_path / f"net{s}" for s in (".py", ".c", ".m") if (tmp_path / f"net{s}").exists())
    good = run(COMMANDS[language], tmp_path)
    assert (good.returncode, good.stdout) == (0, "net: 3 points agree\n")
    text = main.read_text()
    assert text.count(repr(weight)) == 1
    main.write_text(text.replace(repr(weight), repr(1.0001 * weight)))
    bad = run(COMMANDS[language], tmp_path)
    assert bad.returncode != 0
    assert "differs from the model" in bad.stdout + bad.stderr


def bowl():
    """A network with a minimum inside, and one more output."""
    centre = SquaredDistance(np.array([[0.3, -0.2], [0.8, 0.5]]), np.array([1.0, 0.5]))
    return Network.chain(
        [centre, Elementwise(BY_NAME["exp"]), Affine(np.array([[-1.0, 0.0], [0.2, 1.0]]), np.zeros(2))], 2
    )


@octave_only
def test_an_objective_guides_fminunc_and_sqp(tmp_path):
    write(bowl(), "matlab", "bowl", tmp_path, wrap=("objective", "constraint"), of=(0,))
    printed = octave(
        [
            "x0 = [0; 0.1];",
            "[f, g, H] = bowl_objective(x0); d = 1e-5; n = zeros(2, 1); N = zeros(2, 2);",
            "for k = 1:2, e = zeros(2, 1); e(k) = d; n(k) = (bowl_objective(x0 + e) - bowl_objective(x0 - e))/(2*d);",
            "[~, a] = bowl_objective(x0 + e); [~, b] = bowl_objective(x0 - e); N(:, k) = (a - b)/(2*d); end",
            "printf('%.3g %.3g\\n', max(abs(n - g)), max(abs(N(:) - H(:))));",
            "[x, ~, info] = fminunc(@(x) bowl_objective(x), x0, optimset('GradObj', 'on', 'TolX', 1e-7));",
            "printf('%.9f %.9f %d\\n', x, info);",
            "function g = slope(x), [~, g] = bowl_objective(x); end",
            "x = sqp(x0, {@(x) bowl_objective(x), @slope}, [], {@(x) deal(-bowl_constraint(x, -Inf, -0.9))});",
            "printf('%.6f %.6f\\n', x);",
        ],
        tmp_path,
    ).splitlines()
    assert max(map(float, printed[0].split())) < 1e-9
    np.testing.assert_allclose([float(v) for v in printed[1].split()[:2]], [0.3, -0.2], atol=1e-6)
    assert int(printed[1].split()[2]) > 0
    np.testing.assert_allclose([float(v) for v in printed[2].split()], [0.3, -0.2], atol=1e-5)


@octave_only
def test_the_lines_for_octave_in_the_readme_run(tmp_path):
    lines = re.search(r"    gradient = @.*?'on'\)\)\n", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    net = load(SAMPLES / "cascade.mat")
    write(net, "matlab", "net_of_x", tmp_path, wrap=("objective",), of=(0,))
    solve, invert = lines.split("\n\n")
    printed = octave([solve, "printf('at %.12g\\n', x);", invert, "printf('at %.12g\\n', x);"], tmp_path)
    found = np.array(re.findall(r"(?m)^at (.*)$", printed), float).reshape(2, 2)
    slope = net.jacobian(found[0])[0]
    assert abs(slope[0]) < 1e-4 * abs(slope[1])
    assert slope[1] > 0
    assert found[0, 1] == 10  # its lower bound
    np.testing.assert_allclose(net(found[1]), net([1.0, 20.0]), atol=1e-5)


@octave_only
def test_the_lines_for_octave_in_the_help_of_a_constraint_run(tmp_path):
    write(bowl(), "matlab", "bowl", tmp_path, wrap=("constraint",), of=(0,))
    text = (tmp_path / "bowl_constraint.m").read_text()
    lines = [line.split("%")[1].strip() for line in text.splitlines() if re.match(r"% +(above|equal) = ", line)]
    assert len(lines) == 2
    fun = "fun = {@(x) sum(x.^2), @(x) 2*x};"
    bounds = ["lower = -Inf; upper = -0.9;", "lower = -0.5; upper = -0.5;"]
    calls = ["[x, f] = sqp([1; 1], fun, [], above);", "[x, f] = sqp([1; 1], fun, equal, []);"]
    parts = [text for part in zip(bounds, lines, calls, strict=True) for text in (*part, "printf('at %.12g\\n', x);")]
    printed = octave([fun, *parts], tmp_path)
    found = np.array(re.findall(r"(?m)^at (.*)$", printed), float).reshape(2, 2)
    net = bowl()
    np.testing.assert_allclose([net(found[0])[0], net(found[1])[0]], [-0.9, -0.5], atol=1e-6)
    for x in found:  # the gradient of x'x stands on the constraint
        slope = net.jacobian(x)[0]
        assert abs(x[0] * slope[1] - x[1] * slope[0]) < 1e-4 * np.linalg.norm(x) * np.linalg.norm(slope)


@octave_only
def test_a_constraint_has_the_shapes_that_fmincon_wants(tmp_path):
    net = load(SAMPLES / "patternnet.mat")
    write(net, "matlab", "net", tmp_path, wrap=("constraint",))
    x = points(net, 1)[0]
    y, J = net.value_and_jacobian(x)
    lower, upper = [0.1, 0.5, -np.inf], [0.7, 0.5, 0.2]
    vectors = [
        f"[{' '.join(f'{v!r}' if np.isfinite(v) else '-Inf' for v in map(float, a))}]" for a in (x, lower, upper)
    ]
    call = f"[c, ceq, DC, DCeq] = net_constraint({', '.join(vectors)});"
    printed = octave(
        [call, "disp(size(DC)); disp(size(DCeq));", "printf('%.17g ', c, ceq, DC, DCeq); disp('')"], tmp_path
    ).splitlines()
    assert [line.split() for line in printed[:2]] == [["4", "3"], ["4", "1"]]
    numbers = np.array([float(v) for v in printed[2].split()])
    c = [0.1 - y[0], y[0] - 0.7, y[2] - 0.2]
    np.testing.assert_allclose(numbers, [*c, y[1] - 0.5, *-J[0], *J[0], *J[2], *J[1]], rtol=1e-11, atol=1e-14)


@pytest.mark.skipif(shutil.which("mkoctfile") is None, reason="Octave's headers are not installed")
def test_the_mex_gateway_gives_what_the_function_gives(tmp_path):
    net = load(SAMPLES / "constant_rows.mat")
    write(net, "c", "net", tmp_path, mex=True)
    write(net, "matlab", "net", tmp_path)
    subprocess.run(["mkoctfile", "--mex", "net_mex.c", "net.c"], cwd=tmp_path, check=True, capture_output=True)
    octave(
        [
            f"x = reshape([{' '.join(map(repr, points(net, 3).ravel().tolist()))}], {net.input_size}, 3);",
            "[y, J, H] = net(x); [y1, J1, H1] = net_mex(x);",
            "assert(y1, y, 1e-12); assert(J1, J, -1e-11); assert(H1, H, 1e-11*max(abs(H(:))));",
        ],
        tmp_path,
    )
