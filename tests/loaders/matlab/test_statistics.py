"""fitrnet and fitcnet models: y and J against the documented formula by complex steps; names, ranges, refusals."""

import numpy as np
import pytest

from nngrad.errors import ModelError
from nngrad.loaders import candidates, read
from nngrad.loaders.matlab.statistics import ACTIVATIONS, CLASSES
from nngrad.loaders.tree import FunctionHandle, MatlabObject, Tree

R = np.random.default_rng(12)
W1, b1, W2, b2, W3, b3 = (R.normal(size=s) for s in ((5, 3), (5, 1), (4, 5), (4, 1), (2, 4), (2, 1)))
MU, SIGMA, X = R.normal(size=(1, 3)), R.uniform(0.5, 2, (1, 3)), R.normal(size=(50, 3))
EMPTY = np.zeros((0, 0))
HIDDEN = {
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "none": lambda z: z,
}


def cells(*values):
    c = np.empty((1, len(values)), object)
    c[0, :] = values
    return c


def model(classname="RegressionNeuralNetwork", impl=None, **fields):
    held = {"LayerWeights": cells(W1, W2, W3), "LayerBiases": cells(b1, b2, b3)} if impl is None else impl
    base = {
        "NeuralNetworkImpl": MatlabObject("classreg.learning.impl.NeuralNetworkImpl", held),
        "Activations": "relu",
        "OutputLayerActivation": "softmax" if "Classification" in classname else "none",
        "Mu": EMPTY,
        "Sigma": EMPTY,
        "PrivResponseTransform": FunctionHandle("classreg.learning.transform.identity"),
        "DataSummary": {"PredictorNames": cells("a", "b", "c"), "CategoricalPredictors": EMPTY, "ResponseName": "Y"},
    }
    return MatlabObject(classname, base | fields)


def network(element):
    (found,) = candidates(Tree("MAT v7", {"mdl": element}))
    return read("file.mat", Tree("MAT v7", {"mdl": element}), found)


def predicted(x, activations, softmax=False, standard=False):
    z = (x - MU[0]) / SIGMA[0] if standard else x
    for W, b, f in zip((W1, W2), (b1, b2), activations, strict=True):
        z = HIDDEN[f](W @ z + b[:, 0])
    z = W3 @ z + b3[:, 0]
    return np.exp(z) / np.exp(z).sum() if softmax else z


def check(net, formula):
    x = R.normal(size=(4, 3)) * 1.3
    y, J = net.value_and_jacobian(x)
    for s in range(4):
        np.testing.assert_allclose(y[s], formula(x[s]).real, rtol=1e-13, atol=1e-14)
        for i in range(3):
            np.testing.assert_allclose(
                J[s, :, i], formula(x[s] + 1e-30j * np.eye(3)[i]).imag / 1e-30, rtol=1e-11, atol=1e-14
            )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("classname", CLASSES)
def test_one_activation_for_all_layers(classname, activation):
    net = network(model(classname, Activations=activation, Mu=MU, Sigma=SIGMA))
    check(net, lambda x: predicted(x, [activation] * 2, "Classification" in classname, True))
    assert net.input_names == ("a", "b", "c")


def test_an_activation_for_each_layer_and_no_standardisation():
    check(network(model(Activations=cells("tanh", "sigmoid"))), lambda x: predicted(x, ["tanh", "sigmoid"]))


def test_a_compact_model_in_its_package():
    check(
        network(model("classreg.learning.regr.CompactRegressionNeuralNetwork")),
        lambda x: predicted(x, ["relu", "relu"]),
    )


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        (cells("no", "yes"), ("no", "yes")),
        (np.array([[1.0], [2.5]]), ("1", "2.5")),
        (
            MatlabObject("categorical", {"categoryNames": cells("p", "q"), "codes": np.array([[2.0], [1.0]])}),
            ("q", "p"),
        ),
        (MatlabObject("classreg.learning.internal.ClassLabel", {"L": cells("u", "v")}), ("u", "v")),
        (None, ("y1", "y2")),
    ],
)
def test_scores_are_named_by_their_classes(classes, names):
    net = network(model("ClassificationNeuralNetwork", ClassSummary={"ClassNames": classes}))
    assert net.output_names == names
    assert any("the names of the classes are not understood" in text for text in net.origin.doubts) == (classes is None)


def test_range_of_the_training_data():
    net = network(model(PrivX=X))
    np.testing.assert_array_equal(net.inputs[0].lower, X.min(axis=0))
    np.testing.assert_array_equal(net.inputs[0].upper, X.max(axis=0))
    assert network(model(PrivX=X, Mu=MU + 100, Sigma=SIGMA)).inputs[0].lower is None  # X was stored standardised


def test_names_by_number_where_there_are_none():
    net = network(model(DataSummary={"PredictorNames": np.array([[3.0]])}))
    assert net.input_names == ("x1", "x2", "x3")
    assert net.output_names == ("y1", "y2")


REFUSED = [
    (model(Mu=MU, Sigma=np.array([[1.0, 0.0, 1.0]])), ".Sigma: 0 for predictor 2"),
    (model(Mu=MU[:, :2], Sigma=SIGMA), ".Mu, .Sigma: 1x2 and 1x3 values where 3 predictors"),
    (model(StandardizeData=np.ones((1, 1))), ".StandardizeData is 1, but neither .Mu nor .Sigma is stored"),
    (model(OutputLayerActivation=np.eye(2)), ".OutputLayerActivation: ndarray is not supported"),
    (
        model(
            impl={
                "LayerWeights": cells(W1, W2, W3),
                "LayerBiases": cells(b1, b2, b3),
                "OutputTransformation": FunctionHandle("exp"),
            }
        ),
        ".NeuralNetworkImpl.OutputTransformation: 'exp' is not supported",
    ),
    (model(Mu=MU), ".Mu, .Sigma: 1x3 and 0x0 values"),
    (model(Activations="gelu"), ".Activations: 'gelu' is not supported; supported are relu, tanh"),
    (model(Activations=cells("tanh", "tanh", "tanh")), ".Activations: 3 activations for 2 layers"),
    (model(Activations=EMPTY), ".Activations: not understood"),
    (model(OutputLayerActivation="sigmoid"), ".OutputLayerActivation: 'sigmoid' is not supported"),
    (
        model("ClassificationNeuralNetwork", OutputLayerActivation=None),
        ".OutputLayerActivation: NoneType is not supported",
    ),
    (
        model(PrivResponseTransform=FunctionHandle("@(y)exp(y)")),
        ".PrivResponseTransform: '@(y)exp(y)' is not supported",
    ),
    (
        model(ModelParams=MatlabObject("NeuralNetworkParams", {"StandardizeResponses": np.ones((1, 1))})),
        ".StandardizeResponses: standardised responses are not supported",
    ),
    (model(ResponseMu=np.ones((1, 2))), ".ResponseMu: standardised responses are not supported"),
    (model(ScoreTransform="logit"), ".ScoreTransform: 'logit' is not supported"),
    (
        model(DataSummary={"CategoricalPredictors": np.array([[2.0]])}),
        ".DataSummary.CategoricalPredictors: categorical",
    ),
    (model(CategoricalPredictors="all"), ".CategoricalPredictors: categorical predictors are not supported"),
    (model(impl={"Network": 1}), ".NeuralNetworkImpl.LayerWeights: no layers with weights"),
    (
        model(impl={"LayerWeights": cells(W1, W3), "LayerBiases": cells(b1, b3)}),
        "LayerWeights{2}: 2x4 weights behind 5 units",
    ),
    (
        model(impl={"LayerWeights": cells(W1, W2), "LayerBiases": cells(b1, b3)}),
        "LayerWeights{2}: 4x5 weights with 2x1 biases",
    ),
]


@pytest.mark.parametrize(("element", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_refused_by_name(element, message):
    with pytest.raises(ModelError) as error:
        network(element)
    assert str(error.value).startswith("file.mat: mdl.")
    assert message in str(error.value)
