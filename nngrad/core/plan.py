"""How derivatives of a choice of outputs with respect to a choice of inputs are computed.

A plan is made once: linear layers in a row are multiplied together, whatever is the same for every row is computed, and
the cheaper direction is chosen by counting multiplications. Where all directions at once would take more than
MOST_NUMBERS, they go in chunks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nngrad.core import fuse, scratch
from nngrad.core.graph import Graph, Step, steps
from nngrad.core.kernels import Array
from nngrad.core.kernels.arrays import matrix_product
from nngrad.core.passes import Pass, pull, push

MOST_NUMBERS = 4_000_000  # of the flows of a block that are there at once: 32 MB
MOST_PLANS = 64  # of a network that are kept

Chosen = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Half:
    """One direction of a plan: `steps` is what is left for every row, in the order it runs;
    `fixed` is what runs once, before all rows.
    """

    steps: tuple[Step, ...]
    fixed: tuple[Step, ...]
    run: Callable[[Step, Sequence[Array], Pass], None]
    start: int  # the value it starts at
    chosen: Chosen  # the units of that value
    sizes: tuple[int, ...]
    seeded: frozenset[int]  # the values that seeds are of

    @cached_property
    def seeds(self) -> Pass:
        """What the steps start from, for all directions: tangents or cotangents that are the same for all rows."""
        return self.seeds_of(self.chosen)

    def seeds_of(self, chosen: Chosen) -> Pass:
        """Likewise, for some of the directions."""
        unit = np.zeros((self.sizes[self.start], len(chosen), 1))
        unit[chosen, range(len(chosen))] = 1.0
        found: Pass = {self.start: unit}
        nothing: list[Array] = [np.empty(0)] * len(self.sizes)  # constant layers need no values
        with scratch.outside(), np.errstate(all="ignore"):  # weights may be infinite
            for step in self.fixed:
                self.run(step, nothing, found)
        return {k: found[k] for k in self.seeded}

    def cost(self) -> int:
        """Multiplications a row."""
        total = 0
        for layer, sources, target in self.steps:
            total += (
                len(self.chosen) * layer.cost(sum(self.sizes[s] for s in sources), self.sizes[target]).multiplications
            )
        return total


@dataclass(frozen=True, eq=False)
class Plan:
    """How dy[of]/dx[wrt] is computed: forwards, or where that is cheaper backwards."""

    of: Chosen
    wrt: Chosen
    sizes: tuple[int, ...]
    last: int
    reverse: bool
    merged: fuse.SlopesTimes | None
    every: tuple[Step, ...]  # all steps, in evaluation order, linear runs multiplied together
    forward: Half
    backward: Half

    @classmethod
    def of_network(cls, net: Graph, of: Chosen, wrt: Chosen) -> Plan:
        with scratch.outside(), np.errstate(all="ignore"):  # weights may be infinite
            every = fuse.runs(net, steps(net))
            forward, backward = _forward_half(every, wrt, net), _backward_half(every, of, net)
            merged = _merged(backward, wrt)
        reverse = backward.cost() <= forward.cost() or (merged is not None and merged.whole)
        plan = cls(of, wrt, net.sizes, net.last, reverse, merged, every, forward, backward)
        if plan._at_once(1) >= plan._directions:
            (backward if reverse else forward).seeds  # noqa: B018  (now, by the one thread that plans)
        return plan

    @cached_property
    def every_output(self) -> bool:
        return self.of == tuple(range(self.sizes[self.last]))

    @cached_property
    def every_input(self) -> bool:
        return self.wrt == tuple(range(self.sizes[0]))

    @cached_property
    def _directions(self) -> int:
        return len(self.of if self.reverse else self.wrt)

    def _at_once(self, rows: int) -> int:
        """How many directions of so many rows go through all values within MOST_NUMBERS."""
        return max(1, MOST_NUMBERS // (max(rows, 1) * self.numbers))

    @cached_property
    def numbers(self) -> int:
        """Of all values of a row."""
        return sum(self.sizes)

    @cached_property
    def _widest(self) -> int:
        return max(self.sizes)

    def jacobian(self, known: Sequence[Array], J: Array) -> None:
        """Writes dy[of]/dx[wrt] of the rows into J (N, m', n')."""
        if self.merged and self.merged.whole:
            self.merged.slope(known).T.dot(self.merged.K, J.reshape(len(J), self.merged.K.shape[1]))
            return
        at_once = self._at_once(len(J))
        if at_once >= self._directions:
            self._backward(known, J) if self.reverse else self._forward(known, J, self.forward.seeds)
            return
        for some in _chunks(self._directions, at_once):
            with scratch.part():
                if self.reverse:
                    self._backward_chunk(known, J[:, some], self.backward.seeds_of(self.of[some]))
                else:
                    self._forward(known, J[:, :, some], self.forward.seeds_of(self.wrt[some]))

    def _forward(self, known: Sequence[Array], J: Array, seeds: Pass) -> None:
        tangents = self.tangents(known, seeds)
        J[...] = tangents[self.last][list(self.of)].transpose(2, 0, 1) if self.last in tangents else 0.0

    def tangents(self, known: Sequence[Array], seeds: Pass, some: Sequence[Step] | None = None) -> Pass:
        """Tangents of every value along the directions of the seeds."""
        found = dict(seeds)
        for step in self.forward.steps if some is None else some:
            push(step, known, found)
        return found

    def _backward(self, known: Sequence[Array], J: Array) -> None:
        own: set[int] = set()
        cotangents, left = dict(self.backward.seeds), self.backward.steps
        if self.merged:
            d, K = self.merged.slope(known), self.merged.K
            start, left = self.merged.target, left[2:]
            cotangents[start] = matrix_product(K.T, d).reshape(-1, len(self.of), d.shape[1])
            own.add(start)
        self._pulled_back(known, J, cotangents, left, own, _product_into)

    def _backward_chunk(self, known: Sequence[Array], J: Array, seeds: Pass) -> None:
        """Some of many directions: few rows, so that the product that goes into J is one for each row."""
        self._pulled_back(known, J, dict(seeds), self.backward.steps, set(), _products_into)

    def _pulled_back(
        self,
        known: Sequence[Array],
        J: Array,
        cotangents: Pass,
        left: Sequence[Step],
        own: set[int],
        into: Callable[[Array, Array, Array], None],
    ) -> None:
        """The steps that are left, and what comes back to the input, in J; `into` writes a last product with weights."""
        W = self._input_weights(left, cotangents)
        for step in left if W is None else left[:-1]:
            pull(step, known, cotangents, own)
        if W is None:
            self._write_back(cotangents, J)
        else:
            into(cotangents[left[-1].target], W, J)

    def _input_weights(self, left: Sequence[Step], cotangents: Pass) -> Array | None:
        """The matrix of the last step, where it alone leads to the input: its product goes straight into J."""
        W = fuse.weights_of(left[-1].layer) if left and left[-1].sources == (0,) and 0 not in cotangents else None
        if W is None or any(0 in step.sources for step in left[:-1]):
            return None
        return W if self.every_input else W[:, self.wrt]

    def _write_back(self, cotangents: Pass, J: Array) -> None:
        back = cotangents.get(0)
        J[...] = 0.0 if back is None else (back if self.every_input else back[list(self.wrt)]).transpose(2, 1, 0)

    # second order

    @cached_property
    def _bending(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """The steps of both passes that the curvature of some layer still needs."""
        curved = [k for k, step in enumerate(self.backward.steps) if not step.layer.constant]
        needed = {s for k in curved for s in self.backward.steps[k].sources}
        forward: list[Step] = []
        for step in reversed(self.forward.steps):
            if step.target in needed:
                forward.insert(0, step)
                needed.update(step.sources)
        return tuple(forward), self.backward.steps[: curved[-1] + 1 if curved else 0]

    def hessian(self, known: Sequence[Array], H: Array) -> None:
        """Writes d2y[of]/dx[wrt]dx[wrt] of the rows into H (N, m', n', n'): the sum over layers of their curvature."""
        rows, width = max(len(H), 1), self._widest
        inputs = max(1, 2 * MOST_NUMBERS // (rows * self.numbers))
        outputs = max(1, MOST_NUMBERS // (rows * min(inputs, len(self.wrt)) * (width + min(inputs, len(self.wrt)))))
        if inputs >= len(self.wrt) and outputs >= len(self.of):
            self._curvatures(known, H, self.backward.seeds, self.forward.seeds, self.forward.seeds)
            return
        for some in _chunks(len(self.of), outputs):
            G = self.backward.seeds_of(self.of[some])
            for a in _chunks(len(self.wrt), inputs):
                S = self.forward.seeds_of(self.wrt[a])
                for b in _chunks(len(self.wrt), inputs, a.start):
                    with scratch.part():
                        T = S if a == b else self.forward.seeds_of(self.wrt[b])
                        self._curvatures(known, H[:, some, a, b], G, S, T)
                        H[:, some, b, a] = H[:, some, a, b].swapaxes(2, 3)

    def _curvatures(self, known: Sequence[Array], H: Array, G: Pass, S: Pass, T: Pass) -> None:
        forward, backward = self._bending
        left = self.tangents(known, S, forward)
        right = left if S is T else self.tangents(known, T, forward)
        total: Array | None = None
        cotangents = dict(G)
        for step in backward:
            part = _curvature(step, known, cotangents, left, right)
            if part is not None:
                total = part if total is None else total + part
            pull(step, known, cotangents)
        H[...] = 0.0 if total is None else total


def _curvature(step: Step, known: Sequence[Array], cotangents: Pass, left: Pass, right: Pass) -> Array | None:
    """What one layer adds to second derivatives (N, m, j, k); None for nothing."""
    if step.layer.constant:
        return None
    S = step.read(left)
    T = S if left is right else step.read(right)
    parts = step.layer.curvature(step.layer.kernel, step.read(known), known[step.target], cotangents[step.target], S, T)
    total: Array | None = None
    for part in parts:
        total = part if total is None else total + part
    return total


def _product_into(G: Array, W: Array, J: Array) -> None:
    """J[s, i] = G[:, i, s]' W."""
    if len(J) == 1:
        G[:, :, 0].T.dot(W, J[0])
    elif G.shape[2] == len(J):
        np.matmul(G.transpose(1, 2, 0), W, J.swapaxes(0, 1))
    else:
        J[...] = G[:, :, 0].T @ W


def _products_into(G: Array, W: Array, J: Array) -> None:
    """Likewise, row by row."""
    for s in range(len(J)):
        J[s] = G[:, :, s if G.shape[2] > 1 else 0].T @ W


def _chunks(count: int, size: int, first: int = 0) -> Iterator[slice]:
    """Even runs of at most `size` of the places first, ..., count - 1; those of a whole are those of its parts."""
    size = -(-count // -(-count // size))
    return (slice(k, min(k + size, count)) for k in range(first, count, size))


def jvp(plan: Plan, known: Sequence[Array], T: Array) -> Array:
    """Tangents T (n, k, N or 1) of the input carried to the output -> (m, k, N)."""
    tangents = {0: T}
    for step in plan.every:
        push(step, known, tangents)
    return np.broadcast_to(tangents[plan.last], (plan.sizes[plan.last], T.shape[1], known[0].shape[1]))


def vjp(plan: Plan, known: Sequence[Array], G: Array) -> Array:
    """Cotangents G (m, k, N or 1) of the output carried to the input -> (n, k, N)."""
    cotangents = {plan.last: G}
    for step in reversed(plan.every):
        if step.target in cotangents:
            pull(step, known, cotangents)
    return np.broadcast_to(cotangents[0], (plan.sizes[0], G.shape[1], known[0].shape[1]))


def hvp(plan: Plan, known: Sequence[Array], G: Array, V: Array) -> Array:
    """The derivative of the gradient w'J along v, for one w (m, 1, N or 1) and one v (n, 1, N or
    1) -> (N, n), without an n x n matrix.
    """
    n, along = plan.sizes[0], {0: V}
    H = np.zeros((known[0].shape[1], n))
    for step in plan.every:
        push(step, known, along)
    at_once = max(1, MOST_NUMBERS // (max(len(H), 1) * plan.numbers))
    if at_once >= n:
        _add_curvatures(plan, known, H, G, plan.tangents(known, plan.forward.seeds), along)
        return H
    for some in _chunks(n, at_once):
        with scratch.part():
            seeds = plan.forward.seeds_of(plan.wrt[some])
            _add_curvatures(plan, known, H[:, some], G, plan.tangents(known, seeds), along)
    return H


def _add_curvatures(plan: Plan, known: Sequence[Array], H: Array, G: Array, tangents: Pass, along: Pass) -> None:
    cotangents = {plan.last: G}
    for step in reversed(plan.every):
        if step.target in cotangents:
            part = _curvature(step, known, cotangents, tangents, along)
            if part is not None:
                H += part[:, 0, :, 0]
            pull(step, known, cotangents)


# making a plan


def _forward_half(every: tuple[Step, ...], wrt: Chosen, net: Graph) -> Half:
    """The tangent pass from the inputs `wrt`."""
    same, fixed, left = {0}, [], []
    for step in every:
        if step.layer.constant and same.issuperset(step.sources):
            fixed.append(step)
            same.add(step.target)
        else:
            left.append(step)
    read = {s for step in left for s in step.sources} | {net.last}
    return Half(tuple(left), tuple(fixed), push, 0, wrt, net.sizes, frozenset(same & read))


def _backward_half(every: tuple[Step, ...], of: Chosen, net: Graph) -> Half:
    """The cotangent pass from the outputs `of`, last layer first."""
    same, fixed, left = {net.last}, [], []
    waiting: set[int] = set()  # values to which a step that is left will add
    for step in reversed(every):
        if step.target not in same and step.target not in waiting:
            continue
        if step.layer.constant and step.target not in waiting:
            fixed.append(step)
            same.update(step.sources)
        else:
            left.append(step)
            waiting.update(step.sources)
    read = {step.target for step in left} | {0}
    return Half(tuple(left), tuple(fixed), pull, net.last, of, net.sizes, frozenset(same & read))


def _merged(half: Half, wrt: Chosen) -> fuse.SlopesTimes | None:
    """The merged start of a backward pass, where it begins with an activation behind weights that
    nothing else reads through.
    """
    if len(half.steps) < 2:
        return None
    first, second = half.steps[:2]
    hidden = first.sources[0]
    alone = (
        second.target == hidden and hidden not in half.seeded and not any(hidden in s.sources for s in half.steps[1:])
    )
    if not alone or second.sources[0] in half.seeded:
        return None
    if any(second.sources[0] in s.sources for s in half.steps[2:]):
        return None
    whole = len(half.steps) == 2 and second.sources == (0,)
    return fuse.slopes_times_weights(
        first, second, lambda: half.seeds[first.target][:, :, 0], whole, wrt, len(half.chosen)
    )


class Plans:
    """The plans of a network that were used last; several threads that need the same one at once: one makes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Chosen, Chosen], Plan] = OrderedDict()

    def plan(self, net: Graph, of: Chosen, wrt: Chosen) -> Plan:
        with self._lock:
            if (of, wrt) not in self._kept:
                self._kept[of, wrt] = Plan.of_network(net, of, wrt)
                if len(self._kept) > MOST_PLANS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end((of, wrt))
            return self._kept[of, wrt]

    def __len__(self) -> int:
        return len(self._kept)
