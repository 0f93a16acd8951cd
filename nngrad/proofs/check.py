"""Differentiates a network by a route of its own, without any derivative rule of the layers, and compares.

The route is the complex step where nngrad.proofs.definitions knows every layer: f(x + ih) is evaluated from the layers'
definitions, and its imaginary part over h is the derivative, to the last digits because nothing is subtracted.
Otherwise differences of the outputs with shrinking steps are extrapolated (Ridders), which come with an estimate of
their own error. Second derivatives are such differences of the first ones.

Where a kink lies at a point, or within every step, the slope is a convention: an entry that differs there is excused
only if it lies between the slopes on its two sides. A unit that does not move with an input is at no kink along it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngrad.core import kinks, passes
from nngrad.core.network import Network
from nngrad.errors import UsageError
from nngrad.proofs.definitions import evaluate, evaluated, unknown_layers

Array = np.ndarray
STEP = 1e-30  # of the complex step: its error is the square of it
SMALLEST = 1e-280  # a derivative below it times STEP has no digits
FIRST_STEP = 1e-2  # of differences, relative to the scale of an input
TABLE = 8  # rows of the extrapolation
ASIDE = 1e-7  # how far beside a kink its two slopes are taken, relative to the scale of an input
BETWEEN = 1e-5  # of the largest slope of a row: how exactly an entry at a kink has to lie between the two
MOST_OF_BLOCKS = 4_000_000  # numbers of the Jacobians of many rows
ROUNDING = 1e-14  # how near to a kink a unit is at it
SURE = 4.0  # times the estimated error of differences, and the true one is below
TOLERANCE = {"complex step": 1e-9, "differences": 1e-5}
METHODS = tuple(TOLERANCE)
EVALUATOR = "a second evaluator"


@dataclass(frozen=True)
class Worst:
    """The worst difference of one output: absolute, and relative to the largest derivative of its
    row (all in units of x's scale).
    """

    output: str
    absolute: float
    relative: float
    row: int
    inputs: tuple[str, ...]
    ours: float
    theirs: float
    compared: int
    at_kinks: int


@dataclass(frozen=True)
class Checked:
    """What a check found; `what` is "y", "J", "J v", "w' J" or "H"."""

    what: str
    method: str
    tolerance: float
    outputs: tuple[Worst, ...] = field(default=())
    all_zero: bool = False  # nothing but zeros was compared with zeros

    @property
    def passed(self) -> bool:
        """Whether something was compared, and nothing differs."""
        return not self.nothing and all(w.relative <= self.tolerance for w in self.outputs)

    @property
    def nothing(self) -> bool:
        """Whether every number lies at a kink: then nothing was compared."""
        return any(w.at_kinks for w in self.outputs) and not any(w.compared for w in self.outputs)


def comparable(net: Network, x: Array) -> Array:
    """Which rows of x (N, n) can be compared: nothing in the network is infinite there, or no number though x is one.

    Where weights are infinite or a sum overflows there is no derivative, and every route to it has its own idea of inf
    - inf.
    """
    with np.errstate(all="ignore"):
        values = passes.values(net, x)
    given = ~np.isnan(x).any(axis=1)
    return np.asarray(np.all([~np.isinf(v).any(axis=0) & ~(np.isnan(v).any(axis=0) & given) for v in values], axis=0))


@np.errstate(all="ignore")  # infinities are compared, not warned about
def check(net: Network, x: Any, method: str | None = None, hessian: bool = False) -> tuple[Checked, ...]:
    """Compares y, J, one J v, one w' J and (with `hessian`) H at the rows x (N, n) with numbers found independently."""
    x, _ = net.rows_of(x)
    if method not in (None, *METHODS):
        raise UsageError(f"method {method!r}: {' and '.join(METHODS)} are possible")
    net = net.of_real_inputs()
    unknown = unknown_layers(net)
    if method == "complex step" and unknown:
        raise UsageError(f"the complex step does not know {', '.join(unknown)}; take differences")
    method = method or ("differences" if unknown else "complex step")
    found = [] if unknown else [_values(net, x)]
    found += _first(net, x, method)
    if hessian:
        found.append(_second(net, x, units_of(net, x)))
    return tuple(found)


def _first(net: Network, x: Array, method: str) -> list[Checked]:
    """J, one J v and one w' J."""
    theirs, low, high = by_complex_step(net, x) if method == "complex step" else by_differences(net, x)
    tolerance, units = TOLERANCE[method], units_of(net, x)
    names: list[tuple[str, ...]] = [(name,) for name in net.input_names]
    J = net.jacobian(x)
    excused = _between(J * units, low * units, high * units)
    all_zero = not J.any() and not theirs.any()
    outputs = _compare(net, J * units, theirs * units, excused, names, tolerance)
    found = [Checked("J", method, tolerance, outputs, all_zero)]
    found.append(_other_ways(net, x, J))
    theirs = np.where(excused, J, theirs)  # by the conventions of the network itself
    largest = np.abs(theirs * units).sum(axis=2)
    r = np.random.default_rng(2)
    v, w = r.normal(size=net.input_size) * units, r.normal(size=net.output_size)
    ahead, expected = net.jvp(x, v)[:, :, None], (theirs @ v)[:, :, None]
    none = np.zeros(ahead.shape, bool)
    outputs = _compare(net, ahead, expected, none, [("along v",)], tolerance, floor=largest)
    found.append(Checked("J v", method, tolerance, outputs))
    back, expected = net.vjp(x, w)[:, None] * units, np.einsum("m,nmi->ni", w, theirs)[:, None] * units
    none = np.zeros(back.shape, bool)
    outputs = _compare(net, back, expected, none, names, tolerance, ("w' y",), (largest @ np.abs(w))[:, None])
    found.append(Checked("w' J", method, tolerance, outputs))
    return found


def _other_ways(net: Network, x: Array, J: Array) -> Checked:
    """J once more: of each row alone, of many rows in blocks, of a part of the outputs and inputs; against J itself."""
    rows = min(2 * net.block_rows + 1, MOST_OF_BLOCKS // (net.input_size * net.output_size))
    many = net.jacobian(np.tile(x, (-(-max(rows, 1) // max(1, len(x))), 1)))
    of, wrt = range(net.output_size)[::-2], range(net.input_size)[::-2]
    part = J.copy()
    part[np.ix_(range(len(x)), of, wrt)] = net.jacobian(x, of, wrt)
    ways = {
        "one row": np.array([net.jacobian(row) for row in x]).reshape(J.shape),
        "in blocks": many[: len(x)],
        "in blocks, the last rows": many[len(many) - len(x) :],
        "a part of J": part,
    }
    names: list[tuple[str, ...]] = [(f"{name} ({way})",) for way in ways for name in net.input_names]
    ours, expected = np.concatenate(list(ways.values()), axis=2), np.concatenate([J] * len(ways), axis=2)
    none = np.zeros(ours.shape, bool)
    return Checked("J otherwise", "J of these rows", 1e-9, _compare(net, ours, expected, none, names, 1e-9))


def _between(ours: Array, low: Array, high: Array) -> Array:
    """Which entries (N, m, n) lie between two slopes that differ, with some room for the step between them."""
    room = BETWEEN * np.maximum(np.abs(low), np.abs(high)).max(axis=2, keepdims=True, initial=0.0)
    return np.asarray((low < high) & (ours >= low - room) & (ours <= high + room))


def units_of(net: Network, x: Array) -> Array:
    """The scale of each input: its training range, else its spread in x, else 1. Derivatives are compared in these
    units, so that an input of small numbers counts as much as one of large ones."""
    lower, upper = net.lower, net.upper
    spread = (
        np.nanmax(x, axis=0, initial=-np.inf) - np.nanmin(x, axis=0, initial=np.inf)
        if len(x)
        else np.zeros(net.input_size)
    )
    with np.errstate(invalid="ignore"):
        units = np.where(np.isfinite(upper - lower) & (upper > lower), upper - lower, spread)
    return np.where(np.isfinite(units) & (units > 0.0), units, 1.0)


def _compare(
    net: Network,
    ours: Array,
    theirs: Array,
    at_kink: Array,
    names: list[tuple[str, ...]],
    tolerance: float,
    outputs: Any = None,
    floor: Array | None = None,
) -> tuple[Worst, ...]:
    """The worst entry of every output; arrays are (N, outputs, entries), `floor` (N, outputs) what an entry is a sum
    of.

    Entries at kinks are excused where they differ by more than the tolerance.
    """
    found = []
    for i, output in enumerate(net.output_names if outputs is None else outputs):
        a, b = ours[:, i], theirs[:, i]
        if not a.size:
            found.append(Worst(output, 0.0, 0.0, 0, ("none",), 0.0, 0.0, 0, 0))
            continue
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        off = np.where(same, 0.0, np.abs(a - b))
        size = np.maximum(np.abs(np.where(np.isfinite(a), a, 0.0)), np.abs(np.where(np.isfinite(b), b, 0.0))).max(
            axis=1, keepdims=True
        )
        size = size if floor is None else np.maximum(size, floor[:, i, None])
        relative = np.where(same, 0.0, np.where(np.isfinite(off), off / np.maximum(size, SMALLEST), np.inf))
        excused = at_kink[:, i] & (relative > tolerance)
        relative, off = np.where(excused, 0.0, relative), np.where(excused, 0.0, off)
        s, j = np.unravel_index(int(relative.argmax()), relative.shape)
        finite = np.where(np.isfinite(off), off, np.inf)
        found.append(
            Worst(
                output,
                float(finite.max()),
                float(relative[s, j]),
                int(s) + 1,
                names[int(j)],
                float(a[s, j]),
                float(b[s, j]),
                int((~excused).sum()),
                int(excused.sum()),
            )
        )
    return tuple(found)


def _values(net: Network, x: Array) -> Checked:
    """The outputs themselves against those of the second evaluator, relative to the largest output of any row."""
    y, theirs = net(x)[:, :, None], evaluate(net, x.T.astype(complex)).real.T[:, :, None]
    largest = np.abs(np.where(np.isfinite(theirs), theirs, 0.0))[:, :, 0].max(axis=0, initial=0.0)
    floor = np.broadcast_to(largest, y.shape[:2])
    jumps = np.broadcast_to(at_kinks(net, x)[:, None, None], y.shape)  # a hard limit at its limit
    return Checked("y", EVALUATOR, 1e-9, _compare(net, y, theirs, jumps, [("the output itself",)], 1e-9, floor=floor))


# second derivatives


def _second(net: Network, x: Array, units: Array) -> Checked:
    """H against differences of independently found gradients."""
    exact = not unknown_layers(net)
    n, m = net.input_size, net.output_size
    theirs, skip = np.empty((len(x), m, n, n)), np.zeros((len(x), m, n, n), bool)
    for k in range(n):
        step = np.zeros(n)
        step[k] = units[k]
        slopes = (lambda z: by_complex_step(net, z)[0]) if exact else (lambda z: by_differences(net, z)[0])
        theirs[..., k], kink, _ = _ridders(net, slopes, x, step)
        theirs[..., k] /= units[k]
        skip[..., k] = kink[:, None, None]
    scale = units[:, None] * units
    names: list[tuple[str, ...]] = [(a, b) for a in net.input_names for b in net.input_names]
    ours, other = (H * scale for H in (net.hessian(x), theirs))
    # rounding of the gradients limits what differences can see: a row with hardly any curvature is measured against its
    # slope
    floor = np.abs(net.jacobian(x) * units).max(axis=2, initial=0.0) * 1e-3
    ours, other, at_kink = (a.reshape(len(x), m, n * n) for a in (ours, other, skip))
    tolerance = 1e-5 if exact else 1e-3
    return Checked("H", "differences", tolerance, _compare(net, ours, other, at_kink, names, tolerance, floor=floor))


# differences


def by_differences(net: Network, x: Array) -> tuple[Array, Array, Array]:
    """(J, lowest, highest), each (N, m, n), by extrapolated central differences of the outputs.

    The lowest and the highest are what the extrapolation's own estimate of its error, and rounding, leave open. Where a
    kink lies within every step, they are the differences to both sides.
    """
    units = units_of(net, x)
    rounding = _noise(net, x) / (FIRST_STEP * 0.5 ** (TABLE - 1))  # of the shortest step
    J = np.empty((len(x), net.output_size, net.input_size))
    low, high = J.copy(), J.copy()
    for k in range(net.input_size):
        step = np.zeros(net.input_size)
        step[k] = units[k]
        along, near, error = _ridders(net, net, x, step)
        J[:, :, k], open_ = along / units[k], SURE * (error[:, None] + rounding) / units[k]
        low[:, :, k], high[:, :, k] = J[:, :, k] - open_, J[:, :, k] + open_
        if near.any():
            ends = [(net(x[near] + side * ASIDE * step) - net(x[near])) / (side * ASIDE * units[k]) for side in (1, -1)]
            low[near, :, k], high[near, :, k] = np.minimum(*ends), np.maximum(*ends)
            J[near, :, k] = 0.5 * (ends[0] + ends[1])
    return J, low, high


def _noise(net: Network, x: Array) -> Array:
    """How much rounding moves the outputs (N, m): that of the outputs, or of inputs that differ in their last bit."""
    eps, y = np.finfo(float).eps, net(x)
    beside = [np.abs(net(x * (1.0 + k * eps)) - y) for k in (-2, 1, 3)]
    return np.asarray(np.maximum(eps * np.abs(y), np.max(beside, axis=0)))


def _ridders(net: Network, f: Callable[[Array], Array], x: Array, step: Array) -> tuple[Array, Array, Array]:
    """(df/dstep, which rows have a kink within every usable step, the estimated error), row by row: Ridders'
    extrapolation.

    Steps shrink by halves. For a row, only steps between whose ends no unit changes its branch are used.
    """
    best: Any = None
    h, here = FIRST_STEP, branches(net, x)
    usable = np.zeros(len(x), int)  # how many steps without a kink between their ends a row has had
    error = np.full(len(x), np.inf)
    before: list[Array] = []
    for _ in range(TABLE):
        up, down = f(x + h * step), f(x - h * step)
        clean = _same_branch(here, branches(net, x + h * step)) & _same_branch(here, branches(net, x - h * step))
        row = [(up - down) / (2.0 * h)]
        for k in range(len(before)):
            row.append(row[k] + (row[k] - before[k]) / (4.0 ** (k + 1) - 1.0))
        if best is None:
            best = np.where(_like(clean, row[0]), row[0], 0.0)
        usable = np.where(clean, usable + 1, 0)
        for k in range(len(row)):
            reach = usable > k
            if k == 0:
                estimate = np.where(
                    usable == 1, 1e300, np.inf
                )  # something rather than nothing, until there is an extrapolation
            else:
                apart = np.maximum(np.abs(row[k] - row[k - 1]), np.abs(row[k] - before[k - 1]))
                estimate = apart.max(axis=tuple(range(1, apart.ndim)), initial=0.0)
            better = reach & (estimate < error)
            error = np.where(better, estimate, error)
            best = np.where(_like(better, row[k]), row[k], best)
        before, h = row, 0.5 * h
    return best, ~np.isfinite(error) | (error >= 1e300), error


def _like(mask: Array, other: Array) -> Array:
    return mask.reshape(-1, *(1,) * (other.ndim - 1))


def branches(net: Network, x: Array) -> list[Array]:
    """Between which kinks each unit lies, for the rows x; one array (N, units) for every layer with kinks."""
    values = passes.values(net, x)
    found = [node.layer.branch(tuple(values[s] for s in node.sources)) for node in net.layers]
    return [*(branch.T for branch in found if branch is not None), np.isnan(x)]


def _same_branch(a: list[Array], b: list[Array]) -> Array:
    same = np.ones(len(a[0]), bool)
    for one, other in zip(a, b, strict=True):
        same &= ((one == other) | (np.isnan(one) & np.isnan(other))).all(axis=1)
    return same


# the complex step


def by_complex_step(net: Network, x: Array) -> tuple[Array, Array, Array]:
    """(J, lowest, highest), each (N, m, n): the imaginary part of f(x + i h e_j), over h.

    Where a unit that moves with input j is at a kink, the slopes a little to both sides along it are the lowest and the
    highest; both are J elsewhere.
    """
    J = np.empty((len(x), net.output_size, net.input_size))
    low, high = J.copy(), J.copy()
    units, near = units_of(net, x), _near(net, x)
    for j in range(net.input_size):
        values = _stepped(net, x, j, units[j])
        J[:, :, j] = low[:, :, j] = high[:, :, j] = (values[net.last].imag / (STEP * units[j])).T
        rows = _moving(net, values, near)
        if rows.any():
            step = np.zeros(net.input_size)
            step[j] = ASIDE * units[j]
            ends = [_stepped(net, x[rows] + side * step, j, units[j])[net.last].imag.T for side in (1.0, -1.0)]
            low[rows, :, j] = np.minimum(*ends) / (STEP * units[j])
            high[rows, :, j] = np.maximum(*ends) / (STEP * units[j])
    return J, low, high


def _stepped(net: Network, x: Array, j: int, unit: float) -> list[Array]:
    """Every value for x + i h e_j."""
    z = x.astype(complex).T.copy()
    z[j] += 1j * STEP * unit
    return evaluated(net, z)


def _near(net: Network, x: Array) -> dict[int, Array]:
    """Which units (units, N) are at a kink within rounding, by the number of their value."""
    return kinks.near_kinks(net, passes.values(net, x), ROUNDING)


def _moving(net: Network, values: list[Array], near: dict[int, Array]) -> Array:
    """The rows (N,) in which a unit at a kink moves with the imaginary step of the values."""
    rows = np.zeros(values[0].shape[1], bool)
    for k, mask in near.items():
        moves = values[net.layers[k - 1].sources[0]].imag != 0.0
        rows |= (mask & (moves if moves.shape == mask.shape else moves.any(axis=0))).any(axis=0)
    return rows


def at_kinks(net: Network, x: Array) -> Array:
    """Rows at which some unit is at a kink, within rounding: there the slope is a convention, not a limit."""
    return kinks.rows_of(_near(net, x), len(x))
