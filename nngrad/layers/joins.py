"""Layers that join several values. Their rules take and give tuples, one entry for each value."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from nngrad.layers.shared import expect, weighted_gram

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Sum:
    """y = the sum of its inputs, unit by unit: MATLAB's netsum, additionLayer."""

    def size(self, *n: int) -> int:
        expect(len(set(n)) == 1, f"a sum of values with {n} units")
        return n[0]

    def forward(self, x: tuple[Array, ...]) -> Array:
        y = x[0] + x[1] if len(x) > 1 else x[0].copy()
        for term in x[2:]:
            y += term
        return y

    def jvp(self, x: tuple[Array, ...], y: Array, T: tuple[Array, ...]) -> Array:
        return self.forward(T)

    def vjp(self, x: tuple[Array, ...], y: Array, G: Array) -> tuple[Array, ...]:
        return (G,) * len(x)

    def curvature(self, x: tuple[Array, ...], y: Array, G: Array, S: tuple[Array, ...], T: tuple[Array, ...]) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Product:
    """y = the product of its inputs, unit by unit: MATLAB's netprod, multiplicationLayer. Slopes are products, never y/x: x may be 0."""

    def size(self, *n: int) -> int:
        expect(len(set(n)) == 1, f"a product of values with {n} units")
        return n[0]

    def forward(self, x: tuple[Array, ...]) -> Array:
        return _product_of(x, len(x[0]), x[0].shape[1])

    def jvp(self, x: tuple[Array, ...], y: Array, T: tuple[Array, ...]) -> Array:
        return sum(t * _others(x, {i}) for i, t in enumerate(T))  # type: ignore[return-value]

    def vjp(self, x: tuple[Array, ...], y: Array, G: Array) -> tuple[Array, ...]:
        return tuple(G * _others(x, {i}) for i in range(len(x)))

    def curvature(self, x: tuple[Array, ...], y: Array, G: Array, S: tuple[Array, ...], T: tuple[Array, ...]) -> Array:
        total: Any = 0.0
        for i, j in combinations(range(len(x)), 2):
            weights = G * _others(x, {i, j})
            one = weighted_gram(weights, *_alike(S[i], T[j]))
            total = total + (one + (one if S is T else weighted_gram(weights, *_alike(T[i], S[j]))).swapaxes(2, 3))
        return np.asarray(total)


def _others(x: tuple[Array, ...], without: set[int]) -> Array:
    return _product_of([v for i, v in enumerate(x) if i not in without], *x[0].shape)


def _product_of(values: Any, rows: int, width: int) -> Array:
    y = np.ones((rows, width))
    for v in values:
        y *= v
    return y


def _alike(S: Array, T: Array) -> tuple[Array, Array]:
    rows = max(S.shape[1], T.shape[1])
    return tuple(np.broadcast_to(V, (V.shape[0], rows, V.shape[2])) for V in (S, T))  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class Concatenate:
    """y = its inputs side by side."""

    sizes: tuple[int, ...]

    def size(self, *n: int) -> int:
        expect(n == self.sizes, f"a concatenation of {self.sizes} given {n}")
        return sum(n)

    def forward(self, x: tuple[Array, ...]) -> Array:
        return np.concatenate(x, axis=1)

    def jvp(self, x: tuple[Array, ...], y: Array, T: tuple[Array, ...]) -> Array:
        rows = max(t.shape[1] for t in T)
        return np.concatenate([np.broadcast_to(t, (t.shape[0], rows, t.shape[2])) for t in T], axis=2)

    def vjp(self, x: tuple[Array, ...], y: Array, G: Array) -> tuple[Array, ...]:
        return tuple(np.split(G, np.cumsum(self.sizes)[:-1], axis=2))

    def curvature(self, x: tuple[Array, ...], y: Array, G: Array, S: tuple[Array, ...], T: tuple[Array, ...]) -> None:
        return None
