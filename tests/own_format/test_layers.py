"""Every layer kind is written and read by the fields of its dataclass alone."""

import numpy as np
import pytest

from nngrad.core.activations import ACTIVATIONS, Activation
from nngrad.core.layers import KINDS, Place
from nngrad.core.ports import Port
from nngrad.errors import ModelError
from nngrad.own_format.layers import FIELD_TYPES, decoded_layer, encoded_layer
from nngrad.own_format.schema import ARRAYS, KIND_FIELDS, VECTOR, KindField
from tests.own_format.test_encode import same_value


def instance(kind, random):
    """An instance with made-up values, by its fields alone: it need not compute anything."""
    made = {
        int: lambda: 4,
        float: lambda: 0.1,
        bool: lambda: True,
        Activation: lambda: ACTIVATIONS[3],
        tuple: lambda: (1, 2, 3),
        dict: lambda: {"a": 0.3, "b": random.normal(size=4)},
    }

    def value(field):
        if field.type is np.ndarray:
            rule = ARRAYS.get(field.name, VECTOR)
            return random.uniform(0, 9, size=(3, 2)[: rule.axes]).astype(rule.type or float)
        return made[field.type]()

    return kind(**{field.name: value(field) for field in KIND_FIELDS[kind.__name__]})


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_a_kind_is_written_and_read_by_its_fields_alone(kind):
    try:
        layer = instance(kind, np.random.default_rng(0))
    except KeyError as e:
        pytest.fail(f"{kind.__name__} has a field of a type that is new to this test: {e}")
    fields = {
        k: v if isinstance(v, str | dict | list) else np.asarray(v, float) for k, v in encoded_layer(layer).items()
    }
    assert same_value(decoded_layer(kind.__name__, as_tree(fields), ""), layer)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_every_field_of_a_kind_has_a_place(kind):
    assert [field for field in KIND_FIELDS[kind.__name__] if field.type not in FIELD_TYPES] == []


def test_an_array_of_other_axes_or_type_is_refused():
    fields = {"kind": "Place", "shapes": "index 2, fill 3", "index": np.array([0.0, 1.0]), "fill": np.zeros(3)}
    with pytest.raises(ModelError, match=r"shapes: index is 2 float64; it is a vector of type int"):
        decoded_layer("Place", fields, "")
    with pytest.raises(ModelError, match=r"shapes: fill is 3x1 float64; it is a vector"):
        decoded_layer("Place", fields | {"shapes": "index 2 int, fill 3x1"}, "")


@pytest.mark.parametrize(
    ("kind", "shapes", "name"), [("Distance", "W 2x2, sign 1", "sign"), ("Affine", "W 2x2, b 2, W.x 1", "W.x")]
)
def test_shapes_speak_of_arrays_alone(kind, shapes, name):
    fields = {"kind": kind, "shapes": shapes, "W": np.ones((2, 2)), "b": np.ones(2), "sign": np.ones((1, 1))}
    if kind == "Distance":
        del fields["b"]
    else:
        del fields["sign"]
    with pytest.raises(ModelError, match=f"shapes: {name} is no array of a {kind}"):
        decoded_layer(kind, fields, "")


def test_a_layer_of_somebody_elses_class_is_not_written():
    with pytest.raises(ModelError, match="layers of type Port have no place in the format"):
        encoded_layer(Port("x", ("x1",)))


def as_tree(value):
    if isinstance(value, dict):
        return {k: as_tree(v) for k, v in value.items()}
    return value if isinstance(value, str) else np.asarray(value, float)


def test_what_has_no_place_is_refused(monkeypatch):
    monkeypatch.setitem(KIND_FIELDS, "Place", (KindField("fill", object, True),))
    with pytest.raises(ModelError, match="fill: values of type object have no place in the format"):
        encoded_layer(Place(np.zeros(0, int), np.ones(1)))
