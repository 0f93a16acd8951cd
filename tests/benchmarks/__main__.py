"""`make bench`: outputs and Jacobians beside jax in the same run, and the command line from CSV to CSV.

The rule: ratios within one run count; absolute times on a machine that others use do not.
"""

import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

import nngrad
from nngrad import tables
from nngrad.activations import BY_NAME
from nngrad.layers import Affine, Elementwise, Scale

NETWORKS = {"10-10-1": 100_000, "20-64-64-5": 20_000, "128-512-512-10": 500}  # sizes and rows
COMMANDS = (("--help",), ("info", "MODEL"), ("jacobian", "MODEL", "-i", "X", "-o", "J"))
ROWS = 1_000_000


def layers_of(sizes, rng):
    """A tansig network with normalisation before and after."""
    yield Scale(rng.uniform(0.5, 2.0, sizes[0]), rng.normal(size=sizes[0]), np.full(sizes[0], -1.0))
    for n, m in pairwise(sizes[:-1]):
        yield Affine(rng.normal(size=(m, n)) / np.sqrt(n), rng.normal(size=m))
        yield Elementwise(BY_NAME["tansig"])
    yield Affine(rng.normal(size=(sizes[-1], sizes[-2])), rng.normal(size=sizes[-1]))
    yield Scale(rng.uniform(0.5, 2.0, sizes[-1]), np.full(sizes[-1], -1.0), rng.normal(size=sizes[-1]))


def with_jax(net):
    """The same network in jax: a function of rows that returns y and J; None where jax is not installed."""
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)

    def one(x):
        for node in net.layers:
            match node.layer:
                case Scale(gain, center, shift):
                    x = (x - center) * gain + shift
                case Affine(W, b):
                    x = W @ x + b
                case Elementwise():
                    x = jax.numpy.tanh(x)
        return x

    both = jax.jit(jax.vmap(lambda x: (one(x), jax.jacrev(one)(x))))
    return lambda x: jax.block_until_ready(both(x))


def best(work, times=5):
    work()
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def kernels(rng):
    print("y and J of rows in memory, microseconds a row")
    for name, rows in NETWORKS.items():
        net = nngrad.Network.chain(tuple(layers_of([int(n) for n in name.split("-")], rng)), int(name.split("-")[0]))
        x = rng.normal(size=(rows, net.input_size))
        ours = best(lambda net=net, x=x: net.value_and_jacobian(x)) / rows
        peer = with_jax(net)
        if peer is None:
            print(f"  {name:16} nngrad {ours * 1e6:9.3f}")
            continue
        for a, b in zip(net.value_and_jacobian(x), peer(x), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
        theirs = best(lambda peer=peer, x=x: peer(x)) / rows
        print(f"  {name:16} nngrad {ours * 1e6:9.3f}   jax {theirs * 1e6:9.3f}   ratio {theirs / ours:5.1f}")


def program(rng):
    print(f"the program, seconds (jacobian: {ROWS:,} rows of CSV to CSV)")
    sample = Path(__file__).parents[2] / "sample_models" / "fitnet"
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "x.csv")
        x = rng.uniform([600, 0, 250], [6500, 100, 320], (ROWS, 3))
        with tables.writer(table) as out:
            out.begin(("speed", "throttle", "temperature"))
            out.write(out.format(x))
        places = {"MODEL": f"{sample}.mat", "X": table, "J": os.path.join(folder, "J.csv")}
        for command in COMMANDS:
            arguments = [sys.executable, "-m", "nngrad", *(places.get(word, word) for word in command)]
            seconds = best(lambda arguments=arguments: subprocess.run(arguments, stdout=subprocess.DEVNULL, check=True), 3)
            print(f"  {command[0]:16} {seconds:6.3f}")


if __name__ == "__main__":
    generator = np.random.default_rng(1)
    kernels(generator)
    program(generator)
