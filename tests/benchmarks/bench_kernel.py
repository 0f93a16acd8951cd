"""Rows in memory: outputs with Jacobians, one row at a time, one thread and two, Hessians. The rule: before anything is
timed, the peers' numbers are compared with ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import bounds
import networks
import numpy as np
import peers
from measure import Race, Row, absolute, at_most, faster, missing

from nngrad.core import blocks

THAN_JAX = {"S": 3.5, "M": 2.0, "L": 1.25}
HESSIANS = {"S": 100_000, "M": 5_000}
CHECKED = 200  # rows


def kernel(folder: Path) -> Iterator[Row]:
    """y and J of all rows."""
    for name, rows in networks.ROWS.items():
        net, x, work = (
            networks.network(name, folder),
            networks.rows(name, rows),
            f"y and J, {networks.LABELS[name]}, a row",
        )
        contest: dict[str, Callable[[], Any]] = {"nngrad": partial(net.value_and_jacobian, x)}
        parts = peers.parts(folder / f"{name}.mat")
        for peer, (package, made) in peers.KERNELS.items():
            if peers.installed(package):
                agree(net.value_and_jacobian(x[:CHECKED]), made(parts, x[:CHECKED], "jacobian")())
                contest[peer] = made(parts, x, "jacobian")
            else:
                yield missing(work, peer, package)
        in_blocks(name, x, parts, net, contest)
        if name == "S" and bounds.there("gcc"):
            run = bounds.kernel(peers.folded(folder / "S.mat"), net.input_size, folder)
            agree(net.value_and_jacobian(x[:CHECKED]), run(x[:CHECKED]))
            contest["C on two threads"] = partial(run, x)
        race = Race(contest, 9)
        targets = {"jit(vmap(jacrev))": faster(THAN_JAX[name]), "C on two threads": at_most(1.5)}
        targets |= dict.fromkeys(peers.IN_BLOCKS, faster(1.0))
        for peer in list(contest)[1:]:
            yield race.row(work, peer, targets.get(peer), "ns", 1e9 / rows)


def in_blocks(name: str, x: np.ndarray, parts: peers.Parts, net: Any, contest: dict[str, Callable[[], Any]]) -> None:
    """The rivals that keep to blocks of rows, with the size that suits them; nothing without jax."""
    for peer, (made, sizes) in peers.IN_BLOCKS.items():
        if peers.installed("jax"):
            agree(net.value_and_jacobian(x[:CHECKED]), made(parts, x[:CHECKED], sizes[name])())
            contest[peer] = made(parts, x, sizes[name])


def few(folder: Path) -> Iterator[Row]:
    """256 rows: fewer than threads and blocks would like."""
    for name in networks.SIZES:
        net, x, work = (
            networks.network(name, folder),
            networks.rows(name, 256),
            f"y and J of 256 rows, {networks.LABELS[name]}, a row",
        )
        contest: dict[str, Callable[[], Any]] = {"nngrad": partial(net.value_and_jacobian, x)}
        in_blocks(name, x, peers.parts(folder / f"{name}.mat"), net, contest)
        race = Race(contest, 15)
        for peer in list(contest)[1:]:
            yield race.row(work, peer, faster(1.0), "us", 1e6 / len(x))


def latency(folder: Path) -> Iterator[Row]:
    """One row a call."""
    calls = 1000
    for name in networks.SIZES:
        net, x = networks.network(name, folder), networks.rows(name, 1)[0]
        work, parts = f"y and J of one row, {networks.LABELS[name]}, a call", peers.parts(folder / f"{name}.mat")
        contest: dict[str, Callable[[], Any]] = {"nngrad": partial(repeated, partial(net.value_and_jacobian, x), calls)}
        if peers.installed("jax"):
            contest["jit"] = partial(repeated, peers.with_jax(parts, x, "row"), calls)
        race = Race(contest, 5)
        if name == "S":
            yield absolute(work, race.seconds("nngrad") / calls * 1e6, "us", 12)
        if "jit" in contest:
            yield race.row(work, "jit", None, "us", 1e6 / calls)


def repeated(work: Callable[[], Any], times: int) -> None:
    for _ in range(times):
        work()


def threads(folder: Path) -> Iterator[Row]:
    """Two threads against one."""
    net, rows = networks.network("M", folder), networks.ROWS["M"]
    x, work = networks.rows("M", rows), f"y and J, {networks.LABELS['M']}, two threads, a row"
    if blocks.available_threads() < 2:
        yield Row(work, "", "one thread: there is only one core")
        return

    def on(count: int) -> Callable[[], None]:
        def run() -> None:
            with mock.patch.object(blocks, "available_threads", return_value=count):
                net.value_and_jacobian(x)

        return run

    yield Race({"nngrad": on(2), "one thread": on(1)}, 9).row(work, "one thread", faster(1.8), "ns", 1e9 / rows)


def hessian(folder: Path) -> Iterator[Row]:
    """Second derivatives of all rows."""
    for name, rows in HESSIANS.items():
        net, x, work = networks.network(name, folder), networks.rows(name, rows), f"H, {networks.LABELS[name]}, a row"
        if not peers.installed("jax"):
            yield missing(work, "jit(vmap(hessian))", "jax")
            continue
        parts = peers.parts(folder / f"{name}.mat")
        agree((net.hessian(x[:CHECKED]),), (peers.with_jax(parts, x[:CHECKED], "hessian")(),))
        contest: dict[str, Callable[[], Any]] = {
            "nngrad": partial(net.hessian, x),
            "jit(vmap(hessian))": peers.with_jax(parts, x, "hessian"),
        }
        yield Race(contest, 7).row(work, "jit(vmap(hessian))", faster(2.0), "us", 1e6 / rows)


def agree(ours: Any, theirs: Any) -> None:
    for a, b in zip(ours, theirs, strict=True):
        b = np.asarray(b)
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12 * float(np.abs(b).max()))
