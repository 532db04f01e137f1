"""A speed report as tables, figures and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.part import Figure, Picture, Report, Table
from benchmarks.plotting import BLUE, GREY, ORANGE, picture
from benchmarks.stage_clock import OTHER

__all__ = ["figures", "pictures", "shares", "tables"]

STAGES = (
    "decode",
    "mix to mono",
    "resample",
    "spectrogram",
    "landmarks",
    "descriptors",
    "search",
    "voting",
    "alignment",
    "decision",
    "write",
    OTHER,
)
WHAT = {"add": "add an mp3", "catalogue": "match: in the catalogue", "strangers": "match: not in it"}
_COLOURS = {
    "decode": "#8c8c8c",
    "mix to mono": "#b0b0b0",
    "resample": "#cfcfcf",
    "spectrogram": "#0072b2",
    "landmarks": "#4b9cd3",
    "descriptors": "#9dcbec",
    "search": "#e69f00",
    "voting": "#f5cf7a",
    "alignment": "#009e73",
    "decision": "#8fd3bf",
    "write": "#cc79a7",
    OTHER: "#ececec",
}
_DARK = frozenset({"decode", "spectrogram", "alignment"})
_PARTS = {
    "lists": "inverted lists: codes and row numbers",
    "codes": "signs of descriptors, for alignment",
    "times": "times of landmarks",
    "bins": "frequencies of landmarks",
    "checks": "checksums of landmarks",
    "codecs": "centroids and codebook",
    "trees": "centroids",
    "recordings": "names and ids",
    "bounds": "where recordings begin",
    "manifest": "manifest",
    "vectors": "exact vectors",
}


def shares(stages: Mapping[str, float]) -> dict[str, float]:
    """Return the share of each stage in table order, which sum to one; stages that took no time are left out.

    Examples
    --------
    >>> shares({"resample": 1.0, "decode": 3.0})
    {'decode': 0.75, 'resample': 0.25}
    """
    total = sum(stages.values())
    known = [*STAGES, *sorted(set(stages) - set(STAGES))]
    return {stage: stages[stage] / total for stage in known if stages.get(stage, 0.0) > 0.0}


def figures(report: Report) -> list[Figure]:
    """Return the figures that are compared between versions."""
    formats = report["formats"]
    match = report["match"]
    memory = report["memory"]
    out = [
        Figure(
            f"adding from {name}",
            _rate(got, "add_seconds"),
            "x real time",
            target=350.0 if name == "mp3" else None,
            headline=name == "mp3",
        )
        for name, got in formats.items()
    ]
    out += [
        Figure(
            f"adding from {name}, of decoding alone",
            100.0 * got["limit_seconds"] / got["add_seconds"],
            "%",
            detail=f"decoding alone {_rate(got, 'limit_seconds'):.0f} x real time",
        )
        for name, got in formats.items()
        if name == "mp3"
    ]
    for what, words in (("catalogue", "matching music of the catalogue"), ("strangers", "matching other music")):
        if what in match:
            rate = _rate(match[what], "processor_seconds")
            out.append(Figure(words, rate, "x real time", target=150.0, headline=what == "strangers"))
    one = report["jobs"]["runs"][0]
    for run in report["jobs"]["runs"][1:]:
        gain = _rate(run, "elapsed_seconds") / _rate(one, "elapsed_seconds")
        limit = report["jobs"]["machine_gain"][str(run["jobs"])]
        detail = f"plain arithmetic gains {limit:.2f}"
        out.append(
            Figure(f"{run['jobs']} jobs over 1", gain, "", detail=detail, target=1.8 if run["jobs"] == 2 else None)
        )
    out.append(Figure("index", report["index"]["bytes_per_hour"] / 1e6, "MB/h", "lower", target=3.0, headline=True))
    worst = max(memory, key=lambda what: float(memory[what]))
    out.append(Figure("peak memory", memory[worst], "MB", "lower", detail=f"to {worst}", target=600.0, headline=True))
    start = report["start"]
    out.append(Figure("--help", start["help"], "s", "lower"))
    out.append(Figure("one match from a new process", start["match, new process"], "s", "lower"))
    return out


def tables(report: Report) -> list[Table]:
    """Return the tables."""
    minutes = report["settings"]["track_seconds"] / 60.0
    promised = [
        (
            figure.name,
            _number(figure.value) + (f" {figure.unit}" if figure.unit else ""),
            figure.detail,
            "" if figure.target is None else f"{'>=' if figure.better == 'higher' else '<='} {figure.target:g}",
            {None: "", True: "yes", False: "NO"}[figure.met],
        )
        for figure in figures(report)
    ]
    return [
        Table("Targets and other figures at a glance", ("figure", "measured", "beside", "target", "met"), promised),
        _formats_table(report, minutes),
        _stages_table(report),
        Table("Memory at its peak", ("process", "MB"), [(what, f"{mb:.0f}") for what, mb in report["memory"].items()]),
        Table(
            "From nothing to an answer, elapsed",
            ("command", "seconds"),
            [(what, f"{seconds:.2f}") for what, seconds in report["start"].items()],
            f"The track lasts {minutes:g} min. Libraries and index lie in the disk cache.",
        ),
        _jobs_table(report),
        _index_table(report),
    ]


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Write three pictures: share of time by stage, rates by format, bytes by part."""
    return [_draw_stages(report, folder), _draw_formats(report, folder), _draw_index(report, folder)]


# --- helpers: tables --------------------------------------------------------------------------------------------------


def _rate(got: Mapping[str, Any], seconds: str) -> float:
    return float(got["audio_seconds"]) / max(float(got[seconds]), 1e-9)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def _formats_table(report: Report, minutes: float) -> Table:
    rows = [
        (
            name,
            f"{_rate(got, 'add_seconds'):.0f}",
            f"{_rate(got, 'limit_seconds'):.0f}",
            f"{100 * got['limit_seconds'] / got['add_seconds']:.0f}",
            f"{got['bytes_per_hour'] / 1e6:.0f}",
            got["decoder"],
        )
        for name, got in report["formats"].items()
    ]
    missing = "".join(f" Not measured: {name}, {why}." for name, why in report["formats_missing"].items())
    return Table(
        "Adding, x real time on one core",
        ("format", "adding", "decoding alone", "share of that limit, %", "file, MB/h", "decoder"),
        rows,
        f"{report['settings']['tracks']} tracks of {minutes:g} min in 44.1 kHz stereo (Opus 48 kHz), median of "
        f"{report['settings']['repeats']} repeat(s).{missing}",
    )


def _stages_table(report: Report) -> Table:
    kinds = [what for what in WHAT if what in report["stages"]]
    share = {what: shares(report["stages"][what]["seconds"]) for what in kinds}
    used = [stage for stage in _stages_of(share.values()) if any(stage in share[what] for what in kinds)]
    rows = [
        [stage, *(f"{100 * share[what][stage]:.1f}" if stage in share[what] else "-" for what in kinds)]
        for stage in used
    ]
    per_hour = []
    for what in kinds:
        got = report["stages"][what]
        per_hour.append(f"{3600 * sum(got['seconds'].values()) / got['audio_seconds']:.1f}")
    rows.append(["seconds per hour of audio", *per_hour])
    return Table(
        "Share of processor time by stage, percent",
        ("stage", *(WHAT[what] for what in kinds)),
        rows,
        "Queries get twice the landmarks of references, three time scales, and a second search of the reversed query. "
        '"decision" includes explaining away. "other": opening, joining pieces, the rest.',
    )


def _stages_of(shared: Iterable[Mapping[str, float]]) -> list[str]:
    extra = sorted({stage for one in shared for stage in one} - set(STAGES))
    return [*STAGES[:-1], *extra, OTHER]


def _jobs_table(report: Report) -> Table:
    runs = report["jobs"]["runs"]
    gains = report["jobs"]["machine_gain"]
    first = _rate(runs[0], "elapsed_seconds")
    rows = [
        (
            str(run["jobs"]),
            f"{_rate(run, 'elapsed_seconds'):.0f}",
            f"{_rate(run, 'elapsed_seconds') / first:.2f}",
            f"{gains[str(run['jobs'])]:.2f}" if str(run["jobs"]) in gains else "1",
        )
        for run in runs
    ]
    return Table(
        "Several jobs: adding, start and writing included, elapsed",
        ("jobs", "x real time", "times one job", "times one process of plain arithmetic"),
        rows,
        f"{runs[0]['audio_seconds'] / 3600:.1f} h in {report['jobs']['files']} files. The last column is the "
        "speed that the machine had at that moment: other work on it shows there too.",
    )


def _index_table(report: Report) -> Table:
    index = report["index"]
    rows = [
        (_PARTS.get(part, part), f"{size / index['hours'] / 1e3:.0f}", f"{100 * size / index['bytes']['total']:.1f}")
        for part, size in _sizes(index)
    ]
    rows.append(("together", f"{index['bytes_per_hour'] / 1e3:.0f}", "100"))
    shared = next((_PARTS[part] for part in ("codecs", "trees") if part in index["bytes"]), "")  # of earlier formats
    return Table(
        "Index, kB per hour of catalogue",
        ("part", "kB/h", "%"),
        rows,
        f"{index['kind']}, {index['landmarks']} landmarks of {index['recordings']} recordings, {index['hours']:.1f} h."
        + (f" {shared.capitalize()} are shared by all: per hour, they shrink as a catalogue grows." if shared else ""),
    )


def _sizes(index: Mapping[str, Any]) -> list[tuple[str, int]]:
    sizes = {part: size for part, size in index["bytes"].items() if part != "total" and size > 0}
    return sorted(sizes.items(), key=lambda item: (-item[1], item[0]))


# --- helpers: pictures ------------------------------------------------------------------------------------------------


def _draw_stages(report: Report, folder: Path) -> Picture:
    kinds = [what for what in WHAT if what in report["stages"]]
    with picture(folder / "speed-stages.svg", height=0.7 + 1.05 * len(kinds)) as (axis,):
        for row, what in enumerate(kinds):
            start = 0.0
            for stage, share in shares(report["stages"][what]["seconds"]).items():
                width = 100.0 * share
                axis.barh(row, width, left=start, height=0.82, color=_COLOURS.get(stage, "#ececec"), edgecolor="white")
                colour = "white" if stage in _DARK else "black"
                upright = width < 1.45 * len(stage) + 1.0
                label = f"{stage} {width:.0f}" if upright else f"{stage}\n{width:.0f} %"
                if width >= 1.9:
                    axis.text(
                        start + width / 2, row, label, ha="center", va="center", color=colour, fontsize=7.5,
                        rotation=90 if upright else 0,
                    )  # fmt: skip
                start += width
        labels = []
        for what in kinds:
            got = report["stages"][what]
            labels.append(f"{WHAT[what]}\n{got['audio_seconds'] / sum(got['seconds'].values()):.0f} x real time")
        axis.set_yticks(range(len(kinds)), labels)
        axis.invert_yaxis()
        axis.set_xlim(0, 100)
        axis.grid(visible=False)
        axis.spines["left"].set_visible(False)
        axis.tick_params(left=False)
        axis.set_xlabel("share of processor time, %")
        axis.set_title("Where the time goes: adding and matching, stage by stage")
    return Picture(
        "speed-stages.svg",
        "Share of processor time by stage. Grey is decoding and resampling, blue the fingerprint, orange and green the "
        "search and decision.",
    )


def _draw_formats(report: Report, folder: Path) -> Picture:
    formats = sorted(report["formats"].items(), key=lambda item: _rate(item[1], "add_seconds"))
    with picture(folder / "speed-formats.svg", height=0.9 + 0.42 * len(formats)) as (axis,):
        for row, (_, got) in enumerate(formats):
            add, limit = _rate(got, "add_seconds"), _rate(got, "limit_seconds")
            axis.plot([add, limit], [row, row], color="#cfcfcf", linewidth=2.5, zorder=1, solid_capstyle="butt")
            axis.plot([limit], [row], marker="|", markersize=17, markeredgewidth=2.5, color=GREY, zorder=2)
            axis.plot([add], [row], marker="o", markersize=8, color=BLUE, zorder=3)
            axis.annotate(
                f"{add:.0f}", (add, row), (-9, 0), textcoords="offset points", ha="right", va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
            )  # fmt: skip
            axis.annotate(
                f"{limit:.0f}",
                (limit, row),
                (7, 0),
                textcoords="offset points",
                ha="left",
                va="center",
                color="#555555",
            )
        top = len(formats) - 1
        _, got = formats[-1]
        for key, words, colour in (("add_seconds", "adding", BLUE), ("limit_seconds", "decoding alone", "#555555")):
            axis.annotate(
                words, (_rate(got, key), top), (0, 14), textcoords="offset points", ha="center", color=colour,
                fontweight="bold",
            )  # fmt: skip
        axis.axvline(350.0, color=ORANGE, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
        axis.annotate(
            "target, mp3: 350", (350.0, -0.75), (4, 0), textcoords="offset points", color="#a87400", fontsize=8
        )
        axis.set_xscale("log")
        rates = [_rate(got, key) for _, got in formats for key in ("add_seconds", "limit_seconds")]
        low, high = 0.55 * min(350.0, *rates), 1.8 * max(rates)
        axis.set_xlim(low, high)
        axis.set_ylim(-0.9, len(formats) - 0.2)
        axis.set_yticks(range(len(formats)), [name for name, _ in formats])
        axis.set_xlabel("seconds of audio per second of one core (logarithmic)")
        axis.set_title("Adding a recording, and its decoder alone")
        ticks = [step * 10**power for power in range(1, 6) for step in (1, 2, 5) if low < step * 10**power < high]
        axis.set_xticks(ticks, [str(tick) for tick in ticks])
        axis.minorticks_off()
    return Picture(
        "speed-formats.svg",
        "Adding by file format, with the bare decoder on the same files in the same run as the limit.",
    )


def _draw_index(report: Report, folder: Path) -> Picture:
    index = report["index"]
    parts = [(part, size) for part, size in _sizes(index) if size > 0.002 * index["bytes"]["total"]]
    with picture(folder / "speed-index.svg", height=0.9 + 0.36 * len(parts)) as (axis,):
        for row, (_, size) in enumerate(parts):
            axis.barh(row, size / index["hours"] / 1e6, height=0.66, color=BLUE if row == 0 else "#4b9cd3")
            axis.annotate(
                f"{size / index['hours'] / 1e3:.0f} kB", (size / index["hours"] / 1e6, row), (4, 0),
                textcoords="offset points", va="center",
            )  # fmt: skip
        axis.set_yticks(range(len(parts)), [_PARTS.get(part, part) for part, _ in parts])
        axis.invert_yaxis()
        axis.set_xlim(0, 1.15 * parts[0][1] / index["hours"] / 1e6)
        axis.grid(visible=False, axis="y")
        axis.set_xlabel("MB per hour of catalogue")
        axis.set_title(f"An hour of catalogue on disk: {index['bytes_per_hour'] / 1e6:.2f} MB")
    return Picture("speed-index.svg", "Bytes of the index by part, per hour of catalogue; the target is 3 MB.")
