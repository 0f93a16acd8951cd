"""One process that loads the files it is told to, and says of each what came out; its memory is bounded by the system.

Each line of stdin is a path; each line of stdout is JSON: outcome, seconds, megabytes. Run as `python -m
tests.fuzz.worker`.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path

import numpy as np

MEMORY = 3 * 1024**3  # of address space
MOST_DERIVATIVES = 100_000


def peak() -> float:
    """Megabytes, since the last reset."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def outcome(path: str) -> str:
    """ok, refused, or what went wrong and where."""
    from nngrad.errors import ModelError, UsageError
    from nngrad.loaders import candidates, containers, load, read

    try:
        try:
            nets = [load(path)]
        except ModelError as error:
            if "choose one" not in str(error):
                raise
            tree = containers.read(path)
            nets = [read(path, tree, c) for c in candidates(tree)[:3]]
        for net in nets:
            evaluate(net)
    except (ModelError, UsageError) as error:
        return f"message: {str(error)[:200]!r}" if "\n" in str(error) else "refused"
    except BaseException as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "nngrad" in f.filename]
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        return f"crash: {type(error).__name__} at {where}: {str(error)[:200]}"
    return "ok"


def evaluate(net: object) -> None:
    """One row; the derivative too where it is small."""
    size, outputs = net.input_size, net.output_size  # type: ignore[attr-defined]
    y = net(np.full((1, size), 0.5))  # type: ignore[operator]
    assert y.shape == (1, outputs)
    if size * outputs <= MOST_DERIVATIVES:
        J = net.jacobian(np.full((1, size), 0.25))  # type: ignore[attr-defined]
        assert J.shape == (1, outputs, size)
    assert len(net.input_names) == size  # type: ignore[attr-defined]


def main() -> None:
    warnings.simplefilter("error")
    import h5py  # noqa: F401
    import scipy.io  # noqa: F401

    import nngrad.loaders  # noqa: F401

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        reset_peak()
        before, start = peak(), time.monotonic()
        result = outcome(line.rstrip("\n"))
        answer = {"outcome": result, "seconds": time.monotonic() - start, "megabytes": peak() - before}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
