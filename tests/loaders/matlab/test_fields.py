"""Fields of MATLAB's objects, in the ways in which MATLAB wraps them, and refusals that name the place."""

import numpy as np
import pytest

from nngrad.errors import ModelError
from nngrad.loaders.matlab import fields as f
from nngrad.loaders.tree import MatlabObject


def cell(*values):
    made = np.empty((1, len(values)), object)
    made[0] = values
    return made


A = np.array([[1.0, 2.0]])
WRAPPED = {
    "plain": A,
    "in a struct": {"Value": A},
    "dlarray": MatlabObject("dlarray", {"any": {"Data": A}}),
    "gpuArray": cell(np.array([[3.0]]), A),
    "learnable": {"Value": MatlabObject("dlarray", {"Data": A})},
}


@pytest.mark.parametrize("name", WRAPPED)
def test_numbers_however_they_are_wrapped(name):
    assert f.numbers(WRAPPED[name]) is A


@pytest.mark.parametrize("value", [None, "text", {}, {"other": A}, cell(), A.astype(complex), MatlabObject("x", {})])
def test_what_are_no_numbers(value):
    assert f.numbers(value) is None


def test_numbers_in_endless_wrappers():
    endless = {}
    endless["Value"] = endless
    assert f.numbers(endless) is None


def test_names():
    assert f.names("a") == ["a"]
    assert f.names(cell("a", "b")) == ["a", "b"]
    assert f.names(cell("a", A)) is f.names(A) is None


def test_categories():
    codes = MatlabObject("categorical", {"categoryNames": cell("no", "yes"), "codes": np.array([[2.0, 1.0]])})
    assert f.categories(codes) == ["yes", "no"]
    assert f.categories(np.array([[1.0, 2.5]])) == ["1", "2.5"]
    assert f.categories("auto") is None


def test_inside():
    assert f.inside({"a": MatlabObject("x", {"b": {"c": 5}})}, "a", "b", "c") == 5
    assert f.inside({"a": 3}, "a", "b") is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: f.vector({"gain": "x"}, "gain"), r"^\.gain: 'x', not an array of real numbers"),
        (lambda: f.number({"gain": A}, "gain"), r"^\.gain: one number is missing"),
        (lambda: f.number({}, "gain"), r"^\.gain: one number is missing"),
        (lambda: f.number({"gain": "x"}, "gain", 1.0), r"^\.gain: one number is missing"),
        (lambda: f.located(".a{1}", f.number, {}, "gain"), r"^\.a\{1\}\.gain: one number is missing"),
        (lambda: f.located(".a{1}", int, "x"), r"^\.a\{1\}: invalid literal"),
        (lambda: f.cell_at({"b": A}, "b", 0, 0), r"^\.b\{1,1\}: missing"),
        (lambda: f.cell_at({"b": cell(A)}, "b", 0, 1), r"^\.b\{1,2\}: missing"),
        (lambda: f.struct_at({"b": cell(A)}, "b", 0, 0), r"^\.b\{1,1\}: not a struct"),
    ],
)
def test_refusals_name_the_place(call, message):
    with pytest.raises(ModelError, match=message):
        call()


def test_what_is_there_is_given():
    assert f.vector({"gain": np.array([[1.0, 2.0], [3.0, 4.0]])}, "gain").tolist() == [1.0, 3.0, 2.0, 4.0]
    assert f.vector({}, "gain") is None
    assert f.number({}, "gain", 2.0) == 2.0
    assert f.struct_at({"b": cell(MatlabObject("x", {"a": 1}))}, "b", 0, 0) == {"a": 1}
