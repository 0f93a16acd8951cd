"""Distances to centres: radial basis networks, learning vector quantisation, self-organising maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nngrad.core.kernels import OVER, Array, Kernel
from nngrad.core.layers.base import Cost, Flows, Layer, Mask, SmoothLayer, V, Values, all_of, expect, near, single
from nngrad.core.layers.linear import there
from nngrad.core.slope import Slope


@dataclass(frozen=True, eq=False)
class SquaredDistance(SmoothLayer):
    """y_i = -scale_i |x - c_i|^2, centres C (out, in), scale (out,): exp of it is a Gaussian
    radial basis unit, smooth at its centre.
    """

    C: Array
    scale: Array
    stem = "z"
    title = "-scale*(distance to the centres)^2"

    @property
    def takes(self) -> tuple[int, ...]:
        return (self.C.shape[1],)

    def size(self, *n: int) -> int:
        fits = single(n) == self.C.shape[1] and len(self.scale) == len(self.C)
        expect(fits, f"centres {self.C.shape} don't take {n[0]} inputs")
        return len(self.C)

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        r = k.distances(x[0], k.matrix("C{n}", self.C), False, name="r2_C{n}")
        return k.map("-scale*r", scale=k.number("scale{n}", self.scale), r=r)

    def _slopes(self, k: Kernel[V], x: Values[V]) -> V:
        centres = k.matrix("C{n}", self.C)
        D = k.once("differences", lambda: k.differences(x[0], centres, False, name="from_C{n}"))
        return k.rows(D, "-2.0*scale*v", scale=k.number("scale{n}", self.scale))

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        return k.linear(self._slopes(k, x), there(T), inner="along_{out}")

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        return (k.linear(self._slopes(k, x), G, transposed=True, inner="radial_{y}", whole="whole_{y}"),)

    def curvature(self, k: Kernel[V], x: Values[V], y: V, G: V, S: Flows[V], T: Flows[V]) -> Values[V]:
        left = k.dense(there(S), "d{x}_dx")
        right = left if S is T else k.dense(there(T), "d{x}_dx")
        names = {"name": "bend_{y}", "inner": "radial_{y}", "whole": "whole_{y}"}
        total = k.weighted_total("-2.0*scale*v", G, **names, scale=k.number("scale{n}", self.scale))
        return (k.gram(k.each(total, x[0]), left, right),)  # the same for every input

    def reaches(self, reads: Values[Mask]) -> Mask:
        return np.full(len(self.C), reads[0].any())

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return all_of(sizes, wanted)

    def cost(self, n: int, m: int) -> Cost:
        return Cost(n * m, self.C.size)


@dataclass(frozen=True, eq=False)
class Distance(Layer):
    """y_i = sign |x - w_i|, W (out, in): MATLAB's dist (sign 1), negdist (sign -1), mandist (manhattan).

    At a kink (x = w_i, or x_j = w_ij for mandist) the slope is taken as 0, the middle of the subgradients.
    """

    W: Array
    sign: float = 1.0
    manhattan: bool = False
    stem = "z"
    title = "distance to the centres"
    slope = Slope.PIECEWISE
    constant = False

    @property
    def takes(self) -> tuple[int, ...]:
        return (self.W.shape[1],)

    def size(self, *n: int) -> int:
        expect(single(n) == self.W.shape[1], f"centres {self.W.shape} don't take {n[0]} inputs")
        expect(self.sign in (1.0, -1.0), f"sign {self.sign:g}; it is 1 or -1")
        return len(self.W)

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        name = "r_C{n}" if self.manhattan else "r2_C{n}"
        r = k.distances(x[0], k.matrix("C{n}", self.W), self.manhattan, name=name)
        return k.map("sign*r" if self.manhattan else "sign*sqrt(r)", sign=float(self.sign), r=r)

    def _slopes(self, k: Kernel[V], x: Values[V], y: V) -> V:
        centres = k.matrix("C{n}", self.W)
        name = "sign_C{n}" if self.manhattan else "from_C{n}"
        D = k.once("differences", lambda: k.differences(x[0], centres, self.manhattan, name=name))
        if self.manhattan:
            return k.rows(D, "sign*v", sign=float(self.sign))
        return k.rows(D, OVER, y=y)

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        return k.linear(self._slopes(k, x, y), there(T), inner="along_{out}")

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        return (k.linear(self._slopes(k, x, y), G, transposed=True, inner="radial_{out}", whole="whole_{out}"),)

    @property
    def curved(self) -> bool:
        return not self.manhattan

    def curvature(self, k: Kernel[V], x: Values[V], y: V, G: V, S: Flows[V], T: Flows[V]) -> Values[V]:
        if self.manhattan:
            return ()
        s = k.dense(there(S), "d{x}_dx")
        t = s if S is T else k.dense(there(T), "d{x}_dx")
        weights = k.over(k.dense(G, "whole_{y}"), y, name="bend_{y}")
        left = self.jvp(k.named("d{y}_dx"), x, y, (s,))
        right = left if S is T else self.jvp(k.named("d{y}_dx"), x, y, (t,))
        plain = k.gram(k.each(k.total(weights, name="total_{y}"), x[0]), s, t)
        return plain, k.gram(k.along("-v", name="minus_{y}", v=weights), left, right)

    def near_kink(self, x: Values[Array], eps: float) -> Mask:
        close = near(x[0].T[:, None, :], self.W, eps)  # (N, out, in)
        return np.asarray((close.any(axis=2) if self.manhattan else close.all(axis=2)).T)

    def branch(self, x: Values[Array]) -> Array:
        if self.manhattan:
            return np.asarray(np.sign(x[0].T[:, None, :] - self.W).reshape(-1, self.W.size).T)
        return self.near_kink(x, 1e-9)

    def reaches(self, reads: Values[Mask]) -> Mask:
        return np.full(len(self.W), reads[0].any())

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return all_of(sizes, wanted)

    def cost(self, n: int, m: int) -> Cost:
        return Cost(n * m, self.W.size)
