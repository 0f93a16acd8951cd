"""The layer kinds, and their four rules. The one rule: a kind knows its own numbers and nothing of the network around it.

Rows are samples. The letters are always the same:

    x  input  (N, in)         y  output (N, out)
    T  tangents   (k, N, in):  k directions for every row       G  cotangents (m, N, out): m weightings for every row
       (where T or G is the same for all rows, its N is 1: that is how the identity seed of a pass costs nothing)

    forward(x) -> y                              the layer itself
    jvp(x, y, T) -> (k, N, out)                  tangents carried on:   T @ J'
    vjp(x, y, G) -> (m, N, in)                   cotangents carried back:  G @ J
    curvature(x, y, G, T) -> (N, m, k, k)        sum over outputs of G times the second derivative along pairs of tangents; None where linear

A kind that joins several values (JOINS) takes a tuple of inputs and of tangents, and returns a tuple of cotangents.
`size(*inputs)` gives the output size and raises ValueError where the inputs do not fit. No rule changes its arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngrad.activations import Activation

Array = np.ndarray


def rows_product(a: Array, B: Array) -> Array:
    """a @ B for a (k, N, p) and B (p, q), as one large matrix product."""
    k, rows, p = a.shape
    return (a.reshape(k * rows, p) @ B).reshape(k, rows, B.shape[1])


def weighted_gram(weights: Array, S: Array, T: Array | None = None) -> Array:
    """sum_c weights[i, s, c] S[a, s, c] T[b, s, c] -> (N, m, k, k), for weights (m, N, w) and S, T (k, N or 1, w)."""
    T = S if T is None else T
    k, width = len(S), S.shape[-1]
    if S.shape[1] == T.shape[1] == 1 and width * k * k <= 1_000_000:  # the same tangents for all rows: one product
        pairs = (S[:, None, 0] * T[None, :, 0]).reshape(k * k, width)
        return np.ascontiguousarray(rows_product(weights, pairs.T).transpose(1, 0, 2)).reshape(weights.shape[1], -1, k, k)
    left, right = S.transpose(1, 0, 2), T.transpose(1, 2, 0)
    return np.stack([(w[:, None, :] * left) @ right for w in weights], axis=1)


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True, eq=False)
class Affine:
    """y = x W' + b, W (out, in), b (out,): MATLAB's dotprod with netsum and bias, a dense layer."""

    W: Array
    b: Array

    def size(self, n: int) -> int:
        _expect(n == self.W.shape[1] and len(self.b) == len(self.W), f"weights {self.W.shape} don't take {n} inputs")
        return len(self.W)

    def forward(self, x: Array) -> Array:
        y = x @ self.W.T
        y += self.b
        return y

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return rows_product(T, self.W.T)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return rows_product(G, self.W)

    def curvature(self, x: Array, y: Array, G: Array, T: Array) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Scale:
    """y = (x - center) * gain + shift, row by row; kept in this order, as MATLAB evaluates it, because folding loses digits."""

    gain: Array
    center: Array
    shift: Array

    def size(self, n: int) -> int:
        _expect(len(self.gain) == len(self.center) == len(self.shift) == n, f"{len(self.gain)} gains don't take {n} inputs")
        return n

    def forward(self, x: Array) -> Array:
        y = x - self.center
        y *= self.gain
        y += self.shift
        return y

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return T * self.gain

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return G * self.gain

    def curvature(self, x: Array, y: Array, G: Array, T: Array) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Select:
    """y = x[:, index]: the chosen inputs, each at most once; `inputs` is how many there are."""

    index: Array
    inputs: int

    def size(self, n: int) -> int:
        _expect(n == self.inputs and len(set(self.index.tolist())) == len(self.index), f"a selection out of {self.inputs} from {n} inputs")
        _expect(not len(self.index) or (0 <= self.index.min() and self.index.max() < n), "a selection outside the inputs")
        return len(self.index)

    def forward(self, x: Array) -> Array:
        return x[:, self.index]

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return T[..., self.index]

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        g = np.zeros((*G.shape[:-1], self.inputs))
        g[..., self.index] = G
        return g

    def curvature(self, x: Array, y: Array, G: Array, T: Array) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Place:
    """y = fill with y[:, index] = x: constant rows put back (MATLAB's reverse removeconstantrows); fill (out,)."""

    index: Array
    fill: Array

    def size(self, n: int) -> int:
        _expect(n == len(self.index), f"{len(self.index)} places don't take {n} inputs")
        _expect(not n or (0 <= self.index.min() and self.index.max() < len(self.fill)), "a place outside the outputs")
        return len(self.fill)

    def forward(self, x: Array) -> Array:
        y = np.tile(self.fill, (len(x), 1))
        y[:, self.index] = x
        return y

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        t = np.zeros((*T.shape[:-1], len(self.fill)))
        t[..., self.index] = T
        return t

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return G[..., self.index]

    def curvature(self, x: Array, y: Array, G: Array, T: Array) -> None:
        return None


@dataclass(frozen=True, eq=False)
class FillMissing:
    """MATLAB's fixunknowns: y[:, j] is x[:, source[j]] with NaN replaced by fill[j], or, where flag[j], 1 for a number and 0 for NaN.

    A NaN of a row that is not `filled` stays. The slope is 1, and 0 where a value was replaced and for flags.
    """

    source: Array
    flag: Array
    filled: Array
    fill: Array
    inputs: int

    def size(self, n: int) -> int:
        _expect(n == self.inputs, f"fixunknowns of {self.inputs} rows doesn't take {n} inputs")
        _expect(not len(self.source) or (0 <= self.source.min() and self.source.max() < n), "fixunknowns refers to rows outside the inputs")
        return len(self.source)

    def forward(self, x: Array) -> Array:
        u = x[:, self.source]
        missing = np.isnan(u)
        y = np.where(missing & self.filled, self.fill, u)
        return np.where(self.flag, np.where(missing, 0.0, 1.0), y)

    def _slope(self, x: Array) -> Array:
        return np.where(self.flag | (np.isnan(x[:, self.source]) & self.filled), 0.0, 1.0)

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return T[..., self.source] * self._slope(x)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        g = G * self._slope(x)
        out = np.zeros((*g.shape[:-1], self.inputs))
        np.add.at(out, (..., self.source), g)
        return out

    def curvature(self, x: Array, y: Array, G: Array, T: Array) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Elementwise:
    """y = f(x), one activation for all units; params are numbers, or arrays (in,) with a number for each unit."""

    activation: Activation
    params: dict[str, Any] = field(default_factory=dict)

    def size(self, n: int) -> int:
        names = {name for name, _ in self.activation.params}
        _expect(set(self.params) == names, f"{self.activation.name} takes the parameters {sorted(names)}, not {sorted(self.params)}")
        _expect(all(np.shape(p) in ((), (n,)) for p in self.params.values()), f"parameters of {self.activation.name} don't take {n} inputs")
        return n

    def forward(self, x: Array) -> Array:
        return self.activation.value(x, self.params)

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return T * self.activation.slope(x, y, self.params)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return G * self.activation.slope(x, y, self.params)

    def curvature(self, x: Array, y: Array, G: Array, T: Array) -> Array | None:
        if self.activation.piecewise_linear or self.activation.flat:
            return None
        return weighted_gram(G * self.activation.second(x, y, self.params), T)


@dataclass(frozen=True, eq=False)
class Softmax:
    """y = exp(x - max x) / sum: coupled, dy_i/dx_j = y_i (delta_ij - y_j)."""

    def size(self, n: int) -> int:
        return n

    def forward(self, x: Array) -> Array:
        if not x.shape[1]:
            return x.copy()
        y = x - x.max(axis=1, keepdims=True)
        np.exp(y, out=y)
        y /= y.sum(axis=1, keepdims=True)
        return y

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return y * self._centered(y, T)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return y * self._centered(y, G)

    def curvature(self, x: Array, y: Array, G: Array, T: Array) -> Array:
        return weighted_gram(y * self._centered(y, G), self._centered(y, T))

    @staticmethod
    def _centered(y: Array, V: Array) -> Array:
        """V minus its mean under y, exact to the last digits also where one y is almost 1 and the others tiny.

        There V_top - mean = sum over the others of y_j (V_top - V_j), while the plain difference cancels.
        """
        mean = (V * y).sum(axis=-1, keepdims=True)
        centered = V - mean
        rows = np.flatnonzero(y.max(axis=1) > 0.9) if y.size else ()
        if not len(rows):
            return centered
        top = y[rows].argmax(axis=1)
        some = V[:, rows if V.shape[1] == len(y) else np.zeros(len(rows), int)]
        pick = np.arange(len(rows))
        gaps = some[:, pick, top][..., None] - some
        centered[:, rows, top] = (gaps * y[rows]).sum(axis=-1)
        return centered


@dataclass(frozen=True, eq=False)
class Compet:
    """y = 1 at the largest x of a row (the first of equals), else 0: MATLAB's compet. A NaN makes its row NaN; the slope is 0."""

    def size(self, n: int) -> int:
        return n

    def forward(self, x: Array) -> Array:
        y = np.zeros_like(x)
        if x.shape[1]:
            y[np.arange(len(x)), x.argmax(axis=1)] = 1.0
            y[np.isnan(x).any(axis=1)] = np.nan
        return y

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return np.zeros(np.broadcast_shapes(T.shape, y.shape)) + np.where(np.isnan(y), y, 0.0)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return self.jvp(x, y, G)

    def curvature(self, x: Array, y: Array, G: Array, T: Array) -> None:
        return None


@dataclass(frozen=True, eq=False)
class SquaredDistance:
    """y_i = -scale_i |x - c_i|^2, centres C (out, in), scale (out,): exp of it is a Gaussian radial basis unit, smooth at its centre."""

    C: Array
    scale: Array

    def size(self, n: int) -> int:
        _expect(n == self.C.shape[1] and len(self.scale) == len(self.C), f"centres {self.C.shape} don't take {n} inputs")
        return len(self.C)

    def forward(self, x: Array) -> Array:
        D = x[:, None, :] - self.C
        return -self.scale * np.einsum("noi,noi->no", D, D)

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        D = (x[:, None, :] - self.C) * (-2.0 * self.scale[:, None])
        return (D @ T.transpose(1, 2, 0)).transpose(2, 0, 1)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        D = (x[:, None, :] - self.C) * (-2.0 * self.scale[:, None])
        return (G.transpose(1, 0, 2) @ D).transpose(1, 0, 2)

    def curvature(self, x: Array, y: Array, G: Array, T: Array) -> Array:
        weights = (G @ (-2.0 * self.scale))[..., None]
        return weighted_gram(np.broadcast_to(weights, (len(G), len(x), T.shape[-1])), T)


@dataclass(frozen=True, eq=False)
class Distance:
    """y_i = sign |x - w_i|, W (out, in): MATLAB's dist (sign 1), negdist (sign -1), mandist (manhattan).

    At a kink (x = w_i, or x_j = w_ij for mandist) the slope is taken as 0, the middle of the subgradients.
    """

    W: Array
    sign: float = 1.0
    manhattan: bool = False

    def size(self, n: int) -> int:
        _expect(n == self.W.shape[1], f"centres {self.W.shape} don't take {n} inputs")
        return len(self.W)

    def forward(self, x: Array) -> Array:
        D = x[:, None, :] - self.W
        return self.sign * (np.abs(D).sum(axis=2) if self.manhattan else np.sqrt(np.einsum("noi,noi->no", D, D)))

    def _unit(self, x: Array, y: Array) -> Array:
        D = x[:, None, :] - self.W
        if self.manhattan:
            return self.sign * np.sign(D)
        z = y * self.sign
        return self.sign * D / np.where(z == 0.0, 1.0, z)[:, :, None]

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return (self._unit(x, y) @ T.transpose(1, 2, 0)).transpose(2, 0, 1)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return (G.transpose(1, 0, 2) @ self._unit(x, y)).transpose(1, 0, 2)

    def curvature(self, x: Array, y: Array, G: Array, T: Array) -> Array | None:
        if self.manhattan:
            return None
        weights = G * np.where(y == 0.0, 0.0, 1.0 / np.where(y == 0.0, 1.0, y))  # sign/z = 1/y
        along = self.jvp(x, y, T)
        total = np.broadcast_to(weights.sum(axis=-1, keepdims=True), (*weights.shape[:-1], T.shape[-1]))
        return weighted_gram(total, T) - weighted_gram(weights, along)


@dataclass(frozen=True, eq=False)
class NormProd:
    """y_i = w_i.x / sum(x), W (out, in): MATLAB's normprod, as in generalised regression networks."""

    W: Array

    def size(self, n: int) -> int:
        _expect(n == self.W.shape[1], f"weights {self.W.shape} don't take {n} inputs")
        return len(self.W)

    def forward(self, x: Array) -> Array:
        return (x @ self.W.T) / x.sum(axis=1, keepdims=True)

    def jvp(self, x: Array, y: Array, T: Array) -> Array:
        return (rows_product(T, self.W.T) - y * T.sum(axis=-1, keepdims=True)) / x.sum(axis=1, keepdims=True)

    def vjp(self, x: Array, y: Array, G: Array) -> Array:
        return (rows_product(G, self.W) - (G * y).sum(axis=-1, keepdims=True)) / x.sum(axis=1, keepdims=True)

    def curvature(self, x: Array, y: Array, G: Array, T: Array) -> Array:
        s = x.sum(axis=1)
        slopes = self.jvp(x, y, T)
        sums = np.broadcast_to(T.sum(axis=-1), (len(T), len(x)))
        half = -np.einsum("mno,ano,bn->nmab", np.broadcast_to(G, (len(G), *y.shape)), slopes, sums / s)
        return half + half.transpose(0, 1, 3, 2)


@dataclass(frozen=True, eq=False)
class Sum:
    """y = the sum of its inputs, unit by unit: MATLAB's netsum, additionLayer."""

    def size(self, *n: int) -> int:
        _expect(len(set(n)) == 1, f"a sum of values with {n} units")
        return n[0]

    def forward(self, x: tuple[Array, ...]) -> Array:
        y = x[0] + x[1] if len(x) > 1 else x[0].copy()
        for term in x[2:]:
            y += term
        return y

    def jvp(self, x: tuple[Array, ...], y: Array, T: tuple[Array, ...]) -> Array:
        return self.forward(T)

    def vjp(self, x: tuple[Array, ...], y: Array, G: Array) -> tuple[Array, ...]:
        return (G,) * len(x)

    def curvature(self, x: tuple[Array, ...], y: Array, G: Array, T: tuple[Array, ...]) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Product:
    """y = the product of its inputs, unit by unit: MATLAB's netprod, multiplicationLayer. Slopes are products, never y/x: x may be 0."""

    def size(self, *n: int) -> int:
        _expect(len(set(n)) == 1, f"a product of values with {n} units")
        return n[0]

    def forward(self, x: tuple[Array, ...]) -> Array:
        return _product_of(x, len(x[0]), x[0].shape[1])

    def jvp(self, x: tuple[Array, ...], y: Array, T: tuple[Array, ...]) -> Array:
        return sum(t * _others(x, {i}) for i, t in enumerate(T))  # type: ignore[return-value]

    def vjp(self, x: tuple[Array, ...], y: Array, G: Array) -> tuple[Array, ...]:
        return tuple(G * _others(x, {i}) for i in range(len(x)))

    def curvature(self, x: tuple[Array, ...], y: Array, G: Array, T: tuple[Array, ...]) -> Array:
        pairs = [(i, j) for i in range(len(x)) for j in range(len(x)) if i != j]
        return sum(weighted_gram(G * _others(x, {i, j}), *_alike(T[i], T[j])) for i, j in pairs)  # type: ignore[return-value]


def _others(x: tuple[Array, ...], without: set[int]) -> Array:
    return _product_of([v for i, v in enumerate(x) if i not in without], *x[0].shape)


def _product_of(values: Any, rows: int, width: int) -> Array:
    y = np.ones((rows, width))
    for v in values:
        y *= v
    return y


def _alike(S: Array, T: Array) -> tuple[Array, Array]:
    rows = max(S.shape[1], T.shape[1])
    return tuple(np.broadcast_to(V, (V.shape[0], rows, V.shape[2])) for V in (S, T))  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class Concatenate:
    """y = its inputs side by side."""

    sizes: tuple[int, ...]

    def size(self, *n: int) -> int:
        _expect(n == self.sizes, f"a concatenation of {self.sizes} given {n}")
        return sum(n)

    def forward(self, x: tuple[Array, ...]) -> Array:
        return np.concatenate(x, axis=1)

    def jvp(self, x: tuple[Array, ...], y: Array, T: tuple[Array, ...]) -> Array:
        rows = max(t.shape[1] for t in T)
        return np.concatenate([np.broadcast_to(t, (t.shape[0], rows, t.shape[2])) for t in T], axis=2)

    def vjp(self, x: tuple[Array, ...], y: Array, G: Array) -> tuple[Array, ...]:
        return tuple(np.split(G, np.cumsum(self.sizes)[:-1], axis=2))

    def curvature(self, x: tuple[Array, ...], y: Array, G: Array, T: tuple[Array, ...]) -> None:
        return None


LINEAR = (Affine, Scale, Select, Place, Sum, Concatenate)  # the slope does not depend on x
JOINS = (Sum, Product, Concatenate)  # several inputs
KINDS = (
    Affine,
    Scale,
    Select,
    Place,
    FillMissing,
    Elementwise,
    Softmax,
    Compet,
    SquaredDistance,
    Distance,
    NormProd,
    Sum,
    Product,
    Concatenate,
)
