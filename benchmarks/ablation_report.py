"""An ablation report as tables, figures and a picture."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.ablation_variants import DEFAULT, TRAINED
from benchmarks.harness import wilson_interval
from benchmarks.part import Figure, Picture, Report, Table
from benchmarks.plotting import BLUE, GREY, RED, picture

__all__ = ["change_interval", "figures", "pictures", "tables"]

_Z95 = 1.959963984540054


def change_interval(gained: int, lost: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two shares of the same `n` queries.

    `gained` of them only the first finds, `lost` only the second. The interval is that of Agresti and Min (Statistics
    in Medicine, 2005): half a query is added to each cell of the two-by-two table before the usual normal interval is
    taken, so that it does not vanish where nothing differs.

    Examples
    --------
    >>> [round(end, 3) for end in change_interval(10, 2, 100)]
    [0.011, 0.146]
    """
    up, down, size = gained + 0.5, lost + 0.5, n + 2.0
    centre = (up - down) / size
    half = _Z95 * math.sqrt((up + down) / size - centre**2) / math.sqrt(size)
    return max(-1.0, centre - half), min(1.0, centre + half)


def figures(report: Report) -> list[Figure]:
    """Return the recall of the shipped search here, and its false matches in other music."""
    default = _bases(report)[DEFAULT]
    hit = _found(default)
    n, right = len(hit), sum(hit)
    low, high = (round(100 * end) for end in wilson_interval(right, n))
    return [Figure("found under hard conditions (ablations)", 100.0 * right / n, "%", detail=f"n={n}, {low}-{high} %")]


def tables(report: Report) -> list[Table]:
    """Return the findings of each variant, by condition."""
    bases = _bases(report)
    n = len(report["queries"])
    strangers = len(bases[DEFAULT]["strangers"])
    catalogue = report["catalogue"]
    lost = "".join(f" {name}: not applied to some excerpts ({why})." for name, why in report["not_applicable"].items())
    return [
        Table(
            "One thing changed at a time",
            ("", "found, %", "change, points", "gained, lost", "most changed", "strangers", "index", "query time"),
            [_cells(one, bases, report["queries"]) for one in report["variants"]],
            f"n={n} queries, {report['settings']['excerpts']} excerpts under each of "
            f"{len(set(report['queries']))} conditions, of held-out sources; {strangers} queries of strangers; "
            f"{catalogue['recordings']} recordings, {catalogue['hours']:.1f} h. Index and query time are multiples "
            f"of the released settings ({bases[DEFAULT]['bytes_per_hour'] / 1e6:.2f} MB per hour, without "
            f"parts that all recordings share); processor time.{lost}",
        ),
        Table(
            "Found by condition, percent",
            ("", *dict.fromkeys(report["queries"])),
            [
                [_label(one), *(f"{100 * share:.0f}" for share in _shares(_found(one), report["queries"]).values())]
                for one in report["variants"]
            ],
        ),
    ]


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Write a picture of the gain or cost of each change."""
    bases = _bases(report)
    rows = [one for one in report["variants"] if one["against"]]
    groups = list(dict.fromkeys(one["group"] for one in rows))
    n = len(report["queries"])
    with picture(folder / "ablations.svg", width=8.4, height=1.3 + 0.24 * (len(rows) + len(groups))) as (axis,):
        at, ticks = 0.0, []
        for group in groups:
            axis.annotate(group, (0, at), (-6, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                          ha="right", va="center", fontweight="bold", annotation_clip=False)  # fmt: skip
            at += 1.0
            for one in (one for one in rows if one["group"] == group):
                gained, lost = _differences(one, bases[one["against"]])
                change = 100.0 * (gained - lost) / n
                low, high = (100.0 * end for end in change_interval(gained, lost, n))
                colour = GREY if low <= 0.0 <= high else BLUE if change > 0 else RED
                axis.plot([low, high], [at, at], color=colour, linewidth=5, alpha=0.25, solid_capstyle="butt")
                axis.plot([0.0, change], [at, at], color=colour, linewidth=1.8)
                axis.plot([change], [at], marker="o", color=colour, markersize=6.5)
                axis.annotate(_price(one, bases), (1, at), (6, 0), xycoords=("axes fraction", "data"),
                              textcoords="offset points", va="center", fontsize=8, color="#555555",
                              annotation_clip=False)  # fmt: skip
                ticks.append((at, one["name"]))
                at += 1.0
        axis.axvline(0.0, color="black", linewidth=0.9)
        axis.set_yticks([place for place, _ in ticks], [name for _, name in ticks])
        axis.tick_params(axis="y", length=0)
        axis.grid(visible=False, axis="y")
        axis.spines["left"].set_visible(False)
        axis.set_ylim(at - 0.4, -0.6)
        axis.set_xlabel("found under hard conditions, change in percentage points (bands: 95 %)")
        axis.set_title("Gain from each ingredient")
    caption = (
        f"Change in queries found, of {n}, under {len(set(report['queries']))} hard conditions, held-out "
        "sources. Grey: no more than chance. At the right: index and query time, as multiples."
    )
    return [Picture("ablations.svg", caption)]


# --- helpers ----------------------------------------------------------------------------------------------------------


def _bases(report: Report) -> dict[str, dict[str, Any]]:
    """Return the variants that others are held against, by name."""
    return {one["name"]: one for one in report["variants"] if one["name"] in (DEFAULT, TRAINED)}


def _label(one: dict[str, Any]) -> str:
    return f"{one['group']}: {one['name']}" if one["group"] else str(one["name"])


def _found(one: dict[str, Any]) -> list[bool]:
    return [rate is not None and rate <= one["limit"] for rate in one["right"]]


def _differences(one: dict[str, Any], other: dict[str, Any]) -> tuple[int, int]:
    """Return how many queries only the first finds, and how many only the second."""
    pairs = list(zip(_found(one), _found(other), strict=True))
    return sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)


def _shares(hit: Sequence[bool], conditions: Sequence[str]) -> dict[str, float]:
    by_condition: dict[str, list[bool]] = defaultdict(list)
    for condition, found in zip(conditions, hit, strict=True):
        by_condition[condition].append(found)
    return {condition: sum(found) / len(found) for condition, found in by_condition.items()}


def _cells(one: dict[str, Any], bases: dict[str, dict[str, Any]], conditions: Sequence[str]) -> list[str]:
    hit, default = _found(one), bases[DEFAULT]
    n = len(hit)
    cells = [_label(one), f"{100 * sum(hit) / n:.0f}"]
    if one["against"]:
        other = bases[one["against"]]
        gained, lost = _differences(one, other)
        before, after = _shares(_found(other), conditions), _shares(hit, conditions)
        most = max(before, key=lambda name: abs(after[name] - before[name]))
        points = 100 * (after[most] - before[most])
        cells += [f"{100 * (gained - lost) / n:+.0f}", f"{gained}, {lost}", f"{most}: {points:+.0f}" if points else "-"]
    else:
        cells += ["", "", ""]
    false = sum(rate is not None and rate <= one["limit"] for rate in one["strangers"])
    return [
        *cells,
        str(false),
        f"{one['bytes_per_hour'] / default['bytes_per_hour']:.2f}",
        f"{one['query_seconds'] / default['query_seconds']:.2f}",
    ]


def _price(one: dict[str, Any], bases: dict[str, dict[str, Any]]) -> str:
    default = bases[DEFAULT]
    size = one["bytes_per_hour"] / default["bytes_per_hour"]
    time = one["query_seconds"] / default["query_seconds"]
    return f"size x{size:.2g}, time x{time:.2g}"
