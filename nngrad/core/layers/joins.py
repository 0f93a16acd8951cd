"""Layers that join several values. Their rules take and give tuples, one entry for each value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import combinations

import numpy as np

from nngrad.core.layers.shared import expect, weighted_gram

Array = np.ndarray
Arrays = tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class Sum:
    """y = the sum of its inputs, unit by unit: MATLAB's netsum, additionLayer."""

    def size(self, *n: int) -> int:
        expect(len(set(n)) == 1, f"a sum of values with {n} units")
        return n[0]

    def forward(self, x: Arrays) -> Array:
        y = x[0] + x[1] if len(x) > 1 else x[0].copy()
        for term in x[2:]:
            y = y + term
        return y

    def jvp(self, x: Arrays, y: Array, T: Arrays) -> Array:
        return self.forward(T)

    def vjp(self, x: Arrays, y: Array, G: Array) -> Arrays:
        return (G,) * len(x)

    def curvature(self, x: Arrays, y: Array, G: Array, S: Arrays, T: Arrays) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Product:
    """y = the product of its inputs, unit by unit: MATLAB's netprod, multiplicationLayer. Slopes are products, never y/x: x may be 0."""

    def size(self, *n: int) -> int:
        expect(len(set(n)) == 1, f"a product of values with {n} units")
        return n[0]

    def forward(self, x: Arrays) -> Array:
        return _others(x)

    def jvp(self, x: Arrays, y: Array, T: Arrays) -> Array:
        return reduce(np.add, (t * _others(x, i)[:, None] for i, t in enumerate(T)))

    def vjp(self, x: Arrays, y: Array, G: Array) -> Arrays:
        return tuple(G * _others(x, i)[:, None] for i in range(len(x)))

    def curvature(self, x: Arrays, y: Array, G: Array, S: Arrays, T: Arrays) -> Array | None:
        total: Array | None = None  # of a single input
        for i, j in combinations(range(len(x)), 2):
            weights = G * _others(x, i, j)[:, None]
            one = weighted_gram(weights, *_alike(S[i], T[j]))
            both = one + (one if S is T else weighted_gram(weights, *_alike(T[i], S[j]))).swapaxes(2, 3)
            total = both if total is None else total + both
        return total


def _others(x: Arrays, *without: int) -> Array:
    """The product of all values but some."""
    return reduce(np.multiply, (v for i, v in enumerate(x) if i not in without), np.ones(x[0].shape))


def _alike(S: Array, T: Array) -> tuple[Array, Array]:
    """Both with as many samples as the one with more."""
    rows = max(S.shape[2], T.shape[2])
    return np.broadcast_to(S, (*S.shape[:2], rows)), np.broadcast_to(T, (*T.shape[:2], rows))


@dataclass(frozen=True, eq=False)
class Concatenate:
    """y = the units of its inputs, one after the other."""

    sizes: tuple[int, ...]

    def size(self, *n: int) -> int:
        expect(n == self.sizes, f"a concatenation of {self.sizes} given {n}")
        return sum(n)

    def forward(self, x: Arrays) -> Array:
        return np.concatenate(x, axis=0)

    def jvp(self, x: Arrays, y: Array, T: Arrays) -> Array:
        rows = max(t.shape[2] for t in T)
        return np.concatenate([np.broadcast_to(t, (*t.shape[:2], rows)) for t in T], axis=0)

    def vjp(self, x: Arrays, y: Array, G: Array) -> Arrays:
        return tuple(np.split(G, np.cumsum(self.sizes)[:-1], axis=0))

    def curvature(self, x: Arrays, y: Array, G: Array, S: Arrays, T: Arrays) -> None:
        return None
