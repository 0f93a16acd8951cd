"""Plans: kept up to a number, directions in chunks within a budget of memory, and nobody writes
to the numbers of a network.
"""

import pickle
import tracemalloc

import numpy as np
import pytest

from nngrad.core import plan
from nngrad.core.activations import BY_NAME
from nngrad.core.graph import Node
from nngrad.core.layers import Affine, Elementwise, Softmax, Sum
from nngrad.core.network import Network
from nngrad.core.ports import Port, numbered
from nngrad.reports.flags import flags
from tests.core.test_network import NETWORKS, branched, dense, rows

SMALL = {**NETWORKS, "branched": branched()}
EACH = pytest.mark.parametrize("name", SMALL)


def again(net):
    """The same network without what it has kept."""
    return Network(net.layers, net.inputs, net.outputs)


@EACH
@pytest.mark.parametrize("budget", [1, 150, 1000])
def test_chunks_of_directions_change_nothing(name, budget, monkeypatch):
    net, x = again(SMALL[name]), rows(SMALL[name])
    expected = net.jacobian(x), net.hessian(x), net.hvp(x, np.ones(net.output_size), np.ones(net.input_size))
    monkeypatch.setattr(plan, "MOST_NUMBERS", budget)
    net = again(net)
    found = net.jacobian(x), net.hessian(x), net.hvp(x, np.ones(net.output_size), np.ones(net.input_size))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    assert np.array_equal(found[1], found[1].swapaxes(2, 3))


@pytest.mark.parametrize("sizes", [(200, 400, 300), (300, 400, 200)])
def test_memory_of_a_large_jacobian_is_hardly_more_than_its_own(sizes, monkeypatch):
    r = np.random.default_rng(1)
    n, h, m = sizes
    net = Network.chain([dense(n, h), Elementwise(BY_NAME["tansig"]), dense(h, m)])
    monkeypatch.setattr(plan, "MOST_NUMBERS", 60_000)
    x = r.normal(size=(4, n))
    tracemalloc.start()
    J = net.jacobian(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * J.nbytes + 2_500_000  # scratch memory comes in pieces of 2 MB


def test_plans_are_kept_up_to_a_number():
    net = Network.chain([dense(40, 5), Elementwise(BY_NAME["tansig"]), dense(5, 20)])
    x = rows(net)
    J = net.jacobian(x)
    for i in range(20):
        for j in range(40):
            np.testing.assert_allclose(net.jacobian(x, [i], [j])[:, 0, 0], J[:, i, j], rtol=1e-12, atol=1e-14)
    assert len(net._plans) == plan.MOST_PLANS
    assert net.plan([19], [39]) is net.plan([19], [39])


def test_nobody_writes_to_the_numbers_of_a_network():
    W, b = np.eye(2), np.zeros(2)
    net = Network.chain([Affine(W, b), Elementwise(BY_NAME["leaky_relu"], {"slope": np.array([0.1, 0.2])}), Softmax()])
    x = [[1.0, -1.0]]
    before = net(x), flags(net, x)
    W *= 2.0  # the caller's own, which the network has a copy of
    assert np.array_equal(net(x), before[0])
    assert flags(again(net), x) == before[1]
    for copy in (net, pickle.loads(pickle.dumps(net))):  # our own bytes
        with pytest.raises(ValueError, match="read-only"):
            copy.layers[0].layer.W *= 2.0
        with pytest.raises(ValueError, match="read-only"):
            copy.layers[1].layer.params["slope"][0] = 1.0


def test_what_is_read_only_already_is_not_copied():
    W = np.eye(3)
    W.flags.writeable = False
    assert Affine(W, np.zeros(3)).W is W
    view = np.eye(3).T
    assert not Affine(view, np.zeros(3)).W.flags.writeable


def test_an_output_in_the_middle_of_a_network():
    nodes = (
        Node(dense(3, 4), (0,)),
        Node(Elementwise(BY_NAME["tansig"]), (1,)),
        Node(dense(4, 4), (1,)),
        Node(Sum(), (2, 3)),
    )
    inputs = (Port("x", numbered("x", 3)),)
    middle = Network(nodes, inputs, (Port("y", numbered("y", 4)),), result=2)
    first = Network(nodes[:2], inputs, (Port("y", numbered("y", 4)),))
    x = rows(middle)
    for method in (Network.__call__, Network.jacobian, Network.hessian):
        np.testing.assert_array_equal(method(middle, x), method(first, x))
    with pytest.raises(Exception, match="its output is value 9 of 4"):
        Network(nodes, inputs, (Port("y", numbered("y", 4)),), result=9)
