"""Time and memory of one file: beyond the limit that file fails, and nothing reaches the terminal."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from fingerprint.errors import ParameterError
from sourceprint import workers
from sourceprint.faults import Fault
from sourceprint.file_limits import MEMORY, TIME, most_memory_mb, most_seconds
from sourceprint.workers import in_order
from tests.errands import taking


def fate(_: str, fault: Fault) -> str:
    return fault.reason


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_hang_costs_one_file_and_is_not_waited_for_twice(jobs: int) -> None:
    tasks = [(None, what) for what in ("a", "time", "b", "c")]
    begun: list[str] = []
    done = in_order(taking, tasks, jobs=jobs, failed=fate, begun=begun.append, limit=lambda _: 1.0)
    results = [result for _, result in done]
    assert [results[0], *results[2:]] == ["a", "b", "c"]
    assert str(results[1]).startswith("took longer than 1 s, which is all that a file of its size may take")
    assert f"set {TIME} higher" in str(results[1])
    assert sorted(begun) == ["a", "b", "c", "time"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit what a process writes to")
@pytest.mark.parametrize("jobs", [1, 2])
def test_memory_beyond_the_limit_costs_one_file(jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [(None, what) for what in ("much memory", "a")]
    wide = [result for _, result in in_order(taking, tasks, jobs=jobs, failed=fate, limit=lambda _: 60.0)]
    assert wide == [str(400 << 20), "a"]
    monkeypatch.setenv(MEMORY, "200")
    narrow = [result for _, result in in_order(taking, tasks, jobs=jobs, failed=fate, limit=lambda _: 60.0)]
    assert narrow[1] == "a"
    assert str(narrow[0]).startswith("does not fit into the memory that is left; give fewer jobs, or cut it in parts")
    assert str(narrow[0]).endswith("one file may take 200 MB (SOURCEPRINT_FILE_MB)")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit what a process writes to")
def test_each_file_of_a_process_may_take_as_much_memory_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bytearray] = []

    def keeping(_: str) -> str:
        kept.append(bytearray(150 << 20))
        return f"{len(kept)} kept"

    monkeypatch.setenv(MEMORY, "200")
    tasks = [(None, what) for what in ("a", "b", "c")]
    results = [result for _, result in in_order(keeping, tasks, jobs=1, failed=fate, limit=lambda _: 60.0)]
    assert results == ["1 kept", "2 kept", "3 kept"]


def test_the_time_that_a_process_waits_for_a_file_is_not_that_of_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(workers, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(workers, "_TICK_SECONDS", 0.02)

    def late() -> Iterator[tuple[None, str]]:
        yield None, "a"
        now[0] += 100.0
        yield None, "some time"

    results = [result for _, result in in_order(taking, late(), jobs=1, failed=fate, limit=lambda _: 0.01)]
    assert results == ["a", "some time"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_output_of_libraries_stays_off_the_terminal(jobs: int, capfd: pytest.CaptureFixture[str]) -> None:
    tasks = [(None, what) for what in ("terminal", "a")]
    assert [result for _, result in in_order(taking, tasks, jobs=jobs, failed=fate)] == ["terminal", "a"]
    assert capfd.readouterr() == ("", "")


def test_limits_grow_with_the_file_and_are_stated_in_whole_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").touch()
    os.truncate(tmp_path / "a", 40_000_000)
    assert most_seconds(tmp_path / "none") == most_seconds(Path("no\0name")) == 1800
    assert most_seconds(tmp_path / "a") == 1800 + 2000
    assert most_memory_mb() >= 4096
    monkeypatch.setenv(TIME, " 60 ")
    monkeypatch.setenv(MEMORY, "512")
    assert (most_seconds(tmp_path / "none"), most_memory_mb()) == (60, 512)
    for text in ("0", "-1", "1.5", "much", "٣"):
        monkeypatch.setenv(TIME, text)
        with pytest.raises(ParameterError, match=r"SOURCEPRINT_FILE_SECONDS=.*: must be a whole number above 0; 1800"):
            most_seconds(tmp_path / "a")
