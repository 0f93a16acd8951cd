"""MATLAB's `network` objects (feedforwardnet, fitnet, patternnet, newff, newrb, narxnet ...), versions none, 6, 7, 8 and 9.

The one rule: an object is lowered to the layer kinds exactly as MATLAB evaluates it, or refused by name. A network with delays
becomes its one-step map: a static network whose columns are the taps of its inputs (raw units) and then the delayed outputs of
its layers (in the network's own, normalised units), newest first. What an object says twice (sizes, counts, connections and what is
connected) must agree; IGNORED says what no output depends on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nngrad.core.activations import BY_NAME
from nngrad.core.builder import Builder
from nngrad.core.layers import (
    Affine,
    Compet,
    Distance,
    Elementwise,
    FillMissing,
    NormProd,
    Place,
    Product,
    Scale,
    Select,
    Softmax,
    SquaredDistance,
    Sum,
)
from nngrad.core.network import Network, Origin, Port
from nngrad.errors import Described, ModelError, listed
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.matlab.processing import STEPS, is_identity, number, vector
from nngrad.loaders.port_names import columns_of
from nngrad.loaders.tree import MatlabObject, Tree, shown
from nngrad.loaders.tree import find as find_in

NAME = "MATLAB network object"
VERSIONS = ("", "6", "7", "8", "9")
ELEMENTWISE = [
    "tansig",
    "logsig",
    "purelin",
    "poslin",
    "satlin",
    "satlins",
    "hardlim",
    "hardlims",
    "radbas",
    "tribas",
    "elliotsig",
    "elliot2sig",
    "netinv",
]
TRANSFER = (*ELEMENTWISE, "radbasn", "softmax", "compet")
WEIGHT = ("dotprod", "dist", "negdist", "mandist", "normprod", "scalprod")
NET_INPUT = ("netsum", "netprod")
FIELDS = frozenset(
    [
        "inputConnect",
        "layerConnect",
        "biasConnect",
        "outputConnect",
        "inputs",
        "layers",
        "outputs",
        "inputWeights",
        "layerWeights",
        "IW",
        "LW",
        "b",
    ]
)
CONNECTIONS = frozenset({"inputConnect", "layerConnect", "biasConnect", "outputConnect", "inputWeights", "layerWeights"})
UNVERIFIED = (
    "elliotsig",
    "elliot2sig",
    "netinv",
    "scalprod",
)  # formulas from the documentation's words, never compared with MATLAB's numbers
IGNORED = {  # what an object may hold, or not hold, and no output depends on, by where it stands; unknown fields count here too
    "the object": (
        "name userdata efficiency dimensions sampleTime numFeedbackDelays adaptFcn adaptParam derivFcn divideFcn divideMode divideParam"
        " gradientFcn gradientParam initFcn initParam performFcn performParam plotFcns plotParams trainFcn trainParam hint revert"
        " revertProps targets targetConnect numTargets"
    ),
    "inputs, outputs": "name userdata processParams processedRange exampleInput exampleOutput feedbackDelay",
    "layers": (
        "name userdata dimensions distances distanceFcn distanceParam initFcn netInputParam positions range topologyFcn transferParam"
    ),
    "weights, biases": "userdata initFcn initSettings learn learnFcn learnParam weightParam",
    "settings of processing steps": "max_range recreate recreate_ind maxfrac classRatios",
}
FEEDBACK = ("none", "open", "closed")
COUNTS = {"numInputs": "inputConnect", "numLayers": "layerConnect", "numOutputs": "outputConnect"}
CONNECTED = {"IW": "inputWeights", "LW": "layerWeights", "b": "biases"}
MOST_UNITS = 1_000_000
MOST_WEIGHTS = 50_000_000


def find(tree: Tree) -> list[tuple[str, MatlabObject]]:
    """Objects of the class, and structs that hold all of one: what MATLAB's struct(net) makes."""
    return [(path, e if isinstance(e, MatlabObject) else MatlabObject("network", e)) for path, e in find_in(tree, _is_network)]


def _is_network(e: Any) -> bool:
    if isinstance(e, MatlabObject):  # a class of somebody's own may have the same name
        return e.classname == "network" and (not e.fields or bool(e.fields.keys() & CONNECTIONS))
    return isinstance(e, dict) and e.keys() >= FIELDS


def read(candidate: MatlabObject, hints: Hints = NO_HINTS) -> Network:
    """The network of an object; ModelError, with the field's path, where anything in it is not understood."""
    return _Reader(candidate.fields).network()


@dataclass(frozen=True, eq=False)
class _Link:
    """A connection into a layer: the weights, and the value they are applied to."""

    function: str
    W: np.ndarray
    source: int
    rows: int


@dataclass(eq=False)
class _Reader:
    """One object on its way to a Network."""

    fields: dict[str, Any]

    # what the object says

    @cached_property
    def version(self) -> str:
        version = self.fields.get("version", "")
        text = version if isinstance(version, str) else f"{number(self.fields, 'version'):g}"
        if text not in VERSIONS:
            raise ModelError(
                f".version: network version {text!r}; supported are versions {', '.join(VERSIONS[1:])} and the one without a number"
            )
        return text

    @cached_property
    def layer_count(self) -> int:
        return self.input_connect.shape[0]

    @cached_property
    def input_connect(self) -> np.ndarray:
        return self._flags("inputConnect")

    @cached_property
    def layer_connect(self) -> np.ndarray:
        return self._flags("layerConnect", (self.layer_count, self.layer_count))

    @cached_property
    def bias_connect(self) -> np.ndarray:
        return self._flags("biasConnect", (self.layer_count, 1))[:, 0]

    @cached_property
    def output_layers(self) -> list[int]:
        return np.flatnonzero(self._flags("outputConnect", (1, self.layer_count))).tolist()

    def _flags(self, name: str, shape: tuple[int, int] | None = None) -> np.ndarray:
        value = self.fields.get(name)
        if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.ndim != 2 or (shape and value.shape != shape):
            raise ModelError(
                f".{name}: not a connection matrix{f' of shape {shape}' if shape else ''}; the object is damaged or no network"
            )
        if not np.isin(value, (0.0, 1.0)).all():
            raise ModelError(f".{name}: not a matrix of 0 and 1; the object is damaged or no network")
        return value != 0

    def _cell(self, name: str, i: int, j: int) -> Any:
        value = self.fields.get(name)
        if not isinstance(value, np.ndarray) or value.dtype != object or value.ndim != 2 or not (i < value.shape[0] and j < value.shape[1]):
            raise ModelError(f".{name}{{{i + 1},{j + 1}}}: missing; the object is damaged or no network")
        return value[i, j]

    # what it says twice

    def agree(self) -> None:
        """Refuses an object that contradicts itself: counts, cells, and what is connected."""
        inputs, layers, outputs = self.input_connect.shape[1], self.layer_count, len(self.output_layers)
        for name, count in (("numInputs", inputs), ("numLayers", layers), ("numOutputs", outputs)):
            if name in self.fields and (stored := number(self.fields, name)) != count:
                raise ModelError(f".{name}: {stored:g}, but .{COUNTS[name]} connects {count}; the object is damaged")
        rows = {"inputs": inputs, "layers": layers, "biases": layers, "outputs": layers, "b": layers}
        for name, count in rows.items():
            self._of_size(name, (count,))
        for name, count in {"IW": inputs, "inputWeights": inputs, "LW": layers, "layerWeights": layers}.items():
            self._of_size(name, (layers, count))
        connects = {"IW": self.input_connect, "LW": self.layer_connect, "b": self.bias_connect[:, None]}
        elements = sum(self._connected(name, connect) for name, connect in connects.items())
        if "numWeightElements" in self.fields and (stored := number(self.fields, "numWeightElements")) != elements:
            raise ModelError(f".numWeightElements: {stored:g}, but there are {elements} weights and biases; the object is damaged")
        self._records("biases", self.bias_connect[:, None])
        self._records("inputWeights", self.input_connect)
        self._records("layerWeights", self.layer_connect)
        self._records("outputs", self._flags("outputConnect", (1, self.layer_count)))
        self._most_delays("numInputDelays", self.input_taps)
        self._most_delays("numLayerDelays", self.state_taps.values())
        self._feedback()

    def _of_size(self, name: str, shape: tuple[int, ...]) -> None:
        """Refuses a cell with more or fewer places than the connections have."""
        value = self.fields.get(name)
        if value is None and name == "biases":  # nothing is read from it
            return
        if not isinstance(value, np.ndarray) or (value.dtype != object and value.size):
            raise ModelError(f".{name}: not a cell; the object is damaged or no network")
        if (value.size,) != shape and value.shape != shape:
            raise ModelError(f".{name}: {_by(value.shape)} cells, where {_by(shape)} belong; the object is damaged")

    def _connected(self, name: str, connect: np.ndarray) -> int:
        """How many weights there are: none where nothing is connected; where something is, as many as its own record says."""
        total = 0
        for i, j in np.ndindex(connect.shape):
            path, value = f".{name}{{{i + 1},{j + 1}}}" if name != "b" else f".b{{{i + 1}}}", self._weights(name, i, j)
            if not connect[i, j] and np.size(value):
                raise ModelError(f"{path}: {_shape(value)}, but nothing is connected there; the object is damaged")
            record = self.record(CONNECTED[name], i, j)
            size = _at(f".{CONNECTED[name]}{{{i + 1},{j + 1}}}", vector, record, "size") if connect[i, j] else None
            if size is not None and not _is_size(size.tolist(), np.shape(value)):
                raise ModelError(f"{path}: {_shape(value)}, but .{CONNECTED[name]} says {_by(size)}; the object is damaged")
            total += np.size(value)
        return total

    def _records(self, name: str, connect: np.ndarray) -> None:
        """A struct where something is connected, and nothing where nothing is."""
        if name == "biases" and name not in self.fields:
            return
        for i, j in np.ndindex(connect.shape):
            part = self._cell(name, i, j)
            if connect[i, j]:
                self._part(name, i, j)
            elif not isinstance(part, np.ndarray) or part.size:
                raise ModelError(f".{name}{{{i + 1},{j + 1}}}: {shown(part)}, but nothing is connected there; the object is damaged")

    def _weights(self, name: str, i: int, j: int) -> Any:
        value = self.fields.get(name)
        if (
            not isinstance(value, np.ndarray)
            or value.dtype != object
            or not (value.ndim == 2 and i < value.shape[0] and j < value.shape[1])
        ):
            return np.zeros(0)
        return value[i, j]

    def record(self, name: str, i: int, j: int) -> dict[str, Any]:
        """A struct in a cell, empty where there is none."""
        part = self._weights(name, i, j)
        part = part.fields if isinstance(part, MatlabObject) else part
        return part if isinstance(part, dict) else {}

    def _most_delays(self, name: str, taps: Iterable[list[int]]) -> None:
        most = max((d for ds in taps for d in ds), default=0)
        if name in self.fields and (stored := number(self.fields, name)) != most:
            raise ModelError(f".{name}: {stored:g}, but the longest delay is {most}; the object is damaged")

    def _feedback(self) -> None:
        """An output that an input stands for (open loop) names that input, and the input names the output's layer."""
        fed: dict[float, int] = {}
        for i in self.output_layers:
            part, path = self._part("outputs", 0, i), f".outputs{{{i + 1}}}"
            mode = part.get("feedbackMode", "none")
            if not isinstance(mode, str) or mode not in FEEDBACK:
                raise ModelError(f"{path}.feedbackMode: {shown(mode)}; it is {', '.join(FEEDBACK)}")
            source = [] if (stored := _at(path, vector, part, "feedbackInput")) is None else stored.tolist()
            if "feedbackInput" in part and (mode == "open") != (len(source) == 1):
                raise ModelError(f"{path}.feedbackInput: contradicts its feedbackMode {mode!r}; the object is damaged")
            fed |= dict.fromkeys(source, i + 1)
        for j in range(self.input_connect.shape[1]):
            part, path = self._part("inputs", j, 0), f".inputs{{{j + 1}}}"
            said = _at(path, vector, part, "feedbackOutput")
            layers = [float(fed[j + 1])] if j + 1 in fed else []
            if said is not None and said.tolist() != layers:
                raise ModelError(f"{path}.feedbackOutput: {said.tolist()}, but the outputs say {layers}; the object is damaged")
        if unknown := [k for k in fed if k not in range(1, self.input_connect.shape[1] + 1)]:
            raise ModelError(f".outputs{{{fed[unknown[0]]}}}.feedbackInput: there is no input {unknown[0]:g}; the object is damaged")

    def _part(self, name: str, i: int, j: int) -> dict[str, Any]:
        part = self._cell(name, i, j)
        part = part.fields if isinstance(part, MatlabObject) else part
        if not isinstance(part, dict):
            raise ModelError(f".{name}{{{i + 1},{j + 1}}}: not a struct; the object is damaged or no network")
        return part

    def _count(self, part: dict[str, Any], field: str, path: str) -> int:
        value = _at(path, number, part, field)
        if not (0 <= value <= MOST_UNITS and value == int(value)):
            raise ModelError(f"{path}.{field}: {value:g} is not a number of units")
        return int(value)

    def layer_size(self, i: int) -> int:
        return self._count(self._part("layers", i, 0), "size", f".layers{{{i + 1}}}")

    def input_size(self, j: int) -> int:
        part = self._part("inputs", j, 0)
        if "size" in part:
            size = self._count(part, "size", f".inputs{{{j + 1}}}")
        else:
            size = len(part["range"]) if isinstance(part.get("range"), np.ndarray) and part["range"].ndim else 0
        if not size:
            raise ModelError(f".inputs{{{j + 1}}}.size is 0: the network was never configured or trained; save it after train()")
        return size

    def delays(self, kind: str, i: int, j: int) -> list[int]:
        part, path = self._part(kind, i, j), f".{kind}{{{i + 1},{j + 1}}}.delays"
        stored = part.get("delays")
        values = vector(part, "delays") if isinstance(stored, np.ndarray) and stored.dtype == np.float64 else None
        if values is None:
            raise ModelError(f"{path}: no numbers are stored; the object is damaged or no network")
        if not values.size:
            raise ModelError(f"{path}: empty, but something is connected there; the object is damaged")
        if np.any(values != np.round(values)) or np.any(values < 0) or np.any(values > MOST_UNITS):
            raise ModelError(f"{path}: {values.tolist()} are not delays in whole steps")
        return values.astype(int).tolist()

    def links_of_layer(self, i: int) -> list[tuple[str, int]]:
        """(inputWeights or layerWeights, from) of every connection into layer i."""
        return [("inputWeights", j) for j in np.flatnonzero(self.input_connect[i]).tolist()] + [
            ("layerWeights", j) for j in np.flatnonzero(self.layer_connect[i]).tolist()
        ]

    # the columns of x

    @cached_property
    def input_taps(self) -> list[list[int]]:
        """The delays at which each input is read, in increasing order."""
        return [
            sorted({d for i in np.flatnonzero(self.input_connect[:, j]).tolist() for d in self.delays("inputWeights", i, j)} or {0})
            for j in range(self.input_connect.shape[1])
        ]

    @cached_property
    def state_taps(self) -> dict[int, list[int]]:
        """The delays, all above 0, at which the outputs of layers are read."""
        taps = {
            j: sorted({d for i in np.flatnonzero(self.layer_connect[:, j]).tolist() for d in self.delays("layerWeights", i, j)} - {0})
            for j in range(self.layer_count)
        }
        return {j: ds for j, ds in taps.items() if ds}

    @cached_property
    def dynamic(self) -> bool:
        return any(taps != [0] for taps in self.input_taps) or bool(self.state_taps)

    @cached_property
    def input_sizes(self) -> list[int]:
        return [self.input_size(j) for j in range(len(self.input_taps))]

    @cached_property
    def first_column(self) -> dict[tuple[str, int], int]:
        """Where the columns of each input and of each delayed layer begin."""
        starts, column = {}, 0
        for j, taps in enumerate(self.input_taps):
            starts["input", j] = column
            column += self.input_sizes[j] * len(taps)
        for j, taps in self.state_taps.items():
            starts["layer", j] = column
            column += self.layer_size(j) * len(taps)
        if column > MOST_UNITS:
            raise ModelError(f": {column} input columns are more than {MOST_UNITS}")
        starts["end", 0] = column
        return starts

    def input_ports(self) -> Iterable[Port]:
        names = [_name(self._part("inputs", j, 0), "") for j in range(len(self.input_sizes))]
        units_of_ports = columns_of(list(zip(names, self.input_sizes, strict=True)))
        for j, taps in enumerate(self.input_taps):
            part, size = self._part("inputs", j, 0), self.input_sizes[j]
            lower, upper = _ranges(part, size, f".inputs{{{j + 1}}}")
            columns = [f"{unit}{self._when(d)}" for d in taps for unit in units_of_ports[j]]
            lower, upper = (None if r is None else np.tile(r, len(taps)) for r in (lower, upper))
            yield Port(_name(part, f"Input {j + 1}"), tuple(columns), lower, upper)
        for j, taps in self.state_taps.items():
            size = self.layer_size(j)
            units = [f"a{j + 1}"] if size == 1 else [f"a{j + 1}_{u + 1}" for u in range(size)]
            yield Port(f"outputs of layer {j + 1} before (normalised units)", tuple(f"{u}{self._when(d)}" for d in taps for u in units))

    def _when(self, delay: int) -> str:
        return "" if not self.dynamic else f"(t-{delay})" if delay else "(t)"

    # lowering

    def network(self) -> Network:
        version = self.version  # refused first: nothing else can be trusted then
        self.functions_are_known()
        if not self.output_layers:
            raise ModelError(".outputConnect: no layer is connected to an output")
        builder = Builder()
        self.builder = builder
        self.notes: list[str] = []
        self.doubts: list[str] = []
        self.processed = [self._processed_input(j) for j in range(len(self.input_taps))]
        self.outputs_of: dict[int, int] = {}
        for i in self._order():
            self.outputs_of[i] = self._layer(i)
        values: list[int] = []
        ports: list[Port] = []
        before = 0
        for i in self.output_layers:
            part = self._part("outputs", 0, i)
            layers, size = self._output_steps(i)
            values.append(builder.through(layers, self.outputs_of[i]))
            columns = tuple(f"y{before + k + 1}" for k in range(size))
            ports.append(Port(_name(part, f"Output {len(ports) + 1}"), columns, *_ranges(part, size, f".outputs{{{i + 1}}}")))
            before += size
        self.agree()
        y = builder.beside(values, [p.size for p in ports])
        return Network(tuple(builder.nodes), tuple(self.input_ports()), tuple(ports), self._origin(version), result=y)

    def functions_are_known(self) -> None:
        """Refuses functions that are not supported, all of them at once."""
        unknown = [(path, found, known) for path, found, known in self._functions() if not (isinstance(found, str) and found in known)]
        if not unknown:
            return
        path, found, known = unknown[0]
        if found is None:
            raise ModelError(f"{path}: missing; the object is damaged or no network")
        also = listed([f"{other} {shown(name)}" for other, name, _ in unknown[1:]], 4)
        nor = f", nor {'are' if len(unknown) > 2 else 'is'} {also}" if also else ""
        described = Described("network", self.version, _name(self.fields, ""), tuple(self._layer_lines()))
        raise ModelError(f"{path}: {shown(found)} is not supported{nor}; supported are {listed(known, 6)}", described)

    def _functions(self) -> Iterable[tuple[str, Any, tuple[str, ...]]]:
        """(path, name, those supported) of every function that the network calls."""
        for j in range(self.input_connect.shape[1]):
            yield from self._processing(self._part("inputs", j, 0), f".inputs{{{j + 1}}}")
        for i in range(self.layer_count):
            part, path = self._part("layers", i, 0), f".layers{{{i + 1}}}"
            yield f"{path}.transferFcn", part.get("transferFcn"), TRANSFER
            yield f"{path}.netInputFcn", part.get("netInputFcn"), NET_INPUT
            for kind, j in self.links_of_layer(i):
                yield f".{kind}{{{i + 1},{j + 1}}}.weightFcn", self._part(kind, i, j).get("weightFcn"), WEIGHT
        for i in self.output_layers:
            yield from self._processing(self._part("outputs", 0, i), f".outputs{{{i + 1}}}")

    def _processing(self, part: dict[str, Any], path: str) -> Iterable[tuple[str, Any, tuple[str, ...]]]:
        names = part.get("processFcns")
        stored = [] if names is None else [names]
        every = names.ravel(order="F").tolist() if isinstance(names, np.ndarray) else stored
        yield from ((f"{path}.processFcns{{{q}}}", name, tuple(STEPS)) for q, name in enumerate(every, 1))

    def _origin(self, version: str) -> Origin:
        if self.dynamic:
            self.notes.append("has delays: this is its one-step map on stacked taps, x(t-1) being the input one step before")
        return Origin(
            classname="network",
            version=version,
            name=_name(self.fields, ""),
            notes=tuple(dict.fromkeys(self.notes)),
            doubts=tuple(dict.fromkeys(self.doubts)),
            processing=tuple(self._processing_lines()),
            layers=tuple(self._layer_lines()),
        )

    def _layer_lines(self) -> Iterable[str]:
        for i in range(self.layer_count):
            part = self._part("layers", i, 0)
            sources = [f"{'input' if k == 'inputWeights' else 'layer'} {j + 1}" for k, j in self.links_of_layer(i)]
            yield f"layer {i + 1}: {part.get('transferFcn')}, {self.layer_size(i)} units, from {', '.join(sources) or 'its bias alone'}"

    def _processing_lines(self) -> Iterable[str]:
        for kind, indices in (("inputs", range(len(self.input_taps))), ("outputs", self.output_layers)):
            for k in indices:
                part = self._part(kind, k, 0) if kind == "inputs" else self._part(kind, 0, k)
                names = [name for name, _ in self._steps(part, f".{kind}{{{k + 1}}}")]
                yield f"{kind}{{{k + 1}}}: {', '.join(names) or 'none'}"

    def _order(self) -> list[int]:
        """Layers so that what a layer reads without delay comes before it."""
        ready: list[int] = []
        waiting = set(range(self.layer_count))
        needs = {i: {j for j in np.flatnonzero(self.layer_connect[i]).tolist() if 0 in self.delays("layerWeights", i, j)} for i in waiting}
        while waiting:
            free = [i for i in sorted(waiting) if not needs[i] & waiting]
            if not free:
                cycle = ", ".join(str(i + 1) for i in sorted(waiting))
                raise ModelError(
                    f".layerConnect: layers {cycle} feed each other without a delay; MATLAB can't evaluate such a network either"
                )
            ready.append(free[0])
            waiting.discard(free[0])
        return ready

    def _steps(self, part: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
        names, settings = part.get("processFcns"), part.get("processSettings")
        if names is None:
            if self.version:  # objects of 2006 have no processing, all later ones say which
                raise ModelError(f"{path}.processFcns: missing; the object is damaged or no network")
            return []
        if isinstance(names, np.ndarray) and not names.size and (settings is None or not np.size(settings)):
            return []
        if isinstance(names, str):
            names, settings = np.array([names], object), np.array([settings], object)
        if not isinstance(names, np.ndarray) or not isinstance(settings, np.ndarray) or names.size != settings.size:
            raise ModelError(f"{path}.processSettings: does not match .processFcns")
        pairs = list(zip(names.ravel(order="F"), settings.ravel(order="F"), strict=True))
        for q, (name, setting) in enumerate(pairs):
            if not isinstance(setting, dict):
                raise ModelError(f"{path}.processSettings{{{q + 1}}}: no settings of {name} are stored")
            if unknown := sorted(setting.keys() - STEPS[name].fields):
                text = "settings that are not known, and not used; compare with MATLAB's outputs (nngrad verify)"
                self.doubts.append(f"{path[1:]}.processSettings{{{q + 1}}} ({name}): {listed(unknown)}: {text}")
        return pairs

    def _processed_input(self, j: int) -> tuple[int, int]:
        """(value, rows) of input j with all its taps, normalised."""
        part, path, taps = self._part("inputs", j, 0), f".inputs{{{j + 1}}}", len(self.input_taps[j])
        size, start, total = self.input_sizes[j], self.first_column["input", j], self.first_column["end", 0]
        value = 0
        if size * taps != total:
            value = self.builder.add(Select(np.arange(start, start + size * taps), total), 0)
        for q, (name, settings) in enumerate(self._steps(part, path)):
            layers, size = _at(f"{path}.processSettings{{{q + 1}}} ({name})", _effective, STEPS[name].apply, settings, size)
            value = self.builder.through([_tiled(layer, taps) for layer in layers], value)
        _same_rows(part, "processedSize", size, path)
        return value, size

    def _output_steps(self, i: int) -> tuple[list[Any], int]:
        part, path, size = self._part("outputs", 0, i), f".outputs{{{i + 1}}}", self.layer_size(i)
        layers: list[Any] = []
        _same_rows(part, "processedSize", size, path)
        for q, (name, settings) in reversed(list(enumerate(self._steps(part, path)))):
            undone, size = _at(f"{path}.processSettings{{{q + 1}}} ({name})", _effective, STEPS[name].reverse, settings, size)
            layers += undone
        _same_rows(part, "size", size, path)
        return layers, size

    def _layer(self, i: int) -> int:
        part = self._part("layers", i, 0)
        transfer, net_input = str(part["transferFcn"]), str(part["netInputFcn"])
        links = [self._link(kind, i, j) for kind, j in self.links_of_layer(i)]
        self.notes += [
            f"{name}: its formula was never compared with MATLAB's own numbers"
            for name in UNVERIFIED
            if name in (transfer, *(k.function for k in links))
        ]
        bias = self._bias(i)
        if transfer in ("radbas", "radbasn") and len(links) == 1 and links[0].function in ("dist", "negdist"):
            b = np.ones(self.layer_size(i)) if bias is None else bias
            if net_input == "netprod" or bias is None:  # exp(-(b|x - c|)^2), which is smooth at its centre
                value = self.builder.add(SquaredDistance(links[0].W, b * b), links[0].source)
                return self.builder.add(Softmax() if transfer == "radbasn" else Elementwise(BY_NAME["exp"]), value)
        value = self._net_input(i, net_input, links, bias)
        return self.builder.through(_transfer(transfer), value)

    def _bias(self, i: int) -> np.ndarray | None:
        if not self.bias_connect[i]:
            return None
        b, size = self._cell("b", i, 0), self.layer_size(i)
        if not isinstance(b, np.ndarray) or b.dtype != np.float64 or b.size != size:
            raise ModelError(
                f".b{{{i + 1}}}: {_shape(b)} where a bias for {size} units belongs; the network was never initialised or is damaged"
            )
        return b.ravel()

    def _link(self, kind: str, i: int, j: int) -> _Link:
        name = "IW" if kind == "inputWeights" else "LW"
        path = f".{name}{{{i + 1},{j + 1}}}"
        function = str(self._part(kind, i, j)["weightFcn"])
        delays = self.delays(kind, i, j)
        source, width = self._tapped_input(j, delays) if kind == "inputWeights" else self._tapped_layer(j, delays)
        W = self._cell(name, i, j)
        rows = self.layer_size(i)
        expected = (1, 1) if function == "scalprod" else (rows, width)
        if function == "scalprod" and rows != width:
            raise ModelError(f"{path}: scalprod from {width} to {rows} units")
        if not isinstance(W, np.ndarray) or W.dtype != np.float64 or (W.shape != expected and not W.size == rows * width == 0):
            raise ModelError(
                f"{path}: {_shape(W)} where {expected[0]}x{expected[1]} weights belong; the network was never trained or is damaged"
            )
        return _Link(function, W.reshape(expected), source, rows)

    def _tapped_input(self, j: int, delays: list[int]) -> tuple[int, int]:
        value, rows = self.processed[j]
        taps = self.input_taps[j]
        if delays == taps:
            return value, rows * len(taps)
        columns = np.concatenate([np.arange(rows) + taps.index(d) * rows for d in delays])
        return self.builder.add(Select(columns, rows * len(taps)), value), columns.size

    def _tapped_layer(self, j: int, delays: list[int]) -> tuple[int, int]:
        rows, total = self.layer_size(j), self.first_column["end", 0]
        parts = []
        for d in delays:
            if d == 0:
                parts.append(self.outputs_of[j])
            else:
                start = self.first_column["layer", j] + self.state_taps[j].index(d) * rows
                parts.append(self.builder.add(Select(np.arange(start, start + rows), total), 0))
        return self.builder.beside(parts, [rows] * len(parts)), rows * len(delays)

    def _net_input(self, i: int, function: str, links: list[_Link], bias: np.ndarray | None) -> int:
        size = self.layer_size(i)
        if not links:
            constant = np.zeros(size) if bias is None else bias
            nothing = self.builder.add(Select(np.zeros(0, int), self.first_column["end", 0]), 0)
            return self.builder.add(Place(np.zeros(0, int), constant), nothing)
        if function == "netprod":
            value = self._joined(Product(), [self._weighted(k) for k in links])
            return value if bias is None else self.builder.add(Scale(bias, np.zeros(size), np.zeros(size)), value)
        taken = next((k for k in links if k.function == "dotprod"), None)
        b = np.zeros(size) if bias is None else bias
        value = self._joined(Sum(), [self._weighted(k, b if k is taken else None) for k in links])
        return value if bias is None or taken else self.builder.add(Scale(np.ones(size), np.zeros(size), bias), value)

    def _joined(self, join: Any, values: list[int]) -> int:
        return values[0] if len(values) == 1 else self.builder.add(join, *values)

    def _weighted(self, link: _Link, bias: np.ndarray | None = None) -> int:
        if link.function == "scalprod":
            zeros = np.zeros(link.rows)
            return self.builder.add(Scale(np.full(link.rows, link.W[0, 0]), zeros, zeros), link.source)
        return self.builder.add(_weight_layer(link.function, link.W, bias), link.source)


def _weight_layer(function: str, W: np.ndarray, bias: np.ndarray | None) -> Any:
    match function:
        case "dotprod":
            return Affine(W, np.zeros(len(W)) if bias is None else bias)
        case "dist" | "negdist":
            return Distance(W, -1.0 if function == "negdist" else 1.0)
        case "mandist":
            return Distance(W, manhattan=True)
        case "normprod":
            return NormProd(W)
    raise ModelError(f"weight function {function!r} is not supported")


def _transfer(name: str) -> list[Any]:
    match name:
        case "purelin":
            return []
        case "softmax":
            return [Softmax()]
        case "radbasn":
            return [Elementwise(BY_NAME["negsquare"]), Softmax()]
        case "compet":
            return [Compet()]
    return [Elementwise(BY_NAME[name])]


def _tiled(layer: Any, times: int) -> Any:
    """The layer applied to each of several blocks of rows side by side (one for each tap of an input)."""
    if times == 1:
        return layer

    def offset(index: np.ndarray, rows: int) -> np.ndarray:
        return np.concatenate([index + k * rows for k in range(times)])

    match layer:
        case Scale(gain, center, shift):
            return Scale(*(np.tile(v, times) for v in (gain, center, shift)))
        case Select(index, inputs):
            return Select(offset(index, inputs), inputs * times)
        case FillMissing(source, flag, filled, fill, inputs):
            return FillMissing(offset(source, inputs), np.tile(flag, times), np.tile(filled, times), np.tile(fill, times), inputs * times)
        case Affine(W, b):
            if W.size * times**2 > MOST_WEIGHTS:
                raise ModelError(f"processpca on {times} taps makes more than {MOST_WEIGHTS} weights")
            return Affine(np.kron(np.eye(times), W), np.tile(b, times))
    raise TypeError(f"{type(layer).__name__} is no processing step of an input")


def _effective(call: Any, settings: dict[str, Any], size: int) -> tuple[list[Any], int]:
    """The layers of a processing step that change something, and the rows that leave it."""
    layers = call(settings, size)
    for layer in layers:
        size = layer.size(size)
    return [layer for layer in layers if not is_identity(layer)], size


def _same_rows(part: dict[str, Any], field: str, rows: int, path: str) -> None:
    """Refuses a stored number of rows that its processing steps contradict."""
    if field in part and (stored := _at(path, number, part, field)) != rows:
        raise ModelError(f"{path}.{field}: {stored:g} rows stored, {rows} follow from its processing steps")


def _at(path: str, call: Any, *args: Any) -> Any:
    """Calls, and puts the path before what goes wrong."""
    try:
        return call(*args)
    except ModelError as e:
        raise ModelError(f"{path}{e}") from None
    except ValueError as e:
        raise ModelError(f"{path}: {e}") from None


def _is_size(stated: list[float], shape: tuple[int, ...]) -> bool:
    """Whether that is the size of an array: both extents, or one for a vector."""
    return stated == list(shape) if len(stated) > 1 else stated == [math.prod(shape)]


def _by(shape: Iterable[float]) -> str:
    return "x".join(f"{n:g}" for n in shape)


def _shape(value: Any) -> str:
    return "x".join(str(k) for k in value.shape) + " values" if isinstance(value, np.ndarray) else type(value).__name__


def _name(part: dict[str, Any], default: str) -> str:
    name = part.get("name")
    return name if isinstance(name, str) and name else default


def _ranges(part: dict[str, Any], size: int, path: str) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The smallest and largest values of the training data, row by row, where the object stores them."""
    stored = part.get("range")
    if stored is None or (isinstance(stored, np.ndarray) and not stored.size):
        return None, None
    if not isinstance(stored, np.ndarray) or stored.dtype != np.float64 or stored.shape != (size, 2):
        raise ModelError(f"{path}.range: {_shape(stored)} where {size}x2 belong; the object is damaged")
    return stored[:, 0].copy(), stored[:, 1].copy()
