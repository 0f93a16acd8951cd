"""Rows on their way from one table to another: stages over blocks of rows, in order and in bounded memory.

    parse and match | rows of a second table | compute | flags | numbers of rows, a line a number | format | write

Most stages make one block out of another and run in threads, several blocks at a time (`Each`). Others see the blocks
one after the other in the calling thread and may carry something from one block to the next (`InOrder`). Both kinds may
stand anywhere. Nothing here knows files, networks or options, and no result depends on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from nngrad.core import blocks

Array = np.ndarray
Text = list[str | None]
Kept = tuple[Text, ...]
NOTHING = np.empty(0)


class RowBlock(NamedTuple):
    """N rows on their way; a stage hands on a changed copy, made with `_replace`."""

    x: Array  # (N, n), the inputs in the network's order and in raw units
    kept: Kept  # columns of text, in the order in which they are written: an entry for each row of `values`
    beside: tuple[Array, ...] = ()  # rows of second tables, (N, k) each
    values: Array = NOTHING  # (N, *shape), what is written; (lines, 1) once rows have become lines
    first: int = 0  # the number of the first row, once rows are numbered: from 1


@dataclass(frozen=True)
class Each:
    """A stage that makes one block out of another and knows nothing of the others: it runs in threads."""

    work: Callable[[Any], Any]


@dataclass(frozen=True)
class InOrder:
    """A stage that draws the blocks one by one and yields as many: what it carries on stands in its local variables."""

    work: Callable[[Iterator[Any]], Generator[Any, None, None]]


Stage = Each | InOrder


def run(chunks: Iterable[Any], stages: Sequence[Stage], threads: int | None = None) -> Generator[Any, None, None]:
    """What the last stage makes of every chunk, in order; stages that run in threads and follow each other are one job.

    The first failure in the order of the chunks is raised, whichever stage it comes from. Then, and when this is
    closed, no thread is left.
    """
    flow: Any = iter(chunks)
    with ExitStack() as opened:
        for kind, group in groupby(stages, type):
            works = [stage.work for stage in group]
            flow = reduce(_through, works, flow) if kind is InOrder else blocks.ordered(flow, _chained(works), threads)
            opened.callback(flow.close)
        yield from flow


def _through(flow: Iterator[Any], work: Callable[[Iterator[Any]], Iterator[Any]]) -> Iterator[Any]:
    return work(flow)


def _chained(works: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    return lambda block: reduce(lambda value, work: work(value), works, block)


def numbered(flow: Iterator[RowBlock]) -> Generator[RowBlock, None, None]:
    """The stage that numbers the rows, from 1."""
    first = 1
    for block in flow:
        yield block._replace(first=first)
        first += len(block.x)


def by_blocks(numbers: Callable[..., Array], size: int, *tables: Array) -> Array:
    """numbers(*tables), (N, ...), `size` rows at a time: the network's own size, so that the bits are the library's."""
    rows = len(tables[0])
    if rows <= size:
        return numbers(*tables)
    return np.concatenate([numbers(*(table[k : k + size] for table in tables)) for k in range(0, rows, size)])
