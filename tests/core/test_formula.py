"""Formulas are parsed, never run, and evaluate like the same NumPy expression."""

import math

import numpy as np
import pytest

from nngrad.core import formula


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("x*x + 2.0*x - 1.0", lambda x: x * x + 2 * x - 1),
        ("where(x > 0.5, x, -x)/(1.0 + fabs(x))", lambda x: np.where(x > 0.5, x, -x) / (1 + np.abs(x))),
        ("-(x*x)", lambda x: -(x * x)),
        ("1.0 - exp(-x)*(x - 3.0)", lambda x: 1 - np.exp(-x) * (x - 3)),
        ("erfc(x)", np.vectorize(math.erfc)),
    ],
)
def test_same_as_numpy_and_leaves_its_input_alone(text, same):
    x = np.linspace(-2, 2, 41).reshape(1, 41)
    before = x.copy()
    np.testing.assert_allclose(formula.compiled(text)({"x": x}), same(x), rtol=1e-15, atol=1e-16)
    assert np.array_equal(x, before)


def test_shapes_broadcast_whichever_part_is_scratch():
    env = {"x": np.ones((3, 1, 4)), "a": np.arange(4.0), "b": np.arange(3.0).reshape(3, 1, 1)}
    np.testing.assert_array_equal(formula.compiled("(a*2.0)*x + (b + b)")(env), env["a"] * 2 * env["x"] + 2 * env["b"])


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "x.real",
        "open(x)",
        "x[0]",
        "lambda: x",
        "x if x else x",
        "'a'",
        "x**2.0",
        "1 + x",
        "1.0 +",
        "(x",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="vocabulary"):
        formula.parse(text)
