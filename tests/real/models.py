"""The real models and what is expected of them: their folder's index, reference values, and
MATLAB's own recorded outputs.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

MODELS = Path(os.environ.get("NNGRAD_REAL_MODELS", "no folder given"))


class Entry(NamedTuple):
    """One network of the index."""

    file: str
    network: str
    kind: str
    status: str

    def __str__(self) -> str:
        return f"{self.file}@{self.network}"

    @property
    def path(self) -> Path:
        return MODELS / self.file


def table(name: str) -> list[dict[str, str]]:
    path = MODELS / name
    if not path.is_file():
        return []
    with path.open() as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def recorded() -> list[Any]:
    """The rows of ORACLES.tsv, networks with outputs that MATLAB recorded, each a test of its own name."""
    return [pytest.param(row, id=f"{row['local_path']}@{row['network_path_in_file']}") for row in table("ORACLES.tsv")]


def entries(*kinds: str) -> list[Entry]:
    """The networks whose kind begins with one of `kinds`."""
    rows = (Entry(r["model_file"], r["variable_path"], r["kind"], r["status"]) for r in table("expected/INDEX.tsv"))
    return [e for e in rows if e.kind.startswith(kinds)]


def reference(entry: Entry) -> dict[str, np.ndarray]:
    """x, y, J and more of an entry, as computed by others."""
    for row in table("expected/INDEX.tsv"):
        if (row["model_file"], row["variable_path"]) == (entry.file, entry.network):
            name = next(v for v in row.values() if v and v.endswith(".npz"))
            with np.load(MODELS / "expected" / name, allow_pickle=False) as stored:
                return {key: stored[key] for key in stored.files}
    raise KeyError(str(entry))


def errors(y: np.ndarray, J: np.ndarray, expected: dict[str, np.ndarray], suffix: str = "") -> tuple[float, float]:
    """(y relative to the output's scale, J relative to the largest entry of its row)."""
    wanted_y, wanted_J = expected[f"y{suffix}"], expected[f"J{suffix}"]
    np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted_y))
    np.testing.assert_array_equal(np.isnan(J), np.isnan(wanted_J))
    y, J, wanted_y, wanted_J = (np.nan_to_num(a) for a in (y, J, wanted_y, wanted_J))
    rows = np.abs(wanted_J).max(axis=-1, keepdims=True)
    off = np.abs(J - wanted_J)
    worst_J = np.where(rows > 0, off / np.where(rows > 0, rows, 1.0), np.where(off > 0, np.inf, 0.0)).max(initial=0.0)
    return float(np.abs(y - wanted_y).max(initial=0.0) / (np.abs(wanted_y).max(initial=0.0) or 1.0)), float(worst_J)
