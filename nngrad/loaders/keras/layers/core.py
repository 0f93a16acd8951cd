"""Keras' core layers: Dense, and those that change nothing when a trained model predicts.

Sources: keras.io/api/layers/core_layers and keras.io/api/layers/regularization_layers.
"""

from __future__ import annotations

import numpy as np

from nngrad.core.builder import Value
from nngrad.core.layers import Affine
from nngrad.loaders.keras.builder import KerasBuilder
from nngrad.loaders.keras.config import KerasLayer
from nngrad.loaders.keras.layers.activations import activate
from nngrad.loaders.keras.layers.kind import LayerKind
from nngrad.loaders.keras.settings import flag, number, weight, whole

MOST_SPREAD = 4_000_000  # weights of a dense layer written out for every step


def identity(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    return values[0]


def dense(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
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
            what = f"a dense layer on {blocks} steps of {x.shape[-1]} units is too large"
            raise layer.error(f"{what}; supported are {MOST_SPREAD} weights written out")
        W, b = np.kron(np.eye(blocks), W), np.tile(b, blocks)
    y = build.add(Affine(W, b), x, shape=(*x.shape[:-1], units))
    return activate(build, layer, y, layer.config.get("activation"))


def masking(build: KerasBuilder, layer: KerasLayer, values: tuple[Value, ...]) -> Value:
    """A row of zeros is masked by setting it to zero; what would use the mask is refused."""
    if number(layer, "mask_value", default=0.0) != 0.0:
        raise layer.error("a mask_value other than 0 is not supported")
    return values[0]


def _weights_of_dense(layer: KerasLayer) -> tuple[str, ...]:
    return ("kernel", "bias") if layer.config.get("use_bias", True) else ("kernel",)


# the collection

RANDOM = (
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "AlphaDropout",
    "GaussianDropout",
    "GaussianNoise",
)
UNCHANGED = LayerKind(identity, keeps_integers=True)
KINDS: dict[str, LayerKind] = {
    "Dense": LayerKind(dense, ("units", "activation", "use_bias"), _weights_of_dense),
    "Masking": LayerKind(masking, ("mask_value",), keeps_integers=True),
    **dict.fromkeys(("InputLayer", "Identity", "ActivityRegularization"), UNCHANGED),
    **dict.fromkeys(RANDOM, UNCHANGED._replace(varies=True)),
}
