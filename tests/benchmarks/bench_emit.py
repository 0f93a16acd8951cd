"""Emitted C against the C that CasADi generates for the same function: one call of y and J, same compiler and flags,
one process.

CasADi may live in an environment of its own, whose Python the variable CASADI_PYTHON names. The rule: both
functions are called in turns on the same inputs, the best of nine rounds counts, and only their ratio means anything.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import bounds
import networks
import numpy as np
from measure import Row, at_most, missing

import nngrad
from nngrad import load
from nngrad.core.layers import Affine, Scale

CASES = {"S": (at_most(1.0), 100_000), "M": (at_most(0.3), 3_000)}
FLAGS = ("-O2", "-O3", "-O3 -march=native")
KINDS = ("SX", "MX")  # CasADi's two graphs: scalar by scalar, and matrix by matrix
MOST_SCALARS = 1000  # weights up to which the scalar graph is tried: beyond, its C takes minutes to compile

GENERATE = """
import sys
import casadi as ca, numpy as np
kind, stored = sys.argv[1], np.load("weights.npz")
x = getattr(ca, kind).sym("x", int(stored["inputs"]))
a = x
for k in range(int(stored["layers"])):
    part = lambda name: ca.DM(stored[f"{name}{k}"])
    if f"W{k}" in stored:
        a = part("W") @ a + part("b")
    elif f"gain{k}" in stored:
        a = (a - part("center")) * part("gain") + part("shift")
    else:
        a = ca.tanh(a)
ca.Function("peer", [x], [a, ca.jacobian(a, x)]).generate("peer.c")
"""
MAIN = """
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "ours.h"
int peer(const double **arguments, double **results, long long *iw, double *w, int memory);
static double x[256][N], y[M], J[M*N], peer_y[M], peer_J[M*N], w[1000000];
static long long iw[1000];
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec + 1e-9*(double)t.tv_nsec; }
int main(void)
{
    const double *arguments[8];
    double *results[8] = {peer_y, peer_J}, best[2] = {1e9, 1e9}, off = 0.0, scale = 0.0;
    FILE *file = fopen("x.bin", "rb");
    if (!file || fread(x, sizeof(double), 256*N, file) != 256*N) { return 9; }
    for (int round = 0; round < 9; ++round) {
        double begin = now();
        for (int k = 0; k < CALLS; ++k) { ours(x[k & 255], y, J); }
        double middle = now();
        for (int k = 0; k < CALLS; ++k) { arguments[0] = x[k & 255]; peer(arguments, results, iw, w, 0); }
        double end = now();
        best[0] = fmin(best[0], (middle - begin)/CALLS);
        best[1] = fmin(best[1], (end - middle)/CALLS);
    }
    for (int i = 0; i < M; ++i) {
        for (int j = 0; j < N; ++j) {
            off = fmax(off, fabs(J[i*N + j] - peer_J[j*M + i]));
            scale = fmax(scale, fabs(J[i*N + j]));
        }
    }
    printf("%.9g %.9g %.3g\\n", 1e6*best[0], 1e6*best[1], off/scale);
    return 0;
}
"""


def emit(folder: Path) -> Iterator[Row]:
    """Emitted C, a call."""
    python = os.environ.get("CASADI_PYTHON", sys.executable)
    if not bounds.there("gcc") or subprocess.run([python, "-c", "import casadi"], capture_output=True).returncode:
        yield missing("emitted C", "CasADi", "gcc or casadi")
        return
    for name in CASES:
        yield from measured(name, python)


def measured(name: str, python: str) -> list[Row]:
    """One network with every graph of CasADi and all flags."""
    target, calls = CASES[name]
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        net = load(networks.write(name, folder))
        for file, contents in nngrad.emit(net, "c", "ours").items():
            (folder / file).write_bytes(contents)
        lower, upper = networks.ranges(name)
        np.random.default_rng(3).uniform(lower, upper, (256, len(lower))).tofile(folder / "x.bin")
        np.savez(folder / "weights.npz", **weights(net))
        sizes = {"N": net.input_size, "M": net.output_size, "CALLS": calls}
        (folder / "main.c").write_text("".join(f"#define {word} {value}\n" for word, value in sizes.items()) + MAIN)
        small = sum(node.layer.W.size for node in net.layers if isinstance(node.layer, Affine)) <= MOST_SCALARS
        for kind in KINDS if small else KINDS[1:]:
            subprocess.run([python, "-c", GENERATE, kind], cwd=folder, check=True)
            for flags in FLAGS:
                compile_ = ["gcc", "-std=gnu11", *flags.split(), "main.c", "ours.c", "peer.c", "-o", "race", "-lm"]
                subprocess.run(compile_, cwd=folder, check=True)
                done = subprocess.run(["./race"], cwd=folder, check=True, capture_output=True, text=True)
                ours, peer, off = map(float, done.stdout.split())
                assert off < 1e-11, off
                ratio, work = ours / peer, f"emitted C, {networks.LABELS[name]}, {flags}"
                shown = f"CasADi {kind}: {peer:.3g} us"
                rows.append(Row(work, f"{ours:.3g} us", shown, f"{ratio:.2f} x", str(target), target.reached(ratio)))
    return rows


def weights(net) -> dict[str, np.ndarray]:
    """The numbers of a chain of affine layers, scales and tansig, by layer."""
    found = {"inputs": np.array(net.input_size), "layers": np.array(len(net.layers))}
    for k, node in enumerate(net.layers):
        kept = {Affine: ("W", "b"), Scale: ("gain", "center", "shift")}.get(type(node.layer), ())
        found |= {f"{name}{k}": getattr(node.layer, name) for name in kept}
    return found
