"""A network as a short list of vector statements, which every target language prints; none of them knows a language.

A statement computes a vector of one sample from vectors of that sample; in a pass (tangents forward, cotangents
backward) from vectors of one direction of that sample. How samples and directions are looped over, or kept side by side
in a matrix, is the target's own business. Formulas are text in the vocabulary of `nngrad.core.formula`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Vector(NamedTuple):
    """A vector that is computed: `along` is "" for one of the sample itself, "output" or "input"
    for one of every direction of a pass.
    """

    name: str
    size: int
    along: str = ""


@dataclass(frozen=True, eq=False)
class Constant:
    """Numbers of the model: a vector or a matrix."""

    name: str
    values: np.ndarray

    @property
    def size(self) -> int:
        return len(self.values)


class Matrix(NamedTuple):
    """A matrix that is computed for a sample."""

    name: str
    rows: int
    columns: int


Operand = Vector | Constant
Table = Constant | Matrix
Index = tuple[int, ...]


class Map(NamedTuple):
    """out[i] = the formula of the names in env, unit by unit; vectors of size 1 and numbers are
    the same for all units.
    """

    out: Vector
    formula: str
    env: dict[str, Operand | float]


class Linear(NamedTuple):
    """out = A x + b, or A' x where `transposed`; b may be missing."""

    out: Vector
    table: Table
    x: Vector
    b: Constant | None = None
    transposed: bool = False


class Gather(NamedTuple):
    """out[k] = x[places[k]]."""

    out: Vector
    x: Operand
    places: Index


class Scatter(NamedTuple):
    """out = fill (or 0), then out[places[k]] = x[k]."""

    out: Vector
    x: Operand
    places: Index
    fill: Constant | None = None


class Join(NamedTuple):
    """out = the parts one after the other."""

    out: Vector
    parts: tuple[Vector, ...]


class Total(NamedTuple):
    """out[q] = the sum of the q-th of out.size equal runs of x."""

    out: Vector
    x: Vector


class Largest(NamedTuple):
    """out[0] = the largest entry of x."""

    out: Vector
    x: Vector


class Winner(NamedTuple):
    """out = 1 at the first largest entry of x, else 0; NaN everywhere if x has one."""

    out: Vector
    x: Vector


class Center(NamedTuple):
    """out = x - y'x for weights y that sum to 1; at the largest y[t] as the sum of y[i] (x[t] -
    x[i]), which cancels nothing.
    """

    out: Vector
    x: Vector
    y: Vector


class Distances(NamedTuple):
    """out[i] = the sum over j of (x[j] - C[i][j])^2, or of |x[j] - C[i][j]|."""

    out: Vector
    x: Vector
    centres: Constant
    absolute: bool = False


class Differences(NamedTuple):
    """out[i][j] = x[j] - C[i][j], or its sign."""

    out: Matrix
    x: Vector
    centres: Constant
    sign: bool = False


class OneHot(NamedTuple):
    """In direction d: out = 0 but factor[place[d]] (or 1) at place[d]."""

    out: Vector
    place: Index
    factor: Operand | None


class Row(NamedTuple):
    """In direction d: out = factor[p] times row p of the table, p = place[d]; its column p where `column`."""

    out: Vector
    table: Table
    place: Index
    factor: Operand | None
    column: bool


class Gram(NamedTuple):
    """H[i][a][b] += the sum over k of weights_i[k] S_a[k] S_b[k]; where `cross`, of weights_i[k]
    (S_a[k] T_b[k] + T_a[k] S_b[k]).
    """

    weights: Vector
    S: Vector
    T: Vector
    cross: bool = False


Statement = (
    Map
    | Linear
    | Gather
    | Scatter
    | Join
    | Total
    | Largest
    | Winner
    | Center
    | Distances
    | Differences
    | OneHot
    | Row
    | Gram
)
STATEMENTS: tuple[type, ...] = Statement.__args__


class Section(NamedTuple):
    """Statements that belong together, under one comment."""

    comment: str
    statements: tuple[Any, ...]


class Constants(NamedTuple):
    """The numbers of one layer, under one comment."""

    comment: str
    constants: tuple[Constant, ...]


class Sweep(NamedTuple):
    """A pass in every direction: dy[place]/d(value), or d(value)/dx[place]; `result` is what is
    left at its end, None where nothing is.
    """

    along: str
    place: Index
    sections: tuple[Section, ...]
    result: Vector | None


@dataclass(frozen=True, eq=False)
class Program:
    """y, J and H of a network: `forward`, then `slopes` and `jacobian` for J, then `seconds`,
    `tangents` and `cotangents` for H.
    """

    x: Vector
    y: Vector
    constants: tuple[Constants, ...]
    forward: tuple[Section, ...]
    slopes: tuple[Section, ...]
    jacobian: Sweep
    seconds: tuple[Section, ...] = ()
    tangents: Sweep | None = None
    cotangents: Sweep | None = None

    @property
    def every(self) -> list[Any]:
        """All statements."""
        passes = [s.sections for s in (self.jacobian, self.tangents, self.cotangents) if s]
        return [
            op
            for sections in (self.forward, self.slopes, self.seconds, *passes)
            for s in sections
            for op in s.statements
        ]


def operands(statement: Any) -> list[Any]:
    """The vectors, constants and matrices that a statement reads."""
    if isinstance(statement, Map):
        return [v for v in statement.env.values() if isinstance(v, Vector | Constant)]
    if isinstance(statement, Join):
        return list(statement.parts)
    items = [getattr(statement, name) for name in statement._fields if name != "out"]
    return [v for v in items if isinstance(v, Vector | Constant | Matrix)]


def cost(statements: list[Any]) -> int:
    """Multiplications of one direction."""
    return sum(_size(s.table) if isinstance(s, Linear) else s.out.size for s in statements if not isinstance(s, Gram))


def _size(table: Table) -> int:
    return table.rows * table.columns if isinstance(table, Matrix) else int(table.values.size)
