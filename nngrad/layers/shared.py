"""What several layer kinds need: products over all rows, and the check of sizes."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def rows_product(a: Array, B: Array) -> Array:
    """a @ B for a (k, N, p) and B (p, q), as one large matrix product."""
    k, rows, p = a.shape
    return (a.reshape(k * rows, p) @ B).reshape(k, rows, B.shape[1])


def weighted_gram(weights: Array, S: Array, T: Array | None = None) -> Array:
    """sum_c weights[i, s, c] S[a, s, c] T[b, s, c] -> (N, m, k, k), for weights (m, N, w) and S, T (k, N or 1, w)."""
    T = S if T is None else T
    k, width = len(S), S.shape[-1]
    if S.shape[1] == T.shape[1] == 1 and width * k * k <= 1_000_000:  # the same tangents for all rows: one product
        pairs = (S[:, None, 0] * T[None, :, 0]).reshape(k * k, width)
        return np.ascontiguousarray(rows_product(weights, pairs.T).transpose(1, 0, 2)).reshape(weights.shape[1], -1, k, k)
    left, right = S.transpose(1, 0, 2), T.transpose(1, 2, 0)
    return np.stack([(w[:, None, :] * left) @ right for w in weights], axis=1)


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
