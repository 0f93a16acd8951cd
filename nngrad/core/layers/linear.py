"""Layers whose slope does not depend on x (and FillMissing, whose slope is 0 or 1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nngrad.core.layers.shared import expect, matrix_product, product, scaled
from nngrad.core.scratch import empty

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Affine:
    """y = W x + b, W (out, in), b (out,): MATLAB's dotprod with netsum and bias, a dense layer."""

    W: Array
    b: Array

    def size(self, n: int) -> int:
        expect(n == self.W.shape[1] and len(self.b) == len(self.W), f"weights {self.W.shape} don't take {n} inputs")
        return len(self.W)

    def forward(self, x: Array) -> Array:
        y = matrix_product(self.W, x)
        y += self._bias
        return y

    @cached_property
    def _bias(self) -> Array:
        return self.b[:, None]

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return product(self.W, T)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return product(self.W.T, G)

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Scale:
    """y = (x - center) * gain + shift, unit by unit; kept in this order, as MATLAB evaluates it, because folding loses digits."""

    gain: Array
    center: Array
    shift: Array

    def size(self, n: int) -> int:
        expect(len(self.gain) == len(self.center) == len(self.shift) == n, f"{len(self.gain)} gains don't take {n} inputs")
        return n

    def forward(self, x: Array) -> Array:
        gain, center, shift = self._columns
        y = np.subtract(x, center, empty(x.shape))
        y *= gain
        y += shift
        return y

    @cached_property
    def _columns(self) -> tuple[Array, Array, Array]:
        return self.gain[:, None], self.center[:, None], self.shift[:, None]

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return scaled(T, self._columns[0])

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return scaled(G, self._columns[0])

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Select:
    """y = x[index]: the chosen units, each at most once; `inputs` is how many there are."""

    index: Array
    inputs: int

    def size(self, n: int) -> int:
        expect(n == self.inputs and len(set(self.index.tolist())) == len(self.index), f"a selection out of {self.inputs} from {n} inputs")
        expect(not len(self.index) or bool(self.index.min() >= 0 and self.index.max() < n), "a selection outside the inputs")
        return len(self.index)

    def forward(self, x: Array) -> Array:
        return x[self.index]

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return T[self.index]

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        g = np.zeros((self.inputs, *G.shape[1:]))
        g[self.index] = G
        return g

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Place:
    """y = fill with y[index] = x: constant units put back (MATLAB's reverse removeconstantrows); fill (out,)."""

    index: Array
    fill: Array

    def size(self, n: int) -> int:
        expect(n == len(self.index), f"{len(self.index)} places don't take {n} inputs")
        expect(not n or bool(self.index.min() >= 0 and self.index.max() < len(self.fill)), "a place outside the outputs")
        expect(len(set(self.index.tolist())) == n, "two inputs in the same place")
        return len(self.fill)

    def forward(self, x: Array) -> Array:
        y = np.repeat(self.fill[:, None], x.shape[1], axis=1)
        y[self.index] = x
        return y

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        t = np.zeros((len(self.fill), *T.shape[1:]))
        t[self.index] = T
        return t

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return G[self.index]

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> None:
        return None


@dataclass(frozen=True, eq=False)
class FillMissing:
    """MATLAB's fixunknowns: y[j] is x[source[j]] with NaN replaced by fill[j], or, where flag[j], 1 for a number and 0 for NaN.

    A NaN of a unit that is not `filled` stays. The slope is 1, and 0 where a value was replaced and for flags.
    """

    source: Array
    flag: Array
    filled: Array
    fill: Array
    inputs: int

    def size(self, n: int) -> int:
        expect(n == self.inputs, f"fixunknowns of {self.inputs} rows doesn't take {n} inputs")
        expect(len({len(v) for v in (self.source, self.flag, self.filled, self.fill)}) == 1, "fixunknowns with arrays of different lengths")
        expect(
            not len(self.source) or bool(self.source.min() >= 0 and self.source.max() < n), "fixunknowns refers to rows outside the inputs"
        )
        return len(self.source)

    def forward(self, x: Array) -> Array:
        u = x[self.source]
        missing = np.isnan(u)
        y = np.where(missing & self.filled[:, None], self.fill[:, None], u)
        return np.where(self.flag[:, None], np.where(missing, 0.0, 1.0), y)

    def _slope(self, x: Array) -> Array:
        return np.where(self.flag[:, None] | (np.isnan(x[self.source]) & self.filled[:, None]), 0.0, 1.0)[:, None]

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return T[self.source] * self._slope(x)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        g = G * self._slope(x)
        out = np.zeros((self.inputs, *g.shape[1:]))
        np.add.at(out, self.source, g)
        return out

    def curvature(self, x: Array, y: Array, G: Array, S: Array, T: Array) -> None:
        return None
