"""Weights that Keras saved without their model: read as a plain stack of dense layers, once their activations are told.

Two layouts: `layer_names` with `weight_names` for each layer (Keras 1 and 2), and `layers/dense_1/vars/0` (Keras 2.12
and later, Keras 3). What isn't in the file (activations, connections, layers without weights that compute something) is
told, or the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from nngrad.core.layers import Affine, Layer
from nngrad.core.network import Network
from nngrad.core.ports import Origin
from nngrad.errors import ModelError, listed
from nngrad.loaders.activation_names import activation_layers
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.keras import weights as keras_weights
from nngrad.loaders.tree import Group, Tree

NAME = "weights that Keras saved alone"
HINTS = ("activation",)
WHOLE = "save the whole model: model.save('model.keras'), in Keras 2 model.save('model.h5')"
HARMLESS = re.compile(  # layers without weights that change nothing, or are told as the activation of the one before
    r"(?:input|input_layer|keras_tensor|(?:\w+_)?input|dropout|alpha_dropout|gaussian_dropout|gaussian_noise"
    r"|spatial_dropout1d|flatten|activation|activity_regularization|re_lu|leaky_re_lu|elu|softmax"
    r"|identity|masking)(?:_\d+)?"
)
DIFFERENT = {  # names that mean one thing in Keras 2 or 3 and another here: what to say instead
    "leaky_relu": "leaky_relu(0.2) for the function of Keras, leaky_relu(0.3) for its layer",
    "leakyrelu": "leaky_relu(0.3) for the layer of Keras, leaky_relu(0.2) for its function",
    "hard_sigmoid": "hard_sigmoid_keras2 for a model of Keras 2, hard_sigmoid_keras3 for one of Keras 3",
}
AS_HERE = {"hard_sigmoid_keras3": "hard_sigmoid"}
AS_STACK = "weights without a model: taken as a plain stack of Dense layers in the order in which they are stored"
ADVICE = f"for a plain stack of Dense layers name the activations: --activation relu,linear; else {WHOLE}"


class Stored(NamedTuple):
    """The arrays of one layer, by their names in Keras."""

    name: str
    arrays: dict[str, np.ndarray]


def find(tree: Tree) -> list[tuple[str, Group]]:
    root = tree.variables
    if not isinstance(root, Group) or "model_config" in root.attributes:
        return []
    root = keras_weights.with_slashes(root) if keras_weights.is_of_windows(root) else root
    return [("model", root)] if _is_weights(root) else []


def _is_weights(root: Group) -> bool:
    listed_by_name = "layer_names" in root.attributes or isinstance(root.get("model_weights"), Group)
    return listed_by_name or _numbered_layers(root) is not None


def _numbered_layers(root: Group) -> Group | None:
    """`layers` of Keras 3, and what it was called before."""
    layers = root.get("layers", root.get(keras_weights.OLD_LAYERS))
    if not isinstance(layers, Group) or not layers:
        return None
    return layers if all(isinstance(v, Group) and v.keys() & {"vars", "layers"} for v in layers.values()) else None


def read(candidate: Group, hints: Hints = NO_HINTS) -> Network:
    """The network of a stack of dense layers; ModelError for anything else, or where the activations aren't told."""
    layers = _numbered_layers(candidate)
    stored = list(_by_name(candidate) if layers is None else _by_number(layers))
    dense = [layer for layer in stored if layer.arrays]
    other = [layer.name for layer in stored if not _is_dense(layer)]
    if other or not dense:
        what = listed(other, 6) or "nothing"
        raise ModelError(f"weights without a model: {what}: what they compute isn't in the file; {WHOLE}")
    kernels = [layer.arrays["kernel"] for layer in dense]
    sizes = ", ".join(f"{layer.name} {W.shape[0]} -> {W.shape[1]}" for layer, W in zip(dense, kernels, strict=True))
    if any(a.shape[1] != b.shape[0] for a, b in pairwise(kernels)):
        what = f"{sizes[:150]}: these don't chain; how they are connected isn't in the file"
        raise ModelError(f"weights without a model: {what}; {WHOLE}")
    if hints.activation is None:
        raise ModelError(f"weights without a model ({sizes[:100]}): their activations are not in the file; {ADVICE}")
    names = _spread(hints.activation, len(dense))
    named = list(zip(dense, names, strict=True))
    made: list[Layer] = [part for layer, name in named for part in (_affine(layer), *_activation(name))]
    lines = tuple(f"{layer.name}: Dense, {layer.arrays['kernel'].shape[1]} units, {name}" for layer, name in named)
    version = candidate.attributes.get("keras_version")
    origin = Origin(
        classname="Keras weights",
        version=version if isinstance(version, str) else "",
        layers=lines,
        doubts=(AS_STACK,),
    )
    return Network.chain(made, kernels[0].shape[0], origin=origin)


def _by_name(root: Group) -> Iterator[Stored]:
    """`layer_names` lists the layers, and `weight_names` the arrays of each."""
    group = root["model_weights"] if isinstance(root.get("model_weights"), Group) else root
    names = group.attributes.get("layer_names", [*group])
    for name in [names] if isinstance(names, str) else names:
        member = keras_weights.member_of(group, name)
        if not isinstance(member, Group):
            raise ModelError(f"weights without a model: those of the layer {name[:60]} are missing; {WHOLE}")
        if not any(key.startswith("weight_names") for key in member.attributes):
            raise ModelError(f"weights without a model: the layer {name[:60]} has no weight_names; {WHOLE}")
        stored = keras_weights.names_of(member, name)
        found = ((where, keras_weights.array_in(member, where, f"{name}/{where}")) for where in stored)
        arrays = {keras_weights.plain_name(where): array for where, array in found}
        if len(arrays) < len(stored):
            what = f"the layer {name[:60]} holds two arrays of the same name"
            raise ModelError(f"weights without a model: {what}; {WHOLE}")
        yield Stored(name, arrays)


def _by_number(layers: Group) -> Iterator[Stored]:
    """dense, dense_1, ...: the layers of each class are numbered in their order."""
    dense = keras_weights.numbered(layers, "dense")
    for name in [*dense, *(other for other in layers if other not in dense)]:
        variables = layers[name].get("vars")
        if "layers" in layers[name] or not isinstance(variables, Group):
            what = f"{name[:60]} is one within it, and how it is connected isn't in the file"
            raise ModelError(f"weights without a model: {what}; {WHOLE}")
        names = ("kernel", "bias") if name in dense else ()
        where = f"layers/{name}/vars"
        known = list(enumerate(names))[: len(variables)]
        found = {key: keras_weights.array_in(variables, str(k), where) for k, key in known}
        rest = {str(k): np.zeros(0) for k in range(len(found), len(variables))}
        yield Stored(name, found | rest)


def _is_dense(layer: Stored) -> bool:
    """Whether a layer is dense, or holds nothing and computes nothing of its own."""
    if not layer.arrays:
        return bool(HARMLESS.fullmatch(layer.name))
    kernel, bias = layer.arrays.get("kernel"), layer.arrays.get("bias")
    if kernel is None or kernel.ndim != 2 or set(layer.arrays) - {"kernel", "bias"}:
        return False
    return not _is_quantised(kernel) and (bias is None or bias.shape == kernel.shape[1:])


def _is_quantised(kernel: np.ndarray) -> bool:
    """Whole numbers, 127 the largest in each column: a kernel of quantize("int8"), with its scales in the bias."""
    return bool(kernel.size and (kernel == np.round(kernel)).all() and (np.abs(kernel).max(axis=0) == 127.0).all())


def _affine(layer: Stored) -> Affine:
    W = np.ascontiguousarray(layer.arrays["kernel"].T)
    return Affine(W, layer.arrays.get("bias", np.zeros(len(W))))


def _activation(name: str) -> list[Layer]:
    if name.lower() in DIFFERENT:
        raise ModelError(f"activation {name!r} means different things: say {DIFFERENT[name.lower()]}")
    return activation_layers(AS_HERE.get(name.lower(), name))


def _spread(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    """One activation for each layer; of two, the first is that of all layers but the last."""
    if len(names) == 2 < count:
        return (*(names[0],) * (count - 1), names[1])
    if len(names) != count:
        advice = "name one for each, or one for all hidden layers and the last"
        raise ModelError(f"{len(names)} activations named for {count} layers: {advice}")
    return names
