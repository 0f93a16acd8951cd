"""Network: the one form that every model file is read into, complete and checked once it exists.

Value 0 is the input, value k that of layers[k - 1]; the last one is the output, unless `result` names another.
Everything the saved network does to its inputs and outputs (normalisation, removed rows, class order) is a layer like
any other, so x, y and J are in raw units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from nngrad.core import arguments, reach, scratch
from nngrad.core import plan as planning
from nngrad.core.graph import Node
from nngrad.core.layers import Layer
from nngrad.core.limits import sizes_of
from nngrad.core.passes import Evaluation
from nngrad.core.plan import Plan, Plans
from nngrad.core.ports import INTEGERS, Origin, Port, aliases, joined_limits, numbered
from nngrad.errors import DataError, ModelError, UsageError, WholeNumbersError

BLOCK_NUMBERS = 1_000_000  # of all intermediates of a block: near a core, yet enough of them that threads seldom wait for each other
FEWEST_ROWS = 160  # below, matrix products are slow


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network: y = net(x), J = net.jacobian(x), J[s, i, j] = dy_i/dx_j of row s, in the user's own units.

    Frozen, picklable, and safe to call from several threads. x is (N, n) or (n,), any real dtype, computed in float64;
    for (n,) the leading axis is absent from every result. `of` and `wrt` choose outputs and inputs: names, or indices
    from 0. x may name its columns (a data frame or a row of one, a dict of columns, a list of dicts, a structured
    array): they are matched with the names of the inputs by the rule of nngrad.matching, NngradWarning says where they
    were taken in order all the same, and what is missing or masked is NaN. Raises DataError where x (or a direction v,
    weights w) does not fit, and UsageError where `of` or `wrt` name nothing.
    """

    layers: tuple[Node, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    origin: Origin = field(default_factory=Origin)
    result: int | None = None  # the number of the value that y is; None for the last

    def __post_init__(self) -> None:
        object.__setattr__(self, "_plans", Plans())
        if self.result is not None and not 0 <= self.result <= len(self.layers):
            raise ModelError(
                f"{self.origin.network or 'network'}: its output is value {self.result} of {len(self.layers)}"
            )
        if not self.input_size or not self.output_size:
            raise ModelError(
                f"{self.origin.network or 'network'}: {self.input_size} inputs and {self.output_size} outputs; at least one of each"
            )
        if self.sizes[self.last] != self.output_size:
            size = self.sizes[self.last]
            raise ModelError(
                f"{self.origin.network or 'network'}: the last layer has {size} outputs, not {self.output_size}"
            )

    @cached_property
    def last(self) -> int:
        """The number of the value that y is."""
        return len(self.layers) if self.result is None else self.result

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers a row of each value has; checks that the layers chain."""
        return sizes_of(self.layers, self.input_size)

    # sizes and names

    @cached_property
    def input_names(self) -> tuple[str, ...]:
        return tuple(c for p in self.inputs for c in p.columns)

    @cached_property
    def input_aliases(self) -> tuple[str, ...]:
        """Other names of the columns of x, one each ("" for none), from the names of their ports:
        speed, state_2, x(t-1).
        """
        return aliases(self.inputs)

    @cached_property
    def output_aliases(self) -> tuple[str, ...]:
        """Other names of the columns of y, likewise."""
        return aliases(self.outputs)

    @cached_property
    def lower(self) -> np.ndarray:
        """The lower end (n,) of every input's training range; NaN where the file does not tell."""
        return joined_limits([(port.lower, port.size) for port in self.inputs])

    @cached_property
    def upper(self) -> np.ndarray:
        """The upper end (n,) of every input's training range; NaN where the file does not tell."""
        return joined_limits([(port.upper, port.size) for port in self.inputs])

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
        return arguments.indices(names, self.input_names, "input")

    def indices_of_outputs(self, names: Iterable[str]) -> tuple[int, ...]:
        """0-based columns of y for names, or for numbers from 1 as text; UsageError where there is none."""
        return arguments.indices(names, self.output_names, "output")

    @cached_property
    def flat(self) -> bool:
        """Whether the Jacobian is zero everywhere it exists (hard limits, competition, constant outputs)."""
        return reach.flat(self)

    @cached_property
    def block_rows(self) -> int:
        """Rows of a block whose intermediates stay in cache; depends on the network alone, so
        that results never depend on threads.
        """
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

    def gradient(self, x: Any, of: Any = None, scalar: str | None = None) -> np.ndarray:
        """The gradient (N, n), or (n,) for one row, of one output, `of` (a name or an index), or of a scalar of the outputs.

        A scalar is a text such as "y1**2 + 3*y2" (nngrad.core.scalar). UsageError where `of` and `scalar` are both
        given, or neither and there are several outputs.
        """
        if scalar is not None:
            from nngrad.core.scalar import Scalar

            if of is not None:
                raise UsageError("of and scalar: give one of the two")
            gradient: np.ndarray = Scalar.parse(self, scalar).gradient(x)
            return gradient
        if of is None and self.output_size > 1:
            raise UsageError(f"there are {self.output_size} outputs: choose one with of, or give a scalar of them")
        J = self.jacobian(x, [0 if of is None else of])
        return np.asarray(J[..., 0, :])

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
        """The Hessian of the outputs weighted by w, times v, without the Hessian: w (m,) or (N,
        m), v (n,) or (N, n) -> (N, n).
        """
        rows, single = self.rows_of(x)
        weights, directions = (
            self._directions(w, len(rows), self.output_size, "w"),
            self._directions(v, len(rows), self.input_size, "v"),
        )
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
            tuple(range(self.output_size))
            if of is None
            else arguments.chosen(of, self.output_size, self.indices_of_outputs, "of"),
            tuple(range(self.input_size))
            if wrt is None
            else arguments.chosen(wrt, self.input_size, self.indices_of_inputs, "wrt"),
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
        rows = arguments.numbers(x, "x", self.inputs)
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
        """WholeNumbersError for the first row (N, n) in which an input isn't of the integer type
        that the model casts it to.
        """
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
        """x as an array: with the columns of the inputs if it names its columns, else as it
        stands, whatever its shape.
        """
        return arguments.numbers(x, "x", self.inputs)

    def outputs_by_name(self, y: Any) -> np.ndarray:
        """Likewise for outputs."""
        return arguments.numbers(y, "y", self.outputs)

    def _directions(self, v: Any, rows: int, size: int, name: str) -> np.ndarray:
        V = arguments.numbers(v, name, self.inputs if name == "v" else self.outputs)
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
        """A network of one layer after the other; inputs and outputs are named x1.., y1.. unless `inputs`, `outputs`
        are given.

        `input_size` may be left out where the first layer says it (Affine, Select, ...). Raises ModelError where the
        layers don't chain.
        """
        if input_size is None:
            takes = layers[0].takes if layers else None
            if takes is None or len(takes) != 1:
                first = type(layers[0] if layers else None).__name__
                raise ModelError(f"a chain that begins with {first} takes any number of inputs: give input_size")
            (input_size,) = takes
        nodes = tuple(Node(layer, (k,)) for k, layer in enumerate(layers))
        size = sizes_of(nodes, input_size)[-1]
        ports = {"inputs": (Port("x", numbered("x", input_size)),), "outputs": (Port("y", numbered("y", size)),)}
        return cls(layers=nodes, **(ports | rest))
