"""MATLAB's ways of holding rows: whatever the form, the numbers are those of one table; and
nothing is the input by its size alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from nngrad import tables
from nngrad.errors import NngradError
from nngrad.loaders.tree import MatlabObject, Undecoded
from nngrad.tables.held import held
from nngrad.tables.matlab import element

X = np.array(
    [[3180.5, 70.8, 270.1], [2534.25, 87.9, 252.9], [1000.0, 10.0, 300.0], [900.0, 20.0, 310.0], [1200.0, 30.0, 290.0]]
)
T = np.arange(5.0)
XS, NAMES = ("x1", "x2", "x3"), ("speed", "throttle", "temperature")


def cell(parts: Sequence[Any], shape: tuple[int, int] | None = None) -> np.ndarray:
    """A cell, filled column by column."""
    filled = np.empty(len(parts), object)
    filled[:] = [np.asarray(p) if not isinstance(p, str) else p for p in parts]
    return filled.reshape(shape or (1, len(parts)), order="F")


def structs(records: Sequence[dict[str, Any]]) -> np.ndarray:
    """A struct array."""
    array = np.empty((1, len(records)), [(name, object) for name in records[0]])
    for k, record in enumerate(records):
        array[0, k] = tuple(np.atleast_2d(v) if not isinstance(v, str) else v for v in record.values())
    return array


def signals(values: Any, label: str = "") -> dict[str, Any]:
    return {"values": values, "dimensions": 3.0, "label": label}


FORMS: dict[str, Any] = {
    "samples in columns": X.T,
    "samples in rows": X,
    "1 x Q of n x 1": cell([row[:, None] for row in X]),
    "1 x Q of 1 x n": cell([row[None] for row in X]),
    "Q x 1 of n x 1": cell([row[:, None] for row in X], (5, 1)),
    "Q x 1 of 1 x n": cell([row[None] for row in X], (5, 1)),
    "1 x 2 of n x Q": cell([X[:2].T, X[2:].T]),
    "n x 1 of 1 x Q": cell([column[None] for column in X.T], (3, 1)),
    "1 x n of Q x 1": cell([column[:, None] for column in X.T]),
    "2 x 1 of n x Q": cell([X[:, :2].T, X[:, 2:].T], (2, 1)),
    "n x Q of 1 x 1": cell([np.array([[v]]) for v in X.ravel()], (3, 5)),
    "2 x Q of n x 1": cell([part for row in X for part in (row[:2, None], row[2:, None])], (2, 5)),
    "n x 1 x T": X.T[:, None, :],
    "1 x n x T": X.T[None],
    "integers": np.rint(20 * X).astype(np.int32),
    "structure with time": {"time": T[:, None], "signals": signals(X, "in"), "blockName": "m/To Workspace"},
    "structure with time, n x 1 x T": {"time": T[:, None], "signals": signals(X.T[:, None, :])},
    "structure without time": {"time": np.zeros((0, 0)), "signals": signals(X)},
    "signals of several": {"time": T[:, None], "signals": structs([signals(X[:, :2], "a"), signals(X[:, 2:], "b")])},
    "signals without labels": {"time": T[:, None], "signals": structs([signals(X[:, k : k + 1]) for k in range(3)])},
    "struct of columns": {
        "speed": X[:, :1],
        "throttle": X[:, 1:2],
        "temperature": X[:, 2:],
        "note": "run 1",
        "Ts": 0.1,
    },
    "struct of rows": {"speed": X[:, 0][None], "throttle": X[:, 1][None], "temperature": X[:, 2][None]},
    "struct array": structs([dict(zip(NAMES, row, strict=True)) for row in X]),
    "cell with a line of names": cell(
        [part for k, n in enumerate(NAMES) for part in (n, *([[v]] for v in X[:, k]))], (6, 3)
    ),
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows(source: str, **wanted: Any) -> np.ndarray:
    with tables.reader(source, **{"size": 3, "columns": XS, **wanted}) as table:
        return np.concatenate([table.parse(chunk).x for chunk in table.chunks()])


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_rows(form: str) -> None:
    savemat("x.mat", {"in1": FORMS[form], "tout": T[:, None], "note": "text", "y": np.ones((5, 1))})
    expected = np.rint(20 * X) if form == "integers" else X
    np.testing.assert_array_equal(rows("x.mat"), expected)
    np.testing.assert_array_equal(rows("x.mat:in1"), expected)


@pytest.mark.parametrize("form", ["struct of columns", "struct of rows", "struct array", "cell with a line of names"])
def test_what_has_names_is_matched_by_them(form: str) -> None:
    savemat("x.mat", {"run": FORMS[form]})
    np.testing.assert_array_equal(rows("x.mat", columns=("temperature", "speed", "throttle")), X[:, [2, 0, 1]])
    np.testing.assert_array_equal(rows("x.mat:run", columns=("throttle", "speed"), size=2), X[:, [1, 0]])
    np.testing.assert_array_equal(
        rows("x.mat:run", columns=XS[:2], size=2, choose=("temperature", "speed")), X[:, [2, 0]]
    )
    with pytest.raises(NngradError, match="1 column of 3 missing: torque"):
        rows("x.mat:run", columns=("torque", "speed", "throttle"))


def test_labels_that_some_signals_lack_or_share_are_no_reason_to_ignore_them() -> None:
    parts = structs([signals(X[:, :1], "x2"), signals(X[:, 1:2]), signals(X[:, 2:], "x1")])
    savemat("x.mat", {"run": {"time": T[:, None], "signals": parts}})
    np.testing.assert_array_equal(rows("x.mat", columns=XS[:2], size=2), X[:, [2, 0]])
    np.testing.assert_array_equal(rows("x.mat", by="order"), X)
    with pytest.raises(NngradError, match="1 column of 3 missing: x3"):
        rows("x.mat", columns=XS)
    with pytest.raises(NngradError, match="3 columns of 3 missing"):
        rows("x.mat", columns=NAMES)
    parts = structs([signals(X[:, :1], "x2"), signals(X[:, 1:2], "x2"), signals(X[:, 2:], "x1")])
    savemat("x.mat", {"run": {"time": T[:, None], "signals": parts}})
    with pytest.raises(NngradError, match="column x2 occurs more than once"):
        rows("x.mat", columns=XS)


def test_names_beside_an_array_are_those_of_its_columns() -> None:
    names = cell(["throttle", "speed", "temperature"])
    for variables, source in (
        ({"data": X, "colheaders": names, "textdata": names}, "x.mat"),
        ({"data": X.T, "VarNames": names.T}, "x.mat"),
        ({"data": X, "columns": ["throttle", "speed", "temperature"]}, "x.mat"),
        ({"data": X.T[:, None, :3], "names": names}, "x.mat"),
        ({"run": {"data": X, "colheaders": names}}, "x.mat:run.data"),
    ):
        savemat("x.mat", variables)
        found = rows(source, columns=NAMES)
        np.testing.assert_array_equal(found, X[: len(found), [1, 0, 2]])
    savemat("x.mat", {"data": X[:3], "columns": names})
    np.testing.assert_array_equal(rows("x.mat", columns=NAMES, samples="columns"), X[:3].T[:, [1, 0, 2]])
    for other in (
        {"labels": cell(["cat", "dog", "cow"])},
        {"names": cell(["a", "b", "c", "d"])},
    ):  # of classes, of people
        savemat("x.mat", {"data": X, **other})
        np.testing.assert_array_equal(rows("x.mat", columns=NAMES), X)


def test_tables_timetables_and_timeseries_as_the_container_decodes_them() -> None:
    columns = cell([X[:, :1], cell(["a"] * 5, (5, 1)), X[:, 1:2], X[:, 2:]])
    labels = cell(["speed", "gear", "throttle", "temperature"])
    (table,) = held(MatlabObject("table", {"data": columns, "varnames": labels, "nrows": np.array([[5.0]])}))
    assert (table.names, table.samples) == (NAMES, "rows")
    np.testing.assert_array_equal(table.array, X)
    (timetable,) = held(MatlabObject("timetable", {"any": {"data": columns, "varNames": labels, "rowTimes": T}}))
    np.testing.assert_array_equal(timetable.array, X)
    (wide,) = held(MatlabObject("table", {"data": cell([X]), "varnames": "x"}))
    assert wide.names == ("x_1", "x_2", "x_3")
    for data, first in ((X, 1.0), (X.T, 0.0), (X.T[:, None, :], 0.0)):
        (series,) = held(MatlabObject("timeseries", {"Data_": data, "Time_": T, "IsTimeFirst_": np.array([[first]])}))
        np.testing.assert_array_equal(series.array.T if series.samples == "columns" else series.array, X)


def test_one_variable_a_column() -> None:
    savemat("x.mat", {"speed": X[:, :1], "throttle": X[:, 1], "temperature": X[:, 2:], "torque": X[:, :1], "t": T})
    np.testing.assert_array_equal(rows("x.mat", columns=NAMES), X)
    np.testing.assert_array_equal(rows("x.mat", choose=("throttle", "temperature", "speed")), X[:, [1, 2, 0]])
    with pytest.raises(NngradError, match=r"no variable fits 3 inputs.*--columns NAMES"):
        rows("x.mat")


def test_time_on_top_is_named_and_left_out_by_choice() -> None:
    savemat("x.mat", {"ans": np.vstack([T, X.T])})
    with pytest.raises(
        NngradError, match="first row grows as time does; take the others with --columns 2-4 --samples columns"
    ):
        rows("x.mat")
    np.testing.assert_array_equal(rows("x.mat", choose=("2-4",), samples="columns"), X)
    np.testing.assert_array_equal(rows("x.mat", choose=("2-4",)), X)  # only one way has a time in front
    savemat("x.mat", {"ans": np.column_stack([T, X])[:4]})
    with pytest.raises(
        NngradError, match="first column grows as time does; take the others with --columns 2-4 --samples rows"
    ):
        rows("x.mat")
    np.testing.assert_array_equal(rows("x.mat", choose=("4", "2", "3")), X[:4][:, [2, 0, 1]])
    savemat("x.mat", {"ans": X.T[:, :3]})
    with pytest.raises(NngradError, match="say with --samples"):
        rows("x.mat", choose=("2", "1"), size=2, columns=XS[:2])


@pytest.mark.parametrize(
    ("variables", "size", "words"),
    [
        ({"tout": T[:, None]}, 1, "no variable fits 1 inputs"),
        ({"tout": T[:, None], "simout": {"time": T[:, None], "signals": signals(X)}}, 1, "simout: has shape 5x3"),
        ({"tout": T[:, None], "odd": np.ones((2, 2, 5))}, 5, "odd may hold the inputs"),
        (
            {"X": cell([X.T, X[:2].T, np.ones((2, 2))]), "T": T[None]},
            1,
            r"T would fit, but X\{1\} may hold the inputs too",
        ),
        ({"data": {"X": X.T, "T": T[None]}, "y": np.ones((3, 5))}, 3, "data.X may hold the inputs"),
        ({"x": X, "x_test": X}, 3, r"2 variables fit \(x, x_test\)"),
        ({"x": X + 1j, "z": X}, 3, "z would fit, but x may hold the inputs too"),
        ({"P": X[:, :2].T, "targets": T[None]}, 1, "no variable fits 1 inputs"),
    ],
    ids=str,
)
def test_nothing_is_the_input_by_its_size_alone(variables: dict[str, Any], size: int, words: str) -> None:
    savemat("x.mat", variables)
    with pytest.raises(NngradError, match=words) as error:
        rows("x.mat", size=size, columns=tuple(f"x{k + 1}" for k in range(size)))
    assert len(str(error.value)) < 300


def test_a_variable_beside_its_targets_and_what_training_left_is_found() -> None:
    record = {"trainFcn": "trainlm", "performFcn": "mse", "epoch": T[None], "perf": np.ones((3, 5))}
    savemat("x.mat", {"inputs": X.T, "targets": np.ones((3, 5)), "tr": record, "t": T, "note": "text"})
    np.testing.assert_array_equal(rows("x.mat"), X)
    savemat("x.mat", {"p": X[:, :1].T, "t": X[:, 1:2].T})
    np.testing.assert_array_equal(rows("x.mat", size=1, columns=("x1",)), X[:, :1])


def test_what_could_not_be_decoded_may_hold_the_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    from nngrad.loaders import containers
    from nngrad.loaders.tree import Tree

    savemat("x.mat", {"x": X})
    tree = Tree("MAT v7", {"x": X, "run": Undecoded("timetable", "odd")})
    monkeypatch.setattr(containers, "read", lambda path: tree)
    with pytest.raises(NngradError, match=r"x would fit, but run may hold the inputs too; choose with x.mat:NAME"):
        rows("x.mat")
    np.testing.assert_array_equal(rows("x.mat:x"), X)
    with pytest.raises(NngradError, match=r"x.mat:run: is no table of numbers"):
        rows("x.mat:run")


def test_elements_are_reached_whatever_their_names_are() -> None:
    variables = {"a.b": {"c": 1}, "a": {"b.c": 2, "d": cell([3, 4])}, "s": structs([{"v": 5.0}, {"v": 6.0}])}
    variables["s"] = np.array([[{"v": 5}, {"v": 6}]], object)
    assert [element(variables, path) for path in ("a.b.c", "a.d{2}", "s(2).v", "s{1}.v")] in (
        [1, 4, 6, 5],
        [2, 4, 6, 5],
    )
    for path in ("a.q", "q", "s(3)", "s(1).w", "a.", ""):
        with pytest.raises(KeyError):
            element(variables, path)


@pytest.mark.parametrize("turned", [False, True])
def test_a_first_input_that_may_be_time_is_said(tmp_path, turned):
    """A To-File matrix, time on top, that is as wide as the network."""
    rows = np.column_stack([np.arange(5) * 0.1, [3.0, 1.0, 4.0, 1.0, 5.0], [2.0, 7.0, 1.0, 8.0, 2.0]])
    for first, said in ((rows[:, 0], True), (rows[::-1, 0], False), ([0.0, 0.1, 0.3, 0.4, 0.5], False)):
        table = np.column_stack([first, rows[:, 1:]])
        savemat(tmp_path / "m.mat", {"ans": table.T if turned else table})
        with tables.reader(tmp_path / "m.mat", size=3, columns=["x1", "x2", "x3"]) as reader:
            assert any("grows in equal steps, as time does" in note for note in reader.notes) == said
            np.testing.assert_array_equal(np.concatenate([reader.parse(c).x for c in reader.chunks()]), table)
