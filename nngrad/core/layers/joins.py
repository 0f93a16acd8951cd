"""Layers that join several values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from nngrad.core.kernels import Kernel
from nngrad.core.layers.base import Cost, Flows, Layer, LinearLayer, Mask, SmoothLayer, V, Values, expect


class UnitByUnit(Layer):
    """What sums and products share: values of one size, and a unit of each for a unit."""

    takes = None

    def size(self, *n: int) -> int:
        expect(len(set(n)) == 1, f"a {self.title} of values with {n} units")
        return n[0]

    def reaches(self, reads: Values[Mask]) -> Mask:
        return np.asarray(np.logical_or.reduce(reads))

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return (wanted,) * len(sizes)

    def cost(self, n: int, m: int) -> Cost:
        return Cost(2 * n)


@dataclass(frozen=True, eq=False)
class Sum(UnitByUnit, LinearLayer):
    """y = the sum of its inputs, unit by unit: MATLAB's netsum, additionLayer."""

    stem = "sum"
    title = "sum"

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        terms = _lettered("x", x)
        return k.map(" + ".join(terms), name="{out}", **terms)

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        return k.added(T)

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        return (G,) * len(x)


@dataclass(frozen=True, eq=False)
class Product(UnitByUnit, SmoothLayer):
    """y = the product of its inputs, unit by unit: MATLAB's netprod, multiplicationLayer. Slopes
    are products, never y/x: x may be 0.
    """

    stem = "prod"
    title = "product"

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        factors = _lettered("x", x)
        return k.map("*".join(factors), name="{out}", **factors)

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        factors = _lettered("x", x) if len(x) > 1 else {}
        tangents = {f"t{i}": k.dense(t, "whole_{out}") for i, t in enumerate(T, 1) if t is not None}
        terms = ("*".join((t, *(v for v in factors if v[1:] != t[1:]))) for t in tangents)
        return k.along(" + ".join(terms), name="{out}", **tangents, **factors)

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        others = (self._others(k, x, i) for i in range(len(x)))
        return tuple(G if rest is None else k.times(G, rest, name=f"{{out{i}}}") for i, rest in enumerate(others))

    def curvature(self, k: Kernel[V], x: Values[V], y: V, G: V, S: Flows[V], T: Flows[V]) -> Values[V]:
        g = k.dense(G, "whole_{y}")
        s = [None if flow is None else k.dense(flow, f"whole_{{y}}_{i}") for i, flow in enumerate(S, 1)]
        t = (
            s
            if S is T
            else [None if flow is None else k.dense(flow, f"whole_{{y}}_{i}") for i, flow in enumerate(T, 1)]
        )
        parts = []
        for j, i in combinations(range(len(x)), 2):
            (a, b), (c, d) = (s[i], s[j]), (t[i], t[j])
            if a is None or b is None or c is None or d is None:
                continue
            rest, left = self._others(k, x, i, j), (a, b)
            weights = g if rest is None else k.along("v*d", name="bend_{y}", v=g, d=rest)
            parts.append(k.cross(weights, left, left if s is t else (c, d)))
        return tuple(parts)

    def _others(self, k: Kernel[V], x: Values[V], *without: int) -> V | None:
        """The product of the factors but some; None where none is left."""
        rest = [v for i, v in enumerate(x) if i not in without]
        if len(rest) < 2:
            return rest[0] if rest else None
        factors, name = _lettered("x", rest), f"{{y}}_without_{'_'.join(str(i + 1) for i in sorted(without))}"
        return k.once(name, lambda: k.map("*".join(factors), name=name, **factors))


@dataclass(frozen=True, eq=False)
class Concatenate(LinearLayer):
    """y = the units of its inputs, one after the other."""

    sizes: tuple[int, ...]
    stem = "joined"
    title = "side by side"

    @property
    def takes(self) -> tuple[int, ...]:
        return self.sizes

    def size(self, *n: int) -> int:
        expect(n == self.sizes, f"a concatenation of {self.sizes} given {n}")
        return sum(n)

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        return k.joined(x, self.sizes)

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        return k.joined(T, self.sizes)

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        return k.split(G, self.sizes)

    def reaches(self, reads: Values[Mask]) -> Mask:
        return np.concatenate(reads)

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return tuple(np.split(wanted, np.cumsum(sizes)[:-1]))

    def cost(self, n: int, m: int) -> Cost:
        return Cost(2 * n)


def _lettered(letter: str, items: Sequence[V]) -> dict[str, V]:
    """x1, x2, ..."""
    return {f"{letter}{i}": item for i, item in enumerate(items, 1)}
