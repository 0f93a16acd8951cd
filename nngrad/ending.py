"""How the program ends early: Ctrl-C, SIGTERM and SIGHUP leave no unfinished file and no traceback, whatever any thread
is doing.

Python's own way, an exception in the main thread, needs that thread to come by: it may be waiting for another, be
within an import, or be cleaning up. So a thread of its own waits for the signals here, and no exception is raised
anywhere.
"""

from __future__ import annotations

import _signal  # the public module makes its names into enums first: milliseconds in which Ctrl-C would show a traceback
import _thread
import os
import time

from nngrad import unfinished

TYPE_CHECKING = False  # as in nngrad/__init__.py
if TYPE_CHECKING:
    from typing import NoReturn

SIGNALS = tuple(number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(_signal, name, 0)))
PATIENCE = 1.0  # seconds, after which another signal waits for nothing
BY_SIGNAL = 128  # and the number of the signal: 130, 143, 129

_once = _thread.allocate_lock()
shown = 0  # columns of a terminal's last line that show progress


def watch() -> None:
    """From now on these signals end the process; one that was ignored when it started (nohup, a
    shell's background job) stays so.
    """
    reading, writing = os.pipe()
    if os.name != "nt":
        os.set_blocking(writing, False)
    _signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in SIGNALS:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _nothing)
    _thread.start_new_thread(_wait, (reading,))


def _nothing(number: int, frame: object) -> None:
    """What the main thread does on a signal."""


def _wait(reading: int) -> None:
    number = os.read(reading, 1)[0]
    _thread.start_new_thread(end, (number,))
    begin = time.monotonic()
    while True:
        number = os.read(reading, 1)[0]
        if time.monotonic() - begin > PATIENCE:  # not where somebody presses Ctrl-C twice: files are being removed
            os._exit(BY_SIGNAL + number)


def finish(code: int) -> NoReturn:
    """End the process with this exit code, unless a signal is already ending it: one of the two, never half of each."""
    _once.acquire()
    os._exit(code)


def end(number: int) -> NoReturn:
    """End the process as on this signal; of several threads that want to, the first does."""
    _once.acquire()
    unfinished.remove_all()
    if number == _signal.SIGINT:
        _say_interrupted()
    os._exit(BY_SIGNAL + number)


def _say_interrupted() -> None:
    """Say so, in the place of the progress that a terminal shows."""
    wiped = f"\r{' ' * shown}\r" if shown else ""
    try:  # noqa: SIM105  (contextlib would take longer to import than all of this)
        os.write(2, f"{wiped}nngrad: interrupted\n".encode())
    except OSError:  # closed, or full
        pass
