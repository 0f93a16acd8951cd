"""The tables of `verify`: recorded inputs and outputs, in files of their own or as arrays of one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from nngrad import tables
from nngrad.cli import opening
from nngrad.cli.opening import Whole
from nngrad.cli.options import Reading
from nngrad.core.network import Network
from nngrad.errors import DataError, ModelError, UsageError
from nngrad.loaders import containers, load
from nngrad.proofs import recorded
from nngrad.proofs.recordings import element_at


def compared(
    model: str, told: Any, source: str, expect: str, reading: Reading, expect_columns: tuple[str, ...] | None
) -> tuple[recorded.Facts, tuple[str, ...]]:
    """The recorded outputs `expect` against the network's for the inputs `source`; and what is worth saying of them."""
    net = load(model, **told)
    of_inputs, of_outputs = _for_each(source, expect, reading)
    if expect_columns is not None:
        of_outputs["choose"] = expect_columns
    x, notes = _array(source, net.input_size, lambda: _read(opening.inputs, net, source, of_inputs))
    y, more = _array(expect, net.output_size, lambda: _read(opening.outputs, net, expect, of_outputs))
    try:
        facts = recorded.compared(model, net, x, y)
    except DataError as error:
        raise DataError(f"{source}, {expect}: {error}") from None
    return facts, (*(f"{model}: {text}" for text in net.origin.doubts), *notes, *more)


def _for_each(source: str, expect: str, reading: Reading) -> tuple[Reading, Reading]:
    """The options for each table: those that its format understands; --columns are for x.
    UsageError if neither does.
    """
    of_inputs, of_outputs = tables.understood(source, **reading), tables.understood(expect, **reading)
    if reading.keys() - of_inputs.keys() - of_outputs.keys():
        tables.check_source(source, **reading)  # says which
    of_outputs.pop("choose", None)
    return of_inputs, of_outputs


def _read(read: Callable[[Network, str, Reading], Whole], net: Network, source: str, reading: Reading) -> Whole:
    """A table with the options that were given; or without them, which is said: they may be meant for the other one."""
    spelling = [name for name in reading if name not in tables.MATCHING]
    try:
        return read(net, source, reading)
    except (DataError, UsageError):
        if not spelling or tables.place(source).is_stream:
            raise
        with contextlib.suppress(DataError, UsageError):
            table, notes = read(net, source, {name: value for name, value in reading.items() if name not in spelling})
            without = f"{source}: can't be read with {', '.join(f'--{name}' for name in spelling)}, and is read without"
            return table, (without, *notes)
        raise


def _array(source: str, size: int, read: Callable[[], Whole]) -> Whole:
    """A table as it stands: samples in rows or, where only that fits, in columns; of a square one verify finds out."""
    where = tables.place(source)
    try:
        return read()
    except (DataError, UsageError) as error:
        turned = None
        if not where.is_stream:
            with contextlib.suppress(DataError, UsageError, ModelError):
                turned = _as_it_stands(where)
        matlab = where.path.lower().endswith(".mat")
        if turned is None or size not in turned.shape or (turned.shape[0] != size and not matlab):
            raise error
        return turned, ()


def _as_it_stands(where: tables.Location) -> np.ndarray | None:
    if not where.path.lower().endswith(".mat"):
        return opening.as_it_stands(where.label)[0]
    return element_at(containers.read(where.path), where.name) if where.name else None
