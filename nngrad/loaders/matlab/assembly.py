"""From the description of a shallow network to a Network, exactly as MATLAB evaluates it.

A network with delays becomes its one-step map: a static network whose columns are the taps of its inputs (raw units)
and then the delayed outputs of its layers (in the network's own, normalised units), newest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from nngrad.core.activations import BY_NAME
from nngrad.core.builder import Builder
from nngrad.core.layers import (
    Affine,
    Compet,
    Distance,
    Elementwise,
    Layer,
    NormProd,
    Place,
    Product,
    Scale,
    Select,
    Softmax,
    SquaredDistance,
    Sum,
)
from nngrad.core.network import Network
from nngrad.core.ports import Origin, Port
from nngrad.errors import ModelError, listed
from nngrad.loaders.matlab.fields import located, sized
from nngrad.loaders.matlab.processing import STEPS, Direction, RowMaps, rows_behind
from nngrad.loaders.matlab.shallow import (
    INPUT,
    LAYER,
    MOST_UNITS,
    Connection,
    ShallowNetwork,
    StatedLayer,
    StatedOutput,
    StatedStep,
    checked_size,
    layer_line,
    refuse_no_rows,
)
from nngrad.loaders.port_names import columns_of
from nngrad.loaders.tree import is_numeric

UNVERIFIED = (
    "elliotsig",
    "elliot2sig",
    "netinv",
    "scalprod",
)  # never compared with MATLAB's numbers: formulas from its documentation


def assembled(stated: ShallowNetwork) -> Network:
    """The Network of a description; ModelError, with MATLAB's path of the field, where its parts don't fit together."""
    return _Assembly(stated).network()


class _WeightedSource(NamedTuple):
    """A connection with its weights checked, and the value that they are applied to."""

    function: str
    W: np.ndarray
    value: int
    units: int


@dataclass(eq=False)
class _Assembly:
    """One description on its way to a Network."""

    stated: ShallowNetwork
    builder: Builder = field(default_factory=Builder)
    processed: list[tuple[int, int]] = field(default_factory=list)  # (value, rows of one tap) of every input
    outputs_of: dict[int, int] = field(default_factory=dict)  # the value of every layer that has been lowered
    notes: list[str] = field(default_factory=list)

    def network(self) -> Network:
        self.processed = [self._processed_input(j) for j in range(len(self.stated.inputs))]
        for i in self._order():
            self.outputs_of[i] = self._layer(i, self.stated.layers[i])
        ports, values = self._outputs()
        y = self.builder.beside(values, [p.size for p in ports])
        return Network(tuple(self.builder.nodes), tuple(self._input_ports()), ports, self._origin(), result=y)

    # the columns of x

    @cached_property
    def input_sizes(self) -> list[int]:
        """The rows of every input; none may have no rows."""
        sizes = [checked_size(port.size, f".inputs{{{j}}}") for j, port in enumerate(self.stated.inputs, 1)]
        for j, size in enumerate(sizes, 1):
            refuse_no_rows(size, f".inputs{{{j}}}")
        return sizes

    @cached_property
    def first_column(self) -> dict[tuple[str, int], int]:
        """Where the columns of each input and of each delayed layer begin."""
        starts, column = {}, 0
        for j, taps in enumerate(self.stated.input_taps):
            starts[INPUT, j] = column
            column += self.input_sizes[j] * len(taps)
        for j, taps in self.stated.state_taps.items():
            starts[LAYER, j] = column
            column += self._size(j) * len(taps)
        if column > MOST_UNITS:
            raise ModelError(f": {column} input columns are more than {MOST_UNITS}")
        starts["end", 0] = column
        return starts

    @property
    def columns(self) -> int:
        return self.first_column["end", 0]

    def _size(self, i: int) -> int:
        return checked_size(self.stated.layers[i].size, f".layers{{{i + 1}}}")

    def _input_ports(self) -> Iterable[Port]:
        units_of_ports = columns_of(
            [(port.name, size) for port, size in zip(self.stated.inputs, self.input_sizes, strict=True)]
        )
        for j, (port, taps) in enumerate(zip(self.stated.inputs, self.stated.input_taps, strict=True)):
            lower, upper = _ends(port.range, self.input_sizes[j], f".inputs{{{j + 1}}}")
            columns = [f"{unit}{self._when(d)}" for d in taps for unit in units_of_ports[j]]
            lower, upper = (None if r is None else np.tile(r, len(taps)) for r in (lower, upper))
            yield Port(port.name or f"Input {j + 1}", tuple(columns), lower, upper)
        for j, taps in self.stated.state_taps.items():
            size = self._size(j)
            units = [f"a{j + 1}"] if size == 1 else [f"a{j + 1}_{u + 1}" for u in range(size)]
            yield Port(
                f"outputs of layer {j + 1} before (normalised units)",
                tuple(f"{u}{self._when(d)}" for d in taps for u in units),
            )

    def _when(self, delay: int) -> str:
        return "" if not self.stated.dynamic else f"(t-{delay})" if delay else "(t)"

    # processing steps

    def _processed_input(self, j: int) -> tuple[int, int]:
        """(value, rows) of input j with all its taps, normalised."""
        port, path, taps = self.stated.inputs[j], f".inputs{{{j + 1}}}", len(self.stated.input_taps[j])
        size, total = self.input_sizes[j], self.columns
        start = self.first_column[INPUT, j]
        value = 0
        if size * taps != total:
            value = self.builder.add(Select(np.arange(start, start + size * taps), total), 0)
        for q, step in enumerate(port.steps, 1):
            maps, size = _effective(step, STEPS[step.function].apply, size, f"{path}.processSettings{{{q}}}")
            value = self.builder.through([row_map.layer(taps) for row_map in maps], value)
        _same_rows(port.processed_size, size, f"{path}.processedSize")
        return value, size

    def _outputs(self) -> tuple[tuple[Port, ...], list[int]]:
        """The output ports, and the value that each of them shows."""
        ports: list[Port] = []
        values: list[int] = []
        before = 0
        for output in self.stated.outputs:
            layers, size = self._undone(output)
            values.append(self.builder.through(layers, self.outputs_of[output.layer]))
            columns = tuple(f"y{before + k + 1}" for k in range(size))
            ends = _ends(output.range, size, f".outputs{{{output.layer + 1}}}")
            ports.append(Port(output.name or f"Output {len(ports) + 1}", columns, *ends))
            before += size
        return tuple(ports), values

    def _undone(self, output: StatedOutput) -> tuple[list[Any], int]:
        """The layers that undo the steps of an output, and the raw rows."""
        path, size = f".outputs{{{output.layer + 1}}}", self._size(output.layer)
        layers: list[Layer] = []
        _same_rows(output.processed_size, size, f"{path}.processedSize")
        for q, step in reversed(list(enumerate(output.steps, 1))):
            maps, size = _effective(step, STEPS[step.function].reverse, size, f"{path}.processSettings{{{q}}}")
            layers += [row_map.layer() for row_map in maps]
        _same_rows(output.size, size, f"{path}.size")
        return layers, size

    # layers

    def _order(self) -> list[int]:
        """Layers so that what a layer reads without delay comes before it."""
        ready: list[int] = []
        waiting = set(range(len(self.stated.layers)))
        needs = {
            i: {c.source for c in self.stated.layers[i].connections if c.kind == LAYER and 0 in c.delays}
            for i in waiting
        }
        while waiting:
            free = [i for i in sorted(waiting) if not needs[i] & waiting]
            if not free:
                cycle = ", ".join(str(i + 1) for i in sorted(waiting))
                reason = "feed each other without a delay; MATLAB can't evaluate such a network either"
                raise ModelError(f".layerConnect: layers {cycle} {reason}")
            ready.append(free[0])
            waiting.discard(free[0])
        return ready

    def _layer(self, i: int, layer: StatedLayer) -> int:
        """The value of a layer."""
        sources = [self._weighted_source(i, c) for c in layer.connections]
        self.notes += [
            f"{name}: its formula was never compared with MATLAB's own numbers"
            for name in UNVERIFIED
            if name in (layer.transfer, *(s.function for s in sources))
        ]
        bias = self._bias(i, layer)
        if layer.transfer in ("radbas", "radbasn") and len(sources) == 1 and sources[0].function in ("dist", "negdist"):
            b = np.ones(self._size(i)) if bias is None else bias
            if layer.net_input == "netprod" or bias is None:  # exp(-(b|x - c|)^2), which is smooth at its centre
                value = self.builder.add(SquaredDistance(sources[0].W, b * b), sources[0].value)
                return self.builder.add(
                    Softmax() if layer.transfer == "radbasn" else Elementwise(BY_NAME["exp"]), value
                )
        value = self._net_input(self._size(i), layer.net_input, sources, bias)
        return self.builder.through(_transfer(layer.transfer), value)

    def _bias(self, i: int, layer: StatedLayer) -> np.ndarray | None:
        if not layer.biased:
            return None
        b, size = layer.bias, self._size(i)
        if not is_numeric(b) or b.size != size:
            problem = (
                f"{sized(b)} where a bias for {size} units belongs; the network was never initialised or is damaged"
            )
            raise ModelError(f".b{{{i + 1}}}: {problem}")
        return b.ravel()

    def _weighted_source(self, i: int, c: Connection) -> _WeightedSource:
        value, width = (
            self._tapped_input(c.source, c.delays) if c.kind == INPUT else self._tapped_layer(c.source, c.delays)
        )
        W, rows, path = c.weights, self._size(i), c.path(i)
        expected = (1, 1) if c.function == "scalprod" else (rows, width)
        if c.function == "scalprod" and rows != width:
            raise ModelError(f"{path}: scalprod from {width} to {rows} units")
        if not is_numeric(W) or not (W.shape == expected or W.size == rows * width == 0):
            problem = f"{sized(W)} where {expected[0]}x{expected[1]} weights belong; the network was never trained or is damaged"
            raise ModelError(f"{path}: {problem}")
        return _WeightedSource(c.function, W.reshape(expected), value, rows)

    def _tapped_input(self, j: int, delays: tuple[int, ...]) -> tuple[int, int]:
        """(value, width) of an input at these delays, side by side."""
        value, rows = self.processed[j]
        taps = self.stated.input_taps[j]
        if delays == taps:
            return value, rows * len(taps)
        columns = np.concatenate([np.arange(rows) + taps.index(d) * rows for d in delays])
        return self.builder.add(Select(columns, rows * len(taps)), value), columns.size

    def _tapped_layer(self, j: int, delays: tuple[int, ...]) -> tuple[int, int]:
        """(value, width) of a layer at these delays, side by side; what is delayed are columns of x."""
        rows = self._size(j)
        parts = []
        for d in delays:
            if d == 0:
                parts.append(self.outputs_of[j])
            else:
                start = self.first_column[LAYER, j] + self.stated.state_taps[j].index(d) * rows
                parts.append(self.builder.add(Select(np.arange(start, start + rows), self.columns), 0))
        return self.builder.beside(parts, [rows] * len(parts)), rows * len(delays)

    def _net_input(self, size: int, function: str, sources: Sequence[_WeightedSource], bias: np.ndarray | None) -> int:
        if not sources:
            constant = np.zeros(size) if bias is None else bias
            nothing = self.builder.add(Select(np.zeros(0, int), self.columns), 0)
            return self.builder.add(Place(np.zeros(0, int), constant), nothing)
        if function == "netprod":
            value = self._joined(Product(), [self._weighted(s) for s in sources])
            return value if bias is None else self.builder.add(Scale(bias, np.zeros(size), np.zeros(size)), value)
        taken = next((s for s in sources if s.function == "dotprod"), None)
        b = np.zeros(size) if bias is None else bias
        value = self._joined(Sum(), [self._weighted(s, b if s is taken else None) for s in sources])
        return value if bias is None or taken else self.builder.add(Scale(np.ones(size), np.zeros(size), bias), value)

    def _joined(self, join: Any, values: list[int]) -> int:
        return values[0] if len(values) == 1 else self.builder.add(join, *values)

    def _weighted(self, source: _WeightedSource, bias: np.ndarray | None = None) -> int:
        if source.function == "scalprod":
            zeros = np.zeros(source.units)
            return self.builder.add(Scale(np.full(source.units, source.W[0, 0]), zeros, zeros), source.value)
        return self.builder.add(_weight_layer(source.function, source.W, bias), source.value)

    # what is told about it

    def _origin(self) -> Origin:
        stated = self.stated
        if stated.dynamic:
            self.notes.append(
                "has delays: this is its one-step map on stacked taps, x(t-1) being the input one step before"
            )
        return Origin(
            classname=stated.classname,
            version=stated.version,
            name=stated.name,
            notes=tuple(dict.fromkeys(self.notes)),
            doubts=tuple(dict.fromkeys((*self._unknown_settings(), *stated.doubts))),
            processing=tuple(self._processing_lines()),
            layers=tuple(self._layer_lines()),
        )

    def _layer_lines(self) -> Iterable[str]:
        for i, layer in enumerate(self.stated.layers):
            yield layer_line(
                i + 1, layer.transfer, self._size(i), [f"{c.kind} {c.source + 1}" for c in layer.connections]
            )

    def _processed_ports(self) -> Iterable[tuple[str, tuple[StatedStep, ...]]]:
        """Inputs and outputs by their paths, with their steps."""
        yield from ((f"inputs{{{j}}}", port.steps) for j, port in enumerate(self.stated.inputs, 1))
        yield from ((f"outputs{{{port.layer + 1}}}", port.steps) for port in self.stated.outputs)

    def _processing_lines(self) -> Iterable[str]:
        for path, steps in self._processed_ports():
            yield f"{path}: {', '.join(step.function for step in steps) or 'none'}"

    def _unknown_settings(self) -> Iterable[str]:
        for path, steps in self._processed_ports():
            for q, step in enumerate(steps, 1):
                if unknown := sorted(step.settings.keys() - STEPS[step.function].fields):
                    text = "settings that are not known, and not used; compare with MATLAB's outputs (nngrad verify)"
                    yield f"{path}.processSettings{{{q}}} ({step.function}): {listed(unknown)}: {text}"


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


def _effective(step: StatedStep, direction: Direction, size: int, path: str) -> tuple[RowMaps, int]:
    """What a processing step changes, and the rows that leave it."""
    return located(f"{path} ({step.function})", _changing, direction, step.settings, size)


def _changing(direction: Direction, settings: dict[str, Any], size: int) -> tuple[RowMaps, int]:
    maps = direction(settings, size)
    return [row_map for row_map in maps if not row_map.is_identity], rows_behind(maps, size)


def _same_rows(stored: float | None, rows: int, path: str) -> None:
    """Refuses a stored number of rows that the processing steps contradict."""
    if stored is not None and stored != rows:
        raise ModelError(f"{path}: {stored:g} rows stored, {rows} follow from its processing steps")


def _ends(stored: object, size: int, path: str) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The smallest and largest values (size,) of the training data, row by row, where they are stored."""
    if stored is None or (isinstance(stored, np.ndarray) and not stored.size):
        return None, None
    if not is_numeric(stored) or stored.shape != (size, 2):
        raise ModelError(f"{path}.range: {sized(stored)} where {size}x2 belong; the object is damaged")
    return stored[:, 0].copy(), stored[:, 1].copy()
