"""A network as its passes see it: layers in order, with the values that they read. Value 0 is the
input, value k that of layer k.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from nngrad.core.layers.base import Layer

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Node:
    """One layer and the values it reads: 0 is the network's input, k the output of the k-th layer."""

    layer: Layer
    sources: tuple[int, ...]


class Graph(Protocol):
    """What passes and plans need of a network."""

    @property
    def layers(self) -> tuple[Node, ...]: ...

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers a row of each value has."""

    @property
    def last(self) -> int:
        """The number of the value that is the output."""


class Step(NamedTuple):
    """A layer with the values it reads and the one it writes; also several linear layers multiplied together."""

    layer: Layer
    sources: tuple[int, ...]
    target: int

    def read(self, known: Sequence[T] | Mapping[int, T]) -> tuple[T, ...]:
        """What it reads, of values or of flows by the number of their value."""
        sources = self.sources
        return (known[sources[0]],) if len(sources) == 1 else tuple(known[s] for s in sources)


def readers(every: Iterable[Step]) -> Counter[int]:
    """How many times each value is read."""
    return Counter(s for step in every for s in step.sources)


def steps(net: Graph) -> list[Step]:
    """The layers that the output is made of, in order."""
    needed = {net.last}
    for k in range(net.last, 0, -1):
        if k in needed:
            needed.update(net.layers[k - 1].sources)
    return [Step(node.layer, node.sources, k) for k, node in enumerate(net.layers, 1) if k in needed]
