"""What several layer kinds need: products over all rows, and the check of sizes."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
MOST_PAIRS = 1_000_000  # numbers of a table of products of tangents that are kept at once


def rows_product(a: Array, B: Array) -> Array:
    """a @ B for a (k, N, p) and B (p, q), as one large matrix product."""
    k, rows, p = a.shape
    return (a.reshape(k * rows, p) @ B).reshape(k, rows, B.shape[1])


def weighted_gram(weights: Array, S: Array, T: Array) -> Array:
    """sum_c weights[i, s, c] S[a, s, c] T[b, s, c] -> (N, m, j, k), for weights (m, N, w), S (j, N or 1, w), T (k, N or 1, w)."""
    j, k, width = len(S), len(T), S.shape[-1]
    if S.shape[1] == T.shape[1] == 1 and width * j * k <= MOST_PAIRS:  # the same tangents for all rows: one product
        if S is T:  # symmetric: half of the pairs, mirrored, so that it is symmetric to the last bit
            a, b = np.triu_indices(k)
            half = rows_product(weights, (S[a, 0] * T[b, 0]).T)
            place = np.zeros((k, k), int)
            place[a, b] = place[b, a] = np.arange(len(a))
            gram = half[..., place]
        else:
            gram = rows_product(weights, (S[:, None, 0] * T[None, :, 0]).reshape(j * k, width).T).reshape(*weights.shape[:2], j, k)
        return gram.transpose(1, 0, 2, 3)
    left, right = S.transpose(1, 0, 2), T.transpose(1, 2, 0)
    gram = np.stack([(w[:, None, :] * left) @ right for w in weights], axis=1)
    if S is T:
        gram = 0.5 * (gram + gram.swapaxes(2, 3))
    return gram


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
