"""All kinds answer everything, and everybody who asks them gets the same answer: info, flags,
emitted code, check, scales.
"""

import inspect
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from nngrad.core import reach
from nngrad.core.activations import ACTIVATIONS
from nngrad.core.graph import Node
from nngrad.core.layers import KINDS, Affine, Concatenate, Elementwise, Layer, Select
from nngrad.core.layers.base import Cost, SmoothLayer
from nngrad.core.layers.linear import there
from nngrad.core.network import Network
from nngrad.core.ports import Port, numbered
from nngrad.core.slope import Slope
from nngrad.emitters import emit
from nngrad.emitters.build import build
from nngrad.proofs.check import at_kinks, check
from nngrad.proofs.definitions import COMPLEX
from nngrad.reports import info, units
from nngrad.reports.flags import flags_of
from tests.core.test_layers import ALL, EXAMPLES, N, inputs

ACTIVATION = pytest.mark.parametrize("activation", ACTIVATIONS, ids=[a.name for a in ACTIVATIONS])


def alone(layer, sizes):
    """A network of one layer, which reads a part of the input for each of its sources."""
    total = sum(sizes)
    ends = np.cumsum([0, *sizes])
    nodes = [Node(Select(np.arange(a, b), total), (0,)) for a, b in pairwise(ends)]
    nodes.append(Node(layer, tuple(range(1, len(sizes) + 1))))
    outputs = (Port("y", numbered("y", layer.size(*sizes))),)
    lower, upper = np.full(total, -1.0), np.full(total, 2.0)
    return Network(tuple(nodes), (Port("x", numbered("x", total), lower, upper),), outputs)


def rows(sizes, count=N):
    return np.concatenate(inputs(sizes, count)).T


def elementwise(activation):
    return Elementwise(activation, dict(activation.params))


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_a_kind_answers_every_question(kind):
    assert issubclass(kind, Layer)
    assert not inspect.isabstract(kind), kind.__abstractmethods__
    assert kind in COMPLEX
    assert isinstance(kind.stem, str)


def test_a_kind_that_forgets_an_answer_is_not_made():
    class Forgetful(SmoothLayer):
        stem, title, takes = "f", "forgetful", None

        def size(self, *n):
            return n[0]

    with pytest.raises(TypeError, match=r"forward.*jvp.*vjp"):
        Forgetful()


@ALL
def test_the_slope_is_what_it_is_said_to_be(layer, sizes):
    net = alone(layer, sizes)
    J = net.jacobian(rows(sizes, 40))
    if layer.slope is Slope.ZERO:
        assert not J.any()
    if layer.slope is Slope.LINEAR:
        np.testing.assert_array_equal(J, np.broadcast_to(J[:1], J.shape))
    assert layer.curved == net.hessian(rows(sizes, 40)).any() or len(sizes) == 1  # a product of one thing is that thing


@ACTIVATION
@np.errstate(all="ignore")
def test_the_slope_of_an_activation_is_what_it_is_said_to_be(activation):
    layer = elementwise(activation)
    x = np.linspace(-4.0, 4.0, 8001)[None]
    y = activation.value(x, layer.params)
    d = np.broadcast_to(activation.slope(x, y, layer.params), x.shape)
    assert (layer.slope is Slope.ZERO) == (not d.any())
    assert (layer.slope is Slope.LINEAR) == (np.ptp(d) == 0.0 and bool(d.any()))
    assert layer.curved == bool(activation.second(x, y, layer.params).any())
    if layer.slope is Slope.SMOOTH and activation.name not in ("netinv", "exp"):
        assert np.abs(np.diff(d)).max() < 0.02  # no jump between neighbours


@ALL
def test_all_say_the_same_of_slopes_and_kinks(layer, sizes):
    agree(alone(layer, sizes), layer, rows(sizes))


@ACTIVATION
def test_all_say_the_same_of_an_activation(activation):
    layer = elementwise(activation)
    agree(alone(layer, (3,)), layer, rows((3,)))


def agree(net, layer, x):
    step = info.facts_of(net)["steps"][-1]
    assert step["slope"] == ("smooth" if layer.slope is Slope.LINEAR else layer.slope.value)
    assert info.facts_of(net)["flat"] == net.flat == (layer.slope is Slope.ZERO)
    assert ("flag_kink" in flags_of(net).names) == layer.slope.kinked
    values = [v.T for v in inputs(tuple(net.sizes[1:-1]), len(x))]
    near = layer.near_kink(tuple(v.T for v in values), 1e-9)
    branch = layer.branch(tuple(v.T for v in values))
    assert (near is not None) == (branch is not None) == layer.slope.kinked
    assert near is None or near.shape == (net.output_size, len(x))
    assert (
        build(net).cotangents is None
        if not layer.curved
        else (build(net).cotangents is not None or not net.hessian(x).any())
    )


@pytest.mark.parametrize(
    "layer", [e[1] for e in EXAMPLES if e[1].slope.kinked], ids=[e[0] for e in EXAMPLES if e[1].slope.kinked]
)
def test_flags_and_check_know_a_kink_when_they_see_it(layer):
    x = np.array([getattr(layer, "W", np.ones((1, 4)))[0]])  # at a centre; all equal, for those who compete; 1 for none
    if isinstance(layer, Elementwise):
        x = np.zeros((1, 4))
    net = alone(layer, (4,))
    assert at_kinks(net, x).all()
    assert dict(zip(flags_of(net).names, flags_of(net)(x), strict=True))["flag_kink"][0].startswith("2:")
    assert not at_kinks(net, x + 0.1 * np.arange(1.0, 5.0)).any()


@ALL
def test_what_is_reached_is_what_slopes_reach(layer, sizes):
    """By the layer's own answers, forward and back, against Jacobians at many points; emitted
    code computes no more than that.
    """
    net = alone(layer, sizes)
    J = (net.jacobian(rows(sizes, 40)) != 0.0).any(axis=0)
    back = np.stack([reach.needed(net, True, [i]) for i in range(net.output_size)])
    ahead = np.stack([reach.reached(net, True, [j])[net.last] for j in range(net.input_size)], axis=1)
    np.testing.assert_array_equal(back, ahead)
    assert not (J & ~back).any()
    if layer.slope is not Slope.ZERO:
        assert (
            build(net).jacobian.place in (tuple(np.flatnonzero(J.any(1))), tuple(np.flatnonzero(J.any(0))))
            or len(sizes) == 1
        )


@ALL
def test_scaled_derivatives_are_products_for_every_kind(layer, sizes):
    net, x = alone(layer, sizes), rows(sizes)
    y, J = net.value_and_jacobian(x)
    scaled = units.training_range(net)(x, y, J, range(net.input_size))
    np.testing.assert_array_equal(scaled, 3.0 * J)


@dataclass(frozen=True, eq=False)
class TimesMean(SmoothLayer):
    """y = x mean(x): a kind of its own, with every rule written once."""

    inputs: int
    stem = "t"
    title = "times the mean"

    @property
    def takes(self):
        return (self.inputs,)

    def size(self, *n):
        return n[0]

    def _mean(self, k, x):
        return k.once(
            "mean", lambda: k.map("t/N", name="mean_{y}", t=k.total(x[0], name="sum_{y}"), N=float(self.inputs))
        )

    def forward(self, k, x):
        return k.map("x*m", x=x[0], m=self._mean(k, x))

    def jvp(self, k, x, y, T):
        v = k.dense(there(T), "whole_{out}")
        share = k.total(v, name="total_{out}")
        return k.along("v*m + x*t/N", v=v, m=self._mean(k, x), x=x[0], t=share, N=float(self.inputs))

    def vjp(self, k, x, y, G):
        g = k.dense(G, "whole_{out}")
        weighted = k.total(k.along("g*x", name="parts_{out}", g=g, x=x[0]), name="total_{out}")
        return (k.along("g*m + t/N", g=g, m=self._mean(k, x), t=weighted, N=float(self.inputs)),)

    def curvature(self, k, x, y, G, S, T):
        left = self._side(k, x, S)
        right = left if S is T else self._side(k, x, T)
        return (k.cross(k.dense(G, "whole_{y}"), left, right),)

    def _side(self, k, x, T):
        v = k.dense(there(T), "d{x}_dx")
        mean = k.along("t/N", name="share_{y}", t=k.total(v, name="total_{y}"), N=float(self.inputs))
        return v, k.each(mean, x[0])

    def reaches(self, reads):
        return np.full(len(reads[0]), reads[0].any())

    def needs(self, wanted, sizes):
        return (np.full(self.inputs, wanted.any()),)

    def cost(self, n, m):
        return Cost(2 * n)


def test_a_new_kind_is_one_class(tmp_path):
    """Values, J, H and emitted code come from its rules alone."""
    r = np.random.default_rng(4)
    net = Network.chain(
        [Affine(r.normal(size=(4, 3)), r.normal(size=4)), TimesMean(4), Affine(r.normal(size=(2, 4)), np.zeros(2))]
    )
    x = r.normal(size=(5, 3))
    assert all(found.passed for found in check(net, x, hessian=True))
    (text,) = (v if isinstance(v, str) else v.decode() for v in emit(net, "python", "new").values())
    code = {}
    exec(compile(text, "new.py", "exec"), code)  # our own text
    np.testing.assert_allclose(code["f"](x), net(x), rtol=1e-13)
    np.testing.assert_allclose(code["jacobian"](x), net.jacobian(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(code["hessian"](x), net.hessian(x), rtol=1e-11, atol=1e-13)


def test_a_value_that_is_not_the_last_may_be_the_output():
    nodes = (Node(Select(np.array([1]), 2), (0,)), Node(Concatenate((2, 1)), (0, 1)))
    ports = {"inputs": (Port("x", ("a", "b")),), "outputs": (Port("y", ("y",)),)}
    net = Network(nodes, **ports, result=1)
    np.testing.assert_array_equal(net([[3.0, 4.0]]), [[4.0]])
    np.testing.assert_array_equal(net.jacobian([[3.0, 4.0]]), [[[0.0, 1.0]]])
    np.testing.assert_array_equal(net.vjp([[3.0, 4.0]], [2.0]), [[0.0, 2.0]])
    np.testing.assert_array_equal(net.jvp([[3.0, 4.0]], [2.0, 5.0]), [[5.0]])
    assert build(net).y.size == 1
