"""The programs' answers as tables, figures and a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import wilson_interval
from benchmarks.part import Figure, Picture, Report, Table
from benchmarks.plotting import picture

__all__ = ["figures", "found", "pictures", "tables"]

Scores = Sequence[float | None]

ELSEWHERE = (
    ("Sourceprint", "before index format 3", "default", "583 of 600"),
    ("audiofp", "0.4", "not recorded", "366 of 600"),
    ("audfprint", "not recorded", "dense", "329 of 600"),
    ("Olaf", "not recorded", "dense", "221 of 600"),
    ("Olaf", "not recorded", "default", "174 of 600"),
    ("Chromaprint", "fpcalc 1.5.1", "our matcher", "172 of 600"),
    ("audfprint", "not recorded", "default", "171 of 600"),
)
"""Counts of an earlier comparison, in which these programs ran; its answers were not kept."""


def found(scores: Scores, *, above: float | None = None, least: float | None = None) -> int:
    """Return how many scores are there and above one limit, if any, and at least another, if any.

    Examples
    --------
    >>> found([7.0, None, 5.0, 6.0], above=5.0), found([7.0, None, 5.0, 6.0], least=5.0), found([7.0, None])
    (2, 3, 1)
    """
    return sum(
        score is not None and (above is None or score > above) and (least is None or score >= least) for score in scores
    )


def figures(report: Report) -> list[Figure]:
    """Return how Sourceprint itself did, and the best of the others."""
    out = []
    for tool in _ran(report):
        scores = _all(tool)
        n, right = len(scores), found(scores, above=tool["highest_false"])
        if tool["name"] == "Sourceprint":
            out.append(
                Figure(
                    f"found with no false match, {tool['label']}",
                    100.0 * right / n,
                    "%",
                    detail=f"n={n}, {_interval(right, n)} %",
                )
            )
    others = [tool for tool in _ran(report) if tool["name"] != "Sourceprint"]
    if others:
        best = max(others, key=lambda tool: found(_all(tool), above=tool["highest_false"]))
        n, right = len(_all(best)), found(_all(best), above=best["highest_false"])
        out.append(
            Figure(
                "found by the best of the other programs, no false match",
                100.0 * right / n,
                "%",
                detail=f"{best['label']}, n={n}, {_interval(right, n)} %",
            )
        )
    return out


def tables(report: Report) -> list[Table]:
    """Return the tables."""
    asked, n = report["queries"], report["settings"]["excerpts"]
    made = [
        Table(
            "All conditions together",
            (
                "program",
                "found, no false match, %",
                "95 %",
                "found by its own decision, %",
                "strangers matched",
                "wrong recordings",
                "s per query",
                "index, s/h",
                "index, MB/h",
            ),
            [_summary(tool, asked["strangers"]) for tool in _ran(report)],
            _note(report),
        ),
        Table(
            "Found with no false match, by condition, percent",
            ("condition", *(tool["label"] for tool in _ran(report))),
            [[condition, *(_share(tool, condition) for tool in _ran(report))] for condition in _conditions(report)],
            f"n={n} for each condition: 100 % of so few may be {100 * wilson_interval(n, n)[0]:.0f} % in truth.",
        ),
        Table(
            "How each was run",
            ("program", "settings", "reports by itself"),
            [(tool["name"], tool["settings"], tool["decides"]) for tool in _ran(report)],
        ),
    ]
    lost = [(tool["label"], f"could not be measured: {tool['why']}", "") for tool in report["tools"] if tool["why"]]
    lost += [(one["name"], one["why"], one["how"]) for one in report["absent"]]
    if lost:
        made.append(Table("Not compared", ("program", "why", "how to name it"), lost))
    made.append(
        Table(
            "Counts of an earlier comparison, not of this run",
            ("program", "version", "settings", "found, no false match"),
            ELSEWHERE,
            "Reported by 3 December 2026; a catalogue of 100 recordings, 15 conditions with 40 excerpts of 10 s each.",
        )
    )
    return made


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Write a picture of the recall of each program under each condition."""
    tools, conditions = _ran(report), _conditions(report)
    with picture(folder / "peers.svg", width=9.0, height=1.7 + 0.42 * len(tools)) as (axis,):
        shares = [
            [
                100.0 * found(tool["right"][name], above=tool["highest_false"]) / max(len(tool["right"][name]), 1)
                if name in tool["right"]
                else math.nan
                for name in conditions
            ]
            for tool in tools
        ]
        axis.imshow(shares, cmap="Blues", vmin=0.0, vmax=130.0, aspect="auto")
        for row, line in enumerate(shares):
            for column, share in enumerate(line):
                text = "-" if math.isnan(share) else f"{share:.0f}"
                colour = "white" if share > 80.0 else "black"
                axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
        axis.set_xticks(
            range(len(conditions)), [name.replace("_", " ") for name in conditions], rotation=30, ha="right"
        )
        axis.set_yticks(range(len(tools)), [tool["label"] for tool in tools])
        for row, tool in enumerate(tools):
            words = f"{tool['query_seconds']:.2g} s/query"
            axis.annotate(words, (len(conditions) - 0.5, row), (6, 0), textcoords="offset points", va="center",
                          annotation_clip=False)  # fmt: skip
        axis.grid(visible=False)
        axis.tick_params(length=0)
        for spine in axis.spines.values():
            spine.set_visible(False)
        axis.set_title("Excerpts found without a false match, percent")
    caption = (
        f"Ten seconds of {report['settings']['excerpts']} recordings under each condition, in a catalogue of "
        f"{report['catalogue']['hours']:.1f} h."
    )
    return [Picture("peers.svg", caption)]


# --- helpers ----------------------------------------------------------------------------------------------------------


def _ran(report: Report) -> list[dict[str, Any]]:
    return [tool for tool in report["tools"] if not tool["why"]]


def _all(tool: dict[str, Any]) -> list[float | None]:
    return [score for scores in tool["right"].values() for score in scores]


def _conditions(report: Report) -> list[str]:
    there = {name for tool in _ran(report) for name in tool["right"]}
    return [name for name in report["settings"]["conditions"] if name in there]


def _interval(right: int, n: int) -> str:
    low, high = (round(100 * end) for end in wilson_interval(right, n))
    return f"{low}-{high}"


def _summary(tool: dict[str, Any], strangers: int) -> list[str]:
    scores = _all(tool)
    n = len(scores)
    sure = found(scores, above=tool["highest_false"])
    own = found(scores, least=tool["least_score"])
    size = tool["index_bytes_per_hour"]
    return [
        tool["label"],
        f"{100 * sure / n:.0f}",
        _interval(sure, n),
        f"{100 * own / n:.0f}",
        f"{tool['false']} of {strangers}",
        str(tool["wrong"]),
        f"{tool['query_seconds']:.2g}",
        f"{tool['index_seconds_per_hour']:.2g}",
        f"{size / 1e6:.2g}" if size else "not known",
    ]


def _share(tool: dict[str, Any], condition: str) -> str:
    scores = tool["right"].get(condition)
    if not scores:
        return "-"
    return f"{100 * found(scores, above=tool['highest_false']) / len(scores):.0f}"


def _note(report: Report) -> str:
    asked, catalogue = report["queries"], report["catalogue"]
    parts = [
        f"{asked['known']} queries of {catalogue['recordings']} recordings ({catalogue['hours']:.1f} h), "
        f"{asked['strangers']} of strangers. Wrong: queries for which a recording of another source is reported. "
        "Seconds of one processor, start and decoding included."
    ]
    if len({tool["name"] for tool in _ran(report)}) == 1:
        parts.append("No other program was named, so none is compared; the last table says how to name them.")
    parts += [
        f"{tool['label']} failed on {tool['failed']} queries, which count as not found: {tool['failed_why']}."
        for tool in _ran(report)
        if tool["failed"]
    ]
    parts += [f"{name}: not applied to some excerpts ({why})." for name, why in asked["not_applicable"].items()]
    return " ".join(parts)
