"""Scales: products as they are defined, and standard deviations in one pass."""

import numpy as np
import pytest

from nngrad.core.network import Network
from nngrad.core.ports import Port
from nngrad.errors import DataError, UsageError
from nngrad.reports import units
from tests.core.test_network import deep

NET = deep(3, 2)
X = np.random.default_rng(5).normal(size=(6, 3))


def test_each_scale_is_its_definition():
    y, J = NET.value_and_jacobian(X, wrt=[2, 0])
    np.testing.assert_array_equal(units.sigma(NET, [2.0, 3.0, 4.0])(X, y, J, [2, 0]), J * [4.0, 2.0])
    ranged = Network(NET.layers, (Port("x", NET.input_names, np.zeros(3), np.array([1.0, 2.0, 5.0])),), NET.outputs)
    np.testing.assert_array_equal(units.training_range(ranged)(X, y, J, [2, 0]), J * [5.0, 1.0])
    for i in range(2):
        for k, j in enumerate([2, 0]):
            np.testing.assert_allclose(
                units.elasticity()(X, y, J, [2, 0])[:, i, k], X[:, j] / y[:, i] * J[:, i, k], rtol=1e-14
            )


def test_elasticity_at_zero_is_not_finite_and_says_nothing():
    y, J = np.zeros((6, 2)), np.ones((6, 2, 3))
    assert not np.isfinite(units.elasticity()(X, y, J, [0, 1, 2])).any()


def test_a_step_of_zero_times_an_infinite_slope_says_nothing():
    steps = units.sigma(NET, [0.0] * NET.input_size)
    assert np.isnan(steps(X, NET(X), np.full_like(NET.jacobian(X), np.inf), range(NET.input_size))).all()


def test_deviations_in_blocks_are_those_of_the_whole():
    x = np.random.default_rng(1).normal(size=(1000, 3)) * [1, 1e-3, 5] + [1e6, 0, -3]
    parts = [x[:1], x[1:1], x[1:400], x[400:]]
    np.testing.assert_allclose(units.deviations(parts, "abc"), x.std(axis=0, ddof=1), rtol=1e-9)


def test_what_has_no_deviation_is_refused():
    with pytest.raises(DataError, match="1 rows have no standard deviation"):
        units.deviations([X[:1]], "abc")
    for odd in (np.inf, -np.inf):
        with pytest.raises(DataError, match="c holds missing or infinite values"):
            units.deviations([X, X * [1.0, 1.0, odd]], "abc")
    with pytest.raises(DataError, match="b holds missing or infinite values"):
        units.deviations([np.array([[1.0, np.nan], [2.0, 3.0]])], "ab")
    with pytest.raises(UsageError, match="not negative"):
        units.sigma(NET, [1.0, -1.0, 1.0])


def test_an_unknown_range_is_refused_by_name():
    part = Network(NET.layers, (Port("a", ("p", "q"), np.zeros(2), np.ones(2)), Port("b", ("r",))), NET.outputs)
    with pytest.raises(UsageError, match=r"stores no training range of r; .*--sigma"):
        units.training_range(part)
