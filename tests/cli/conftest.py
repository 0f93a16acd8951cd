"""The program in this process, and the sample models."""

import io
import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from nngrad.cli import run

ROOT = Path(__file__).parents[2]


class Done(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def trouble(self):
        """What was said beside that columns were taken in order."""
        return "".join(line for line in self.err.splitlines(keepends=True) if "columns taken in order" not in line)


@pytest.fixture
def nngrad(capsysbinary, monkeypatch):
    """nngrad("info", path, stdin=b"...") -> Done; never a terminal."""

    def call(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsysbinary.readouterr()
        code = run([os.fspath(a) for a in arguments])
        out, err = capsysbinary.readouterr()
        return Done(code, out.decode(), err.decode())

    return call


@pytest.fixture(scope="session")
def samples():
    return ROOT / "sample_models"


@pytest.fixture
def fitnet(samples):
    """A model and its input: 3 inputs, 1 output; the table calls its columns speed, throttle, temperature."""
    return samples / "fitnet.mat", samples / "fitnet_x.csv"


@pytest.fixture
def patternnet(samples):
    """4 inputs, 3 outputs."""
    return samples / "patternnet.mat", samples / "patternnet_x.csv"
