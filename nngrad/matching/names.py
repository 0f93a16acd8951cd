"""Names against names: which column of a table is meant by each that is wanted, by its name, its
number, or its place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence

from nngrad.errors import DataError, listed
from nngrad.matching.near import Near
from nngrad.matching.refusals import FEW, counted, counts_rows, label, misfit, shown
from nngrad.matching.spelling import Spelling, spelled
from nngrad.matching.wanted import NUMBERED, Match, Rows, Wanted

PAIRS = 8  # of columns in a note
COMMON_STEMS = frozenset(["var", "v", "variable", "col", "column"])
STEMS = {  # what else numbered columns go by
    "x": COMMON_STEMS | {"in", "inp", "input", "inputs", "feature", "feat", "predictor", "u", "p"},
    "y": COMMON_STEMS | {"out", "output", "outputs", "response", "target"},
}
OF_PANDAS = re.compile(r"Unnamed: 0(\.\d+)?|__index_level_\d+__")


class ByName:
    """Names against names: which column of the table is meant by each wanted one."""

    def __init__(
        self,
        where: str,
        names: Sequence[str],
        part: tuple[int, ...],
        kept: tuple[int, ...],
        wanted: Wanted,
        rows: Callable[[], Rows],
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
        notes = (
            (f"{self.where}: {counted(len(surplus), 'surplus column')} ignored: {listed(shown(surplus))}",)
            if surplus
            else ()
        )
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
        others = (
            STEMS.get(stem, frozenset()) if every else frozenset()
        )  # a name that was found says how the others are spelled
        complete = [s for s in ({stem} if stem in groups else others) if s in groups]
        complete = [
            s for s in complete if all(len(groups[s].get((w.number, w.delay), ())) == 1 for w in wanted.values())
        ]
        if len(complete) == 1 and all(w.stem == stem for w in wanted.values()):
            found = {j: groups[complete[0]][w.number, w.delay][0] for j, w in wanted.items()}
            self.found |= found
            if list(found.values()) != sorted(found.values()):
                self._doubt("columns taken by their numbers", found)

    def _nearly(self) -> None:
        """Other spellings of real names, and of the names of ports: Speed, speed [rpm], speed_rpm."""
        free = self.free
        near = Near([(i, self.names[i]) for i in free])
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
            raise DataError(misfit(self.where, self.names, rest, self.wanted, self.rows, len(missing)))
        against = _against_order([self.names[i] for i in rest], [self.columns[j] for j in missing])
        if against:
            raise DataError(f"{self.where}: {against}; rename the columns; {self._way()}")
        found = dict(zip(missing, rest, strict=True))
        index = next((j for j, i in found.items() if self._is_index(i)), None)
        if index is not None:
            name = label(self.names, found[index])
            raise DataError(
                f"{self.where}: {self.columns[index]} would be {name}, an index of the rows; leave that out; {self._way()}"
            )
        self.found |= found
        self._doubt("columns taken in order", found)

    def _is_index(self, i: int) -> bool:
        """Whether pandas or R wrote this column beside those of the table: by its name, or
        because it has none and counts the rows.
        """
        blank = not self.names[i].strip() and counts_rows([row[i] for row in self.rows() if i < len(row)])
        return blank or OF_PANDAS.fullmatch(self.names[i]) is not None

    def _way(self) -> str:
        free = [i for i in self.free if i not in self.kept]
        return self.wanted.advice.part if len(free) > len(self.missing) else self.wanted.advice.order

    def _doubt(self, what: str, found: dict[int, int]) -> None:
        pairs = [f"{self.columns[j]} = {shown([self.names[i]])[0]}" for j, i in sorted(found.items())]
        self.doubts.append(f"{self.where}: {what}: {listed(pairs, PAIRS)}")

    def _refusal(self) -> str:
        missing, surplus = [self.columns[j] for j in self.missing], self.surplus
        near = list(self._nearest(surplus))
        return (
            f"{self.where}: {counted(len(missing), 'column')} of {len(self.columns)} missing: {listed(shown(missing), FEW)}"
            + (f"; surplus: {listed(shown(surplus), FEW)}" if surplus else "")
            + (f"; nearest: {listed(near, FEW)}" if near else "")
            + f"; rename the columns; {self._way()}"
        )

    def _nearest(self, surplus: Sequence[str]) -> Iterator[str]:
        for j in self.missing[:FEW]:
            several = [self.names[i] for i in sorted(self.candidates.get(j, ()))]
            near = several[:2] if len(several) > 1 else difflib.get_close_matches(self.columns[j], surplus, 1, 0.6)
            if near:
                yield f"{self.columns[j]} like {' and '.join(shown(near))}"


def _against_order(names: Sequence[str], columns: Sequence[str]) -> str:
    """Why names that stand for none of the numbered columns still forbid taking them in order; "" if they don't."""
    table, model = [spelled(n) for n in names], [spelled(c) for c in columns]
    own = [n for n, how in zip(names, table, strict=True) if how.number and how.stem == model[0].stem]
    if own:
        return f"has {listed(shown(own), FEW)} where {listed(columns, FEW)} are needed"
    if model[0].stem == "y" and any(NUMBERED.fullmatch(n) and n[0] == "x" for n in names):
        return f"has {listed(shown(names), FEW)} where {listed(columns, FEW)} are needed"
    if all(n.isdecimal() for n in names):
        numbers = [int(n) for n in names]
        return (
            ""
            if numbers in (list(range(len(names))), list(range(1, len(names) + 1)))
            else f"has the columns {listed(names, FEW)}"
        )
    alike = len({how.stem for how in table}) == 1 and all(how.number for how in table)
    counts = [[int(k) for k in how.number.split("_")] for how in table] if alike else []
    if counts != sorted(counts) or _numbers_within(names, model):
        return f"has {listed(shown(names), FEW)}, numbered but not in order"
    delays = [how.delay for how in table]
    if any(delays) and (
        delays != [how.delay for how in model] or [how.base for how in table if how.base in ("x", "y")][:1] == ["y"]
    ):
        return f"has {listed(shown(names), FEW)} where {listed(columns, FEW)} are needed"
    return ""


def _numbers_within(names: Sequence[str], model: Sequence[Spelling]) -> bool:
    """Whether longer names have numbers in them that are not those of the columns: x2_speed for
    x1; 2_speed, 1_throttle.
    """
    own = re.compile(rf"(?<![^\W_]){re.escape(model[0].stem)}[ _.]?0*(\d+)(?![^\W_])", re.IGNORECASE)
    inside = [found[1] if (found := own.search(name)) else "" for name in names]
    if any(number and number != how.number for number, how in zip(inside, model, strict=True)):
        return True
    first = [int(found[0]) for name in names if (found := re.match(r"\d{1,9}(?![\d.,])", name.strip()))]
    counted = sorted(first) in (list(range(len(names))), list(range(1, len(names) + 1)))
    return counted and first != sorted(first)
