"""From scans to reports: queries counted by their stated probability, batches by their accepted matches.

`counted` makes one row of a calibration report from the queries of one data set and length, `discovery` one batch.
Both return plain JSON types.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from benchmarks.decoys import ESTIMATORS, LEVELS, Answer, accepted, curve
from benchmarks.derived import original
from benchmarks.reliability import as_row, rates, reliability
from benchmarks.scans import Scan

__all__ = ["BETWEEN", "LIMITS", "THRESHOLDS", "counted", "discovery"]

THRESHOLDS: Final = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""Stated probabilities per query."""

BETWEEN: Final = (0.05, 0.02, 0.005, 0.002, 0.0005, 0.0002)
"""More of them, for the picture."""

LIMITS: Final = (1.0, 10.0, 100.0, 1000.0, 10000.0)
"""Stated false matches per 1 000 hours; the first is the default of a search."""

_STRONGEST: Final = 5
_POINTS: Final = 40  # of a line in the picture


def counted(
    name: str, sources: str, length: float, heard: Iterable[tuple[Scan, dict[str, Any]]], *, tests: bool = True
) -> dict[str, Any]:
    """Return one row of the report from the queries of one length, each with the scan that it comes from.

    Parameters
    ----------
    name, sources : str
        Kind of audio; "held out", "development", both or "".
    length : float
        Seconds of the queries; 0 for whole recordings.
    heard : iterable of (Scan, dict)
        Scans and queries as `scan_all` returns them, with one answer each.
    tests : bool
        Whether it can test the stated rates.
    """
    stated: dict[str, list[float]] = defaultdict(list)
    found: dict[str, list[float]] = defaultdict(list)
    hours: dict[str, float] = defaultdict(float)
    unsearchable: dict[str, int] = defaultdict(int)
    strongest = []
    for scan, query in heard:
        if query["status"]:
            unsearchable[query["status"]] += 1
        if not query["answers"]:
            continue
        (answer,) = query["answers"]
        recording = original(scan.file)
        stated[recording].append(answer["p_false"])
        found[recording] += answer["rates"]
        hours[recording] += query["seconds"] / 3600.0
        if answer["best"]:
            strongest.append(
                {
                    "file": scan.file,
                    "start_seconds": round(query["start_seconds"], 2),
                    "best": answer["best"],
                    "p_false": answer["p_false"],
                    "false_per_1000h": min(answer["rates"], default=None),
                }
            )
    return {
        "name": name,
        "sources": sources,
        "length": length,
        "tests": tests,
        "recordings": len(stated),
        "queries": sum(map(len, stated.values())),
        "hours": sum(hours.values()),
        "unsearchable": dict(sorted(unsearchable.items())),
        "probabilities": [as_row(row) for row in reliability(stated, THRESHOLDS)],
        "between": [as_row(row) for row in reliability(stated, BETWEEN)],
        "rates": [as_row(row) for row in rates(found, hours, LIMITS)],
        "strongest": sorted(strongest, key=lambda one: (one["p_false"], one["file"]))[:_STRONGEST],
    }


def discovery(name: str, share: str, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return a batch: at each estimated false discovery rate, the accepted matches and the false ones among them.

    Parameters
    ----------
    name, share : str
        The catalogue, and how many of the queries reuse it, in words.
    answers : sequence of Answer
        The queries.
    """
    made: dict[str, Any] = {"catalogue": name, "share": share, "queries": len(answers)}
    for estimator in ESTIMATORS:
        steps = curve(answers, estimator)
        rows = []
        for level in LEVELS:
            step = accepted(steps, level)
            low, high = step.interval
            rows.append(
                {"level": level, "estimated": step.estimated, "matches": step.matches, "false": step.false,
                 "true_rate": step.true_rate, "low": low, "high": high}
            )  # fmt: skip
        line = [step for step in steps if step.false]
        every = max(1, len(line) // _POINTS)
        made[estimator] = {
            "levels": rows,
            "line": [[round(s.estimated, 5), round(s.true_rate, 5)] for s in line[::every]],
        }
    return made
