"""The module for JAX gives what nngrad gives, also under JAX's own transformations; skipped where there is no JAX."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from nngrad import Network, NngradError, load
from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise
from nngrad.emitters.selftest import points
from tests.emitters.languages import Results, worst, write
from tests.emitters.languages import load as loaded
from tests.emitters.test_languages import NETWORKS, all_activations
from tests.makers import SAMPLES

pytestmark = pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")


@pytest.fixture(scope="module")
def jax():
    """Imported here: JAX starts threads, which every process that only collects tests would have."""
    import jax

    return jax


def made(net, folder, name="net"):
    write(net, "jax", name, folder)
    return loaded(folder / f"{name}.py")


def compared(net, x, module):
    """How far y, J and H are from nngrad's own, relative to the largest number of each."""
    y, J = module.value_and_jacobian(x)
    return worst(Results(*map(np.asarray, (y, J, module.hessian(x)))), net, x)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_layer(name, tmp_path):
    net = NETWORKS[name]
    x = np.random.default_rng(1).normal(size=(4, net.input_size))
    assert np.all(np.array(compared(net, x, made(net, tmp_path))) <= (1e-13, 1e-11, 1e-11))


def samples():
    """Sample models of one network each, but those that can't be loaded by themselves or written at all."""
    for path in sorted(p for p in SAMPLES.iterdir() if p.suffix in (".mat", ".m", ".h5", ".keras")):
        try:
            net = load(path)
        except NngradError:
            continue
        if isinstance(net, Network) and not net.whole_inputs:
            yield pytest.param(net, id=path.name)


@pytest.mark.parametrize("net", list(samples()))
def test_sample_models(net, tmp_path):
    assert np.all(np.array(compared(net, points(net, 3), made(net, tmp_path))) <= (1e-13, 1e-11, 1e-11))


def test_every_activation_also_in_its_tails(tmp_path):
    """Not at -0.0: XLA leaves out the sum of it and 0.0, which is 0.0."""
    net, module = all_activations(), made(all_activations(), tmp_path)
    near, far = (
        [0.0, 1e-300, 1e-9, 0.3, -0.3, 0.5, -0.7, 1.0, -1.0],
        [2.5, -6.0, 19.0, -19.0, 40.0, -300.0, 1e3, -1e3, np.nan, 5.0],
    )
    x = np.array([*near, *far])[:, None]
    np.testing.assert_allclose(module.f(x), net(x), rtol=2e-14, atol=1e-300)
    np.testing.assert_allclose(module.jacobian(x), net.jacobian(x), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(module.hessian(x), net.hessian(x), rtol=1e-11, atol=1e-300)


@pytest.fixture(scope="module")
def cascade(tmp_path_factory):
    net = load(SAMPLES / "cascade.mat")
    return net, made(net, tmp_path_factory.mktemp("jax")), points(net, 3)


def close(found, right):
    np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-11 * np.abs(right).max())


def test_it_stands_under_the_transformations_of_jax(jax, cascade):
    net, module, x = cascade
    v, w = np.random.default_rng(2).normal(size=net.input_size), np.random.default_rng(3).normal(size=net.output_size)
    J, H = net.jacobian(x), net.hessian(x)
    close(jax.jit(module.f)(x), net(x))
    close(jax.vmap(module.f)(x), net(x))
    for through in (jax.jacfwd, jax.jacrev):
        close(jax.jit(jax.vmap(through(module.f)))(x), J)
        close(jax.vmap(through(module.jacobian))(x), H)
        close(jax.vmap(jax.jacfwd(through(module.f)))(x), H)
    close(jax.jvp(module.f, (x,), (np.tile(v, (3, 1)),))[1], net.jvp(x, v))
    close(jax.vjp(module.f, x)[1](np.tile(w, (3, 1)))[0], net.vjp(x, w))
    close(jax.hessian(lambda one: w @ module.f(one))(x[0]), np.tensordot(w, H[0], 1))
    loss = lambda rows: (module.f(rows) ** 2).sum()  # noqa: E731
    close(jax.grad(loss)(x), 2 * np.einsum("si,sij->sj", net(x), J))


def test_a_third_derivative_is_refused(jax, cascade):
    _, module, x = cascade
    with pytest.raises(NotImplementedError, match="third derivatives"):
        jax.jacfwd(module.hessian)(x[0])


@pytest.mark.parametrize("name", ["relu", "abs", "hard_sigmoid", "poslin", "satlin", "hardlim"])
def test_at_a_kink_the_slope_is_that_of_nngrad(jax, name, tmp_path):
    net = Network.chain([Elementwise(BY_NAME[name])], 1)
    module = made(net, tmp_path)
    for x in (-3.0, -1.0, 0.0, 1.0, 3.0):
        assert jax.jacfwd(module.f)(np.array([x])) == net.jacobian([x])


def test_x_is_taken_as_the_library_takes_it(jax, cascade):
    net, module, x = cascade
    masked = np.ma.masked_array(np.round(x), [[0, 0], [0, 1], [0, 0]])
    whole = np.round(x).astype(np.int16)
    for given in (x.tolist(), x.astype(np.float32), whole, x > 0, masked, masked.astype(np.int32), x[0], x[:0]):
        for found, right in ((module.f, net), (module.jacobian, net.jacobian), (module.hessian, net.hessian)):
            assert found(given).dtype == np.float64
            np.testing.assert_allclose(found(given), right(given), rtol=1e-9, atol=1e-11 * np.nanmax(np.abs(right(x))))
    np.testing.assert_allclose(module.f([jax.numpy.float32(0.5), 20.0]), net([0.5, 20.0]))
    assert module.f(jax.numpy.asarray(x, "bfloat16")).dtype == np.float64


class Frame:
    """What pandas and polars have in common."""

    columns = ("x2", "x1")

    def to_numpy(self):
        return np.array([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ([["1", "2"]], TypeError, "x holds"),
        ([[None, 1.0]], TypeError, "x holds object"),
        (np.ones((2, 2)) * 1j, TypeError, "x holds complex128, not real numbers"),
        (np.ma.masked_array([[1j, 2.0]], [[0, 1]]), TypeError, "x holds complex"),
        (np.zeros(2, "datetime64[s]"), TypeError, "x holds datetime64"),
        (Frame(), TypeError, "x names its columns"),
        (np.ones((2, 3)), ValueError, r"x has the shape \(2, 3\); it takes \(N, 2\) or \(2,\)"),
        (1.0, ValueError, r"x has the shape \(\)"),
    ],
)
def test_what_is_no_row_of_numbers_is_refused(cascade, given, error, words):
    for function in (cascade[1].f, cascade[1].jacobian, cascade[1].hessian, cascade[1].value_and_jacobian):
        with pytest.raises(error, match=words):
            function(given)


def test_single_precision_is_refused(jax, cascade):
    _, module, x = cascade
    try:
        jax.config.update("jax_enable_x64", False)
        with pytest.raises(TypeError, match="single precision"):
            module.f(x)
    finally:
        jax.config.update("jax_enable_x64", True)


def test_its_self_test_fails_where_a_weight_differs(tmp_path):
    net = load(SAMPLES / "fitnet.mat")
    weight = next(float(node.layer.W.flat[0]) for node in net.layers if isinstance(node.layer, Affine))
    write(net, "jax", "net", tmp_path, tests=3)

    def tried():
        return subprocess.run([sys.executable, "-B", "test_net.py"], cwd=tmp_path, capture_output=True, text=True)

    good = tried()
    assert (good.returncode, good.stdout) == (0, "net: 3 points agree\n")
    text = (tmp_path / "net.py").read_text()
    (tmp_path / "net.py").write_text(text.replace(repr(weight), repr(1.0001 * weight)))
    assert "net: f differs from the model" in tried().stderr
