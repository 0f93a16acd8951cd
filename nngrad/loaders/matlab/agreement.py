"""What a `network` object says twice must agree: counts, the sizes of its cells, what is connected, delays, feedback.

Nothing is computed from these fields; but where one of them contradicts the rest, the object is damaged and its numbers
may be, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders.matlab.fields import Fields, by, cell_at, located, members, number, sized, struct_at, vector
from nngrad.loaders.matlab.shallow import INPUT, ShallowNetwork
from nngrad.loaders.tree import is_cell, shown

COUNTS = {"numInputs": "inputConnect", "numLayers": "layerConnect", "numOutputs": "outputConnect"}
RECORDS = {
    "IW": "inputWeights",
    "LW": "layerWeights",
    "b": "biases",
}  # where the sizes of weights and biases are said again
FEEDBACK = ("none", "open", "closed")


def agree(fields: Fields, stated: ShallowNetwork) -> None:
    """Refuses an object that contradicts itself: ModelError with the path of what contradicts the rest."""
    inputs, layers, outputs = len(stated.inputs), len(stated.layers), len(stated.outputs)
    for name, count in (("numInputs", inputs), ("numLayers", layers), ("numOutputs", outputs)):
        if name in fields and (stored := number(fields, name)) != count:
            raise ModelError(f".{name}: {stored:g}, but .{COUNTS[name]} connects {count}; the object is damaged")
    _cells_have_their_size(fields, inputs, layers)
    connects = _connected(stated)
    elements = sum(_weight_elements(fields, name, connects[name]) for name in RECORDS)
    if "numWeightElements" in fields and (stored := number(fields, "numWeightElements")) != elements:
        raise ModelError(
            f".numWeightElements: {stored:g}, but there are {elements} weights and biases; the object is damaged"
        )
    for name, connect in (("biases", "b"), ("inputWeights", "IW"), ("layerWeights", "LW"), ("outputs", "outputs")):
        _records_stand_where_connected(fields, name, connects[connect])
    _longest_delay(fields, "numInputDelays", stated.input_taps)
    _longest_delay(fields, "numLayerDelays", stated.state_taps.values())
    _feedback(fields, stated)


def _connected(stated: ShallowNetwork) -> dict[str, np.ndarray]:
    """Which weights, biases and outputs there are, as logical matrices; the rows are the layers (outputs: one row)."""
    inputs, layers = len(stated.inputs), len(stated.layers)
    connects = {"IW": np.zeros((layers, inputs), bool), "LW": np.zeros((layers, layers), bool)}
    for i, layer in enumerate(stated.layers):
        for c in layer.connections:
            connects["IW" if c.kind == INPUT else "LW"][i, c.source] = True
    outputs = np.zeros((1, layers), bool)
    outputs[0, [output.layer for output in stated.outputs]] = True
    return connects | {
        "b": np.array([[layer.biased] for layer in stated.layers], bool).reshape(layers, 1),
        "outputs": outputs,
    }


def _cells_have_their_size(fields: Fields, inputs: int, layers: int) -> None:
    """Refuses cells with more or fewer places than the connections have."""
    for name, count in {"inputs": inputs, "layers": layers, "biases": layers, "outputs": layers, "b": layers}.items():
        _has_size(fields, name, (count,))
    for name, count in {"IW": inputs, "inputWeights": inputs, "LW": layers, "layerWeights": layers}.items():
        _has_size(fields, name, (layers, count))


def _has_size(fields: Fields, name: str, shape: tuple[int, ...]) -> None:
    value = fields.get(name)
    if value is None and name == "biases":  # nothing is read from it
        return
    if not isinstance(value, np.ndarray) or (value.dtype != object and value.size):
        raise ModelError(f".{name}: not a cell; the object is damaged or no network")
    if (value.size,) != shape and value.shape != shape:
        raise ModelError(f".{name}: {by(value.shape)} cells, where {by(shape)} belong; the object is damaged")


def _weight_elements(fields: Fields, name: str, connect: np.ndarray) -> int:
    """How many weights there are: none where nothing is connected, else as many as their own record says."""
    total = 0
    for i, j in np.ndindex(connect.shape):
        path, value = f".{name}{{{i + 1},{j + 1}}}" if name != "b" else f".b{{{i + 1}}}", _entry(fields, name, i, j)
        if not connect[i, j] and np.size(value):
            raise ModelError(f"{path}: {sized(value)}, but nothing is connected there; the object is damaged")
        record = members(_entry(fields, RECORDS[name], i, j))
        size = located(f".{RECORDS[name]}{{{i + 1},{j + 1}}}", vector, record, "size") if connect[i, j] else None
        if size is not None and not _is_size(size.tolist(), np.shape(value)):
            raise ModelError(f"{path}: {sized(value)}, but .{RECORDS[name]} says {by(size)}; the object is damaged")
        total += np.size(value)
    return total


def _is_size(stated: list[float], shape: tuple[int, ...]) -> bool:
    """Whether that is the size of an array: both extents, or one for a vector."""
    return stated == list(shape) if len(stated) > 1 else stated == [math.prod(shape)]


def _entry(fields: Fields, name: str, i: int, j: int) -> Any:
    """What stands in a cell, an empty matrix where there is no such cell."""
    value = fields.get(name)
    return (
        value[i, j] if is_cell(value) and value.ndim == 2 and i < value.shape[0] and j < value.shape[1] else np.zeros(0)
    )


def _records_stand_where_connected(fields: Fields, name: str, connect: np.ndarray) -> None:
    """A struct where something is connected, and nothing where nothing is."""
    if name == "biases" and name not in fields:
        return
    for i, j in np.ndindex(connect.shape):
        part, path = cell_at(fields, name, i, j), f".{name}{{{i + 1},{j + 1}}}"
        if connect[i, j]:
            struct_at(fields, name, i, j)
        elif not isinstance(part, np.ndarray) or part.size:
            raise ModelError(f"{path}: {shown(part)}, but nothing is connected there; the object is damaged")


def _longest_delay(fields: Fields, name: str, taps: Iterable[tuple[int, ...]]) -> None:
    most = max((d for ds in taps for d in ds), default=0)
    if name in fields and (stored := number(fields, name)) != most:
        raise ModelError(f".{name}: {stored:g}, but the longest delay is {most}; the object is damaged")


def _feedback(fields: Fields, stated: ShallowNetwork) -> None:
    """An output that an input stands for (open loop) names that input, and the input names the output's layer."""
    fed: dict[float, int] = {}
    for output in stated.outputs:
        fed |= dict.fromkeys(_inputs_fed_by(fields, output.layer), output.layer + 1)
    for j in range(len(stated.inputs)):
        part, path = struct_at(fields, "inputs", j, 0), f".inputs{{{j + 1}}}"
        stored = located(path, vector, part, "feedbackOutput")
        layers = [float(fed[j + 1])] if j + 1 in fed else []
        if stored is not None and stored.tolist() != layers:
            raise ModelError(
                f"{path}.feedbackOutput: {stored.tolist()}, but the outputs say {layers}; the object is damaged"
            )
    if unknown := [k for k in fed if k not in range(1, len(stated.inputs) + 1)]:
        raise ModelError(
            f".outputs{{{fed[unknown[0]]}}}.feedbackInput: there is no input {unknown[0]:g}; the object is damaged"
        )


def _inputs_fed_by(fields: Fields, layer: int) -> list[float]:
    """The inputs, from 1, that stand for the output of a layer: one in open loop, else none."""
    part, path = struct_at(fields, "outputs", 0, layer), f".outputs{{{layer + 1}}}"
    mode = part.get("feedbackMode", "none")
    if not isinstance(mode, str) or mode not in FEEDBACK:
        raise ModelError(f"{path}.feedbackMode: {shown(mode)}; it is {', '.join(FEEDBACK)}")
    stored = located(path, vector, part, "feedbackInput")
    inputs: list[float] = [] if stored is None else stored.tolist()
    if "feedbackInput" in part and (mode == "open") != (len(inputs) == 1):
        raise ModelError(f"{path}.feedbackInput: contradicts its feedbackMode {mode!r}; the object is damaged")
    return inputs
