"""Layer kinds as statements: the forward rule, both passes and the curvature of each, once for all target languages.

The one rule: formulas of activations are those of `nngrad.core.activations`; everything else is the rule of the layer kind in
`nngrad.core.layers`, in the same letters. A pass starts from unit vectors, and what it carries stays a `Unit` (a place and a factor)
through scales, choices of rows and single activations, so that a first product is just a row or a column of the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, count, groupby
from typing import Any, NamedTuple

import numpy as np

from nngrad.core.activations import Activation
from nngrad.core.formula import names_in
from nngrad.core.layers import (
    Affine,
    Compet,
    Concatenate,
    Distance,
    Elementwise,
    FillMissing,
    Normalize,
    NormProd,
    Place,
    Product,
    Scale,
    Select,
    Softmax,
    SquaredDistance,
    Sum,
)
from nngrad.core.passes import Step
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
from nngrad.errors import ModelError


class Unit(NamedTuple):
    """In direction d the vector that is 0 but factor[place[d]] (or 1) at place[d]; places are those of a value of that size."""

    place: Index
    factor: Operand | None
    size: int
    along: str


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
        return Writer(dict(self.values), constants, written, dict(self.known), set(self.taken), self.comment, self.layer)

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

    def constant(self, step: Step, name: str, values: Any) -> Constant:
        """The numbers of a layer, once."""
        key = (step.target, "constant " + name)
        if key not in self.known:
            self.known[key] = Constant(self.fresh(name), np.array(values, dtype=np.float64))
            self.constants.setdefault(step.target, []).append(self.known[key])
        return self.known[key]

    def vector_or_number(self, step: Step, name: str, values: np.ndarray) -> Constant | float:
        """A number where all units have the same."""
        same = values.size and (values == values.flat[0]).all()
        return float(values.flat[0]) if same else self.constant(step, name, values)

    def derived(self, name: str, values: np.ndarray) -> Constant:
        """Numbers that follow from those of layers: gains multiplied together, or rows of them."""
        self.constants.setdefault(self.layer, []).append(Constant(self.fresh(name), values))
        return self.constants[self.layer][-1]

    def put(self, statement: Any) -> Any:
        """Adds a statement where its result belongs; returns the result."""
        along = "output" if isinstance(statement, Gram) else getattr(statement.out, "along", "")
        self.written[along].append((self.comment, statement))
        return None if isinstance(statement, Gram) else statement.out

    def once(self, step: Step, what: str, make: Callable[[], Any]) -> Any:
        """Something of a sample that both passes use."""
        key = (step.target, what)
        if key not in self.known:
            self.known[key] = make()
        return self.known[key]

    def map(self, name: str, size: int, along: str, formula: str, **env: Operand | float) -> Vector:
        """A new vector: the formula, unit by unit."""
        return self.put(Map(Vector(self.fresh(name), size, along), formula, env))

    def dense(self, flow: Flow, name: str) -> Vector:
        """The flow as a vector."""
        if isinstance(flow, Vector):
            return flow
        return self.put(OneHot(Vector(self.fresh(name), flow.size, flow.along), flow.place, flow.factor))

    def times(self, flow: Flow, factor: Operand, name: str) -> Flow:
        """Each unit of the flow by its factor."""
        if isinstance(flow, Vector):
            return self.map(name, flow.size, flow.along, "v*d", v=flow, d=factor)
        if isinstance(flow.factor, Constant) and isinstance(factor, Constant):
            factor = self.derived(f"factor_{name}", flow.factor.values * factor.values)
        elif flow.factor is not None:
            factor = self.map(f"factor_{name}", flow.size, "", "f*d", f=flow.factor, d=factor)
        return flow._replace(factor=factor)

    def product(self, table: Table, flow: Flow, name: str, transposed: bool) -> Vector:
        """Table times flow; a row or a column of it for a Unit."""
        rows, columns = table.values.shape if isinstance(table, Constant) else (table.rows, table.columns)
        out = Vector(self.fresh(name), columns if transposed else rows, flow.along)
        if isinstance(flow, Vector):
            return self.put(Linear(out, table, flow, None, transposed))
        return self.put(Row(out, table, flow.place, flow.factor, column=not transposed))

    def total(self, x: Vector, name: str, groups: int = 1) -> Vector:
        """A new vector: the sum of each of several equal runs."""
        return self.put(Total(Vector(self.fresh(name), groups, x.along), x))

    def spread(self, v: Vector, size: int, name: str) -> Vector:
        """One number for each of several runs, given to all units of its run; a single one is left alone: maps spread it."""
        if v.size in (1, size):
            return v
        return self.put(Gather(Vector(self.fresh(name), size, v.along), v, tuple(np.repeat(range(v.size), size // v.size).tolist())))


# the kinds: forward(w, step, out) writes out; push(w, step, T, name) and pull(w, step, G, names) carry a flow on, or back;
# bend(w, step, G, T) adds the curvature to H. x is the value read, y the value made.


def _x(w: Writer, step: Step) -> Vector:
    return w.values[step.sources[0]]


def _y(w: Writer, step: Step) -> Vector:
    return w.values[step.target]


def _weights(w: Writer, step: Step) -> Constant:
    return w.constant(step, f"W{_number(w, step)}", step.layer.W)


def _number(w: Writer, step: Step) -> int:
    return w.once(step, "number", lambda: 1 + sum(1 for _, what in w.known if what == "number"))


def affine_forward(w: Writer, step: Step, out: Vector) -> None:
    W, b = _weights(w, step), step.layer.b
    w.put(Linear(out, W, _x(w, step), w.constant(step, f"b{_number(w, step)}", b) if (b != 0).any() else None))


def affine_push(w: Writer, step: Step, T: Flow, name: str) -> Flow:
    return w.product(_weights(w, step), T, name, transposed=False)


def affine_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    return [w.product(_weights(w, step), G, names[0], transposed=True)]


def _gain(w: Writer, step: Step) -> Constant:
    return w.constant(step, f"{_y(w, step).name}_gain", step.layer.gain)


def scale_forward(w: Writer, step: Step, out: Vector) -> None:
    center = w.vector_or_number(step, f"{out.name}_center", step.layer.center)
    gain = _gain(w, step)
    shift = w.vector_or_number(step, f"{out.name}_shift", step.layer.shift)
    formula = "x*g" if center == 0.0 else "(x - c)*g"
    w.put(Map(out, formula if shift == 0.0 else f"{formula} + s", {"x": _x(w, step), "c": center, "g": gain, "s": shift}))


def scale_push(w: Writer, step: Step, T: Flow, name: str) -> Flow:
    return w.times(T, _gain(w, step), name)


def scale_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    return [w.times(G, _gain(w, step), names[0])]


def _gather(w: Writer, flow: Flow, index: Index, name: str) -> Flow:
    """flow[index], each place at most once."""
    if isinstance(flow, Unit) and set(flow.place) <= set(index):
        factor = flow.factor
        if isinstance(factor, Constant):
            factor = w.derived(f"factor_{name}", factor.values[list(index)])
        elif factor is not None:
            factor = w.put(Gather(Vector(w.fresh(f"factor_{name}"), len(index)), factor, index))
        return Unit(tuple(index.index(p) for p in flow.place), factor, len(index), flow.along)
    return w.put(Gather(Vector(w.fresh(name), len(index), flow.along), w.dense(flow, f"whole_{name}"), index))


def _scatter(w: Writer, flow: Flow, index: Index, size: int, name: str) -> Flow:
    """Zeros, with the flow at index, where each place stands at most once."""
    if isinstance(flow, Unit):
        factor = flow.factor
        if isinstance(factor, Constant):
            values = np.zeros(size)
            values[list(index)] = factor.values
            factor = w.derived(f"factor_{name}", values)
        elif factor is not None:
            factor = w.put(Scatter(Vector(w.fresh(f"factor_{name}"), size), factor, index))
        return Unit(tuple(index[p] for p in flow.place), factor, size, flow.along)
    return w.put(Scatter(Vector(w.fresh(name), size, flow.along), flow, index))


def select_forward(w: Writer, step: Step, out: Vector) -> None:
    w.put(Gather(out, _x(w, step), _index(step.layer.index)))


def select_push(w: Writer, step: Step, T: Flow, name: str) -> Flow:
    return _gather(w, T, _index(step.layer.index), name)


def select_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    return [_scatter(w, G, _index(step.layer.index), step.layer.inputs, names[0])]


def place_forward(w: Writer, step: Step, out: Vector) -> None:
    index, fill = _index(step.layer.index), step.layer.fill
    constant = w.constant(step, f"{out.name}_fill", fill) if len(index) < len(fill) else None  # else every place is taken
    w.put(Scatter(out, _x(w, step), index, constant))


def place_push(w: Writer, step: Step, T: Flow, name: str) -> Flow:
    return _scatter(w, T, _index(step.layer.index), len(step.layer.fill), name)


def place_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    return [_gather(w, G, _index(step.layer.index), names[0])]


def _index(values: np.ndarray) -> Index:
    return tuple(int(k) for k in values)


def missing_forward(w: Writer, step: Step, out: Vector) -> None:
    layer, name = step.layer, out.name
    u = w.once(step, "u", lambda: w.put(Gather(Vector(w.fresh(f"read_{name}"), out.size), _x(w, step), _index(layer.source))))
    filled = w.constant(step, f"{name}_filled", layer.filled)
    flag, fill = w.constant(step, f"{name}_flag", layer.flag), w.constant(step, f"{name}_fill", layer.fill)
    formula = "where(flag > 0.0, where(u == u, 1.0, 0.0), where(u == u, u, where(filled > 0.0, fill, u)))"
    w.put(Map(out, formula, {"u": u, "flag": flag, "filled": filled, "fill": fill}))


def _missing_slope(w: Writer, step: Step) -> Vector:
    u, y = w.known[step.target, "u"], _y(w, step)
    env = {"u": u} | {k: w.known[step.target, f"constant {y.name}_{k}"] for k in ("flag", "filled")}
    formula = "where(flag > 0.0, 0.0, where(u == u, 1.0, where(filled > 0.0, 0.0, 1.0)))"
    return w.once(step, "slope", lambda: w.map(f"slope_{y.name}", y.size, "", formula, **env))


def missing_push(w: Writer, step: Step, T: Flow, name: str) -> Flow:
    read = Gather(Vector(w.fresh(f"read_{name}"), len(step.layer.source), T.along), w.dense(T, f"whole_{name}"), _index(step.layer.source))
    return w.times(w.put(read), _missing_slope(w, step), name)


def missing_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    layer = step.layer
    flow = w.times(G, _missing_slope(w, step), f"known_{names[0]}")
    real = [k for k in range(len(layer.source)) if not layer.flag[k]]
    source = [int(layer.source[k]) for k in real]
    if len(set(source)) < len(source):
        table = np.zeros((len(layer.source), layer.inputs))
        table[real, source] = 1.0
        return [w.product(w.constant(step, f"{_y(w, step).name}_source", table), flow, names[0], transposed=True)]
    return [_scatter(w, _gather(w, flow, tuple(real), f"real_{names[0]}"), tuple(source), layer.inputs, names[0])]


def _shared(w: Writer, step: Step, text: str) -> dict[str, Any]:
    """What a formula of the table of activations reads: x, y, d, q and parameters."""
    layer, y = step.layer, _y(w, step)
    activation: Activation = layer.activation
    env: dict[str, Any] = {}
    for name in sorted(names_in(text) & {"x", "y", "d", "q", *layer.params}):
        if name in layer.params:
            env[name] = w.vector_or_number(step, f"{name}_{y.name}", np.asarray(layer.params[name], dtype=np.float64))
        elif name == "d":
            env[name] = _slope(w, step)
        elif name == "q":
            env[name] = _shared_part(w, step, str(activation.q))
        else:
            env[name] = {"x": _x(w, step), "y": y}[name]
    return env


def _shared_part(w: Writer, step: Step, text: str) -> Vector:
    y = _y(w, step)
    return w.once(step, "q", lambda: w.map(f"q_{y.name}", y.size, "", text, **_shared(w, step, text)))


def _slope(w: Writer, step: Step) -> Vector:
    y, x, text = _y(w, step), _x(w, step), step.layer.activation.df
    return w.once(step, "slope", lambda: w.map(f"d{y.name}_d{x.name}", y.size, "", text, **_shared(w, step, text)))


def elementwise_forward(w: Writer, step: Step, out: Vector) -> None:
    text = step.layer.activation.f
    w.put(Map(out, text, _shared(w, step, text)))


def elementwise_push(w: Writer, step: Step, T: Flow, name: str) -> Flow:
    return w.times(T, _slope(w, step), name)


def elementwise_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    return [w.times(G, _slope(w, step), names[0])]


def elementwise_bend(w: Writer, step: Step, G: Flow, T: list[Flow]) -> None:
    activation, y, x = step.layer.activation, _y(w, step), _x(w, step)
    if activation.piecewise_linear or activation.flat:
        return
    text = activation.d2f
    second = w.once(step, "second", lambda: w.map(f"d2{y.name}_d{x.name}", y.size, "", text, **_shared(w, step, text)))
    T_x = w.dense(T[0], f"d{x.name}_dx")
    w.put(Gram(w.dense(w.times(G, second, f"bend_{y.name}"), f"bend_{y.name}"), T_x, T_x))


def softmax_forward(w: Writer, step: Step, out: Vector) -> None:
    x, name = _x(w, step), out.name
    top = w.put(Largest(Vector(w.fresh(f"top_{x.name}"), 1), x))
    e = w.map(f"exp_{x.name}", x.size, "", "exp(x - m)", x=x, m=top)
    w.put(Map(out, "e/s", {"e": e, "s": w.total(e, f"sum_{name}")}))


def _centered(w: Writer, step: Step, flow: Flow, name: str) -> Vector:
    v = w.dense(flow, f"whole_{name}")
    return w.put(Center(Vector(w.fresh(f"centered_{name}"), v.size, v.along), v, _y(w, step)))


def softmax_push(w: Writer, step: Step, T: Flow, name: str) -> Flow:
    return w.times(_centered(w, step, T, name), _y(w, step), name)


def softmax_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    return [softmax_push(w, step, G, names[0])]


def softmax_bend(w: Writer, step: Step, G: Flow, T: list[Flow]) -> None:
    name = _y(w, step).name
    left = _centered(w, step, T[0], f"T_{name}")
    w.put(Gram(w.dense(softmax_push(w, step, G, f"bend_{name}"), name), left, left))


def compet_forward(w: Writer, step: Step, out: Vector) -> None:
    w.put(Winner(out, _x(w, step)))


def compet_push(w: Writer, step: Step, T: Flow, name: str) -> Flow:
    v, y = w.dense(T, f"whole_{name}"), _y(w, step)
    return w.map(name, y.size, v.along, "where(y == y, 0.0*v, y)", y=y, v=v)


def compet_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    return [compet_push(w, step, G, names[0])]


def _centres(w: Writer, step: Step) -> Constant:
    layer = step.layer
    return w.constant(step, f"C{_number(w, step)}", layer.C if isinstance(layer, SquaredDistance) else layer.W)


def _differences(w: Writer, step: Step, sign: bool = False) -> Matrix:
    C, x = _centres(w, step), _x(w, step)

    def make() -> Matrix:
        return w.put(Differences(Matrix(w.fresh(f"{'sign' if sign else 'from'}_{C.name}"), *C.values.shape), x, C, sign))

    return w.once(step, "differences", make)


def squared_forward(w: Writer, step: Step, out: Vector) -> None:
    C = _centres(w, step)
    r = w.put(Distances(Vector(w.fresh(f"r2_{C.name}"), out.size), _x(w, step), C))
    w.put(Map(out, "-scale*r", {"scale": _radius(w, step), "r": r}))


def _radius(w: Writer, step: Step) -> Constant | float:
    return w.vector_or_number(step, f"scale{_number(w, step)}", step.layer.scale)


def squared_push(w: Writer, step: Step, T: Flow, name: str) -> Flow:
    v = w.product(_differences(w, step), T, f"along_{name}", transposed=False)
    return w.map(name, v.size, v.along, "-2.0*scale*v", scale=_radius(w, step), v=v)


def squared_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    v = _radial(w, step, G)
    return [w.product(_differences(w, step), v, names[0], transposed=True)]


def _radial(w: Writer, step: Step, G: Flow) -> Vector:
    v, y = w.dense(G, f"whole_{_y(w, step).name}"), _y(w, step)
    return w.map(f"radial_{y.name}", v.size, v.along, "-2.0*scale*v", scale=_radius(w, step), v=v)


def squared_bend(w: Writer, step: Step, G: Flow, T: list[Flow]) -> None:
    S = w.dense(T[0], f"d{_x(w, step).name}_dx")
    total = w.total(_radial(w, step, G), f"bend_{_y(w, step).name}")
    w.put(Gram(_filled(w, total, S.size), S, S))


def _filled(w: Writer, v: Vector, size: int) -> Vector:
    """A single number as a vector."""
    return v if v.size == size else w.put(Gather(Vector(w.fresh(f"{v.name}_each"), size, v.along), v, (0,) * size))


def distance_forward(w: Writer, step: Step, out: Vector) -> None:
    C, layer = _centres(w, step), step.layer
    r = w.put(Distances(Vector(w.fresh(f"{'r' if layer.manhattan else 'r2'}_{C.name}"), out.size), _x(w, step), C, layer.manhattan))
    w.put(Map(out, "sign*r" if layer.manhattan else "sign*sqrt(r)", {"sign": float(layer.sign), "r": r}))


def distance_push(w: Writer, step: Step, T: Flow, name: str) -> Flow:
    along = w.product(_differences(w, step, step.layer.manhattan), T, f"along_{name}", transposed=False)
    return _over_distance(w, step, along, name)


def distance_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    v = _over_distance(w, step, w.dense(G, f"whole_{names[0]}"), f"radial_{names[0]}")
    return [w.product(_differences(w, step, step.layer.manhattan), v, names[0], transposed=True)]


def _over_distance(w: Writer, step: Step, v: Vector, name: str) -> Vector:
    if step.layer.manhattan:
        return w.map(name, v.size, v.along, "sign*v", sign=float(step.layer.sign), v=v)
    return w.map(name, v.size, v.along, "where(y == 0.0, 0.0, v/y)", y=_y(w, step), v=v)


def distance_bend(w: Writer, step: Step, G: Flow, T: list[Flow]) -> None:
    if step.layer.manhattan:
        return
    y, S = _y(w, step), w.dense(T[0], f"d{_x(w, step).name}_dx")
    weights = _over_distance(w, step, w.dense(G, f"whole_{y.name}"), f"bend_{y.name}")
    left = distance_push(w, step, S, f"d{y.name}_dx")
    assert isinstance(left, Vector)
    w.put(Gram(_filled(w, w.total(weights, f"total_{y.name}"), S.size), S, S))
    w.put(Gram(w.map(f"minus_{y.name}", y.size, weights.along, "-v", v=weights), left, left))


def normprod_forward(w: Writer, step: Step, out: Vector) -> None:
    x = _x(w, step)
    p = w.put(Linear(Vector(w.fresh(f"weighted_{out.name}"), out.size), _weights(w, step), x))
    w.put(Map(out, "p/t", {"p": p, "t": w.once(step, "total", lambda: w.total(x, f"sum_{x.name}"))}))


def normprod_push(w: Writer, step: Step, T: Flow, name: str) -> Flow:
    v, y = w.dense(T, f"whole_{name}"), _y(w, step)
    p = w.product(_weights(w, step), v, f"weighted_{name}", transposed=False)
    return w.map(name, y.size, v.along, "(p - y*u)/t", p=p, y=y, u=w.total(v, f"sum_{name}"), t=w.known[step.target, "total"])


def normprod_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    v, y, name = w.dense(G, f"whole_{names[0]}"), _y(w, step), names[0]
    u = w.total(w.map(f"parts_{name}", y.size, v.along, "v*y", v=v, y=y), f"sum_{name}")
    p = w.product(_weights(w, step), v, f"weighted_{name}", transposed=True)
    return [w.map(name, p.size, v.along, "(p - u)/t", p=p, u=u, t=w.known[step.target, "total"])]


def normprod_bend(w: Writer, step: Step, G: Flow, T: list[Flow]) -> None:
    y, v = _y(w, step), w.dense(T[0], f"d{_x(w, step).name}_dx")
    left = w.dense(normprod_push(w, step, v, f"d{y.name}_dx"), "left")
    u = w.map(f"share_{y.name}", 1, v.along, "-u/t", u=w.total(v, f"total_{y.name}"), t=w.known[step.target, "total"])
    w.put(Gram(w.dense(G, f"whole_{y.name}"), left, _filled(w, u, y.size), cross=True))


def normalize_forward(w: Writer, step: Step, out: Vector) -> None:
    x, layer, name = _x(w, step), step.layer, out.name
    N = x.size // layer.groups
    c = _deviations(w, x, layer.groups, name)
    squares = w.total(w.map(f"squares_{name}", x.size, "", "c*c", c=c), f"sum_{name}", layer.groups)
    s = w.map(f"deviation_{name}", layer.groups, "", "sqrt(v/N + epsilon)", v=squares, N=float(N), epsilon=float(layer.epsilon))
    w.put(Map(out, "c/s", {"c": c, "s": w.once(step, "deviation", lambda: w.spread(s, x.size, f"each_{s.name}"))}))


def _deviations(w: Writer, v: Vector, groups: int, name: str) -> Vector:
    total = w.spread(w.total(v, f"total_{name}", groups), v.size, f"totals_{name}")
    return w.map(f"centered_{name}", v.size, v.along, "v - t/N", v=v, t=total, N=float(v.size // groups))


def _correlation(w: Writer, u: Vector, v: Vector, groups: int, name: str) -> Vector:
    """The mean of u v over each run; u is of the sample."""
    parts = w.map(f"parts_{name}", v.size, v.along, "u*v", u=u, v=v)
    return w.map(name, groups, v.along, "t/N", t=w.total(parts, f"sum_{name}", groups), N=float(v.size // groups))


def normalize_push(w: Writer, step: Step, T: Flow, name: str) -> Flow:
    y, groups = _y(w, step), step.layer.groups
    t = _deviations(w, w.dense(T, f"whole_{name}"), groups, name)
    along = w.spread(_correlation(w, y, t, groups, f"along_{name}"), y.size, f"each_{name}")
    return w.map(name, y.size, t.along, "(t - y*a)/s", t=t, y=y, a=along, s=w.known[step.target, "deviation"])


def normalize_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    return [normalize_push(w, step, G, names[0])]


def normalize_bend(w: Writer, step: Step, G: Flow, T: list[Flow]) -> None:
    """With <u, v> the mean over a run of N: -N (<g,s><y,t> + <g,t><y,s> + <g,y>(<s,t> - 3<y,s><y,t>)) / deviation^2."""
    y, groups, s = _y(w, step), step.layer.groups, w.known[step.target, "deviation"]
    t = _deviations(w, w.dense(T[0], f"d{_x(w, step).name}_dx"), groups, f"T_{y.name}")
    g = _deviations(w, w.dense(G, f"whole_{y.name}"), groups, f"G_{y.name}")
    yt = w.spread(_correlation(w, y, t, groups, f"yT_{y.name}"), y.size, f"each_yT_{y.name}")
    yt = w.map(f"full_yT_{y.name}", y.size, yt.along, "where(t == t, a, t)", t=t, a=yt)
    gy = w.spread(_correlation(w, y, g, groups, f"yG_{y.name}"), y.size, f"each_yG_{y.name}")
    w.put(Gram(w.map(f"bend_{y.name}", y.size, g.along, "where(g == g, -a/(s*s), g)", a=gy, s=s, g=g), t, t))
    w.put(Gram(w.map(f"bend_{y.name}", y.size, g.along, "-g/(s*s)", g=g, s=s), t, yt, cross=True))
    w.put(Gram(w.map(f"bend_{y.name}", y.size, g.along, "where(g == g, 3.0*a/(s*s), g)", a=gy, s=s, g=g), yt, yt))


def _letters(items: list[Any], letter: str) -> dict[str, Any]:
    return {f"{letter}{k}": item for k, item in enumerate(items, 1)}


def sum_forward(w: Writer, step: Step, out: Vector) -> None:
    env = _letters([w.values[s] for s in step.sources], "x")
    w.put(Map(out, " + ".join(env), env))


def sum_push(w: Writer, step: Step, T: list[Flow | None], name: str) -> Flow:
    there = [t for t in T if t is not None]
    if len(there) == 1:
        return there[0]
    env = _letters([w.dense(t, f"whole_{name}") for t in there], "t")
    return w.map(name, _y(w, step).size, there[0].along, " + ".join(env), **env)


def sum_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    return [G] * len(names)


def product_forward(w: Writer, step: Step, out: Vector) -> None:
    env = _letters([w.values[s] for s in step.sources], "x")
    w.put(Map(out, "*".join(env), env))


def product_push(w: Writer, step: Step, T: list[Flow | None], name: str) -> Flow:
    x = _letters([w.values[s] for s in step.sources], "x")
    t = {f"t{k}": w.dense(flow, f"whole_{name}") for k, flow in enumerate(T, 1) if flow is not None}
    terms = ["*".join([k, *(n for n in x if n[1:] != k[1:])]) for k in t]
    along = next(iter(t.values())).along
    return w.map(name, _y(w, step).size, along, " + ".join(terms), **t, **(x if len(x) > 1 else {}))


def product_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    return [w.times(G, factor, name) if (factor := _others(w, step, {k})) else G for k, name in enumerate(names)]


def _others(w: Writer, step: Step, without: set[int]) -> Vector | None:
    """The product of the factors but some; None where none is left."""
    rest = [w.values[s] for k, s in enumerate(step.sources) if k not in without]
    if len(rest) < 2:
        return rest[0] if rest else None
    env, name = _letters(list(rest), "x"), f"{_y(w, step).name}_without_{'_'.join(str(k + 1) for k in sorted(without))}"
    return w.once(step, name, lambda: w.map(name, rest[0].size, "", "*".join(env), **env))


def product_bend(w: Writer, step: Step, G: Flow, T: list[Flow | None]) -> None:
    y = _y(w, step)
    g = w.dense(G, f"whole_{y.name}")
    S = [None if t is None else w.dense(t, f"whole_{y.name}_{k}") for k, t in enumerate(T, 1)]
    for i, s in enumerate(S):
        for j, t in enumerate(S[:i]):
            if s is not None and t is not None:
                rest = _others(w, step, {i, j})
                weights = g if rest is None else w.map(f"bend_{y.name}", y.size, g.along, "v*d", v=g, d=rest)
                w.put(Gram(weights, s, t, cross=True))


def join_forward(w: Writer, step: Step, out: Vector) -> None:
    w.put(Join(out, tuple(w.values[s] for s in step.sources if w.values[s].size)))


def join_push(w: Writer, step: Step, T: list[Flow | None], name: str) -> Flow:
    along = next(t.along for t in T if t is not None)
    parts = []
    for size, flow in zip(step.layer.sizes, T, strict=True):
        if flow is not None:
            parts.append(w.dense(flow, f"whole_{name}"))
        elif size:
            parts.append(w.map(f"none_{name}", size, along, "0.0"))
    return w.put(Join(Vector(w.fresh(name), _y(w, step).size, along), tuple(parts)))


def join_pull(w: Writer, step: Step, G: Flow, names: list[str]) -> list[Flow]:
    ends = np.cumsum([0, *step.layer.sizes]).tolist()
    runs = [tuple(range(*ends[k : k + 2])) for k in range(len(names))]
    g = w.dense(G, f"whole_{_y(w, step).name}") if any(runs[1:]) else G
    return [_gather(w, g, run, name) if run else g for run, name in zip(runs, names, strict=True)]


class Lowering(NamedTuple):
    """The rules of a kind: `describe` for the comment, `stem` for the name of its value, `bend` None where it is linear."""

    stem: str
    describe: str
    forward: Callable[[Writer, Step, Vector], None]
    push: Callable[..., Flow]
    pull: Callable[[Writer, Step, Flow, list[str]], list[Flow]]
    bend: Callable[..., None] | None = None


LOWERINGS: dict[type, Lowering] = {
    Affine: Lowering("z", "weights and biases", affine_forward, affine_push, affine_pull),
    Scale: Lowering("s", "normalisation: (x - center)*gain + shift", scale_forward, scale_push, scale_pull),
    Select: Lowering("chosen", "choice of rows", select_forward, select_push, select_pull),
    Place: Lowering("whole", "constant rows put back", place_forward, place_push, place_pull),
    FillMissing: Lowering("filled", "NaN replaced (fixunknowns)", missing_forward, missing_push, missing_pull),
    Elementwise: Lowering("a", "{activation}", elementwise_forward, elementwise_push, elementwise_pull, elementwise_bend),
    Softmax: Lowering("a", "softmax", softmax_forward, softmax_push, softmax_pull, softmax_bend),
    Compet: Lowering("a", "compet: 1 for the largest", compet_forward, compet_push, compet_pull),
    SquaredDistance: Lowering("z", "-scale*(distance to the centres)^2", squared_forward, squared_push, squared_pull, squared_bend),
    Distance: Lowering("z", "distance to the centres", distance_forward, distance_push, distance_pull, distance_bend),
    NormProd: Lowering("z", "normalised products with the weights", normprod_forward, normprod_push, normprod_pull, normprod_bend),
    Normalize: Lowering("n", "normalisation over the units", normalize_forward, normalize_push, normalize_pull, normalize_bend),
    Sum: Lowering("sum", "sum", sum_forward, sum_push, sum_pull),
    Product: Lowering("prod", "product", product_forward, product_push, product_pull, product_bend),
    Concatenate: Lowering("joined", "side by side", join_forward, join_push, join_pull),
}


def lowering(layer: Any) -> Lowering:
    """The rules of a layer's kind; ModelError by name for one that can't be written out."""
    try:
        return LOWERINGS[type(layer)]
    except KeyError:
        known = ", ".join(kind.__name__ for kind in LOWERINGS)
        raise ModelError(
            f"layers of the kind {type(layer).__name__} can't be written as source code; supported: {known}; "
            "use jacobian or predict for this model"
        ) from None


def describe(layer: Any) -> str:
    return lowering(layer).describe.format(activation=layer.activation.name if isinstance(layer, Elementwise) else "")
