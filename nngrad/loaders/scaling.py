"""Normalisation outside of the network, put in front and behind: x raw -> scaled -> network -> scaled -> y raw.

A scaling becomes a layer like any other, and every number of it is one that the user named; nothing is estimated.

KIND:ARGUMENTS, where an argument is numbers with semicolons between them (1;2.5;3, or one for all columns), a variable
of the model's file (muX, norm.mu, s{2}), or one of another file (scaler.mat:mu, scaler.npz:mu, mu.npy, mu.csv):

  zscore:MU,SD             scaled = (raw - MU) / SD
  minmax:LOW,HIGH[,A,B]    scaled = A + (raw - LOW) / (HIGH - LOW) * (B - A); A = 0, B = 1 unless given
  mapminmax:SETTINGS       as MATLAB's mapminmax('apply', raw, SETTINGS)
  mapstd:SETTINGS          as MATLAB's mapstd('apply', raw, SETTINGS)
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from nngrad.core.graph import Node
from nngrad.core.layers import Scale
from nngrad.core.network import Network
from nngrad.core.ports import Port
from nngrad.errors import ModelError, UsageError, listed
from nngrad.loaders import containers, limits
from nngrad.loaders.matlab.fields import vector
from nngrad.loaders.matlab.processing import STEPS
from nngrad.loaders.paths import at
from nngrad.loaders.tree import Tree, Undecoded

Array = np.ndarray
Scaling = str | Sequence[Any]  # "zscore:muX,sdX", or ("zscore", mu, sd)

COMMA = re.compile(r",(?![^({]*[)}])")  # outside of braces: s{1,2} is one argument
IN_FILE = re.compile(r"(.+\.(?:mat|h5|hdf5|npz|npy|csv|txt))(?::(.+))?", re.IGNORECASE)
DELAY = re.compile(r"\(t(?:-\d+)?\)$")
LARGEST_TEXT = 1024**2
SMALLEST = 1e-300  # what is divided by: below it the quotient overflows
HOW = "zscore:MU,SD or minmax:LOW,HIGH[,A,B] or mapminmax:SETTINGS or mapstd:SETTINGS"


class Numbers(NamedTuple):
    """scaled = (raw - center)*gain + shift, column by column, and the range in training where the settings tell it."""

    gain: Array
    center: Array
    shift: Array
    lower: Array | None = None
    upper: Array | None = None

    def raw(self, scaled: Array, at: slice) -> Array:
        return (scaled - self.shift[at]) / self.gain[at] + self.center[at]


def applied(net: Network, tree: Tree, inputs: Scaling | None, outputs: Scaling | None) -> Network:
    """The network with its scalings; UsageError, naming the option, for one that is not understood or doesn't fit."""
    if inputs is not None:
        if net.whole_inputs:
            names = listed([net.input_names[k] for k in net.whole_inputs])
            raise UsageError(
                f"--input-scaling: {names} take whole numbers only, so nothing was scaled in front of them; leave it out"
            )
        net = _in_front(net, *_read(inputs, tree, ScaledColumns(net.inputs), "input"))
    if outputs is not None:
        net = _behind(net, *_read(outputs, tree, ScaledColumns(net.outputs), "output"))
    return net


def _in_front(net: Network, by: Numbers, said: str) -> Network:
    first = Node(Scale(by.gain, by.center, by.shift), (0,))
    nodes = (first, *(Node(n.layer, tuple(s + 1 for s in n.sources)) for n in net.layers))
    return replace(net, layers=nodes, result=net.last + 1, inputs=_ports(net.inputs, by), origin=_told(net, said))


def _behind(net: Network, by: Numbers, said: str) -> Network:
    nodes = (*net.layers, Node(Scale(1.0 / by.gain, by.shift, by.center), (net.last,)))
    return replace(net, layers=nodes, result=None, outputs=_ports(net.outputs, by), origin=_told(net, said))


def _told(net: Network, said: str) -> Any:
    return replace(net.origin, processing=(*net.origin.processing, said))


def _ports(ports: tuple[Port, ...], by: Numbers) -> tuple[Port, ...]:
    """The ports with their training ranges in raw units."""
    made, start = [], 0
    for port in ports:
        at, start = slice(start, start + port.size), start + port.size
        if port.lower is not None and port.upper is not None:
            ends = np.sort([by.raw(port.lower, at), by.raw(port.upper, at)], axis=0)  # a negative gain turns them round
            port = replace(port, lower=ends[0], upper=ends[1])
        elif by.lower is not None and by.upper is not None:
            port = replace(port, lower=by.lower[at], upper=by.upper[at])
        made.append(port)
    return tuple(made)


class ScaledColumns:
    """The columns that a scaling has numbers for: each, or each input of a network with delays for all of its taps."""

    def __init__(self, ports: tuple[Port, ...]) -> None:
        names = [c for p in ports for c in p.columns]
        states = [p.name.startswith("outputs of layer") and bool(DELAY.search(c)) for p in ports for c in p.columns]
        plain = [DELAY.sub("", name) for name in names]
        inputs = list(dict.fromkeys(p for p, state in zip(plain, states, strict=True) if not state))
        self.names, self.inputs = names, inputs
        self.place = [-1 if state else inputs.index(p) for p, state in zip(plain, states, strict=True)]
        self.delayed = plain != names

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers fit."""
        return (len(self.inputs), len(self.names)) if self.delayed else (len(self.names),)

    def spread(self, values: Array, fill: float) -> Array:
        """One number a column; the states of a network with delays are in its own units and stay as they are."""
        if values.size == 1 and not self.delayed:
            return np.full(len(self.names), values[0])
        if self.delayed and values.size in (1, len(self.inputs)):
            each = np.broadcast_to(values, (len(self.inputs),))
            return np.array([fill if k < 0 else each[k] for k in self.place])
        return values


def _read(scaling: Scaling, tree: Tree, columns: ScaledColumns, side: str) -> tuple[Numbers, str]:
    """Gain, center and shift of each column, and a line about them."""
    option = f"--{side}-scaling"
    try:
        kind, parts = _split(scaling)
        if kind not in KINDS:
            raise UsageError(f"no scaling {kind!r}; {HOW}")
        numbers = KINDS[kind](parts, tree, columns)
    except (UsageError, ModelError) as e:
        shown = scaling if isinstance(scaling, str) else scaling[0] if len(scaling) else scaling
        raise UsageError(f"{option} {shown!s:.60}: {str(e).removeprefix(': ')}") from None
    words = ", ".join(p if isinstance(p, str) else f"{np.size(p)} number{'s' * (np.size(p) != 1)}" for p in parts)
    return numbers, f"{'x' if side == 'input' else 'y'}: {kind} with {words}, outside of the network (from {option})"


def _split(scaling: Scaling) -> tuple[str, list[Any]]:
    if not isinstance(scaling, str):
        return str(scaling[0]) if len(scaling) else "", list(scaling[1:])
    kind, colon, rest = scaling.partition(":")
    if not colon or not rest.strip():
        raise UsageError(f"not a scaling; {HOW}")
    return kind.strip().lower(), [part.strip() for part in COMMA.split(rest)]


# kinds


def _zscore(parts: list[Any], tree: Tree, columns: ScaledColumns) -> Numbers:
    if len(parts) != 2:
        raise UsageError("zscore takes two arguments, zscore:MU,SD")
    mean, deviation = _vector(parts[0], tree, columns), _vector(parts[1], tree, columns)
    _refuse(
        deviation < SMALLEST,
        columns,
        f"{_name(parts[1])} is not above 0",
        "a constant column has no standard deviation: give 1 for it",
    )
    return Numbers(columns.spread(1.0 / deviation, 1.0), columns.spread(mean, 0.0), np.zeros(len(columns.names)))


def _minmax(parts: list[Any], tree: Tree, columns: ScaledColumns) -> Numbers:
    if len(parts) not in (2, 4):
        raise UsageError("minmax takes two or four arguments, minmax:LOW,HIGH or minmax:LOW,HIGH,A,B")
    low, high = (_vector(part, tree, columns) for part in parts[:2])
    a, b = (_vector(part, tree, columns) for part in (parts[2:] or ("0", "1")))
    if len({v.size for v in (low, high, a, b)} - {1}) > 1:
        raise UsageError("LOW, HIGH, A and B have different lengths")
    low, high, a, b = np.broadcast_arrays(low, high, a, b)
    _refuse(
        np.abs(high - low) < SMALLEST,
        columns,
        f"{_name(parts[0])} and {_name(parts[1])} are the same",
        "a constant column has no range: give 0 and 1 for it",
    )
    _refuse(a == b, columns, "the ends A and B are the same", "scaled values need a range")
    return Numbers(columns.spread((b - a) / (high - low), 1.0), columns.spread(low, 0.0), columns.spread(a, 0.0))


def _settings(name: str) -> Callable[[list[Any], Tree, ScaledColumns], Numbers]:
    def read(parts: list[Any], tree: Tree, columns: ScaledColumns) -> Numbers:
        if len(parts) != 1:
            raise UsageError(
                f"{name} takes one argument, the settings that [y, settings] = {name}(x) gave: {name}:SETTINGS"
            )
        settings = _found(parts[0], tree) if isinstance(parts[0], str) else parts[0]
        if not isinstance(settings, dict):
            raise UsageError(f"{_name(parts[0])} is no struct of settings of {name}; there is {_known(tree, dict)}")
        said = settings.get("name")
        if isinstance(said, str) and said and said != name:
            raise UsageError(f"{_name(parts[0])} holds settings of {said}, not of {name}")
        return _of_settings(name, settings, columns, _name(parts[0]))

    return read


def _of_settings(name: str, settings: dict[str, Any], columns: ScaledColumns, where: str) -> Numbers:
    for rows in columns.sizes:
        try:
            maps = STEPS[name].apply(settings, rows)
        except ModelError as e:
            problem = f"{where}{e}; it must fit {' or '.join(map(str, columns.sizes))} columns"
            continue
        scale = maps[0].layer() if maps else Scale(np.ones(rows), np.zeros(rows), np.zeros(rows))  # no_change
        ends = [_end(settings, field, columns, rows) for field in ("xmin", "xmax")]
        return Numbers(
            columns.spread(scale.gain, 1.0), columns.spread(scale.center, 0.0), columns.spread(scale.shift, 0.0), *ends
        )
    raise UsageError(problem)


def _end(settings: dict[str, Any], field: str, columns: ScaledColumns, rows: int) -> Array | None:
    """One end of the range that the settings were made from."""
    values = vector(settings, field)
    fits = values is not None and values.size == rows and not (columns.delayed and -1 in columns.place)
    return columns.spread(values, 0.0) if values is not None and fits else None


def _refuse(wrong: Array, columns: ScaledColumns, what: str, advice: str) -> None:
    if wrong.any():
        names = columns.inputs if wrong.size == len(columns.inputs) else columns.names
        at = "" if wrong.size == 1 else f" for {names[int(np.flatnonzero(wrong)[0])]}"
        raise UsageError(f"{what}{at}; {advice}")


# arguments


def _vector(argument: Any, tree: Tree, columns: ScaledColumns) -> Array:
    """One number for each column, or one for all."""
    value = _numbers(argument) if isinstance(argument, str) else np.asarray(argument)
    value = _found(argument, tree) if value is None else value
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu" or not value.size:
        raise UsageError(f"{_name(argument)} is no array of real numbers; there is {_known(tree, np.ndarray)}")
    if value.size != max(value.shape, default=1) or value.size not in (1, *columns.sizes):
        fitting = " or ".join(str(n) for n in columns.sizes)
        raise UsageError(
            f"{_name(argument)} has {'x'.join(map(str, value.shape))} numbers; give {fitting} ({listed(columns.inputs, 4)}), or one for all"
        )
    flat = value.astype(np.float64).ravel()
    if not np.isfinite(flat).all():
        raise UsageError(f"{_name(argument)} holds NaN or Inf; give finite numbers")
    return flat


def _name(argument: Any) -> str:
    return argument if isinstance(argument, str) else "the array"


def _numbers(text: str) -> Array | None:
    """1;2.5;-3e4; None for what is no list of numbers."""
    try:
        return (
            None if "_" in text else np.array([float(part) for part in text.split(";")])
        )  # Python would read 1_0 as 10
    except ValueError:
        return None


def _found(argument: str, tree: Tree) -> Any:
    """The element that an argument names: a variable of the model's file, or of another file."""
    found = at(tree, argument)
    outside = IN_FILE.fullmatch(argument)
    if found is None and outside:
        return _of_file(outside[1], outside[2])
    if found is None:
        raise UsageError(
            f"there is no {argument!r} in the file; there is {_known(tree, (np.ndarray, dict))}; of another file: FILE:NAME; numbers: 1;2;3"
        )
    return found


def _of_file(path: str, name: str | None) -> Any:
    suffix = os.path.splitext(path)[1].lower()
    if suffix in SINGLE:
        if name:
            raise UsageError(f"{path} holds no names: leave ':{name}' out")
        return SINGLE[suffix](path)
    tree = containers.read(path)
    if name is None:
        names = _known(tree, (np.ndarray, dict))
        raise UsageError(f"{path}: say which of its variables ({names}): {path}:NAME")
    found = at(tree, name)
    if found is None:
        raise UsageError(f"{path}: there is no {name!r}; there is {_known(tree, (np.ndarray, dict))}")
    return found


def _known(tree: Tree, kinds: Any) -> str:
    return (
        listed([name for name, value in tree.variables.items() if isinstance(value, kinds)], 6)
        or "nothing of that kind"
    )


def _npy(path: str) -> Any:
    from nngrad.loaders.containers import npz

    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_TEXT)
        found = npz.array(content, limits.Budget(len(content)))
    except (OSError, ValueError, TypeError) as e:
        raise UsageError(f"{path}: can't be read ({e})") from None
    if isinstance(found, Undecoded):
        raise UsageError(f"{path}: can't be read ({found.reason})")
    return found


def _csv(path: str) -> Array:
    """One row or one column of numbers."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [
                re.split(r"[,;\s]+", line.strip(" ,;\t\r\n"))
                for line in file.read(LARGEST_TEXT).splitlines()
                if line.strip()
            ]
        value = np.array([[float(cell) for cell in line] for line in lines])
    except (OSError, ValueError) as e:
        raise UsageError(f"{path}: is not one row or one column of numbers ({e})") from None
    return value


SINGLE: dict[str, Callable[[str], Any]] = {".npy": _npy, ".csv": _csv, ".txt": _csv}
KINDS: dict[str, Callable[[list[Any], Tree, ScaledColumns], Numbers]] = {
    "zscore": _zscore,
    "minmax": _minmax,
    "mapminmax": _settings("mapminmax"),
    "mapstd": _settings("mapstd"),
}
