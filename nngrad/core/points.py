"""Points to look at a network at, where nobody has named any."""

from __future__ import annotations

import numpy as np

from nngrad.core.network import Network

Array = np.ndarray


def sample(net: Network, count: int, seed: int = 1) -> Array:
    """Points to check at: evenly distributed in the training ranges, where there is one, else normally distributed."""
    r = np.random.default_rng(seed)
    lower, upper = net.lower, net.upper
    ranged = np.isfinite(lower) & np.isfinite(upper)
    part = r.uniform(size=(count, net.input_size))
    with np.errstate(invalid="ignore"):
        within = (1.0 - part) * lower + part * upper
    x = np.where(ranged, within, r.normal(size=(count, net.input_size)))
    whole, (lowest, highest) = list(net.whole_inputs), net.whole_limits
    some = np.rint(np.where(ranged[whole], x[:, whole], 5.0 * x[:, whole]))
    x[:, whole] = np.clip(np.where(lowest < 0.0, some, np.abs(some)), lowest, highest)
    return x
