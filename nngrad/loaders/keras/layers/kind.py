"""What a family of layers says of each of Keras' classes: one row that answers all questions about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nngrad.core.builder import Value
from nngrad.loaders.keras.builder import KerasBuilder
from nngrad.loaders.keras.config import KerasLayer

Lower = Callable[[KerasBuilder, KerasLayer, tuple[Value, ...]], Value]


def no_weights(layer: KerasLayer) -> tuple[str, ...]:
    return ()


class LayerKind(NamedTuple):
    """One of Keras' layer classes, or an operation of keras.ops, which Functional models hold in the place of layers.

    `lower` adds to the network what the layer computes at inference and gives the value; ModelError, which names the
    layer, where that isn't supported. It gets one value, or any number of them where `merges` is set.
    """

    lower: Lower
    settings: tuple[str, ...] = ()  # what the outputs depend on
    weights: Callable[[KerasLayer], tuple[str, ...]] = no_weights  # the names of its arrays, in Keras' order
    merges: bool = False
    varies: bool = False  # training=True changes its outputs
    keeps_integers: bool = False  # integers go in, integers come out
    is_layer: bool = True
    is_operation: bool = False
