"""The passes over a network: values, tangents forward, cotangents backward, one step at a time, for all rows of a block
at once.

Flows are (units, k, N or 1), by the number of their value. Callers silence NumPy, whose warnings about infinities are
expected here (values() does it itself).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nngrad.core import fuse
from nngrad.core.graph import Graph, Step, readers, steps
from nngrad.core.kernels import Array
from nngrad.core.layers import Layer

Pass = dict[int, Array]  # flows by value


def values(net: Graph, x: Array) -> list[Array]:
    """Every value of a network for the rows x (N, n), samples in columns: value 0 is x', value
    `net.last` is y' (m, N).
    """
    with np.errstate(all="ignore"):
        known = [x.T]
        for node in net.layers:
            known.append(node.layer.forward(node.layer.kernel, tuple(known[s] for s in node.sources)))
    return known


class Evaluation(NamedTuple):
    """How the values that derivatives need are computed: `calls` are (rule, the one value it
    reads or all it reads, what it makes).
    """

    calls: tuple[tuple[fuse.Rule, int, tuple[int, ...], int], ...]
    values: int

    def __call__(self, x: Array) -> list[Any]:
        """As values(), for callers who have silenced NumPy's warnings; None stands for values that nothing needs."""
        known: list[Any] = [None] * self.values
        known[0] = x.T
        for rule, source, sources, target in self.calls:
            known[target] = rule(tuple(known[s] for s in sources)) if sources else rule(known[source])
        return known

    @classmethod
    def of_network(cls, net: Graph) -> Evaluation:
        """Gains of a scale before or behind weights become part of them; x - center stays apart,
        where folding would lose digits.
        """
        every = steps(net)
        count = readers(every)
        found: list[tuple[Layer | fuse.Weights, tuple[int, ...], int]] = []
        for step in every:
            merged = None
            if found and step.sources == (found[-1][2],) and count[found[-1][2]] == 1:
                merged = fuse.gains_into_weights(found[-1][0], step.layer)
            if merged is None:
                found.append((step.layer, step.sources, step.target))
            else:
                found[-1] = merged, found[-1][1], step.target
        return cls(tuple(_call(*item) for item in found), len(net.sizes))


def _call(
    what: Layer | fuse.Weights, sources: tuple[int, ...], target: int
) -> tuple[fuse.Rule, int, tuple[int, ...], int]:
    rule = what if isinstance(what, fuse.Weights) else fuse.rule(what, sources)
    return rule, sources[0], (sources if len(sources) > 1 else ()), target


def push(step: Step, known: Sequence[Array], tangents: Pass) -> None:
    """The tangent of what a step makes, from those of what it reads."""
    layer = step.layer
    tangents[step.target] = layer.jvp(layer.kernel, step.read(known), known[step.target], step.read(tangents))


def pull(step: Step, known: Sequence[Array], cotangents: Pass, own: set[int] | None = None) -> None:
    """The cotangents of what a step reads, from that of what it makes.

    `own`, where given, are the values whose cotangents nothing else holds: some layers write over those.
    """
    layer, source, G = step.layer, step.sources[0], cotangents[step.target]
    if own is not None:
        if step.target in own and source not in cotangents:
            scaled = fuse.scaled_in_place(layer, known[source], known[step.target], G)
            if scaled is not None:
                cotangents[source] = scaled
                own.add(source)
                return
        if fuse.makes_new_memory(layer, G):
            own.update(step.sources)
    parts = layer.vjp(layer.kernel, step.read(known), known[step.target], G)
    for source, part in zip(step.sources, parts, strict=True):
        cotangents[source] = cotangents[source] + part if source in cotangents else part
