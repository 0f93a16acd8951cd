"""The same networks in jax, torch and NumPy, as their users write them; `python peers.py jax|torch|numpy MODEL.mat
X.csv J.csv` is the script that they would write. The rule: nothing here comes from nngrad.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.io import loadmat

Function = Callable[[Any], Any]


def installed(*names: str) -> bool:
    return all(importlib.util.find_spec(name) for name in names)


class Parts(NamedTuple):
    """What a person reads from such a file: weights and biases, and gain, offset of the inputs and of the outputs."""

    layers: list[tuple[np.ndarray, np.ndarray]]
    before: tuple[np.ndarray, np.ndarray]
    after: tuple[np.ndarray, np.ndarray]


def parts(path: str | Path) -> Parts:
    """The parts of NAME.mat, read without nngrad."""
    net = loadmat(path)["net"][0, 0]
    count = int(net["numLayers"][0, 0])

    def settings(port: Any) -> tuple[np.ndarray, np.ndarray]:
        found = port[0, 0]["processSettings"][0, 0][0, 0]
        return found["gain"].astype(float).ravel(), found["xoffset"].astype(float).ravel()

    layers = [
        ((net["LW"][k, k - 1] if k else net["IW"][0, 0]).astype(float), net["b"][k, 0].astype(float).ravel())
        for k in range(count)
    ]
    return Parts(layers, settings(net["inputs"][0, 0]), settings(net["outputs"][0, count - 1]))


def folded(path: str | Path) -> np.ndarray:
    """W, b, v, c of a network with one hidden layer and one output, in raw units: what the bounds in C take."""
    ((W, b), (v, c)), (gain, offset), (gain_out, offset_out) = parts(path)
    inner = W * gain
    outer = v / gain_out[:, None]
    bias = b - inner @ offset - W.sum(axis=1)
    return np.concatenate([inner.ravel(), bias, outer.ravel(), (c + 1.0) / gain_out + offset_out])


def outputs_of(parts: Parts, tanh: Function, convert: Function) -> Function:
    """One sample x -> y, in the library whose tanh and arrays these are."""
    layers = [(convert(W), convert(b)) for W, b in parts.layers]
    (gain, offset), (gain_out, offset_out) = ((convert(g), convert(o)) for g, o in (parts.before, parts.after))

    def outputs(x: Any) -> Any:
        a = (x - offset) * gain - 1.0
        for k, (W, b) in enumerate(layers):
            n = W @ a + b
            a = tanh(n) if k < len(layers) - 1 else n
        return (a + 1.0) / gain_out + offset_out

    return outputs


def jax() -> Any:
    import jax as found

    found.config.update("jax_enable_x64", True)
    return found


def with_jax(parts: Parts, x: np.ndarray, what: str) -> Callable[[], Any]:
    """Ready to be called: y and J of all rows ("jacobian"), H of all rows ("hessian"), or y and J
    of one row ("row").
    """
    j = jax()
    f = outputs_of(parts, j.numpy.tanh, j.numpy.asarray)

    def both(v: Any) -> Any:
        return f(v), j.jacrev(f)(v)

    made = {"jacobian": lambda: j.vmap(both), "hessian": lambda: j.vmap(j.hessian(f)), "row": lambda: both}[what]()
    compiled, given = j.jit(made), j.numpy.asarray(x)
    return lambda: j.block_until_ready(compiled(given))


ONE_LINE = {"S": 8192, "M": 512, "L": 64}  # rows of a batch, for each network what was fastest here
BY_HAND = {"S": 4096, "M": 512, "L": 64}


def with_jax_map(parts: Parts, x: np.ndarray, batch: int) -> Callable[[], Any]:
    """y and J of all rows in batches that stay in cache: jax.lax.map with a batch size, in one line."""
    j = jax()
    f = outputs_of(parts, j.numpy.tanh, j.numpy.asarray)
    compiled = j.jit(lambda rows: j.lax.map(lambda row: (f(row), j.jacrev(f)(row)), rows, batch_size=batch))
    given = j.numpy.asarray(x)
    return lambda: j.block_until_ready(compiled(given))


def with_jax_blocks(parts: Parts, x: np.ndarray, size: int) -> Callable[[], Any]:
    """y and J of all rows in blocks that stay in cache, their products written by hand: what an
    expert of jax writes.
    """
    j = jax()
    n = j.numpy
    layers = [(n.asarray(W), n.asarray(b)) for W, b in parts.layers]
    (gain, offset), (gain_out, offset_out) = ((n.asarray(g), n.asarray(o)) for g, o in (parts.before, parts.after))

    def block(rows: Any) -> Any:
        a, hidden = (rows - offset) * gain - 1.0, []
        for W, b in layers[:-1]:
            a = n.tanh(a @ W.T + b)
            hidden.append(a)
        W, b = layers[-1]
        y = (a @ W.T + b + 1.0) / gain_out + offset_out
        G = n.broadcast_to(W / gain_out[:, None], (len(rows), *W.shape))
        for (W, _), a in zip(reversed(layers[:-1]), reversed(hidden), strict=True):
            G = ((G * (1.0 - a * a)[:, None, :]).reshape(-1, len(W)) @ W).reshape(len(rows), G.shape[1], -1)
        return y, G * gain

    rest = -len(x) % size  # the last block is filled up
    given = n.asarray(np.concatenate([x, x[:1].repeat(rest, axis=0)]))

    def run(rows: Any) -> Any:
        y, J = j.lax.map(block, rows.reshape(-1, size, rows.shape[1]))
        return y.reshape(-1, y.shape[-1])[: len(x)], J.reshape(-1, *J.shape[2:])[: len(x)]

    compiled = j.jit(run)
    return lambda: j.block_until_ready(compiled(given))


def with_torch(parts: Parts, x: np.ndarray, what: str) -> Callable[[], Any]:
    """As with_jax, by torch.func."""
    import torch
    from torch.func import hessian, jacrev, vmap

    f = outputs_of(parts, torch.tanh, torch.tensor)

    def both(v: Any) -> Any:
        y = f(v)
        return y, y

    jacobian = jacrev(both, has_aux=True)
    made = {"jacobian": lambda: vmap(jacobian), "hessian": lambda: vmap(hessian(f)), "row": lambda: jacobian}[what]()
    given = torch.tensor(x)
    if what == "hessian":
        return lambda: made(given)
    return lambda: made(given)[::-1]


def with_numpy(parts: Parts, x: np.ndarray) -> np.ndarray:
    """J of a network with one hidden layer, by hand."""
    ((W, b), (v, _)), (gain, offset), (gain_out, _) = parts
    a = np.tanh(((x - offset) * gain - 1.0) @ W.T + b)
    return ((1.0 - a * a)[:, None, :] * v) @ W * gain / gain_out[:, None]


def script(how: str, model: str, source: str, target: str) -> None:
    """CSV to CSV."""
    found = parts(model)
    if how == "numpy":
        x = np.loadtxt(source, delimiter=",", skiprows=1)
        np.savetxt(target, with_numpy(found, x).reshape(len(x), -1), delimiter=",", fmt="%.17g")
        return
    import pandas as pd

    x = pd.read_csv(source).to_numpy()
    if how == "torch":
        import torch
        from torch.func import jacrev, vmap

        J = vmap(jacrev(outputs_of(found, torch.tanh, torch.tensor)))(torch.tensor(x)).numpy()
    else:
        j = jax()
        J = np.asarray(j.jit(j.vmap(j.jacrev(outputs_of(found, j.numpy.tanh, j.numpy.asarray))))(x))
    pd.DataFrame(J.reshape(len(x), -1)).to_csv(target, index=False)


SCRIPTS = {  # what users write -> the packages it needs
    "jax": ("pandas + jax script", ("pandas", "jax")),
    "torch": ("pandas + torch script", ("pandas", "torch")),
    "numpy": ("numpy loadtxt script", ("numpy",)),
}
KERNELS = {"jit(vmap(jacrev))": ("jax", with_jax), "torch vmap(jacrev)": ("torch", with_torch)}
IN_BLOCKS = {  # the honest rivals: blocks of rows that stay in cache
    "jax.lax.map(jacrev, batch_size)": (with_jax_map, ONE_LINE),
    "jax, blocks by hand": (with_jax_blocks, BY_HAND),
}

if __name__ == "__main__":
    script(*sys.argv[1:])
