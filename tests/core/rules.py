"""The rules of a layer, run with NumPy on tuples of values and flows; as their callers do,
NumPy's warnings are silenced.
"""

import numpy as np

quiet = np.errstate(all="ignore")


@quiet
def forward(layer, *x):
    return layer.forward(layer.kernel, x)


@quiet
def jvp(layer, x, y, T):
    return layer.jvp(layer.kernel, x, y, T)


@quiet
def vjp(layer, x, y, G):
    return layer.vjp(layer.kernel, x, y, G)


@quiet
def curvature(layer, x, y, G, S, T):
    """The sum of its parts; None where there is none."""
    parts = layer.curvature(layer.kernel, x, y, G, S, T)
    return sum(parts[1:], parts[0]) if parts else None
