"""Keras models: `.keras` archives and legacy `.h5` files of Keras 2, tf.keras and Keras 3. A model is what its
configuration says with the meaning of the Keras version that wrote it; nothing in the file is ever run.

Sequential and Functional models, models within models, shared layers. Several inputs stand side by side in the columns
of x, several outputs in those of y, in the order of model.inputs and model.outputs (a dict by its sorted names). An
axis of free length (time steps) is taken as one step.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from nngrad.core.builder import Shape, Value
from nngrad.core.limits import MOST_LAYERS
from nngrad.core.network import Network
from nngrad.core.ports import Origin, Port, numbered
from nngrad.errors import Described, ModelError, listed
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.keras import config as keras_config
from nngrad.loaders.keras import weights as keras_weights
from nngrad.loaders.keras.builder import MOST_UNITS, KerasBuilder
from nngrad.loaders.keras.config import KerasLayer, KerasModel, LayerCall, Reference
from nngrad.loaders.keras.layers import LAYERS
from nngrad.loaders.keras.layers.merging import with_constant
from nngrad.loaders.keras.supported import FLOATS, dtype_of, refusal, unknown_settings, unsupported
from nngrad.loaders.port_names import columns_of
from nngrad.loaders.tree import Group, Tree

NAME = "Keras model"
COMPLETE = True  # nothing lies beside the network
MOST_CALLS = 20_000
PLAIN = LayerCall((), {})
Known = dict[tuple[str, int], list[Value]]  # the outputs of a call, by the name of the layer and the number of the call
NamedInput = tuple[str, Shape, str]  # an input's name, its shape, and the integer type that it is cast to ("" for none)
FREE_AXIS = "an input axis of free length (time steps) is taken as one step"


def find(tree: Tree) -> list[tuple[str, dict[str, Any]]]:
    root = tree.variables
    is_archive = isinstance(root.get("config"), dict) and isinstance(root.get("weights"), Group)
    return [("model", root)] if is_archive or (isinstance(root, Group) and "model_config" in root.attributes) else []


def read(candidate: dict[str, Any], hints: Hints = NO_HINTS) -> Network:
    """The network of a Keras file; ModelError where anything in it is not understood, with the layer or the path."""
    if isinstance(candidate, Group):
        config = _json(candidate.attributes["model_config"])
        places = [g.attributes for g in (candidate, candidate.get("model_weights")) if isinstance(g, Group)]
        version = next((v for a in places if isinstance(v := a.get("keras_version"), str) and v), None)
    else:
        metadata = candidate.get("metadata")
        version, config = metadata.get("keras_version") if isinstance(metadata, dict) else None, candidate["config"]
    keras = keras_config.version(version)
    model = keras_config.model(config, "", keras)
    stored = candidate if isinstance(candidate, Group) else keras_weights.with_slashes(candidate["weights"])
    if refused := [(layer, why) for layer in _leaves(model) if (why := unsupported(layer))]:
        paths = {layer.path for layer, _ in refused}
        raise refusal(refused, _described(model, stored, str(config["class_name"]), str(version), paths))
    if isinstance(candidate, Group):
        keras_weights.from_hdf5(model, stored)
    else:
        keras_weights.from_archive(model, stored)
    return _KerasReader(model, keras).network(str(config["class_name"]), str(version))


def _described(model: KerasModel, stored: Group, classname: str, version: str, refused: set[str]) -> Described:
    """The layers of a model that is not supported, with the shapes of their inputs and weights as far as known."""
    arrays = keras_weights.shapes(model, stored)
    lines = []
    for layer in _leaves(model):
        shape = _stated_shape(layer)
        known = [*([f"input {shape}"] if shape else []), *arrays.get(layer.path, ())]
        rest = f" ({', '.join(known)})" if known else ""
        verdict = ": not supported" if layer.path in refused else ""
        lines.append(f"{layer.path}: {layer.kind}{_summary(layer)}{rest}{verdict}")
    return Described(f"Keras {classname}", version, model.name, tuple(lines))


def _json(text: Any) -> dict[str, Any]:
    try:
        config = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as e:
        raise ModelError(f"model_config is no JSON that can be read ({str(e)[:80]}); save the model again") from None
    if not isinstance(config, dict):
        raise ModelError("model_config is no JSON object; save the model again")
    return config


def _leaves(model: KerasModel) -> Iterator[KerasLayer]:
    for layer in model.layers.values():
        if layer.model:
            yield from _leaves(layer.model)
        else:
            yield layer


class _KerasReader:
    """One model on its way to a Network."""

    def __init__(self, model: KerasModel, keras: int) -> None:
        self.model, self.keras = model, keras
        self.build = KerasBuilder(keras=keras, masked=any(layer.kind == "Masking" for layer in _leaves(model)))
        self.calls = 0
        self.notes: list[str] = []
        self.doubts: list[str] = []
        self.integers: set[int] = set()  # values that Keras keeps as integers

    def network(self, classname: str, version: str) -> Network:
        named = self._inputs()
        total = sum(math.prod(shape) for _, shape, _ in named)
        if not 0 < total <= MOST_UNITS:
            raise ModelError(f"the model reads {total} numbers; from 1 to {MOST_UNITS} are supported")
        values = self.build.inputs([shape for _, shape, _ in named])
        for (name, _, integer), value in zip(named, values, strict=True):
            if integer:
                self.integers.add(value.number)
                meaning = "whole numbers only; derivatives are those of the same function of real inputs"
                self.doubts.append(f"{name}: inputs of type {integer}, {meaning}")
        results = self._run(self.model, values, "")
        y = self.build.beside(results)
        return self.build.network(y, _input_ports(named), self._output_ports(results), self._origin(classname, version))

    def _output_ports(self, results: list[Value]) -> Iterator[Port]:
        columns = 0
        for name, value in zip(self._output_names(), results, strict=True):
            yield Port(name, numbered("y", value.size, columns + 1))
            columns += value.size

    def _origin(self, classname: str, version: str) -> Origin:
        computing = (layer for layer in _leaves(self.model) if layer.kind != "InputLayer")
        return Origin(
            classname=f"Keras {classname}",
            version=version,
            name=self.model.name,
            notes=tuple(self.notes),
            doubts=(*self.doubts, *self._unknown()),
            layers=tuple(f"{layer.path}: {layer.kind}{_summary(layer)}" for layer in computing),
        )

    def _unknown(self) -> Iterator[str]:
        for layer in _leaves(self.model):
            if names := unknown_settings(layer):
                text = "settings that are not known, and not used; compare with Keras' outputs (nngrad verify)"
                yield f"layer {layer.path} ({layer.kind}): {listed(names, 4)}: {text}"

    def _output_names(self) -> list[str]:
        if self.model.outputs is None:
            return [next(reversed(self.model.layers))]
        return [ref.layer for ref in self.model.outputs]

    # inputs

    def _inputs(self) -> list[NamedInput]:
        """The model's inputs; ModelError where the file doesn't say their shapes."""
        layers = self.model.layers
        if self.model.inputs is not None:
            found = [_input_layer(self.model, ref) for ref in self.model.inputs]
            return [(layer.name, self._shape(_stated_shape(layer), layer), _integer(layer)) for layer in found]
        first = next(iter(layers.values()))
        inner = first
        while inner.model is not None and _stated_shape(inner) is None:
            inner = next(iter(inner.model.layers.values()))
        stated = _stated_shape(first) or self.model.input_shape or _stated_shape(inner)
        if stated is None and inner.kind == "Dense" and inner.weights["kernel"].ndim == 2:
            stated = [None, inner.weights["kernel"].shape[0]]
        if stated is None:
            advice = "call it once, or give it an Input layer, before saving"
            raise ModelError(f"the model does not say how many inputs it takes; {advice}")
        name = first.name if first.kind == "InputLayer" else f"{first.name}_input"  # as Keras names it
        return [(name, self._shape(stated, first), _integer(first))]

    def _shape(self, stated: Any, layer: KerasLayer) -> tuple[int, ...]:
        """A shape without its batch axis."""
        if isinstance(stated, list) and len(stated) == 1 and isinstance(stated[0], list):
            stated = stated[0]
        if not isinstance(stated, list) or not stated or not all(map(_is_extent, stated)):
            raise layer.error(f"its input shape is {keras_config.shown(stated)}, not a batch of rows")
        if None in stated[1:] and FREE_AXIS not in self.notes:
            self.notes.append(FREE_AXIS)
        return tuple(1 if n is None else n for n in stated[1:])

    # calls

    def _run(self, model: KerasModel, values: list[Value], path: str, keys: tuple[str, ...] = ()) -> list[Value]:
        """The outputs of a model for its inputs, which may be given by name."""
        if model.outputs is None or model.inputs is None:
            for layer in model.layers.values():
                values = self._apply(layer, tuple(values), PLAIN)
            return values
        if len(values) != len(model.inputs):
            raise ModelError(f"layer {path or 'the model'}: reads {len(values)} values, not {len(model.inputs)}")
        if keys:
            values = _by_name(model, values, path, keys)
        if path:
            for ref, value in zip(model.inputs, values, strict=True):
                self._fits(_input_layer(model, ref), value)
        known: Known = {(ref.layer, 0): [value] for ref, value in zip(model.inputs, values, strict=True)}
        first_calls = {name: self._first_call(model, layer) for name, layer in model.layers.items() if layer.model}
        where = f"layer {path}" if path else "the model"
        return [self._value(model, self._counted(model, ref), known, first_calls, where) for ref in model.outputs]

    def _counted(self, model: KerasModel, output: Reference) -> Reference:
        """Keras 3 counts the calls of a Functional model from 1 where it lists outputs, but from 0 in inbound_nodes."""
        layer = model.layers.get(output.layer)
        from_1 = self.keras == 3 and layer is not None and layer.kind in ("Functional", "Model")
        return output._replace(call=output.call - 1) if from_1 else output

    def _first_call(self, model: KerasModel, layer: KerasLayer) -> int:
        """Keras 2 counts the calls of a model within a model from 1: its own construction was the first."""
        references = {
            ref.call
            for refs in (model.outputs or (), *(c.sources for other in model.layers.values() for c in other.calls))
            for ref in refs
            if ref.layer == layer.name
        }
        return int(self.keras == 2 and bool(references) and 0 not in references)

    def _value(self, model: KerasModel, wanted: Reference, known: Known, first: dict[str, int], where: str) -> Value:
        """The value of a reference; computes what it needs, without recursion, and finds circles."""
        stack, open_calls = [(wanted.layer, wanted.call - first.get(wanted.layer, 0))], set()
        while stack:
            key = stack[-1]
            if key in known:
                stack.pop()
                continue
            layer, call = self._call(model, *key, where)
            for ref in call.sources:
                _layer(model, ref, f"layer {layer.path}")
            needs = [(ref, (ref.layer, ref.call - first.get(ref.layer, 0))) for ref in call.sources]
            missing = [k for _, k in needs if k not in known]
            if missing:
                open_calls.add(key)
                if open_calls.intersection(missing):
                    raise layer.error("feeds itself: the connections (inbound_nodes) go in a circle")
                stack.extend(missing)
                continue
            open_calls.discard(key)
            values = tuple(_output(known[k], ref, layer.path) for ref, k in needs)
            known[key] = self._apply(layer, values, call)
            stack.pop()
        return _output(known[wanted.layer, wanted.call - first.get(wanted.layer, 0)], wanted, where)

    def _call(self, model: KerasModel, name: str, number: int, where: str) -> tuple[KerasLayer, LayerCall]:
        layer = _layer(model, Reference(name, number, 0), where)
        if layer.kind == "InputLayer":
            raise layer.error("is read, but is not among the model's inputs")
        if not 0 <= number < len(layer.calls):
            what = f"its call {number} is read, but it has {len(layer.calls)} (inbound_nodes)"
            raise layer.error(f"{what}; the configuration is damaged")
        call = layer.calls[number]
        if not call.sources:
            raise layer.error("reads nothing (inbound_nodes is empty); the configuration is damaged")
        return layer, call

    def _apply(self, layer: KerasLayer, values: tuple[Value, ...], call: LayerCall) -> list[Value]:
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise ModelError(f"the model has more than {MOST_CALLS} calls of layers")
        _refuse_options(layer, call.options)
        if layer.model is not None:
            return self._run(layer.model, list(values), layer.path, call.keys)
        result = self._computed(layer, values, call)
        self._keep_integers(layer, values, call, result)
        return [result]

    def _keep_integers(self, layer: KerasLayer, values: tuple[Value, ...], call: LayerCall, result: Value) -> None:
        """Follows values that are still integers; refuses sums and products of them, which Keras lets wrap around."""
        if not any(v.number in self.integers for v in values):
            return
        kind = LAYERS[layer.kind]
        rectifies = layer.kind == "Activation" and layer.config.get("activation") in ("linear", "relu", "relu6")
        if (kind.keeps_integers or rectifies) and call.constant is None:
            self.integers.add(result.number)
        elif kind.merges or call.constant is not None:
            advice = "give the model float32 inputs, or a Rescaling before it"
            raise layer.error(f"computes with integers, which may wrap around; {advice}")

    def _computed(self, layer: KerasLayer, values: tuple[Value, ...], call: LayerCall) -> Value:
        value = self._lowered(layer, values, call)
        if value.size > MOST_UNITS:
            what = f"more than {MOST_LAYERS} steps or more than {MOST_UNITS} units"
            raise ModelError(f"the model needs {what}; split it into smaller models")
        return value

    def _lowered(self, layer: KerasLayer, values: tuple[Value, ...], call: LayerCall) -> Value:
        kind = LAYERS[layer.kind]
        if call.constant is not None and len(values) == 1:
            return with_constant(self.build, layer, values[0], call.constant)
        if call.apart and len({len(v.shape) for v in values}) > 1:
            raise layer.error("an operation on values with different numbers of axes is not supported")
        if not kind.merges:
            self._reads_one(layer, values)
        return kind.lower(self.build, layer, values)

    def _reads_one(self, layer: KerasLayer, values: tuple[Value, ...]) -> None:
        if len(values) != 1:
            raise layer.error(f"reads {len(values)} values, not one")
        if layer.kind == "InputLayer":
            self._fits(layer, values[0])

    def _fits(self, layer: KerasLayer, value: Value) -> None:
        """Keras adds and drops axes of size 1 where a value enters a model within the model: refused."""
        stated = _stated_shape(layer)
        sizes = stated[1:] if isinstance(stated, list) else []
        if len(sizes) != len(value.shape) or any(n not in (None, m) for n, m in zip(sizes, value.shape, strict=True)):
            raise layer.error(f"takes the shape {keras_config.shown(str(stated))}, but gets {value.shape}")


def _input_ports(named: list[NamedInput]) -> Iterator[Port]:
    columns_of_ports = columns_of([(name, math.prod(shape)) for name, shape, _ in named])
    for (name, _, integer), columns in zip(named, columns_of_ports, strict=True):
        yield Port(name, columns, integer=integer)


def _by_name(model: KerasModel, values: list[Value], path: str, keys: tuple[str, ...]) -> list[Value]:
    """Values given by name, in the order of a model's inputs."""
    names = model.keys or tuple(ref.layer for ref in model.inputs or ())
    if set(names) != set(keys):
        own = ", ".join(names[:6])
        raise ModelError(f"layer {path}: is called with inputs named {', '.join(keys[:6])}; its own are {own}")
    return values if model.keys else [values[keys.index(name)] for name in names]


def _layer(model: KerasModel, ref: Reference, where: str) -> KerasLayer:
    layer = model.layers.get(ref.layer)
    if layer is None:
        what = f"reads a layer {keras_config.shown(ref.layer)}, which does not exist"
        raise ModelError(f"{where}: {what}; the configuration is damaged")
    return layer


def _input_layer(model: KerasModel, ref: Reference) -> KerasLayer:
    layer = _layer(model, ref, "the model")
    if layer.kind != "InputLayer":
        raise layer.error("is listed as an input, but is no InputLayer")
    return layer


def _output(values: list[Value], ref: Reference, where: str) -> Value:
    if not 0 <= ref.output < len(values):
        name = keras_config.shown(ref.layer)
        raise ModelError(f"{where}: reads output {ref.output} of layer {name}, which has {len(values)}")
    return values[ref.output]


def _refuse_options(layer: KerasLayer, options: dict[str, Any]) -> None:
    for name, value in options.items():
        if name == "training":
            if value and (_varies(layer) or layer.model is not None):
                what = "is called with training=True: random or batch-dependent also at inference"
                raise layer.error(f"{what}; save it without")
        elif not _is_nothing(value):
            what = f"is called with {keras_config.shown(name)} = {keras_config.shown(value)}"
            raise layer.error(f"{what}; supported are calls with values alone")


def _varies(layer: KerasLayer) -> bool:
    return layer.kind in LAYERS and LAYERS[layer.kind].varies


def _is_nothing(value: Any) -> bool:
    """What calls say of masks that aren't there."""
    parts = list(value.values()) if isinstance(value, dict) else value
    return value is None or value is False or (isinstance(parts, list) and all(v is None for v in parts))


def _is_extent(n: Any) -> bool:
    """Whether an axis has this length: a number, or None where it is free."""
    return n is None or (keras_config.is_whole(n) and n >= 0)


def _integer(layer: KerasLayer) -> str:
    """The integer type of an input, "" for real numbers; older files state none for a chain without an input layer."""
    dtype = dtype_of(layer)
    return "" if dtype.startswith(FLOATS) else dtype


def _stated_shape(layer: KerasLayer) -> Any:
    return next((layer.config[key] for key in ("batch_shape", "batch_input_shape") if layer.config.get(key)), None)


def _summary(layer: KerasLayer) -> str:
    activation = layer.config.get("activation")
    parts = [f"{count} {name}" for name in ("units", "filters") if isinstance(count := layer.config.get(name), int)]
    if isinstance(activation, str):
        parts.append(activation)
    return f", {', '.join(parts)}" if parts else ""
