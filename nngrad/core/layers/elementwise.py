"""One activation, unit by unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngrad.core import formula
from nngrad.core.activations import Activation
from nngrad.core.kernels import Array, Kernel
from nngrad.core.layers.base import Cost, Flows, Layer, Mask, V, Values, expect, near, single
from nngrad.core.layers.linear import there
from nngrad.core.slope import Slope


@dataclass(frozen=True, eq=False)
class Elementwise(Layer):
    """y = f(x), one activation for all units; params are numbers, or arrays (in,) with a number for each unit."""

    activation: Activation
    params: dict[str, Any] = field(default_factory=dict)
    stem = "a"

    @property
    def title(self) -> str:
        return self.activation.name

    @property
    def function(self) -> str:  # type: ignore[override]
        return self.activation.name

    takes = None
    constant = False

    def size(self, *n: int) -> int:
        names = {name for name, _ in self.activation.params}
        fits = set(self.params) == names
        expect(fits, f"{self.activation.name} takes the parameters {sorted(names)}, not {sorted(self.params)}")
        fits = all(np.shape(p) in ((), (single(n),)) for p in self.params.values())
        expect(fits, f"parameters of {self.activation.name} don't take {n[0]} inputs")
        return single(n)

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        return k.activated(self.activation, x[0], self.params)

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        return k.times(there(T), k.slope(self.activation, x[0], y, self.params))

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        return (k.times(G, k.slope(self.activation, x[0], y, self.params)),)

    def curvature(self, k: Kernel[V], x: Values[V], y: V, G: V, S: Flows[V], T: Flows[V]) -> Values[V]:
        if not self.curved:
            return ()
        second = k.second(self.activation, x[0], y, self.params)
        left = k.dense(there(S), "d{x}_dx")
        right = left if S is T else k.dense(there(T), "d{x}_dx")
        return (k.gram(k.dense(k.times(G, second, name="bend_{y}"), "bend_{y}"), left, right),)

    @property
    def slope(self) -> Slope:
        return self.activation.kind

    @property
    def curved(self) -> bool:
        return self.activation.curved

    def near_kink(self, x: Values[Array], eps: float) -> Mask | None:
        if not self.activation.kinks:
            return None
        mask = np.zeros(x[0].shape, bool)
        for kink in self._kinks():
            mask |= near(x[0], kink, eps)
        return mask

    def branch(self, x: Values[Array]) -> Array | None:
        if not self.activation.kinks:
            return None
        return np.asarray(np.sum([np.sign(x[0] - kink) for kink in self._kinks()], axis=0))

    def _kinks(self) -> list[Any]:
        """Where it is not smooth: numbers, or columns with one for each unit."""
        params = {name: np.asarray(p, float).reshape(-1, 1) if np.ndim(p) else p for name, p in self.params.items()}
        return [formula.compiled(kink)(params) for kink in self.activation.kinks]

    def reaches(self, reads: Values[Mask]) -> Mask:
        return reads[0]

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return (wanted,)

    def cost(self, n: int, m: int) -> Cost:
        return Cost(2 * n)
