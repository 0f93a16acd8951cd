"""Network: the one form that every model file is read into, complete and checked once it exists.

Value 0 is the input, value k that of layers[k - 1]; the last one is the output, unless `result` names another. Everything the
saved network does to its inputs and outputs (normalisation, removed rows, class order) is a layer like any other, so x, y and J
are in raw units.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from nngrad.core import plan as planning
from nngrad.core import reach, scratch
from nngrad.core.graph import Node
from nngrad.core.layers import Layer
from nngrad.core.layers.base import frozen
from nngrad.core.passes import Evaluation
from nngrad.core.plan import Plan, Plans
from nngrad.errors import DataError, ModelError, UsageError, WholeNumbersError

BLOCK_NUMBERS = 1_000_000  # of all intermediates of a block: near a core, yet enough of them that threads seldom wait for each other
TAP = re.compile(r"(.*?)(\(t(?:[+-]\d+)?\))?")  # the name of a column: what it measures, and when
NUMBERED_THING = re.compile(r"[xy]\d+")  # what loaders call what has no name
FEWEST_ROWS = 160  # below, matrix products are slow

INTEGERS = {"bool": (0, 1)} | {  # types that a model may cast its inputs to, and what they hold
    f"{sign}int{bits}": (int(np.iinfo(f"{sign}int{bits}").min), int(np.iinfo(f"{sign}int{bits}").max))
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}

MOST_LAYERS = 20_000  # of a network, all of them together: what a file of a few kB may ask for
MOST_UNITS = 20_000_000
MOST_SOURCES = 200_000
MOST_NUMBERS = 250_000_000  # in the arrays of its layers


@dataclass(frozen=True, eq=False)
class Port:
    """One of the network's inputs or outputs: a run of columns, with their names and, where the file knows it, their training range.

    `integer` is the type, one of INTEGERS, that the model itself casts an input to: it then takes whole numbers only.
    """

    name: str
    columns: tuple[str, ...]
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    integer: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", encodable(self.name))
        object.__setattr__(self, "columns", tuple(map(encodable, self.columns)))
        for end in ("lower", "upper"):
            if isinstance(limits := getattr(self, end), np.ndarray):
                object.__setattr__(self, end, frozen(limits))

    @property
    def size(self) -> int:
        return len(self.columns)


@dataclass(frozen=True)
class Origin:
    """Where a network came from: the file, the path inside it, container, class and version; notes for the user.

    `name` and `created` are what the file says of itself; `processing` and `layers` describe the network in the file's own words.
    `doubts` are notes about what the file leaves open and the numbers depend on: nobody should use them without having seen it.
    """

    path: str = ""
    network: str = ""
    container: str = ""
    classname: str = ""
    version: str = ""
    name: str = ""
    created: str = ""
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    processing: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()


def encodable(text: str) -> str:
    """A text of a file that every format can write: halves of characters and bytes that are no text, as escapes."""
    return text.encode(errors="backslashreplace").decode()


def numbered(letter: str, count: int, start: int = 1) -> tuple[str, ...]:
    """Names for columns that have none: x1, x2, ..."""
    return tuple(f"{letter}{k}" for k in range(start, start + count))


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network: y = net(x), J = net.jacobian(x), J[s, i, j] = dy_i/dx_j of row s, in the user's own units.

    Frozen, picklable, and safe to call from several threads. x is (N, n) or (n,), any real dtype, computed in float64;
    for (n,) the leading axis is absent from every result. `of` and `wrt` choose outputs and inputs: names, or indices from 0.
    x may name its columns (a data frame or a row of one, a dict of columns, a list of dicts, a structured array): they are matched with
    the names of the inputs by the rule of nngrad.matching, NngradWarning says where they were taken in order all the same, and
    what is missing or masked is NaN.
    Raises DataError where x (or a direction v, weights w) does not fit, and UsageError where `of` or `wrt` name nothing.
    """

    layers: tuple[Node, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    origin: Origin = field(default_factory=Origin)
    result: int | None = None  # the number of the value that y is; None for the last

    def __post_init__(self) -> None:
        object.__setattr__(self, "_plans", Plans())
        if self.result is not None and not 0 <= self.result <= len(self.layers):
            raise ModelError(f"{self.origin.network or 'network'}: its output is value {self.result} of {len(self.layers)}")
        if not self.input_size or not self.output_size:
            raise ModelError(
                f"{self.origin.network or 'network'}: {self.input_size} inputs and {self.output_size} outputs; at least one of each"
            )
        if self.sizes[self.last] != self.output_size:
            size = self.sizes[self.last]
            raise ModelError(f"{self.origin.network or 'network'}: the last layer has {size} outputs, not {self.output_size}")

    @cached_property
    def last(self) -> int:
        """The number of the value that y is."""
        return len(self.layers) if self.result is None else self.result

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers a row of each value has; checks that the layers chain."""
        return _sizes(self.layers, self.input_size)

    # sizes and names

    @cached_property
    def input_names(self) -> tuple[str, ...]:
        return tuple(c for p in self.inputs for c in p.columns)

    @cached_property
    def input_aliases(self) -> tuple[str, ...]:
        """Other names of the columns of x, one each ("" for none), from the names of their ports: speed, state_2, x(t-1)."""
        return _aliases(self.inputs)

    @cached_property
    def output_aliases(self) -> tuple[str, ...]:
        """Other names of the columns of y, likewise."""
        return _aliases(self.outputs)

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        return tuple(c for p in self.outputs for c in p.columns)

    @cached_property
    def input_size(self) -> int:
        return len(self.input_names)

    @cached_property
    def output_size(self) -> int:
        return len(self.output_names)

    def indices_of_inputs(self, names: Iterable[str]) -> tuple[int, ...]:
        """0-based columns of x for names, or for numbers from 1 as text; UsageError where there is none."""
        return _indices(names, self.input_names, "input")

    def indices_of_outputs(self, names: Iterable[str]) -> tuple[int, ...]:
        """0-based columns of y for names, or for numbers from 1 as text; UsageError where there is none."""
        return _indices(names, self.output_names, "output")

    @cached_property
    def flat(self) -> bool:
        """Whether the Jacobian is zero everywhere it exists (hard limits, competition, constant outputs)."""
        return reach.flat(self)

    @cached_property
    def block_rows(self) -> int:
        """Rows of a block whose intermediates stay in cache; depends on the network alone, so that results never depend on threads."""
        k = min(self.input_size, self.output_size)
        tables = sum(
            node.layer.cost(sum(self.sizes[s] for s in node.sources), self.sizes[number]).numbers
            for number, node in enumerate(self.layers, 1)
        )
        return max(1 if tables else FEWEST_ROWS, BLOCK_NUMBERS // (sum(self.sizes) * (1 + k) + tables))

    def _rows_of(self, numbers: int) -> int:
        """Rows of a block where a row makes intermediates of so many numbers, such as tangents along every input."""
        return max(1, min(self.block_rows, BLOCK_NUMBERS // max(numbers, 1)))

    # values and derivatives

    def __call__(self, x: Any) -> np.ndarray:
        """y (N, m), or (m,) for one row."""
        rows, single = self.rows_of(x)
        last = self.last

        def work(rows: np.ndarray, y: np.ndarray) -> None:
            y[...] = self.evaluation(rows)[last].T

        y = np.empty((len(rows), self.output_size))
        self._over_blocks(work, rows, y)
        return y[0] if single else y

    def jacobian(self, x: Any, of: Sequence[Any] | None = None, wrt: Sequence[Any] | None = None) -> np.ndarray:
        """J (N, m, n), or (m, n) for one row."""
        return self.value_and_jacobian(x, of, wrt)[1]

    def value_and_jacobian(
        self, x: Any, of: Sequence[Any] | None = None, wrt: Sequence[Any] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(y, J) in one pass: y (N, m), J (N, m, n). With `of`, y has only those columns too."""
        rows, single = self.rows_of(x)
        plan = self.plan(of, wrt)

        def work(rows: np.ndarray, y: np.ndarray, J: np.ndarray) -> None:
            values = self.evaluation(rows)
            y[...] = (values[plan.last] if plan.every_output else values[plan.last][list(plan.of)]).T
            plan.jacobian(values, J)

        y, J = np.empty((len(rows), len(plan.of))), np.empty((len(rows), len(plan.of), len(plan.wrt)))
        self._over_blocks(work, rows, y, J)
        return (y[0], J[0]) if single else (y, J)

    def jvp(self, x: Any, v: Any) -> np.ndarray:
        """J v: the derivative along v (N, n), or one v (n,) for all rows -> (N, m)."""
        rows, single = self.rows_of(x)
        plan, directions = self.plan(), self._directions(v, len(rows), self.input_size, "v")

        def work(rows: np.ndarray, v: np.ndarray, out: np.ndarray) -> None:
            out[...] = planning.jvp(plan, self.evaluation(rows), v.T[:, None])[:, 0].T

        out = np.empty((len(rows), self.output_size))
        self._over_blocks(work, rows, directions, out)
        return out[0] if single else out

    def vjp(self, x: Any, w: Any) -> np.ndarray:
        """w' J: the gradient of the outputs weighted by w (N, m), or one w (m,) for all rows -> (N, n)."""
        rows, single = self.rows_of(x)
        plan, weights = self.plan(), self._directions(w, len(rows), self.output_size, "w")

        def work(rows: np.ndarray, w: np.ndarray, out: np.ndarray) -> None:
            out[...] = planning.vjp(plan, self.evaluation(rows), w.T[:, None])[:, 0].T

        out = np.empty((len(rows), self.input_size))
        self._over_blocks(work, rows, weights, out)
        return out[0] if single else out

    def hessian(self, x: Any, of: Sequence[Any] | None = None, wrt: Sequence[Any] | None = None) -> np.ndarray:
        """H (N, m, n, n), or (m, n, n) for one row: H[s, i, j, k] = d2y_i/dx_j dx_k, symmetric to the last bit.

        At a kink of a piecewise function the second derivative is taken as 0.
        """
        rows, single = self.rows_of(x)
        plan = self.plan(of, wrt)

        def work(rows: np.ndarray, H: np.ndarray) -> None:
            plan.hessian(self.evaluation(rows), H)

        H = np.empty((len(rows), len(plan.of), len(plan.wrt), len(plan.wrt)))
        numbers = len(plan.of) * len(plan.wrt) * (len(plan.wrt) + max(self.sizes))
        self._over_blocks(work, rows, H, size=self._rows_of(numbers))
        return H[0] if single else H

    def hvp(self, x: Any, w: Any, v: Any) -> np.ndarray:
        """The Hessian of the outputs weighted by w, times v, without the Hessian: w (m,) or (N, m), v (n,) or (N, n) -> (N, n)."""
        rows, single = self.rows_of(x)
        weights, directions = self._directions(w, len(rows), self.output_size, "w"), self._directions(v, len(rows), self.input_size, "v")
        plan = self.plan()

        def work(rows: np.ndarray, w: np.ndarray, v: np.ndarray, out: np.ndarray) -> None:
            out[...] = planning.hvp(plan, self.evaluation(rows), w.T[:, None], v.T[:, None])

        out = np.empty((len(rows), self.input_size))
        self._over_blocks(work, rows, weights, directions, out, size=self._rows_of(self.input_size * max(self.sizes)))
        return out[0] if single else out

    def plan(self, of: Sequence[Any] | None = None, wrt: Sequence[Any] | None = None) -> Plan:
        """How derivatives of the chosen outputs with respect to the chosen inputs are computed; made once and kept."""
        if of is wrt is None:
            return self._whole_plan
        chosen = (
            tuple(range(self.output_size)) if of is None else _chosen(of, self.output_size, self.indices_of_outputs, "of"),
            tuple(range(self.input_size)) if wrt is None else _chosen(wrt, self.input_size, self.indices_of_inputs, "wrt"),
        )
        return self._planned(*chosen)

    @cached_property
    def _whole_plan(self) -> Plan:
        return self._planned(tuple(range(self.output_size)), tuple(range(self.input_size)))

    def _planned(self, of: tuple[int, ...], wrt: tuple[int, ...]) -> Plan:
        plans: Plans = self._plans  # type: ignore[attr-defined]
        return plans.plan(self, of, wrt)

    @cached_property
    def evaluation(self) -> Evaluation:
        """How the values of a block of rows are computed; made once and kept."""
        return Evaluation.of_network(self)

    # the door

    def rows_of(self, x: Any) -> tuple[np.ndarray, bool]:
        """x as float64 (N, n) in the order of the inputs, and whether it was a single row."""
        rows = _door(x, "x", self.inputs, self)
        single = rows.ndim == 1
        if single:
            rows = rows[None]
        if rows.ndim != 2 or rows.shape[1] != self.input_size:
            names = ", ".join(self.input_names[:8]) + (", ..." if self.input_size > 8 else "")
            raise DataError(
                f"x has the shape {np.shape(x)}; this network takes (N, {self.input_size}): rows are samples, columns are {names}"
            )
        if self.whole_inputs:
            self.refuse_fractions(rows)
        return rows, single

    @cached_property
    def whole_inputs(self) -> tuple[int, ...]:
        """The columns of x, from 0, that take whole numbers only."""
        return tuple(k for k, integer in enumerate(self._integers) if integer)

    @cached_property
    def whole_limits(self) -> np.ndarray:
        """The lowest and the highest number (2, k) that each of the `whole_inputs` holds."""
        return np.array([INTEGERS[self._integers[k]] for k in self.whole_inputs], float).reshape(-1, 2).T

    @cached_property
    def _integers(self) -> tuple[str, ...]:
        """For each column of x the type that the model casts it to, "" where there is none."""
        return tuple(p.integer for p in self.inputs for _ in p.columns)

    def of_real_inputs(self) -> Network:
        """The same function of real inputs: its derivatives are what those with respect to whole numbers mean."""
        return replace(self, inputs=tuple(replace(p, integer="") for p in self.inputs)) if self.whole_inputs else self

    def refuse_fractions(self, rows: np.ndarray) -> None:
        """WholeNumbersError for the first row (N, n) in which an input isn't of the integer type that the model casts it to."""
        lowest, highest = self.whole_limits
        taken = rows[:, list(self.whole_inputs)]
        with np.errstate(invalid="ignore"):
            fits = (taken == np.rint(taken)) & (taken >= lowest) & (taken <= highest)
        if not fits.all():
            row, k = np.argwhere(~fits)[0]
            cell = f"{self.input_names[self.whole_inputs[k]]} is {taken[row, k]:.6g}"
            cast = self._integers[self.whole_inputs[k]]
            limits = f"whole numbers from {lowest[k]:g} to {highest[k]:g} only"
            raise WholeNumbersError(int(row), f"{cell}; the model casts it to {cast}: {limits}")

    def inputs_by_name(self, x: Any) -> np.ndarray:
        """x as an array: with the columns of the inputs if it names its columns, else as it stands, whatever its shape."""
        return _door(x, "x", self.inputs, self)

    def outputs_by_name(self, y: Any) -> np.ndarray:
        """Likewise for outputs."""
        return _door(y, "y", self.outputs, self)

    def _directions(self, v: Any, rows: int, size: int, name: str) -> np.ndarray:
        V = _door(v, name, self.inputs if name == "v" else self.outputs, self)
        if V.shape not in ((size,), (rows, size)):
            raise DataError(f"{name} has the shape {np.shape(v)}; it takes ({size},) or ({rows}, {size})")
        return np.broadcast_to(V, (rows, size))

    def _over_blocks(self, work: Callable[..., None], *tables: np.ndarray, size: int = 0) -> None:
        """work(*tables) on blocks of their rows, `size` or block_rows at a time."""
        rows, size = len(tables[0]), size or self.block_rows
        if not rows:
            return None
        if rows * self._widest < scratch.LARGE:
            with np.errstate(all="ignore"):
                return work(*tables)
        size = -(-rows // -(-rows // size))  # even blocks: no thread waits for the last

        def on(first: int) -> None:
            with np.errstate(all="ignore"), scratch.block():
                work(*(table[first : first + size] for table in tables))

        if rows <= size:
            return on(0)
        from nngrad.core import blocks

        return blocks.every(range(0, rows, size), on)

    @cached_property
    def _widest(self) -> int:
        return max(self.sizes) * max(1, min(self.input_size, self.output_size))

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("layers", "inputs", "outputs", "origin", "result")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        object.__setattr__(self, "_plans", Plans())

    def __repr__(self) -> str:
        return f"Network({self.input_size} -> {self.output_size}, {len(self.layers)} layers, {self.origin.path or 'made in Python'})"

    @classmethod
    def chain(cls, layers: Sequence[Layer], input_size: int | None = None, **rest: Any) -> Network:
        """A network of one layer after the other; inputs and outputs are named x1.., y1.. unless `inputs`, `outputs` are given.

        `input_size` may be left out where the first layer says it (Affine, Select, ...). Raises ModelError where the layers don't chain.
        """
        if input_size is None:
            takes = layers[0].takes if layers else None
            if takes is None or len(takes) != 1:
                first = type(layers[0] if layers else None).__name__
                raise ModelError(f"a chain that begins with {first} takes any number of inputs: give input_size")
            (input_size,) = takes
        nodes = tuple(Node(layer, (k,)) for k, layer in enumerate(layers))
        size = _sizes(nodes, input_size)[-1]
        ports = {"inputs": (Port("x", numbered("x", input_size)),), "outputs": (Port("y", numbered("y", size)),)}
        return cls(layers=nodes, **(ports | rest))


def _sizes(layers: Sequence[Node], input_size: int) -> tuple[int, ...]:
    """How many numbers a row of each value has; ModelError where the layers don't chain."""
    within(MOST_LAYERS, len(layers), "layers")
    sizes = [input_size]
    units = sources = 0
    for k, node in enumerate(layers, 1):
        within(MOST_SOURCES, sources := sources + len(node.sources), "sources of layers")
        if not node.sources or not all(0 <= s < k for s in node.sources):
            raise ModelError(f"layer {k} ({type(node.layer).__name__}) reads the values {node.sources}, which do not exist before it")
        try:
            sizes.append(node.layer.size(*(sizes[s] for s in node.sources)))
        except ValueError as e:
            raise ModelError(f"layer {k} ({type(node.layer).__name__}) does not fit what comes before it: {e}") from None
        within(MOST_UNITS, units := units + sizes[-1], "units in its layers")
    return tuple(sizes)


def within(most: int, count: int, what: str) -> None:
    """ModelError for a network that is larger than any that is computed."""
    if count > most:
        raise ModelError(f"the network has {count} {what}, at most {most} are computed; split it into smaller networks")


def _aliases(ports: Sequence[Port]) -> tuple[str, ...]:
    """Other names of the columns of ports, one each: port, port_2, port(t-1) where they are numbered; x1(t-1) where they have names."""
    aliases: list[str] = []
    measured = 0  # what the ports before have measured, whatever the number of delays
    for port in ports:
        parts = [TAP.fullmatch(c) for c in port.columns]
        things = list(dict.fromkeys(m[1] for m in parts if m))
        made_up = re.fullmatch(r"(in|out)put[ _]?\d*|", port.name, re.IGNORECASE) is not None
        for m in parts:
            k = things.index(m[1]) + 1 if m else 0
            if m and NUMBERED_THING.fullmatch(m[1]):
                aliases.append("" if made_up else f"{port.name}{f'_{k}' if len(things) > 1 else ''}{m[2] or ''}")
            else:
                aliases.append(f"x{measured + k}{m[2]}" if m and m[2] else "")
        measured += len(things)
    return tuple(aliases)


def _door(x: Any, name: str, ports: tuple[Port, ...], net: Network) -> np.ndarray:
    """Numbers in the order of the ports' columns: arrays as they stand, whatever names its columns by those names."""
    if type(x) is np.ndarray and x.dtype.names is None:
        return _real(x, name)
    from nngrad.matching import frames

    frame = frames.frame_of(x, name, [(p.name, p.columns) for p in ports])
    if frame is None:
        return _real(x, name)
    columns, aliases = (net.input_names, net.input_aliases) if ports is net.inputs else (net.output_names, net.output_aliases)
    return frames.matched(frame, name, columns, aliases)


def _real(x: Any, name: str) -> np.ndarray:
    if isinstance(x, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in x):
        x = np.ma.array(x)
    try:
        a = np.asarray(x)
    except ValueError as e:
        raise DataError(f"{name} is not a table of numbers: {e}") from None
    if a.dtype.kind not in "fiub":
        raise DataError(f"{name} holds {a.dtype.name}, not real numbers")
    if isinstance(x, np.ma.MaskedArray):  # what is masked is missing
        a = np.ma.filled(x.astype(np.float64), np.nan)
    return np.asarray(a, np.float64, order="C")


def _chosen(items: Sequence[Any], count: int, by_name: Callable[[Iterable[str]], tuple[int, ...]], what: str) -> tuple[int, ...]:
    try:
        chosen = None if isinstance(items, str) else tuple(by_name([i])[0] if isinstance(i, str) else _index(i) for i in items)
    except TypeError:  # no list, or a mask, or fractions
        chosen = None
    if not chosen:
        raise UsageError(f"{what}={items!r}: give a list of names or of indices")
    if not all(0 <= i < count for i in chosen):
        raise UsageError(f"{what}={list(items)}: indices go from 0 to {count - 1}")
    return chosen


def _index(item: Any) -> int:
    if isinstance(item, bool | np.bool_):
        raise TypeError("a part of a mask is no index")
    return operator.index(item)


def _indices(names: Iterable[str], known: tuple[str, ...], what: str) -> tuple[int, ...]:
    found = []
    for name in (n.strip() for n in names):
        places = [k for k, other in enumerate(known) if other == name]
        if len(places) > 1:
            numbers = ", ".join(str(k + 1) for k in places[:8]) + (", ..." if len(places) > 8 else "")
            raise UsageError(f"{what} {name!r}: {len(places)} have this name, number {numbers}; choose by number")
        if places:
            found += places
        elif name.isascii() and name.isdigit() and 1 <= int(name) <= len(known):
            found.append(int(name) - 1)
        else:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"no {what} {name!r}: there are {len(known)}, {known[0]} to {known[-1]} (or 1 to {len(known)}){hint}")
    return tuple(found)
