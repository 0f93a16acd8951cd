"""What processing steps do to rows: several blocks side by side are each block on its own."""

import numpy as np
import pytest

from nngrad.loaders.matlab.row_maps import FilledRows, PlacedRows, ProjectedRows, ScaledRows, TakenRows, applied
from tests.core.rules import forward

R = np.random.default_rng(3)
BOOL = np.array([True, False, False])
MAPS = {
    "scaled": ScaledRows(R.normal(size=3), R.normal(size=3), R.normal(size=3)),
    "taken": TakenRows(np.array([2, 0]), 3),
    "filled": FilledRows(
        np.array([0, 1, 1, 2]), np.array([0, 0, 1, 0], bool), np.array([0, 1, 0, 0], bool), R.normal(size=4), 3
    ),
    "projected": ProjectedRows(R.normal(size=(2, 3))),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("times", [1, 2, 5])
def test_blocks_side_by_side(name, times):
    x = R.normal(size=(3 * times, 4))
    if name == "filled":
        x[1, 2] = np.nan
    blocks = [applied([MAPS[name]], block) for block in np.split(x, times)]
    np.testing.assert_allclose(forward(MAPS[name].layer(times), x), np.concatenate(blocks), rtol=1e-12)


@pytest.mark.parametrize(
    ("row_map", "identity", "keeps"),
    [
        (TakenRows(np.arange(3), 3), True, True),
        (TakenRows(np.array([0, 2, 1]), 3), False, False),
        (PlacedRows(np.arange(3), np.zeros(3)), True, True),
        (PlacedRows(np.array([0, 1]), np.zeros(3)), False, False),
        (ScaledRows(np.ones(3), np.full(3, 2.0), np.full(3, 2.0)), False, True),
        (ScaledRows(np.ones(3), np.zeros(3), np.ones(3)), False, False),
        (FilledRows(np.arange(3), ~BOOL & BOOL, ~BOOL & BOOL, np.zeros(3), 3), False, True),
        (FilledRows(np.arange(3), ~BOOL & BOOL, BOOL, np.zeros(3), 3), False, False),
        (ProjectedRows(np.eye(3)), False, True),
        (ProjectedRows(np.eye(2, 3)), False, True),
        (ProjectedRows(2 * np.eye(3)), False, False),
    ],
)
def test_what_changes_nothing(row_map, identity, keeps):
    assert (row_map.is_identity, row_map.keeps) == (identity, keeps)


def test_rows_are_put_back_once():
    with pytest.raises(TypeError, match="no taps"):
        PlacedRows(np.arange(2), np.zeros(3)).layer(2)


def test_no_rows():
    assert applied([PlacedRows(np.zeros(0, int), np.array([1.0, 2.0]))], np.zeros((0, 3))).tolist() == [
        [1.0] * 3,
        [2.0] * 3,
    ]
