"""Stages over blocks: in order, with state before and after the threads, the same for any number
of them, and nothing left running.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nngrad.cli.pipeline import Each, InOrder, RowBlock, by_blocks, numbered, run

THREADS = (1, 2, 5)


def running_sum(flow: Iterator[int]) -> Iterator[int]:
    total = 0
    for value in flow:
        total += value
        yield total


def square(value: int) -> int:
    return value * value


def nngrad_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("nngrad")]


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ((), [1, 2, 3, 4]),
        ((Each(square),), [1, 4, 9, 16]),
        ((Each(square), Each(square)), [1, 16, 81, 256]),
        ((InOrder(running_sum),), [1, 3, 6, 10]),
        ((InOrder(running_sum), Each(square)), [1, 9, 36, 100]),
        ((Each(square), InOrder(running_sum)), [1, 5, 14, 30]),
        ((InOrder(running_sum), Each(square), InOrder(running_sum)), [1, 10, 46, 146]),
        ((InOrder(running_sum), InOrder(running_sum), Each(square)), [1, 16, 100, 400]),
    ],
)
def test_stages_of_both_kinds_stand_anywhere(stages: Any, expected: list[int], threads: int) -> None:
    assert list(run([1, 2, 3, 4], stages, threads)) == expected


@pytest.mark.parametrize("threads", THREADS)
def test_stages_in_threads_that_follow_each_other_are_one_job(threads: int) -> None:
    stages = [
        Each(lambda value: (value, threading.get_ident())),
        Each(lambda pair: (pair[0], pair[1] == threading.get_ident())),
    ]
    seen = list(run(range(50), stages, threads))
    assert seen == [(k, True) for k in range(50)]


@pytest.mark.parametrize("threads", THREADS)
def test_the_first_failure_in_the_order_of_the_rows_is_raised_and_no_thread_is_left(threads: int) -> None:
    def refuse(value: int) -> int:
        if value in (30, 31, 40):
            raise ValueError(f"row {value}")
        return value

    before = nngrad_threads()
    with pytest.raises(ValueError, match="row 30"):
        list(run(range(100), [InOrder(running_sum), Each(lambda v: refuse(int((2 * v) ** 0.5)))], threads))
    with pytest.raises(ValueError, match="row 30"):
        list(run(range(100), [Each(refuse), InOrder(running_sum), Each(square)], threads))
    assert nngrad_threads() == before


@pytest.mark.parametrize("threads", THREADS)
def test_closing_it_early_leaves_no_thread_and_ends_every_stage(threads: int) -> None:
    ended = []

    def watched(flow: Iterator[int]) -> Iterator[int]:
        try:
            yield from flow
        finally:
            ended.append(True)

    before = nngrad_threads()
    pieces = run(iter(range(1000)), [Each(square), InOrder(watched), Each(square)], threads)
    assert next(pieces) == 0
    pieces.close()
    assert ended == [True]
    assert nngrad_threads() == before


def test_only_a_window_of_blocks_is_drawn() -> None:
    drawn = []

    def chunks() -> Iterator[int]:
        for k in range(1000):
            drawn.append(k)
            yield k

    pieces = run(chunks(), [Each(square), InOrder(running_sum), Each(square)], 2)
    next(pieces)
    assert len(drawn) < 20
    pieces.close()


def test_rows_are_numbered_from_block_to_block() -> None:
    flow = [RowBlock(np.zeros((n, 2)), ()) for n in (3, 1, 0, 2)]
    assert [block.first for block in numbered(iter(flow))] == [1, 4, 5, 5]


@pytest.mark.parametrize("rows", [0, 1, 4, 5, 13])
def test_numbers_are_asked_for_in_blocks_of_the_network(rows: int) -> None:
    sizes = []

    def total(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        sizes.append(len(x))
        return x + w

    x = np.arange(2.0 * rows).reshape(rows, 2)
    np.testing.assert_array_equal(by_blocks(total, 5, x, 10 * x), 11 * x)
    assert sum(sizes) == rows
    assert max(sizes) <= 5
