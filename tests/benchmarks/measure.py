"""Seconds and megabytes, side by side. The rule: ratios within one run count, taken in turns (A B A B ...), as the
median of the rounds; absolute times on a machine that others use do not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
PAUSE = 0.03  # seconds after each piece of work, until its threads have gone to sleep
FASTER, AT_MOST = "times faster", "times"


@dataclass(frozen=True)
class Target:
    """How a measurement should turn out: at least `value` times faster than the peer, or at most
    `value` times the peer (or the unit).
    """

    kind: str
    value: float

    def __str__(self) -> str:
        return f"at least {self.value:g} x faster" if self.kind == FASTER else f"at most {self.value:g} x"

    def reached(self, ratio: float) -> bool:
        return ratio >= self.value if self.kind == FASTER else ratio <= self.value


def faster(value: float) -> Target:
    return Target(FASTER, value)


def at_most(value: float) -> Target:
    return Target(AT_MOST, value)


@dataclass(frozen=True)
class Row:
    """A line of the table: what was done, what nngrad took, what the peer took, the ratio, and
    whether that is what it should be.
    """

    work: str
    ours: str
    peer: str = ""
    ratio: str = ""
    target: str = ""
    reached: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        return (
            self.work,
            self.ours,
            self.peer,
            self.ratio,
            self.target,
            {True: "yes", False: "**no**", None: ""}[self.reached],
        )


HEAD = ("work", "nngrad", "peer", "ratio", "target", "reached")


def missing(work: str, peer: str, needs: str) -> Row:
    return Row(work, "", f"{peer}: {needs} is not installed")


def absolute(work: str, ours: float, unit: str, most: float) -> Row:
    """A measurement against a number."""
    return Row(work, shown(ours, unit), target=f"at most {most:g} {unit}", reached=ours <= most)


def quiet(most: float = 10.0) -> None:
    """Wait until nobody else keeps the cores busy, but not for longer than `most` seconds."""

    def ticks() -> tuple[int, int]:
        every = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(every), every[3] + every[4]

    end = time.monotonic() + most
    while Path("/proc/stat").exists() and time.monotonic() < end:
        before = ticks()
        time.sleep(0.1)
        total, idle = (now - then for now, then in zip(ticks(), before, strict=True))
        if idle >= 0.95 * total:
            return


class Race:
    """The times of several pieces of work, done in turns."""

    def __init__(self, work: dict[str, Callable[[], Any]], rounds: int) -> None:
        for each in work.values():
            each()
        self.times: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(rounds):
            quiet()
            for name, each in work.items():
                time.sleep(PAUSE)
                begin = time.perf_counter()
                each()
                self.times[name].append(time.perf_counter() - begin)

    def seconds(self, name: str) -> float:
        return median(self.times[name])

    def ratio(self, above: str, below: str) -> float:
        """The median over the rounds of one time by another."""
        return median(a / b for a, b in zip(self.times[above], self.times[below], strict=True))

    def row(
        self, work: str, peer: str, target: Target | None, unit: str = "s", scale: float = 1.0, ours: str = "nngrad"
    ) -> Row:
        """`ours` against `peer`; times are shown multiplied by `scale`, in `unit`."""
        behind = target is not None and target.kind == AT_MOST
        ratio = self.ratio(ours, peer) if behind else self.ratio(peer, ours)
        return Row(
            work,
            shown(self.seconds(ours) * scale, unit),
            f"{peer}: {shown(self.seconds(peer) * scale, unit)}",
            f"{ratio:.2f} x" + ("" if behind else " faster"),
            str(target or ""),
            None if target is None else target.reached(ratio),
        )


def shown(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}"


def nngrad(*arguments: object) -> list[str]:
    """The program as a command of this interpreter."""
    return [sys.executable, "-m", "nngrad", *map(str, arguments)]


def environment() -> dict[str, str]:
    """For other processes: nngrad of this checkout, also where it isn't installed, and compiled
    once, as what is installed is.
    """
    rest = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**rest, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}


def runner(command: Sequence[object]) -> Callable[[], None]:
    """A whole process, from its start to its end."""
    words = [str(word) for word in command]

    def run() -> None:
        subprocess.run(words, stdout=subprocess.DEVNULL, check=True, env=environment())

    return run


def peak(command: Sequence[object]) -> float:
    """The most memory (MiB, resident) that a process had, asked for every few milliseconds while it lasts."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, env=environment())
    most = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        most = int(status.split("VmHWM:")[1].split()[0]) if "VmHWM:" in status else most
        time.sleep(0.005)
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return most / 1024


def table(rows: Sequence[Row], columns: int = len(HEAD)) -> str:
    """The first columns, as Markdown."""
    every = [HEAD[:columns], *(row.cells[:columns] for row in rows)]
    widths = [max(len(cells[k]) for cells in every) for k in range(columns)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
        for cells in every
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
