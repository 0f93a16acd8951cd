"""MATLAB objects out of stores made by hand: classes, arrays, saveobj, defaults, strings,
enumerations, circles, damage.
"""

from __future__ import annotations

import numpy as np
import pytest

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers import mat5
from nngrad.loaders.tree import FunctionHandle, MatlabObject, Undecoded, find
from tests.makers import damaged
from tests.matlab_bytes import MARK, Bytes, store, tables

NAMES = ["ReLULayer", "nnet.cnn.layer", "Node", "Next", "Weight", "any", "string", "LSTM", "Mode", "train", "Flag"]
RELU, SPACE, NODE, NEXT, WEIGHT, ANY, STRING, LSTM, MODE, TRAIN, FLAG = range(1, len(NAMES) + 1)
CLASSES = [(SPACE, RELU), (0, NODE), (0, STRING), (SPACE, LSTM)]  # numbered from 1
CLASS_RELU, CLASS_NODE, CLASS_STRING, CLASS_LSTM = range(1, 5)
LITTLE = Bytes()


def read(variables, objects, values=(), defaults=None, make=LITTLE, version=4, compressed=False):
    defaults = defaults if defaults is not None else [make.struct({})] * len(CLASSES)
    table = tables(NAMES, CLASSES, objects, version, make.order)
    data = make.file(*variables, store=store(make, table, list(values), defaults), compressed=compressed)
    return mat5.read(data).variables


def words(text_of):
    """A 1x1 string in MATLAB's uint64 form."""
    units = text_of.encode("utf-16-le")
    packed = np.frombuffer(units + b"\0" * (-len(units) % 8), "<u8")
    return np.array([[1, 2, 1, 1, len(units) // 2, *packed]], np.uint64)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 3, 4])
def test_an_object_with_its_properties_of_every_kind(version, order, compressed):
    make = Bytes(order)
    properties = [(WEIGHT, 1, 0), (MODE, 0, TRAIN), (FLAG, 2, 1)]
    found = read(
        [make.object("Node", [1], "net")],
        [(CLASS_NODE, False, properties)],
        [make.array(np.eye(2))],
        None,
        make,
        version,
        compressed,
    )
    net = found["net"]
    assert isinstance(net, MatlabObject)
    assert net.classname == "Node"
    np.testing.assert_array_equal(net.fields["Weight"], np.eye(2))
    assert net.fields["Mode"] == "train"
    np.testing.assert_array_equal(net.fields["Flag"], [[1.0]])


@pytest.mark.parametrize("version", [1, 5, 6])
def test_other_versions_are_named(version):
    found = read(
        [LITTLE.object("network", [1], "net"), LITTLE.array(np.eye(2), "x")], [(CLASS_NODE, False, [])], version=version
    )
    assert isinstance(found["net"], Undecoded)
    assert found["net"].classname == "network"
    assert f"version {version}" in found["net"].reason
    assert found["x"].shape == (2, 2)


def test_elements_of_an_array_keep_their_own_class_and_the_shape_is_matlabs():
    objects = [(CLASS_RELU, True, [(ANY, 1, 0)]), (CLASS_LSTM, True, [(ANY, 1, 1)])] * 3
    values = [LITTLE.struct({"Name": LITTLE.text("relu")}), LITTLE.struct({"Name": LITTLE.text("lstm")})]
    layers = read([LITTLE.object("nnet.cnn.layer.Layer", [1, 2, 3, 4, 5, 6], "layers", (2, 3))], objects, values)[
        "layers"
    ]
    assert layers.shape == (2, 3)
    assert [layer.classname for layer in layers[:, 0]] == ["nnet.cnn.layer.ReLULayer", "nnet.cnn.layer.LSTM"]
    assert {layer.fields["Name"] for layer in layers[0]} == {"relu"}


def test_what_saveobj_stored_stands_directly_and_alone():
    defaults = [LITTLE.struct({})] * 3 + [LITTLE.struct({"Weight": LITTLE.array(np.zeros((0, 0)))})]
    values = [LITTLE.struct({"W": LITTLE.array(np.eye(3))}), LITTLE.cell([LITTLE.text("x")])]
    objects = [(CLASS_LSTM, True, [(ANY, 1, 0)]), (CLASS_LSTM, True, [(ANY, 1, 1)])]
    found = read([LITTLE.object("LSTM", [1], "a"), LITTLE.object("LSTM", [2], "b")], objects, values, defaults)
    assert list(found["a"].fields) == ["W"]
    assert list(found["b"].fields) == ["any"]
    assert found["b"].fields["any"][0, 0] == "x"


def test_defaults_fill_what_an_ordinary_object_did_not_save():
    defaults = [
        LITTLE.struct({}),
        LITTLE.struct({"Weight": LITTLE.array(np.full((1, 1), 7.0)), "Mode": LITTLE.text("fast")}),
    ]
    found = read(
        [LITTLE.object("Node", [1], "n")], [(CLASS_NODE, False, [(WEIGHT, 1, 0)])], [LITTLE.array(np.eye(2))], defaults
    )["n"]
    assert found.fields["Mode"] == "fast"
    assert found.fields["Weight"].shape == (2, 2)


def test_objects_inside_property_values_and_a_circle():
    objects = [(CLASS_NODE, False, [(NEXT, 1, 0)]), (CLASS_NODE, False, [(NEXT, 1, 1)])]
    values = [LITTLE.array(LITTLE.reference([2])), LITTLE.cell([LITTLE.array(LITTLE.reference([1]))], shape=(1, 1))]
    node = read([LITTLE.object("Node", [1], "n")], objects, values)["n"]
    assert node.fields["Next"].fields["Next"][0, 0] is node


def test_a_chain_longer_than_any_stack():
    count = 20_000
    objects = [(CLASS_NODE, False, [(NEXT, 1, k)]) for k in range(count - 1)] + [(CLASS_NODE, False, [])]
    values = [LITTLE.array(LITTLE.reference([k])) for k in range(2, count + 1)]
    node = read([LITTLE.object("Node", [1], "n")], objects, values)["n"]
    length = 1
    while "Next" in node.fields:
        node, length = node.fields["Next"], length + 1
    assert length == count


def test_numbers_that_only_look_like_a_reference_stay_numbers():
    outside = LITTLE.array(LITTLE.reference([1]), "plain")
    values = [LITTLE.array(np.array([[MARK], [2], [1], [1]], np.uint32))]
    found = read([outside, LITTLE.object("Node", [1], "n")], [(CLASS_NODE, False, [(WEIGHT, 1, 0)])], values)
    assert found["plain"][0, 0] == float(MARK)
    assert found["n"].fields["Weight"].shape == (4, 1)


@pytest.mark.parametrize("text", ["", "tanh", "grüße 😀"])
def test_a_string_becomes_str(text):
    found = read(
        [LITTLE.object("string", [1], "s")], [(CLASS_STRING, True, [(ANY, 1, 0)])], [LITTLE.array(words(text))]
    )
    assert found["s"] == text


def test_a_string_array_keeps_its_shape_and_missing_is_empty():
    units = np.frombuffer("abc".encode("utf-16-le") + b"\0\0", "<u8")
    raw = np.array([[1, 2, 1, 3, 1, 2**64 - 1, 2, *units]], np.uint64)
    found = read([LITTLE.object("string", [1], "s")], [(CLASS_STRING, True, [(ANY, 1, 0)])], [LITTLE.array(raw)])["s"]
    assert found.tolist() == [["a", "", "bc"]]


def test_enumerations_become_the_names_of_their_members():
    fields = {
        "EnumerationInstanceTag": LITTLE.array(np.array([[MARK]], np.uint32)),
        "ValueNames": LITTLE.array(np.array([[TRAIN], [MODE]], np.uint32)),
        "ValueIndices": LITTLE.array(np.array([[1, 0]], np.uint32)),
    }
    found = read([LITTLE.opaque("Kind", LITTLE.struct(fields), "e")], [(CLASS_NODE, False, [])])["e"]
    assert found.tolist() == [["Mode", "train"]]


def test_function_handles_among_property_values():
    handle = LITTLE.struct(
        {"sentinel": LITTLE.text("@"), "function_handle": LITTLE.struct({"function": LITTLE.text("sf%0@(x)2*x")})}
    )
    values = [LITTLE.cell([LITTLE.array(np.array([[MARK]], np.uint32)), handle])]
    found = read([LITTLE.object("Node", [1], "n")], [(CLASS_NODE, False, [(WEIGHT, 1, 0)])], values)["n"]
    assert isinstance(found.fields["Weight"], FunctionHandle)
    assert found.fields["Weight"].text == "sf%0@(x)2*x"


@pytest.mark.parametrize(
    "entry",
    [
        (99, False, []),
        (0, False, []),
        (CLASS_NODE, False, [(99, 1, 0)]),
        (CLASS_NODE, False, [(WEIGHT, 1, 99)]),
        (CLASS_NODE, False, [(WEIGHT, 0, 99)]),
        (CLASS_NODE, False, [(WEIGHT, 7, 0)]),
    ],
)
def test_an_entry_that_leads_nowhere_becomes_undecoded_and_the_rest_is_read(entry):
    objects = [entry, (CLASS_NODE, False, [])]
    found = read(
        [LITTLE.object("Node", [1], "bad"), LITTLE.object("Node", [2], "good"), LITTLE.object("Node", [3], "gone")],
        objects,
    )
    assert isinstance(found["bad"], Undecoded)
    assert isinstance(found["gone"], Undecoded)
    assert isinstance(found["good"], MatlabObject)


def test_one_object_referred_to_a_million_times_ends():
    numbers = [1] * (limits.ELEMENTS + 1)
    with pytest.raises(ModelError, match="too many elements"):
        read([LITTLE.object("Node", numbers, "n", (len(numbers), 1))], [(CLASS_NODE, False, [])])


def test_a_value_that_many_objects_share_is_cast_once():
    values = [LITTLE.array(np.ones((1000, 1000), np.uint8))]  # 8 MB as float64, 16 GB if every object had its own
    objects = [(CLASS_NODE, False, [(WEIGHT, 1, 0)])] * 2000
    nodes = read([LITTLE.object("Node", range(1, 2001), "n", (2000, 1))], objects, values)["n"]
    assert nodes[0, 0].fields["Weight"].dtype == np.float64
    assert nodes[0, 0].fields["Weight"] is nodes[1999, 0].fields["Weight"]


@pytest.mark.parametrize(
    "raw", [[1], [1, 2], [1, 2, 1, 1], [1, 2, 1, 1, 500], [1, 99, 1, 1, 0], [1, 2, 2**40, 2**40, 1]]
)
def test_a_string_that_ends_too_early_is_undecoded(raw):
    value = LITTLE.array(np.array([raw], np.uint64))
    assert isinstance(
        read([LITTLE.object("string", [1], "s")], [(CLASS_STRING, True, [(ANY, 1, 0)])], [value])["s"], Undecoded
    )


def test_random_damage_to_the_tables_ends_in_a_tree_or_a_model_error():
    rng = np.random.default_rng(2)
    objects = [(CLASS_NODE, False, [(NEXT, 1, 0), (WEIGHT, 1, 1)]), (CLASS_LSTM, True, [(ANY, 1, 2)])]
    values = [LITTLE.array(LITTLE.reference([2])), LITTLE.array(np.eye(2)), LITTLE.struct({"a": LITTLE.text("b")})]
    table = tables(NAMES, CLASSES, objects)
    undecoded = decoded = 0
    for _ in range(500):
        broken = damaged(table, rng, 0, 4)
        data = LITTLE.file(
            LITTLE.object("Node", [1], "n"), store=store(LITTLE, broken, values, [LITTLE.struct({})] * 4)
        )
        tree = mat5.read(data)
        undecoded += bool(find(tree, lambda e: isinstance(e, Undecoded)))
        decoded += isinstance(tree.variables["n"], MatlabObject)
    assert undecoded
    assert decoded
