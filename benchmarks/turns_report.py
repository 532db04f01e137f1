"""Tables, compared figures and a picture of a report on turns. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import plotting
from benchmarks.part import Figure, Picture, Report, Table

__all__ = ["figures", "pictures", "rows", "tables"]

MOST_BEYOND_MEAN_POINTS: Final = 3.0
MOST_BEYOND_POINTS: Final = 8.0
MOST_SHORT_MEAN_POINTS: Final = 3.0
LONG_SECONDS: Final = 2.0

Row = dict[str, Any]

_TITLES: Final = {
    "all": "Recordings switched on and off",
    "period": "By seconds on and off",
    "gap": "By content of the gaps",
    "transformation": "By transformation",
    "mix": "At once",
}
_AT_ONCE: Final = "at once"


def rows(recordings: Sequence[Row]) -> list[Row]:
    """Return summaries of recordings in tracks: of all in turns, by period, gap and transformation, and of mash-ups.

    Parameters
    ----------
    recordings : sequence of dict
        As in the report: `kind`, `on`, `off`, and the `true` and `claimed` share of each in percent.
    """
    turns = [one for one in recordings if _AT_ONCE not in one["kind"] and "over" not in one["kind"]]
    mixed = [one for one in recordings if one not in turns]
    made = [
        _summary("all", "all", turns),
        _summary("all", f"on for {LONG_SECONDS:g} s and more", [one for one in turns if one["on"] >= LONG_SECONDS]),
        _summary("all", "on for less", [one for one in turns if one["on"] < LONG_SECONDS]),
    ]
    made += _by(
        "period", turns, lambda one: f"{one['on']:g} on, {one['off']:g} off", lambda one: (one["on"], one["off"])
    )
    made += _by("gap", turns, lambda one: one["kind"], lambda one: one["kind"])
    made += _by("transformation", turns, lambda one: one["transformation"], lambda one: one["transformation"])
    made += _by("mix", mixed, _part_of_mix, lambda one: (one["kind"], one["off"] > 0))
    return made


def tables(report: Report) -> list[Table]:
    """Return the tables of a report."""
    header = ("", "recordings", "found", "claimed beyond, points", "worst", "short, points", "worst")
    note = "Of the recordings that were found. " + (
        f"{sum(one['strangers'] for one in report['recordings'])} recording(s) were named that the track does not use."
    )
    return [
        Table(title, header, [_cells(row) for row in report["rows"] if row["by"] == way], note if way == "all" else "")
        for way, title in _TITLES.items()
    ]


def figures(report: Report) -> list[Figure]:
    """Return the figures that are compared between versions."""
    known = {(row["by"], row["level"]): row for row in report["rows"]}
    everything = known["all", "all"]
    long = known["all", f"on for {LONG_SECONDS:g} s and more"]
    detail = f"{everything['found']} recordings in turns of 0.5 to 8 s"
    return [
        Figure("claimed beyond the true ranges, mean", everything["beyond_mean"], "points", "lower", detail,
               MOST_BEYOND_MEAN_POINTS),
        Figure("claimed beyond the true ranges, worst", everything["beyond_worst"], "points", "lower", detail,
               MOST_BEYOND_POINTS),
        Figure("not claimed of true ranges of 2 s and more, mean", long["short_mean"], "points", "lower",
               f"{long['found']} recordings, worst {_number(long['short_worst'])}", MOST_SHORT_MEAN_POINTS),
    ]  # fmt: skip


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Write the picture of a report into `folder`."""
    colours = (plotting.BLUE, plotting.ORANGE, plotting.GREEN, plotting.PURPLE, plotting.RED, plotting.GREY)
    with plotting.picture(folder / "turns.svg", width=7.0, height=5.0) as (axis,):
        axis.plot([0, 100], [0, 100], color="black", lw=0.9, ls="--", zorder=1)
        for kind, colour in zip(report["settings"]["kinds"], colours, strict=True):
            ours = [one for one in report["recordings"] if one["kind"] == kind]
            x, y = ([one[key] for one in ours] for key in ("true", "claimed"))
            axis.scatter(x, y, s=18, color=colour, label=kind, zorder=3, clip_on=False)
        axis.set(xlim=(0, 100), ylim=(0, 100), xlabel="share of the track in which it is on, %", ylabel="claimed, %")
        axis.legend(loc="upper left", fontsize=8.5, handletextpad=0.3)
    return [Picture("turns.svg", "Share of the track that is claimed against the share in which the recording is on.")]


def _by(way: str, recordings: Sequence[Row], level: Callable[[Row], str], order: Callable[[Row], Any]) -> list[Row]:
    levels = dict.fromkeys(level(one) for one in sorted(recordings, key=order))
    return [_summary(way, name, [one for one in recordings if level(one) == name]) for name in levels]


def _part_of_mix(recording: Row) -> str:
    if _AT_ONCE in recording["kind"]:
        return str(recording["kind"])
    return f"{recording['kind']}: the {'other' if recording['off'] else 'one that goes on'}"


def _summary(way: str, level: str, recordings: Sequence[Row]) -> Row:
    found = [one["claimed"] - one["true"] for one in recordings if one["claimed"] > 0]
    beyond, short = np.maximum(found, 0.0), np.maximum(np.negative(found), 0.0)
    return {
        "by": way,
        "level": level,
        "recordings": len(recordings),
        "found": len(found),
        "beyond_mean": float(beyond.mean()) if found else None,
        "beyond_worst": float(beyond.max()) if found else None,
        "short_mean": float(short.mean()) if found else None,
        "short_worst": float(short.max()) if found else None,
    }


def _cells(row: Row) -> list[str]:
    measured = (_number(row[key]) for key in ("beyond_mean", "beyond_worst", "short_mean", "short_worst"))
    return [row["level"], str(row["recordings"]), str(row["found"]), *measured]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
