"""Networks of MATLAB's Deep Learning Toolbox (SeriesNetwork, DAGNetwork, dlnetwork), wherever they are in a file: in
structs, reinforcement learning agents, neural state-space models. Each layer is one of TABLE, or refused by name.

The columns of x are the input layers one after the other, in the order of the Layers array; images are flattened as
MATLAB's (:) does it. Networks of sequences without recurrent layers work row by row: a row is a time step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nngrad.core.builder import Builder, FlatOrder, Shape, Value
from nngrad.core.network import Network
from nngrad.core.ports import Origin, Port, numbered
from nngrad.errors import Described, ModelError, listed
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.matlab import statistics
from nngrad.loaders.matlab.deep.connections import Connections
from nngrad.loaders.matlab.deep.part import MOST_UNITS, Part
from nngrad.loaders.matlab.deep.table import INPUTS, JOINS, NAMESPACES, OUTPUTS, TABLE, input_shape
from nngrad.loaders.matlab.fields import by, categories, names, numbers
from nngrad.loaders.port_names import columns_of
from nngrad.loaders.tree import MatlabObject, Tree, Undecoded
from nngrad.loaders.tree import find as find_in

NAME = "MATLAB Deep Learning Toolbox network"
CLASSES = ("SeriesNetwork", "DAGNetwork", "dlnetwork")
LAYER_ARRAY = "Layer array"  # layers without an object around them
CHAINS = ("SeriesNetwork", LAYER_ARRAY)
OWNERS = statistics.CLASSES  # they may hold a network of this kind, which is not theirs without its standardisation
HOLDERS = frozenset({"Layers", "LayerGraph", "Learnables"})
MOST_LAYERS = 10_000
LEARNED = ("Weights", "Bias", "InputWeights", "RecurrentWeights", "TrainedMean", "Offset", "Scale")
# Of all weights and of the values of sixteen rows, together: a file may hold the same object as a layer many times.
MOST_NUMBERS = 100_000_000
AGREEMENT = "expect agreement with its outputs to about 1e-6, not to the last digit"
SINGLE = f"MATLAB itself predicts in single precision: {AGREEMENT}"
STATE_SPACE = "prvFcnInputScale", "prvFcnInputCenter", "prvOutputScale", "prvOutputCenter"


@dataclass(frozen=True, eq=False)
class StoredNetwork:
    """A network with what the object around it has to say."""

    element: MatlabObject
    doubts: tuple[str, ...] = ()


def find(tree: Tree) -> list[tuple[str, StoredNetwork]]:
    """Every trained network; one that is reached on several paths is listed once."""
    objects = find_in(tree, lambda e: isinstance(e, MatlabObject) and (_is_mathworks(e) or _is_owner(e)))
    scaled = {p: _scaling(e) for p, e in find_in(tree, _is_state_space)}
    normalized = _normalized(tree, [path for path, _ in objects])
    found: dict[int, tuple[str, StoredNetwork]] = {}
    for path, element in objects:
        if _is_mathworks(element):
            said = [text for p in around(path) for text in (scaled.get(p), normalized.get(p)) if text]
            found.setdefault(id(element), (path, StoredNetwork(element, tuple(said))))
    return list(found.values())


def _is_owner(e: MatlabObject) -> bool:
    return e.classname.rsplit(".", 1)[-1] in OWNERS


def _is_state_space(e: Any) -> bool:
    return isinstance(e, MatlabObject) and e.classname == "idNeuralStateSpace"


def _is_mathworks(e: MatlabObject) -> bool:
    """A network of the toolbox, not of somebody's own class of the same name: that has no layers of the toolbox."""
    return e.classname in CLASSES and (not e.fields or bool(e.fields.keys() & HOLDERS))


def read(candidate: StoredNetwork, hints: Hints = NO_HINTS) -> Network:
    """The network of an object; ModelError, with the layer's path, where anything in it is not understood."""
    with np.errstate(all="ignore"):  # what is stored may be infinite or no number
        return _DeepReader(candidate.element, candidate.doubts).network()


def _scaling(model: MatlabObject) -> str:
    used = [name for name in STATE_SPACE if (v := numbers(model.fields.get(name))) is not None and v.size]
    units = "x and y are in the network's own, normalised units"
    return f"the state-space model normalises around this network ({', '.join(used)}): {units}" if used else ""


def around(path: str) -> Iterable[str]:
    """The paths of what holds an element, the innermost first."""
    while path := path.rpartition(".")[0]:
        yield path


def _normalized(tree: Tree, networks: list[str]) -> dict[str, str]:
    """What to say of the networks inside an object that also holds normalizers, by the path of the object."""
    holders = {p for path in networks for p in around(path)}
    said: dict[str, str] = {}
    for path, _ in find_in(tree, _normalizes):
        owner = next((p for p in around(path) if p in holders), "")
        what = "MATLAB normalises an input with this before the network"
        said.setdefault(owner, f"{path}: {what}; that is not applied: do it to x")
    return said


def _normalizes(e: Any) -> bool:
    """Whether this is a normalizer of the Reinforcement Learning Toolbox, beside a network and in use."""
    if not isinstance(e, MatlabObject) or not e.classname.endswith("Normalizer"):
        return False
    kinds = [v for name, v in e.fields.items() if name.rstrip("_") == "Normalization"]
    return any(isinstance(v, str) and v not in ("", "none") for v in kinds)


def _nothing(info: Any) -> bool:
    """Whether a store of quantization settings is empty: absent, or a struct around a containers.Map without keys."""
    if isinstance(info, dict) and isinstance(info.get("data"), MatlabObject):
        info = info["data"].fields.get("serialization")
        info = info.get("keys") if isinstance(info, dict) else info
    return info is None or (isinstance(info, np.ndarray | str) and not np.size(info))


@dataclass(eq=False)
class _DeepReader:
    """One network object on its way to a Network."""

    element: MatlabObject
    doubts: tuple[str, ...] = ()
    made: int = 0  # numbers of the layers so far

    # what the object says

    @cached_property
    def holder(self) -> tuple[str, dict[str, Any]]:
        """The path and the fields where Layers and Connections stand."""
        if "Learnables" in self.element.fields:  # no version seen so far; the layers may then hold the initial weights
            advice = "load and save the network with a newer MATLAB"
            raise ModelError(f".Learnables: weights apart from the layers are not supported; {advice}")
        if not _nothing(self.element.fields.get("SerializedQuantizationInfo")):
            advice = "save the network as it was before quantize()"
            raise ModelError(f".SerializedQuantizationInfo: quantized networks are not supported; {advice}")
        graph = self.element.fields.get("LayerGraph")
        if isinstance(graph, MatlabObject):
            return ".LayerGraph", graph.fields
        return "", self.element.fields

    @cached_property
    def series(self) -> bool:
        return self.element.classname in ("SeriesNetwork", "DAGNetwork")

    @cached_property
    def parts(self) -> list[Part]:
        path, fields = self.holder
        stored = fields.get("Layers")
        if isinstance(stored, MatlabObject | Undecoded):
            stored = np.array([stored], object)
        if not isinstance(stored, np.ndarray) or stored.dtype != object or not stored.size:
            found = ", ".join(list(self.element.fields)[:8]) or "nothing"
            what = f"no layers are stored as they are known (found {found})"
            raise ModelError(f"{path}.Layers: {what}; save the network with a newer MATLAB")
        if stored.size > MOST_LAYERS:
            raise ModelError(f"{path}.Layers: {stored.size} layers are more than {MOST_LAYERS}")
        objects = stored.ravel(order="F").tolist()
        sequence = any(isinstance(e, MatlabObject) and e.classname.endswith("SequenceInputLayer") for e in objects)
        return [self._part(f"{path}.Layers({k})", e, sequence) for k, e in enumerate(objects, 1)]

    def _part(self, path: str, element: Any, sequence: bool) -> Part:
        if not isinstance(element, MatlabObject):
            reason = f": {element.reason}" if isinstance(element, Undecoded) else ""
            raise ModelError(f"{path}: not a layer but a {type(element).__name__}{reason}; the file is damaged")
        name = element.fields.get("Name")
        known = name if isinstance(name, str) else ""
        return Part(element.classname, known, path, element.fields, self.builder, self.series, sequence, self.notes)

    @cached_property
    def builder(self) -> Builder:
        return Builder(FlatOrder.MATLAB)

    @cached_property
    def notes(self) -> list[str]:
        return [SINGLE]

    @cached_property
    def graph(self) -> Connections:
        path, fields = self.holder
        stored = fields.get("Connections")
        if stored is None and self.element.classname not in CHAINS:
            what = f"missing, and a {self.element.classname} is no chain"
            raise ModelError(f"{path}.Connections: {what}; the file is damaged")
        return Connections(self.parts, f"{path}.Connections", stored)

    @property
    def sources(self) -> list[list[int]]:
        """For each layer the layers it reads, in the order of its inputs."""
        return self.graph.sources

    # the columns of x

    @cached_property
    def inputs(self) -> dict[int, Shape]:
        """The layers that take the network's inputs, with the shapes of those, in layer order."""
        found: dict[int, Shape] = {}
        for k, part in enumerate(self.parts):
            if part.kind in INPUTS and not self.sources[k]:
                found[k] = input_shape(part)
            elif not self.sources[k]:
                found[k] = self._implied(part)
        if not 0 < sum(int(np.prod(s)) for s in found.values()) <= MOST_UNITS:
            shapes = ", ".join(by(s) for s in found.values()) or "no"
            raise ModelError(f"{self.holder[0]}.Layers: inputs of {shapes} units")
        return found

    def _implied(self, part: Part) -> Shape:
        """A dlnetwork may begin with a layer whose weights tell how many inputs it takes."""
        if part.kind != "FullyConnectedLayer" or self.series:
            advice = "add an input layer (featureInputLayer) and save again"
            raise part.fail(f"reads nothing: no input layer and no connection; {advice}")
        weights = part.learned("Weights")
        return (weights.size // max(1, part.learned("Bias").size),)

    # lowering

    def network(self) -> Network:
        if refused := [
            part for k, part in enumerate(self.parts) if not self._is_known(k, part)
        ]:  # before anything else
            raise self._refusal(refused)
        values: dict[int, Value] = {}
        first = dict(zip(self.inputs, self.builder.inputs([*self.inputs.values()]), strict=True))
        for k in self.graph.order:
            given = [values[s] for s in self.sources[k]] or [first[k]]
            values[k] = self._lowered(self.parts[k], given)
        return self._finished(values)

    def _is_known(self, k: int, part: Part) -> bool:
        namespace = part.classname.rpartition(".")[0]
        return (namespace in NAMESPACES and part.kind in TABLE) or self._is_loss(k, part)

    def _refusal(self, refused: list[Part]) -> ModelError:
        """All layers that are not supported in one message, with what is known of the network."""
        first, *others = refused
        also = listed([f"{part.name} ({part.kind})" for part in others], 5)
        nor = f", nor {'are' if len(others) > 1 else 'is'} {also}" if others else ""
        found = f"{first.path}: layer {first.name!r} of the class {first.classname} is not supported{nor}"
        supported = listed(sorted(name.removesuffix("Layer") for name in TABLE), 4)
        stored, paths = zip(self.parts, self._stored_lines(), strict=True), {part.path for part in refused}
        lines = tuple(f"{line}{': not supported' if part.path in paths else ''}" for part, line in stored)
        described = Described(self.element.classname, self._version, "", lines)
        advice = "replace the layer, or save the network without it"
        return ModelError(f"{found}; supported are {supported}; {advice}", described)

    def _stored_lines(self) -> Iterable[str]:
        """The layers with the shapes of what they store."""
        for k, part in enumerate(self.parts):
            known = [*_stated_size(part), *_stored_shapes(part)]
            kind = part.kind.removesuffix("Layer") or part.kind
            yield self._line(k, f"{kind}, {', '.join(known)}" if known else kind)

    def _line(self, k: int, text: str) -> str:
        """What is said of a layer, with its name before and those of the layers that it reads behind."""
        sources = ", ".join(self._names[s] for s in self.sources[k])
        return f"{self._names[k]}: {text}{f', from {sources}' if sources else ''}"

    @cached_property
    def _names(self) -> list[str]:
        return [part.name or f"layer {k}" for k, part in enumerate(self.parts, 1)]

    def _is_loss(self, k: int, part: Part) -> bool:
        """Whether a layer of somebody else's class is an output layer: a loss, which never changes a prediction."""
        fields = part.fields
        marked = "ResponseNames" in fields or {"Classes", "NumClasses"} <= fields.keys()
        return marked and "nnet.layer.Layer.PrivateOutputs" not in fields and k not in self.graph.read

    def _lowered(self, part: Part, given: list[Value]) -> Value:
        if part.kind not in TABLE:
            what = "an output layer of its own class, taken as a loss that predictions don't use"
            self.doubts += (f"{part.name!r} ({part.classname}): {what}",)
            return given[0]
        if len(given) > 1 and part.kind not in JOINS:
            raise part.fail(f"{len(given)} connections into it; it takes one")
        before = len(self.builder.nodes)
        try:
            value = TABLE[part.kind](part, given)
        except ValueError as e:
            raise part.fail(str(e)) from None
        made = self.builder.nodes[before:]
        arrays = [n for node in made for n in vars(node.layer).values() if isinstance(n, np.ndarray)]
        self.made += sum(n.size for n in arrays) + 16 * value.size * len(made)
        if self.made > MOST_NUMBERS or value.size > MOST_UNITS:
            raise part.fail(f"the network needs more than {MOST_NUMBERS} numbers, or {MOST_UNITS} units in a layer")
        return value

    # the outputs

    @cached_property
    def outputs(self) -> list[int]:
        """The layers whose values are the outputs: as OutputNames lists them, otherwise those that nothing reads."""
        listed = names(self.element.fields.get("OutputNames"))
        if listed:
            ends = [self.graph.end(text, "out") for text in listed]
            other = next((k for k, port in ends if port != "out"), None)
            if other is not None:
                what = "an output other than its first is an output of the network"
                raise self.parts[other].fail(f"{what}; not supported")
            return [k for k, _ in ends]
        return [k for k in range(len(self.parts)) if k not in self.graph.read]

    def _finished(self, values: dict[int, Value]) -> Network:
        chosen = [values[k] for k in self.outputs]
        y = self.builder.beside(chosen)
        if self.parts[0].sequence:
            self.notes.append("a network of sequences without memory: each row of x is one time step")
        self._warn_of_nan()
        return self.builder.network(y, self._input_ports(), self._output_ports(chosen), self._origin(values))

    def _warn_of_nan(self) -> None:
        arrays = [v for part in self.parts for name in part.fields if (v := numbers(part.fields[name])) is not None]
        missing = sum(int(np.isnan(v).sum()) for v in arrays)
        if missing:
            what = f"{missing} of its weights are NaN (training diverged)"
            self.doubts += (f"{what}: so are the outputs that depend on them",)

    def _input_ports(self) -> Iterable[Port]:
        named = [(self.parts[k].name, int(np.prod(shape))) for k, shape in self.inputs.items()]
        for (k, shape), columns in zip(self.inputs.items(), columns_of(named), strict=True):
            yield Port(self.parts[k].name or f"Input {len(columns)}", columns, *self._range(k, shape))

    def _range(self, k: int, shape: Shape) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The training range, where the input's normalisation is made of it."""
        settings = self.parts[k].fields.get("Normalization")
        source = settings if isinstance(settings, dict) else self.parts[k].fields
        found = [numbers(source.get(name)) for name in ("Min", "Max")]
        if self.parts[k].kind not in INPUTS or any(v is None or not v.size for v in found):
            return None, None
        lower, upper = (self.parts[k].per_unit(v, shape, "Min and Max") for v in found if v is not None)
        return lower, upper

    def _output_ports(self, chosen: list[Value]) -> Iterable[Port]:
        start = 1
        for k, value in zip(self.outputs, chosen, strict=True):
            classes = (self._classes(k) or []) if len(self.outputs) == 1 else []
            fits = len(classes) == len(set(classes)) == value.size
            columns = tuple(classes) if fits else numbered("y", value.size, start)
            start += value.size
            yield Port(self.parts[k].name or "Output", columns)

    def _classes(self, k: int) -> list[str] | None:
        fields = self.parts[k].fields
        if self.parts[k].kind not in OUTPUTS and "Classes" not in fields:
            return None
        found = (categories(fields.get(name)) for name in ("Classes", "Categories", "ClassNames"))
        return next((classes for classes in found if classes), None)

    @cached_property
    def _version(self) -> str:
        version = numbers(self.element.fields.get("Version"))
        return f"{version.flat[0]:g}" if version is not None and version.size else ""

    def _origin(self, values: dict[int, Value]) -> Origin:
        return Origin(
            classname=self.element.classname,
            version=self._version,
            notes=tuple(dict.fromkeys(self.notes)),
            doubts=tuple(dict.fromkeys(self.doubts)),
            processing=tuple(self._processing()),
            layers=tuple(self._layer_lines(values)),
        )

    def _processing(self) -> Iterable[str]:
        for k in self.inputs:
            part = self.parts[k]
            stored = part.fields.get("Normalization")
            kind = stored.get("Type") if isinstance(stored, dict) else stored if isinstance(stored, str) else "none"
            yield f"{part.name}: {kind}"

    def _layer_lines(self, values: dict[int, Value]) -> Iterable[str]:
        for k, part in enumerate(self.parts):
            yield self._line(k, f"{part.kind.removesuffix('Layer')}, {by(values[k].shape)} units")


def _stated_size(part: Part) -> list[str]:
    """The size that an input layer states, for a description."""
    is_input = part.kind in INPUTS or part.kind.endswith("InputLayer")
    size = numbers(part.fields.get("InputSize")) if is_input else None
    if size is None or not size.size or not np.isfinite(size).all():
        return []
    return [f"input {by([int(n) for n in size.flat])}"]


def _stored_shapes(part: Part) -> Iterable[str]:
    """The shapes of what a layer has learned, for a description."""
    for name, stored in part.fields.items():
        value = numbers(stored)
        if name in LEARNED and value is not None and value.size:
            yield f"{name} {by(value.shape)}"
