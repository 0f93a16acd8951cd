"""Pipes, terminals, signals: what only a process of its own can show."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

PROGRAM = [sys.executable, "-m", "nngrad"]


def start(*arguments, **streams):
    return subprocess.Popen([*PROGRAM, *map(str, arguments)], stderr=subprocess.PIPE, **streams)


def many_rows(path, rows=200_000):
    path.write_text("speed,throttle,temperature\n" + "3000.5,50.25,300.125\n" * rows)
    return path


def test_a_closed_pipe_ends_quietly(fitnet, tmp_path):
    table = many_rows(tmp_path / "x.csv")
    process = start("jacobian", fitnet[0], "-i", table, "--by", "order", stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"dy1/dspeed,dy1/dthrottle,dy1/dtemperature\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(20) == 0
    process.stderr.close()


def test_a_pipe_that_is_closed_from_the_beginning_ends_quietly(fitnet):
    reading, writing = os.pipe()
    os.close(reading)
    process = start("info", fitnet[0], stdout=writing)
    os.close(writing)
    assert process.communicate(timeout=20)[1] == b""
    assert process.returncode == 0


@pytest.mark.parametrize("command", ["info", "predict"])
def test_a_full_disk_is_exit_4_with_one_line(fitnet, command):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    with open("/dev/full", "wb") as full:
        process = start(
            command, fitnet[0], *(() if command == "info" else ("-i", fitnet[1], "--by", "order")), stdout=full
        )
        err = process.communicate(timeout=20)[1].decode()
    assert process.returncode == 4
    assert err.count("\n") == 1
    assert "no space left" in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_rows_come_slowly_leaves_no_file(fitnet, tmp_path, number, code):
    target = tmp_path / "J.csv"
    target.write_text("old")
    process = start("jacobian", fitnet[0], "-o", target, "--by", "order", stdin=subprocess.PIPE)
    process.stdin.write(b"speed,throttle,temperature\n" + b"3000.5,50.25,300.125\n" * 100_000)
    process.stdin.flush()
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)  # the unfinished file stands beside the old one
    process.send_signal(number)
    err = process.stderr.read().decode()
    assert process.wait(20) == code
    assert err == ("nngrad: interrupted\n" if number == signal.SIGINT else "")
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_text() == "old"
    process.stdin.close()
    process.stderr.close()


def wait_until(condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen within 10 s")


@pytest.mark.parametrize("command", ["predict", "jacobian"])
def test_no_input_and_a_terminal_is_the_help_and_exit_2(fitnet, command):
    ours, theirs = pty.openpty()
    process = start(command, fitnet[0], stdin=theirs, stdout=subprocess.PIPE)
    out, err = process.communicate(timeout=20)
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, out) == (2, b"")
    assert err.startswith(b"Usage: nngrad " + command.encode())


def watched(*arguments, **environment):
    """What a person at a terminal sees on standard error."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # Linux's way of saying that the other end is closed
            break
        if not data:
            break
        seen += data
    os.close(ours)
    assert process.wait(20) == 0
    return seen.decode()


def test_progress_is_shown_to_a_person_who_waits_and_is_wiped_away(fitnet, tmp_path):
    table = many_rows(tmp_path / "x.csv", 1_500_000)
    seen = watched("jacobian", fitnet[0], "-i", table, "--layout", "long", "-o", tmp_path / "J.csv")
    assert " rows, " in seen
    assert "[####" in seen
    assert " left" in seen
    assert seen.endswith("\r")
    assert "\x1b" not in seen


def test_no_progress_when_quiet_or_quick(fitnet, tmp_path):
    assert watched("jacobian", fitnet[0], "-i", fitnet[1], "-o", tmp_path / "J.csv", "--by", "order") == ""
    table = many_rows(tmp_path / "x.csv", 800_000)
    assert watched("jacobian", fitnet[0], "-i", table, "--layout", "long", "-o", tmp_path / "J.csv", "--quiet") == ""


def test_standard_output_stays_empty_with_a_file(fitnet, tmp_path):
    process = start(
        "predict", fitnet[0], "-i", fitnet[1], "-o", tmp_path / "y.csv", "--by", "order", stdout=subprocess.PIPE
    )
    assert process.communicate(timeout=20) == (b"", b"")
    assert process.returncode == 0


def test_a_closed_pipe_is_called_an_invalid_argument_on_windows(monkeypatch, capsys):
    import errno

    from nngrad import cli

    def gone(arguments):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(cli, "_invoke", gone)
    assert cli.run(["info"]) == 4
    assert "invalid argument" in capsys.readouterr().err
    monkeypatch.setattr(cli, "WINDOWS", True)
    assert cli.run(["info"]) == 0
    assert capsys.readouterr().err == ""


def test_a_backslash_at_the_end_is_a_folder_on_windows(monkeypatch):
    from nngrad.cli import places

    assert not places.names_a_folder("results\\")
    monkeypatch.setattr(places.os, "sep", "\\")
    assert places.names_a_folder("results\\")
    assert places.names_a_folder("results/")


def test_a_warning_of_python_is_never_shown(tmp_path, nngrad):
    """Numbers near the end of the range of doubles, in biases and in the training range."""
    import dataclasses

    import numpy as np

    import nngrad as library
    from nngrad.core.activations import BY_NAME
    from nngrad.core.layers import Affine, Elementwise
    from nngrad.core.network import Network
    from nngrad.core.ports import Port

    net = Network.chain(
        (
            Affine(np.full((2, 2), 1e308), np.full(2, 1e308)),
            Elementwise(BY_NAME["tansig"]),
            Affine(np.eye(2), np.full(2, 1e308)),
        )
    )
    ends = np.full(2, 1.5e308)
    library.save(dataclasses.replace(net, inputs=(Port("x", ("x1", "x2"), -ends, ends),)), tmp_path / "net.h5")
    (tmp_path / "x.csv").write_text("1e308,-1e308\n0,0\n1.7e308,1.7e308\n-1.7e308,1.7e308\n")
    model, table = tmp_path / "net.h5", ("-i", tmp_path / "x.csv")
    for command in (
        ("info", model),
        ("check", model),
        ("check", model, "--method", "differences", "--hessian"),
        ("jacobian", model, *table, "--flags"),
        ("jacobian", model, *table, "--scale", "elasticity"),
        ("jacobian", model, *table, "--scale", "range"),
        ("jacobian", model, *table, "--scale", "sigma"),
        ("hessian", model, *table, "--of", "all"),
        ("gradient", model, *table, "--scalar", "exp(y1)*y2**3/y1"),
        ("jvp", model, *table, "--direction", "1e308,1e308"),
        ("vjp", model, *table, "--weighting", "1e308,1e308"),
        ("emit", model, "--to", "python", "--with-tests", "3", "-o", f"{tmp_path}/out/"),
    ):
        done = nngrad(*command)  # a warning would be an error here
        assert done.code != 70, done.err
        assert done.err.count("\n") <= 1
