"""The checker finds planted errors, and excuses what lies at a kink."""

from dataclasses import replace

import numpy as np
import pytest

from nngrad.core import passes, plan
from nngrad.core.activations import ACTIVATIONS, BY_NAME, Activation
from nngrad.core.graph import Node
from nngrad.core.layers import (
    KINDS,
    Affine,
    Compet,
    Distance,
    Elementwise,
    FillMissing,
    Normalize,
    NormProd,
    Scale,
    Softmax,
    SquaredDistance,
)
from nngrad.core.network import Network
from nngrad.core.points import sample
from nngrad.core.ports import Port
from nngrad.errors import UsageError
from nngrad.proofs.check import (
    METHODS,
    at_kinks,
    by_complex_step,
    by_differences,
    check,
    evaluate,
    unknown_layers,
)
from nngrad.proofs.definitions import COMPLEX
from tests.core import test_network
from tests.core.test_network import ALL, deep, dense

R = np.random.default_rng(31)
BOTH = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(autouse=True)
def the_same_networks_whatever_ran_before():
    test_network.R.bit_generator.state = np.random.default_rng(5).bit_generator.state


def failed(net, x, method=None, hessian=False):
    return {c.what for c in check(net, x, method, hessian) if not c.passed}


def rows(net, count=6):
    return np.random.default_rng(4).normal(size=(count, net.input_size))


def odd():
    """Layer kinds that the networks of test_network don't have."""
    c = R.normal(size=(5, 3))
    return {
        "radial basis": [
            SquaredDistance(c, R.uniform(0.5, 1, 5)),
            Elementwise(BY_NAME["exp"]),
            NormProd(R.normal(size=(2, 5))),
        ],
        "distance": [Distance(c), dense(5, 2)],
        "manhattan": [Distance(c, -1.0, True), dense(5, 2), Softmax()],
        "normalised": [dense(3, 6), Normalize(6, 2, 1e-3), Elementwise(BY_NAME["relu"]), dense(6, 2)],
        "missing": [
            FillMissing(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 0], bool), np.ones(4, bool), np.ones(4), 3),
            dense(4, 2),
        ],
        "competition": [dense(3, 4), Compet(), dense(4, 2)],
    }


@ALL
@BOTH
def test_right_derivatives_pass(net, method):
    assert not failed(net, rows(net), method, hessian=net.input_size < 10)


@BOTH
@pytest.mark.parametrize("layers", odd().values(), ids=odd())
def test_right_derivatives_of_odd_layers_pass(layers, method):
    net = Network.chain(layers, 3)
    assert not failed(net, rows(net), method, hessian=True)


@BOTH
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
def test_right_derivatives_of_every_activation_pass(activation, method):
    layer = Elementwise(activation, dict(activation.params))
    net = Network.chain([dense(3, 8), layer, dense(8, 2)])
    assert not failed(net, rows(net), method)
    assert not failed(net, rows(net, 3), method, hessian=True)


@pytest.mark.parametrize("activation", [a for a in ACTIVATIONS if a.name != "exp"], ids=lambda a: a.name)
def test_activations_pass_far_out(activation):
    """Each point alone: it is its own derivative that is compared, however small."""
    net = Network.chain([Elementwise(activation, dict(activation.params))], 1)
    for x in (15.0, 20.0, 26.0, 38.0, 300.0, 700.0, 740.0, 1e3, 1e5):
        assert not failed(net, np.array([[x]]))
        assert not failed(net, np.array([[-x]]))


def test_the_second_evaluator_is_the_network():
    """Its real part, at real points: else it would prove another network's derivatives."""
    for net in [*(Network.chain(layers, 3) for layers in odd().values()), deep(4, 2)]:
        x = rows(net)
        np.testing.assert_allclose(evaluate(net, x.T.astype(complex)).real.T, net(x), rtol=1e-12, atol=1e-14)


def test_every_layer_kind_is_known_to_one_of_the_routes():
    assert set(COMPLEX) <= set(KINDS)
    assert {Affine, Elementwise, Softmax} <= set(COMPLEX)


def test_a_wrong_output_is_found():
    class Wrong(Network):
        def __call__(self, x):
            return super().__call__(x) * [1.0, 1.0 + 1e-6]

    net = deep(3, 2)
    assert failed(Wrong(net.layers, net.inputs, net.outputs), rows(net)) == {"y"}


# planted errors


def part(J, of, wrt):
    """Of a Jacobian of everything, the outputs and inputs that were chosen."""
    J = J if of is None else J[..., list(of), :]
    return J if wrt is None else J[..., list(wrt)]


@pytest.mark.parametrize("way", ["one row", "in blocks", "a part of J"])
def test_an_error_on_one_of_the_ways_to_a_jacobian_is_found(way):
    """Twice the Jacobian of single rows alone, of more rows than a block has, or of some outputs and inputs."""

    class Wrong(Network):
        def jacobian(self, x, of=None, wrt=None):
            J = super().jacobian(x, of, wrt)
            meant = {
                "one row": J.ndim == 2,
                "in blocks": J.ndim == 3 and len(J) > self.block_rows,
                "a part of J": of is not None,
            }
            return 2.0 * J if meant[way] else J

    net = deep(4, 3)
    assert not failed(net, rows(net))
    assert failed(Wrong(net.layers, net.inputs, net.outputs), rows(net)) == {"J otherwise"}


@BOTH
@pytest.mark.parametrize("name", ["tansig", "logsig", "radbas", "softplus", "elu", "satlin", "swish"])
def test_a_wrong_slope_is_found(method, name):
    right = BY_NAME[name]
    wrong = replace(right, df=f"1.001*({right.df})", fast_df=None)
    net = Network.chain([dense(3, 5), Elementwise(wrong, dict(right.params)), dense(5, 2)])
    assert failed(net, rows(net), method) == {"J", "J v", "w' J"}


def test_a_wrong_curvature_is_found_in_the_hessian_alone():
    wrong = replace(BY_NAME["tansig"], d2f="2.0*y*d")
    net = Network.chain([dense(3, 5), Elementwise(wrong), dense(5, 2)])
    assert failed(net, rows(net), hessian=True) == {"H"}


@BOTH
def test_a_textbook_error_of_softmax_is_found(method, monkeypatch):
    """Its Jacobian taken as diagonal."""
    monkeypatch.setattr(Softmax, "jvp", lambda self, k, x, y, T: (y * (1 - y))[:, None] * T[0])
    monkeypatch.setattr(Softmax, "vjp", lambda self, k, x, y, G: ((y * (1 - y))[:, None] * G,))
    net = deep(4, 3, last=(Softmax(),))
    assert failed(net, rows(net), method) == {"J", "J v", "w' J"}


@BOTH
def test_a_transposed_matrix_is_found(method, monkeypatch):
    """It still works because the matrix is square."""
    net = Network.chain([dense(4, 4), Elementwise(BY_NAME["tansig"]), dense(4, 4), Elementwise(BY_NAME["tansig"])])
    monkeypatch.setattr(Affine, "vjp", lambda self, k, x, y, G: (np.einsum("oi,imn->omn", self.W, G),))
    assert "w' J" in failed(net, rows(net), method)


@BOTH
def test_a_dropped_gain_is_found(method, monkeypatch):
    monkeypatch.setattr(Scale, "jvp", lambda self, k, x, y, T: T[0].copy())
    monkeypatch.setattr(Scale, "vjp", lambda self, k, x, y, G: (G.copy(),))
    net = deep(3, 2)
    assert failed(net, rows(net), method) == {"J", "J v", "w' J"}


@BOTH
def test_an_error_in_the_smallest_input_is_found(method):
    """An input of 1e-6 beside one of 1e6: derivatives are measured in units of the inputs."""
    net = Network.chain(
        [
            Scale(np.array([1e6, 1e-6]), np.zeros(2), np.zeros(2)),
            dense(2, 3),
            Elementwise(BY_NAME["tansig"]),
            dense(3, 1),
        ],
        2,
    )
    x = rows(net) * [1e-6, 1e6]
    assert not failed(net, x, method)

    class Wrong(Network):
        def jacobian(self, x, of=None, wrt=None):
            return part(super().jacobian(x) * [1.0, 1.001], of, wrt)

    assert failed(Wrong(net.layers, net.inputs, net.outputs), x, method) == {"J"}


@BOTH
def test_the_report_says_where(method):
    class Wrong(Network):
        def jacobian(self, x, of=None, wrt=None):
            J = super().jacobian(x)
            if J.ndim == 3:
                J[3::6, 1, 2] += 0.5
            return part(J, of, wrt)

    net = deep(4, 2)
    (_, J, *_) = check(Wrong(net.layers, net.inputs, net.outputs), rows(net), method)
    assert not J.passed
    assert J.outputs[0].relative < 1e-9
    worst = J.outputs[1]
    assert (worst.output, worst.row, worst.inputs) == ("y2", 4, ("x3",))
    assert worst.absolute == pytest.approx(abs(worst.ours - worst.theirs))


def test_derivatives_that_are_not_numbers_are_found():
    broken = Activation("broken", f="sqrt(x*x)", df="x/x*0.0/(x - x)", d2f="x*0.0", aliases=())
    net = Network.chain([dense(2, 3), Elementwise(broken), dense(3, 1)])
    assert "J" in failed(net, rows(net))


# kinks


def relu_at(bias):
    return Network.chain([Affine(np.ones((1, 1)), np.array([bias])), Elementwise(BY_NAME["relu"])], 1)


def test_a_kink_within_the_step_is_avoided_by_smaller_steps():
    J, low, high = by_differences(relu_at(0.001), np.array([[0.0], [-0.002], [1.0]]))
    np.testing.assert_allclose(low, high, atol=1e-9)
    np.testing.assert_allclose(J[:, 0, 0], [1.0, 0.0, 1.0], atol=1e-9)


@BOTH
def test_a_kink_at_the_point_is_not_an_error(method):
    """The middle of tribas is a convention: differences see 0, the two sides -1 and 1."""
    net = Network.chain([Affine(np.eye(2), np.zeros(2)), Elementwise(BY_NAME["tribas"])])
    x = np.array([[0.0, 0.3], [0.2, -0.4]])
    found = check(net, x, method, hessian=True)
    assert all(c.passed for c in found)
    assert sum(w.at_kinks for c in found if c.what == "J" for w in c.outputs) >= (1 if method == "complex step" else 0)
    assert at_kinks(net, x).tolist() == [True, False]


@BOTH
def test_an_error_beside_a_kink_is_still_found(method):
    wrong = replace(BY_NAME["relu"], df="where(x <= 0.0, 0.0, 1.01)")
    net = Network.chain([Affine(np.eye(2), np.zeros(2)), Elementwise(wrong)])
    assert "J" in failed(net, np.array([[0.0, 0.3], [0.2, 0.4]]), method)


class Threefold(Network):
    """Every Jacobian is three times what it should be; y is right."""

    def jacobian(self, x, of=None, wrt=None):
        return 3.0 * super().jacobian(x, of, wrt)


def with_dead_units(weight):
    """Two of eight units never move, or hardly: their net input is 0 at every point."""
    W = R.normal(size=(8, 3))
    W[[2, 5]] = weight
    b = np.where(np.isin(np.arange(8), [2, 5]), 0.0, R.normal(size=8))
    return Network.chain([Affine(W, b), Elementwise(BY_NAME["relu"]), dense(8, 2)])


@BOTH
@pytest.mark.parametrize("weight", [0.0, 1e-42])
def test_dead_units_excuse_nothing(method, weight):
    net = with_dead_units(weight)
    x = rows(net)
    for quantity in check(net, x, method):
        assert quantity.passed
        assert not any(w.at_kinks for w in quantity.outputs) or quantity.what == "y"
    wrong = Threefold(net.layers, net.inputs, net.outputs)
    assert "J" in failed(wrong, x, method)


@BOTH
@pytest.mark.parametrize("name", ["relu", "poslin", "abs", "tribas", "hard_sigmoid", "leaky_relu"])
def test_at_a_kink_only_what_lies_between_its_slopes_is_excused(method, name):
    """Two units at a kink, or one, at every point."""
    activation = BY_NAME[name]
    at = {"hard_sigmoid": 3.0}.get(name, 0.0)
    layers = [Affine(np.eye(3), np.zeros(3)), Elementwise(activation, dict(activation.params)), dense(3, 2)]
    net, x = Network.chain(layers), np.array([[at, at + 0.25, at], [at - 0.25, at, at + 0.125]])
    assert at_kinks(net, x).all()
    assert not failed(net, x, method)
    assert "J" in failed(Threefold(net.layers, net.inputs, net.outputs), x, method)


def test_agreement_is_not_said_where_nothing_was_compared():
    net = Network.chain([Affine(np.eye(1), np.zeros(1)), Elementwise(BY_NAME["abs"])])
    (J,) = (c for c in check(net, [[0.0]]) if c.what == "J")
    assert J.nothing
    assert not J.passed


def test_hessians_next_to_kinks():
    net = Network.chain(
        [dense(3, 8), Elementwise(BY_NAME["relu"]), dense(8, 4), Elementwise(BY_NAME["tansig"]), dense(4, 1)]
    )
    assert not failed(net, rows(net, 50), hessian=True)


# points and routes


def test_points_lie_in_the_training_range_where_there_is_one():
    net = deep(3, 1)
    half = Network(
        net.layers, (Port("x", net.input_names, np.array([0, np.nan, 5.0]), np.array([1, np.nan, 6.0])),), net.outputs
    )
    x = sample(half, 500)
    assert x[:, 0].min() >= 0
    assert x[:, 0].max() <= 1
    assert 5 <= x[:, 2].min() < 5.1
    assert 0.8 < x[:, 1].std() < 1.2
    assert np.array_equal(x, sample(half, 500))
    assert not np.array_equal(x, sample(half, 500, seed=2))


def test_a_layer_that_the_complex_step_does_not_know_is_checked_by_differences():
    class Squashed(Softmax):
        pass

    net = Network.chain([dense(3, 4), Squashed()])
    assert unknown_layers(net) == ("Squashed",)
    assert check(net, rows(net))[0].method == "differences"
    with pytest.raises(UsageError, match="does not know Squashed"):
        check(net, rows(net), "complex step")
    with pytest.raises(UsageError, match="are possible"):
        check(net, rows(net), "guess")


def test_no_rule_of_a_derivative_is_used(monkeypatch):
    """The independent routes run with every derivative rule taken away."""
    net = Network.chain([*odd()["radial basis"], Elementwise(BY_NAME["tansig"])], 3)
    x, expected = rows(net), net.jacobian(rows(net))

    def forbidden(*_):
        raise AssertionError("a derivative rule was used")

    for kind in KINDS:
        for rule in ("jvp", "vjp", "curvature"):
            monkeypatch.setattr(kind, rule, forbidden)
    for rule in ("slope", "second"):
        monkeypatch.setattr(Activation, rule, forbidden)
    for rule in ("push", "pull"):
        monkeypatch.setattr(passes, rule, forbidden)
        monkeypatch.setattr(plan, rule, forbidden)
    np.testing.assert_allclose(by_complex_step(net, x)[0], expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(by_differences(net, x)[0], expected, rtol=1e-8, atol=1e-10)


def test_no_rows_and_rows_with_nan():
    net = deep(3, 2)
    for method in METHODS:
        assert all(c.passed for c in check(net, np.empty((0, 3)), method, hessian=True))
    x = rows(net)
    x[1, 0] = np.nan
    assert not failed(net, x)


@BOTH
@pytest.mark.parametrize("odd", [np.inf, -np.inf, 1e300])
def test_infinities_and_overflows_are_no_warnings(method, odd):
    net = deep(3, 2)
    x = rows(net)
    x[1, 0], x[:, 2] = odd, odd
    assert len(check(net, x, method, hessian=True)) == 6


def test_nodes_are_what_is_evaluated():
    net = Network((Node(dense(2, 2), (0,)),), (Port("x", ("a", "b")),), (Port("y", ("c", "d")),))
    assert not failed(net, rows(net), hessian=True)
