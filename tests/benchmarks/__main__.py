"""`make bench`: nngrad beside jax, torch, the scripts of users, and C, in the same run; what should be reached, and
whether it is.

    python tests/benchmarks [kernel] [few] [latency] [threads] [hessian] [csv] [npy] [startup] [memory] [emit]

The table is written to build/bench.md too, and if everything was measured, what README.md shows of it to
build/speed.md. The rule: ratios within one run count; absolute times on a machine that others use do not.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bench_emit
import bench_kernel
import bench_program
from measure import ROOT, Row, table
from threadpoolctl import threadpool_info

from nngrad.core import blocks

Subset = Callable[[Path], Iterator[Row]]


def main(names: list[str]) -> int:
    """Measure what is named, or everything; the table says what was reached, and a missed target
    is no failure of the measurement.
    """
    unknown = set(names) - set(SUBSETS)
    if unknown:
        print(f"no such measurement: {', '.join(sorted(unknown))}; there are {', '.join(SUBSETS)}", file=sys.stderr)
        return 2
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, subset in SUBSETS.items():
            if not names or name in names:
                print(f"{name}: {(subset.__doc__ or '').splitlines()[0]}", file=sys.stderr)
                for row in subset(Path(folder)):
                    print("  " + "  ".join(filter(None, row.cells)), file=sys.stderr)
                    rows.append(row)
    if rows:
        report(rows, complete=not names)
    return 0


def report(rows: list[Row], complete: bool) -> None:
    """To standard output and files."""
    load = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    where = f"{blocks.available_threads()} cores, {platform.machine()}, {kernels()}, Python {platform.python_version()}"
    where += f", {time.strftime('%Y-%m-%d')}"
    text = f"{where}{load}\n\n{table(rows)}\n"
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    (build / "bench.md").write_text(text)
    if complete:
        beside = [row for row in rows if row.ratio and row.target]
        (build / "speed.md").write_text(f"{where}:\n\n{table(beside, columns=4)}\n")
    print(text)


def kernels() -> str:
    """Which kernels NumPy's BLAS uses, and whether it was told to: on a processor with AVX-512,
    those for AVX2 take twice the time.
    """
    found = {library["architecture"] for library in threadpool_info() if library["user_api"] == "blas"}
    told = " (OPENBLAS_CORETYPE is set)" if "OPENBLAS_CORETYPE" in os.environ else ""
    return f"BLAS for {' and '.join(sorted(found))}{told}"


SUBSETS: dict[str, Subset] = {
    "kernel": bench_kernel.kernel,
    "few": bench_kernel.few,
    "latency": bench_kernel.latency,
    "threads": bench_kernel.threads,
    "hessian": bench_kernel.hessian,
    "csv": bench_program.csv,
    "npy": bench_program.npy,
    "startup": bench_program.startup,
    "memory": bench_program.memory,
    "emit": bench_emit.emit,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
