"""Fusions: several layers at the cost of one. The only place besides the kinds themselves that
looks at what kind a layer is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from nngrad.core.graph import Graph, Step, readers
from nngrad.core.kernels import Array, Params
from nngrad.core.layers import Affine, Concatenate, Elementwise, FillMissing, Layer, Place, Scale, Select, Sum
from nngrad.core.scratch import empty

MOST_MERGED = 131_072  # numbers of a product of weights that still stay in cache


# values


class Weights:
    """y = W (x - center) + b, with everything at hand: x - center stays apart, where folding it
    into b would lose digits.
    """

    def __init__(self, W: Array, b: Array, center: Array | None = None) -> None:
        self.W, self.b, self.center = W, b[:, None], center

    def __call__(self, x: Array) -> Array:
        if self.center is not None:
            x = np.subtract(x, self.center, empty(x.shape))
        y = self.W.dot(x, empty((len(self.W), x.shape[1])))
        y += self.b
        return y


Rule = Callable[[Any], Array]  # of one value, or of a tuple of several


def rule(layer: Layer, sources: Sequence[int]) -> Rule | Weights:
    """The forward rule of a layer as a function of the value that it reads, or of a tuple where it reads several."""
    if isinstance(layer, Affine):
        return Weights(layer.W, layer.b)
    forward, kernel = layer.forward, layer.kernel
    if isinstance(layer, Elementwise):
        value, params = layer.activation.value, kernel.columns(layer.params)
        return lambda x: value(x, params)
    return (lambda x: forward(kernel, (x,))) if len(sources) == 1 else partial(forward, kernel)


def gains_into_weights(first: Layer | Weights, second: Layer) -> Weights | None:
    """Two layers as one, where one is a scale and the other has weights to take its gains; None otherwise."""
    match first, second:
        case Scale(gain, center, shift), Affine(W, b):
            return Weights(W * gain, W @ shift + b, center[:, None])
        case Affine(W, b), Scale(gain, center, shift):
            return Weights(W * gain[:, None], (b - center) * gain + shift)
        case Weights(), Scale(gain, center, shift):
            return Weights(first.W * gain[:, None], (first.b[:, 0] - center) * gain + shift, first.center)
    return None


def changes_nothing(layer: Layer, sources: Sequence[int]) -> bool:
    """Whether a layer's value is what it reads: a linear activation, or one value side by side with no other."""
    if isinstance(layer, Elementwise):
        return layer.activation.name == "purelin"
    return isinstance(layer, Concatenate) and len(sources) == 1


# derivatives


def linear_run(first: Layer, second: Layer, sizes: tuple[int, int, int]) -> Affine | None:
    """Two linear layers behind each other as one matrix, where it has hardly more numbers: saving a step outweighs half
    as many multiplications again. `sizes` are those of what is read, of what stands between, and of what is made; None
    where they stay apart.
    """
    if not all(layer.constant and not isinstance(layer, Sum | Concatenate) for layer in (first, second)):
        return None
    if not any(isinstance(layer, Affine) for layer in (first, second)):
        return None
    n, between, m = sizes
    apart = sum(
        i * o if isinstance(layer, Affine) else i + o for layer, i, o in ((first, n, between), (second, between, m))
    )
    return Affine(_product(first, second, n, m), np.zeros(m)) if n * m <= 1.5 * apart else None


def _product(first: Layer, second: Layer, n: int, m: int) -> Array:
    """Two linear layers as one matrix (m, n), from the side that takes less work."""
    nothing: Any = None
    a, b = first.kernel, second.kernel
    if n <= m:
        between = first.jvp(a, (nothing,), nothing, (np.eye(n)[:, :, None],))
        return np.ascontiguousarray(second.jvp(b, (nothing,), nothing, (between,))[:, :, 0])
    (between,) = second.vjp(b, (nothing,), nothing, np.eye(m)[:, :, None])
    return np.ascontiguousarray(first.vjp(a, (nothing,), nothing, between)[0][:, :, 0].T)


def weights_behind_weights(first: Layer, second: Layer) -> Affine | None:
    """Two matrices as their product, where that saves a quarter of the multiplications; None where they stay apart."""
    if not (isinstance(first, Affine) and isinstance(second, Affine)):
        return None
    n, (m, between) = first.W.shape[1], second.W.shape
    return Affine(second.W @ first.W, np.zeros(m)) if n * m <= 0.75 * between * (n + m) else None


@dataclass(frozen=True, eq=False)
class SlopesTimes:
    """The first two steps of a backward pass, an activation and the weights before it, as one product of its slopes
    with K.

    Cotangents that are the same for all rows need not be multiplied by slopes one by one: sum_c W[c, j] G[c, i] f'_c is
    K' f', and where the weights stand at the input that is the whole Jacobian. K is (w, m n) then, and (w, n m)
    otherwise.
    """

    step: Step
    activation: Elementwise
    K: Array
    target: int
    whole: bool
    _slope: Callable[..., Array] = field(init=False, repr=False)
    _params: Params = field(init=False, repr=False)

    def slope(self, known: Sequence[Array]) -> Array:
        """f' (w, N) of the rows."""
        return self._slope(known[self.step.sources[0]], known[self.step.target], self._params)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_slope", self.activation.activation.slope)
        object.__setattr__(self, "_params", self.activation.kernel.columns(self.activation.params))


def slopes_times_weights(
    first: Step, second: Step, G: Any, whole: bool, wrt: tuple[int, ...], m: int
) -> SlopesTimes | None:
    """The merged start of a backward pass of m directions; G() gives the cotangents (w, m) that
    are the same for all rows.
    """
    if not (isinstance(first.layer, Elementwise) and isinstance(second.layer, Affine)):
        return None
    W = second.layer.W[:, wrt] if whole else second.layer.W
    if not 0 < W.size * m <= MOST_MERGED:
        return None
    K = W[:, None, :] * G()[:, :, None] if whole else W[:, :, None] * G()[:, None, :]
    return SlopesTimes(first, first.layer, np.ascontiguousarray(K.reshape(len(W), -1)), second.sources[0], whole)


def scaled_in_place(layer: Layer, x: Array, y: Array, G: Array) -> Array | None:
    """The cotangent behind an activation, written over the one before; None for any other kind."""
    if not isinstance(layer, Elementwise):
        return None
    return np.multiply(G, layer.kernel.slope(layer.activation, x, y, layer.params)[:, None], out=G)


def makes_new_memory(layer: Layer, G: Array) -> bool:
    """Whether the cotangents that come out of a layer lie in memory that nothing else holds."""
    return isinstance(layer, Affine) and G.shape[2] > 1


def weights_of(layer: Layer) -> Array | None:
    """The matrix of a layer that is one in a backward pass; None for any other kind."""
    return layer.W if isinstance(layer, Affine) else None


def runs(net: Graph, every: list[Step]) -> tuple[Step, ...]:
    """Steps with runs of linear layers multiplied together, where a value is read once."""
    count = readers(every)
    found: list[Step] = []
    for step in every:
        before = found[-1] if found and step.sources == (found[-1].target,) and count[found[-1].target] == 1 else None
        if before and before.target != net.last:
            between = net.sizes[before.sources[0]], net.sizes[before.target], net.sizes[step.target]
            one = linear_run(before.layer, step.layer, between)
            if one is not None:
                found[-1] = Step(one, before.sources, step.target)
                continue
        found.append(step)
    return tuple(found)


# processing

SIMPLE = (Scale, Select, Place, FillMissing, Concatenate)  # what processing before and after a network consists of


def processing(net: Graph) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The layers (from 0) that scale the inputs before, and the outputs after, everything else."""
    front, before = {0}, []
    for k, node in enumerate(net.layers, 1):
        if isinstance(node.layer, SIMPLE) and front.issuperset(node.sources):
            front.add(k)
            before += [k - 1] if isinstance(node.layer, Scale) else []
    back, after = {net.last}, []
    for k in range(net.last, 0, -1):
        node = net.layers[k - 1]
        if k in back and isinstance(node.layer, SIMPLE) and k - 1 not in before:
            back.update(node.sources)
            after += [k - 1] if isinstance(node.layer, Scale) else []
    return tuple(before), tuple(k for k in after if k not in before)


def scaled_otherwise(layer: Layer, times: int) -> Layer:
    """A scale of `processing` that is left out (0) or applied twice (2)."""
    assert isinstance(layer, Scale)
    nothing = np.zeros_like(layer.gain)
    if times == 0:
        return Scale(np.ones_like(layer.gain), nothing, nothing)
    offset = layer.shift - layer.center * layer.gain
    return Scale(layer.gain * layer.gain, nothing, layer.gain * offset + offset)
