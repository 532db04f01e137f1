"""A report on a label's batch as tables and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from benchmarks.part import Figure, Picture, Report, Table

__all__ = ["figures", "pictures", "tables"]

MOST_MB: Final = 800.0
LEAST_THROUGHPUT: Final = 0.9
WANTED_KILLS: Final = 100.0


def figures(report: Report) -> list[Figure]:
    """Return the figures that are compared between versions."""
    full = not report["settings"]["quick"]
    batch, kills = report["batch"], report["kills"]
    of_scan = [run for run in report["runs"] if run["command"] == "scan"]
    peaks = [run["peak_mb"] for run in of_scan if run["peak_mb"] is not None]
    about = f"{batch['files']} files, {batch['hours']:.1f} h, {report['settings']['jobs']} jobs"
    return [
        Figure(
            "scan of a batch, as fast as match",
            _seconds(report, "match") / _seconds(report, "scan"),
            "x",
            detail=about,
            target=LEAST_THROUGHPUT if full else None,
            headline=True,
        ),
        Figure(
            "scan of a batch",
            3600 * batch["hours"] / _seconds(report, "scan"),
            "x real time",
            detail=f"{batch['files'] / _seconds(report, 'scan'):.1f} files per second",
        ),
        Figure(
            "memory of a scan and its workers",
            max(peaks) if peaks else None,
            "MB",
            "lower",
            about,
            MOST_MB if full else None,
            headline=True,
        ),
        Figure(
            "files of which scan and match say different things",
            float(report["differing"]),
            "",
            "lower",
            f"{batch['bad']} of {batch['files']} are no audio or too little, {report['failed']} failed",
            0.0,
        ),
        Figure(
            "scans killed",
            float(kills["kills"]),
            "",
            detail=f"{kills['runs']} runs",
            target=WANTED_KILLS if full else None,
            headline=True,
        ),
        Figure(
            "killed scans that left other results than one that was not",
            float(len(kills["failures"])),
            "",
            "lower",
            f"n={kills['runs']} runs, byte for byte",
            0.0,
            headline=True,
        ),
    ]


def tables(report: Report) -> list[Table]:
    """Return the tables."""
    batch, kills = report["batch"], report["kills"]
    made = [
        Table(
            f"{batch['files']} files, {batch['hours']:.1f} h, {batch['bad']} of them no audio or too little, "
            f"against {batch['catalogue']} recordings",
            ("command", "time, s", "files per s", "x real time", "memory, MB", "exit code", "rows"),
            [
                (
                    run["command"],
                    f"{run['seconds']:.1f}",
                    f"{batch['files'] / run['seconds']:.1f}",
                    f"{3600 * batch['hours'] / run['seconds']:.0f}",
                    "" if run["peak_mb"] is None else f"{run['peak_mb']:.0f}",
                    str(run["exit_code"]),
                    str(run["rows"]),
                )
                for run in report["runs"]
            ],
            f"{report['matched']} files matched, {report['failed']} failed. Exit code 4: some files failed."
            + "".join(f" {name} could not be written: {why}." for name, why in batch["missing"].items()),
        ),
        Table(
            "Scans that were killed and continued",
            ("files", "kills", "starts", "runs finished", "that differ"),
            [_kill_row(kills)],
        ),
    ]
    if kills["failures"]:
        made.append(Table("Failures", ("failure",), [(text,) for text in kills["failures"]]))
    return made


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Return no pictures: the tables say it."""
    return []


def _kill_row(kills: dict[str, Any]) -> tuple[str, ...]:
    counts = (kills.get("files", 0), kills["kills"], kills["starts"], kills["runs"], len(kills["failures"]))
    return tuple(map(str, counts))


def _seconds(report: Report, command: str) -> float:
    times = [run["seconds"] for run in report["runs"] if run["command"] == command]
    return float(sum(times)) / len(times)
