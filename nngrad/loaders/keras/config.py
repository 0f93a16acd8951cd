"""A Keras model's configuration (JSON of Keras 2 and 3) as models, layers and calls. Nothing in it is run as code.

A layer is called once or several times (shared layers); each call reads values that other calls of the same model
wrote. Keras 2 writes a call as a list of [layer, call, output, options], Keras 3 as arguments with `keras_history`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nngrad.errors import ModelError

MOST_DEPTH = 20  # models in models, lists in lists
MODELS = ("Sequential", "Functional", "Model")
OWN_MODULES = ("keras", "tf_keras", "keras_core", "tensorflow", "builtins")
OF_TENSORFLOW = {  # what tf.keras writes for x + 1 and the like: the operation of Keras 3 that does the same
    "__operators__.add": "Add",
    "math.add": "Add",
    "math.subtract": "Subtract",
    "math.multiply": "Multiply",
    "math.truediv": "TrueDivide",
    "math.divide": "TrueDivide",
    "math.negative": "Negative",
    "math.tanh": "Tanh",
    "math.sigmoid": "Sigmoid",
    "math.exp": "Exp",
    "math.softplus": "Softplus",
    "nn.relu": "Relu",
}
ADVICE = "rebuild the model from Keras' own layers and save it with model.save('model.keras')"


class Reference(NamedTuple):
    """An output of a call of a layer."""

    layer: str
    call: int
    output: int


class ConstantOperand(NamedTuple):
    """A number, or nested lists of numbers, that an operation takes as its first or second argument."""

    value: Any
    is_first: bool


class LayerCall(NamedTuple):
    """One use of a layer: what it reads, and its options.

    `apart` says that the values are arguments of an operation, not one list; `keys` are their names where they are
    given by name.
    """

    sources: tuple[Reference, ...]
    options: dict[str, Any]
    constant: ConstantOperand | None = None
    apart: bool = False
    keys: tuple[str, ...] = ()


@dataclass(eq=False)
class KerasLayer:
    """One layer: its settings, its calls, its weights once they are found, and its own layers if it is a model."""

    name: str
    kind: str
    config: dict[str, Any]
    path: str
    calls: tuple[LayerCall, ...] = ()
    model: KerasModel | None = None
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    is_operation: bool = False  # of keras.ops, where the file tells
    is_foreign: bool = False  # a class that is not Keras' own

    def error(self, message: str) -> ModelError:
        return ModelError(f"layer {self.path} ({self.kind}): {message}")


@dataclass(eq=False)
class KerasModel:
    """Layers in their order; `inputs` and `outputs` are None where one layer simply follows the other.

    `keys` are the names of the inputs where the model was made with a record of them.
    """

    name: str
    layers: dict[str, KerasLayer]
    inputs: tuple[Reference, ...] | None
    outputs: tuple[Reference, ...] | None
    input_shape: Any = None  # of a Sequential model that says so itself
    keys: tuple[str, ...] = ()


def version(text: Any) -> int:
    """2 or 3: the meaning of names depends on it."""
    major = text.split(".")[0] if isinstance(text, str) else ""
    if major not in ("2", "3"):
        found = repr(text[:20]) if isinstance(text, str) else "none"
        advice = "load the model in one of them and save it again"
        raise ModelError(f"keras_version: {found}; supported are Keras 2 and 3: {advice}")
    return int(major)


def model(config: Any, path: str, keras: int, depth: int = 0) -> KerasModel:
    """The model of {"class_name": ..., "config": ...}; ModelError where it is not understood.

    `path` says where it stands among the models around it, and is empty for the outermost one.
    """
    where = f"layer {path}" if path else "the model"
    kind, settings = _text(config, "class_name", where), config.get("config")
    if kind not in MODELS or not _is_own(config):
        code = "a class with code of its own, which is not in the file and is never run"
        raise ModelError(f"{where} is a {shown(kind)}, {code}; {ADVICE}")
    if depth > MOST_DEPTH:
        raise ModelError(f"{where}: models within models, deeper than {MOST_DEPTH}")
    if kind == "Sequential" and isinstance(settings, list):  # before Keras 2.2.3
        settings = {"layers": settings}
    listed = settings.get("layers") if isinstance(settings, dict) else None
    if not isinstance(listed, list) or not listed:
        raise ModelError(f"{where}: lists no layers; build the model (call it once) before saving it")
    layers: dict[str, KerasLayer] = {}
    for entry in listed:
        layer = _layer(entry, path, keras, depth)
        if layer.name in layers:
            raise ModelError(f"{where}: two layers are named {shown(layer.name)}")
        layers[layer.name] = layer
    name = settings.get("name") if isinstance(settings.get("name"), str) else "model"
    if kind == "Sequential":
        return KerasModel(name, layers, None, None, settings.get("build_input_shape") or _built_shape(config))
    inputs, outputs = (tuple(_references(settings.get(key), where, 0)) for key in ("input_layers", "output_layers"))
    if not inputs or not outputs:
        raise ModelError(f"{where}: names no input or no output layers")
    return KerasModel(name, layers, inputs, outputs, keys=_keys(settings["input_layers"]))


def _layer(entry: Any, parent: str, keras: int, depth: int) -> KerasLayer:
    where = f"a layer of {parent or 'the model'}"
    kind = _text(entry, "class_name", where)
    config = entry.get("config")
    settings = config if isinstance(config, dict) else {}
    name = entry.get("name", settings.get("name"))
    if kind == "Sequential" and isinstance(config, list) and not isinstance(name, str):
        name = "sequential"
    if not isinstance(name, str) or not (isinstance(config, dict) or kind == "Sequential"):
        raise ModelError(f"{where}, a {shown(kind)}, has no name or no settings; the configuration is damaged")
    layer = KerasLayer(name, kind, settings, f"{parent}/{name}" if parent else name)
    if kind in MODELS:
        layer.model = model(entry, layer.path, keras, depth + 1)
    layer.is_foreign = layer.model is None and not _is_own(entry)
    if kind == "TFOpLambda" and settings.get("function") in OF_TENSORFLOW:
        layer.kind, layer.config = OF_TENSORFLOW[settings["function"]], {}
    module = entry.get("module")
    layer.is_operation = isinstance(module, str) and "ops" in module.split(".")
    nodes = entry.get("inbound_nodes") or []
    if not isinstance(nodes, list):
        raise layer.error("inbound_nodes is not a list; the configuration is damaged")
    layer.calls = tuple(_call(node, layer) for node in nodes)
    return layer


def _is_own(entry: dict[str, Any]) -> bool:
    """Whether a class is Keras' own; the legacy HDF5 format does not say."""
    module, registered = entry.get("module", "keras"), entry.get("registered_name")
    if isinstance(registered, str) and ">" in registered:
        return False
    return isinstance(module, str) and module.split(".")[0] in OWN_MODULES


def _built_shape(config: dict[str, Any]) -> Any:
    build = config.get("build_config")
    return build.get("input_shape") if isinstance(build, dict) else None


# calls


def _call(node: Any, layer: KerasLayer) -> LayerCall:
    where = f"layer {layer.path} ({layer.kind})"
    if isinstance(node, dict) and node.keys() == {"args", "kwargs"}:
        return _call_of_keras_3(node, layer, where)
    if isinstance(node, dict):
        return LayerCall(tuple(_references(node, where, 0)), {}, keys=_keys(node))
    if not isinstance(node, list):
        raise layer.error("inbound_nodes is damaged: neither a list nor a record")
    if node and node[0] == "_CONSTANT_VALUE" and len(node) == 4 and isinstance(node[3], dict):
        options = dict(node[3])
        second = tuple(_references(options.pop("y", None), where, 0))
        return LayerCall(second, options, ConstantOperand(node[2], True), True)
    options = {}
    for part in [node] if _is_reference(node) else node:
        if isinstance(part, list) and len(part) > 3 and isinstance(part[3], dict):
            options |= part[3]
    sources = tuple(_references(node, where, 0))
    if not _is_reference(node) or "y" not in options:
        return LayerCall(sources, options)
    operand = options.pop("y")
    if _is_reference(operand):
        return LayerCall((*sources, *_references(operand, where, 0)), options, apart=True)
    return LayerCall(sources, options, ConstantOperand(operand, False), True)


def _call_of_keras_3(node: dict[str, Any], layer: KerasLayer, where: str) -> LayerCall:
    arguments, options = node.get("args"), node.get("kwargs")
    if not isinstance(arguments, list) or not isinstance(options, dict):
        raise layer.error("inbound_nodes is damaged: arguments are missing")
    if not arguments and "inputs" in options:
        arguments, options = [options["inputs"]], {k: v for k, v in options.items() if k != "inputs"}
    constants = [k for k, value in enumerate(arguments) if _is_constant(value)]
    values = [v for k, v in enumerate(arguments) if k not in constants and isinstance(v, list | dict)]
    sources = [ref for v in values for ref in _references(v, where, 0)]
    if len(arguments) == 2 and len(constants) == len(sources) == 1:
        return LayerCall(tuple(sources), options, ConstantOperand(arguments[constants[0]], constants[0] == 0), True)
    others = [k for k, v in enumerate(arguments) if k in constants or not isinstance(v, list | dict)]
    rest = {f"argument {k + 1}": arguments[k] for k in others}
    return LayerCall(tuple(sources), options | rest, apart=len(arguments) > 1, keys=_keys(*arguments))


def _keys(*arguments: Any) -> tuple[str, ...]:
    """The names in a record of values, in Keras' order; none where they are not given by name."""
    is_record = len(arguments) == 1 and isinstance(arguments[0], dict) and "class_name" not in arguments[0]
    return tuple(sorted(arguments[0])) if is_record else ()


def _is_constant(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("class_name") in ("__numpy__", "__tensor__")
    return isinstance(value, int | float) and not isinstance(value, bool)


def _references(value: Any, where: str, depth: int) -> Iterator[Reference]:
    """Every reference in nested lists and records, in Keras' order: a record by its sorted names."""
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
        if not isinstance(history, list) or len(history) != 3 or not _is_reference(history):
            raise ModelError(f"{where}: a connection without keras_history; the configuration is damaged")
        yield from _references(history, where, depth + 1)
    elif isinstance(value, dict) and not value.keys() & {"class_name", "args", "kwargs"}:
        for key in sorted(value):
            yield from _references(value[key], where, depth + 1)
    elif value is not None:
        advice = "write constants as layers (Rescaling), or save without"
        raise ModelError(f"{where}: connected to {shown(value)}, which is no layer; {advice}")


def is_whole(value: Any) -> bool:
    """Whether JSON holds a whole number there: true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_reference(value: Any) -> bool:
    """[layer, call, output], and in Keras 2 the options of the call behind them."""
    if not isinstance(value, list) or len(value) not in (3, 4) or not isinstance(value[0], str):
        return False
    return all(is_whole(k) for k in value[1:3]) and (len(value) == 3 or isinstance(value[3], dict))


def _text(record: Any, key: str, where: str) -> str:
    value = record.get(key) if isinstance(record, dict) else None
    if not isinstance(value, str):
        raise ModelError(f"{where}: has no {key}; the configuration is damaged or not a Keras model's")
    return value


def shown(value: Any) -> str:
    text = value if isinstance(value, str) else type(value).__name__ if isinstance(value, list | dict) else repr(value)
    return " ".join(text.split())[:60]
