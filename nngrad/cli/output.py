"""Rows from the tables that were asked for, through a network, into the tables that were asked for. The one rule: order is kept, and
nothing about the output depends on the number of threads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import numpy as np

from nngrad import blocks, tables
from nngrad.cli.messages import SOME_FAILED, WRONG_USAGE, message, one_line
from nngrad.cli.options import Asked
from nngrad.cli.places import pairs
from nngrad.cli.progress import Progress
from nngrad.cli.results import Array, Kept, LongResult, Result, Wanted
from nngrad.errors import DataError
from nngrad.network import Network

CHUNK_NUMBERS = 500_000  # results of one chunk: bounds memory where Jacobians are large


def note(text: str, quiet: bool) -> None:
    """Something worth knowing that is no failure."""
    if not quiet:
        click.echo(one_line(text), err=True)


def write_results(net: Network, asked: Asked, wanted: Wanted) -> int:
    """Write what is wanted for every input that was asked for; a failure of one of several is reported and the rest goes on."""
    if not asked.inputs and (sys.stdin is None or sys.stdin.isatty()):
        click.echo(click.get_current_context().get_help(), err=True)
        return WRONG_USAGE
    every = pairs(asked)
    failed = 0
    for source, target in every:
        try:
            _convert(net, source, target, asked, wanted)
        except (DataError, OSError) as error:
            if len(every) == 1:
                raise
            click.echo(message(error), err=True)
            failed += 1
    if failed:
        click.echo(one_line(f"{failed} of {len(every)} inputs failed; the others are written"), err=True)
    return SOME_FAILED if failed else 0


def _convert(net: Network, source: str, target: str, asked: Asked, wanted: Wanted) -> None:
    most = max(1, CHUNK_NUMBERS // (net.input_size * net.output_size + 1))
    table = {"size": net.input_size, "columns": net.input_names, "keep": asked.keep, "max_rows": most}
    given = {"header": asked.header, "delimiter": asked.delimiter, "samples": asked.samples, "by": asked.by}
    with tables.reader(source, **table, **given) as rows:
        for text in rows.notes:
            note(text, asked.quiet)
        what = wanted(rows.names)
        name = what.name if isinstance(what, Result) else "J"
        with tables.writer(target, asked.format, digits=asked.digits, name=name) as out, Progress(asked.quiet, target == "-") as progress:
            for piece, count in _pieces(net, rows, out, what, asked.threads):
                out.write(piece)
                progress.advance(count, rows.progress)


def _pieces(net: Network, rows: Any, out: Any, what: Result | LongResult, threads: int | None) -> Iterator[tuple[Any, int]]:
    """The formatted results in order, with the number of rows in each."""

    def numbers(chunk: Any) -> tuple[Array, Kept]:
        block = rows.parse(chunk)
        return _by_blocks(what.numbers, block.x, net.block_rows), block.kept

    def formatted(chunk: Any) -> tuple[Any, int]:
        values, kept = numbers(chunk)
        return out.format(values, kept), len(values)

    def spread(numbered: tuple[int, Array, Kept]) -> tuple[Any, int]:
        return out.format(*what.lines(*numbered)), len(numbered[1])

    if isinstance(what, Result):
        out.begin(what.columns, what.shape, keep=rows.keep, rows=rows.count)
        yield from blocks.ordered(rows.chunks(), formatted, threads)
    else:  # the number of a block's first row is known when those before it have been counted: a second round of ordered work
        out.begin(("value",), None, keep=("row", *rows.keep, "output", "input"))
        yield from blocks.ordered(_numbered(blocks.ordered(rows.chunks(), numbers, threads)), spread, threads)


def _numbered(results: Iterator[tuple[Array, Kept]]) -> Iterator[tuple[int, Array, Kept]]:
    first = 1
    for values, kept in results:
        yield first, values, kept
        first += len(values)


def _by_blocks(numbers: Callable[[Array], Array], x: Array, size: int) -> Array:
    """Block by block of the network's own size, so that the results are those of the library, to the last bit."""
    if len(x) <= size:
        return numbers(x)
    return np.concatenate([numbers(x[k : k + size]) for k in range(0, len(x), size)])
