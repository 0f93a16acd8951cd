"""Writes small networks that look exactly like the files in which MATLAB saves its `network` objects, and inputs for them.

    python sample_models/make_matlab_networks.py [FOLDER]

Each file is named for what is odd about it. The weights are our own: random hidden layers, output layers fitted by least squares
to a formula, so that the outputs mean something. scipy.io.savemat writes the objects (old-style class instances, as MATLAB does).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat
from scipy.io.matlab import MatlabObject

HEADER = "MATLAB 5.0 MAT-file, Platform: nngrad, Created on: Thu Feb 29 12:00:00 2024"


def struct(**fields: Any) -> np.ndarray:
    """A 1x1 struct."""
    a = np.empty((1, 1), dtype=[(name, object) for name in fields])
    for name, value in fields.items():
        a[0, 0][name] = value
    return a


def cell(*values: Any, shape: tuple[int, int] | None = None) -> np.ndarray:
    """A cell array; a row unless a shape is given, filled column by column."""
    c = np.empty(shape or (1, len(values)), dtype=object)
    for k in range(c.size):
        c[np.unravel_index(k, c.shape, order="F")] = values[k] if k < len(values) else np.empty((0, 0))
    return c


def column(values: Any) -> np.ndarray:
    return np.asarray(values, float).reshape(-1, 1)


def mapminmax(lower: Any, upper: Any, old: bool = False) -> tuple[str, np.ndarray]:
    lower, upper = column(lower), column(upper)
    spread = upper - lower
    fields: dict[str, Any] = {
        "name": "mapminmax",
        "xrows": float(len(lower)),
        "xmax": upper,
        "xmin": lower,
        "xrange": spread,
        "yrows": float(len(lower)),
        "ymax": 1.0,
        "ymin": -1.0,
        "yrange": 2.0,
    }
    if not old:  # objects of 2011-2012 store neither gain nor xoffset
        fields |= {"gain": 2.0 / spread, "xoffset": lower, "no_change": 0.0}
    return "mapminmax", struct(**fields)


def removeconstantrows(rows: int, removed: dict[int, float]) -> tuple[str, np.ndarray]:
    """`removed`: row (from 1) -> its constant value."""
    keep = [k for k in range(1, rows + 1) if k not in removed]
    values = column(list(removed.values()))
    return "removeconstantrows", struct(
        max_range=0.0,
        keep=np.array([keep], float),
        remove=np.array([list(removed)], float),
        value=values,
        xrows=float(rows),
        yrows=float(len(keep)),
        constants=values,
        no_change=float(not removed),
    )


def port(
    name: str, size: int, processed: int, steps: list[tuple[str, np.ndarray]], ranges: Any, **more: Any
) -> np.ndarray:
    """One of inputs{} or outputs{}."""
    return struct(
        name=name,
        size=float(size),
        processedSize=float(processed),
        range=np.asarray(ranges, float).reshape(size, 2),
        processFcns=cell(*(s for s, _ in steps)) if steps else np.empty((0, 0), object),
        processSettings=cell(*(s for _, s in steps)) if steps else np.empty((0, 0), object),
        **more,
    )


def network(
    name: str,
    inputs: list[np.ndarray],
    layers: list[dict[str, Any]],
    outputs: dict[int, np.ndarray],
    version: str = "8",
) -> MatlabObject:
    """A `network` object. A layer: transfer, b (or None), IW {input: W}, LW {layer: W}, net_input, weight_fcn, delays {link: [..]}."""
    L, I = len(layers), len(inputs)
    connect = {
        k: np.zeros(s, bool) for k, s in {"input": (L, I), "layer": (L, L), "bias": (L, 1), "output": (1, L)}.items()
    }
    IW, LW, b = (cell(shape=s) for s in ((L, I), (L, L), (L, 1)))
    inputWeights, layerWeights, biases = (cell(shape=s) for s in ((L, I), (L, L), (L, 1)))
    records, deepest = cell(shape=(L, 1)), {"input": 0.0, "layer": 0.0}
    for i, layer in enumerate(layers):
        size = float(layer["size"])
        records[i, 0] = struct(
            name=layer.get("name", f"Layer {i + 1}"),
            size=size,
            netInputFcn=layer.get("net_input", "netsum"),
            transferFcn=layer["transfer"],
            transferParam=np.empty((0, 0)),
            userdata=struct(note="Put your custom layer information here."),
        )
        if layer.get("b") is not None:
            connect["bias"][i], b[i, 0], biases[i, 0] = True, column(layer["b"]), struct(size=size, learn=1.0)
        for kind, weights, links, field in (("input", IW, inputWeights, "IW"), ("layer", LW, layerWeights, "LW")):
            for j, W in layer.get(field, {}).items():
                delays = np.atleast_2d(np.asarray(layer.get("delays", {}).get((field, j), [0]), float))
                deepest[kind] = max(deepest[kind], float(delays.max()))
                connect[kind][i, j], weights[i, j] = True, np.asarray(W, float)
                links[i, j] = struct(
                    delays=delays,
                    weightFcn=layer.get("weight_fcn", "dotprod"),
                    size=np.array([np.shape(W)], float),
                    learn=1.0,
                )
    ports = cell(shape=(1, L))
    for i, out in outputs.items():
        ports[0, i], connect["output"][0, i] = out, True
    fields = {
        "version": version,
        "name": name,
        "efficiency": struct(cacheDelayedInputs=1.0, flattenTime=1.0, memoryReduction=1.0, flattenedTime=1.0),
        "userdata": struct(note="Put your custom network information here."),
        "dimensions": struct(numInputs=float(I), numLayers=float(L), numOutputs=float(len(outputs))),
        "numInputs": float(I),
        "numLayers": float(L),
        "numOutputs": float(len(outputs)),
        "numInputDelays": deepest["input"],
        "numLayerDelays": deepest["layer"],
        "numFeedbackDelays": 0.0,
        "sampleTime": 1.0,
        "biasConnect": connect["bias"],
        "inputConnect": connect["input"],
        "layerConnect": connect["layer"],
        "outputConnect": connect["output"],
        "inputs": cell(*inputs, shape=(I, 1)),
        "layers": records,
        "biases": biases,
        "outputs": ports,
        "inputWeights": inputWeights,
        "layerWeights": layerWeights,
        "trainFcn": "trainlm",
        "performFcn": "mse",
        "IW": IW,
        "LW": LW,
        "b": b,
        "revert": struct(IW=cell(*(np.zeros((3, 3)),)), LW=cell(*(np.zeros((3, 3)),)), b=cell(*(np.zeros((3, 1)),))),
    }
    return MatlabObject(struct(**fields), "network")


def fitted(
    r: np.random.Generator, p: np.ndarray, t: np.ndarray, hidden: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """W1, b1 random, W2, b2 by least squares, for tansig -> purelin on normalised samples (rows)."""
    W1, b1 = r.normal(size=(hidden, p.shape[1])), r.uniform(-1.5, 1.5, size=hidden)
    a = np.column_stack([np.tanh(p @ W1.T + b1), np.ones(len(p))])
    W2 = np.linalg.lstsq(a, t, rcond=None)[0].T
    return W1, b1, W2[:, :-1], W2[:, -1]


def unit(v: np.ndarray, lower: Any, upper: Any) -> np.ndarray:
    return 2 * (v - np.asarray(lower)) / (np.asarray(upper) - np.asarray(lower)) - 1


def ranges(lower: Any, upper: Any) -> np.ndarray:
    return np.column_stack([np.atleast_1d(lower), np.atleast_1d(upper)])


class Samples:
    """Writes the files; every network has a table of inputs beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.r = np.random.default_rng(20240229)

    def save(self, name: str, variables: dict[str, Any], lower: Any, upper: Any, header: str, rows: int = 8) -> None:
        path = self.folder / f"{name}.mat"
        savemat(path, variables, do_compression=True)
        path.write_bytes(HEADER.ljust(116).encode() + path.read_bytes()[116:])  # the same bytes at every run
        lower, upper = np.asarray(lower, float), np.asarray(upper, float)
        x = lower + self.r.uniform(size=(rows, lower.size)) * (upper - lower)
        np.savetxt(
            self.folder / f"{name}_x.csv", np.round(x, 4), delimiter=",", fmt="%.15g", header=header, comments=""
        )

    def fit(self, hidden: int = 10, version: str = "8") -> tuple[MatlabObject, list[float], list[float]]:
        """Torque of an engine from speed (rev/min), throttle (%) and temperature (K), in N m."""
        lower, upper = [600.0, 0.0, 250.0], [6500.0, 100.0, 320.0]
        x = np.asarray(lower) + self.r.uniform(size=(500, 3)) * (np.asarray(upper) - np.asarray(lower))
        y = 180 * np.exp(-(((x[:, 0] - 3800) / 2600) ** 2)) * (1 - np.exp(-x[:, 1] / 35)) * 293 / x[:, 2]
        y = y.reshape(-1, 1)
        low, high = y.min(axis=0), y.max(axis=0)
        W1, b1, W2, b2 = fitted(self.r, unit(x, lower, upper), unit(y, low, high), hidden)
        old = version < "8"
        net = network(
            "Function Fitting Neural Network",
            [port("Input", 3, 3, [mapminmax(lower, upper, old)], ranges(lower, upper))],
            [
                {"size": hidden, "transfer": "tansig", "b": b1, "IW": {0: W1}, "name": "Hidden"},
                {"size": 1, "transfer": "purelin", "b": b2, "LW": {0: W2}, "name": "Output"},
            ],
            {1: port("Output", 1, 1, [mapminmax(low, high, old)], ranges(low, high), feedbackMode="none")},
            version,
        )
        return net, lower, upper

    def fitnet(self) -> None:
        net, lower, upper = self.fit()
        self.save("fitnet", {"net": net}, lower, upper, "speed,throttle,temperature")

    def old_version(self) -> None:
        net, lower, upper = self.fit(6, version="6")
        self.save("old_version", {"net": net}, lower, upper, "speed,throttle,temperature")

    def patternnet(self) -> None:
        r, lower, upper = self.r, [4.3, 2.0, 1.0, 0.1], [7.9, 4.4, 6.9, 2.5]
        net = network(
            "Pattern Recognition Neural Network",
            [port("Input", 4, 4, [mapminmax(lower, upper)], ranges(lower, upper))],
            [
                {"size": 8, "transfer": "tansig", "b": r.normal(size=8), "IW": {0: r.normal(size=(8, 4))}},
                {"size": 3, "transfer": "softmax", "b": r.normal(size=3), "LW": {0: 2 * r.normal(size=(3, 8))}},
            ],
            {1: port("Output", 3, 3, [], ranges([0.0] * 3, [1.0] * 3), feedbackMode="none")},
        )
        self.save("patternnet", {"net": net}, lower, upper, "sepal_length,sepal_width,petal_length,petal_width")

    def cascade(self) -> None:
        r, lower, upper = self.r, [-3.0, 10.0], [3.0, 50.0]
        net = network(
            "Cascade-Forward Neural Network",
            [port("Input", 2, 2, [mapminmax(lower, upper)], ranges(lower, upper))],
            [
                {"size": 5, "transfer": "logsig", "b": r.normal(size=5), "IW": {0: r.normal(size=(5, 2))}},
                {
                    "size": 4,
                    "transfer": "elliotsig",
                    "b": r.normal(size=4),
                    "IW": {0: r.normal(size=(4, 2))},
                    "LW": {0: r.normal(size=(4, 5))},
                },
                {
                    "size": 2,
                    "transfer": "purelin",
                    "b": r.normal(size=2),
                    "IW": {0: r.normal(size=(2, 2))},
                    "LW": {0: r.normal(size=(2, 5)), 1: r.normal(size=(2, 4))},
                },
            ],
            {
                2: port(
                    "Output",
                    2,
                    2,
                    [mapminmax([0.0, -5.0], [12.0, 5.0])],
                    ranges([0.0, -5.0], [12.0, 5.0]),
                    feedbackMode="none",
                )
            },
        )
        self.save("cascade", {"net": net}, lower, upper, "x1,x2")

    def rbf(self) -> None:
        r = self.r
        centres = r.uniform(-2, 2, size=(9, 2))
        net = network(
            "Radial Basis Network, Exact",
            [port("Input", 2, 2, [], ranges([-2.0, -2.0], [2.0, 2.0]))],
            [
                {
                    "size": 9,
                    "transfer": "radbas",
                    "net_input": "netprod",
                    "weight_fcn": "dist",
                    "b": np.full(9, 0.832554611157698),
                    "IW": {0: centres},
                },
                {"size": 1, "transfer": "purelin", "b": r.normal(size=1), "LW": {0: r.normal(size=(1, 9))}},
            ],
            {1: port("Output", 1, 1, [], ranges([-3.0], [3.0]), feedbackMode="none")},
        )
        self.save("rbf", {"net": net}, [-2, -2], [2, 2], "x1,x2")

    def constant_rows(self) -> None:
        r, lower, upper = self.r, [0.0, 7.0, -1.0, 20.0], [1.0, 7.0, 1.0, 90.0]
        kept = [0, 2, 3]
        steps = [removeconstantrows(4, {2: 7.0}), mapminmax(np.take(lower, kept), np.take(upper, kept))]
        out = [removeconstantrows(3, {2: 0.5}), mapminmax([-1.0, 100.0], [1.0, 300.0])]
        net = network(
            "Feed-Forward Neural Network",
            [port("Input", 4, 3, steps, ranges(lower, upper))],
            [
                {"size": 6, "transfer": "tansig", "b": r.normal(size=6), "IW": {0: r.normal(size=(6, 3))}},
                {"size": 2, "transfer": "purelin", "b": r.normal(size=2), "LW": {0: r.normal(size=(2, 6))}},
            ],
            {1: port("Output", 3, 2, out, ranges([-1.0, 0.5, 100.0], [1.0, 0.5, 300.0]), feedbackMode="none")},
        )
        self.save("constant_rows", {"net": net}, lower, upper, "x1,x2,x3,x4")

    def two_inputs(self) -> None:
        r = self.r
        net = network(
            "Custom Neural Network",
            [
                port("position", 2, 2, [mapminmax([0.0, 0.0], [10.0, 5.0])], ranges([0.0, 0.0], [10.0, 5.0])),
                port("load", 1, 1, [], ranges([-1.0], [1.0])),
            ],
            [
                {"size": 4, "transfer": "tansig", "b": r.normal(size=4), "IW": {0: r.normal(size=(4, 2))}},
                {
                    "size": 3,
                    "transfer": "satlins",
                    "b": r.normal(size=3),
                    "IW": {1: r.normal(size=(3, 1))},
                    "LW": {0: r.normal(size=(3, 4))},
                },
                {"size": 1, "transfer": "purelin", "b": None, "LW": {1: r.normal(size=(1, 3))}},
            ],
            {
                0: port("stress", 4, 4, [], ranges([-1.0] * 4, [1.0] * 4), feedbackMode="none"),
                2: port("deflection", 1, 1, [mapminmax([0.0], [2.0])], ranges([0.0], [2.0]), feedbackMode="none"),
            },
        )
        self.save("two_inputs", {"net": net}, [0, 0, -1], [10, 5, 1], "x1,x2,x3")

    def nested(self) -> None:
        net, lower, upper = self.fit(5)
        results = struct(
            trained="29-Feb-2024", best=struct(net=net, performance=0.0123), notes=cell("a cell", np.arange(3.0))
        )
        self.save("nested", {"results": results, "count": 3.0}, lower, upper, "speed,throttle,temperature")

    def several(self) -> None:
        first, lower, upper = self.fit(4)
        second, _, _ = self.fit(7)
        self.save("several", {"net1": first, "values": struct(net=second)}, lower, upper, "speed,throttle,temperature")

    def narx(self) -> None:
        r, exogenous, fed_back = self.r, mapminmax([0.0], [4.0]), mapminmax([-2.0], [2.0])
        net = network(
            "NARX Neural Network",
            [port("x", 1, 1, [exogenous], ranges([0.0], [4.0])), port("y", 1, 1, [fed_back], ranges([-2.0], [2.0]))],
            [
                {
                    "size": 6,
                    "transfer": "tansig",
                    "b": r.normal(size=6),
                    "IW": {0: r.normal(size=(6, 2)), 1: r.normal(size=(6, 2))},
                    "delays": {("IW", 0): [1, 2], ("IW", 1): [1, 2]},
                },
                {"size": 1, "transfer": "purelin", "b": r.normal(size=1), "LW": {0: r.normal(size=(1, 6))}},
            ],
            {1: port("y", 1, 1, [fed_back], ranges([-2.0], [2.0]), feedbackMode="open", feedbackInput=2.0)},
        )
        self.save("narx", {"net": net}, [0, 0, -2, -2], [4, 4, 2, 2], "x(t-1),x(t-2),y(t-1),y(t-2)")

    def hard_limit(self) -> None:
        net = network(
            "Perceptron",
            [port("Input", 2, 2, [], ranges([-1.0, -1.0], [1.0, 1.0]))],
            [{"size": 1, "transfer": "hardlim", "b": [-1.0], "IW": {0: [[2.0, 1.0]]}}],
            {0: port("Output", 1, 1, [], ranges([0.0], [1.0]), feedbackMode="none")},
        )
        self.save("hard_limit", {"net": net}, [-1, -1], [1, 1], "x1,x2")

    def all(self) -> None:
        for make in (
            self.fitnet,
            self.old_version,
            self.patternnet,
            self.cascade,
            self.rbf,
            self.constant_rows,
            self.two_inputs,
            self.nested,
            self.several,
            self.narx,
            self.hard_limit,
        ):
            make()


if __name__ == "__main__":
    Samples(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent).all()
