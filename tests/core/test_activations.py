"""Every row of the table: f' against f, f'' against f', far out, NaN, kinks, and saturated slopes
against forms without cancellation.
"""

import math

import numpy as np
import pytest

from nngrad.core.activations import ACTIVATIONS, BY_NAME, Activation

ROWS = pytest.mark.parametrize("a", ACTIVATIONS, ids=lambda a: a.name)
POINTS = np.array([-7.3, -3.1, -1.7, -0.9, -0.61, -0.3, 0.2, 0.55, 0.83, 1.4, 2.9, 6.7])


def params(a: Activation) -> dict[str, float]:
    return dict(a.params)


def value(a, x):
    with np.errstate(all="ignore"):
        return a.value(np.asarray(x, float), params(a))


def slope(a, x):
    x = np.asarray(x, float)
    with np.errstate(all="ignore"):
        return a.slope(x, a.value(x, params(a)), params(a))


def second(a, x):
    x = np.asarray(x, float)
    with np.errstate(all="ignore"):
        return a.second(x, a.value(x, params(a)), params(a))


def differences(f, x):
    """Fourth-order central differences."""
    h = 1e-3
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)


@ROWS
def test_slope_is_the_derivative_of_the_value(a):
    np.testing.assert_allclose(slope(a, POINTS), differences(lambda x: value(a, x), POINTS), rtol=1e-8, atol=1e-10)


@ROWS
def test_second_is_the_derivative_of_the_slope(a):
    np.testing.assert_allclose(second(a, POINTS), differences(lambda x: slope(a, x), POINTS), rtol=1e-8, atol=1e-9)


@ROWS
def test_nan_in_gives_nan_out(a):
    x = np.array([1.0, np.nan, -1.0])
    assert np.isnan(value(a, x)).tolist() == [False, True, False]
    if a.df != "1.0":
        assert np.isnan(slope(a, x)).tolist() == [False, True, False]
    assert np.isnan(second(a, x)).tolist() == [False, True, False]


@ROWS
def test_far_out_is_finite(a):
    for x in (np.array([-1000.0, 1000.0]), np.array([-30.0, 30.0]), np.array([-0.0, 0.0])):
        if a.name == "netinv" and not x.all():
            continue  # its pole
        if a.name == "exp" and x[1] > 700:
            continue  # it does overflow
        assert np.isfinite(value(a, x)).all()
        assert np.isfinite(slope(a, x)).all()
        assert np.isfinite(second(a, x)).all()


@pytest.mark.parametrize("size", [1e3, 1e60, 1e78, 1e103, 1e150])
@ROWS
def test_nothing_overflows_on_the_way(a, size):
    """As far as x*x is a number."""
    x = np.array([-size, size])
    if a.name == "exp":
        return  # it does overflow
    assert np.isfinite(value(a, x)).all()
    assert np.isfinite(slope(a, x)).all()
    assert np.isfinite(second(a, x)).all()


@ROWS
def test_both_zeros_are_the_same_point(a):
    if a.name == "netinv":
        return
    assert value(a, [0.0])[0] == value(a, [-0.0])[0]
    assert slope(a, [0.0])[0] == slope(a, [-0.0])[0]


@ROWS
def test_inputs_are_left_alone_and_shapes_kept(a):
    x = POINTS.reshape(3, 4)
    before = x.copy()
    with np.errstate(all="ignore"):
        y = a.value(x, params(a))
        d, e = a.slope(x, y, params(a)), a.second(x, y, params(a))
    assert np.array_equal(x, before)
    assert y.shape == d.shape == e.shape == x.shape


@pytest.mark.parametrize(
    ("name", "at", "slope_there"),
    [
        ("poslin", 0.0, 1.0),
        ("relu", 0.0, 0.0),
        ("satlin", 0.0, 1.0),
        ("satlin", 1.0, 1.0),
        ("satlins", -1.0, 1.0),
        ("satlins", 1.0, 1.0),
        ("tribas", 0.0, 0.0),
        ("tribas", -1.0, 1.0),
        ("tribas", 1.0, -1.0),
        ("hardlim", 0.0, 0.0),
        ("leaky_relu", 0.0, 1.0),
        ("elliotsig", 0.0, 1.0),
    ],
)
def test_slopes_at_kinks_follow_the_named_convention(name, at, slope_there):
    assert slope(BY_NAME[name], [at])[0] == slope_there


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [("hardlim", 0.0, 1.0), ("hardlims", 0.0, 1.0), ("elliotsig", -0.5, -1 / 3), ("elliot2sig", -0.5, -0.2)],
)
def test_values_named_in_the_documentation(name, at, expected):
    assert value(BY_NAME[name], [at])[0] == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("x", [0.1, 1.0, 2.3, 3.7, 10.0, 19.0, 40.0, 300.0])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_saturated_slopes_keep_their_relative_accuracy(x, sign):
    """Against 1/cosh^2, which Python's math computes without cancellation."""
    tansig, logsig = slope(BY_NAME["tansig"], [sign * x])[0], slope(BY_NAME["logsig"], [sign * x])[0]
    assert tansig == pytest.approx(1 / math.cosh(x) ** 2, rel=1e-13, abs=0)
    assert logsig == pytest.approx(0.25 / math.cosh(x / 2) ** 2, rel=1e-13, abs=0)


def test_slope_is_the_same_alone_and_beside_saturated_units():
    a, x = BY_NAME["tansig"], np.linspace(-25, 25, 101)
    np.testing.assert_allclose(slope(a, x), [slope(a, [v])[0] for v in x], rtol=2e-14)


def test_names_are_unique():
    names = [name for a in ACTIVATIONS for name in (a.name, *a.aliases)]
    assert len(names) == len(set(names))


def test_flat_rows_have_no_slope_anywhere():
    assert {a.name for a in ACTIVATIONS if a.flat} == {"hardlim", "hardlims"}
    assert not any(slope(a, POINTS).any() for a in ACTIVATIONS if a.flat)


@pytest.mark.parametrize("name", ["tansig", "logsig"])
def test_the_slope_of_a_saturated_unit_keeps_its_digits_beside_a_nan(name):
    a = BY_NAME[name]
    x = np.array([np.nan, 0.5, 19.0, -30.0])
    alone = [a.slope(x[k : k + 1], a.value(x[k : k + 1], {}), {})[0] for k in range(4)]
    np.testing.assert_array_equal(a.slope(x, a.value(x, {}), {}), alone)
    factor = 2.0 if name == "tansig" else 1.0
    np.testing.assert_allclose(
        alone[2:], factor**2 * np.exp(-factor * np.array([19.0, 30.0])), rtol=1e-7
    )  # (1 + q)^2 left out
