"""What C and C++ take for the same jobs, where gcc and g++ are there. The rule: the bounds are
our own sources, in bounds/.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

SOURCES = Path(__file__).parent / "bounds"
FLAGS = ("-O3", "-march=native", "-ffast-math")


def there(compiler: str) -> bool:
    return shutil.which(compiler) is not None


def compiled(name: str, folder: Path) -> Path:
    """One of the sources, compiled into the folder."""
    target = folder / name
    commands = {
        "kernel": [["gcc", *FLAGS, "-shared", "-fPIC", "kernel.c", "-o", target, "-lm", "-pthread"]],
        "npy_to_npy": [["gcc", *FLAGS, "npy_to_npy.c", "-o", target, "-lm", "-pthread"]],
        "csv_to_csv": [
            ["gcc", *FLAGS, "-c", "kernel.c", "-o", folder / "kernel.o"],
            ["g++", *FLAGS, "-std=c++17", "csv_to_csv.cpp", folder / "kernel.o", "-o", target, "-lm", "-pthread"],
        ],
    }
    for command in commands[name]:
        subprocess.run(command, cwd=SOURCES, check=True)
    return target


class _Net(ctypes.Structure):
    _fields_ = (
        ("inputs", ctypes.c_int),
        ("hidden", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in ("W", "b", "v")),
        ("c", ctypes.c_double),
    )


def kernel(folded: np.ndarray, inputs: int, folder: Path) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """x -> (y, J) of a network with one hidden layer and one output, in C on two threads."""
    library = ctypes.CDLL(str(compiled("kernel", folder)))
    hidden = (len(folded) - 1) // (inputs + 2)
    W, b, v, c = np.split(folded, np.cumsum([hidden * inputs, hidden, hidden]))
    net = _Net(inputs, hidden, W.ctypes.data, b.ctypes.data, v.ctypes.data, c[0])

    def run(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y, J = np.empty(len(x)), np.empty((len(x), inputs))
        library.both_halves(
            ctypes.byref(net), *(ctypes.c_void_p(a.ctypes.data) for a in (x, y, J)), ctypes.c_size_t(len(x))
        )
        return y[:, None], J[:, None]

    run.weights = folded  # type: ignore[attr-defined]  (keeps the memory that net points to)
    return run
