"""MATLAB source taken apart: numbers in brackets, blanks that matter, statements that can't be read."""

import numpy as np

from nngrad.loaders.matlab_code.statements import parse


def test_numbers():
    values = "[1 -2,+3;1e-3 1d2 .5;1.,NaN -Inf ... and\n ; % rows\n 7 8 9]"
    found = parse(f"function y = f(x)\nA = {values};\nB = [1 - 2 -3 -x'];\n").functions[0].body
    expected = [[1, -2, 3], [1e-3, 100, 0.5], [1, np.nan, -np.inf], [7, 8, 9]]
    assert np.array_equal(found[0].value.value, expected, equal_nan=True)
    assert len(found[1].value.rows[0]) == 3


def test_what_can_not_be_taken_apart_is_refused_where_it_stands():
    body = parse("function y = f(x)\na = (1;\nb = 2;\nend\n").functions[0].body
    assert [type(s).__name__ for s in body] == ["Refused", "Assign"]
    assert body[0].line == 2
