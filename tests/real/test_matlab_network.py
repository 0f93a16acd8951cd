"""Every real `network` object: y, J and MATLAB's own recorded outputs."""

import numpy as np
import pytest

import nngrad
from nngrad.loaders import containers
from nngrad.loaders.tree import children
from tests.real.models import MODELS, entries, errors, recorded, reference

SHALLOW = entries("shallow")


@pytest.mark.parametrize("entry", SHALLOW, ids=str)
def test_values_and_jacobians(entry):
    net, expected = nngrad.load(entry.path, entry.network), reference(entry)
    worst_y, worst_J = errors(*net.value_and_jacobian(expected["x"]), expected)
    assert worst_y < 1e-12
    assert worst_J < 1e-10
    if "x_nan" in expected:
        worst_y, worst_J = errors(*net.value_and_jacobian(expected["x_nan"]), expected, "_nan")
        assert worst_y < 1e-12
        assert worst_J < 1e-10


def stored(tree, path):
    """A variable of a file by its MATLAB path, unwrapped from cells; a trailing ' means
    transposed. As rows of samples.
    """
    element = tree.variables
    bare = path.rstrip("'")
    for step in bare.replace("}", "").replace("{", ".{").split("."):
        element = (
            element.ravel(order="F")[int(step[1:]) - 1] if step.startswith("{") else dict(children("", element))[step]
        )
    return element if path.endswith("'") else element.T


@pytest.mark.parametrize("row", recorded())
def test_outputs_that_matlab_recorded(row):
    path = MODELS / row["local_path"]
    tree = containers.read(path)
    x = stored(tree, row["input_variable(' = transposed)"])
    y = stored(tree, row["output_variable"])
    net = nngrad.load(path, row["network_path_in_file"])
    x = x if x.shape[1] == net.input_size else x.T
    y = y if y.shape == (len(x), net.output_size) else y.T
    np.testing.assert_allclose(net(x), y, rtol=0, atol=1e-12 * np.abs(y).max())


def test_all_of_them_were_here():
    assert len(SHALLOW) >= 57
