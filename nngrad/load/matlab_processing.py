"""The processing steps of MATLAB `network` objects, both directions. The one rule: looked up by name, refused by name.

`apply(name, settings, rows)` gives the layers of a step as it is applied to an input of so many rows, `reverse(...)` as it is
undone on an output. Conventions: MathWorks' reference pages of the functions of the same names; the fields as stored in files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nngrad.errors import ModelError
from nngrad.layers import Affine, FillMissing, Place, Scale, Select

MOST_ROWS = 10_000_000
Settings = dict[str, Any]
Layers = list[Any]


def vector(settings: Settings, name: str) -> np.ndarray | None:
    """A numeric field as a flat float64 array; None where it is absent or not numbers."""
    value = settings.get(name)
    if not isinstance(value, np.ndarray) or value.dtype != np.float64:
        return None
    return value.ravel(order="F")


def number(settings: Settings, name: str, default: float | None = None) -> float:
    """A numeric field of one number; the default stands only for a field that is absent."""
    if default is not None and name not in settings:
        return default
    value = vector(settings, name)
    if value is None or value.size != 1:
        raise ModelError(f".{name}: one number is missing")
    return float(value[0])


def _rows(settings: Settings, name: str, rows: int) -> np.ndarray:
    value = vector(settings, name)
    if value is None or value.size != rows:
        raise ModelError(f".{name}: {0 if value is None else value.size} values where {rows} rows need one each")
    return value


def _indices(settings: Settings, names: tuple[str, ...], rows: int) -> np.ndarray | None:
    """The first of the fields that is there, as 0-based indices (MATLAB's count from 1)."""
    for name in names:
        value = vector(settings, name)
        if value is not None:
            if not np.all((value >= 1) & (value <= rows) & (value == np.round(value))):
                raise ModelError(f".{name}: indices outside 1 to {rows}")
            return value.astype(int) - 1
    return None


# one scale for each row


def _mapminmax(settings: Settings, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(gain, center, shift) of y = (x - xoffset)*gain + ymin; a row without a usable range is left as it is.

    Objects of 2011-2012 store no gain and xoffset: they follow from the ranges.
    """
    ymin = number(settings, "ymin", None if rows else 0.0)
    if "gain" in settings and "xoffset" in settings:
        gain, offset = _rows(settings, "gain", rows), _rows(settings, "xoffset", rows)
    else:
        offset = _rows(settings, "xmin", rows)
        with np.errstate(all="ignore"):
            gain = (number(settings, "ymax", None if rows else 0.0) - ymin) / (_rows(settings, "xmax", rows) - offset)
    return _or_identity(gain, offset, np.full(rows, ymin))


def _mapstd(settings: Settings, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(gain, center, shift) of y = (x - xmean)*(ystd/xstd) + ymean; a constant row is left as it is."""
    mean, std = _rows(settings, "xmean", rows), _rows(settings, "xstd", rows)
    with np.errstate(all="ignore"):
        gain = number(settings, "ystd", 1.0) / std
    stored = vector(settings, "gain")
    if stored is not None and stored.size == rows and not np.allclose(stored[std > 0], gain[std > 0], rtol=1e-9):
        raise ModelError(".gain: disagrees with ystd/xstd; this version of mapstd is not understood")
    return _or_identity(gain, mean, np.full(rows, number(settings, "ymean", 0.0)))


def _or_identity(gain: np.ndarray, center: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    usable = np.isfinite(gain) & (gain != 0.0) & np.isfinite(center)
    return np.where(usable, gain, 1.0), np.where(usable, center, 0.0), np.where(usable, shift, 0.0)


def _scaled(read: Callable[[Settings, int], tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[Any, Any]:
    def apply(settings: Settings, rows: int) -> Layers:
        return [Scale(*read(settings, rows))]

    def reverse(settings: Settings, rows: int) -> Layers:
        gain, center, shift = read(settings, rows)
        return [Scale(1.0 / gain, shift, center)]

    return apply, reverse


# rows taken out and put back


def _total(settings: Settings, rows: int) -> int:
    """How many rows there were before the step."""
    total = number(settings, "xrows", float(rows))
    if not (0 <= total <= MOST_ROWS and total == int(total)):
        raise ModelError(f".xrows: {total:g} is not a number of rows")
    return int(total)


def _kept(settings: Settings, rows: int, keep: tuple[str, ...], remove: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    kept, removed = _indices(settings, keep, rows), _indices(settings, remove, rows)
    if kept is None and removed is None:
        raise ModelError(f": neither .{keep[0]} nor .{remove[0]} is stored")
    if kept is None:
        assert removed is not None
        kept = np.setdiff1d(np.arange(rows), removed)
    removed = np.setdiff1d(np.arange(rows), kept) if removed is None else removed
    if sorted([*kept, *removed]) != list(range(rows)):
        raise ModelError(f".{keep[0]}: kept and removed rows do not make up the {rows} rows")
    return kept, removed


def _constant_rows(settings: Settings, rows: int) -> tuple[np.ndarray, np.ndarray]:
    return _kept(settings, rows, ("keep",), ("remove",))


def _removeconstantrows_apply(settings: Settings, rows: int) -> Layers:
    return [Select(_constant_rows(settings, rows)[0], rows)]


def _removeconstantrows_reverse(settings: Settings, rows: int) -> Layers:
    total = _total(settings, rows)
    kept, removed = _constant_rows(settings, total)
    constants, value = vector(settings, "constants"), vector(settings, "value")
    if constants is not None and value is not None and not np.array_equal(constants, value, equal_nan=True):
        raise ModelError(".value: disagrees with .constants; this version of removeconstantrows is not understood")
    constants = value if constants is None else constants
    fill = np.zeros(total)
    if removed.size:
        if constants is None or constants.size not in (1, removed.size):
            raise ModelError(f".constants: {0 if constants is None else constants.size} values for {removed.size} removed rows")
        fill[removed] = constants
    return [Place(kept, fill)]


def _removed_rows(settings: Settings, rows: int) -> np.ndarray:
    return _kept(settings, rows, ("keep_ind", "keep"), ("remove_ind", "remove", "ind"))[0]


def _removerows_apply(settings: Settings, rows: int) -> Layers:
    return [Select(_removed_rows(settings, rows), rows)]


def _removerows_reverse(settings: Settings, rows: int) -> Layers:
    total = _total(settings, rows)
    kept = _removed_rows(settings, total)
    fill = np.full(total, np.nan)
    fill[kept] = 0.0
    return [Place(kept, fill)]


# missing values, principal components, class ratios


def _unknowns(settings: Settings, rows: int) -> tuple[np.ndarray, np.ndarray]:
    unknown = _indices(settings, ("unknown",), rows)
    if unknown is None:
        raise ModelError(".unknown: the rows with missing values are not stored")
    shift = np.zeros(rows, int)
    for row in unknown:
        shift[row + 1 :] += 1
    stored = vector(settings, "shift")
    if stored is not None and (stored.size != rows or np.any(stored != shift)):
        raise ModelError(".shift: does not follow from .unknown; this version of fixunknowns is not understood")
    return unknown, np.arange(rows) + shift


def _fixunknowns_apply(settings: Settings, rows: int) -> Layers:
    unknown, place = _unknowns(settings, rows)
    means = _rows(settings, "xmeans", rows)
    total = rows + unknown.size
    source, flag, filled, fill = np.zeros(total, int), np.zeros(total, bool), np.zeros(total, bool), np.zeros(total)
    source[place], fill[place] = np.arange(rows), np.nan_to_num(means)
    filled[place[unknown]] = True
    source[place[unknown] + 1], flag[place[unknown] + 1] = unknown, True
    return [FillMissing(source, flag, filled, fill, rows)]


def _fixunknowns_reverse(settings: Settings, rows: int) -> Layers:
    total = _total(settings, rows)
    return [Select(_unknowns(settings, total)[1], rows)]


def _matrix(settings: Settings, name: str, rows: int) -> Layers:
    W = settings.get(name)
    if not isinstance(W, np.ndarray) or W.dtype != np.float64 or W.ndim != 2 or W.shape[1] != rows:
        raise ModelError(f".{name}: not a matrix for {rows} rows")
    return [Affine(W, np.zeros(len(W)))]


def _identity(settings: Settings, rows: int) -> Layers:
    return []


# steps that say of themselves that they change nothing


def is_identity(layer: Any) -> bool:
    """Whether a layer takes all rows or puts them back in their places."""
    if isinstance(layer, Select):
        return np.array_equal(layer.index, np.arange(layer.inputs))
    return isinstance(layer, Place) and np.array_equal(layer.index, np.arange(len(layer.fill)))


def _keeps(layer: Any) -> bool:
    """Whether a layer gives back what it gets but for rounding."""
    match layer:
        case Scale(gain, center, shift):
            return bool(np.all((gain == 1.0) & (center == shift)))
        case FillMissing(_, flag, filled, _, _):
            return not (flag.any() or filled.any())
        case Affine(W, _):
            return np.array_equal(W, np.eye(*W.shape))
    return is_identity(layer)


Direction = Callable[[Settings, int], Layers]


def _unless_unchanged(call: Direction) -> Direction:
    """No layers where no_change is 1; refused where the other settings contradict it."""

    def layers(settings: Settings, rows: int) -> Layers:
        found = call(settings, rows)
        if not number(settings, "no_change", 0.0):
            return found
        if not all(layer.size(rows) == rows and _keeps(layer) for layer in found):
            raise ModelError(".no_change: 1, but by its other settings the step changes its rows; this version of it is not understood")
        return []

    return layers


class Step(NamedTuple):
    """How a processing function is applied to inputs and undone on outputs; both take its settings and the number of rows it gets."""

    apply: Direction
    reverse: Direction


STEPS: dict[str, Step] = {
    name: Step(_unless_unchanged(apply), _unless_unchanged(reverse))
    for name, (apply, reverse) in {
        "mapminmax": _scaled(_mapminmax),
        "mapstd": _scaled(_mapstd),
        "removeconstantrows": (_removeconstantrows_apply, _removeconstantrows_reverse),
        "fixunknowns": (_fixunknowns_apply, _fixunknowns_reverse),
        "processpca": (lambda s, n: _matrix(s, "transform", n), lambda s, n: _matrix(s, "inverseTransform", n)),
        "removerows": (_removerows_apply, _removerows_reverse),
        "lvqoutputs": (_identity, _identity),
    }.items()
}
