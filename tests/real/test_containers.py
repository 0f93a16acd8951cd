"""Every real file comes out as a tree; its objects are decoded; what scipy can read is what scipy reads."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.io import loadmat
from scipy.io.matlab import MatlabOpaque, MatReadWarning

from nngrad.loaders import containers
from nngrad.loaders.tree import FunctionHandle, MatlabObject, Undecoded, find
from tests.real.models import MODELS, table
from tests.scipy_reference import assert_same

OWN = (
    "network",
    "SeriesNetwork",
    "DAGNetwork",
    "dlnetwork",
    "nnet.",
    "RegressionNeuralNetwork",
    "rl.",
    "idNeuralStateSpace",
)
CONTAINERS = {
    "v7 (MAT5 compressed)": "MAT v7",
    "v5/v6 uncompressed": "MAT v5",
    "v7.3 (HDF5)": "MAT v7.3",
    "zip": "Keras zip",
}
FILES = {row["local_path"]: row for row in table("MANIFEST.tsv")}
MAT5 = [name for name, row in FILES.items() if row["mat_version"] in ("v7 (MAT5 compressed)", "v5/v6 uncompressed")]


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_a_tree_of_the_container_that_it_is(name):
    tree = containers.read(MODELS / name)
    assert tree.variables
    version = FILES[name]["mat_version"]
    assert tree.container == CONTAINERS.get(version, version)


@pytest.mark.parametrize("name", FILES)
def test_no_object_of_a_network_is_left_undecoded(name):
    tree = containers.read(MODELS / name)
    for path, left in find(tree, lambda element: isinstance(element, Undecoded)):
        assert not left.classname.startswith(OWN), f"{path}: {left}"
    for path, handle in find(tree, lambda element: isinstance(element, FunctionHandle)):
        assert handle.text, path


@pytest.mark.parametrize("name", MAT5)
def test_what_scipy_can_read_is_what_scipy_reads(name):
    tree = containers.read(MODELS / name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MatReadWarning)  # all objects are called None there
        theirs = loadmat(MODELS / name)
    compared = sum(
        assert_same(tree.variables[k], v, k)
        for k, v in theirs.items()
        if not k.startswith("__") and k in tree.variables
    )
    missing = {k for k in theirs if not k.startswith("__")} - set(tree.variables)
    assert missing <= {"None"}  # scipy's name for every object
    objects = [
        name for name, value in theirs.items() if isinstance(value, MatlabOpaque)
    ]  # newer ones of scipy say their names
    assert compared or missing or objects or find(tree, lambda element: isinstance(element, MatlabObject))


def test_the_classes_of_the_objects():
    """The number of objects by class, counted in all files: a class that vanishes is a decoder that broke."""
    count: dict[str, int] = {}
    for name in FILES:
        stack, seen = list(containers.read(MODELS / name).variables.values()), set()
        while stack:
            element = stack.pop()
            if id(element) in seen:
                continue
            seen.add(id(element))
            if isinstance(element, MatlabObject):
                count[element.classname] = count.get(element.classname, 0) + 1
                element = element.fields
            if isinstance(element, dict):
                stack.extend(element.values())
            elif isinstance(element, np.ndarray) and element.dtype == object:
                stack.extend(element.flat)
    assert count["network"] > 50
    assert count["nnet.cnn.layer.FullyConnectedLayer"] > 150
    assert (
        min(
            count[name]
            for name in (
                "SeriesNetwork",
                "DAGNetwork",
                "dlnetwork",
                "RegressionNeuralNetwork",
                "nnet.cnn.layer.ReLULayer",
            )
        )
        > 0
    )
