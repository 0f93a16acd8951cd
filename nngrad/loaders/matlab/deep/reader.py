"""Networks of MATLAB's Deep Learning Toolbox (SeriesNetwork, DAGNetwork, dlnetwork), wherever they are in a file: in structs,
reinforcement learning agents, neural state-space models. The one rule: each layer is one of TABLE, or refused by name.

The columns of x are the input layers one after the other, in the order of the Layers array; images are flattened as MATLAB's
(:) does it. Networks of sequences without recurrent layers work row by row: a row is a time step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nngrad.core.layers import Select, Sum
from nngrad.core.network import Builder, Network, Origin, Port, numbered
from nngrad.errors import Described, ModelError, listed
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.matlab import statistics
from nngrad.loaders.matlab.deep.part import MOST_UNITS, Part, Shape, Value
from nngrad.loaders.matlab.deep.table import INPUTS, NAMESPACES, OUTPUTS, TABLE, input_shape
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
MOST_NUMBERS = 100_000_000  # of all weights together, and of all values of sixteen rows: layers may be the same object many times
SINGLE = "MATLAB itself predicts in single precision: expect agreement with its outputs to about 1e-6, not to the last digit"
STATE_SPACE = "prvFcnInputScale", "prvFcnInputCenter", "prvOutputScale", "prvOutputCenter"


@dataclass(frozen=True, eq=False)
class FoundNetwork:
    """A network with what the object around it has to say."""

    element: MatlabObject
    doubts: tuple[str, ...] = ()


def find(tree: Tree) -> list[tuple[str, FoundNetwork]]:
    """Every trained network; one that is reached on several paths is listed once."""
    objects = find_in(tree, lambda e: isinstance(e, MatlabObject) and (_is_mathworks(e) or e.classname.rsplit(".", 1)[-1] in OWNERS))
    scaled = {p: _scaling(e) for p, e in find_in(tree, lambda e: isinstance(e, MatlabObject) and e.classname == "idNeuralStateSpace")}
    normalized = _normalized(tree, [path for path, _ in objects])
    found: dict[int, tuple[str, FoundNetwork]] = {}
    for path, element in objects:
        if _is_mathworks(element):
            said = [text for p in around(path) for text in (scaled.get(p), normalized.get(p)) if text]
            found.setdefault(id(element), (path, FoundNetwork(element, tuple(said))))
    return list(found.values())


def _is_mathworks(e: MatlabObject) -> bool:
    """A network of the toolbox, not of somebody's own class of the same name: that has no layers of the toolbox."""
    return e.classname in CLASSES and (not e.fields or bool(e.fields.keys() & HOLDERS))


def read(candidate: FoundNetwork, hints: Hints = NO_HINTS) -> Network:
    """The network of an object; ModelError, with the layer's path, where anything in it is not understood."""
    with np.errstate(all="ignore"):  # what is stored may be infinite or no number
        return _DeepNetworkReader(candidate.element, candidate.doubts).network()


def _scaling(model: MatlabObject) -> str:
    used = [name for name in STATE_SPACE if (v := numbers(model.fields.get(name))) is not None and v.size]
    text = "the state-space model normalises around this network ({}): x and y are in the network's own, normalised units"
    return text.format(", ".join(used)) if used else ""


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
        said.setdefault(owner, f"{path}: MATLAB normalises an input with this before the network; that is not applied: do it to x")
    return said


def _normalizes(e: Any) -> bool:
    """Whether this is a normalizer of the Reinforcement Learning Toolbox (it stands beside a network, not in it) that is in use."""
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
class _DeepNetworkReader:
    """One network object on its way to a Network."""

    element: MatlabObject
    doubts: tuple[str, ...] = ()
    made: int = 0  # numbers of the layers so far

    # what the object says

    @cached_property
    def holder(self) -> tuple[str, dict[str, Any]]:
        """The path and the fields where Layers and Connections stand."""
        if "Learnables" in self.element.fields:  # no version seen so far; the layers may then hold the initial weights
            raise ModelError(".Learnables: weights apart from the layers are not supported; load and save the network with a newer MATLAB")
        if not _nothing(self.element.fields.get("SerializedQuantizationInfo")):
            raise ModelError(
                ".SerializedQuantizationInfo: quantized networks are not supported; save the network as it was before quantize()"
            )
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
            raise ModelError(f"{path}.Layers: no layers are stored as they are known (found {found}); save the network with a newer MATLAB")
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
        return Builder()

    @cached_property
    def notes(self) -> list[str]:
        return [SINGLE]

    # the graph

    @cached_property
    def sources(self) -> list[list[int]]:
        """For each layer the layers it reads, in the order of its inputs."""
        connections = self.holder[1].get("Connections")
        if connections is None:
            if self.element.classname not in CHAINS:
                raise ModelError(f"{self.holder[0]}.Connections: missing, and a {self.element.classname} is no chain; the file is damaged")
            return [[k - 1] if k else [] for k in range(len(self.parts))]
        inputs: list[dict[str, int]] = [{} for _ in self.parts]
        for source, target in self._pairs(connections):
            (a, port), (b, place) = self._end(source, "out"), self._end(target, "in")
            if port != "out":
                raise self.parts[a].fail(f"output {port!r} is not supported; supported are layers with one output")
            if inputs[b].setdefault(place, a) != a:
                raise self.parts[b].fail(f"two connections into its input {place!r}")
        return [[found[name] for name in self._places(k, found)] for k, found in enumerate(inputs)]

    def _places(self, k: int, found: dict[str, int]) -> list[str]:
        """The names of a layer's inputs in order: its own list where it has one, otherwise in, in1, in2, ..."""
        own, count = names(self.parts[k].fields.get("nnet.layer.Layer.PrivateInputs")), self.parts[k].fields.get("NumInputs")
        if own:
            expected = own
        elif count is not None:
            expected = [f"in{n + 1}" for n in range(self.parts[k].whole("NumInputs"))]
        else:
            expected = sorted(found, key=lambda name: (len(name), name))
        if found and sorted(expected) != sorted(found):
            raise self.parts[k].fail(f"its inputs are {', '.join(expected[:8])}; connected are {', '.join(list(found)[:8])}")
        return expected if found else []

    def _pairs(self, connections: Any) -> list[tuple[str, str]]:
        path = f"{self.holder[0]}.Connections"
        data = connections.fields.get("data") if isinstance(connections, MatlabObject) else None
        columns = [names(c) for c in data.ravel(order="F")] if isinstance(data, np.ndarray) and data.dtype == object else []
        if len(columns) != 2 or columns[0] is None or columns[1] is None or len(columns[0]) != len(columns[1]):
            raise ModelError(f"{path}: not a table of Source and Destination; the file is damaged")
        return list(zip(columns[0], columns[1], strict=True))

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return {part.name: k for k, part in enumerate(self.parts)}

    def _end(self, text: str, default: str) -> tuple[int, str]:
        """The layer and the port of one end of a connection: 'layer' or 'layer/port'."""
        layer, _, port = (text, "", default) if text in self._by_name else text.rpartition("/")
        if layer not in self._by_name:
            raise ModelError(f"{self.holder[0]}.Connections: there is no layer {text!r}")
        return self._by_name[layer], port

    @cached_property
    def order(self) -> list[int]:
        """The layers so that each comes after what it reads, otherwise in the order of the Layers array."""
        waiting = dict.fromkeys(range(len(self.parts)))
        readers: dict[int, list[int]] = {k: [] for k in waiting}
        missing = [len(set(found)) for found in self.sources]
        for k, found in enumerate(self.sources):
            for source in set(found):
                readers[source].append(k)
        ready, order = [k for k in waiting if not missing[k]], []
        while ready:
            ready.sort(reverse=True)
            k = ready.pop()
            order.append(k)
            for reader in readers[k]:
                missing[reader] -= 1
                if not missing[reader]:
                    ready.append(reader)
        if len(order) < len(self.parts):
            stuck = next(k for k in waiting if k not in set(order))
            raise self.parts[stuck].fail("is part of a circle of connections; MATLAB can't evaluate such a network either")
        return order

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
            raise ModelError(f"{self.holder[0]}.Layers: inputs of {', '.join(by(s) for s in found.values()) or 'no'} units")
        return found

    def _implied(self, part: Part) -> Shape:
        """A dlnetwork may begin with a layer whose weights tell how many inputs it takes."""
        if part.kind != "FullyConnectedLayer" or self.series:
            raise part.fail("reads nothing: no input layer and no connection; add an input layer (featureInputLayer) and save again")
        weights = part.learned("Weights")
        return (weights.size // max(1, part.learned("Bias").size),)

    # lowering

    def network(self) -> Network:
        if refused := [part for part in self.parts if not self._is_known(part)]:  # before anything else
            raise self._refusal(refused)
        values: dict[int, Value] = {}
        total, start = sum(int(np.prod(s)) for s in self.inputs.values()), 0
        first: dict[int, Value] = {}
        for k, shape in self.inputs.items():
            size = int(np.prod(shape))
            number = 0 if size == total else self.builder.add(Select(np.arange(start, start + size), total), 0)
            first[k], start = Value(number, shape), start + size
        for k in self.order:
            given = [values[s] for s in self.sources[k]] or [first[k]]
            values[k] = self._lowered(self.parts[k], given)
        return self._finished(values)

    def _is_known(self, part: Part) -> bool:
        namespace = part.classname.rpartition(".")[0]
        return (namespace in NAMESPACES and part.kind in TABLE) or self._is_loss(part)

    def _refusal(self, refused: list[Part]) -> ModelError:
        """All layers that are not supported in one message, with what is known of the network."""
        first, *others = refused
        also = listed([f"{part.name} ({part.kind})" for part in others], 5)
        nor = f", nor {'are' if len(others) > 1 else 'is'} {also}" if others else ""
        found = f"{first.path}: layer {first.name!r} of the class {first.classname} is not supported{nor}"
        supported = listed(sorted(name.removesuffix("Layer") for name in TABLE), 4)
        lines = [
            f"{line}{': not supported' if part in refused else ''}" for part, line in zip(self.parts, self._stored_lines(), strict=True)
        ]
        described = Described(self.element.classname, self._version, "", tuple(lines))
        return ModelError(f"{found}; supported are {supported}; replace the layer, or save the network without it", described)

    def _stored_lines(self) -> Iterable[str]:
        """The layers with the shapes of what they store."""
        for k, part in enumerate(self.parts):
            size = numbers(part.fields.get("InputSize")) if part.kind in INPUTS or part.kind.endswith("InputLayer") else None
            known = [f"input {by([int(n) for n in size.flat])}"] if size is not None and size.size and np.isfinite(size).all() else []
            for name, stored in part.fields.items():
                value = numbers(stored)
                if name in LEARNED and value is not None and value.size:
                    known.append(f"{name} {by(value.shape)}")
            sources = ", ".join(self.parts[s].name or f"layer {s + 1}" for s in self.sources[k])
            shapes = f", {', '.join(known)}" if known else ""
            kind = part.kind.removesuffix("Layer") or part.kind
            yield f"{part.name or f'layer {k + 1}'}: {kind}{shapes}{f', from {sources}' if sources else ''}"

    def _is_loss(self, part: Part) -> bool:
        """Whether a layer of somebody else's class is an output layer: these only hold a loss and never change a prediction."""
        fields = part.fields
        marked = "ResponseNames" in fields or {"Classes", "NumClasses"} <= fields.keys()
        return marked and "nnet.layer.Layer.PrivateOutputs" not in fields and all(self._index(part) not in s for s in self.sources)

    def _index(self, part: Part) -> int:
        return next(k for k, p in enumerate(self.parts) if p is part)

    def _lowered(self, part: Part, given: list[Value]) -> Value:
        if part.kind not in TABLE:
            self.doubts += (
                f"{part.name!r} ({part.classname}): an output layer of its own class, taken as a loss that predictions don't use",
            )
            return given[0]
        joins = ("AdditionLayer", "MultiplicationLayer", "ConcatenationLayer", "DepthConcatenationLayer", "FunctionLayer")
        if len(given) > 1 and part.kind not in joins:
            raise part.fail(f"{len(given)} connections into it; it takes one")
        before = len(self.builder.nodes)
        try:
            value = TABLE[part.kind](part, given)
        except ValueError as e:
            raise part.fail(str(e)) from None
        made = [n for node in self.builder.nodes[before:] for n in vars(node.layer).values() if isinstance(n, np.ndarray)]
        self.made += sum(n.size for n in made) + 16 * value.size * (len(self.builder.nodes) - before)
        if self.made > MOST_NUMBERS or value.size > MOST_UNITS:
            raise part.fail(f"the network needs more than {MOST_NUMBERS} numbers, or {MOST_UNITS} units in a layer")
        return value

    # the outputs

    @cached_property
    def outputs(self) -> list[int]:
        """The layers whose values are the network's outputs: as OutputNames lists them, otherwise what nothing reads, in layer order."""
        listed = names(self.element.fields.get("OutputNames"))
        if listed:
            ends = [self._end(text, "out") for text in listed]
            other = next((k for k, port in ends if port != "out"), None)
            if other is not None:
                raise self.parts[other].fail("an output other than its first is an output of the network; not supported")
            return [k for k, _ in ends]
        read = {s for found in self.sources for s in found}
        return [k for k in range(len(self.parts)) if k not in read]

    def _finished(self, values: dict[int, Value]) -> Network:
        chosen = [values[k] for k in self.outputs]
        last = self.builder.beside([v.number for v in chosen], [v.size for v in chosen])
        if last != len(self.builder.nodes) or not self.builder.nodes:
            last = self.builder.add(Sum(), last)  # an output that is not the last value computed
        if self.parts[0].sequence:
            self.notes.append("a network of sequences without memory: each row of x is one time step")
        self._warn_of_nan()
        return Network(tuple(self.builder.nodes), tuple(self._input_ports()), tuple(self._output_ports(chosen)), self._origin(values))

    def _warn_of_nan(self) -> None:
        arrays = [v for part in self.parts for name in part.fields if (v := numbers(part.fields[name])) is not None]
        missing = sum(int(np.isnan(v).sum()) for v in arrays)
        if missing:
            self.doubts += (f"{missing} of its weights are NaN (training diverged): so are the outputs that depend on them",)

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
            classes = self._classes(k)
            fits = classes is not None and len(classes) == value.size and len(set(classes)) == len(classes) and len(self.outputs) == 1
            columns = tuple(classes or ()) if fits else numbered("y", value.size, start)
            start += value.size
            yield Port(self.parts[k].name or "Output", columns)

    def _classes(self, k: int) -> list[str] | None:
        fields = self.parts[k].fields
        if self.parts[k].kind not in OUTPUTS and "Classes" not in fields:
            return None
        return next((c for name in ("Classes", "Categories", "ClassNames") if (c := categories(fields.get(name)))), None)

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
            sources = ", ".join(self.parts[s].name or f"layer {s + 1}" for s in self.sources[k])
            kind, units = part.kind.removesuffix("Layer"), by(values[k].shape)
            yield f"{part.name or f'layer {k + 1}'}: {kind}, {units} units{f', from {sources}' if sources else ''}"
