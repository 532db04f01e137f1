"""Workers: results in order, those that die or cannot start, and interruptions held back."""

from __future__ import annotations

import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator

import pytest

from fingerprint.errors import ParameterError
from sourceprint import workers
from sourceprint.workers import in_order, jobs_for, uninterrupted
from tests.command_line import add_to_ten, jobs_for_three


def lost(n: int) -> int:
    return -n


def only_here(n: int) -> int:
    return n


only_here.__module__ = "tests.no_such_module"


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_order_and_what_needs_no_work_in_its_place(jobs: int) -> None:
    tasks = [(str(n), None if n % 4 == 0 else n + 100) for n in range(30)]
    expected = [(label, None if n is None else n + 10) for label, n in tasks]
    assert list(in_order(add_to_ten, iter(tasks), jobs=jobs, lost=lost)) == expected


def test_a_worker_that_dies_costs_one_task() -> None:
    tasks = [(None, n) for n in range(2, 6)]
    results = [result for _, result in in_order(add_to_ten, tasks, jobs=2, lost=lost)]
    assert results == [12, -3, 14, 15]


def test_an_error_in_a_worker_is_raised_here() -> None:
    with pytest.raises(ParameterError, match=r"jobs=0: must be at least 1"):
        list(in_order(jobs_for_three, [(None, 1), (None, 0), (None, 2)], jobs=2, lost=lost))


def test_a_worker_that_is_killed_while_it_starts_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[workers._Worker[int, int]] = []

    class Killed(workers._Worker[int, int]):
        def __init__(self, work: Callable[[int], int]) -> None:
            super().__init__(work)
            made.append(self)
            if len(made) < workers.MOST_STILLBORN:
                self._process.kill()

    monkeypatch.setattr(workers, "_Worker", Killed)
    results = [result for _, result in in_order(add_to_ten, [(None, 1), (None, 2)], jobs=2, lost=lost)]
    assert results == [11, 12]


def test_workers_that_cannot_start(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    module = types.ModuleType(only_here.__module__)
    monkeypatch.setattr(module, "only_here", only_here, raising=False)
    monkeypatch.setitem(sys.modules, only_here.__module__, module)
    with pytest.raises(ParameterError, match="jobs=2: worker processes end as soon as they start; give 1 job"):
        list(in_order(only_here, [(None, 1), (None, 2)], jobs=2, lost=lost))
    assert "No module named 'tests.no_such_module'" in capfd.readouterr().err


def test_whoever_insists_interrupts() -> None:
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

    results = in_order(add_to_ten, tasks(), jobs=2, lost=lost)
    next(results)
    assert len(taken) < 20
    results.close()


def test_how_many_processes() -> None:
    assert jobs_for(0, None) == 1
    assert jobs_for(7, None) == 1
    assert jobs_for(3, 8) == 3
    assert jobs_for(100, 2) == 2
    assert 1 <= jobs_for(10_000, None) <= (os.cpu_count() or 1)
    with pytest.raises(ValueError, match="jobs=0: must be at least 1"):
        jobs_for(5, 0)


def test_an_interruption_that_was_held_back_goes_to_whoever_minds_it() -> None:
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
