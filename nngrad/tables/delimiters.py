"""What stands between the cells of a text table: a character, or any run of blanks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nngrad.errors import UsageError, listed
from nngrad.tables.cells import NUMBER, POINT, kind

BLANKS = "blanks"
DELIMITERS = ("\t", ";", ",")  # a decimal comma stands in files separated by semicolons, so those come first
SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", " ": BLANKS, "space": BLANKS}
QUOTED = re.compile(r'"[^"]*"')
WITH_COMMA = re.compile(r"[+-]?\d+(?:,\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def tabbed(data: bytes) -> bytes:
    """Text with one tab wherever blanks stand between cells."""
    return b"\n".join(b"\t".join(line.split()) for line in data.split(b"\n"))


def sniffed(lines: Sequence[str], decimal: str = POINT) -> str:
    """The delimiter that occurs equally often in the first lines; or else in the last of them, or in the first."""
    bare = [QUOTED.sub("q", line) for line in lines] or [""]
    possible = DELIMITERS if decimal == POINT else DELIMITERS[:2]
    for delimiter in possible:
        if delimiter == "," and _have_decimal_commas(lines):
            return BLANKS
        if bare[0].count(delimiter) and len({line.count(delimiter) for line in bare}) == 1:
            return delimiter
    for delimiter in possible:
        if len(bare) > 2 and bare[-1].count(delimiter) and len({line.count(delimiter) for line in bare[-2:]}) == 1:
            return delimiter
    in_use = [delimiter for delimiter in possible if delimiter in bare[0]]
    if found := next((delimiter for delimiter in in_use if delimiter in bare[-1]), None):
        return found
    if _stand_between_blanks(bare, decimal):
        return BLANKS
    if in_use:
        return in_use[0]
    return "," if decimal == POINT or any('"' in line for line in lines) else ";"


def _have_decimal_commas(lines: Sequence[str]) -> bool:
    """Whether the lines below the first are numbers with decimal commas between blanks."""
    rows = [line.split() for line in lines[1:] or lines]
    return (
        len({len(row) for row in rows}) == 1
        and len(rows[0]) > 1
        and all(WITH_COMMA.fullmatch(cell) for row in rows for cell in row)
        and any("," in cell for row in rows for cell in row)
    )


def _stand_between_blanks(bare: Sequence[str], decimal: str) -> bool:
    first, second = bare[0].split(), bare[min(1, len(bare) - 1)].split()
    if len(first) > 1 and (len(first) == len(second) or all(kind(cell, decimal) == NUMBER for cell in first)):
        return True
    last = [line.split() for line in bare[-2:]]
    return (
        len(last) == 2 and 1 < len(last[0]) == len(last[1]) and all(kind(cell, decimal) == NUMBER for cell in last[1])
    )


def checked_delimiter(delimiter: str | None) -> str | None:
    """A delimiter as one character or BLANKS; UsageError if it is none."""
    if delimiter is None:
        return None
    found = SPELLED.get(delimiter, delimiter)
    if found != BLANKS and (len(found) != 1 or not found.isascii() or found.isalnum() or found in '+-."\r\n\0'):
        raise UsageError(
            f"delimiter {delimiter!r}: it must be one character that numbers don't contain, or one of {listed([*SPELLED, BLANKS])}"
        )
    return found
