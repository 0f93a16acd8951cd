"""How text tables are written: what the options mean, what is found out by itself, and what is
refused for what it is.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nngrad import tables
from nngrad.errors import DataError, UsageError
from nngrad.tables import delimited
from nngrad.tables.delimiters import sniffed
from nngrad.tables.filters import Decoded, WithoutComments

A, B = [3180.5, 70.8, 270.1], [2534.25, 87.9, 252.9]
NAMES = ["speed", "throttle", "temperature"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str | bytes, name: str = "x.csv") -> str:
    Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    return name


def read(source: str, size: int | None = 3, **options: object) -> np.ndarray:
    with tables.reader(source, size=size, **options) as rows:
        return np.concatenate([rows.parse(chunk).x for chunk in rows.chunks()])


def notes(source: str, size: int | None = 3, **options: object) -> tuple[str, ...]:
    with tables.reader(source, size=size, **options) as rows:
        return rows.notes


HEAD = "speed;throttle;temperature\n"
WITH_OPTIONS: dict[str, tuple[str | bytes, dict[str, object]]] = {
    "decimal comma, semicolons": (HEAD + "3180,5;70,8;270,1\n2534,25;87,9;252,9\n", {"decimal": ","}),
    "decimal comma, tabs": ("3180,5\t70,8\t270,1\n2534,25\t87,9\t252,9\n", {"decimal": ","}),
    "decimal comma, blanks": ("3180,5 70,8  270,1\n2534,25  87,9 252,9\n", {"decimal": ","}),
    "decimal comma, quoted between commas": (
        'a,b,c\n"3180,5","70,8","270,1"\n"2534,25","87,9","252,9"\n',
        {"decimal": ","},
    ),
    "decimal comma, exponents": (HEAD + "3,1805e3;+70,8;2701e-1\n2534,25;879E-1;252,9\n", {"decimal": ","}),
    "decimal comma, Fortran's exponents": (HEAD + "3,1805D3;70,8;270,1\n2534,25;87,9;252,9\n", {"decimal": ","}),
    "lines to skip": ("Test log\nOperator;x\n\n" + HEAD + "3180.5;70.8;270.1\n2534.25;87.9;252.9\n", {"skip": 3}),
    "lines to skip with an open quote": ('5" pipe\n' + HEAD + "3180.5;70.8;270.1\n2534.25;87.9;252.9\n", {"skip": 1}),
    "units": (HEAD + "rpm;%;K\n3180.5;70.8;270.1\n2534.25;87.9;252.9\n", {"units": True}),
    "units that are missing in part": (HEAD + "rpm;;1\n3180.5;70.8;270.1\n2534.25;87.9;252.9\n", {"units": True}),
    "two lines of units": (HEAD + "rpm;%;K\n;Avg;Smp\n3180.5;70.8;270.1\n2534.25;87.9;252.9\n", {"units": True}),
    "comments everywhere": (
        "# x\n" + HEAD + "# y\n3180.5;70.8;270.1\n #z\n2534.25;87.9;252.9\n# end",
        {"comment": "#"},
    ),
    "comments of MATLAB": ("% x y z\n3180.5 70.8 270.1\n2534.25 87.9 252.9\n", {"comment": "%"}),
    "comments of C": (HEAD + '3180.5;70.8;270.1\n// it\'s "odd"\n2534.25;87.9;252.9\n', {"comment": "//"}),
    "Latin-1": (
        "Drehzahl;Drossel;°C\n3180.5;70.8;270.1\n2534.25;87.9;252.9\n".encode("latin-1"),
        {"encoding": "cp1252"},
    ),
    "UTF-16 without a mark": (
        (HEAD + "3180.5;70.8;270.1\n2534.25;87.9;252.9\n").encode("utf-16-le"),
        {"encoding": "utf-16-le"},
    ),
    "an unusual delimiter": ("3180.5|70.8|270.1\n2534.25|87.9|252.9\n", {"delimiter": "|"}),
    "everything": (
        ("Prüfstand 3\n% Ä\n" + HEAD + "1/min;%;°C\n3180,5;70,8;270,1\n% Pause\n2534,25;87,9;252,9\n").encode("cp1252"),
        {"encoding": "cp1252", "skip": 1, "comment": "%", "units": True, "decimal": ","},
    ),
    "samples in columns": ("3180.5,2534.25\n70.8,87.9\n270.1,252.9\n", {"samples": "columns"}),
    "samples in columns, with names": (
        "speed,3180.5,2534.25\nthrottle,70.8,87.9\ntemperature,270.1,252.9\n",
        {"samples": "columns"},
    ),
    "samples in columns, with units": (
        "speed;rpm;3180,5;2534,25\nthrottle;%;70,8;87,9\ntemperature;K;270,1;252,9\n",
        {"samples": "columns", "units": True, "decimal": ","},
    ),
    "samples in columns, between blanks": ("  3180.5 2534.25\n 70.8 87.9\n270.1 252.9\n", {"samples": "columns"}),
}
BY_ITSELF: dict[str, str | bytes] = {
    "sep=": "sep=|\nspeed|throttle|temperature\n3180.5|70.8|270.1\n2534.25|87.9|252.9\n",
    "sep= in quotes": '"sep=;"\r\n' + HEAD + "3180.5;70.8;270.1\r\n2534.25;87.9;252.9\r\n",
    "SEP= and a byte order mark": "\ufeffSEP=;\n" + HEAD + "3180.5;70.8;270.1\n2534.25;87.9;252.9\n",
    "UTF-16": (HEAD + "3180.5;70.8;270.1\r\n2534.25;87.9;252.9\r\n").encode("utf-16"),
    "UTF-16 the other way round": ("\ufeff" + HEAD + "3180.5;70.8;270.1\n2534.25;87.9;252.9").encode("utf-16-be"),
    "UTF-32": ("\ufeff" + HEAD + "3180.5;70.8;270.1\n2534.25;87.9;252.9\n").encode("utf-32-le"),
    "a preamble of another shape": "#a\n# b, c\n# d\n3180.5;70.8;270.1\n2534.25;87.9;252.9\n",
    "names in quotes between blanks": '"wind speed"  "throttle" "T"\n3180.5 70.8 270.1\n2534.25 87.9 252.9\n',
}


def small_heads(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    for module in ("text", "filters"):
        monkeypatch.setattr(f"nngrad.tables.{module}.HEAD", size)


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("case", WITH_OPTIONS)
def test_what_can_be_said(case: str, small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if small:
        monkeypatch.setattr(delimited, "CHUNK_BYTES", 8)
        small_heads(monkeypatch, 16)
    text, options = WITH_OPTIONS[case]
    np.testing.assert_array_equal(read(write(text), **options), [A, B])
    name = write(gzip.compress(Path("x.csv").read_bytes()), "x.csv.gz")
    np.testing.assert_array_equal(read(name, **options), [A, B])


@pytest.mark.parametrize("case", BY_ITSELF)
def test_what_is_found_out(case: str) -> None:
    np.testing.assert_array_equal(read(write(BY_ITSELF[case])), [A, B])


def test_names_between_blanks_keep_theirs() -> None:
    with tables.reader(write(BY_ITSELF["names in quotes between blanks"])) as rows:
        assert rows.names == ("wind speed", "throttle", "T")


def test_what_was_left_out_is_noted() -> None:
    text = HEAD + "rpm;%;K\n3180.5;70.8;270.1\n"
    assert notes(write(text), units=True) == ("x.csv, line 2: left out as units: rpm, %, K",)
    assert notes(write("# made today\n# by us\n" + HEAD + "1;2;4\n")) == (
        "x.csv: comments before the table were left out: # made today, # by us",
    )


REFUSED: dict[str, tuple[str | bytes, dict[str, object], str]] = {
    "decimal comma": (
        HEAD + "3180,5;70,8;270,1\n",
        {},
        r"x.csv, line 2, column 1 \(speed\): '3180,5' has a decimal comma; say --decimal ,$",
    ),
    "decimal comma, blanks": (
        "3180,5 70,8 270,1\n",
        {},
        r"line 1, column 1: '3180,5' has a decimal comma; say --decimal ,$",
    ),
    "decimal comma, one column": ("torque\n-177,9\n-263,4\n", {}, "if the commas are decimal commas, say --decimal ,"),
    "decimal commas and commas": (
        "a,b,c\n1,5,2,5,3,5\n1,5,2,5,3,5\n",
        {},
        "can't be told from those between cells; save it with semicolons",
    ),
    "a point where commas are": (
        HEAD + "3180,5;70.8;270,1\n",
        {"decimal": ","},
        r"column 2 \(throttle\): '70.8' has a decimal point",
    ),
    "thousands where commas are": (
        HEAD + "3.180;70;270\n",
        {"decimal": ","},
        r"'3.180' may be 3180 or 3.18: leave --decimal , out",
    ),
    "thousands": (
        'a,b,c\n"3,180",70.8,270.1\n',
        {},
        r"column 1 \(a\): '3,180' may be 3180 or 3.18: say --decimal , or remove",
    ),
    "a unit line": (
        HEAD + "rpm;%;K\n1;2;3\n",
        {},
        r"line 2, column 1 \(speed\): 'rpm' is not a number; .*if this line has units, say --units",
    ),
    "no unit line": (
        HEAD + "1;2;3\n",
        {"units": True},
        "the line below the header holds none, so --units has no units",
    ),
    "a preamble": (
        "Log\nOperator;x\n\n" + HEAD + "1;2;3\n",
        {},
        r"line 4: 3 cells where the first row has 1: .*say --skip 3$",
    ),
    "R's row names": (
        '"a","b","c"\n"1",5,6,7\n"2",5,6,7\n',
        {},
        r"the rows seem to begin with a name or number of the row",
    ),
    "a comment within": (
        HEAD + "1;2;4\n# pause\n1;2;4\n",
        {},
        r"line 3: 1 cell where .*; if this is a comment, say --comment '#'$",
    ),
    "a comment in cells": (
        HEAD + "1;2;4\n# p;a;u\n",
        {},
        r"line 3, column 1 .*; if this is a comment, say --comment '#'$",
    ),
    "Latin-1": (
        "°C;a;b\n1;2;4\n".encode("latin-1"),
        {},
        "byte 0xb0 is not UTF-8 text; save the file as UTF-8, or say --encoding cp1252",
    ),
    "not in this encoding": (
        b"a;b;c\n1;2;4\n\x81;1;2\n",
        {"encoding": "cp1252"},
        "is not text in cp1252; name another --encoding",
    ),
    "UTF-16 cut short": ("\ufeffa;b;c\n1;2;3".encode("utf-16-le")[:-1], {}, "is not text in utf-16-le"),
    "behind a quote": ('a,b,c\n"3180"5,1,2\n', {}, r"line 2, column 1: '\"3180\"5' goes on behind its closing quote"),
    "behind a quote, further right": (
        'a,b,c\n1,"2" ,"3"\n',
        {},
        r"line 2, column 2: '\"2\" ' goes on behind its closing quote",
    ),
    "behind a quote, in the first line": (
        '"a"b,b,c\n1,2,3\n',
        {},
        r"line 1, column 1: '\"a\"b' goes on behind its closing quote",
    ),
    "a quote within": ('a,b,c\n1,2"3,4\n', {}, r"line 2"),
    "an open quote at the end": ('a,b,c\n5,2,"3', {}, r"line 2: unexpected end of data; is a quote never closed\?"),
    "only comments": ("# a\n# b\n", {}, "is empty"),
    "nothing left": ("a\nb\n", {"skip": 5}, "is empty"),
    "it would fit turned": (
        "5,6\n7,8\n9,10\n",
        {},
        "2 columns where 3 are needed; it would fit with --samples columns",
    ),
    "ragged when turned": ("1,2\n3\n4,5\n", {"samples": "columns"}, "line 2: 1 cells where the first row has 2"),
    "text when turned": ("1,2\n3,x\n4,5\n", {"samples": "columns"}, "line 2, column 2: 'x' is not a number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str) -> None:
    text, options, message = REFUSED[case]
    write(text)
    with pytest.raises(DataError, match=message) as error:
        read("x.csv", 1 if "one column" in case else 3, **options)
    assert str(error.value).startswith("x.csv")
    assert len(str(error.value)) < 300


def workbook() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return data.getvalue()


def frame(method: str) -> bytes:
    data = io.BytesIO()
    getattr(pl.DataFrame({"a": [1.0]}), method)(data)
    return data.getvalue()


FOREIGN = {
    "Excel": (workbook, "an Excel workbook; name it .xlsx, or say --input-format xlsx"),
    "old Excel": (
        lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512),
        "an Excel workbook of before 2007; save it as .xlsx",
    ),
    "gzip": (lambda: gzip.compress(b"a,b\n1,2\n"), "compressed with gzip; name it .csv.gz"),
    "JSON array": (lambda: json.dumps([{"a": 1}], indent=1).encode(), "a list in brackets"),
    "JSON array of rows": (lambda: b"[[1,2],[3,4]]", "a list in brackets"),
    "MATLAB matrix": (lambda: b"[1 2 3; 4 5 6]", "a list in brackets"),
    "ndjson": (lambda: b'{"a": 1}\n{"a": 2}\n', "JSON; name it .ndjson, or say --input-format ndjson"),
    "HTML": (lambda: b"\xef\xbb\xbf\n<!DOCTYPE html><html>", "an HTML or XML page"),
    "HTML table": (lambda: b"<table><tr><td>1</td></tr></table>", "an HTML or XML page"),
    "PDF": (lambda: b"%PDF-1.7\n", "a PDF document"),
    "Parquet": (lambda: frame("write_parquet"), "a Parquet file; name it .parquet"),
    "Arrow": (lambda: frame("write_ipc"), "an Arrow file; name it .arrow"),
    "HDF5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file; name it .h5"),
    "MATLAB": (lambda: b"MATLAB 5.0 MAT-file, Platform".ljust(128), "a MATLAB file; name it .mat"),
    "npy": (lambda: b"\x93NUMPY\x01\0" + bytes(100), "a NumPy array; name it .npy"),
    "zip": (lambda: b"PK\x03\x04" + bytes(5000), "a zip archive"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_no_text_table_is_told_for_what_it_is(case: str) -> None:
    make, words = FOREIGN[case]
    with pytest.raises(DataError, match=r"^x.csv: is ") as error:
        read(write(make()), None)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "text", ["PAR1,PAR2\n5,6\n", "[a],[b]\n5,6\n", "<a>,<b>\n5,6\n", "BZh,b\n5,6\n", "{a},{b}\n5,6\n", "%PD,b\n5,6\n"]
)
def test_names_that_begin_like_other_files(text: str) -> None:
    np.testing.assert_array_equal(read(write(text), 2), [[5, 6]])


@pytest.mark.parametrize(
    "options",
    [
        {"decimal": ";"},
        {"encoding": "klingon"},
        {"encoding": "base64"},
        {"comment": ""},
        {"comment": "x"},
        {"comment": "1"},
        {"comment": "-"},
        {"samples": "both"},
        {"delimiter": "."},
    ],
)
def test_what_can_not_be_said(options: dict[str, object]) -> None:
    write("a,b,c\n5,6,7\n")
    with pytest.raises(UsageError):
        read("x.csv", **options)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.parquet", "x.arrow", "x.mat", "x.h5", "x.ndjson"])
@pytest.mark.parametrize("option", ["decimal", "skip", "units", "comment", "encoding", "header", "delimiter"])
def test_an_option_that_means_nothing_for_the_format_is_refused(name: str, option: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: {option} means nothing for"):
        tables.reader(name, **{option: {"skip": 1, "units": True, "header": True}.get(option, ";")})


def test_the_format_can_be_said() -> None:
    write(HEAD + "3180.5;70.8;270.1\n2534.25;87.9;252.9\n", "x.prn")
    np.testing.assert_array_equal(read("x.prn", fmt="csv"), [A, B])
    with pytest.raises(UsageError, match=r"x.prn: its suffix doesn't tell the format; name it with --input-format"):
        read("x.prn")


def test_line_numbers_count_comments_and_skipped_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    small_heads(monkeypatch, 32)
    monkeypatch.setattr(delimited, "CHUNK_BYTES", 32)
    lines = ["log", *(["# c", "a,b"] + [f"{i},{i}\n# {i}" for i in range(200)])]
    lines[150] = "# no\n7,x"
    text = "\n".join(lines)
    line = 1 + text.split("\n").index("7,x")
    with pytest.raises(DataError, match=rf"x.csv, line {line}, column 2 \(b\): 'x'"):
        read(write(text), 2, comment="#", skip=1)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 1000])
def test_filters_may_be_read_in_any_pieces(size: int) -> None:
    text = "a;ö\n# é\n1;2\r\n#\n 3;4\n  # end"
    comments = WithoutComments("#", 1)
    stream = io.BytesIO(text.encode("utf-16-le"))
    read = comments.reading(Decoded("utf-16-le", "x").reading(lambda most: stream.read(min(most, size))))
    parts = []
    while part := read(size):
        parts.append(part)
    assert b"".join(parts) == "a;ö\n1;2\r\n 3;4\n".encode()
    assert [comments.line(n) for n in (1, 2, 3)] == [1, 3, 5]


def test_a_column_without_a_name_that_counts_the_rows_is_no_input() -> None:
    columns = ["x1", "x2", "x3"]
    with pytest.raises(
        DataError,
        match="x1 would be column 1, an index of the rows; leave that out; --by order takes them as they stand",
    ):
        read(write(",a,b\n0,1,2\n1,4,5\n"), columns=columns)
    np.testing.assert_array_equal(
        read(write(",a,b\n0,1,2\n1,4,5\n"), columns=columns, by="order"), [[0, 1, 2], [1, 4, 5]]
    )
    np.testing.assert_array_equal(read(write(",a,b\n7,1,2\n3,4,5\n"), columns=columns), [[7, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(
    ("text", "mark", "found"),
    [
        ("# throttle,speed,temperature\n1,2,4\n# end\n", "#", True),
        ("\n# a log\n\n#throttle,speed,temperature\n1,2,4\n", "#", True),
        ("// throttle speed temperature\n1 2 4\n", "//", True),
        ("# a,b,c\n# throttle,speed,temperature\n1,2,4\n", "#", False),
        ("# throttle,speed\n1,2,4\n", "#", False),
        ("1,2,4\n# throttle,speed,temperature\n", "#", False),
        ("# temperature,speed,throttle\nthrottle,speed,temperature\n1,2,4\n", "#", True),
    ],
)
def test_names_in_a_line_that_comment_leaves_out_are_those_of_the_columns(text: str, mark: str, found: bool) -> None:
    expected = [[2, 1, 4]] if found else [[1, 2, 4]]
    np.testing.assert_array_equal(read(write(text), columns=NAMES, comment=mark), expected)
    if not text.startswith("# temperature"):
        np.testing.assert_array_equal(read(write(text), columns=NAMES, comment=mark, header=False), [[1, 2, 4]])


def test_a_row_that_begins_like_a_comment_stays() -> None:
    np.testing.assert_array_equal(read(write("#N/A,1,2\n# c\n3,4,5\n"), comment="#"), [[np.nan, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(
    ("lines", "decimal", "expected"),
    [
        (["a,b", "1,2"], ".", ","),
        (["a;b", "1,5;2,5"], ".", ";"),
        (["a\tb", "1,5\t2;5"], ".", "\t"),
        (["a b", "1 2"], ".", "blanks"),
        (["1, 2, 3", "4, 5, 6"], ".", ","),
        (["1,5 2,5", "3,5 4,5"], ".", "blanks"),
        (["1,5 2,5", "3,5 4,5"], ",", "blanks"),
        (["x", "1,5"], ",", ";"),
        (["x,y", '"1,5","2,5"'], ",", ","),
        (["x", "1"], ".", ","),
        (['"a;b","c"', "1,2"], ".", ","),
        (["Log, of 2024", "a;b", "1;2", "3;4"], ".", ";"),
        (["some words", "a b c", "1 2 3"], ".", "blanks"),
    ],
)
def test_what_separates_cells(lines: list[str], decimal: str, expected: str) -> None:
    assert sniffed(lines, decimal) == expected


@pytest.mark.parametrize("text", ["5,2\n3,4\n", "5 2\n3 4\n"])
def test_a_square_table_without_names_is_noted(text: str) -> None:
    words = "x.csv: is square (2x2) and has no names; read as samples in rows: if they stand in columns, say --samples columns"
    assert notes(write(text), 2) == (words,)
    assert notes(write(text), 2, header=False) == ()
    assert notes(write(text), None) == ()
    assert notes(write("a,b\n" + text.replace(" ", ",")), 2) == ()
    assert notes(write(text + text), 2) == ()
    np.save("x.npy", [[5.0, 2.0], [3.0, 4.0]])
    assert notes("x.npy", 2) == (words.replace("csv", "npy"),)
    assert notes("x.npy", 2, samples="rows") == ()


def test_every_known_missing_word_is_read_by_the_fast_pass_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited.DelimitedReader, "_careful", None)
    found = read(write("a,b,c\n" + "1,#N/A,NULL\nnull,None,4\n" * 50))
    np.testing.assert_array_equal(found[:2], [[1, np.nan, np.nan], [np.nan, np.nan, 4]])


def test_kept_text_is_not_taken_for_missing() -> None:
    with tables.reader(write("id,a\nNULL,#N/A\nNone,2\n"), size=1, columns=["a"], keep=["id"]) as rows:
        block = rows.parse(next(iter(rows.chunks())))
    assert block.kept == (["NULL", "None"],)
    np.testing.assert_array_equal(block.x, [[np.nan], [2]])
