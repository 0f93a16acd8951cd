"""Layers whose units depend on each other: softmax, competition, normalised products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nngrad.core.layers.shared import expect, product, weighted_gram

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Softmax:
    """y = exp(x - max x) / sum: coupled, dy_i/dx_j = y_i (delta_ij - y_j)."""

    def size(self, n: int) -> int:
        return n

    def forward(self, x: Array) -> Array:
        if not len(x):
            return x.copy()
        y = np.subtract(x, x.max(axis=0), order="C")
        np.exp(y, out=y)
        y /= y.sum(axis=0)
        return y

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return y[:, None] * self._centered(y, T)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return y[:, None] * self._centered(y, G)

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> Array:
        left = self._centered(y, S)
        return weighted_gram(y[:, None] * self._centered(y, G), left, left if S is T else self._centered(y, T))

    @staticmethod
    def _centered(y: Array, V: Array) -> Array:
        """V minus its mean under y, exact to the last digits also where one y is almost 1 and the others tiny.

        There V_top - mean = sum over the others of y_j (V_top - V_j), while the plain difference cancels.
        """
        weights = y[:, None]
        centered = V - (V * weights).sum(axis=0)
        rows = np.flatnonzero(y.max(axis=0) > 0.9) if y.size else ()
        if len(rows):
            top = y[:, rows].argmax(axis=0)
            some = V[:, :, rows if V.shape[2] == y.shape[1] else np.zeros(len(rows), int)]
            of_top = some[top, :, np.arange(len(rows))].T
            centered[top, :, rows] = ((of_top - some) * weights[:, :, rows]).sum(axis=0).T
        return centered


@dataclass(frozen=True, eq=False)
class Compet:
    """y = 1 at the largest x of a sample (the first of equals), else 0: MATLAB's compet. A NaN makes its sample NaN; the slope is 0."""

    def size(self, n: int) -> int:
        return n

    def forward(self, x: Array) -> Array:
        y = np.zeros(x.shape)
        if len(x):
            y[x.argmax(axis=0), np.arange(x.shape[1])] = 1.0
            y[:, np.isnan(x).any(axis=0)] = np.nan
        return y

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return np.zeros((len(y), T.shape[1], y.shape[1])) + np.where(np.isnan(y), y, 0.0)[:, None]

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
        return (self.W @ x) / x.sum(axis=0)

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return (product(self.W, T) - y[:, None] * T.sum(axis=0)) / x.sum(axis=0)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return (product(self.W.T, G) - (G * y[:, None]).sum(axis=0)) / x.sum(axis=0)

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> Array:
        both = self._half(x, y, G, S, T)
        return both + (both if S is T else self._half(x, y, G, T, S)).swapaxes(2, 3)

    def _half(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> Array:
        sums = np.broadcast_to(T.sum(axis=0), (T.shape[1], x.shape[1])) / x.sum(axis=0)
        return -np.einsum("omn,oan,bn->nmab", np.broadcast_to(G, (*G.shape[:2], x.shape[1])), self.jvp(x, y, S), sums)
