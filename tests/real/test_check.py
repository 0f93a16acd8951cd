"""Every real model that is read: its derivatives against the complex step."""

import pytest

import nngrad
from nngrad.core.points import sample
from nngrad.errors import ModelError
from nngrad.proofs.check import check
from tests.real.models import entries

MOST_INPUTS = 4000


@pytest.mark.parametrize("entry", [e for e in entries("") if e.status == "EXPECTED" and "@" not in e.network], ids=str)
def test_derivatives_of_real_models(entry):
    try:
        net = nngrad.load(entry.path, None if entry.network == "(model)" else entry.network)
    except ModelError as error:
        pytest.skip(str(error)[-100:])
    if net.input_size > MOST_INPUTS:
        pytest.skip("too many inputs for one forward pass each")
    found = check(net, sample(net, 3), hessian=net.input_size <= 12)
    for c in found:
        assert c.passed, (c.what, c.method, max(c.outputs, key=lambda w: w.relative))
