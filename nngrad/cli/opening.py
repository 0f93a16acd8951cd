"""Models, and tables of their inputs and outputs: the one place where either is opened for a command."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from nngrad import tables
from nngrad.cli.messages import note
from nngrad.cli.options import Asked, Reading
from nngrad.core.network import Network
from nngrad.errors import DataError
from nngrad.loaders import load
from nngrad.matching import COMMAND
from nngrad.tables.common import RowReader

OF_OUTPUTS = COMMAND._replace(
    part="--expect-columns NAMES --by order takes those",
    choose="choose with --expect-columns",
)
Names = tuple[str, ...]
Whole = tuple[np.ndarray, tuple[str, ...]]  # all rows (N, n) of a table, and what is worth saying about it


def opened(model: str, told: Any, quiet: bool) -> Network:
    """The network of a file; what the file leaves open is said."""
    net = load(model, **told)
    for text in net.origin.doubts:
        note(f"{model}: {text}", quiet)
    return net


def rows(net: Network, source: str, asked: Asked, most: int | None = None) -> RowReader:
    """The inputs in one table as they were asked for, `most` rows at a time."""
    return _inputs(net, source, asked.reading, keep=asked.keep, max_rows=most)


def beside(path: str, called: tuple[Names, ...], aliases: Names, reading: Reading) -> RowReader:
    """A second table, with those of the options that mean something for it.

    It is read by the names of the input's table, called[0]; where those don't fit, by the model's own and by nothing
    else.
    """
    options = tables.understood(path, **reading)
    options.pop("choose", None)  # --columns are those of the input
    first, *others = called
    try:
        return tables.reader(path, size=len(first), columns=first, aliases=aliases, **options)
    except DataError:
        for names in others:
            if names != first and options.get("by") != "order" and path != "-":
                with contextlib.suppress(DataError):
                    by_name = {**options, "by": "name"}
                    return tables.reader(path, size=len(names), columns=names, aliases=aliases, **by_name)
        raise


def inputs(net: Network, source: str, reading: Reading) -> Whole:
    """All rows (N, n) of a table of inputs."""
    return _whole(_inputs(net, source, reading), net.input_size)


def outputs(net: Network, source: str, reading: Reading) -> Whole:
    """All rows (N, m) of a table of outputs."""
    names, aliases = net.output_names, net.output_aliases
    return _whole(
        tables.reader(source, size=net.output_size, columns=names, aliases=aliases, advice=OF_OUTPUTS, **reading),
        net.output_size,
    )


def as_it_stands(source: str) -> Whole:
    """All rows of a table, whatever its columns are."""
    return _whole(tables.reader(source), 0)


def _inputs(net: Network, source: str, reading: Reading, **options: Any) -> RowReader:
    names, aliases = net.input_names, net.input_aliases
    return tables.reader(source, size=net.input_size, columns=names, aliases=aliases, **options, **reading)


def _whole(reader: RowReader, width: int) -> Whole:
    with reader:
        blocks = [reader.parse(chunk).x for chunk in reader.chunks()]
        return (np.concatenate(blocks) if blocks else np.empty((0, width))), reader.notes
