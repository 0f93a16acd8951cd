"""Keras models: what Keras itself recorded, both containers, every older layout, and refusals of everything else."""

import copy
import io
import json
import warnings
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nngrad
from nngrad.core.points import sample
from nngrad.emitters import emit
from nngrad.errors import DataError, ModelError, UsageError
from nngrad.loaders import containers
from nngrad.loaders.keras import reader as keras
from nngrad.loaders.keras.layers import LAYERS, OPERATIONS
from nngrad.loaders.keras.layers.activations import ACTIVATIONS
from nngrad.loaders.tree import Tree
from nngrad.own_format.encode import save
from nngrad.proofs.check import check
from tests.makers import SAMPLES

SAVED = sorted(p.name for p in SAMPLES.glob("keras_*") if p.suffix in (".h5", ".keras"))
DENSE = {"kernel": [[0.5, -1.0], [0.25, 2.0], [-0.75, 1.5]], "bias": [0.1, -0.2]}
X = np.random.default_rng(3).normal(size=(4, 3))


# making files


def layer(kind, name, sources=(), module="keras.layers", **config):
    """A layer record of Keras 3; `sources` are its inputs' names, or (name, call, output)."""
    tensors = [tensor(*((s, 0, 0) if isinstance(s, str) else s)) for s in sources]
    inbound = [{"args": [tensors if len(tensors) > 1 else tensors[0]], "kwargs": {}}] if tensors else []
    return {
        "module": module,
        "class_name": kind,
        "config": {"name": name, **config},
        "name": name,
        "inbound_nodes": inbound,
    }


def tensor(name, call, output):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, output]}}


def entry(name="x", shape=(None, 3)):
    return layer("InputLayer", name, batch_shape=list(shape))


def dense(name="d", sources=("x",), units=2, activation="linear", **config):
    return layer("Dense", name, sources, units=units, activation=activation, **config)


def functional(*layers, outputs, inputs=(("x", 0, 0),)):
    settings = {
        "name": "m",
        "layers": list(layers),
        "input_layers": [list(i) for i in inputs],
        "output_layers": [list(o) for o in outputs],
    }
    return {"module": "keras", "class_name": "Functional", "config": settings}


def sequential(*layers, **config):
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": list(layers), **config}}


def h5(path, config, weights, version="3.1.0", attributes=True):
    """A legacy HDF5 file; weights is {layer: {weight: array}}."""
    with h5py.File(path, "w") as file:
        if attributes:
            file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
            if version:
                file.attrs["keras_version"] = version
        group = file.create_group("model_weights")
        for name, arrays in weights.items():
            member = group.create_group(name)
            member.attrs["weight_names"] = np.array([f"{name}/{w}:0".encode() for w in arrays] or np.zeros(0))
            for w, array in arrays.items():
                member[f"{name}/{w}:0"] = np.asarray(array, float)
    return path


def archive(path, config, weights, version="3.1.0", holder="layers"):
    """A .keras archive; weights is {group: {"0": array, ...}}."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, arrays in weights.items():
            for k, array in arrays.items():
                file[f"{holder}/{name}/vars/{k}"] = np.asarray(array, float)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("metadata.json", json.dumps({"keras_version": version}))
        z.writestr("config.json", json.dumps(config))
        z.writestr("model.weights.h5", buffer.getvalue())
    return path


def by_hand(x=X, f=lambda n: n):
    return f(x @ np.array(DENSE["kernel"]) + DENSE["bias"])


def differences(net, x, h=1e-5):
    steps = np.eye(x.shape[1]) * h
    return np.stack(
        [(8 * (net(x + s) - net(x - s)) - (net(x + 2 * s) - net(x - 2 * s))) / (12 * h) for s in steps], axis=2
    )


# what Keras recorded


@pytest.mark.parametrize("name", SAVED)
def test_outputs_and_jacobians_that_keras_computed(name):
    path = SAMPLES / name
    with np.load(path.with_suffix(".npz")) as recorded:
        x, y, J = (recorded[k] for k in "xyJ")
    net = nngrad.load(path)
    found_y, found_J = net.value_and_jacobian(x)
    assert np.abs(found_y - y).max() <= 1e-12 * np.abs(y).max()
    rows = np.abs(J).max(axis=2, keepdims=True)
    assert (rows.max(axis=0) > 0).mean() > 0.9  # nearly every output depends on x somewhere
    assert (np.abs(found_J - J) <= 1e-10 * rows).all()
    np.testing.assert_allclose(found_J, differences(net, x), rtol=0, atol=2e-8 * max(1.0, np.abs(J).max()))


@pytest.mark.parametrize("name", SAVED)
def test_both_directions_and_the_second_order_agree(name):
    net = nngrad.load(SAMPLES / name)
    x = np.random.default_rng(0).normal(size=(2, net.input_size))
    v, w = np.linspace(-1, 1, net.input_size), np.linspace(0.5, 1.5, net.output_size)
    J = net.jacobian(x)
    np.testing.assert_allclose(net.jvp(x, v), J @ v, rtol=0, atol=1e-12 * np.abs(J).max())
    np.testing.assert_allclose(net.vjp(x, w), w @ J, rtol=0, atol=1e-11 * np.abs(J).max())


@pytest.mark.parametrize("name", sorted({n.rsplit(".")[0] for n in SAVED}))
def test_both_containers_give_the_same_numbers(name):
    nets = [nngrad.load(path) for path in SAMPLES.glob(f"{name}.*") if path.suffix in (".h5", ".keras")]
    x = np.random.default_rng(1).normal(size=(3, nets[0].input_size))
    assert nets
    assert all(np.array_equal(net.jacobian(x), nets[0].jacobian(x)) for net in nets)


def test_every_activation_and_layer_is_in_a_sample():
    text = "".join(
        json.dumps(zipfile.ZipFile(SAMPLES / n).read("config.json").decode()) for n in SAVED if n.endswith(".keras")
    )
    missing = [a for a in ACTIVATIONS if f'\\"activation\\": \\"{a}\\"' not in text]
    assert missing == ["hard_swish"]  # which Keras stores as hard_silu
    seen = {kind for kind in LAYERS if f'\\"class_name\\": \\"{kind}\\"' in text}
    without = {
        "BatchNormalizationV1",
        "BatchNormalizationV2",
        "ThresholdedReLU",
        "Identity",
        "Masking",
        "Divide",
        "TrueDivide",
    }
    without |= {
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
        "AlphaDropout",
        "GaussianDropout",
        *OPERATIONS,
    }
    assert LAYERS.keys() - seen <= without


def test_ports_and_origin():
    net = nngrad.load(SAMPLES / "keras_two_ports.keras")
    assert [(p.name, p.columns) for p in net.inputs] == [("state", ("x1", "x2", "x3")), ("action", ("x4", "x5"))]
    assert [(p.name, p.size) for p in net.outputs] == [("value", 1), ("policy", 3), ("skip", 4)]
    assert net.output_names == tuple(f"y{k}" for k in range(1, 9))
    assert (net.origin.classname, net.origin.name, net.origin.container) == (
        "Keras Functional",
        "actor_critic",
        "Keras zip",
    )
    assert net.origin.layers[0] == "first: Dense, 4 units, tanh"
    assert (
        sum(
            line.startswith("block/dense") and line.endswith(": Dense, 4 units, softplus") for line in net.origin.layers
        )
        == 1
    )


def test_an_axis_of_free_length_is_one_step():
    net = nngrad.load(SAMPLES / "keras_one_step.h5")
    assert net.input_size == 4
    assert any("one step" in note for note in net.origin.notes)


# versions and layouts


@pytest.mark.parametrize(
    ("version", "expected"), [("2.2.4", 0.2), ("2.4.0", 0.2), ("2.15.0", 0.2), ("3.0.5", 1 / 6), ("3.15.1", 1 / 6)]
)
def test_hard_sigmoid_means_what_it_meant_in_that_version(tmp_path, version, expected):
    model = sequential(entry(), dense(activation="hard_sigmoid"))
    x = X / 10
    y = nngrad.load(h5(tmp_path / "m.h5", model, {"d": DENSE}, version))(x)
    np.testing.assert_allclose(y, by_hand(x) * expected + 0.5, rtol=1e-15)


def test_a_model_without_input_layer_takes_its_shape_where_it_is(tmp_path):
    plain = dense(sources=())
    stated = dense(sources=(), batch_input_shape=[None, 3])
    built = sequential(plain, build_input_shape=[None, 3])
    outside = sequential(plain) | {"build_config": {"input_shape": [None, 3]}}
    listed = {"class_name": "Sequential", "config": [plain]}  # Keras before 2.2.3
    for model in (sequential(plain), sequential(stated), built, outside, listed):
        net = nngrad.load(h5(tmp_path / "m.h5", model, {"d": DENSE}, "2.2.4"))
        np.testing.assert_allclose(net(X), by_hand(), rtol=1e-15)
        assert [p.name for p in net.inputs] == ["d_input"]


def test_long_weight_names_are_split_over_attributes(tmp_path):
    path = h5(tmp_path / "m.h5", sequential(entry(), dense()), {"d": DENSE})
    with h5py.File(path, "r+") as file:
        member = file["model_weights/d"]
        del member.attrs["weight_names"]
        member.attrs["weight_names0"], member.attrs["weight_names1"] = (
            np.array([b"d/kernel:0"]),
            np.array([b"d/bias:0"]),
        )
    np.testing.assert_array_equal(nngrad.load(path)(X), by_hand())


def test_archives_of_keras_2_12_number_their_layers_with_gaps(tmp_path):
    second = np.array([[1.0], [2.0]])
    model = sequential(entry(), dense(sources=()), dense("e", (), 1, use_bias=False))
    weights = {"dense": {"0": DENSE["kernel"], "1": DENSE["bias"]}, "dense_2": {"0": second}}
    path = archive(tmp_path / "m.keras", model, weights, "2.12.0", "_layer_checkpoint_dependencies")
    np.testing.assert_allclose(nngrad.load(path)(X), by_hand() @ second, rtol=1e-14)


def test_calls_of_a_model_within_the_model_count_from_one_in_keras_2(tmp_path):
    inner = sequential(entry("i"), dense(sources=()))
    inner["config"]["name"] = inner["name"] = "inner"
    inner["inbound_nodes"] = [[["x", 0, 0, {}]], [["z", 0, 0, {}]]]
    for version, first in (("2.4.0", 1), ("2.4.0", 0), ("3.1.0", 0)):
        outputs = [("inner", first + 1, 0), ("inner", first, 0)]
        model = functional(entry(), entry("z"), inner, inputs=[("x", 0, 0), ("z", 0, 0)], outputs=outputs)
        net = nngrad.load(h5(tmp_path / "m.h5", model, {"inner": DENSE}, version))
        np.testing.assert_allclose(net(np.hstack([X, 2 * X])), np.hstack([by_hand(2 * X), by_hand(X)]), rtol=1e-14)


def called(inner, *inbound):
    return inner | {
        "name": "inner",
        "inbound_nodes": [{"args": [arguments], "kwargs": {"mask": None}} for arguments in inbound],
    }


def test_outputs_that_are_a_model_within_the_model_count_its_calls_from_one_in_keras_3(tmp_path):
    inner = functional(entry("i"), dense(sources=("i",)), inputs=[("i", 0, 0)], outputs=[("d", 0, 0)])
    inner = called(inner, tensor("x", 0, 0), tensor("z", 0, 0))
    used = layer("ReLU", "r", [("inner", 1, 0)])
    inputs = [("x", 0, 0), ("z", 0, 0)]
    model = functional(
        entry(), entry("z"), inner, used, inputs=inputs, outputs=[("inner", 1, 0), ("r", 0, 0), ("inner", 2, 0)]
    )
    net = nngrad.load(h5(tmp_path / "m.h5", model, {"inner": DENSE}))
    first, second = by_hand(), by_hand(-X)
    np.testing.assert_array_equal(net(np.hstack([X, -X])), np.hstack([first, np.maximum(second, 0), second]))


def record_model(as_record):
    """a - b, where the inputs are a record or a list, written in another order than that of their names."""
    last = layer("Subtract", "s", ["a", "b"])
    inner = functional(entry("b"), entry("a"), last, outputs=[("s", 0, 0)], inputs=[("b", 0, 0), ("a", 0, 0)])
    if as_record:
        inner["config"]["input_layers"] = {"b": ["b", 0, 0], "a": ["a", 0, 0]}
    return inner


@pytest.mark.parametrize("version", ["2.13.0", "3.1.0"])
@pytest.mark.parametrize("as_record", [True, False])
def test_inputs_of_a_model_within_the_model_may_be_given_by_name(tmp_path, as_record, version):
    inner = called(record_model(as_record), {"b": tensor("x", 0, 0), "a": tensor("z", 0, 0)})
    if version[0] == "2":
        inner["inbound_nodes"] = [{"b": ["x", 0, 0, {}], "a": ["z", 0, 0, {}]}]
    else:
        inner["inbound_nodes"][0]["kwargs"] = {"mask": {"a": None, "b": None}}
    model = functional(entry(), entry("z"), inner, inputs=[("x", 0, 0), ("z", 0, 0)], outputs=[("inner", 1, 0)])
    net = nngrad.load(h5(tmp_path / "m.h5", model, {}, version))
    np.testing.assert_array_equal(net(np.hstack([X, 2 * X])), X)
    wrong = called(record_model(as_record), {"b": tensor("x", 0, 0), "c": tensor("z", 0, 0)})
    model = functional(entry(), entry("z"), wrong, inputs=[("x", 0, 0), ("z", 0, 0)], outputs=[("inner", 1, 0)])
    assert "layer inner: is called with inputs named b, c; its own are" in refused(h5(tmp_path / "m.h5", model, {}))


@pytest.mark.parametrize(
    ("inner", "outer"), [([None, 3, 1], [None, 3]), ([None, 3], [None, 3, 1]), ([None, None, 1], [None, 3])]
)
def test_axes_that_a_model_within_the_model_adds_or_drops_are_refused(tmp_path, inner, outer):
    """Keras takes (3,) for (3, 1) and the other way round: the softmax would be over another axis."""
    inside = functional(entry("i", inner), layer("Softmax", "s", ["i"]), inputs=[("i", 0, 0)], outputs=[("s", 0, 0)])
    model = functional(entry("x", outer), called(inside, tensor("x", 0, 0)), outputs=[("inner", 1, 0)])
    assert f"layer inner/i (InputLayer): takes the shape {inner}, but gets {tuple(outer[1:])}" in refused(
        h5(tmp_path / "m.h5", model, {})
    )


def test_integers_are_for_the_inputs_of_the_whole_model_alone(tmp_path):
    """Whatever else casts to whole numbers would cut off what stands after the point."""
    integer = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "int32"}}
    model = sequential(layer("InputLayer", "x", batch_shape=[None, 3], dtype="uint8"), dense(dtype="mixed_float16"))
    net = nngrad.load(h5(tmp_path / "m.h5", model, {"d": DENSE}))
    assert net.inputs[0].integer == "uint8"
    assert net.origin.doubts == (
        "x: inputs of type uint8, whole numbers only; derivatives are those of the same function of real inputs",
    )
    whole = np.round(np.abs(X) * 9)
    np.testing.assert_array_equal(net(whole), by_hand(whole))
    np.testing.assert_allclose(net.jacobian(whole), np.tile(np.transpose(DENSE["kernel"]), (4, 1, 1)), rtol=1e-15)
    for call in (net, net.jacobian, net.hessian, lambda x: net.jvp(x, np.ones(3)), lambda x: net.vjp(x, np.ones(2))):
        with pytest.raises(
            DataError, match=r"row 1: x1 is 2\.04092; the model casts it to uint8: whole numbers from 0 to 255 only"
        ):
            call(X)
    with pytest.raises(ModelError, match="x1, x2, x3: take whole numbers only"):
        emit(net, "c")
    assert all(found.passed for found in check(net, sample(net, 5)))
    for dtype, found in ((integer, "int32"), ("bool", "bool")):
        model = sequential(entry(), layer("Flatten", "f", dtype=dtype))
        assert f"layer f (Flatten): casts its values to {found}; supported" in refused(h5(tmp_path / "m.h5", model, {}))
    inner = functional(
        layer("InputLayer", "i", batch_shape=[None, 3], dtype="int32"),
        dense(sources=("i",)),
        inputs=[("i", 0, 0)],
        outputs=[("d", 0, 0)],
    )
    model = functional(entry(), called(inner, tensor("x", 0, 0)), outputs=[("inner", 1, 0)])
    assert "layer inner/i (InputLayer): casts its values to int32" in refused(
        h5(tmp_path / "m.h5", model, {"inner": DENSE})
    )


@pytest.mark.parametrize("size", [False, True])
def test_true_and_false_are_no_sizes(tmp_path, size):
    model = functional(
        entry("i", [None, size]), layer("Softmax", "s", ["i"]), inputs=[("i", 0, 0)], outputs=[("s", 0, 0)]
    )
    assert "layer i (InputLayer)" in refused(h5(tmp_path / "m.h5", model, {}))


def test_records_of_inputs_and_outputs_stand_in_the_order_of_their_names(tmp_path):
    """As model.inputs and model.outputs of Keras have them, and as the outputs of a model within
    the model are numbered.
    """
    outer = nngrad.load(h5(tmp_path / "m.h5", record_model(True), {}))
    assert [p.name for p in outer.inputs] == ["a", "b"]
    np.testing.assert_array_equal(outer(np.hstack([X, 2 * X])), -X)
    inner = functional(
        entry("i"), layer("ReLU", "r", ["i"]), layer("Activation", "t", ["i"], activation="tanh"), outputs=[("r", 0, 0)]
    )
    inner["config"] |= {"input_layers": [["i", 0, 0]], "output_layers": {"z": ["r", 0, 0], "c": ["t", 0, 0]}}
    assert [p.name for p in nngrad.load(h5(tmp_path / "m.h5", inner, {})).outputs] == ["t", "r"]
    model = functional(entry(), called(inner, tensor("x", 0, 0)), outputs=[("inner", 1, 1), ("inner", 1, 0)])
    np.testing.assert_allclose(
        nngrad.load(h5(tmp_path / "m.h5", model, {}))(X), np.hstack([np.maximum(X, 0), np.tanh(X)]), rtol=1e-15
    )


def test_weights_of_bfloat16(tmp_path):
    path = archive(tmp_path / "m.keras", sequential(entry(), dense()), {"dense": {}})
    arrays = [np.array(DENSE[k], np.float32) for k in ("kernel", "bias")]  # exact in bfloat16, but for the bias
    halves = [(a.view("<u4") >> 16).astype("<u2") for a in arrays]
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for k, half in enumerate(halves):
            file[f"layers/dense/vars/{k}"] = half.view("V2")
            file[f"layers/dense/vars/{k}"].attrs["dtype"] = "bfloat16"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("metadata.json", json.dumps({"keras_version": "3.1.0"}))
        z.writestr("config.json", json.dumps(sequential(entry(), dense())))
        z.writestr("model.weights.h5", buffer.getvalue())
    bias = (halves[1].astype("<u4") << 16).view("<f4").astype(float)
    np.testing.assert_allclose(nngrad.load(path)(X), X @ arrays[0] + bias, rtol=1e-15)
    np.testing.assert_allclose(bias, DENSE["bias"], rtol=1e-2)


def test_weights_of_an_inner_model_come_trained_ones_first(tmp_path):
    """As Keras flattens them: gamma, beta, kernel, then the averages; a frozen layer's come last as a whole."""
    norm = {
        "gamma": [2.0, 3.0, 4.0],
        "beta": [0.1, 0.2, 0.3],
        "moving_mean": [1.0, 2.0, 3.0],
        "moving_variance": [4.0, 5.0, 6.0],
    }
    every = {f"bn/{k}": v for k, v in norm.items()} | {f"d/{k}": v for k, v in DENSE.items()}
    trained = ["bn/gamma", "bn/beta", "d/kernel", "d/bias", "bn/moving_mean", "bn/moving_variance"]
    frozen = ["d/kernel", "d/bias", "bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"]
    g, b, m, v = (np.array(a) for a in norm.values())
    expected = by_hand((X - m) * g / np.sqrt(v + 1e-3) + b)
    for order, flag in ((trained, True), (frozen, False)):
        inner = sequential(
            entry("i"), layer("BatchNormalization", "bn", trainable=flag, axis=-1, epsilon=1e-3), dense(sources=())
        )
        inner |= {"name": "inner", "inbound_nodes": layer("", "", ["x"])["inbound_nodes"]}
        model = functional(entry(), inner, outputs=[("inner", 0, 0)])
        path = h5(tmp_path / "m.h5", model, {"inner": {k: every[k] for k in order}})
        np.testing.assert_allclose(nngrad.load(path)(X), expected, rtol=1e-13)


def test_shared_layers_and_references_that_come_later(tmp_path):
    last = layer("Concatenate", "c", [("d", 1, 0), ("d", 0, 0)])
    shared = dense()
    shared["inbound_nodes"] = [
        {"args": [tensor("z", 0, 0)], "kwargs": {}},
        {"args": [tensor("x", 0, 0)], "kwargs": {"mask": None}},
    ]
    model = functional(last, shared, entry(), entry("z"), inputs=[("x", 0, 0), ("z", 0, 0)], outputs=[("c", 0, 0)])
    net = nngrad.load(h5(tmp_path / "m.h5", model, {"d": DENSE}))
    np.testing.assert_array_equal(net(np.hstack([X, -X])), np.hstack([by_hand(X), by_hand(-X)]))


def test_inputs_may_go_straight_out(tmp_path):
    model = functional(entry(), outputs=[("x", 0, 0), ("x", 0, 0)])
    net = nngrad.load(h5(tmp_path / "m.h5", model, {}))
    np.testing.assert_array_equal(net(X), np.hstack([X, X]))


def test_relu_has_no_slope_at_its_kink(tmp_path):
    for settings_, at in (({}, 0.0), ({"max_value": 2.0}, 0.0), ({"threshold": 1.0, "negative_slope": 0.5}, 1.0)):
        model = sequential(entry(shape=(None, 1)), layer("ReLU", "r", **settings_))
        assert nngrad.load(h5(tmp_path / "m.h5", model, {})).jacobian([[at]])[0, 0, 0] == 0.0


def test_thresholded_layers_and_masking(tmp_path):
    model = sequential(entry(), layer("Masking", "k", mask_value=0.0), layer("ThresholdedReLU", "t", theta=0.5))
    np.testing.assert_array_equal(nngrad.load(h5(tmp_path / "m.h5", model, {}, "2.9.0"))(X), np.where(X > 0.5, X, 0.0))


def test_an_activation_may_be_a_record(tmp_path):
    records = (
        {"class_name": "LeakyReLU", "config": {"alpha": 0.1}},
        {
            "module": "keras.layers",
            "class_name": "LeakyReLU",
            "config": {"negative_slope": 0.1},
            "registered_name": None,
        },
    )
    for record in records:
        net = nngrad.load(h5(tmp_path / "m.h5", sequential(entry(), dense(activation=record)), {"d": DENSE}))
        np.testing.assert_allclose(net(X), by_hand(f=lambda n: np.where(n < 0, 0.1 * n, n)), rtol=1e-15)
    record = {"module": "builtins", "class_name": "function", "config": "tanh", "registered_name": "function"}
    net = nngrad.load(h5(tmp_path / "m.h5", sequential(entry(), dense(activation=record)), {"d": DENSE}))
    np.testing.assert_allclose(net(X), by_hand(f=np.tanh), rtol=1e-15)


# refusals


def refused(path):
    with pytest.raises(ModelError) as caught:
        nngrad.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


OWN_FUNCTION = {"module": "__main__", "class_name": "function", "config": "f"}
ODD = {"module": "__main__", "class_name": "MyLayer", "config": {"name": "o"}, "registered_name": "Custom>MyLayer"}
CIRCLE = functional(entry(), layer("Add", "a", ["x", "b"]), layer("ReLU", "b", ["a"]), outputs=[("b", 0, 0)])
LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}
REFUSED = [
    (
        sequential(entry(), layer("Lambda", "l", function=["4wEA"])),
        "layer l (Lambda): holds Python code, which is never run",
    ),
    (
        sequential(entry(), ODD),
        "layer o (MyLayer): a class of one's own, whose code is not in the file and is never run",
    ),
    (
        {"module": "__main__", "class_name": "MyModel", "config": {}},
        "the model is a MyModel, a class with code of its own",
    ),
    (
        sequential(entry(), dense(activation="my_act")),
        "layer d (Dense): activation my_act is not supported; supported in Keras 3",
    ),
    (sequential(entry(), dense(activation=LAMBDA)), "activation a lambda is code of its own"),
    (
        sequential(entry(), dense(activation=OWN_FUNCTION)),
        "activation f is code of its own",
    ),
    (
        sequential(entry(), layer("Conv1D", "c", filters=2)),
        "layer c: Conv1D layers are not supported; supported are Activation",
    ),
    (sequential(entry(), layer("LSTM", "c", units=2)), "LSTM layers are not supported"),
    (
        sequential(entry(), layer("Tanh", "c", module="keras.src.ops.numpy", trainable=True)),
        "keras.ops is not supported",
    ),
    (
        sequential(entry(), layer("Softmax", "c", module="keras.src.ops.nn")),
        "this operation of keras.ops is not supported",
    ),
    (sequential(entry(), layer("Dot", "c")), "Dot layers are not supported"),
    (sequential(entry(), dense(units=3)), "layer d (Dense): its kernel has the shape (3, 2), not (3, 3)"),
    (sequential(entry(), dense(units=10**12)), "its kernel has the shape (3, 2), not (3, 1000000000000)"),
    (sequential(entry(), dense(units="2")), "units is 2, not a whole number"),
    (sequential(entry(), dense("e")), "model_weights/e: the weights of this layer are missing"),
    (
        sequential(entry(), dense(use_bias=False)),
        "model_weights/d: holds 2 arrays (d/kernel:0, d/bias:0), not the 1 of its layer (kernel)",
    ),
    (sequential(entry(), layer("PReLU", "d"), layer("Dense", "e")), "model_weights/d: holds 2 arrays"),
    (
        sequential(entry(), layer("LayerNormalization", "d")),
        "model_weights/d/d/kernel:0: is where the gamma of d belongs",
    ),
    (
        sequential(entry(), dense() | {"module": None, "registered_name": "Dense"}),
        "layer d (Dense): a class of one's own",
    ),
    (sequential(entry(), dense(quantization_config={"class_name": "Int8"})), "its weights are quantised"),
    (
        sequential(entry(), dense(dtype={"class_name": "QuantizedDTypePolicy", "config": {}})),
        "its weights are quantised",
    ),
    (sequential(entry(), layer("ReLU", "r", max_value=-1.0)), "negative ones are not supported"),
    (sequential(entry(), layer("ReLU", "r", threshold="a")), "threshold is a, not a number"),
    (sequential(entry(), layer("ReLU", "r", threshold=True)), "threshold is True, not a number"),
    (sequential(entry(), layer("ELU", "e", alpha=10**400)), "alpha is 1000"),
    (sequential(entry(), layer("ELU", "e", alpha=float("inf"))), "alpha is inf, not a number"),
    (sequential(entry(), layer("Masking", "k", mask_value=-1.0)), "a mask_value other than 0"),
    (sequential(entry(), layer("Masking", "k"), layer("Softmax", "s")), "follows a Masking layer"),
    (sequential(entry(), layer("Softmax", "s", axis=0)), "axis 0 of values with the shape ('batch', 3)"),
    (sequential(entry(), layer("Softmax", "s", axis=-3)), "is not one of their feature axes"),
    (sequential(entry(), layer("GroupNormalization", "g", groups=2)), "model_weights/g: the weights"),
    (
        sequential(entry(), layer("GroupNormalization", "g", groups=2, scale=False, center=False)),
        "2 groups of 3 channels",
    ),
    (sequential(entry(), layer("Normalization", "n", mean=[0, 0, 0], variance=[1, -1, 1])), "a variance is negative"),
    (
        sequential(entry(), layer("Normalization", "n", mean=[0, 0], variance=[1, 1])),
        "mean holds 2 numbers for values of the shape (3,)",
    ),
    (sequential(entry(), layer("Normalization", "n", mean=["a"], variance=[1])), "mean is list, not numbers"),
    (sequential(entry(), layer("Rescaling", "n", scale=[1, 2])), "scale of the shape (2,) on values of the shape (3,)"),
    (sequential(entry(), layer("Reshape", "n", target_shape=[2, 2])), "3 units don't take the shape (2, 2)"),
    (sequential(entry(), layer("Reshape", "n", target_shape=[-1, -1])), "not a shape"),
    (sequential(entry(), layer("Permute", "n", dims=[2, 1])), "not an order of the 1 feature axes"),
    (sequential(entry(), layer("RepeatVector", "n", n=10**9)), "1000000000 times the shape (3,)"),
    (sequential(entry(shape=(None, 10**7)), layer("ReLU", "n")), "the model reads 10000000 numbers"),
    (sequential(entry(shape=(None, 0)), layer("ReLU", "n")), "the model reads 0 numbers"),
    (sequential(entry(shape=(None, "3")), layer("ReLU", "n")), "its input shape is list, not a batch of rows"),
    (sequential(layer("ReLU", "n")), "the model does not say how many inputs it takes"),
    (sequential(), "the model: lists no layers"),
    (sequential(entry("a"), entry("a")), "the model: two layers are named a"),
    (CIRCLE, "feeds itself: the connections (inbound_nodes) go in a circle"),
    (
        functional(entry(), dense(sources=["nobody"]), outputs=[("d", 0, 0)]),
        "layer d: reads a layer nobody, which does not exist",
    ),
    (functional(entry(), dense(), outputs=[("nobody", 0, 0)]), "the model: reads a layer nobody, which does not exist"),
    (functional(entry(), dense(), outputs=[("d", 5, 0)]), "its call 5 is read, but it has 1"),
    (functional(entry(), dense(), outputs=[("d", -1, 0)]), "its call -1 is read, but it has 1"),
    (functional(entry(), dense(), outputs=[("d", 0, 3)]), "reads output 3 of layer d, which has 1"),
    (functional(entry(), dense(), outputs=[]), "the model: names no input or no output layers"),
    (
        functional(entry(), dense(), outputs=[("d", 0, 0)], inputs=[("d", 0, 0)]),
        "is listed as an input, but is no InputLayer",
    ),
    (
        functional(entry(), entry("z"), dense(sources=["z"]), outputs=[("d", 0, 0)]),
        "is read, but is not among the model's inputs",
    ),
    (
        functional(entry(), dense(), layer("Add", "a", ["x", "d"]), outputs=[("a", 0, 0)]),
        "reads values of the shapes (3,), (2,)",
    ),
    (
        functional(entry(), layer("Add", "a", ["x"]), outputs=[("a", 0, 0)]),
        "reads one value; supported are two or more",
    ),
    (functional(entry(), dense(sources=["x", "x"]), outputs=[("d", 0, 0)]), "reads 2 values, not one"),
    ([1, 2], "model_config is no JSON object"),
    ("{", "model_config is no JSON that can be read"),
    ("[" * 100_000, "model_config is no JSON that can be read"),
    ({"class_name": "Sequential"}, "the model: lists no layers"),
    ({"config": {}}, "the model: has no class_name"),
]


@pytest.mark.parametrize(("model", "fragment"), REFUSED, ids=[f"{k}-{f[:40]}" for k, (_, f) in enumerate(REFUSED)])
def test_a_refusal_names_what_and_why(tmp_path, model, fragment):
    assert fragment in refused(h5(tmp_path / "m.h5", model, {"d": DENSE}))


@pytest.mark.parametrize(
    ("version", "fragment"),
    [("1.2.2", "'1.2.2'; supported are Keras 2 and 3"), (None, "keras_version: none"), ("4.0", "'4.0'")],
)
def test_other_versions_of_keras_are_refused(tmp_path, version, fragment):
    assert fragment in refused(h5(tmp_path / "m.h5", sequential(entry(), dense()), {"d": DENSE}, version))


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"training": True}, "is called with training=True"),
        ({"training": False, "mask": None}, None),
        ({"mask": tensor("x", 0, 0)}, "is called with mask = dict"),
    ],
)
def test_options_of_calls(tmp_path, options, refusal):
    drop = layer("Dropout", "o", ["x"], rate=0.5)
    drop["inbound_nodes"][0]["kwargs"] = options
    path = h5(tmp_path / "m.h5", functional(entry(), drop, outputs=[("o", 0, 0)]), {})
    if refusal:
        assert refusal in refused(path)
    else:
        np.testing.assert_array_equal(nngrad.load(path)(X), X)


@pytest.mark.parametrize("between", ["Flatten", "ReLU", "Dropout", "Concatenate", "Activation"])
def test_sums_of_integers_are_refused_because_they_wrap_around(tmp_path, between):
    more = {"activation": "relu"} if between == "Activation" else {"rate": 0.5} if between == "Dropout" else {}
    numbers = layer("InputLayer", "x", batch_shape=[None, 3], dtype="uint8")
    layers = [numbers, layer(between, "b", ["x"], **more), layer("Subtract", "s", ["b", "x"])]
    message = refused(h5(tmp_path / "m.h5", functional(*layers, outputs=[("s", 0, 0)]), {}))
    assert "layer s (Subtract): computes with integers, which may wrap around" in message


@pytest.mark.parametrize("dtype", ["string", "complex64", "int4"])
def test_inputs_of_other_types_are_refused(tmp_path, dtype):
    model = sequential(layer("InputLayer", "x", batch_shape=[None, 3], dtype=dtype), dense())
    assert f"layer x (InputLayer): casts its values to {dtype}" in refused(h5(tmp_path / "m.h5", model, {"d": DENSE}))


def one_each(*names, activation="tanh"):
    """A model that reads inputs of one feature each, in a record; weights of its dense layer in
    the order of `names`.
    """
    joined = layer("Concatenate", "c", names)
    last = dense("out", ("c",), 2, activation)
    model = functional(*(entry(n, [None, 1]) for n in names), joined, last, outputs=[("out", 0, 0)])
    model["config"]["input_layers"] = {n: [n, 0, 0] for n in names}
    return model


def test_inputs_of_one_feature_are_called_what_they_are_called(tmp_path):
    net = nngrad.load(h5(tmp_path / "m.h5", one_each("speed", "throttle", "load"), {"out": DENSE}))
    assert net.input_names == ("load", "speed", "throttle")
    np.testing.assert_allclose(net(X[:, [2, 0, 1]]), np.tanh(by_hand()), rtol=1e-15)
    save(net, tmp_path / "again.mat")
    assert nngrad.load(tmp_path / "again.mat").input_names == net.input_names
    np.testing.assert_array_equal(net.jacobian(X, wrt=["throttle"])[..., 0], net.jacobian(X)[..., 2])


@pytest.mark.parametrize(
    "names",
    [
        ("input_1", "input_2", "input_3"),
        ("keras_tensor", "keras_tensor_1", "keras_tensor_2"),
        ("1", "2", "3"),
        ("input", "a\nb", " c"),
    ],
)
def test_names_that_nobody_gave_are_none(tmp_path, names):
    assert nngrad.load(h5(tmp_path / "m.h5", one_each(*names), {"out": DENSE})).input_names == ("x1", "x2", "x3")


def test_a_name_beside_inputs_of_several_features(tmp_path):
    for name, expected in (("speed", ("x1", "x2", "x3")), ("x1", ("x1", "x2", "x3"))):
        joined = layer("Concatenate", "c", ["state", name])
        layers = [entry("state", [None, 2]), entry(name, [None, 1]), joined, dense("out", ("c",), 2)]
        model = functional(*layers, outputs=[("out", 0, 0)], inputs=[("state", 0, 0), (name, 0, 0)])
        assert nngrad.load(h5(tmp_path / "m.h5", model, {"out": DENSE})).input_names == expected


def test_all_layers_that_are_not_supported_are_named_at_once(tmp_path):
    model = sequential(
        entry(),
        dense(sources=()),
        layer("LSTM", "l", units=4),
        layer("Conv1D", "c", filters=2),
        layer("Lambda", "f"),
        layer("Mine", "m", module="my_package"),
    )
    path = h5(tmp_path / "m.h5", model, {"d": DENSE, "l": {"kernel": np.ones((2, 16))}})
    message = refused(path)
    assert (
        "layer l: LSTM layers are not supported, nor are c (Conv1D), f (Lambda), m (Mine); supported are Activation"
        in message
    )
    assert len(message) - len(str(path)) < 300
    with pytest.raises(ModelError) as error:
        nngrad.load(path)
    assert error.value.described.layers == (
        "x: InputLayer (input [None, 3])",
        "d: Dense, 2 units, linear (kernel 3x2, bias 2)",
        "l: LSTM, 4 units (kernel 2x16): not supported",
        "c: Conv1D, 2 filters: not supported",
        "f: Lambda: not supported",
        "m: Mine: not supported",
    )
    path = archive(
        tmp_path / "m.keras",
        model,
        {"dense": {"0": DENSE["kernel"], "1": DENSE["bias"]}, "lstm": {"0": np.ones((2, 16))}},
    )
    with pytest.raises(ModelError) as error:
        nngrad.load(path)
    assert error.value.described.layers[1:3] == (
        "d: Dense, 2 units, linear (weights 3x2, weights 2)",
        "l: LSTM, 4 units (weights 2x16): not supported",
    )


def test_archives_of_keras_2_15_on_windows(tmp_path):
    """There the names of groups within groups are written in one, with backslashes."""
    model = sequential(entry(), dense(sources=()), dense("e", (), 1, use_bias=False))
    path = archive(tmp_path / "m.keras", model, {}, "2.15.0")
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["layers\\dense/vars/0"], file["layers\\dense/vars/1"] = DENSE["kernel"], DENSE["bias"]
        file["layers\\dense_1\\vars/0"] = np.array([[1.0], [2.0]])
    with zipfile.ZipFile(path, "a") as z, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        z.writestr("model.weights.h5", buffer.getvalue())
    assert "two members of the same name" in refused(path)
    with zipfile.ZipFile(path, "w") as z:
        for name, text in (
            ("metadata.json", json.dumps({"keras_version": "2.15.0"})),
            ("config.json", json.dumps(model)),
        ):
            z.writestr(name, text)
        z.writestr("model.weights.h5", buffer.getvalue())
    np.testing.assert_allclose(nngrad.load(path)(X), by_hand() @ [[1.0], [2.0]], rtol=1e-14)
    (tmp_path / "w.weights.h5").write_bytes(buffer.getvalue())
    alone = nngrad.load(tmp_path / "w.weights.h5", activation=["tanh", "linear"])
    np.testing.assert_allclose(alone(X), np.tanh(by_hand()) @ [[1.0], [2.0]], rtol=1e-14)


def weights_only(path, layers, prefix=""):
    """What save_weights of Keras 2 writes: {layer: {weight: array}} in the order of the layers."""
    with h5py.File(path, "w") as file:
        file.attrs.update(
            {"layer_names": np.array([n.encode() for n in layers]), "backend": "tensorflow", "keras_version": "2.4.0"}
        )
        for name, arrays in layers.items():
            member = file.create_group(name)
            member.attrs["weight_names"] = np.array([f"{name}/{w}:0".encode() for w in arrays] or np.zeros(0))
            for w, array in arrays.items():
                member[f"{name}/{w}:0"] = np.asarray(array, float)
    return path


LAST = {"kernel": [[1.0], [2.0]]}


def test_weights_of_a_stack_of_dense_layers_are_read_once_their_activations_are_told(tmp_path):
    old = weights_only(tmp_path / "a.h5", {"input_1": {}, "z_first": DENSE, "dropout": {}, "a_last": LAST})
    new = tmp_path / "b.weights.h5"
    with h5py.File(new, "w") as file:
        for k, (name, arrays) in enumerate({"input_layer": {}, "dense": DENSE, "dropout": {}, "dense_1": LAST}.items()):
            group = file.create_group(f"layers/{name}/vars")
            group.attrs["name"] = f"layer_{k}"
            for n, array in enumerate(arrays.values()):
                group[str(n)] = array
        file.create_group("vars")
    for path in (old, new):
        net = nngrad.load(path, activation=["relu", "linear"])
        np.testing.assert_allclose(net(X), np.maximum(by_hand(), 0) @ LAST["kernel"], rtol=1e-14)
        assert net.origin.doubts == (
            "weights without a model: taken as a plain stack of Dense layers in the order in which they are stored",
        )
        assert "--activation relu,linear; else save the whole model" in refused(path)
    assert nngrad.load(old, activation=["relu", "linear"]).origin.version == "2.4.0"


@pytest.mark.parametrize(
    ("layers", "activation", "words"),
    [
        (
            {"d": DENSE, "b": {"gamma": [1.0, 1.0], "beta": [0.0, 0.0]}},
            ["relu"],
            "b: what they compute isn't in the file",
        ),
        ({"d": DENSE, "rescaling": {}}, ["relu"], "rescaling: what they compute isn't in the file"),
        ({"d": DENSE, "concatenate": {}, "e": LAST}, ["relu", "relu"], "concatenate: what they compute"),
        ({"c": {"kernel": np.ones((3, 2, 2)), "bias": [0.0, 0.0]}}, ["relu"], "c: what they compute"),
        ({"d": {"kernel": np.ones((3, 2)), "bias": [0.0]}}, ["relu"], "d: what they compute"),
        ({"dropout": {}}, ["relu"], "nothing: what they compute"),
        ({"d": DENSE, "e": {"kernel": np.ones((3, 1))}}, ["relu", "relu"], "d 3 -> 2, e 3 -> 1: these don't chain"),
        ({"d": DENSE, "e": LAST}, ["relu"], "1 activations named for 2 layers"),
        ({"d": DENSE}, ["rleu"], "activation 'rleu' is not supported"),
        ({"d": DENSE}, ["leaky_relu"], "activation 'leaky_relu' means different things: say leaky_relu(0.2)"),
        ({"d": DENSE}, ["hard_sigmoid"], "say hard_sigmoid_keras2 for a model of Keras 2"),
    ],
)
def test_other_weights_alone_are_refused(tmp_path, layers, activation, words):
    with pytest.raises(ModelError) as error:
        nngrad.load(weights_only(tmp_path / "w.h5", layers), activation=activation)
    assert words in str(error.value)


def test_hard_sigmoid_of_either_keras_can_be_told(tmp_path):
    path = weights_only(tmp_path / "w.h5", {"d": DENSE})
    for name, slope in (("hard_sigmoid_keras2", 0.2), ("hard_sigmoid_keras3", 1 / 6)):
        np.testing.assert_allclose(
            nngrad.load(path, activation=[name])(X / 10), by_hand(X / 10) * slope + 0.5, rtol=1e-14
        )


def test_activations_are_not_told_about_a_whole_model(tmp_path):
    path = h5(tmp_path / "m.h5", sequential(entry(), dense()), {"d": DENSE})
    with pytest.raises(UsageError, match="--activation is not for a Keras model"):
        nngrad.load(path, activation=["relu"])


def test_weights_without_a_model_are_refused_with_what_to_do(tmp_path):
    first = h5(tmp_path / "a.h5", "", {"d": DENSE}, attributes=False)
    second, third = tmp_path / "b.weights.h5", tmp_path / "c.h5"
    with h5py.File(second, "w") as file:
        file["layers/dense/vars/0"] = np.ones((2, 2))
    with h5py.File(third, "w") as file:
        file.attrs["layer_names"] = np.array([b"d"])
        file["d/d/kernel:0"] = np.ones((2, 2))
    for path in (first, second, third):
        message = refused(path)
        assert "weights without a model" in message
        assert "model.save('model.keras')" in message


def test_weights_in_archives_are_checked(tmp_path):
    model = sequential(entry(), dense(sources=()))
    good = {"0": DENSE["kernel"], "1": DENSE["bias"]}
    path = tmp_path / "m.keras"
    np.testing.assert_array_equal(nngrad.load(archive(path, model, {"dense": good}))(X), by_hand())
    assert "layers/dense: the weights of this layer are missing" in refused(archive(path, model, {"other": good}))
    assert "layers/dense/vars: holds 1 arrays, not the 2 of its layer (kernel, bias)" in refused(
        archive(path, model, {"dense": {"0": [[1.0]]}})
    )
    assert "layers/dense/vars/1: no numbers there" in refused(
        archive(path, model, {"dense": {"0": [[1.0]], "7": [1.0]}})
    )
    assert "its bias has the shape (3,), not (2,)" in refused(
        archive(path, model, {"dense": good | {"1": [1.0, 2.0, 3.0]}})
    )


def test_weights_of_a_layer_that_should_have_none_are_refused(tmp_path):
    """As the gamma of rms_scaling, a setting that Keras 3.0 to 3.3 don't write."""
    model = sequential(entry(), layer("LayerNormalization", "n", scale=False, center=False), dense(sources=()))
    good = {"0": DENSE["kernel"], "1": DENSE["bias"]}
    extra = archive(tmp_path / "m.keras", model, {"dense": good, "layer_normalization": {"0": [1.0, 2.0, 3.0]}})
    assert "layers/layer_normalization/vars: holds 1 arrays, not the 0 of its layer (none)" in refused(extra)
    nngrad.load(archive(tmp_path / "m.keras", model, {"dense": good, "layer_normalization": {}}))
    extra = h5(tmp_path / "m.h5", model, {"d": DENSE, "n": {"gamma": [1.0, 2.0, 3.0]}})
    assert "model_weights/n: holds 1 arrays (n/gamma:0), not the 0 of its layer (none)" in refused(extra)
    nngrad.load(h5(tmp_path / "m.h5", model, {"d": DENSE, "n": {}}))


def test_models_in_models_are_bounded(tmp_path):
    """Twice twice twice ... : a small file that would be a billion layers."""
    model = functional(entry(), layer("ReLU", "r", ["x"]), outputs=[("r", 0, 0)])
    for _ in range(18):
        inner = model | {"name": "m"}
        inner["inbound_nodes"] = [
            {"args": [tensor("x", 0, 0)], "kwargs": {}},
            {"args": [tensor("m", 0, 0)], "kwargs": {}},
        ]
        model = functional(entry(), inner, outputs=[("m", 2, 0)])  # its second call
    assert "more than" in refused(h5(tmp_path / "m.h5", model, {}))
    for _ in range(5):
        model = sequential(entry(), model | {"name": "m"})
    assert "models within models" in refused(h5(tmp_path / "m.h5", model, {}))


def test_wide_time_axes_are_refused_before_they_are_written_out(tmp_path):
    model = sequential(entry(shape=(None, 100_000, 3)), dense(sources=()))
    assert "a dense layer on 100000 steps of 3 units is too large" in refused(
        h5(tmp_path / "m.h5", model, {"d": DENSE})
    )
    model = sequential(entry(shape=(None, 100_000, 3)), layer("Softmax", "s"))
    assert "softmax over 100000 blocks of 3" in refused(h5(tmp_path / "m.h5", model, {}))


def test_other_hdf5_files_are_not_taken(tmp_path):
    assert keras.find(Tree("MAT v7", {"config": {}, "weights": np.zeros((1, 1))})) == []
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["layers/first/W"] = np.ones((2, 2))
    assert "weights without a model" not in refused(tmp_path / "m.h5")


BASE = json.loads(zipfile.ZipFile(SAMPLES / "keras_two_ports.keras").read("config.json"))
ODDITIES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10),
    st.just(10**20),
    st.just(float("nan")),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
)


def places(value, path=()):
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


PLACES = [p for p in places(BASE) if p and "compile_config" not in p and "initializer" not in str(p)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(PLACES), ODDITIES), min_size=1, max_size=3))
def test_a_damaged_configuration_is_a_network_or_one_error(changes):
    tree = damaged_tree(copy.deepcopy(BASE), changes)
    for _, element in keras.find(tree):
        try:
            net = keras.read(element)
        except ModelError:
            continue
        assert net(np.ones(net.input_size)).shape == (net.output_size,)


def damaged_tree(config, changes):
    for path, value in changes:
        where = config
        try:
            for key in path[:-1]:
                where = where[key]
            where[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took that place away
    tree = containers.read(SAMPLES / "keras_two_ports.keras")
    return Tree(tree.container, tree.variables | {"config": config})


def test_weights_of_a_layer_that_the_model_has_not_are_refused(tmp_path):
    good = {"0": DENSE["kernel"], "1": DENSE["bias"]}
    path = archive(tmp_path / "m.keras", sequential(entry(), dense()), {"dense": good, "dense_1": good})
    with pytest.raises(ModelError, match="holds weights of dense_1, which is no layer of the model"):
        nngrad.load(path)


@pytest.mark.parametrize("dtype", ["int8_from_float32", "float8_from_float32"])
def test_a_policy_of_quantised_weights_is_refused_by_its_name_too(tmp_path, dtype):
    good = {"0": DENSE["kernel"], "1": DENSE["bias"]}
    path = archive(tmp_path / "m.keras", sequential(entry(), dense(dtype=dtype)), {"dense": good})
    with pytest.raises(ModelError, match="its weights are quantised"):
        nngrad.load(path)


def test_scales_of_quantised_weights_are_not_taken_for_a_bias(tmp_path):
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.array([[127, -3], [5, 127], [-127, 8]], np.int8)
        file["layers/dense/vars/1"] = np.array([120.0, 90.0])
    with pytest.raises(ModelError, match="dense: what they compute isn't in the file"):
        nngrad.load(tmp_path / "m.weights.h5", activation=["linear"])
