"""Keras' activations: by name, as functions, and the layers that are nothing but an activation.

Sources: keras.io/api/layers/activations and keras.io/api/layers/activation_layers; Keras 2 where its functions differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nngrad.core.builder import Value
from nngrad.core.layers import Concatenate, Select, Softmax
from nngrad.errors import listed
from nngrad.loaders.keras.builder import KerasBuilder
from nngrad.loaders.keras.config import OWN_MODULES, KerasLayer, shown
from nngrad.loaders.keras.layers.kind import LayerKind
from nngrad.loaders.keras.settings import axes, feature_axis, number, weight

MOST_BLOCKS = 1000  # of a softmax over one of several axes

ActivationRow = tuple[str, dict[str, float]] | None
ACTIVATIONS: dict[str, ActivationRow] = {  # name in Keras 3: (row of the table of activations, its parameters)
    "relu": ("relu", {}),
    "relu6": ("clipped_relu", {"ceiling": 6.0}),
    "leaky_relu": ("leaky_relu", {"slope": 0.2}),
    "elu": ("elu", {"alpha": 1.0}),
    "celu": ("elu", {"alpha": 1.0}),
    "selu": ("selu", {}),
    "softplus": ("softplus", {}),
    "softsign": ("softsign", {}),
    "tanh": ("tanh", {}),
    "sigmoid": ("sigmoid", {}),
    "exponential": ("exponential", {}),
    "silu": ("silu", {}),
    "swish": ("silu", {}),
    "gelu": ("gelu", {}),
    "mish": ("mish", {}),
    "hard_sigmoid": ("hard_sigmoid", {}),
    "hard_silu": ("hard_swish", {}),
    "hard_swish": ("hard_swish", {}),
    "hard_tanh": ("hard_tanh", {}),
    "log_sigmoid": ("log_sigmoid", {}),
    "tanh_shrink": ("tanh_shrink", {}),
    "soft_shrink": ("soft_shrink", {}),
    "hard_shrink": ("hard_shrink", {}),
    "squareplus": ("squareplus", {}),
    "sparse_plus": ("sparse_plus", {}),
    "sparse_sigmoid": ("sparse_sigmoid", {}),
}
ACTIVATIONS_OF_KERAS_2: dict[str, ActivationRow] = {  # what differs there; None where there is no such function
    "hard_sigmoid": ("hard_sigmoid_keras2", {}),
    "celu": None,
    "hard_silu": None,
    "hard_swish": None,
    "hard_tanh": None,
    "log_sigmoid": None,
    "tanh_shrink": None,
    "soft_shrink": None,
    "hard_shrink": None,
    "squareplus": None,
    "sparse_plus": None,
    "sparse_sigmoid": None,
}
OPERATIONS = {  # of keras.ops: the activation that they are
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "Relu": "relu",
    "Exp": "exponential",
    "Softplus": "softplus",
    "Silu": "silu",
}


# activations of any layer


def activate(build: KerasBuilder, layer: KerasLayer, x: Value, activation: Any) -> Value:
    """An activation by name, as a function record, or as a layer record; x itself for none."""
    if activation is None or activation == "linear":
        return x
    if isinstance(activation, dict):
        return _activate_as_told(build, layer, x, activation)
    if not isinstance(activation, str):
        raise layer.error(f"activation is {shown(activation)}; activations have names")
    if activation == "softmax":
        return softmax_along(build, layer, x, len(x.shape) - 1)
    table = ACTIVATIONS if build.keras == 3 else ACTIVATIONS | ACTIVATIONS_OF_KERAS_2
    row = table.get(activation)
    if row is None:
        known = listed(sorted(["linear", "softmax", *(name for name, row in table.items() if row)]), 24)
        what = f"activation {shown(activation)} is not supported"
        raise layer.error(f"{what}; supported in Keras {build.keras} files are {known}")
    return build.elementwise(x, row[0], **row[1])


def _activate_as_told(build: KerasBuilder, layer: KerasLayer, x: Value, record: dict[str, Any]) -> Value:
    """An activation that is written as a record of a function or of a layer."""
    kind, config, module = record.get("class_name"), record.get("config"), record.get("module")
    own = module is None or (isinstance(module, str) and module.split(".")[0] in OWN_MODULES)
    if own and kind == "function" and isinstance(config, str):
        return activate(build, layer, x, config)
    if own and isinstance(kind, str) and kind in AS_ACTIVATION and isinstance(config, dict):
        inner = KerasLayer(layer.name, kind, config, layer.path)
        return AS_ACTIVATION[kind].lower(build, inner, (x,))
    what = "a lambda" if kind == "__lambda__" else shown(config if isinstance(config, str) else kind)
    code = f"activation {what} is code of its own, which is not in the file or is never run"
    raise layer.error(f"{code}; use one of Keras' own activations, and save again")


def softmax_along(build: KerasBuilder, layer: KerasLayer, x: Value, axis: int) -> Value:
    """Softmax over one axis; one block for each place on the other axes."""
    if not x.shape:
        raise layer.error("softmax of values without a feature axis")
    width, blocks = x.shape[axis], x.size // max(x.shape[axis], 1)
    if blocks == 1:
        return build.add(Softmax(), x, shape=x.shape)
    if blocks > MOST_BLOCKS:
        raise layer.error(f"softmax over {blocks} blocks of {width}; at most {MOST_BLOCKS} are supported")
    columns = build.places(x.shape)
    rows = np.moveaxis(columns, axis, -1).reshape(blocks, width)
    parts = [build.through([Select(row, x.size), Softmax()], x) for row in rows]
    joined = build.add(Concatenate((width,) * blocks), *parts)
    return build.gather(joined, np.argsort(rows.ravel(), kind="stable")[columns])


# layers


def activation(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    return activate(build, layer, values[0], layer.config.get("activation"))


def relu(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    """Keras' ReLU: the ceiling max_value, x above the threshold, slope*(x - threshold) below."""
    (x,) = values
    slope = number(layer, "negative_slope", "alpha", default=0.0)
    threshold = number(layer, "threshold", default=0.0)
    if layer.config.get("max_value") is not None:
        return _relu_with_ceiling(build, layer, x, slope, threshold)
    if threshold:
        return build.elementwise(x, "thresholded_relu", threshold=threshold, slope=slope)
    return build.elementwise(x, "leaky_relu", slope=slope) if slope else build.elementwise(x, "relu")


def _relu_with_ceiling(build: KerasBuilder, layer: KerasLayer, x: Value, slope: float, threshold: float) -> Value:
    ceiling = number(layer, "max_value")
    if threshold < 0 or ceiling < 0:
        raise layer.error(f"threshold {threshold:g} and max_value {ceiling:g}: negative ones are not supported")
    if threshold == slope == 0.0:
        return build.elementwise(x, "clipped_relu", ceiling=ceiling)
    return build.elementwise(x, "clipped_thresholded_relu", threshold=threshold, slope=slope, ceiling=ceiling)


def leaky_relu(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    return build.elementwise(values[0], "leaky_relu", slope=number(layer, "negative_slope", "alpha", default=0.3))


def elu(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    return build.elementwise(values[0], "elu", alpha=number(layer, "alpha", default=1.0))


def thresholded_relu(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    threshold = number(layer, "theta", default=1.0)
    return build.elementwise(values[0], "thresholded_relu", threshold=threshold, slope=0.0)


def prelu(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    """A slope below 0 for each unit, or one for all places along the axes of `shared_axes`."""
    (x,) = values
    shared = layer.config.get("shared_axes") or []
    common = {feature_axis(layer, a, x) for a in (shared if isinstance(shared, list) else [shared])}
    alpha = weight(layer, "alpha", tuple(1 if k in common else n for k, n in enumerate(x.shape)))
    return build.elementwise(x, "leaky_relu", slope=build.flat(np.broadcast_to(alpha, x.shape)))


def softmax(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    (x,) = values
    over = axes(layer, x)
    if build.masked:
        raise layer.error("follows a Masking layer, whose masks are not supported")
    if len(over) == 1:
        return softmax_along(build, layer, x, over[0])
    if over != list(range(len(x.shape))):
        what = f"softmax over the axes {layer.config.get('axis')}"
        raise layer.error(f"{what} is not supported; supported are one axis or all")
    return build.add(Softmax(), x, shape=x.shape)


def operation(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    """tanh(x) and the like, written into a Functional model."""
    return activate(build, layer, values[0], OPERATIONS[layer.kind])


# the collections

AS_ACTIVATION = {  # layers without weights that stand in for an activation
    "Activation": LayerKind(activation, ("activation",)),
    "ReLU": LayerKind(relu, ("negative_slope", "alpha", "threshold", "max_value"), keeps_integers=True),
    "LeakyReLU": LayerKind(leaky_relu, ("negative_slope", "alpha")),
    "ELU": LayerKind(elu, ("alpha",)),
    "Softmax": LayerKind(softmax, ("axis",)),
    "ThresholdedReLU": LayerKind(thresholded_relu, ("theta",)),
}
KINDS: dict[str, LayerKind] = {
    **AS_ACTIVATION,
    "PReLU": LayerKind(prelu, ("shared_axes",), lambda layer: ("alpha",)),
    **dict.fromkeys(OPERATIONS, LayerKind(operation, is_layer=False, is_operation=True)),
}
