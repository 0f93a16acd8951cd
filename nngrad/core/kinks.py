"""Where the units of a network are at kinks: what flags mark and check excuses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nngrad.core.graph import Graph
from nngrad.core.kernels import Array


def near_kinks(net: Graph, values: Sequence[Array], eps: float) -> dict[int, Array]:
    """Which units (units, N) of every layer with kinks are within eps of one, by the number of its value."""
    found = {}
    for k, node in enumerate(net.layers, 1):
        mask = node.layer.near_kink(tuple(values[s] for s in node.sources), eps)
        if mask is not None:
            found[k] = mask
    return found


def rows_of(near: dict[int, Array], count: int) -> Array:
    """The rows (N,), out of so many, in which any unit is."""
    return np.asarray(np.any([np.zeros(count, bool), *(mask.any(axis=0) for mask in near.values())], axis=0))
