"""One JSON object a line; the keys are the column names. The rule: as in csv, polars is believed only where nothing is
missing.

JSON has no NaN and no infinities: NaN is null, infinities are the texts "Infinity" and "-Infinity", and both are read
back.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nngrad.errors import DataError
from nngrad.matching import Wanted, match
from nngrad.tables.cells import number
from nngrad.tables.common import CHUNK_BYTES, Block, Kept, RowReader, checked_digits, distinct, polars
from nngrad.tables.delimited_out import rounded
from nngrad.tables.files import Output
from nngrad.tables.grid import Grid, GridReader, checked_samples, too_large
from nngrad.tables.lines import LONGEST_ROW, Lines, count, line_chunks
from nngrad.tables.locations import Location
from nngrad.tables.streams import stream_of
from nngrad.tables.text import HEAD


class NdjsonReader:
    """Rows of an ndjson file; every object has to have every wanted key."""

    count: int | None = None

    def __init__(self, place: Location, wanted: Wanted) -> None:
        self._path, self._stream = place.label, stream_of(place)
        try:
            first, line = self._first()
            names = list(self._object(first, line))
            found = match(self._path, names, len(names), wanted)
            self.names, self.keep, self.notes = found.names, wanted.keep, found.notes
            self._numbers = [names[i] for i in found.indices]
            if wanted != Wanted():
                self.parse(Lines(first + b"\n", line))  # what is refused there leaves nothing half done
        except BaseException:
            self._stream.close()
            raise
        self._bytes = CHUNK_BYTES if wanted.max_rows is None else min(CHUNK_BYTES, wanted.max_rows * (len(first) + 1))

    def _first(self) -> tuple[bytes, int]:
        """The first line that is not blank, and its number; everything stays unread."""
        size = HEAD
        while True:
            head = self._stream.peek(size)
            body = head.lstrip()
            if b"\n" in body or len(head) < size:
                break
            if size > LONGEST_ROW:
                raise DataError(f"{self._path}, line 1: is longer than 64 MiB; is this ndjson?")
            size *= 2
        if not body:
            raise DataError(f"{self._path}: is empty; it needs one JSON object a line")
        return body.split(b"\n", 1)[0], 1 + head.count(b"\n", 0, len(head) - len(body))

    @property
    def progress(self) -> float | None:
        return self._stream.progress

    def chunks(self) -> Iterator[Lines]:
        polars()  # imported by the main thread: a signal that comes meanwhile would not end its wait for input
        return line_chunks(self._stream, self._bytes, 1)

    def parse(self, chunk: Lines) -> Block:
        return (None if self.keep else self._fast(chunk)) or self._careful(chunk)

    def _fast(self, chunk: Lines) -> Block | None:
        pl = polars()

        if not self._each_once(chunk.data):
            return None
        try:
            frame = pl.read_ndjson(chunk.data, schema=dict.fromkeys(self._numbers, pl.Float64))
        except pl.exceptions.PolarsError:
            return None
        x = frame.to_numpy(order="c")
        if (
            len(x) != count(chunk.data, 10) or np.isnan(x).any() or np.isinf(x).any()
        ):  # a NaN may be a null or a missing key
            return None
        return Block(x, ())

    def _each_once(self, data: bytes) -> bool:
        """Whether no key occurs twice in a line, of which polars would take the first: as far as
        the number of colons tells.
        """
        first = data.split(b"\n", 1)[0]
        if b"\\" in data or count(data, 58) != first.count(b":") * count(data, 10):
            return False
        try:
            return bool(self._object(first, 1))
        except DataError:  # said by the careful way, which knows the line
            return False

    def _careful(self, chunk: Lines) -> Block:
        x: list[list[float]] = []
        kept: list[list[str | None]] = []
        for line, text in enumerate(chunk.data.split(b"\n"), chunk.first):
            if not text.strip():
                continue
            values = self._object(text, line)
            missing = [name for name in (*self._numbers, *self.keep) if name not in values]
            if missing:
                raise DataError(f"{self._path}, line {line}: has no {missing[0]!r}; write null for a missing value")
            x.append([self._number(values[name], name, line) for name in self._numbers])
            kept.append([self._text(values[name], name, line) for name in self.keep])
        block = np.array(x, dtype=np.float64).reshape(len(x), len(self._numbers))
        return Block(block, tuple([row[i] for row in kept] for i in range(len(self.keep))))

    def grid(self) -> Grid:
        """All rows as cells, in the order of the first object's keys."""
        names, rows, lines = list(self.names or ()), [], []
        for chunk in self.chunks():
            for line, text in enumerate(chunk.data.split(b"\n"), chunk.first):
                if text.strip():
                    values = self._object(text, line)
                    if values.keys() != set(names):
                        raise DataError(
                            f"{self._path}, line {line}: has other keys than the first line; all need the same"
                        )
                    lines.append(line)
                    rows.append([self._text(values[name], name, line) or "" for name in names])
            too_large(self._path, rows)
        return Grid(self._path, rows, lambda i, j: f"line {lines[i]}, {names[j]!r}", is_text=False)

    def _object(self, text: bytes, line: int) -> dict[str, Any]:
        try:
            value = json.loads(
                text.removeprefix(b"\xef\xbb\xbf"),
                parse_float=NumberText,
                parse_int=NumberText,
                object_pairs_hook=_once,
            )
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self._path}, line {line}: is not a JSON object: {error}") from None
        if not isinstance(value, dict):
            raise DataError(f"{self._path}, line {line}: is not a JSON object, with column names as its keys")
        return value

    def _number(self, value: Any, name: str, line: int) -> float:
        if value is None:
            return math.nan
        try:
            if isinstance(value, float):  # NaN and Infinity, which some programs write
                return value
            if isinstance(value, str):
                return number(value, in_cells=True)
            raise ValueError(f"{json.dumps(value, default=str)[:60]} is not a number; write null for a missing value")
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self._path}, line {line}, {name!r}: {error}") from None

    def _text(self, value: Any, name: str, line: int) -> str | None:
        if value is None or isinstance(value, str):
            return value
        try:
            return json.dumps(_plain(value))
        except RecursionError as error:
            raise DataError(f"{self._path}, line {line}, {name!r}: {error}") from None

    def __enter__(self) -> NdjsonReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()


def read_ndjson(place: Location, wanted: Wanted, samples: str | None = None) -> RowReader:
    """Rows of an ndjson file; with samples="columns", each object is an input, and its keys mean nothing."""
    checked_samples(samples)
    if samples != "columns":
        return NdjsonReader(place, wanted)
    with NdjsonReader(place, Wanted()) as reader:
        return GridReader(reader.grid().turned(), wanted)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, of which no key may occur twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} occurs twice")
    return found


class NumberText(str):
    """The text of a JSON number, as it stands in the file."""


def _plain(value: Any) -> Any:
    """An object or a list with its numbers as numbers."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return json.loads(value) if isinstance(value, NumberText) else value


class NdjsonWriter:
    """Rows as JSON objects."""

    def __init__(self, place: Location, digits: int | None = None) -> None:
        self._digits = checked_digits(digits)
        self._gz = place.gz
        self._names: list[str] = []
        self._keep: list[str] = []
        self._out = Output(place.path)

    def begin(
        self,
        columns: Sequence[str],
        shape: tuple[int, ...] | None = None,
        *,
        keep: Sequence[str] = (),
        rows: int | None = None,
    ) -> None:
        polars()  # as in chunks()
        distinct("ndjson", [*keep, *columns])
        self._names, self._keep = list(columns), list(keep)

    def format(self, values: np.ndarray, kept: Kept = ()) -> Any:
        table = np.asarray(values, dtype=np.float64).reshape(len(values), len(self._names))
        if self._digits is not None:
            table = rounded(table, self._digits)
        text = self._slow(table, kept) if np.isinf(table).any() else self._frame(table, kept)
        if not self._gz:
            return text
        import gzip

        return gzip.compress(text, compresslevel=1, mtime=0)

    def _frame(self, table: np.ndarray, kept: Kept) -> Any:
        pl = polars()

        text = io.BytesIO()
        frame = pl.DataFrame([pl.Series(n, c, pl.String) for n, c in zip(self._keep, kept, strict=True)])
        numbers = pl.from_numpy(table, schema=self._names, orient="row")
        (frame.hstack(numbers) if kept else numbers).write_ndjson(text)
        return text.getbuffer()

    def _slow(self, table: np.ndarray, kept: Kept) -> bytes:
        lines = []
        for i, row in enumerate(table.tolist()):
            values: dict[str, Any] = {name: column[i] for name, column in zip(self._keep, kept, strict=True)}
            values |= dict(zip(self._names, map(_json, row), strict=True))
            lines.append(json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n")
        return "".join(lines).encode()

    def write(self, piece: Any) -> None:
        self._out.file.write(piece)

    def __enter__(self) -> NdjsonWriter:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if kind is None:
                self._out.commit()
        finally:
            self._out.abandon()


def _json(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"
