"""Inputs and outputs recorded in the file that holds the network: found by their sizes, proved by their numbers.

A network's own numbers are no recordings, and nothing is called found that the network doesn't reproduce.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from nngrad.core.network import Network
from nngrad.errors import DataError, ModelError, listed
from nngrad.loaders import Candidate
from nngrad.loaders import read as read_candidate
from nngrad.loaders.tree import Tree, children, find
from nngrad.matching.spelling import spelled
from nngrad.proofs.verify import DIGITS, Agreement, agreement
from nngrad.tables.held import Held, held
from nngrad.tables.matlab import element

Array = np.ndarray
ENOUGH = 0.5  # of the numbers of recorded outputs: NaN are not recorded
MOST_ROWS = 20_000  # of a pair of arrays that are tried against each other


class Pair(NamedTuple):
    """Arrays of a file that fit as a network's inputs and outputs, by their MATLAB paths, and as rows of samples."""

    network: str
    inputs: str
    outputs: str
    rows: int
    constant: bool  # the recorded outputs don't vary, so agreement proves little
    agreement: Agreement
    x: Array
    y: Array


def find_pairs(tree: Tree, candidate: Candidate, net: Network, others: Sequence[Candidate]) -> list[Pair]:
    """Every two arrays of the file that fit as inputs and outputs of the network, best agreement first."""
    arrays = list(_arrays(tree, (candidate, *others)))
    outputs = [(path, y) for path, y in _fitting(arrays, net.output_size) if np.isfinite(y).mean() >= ENOUGH]
    pairs = []
    for x_path, x in (*_fitting(arrays, net.input_size), *_series(arrays, net)):
        computed = net(x[:MOST_ROWS])
        for y_path, y in outputs:
            if len(y) == len(x) and y_path.rstrip("'") != x_path.rstrip("'"):
                constant = bool(len(y) > 1 and (y == y[0]).all())
                pairs.append(
                    Pair(candidate.path, x_path, y_path, len(x), constant, agreement(computed, y[:MOST_ROWS]), x, y)
                )
    return sorted(pairs, key=lambda p: (-min(p.agreement.digits, DIGITS), p.constant, -p.rows, -p.agreement.digits))


def _arrays(tree: Tree, networks: Sequence[Candidate]) -> Iterator[tuple[str, Held]]:
    """Real matrices outside the networks, and cells and signals that are one as a whole (MATLAB's sequences)."""
    paths = [path for c in networks for path in c.path.split(",")]

    def wanted(value: Any) -> bool:
        return isinstance(value, np.ndarray) and (value.dtype.kind == "f" or bool(held(value)))

    for path, value in find(tree, wanted):
        if not any(path == p or (path.startswith(p) and path[len(p)] in ".{(") for p in paths):
            yield from ((path, way) for way in held(value) if way.array.size and np.isfinite(way.array).any())
            if value.dtype == object:
                yield from (
                    (name, Held(part))
                    for name, part in children(path, value)
                    if isinstance(part, np.ndarray) and min(part.shape[1:]) > 1
                )


def _fitting(arrays: list[tuple[str, Held]], size: int) -> Iterator[tuple[str, Array]]:
    """Arrays that are samples of so many numbers, as rows of samples; a path ends with ' where samples stand in rows,
    as MATLAB would have to transpose it."""
    for path, (a, _, samples) in arrays:
        if a.shape[0] == size and samples != "rows":
            yield path, a.T
        if a.shape[1] == size and samples != "columns" and a.shape != (1, 1):
            yield path if samples else f"{path}'", a


def _series(arrays: list[tuple[str, Held]], net: Network) -> Iterator[tuple[str, Array]]:
    """The taps of a network with delays, from its inputs step by step, after their initial states
    where the file holds those.
    """
    taps = [(how.base, how.delay) for how in map(spelled, net.input_names)]
    measured = list(dict.fromkeys(base for base, _ in taps))
    longest = max((delay for _, delay in taps), default=0)
    of_layers = any(port.name.startswith("outputs of layer") for port in net.inputs)  # those nobody records
    if longest < 1 or min(delay for _, delay in taps) < 0 or of_layers:
        return
    series = list(_fitting(arrays, len(measured)))
    before = [(path, a) for path, a in series if len(a) == longest]
    for path, a in series:
        for label, rows in (
            (path, a),
            *((f"{path} after {p}", np.concatenate([b, a])) for p, b in before if p != path),
        ):
            count = len(rows) - longest
            if count > 0:
                yield (
                    label,
                    np.stack(
                        [rows[longest - d : longest - d + count, measured.index(base)] for base, d in taps], axis=1
                    ),
                )


def element_at(tree: Tree, path: str, size: int | None = None) -> Array:
    """The array at a MATLAB path such as s.values{1}{2}, of several readings of a cell the one with `size`; DataError
    if there is none.

    A trailing ' is taken off, as `_fitting` adds it.
    """
    try:
        ways = held(element(tree.variables, path.rstrip("'")))
    except KeyError:
        raise DataError(f"no array at {path}; the file has {listed(list(tree.variables))}") from None
    ways = [w for w in ways if size in (None, *w.array.shape)] or ways
    if not ways:
        raise DataError(f"{path}: is no matrix of real numbers")
    return ways[0].array


def networks(path: str, tree: Tree, candidates: Sequence[Candidate], but: str = "") -> Iterator[Network]:
    """The networks of a file that can be read, without the one at `but`."""
    for candidate in candidates:
        if candidate.path != but:
            try:
                yield read_candidate(path, tree, candidate)
            except ModelError:
                continue
