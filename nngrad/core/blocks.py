"""Work on blocks in threads: results come in order, and only a bounded window of blocks is in memory.

Nothing here (and no block boundary anywhere) depends on the number of threads, so the results are the same bits for
every `threads`. BLAS is held to one thread meanwhile: the blocks are the parallelism.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from itertools import islice
from typing import Any, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

_here = threading.local()
WINDOW = 2  # blocks in flight beyond one for each thread: hides the writer's and the reader's hiccups


def available_threads() -> int:
    """The number of cores that this process may use."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def default_threads() -> int:
    """One more than the cores (but 1 on one core): a thread often waits while the threads of
    polars or the disk work for it.
    """
    cores = available_threads()
    return cores + (cores > 1)


def ordered(jobs: Iterable[Job], work: Callable[[Job], Result], threads: int | None = None) -> Iterator[Result]:
    """Yield work(job) for every job, in order; `work` runs in threads, `jobs` is drawn from in the calling thread.

    The first failure in the order of the jobs is the one that is raised, whether `work` or `jobs` raised it. After a
    failure, or when the generator is closed, no further job starts and no thread is left. Within `work`, blocks of
    blocks are worked on one by one.
    """
    if getattr(_here, "working", False):
        yield from map(work, jobs)
        return
    threads = threads or default_threads()
    with _one_blas_thread:
        if threads == 1:
            yield from map(partial(_working, work), jobs)
        else:
            yield from _pooled(iter(jobs), partial(_working, work), threads)


def every(jobs: Sequence[Job], work: Callable[[Job], object], threads: int | None = None) -> None:
    """Do work(job) for every job, in no order: for results that have their place already.

    Cheaper than ordered(): the calling thread works too, and none waits for another. After a failure no further job
    starts and no thread is left; of several failures the first is raised.
    """
    if getattr(_here, "working", False):
        for job in jobs:
            work(job)
        return
    left, lock, failures = iter(jobs), threading.Lock(), list[BaseException]()

    def run(beside: bool = False) -> None:
        if beside:
            _leave_signals()
        try:
            while not failures:
                with lock:
                    taken = list(islice(left, 1))
                if not taken:
                    return
                _working(work, taken[0])
        except BaseException as error:
            failures.append(error)

    with _one_blas_thread:
        count = min(threads or available_threads(), len(jobs)) - 1
        helpers = [threading.Thread(target=run, args=(True,), name="nngrad") for _ in range(count)]
        try:
            for helper in helpers:
                helper.start()
            run()
        except BaseException as error:  # Ctrl-C between two jobs
            failures.append(error)
        for helper in helpers:
            if helper.ident is not None:  # it was started
                helper.join()
    if failures:
        raise failures[0]


def _working(work: Callable[[Job], Result], job: Job) -> Result:
    _here.working = True
    try:
        return work(job)
    finally:
        _here.working = False


def _pooled(jobs: Iterator[Job], work: Callable[[Job], Result], threads: int) -> Iterator[Result]:
    pool = ThreadPoolExecutor(threads, thread_name_prefix="nngrad", initializer=_leave_signals)
    pending: deque[Future[Result]] = deque()
    failure: BaseException | None = None
    try:
        while True:
            try:
                pending.append(pool.submit(work, next(jobs)))
            except StopIteration:
                break
            except Exception as error:  # blocks drawn before this one come first, and may hold an earlier failure
                failure = error
                break
            if len(pending) >= threads + WINDOW:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
        if failure is not None:
            raise failure
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_signals() -> None:
    """Signals go to the main thread, here and in the threads that polars starts from here: else
    Ctrl-C would not end its wait for input.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})


@cache
def _blas() -> Any:
    """Finding the BLAS libraries takes milliseconds, so it is done once, and only when blocks are worked on."""
    import numpy  # noqa: F401  (its BLAS has to be loaded to be found)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


class _OneBlasThread:
    """While any call is within, BLAS has one thread: the first to enter sets the limit, the last to leave lifts it."""

    def __init__(self) -> None:
        self._lock, self._within = threading.Lock(), 0
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._within:
                self._limit = _blas().limit(limits=1, user_api="blas")
            self._within += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._within -= 1
            if not self._within:
                self._limit.restore_original_limits()


_one_blas_thread = _OneBlasThread()
