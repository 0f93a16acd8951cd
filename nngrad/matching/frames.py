"""Tables in memory that name their columns: data frames, dicts of columns, records. None of their libraries is imported
here.

A frame gives the columns that are wanted as float64 and leaves the others alone; what is missing or masked is NaN.
Anything without names is an array, and no business of this module.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nngrad.errors import DataError, NngradWarning, listed
from nngrad.matching.columns import match
from nngrad.matching.wanted import PYTHON, Wanted

Array = np.ndarray


@dataclass(frozen=True)
class Frame:
    """A table in memory: the names of its columns, its number of rows (None: it is a single row), and its numbers."""

    names: Sequence[str] | None
    width: int
    rows: int | None
    numbers: Callable[[Sequence[int]], Array]  # of the columns with these indices: (rows, columns)


def matched(frame: Frame, what: str, columns: tuple[str, ...], aliases: tuple[str, ...]) -> Array:
    """The columns that are wanted, in their order, (N, n) or (n,); NngradWarning where the
    numbers depend on something unseen.
    """
    found = match(what, frame.names, frame.width, Wanted(len(columns), columns, aliases=aliases, advice=PYTHON))
    for text in found.doubts:
        warnings.warn(text, NngradWarning, stacklevel=_outside())
    numbers = np.ascontiguousarray(frame.numbers(found.indices), np.float64)
    return numbers[0] if frame.rows is None else numbers


def _outside() -> int:
    """The level of the caller of this package, for a warning."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "nngrad":
        level, frame = level + 1, frame.f_back
    return level


def frame_of(x: Any, what: str, ports: Sequence[tuple[str, tuple[str, ...]]] = ()) -> Frame | None:
    """x as a frame; None where its columns have no names. `ports` are names that stand for
    several columns in a dict.
    """
    if isinstance(x, np.ndarray | np.void):
        return _records(x) if x.dtype.names is not None else None
    if isinstance(x, Mapping):
        return _mapping(x, what, ports)
    if isinstance(x, list | tuple):
        return _listed(x, what, ports)
    home = type(x).__module__.partition(".")[0]
    if home == "polars":
        return _polars(x, what)
    if hasattr(x, "iloc"):
        return _pandas(x, what)
    names = getattr(x, "column_names", getattr(x, "columns", None))  # pyarrow; anything that looks like a frame
    if names is None or callable(names) or not hasattr(x, "__getitem__"):
        return None
    return _of_columns([str(n) for n in names], [x[n] for n in names], what)


def _of_columns(names: list[str], columns: Sequence[Any], what: str) -> Frame:
    """A frame of columns of any kind; of single values, a single row."""
    sizes = {np.shape(c) for c in columns}
    if len(sizes) > 1 or any(len(size) > 1 for size in sizes):
        shapes = [f"{n} {np.shape(c)}" for n, c in zip(names, columns, strict=True)]
        raise DataError(
            f"{what}: its columns have different lengths: {listed(shapes, 4)}; give one number a row to each"
        )
    (size,) = sizes or {(0,)}

    def numbers(indices: Sequence[int]) -> Array:
        return np.stack([np.atleast_1d(column_of(columns[i], f"{what}: column {names[i]}")) for i in indices], axis=1)

    return Frame(names, len(names), size[0] if size else None, numbers)


def column_of(values: Any, where: str) -> Array:
    """Numbers of one column, or one number; DataError where they are none."""
    if isinstance(values, np.ma.MaskedArray) or values is np.ma.masked:
        return filled(np.ma.asarray(values), where)
    kind = getattr(getattr(values, "dtype", None), "kind", None)
    if kind is not None and kind in "fiub" and hasattr(values, "to_numpy") and not isinstance(values, np.ndarray):
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))  # pandas, nullable types included
    a = np.asarray(values)
    if a.dtype.kind == "O":
        return np.array([_real_or_nan(v, where) for v in a.ravel()], np.float64).reshape(a.shape)
    if a.dtype.kind not in "fiub":
        raise DataError(f"{where} holds {a.dtype.name}, not real numbers")
    return a.astype(np.float64)


def filled(a: Any, where: str) -> Array:
    """A masked array with NaN for what is masked."""
    if a.dtype.kind not in "fiub":
        raise DataError(f"{where} holds {a.dtype.name}, not real numbers")
    return np.asarray(np.ma.filled(a.astype(np.float64), np.nan))


def _real_or_nan(value: Any, where: str) -> float:
    if value is None or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType"):
        return np.nan
    if isinstance(value, bool | np.bool_ | int | float | np.integer | np.floating):
        return float(value)
    raise DataError(f"{where} holds {type(value).__name__} {str(value)[:40]!r}, not a real number")


# kinds of frames


def _pandas(x: Any, what: str) -> Frame:
    if not hasattr(x, "columns"):
        return _series(x, what)
    labels = list(x.columns)
    names = None if labels == list(range(len(labels))) else [_label(n) for n in labels]

    def numbers(indices: Sequence[int]) -> Array:
        part = x.iloc[:, list(indices)]
        if all(getattr(dtype, "kind", "O") in "fiub" for dtype in part.dtypes):
            return np.asarray(part.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.stack(
            [column_of(part.iloc[:, k], f"{what}: column {_label(labels[i])}") for k, i in enumerate(indices)], axis=1
        )

    return Frame(names, len(labels), len(x), numbers)


def _series(x: Any, what: str) -> Frame:
    """A row of a frame, whose labels are the names of columns; without labels it is as an array is."""
    labels = list(x.index)
    if labels == list(range(len(labels))):
        return _row(x, None, what)
    if not all(isinstance(n, str | tuple) for n in labels):
        raise DataError(
            f"{what}: the labels of this Series ({_label(labels[0])}, ...) are no names of columns; a column is x.to_frame()"
        )
    return _row(x, [_label(n) for n in labels], what)


def _row(x: Any, names: list[str] | None, what: str) -> Frame:
    """A Series: one row, whose entries have names or none."""
    values = list(x.array) if hasattr(x, "array") else list(x)

    def numbers(indices: Sequence[int]) -> Array:
        return np.array(
            [[_real_or_nan(values[i], f"{what}: {names[i] if names else f'entry {i + 1}'}") for i in indices]],
            np.float64,
        )

    return Frame(names, len(values), None, numbers)


def _label(name: Any) -> str:
    return name if isinstance(name, str) else " ".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _polars(x: Any, what: str) -> Frame | None:
    import polars

    if isinstance(x, polars.LazyFrame):
        raise DataError(f"{what} is a LazyFrame, which holds no rows yet; collect() it first")
    if not isinstance(x, polars.DataFrame):
        return _row(x, None, what) if isinstance(x, polars.Series) else None

    def numbers(indices: Sequence[int]) -> Array:
        names = [x.columns[i] for i in indices]
        for name in names:
            if not (x.schema[name].is_numeric() or x.schema[name] in (polars.Boolean, polars.Null)):
                raise DataError(f"{what}: column {name} holds {x.schema[name]}, not real numbers")
        return np.asarray(x.select(polars.col(names).cast(polars.Float64)).to_numpy(order="c"))

    return Frame(x.columns, len(x.columns), len(x), numbers)


def _records(x: Any) -> Frame:
    """A structured array, masked or not: its fields are columns."""
    names = list(x.dtype.names)

    def numbers(indices: Sequence[int]) -> Array:
        parts = [column_of(x[names[i]], f"x: column {names[i]}") for i in indices]
        if any(part.ndim > 1 for part in parts):
            raise DataError("x: a field of its records holds several numbers; give one number to each field")
        return np.stack([np.atleast_1d(part) for part in parts], axis=1)

    return Frame(names, len(names), len(x) if np.ndim(x) else None, numbers)


def _mapping(x: Mapping[Any, Any], what: str, ports: Sequence[tuple[str, tuple[str, ...]]]) -> Frame:
    """A dict of columns, of single values, or of the tables of ports."""
    names: list[str] = []
    columns: list[Any] = []
    several = {name: members for name, members in ports if len(members) > 1}
    for key, value in x.items():
        members = several.get(key)
        if members is None:
            names.append(_label(key))
            columns.append(_squeezed(value))
            continue
        table = _array_of(value)
        if table.ndim not in (1, 2) or table.shape[-1] != len(members):
            raise DataError(f"{what}: {key} has the shape {table.shape}; it takes (N, {len(members)})")
        names += members
        columns += list(table.T)
    return _of_columns(names, columns, what)


def _array_of(value: Any) -> Any:
    return value if isinstance(value, np.ndarray) else np.asarray(value)


def _squeezed(value: Any) -> Any:
    """(N, 1) as (N,)."""
    shape = np.shape(value)
    return _array_of(value)[:, 0] if len(shape) == 2 and shape[1] == 1 else value


def _listed(x: Sequence[Any], what: str, ports: Sequence[tuple[str, tuple[str, ...]]]) -> Frame | None:
    """A namedtuple, or a list of dicts or of Series: a row each, with the same names in all of them."""
    if hasattr(x, "_fields"):
        return _of_columns(list(x._fields), list(x), what)
    rows = [_named_row(row) for row in x] if x and _named_row(x[0]) is not None else []
    if not rows:
        return None
    first = rows[0] or {}
    for k, row in enumerate(rows):
        if row is None or row.keys() != first.keys():
            missing = sorted(map(str, first.keys() ^ (row or {}).keys()))
            raise DataError(
                f"{what}: row {k} has other names than row 0 ({listed(missing, 4)}); give every row the same"
            )
    columns = {name: [row[name] for row in rows if row is not None] for name in first}
    return _mapping(columns, what, ports)


def _named_row(row: Any) -> Mapping[Any, Any] | None:
    if isinstance(row, Mapping):
        return row
    if hasattr(row, "_fields"):
        return dict(zip(row._fields, row, strict=True))
    if isinstance(row, np.void) and row.dtype.names is not None:
        return {name: row[name] for name in row.dtype.names}
    if hasattr(row, "iloc") and hasattr(row, "index") and all(isinstance(n, str) for n in row.index):
        return dict(zip(row.index, row.array, strict=True))
    return None
