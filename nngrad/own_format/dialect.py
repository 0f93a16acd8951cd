"""The dialect of our own format: networks are found here, and read by decode.py, which is
imported only for a file that has one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nngrad.core.network import Network
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.tree import Tree
from nngrad.loaders.tree import find as find_in
from nngrad.own_format.values import FORMAT, Fields, as_text, get

NAME = "network written by nngrad or by hand"
COMPLETE = True  # nothing lies beside the network


def find(tree: Tree) -> list[tuple[str, Fields]]:
    return [(path or "/", e) for path, e in find_in(tree, _is_meant)]


def _is_meant(e: Any) -> bool:
    """Whether a struct or group is to be a network of this format, however `format` is spelled: read() refuses others.

    As plain weights it would lose what stands between them.
    """
    if not isinstance(e, dict):
        return False
    text = as_text(get(e, "format"))
    if isinstance(text, str) and FORMAT.split()[0] in text.casefold():
        return True
    layers = get(e, "layers")
    each = (
        layers.values()
        if isinstance(layers, dict)
        else layers.ravel()
        if isinstance(layers, np.ndarray)
        else layers or ()
    )
    return bool(len(each)) and all(isinstance(layer, dict) and "kind" in layer for layer in each)


def read(element: Fields, hints: Hints = NO_HINTS) -> Network:
    """The network of one element; ModelError, with the field's path, where it is not what the format says."""
    from nngrad.own_format import decode

    return decode.read(element)
