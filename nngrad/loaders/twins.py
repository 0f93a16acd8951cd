"""Which of the networks of a file are one and the same, and which are only left over from training.

Networks are the same where everything that is computed with is the same, bit for bit: layers, ports, not where they
were found.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nngrad.core.network import Network
from nngrad.errors import NngradError
from nngrad.loaders.dialects import Candidate
from nngrad.loaders.tree import MatlabObject

# what MATLAB's training windows keep of the network that they show
LEFTOVER = re.compile(r"(?:^|[.])(?:PlotData|plotData|showWindow|trainParam|revert)(?=[.{(])")
NAMING = frozenset({"unused", "names", "keys", "label", "texts"})  # of plain weights: where they were found
MOST_COMPARED = 100  # networks of one file: reading each takes milliseconds


def offered(candidates: Sequence[Candidate], read: Callable[[Candidate], Network]) -> list[tuple[Candidate, list[str]]]:
    """The networks to choose from, each with the paths of its copies."""
    wanted = [c for c in candidates if not LEFTOVER.search(c.path)] or list(candidates)
    if not 1 < len(wanted) <= MOST_COMPARED:
        return [(c, []) for c in wanted]
    same: dict[bytes, list[Candidate]] = {}
    for candidate in wanted:
        same.setdefault(_mark(candidate, read), []).append(candidate)
    return [(first, [c.path for c in copies]) for first, *copies in same.values()]


def _mark(candidate: Candidate, read: Callable[[Candidate], Network]) -> bytes:
    """The same for the same network; where it can't be read, for the same content."""
    try:
        net = read(candidate)
    except NngradError:
        return _digest(candidate.dialect.NAME, candidate.element)
    return fingerprint(net)


def fingerprint(net: Network) -> bytes:
    """A digest of everything that the numbers of a network, and the names of its columns, depend on."""
    return _digest("network", (net.layers, net.inputs, net.outputs))


def _digest(kind: str, value: Any) -> bytes:
    digest = hashlib.sha256(kind.encode())
    stack, seen = [value], set()
    while stack:  # no recursion: objects may refer to each other in circles
        part = stack.pop()
        digest.update(_told(part))
        inner = _parts(part)
        if inner and id(part) not in seen:
            seen.add(id(part))
            stack.extend(inner)
    return digest.digest()


def _told(value: Any) -> bytes:
    """A value, or the kind, size and names of what holds others: no two look alike."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return repr((value.shape, value.dtype.str)).encode() + np.ascontiguousarray(value).tobytes()
    if isinstance(value, np.ndarray):
        return repr(("cell", value.shape)).encode()
    if isinstance(value, MatlabObject):
        return repr((value.classname, list(value.fields))).encode()
    if isinstance(value, dict | list | tuple):
        return repr((type(value).__name__, list(value) if isinstance(value, dict) else len(value))).encode()
    return (
        type(value).__name__.encode()
        if dataclasses.is_dataclass(value)
        else f"{value!r};".encode(errors="surrogatepass")
    )


def _parts(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        return list(value.flat) if value.dtype == object else []
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, MatlabObject):
        return list(value.fields.values())
    return (
        [getattr(value, f.name) for f in dataclasses.fields(value) if f.name not in NAMING]
        if dataclasses.is_dataclass(value)
        else []
    )
