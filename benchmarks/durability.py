"""Durability of acknowledged commits of an index: killed writers, failing disks, damaged files.

    python -m benchmarks.durability              about 300 kills, thousands of faults, minutes
    python -m benchmarks.durability --quick      a dozen kills, every so many faults

Needs no music: the indexes are small and of noise (`benchmarks.durability_index`), with limits so low that lists are
written and segments joined all the time. Killing, faults and damage have a module each.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from tqdm import tqdm

from benchmarks.durability_damage import DAMAGES, VARIANTS, DamageTask, run_damage
from benchmarks.durability_faults import ERRORS, CutTask, FaultTask, run_cuts, run_faults
from benchmarks.durability_kills import Chain, run_chain
from benchmarks.durability_report import figures, pictures, tables
from benchmarks.part import Job, Part, Report, new_report, run_command
from sourceprint.faults import Fault
from sourceprint.workers import in_order

__all__ = ["PART", "Sizes", "Task", "main", "measure", "tasks_of"]

Task = Chain | FaultTask | CutTask | DamageTask

ABOUT = """\
*Writers killed*: processes add, replace, remove and compact, and are ended by SIGKILL, in turn after a random time and
in the middle of a random operation on the disk. After each the same index must open, verify, hold what was acknowledged
and nothing else (of a commit under way all or nothing), to the last bit, find it, let the next writer in, and keep
nothing that does not belong to it. *Refused operations*: the disk is full, a quota is reached, or the device fails, at
each operation in turn; the error must be clear and the last commit intact. *Power cuts*: from the operations of a
writer, states are drawn in which a disk may be found that lost its power after any of them: what was not flushed may be
there, missing, cut short or zero, names may be there or not; each must open as the last commit. *Damaged files*: bits
are flipped, and files cut, lengthened, emptied and deleted, in indexes of every kind; `verify` must notice, and every
use must give the right answer or a clear error. This is done twice, the second time to indexes that count as too large
to be read in full when they are opened.
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done.

    Attributes
    ----------
    chains, kills : int
        Indexes, and kills on each.
    fault_every, cut_every : int
        Every how many operations one is refused, or the power cut.
    lives, states : int
        Sequences of changes cut, and states drawn at each cut.
    damages : int
        Trials for every kind of index, file and damage that is drawn.
    """

    chains: int
    kills: int
    fault_every: int
    cut_every: int
    lives: int
    states: int
    damages: int


FULL: Final = Sizes(chains=25, kills=12, fault_every=1, cut_every=1, lives=2, states=4, damages=25)
QUICK: Final = Sizes(chains=2, kills=6, fault_every=29, cut_every=13, lives=1, states=2, damages=3)


_WORK: Final[dict[type, Callable[[Any], Any]]] = {
    Chain: run_chain,
    FaultTask: run_faults,
    CutTask: run_cuts,
    DamageTask: run_damage,
}


def measure(job: Job) -> Report:
    """Return everything that was counted, as plain JSON types.

    Works in two processes at least, so that a crash costs the trial and not the benchmark.
    """
    tasks = tasks_of(QUICK if job.quick else FULL, job.seed)
    found: dict[type, list[Any]] = {kind: [] for kind in _WORK}
    lost: list[str] = []
    bar = tqdm(total=len(tasks), desc="durability", file=sys.stderr, leave=False, disable=None, dynamic_ncols=True)
    work: list[tuple[Task, Task | None]] = [(task, task) for task in tasks]
    answers = in_order(_work, work, jobs=max(2, job.jobs), failed=_failed)
    with bar, closing(answers):
        for task, answer in answers:
            if isinstance(answer, str):
                lost.append(answer)
            else:
                found[type(task)].append((task, answer))
            bar.update()
    return new_report("durability", job) | {
        "kills": _kills([answer for _, answer in found[Chain]]),
        "faults": _faults(found[FaultTask]),
        "cuts": _cuts([answer for _, answer in found[CutTask]]),
        "damage": _damage(row for _, rows in found[DamageTask] for row in rows),
        "lost": lost,
    }


def tasks_of(sizes: Sizes, seed: int) -> list[Task]:
    """Return the tasks, the longest first, so that processes end together."""
    first = 1000 * seed
    tasks: list[Task] = [CutTask(first + life, sizes.cut_every, sizes.states) for life in range(sizes.lives)]
    tasks += [FaultTask(first, error, once, sizes.fault_every) for error in ERRORS for once in (False, True)]
    tasks += [Chain(first + number, sizes.kills) for number in range(sizes.chains)]
    tasks += [
        DamageTask(variant, damage, large, sizes.damages, seed)
        for variant in VARIANTS
        for damage in DAMAGES
        for large in (False, True)
    ]
    return tasks


def _work(task: object) -> Any:
    return _WORK[type(task)](task)


def _failed(task: object, fault: Fault) -> str:
    return f"{fault.reason}: {task}"


def _kills(chains: list[dict[str, Any]]) -> dict[str, Any]:
    phases: Counter[str] = Counter()
    for chain in chains:
        phases.update(chain["phases"])
    counted = {name: sum(chain[name] for chain in chains) for name in ("runs", "killed", "commits", "recordings")}
    failures = [failure for chain in chains for failure in chain["failures"]]
    return {"chains": len(chains), **counted, "phases": dict(phases), "failures": failures}


def _faults(done: list[tuple[FaultTask, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [{"error": task.error, "once": task.once, **answer} for task, answer in done]


def _cuts(lives: list[dict[str, Any]]) -> dict[str, Any]:
    counted = {name: sum(life[name] for life in lives) for name in ("operations", "cuts", "states")}
    return {"sequences": len(lives), **counted, "failures": [text for life in lives for text in life["failures"]]}


def _damage(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows by file, damage and size of the index, those of all variants together; a few examples of each."""
    joined: dict[tuple[str, str, bool], dict[str, Any]] = {}
    for row in rows:
        row = {name: value for name, value in row.items() if name != "variant"}
        there = joined.setdefault((row["file"], row["damage"], row["large"]), row)
        if there is not row:
            for name in ("trials", "detected", "refused", "harmless", "wrong", "other"):
                there[name] += row[name]
            there["examples"] = (there["examples"] + row["examples"])[:5]
    return list(joined.values())


PART = Part(
    name="durability",
    title="Durability",
    question="Does the index keep what it acknowledged, whatever is killed, refused, cut off or damaged?",
    about=ABOUT,
    measure=measure,
    tables=tables,
    figures=figures,
    pictures=pictures,
)

main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
