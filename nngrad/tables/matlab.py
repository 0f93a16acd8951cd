"""Variables of MATLAB files. MATLAB keeps samples in columns, so the network's size decides which way a variable
stands.

What holds numbers and is not understood is never passed over for something that happens to fit.

Reading holds the variable in memory. Writing is a version 5 file with rows as samples: y is (rows, m), J is (rows, m,
n), and the names of the columns are the cell array `J_columns`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nngrad.errors import DataError, NngradError, UsageError, listed
from nngrad.matching import Wanted
from nngrad.tables.arrays import ArrayReader, Layout, layout
from nngrad.tables.common import Kept, numbers_only
from nngrad.tables.files import Output
from nngrad.tables.held import Held, columns_among, held
from nngrad.tables.locations import Location
from nngrad.tables.streams import open_input

LIMIT = (1 << 31) - (1 << 16)  # bytes of a variable in a version 5 file
HEAD = b"MATLAB 5.0 MAT-file, rows are samples, written by nngrad".ljust(
    116
)  # without the time: same input, same bytes
TIMES = re.compile(r"t_?out|time|times|timestamp|tspan", re.IGNORECASE)  # never inputs
TARGETS = re.compile(
    r"t|y|y_?out|targets?|outputs?|labels?|y_?(test|train|true|pred)", re.IGNORECASE
)  # not beside other tables
WEIGHTS = re.compile(r"(W|b|IW|LW|V|theta|weights?|bias(es)?)_?\d*", re.IGNORECASE)
HEADERS = re.compile(
    r"(col(umn)?|var(iable)?|feature|input)_?(headers?|names|labels)|headers?|names|columns", re.IGNORECASE
)
RECORD = frozenset(["trainFcn", "performFcn", "epoch"])  # fields of what train() returns beside the network
DEPTH, PARTS = 6, 4000  # how far numbers are looked for in what isn't understood


def read_mat(place: Location, wanted: Wanted, samples: str | None = None) -> ArrayReader:
    """Rows of a variable: `file.mat:name`, a field `file.mat:s.x`, the columns that were chosen,
    or the only one that fits.
    """
    from nngrad.loaders import containers

    open_input(place.path).close()
    try:
        tree = containers.read(place.path)
    except NngradError as error:
        raise DataError(str(error)) from error
    name, ways = _found(place, tree, wanted, samples)
    where = f"{place.path}:{name}" if name else place.path
    if not ways:
        raise DataError(
            f"{where}: is no table of numbers in a form that is understood; save a matrix, a table or a struct of columns"
        )
    way, how = _standing(where, ways, wanted, samples)
    notes: tuple[str, ...] = (f"{where}: {how.rows} samples, which stand in {'columns' if how.turned else 'rows'}",)
    if way.names is None and wanted.choose is None and _may_be_time(way.array, how):
        notes += (
            f"{where}: its first input grows in equal steps, as time does; if it is no input, choose the others with --columns",
        )
    return ArrayReader(where, way.array, how, wanted, notes=notes, names=way.names)


def _found(place: Location, tree: Any, wanted: Wanted, samples: str | None) -> tuple[str, list[Held]]:
    """The variable that is meant ("" for several, one a column), and how it may be read."""
    variables = tree.variables
    if place.name is None and (beside := columns_among(variables, wanted.names)) is not None:
        return "", [beside]
    name = (place.name or _only(place.path, tree, wanted)).rstrip(
        "'"
    )  # verify --find shows so what MATLAB would transpose
    try:
        value = element(variables, name)
    except KeyError:
        raise DataError(f"{place.path}: has no variable {name}; it has {listed(list(variables))}") from None
    ways = held(value)
    return name, _named(ways, variables.get(f"{name[:23]}_columns", _headers(variables, name)), samples)


def _headers(variables: Any, name: str) -> Any:
    """The one cell of names that stands beside an array, in the file or in its struct."""
    beside = element(variables, name[: name.rindex(".")]) if "." in name else variables
    found = [v for n, v in beside.items() if HEADERS.fullmatch(n)] if isinstance(beside, Mapping) else []
    return found[0] if len(found) == 1 else None


def _named(ways: list[Held], names: Any, samples: str | None) -> list[Held]:
    """With the names of columns that stand beside a variable; one for each row of it where the
    samples stand in columns.
    """
    texts = (
        list(names.flat) if isinstance(names, np.ndarray) and names.dtype == object else names
    )  # a char matrix is a list
    if not isinstance(texts, list) or not all(isinstance(n, str) for n in texts):
        return ways
    labels = tuple(texts)
    return [_with_names(w, labels, samples or w.samples) if w.names is None else w for w in ways]


def _with_names(way: Held, names: tuple[str, ...], samples: str | None) -> Held:
    array = way.array
    if samples == "columns" or (samples is None and array.shape[1] != len(names)):
        array = array.T
    return Held(array, names, "rows") if array.shape[1] == len(names) else way


def element(variables: Any, path: str) -> Any:
    """The element at a MATLAB path such as s.values{1}.x, whatever its names are made of;
    KeyError where there is none.
    """
    from nngrad.loaders.tree import children

    here = [(variables, "")]
    while here:
        value, rest = here.pop()
        for name, part in children("", value):
            spelled = (
                (name, name.replace("(", "{").replace(")", "}")) if name[:1] in "({" else (name, f".{name}", f"/{name}")
            )
            for text in spelled:
                if f"{rest}{text}" == path.lstrip("/"):
                    return part
                if path.startswith(f"{rest}{text}") and path[len(rest) + len(text)] in ".{(/":
                    here.append((part, f"{rest}{text}"))
    raise KeyError(path)


def _standing(where: str, ways: list[Held], wanted: Wanted, samples: str | None) -> tuple[Held, Layout]:
    """The first way to read a value that fits, and which way its samples stand."""
    failed: DataError | None = None
    for way in ways:
        try:
            return way, _layout(where, way, wanted, samples)
        except DataError as error:
            failed = failed or error
    assert failed is not None
    raise failed


def _layout(where: str, way: Held, wanted: Wanted, samples: str | None) -> Layout:
    shape, dtype = way.array.shape, way.array.dtype
    if way.names is not None:
        return layout(where, shape, dtype, Wanted(), "rows")
    known = samples or way.samples
    if known is None and wanted.choose is not None:
        known = _way_of_choice(where, way.array, wanted.choose)
    try:
        return layout(where, shape, dtype, wanted, known, detect=known is None)
    except DataError as error:
        line = _time_line(way.array)
        if wanted.size is None or line is None or shape[line == "columns"] == 0:
            raise
        width = shape[0] if line == "columns" else shape[1]
        if width != wanted.size + 1:
            raise
        first = "row" if line == "columns" else "column"
        raise DataError(
            f"{where}: has shape {shape[0]}x{shape[1]}, and its first {first} grows as time does; "
            f"take the others with --columns 2-{width} --samples {line}"
        ) from error


def _way_of_choice(where: str, array: np.ndarray, choose: Sequence[str]) -> str:
    """Which way samples stand where some of the columns are wanted: what has so many columns,
    else what has a time in front.
    """
    highest = max((int(n) for text in choose for n in re.findall(r"\d{1,9}", text)), default=0)
    fitting = [way for way, width in (("rows", array.shape[1]), ("columns", array.shape[0])) if width >= highest]
    line = _time_line(array)
    if len(fitting) == 1:
        return fitting[0]
    if line in fitting:
        return line
    raise DataError(
        f"{where}: has shape {array.shape[0]}x{array.shape[1]}; say with --samples whether its samples stand in rows or columns"
    )


def _time_line(array: np.ndarray) -> str | None:
    """ "columns" where the first row alone grows steadily, as time does; "rows" where the first column does."""
    with np.errstate(invalid="ignore"):
        grows = [
            line.size > 1 and bool((np.diff(line.astype(float)) > 0).all())
            for line in (array[:1].ravel(), array[:, :1].ravel())
        ]
    return None if grows[0] == grows[1] else "columns" if grows[0] else "rows"


def _may_be_time(array: np.ndarray, how: Layout) -> bool:
    """Whether the first of several inputs grows in equal steps, as in a To-File matrix that is as
    wide as the network.
    """
    if array.ndim != 2 or how.rows < 3 or how.width < 2:
        return False
    first = (array[0] if how.turned else array[:, 0]).astype(float)
    steps = np.diff(first)
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(steps[0] > 0 and np.allclose(steps, steps[0], rtol=1e-6, atol=0.0))


# the only variable that fits


def _only(path: str, tree: Any, wanted: Wanted) -> str:
    """The one variable that holds the rows; refused where another may hold them as well."""
    variables, networks = tree.variables, _networks(tree)
    others = {n: v for n, v in variables.items() if n not in networks}
    tables = {n: ways for n, v in others.items() if (ways := held(v))}
    inputs = {n: ways for n, ways in tables.items() if not TIMES.fullmatch(n)}
    fitting = [n for n, ways in inputs.items() if any(_fits(way, wanted) for way in ways)]
    if len(inputs) > 1:
        fitting = [n for n in fitting if not TARGETS.fullmatch(n)] or [n for n in fitting if len(fitting) > 1]
    sure = not fitting or not all(TARGETS.fullmatch(n) for n in fitting)
    unread = [
        p
        for n, v in others.items()
        if n not in tables
        for p in _numbers_in(n, v, wanted.size if sure and _a_struct(v) else None)
    ]
    if unread:
        fits = f"{listed(fitting, 3)} would fit, but " if fitting else ""
        raise DataError(
            f"{path}: {fits}{listed(unread, 4)} may hold the inputs too; choose with {path}:NAME or --columns NAMES"
        )
    if len(fitting) > 1:
        raise DataError(f"{path}: {len(fitting)} variables fit ({listed(fitting)}); choose one with {path}:NAME")
    if not fitting and len(inputs) == 1:
        return next(iter(inputs))
    if not fitting:
        size = "" if wanted.size is None else f" {wanted.size} inputs"
        raise DataError(
            f"{path}: no variable fits{size}; it has {listed(list(variables))}; choose with {path}:NAME or --columns NAMES"
        )
    return fitting[0]


def _a_struct(value: Any) -> bool:
    """Whether a value may hold settings and results as well as rows; a cell or an array of many
    dimensions holds rows.
    """
    return not isinstance(value, np.ndarray)


def _networks(tree: Any) -> set[str]:
    """The variables that hold networks, or weights by their names: a cell of samples may look
    like a cell of weights.
    """
    from nngrad.loaders import LAST_RESORTS, candidates

    plain = {d.module for d in LAST_RESORTS}
    found = [(c.dialect in plain, re.split(r"[.{(]", path)[0]) for c in candidates(tree) for path in c.path.split(",")]
    return {name for by_look, name in found if not by_look or WEIGHTS.fullmatch(name)}


def _fits(way: Held, wanted: Wanted) -> bool:
    if wanted.size is None or wanted.choose is not None:
        return True
    if way.names is None:
        widths = {"rows": way.array.shape[1:], "columns": way.array.shape[:1]}.get(way.samples or "", way.array.shape)
        return wanted.size in widths
    return wanted.size <= len(way.names)


def _numbers_in(path: str, value: Any, size: int | None) -> Iterator[str]:
    """Where something that isn't understood holds numbers that may be rows: one path, or none."""
    from nngrad.loaders.tree import Undecoded, children

    if isinstance(value, dict) and value.keys() >= RECORD:
        return
    stack, seen = [(path, value, 0)], 0
    while stack and seen < PARTS:
        where, part, depth = stack.pop()
        seen += 1
        array = isinstance(part, np.ndarray) and part.dtype.kind in "fiubc"
        if isinstance(part, Undecoded) or (array and part.size > 1 and (size is None or size in part.shape)):
            yield where
            return
        if depth < DEPTH:
            stack += [(p, e, depth + 1) for p, e in reversed(list(children(where, part)))]


class MatWriter:
    """Rows as one variable of a version 5 MATLAB file; all of it is held in memory."""

    def __init__(self, place: Location, name: str = "J") -> None:
        self._name = place.name or name
        if not re.fullmatch(r"[A-Za-z]\w{0,30}", self._name, re.ASCII):
            raise UsageError(
                f"{place.path}: {self._name!r} can't name a MATLAB variable; use letters, digits and _ (31 at most)"
            )
        self._path, self._out = place.path, Output(place.path)
        self._blocks: list[np.ndarray] = []
        self._shape: tuple[int, ...] = ()
        self._columns: list[str] = []
        self._rows = 0

    def begin(
        self,
        columns: Sequence[str],
        shape: tuple[int, ...] | None = None,
        *,
        keep: Sequence[str] = (),
        rows: int | None = None,
    ) -> None:
        numbers_only("mat", keep)
        self._columns, self._shape = list(columns), shape or (len(columns),)
        self._check(rows or 0)

    def _check(self, rows: int) -> None:
        if 8 * rows * math.prod(self._shape) > LIMIT:
            raise UsageError(f"{self._path}: a variable of a MATLAB version 5 file ends at 2 GiB; write h5 or npy")

    def format(self, values: np.ndarray, kept: Kept = ()) -> np.ndarray:
        return np.asarray(values, np.float64).reshape(len(values), *self._shape)

    def write(self, piece: np.ndarray) -> None:
        self._rows += len(piece)
        self._check(self._rows)
        self._blocks.append(piece)

    def _save(self) -> None:
        from scipy.io import savemat

        value = np.concatenate(self._blocks) if self._blocks else np.empty((0, *self._shape))
        names = np.array(self._columns, dtype=object).reshape(1, -1)
        savemat(self._out.file, {self._name: value, f"{self._name[:23]}_columns": names}, appendmat=False)
        self._out.file.seek(0)
        self._out.file.write(HEAD)

    def __enter__(self) -> MatWriter:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if kind is None:
                self._save()
                self._out.commit()
        finally:
            self._out.abandon()
