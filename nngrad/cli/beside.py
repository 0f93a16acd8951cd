"""A second table whose rows go along with those of the input: a direction or a weighting for each row."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from functools import partial

import numpy as np

from nngrad.cli import opening
from nngrad.cli.messages import note
from nngrad.cli.options import Asked
from nngrad.cli.pipeline import Array, InOrder, RowBlock
from nngrad.errors import DataError
from nngrad.tables.common import RowReader

Names = tuple[str, ...]


@contextlib.contextmanager
def opened(path: str, option: str, asked: Asked, called: tuple[Names, ...], aliases: Names) -> Iterator[InOrder]:
    """The stage that adds to every block as many rows (N, k) of the table at `path`, which is open meanwhile.

    `called` are names of its k columns, first choice first. Its notes are said. DataError where it has more rows than
    the input, or fewer.
    """
    with opening.beside(path, called, aliases, asked.reading) as reader:
        for text in reader.notes:
            note(text, asked.quiet)
        yield InOrder(partial(_joined, reader, len(called[0]), path, option))


def _joined(
    reader: RowReader,
    width: int,
    path: str,
    option: str,
    flow: Iterator[RowBlock],
) -> Generator[RowBlock, None, None]:
    rows = (reader.parse(chunk).x for chunk in reader.chunks())
    left = np.empty((0, width))
    for block in flow:
        taken, left = _drawn(rows, left, len(block.x))
        if len(taken) < len(block.x):
            raise _unequal(path, "fewer", option)
        yield block._replace(beside=(taken,))
    if len(left) or next(rows, None) is not None:
        raise _unequal(path, "more", option)


def _drawn(rows: Iterator[Array], left: Array, count: int) -> tuple[Array, Array]:
    """`count` rows, fewer only at the end, and those that are left of the last block."""
    parts, have = [left], len(left)
    while have < count and (block := next(rows, None)) is not None:
        parts.append(block)
        have += len(block)
    every = np.concatenate(parts)
    return every[:count], every[count:]


def _unequal(path: str, how: str, option: str) -> DataError:
    return DataError(f"{path}: has {how} rows than the input; {option} takes one vector, or a row for each row of it")
