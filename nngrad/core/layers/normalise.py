"""Normalisation of units over a sample: layer, group and instance normalisation. Its one rule: a sample is normalised by itself alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nngrad.core.layers.shared import expect, weighted_gram

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Normalize:
    """y = (x - mean) / sqrt(var + epsilon) over each of `groups` equal runs of the units, var biased; within a run of N units

    dy_i/dx_j = (delta_ij - 1/N - y_i y_j/N) / sqrt(var + epsilon). Learned gains and offsets are a Scale behind it.
    """

    inputs: int
    groups: int
    epsilon: float

    def size(self, n: int) -> int:
        expect(n == self.inputs, f"a normalisation of {self.inputs} units doesn't take {n} inputs")
        expect(self.epsilon > 0.0, f"epsilon {self.epsilon:g} is not above 0")
        expect(self.groups > 0 and n % self.groups == 0, f"{n} units are not {self.groups} equal groups")
        return n

    def forward(self, x: Array) -> Array:
        return (self._centered(x) / self._deviation(x)).reshape(x.shape)

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        u, t = self._grouped(y)[:, :, None], self._centered(T)
        along = (u * t).mean(axis=1, keepdims=True)
        return ((t - u * along) / self._deviation(x)[:, :, None]).reshape(len(y), T.shape[1], y.shape[1])

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return self.jvp(x, y, G)  # the slope is a symmetric matrix

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> Array:
        """-N (<g,s><y,t> + <g,t><y,s> + <g,y>(<s,t> - 3<y,s><y,t>)) / (var + epsilon), summed over the runs.

        <u, v> is the mean of u v over a run; g, s, t are centered.
        """
        s = self._centered(S)
        t = s if S is T else self._centered(T)
        u, g = self._grouped(y)[:, :, None], self._centered(G)
        gain = 1.0 / np.square(self._deviation(x))[:, :, None]
        gy = (g * u).mean(axis=1, keepdims=True) * gain
        weights = -np.broadcast_to(gy, (*u.shape[:2], G.shape[1], y.shape[1])).reshape(len(y), G.shape[1], y.shape[1])
        flat = s.reshape(S.shape)
        plain = weighted_gram(weights, flat, flat if S is T else t.reshape(T.shape))
        half = self._half(u, g, gy, gain, s, t)
        return plain + (half + (half if S is T else self._half(u, g, gy, gain, t, s)).swapaxes(2, 3))

    def _half(self, u: Array, g: Array, gy: Array, gain: Array, s: Array, t: Array) -> Array:
        """-N (<g,s> - 1.5 <g,y><y,s>) <y,t> / (var + epsilon), summed over the runs -> (N, m, j, k); gy is <g,y> / (var + epsilon)."""
        N = u.shape[1]
        ys, yt = (u * s).mean(axis=1), (u * t).mean(axis=1)  # (groups, j or k, N)
        gs = np.stack([(g[:, :, i, None] * s).mean(axis=1) for i in range(g.shape[2])], axis=1)  # (groups, m, j, N or 1)
        weight = -N * (gs * gain[:, 0, :, None] - 1.5 * gy[:, 0, :, None] * ys[:, None])
        return np.einsum("qmjn,qkn->nmjk", weight, yt)

    def _grouped(self, v: Array) -> Array:
        return v.reshape(self.groups, self.inputs // self.groups, *v.shape[1:])

    def _centered(self, v: Array) -> Array:
        v = self._grouped(v)
        return v - v.mean(axis=1, keepdims=True)

    def _deviation(self, x: Array) -> Array:
        return np.sqrt(np.square(self._centered(x)).mean(axis=1, keepdims=True) + self.epsilon)
