"""Sheets of Excel: numbers to the last bit, the header rule of csv, and nothing taken for an
empty cell that is none.
"""

from __future__ import annotations

import datetime
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from nngrad import tables
from nngrad.errors import DataError, UsageError

A, B = [3180.5, 70.8, 270.1], [2534.25, 87.9, 252.9]
NAMES = ("speed", "throttle", "temperature")
Cells = list[list[object]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(
    rows: Cells,
    name: str = "x.xlsx",
    sheet: str = "Sheet1",
    at: tuple[int, int] = (1, 1),
    more: dict[str, Cells] | None = None,
) -> str:
    book = openpyxl.Workbook()
    book.active.title = sheet
    for title, cells, corner in [(sheet, rows, at), *((title, cells, (1, 1)) for title, cells in (more or {}).items())]:
        page = book[title] if title in book.sheetnames else book.create_sheet(title)
        for i, row in enumerate(cells):
            for j, value in enumerate(row):
                page.cell(corner[0] + i, corner[1] + j, value)
    book.save(name)
    return name


def changed(name: str, old: str, new: str) -> str:
    """The workbook with another text in its sheet's XML: what openpyxl doesn't write."""
    with zipfile.ZipFile(name) as archive:
        members = {item: archive.read(item) for item in archive.namelist()}
    page = members["xl/worksheets/sheet1.xml"].decode()
    assert re.search(old, page)
    members["xl/worksheets/sheet1.xml"] = re.sub(old, new, page).encode()
    with zipfile.ZipFile(name, "w") as archive:
        for item, data in members.items():
            archive.writestr(item, data)
    return name


def read(source: str, size: int | None = 3, **options: object) -> np.ndarray:
    with tables.reader(source, size=size, **options) as rows:
        return np.concatenate([rows.parse(chunk).x for chunk in rows.chunks()])


def test_a_sheet() -> None:
    with tables.reader(write([list(NAMES), A, B]), size=3) as rows:
        assert rows.names == NAMES
        assert rows.count == 2
        x = np.concatenate([rows.parse(chunk).x for chunk in rows.chunks()])
        assert rows.progress == 1.0
    np.testing.assert_array_equal(x, [A, B])
    assert x.flags.c_contiguous


@pytest.mark.parametrize("at", [(3, 1), (1, 4), (5, 30)])
def test_a_table_may_begin_anywhere_and_is_matched_by_name(at: tuple[int, int]) -> None:
    source = write([["throttle", "temperature", "speed", "note"], [*A[1:], A[0], "ok"], [*B[1:], B[0], None]], at=at)
    np.testing.assert_array_equal(read(source, columns=NAMES), [A, B])
    with tables.reader(source, size=3, columns=NAMES, keep=["note"]) as rows:
        assert rows.parse(next(iter(rows.chunks()))).kept == (["ok", ""],)


def test_numbers_are_exact() -> None:
    r = np.random.default_rng(0)
    bits = r.integers(0, 2**64, size=300, dtype=np.uint64).view(np.float64)
    values = bits[np.isfinite(bits)][:200].tolist()
    write([["a"], *([1.0] for _ in values)])
    texts = iter(values)
    with zipfile.ZipFile("x.xlsx") as archive:
        members = {item: archive.read(item) for item in archive.namelist()}
    page = re.sub("<v>1</v>", lambda _: f"<v>{next(texts)!r}</v>", members["xl/worksheets/sheet1.xml"].decode())
    with zipfile.ZipFile("x.xlsx", "w") as archive:
        for item, data in (members | {"xl/worksheets/sheet1.xml": page.encode()}).items():
            archive.writestr(item, data)
    np.testing.assert_array_equal(read("x.xlsx", 1)[:, 0], values)


def test_sheets_are_chosen_by_name_and_empty_ones_passed_over() -> None:
    write([], more={"Run 1": [list(NAMES), A], "Clean 2": [list(NAMES), B]})
    np.testing.assert_array_equal(read("x.xlsx"), [A])
    np.testing.assert_array_equal(read("x.xlsx:Run 1"), [A])
    np.testing.assert_array_equal(read("x.xlsx:Clean 2"), [B])
    with pytest.raises(DataError, match=r"x.xlsx: has no sheet Run 2; it has Sheet1, Run 1, Clean 2"):
        read("x.xlsx:Run 2")
    with pytest.raises(DataError, match=r"x.xlsx:Sheet1: is empty"):
        read("x.xlsx:Sheet1")


GOOD: dict[str, tuple[Cells, dict[str, object]]] = {
    "no header": ([A, B], {}),
    "empty rows and columns behind": ([[*NAMES, None], [*A, " "], [*B, None], [None, "  "]], {}),
    "a formatted cell behind": ([[*NAMES, None], [*A, None], [*B, None]], {}),
    "units": ([list(NAMES), ["rpm", "%", "K"], A, B], {"units": True}),
    "lines to skip": ([["Test log"], ["by", "us"], [], list(NAMES), A, B], {"skip": 3}),
    "a counted header": ([[0, 1, 2], A, B], {"header": True}),
    "numbers as text": ([list(NAMES), [str(v) for v in A], [f" {v} " for v in B]], {}),
    "samples in columns": (
        [["speed", A[0], B[0]], ["throttle", A[1], B[1]], ["temperature", A[2], B[2]]],
        {"samples": "columns"},
    ),
    "samples in columns, without names": ([[a, b] for a, b in zip(A, B, strict=True)], {"samples": "columns"}),
}


@pytest.mark.parametrize("case", GOOD)
def test_what_is_read(case: str) -> None:
    rows, options = GOOD[case]
    np.testing.assert_array_equal(read(write(rows), **options), [A, B])


def test_the_suffix_may_be_another() -> None:
    Path(write([list(NAMES), A, B])).rename("x.csv")
    np.testing.assert_array_equal(read("x.csv", fmt="xlsx"), [A, B])
    with pytest.raises(DataError, match=r"x.csv: is an Excel workbook; name it .xlsx, or say --input-format xlsx"):
        read("x.csv")


def test_missing_numbers_are_nan() -> None:
    source = write([list(NAMES), [1.5, None, "#N/A"], [2, "NaN", "NULL"]])
    np.testing.assert_array_equal(read(source), [[1.5, np.nan, np.nan], [2, np.nan, np.nan]])


BAD: dict[str, tuple[Cells, str]] = {
    "a date": (
        [list(NAMES), A, [datetime.datetime(2024, 3, 1, 10), 1, 2]],
        "cell A3: '2024-03-01 10:00:00' is a date or a time",
    ),
    "a day": ([list(NAMES), [1, datetime.date(2024, 3, 1), 2]], "cell B2: '2024-03-01 00:00:00' is a date or a time"),
    "a time": ([list(NAMES), [1, datetime.time(10, 5), 2]], "cell B2: '10:05:00' is a date or a time"),
    "a duration": ([list(NAMES), [1, datetime.timedelta(hours=30), 2]], "cell B2: '1 day, 6:00:00' is not a number"),
    "true": ([list(NAMES), [1, True, 2]], "cell B2: 'TRUE' is no number; write 1 or 0"),
    "an error": ([list(NAMES), [1, "#DIV/0!", 2]], "cell B2: '#DIV/0!' is an error of a spreadsheet"),
    "text": ([list(NAMES), A, ["Mean", 1, 2]], "cell A3: 'Mean' is not a number"),
    "a decimal comma": ([list(NAMES), A, ["3,5", 1, 2]], "cell A3: '3,5' has a decimal comma; store it as a number$"),
    "several numbers": ([list(NAMES), A, ["3 5", 1, 2]], "cell A3: '3 5' holds several numbers; give each a cell$"),
    "units": (
        [list(NAMES), ["rpm", "%", "K"], A],
        "cell A2: 'rpm' is not a number; .*; if these are units, say --units",
    ),
    "a counted header": ([[0, 1, 2], A, B], "cell A1: 0, 1, 2 may be a header that counts .*--header"),
    "a name beside numbers": ([["id", 1, 2], A, B], "cell A1: 'id' is not a number .*--header"),
    "a blank row": ([list(NAMES), A, [], B], "row 3: blank row between rows"),
    "a surplus cell": ([[*NAMES, None], A, *([B] * 300), [*B, 5]], "4 columns where 3 are needed"),
    "a formula that was never calculated": (
        [list(NAMES), A, [1, "=A2+1", 2]],
        "cell B3: is a formula whose value is not in the file",
    ),
    "too few columns": ([["a", "b"], [1, 2]], "2 columns where 3 are needed"),
    "turned": ([[1, 2.5], [3, 4], [5, 6]], "2 columns where 3 are needed; it would fit with --samples columns"),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case: str) -> None:
    rows, message = BAD[case]
    source = write(rows)
    with pytest.raises(DataError, match=f"^x.xlsx:Sheet1[,:] {message}"):
        read(source)


def test_the_stored_value_of_a_formula_counts() -> None:
    write([["a", "b"], [1, "=A2+1"], [3, '=A3&""']])
    changed("x.xlsx", r"<f>A2\+1</f><v ?/>", "<f>A2+1</f><v>2</v>")
    changed("x.xlsx", r'<c r="B3"( t="\w+")?><f>A3&amp;""</f><v ?/>', '<c r="B3" t="str"><f>A3&amp;""</f><v></v>')
    np.testing.assert_array_equal(read("x.xlsx", 2), [[1, 2], [3, np.nan]])


def test_a_number_too_large_is_refused() -> None:
    changed(write([["a"], [1.0]]), "<v>1</v>", "<v>1e400</v>")
    with pytest.raises(DataError, match="cell A2: '1e999' is too large"):
        read("x.xlsx", 1)


def test_a_wrong_size_in_the_file_is_not_believed() -> None:
    changed(write([list(NAMES), A, B]), '<dimension ref="[^"]*"', '<dimension ref="A1"')
    np.testing.assert_array_equal(read("x.xlsx"), [A, B])


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"PK\x03\x04" + bytes(100), b"\xd0\xcf\x11\xe0" + bytes(600)])
def test_what_is_no_workbook(data: bytes) -> None:
    Path("x.xlsx").write_bytes(data)
    with pytest.raises(DataError, match=r"^x.xlsx: (is not|can't be read as) an Excel workbook"):
        read("x.xlsx")


def test_damage_is_a_data_error() -> None:
    whole = Path(write([list(NAMES), A, B])).read_bytes()
    r = np.random.default_rng(1)
    for k in range(60):
        data = bytearray(whole)
        for _ in range(8):
            data[r.integers(len(data))] = r.integers(256)
        Path("y.xlsx").write_bytes(bytes(data if k % 2 else data[: r.integers(len(data))]))
        try:
            read("y.xlsx")
        except DataError as error:
            assert "y.xlsx" in str(error)  # noqa: PT017


def test_without_openpyxl_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    write([A])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UsageError, match=r"x.xlsx: reading Excel needs openpyxl: pip install 'nngrad\[excel\]'"):
        read("x.xlsx")


def test_a_sheet_is_not_written_and_options_of_text_mean_nothing() -> None:
    with pytest.raises(UsageError, match="its suffix doesn't tell the format; name it with --format"):
        tables.writer("y.xlsx")
    with pytest.raises(UsageError, match="decimal means nothing for xlsx"):
        tables.reader("x.xlsx", decimal=",")
