"""The words of a refusal: too few or too many columns, and of too many, which ones look like no inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from nngrad.errors import listed
from nngrad.matching.spelling import spelled
from nngrad.matching.wanted import Rows, Wanted

FEW = 4  # names of one kind in a refusal, so that it stays readable
SUGGESTED = 100  # characters of a suggested list of columns
TIMES = frozenset(["time", "t", "tout", "timestamp", "date", "datetime", "ts", "zeit", "datum", "uhrzeit"])
INDICES = frozenset(
    ["index", "idx", "id", "no", "nr", "row", "rownum", "record", "sample", "unnamed", "#", "level0", "rowid", "lfdnr"]
)
TARGETS = frozenset(["target", "targets", "label", "labels", "output", "outputs", "response", "y", "class"])


def misfit(
    where: str,
    names: Sequence[str] | None,
    rest: Sequence[int],
    wanted: Wanted,
    rows: Callable[[], Rows],
    size: int | None = None,
) -> str:
    """Too few or too many columns; of too many, which ones look like no inputs."""
    size = wanted.width or 0 if size is None else size
    named = "" if names is None else f" ({listed(shown([names[i] for i in rest]), 6)})"
    text = f"{where}: {counted(len(rest), 'column')} where {size} are needed{named}"
    if len(rest) <= size or wanted.choose is not None:
        return text
    odd = _no_inputs(names, rest, rows(), size)
    inputs = [i for i in rest if i not in odd]
    way = f"; {wanted.advice.choose}{_suggested(names, inputs) if odd and len(inputs) == size else ' NAMES or numbers'}"
    return text + way + (f" ({listed([f'{label(names, i)} {why}' for i, why in odd.items()], 3)})" if odd else "")


def _no_inputs(names: Sequence[str] | None, rest: Sequence[int], rows: Rows, size: int) -> dict[int, str]:
    """Columns that look like an index, a time or a target, and why."""
    odd: dict[int, str] = {}
    for i in rest:
        bare = "" if names is None else spelled(names[i]).base.replace("_", "")
        values = [row[i] for row in rows if i < len(row)]
        if values and all(isinstance(v, str) and not v.strip() for v in values):
            odd[i] = "is empty"
        elif counts_rows(values):
            odd[i] = "counts the rows"
        elif names is not None and (
            not names[i].strip() or bare in INDICES or names[i].startswith(("Unnamed:", "__index_level_"))
        ):
            odd[i] = "may be an index"
        elif bare in TIMES:
            odd[i] = "may be the time"
        elif bare in TARGETS:
            odd[i] = "may be a target"
    distinct = names is None or len({names[i] for i in rest}) == len(rest)
    if not odd and len(rest) == size + 1 and distinct:
        odd[rest[-1]] = "as the last may be a target"
    return odd


def counts_rows(values: Iterable[Any]) -> bool:
    """Whether a column begins as 0, 1, 2 or 1, 2, 3."""
    try:
        numbers = [float(v) for v in values]
    except (TypeError, ValueError):
        return False
    return len(numbers) > 1 and numbers[0] in (0.0, 1.0) and all(b - a == 1.0 for a, b in pairwise(numbers))


def _suggested(names: Sequence[str] | None, inputs: Sequence[int]) -> str:
    by_name = names is not None and all(
        names[i].strip() and "," not in names[i] and list(names).count(names[i]) == 1 for i in inputs[:50]
    )
    text = ",".join(names[i] if by_name and names else str(i + 1) for i in inputs)
    if len(text) > SUGGESTED and list(inputs) == list(range(inputs[0], inputs[-1] + 1)):
        text = f"{inputs[0] + 1}-{inputs[-1] + 1}"
    return f" {text}" if len(text) <= SUGGESTED else " NAMES or numbers"


def label(names: Sequence[str] | None, i: int) -> str:
    return shown([names[i]])[0] if names is not None and names[i].strip() else f"column {i + 1}"


def shown(names: Sequence[str]) -> list[str]:
    """Names for a message: short, and never invisible."""
    return [(n if len(n) <= 40 else n[:37] + "...") if n.strip() else '""' for n in names]


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
