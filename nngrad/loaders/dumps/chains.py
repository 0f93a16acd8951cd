"""In which order the layers of plain weights stand, and which way round, where names leave it to the shapes."""

from __future__ import annotations

import math
import re
from itertools import chain, pairwise, permutations, product
from typing import Any

import numpy as np

from nngrad.errors import ModelError, listed
from nngrad.loaders.dumps.forms import NONE, Dump, DumpedLayer
from nngrad.loaders.dumps.names import place_of

OUT_BY_IN, IN_BY_OUT = "out-by-in", "in-by-out"
MOST_ORDERS = 720  # of layers whose names do not tell it

Pair = tuple[np.ndarray, np.ndarray]  # W (out, in), b (out,)


def ordered(dump: Dump, hint: str | None) -> tuple[DumpedLayer, ...]:
    """The layers in the one order that chains, where their names leave several."""
    orders = _orders(dump)
    if len(orders) == 1:
        return tuple(chain.from_iterable(orders[0]))
    for layer in dump.layers:
        _refuse_odd(layer)
    ways = [hint] if hint else [OUT_BY_IN, IN_BY_OUT]
    fitting = [runs for runs in orders if any(chained(tuple(chain.from_iterable(runs)), way) for way in ways)]
    if not fitting and orders:
        return dump.layers
    if len(fitting) != 1 or any(_may_stand_beside(fitting[0], way) for way in ways):
        raise ModelError(
            f": {_listing(dump.layers)}: neither names nor shapes tell the order of these layers; name them W1, b1, W2, b2, ... in it, "
            "and those of each network apart"
        )
    return tuple(chain.from_iterable(fitting[0]))


def _may_stand_beside(runs: tuple[list[DumpedLayer], ...], way: str) -> bool:
    """Whether another run takes what the first takes, as a critic beside an actor does."""
    starts = [turned[0].shape[1] for run in runs if (turned := _turned(run[0], way))]
    return len(starts) == len(runs) and starts[0] in starts[1:]


def oriented(layers: tuple[DumpedLayer, ...], hint: str | None) -> tuple[list[Pair], tuple[str, ...], tuple[str, ...]]:
    """(W out-by-in, b) of every layer; notes, and doubts about it."""
    if hint not in (None, OUT_BY_IN, IN_BY_OUT):
        raise ModelError(f": weights {hint!r}; they are {OUT_BY_IN} or {IN_BY_OUT}")
    for layer in layers:
        _refuse_odd(layer)
    found = {o: pairs for o in (OUT_BY_IN, IN_BY_OUT) if (pairs := chained(layers, o)) and hint in (None, o)}
    if not found:
        way = f"as {hint}" if hint else f"neither as {OUT_BY_IN} nor as {IN_BY_OUT}"
        raise ModelError(
            f": {_listing(layers)}: these do not chain, {way}; a convolution or a layer of another kind is not supported here"
        )
    way = next(iter(found))
    square = [layer.label for layer in layers if _is_square(layer.W)]
    if len(found) > 1 and any(layer.ask for layer in layers):
        raise ModelError(
            f": {_listing(layers)}: these chain both ways round; say --weights {OUT_BY_IN} (y = W x + b) or --weights {IN_BY_OUT} (x W + b)"
        )
    if hint or not square:
        return found[way], (), ()
    names = f"{', '.join(square)} {'are' if len(square) > 1 else 'is'} square"
    if len(found) == 1:
        return found[way], (f"{names}: taken as {way}, as the shapes of the other layers are",), ()
    note = f"{names}: the shapes do not tell which way round; taken as {way}, as MATLAB stores them (y = W x + b)"
    return found[way], (), (f"{note}; if they are x W + b, say --weights {IN_BY_OUT}",)


def _is_square(W: np.ndarray) -> bool:
    extents = [n for n in W.shape if n > 1]
    return len(extents) == 2 and extents[0] == extents[1]


def _refuse_odd(layer: DumpedLayer) -> None:
    for name, value in (("weights", layer.W), ("bias", layer.b)):
        if value is not None and value.dtype != np.float64:
            raise ModelError(f": {layer.label}: complex {name} are not supported")
    if not layer.W.size:
        raise ModelError(f": {layer.label} is empty ({size_of(layer.W)}): the network was never trained")


def chained(layers: tuple[DumpedLayer, ...], way: str) -> list[Pair] | None:
    pairs = [_turned(layer, way) for layer in layers]
    if not all(pairs):
        return None
    known = [pair for pair in pairs if pair]
    fits = all(after[0].shape[1] == before[0].shape[0] for before, after in pairwise(known))
    return known if fits else None


def _turned(layer: DumpedLayer, way: str) -> Pair | None:
    """(W out-by-in, b) of one layer taken this way round; None where that doesn't fit."""
    W = _squeezed(layer.W, None if layer.b is None else layer.b.size, way)
    if W is None:
        return None
    if way == IN_BY_OUT:
        W = W.T
    if layer.b is None and layer.bias == NONE:
        return np.ascontiguousarray(W), np.zeros(len(W))
    if layer.b is None:
        return (np.ascontiguousarray(W[:, 1:]), np.ascontiguousarray(W[:, 0])) if W.shape[1] > 1 else None
    if layer.b.size != len(W) or layer.b.size != max(1, *layer.b.shape, 1):
        return None
    return np.ascontiguousarray(W), np.ascontiguousarray(layer.b.ravel(order="F"))


def _squeezed(W: np.ndarray, units: int | None, way: str) -> np.ndarray | None:
    """The matrix: trailing extents of 1 are dropped, a vector (HDF5) stands for one row or one column."""
    while W.ndim > 2 and W.shape[-1] == 1:
        W = W[..., 0]
    if W.ndim < 2:
        rows = units if way == OUT_BY_IN else W.size // max(1, units or 1)
        return W.reshape(rows, -1) if rows and W.size % rows == 0 else None
    return W if W.ndim == 2 else None


def _listing(layers: tuple[DumpedLayer, ...]) -> str:
    return listed(
        [f"{a.label} {size_of(a.W)}" + (f" with bias {size_of(a.b)}" if a.b is not None else "") for a in layers], 4
    )


def size_of(array: Any) -> str:
    return "x".join(str(n) for n in array.shape) or "1"


def _orders(dump: Dump) -> list[tuple[list[DumpedLayer], ...]]:
    """Every order that the names leave open, as runs of layers: numbers tell it, and `input` and `output`, but other
    words do not.
    """
    if not dump.keys:
        return [(list(dump.layers),)]
    places: dict[int, dict[tuple[str, ...], list[DumpedLayer]]] = {}
    for key, layer in zip(dump.keys, dump.layers, strict=True):
        words = tuple(re.findall(r"[a-z]+", re.split(r"\d", key.lower())[0]))  # before the number
        places.setdefault(place_of(key), {}).setdefault(words, []).append(layer)
    if math.prod(math.factorial(len(runs)) for runs in places.values()) > MOST_ORDERS:
        return []
    each = (permutations(runs.values()) for runs in places.values())
    return [tuple(run for runs in order for run in runs) for order in product(*each)]
