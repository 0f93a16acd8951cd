"""The fields of a `network` object, made from parts; and what a helper function of a known name must give on a few numbers.

The one rule: how MATLAB evaluates a network is known by `matlab_network` and `matlab_processing` alone; this feeds them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nngrad.loaders.matlab import network
from nngrad.loaders.tree import MatlabObject


def _cells(rows: int, columns: int, values: dict[tuple[int, int], Any]) -> np.ndarray:
    cells = np.empty((rows, columns), object)
    for r in range(rows):
        for c in range(columns):
            cells[r, c] = values.get((r, c), np.zeros((0, 0)))
    return cells


def scalar(value: float) -> np.ndarray:
    return np.array([[float(value)]])


def network_fields(
    inputs: dict[int, Any],
    layers: dict[int, Any],
    links: dict[tuple[str, int, int], tuple[np.ndarray, str, tuple[int, ...]]],
    biases: dict[int, np.ndarray],
    outputs: dict[int, Any],
) -> dict[str, Any]:
    """The fields of a version 8 `network` object; links: ('I' or 'L', to, from) -> weights, weight function, delays."""
    I, L = len(inputs), len(layers)
    connect = {"I": np.zeros((L, I)), "L": np.zeros((L, L))}
    weights: dict[str, dict[tuple[int, int], Any]] = {"I": {}, "L": {}}
    parts: dict[str, dict[tuple[int, int], Any]] = {"I": {}, "L": {}}
    for (kind, i, j), (W, function, delays) in links.items():
        connect[kind][i, j], weights[kind][i, j] = 1.0, W
        parts[kind][i, j] = {"delays": np.array([delays], float), "weightFcn": function}
    return {
        "version": "8",
        "inputConnect": connect["I"],
        "layerConnect": connect["L"],
        "biasConnect": np.array([[float(i in biases)] for i in range(L)]).reshape(L, 1),
        "outputConnect": np.array([[float(i in outputs) for i in range(L)]]),
        "inputs": _cells(I, 1, {(j, 0): part for j, part in inputs.items()}),
        "layers": _cells(L, 1, {(i, 0): part for i, part in layers.items()}),
        "outputs": _cells(1, L, {(0, i): part for i, part in outputs.items()}),
        "inputWeights": _cells(L, I, parts["I"]),
        "layerWeights": _cells(L, L, parts["L"]),
        "IW": _cells(L, I, weights["I"]),
        "LW": _cells(L, L, weights["L"]),
        "b": _cells(L, 1, {(i, 0): b for i, b in biases.items()}),
    }


def probe(kind: str, name: str) -> tuple[list[Any], np.ndarray]:
    """Arguments for a helper, and what it must give: the numbers of a network with this one function, from `matlab_network`."""
    r = np.random.default_rng(7)
    W, n = (np.eye(5), 2.0 * r.normal(size=(5, 9))) if kind == "transfer" else (r.uniform(0.1, 2, (4, 5)), r.uniform(0.1, 2, (5, 9)))
    W = scalar(1.5) if name == "scalprod" else W
    if kind == "transfer":
        n[0, :6] = (0.0, 1.0, -1.0, 0.5, 3.0, -0.5) if name != "netinv" else n[0, :6]
    size = 4.0 if kind == "weight" and name != "scalprod" else 5.0
    unprocessed = {"processFcns": _cells(1, 0, {}), "processSettings": _cells(1, 0, {})}
    fields = network_fields(
        inputs={0: {"size": scalar(5), **unprocessed}},
        layers={0: {"size": scalar(size), "transferFcn": name if kind == "transfer" else "purelin", "netInputFcn": "netsum"}},
        links={("I", 0, 0): (W, name if kind == "weight" else "dotprod", (0,))},
        biases={},
        outputs={0: unprocessed},
    )
    expected = network.read(MatlabObject("network", fields))(n.T).T
    return ([n] if kind == "transfer" else [W, n]), expected


def near(settings: dict[str, Any], rows: int, ending: str) -> np.ndarray:
    """Three columns of numbers like those that the step works on; for fixunknowns, with gaps."""
    r = np.random.default_rng(11)
    x = r.uniform(-1, 1, (rows, 3))
    offset = settings.get("xoffset", settings.get("xmean"))
    if ending == "apply" and isinstance(offset, np.ndarray) and offset.size == rows:
        with np.errstate(all="ignore"):
            scale = np.abs(np.where(np.isfinite(offset), offset, 0.0)).reshape(-1, 1) + 1.0
        x = x * scale
    unknown = settings.get("unknown")
    if ending == "apply" and isinstance(unknown, np.ndarray) and unknown.size and rows:
        x[np.clip(unknown.ravel().astype(int) - 1, 0, rows - 1), 1] = np.nan
    return x
