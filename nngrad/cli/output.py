"""Rows from the tables that were asked for, through a network, into the tables that were asked for. The one rule: order is kept, and
nothing about the output depends on the number of threads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import numpy as np

from nngrad import blocks, tables
from nngrad.cli.messages import SOME_FAILED, WRONG_USAGE, message, one_line
from nngrad.cli.options import ARRAYS, LINES, Asked
from nngrad.cli.places import format_of, pairs
from nngrad.cli.progress import Progress
from nngrad.cli.results import Array, Kept, LongResult, Result, Wanted
from nngrad.errors import DataError, UsageError
from nngrad.network import Network

Pieces = Iterator[tuple[Any, int]]  # formatted results in order, with the number of rows in each
CHUNK_NUMBERS = 500_000  # in and out, of one chunk: bounds memory where Jacobians are large


def note(text: str, quiet: bool) -> None:
    """Something worth knowing that is no failure."""
    if not quiet:
        click.echo(one_line(text), err=True)


def write_results(net: Network, asked: Asked, wanted: Wanted, width: int) -> int:
    """Write what is wanted (`width` numbers a row) for every input that was asked for; a failure of one of several leaves the rest."""
    if not asked.inputs and (sys.stdin is None or sys.stdin.isatty()):
        click.echo(click.get_current_context().get_help(), err=True)
        return WRONG_USAGE
    every = pairs(asked)
    failed = 0
    for source, target in every:
        try:
            _convert(net, source, target, asked, wanted, max(1, CHUNK_NUMBERS // (net.input_size + width)))
        except (DataError, OSError) as error:
            if len(every) == 1:
                raise
            click.echo(message(error), err=True)
            failed += 1
    if failed:
        click.echo(one_line(f"{failed} of {len(every)} inputs failed; the others are written"), err=True)
    return SOME_FAILED if failed else 0


def _convert(net: Network, source: str, target: str, asked: Asked, wanted: Wanted, most: int) -> None:
    with _reader(net, source, asked, most) as rows:
        for text in rows.notes:
            note(text, asked.quiet)
        what = wanted(rows.names)
        if what.lines_only and (fmt := format_of(target, asked.format)) in ARRAYS:
            raise UsageError(
                f"{target}: {fmt} stores J alone, as (rows, outputs, inputs); {what.lines_only} needs one of {', '.join(LINES)}"
            )
        writer = tables.writer(target, asked.format, digits=asked.digits, name=what.name)
        with writer as out, Progress(asked.quiet, target == "-") as progress:
            for piece, count in _pieces(net, rows, out, what, asked.threads):
                out.write(piece)
                progress.advance(count, rows.progress)


def _reader(net: Network, source: str, asked: Asked, most: int) -> tables.Reader:
    if os.path.isdir(source):
        raise DataError(f"{source}: is a folder; name the files in it with a pattern in quotes: -i '{os.path.join(source, '*.csv')}'")
    return tables.reader(
        source,
        size=net.input_size,
        columns=net.input_names,
        keep=asked.keep,
        by=asked.by,
        max_rows=most,
        header=asked.header,
        delimiter=asked.delimiter,
        samples=asked.samples,
    )


def _pieces(net: Network, rows: tables.Reader, out: tables.Writer, what: Result | LongResult, threads: int | None) -> Pieces:
    return _wide(net, rows, out, what, threads) if isinstance(what, Result) else _long(net, rows, out, what, threads)


def _wide(net: Network, rows: tables.Reader, out: tables.Writer, what: Result, threads: int | None) -> Pieces:
    """A line or an entry for each row."""

    def work(chunk: Any) -> tuple[Any, int]:
        block = rows.parse(chunk)
        return out.format(_by_blocks(what.numbers, block.x, net.block_rows), block.kept), len(block.x)

    out.begin(what.columns, what.shape, keep=rows.keep, rows=rows.count)
    yield from blocks.ordered(rows.chunks(), work, threads)


def _long(net: Network, rows: tables.Reader, out: tables.Writer, what: LongResult, threads: int | None) -> Pieces:
    """A line for each number, in two rounds: the number of a block's first row is known once the rows before it are counted."""

    def work(chunk: Any) -> tuple[Array, Kept]:
        block = rows.parse(chunk)
        return _by_blocks(what.numbers, block.x, net.block_rows), block.kept

    def spread(numbered: tuple[int, Array, Kept]) -> tuple[Any, int]:
        return out.format(*what.lines(*numbered)), len(numbered[1])

    out.begin(("value",), None, keep=("row", *rows.keep, "output", "input"))
    yield from blocks.ordered(_numbered(blocks.ordered(rows.chunks(), work, threads)), spread, threads)


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
