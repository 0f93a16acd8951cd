"""Where files end up: whole or not at all, both or none, never over what is protected, and
nothing left of runs that were killed.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest

from nngrad import unfinished
from nngrad.cli import run
from nngrad.errors import DataError
from nngrad.tables import files
from nngrad.tables.files import Output, together, write

from .conftest import MODEL, Start, wait_until

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX file modes and locks")
TABLE = MODEL.with_name("fitnet_x.csv")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def failing_on(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the so-manieth rename of an unfinished file fail, as it does where another program holds the target."""
    real, left = os.replace, [number]

    def replace(source: str, target: str) -> None:
        if not os.path.basename(target).startswith("."):
            left[0] -= 1
            if left[0] == 0:
                raise PermissionError(13, "Access is denied", source)
        real(source, target)

    monkeypatch.setattr(files.os, "replace", replace)


@pytest.mark.parametrize("before", [(), ("J.npy",), ("J.npy.flags.csv",), ("J.npy", "J.npy.flags.csv")], ids=" ".join)
@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize("which", [1, 2])
def test_numbers_and_flags_appear_together_or_not_at_all(tmp_path, monkeypatch, capsys, before, links, which):
    for name in before:
        (tmp_path / name).write_text(f"old {name}")
    failing_on(which, monkeypatch)
    if not links:

        def refuse(*args: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(files.os, "link", refuse)
    assert (
        run(["jacobian", str(MODEL), "-i", str(TABLE), "-o", str(tmp_path / "J.npy"), "--flags", "--by", "order"]) == 4
    )
    assert names(tmp_path) == sorted(before)
    assert all((tmp_path / name).read_text() == f"old {name}" for name in before)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "access is denied; close it where else it is open" in err
    assert not unfinished.paths


def test_both_files_are_replaced(tmp_path):
    for name in ("J.npy", "J.npy.flags.csv"):
        (tmp_path / name).write_text("old")
    assert run(["jacobian", str(MODEL), "-i", str(TABLE), "-o", str(tmp_path / "J.npy"), "--flags"]) == 0
    assert names(tmp_path) == ["J.npy", "J.npy.flags.csv"]
    assert len(np.load(tmp_path / "J.npy")) == (tmp_path / "J.npy.flags.csv").read_text().count("\n") - 1


def test_flags_are_never_written_over_the_input(tmp_path, capsys):
    table = tmp_path / "J.npy.flags.csv"
    table.write_bytes(TABLE.read_bytes())
    assert run(["jacobian", str(MODEL), "-i", str(table), "-o", str(tmp_path / "J.npy"), "--flags"]) == 2
    assert "would be replaced" in capsys.readouterr().err
    assert table.read_bytes() == TABLE.read_bytes()
    assert names(tmp_path) == ["J.npy.flags.csv"]


def test_a_failure_between_two_outputs_leaves_neither(tmp_path):
    def fails() -> None:
        with together():
            write(str(tmp_path / "a"), b"a")
            assert names(tmp_path) != ["a"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert names(tmp_path) == []
    assert not unfinished.paths


@posix
@pytest.mark.parametrize(
    "command",
    [
        ["predict", "-i", str(TABLE), "-o"],
        ["jacobian", "-i", str(TABLE), "--format", "npy", "-o"],
        ["emit", "--to", "python", "-o"],
        ["convert"],
    ],
    ids=lambda command: command[0],
)
def test_a_file_that_is_read_only_is_not_replaced(tmp_path, capsys, command):
    target = tmp_path / {"emit": "old.py", "convert": "old.h5"}.get(command[0], "old.csv")
    target.write_text("old")
    target.chmod(0o444)
    name, *options = command
    assert run([name, str(MODEL), *options, str(target)]) == 4
    assert "is read-only" in capsys.readouterr().err
    assert target.read_text() == "old"
    assert stat.S_IMODE(target.stat().st_mode) == 0o444
    assert names(tmp_path) == [target.name]


@posix
def test_the_flags_of_a_file_that_is_read_only(tmp_path):
    side = tmp_path / "J.npy.flags.csv"
    side.write_text("old")
    side.chmod(0o444)
    assert (
        run(["jacobian", str(MODEL), "-i", str(TABLE), "-o", str(tmp_path / "J.npy"), "--flags", "--by", "order"]) == 4
    )
    assert names(tmp_path) == [side.name]


def test_what_is_left_of_a_killed_run_is_swept_by_the_next_for_that_name(
    start: Start, endless: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("J.csv", "K.csv"):
        process = start("jacobian", MODEL, "-i", endless, "-o", folder / name)
        wait_until(lambda name=name: any(path.name.startswith(f".{name}.") for path in folder.iterdir()))
        process.kill()
        process.wait()
    assert len(names(folder)) == 2
    (folder / ".J.csv.tmp").write_text("somebody's own")
    assert run(["predict", str(MODEL), "-i", str(TABLE), "-o", str(folder / "J.csv")]) == 0
    left = names(folder)
    assert left[:1] == [".J.csv.tmp"]
    assert left[1].startswith(".K.csv.")
    assert left[2:] == ["J.csv"]


def test_what_a_living_run_is_writing_is_not_swept(start: Start, tmp_path: Path) -> None:
    target = tmp_path / "J.csv"
    slow = start("jacobian", MODEL, "-q", "-o", target, stdin=subprocess.PIPE)
    assert slow.stdin is not None
    slow.stdin.write(b"speed,throttle,temperature\n" + b"3000.5,50.25,300.125\n" * 100_000)
    slow.stdin.flush()
    wait_until(lambda: names(tmp_path))
    assert run(["predict", str(MODEL), "-i", str(TABLE), "-o", str(target)]) == 0
    assert target.read_text().startswith("y1\n")
    assert len(names(tmp_path)) == 2
    assert slow.communicate(timeout=60)[1] == b""
    assert slow.returncode == 0
    assert names(tmp_path) == ["J.csv"]
    assert target.read_text().startswith("dy1/dspeed,")


def test_many_runs_for_one_target_all_end_well(start: Start, tmp_path: Path) -> None:
    target = tmp_path / "J.npy"
    running = [start("jacobian", MODEL, "-q", "-i", TABLE, "-o", target, "--flags") for _ in range(6)]
    assert [(process.communicate(timeout=120)[1], process.returncode) for process in running] == [(b"", 0)] * 6
    assert names(tmp_path) == ["J.npy", "J.npy.flags.csv"]


@pytest.mark.skipif(files.fcntl is None, reason="without locks")
def test_a_file_that_was_swept_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    claimed, swept = files._claimed, []

    def late(number: int, path: str) -> bool:
        if not swept:
            swept.append(path)
            files._remove_if_left(path)
        return claimed(number, path)

    monkeypatch.setattr(files, "_claimed", late)
    write(str(tmp_path / "a"), b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert names(tmp_path) == ["a"]
    assert swept


def test_without_locks_only_what_has_rested_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)
    old, new = tmp_path / ".a.00000000.tmp", tmp_path / ".a.11111111.tmp"
    old.write_text("left")
    new.write_text("perhaps being written")
    os.utime(old, (1, 1))
    write(str(tmp_path / "a"), b"whole")
    assert names(tmp_path) == [new.name, "a"]


def test_links_and_folders_of_such_a_name_are_left_alone(tmp_path):
    other = tmp_path / "other"
    other.write_text("kept")
    os.symlink(other, tmp_path / ".a.00000000.tmp")
    (tmp_path / ".a.11111111.tmp").mkdir()
    write(str(tmp_path / "a"), b"whole")
    assert other.read_text() == "kept"
    assert (tmp_path / ".a.11111111.tmp").is_dir()


def test_a_folder_of_many_outputs_is_looked_through_seldom(tmp_path, monkeypatch):
    looked, real = [], os.listdir

    def listdir(path: str) -> list[str]:
        looked.append(path)
        return real(path)

    for k in range(3000):
        (tmp_path / f"{k}.csv").touch()
    monkeypatch.setattr(files.os, "listdir", listdir)
    for k in range(50):
        write(str(tmp_path / f"{k}.csv"), b"")
    assert len(looked) < 25


@pytest.mark.parametrize("name", ["\u03b1" * 120 + ".csv", "x" * 230 + ".csv"])
def test_long_names(tmp_path, name):
    write(str(tmp_path / name), b"whole")
    assert names(tmp_path) == [name]


def test_a_folder_that_is_missing_is_wrong_data():
    with pytest.raises(DataError, match="make it first"):
        Output(os.path.join("nowhere", "a.csv"))


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_two_files_at_once_and_a_signal(start: Start, endless: Path, tmp_path: Path, number: int) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "J.npy").write_text("old")
    process = start("jacobian", MODEL, "-i", endless, "-o", folder / "J.npy", "--flags")
    wait_until(lambda: len(names(folder)) == 3)
    process.send_signal(number)
    err = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + number
    assert err == (b"nngrad: interrupted\n" if number == signal.SIGINT else b"")
    assert names(folder) == ["J.npy"]
    assert (folder / "J.npy").read_text() == "old"
