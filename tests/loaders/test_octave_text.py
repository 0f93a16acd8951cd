"""Octave's text format: every type as Octave writes it, and damage."""

from __future__ import annotations

import numpy as np
import pytest

from nngrad.errors import ModelError
from nngrad.loaders.containers import octave_text
from nngrad.loaders.tree import Undecoded

HEAD = "# Created by Octave 8.4.0, Mon Jan 02 03:04:05 2023 UTC <user@host>\n"


def read(body: str):
    return octave_text.read((HEAD + body).encode()).variables


def block(kind: str, body: str, name: str = "x") -> str:
    return f"# name: {name}\n# type: {kind}\n{body}\n\n\n"


NUMBERS = {
    "scalar": ("3.5", [[3.5]]),
    "float scalar": ("2.5", [[2.5]]),
    "int32 scalar": ("-7", [[-7]]),
    "bool": ("1", [[1]]),
    "complex": ("(1,-2)", [[1 - 2j]]),
    "matrix": ("# rows: 2\n# columns: 3\n 1 2 3\n 4 NaN -Inf", [[1, 2, 3], [4, np.nan, -np.inf]]),
    "float matrix": ("# rows: 1\n# columns: 2\n 1e-3 NA", [[1e-3, np.nan]]),
    "complex matrix": ("# rows: 1\n# columns: 2\n (1,2) (3,0)", [[1 + 2j, 3]]),
    "bool matrix": ("# rows: 1\n# columns: 2\n 1 0", [[1, 0]]),
    "uint8 matrix": ("# ndims: 2\n 2 2\n  1\n  2\n  3\n  4", [[1, 3], [2, 4]]),
    "range": ("# base, limit, increment\n1 5 2", [[1, 3, 5]]),
    "double_range": ("# base, limit, increment, reverse\n0 1 0.25 0", [[0, 0.25, 0.5, 0.75, 1]]),
    "sparse matrix": ("# nnz: 2\n# rows: 2\n# columns: 3\n2 1 5.5\n1 3 -1", [[0, 0, -1], [5.5, 0, 0]]),
    "diagonal matrix": ("# rows: 2\n# columns: 2\n1\n2\n", [[1, 0], [0, 2]]),
    "null_matrix": ("# rows: 0\n# columns: 0\n", np.zeros((0, 0))),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers(kind):
    body, expected = NUMBERS[kind]
    found = read(block(kind, body))["x"]
    assert found.ndim == 2
    np.testing.assert_array_equal(found, expected)


def test_more_than_two_dimensions_in_column_order():
    body = "# ndims: 3\n 2 2 2\n" + "\n".join(f" {k}" for k in range(8))
    np.testing.assert_array_equal(read(block("matrix", body))["x"], np.arange(8.0).reshape(2, 2, 2, order="F"))


def test_text():
    found = read(
        block("string", "# elements: 1\n# length: 6\ngrün\n", "a")
        + block("sq_string", "# elements: 2\n# length: 4\nrelu\n# length: 4\nab  ", "b")
        + block("string", "# elements: 0\n# length: 0", "c")
        + block("string", "# elements: 1\n# length: 26\nlines\n# name: no\n# type: no", "d")
        + block("scalar", "1", "e")
    )
    assert found["a"] == "grün\n"
    assert found["b"] == ["relu", "ab"]
    assert found["c"] == ""
    assert found["d"] == "lines\n# name: no\n# type: n"
    assert found["e"] == 1.0


def test_cells_and_structs():
    cell = (
        "# rows: 1\n# columns: 2\n"
        + block("scalar", "1", "<cell-element>")
        + block("string", "# elements: 1\n# length: 2\nab", "<cell-element>")
    )
    scalar = (
        "# ndims: 2\n 1 1\n# length: 2\n"
        + block("matrix", "# rows: 1\n# columns: 1\n 7", "W")
        + block("cell", cell, "c")
    )
    array = "# ndims: 2\n 1 2\n# length: 1\n" + block("cell", cell, "p")
    found = read(
        block("cell", cell, "c")
        + block("scalar struct", scalar, "s")
        + block("struct", array, "a")
        + block("bool", "0", "last")
    )
    assert found["c"].shape == (1, 2)
    assert found["c"][0, 1] == "ab"
    assert list(found["s"]) == ["W", "c"]
    assert found["s"]["c"][0, 1] == "ab"
    assert found["a"].shape == (1, 2)
    assert found["a"][0, 1] == {"p": "ab"}
    assert found["last"] == 0.0


def test_a_type_that_is_not_known_does_not_stop_the_rest():
    found = read(block("function handle", "@<fnname>\ntanh", "f") + block("scalar", "2", "x"))
    assert isinstance(found["f"], Undecoded)
    assert found["f"].classname == "function handle"
    assert found["x"] == 2.0


def test_when_and_how_it_was_made():
    tree = octave_text.read((HEAD + block("scalar", "1")).encode())
    assert (tree.container, tree.created) == ("Octave text", "Mon Jan 02 03:04:05 2023 UTC")


@pytest.mark.parametrize(
    "body",
    [
        block("matrix", "# rows: 2\n# columns: 2\n 1 2\n 3"),
        block("matrix", "# rows: 999999999\n# columns: 999999999\n 1"),
        block("matrix", "# rows: -1\n# columns: 2\n 1"),
        block("matrix", "# columns: 2\n 1 2"),
        block("scalar", "one"),
        block("scalar", "1" * 10_000),
        block("range", "# base, limit, increment\n0 1e300 1e-300"),
        block("range", "# base, limit, increment\n0 1 0"),
        block("string", "# elements: 1\n# length: 500\nab"),
        block("string", "# elements: 999999999\n# length: 2\nab"),
        block("cell", "# rows: 9999999\n# columns: 9999999\n"),
        block("cell", "# rows: 1\n# columns: 3\n" + block("scalar", "1", "<cell-element>")),
        block("sparse matrix", "# nnz: 1\n# rows: 2\n# columns: 2\n3 1 5"),
        block("struct", "# ndims: 2\n 1 5\n# length: 1\n" + block("scalar", "1", "p")),
        block("diagonal matrix", "# rows: 99999999\n# columns: 99999999\n1"),
        "".join("# name: x\n# type: cell\n# rows: 1\n# columns: 1\n" for _ in range(200)),
    ],
)
def test_damage_is_a_model_error(body):
    with pytest.raises(ModelError):
        read(body)


def test_every_truncation_is_a_tree_or_a_model_error():
    text = (HEAD + "".join(block(kind, body, f"v{k}") for k, (kind, (body, _)) in enumerate(NUMBERS.items()))).encode()
    whole = octave_text.read(text).variables
    complete = 0
    for length in range(len(text)):
        try:
            found = octave_text.read(text[:length]).variables
        except ModelError:
            continue
        assert set(found) <= set(whole)
        complete += 1
    assert complete
