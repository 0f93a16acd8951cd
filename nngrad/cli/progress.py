"""How far it has come, on standard error. Its one rule: nothing unless a person is watching and it takes a while."""

from __future__ import annotations

import sys
import time
from types import TracebackType

PATIENCE = 0.5  # seconds before anything is shown
BETWEEN = 0.2


class Progress:
    """A line that is rewritten in place: rows, rows a second, and the time left where the length is known."""

    def __init__(self, quiet: bool, to_stdout: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty() and not (to_stdout and sys.stdout.isatty())
        self._rows = 0
        self._begin = time.monotonic()
        self._next = self._begin + PATIENCE
        self._width = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._show("")

    def advance(self, rows: int, fraction: float | None) -> None:
        """`rows` more are done; `fraction` of everything is done, if that is known."""
        self._rows += rows
        now = time.monotonic()
        if self._shown and now >= self._next:
            self._next = now + BETWEEN
            self._show(line(self._rows, now - self._begin, fraction))

    def _show(self, text: str) -> None:
        if text or self._width:
            sys.stderr.write("\r" + text.ljust(self._width) + ("" if text else "\r"))
            sys.stderr.flush()
            self._width = len(text)


def line(rows: int, seconds: float, fraction: float | None) -> str:
    """The text for this state: `1,200,000 rows, 800,000 a second, 45 %, 0:02 left`."""
    parts = [f"{rows:,} rows", f"{rows / seconds:,.0f} a second"]
    if fraction:
        left = seconds * (1.0 - fraction) / fraction
        parts += [f"{fraction:.0%}", f"{left // 60:.0f}:{left % 60:02.0f} left"]
    return ", ".join(parts)
