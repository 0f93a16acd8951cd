"""Every command ends with the exit code that the README's table gives for what went wrong, and one line at most."""

import contextlib
import os
import subprocess
import sys

import pytest

from nngrad.cli import run
from nngrad.cli.group import COMMANDS

MODEL, TABLE = "fitnet.mat", "fitnet_x.csv"

# Each command that reads a model, ready to run, with its input and output as far as it has them.
READY = {
    "info": [],
    "predict": ["-i", TABLE],
    "jacobian": ["-i", TABLE],
    "gradient": ["-i", TABLE],
    "hessian": ["-i", TABLE],
    "jvp": ["-i", TABLE, "--direction", "1,1,1"],
    "vjp": ["-i", TABLE, "--weighting", "1"],
    "check": ["-i", TABLE],
    "verify": ["-i", TABLE, "--expect", "y.csv"],
    "emit": ["--to", "python", "-o", "out.py"],
    "convert": ["out.h5"],
}
READING = [name for name, words in READY.items() if "-i" in words]
WRITING = [name for name in READING if name not in ("check", "verify")]
SHOWING = [*(name for name in READY if name != "convert"), "export-script", "samples"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, samples):
    """A folder with a model, a table, and things that are neither."""
    monkeypatch.chdir(tmp_path)
    for name in (MODEL, TABLE):
        (tmp_path / name).write_bytes((samples / name).read_bytes())
    rows = (tmp_path / TABLE).read_text().count("\n") - 1
    (tmp_path / "y.csv").write_text("y1\n" + "1.5\n" * rows)  # which the model doesn't give
    for name in ("empty.mat", "empty.h5", "empty.csv"):
        (tmp_path / name).touch()
    for name in ("folder", "folder.mat"):
        (tmp_path / name).mkdir()
    before = sorted(os.listdir())
    yield tmp_path
    assert [name for name in os.listdir() if name.startswith(".")] == []
    assert set(before) <= set(os.listdir())


def test_every_command_is_here():
    assert set(READY) | {"export-script", "samples"} == set(COMMANDS)


def ends(arguments, code, capsys):
    assert run(list(map(str, arguments))) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nngrad: ")
    assert err.count("\n") == 1
    assert "bug" not in err


@pytest.mark.parametrize("model", ["missing.mat", "empty.mat", "empty.h5", "folder", "folder.mat", TABLE])
@pytest.mark.parametrize("command", READY)
def test_a_model_that_is_none_is_3(capsys, command, model):
    ends([command, model, *READY[command]], 3, capsys)


@pytest.mark.parametrize("command", READY)
def test_a_model_that_may_not_be_read_is_3(capsys, command):
    with unreadable(MODEL):
        ends([command, MODEL, *READY[command]], 3, capsys)


@contextlib.contextmanager
def unreadable(name):
    """What a file's mode does to everybody but root, who is somebody else meanwhile."""
    os.chmod(name, 0)
    os.chmod(".", 0o777)
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("source", ["missing.csv", "empty.csv", "folder", "fitnet.mat:nothing", "missing*.csv"])
@pytest.mark.parametrize("command", READING)
def test_an_input_that_is_none_is_4(capsys, command, source):
    ends([command, MODEL, *(source if word == TABLE else word for word in READY[command])], 4, capsys)


@pytest.mark.parametrize("command", READING)
def test_an_input_that_may_not_be_read_is_4(capsys, command):
    with unreadable(TABLE):
        ends([command, MODEL, *READY[command]], 4, capsys)


@pytest.mark.parametrize("command", READING)
def test_a_closed_standard_input_is_4(command):
    words = ["-" if word == TABLE else word for word in READY[command]]
    process = shell([command, MODEL, *words], "<&-")
    assert (process.returncode, process.stderr.count(b"\n")) == (4, 1)


@pytest.mark.parametrize("target", ["nowhere/out", "taken", "locked"])
@pytest.mark.parametrize("suffix", [".csv", ".npy", ".h5"])
@pytest.mark.parametrize("command", WRITING)
def test_an_output_that_can_not_be_written_is_4(capsys, command, target, suffix):
    if target == "taken":
        os.makedirs(f"taken{suffix}/fitnet_x{suffix}")  # a folder where the file is to be
    if target == "locked":
        open(f"locked{suffix}", "w").close()
        os.chmod(f"locked{suffix}", 0o444)
    ends([command, MODEL, *READY[command], "-q", "-o", f"{target}{suffix}", "--format", suffix[1:]], 4, capsys)


@pytest.mark.parametrize(
    ("command", "target"),
    [
        ("convert", "nowhere/out.h5"),
        ("convert", "folder.mat"),
        ("emit", "empty.csv/out.py"),
        ("export-script", "nowhere/out.m"),
    ],
)
def test_another_output_that_can_not_be_written_is_4(capsys, command, target):
    words = {
        "convert": [MODEL, target],
        "emit": [MODEL, "--to", "python", "-o", target],
        "export-script": ["-o", target],
    }[command]
    ends([command, *words], 4, capsys)


def shell(words, streams):
    """A run with some of its standard streams closed or full."""
    command = f'exec "$@" {streams}'
    return subprocess.run(["sh", "-c", command, "sh", sys.executable, "-m", "nngrad", *words], capture_output=True)


def showing(command):
    """As READY, to standard output."""
    words = [] if command in ("export-script", "samples") else [MODEL, *READY[command]]
    order = ["--by", "order"] if command in READING else []  # or it would be said
    return [command, *(word for word in words if word not in ("-o", "out.py")), *order]


needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")


@needs_full
@pytest.mark.parametrize("command", SHOWING)
def test_standard_output_that_is_full_or_closed_is_4(command):
    for streams, words in ((">/dev/full", b"no space left on device"), (">&-", b"standard output: is closed")):
        done = shell(showing(command), streams)
        assert done.returncode == 4
        assert words in done.stderr
        assert done.stderr.count(b"\n") == 1


@needs_full
@pytest.mark.parametrize("command", SHOWING)
def test_standard_error_that_is_full_or_closed_changes_no_exit_code(command):
    expected = 1 if command == "verify" else 0
    for streams in ("2>/dev/full", "2>&-"):
        assert shell(showing(command), streams).returncode == expected
        assert shell([command, "--no-such-option"], streams).returncode == 2
        assert shell(["info", "missing.mat"], streams).returncode == 3
        assert shell(["info", MODEL], f">/dev/full {streams}").returncode == 4


@pytest.mark.parametrize("streams", [">&- 2>&-", "<&- >&- 2>&-", "<&-"])
def test_with_a_file_to_write_closed_streams_do_no_harm(streams):
    done = shell(["predict", MODEL, "-q", "-i", TABLE, "-o", "y.csv"], streams)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    with open("y.csv") as file:
        assert file.readline() == "y1\n"


def test_what_a_check_found_is_1(capsys):
    assert run(["verify", MODEL, "-q", *READY["verify"]]) == 1
    out, err = capsys.readouterr()
    assert "NOT REPRODUCED" in out
    assert err == ""
