"""What a file says of a shallow network (MATLAB's `network`): sizes, connections, weights, delays, steps, functions.

A `ShallowNetwork` is a plain description in MATLAB's own terms, whoever wrote it down: network.py fills it from the
fields of an object, genfunction from the statements of a generated function, and assembly.py makes the Network of it.
Inputs, layers and connections are counted from 0 here, from 1 in messages and in MATLAB.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from nngrad.errors import ModelError

ELEMENTWISE = (
    *("tansig", "logsig", "purelin", "poslin", "satlin", "satlins", "hardlim", "hardlims"),
    *("radbas", "tribas", "elliotsig", "elliot2sig", "netinv"),
)
TRANSFER = (*ELEMENTWISE, "radbasn", "softmax", "compet")
WEIGHT = ("dotprod", "dist", "negdist", "mandist", "normprod", "scalprod")
NET_INPUT = ("netsum", "netprod")
MOST_UNITS = 1_000_000  # of a layer, an input or all columns of x; also the longest delay
INPUT, LAYER = "input", "layer"  # where a connection comes from


class StatedStep(NamedTuple):
    """A processing function by its name in STEPS, with its settings as MATLAB stores them."""

    function: str
    settings: dict[str, Any]


class StatedInput(NamedTuple):
    """An input: its raw rows, the steps in the order in which they are applied, and what else is said of it.

    `range` (size, 2) is the smallest and the largest value in training, `processed_size` the rows behind the last step.
    """

    size: int
    steps: tuple[StatedStep, ...] = ()
    name: str = ""
    range: object = None
    processed_size: float | None = None


class StatedOutput(NamedTuple):
    """An output: the layer it comes from, and its steps in the order in which MATLAB lists them
    (undone from the last).
    """

    layer: int
    steps: tuple[StatedStep, ...] = ()
    name: str = ""
    range: object = None  # (size, 2)
    size: float | None = None  # raw rows
    processed_size: float | None = None  # rows before anything is undone


class Connection(NamedTuple):
    """Weights, yet to be checked, into a layer from an input or a layer, seen at some delays."""

    kind: str  # INPUT or LAYER
    source: int
    function: str  # one of WEIGHT
    delays: tuple[int, ...]
    weights: object  # (units, rows of the source * delays); (1, 1) for scalprod

    def path(self, layer: int) -> str:
        return f".{'IW' if self.kind == INPUT else 'LW'}{{{layer + 1},{self.source + 1}}}"


class StatedLayer(NamedTuple):
    """A layer: transfer(net_input(weighted connections, bias)); without a bias, `biased` is False."""

    size: int
    transfer: str  # one of TRANSFER
    net_input: str  # one of NET_INPUT
    connections: tuple[Connection, ...]  # those from inputs first, each kind in the order of its sources
    biased: bool = False
    bias: object = None  # (units,)


@dataclass(frozen=True, eq=False)
class ShallowNetwork:
    """The description; `outputs` are in the order of their layers."""

    inputs: tuple[StatedInput, ...]
    layers: tuple[StatedLayer, ...]
    outputs: tuple[StatedOutput, ...]
    classname: str = "network"
    version: str = ""
    name: str = ""
    doubts: tuple[str, ...] = field(default=())

    @cached_property
    def _delays(self) -> dict[tuple[str, int], set[int]]:
        """All delays at which each input and each layer is read, by kind and source."""
        delays: dict[tuple[str, int], set[int]] = {}
        for c in (c for layer in self.layers for c in layer.connections):
            delays.setdefault((c.kind, c.source), set()).update(c.delays)
        return delays

    @cached_property
    def input_taps(self) -> list[tuple[int, ...]]:
        """The delays at which each input is read, in increasing order."""
        return [tuple(sorted(self._delays.get((INPUT, j), {0}))) for j in range(len(self.inputs))]

    @cached_property
    def state_taps(self) -> dict[int, tuple[int, ...]]:
        """The delays, all above 0, at which the outputs of layers are read, by layer."""
        taps = {j: tuple(sorted(self._delays.get((LAYER, j), set()) - {0})) for j in range(len(self.layers))}
        return {j: delays for j, delays in taps.items() if delays}

    @cached_property
    def dynamic(self) -> bool:
        """Whether anything is delayed."""
        return any(taps != (0,) for taps in self.input_taps) or bool(self.state_taps)


def checked_size(size: float, path: str) -> int:
    """A number of units; ModelError for fractions and for more than MOST_UNITS."""
    if not (0 <= size <= MOST_UNITS and size == int(size)):
        raise ModelError(f"{path}.size: {size:g} is not a number of units")
    return int(size)


def refuse_no_rows(size: int, path: str) -> None:
    """ModelError for an input without rows: MATLAB sizes inputs when it first sees data."""
    if not size:
        raise ModelError(f"{path}.size is 0: the network was never configured or trained; save it after train()")


def layer_line(number: int, transfer: object, size: int, sources: Iterable[str]) -> str:
    """A layer as `info` shows it."""
    return f"layer {number}: {transfer}, {size} units, from {', '.join(sources) or 'its bias alone'}"
