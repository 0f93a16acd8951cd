"""Formulas in every language, and text of a model file that is to stand in a comment."""

import pytest

from nngrad.core.activations import ACTIVATIONS
from nngrad.emitters.registry import BY_NAME, TARGETS
from nngrad.emitters.text import formula, identifier, plain


def test_what_a_comment_may_hold():
    assert plain("Höhe über NN [m] (x_1)") == "Hohe uber NN [m] (x_1)"
    assert not set(plain("".join(map(chr, range(0x250))), 10_000)) & set("*/\\%'\"`$#?!&|@~^\n\r")


@pytest.mark.parametrize(
    ("stem", "name"), [("my net-2", "my_net_2"), ("2nd", "net_2nd"), ("ü", "u"), ("", "net"), ("***", "net")]
)
def test_a_function_gets_the_name_of_the_file(stem, name):
    assert identifier(stem) == name


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
def test_every_formula_prints_in_every_language(activation):
    names = {"x": "x", "y": "y", "d": "d", "q": "q"} | dict(activation.params)
    for text in (activation.f, activation.df, activation.d2f, activation.q or "x"):
        for target in TARGETS:
            assert formula(text, names, target.emitter.style)


@pytest.mark.parametrize(
    ("text", "c", "matlab"),
    [
        ("a - (b - c)", "a - (b - c)", "a - (b - c)"),
        ("a/(b*c)", "a/(b*c)", "a ./ (b .* c)"),
        ("-(a*b)*c", "-(a*b)*c", "-(a .* b) .* c"),
        ("a*-b", "a*(-b)", "a .* (-b)"),
        ("-2.0*a", "-2.0*a", "-2*a"),
        ("a + -1.0", "a - 1.0", "a - 1"),
        ("a - -1.0", "a + 1.0", "a + 1"),
        ("1.0/a", "1.0/a", "1 ./ a"),
        ("where(a < 0.0, 0.0, a) + b", "((a < 0.0) ? 0.0 : a) + b", "where(a < 0, 0, a) + b"),
    ],
)
def test_formulas_keep_their_order_of_operations(text, c, matlab):
    names = dict(zip("abc", "abc", strict=True))
    assert formula(text, names, BY_NAME["c"].emitter.style) == c
    assert formula(text, names, BY_NAME["matlab"].emitter.style) == matlab
