"""Derivatives in other units: each is a plain product.

raw          dy/dx                        as it is
range        (upper - lower) dy/dx        x's range in training, as the model file stores it
sigma        sd(x) dy/dx                  a standard deviation of x, given or measured
elasticity   x/y dy/dx                    percent of y for a percent of x; not finite where y is 0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nngrad.core.network import Network
from nngrad.errors import DataError, UsageError, listed

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Factors:
    """What J is multiplied by: `steps` (n,) for each input, or x/y (elasticity: steps is None);
    `label` names it in columns.
    """

    label: str
    steps: Array | None = None

    def __call__(self, x: Array, y: Array, J: Array, wrt: Sequence[int]) -> Array:
        """J (N, m, k) of the outputs y (N, m) with respect to the inputs `wrt` of x (N, n), scaled."""
        with np.errstate(all="ignore"):
            if self.steps is not None:
                return J * self.steps[list(wrt)]
            return J * (x[:, None, list(wrt)] / y[:, :, None])

    def column(self, y: str, x: str) -> str:
        """The name of a column of scaled derivatives."""
        if self.steps is None:
            return f"{x}/{y}*d{y}/d{x}"
        return f"{self.label}({x})*d{y}/d{x}"


def elasticity() -> Factors:
    return Factors("elasticity")


def sigma(net: Network, deviations: Sequence[float]) -> Factors:
    """Times these standard deviations, one an input."""
    if len(deviations) != net.input_size:
        raise UsageError(
            f"--sigma: {len(deviations)} numbers for {net.input_size} inputs ({listed(net.input_names)}); give one each"
        )
    steps = np.array(deviations, float)
    if not (np.isfinite(steps).all() and (steps >= 0.0).all()):
        raise UsageError("--sigma: standard deviations are finite and not negative")
    return Factors("sigma", steps)


def training_range(net: Network) -> Factors:
    """Times upper - lower of every input in training; UsageError, by name, where the file does not store it."""
    lower, upper = net.lower, net.upper
    with np.errstate(over="ignore", invalid="ignore"):
        width = upper - lower
    unknown = [name for name, known in zip(net.input_names, np.isfinite(width), strict=True) if not known]
    if unknown:
        raise UsageError(
            f"--scale range: {net.origin.path or 'the network'} stores no training range of {listed(unknown)}; "
            "give steps of your own with --scale sigma --sigma NUMBERS"
        )
    return Factors("range", width)


def deviations(blocks: Iterable[Array], names: Sequence[str]) -> Array:
    """Standard deviation (N - 1) of every column over all blocks of rows, in one pass; DataError
    where it isn't finite.
    """
    count, mean, squares = 0, np.zeros(len(names)), np.zeros(len(names))
    for x in blocks:
        if not len(x):
            continue
        with np.errstate(all="ignore"):  # infinities are named below
            k, middle = len(x), x.mean(axis=0)
            shift = middle - mean
            squares += np.square(x - middle).sum(axis=0) + np.square(shift) * (count * k / (count + k))
            mean += shift * (k / (count + k))
            count += k
    if count < 2:
        raise DataError(f"--scale sigma: {count} rows have no standard deviation; give it with --sigma")
    found = np.sqrt(squares / (count - 1))
    missing = [name for name, s in zip(names, found, strict=True) if not np.isfinite(s)]
    if missing:
        raise DataError(
            f"--scale sigma: {listed(missing)} holds missing or infinite values; give --sigma, one number an input"
        )
    return np.asarray(found)
