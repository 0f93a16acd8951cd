"""Whatever way a table is written, the numbers that come out belong to their names, or the table is refused.

Names and numbers are drawn, the columns put in any order, and written here, by nothing of nngrad, in a dialect that is
drawn too. With all options that the dialect needs the table must be read; with any of them left away, or others given,
it may be refused but never misread.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import polars as pl
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from nngrad import tables
from nngrad.errors import DataError, UsageError
from nngrad.tables import delimited, text

WORDS = (
    "speed",
    "throttle",
    "temperature",
    "Druck",
    "n_1",
    "Öl °C",
    "T [K]",
    "wind speed",
    "Na",
    "x-1",
    "a,b",
    "c;d",
    "load %",
    'q"t',
)
SURPLUS = ("time", "torque", "note")
UNITS = ("rpm", "%", "K", "m/s", "", "-", "1/min")
MISSING = ("NaN", "NA", "#N/A", "NULL", "null", "", "-nan(ind)", "1.#QNAN")
ENDINGS = ("\n", "\r\n")


@dataclass(frozen=True)
class Table:
    """Columns as they stand in the file, and what is wanted of them."""

    names: list[str]
    columns: list[list[float]]
    wanted: list[str]

    @property
    def expected(self) -> np.ndarray:
        return np.array([self.columns[self.names.index(name)] for name in self.wanted]).T

    @property
    def as_it_stands(self) -> np.ndarray:
        return np.array(self.columns).T


@dataclass(frozen=True)
class Dialect:
    """How a text table is written."""

    delimiter: str
    decimal: str
    header: bool
    quoted: bool
    mark: bool
    encoding: str
    ending: str
    trailing: bool
    comments: bool
    units: bool
    sep: bool
    preamble: int
    gz: bool
    turned: bool
    missing: str

    def options(self) -> dict[str, Any]:
        """Everything that has to be said."""
        found: dict[str, Any] = {"header": self.header}
        if self.decimal == ",":
            found["decimal"] = ","
        if not self.sep:
            found["delimiter"] = self.delimiter
        if self.encoding == "cp1252":
            found["encoding"] = "cp1252"
        if self.units:
            found["units"] = True
        if self.comments:
            found["comment"] = "#"
        if self.preamble:
            found["skip"] = self.preamble
        if self.turned:
            found["samples"] = "columns"
        return found


values = st.one_of(
    st.floats(-1e4, 1e4).map(lambda v: round(v, 3)),
    st.integers(-5, 4000).map(float),
    st.floats(-1e300, 1e300),
    st.just(math.nan),
)


@st.composite
def drawn_tables(draw: Any) -> Table:
    wanted = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5, unique=True))
    surplus = draw(st.lists(st.sampled_from(SURPLUS), max_size=2, unique=True))
    names = draw(st.permutations([*wanted, *surplus]))
    rows = draw(st.integers(1, 6))
    columns = [draw(st.lists(values, min_size=rows, max_size=rows)) for _ in names]
    return Table(list(names), columns, wanted)


@st.composite
def drawn_dialects(draw: Any) -> Dialect:
    decimal = draw(st.sampled_from(".,"))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|", " "]))
    header = draw(st.booleans())
    turned = draw(st.integers(0, 4)) == 0
    return Dialect(
        delimiter=delimiter,
        decimal=decimal,
        header=header,
        quoted=draw(st.booleans()) or (decimal == delimiter == ","),
        mark=draw(st.booleans()),
        encoding=draw(st.sampled_from(["utf-8", "utf-8", "cp1252", "utf-16"])),
        ending=draw(st.sampled_from(ENDINGS)),
        trailing=draw(st.booleans()) and delimiter != " " and not turned,
        comments=draw(st.booleans()),
        units=header and draw(st.booleans()),
        sep=draw(st.booleans()) and delimiter != " ",
        preamble=draw(st.sampled_from([0, 0, 0, 2])),
        gz=draw(st.booleans()),
        turned=turned,
        missing=draw(st.sampled_from(MISSING)),
    )


def written(table: Table, how: Dialect, choose: random.Random) -> bytes:
    """The bytes of a table in a dialect."""

    alone = 1 in (len(table.names), len(table.columns[0]))  # an empty cell would be an empty line

    def cell(value: float | str) -> str:
        if isinstance(value, float):
            plain = how.missing if math.isnan(value) else repr(value).replace(".", how.decimal)
            plain = "NaN" if not plain and (how.delimiter == " " or alone) else plain
        else:
            plain = value
        if how.quoted or any(c in plain for c in (how.delimiter, '"', " ")):
            return '"' + plain.replace('"', '""') + '"'
        return plain

    units = [choose.choice(UNITS) or "Avg" if how.delimiter == " " else choose.choice(UNITS) for _ in table.names]
    if table.wanted[0] in table.names:
        units[table.names.index(table.wanted[0])] = "rpm"  # one at least says what the line is
    rows: list[list[float | str]] = [list(row) for row in zip(*table.columns, strict=True)]
    rows = ([list(table.names)] if how.header else []) + ([list(units)] if how.units else []) + rows
    if how.turned:
        rows = [list(column) for column in zip(*rows, strict=True)]
    lines = [how.delimiter.join(map(cell, row)) + how.delimiter * how.trailing for row in rows]
    if how.comments:
        for _ in range(2):
            lines.insert(choose.randrange(len(lines) + 1), "# a comment, with; 1 2 marks")
    if how.sep:
        lines.insert(0, f"sep={how.delimiter}")
    lines = ["Test log", "of us"][: how.preamble] + lines
    whole = how.ending.join(lines) + how.ending
    if how.mark and how.encoding == "utf-8":
        whole = "\ufeff" + whole
    data = whole.encode(how.encoding)
    return gzip.compress(data) if how.gz else data


def read(source: str, table: Table, named: bool, **options: Any) -> np.ndarray:
    wanted: dict[str, Any] = {"size": len(table.names)}
    if named:
        wanted = {"size": len(table.wanted), "columns": table.wanted, "by": "name"}
    with tables.reader(source, **wanted, **options) as rows:
        parts = [rows.parse(chunk).x for chunk in rows.chunks()]
        if not parts and any("not a single row" in note for note in rows.notes):
            raise DataError("which was said")
        return np.concatenate(parts)


def same(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.shape == expected.shape and bool(np.all((found == expected) | (np.isnan(found) & np.isnan(expected))))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Small chunks, so that they end anywhere."""
    monkeypatch.setattr(delimited, "CHUNK_BYTES", 64)
    monkeypatch.setattr(text, "HEAD", 32)
    return tmp_path


fixtures = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=400, deadline=None, suppress_health_check=fixtures)
@given(table=drawn_tables(), how=drawn_dialects(), seed=st.integers(0, 2**32), data=st.data())
def test_text(table: Table, how: Dialect, seed: int, data: Any, small: Path) -> None:
    source = small / ("x.csv.gz" if how.gz else "x.csv")
    source.write_bytes(written(table, how, random.Random(seed)))
    expected = table.expected if how.header else table.as_it_stands
    options = how.options()
    assert same(read(str(source), table, how.header, **options), expected)
    given = {name: value for name, value in options.items() if data.draw(st.booleans(), label=f"say {name}")}
    if not how.turned and data.draw(st.booleans(), label="say more"):
        given |= data.draw(st.sampled_from([{"decimal": ","}, {"comment": "%"}, {"units": True}, {"delimiter": ";"}]))
    if ("skip" in options) != ("skip" in given) or ("samples" in options) != ("samples" in given):
        given.setdefault("header", how.header)  # else the preamble, or a first sample, may well be the header
    if (
        how.turned and not how.header
    ):  # 0,5 alone may be one number or two, and nothing tells how many samples there are
        given |= {name: options[name] for name in ("decimal", "delimiter") if name in options}
    try:
        found = read(str(source), table, how.header, **given)
    except (DataError, UsageError):
        event("refused")
        return
    square = "samples" in options and "samples" not in given and not how.header and found.shape[0] == found.shape[1]
    assert same(found, expected.T if square else expected)  # a square table without names is noted, see test_text.py


@settings(max_examples=80, deadline=None, suppress_health_check=fixtures)
@given(table=drawn_tables(), fmt=st.sampled_from(["ndjson", "parquet", "arrow", "xlsx", "tsv"]))
def test_other_formats(table: Table, fmt: str, small: Path) -> None:
    source = small / f"x.{fmt}"
    rows = [list(row) for row in zip(*table.columns, strict=True)]
    if fmt == "ndjson":
        source.write_text("".join(json.dumps(dict(zip(table.names, row, strict=True))) + "\n" for row in rows))
    elif fmt == "tsv":
        lines = [table.names, *([repr(v) for v in row] for row in rows)]
        source.write_text(
            "".join("\t".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in line) + "\n" for line in lines)
        )
    elif fmt == "xlsx":
        book = openpyxl.Workbook()
        for row in [table.names, *rows]:
            book.active.append(["#N/A" if isinstance(v, float) and math.isnan(v) else v for v in row])
        book.save(source)
    else:
        frame = pl.DataFrame(dict(zip(table.names, table.columns, strict=True)), strict=False)
        frame.write_parquet(source) if fmt == "parquet" else frame.write_ipc(source)
    found = read(str(source), table, True)
    expected = table.expected
    if fmt == "xlsx":  # openpyxl writes 16 digits
        expected = np.vectorize(lambda value: float(f"{value:.16g}"))(expected)
    assert same(found, expected)
