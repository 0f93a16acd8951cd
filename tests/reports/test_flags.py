"""Flags: every kind is raised where it should be, by rows made for it, and nowhere else."""

import numpy as np
import pytest

from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Compet, Distance, Elementwise, FillMissing, Place, Scale, Select, Softmax
from nngrad.core.network import Network
from nngrad.core.ports import Port
from nngrad.core.reach import needed
from nngrad.reports.flags import flags_of
from tests.core.test_network import NETWORKS, branched

R = np.random.default_rng(8)


def relu_net(**ranges):
    W = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    layers = [Affine(W, np.array([0.0, 0.0, -1.0])), Elementwise(BY_NAME["relu"]), Affine(np.ones((1, 3)), np.zeros(1))]
    return Network.chain(layers, inputs=(Port("x", ("a", "b"), **ranges),))


def told(net, x):
    flags = flags_of(net)
    return dict(zip(flags.names, flags(np.atleast_2d(x)), strict=True))


def test_kinks_name_the_step_and_count_the_units():
    x = [[0.0, 1.0], [1.0, 2.0], [3.0, 1e-12], [0.0, 0.0], [0.5, 0.5]]
    assert told(relu_net(), x)["flag_kink"] == ["2:2", None, "2:1", "2:2", "2:1"]


def test_kinks_with_parameters_for_each_unit():
    shrink = Elementwise(BY_NAME["soft_shrink"], {"threshold": np.array([1.0, 2.0])})
    net = Network.chain([shrink], 2)
    assert told(net, [[1.0, 2.0], [-1.0, 1.0], [2.0, 1.0]])["flag_kink"] == ["1:2", "1:1", None]


def test_kinks_of_distances():
    W = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert told(Network.chain([Distance(W)], 2), [[1.0, 2.0], [1.0, 4.0]])["flag_kink"] == ["1:1", None]
    assert told(Network.chain([Distance(W, manhattan=True)], 2), [[1.0, 4.0], [0.0, 0.0]])["flag_kink"] == ["1:2", None]


@pytest.mark.parametrize("weight", [0.0, 1e-42])
def test_dead_units_are_at_no_kink(weight):
    """Their net input is 0 wherever the inputs are; the third unit is at its kink where x1 = x2."""
    W = np.array([[weight, 0.0], [weight, weight], [1.0, -1.0]])
    net = Network.chain([Affine(W, np.zeros(3)), Elementwise(BY_NAME["relu"]), Affine(np.ones((1, 3)), np.zeros(1))])
    assert told(net, [[0.5, 0.25], [0.5, 0.5], [0.0, 0.0]])["flag_kink"] == [None, "2:1", "2:1"]


def test_outside_the_training_range():
    net = relu_net(lower=np.array([0.0, np.nan]), upper=np.array([1.0, np.nan]))
    assert told(net, [[0.5, 99.0], [-0.5, 0.0], [1.0, 0.0], [2.0, 0.0], [np.nan, 0.0]])["flag_outside"] == [
        None,
        "a<0",
        None,
        "a>1",
        None,
    ]


def test_saturated_where_every_derivative_is_zero():
    assert told(relu_net(), [[-1.0, -1.0], [-1.0, 1.0]])["flag_saturated"] == ["y1", None]
    tanh = Network.chain([Affine(np.eye(1), np.zeros(1)), Elementwise(BY_NAME["tansig"])])
    assert told(tanh, [[400.0], [300.0]])["flag_saturated"] == ["y1", None]  # 4 exp(-600) is still a number


def test_saturated_is_measured_by_the_slopes_in_training():
    """At x = 40 the slope of tanh is 4 exp(-80) of the largest: no input moves y, though the slope is a number."""
    layers = [Affine(np.eye(1), np.zeros(1)), Elementwise(BY_NAME["tansig"])]
    port = Port("x", ("x",), np.array([-1.0]), np.array([1.0]))
    net = Network.chain(layers, inputs=(port,))
    assert told(net, [[0.0], [3.0], [40.0]])["flag_saturated"] == [None, None, "y1"]


@pytest.mark.parametrize(
    "layer", [Compet(), Elementwise(BY_NAME["relu"]), Distance(np.eye(3)), Distance(np.eye(3), manhattan=True)]
)
def test_infinite_and_missing_numbers_are_no_warnings(layer):
    rows = np.array([[np.inf, np.inf, 0.0], [np.nan, 1.0, 1.0], [1e308, -1e308, 1e308], [-np.inf, 0.0, 1.0]])
    assert len(told(Network.chain([layer], 3), rows)["flag_kink"]) == 4


def test_not_finite():
    assert told(relu_net(), [[np.nan, 1.0], [1.0, 1.0], [np.inf, 1.0]])["flag_not_finite"] == ["y1", None, "y1"]


def test_nothing_is_flagged_that_the_file_does_not_support():
    smooth = NETWORKS["one output"]
    assert flags_of(smooth).names == ("flag_saturated", "flag_not_finite")
    constant = Network.chain([Compet()], 3)
    assert flags_of(constant).names == ("flag_kink", "flag_not_finite")
    half = Network.chain(
        [Affine(np.eye(2)[:1], np.zeros(1)), Elementwise(BY_NAME["relu"]), Place(np.array([1]), np.array([7.0, 0.0]))],
        2,
    )
    assert told(half, [[-1.0, 0.0]])["flag_saturated"] == ["y2"]  # y1 is a constant of the file, not saturated


def test_what_is_reached_is_what_random_slopes_reach():
    """Against Jacobians at random points: a connection is never overlooked."""
    extra = [
        Network.chain([Select(np.array([2, 0]), 3), Scale(np.array([0.0, 2.0]), np.zeros(2), np.zeros(2))], 3),
        Network.chain(
            [FillMissing(np.array([0, 1, 1]), np.array([False, False, True]), np.ones(3, bool), np.zeros(3), 2)], 2
        ),
        Network.chain([Place(np.array([2, 0]), np.ones(3)), Softmax()], 2),
        Network.chain([Distance(R.normal(size=(2, 3)))], 3),
    ]
    for net in [*NETWORKS.values(), branched(), *extra]:
        J = net.jacobian(R.normal(size=(20, net.input_size)))
        found = np.stack([needed(net, slopes=True, units=[i]) for i in range(net.output_size)])
        np.testing.assert_array_equal(found, (J != 0).any(axis=0))
