"""MATLAB's `network` objects (feedforwardnet, fitnet, patternnet, newff, newrb, narxnet ...), versions none, 6, 7, 8 and 9.

The one rule: an object is lowered to the layer kinds exactly as MATLAB evaluates it, or refused by name. A network with delays
becomes its one-step map: a static network whose columns are the taps of its inputs (raw units) and then the delayed outputs of
its layers (in the network's own, normalised units), newest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nngrad.activations import BY_NAME
from nngrad.errors import ModelError
from nngrad.layers import (
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
from nngrad.load.hints import NO_HINTS, Hints
from nngrad.load.matlab_processing import STEPS, is_identity, number, vector
from nngrad.load.tree import MatlabObject, Tree, shown
from nngrad.load.tree import find as find_in
from nngrad.network import Builder, Network, Origin, Port

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
            size = len(part["range"]) if isinstance(part.get("range"), np.ndarray) else 0
        if not size:
            raise ModelError(f".inputs{{{j + 1}}}.size is 0: the network was never configured or trained; save it after train()")
        return size

    def delays(self, kind: str, i: int, j: int) -> list[int]:
        part, path = self._part(kind, i, j), f".{kind}{{{i + 1},{j + 1}}}.delays"
        values = vector(part, "delays")
        if values is None:
            raise ModelError(f"{path}: no numbers are stored; the object is damaged or no network")
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
        before = 0
        for j, taps in enumerate(self.input_taps):
            part, size = self._part("inputs", j, 0), self.input_sizes[j]
            lower, upper = _ranges(part, size)
            columns = [f"x{before + k + 1}{self._when(d)}" for d in taps for k in range(size)]
            ranges = [None if r is None else np.tile(r, len(taps)) for r in (lower, upper)]
            yield Port(_name(part, f"Input {j + 1}"), tuple(columns), *ranges)
            before += size
        for j, taps in self.state_taps.items():
            size = self.layer_size(j)
            units = [f"a{j + 1}"] if size == 1 else [f"a{j + 1}_{u + 1}" for u in range(size)]
            yield Port(f"outputs of layer {j + 1} before (normalised units)", tuple(f"{u}{self._when(d)}" for d in taps for u in units))

    def _when(self, delay: int) -> str:
        return "" if not self.dynamic else f"(t-{delay})" if delay else "(t)"

    # lowering

    def network(self) -> Network:
        version = self.version  # refused first: nothing else can be trusted then
        if not self.output_layers:
            raise ModelError(".outputConnect: no layer is connected to an output")
        builder = Builder()
        self.builder = builder
        self.notes: list[str] = []
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
            ports.append(Port(_name(part, f"Output {len(ports) + 1}"), columns, *_ranges(part, size)))
            before += size
        last = builder.beside(values, [p.size for p in ports])
        if last != len(builder.nodes) or not builder.nodes:
            builder.add(Sum(), last)  # an output that is not the last value computed
        return Network(tuple(builder.nodes), tuple(self.input_ports()), tuple(ports), self._origin(version))

    def _origin(self, version: str) -> Origin:
        if self.dynamic:
            self.notes.append("has delays: this is its one-step map on stacked taps, x(t-1) being the input one step before")
        return Origin(
            classname="network",
            version=version,
            name=_name(self.fields, ""),
            notes=tuple(dict.fromkeys(self.notes)),
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
            _supported(name, tuple(STEPS), f"{path}.processFcns{{{q + 1}}}")
            if not isinstance(setting, dict):
                raise ModelError(f"{path}.processSettings{{{q + 1}}}: no settings of {name} are stored")
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
        part, path = self._part("layers", i, 0), f".layers{{{i + 1}}}"
        transfer = _supported(part.get("transferFcn"), TRANSFER, f"{path}.transferFcn")
        net_input = _supported(part.get("netInputFcn"), NET_INPUT, f"{path}.netInputFcn")
        links = [link for kind, j in self.links_of_layer(i) if (link := self._link(kind, i, j))]
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

    def _link(self, kind: str, i: int, j: int) -> _Link | None:
        name = "IW" if kind == "inputWeights" else "LW"
        path = f".{name}{{{i + 1},{j + 1}}}"
        function = _supported(self._part(kind, i, j).get("weightFcn"), WEIGHT, f".{kind}{{{i + 1},{j + 1}}}.weightFcn")
        delays = self.delays(kind, i, j)
        if not delays:
            return None
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


def _supported(name: Any, known: tuple[str, ...], path: str) -> str:
    if name is None:
        raise ModelError(f"{path}: missing; the object is damaged or no network")
    if not (isinstance(name, str) and name in known):
        raise ModelError(f"{path}: {shown(name)} is not supported; supported are {', '.join(known)}")
    return name


def _shape(value: Any) -> str:
    return "x".join(str(k) for k in value.shape) + " values" if isinstance(value, np.ndarray) else type(value).__name__


def _name(part: dict[str, Any], default: str) -> str:
    name = part.get("name")
    return name if isinstance(name, str) and name else default


def _ranges(part: dict[str, Any], size: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The smallest and largest values of the training data, row by row, where the object stores them."""
    stored = part.get("range")
    if isinstance(stored, np.ndarray) and stored.dtype == np.float64 and stored.shape == (size, 2):
        return stored[:, 0].copy(), stored[:, 1].copy()
    return None, None
