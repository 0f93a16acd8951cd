"""Networks of MATLAB's Statistics and Machine Learning Toolbox: fitrnet, fitcnet, and their compact forms.

y is what predict() returns, the response or the scores of the classes; whatever would change that and isn't
understood (categorical predictors, transformations) is refused. Rows of X are observations there as here.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise, Layer, Scale, Softmax
from nngrad.core.network import Network
from nngrad.core.ports import Origin, Port, numbered
from nngrad.errors import ModelError
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.matlab.fields import UNTRAINED, Fields, by, categories, cells, inside, members, names, numbers
from nngrad.loaders.tree import FunctionHandle, MatlabObject, Tree, shown
from nngrad.loaders.tree import find as find_in

NAME = "MATLAB fitrnet or fitcnet model"
CLASSES = tuple(f"{size}{kind}NeuralNetwork" for size in ("", "Compact") for kind in ("Regression", "Classification"))
ACTIVATIONS = {"relu": "relu", "tanh": "tansig", "sigmoid": "logsig", "none": "purelin"}
OUTPUT_ACTIVATIONS = ("none", "softmax")
TRANSFORMS = ("PrivResponseTransform", "ResponseTransform", "PrivScoreTransform", "ScoreTransform")
IDENTITY = ("none", "identity")
RESPONSE_SCALE = re.compile(
    r"(?i)standardi[sz]e\w*response|(response|^y)_?(mu|mean|sigma|std|scale)s?$"
)  # of releases never seen
MOST_LAYERS = 10_000


def find(tree: Tree) -> list[tuple[str, MatlabObject]]:
    return find_in(tree, lambda e: isinstance(e, MatlabObject) and _kind(e) in CLASSES)


def read(candidate: MatlabObject, hints: Hints = NO_HINTS) -> Network:
    """The network of a model; ModelError, with the property's path, where anything in it is not understood."""
    with np.errstate(all="ignore"):  # what is stored may be infinite or no number
        return _network(candidate, candidate.fields)


def _network(candidate: MatlabObject, fields: Fields) -> Network:
    _check(fields, _kind(candidate))
    weights = _weights(fields)
    inputs = weights[0].W.shape[1]
    layers: list[Layer] = _standardized(fields, inputs)
    standardized = bool(layers)
    hidden = _hidden(fields, len(weights) - 1)
    for affine, activation in zip(weights, [*hidden, "none"], strict=True):
        layers += [affine] if activation == "none" else [affine, Elementwise(BY_NAME[ACTIVATIONS[activation]])]
    output = _output_activation(fields, _kind(candidate))
    layers += [Softmax()] if output == "softmax" else []
    outputs, notes, doubts = _outputs(fields, _kind(candidate), len(weights[-1].b))
    origin = Origin(
        classname=candidate.classname,
        notes=notes,
        doubts=doubts,
        processing=("X: " + ("standardized with Mu and Sigma" if standardized else "none"),),
        layers=tuple(
            f"layer {k}: {len(a.b)} units, {f}"
            for k, (a, f) in enumerate(zip(weights, [*hidden, output], strict=True), 1)
        ),
    )
    return Network.chain(layers, inputs, inputs=(_inputs(fields, inputs),), outputs=(outputs,), origin=origin)


def _kind(e: MatlabObject) -> str:
    return e.classname.rsplit(".", 1)[-1]


# what is refused


def _function_name(stored: Any) -> Any:
    """The name of a function that is stored as text or as a handle; anything else as it is."""
    return stored.text if isinstance(stored, FunctionHandle) else stored


def _is_identity(name: Any) -> bool:
    return isinstance(name, str) and name.rsplit(".", 1)[-1] in IDENTITY


def _check(fields: Fields, kind: str) -> None:
    for path in (("DataSummary", "CategoricalPredictors"), ("CategoricalPredictors",)):
        value = inside(fields, *path)
        if value is not None and not (isinstance(value, np.ndarray) and not value.size):
            raise ModelError(
                f".{'.'.join(path)}: categorical predictors are not supported; train on numeric predictors, e.g. dummy variables, "
                "and save again"
            )
    for name in TRANSFORMS:
        found = _function_name(fields.get(name))
        if found is not None and not _is_identity(found):
            raise ModelError(
                f".{name}: {shown(found)} is not supported; supported is none: set {name.removeprefix('Priv')} to 'none' and save again"
            )
    found = _function_name(inside(fields, "NeuralNetworkImpl", "OutputTransformation"))
    if "Regression" in kind and found is not None and np.size(found) and not _is_identity(found):
        raise ModelError(
            f".NeuralNetworkImpl.OutputTransformation: {shown(found)} is not supported; supported is none: train without it"
        )
    for name, value in (
        *fields.items(),
        *members(fields.get("ModelParams")).items(),
        *members(fields.get("NeuralNetworkImpl")).items(),
    ):
        if RESPONSE_SCALE.search(name) and (stored := numbers(value)) is not None and stored.any():
            raise ModelError(
                f".{name}: standardised responses are not supported; train without StandardizeResponses, on responses that you standardise "
                "yourself, and save again"
            )


# its layers


def _weights(fields: Fields) -> list[Affine]:
    path = ".NeuralNetworkImpl"
    stored = [cells(inside(fields, "NeuralNetworkImpl", name), MOST_LAYERS) for name in ("LayerWeights", "LayerBiases")]
    if not stored[0]:  # compact models may have them at their own level
        stored, path = [cells(fields.get(name), MOST_LAYERS) for name in ("LayerWeights", "LayerBiases")], ""
    if not stored[0] or len(stored[0]) != len(stored[1]):
        raise ModelError(
            ".NeuralNetworkImpl.LayerWeights: no layers with weights and biases; supported are models made with LayerSizes "
            "(models made of a dlnetwork: save that network itself)"
        )
    layers: list[Affine] = []
    for k, (weights, bias) in enumerate(zip(*stored, strict=True), 1):
        W, b = numbers(weights), numbers(bias)
        if W is None or b is None or W.ndim != 2 or not W.size or b.size != len(W):
            raise ModelError(f"{path}.LayerWeights{{{k}}}: {_shape(W)} weights with {_shape(b)} biases; {UNTRAINED}")
        if layers and W.shape[1] != len(layers[-1].b):
            raise ModelError(
                f"{path}.LayerWeights{{{k}}}: {_shape(W)} weights behind {len(layers[-1].b)} units; the model is damaged"
            )
        layers.append(Affine(np.ascontiguousarray(W), b.ravel()))
    return layers


def _shape(value: np.ndarray | None) -> str:
    return "no" if value is None else by(value.shape)


def _standardized(fields: Fields, inputs: int) -> list[Layer]:
    mu, sigma = numbers(fields.get("Mu")), numbers(fields.get("Sigma"))
    if (mu is None or not mu.size) and (sigma is None or not sigma.size):
        asked = numbers(fields.get("StandardizeData"))
        if asked is not None and asked.any():
            raise ModelError(
                ".StandardizeData is 1, but neither .Mu nor .Sigma is stored: the model is damaged; save it again"
            )
        return []
    if mu is None or sigma is None or mu.size != inputs or sigma.size != inputs:
        raise ModelError(
            f".Mu, .Sigma: {_shape(mu)} and {_shape(sigma)} values where {inputs} predictors need one each"
        )
    zero = np.flatnonzero(sigma.ravel() == 0)
    if zero.size:
        raise ModelError(
            f".Sigma: 0 for predictor {zero[0] + 1}; what MATLAB does then is not documented: remove the constant predictor and train again"
        )
    return [Scale(1.0 / sigma.ravel(), mu.ravel(), np.zeros(inputs))]


def _hidden(fields: Fields, count: int) -> list[str]:
    """The activation of each layer but the last."""
    stored = fields.get("Activations", inside(fields, "NeuralNetworkImpl", "Activations"))
    listed = names(stored)
    if listed is None or (isinstance(stored, str) and not stored):
        raise ModelError(f".Activations: not understood; supported are {', '.join(ACTIVATIONS)}")
    listed = listed * count if len(listed) == 1 else listed
    if len(listed) != count:
        raise ModelError(f".Activations: {len(listed)} activations for {count} layers")
    unknown = next((name for name in listed if name not in ACTIVATIONS), None)
    if unknown is not None:
        raise ModelError(f".Activations: {unknown!r} is not supported; supported are {', '.join(ACTIVATIONS)}")
    return listed


def _output_activation(fields: Fields, kind: str) -> str:
    stored = fields.get("OutputLayerActivation", "none" if "Regression" in kind else None)
    if not (isinstance(stored, str) and stored in OUTPUT_ACTIVATIONS):
        raise ModelError(
            f".OutputLayerActivation: {shown(stored)} is not supported; supported are {', '.join(OUTPUT_ACTIVATIONS)}"
        )
    return stored


# names and ranges


def _inputs(fields: Fields, count: int) -> Port:
    known = [
        inside(fields, *p)
        for p in (("ExpandedPredictorNames",), ("PredictorNames",), ("DataSummary", "PredictorNames"))
    ]
    columns = next(
        (tuple(c) for v in known if (c := names(v)) and len(c) == count == len(set(c))), numbered("x", count)
    )
    return Port("X", columns, *_ranges(fields, count))


def _ranges(fields: Fields, count: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The smallest and largest training inputs, where the model holds its training data, in raw units."""
    X = next((v for name in ("PrivX", "X") if (v := numbers(fields.get(name))) is not None and v.size), None)
    if X is None or X.ndim != 2 or X.shape[1] != count or np.isnan(X).all(axis=0).any():
        return None, None
    mu, sigma = numbers(fields.get("Mu")), numbers(fields.get("Sigma"))
    if (
        mu is not None
        and sigma is not None
        and mu.size == count
        and np.any(np.abs(np.nanmean(X, axis=0) - mu.ravel()) > 0.5 * sigma.ravel())
    ):
        return None, None  # stored already standardized
    return np.nanmin(X, axis=0), np.nanmax(X, axis=0)


def _outputs(fields: Fields, kind: str, count: int) -> tuple[Port, tuple[str, ...], tuple[str, ...]]:
    """The names of the outputs; notes, and doubts about them."""
    if "Classification" in kind:
        classes = _classes(fields)
        if classes is None or len(classes) != count or len(set(classes)) != count:
            doubt = "the names of the classes are not understood: y1 is the score of ClassNames(1)"
            return Port("scores", numbered("y", count)), (), (doubt,)
        return (
            Port("scores", tuple(classes)),
            ("outputs are the scores of the classes, in the order of ClassNames",),
            (),
        )
    stored = names(inside(fields, "DataSummary", "ResponseName")) or names(fields.get("ResponseName")) or []
    columns = tuple(stored) if len(stored) == count == len(set(stored)) and all(stored) else numbered("y", count)
    return Port("response", columns), (), ()


def _classes(fields: Fields) -> list[str] | None:
    for path in (("ClassNames",), ("ClassSummary", "ClassNames"), ("ClassSummary", "NonzeroProbClasses")):
        value = inside(fields, *path)
        for part in (value, *(value.fields.values() if isinstance(value, MatlabObject) else ())):
            if found := categories(part):
                return found
    return None
