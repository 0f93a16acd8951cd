"""Which column is which: by name, by order, and the words of every refusal."""

from __future__ import annotations

import pytest

from nngrad.errors import DataError
from nngrad.matching import NUMBERED, Wanted, match

XS = ("x1", "x2", "x3")
REAL = ("temp", "load", "wind")


@pytest.mark.parametrize(
    ("names", "wanted", "indices"),
    [
        (None, XS, (0, 1, 2)),
        (None, REAL, (0, 1, 2)),
        (("x1", "x2", "x3"), XS, (0, 1, 2)),
        (("x3", "x1", "x2"), XS, (1, 2, 0)),
        (("temp", "load", "wind"), XS, (0, 1, 2)),
        (("wind", "temp", "load"), REAL, (1, 2, 0)),
        (("wind", "more", "temp", "load"), REAL, (2, 3, 0)),
        (("b", "a", "c"), ("x1(t-1)", "x1(t)", "x2(t-1)"), (0, 1, 2)),
        (("a", "b", "c"), None, (0, 1, 2)),
    ],
)
def test_where_the_columns_are_found(
    names: tuple[str, ...] | None, wanted: tuple[str, ...] | None, indices: tuple[int, ...]
) -> None:
    found = match("f", names, len(names or XS), Wanted(3, wanted))
    assert found.indices == indices
    assert found.names == (None if names is None else tuple(names[i] for i in indices))


def test_surplus_columns_are_noted_and_long_lists_cut() -> None:
    names = (*REAL, *(f"spare{i}" for i in range(12)))
    assert match("f", names, len(names), Wanted(3, REAL)).notes == (
        "f: 12 surplus columns ignored: spare0, spare1, spare2, spare3, spare4, spare5, spare6, spare7 and 4 more",
    )


def test_kept_columns_do_not_count_among_those_matched_by_order() -> None:
    found = match("f", ("id", "a", "day", "b", "c"), 5, Wanted(3, XS, keep=("day", "id")))
    assert (found.indices, found.kept) == ((1, 3, 4), (2, 0))
    assert found.notes == found.doubts == ("f: columns taken in order: x1 = a, x2 = b, x3 = c",)


def test_a_column_may_be_kept_and_used() -> None:
    found = match("f", ("x1", "x2", "x3"), 3, Wanted(3, XS, keep=("x2",)))
    assert (found.indices, found.kept) == ((0, 1, 2), (1,))


@pytest.mark.parametrize(
    ("names", "wanted", "message"),
    [
        (
            ("temp", "laod", "w"),
            Wanted(3, REAL),
            "f: 2 columns of 3 missing: load, wind; surplus: laod, w; nearest: load like laod; rename the columns; "
            "--by order takes them as they stand",
        ),
        (
            ("x1", "x2", "x4"),
            Wanted(3, XS),
            "f: 1 column of 3 missing: x3; surplus: x4; rename the columns; --by order takes them as they stand",
        ),
        (("a", "b"), Wanted(3, XS), "f: 2 columns where 3 are needed (a, b)"),
        (None, Wanted(3, XS), "f: 2 columns where 3 are needed"),
        (None, Wanted(3, XS, by="name"), "f: has no column names; give it a header line, or leave --by name out"),
        (
            ("temp", "load", "wind", "temp"),
            Wanted(3, REAL),
            "f: column temp occurs more than once; rename or remove one",
        ),
        (None, Wanted(3, XS, keep=("id",)), "f: has no column names, so id can't be kept; give it a header line"),
        (("ident", "b"), Wanted(1, None, keep=("idents",)), "f: no column idents to keep; nearest: ident"),
        (("a", "b"), Wanted(1, None, keep=("date",)), "f: no column date to keep; it has a, b"),
    ],
)
def test_refusals(names: tuple[str, ...] | None, wanted: Wanted, message: str) -> None:
    with pytest.raises(DataError) as error:
        match("f", names, len(names or "ab"), wanted)
    assert str(error.value) == message


def test_order_and_name_can_be_forced() -> None:
    assert match("f", ("x1", "x2", "x4"), 3, Wanted(3, XS, by="order")).indices == (0, 1, 2)
    assert match("f", ("x3", "x1", "x2"), 3, Wanted(3, XS, by="order")).indices == (0, 1, 2)
    with pytest.raises(DataError, match="3 columns of 3 missing"):
        match("f", ("a", "b", "c"), 3, Wanted(3, XS, by="name"))


def test_which_names_stand_for_a_position_only() -> None:
    assert all(NUMBERED.fullmatch(name) for name in ("x1", "x12", "y3", "x1(t)", "x2(t-12)", "a2_1(t-1)"))
    assert not any(NUMBERED.fullmatch(name) for name in ("temp", "x", "T_1", "T1", "x1_2", "x1 ", "max1"))


def test_a_kept_column_that_occurs_twice_is_refused() -> None:
    with pytest.raises(DataError, match="column id to keep occurs more than once"):
        match("t.csv", ("id", "id", "a"), 3, Wanted(1, ("a",), keep=("id",)))


def test_near_names_are_sought_for_those_that_are_listed_only(monkeypatch: pytest.MonkeyPatch) -> None:
    sought = []
    monkeypatch.setattr("difflib.get_close_matches", lambda name, *rest: sought.append(name) or [])
    names = [f"s{i}s" for i in range(3000)]
    with pytest.raises(DataError, match="3000 columns of 3000 missing"):
        match("t.csv", [f"t{name}" for name in names], 3000, Wanted(3000, tuple(names)))
    assert sought == names[:4]
