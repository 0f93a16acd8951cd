"""Numbers to try the helper functions of a generated file with, and what networks of one function make of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngrad.loaders.matlab.assembly import assembled
from nngrad.loaders.matlab.shallow import INPUT, Connection, ShallowNetwork, StatedInput, StatedLayer, StatedOutput

ROWS, SAMPLES = 5, 9
WEIGHTED = 4  # rows of weights


def probe(kind: str, name: str) -> tuple[list[Any], np.ndarray]:
    """Arguments for a helper, and what it must give (rows, samples), for a `kind` of function: transfer or weight."""
    r = np.random.default_rng(7)
    if kind == "transfer":
        W, n = np.eye(ROWS), 2.0 * r.normal(size=(ROWS, SAMPLES))
        n[0, :6] = (0.0, 1.0, -1.0, 0.5, 3.0, -0.5) if name != "netinv" else n[0, :6]
        return [n], _values(Connection(INPUT, 0, "dotprod", (0,), W), ROWS, name, n)
    W, n = r.uniform(0.1, 2, (WEIGHTED, ROWS)), r.uniform(0.1, 2, (ROWS, SAMPLES))
    W = np.array([[1.5]]) if name == "scalprod" else W
    return [W, n], _values(Connection(INPUT, 0, name, (0,), W), ROWS if name == "scalprod" else WEIGHTED, "purelin", n)


def _values(connection: Connection, units: int, transfer: str, n: np.ndarray) -> np.ndarray:
    """The outputs (units, samples) of a network of one layer without processing steps."""
    layer = StatedLayer(units, transfer, "netsum", (connection,))
    return assembled(ShallowNetwork((StatedInput(len(n)),), (layer,), (StatedOutput(0),)))(n.T).T


def near(settings: dict[str, Any], rows: int, ending: str) -> np.ndarray:
    """Three columns of numbers (rows, 3) like those that a processing step works on; for fixunknowns, with gaps."""
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
