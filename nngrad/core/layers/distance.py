"""Distances to centres: radial basis networks, learning vector quantisation, self-organising maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nngrad.core.layers.shared import expect, weighted_gram

Array = np.ndarray


def _along(D: Array, T: Array) -> Array:
    """Sample by sample D (N, out, in) times T (in, k, N or 1) -> (out, k, N)."""
    return (D @ np.ascontiguousarray(T.transpose(2, 0, 1))).transpose(1, 2, 0)


def _back(D: Array, G: Array) -> Array:
    """Sample by sample G (out, m, N or 1) times D (N, out, in) -> (in, m, N)."""
    return (np.ascontiguousarray(G.transpose(2, 1, 0)) @ D).transpose(2, 1, 0)


@dataclass(frozen=True, eq=False)
class SquaredDistance:
    """y_i = -scale_i |x - c_i|^2, centres C (out, in), scale (out,): exp of it is a Gaussian radial basis unit, smooth at its centre."""

    C: Array
    scale: Array

    def size(self, n: int) -> int:
        expect(n == self.C.shape[1] and len(self.scale) == len(self.C), f"centres {self.C.shape} don't take {n} inputs")
        return len(self.C)

    def forward(self, x: Array) -> Array:
        D = x.T[:, None, :] - self.C
        return -self.scale[:, None] * np.einsum("noi,noi->on", D, D)

    def _slopes(self, x: Array) -> Array:
        return (x.T[:, None, :] - self.C) * (-2.0 * self.scale[:, None])

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return _along(self._slopes(x), T)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return _back(self._slopes(x), G)

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> Array:
        weights = np.tensordot(-2.0 * self.scale, G, 1)  # the same for every input
        return weighted_gram(np.broadcast_to(weights, (len(x), G.shape[1], x.shape[1])), S, T)


@dataclass(frozen=True, eq=False)
class Distance:
    """y_i = sign |x - w_i|, W (out, in): MATLAB's dist (sign 1), negdist (sign -1), mandist (manhattan).

    At a kink (x = w_i, or x_j = w_ij for mandist) the slope is taken as 0, the middle of the subgradients.
    """

    W: Array
    sign: float = 1.0
    manhattan: bool = False

    def size(self, n: int) -> int:
        expect(n == self.W.shape[1], f"centres {self.W.shape} don't take {n} inputs")
        expect(self.sign in (1.0, -1.0), f"sign {self.sign:g}; it is 1 or -1")
        return len(self.W)

    def forward(self, x: Array) -> Array:
        D = x.T[:, None, :] - self.W
        return self.sign * (np.abs(D).sum(axis=2).T if self.manhattan else np.sqrt(np.einsum("noi,noi->on", D, D)))

    def _slopes(self, x: Array, y: Array) -> Array:
        D = x.T[:, None, :] - self.W
        if self.manhattan:
            return self.sign * np.sign(D)
        z = y.T * self.sign
        return self.sign * D / np.where(z == 0.0, 1.0, z)[:, :, None]

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return _along(self._slopes(x, y), T)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return _back(self._slopes(x, y), G)

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> Array | None:
        if self.manhattan:
            return None
        weights = G * np.where(y == 0.0, 0.0, 1.0 / np.where(y == 0.0, 1.0, y))[:, None]  # sign/z = 1/y
        left = self.jvp(x, y, S)
        right = left if S is T else self.jvp(x, y, T)
        total = np.broadcast_to(weights.sum(axis=0), (len(x), *weights.shape[1:]))
        return weighted_gram(total, S, T) - weighted_gram(weights, left, right)
