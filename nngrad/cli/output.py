"""Rows from the tables that were asked for, through a network, into the tables that were asked for. The one rule: order is kept, and
nothing about the output depends on the number of threads.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
import numpy as np

from nngrad import tables
from nngrad.cli.messages import SOME_FAILED, WRONG_USAGE, complain, say
from nngrad.cli.options import ARRAYS, LINES, Asked
from nngrad.cli.places import format_of, pairs, side_file
from nngrad.cli.progress import Progress
from nngrad.cli.ranges import Watch, Watched
from nngrad.cli.results import Array, Kept, LongResult, Result, Wanted
from nngrad.core import blocks
from nngrad.core.network import Network
from nngrad.errors import DataError, UsageError, WholeNumbersError
from nngrad.loaders import load
from nngrad.reports.flags import Flags, flags_of
from nngrad.tables.files import together

Pieces = Iterator[tuple[Any, int]]  # formatted results in order, with the number of rows in each
CHUNK_NUMBERS = 500_000  # in and out, of one chunk: bounds memory where Jacobians are large


def note(text: str, quiet: bool) -> None:
    """Something worth knowing that is no failure."""
    if not quiet:
        say(text)


def opened(model: str, told: Any, quiet: bool) -> Network:
    """The network of a file; what the file leaves open is said."""
    net = load(model, **told)
    for text in net.origin.doubts:
        note(f"{model}: {text}", quiet)
    return net


def write_results(net: Network, asked: Asked, wanted: Wanted, width: int, *others: str) -> int:
    """Write what is wanted (`width` numbers a row) for every input that was asked for; a failure of one of several leaves the rest.

    `others` are files that are read beside the model and the inputs.
    """
    if not asked.inputs and (sys.stdin is None or sys.stdin.isatty()):
        click.echo(click.get_current_context().get_help(), err=True)
        return WRONG_USAGE
    every = pairs(asked, net.origin.path, *others)
    for source, _ in every:  # before anything is written
        if not os.path.isdir(source):
            tables.check_source(source, **asked.reading)
    failed, notes = 0, Notes(asked.quiet)
    for k, (source, target) in enumerate(every):
        try:
            _convert(net, source, target, asked, wanted, notes, max(1, CHUNK_NUMBERS // (net.input_size + width)))
        except (DataError, UsageError, OSError) as error:
            if isinstance(error, OSError) and target != "-":
                error.filename = error.filename or target  # a write that fails doesn't know where it was writing to
            wrong_usage = isinstance(error, UsageError)  # of every input, where the first shows it; else of this one's column names
            if len(every) == 1 or (wrong_usage and k == 0):
                raise
            if wrong_usage:
                say(f"{source}: {error}")
            else:
                complain(error)
            failed += 1
    notes.finish()
    if failed:
        say(f"{failed} of {len(every)} inputs failed; the others are written")
    return SOME_FAILED if failed else 0


class Notes:
    """What is worth knowing about tables: what holds of many is said of the first, and at the end how many more there are."""

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
        for text, times in self._times.items():
            if times > 1:
                note(f"{times - 1} more inputs: {text}", self._quiet)


def _convert(net: Network, source: str, target: str, asked: Asked, wanted: Wanted, notes: Notes, most: int) -> None:
    try:
        _converted(net, source, target, asked, wanted, notes, most)
    except WholeNumbersError as error:  # of one block: the rows before it are counted, where the input can be read again
        cell = error.cell if tables.place(source).is_stream else f"row {_row_of_fraction(net, source, asked)}: {error.cell}"
        raise DataError(f"{source}: {cell}") from None


def _row_of_fraction(net: Network, source: str, asked: Asked) -> int:
    """The number, from 1, of the first row with a fraction where whole numbers belong."""
    before = 0
    with open_rows(net, source, asked) as rows:
        for chunk in rows.chunks():
            x = rows.parse(chunk).x
            try:
                net.refuse_fractions(x)
            except WholeNumbersError as error:
                return before + error.row + 1
            before += len(x)
    return before


def _converted(net: Network, source: str, target: str, asked: Asked, wanted: Wanted, notes: Notes, most: int) -> None:
    watch = Watch(net)
    with Watched(open_rows(net, source, asked, most), watch) as rows:
        for text in rows.notes:
            notes.say(source, text)
        what = wanted(rows.names)
        if what.lines_only and (fmt := format_of(target, asked.format)) in ARRAYS:
            raise UsageError(
                f"{target}: {fmt} stores {what.name[-1]} alone, as numbers of one shape; {what.lines_only} needs one of {', '.join(LINES)}"
            )
        flags = flags_of(net, rows.names, what.scalar if isinstance(what, Result) else None) if asked.flags else None
        with _writer(target, asked, what, flags) as out, Progress(asked.quiet, target == "-", source) as progress:
            for piece, count in _pieces(net, rows, out, what, flags, asked.threads):
                out.write(piece)
                progress.advance(count, rows.progress)
    if not asked.flags and (text := watch.note(rows.names)):  # the flags say it of every row
        notes.say(source, f"{tables.place(source).label}: {text}")


def _writer(target: str, asked: Asked, what: Result | LongResult, flags: Flags | None) -> tables.Writer:
    def main() -> tables.Writer:
        return tables.writer(target, asked.format, digits=asked.digits, name=what.name)

    if flags is None or format_of(target, asked.format) in LINES:
        return main()
    if tables.place(target).is_stream:
        raise UsageError(
            f"--flags: {format_of(target, asked.format)} holds numbers only; name a file with -o, and FILE.flags.csv is written too"
        )
    return WithFlags(main, lambda: tables.writer(side_file(target)), flags.names)


def open_rows(net: Network, source: str, asked: Asked, most: int | None = None) -> tables.Reader:
    """The rows of one input, as they were asked for."""
    return tables.reader(
        source,
        size=net.input_size,
        columns=net.input_names,
        aliases=net.input_aliases,
        keep=asked.keep,
        max_rows=most,
        **asked.reading,
    )


def _pieces(
    net: Network, rows: tables.Reader, out: tables.Writer, what: Result | LongResult, flags: Flags | None, threads: int | None
) -> Pieces:
    if isinstance(what, LongResult):
        return _long(net, rows, out, what, flags, threads)
    return _wide(net, rows, out, what, flags, threads) if what.beside is None else _paired(net, rows, out, what, flags, threads)


def _wide(net: Network, rows: tables.Reader, out: tables.Writer, what: Result, flags: Flags | None, threads: int | None) -> Pieces:
    """A line or an entry for each row."""

    def work(chunk: Any) -> tuple[Any, int]:
        block = rows.parse(chunk)
        return out.format(_by_blocks(what.numbers, net.block_rows, block.x), _kept(block, flags)), len(block.x)

    out.begin(what.columns, what.shape, keep=_keep(rows, flags), rows=rows.count)
    yield from blocks.ordered(rows.chunks(), work, threads)


def _paired(net: Network, rows: tables.Reader, out: tables.Writer, what: Result, flags: Flags | None, threads: int | None) -> Pieces:
    """As _wide, with the rows of a second table, in two rounds: how many of them belong to a block is known once it is parsed."""
    assert what.beside is not None

    def work(pair: tuple[tables.Block, Array]) -> tuple[Any, int]:
        block, beside = pair
        return out.format(_by_blocks(what.numbers, net.block_rows, block.x, beside), _kept(block, flags)), len(block.x)

    with what.beside() as feed:
        out.begin(what.columns, what.shape, keep=_keep(rows, flags), rows=rows.count)
        parsed = blocks.ordered(rows.chunks(), rows.parse, threads)
        yield from blocks.ordered(((block, feed.take(len(block.x))) for block in parsed), work, threads)
        feed.finish()


def _long(net: Network, rows: tables.Reader, out: tables.Writer, what: LongResult, flags: Flags | None, threads: int | None) -> Pieces:
    """A line for each number, in two rounds: the number of a block's first row is known once the rows before it are counted."""

    def work(chunk: Any) -> tuple[Array, Kept]:
        block = rows.parse(chunk)
        return _by_blocks(what.numbers, net.block_rows, block.x), _kept(block, flags)

    def spread(numbered: tuple[int, Array, Kept]) -> tuple[Any, int]:
        return out.format(*what.lines(*numbered)), len(numbered[1])

    out.begin(("value",), None, keep=("row", *_keep(rows, flags), "output", "input"))
    yield from blocks.ordered(_numbered(blocks.ordered(rows.chunks(), work, threads)), spread, threads)


def _keep(rows: tables.Reader, flags: Flags | None) -> tuple[str, ...]:
    return (*rows.keep, *flags.names) if flags else rows.keep


def _kept(block: tables.Block, flags: Flags | None) -> Kept:
    return (*block.kept, *flags(block.x)) if flags else block.kept


def _numbered(results: Iterator[tuple[Array, Kept]]) -> Iterator[tuple[int, Array, Kept]]:
    first = 1
    for values, kept in results:
        yield first, values, kept
        first += len(values)


def _by_blocks(numbers: Callable[..., Array], size: int, *tables: Array) -> Array:
    """Block by block of the network's own size, so that the results are those of the library, to the last bit."""
    rows = len(tables[0])
    if rows <= size:
        return numbers(*tables)
    return np.concatenate([numbers(*(table[k : k + size] for table in tables)) for k in range(0, rows, size)])


class WithFlags:
    """A table of numbers, and its flags in a table of text beside it: both appear, or neither."""

    def __init__(self, main: Callable[[], tables.Writer], side: Callable[[], tables.Writer], flags: tuple[str, ...]) -> None:
        self._open, self._flags = (main, side), flags

    def begin(
        self, columns: Sequence[str], shape: tuple[int, ...] | None = None, *, keep: Sequence[str] = (), rows: int | None = None
    ) -> None:
        self._main.begin(columns, shape, keep=keep[: len(keep) - len(self._flags)], rows=rows)
        self._side.begin((), (), keep=self._flags, rows=rows)

    def format(self, values: Array, kept: Kept = ()) -> Any:
        return self._main.format(values), self._side.format(np.empty((len(values), 0)), kept[-len(self._flags) :])

    def write(self, piece: Any) -> None:
        self._main.write(piece[0])
        self._side.write(piece[1])

    def __enter__(self) -> WithFlags:
        self._both = self._opened()
        self._both.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._both.__exit__(*error)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[None]:
        open_main, open_side = self._open
        with together(), open_main() as self._main, open_side() as self._side:
            yield
