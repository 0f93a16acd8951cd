"""The passes over a network: values, tangents forward, cotangents backward, second order. The one rule: all rows of a block at once.

A Plan is made once for a network and a choice of outputs and inputs: linear layers in a row are multiplied together, whatever
is the same for every row is computed, and the cheaper direction is chosen by counting multiplications.
Callers silence NumPy, whose warnings about infinities are expected here (values() does it itself).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from nngrad.core import scratch
from nngrad.core.layers import JOINS, LINEAR, Affine, Compet, Distance, Elementwise, NormProd, Scale, SquaredDistance
from nngrad.core.layers.shared import matrix_product

Array = np.ndarray
MOST_MERGED = 131_072  # numbers of K that still stay in cache
Pass = dict[int, Array]  # tangents or cotangents by value


class Graph(Protocol):
    """What the passes need of a network: layers with the values they read, and how many numbers a row of each value has."""

    @property
    def layers(self) -> Sequence[Any]: ...

    @property
    def sizes(self) -> Sequence[int]: ...


class Step(NamedTuple):
    """A layer with the values it reads and writes; also several linear layers multiplied together."""

    layer: Any
    sources: tuple[int, ...]
    target: int


def values(net: Graph, x: Array) -> list[Array]:
    """Every value of the network for the rows x (N, n), samples in columns: value 0 is x', the last is y' (m, N)."""
    with np.errstate(all="ignore"):
        known = [x.T]
        for node in net.layers:
            known.append(node.layer.forward(_read(Step(node.layer, node.sources, len(known)), known)))
    return known


class Evaluation(NamedTuple):
    """How the values are computed that derivatives need: `calls` are (rule, what it reads, all it reads where it joins, what it writes)."""

    calls: tuple[tuple[Callable[[Any], Array], int, tuple[int, ...], int], ...]
    values: int

    def __call__(self, x: Array) -> list[Any]:
        """As values(), for callers who have silenced NumPy's warnings; None stands for values that only a linear layer would read."""
        known: list[Any] = [None] * self.values
        known[0] = x.T
        for forward, source, sources, target in self.calls:
            known[target] = forward(tuple(known[s] for s in sources) if sources else known[source])
        return known

    @classmethod
    def of_network(cls, net: Graph) -> Evaluation:
        """Gains of a scale before or behind weights become part of them; x - center stays apart, where folding would lose digits."""
        readers = Counter(s for node in net.layers for s in node.sources)
        steps: list[Step] = []
        for k, node in enumerate(net.layers, 1):
            merged = None
            if steps and node.sources == (steps[-1].target,) and readers[steps[-1].target] == 1:
                merged = _with_gains(steps[-1].layer, node.layer)
            if merged:
                steps[-1] = Step(merged, steps[-1].sources, k)
            else:
                steps.append(Step(node.layer, node.sources, k))
        return cls(
            tuple((s.layer.forward, s.sources[0], s.sources if isinstance(s.layer, JOINS) else (), s.target) for s in steps), len(net.sizes)
        )


@dataclass(frozen=True, eq=False)
class Shifted:
    """y = W (x - center) + b."""

    center: Array
    affine: Affine

    def forward(self, x: Array) -> Array:
        return self.affine.forward(np.subtract(x, self.center, scratch.empty(x.shape)))


def _with_gains(first: Any, second: Any) -> Any:
    """Two layers as one, where one is a scale and the other has weights to take its gains; None otherwise."""
    match first, second:
        case Scale(gain, center, shift), Affine(W, b):
            return Shifted(center[:, None], Affine(W * gain, W @ shift + b))
        case Affine(W, b), Scale(gain, center, shift):
            return Affine(W * gain[:, None], (b - center) * gain + shift)
        case Shifted(center, affine), Scale():
            return Shifted(center, _with_gains(affine, second))
    return None


def depends(net: Graph) -> bool:
    """Whether any output has a slope: False where hard limits, competition or constants cut every path."""
    alive = {0}
    for k, node in enumerate(net.layers, 1):
        cut = isinstance(node.layer, Compet) or (isinstance(node.layer, Elementwise) and node.layer.activation.flat)
        if not cut and net.sizes[k] and alive.intersection(s for s in node.sources if net.sizes[s]):
            alive.add(k)
    return len(net.layers) in alive


# one step of a pass


def _read(step: Step, known: Sequence[Any] | Pass) -> Any:
    """What a step reads: values, or tangents by value."""
    return tuple(known[s] for s in step.sources) if isinstance(step.layer, JOINS) else known[step.sources[0]]


def _push(step: Step, known: Sequence[Any], tangents: Pass) -> None:
    tangents[step.target] = step.layer.jvp(_read(step, known), known[step.target], _read(step, tangents))


def _pull(step: Step, known: Sequence[Any], cotangents: Pass, own: set[int] | None = None) -> None:
    """`own`, where given, are the values whose cotangents nothing else holds: an activation may scale those in place."""
    G = cotangents[step.target]
    if own is not None and isinstance(step.layer, Elementwise) and step.target in own and step.sources[0] not in cotangents:
        source = step.sources[0]
        cotangents[source] = np.multiply(G, step.layer.slope(known[source], known[step.target])[:, None], out=G)
        own.add(source)
        return
    if own is not None and isinstance(step.layer, Affine) and G.shape[2] > 1:
        own.update(step.sources)
    parts = step.layer.vjp(_read(step, known), known[step.target], G)
    for source, part in zip(step.sources, parts if isinstance(step.layer, JOINS) else (parts,), strict=True):
        cotangents[source] = cotangents[source] + part if source in cotangents else part


@dataclass(frozen=True, eq=False)
class Half:
    """One direction of a plan: `steps` is what is left for every row, in the order it runs; `fixed` is what runs once, before all rows."""

    steps: tuple[Step, ...]
    fixed: tuple[Step, ...]
    run: Callable[[Step, Sequence[None], Pass], None]
    start: int  # the value it starts at
    chosen: tuple[int, ...]  # the units of that value
    sizes: tuple[int, ...]
    seeded: frozenset[int]  # the values that `seeds` is of

    @cached_property
    def seeds(self) -> Pass:
        """What the steps start from: tangents or cotangents that are the same for all rows."""
        unit = np.zeros((self.sizes[self.start], len(self.chosen), 1))
        unit[self.chosen, range(len(self.chosen))] = 1.0
        found: Pass = {self.start: unit}
        with scratch.outside(), np.errstate(all="ignore"):  # weights may be infinite
            for step in self.fixed:
                self.run(step, (None,) * len(self.sizes), found)
        return {k: found[k] for k in self.seeded}


@dataclass(frozen=True, eq=False)
class Merged:
    """The first two steps of a backward pass, an activation and the weights before it, as one product of its slopes with K.

    Cotangents that are the same for all rows need not be multiplied by slopes one by one: sum_c W[c, j] G[c, i] f'_c is K' f',
    and where the weights stand at the input that is the whole Jacobian. K is (w, m n) then, and (w, n m) otherwise.
    """

    step: Step
    K: Array
    target: int
    whole: bool

    def slope(self, known: Sequence[Array]) -> Array:
        return self.step.layer.slope(known[self.step.sources[0]], known[self.step.target])


@dataclass(frozen=True, eq=False)
class Plan:
    """How dy[of]/dx[wrt] is computed: forwards, or where that is cheaper backwards."""

    of: tuple[int, ...]
    wrt: tuple[int, ...]
    size: int  # number of inputs
    outputs: int
    reverse: bool
    merged: Merged | None
    every: tuple[Step, ...]  # all steps, in evaluation order, linear runs multiplied together
    forward: Half
    backward: Half

    @classmethod
    def of_network(cls, net: Graph, of: tuple[int, ...], wrt: tuple[int, ...]) -> Plan:
        with scratch.outside(), np.errstate(all="ignore"):  # weights may be infinite
            every = _fused(net)
            forward, backward = _forward_half(every, wrt, net), _backward_half(every, of, net)
            merged = _merged(backward, wrt)
        reverse = _cost(backward.steps, len(of), net) <= _cost(forward.steps, len(wrt), net)
        reverse = reverse or (merged is not None and merged.whole)
        (backward if reverse else forward).seeds  # noqa: B018  (now, by the one thread that plans)
        return cls(of, wrt, net.sizes[0], net.sizes[-1], reverse, merged, every, forward, backward)

    @cached_property
    def every_output(self) -> bool:
        return self.of == tuple(range(self.outputs))

    @cached_property
    def every_input(self) -> bool:
        return self.wrt == tuple(range(self.size))

    def jacobian(self, known: Sequence[Array], J: Array) -> None:
        """Writes dy[of]/dx[wrt] of the rows into J (N, m', n')."""
        (self._backward if self.reverse else self._forward)(known, J)

    def _forward(self, known: Sequence[Array], J: Array) -> None:
        tangents = self._tangents(known)
        last = len(known) - 1
        J[...] = tangents[last][list(self.of)].transpose(2, 0, 1) if last in tangents else 0.0

    def _tangents(self, known: Sequence[Array], steps: Sequence[Step] | None = None) -> Pass:
        tangents = dict(self.forward.seeds)
        for step in self.forward.steps if steps is None else steps:
            _push(step, known, tangents)
        return tangents

    @cached_property
    def _bending(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """The steps of both passes that the curvature of some layer still needs."""
        curved = [k for k, step in enumerate(self.backward.steps) if not isinstance(step.layer, LINEAR)]
        needed = {s for k in curved for s in self.backward.steps[k].sources}
        forward: list[Step] = []
        for step in reversed(self.forward.steps):
            if step.target in needed:
                forward.insert(0, step)
                needed.update(step.sources)
        return tuple(forward), self.backward.steps[: curved[-1] + 1 if curved else 0]

    def hessian(self, known: Sequence[Array], H: Array) -> None:
        """Writes d2y[of]/dx[wrt]dx[wrt] of the rows into H (N, m', n', n'): the sum over layers of their curvature."""
        total: Array | None = None
        tangents, cotangents = self._tangents(known, self._bending[0]), dict(self.backward.seeds)
        for step in self._bending[1]:
            if not isinstance(step.layer, LINEAR):
                T = _read(step, tangents)
                part = step.layer.curvature(_read(step, known), known[step.target], cotangents[step.target], T, T)
                if part is not None:
                    total = part if total is None else total + part
            _pull(step, known, cotangents)
        H[...] = 0.0 if total is None else total

    def _backward(self, known: Sequence[Array], J: Array) -> None:
        if self.merged and self.merged.whole:
            self.merged.slope(known).T.dot(self.merged.K, J.reshape(len(J), self.merged.K.shape[1]))
            return
        own: set[int] = set()
        cotangents, steps = dict(self.backward.seeds), self.backward.steps
        if self.merged:
            d, K = self.merged.slope(known), self.merged.K
            start, steps = self.merged.target, steps[2:]
            cotangents[start] = matrix_product(K.T, d).reshape(-1, len(self.of), d.shape[1])
            own.add(start)
        direct = bool(steps) and isinstance(steps[-1].layer, Affine) and steps[-1].sources == (0,) and 0 not in cotangents
        direct = direct and not any(0 in s.sources for s in steps[:-1])
        for step in steps[:-1] if direct else steps:
            _pull(step, known, cotangents, own)
        if direct:  # the last product goes straight into J
            W = steps[-1].layer.W if self.every_input else steps[-1].layer.W[:, self.wrt]
            G = cotangents[steps[-1].target]
            if len(J) == 1:
                G[:, :, 0].T.dot(W, J[0])
            elif G.shape[2] == len(J):
                np.matmul(G.transpose(1, 2, 0), W, J.swapaxes(0, 1))
            else:
                J[...] = G[:, :, 0].T @ W
            return
        back = cotangents.get(0)
        J[...] = 0.0 if back is None else (back if self.every_input else back[list(self.wrt)]).transpose(2, 1, 0)


def jvp(plan: Plan, known: Sequence[Array], T: Array) -> Array:
    """Tangents T (n, k, N or 1) of the input carried to the output -> (m, k, N)."""
    tangents = {0: T}
    for step in plan.every:
        _push(step, known, tangents)
    return np.broadcast_to(tangents[len(known) - 1], (plan.outputs, T.shape[1], known[0].shape[1]))


def vjp(plan: Plan, known: Sequence[Array], G: Array) -> Array:
    """Cotangents G (m, k, N or 1) of the output carried to the input -> (n, k, N)."""
    cotangents = {len(known) - 1: G}
    for step in reversed(plan.every):
        if step.target in cotangents:
            _pull(step, known, cotangents)
    return np.broadcast_to(cotangents[0], (plan.size, G.shape[1], known[0].shape[1]))


def hvp(plan: Plan, known: Sequence[Array], G: Array, V: Array) -> Array:
    """The derivative of the gradient w'J along v, for one w (m, 1, N or 1) and one v (n, 1, N or 1) -> (N, n), without an n x n matrix."""
    H = np.zeros(known[0].T.shape)
    tangents, along = plan._tangents(known), {0: V}
    for step in plan.every:
        _push(step, known, along)
    cotangents = {len(known) - 1: G}
    for step in reversed(plan.every):
        if step.target in cotangents:
            if not isinstance(step.layer, LINEAR):
                args = _read(step, known), known[step.target], cotangents[step.target], _read(step, tangents), _read(step, along)
                part = step.layer.curvature(*args)
                if part is not None:
                    H += part[:, 0, :, 0]
            _pull(step, known, cotangents)
    return H


# making a plan


def _fused(net: Graph) -> tuple[Step, ...]:
    """The steps of a network, with runs of linear layers multiplied together where that is no more work."""
    readers = Counter(s for node in net.layers for s in node.sources)
    steps: list[Step] = []
    for k, node in enumerate(net.layers, 1):
        step = Step(node.layer, node.sources, k)
        before = steps[-1] if steps and steps[-1].target == k - 1 else None
        if before and node.sources == (k - 1,) and readers[k - 1] == 1 and _worth(before.layer, node.layer, net, before.sources, k):
            W = _product(before.layer, node.layer, net.sizes[before.sources[0]], net.sizes[k])
            steps[-1] = Step(Affine(W, np.zeros(net.sizes[k])), before.sources, k)
        else:
            steps.append(step)
    return tuple(steps)


def _product(first: Any, second: Any, n: int, m: int) -> Array:
    """Two linear layers as one matrix (m, n), from the side that takes less work."""
    if n <= m:
        tangents = second.jvp(None, None, first.jvp(None, None, np.eye(n)[:, :, None]))
        return np.ascontiguousarray(tangents[:, :, 0])
    cotangents = first.vjp(None, None, second.vjp(None, None, np.eye(m)[:, :, None]))
    return np.ascontiguousarray(cotangents[:, :, 0].T)


def _worth(a: Any, b: Any, net: Graph, sources: tuple[int, ...], target: int) -> bool:
    """Whether two linear layers are one matrix of hardly more numbers: saving a step outweighs half as many multiplications again."""
    if not all(isinstance(layer, LINEAR) and not isinstance(layer, JOINS) for layer in (a, b)):
        return False
    if not any(isinstance(layer, Affine) for layer in (a, b)):
        return False
    sizes = net.sizes[sources[0]], net.sizes[target - 1], net.sizes[target]
    apart = sum(i * o if isinstance(layer, Affine) else i + o for layer, i, o in ((a, *sizes[:2]), (b, *sizes[1:])))
    return sizes[0] * sizes[2] <= 1.5 * apart


def _forward_half(every: tuple[Step, ...], wrt: tuple[int, ...], net: Graph) -> Half:
    """The tangent pass from the inputs `wrt`."""
    same, fixed, left = {0}, [], []
    for step in every:
        if isinstance(step.layer, LINEAR) and same.issuperset(step.sources):
            fixed.append(step)
            same.add(step.target)
        else:
            left.append(step)
    read = {s for step in left for s in step.sources} | {len(net.layers)}
    return Half(tuple(left), tuple(fixed), _push, 0, wrt, tuple(net.sizes), frozenset(same & read))


def _backward_half(every: tuple[Step, ...], of: tuple[int, ...], net: Graph) -> Half:
    """The cotangent pass from the outputs `of`, last layer first."""
    last = len(net.layers)
    same, fixed, left = {last}, [], []
    waiting: set[int] = set()  # values to which a step that is left will add
    for step in reversed(every):
        if step.target not in same and step.target not in waiting:
            continue
        if isinstance(step.layer, LINEAR) and step.target not in waiting:
            fixed.append(step)
            same.update(step.sources)
        else:
            left.append(step)
            waiting.update(step.sources)
    read = {step.target for step in left} | {0}
    return Half(tuple(left), tuple(fixed), _pull, last, of, tuple(net.sizes), frozenset(same & read))


def _merged(half: Half, wrt: tuple[int, ...]) -> Merged | None:
    """The merged start of a backward pass, where it begins with an activation behind weights that nothing else reads through."""
    if len(half.steps) < 2:
        return None
    first, second = half.steps[:2]
    hidden = first.sources[0]
    alone = second.target == hidden and hidden not in half.seeded and not any(hidden in s.sources for s in half.steps[1:])
    if not (isinstance(first.layer, Elementwise) and isinstance(second.layer, Affine) and alone) or second.sources[0] in half.seeded:
        return None
    if any(second.sources[0] in s.sources for s in half.steps[2:]):
        return None
    whole = len(half.steps) == 2 and second.sources == (0,)
    W = second.layer.W[:, wrt] if whole else second.layer.W
    if not 0 < W.size * len(half.chosen) <= MOST_MERGED:
        return None
    G = half.seeds[first.target][:, :, 0]
    K = W[:, None, :] * G[:, :, None] if whole else W[:, :, None] * G[:, None, :]
    return Merged(first, np.ascontiguousarray(K.reshape(len(W), -1)), second.sources[0], whole)


def _cost(steps: tuple[Step, ...], k: int, net: Graph) -> int:
    """Multiplications a row of k tangents or cotangents through the steps."""
    total = 0
    for layer, sources, target in steps:
        n, m = sum(net.sizes[s] for s in sources), net.sizes[target]
        total += k * n * m if isinstance(layer, Affine | SquaredDistance | Distance | NormProd) else 2 * k * max(n, m)
    return total
