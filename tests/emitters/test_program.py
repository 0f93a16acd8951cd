"""Every layer kind has its rules and every statement its text in every language; weights and names are written safely."""

import re
from itertools import pairwise

import numpy as np
import pytest

from nngrad import load
from nngrad.core.activations import ACTIVATIONS, BY_NAME
from nngrad.core.layers import Affine, Elementwise
from nngrad.core.network import Network, Origin, Port
from nngrad.emitters import PRINTERS, TARGETS, Extras, build, emit
from nngrad.emitters.program import STATEMENTS
from nngrad.emitters.text import formula, identifier, plain
from nngrad.errors import UsageError
from tests.makers import SAMPLES

LAYER = Elementwise(BY_NAME["tansig"])


def small(**rest):
    return Network.chain([Affine(np.array([[1.0, 2.0]]), np.array([3.0]))], **rest)


@pytest.mark.parametrize("target", TARGETS)
def test_every_statement_has_a_text(target):
    assert set(PRINTERS[target].PRINTERS) == set(STATEMENTS)


@pytest.mark.parametrize("target", TARGETS)
def test_same_model_same_bytes(target):
    first, second = (emit(load(SAMPLES / "cascade.mat"), target, extras=Extras(tests=3)) for _ in range(2))
    assert first == second
    assert all(text.isascii() and text.endswith("\n") and not re.search(r"[ \t]\n", text) for text in first.values())


@pytest.mark.parametrize("target", TARGETS)
def test_every_weight_stands_once_and_reads_back_as_the_same_double(target):
    net = load(SAMPLES / "fitnet.mat")
    text = "".join(emit(net, target).values())
    for W in (node.layer.W for node in net.layers if isinstance(node.layer, Affine)):
        for value in W.ravel():
            assert text.count(repr(float(value))) == 1


HOSTILE = (
    "*/ int main(void) { return 1; } /*",
    '"""\nimport os\n"""',
    "%}\nerror('gotcha')\n%{",
    "x\\\nsystem('rm');",
    "??/\n\u2028end",
    "\x00",
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("target", TARGETS)
def test_names_of_a_model_file_stay_in_their_comment(target, name):
    ports = {"inputs": (Port(name, (name, name)),), "outputs": (Port(name, (name,)),)}
    origin = Origin(path=f"{name}.mat", network=name, processing=(name,), layers=(name,))
    also = {"matlab": {"wrap": ("objective", "constraint")}, "c": {"mex": True, "simulink": True}, "python": {}}[target]
    evil = emit(small(**ports, origin=origin), target, "f", Extras(tests=1, **also))
    tame = emit(small(), target, "f", Extras(tests=1, **also))
    for file in evil:
        assert code(evil[file], target) == code(tame[file], target)


def code(text, target):
    """The text without its comments."""
    pattern = {"matlab": r"(?m)^ *%.*\n", "c": r"(?s)/\*.*?\*/", "python": r'(?s)""".*?"""|(?m:^ *#.*\n)'}[target]
    return re.sub(pattern, "", text)


def test_what_a_comment_may_hold():
    assert plain("Höhe über NN [m] (x_1)") == "Hohe uber NN [m] (x_1)"
    assert not set(plain("".join(map(chr, range(0x250))), 10_000)) & set("*/\\%'\"`$#?!&|@~^\n\r")


@pytest.mark.parametrize(("stem", "name"), [("my net-2", "my_net_2"), ("2nd", "net_2nd"), ("ü", "u"), ("", "net"), ("***", "net")])
def test_a_function_gets_the_name_of_the_file(stem, name):
    assert identifier(stem) == name


@pytest.mark.parametrize("name", ["1a", "a-b", "", "a b", "x" * 80, "f;g", "ä"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(UsageError, match="--name"):
        emit(small(), "c", name)


TAKEN = {
    "c": "exp double isnan printf count s wrong differs right_x x v write class index main",
    "matlab": "end W1 x0 H0 disp realmin isa class",
    "python": "numpy math random types sys class lambda",
}


@pytest.mark.parametrize(("target", "name"), [(target, name) for target, names in TAKEN.items() for name in names.split()])
def test_a_name_with_another_meaning_is_refused(target, name):
    with pytest.raises(UsageError, match="another meaning"):
        emit(small(), target, name)


@pytest.mark.parametrize(
    ("target", "extras"), [("matlab", Extras(single=True)), ("python", Extras(mex=True)), ("c", Extras(wrap=("objective",)))]
)
def test_extras_of_another_language_are_refused(target, extras):
    with pytest.raises(UsageError, match=r"only --to (c|matlab)"):
        emit(small(), target, extras=extras)


def test_long_matrices_are_wrapped():
    net = Network.chain([Affine(np.random.default_rng(0).normal(size=(3, 512)), np.zeros(3))])
    for target in TARGETS:
        assert max(len(line) for text in emit(net, target).values() for line in text.split("\n")) <= 140


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
def test_every_formula_prints_in_every_language(activation):
    names = {"x": "x", "y": "y", "d": "d", "q": "q"} | dict(activation.params)
    for text in (activation.f, activation.df, activation.d2f, activation.q or "x"):
        for target in TARGETS:
            style = PRINTERS[target].style(False) if target == "c" else PRINTERS[target].STYLE
            assert formula(text, names, style)


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
    assert formula(text, names, PRINTERS["c"].style(False)) == c
    assert formula(text, names, PRINTERS["matlab"].STYLE) == matlab


def test_removed_inputs_and_constant_outputs_are_not_computed():
    program = build(load(SAMPLES / "constant_rows.mat"))
    assert program.jacobian.along == "output"
    assert program.jacobian.place == (0, 2)
    assert program.tangents is not None
    assert program.tangents.place == (0, 2, 3)


def test_the_cheaper_direction_is_taken():
    r = np.random.default_rng(0)

    def through(*sizes):
        pairs = pairwise(sizes)
        return Network.chain([layer for i, o in pairs for layer in (Affine(r.normal(size=(o, i)), np.ones(o)), LAYER)])

    assert [build(net).jacobian.along for net in (through(9, 20, 20, 2), through(2, 20, 20, 9))] == ["output", "input"]


def test_weights_behind_weights_are_multiplied_where_that_saves_work():
    r = np.random.default_rng(0)
    net = Network.chain([LAYER, *(Affine(r.normal(size=(o, i)), np.ones(o)) for i, o in ((20, 20), (20, 3))), LAYER], 20)
    names = {k.name for group in build(net).constants for k in group.constants}
    assert {"W1", "W2", "W2_1"} <= names
    narrow = Network.chain([LAYER, *(Affine(r.normal(size=(o, i)), np.ones(o)) for i, o in ((20, 2), (2, 20))), LAYER], 20)
    assert "W2_1" not in {k.name for group in build(narrow).constants for k in group.constants}
