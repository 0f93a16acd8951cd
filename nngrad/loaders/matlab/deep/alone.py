"""Layer arrays and layer graphs of MATLAB's Deep Learning Toolbox, looked at only where a file holds nothing trained.

Layers alone are not a network: what a user built for training is refused and says so; layers with all their weights
(net.Layers, saved alone) are read as what they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nngrad.core.network import Network
from nngrad.errors import ModelError
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.matlab.deep import reader
from nngrad.loaders.matlab.fields import UNTRAINED
from nngrad.loaders.tree import MatlabObject, Tree
from nngrad.loaders.tree import find as find_in

NAME = "MATLAB Deep Learning Toolbox layers with weights"


def find(tree: Tree) -> list[tuple[str, reader.StoredNetwork]]:
    """Layers wherever they are; those inside an object of another class with a doubt about what
    that class does with them.
    """
    owners = {p: o.classname for p, o in find_in(tree, lambda e: isinstance(e, MatlabObject) and not _is_graph(e))}
    found = []
    for path, e in find_in(tree, lambda e: _is_graph(e) or _is_layers(e)):
        element = e if isinstance(e, MatlabObject) else MatlabObject(reader.LAYER_ARRAY, {"Layers": e})
        unknown = [p for p in reader.around(path) if p in owners]
        doubts = tuple(
            f"{p} is a {owners[p]}: what it does to its layers, or to x and y, is not known" for p in unknown
        )
        found.append((path, reader.StoredNetwork(element, doubts)))
    return found


def read(candidate: reader.StoredNetwork, hints: Hints = NO_HINTS) -> Network:
    """The network that the layers make; ModelError where they were never trained."""
    element = candidate.element
    untrained = [e for e in _layers(element) if _empty(e)]
    if untrained:
        name = untrained[0].fields.get("Name") or untrained[0].classname
        raise ModelError(f": layers without weights ({name!r} has none): {UNTRAINED}, or export its weights")
    return reader.read(candidate)


def _is_graph(e: Any) -> bool:
    return isinstance(e, MatlabObject) and e.classname == "nnet.cnn.LayerGraph"


def _is_layers(e: Any) -> bool:
    if not isinstance(e, np.ndarray) or e.dtype != object or not e.size:
        return False
    return all(
        isinstance(layer, MatlabObject) and "Name" in layer.fields and "Layer" in layer.classname for layer in e.flat
    )


def _layers(element: MatlabObject) -> list[MatlabObject]:
    stored = element.fields.get("Layers")
    return (
        [e for e in stored.flat if isinstance(e, MatlabObject)]
        if isinstance(stored, np.ndarray) and stored.dtype == object
        else []
    )


def _empty(layer: MatlabObject) -> bool:
    """Whether a layer has weights to learn and none yet."""
    for name in ("Weights", "InputWeights", "TrainedMean"):
        stored = layer.fields.get(name)
        value = stored.get("Value") if isinstance(stored, dict) else stored
        if name in layer.fields and (value is None or (isinstance(value, np.ndarray) and not value.size)):
            return True
    return False
