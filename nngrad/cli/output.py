"""Rows from the tables that were asked for, through a network, into the tables that were asked for."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import click

from nngrad import tables
from nngrad.cli import opening
from nngrad.cli.flagged import flagged, writer
from nngrad.cli.messages import SOME_FAILED, WRONG_USAGE, complain, note, say
from nngrad.cli.options import Asked
from nngrad.cli.pipeline import Each, RowBlock, Stage, by_blocks, run
from nngrad.cli.places import format_of, pairs
from nngrad.cli.progress import Progress
from nngrad.cli.ranges import Watch
from nngrad.cli.results import Request, Result
from nngrad.core.network import Network
from nngrad.errors import DataError, UsageError, WholeNumbersError
from nngrad.reports.flags import Flags, flags_of
from nngrad.tables.common import RowReader, RowWriter

CHUNK_NUMBERS = 500_000  # in and out, of one chunk: bounds memory where Jacobians are large


def write_results(net: Network, asked: Asked, request: Request) -> int:
    """Write what is requested for every input that was asked for, and return the exit code.

    A failure of one of several inputs is said and leaves the rest; where it concerns all of them, it is raised.
    """
    if not asked.inputs and (sys.stdin is None or sys.stdin.isatty()):
        click.echo(click.get_current_context().get_help(), err=True)
        return WRONG_USAGE
    every = pairs(asked, net.origin.path, *request.files)
    for source, _ in every:  # before anything is written
        if not os.path.isdir(source):
            tables.check_source(source, **asked.reading)
    failed, notes = 0, Notes(asked.quiet)
    for k, (source, target) in enumerate(every):
        try:
            _convert(net, source, target, asked, request, notes)
        except (DataError, UsageError, OSError) as error:
            if isinstance(error, OSError) and target != "-":
                error.filename = error.filename or target  # a write that fails doesn't know where it was writing to
            if len(every) == 1 or (k == 0 and isinstance(error, UsageError)):  # wrong usage that the first input shows
                raise
            _complain_of(source, error)
            failed += 1
    notes.finish()
    if failed:
        say(f"{failed} of {len(every)} inputs failed; the others are written")
    return SOME_FAILED if failed else 0


def _complain_of(source: str, error: Exception) -> None:
    if isinstance(error, UsageError):  # of this input's column names
        say(f"{source}: {error}")
    else:
        complain(error)


class Notes:
    """What is worth knowing about tables: what holds of many is said of the first, and at the end of how many more."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._times: dict[str, int] = {}

    def say(self, source: str, text: str) -> None:
        """A note that begins with the name of the table."""
        same = text.removeprefix(f"{tables.place(source).label}: ")
        self._times[same] = self._times.get(same, 0) + 1
        if self._times[same] == 1:
            note(text, self._quiet)

    def finish(self) -> None:
        """Say how often each was left unsaid."""
        for text, times in self._times.items():
            if times > 1:
                note(f"{times - 1} more inputs: {text}", self._quiet)


def _convert(net: Network, source: str, target: str, asked: Asked, request: Request, notes: Notes) -> None:
    most = max(1, CHUNK_NUMBERS // (net.input_size + request.width))
    watch = Watch(net)
    try:
        with opening.rows(net, source, asked, most) as rows:
            for text in rows.notes:
                notes.say(source, text)
            _written(net, rows, source, target, asked, request.result(rows.names), watch)
    except WholeNumbersError as error:  # of one block: the rows before it are counted, if the input can be read again
        row = "" if tables.place(source).is_stream else f"row {_row_of_fraction(net, source, asked)}: "
        raise DataError(f"{source}: {row}{error.cell}") from None
    if not asked.flags and (text := watch.note(rows.names)):  # the flags say it of every row
        notes.say(source, f"{tables.place(source).label}: {text}")


def _row_of_fraction(net: Network, source: str, asked: Asked) -> int:
    """The number, from 1, of the first row with a fraction where whole numbers belong."""
    before = 0
    with opening.rows(net, source, asked) as rows:
        for chunk in rows.chunks():
            x = rows.parse(chunk).x
            try:
                net.refuse_fractions(x)
            except WholeNumbersError as error:
                return before + error.row + 1
            before += len(x)
    return before


def _written(net: Network, rows: RowReader, source: str, target: str, asked: Asked, what: Result, watch: Watch) -> None:
    """All rows through all stages; the table appears as a whole, or not at all."""
    if what.lines_only and (fmt := format_of(target, asked.format)) in tables.ARRAYS:
        alone = f"{fmt} stores {what.name[-1]} alone, as numbers of one shape"
        raise UsageError(f"{target}: {alone}; {what.lines_only} needs one of {', '.join(tables.LINES)}")
    flags = flags_of(net, rows.names, what.scalar) if asked.flags else None
    with (
        writer(target, asked, what.name, flags) as out,
        Progress(asked.quiet, target == "-", source) as progress,
        _stages(net, rows, out, what, flags, watch) as stages,
    ):
        keep = (*what.before, *rows.keep, *(flags.names if flags else ()), *what.behind)
        out.begin(what.columns, what.shape, keep=keep, rows=None if what.lines else rows.count)
        with contextlib.closing(run(rows.chunks(), stages, asked.threads)) as pieces:
            for piece, count in pieces:
                out.write(piece)
                progress.advance(count, rows.progress)


@contextlib.contextmanager
def _stages(
    net: Network,
    rows: RowReader,
    out: RowWriter,
    what: Result,
    flags: Flags | None,
    watch: Watch,
) -> Iterator[tuple[Stage, ...]]:
    """What happens to every block between reading and writing; a second table is open meanwhile."""
    with what.beside() if what.beside else contextlib.nullcontext() as beside:
        yield (
            Each(partial(_parsed, rows, watch)),
            *((beside,) if beside else ()),
            Each(partial(_computed, what.numbers, net.block_rows)),
            *((Each(partial(flagged, flags)),) if flags else ()),
            *what.lines,
            Each(partial(_formatted, out)),
        )


def _parsed(rows: RowReader, watch: Watch, chunk: Any) -> RowBlock:
    block = rows.parse(chunk)
    watch.see(block.x)
    return RowBlock(block.x, block.kept)


def _computed(numbers: Callable[..., Any], size: int, block: RowBlock) -> RowBlock:
    return block._replace(values=by_blocks(numbers, size, block.x, *block.beside))


def _formatted(out: RowWriter, block: RowBlock) -> tuple[Any, int]:
    return out.format(block.values, block.kept), len(block.x)
