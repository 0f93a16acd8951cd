"""Parquet through polars: row groups are streamed in and out, in constant memory where polars lets them.

polars 1 holds a file whole while it is read. Writing hands frames through a bounded queue to polars' own streaming
sink.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nngrad.errors import DataError, listed
from nngrad.matching import Wanted, match
from nngrad.tables import headings
from nngrad.tables.arrays import rows_per_chunk
from nngrad.tables.common import Block, Kept, RowReader, distinct, polars
from nngrad.tables.files import Output
from nngrad.tables.grid import Grid, GridReader, checked_samples, too_large
from nngrad.tables.locations import Location
from nngrad.tables.streams import open_input

OF_SYSTEM = re.compile(r"\(os error (\d+)\)")  # what polars' messages say of a full disk and the like
GROUP_NUMBERS = 1 << 19  # numbers in a row group that is written: 4 MiB


class FrameReader:
    """Rows of a table that polars scans: Parquet and Arrow files; missing values are NaN."""

    def __init__(self, where: str, what: str, table: Any, wanted: Wanted) -> None:
        pl = polars()

        self._where, self._what, self._table = where, what, table
        with refused(where, what):
            schema = table.collect_schema()
            self.count: int | None = table.select(pl.len()).collect().item()
        names = list(schema)
        found = self._matched(names, wanted)
        rows = () if self.count else (f"{where}: has no rows",)
        self.names, self.keep, self.notes = found.names, wanted.keep, (*found.notes, *rows)
        self._numbers = [names[i] for i in found.indices]
        text = [
            name for name in self._numbers if not (schema[name].is_numeric() or schema[name] in (pl.Boolean, pl.Null))
        ]
        if text:
            raise DataError(
                f"{where}: column {listed(text)} holds {schema[text[0]]}, not numbers; choose other columns with --columns"
            )
        other = [name for name in self.keep if schema[name].is_nested() or schema[name] in (pl.Binary, pl.Duration)]
        if other:
            raise DataError(f"{where}: column {listed(other)} holds {schema[other[0]]}, which can't be kept as text")
        self._step, self._read = rows_per_chunk(len(self._numbers), wanted), 0

    def _matched(self, names: Sequence[str], wanted: Wanted) -> Any:
        try:
            return match(self._where, names, len(names), wanted, lambda: self._table.head(3).collect().rows())
        except DataError as error:
            raise DataError(f"{error}{headings.would_fit_turned(names, self.count, len(names), wanted.size)}") from None

    @property
    def progress(self) -> float | None:
        return min(1.0, self._read / self.count) if self.count else 1.0

    def chunks(self) -> Iterator[Any]:
        """Frames of always the same height, whatever batches polars makes."""
        pl = polars()

        table = self._table.select([*dict.fromkeys((*self._numbers, *self.keep))])
        rest = None
        with refused(self._where, self._what):
            for batch in table.collect_batches(chunk_size=self._step, maintain_order=True, lazy=True):
                rest = batch if rest is None else pl.concat([rest, batch])
                while len(rest) >= self._step:
                    yield self._counted(rest[: self._step])
                    rest = rest[self._step :]
        if rest is not None and len(rest):
            yield self._counted(rest)
        if self._read != self.count:  # polars stops without a word where columns of an Arrow file have the same name
            raise DataError(
                f"{self._where}: only {self._read} of its {self.count} rows can be read; is it damaged, or has it a column name twice?"
            )

    def _counted(self, frame: Any) -> Any:
        self._read += len(frame)
        return frame

    def parse(self, chunk: Any) -> Block:
        pl = polars()

        x = chunk.select(pl.col(self._numbers).cast(pl.Float64)).to_numpy(order="c")
        return Block(x, tuple(chunk[name].cast(pl.String).to_list() for name in self.keep))

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing stays open."""


def read_parquet(place: Location, wanted: Wanted, samples: str | None = None) -> RowReader:
    """Rows of a Parquet file."""
    where = place.path
    with open_input(where) as file:
        if file.read(4) != b"PAR1":
            raise DataError(f"{where}: is not a Parquet file")
    return scanned(where, "Parquet", polars().scan_parquet, wanted, samples)


def scanned(where: str, what: str, scan: Callable[..., Any], wanted: Wanted, samples: str | None) -> RowReader:
    """Rows of a file that polars scans; its columns are the samples if `samples` says so, and
    then their names mean nothing.
    """
    path = text_path(where)
    with refused(where, what):
        table = scan(path, glob=False, hive_partitioning=False)
    checked_samples(samples)
    if samples != "columns":
        return FrameReader(where, what, table, wanted)
    pl = polars()

    with refused(where, what):
        width = len(table.collect_schema())
        too_large(where, [range(width)] * table.select(pl.len()).collect().item())
        frame = table.collect()
    nested = [name for name, kind in frame.schema.items() if kind.is_nested() or kind in (pl.Binary, pl.Duration)]
    if nested:
        raise DataError(f"{where}: column {listed(nested)} holds {frame.schema[nested[0]]}, not numbers")
    rows = [["" if value is None else str(value) for value in row] for row in frame.rows()]
    names = frame.columns
    return GridReader(Grid(where, rows, lambda i, j: f"row {i + 1}, column {names[j]}", is_text=False).turned(), wanted)


def text_path(where: str) -> str:
    """A path as polars wants it."""
    try:
        return os.fsencode(os.path.abspath(where)).decode()
    except UnicodeDecodeError:
        raise DataError(f"{where}: its name or its folder's is not UTF-8 text, as polars wants it; rename it") from None


@contextlib.contextmanager
def refused(where: str, what: str) -> Iterator[None]:
    """What polars can't read becomes a DataError."""
    pl = polars()

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataError(f"{where}: can't be read as {what}: {_first_line(error)}") from error


class ParquetWriter:
    """Rows as a Parquet file of kept text columns and float64 columns."""

    def __init__(self, place: Location) -> None:
        self._out = Output(place.path)
        self._frames: queue.Queue[Any] = queue.Queue(4)
        self._failure: BaseException | None = None
        self._sink: threading.Thread | None = None
        self._names: list[str] = []
        self._keep: list[str] = []

    def begin(
        self,
        columns: Sequence[str],
        shape: tuple[int, ...] | None = None,
        *,
        keep: Sequence[str] = (),
        rows: int | None = None,
    ) -> None:
        polars()  # imported before its thread starts: an import there and a search for BLAS here have waited for each other for ever
        from polars.io.plugins import register_io_source

        self._names, self._keep = list(columns), list(keep)
        distinct("parquet", [*keep, *columns])
        self._sink = threading.Thread(target=self._run, args=(register_io_source,), name="nngrad-parquet", daemon=True)
        self._sink.start()

    def _run(self, register_io_source: Any) -> None:
        pl = polars()
        schema = dict.fromkeys(self._keep, pl.String()) | dict.fromkeys(self._names, pl.Float64())
        group = max(1, GROUP_NUMBERS // max(1, len(schema)))
        try:
            register_io_source(self._source, schema=schema).sink_parquet(self._out.file, row_group_size=group)
        except BaseException as error:
            code = OF_SYSTEM.search(str(error))
            self._failure = OSError(int(code[1]), os.strerror(int(code[1]))) if code else error

    def _source(self, with_columns: Any, predicate: Any, n_rows: int | None, batch_size: int | None) -> Iterator[Any]:
        while (frame := self._frames.get()) is not None:
            if isinstance(frame, Abandoned):
                raise frame
            yield frame

    def format(self, values: np.ndarray, kept: Kept = ()) -> Any:
        pl = polars()

        table = np.asarray(values, np.float64).reshape(len(values), len(self._names))
        numbers = pl.from_numpy(table, schema=self._names, orient="row")
        texts = [pl.Series(name, column, pl.String) for name, column in zip(self._keep, kept, strict=True)]
        return pl.DataFrame(texts).hstack(numbers) if kept else numbers

    def write(self, piece: Any) -> None:
        while self._sink is not None and self._sink.is_alive():
            try:
                return self._frames.put(piece, timeout=0.05)
            except queue.Full:
                continue
        raise self._failure or RuntimeError("nothing writes: begin() comes first")

    def __enter__(self) -> ParquetWriter:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if self._sink is not None:
                if self._sink.is_alive():
                    self.write(None if kind is None else Abandoned())
                self._sink.join()
            if kind is None and self._failure is not None:
                raise self._failure
            if kind is None:
                self._out.commit()
        finally:
            self._out.abandon()


class Abandoned(Exception):
    """Ends the sink of a file that is not wanted any more."""


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]
