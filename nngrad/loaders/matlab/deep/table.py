"""The layer classes of MATLAB's Deep Learning Toolbox that are understood, each with the function that reads it: TABLE.

Such a function takes a layer and the values that it reads, and gives the value that it makes; ModelError with the
layer's path where the layer isn't understood. Formulas: the reference pages of the layers (featureInputLayer,
batchNormalizationLayer, groupNormalizationLayer, geluLayer ...).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from nngrad.core.activations import BY_NAME
from nngrad.core.builder import Shape, Value
from nngrad.core.layers import Affine, Elementwise, Layer, Normalize, Product, Scale, Softmax, Sum
from nngrad.loaders.matlab.deep.part import MOST_UNITS, Part
from nngrad.loaders.matlab.fields import UNTRAINED, by, numbers

# inputs: the normalisation that belongs to them


def input_shape(part: Part) -> Shape:
    """The shape of what an input layer takes."""
    size = numbers(part.fields.get("InputSize"))
    if size is None or size.size not in (1, 3) or not np.all((size >= 1) & (size == np.round(size))):
        raise part.fail("InputSize is not a number of features or [height width channels]")
    if np.prod(size) > MOST_UNITS:
        raise part.fail(f"InputSize {'x'.join(f'{n:g}' for n in size.flat)} is more than {MOST_UNITS} numbers")
    return tuple(int(n) for n in size.flat)


def input_layer(part: Part, values: Sequence[Value]) -> Value:
    """The normalisation of an input: y = (x - center) * gain + shift."""
    (value,) = values
    if part.number("SplitComplexInputs", 0.0):
        advice = "train on real and imaginary parts as features"
        raise part.fail(f"SplitComplexInputs: complex inputs are not supported; {advice}")
    kind, settings = _normalisation(part)
    if kind == "none":
        return value
    if kind not in NORMALISATIONS:
        raise part.fail(f"Normalization {kind!r} is not supported; supported are none, {', '.join(NORMALISATIONS)}")
    return part.through(value, [NORMALISATIONS[kind](part, settings, value.shape)])


def _normalisation(part: Part) -> tuple[str, dict[str, Any]]:
    stored = part.fields.get("Normalization", "none")
    if isinstance(stored, np.ndarray):
        if not stored.size:
            return "none", {}
        stored = stored.flat[0] if stored.dtype == object and stored.size == 1 else stored
    if isinstance(stored, dict):
        return str(stored.get("Type")), stored
    return (stored, part.fields) if isinstance(stored, str) else (type(stored).__name__, {})


def _statistic(part: Part, settings: dict[str, Any], shape: Shape, *known: str) -> np.ndarray:
    stored = next((v for name in known if (v := numbers(settings.get(name))) is not None), None)
    if stored is None:
        raise part.fail(f"Normalization without {' or '.join(known)}; found are {', '.join(settings)}")
    if not stored.size:
        raise part.fail(f"the {known[0]} of its normalisation is empty: {UNTRAINED}")
    return part.per_unit(stored, shape, known[0])


def _zerocenter(part: Part, settings: dict[str, Any], shape: Shape) -> Scale:
    mean = _statistic(part, settings, shape, "Mean", "AverageImage")
    return Scale(np.ones(mean.size), mean, np.zeros(mean.size))


def _zscore(part: Part, settings: dict[str, Any], shape: Shape) -> Scale:
    mean = _statistic(part, settings, shape, "Mean", "AverageImage")
    deviation = _statistic(part, settings, shape, "StandardDeviation", "Std", "StdImage")
    _all_nonzero(part, deviation, "StandardDeviation is 0")
    return Scale(1.0 / deviation, mean, np.zeros(mean.size))


def _rescale(part: Part, settings: dict[str, Any], shape: Shape, target: tuple[float, float] | None = None) -> Scale:
    """From [Min, Max] to the target interval, or to [TargetMin, TargetMax]."""
    lower, upper = _statistic(part, settings, shape, "Min"), _statistic(part, settings, shape, "Max")
    _all_nonzero(part, upper - lower, "Max equals Min")
    if target is None:
        low, high = _statistic(part, settings, shape, "TargetMin"), _statistic(part, settings, shape, "TargetMax")
    else:
        low, high = (np.full(lower.size, bound) for bound in target)
    return Scale((high - low) / (upper - lower), lower, low)


def _all_nonzero(part: Part, values: np.ndarray, what: str) -> None:
    zero = np.flatnonzero(values == 0)
    if zero.size:
        raise part.fail(
            f"Normalization: {what} for input {zero[0] + 1}; what MATLAB does then is not documented: "
            "remove the constant input and train again, or set the statistic to a nonzero value"
        )


def function(part: Part, values: Sequence[Value]) -> Value:
    from nngrad.loaders.matlab.deep.function import function_layer  # with a parser, which few networks need

    return function_layer(part, values)


NORMALISATIONS: dict[str, Callable[[Part, dict[str, Any], Shape], Scale]] = {
    "zerocenter": _zerocenter,
    "zscore": _zscore,
    "rescale-symmetric": partial(_rescale, target=(-1.0, 1.0)),
    "rescale-zero-one": partial(_rescale, target=(0.0, 1.0)),
    "rescale": _rescale,
}

# layers of one value


def nothing(part: Part, values: Sequence[Value]) -> Value:
    """Layers that do nothing when a trained network predicts."""
    return values[0]


def fully_connected(part: Part, values: Sequence[Value]) -> Value:
    """y = W x + b; weights [out in], or [h w c out] behind an image."""
    (value,) = values
    _takes_all_units(part)
    weights, bias = part.learned("Weights"), part.learned("Bias").ravel(order="F")
    W = dense_weights(weights, bias.size, value.size)
    if W is None:
        found = f"Weights of {by(weights.shape)} and a Bias of {bias.size}"
        raise part.fail(f"{found} don't take the {by(value.shape)} inputs")
    image = len(value.shape) == 3 and part.series
    return part.through(value, [Affine(W, bias)], (1, 1, bias.size) if image else (bias.size,))


def _takes_all_units(part: Part) -> None:
    dimension = part.fields.get("OperationDimension", "spatial-channel")
    if not np.size(dimension) or (isinstance(dimension, str) and dimension == "spatial-channel"):
        return
    other = "a number" if isinstance(dimension, np.ndarray) else "something else"
    found = repr(dimension) if isinstance(dimension, str) else other
    raise part.fail(f"OperationDimension is {found}; supported is 'spatial-channel', over all units at once")


def dense_weights(weights: np.ndarray, outputs: int, inputs: int) -> np.ndarray | None:
    """Weights as (out, in); None where they fit neither way."""
    if weights.shape == (outputs, inputs):
        return np.ascontiguousarray(weights)
    behind_image = (*weights.shape, 1, 1)[:4]  # MATLAB drops trailing dimensions of 1
    if weights.size != outputs * inputs or behind_image[3] != outputs or weights.ndim > 4:
        return None
    return np.ascontiguousarray(weights.reshape(inputs, outputs, order="F").T)


def elementwise(name: str, **params: tuple[Any, ...]) -> Callable[[Part, Sequence[Value]], Value]:
    """An activation; params maps its parameters to the field that holds them and the default."""

    def read(part: Part, values: Sequence[Value]) -> Value:
        stored = {key: part.number(*fields) for key, fields in params.items()}
        return part.through(values[0], [Elementwise(BY_NAME[name], stored)])

    return read


def gelu(part: Part, values: Sequence[Value]) -> Value:
    known = {"none": "gelu", "tanh": "gelu_tanh"}
    approximation = part.text("Approximation", "none")
    if approximation not in known:
        raise part.fail(f"Approximation {approximation!r} is not supported; supported are {', '.join(known)}")
    return part.through(values[0], [Elementwise(BY_NAME[known[approximation]])])


def softmax(part: Part, values: Sequence[Value]) -> Value:
    if values[0].size != values[0].shape[-1]:
        what = f"softmax at each pixel of a {by(values[0].shape)} image"
        raise part.fail(f"{what} is not supported; it is for feature vectors")
    return part.through(values[0], [Softmax()])


def scaling(part: Part, values: Sequence[Value]) -> Value:
    """rl's scalingLayer: y = Scale x + Bias."""
    gain, bias = (part.per_unit(part.learned(name), values[0].shape, name) for name in ("Scale", "Bias"))
    return part.through(values[0], [Scale(gain, np.zeros(gain.size), bias)])


def flatten(part: Part, values: Sequence[Value]) -> Value:
    """The units of an image as features; MATLAB's order is that of the row already."""
    return part.builder.reshape(values[0], (values[0].size,))


# normalisation by trained or by the row's own statistics


def batch_normalization(part: Part, values: Sequence[Value]) -> Value:
    """y = Scale (x - TrainedMean) / sqrt(TrainedVariance + Epsilon) + Offset."""
    names = ("TrainedMean", "TrainedVariance", "Offset", "Scale")
    mean, variance, offset, gain = (part.per_unit(part.learned(n), values[0].shape, n) for n in names)
    spread = variance + part.number("Epsilon")
    if not np.all((spread > 0) | np.isnan(spread)):
        raise part.fail("TrainedVariance + Epsilon is not positive")
    return part.through(values[0], [Scale(gain / np.sqrt(spread), mean, offset)])


def layer_normalization(part: Part, values: Sequence[Value]) -> Value:
    dimension = part.text("OperationDimension", "auto")
    pixels = math.prod(values[0].shape[:-1]) > 1
    said_auto = dimension == "auto" and "OperationDimension" in part.fields
    if part.sequence and dimension != "channel-only" and not said_auto:
        what = f"OperationDimension {dimension!r} may go over the time steps of a sequence"
        raise part.fail(f"{what}; supported is channel-only")
    if dimension not in ("auto", "batch-excluded", "spatial-channel", *(() if pixels else ("channel-only",))):
        raise part.fail(f"OperationDimension {dimension!r} of a {by(values[0].shape)} input is not supported")
    return _normalized(part, values[0], 1)


def group_normalization(part: Part, values: Sequence[Value]) -> Value:
    channels, stored = values[0].shape[-1], part.fields.get("NumGroups")
    named = {"all-channels": 1, "channel-wise": channels}
    groups = named.get(stored, 0) if isinstance(stored, str) else part.whole("NumGroups")
    if groups < 1 or channels % groups:
        raise part.fail(f"NumGroups {stored if isinstance(stored, str) else groups} doesn't divide {channels} channels")
    if part.sequence:
        raise part.fail("group normalisation of a sequence goes over its time steps and is not supported")
    return _normalized(part, values[0], groups)


def _normalized(part: Part, value: Value, groups: int) -> Value:
    epsilon = part.number("Epsilon")
    if not epsilon > 0:
        raise part.fail(f"Epsilon {epsilon:g} is not positive")
    offset, gain = (part.per_unit(part.learned(n), value.shape, n) for n in ("Offset", "Scale"))
    return part.through(value, [Normalize(value.size, groups, epsilon), Scale(gain, np.zeros(gain.size), offset)])


# layers of several values


def joined(layer: type[Layer], part: Part, values: Sequence[Value]) -> Value:
    """Unit by unit; all values of the same shape (a 1x1 image with C channels is C features)."""
    if len({v.size for v in values}) > 1 or len({v.shape for v in values if math.prod(v.shape[:-1]) > 1}) > 1:
        found = ", ".join(by(v.shape) for v in values)
        raise part.fail(f"inputs of {found} units; supported are inputs of the same size")
    return part.builder.add(layer(), *values, shape=values[0].shape)


def concatenation(part: Part, values: Sequence[Value], dimension: int | None = None) -> Value:
    """Side by side along a dimension, where that is side by side in memory too."""
    axis = (part.whole("Dim") if dimension is None else dimension) - 1
    first, others = values[0].shape, {(len(v.shape), v.shape[:axis], v.shape[axis + 1 :]) for v in values}
    if len(others) > 1 or not 0 <= axis < len(first) or math.prod(first[axis + 1 :]) > 1:
        what = f"dimension {axis + 1} of {', '.join(by(v.shape) for v in values)} units"
        raise part.fail(f"{what} is not supported; supported are dimension 1 of features and dimension 3 of images")
    return part.builder.concatenate(values, axis)


def depth_concatenation(part: Part, values: Sequence[Value]) -> Value:
    return concatenation(part, values, len(values[0].shape))


Reader = Callable[[Part, Sequence[Value]], Value]

INPUTS: dict[str, Reader] = dict.fromkeys(("FeatureInputLayer", "SequenceInputLayer", "ImageInputLayer"), input_layer)
OUTPUTS: dict[str, Reader] = dict.fromkeys(("RegressionOutputLayer", "ClassificationOutputLayer"), nothing)
JOINS: dict[str, Reader] = {  # layers that may have several inputs
    "AdditionLayer": partial(joined, Sum),
    "MultiplicationLayer": partial(joined, Product),
    "ConcatenationLayer": concatenation,
    "DepthConcatenationLayer": depth_concatenation,
    "FunctionLayer": function,
}
TABLE: dict[str, Reader] = {
    **INPUTS,
    "FullyConnectedLayer": fully_connected,
    "ReLULayer": elementwise("relu"),
    "LeakyReLULayer": elementwise("leaky_relu", slope=("Scale", 0.01)),
    "ClippedReLULayer": elementwise("clipped_relu", ceiling=("Ceiling",)),
    "ELULayer": elementwise("elu", alpha=("Alpha", 1.0)),
    "TanhLayer": elementwise("tansig"),
    "SigmoidLayer": elementwise("logsig"),
    "SoftplusLayer": elementwise("softplus"),
    "SwishLayer": elementwise("swish"),
    "GELULayer": gelu,
    "SoftmaxLayer": softmax,
    "ScalingLayer": scaling,
    "DropoutLayer": nothing,
    "SpatialDropoutLayer": nothing,
    "IdentityLayer": nothing,
    "FlattenLayer": flatten,
    "BatchNormalizationLayer": batch_normalization,
    "LayerNormalizationLayer": layer_normalization,
    "GroupNormalizationLayer": group_normalization,
    **JOINS,
    **OUTPUTS,
}
# Classes of other namespaces are somebody's own, even with a name of the table.
NAMESPACES = ("nnet.cnn.layer", "rl.layer", "rl.layer.internal")
