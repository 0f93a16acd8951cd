"""Tables of unusual shapes through the whole program, from every format into every format; NaN;
the number of threads.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import openpyxl
import polars as pl
import pytest

import nngrad
from nngrad import tables
from nngrad.cli import run
from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise
from nngrad.tables import READERS, WRITERS

from .conftest import MODEL, some_rows

NAMES = ("speed", "throttle", "temperature")
READ, WRITTEN = [f.suffixes[0] for f in READERS], [f.suffixes[0] for f in WRITERS]


def save_arrow(path: Path, table: np.ndarray, names: tuple[str, ...]) -> None:
    pl.DataFrame(table, schema=list(names)).write_ipc(path)


def save_xlsx(path: Path, table: np.ndarray, names: tuple[str, ...]) -> None:
    """Numbers as texts: as numbers, openpyxl would write 16 digits of them."""
    book = openpyxl.Workbook()
    for row in [names, *([repr(value) for value in row] for row in table.tolist())]:
        book.active.append(row)
    book.save(path)


READ_ONLY = {".arrow": save_arrow, ".xlsx": save_xlsx}


def save(path: Path, table: np.ndarray, names: tuple[str, ...] = NAMES) -> Path:
    if path.suffix in READ_ONLY:
        READ_ONLY[path.suffix](path, table, names)
        return path
    with tables.writer(path) as out:
        out.begin(names)
        out.write(out.format(table))
    return path


def read(path: Path, columns: int) -> np.ndarray:
    """The numbers of a table; arrays of more than two dimensions flattened to one row for each sample."""
    if path.suffix == ".npy":
        return np.load(path).reshape(-1, columns)
    if path.suffix == ".npz":
        return np.load(path)["J"].reshape(-1, columns)
    if path.suffix == ".mat":
        from scipy.io import loadmat

        return loadmat(path)["J"].reshape(-1, columns)
    if path.suffix == ".h5":
        import h5py

        with h5py.File(path) as file:
            return file["J"][()].reshape(-1, columns)
    if path.stat().st_size == 0:
        return np.empty((0, columns))
    with tables.reader(path) as rows:
        parts = [rows.parse(chunk).x for chunk in rows.chunks()]
    return np.concatenate([np.empty((0, columns)), *parts])


def network(folder: Path, n: int, m: int) -> Path:
    """A saved network of n inputs, 4 hidden units and m outputs."""
    r = np.random.default_rng(3)
    hidden, output = Affine(r.normal(size=(4, n)), r.normal(size=4)), Affine(r.normal(size=(m, 4)), np.zeros(m))
    path = folder / "net.h5"
    nngrad.save(nngrad.Network.chain((hidden, Elementwise(BY_NAME["tansig"]), output)), path)
    return path


@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize("target", WRITTEN)
@pytest.mark.parametrize("source", [s for s in READ if s != ".tsv"])
def test_few_rows(tmp_path: Path, source: str, target: str, rows: int) -> None:
    if source == ".ndjson" and not rows:
        pytest.skip("without rows it has no names, and is refused as empty")
    x = some_rows(rows)
    table, result = save(tmp_path / f"x{source}", x), tmp_path / f"J{target}"
    expected = nngrad.load(MODEL).jacobian(x).reshape(rows, 3)
    assert run(["jacobian", str(MODEL), "-i", str(table), "-o", str(result), *_samples(source, rows)]) == 0
    np.testing.assert_array_equal(read(result, 3), expected)


def _samples(source: str, rows: int) -> tuple[str, ...]:
    return ("--samples", "rows") if source == ".mat" else ()


@pytest.mark.parametrize("target", WRITTEN)
def test_one_column_in_and_out(tmp_path: Path, target: str) -> None:
    net, x = network(tmp_path, 1, 1), np.linspace(-2, 2, 7)[:, None]
    save(tmp_path / "x.csv", x, ("x1",))
    assert run(["jacobian", str(net), "-i", str(tmp_path / "x.csv"), "-o", str(tmp_path / f"J{target}")]) == 0
    np.testing.assert_array_equal(read(tmp_path / f"J{target}", 1), nngrad.load(net).jacobian(x).reshape(7, 1))


@pytest.mark.parametrize("target", [".csv", ".npy", ".h5", ".parquet", ".ndjson"])
@pytest.mark.parametrize("source", [".csv", ".npy"])
def test_ten_thousand_columns_in_and_out(tmp_path: Path, source: str, target: str) -> None:
    wide = 10_000
    net, x = network(tmp_path, wide, 2), np.random.default_rng(1).normal(size=(3, wide))
    table = save(tmp_path / f"x{source}", x, tuple(f"x{k}" for k in range(1, wide + 1)))
    assert run(["jacobian", str(net), "-i", str(table), "-o", str(tmp_path / f"J{target}")]) == 0
    np.testing.assert_array_equal(read(tmp_path / f"J{target}", 2 * wide), nngrad.load(net).jacobian(x).reshape(3, -1))


def test_line_ends_of_windows_change_no_byte(tmp_path: Path) -> None:
    table = save(tmp_path / "x.csv", some_rows(30_000))
    (tmp_path / "windows.csv").write_bytes(table.read_bytes().replace(b"\n", b"\r\n"))
    for name in ("x", "windows"):
        assert (
            run(["jacobian", str(MODEL), "-i", str(tmp_path / f"{name}.csv"), "-o", str(tmp_path / f"J_{name}.csv")])
            == 0
        )
    assert (tmp_path / "J_x.csv").read_bytes() == (tmp_path / "J_windows.csv").read_bytes()


@pytest.mark.parametrize("suffix", [".csv", ".npy", ".parquet", ".mat", ".h5", ".ndjson"])
def test_nan_stays_in_its_row(tmp_path: Path, suffix: str) -> None:
    x = some_rows(5000)
    holes = x.copy()
    holes[7, 1] = holes[4321] = np.nan
    J = []
    for name, table in (("whole", x), ("holes", holes)):
        save(tmp_path / f"{name}{suffix}", table)
        assert (
            run(
                [
                    "jacobian",
                    str(MODEL),
                    "-i",
                    str(tmp_path / f"{name}{suffix}"),
                    "-o",
                    str(tmp_path / f"J_{name}{suffix}"),
                ]
            )
            == 0
        )
        J.append(read(tmp_path / f"J_{name}{suffix}", 3))
    assert np.isnan(J[1][[7, 4321]]).all()
    others = np.delete(np.arange(5000), [7, 4321])
    np.testing.assert_array_equal(J[1][others], J[0][others])
    assert not np.isnan(J[0]).any()


@pytest.mark.parametrize("command", ["jacobian", "hessian"])
@pytest.mark.parametrize("target", WRITTEN)
def test_no_byte_depends_on_the_number_of_threads(tmp_path: Path, target: str, command: str) -> None:
    table = save(tmp_path / "x.csv", some_rows(70_000 if command == "jacobian" else 20_000))
    seen = set()
    for threads in "1", "2", "3", "7":
        result = tmp_path / f"J{target}"
        assert run([command, str(MODEL), "-i", str(table), "-o", str(result), "--threads", threads]) == 0
        seen.add(result.read_bytes())
    assert len(seen) == 1


@pytest.mark.parametrize("source", [".csv", ".npy", ".npz", ".parquet", ".h5", ".ndjson"])
def test_a_damaged_input_leaves_no_thread_and_no_file(tmp_path: Path, source: str) -> None:
    table = save(tmp_path / f"x{source}", some_rows(200_000))
    data = table.read_bytes()
    middle = len(data) // 2
    table.write_bytes(data[:middle] + b"\0damaged" * 100 if source in (".csv", ".ndjson") else data[:middle])
    assert run(["jacobian", str(MODEL), "-i", str(table), "-o", str(tmp_path / "J.csv"), "--threads", "3"]) == 4
    assert list(tmp_path.iterdir()) == [table]
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("nngrad")]


def test_an_unreadable_second_input_of_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "abc":
        save(tmp_path / f"{name}.npy", some_rows(1000))
    (tmp_path / "b.npy").write_bytes((tmp_path / "b.npy").read_bytes()[:5000])
    result = tmp_path / "out"
    result.mkdir()
    (result / "b.csv").write_text("old")
    assert run(["jacobian", str(MODEL), "-i", str(tmp_path / "*.npy"), "-o", f"{result}/"]) == 5
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2
    assert "b.npy: ends after" in err[0]
    assert sorted(path.name for path in result.iterdir()) == ["a.csv", "b.csv", "c.csv"]
    assert (result / "b.csv").read_text() == "old"
    assert (result / "a.csv").read_bytes() == (result / "c.csv").read_bytes()


def test_a_gigabyte_of_csv(tmp_path: Path) -> None:
    """Every row's result, and memory that the size of the file doesn't show in."""
    if shutil.disk_usage(tmp_path).free < 4_000_000_000:
        pytest.skip("there is no room for the files")
    block, repeats = some_rows(500_000), 36
    with tables.writer(tmp_path / "x.csv") as out:
        out.begin(NAMES)
        piece = out.format(block)
        for _ in range(repeats):
            out.write(piece)
    assert (tmp_path / "x.csv").stat().st_size > 900_000_000
    command = [sys.executable, "-m", "nngrad", "jacobian", MODEL, "-i", tmp_path / "x.csv", "-o", tmp_path / "J.csv"]
    process, most = subprocess.Popen([str(word) for word in command]), 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        most = int(status.split("VmHWM:")[1].split()[0]) if "VmHWM:" in status else most
        time.sleep(0.02)
    assert process.returncode == 0
    assert most < 195_000  # KiB: 200 MB
    expected = nngrad.load(MODEL).jacobian(block).reshape(-1, 3)
    with tables.reader(tmp_path / "J.csv") as rows:
        done = 0
        for chunk in rows.chunks():
            J = rows.parse(chunk).x
            places = np.arange(done, done + len(J)) % len(block)
            np.testing.assert_allclose(J, expected[places], rtol=1e-13)
            done += len(J)
    assert done == repeats * len(block)
