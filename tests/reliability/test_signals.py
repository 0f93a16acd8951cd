"""Signals at any moment: the exit code tells which, nothing is left, and no traceback is shown,
whatever the threads are doing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import MODEL, ROOT, Start, wait_until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")

TABLE = MODEL.with_name("fitnet_x.csv")
STOPPING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

# The program, in which the main thread is stuck in the way that the code says.
STUCK = """
import sys, threading, time
from nngrad.__main__ import main
import nngrad.cli

class Slow:
    find_spec = lambda *_: time.sleep(600)

def stuck(arguments):
    from nngrad.tables.files import Output
    out = Output(arguments[0])
    open(arguments[0] + ".ready", "w").close()
    {how}

nngrad.cli.attempt = stuck
main()
"""
WAYS = {
    "joining a thread that never ends": "t = threading.Thread(target=time.sleep, args=(600,)); t.start(); t.join()",
    "waiting for a lock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "in C, without Python's lock": "import ctypes; ctypes.CDLL(None).pause()\n    while True: ctypes.CDLL(None).sleep(600)",
    "swallowing every exception": "\n    while True:\n        try: time.sleep(600)\n        except BaseException: pass",
    "computing": "while True: pass",
    "in an import": "sys.meta_path.insert(0, Slow)\n    import nothing_of_this_name",
}


@pytest.mark.parametrize("number", STOPPING)
@pytest.mark.parametrize("way", WAYS)
def test_a_main_thread_that_is(tmp_path: Path, way: str, number: int) -> None:
    target = tmp_path / "J.csv"
    target.write_text("old")
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK.format(how=WAYS[way]), target], cwd=ROOT, stderr=subprocess.PIPE
    )
    wait_until(lambda: (tmp_path / "J.csv.ready").exists())
    time.sleep(0.05)
    process.send_signal(number)
    err = process.communicate(timeout=20)[1].decode()
    assert process.returncode == 128 + number
    assert err == ("nngrad: interrupted\n" if number == signal.SIGINT else "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["J.csv", "J.csv.ready"]
    assert target.read_text() == "old"


def test_a_second_signal_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    hangs = "import nngrad.unfinished as u; u.remove_all = lambda: time.sleep(600)\n    time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", STUCK.format(how=hangs), tmp_path / "J.csv"], cwd=ROOT)
    wait_until(lambda: (tmp_path / "J.csv.ready").exists())
    time.sleep(0.2)
    process.terminate()
    time.sleep(0.2)
    process.terminate()
    time.sleep(1.2)
    assert process.poll() is None
    process.terminate()
    assert process.wait(20) == 143


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_that_was_ignored_stays_ignored(tmp_path: Path, number: int) -> None:
    """As nohup asks, and a shell for jobs in the background."""
    target = tmp_path / "J.csv"
    process = subprocess.Popen(
        [sys.executable, "-m", "nngrad", "jacobian", str(MODEL), "-o", str(target)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    )
    assert process.stdin is not None
    process.stdin.write(b"speed,throttle,temperature\n" + b"3000.5,50.25,300.125\n" * 100_000)
    process.stdin.flush()
    wait_until(lambda: list(tmp_path.iterdir()))
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert target.exists()


# The program, which says when it looks after signals: what comes before is mostly Python's own start.
READY = """
from nngrad import __main__ as program
watch = program.ending.watch
program.ending.watch = lambda: (watch(), print(flush=True))
program.main()
"""


@pytest.mark.parametrize("command", ["info", "jacobian"])
def test_control_c_from_the_first_import_on(tmp_path: Path, command: str) -> None:
    arguments = [] if command == "info" else ["-q", "-i", str(TABLE), "-o", str(tmp_path / "J.parquet")]
    program = [sys.executable, "-c", READY, command, str(MODEL), *arguments]
    for k in range(40):
        process = subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.012 * k)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1]
        assert (process.returncode, err) in [(130, b"nngrad: interrupted\n"), (0, b"")], k
        assert [path.name for path in tmp_path.iterdir()] in ([], ["J.parquet"])


def test_what_is_imported_before_signals_are_looked_after_is_little() -> None:
    code = "import sys; before = set(sys.modules); import nngrad.__main__; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    new = {name for name in done.stdout.split() if not name.startswith("nngrad")}
    assert new <= {"__future__", "types"}


def test_a_terminal_that_goes_away(start: Start, endless: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    process = start("jacobian", MODEL, "-i", endless, "-o", folder / "J.csv")
    wait_until(lambda: list(folder.iterdir()))
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=30)[1] == b""
    assert process.returncode == 129
    assert list(folder.iterdir()) == []
