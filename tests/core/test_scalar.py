"""Scalars of outputs: value, gradient and Hessian against differences, and what is refused."""

import numpy as np
import pytest

from nngrad.core.network import Network
from nngrad.core.ports import Port
from nngrad.core.scalar import FUNCTIONS, Scalar
from nngrad.errors import DataError, UsageError
from tests.core.test_network import deep, differences

EXPRESSIONS = (
    "y1",
    "y1**2 + 3*y2",
    "-y1*y2/(2 + y2**2)",
    "(1.5 + y1)**(y2 + 2)",
    "2**y1",
    "y1/y2",
    "y1*2",
    "(2*3 - 1)*y1/4",
    "y1**(1 + 1) + 2*3",
    "2**3*y2 + sqrt(2*2)",
    "y1 - y1",
    "+y1 - 2 - 3*(y2 - y1)**3",
    "log(5 + y1*y2) * sqrt(9 + y2)",
    *(f"{name}(3.2 + 0.3*y1 + y2/3)" for name in FUNCTIONS),
)
NET = deep(3, 2)
X = np.random.default_rng(5).normal(size=(6, 3))


def by_python(text, y):
    """The expression as Python and NumPy understand it: the tests' own texts only."""
    others = {
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "softplus": lambda x: np.log1p(np.exp(x)),
        "relu": lambda x: np.maximum(x, 0),
    }
    names = {name: getattr(np, name, None) or others[name] for name in FUNCTIONS}
    return eval(text, names, {"y1": y[:, 0], "y2": y[:, 1]})


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_value_gradient_and_hessian(text):
    f = Scalar.parse(NET, text)
    np.testing.assert_allclose(f(X), by_python(text, NET(X)), rtol=1e-13)
    np.testing.assert_allclose(f.gradient(X), differences(f, X, 3), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(f.hessian(X), differences(f.gradient, X, 3), rtol=1e-6, atol=1e-8)
    assert np.array_equal(f.hessian(X), f.hessian(X).swapaxes(1, 2))
    np.testing.assert_allclose(f.hessian(X, [2, 0]), f.hessian(X)[:, [2, 0]][:, :, [2, 0]], rtol=1e-12, atol=1e-14)


def expression(r, depth):
    """Some expression, smooth where y1 and y2 may be."""
    if depth == 0:
        return r.choice(["y1", "y2", "2", "0.5", "y1", "y2"])
    a, b = (expression(r, depth - 1) for _ in range(2))
    forms = (
        "({a} + {b})",
        "({a} - {b})",
        "({a}*{b})",
        "({a}/(3 + tanh({b})))",
        "sin({a})",
        "exp(cos({a}))",
        "-{a}",
        "(2 + tanh({a}))**{b}",
        "{a}**2",
    )
    return r.choice(forms).format(a=a, b=b)


@pytest.mark.parametrize("seed", range(25))
def test_expressions_at_random(seed):
    text = f"y1*0 + {expression(np.random.default_rng(seed), 4)}"
    f = Scalar.parse(NET, text)
    size = 1.0 + np.abs(f(X)).max()
    np.testing.assert_allclose(f(X), by_python(text, NET(X)), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(f.gradient(X) / size, differences(f, X, 3) / size, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(f.hessian(X) / size, differences(f.gradient, X, 3) / size, rtol=1e-4, atol=1e-5)


def test_only_the_outputs_that_occur_are_computed():
    assert Scalar.parse(NET, "y2 + 1").of == (1,)
    np.testing.assert_array_equal(Scalar.parse(NET, "y2").gradient(X), NET.vjp(X, [0.0, 1.0]))


def test_one_row_has_no_leading_axis():
    f = Scalar.parse(NET, "y1*y2")
    assert f(X[0]) == pytest.approx(f(X)[0])
    assert f.gradient(X[0]).shape == (3,)
    assert f.hessian(X[0]).shape == (3, 3)


def test_powers_at_zero_and_of_negative_numbers():
    """Where exp(p log y) would be NaN."""
    zero = Network.chain([NET.layers[0].layer], 3)
    x = zero.layers[0].layer.center - zero.layers[0].layer.shift / zero.layers[0].layer.gain
    assert abs(zero(x)[0]) < 1e-15
    assert np.isfinite(Scalar.parse(zero, "y1**2").hessian(x)).all()
    assert np.isfinite(Scalar.parse(zero, "(y1 - 4)**3").gradient(x)).all()
    np.testing.assert_array_equal(Scalar.parse(zero, "y1**1").hessian(x), 0.0)


@pytest.mark.parametrize("text", ["exp(1000 + y1)", "1/(y1 - y1)", "0**y1", "log(y1 - y1)*y2", "y1**-400"])
def test_what_overflows_is_no_warning(text):
    f = Scalar.parse(NET, text)
    assert f.value_and_gradient(X)[1].shape == (6, 3)
    assert f.hessian(X).shape == (6, 3, 3)


@pytest.mark.parametrize("x", [[[1.0, 2.0, 3.0], [1.0]], 3.0, [], "abc", np.ones((2, 4)), np.ones((2, 2, 3))])
def test_rows_that_do_not_fit_are_refused_as_by_the_network(x):
    f = Scalar.parse(NET, "y1*y2")
    for call in (f, f.gradient, f.hessian):
        with pytest.raises(DataError, match=r"^x "):
            call(x)


def test_names_of_outputs():
    named = Network(NET.layers, NET.inputs, (Port("out", ("torque", "heat flow")),))
    f = Scalar.parse(named, "torque*y2")
    np.testing.assert_array_equal(f(X), NET(X)[:, 0] * NET(X)[:, 1])


@pytest.mark.parametrize(("text", "same"), [("exp(y2) + exp", "exp(y2) + y1"), ("µ*exp(µ)", "y2*exp(y2)")])
def test_outputs_called_like_a_function_or_spelled_as_unicode(text, same):
    named = Network(NET.layers, NET.inputs, (Port("out", ("exp", "\u00b5")),))
    np.testing.assert_array_equal(Scalar.parse(named, text).gradient(X), Scalar.parse(NET, same).gradient(X))


@pytest.mark.parametrize("names", [("a", "a"), ("\u00b5", "\u03bc")])  # the second two are the same to Python's grammar
def test_a_name_of_several_outputs_means_none(names):
    named = Network(NET.layers, NET.inputs, (Port("out", names),))
    with pytest.raises(UsageError, match=r"2 outputs are called .*; choose by number: y1, y2"):
        Scalar.parse(named, f"{names[0]}**2")
    np.testing.assert_array_equal(Scalar.parse(named, "y2")(X), NET(X)[:, 1])


def test_a_function_is_no_output():
    with pytest.raises(UsageError, match="no output 'exp'"):
        Scalar.parse(NET, "exp(y1) + exp")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1or y1", "is not understood"),  # Python has a warning for it
        ("y1 +", "is no expression"),
        ("", "is no expression"),
        ("y1^2", r"write \*\* for powers"),
        ("y3", "no output 'y3'; there are y1, y2"),
        ("z1", "no output 'z1'"),
        ("3 + 2", "names no output"),
        ("__import__('os')", "is not understood"),
        ("y1.real", "is not understood"),
        ("y1 if y2 else 3", "is not understood"),
        ("exp(y1, y2)", "is not understood"),
        ("sum(y1)", "is not understood"),
        ("y1*'a'", "is not understood"),
        ("True*y1", "is not understood"),
        ("y1 + 1j", "is not understood"),
        ("[y1]", "is not understood"),
        ("(lambda: y1)()", "is not understood"),
        ("+".join(["y1"] * 2000), "shorten it|is no expression"),
        ("(" * 500 + "y1" + ")" * 500, "is no expression"),
    ],
)
def test_what_is_not_understood_is_refused(text, message):
    with pytest.raises(UsageError, match=message):
        Scalar.parse(NET, text)


@pytest.mark.parametrize(
    "text", ["log(y1 - 100)", "sqrt(y1 - 100)", "(y1 - 100)**0.5", "y2 + 0*log(y1 - 100)", "(y1 - 100)**y2"]
)
def test_where_a_scalar_is_no_number_its_derivatives_are_none(text):
    """1/x has a value at x < 0, where log(x) has none: a finite gradient beside NaN would be taken for one."""
    f = Scalar.parse(NET, text)
    value, gradient = f.value_and_gradient(X)
    assert np.isnan(value).all()
    assert np.isnan(gradient).all()
    assert np.isnan(f.hessian(X)).all()
