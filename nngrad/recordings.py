"""Inputs and outputs recorded in the file that holds the network: found by their sizes, proved by their numbers.

The one rule: a network's own numbers are no recordings, and nothing is called found that the network doesn't reproduce.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from nngrad.errors import DataError, ModelError
from nngrad.load import Candidate
from nngrad.load import read as read_candidate
from nngrad.load.tree import Tree, children, find
from nngrad.network import Network
from nngrad.verify import DIGITS, Agreement, agreement

Array = np.ndarray
MOST_ROWS = 20_000  # of a pair of arrays that are tried against each other


class Pair(NamedTuple):
    """Arrays of a file that fit as a network's inputs and outputs, by their MATLAB paths."""

    network: str
    inputs: str
    outputs: str
    rows: int
    constant: bool  # the recorded outputs don't vary, so agreement proves little
    agreement: Agreement


def find_pairs(tree: Tree, candidate: Candidate, net: Network, others: Sequence[Candidate]) -> list[Pair]:
    """Every two arrays of the file that fit as inputs and outputs of the network, best agreement first."""
    arrays = list(_arrays(tree, (candidate, *others)))
    pairs = []
    for x_path, x in _fitting(arrays, net.input_size):
        computed = net(x[:MOST_ROWS])
        for y_path, y in _fitting(arrays, net.output_size):
            if len(y) == len(x) and y_path.rstrip("'") != x_path.rstrip("'"):
                constant = bool(len(y) > 1 and (y == y[0]).all())
                pairs.append(Pair(candidate.path, x_path, y_path, len(x), constant, agreement(computed, y[:MOST_ROWS])))
    return sorted(pairs, key=lambda p: (-min(p.agreement.digits, DIGITS), p.constant, -p.rows, -p.agreement.digits))


def _arrays(tree: Tree, networks: Sequence[Candidate]) -> Iterator[tuple[str, Array]]:
    """Real matrices outside the networks, and cells of equal columns side by side (MATLAB's sequences)."""
    paths = [path for c in networks for path in c.path.split(",")]

    def wanted(element: Any) -> bool:
        return isinstance(element, np.ndarray) and (element.dtype.kind == "f" or _sequence(element) is not None)

    for path, element in find(tree, wanted):
        if not any(path == p or (path.startswith(p) and path[len(p)] in ".{(") for p in paths):
            a = element if element.dtype.kind == "f" else _sequence(element)
            if a is not None and a.ndim == 2 and a.size and np.isfinite(a).any():
                yield path, a
            if element.dtype == object:
                yield from ((name, part) for name, part in children(path, element) if part.shape[1] > 1)


def _sequence(element: Array) -> Array | None:
    """A cell of equal real matrices as one matrix, side by side."""
    if element.dtype != object or element.size < 2:
        return None
    parts = list(element.ravel(order="F"))
    if not all(isinstance(p, np.ndarray) and p.dtype.kind == "f" and p.ndim == 2 and p.shape == parts[0].shape for p in parts):
        return None
    return np.concatenate(parts, axis=1)


def _fitting(arrays: list[tuple[str, Array]], size: int) -> Iterator[tuple[str, Array]]:
    """Arrays that are samples of so many numbers, as rows of samples; a path ends with ' where samples stand in rows, as MATLAB would
    have to transpose it."""
    for path, a in arrays:
        if a.shape[0] == size:
            yield path, a.T
        if a.shape[1] == size and a.shape != (1, 1):
            yield f"{path}'", a


def element_at(tree: Tree, path: str) -> Array:
    """The array at a MATLAB path such as s.values{1}{2}; a trailing ' is taken off, as `_fitting` adds it. DataError if there is none."""
    element: Any = tree.variables
    so_far = ""
    for step in re.findall(r"[^.{}()]+|\{\d+\}|\(\d+\)", path.rstrip("'")):
        so_far = f"{so_far}{step}" if step[0] in "{(" or not so_far else f"{so_far}.{step}"
        found = [value for name, value in children("", element) if name.strip("{}()") == step.strip("{}()")]
        if not found:
            raise DataError(f"no array at {path}: there is nothing at {so_far}")
        element = found[0]
    if isinstance(element, np.ndarray) and element.dtype == object:
        element = _sequence(element)
    if not isinstance(element, np.ndarray) or element.dtype.kind != "f":
        raise DataError(f"{path}: is no matrix of real numbers")
    return element


def networks(path: str, tree: Tree, candidates: Sequence[Candidate], but: str = "") -> Iterator[Network]:
    """The networks of a file that can be read, without the one at `but`."""
    for candidate in candidates:
        if candidate.path != but:
            try:
                yield read_candidate(path, tree, candidate)
            except ModelError:
                continue
