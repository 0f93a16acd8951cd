"""What depends on what in a network: through weights and gains that are not zero, whatever the numbers of a row are.

Of *values* a hard limit depends on its input; of *slopes* it does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nngrad.core.graph import Graph
from nngrad.core.kernels import Array
from nngrad.core.slope import Slope


def reached(net: Graph, slopes: bool = False, units: Sequence[int] | None = None) -> list[Array]:
    """For every value of a network which of its units depend on the inputs `units` (all where None is given); masks
    (size,).

    With `slopes` only those whose derivative is not zero wherever it exists.
    """
    start = np.zeros(net.sizes[0], bool)
    start[slice(None) if units is None else list(units)] = True
    masks = [start]
    for k, node in enumerate(net.layers, 1):
        cut = slopes and node.layer.slope is Slope.ZERO
        mask = np.zeros(net.sizes[k], bool) if cut else node.layer.reaches(tuple(masks[s] for s in node.sources))
        masks.append(mask)
    return masks


def needed(net: Graph, slopes: bool = False, units: Sequence[int] | None = None) -> Array:
    """Which inputs the outputs `units` (all where None is given) depend on; a mask (n,). With
    `slopes` as in reached().
    """
    masks = [np.zeros(size, bool) for size in net.sizes]
    masks[net.last][slice(None) if units is None else list(units)] = True
    for k, node in reversed(list(enumerate(net.layers, 1))):
        if not masks[k].any() or (slopes and node.layer.slope is Slope.ZERO):
            continue
        parts = node.layer.needs(masks[k], [net.sizes[s] for s in node.sources])
        for source, part in zip(node.sources, parts, strict=True):
            masks[source] = masks[source] | part
    return masks[0]


def flat(net: Graph) -> bool:
    """Whether every derivative is zero wherever it exists: hard limits, competition or constants cut every path."""
    return not bool(reached(net, slopes=True)[net.last].any())
