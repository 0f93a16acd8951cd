"""Columns of a table whose names nearly are a given one: in other letters, with a unit, or with more words behind."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from nngrad.matching.spelling import Spelling, flattened, spelled, squeezed


class Near:
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
        alike = self.bases.get((how.base, how.delay), ())
        found = {i for i, other in alike if not (how.unit and other.unit) or how.unit == other.unit}
        if len(same) == 1:
            return same
        return found | same | (set(self._beginning(flattened(name) + "_")) if found else set())

    def _beginning(self, start: str) -> Iterator[int]:
        for name, i in self.starts[bisect_left(self.starts, (start,)) :]:
            if not name.startswith(start):
                return
            yield i
