"""What a command writes for every row: the names of the columns, the shape of a row, the numbers of a block of rows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial

from nngrad.cli.pipeline import Array, Each, InOrder, RowBlock, Stage, Text, numbered
from nngrad.core.network import Network
from nngrad.core.scalar import Scalar
from nngrad.errors import UsageError

Names = tuple[str, ...]
LINE_NUMBERS = 8  # a line of the long layout holds text: it takes the memory of so many numbers


@dataclass(frozen=True)
class Result:
    """What is written for one table. `numbers` takes x (N, n), and rows of a second table, and gives (N, *shape)."""

    name: str  # of the array in formats of arrays
    columns: Names
    shape: tuple[int, ...]  # of one row in formats of arrays
    numbers: Callable[..., Array]
    lines_only: str = ""  # the option that makes it fit formats of lines alone
    scalar: Scalar | None = None  # of the outputs, where it is what is differentiated
    beside: Callable[[], AbstractContextManager[InOrder]] | None = None  # opens a second table; adds its rows
    lines: tuple[Stage, ...] = ()  # what makes several lines of a row
    before: Names = ()  # columns of text that these stages add before
    behind: Names = ()  # and behind those that are kept


@dataclass(frozen=True)
class Request:
    """What a command asks of a network: a Result for the names that a table gives to the inputs (None: it has none)."""

    result: Callable[[Names | None], Result]
    width: int  # numbers a row at most: where it is large, fewer rows are in memory together
    files: tuple[str, ...] = ()  # that are read beside the model and the inputs


def long(result: Result, outputs: Names, inputs: Names) -> Result:
    """A Jacobian (N, outputs, inputs) with a line for each number: row, kept columns, output, input, value."""
    spread = Each(partial(_spread, outputs, inputs))
    return replace(
        result,
        columns=("value",),
        shape=(1,),
        lines_only="--layout long",
        lines=(InOrder(numbered), spread),
        before=("row",),
        behind=("output", "input"),
    )


def _spread(outputs: Names, inputs: Names, block: RowBlock) -> RowBlock:
    each, count = len(outputs) * len(inputs), len(block.values)
    rows: Text = [str(k) for k in range(block.first, block.first + count) for _ in range(each)]
    of: Text = [name for name in outputs for _ in inputs]
    wrt: Text = [*inputs]
    kept = (
        rows,
        *([text for text in column for _ in range(each)] for column in block.kept),
        of * count,
        wrt * (len(outputs) * count),
    )
    return block._replace(values=block.values.reshape(-1, 1), kept=kept)


def chosen_outputs(net: Network, names: Names | None) -> tuple[int, ...]:
    """Indices of outputs, by name or by number from 1; all for None. UsageError where there is no such output."""
    return tuple(range(net.output_size)) if names is None else net.indices_of_outputs(names)


def chosen_inputs(net: Network, table: Names | None, names: Names | None) -> tuple[int, ...]:
    """Indices of inputs, by the model's names, by those of the table, or by number from 1; all for None. UsageError."""
    if names is None:
        return tuple(range(net.input_size))
    if table is None:
        return net.indices_of_inputs(names)
    rest = iter(table)
    ports = tuple(replace(port, columns=tuple(next(rest) for _ in port.columns)) for port in net.inputs)
    called = replace(net, inputs=ports)
    return tuple(_chosen_input(net, called, name) for name in names)


def _chosen_input(net: Network, called: Network, name: str) -> int:
    with contextlib.suppress(UsageError):
        return net.indices_of_inputs((name,))[0]
    return called.indices_of_inputs((name,))[0]
