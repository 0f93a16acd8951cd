"""Writes recorded.mat: a network together with inputs and the outputs that were recorded for them, samples in columns, as
`save('recorded.mat', 'net', 'x', 'y')` leaves them in MATLAB; for `nngrad verify`.

    python sample_models/make_recorded.py [FOLDER]

The outputs come from the formula of the network written out here, not from nngrad.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
from scipy.io import savemat

HERE = Path(__file__).parent


def main(folder: Path) -> None:
    spec = importlib.util.spec_from_file_location("make_matlab_networks", HERE / "make_matlab_networks.py")
    m = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(m)
    r = np.random.default_rng(77)
    lower, upper = np.array([10.0, -1.0, 0.0]), np.array([90.0, 1.0, 5.0])
    low, high = np.array([0.0, 200.0]), np.array([4.0, 1200.0])
    W1, b1, W2, b2 = r.normal(size=(6, 3)), r.normal(size=6), r.normal(size=(2, 6)) / 2, r.normal(size=2) / 2
    net = m.network(
        "Function Fitting Neural Network",
        [m.port("Input", 3, 3, [m.mapminmax(lower, upper)], np.stack([lower, upper], axis=1))],
        [
            {"size": 6, "transfer": "tansig", "b": b1, "IW": {0: W1}},
            {"size": 2, "transfer": "purelin", "b": b2, "LW": {0: W2}},
        ],
        {1: m.port("Output", 2, 2, [m.mapminmax(low, high)], np.stack([low, high], axis=1), feedbackMode="none")},
    )
    x = np.round(lower + (upper - lower) * r.uniform(size=(12, 3)), 4)
    inner = np.tanh((2 * (x - lower) / (upper - lower) - 1) @ W1.T + b1) @ W2.T + b2
    y = (inner + 1) * (high - low) / 2 + low
    path = folder / "recorded.mat"
    savemat(path, {"net": net, "x": x.T, "y": y.T}, do_compression=True)
    data = path.read_bytes()
    path.write_bytes(m.HEADER.encode().ljust(116) + data[116:])
    for name, table, columns in (("recorded_x", x, "x1,x2,x3"), ("recorded_y", y, "y1,y2")):
        np.savetxt(folder / f"{name}.csv", table, fmt="%.15g", delimiter=",", header=columns, comments="")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
