"""Every real Keras model: y and J, or a refusal that is written down here."""

import numpy as np
import pytest

import nngrad
from nngrad.errors import ModelError
from tests.real.models import entries, errors, reference

KERAS = entries("keras")
REFUSED = {"PlasmaControl__keras2c/example/model.h5": "layer lstm_1: LSTM layers are not supported"}
VANISHING = 1e-50  # slopes of saturated units that the other routes round to 0 (a sigmoid's 1 - y) and nngrad keeps


@pytest.mark.parametrize("entry", [e for e in KERAS if e.file not in REFUSED], ids=str)
def test_values_and_jacobians(entry):
    expected = reference(entry)
    y, J = nngrad.load(entry.path).value_and_jacobian(expected["x"])
    clean = {"y": expected["y"], "J": np.where(np.abs(expected["J"]) < VANISHING, 0.0, expected["J"])}
    worst_y, worst_J = errors(y, np.where(np.abs(J) < VANISHING, 0.0, J), clean)
    assert worst_y < 1e-12
    assert worst_J < 1e-10


@pytest.mark.parametrize("entry", [e for e in KERAS if e.file in REFUSED], ids=str)
def test_refusals(entry):
    with pytest.raises(ModelError) as caught:
        nngrad.load(entry.path)
    assert REFUSED[entry.file] in str(caught.value)


def test_all_of_them_were_here():
    assert len(KERAS) >= 10
