"""Expressions as MATLAB groups them (its public page on operator precedence), and the bounds of the parser."""

import numpy as np
import pytest

from nngrad.errors import ModelError
from nngrad.loaders.matlab_code import tree as m
from nngrad.loaders.matlab_code.expressions import MOST_CHAINED, MOST_NESTED, UnreadableError, anonymous_function


def grouped(e):
    """An expression with a bracket around every operation."""
    match e:
        case m.NumberLiteral(value):
            return f"{value[0, 0]:g}"
        case m.Name(name):
            return name
        case m.Unary(op, of):
            return f"({op}{grouped(of)})"
        case m.Binary(op, left, right):
            return f"({grouped(left)}{op}{grouped(right)})"
        case m.Transpose(of):
            return f"({grouped(of)}')"
        case m.CallOrIndex(base, args, _):
            return f"{grouped(base)}({','.join(map(grouped, args))})"
        case m.Colon():
            return ":"
        case m.Range(start, step, stop):
            return f"({':'.join(grouped(p) for p in (start, step, stop) if p)})"
    raise AssertionError(e)


GROUPED = {
    "a+b*c": "(a+(b*c))",
    "a-b-c": "((a-b)-c)",
    "-a*b": "((-a)*b)",
    "-a^2": "(-(a^2))",
    "2^3^2": "((2^3)^2)",
    "2^-3^2": "((2^(-3))^2)",
    "a.^b'": "(a.^(b'))",
    "a'.^2": "((a').^2)",
    "2.*x./3": "((2.*x)./3)",
    "1:2:n+1": "(1:2:(n+1))",
    "a<b+1&c|d": "(((a<(b+1))&c)|d)",
    "f(x,:)+g(1)": "(f(x,:)+g(1))",
}


@pytest.mark.parametrize("text", GROUPED)
def test_precedence(text):
    assert grouped(anonymous_function(f"@(x) {text}").body) == GROUPED[text]


def test_parameters():
    assert anonymous_function("@(a, b) a").parameters == ("a", "b")


BROKEN = [
    "@()1",
    "@(x,)x",
    "@(x)",
    "@(x)x)",
    "@(x)(x",
    "@(x)x y",
    "x",
    "@(x)x,1",
    "@(x)x+",
    "@(end)1",
    "@(x)f(x",
    "@(x)[x",
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_function_is_refused(text):
    with pytest.raises(UnreadableError):
        anonymous_function(text)


@pytest.mark.parametrize(("text", "reason"), [
    ("(" * 1000 + "x" + ")" * 1000, f"more than {MOST_NESTED} brackets"),
    ("-" * 100_000 + "x", f"more than {MOST_NESTED} brackets"),
    ("+".join("x" * 10_000), f"more than {MOST_CHAINED} operators"),
    ("^".join("x" * 10_000), f"more than {MOST_CHAINED} powers"),
    ("x" + "(1)" * 10_000, f"more than {MOST_CHAINED} indices"),
])  # fmt: skip
def test_bounds(text, reason):
    with pytest.raises(UnreadableError, match=reason):
        anonymous_function(f"@(x) {text}")


def test_the_number_of_tokens_is_bounded():
    with pytest.raises(ModelError, match="more than 200000"):
        anonymous_function("@(x) " + "x " * 300_000)


def test_brackets_of_numbers_are_one_number():
    assert np.array_equal(anonymous_function("@(x) [1 -2; 3 4]").body.value, [[1, -2], [3, 4]])
