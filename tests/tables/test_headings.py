"""Header or sample: what is decided about the first line of a table, written out by hand for each table."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from nngrad import tables
from nngrad.errors import DataError
from nngrad.tables import headings

HEADER, SAMPLE = "header", "sample"  # or the words of a refusal
ASKED = "say --header if this line has names, --no-header if it is a sample"

TABLES: dict[str, tuple[str, str]] = {
    # names
    "names": ("a,b,c\n1,2,3\n", HEADER),
    "names with digits": ("x1,x2,x3\n5,6,7\n", HEADER),
    "MATLAB's names": ("Var1,Var2,Var3\n5,6,7\n", HEADER),
    "R's names": ('"V1","V2","V3"\n5,6,7\n', HEADER),
    "delayed names": ("x1(t-1),x1(t-2),y(t-1)\n5,6,7\n", HEADER),
    "names with units": ("speed [1/min],throttle [%],temp [K]\n5,6,7\n", HEADER),
    "names with numbers behind": ("wind 10 m,wind 50 m,T 2 m\n5,6,7\n", HEADER),
    "names that begin with digits": ("2nd,3rd,4D\n5,6,7\n", HEADER),
    "names like words for numbers": ("one,two,infinite\n5,6,7\n", HEADER),
    "elements, sodium among them": ("Na,K,Ca\n5,6,7\n", HEADER),
    "an unnamed index": (",a,b\n0,5,6\n", HEADER),
    "R's unnamed index": ('"","a","b"\n"1",5,6\n', HEADER),
    "an unnamed last column": ("a,b,\n5,6,7\n", HEADER),
    "names in other scripts": ("Δp,温度,скорость\n5,6,7\n", HEADER),
    "names with commas in quotes": ('"a, m/s","b, K",c\n5,6,7\n', HEADER),
    "a commented header": ("# a b c\n5 6 7\n", HEADER),
    "MATLAB's commented header": ("% a b c\n5 6 7\n", HEADER),
    "a comment and a commented header": ("# made by us, version 2\n# a,b,c\n5,6,7\n", HEADER),
    "a comment and a header": ("# made by us\na,b,c\n5,6,7\n", HEADER),
    "names over missing numbers": ("a,b,c\nNA,NA,NA\n", HEADER),
    "one name": ("a\n5\n6\n", HEADER),
    "names alone": ("a,b,c\n", HEADER),
    # numbers
    "numbers": ("5.5,6,7\n1,2,3\n", SAMPLE),
    "whole numbers": ("5,6,8\n1,2,3\n", SAMPLE),
    "numbers in another order than a count": ("2,1,3\n1,2,3\n", SAMPLE),
    "a count with a gap": ("1,2,4\n1,2,3\n", SAMPLE),
    "a count with decimals": ("1.0,2.0,3.0\n5,6,7\n", SAMPLE),
    "a count with signs": ("+0,+1,+2\n5,6,7\n", SAMPLE),
    "a count that begins at 2": ("2,3,4\n5,6,7\n", SAMPLE),
    "years": ("2019,2020,2021\n5,6,7\n", SAMPLE),  # noted, see below
    "only line, a count": ("1,2,3\n", SAMPLE),
    "only line, a count from 0": ("0,1,2", SAMPLE),
    "only line, numbers": ("5,6,7\n\n", SAMPLE),
    "one number, 0": ("0\n0.5\n1\n", SAMPLE),
    "one number": ("7\n8\n", SAMPLE),
    "Fortran's numbers": ("1.0D+03,2.0D+00,3.0D-01\n5,6,7\n", SAMPLE),
    "infinities": ("Inf,-Inf,5\n5,6,7\n", SAMPLE),
    "Visual C's infinities": ("1.#INF,-1.#INF,5\n5,6,7\n", SAMPLE),
    "scientific numbers": ("1e0,2e0,3e0\n5,6,7\n", SAMPLE),
    "numbers in quotes everywhere": ('"5","6","7"\n"1","2","3"\n', SAMPLE),
    "comments that hold no names": ("# 3 columns\n5,6,7\n8,9,10\n", SAMPLE),
    # missing numbers
    "#N/A beside numbers": ("#N/A,70.8,270.1\n5,6,7\n", SAMPLE),
    "NA beside numbers": ("NA,70.8,270.1\n5,6,7\n", SAMPLE),
    "nothing beside numbers": (",70.8,270.1\n5,6,7\n", SAMPLE),
    "nothing behind numbers": ("70.8,270.1,\n5,6,7\n", SAMPLE),
    "Visual C's NaN": ("1.#QNAN,-1.#IND,5\n5,6,7\n", SAMPLE),
    "NaN alone": ("NaN,NaN,NaN\n5,6,7\n", SAMPLE),
    "missing words alone": ("NULL,None,N/A\n5,6,7\n", SAMPLE),
    "nan(ind)": ("-nan(ind),5,6\n5,6,7\n", SAMPLE),
    # partly numbers: the message that the cell gets in line 2
    "a dash": ("3180.5,-,270.1\n5,6,7\n", "x.csv, line 1, column 2: '-' is not a number"),
    "a question mark": ("3180.5,?,270.1\n5,6,7\n", "x.csv, line 1, column 2: '?' is not a number"),
    "a point": (".,70.8,270.1\n5,6,7\n", "x.csv, line 1, column 1: '.' is not a number"),
    "thousands between blanks": ("1 000;70.8;270.1\n5;6;7\n", "x.csv, line 1, column 1: '1 000' has thousands marks"),
    "thousands between commas": (
        '"1,234.5",70.8,270.1\n5,6,7\n',
        "x.csv, line 1, column 1: '1,234.5' has thousands marks",
    ),
    "a decimal comma": (
        "3180,5;70,8;270,1\n5;6;7\n",
        "x.csv, line 1, column 1: '3180,5' has a decimal comma; say --decimal ,",
    ),
    "too large a number": ("1e400,6,7\n5,6,7\n", "x.csv, line 1, column 1: '1e400' is too large"),
    "percentages": ("5%,50%,95%\n5,6,7\n", "x.csv, line 1, column 1: '5%' is a percentage"),
    "a typographic minus": ("−3.5,6,7\n5,6,7\n", "x.csv, line 1, column 1: '−3.5' has a typographic minus"),
    "an error of Excel": ("#DIV/0!,6,7\n5,6,7\n", "x.csv, line 1, column 1: '#DIV/0!' is an error of a spreadsheet"),
    "a date": ("2024-03-01,6,7\n5,6,7\n", "x.csv, line 1, column 1: '2024-03-01' is a date or a time"),
    "TRUE": ("TRUE,6,7\n5,6,7\n", "x.csv, line 1, column 1: 'TRUE' is no number"),
    "units": ("3.5 V,2.5 A,7.5 W\n5,6,7\n", "x.csv, line 1, column 1: '3.5 V' has a unit"),
    # names beside numbers, and numbers that may be names
    "a name beside numbers": ("r1,6,7\nr2,9,10\n", ASKED),
    "numbers and a word": ("3180.5,abc,270.1\n5,6,7\n", ASKED),
    "one name is a number": ("x1,x2,3\n5,6,7\n", ASKED),
    "a name and a fraction": ("id,0.5,0.6\n5,6,7\n", ASKED),
    "a name and wavelengths": ("sample,400,410\n5,6,7\n", ASKED),
    "a name and missing numbers": ("r1,NA,NA\nr2,5,6\n", ASKED),
    "a name and a dash": ("speed,-,temperature\n5,6,7\n", ASKED),
    "a name and a date": ("input,2024-03-01,2024-03-02\n5,6,7\n", ASKED),
    "a named index over a count": ("index,0,1\n0,5,6\n", ASKED),
    "a count from 0": ("0,1,2\n3180.5,70.8,270.1\n", ASKED),
    "a count from 1": ("1,2,3\n3180.5,70.8,270.1\n", ASKED),
    "a count in quotes": ('"0","1","2"\n5,6,7\n', ASKED),
    "a count between blanks": (" 0 1 2\n 5 6 7\n", ASKED),
    "a count between semicolons": ("1;2;3\n5;6;7\n", ASKED),
    "a count behind an empty cell": (",0,1\n0,3180.5,70.8\n", ASKED),
    "one count behind an empty cell": (",0\n0,3180.5\n1,70.8\n", ASKED),
    "R's count behind an empty cell": ('"","1","2"\n"1",5,6\n', ASKED),
    "years over an index": (",2019,2021\n0,5,6\n1,7,8\n", ASKED),
    "empty cells alone": (",,\n5,6,7\n", "x.csv, line 1: all cells are empty; remove this line, or say --no-header"),
    "empty cells over names": (";;\na;b;c\n5;6;7\n", "x.csv, line 1: all cells are empty"),
    "years in quotes": ('"2019","2021","2022"\n5,6,7\n', ASKED),
}


def found(path: Path, **options: object) -> tuple[str, tuple[str, ...]]:
    """What is decided, or the words of the refusal, and the notes."""
    try:
        with tables.reader(path, **options) as rows:
            return (SAMPLE if rows.names is None else HEADER), rows.notes
    except DataError as error:
        return str(error), ()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_there_are_tables_enough() -> None:
    assert len(TABLES) >= 60


@pytest.mark.parametrize("case", TABLES)
def test_header_or_sample(case: str) -> None:
    text, expected = TABLES[case]
    Path("x.csv").write_text(text, newline="")
    decision, _ = found(Path("x.csv"))
    assert decision == expected if expected in (HEADER, SAMPLE) else expected in decision
    assert len(decision) < 300


@pytest.mark.parametrize("case", [case for case, (_, expected) in TABLES.items() if expected == ASKED])
def test_what_is_asked_can_be_answered(case: str) -> None:
    Path("x.csv").write_text(TABLES[case][0], newline="")
    decision, _ = found(Path("x.csv"), header=True)
    assert decision == HEADER or "line 2, column" in decision
    decision, _ = found(Path("x.csv"), header=False)
    assert decision == SAMPLE or "line 1, column" in decision


@pytest.mark.parametrize("case", [case for case, (text, _) in TABLES.items() if "#" not in text and "%" not in text])
def test_every_first_line_is_either_names_or_a_row(case: str) -> None:
    """No sample is swallowed, and with the header there is one row fewer than lines."""
    text, _ = TABLES[case]
    Path("x.csv").write_text(text, newline="")
    lines = len(text.split()) if " " not in text else text.strip().count("\n") + 1
    for header, expected in ((True, lines - 1), (False, lines)):
        with contextlib.suppress(DataError), tables.reader("x.csv", header=header) as rows:
            assert sum(len(rows.parse(chunk).x) for chunk in rows.chunks()) == expected


NOTED = {
    "years": ("2019,2020,2021\n5,6,7\n", True),
    "years with a gap": ("2018,2020,2021\n5,6,7\n", True),
    "years over years": ("2018,2020,2021\n2019,2020,2022\n", False),
    "wavelengths": ("400.5,401.0,401.5\n0.1,0.2,0.3\n", True),
    "whole numbers over fractions": ("400,450,700\n0.1,0.2,0.3\n", True),
    "0 over fractions": ("0\n0.1\n0.2\n", True),
    "whole numbers": ("400,450,700\n1,2,3\n", False),
    "fractions": ("400.5,450.1,700.7\n0.1,0.2,0.3\n", False),
    "falling": ("3,2,1\n5,6,7\n", False),
    "one number": ("7\n0.5\n", False),
    "the only line": ("400,410,420\n", False),
}


@pytest.mark.parametrize("case", NOTED)
def test_a_sample_that_looks_like_names_is_noted(case: str) -> None:
    text, noted = NOTED[case]
    Path("x.csv").write_text(text)
    decision, notes = found(Path("x.csv"))
    assert decision == SAMPLE
    assert any("was read as a sample; if it has names, say --header" in note for note in notes) is noted
    assert found(Path("x.csv"), header=False)[1] == ()


def test_a_header_without_rows_is_said() -> None:
    Path("x.csv").write_text("a,b\n")
    assert found(Path("x.csv")) == (HEADER, ("x.csv: has a header and not a single row",))


AMBIGUOUS = {
    "two comments": ("# a,b\n# rpm,K\n5,6\n", "lines 1 and 2: each may be the header"),
    "a comment and a line of names": ("# a,b\nrpm,K\n5,6\n", "lines 1 and 2: each may be the header"),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_several_headers_are_asked_about(case: str) -> None:
    text, words = AMBIGUOUS[case]
    Path("x.csv").write_text(text)
    assert words in found(Path("x.csv"))[0]


UNIT_ROWS: list[tuple[list[list[str]], tuple[int, ...], int]] = [
    ([["rpm", "%", "K"], ["", "Avg", "Avg"], ["1", "2", "NaN"]], (0, 1, 2), 2),
    ([["", "Avg", "Avg"], ["1", "2", "3"], ["x", "y", "z"]], (0, 1, 2), 1),
    ([["%", "%"], ["1", "2"]], (0, 1), 1),
    ([["rpm", "-", "1"], ["5", "6", "7"]], (0, 1, 2), 1),
    ([["s", "V", "V"], ["10:00", "-", "-"]], (1, 2), 1),
    ([["s", "V", "V"], ["10:00", "NaN", "x"]], (1, 2), 1),
    ([["s", "V", "V"], ["r1", "", ""]], (1, 2), 1),
    ([["10:00", "", ""], ["10:01", "1", "2"]], (1, 2), 0),  # a sample of which everything is missing
    ([["1", "2", "NaN"]], (0, 1, 2), 0),
    ([["-", "70.8"]], (0, 1), 0),  # a sample with a dash
    ([["3180,5", "rpm"]], (0, 1), 0),  # a sample with a decimal comma that was not told
    ([], (0, 1), 0),
]


@pytest.mark.parametrize(("body", "indices", "count"), UNIT_ROWS)
def test_which_lines_hold_units(body: list[list[str]], indices: tuple[int, ...], count: int) -> None:
    if count:
        assert headings.unit_rows(["a", "b", "c"], body, indices, ".", "x.csv") == count
    else:
        with pytest.raises(DataError, match=r"x.csv: the line below the header holds none, so --units has no units"):
            headings.unit_rows(["a", "b", "c"], body, indices, ".", "x.csv")
    with pytest.raises(DataError, match=r"x.csv: it has no header, so --units has no units"):
        headings.unit_rows(None, body, indices, ".", "x.csv")


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("a,b,c,\n1,2,3,\n4,5,6,\n", 3, [[1, 2, 3], [4, 5, 6]]),
        ("a,b,c\n1,2,3,\n4,5,6,\n", 3, [[1, 2, 3], [4, 5, 6]]),
        ("a,b,c,\n1,2,3\n4,5,6\n", 3, [[1, 2, 3], [4, 5, 6]]),
        ("a;b;c;;;\n1;2;3;;;\n4;5;6;;;\n", 3, [[1, 2, 3], [4, 5, 6]]),
        ("5,2,3,\n4,5,6,\n", 3, [[5, 2, 3], [4, 5, 6]]),
        ("5,2,3,,\n4,5,6,,\n", 3, [[5, 2, 3], [4, 5, 6]]),
        ("5,2,3,\n4,5,6,\n", 4, [[5, 2, 3, np.nan], [4, 5, 6, np.nan]]),
        ("a\tb\t\n1\t2\t\n3\t4\t\n", 2, [[1, 2], [3, 4]]),
    ],
)
def test_delimiters_at_the_end_of_every_row(text: str, size: int, expected: list[list[float]]) -> None:
    Path("x.csv").write_text(text)
    np.testing.assert_array_equal(read(size), expected)


@pytest.mark.parametrize(
    "text",
    [
        "a,b,c,\n" + "1,2,3,\n" * 40 + "1,2,3,4\n",  # something in the column without a name
        "a,b,c\n" + "1,2,3,\n" * 40 + "1,2,3,4\n",
        "5,2,3,\n" + "1,2,3,\n" * 40 + "1,2,3,4\n",
        "a,b,c\n" + "1,2,3,\n" * 40 + "1,2,3\n",
        'a,b,c\n"1",5,6,\n"2",7,8,\n',  # R's row names, and the last column missing
    ],
)
def test_what_stands_behind_the_last_column_is_never_lost(text: str) -> None:
    Path("x.csv").write_text(text)
    with pytest.raises(DataError, match=r"x.csv, line \d+"):
        read(3)


def read(size: int) -> np.ndarray:
    with tables.reader("x.csv", size=size) as rows:
        return np.concatenate([rows.parse(chunk).x for chunk in rows.chunks()])
