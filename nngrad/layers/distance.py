"""Distances to centres: radial basis networks, learning vector quantisation, self-organising maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nngrad.layers.shared import expect, weighted_gram

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class SquaredDistance:
    """y_i = -scale_i |x - c_i|^2, centres C (out, in), scale (out,): exp of it is a Gaussian radial basis unit, smooth at its centre."""

    C: Array
    scale: Array

    def size(self, n: int) -> int:
        expect(n == self.C.shape[1] and len(self.scale) == len(self.C), f"centres {self.C.shape} don't take {n} inputs")
        return len(self.C)

    def forward(self, x: Array) -> Array:
        D = x[:, None, :] - self.C
        return -self.scale * np.einsum("noi,noi->no", D, D)

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        D = (x[:, None, :] - self.C) * (-2.0 * self.scale[:, None])
        return (D @ T.transpose(1, 2, 0)).transpose(2, 0, 1)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        D = (x[:, None, :] - self.C) * (-2.0 * self.scale[:, None])
        return (G.transpose(1, 0, 2) @ D).transpose(1, 0, 2)

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> Array:
        weights = (G @ (-2.0 * self.scale))[..., None]
        return weighted_gram(np.broadcast_to(weights, (len(G), len(x), T.shape[-1])), S, T)


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
        return len(self.W)

    def forward(self, x: Array) -> Array:
        D = x[:, None, :] - self.W
        return self.sign * (np.abs(D).sum(axis=2) if self.manhattan else np.sqrt(np.einsum("noi,noi->no", D, D)))

    def _unit(self, x: Array, y: Array) -> Array:
        D = x[:, None, :] - self.W
        if self.manhattan:
            return self.sign * np.sign(D)
        z = y * self.sign
        return self.sign * D / np.where(z == 0.0, 1.0, z)[:, :, None]

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return (self._unit(x, y) @ T.transpose(1, 2, 0)).transpose(2, 0, 1)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return (G.transpose(1, 0, 2) @ self._unit(x, y)).transpose(1, 0, 2)

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> Array | None:
        if self.manhattan:
            return None
        weights = G * np.where(y == 0.0, 0.0, 1.0 / np.where(y == 0.0, 1.0, y))  # sign/z = 1/y
        left = self.jvp(x, y, S)
        right = left if S is T else self.jvp(x, y, T)
        total = np.broadcast_to(weights.sum(axis=-1, keepdims=True), (*weights.shape[:-1], T.shape[-1]))
        return weighted_gram(total, S, T) - weighted_gram(weights, left, right)
