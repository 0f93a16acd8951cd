"""The one rule of matching, over everything that has named columns: files of every format and frames in memory give the
same numbers, the same doubts and the same refusals. What is right was written down by hand: which column of the table
belongs to which input."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np
import polars
import pytest
from scipy.io import savemat

from nngrad import tables
from nngrad.core.network import Network
from nngrad.core.ports import Port
from nngrad.errors import NngradError, NngradWarning
from tests.matlab_bytes import Bytes, store
from tests.matlab_bytes import tables as object_tables

XS = ("x1", "x2", "x3")
REAL = ("speed", "throttle", "temperature")
TAPS = ("x1(t-1)", "x1(t-2)", "x2(t-1)", "x2(t-2)")
PORTS = (Port("x", TAPS[:2]), Port("y", TAPS[2:]))
NAMED_TAPS = (Port("x", ("x(t-1)", "x(t-2)")), Port("y", ("y(t-1)",)))
STATE = (Port("state", ("x1", "x2")), Port("torque", ("x3",)))

ORDER, NUMBER, NEAR = "columns taken in order", "columns taken by their numbers", "names taken for near ones"
RIGHT = [  # (the model's columns or ports, the table's names, which column is which input, what is said)
    (REAL, ("speed", "throttle", "temperature"), (0, 1, 2), ""),
    (REAL, ("temperature", "speed", "throttle"), (1, 2, 0), ""),
    (REAL, ("id", "temperature", "speed", "throttle"), (2, 3, 1), ""),
    (REAL, ("Throttle", "Speed", "TEMPERATURE"), (1, 0, 2), NEAR),
    (REAL, ("throttle [%]", "speed [1/min]", "temperature (degC)"), (1, 0, 2), NEAR),
    (REAL, ("throttle_pct", "speed_rpm", "temperature in K"), (1, 0, 2), NEAR),
    (
        REAL,
        (" temperature ", "speed", "throttle"),
        (1, 2, 0),
        None,
    ),  # delimited text drops the blanks, the others say it
    (REAL, ("throttle", "speed", "Speed [rpm]", "temperature"), (1, 0, 3), ""),
    (("Air Temp", "rpm"), ("rpm", "air_temp"), (1, 0), NEAR),
    (("speed_rpm", "load"), ("load", "speed"), (1, 0), NEAR),
    (XS, ("x1", "x2", "x3"), (0, 1, 2), ""),
    (XS, ("x3", "x1", "x2"), (1, 2, 0), ""),
    (XS, ("time", "x3", "x1", "x2"), (2, 3, 1), ""),
    (XS, ("X2", "X1", "X3"), (1, 0, 2), NUMBER),
    (XS, ("x2", "X1", "x3"), (1, 0, 2), ""),
    (XS, ("x_3", "x_1", "x_2"), (1, 2, 0), NUMBER),
    (XS, ("x(3)", "x(1)", "x(2)"), (1, 2, 0), NUMBER),
    (XS, ("x[2]", "x[3]", "x[1]"), (2, 0, 1), NUMBER),
    (XS, ("x{2}", "x{3}", "x{1}"), (2, 0, 1), NUMBER),
    (XS, ("x 2", "x 1", "x 3"), (1, 0, 2), NUMBER),
    (XS, ("x.2", "x.1", "x.3"), (1, 0, 2), NUMBER),
    (XS, ("x02", "x01", "x03"), (1, 0, 2), NUMBER),
    (XS, ("Var2", "Var1", "Var3"), (1, 0, 2), NUMBER),
    (XS, ("V2", "V1", "V3"), (1, 0, 2), NUMBER),
    (XS, ("in2", "in1", "in3"), (1, 0, 2), NUMBER),
    (XS, ("input_2", "input_1", "input_3"), (1, 0, 2), NUMBER),
    (XS, ("Column2", "Column1", "Column3"), (1, 0, 2), NUMBER),
    (XS, ("u3", "u1", "u2"), (1, 2, 0), NUMBER),
    (XS, ("X1", "X2", "X3"), (0, 1, 2), ""),
    (XS, ("throttle", "speed", "temperature"), (0, 1, 2), ORDER),
    (XS, ("T1", "T2", "T3"), (0, 1, 2), ORDER),
    (XS, ("y1", "y2", "y3"), (0, 1, 2), ORDER),
    (XS, ("x1_speed", "x2_throttle", "x3_load"), (0, 1, 2), ORDER),
    (XS, ("1_speed", "2_throttle", "3_load"), (0, 1, 2), ORDER),
    (XS, ("500_nm", "400_nm", "300_nm"), (0, 1, 2), ORDER),
    (XS, ("0", "1", "2"), (0, 1, 2), ORDER),
    (("x1",), ("torque",), (0,), ORDER),
    (TAPS, ("x2(t-1)", "x1(t-2)", "x2(t-2)", "x1(t-1)"), (3, 1, 0, 2), ""),
    (TAPS, ("x2[k-1]", "x1 (t-2)", "x2(n-2)", "x1(t-1)"), (3, 1, 0, 2), NUMBER),
    (
        TAPS,
        ("x2_t_1_", "x1_t_2_", "x2_t_2_", "x1_t_1_"),
        (3, 1, 0, 2),
        NUMBER,
    ),  # as matlab.lang.makeValidName spells it
    (TAPS, ("x2_lag1", "x1_lag2", "x2_lag2", "x1_lag1"), (3, 1, 0, 2), NUMBER),
    (TAPS, ("x(t-1)", "x(t-2)", "y(t-1)", "y(t-2)"), (0, 1, 2, 3), ORDER),
    (PORTS, ("y(t-1)", "y(t-2)", "x(t-1)", "x(t-2)"), (2, 3, 0, 1), ""),
    (PORTS, ("Y(t-1)", "y_t_2_", "X(t-1)", "x(t-2)"), (2, 3, 0, 1), NEAR),
    (NAMED_TAPS, ("y(t-1)", "x(t-2)", "x(t-1)"), (2, 1, 0), ""),
    (NAMED_TAPS, ("x2(t-1)", "x1(t-2)", "x1(t-1)"), (2, 1, 0), ""),
    (STATE, ("torque", "state_2", "state_1"), (2, 1, 0), ""),
    (STATE, ("torque", "angle", "rate"), (1, 2, 0), ORDER),
    (("speed", "x2", "x3"), ("a", "b", "speed"), (2, 0, 1), ORDER),
]

REFUSED = [  # (the model's columns or ports, the table's names, words of the refusal)
    (XS, ("x1", "x2", "x5"), "1 column of 3 missing: x3"),
    (XS, ("x0", "x1", "x2"), "1 column of 3 missing: x3"),
    (XS, ("x0", "x2", "x1"), "missing: x3"),
    (XS, ("X0", "X1", "X2"), "missing: x1, x2, x3|has X0, X1, X2 where"),
    (XS, ("x1", "in2", "in3"), "missing: x2, x3"),
    (XS, ("Var1", "in2", "x3"), "missing: x1, x2"),
    (XS, ("X1", "x_1", "x2"), "missing: x1, x3"),
    (XS, ("2", "0", "1"), "has the columns 2, 0, 1"),
    (XS, ("T3", "T1", "T2"), "numbered but not in order"),
    (XS, ("y2", "y1", "y3"), "numbered but not in order"),
    (XS, ("x2_speed", "x1_throttle", "x3_load"), "numbered but not in order"),
    (XS, ("A x2", "A x1", "B x3"), "numbered but not in order"),
    (XS, ("2_speed", "1_throttle", "3_load"), "numbered but not in order"),
    (XS, ("in2", "in1_1", "in1_2"), "numbered but not in order"),
    (XS, ("a", "b", "__index_level_0__"), "x3 would be __index_level_0__, an index of the rows"),
    (XS, ("Unnamed: 0", "a", "b"), "x1 would be Unnamed: 0, an index of the rows"),
    (XS, ("time", "a", "b", "c"), "4 columns where 3 are needed.*time may be the time"),
    (XS, ("a", "b"), "2 columns where 3 are needed"),
    (REAL, ("n", "alpha", "T"), "3 columns of 3 missing"),
    (REAL, ("x1", "x2", "x3"), "3 columns of 3 missing"),
    (REAL, ("speed_rpm", "speed_set", "throttle", "temperature"), "speed like speed_rpm and speed_set"),
    (REAL, ("speed (set)", "throttle", "temperature"), "missing: speed"),
    (REAL, ("speed_min", "throttle", "temperature"), "missing: speed"),
    (REAL, ("Speed", "SPEED", "throttle", "temperature"), "speed like Speed and SPEED"),
    (("speed_rpm", "load"), ("load", "speed [rad/s]"), "missing: speed_rpm"),
    (("p_in", "p_out"), ("p", "q"), "missing: p_in, p_out"),
    (TAPS, ("y(t-1)", "y(t-2)", "x(t-1)", "x(t-2)"), "has y"),
    (TAPS, ("x(t-2)", "x(t-1)", "y(t-1)", "y(t-2)"), "has x"),
    (TAPS, ("x1(t-1)", "x1(t-2)", "x2(t-1)", "x2(t-3)"), "missing: x2.t-2."),
    (STATE, ("torque", "angle"), "1 column where 2 are needed"),
]

Route = Callable[[Sequence[str], np.ndarray, Network], tuple[np.ndarray, list[str]]]


def network(columns: Sequence[str] | Sequence[Port]) -> Network:
    """Something that takes columns with these names, alone or as ports; nothing is computed."""
    ports = tuple(columns) if isinstance(columns[0], Port) else (Port("Input", tuple(columns)),)
    return Network.chain(
        [],
        sum(p.size for p in ports),
        inputs=ports,
        outputs=(Port("y", tuple(f"y{k}" for k in range(len(flat(ports))))),),
    )


def flat(ports: Sequence[Port]) -> list[str]:
    return [c for p in ports for c in p.columns]


def from_file(source: str, net: Network) -> tuple[np.ndarray, list[str]]:
    with tables.reader(source, size=net.input_size, columns=net.input_names, aliases=net.input_aliases) as rows:
        x = np.concatenate([rows.parse(chunk).x for chunk in rows.chunks()])
        return x, [note for note in rows.notes if " ignored" not in note and "which stand in" not in note]


def from_memory(x: object, net: Network) -> tuple[np.ndarray, list[str]]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        rows, _ = net.rows_of(x)
    assert all(issubclass(w.category, NngradWarning) and w.filename == __file__ for w in said)
    return rows, [str(w.message) for w in said]


def text(suffix: str, delimiter: str) -> Route:
    def route(names: Sequence[str], x: np.ndarray, net: Network) -> tuple[np.ndarray, list[str]]:
        lines = [delimiter.join(f'"{n}"' for n in names), *(delimiter.join(map(repr, row)) for row in x.tolist())]
        Path(f"t.{suffix}").write_text("\n".join(lines) + "\n")
        header = {"header": True} if all(n.isdigit() for n in names) else {}
        with tables.reader(
            f"t.{suffix}", size=net.input_size, columns=net.input_names, aliases=net.input_aliases, **header
        ) as rows:
            found = np.concatenate([rows.parse(chunk).x for chunk in rows.chunks()])
            return found, [note for note in rows.notes if " ignored" not in note]

    return route


def ndjson(names: Sequence[str], x: np.ndarray, net: Network) -> tuple[np.ndarray, list[str]]:
    Path("t.ndjson").write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in x.tolist()))
    return from_file("t.ndjson", net)


def parquet(names: Sequence[str], x: np.ndarray, net: Network) -> tuple[np.ndarray, list[str]]:
    polars.DataFrame(dict(zip(names, x.T, strict=True))).write_parquet("t.parquet")
    return from_file("t.parquet", net)


def mat_table(names: Sequence[str], x: np.ndarray, net: Network) -> tuple[np.ndarray, list[str]]:
    """A `table`, byte by byte as MATLAB stores it."""
    make = Bytes()
    table = object_tables(["table", "data", "varnames"], [(0, 1)], [(1, False, [(2, 1, 0), (3, 1, 1)])])
    data = make.cell([make.array(column[:, None]) for column in x.T], shape=(1, len(names)))
    labels = make.cell([make.text(n) for n in names], shape=(1, len(names)))
    contents = store(make, table, [data, labels], [make.struct({})])
    Path("t.mat").write_bytes(make.file(make.object("table", [1], "T"), store=contents))
    return from_file("t.mat", net)


def mat_of_ours(names: Sequence[str], x: np.ndarray, net: Network) -> tuple[np.ndarray, list[str]]:
    savemat("o.mat", {"J": x, "J_columns": np.array(names, object)[None]})
    return from_file("o.mat", net)


def hdf5(names: Sequence[str], x: np.ndarray, net: Network) -> tuple[np.ndarray, list[str]]:
    with h5py.File("t.h5", "w") as file:
        file["J"] = x
        file["J"].attrs["columns"] = list(names)
    return from_file("t.h5", net)


class Minimal:
    """The least that a frame of any library has."""

    def __init__(self, names: Sequence[str], x: np.ndarray) -> None:
        self.columns, self._x = list(names), x

    def __getitem__(self, name: str) -> np.ndarray:
        return self._x[:, self.columns.index(name)]

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self._x


def records(names: Sequence[str], x: np.ndarray, net: Network) -> tuple[np.ndarray, list[str]]:
    return from_memory(np.array([tuple(row) for row in x], dtype=[(n, float) for n in names]), net)


ROUTES: dict[str, Route] = {
    "csv": text("csv", ","),
    "tsv": text("tsv", "\t"),
    "ndjson": ndjson,
    "parquet": parquet,
    "mat table": mat_table,
    "mat of ours": mat_of_ours,
    "h5": hdf5,
    "polars": lambda names, x, net: from_memory(polars.DataFrame(dict(zip(names, x.T, strict=True))), net),
    "frame": lambda names, x, net: from_memory(Minimal(names, x), net),
    "dict": lambda names, x, net: from_memory(dict(zip(names, x.T, strict=True)), net),
    "dicts": lambda names, x, net: from_memory([dict(zip(names, row, strict=True)) for row in x.tolist()], net),
    "records": records,
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def numbers(names: Sequence[str]) -> np.ndarray:
    """Two rows in which every number says which column it stands in."""
    return np.array([[10.5 + k for k in range(len(names))], [-20.25 - k for k in range(len(names))]])


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("columns", "names", "indices", "said"), RIGHT, ids=lambda v: str(v)[:60])
def test_every_number_reaches_its_input(
    route: str, columns: Sequence[str], names: Sequence[str], indices: Sequence[int], said: str | None
) -> None:
    x = numbers(names)
    found, doubts = ROUTES[route](names, x, network(columns))
    np.testing.assert_array_equal(found, x[:, list(indices)])
    if said is not None:
        assert [said in text for text in doubts] == ([True] if said else [])


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("columns", "names", "words"), REFUSED, ids=lambda v: str(v)[:60])
def test_what_is_not_sure_is_refused(route: str, columns: Sequence[str], names: Sequence[str], words: str) -> None:
    with pytest.raises(NngradError, match=words) as error:
        ROUTES[route](names, numbers(names), network(columns))
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("route", ["csv", "tsv", "frame"])
def test_a_name_that_occurs_twice_is_never_the_first_in_silence(route: str) -> None:
    for columns in (REAL, ("speed", "throttle")):
        with pytest.raises(NngradError, match="column throttle occurs more than once"):
            ROUTES[route](("throttle", "speed", "throttle", "temperature"), np.ones((2, 4)), network(columns))


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_any_names_gives_the_same_numbers(seed: int) -> None:
    """Names of units, sequences and plain words at random, columns in any order, with others between them."""
    rng = np.random.default_rng(seed)
    pool = [
        "air temp",
        "Speed",
        "p_1",
        "p_2",
        "x1",
        "x 9",
        "T_in",
        "T_out",
        "flow [l/min]",
        "été",
        "α",
        "a b c",
        "x1(t-1)",
        "Label",
    ]
    model = [str(n) for n in rng.permutation(pool)[: rng.integers(1, 8)]]
    table = [str(n) for n in rng.permutation([*model, *(f"other {k}" for k in range(rng.integers(0, 4)))])]
    x = numbers(table)
    expected = x[:, [table.index(n) for n in model]]
    for route in ROUTES:
        found, doubts = ROUTES[route](table, x, network(model))
        np.testing.assert_array_equal(found, expected)
        assert doubts == []


# --columns


@pytest.mark.parametrize("route", ["t.csv", "t.tsv", "t.ndjson", "t.parquet"])
@pytest.mark.parametrize(
    ("choose", "model", "indices"),
    [
        (("c", "a", "b"), XS, (3, 1, 2)),
        (("4", "2", "3"), XS, (3, 1, 2)),
        (("2-4",), XS, (1, 2, 3)),
        (("c", "2", "3"), XS, (3, 1, 2)),
        (("2-4",), ("c", "a", "b"), (3, 1, 2)),
        (("2-4",), ("c", "a"), (3, 1)),
    ],
    ids=str,
)
def test_columns_are_chosen_by_name_or_number(
    route: str, choose: tuple[str, ...], model: tuple[str, ...], indices: tuple[int, ...]
) -> None:
    names, x = ("index", "a", "b", "c"), numbers("iabc")
    with tables.writer(route) as out:
        out.begin(names)
        out.write(out.format(x))
    with tables.reader(route, size=len(model), columns=model, choose=choose) as rows:
        np.testing.assert_array_equal(np.concatenate([rows.parse(c).x for c in rows.chunks()]), x[:, list(indices)])


@pytest.mark.parametrize("target", ["t.npy", "t.npz", "f.npy", "t.mat:v", "t.h5:v"])
def test_columns_of_arrays_are_chosen_by_number(target: str) -> None:
    x = np.arange(40.0).reshape(10, 4)[::-1].copy()
    if target == "f.npy":
        np.save(target, np.asfortranarray(x))
    else:
        with tables.writer(target) as out:
            out.begin(["i", "a", "b", "c"])
            out.write(out.format(x))
    with tables.reader(target, size=3, columns=XS, choose=("4", "2", "3")) as rows:
        np.testing.assert_array_equal(np.concatenate([rows.parse(c).x for c in rows.chunks()]), x[:, [3, 1, 2]])


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (("a", "q", "b"), "--columns q: there is no such column; it has index, a, b, c .1 to 4."),
        (("A", "b", "c"), "did you mean a?"),
        (("5", "1", "2"), "--columns 5: there is no such column"),
        (("a", "a", "b"), "--columns names a more than once"),
        (("a", "2", "b"), "--columns names a more than once"),
        (("a", "b"), "2 columns where 3 are needed"),
        (("3-1", "a", "b"), "--columns 3-1"),
    ],
    ids=str,
)
def test_a_choice_that_means_nothing_is_refused(choose: tuple[str, ...], words: str) -> None:
    Path("t.csv").write_text("index,a,b,c\n1,2,3,4\n")
    with pytest.raises(NngradError, match=words):
        tables.reader("t.csv", size=3, columns=XS, choose=choose)


def test_names_that_are_numbers_are_names_first() -> None:
    Path("t.csv").write_text(",0,1,2\n9,10,11,12\n")
    with tables.reader("t.csv", size=3, columns=XS, choose=("0", "1", "2"), header=True) as rows:
        assert [rows.parse(c).x.tolist() for c in rows.chunks()] == [[[10.0, 11.0, 12.0]]]
    Path("t.csv").write_text("3,1,2\n9,10,11\n")
    with tables.reader("t.csv", size=2, columns=XS[:2], choose=("1", "2"), header=True) as rows:
        assert "are taken as names, not as numbers" in rows.notes[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (",a,b,c\n5,1,2,3\n6,1,2,3\n", "choose with --columns a,b,c .column 1 may be an index."),
        ("date,a,b,c\n5,1,2,3\n", "choose with --columns a,b,c .date may be the time."),
        ("Unnamed: 0,a,b,c\n5,1,2,3\n", "choose with --columns a,b,c"),
        ("a,b,c,target\n5,1,2,3\n", "choose with --columns a,b,c .target may be a target."),
        ("a,b,c,torque\n5,1,2,3\n", "choose with --columns a,b,c .torque as the last may be a target."),
        ("a,b,c,d,e\n5,1,2,3,4\n", "choose with --columns NAMES or numbers$"),
    ],
    ids=str,
)
def test_too_many_columns_are_refused_with_what_to_say(content: str, words: str) -> None:
    Path("t.csv").write_text(content)
    with pytest.raises(NngradError, match=words):
        tables.reader("t.csv", size=3, columns=XS)


@pytest.mark.parametrize("source", ["t.npz", "t.h5", "t.h5:run"])
def test_arrays_of_one_column_each_are_columns(source: str) -> None:
    arrays = {
        "speed": np.array([1.5, 2.5]),
        "throttle": np.array([[3.5], [4.5]]),
        "temperature": np.array([5, 6]),
        "time": np.zeros(2),
    }
    np.savez("t.npz", **arrays)
    with h5py.File("t.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = file[f"run/{name}"] = array
    x = np.array([[1.5, 3.5, 5.0], [2.5, 4.5, 6.0]])
    for wanted, order in (
        ({"columns": REAL}, [0, 1, 2]),
        ({"columns": XS, "choose": ("temperature", "speed", "throttle")}, [2, 0, 1]),
    ):
        with tables.reader(source, size=3, **wanted) as rows:
            np.testing.assert_array_equal(np.concatenate([rows.parse(c).x for c in rows.chunks()]), x[:, order])
    with pytest.raises(NngradError, match=r"4 arrays|8 tables|is a group"):
        tables.reader(source, size=3, columns=XS)
