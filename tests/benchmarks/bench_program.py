"""Whole processes: tables in and out, start-up, memory. The rule: from the start of a process to its end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import bounds
import networks
import numpy as np
import peers
from measure import Race, Row, Target, absolute, at_most, faster, missing, nngrad, peak, runner, shown

ROWS = 1_000_000
THAN_SCRIPTS = {"jax": 9.0, "torch": 9.0, "numpy": 6.0}
IMPORTS = "import numpy, scipy.io, click, polars"
CHECKED = 100  # lines


def model(folder: Path) -> Path:
    networks.network("S", folder)
    return folder / "S.mat"


def jacobian(folder: Path, source: Path, target: str) -> list[str]:
    return nngrad("jacobian", model(folder), "-i", source, "-o", folder / target)


def inputs(folder: Path, name: str, rows: int = ROWS) -> Path:
    """x.csv or x.npy, written once."""
    path = folder / name
    return path if path.exists() else networks.write_rows(path, "S", rows)


def csv(folder: Path) -> Iterator[Row]:
    """CSV to CSV."""
    source, work = inputs(folder, "x.csv"), f"CSV to CSV, {ROWS:,} rows x 10, process"
    ours = runner(jacobian(folder, source, "J.csv"))
    for how, (peer, needs) in peers.SCRIPTS.items():
        if not peers.installed(*needs):
            yield missing(work, peer, " and ".join(n for n in needs if not peers.installed(n)))
            continue
        target = folder / f"J_{how}.csv"
        theirs = runner([sys.executable, Path(peers.__file__), how, folder / "S.mat", source, target])
        yield one(work, ours, peer, theirs, faster(THAN_SCRIPTS[how]), 3)
        agree(folder / "J.csv", target, header=how != "numpy")
    if bounds.there("gcc") and bounds.there("g++"):
        command = [bounds.compiled("csv_to_csv", folder), weights(folder), source, folder / "J_bound.csv"]
        yield one(work, ours, "bare C++", runner(command), at_most(2.3), 7)
        agree(folder / "J.csv", folder / "J_bound.csv")


def npy(folder: Path) -> Iterator[Row]:
    """CSV to npy, and npy to npy."""
    table, array = inputs(folder, "x.csv"), inputs(folder, "x.npy")
    work = f"npy to npy, {ROWS:,} rows x 10, process"
    contest = {
        "nngrad": runner(jacobian(folder, array, "J.npy")),
        "CSV to npy": runner(jacobian(folder, table, "J_from_csv.npy")),
        "CSV to CSV": runner(jacobian(folder, table, "J.csv")),
    }
    if bounds.there("gcc"):
        contest["bare C"] = runner(
            [bounds.compiled("npy_to_npy", folder), weights(folder), array, folder / "J_bound.npy"]
        )
    race = Race(contest, 7)
    yield race.row(f"CSV to npy, {ROWS:,} rows x 10, process", "CSV to CSV", None, ours="CSV to npy")
    if "bare C" not in contest:
        yield absolute(work, race.seconds("nngrad"), "s", 0.45)
        return
    np.testing.assert_allclose(np.load(folder / "J.npy"), np.load(folder / "J_bound.npy"), rtol=1e-9, atol=1e-12)
    row = race.row(work, "bare C", at_most(3.0))
    slack = race.seconds("nngrad") <= 0.45
    yield Row(row.work, row.ours, row.peer, row.ratio, "at most 3 x, or 0.45 s", row.reached or slack)


def startup(folder: Path) -> Iterator[Row]:
    """Help, and a small job."""
    source = inputs(folder, "x_100.csv", 100)
    contest = {
        "nngrad": runner(jacobian(folder, source, "J_100.csv")),
        "help": runner(nngrad("--help")),
        "imports": runner([sys.executable, "-c", IMPORTS]),
    }
    race = Race(contest, 25)
    yield race.row("100 rows of CSV, process", "imports", at_most(1.15), "ms", 1e3)
    yield race.row("--help, process", "imports", None, "ms", 1e3, ours="help")


def memory(folder: Path) -> Iterator[Row]:
    """The most memory of a process, and that it doesn't grow."""
    for suffix in ("npy", "csv"):
        peaks = []
        for count in (ROWS, 10 * ROWS):
            source = inputs(folder, f"x_{count}.{suffix}", count)
            peaks.append(peak(jacobian(folder, source, f"J_memory.{suffix}")))
            source.unlink()
            (folder / f"J_memory.{suffix}").unlink()
            yield absolute(f"memory, {suffix} to {suffix}, {count:,} rows x 10", peaks[-1], "MiB", 200)
        growth = peaks[1] / peaks[0]
        work = f"memory, {suffix}, {10 * ROWS:,} rows against {ROWS:,}"
        yield Row(
            work,
            shown(peaks[1], "MiB"),
            shown(peaks[0], "MiB"),
            f"{growth:.2f} x",
            "within 10 %",
            abs(growth - 1) <= 0.1,
        )


def one(work: str, ours: Callable[[], None], peer: str, theirs: Callable[[], None], target: Target, rounds: int) -> Row:
    return Race({"nngrad": ours, peer: theirs}, rounds).row(work, peer, target)


def weights(folder: Path) -> Path:
    """What the bounds in C read."""
    path = folder / "weights.bin"
    peers.folded(model(folder)).tofile(path)
    return path


def agree(ours: Path, theirs: Path, header: bool = True) -> None:
    first, second = (
        partial(np.loadtxt, delimiter=",", max_rows=CHECKED)(path, skiprows=s)
        for path, s in ((ours, 1), (theirs, int(header)))
    )
    np.testing.assert_allclose(first, second, rtol=1e-9, atol=1e-12)
