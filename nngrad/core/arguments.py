"""What users hand over: rows as arrays or by the names of their columns, and choices of inputs and outputs."""

from __future__ import annotations

import contextlib
import difflib
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from nngrad.core.ports import Port, aliases
from nngrad.errors import DataError, UsageError


def numbers(x: Any, name: str, ports: tuple[Port, ...]) -> np.ndarray:
    """x as float64 in the order of the ports' columns: arrays as they stand, whatever names its columns by those names.

    `name` is what messages call it. Raises DataError for what holds no real numbers.
    """
    if type(x) is np.ndarray and x.dtype.names is None:
        return _real(x, name)
    from nngrad.matching import frames

    frame = frames.frame_of(x, name, [(p.name, p.columns) for p in ports])
    if frame is None:
        return _real(x, name)
    return frames.matched(frame, name, tuple(c for p in ports for c in p.columns), aliases(ports))


def _real(x: Any, name: str) -> np.ndarray:
    if isinstance(x, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in x):
        x = np.ma.array(x)
    try:
        a = np.asarray(x)
    except ValueError as e:
        raise DataError(f"{name} is not a table of numbers: {e}") from None
    if a.dtype.kind not in "fiub":
        raise DataError(f"{name} holds {a.dtype.name}, not real numbers")
    if isinstance(x, np.ma.MaskedArray):  # what is masked is missing
        a = np.ma.filled(x.astype(np.float64), np.nan)
    return np.asarray(a, np.float64, order="C")


def chosen(
    items: Sequence[Any], count: int, by_name: Callable[[Iterable[str]], tuple[int, ...]], what: str
) -> tuple[int, ...]:
    """The indices that names, indices, or one name choose; UsageError for anything else."""
    chosen = by_name([items]) if isinstance(items, str) else None
    if chosen is None:
        with contextlib.suppress(TypeError):  # no list, or a mask, or fractions
            chosen = tuple(by_name([i])[0] if isinstance(i, str) else _index(i) for i in items)
    if not chosen:
        raise UsageError(f"{what}={items!r}: give a list of names or of indices")
    if not all(0 <= i < count for i in chosen):
        raise UsageError(f"{what}={list(items)}: indices go from 0 to {count - 1}")
    return chosen


def _index(item: Any) -> int:
    if isinstance(item, bool | np.bool_):
        raise TypeError("a part of a mask is no index")
    return operator.index(item)


def indices(names: Iterable[str], known: tuple[str, ...], what: str) -> tuple[int, ...]:
    found = []
    for name in (n.strip() for n in names):
        places = [k for k, other in enumerate(known) if other == name]
        if len(places) > 1:
            numbers = ", ".join(str(k + 1) for k in places[:8]) + (", ..." if len(places) > 8 else "")
            raise UsageError(f"{what} {name!r}: {len(places)} have this name, number {numbers}; choose by number")
        if places:
            found += places
        elif name.isascii() and name.isdigit() and 1 <= int(name) <= len(known):
            found.append(int(name) - 1)
        else:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(
                f"no {what} {name!r}: there are {len(known)}, {known[0]} to {known[-1]} (or 1 to {len(known)}){hint}"
            )
    return tuple(found)
