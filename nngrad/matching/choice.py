"""A part of a table: the columns that a user chose, and those that are passed through as text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from nngrad.errors import DataError, UsageError, listed
from nngrad.matching.near import Near
from nngrad.matching.refusals import FEW, counted, label, shown


def chosen(
    where: str, names: Sequence[str] | None, count: int, choice: Sequence[str]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The columns that a user chose, by name, by number from 1 or as a range 2-5, and what is doubtful about it."""
    known = {name: [i for i, n in enumerate(names or ()) if n == name] for name in {*choice}} if names else {}
    every_name = all(known.get(c) for c in choice)
    numbers = None if every_name else _numbers(choice, count)
    if numbers is None:
        numbers = [i for c in choice for i in _one(where, names, count, c, known.get(c, []))]
    twice = sorted({i for i in numbers if numbers.count(i) > 1})
    if twice:
        raise UsageError(f"{where}: --columns names {listed([label(names, i) for i in twice], FEW)} more than once")
    doubt = every_name and _numbers(choice, count) not in (None, numbers)
    return tuple(numbers), (
        (f"{where}: --columns {listed(list(choice))} are taken as names, not as numbers",) if doubt else ()
    )


def _numbers(choice: Sequence[str], count: int) -> list[int] | None:
    """0-based columns, if every entry is a number from 1 to `count` or a range of them."""
    found: list[int] = []
    for text in choice:
        ends = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text)
        if not ends:
            return None
        first, last = int(ends[1]), int(ends[2] or ends[1])
        if not 1 <= first <= last <= count:
            return None
        found += range(first - 1, last)
    return found


def _one(where: str, names: Sequence[str] | None, count: int, text: str, places: list[int]) -> list[int]:
    if len(places) > 1:
        numbers = listed([str(i + 1) for i in places], FEW)
        raise DataError(f"{where}: column {text} occurs more than once, as number {numbers}; choose by number")
    found = places or _numbers((text,), count)
    if found:
        return found
    if names is None:
        raise DataError(
            f"{where}: --columns {text}: it has {counted(count, 'column')} without names; give numbers from 1 to {count}"
        )
    near = sorted(Near(enumerate(names)).to(text)) or [
        names.index(n) for n in difflib.get_close_matches(text, names, 1)
    ]
    hint = f"; did you mean {label(names, near[0])}?" if near else ""
    raise DataError(
        f"{where}: --columns {text}: there is no such column; it has {listed(shown(names), FEW)} (1 to {count}){hint}"
    )


def kept_columns(where: str, names: Sequence[str] | None, keep: Sequence[str]) -> tuple[int, ...]:
    if keep and names is None:
        raise DataError(f"{where}: has no column names, so {listed(keep)} can't be kept; give it a header line")
    places = list(names or ())
    for name in keep:
        if name not in places:
            near = difflib.get_close_matches(name, places, 1, 0.6)
            hint = f"; nearest: {near[0]}" if near else f"; it has {listed(places)}"
            raise DataError(f"{where}: no column {name} to keep{hint}")
        if places.count(name) > 1:
            raise DataError(f"{where}: column {name} to keep occurs more than once; rename or remove one")
    return tuple(places.index(name) for name in keep)
