"""What stands in a grammar is a tree; everything else is refused with the part that it doesn't have."""

import ast

import pytest

from nngrad.core.grammar import MOST_NODES, Grammar, NoExpressionError, NotAdmittedError, TooLongError, names_in

SUMS = Grammar(frozenset({ast.Add, ast.USub}), {"exp": 1, "atan": 2}, lambda value: isinstance(value, float))
COMPARES = Grammar(frozenset({ast.Lt}), {}, lambda value: True)


@pytest.mark.parametrize("text", ["a", "-a + 1.0", "exp(a + b)", "atan(a, -2.5)", "(a)"])
def test_what_the_grammar_has(text):
    assert ast.unparse(SUMS.tree(text)) == ast.unparse(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a*b", "Mult"),
        ("a + 1", "1"),
        ("exp(a, b)", "exp(a, b)"),
        ("atan(a)", "atan(a)"),
        ("exp(x=a)", "exp(x=a)"),
        ("exp(*a)", "*a"),
        ("atan(a, **b)", "atan(a, **b)"),
        ("a.exp(b)", "a.exp(b)"),
        ("a < b", "a < b"),
        ("sin(a)", "sin(a)"),
        ("(a := b)", "(a := b)"),
        ("f'{a}'", "f'{a}'"),
        ("a + __import__('os')", "__import__('os')"),
    ],
)
def test_a_part_that_it_does_not_have_is_named(text, part):
    with pytest.raises(NotAdmittedError) as refused:
        SUMS.tree(text)
    assert str(refused.value) == part


def test_comparisons_stand_where_the_grammar_has_one():
    assert COMPARES.tree("a < b")
    with pytest.raises(NotAdmittedError):
        COMPARES.tree("a > b")


@pytest.mark.parametrize("text", ["", "a +", "a\x00", "a = b", "a; b", "(" * 500 + "a" + ")" * 500])
def test_what_is_no_expression(text):
    with pytest.raises(NoExpressionError):
        SUMS.tree(text)


def test_a_long_expression_is_refused_by_its_length():
    with pytest.raises(TooLongError) as refused:
        SUMS.tree(" + ".join(["exp(a)"] * (MOST_NODES // 5)))
    assert refused.value.count > MOST_NODES


def test_the_deepest_expressions_are_walked_or_refused():
    assert SUMS.tree("-" * 498 + "a")
    with pytest.raises(NotAdmittedError, match="List"):
        SUMS.tree("[" + "-" * 495 + "a]")


def test_names_are_those_that_are_read():
    assert names_in(SUMS.tree("exp(b) + a + exp(exp(b)) + exp")) == ("exp", "a", "b")
