"""Which column of a table is which input: one rule for files of every format, for frames in memory, and for second tables.

A name that both sides know decides, in any order. Where the spelling differs, exactly one column has to fit, and it is said. Names such
as x1, x2 stand for positions: other columns may be taken for them in order, which is said too. Everything else is refused.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from nngrad.errors import DataError, UsageError, listed
from nngrad.tables.spelling import Spelling, flattened, spelled, squeezed

FEW = 4  # names of one kind in a refusal, so that it stays readable
PAIRS = 8  # of columns in a note
SUGGESTED = 100  # characters of a suggested list of columns
NUMBERED = re.compile(r"[xy]\d+(\(t([+-]\d+)?\))?|a\d+(_\d+)?\(t([+-]\d+)?\)")  # what loaders call columns without names
COMMON_STEMS = frozenset(["var", "v", "variable", "col", "column"])
STEMS = {  # what else numbered columns go by
    "x": COMMON_STEMS | {"in", "inp", "input", "inputs", "feature", "feat", "predictor", "u", "p"},
    "y": COMMON_STEMS | {"out", "output", "outputs", "response", "target"},
}
TIMES = frozenset(["time", "t", "tout", "timestamp", "date", "datetime", "ts", "zeit", "datum", "uhrzeit"])
INDICES = frozenset(["index", "idx", "id", "no", "nr", "row", "rownum", "record", "sample", "unnamed", "#", "level0", "rowid", "lfdnr"])
OF_PANDAS = re.compile(r"Unnamed: 0(\.\d+)?|__index_level_\d+__")
TARGETS = frozenset(["target", "targets", "label", "labels", "output", "outputs", "response", "y", "class"])

Rows = Sequence[Sequence[Any]]


class Hints(NamedTuple):
    """What a refusal tells the user to do, in the words of the place where it happens."""

    order: str  # takes all columns that are left
    part: str  # takes some of them
    choose: str
    header: str


COMMAND = Hints(
    "--by order takes them as they stand",
    "--columns NAMES --by order takes those",
    "choose with --columns",
    "give it a header line, or leave --by name out",
)
PYTHON = Hints(
    "x.to_numpy() is taken as it stands", "x[[...]].to_numpy() is taken as it stands", "choose with x[[...]]", "give its columns names"
)


@dataclass(frozen=True)
class Wanted:
    """What the caller asks of a table: see nngrad.tables.reader. `aliases` are other names of the wanted columns, one each."""

    size: int | None = None
    columns: tuple[str, ...] | None = None
    keep: tuple[str, ...] = ()
    by: str | None = None
    max_rows: int | None = None
    choose: tuple[str, ...] | None = None
    aliases: tuple[str, ...] = ()
    hints: Hints = COMMAND

    @property
    def names(self) -> tuple[str, ...]:
        """Names that arrays beside each other may have, where each holds a column."""
        return (self.choose or ()) if self.choose is not None or self.by == "order" else (self.columns or ())

    @property
    def width(self) -> int | None:
        """The number of columns that are needed, if it matters."""
        return self.size if self.size is not None or self.columns is None else len(self.columns)


class Match(NamedTuple):
    """Where the wanted columns and the kept ones stand in the table.

    `notes` is everything worth saying; `doubts` is the part of it that the numbers depend on.
    """

    indices: tuple[int, ...]
    names: tuple[str, ...] | None
    kept: tuple[int, ...]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def match(where: str, names: Sequence[str] | None, count: int, wanted: Wanted, rows: Callable[[], Rows] = tuple) -> Match:
    """Find the wanted columns in a table of `count` columns called `names` (None: without names), or raise DataError.

    `rows` gives the first few rows; it is called for the words of a refusal, and where a column has no name.
    """
    kept = _kept(where, names, wanted.keep)
    part, doubts = chosen(where, names, count, wanted.choose) if wanted.choose is not None else (tuple(range(count)), ())
    if names is not None and wanted.columns is not None and wanted.by != "order":
        found = _Reading(where, names, part, kept, wanted, rows).match()
        return found._replace(notes=doubts + found.notes, doubts=doubts + found.doubts)
    if wanted.by == "name" and wanted.columns is not None:
        raise DataError(f"{where}: has no column names; {wanted.hints.header}")
    rest = part if wanted.choose is not None else tuple(i for i in part if i not in kept)
    if wanted.width is not None and len(rest) != wanted.width:
        raise DataError(_misfit(where, names, rest, wanted, rows))
    return Match(rest, None if names is None else tuple(names[i] for i in rest), kept, doubts, doubts)


class _Reading:
    """Names against names: which column of the table is meant by each wanted one."""

    def __init__(
        self, where: str, names: Sequence[str], part: tuple[int, ...], kept: tuple[int, ...], wanted: Wanted, rows: Callable[[], Rows]
    ) -> None:
        self.where, self.names, self.part, self.kept, self.wanted, self.rows = where, names, part, kept, wanted, rows
        self.columns = wanted.columns or ()
        self.found: dict[int, int] = {}  # wanted column -> column of the table
        self.by_alias: set[int] = set()
        self.candidates: dict[int, set[int]] = {}  # of columns whose names are not found as they stand
        self.doubts: list[str] = []

    def match(self) -> Match:
        self._exactly()
        if self.missing:
            self._by_number()
            self._nearly()
        if self.missing:
            self._in_order()
        surplus = self.surplus
        notes = (f"{self.where}: {counted(len(surplus), 'surplus column')} ignored: {listed(_shown(surplus))}",) if surplus else ()
        indices = tuple(self.found[j] for j in range(len(self.columns)))
        names = tuple(self.names[i] if NUMBERED.fullmatch(c) else c for c, i in zip(self.columns, indices, strict=True))
        return Match(indices, names, self.kept, (*self.doubts, *notes), tuple(self.doubts))

    @property
    def missing(self) -> list[int]:
        return [j for j in range(len(self.columns)) if j not in self.found]

    @property
    def free(self) -> list[int]:
        used = set(self.found.values())
        return [i for i in self.part if i not in used]

    @property
    def surplus(self) -> list[str]:
        return [self.names[i] for i in self.free if i not in self.kept]

    def _exactly(self) -> None:
        places: dict[str, list[int]] = {}
        for i in self.part:
            places.setdefault(self.names[i], []).append(i)
        twice = [c for c in self.columns if len(places.get(c, ())) > 1]
        if twice:
            raise DataError(f"{self.where}: column {listed(twice, FEW)} occurs more than once; rename or remove one")
        self.found = {j: places[c][0] for j, c in enumerate(self.columns) if c in places}
        for j, alias in enumerate(self.wanted.aliases):
            if alias and j not in self.found and len(places.get(alias, ())) == 1 and alias not in self.columns:
                self.found[j] = places[alias][0]
                self.by_alias.add(j)

    def _by_number(self) -> None:
        """x1, x2, ... under another usual spelling of all of them: X1, x_1, x(1), Var1, in1."""
        numbered = [j for j in self.missing if NUMBERED.fullmatch(self.columns[j])]
        if not numbered:
            return
        wanted = {j: spelled(self.columns[j]) for j in numbered}
        stem = wanted[numbered[0]].stem
        groups: dict[str, dict[tuple[str, int], list[int]]] = {}
        for i in self.free:
            name = spelled(self.names[i])
            if name.number:
                groups.setdefault(name.stem, {}).setdefault((name.number, name.delay), []).append(i)
        every = sum(bool(NUMBERED.fullmatch(c)) for c in self.columns) == len(numbered)
        others = STEMS.get(stem, frozenset()) if every else frozenset()  # a name that was found says how the others are spelled
        complete = [s for s in ({stem} if stem in groups else others) if s in groups]
        complete = [s for s in complete if all(len(groups[s].get((w.number, w.delay), ())) == 1 for w in wanted.values())]
        if len(complete) == 1 and all(w.stem == stem for w in wanted.values()):
            found = {j: groups[complete[0]][w.number, w.delay][0] for j, w in wanted.items()}
            self.found |= found
            if list(found.values()) != sorted(found.values()):
                self._doubt("columns taken by their numbers", found)

    def _nearly(self) -> None:
        """Other spellings of real names, and of the names of ports: Speed, speed [rpm], speed_rpm."""
        free = self.free
        near = _Near([(i, self.names[i]) for i in free])
        aliases = dict(enumerate(self.wanted.aliases))
        candidates: dict[int, set[int]] = {}
        for j in self.missing:
            own = set() if NUMBERED.fullmatch(self.columns[j]) else near.to(self.columns[j])
            candidates[j] = own | (near.to(aliases[j]) if aliases.get(j) else set())
        self.candidates = candidates
        claims = [i for c in candidates.values() for i in c]
        found = {j: next(iter(c)) for j, c in candidates.items() if len(c) == 1 and claims.count(next(iter(c))) == 1}
        if found:
            self.found |= found
            self.by_alias |= {j for j in found if NUMBERED.fullmatch(self.columns[j])}
            self._doubt("names taken for near ones", found)

    def _in_order(self) -> None:
        """What is left of the table for columns that have a number and no name."""
        missing, rest = self.missing, [i for i in self.free if i not in self.kept]
        numbered = [j for j, c in enumerate(self.columns) if NUMBERED.fullmatch(c) and j not in self.by_alias]
        if missing != numbered or self.wanted.by == "name":
            raise DataError(self._refusal())
        if len(rest) != len(missing):
            if any(spelled(self.names[i]).stem == spelled(self.columns[missing[0]]).stem for i in rest):
                raise DataError(self._refusal())
            raise DataError(_misfit(self.where, self.names, rest, self.wanted, self.rows, len(missing)))
        against = _against_order([self.names[i] for i in rest], [self.columns[j] for j in missing])
        if against:
            raise DataError(f"{self.where}: {against}; rename the columns; {self._way()}")
        found = dict(zip(missing, rest, strict=True))
        index = next((j for j, i in found.items() if self._is_index(i)), None)
        if index is not None:
            name = _label(self.names, found[index])
            raise DataError(f"{self.where}: {self.columns[index]} would be {name}, an index of the rows; leave that out; {self._way()}")
        self.found |= found
        self._doubt("columns taken in order", found)

    def _is_index(self, i: int) -> bool:
        """Whether pandas or R wrote this column beside those of the table: by its name, or because it has none and counts the rows."""
        blank = not self.names[i].strip() and _counts([row[i] for row in self.rows() if i < len(row)])
        return blank or OF_PANDAS.fullmatch(self.names[i]) is not None

    def _way(self) -> str:
        free = [i for i in self.free if i not in self.kept]
        return self.wanted.hints.part if len(free) > len(self.missing) else self.wanted.hints.order

    def _doubt(self, what: str, found: dict[int, int]) -> None:
        pairs = [f"{self.columns[j]} = {_shown([self.names[i]])[0]}" for j, i in sorted(found.items())]
        self.doubts.append(f"{self.where}: {what}: {listed(pairs, PAIRS)}")

    def _refusal(self) -> str:
        missing, surplus = [self.columns[j] for j in self.missing], self.surplus
        near = list(self._nearest(surplus))
        return (
            f"{self.where}: {counted(len(missing), 'column')} of {len(self.columns)} missing: {listed(_shown(missing), FEW)}"
            + (f"; surplus: {listed(_shown(surplus), FEW)}" if surplus else "")
            + (f"; nearest: {listed(near, FEW)}" if near else "")
            + f"; rename the columns; {self._way()}"
        )

    def _nearest(self, surplus: Sequence[str]) -> Iterator[str]:
        for j in self.missing[:FEW]:
            several = [self.names[i] for i in sorted(self.candidates.get(j, ()))]
            near = several[:2] if len(several) > 1 else difflib.get_close_matches(self.columns[j], surplus, 1, 0.6)
            if near:
                yield f"{self.columns[j]} like {' and '.join(_shown(near))}"


class _Near:
    """The columns of a table by what their names say, whatever they look like."""

    def __init__(self, columns: Iterable[tuple[int, str]]) -> None:
        self.whole: dict[str, set[int]] = {}
        self.bases: dict[tuple[str, int], list[tuple[int, Spelling]]] = {}
        starts = []
        for i, name in columns:
            self.whole.setdefault(squeezed(name), set()).add(i)
            how = spelled(name)
            self.bases.setdefault((how.base, how.delay), []).append((i, how))
            starts.append((flattened(name), i))
        self.starts = sorted(starts)

    def to(self, name: str) -> set[int]:
        """The columns that may be meant by a name: more than one where another only begins with it."""
        how = spelled(name)
        same = self.whole.get(squeezed(name), set())
        found = {i for i, other in self.bases.get((how.base, how.delay), ()) if not (how.unit and other.unit) or how.unit == other.unit}
        return same if len(same) == 1 else found | same | (set(self._beginning(flattened(name) + "_")) if found else set())

    def _beginning(self, start: str) -> Iterator[int]:
        for name, i in self.starts[bisect_left(self.starts, (start,)) :]:
            if not name.startswith(start):
                return
            yield i


def _against_order(names: Sequence[str], columns: Sequence[str]) -> str:
    """Why names that stand for none of the numbered columns still forbid taking them in order; "" if they don't."""
    table, model = [spelled(n) for n in names], [spelled(c) for c in columns]
    own = [n for n, how in zip(names, table, strict=True) if how.number and how.stem == model[0].stem]
    if own:
        return f"has {listed(_shown(own), FEW)} where {listed(columns, FEW)} are needed"
    if model[0].stem == "y" and any(NUMBERED.fullmatch(n) and n[0] == "x" for n in names):
        return f"has {listed(_shown(names), FEW)} where {listed(columns, FEW)} are needed"
    if all(n.isdecimal() for n in names):
        numbers = [int(n) for n in names]
        return "" if numbers in (list(range(len(names))), list(range(1, len(names) + 1))) else f"has the columns {listed(names, FEW)}"
    alike = len({how.stem for how in table}) == 1 and all(how.number for how in table)
    counts = [[int(k) for k in how.number.split("_")] for how in table] if alike else []
    if counts != sorted(counts) or _numbers_within(names, model):
        return f"has {listed(_shown(names), FEW)}, numbered but not in order"
    delays = [how.delay for how in table]
    if any(delays) and (delays != [how.delay for how in model] or [how.base for how in table if how.base in ("x", "y")][:1] == ["y"]):
        return f"has {listed(_shown(names), FEW)} where {listed(columns, FEW)} are needed"
    return ""


def _numbers_within(names: Sequence[str], model: Sequence[Spelling]) -> bool:
    """Whether longer names have numbers in them that are not those of the columns: x2_speed for x1; 2_speed, 1_throttle."""
    own = re.compile(rf"(?<![^\W_]){re.escape(model[0].stem)}[ _.]?0*(\d+)(?![^\W_])", re.IGNORECASE)
    inside = [found[1] if (found := own.search(name)) else "" for name in names]
    if any(number and number != how.number for number, how in zip(inside, model, strict=True)):
        return True
    first = [int(found[0]) for name in names if (found := re.match(r"\d{1,9}(?![\d.,])", name.strip()))]
    counted = sorted(first) in (list(range(len(names))), list(range(1, len(names) + 1)))
    return counted and first != sorted(first)


# a part of the table


def chosen(where: str, names: Sequence[str] | None, count: int, choice: Sequence[str]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The columns that a user chose, by name, by number from 1 or as a range 2-5, and what is doubtful about it."""
    known = {name: [i for i, n in enumerate(names or ()) if n == name] for name in {*choice}} if names else {}
    every_name = all(known.get(c) for c in choice)
    numbers = None if every_name else _numbers(choice, count)
    if numbers is None:
        numbers = [i for c in choice for i in _one(where, names, count, c, known.get(c, []))]
    twice = sorted({i for i in numbers if numbers.count(i) > 1})
    if twice:
        raise UsageError(f"{where}: --columns names {listed([_label(names, i) for i in twice], FEW)} more than once")
    doubt = every_name and _numbers(choice, count) not in (None, numbers)
    return tuple(numbers), ((f"{where}: --columns {listed(list(choice))} are taken as names, not as numbers",) if doubt else ())


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
        raise DataError(f"{where}: --columns {text}: it has {counted(count, 'column')} without names; give numbers from 1 to {count}")
    near = sorted(_Near(enumerate(names)).to(text)) or [names.index(n) for n in difflib.get_close_matches(text, names, 1)]
    hint = f"; did you mean {_label(names, near[0])}?" if near else ""
    raise DataError(f"{where}: --columns {text}: there is no such column; it has {listed(_shown(names), FEW)} (1 to {count}){hint}")


def _kept(where: str, names: Sequence[str] | None, keep: Sequence[str]) -> tuple[int, ...]:
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


# the words of a refusal


def _misfit(
    where: str, names: Sequence[str] | None, rest: Sequence[int], wanted: Wanted, rows: Callable[[], Rows], size: int | None = None
) -> str:
    """Too few or too many columns; of too many, which ones look like no inputs."""
    size = wanted.width or 0 if size is None else size
    named = "" if names is None else f" ({listed(_shown([names[i] for i in rest]), 6)})"
    text = f"{where}: {counted(len(rest), 'column')} where {size} are needed{named}"
    if len(rest) <= size or wanted.choose is not None:
        return text
    odd = _no_inputs(names, rest, rows(), size)
    inputs = [i for i in rest if i not in odd]
    way = f"; {wanted.hints.choose}{_suggested(names, inputs) if odd and len(inputs) == size else ' NAMES or numbers'}"
    return text + way + (f" ({listed([f'{_label(names, i)} {why}' for i, why in odd.items()], 3)})" if odd else "")


def _no_inputs(names: Sequence[str] | None, rest: Sequence[int], rows: Rows, size: int) -> dict[int, str]:
    """Columns that look like an index, a time or a target, and why."""
    odd: dict[int, str] = {}
    for i in rest:
        bare = "" if names is None else spelled(names[i]).base.replace("_", "")
        values = [row[i] for row in rows if i < len(row)]
        if values and all(isinstance(v, str) and not v.strip() for v in values):
            odd[i] = "is empty"
        elif _counts(values):
            odd[i] = "counts the rows"
        elif names is not None and (not names[i].strip() or bare in INDICES or names[i].startswith(("Unnamed:", "__index_level_"))):
            odd[i] = "may be an index"
        elif bare in TIMES:
            odd[i] = "may be the time"
        elif bare in TARGETS:
            odd[i] = "may be a target"
    distinct = names is None or len({names[i] for i in rest}) == len(rest)
    if not odd and len(rest) == size + 1 and distinct:
        odd[rest[-1]] = "as the last may be a target"
    return odd


def _counts(values: Iterable[Any]) -> bool:
    """Whether a column begins as 0, 1, 2 or 1, 2, 3."""
    try:
        numbers = [float(v) for v in values]
    except (TypeError, ValueError):
        return False
    return len(numbers) > 1 and numbers[0] in (0.0, 1.0) and all(b - a == 1.0 for a, b in pairwise(numbers))


def _suggested(names: Sequence[str] | None, inputs: Sequence[int]) -> str:
    by_name = names is not None and all(names[i].strip() and "," not in names[i] and list(names).count(names[i]) == 1 for i in inputs[:50])
    text = ",".join(names[i] if by_name and names else str(i + 1) for i in inputs)
    if len(text) > SUGGESTED and list(inputs) == list(range(inputs[0], inputs[-1] + 1)):
        text = f"{inputs[0] + 1}-{inputs[-1] + 1}"
    return f" {text}" if len(text) <= SUGGESTED else " NAMES or numbers"


def _label(names: Sequence[str] | None, i: int) -> str:
    return _shown([names[i]])[0] if names is not None and names[i].strip() else f"column {i + 1}"


def _shown(names: Sequence[str]) -> list[str]:
    """Names for a message: short, and never invisible."""
    return [(n if len(n) <= 40 else n[:37] + "...") if n.strip() else '""' for n in names]


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
