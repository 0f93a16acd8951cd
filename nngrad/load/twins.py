"""Which of the networks of a file are one and the same, and which are only left over from training.

Its one rule: networks are the same where all that is computed with is the same, bit for bit; what stands around it doesn't count.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nngrad.errors import NngradError
from nngrad.network import Network

if TYPE_CHECKING:
    from nngrad.load import Candidate

# what MATLAB's training windows keep of the network that they show
LEFTOVER = re.compile(r"(?:^|[.])(?:PlotData|plotData|showWindow|trainParam|revert)(?=[.{(])")
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
    """The same for the same network; what can't be read is a network of its own."""
    try:
        net = read(candidate)
    except NngradError:
        return candidate.path.encode(errors="surrogatepass")
    return fingerprint(net)


def fingerprint(net: Network) -> bytes:
    """A digest of everything that the numbers of a network, and the names of its columns, depend on."""
    from nngrad.save import encoded

    digest = hashlib.sha256()
    _feed(digest, {name: part for name, part in encoded(net).items() if name != "origin"})
    return digest.digest()


def _feed(digest: Any, value: Any) -> None:
    """A value with its kind and size, so that no two values look alike."""
    if isinstance(value, np.ndarray):
        digest.update(repr((value.shape, value.dtype.str)).encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, dict | list):
        digest.update(f"{type(value).__name__} {len(value)} ".encode())
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            digest.update(repr(name).encode())
            _feed(digest, part)
    else:
        digest.update(f"{value!r};".encode(errors="surrogatepass"))
