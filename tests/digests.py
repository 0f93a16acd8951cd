"""Whether a change of the program changed any number or text: digests of everything that should stay, of all models at
hand.

    python tests/digests.py store before.json      with the old program
    python tests/digests.py store after.json       with the new one
    python tests/digests.py compare before.json after.json

For every network of sample_models/ and, where NNGRAD_REAL_MODELS names their folder, of the real models: y, J of
several rows, of many and of one, J of a choice of outputs and inputs, J v, w' J, H, its product with a vector, and the
emitted code of every target; for every file with one network what `info`, `jacobian --flags` and `check` print. Errors
count by their messages.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nngrad import Network, NngradError, emit
from nngrad.loaders import candidates, containers, read

ROOT = Path(__file__).parents[1]
TARGETS = ("c", "matlab", "python")
MOST = 3_000_000  # numbers of a result
MOST_WRITTEN = 300_000  # numbers of a network whose code is emitted
Digests = dict[str, str]


def models() -> Iterator[Path]:
    for suffix in (".mat", ".h5", ".keras", ".m"):
        yield from sorted((ROOT / "sample_models").glob(f"*{suffix}"))
    folder = os.environ.get("NNGRAD_REAL_MODELS")
    if folder:
        with open(Path(folder) / "MANIFEST.tsv", encoding="utf-8") as rows:
            yield from (Path(folder) / row["local_path"] for row in csv.DictReader(rows, delimiter="\t"))


def digest(*parts: Any) -> str:
    """Of arrays, bit for bit but for the kind of a NaN, or of bytes."""
    made = hashlib.md5()
    for part in parts:
        made.update(part if isinstance(part, bytes) else np.where(np.isnan(part), np.nan, part).tobytes())
    return made.hexdigest()[:12]


def tried(make: Callable[[], str]) -> str:
    try:
        return make()
    except NngradError as error:
        return f"refused: {error}"


def of_network(net: Network) -> Digests:
    """By what was computed."""
    n, m, r = net.input_size, net.output_size, np.random.default_rng(0)
    few, many = r.normal(size=(3, n)), r.normal(size=(400, n))
    if net.whole_inputs:
        few, many = np.rint(np.abs(few)), np.rint(np.abs(many))
    v, w = r.normal(size=n), r.normal(size=m)
    work: dict[str, tuple[int, Callable[[], str]]] = {
        "y and J": (3 * n * m, lambda: digest(*net.value_and_jacobian(few))),
        "one row": (n * m, lambda: digest(*net.value_and_jacobian(few[0]))),
        "many rows": (400 * n * m, lambda: digest(*net.value_and_jacobian(many))),
        "a choice": (n * m, lambda: digest(net.jacobian(few, of=[m - 1], wrt=[0, n - 1][: min(n, 2)]))),
        "J v": (1, lambda: digest(net.jvp(few, v))),
        "w' J": (1, lambda: digest(net.vjp(few, w))),
        "H": (n * m * (n + max(net.sizes)), lambda: digest(net.hessian(few))),
        "w' H v": (n * max(net.sizes), lambda: digest(net.hvp(few, w, v))),
    }
    found = {name: tried(make) for name, (size, make) in work.items() if size <= MOST}
    arrays = [a for node in net.layers for a in vars(node.layer).values() if isinstance(a, np.ndarray)]
    if sum(a.size for a in arrays) <= MOST_WRITTEN:
        found |= {target: tried(lambda t=target: digest(*emit(net, t, "net_").values())) for target in TARGETS}
    return found


def of_commands(path: Path, net: Network, folder: str) -> Digests:
    rows = np.random.default_rng(0).normal(size=(3, net.input_size))
    np.savetxt(f"{folder}/x.csv", np.rint(np.abs(rows)) if net.whole_inputs else rows, delimiter=",")
    commands = {"info": ["info", path], "flags": ["jacobian", path, "-i", "x.csv", "--flags"], "check": ["check", path]}
    found = {}
    for name, arguments in commands.items():
        command = [sys.executable, "-m", "nngrad", *map(str, arguments)]
        done = subprocess.run(command, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL)
        found[name] = digest(done.stdout, b"|", done.stderr)
    return found


def all_digests() -> dict[str, Digests]:
    found: dict[str, Digests] = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in models():
            try:
                tree = containers.read(path)
                every = candidates(tree)
            except NngradError as error:
                found[str(path)] = {"refused": str(error)}
                continue
            for candidate in every:
                name = f"{path} {candidate.path}"
                try:
                    net = read(str(path), tree, candidate)
                except NngradError as error:
                    found[name] = {"refused": str(error)}
                    continue
                found[name] = of_network(net)
                if len(every) == 1 and net.input_size * net.output_size < 100_000:
                    found[name] |= of_commands(path, net, folder)
    return found


def compared(before: dict[str, Digests], after: dict[str, Digests]) -> Iterator[str]:
    same, other = 0, 0
    for name, digests in before.items():
        for what, value in digests.items():
            now = after.get(name, {}).get(what, "missing")
            same, other = same + (now == value), other + (now != value)
            if now != value:
                yield f"{name}: {what}: {value} is now {now}"
    yield f"{same} the same, {other} not"


if __name__ == "__main__":
    if sys.argv[1] == "store":
        Path(sys.argv[2]).write_text(json.dumps(all_digests(), indent=0), encoding="utf-8")
    else:
        print("\n".join(compared(*(json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[2:4]))))
