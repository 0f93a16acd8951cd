"""What does not fit together in a generated function is refused, not dropped."""

import pytest

from nngrad.errors import ModelError
from nngrad.loaders.genfunction.reader import SourceText, read

TEXT = """function [y1] = f(x1)
b1 = [1;2];
b01 = [5;6];
IW1_1 = [1 2;3 4];
IW01_1 = [10 20;30 40];
a1 = b1 + IW1_1*x1{};
y1 = a1;
end
"""


def test_one_bias_and_one_matrix_for_each_place():
    assert read(SourceText(TEXT.replace("{}", ""))).jacobian([[0.0, 0.0]]).tolist() == [[[1, 2], [3, 4]]]


@pytest.mark.parametrize(("more", "name"), [(" + IW01_1*x1", "IW01_1"), (" + b01", "b01"), (" + IW1_1*x1", "IW1_1")])
def test_two_spellings_of_one_place_are_not_one_dropped(more, name):
    with pytest.raises(ModelError, match=f"line 6: .*: {name} is used twice in layer 1"):
        read(SourceText(TEXT.replace("{}", more)))
