"""Keras' layers and activations, lowered to the layer kinds. The one rule: exactly what Keras computes at inference, or a refusal by name.

A value is a run of columns with the shape that Keras sees (without the batch axis), flattened row by row. Adding a layer is one
entry in LAYERS; adding an activation is one entry in ACTIVATIONS.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nngrad.core.layers import Affine, Concatenate, Normalize, Product, Select, Softmax, Sum
from nngrad.core.network import INTEGERS
from nngrad.errors import Described, ModelError, listed
from nngrad.loaders.keras.config import ADVICE, OWN_MODULES, Constant, Layer, is_whole, shown
from nngrad.loaders.keras.lowering import (
    MOST_UNITS,
    Array,
    Lowering,
    Value,
    along,
    array_of,
    axes,
    feature_axis,
    flag,
    number,
    numbers,
    weight,
    whole,
)

MOST_BLOCKS = 1000  # steps of a time axis
MOST_SPREAD = 4_000_000  # weights of a dense layer written out for every step
EPSILON = 1e-7  # keras.backend.epsilon()


# activations


def activate(at: Lowering, layer: Layer, x: Value, activation: Any) -> Value:
    """An activation by name, as a function record, or as a layer record."""
    if activation is None:
        return x
    if isinstance(activation, dict):
        return _activation_record(at, layer, x, activation)
    if not isinstance(activation, str):
        raise layer.error(f"activation is {shown(activation)}; activations have names")
    if activation == "linear":
        return x
    if activation == "softmax":
        return softmax_over(at, layer, x)
    table = ACTIVATIONS if at.keras == 3 else ACTIVATIONS | ACTIVATIONS_OF_KERAS_2
    row = table.get(activation)
    if row is None:
        known = listed(sorted(["linear", "softmax", *(name for name, row in table.items() if row)]), 24)
        raise layer.error(f"activation {shown(activation)} is not supported; supported in Keras {at.keras} files are {known}")
    return at.elementwise(x, row[0], **row[1])


def _activation_record(at: Lowering, layer: Layer, x: Value, record: dict[str, Any]) -> Value:
    kind, config, module = record.get("class_name"), record.get("config"), record.get("module")
    own = module is None or (isinstance(module, str) and module.split(".")[0] in OWN_MODULES)
    if own and kind == "function" and isinstance(config, str):
        return activate(at, layer, x, config)
    if own and isinstance(kind, str) and kind in AS_ACTIVATION and isinstance(config, dict):
        inner = Layer(layer.name, kind, config, layer.path)
        return AS_ACTIVATION[kind](at, inner, (x,))
    what = "a lambda" if kind == "__lambda__" else shown(config if isinstance(config, str) else kind)
    raise layer.error(
        f"activation {what} is code of its own, which is not in the file or is never run; use one of Keras' own activations, and save again"
    )


def softmax_over(at: Lowering, layer: Layer, x: Value, axis: int | None = None) -> Value:
    """Softmax over one axis; one block for each place on the other axes."""
    if not x.shape:
        raise layer.error("softmax of values without a feature axis")
    axis = len(x.shape) - 1 if axis is None else axis
    width, blocks = x.shape[axis], x.size // max(x.shape[axis], 1)
    if blocks == 1:
        return at.add(Softmax(), (x,), x.shape)
    if blocks > MOST_BLOCKS:
        raise layer.error(f"softmax over {blocks} blocks of {width}; at most {MOST_BLOCKS} are supported")
    rows = np.moveaxis(np.arange(x.size).reshape(x.shape), axis, -1).reshape(blocks, width)
    parts = tuple(at.add(Softmax(), (at.add(Select(row, x.size), (x,), (width,)),), (width,)) for row in rows)
    joined = at.add(Concatenate((width,) * blocks), parts, (x.size,))
    return at.gather(joined, np.argsort(rows.ravel(), kind="stable"), x.shape)


# layers


def identity(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    return values[0]


def dense(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    """y = activation(x K + b), K (in, units), for every place on the other axes."""
    (x,) = values
    if not x.shape:
        raise layer.error("reads values without a feature axis")
    units = whole(layer, layer.config.get("units"), "units")
    W = np.ascontiguousarray(weight(layer, "kernel", (x.shape[-1], units)).T)
    b = weight(layer, "bias", (units,)) if flag(layer, "use_bias") else np.zeros(units)
    blocks = x.size // max(x.shape[-1], 1)
    if blocks > 1:
        if W.size * blocks**2 > MOST_SPREAD:
            raise layer.error(
                f"a dense layer on {blocks} steps of {x.shape[-1]} units is too large; supported are {MOST_SPREAD} weights written out"
            )
        W, b = np.kron(np.eye(blocks), W), np.tile(b, blocks)
    y = at.add(Affine(W, b), (x,), (*x.shape[:-1], units))
    return activate(at, layer, y, layer.config.get("activation"))


def activation_layer(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    return activate(at, layer, values[0], layer.config.get("activation"))


def relu(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    """Keras' ReLU: the ceiling max_value, x above the threshold, slope*(x - threshold) below."""
    slope = number(layer, "negative_slope", "alpha", default=0.0)
    threshold = number(layer, "threshold", default=0.0)
    if layer.config.get("max_value") is not None:
        ceiling = number(layer, "max_value")
        if threshold < 0 or ceiling < 0:
            raise layer.error(f"threshold {threshold:g} and max_value {ceiling:g}: negative ones are not supported")
        if threshold == slope == 0.0:
            return at.elementwise(values[0], "clipped_relu", ceiling=ceiling)
        return at.elementwise(values[0], "clipped_thresholded_relu", threshold=threshold, slope=slope, ceiling=ceiling)
    if threshold:
        return at.elementwise(values[0], "thresholded_relu", threshold=threshold, slope=slope)
    return at.elementwise(values[0], "leaky_relu", slope=slope) if slope else at.elementwise(values[0], "relu")


def leaky_relu(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    return at.elementwise(values[0], "leaky_relu", slope=number(layer, "negative_slope", "alpha", default=0.3))


def elu(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    return at.elementwise(values[0], "elu", alpha=number(layer, "alpha", default=1.0))


def thresholded_relu(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    return at.elementwise(values[0], "thresholded_relu", threshold=number(layer, "theta", default=1.0), slope=0.0)


def prelu(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    (x,) = values
    shared = layer.config.get("shared_axes") or []
    common = {feature_axis(layer, a, x) for a in (shared if isinstance(shared, list) else [shared])}
    alpha = weight(layer, "alpha", tuple(1 if k in common else n for k, n in enumerate(x.shape)))
    return at.elementwise(x, "leaky_relu", slope=np.broadcast_to(alpha, x.shape).ravel())


def softmax(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    (x,) = values
    over = axes(layer, x)
    if at.masked:
        raise layer.error("follows a Masking layer, whose masks are not supported")
    if len(over) > 1:
        if over != list(range(len(x.shape))):
            raise layer.error(f"softmax over the axes {layer.config.get('axis')} is not supported; supported are one axis or all")
        return at.add(Softmax(), (x,), x.shape)
    return softmax_over(at, layer, x, over[0])


def batch_normalization(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    """(x - moving_mean) gamma / sqrt(moving_variance + epsilon) + beta."""
    (x,) = values
    kept = axes(layer, x)
    if len(kept) != 1:
        raise layer.error(f"axis {layer.config.get('axis')}: one axis is supported")
    shape = (x.shape[kept[0]],)
    mean, variance = weight(layer, "moving_mean", shape), weight(layer, "moving_variance", shape)
    gain = _inverse_root(layer, variance, number(layer, "epsilon", default=1e-3))
    if flag(layer, "scale"):
        gain = gain * weight(layer, "gamma", shape)
    shift = weight(layer, "beta", shape) if flag(layer, "center") else np.zeros(shape)
    return at.scale(x, *(along(x, kept, v, layer, "its weights") for v in (gain, mean, shift)))


def _inverse_root(layer: Layer, variance: Array, epsilon: float) -> Array:
    if np.any(variance + epsilon <= 0.0):
        raise layer.error("a variance plus epsilon is not above zero; the file is damaged")
    return 1.0 / np.sqrt(variance + epsilon)


def layer_normalization(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    (x,) = values
    kept = axes(layer, x)
    if kept != list(range(len(x.shape) - len(kept), len(x.shape))):
        raise layer.error(f"axis {layer.config.get('axis')} of values with {len(x.shape)} feature axes; supported are the last ones")
    if layer.config.get("rms_scaling"):
        raise layer.error("rms_scaling is not supported; supported is the ordinary layer normalisation")
    return _normalized(at, layer, x, kept, tuple(x.shape[k] for k in kept), math.prod(x.shape[: kept[0]]))


def group_normalization(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    (x,) = values
    kept = axes(layer, x)
    if len(kept) != 1:
        raise layer.error(f"axis {layer.config.get('axis')}: one axis is supported")
    channels = x.shape[kept[0]]
    groups = whole(layer, layer.config.get("groups", 32), "groups")
    groups = channels if groups == -1 else groups
    if groups < 1 or channels % groups:
        raise layer.error(f"{groups} groups of {channels} channels: not a whole number each")
    if channels != x.size and groups != 1:
        raise layer.error(f"groups of values with the shape {x.shape} are not supported; supported is one feature axis, or one group")
    return _normalized(at, layer, x, kept, (channels,), groups)


def _normalized(at: Lowering, layer: Layer, x: Value, kept: list[int], shape: tuple[int, ...], groups: int) -> Value:
    epsilon = number(layer, "epsilon", default=1e-3)
    if epsilon <= 0.0 or not x.size:
        raise layer.error(f"epsilon {epsilon:g} on {x.size} units")
    y = at.add(Normalize(x.size, groups, epsilon), (x,), x.shape)
    gain = weight(layer, "gamma", shape) if flag(layer, "scale") else np.ones(shape)
    shift = weight(layer, "beta", shape) if flag(layer, "center") else np.zeros(shape)
    return at.scale(y, gain=along(x, kept, gain, layer, "gamma"), shift=along(x, kept, shift, layer, "beta"))


def normalization(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    """(x - mean) / max(sqrt(variance), 1e-7), or back again with `invert`."""
    (x,) = values
    kept = [] if layer.config.get("axis", -1) is None else axes(layer, x)
    if layer.config.get("mean") is not None:
        mean, variance = numbers(layer, "mean"), numbers(layer, "variance")
    else:
        shape = tuple(x.shape[k] for k in kept)
        mean, variance = weight(layer, "mean", shape), weight(layer, "variance", shape)
    if np.any(variance < 0.0):
        raise layer.error("a variance is negative; the file is damaged")
    mean = along(x, kept, mean, layer, "mean")
    deviation = along(x, kept, np.maximum(np.sqrt(variance), EPSILON), layer, "variance")
    if flag(layer, "invert", False):
        return at.scale(x, gain=deviation, shift=mean)
    return at.scale(x, gain=1.0 / deviation, center=mean)


def rescaling(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    (x,) = values
    parts = {}
    for name, setting in (("gain", "scale"), ("shift", "offset")):
        array = numbers(layer, setting) if layer.config.get(setting) is not None else np.full((), float(name == "gain"))
        try:
            parts[name] = np.broadcast_to(array, x.shape)
        except ValueError:
            raise layer.error(f"{setting} of the shape {array.shape} on values of the shape {x.shape}") from None
    return at.scale(x, **parts)


def masking(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    """A row of zeros is masked by setting it to zero; what would use the mask is refused."""
    if number(layer, "mask_value", default=0.0) != 0.0:
        raise layer.error("a mask_value other than 0 is not supported")
    return values[0]


# shapes


def flatten(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    (x,) = values
    if layer.config.get("data_format") == "channels_first" and len(x.shape) > 1:
        x = permuted(at, x, [*range(1, len(x.shape)), 0])
    return Value(x.number, (x.size,))


def reshape(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    (x,) = values
    target = layer.config.get("target_shape")
    if not isinstance(target, list) or not all(is_whole(n) and n >= -1 for n in target) or target.count(-1) > 1:
        raise layer.error(f"target_shape is {shown(target)}, not a shape")
    known = math.prod(n for n in target if n != -1)
    shape = tuple(x.size // max(known, 1) if n == -1 else n for n in target)
    if math.prod(shape) != x.size:
        raise layer.error(f"{x.size} units don't take the shape {tuple(target)}")
    return Value(x.number, shape)


def permute(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    (x,) = values
    dims = layer.config.get("dims")
    if not isinstance(dims, list) or sorted(d for d in dims if is_whole(d)) != list(range(1, len(x.shape) + 1)):
        raise layer.error(f"dims is {shown(dims)}, not an order of the {len(x.shape)} feature axes")
    return permuted(at, x, [d - 1 for d in dims])


def permuted(at: Lowering, x: Value, order: list[int]) -> Value:
    places = np.arange(x.size).reshape(x.shape).transpose(order)
    return at.gather(x, places, places.shape)


def repeat_vector(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    (x,) = values
    times = whole(layer, layer.config.get("n"), "n")
    if times < 1 or len(x.shape) != 1 or times * x.size > MOST_UNITS:
        raise layer.error(f"{times} times the shape {x.shape}")
    return at.repeat(x, np.tile(np.arange(x.size), (times, 1)), layer)


# merges


def alike(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> tuple[Value, ...]:
    """The values, those with axes of size 1 repeated along them."""
    if len(values) < 2:
        raise layer.error("reads one value; supported are two or more")
    try:
        shape = np.broadcast_shapes(*(v.shape for v in values))
    except ValueError:
        raise layer.error(f"reads values of the shapes {', '.join(str(v.shape) for v in values[:6])}, which don't fit each other") from None
    if math.prod(shape) > MOST_UNITS:
        raise layer.error(f"makes more than {MOST_UNITS} units")
    return tuple(at.repeat(v, np.broadcast_to(np.arange(v.size).reshape(v.shape), shape), layer) for v in values)


def add(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    values = alike(at, layer, values)
    return at.add(Sum(), values, values[0].shape)


def subtract(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    if len(values) != 2:
        raise layer.error(f"reads {len(values)} values, not 2")
    first, second = alike(at, layer, values)
    return at.add(Sum(), (first, at.scale(second, gain=-1.0)), first.shape)


def multiply(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    values = alike(at, layer, values)
    return at.add(Product(), values, values[0].shape)


def average(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    return at.scale(add(at, layer, values), gain=1.0 / len(values))


def divide(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    raise layer.error("divides two values; supported is dividing by a constant")


def with_constant(at: Lowering, layer: Layer, x: Value, constant: Constant) -> Value:
    """An operation with a constant: x + c, c - x, x * c, x / c."""
    c = array_of(layer, constant.value, "its constant")
    while c.ndim > len(x.shape) and c.shape[0] == 1:
        c = c[0]
    try:
        c = np.broadcast_to(c, x.shape)
    except ValueError:
        raise layer.error(f"a constant of the shape {c.shape} with values of the shape {x.shape}") from None
    match layer.kind:
        case "Add":
            return at.scale(x, shift=c)
        case "Subtract":
            return at.scale(x, gain=-1.0, shift=c) if constant.is_first else at.scale(x, center=c)
        case "Multiply":
            return at.scale(x, gain=c)
        case "Divide" | "TrueDivide" if not constant.is_first and np.all(c != 0.0):
            return at.scale(x, gain=1.0 / c)
    raise layer.error("is called with a constant; supported are x + c, x - c, c - x, x * c and x / c")


def operation(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    """tanh(x) and the like, written into a Functional model."""
    return activate(at, layer, values[0], AS_OPERATION[layer.kind])


def negative(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    return at.scale(values[0], gain=-1.0)


def concatenate(at: Lowering, layer: Layer, values: tuple[Value, ...]) -> Value:
    if len(values) == 1:
        return values[0]
    axis = feature_axis(layer, layer.config.get("axis", -1), values[0])
    starts = np.cumsum([0, *(v.size for v in values)])
    if starts[-1] > MOST_UNITS:
        raise layer.error(f"makes more than {MOST_UNITS} units")
    try:
        places = np.concatenate([s + np.arange(v.size).reshape(v.shape) for s, v in zip(starts, values, strict=False)], axis=axis)
    except ValueError:
        raise layer.error(f"reads values of the shapes {', '.join(str(v.shape) for v in values[:6])}, which don't fit each other") from None
    joined = at.add(Concatenate(tuple(v.size for v in values)), values, (int(starts[-1]),))
    return at.gather(joined, places, places.shape)


# the collections

Row = tuple[str, dict[str, float]] | None
ACTIVATIONS: dict[str, Row] = {  # name in Keras 3: (row of the table of activations, its parameters)
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
ACTIVATIONS_OF_KERAS_2: dict[str, Row] = {  # what differs there
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

RANDOM = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout", "GaussianNoise")
Function = Callable[[Lowering, Layer, tuple[Value, ...]], Value]
AS_ACTIVATION: dict[str, Function] = {  # layers without weights that stand in for an activation
    "Activation": activation_layer,
    "ReLU": relu,
    "LeakyReLU": leaky_relu,
    "ELU": elu,
    "Softmax": softmax,
    "ThresholdedReLU": thresholded_relu,
}
ONE: dict[str, Function] = {  # layers that read one value
    **AS_ACTIVATION,
    "Dense": dense,
    "PReLU": prelu,
    "BatchNormalization": batch_normalization,
    "BatchNormalizationV1": batch_normalization,
    "BatchNormalizationV2": batch_normalization,
    "LayerNormalization": layer_normalization,
    "GroupNormalization": group_normalization,
    "Normalization": normalization,
    "Rescaling": rescaling,
    "Flatten": flatten,
    "Reshape": reshape,
    "Permute": permute,
    "RepeatVector": repeat_vector,
    "Masking": masking,
    **dict.fromkeys(
        (
            "InputLayer",
            "Identity",
            "ActivityRegularization",
            *RANDOM,
        ),
        identity,
    ),
}
MERGES: dict[str, Function] = {
    "Add": add,
    "Subtract": subtract,
    "Multiply": multiply,
    "Average": average,
    "Concatenate": concatenate,
    "Divide": divide,
    "TrueDivide": divide,
}
AS_OPERATION = {"Tanh": "tanh", "Sigmoid": "sigmoid", "Relu": "relu", "Exp": "exponential", "Softplus": "softplus", "Silu": "silu"}
OPERATIONS = frozenset({*AS_OPERATION, "Negative", "Divide", "TrueDivide"})  # of keras.ops, in Functional models; no layers
ONE["Negative"] = negative
ONE |= dict.fromkeys(AS_OPERATION, operation)
SHAPED = frozenset({"Add", "Subtract", "Multiply", "Concatenate", *OPERATIONS})  # the operations of keras.ops that are supported
TRAINED = frozenset({*RANDOM, "BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2"})  # those that training=True changes
SUPPORTED = sorted({*ONE, *MERGES} - OPERATIONS - {"BatchNormalizationV1", "BatchNormalizationV2", "InputLayer"})
FLOATS = ("float", "bfloat", "mixed_")  # how the dtype policies begin that round, but keep what stands after the point
NOT_YET = {  # why a layer is refused, by the beginning or end of its name
    "Lambda": "holds Python code, which is never run; write it with Keras' own layers and save again",
    "TFOpLambda": "a TensorFlow operation; write it with Keras' own layers (Add, Rescaling, Activation) and save again",
    "TensorFlowOpLayer": "a TensorFlow operation; write it with Keras' own layers (Add, Rescaling, Activation) and save again",
    "SlicingOpLambda": "a TensorFlow operation; write it with Keras' own layers and save again",
}

SCALED = ("axis", "epsilon", "scale", "center")
SETTINGS: dict[str, tuple[str, ...]] = {  # what the outputs of a layer depend on
    "Dense": ("units", "activation", "use_bias"),
    "Activation": ("activation",),
    "ReLU": ("negative_slope", "alpha", "threshold", "max_value"),
    "LeakyReLU": ("negative_slope", "alpha"),
    "ELU": ("alpha",),
    "ThresholdedReLU": ("theta",),
    "PReLU": ("shared_axes",),
    "Softmax": ("axis",),
    **dict.fromkeys(("BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2"), SCALED),
    "LayerNormalization": (*SCALED, "rms_scaling"),
    "GroupNormalization": (*SCALED, "groups"),
    "Normalization": ("axis", "mean", "variance", "invert"),
    "Rescaling": ("scale", "offset"),
    "Flatten": ("data_format",),
    "Reshape": ("target_shape",),
    "Permute": ("dims",),
    "RepeatVector": ("n",),
    "Masking": ("mask_value",),
    "Concatenate": ("axis",),
}
EVERYWHERE = frozenset({"name", "dtype", "batch_shape", "batch_input_shape", "quantization_config", "quantization_mode"})
IGNORED = frozenset(  # what no output of a trained model depends on, of any layer; names ending as in IGNORED_ENDINGS count here too
    {"trainable", "autocast", "sparse", "ragged", "optional", "batch_size", "input_dtype", "input_dim", "input_length", "input_shape"}
    | {"momentum", "synchronized", "fused", "renorm", "renorm_clipping", "renorm_momentum", "virtual_batch_size", "adjustment"}
    | {"rate", "seed", "noise_shape", "stddev", "l1", "l2", "lora_rank", "lora_alpha", "gptq_unpacked_column_size", "supports_masking"}
)
IGNORED_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def unknown_settings(layer: Layer) -> list[str]:
    """Settings that say something and are neither used nor known to change nothing."""
    known = {*SETTINGS.get(layer.kind, ()), *EVERYWHERE, *IGNORED}
    said = (name for name, value in layer.config.items() if value not in (None, False, [], {}))
    return sorted(name for name in said if name not in known and not name.endswith(IGNORED_ENDINGS))


def expected_weights(layer: Layer) -> tuple[str, ...]:
    """The names of a layer's arrays, in Keras' order."""
    c = layer.config
    gamma, beta = (["gamma"] if c.get("scale", True) else []), (["beta"] if c.get("center", True) else [])
    match layer.kind:
        case "Dense":
            return ("kernel", "bias") if c.get("use_bias", True) else ("kernel",)
        case "BatchNormalization" | "BatchNormalizationV1" | "BatchNormalizationV2":
            return (*gamma, *beta, "moving_mean", "moving_variance")
        case "LayerNormalization" | "GroupNormalization":
            return (*gamma, *beta)
        case "PReLU":
            return ("alpha",)
        case "Normalization":
            return () if c.get("mean") is not None else ("mean", "variance", "count")
    return ()


def dtype_of(layer: Layer) -> str:
    """The type that a layer casts its values to; empty where the file doesn't say, "?" where it says something else."""
    policy = layer.config.get("dtype")
    if policy is None:
        return ""
    inner = policy.get("config") if isinstance(policy, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else policy
    return name if isinstance(name, str) and name else "?"


def unsupported(layer: Layer) -> str | None:
    """Why nothing here computes a layer; None where something does."""
    if layer.is_foreign:
        return f"a class of one's own, whose code is not in the file and is never run; {ADVICE}"
    policy, dtype = layer.config.get("dtype"), dtype_of(layer)
    quantised = (isinstance(policy, dict) and "Quantized" in str(policy.get("class_name"))) or "_from_" in dtype
    if quantised or any(layer.config.get(key) is not None for key in ("quantization_config", "quantization_mode")):
        return "its weights are quantised; save the model before quantize()"
    is_input = layer.kind == "InputLayer" and layer.path == layer.name  # of the whole model: x says what it is
    if dtype and not dtype.startswith(FLOATS) and not (is_input and dtype in INTEGERS):
        return f"casts its values to {shown(dtype)}; supported are floating-point types"
    own = layer.kind in OPERATIONS and "trainable" in layer.config  # a layer class of one's own with the name of an operation
    if (layer.kind in ONE or layer.kind in MERGES) and not own and (not layer.is_operation or layer.kind in SHAPED):
        return None
    if layer.kind in NOT_YET:
        return NOT_YET[layer.kind]
    if layer.is_operation:
        return f"this operation of keras.ops is not supported; supported are {', '.join(sorted(SHAPED))}"
    return f"not supported; supported are {listed(SUPPORTED, 8)}"


def refusal(refused: list[tuple[Layer, str]], described: Described) -> ModelError:
    """All layers that are not supported, in one message: the reason of the first, and the names of the others."""
    (first, why), *others = refused
    also = [f"{layer.path} ({shown(layer.kind)})" for layer, _ in others]
    nor = f", nor {'are' if len(also) > 1 else 'is'} {listed(also, 5)}" if also else ""
    if why.startswith("not supported"):
        rest = why.removeprefix("not supported")
        return ModelError(f"layer {first.path}: {shown(first.kind)} layers are not supported{nor}{rest}", described)
    return ModelError(f"{first.error(why)}{f'; not supported{nor}' if nor else ''}", described)
