"""nngrad's own format, in a MAT-file or an HDF5 file: any network, simple enough to be written by hand.

`sources` count values in every language alike, 0 is the input and k the k-th layer; nothing else is implied but that a
layer without `sources` reads the one before it. sample_models/README.md is the description. A layer is either one of
the kinds, with the fields of its dataclass and a line `shapes` (layers.py), which is what encode.py writes, or one
written by hand (by_hand.py). What is present and not understood is refused, whatever it is; IGNORED alone may be
anything. Only an empty matrix [] counts as absent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nngrad.core.builder import Builder
from nngrad.core.layers import Layer
from nngrad.core.limits import MOST_LAYERS, MOST_SOURCES, MOST_UNITS, within
from nngrad.core.network import Network
from nngrad.core.ports import Port, numbered
from nngrad.errors import ModelError, listed
from nngrad.loaders.activation_names import is_activation
from nngrad.loaders.matlab.processing import STEPS
from nngrad.loaders.tree import Group, is_numeric
from nngrad.own_format.by_hand import WRITTEN_BY_HAND, activation_of, processing_step
from nngrad.own_format.layers import ORDER_ADVICE, decoded_layer
from nngrad.own_format.ports import decoded_origin, decoded_ports, noted_units
from nngrad.own_format.schema import BY_CLASS, COLUMN_MAJOR, MATRICES, ROW_MAJOR, TOP, VERSION, takes_several
from nngrad.own_format.values import (
    COMMON,
    FORMAT,
    Fields,
    as_text,
    as_vector,
    as_whole,
    clipped,
    get,
    only,
    sequence,
    short,
    text_of,
)


def read(element: Fields) -> Network:
    """The network of one element; ModelError, with the field's path, where it is not what the format says."""
    if (text := as_text(get(element, "format"))) != FORMAT:
        raise ModelError(f".format: {'is missing' if text is None else repr(text)}; write it as {FORMAT!r}")
    version = as_whole(get(element, "version"), ".version")
    if version != VERSION:
        raise ModelError(f".version: version {version} of the format; this nngrad reads {VERSION}: take a newer one")
    only(element, TOP, "", "a network")
    if _is_turned(element):
        element = _turned(element)
    layers = sequence(get(element, "layers"), ".layers")
    if not layers:
        raise ModelError(".layers: there is none; a network has at least one")
    given = get(element, "inputs")
    inputs = (
        (Port("x", numbered("x", _first_width(layers[0]))),) if given is None else decoded_ports(given, ".inputs", "x")
    )
    builder, y, size = _built(layers, sum(p.size for p in inputs))
    given = get(element, "outputs")
    outputs = (Port("y", numbered("y", size)),) if given is None else decoded_ports(given, ".outputs", "y")
    if whole := [k for k, port in enumerate(outputs, 1) if port.integer]:
        raise ModelError(
            f".outputs{{{whole[0]}}}.integer: outputs are not rounded, only inputs may be integer; leave it out"
        )
    if sum(p.size for p in outputs) != size:
        raise ModelError(
            f".outputs: {sum(p.size for p in outputs)} columns are named, the last layer has {size} outputs"
        )
    notes = (*noted_units(element, "inputs"), *noted_units(element, "outputs"))
    lines = [f"layer {k}: {kind_of(fields, f'.layers{{{k}}}')}" for k, fields in enumerate(layers, 1)]
    origin = decoded_origin(get(element, "origin"), lines, notes)
    return _tried(Network(tuple(builder.nodes), inputs, outputs, origin, result=y))


def _tried(net: Network) -> Network:
    """The network, unless arrays of a layer disagree with each other, which only shows when it is evaluated."""
    try:
        net(np.zeros((1, net.input_size)))
    except (ValueError, IndexError, TypeError, AttributeError) as e:
        raise ModelError(
            f".layers: can't be evaluated: {' '.join(str(e).split())}; the arrays of a layer disagree"
        ) from None
    return net


# layers


def _built(layers: list[Fields], width: int) -> tuple[Builder, int, int]:
    """The layers in evaluation order, and how many outputs the last one has."""
    builder, values, sizes = Builder(), [0], [width]
    within(MOST_LAYERS, len(layers), "layers")
    units = 0
    for k, fields in enumerate(layers, 1):
        path = f".layers{{{k}}}"
        if not isinstance(fields, dict):
            raise ModelError(f"{path}: not a struct or group with a field `kind`")
        sources = _sources(fields, k, path)
        value, size = tuple(values[s] for s in sources), tuple(sizes[s] for s in sources)
        for layer in _lowered(fields, size, path):
            if not takes_several(layer):
                _refuse_several(value, fields, path)
            size = (_checked(layer, size, path),)
            within(MOST_UNITS, units := units + size[0], "units in its layers")
            value = (builder.add(layer, *value),)
        _refuse_several(value, fields, path)
        values.append(value[0])
        sizes.append(size[0])
    return builder, values[-1], sizes[-1]


def _refuse_several(values: tuple[int, ...], fields: Fields, path: str) -> None:
    if len(values) != 1:
        raise ModelError(f"{path}.sources: {len(values)} sources for a {kind_of(fields, path)}, which takes one")


def _checked(layer: Layer, sizes: tuple[int, ...], path: str) -> int:
    try:
        return int(layer.size(*sizes))
    except (ValueError, TypeError, IndexError, AttributeError) as e:
        advice = f"; {ORDER_ADVICE}" if any(hasattr(layer, name) for name in MATRICES) else ""
        raise ModelError(f"{path} ({type(layer).__name__}): {e}{advice}") from None


def _sources(fields: Fields, k: int, path: str) -> tuple[int, ...]:
    value = get(fields, "sources")
    if value is None:
        return (k - 1,)
    numbers = as_vector(value, f"{path}.sources")
    within(MOST_SOURCES, numbers.size, "sources of layers")
    if (
        not numbers.size
        or not all(s == int(s) and 0 <= s < k for s in numbers if np.isfinite(s))
        or not np.isfinite(numbers).all()
    ):
        raise ModelError(
            f"{path}.sources: {short(numbers)}; it counts values before this layer: 0 is the input, {k - 1} the layer before"
        )
    return tuple(int(s) for s in numbers)


def kind_of(fields: Fields, path: str) -> str:
    kind = text_of(fields, "kind", path)
    if kind is None:
        raise ModelError(f"{path}.kind: missing; it is {_known_kinds()}")
    return kind


def _known_kinds() -> str:
    """What may stand in `kind`, for a message."""
    return f"{', '.join(WRITTEN_BY_HAND)}, a processing step of MATLAB or an activation"


def _lowered(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    """The layers of one entry, for inputs of these sizes."""
    kind = kind_of(fields, path)
    if kind in BY_CLASS and get(fields, "shapes") is not None:
        return [decoded_layer(kind, fields, path)]
    if get(fields, "shapes") is not None:
        raise ModelError(
            f"{path}.shapes: not a field of kind {clipped(kind)}; only the kinds {listed(tuple(BY_CLASS), 3)} have it"
        )
    by_hand = WRITTEN_BY_HAND.get(kind.lower())
    if by_hand:
        return by_hand(fields, widths, path)
    if kind.lower() in STEPS:
        return processing_step(kind.lower(), fields, widths, path)
    if kind in BY_CLASS:
        raise ModelError(
            f"{path}.shapes: missing; a {kind} says what its arrays are, such as 'W 10x3, b 10'; or write a {_advice(kind)}"
        )
    if is_activation(kind):
        return activation_of(fields, kind, COMMON, path)
    raise ModelError(f"{path}.kind: {clipped(kind)!r} is not supported; supported are {_known_kinds()}")


def _advice(kind: str) -> str:
    return {"Affine": "dense", "Elementwise": "layer whose kind is the activation's name"}.get(
        kind, "kind of sample_models/README.md"
    )


# inputs, and the order of arrays


def _first_width(first: Any) -> int:
    """How many inputs there are where only the first layer tells."""
    if isinstance(first, dict):
        for name in MATRICES:
            value = get(first, name)
            if isinstance(value, np.ndarray) and value.ndim == 2:
                return value.shape[1]
        inner = get(first, "settings")
        for source in (first, inner if isinstance(inner, dict) else {}):
            for name in ("gain", "center", "xoffset", "xmin", "xmean"):
                value = get(source, name)
                if isinstance(value, np.ndarray):
                    return int(value.size)
    raise ModelError(".inputs: missing, and the first layer does not tell how many there are; add columns or size")


def _is_turned(element: Fields) -> bool:
    """Whether the axes of all arrays are turned round, as `array_order` says."""
    order = text_of(element, "array_order", "")
    if order is None:
        return False
    if not isinstance(element, Group):
        raise ModelError(
            ".array_order: only HDF5 files have one, in a MAT-file W is what it is in MATLAB: leave it out"
        )
    if order.lower() not in (COLUMN_MAJOR, ROW_MAJOR):
        raise ModelError(
            f".array_order: {clipped(order)!r}; it is {COLUMN_MAJOR!r} (MATLAB, R, Julia) or {ROW_MAJOR!r} (C, Python)"
        )
    return order.lower() == COLUMN_MAJOR


def _turned(element: Any) -> Any:
    if isinstance(element, Group):
        return Group(*({k: _turned(v) for k, v in part.items()} for part in (element, element.attributes)))
    return element.T if is_numeric(element) else element
