"""MATLAB's own recorded outputs are found in the files and reproduced, without being told the variables."""

import pytest

from nngrad import load
from nngrad.loaders import candidates, containers
from nngrad.proofs.recordings import find_pairs
from nngrad.proofs.verify import DIGITS
from tests.real.models import MODELS, recorded


@pytest.mark.parametrize("row", recorded())
def test_recorded_outputs_are_found(row):
    path = MODELS / row["local_path"]
    tree = containers.read(path)
    every = candidates(tree)
    mine = next(c for c in every if c.path == row["network_path_in_file"])
    pairs = find_pairs(tree, mine, load(path, mine.path), [c for c in every if c is not mine])
    assert pairs[0].agreement.digits >= DIGITS
    good = {p.outputs.rstrip("'") for p in pairs if p.agreement.digits >= DIGITS}
    assert row["output_variable"].rstrip("'") in good
