"""From what was followed in a generated function to the description of a shallow network.

Sizes come from the numbers themselves (weights, settings), and whatever does not fit together is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders.genfunction.follow import INPUT_NAME, Follower
from nngrad.loaders.genfunction.helpers import check
from nngrad.loaders.genfunction.probes import near
from nngrad.loaders.genfunction.signals import FollowedLayer, Signal, SignalStep
from nngrad.loaders.genfunction.written import SUPPORTED
from nngrad.loaders.matlab.processing import STEPS, rows_behind
from nngrad.loaders.matlab.row_maps import applied
from nngrad.loaders.matlab.shallow import (
    INPUT,
    LAYER,
    MOST_UNITS,
    Connection,
    ShallowNetwork,
    StatedInput,
    StatedLayer,
    StatedOutput,
    StatedStep,
)

StepSettings = tuple[
    SignalStep, dict[str, Any], list[Any]
]  # with the arguments that the file hands to the step's helper


@dataclass(eq=False)
class Description:
    """What was followed, as the parts of a ShallowNetwork; `text` is the file's, for what stands in comments only."""

    found: Follower
    text: str
    doubts: list[str] = field(default_factory=list)

    def stated(self) -> ShallowNetwork:
        """The description; ModelError where what was followed does not fit together."""
        layers = self.found.layers
        if sorted(layers) != list(range(1, len(layers) + 1)):
            raise ModelError(
                f": computes the layers {sorted(layers)}, which are not numbered from 1 without a gap; {SUPPORTED}"
            )
        connections = {i: self.connections(i, layer) for i, layer in layers.items()}
        inputs = self.inputs()
        return ShallowNetwork(
            inputs=inputs,
            layers=tuple(self.layer(layers[i], connections[i]) for i in sorted(layers)),
            outputs=self.outputs(),
            classname="genFunction",
            name=self.found.function.name,
            doubts=tuple(self.doubts),
        )

    # layers

    def connections(self, i: int, layer: FollowedLayer) -> tuple[Connection, ...]:
        """Those into layer i (from 1), from inputs, then from layers, in order; each matrix and bias is used once."""
        seen: set[tuple[str, int]] = set()
        found = []
        for term in layer.terms:
            place = (term.signal.kind, term.signal.index) if term.signal else ("bias", 0)
            if place in seen:
                raise self.found.refuse(f"{term.weights} is used twice in layer {i}", layer.line)
            seen.add(place)
            if term.signal:
                found.append(
                    self.connection(term.signal, term.function, self.found.written.number_of(term.weights), layer.line)
                )
        return tuple(sorted(found, key=lambda c: (c.kind != INPUT, c.source)))

    def connection(self, signal: Signal, function: str, weights: np.ndarray, line: int) -> Connection:
        kind = INPUT if signal.kind == "x" else LAYER
        if kind == LAYER and signal.index not in self.found.layers:
            raise self.found.refuse(f"layer {signal.index} is never computed", line)
        return Connection(kind, signal.index - 1, function, signal.delays, weights)

    def layer(self, layer: FollowedLayer, connections: tuple[Connection, ...]) -> StatedLayer:
        biases = [self.found.written.number_of(t.weights) for t in layer.terms if t.signal is None]
        net_input = "netprod" if layer.op == "*" else "netsum"
        bias = biases[0] if biases else None
        return StatedLayer(self.size(layer), layer.transfer, net_input, connections, bool(biases), bias)

    def size(self, layer: FollowedLayer) -> int:
        """The units of a layer: as many as its weights or its bias have rows; scalprod has one weight for all."""
        sizes = [len(self.found.written.number_of(t.weights)) for t in layer.terms if t.function != "scalprod"]
        if not sizes:
            raise self.found.refuse("how many units this layer has can't be told", layer.line)
        return sizes[0]

    # inputs and outputs

    def inputs(self) -> tuple[StatedInput, ...]:
        signals = [
            t.signal for layer in self.found.layers.values() for t in layer.terms if t.signal and t.signal.kind == "x"
        ]
        indices = sorted({s.index for s in signals})
        given = [int(n[1:]) for n in self.found.function.ins if INPUT_NAME.match(n)]
        if indices != list(range(1, max([0, *indices, *given]) + 1)):
            raise ModelError(f": uses the inputs {indices} of {max([0, *indices, *given])}; {SUPPORTED}")
        return tuple(self.input(j, {s.steps for s in signals if s.index == j}) for j in indices)

    def input(self, j: int, chains: set[tuple[SignalStep, ...]]) -> StatedInput:
        if len(chains) > 1:
            raise ModelError(f": input {j} reaches its layers through different processing steps; {SUPPORTED}")
        steps = [(step, *self.settings(step)) for step in chains.pop()]
        size = self.raw_rows(j, steps)
        rows = size
        for step, settings, args in steps:
            rows = self.checked(step, "apply", settings, args, rows)
        applied = [StatedStep(step.function, settings) for step, settings, _ in steps]
        return StatedInput(size, tuple(applied), range=ranges(applied, size))

    def outputs(self) -> tuple[StatedOutput, ...]:
        order = [s.index for s in self.found.outputs]
        if order != sorted(set(order)):
            raise ModelError(f": its outputs come from the layers {order}, not in the order of the layers; {SUPPORTED}")
        return tuple(self.output(signal) for signal in self.found.outputs)

    def output(self, signal: Signal) -> StatedOutput:
        steps = [(step, *self.settings(step)) for step in signal.steps]
        rows = self.size(self.found.layers[signal.index])
        for step, settings, args in steps:
            if step.function in LEAVING_OUT and "xrows" not in settings:
                settings["xrows"] = np.array([[float(_highest(settings) or rows)]])
            rows = self.checked(step, "reverse", settings, args, rows)
        applied = [StatedStep(step.function, settings) for step, settings, _ in reversed(steps)]
        return StatedOutput(signal.index - 1, tuple(applied), range=ranges(applied, rows))

    def settings(self, step: SignalStep) -> tuple[dict[str, Any], list[Any]]:
        settings, args = self.found.settings_of(step)
        if step.function == "mapstd" and "xmean" not in settings and {"xoffset", "gain"} <= settings.keys():
            std = np.ones((1, 1)) if settings.get("ystd") is None else settings["ystd"]
            with np.errstate(all="ignore"):
                settings |= {"xmean": settings["xoffset"], "xstd": std / settings["gain"]}
        return settings, args

    def checked(self, step: SignalStep, ending: str, settings: dict[str, Any], args: list[Any], rows: int) -> int:
        """The number of rows after a step, whose helper (if it stands in the file) must do what its name says."""
        where = f"{' and '.join(step.settings) or 'settings'} ({step.function})"
        try:
            maps = getattr(STEPS[step.function], ending)(settings, rows)
            after = rows_behind(maps, rows)
        except (ModelError, ValueError) as e:
            raise ModelError(f"{where}: {str(e).lstrip(': ')}") from None
        name = f"{step.function}_{ending}"
        if name in self.found.local:
            x = near(settings, rows, ending)
            check(self.found.source, name, [x, *args], applied(maps, x), only_finite=step.function != "fixunknowns")
        return after

    def raw_rows(self, j: int, steps: list[StepSettings]) -> int:
        """How many numbers an input has before its first step: from the settings, or from the
        weights without any step.
        """
        for step, settings, _ in steps:
            rows = _rows_before(step.function, settings)
            if rows is not None:
                return rows
            if step.function != "lvqoutputs":
                return self.rows_in_comment(j, step)
        terms = [t for layer in self.found.layers.values() for t in layer.terms if t.signal and t.signal.kind == "x"]
        term = next(t for t in terms if t.signal and t.signal.index == j)
        W, delays = self.found.written.number_of(term.weights), len(term.signal.delays if term.signal else ())
        if W.shape[1] % delays:
            raise ModelError(f"{term.weights}: {W.shape[1]} columns for {delays} delays; {SUPPORTED}")
        return W.shape[1] // delays

    def rows_in_comment(self, j: int, step: SignalStep) -> int:
        said = re.search(
            rf"%[^\n]{{0,60}}\b(?:x{j}|X\{{{j},ts\}}) = (?:(\d{{1,6}})x[A-Z]+|[A-Z]+x(\d{{1,6}})) matrix", self.text
        )
        if not said:
            raise ModelError(f"{step.settings}: how many numbers input {j} has is not stored; {SUPPORTED}")
        self.doubts.append(f"that input {j} has {said[1] or said[2]} numbers stands in a comment only")
        return int(said[1] or said[2])


def ranges(steps: Iterable[StatedStep], size: int) -> np.ndarray | None:
    """The training range (size, 2) of an input or output: mapminmax was made from the least and largest values.

    NaN where they are not known; None where nothing is. What stands before mapminmax may only leave rows out.
    """
    rows, found = np.arange(size), np.full((size, 2), np.nan)
    for step in steps:
        name, settings = step.function, step.settings
        if name == "mapminmax":
            ends = _ends(settings, len(rows))
            if ends is not None:
                found[rows] = ends
            break
        keep = next((settings[k] for k in ("keep", "keep_ind") if isinstance(settings.get(k), np.ndarray)), None)
        if name not in LEAVING_OUT or keep is None:
            break
        constants, removed = (
            settings.get("constants", settings.get("value")),
            np.setdiff1d(rows, rows[keep.ravel().astype(int) - 1]),
        )
        if name == "removeconstantrows" and isinstance(constants, np.ndarray) and constants.size == removed.size:
            found[removed] = constants.reshape(-1, 1)
        rows = rows[keep.ravel().astype(int) - 1]
    return found if np.isfinite(found).any() else None


def _ends(settings: dict[str, Any], rows: int) -> np.ndarray | None:
    """(rows, 2): xmin and xmax as they are stored, or from xoffset = xmin and gain = (ymax - ymin)/(xmax - xmin)."""
    values = {k: v.ravel().astype(float) for k, v in settings.items() if isinstance(v, np.ndarray)}
    if all(k in values and values[k].size == rows for k in ("xmin", "xmax")):
        return np.stack([values["xmin"], values["xmax"]], axis=1)
    offset, gain, ymin = (values.get(k, np.empty(0)) for k in ("xoffset", "gain", "ymin"))
    if offset.size != rows or gain.size != rows or ymin.size != 1:
        return None
    ymax = values["ymax"] if "ymax" in values else np.array([USUAL_YMAX.get(float(ymin[0]), np.nan)])
    with np.errstate(all="ignore"):
        upper = offset + (ymax - ymin) / gain
        # the largest sample lies within, not a last bit outside
        upper = upper + 2.0 * np.spacing(np.maximum(np.abs(offset), np.abs(upper)))
    usable = np.isfinite(upper) & np.isfinite(gain) & (gain > 0)
    return np.where(usable[:, None], np.stack([offset, upper], axis=1), np.nan)


def _highest(settings: dict[str, Any]) -> int | None:
    """The number of rows, from the rows kept and those removed."""
    indices = [settings.get(k) for k in ("keep", "remove", "keep_ind", "remove_ind")]
    there = [v.ravel() for v in indices if isinstance(v, np.ndarray)]
    if len(there) < 2 or not sum(v.size for v in there):
        return None
    highest = max(float(v.max()) for v in there if v.size)
    return int(highest) if 0 < highest <= MOST_UNITS else None


LEAVING_OUT = ("removeconstantrows", "removerows")
USUAL_YMAX = {-1.0: 1.0, 0.0: 1.0}  # generated functions store ymin alone
SIZED = {  # settings with one value for each row before the step
    "mapminmax": ("xoffset", "gain", "xmin"),
    "mapstd": ("xmean", "xoffset", "gain"),
    "fixunknowns": ("shift", "xmeans"),
}


def _rows_before(function: str, settings: dict[str, Any]) -> int | None:
    stored = settings.get("xrows")
    if isinstance(stored, np.ndarray) and stored.size == 1 and 0 < stored.ravel()[0] <= MOST_UNITS:
        return int(stored.ravel()[0])
    for name in SIZED.get(function, ()):
        if isinstance(settings.get(name), np.ndarray):
            return int(settings[name].size)
    if function == "processpca" and isinstance(settings.get("transform"), np.ndarray):
        return int(settings["transform"].shape[1])
    return _highest(settings)
