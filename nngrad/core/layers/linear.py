"""Layers whose slope does not depend on x."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nngrad.core.kernels import Array, Kernel
from nngrad.core.layers.base import Cost, Flows, LinearLayer, Mask, V, Values, at, expect, single


@dataclass(frozen=True, eq=False)
class Affine(LinearLayer):
    """y = W x + b, W (out, in), b (out,): MATLAB's dotprod with netsum and bias, a dense layer."""

    W: Array
    b: Array
    stem = "z"
    title = "weights and biases"

    @property
    def takes(self) -> tuple[int, ...]:
        return (self.W.shape[1],)

    def size(self, *n: int) -> int:
        fits = single(n) == self.W.shape[1] and len(self.b) == len(self.W)
        expect(fits, f"weights {self.W.shape} don't take {n[0]} inputs")
        return len(self.W)

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        return k.linear(k.matrix("W{n}", self.W), x[0], k.bias("b{n}", self.b))

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        return k.linear(k.matrix("W{n}", self.W), there(T))

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        return (k.linear(k.matrix("W{n}", self.W), G, transposed=True),)

    def reaches(self, reads: Values[Mask]) -> Mask:
        return np.asarray(((self.W != 0.0) & reads[0]).any(axis=1))

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return ((self.W[wanted] != 0.0).any(axis=0),)

    def cost(self, n: int, m: int) -> Cost:
        return Cost(n * m)


@dataclass(frozen=True, eq=False)
class Scale(LinearLayer):
    """y = (x - center) * gain + shift, unit by unit; kept in this order, as MATLAB evaluates it,
    because folding loses digits.
    """

    gain: Array
    center: Array
    shift: Array
    stem = "s"
    title = "normalisation: (x - center)*gain + shift"

    @property
    def takes(self) -> tuple[int, ...]:
        return (len(self.gain),)

    def size(self, *n: int) -> int:
        fits = len(self.gain) == len(self.center) == len(self.shift) == single(n)
        expect(fits, f"{len(self.gain)} gains don't take {n[0]} inputs")
        return n[0]

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        return k.rescaled(x[0], self.center, self.gain, self.shift)

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        return k.times(there(T), k.vector("{y}_gain", self.gain))

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        return (k.times(G, k.vector("{y}_gain", self.gain)),)

    def reaches(self, reads: Values[Mask]) -> Mask:
        return np.asarray(reads[0] & (self.gain != 0.0))

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return (wanted & (self.gain != 0.0),)

    def cost(self, n: int, m: int) -> Cost:
        return Cost(2 * n)


@dataclass(frozen=True, eq=False)
class Select(LinearLayer):
    """y = x[index]: the chosen units, each at most once; `inputs` is how many there are."""

    index: Array
    inputs: int
    stem = "chosen"
    title = "choice of rows"

    @property
    def takes(self) -> tuple[int, ...]:
        return (self.inputs,)

    def size(self, *n: int) -> int:
        fits = single(n) == self.inputs and len(set(self.index.tolist())) == len(self.index)
        expect(fits, f"a selection out of {self.inputs} from {n[0]} inputs")
        expect(within(self.index, self.inputs), "a selection outside the inputs")
        return len(self.index)

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        return k.gathered(x[0], self.index)

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        return k.gathered(there(T), self.index)

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        return (k.scattered(G, self.index, self.inputs),)

    def reaches(self, reads: Values[Mask]) -> Mask:
        return reads[0][self.index]

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return (at(self.inputs, self.index[wanted]),)

    def cost(self, n: int, m: int) -> Cost:
        return Cost(2 * max(n, m))


@dataclass(frozen=True, eq=False)
class Place(LinearLayer):
    """y = fill with y[index] = x: constant units put back (MATLAB's reverse removeconstantrows); fill (out,)."""

    index: Array
    fill: Array
    stem = "whole"
    title = "constant rows put back"

    @property
    def takes(self) -> tuple[int, ...]:
        return (len(self.index),)

    def size(self, *n: int) -> int:
        expect(single(n) == len(self.index), f"{len(self.index)} places don't take {n[0]} inputs")
        expect(within(self.index, len(self.fill)), "a place outside the outputs")
        expect(len(set(self.index.tolist())) == n[0], "two inputs in the same place")
        return len(self.fill)

    def forward(self, k: Kernel[V], x: Values[V]) -> V:
        return k.scattered(x[0], self.index, len(self.fill), self.fill)

    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V:
        return k.scattered(there(T), self.index, len(self.fill))

    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]:
        return (k.gathered(G, self.index),)

    def reaches(self, reads: Values[Mask]) -> Mask:
        mask = np.zeros(len(self.fill), bool)
        mask[self.index] = reads[0]
        return mask

    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        return (wanted[self.index],)

    def cost(self, n: int, m: int) -> Cost:
        return Cost(2 * max(n, m))


def there(T: Flows[V]) -> V:
    """The tangent of the only source; a layer is not asked where that is zero."""
    (flow,) = T
    assert flow is not None
    return flow


def within(index: Array, size: int) -> bool:
    """Whether all indices are below a size."""
    return not len(index) or bool(index.min() >= 0 and index.max() < size)
