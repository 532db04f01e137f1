"""A service whose processes are killed: no job lost, none done twice, and the log without a hole.

    python -m benchmarks.service_kills --database postgresql://localhost/test     100 kills on SQLite, 100 on PostgreSQL
    python -m benchmarks.service_kills --quick                                    five on SQLite
    python -m benchmarks.service_kills --seed 1 --earlier a.json --out b.json     counted with those of an earlier run

Needs no music. The chain of kills is in `benchmarks.service_kill_chain`, its requests in `service_kill_work`, and
everything that is compared in `service_kill_checks`.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.part import MEASURED, Figure, Job, Part, Picture, Report, Table, new_report, run_command
from benchmarks.service_kill_chain import VICTIMS, Chain, run_chain
from benchmarks.service_kill_work import make_music
from benchmarks.service_processes import schema_of_its_own
from fingerprint.errors import ParameterError

__all__ = ["PART", "Sizes", "main", "measure"]

ABOUT = """\
A server with two workers, started by `sourceprint serve`, gets scans by upload and by batch, checks, and additions to
the catalogue of another organisation; rights are changed beside it, and a receiver of webhooks refuses one message in
four once. In each round a worker, the server or all processes are ended by SIGKILL, after a random time or at a random
operation: a commit, a file that is created, renamed, flushed or deleted. Clients repeat a request with its
`Idempotency-Key` until it is answered. Between kills workers are stopped in the middle of a job until another worker
has done it, and go on then: their outcomes must be refused. Where all processes were killed, leases are ended by
setting back their times, as after a minute. In the end each request must have its jobs, each job one outcome, in the
log too; each result must be that of `sourceprint scan` or `check` (ids and times aside), the catalogue must have each
recording once and verify, the log must verify against every checkpoint that was kept meanwhile and be the outbox entry
by entry, changes of rights must be in it once, and each webhook must have come, always with one id. Uploads that were
left behind must be deleted by the housekeeper. Kills may be of several runs, each on data folders of its own with a
seed of its own; their counts are added, and the first table lists them.
"""

WANTED_KILLS: Final = 100.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done on each database: kills, and outcomes that come late."""

    kills: int
    late: int


FULL: Final = Sizes(kills=100, late=6)
QUICK: Final = Sizes(kills=5, late=1)


def measure(job: Job) -> Report:
    """Return counts and failures for each database.

    Raises
    ------
    ParameterError
        If the database that is named cannot be used, a server does not start, or the report of earlier runs cannot be
        used.
    """
    sizes = QUICK if job.quick else FULL
    earlier = _earlier(job)
    databases = {"SQLite": ""} | ({"PostgreSQL": job.options["database"]} if job.options.get("database") else {})
    minutes = float(job.options.get("minutes", 180.0))
    job.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="service-kills-", dir=job.cache) as name, ExitStack() as stack:
        places = {kind: stack.enter_context(schema_of_its_own(url)) if url else "" for kind, url in databases.items()}
        music = make_music(Path(name) / "music")
        pool = stack.enter_context(ThreadPoolExecutor(max(1, job.jobs)))
        running = {
            kind: pool.submit(
                run_chain, Chain(job.seed, sizes.kills, sizes.late, minutes, place), music, Path(name) / kind
            )
            for kind, place in places.items()
        }
        chains = {kind: future.result() for kind, future in running.items()}
    report = new_report("service_kills", job)
    facts = report["facts"]
    run = {"seed": job.seed, "date": facts["date_utc"][:10], "commit": facts["commit"]}
    report["runs"] = [*earlier["runs"], run | {"kills": {kind: chain["kills"] for kind, chain in chains.items()}}]
    report["chains"] = {
        kind: added_counts(earlier["chains"].get(kind), chains.get(kind)) for kind in earlier["chains"] | chains
    }
    return report


def added_counts(one: Any, other: Any) -> Any:
    """Return the counts of two chains added, field by field; those of one where the other is None.

    Examples
    --------
    >>> added_counts({"kills": 57, "victims": {"worker": 9}, "failures": []}, {"kills": 43, "failures": ["lost"]})
    {'kills': 100, 'victims': {'worker': 9}, 'failures': ['lost']}
    """
    if one is None or other is None:
        return other if one is None else one
    if isinstance(one, dict):
        return {name: added_counts(one.get(name), other.get(name)) for name in one | other}
    return one + other


def _earlier(job: Job) -> Report:
    """Return the runs and chains of an earlier report; none if none is named."""
    path: Path | None = job.options.get("earlier")
    if path is None:
        return {"runs": [], "chains": {}}
    try:
        report: Report = json.loads(path.read_text(encoding="utf-8"))
        seeds = {run["seed"] for run in report["runs"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ParameterError(f"--earlier {path}: no report of service_kills ({error}); name one, or none") from error
    if job.seed in seeds:
        raise ParameterError(f"--seed {job.seed}: is that of a run in {path}; choose another")
    return report


def figures(report: Report) -> list[Figure]:
    """Return the figures that are compared between versions."""
    made = []
    for kind, chain in report["chains"].items():
        compared = chain["compared"]
        jobs = compared["scans"] + compared["checks"] + compared["additions"]
        made += [
            Figure(
                f"processes of a service killed, {kind}",
                float(chain["kills"]),
                "",
                detail=f"{jobs} jobs, {compared['tried again']} tried again",
                target=None if report["settings"]["quick"] else WANTED_KILLS,
                headline=True,
            ),
            Figure(
                f"jobs, rows, entries and webhooks lost, doubled or altered, {kind}",
                float(len(chain["failures"])),
                "",
                "lower",
                f"{compared['log entries']} entries, {compared['webhooks']} webhooks",
                0.0,
                headline=True,
            ),
            Figure(
                f"workers that went on after the end of their leases, not refused, {kind}",
                float(chain["late"] - min(chain["late"], chain["late_refused"])),
                "",
                "lower",
                f"n={chain['late']}, {chain['late_refused']} outcomes refused",
                0.0,
                headline=True,
            ),
        ]
    return made


def tables(report: Report) -> list[Table]:
    """Return the tables."""
    chains: dict[str, dict[str, Any]] = report["chains"]
    header = ("", *chains)

    def counted(field: str, names: list[str]) -> list[tuple[str, ...]]:
        return [(name, *(str(chain[field].get(name, 0)) for chain in chains.values())) for name in names]

    def names_in(field: str) -> list[str]:
        total = Counter[str]()
        for chain in chains.values():
            total.update(chain[field])
        return [name for name, _ in sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))]

    more = {
        "requests repeated without an answer": "repeats",
        "rounds with a worker that went on after its leases had ended": "late",
        "late outcomes refused in them": "late_refused",
        "jobs that waited for the end of a lease": "silent",
    }
    made = [
        Table(
            "Runs",
            ("seed", "date", "commit", *chains),
            [
                (str(run["seed"]), run["date"], run["commit"], *(str(run["kills"].get(kind, 0)) for kind in chains))
                for run in report["runs"]
            ],
            "Kills of each run.",
        ),
        Table("Killed", ("process", *chains), counted("victims", list(VICTIMS))),
        Table("Operation under way", header, counted("points", names_in("points"))),
        Table(
            "In hand at a kill",
            header,
            counted("in_hand", names_in("in_hand")),
            "Several may be true of one kill. Read before a kill at a random time, and just after one at an operation.",
        ),
        Table(
            "Compared",
            header,
            [
                *counted("compared", list(dict.fromkeys(name for one in chains.values() for name in one["compared"]))),
                *((words, *(str(chain[field]) for chain in chains.values())) for words, field in more.items()),
                ("failures", *(str(len(chain["failures"])) for chain in chains.values())),
            ],
        ),
    ]
    failures = [(kind, text) for kind, chain in chains.items() for text in chain["failures"][:20]]
    return [*made, Table("Failures", ("database", "failure"), failures)] if failures else made


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Return no pictures: counts of nothing need none."""
    return []


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database", default="", help="URL of a PostgreSQL database, for a schema of its own")
    parser.add_argument("--minutes", type=float, default=180.0, help="end before the last kill after so long (180)")
    parser.add_argument("--earlier", type=Path, help="report of earlier runs, whose counts are added")


PART: Final = Part(
    name="service_kills",
    title="A service that is killed",
    question="Does the service lose, double or alter anything when its processes are killed with jobs in hand?",
    about=ABOUT,
    measure=measure,
    tables=tables,
    figures=figures,
    pictures=pictures,
    add_options=_add_options,
    code=(*MEASURED, "sourceprint"),
)

main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
