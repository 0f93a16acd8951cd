"""Numbers for self-tests in the target language: points inside the training range, with the values of nngrad there.

What compares them is the target's own; a difference ends the test with an exit code that isn't 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nngrad.core.network import Network

ENDS = ((-1.0, lambda port: port.lower), (1.0, lambda port: port.upper))
MOST = 200_000  # numbers of a kind that are written; fewer points beyond
TOLERANCES = (1e-12, 1e-10, 1e-10)  # of y, J, H in double precision, relative to the largest number


class Points(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    J: np.ndarray
    H: np.ndarray | None  # None where it is too large to be written

    def items(self) -> dict[str, np.ndarray]:
        return {letter: values for letter, values in self._asdict().items() if values is not None}


def points(net: Network, count: int) -> np.ndarray:
    """Points (count, n) spread evenly over the training range (-1 to 1 where the file has none), always the same."""
    lower, upper = (np.concatenate([_end(side, bound(p), p.size) for p in net.inputs]) for side, bound in ENDS)
    known = np.isfinite(lower) & np.isfinite(upper)
    lower, upper = np.where(known, lower, -1.0), np.where(known, upper, 1.0)
    k, j = np.arange(1.0, count + 1.0)[:, None], np.arange(1.0, net.input_size + 1.0)
    part = np.mod(k * j * np.sqrt(2.0), 1.0)
    return (1.0 - part) * lower + part * upper


def _end(side: float, bound: np.ndarray | None, size: int) -> np.ndarray:
    return np.full(size, side) if bound is None else bound


def expected(net: Network, count: int) -> Points:
    """What nngrad gives at `count` points, fewer where a Jacobian or Hessian is large."""
    n, m = net.input_size, net.output_size
    second = m * n * n <= MOST
    x = points(net, max(1, min(count, MOST // (m * n * (n if second else 1)))))
    return Points(x, *net.value_and_jacobian(x), net.hessian(x) if second else None)
