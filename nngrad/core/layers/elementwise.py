"""One activation, unit by unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nngrad.core.activations import Activation
from nngrad.core.layers.shared import expect, scaled, weighted_gram

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Elementwise:
    """y = f(x), one activation for all units; params are numbers, or arrays (in,) with a number for each unit."""

    activation: Activation
    params: dict[str, Any] = field(default_factory=dict)

    def size(self, n: int) -> int:
        names = {name for name, _ in self.activation.params}
        expect(set(self.params) == names, f"{self.activation.name} takes the parameters {sorted(names)}, not {sorted(self.params)}")
        expect(all(np.shape(p) in ((), (n,)) for p in self.params.values()), f"parameters of {self.activation.name} don't take {n} inputs")
        return n

    @cached_property
    def _params(self) -> dict[str, Any]:
        return {name: p[:, None] if np.ndim(p) else p for name, p in self.params.items()}

    def forward(self, x: Array) -> Array:
        return self.activation.value(x, self._params)

    def slope(self, x: Array, y: Array) -> Array:
        """f'(x), unit by unit (in, N)."""
        return self.activation.slope(x, y, self._params)

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return scaled(T, self.slope(x, y))

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return scaled(G, self.slope(x, y))

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> Array | None:
        if self.activation.piecewise_linear or self.activation.flat:
            return None
        return weighted_gram(G * self.activation.second(x, y, self._params)[:, None], S, T)
