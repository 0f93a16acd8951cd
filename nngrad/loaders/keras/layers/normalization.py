"""Keras' normalisation: by trained statistics, by the row's own, and what prepares inputs (Normalization, Rescaling).

Sources: keras.io/api/layers/normalization_layers and keras.io/api/layers/preprocessing_layers/numerical.
"""

from __future__ import annotations

import math

import numpy as np

from nngrad.core.builder import Shape, Value
from nngrad.core.layers import Normalize
from nngrad.loaders.keras.builder import KerasBuilder
from nngrad.loaders.keras.config import KerasLayer
from nngrad.loaders.keras.layers.kind import LayerKind
from nngrad.loaders.keras.settings import Array, along, axes, flag, number, numbers, weight, whole

EPSILON = 1e-7  # keras.backend.epsilon()


def batch_normalization(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
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
    return build.scale(x, *(along(x, kept, v, layer, "its weights") for v in (gain, mean, shift)))


def _inverse_root(layer: KerasLayer, variance: Array, epsilon: float) -> Array:
    if np.any(variance + epsilon <= 0.0):
        raise layer.error("a variance plus epsilon is not above zero; the file is damaged")
    return 1.0 / np.sqrt(variance + epsilon)


def layer_normalization(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    """(x - mean) gamma / sqrt(variance + epsilon) + beta, mean and variance over the last axes of each place."""
    (x,) = values
    kept = axes(layer, x)
    if kept != list(range(len(x.shape) - len(kept), len(x.shape))):
        what = f"axis {layer.config.get('axis')} of values with {len(x.shape)} feature axes"
        raise layer.error(f"{what}; supported are the last ones")
    if layer.config.get("rms_scaling"):
        raise layer.error("rms_scaling is not supported; supported is the ordinary layer normalisation")
    groups = math.prod(x.shape[: kept[0]])
    return _normalized(build, layer, x, kept, tuple(x.shape[k] for k in kept), groups)


def group_normalization(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    """The same over groups of neighbouring channels."""
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
        what = f"groups of values with the shape {x.shape} are not supported"
        raise layer.error(f"{what}; supported is one feature axis, or one group")
    return _normalized(build, layer, x, kept, (channels,), groups)


def _normalized(build: KerasBuilder, layer: KerasLayer, x: Value, kept: list[int], shape: Shape, groups: int) -> Value:
    """x by the statistics of `groups` equal parts of its row, then gamma and beta of that shape along the axes kept."""
    epsilon = number(layer, "epsilon", default=1e-3)
    if epsilon <= 0.0 or not x.size:
        raise layer.error(f"epsilon {epsilon:g} on {x.size} units")
    y = build.add(Normalize(x.size, groups, epsilon), x, shape=x.shape)
    gain = weight(layer, "gamma", shape) if flag(layer, "scale") else np.ones(shape)
    shift = weight(layer, "beta", shape) if flag(layer, "center") else np.zeros(shape)
    return build.scale(y, gain=along(x, kept, gain, layer, "gamma"), shift=along(x, kept, shift, layer, "beta"))


def normalization(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
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
        return build.scale(x, gain=deviation, shift=mean)
    return build.scale(x, gain=1.0 / deviation, center=mean)


def rescaling(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    """x scale + offset."""
    (x,) = values
    gain, shift = _rescaled_by(layer, "scale", 1.0, x), _rescaled_by(layer, "offset", 0.0, x)
    return build.scale(x, gain=gain, shift=shift)


def _rescaled_by(layer: KerasLayer, name: str, default: float, x: Value) -> Array:
    array = numbers(layer, name) if layer.config.get(name) is not None else np.full((), default)
    try:
        return np.broadcast_to(array, x.shape)
    except ValueError:
        raise layer.error(f"{name} of the shape {array.shape} on values of the shape {x.shape}") from None


# their weights


def _gamma_and_beta(layer: KerasLayer) -> tuple[str, ...]:
    settings = (("gamma", "scale"), ("beta", "center"))
    return tuple(name for name, setting in settings if layer.config.get(setting, True))


def _weights_of_batch(layer: KerasLayer) -> tuple[str, ...]:
    return (*_gamma_and_beta(layer), "moving_mean", "moving_variance")


def _weights_of_normalization(layer: KerasLayer) -> tuple[str, ...]:
    return () if layer.config.get("mean") is not None else ("mean", "variance", "count")


# the collection

SCALED = ("axis", "epsilon", "scale", "center")
BATCH = LayerKind(batch_normalization, SCALED, _weights_of_batch, varies=True)
KINDS: dict[str, LayerKind] = {
    "BatchNormalization": BATCH,
    "BatchNormalizationV1": BATCH,
    "BatchNormalizationV2": BATCH,
    "LayerNormalization": LayerKind(layer_normalization, (*SCALED, "rms_scaling"), _gamma_and_beta),
    "GroupNormalization": LayerKind(group_normalization, (*SCALED, "groups"), _gamma_and_beta),
    "Normalization": LayerKind(normalization, ("axis", "mean", "variance", "invert"), _weights_of_normalization),
    "Rescaling": LayerKind(rescaling, ("scale", "offset")),
}
