"""Writes small networks as objects of MATLAB's newer classes: Deep Learning, Reinforcement Learning and Statistics toolboxes.

    python sample_models/make_matlab_objects.py [FOLDER]

MATLAB keeps such objects in a store of their own inside the file ("FileWrapper__"); nothing public writes it, so the first part of
this script does, with the bytes of tests/matlab_bytes.py. The second part makes the networks. The weights are our own: random
hidden layers, output layers fitted by least squares to a formula. Every network comes with the same network as a plain function.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.matlab_bytes import MARK, Bytes, store, tables

HEADER = "MATLAB 5.0 MAT-file, Platform: nngrad, Created on: Thu Feb 29 12:00:00 2024"
BYTES = Bytes()

# what can be written


@dataclass(eq=False)
class Object:
    """An instance of a class; `saved`: its class has a saveobj, whose struct is kept as the one property `any`."""

    classname: str
    fields: dict[str, Any]
    saved: bool = False


@dataclass(eq=False)
class Objects:
    """An object array: a column; `classname` is that of the array, each element has its own."""

    classname: str
    elements: list[Object]


@dataclass(eq=False)
class Handle:
    """A function handle, with the variables that it has captured."""

    text: str
    variables: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Reference:
    """What stands for an object inside the store."""

    words: list[int]
    classname: str = ""


# bytes


def encoded(value: Any, name: str = "", inside: bool = False) -> bytes:
    """An array of whatever kind; objects must be References by now: plain columns inside the store, opaque arrays outside."""
    if isinstance(value, Reference):
        column = BYTES.array(np.array(value.words, "u4")[:, None], name if inside else "")
        return column if inside else BYTES.opaque(value.classname, column, name)
    if isinstance(value, str):
        return BYTES.text(value, name) if value else BYTES.matrix(4, (0, 0), name, BYTES.element(1, b""))
    if isinstance(value, dict):
        return BYTES.struct({key: encoded(v, "", inside) for key, v in value.items()}, name)
    if isinstance(value, list):
        value = cells(*value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return BYTES.cell([encoded(v, "", inside) for v in value.ravel(order="F")], name, value.shape)
    a = np.asarray(value if isinstance(value, np.ndarray) else float(value))
    return BYTES.array(a.reshape((1, 1)) if a.ndim == 0 else a[:, None] if a.ndim == 1 else a, name)


def cells(*values: Any, column: bool = False) -> np.ndarray:
    c = np.empty(len(values), object)
    c[:] = values
    return c.reshape((-1, 1) if column else (1, -1))


# the store of objects


class Store:
    """Collects objects by number; `column` gives the cells of the file's store."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.classes: list[str] = []
        self.values: list[bytes] = []
        self.objects: list[tuple[int, bool, list[tuple[int, int, int]]]] = []
        self.numbers: dict[int, int] = {}
        self.kept: list[Object] = []  # ids stay unique while what they belong to is alive

    def name(self, text: str) -> int:
        if text and text not in self.names:
            self.names.append(text)
        return self.names.index(text) + 1 if text else 0

    def classnumber(self, name: str) -> int:
        if name not in self.classes:
            self.classes.append(name)
        return self.classes.index(name) + 1

    def put(self, value: Any) -> Any:
        """The value with references in place of objects, in containers too."""
        if isinstance(value, Objects):
            numbers = [self.number(e) for e in value.elements]
            return Reference([MARK, 2, len(numbers), 1, *numbers, self.classnumber(value.classname)], value.classname)
        if isinstance(value, Object):
            return Reference([MARK, 2, 1, 1, self.number(value), self.classnumber(value.classname)], value.classname)
        if isinstance(value, Handle):
            return self.handle(value)
        if isinstance(value, dict):
            return {key: self.put(v) for key, v in value.items()}
        if isinstance(value, list):
            return [self.put(v) for v in value]
        if isinstance(value, np.ndarray) and value.dtype == object:
            return cells(*(self.put(v) for v in value.ravel(order="F"))).reshape(value.shape, order="F")
        return value

    def handle(self, handle: Handle) -> Any:
        inner: dict[str, Any] = {"function": handle.text, "type": "simple", "file": ""}
        if "@" in handle.text:
            workspace = Object(
                "function_handle_workspace",
                {"any": cells(Reference([MARK, 2, 1, 1, 0, 0]), handle.variables, column=True)},
            )
            inner |= {"type": "anonymous", "workspace": self.put(workspace), "within_file_path": ""}
        whole = {"matlabroot": "/opt/matlab", "separator": "/", "sentinel": "@", "function_handle": inner}
        return cells(np.array([[MARK]], "u4"), whole, column=True)

    def number(self, made: Object) -> int:
        if id(made) not in self.numbers:
            self.kept.append(made)
            self.objects.append((0, False, []))
            number = self.numbers[id(made)] = len(self.objects)
            fields = {"any": made.fields} if made.saved else made.fields
            self.objects[number - 1] = (
                self.classnumber(made.classname),
                made.saved,
                [self.property(n, v) for n, v in fields.items()],
            )
        return self.numbers[id(made)]

    def property(self, name: str, value: Any) -> tuple[int, int, int]:
        content = encoded(self.put(value), inside=True)
        self.values.append(content)
        return self.name(name), 1, len(self.values) - 1

    def column(self) -> bytes:
        classes = [
            (self.name(space), self.name(short)) for space, _, short in (c.rpartition(".") for c in self.classes)
        ]
        return store(BYTES, tables(self.names, classes, self.objects), self.values, [BYTES.struct({})] * len(classes))


def mat_file(variables: dict[str, Any]) -> bytes:
    """A MAT v7 file, the same bytes at every run."""
    objects = Store()
    parts = [encoded(objects.put(value), name) for name, value in variables.items()]
    return HEADER.ljust(116).encode() + BYTES.file(*parts, store=objects.column(), compressed=True)[116:]


# layers


def layer(kind: str, name: str, **fields: Any) -> Object:
    """A layer as the toolbox saves it; those written in MATLAB keep their properties plainly, with more of them."""
    if kind in ("Tanh", "Sigmoid", "GELU", "Swish", "Function"):
        return Object(
            f"nnet.cnn.layer.{kind}Layer",
            {"Name": name, "Type": kind, "nnet.layer.Layer.PrivateInputs": ["in"], "Version": 1.0, **fields},
        )
    return Object(f"nnet.cnn.layer.{kind}Layer", {"Version": 2.0, "Name": name, **fields}, saved=True)


def learned(value: Any) -> dict[str, Any]:
    return {"Version": 2.0, "Value": np.asarray(value, "f4"), "LearnRateFactor": 1.0, "L2Factor": 1.0}


def dense(name: str, W: np.ndarray, b: np.ndarray) -> Object:
    return layer(
        "FullyConnected",
        name,
        InputSize=np.zeros((0, 0)),
        OutputSize=float(b.size),
        Weights=learned(W),
        Bias=learned(b),
    )


def features(name: str, size: int, normalization: Any = None) -> Object:
    normalization = np.zeros((0, 0)) if normalization is None else normalization
    return layer(
        "FeatureInput",
        name,
        InputSize=float(size),
        Normalization=normalization,
        NormalizationDimension="auto",
        SplitComplexInputs=0.0,
    )


def connections(pairs: list[tuple[str, str]]) -> Object:
    columns = [cells(*(p[k] for p in pairs), column=True) for k in (0, 1)]
    return Object(
        "table",
        {"data": cells(*columns), "ndims": 2.0, "nrows": float(len(pairs)), "varnames": ["Source", "Destination"]},
        saved=True,
    )


def graph(
    classname: str, layers: list[Object], pairs: list[tuple[str, str]] | None = None, outputs: list[str] | None = None
) -> Object:
    """A dlnetwork or DAGNetwork; without pairs one layer after the other."""
    names = [e.fields["Name"] for e in layers]
    held = {
        "Version": 1.0,
        "Layers": Objects("nnet.cnn.layer.Layer", layers),
        "Connections": connections(list(pairwise(names)) if pairs is None else pairs),
    }
    if classname == "DAGNetwork":
        return Object(classname, held, saved=True)
    fields = {
        "Version": 5.0,
        "LayerGraph": Object("nnet.cnn.LayerGraph", held, saved=True),
        "Initialized": 1.0,
        "OutputNames": outputs or [names[-1]],
    }
    return Object(classname, fields, saved=True)


def series(layers: list[Object]) -> Object:
    return Object("SeriesNetwork", {"Version": 1.0, "Layers": Objects("nnet.cnn.layer.Layer", layers)}, saved=True)


# the networks

Formula = Callable[[np.ndarray], np.ndarray]


@dataclass(eq=False)
class Sample:
    """A file: its variables, the box its inputs come from, and for each network its path and itself as a function of one row."""

    variables: dict[str, Any]
    lower: list[float]
    upper: list[float]
    header: str
    formulas: dict[str, Formula]


def single(a: np.ndarray) -> np.ndarray:
    """Rounded to single precision, as it will be stored."""
    return np.asarray(a, "f4").astype(float)


def fitted(r: np.random.Generator, a: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    W = np.linalg.lstsq(np.column_stack([a, np.ones(len(a))]), t, rcond=None)[0].T
    return single(W[:, :-1]), single(W[:, -1])


def tank(r: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Inflow (l/s), level (m), valve (0..1) -> level a minute later (m)."""
    x = np.column_stack([r.uniform(0, 20, 400), r.uniform(0.2, 3, 400), r.uniform(0, 1, 400)])
    return x, (x[:, 1] + 0.03 * (x[:, 0] - 9 * x[:, 2] * np.sqrt(x[:, 1]))).reshape(-1, 1)


def dlnetwork_skip(r: np.random.Generator) -> Sample:
    """z-score, a skip connection around a layer normalisation, GELU."""
    x, y = tank(r)
    mean, deviation = single(x.mean(axis=0)), single(x.std(axis=0))
    W1, b1 = single(r.normal(size=(8, 3))), single(r.normal(size=8))
    gain, offset = single(r.uniform(0.5, 1.5, 8)), single(r.normal(size=8) * 0.1)

    def hidden(v: np.ndarray) -> np.ndarray:
        a = np.tanh((v - mean) / deviation @ W1.T + b1)
        centered = a - a.mean(axis=-1, keepdims=True)
        n = gain * centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + 1e-5) + offset
        return a + n / (1 + np.exp(-n))

    W2, b2 = fitted(r, hidden(x), y)
    statistics = {
        "Version": 1.0,
        "Type": "zscore",
        "Mean": np.asarray(mean, "f4"),
        "StandardDeviation": np.asarray(deviation, "f4"),
    }
    layers = [
        features("tank", 3, statistics),
        dense("hidden", W1, b1),
        layer("Tanh", "tanh"),
        layer(
            "LayerNormalization",
            "norm",
            Epsilon=1e-5,
            OperationDimension="auto",
            Offset=learned(offset),
            Scale=learned(gain),
        ),
        layer("Swish", "swish"),
        layer("Addition", "sum", NumInputs=2.0),
        dense("level", W2, b2),
    ]
    pairs = [
        ("tank", "hidden"),
        ("hidden", "tanh"),
        ("tanh", "norm"),
        ("tanh", "sum/in1"),
        ("norm", "swish"),
        ("swish", "sum/in2"),
        ("sum", "level"),
    ]
    net = graph("dlnetwork", layers, pairs)
    return Sample(
        {"net": net, "epochs": 30.0},
        [0, 0.2, 0],
        [20, 3, 1],
        "inflow,level,valve",
        {"net": lambda v: hidden(v) @ W2.T + b2},
    )


def series_classifier(r: np.random.Generator) -> Sample:
    """Batch normalisation, softmax, named classes; inside a struct."""
    lower, upper = single(np.array([4.3, 2.0, 1.0, 0.1])), single(np.array([7.9, 4.4, 6.9, 2.5]))
    W1, b1, W2, b2 = (single(r.normal(size=s)) for s in ((6, 4), (6,), (3, 6), (3,)))
    mean, variance, gain, offset = (
        single(r.normal(size=6)),
        single(r.uniform(0.5, 2, 6)),
        single(r.uniform(0.5, 2, 6)),
        single(r.normal(size=6)),
    )
    rescale = {
        "Version": 1.0,
        "Type": "rescale-symmetric",
        "Min": np.asarray(lower, "f4"),
        "Max": np.asarray(upper, "f4"),
    }
    classes = Object(
        "categorical",
        {
            "categoryNames": cells("setosa", "versicolor", "virginica", column=True),
            "codes": np.array([[1], [2], [3]], "u1"),
        },
    )
    layers = [
        features("iris", 4, rescale),
        dense("hidden", W1, b1),
        layer(
            "BatchNormalization",
            "batch",
            Epsilon=1e-5,
            TrainedMean=mean,
            TrainedVariance=variance,
            Offset=learned(offset),
            Scale=learned(gain),
        ),
        layer("LeakyReLU", "relu", Scale=0.01),
        layer("Dropout", "dropout", Probability=0.5),
        dense("scores", W2, b2),
        layer("Softmax", "softmax"),
        layer("ClassificationOutput", "class", Classes=classes),
    ]

    def formula(v: np.ndarray) -> np.ndarray:
        a = (2 * (v - lower) / (upper - lower) - 1) @ W1.T + b1
        a = gain * (a - mean) / np.sqrt(variance + 1e-5) + offset
        e = np.exp(np.where(a.real > 0, a, 0.01 * a) @ W2.T + b2)
        return e / e.sum()

    header = "sepal_length,sepal_width,petal_length,petal_width"
    return Sample(
        {"trained": {"net": series(layers), "accuracy": 0.97}},
        list(lower),
        list(upper),
        header,
        {"trained.net": formula},
    )


def rl_agent(r: np.random.Generator) -> Sample:
    """An actor, and a critic with two inputs, inside an agent: two networks in one file."""
    A1, a1, A2, a2 = (single(r.normal(size=s)) for s in ((5, 2), (5,), (1, 5), (1,)))
    C1, c1, D1, d1, E1, e1 = (single(r.normal(size=s)) for s in ((6, 2), (6,), (6, 1), (6,), (1, 6), (1,)))
    scaling = Object(
        "rl.layer.ScalingLayer", {"Bias": 0.5, "Name": "scale", "Type": "ScalingLayer", "Version": 1.0, "Scale": 2.0}
    )
    actor = graph(
        "dlnetwork",
        [
            features("angle", 2),
            dense("a1", A1, a1),
            layer("Sigmoid", "s"),
            dense("a2", A2, a2),
            layer("Tanh", "t"),
            scaling,
        ],
    )
    critic = graph(
        "dlnetwork",
        [
            features("angle", 2),
            dense("c1", C1, c1),
            features("torque", 1),
            dense("d1", D1, d1),
            layer("Addition", "add", NumInputs=2.0),
            layer("GELU", "g", Approximation="tanh"),
            dense("q", E1, e1),
        ],
        [("angle", "c1"), ("c1", "add/in1"), ("torque", "d1"), ("d1", "add/in2"), ("add", "g"), ("g", "q")],
    )

    def act(v: np.ndarray) -> np.ndarray:
        return 2 * np.tanh(1 / (1 + np.exp(-(v @ A1.T + a1))) @ A2.T + a2) + 0.5

    def judge(v: np.ndarray) -> np.ndarray:
        n = v[:2] @ C1.T + c1 + v[2:] @ D1.T + d1
        return n / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (n + 0.044715 * n**3))) @ E1.T + e1

    model = {
        name: Object(
            f"rl.function.{name}",
            {"Model_": Object("rl.internal.model.DLNetworkModel", {"Net": net, "UseDevice": "cpu"}, saved=True)},
        )
        for name, net in (("Critic", critic), ("Actor", actor))
    }
    agent = Object("rl.agent.rlDDPGAgent", {"SampleTime": 0.1, **model}, saved=True)
    formulas = {"agent.Critic.Model_.Net": judge, "agent.Actor.Model_.Net": act}
    return Sample({"agent": agent}, [-3, -5, -2], [3, 5, 2], "angle,speed,torque", formulas)


def image_functions(r: np.random.Generator) -> Sample:
    """A DAGNetwork with a 1x1x3 image as its input, weights in four dimensions, and function layers."""
    mean = single(r.normal(size=3))
    W1, b1, W2, b2 = (single(r.normal(size=s)) for s in ((4, 3), (4,), (2, 4), (2,)))
    zerocenter = {
        "Version": 2.0,
        "Type": "zerocenter",
        "ImageSize": np.array([[1.0, 1, 3]]),
        "AverageImage": np.asarray(mean, "f4").reshape(1, 1, 3),
    }
    first = dense("first", W1, b1)
    first.fields |= {
        "Weights": learned(W1.T.reshape(1, 1, 3, 4)),
        "Bias": learned(b1.reshape(1, 1, 4)),
        "OutputSize": np.array([[1.0, 1, 4]]),
    }
    layers = [
        layer(
            "ImageInput",
            "image",
            InputSize=np.array([[1.0, 1, 3]]),
            Normalization=zerocenter,
            Augmentations=np.zeros((1, 0)),
        ),
        first,
        layer("Function", "sine", PredictFcn=Handle("sf%0@(x)k*sin(x)", {"k": 1.5})),
        dense("second", W2, b2),
        layer("Function", "tenth", PredictFcn=Handle("sf%1@(x).1*x")),
        layer("RegressionOutput", "out", ResponseNames=["Response"]),
    ]
    net = graph("DAGNetwork", layers)

    def formula(v: np.ndarray) -> np.ndarray:
        return 0.1 * (1.5 * np.sin((v - mean) @ W1.T + b1) @ W2.T + b2)

    return Sample({"net": net}, [-2, -2, -2], [2, 2, 2], "x1,x2,x3", {"net": formula})


def fitrnet(r: np.random.Generator) -> Sample:
    """A regression model with standardised predictors, its training data kept."""
    x, y = tank(r)
    mu, sigma = x.mean(axis=0), x.std(axis=0, ddof=1)
    W1, b1 = r.normal(size=(10, 3)), r.normal(size=10)

    def hidden(v: np.ndarray) -> np.ndarray:
        return np.tanh((v - mu) / sigma @ W1.T + b1)

    W = np.linalg.lstsq(np.column_stack([hidden(x), np.ones(len(x))]), y, rcond=None)[0].T
    W2, b2 = W[:, :-1], W[:, -1]
    held = {"LayerWeights": cells(W1, W2), "LayerBiases": cells(b1, b2), "Activations": "tanh", "NumLayers": 2.0}
    summary = {
        "PredictorNames": ["inflow", "level", "valve"],
        "CategoricalPredictors": np.zeros((0, 0)),
        "ResponseName": "later",
        "ObservationsInRows": 1.0,
    }
    fields = {
        "PrivX": x,
        "PrivY": y,
        "DataSummary": summary,
        "PrivResponseTransform": Handle("classreg.learning.transform.identity"),
        "NeuralNetworkImpl": Object("classreg.learning.impl.NeuralNetworkImpl", held),
        "StandardizeData": 1.0,
        "Mu": mu.reshape(1, -1),
        "Sigma": sigma.reshape(1, -1),
        "OutputLayerActivation": "none",
        "LayerSizes": 10.0,
        "Activations": "tanh",
    }
    model = Object("RegressionNeuralNetwork", fields)
    return Sample(
        {"mdl": model}, [0, 0.2, 0], [20, 3, 1], "inflow,level,valve", {"mdl": lambda v: hidden(v) @ W2.T + b2}
    )


SAMPLES = (dlnetwork_skip, series_classifier, rl_agent, image_functions, fitrnet)


def made(make: Callable[[np.random.Generator], Sample]) -> Sample:
    return make(np.random.default_rng(20240301))


def write(folder: Path) -> None:
    for make in SAMPLES:
        sample, r = made(make), np.random.default_rng(7)
        (folder / f"{make.__name__}.mat").write_bytes(mat_file(sample.variables))
        lower, upper = np.array(sample.lower, float), np.array(sample.upper, float)
        x = np.round(lower + r.uniform(size=(8, lower.size)) * (upper - lower), 4)
        np.savetxt(folder / f"{make.__name__}_x.csv", x, delimiter=",", fmt="%.15g", header=sample.header, comments="")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
