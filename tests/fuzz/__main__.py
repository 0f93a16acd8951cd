"""Tries hostile files for as long as you like.

python -m tests.fuzz --seconds 600 [--seed 1] [--jobs 2] [--keep FOLDER]
python -m tests.fuzz --seed 1 --index 42 --keep FOLDER     writes that one input, and says what comes out
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz import run
from tests.fuzz.seeds import seeds


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--index", type=int)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    if options.index is not None:
        what, data = run.made(options.seed, options.index, seeds())
        path = (options.keep or Path()) / f"seed{options.seed}_index{options.index}"
        path.write_bytes(data)
        worker = run.Worker()
        print(what, worker.ask(path.resolve()), sep="\n")
        worker.close()
        return 0
    report = run.run(options.seconds, options.seed, options.jobs, options.keep)
    print(report)
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
