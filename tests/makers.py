"""Networks for tests, made by the script that makes the sample models, saved and read back as a
user's file would be.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from scipy.io import savemat

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "sample_models"


def script(name: str):
    """A script of sample_models as a module."""
    spec = importlib.util.spec_from_file_location(name, SAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def damaged(data: bytes, rng, start: int, most: int) -> bytes:
    """Some bytes from `start` on, fewer than `most`, replaced by others."""
    broken = bytearray(data)
    for position in rng.integers(start, len(broken), rng.integers(1, most)):
        broken[position] = rng.integers(256)
    return bytes(broken)


def saved(folder: Path, **variables) -> Path:
    path = folder / "made.mat"
    savemat(path, variables)
    return path
