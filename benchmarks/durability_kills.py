"""Writers that are killed at random moments, again and again on the same index.

A chain is one index and the processes that change it, one after the other, each killed: in turn after a random time and
at a random operation on the disk, each phase as often as the others. After each, the index is checked in full, and the
next goes on with it. A rehearsal on another index gives the time of a process and its operations.
"""

from __future__ import annotations

import os
import random
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.durability_child import BETWEEN
from benchmarks.durability_index import LAYER, Acknowledged, Contents, check_index, draw_changes, make_index
from index.folder.index import Index

__all__ = ["Chain", "run_chain"]

CHANGES: Final = 24  # of each process
_ROOT: Final = Path(__file__).resolve().parent.parent
_PATIENCE_SECONDS: Final = 120.0
_LIST_OPERATIONS: Final = 10  # on the disk, for the lists of a segment, at least
_NOWHERE: Final = ("none", 0)
_RUNS_PER_KILL: Final = 4  # a process that was done before its time is no kill


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain to be run: its seed, and after how many kills it ends."""

    seed: int
    kills: int


@dataclass(slots=True)
class _Run:
    """Lines that a process printed, whether it was killed, its time in seconds, and its complaint."""

    lines: list[str]
    killed: bool
    seconds: float
    complaint: str = ""

    @property
    def phase(self) -> str:
        """Phase under way when it ended."""
        said = [line for line in self.lines if line not in ("ready", "change", "commit")]
        return said[-1] if said and said[-1] != BETWEEN else "between"

    @property
    def operations(self) -> Counter[str]:
        """Operations on the disk that it carried out, by phase."""
        return Counter(line for line in self.lines if line not in ("ready", "change", "commit", BETWEEN))


def run_chain(chain: Chain) -> dict[str, Any]:
    """Return how many processes were run and killed, in which phase, commits acknowledged, and failures in sentences.

    The first failure ends the chain: later runs prove nothing.
    """
    chance = random.Random(f"kills {chain.seed}")
    phases: Counter[str] = Counter()
    out: dict[str, Any] = {"runs": 0, "killed": 0, "commits": 0, "recordings": 0, "failures": []}

    def run_next(folder: Path, contents: Contents, after: float, aim: tuple[str, int]) -> tuple[_Run, Contents]:
        seed = chance.randrange(10**9)
        run = _run(folder, seed, after, aim)
        state = _replayed(contents, seed, run)
        contents, problems = check_index(folder, state.possible(), probe=False)
        out["runs"] += 1
        out["killed"] += run.killed
        out["commits"] += state.n_commits
        out["recordings"] += len(contents)
        where = f"chain {chain.seed}, process {out['runs']}, ended in phase {run.phase!r}"
        out["failures"] += [f"{where}: {problem}" for problem in [*problems, run.complaint] if problem]
        if run.killed:
            phases[run.phase] += 1
        return run, contents

    with tempfile.TemporaryDirectory(prefix="sourceprint-kills-") as name:
        rehearsal, folder = Path(name) / "rehearsal", Path(name) / "index"
        run, _ = run_next(rehearsal, make_index(rehearsal), _PATIENCE_SECONDS, _NOWHERE)
        seconds, operations = run.seconds, run.operations
        contents = make_index(folder)
        while out["killed"] < chain.kills and out["runs"] <= _RUNS_PER_KILL * chain.kills and not out["failures"]:
            if out["runs"] % 2:
                run, contents = run_next(folder, contents, _PATIENCE_SECONDS, _aim(folder, operations, chance))
            else:
                run, contents = run_next(folder, contents, chance.uniform(0.0, seconds), _NOWHERE)
            if not run.killed:
                seconds, operations = run.seconds, operations | run.operations
    return out | {"phases": dict(phases)}


def _aim(folder: Path, operations: Counter[str], chance: random.Random) -> tuple[str, int]:
    """Return a phase, and a number of an operation in it; the lists while there are none."""
    if Index.open(folder).snapshot().layer(LAYER).kind == "exact":
        return "lists", chance.randint(1, _LIST_OPERATIONS)
    phase = chance.choice(sorted(operations)) if operations else "segment"
    return phase, chance.randint(1, max(1, operations[phase]))


def _run(folder: Path, seed: int, after: float, aim: tuple[str, int]) -> _Run:
    """Start a process that kills itself at an operation, or is killed `after` seconds from when it begins."""
    words = (str(folder), str(seed), str(CHANGES), aim[0], str(aim[1]))
    line = [sys.executable, "-m", "benchmarks.durability_child", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=_ROOT, env=environment) as process:
        said, seconds = _listen(process, after)
        process.kill()
        rest, complaint = process.communicate()
    killed = process.returncode == -signal.SIGKILL
    lines = (said + rest).decode("ascii").split()
    ended_badly = not killed and process.returncode != 0
    return _Run(lines, killed, seconds, complaint.decode(errors="replace").strip() if ended_badly else "")


def _listen(process: subprocess.Popen[bytes], after: float) -> tuple[bytes, float]:
    """Return the output of the process from `ready` until the time is up or it ends, and the seconds from `ready`."""
    pipe = process.stdout
    if pipe is None:
        return b"", 0.0
    said = b""
    started = time.perf_counter()
    deadline = started + _PATIENCE_SECONDS
    is_ready = False
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while (left := deadline - time.perf_counter()) > 0:
            if not selector.select(left):
                break
            block = os.read(pipe.fileno(), 65_536)
            if not block:
                process.wait()
                break
            said += block
            if not is_ready and b"ready\n" in said:
                is_ready = True
                started = time.perf_counter()
                deadline = started + after
    return said, time.perf_counter() - started


def _replayed(contents: Contents, seed: int, run: _Run) -> Acknowledged:
    """Return the contents that the index may hold, from the output of the process."""
    state = Acknowledged(contents)
    changes = iter(draw_changes(random.Random(seed), contents, CHANGES))
    for line in run.lines:
        if line == "change":
            state.announce(next(changes))
        elif line == "commit":
            state.confirm()
    return state
