"""Layers whose units depend on each other: softmax, competition, normalised products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nngrad.layers.shared import expect, rows_product, weighted_gram

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Softmax:
    """y = exp(x - max x) / sum: coupled, dy_i/dx_j = y_i (delta_ij - y_j)."""

    def size(self, n: int) -> int:
        return n

    def forward(self, x: Array) -> Array:
        if not x.shape[1]:
            return x.copy()
        y = x - x.max(axis=1, keepdims=True)
        np.exp(y, out=y)
        y /= y.sum(axis=1, keepdims=True)
        return y

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return y * self._centered(y, T)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return y * self._centered(y, G)

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> Array:
        left = self._centered(y, S)
        return weighted_gram(y * self._centered(y, G), left, left if S is T else self._centered(y, T))

    @staticmethod
    def _centered(y: Array, V: Array) -> Array:
        """V minus its mean under y, exact to the last digits also where one y is almost 1 and the others tiny.

        There V_top - mean = sum over the others of y_j (V_top - V_j), while the plain difference cancels.
        """
        mean = (V * y).sum(axis=-1, keepdims=True)
        centered = V - mean
        rows = np.flatnonzero(y.max(axis=1) > 0.9) if y.size else ()
        if not len(rows):
            return centered
        top = y[rows].argmax(axis=1)
        some = V[:, rows if V.shape[1] == len(y) else np.zeros(len(rows), int)]
        pick = np.arange(len(rows))
        gaps = some[:, pick, top][..., None] - some
        centered[:, rows, top] = (gaps * y[rows]).sum(axis=-1)
        return centered


@dataclass(frozen=True, eq=False)
class Compet:
    """y = 1 at the largest x of a row (the first of equals), else 0: MATLAB's compet. A NaN makes its row NaN; the slope is 0."""

    def size(self, n: int) -> int:
        return n

    def forward(self, x: Array) -> Array:
        y = np.zeros_like(x)
        if x.shape[1]:
            y[np.arange(len(x)), x.argmax(axis=1)] = 1.0
            y[np.isnan(x).any(axis=1)] = np.nan
        return y

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return np.zeros(np.broadcast_shapes(T.shape, y.shape)) + np.where(np.isnan(y), y, 0.0)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return self.jvp(x, y, G)

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> None:
        return None


@dataclass(frozen=True, eq=False)
class NormProd:
    """y_i = w_i.x / sum(x), W (out, in): MATLAB's normprod, as in generalised regression networks."""

    W: Array

    def size(self, n: int) -> int:
        expect(n == self.W.shape[1], f"weights {self.W.shape} don't take {n} inputs")
        return len(self.W)

    def forward(self, x: Array) -> Array:
        return (x @ self.W.T) / x.sum(axis=1, keepdims=True)

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return (rows_product(T, self.W.T) - y * T.sum(axis=-1, keepdims=True)) / x.sum(axis=1, keepdims=True)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return (rows_product(G, self.W) - (G * y).sum(axis=-1, keepdims=True)) / x.sum(axis=1, keepdims=True)

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> Array:
        both = self._half(x, y, G, S, T)
        return both + (both if S is T else self._half(x, y, G, T, S)).swapaxes(2, 3)

    def _half(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> Array:
        sums = np.broadcast_to(T.sum(axis=-1), (len(T), len(x))) / x.sum(axis=1)
        return -np.einsum("mno,ano,bn->nmab", np.broadcast_to(G, (len(G), *y.shape)), self.jvp(x, y, S), sums)
