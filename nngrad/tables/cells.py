"""What a cell of text means: a number, a missing number, a name, or what programs write for a number and nngrad refuses.

A cell that is no number is refused with what to do about it, and what is read never depends on the other cells of the table.
"""

from __future__ import annotations

import math
import re
from functools import cache

POINT, COMMA = ".", ","
NUMBER, MISSING, EMPTY, ODD, NAME = "number", "missing", "empty", "odd", "name"  # the kinds of cells

# Fortran writes 1D+03 for a double of 1000
PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?", re.ASCII)
# the runtime of Visual C before 2015 writes 1.#INF, 1.#QNAN and -1.#IND, filled up with zeros; the one since then nan(ind)
INFINITE = re.compile(r"[+-]?(?:inf|infinity|1\.#inf0*(?:e[+-]?0+)?)", re.ASCII | re.IGNORECASE)
NOT_A_NUMBER = re.compile(r"[+-]?nan(?:\(\w*\))?|[+-]?1\.#(?:qnan|snan|ind)0*(?:e[+-]?0+)?", re.ASCII | re.IGNORECASE)
MISSING_WORDS = frozenset(("NA", "N/A", "#N/A", "#NA", "#N/A N/A", "<NA>", "NULL", "NONE", "<MISSING>"))
FREQUENT = ("NA", "#N/A", "NULL", "null", "N/A", "None", "n/a", "nan(ind)", "-nan(ind)", "-1.#IND", "1.#QNAN", "<NA>")  # for polars

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


# (what is written, where the decimal mark is this one (None: any), what to say of it); the first that fits counts
REFUSED: tuple[tuple[str, str | None, str], ...] = (
    ("|".join(DATES), None, A_DATE),
    (rf"{SIGN}0*[1-9]\d{{0,2}},\d{{3}}", POINT, "may be {joined} or {parted}: say --decimal , or remove the thousands mark"),
    (
        rf"{SIGN}0*[1-9]\d{{0,2}}\.\d{{3}}",
        COMMA,
        "may be {joined} or {parted}: leave --decimal , out or remove the thousands mark",
    ),
    (rf"{SIGN}\d*,\d+(?:[ed][+-]?\d+)?|{SIGN}\d+,", POINT, "has a decimal comma; say --decimal ,"),
    (rf"{SIGN}(?:\d+\.\d*|\.\d+)(?:[ed][+-]?\d+)?", COMMA, "has a decimal point; leave --decimal , out, or write a comma"),
    (
        rf"{SIGN}\d{{1,3}}(?:\.\d{{3}})+,\d*",
        POINT,
        "has thousands marks and a decimal comma; remove the points and say --decimal ,",
    ),
    (rf"{SIGN}\d{{1,3}}(?:{GROUP}\d{{2,3}})*(?:{GROUP}\d{{3}})(?:[.,]\d*)?", None, "has thousands marks; remove them"),
    (rf"{SIGN}[\d.,]+ ?[%‰]|[%‰] ?[\d.,]+", None, "is a percentage; write the number alone, as the network was trained on it"),
    (rf"{SIGN}{CURRENCY} ?{SIGN}[\d.,]+|{SIGN}[\d.,]+ ?{CURRENCY}", None, "has a currency sign; remove it"),
    (r"\( *[$€£¥]?[\d.,]+(?:e[+-]?\d+)? *\)", None, "stands in parentheses; write a minus if it is negative"),
    (r"[−–—‐‑－][\d.,]+(?:e[+-]?\d+)?", None, "has a typographic minus; write -"),
    (r"[+-]?[\d.,]+e[−–—‐‑－]\d+", None, "has a typographic minus; write -"),
    (r"[+-]?0x[\da-f.]+(?:p[+-]?\d+)?", None, "is hexadecimal; write it as a decimal number"),
    (r"[+-]?\d*\.\d+[+-]\d{2,3}", None, "has an exponent without its letter; write e before it"),
    (r"\*+", None, "is what Fortran writes for a number that is too wide for its field; write it in a wider one"),
    (r"#[a-z0-9/]+[!?]", None, "is an error of a spreadsheet; mend it, or leave the cell empty"),
    (r'=.*|"?=".*', None, "is a formula; write its value"),
    (
        r"[+-]?[\d.,e+-]*\d(?:[|;:\t ]+[+-]?[\d.,e+-]*\d)+",
        None,
        "holds several numbers; say what separates them with --delimiter",
    ),
    (r"[+-]?\d+[.,]\d+ ?[^\W\d][^\s\d]*|[+-]?\d+ [^\W\d][^\s\d]*", None, "has a unit; write the number alone"),
)
REFUSED_LETTERS = (
    (DATES[-1], None, A_DATE),
    (rf"{CURRENCY} ?{SIGN}[\d.,]+", None, "has a currency sign; remove it"),
    ("|".join(TRUE_OR_FALSE), None, "is no number; write 1 or 0"),
)


def number(text: str, decimal: str = POINT) -> float:
    """The number that a cell holds: NaN where it is empty or says so. ValueError says what is wrong with it."""
    cell = text.strip()
    plain = cell if decimal == POINT else _with_point(cell)
    if PLAIN.fullmatch(plain):
        value = float(plain.replace("d", "e").replace("D", "e"))
        if math.isinf(value):
            raise ValueError(f"{shortened(cell)} is too large for a double (at most 1.8e308); write Inf if infinity is meant")
        return value
    if not cell or _is_missing(cell):
        return math.nan
    if INFINITE.fullmatch(cell):
        return -math.inf if cell[0] == "-" else math.inf
    raise ValueError(f"{shortened(cell)} {refusal(cell, decimal)}")


def without_options(message: str) -> str:
    """What is wrong with a text in a format of cells, for which --decimal and --delimiter mean nothing."""
    return message.replace("say --decimal ,", "store it as a number").replace(
        "say what separates them with --delimiter", "give each a cell"
    )


def kind(text: str, decimal: str = POINT) -> str:
    """What a cell is: a number (also one that is too large), missing, empty, a name, or odd: no name, and refused as a number."""
    cell = text.strip()
    if not cell:
        return EMPTY
    if PLAIN.fullmatch(cell if decimal == POINT else _with_point(cell)) or INFINITE.fullmatch(cell):
        return NUMBER
    if _is_missing(cell):
        return NAME if cell == "Na" else MISSING  # sodium, in a line of names
    return ODD if _hint(cell, decimal) or not any(c.isalpha() for c in cell) else NAME


def refusal(cell: str, decimal: str = POINT) -> str:
    """What is wrong with a cell that is no number, and what to do."""
    return _hint(cell, decimal) or FILL_IN


def shortened(text: str) -> str:
    """A text for a message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _hint(cell: str, decimal: str) -> str:
    if len(cell) > 100:
        return ""
    if any(c.isdigit() and not c.isascii() for c in cell):
        return "has digits other than 0 to 9; write it with those"
    begins = cell[:1].isalpha()
    words = next((words for pattern, mark, words in _patterns(begins) if mark in (None, decimal) and pattern.fullmatch(cell)), "")
    if "{joined}" not in words:
        return words
    joined = re.sub(r"[.,]", "", cell)
    return words.format(joined=joined, parted=float(f"{cell.replace('−', '-').replace(',', '.')}"))


@cache
def _patterns(begins_with_letter: bool) -> tuple[tuple[re.Pattern[str], str | None, str], ...]:
    """REFUSED, compiled when it is needed: the few that names are compared with cost nothing to speak of."""
    few = REFUSED_LETTERS if begins_with_letter else REFUSED
    return tuple((re.compile(text, re.IGNORECASE), mark, words) for text, mark, words in few)


def _with_point(cell: str) -> str:
    """A number with a decimal comma as Python writes it; one with a point becomes no number."""
    return "" if POINT in cell else cell.replace(COMMA, POINT)


def _is_missing(cell: str) -> bool:
    return cell.upper() in MISSING_WORDS or NOT_A_NUMBER.fullmatch(cell.replace(COMMA, POINT)) is not None
