"""What emitted code does with an x that is no plain array of doubles: right, or refused, in every language."""

import shutil
import subprocess

import numpy as np
import pytest

from nngrad import load
from nngrad.core.activations import ACTIVATIONS
from nngrad.core.layers import Affine, Elementwise
from nngrad.core.network import Network
from nngrad.emitters.build import build
from nngrad.emitters.python.module import analytic
from nngrad.emitters.selftest import points
from tests.emitters.languages import load as loaded
from tests.emitters.languages import octave, octave_only, texts, write
from tests.emitters.test_languages import NETWORKS
from tests.makers import SAMPLES

MODELS = ("fitnet", "patternnet", "cascade", "two_inputs", "constant_rows")
mex_only = pytest.mark.skipif(shutil.which("mkoctfile") is None, reason="Octave's headers are not installed")

# MATLAB and Octave: an expression of X, a real matrix of two columns in the network's shape, and whether it is taken
CLASSES = {
    "X": True,
    "X(:, 1)": True,
    "X(:, [])": True,
    "[X X](:, 1:3)": True,
    "X'": False,
    "X(:, 1)'": False,
    "0.5": False,
    "[]": False,
    "X(:)": False,
    "[X; X]": False,
    "X(1:end - 1, :)": False,
    "sparse(X)": False,
    "single(X)": False,
    "int32(X)": False,
    "uint8(X)": False,
    "X > 0": False,
    "complex(X, 1)": False,
    "complex(X, 0)": False,
    "cat(3, X, X)": False,
    "reshape(X(:, 1:2), size(X, 1), 1, 2)": False,
    "zeros(size(X, 1), 0, 2)": False,
    "num2cell(X)": False,
    "char(X)": False,
    "struct('x', X)": False,
    "@(x) x": False,
    "eye(size(X, 1))": True,  # Octave keeps it as its diagonal
    "(1:size(X, 1))'": True,  # and this as a range
}
CHECKS = """
classes = {CLASSES};
taken = [TAKEN];
for k = 1:numel(classes)
    x = eval(classes{k});
    try
        [y, J, H] = FUNCTION(x);
        passed = true;
    catch e
        passed = false;
        words = regexp(e.message, 'must be a full real double matrix|net_mex takes', 'match');
        assert(~isempty(words), e.message);
    end
    assert(passed == taken(k), classes{k});
    if passed
        x = full(x);
        assert(isequal(size(y), [size(right(:, 1), 1), size(x, 2)]));
        for s = 1:size(x, 2)
            [y1, J1, H1] = net(x(:, s));
            assert(y(:, s), y1, 1e-12*max(abs(y1(:))));
            assert(J(:, :, s), J1, 1e-10*max(abs(J1(:))) + realmin);
            assert(H(:, :, :, s), H1, 1e-10*max(abs(H1(:))) + realmin);
        end
    end
end
"""


def checks(net, function):
    classes = ", ".join("'" + c.replace("'", "''") + "'" for c in CLASSES)
    taken = " ".join(str(int(v)) for v in CLASSES.values())
    text = CHECKS.replace("CLASSES", classes).replace("TAKEN", taken).replace("FUNCTION", function)
    x = points(net, 5)
    return [
        f"X = {matrix(x.T)};",
        f"right = {matrix(net(x).T)};",
        "assert(net(X), right, 1e-12*max(abs(right(:))));",
        text,
    ]


def matrix(a):
    return "[" + "; ".join(" ".join(repr(float(v)) for v in row) for row in np.atleast_2d(a)) + "]"


@octave_only
@pytest.mark.parametrize("model", MODELS)
def test_matlab_takes_its_matrix_and_nothing_else(model, tmp_path):
    net = load(SAMPLES / f"{model}.mat")
    write(net, "matlab", "net", tmp_path)
    octave(checks(net, "net"), tmp_path)


@octave_only
@mex_only
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("compiler", ["c", "c++"])
def test_the_mex_gateway_takes_its_matrix_and_nothing_else(model, compiler, tmp_path):
    net = load(SAMPLES / f"{model}.mat")
    write(net, "matlab", "net", tmp_path)
    suffix = ".c" if compiler == "c" else ".cpp"
    for file, text in texts(net, "c", "net", mex=True, file=f"net{suffix}").items():
        (tmp_path / file.replace("_mex.c", f"_mex{suffix}")).write_text(text)
    subprocess.run(
        ["mkoctfile", "--mex", f"net_mex{suffix}", f"net{suffix}"], cwd=tmp_path, check=True, capture_output=True
    )
    refused = ["net_mex()", "net_mex(X, X)", "[a, b, c, d] = net_mex(X)"]
    counts = [
        f"failed = false; try, {call}; catch e, failed = true; end, assert(failed, '{call}');" for call in refused
    ]
    alone = ["y = net_mex(X); [z, J] = net_mex(X); assert(isequal(y, z)); net_mex(X); assert(isequal(ans, y));"]
    octave([*checks(net, "net_mex"), *counts, *alone], tmp_path)


@octave_only
def test_a_network_of_one_input_takes_a_row_of_samples(tmp_path):
    net = Network.chain([Affine(np.array([[2.0], [3.0]]), np.zeros(2))])
    write(net, "matlab", "net", tmp_path)
    octave(
        [
            "assert(net([1 2 3]), [2 4 6; 3 6 9]); failed = false; try, net([1; 2]); catch, failed = true; end, assert(failed);"
        ],
        tmp_path,
    )


@octave_only
@pytest.mark.parametrize("model", ["patternnet", "two_inputs"])
def test_wrappers_take_rows_and_columns_and_refuse_the_rest(model, tmp_path):
    net = load(SAMPLES / f"{model}.mat")
    m, n = net.output_size, net.input_size
    write(net, "matlab", "net", tmp_path, wrap=("objective", "constraint"))
    x = points(net, 1)[0]
    y, J = net.value_and_jacobian(x)
    good = [
        f"x = {matrix(x)}; w = 1:{m}; y = {matrix(y)}'; J = {matrix(J)}; up = y + 1;",
        "for v = {x, x'}, [f, g] = net_objective(v{1}, w); assert(f, w*y, 1e-12*max(abs(y))*9); assert(g, J'*w', 1e-9*max(abs(J(:))));",
        "[f, g] = net_objective(v{1}, w'); assert(g, J'*w', 1e-9*max(abs(J(:)))); end",
        "for v = {x, x'}, for u = {up, up'}, [c, ceq, DC] = net_constraint(v{1}, -Inf(1, numel(y)), u{1});",
        "assert(c, y - up, 1e-9*max(abs(up))); assert(DC, J', 1e-9*max(abs(J(:)))); assert(isempty(ceq)); end, end",
    ]
    bad_x = ["x(1:end - 1)", "[x x]", "sparse(x)", "single(x)", "int16(x)", "complex(x, 1)", "x > 0", "[]", "1"]
    bad_weights = [f"ones(1, {m + 1})", "2", "int8(w)", "single(w)", "w*1i", "[]", "w > 1"]
    bad_bounds = [f"zeros(1, {m + 1})", "0", f"nan({m}, 1)", "single(y)", "int32(y)", "[]"]
    calls = [f"net_objective({v})" for v in bad_x] + [f"net_constraint({v})" for v in bad_x]
    calls += [f"net_objective(x, {v})" for v in bad_weights] + [
        f"net_constraint(x, {v}, y)" for v in (*bad_bounds, f"Inf({m}, 1)")
    ]
    calls += [f"net_constraint(x, y, {v})" for v in (*bad_bounds, f"-Inf({m}, 1)")]
    assert n > 1
    bad = [f"failed = false; try, {call}; catch, failed = true; end, assert(failed, '{call}');" for call in calls]
    octave([*good, *bad], tmp_path)


# Python


@pytest.mark.parametrize(
    "model", [m for m in MODELS if m != "constant_rows"]
)  # where NaN stays out of constant outputs
def test_python_takes_what_the_library_takes(model, tmp_path):
    net = load(SAMPLES / f"{model}.mat")
    write(net, "python", "net", tmp_path)
    module = loaded(tmp_path / "net.py")
    x = points(net, 3)
    mask = np.zeros(x.shape, bool)
    mask[1, -1] = True
    masked = np.ma.masked_array(np.round(x), mask)
    alike = [
        x.tolist(),
        x.astype(np.float32),
        np.round(x).astype(np.int16),
        x > 0,
        masked,
        masked.astype(np.int32),
        x[0],
        x[:0],
        np.asfortranarray(x),
    ]
    for given in alike:
        expected = (net(given), net.jacobian(given), net.hessian(given))
        for found, right in zip(
            (module.f(given), module.jacobian(given), module.hessian(given)), expected, strict=True
        ):
            assert type(found) is np.ndarray
            np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-10 * np.nanmax(np.abs(right), initial=0.0))
    assert np.isnan(module.f(masked)[1]).any()


@pytest.mark.parametrize(
    "given",
    [[["1", "2"]], [[None, 1.0]], [[object(), 1.0]], {"a": 1}, np.zeros(2, "datetime64[s]"), np.zeros(2, "i4,f8")],
)
def test_python_refuses_what_is_no_number(given, tmp_path):
    write(Network.chain([Affine(np.ones((1, 2)), np.zeros(1))]), "python", "net", tmp_path)
    module = loaded(tmp_path / "net.py")
    for function in (module.f, module.jacobian, module.hessian, module.value_and_jacobian):
        with pytest.raises(TypeError, match=r"x (holds|names)"):
            function(given)


class Frame:
    """What pandas and polars have in common."""

    def __init__(self, columns):
        self.columns = columns

    def to_numpy(self):
        return np.array([[1.0, 2.0]])

    def __array__(self, dtype=None, copy=None):
        return self.to_numpy()


def test_python_never_ignores_a_name(tmp_path):
    write(Network.chain([Affine(np.array([[1.0, 10.0]]), np.zeros(1))]), "python", "net", tmp_path)
    module = loaded(tmp_path / "net.py")
    with pytest.raises(TypeError, match=r"names its columns.*to_numpy"):
        module.f(Frame(["x2", "x1"]))
    assert module.f(Frame([0, 1])) == 21.0


COMPLEX = [name for name, net in NETWORKS.items() if analytic(build(net))]


@pytest.mark.parametrize("name", COMPLEX)
def test_a_complex_step_goes_through_analytic_networks(name, tmp_path):
    net = NETWORKS[name]
    write(net, "python", "net", tmp_path)
    complex_step(net, loaded(tmp_path / "net.py"), np.random.default_rng(3).normal(size=(4, net.input_size)))


@pytest.mark.parametrize("model", MODELS)
def test_complex_x_of_sample_models(model, tmp_path):
    net = load(SAMPLES / f"{model}.mat")
    write(net, "python", "net", tmp_path)
    module = loaded(tmp_path / "net.py")
    (complex_step if analytic(build(net)) else refused)(net, module, points(net, 4))


ANALYTIC = {"tansig", "logsig", "purelin", "radbas", "netinv", "negsquare", "softplus", "swish", "gelu_tanh", "mish"}
ANALYTIC |= {"sin", "cos", "exp", "log_sigmoid"}
ANALYTIC |= {"tanh_shrink", "squareplus", "elliotsig", "elliot2sig"}  # the last two have a slope everywhere


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
def test_complex_x_of_every_activation(activation, tmp_path):
    """A sum of differences of the values along the imaginary axis is the derivative, or complex x is refused."""
    net = Network.chain([Elementwise(activation, dict(activation.params))], 1)
    write(net, "python", "net", tmp_path)
    module = loaded(tmp_path / "net.py")
    x = np.array(
        [
            [0.0],
            [-0.0],
            [0.3],
            [-0.3],
            [0.05],
            [1.0],
            [-1.0],
            [2.5],
            [-6.0],
            [19.0],
            [-19.0],
            [40.0],
            [-40.0],
            [750.0],
            [-1e3],
        ]
    )
    x = x[:-2] if activation.name == "exp" else x
    if activation.name in ANALYTIC:
        complex_step(net, module, x[2:] if activation.name == "netinv" else x)
    else:
        refused(net, module, x)


def complex_step(net, module, x):
    J, h = net.jacobian(x), 1e-30
    for j in range(net.input_size):
        for step in (h, -h):
            z = x.astype(complex)
            z[:, j] += 1j * step
            y = module.f(z)
            np.testing.assert_allclose(y.real, net(x), rtol=1e-12, atol=1e-15 * np.abs(net(x)).max())
            np.testing.assert_allclose(y.imag / step, J[:, :, j], rtol=1e-10, atol=1e-15 * np.abs(J).max())
    assert np.iscomplexobj(module.f(x[0].astype(complex)))
    masked = np.ma.masked_array(x.astype(complex), np.ones(x.shape, bool))
    np.testing.assert_array_equal(np.isnan(module.f(masked)), np.isnan(net(np.full(x.shape, np.nan))))
    for function in (module.jacobian, module.hessian, module.value_and_jacobian):
        with pytest.raises(TypeError, match="x is complex"):
            function(x.astype(complex))


def refused(net, module, x):
    for function in (module.f, module.jacobian, module.hessian, module.value_and_jacobian):
        with pytest.raises(TypeError, match="x is complex"):
            function(x.astype(complex))
