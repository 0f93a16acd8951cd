"""A run that ends early, whatever ends it: the old file stays, nothing else is left, and the exit
code says what it was.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nngrad.tables import WRITERS

from .conftest import MODEL, Start, wait_until

SUFFIXES = [f.suffixes[0] for f in WRITERS if f.name != "mat"]  # which is collected in memory and ends at 2 GiB
WRITTEN = 100_000  # bytes of the unfinished file: the workers are at it

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


def unfinished(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def size(path: Path) -> int:
    """Of a file, which may have got its final name in the meantime."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def busy(folder: Path, process: subprocess.Popen[bytes]) -> bool:
    """Whether some of the result is in the unfinished file (npz collects its in a file without a name)."""
    assert process.poll() is None, process.communicate()[1]
    return any(size(path) > WRITTEN for path in unfinished(folder)) or nameless(folder, process.pid) > WRITTEN


def nameless(folder: Path, pid: int) -> int:
    """The size of files in the folder that a process has open and that have no name any more."""
    most = 0
    for entry in Path(f"/proc/{pid}/fd").glob("*") if sys.platform == "linux" else ():
        try:
            target = os.readlink(entry)
            if target.startswith(str(folder)) and target.endswith(" (deleted)"):
                most = max(most, entry.stat().st_size)
        except OSError:
            continue
    return most


def ended(start: Start, endless: Path, target: Path, number: int) -> tuple[int, str]:
    """Exit code and messages of a run that gets a signal while it is at work."""
    target.parent.mkdir()
    target.write_text("old")
    process = start("jacobian", MODEL, "-i", endless, "-o", target, "--threads", 3)
    wait_until(lambda: busy(target.parent, process))
    begin = time.monotonic()
    process.send_signal(number)
    err = process.communicate(timeout=60)[1].decode()
    assert time.monotonic() - begin < 10
    return process.returncode, err


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_control_c_at_work(start: Start, endless: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "out" / f"J{suffix}"
    code, err = ended(start, endless, target, signal.SIGINT)
    assert code in (
        130,
        -signal.SIGINT,
    )  # Python ends by the signal where it hit code that is made at run time; a shell says 130 for both
    assert err == "nngrad: interrupted\n"
    assert list(target.parent.iterdir()) == [target]
    assert target.read_text() == "old"


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".h5", ".parquet"])
def test_terminated_at_work(start: Start, endless: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "out" / f"J{suffix}"
    assert ended(start, endless, target, signal.SIGTERM) == (143, "")
    assert list(target.parent.iterdir()) == [target]
    assert target.read_text() == "old"


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".h5", ".parquet"])
def test_killed_at_work(start: Start, endless: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "out" / f"J{suffix}"
    assert ended(start, endless, target, signal.SIGKILL) == (-signal.SIGKILL, "")
    assert target.read_text() == "old"
    assert len(unfinished(target.parent)) == 1
    assert unfinished(target.parent)[0].name.startswith(f".J{suffix}.")
    assert unfinished(target.parent)[0].name.endswith(".tmp")


def test_a_run_after_one_that_was_killed(start: Start, endless: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "J.csv"
    ended(start, endless, target, signal.SIGKILL)
    process = start("jacobian", MODEL, "-i", MODEL.with_name("fitnet_x.csv"), "-o", target, "--by", "order")
    assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 0
    assert target.read_text().startswith("dy1/dspeed,")


def test_control_c_again_and_again(start: Start, endless: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "J.csv"
    target.parent.mkdir()
    target.write_text("old")
    process = start("jacobian", MODEL, "-i", endless, "-o", target)
    wait_until(lambda: busy(target.parent, process))
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def test_control_c_between_several_inputs_leaves_the_finished_ones(start: Start, endless: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    process = start(
        "jacobian", MODEL, "-i", MODEL.with_name("fitnet_x.csv"), "-i", endless, "-o", f"{folder}/", "--by", "order"
    )
    wait_until(lambda: folder.exists() and busy(folder, process))
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert process.returncode in (130, -signal.SIGINT)
    assert err == b"nngrad: interrupted\n"
    assert [path.name for path in folder.iterdir()] == ["fitnet_x.csv"]


@pytest.mark.parametrize("format_", ["csv", "tsv", "ndjson", "npy"])
def test_a_reader_that_goes_away_in_the_middle(start: Start, endless: Path, format_: str) -> None:
    process = start("jacobian", MODEL, "-i", endless, "--format", format_, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert len(process.stdout.read(3_000_000)) == 3_000_000
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(60) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_process_is_ever_started(start: Start, endless: Path, tmp_path: Path) -> None:
    """So none can be left over."""
    (tmp_path / "out").mkdir()
    process = start("jacobian", MODEL, "-i", endless, "-o", tmp_path / "out" / "J.csv", "--threads", 4)
    wait_until(lambda: busy(tmp_path / "out", process))
    tasks = list(Path(f"/proc/{process.pid}/task").iterdir())
    assert len(tasks) >= 4
    assert all((task / "children").read_text() == "" for task in tasks)
