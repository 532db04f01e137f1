"""Many files at once: the same work done on each, by this process or by several, results in the order of the input.

Workers are spawned, never forked (FAISS and OpenMP hang in a fork), and use one thread each. Every worker has a pipe of
its own, and only the main thread reads them: a worker can be ended at any moment, in the middle of an answer too, and
nobody waits for the rest of it. Only so many files are under way that memory stays bounded whatever their number.
Ctrl-C reaches this process alone, which ends the workers; if this process is killed outright, they notice and end. A
worker that dies, as a fault in a decoder can make it, is replaced, and costs the file that it was working on at most.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from fingerprint.errors import ParameterError

__all__ = ["in_order", "jobs_for", "uninterrupted"]

Label = TypeVar("Label")
Task = TypeVar("Task")
Result = TypeVar("Result")

FILES_PER_WORKER = 8  # a worker takes as long to start as two or three songs to analyse
MOST_STILLBORN = 3  # workers in a row; one may be killed for want of memory, and the next find it
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
        What to return for a task that ended two workers.

    Yields
    ------
    label, result
        The result is None where there was nothing to do.

    Raises
    ------
    ParameterError
        If workers cannot be started.
    """
    if jobs == 1:
        for label, task in tasks:
            yield label, None if task is None else _do(work, task)
        return
    crew = _Crew(work, jobs, lost)
    line: deque[tuple[Label, _Slot[Task, Result]]] = deque()
    try:
        for label, task in tasks:
            line.append((label, crew.take(task)))
            while line[0][1].is_open and len(line) >= UNDER_WAY * jobs:
                crew.attend()
            while line and not line[0][1].is_open:
                first, slot = line.popleft()
                yield first, slot.result
        while line:
            first, slot = line.popleft()
            while slot.is_open:
                crew.attend()
            yield first, slot.result
    finally:
        crew.stop()


@contextmanager
def uninterrupted(*, times: int | None = None) -> Iterator[None]:
    """Hold Ctrl-C back until the block is done, then deliver it: for steps that must not be left half-way.

    Parameters
    ----------
    times : int, optional
        How often to do so; whoever insists gets through. By default, always.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is ever interrupted
        return
    held: list[int] = []

    def hold(number: int, _: object) -> None:
        if times is not None and len(held) >= times:
            raise KeyboardInterrupt
        held.append(number)

    previous = signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if held:
            signal.raise_signal(signal.SIGINT)  # to whoever minds it: by default, KeyboardInterrupt here and now


def _do(work: Callable[[Task], Result], task: Task) -> Result:
    # Raised in a callback from libsndfile, an interruption would be lost and taken for the end of the file.
    with uninterrupted(times=1):
        return work(task)


@dataclass(slots=True, eq=False)
class _Slot(Generic[Task, Result]):
    """A task, and its result once there is one."""

    task: Task | None
    result: Result | None = None
    is_open: bool = True
    attempts: int = 0


class _Worker(Generic[Task, Result]):
    """A process, this end of its pipe, and what it is working on."""

    def __init__(self, work: Callable[[Task], Result]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.slot: _Slot[Task, Result] | None = None
        self.has_started = False
        self._process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        with _as_parent_of_workers():
            self._process.start()
        theirs.close()  # so that reading from a worker that has died says so

    def give(self, slot: "_Slot[Task, Result]") -> None:
        slot.attempts += 1
        self.slot = slot
        with suppress(BrokenPipeError):  # it has died: found out when its answer is read
            self.pipe.send(slot.task)

    def end(self, *, patience_seconds: float = 0.0) -> None:
        self._process.join(patience_seconds)
        self._process.terminate()
        self._process.join()
        self.pipe.close()


class _Crew(Generic[Task, Result]):
    """Workers, started as they are needed and replaced when they die."""

    def __init__(self, work: Callable[[Task], Result], jobs: int, lost: Callable[[Task], Result]) -> None:
        self._work = work
        self._jobs = jobs
        self._lost = lost
        self._workers: list[_Worker[Task, Result]] = []
        self._waiting: deque[_Slot[Task, Result]] = deque()
        self._n_stillborn = 0  # workers in a row that ended while they started

    def take(self, task: Task | None) -> _Slot[Task, Result]:
        """Return the place where the result will be; without a task, it is settled at once."""
        slot: _Slot[Task, Result] = _Slot(task, is_open=task is not None)
        if slot.is_open:
            self._waiting.append(slot)
            self._assign()
        return slot

    def attend(self) -> None:
        """Wait until at least one worker has something to say, and hear it."""
        ready = wait([worker.pipe for worker in self._workers])
        for worker in [worker for worker in self._workers if worker.pipe in ready]:
            try:
                succeeded, answer = worker.pipe.recv()
            except (EOFError, OSError):
                self._bury(worker)
                continue
            if not succeeded:
                raise answer
            if worker.has_started and worker.slot is not None:
                worker.slot.result, worker.slot.is_open = answer, False
                worker.slot = None
            if not worker.has_started:
                worker.has_started = True
                self._n_stillborn = 0
        self._assign()

    def stop(self) -> None:
        """End the workers now, whatever they are doing."""
        while self._workers:
            self._workers.pop().end()

    def _assign(self) -> None:
        while self._waiting:
            worker = next((worker for worker in self._workers if worker.slot is None), None)
            if worker is None and len(self._workers) < self._jobs:
                worker = _Worker(self._work)
                self._workers.append(worker)
            if worker is None:
                return
            worker.give(self._waiting.popleft())

    def _bury(self, worker: _Worker[Task, Result]) -> None:
        self._workers.remove(worker)
        worker.end(patience_seconds=1.0)  # dying, it may have something to say on stderr
        slot = worker.slot
        if not worker.has_started:
            self._n_stillborn += 1
            if self._n_stillborn == MOST_STILLBORN:
                raise ParameterError(f"jobs={self._jobs}: worker processes end as soon as they start; give 1 job")
            if slot is not None:  # the task had no part in it
                slot.attempts -= 1
                self._waiting.appendleft(slot)
            return
        if slot is None or slot.task is None:
            return
        if slot.attempts == 1:  # it may have been killed for other reasons than this task: once more
            self._waiting.appendleft(slot)
        else:
            slot.result, slot.is_open = self._lost(slot.task), False


def _serve(pipe: Connection, work: Callable[[Any], Any]) -> None:
    """Work off tasks until the other end of the pipe is closed; runs in the worker."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    from index.vectors.exact import use_threads  # here, as FAISS reads its settings when it is loaded

    use_threads(1)
    with suppress(EOFError, BrokenPipeError):
        pipe.send((True, None))
        while True:
            task = pipe.recv()
            try:
                answer = (True, work(task))
            except Exception as error:  # noqa: BLE001 - raised again where the results are read
                answer = (False, error)
            pipe.send(answer)


def _end_with(sentinel: int) -> None:
    # Without its parent a worker would only end with its task, which may take minutes.
    wait([sentinel])
    os._exit(1)


@contextmanager
def _as_parent_of_workers() -> Iterator[None]:
    """Let processes that are started in the block have one thread per library, and no Ctrl-C, from the first."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    resource_tracker.ensure_running()  # first, as starting it lets Ctrl-C through again
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
