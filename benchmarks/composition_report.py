"""The report of `benchmarks.composition` as tables, figures and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import plotting
from benchmarks.harness import wilson_interval
from benchmarks.part import Figure, Picture, Report, Table
from benchmarks.reliability import share_interval

__all__ = ["STATED", "figures", "pictures", "tables"]

UNKNOWN: Final = ("loops", "strangers", "generated")
SIZED: Final = ("rendition", "version")
STATED: Final = (0.1, 0.05, 0.02, 0.01, 0.003, 0.001)


def tables(report: Report) -> list[Table]:
    """Return the tables of a report."""
    known = [row for row in report["queries"] if row["known"]]
    kinds = list(dict.fromkeys(row["kind"] for row in known))
    return [
        Table(
            "Works found in another performance",
            ("queries", "n", "on top", "p <= .05", "p <= .01", "p <= .001", "claimed", "for review"),
            [_found(kind, [row for row in known if row["kind"] == kind]) for kind in kinds],
            f"Catalogue: {report['catalogue']['recordings']} recordings, {report['catalogue']['hours']:.1f} h, and 160 "
            "loops. 95 % intervals in brackets.",
        ),
        Table(
            "Stated and observed, searches without the work",
            ("searches", "n", *(f"stated {p:g}" for p in STATED), "claimed"),
            [_chance(kind, rows) for kind, rows in _by_chance(report)],
            "Share of searches whose best wrong work was stated at that probability or below; the last row has exact "
            "95 % intervals.",
        ),
        Table(
            "Found as the catalogue grows",
            ("catalogue", "hours", *(f"{kind}, {what}" for kind in SIZED for what in ("on top", "p <= .01"))),
            [_sized(size) for size in report["sizes"]],
            "All renditions together. Further recordings are songs of the same generator, the hardest rivals of "
            "renditions.",
        ),
        Table("Spans, key and tempo of renditions on top", ("quantity", "median", "90 %"), _places(known)),
        Table("Cost", ("quantity", "value"), _costs(report)),
    ]


def figures(report: Report) -> list[Figure]:
    """Return the figures that are compared between versions."""
    known = [row for row in report["queries"] if row["known"]]
    out = []
    for kind in ("rendition", "version"):
        rows = [row for row in known if row["kind"] == kind]
        shares = {"on top": [row["top"] for row in rows], "at stated p <= .01": [row["p"] <= 0.01 for row in rows]}
        for name, share in shares.items():
            value = 100.0 * float(np.mean(share)) if rows else None
            out.append(Figure(f"work {name}, {kind}", value, "%", detail=f"n={len(rows)}"))
    chance = [row["chance"] for row in report["queries"]]
    wrong = 100.0 * float(np.mean([one["p"] <= 0.01 for one in chance])) if chance else None
    out.append(Figure("wrong works at stated p <= .01", wrong, "%", better="lower", detail=f"n={len(chance)}"))
    return out


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Write the picture of stated against observed probabilities."""
    stated = np.sort([row["chance"]["p"] for row in report["queries"]])
    if not stated.size:
        return []
    with plotting.picture(folder / "composition.svg", width=5.5, height=4.0) as (axis,):
        share = np.arange(1, stated.size + 1) / stated.size
        axis.loglog(stated, share, drawstyle="steps-post", color=plotting.BLUE, label="observed")
        axis.loglog([1e-4, 1.0], [1e-4, 1.0], color="black", lw=0.9, ls="--", label="as stated")
        axis.set(xlabel="stated probability", ylabel="share of searches without the work")
        axis.legend(loc="upper left")
    return [
        Picture("composition.svg", "Searches without the work: the curve is below the line where p is not too low.")
    ]


def _found(kind: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    n = len(rows)
    tests = [
        [row["top"] for row in rows],
        *([row["p"] <= p for row in rows] for p in (0.05, 0.01, 0.001)),
        *([row["state"] == state for row in rows] for state in ("claim", "review")),
    ]
    return [kind, str(n), *(_share(sum(test), n) for test in tests)]


def _by_chance(report: Report) -> list[tuple[str, list[dict[str, Any]]]]:
    rows = report["queries"]
    groups = [("renditions, versions, AI outputs", [row["chance"] for row in rows if row["known"]])]
    groups += [(kind, [row["chance"] for row in rows if row["kind"] == kind]) for kind in UNKNOWN]
    return [*((name, found) for name, found in groups if found), ("all", [row["chance"] for row in rows])]


def _chance(name: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    n = len(rows)
    counts = [sum(row["p"] <= p for row in rows) for p in STATED]
    cells = [f"{count / n:.4f}" for count in counts]
    if name == "all":
        bounds = [share_interval(count, n) for count in counts]
        cells = [f"{cell} ({low:.4f}-{high:.4f})" for cell, (low, high) in zip(cells, bounds, strict=True)]
    return [name, str(n), *cells, str(sum(row["state"] == "claim" for row in rows))]


def _share(count: int, n: int) -> str:
    low, high = wilson_interval(count, n)
    return f"{count / n:.2f} ({low:.2f}-{high:.2f})"


def _places(known: Sequence[dict[str, Any]]) -> list[list[str]]:
    places = [row["place"] for row in known if "place" in row]
    if not places:
        return []
    start = np.abs([place["start_error"] for place in places])
    tempo = np.abs([place["tempo_error"] for place in places])
    right = sum(place["transposition_right"] for place in places)
    return [
        ["start error, s", f"{np.median(start):.2f}", f"{np.percentile(start, 90):.2f}"],
        ["tempo error, %", f"{100 * np.median(tempo):.1f}", f"{100 * np.percentile(tempo, 90):.1f}"],
        ["transposition right", f"{right} of {len(places)}", ""],
        ["share of the query covered", f"{np.median([place['covered'] for place in places]):.2f}", ""],
    ]


def _sized(size: dict[str, Any]) -> list[str]:
    cells = [str(size["recordings"]), f"{size['hours']:.1f}"]
    for kind in SIZED:
        rows = [row for row in size["queries"] if row["kind"].startswith(kind)]
        counts = [sum(row["top"] for row in rows), sum(row["p"] <= 0.01 for row in rows)]
        cells += [_share(count, len(rows)) if rows else "" for count in counts]
    return cells


def _costs(report: Report) -> list[list[str]]:
    seconds = [row["search_seconds"] for row in report["queries"]]
    return [
        ["processor time of a search, median, s", f"{np.median(seconds):.2f}"],
        ["queries", str(len(seconds))],
    ]
