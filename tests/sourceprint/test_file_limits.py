"""Time and memory of one file: beyond the limit that file fails, and nothing reaches the terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fingerprint.errors import ParameterError
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
