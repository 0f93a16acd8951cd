"""What several layer kinds need: products over all rows and directions, and the check of sizes."""

from __future__ import annotations

import numpy as np

from nngrad.core.scratch import empty

Array = np.ndarray
MOST_PAIRS = 1_000_000  # numbers of a table of products of tangents that are kept at once


def product(A: Array, V: Array) -> Array:
    """A (p, q) times V (q, k, N) -> (p, k, N), as one large matrix product."""
    q, k, rows = V.shape
    return matrix_product(A, V.reshape(q, k * rows)).reshape(len(A), k, rows)


def matrix_product(A: Array, B: Array) -> Array:
    """A (p, q) times B (q, r), into scratch memory; for the few numbers of one row dot() takes a third of matmul's time."""
    return A.dot(B, empty((len(A), B.shape[1])))


def scaled(V: Array, gain: Array) -> Array:
    """V (units, k, N or 1) times gain (units, N or 1), direction by direction."""
    return np.multiply(V, gain[:, None], out=empty((*V.shape[:2], V.shape[2] if gain.shape[1] == 1 else gain.shape[1])))


def weighted_gram(weights: Array, S: Array, T: Array) -> Array:
    """sum_c weights[c, i, s] S[c, a, s] T[c, b, s] -> (N, m, j, k), for weights (w, m, N), S (w, j, N or 1), T (w, k, N or 1)."""
    (width, m, rows), j, k = weights.shape, S.shape[1], T.shape[1]
    if S.shape[2] == T.shape[2] == 1 and width * j * k <= MOST_PAIRS:
        return _gram_of_shared(weights, S, T)
    left, right = np.ascontiguousarray(S.transpose(2, 1, 0)), np.ascontiguousarray(T.transpose(2, 0, 1))
    weighted = np.multiply(weights.transpose(2, 1, 0)[:, :, None], left[:, None], out=empty((rows, m, j, width)))
    gram = np.matmul(weighted.reshape(rows, m * j, width), right, out=empty((rows, m * j, k))).reshape(rows, m, j, k)
    return 0.5 * (gram + gram.swapaxes(2, 3)) if S is T else gram


def _gram_of_shared(weights: Array, S: Array, T: Array) -> Array:
    """weighted_gram for tangents that are the same for all rows: one product of the weights with the table of their pairs."""
    (_, m, rows), j, k = weights.shape, S.shape[1], T.shape[1]
    if S is T:  # half of the pairs, mirrored: symmetric to the last bit
        a, b = np.triu_indices(k)
        place = np.zeros((k, k), int)
        place[a, b] = place[b, a] = np.arange(len(a))
    else:
        a, b = (index.ravel() for index in np.indices((j, k)))
        place = np.arange(j * k).reshape(j, k)
    pairs = S[:, a, 0] * T[:, b, 0]
    gram, sums = empty((rows, m, j * k)), empty((rows, len(a)))
    for i in range(m):
        np.matmul(weights[:, i].T, pairs, out=sums)
        np.take(sums, place.ravel(), axis=1, out=gram[:, i], mode="clip")  # nothing to clip, but unchecked is faster
    return gram.reshape(rows, m, j, k)


def expect(condition: bool, message: str) -> None:
    """ValueError with the message unless the condition holds."""
    if not condition:
        raise ValueError(message)
