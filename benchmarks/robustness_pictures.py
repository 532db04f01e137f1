"""Pictures of a report of `benchmarks.robustness`: excerpts found by condition, length, and size of the catalogue."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.part import Picture, Report
from benchmarks.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, picture
from benchmarks.robustness_report import GROUPS, label, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["pictures"]

Row = Mapping[str, Any]

_LINES = (BLUE, ORANGE, GREEN, RED, PURPLE, GREY)


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Write the pictures of a report into `folder`."""
    made = [_picture_by_condition(report, folder)]
    if report["lengths"]:
        made.append(_picture_by_length(report, folder))
    if report["sizes"]:
        made.append(_picture_by_size(report, folder))
    return made


# --- helpers ----------------------------------------------------------------------------------------------------------


def _picture_by_condition(report: Report, folder: Path) -> Picture:
    """One line per condition, in two columns, groups under their titles."""
    blocks: list[tuple[str, list[Row]]] = []
    for group, title in GROUPS.items():
        rows = [row for row in report["conditions"] if row["group"] == group]
        if rows:
            blocks.append((title, rows))
    sizes = [len(rows) + 1.6 for _, rows in blocks]
    split = min(range(1, len(blocks) + 1), key=lambda i: max(sum(sizes[:i]), sum(sizes[i:])))
    columns = [column for column in (blocks[:split], blocks[split:]) if column]
    tallest = max(sum(len(rows) + 1.6 for _, rows in column) for column in columns)
    path = folder / "robustness_conditions.svg"
    with picture(path, width=5.2 * len(columns), height=0.9 + 0.19 * tallest, columns=len(columns)) as axes:
        for axis, column in zip(axes, columns, strict=True):
            _draw_column(axis, column, tallest)
        axes[0].set_title("Excerpts of 10 s found, by distortion", pad=24)
        _legend(axes[0], report)
    return Picture(path.name, "Share of distorted ten-second excerpts for which the right recording was reported.")


def _draw_column(axis: Axes, column: Sequence[tuple[str, Sequence[Row]]], tallest: float) -> None:
    at, ticks, names = 0.0, [], []
    for title, rows in column:
        axis.text(-2.0, at, title, ha="right", va="center", fontweight="bold", fontsize=9)
        at += 1.0
        for row in rows:
            _draw_share(axis, at, row)
            ticks.append(at)
            names.append(label(row["condition"]))
            at += 1.0
        at += 0.6
    axis.set_yticks(ticks, names, fontsize=8)
    axis.set_ylim(tallest - 0.4, -0.8)
    axis.set_xlim(0, 101)
    axis.set_xlabel("found, %")
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=False)
    axis.spines["left"].set_visible(False)


def _draw_share(axis: Axes, at: float, row: Row) -> None:
    held = row["held_out"] if row["held_out"]["n"] else row["all"]
    if not held["n"]:
        axis.text(2.0, at, "applies to no excerpt", va="center", fontsize=7.5, color=GREY)
        return
    short = row["held_out_met"] is False
    low, high = (100.0 * end for end in held["interval"])
    axis.plot([low, high], [at, at], color=RED if short else BLUE, linewidth=1.6, alpha=0.55, solid_capstyle="butt")
    if row["development"]["n"]:
        axis.plot(percent(row["development"]), at, "o", mfc="white", mec=GREY, markersize=4.0, mew=0.9)
    axis.plot(percent(held), at, "o", color=RED if short else BLUE, markersize=4.6)
    if row["held_out_target"] is not None:
        axis.plot(100.0 * row["held_out_target"], at, "|", color="black", markersize=8, mew=1.2)


def _legend(axis: Axes, report: Report) -> None:
    from matplotlib.lines import Line2D

    held, rest = (len(report["settings"][key]) for key in ("held_out", "development"))
    shown = [
        Line2D([], [], color=BLUE, marker="o", markersize=4.6, label=f"{held} held-out sources, 95 % interval"),
        Line2D([], [], color=RED, marker="o", markersize=4.6, label="the same, short of the target"),
        Line2D([], [], color="black", marker="|", linestyle="", markersize=8, mew=1.2, label="target"),
    ]
    if rest:
        other = Line2D([], [], color=GREY, marker="o", mfc="white", linestyle="", label=f"{rest} development sources")
        shown.insert(2, other)
    axis.figure.legend(handles=shown, loc="outside lower center", ncols=len(shown), fontsize=8)


def _picture_by_length(report: Report, folder: Path) -> Picture:
    """Small multiples: one curve per condition."""
    names = list(dict.fromkeys(row["condition"] for row in report["lengths"]))
    columns = min(4, len(names))
    lines = -(-len(names) // columns)
    path = folder / "robustness_lengths.svg"
    with picture(path, width=2.35 * columns + 0.4, height=2.05 * lines + 0.6, rows=lines, columns=columns) as axes:
        for number, (axis, name) in enumerate(zip(axes, names, strict=False)):
            rows = sorted((r for r in report["lengths"] if r["condition"] == name), key=lambda r: float(r["seconds"]))
            _draw_lengths(axis, rows)
            axis.set_title(label(name), fontsize=9.5)
            if number % columns == 0:
                axis.set_ylabel("found, %")
            if number + columns >= len(names):
                axis.set_xlabel("seconds of the clip")
        for axis in axes[len(names) :]:
            axis.set_visible(False)
        axes[0].figure.suptitle(
            "Shorter clips of the same excerpts", x=0.01, ha="left", fontsize=10.5, fontweight="bold"
        )
    return Picture(path.name, "Share found by length of the clip, held-out sources; grey: development sources.")


def _draw_lengths(axis: Axes, rows: Sequence[Row]) -> None:
    seconds = [row["seconds"] for row in rows]
    if any(row["development"]["n"] for row in rows):
        axis.plot(seconds, [percent(row["development"]) for row in rows], color=GREY, linewidth=1.0, zorder=1)
    shares = [row["held_out"] if row["held_out"]["n"] else row["all"] for row in rows]
    _draw_line(axis, seconds, shares, BLUE)
    goals = [(row["seconds"], 100.0 * row["held_out_target"]) for row in rows if row["held_out_target"] is not None]
    for at, goal in goals:
        axis.plot(at, goal, "_", color="black", markersize=11, mew=1.3)
    if goals:
        axis.annotate("target", goals[-1], xytext=(-2, -9), textcoords="offset points", fontsize=7.5, ha="center")
    axis.set_xscale("log")
    axis.set_xticks(seconds, [f"{s:g}" for s in seconds])
    axis.minorticks_off()
    axis.set_ylim(0, 103)
    axis.set_yticks([0, 25, 50, 75, 100])


def _picture_by_size(report: Report, folder: Path) -> Picture:
    """One line per condition, named at its end; conditions that fare alike throughout share a line."""
    alike: dict[tuple[tuple[int, int], ...], list[str]] = {}
    for name in dict.fromkeys(row["condition"] for row in report["sizes"]):
        shares = [row["held_out"] for row in _by_hours(report, name)]
        alike.setdefault(tuple((share["found"], share["n"]) for share in shares), []).append(name)
    path = folder / "robustness_sizes.svg"
    with picture(path, width=6.4, height=3.6) as (axis,):
        ends = []
        for number, names in enumerate(alike.values()):
            rows = _by_hours(report, names[0])
            apart = 1.0 + 0.016 * (number - (len(alike) - 1) / 2)
            colour = _LINES[number % len(_LINES)]
            _draw_line(axis, [row["hours"] * apart for row in rows], [row["held_out"] for row in rows], colour)
            ends.append((percent(rows[-1]["held_out"]), [label(name) for name in names], colour))
        known = sorted({row["hours"] for row in report["sizes"]})
        axis.set_xscale("log")
        axis.set_xticks(known, [f"{hours:.0f} h" if hours >= 10 else f"{hours:.1f} h" for hours in known])
        axis.minorticks_off()
        axis.set_xlim(known[0] * 0.93, known[-1] * 1.08)
        low = min(row["held_out"]["interval"][0] for row in report["sizes"])
        bottom = max(0.0, 10.0 * math.floor(10.0 * low - 0.5))
        axis.set_ylim(bottom, 102)
        _name_ends(axis, ends, 0.05 * (102 - bottom))
        axis.set_xlabel("music in the catalogue")
        axis.set_ylabel("found, %")
        axis.set_title("The same excerpts in a growing catalogue")
    return Picture(path.name, "Share of held-out ten-second excerpts found as the catalogue grows, 95 % intervals.")


def _by_hours(report: Report, name: str) -> list[Row]:
    return sorted((row for row in report["sizes"] if row["condition"] == name), key=lambda row: float(row["hours"]))


def _draw_line(axis: Axes, x: Sequence[float], shares: Sequence[Row], colour: str) -> None:
    axis.plot(x, [percent(share) for share in shares], "o-", color=colour, markersize=4, linewidth=1.5, zorder=3)
    for at, share in zip(x, shares, strict=True):
        low, high = (100.0 * end for end in share["interval"])
        axis.plot([at, at], [low, high], color=colour, linewidth=1.3, alpha=0.5, zorder=2)


def _name_ends(axis: Axes, ends: Sequence[tuple[float, Sequence[str], str]], line: float) -> None:
    """Write names beside the ends of lines, each `line` high, moved down where they would overlap."""
    place = math.inf
    for value, names, colour in sorted(ends, reverse=True):
        place = min(value, place)
        for name in names:
            axis.annotate(
                name, (1.0, place), xycoords=("axes fraction", "data"), xytext=(5, 0), textcoords="offset points",
                va="center", color=colour, fontsize=8.5, annotation_clip=False,
            )  # fmt: skip
            place -= line
