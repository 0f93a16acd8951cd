"""The processing steps of MATLAB `network` objects, both directions, looked up by name in STEPS; what is stored twice
(gain and the ranges it was made of, rows kept and rows removed) must agree.

`apply(settings, rows)` of a step gives the row maps of the step as it is applied to an input of so many rows,
`reverse(...)` as it is undone on an output; both raise ModelError with the name of the setting that is damaged or not
understood. Conventions: MathWorks' reference pages of the functions of the same names; the fields as stored in files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders.matlab.fields import number, vector
from nngrad.loaders.matlab.row_maps import FilledRows, PlacedRows, ProjectedRows, RowMap, ScaledRows, TakenRows

MOST_ROWS = 10_000_000
Settings = dict[str, Any]
RowMaps = list[RowMap]
Direction = Callable[[Settings, int], RowMaps]


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


def _agrees(settings: Settings, name: str, expected: np.ndarray, what: str, checked: np.ndarray | None = None) -> None:
    """Refuses a stored field that another stored field contradicts; `checked` are the rows that are compared."""
    stored = vector(settings, name)
    if stored is None:
        return
    expected = np.atleast_1d(expected)
    rows = slice(None) if checked is None else checked
    if stored.size != expected.size or not np.allclose(
        stored[rows], expected[rows], rtol=1e-9, atol=0.0, equal_nan=True
    ):
        raise ModelError(
            f".{name}: disagrees with {what}; the settings are damaged, or of a version that is not understood"
        )


# one scale for each row


def _mapminmax(settings: Settings, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(gain, center, shift) of y = (x - xoffset)*gain + ymin; a row without a usable range is left as it is.

    Objects of 2011-2012 store no gain and xoffset: they follow from the ranges.
    """
    ymin = number(settings, "ymin", None if rows else 0.0)
    if "ymax" in settings:
        _agrees(settings, "yrange", np.array(number(settings, "ymax") - ymin), ".ymax - .ymin")
    if "xmin" in settings and "xmax" in settings:
        offset, spread = _rows(settings, "xmin", rows), _spread(settings, rows)
        with np.errstate(all="ignore"):
            gain = (number(settings, "ymax", None if rows else 0.0) - ymin) / spread
        usable = np.isfinite(spread) & (spread != 0.0)
        _agrees(settings, "gain", gain, "the ranges .xmin, .xmax, .ymin, .ymax", usable)
        _agrees(settings, "xoffset", offset, ".xmin", usable)
    if "gain" in settings and "xoffset" in settings:
        gain, offset = _rows(settings, "gain", rows), _rows(settings, "xoffset", rows)
        if not ("xmin" in settings and "xmax" in settings):
            _ends_agree(settings, gain, offset, ymin)
    elif not ("xmin" in settings and "xmax" in settings):
        raise ModelError(": neither .gain and .xoffset nor .xmin and .xmax are stored")
    return _or_identity(gain, offset, np.full(rows, ymin))


def _ends_agree(settings: Settings, gain: np.ndarray, offset: np.ndarray, ymin: float) -> None:
    """Refuses ends of which one alone is stored, where gain and xoffset say otherwise."""
    usable = np.isfinite(gain) & (gain != 0.0)
    _agrees(settings, "xmin", offset, ".xoffset", usable)
    if "ymax" not in settings and "yrange" not in settings:
        return
    xmax = vector(settings, "xmax")
    height = number(settings, "ymax") - ymin if "ymax" in settings else number(settings, "yrange")
    with np.errstate(all="ignore"):
        spread = height / gain
    if xmax is not None:
        above = {"xmax": xmax - offset if xmax.shape == offset.shape else xmax}
        _agrees(above, "xmax", spread, ".xoffset and .gain", usable)
    _agrees(settings, "xrange", spread, ".gain", usable)


def _spread(settings: Settings, rows: int) -> np.ndarray:
    with np.errstate(all="ignore"):
        spread = _rows(settings, "xmax", rows) - _rows(settings, "xmin", rows)
    if np.any(spread < 0.0):
        raise ModelError(".xmin: above .xmax; the settings are damaged")
    _agrees(settings, "xrange", spread, ".xmax - .xmin")
    return spread


def _mapstd(settings: Settings, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(gain, center, shift) of y = (x - xmean)*(ystd/xstd) + ymean; a constant row is left as it is."""
    mean, std = _rows(settings, "xmean", rows), _rows(settings, "xstd", rows)
    if np.any(std < 0.0):
        raise ModelError(".xstd: a standard deviation below 0; the settings are damaged")
    with np.errstate(all="ignore"):
        gain = number(settings, "ystd", 1.0) / std
    _agrees(settings, "gain", gain, ".ystd/.xstd", std > 0)
    _agrees(settings, "xoffset", mean, ".xmean", std > 0)
    return _or_identity(gain, mean, np.full(rows, number(settings, "ymean", 0.0)))


def _or_identity(gain: np.ndarray, center: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    usable = np.isfinite(gain) & (gain != 0.0) & np.isfinite(center)
    return np.where(usable, gain, 1.0), np.where(usable, center, 0.0), np.where(usable, shift, 0.0)


def _scaled(read: Callable[[Settings, int], tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[Any, Any]:
    def apply(settings: Settings, rows: int) -> RowMaps:
        return [ScaledRows(*read(settings, rows))]

    def reverse(settings: Settings, rows: int) -> RowMaps:
        gain, center, shift = read(settings, rows)
        return [ScaledRows(1.0 / gain, shift, center)]

    return apply, reverse


# rows taken out and put back


def _total(settings: Settings, rows: int) -> int:
    """How many rows there were before the step."""
    total = number(settings, "xrows", float(rows))
    if not (0 <= total <= MOST_ROWS and total == int(total)):
        raise ModelError(f".xrows: {total:g} is not a number of rows")
    return int(total)


def _kept(
    settings: Settings, rows: int, keep: tuple[str, ...], remove: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    kept, removed = _indices(settings, keep, rows), _indices(settings, remove, rows)
    for name in (*keep, *remove):
        expected = kept if name in keep else removed
        if expected is not None:
            _agrees(settings, name, expected + 1.0, "another list of the same rows")
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


def _removeconstantrows_apply(settings: Settings, rows: int) -> RowMaps:
    kept, removed = _constant_rows(settings, rows)
    _constants(settings, removed)
    return [TakenRows(kept, rows)]


def _removeconstantrows_reverse(settings: Settings, rows: int) -> RowMaps:
    total = _total(settings, rows)
    kept, removed = _constant_rows(settings, total)
    constants = _constants(settings, removed)
    fill = np.zeros(total)
    if removed.size:
        if constants is None:
            raise ModelError(f".constants: 0 values for {removed.size} removed rows")
        fill[removed] = constants
    return [PlacedRows(kept, fill)]


def _constants(settings: Settings, removed: np.ndarray) -> np.ndarray | None:
    """What the removed rows are, one number for each or for all; older objects call it `value`,
    newer ones store both.
    """
    constants, value = vector(settings, "constants"), vector(settings, "value")
    if constants is not None and value is not None:
        _agrees(settings, "value", constants, ".constants")
    constants = value if constants is None else constants
    if constants is not None and constants.size not in (removed.size, 1 if removed.size else 0):
        raise ModelError(f".constants: {constants.size} values for {removed.size} removed rows")
    return constants


def _removed_rows(settings: Settings, rows: int) -> np.ndarray:
    return _kept(settings, rows, ("keep_ind", "keep"), ("remove_ind", "remove", "ind"))[0]


def _removerows_apply(settings: Settings, rows: int) -> RowMaps:
    return [TakenRows(_removed_rows(settings, rows), rows)]


def _removerows_reverse(settings: Settings, rows: int) -> RowMaps:
    total = _total(settings, rows)
    kept = _removed_rows(settings, total)
    fill = np.full(total, np.nan)
    fill[kept] = 0.0
    return [PlacedRows(kept, fill)]


# missing values, principal components, class ratios


def _unknowns(settings: Settings, rows: int) -> tuple[np.ndarray, np.ndarray]:
    unknown = _indices(settings, ("unknown",), rows)
    if unknown is None:
        raise ModelError(".unknown: the rows with missing values are not stored")
    if np.any(np.diff(unknown) <= 0):
        raise ModelError(".unknown: not in increasing order; the settings are damaged")
    shift = np.zeros(rows, int)
    for row in unknown:
        shift[row + 1 :] += 1
    place, known = np.arange(rows) + shift, np.setdiff1d(np.arange(rows), unknown)
    follow = {"shift": shift, "known": known + 1, "xknown": known + 1, "xunknown": unknown + 1}
    follow |= {"yknown": place[known] + 1, "yunknown": place[unknown] + 1, "yflags": place[unknown] + 2}
    for name, expected in follow.items():
        _agrees(settings, name, expected.astype(float), ".unknown")
    return unknown, place


def _fixunknowns_apply(settings: Settings, rows: int) -> RowMaps:
    unknown, place = _unknowns(settings, rows)
    means = _rows(settings, "xmeans", rows)
    total = rows + unknown.size
    source, flag, filled, fill = np.zeros(total, int), np.zeros(total, bool), np.zeros(total, bool), np.zeros(total)
    source[place], fill[place] = np.arange(rows), np.where(np.isnan(means), 0.0, means)
    filled[place[unknown]] = True
    source[place[unknown] + 1], flag[place[unknown] + 1] = unknown, True
    return [FilledRows(source, flag, filled, fill, rows)]


def _fixunknowns_reverse(settings: Settings, rows: int) -> RowMaps:
    total = _total(settings, rows)
    return [TakenRows(_unknowns(settings, total)[1], rows)]


def _matrix(settings: Settings, name: str) -> np.ndarray | None:
    W = settings.get(name)
    if W is not None and (not isinstance(W, np.ndarray) or W.dtype != np.float64 or W.ndim != 2):
        raise ModelError(f".{name}: not a matrix")
    return W


def _processpca(name: str) -> Direction:
    """y = transform x, or back again; the one undoes the other on the components that are kept."""

    def layers(settings: Settings, rows: int) -> RowMaps:
        there, back = _matrix(settings, "transform"), _matrix(settings, "inverseTransform")
        if there is not None and back is not None:
            fits = there.shape == back.shape[::-1]
            if not fits or not np.allclose(there @ back, np.eye(len(there)), atol=1e-6):
                raise ModelError(
                    ".inverseTransform: does not undo .transform; the settings are damaged, or not understood"
                )
        W = there if name == "transform" else back
        if W is None or W.shape[1] != rows:
            raise ModelError(f".{name}: not a matrix for {rows} rows")
        return [ProjectedRows(W)]

    return layers


def _identity(settings: Settings, rows: int) -> RowMaps:
    return []


# steps that say of themselves that they change nothing


def _checked(call: Direction, fields: frozenset[str], before: str, after: str) -> Direction:
    """The row maps, none where no_change is 1; refused where what is stored twice contradicts itself."""

    def maps(settings: Settings, rows: int) -> RowMaps:
        for field in fields - FOR_PEOPLE:
            if field not in ("transform", "inverseTransform"):
                vector(settings, field)
        found = call(settings, rows)
        for field, expected in ((before, rows), (after, rows_behind(found, rows))):
            if field in settings and number(settings, field) != expected:
                raise ModelError(
                    f".{field}: {number(settings, field):g} rows stored, {expected} follow from the network"
                )
        return [] if _changes_nothing(settings, found, rows) else found

    return maps


def rows_behind(maps: RowMaps, rows: int) -> int:
    """How many rows there are behind some row maps; ValueError where they don't take so many."""
    for row_map in maps:
        rows = row_map.layer().size(rows)
    return rows


def _changes_nothing(settings: Settings, maps: RowMaps, rows: int) -> bool:
    """What a step says of itself in no_change; refused where its other settings contradict it."""
    stated = number(settings, "no_change", 0.0)
    if stated not in (0.0, 1.0):
        raise ModelError(f".no_change: {stated:g}; it is 0 or 1")
    if stated and not all(rows_behind([row_map], rows) == rows and row_map.keeps for row_map in maps):
        raise ModelError(
            ".no_change: 1, but by its other settings the step changes its rows; this version of it is not understood"
        )
    return bool(stated)


class ProcessingStep(NamedTuple):
    """How a processing function is applied to inputs and undone on outputs: from its settings and the rows it gets.

    `fields` are the settings that it is known to have.
    """

    apply: Direction
    reverse: Direction
    fields: frozenset[str]


EVERY = ("name", "xrows", "yrows", "no_change")
FOR_PEOPLE = frozenset(
    {"name", "max_range", "recreate", "recreate_ind", "maxfrac", "classRatios"}
)  # no number depends on them
KNOWN: dict[str, tuple[Direction, Direction, tuple[str, ...]]] = {
    "mapminmax": (*_scaled(_mapminmax), ("xmax", "xmin", "xrange", "ymax", "ymin", "yrange", "gain", "xoffset")),
    "mapstd": (*_scaled(_mapstd), ("xmean", "xstd", "ymean", "ystd", "gain", "xoffset")),
    "removeconstantrows": (
        _removeconstantrows_apply,
        _removeconstantrows_reverse,
        ("max_range", "keep", "remove", "value", "constants", "recreate"),
    ),
    "fixunknowns": (
        _fixunknowns_apply,
        _fixunknowns_reverse,
        ("unknown", "known", "shift", "xmeans", "xknown", "xunknown", "yknown", "yunknown", "yflags"),
    ),
    "processpca": (
        _processpca("transform"),
        _processpca("inverseTransform"),
        ("transform", "inverseTransform", "maxfrac"),
    ),
    "removerows": (
        _removerows_apply,
        _removerows_reverse,
        ("ind", "keep_ind", "remove_ind", "recreate_ind", "keep", "remove"),
    ),
    "lvqoutputs": (_identity, _identity, ("classRatios",)),
}
STEPS: dict[str, ProcessingStep] = {
    name: ProcessingStep(
        _checked(apply, frozenset((*EVERY, *fields)), "xrows", "yrows"),
        _checked(reverse, frozenset((*EVERY, *fields)), "yrows", "xrows"),
        frozenset((*EVERY, *fields)),
    )
    for name, (apply, reverse, fields) in KNOWN.items()
}
