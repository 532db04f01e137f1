"""How the report on AI systems is read: its tables, the figures that are compared, and its picture.

Everything here is made from the plain report of `benchmarks.systems`; nothing is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.harness import wilson_interval
from benchmarks.part import Figure, Picture, Report, Table
from benchmarks.plotting import BLUE, GREY, ORANGE, PURPLE, RED, picture

__all__ = ["figures", "pictures", "tables"]

KEPT: Final = {  # parts kept by the method: words and colour
    "recording": ("the recording is kept", BLUE),
    "part": ("kept in part", ORANGE),
    "work": ("only the work is kept", PURPLE),
    "neither": ("at most melody or style", RED),
}
_NOTHING = "-"


def tables(report: Report) -> list[Table]:
    """Return tables: found by kind and by system, agreement, matches to listen to, each pair, missing files.

    Shares are of pairs, with Wilson's 95 % intervals; "thorough" is the slower search of the same pairs.
    """
    rows = report["pairs"]
    made = [_by_kind(report), _by_system(report), _agreement(report), _to_listen_to(rows)]
    made += [_others(rows)] if any(row[mode]["others"] for row in rows for mode in ("standard", "thorough")) else []
    made.append(_every_pair(rows))
    if report["missing"]["files"]:
        named = [(name,) for name in report["missing"]["files"]]
        made.append(
            Table("Missing files", ("file",), named, f"{len(report['missing']['pairs'])} pair(s) not measured.")
        )
    return made


def figures(report: Report) -> list[Figure]:
    """Return the shares found, by kind; where the method keeps neither recording nor work, less is better."""
    out = []
    for row in report["by_kind"]:
        split = "" if row["split"] == "held-out" else f" ({row['split']})"
        name = f"AI systems, {row['kind']}{split}"
        artificial = report["settings"]["artificial"]
        for mode, words in (("standard", ""), ("thorough", ", thorough")):
            counted = row[mode]
            value = 100.0 * counted["found"] / counted["n"]
            detail = (
                f"{counted['found']} of {counted['n']}, {_percent(wilson_interval(counted['found'], counted['n']))} %"
            )
            if row["same_recording"] != "no":
                target = 100.0 if row["same_recording"] == "yes" and not artificial else None
                headline = not artificial and not split and mode == "standard"
                out.append(Figure(f"{name}: found{words}", value, "%", "higher", detail, target, headline))
            elif row["same_work"] != "yes":
                target = None if artificial else 0.0
                out.append(Figure(f"{name}: named though not kept{words}", value, "%", "lower", detail, target))
        counted = row["standard"]
        if row["same_recording"] == "yes" and counted["found"]:
            on_time = 100.0 * counted["on_diagonal"] / counted["found"]
            in_tune = 100.0 * counted["pitch"]["as expected"] / counted["found"]
            out.append(Figure(f"{name}: found where it lies", on_time, "%", detail=f"n={counted['found']}"))
            out.append(Figure(f"{name}: pitch as expected", in_tune, "%", detail=f"n={counted['found']}"))
    return out


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Draw the share found by kind beside the score of every pair; returns nothing without pairs."""
    kinds = report["by_kind"]
    if not kinds:
        return []
    told = max(kinds, key=lambda row: float(row["standard"]["found"] / row["standard"]["n"]))  # has room for words
    with picture(folder / "systems.svg", width=9.0, height=1.3 + 0.62 * len(kinds), columns=2) as (left, right):
        for place, row in enumerate(kinds):
            colour = KEPT[_kept(row)][1]
            for mode, lift, marker, face in (("standard", 0.14, "o", colour), ("thorough", -0.14, "s", "white")):
                found, n = row[mode]["found"], row[mode]["n"]
                low, high = wilson_interval(found, n)
                left.plot([100 * low, 100 * high], [place - lift] * 2, color=colour, linewidth=1.6, zorder=2)
                left.plot(100 * found / n, place - lift, marker, color=colour, markerfacecolor=face, zorder=3)
                left.annotate(
                    f"{found}/{n}", (104, place - lift), va="center", fontsize=8, color=colour, annotation_clip=False
                )
                if row is told:
                    left.annotate(
                        mode, (100 * low - 2, place - lift), ha="right", va="center", fontsize=8, color=colour
                    )
            pairs = _of(report["pairs"], row)
            scores = sorted(float(pair["standard"]["score"]) for pair in pairs if pair["standard"]["score"])
            if none := len(pairs) - len(scores):
                right.scatter([0.0], [place], s=22, color=colour, linewidths=0, zorder=3)
                right.annotate(f"x {none}", (0.0, place), xytext=(6, 0), textcoords="offset points", fontsize=8,
                               color=colour, va="center")  # fmt: skip
            lifts = np.resize([0.0, -0.13, 0.13, -0.26, 0.26], len(scores))
            right.scatter(scores, place + lifts, s=22, color=colour, alpha=0.75, linewidths=0, zorder=3)
        thresholds = [row["standard"]["threshold"] for row in report["pairs"] if row["standard"]["threshold"]]
        if thresholds:
            right.axvspan(min(thresholds), max(thresholds), color=GREY, alpha=0.3, linewidth=0, zorder=1)
            right.annotate(
                "reported from here on", (max(thresholds), -0.62), xytext=(4, 0), textcoords="offset points",
                fontsize=8, color=GREY, va="center",
            )  # fmt: skip
        left.set(
            xlim=(0, 102), xlabel="pairs whose source is found, %", title="How often the source of AI output is found"
        )
        left.set_yticks(range(len(kinds)), [_label(row) for row in kinds])
        right.set_xscale("symlog", linthresh=10.0, linscale=0.4)
        right.set(xlim=(-1.5, None), xlabel="score of the source's best passage", title="How clearly: a dot per pair")
        right.set_xticks([0, 20, 50, 100, 200, 500, 1000], ["none", "20", "50", "100", "200", "500", "1000"])
        right.set_yticks(range(len(kinds)), [])
        for axes in (left, right):
            axes.set_ylim(len(kinds) - 0.5, -0.85)
            axes.grid(visible=False, axis="y")
    what = " Artificial pairs: they say nothing about real systems." if report["settings"]["artificial"] else ""
    caption = (
        "Share of pairs whose source is found, with 95 % intervals (dots: standard, squares: thorough), and the score "
        "of each pair against the range of thresholds. Blue: the method keeps the recording; orange: part of it; "
        "purple: only the work, played anew; red: at most melody or style."
    )
    return [Picture("systems.svg", caption + what)]


# --- helpers ----------------------------------------------------------------------------------------------------------


def _by_kind(report: Report) -> Table:
    header = ("kind", "recording kept", "pairs", "sources", "found %", "95 %", "thorough %", "95 %", "first", "others")
    rows = [
        (
            _named(row, "kind"), row["same_recording"], str(row["pairs"]), str(row["sources"]),
            *_shares(row), str(row["standard"]["first"]), str(row["standard"]["others"]),
        )
        for row in report["by_kind"]
    ]  # fmt: skip
    listed = report["listed"]
    notes = [
        f"{report['settings']['list']}: {listed['pairs']} pairs, {listed['searched']} of {listed['taken']} searched."
    ]
    if listed["taken"] < listed["pairs"]:
        notes.append("The short version takes two pairs of each system.")
    if report["settings"]["artificial"]:
        notes.append("There is no list of pairs here: these are artificial, and say nothing about real systems.")
    if known := report["sources_in_catalogue"]:
        named = ", ".join(f"{one['source']} as {one['recording']}" for one in known[:5])
        notes.append(f"{len(known)} source(s) are in the catalogue under another name already: {named}.")
    unreadable = [f"{row['output']} ({row['status']})" for row in report["pairs"] if row["status"]]
    if unreadable:
        notes.append(f"{len(unreadable)} pair(s) could not be read and count as not found: {', '.join(unreadable)}.")
    others = "others: other recordings that were reported, over all pairs of the row."
    return Table("Found, by kind", header, rows, " ".join([*notes, others]))


def _by_system(report: Report) -> Table:
    header = ("system", "kind", "recording kept", "pairs", "found %", "95 %", "thorough %", "95 %", "median score")
    rows = [
        (
            _named(row, "system"), row["kind"], row["same_recording"], str(row["pairs"]),
            *_shares(row), _number(row["standard"]["median_score"], 1),
        )
        for row in report["by_system"]
    ]  # fmt: skip
    return Table("The same, by system", header, rows)


def _agreement(report: Report) -> Table:
    header = (
        "kind", "recording kept", "found", "tempo off %", "in place",
        "pitch off cents", "pitch right", "semitones", "other pitch",
    )  # fmt: skip
    rows = []
    for row in report["by_kind"]:
        counted, n = row["standard"], str(row["standard"]["found"])
        rows.append(
            (
                _named(row, "kind"), row["same_recording"], n,
                _number(counted["median_ratio_error_percent"], 2), f"{counted['on_diagonal']}/{n}",
                _number(counted["median_cents_error"], 1),
                *(str(counted["pitch"][word]) for word in ("as expected", "whole semitones", "other")),
            )
        )  # fmt: skip
    settings = report["settings"]
    told = any(row["offset_seconds"] is not None for row in report["pairs"])
    diagonal = "the diagonal; that systems keep time is expected from the method, as the list gives no offsets"
    note = (
        f"In place: the middle of the passage lies within {settings['diagonal_seconds']:g} s of "
        f"{'the line that the list gives' if told else diagonal}. "
        f"Pitch right: within {settings['same_cents']:g} cents of the expected pitch; semitones: as near to another "
        "whole semitone, as every second pitch drawn blindly would be. Medians over the matches of the standard search."
    )
    return Table("Where it was found: agreement in time and pitch", header, rows, note)


def _to_listen_to(rows: Sequence[Mapping[str, Any]]) -> Table:
    header = ("output", "source", "system", "work kept", "search", "score", "false per 1 000 h", "off line s", "cents")
    listed = []
    for row in rows:
        modes = [mode for mode in ("standard", "thorough") if row[mode]["found"]]
        if row["same_recording"] == "no" and modes:
            answer = row[modes[0]]
            listed.append(
                (
                    row["output"], row["source"], row["system"], row["same_work"] or _NOTHING,
                    "both" if len(modes) == 2 else modes[0], _number(answer["score"], 1),
                    _rate(answer["false_per_1000h"]), _number(answer["time_error"], 2), _number(answer["cents"], 0),
                )
            )  # fmt: skip
    n = sum(row["same_recording"] == "no" for row in rows)
    return Table(
        "Found though no recording should be kept: to be listened to",
        header,
        listed,
        f"{len(listed)} of {n} pairs whose method keeps no recording. On the diagonal and at the source's pitch, a "
        "match says that the sound of the source, or the same notes from the same instruments, is there; elsewhere it "
        "is more likely a false match.",
    )


def _others(rows: Sequence[Mapping[str, Any]]) -> Table:
    header = ("output", "source", "system", "reported instead or beside")
    listed = []
    for row in rows:
        names = dict.fromkeys([*row["standard"]["others"], *row["thorough"]["others"]])
        if names:
            listed.append((row["output"], row["source"], row["system"], ", ".join(names)))
    return Table(
        "Other recordings that were reported",
        header,
        listed,
        "To be listened to as well: a system that plays a piece on other instruments may come near to a recording of "
        "it on those instruments, which may be the source of another pair.",
    )


def _every_pair(rows: Sequence[Mapping[str, Any]]) -> Table:
    header = (
        "output",
        "system",
        "recording kept",
        "score",
        "per 1 000 h",
        "thorough",
        "per 1 000 h",
        "off line s",
        "cents",
    )
    listed = [
        (
            row["output"], row["system"], row["same_recording"],
            *(
                cell
                for mode in ("standard", "thorough")
                for cell in (_scored(row[mode]), _rate(row[mode]["false_per_1000h"]))
            ),
            *(_number(row["standard"].get(key), digits) for key, digits in (("time_error", 2), ("cents", 0))),
        )
        for row in sorted(rows, key=lambda row: (row["kind"], row["system"], row["output"]))
    ]  # fmt: skip
    note = (
        "Score of the source's best passage, and how many as good chance would make in 1 000 hours; in brackets scores "
        "below the threshold, which were not reported, - where nothing is above the best chance passage of an hour."
    )
    return Table("Every pair", header, listed, note)


def _of(rows: Sequence[Mapping[str, Any]], group: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    keys = ("kind", "same_recording", "split")
    return [row for row in rows if all(row[key] == group[key] for key in keys)]


def _kept(row: Mapping[str, Any]) -> str:
    if row["same_recording"] == "no":
        return "work" if row["same_work"] == "yes" else "neither"
    return "recording" if row["same_recording"] == "yes" else "part"


def _label(row: Mapping[str, Any]) -> str:
    return f"{_named(row, 'kind')}\n{KEPT[_kept(row)][0]}"


def _named(row: Mapping[str, Any], by: str) -> str:
    return str(row[by]) if row["split"] == "held-out" else f"{row[by]}, {row['split']}"


def _shares(row: Mapping[str, Any]) -> list[str]:
    cells = []
    for mode in ("standard", "thorough"):
        found, n = row[mode]["found"], row[mode]["n"]
        cells += [f"{100 * found / n:.0f}", _percent(wilson_interval(found, n))]
    return cells


def _percent(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:.0f}-{100 * interval[1]:.0f}"


def _scored(answer: Mapping[str, Any]) -> str:
    text = _number(answer["score"], 1)
    return text if answer["found"] or answer["score"] is None else f"({text})"


def _rate(value: float | None) -> str:
    if value is None:
        return _NOTHING
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}" if value >= 0.01 else f"{value:.0e}"


def _number(value: float | None, digits: int) -> str:
    return _NOTHING if value is None else f"{round(value, digits) + 0.0:.{digits}f}"
