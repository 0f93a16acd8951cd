"""Keras' layers, lowered to the layer kinds: exactly what Keras computes at inference, or a refusal by name.

A value is a run of columns with the shape that Keras sees (without the batch axis). One file for each family of layers;
adding a layer is one row in the KINDS of its family, adding an activation one row in activations.ACTIVATIONS.
"""

from __future__ import annotations

from nngrad.loaders.keras.config import KerasLayer
from nngrad.loaders.keras.layers import activations, core, merging, normalization, reshaping
from nngrad.loaders.keras.layers.kind import LayerKind

LAYERS: dict[str, LayerKind] = {
    **activations.KINDS,
    **core.KINDS,
    **normalization.KINDS,
    **reshaping.KINDS,
    **merging.KINDS,
}
OPERATIONS = frozenset(name for name, kind in LAYERS.items() if not kind.is_layer)  # of keras.ops, in Functional models


def expected_weights(layer: KerasLayer) -> tuple[str, ...]:
    """The names of a layer's arrays, in Keras' order."""
    return LAYERS[layer.kind].weights(layer) if layer.kind in LAYERS else ()
