"""Inputs out to the worker processes, answers in, and what they add up to. Linux only (bounded
address space, /proc).
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.fuzz.mutate import Seed, mutated
from tests.fuzz.seeds import seeds

ROOT = Path(__file__).parents[2]
SECONDS = 30.0  # for one input: then its process is ended
SLOW = 15.0
MEGABYTES = 1500.0


@dataclass
class Report:
    """What a run found."""

    inputs: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    largest: tuple[float, str] = (0.0, "")
    findings: dict[str, list[str]] = field(default_factory=dict)  # what went wrong -> inputs
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, answer: dict[str, object]) -> str | None:
        """Takes an answer; the name of the finding, if it is a new one."""
        outcome, seconds, megabytes = (
            str(answer["outcome"]),
            float(str(answer["seconds"])),
            float(str(answer["megabytes"])),
        )
        with self.lock:
            self.inputs += 1
            self.outcomes[outcome.split(":")[0]] += 1
            self.slowest = max(self.slowest, (seconds, what))
            self.largest = max(self.largest, (megabytes, what))
            wrong = (
                outcome
                if outcome not in ("ok", "refused")
                else "slow"
                if seconds > SLOW
                else "large"
                if megabytes > MEGABYTES
                else ""
            )
            key = wrong.split(": ", 2)[1] if wrong.startswith("crash") else wrong[:60]
            if not wrong:
                return None
            new = key not in self.findings
            self.findings.setdefault(key, []).append(f"{what} -> {wrong} ({seconds:.1f} s, {megabytes:.0f} MB)")
            return key if new else None

    def __str__(self) -> str:
        lines = [
            f"{self.inputs} inputs in {self.seconds:.0f} s: "
            + ", ".join(f"{n} {k}" for k, n in self.outcomes.most_common())
        ]
        lines += [
            f"slowest {self.slowest[0]:.2f} s ({self.slowest[1]})",
            f"most memory {self.largest[0]:.0f} MB ({self.largest[1]})",
        ]
        lines += [f"FINDING ({len(found)} times): {found[0]}" for found in self.findings.values()]
        return "\n".join(lines)


class Worker:
    """A process that is started anew when it dies."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.fuzz.worker"]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, path: Path) -> dict[str, object]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if ready.select(SECONDS) else None
        if line:
            return dict(json.loads(line))
        what = "too slow" if line is None else f"died: signal {-self.process.wait()}"
        self.close()
        self.start()
        return {"outcome": what, "seconds": SECONDS if line is None else 0.0, "megabytes": 0.0}

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


def made(seed: int, index: int, files: list[Seed]) -> tuple[str, bytes]:
    what, data = mutated(np.random.default_rng([seed, index]), files)
    return f"--seed {seed} --index {index} {what}", data


def run(seconds: float, seed: int = 0, jobs: int = 2, keep: Path | None = None) -> Report:
    """Tries inputs for so long; those that find something new are kept in the folder `keep`."""
    report, files, start = Report(), seeds(), time.monotonic()
    counter = iter(range(10**9))

    def work(folder: Path, number: int) -> None:
        worker = Worker()
        path = folder / f"input{number}"
        try:
            while time.monotonic() - start < seconds:
                index = next(counter)
                what, data = made(seed, index, files)
                path.write_bytes(data)
                if report.add(what, worker.ask(path)) and keep:
                    (keep / f"seed{seed}_index{index}").write_bytes(data)
        finally:
            worker.close()

    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        threads = [threading.Thread(target=work, args=(Path(folder), k)) for k in range(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    report.seconds = time.monotonic() - start
    return report
