"""The replication report: tables, the figures that are compared, pictures. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks import plotting
from benchmarks.harness import wilson_interval
from benchmarks.part import Figure, Picture, Report, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BOTH", "DEVELOPMENT", "HELD_OUT", "figures", "pictures", "tables"]

HELD_OUT: Final = "held out"
DEVELOPMENT: Final = "development"
BOTH: Final = "both"

BOUNDARY_TARGET_SECONDS: Final = 0.2
SHARE_TARGET_POINTS: Final = 2.0

Row = dict[str, Any]

_TITLES: Final = {
    "all": "Attribution of tracks that reuse the catalogue",
    "share": "By the share that is reused",
    "transformation": "By transformation",
    "sources": "By the number of recordings it comes from",
    "layering": "By how it is put in",
}


def tables(report: Report) -> list[Table]:
    """Return the tables of a replication report."""
    header = (
        "",
        "sources",
        "tracks",
        "pieces found, %",
        "boundaries off by, s",
        "share off by, points",
        "total off by",
    )
    note = (
        "Boundaries: median, and the error within which nine of ten stay. Shares, of each recording: mean with its "
        "interval, and median; one that was missed is off by all it has. Total: mean error of the reused share of "
        "the track."
    )
    made = [
        Table(title, header, [_cells(row) for row in _rows_of(report, way)], note if way == "all" else "")
        for way, title in _TITLES.items()
    ]
    header = ("", "sources", "minutes", "twice", "strangers", "overhang", "tracks that name a stranger")
    rows = [_wrong_cells(row) for way in ("all", "sources", "layering") for row in _rows_of(report, way)]
    return [*made, Table("Attributed where it is not, seconds a minute", header, rows, _remarks(report))]


def figures(report: Report) -> list[Figure]:
    """Return the figures compared between versions, on held-out sources."""
    quarter = _row(report, "share", "25 %", HELD_OUT)
    everything = _row(report, "all", "all tracks", HELD_OUT)
    made = []
    if quarter is not None and quarter["share_mean"] is not None:
        low, high = quarter["share_interval"]
        made.append(
            Figure("error of the attributed share at 25 % replication, mean", quarter["share_mean"], "points", "lower",
                   f"{low:.1f}-{high:.1f}, {quarter['recordings']} recordings in {quarter['tracks']} tracks"
                   + _other_side(report, "share", "25 %", "share_mean"), SHARE_TARGET_POINTS, True)
        )  # fmt: skip
        made.append(
            Figure("error of the attributed share at 25 % replication, median", quarter["share_median"], "points",
                   "lower", f"{quarter['recordings']} recordings", SHARE_TARGET_POINTS)
        )  # fmt: skip
    if everything is None:
        return made
    if everything["boundary_median"] is not None:
        made.append(
            Figure("boundary error in replication, median", everything["boundary_median"], "s", "lower",
                   f"{2 * everything['pieces_found']} boundaries, 90 % within {everything['boundary_p90']:.2f} s"
                   + _other_side(report, "all", "all tracks", "boundary_median"), BOUNDARY_TARGET_SECONDS, True)
        )  # fmt: skip
    low, high = wilson_interval(everything["pieces_found"], everything["pieces"])
    made.append(
        Figure("pieces found in replication", 100.0 * everything["pieces_found"] / everything["pieces"], "%", "higher",
               f"n={everything['pieces']}, {100 * low:.0f}-{100 * high:.0f} %")
    )  # fmt: skip
    minutes = everything["seconds"] / 60.0
    for key, words in (
        ("double_seconds", "attributed to several recordings where one is heard"),
        ("stranger_seconds", "attributed to recordings that are not used"),
        ("overhang_seconds", "attributed to the right recording where it is not heard"),
    ):
        detail = f"{everything[key]:.1f} s in {minutes:.0f} minutes"
        made.append(Figure(f"seconds a minute {words}", everything[key] / minutes, "s", "lower", detail))
    return made


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Write the pictures of a replication report into `folder`."""
    with plotting.picture(folder / "replication_shares.svg", width=10.4, height=5.0, columns=2) as axes:
        _draw_shares(axes[0], report["tracks"])
        _draw_boundaries(axes[1], report["tracks"])
    with plotting.picture(
        folder / "replication_example.svg", width=10.4, height=1.4 + 0.5 * len(_lanes(report["example"]))
    ) as (axis,):
        _draw_example(axis, report["example"])
    return [
        Picture(
            "replication_shares.svg",
            "Left: share of the track attributed to each recording against the share it has. Right: how many "
            "boundaries of found pieces are off by at most so much.",
        ),
        Picture(
            "replication_example.svg",
            "One track: above each line where a recording lies, below it where it was found.",
        ),
    ]


# --- tables -----------------------------------------------------------------------------------------------------------


def _rows_of(report: Report, way: str) -> list[Row]:
    """Return the rows of a table; both sides of the split together only where that says something new."""
    rows = [row for row in report["rows"] if row["by"] == way]
    split = {row["sources"] for row in rows} >= {HELD_OUT, DEVELOPMENT}
    return [row for row in rows if row["sources"] != BOTH or (split and way == "all")]


def _row(report: Report, way: str, level: str, sources: str) -> Row | None:
    wanted = (way, level, sources)
    return next((row for row in report["rows"] if (row["by"], row["level"], row["sources"]) == wanted), None)


def _other_side(report: Report, way: str, level: str, key: str) -> str:
    row = _row(report, way, level, DEVELOPMENT)
    return "" if row is None or row[key] is None else f"; development {row[key]:.2f}"


def _cells(row: Row) -> list[str]:
    return [
        row["level"],
        row["sources"],
        str(row["tracks"]),
        _share(row["pieces_found"], row["pieces"]),
        f"{_number(row['boundary_median'])}, 90 % {_number(row['boundary_p90'])}",
        _number(row["share_mean"])
        + (" ({:.2f}-{:.2f})".format(*row["share_interval"]) if row["share_interval"] else "")
        + f", median {_number(row['share_median'])}",
        _number(row["total_mean"]),
    ]


def _wrong_cells(row: Row) -> list[str]:
    minutes = row["seconds"] / 60.0
    wrong = (f"{row[key] / minutes:.2f}" for key in ("double_seconds", "stranger_seconds", "overhang_seconds"))
    low, high = (round(100 * end) for end in wilson_interval(row["with_strangers"], row["tracks"]))
    return [
        row["level"],
        row["sources"],
        f"{minutes:.0f}",
        *wrong,
        f"{row['with_strangers']} of {row['tracks']}, {low}-{high} %",
    ]


def _remarks(report: Report) -> str:
    named = sum(track["by_also_fits"] for track in report["tracks"])
    unsearchable = [track["status"] for track in report["tracks"] if track["status"]]
    lines = [f"{named} passage(s) count for a recording that was only named as fitting as well."]
    row = next(row for row in report["rows"] if row["by"] == "all")
    if row["start_bias"] is not None:
        lines.append(
            f"On {row['sources']} sources the median passage begins {row['start_bias']:+.2f} s and ends "
            f"{row['end_bias']:+.2f} s from where its piece does (later is positive), and lies within "
            f"{row['reference_median']:.2f} s of its place in the recording."
        )
    if report["settings"]["hosts"] == "synthesised":
        lines.append(
            "The hosts are synthesised, with the drum sounds of the catalogue: they may rightly seem familiar."
        )
    if unsearchable:
        lines.append(f"{len(unsearchable)} track(s) could not be searched ({', '.join(sorted(set(unsearchable)))}).")
    return " ".join(lines)


def _share(n: int, of: int) -> str:
    if not of:
        return "-"
    low, high = wilson_interval(n, of)
    return f"{100 * n / of:.1f} ({100 * low:.0f}-{100 * high:.0f}) of {of}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


# --- pictures ---------------------------------------------------------------------------------------------------------

_COLOURS: Final = (plotting.BLUE, plotting.ORANGE, plotting.GREEN, plotting.PURPLE, plotting.RED)


def _draw_shares(axis: Axes, tracks: Sequence[Row]) -> None:
    ends = [0.0, SHARE_TARGET_POINTS, *range(5, 106, 5)]
    axis.plot(ends, ends, color="black", lw=0.9, ls="--", zorder=1)
    axis.fill_between(
        ends, [max(0.0, x - SHARE_TARGET_POINTS) for x in ends], [x + SHARE_TARGET_POINTS for x in ends],
        color="#d9e4ee", lw=0, zorder=0,
    )  # fmt: skip
    names = list(dict.fromkeys(track["transformation"] for track in tracks))
    for name, colour in zip(names, _COLOURS, strict=False):
        for layered, fill in ((False, colour), (True, "none")):
            ours = [pair for track in tracks if (track["transformation"], track["layered"]) == (name, layered)
                    for pair in track["shares"]]  # fmt: skip
            axis.scatter([x for x, _ in ours], [y for _, y in ours], s=22, facecolors=fill, edgecolors=colour, lw=1.1,
                         label=None if layered else name, zorder=3, clip_on=False)  # fmt: skip
    axis.scatter([], [], s=22, facecolors="none", edgecolors="black", lw=1.1, label="over the host, 0 dB")
    marks = [0, 1, 3, 5, 10, 20, 30, 50, 75, 100]
    root = (lambda x: np.sqrt(np.maximum(x, 0.0)), np.square)  # half of the shares are below 10 %
    axis.set_xscale("function", functions=root)
    axis.set_yscale("function", functions=root)
    axis.set_xticks(marks, [str(mark) for mark in marks])
    axis.set_yticks(marks, [str(mark) for mark in marks])
    axis.set(xlim=(0, 105), ylim=(0, 105), title="Share of a track attributed to each recording")
    axis.set(xlabel="true share, % of the track", ylabel="attributed share, %")
    axis.text(62, 44, f"within {SHARE_TARGET_POINTS:g} points", fontsize=8.5, color=plotting.GREY)
    axis.legend(loc="upper left", fontsize=8.5, handletextpad=0.3)


def _draw_boundaries(axis: Axes, tracks: Sequence[Row]) -> None:
    """Draw the share of boundaries that are off by at most so much."""
    groups = (
        ("in place of the host", plotting.BLUE, False),
        ("over the host, 0 dB", plotting.ORANGE, True),
    )
    axis.axvline(BOUNDARY_TARGET_SECONDS, color=plotting.GREY, lw=1.0, ls="--", zorder=1)
    axis.axhline(50, color=plotting.GREY, lw=1.0, ls="--", zorder=1)
    axis.text(BOUNDARY_TARGET_SECONDS * 1.08, 2, f"half of them: {BOUNDARY_TARGET_SECONDS:g} s promised",
              color=plotting.GREY, fontsize=8.5)  # fmt: skip
    for name, colour, layered in groups:
        pieces = [
            piece for track in tracks if track["layered"] is layered for piece in track["pieces"] if piece["found"]
        ]
        for key, style in (("start_error", "-"), ("end_error", ":")):
            off = sorted(max(abs(piece[key]), 1e-3) for piece in pieces)
            if off:
                axis.step(off, [100.0 * (i + 1) / len(off) for i in range(len(off))], where="post", color=colour,
                          ls=style, lw=1.7, label=f"{'start' if style == '-' else 'end'}, {name} (n = {len(off)})",
                          zorder=3)  # fmt: skip
    axis.set(xscale="log", xlim=(0.01, 10), ylim=(0, 101))
    axis.set_xticks([0.01, 0.03, 0.1, 0.3, 1, 3, 10], ["0.01", "0.03", "0.1", "0.3", "1", "3", "10"])
    axis.minorticks_off()
    axis.set(xlabel="off by at most, seconds", ylabel="boundaries, %", title="How exactly a passage begins and ends")
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 0.06), fontsize=8.5)


def _lanes(example: Row) -> list[str]:
    """Return the recordings of a track, those that are there first."""
    return list(dict.fromkeys([one["file"] for one in (*example["truth"], *example["found"])]))


def _draw_example(axis: Axes, example: Row) -> None:
    lanes = _lanes(example)
    there = {one["file"] for one in example["truth"]}
    labels = []
    for lane, file in enumerate(lanes):
        y = len(lanes) - 1 - lane
        colour = _COLOURS[lane % len(_COLOURS)] if file in there else "black"
        for part, at, alpha in (("truth", y + 0.03, 1.0), ("found", y - 0.35, 0.5)):
            ours = [one for one in example[part] if one["file"] == file]
            spans = [(one["query_start"], one["query_end"] - one["query_start"]) for one in ours]
            axis.broken_barh(spans, (at, 0.32), facecolors=colour, alpha=alpha, lw=0, zorder=2)
        axis.axhline(y, color="black", lw=0.6, zorder=3)
        labels.append(_short(file) if file in there else f"not used: {_short(file)}")
    for word, at in (("there", 0.19), ("found", -0.19)):
        axis.text(1.005, len(lanes) - 1 + at, word, transform=axis.get_yaxis_transform(), va="center", fontsize=8.5)
    axis.set_yticks([len(lanes) - 1 - i for i in range(len(lanes))], labels, fontsize=8.5)
    axis.set(xlim=(0, example["seconds"]), ylim=(-0.6, len(lanes) - 0.4), xlabel="seconds of the track")
    axis.grid(axis="y", visible=False)
    how = "over the host" if example["layered"] else "in place of the host"
    how = f"{example['transformation']}, {how}"
    axis.set_title(f"One track, {example['percent']:g} % of it from {len(there)} recordings ({how})")


def _short(file: str) -> str:
    name = file.rpartition("/")[2] if "--" in file else file
    return name if len(name) <= 40 else f"{name[:37]}..."
