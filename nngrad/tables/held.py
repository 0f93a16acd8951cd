"""The ways in which MATLAB holds rows of numbers: matrices, cells, structs, signals of Simulink, tables.

Every way that a value may be read is offered; the size and the names of what is wanted decide, never the order of
trying.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from nngrad.loaders.tree import MatlabObject

Array = np.ndarray


class Held(NamedTuple):
    """Rows of numbers: an array, the names of its columns if it has some, and where its samples
    stand if that is known.
    """

    array: Array
    names: tuple[str, ...] | None = None
    samples: str | None = None


def held(value: Any) -> list[Held]:
    """How a value may be read as rows, likeliest first; nothing where it is not understood."""
    if isinstance(value, MatlabObject):
        return _object(value)
    if isinstance(value, Mapping):
        return list(_signals(value)) if {"time", "signals"} <= value.keys() else list(_fields(value))
    if not isinstance(value, np.ndarray):
        return []
    return list(_cell(value) if value.dtype == object else _matrix(value))


def _matrix(value: Array) -> Iterator[Held]:
    if value.dtype.kind not in "fiub":
        return
    if value.ndim == 3 and 1 in value.shape[:2]:  # n x 1 x T or 1 x n x T, as Simulink logs vectors
        yield Held(value[:, 0] if value.shape[1] == 1 else value[0], None, "columns")
    elif value.ndim <= 2:
        yield Held(np.atleast_2d(value))


def _cell(value: Array) -> Iterator[Held]:
    entries = list(value.ravel(order="F"))
    if entries and all(isinstance(e, Mapping) for e in entries):
        yield from _records(entries)
    elif value.ndim == 2 and all(_is_matrix(e) for e in entries) and entries:
        yield from _numbers(value, entries)
    elif _has_header(value):
        yield Held(np.array([[e.item() for e in row] for row in value[1:]]), tuple(value[0]), "rows")


def _has_header(cell: Array) -> bool:
    """Whether a line of names stands above rows of single numbers, as programs read them from spreadsheets."""
    if cell.ndim != 2 or len(cell) < 2 or not all(isinstance(e, str) for e in cell[0]):
        return False
    return all(_is_matrix(e) and e.size == 1 for e in cell[1:].flat)


def _numbers(cell: Array, entries: Sequence[Array]) -> Iterator[Held]:
    """Columns side by side, the inputs one below the other, or a sample in each entry."""
    if all(e.size == 1 for e in entries):
        yield Held(np.array([e.item() for e in entries], float).reshape(cell.shape, order="F"))
        return
    size = entries[0].size
    vectors = (
        1 in cell.shape and len(entries) > 1 and size > 1 and all(e.size == size and 1 in e.shape for e in entries)
    )
    samples = Held(np.array([e.ravel(order="F") for e in entries]), None, "rows") if vectors else None
    a_sequence = samples is not None and cell.shape[0] == 1 and entries[0].shape[1] == 1
    if samples is not None and a_sequence:  # 1 x Q of n x 1; or one column in each entry
        yield samples
        yield Held(samples.array.T, None, "rows")
        return
    with contextlib.suppress(ValueError):
        yield Held(np.concatenate([np.concatenate(list(row), axis=1) for row in cell]))  # np.block takes minutes
    if samples is not None:
        yield samples


def _is_column(value: Any) -> TypeGuard[Array]:
    return _is_matrix(value) and 1 in value.shape


def _is_vector(value: Any) -> TypeGuard[Array]:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.ndim == 1 and value.size > 0


def _is_matrix(value: Any) -> TypeGuard[Array]:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.ndim == 2 and value.size > 0


def _records(entries: Sequence[Mapping[str, Any]]) -> Iterator[Held]:
    """A struct array with one number in each field: a record each."""
    names = tuple(n for n, v in entries[0].items() if _is_matrix(v))
    if names and all(_is_matrix(e.get(n)) and e[n].size == 1 for e in entries for n in names):
        yield Held(np.array([[e[n].item() for n in names] for e in entries]), names, "rows")


def _fields(value: Mapping[str, Any]) -> Iterator[Held]:
    """A column in each field or variable; single numbers beside columns are settings."""
    columns = {n: v.ravel() for n, v in value.items() if _is_column(v)}
    longest = max((c.size for c in columns.values()), default=0)
    columns = {n: c for n, c in columns.items() if c.size == longest}
    others = [
        v
        for n, v in value.items()
        if n not in columns and isinstance(v, np.ndarray) and v.dtype != object and v.size > 1
    ]
    if columns and not others:
        yield Held(np.stack(list(columns.values()), axis=1), tuple(columns), "rows")


def columns_among(variables: Mapping[str, Any], names: Sequence[str]) -> Held | None:
    """Variables that hold one column each, if all of `names` do and are of one length."""
    columns = [v.ravel() for v in map(variables.get, names) if _is_column(v) or _is_vector(v)]
    if not columns or len(columns) < len(names):
        return None
    return Held(np.stack(columns, axis=1), tuple(names), "rows") if len({c.size for c in columns}) == 1 else None


def _signals(value: Mapping[str, Any]) -> Iterator[Held]:
    """Simulink's "Structure with time": the values of its signals, without the time."""
    signals = value["signals"]
    every = list(signals.ravel(order="F")) if isinstance(signals, np.ndarray) and signals.dtype == object else [signals]
    signals = [s for s in every if isinstance(s, Mapping)]
    arrays = [p for s in signals if (p := _upright(s.get("values"), _length(value["time"]))) is not None]
    if not arrays or len(arrays) < len(every):
        return
    if len({len(a) for a in arrays}) == 1:
        labels = [s.get("label") for s in signals]
        yield Held(np.concatenate(arrays, axis=1), _numbered(labels, arrays) if len(every) > 1 else None, "rows")


def _length(time: Any) -> int | None:
    return time.size if isinstance(time, np.ndarray) and time.size else None


def _upright(values: Any, rows: int | None) -> Array | None:
    """The values of a signal with a row for each time."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
        return None
    if values.ndim == 3 and 1 in values.shape[:2]:
        return (values[:, 0] if values.shape[1] == 1 else values[0]).T
    return values if values.ndim == 2 and rows in (None, len(values)) else None


def _numbered(labels: Sequence[Any], arrays: Sequence[Array]) -> tuple[str, ...] | None:
    """label, or label_1, label_2 of several columns; "" where one is missing, None where all are."""
    labels = [n if isinstance(n, str) else "" for n in labels]
    if not any(labels):
        return None
    return tuple(
        n if not n or a.shape[1] == 1 else f"{n}_{k + 1}"
        for n, a in zip(labels, arrays, strict=True)
        for k in range(a.shape[1])
    )


# objects


def _object(value: MatlabObject) -> list[Held]:
    fields = value.fields
    if isinstance(fields.get("any"), Mapping):
        fields = fields["any"]
    if value.classname == "timeseries":
        data: Any = fields.get("Data_", fields.get("Data"))
        upright, first = _upright(data, None), fields.get("IsTimeFirst_")
        if upright is None:
            return []
        turned = isinstance(first, np.ndarray) and first.size == 1 and not first.item() and np.ndim(data) == 2
        return [Held(upright, None, "columns" if turned else "rows")]
    if value.classname in ("table", "timetable"):
        names = next((fields[n] for n in ("varnames", "varNames") if n in fields), None)
        return list(_table(fields.get("data"), names))
    return []


def _table(data: Any, names: Any) -> Iterator[Held]:
    """The numeric variables of a table; text and dates are nobody's input."""
    columns = list(data.flat) if isinstance(data, np.ndarray) and data.dtype == object else [data]
    labels = (
        [names]
        if isinstance(names, str)
        else list(names.flat)
        if isinstance(names, np.ndarray) and names.dtype == object
        else []
    )
    if len(labels) != len(columns):
        return
    numeric = [(n, c) for n, c in zip(labels, columns, strict=True) if _is_matrix(c)]
    if numeric and len({len(c) for _, c in numeric}) == 1:
        arrays = [c for _, c in numeric]
        yield Held(np.concatenate(arrays, axis=1), _numbered([n for n, _ in numeric], arrays), "rows")
