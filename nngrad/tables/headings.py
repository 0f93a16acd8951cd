"""Whether the first line of a table is its header or a sample, for tables of cells: csv, tsv, Excel, and those that are
turned.

No sample may be swallowed as a header, and no header read as a sample without a word. The first line is, if the user
doesn't say it

    names, or names and empty cells                 the header
    empty cells alone                               refused: Excel writes an empty row above a table so
    names beside numbers or missing numbers         refused: it may be a sample with a text in it, or a header with years in it
    0,1,..,n-1 or 1,2,..,n (n > 1), or that behind an empty cell
                                                    refused: pandas and R number columns so; but the only line of a
                                                    table is a sample
    numbers behind an empty cell, above rows that are counted in front; numbers in quotes, above rows without
                                                    refused
    everything else                                 a sample: numbers, missing numbers and what is refused as a number (`-`, `12%`,
                                                    `1 000`), which gets the message that it would get in any other line

A sample that looks like column names (2019, 2020, 2021; 400, 410, 420; a single 0 or 1) is noted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from nngrad.errors import DataError, listed
from nngrad.tables.cells import EMPTY, MISSING, NAME, NUMBER, ODD, kind, number, refusal, shortened

Rows = Sequence[Sequence[str]]
At = Callable[[int, int], str]  # what messages call the cell in this row and column of the head
ASK = "say --header if this line has names, --no-header if it is a sample"

COUNTED = re.compile(r"(?:column_|col|c|v|var|s|sample)?\d+", re.IGNORECASE)  # names of columns that say nothing

PLACEHOLDERS = frozenset("-–—?.*_/#")  # what stands for a missing number as well as for a missing unit
FEW_DIGITS = re.compile(r"\d{1,9}(?:[.,]\d{1,9})?")


class TableColumns(NamedTuple):
    """Names of the columns (None: they have none), the cells of a row, and how many of them at
    its end are always empty.
    """

    names: list[str] | None
    width: int
    blank: int


def is_header(rows: Rows, at: At, decimal: str, only: bool, quoted: bool = False) -> bool:
    """Whether the first of these rows is a header; DataError where that is for the user to say.

    `only`: the table has no other row; `quoted`: the first row's cells stand in quotes and the second's don't.
    """
    first = [kind(cell, decimal) for cell in rows[0]]
    if set(first) == {EMPTY} and not only:
        where = at(0, 0).removesuffix(", column 1")
        raise DataError(
            f"{where}: all cells are empty; remove this line, or say --no-header if it is a sample without values"
        )
    if NAME in first:
        if set(first) - {NAME, EMPTY}:
            column = first.index(NAME)
            text = rows[0][column].strip()
            raise DataError(
                f"{at(0, column)}: {shortened(text)} {refusal(text, decimal).split(';')[0]} as those beside it are; {ASK}"
            )
        return True
    if not only and (reason := _asked(rows, first, quoted)):
        where, cells = at(0, 0).removesuffix(", column 1"), [cell.strip() or "''" for cell in rows[0]]
        raise DataError(f"{where}: {listed(cells)} {reason}; {ASK}")
    return False


def _asked(rows: Rows, kinds: Sequence[str], quoted: bool) -> str:
    """What makes a first row of numbers look like names, if that is so much that the user is asked."""
    inside = rows[0][1:] if kinds[0] == EMPTY else rows[0]
    if len(rows[0]) > 1 and _counts(inside):
        return "may be a header that counts the columns, as pandas and R write it"
    if set(kinds) != {NUMBER} and not (kinds[0] == EMPTY and set(kinds[1:]) == {NUMBER}):
        return ""
    if kinds[0] == EMPTY and len(rows) > 1 and _counts([row[0] for row in rows[1:] if row]):
        return "stand above rows that are counted in front, so they may be names"
    return "stand in quotes, unlike the rows below, so they may be names" if quoted and NUMBER in kinds else ""


def _counts(cells: Sequence[str]) -> bool:
    """Whether these are 0, 1, 2, ... or 1, 2, 3, ..., as names or an index."""
    texts = [cell.strip() for cell in cells]
    return any(texts == [str(i) for i in range(start, start + len(texts))] for start in (0, 1)) and bool(texts)


def doubt(label: str, rows: Rows, decimal: str) -> tuple[str, ...]:
    """A note on a first row that was read as a sample and may be a header all the same."""
    if len(rows) < 2 or any(kind(cell, decimal) != NUMBER for cell in rows[0]):
        return ()
    texts = [cell.strip() for cell in rows[0]]
    plain = all(text.isdigit() for text in texts) and len(set(texts)) == len(texts)
    fractions = any(kind(cell, decimal) == NUMBER and not cell.strip().lstrip("+-").isdigit() for cell in rows[1])
    single = len(texts) == 1
    values = [number(text, decimal) for text in texts] if all(map(FEW_DIGITS.fullmatch, texts)) else []
    years = (
        plain and not single and all(_is_year(text) for text in texts) and not all(_is_year(text) for text in rows[1])
    )
    if (plain and fractions and (not single or texts[0] in ("0", "1"))) or years or _steps(values):
        return (f"{label}: the first line ({listed(texts)}) was read as a sample; if it has names, say --header",)
    return ()


def _is_year(cell: str) -> bool:
    return re.fullmatch(r"(19|20)\d\d", cell.strip()) is not None


def _steps(values: Sequence[float]) -> bool:
    """Whether three or more numbers rise in equal steps."""
    if len(values) < 3:
        return False
    step = values[-1] - values[0]
    if not 0 < step < float("inf"):
        return False
    step /= len(values) - 1
    return all(abs(b - a - step) <= 1e-9 * step for a, b in pairwise(values))


def columns(header: Sequence[str] | None, body: Rows, size: int | None) -> TableColumns:
    """The columns of a table, of which the header or the rows may end in delimiters that have nothing behind them.

    Columns at the end are left out if they are empty in all rows, and either their names are empty or, without a
    header, `size` columns are wanted and stand before them.
    """
    width = len(body[0]) if body else len(header or ())
    if header is None:
        fits = size is not None and 0 < size < width and all(_blank(row[size:]) for row in body)
        return TableColumns(None, width, width - size if fits and size is not None else 0)
    names = [name.strip() for name in header]
    if len(names) > width and _blank(names[width:]):
        names = names[:width]
    elif len(names) < width and all(_blank(row[len(names) :]) for row in body) and not _row_names(body):
        names += [""] * (width - len(names))
    blank = 0
    while (
        blank < len(names) - 1 and not names[-1 - blank] and all(_blank(row[len(names) - 1 - blank :]) for row in body)
    ):
        blank += 1
    return TableColumns(names[: len(names) - blank], len(names), blank)


def _row_names(body: Rows) -> bool:
    """Whether the rows begin with names or a count, for which R writes no name."""
    first = [row[0] for row in body]
    return _counts(first) or any(kind(cell) not in (NUMBER, EMPTY) for cell in first)


def _blank(cells: Sequence[str]) -> bool:
    return not any(cell.strip() for cell in cells)


def unit_rows(names: Sequence[str] | None, body: Rows, indices: Sequence[int], decimal: str, label: str) -> int:
    """How many rows below the header hold units: text where numbers are wanted, and from the second on no number.

    DataError if none does.
    """
    rows = 0
    for row in body:
        cells = [row[i].strip() for i in indices if i < len(row)]
        kinds = {kind(cell, decimal) for cell in cells}
        numbers = any(kind(cell, decimal) == ODD and any(c.isdigit() for c in cell) for cell in cells) or (
            rows and kinds & {NUMBER, MISSING}
        )
        if numbers or not any(_is_unit(cell, decimal) for cell in cells):
            break
        rows += 1
    if names is None or not rows:
        what = "it has no header" if names is None else "the line below the header holds none"
        raise DataError(f"{label}: {what}, so --units has no units to leave out; leave the option away")
    return rows


def _is_unit(cell: str, decimal: str) -> bool:
    found = kind(cell, decimal)
    return found == NAME or (found == ODD and bool(set(cell) - PLACEHOLDERS) and not any(c.isdigit() for c in cell))


def irregular(rows: Rows, lines: Sequence[int], delimiter: str) -> str:
    """What to do about a first row that has another number of cells than all rows further down;
    nothing to say: an empty text.
    """
    widths = [len(row) for row in rows]
    start = next((k for k in range(len(rows)) if len(set(widths[k:])) == 1), len(rows))
    width = widths[-1]
    if start == 0 or len(rows) - start < 2 or width == widths[0]:
        return ""
    if delimiter == "," and start == 1 and width == 2 * widths[0]:
        return "if the commas are decimal commas, " + (
            "say --decimal ,"
            if widths[0] == 1
            else "they can't be told from those between cells; save it with semicolons"
        )
    if start == 1 and width == widths[0] + 1:
        return "the rows seem to begin with a name or number of the row (R's row.names); name that column too, or save it without"
    return f"if the table begins further down, say --skip {lines[start] - 1}"


def square(label: str, size: int) -> str:
    """What is said of a table without names of which the samples may stand in rows and in columns."""
    return f"{label}: is square ({size}x{size}) and has no names; read as samples in rows: if they stand in columns, say --samples columns"


def would_fit_turned(names: Sequence[str] | None, rows: int | None, width: int, size: int | None) -> str:
    """What is added to the refusal of a table whose columns don't fit, if its rows do and it has
    no names, or only such as count.
    """
    fits = size is not None and size == rows != width and all(COUNTED.fullmatch(name) for name in names or ())
    return "; it would fit with --samples columns" if fits else ""
