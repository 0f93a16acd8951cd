"""Plain weights and biases under the names that people give them: W1,b1; cells W and b; fc1.Weights; Theta1.

What the file does not say is asked for, never guessed. Which activation follows which layer comes from the file or from
the user; which way round the matrices are follows from their shapes, and a note says so where the shapes leave it open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from nngrad.core.layers import Affine, Layer
from nngrad.core.network import Network
from nngrad.core.ports import Origin
from nngrad.errors import ModelError
from nngrad.loaders.activation_names import activation_layers
from nngrad.loaders.contents import is_data, is_own
from nngrad.loaders.dumps.activations import named_activations, texts_of_activations
from nngrad.loaders.dumps.chains import ordered, oriented, size_of
from nngrad.loaders.dumps.conventions import dumps_in
from nngrad.loaders.dumps.forms import Dump, DumpedLayer
from nngrad.loaders.dumps.names import AT_THE_END, place_of
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.tree import MAX_DEPTH, MatlabObject, Tree, children

NAME = "dump of plain weights (W1,b1,... or cells W,b or fc1.Weights,...)"
HINTS = ("activation", "weights")
MOST_NAMES = 10  # in one path
IN_BY_OUT_BY_HABIT = frozenset({"kernel", "kernels", "coefs"})  # names of Keras and scikit-learn, which compute x W + b
NORMALISATION = frozenset(
    {"bn", "batchnorm", "batchnormalization", "normalization", "norm", "ln", "layernorm", "groupnorm", "gn"}
)


def find(tree: Tree) -> list[tuple[str, Dump]]:
    """Every dump in the tree; variables of a file are called by their names: "W,b,act_fcns"."""
    found: list[tuple[str, Dump]] = []
    stack: list[tuple[str, Any, int]] = [("", tree.variables, 0)]
    seen: set[int] = set()
    while stack:
        path, element, depth = stack.pop()
        if depth > MAX_DEPTH or id(element) in seen or (isinstance(element, MatlabObject) and not is_own(element)):
            continue
        seen.add(id(element))
        owner, element = (element.classname, element.fields) if isinstance(element, MatlabObject) else ("", element)
        dumps = [replace(dump, owner=owner) for dump in dumps_in(element)]
        used = {name for dump in dumps for name in dump.names}
        for dump in dumps:
            rest = (
                tuple(n for n, v in element.items() if n not in used and not is_data(n, v))
                if isinstance(element, dict)
                else ()
            )
            texts = texts_of_activations(element, used) if isinstance(element, dict) else ()
            found.append((_path(path, dump, len(dumps)), replace(dump, unused=rest, texts=texts)))
        if not dumps or isinstance(element, dict):
            parts = [
                (p, e)
                for p, e in children(path, element)
                if not isinstance(element, dict) or p.rsplit(".", 1)[-1] not in used
            ]
            stack.extend((p, e, depth + 1) for p, e in reversed(parts))
    return found


def _path(path: str, dump: Dump, count: int) -> str:
    names = ",".join(dump.names[:MOST_NAMES]) + (",..." if len(dump.names) > MOST_NAMES else "")
    if path and count == 1:
        return path
    return f"{path}.({names})" if path else names


# reading


def read(dump: Dump, hints: Hints = NO_HINTS) -> Network:
    """The network of a dump; ModelError where something is missing, with the option that says it."""
    wrapped = sorted(
        layer.label for layer in dump.layers if isinstance(layer.W, MatlabObject) or isinstance(layer.b, MatlabObject)
    )
    if wrapped:
        raise ModelError(
            f": dlarray parameters of a custom training loop ({', '.join(wrapped)}): what is computed with them stands in MATLAB code, "
            f"not in the file; if it is a plain chain of layers, save W1 = gather(extractdata(...)), b1, ... and name the activations"
        )
    if dump.problem:
        raise ModelError(dump.problem)
    recurrent = [
        layer.label
        for key, layer in zip(dump.keys, dump.layers, strict=False)
        if "hh" in re.findall("[a-z]+", key.lower())
    ]
    if recurrent:
        raise ModelError(
            f": {recurrent[0]}: weights of a layer from itself; recurrent networks are not supported as plain weights"
        )
    if len(dump.layers) == 1 and dump.unused and any(place_of(key) == AT_THE_END for key in dump.keys):
        raise ModelError(
            f": {dump.layers[0].label} is an output layer, and no layer before it is recognised among {', '.join(dump.unused[:8])}; "
            "name all layers W1, b1, W2, b2, ..."
        )
    _refuse_normalisation(dump)
    chain = ordered(dump, hints.weights)
    _refuse_gains(chain[1:])
    dump = replace(dump, layers=tuple(replace(layer, ask=layer.ask or _is_by_habit(layer.label)) for layer in chain))
    pairs, notes, doubts = oriented(dump.layers, hints.weights)
    activations, said = named_activations(dump, pairs, hints.activation)
    layers: list[Layer] = []
    for (W, b), name in zip(pairs, activations, strict=True):
        layers += [Affine(W, b), *activation_layers(name)]
    lines = [
        f"layer {k}: {a}, {len(W)} units ({layer.label})"
        for k, ((W, _), a, layer) in _counted(pairs, activations, dump.layers)
    ]
    origin = Origin(
        classname="plain weights",
        layers=tuple(lines),
        notes=notes,
        doubts=(*said, *doubts, *dump.doubts, *_left_out(dump)),
    )
    return Network.chain(layers, input_size=pairs[0][0].shape[1], origin=origin)


def _counted(*columns: Iterable[Any]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    return enumerate(zip(*columns, strict=True), 1)


def _left_out(dump: Dump) -> tuple[str, ...]:
    if dump.owner:
        return (
            f"these are properties of an object of a class of its own ({dump.owner}): what its methods do to x and y is not known",
        )
    if not dump.network_fields:
        return ()
    return (
        "IW, LW, b hold no processing steps: x and y are in the network's own (normalised) units unless it had none; "
        "save the network object itself to have them",
    )


def _is_by_habit(label: str) -> bool:
    """Whether the name is one of a library that computes x W + b: a square matrix isn't taken for W x + b then."""
    return not IN_BY_OUT_BY_HABIT.isdisjoint(re.findall("[a-z]+", label.lower()))


def _refuse_normalisation(dump: Dump) -> None:
    """Gain and shift of a normalisation are called weight and bias, too: two vectors of one length are no layer."""
    for key, layer in zip(dump.keys, dump.layers, strict=False):
        by_name = not NORMALISATION.isdisjoint(re.findall("[a-z]+", key.lower()))
        if (
            layer.b is not None
            and _are_vectors(layer)
            and (by_name or (key.startswith("module ") and layer.W.ndim == 1))
        ):
            raise ModelError(_normalisation(layer))


def _refuse_gains(layers: tuple[DumpedLayer, ...]) -> None:
    """After the first layer, two arrays of one axis and one length."""
    for layer in layers:
        if layer.b is not None and layer.W.ndim == layer.b.ndim == 1 and layer.W.size > 1 and _are_vectors(layer):
            raise ModelError(_normalisation(layer))


def _normalisation(layer: DumpedLayer) -> str:
    return (
        f": {layer.label} ({size_of(layer.W)}) with bias {size_of(layer.b)} looks like a normalisation layer; plain weights are dense "
        "layers only: work it into the layer before it, or save the whole model (a matrix of one column: with two axes)"
    )


def _are_vectors(layer: DumpedLayer) -> bool:
    return bool(layer.W.size == max(layer.W.shape, default=1) == layer.b.size)
