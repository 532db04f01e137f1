"""A service under load: time of checks, cost of scans, memory of uploads, and jobs that wait.

    python -m benchmarks.service_load                                        on SQLite
    python -m benchmarks.service_load --database postgresql://localhost/test    and on PostgreSQL
    python -m benchmarks.service_load --quick

The steps are in `benchmarks.service_load_steps`.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks.catalogues import Side, catalogue
from benchmarks.part import MEASURED, Figure, Job, Part, Picture, Report, Table, new_report, run_command
from benchmarks.service_load_steps import LoadMusic, LoadSizes, load_service
from benchmarks.service_processes import schema_of_its_own
from benchmarks.speed_audio import tracks
from fingerprint.errors import ParameterError

__all__ = ["PART", "main", "measure"]

ABOUT = """\
A server with two workers, started by `sourceprint serve` on loopback, holds a catalogue of all music. Clients send MP3
tracks of 30 s and wait for the verdict of a check, one after the other. *Processor time* is user and system time of the
server, its workers and all their children. A scan by the service is held against one by `sourceprint scan --jobs 1` on
the same files in turn, without the start of the program: the time of eight files less that of one, divided by seven;
their rows must be the same, ids and times aside. The service's time holds upload, database, log, and the questions of a
client that asks twice a second whether its scan is done. *Memory* of an upload is the peak of the process that receives
it, less its memory just before. *Jobs that wait* are additions by one batch; a check comes before them. Submitting and
taking a check is timed with nobody else at the line. Then the additions are held back by one of their organisation that
is under way, as an index has one writer, and checks are made while they wait. Times hold for this machine, ratios for
others too.
"""

_TRACKS: Final = 8
_SECONDS: Final = (30, 180)
FULL: Final = LoadSizes()
QUICK: Final = LoadSizes(clients=(1, 2), checks=4, rounds=1, upload_mb=60, waiting=500, claims=5, idle_seconds=1.0)
MOST_RATIO: Final = 1.15
MOST_MEMORY_MB: Final = 20.0
MOST_SLOWER: Final = 1.25


def measure(job: Job) -> Report:
    """Return the measurements on each database.

    Raises
    ------
    ParameterError
        If the database that is named cannot be used, a server does not start, or a request is refused; on systems
        without /proc.
    """
    if not Path("/proc/self/clear_refs").exists():
        raise ParameterError("service_load: reads processor time and memory in /proc; run it on Linux")
    sizes = QUICK if job.quick else FULL
    databases = {"SQLite": ""} | ({"PostgreSQL": job.options["database"]} if job.options.get("database") else {})
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    job.cache.mkdir(parents=True, exist_ok=True)
    music = _music(job)
    report = new_report("service_load", job, tracks=_TRACKS) | {"services": {}}
    with tempfile.TemporaryDirectory(prefix="service-load-", dir=job.cache) as name, ExitStack() as stack:
        for kind, url in databases.items():
            place = stack.enter_context(schema_of_its_own(url)) if url else ""
            report["services"][kind] = load_service(music, sizes, Path(name) / kind, place)
    return report


def _music(job: Job) -> LoadMusic:
    index = catalogue(job.corpus, job.corpus.music, Side("", frozenset()), job.cache, jobs=job.jobs)
    there = [row for row in job.corpus.music if row.file not in set(job.corpus.missing())]
    made = {}
    for seconds in _SECONDS[: 1 if job.quick else None]:
        files, missing = tracks(
            job.corpus, there, job.cache, n=_TRACKS, seconds=seconds, seed=job.seed, formats=("mp3",)
        )
        if "mp3" not in files:
            raise ParameterError(f"mp3 {missing['mp3']}: install soundfile with MP3 support, version 0.13 or later")
        made[seconds] = tuple(map(Path, files["mp3"]))
    return LoadMusic(index, made)


def figures(report: Report) -> list[Figure]:
    """Return the figures that are compared between versions."""
    made = []
    for kind, measured in report["services"].items():
        for row in measured["checks"]:
            who = f"{row['clients']} client{'s' if row['clients'] != 1 else ''}"
            made += [
                Figure(
                    f"check of 30 s, {who}, {kind}: median",
                    row["p50"],
                    "s",
                    "lower",
                    f"n={row['n']}, 95 % within {row['p95']:.2f} s",
                    headline=row["clients"] == 1,
                ),
                Figure(f"checks of 30 s in a second, {who}, {kind}", row["per_second"], "/s", detail=f"n={row['n']}"),
            ]
        for row in measured["scans"]:
            low, high = min(row["ratios"]), max(row["ratios"])
            made.append(
                Figure(
                    f"processor time of a scan of {row['seconds']} s by the service, that by command = 1, {kind}",
                    row["service"] / row["command"],
                    "",
                    "lower",
                    f"n={row['n']}, rounds {low:.2f}-{high:.2f}",
                    MOST_RATIO,
                    headline=True,
                )
            )
        different = sum(row["different"] for row in measured["scans"])
        n_scans = sum(row["n"] for row in measured["scans"])
        made.append(
            Figure(f"rows that differ from the command's, {kind}", float(different), "", "lower", f"n={n_scans}", 0.0)
        )
        upload, (without, with_waiting) = measured["upload"], measured["line"]
        made.append(
            Figure(
                f"memory that an upload of {upload['mb']} MB adds to the server, {kind}",
                upload["peak_mb"] - upload["before_mb"],
                "MB",
                "lower",
                f"{upload['before_mb']:.0f} MB before",
                MOST_MEMORY_MB,
                headline=True,
            )
        )
        for field, words in (("submit", "submit a check"), ("take", "take it from the line"), ("check", "check 30 s")):
            made.append(
                Figure(
                    f"time to {words} while {with_waiting['waiting']} jobs wait, with none = 1, {kind}",
                    with_waiting[field] / without[field],
                    "",
                    "lower",
                    f"{1000 * without[field]:.1f} and {1000 * with_waiting[field]:.1f} ms",
                    MOST_SLOWER,
                    headline=field == "take",
                )
            )
    return made


def tables(report: Report) -> list[Table]:
    """Return the tables."""
    made = []
    for kind, measured in report["services"].items():
        upload = measured["upload"]
        made += [
            Table(
                f"Checks of 30 s, {kind}",
                ("clients", "n", "median, s", "95 % within, s", "in a second", "processor, s", "others, processors"),
                [
                    (
                        str(row["clients"]),
                        str(row["n"]),
                        f"{row['p50']:.3f}",
                        f"{row['p95']:.3f}",
                        f"{row['per_second']:.2f}",
                        f"{row['processor_seconds']:.3f}",
                        f"{row['others']:.2f}",
                    )
                    for row in measured["checks"]
                ],
                "*Processor* is the time for each check; *others* how many processors other programs took meanwhile.",
            ),
            Table(
                f"Processor time of a scan, {kind}",
                ("track, s", "n", "service, s", "command, s", "ratio", "rows that differ", "start of the command, s"),
                [
                    (
                        str(row["seconds"]),
                        str(row["n"]),
                        f"{row['service']:.3f}",
                        f"{row['command']:.3f}",
                        f"{row['service'] / row['command']:.2f}",
                        str(row["different"]),
                        f"{row['start']:.2f}",
                    )
                    for row in measured["scans"]
                ],
                "Medians of rounds of eight tracks each.",
            ),
            Table(
                f"An upload, {kind}",
                ("MB", "memory before, MB", "at most, MB", "added, MB", "s"),
                [
                    (
                        str(upload["mb"]),
                        f"{upload['before_mb']:.1f}",
                        f"{upload['peak_mb']:.1f}",
                        f"{upload['peak_mb'] - upload['before_mb']:.1f}",
                        f"{upload['seconds']:.1f}",
                    )
                ],
            ),
            Table(
                f"Jobs that wait, {kind}",
                ("waiting", "submit a check, ms", "take it, ms", "check of 30 s, s", "processor while idle, %"),
                [_line_row(row) for row in measured["line"]],
                f"Medians. The batch of {measured['line'][1]['waiting']} was submitted in "
                f"{measured['batch_seconds']:.1f} s.",
            ),
        ]
    return made


def _line_row(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(row["waiting"]),
        f"{1000 * row['submit']:.1f}",
        f"{1000 * row['take']:.1f}",
        f"{row['check']:.3f}",
        f"{100 * row['idle']:.1f}",
    )


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Return no pictures: the tables are short."""
    return []


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database", default="", help="URL of a PostgreSQL database, for a schema of its own")


PART: Final = Part(
    name="service_load",
    title="A service under load",
    question="How long does a check take, and what do scans, uploads and waiting jobs cost a service?",
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
