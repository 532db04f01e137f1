"""How a report of `benchmarks.robustness` reads: tables by group of conditions, and figures to compare."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from benchmarks.distortion.conditions import CONDITIONS
from benchmarks.part import Figure, Report, Table
from index.search.match import DEFAULT_FALSE_PER_1000H

__all__ = ["GROUPS", "MEASURED", "figures", "label", "percent", "tables"]

Row = Mapping[str, Any]

MEASURED: Final = tuple(name for name, condition in CONDITIONS.items() if condition.group != "vocoder")
"""Conditions of the full version: all but the phase-vocoder twins."""

BOUNDARY_TARGET_SECONDS: Final = 0.2

GROUPS: Final = {
    "clean": "Clean",
    "everyday": "Everyday: codecs, rooms, filters, shifts",
    "resynthesis": "Rebuilt from a mel spectrogram",
    "buried": "Mixed with something as loud",
    "buried_deep": "Mixed with louder music",
    "thorough": "Far shifts, thorough search",
    "parts": "Parts of the source alone",
    "reworked": "Reworked",
    "codecs": "Low bit rates",
    "vocoder": "Shifted by a phase vocoder",
}
_LABELS: Final = {
    "gsm": "GSM call",
    "phone": "telephone band",
    "reverb": "reverberation only",
    "eq": "equaliser, ±9 dB",
    "limiter": "limiter, +15 dB",
    "white_noise_0db": "white noise, 0 dB",
    "ambience_0db": "ambience, 0 dB",
    "music_0db": "other music, 0 dB",
    "music_-6db": "other music, 6 dB louder",
    "mel80_griffin_lim": "80 mel bands, Griffin-Lim",
    "below_400hz": "below 400 Hz",
    "above_2khz": "above 2 kHz",
    "400hz_to_2khz": "400 Hz to 2 kHz",
    "accompaniment_0db": "new accompaniment, 0 dB",
    "accompaniment_-3db": "new accompaniment, 3 dB louder",
    "reordered_2s": "re-ordered pieces of 2 s",
    "reordered_1s": "re-ordered pieces of 1 s",
    "reverse_reverb": "reverberation backwards",
    "loudness_war": "mastered to death, +20 dB",
    "mp3_v9": "MP3 V9",
}


def label(name: str) -> str:
    """Return the name of a condition in words.

    Examples
    --------
    >>> label("pitch_+2_tempo_1.1")
    'pitch +2 semitones, tempo x 1.1'
    >>> label("opus_6k"), label("speed_-4%"), label("centre_removed")
    ('Opus 6 kbps', 'speed -4 %', 'centre removed')
    """
    if name in _LABELS:
        return _LABELS[name]
    if codec := re.fullmatch(r"(mp3|aac|opus)_(\d+)k", name):
        return f"{'Opus' if codec[1] == 'opus' else codec[1].upper()} {codec[2]} kbps"
    words = re.sub(r"pitch_([+-]\d+)", r"pitch \1 semitones", name)
    words = re.sub(r"(tempo|speed)_([\d.]+)", r"\1 x \2", words)
    words = re.sub(r"speed_([+-]\d+)%", r"speed \1 %", words)
    return words.replace("semitones_", "semitones, ").replace("_pv", " (phase vocoder)").replace("_", " ")


def percent(share: Row) -> float:
    """Return a share in percent; NaN where nothing was tried."""
    return 100.0 * share["found"] / share["n"] if share["n"] else math.nan


def tables(report: Report) -> list[Table]:
    """Return the tables of a report."""
    made = []
    held, rest = (len(report["settings"][key]) for key in ("held_out", "development"))
    first = (
        f"Held-out: {held} sources that the projection that ships does not know; development: {rest} others. Found and "
        f"95 % interval in percent of n. Limit: {DEFAULT_FALSE_PER_1000H:g} false match per 1 000 h. Errors: medians "
        "of the matches."
    )
    for group, title in GROUPS.items():
        rows = [row for row in report["conditions"] if row["group"] == group]
        if rows:
            note = " ".join(filter(None, [first, *_remarks(rows)]))
            made.append(Table(title, _HEADER, [_cells(row) for row in rows], note))
            first = ""
    splices = [row for row in report["conditions"] if row["group"] == "splice"]
    if splices:
        made.append(_splice_table(splices))
    if report["lengths"]:
        made.append(_length_table(report["lengths"]))
    if report["sizes"]:
        made.append(_size_table(report["sizes"]))
    made.append(_threshold_table(report))
    made.append(_wrong_table(report))
    return made


def figures(report: Report) -> list[Figure]:
    """Return the figures to compare between versions; shares are those of held-out sources."""
    rows = {row["condition"]: row for row in report["conditions"]}
    made: list[Figure] = []
    everyday = [row for row in rows.values() if row["group"] == "everyday" and row["held_out"]["n"]]
    if everyday:
        worst = min(everyday, key=lambda row: percent(row["held_out"]))
        made.append(
            Figure(
                "found, the worst everyday condition",
                percent(worst["held_out"]),
                "%",
                detail=f"{label(worst['condition'])}, {_detail(worst['held_out'])}",
                target=98.0,
                headline=True,
            )
        )
    for group, name in _MEANS.items():
        shares = [row["held_out"] for row in rows.values() if row["group"] == group and row["held_out"]["n"]]
        if shares:
            mean = statistics.fmean(map(percent, shares))
            made.append(Figure(f"found, {name}, mean", mean, "%", detail=f"{len(shares)} conditions"))
    for name in _SINGLE:
        if name in rows and rows[name]["held_out"]["n"]:
            row = rows[name]
            target = None if row["held_out_target"] is None else 100.0 * row["held_out_target"]
            made.append(_figure(f"found, {label(name)}", row["held_out"], target, headline=name in _HEADLINES))
    for row in report["lengths"]:
        if row["condition"] == "mp3_128k" and row["seconds"] in (3.0, 1.0) and row["held_out"]["n"]:
            target = 100.0 * row["held_out_target"]
            made.append(_figure(f"found, clean, {row['seconds']:g} s", row["held_out"], target, headline=True))
    for condition in ("mp3_128k", "music_0db"):
        sizes = [row for row in report["sizes"] if row["condition"] == condition and row["held_out"]["n"]]
        if len(sizes) > 1:
            most = max(sizes, key=lambda row: float(row["times"]))
            made.append(_figure(f"found, {label(condition)}, catalogue x {most['times']:.0f}", most["held_out"], None))
    made += _boundary_figure(rows)
    searched = sum(row["all"]["n"] for row in rows.values())
    if searched:
        wrong = 1000.0 * sum(row["wrong"] for row in rows.values()) / searched
        made.append(Figure("other recordings per 1 000 searches", wrong, "", "lower", f"{searched} searches"))
    return made


# --- tables -----------------------------------------------------------------------------------------------------------

_HEADER = ("condition", "n", "found", "95 %", "target", "development", "wrong", "pitch, cents", "tempo, %", "place, s")
_MEANS = {
    "everyday": "everyday conditions",
    "thorough": "far shifts",
    "parts": "parts alone",
    "codecs": "low bit rates",
}
_HEADLINES = ("white_noise_0db", "music_0db", "music_-6db", "mel80_griffin_lim")
_SINGLE = (
    "mp3_128k",
    "white_noise_0db",
    "ambience_0db",
    "music_0db",
    "music_-6db",
    "mel80_griffin_lim",
    "percussive_only",
    "accompaniment_0db",
    "accompaniment_-3db",
    "two_sources",
    "reordered_2s",
    "reordered_1s",
    "reverse_reverb",
    "loudness_war",
    "opus_6k",
)


def _cells(row: Row) -> list[str]:
    held, median = row["held_out"], row["median"]
    return [
        row["condition"],
        str(held["n"]),
        _whole_percent(held),
        _interval(held),
        _target(row["held_out_target"], row["held_out_met"]),
        _whole_percent(row["development"]),
        str(row["wrong"]),
        _number(median["cents_error"], 1),
        _number(median["ratio_error_percent"], 2),
        _number(median["place_error"], 3),
    ]


def _remarks(rows: Sequence[Row]) -> Iterable[str]:
    for row in rows:
        name = row["condition"]
        if row["not_applicable"]:
            tried = row["not_applicable"] + row["all"]["n"]
            yield f"{name}: does not apply to {row['not_applicable']} of {tried}."
        if row["all"]["found"] > row["first"]:
            yield f"{name}: {row['all']['found'] - row['first']} found, but not first."
        if row["only_also_fits"]:
            yield f"{name}: {row['only_also_fits']} only named as fitting as well as the reported match."
        if row["target"] is not None and row["target"] != row["held_out_target"] and row["met"] is False:
            yield f"{name}: of all sources {_whole_percent(row['all'])} %, {100 * row['target']:.0f} were promised."
        if "both_found" in row:
            yield f"{name}: both found in {row['both_found']} of {row['all']['n']}."


def _splice_table(rows: Sequence[Row]) -> Table:
    cells = []
    for row in rows:
        median = row["median_held_out"]
        ends = [median[key] for key in ("start_error", "end_error")]
        met = None if None in ends else max(ends) <= BOUNDARY_TARGET_SECONDS
        cells.append(
            [
                row["condition"],
                str(row["held_out"]["n"]),
                _whole_percent(row["held_out"]),
                *(_number(end, 2) for end in ends),
                f"{BOUNDARY_TARGET_SECONDS:g}" + ("" if met is None else " met" if met else " SHORT"),
            ]
        )
    header = ("condition", "n", "found", "start, s", "end, s", "target, s")
    return Table("Ten seconds in a minute of other music", header, cells, "Median error of the boundaries, held-out.")


def _length_table(rows: Sequence[Row]) -> Table:
    lengths = sorted({row["seconds"] for row in rows})
    cells = []
    for name in dict.fromkeys(row["condition"] for row in rows):
        by_length = {row["seconds"]: row for row in rows if row["condition"] == name}
        cells.append([name, *(_share_cell(by_length[seconds]["held_out"]) for seconds in lengths)])
        if any(row["held_out_target"] is not None for row in by_length.values()):
            goals = [_target(by_length[s]["held_out_target"], by_length[s]["held_out_met"]) for s in lengths]
            cells.append(["  target", *goals])
        if by_length[lengths[0]]["development"]["n"]:
            cells.append(["  development", *(_whole_percent(by_length[s]["development"]) for s in lengths)])
    wrong = sum(row["wrong"] for row in rows)
    note = f"Found in percent of held-out clips, with 95 % interval. Other recordings reported: {wrong}."
    return Table("By length of the clip", ("condition", *(f"{s:g} s" for s in lengths)), cells, note)


def _size_table(rows: Sequence[Row]) -> Table:
    hours = sorted({row["hours"] for row in rows})
    names = list(dict.fromkeys(row["condition"] for row in rows))
    by = {(row["condition"], row["hours"]): row for row in rows}
    cells = [[name, *(_share_cell(by[name, h]["held_out"]) for h in hours)] for name in names]
    facts = [by[names[0], h] for h in hours]
    cells.append(["million landmarks", *(f"{row['landmarks'] / 1e6:.2f}" for row in facts)])
    mean = [1000.0 * statistics.fmean(by[name, h]["match_seconds"] for name in names) for h in hours]
    cells.append(["ms per search", *(f"{ms:.0f}" for ms in mean)])
    cells.append(["other recordings", *(str(sum(by[name, h]["wrong"] for name in names)) for h in hours)])
    note = (
        "Found in percent of held-out excerpts, with 95 % interval. A search takes the fingerprint as given, on one "
        "core that may share the machine; the part on speed measures it by itself."
    )
    header = ("condition", *(f"{row['hours']:.1f} h (x {row['times']:.1f})" for row in facts))
    return Table("By size of the catalogue", header, cells, note)


def _threshold_table(report: Report) -> Table:
    limits, strictest = report["settings"]["limits"], report["settings"]["strictest"]
    cells = []
    for row in report["thresholds"]:
        shares = [f"{100 * found / row['n']:.1f}" if row["n"] else "-" for found in row["found"]]
        cells.append([GROUPS[row["group"]], str(row["n"]), *shares])
    searched = sum(row["searched"] for row in report["thresholds"])
    totals = [sum(row["wrong"][i] for row in report["thresholds"]) for i in range(len(limits))]
    cells.append([f"other recordings in {searched}", "", *map(str, totals)])
    header = ["group", "n", *(f"{limit:g}" for limit in limits)]
    note = "Found in percent of held-out excerpts at other limits of false matches per 1 000 h, as stated."
    if strictest is not None:
        header[-1] = f"none in {strictest['hours']:.0f} h"
        note += (
            f" Last column: the limit ({strictest['false_per_1000h']:.2g}) at which nothing matches of the "
            f"{strictest['hours']:.1f} h of audio that is not in a catalogue (calibration)."
        )
    return Table("By threshold", header, cells, note)


def _wrong_table(report: Report) -> Table:
    rows = [
        [one["played"], one["reported"], str(one["times"]), ", ".join(one["conditions"])] for one in report["wrong"]
    ]
    note = "They may share material with the query; listen."
    if report["left_out"]:
        note += " Not in the catalogue, as they could not be described: " + "; ".join(report["left_out"]) + "."
    return Table("Other recordings that were reported", ("played", "reported", "times", "conditions"), rows, note)


# --- figures ----------------------------------------------------------------------------------------------------------


def _figure(name: str, share: Row, target: float | None, *, headline: bool = False) -> Figure:
    return Figure(name, percent(share), "%", detail=_detail(share), target=target, headline=headline)


def _boundary_figure(rows: Mapping[str, Row]) -> list[Figure]:
    splices = [row for row in rows.values() if row["group"] == "splice"]
    ends = [row["median_held_out"][key] for row in splices for key in ("start_error", "end_error")]
    if not splices or None in ends:
        return []
    detail = f"{len(ends)} medians, the worst"
    name = "boundary error, ten seconds in a minute"
    return [Figure(name, max(ends), "s", "lower", detail, BOUNDARY_TARGET_SECONDS, headline=True)]


def _whole_percent(share: Row) -> str:
    return f"{percent(share):.0f}" if share["n"] else "-"


def _interval(share: Row) -> str:
    low, high = (100.0 * end for end in share["interval"])
    return f"{low:.0f}-{high:.0f}" if share["n"] else "-"


def _share_cell(share: Row) -> str:
    return f"{_whole_percent(share)} ({_interval(share)})" if share["n"] else "-"


def _detail(share: Row) -> str:
    return f"n={share['n']}, {_interval(share)} %"


def _target(target: float | None, met: bool | None) -> str:
    if target is None:
        return ""
    return f"{100 * target:.0f}" + ("" if met is None else " met" if met else " SHORT")


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
