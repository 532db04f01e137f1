"""Many files at once: the same work done on each, by this process or by several, results in the order of the input.

Workers are spawned, never forked (FAISS and OpenMP hang in a fork), and use one thread each. Only so many files are
under way that memory stays bounded whatever their number. Ctrl-C reaches this process alone, which stops the workers;
if this process is killed outright, they notice and end. A worker that dies, as a fault in a decoder can make it, costs
the file that it was working on and no other.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Generic, TypeVar

from fingerprint.errors import ParameterError

__all__ = ["in_order", "jobs_for", "uninterrupted"]

Label = TypeVar("Label")
Task = TypeVar("Task")
Result = TypeVar("Result")

FILES_PER_WORKER = 8  # a worker takes as long to start as two or three songs to analyse
UNDER_WAY = 4  # files per worker: enough to keep the others busy behind a long one
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def jobs_for(n_files: int, jobs: int | None) -> int:
    """Return how many processes to use: `jobs` if given, else what suits files and machine; never more than files.

    Raises
    ------
    ParameterError
        If `jobs` is below 1.
    """
    if jobs is not None and jobs < 1:
        raise ParameterError(f"jobs={jobs}: must be at least 1")
    wanted = jobs or min(_processors(), n_files // FILES_PER_WORKER)
    return max(1, min(wanted, n_files))


def in_order(
    work: Callable[[Task], Result],
    tasks: Iterable[tuple[Label, Task | None]],
    *,
    jobs: int,
    lost: Callable[[Task], Result],
) -> Generator[tuple[Label, Result | None], None, None]:
    """Do the work on each task and yield the results in order, while later ones are under way.

    Parameters
    ----------
    work : callable
        A function of a module, as workers import it; what it takes and returns must be picklable. It reports failure in
        what it returns: an exception ends everything.
    tasks : iterable
        Pairs of a label, which stays here, and a task; None where there is nothing to do. Read as far as is needed.
    jobs : int
        Worker processes; with 1, the work is done in this process.
    lost : callable
        What to return for a task whose worker died twice.

    Yields
    ------
    label, result
        The result is None where there was nothing to do.
    """
    if jobs == 1:
        for label, task in tasks:
            yield label, None if task is None else work(task)
        return
    crew = _Crew(work, jobs, lost)
    under_way: deque[tuple[Label, Task | None, Future[Result] | None]] = deque()
    try:
        for label, task in tasks:
            under_way.append((label, task, None if task is None else crew.start(task)))
            while len(under_way) >= UNDER_WAY * jobs or (under_way and under_way[0][2] is None):
                yield crew.finish(*under_way.popleft())
        while under_way:
            yield crew.finish(*under_way.popleft())
    except BaseException:
        crew.stop()
        raise
    crew.close()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the block is done, then raise it: for steps that must not be left half-way."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is ever interrupted
        return
    held: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, _: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if held:
        raise KeyboardInterrupt


class _Crew(Generic[Task, Result]):
    """Worker processes, replaced when one of them dies."""

    def __init__(self, work: Callable[[Task], Result], jobs: int, lost: Callable[[Task], Result]) -> None:
        self._work = work
        self._jobs = jobs
        self._lost = lost
        self._others = frozenset(process.pid for process in multiprocessing.active_children())
        self._pool = _pool(jobs)
        self._single: ProcessPoolExecutor | None = None

    def start(self, task: Task) -> Future[Result]:
        with _as_parent_of_workers():
            try:
                return self._pool.submit(self._work, task)
            except BrokenProcessPool:
                self._pool.shutdown()
                self._pool = _pool(self._jobs)
                return self._pool.submit(self._work, task)

    def finish(self, label: Label, task: Task | None, future: Future[Result] | None) -> tuple[Label, Result | None]:
        if task is None or future is None:
            return label, None
        try:
            return label, future.result()
        except BrokenProcessPool:
            return label, self._alone(task)

    def stop(self) -> None:
        """End the workers now, whatever they are doing."""
        for process in multiprocessing.active_children():
            if process.pid not in self._others:
                process.terminate()
        self.close()

    def close(self) -> None:
        for pool in (self._pool, self._single):
            if pool is not None:
                pool.shutdown(cancel_futures=True)

    def _alone(self, task: Task) -> Result:
        """Do again what was under way when a worker died, by itself: either it was this one, or it works now."""
        self._single = self._single or _pool(1)
        with _as_parent_of_workers():
            future = self._single.submit(self._work, task)
        try:
            return future.result()
        except BrokenProcessPool:
            self._single.shutdown()
            self._single = None
            return self._lost(task)


def _pool(jobs: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_become_worker)


def _become_worker() -> None:
    """Prepare a new worker: end with the parent, use one thread."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    from index.vectors import use_threads  # here, as FAISS reads its settings when it is loaded

    use_threads(1)


def _end_with(sentinel: int) -> None:
    # A worker waits for work on a pipe that it holds open itself, so it would not notice that its parent was killed.
    wait([sentinel])
    os._exit(1)


@contextmanager
def _as_parent_of_workers() -> Iterator[None]:
    """Let processes that are started in the block have one thread per library, and no Ctrl-C, from the first."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
