"""What the commands write for every row. The one rule: a result is names and a function of a block of rows; it knows no files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nngrad.core.network import Network
from nngrad.core.scalar import Scalar
from nngrad.errors import UsageError
from nngrad.reports.units import Scale

Array = np.ndarray
Text = list[str | None]
Kept = tuple[Text, ...]
Names = tuple[str, ...]
Beside = Callable[[], Any]  # opens a second table whose rows go along with the input's (derivatives.Feed)


@dataclass(frozen=True)
class Result:
    """Names of the columns, the shape of one row's numbers, and the numbers themselves for a block of rows (and of those `beside`)."""

    name: str
    columns: Names
    shape: tuple[int, ...]
    numbers: Callable[..., Array]
    lines_only: str = ""  # the option that makes it fit formats of lines alone
    beside: Beside | None = None
    scalar: Scalar | None = None  # of the outputs, where it is what is differentiated


LINE_NUMBERS = 8  # a line of the long layout holds text: it takes the memory of so many numbers


@dataclass(frozen=True)
class LongResult:
    """A Jacobian with a line for each number; the row, the output and the input go along as text."""

    outputs: Names
    inputs: Names
    numbers: Callable[[Array], Array]
    name: str = "J"
    lines_only: str = "--layout long"

    def lines(self, first: int, J: Array, kept: Kept) -> tuple[Array, Kept]:
        """The values (lines, 1) and the columns before them: row, kept columns, output, input."""
        each = len(self.outputs) * len(self.inputs)
        rows: Text = [str(k) for k in range(first, first + len(J)) for _ in range(each)]
        outputs: Text = [name for _ in J for name in self.outputs for _ in self.inputs]
        inputs: Text = [name for _ in J for _ in self.outputs for name in self.inputs]
        return J.reshape(-1, 1), (rows, *([text for text in column for _ in range(each)] for column in kept), outputs, inputs)


Wanted = Callable[[Names | None], Result | LongResult]  # a result for the names that a table gives to the inputs


def outputs(net: Network, of: Names | None) -> Wanted:
    """y, or the outputs called `of`."""
    chosen = _chosen_outputs(net, of)
    columns = tuple(net.output_names[i] for i in chosen)
    return lambda _: Result("y", columns, (len(chosen),), net if of is None else lambda x: net(x)[:, chosen])


def jacobian(net: Network, of: Names | None, wrt: Names | None, with_outputs: bool, long: bool, scale: Scale | None = None) -> Wanted:
    """J of the outputs `of` with respect to the inputs `wrt`, scaled; names of both the model and the table are understood."""
    rows = _chosen_outputs(net, of)
    of_names = tuple(net.output_names[i] for i in rows)

    def result(table: Names | None) -> Result | LongResult:
        columns = chosen_inputs(net, table, wrt)
        wrt_names = tuple((table or net.input_names)[j] for j in columns)
        names = tuple(f"d{y}/d{x}" if scale is None else scale.column(y, x) for y in of_names for x in wrt_names)

        def derivatives(x: Array) -> Array:
            y, J = net.value_and_jacobian(x, rows, columns)
            return J if scale is None else scale(x, y, J, columns)

        def both(x: Array) -> Array:
            y, J = net.value_and_jacobian(x, rows, columns)
            J = J if scale is None else scale(x, y, J, columns)
            return np.concatenate([y, J.reshape(len(J), -1)], axis=1)

        if long:
            return LongResult(of_names, wrt_names, derivatives)
        if with_outputs:
            return Result("yJ", (*of_names, *names), (len(rows) + len(names),), both, "--with-outputs")
        return Result("J", names, (len(rows), len(columns)), derivatives)

    return result


def _chosen_outputs(net: Network, names: Names | None) -> tuple[int, ...]:
    return tuple(range(net.output_size)) if names is None else net.indices_of_outputs(names)


def chosen_inputs(net: Network, table: Names | None, names: Names | None) -> tuple[int, ...]:
    """By the names of the model, by those of the table, or by number."""
    if names is None:
        return tuple(range(net.input_size))
    if table is None:
        return net.indices_of_inputs(names)
    rest = iter(table)
    called = replace(net, inputs=tuple(replace(port, columns=tuple(next(rest) for _ in port.columns)) for port in net.inputs))
    return tuple(_chosen_input(net, called, name) for name in names)


def _chosen_input(net: Network, called: Network, name: str) -> int:
    with contextlib.suppress(UsageError):
        return net.indices_of_inputs((name,))[0]
    return called.indices_of_inputs((name,))[0]
