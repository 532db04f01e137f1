"""Workers: results in order, those that die or cannot start, and interruptions held back."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fingerprint.errors import EvidenceError, IndexDamagedError, ParameterError
from sourceprint import workers
from sourceprint.faults import Fault, contained, fault_of_death
from sourceprint.processes import in_this_process
from sourceprint.workers import in_order, jobs_for, uninterrupted, within_limits
from tests.errands import add_to_ten, ill_fated
from tests.places import ROOT


def failed(n: int, fault: Fault) -> int:
    assert re.search(r"ended the process that worked on it, twice \(exit code 1\).* fault [0-9a-f]{8}$", fault.reason)
    return -n


def fate(task: str, fault: Fault) -> str:
    return f"{task}: {fault.reason}"


def only_here(n: int) -> int:
    return n


only_here.__module__ = "tests.no_such_module"


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_order_with_items_that_need_no_work(jobs: int) -> None:
    tasks = [(str(n), None if n % 4 == 0 else n + 100) for n in range(30)]
    expected = [(label, None if n is None else n + 10) for label, n in tasks]
    assert list(in_order(add_to_ten, iter(tasks), jobs=jobs, failed=failed)) == expected


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_worker_that_dies_costs_one_task(jobs: int) -> None:
    begun: list[int] = []
    tasks = [(None, n) for n in range(2, 6)]
    results = [r for _, r in in_order(add_to_ten, tasks, jobs=jobs, failed=failed, begun=begun.append)]
    assert results == [12, -3, 14, 15]
    assert sorted(begun) == [2, 3, 3, 4, 5]  # a second time, and not a third


UNEXPECTED = r"unexpected {} in tests\.errands, line \d+{}; report it as fault [0-9a-f]{{8}}, and convert .*"
DEAD = r"ended the process that worked on it, twice \({}\); the file is damaged .*; report it as fault [0-9a-f]{{8}}"
FATES = {
    "fine": None,
    "ValueError": UNEXPECTED.format("ValueError", r": cannot convert\\x1b\[31m s64"),
    "exit": UNEXPECTED.format("SystemExit", ": 7"),
    "deep": UNEXPECTED.format("RecursionError", ": maximum recursion depth exceeded.*"),
    "MemoryError": r"does not fit into the memory that is left; give fewer jobs, .*; one file may take \d+ MB .*",
    "ParameterError": r"n=0: must be at least 1 \(fault [0-9a-f]{8}\)",
    "DecodeError": r"a\.wav: is no audio",
    "odd": r"unexpected (PicklingError|AttributeError) in .*",
    "SIGSEGV": DEAD.format("SIGSEGV"),
    "SIGKILL": DEAD.format("SIGKILL"),
    "good": None,
}


@pytest.mark.parametrize(("jobs", "fates"), [(1, list(FATES)), (2, ["fine", "ValueError", "odd", "good"])])
def test_any_fault_costs_its_task_and_no_other(jobs: int, fates: list[str]) -> None:
    results = dict(in_order(ill_fated, [(task, task) for task in fates], jobs=jobs, failed=fate))
    assert list(results) == fates
    for task in fates:
        pattern = FATES[task]
        expected = re.escape(task) if pattern is None else f"{task}: {pattern}"
        assert re.fullmatch(expected, results[task] or ""), results[task]


def own_process(_: int) -> int:
    return os.getpid()


def test_without_a_second_process_exceptions_are_contained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    tasks = [(task, task) for task in ("fine", "ValueError", "exit", "deep", "good")]
    supervised = list(in_order(ill_fated, tasks, jobs=1, failed=fate))
    monkeypatch.setattr(workers, "WorkerProcess", refuse)
    assert list(in_order(ill_fated, tasks, jobs=1, failed=fate)) == supervised
    monkeypatch.undo()
    with in_this_process():
        (here,) = in_order(own_process, [(None, 0)], jobs=1, failed=failed)
        assert here == (None, os.getpid())
        assert list(in_order(ill_fated, tasks, jobs=1, failed=fate)) == supervised
    assert [result == task for task, result in supervised] == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("jobs", "task", "error"),
    [(1, "damaged index", IndexDamagedError), (1, "full disk", OSError), (2, "damaged index", IndexDamagedError)],
)
def test_a_fault_of_the_whole_run_ends_it(jobs: int, task: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"is damaged|No space left"):
        list(in_order(ill_fated, [(None, "fine"), (None, task), (None, "good")], jobs=jobs, failed=fate))


def test_an_interruption_is_no_fault_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "can_fork", lambda: False)
    with pytest.raises(KeyboardInterrupt):
        list(in_order(ill_fated, [(None, "Ctrl-C")], jobs=1, failed=fate))


def test_a_fault_has_the_id_of_its_kind_and_place() -> None:
    def id_of(call: Callable[[], object]) -> str:
        fault = contained(call)
        assert isinstance(fault, Fault)
        assert fault.traceback.startswith("Traceback")
        return fault.id

    ids = [id_of(lambda: ill_fated("ValueError")), id_of(lambda: int("x")), id_of(lambda: ill_fated("exit"))]
    assert len({*ids, id_of(lambda: ill_fated("ValueError"))}) == 3


def test_a_death_tells_where_it_was() -> None:
    words = (
        "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n"
        f'  File "/lib/av/frame.py", line 7 in read\n  File "{ROOT}/fingerprint/audio/decoders.py", line 9 in _drain\n'
    )
    fault = fault_of_death(-signal.SIGSEGV, words)
    assert "twice (SIGSEGV in fingerprint.audio.decoders); " in fault.reason
    assert fault.traceback == words
    assert fault.id != fault_of_death(-signal.SIGSEGV, "").id != fault_of_death(-signal.SIGABRT, "").id
    assert "(signal 200)" in fault_of_death(-200, "").reason


def test_a_worker_that_is_killed_while_it_starts_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[workers._Worker[int, int]] = []

    class Killed(workers._Worker[int, int]):
        def __init__(self, work: Callable[[int], int], *, forked: bool, limited: bool) -> None:
            super().__init__(work, forked=forked, limited=limited)
            made.append(self)
            if len(made) < workers.MOST_STILLBORN:
                self.process._process.kill()

    monkeypatch.setattr(workers, "_Worker", Killed)
    results = [result for _, result in in_order(add_to_ten, [(None, 1), (None, 2)], jobs=2, failed=failed)]
    assert results == [11, 12]


def test_workers_that_cannot_start(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    module = types.ModuleType(only_here.__module__)
    monkeypatch.setattr(module, "only_here", only_here, raising=False)
    monkeypatch.setitem(sys.modules, only_here.__module__, module)
    with pytest.raises(ParameterError, match="jobs=2: worker processes end as soon as they start; give 1 job"):
        list(in_order(only_here, [(None, 1), (None, 2)], jobs=2, failed=failed))
    assert "No module named 'tests.no_such_module'" in capfd.readouterr().err


def test_work_on_some_files_has_their_time_and_no_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    file.write_bytes(b"content")
    assert within_limits(lambda: os.getpid(), [file]) != os.getpid()

    def refuse() -> None:
        raise ParameterError("no good")

    with pytest.raises(ParameterError, match="no good"):
        within_limits(refuse, [file])
    with pytest.raises(EvidenceError, match=r"a\.zip: ended the process that worked on it, twice \(exit code 9\)"):
        within_limits(lambda: os._exit(9), [file])
    with pytest.raises(EvidenceError, match=r"a\.zip: unexpected ZeroDivisionError .*report it as fault"):
        within_limits(lambda: 1 // 0, [file])
    monkeypatch.setattr(workers, "_TICK_SECONDS", 0.05)
    monkeypatch.setattr(workers, "most_seconds", lambda _: 0.1)
    with pytest.raises(EvidenceError, match=r"a\.zip: took longer than 0 s"):
        within_limits(lambda: time.sleep(60), [file, file])


def test_a_second_interruption_interrupts() -> None:
    done = []

    def step() -> None:
        with uninterrupted(times=1):
            os.kill(os.getpid(), signal.SIGINT)
            done.append("once")
            os.kill(os.getpid(), signal.SIGINT)
            done.append("twice")

    with pytest.raises(KeyboardInterrupt):
        step()
    assert done == ["once"]


def test_tasks_are_read_as_they_are_needed() -> None:
    taken = []

    def tasks() -> Iterator[tuple[None, int]]:
        for n in range(1000):
            taken.append(n)
            yield None, n + 100

    results = in_order(add_to_ten, tasks(), jobs=2, failed=failed)
    next(results)
    assert len(taken) < 20
    results.close()


def test_how_many_processes() -> None:
    assert jobs_for(0, None) == 1
    assert jobs_for(7, None) == 1
    assert jobs_for(3, 8) == 3
    assert jobs_for(100, 2) == 2
    assert 1 <= jobs_for(10_000, None) <= (os.cpu_count() or 1)
    with pytest.raises(ValueError, match="jobs=0: must be a whole number of at least 1"):
        jobs_for(5, 0)


def test_an_interruption_that_was_held_back_goes_to_the_handler() -> None:
    minded: list[str] = []
    before = signal.signal(signal.SIGINT, lambda *_: minded.append("a wish"))
    try:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            minded.append("the step")
    finally:
        signal.signal(signal.SIGINT, before)
    assert minded == ["the step", "a wish"]


def test_an_interruption_is_held_back_and_not_lost() -> None:
    done = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a shell it is ignored

    def step() -> None:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("the step")

    try:
        with pytest.raises(KeyboardInterrupt):
            step()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == ["the step"]
    thread = threading.Thread(target=lambda: done.append("elsewhere") if uninterrupted().__enter__() is None else None)
    thread.start()
    thread.join()
    assert done == ["the step", "elsewhere"]
