"""Many files at once: the same work done on each, by one process or by several, results in the order of the input.

The main thread alone reads what workers (`sourceprint.processes`) answer: a worker can be ended at any moment, in
the middle of an answer too, and nobody waits for the rest of it. Only so many files are under way that memory stays
bounded for any number of them. Ctrl-C reaches this process alone, which ends the workers.

A failure costs its own file only (`sourceprint.faults`): work that raises, that takes longer than it may,
or that ends its worker, as a fault in a decoder or a want of memory can. A worker that died is replaced, and its file
is tried a second time, not a third; a file that took too long is not tried again.
One job has a worker too, forked. Where a process cannot be forked, one job is done in this process, and a fault that
ends a process ends it.
"""

import math
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Generic, TypeVar

from fingerprint.arguments import whole_number
from fingerprint.errors import EvidenceError, ParameterError, SourceprintError, printable
from sourceprint.faults import Fault, contained, fault_of, fault_of_time, log_fault
from sourceprint.file_limits import most_seconds
from sourceprint.processes import WorkerProcess, can_fork

__all__ = ["in_order", "jobs_for", "uninterrupted", "within_limits"]

Label = TypeVar("Label")
Task = TypeVar("Task")
Result = TypeVar("Result")

FILES_PER_WORKER = 8  # a worker takes as long to start as two or three songs to analyse
MOST_STILLBORN = 3  # workers in a row; one may be killed for want of memory, and the next find it
_TICK_SECONDS = 1.0  # how often it is looked for work that takes too long
UNDER_WAY = 4  # files per worker, where there are several: enough to keep the others busy behind a long one


def jobs_for(n_files: int, jobs: int | None) -> int:
    """Return how many processes to use: `jobs` if given, else by files and processors; never more than files.

    Raises
    ------
    ParameterError
        If `jobs` is no whole number from 1.
    """
    given = None if jobs is None else whole_number("jobs", jobs, least=1)
    wanted = given or min(_processors(), n_files // FILES_PER_WORKER)
    return max(1, min(wanted, n_files))


def in_order(
    work: Callable[[Task], Result],
    tasks: Iterable[tuple[Label, Task | None]],
    *,
    jobs: int,
    failed: Callable[[Task, Fault], Result],
    begun: Callable[[Task], object] = lambda _: None,
    limit: Callable[[Task], float] | None = None,
) -> Generator[tuple[Label, Result | None], None, None]:
    """Do the work on each task and yield the results in order, while later ones are under way.

    Parameters
    ----------
    work : callable
        With several jobs a function of a module, as workers import it; its argument and its result must be picklable.
    tasks : iterable
        Pairs of a label, which stays here, and a task; None where there is nothing to do. Read as far as is needed.
    jobs : int
        Worker processes.
    failed : callable
        Returns the result of a task whose work raised, took too long, or ended two workers.
    begun : callable
        Called with each task whenever the work on it begins.
    limit : callable, optional
        How many seconds the work on a task may take; with it, memory is limited too (`sourceprint.file_limits`). A
        worker that takes longer is ended, and its task has failed; without workers there is no limit.

    Yields
    ------
    label, result
        The result is None where there was nothing to do.

    Raises
    ------
    ParameterError
        If workers cannot be started.
    BaseException
        The exception of the work, if it would hit the next task too (`sourceprint.faults.ends_run`).
    """
    if jobs == 1 and not can_fork():
        for label, task in tasks:
            yield label, None if task is None else _do(work, task, failed, begun)
        return
    crew = _Crew(work, jobs, failed, begun, limit)
    line: deque[tuple[Label, _Slot[Task, Result]]] = deque()
    try:
        for label, task in tasks:
            line.append((label, crew.take(task)))
            while line[0][1].is_open and len(line) >= (UNDER_WAY * jobs if jobs > 1 else 1):
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


def within_limits(work: Callable[[], Result], files: Iterable[Path]) -> Result:
    """Run a call that reads some files in a worker with limits of time and memory, and return its result.

    Parameters
    ----------
    work : callable
        Its result must be picklable.
    files : iterable of Path
        Files that it reads: each adds the time that it may take.

    Raises
    ------
    EvidenceError
        If the call takes longer, ends its worker twice, or raises an unexpected exception.
    BaseException
        Any other error of ours that the call raises.
    """

    def answer(_: tuple[Path, ...]) -> Result | SourceprintError | Fault:
        try:
            return work()
        except SourceprintError as error:
            return error

    tasks = [(None, tuple(files))]
    made = in_order(
        answer, tasks, jobs=1, failed=lambda _, fault: fault, limit=lambda paths: sum(map(most_seconds, paths))
    )
    with closing(made):
        ((_, found),) = made
    if isinstance(found, SourceprintError):
        raise found
    if found is None or isinstance(found, Fault):
        raise EvidenceError(f"{printable(tasks[0][1][0])}: {found}")
    return found


@contextmanager
def uninterrupted(*, times: int | None = None) -> Iterator[None]:
    """Hold Ctrl-C back until the block is done, then deliver it: for steps that must not be left half-way.

    Parameters
    ----------
    times : int, optional
        Interrupts held back; the next gets through at once, for a user who insists. By default, all are held.
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
            signal.raise_signal(signal.SIGINT)  # to the handler in place: by default, KeyboardInterrupt here and now


def _do(
    work: Callable[[Task], Result],
    task: Task,
    failed: Callable[[Task, Fault], Result],
    begun: Callable[[Task], object],
) -> Result:
    """Do the work in this process."""
    begun(task)
    # Raised in a callback from libsndfile, an interruption would be lost and taken for the end of the file.
    with uninterrupted(times=1):
        answer = contained(lambda: work(task))
        return _result_of(task, answer, failed)


def _result_of(task: Task, answer: Result | Fault, failed: Callable[[Task, Fault], Result]) -> Result:
    if not isinstance(answer, Fault):
        return answer
    log_fault(answer, str(task))
    return failed(task, answer)


@dataclass(slots=True, eq=False)
class _Slot(Generic[Task, Result]):
    """A task, and its result once there is one."""

    task: Task | None
    result: Result | None = None
    is_open: bool = True
    attempts: int = 0

    def fill(self, result: Result) -> None:
        self.result, self.is_open = result, False


class _Worker(Generic[Task, Result]):
    """A process with its current task."""

    def __init__(self, work: Callable[[Task], Result], *, forked: bool, limited: bool) -> None:
        self.process = WorkerProcess(work, forked=forked, limited=limited)
        self.slot: _Slot[Task, Result] | None = None
        self.has_started = False
        self.seconds = 0.0  # at work on it
        self.limit = math.inf

    def give(self, slot: "_Slot[Task, Result]", limit: float) -> None:
        slot.attempts += 1
        self.slot = slot
        self.seconds, self.limit = 0.0, limit
        with suppress(BrokenPipeError):  # it has died: found out when its answer is read
            self.process.pipe.send(slot.task)


class _Crew(Generic[Task, Result]):
    """Workers, started as they are needed and replaced when they die."""

    def __init__(
        self,
        work: Callable[[Task], Result],
        jobs: int,
        failed: Callable[[Task, Fault], Result],
        begun: Callable[[Task], object],
        limit: Callable[[Task], float] | None,
    ) -> None:
        self._limit = limit
        self._looked_at = time.monotonic()
        self._work = work
        self._jobs = jobs
        self._failed = failed
        self._begun = begun
        self._workers: list[_Worker[Task, Result]] = []
        self._waiting: deque[_Slot[Task, Result]] = deque()
        self._n_stillborn = 0  # workers in a row that ended while they started
        self._alone = False  # the system gives no process for one job

    def take(self, task: Task | None) -> _Slot[Task, Result]:
        """Return the place where the result will be; without a task, it is settled at once."""
        slot: _Slot[Task, Result] = _Slot(task, is_open=task is not None)
        if slot.is_open:
            if all(worker.slot is None for worker in self._workers):
                self._looked_at = time.monotonic()  # the time that they waited for a task is not that of its work
            self._waiting.append(slot)
            self._assign()
        return slot

    def attend(self) -> None:
        """Wait until at least one worker has something to say, and hear it; end those that took too long."""
        ready = wait([worker.process.pipe for worker in self._workers], None if self._limit is None else _TICK_SECONDS)
        for worker in [worker for worker in self._workers if worker.process.pipe in ready]:
            try:
                succeeded, answer = worker.process.pipe.recv()
            except (EOFError, OSError):
                self._bury(worker)
                continue
            except Exception as error:  # noqa: BLE001 - an answer that cannot be read is no answer
                succeeded, answer = True, fault_of(error)
            if not succeeded:
                raise answer
            if worker.has_started and worker.slot is not None and worker.slot.task is not None:
                worker.slot.fill(_result_of(worker.slot.task, answer, self._failed))
                worker.slot = None
            if not worker.has_started:
                worker.has_started = True
                self._n_stillborn = 0
        self._watch()
        self._assign()

    def stop(self) -> None:
        """End the workers now, in the middle of their work."""
        while self._workers:
            self._workers.pop().process.end()

    def _assign(self) -> None:
        while self._waiting:
            worker = next((worker for worker in self._workers if worker.slot is None), None)
            if worker is None and len(self._workers) < self._jobs and not self._alone:
                worker = self._hired()
            if self._alone:
                slot = self._waiting.popleft()
                if slot.task is not None:
                    slot.fill(_do(self._work, slot.task, self._failed, self._begun))
                continue
            if worker is None:
                return
            slot = self._waiting.popleft()
            limit = math.inf
            if slot.task is not None:
                self._begun(slot.task)
                limit = math.inf if self._limit is None else self._limit(slot.task)
            worker.give(slot, limit)

    def _hired(self) -> _Worker[Task, Result] | None:
        try:
            worker = _Worker(self._work, forked=self._jobs == 1, limited=self._limit is not None)
        except OSError:
            if self._jobs > 1:
                raise
            self._alone = True
            return None
        self._workers.append(worker)
        return worker

    def _watch(self) -> None:
        """End workers that are at one task for too long; while this process is stopped, no time passes for them."""
        now = time.monotonic()
        passed, self._looked_at = min(now - self._looked_at, 2 * _TICK_SECONDS), now
        for worker in [worker for worker in self._workers if worker.slot is not None and worker.has_started]:
            worker.seconds += passed
            if worker.seconds > worker.limit and worker.slot is not None and worker.slot.task is not None:
                self._workers.remove(worker)
                worker.process.end()
                worker.slot.fill(_result_of(worker.slot.task, fault_of_time(worker.limit), self._failed))

    def _bury(self, worker: _Worker[Task, Result]) -> None:
        self._workers.remove(worker)
        fault = worker.process.end(patience_seconds=1.0)  # dying, it may have something to say on stderr
        slot = worker.slot
        if not worker.has_started:
            self._n_stillborn += 1
            if self._n_stillborn == MOST_STILLBORN:
                raise ParameterError(
                    f"jobs={self._jobs}: worker processes end as soon as they start; give 1 job, or, in a script of "
                    'your own, put its main code under if __name__ == "__main__":'
                )
            if slot is not None:  # the task had no part in it
                slot.attempts -= 1
                self._waiting.appendleft(slot)
            return
        if slot is None or slot.task is None:
            return
        if slot.attempts == 1:  # it may have been killed for other reasons than this task: once more
            self._waiting.appendleft(slot)
        else:
            slot.fill(_result_of(slot.task, fault, self._failed))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
