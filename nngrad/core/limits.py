"""How large a network may be: what a file of a few kB may ask for."""

from __future__ import annotations

from collections.abc import Sequence

from nngrad.core.graph import Node
from nngrad.errors import ModelError

MOST_LAYERS = 20_000  # of a network, all of them together: what a file of a few kB may ask for
MOST_UNITS = 20_000_000
MOST_SOURCES = 200_000
MOST_NUMBERS = 250_000_000  # in the arrays of its layers


def within(most: int, count: int, what: str) -> None:
    """ModelError for a network that is larger than any that is computed."""
    if count > most:
        raise ModelError(f"the network has {count} {what}, at most {most} are computed; split it into smaller networks")


def sizes_of(layers: Sequence[Node], input_size: int) -> tuple[int, ...]:
    """How many numbers a row of each value has; ModelError where the layers don't chain."""
    within(MOST_LAYERS, len(layers), "layers")
    sizes = [input_size]
    units = sources = 0
    for k, node in enumerate(layers, 1):
        within(MOST_SOURCES, sources := sources + len(node.sources), "sources of layers")
        if not node.sources or not all(0 <= s < k for s in node.sources):
            raise ModelError(
                f"layer {k} ({type(node.layer).__name__}) reads the values {node.sources}, which do not exist before it"
            )
        try:
            sizes.append(node.layer.size(*(sizes[s] for s in node.sources)))
        except ValueError as e:
            raise ModelError(
                f"layer {k} ({type(node.layer).__name__}) does not fit what comes before it: {e}"
            ) from None
        within(MOST_UNITS, units := units + sizes[-1], "units in its layers")
    return tuple(sizes)
