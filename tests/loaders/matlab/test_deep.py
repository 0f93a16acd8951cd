"""Deep Learning Toolbox networks: every layer class against a formula of its own and complex
steps; graphs, paths, refusals.
"""

import re
import time
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import erf

from nngrad.errors import ModelError
from nngrad.loaders import candidates, read
from nngrad.loaders.matlab.deep.table import NORMALISATIONS, TABLE
from nngrad.loaders.tree import FunctionHandle, MatlabObject, Tree, Undecoded

R = np.random.default_rng(3)
LAYER = "nnet.cnn.layer."


def number(v):
    return np.full((1, 1), float(v))


def column(*v):
    return np.array(v, float).reshape(-1, 1)


def cells(*v, column=False):
    a = np.empty(len(v), object)
    a[:] = v
    return a.reshape(-1, 1) if column else a.reshape(1, -1)


def learnable(value):
    return {"Version": number(2), "Value": np.asarray(value, float), "LearnRateFactor": number(1)}


def layer(kind, name=None, **fields):
    classname = kind if "." in kind else LAYER + kind
    return MatlabObject(
        classname, {"Version": number(1), "Name": classname.rsplit(".", 1)[-1] if name is None else name, **fields}
    )


def features(n, name="input", **fields):
    return layer("FeatureInputLayer", name, InputSize=number(n), **fields)


def image(*size, name="image", **fields):
    return layer("ImageInputLayer", name, InputSize=np.array([size], float), **fields)


def quantization(*layers):
    """The store of quantization settings, as a struct around a containers.Map: without keys in
    networks that are not quantized.
    """
    keys = {"keys": cells(*layers), "values": cells(*layers)}
    return {"version": number(1), "data": MatlabObject("containers.Map", {"serialization": keys})}


def dense(W, b, name="fc"):
    W = np.asarray(W, float)
    size = number(np.size(b))
    return layer(
        "FullyConnectedLayer",
        name,
        InputSize=np.zeros((0, 0)),
        OutputSize=size,
        Weights=learnable(W),
        Bias=learnable(np.reshape(b, (-1, 1))),
    )


def with_fields(element, **fields):
    return MatlabObject(element.classname, element.fields | fields)


def function(text, captured=None, inputs=1, name="f"):
    workspace = MatlabObject(
        "function_handle_workspace", {"any": cells(Undecoded("object", "none"), captured or {}, column=True)}
    )
    ports = cells(*(["in"] if inputs == 1 else [f"in{k + 1}" for k in range(inputs)]))
    return layer(
        "FunctionLayer", name, PredictFcn=FunctionHandle(text, workspace), **{"nnet.layer.Layer.PrivateInputs": ports}
    )


def series(*layers, classname="SeriesNetwork"):
    return MatlabObject(classname, {"Version": number(1), "Layers": cells(*layers, column=True)})


def table(pairs):
    source, target = ([p[k] for p in pairs] for k in (0, 1))
    return MatlabObject("table", {"data": cells(cells(*source, column=True), cells(*target, column=True))})


def graph(layers, pairs=None, classname="dlnetwork", outputs=None):
    pairs = [(a.fields["Name"], b.fields["Name"]) for a, b in pairwise(layers)] if pairs is None else pairs
    held = {"Version": number(1), "Layers": cells(*layers, column=True), "Connections": table(pairs)}
    if classname == "DAGNetwork":
        return MatlabObject(classname, held)
    fields = {"Version": number(6), "LayerGraph": MatlabObject("nnet.cnn.LayerGraph", held), "Initialized": number(1)}
    return MatlabObject(classname, fields | ({"OutputNames": cells(*outputs)} if outputs else {}))


def network(element, **beside):
    tree = Tree("MAT v7", {"net": element, **beside})
    (found,) = candidates(tree)
    return read("file.mat", tree, found)


def refusal(element):
    with pytest.raises(ModelError) as error:
        network(element)
    assert "\n" not in str(error.value)
    return str(error.value)


def check(net, formula, rows=4, seed=8, rtol=1e-13):
    """y against the formula of a row, J against its complex steps, H against differences of J."""
    x = np.random.default_rng(seed).normal(size=(rows, net.input_size)) * 1.5
    y, J = net.value_and_jacobian(x)
    for s in range(rows):
        np.testing.assert_allclose(y[s], formula(x[s].astype(complex)).real, rtol=rtol, atol=1e-13)
        for i in range(net.input_size):
            step = formula(x[s] + 1e-30j * np.eye(net.input_size)[i]).imag / 1e-30
            np.testing.assert_allclose(J[s, :, i], step, rtol=1e-11, atol=1e-13)
    v = np.random.default_rng(seed + 1).normal(size=net.input_size)
    along = (net.jacobian(x + 1e-5 * v) - net.jacobian(x - 1e-5 * v)) / 2e-5
    np.testing.assert_allclose(net.hessian(x) @ v, along, rtol=1e-6, atol=1e-7)


# every class of the table

FOUR = R.normal(size=4)
POSITIVE = R.uniform(0.5, 2, 4)


def normalized(x, epsilon=1e-5):
    return (x - x.mean()) / np.sqrt(((x - x.mean()) ** 2).mean() + epsilon)


def stats(n):
    return {"Offset": learnable(column(*FOUR[:n])), "Scale": learnable(column(*POSITIVE[:n])), "Epsilon": number(1e-5)}


W34 = R.normal(size=(3, 4))
LAYERS = [
    (dense(W34, [1, 2, 3]), lambda x: W34 @ x + [1, 2, 3]),
    (layer("ReLULayer"), lambda x: np.where(x.real > 0, x, 0)),
    (layer("LeakyReLULayer", Scale=number(0.1)), lambda x: np.where(x.real > 0, x, 0.1 * x)),
    (layer("ClippedReLULayer", Ceiling=number(0.8)), lambda x: np.where(x.real > 0.8, 0.8, np.where(x.real > 0, x, 0))),
    (layer("ELULayer", Alpha=number(0.7)), lambda x: np.where(x.real > 0, x, 0.7 * (np.exp(x) - 1))),
    (layer("TanhLayer"), np.tanh),
    (layer("SigmoidLayer"), lambda x: 1 / (1 + np.exp(-x))),
    (layer("rl.layer.SoftplusLayer"), lambda x: np.log(1 + np.exp(x))),
    (layer("SwishLayer"), lambda x: x / (1 + np.exp(-x))),
    (layer("GELULayer", Approximation="none"), lambda x: x / 2 * (1 + erf(x / np.sqrt(2)))),
    (
        layer("GELULayer", Approximation="tanh"),
        lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    ),
    (layer("SoftmaxLayer"), lambda x: np.exp(x) / np.exp(x).sum()),
    (layer("rl.layer.ScalingLayer", Scale=number(3), Bias=column(*FOUR)), lambda x: 3 * x + FOUR),
    (layer("DropoutLayer", Probability=number(0.5)), lambda x: x),
    (layer("SpatialDropoutLayer", Probability=number(0.5)), lambda x: x),
    (layer("IdentityLayer"), lambda x: x),
    (layer("FlattenLayer"), lambda x: x),
    (function("sf%0@(x).001*x"), lambda x: 0.001 * x),
    (
        layer("BatchNormalizationLayer", TrainedMean=column(1, 2, 3, 4), TrainedVariance=column(*POSITIVE), **stats(4)),
        lambda x: POSITIVE * (x - [1, 2, 3, 4]) / np.sqrt(POSITIVE + 1e-5) + FOUR,
    ),
    (layer("LayerNormalizationLayer", **stats(4)), lambda x: POSITIVE * normalized(x) + FOUR),
    (
        layer("LayerNormalizationLayer", OperationDimension="auto", **stats(4)),
        lambda x: POSITIVE * normalized(x) + FOUR,
    ),
    (layer("GroupNormalizationLayer", NumGroups="all-channels", **stats(4)), lambda x: POSITIVE * normalized(x) + FOUR),
    (
        layer("GroupNormalizationLayer", NumGroups=number(2), **stats(4)),
        lambda x: POSITIVE * np.concatenate([normalized(x[:2]), normalized(x[2:])]) + FOUR,
    ),
    (layer("RegressionOutputLayer", ResponseNames=cells("Response")), lambda x: x),
    (layer("ClassificationOutputLayer", Classes="auto"), lambda x: x),
]
JOINED = [
    (layer("AdditionLayer", NumInputs=number(2)), lambda a, b: a + b),
    (layer("MultiplicationLayer", NumInputs=number(2)), lambda a, b: a * b),
    (layer("ConcatenationLayer", Dim=number(1), NumInputs=number(2)), lambda a, b: np.concatenate([a, b])),
    (layer("DepthConcatenationLayer", NumInputs=number(2)), lambda a, b: np.concatenate([a, b])),
    (function("sf%3@(a,b)a-2*b.*a", inputs=2, name="join"), lambda a, b: a - 2 * b * a),
]


@pytest.mark.parametrize(("element", "formula"), LAYERS, ids=lambda e: getattr(e, "classname", "").rsplit(".", 1)[-1])
@pytest.mark.parametrize("form", ["SeriesNetwork", "dlnetwork"])
def test_a_layer(element, formula, form):
    layers = [features(4), element]
    check(network(series(*layers) if form == "SeriesNetwork" else graph(layers)), formula)


@pytest.mark.parametrize(("element", "formula"), JOINED, ids=lambda e: getattr(e, "classname", "").rsplit(".", 1)[-1])
def test_a_layer_of_several_inputs(element, formula):
    """Its second input is connected first: the order is that of in1, in2."""
    name = element.fields["Name"]
    layers = [features(3), layer("TanhLayer", "tanh"), layer("SigmoidLayer", "sigmoid"), element]
    pairs = [("input", "tanh"), ("input", "sigmoid"), ("sigmoid", f"{name}/in2"), ("tanh", f"{name}/in1")]
    check(network(graph(layers, pairs)), lambda x: formula(np.tanh(x), 1 / (1 + np.exp(-x))))


def test_every_class_of_the_table_is_tested():
    tested = {e.classname.rsplit(".", 1)[-1] for e, _ in (*LAYERS, *JOINED)}
    assert tested | {"FeatureInputLayer", "ImageInputLayer", "SequenceInputLayer"} == set(TABLE)


# inputs

MEAN, STD, MIN, MAX = R.normal(size=3), R.uniform(0.5, 2, 3), R.normal(size=3) - 2, R.normal(size=3) + 2
NORMALISED = [
    ({"Type": "zerocenter", "Mean": column(*MEAN)}, lambda x: x - MEAN),
    ({"Type": "zerocenter", "AverageImage": number(2)}, lambda x: x - 2),
    ({"Type": "zscore", "Mean": column(*MEAN), "StandardDeviation": column(*STD)}, lambda x: (x - MEAN) / STD),
    (
        {"Type": "rescale-symmetric", "Min": column(*MIN), "Max": column(*MAX)},
        lambda x: 2 * (x - MIN) / (MAX - MIN) - 1,
    ),
    ({"Type": "rescale-zero-one", "Min": column(*MIN), "Max": column(*MAX)}, lambda x: (x - MIN) / (MAX - MIN)),
    (
        {"Type": "rescale", "Min": column(*MIN), "Max": column(*MAX), "TargetMin": number(-3), "TargetMax": number(5)},
        lambda x: (x - MIN) / (MAX - MIN) * 8 - 3,
    ),
    ("none", lambda x: x),
    (np.zeros((0, 0)), lambda x: x),
]


@pytest.mark.parametrize(
    ("settings", "formula"), NORMALISED, ids=lambda s: str(s.get("Type")) if isinstance(s, dict) else ""
)
@pytest.mark.parametrize("kind", ["FeatureInputLayer", "SequenceInputLayer"])
def test_normalisation_of_an_input(settings, formula, kind):
    net = network(series(layer(kind, "in", InputSize=number(3), Normalization=settings), layer("TanhLayer")))
    check(net, lambda x: np.tanh(formula(x)))
    assert ("each row of x is one time step" in " ".join(net.origin.notes)) == (kind == "SequenceInputLayer")
    if isinstance(settings, dict) and "Min" in settings:
        np.testing.assert_array_equal(net.inputs[0].lower, MIN)
        np.testing.assert_array_equal(net.inputs[0].upper, MAX)


def test_every_normalisation_is_tested():
    assert {s["Type"] for s, _ in NORMALISED if isinstance(s, dict)} == set(NORMALISATIONS)


@pytest.mark.parametrize(
    "mean", [R.normal(size=(2, 3, 2)), R.normal(size=(1, 1, 2)), R.normal(size=(1, 1))], ids=["image", "channel", "one"]
)
def test_an_image_is_flattened_in_matlabs_order(mean):
    W, b = R.normal(size=(2, 3, 2, 5)), R.normal(size=(1, 1, 5))
    fc = layer("FullyConnectedLayer", "fc", OutputSize=number(5), Weights=learnable(W), Bias=learnable(b))
    net = network(
        series(image(2, 3, 2, Normalization={"Type": "zerocenter", "AverageImage": mean}), fc, layer("TanhLayer"))
    )

    def formula(x):
        picture = x.reshape(2, 3, 2, order="F") - mean
        return np.tanh(np.einsum("hwc,hwco->o", picture, W) + b.ravel())

    check(net, formula)


def test_weights_that_lost_their_last_dimensions():
    """[h w c out] with one output, or one channel and one output, is stored with fewer dimensions."""
    for size, stored in (((1, 1, 3), (1, 1, 3)), ((3, 1, 1), (3, 1)), ((2, 2, 1), (2, 2))):
        W = R.normal(size=stored)
        fc = layer("FullyConnectedLayer", "fc", OutputSize=number(1), Weights=learnable(W), Bias=learnable(number(0.5)))
        flat = W.ravel(order="F")
        check(network(series(image(*size), fc)), lambda x, flat=flat: np.array([flat @ x + 0.5]))


def test_statistics_of_a_channel_go_to_all_of_its_pixels():
    bn = layer("BatchNormalizationLayer", TrainedMean=column(1, 2), TrainedVariance=column(3, 4), **stats(2))
    net = network(series(image(2, 2, 2), bn))
    gain, mean = np.repeat(POSITIVE[:2] / np.sqrt([3 + 1e-5, 4 + 1e-5]), 4), np.repeat([1, 2], 4)
    check(net, lambda x: gain * (x - mean) + np.repeat(FOUR[:2], 4))


def test_channels_of_images_side_by_side():
    layers = [
        image(2, 2, 1, name="a"),
        image(2, 2, 3, name="b"),
        layer("DepthConcatenationLayer", "d", NumInputs=number(2)),
        dense(np.eye(16)[::-1], np.zeros(16)),
    ]
    net = network(graph(layers, [("a", "d/in1"), ("b", "d/in2"), ("d", "fc")], "DAGNetwork"))
    check(net, lambda x: x[::-1])
    assert [p.name for p in net.inputs] == ["a", "b"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"Type": "zscore", "Mean": number(0), "StandardDeviation": column(1, 0, 1)},
            "StandardDeviation is 0 for input 2",
        ),
        (
            {
                "Type": "rescale",
                "Min": column(0, 1, 2),
                "Max": column(1, 2, 2),
                "TargetMin": number(0),
                "TargetMax": number(1),
            },
            "Max equals Min for input 3",
        ),
        ({"Type": "zerocenter", "AverageImage": np.zeros((0, 0))}, "it was never trained"),
        ({"Type": "zerocenter"}, "without Mean or AverageImage"),
        ({"Type": "zerocenter", "Mean": column(1, 2)}, "2x1 values where 3 units need one, 3 or 3 of them"),
        (FunctionHandle("sf%0@(x)x"), "'FunctionHandle' is not supported; supported are none, zerocenter"),
    ],
)
def test_normalisations_that_are_refused(settings, message):
    text = refusal(series(features(3, Normalization=settings), layer("TanhLayer")))
    assert message in text
    assert text.startswith("file.mat: net.Layers(1): FeatureInputLayer 'input': ")


# graphs


def test_skip_connections_several_inputs_and_outputs():
    """Columns are in the order of the Layers array, whatever the connections say; outputs as OutputNames lists them."""
    A, B = R.normal(size=(2, 2)), R.normal(size=(2, 5))
    layers = [
        features(2, "state"),
        layer("ConcatenationLayer", "both", Dim=number(1), NumInputs=number(2)),
        features(3, "action"),
        dense(B, [1, 2], "b"),
        layer("TanhLayer", "t"),
        dense(A, [0, 1], "a"),
        layer("AdditionLayer", "sum", NumInputs=number(2)),
    ]
    pairs = [
        ("action", "both/in2"),
        ("state", "both/in1"),
        ("both", "b"),
        ("b", "t"),
        ("t", "sum/in2"),
        ("state", "a"),
        ("a", "sum/in1"),
    ]

    def parts(x):
        t = np.tanh(B @ x + [1, 2])
        return t, A @ x[:2] + [0, 1] + t

    net = network(graph(layers, pairs, outputs=["sum", "t/out"]))
    check(net, lambda x: np.concatenate(parts(x)[::-1]))
    assert [p.name for p in net.inputs] == ["state", "action"]
    assert net.origin.layers[3] == "b: FullyConnected, 2 units, from both"
    assert net.origin.layers[1] == "both: Concatenation, 5 units, from state, action"
    assert [(p.name, p.columns) for p in net.outputs] == [("sum", ("y1", "y2")), ("t", ("y3", "y4"))]
    check(network(graph(layers, pairs, "DAGNetwork")), lambda x: parts(x)[1])


def test_a_network_that_begins_with_weights():
    check(network(graph([dense(W34, [1, 2, 3]), layer("TanhLayer")])), lambda x: np.tanh(W34 @ x + [1, 2, 3]))


def test_an_output_that_is_an_input():
    check(network(graph([features(2), layer("DropoutLayer")])), lambda x: x)


def test_classes_name_the_outputs():
    codes = MatlabObject(
        "categorical", {"categoryNames": cells("cat", "dog", "owl", column=True), "codes": column(2, 1, 3)}
    )
    for classes in (codes, cells("dog", "cat", "owl")):
        net = network(
            series(features(3), layer("SoftmaxLayer"), layer("ClassificationOutputLayer", "out", Classes=classes))
        )
        assert net.output_names == ("dog", "cat", "owl")


def test_a_loss_of_somebody_elses_is_passed_and_said():
    loss = layer(
        "rl.layer.internal.ClassificationLayerWithEntropy", "loss", Classes="auto", NumClasses=np.zeros((0, 0))
    )
    net = network(series(features(3), layer("SoftmaxLayer"), loss))
    check(net, lambda x: np.exp(x) / np.exp(x).sum())
    assert any("'loss' (rl.layer.internal.ClassificationLayerWithEntropy)" in text for text in net.origin.doubts)


def test_thousands_of_losses_cost_no_more_than_their_number():
    losses = [layer("my.Loss", f"loss{k}", ResponseNames="y") for k in range(2000)]
    first = features(2)
    begin = time.process_time()
    net = network(graph([first, *losses], [("input", loss.fields["Name"]) for loss in losses], "DAGNetwork"))
    assert time.process_time() - begin < 10  # looked up one among the others, they take minutes
    assert net.output_size == 2 * len(losses)


def test_weights_that_are_nan_are_said():
    net = network(series(features(2), dense([[1, np.nan], [1, 1]], [0, 0]), layer("ReLULayer")))
    np.testing.assert_array_equal(np.isnan(net([1.0, 2.0])), [True, False])
    assert np.isnan(net.jacobian([1.0, 2.0])[0]).all()
    assert any(text.startswith("1 of its weights are NaN") for text in net.origin.doubts)
    assert any("single precision" in note for note in net.origin.notes)


def test_weights_on_a_graphics_card():
    held = MatlabObject(
        "dlarray", {"IsBlank": number(0), "Data": MatlabObject("gpuArray", {"any": cells(number(1), W34)})}
    )
    fc = layer("FullyConnectedLayer", "fc", Weights={"Value": held}, Bias={"Value": column(1, 2, 3)})
    check(network(series(features(4), fc)), lambda x: W34 @ x + [1, 2, 3])


# where networks are


def test_networks_are_found_in_agents_structs_and_state_spaces():
    net = series(features(2), layer("TanhLayer"))
    other = series(features(2), layer("TanhLayer"))
    untrained = MatlabObject("nnet.cnn.LayerGraph", series(features(2)).fields)
    model = MatlabObject("rl.internal.model.DLNetworkModel", {"Net": net, "UseDevice": "cpu"})
    agent = MatlabObject(
        "rl.agent.rlACAgent",
        {
            "Critic": cells(MatlabObject("c", {"Model_": model})),
            "Actor": {"rlFunction": untrained, "adModelExternal": other},
        },
    )
    tree = Tree("MAT v7", {"agent": agent, "again": {"net": net}})
    assert [c.path for c in candidates(tree)] == ["agent.Critic{1}.Model_.Net", "agent.Actor.adModelExternal"]


def test_a_state_space_model_that_normalises_around_its_network_says_so():
    for scale, said in ((np.zeros((0, 0)), False), (column(1, 2), True)):
        owner = MatlabObject(
            "idNeuralStateSpace", {"StateTransitionFcn_": {"Network": series(features(2))}, "prvFcnInputScale": scale}
        )
        net = network(owner)
        assert net.origin.network == "net.StateTransitionFcn_.Network"
        assert any("normalises around this network (prvFcnInputScale)" in text for text in net.origin.doubts) == said


@pytest.mark.parametrize(("kind", "said"), [("none", False), ("zscore", True)])
def test_a_normalizer_beside_the_network_of_an_agent_is_a_doubt(kind, said):
    normalizer = MatlabObject(
        "rl.util.rlNormalizer", {"Normalization": kind, "Mean": number(2), "StandardDeviation": number(3)}
    )
    actor = MatlabObject(
        "rl.function.rlContinuousDeterministicActor",
        {"Normalizers_": cells(normalizer), "Model_": {"Net": series(features(2))}},
    )
    critic = MatlabObject("rl.function.rlQValueFunction", {"Model_": {"Net": series(features(2))}})
    tree = Tree("MAT v7", {"agent": MatlabObject("rl.agent.rlDDPGAgent", {"Actor": actor, "Critic": critic})})
    first, second = (read("file.mat", tree, c).origin.doubts for c in candidates(tree))
    assert first == (
        (
            "agent.Actor.Normalizers_{1}: MATLAB normalises an input with this before the network; that is not applied: do it to x",
        )
        if said
        else ()
    )
    assert second == ()


def test_a_network_inside_a_regression_model_is_not_taken_alone():
    owner = MatlabObject("RegressionNeuralNetwork", {"Network": series(features(2)), "Mu": column(1, 2)})
    (found,) = candidates(Tree("MAT v7", {"mdl": owner}))
    assert found.path == "mdl"
    assert network(MatlabObject("my.dlnetworkHolder", {"inner": series(features(2))})).origin.network == "net.inner"


def test_layers_alone_count_only_where_nothing_is_trained():
    layers = cells(features(2), dense(np.zeros((0, 0)), np.zeros((0, 0))), column=True)
    assert network(series(features(2), layer("TanhLayer")), layers=layers).origin.network == "net"
    message = refusal(layers)
    assert message.startswith("file.mat: net: layers without weights ('fc' has none): it was never trained; train it")
    held = MatlabObject("nnet.cnn.LayerGraph", {"Layers": layers, "Connections": table([("input", "fc")])})
    assert "never trained" in refusal(held)


def test_layers_inside_an_object_that_is_not_known_come_with_a_doubt():
    net = graph([features(2), layer("TanhLayer")])
    assert network(net.fields["LayerGraph"]).origin.doubts == ()
    (said,) = network(MatlabObject("deep.prune.TaylorPrunableNetwork", net.fields)).origin.doubts
    assert said == "net is a deep.prune.TaylorPrunableNetwork: what it does to its layers, or to x and y, is not known"


def test_layers_alone_with_their_weights_are_read():
    check(network(cells(features(4), dense(W34, [1, 2, 3]), column=True)), lambda x: W34 @ x + [1, 2, 3])


# refusals

REFUSED = [
    (
        MatlabObject("dlnetwork", graph([features(2)]).fields | {"Learnables": number(1)}),
        "net.Learnables: weights apart from the layers",
    ),
    (
        MatlabObject("dlnetwork", graph([features(2)]).fields | {"SerializedQuantizationInfo": quantization("fc")}),
        "net.SerializedQuantizationInfo: quantized networks are not supported",
    ),
    (
        series(features(2), layer("LSTMLayer", "lstm")),
        "net.Layers(2): layer 'lstm' of the class nnet.cnn.layer.LSTMLayer is not supported; supported are",
    ),
    (
        series(image(4, 4, 1), layer("Convolution2DLayer", "c")),
        "layer 'c' of the class nnet.cnn.layer.Convolution2DLayer is not supported",
    ),
    (series(features(2), layer("my.TanhLayer", "t")), "layer 't' of the class my.TanhLayer is not supported"),
    (
        graph([features(2), dense(np.zeros((0, 0)), [])]),
        "net.LayerGraph.Layers(2): FullyConnectedLayer 'fc': Weights are empty: it was never trained",
    ),
    (
        series(features(2), dense(np.ones((3, 3)), np.zeros(3))),
        "Weights of 3x3 and a Bias of 3 don't take the 2 inputs",
    ),
    (
        series(features(3), dense(np.ones((3, 4)), np.zeros(4))),
        "Weights of 3x4 and a Bias of 4 don't take the 3 inputs",
    ),
    (
        series(features(2), layer("FullyConnectedLayer", "fc", Weights="x", Bias=number(1))),
        "no Weights that are understood: a str",
    ),
    (series(layer("TanhLayer", "t")), "reads nothing: no input layer"),
    (series(features(2), classname="DAGNetwork"), ".Connections: missing, and a DAGNetwork is no chain"),
    (series(features(np.inf)), "InputSize inf is more than"),
    (
        series(features(2), with_fields(dense(np.eye(2), [0, 0]), OperationDimension=number(1))),
        "OperationDimension is a number",
    ),
    (
        series(features(2), with_fields(dense(np.eye(2), [0, 0]), OperationDimension="channel")),
        "OperationDimension is 'channel'",
    ),
    (series(features(0)), "InputSize is not a number of features"),
    (series(features(2, SplitComplexInputs=number(1))), "complex inputs"),
    (series(image(2, 2, 3), layer("SoftmaxLayer", "s")), "softmax at each pixel of a 2x2x3 image"),
    (
        series(features(2), layer("GELULayer", "g", Approximation="erf")),
        "Approximation 'erf' is not supported; supported are none, tanh",
    ),
    (series(features(2), layer("ClippedReLULayer", "c")), "Ceiling is not one number"),
    (
        series(features(3), layer("GroupNormalizationLayer", NumGroups=number(2), **stats(3))),
        "NumGroups 2 doesn't divide 3 channels",
    ),
    (series(features(3), layer("BatchNormalizationLayer", TrainedMean=np.zeros((0, 0)))), "TrainedMean are empty"),
    (
        series(layer("SequenceInputLayer", "s", InputSize=number(4)), layer("LayerNormalizationLayer", **stats(4))),
        "may go over the time steps",
    ),
    (
        series(image(2, 2, 4), layer("LayerNormalizationLayer", OperationDimension="channel-only", **stats(4))),
        "'channel-only' of a 2x2x4 input",
    ),
    (series(), "Layers: no layers are stored as they are known"),
    (
        MatlabObject("dlnetwork", {"LayerGraph": MatlabObject("x", {"Layers": cells(Undecoded("L", "why"))})}),
        "Layers(1): not a layer but a Undecoded: why",
    ),
    (graph([features(2), layer("TanhLayer", "t")], [("input", "u")]), ".LayerGraph.Connections: there is no layer 'u'"),
    (graph([features(2), layer("TanhLayer", "t")], [("input/second", "t")]), "output 'second' is not supported"),
    (
        graph([features(2), layer("AdditionLayer", "s", NumInputs=number(2))], [("input", "s/in1")]),
        "its inputs are in1, in2; connected are in1",
    ),
    (
        graph([features(2), layer("TanhLayer", "a"), layer("TanhLayer", "b")], [("a", "b"), ("b", "a")]),
        "is part of a circle",
    ),
    (
        graph(
            [features(2), features(3, "j"), layer("AdditionLayer", "s", NumInputs=number(2))],
            [("input", "s/in1"), ("j", "s/in2")],
        ),
        "AdditionLayer 's': inputs of 2, 3 units",
    ),
    (
        graph(
            [
                image(2, 2, 1),
                image(2, 2, 1, name="j"),
                layer("ConcatenationLayer", "c", Dim=number(1), NumInputs=number(2)),
            ],
            [("image", "c/in1"), ("j", "c/in2")],
        ),
        "dimension 1 of 2x2x1, 2x2x1 units is not supported",
    ),
]


@pytest.mark.parametrize(("element", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_refused_by_name(element, message):
    text = refusal(element)
    assert text.startswith("file.mat: net")
    assert message in text


def test_two_connections_into_one_input():
    pairs = [("input", "t"), ("u", "t")]
    assert "two connections into its input 'in'" in refusal(
        graph([features(2), layer("TanhLayer", "u"), layer("TanhLayer", "t")], pairs)
    )


# functions

FUNCTIONS = [
    ("sf%0@(x).001*x", {}, lambda x: 0.001 * x),
    ("sf%12@(x)x(:)", {}, lambda x: x),
    ("@(z)z*2e-1-z/4+1", {}, lambda x: 0.2 * x - x / 4 + 1),
    ("sf%0@(x)k*x+c", {"k": number(3), "c": column(1, 2, 3)}, lambda x: 3 * x + [1, 2, 3]),
    ("sf%0@(x)A*x", {"A": W34[:, :3]}, lambda x: W34[:, :3] @ x),
    ("sf%0@(x)zeros(m,n)*x(:)", {"m": number(2), "n": number(3)}, lambda x: 0 * x[:2]),
    ("@(x) -x.^2.*x + (1 - tanh(x))./2", {}, lambda x: -(x**3) + (1 - np.tanh(x)) / 2),
    ("@(x)sin(pi*x).*cos(x)", {}, lambda x: np.sin(np.pi * x) * np.cos(x)),
    ("@(x)2.*x.^3", {}, lambda x: 2 * x**3),
    ("@(x)-2^2*x", {}, lambda x: -4 * x),
    ("@(x)max(0,x)-max(x,0)+softmax(x)", {}, lambda x: np.exp(x) / np.exp(x).sum()),
    ("@(x)1./(2+exp(-single(x)))", {}, lambda x: 1 / (2 + np.exp(-x))),
    ("@(x)abs(x)", {}, lambda x: np.where(x.real > 0, x, -x)),
    ("@(x)sigmoid(x)+relu(x)+leakyrelu(x)", {}, lambda x: 1 / (1 + np.exp(-x)) + np.where(x.real > 0, 2 * x, 0.01 * x)),
    ("@(x)(1-2)^2*x.^1", {}, lambda x: x),
    ("@(x)2^3^2*x.^2.^2", {}, lambda x: 64 * x**4),
    ("@(x)2^-1^2*x- -x", {}, lambda x: 1.25 * x),
    ("tanh", {}, np.tanh),
]
OUTSIDE = [
    ("sf%0@(x)x'", "not understood"),
    ("sf%0@(x)x(1)", "':' is missing"),
    ("sf%0@(x)[x;x]", "'[' is not understood"),
    ("sf%0@(x)x.^0.5", ".^ 0.5; supported are .^ 1 to 4"),
    ("sf%0@(x)x^2", "^ 2; supported"),
    ("sf%0@(x)x*x", "a matrix product of two inputs"),
    ("sf%0@(x)b*x", "'b' is neither an argument nor a captured number"),
    ("sf%0@(x)system(1)", "system with 1 arguments is not supported"),
    ("sf%0@(x)sum(x)", "sum with 1 arguments is not supported"),
    ("sf%0@(x)exp(1)*x", "exp of a constant"),
    ("sf%0@(x,y)x+y", "it takes 2 inputs, the layer has 1"),
    ("sf%0@(x)1+2", "does not depend on its inputs"),
    ("sf%0@(x)x+", "its end is not understood"),
    ("sf%0@(x)x%+1", "'%' is not understood"),
    ("sf%0@(x)x...+1", "'.' is not understood"),
    ("sf%0@(x)x==1", "'==' is not understood"),
    ("sf%0@(x)~x", "'~' is not understood"),
    ("sf%0@(x)x{1}", "'{' is not understood"),
    ("sf%0@(x)x.y", "'.' is not understood"),
    ("sf%0@(x)relu(@tanh)", "'@' is not understood"),
    ("sf%0@(x)1:3", "':' is not understood"),
    ("sf%0@(x)(x+1)(:)", "'(' is not understood"),
    ("sf%0@(x)[1;2;3]+x", "'[' is not understood"),
    ("sf%0@(x)relu(end)", "'end' is not understood"),
    ("sf%0@(x)(x", "')' is missing"),
    ("sf%0@(x)x)", "')' is not understood"),
    ("sf%0@(x)" + "(" * 200 + "x" + ")" * 200, "more than 40 brackets"),
    ("sf%0@(x)x.^" + "2^" * 200 + "1", "more than 200 powers"),
    ("sf%0@(x)" + "x+" * 1000 + "x", "too long"),
    ("sf%0@(x)zeros(1e6,1e6)*x", "zeros of"),
    ("sf%0@(x)ones(1,2)+x", "1x2 constants with 3 units"),
    ("sf%0@(x)x*ones(3,3)", "a matrix product of 3x3 constants and 3 units"),
    ("sf%0@(x)max(x,1)", "max of anything but an input and 0"),
    ("sf%0@()1", "a name is missing before ')'"),
    ("sf%0(x)x", "not understood"),
    ("myfun", "myfun with 1 arguments is not supported"),
    ("sf%0@(x)x;delete(gcf)", "';' is not understood"),
]


@pytest.mark.parametrize(("text", "captured", "formula"), FUNCTIONS, ids=[f[0] for f in FUNCTIONS])
def test_function_layers(text, captured, formula):
    check(network(series(features(3), function(text, captured))), formula)


@pytest.mark.parametrize(("text", "message"), OUTSIDE, ids=[f[0][:30] for f in OUTSIDE])
def test_functions_outside_the_grammar(text, message):
    found = refusal(series(features(3), function(text)))
    assert message in found
    assert re.match(r"file\.mat: net\.Layers\(2\): FunctionLayer 'f': ", found)


def test_layers_that_are_the_same_object_many_times_stay_within_bounds():
    big = function("sf%0@(x)zeros(1000,1000)*x(:)")
    chain = [features(1000), *[big] * 2000]
    assert "the network needs more than" in refusal(series(*chain))
    join = [layer("ConcatenationLayer", f"c{k}", Dim=number(1), NumInputs=number(2)) for k in range(60)]
    names = ["input", *(j.fields["Name"] for j in join)]
    pairs = [(a, f"{b}/in{k}") for a, b in pairwise(names) for k in (1, 2)]
    assert "units in a layer" in refusal(graph([features(2), *join], pairs))


@pytest.mark.parametrize("count", [np.inf, -1, 1.5, np.nan, 1e9])
def test_counts_that_count_nothing(count):
    for name, kind in (
        ("NumInputs", "AdditionLayer"),
        ("Dim", "ConcatenationLayer"),
        ("NumGroups", "GroupNormalizationLayer"),
    ):
        element = layer(kind, "odd", **(stats(4) | {"NumInputs": number(2), name: number(count)}))
        joined = graph([features(4), element], [("input", "odd/in1"), ("input", "odd/in2")])
        assert f"{name} is" in refusal(joined if name != "NumGroups" else series(features(4), element))


def test_numbers_that_are_infinite_make_no_warning():
    bn = layer("BatchNormalizationLayer", TrainedMean=column(np.inf), TrainedVariance=column(np.inf), **stats(1))
    odd = {
        "Type": "rescale",
        "Min": number(-np.inf),
        "Max": number(np.inf),
        "TargetMin": number(np.nan),
        "TargetMax": number(1),
    }
    assert np.isnan(network(series(features(1, Normalization=odd), bn))([1.0])).all()


def test_an_empty_store_of_quantization_settings_is_no_quantization():
    r = np.random.default_rng(1)
    plain = graph([features(2), dense(r.normal(size=(1, 2)), [0.5])])
    stored = MatlabObject("dlnetwork", plain.fields | {"SerializedQuantizationInfo": quantization()})
    x = r.normal(size=(3, 2))
    trees = [Tree("MAT v7", {"net": net}) for net in (MatlabObject("dlnetwork", plain.fields), stored)]
    a, b = (read("f.mat", tree, candidates(tree)[0])(x) for tree in trees)
    assert np.array_equal(a, b)


def one_feature_each(*names):
    joined = layer("ConcatenationLayer", "join", Dim=number(1), NumInputs=number(len(names)))
    inputs = [features(1, name) for name in names]
    pairs = [*((name, f"join/in{k}") for k, name in enumerate(names, 1)), ("join", "fc")]
    return graph([*inputs, joined, dense(R.normal(size=(1, len(names))), [0.5])], pairs)


def test_inputs_of_one_feature_are_called_what_they_are_called():
    for names, expected in (
        (("speed", "throttle", "load"), ("speed", "throttle", "load")),
        (("featureinput", "featureinput_1", "featureinput_2"), ("x1", "x2", "x3")),
        (("input", "throttle", "load"), ("x1", "x2", "x3")),
    ):
        net = network(one_feature_each(*names))
        assert net.input_names == expected
        assert tuple(p.name for p in net.inputs) == names


def test_all_layers_that_are_not_supported_are_named_at_once():
    lstm = layer(
        "LSTMLayer", "lstm", InputWeights=learnable(np.ones((12, 2))), RecurrentWeights=learnable(np.ones((12, 3)))
    )
    with pytest.raises(ModelError) as error:
        network(
            series(
                features(2), lstm, layer("my.Layer", "own"), layer("Convolution2DLayer", "c"), layer("TanhLayer", "t")
            )
        )
    nor = "is not supported, nor are own (Layer), c (Convolution2DLayer); supported are"
    assert f".Layers(2): layer 'lstm' of the class nnet.cnn.layer.LSTMLayer {nor}" in str(error.value)
    assert len(str(error.value)) < 310
    assert error.value.described.layers == (
        "input: FeatureInput, input 2",
        "lstm: LSTM, InputWeights 12x2, RecurrentWeights 12x3, from input: not supported",
        "own: Layer, from lstm: not supported",
        "c: Convolution2D, from own: not supported",
        "t: Tanh, from c",
    )
