"""Order, bounded window, failures and shutdown of nngrad.core.blocks."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from nngrad.core import blocks

THREADS = (1, 2, 3, 8)


def workers() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("nngrad")]


@pytest.mark.parametrize("threads", THREADS)
def test_results_come_in_the_order_of_the_jobs(threads: int) -> None:
    def work(job: int) -> int:
        time.sleep(0.002 * (job % 3))  # later jobs finish first
        return job * job

    assert list(blocks.ordered(range(40), work, threads)) == [job * job for job in range(40)]
    assert workers() == []


@pytest.mark.parametrize("threads", THREADS)
def test_no_job_is_no_result(threads: int) -> None:
    assert list(blocks.ordered([], str, threads)) == []


@pytest.mark.parametrize("threads", THREADS)
def test_only_a_window_of_jobs_is_drawn_ahead_of_the_results(threads: int) -> None:
    drawn = []

    def jobs():
        for job in range(1000):
            drawn.append(job)
            yield job

    results = blocks.ordered(jobs(), str, threads)
    for _ in range(5):
        next(results)
    results.close()
    assert len(drawn) <= 5 + threads + blocks.WINDOW


def test_work_really_runs_side_by_side() -> None:
    meeting = threading.Barrier(3, timeout=20)
    assert len(list(blocks.ordered(range(3), lambda job: meeting.wait(), 3))) == 3


@pytest.mark.parametrize("threads", THREADS)
def test_the_first_failure_in_the_order_of_the_jobs_is_raised_and_ends_everything(threads: int) -> None:
    started = []

    def work(job: int) -> int:
        started.append(job)
        if job in (5, 6):
            time.sleep(0.02 if job == 5 else 0)  # job 6 fails earlier in time
            raise ValueError(f"job {job}")
        return job

    done = []
    with pytest.raises(ValueError, match="job 5"):
        done.extend(blocks.ordered(range(10_000), work, threads))
    assert done == [0, 1, 2, 3, 4]
    assert len(started) <= 6 + threads + blocks.WINDOW
    assert workers() == []


@pytest.mark.parametrize("threads", THREADS)
def test_a_failure_of_the_jobs_comes_after_the_results_before_it(threads: int) -> None:
    def jobs():
        yield from range(3)
        raise OSError("cut short")

    done = []
    with pytest.raises(OSError, match="cut short"):
        done.extend(blocks.ordered(jobs(), int, threads))
    assert done == [0, 1, 2]
    assert workers() == []


def test_a_failure_of_the_work_wins_over_a_later_one_of_the_jobs() -> None:
    def jobs():
        yield 1
        raise OSError("later")

    with pytest.raises(ZeroDivisionError):
        list(blocks.ordered(jobs(), lambda job: 1 // 0, 2))


def test_closing_the_generator_leaves_no_thread() -> None:
    results = blocks.ordered(range(1000), lambda job: time.sleep(0.001), 3)
    next(results)
    assert len(workers()) > 0
    results.close()
    assert workers() == []


def test_keyboard_interrupt_in_a_worker_passes_out() -> None:
    def work(job: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(blocks.ordered(range(9), work, 2))
    assert workers() == []


def threads_of_blas() -> list[int]:
    from threadpoolctl import threadpool_info

    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_blas_has_one_thread_inside_and_its_own_number_afterwards() -> None:
    before = threads_of_blas()
    assert before, "NumPy has no BLAS that threadpoolctl knows"
    inside = [
        *blocks.ordered(range(2), lambda job: threads_of_blas(), 1),
        *blocks.ordered(range(2), lambda job: threads_of_blas(), 2),
    ]
    assert all(n == 1 for found in inside for n in found)
    assert threads_of_blas() == before


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    r = np.random.default_rng(0)
    parts, W = [r.normal(size=(301, 64)) for _ in range(12)], r.normal(size=(64, 64))
    bits = {t: b"".join(y.tobytes() for y in blocks.ordered(parts, lambda x: np.tanh(x @ W) @ W, t)) for t in THREADS}
    assert len(set(bits.values())) == 1


def test_the_default_uses_the_cores_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks.os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert blocks.available_threads() == 3
    assert blocks.default_threads() == 4
    monkeypatch.setattr(blocks.os, "sched_getaffinity", lambda pid: {2}, raising=False)
    assert blocks.default_threads() == 1
    monkeypatch.delattr(blocks.os, "sched_getaffinity", raising=False)
    assert blocks.available_threads() == blocks.os.cpu_count()


def test_blocks_within_a_block_run_in_its_own_thread():
    def inner(_):
        return threading.get_ident()

    def outer(_):
        return threading.get_ident(), set(blocks.ordered(range(5), inner, threads=3))

    for threads in (1, 3):
        assert all(inside == {mine} for mine, inside in blocks.ordered(range(4), outer, threads=threads))


# every


@pytest.mark.parametrize("threads", [*THREADS, None])
def test_every_job_is_done_once(threads: int | None) -> None:
    done: list[int] = []
    blocks.every(range(500), done.append, threads)
    assert sorted(done) == list(range(500))
    assert workers() == []


def test_every_without_jobs_does_nothing() -> None:
    blocks.every([], pytest.fail, 3)


def test_every_works_side_by_side_and_in_the_calling_thread() -> None:
    meeting, seen = threading.Barrier(3, timeout=20), set[int]()

    def work(job: int) -> None:
        seen.add(threading.get_ident())
        meeting.wait()

    blocks.every(range(3), work, 3)
    assert len(seen) == 3
    assert threading.get_ident() in seen


@pytest.mark.parametrize("error", [ValueError("of a job"), KeyboardInterrupt()])
@pytest.mark.parametrize("threads", THREADS)
def test_a_failure_of_every_ends_everything(threads: int, error: BaseException) -> None:
    started = []

    def work(job: int) -> None:
        started.append(job)
        if job == 5:
            raise error
        time.sleep(0.001)

    with pytest.raises(type(error)):
        blocks.every(range(10_000), work, threads)
    assert len(started) < 1000
    assert workers() == []


def test_every_within_a_block_runs_in_its_own_thread() -> None:
    def inner(outer: int) -> bool:
        seen = set[int]()
        blocks.every(range(5), lambda job: seen.add(threading.get_ident()), 4)
        return seen == {threading.get_ident()}

    assert all(blocks.ordered(range(6), inner, 3))


def test_blas_has_its_own_number_back_after_calls_that_overlapped() -> None:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(2, user_api="blas"):
        before = threads_of_blas()
        first, second = (blocks.ordered(range(9), lambda job: None, 1) for _ in range(2))
        next(first)
        next(second)
        first.close()
        assert set(threads_of_blas()) == {1}
        second.close()
        assert threads_of_blas() == before


def test_every_holds_blas_to_one_thread() -> None:
    seen = set[int]()

    def work(job: int) -> None:
        seen.update(info["num_threads"] for info in blocks._blas().info() if info["user_api"] == "blas")

    blocks.every(range(8), work, 2)
    assert seen == {1}
