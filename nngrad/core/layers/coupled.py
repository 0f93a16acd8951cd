"""Layers whose units depend on each other: softmax, competition, normalised products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nngrad.core.kernels import Array, Kernel
from nngrad.core.layers.base import Cost, Flows, Layer, Mask, SmoothLayer, V, Values, all_of, expect, single
from nngrad.core.layers.linear import there
from nngrad.core.slope import Slope


@dataclass(frozen=True, eq=False)
class Softmax(SmoothLayer):
    """y = exp(x - max x) / sum: coupled, dy_i/dx_j = y_i (delta_ij - y_j)."""

    stem = "a"
    title = "softmax"
    takes = None

    def size(self, *n: int) -> int:
        return single(n)

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        e = k.map("exp(x - m)", name="exp_{x}", x=x[0], m=k.largest(x[0], name="top_{x}"))
        return k.map("e/s", e=e, s=k.total(e, name="sum_{y}"))

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        return k.times(k.centered(there(T), y), y)

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        return (k.times(k.centered(G, y), y),)

    def curvature(self, k: Kernel[V], x: Values[V], y: V, G: V, S: Flows[V], T: Flows[V]) -> Values[V]:
        left = k.centered(there(S), y, name="T_{y}")
        right = left if S is T else k.centered(there(T), y, name="T_{y}")
        weights = self.vjp(k.named("bend_{y}"), x, y, G)[0]
        return (k.gram(k.dense(weights, "{y}"), left, right),)

    def reaches(self, reads: Values[Mask]) -> Mask:
        return np.full(len(reads[0]), reads[0].any())

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return all_of(sizes, wanted)

    def cost(self, n: int, m: int) -> Cost:
        return Cost(2 * n)


@dataclass(frozen=True, eq=False)
class Compet(Layer):
    """y = 1 at the largest x of a sample (the first of equals), else 0: MATLAB's compet. A NaN
    makes its sample NaN; the slope is 0.
    """

    stem = "a"
    title = "compet: 1 for the largest"
    takes = None
    slope = Slope.ZERO
    constant = False
    curved = False

    def size(self, *n: int) -> int:
        return single(n)

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        return k.winner(x[0])

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        return k.cleared(there(T), y)

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        return (k.cleared(G, y),)

    def curvature(self, k: Kernel[V], x: Values[V], y: V, G: V, S: Flows[V], T: Flows[V]) -> Values[V]:
        return ()

    def near_kink(self, x: Values[Array], eps: float) -> Mask:
        """Units that share the largest value: which of them wins is a convention."""
        if len(x[0]) < 2:
            return np.zeros(x[0].shape, bool)
        top = x[0].max(axis=0)
        close = np.abs(x[0] - top) <= eps * np.maximum(1.0, np.abs(top))
        return np.asarray(close & (close.sum(axis=0) > 1))

    def branch(self, x: Values[Array]) -> Array:
        return self.forward(self.kernel, x)

    def reaches(self, reads: Values[Mask]) -> Mask:
        return np.full(len(reads[0]), reads[0].any())

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return all_of(sizes, wanted)

    def cost(self, n: int, m: int) -> Cost:
        return Cost(2 * n)


@dataclass(frozen=True, eq=False)
class NormProd(SmoothLayer):
    """y_i = w_i.x / sum(x), W (out, in): MATLAB's normprod, as in generalised regression networks."""

    W: Array
    stem = "z"
    title = "normalised products with the weights"

    @property
    def takes(self) -> tuple[int, ...]:
        return (self.W.shape[1],)

    def size(self, *n: int) -> int:
        expect(single(n) == self.W.shape[1], f"weights {self.W.shape} don't take {n[0]} inputs")
        return len(self.W)

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        p = k.linear(k.matrix("W{n}", self.W), x[0], name="weighted_{y}")
        return k.map("p/t", p=p, t=self._total(k, x))

    def _total(self, k: Kernel[V], x: Values[V]) -> V:
        return k.once("total", lambda: k.total(x[0], name="sum_{x}"))

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        v = k.dense(there(T), "whole_{out}")
        p = k.linear(k.matrix("W{n}", self.W), v, name="weighted_{out}")
        return k.along("(p - y*u)/t", p=p, y=y, u=k.total(v, name="sum_{out}"), t=self._total(k, x))

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        v = k.dense(G, "whole_{out}")
        u = k.total(k.along("v*y", name="parts_{out}", v=v, y=y), name="sum_{out}")
        p = k.linear(k.matrix("W{n}", self.W), v, transposed=True, name="weighted_{out}")
        return (k.along("(p - u)/t", p=p, u=u, t=self._total(k, x)),)

    def curvature(self, k: Kernel[V], x: Values[V], y: V, G: V, S: Flows[V], T: Flows[V]) -> Values[V]:
        left = self._side(k, x, y, there(S))
        right = left if S is T else self._side(k, x, y, there(T))
        return (k.cross(k.dense(G, "whole_{y}"), left, right),)

    def _side(self, k: Kernel[V], x: Values[V], y: V, flow: V) -> tuple[V, V]:
        """The tangent of y, and minus the share of the tangent in the sum of x."""
        v = k.dense(flow, "d{x}_dx")
        left = self.jvp(k.named("d{y}_dx"), x, y, (v,))
        u = k.total(v, name="total_{y}")
        share = k.along("-u/t", name="share_{y}", u=u, t=self._total(k, x))
        return left, k.each(share, y)

    def reaches(self, reads: Values[Mask]) -> Mask:
        return np.full(len(self.W), reads[0].any())

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return all_of(sizes, wanted)

    def cost(self, n: int, m: int) -> Cost:
        return Cost(n * m)
