"""Runs of the command as a user starts them: timed, with the memory of all their processes, and killed.

Each is a process of its own that was just started, with two workers unless said otherwise; its output
and the files that it left are compared here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["Outcome", "family", "kill_chain", "rows_of", "run_command_line", "same_rows", "traces_of"]

_ROOT: Final = Path(__file__).resolve().parent.parent
_SAMPLE_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 600.0
_OF_THE_RUN: Final = ("scan_id", "timing_ms")
"""Fields of a result that differ from run to run."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended.

    Attributes
    ----------
    exit_code : int
        Negative if a signal ended it.
    seconds : float
        From its start to its end.
    peak_mb : float or None
        The most memory that it and its workers had at one time, pages that they share counted once; None where the
        system does not tell.
    stdout, stderr : str
        Its output.
    """

    exit_code: int
    seconds: float
    peak_mb: float | None
    stdout: str
    stderr: str


def run_command_line(words: Sequence[str], *, kill_after_seconds: float | None = None) -> Outcome:
    """Run `sourceprint` with these words; kill the process, and not its workers, after a while if that is asked for."""
    line = [sys.executable, "-m", "cli", *words]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        with subprocess.Popen(line, stdout=out, stderr=err, cwd=_ROOT, env=_environment()) as process:
            meter = _Meter(process.pid)
            try:
                process.wait(_PATIENCE_SECONDS if kill_after_seconds is None else kill_after_seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
            seconds = time.perf_counter() - started
            peak = meter.stop()
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return Outcome(process.returncode, seconds, peak, *texts)


def rows_of(lines: str) -> dict[str, dict[str, Any]]:
    """Return results by the name of the file, from JSON Lines, without the fields that differ from run to run."""
    rows = {}
    for line in lines.splitlines():
        row = json.loads(line)
        rows[row["track"]["name"]] = {name: value for name, value in row.items() if name not in _OF_THE_RUN}
    return rows


def same_rows(one: Path, other: Path) -> bool:
    """Whether two runs hold the same rows, byte for byte, in any order."""
    return sorted(one.read_bytes().splitlines()) == sorted(other.read_bytes().splitlines())


def traces_of(run: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in the traces of a run, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((run / "traces").iterdir())}


def family(pid: int) -> list[int]:
    """Return the process ids of a process and its descendants, on systems that have /proc."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):  # a child belongs to the thread that made it
            with contextlib.suppress(OSError):  # it has ended
                found += map(int, task.read_text(encoding="ascii").split())
    return found


def kill_chain(words: Sequence[str], whole: Path, folder: Path, *, kills: int, seed: int) -> dict[str, Any]:
    """Kill scans at random moments until there were enough kills, and compare the final files with those of `whole`.

    A run is begun, killed after a random time, continued by the same command, killed again, and so on until it is
    done; then another run is begun.

    Parameters
    ----------
    words : sequence of str
        Of the command, but for `--out`.
    whole : Path
        The run of the same command that nobody interrupted.
    folder : Path
        For the runs that are killed.
    kills, seed : int
        How many, and the seed of their times.

    Returns
    -------
    dict
        Counts of `kills`, of `starts` and of finished `runs`, `scanned` (files searched by all of them, more than
        `files` per run if anything was done twice), and `failures` in words.
    """
    chance = random.Random(f"kills {seed}")
    counts: dict[str, Any] = {"kills": 0, "starts": 0, "runs": 0, "failures": []}
    usual = run_command_line([*words, "--out", str(folder / "rehearsal")]).seconds
    while counts["kills"] < kills and not counts["failures"]:
        run = folder / f"run-{counts['runs']}"
        while True:
            after = chance.uniform(0.3, 1.0) * usual if counts["kills"] < kills else None
            outcome = run_command_line([*words, "--out", str(run)], kill_after_seconds=after)
            counts["starts"] += 1
            if outcome.exit_code != -signal.SIGKILL:
                break
            counts["kills"] += 1
        counts["runs"] += 1
        where = f"run {counts['runs']}"
        if outcome.exit_code not in (0, 4):
            counts["failures"].append(f"{where}: exit code {outcome.exit_code}: {outcome.stderr[-300:]}")
        elif not same_rows(whole / "results.jsonl", run / "results.jsonl"):
            counts["failures"].append(f"{where}: other rows than the run that was not interrupted")
        elif traces_of(whole) != traces_of(run):
            counts["failures"].append(f"{where}: other traces than the run that was not interrupted")
    return counts


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"}


class _Meter:
    """Watches the memory of a process and its descendants, on systems that have /proc."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float | None:
        self._ended.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            sizes = [_proportional_mb(pid) for pid in family(self._pid)]
            if any(size is not None for size in sizes):
                self._peak = max(self._peak or 0.0, sum(size or 0.0 for size in sizes))


def _proportional_mb(pid: int) -> float | None:
    """Return the memory of a process, of shared pages its part; None where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), None)
