"""Normalisation of units over a sample: layer, group and instance normalisation. A sample is
normalised by itself alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nngrad.core.kernels import Kernel
from nngrad.core.layers.base import Cost, Flows, Mask, SmoothLayer, V, Values, expect, single
from nngrad.core.layers.linear import there


@dataclass(frozen=True, eq=False)
class Normalize(SmoothLayer):
    """y = (x - mean) / sqrt(var + epsilon) over each of `groups` equal runs of the units, var biased; within a run of N
    units

    dy_i/dx_j = (delta_ij - 1/N - y_i y_j/N) / sqrt(var + epsilon). Learned gains and offsets are a Scale behind it.
    """

    inputs: int
    groups: int
    epsilon: float
    stem = "n"
    title = "normalisation over the units"

    @property
    def takes(self) -> tuple[int, ...]:
        return (self.inputs,)

    def size(self, *n: int) -> int:
        expect(single(n) == self.inputs, f"a normalisation of {self.inputs} units doesn't take {n[0]} inputs")
        expect(self.epsilon > 0.0, f"epsilon {self.epsilon:g} is not above 0")
        expect(self.groups > 0 and n[0] % self.groups == 0, f"{n[0]} units are not {self.groups} equal groups")
        return n[0]

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        c = self._centered(k, k.map, x[0], "{y}")
        return k.map("c/s", c=c, s=k.once("deviation", lambda: self._deviation(k, c)))

    def _centered(self, k: Kernel[V], apply: Callable[..., V], v: V, name: str) -> V:
        """v minus its mean over each run; `apply` is k.map for a value and k.along for a flow."""
        total = k.spread(k.total(v, f"total_{name}", self.groups), self.inputs, f"totals_{name}")
        return apply("v - t/N", name=f"centered_{name}", v=v, t=total, N=float(self.inputs // self.groups))

    def _deviation(self, k: Kernel[V], c: V) -> V:
        """sqrt(var + epsilon) for each unit, from the deviations c."""
        squares = k.total(k.map("c*c", name="squares_{y}", c=c), "sum_{y}", self.groups)
        N, epsilon = float(self.inputs // self.groups), float(self.epsilon)
        s = k.map("sqrt(v/N + epsilon)", name="deviation_{y}", v=squares, N=N, epsilon=epsilon)
        return k.spread(s, self.inputs, "each_deviation_{y}")

    def _divisor(self, k: Kernel[V], x: Values[V]) -> V:
        return k.once("deviation", lambda: self._deviation(k, self._centered(k, k.map, x[0], "{y}")))

    def _correlation(self, k: Kernel[V], u: V, v: V, name: str, each: str) -> V:
        """The mean of u v over each run, for every unit; u is a value, v a flow."""
        parts = k.along("u*v", name=f"parts_{name}", u=u, v=v)
        total = k.total(parts, f"sum_{name}", self.groups)
        return k.spread(k.along("t/N", name=name, t=total, N=float(self.inputs // self.groups)), self.inputs, each)

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        t = self._centered(k, k.along, k.dense(there(T), "whole_{out}"), "{out}")
        a = self._correlation(k, y, t, "along_{out}", "each_{out}")
        return k.along("(t - y*a)/s", t=t, y=y, a=a, s=self._divisor(k, x))

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        return (self.jvp(k, x, y, (G,)),)  # the slope is a symmetric matrix

    def curvature(self, k: Kernel[V], x: Values[V], y: V, G: V, S: Flows[V], T: Flows[V]) -> Values[V]:
        """With <u, v> the mean over a run of N: -N (<g,s><y,t> + <g,t><y,s> + <g,y>(<s,t> -
        3<y,s><y,t>)) / (var + epsilon).
        """
        left = self._side(k, y, there(S))
        right = left if S is T else self._side(k, y, there(T))
        g = self._centered(k, k.along, k.dense(G, "whole_{y}"), "G_{y}")
        a, s = self._correlation(k, y, g, "yG_{y}", "each_yG_{y}"), self._divisor(k, x)
        return (
            k.gram(k.along("where(g == g, -a/(s*s), g)", name="bend_{y}", a=a, s=s, g=g), left[0], right[0]),
            k.cross(k.along("-g/(s*s)", name="bend_{y}", g=g, s=s), left, right),
            k.gram(k.along("where(g == g, 3.0*a/(s*s), g)", name="bend_{y}", a=a, s=s, g=g), left[1], right[1]),
        )

    def _side(self, k: Kernel[V], y: V, flow: V) -> tuple[V, V]:
        """The deviations of a tangent, and its correlation with y for every unit."""
        t = self._centered(k, k.along, k.dense(flow, "d{x}_dx"), "T_{y}")
        yt = self._correlation(k, y, t, "yT_{y}", "each_yT_{y}")
        return t, k.known(yt, t, name="full_yT_{y}")

    def reaches(self, reads: Values[Mask]) -> Mask:
        return self._whole_runs(reads[0])

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return (self._whole_runs(wanted),)

    def _whole_runs(self, mask: Mask) -> Mask:
        """Every unit of a run depends on every unit of it."""
        runs = mask.reshape(self.groups, -1)
        return np.repeat(runs.any(axis=1), runs.shape[1])

    def cost(self, n: int, m: int) -> Cost:
        return Cost(2 * n)
