"""The networks that are measured: S, M and L, as MATLAB saves them, with rows of inputs. The
rule: the same bytes in every run.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

import nngrad
from nngrad import tables

SIZES = {"S": (10, 10, 1), "M": (20, 64, 64, 5), "L": (128, 512, 512, 10)}
ROWS = {"S": 1_000_000, "M": 100_000, "L": 4_000}
LABELS = {name: "-".join(map(str, sizes)) for name, sizes in SIZES.items()}
SCRIPT = Path(__file__).parents[2] / "sample_models" / "make_matlab_networks.py"


@cache
def made_as_by_matlab() -> Any:
    """The script that writes the sample models."""
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(name: str, folder: Path) -> Path:
    """NAME.mat: tansig layers and a purelin one, mapminmax before and after."""
    r, m, sizes = np.random.default_rng(1), made_as_by_matlab(), SIZES[name]
    lower, upper = ranges(name)
    layers = [
        {
            "size": n,
            "transfer": "tansig",
            "b": 0.1 * r.normal(size=n),
            "LW": {k - 1: r.normal(size=(n, before)) / np.sqrt(before)},
        }
        for k, (before, n) in enumerate(pairwise(sizes))
    ]
    layers[0]["IW"], layers[-1]["transfer"] = {0: layers[0].pop("LW")[-1]}, "purelin"
    low, high = np.full(sizes[-1], -3.0), np.full(sizes[-1], 5.0)
    net = m.network(
        "Function Fitting Neural Network",
        [m.port("Input", sizes[0], sizes[0], [m.mapminmax(lower, upper)], m.ranges(lower, upper))],
        layers,
        {
            len(layers) - 1: m.port(
                "Output", sizes[-1], sizes[-1], [m.mapminmax(low, high)], m.ranges(low, high), feedbackMode="none"
            )
        },
    )
    savemat(folder / f"{name}.mat", {"net": net}, do_compression=True)
    return folder / f"{name}.mat"


def ranges(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The training range of every input."""
    r = np.random.default_rng(2)
    lower = r.normal(scale=10, size=SIZES[name][0])
    return lower, lower + r.uniform(0.5, 20, size=len(lower))


def rows(name: str, count: int) -> np.ndarray:
    """Inputs within the training range."""
    lower, upper = ranges(name)
    return lower + np.random.default_rng(3).uniform(size=(count, len(lower))) * (upper - lower)


def write_rows(path: Path, name: str, count: int) -> Path:
    """Inputs as a table in the format of its suffix; made block by block, so that any number of them is no trouble."""
    block = rows(name, min(count, 1_000_000))
    with tables.writer(path) as out:
        out.begin([f"x{k}" for k in range(1, SIZES[name][0] + 1)], rows=count)
        for start in range(0, count, len(block)):
            out.write(out.format(block[: count - start]))
    return path


def network(name: str, folder: Path) -> nngrad.Network:
    path = folder / f"{name}.mat"
    return nngrad.load(path if path.exists() else write(name, folder))
