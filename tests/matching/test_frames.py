"""Frames in memory: what is missing or masked is NaN, a row stays a row, text is refused by name,
and every derivative has one door.
"""

from __future__ import annotations

import collections
import warnings
from typing import Any

import numpy as np
import polars as pl
import pytest

from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise
from nngrad.core.network import Network
from nngrad.core.ports import Port
from nngrad.core.scalar import Scalar
from nngrad.errors import DataError, NngradWarning
from nngrad.proofs.check import check
from nngrad.proofs.verify import verify

NAMES = ("speed", "throttle", "temperature")
W, B = np.array([[0.5, -1.0, 0.25], [1.5, 0.75, -0.5]]), np.array([0.1, -0.2])
NET = Network.chain(
    [Affine(W, B), Elementwise(BY_NAME["tansig"])],
    inputs=(Port("x", NAMES),),
    outputs=(Port("y", ("torque", "loss")),),
)
X = np.array([[0.3, -0.2, 0.7], [1.1, 0.4, -0.6], [-0.5, 0.9, 0.2]])
Y = np.tanh(X @ W.T + B)
SHUFFLED = {"temperature": X[:, 2], "other": ["a", "b", "c"], "speed": X[:, 0], "throttle": X[:, 1]}
FIELDS = [("temperature", float), ("speed", float), ("throttle", float)]
Row = collections.namedtuple("Row", "temperature speed throttle")


def pandas() -> Any:
    return pytest.importorskip("pandas")


TABLES = {
    "polars": lambda: pl.DataFrame(SHUFFLED),
    "pandas": lambda: pandas().DataFrame(SHUFFLED),
    "dict": lambda: SHUFFLED,
    "dicts": lambda: [{"throttle": t, "temperature": k, "speed": s} for s, t, k in X.tolist()],
    "records": lambda: np.array(
        [(k, s, t) for s, t, k in X.tolist()], dtype=[("temperature", float), ("speed", float), ("throttle", float)]
    ),
    "tuples": lambda: [Row(k, s, t) for s, t, k in X.tolist()],
}
ROWS = {
    "dict": lambda: {"temperature": 0.7, "speed": 0.3, "throttle": -0.2},
    "record": lambda: np.array([(0.7, 0.3, -0.2)], dtype=FIELDS)[0],
    "tuple": lambda: Row(0.7, 0.3, -0.2),
    "series": lambda: pandas().Series({"temperature": 0.7, "speed": 0.3, "throttle": -0.2}),
    "series of a mixed frame": lambda: pandas().DataFrame(SHUFFLED).iloc[0],
}


@pytest.mark.parametrize("kind", TABLES)
def test_values_and_every_derivative_are_those_of_the_array_in_the_right_order(kind: str) -> None:
    table, close = TABLES[kind](), {"rtol": 1e-14}
    np.testing.assert_allclose(NET(table), Y, **close)
    np.testing.assert_allclose(NET.jacobian(table), (1 - Y**2)[:, :, None] * W, **close)
    np.testing.assert_allclose(NET.hessian(table), NET.hessian(X), **close)
    np.testing.assert_allclose(NET.jvp(table, table), NET.jvp(X, X), **close)
    np.testing.assert_allclose(NET.vjp(table, {"loss": Y[:, 0], "torque": Y[:, 1]}), NET.vjp(X, Y[:, ::-1]), **close)
    np.testing.assert_allclose(NET.hvp(table, {"loss": 2.0, "torque": 1.0}, table), NET.hvp(X, [1.0, 2.0], X), **close)
    scalar = Scalar.parse(NET, "torque*loss")
    np.testing.assert_allclose(scalar(table), Y[:, 0] * Y[:, 1], **close)
    np.testing.assert_allclose(scalar.gradient(table), scalar.gradient(X), **close)
    np.testing.assert_allclose(scalar.hessian(table), scalar.hessian(X), **close)
    assert all(c.passed for c in check(NET, table))
    assert verify(NET, table, {"loss": Y[:, 1], "torque": Y[:, 0]}).reproduced


@pytest.mark.parametrize("kind", ROWS)
def test_one_row_gives_a_single_row(kind: str) -> None:
    row = ROWS[kind]()
    np.testing.assert_allclose(NET(row), Y[0], rtol=1e-14)
    assert (NET.jacobian(row).shape, NET.hessian(row).shape) == ((2, 3), (2, 3, 3))
    assert Scalar.parse(NET, "torque").gradient(row).shape == (3,)


def test_what_is_missing_or_masked_is_nan() -> None:
    expected = np.array([[np.nan, np.nan], *Y[1:]])
    mask = np.zeros(X.shape, bool)
    mask[0, 1] = True
    masked = np.ma.array(X, mask=mask)
    fields = np.ma.array([tuple(row) for row in X], dtype=[(n, float) for n in NAMES])
    fields["throttle"].mask = [True, False, False]
    holed = [None, *X[1:, 1].tolist()]
    for table in (
        masked,
        [masked[0], masked[1], masked[2]],
        fields,
        {n: masked[:, k] for k, n in enumerate(NAMES)},
        {"speed": X[:, 0], "throttle": holed, "temperature": X[:, 2]},
        pl.DataFrame({"speed": X[:, 0], "throttle": holed, "temperature": X[:, 2]}),
    ):
        np.testing.assert_allclose(NET(table), expected, rtol=1e-14)
    np.testing.assert_array_equal(NET.jvp(X, masked)[0], [np.nan, np.nan])
    assert np.isnan(NET({"speed": 1, "throttle": None, "temperature": 2.5})).all()


def test_nullable_types() -> None:
    pd = pandas()
    table = pd.DataFrame(
        {
            "throttle": pd.array([True, None, False], dtype="boolean"),
            "speed": pd.array([1, 2, None], dtype="Int64"),
            "temperature": pd.array([0.5, None, 1.5], dtype="Float64"),
        }
    )
    np.testing.assert_allclose(NET(table), [np.tanh(W @ [1, 1, 0.5] + B), [np.nan] * 2, [np.nan] * 2], rtol=1e-14)
    np.testing.assert_allclose(NET(table.iloc[0]), np.tanh(W @ [1, 1, 0.5] + B), rtol=1e-14)
    with_integers = pl.DataFrame(
        {"speed": [1, None], "throttle": [True, None], "temperature": pl.Series([2, 3], dtype=pl.UInt8)}
    )
    np.testing.assert_allclose(NET(with_integers)[0], np.tanh(W @ [1, 1, 2] + B), rtol=1e-14)


def test_a_pandas_frame_without_names_is_an_array() -> None:
    pd = pandas()
    numbered = Network.chain([Affine(W, B)])
    np.testing.assert_allclose(numbered(pd.DataFrame(X)), X @ W.T + B, rtol=1e-14)
    np.testing.assert_allclose(numbered(pd.Series(X[0])), W @ X[0] + B, rtol=1e-14)
    with pytest.raises(DataError, match="has the columns 2, 0, 1"):
        numbered(pd.DataFrame(X)[[2, 0, 1]])
    with pytest.raises(DataError, match="labels of this Series"):
        numbered(pd.Series(X[0], index=[7, 8, 9]))


def test_columns_that_are_taken_in_order_are_a_warning_at_the_line_of_the_caller() -> None:
    numbered = Network.chain([Affine(W, B)])
    with pytest.warns(
        NngradWarning, match="x: columns taken in order: x1 = temperature, x2 = speed, x3 = throttle"
    ) as said:
        numbered(pl.DataFrame({"temperature": X[:, 2], "speed": X[:, 0], "throttle": X[:, 1]}))
    assert said[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        numbered({"x2": X[:, 1], "x1": X[:, 0], "x3": X[:, 2]})


def test_ports_of_several_columns_are_tables_in_a_dict() -> None:
    net = Network.chain([Affine(W, B)], inputs=(Port("state", ("x1", "x2")), Port("action", ("x3",))))
    expected = X @ W.T + B
    for table in (
        {"action": X[:, 2], "state": X[:, :2]},
        {"action": X[:, 2:], "state": X[:, :2]},
        {"action": X[:, 2], "state_2": X[:, 1], "state_1": X[:, 0]},
    ):
        np.testing.assert_allclose(net(table), expected, rtol=1e-14)
    np.testing.assert_allclose(net({"action": X[0, 2], "state": X[0, :2]}), expected[0], rtol=1e-14)
    with pytest.raises(DataError, match=r"state has the shape \(3, 3\); it takes \(N, 2\)"):
        net({"action": X[:, 2], "state": X})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pl.DataFrame({**SHUFFLED, "speed": ["a", "b", "c"]}), "column speed holds String, not real numbers"),
        ({**SHUFFLED, "speed": ["a", "b", "c"]}, "column speed holds <U1|column speed holds str"),
        ({**SHUFFLED, "speed": ["1", None, 2]}, "column speed holds str '1', not a real number"),
        ({**SHUFFLED, "speed": X[:, 0] + 1j}, "column speed holds complex128"),
        ({**SHUFFLED, "speed": np.array(["2020-01-01"] * 3, "M8[D]")}, "column speed holds datetime64"),
        ({**SHUFFLED, "speed": X[:2, 0]}, "different lengths"),
        ({**SHUFFLED, "speed": X}, "different lengths"),
        ({"speed": X[:, 0], "throttle": X[:, 1]}, "1 column of 3 missing: temperature; rename the columns"),
        ([{"speed": 1, "throttle": 2, "temperature": 3}, {"speed": 1, "throttle": 2}], "row 1 has other names"),
        (pl.LazyFrame(SHUFFLED), "LazyFrame, which holds no rows yet"),
        ({}, "3 columns of 3 missing"),
        ([], "x has the shape"),
    ],
    ids=lambda v: str(v)[:40] if isinstance(v, str) else type(v).__name__,
)
def test_what_is_no_table_of_numbers_is_refused_by_name(table: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        NET(table)


def test_text_in_a_pandas_frame_is_refused_by_name() -> None:
    pd = pandas()
    for speed in (["a", "b", "c"], pd.to_datetime(["2020-01-01"] * 3), pd.Categorical(["a", "b", "a"])):
        with pytest.raises(DataError, match="column speed holds"):
            NET(pd.DataFrame({**SHUFFLED, "speed": speed}))
