"""The rules of layer kinds as statements: the kernel that writes down what the kernel of NumPy computes.

No mathematics of any kind stands here: what a layer does is said by its rules (core.layers), formulas of activations by
`nngrad.core.activations`. A pass starts from unit vectors, and what it carries stays a `Unit` (a place and a factor)
through scales, choices of rows and single activations, so that a first product is just a row or a column of the
weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, groupby
from typing import Any, NamedTuple

import numpy as np

from nngrad.core.activations import Activation
from nngrad.core.formula import names_in
from nngrad.core.graph import Step
from nngrad.core.kernels import OVER, Array, Params
from nngrad.emitters.program import (
    Center,
    Constant,
    Differences,
    Distances,
    Gather,
    Gram,
    Index,
    Join,
    Largest,
    Linear,
    Map,
    Matrix,
    OneHot,
    Operand,
    Row,
    Scatter,
    Section,
    Table,
    Total,
    Vector,
    Winner,
)

CLEARED = "where(y == y, 0.0*v, y)"


class Unit(NamedTuple):
    """In direction d the vector that is 0 but factor[place[d]] (or 1) at place[d]; places are
    those of a value of that size.
    """

    place: Index
    factor: Operand | None
    size: int
    along: str


class Rows(NamedTuple):
    """A matrix times a formula (linear in v) that is the same for a whole row."""

    matrix: Matrix
    formula: str
    env: dict[str, Operand | float]


Flow = Vector | Unit


@dataclass
class Writer:
    """Collects statements, those of a sample ("") and those of the directions of each pass; names are used once.

    `values` are the vectors of the values of the network; `comment` is that of the section being written.
    """

    values: dict[int, Vector]
    constants: dict[int, list[Constant]] = field(default_factory=dict)
    written: dict[str, list[tuple[str, Any]]] = field(default_factory=lambda: {"": [], "input": [], "output": []})
    known: dict[tuple[int, str], Any] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    comment: str = ""
    layer: int = 0  # the value whose layer is being written

    def copy(self) -> Writer:
        constants = {k: list(v) for k, v in self.constants.items()}
        written = {k: list(v) for k, v in self.written.items()}
        return Writer(
            dict(self.values), constants, written, dict(self.known), set(self.taken), self.comment, self.layer
        )

    def sections(self, along: str) -> tuple[Section, ...]:
        """The statements written so far, which are forgotten."""
        grouped = groupby(self.written[along], key=lambda pair: pair[0])
        found = tuple(Section(comment, tuple(statement for _, statement in pairs)) for comment, pairs in grouped)
        self.written[along] = []
        return found

    def fresh(self, name: str) -> str:
        """The name, with a number behind it where it is taken."""
        unused = next(n for n in chain((name,), (f"{name}_{k}" for k in count(2))) if n not in self.taken)
        self.taken.add(unused)
        return unused

    def constant(self, target: int, name: str, values: Any) -> Constant:
        """The numbers of the layer that makes a value, once."""
        return self.once(
            target, f"constant {name}", lambda: self._kept(target, name, np.array(values, dtype=np.float64))
        )

    def _kept(self, target: int, name: str, values: Array) -> Constant:
        constant = Constant(self.fresh(name), values)
        self.constants.setdefault(target, []).append(constant)
        return constant

    def derived(self, name: str, values: Array) -> Constant:
        """Numbers that follow from those of layers: gains multiplied together, or rows of them."""
        return self._kept(self.layer, name, values)

    def put(self, statement: Any) -> Any:
        """Adds a statement where its result belongs; returns the result."""
        along = "output" if isinstance(statement, Gram) else getattr(statement.out, "along", "")
        self.written[along].append((self.comment, statement))
        return None if isinstance(statement, Gram) else statement.out

    def once(self, target: int, what: str, make: Callable[[], Any]) -> Any:
        """Something that belongs to a layer and that several of its rules use."""
        if (target, what) not in self.known:
            self.known[target, what] = make()
        return self.known[target, what]

    def number_of_weights(self, target: int) -> str:
        """What weights are numbered with: in the order in which they come up."""
        return str(self.once(target, "number", lambda: 1 + sum(1 for _, what in self.known if what == "number")))

    def dense(self, flow: Flow, name: str) -> Vector:
        """The flow as a vector."""
        if isinstance(flow, Vector):
            return flow
        vector: Vector = self.put(OneHot(Vector(self.fresh(name), flow.size, flow.along), flow.place, flow.factor))
        return vector

    def map(self, name: str, size: int, along: str, formula: str, **env: Operand | float) -> Vector:
        """A new vector: the formula, unit by unit."""
        vector: Vector = self.put(Map(Vector(self.fresh(name), size, along), formula, env))
        return vector


@dataclass(frozen=True)
class StatementKernel:
    """The rules of one layer, written down; `out` is what its forward rule makes, `names` those
    of what a pass makes, one a source.
    """

    writer: Writer
    step: Step
    out: Vector | None = None
    names: tuple[str, ...] = ()

    @property
    def y(self) -> Vector:
        return self.writer.values[self.step.target]

    @property
    def x(self) -> Vector:
        return self.writer.values[self.step.sources[0]]

    def named(self, name: str) -> StatementKernel:
        return StatementKernel(self.writer, self.step, None, (self._name(name),))

    def _name(self, template: str) -> str:
        number = self.writer.number_of_weights(self.step.target) if "{n}" in template else ""
        places = {f"out{i}": name for i, name in enumerate(self.names)}
        out = self.names[0] if self.names else self.y.name
        return template.format(out=out, x=self.x.name, y=self.y.name, n=number, **places)

    def _vector(self, name: str, size: int, along: str = "") -> Vector:
        """What is made next: the value of the layer itself where that is meant."""
        if name == "{out}" and self.out is not None:
            return self.out
        return Vector(self.writer.fresh(self._name(name)), size, along)

    # numbers of the model

    def matrix(self, name: str, values: Array) -> Any:
        return self.writer.constant(self.step.target, self._name(name), values)

    vector = matrix

    def bias(self, name: str, values: Array) -> Any:
        return self.vector(name, values) if (values != 0.0).any() else None

    def number(self, name: str, values: Array | float) -> Any:
        values = np.asarray(values, dtype=np.float64)
        same = values.size and (values == values.flat[0]).all()
        return float(values.flat[0]) if same else self.vector(name, values)

    # values

    def map(self, formula: str, name: str = "{out}", **env: Any) -> Any:
        vectors = [v for v in env.values() if isinstance(v, Vector | Constant)]
        size = max((v.size for v in vectors), default=self.y.size)
        along = next((v.along for v in vectors if isinstance(v, Vector) and v.along), "")
        return self.writer.put(Map(self._vector(name, size, along), formula, env))

    along = map

    def rescaled(self, x: Any, center: Array, gain: Array, shift: Array) -> Any:
        c, g, s = self.number("{y}_center", center), self.vector("{y}_gain", gain), self.number("{y}_shift", shift)
        formula = "x*g" if c == 0.0 else "(x - c)*g"
        return self.map(formula if s == 0.0 else f"{formula} + s", x=x, c=c, g=g, s=s)

    def activated(self, activation: Activation, x: Any, params: Params) -> Any:
        return self.map(activation.f, **self._read(activation, activation.f, params))

    def _read(self, activation: Activation, text: str, params: Params) -> dict[str, Any]:
        """What a formula of the table of activations reads: x, y, d, q and parameters."""
        env: dict[str, Any] = {}
        for name in sorted(names_in(text) & {"x", "y", "d", "q", *params}):
            if name in params:
                env[name] = self.number(f"{name}_{{y}}", params[name])
            elif name == "d":
                env[name] = self.slope(activation, self.x, self.y, params)
            elif name == "q":
                env[name] = self._part(activation, "q", str(activation.q), "q_{y}", params)
            else:
                env[name] = {"x": self.x, "y": self.y}[name]
        return env

    def _part(self, activation: Activation, what: str, text: str, name: str, params: Params) -> Vector:
        def make() -> Any:
            env = self._read(activation, text, params)
            return self.writer.put(Map(self._vector(name, self.y.size), text, env))

        vector: Vector = self.writer.once(self.step.target, what, make)
        return vector

    def largest(self, x: Any, name: str) -> Any:
        return self.writer.put(Largest(self._vector(name, 1), x))

    def winner(self, x: Any) -> Any:
        return self.writer.put(Winner(self._vector("{out}", x.size), x))

    def distances(self, x: Any, centres: Any, absolute: bool, name: str) -> Any:
        return self.writer.put(Distances(self._vector(name, self.y.size), x, centres, absolute))

    def joined(self, parts: Sequence[Any], sizes: Sequence[int]) -> Any:
        if self.out is not None:
            return self.writer.put(Join(self.out, tuple(part for part in parts if part.size)))
        along = next(part.along for part in parts if part is not None)
        found = []
        for size, flow in zip(sizes, parts, strict=True):
            if flow is not None:
                found.append(self.dense(flow, "whole_{out}"))
            elif size:
                found.append(self.writer.map(self._name("none_{out}"), size, along, "0.0"))
        return self.writer.put(Join(self._vector("{out}", self.y.size, along), tuple(found)))

    def scattered(self, x: Any, index: Array, size: int, fill: Array | None = None) -> Any:
        places = _places(index)
        if self.out is not None:
            rest = None if fill is None or len(places) == len(fill) else self.vector("{y}_fill", fill)
            return self.writer.put(Scatter(self.out, x, places, rest))
        return self._scattered(x, places, size, "{out}")

    def _scattered(self, flow: Flow, places: Index, size: int, name: str) -> Flow:
        """Zeros, with the flow at `places`."""
        w = self.writer
        if isinstance(flow, Vector):
            return w.put(Scatter(self._vector(name, size, flow.along), flow, places))
        factor = flow.factor
        if isinstance(factor, Constant):
            values = np.zeros(size)
            values[list(places)] = factor.values
            factor = w.derived(f"factor_{self._name(name)}", values)
        elif factor is not None:
            factor = w.put(Scatter(Vector(w.fresh(f"factor_{self._name(name)}"), size), factor, places))
        return Unit(tuple(places[p] for p in flow.place), factor, size, flow.along)

    def gathered(self, x: Any, index: Array, name: str = "{out}", whole: str = "") -> Any:
        places = _places(index)
        if not whole and isinstance(x, Unit):
            return self._gathered(x, places, self._name(name))
        x = self.dense(x, whole) if whole else x
        return self.writer.put(Gather(self._vector(name, len(places), x.along), x, places))

    def _gathered(self, flow: Flow, places: Index, name: str) -> Flow:
        """flow[places], each place at most once."""
        w = self.writer
        if not (isinstance(flow, Unit) and set(flow.place) <= set(places)):
            vector = w.dense(flow, f"whole_{name}")
            return w.put(Gather(Vector(w.fresh(name), len(places), flow.along), vector, places))
        factor = flow.factor
        if isinstance(factor, Constant):
            factor = w.derived(f"factor_{name}", factor.values[list(places)])
        elif factor is not None:
            factor = w.put(Gather(Vector(w.fresh(f"factor_{name}"), len(places)), factor, places))
        return Unit(tuple(places.index(p) for p in flow.place), factor, len(places), flow.along)

    def once(self, what: str, make: Callable[[], Any]) -> Any:
        return self.writer.once(self.step.target, what, make)

    # flows

    def linear(
        self,
        A: Any,
        v: Any,
        b: Any = None,
        *,
        transposed: bool = False,
        name: str = "{out}",
        inner: str = "",
        whole: str = "",
    ) -> Any:
        if isinstance(A, Rows):
            if transposed:
                v = self.along(A.formula, name=inner, **A.env, v=self.dense(v, whole))
                return self._product(A.matrix, v, name, True)
            return self.along(A.formula, name=name, **A.env, v=self._product(A.matrix, v, inner, False))
        if isinstance(v, Vector) and not v.along:
            return self.writer.put(Linear(self._vector(name, A.size), A, v, b))
        return self._product(A, v, name, transposed)

    def _product(self, table: Table, flow: Flow, name: str, transposed: bool) -> Vector:
        """Table times flow; a row or a column of it for a Unit."""
        rows, columns = table.values.shape if isinstance(table, Constant) else (table.rows, table.columns)
        out = self._vector(name, columns if transposed else rows, flow.along)
        if isinstance(flow, Vector):
            vector: Vector = self.writer.put(Linear(out, table, flow, None, transposed))
        else:
            vector = self.writer.put(Row(out, table, flow.place, flow.factor, column=not transposed))
        return vector

    def times(self, v: Any, factor: Any, name: str = "{out}") -> Any:
        """Each unit of the flow by its factor."""
        if isinstance(v, Vector):
            return self.along("v*d", name=name, v=v, d=factor)
        w, what = self.writer, f"factor_{self._name(name)}"
        if isinstance(v.factor, Constant) and isinstance(factor, Constant):
            factor = w.derived(what, v.factor.values * factor.values)
        elif v.factor is not None:
            factor = w.map(what, v.size, "", "f*d", f=v.factor, d=factor)
        return v._replace(factor=factor)

    def over(self, v: Any, y: Any, name: str) -> Any:
        return self.along(OVER, name=name, y=y, v=v)

    def known(self, v: Any, t: Any, name: str) -> Any:
        return self.along("where(t == t, a, t)", name=name, t=t, a=v)

    def cleared(self, v: Any, y: Any) -> Any:
        return self.along(CLEARED, y=y, v=self.dense(v, "whole_{out}"))

    def centered(self, v: Any, y: Any, name: str = "{out}") -> Any:
        what = self._name(name)
        v = self.writer.dense(v, f"whole_{what}")
        return self.writer.put(Center(Vector(self.writer.fresh(f"centered_{what}"), v.size, v.along), v, y))

    def added(self, flows: Sequence[Any]) -> Any:
        there = [flow for flow in flows if flow is not None]
        if len(there) == 1:
            return there[0]
        env = {f"t{i}": self.dense(flow, "whole_{out}") for i, flow in enumerate(there, 1)}
        return self.along(" + ".join(env), **env)

    def split(self, g: Any, sizes: Sequence[int]) -> tuple[Any, ...]:
        ends = np.cumsum([0, *sizes]).tolist()
        runs = [tuple(range(*ends[i : i + 2])) for i in range(len(sizes))]
        g = self.dense(g, "whole_{y}") if any(runs[1:]) else g
        return tuple(self._gathered(g, run, name) if run else g for run, name in zip(runs, self.names, strict=True))

    def returned(self, g: Any, source: Array, taken: Array, size: int) -> Any:
        real = np.flatnonzero(taken)
        places = _places(source[real])
        if len(set(places)) < len(places):
            table = np.zeros((len(source), size))
            table[real, source[real]] = 1.0
            return self._product(self.vector("{y}_source", table), g, "{out}", True)
        kept = self._gathered(g, _places(real), self._name("real_{out}"))
        return self._scattered(kept, places, size, "{out}")

    def dense(self, v: Any, name: str) -> Any:
        return self.writer.dense(v, self._name(name))

    # both

    def total(self, v: Any, name: str, groups: int = 0) -> Any:
        return self.writer.put(Total(self._vector(name, groups or 1, v.along), v))

    def spread(self, v: Any, size: int, name: str) -> Any:
        """A single one is left alone: maps spread it."""
        if v.size in (1, size):
            return v
        places = tuple(np.repeat(range(v.size), size // v.size).tolist())
        return self.writer.put(Gather(self._vector(name, size, v.along), v, places))

    def each(self, v: Any, like: Any) -> Any:
        if v.size == like.size:
            return v
        return self.writer.put(
            Gather(Vector(self.writer.fresh(f"{v.name}_each"), like.size, v.along), v, (0,) * like.size)
        )

    def weighted_total(self, formula: str, v: Any, name: str, inner: str, whole: str, **env: Any) -> Any:
        return self.total(self.along(formula, name=inner, **env, v=self.dense(v, whole)), name=name)

    # slopes

    def slope(self, activation: Activation, x: Any, y: Any, params: Params) -> Any:
        return self._part(activation, "slope", activation.df, "d{y}_d{x}", params)

    def second(self, activation: Activation, x: Any, y: Any, params: Params) -> Any:
        return self._part(activation, "second", activation.d2f, "d2{y}_d{x}", params)

    def differences(self, x: Any, centres: Any, sign: bool, name: str) -> Any:
        matrix = Matrix(self.writer.fresh(self._name(name)), *centres.values.shape)
        return self.writer.put(Differences(matrix, x, centres, sign))

    def rows(self, D: Any, formula: str, **env: Any) -> Any:
        return Rows(D, formula, env)

    def gram(self, weights: Any, S: Any, T: Any) -> Any:
        return self.writer.put(Gram(weights, S, T))

    def cross(self, weights: Any, S: tuple[Any, Any], T: tuple[Any, Any]) -> Any:
        return self.writer.put(Gram(weights, S[0], S[1], cross=True))


def _places(index: Array) -> Index:
    return tuple(int(k) for k in index)
