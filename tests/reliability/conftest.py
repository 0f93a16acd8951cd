"""Whole processes, and an input that none of them gets through in the time of a test."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "sample_models" / "fitnet.mat"  # 3 inputs, 1 output
HOURS = 200_000_000  # rows: a file with a hole, which takes no space

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """start("jacobian", ...) -> the running program; whatever is still running at the end is killed."""
    running = []

    def begin(*arguments: object, before: tuple[str, ...] = (), **streams: Any) -> subprocess.Popen[bytes]:
        words = [*before, sys.executable, "-m", "nngrad", *map(str, arguments)]
        running.append(subprocess.Popen(words, stderr=subprocess.PIPE, cwd=ROOT, **streams))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """An .npy file of zeros, of 3 columns and very many rows."""
    from nngrad.tables.npy import header

    path = tmp_path / "endless.npy"
    start = header((HOURS, 3))
    with open(path, "wb") as file:
        file.write(start)
        file.truncate(len(start) + HOURS * 3 * 8)
    return path


def some_rows(count: int) -> np.ndarray:
    """Inputs of the model."""
    return np.random.default_rng(7).uniform([600, 0, 250], [6500, 100, 320], (count, 3))


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds} s"
        time.sleep(0.01)
