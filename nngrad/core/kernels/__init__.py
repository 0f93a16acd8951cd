"""What the rules of layer kinds are written in: a dozen operations on the values and flows of a network.

A rule is written once, and a kernel decides what becomes of it: `arrays.ArrayKernel` computes at once with NumPy, the
emitters' kernel writes statements down. A *value* belongs to a sample (units, N); a *flow* is a tangent or a cotangent,
one for each of k directions (units, k, N). Where a flow is the same for all samples its N is 1, and None stands for one
that is zero.

Names are for those who read emitted code; arrays have none. In them {out} is what the rule is to make, {x} the value it
reads, {y} the value of its layer, {n} the number of the layer's weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from nngrad.core.activations import Activation

Array = np.ndarray[Any, np.dtype[Any]]
Params = dict[str, Any]
V = TypeVar("V")

OVER = "where(y == 0.0, 0.0, v/y)"  # v over y, 0 where that is 0


class Kernel(Protocol[V]):
    """The operations; `V` is whatever the kernel takes for a value, a flow, a vector or a matrix."""

    # numbers of the model

    def matrix(self, name: str, values: Array) -> V:
        """A matrix (rows, columns) of the model."""

    def vector(self, name: str, values: Array) -> V:
        """Numbers of the model, one a unit."""

    def bias(self, name: str, values: Array) -> V | None:
        """Likewise, to be added; a kernel may leave zeros out."""

    def number(self, name: str, values: Array | float) -> V:
        """Likewise, where all units may have the same."""

    # values

    def map(self, formula: str, name: str = "{out}", **env: Any) -> V:
        """A formula (in the vocabulary of core.formula) of values, unit by unit; what has one
        unit goes along with all.
        """

    def rescaled(self, x: V, center: Array, gain: Array, shift: Array) -> V:
        """(x - center)*gain + shift in this order, as MATLAB evaluates it: folding would lose digits."""

    def activated(self, activation: Activation, x: V, params: Params) -> V:
        """f(x)."""

    def largest(self, x: V, name: str) -> V:
        """The largest unit, as a value of one unit."""

    def winner(self, x: V) -> V:
        """1 for the first of the largest units, 0 for the others, NaN for all where one is."""

    def distances(self, x: V, centres: V, absolute: bool, name: str) -> V:
        """The sum over j of (x[j] - C[i, j])^2, or of |x[j] - C[i, j]|."""

    def joined(self, parts: Sequence[V | None], sizes: Sequence[int]) -> V:
        """Values, or flows, one after the other."""

    def scattered(self, x: V, index: Array, size: int, fill: Array | None = None) -> V:
        """`fill`, or zeros, with x at `index`, each place at most once; x is a value or a flow."""

    def gathered(self, x: V, index: Array, name: str = "{out}", whole: str = "") -> V:
        """x[index]; x is a value or a flow. `whole` names a flow that is to be written out first,
        needed where places repeat.
        """

    def once(self, what: str, make: Callable[[], V]) -> V:
        """Something of a sample that several rules of a layer use."""

    # flows

    def linear(
        self,
        A: V,
        v: V,
        b: V | None = None,
        *,
        transposed: bool = False,
        name: str = "{out}",
        inner: str = "",
        whole: str = "",
    ) -> V:
        """A v + b, or A' v; A is of the model, or of `differences`. Names: of the product, of a
        flow times rows, of the flow itself.
        """

    def times(self, v: V, factor: V, name: str = "{out}") -> V:
        """Each unit of a flow by its factor, a value."""

    def along(self, formula: str, name: str = "{out}", **env: Any) -> V:
        """A formula of flows and values, unit by unit and direction by direction."""

    def over(self, v: V, y: V, name: str) -> V:
        """A flow over a value, 0 where that is 0."""

    def known(self, v: V, t: V, name: str) -> V:
        """The flow v where the flow t is a number, and NaN elsewhere; where v is NaN there
        already it may stay as it is.
        """

    def cleared(self, v: V, y: V) -> V:
        """A flow of zeros, NaN where y is."""

    def centered(self, v: V, y: V, name: str = "{out}") -> V:
        """v - y'v for a value y whose units sum to 1, to the last digits also where one of them is almost 1."""

    def added(self, flows: Sequence[V | None]) -> V:
        """The sum of those that are there."""

    def split(self, g: V, sizes: Sequence[int]) -> tuple[V, ...]:
        """The runs of a flow."""

    def returned(self, g: V, source: Array, taken: Array, size: int) -> V:
        """The cotangent of x from that of x[source], for the places that are `taken`: adds up where places repeat."""

    def dense(self, v: V, name: str) -> V:
        """A flow written out."""

    # both

    def total(self, v: V, name: str, groups: int = 0) -> V:
        """The sum over all units, or over each of `groups` equal runs of them."""

    def spread(self, v: V, size: int, name: str) -> V:
        """One unit for each of several runs, given to all units of its run; a single one may stay as it is."""

    def each(self, v: V, like: V) -> V:
        """A single unit for all units of `like`."""

    def weighted_total(self, formula: str, v: V, name: str, inner: str, whole: str, **env: Any) -> V:
        """The sum over all units of a formula that is linear in the flow v (called v in it)."""

    # slopes

    def slope(self, activation: Activation, x: V, y: V, params: Params) -> V:
        """f'(x), y = f(x) at hand."""

    def second(self, activation: Activation, x: V, y: V, params: Params) -> V:
        """f''(x)."""

    def differences(self, x: V, centres: V, sign: bool, name: str) -> V:
        """x[j] - C[i, j], or its sign: a matrix for each sample."""

    def rows(self, D: V, formula: str, **env: Any) -> V:
        """`differences` with a formula (linear in v, an entry of a row) that is the same for a whole row."""

    def gram(self, weights: V, S: V, T: V) -> V:
        """sum over units of weights_i S_a T_b, a matrix (a, b) for each direction i of the weights and each sample."""

    def cross(self, weights: V, S: tuple[V, V], T: tuple[V, V]) -> V:
        """sum over units of weights_i (S0_a T1_b + S1_a T0_b), for pairs S and T."""

    def named(self, name: str) -> Kernel[V]:
        """The same, with {out} of this name."""
