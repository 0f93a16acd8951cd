"""The rules run at once, with NumPy: all rows of a block and all directions in one call.

Values are (units, N) and flows (units, k, N): samples come last, so that broadcasting runs along contiguous numbers,
and all directions of all samples go through weights as one matrix product. Results may lie in scratch memory
(core.scratch).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nngrad.core.formula import compiled
from nngrad.core.kernels import Array, Params
from nngrad.core.scratch import empty

if TYPE_CHECKING:
    from nngrad.core.activations import Activation

MOST_PAIRS = 1_000_000  # numbers of a table of products of tangents that are kept at once
NEARLY_ONE = 0.9  # from here on a plain difference from the mean has lost a digit


class ArrayKernel:
    """Of one layer: what it makes of the layer's numbers is kept."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    # numbers of the model

    def matrix(self, name: str, values: Array) -> Array:
        return values

    def vector(self, name: str, values: Array) -> Array:
        try:
            column: Array = self._kept[name]
        except KeyError:
            column = self._kept[name] = values[:, None]
        return column

    bias = vector

    def number(self, name: str, values: Array | float) -> Any:
        return self.vector(name, values) if isinstance(values, np.ndarray) and values.ndim else values

    # values

    def map(self, formula: str, name: str = "{out}", **env: Any) -> Array:
        result: Array = compiled(formula)(env)
        return result

    def rescaled(self, x: Array, center: Array, gain: Array, shift: Array) -> Array:
        y: Array = np.subtract(x, self.vector("center", center), empty(x.shape))
        y *= self.vector("gain", gain)
        y += self.vector("shift", shift)
        return y

    def activated(self, activation: Activation, x: Array, params: Params) -> Array:
        return activation.value(x, self.columns(params))

    def columns(self, params: Params) -> Params:
        """The parameters of the layer's activation, as formulas take them."""
        if not params:
            return params
        try:
            columns: Params = self._kept["params"]
        except KeyError:
            columns = self._kept["params"] = {name: self.number(name, p) for name, p in params.items()}
        return columns

    def largest(self, x: Array, name: str) -> Array:
        return np.maximum.reduce(x, axis=0, keepdims=True) if len(x) else np.zeros((1, x.shape[1]))

    def winner(self, x: Array) -> Array:
        y = np.zeros(x.shape)
        if len(x):
            y[x.argmax(axis=0), np.arange(x.shape[1])] = 1.0
            y[:, np.isnan(x).any(axis=0)] = np.nan
        return y

    def distances(self, x: Array, centres: Array, absolute: bool, name: str) -> Array:
        D = x.T[:, None, :] - centres
        r: Array = np.abs(D).sum(axis=2).T if absolute else np.einsum("noi,noi->on", D, D)
        return r

    def joined(self, parts: Sequence[Array | None], sizes: Sequence[int]) -> Array:
        there = [part for part in parts if part is not None]
        rows = max(part.shape[-1] for part in there)
        return np.concatenate([np.broadcast_to(part, (*part.shape[:-1], rows)) for part in there], axis=0)

    def scattered(self, x: Array, index: Array, size: int, fill: Array | None = None) -> Array:
        y = np.zeros((size, *x.shape[1:])) if fill is None else np.repeat(fill[:, None], x.shape[1], axis=1)
        y[index] = x
        return y

    def gathered(self, x: Array, index: Array, name: str = "", whole: str = "") -> Array:
        y: Array = x[index]
        return y

    def once(self, what: str, make: Callable[[], Array]) -> Array:
        return make()

    # flows

    def linear(
        self,
        A: Array,
        v: Array,
        b: Array | None = None,
        *,
        transposed: bool = False,
        name: str = "",
        inner: str = "",
        whole: str = "",
    ) -> Array:
        if A.ndim == 3:
            return _back(A, v) if transposed else _along(A, v)
        if v.ndim == 3:
            return product(A.T if transposed else A, v)
        y = matrix_product(A, v)
        if b is not None:
            y += b
        return y

    def times(self, v: Array, factor: Array, name: str = "") -> Array:
        return scaled(v, factor)

    def along(self, formula: str, name: str = "{out}", **env: Any) -> Array:
        for key, v in env.items():
            if isinstance(v, np.ndarray) and v.ndim == 2:
                env[key] = v[:, None]  # the same for all directions
        result: Array = compiled(formula)(env)
        return result

    def over(self, v: Array, y: Array, name: str) -> Array:
        zero = y == 0.0
        return v * np.where(zero, 0.0, 1.0 / np.where(zero, 1.0, y))[:, None]

    def known(self, v: Array, t: Array, name: str) -> Array:
        return v  # it is a mean over t

    def cleared(self, v: Array, y: Array) -> Array:
        return np.zeros((len(y), v.shape[1], y.shape[1])) + np.where(np.isnan(y), y, 0.0)[:, None]

    def centered(self, v: Array, y: Array, name: str = "") -> Array:
        """v minus its mean under y. Where one y is almost 1, v_top - mean = the sum over the
        others of y_j (v_top - v_j).
        """
        weights = y[:, None]
        centered: Array = v - (v * weights).sum(axis=0)
        rows = np.flatnonzero(y.max(axis=0) > NEARLY_ONE) if y.size else ()
        if len(rows):
            top = y[:, rows].argmax(axis=0)
            some = v[:, :, rows if v.shape[2] == y.shape[1] else np.zeros(len(rows), int)]
            of_top = some[top, :, np.arange(len(rows))].T
            centered[top, :, rows] = ((of_top - some) * weights[:, :, rows]).sum(axis=0).T
        return centered

    def added(self, flows: Sequence[Array | None]) -> Array:
        first, *others = (flow for flow in flows if flow is not None)
        for flow in others:
            first = first + flow
        return first

    def split(self, g: Array, sizes: Sequence[int]) -> tuple[Array, ...]:
        return tuple(np.split(g, np.cumsum(sizes)[:-1], axis=0))

    def returned(self, g: Array, source: Array, taken: Array, size: int) -> Array:
        out = np.zeros((size, *g.shape[1:]))
        np.add.at(out, source, g)  # what is not taken has slope 0
        return out

    def dense(self, v: Array, name: str) -> Array:
        return v

    # both

    def total(self, v: Array, name: str, groups: int = 0) -> Array:
        total: Array
        if groups > 1:
            total = np.add.reduce(v.reshape(groups, len(v) // groups, *v.shape[1:]), axis=1)
        else:
            total = np.add.reduce(v, axis=0, keepdims=True)
        return total

    def spread(self, v: Array, size: int, name: str) -> Array:
        return v if len(v) in (1, size) else np.repeat(v, size // len(v), axis=0)

    def each(self, v: Array, like: Array) -> Array:
        return v

    def weighted_total(self, formula: str, v: Array, name: str, inner: str, whole: str, **env: Any) -> Array:
        factors = self.map(formula, v=np.ones((len(v), 1)), **env)
        return np.tensordot(factors[:, 0], v, 1)[None]

    # slopes

    def slope(self, activation: Activation, x: Array, y: Array, params: Params) -> Array:
        return activation.slope(x, y, self.columns(params))

    def second(self, activation: Activation, x: Array, y: Array, params: Params) -> Array:
        return activation.second(x, y, self.columns(params))

    def differences(self, x: Array, centres: Array, sign: bool, name: str) -> Array:
        D: Array = x.T[:, None, :] - centres
        return np.sign(D) if sign else D

    def rows(self, D: Array, formula: str, **env: Any) -> Array:
        for key, v in env.items():
            if isinstance(v, np.ndarray):
                env[key] = v.T[:, :, None]  # the same for a whole row
        result: Array = compiled(formula)(env | {"v": D})
        return result

    def gram(self, weights: Array, S: Array, T: Array) -> Array:
        if len(S) < len(weights):  # one for all units
            weights = np.add.reduce(weights, axis=0, keepdims=True)
        shape = len(S), weights.shape[1], max(weights.shape[2], S.shape[2], T.shape[2])
        return weighted_gram(weights if weights.shape == shape else np.broadcast_to(weights, shape), S, T)

    def cross(self, weights: Array, S: tuple[Array, Array], T: tuple[Array, Array]) -> Array:
        half = self._half(weights, S, T)
        return half + (half if S is T else self._half(weights, T, S)).swapaxes(2, 3)

    def _half(self, weights: Array, S: tuple[Array, Array], T: tuple[Array, Array]) -> Array:
        if len(S[1]) == len(weights):
            return self.gram(weights, S[1], T[0])
        rows = max(weights.shape[2], S[0].shape[2])  # one number for all units: their sum comes first
        w, s = (np.broadcast_to(v, (*v.shape[:2], rows)) for v in (weights, S[0]))
        sums: Array = np.einsum("omn,oan->nma", w, s)
        half: Array = sums[..., None] * T[1][0].T[:, None, None, :]
        return half

    def named(self, name: str) -> ArrayKernel:
        return self


def product(A: Array, V: Array) -> Array:
    """A (p, q) times V (q, k, N) -> (p, k, N), as one large matrix product."""
    q, k, rows = V.shape
    return matrix_product(A, V.reshape(q, k * rows)).reshape(len(A), k, rows)


def matrix_product(A: Array, B: Array) -> Array:
    """A (p, q) times B (q, r), into scratch memory; for the few numbers of one row dot() takes a
    third of matmul's time.
    """
    return A.dot(B, empty((len(A), B.shape[1])))


def scaled(V: Array, gain: Array) -> Array:
    """V (units, k, N or 1) times gain (units, N or 1), direction by direction."""
    rows = V.shape[2] if gain.shape[1] == 1 else gain.shape[1]
    product: Array = np.multiply(V, gain[:, None], out=empty((*V.shape[:2], rows)))
    return product


def weighted_gram(weights: Array, S: Array, T: Array) -> Array:
    """sum_c weights[c, i, s] S[c, a, s] T[c, b, s] -> (N, m, j, k), for weights (w, m, N), S (w,
    j, N or 1), T (w, k, N or 1).
    """
    (width, m, rows), j, k = weights.shape, S.shape[1], T.shape[1]
    if S.shape[2] == T.shape[2] == 1 and width * j * k <= MOST_PAIRS:
        return _gram_of_shared(weights, S, T)
    left, right = np.ascontiguousarray(S.transpose(2, 1, 0)), np.ascontiguousarray(T.transpose(2, 0, 1))
    weighted = np.multiply(weights.transpose(2, 1, 0)[:, :, None], left[:, None], out=empty((rows, m, j, width)))
    gram = np.matmul(weighted.reshape(rows, m * j, width), right, out=empty((rows, m * j, k))).reshape(rows, m, j, k)
    return 0.5 * (gram + gram.swapaxes(2, 3)) if S is T else gram


def _gram_of_shared(weights: Array, S: Array, T: Array) -> Array:
    """weighted_gram for tangents that are the same for all rows: one product of the weights with
    the table of their pairs.
    """
    (_, m, rows), j, k = weights.shape, S.shape[1], T.shape[1]
    if S is T:  # half of the pairs, mirrored: symmetric to the last bit
        a, b = np.triu_indices(k)
        place = np.zeros((k, k), int)
        place[a, b] = place[b, a] = np.arange(len(a))
    else:
        a, b = (index.ravel() for index in np.indices((j, k)))
        place = np.arange(j * k).reshape(j, k)
    pairs = S[:, a, 0] * T[:, b, 0]
    gram, sums = empty((rows, m, j * k)), empty((rows, len(a)))
    for i in range(m):
        np.matmul(weights[:, i].T, pairs, out=sums)
        np.take(sums, place.ravel(), axis=1, out=gram[:, i], mode="clip")  # nothing to clip, but unchecked is faster
    return gram.reshape(rows, m, j, k)


def _along(D: Array, T: Array) -> Array:
    """Sample by sample D (N, out, in) times T (in, k, N or 1) -> (out, k, N)."""
    along: Array = D @ np.ascontiguousarray(T.transpose(2, 0, 1))
    return along.transpose(1, 2, 0)


def _back(D: Array, G: Array) -> Array:
    """Sample by sample G (out, m, N or 1) times D (N, out, in) -> (in, m, N)."""
    return (np.ascontiguousarray(G.transpose(2, 1, 0)) @ D).transpose(2, 1, 0)
