"""A Keras model's configuration (JSON of Keras 2 and 3) as models, layers and calls. The one rule: nothing in it is code.

A layer is called once or several times (shared layers); each call reads values that other calls of the same model wrote.
Keras 2 writes a call as a list of [layer, call, output, options], Keras 3 as arguments with `keras_history`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nngrad.errors import ModelError

MOST_DEPTH = 20  # models in models, lists in lists
MODELS = ("Sequential", "Functional", "Model")
OPERATIONS = ("Add", "Subtract", "Multiply")  # of keras.ops (a + b in a Functional model): what the layers of the same names do
OWN_MODULES = ("keras", "tf_keras", "keras_core", "tensorflow", "builtins")
ADVICE = "rebuild the model from Keras' own layers and save it with model.save('model.keras')"


class Reference(NamedTuple):
    """An output of a call of a layer."""

    layer: str
    call: int
    output: int


class Call(NamedTuple):
    """One use of a layer: what it reads, and its options."""

    sources: tuple[Reference, ...]
    options: dict[str, Any]


@dataclass(eq=False)
class Layer:
    """One layer: its settings, its calls, its weights once they are found, and its own layers if it is a model."""

    name: str
    kind: str
    config: dict[str, Any]
    path: str
    calls: tuple[Call, ...] = ()
    model: Model | None = None
    weights: dict[str, np.ndarray] = field(default_factory=dict)

    def error(self, message: str) -> ModelError:
        return ModelError(f"layer {self.path} ({self.kind}): {message}")


@dataclass(eq=False)
class Model:
    """Layers in their order; `inputs` and `outputs` are None where one layer simply follows the other."""

    name: str
    layers: dict[str, Layer]
    inputs: tuple[Reference, ...] | None
    outputs: tuple[Reference, ...] | None
    input_shape: Any = None  # of a Sequential model that says so itself


def version(text: Any) -> int:
    """2 or 3: the meaning of names depends on it."""
    major = text.split(".")[0] if isinstance(text, str) else ""
    if major not in ("2", "3"):
        found = repr(text[:20]) if isinstance(text, str) else "none"
        raise ModelError(f"keras_version: {found}; supported are Keras 2 and 3: load the model in one of them and save it again")
    return int(major)


def model(config: Any, path: str, keras: int, depth: int = 0) -> Model:
    """The model of {"class_name": ..., "config": ...}; ModelError where it is not understood. `path` is empty for the outermost one."""
    where = f"layer {path}" if path else "the model"
    kind, settings = _text(config, "class_name", where), config.get("config")
    if kind not in MODELS or not _is_own(config):
        raise ModelError(f"{where} is a {shown(kind)}, a class with code of its own, which is not in the file and is never run; {ADVICE}")
    if depth > MOST_DEPTH:
        raise ModelError(f"{where}: models within models, deeper than {MOST_DEPTH}")
    if kind == "Sequential" and isinstance(settings, list):  # before Keras 2.2.3
        settings = {"layers": settings}
    listed = settings.get("layers") if isinstance(settings, dict) else None
    if not isinstance(listed, list) or not listed:
        raise ModelError(f"{where}: lists no layers; build the model (call it once) before saving it")
    layers: dict[str, Layer] = {}
    for entry in listed:
        layer = _layer(entry, path, keras, depth)
        if layer.name in layers:
            raise ModelError(f"{where}: two layers are named {shown(layer.name)}")
        layers[layer.name] = layer
    name = settings.get("name") if isinstance(settings.get("name"), str) else "model"
    if kind == "Sequential":
        return Model(name, layers, None, None, settings.get("build_input_shape") or _built_shape(config))
    inputs, outputs = (tuple(_references(settings.get(key), where, 0)) for key in ("input_layers", "output_layers"))
    if not inputs or not outputs:
        raise ModelError(f"{where}: names no input or no output layers")
    return Model(name, layers, inputs, outputs)


def _layer(entry: Any, parent: str, keras: int, depth: int) -> Layer:
    where = f"a layer of {parent or 'the model'}"
    kind = _text(entry, "class_name", where)
    config = entry.get("config")
    settings = config if isinstance(config, dict) else {}
    name = entry.get("name", settings.get("name"))
    if kind == "Sequential" and isinstance(config, list) and not isinstance(name, str):
        name = "sequential"
    if not isinstance(name, str) or not (isinstance(config, dict) or kind == "Sequential"):
        raise ModelError(f"{where}, a {shown(kind)}, has no name or no settings; the configuration is damaged")
    layer = Layer(name, kind, settings, f"{parent}/{name}" if parent else name)
    if kind in MODELS:
        layer.model = model(entry, layer.path, keras, depth + 1)
    elif not _is_own(entry):
        raise layer.error(f"a class of one's own, whose code is not in the file and is never run; {ADVICE}")
    elif _is_operation(entry) and kind not in OPERATIONS:
        raise layer.error(f"an operation of keras.ops; supported among those are {', '.join(OPERATIONS)}: write the others as layers")
    nodes = entry.get("inbound_nodes") or []
    if not isinstance(nodes, list):
        raise layer.error("inbound_nodes is not a list; the configuration is damaged")
    layer.calls = tuple(_call(node, layer) for node in nodes)
    return layer


def _is_own(entry: dict[str, Any]) -> bool:
    """Whether a class is Keras' own; the legacy HDF5 format does not say."""
    module, registered = entry.get("module"), entry.get("registered_name")
    return not (isinstance(module, str) and module.split(".")[0] not in OWN_MODULES) and not (
        isinstance(registered, str) and ">" in registered
    )


def _is_operation(entry: dict[str, Any]) -> bool:
    module = entry.get("module")
    return isinstance(module, str) and module.split(".")[-2:-1] == ["ops"]


def _built_shape(config: dict[str, Any]) -> Any:
    build = config.get("build_config")
    return build.get("input_shape") if isinstance(build, dict) else None


# calls


def _call(node: Any, layer: Layer) -> Call:
    where = f"layer {layer.path} ({layer.kind})"
    if isinstance(node, dict):
        arguments, options = node.get("args"), node.get("kwargs")
        if not isinstance(arguments, list) or not isinstance(options, dict):
            raise layer.error("inbound_nodes is damaged: arguments are missing")
        if not arguments and "inputs" in options:
            arguments, options = [options["inputs"]], {k: v for k, v in options.items() if k != "inputs"}
        sources = [ref for value in arguments if isinstance(value, list | dict) for ref in _references(value, where, 0)]
        rest = {f"argument {k}": v for k, v in enumerate(arguments, 1) if not isinstance(v, list | dict)}
        return Call(tuple(sources), options | rest)
    if not isinstance(node, list):
        raise layer.error("inbound_nodes is damaged: neither a list nor a record")
    options = {}
    for part in [node] if _is_reference(node) else node:
        if isinstance(part, list) and len(part) > 3 and isinstance(part[3], dict):
            options |= part[3]
    return Call(tuple(_references(node, where, 0)), options)


def _references(value: Any, where: str, depth: int) -> Iterator[Reference]:
    """Every reference in nested lists and records, in order."""
    if depth > MOST_DEPTH:
        raise ModelError(f"{where}: connections nested deeper than {MOST_DEPTH}")
    if _is_reference(value):
        yield Reference(value[0], int(value[1]), int(value[2]))
    elif isinstance(value, list):
        for part in value:
            yield from _references(part, where, depth + 1)
    elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        config = value.get("config")
        history = config.get("keras_history") if isinstance(config, dict) else None
        if not _is_reference(history):
            raise ModelError(f"{where}: a connection without keras_history; the configuration is damaged")
        yield from _references(history, where, depth + 1)
    elif isinstance(value, dict) and "class_name" not in value:
        for part in value.values():
            yield from _references(part, where, depth + 1)
    elif value is not None:
        raise ModelError(f"{where}: connected to {shown(value)}, which is no layer; write constants as layers (Rescaling), or save without")


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(k, int) and not isinstance(k, bool) for k in value[1:3])
    )


def _text(record: Any, key: str, where: str) -> str:
    value = record.get(key) if isinstance(record, dict) else None
    if not isinstance(value, str):
        raise ModelError(f"{where}: has no {key}; the configuration is damaged or not a Keras model's")
    return value


def shown(value: Any) -> str:
    text = value if isinstance(value, str) else type(value).__name__ if isinstance(value, list | dict) else repr(value)
    return " ".join(text.split())[:60]
