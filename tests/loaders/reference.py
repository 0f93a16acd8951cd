"""A second route to MATLAB's `network`: one sample at a time, column vectors, straight from the specification, complex
numbers allowed.

Nothing of nngrad's core is used; the tree comes from scipy.io.loadmat. Derivatives come from complex steps or
differences.
"""

from __future__ import annotations

import numpy as np
from scipy.io import loadmat


def smooth(n):
    return {
        "tansig": lambda: 2 / (1 + np.exp(-2 * n)) - 1,
        "logsig": lambda: 1 / (1 + np.exp(-n)),
        "purelin": lambda: n,
        "radbas": lambda: np.exp(-(n**2)),
        "radbasn": lambda: np.exp(-(n**2)) / np.exp(-(n**2)).sum(),
        "softmax": lambda: np.exp(n) / np.exp(n).sum(),
        "netinv": lambda: 1 / n,
        "poslin": lambda: np.where(n.real >= 0, n, 0),
        "satlin": lambda: np.where(n.real < 0, 0, np.where(n.real > 1, 1, n)),
        "satlins": lambda: np.where(n.real < -1, -1, np.where(n.real > 1, 1, n)),
        "tribas": lambda: np.where(abs(n.real) <= 1, 1 - np.where(n.real < 0, -n, n), 0),
        "hardlim": lambda: 1.0 * (n.real >= 0),
        "hardlims": lambda: 2.0 * (n.real >= 0) - 1,
        "elliotsig": lambda: n / (1 + np.where(n.real < 0, -n, n)),
        "elliot2sig": lambda: np.sign(n.real) * n**2 / (1 + n**2),
        "compet": lambda: 1.0 * (np.arange(len(n)) == np.argmax(n.real)),
    }


def weigh(function, W, p):
    if function == "scalprod":
        return W[0, 0] * p
    d = W - p if function.endswith("dist") else None
    return {
        "dotprod": lambda: W @ p,
        "dist": lambda: np.sqrt((d**2).sum(axis=1)),
        "negdist": lambda: -np.sqrt((d**2).sum(axis=1)),
        "mandist": lambda: np.where(d.real < 0, -d, d).sum(axis=1),
        "normprod": lambda: (W @ p) / p.sum(),
    }[function]()


def settings_of(port):
    names, settings = port["processFcns"], port["processSettings"]
    return [(str(names[0, q][0]), settings[0, q][0, 0]) for q in range(names.size)] if names.size else []


def f(s, name):
    return np.asarray(s[name], float).ravel()


def apply(name, s, x):
    if name == "mapminmax":
        gain = f(s, "gain") if "gain" in s.dtype.names else 2 / (f(s, "xmax") - f(s, "xmin"))
        return (x - f(s, "xmin")) * gain + f(s, "ymin")
    if name == "mapstd":
        return (x - f(s, "xmean")) * (f(s, "ystd") / f(s, "xstd")) + f(s, "ymean")
    if name == "removeconstantrows":
        return x[f(s, "keep").astype(int) - 1]
    if name == "processpca":
        return np.asarray(s["transform"], float) @ x
    if name == "removerows":
        return x[f(s, "keep_ind").astype(int) - 1]
    if name == "fixunknowns":
        rows = []
        for i, v in enumerate(x):
            unknown = i + 1 in f(s, "unknown")
            missing = np.isnan(v)
            rows.append(f(s, "xmeans")[i] if unknown and missing else v)
            rows += [0.0 if missing else 1.0] if unknown else []
        return np.array(rows)
    return x


def reverse(name, s, y):
    if name == "mapminmax":
        gain = f(s, "gain") if "gain" in s.dtype.names else 2 / (f(s, "xmax") - f(s, "xmin"))
        return (y - f(s, "ymin")) / gain + f(s, "xmin")
    if name == "mapstd":
        return (y - f(s, "ymean")) * (f(s, "xstd") / f(s, "ystd")) + f(s, "xmean")
    if name == "removeconstantrows":
        x = np.zeros(len(f(s, "keep")) + len(f(s, "remove")), y.dtype)
        x[f(s, "keep").astype(int) - 1] = y
        x[f(s, "remove").astype(int) - 1] = f(s, "constants")
        return x
    if name == "processpca":
        return np.asarray(s["inverseTransform"], float) @ y
    if name == "fixunknowns":
        return y[np.arange(len(f(s, "shift"))) + f(s, "shift").astype(int)]
    return y


class Reference:
    """evaluate(x): the one-step map on stacked taps, as nngrad documents its columns."""

    def __init__(self, path, variable="net"):
        self.n = loadmat(path)[variable][0, 0]

    def delays(self, kind, i, j):
        return f(self.n[kind][i, j][0, 0], "delays").astype(int).tolist()

    def evaluate(self, x):
        n = self.n
        inputs, layers = n["inputConnect"], n["layerConnect"]
        L, column, processed, state = len(inputs), 0, {}, {}
        for j in range(inputs.shape[1]):
            port = n["inputs"][j, 0][0, 0]
            size = int(f(port, "size")[0])
            for d in sorted({d for i in range(L) if inputs[i, j] for d in self.delays("inputWeights", i, j)}):
                v = x[column : column + size]
                for name, s in settings_of(port):
                    v = apply(name, s, v)
                processed[j, d] = v
                column += size
        for j in range(L):
            size = int(f(n["layers"][j, 0][0, 0], "size")[0])
            for d in sorted({d for i in range(L) if layers[i, j] for d in self.delays("layerWeights", i, j)} - {0}):
                state[j, d] = x[column : column + size]
                column += size
        assert column == len(x)
        a = {}
        while len(a) < L:
            for i in range(L):
                needs = [j for j in range(L) if layers[i, j] and 0 in self.delays("layerWeights", i, j)]
                if i not in a and all(j in a for j in needs):
                    a[i] = self.layer(i, processed, state, a)
        return np.concatenate([self.output(i, a[i]) for i in range(L) if n["outputConnect"][0, i]])

    def layer(self, i, processed, state, a):
        n, layer = self.n, self.n["layers"][i, 0][0, 0]
        z = []
        for kind, weights, connect in (
            ("inputWeights", "IW", n["inputConnect"]),
            ("layerWeights", "LW", n["layerConnect"]),
        ):
            for j in range(connect.shape[1]):
                if connect[i, j]:
                    link = n[kind][i, j][0, 0]
                    taps = [
                        processed[j, d] if weights == "IW" else state[j, d] if d else a[j]
                        for d in self.delays(kind, i, j)
                    ]
                    z.append(
                        weigh(str(link["weightFcn"][0]), np.asarray(n[weights][i, j], float), np.concatenate(taps))
                    )
        if n["biasConnect"][i, 0]:
            z.append(f({"b": n["b"][i, 0]}, "b"))
        total = np.prod(z, axis=0) if str(layer["netInputFcn"][0]) == "netprod" else np.sum(z, axis=0)
        return smooth(total)[str(layer["transferFcn"][0])]()

    def output(self, i, a):
        for name, s in reversed(settings_of(self.n["outputs"][0, i][0, 0])):
            a = reverse(name, s, a)
        return a

    def jacobian(self, x):
        """Complex steps: exact to rounding wherever the network is analytic at x."""
        steps = [self.evaluate(x + 1e-30j * e).imag / 1e-30 for e in np.eye(len(x))]
        return np.stack([np.zeros_like(s) + s for s in steps], axis=1)
