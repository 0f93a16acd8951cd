"""Missing numbers replaced: MATLAB's fixunknowns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nngrad.core.kernels import Array, Kernel
from nngrad.core.layers.base import Cost, Flows, Layer, Mask, V, Values, at, expect, single
from nngrad.core.layers.linear import there, within
from nngrad.core.slope import Slope


@dataclass(frozen=True, eq=False)
class FillMissing(Layer):
    """y[j] is x[source[j]] with NaN replaced by fill[j], or, where flag[j], 1 for a number and 0 for NaN: MATLAB's
    fixunknowns.

    A NaN of a unit that is not `filled` stays. The slope is 1, and 0 where a value was replaced and for flags: linear
    among numbers.
    """

    source: Array
    flag: Array
    filled: Array
    fill: Array
    inputs: int
    stem = "filled"
    title = "NaN replaced (fixunknowns)"
    slope = Slope.LINEAR
    constant = False  # it matters where NaN is
    curved = False

    @property
    def takes(self) -> tuple[int, ...]:
        return (self.inputs,)

    def size(self, *n: int) -> int:
        expect(single(n) == self.inputs, f"fixunknowns of {self.inputs} rows doesn't take {n[0]} inputs")
        lengths = {len(v) for v in (self.source, self.flag, self.filled, self.fill)}
        expect(len(lengths) == 1, "fixunknowns with arrays of different lengths")
        expect(within(self.source, self.inputs), "fixunknowns refers to rows outside the inputs")
        return len(self.source)

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        u = self._read(k, x)
        filled, flag = k.vector("{y}_filled", self.filled), k.vector("{y}_flag", self.flag)
        fill = k.vector("{y}_fill", self.fill)
        formula = "where(flag > 0.0, where(u == u, 1.0, 0.0), where(u == u, u, where(filled > 0.0, fill, u)))"
        return k.map(formula, u=u, flag=flag, filled=filled, fill=fill)

    def _read(self, k: Kernel[V], x: Values[V]) -> V:
        return k.once("u", lambda: k.gathered(x[0], self.source, name="read_{y}"))

    def _slope(self, k: Kernel[V], x: Values[V]) -> V:
        u, flag, filled = self._read(k, x), k.vector("{y}_flag", self.flag), k.vector("{y}_filled", self.filled)
        formula = "where(flag > 0.0, 0.0, where(u == u, 1.0, where(filled > 0.0, 0.0, 1.0)))"
        return k.once("slope", lambda: k.map(formula, name="slope_{y}", u=u, flag=flag, filled=filled))

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        read = k.gathered(there(T), self.source, name="read_{out}", whole="whole_{out}")
        return k.times(read, self._slope(k, x))

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        known = k.times(G, self._slope(k, x), name="known_{out}")
        return (k.returned(known, self.source, ~np.asarray(self.flag, bool), self.inputs),)

    def curvature(self, k: Kernel[V], x: Values[V], y: V, G: V, S: Flows[V], T: Flows[V]) -> Values[V]:
        return ()

    def near_kink(self, x: Values[Array], eps: float) -> None:
        return None

    def branch(self, x: Values[Array]) -> None:  # no step leads from a number to NaN
        return None

    def reaches(self, reads: Values[Mask]) -> Mask:
        return np.asarray(reads[0][self.source] & ~np.asarray(self.flag, bool))

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return (at(self.inputs, self.source[wanted & ~np.asarray(self.flag, bool)]),)

    def cost(self, n: int, m: int) -> Cost:
        return Cost(2 * max(n, m))
