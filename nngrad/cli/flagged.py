"""Tables with flags, which say what to doubt about a row: as text beside the numbers, or in a table of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nngrad import tables
from nngrad.cli.options import Asked
from nngrad.cli.pipeline import Array, Kept, RowBlock
from nngrad.cli.places import format_of, side_file
from nngrad.errors import UsageError
from nngrad.reports.flags import Flags
from nngrad.tables.common import RowWriter
from nngrad.tables.files import together


def writer(target: str, asked: Asked, name: str, flags: Flags | None) -> RowWriter:
    """What writes the target, in the format that was asked for; `name` is that of the array in formats of arrays."""

    def main() -> RowWriter:
        return tables.writer(target, asked.format, digits=asked.digits, name=name)

    if flags is None or format_of(target, asked.format) in tables.LINES:
        return main()
    if tables.place(target).is_stream:
        only = f"{format_of(target, asked.format)} holds numbers only"
        raise UsageError(f"--flags: {only}; name a file with -o, and FILE.flags.csv is written too")
    return WithFlags(main, lambda: tables.writer(side_file(target)), flags.names)


def flagged(flags: Flags, block: RowBlock) -> RowBlock:
    """The block with its flags as columns of text behind those that are kept."""
    return block._replace(kept=(*block.kept, *flags(block.x)))


class WithFlags:
    """A table of numbers, and its flags in a table of text beside it: both appear, or neither."""

    def __init__(self, main: Callable[[], RowWriter], side: Callable[[], RowWriter], flags: tuple[str, ...]) -> None:
        self._open, self._flags = (main, side), flags

    def begin(
        self,
        columns: Sequence[str],
        shape: tuple[int, ...] | None = None,
        *,
        keep: Sequence[str] = (),
        rows: int | None = None,
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
