"""Every layer kind has its rules and every statement its text in every language; what is
computed, and in which direction.
"""

from itertools import pairwise

import numpy as np
import pytest

from nngrad import load
from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise
from nngrad.core.network import Network
from nngrad.emitters.build import build
from nngrad.emitters.program import STATEMENTS
from nngrad.emitters.registry import TARGETS
from tests.makers import SAMPLES

LAYER = Elementwise(BY_NAME["tansig"])


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_every_statement_has_a_text(target):
    assert set(target.emitter.prints) == set(STATEMENTS)


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
    net = Network.chain(
        [LAYER, *(Affine(r.normal(size=(o, i)), np.ones(o)) for i, o in ((20, 20), (20, 3))), LAYER], 20
    )
    names = {k.name for group in build(net).constants for k in group.constants}
    assert {"W1", "W2", "W2_1"} <= names
    narrow = Network.chain(
        [LAYER, *(Affine(r.normal(size=(o, i)), np.ones(o)) for i, o in ((20, 2), (2, 20))), LAYER], 20
    )
    assert "W2_1" not in {k.name for group in build(narrow).constants for k in group.constants}
