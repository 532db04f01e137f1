"""Full disks, failing disks and power cuts, at every disk operation of an index with few changes.

A refused file operation must become a clear error and leave the last commit. Every state that the disk may have after
a cut must open as the last commit or as the one under way.
"""

from __future__ import annotations

import errno
import hashlib
import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.durability_disk import FaultyDisk, FileLayer, PowerCut, Recorder, Tree, read_tree, write_tree
from benchmarks.durability_index import (
    Acknowledged,
    Change,
    Contents,
    carry_out,
    check_index,
    draw_changes,
    make_index,
)
from fingerprint.errors import CatalogueError, StorageFullError

__all__ = ["ERRORS", "CutTask", "FaultTask", "run_cuts", "run_faults"]

ERRORS: Final = {"ENOSPC": errno.ENOSPC, "EDQUOT": errno.EDQUOT, "EIO": errno.EIO}
_SAFE: Final = "earlier commits are safe"
_SHARES: Final = (0.0, 1.0, 0.5, 0.9)  # of names not flushed that survive; then again from the first


@dataclass(frozen=True, slots=True)
class FaultTask:
    """Faults to be tried on one sequence of changes.

    Attributes
    ----------
    seed : int
        Of the changes.
    error : str
        One of `ERRORS`.
    once : bool
        One operation fails, rather than all from there on.
    every : int
        Every how many operations; 1 tries all.
    """

    seed: int
    error: str
    once: bool
    every: int


@dataclass(frozen=True, slots=True)
class CutTask:
    """Cuts of power to be tried on one sequence of changes: every how many operations, and how many states at each."""

    seed: int
    every: int
    states: int


def run_faults(task: FaultTask) -> dict[str, Any]:
    """Return how many faults were tried, how many of them reached the caller as an error, and failures in sentences.

    An error must be of the right class and say that committed data is safe. None is due where a fault only kept the
    writer from deleting files that are no longer needed.
    """
    code = ERRORS[task.error]
    expected = CatalogueError if code == errno.EIO else StorageFullError
    out: dict[str, Any] = {"trials": 0, "errors": 0, "failures": []}
    with tempfile.TemporaryDirectory(prefix="sourceprint-faults-") as name:
        base, contents, changes = _first_half(Path(name), task.seed)
        dry = Path(shutil.copytree(base, Path(name) / "dry"))
        with FaultyDisk(dry, code) as disk:
            _carry_out(dry, contents, changes)
        for allowed in range(task.seed % task.every, disk.calls, task.every):
            trial = Path(shutil.copytree(base, Path(name) / "trial"))
            state = Acknowledged(contents)
            problems = []
            with FaultyDisk(trial, code, allowed=allowed, once=task.once) as faulty:
                try:
                    carry_out(trial, changes, announce=state.announce, confirm=state.confirm)
                except expected as error:
                    out["errors"] += 1
                    problems += [] if _SAFE in str(error) else [f"unclear: {error}"]
                except Exception as error:  # noqa: BLE001 - any other error is a failure
                    problems.append(f"{type(error).__name__}: {error}")
            problems += [] if faulty.refused else ["nothing was refused"]
            problems += _check(trial, state.possible())
            where = f"{task.error} {'at' if task.once else 'from'} operation {allowed + 1} of seed {task.seed}"
            out["failures"] += [f"{where}: {problem}" for problem in problems]
            out["trials"] += 1
            shutil.rmtree(trial)
    return out


def run_cuts(task: CutTask) -> dict[str, Any]:
    """Return at how many operations the power was cut, how many different states were checked, and failures."""
    chance = random.Random(f"cuts {task.seed}")
    out: dict[str, Any] = {"operations": 0, "cuts": 0, "states": 0, "failures": []}
    with tempfile.TemporaryDirectory(prefix="sourceprint-cuts-") as name:
        folder, contents, changes = _first_half(Path(name), task.seed)
        disk = PowerCut(read_tree(folder))
        with Recorder(folder) as recorder:
            possible = _possible_after(recorder, folder, contents, changes)
        out["operations"] = len(recorder.operations)
        seen: set[str] = set()
        for position in range(len(recorder.operations) + 1):
            if position:
                disk.apply(recorder.operations[position - 1])
            if (position - task.seed) % task.every:
                continue
            out["cuts"] += 1
            now = possible[max(known for known in possible if known <= position)]
            for number in range(task.states):
                tree = disk.after_cut(chance, _SHARES[number % len(_SHARES)])
                digest = _digest(tree, now)
                if digest in seen:
                    continue
                seen.add(digest)
                out["states"] += 1
                trial = Path(name) / "trial"
                write_tree(tree, trial)
                problems = _check(trial, now)
                where = f"power cut after operation {position} of seed {task.seed}, state {number}"
                out["failures"] += [f"{where}: {problem}" for problem in problems]
                shutil.rmtree(trial)
    return out


def _first_half(place: Path, seed: int) -> tuple[Path, Contents, list[Change]]:
    """Make an index, still exact; return its folder, its contents and the changes to disturb."""
    chance = random.Random(f"life {seed}")
    additions = [Change("add", f"first{i}", chance.randrange(10**9)) for i in range(4)]
    base = place / "index"
    with FileLayer(base, flush=False):
        contents = make_index(base, additions)
    more = [Change("add", f"second{i}", chance.randrange(10**9)) for i in range(7)]
    rest = draw_changes(chance, contents, 6)
    return base, contents, [*rest, *more, Change("remove", "second0"), Change("compact"), Change("remove", "second1")]


def _check(folder: Path, possible: list[Contents]) -> list[str]:
    with FileLayer(folder, flush=False):
        return check_index(folder, possible, probe=True)[1]


def _carry_out(folder: Path, contents: Contents, changes: list[Change]) -> Acknowledged:
    state = Acknowledged(contents)
    carry_out(folder, changes, announce=state.announce, confirm=state.confirm)
    return state


def _possible_after(
    recorder: Recorder, folder: Path, contents: Contents, changes: list[Change]
) -> dict[int, list[Contents]]:
    """Carry out the changes; return the possible contents by the number of disk operations from which they hold."""
    state = Acknowledged(contents)
    possible = {0: state.possible()}

    def announce(change: Change) -> None:
        state.announce(change)
        possible[len(recorder.operations)] = state.possible()

    def confirm() -> None:
        state.confirm()
        possible[len(recorder.operations)] = state.possible()

    carry_out(folder, changes, announce=announce, confirm=confirm)
    return possible


def _digest(tree: Tree, possible: list[Contents]) -> str:
    digest = hashlib.sha256(repr([sorted(one.items()) for one in possible]).encode())
    for path, data in sorted(tree.items()):
        digest.update(repr((path, None if data is None else hashlib.sha256(data).digest())).encode())
    return digest.hexdigest()
