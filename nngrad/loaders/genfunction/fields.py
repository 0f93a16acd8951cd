"""From what was followed in a generated function to the fields of a `network` object.

The one rule: sizes come from the numbers themselves (weights, settings), and whatever does not fit together is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders.genfunction.follow import INPUT, SUPPORTED, Follower, Layer, Step
from nngrad.loaders.genfunction.helpers import check
from nngrad.loaders.genfunction.object import near, network_fields, scalar
from nngrad.loaders.matlab import network
from nngrad.loaders.matlab.processing import STEPS


@dataclass(eq=False)
class Fields:
    """What was followed, as the fields of a `network` object."""

    found: Follower
    text: str
    doubts: list[str] = field(default_factory=list)

    def network(self) -> tuple[dict[str, Any], list[str]]:
        layers = self.found.layers
        if sorted(layers) != list(range(1, len(layers) + 1)):
            raise ModelError(f": computes the layers {sorted(layers)}, which are not numbered from 1 without a gap; {SUPPORTED}")
        links = {k: v for i, layer in layers.items() for k, v in self.links(i, layer)}
        fields = network_fields(
            inputs=self.inputs(),
            layers={i - 1: self.layer(i, layer) for i, layer in layers.items()},
            links=links,
            biases={i - 1: b for i, layer in layers.items() if (b := self.bias(layer)) is not None},
            outputs=self.outputs(),
        )
        return fields, self.doubts

    def links(self, i: int, layer: Layer) -> Iterable[tuple[tuple[str, int, int], tuple[np.ndarray, str, tuple[int, ...]]]]:
        seen: set[str] = set()
        for term in layer.terms:
            if term.weights in seen:
                raise self.found.refuse(f"{term.weights} is used twice in layer {i}", layer.line)
            seen.add(term.weights)
            if term.signal is not None:
                kind = "I" if term.signal.kind == "x" else "L"
                if kind == "L" and term.signal.index not in self.found.layers:
                    raise self.found.refuse(f"layer {term.signal.index} is never computed", layer.line)
                place = (kind, i - 1, term.signal.index - 1)
                yield place, (self.found.number_of(term.weights), term.function, term.signal.delays)

    def layer(self, i: int, layer: Layer) -> dict[str, Any]:
        sizes = [len(self.found.number_of(t.weights)) for t in layer.terms if t.function != "scalprod"]
        sizes = sizes or [self.rows_of(layer)]
        net_input = "netprod" if layer.op == "*" else "netsum"
        return {"size": scalar(sizes[0]), "transferFcn": layer.transfer, "netInputFcn": net_input}

    def rows_of(self, layer: Layer) -> int:
        raise self.found.refuse("how many units this layer has can't be told", layer.line)

    def bias(self, layer: Layer) -> np.ndarray | None:
        own = [self.found.number_of(t.weights) for t in layer.terms if t.signal is None]
        return own[0] if own else None

    def inputs(self) -> dict[int, Any]:
        signals = [t.signal for layer in self.found.layers.values() for t in layer.terms if t.signal and t.signal.kind == "x"]
        indices = sorted({s.index for s in signals})
        given = [int(n[1:]) for n in self.found.function.ins if INPUT.match(n)]
        if indices != list(range(1, max([0, *indices, *given]) + 1)):
            raise ModelError(f": uses the inputs {indices} of {max([0, *indices, *given])}; {SUPPORTED}")
        out = {}
        for j in indices:
            chains = {s.steps for s in signals if s.index == j}
            if len(chains) > 1:
                raise ModelError(f": input {j} reaches its layers through different processing steps; {SUPPORTED}")
            out[j - 1] = self.input(j, chains.pop())
        return out

    def input(self, j: int, steps: tuple[Step, ...]) -> dict[str, Any]:
        pairs = [(step, *self.settings(step)) for step in steps]
        size = self.raw_rows(j, pairs)
        rows = size
        for step, settings, args in pairs:
            rows = self.checked(step, "apply", settings, args, rows)
        applied = [(step.function, s) for step, s, _ in pairs]
        return {"size": scalar(size), **self.processing(applied), **ranges(applied, size)}

    def outputs(self) -> dict[int, Any]:
        order = [s.index for s in self.found.outputs]
        if order != sorted(set(order)):
            raise ModelError(f": its outputs come from the layers {order}, not in the order of the layers; {SUPPORTED}")
        out = {}
        for signal in self.found.outputs:
            pairs = [(step, *self.settings(step)) for step in signal.steps]
            layer = self.found.layers.get(signal.index)
            rows = int(self.layer(signal.index, layer)["size"][0, 0]) if layer else 0
            for step, settings, args in pairs:
                if step.function in ("removeconstantrows", "removerows") and "xrows" not in settings:
                    settings["xrows"] = scalar(_highest(settings) or rows)
                rows = self.checked(step, "reverse", settings, args, rows)
            applied = [(step.function, s) for step, s, _ in reversed(pairs)]
            out[signal.index - 1] = {**self.processing(applied), **ranges(applied, rows)}
        return out

    def processing(self, steps: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
        names, settings = np.empty((1, len(steps)), object), np.empty((1, len(steps)), object)
        for q, (name, values) in enumerate(steps):
            names[0, q], settings[0, q] = name, values
        return {"processFcns": names, "processSettings": settings}

    def settings(self, step: Step) -> tuple[dict[str, Any], list[Any]]:
        settings, args = self.found.settings_of(step)
        if step.function == "mapstd" and "xmean" not in settings and {"xoffset", "gain"} <= settings.keys():
            std = np.ones((1, 1)) if settings.get("ystd") is None else settings["ystd"]
            with np.errstate(all="ignore"):
                settings |= {"xmean": settings["xoffset"], "xstd": std / settings["gain"]}
        return settings, args

    def checked(self, step: Step, ending: str, settings: dict[str, Any], args: list[Any], rows: int) -> int:
        """The number of rows after a step, whose helper (if it stands in the file) must do what its name says."""
        where = f"{' and '.join(step.settings) or 'settings'} ({step.function})"
        try:
            layers = getattr(STEPS[step.function], ending)(settings, rows)
            after = rows
            for layer in layers:
                after = layer.size(after)
        except (ModelError, ValueError) as e:
            raise ModelError(f"{where}: {str(e).lstrip(': ')}") from None
        name = f"{step.function}_{ending}"
        if name in self.found.local:
            x = near(settings, rows, ending)
            with np.errstate(all="ignore"):
                y = reduce(lambda value, layer: layer.forward(layer.kernel, (value,)), layers, x)
            check(self.found.source, name, [x, *args], y, only_finite=step.function != "fixunknowns")
        return after

    def raw_rows(self, j: int, pairs: list[tuple[Step, dict[str, Any], list[Any]]]) -> int:
        """How many numbers an input has before its first step: from the settings, or from the weights where there is no step."""
        for step, settings, _ in pairs:
            rows = _rows_before(step.function, settings)
            if rows is not None:
                return rows
            if step.function != "lvqoutputs":
                return self.rows_in_comment(j, step)
        terms = [t for layer in self.found.layers.values() for t in layer.terms if t.signal and t.signal.kind == "x"]
        term = next(t for t in terms if t.signal and t.signal.index == j)
        W, delays = self.found.number_of(term.weights), len(term.signal.delays if term.signal else ())
        if W.shape[1] % delays:
            raise ModelError(f"{term.weights}: {W.shape[1]} columns for {delays} delays; {SUPPORTED}")
        return W.shape[1] // delays

    def rows_in_comment(self, j: int, step: Step) -> int:
        said = re.search(rf"%[^\n]{{0,60}}\b(?:x{j}|X\{{{j},ts\}}) = (?:(\d{{1,6}})x[A-Z]+|[A-Z]+x(\d{{1,6}})) matrix", self.text)
        if not said:
            raise ModelError(f"{step.settings}: how many numbers input {j} has is not stored; {SUPPORTED}")
        self.doubts.append(f"that input {j} has {said[1] or said[2]} numbers stands in a comment only")
        return int(said[1] or said[2])


def ranges(steps: list[tuple[str, dict[str, Any]]], size: int) -> dict[str, Any]:
    """The field `range` (size, 2) of an input or output: mapminmax was made from the least and largest training values.

    NaN where they are not known; no field where nothing is. What stands before mapminmax may only leave rows out.
    """
    rows, found = np.arange(size), np.full((size, 2), np.nan)
    for name, settings in steps:
        if name == "mapminmax":
            ends = _ends(settings, len(rows))
            if ends is not None:
                found[rows] = ends
            break
        keep = next((settings[k] for k in ("keep", "keep_ind") if isinstance(settings.get(k), np.ndarray)), None)
        if name not in LEAVING_OUT or keep is None:
            break
        constants, removed = settings.get("constants", settings.get("value")), np.setdiff1d(rows, rows[keep.ravel().astype(int) - 1])
        if name == "removeconstantrows" and isinstance(constants, np.ndarray) and constants.size == removed.size:
            found[removed] = constants.reshape(-1, 1)
        rows = rows[keep.ravel().astype(int) - 1]
    return {"range": found} if np.isfinite(found).any() else {}


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
        upper = upper + 2.0 * np.spacing(
            np.maximum(np.abs(offset), np.abs(upper))
        )  # the largest sample lies within, not a last bit outside
    usable = np.isfinite(upper) & np.isfinite(gain) & (gain > 0)
    return np.where(usable[:, None], np.stack([offset, upper], axis=1), np.nan)


def _highest(settings: dict[str, Any]) -> int | None:
    """The number of rows, from the rows kept and those removed."""
    indices = [settings.get(k) for k in ("keep", "remove", "keep_ind", "remove_ind")]
    there = [v.ravel() for v in indices if isinstance(v, np.ndarray)]
    if len(there) < 2 or not sum(v.size for v in there):
        return None
    highest = max(float(v.max()) for v in there if v.size)
    return int(highest) if 0 < highest <= network.MOST_UNITS else None


LEAVING_OUT = ("removeconstantrows", "removerows")
USUAL_YMAX = {-1.0: 1.0, 0.0: 1.0}  # generated functions store ymin alone
SIZED = {  # settings with one value for each row before the step
    "mapminmax": ("xoffset", "gain", "xmin"),
    "mapstd": ("xmean", "xoffset", "gain"),
    "fixunknowns": ("shift", "xmeans"),
}


def _rows_before(function: str, settings: dict[str, Any]) -> int | None:
    stored = settings.get("xrows")
    if isinstance(stored, np.ndarray) and stored.size == 1 and 0 < stored.ravel()[0] <= network.MOST_UNITS:
        return int(stored.ravel()[0])
    for name in SIZED.get(function, ()):
        if isinstance(settings.get(name), np.ndarray):
            return int(settings[name].size)
    if function == "processpca" and isinstance(settings.get("transform"), np.ndarray):
        return int(settings["transform"].shape[1])
    return _highest(settings)
