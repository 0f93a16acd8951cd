"""Which column of a table is which input, for files of every format, for frames in memory and for second tables.

A name that both sides know decides, in any order. Where the spelling differs, exactly one column has to fit, and it is
said. Names such as x1, x2 stand for positions: other columns may be taken for them in order, which is said too.
Everything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nngrad.errors import DataError
from nngrad.matching.choice import chosen, kept_columns
from nngrad.matching.names import ByName
from nngrad.matching.refusals import misfit
from nngrad.matching.wanted import Match, Rows, Wanted


def match(
    where: str, names: Sequence[str] | None, count: int, wanted: Wanted, rows: Callable[[], Rows] = tuple
) -> Match:
    """Find the wanted columns in a table of `count` columns called `names` (None: without names), or raise DataError.

    `rows` gives the first few rows; it is called for the words of a refusal, and where a column has no name.
    """
    kept = kept_columns(where, names, wanted.keep)
    part, doubts = tuple(range(count)), tuple[str, ...]()
    if wanted.choose is not None:
        part, doubts = chosen(where, names, count, wanted.choose)
    if names is not None and wanted.columns is not None and wanted.by != "order":
        found = ByName(where, names, part, kept, wanted, rows).match()
        return found._replace(notes=doubts + found.notes, doubts=doubts + found.doubts)
    if wanted.by == "name" and wanted.columns is not None:
        raise DataError(f"{where}: has no column names; {wanted.advice.header}")
    rest = part if wanted.choose is not None else tuple(i for i in part if i not in kept)
    if wanted.width is not None and len(rest) != wanted.width:
        raise DataError(misfit(where, names, rest, wanted, rows))
    return Match(rest, None if names is None else tuple(names[i] for i in rest), kept, doubts, doubts)
