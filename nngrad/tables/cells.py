"""What a cell of text means: a number, a missing number, a name, or what programs write for a number and nngrad
refuses.

A cell that is no number is refused with what to do about it, and what is read never depends on the other cells of the
table.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import NamedTuple

POINT, COMMA = ".", ","
NUMBER, MISSING, EMPTY, ODD, NAME = "number", "missing", "empty", "odd", "name"  # the kinds of cells

# Fortran writes 1D+03 for a double of 1000
PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?", re.ASCII)
# the runtime of Visual C before 2015 writes 1.#INF, 1.#QNAN and -1.#IND, filled up with zeros; the one since then
# nan(ind)
INFINITE = re.compile(r"[+-]?(?:inf|infinity|1\.#inf0*(?:e[+-]?0+)?)", re.ASCII | re.IGNORECASE)
NOT_A_NUMBER = re.compile(r"[+-]?nan(?:\(\w*\))?|[+-]?1\.#(?:qnan|snan|ind)0*(?:e[+-]?0+)?", re.ASCII | re.IGNORECASE)
MISSING_WORDS = frozenset(("NA", "N/A", "#N/A", "#NA", "#N/A N/A", "<NA>", "NULL", "NONE", "<MISSING>"))
FREQUENT = (
    "NA",
    "#N/A",
    "NULL",
    "null",
    "N/A",
    "None",
    "n/a",
    "nan(ind)",
    "-nan(ind)",
    "-1.#IND",
    "1.#QNAN",
    "<NA>",
)  # for polars

SIGN, GROUP = r"[+\-−]?", r"[ ,.'’_\u00a0\u2009\u202f]"
CURRENCY = r"(?:[$€£¥]|EUR|USD|CHF)"
MONTH = r"(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-zä]*\.?"
DATES = (
    r"(?:\d{4}|\d{1,2})([-/.])\d{1,2}\1(?:\d{4}|\d{2})(?:[ T].*)?",
    r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[ap]\.?m\.?)?",
    rf"\d{{1,2}}[-. /]*{MONTH}[-. /,]*\d{{2,4}}(?:[ T].*)?",
    rf"{MONTH} ?\d{{1,2}},? \d{{2,4}}(?:[ T].*)?",
)
TRUE_OR_FALSE = ("true", "false", "wahr", "falsch", "vrai", "faux")
A_DATE = "is a date or a time, not a number; choose the columns of numbers with --columns"
FILL_IN = "is not a number; write NaN or leave the cell empty for a missing value"


class Refusal(NamedTuple):
    """What is refused where a number is wanted, and what is said of it."""

    pattern: str
    decimal: str | None  # where the decimal mark is this one; None: any
    words: str
    in_cells: str = ""  # in a format of cells, for which --decimal and --delimiter mean nothing; else the same words


REFUSED = (  # the first that fits counts
    Refusal("|".join(DATES), None, A_DATE),
    Refusal(
        rf"{SIGN}0*[1-9]\d{{0,2}},\d{{3}}",
        POINT,
        "may be {joined} or {parted}: say --decimal , or remove the thousands mark",
        "may be {joined} or {parted}: store it as a number or remove the thousands mark",
    ),
    Refusal(
        rf"{SIGN}0*[1-9]\d{{0,2}}\.\d{{3}}",
        COMMA,
        "may be {joined} or {parted}: leave --decimal , out or remove the thousands mark",
    ),
    Refusal(
        rf"{SIGN}\d*,\d+(?:[ed][+-]?\d+)?|{SIGN}\d+,",
        POINT,
        "has a decimal comma; say --decimal ,",
        "has a decimal comma; store it as a number",
    ),
    Refusal(
        rf"{SIGN}(?:\d+\.\d*|\.\d+)(?:[ed][+-]?\d+)?",
        COMMA,
        "has a decimal point; leave --decimal , out, or write a comma",
    ),
    Refusal(
        rf"{SIGN}\d{{1,3}}(?:\.\d{{3}})+,\d*",
        POINT,
        "has thousands marks and a decimal comma; remove the points and say --decimal ,",
        "has thousands marks and a decimal comma; remove the points and store it as a number",
    ),
    Refusal(
        rf"{SIGN}\d{{1,3}}(?:{GROUP}\d{{2,3}})*(?:{GROUP}\d{{3}})(?:[.,]\d*)?", None, "has thousands marks; remove them"
    ),
    Refusal(
        rf"{SIGN}[\d.,]+ ?[%‰]|[%‰] ?[\d.,]+",
        None,
        "is a percentage; write the number alone, as the network was trained on it",
    ),
    Refusal(rf"{SIGN}{CURRENCY} ?{SIGN}[\d.,]+|{SIGN}[\d.,]+ ?{CURRENCY}", None, "has a currency sign; remove it"),
    Refusal(r"\( *[$€£¥]?[\d.,]+(?:e[+-]?\d+)? *\)", None, "stands in parentheses; write a minus if it is negative"),
    Refusal(r"[−–—‐‑－][\d.,]+(?:e[+-]?\d+)?", None, "has a typographic minus; write -"),
    Refusal(r"[+-]?[\d.,]+e[−–—‐‑－]\d+", None, "has a typographic minus; write -"),
    Refusal(r"[+-]?0x[\da-f.]+(?:p[+-]?\d+)?", None, "is hexadecimal; write it as a decimal number"),
    Refusal(r"[+-]?\d*\.\d+[+-]\d{2,3}", None, "has an exponent without its letter; write e before it"),
    Refusal(
        r"\*+", None, "is what Fortran writes for a number that is too wide for its field; write it in a wider one"
    ),
    Refusal(r"#[a-z0-9/]+[!?]", None, "is an error of a spreadsheet; mend it, or leave the cell empty"),
    Refusal(r'=.*|"?=".*', None, "is a formula; write its value"),
    Refusal(
        r"[+-]?[\d.,e+-]*\d(?:[|;:\t ]+[+-]?[\d.,e+-]*\d)+",
        None,
        "holds several numbers; say what separates them with --delimiter",
        "holds several numbers; give each a cell",
    ),
    Refusal(r"[+-]?\d+[.,]\d+ ?[^\W\d][^\s\d]*|[+-]?\d+ [^\W\d][^\s\d]*", None, "has a unit; write the number alone"),
)
REFUSED_LETTERS = (
    Refusal(DATES[-1], None, A_DATE),
    Refusal(rf"{CURRENCY} ?{SIGN}[\d.,]+", None, "has a currency sign; remove it"),
    Refusal("|".join(TRUE_OR_FALSE), None, "is no number; write 1 or 0"),
)


def number(text: str, decimal: str = POINT, in_cells: bool = False) -> float:
    """The number that a cell holds: NaN where it is empty or says so. ValueError says what is wrong with it.

    `in_cells`: it stands in a format of cells, such as a sheet, for which --decimal and --delimiter mean nothing.
    """
    cell = text.strip()
    plain = cell if decimal == POINT else _with_point(cell)
    if PLAIN.fullmatch(plain):
        value = float(plain.replace("d", "e").replace("D", "e"))
        if math.isinf(value):
            raise ValueError(
                f"{shortened(cell)} is too large for a double (at most 1.8e308); write Inf if infinity is meant"
            )
        return value
    if not cell or _is_missing(cell):
        return math.nan
    if INFINITE.fullmatch(cell):
        return -math.inf if cell[0] == "-" else math.inf
    raise ValueError(f"{shortened(cell)} {refusal(cell, decimal, in_cells)}")


def kind(text: str, decimal: str = POINT) -> str:
    """What a cell is: a number (also one that is too large), missing, empty, a name, or odd: no
    name, and refused as a number.
    """
    cell = text.strip()
    if not cell:
        return EMPTY
    if PLAIN.fullmatch(cell if decimal == POINT else _with_point(cell)) or INFINITE.fullmatch(cell):
        return NUMBER
    if _is_missing(cell):
        return NAME if cell == "Na" else MISSING  # sodium, in a line of names
    return ODD if _hint(cell, decimal) or not any(c.isalpha() for c in cell) else NAME


def refusal(cell: str, decimal: str = POINT, in_cells: bool = False) -> str:
    """What is wrong with a cell that is no number, and what to do."""
    return _hint(cell, decimal, in_cells) or FILL_IN


def shortened(text: str) -> str:
    """A text for a message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _hint(cell: str, decimal: str, in_cells: bool = False) -> str:
    if len(cell) > 100:
        return ""
    if any(c.isdigit() and not c.isascii() for c in cell):
        return "has digits other than 0 to 9; write it with those"
    fitting = (
        r for pattern, r in _patterns(cell[:1].isalpha()) if r.decimal in (None, decimal) and pattern.fullmatch(cell)
    )
    found = next(fitting, None)
    if found is None:
        return ""
    words = (found.in_cells if in_cells else "") or found.words
    if "{joined}" not in words:
        return words
    joined = re.sub(r"[.,]", "", cell)
    return words.format(joined=joined, parted=float(f"{cell.replace('−', '-').replace(',', '.')}"))


@cache
def _patterns(begins_with_letter: bool) -> tuple[tuple[re.Pattern[str], Refusal], ...]:
    """REFUSED, compiled when it is needed: the few that names are compared with cost nothing to speak of."""
    few = REFUSED_LETTERS if begins_with_letter else REFUSED
    return tuple((re.compile(refused.pattern, re.IGNORECASE), refused) for refused in few)


def _with_point(cell: str) -> str:
    """A number with a decimal comma as Python writes it; one with a point becomes no number."""
    return "" if POINT in cell else cell.replace(COMMA, POINT)


def _is_missing(cell: str) -> bool:
    return cell.upper() in MISSING_WORDS or NOT_A_NUMBER.fullmatch(cell.replace(COMMA, POINT)) is not None
