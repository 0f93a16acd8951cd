"""How far it has come, on standard error: nothing of what is quick, and nothing at all with --quiet."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from nngrad import ending
from nngrad.cli.messages import say

PATIENCE = 0.5  # seconds before a terminal shows anything
BETWEEN = 0.2
IN_A_LOG = 30.0  # seconds before a line, and between two
BAR = 20  # characters


class Progress:
    """On a terminal, a line that is rewritten in place: a bar, rows, rows a second, and the time left where the length
    is known.

    In a log, the same without a bar as a line now and then, with the name of what is read.
    """

    def __init__(self, quiet: bool, to_stdout: bool, name: str = "") -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = not quiet and not (self._terminal and to_stdout and sys.stdout.isatty())
        self._name = name
        self._rows = 0
        self._begin = time.monotonic()
        self._next = self._begin + (PATIENCE if self._terminal else IN_A_LOG)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _rewrite("")

    def advance(self, rows: int, fraction: float | None) -> None:
        """`rows` more are done; `fraction` of everything is done, if that is known."""
        self._rows += rows
        now = time.monotonic()
        worth_it = not (
            self._terminal and fraction == 1.0 and not ending.shown
        )  # nobody waits for what is read at once
        if self._shown and now >= self._next and worth_it:
            self._next = now + (BETWEEN if self._terminal else IN_A_LOG)
            text = line(self._rows, now - self._begin, fraction)
            if self._terminal:
                _rewrite(bar(fraction) + text)
            else:
                say(f"{self._name}: {text}".removeprefix(": "))


def _rewrite(text: str) -> None:
    """Put a text in the place of the last one."""
    if text or ending.shown:
        width = max(ending.shown, len(text))
        ending.shown = width if text else 0
        sys.stderr.write("\r" + text.ljust(width) + ("" if text else "\r"))
        sys.stderr.flush()


def bar(fraction: float | None) -> str:
    """The part that is done as `[#####---------------] `; nothing where it isn't known."""
    return "" if fraction is None else f"[{'#' * round(BAR * fraction):-<{BAR}}] "


def line(rows: int, seconds: float, fraction: float | None) -> str:
    """The text for this state: `1,200,000 rows, 800,000 a second, 45 %, 0:02 left`."""
    parts = [f"{rows:,} rows", f"{rows / seconds:,.0f} a second"]
    if fraction:
        left = seconds * (1.0 - fraction) / fraction
        parts += [f"{fraction:.0%}", f"{left // 60:.0f}:{left % 60:02.0f} left"]
    return ", ".join(parts)
