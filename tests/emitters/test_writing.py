"""What every target keeps to: same bytes, every weight once, nothing of a model file as code, and refusals by name."""

import re

import numpy as np
import pytest

from nngrad import ModelError, UsageError, load
from nngrad.core.layers import Affine
from nngrad.core.network import Network
from nngrad.core.ports import Origin, Port
from nngrad.emitters import emit
from nngrad.emitters.registry import TARGETS
from tests.emitters.languages import everything, texts
from tests.makers import SAMPLES


def small(**rest):
    return Network.chain([Affine(np.array([[1.0, 2.0]]), np.array([3.0]))], **rest)


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_same_model_same_bytes(target):
    first, second = (texts(load(SAMPLES / "cascade.mat"), target.name, tests=3, **everything(target)) for _ in range(2))
    assert first == second
    assert all(text.isascii() and text.endswith("\n") and not re.search(r"[ \t]\n", text) for text in first.values())


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_every_weight_stands_once_and_reads_back_as_the_same_double(target):
    net = load(SAMPLES / "fitnet.mat")
    text = "".join(texts(net, target.name).values())
    for W in (node.layer.W for node in net.layers if isinstance(node.layer, Affine)):
        for value in W.ravel():
            assert text.count(repr(float(value))) == 1


COMMENTS = {
    "m": r"(?m)^ *%.*\n",
    "c": r"(?s)/\*.*?\*/",
    "h": r"(?s)/\*.*?\*/",
    "py": r'(?s)""".*?"""|(?m:^ *#.*\n)',
}
HOSTILE = (
    "*/ int main(void) { return 1; } /*",
    '"""\nimport os\n"""',
    "%}\nerror('gotcha')\n%{",
    "x\\\nsystem('rm');",
    "??/\n\u2028end",
    "\x00",
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_names_of_a_model_file_stay_in_their_comment(target, name):
    ports = {"inputs": (Port(name, (name, name)),), "outputs": (Port(name, (name,)),)}
    origin = Origin(path=f"{name}.mat", network=name, processing=(name,), layers=(name,))
    evil = texts(small(**ports, origin=origin), target.name, "f", tests=1, **everything(target))
    tame = texts(small(), target.name, "f", tests=1, **everything(target))
    for file in evil:
        assert code(evil[file], file) == code(tame[file], file)


def code(text, file):
    """The text without its comments."""
    return re.sub(COMMENTS[file.rpartition(".")[2]], "", text)


@pytest.mark.parametrize("name", ["1a", "a-b", "", "a b", "x" * 80, "f;g", "ä"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(UsageError, match="--name"):
        emit(small(), "c", name)


TAKEN = {
    "c": "exp double isnan printf count s wrong differs right_x x v write class index main",
    "matlab": "end W1 x0 H0 disp realmin isa class",
    "python": "numpy math random types sys class lambda",
    "jax": "jax numpy scipy math class",
}


@pytest.mark.parametrize(
    ("target", "name"), [(target, name) for target, names in TAKEN.items() for name in names.split()]
)
def test_a_name_with_another_meaning_is_refused(target, name):
    with pytest.raises(UsageError, match="another meaning"):
        emit(small(), target, name)


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("matlab", {"single": True}, "--float: only --to c has it, not --to matlab; leave it out"),
        ("python", {"mex": True}, "--mex: only --to c has it, not --to python; leave it out"),
        ("c", {"wrap": ("objective",)}, "--wrap: only --to matlab has it, not --to c; leave it out"),
        ("c", {"of": (0,)}, "--of: only --to matlab has it, not --to c; leave it out"),
        ("matlab", {"of": (0,)}, "--of: it is for --wrap; a function has all outputs"),
        ("matlab", {"wrap": "objective", "of": [1]}, "--of: no output 1; there are 1, from 0"),
        ("matlab", {"wrap": "objective", "of": ["y2"]}, "no output 'y2': there are 1"),
        ("matlab", {"wrap": ("target",)}, "--wrap: no 'target'; there are objective, constraint"),
        ("c", {"double": True}, "no option 'double'; there are wrap, of"),
        ("fortran", {}, "no language 'fortran' to write a network in; there are matlab, c"),
    ],
)
def test_options_that_a_language_does_not_have_are_refused(target, options, message):
    with pytest.raises(UsageError) as refused:
        emit(small(), target, **options)
    assert str(refused.value).startswith(message)


def test_options_that_are_left_out_belong_to_every_language():
    assert texts(small(), "python", single=False, wrap=(), of=None) == texts(small(), "python")


def test_outputs_are_chosen_by_name_and_by_number():
    net = load(SAMPLES / "cascade.mat")
    by_number = texts(net, "matlab", "f", wrap="objective", of=(1,))
    assert by_number == texts(net, "matlab", "f", wrap=["objective", "objective"], of=[net.output_names[1]])
    assert by_number == texts(net, "matlab", "f", wrap="objective", of="2")
    assert by_number != texts(net, "matlab", "f", wrap="objective")


def test_numbers_beyond_single_precision_are_refused():
    net = Network.chain([Affine(np.array([[1e39]]), np.zeros(1))])
    with pytest.raises(ModelError, match=r"W1: the model has numbers beyond the range of float; leave out --float"):
        emit(net, "c", single=True)
    assert emit(net, "c")


def test_long_matrices_are_wrapped():
    net = Network.chain([Affine(np.random.default_rng(0).normal(size=(3, 512)), np.zeros(3))])
    for target in TARGETS:
        assert max(len(line) for text in texts(net, target.name).values() for line in text.split("\n")) <= 140
