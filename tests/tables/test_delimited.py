"""csv and tsv: every oddity of real files, the exact words of every refusal, and numbers that come back bit for bit."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nngrad import tables
from nngrad.core import blocks
from nngrad.errors import DataError, UsageError
from nngrad.tables import delimited
from nngrad.tables.lines import Lines, line_chunks

NAN, INF = math.nan, math.inf
Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def save(text: str | bytes, name: str = "x.csv") -> str:
        Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
        return name

    return save


def rows(source: str, size: int | None = None, **options: object) -> np.ndarray:
    with tables.reader(source, size=size, **options) as reader:
        parts = [reader.parse(chunk).x for chunk in reader.chunks()]
        width = len(reader._indices)
    return np.concatenate(parts) if parts else np.empty((0, width))


def save(target: str, table: np.ndarray, names: list[str] | None = None, **options: object) -> bytes:
    with tables.writer(target, **options) as out:
        out.begin(names or [f"c{i}" for i in range(table.shape[1])])
        out.write(out.format(table))
    return Path(target).read_bytes()


GOOD = {
    "plain": ("a,b\n1,2\n3,4\n", [[1, 2], [3, 4]]),
    "no header": ("5,2\n3,4\n", [[5, 2], [3, 4]]),
    "no newline at the end": ("a,b\n1,2\n3,4", [[1, 2], [3, 4]]),
    "CR LF": ("a,b\r\n1,2\r\n3,4\r\n", [[1, 2], [3, 4]]),
    "CR LF, no newline at the end": ("a,b\r\n1,2\r\n3,4", [[1, 2], [3, 4]]),
    "byte order mark": ("\ufeffa,b\n1,2\n", [[1, 2]]),
    "byte order mark, no header": ("\ufeff5,2\n3,4\n", [[5, 2], [3, 4]]),
    "blank last lines": ("a,b\n1,2\n\n  \n\r\n", [[1, 2]]),
    "blank first lines": ("\n \na,b\n1,2\n", [[1, 2]]),
    "blank first lines, no header": ("\n\r\n1,2\n", [[1, 2]]),
    "header only": ("a,b\n", np.empty((0, 2))),
    "header only, no newline": ("a,b", np.empty((0, 2))),
    "single row": ("1,2", [[1, 2]]),
    "one column": ("a\n1\n2\n", [[1], [2]]),
    "one column, no header": ("1\n2\n", [[1], [2]]),
    "one column with NaN": ("a\n1\nNaN\nNA\n2\n", [[1], [NAN], [NAN], [2]]),
    "empty cells and NA": ("a,b\n1,\n,2\nNA,na\n , \n", [[1, NAN], [NAN, 2], [NAN, NAN], [NAN, NAN]]),
    "NaN and Inf in any case": (
        "a,b\nnan,NAN\nInf,-inf\nINFINITY,-Infinity\n+inf,-nan\n",
        [[NAN, NAN], [INF, -INF], [INF, -INF], [INF, NAN]],
    ),
    "first row of missing values is no header": ("NA,1\n2,3\n", [[NAN, 1], [2, 3]]),
    "quoted cells": ('"a","b"\n"1","2"\n"3",4\n', [[1, 2], [3, 4]]),
    "comma in a quoted name": ('"a,1","b"\n1,2\n', [[1, 2]]),
    "newline in a quoted name": ('"a\n1","b"\n1,2\n', [[1, 2]]),
    "blanks around numbers": ("a , b\n 1 , 2 \n3 ,4\n", [[1, 2], [3, 4]]),
    "semicolons": ("a;b\n1;2\n", [[1, 2]]),
    "tabs": ("a\tb\n1\t2\n\t4\n", [[1, 2], [NAN, 4]]),
    "runs of blanks": ("a   b\n  1  2\n3\t 4  \n", [[1, 2], [3, 4]]),
    "runs of blanks, no header": ("  1.5e0   2\n  3 4\n", [[1.5, 2], [3, 4]]),
    "commented header": ("# a,b\n1,2\n", [[1, 2]]),
    "spellings": ("a,b\n+1.5,.5\n5.,1E+05\n-0,1e-400\n", [[1.5, 0.5], [5, 1e5], [-0.0, 0]]),
    "Fortran exponents": ("a,b\n1D+03,-2.5d-1\n", [[1000, -0.25]]),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), [[1, 2]]),
}


@pytest.mark.parametrize("wide", [1, 256])
@pytest.mark.parametrize("case", GOOD)
def test_oddities_that_are_read(case: str, wide: int, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "WIDE", wide)
    text, expected = GOOD[case]
    found = rows(write(text))
    np.testing.assert_array_equal(found, np.array(expected, dtype=float))
    assert found.dtype == np.float64
    assert found.flags.c_contiguous


BAD = {
    "text in a number column": (
        "a,b\n1,2\n3,abc\n",
        "x.csv, line 3, column 2 (b): 'abc' is not a number; write NaN or leave the cell empty for a missing value",
    ),
    "without header": (
        "5,2\n3,abc\n",
        "x.csv, line 2, column 2: 'abc' is not a number; write NaN or leave the cell empty for a missing value",
    ),
    "short row": ("a,b\n1,2\n3\n4,5\n", "x.csv, line 3: 1 cell where the header has 2: '3'"),
    "short row, no header": ("5,2\n3\n", "x.csv, line 2: 1 cell where the first row has 2: '3'"),
    "long row": ("a,b\n1,2\n3,4,5\n", "x.csv, line 3: 3 cells where the header has 2: '3,4,5'"),
    "a short and a long row": ("a,b\n3\n4,5,6\n", "x.csv, line 2: 1 cell where the header has 2: '3'"),
    "short row that quotes make up for": ('a,b\n"1,5"\n', "x.csv, line 2: 1 cell where the header has 2: '1,5'"),
    "short row of blanks": ("5 2\n3 4\n5\n", "x.csv, line 3: 1 cell where the first row has 2: '5'"),
    "blank line": (
        "a,b\n1,2\n\n3,4\n",
        "x.csv, line 3: blank line between rows; remove it, or write NaN for missing values",
    ),
    "blank line, one column": (
        "a\n1\n\n3\n",
        "x.csv, line 3: blank line between rows; remove it, or write NaN for missing values",
    ),
    "too large": (
        "a,b\n1,1e400\n",
        "x.csv, line 2, column 2 (b): '1e400' is too large for a double (at most 1.8e308); write Inf if infinity is meant",
    ),
    "decimal comma": ("a;b\n1;1,5\n", "x.csv, line 2, column 2 (b): '1,5' has a decimal comma; say --decimal ,"),
    "underscore": (
        "a,b\n1,1_000\n",
        "x.csv, line 2, column 2 (b): '1_000' has thousands marks; remove them",
    ),
    "hexadecimal": (
        "a,b\n1,0x10\n",
        "x.csv, line 2, column 2 (b): '0x10' is hexadecimal; write it as a decimal number",
    ),
    "other digits": (
        "a,b\n1,１\n",
        "x.csv, line 2, column 2 (b): '１' has digits other than 0 to 9; write it with those",
    ),
    "CR alone within": ("a,b\n1,2\r3,4\n5\n", "x.csv, line 4: 1 cell where the header has 2: '5'"),
    "CR alone": ("a,b\r1,2\r3,4\r", "x.csv: its lines end in CR alone (old Macintosh); save it with LF or CR LF"),
    "NUL": ("a,b\n1,2\n3,\0\n", "x.csv, line 3: holds a NUL byte; is this a table in text form?"),
    "UTF-16 without mark": (
        "a,b\n1,2\n".encode("utf-16-be"),
        "x.csv: is UTF-16 or not a text file; say --encoding utf-16-be, or save it as UTF-8",
    ),
    "Latin-1": (
        "a,gr\xf6\xdfe\n1,2\n".encode("latin-1"),
        "x.csv, line 1: byte 0xf6 is not UTF-8 text; save the file as UTF-8, or say --encoding cp1252",
    ),
    "Latin-1 further down": (
        "a,b\n1,2\n3,\xf6\n".encode("latin-1"),
        "x.csv, line 3: byte 0xf6 is not UTF-8 text; save the file as UTF-8, or say --encoding cp1252",
    ),
    "empty": ("", "x.csv: is empty; it needs a header line or rows of numbers"),
    "only blank lines": ("\n\n \n", "x.csv: is empty; it needs a header line or rows of numbers"),
    "too few columns": ("a,b\n1,2\n", "x.csv: 2 columns where 3 are needed (a, b)", 3),
    "too many columns": (
        "1,2\n",
        "x.csv: 2 columns where 1 are needed; choose with --columns 1 (column 2 as the last may be a target); "
        "it would fit with --samples columns",
        1,
    ),
}


@pytest.mark.parametrize("wide", [1, 256])
@pytest.mark.parametrize("case", BAD)
def test_refusals_name_file_line_column_and_text(
    case: str, wide: int, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "WIDE", wide)
    text, message, *size = BAD[case]
    with pytest.raises(DataError) as error:
        rows(write(text), *size)
    assert str(error.value) == message


def test_a_quote_that_is_never_closed_ends_in_a_message(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write('a,b\n1,2\n3,"4\n' + "5,6\n" * 200_000)
    with pytest.raises(
        DataError, match=r"x.csv, line 3: field larger than field limit \(131072\); is a quote never closed\?"
    ):
        rows(source)
    for module in ("lines", "text"):
        monkeypatch.setattr(f"nngrad.tables.{module}.LONGEST_ROW", 1 << 12)
    monkeypatch.setattr(delimited, "CHUNK_BYTES", 1 << 10)
    with pytest.raises(DataError, match=r"x.csv, line 3 or later: a quote is never closed"):
        rows(source)


def test_a_row_without_end_ends_in_a_message(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nngrad.tables.text.LONGEST_ROW", 1 << 12)
    with pytest.raises(DataError, match=r"x.csv, line 1: a row is longer than 64 MiB"):
        rows(write("1" * 300_000))


def test_missing_and_damaged_files(write: Write) -> None:
    with pytest.raises(DataError, match=r"none.csv: can't be read: no such file or directory"):
        rows("none.csv")
    whole = gzip.compress(b"a,b\n" + b"1.25,2\n" * 1000)
    for bad in (whole[:-20], b"a,b\n1,2\n", whole[:30] + b"\xff" * 40 + whole[70:]):
        with pytest.raises(DataError, match=r"x.csv.gz: "):
            rows(write(bad, "x.csv.gz"))


def test_header_and_delimiter_can_be_forced(write: Write) -> None:
    years = write("2019,2020\n1,2\n")
    assert len(rows(years)) == 2
    with tables.reader(years, header=True) as reader:
        assert reader.names == ("2019", "2020")
    np.testing.assert_array_equal(rows(years, header=True), [[1, 2]])
    with pytest.raises(DataError, match=r"x.csv, line 1, column 1: 'a' is not a number"):
        rows(write("a,b\n1,2\n"), header=False)
    np.testing.assert_array_equal(rows(write("a|b\n1|2\n"), delimiter="|"), [[1, 2]])
    np.testing.assert_array_equal(rows(write("1;2\n"), delimiter="semicolon"), [[1, 2]])
    np.testing.assert_array_equal(rows(write("1  2\n"), delimiter="blanks"), [[1, 2]])
    np.testing.assert_array_equal(rows(write("1  2\n"), delimiter=" "), [[1, 2]])
    for bad in ("||", "e", "1", "-", ".", '"', "\n", ""):
        with pytest.raises(UsageError, match="delimiter"):
            rows(years, delimiter=bad)


def test_line_numbers_are_right_in_later_chunks(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "CHUNK_BYTES", 64)
    lines = [f"{i},{i}" for i in range(200)]
    lines[150] = "7,x"
    with pytest.raises(DataError, match=r"x.csv, line 152, column 2 \(b\): 'x'"):
        rows(write("\n".join(["a,b", *lines])))
    lines[150] = '"7",\n2'
    with pytest.raises(DataError, match=r"x.csv, line 153: 1 cell where the header has 2: '2'"):
        rows(write("\n".join(["a,b", *lines])))


NASTY = (
    'id,x1,x2\r\n"a\r\n,b",1.5,2\r\n"""q""",3,"4"\r\n,5,\r\n' * 1
    + "".join(f'"{i}\n{i}",{i}.25,{-i}\r\n' for i in range(40))
    + "\r\n\r\n"
)


@pytest.mark.parametrize("size", [*range(1, 40), 64, 100, 1000])
def test_chunks_may_end_anywhere(size: int, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside CR LF, inside quoted cells, before blank lines: the rows are the same."""
    monkeypatch.setattr(delimited, "CHUNK_BYTES", size)
    with tables.reader(write(NASTY), size=2, columns=["x1", "x2"], keep=["id"]) as reader:
        found = [reader.parse(chunk) for chunk in reader.chunks()]
    x = np.concatenate([block.x for block in found])
    expected = [[1.5, 2], [3, 4], [5, NAN], *([i + 0.25, -i] for i in range(40))]
    np.testing.assert_array_equal(x, expected)
    kept = [text or "" for block in found for text in block.kept[0]]
    assert kept == ["a\r\n,b", '"q"', "", *(f"{i}\n{i}" for i in range(40))]
    assert size >= 1000 or len(found) > 1


def test_max_rows_bounds_the_rows_of_a_chunk(write: Write) -> None:
    source = write("a,b\n" + "0.5,1.5\n" * 5000)
    with tables.reader(source, max_rows=10) as reader:
        heights = [len(reader.parse(chunk).x) for chunk in reader.chunks()]
    assert max(heights) <= 10
    assert sum(heights) == 5000


def test_ten_thousand_columns_and_rows_longer_than_a_chunk(write: Write) -> None:
    r = np.random.default_rng(0)
    wide = r.normal(size=(3, 10_000))
    save("w.csv", wide)
    np.testing.assert_array_equal(rows("w.csv"), wide)
    longer = r.normal(size=(2, 120_000))
    assert len(save("l.csv", longer)) > 4 << 20
    np.testing.assert_array_equal(rows("l.csv"), longer)


def test_columns_are_matched_by_name_in_any_order_and_surplus_is_noted(write: Write) -> None:
    source = write("id,b,spare,a\nr1,2,x,1\nr2,4,,3\n")
    with tables.reader(source, size=2, columns=["a", "b"], keep=["id"]) as reader:
        assert reader.names == ("a", "b")
        assert reader.notes == ("x.csv: 1 surplus column ignored: spare",)
        block = reader.parse(next(iter(reader.chunks())))
    np.testing.assert_array_equal(block.x, [[1, 2], [3, 4]])
    assert block.kept == (["r1", "r2"],)


@pytest.mark.parametrize("wide", [0, 9])
def test_a_header_in_another_order(wide: int, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "WIDE", wide)
    np.testing.assert_array_equal(rows(write("x3,x1,x2\n3,1,2\n"), columns=["x1", "x2", "x3"]), [[1, 2, 3]])
    np.testing.assert_array_equal(rows(write("x3,x1,x2\n3 ,1,2\n"), columns=["x1", "x2", "x3"]), [[1, 2, 3]])
    np.testing.assert_array_equal(rows(write("x3,x1,x2\n3,1,2\n"), columns=["x1", "x2", "x3"], by="order"), [[3, 1, 2]])


def test_kept_text_passes_through_verbatim(write: Write) -> None:
    text = 'id,x1,note\n007,1.5,"a, ""b"""\n1.50,2.5,\n NA ,3.5, z \n'
    with (
        tables.reader(write(text), size=1, columns=["x1"], keep=["id", "note"]) as reader,
        tables.writer("o.csv") as out,
    ):
        out.begin(["y"], keep=reader.keep)
        for chunk in reader.chunks():
            x, kept = reader.parse(chunk)
            out.write(out.format(x, kept))
    assert Path("o.csv").read_text() == 'id,note,y\n007,"a, ""b""",1.5\n1.50,,2.5\n NA , z ,3.5\n'


def test_a_column_is_read_and_kept_at_once(write: Write) -> None:
    with tables.reader(write("x1,x2\n1.50,2\n-0,007\n"), size=2, columns=["x2", "x1"], keep=["x1"]) as reader:
        (chunk,) = reader.chunks()
        for block in (reader._fast(chunk), reader._careful(chunk), reader.parse(Lines(b"1.50,2\n-0,007\n", 2))):
            assert block is not None
            np.testing.assert_array_equal(block.x, [[2, 1.5], [7, 0]])
            assert block.kept == (["1.50", "-0"],)
        missing = reader.parse(Lines(b",2\nNA,3\n 1 ,4\n", 4))
    np.testing.assert_array_equal(missing.x, [[2, np.nan], [3, np.nan], [4, 1]])
    assert missing.kept == (["", "NA", " 1 "],)


def test_kept_text_is_the_same_from_the_fast_and_the_careful_pass(write: Write) -> None:
    with tables.reader(write("id,x1\na,1\n"), size=1, columns=["x1"], keep=["id"]) as reader:
        chunk = Lines(b'a,1\n,2\n"",3\n" b",4\nNA,5\n', 2)
        fast, careful = reader._fast(chunk), reader._careful(chunk)
    assert fast is not None
    np.testing.assert_array_equal(fast.x, careful.x)
    assert [text or "" for text in fast.kept[0]] == careful.kept[0] == ["a", "", "", " b", "NA"]


CELLS = st.one_of(
    st.floats(allow_nan=True, width=64).map(repr),
    st.sampled_from(
        [
            "",
            "NA",
            "nan",
            "inf",
            "-Infinity",
            '"1"',
            " 3",
            "3 ",
            "1e400",
            "1d5",
            "1_0",
            "x",
            '""',
            '"a,b"',
            ".5",
            "5.",
            "\t4",
            "2\r",
            "１",
            "+1",
        ]
    ),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=4),
    end=st.sampled_from(["\n", "\r\n", "\n\n", " \n"]),
    wide=st.booleans(),
)
def test_what_the_fast_pass_accepts_the_careful_one_reads_alike(
    table: list[list[str]], end: str, wide: bool, write: Write
) -> None:
    chunk = Lines((end.join(",".join(row) for row in table) + "\n").encode(), 1)
    with tables.reader(write("a,b,c\n"), size=3) as reader, pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "WIDE", 0 if wide else 9)
        fast = reader._fast(chunk)
        if fast is not None:
            careful = reader._careful(chunk)
            np.testing.assert_array_equal(fast.x, careful.x)
            np.testing.assert_array_equal(
                np.signbit(fast.x),
                np.signbit(careful.x) & ~np.isnan(careful.x) | (np.signbit(fast.x) & np.isnan(fast.x)),
            )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(width=64), min_size=1, max_size=30))
def test_numbers_come_back_bit_for_bit_and_are_shortest(values: list[float], write: Write) -> None:
    table = np.array(values).reshape(-1, 1)
    text = save("f.csv", table, ["a"]).decode()
    for cell, value in zip(text.splitlines()[1:], values, strict=True):
        digits = cell.lower().replace("-", "").split("e")[0].replace(".", "").strip("0")
        shortest = repr(abs(value)).lower().split("e")[0].replace(".", "").strip("0")
        assert len(digits) == len(shortest), (cell, value)
    found = rows("f.csv")
    same = (found.view(np.uint64) == table.view(np.uint64)) | (np.isnan(found) & np.isnan(table))
    assert same.all()


def test_numbers_of_every_magnitude_come_back_bit_for_bit(write: Write) -> None:
    bits = np.random.default_rng(1).integers(0, 2**64, size=(20_000, 3), dtype=np.uint64).view(np.float64)
    bits[~np.isfinite(bits)] = 5e-324
    save("m.tsv", bits)
    np.testing.assert_array_equal(rows("m.tsv").view(np.uint64), bits.view(np.uint64))


def test_digits_round_as_decimal_text_does(write: Write) -> None:
    r = np.random.default_rng(2)
    table = r.normal(size=(500, 3)) * 10.0 ** r.integers(-300, 300, size=(500, 3))
    for digits in (1, 2, 5, 16):
        save("d.csv", table, digits=digits)
        expected = [[float(f"{v:.{digits - 1}e}") for v in row] for row in table]
        np.testing.assert_array_equal(rows("d.csv"), expected)
    assert (
        save("s.csv", np.array([[0.123456, 1234.56, 2.5, 0.0, -1.0, NAN, INF]]), digits=3)
        == b"c0,c1,c2,c3,c4,c5,c6\n0.123,1230.0,2.5,0.0,-1.0,NaN,inf\n"
    )
    for digits in (0, 18):
        with pytest.raises(UsageError, match="digits"):
            tables.writer("d.csv", digits=digits)
    assert not list(Path().glob(".*.tmp"))


def test_the_text_that_is_written(write: Write) -> None:
    assert (
        save("a.csv", np.array([[1.0, -0.0, 1e22], [NAN, -INF, 0.1]]), ["x", "a,b", 'q"'])
        == b'x,"a,b","q"""\n1.0,-0.0,1e+22\nNaN,-inf,0.1\n'
    )
    assert save("a.tsv", np.array([[1.0, 2.0]]), ["x", "a,b"]) == b"x\ta,b\n1.0\t2.0\n"
    assert save("a.csv", np.array([[1.0, 2.0]]), header=False, delimiter=";") == b"1.0;2.0\n"
    assert save("a.csv", np.empty((0, 2)), ["x", "y"]) == b"x,y\n"
    assert save("a.csv", np.array([[3.0]]), ["x"]) == b"x\n3.0\n"


def test_gz_is_one_stream_without_time_and_the_same_every_time(write: Write) -> None:
    table = np.arange(20.0).reshape(-1, 2)
    first, second = save("a.csv.gz", table), save("a.csv.gz", table)
    assert first == second
    assert gzip.decompress(first) == save("a.csv", table)
    np.testing.assert_array_equal(rows("a.csv.gz"), table)


@pytest.mark.parametrize("digits", [None, 4])
def test_same_bytes_for_every_number_of_threads(digits: int | None, write: Write) -> None:
    save("big.csv", np.random.default_rng(3).normal(size=(60_000, 4)))
    found = set()
    for threads in (1, 2, 3):
        with tables.reader("big.csv") as reader, tables.writer("o.csv", digits=digits) as out:
            out.begin(reader.names)
            for piece in blocks.ordered(
                reader.chunks(), lambda c, r=reader, o=out: o.format(np.tanh(r.parse(c).x)), threads
            ):
                out.write(piece)
            assert reader.progress == 1.0
        found.add(Path("o.csv").read_bytes())
    assert len(found) == 1
    assert found.pop().count(b"\n") == 60_001


def test_blank_rows_of_a_tsv_are_rows_of_missing_values(write: Write) -> None:
    np.testing.assert_array_equal(rows(write("a\tb\n1\t2\n\t\n", "x.tsv")), [[1, 2], [NAN, NAN]])


@pytest.mark.parametrize(
    "text",
    [b"", b"\n", b"a\n", b"a", b"a\nb\n\n", b"\n\n\na\n\n\nb", b"a\r\n\r\n", b'"\n"\n', b"aaaaaaaaaaaaaaaaaaaaaa\nb\n"],
)
def test_chunks_lose_and_invent_nothing(text: bytes, write: Write) -> None:
    from nngrad.tables.streams import Stream

    for size in range(1, 9):
        stream = Stream(write(text))
        chunks = list(line_chunks(stream, size, 1, quotes=True))
        stream.close()
        joined = b"".join(chunk.data for chunk in chunks)
        assert joined.rstrip() == text.rstrip()
        assert all(chunk.data.endswith(b"\n") and chunk.data.strip() for chunk in chunks)
        assert [chunk.first for chunk in chunks] == [
            1 + b"".join(c.data for c in chunks[:i]).count(b"\n") for i in range(len(chunks))
        ]


@pytest.mark.parametrize("header", ["# b a", "#b  a", ' "b"  "a" ', "b  a"])
def test_a_header_between_blanks_may_be_a_comment_or_quoted(header: str, write: Write) -> None:
    path = write(f"{header}\n2 1\n4.5  3\n", "x.txt")
    with tables.reader(path, size=2, columns=["a", "b"]) as reader:
        np.testing.assert_array_equal(reader.parse(next(iter(reader.chunks()))).x, [[1, 2], [3, 4.5]])


@pytest.mark.parametrize("last", ["3", "inf"])  # which the careful pass reads
def test_quotes_between_blanks_are_no_part_of_kept_text(last: str, write: Write) -> None:
    with tables.reader(write(f'id a\n"r1" 1\nr2 {last}\n', "x.txt"), size=1, columns=["a"], keep=["id"]) as reader:
        block = reader.parse(next(iter(reader.chunks())))
    np.testing.assert_array_equal(block.x, [[1.0], [float(last)]])
    assert block.kept == (["r1", "r2"],)


def test_a_first_row_of_foreign_numbers_is_no_header(write: Write) -> None:
    with pytest.raises(DataError, match=r"line 1, column 2: .*say --decimal ,$"):
        rows(write("1;2,5;3\n"), size=3)
