"""What to doubt about a row: kinks, extrapolation, saturation, numbers that are not finite.

Nothing is flagged that the model file does not support: a network without kinks or training ranges has no such column.

    flag_kink        step:units, such as 3:2 where two units of step 3 (as `nngrad info` numbers them) are within EPS of a
                     kink that they can leave
    flag_outside     inputs outside their training range, as name<lower or name>upper
    flag_saturated   outputs that no input moves here, though the network connects them: every derivative is below
                     SATURATED of the largest in training (0 where the file stores no training range)
    flag_not_finite  outputs that are NaN or infinite here, or whose derivative is; f for a scalar of them
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nngrad.core import passes, reach
from nngrad.core.kinks import near_kinks, rows_of
from nngrad.core.network import Network
from nngrad.core.points import sample
from nngrad.core.scalar import Scalar

Array = np.ndarray
Texts = list[str | None]
EPS = 1e-9  # how near to a kink counts, relative to the kink or to 1
SATURATED = 1e-12
TRAINING_POINTS = 64  # at which the largest derivative in training is looked for


def flags(net: Network, x: Any) -> dict[str, Texts]:
    """What to doubt about each of the rows x (N, n): {flag: N texts, None where there is nothing to say}.

    The flags are those that the network's file supports, as `--flags` writes them. Raises DataError where x does not
    fit.
    """
    rows, _ = net.rows_of(x)
    marks = flags_of(net)
    return dict(zip(marks.names, marks(rows), strict=True))


@dataclass(frozen=True, eq=False)
class Flags:
    """The flags of a network's rows, as columns of text; None where there is nothing to say."""

    names: tuple[str, ...]
    columns: tuple[Callable[[Array, list[Array], Array], Texts], ...]  # of x, all values, and J
    net: Network

    def __call__(self, x: Array) -> tuple[Texts, ...]:
        """The columns for the rows x (N, n)."""
        values, J = passes.values(self.net, x), self.net.jacobian(x)
        return tuple(column(x, values, J) for column in self.columns)


def flags_of(net: Network, input_names: tuple[str, ...] | None = None, scalar: Scalar | None = None) -> Flags:
    """The flags that this network's file supports; `input_names` as the table calls the inputs,
    `scalar` if one is differentiated.
    """
    names = input_names or net.input_names
    lower, upper = net.lower, net.upper
    connected = reach.reached(net, slopes=True)[net.last]
    found: list[tuple[str, Any]] = []
    if any(node.layer.slope.kinked for node in net.layers):
        found.append(("flag_kink", lambda x, values, J: _kinks(net, values)))
    if np.isfinite(lower).any() or np.isfinite(upper).any():
        found.append(("flag_outside", lambda x, values, J: _outside(x, lower, upper, names)))
    if connected.any():
        least = SATURATED * _largest(net)
        found.append(
            ("flag_saturated", lambda x, values, J: _listed((_steepest(net, J) <= least) & connected, net.output_names))
        )
    names_of_numbers = (*net.output_names, *(() if scalar is None else ("f",)))
    found.append(
        ("flag_not_finite", lambda x, values, J: _listed(_not_finite(net, x, values, J, scalar), names_of_numbers))
    )
    return Flags(tuple(name for name, _ in found), tuple(column for _, column in found), net)


@np.errstate(all="ignore")  # ranges and slopes may be as large as numbers get
def _steepest(net: Network, J: Array) -> Array:
    """The largest entry (N, m) of J (N, m, n) for every output, with inputs measured in their training range where it is known."""
    width = net.upper - net.lower
    slopes: Array = np.abs(J) * np.where(np.isfinite(width) & (width > 0.0), width, 1.0)
    return slopes.max(axis=2)


@np.errstate(all="ignore")
def _largest(net: Network) -> Array:
    """Of every output (m,) in training; 0 where the file doesn't store the range of every input."""
    if not (np.isfinite(net.lower) & np.isfinite(net.upper)).all():
        return np.zeros(net.output_size)
    points = sample(net, TRAINING_POINTS)  # one at a time: many Jacobians may be large
    return np.nan_to_num([_steepest(net, net.jacobian(x[None]))[0] for x in points], posinf=0.0).max(axis=0)


def _kinks(net: Network, values: list[Array]) -> Texts:
    counts = {k: near.sum(axis=0) for k, near in _at_kinks(net, values).items()}
    return [
        " ".join(f"{k}:{count[s]}" for k, count in counts.items() if count[s]) or None for s in range(len(values[0].T))
    ]


@np.errstate(all="ignore")  # infinities are at no distance from each other
def _at_kinks(net: Network, values: list[Array]) -> dict[int, Array]:
    """Which units (units, N) are near a kink that they can leave, by the number of their step.

    A dead unit, which is at its kink wherever the inputs are, has no slope that depends on a side: it is told from the
    others at a point beside each row.
    """
    near = near_kinks(net, values, EPS)
    rows = np.flatnonzero(rows_of(near, values[0].shape[1]))
    if len(rows):
        x = values[0].T[rows]
        beside = near_kinks(net, passes.values(net, x + _nudge(net, x)), EPS)
        for k, mask in near.items():
            mask[:, rows] &= ~beside[k]
    return near


@np.errstate(all="ignore")
def _nudge(net: Network, x: Array) -> Array:
    """A small step (N, n), another one for every input: of its training range, or of its size."""
    lower, upper = net.lower, net.upper
    width = np.where(np.isfinite(upper - lower), upper - lower, np.maximum(1.0, np.abs(x)))
    return np.asarray(width * np.random.default_rng(7).uniform(0.5e-3, 1e-3, net.input_size))


def _outside(x: Array, lower: Array, upper: Array, names: tuple[str, ...]) -> Texts:
    with np.errstate(invalid="ignore"):
        slack = np.nan_to_num(1e-12 * upper - 1e-12 * lower, posinf=0.0, neginf=0.0)
        below, above = x < lower - slack, x > upper + slack
    texts: Texts = [None] * len(x)
    for s in np.flatnonzero((below | above).any(axis=1)):
        texts[s] = " ".join(
            f"{name}<{lower[j]:.6g}" if below[s, j] else f"{name}>{upper[j]:.6g}"
            for j, name in enumerate(names)
            if below[s, j] or above[s, j]
        )
    return texts


def _not_finite(net: Network, x: Array, values: list[Array], J: Array, scalar: Scalar | None) -> Array:
    """Which outputs, and the scalar as a last column, have no finite value or derivative (N, m or m + 1)."""
    outputs = ~np.isfinite(values[net.last].T) | ~np.isfinite(J).all(axis=2)
    if scalar is None:
        return np.asarray(outputs)
    f, gradient = scalar.value_and_gradient(x)
    return np.column_stack([outputs, ~np.isfinite(f) | ~np.isfinite(gradient).all(axis=1)])


def _listed(marked: Array, names: tuple[str, ...]) -> Texts:
    texts: Texts = [None] * len(marked)
    for s in np.flatnonzero(marked.any(axis=1)):
        texts[s] = " ".join(names[i] for i in np.flatnonzero(marked[s]))
    return texts
