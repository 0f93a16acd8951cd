"""MATLAB's `network` objects (feedforwardnet, fitnet, newff, newrb, narxnet ...), versions none, 6, 7, 8 and 9.

The fields of an object become a `ShallowNetwork`, which assembly.py lowers. Whatever the outputs depend on is
understood or refused by name; what an object says twice (sizes, counts, connections and what is connected) must agree:
agreement.py. IGNORED says what no output depends on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nngrad.core.network import Network
from nngrad.errors import Described, ModelError, listed
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.matlab.agreement import agree
from nngrad.loaders.matlab.assembly import assembled
from nngrad.loaders.matlab.fields import Fields, cell_at, located, number, struct_at, vector
from nngrad.loaders.matlab.processing import STEPS
from nngrad.loaders.matlab.shallow import (
    INPUT,
    LAYER,
    MOST_UNITS,
    NET_INPUT,
    TRANSFER,
    WEIGHT,
    Connection,
    ShallowNetwork,
    StatedInput,
    StatedLayer,
    StatedOutput,
    StatedStep,
    checked_size,
    layer_line,
    refuse_no_rows,
)
from nngrad.loaders.tree import MatlabObject, Tree, is_numeric, shown
from nngrad.loaders.tree import find as find_in

NAME = "MATLAB network object"
VERSIONS = ("", "6", "7", "8", "9")
CONNECTIONS = frozenset(
    {"inputConnect", "layerConnect", "biasConnect", "outputConnect", "inputWeights", "layerWeights"}
)
FIELDS = CONNECTIONS | {"inputs", "layers", "outputs", "IW", "LW", "b"}
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


def find(tree: Tree) -> list[tuple[str, MatlabObject]]:
    """Objects of the class, and structs that hold all of one: what MATLAB's struct(net) makes."""
    return [
        (path, e if isinstance(e, MatlabObject) else MatlabObject("network", e))
        for path, e in find_in(tree, _is_network)
    ]


def _is_network(e: Any) -> bool:
    if isinstance(e, MatlabObject):  # a class of somebody's own may have the same name
        return e.classname == "network" and (not e.fields or bool(e.fields.keys() & CONNECTIONS))
    return isinstance(e, dict) and e.keys() >= FIELDS


def read(candidate: MatlabObject, hints: Hints = NO_HINTS) -> Network:
    """The network of an object; ModelError, with the field's path, where anything in it is not understood."""
    stated = NetworkObject(candidate.fields).stated()
    net = assembled(stated)
    agree(candidate.fields, stated)
    return net


@dataclass(eq=False)
class NetworkObject:
    """The fields of one object, on their way to a description."""

    fields: Fields

    def stated(self) -> ShallowNetwork:
        """What the object says; ModelError for what can't be read or isn't supported."""
        version = self.version  # refused first: nothing else can be trusted then
        self.refuse_unknown_functions()
        if not self.output_layers:
            raise ModelError(".outputConnect: no layer is connected to an output")
        return ShallowNetwork(
            inputs=tuple(self.input(j) for j in range(self.input_connect.shape[1])),
            layers=tuple(self.layer(i) for i in range(self.layer_count)),
            outputs=tuple(self.output(i) for i in self.output_layers),
            version=version,
            name=_name(self.fields),
        )

    @cached_property
    def version(self) -> str:
        version = self.fields.get("version", "")
        text = version if isinstance(version, str) else f"{number(self.fields, 'version'):g}"
        if text not in VERSIONS:
            supported = f"supported are versions {', '.join(VERSIONS[1:])} and the one without a number"
            raise ModelError(f".version: network version {text!r}; {supported}")
        return text

    # what is connected

    @cached_property
    def input_connect(self) -> np.ndarray:
        """(layers, inputs), logical."""
        return connection_matrix(self.fields, "inputConnect")

    @property
    def layer_count(self) -> int:
        return int(self.input_connect.shape[0])

    @cached_property
    def layer_connect(self) -> np.ndarray:
        """(layers, layers), logical: into a row from a column."""
        return connection_matrix(self.fields, "layerConnect", (self.layer_count, self.layer_count))

    @cached_property
    def bias_connect(self) -> np.ndarray:
        """(layers, 1), logical."""
        return connection_matrix(self.fields, "biasConnect", (self.layer_count, 1))

    @cached_property
    def output_layers(self) -> list[int]:
        return np.flatnonzero(connection_matrix(self.fields, "outputConnect", (1, self.layer_count))).tolist()

    def links_of_layer(self, i: int) -> list[tuple[str, int]]:
        """(inputWeights or layerWeights, from) of every connection into layer i."""
        return [("inputWeights", j) for j in np.flatnonzero(self.input_connect[i]).tolist()] + [
            ("layerWeights", j) for j in np.flatnonzero(self.layer_connect[i]).tolist()
        ]

    # functions

    def refuse_unknown_functions(self) -> None:
        """Refuses functions that are not supported, all of them at once."""
        unknown = [
            (path, found, known)
            for path, found, known in self._functions()
            if not (isinstance(found, str) and found in known)
        ]
        if not unknown:
            return
        path, found, known = unknown[0]
        if found is None:
            raise ModelError(f"{path}: missing; the object is damaged or no network")
        also = listed([f"{other} {shown(name)}" for other, name, _ in unknown[1:]], 4)
        nor = f", nor {'are' if len(unknown) > 2 else 'is'} {also}" if also else ""
        described = Described("network", self.version, _name(self.fields), tuple(self._layer_lines()))
        raise ModelError(f"{path}: {shown(found)} is not supported{nor}; supported are {listed(known, 6)}", described)

    def _functions(self) -> Iterable[tuple[str, Any, tuple[str, ...]]]:
        """(path, name, those supported) of every function that the network calls."""
        for j in range(self.input_connect.shape[1]):
            yield from _processing_functions(struct_at(self.fields, "inputs", j, 0), f".inputs{{{j + 1}}}")
        for i in range(self.layer_count):
            part, path = struct_at(self.fields, "layers", i, 0), f".layers{{{i + 1}}}"
            yield f"{path}.transferFcn", part.get("transferFcn"), TRANSFER
            yield f"{path}.netInputFcn", part.get("netInputFcn"), NET_INPUT
            for kind, j in self.links_of_layer(i):
                yield (
                    f".{kind}{{{i + 1},{j + 1}}}.weightFcn",
                    struct_at(self.fields, kind, i, j).get("weightFcn"),
                    WEIGHT,
                )
        for i in self.output_layers:
            yield from _processing_functions(struct_at(self.fields, "outputs", 0, i), f".outputs{{{i + 1}}}")

    def _layer_lines(self) -> Iterable[str]:
        for i in range(self.layer_count):
            sources = [f"{'input' if k == 'inputWeights' else 'layer'} {j + 1}" for k, j in self.links_of_layer(i)]
            yield layer_line(
                i + 1, struct_at(self.fields, "layers", i, 0).get("transferFcn"), self.layer_size(i), sources
            )

    # inputs, layers, outputs

    def input(self, j: int) -> StatedInput:
        part, path = struct_at(self.fields, "inputs", j, 0), f".inputs{{{j + 1}}}"
        stored = part.get("range")
        if "size" in part:
            size = checked_size(located(path, number, part, "size"), path)
        else:
            size = len(stored) if isinstance(stored, np.ndarray) and stored.ndim else 0
        refuse_no_rows(size, path)
        return StatedInput(
            size, self.steps(part, path), _name(part), stored, _count_of_rows(part, "processedSize", path)
        )

    def output(self, i: int) -> StatedOutput:
        part, path = struct_at(self.fields, "outputs", 0, i), f".outputs{{{i + 1}}}"
        rows, processed = (_count_of_rows(part, name, path) for name in ("size", "processedSize"))
        return StatedOutput(i, self.steps(part, path), _name(part), part.get("range"), rows, processed)

    def layer(self, i: int) -> StatedLayer:
        connections = tuple(self.connection(kind, i, j) for kind, j in self.links_of_layer(i))
        part = struct_at(self.fields, "layers", i, 0)
        biased = bool(self.bias_connect[i, 0])
        bias = cell_at(self.fields, "b", i, 0) if biased else None
        return StatedLayer(
            self.layer_size(i), str(part["transferFcn"]), str(part["netInputFcn"]), connections, biased, bias
        )

    def layer_size(self, i: int) -> int:
        path = f".layers{{{i + 1}}}"
        return checked_size(located(path, number, struct_at(self.fields, "layers", i, 0), "size"), path)

    def connection(self, kind: str, i: int, j: int) -> Connection:
        """Of `kind` inputWeights or layerWeights, from j into layer i."""
        function, name = str(struct_at(self.fields, kind, i, j)["weightFcn"]), "IW" if kind == "inputWeights" else "LW"
        return Connection(
            INPUT if name == "IW" else LAYER, j, function, self.delays(kind, i, j), cell_at(self.fields, name, i, j)
        )

    def delays(self, kind: str, i: int, j: int) -> tuple[int, ...]:
        part, path = struct_at(self.fields, kind, i, j), f".{kind}{{{i + 1},{j + 1}}}.delays"
        values = vector(part, "delays") if is_numeric(part.get("delays")) else None
        if values is None:
            raise ModelError(f"{path}: no numbers are stored; the object is damaged or no network")
        if not values.size:
            raise ModelError(f"{path}: empty, but something is connected there; the object is damaged")
        if np.any(values != np.round(values)) or np.any(values < 0) or np.any(values > MOST_UNITS):
            raise ModelError(f"{path}: {values.tolist()} are not delays in whole steps")
        if np.unique(values).size != values.size:
            raise ModelError(f"{path}: {values.tolist()} names a delay twice; the object is damaged")
        return tuple(values.astype(int).tolist())

    def steps(self, part: Fields, path: str) -> tuple[StatedStep, ...]:
        """The processing steps of an input or output, with their settings."""
        names, settings = part.get("processFcns"), part.get("processSettings")
        if names is None:
            if self.version:  # objects of 2006 have no processing, all later ones say which
                raise ModelError(f"{path}.processFcns: missing; the object is damaged or no network")
            return ()
        if isinstance(names, np.ndarray) and not names.size and (settings is None or not np.size(settings)):
            return ()
        if isinstance(names, str):
            names, settings = np.array([names], object), np.array([settings], object)
        if not isinstance(names, np.ndarray) or not isinstance(settings, np.ndarray) or names.size != settings.size:
            raise ModelError(f"{path}.processSettings: does not match .processFcns")
        pairs = zip(names.ravel(order="F"), settings.ravel(order="F"), strict=True)
        return tuple(
            self.step(name, setting, f"{path}.processSettings{{{q}}}") for q, (name, setting) in enumerate(pairs, 1)
        )

    def step(self, name: str, settings: Any, path: str) -> StatedStep:
        if not isinstance(settings, dict):
            raise ModelError(f"{path}: no settings of {name} are stored")
        return StatedStep(name, settings)


def connection_matrix(fields: Fields, name: str, shape: tuple[int, int] | None = None) -> np.ndarray:
    """A field of 0 and 1 as logicals; ModelError for anything else, and for any shape but `shape`."""
    value = fields.get(name)
    if not is_numeric(value) or value.ndim != 2 or (shape and value.shape != shape):
        what = f"a connection matrix{f' of shape {shape}' if shape else ''}"
        raise ModelError(f".{name}: not {what}; the object is damaged or no network")
    if not np.isin(value, (0.0, 1.0)).all():
        raise ModelError(f".{name}: not a matrix of 0 and 1; the object is damaged or no network")
    return np.asarray(value != 0)


def _processing_functions(part: Fields, path: str) -> Iterable[tuple[str, Any, tuple[str, ...]]]:
    names = part.get("processFcns")
    stored = [] if names is None else [names]
    every = names.ravel(order="F").tolist() if isinstance(names, np.ndarray) else stored
    yield from ((f"{path}.processFcns{{{q}}}", name, tuple(STEPS)) for q, name in enumerate(every, 1))


def _count_of_rows(part: Fields, name: str, path: str) -> float | None:
    """A stored number of rows; None where there is none."""
    return located(path, number, part, name) if name in part else None


def _name(part: Fields) -> str:
    """The name that its user gave it, or ""."""
    name = part.get("name")
    return name if isinstance(name, str) else ""
