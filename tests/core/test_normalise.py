"""Normalize: its formulas against independent ones."""

import numpy as np
import pytest

from nngrad.core.layers import Normalize
from nngrad.core.network import Network
from tests.core.rules import forward


def row(x, groups, epsilon):
    """One row, in plain words, with complex numbers allowed."""
    parts = np.split(x, groups)
    return np.concatenate(
        [(p - p.sum() / len(p)) / np.sqrt(((p - p.sum() / len(p)) ** 2).sum() / len(p) + epsilon) for p in parts]
    )


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_value_and_jacobian_against_complex_steps(groups):
    x = np.random.default_rng(1).normal(size=(4, 6))
    y, J = Network.chain([Normalize(6, groups, 1e-5)]).value_and_jacobian(x)
    for s in range(4):
        np.testing.assert_allclose(y[s], row(x[s], groups, 1e-5), rtol=1e-14, atol=1e-15)
        for i in range(6):
            step = x[s] + 1e-30j * np.eye(6)[i]
            np.testing.assert_allclose(J[s, :, i], row(step, groups, 1e-5).imag / 1e-30, rtol=1e-12, atol=1e-13)


def test_hessian_against_the_written_formula():
    """H_ijk = (-(P_ij y_k + P_ik y_j + y_i P_jk)/N + 3 y_i y_j y_k/N^2)/s^2, P = I - 11'/N."""
    x = np.random.default_rng(2).normal(size=(3, 5))
    H = Network.chain([Normalize(5, 1, 1e-2)]).hessian(x)
    P, N = np.eye(5) - 0.2, 5
    for s in range(3):
        y = row(x[s], 1, 1e-2)
        mixed = np.einsum("ij,k->ijk", P, y) + np.einsum("ik,j->ijk", P, y) + np.einsum("i,jk->ijk", y, P)
        expected = (-mixed / N + 3 * np.einsum("i,j,k->ijk", y, y, y) / N**2) / (x[s].var() + 1e-2)
        np.testing.assert_allclose(H[s], expected, rtol=1e-12, atol=1e-13)
        assert np.array_equal(H[s], H[s].swapaxes(1, 2))


def test_missing_numbers_stay_within_their_group():
    x = np.array([[1.0, 2.0, np.nan, 5.0]]).T
    np.testing.assert_array_equal(np.isnan(forward(Normalize(4, 2, 1e-5), x))[:, 0], [False, False, True, True])


def test_groups_must_be_equal():
    with pytest.raises(ValueError, match="5 units are not 2 equal groups"):
        Normalize(5, 2, 1e-5).size(5)
