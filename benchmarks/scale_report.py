"""Tables, figures and pictures of the scale benchmark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.harness import wilson_interval
from benchmarks.part import Figure, Picture, Report, Table
from benchmarks.plotting import picture

__all__ = ["figures", "pictures", "tables"]

TRACK_SECONDS = 180.0
MILLION = 1_000_000
LIMITS = (1.0, 100.0, 1_000.0, 10_000.0)
_PARTS = ("fingerprint", "neighbours", "alignment")
_KINDS = ("in the catalogue", "not in the catalogue")


def tables(report: Report) -> list[Table]:
    """Return the tables of a report."""
    made = [_costs(report), _times(report), _recall(report), _strangers(report), _extrapolation(report)]
    made += [_probes(report), _exact(report), _densities(report), _nearness(report)]
    return made


def figures(report: Report) -> list[Figure]:
    """Return the figures that are compared between versions, of the largest catalogue measured."""
    last = report["sizes"][-1]
    full = not report["settings"]["quick"]
    name = f"{last['recordings']:,} recordings".replace(",", " ")

    def target(value: float) -> float | None:
        return value if full else None

    found = [
        Figure(f"index, {name}", last["bytes_per_hour"] / 1e6, "MB/h", "lower", "all files", target(2.0), full),
        Figure(f"opening, {name}", last["probe"]["open_seconds"], "s", "lower", "a new process", target(1.0), full),
    ]
    for kind in _KINDS:
        value = _per_track(last, kind, "seconds")
        detail = f"{len(last['probe']['match'][kind])} recordings, median; one core"
        found.append(Figure(f"matching 3 minutes {kind}, {name}", value, "s", "lower", detail, target(3.0), full))
    if last["probe"]["memory"]:
        private = last["probe"]["memory"]["private_mb"]
        found.append(Figure(f"private memory of a match, {name}", private, "MB", "lower", "", target(2048.0), full))
    by_size = {one["recordings"]: one for one in report["sizes"]}
    if {10_000, 100_000} <= set(by_size):
        growth = max(
            _per_track(by_size[100_000], k, "seconds") / _per_track(by_size[10_000], k, "seconds") for k in _KINDS
        )
        found.append(
            Figure("query time, 100 000 recordings to 10 000", growth, "times", "lower", "the worse of two", 4.0)
        )
    exact, lists = (_all_found(report["exact"][what]) for what in ("exact", "lists"))
    lost = 100.0 * (exact[0] / max(exact[1], 1) - lists[0] / max(lists[1], 1))
    detail = f"{exact[0]} and {lists[0]} of {lists[1]}, {report['exact']['recordings']} recordings"
    found.append(Figure("recall lost to the exact index", lost, "points", "lower", detail, 1.0, full))
    k, n = _all_found(last["found"])
    low, high = wilson_interval(k, n)
    found.append(
        Figure(f"found, {name}", 100.0 * k / max(n, 1), "%", "higher", f"n={n}, {100 * low:.0f}-{100 * high:.0f} %")
    )
    strangers = last["strangers"]
    reported = sum(rate <= 1.0 for rate in strangers["stated"])
    detail = f"{strangers['hours']:.1f} h, {strangers['hours'] / 1000:.3f} expected"
    found.append(Figure(f"false matches at the default, {name}", float(reported), "", "lower", detail, 0.0, full))
    if last["add"]:
        value = last["add"]["audio_seconds"] / last["add"]["seconds"]
        found.append(Figure(f"adding, {name}", value, "x real time", "higher", "one job", target(350.0), full))
    return found


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Draw query time and recall against the size of the catalogue, and recall against the size of the index."""
    sizes = [one["recordings"] for one in report["sizes"]]
    with picture(folder / "scale.svg", width=9.6, height=3.6, columns=2) as (left, right):
        for part in _PARTS:
            left.plot(sizes, [_per_track(one, _KINDS[0], part) for one in report["sizes"]], "o-", label=part)
        left.plot(sizes, [_per_track(one, _KINDS[0], "seconds") for one in report["sizes"]], "ks--", label="all")
        left.set(xscale="log", yscale="log", xlabel="recordings", ylabel="seconds for 3 minutes, one core")
        left.legend()
        for condition in report["settings"]["conditions"]:
            shares = [_share(_of(one["found"], condition)) for one in report["sizes"]]
            right.plot(sizes, shares, "o-", label=condition)
        right.set(xscale="log", xlabel="recordings", ylabel="found, %", ylim=(-3, 103))
        right.legend(fontsize=6, ncols=2)
    with picture(folder / "scale-density.svg", width=5.6, height=3.6) as (axis,):
        megabytes = [one["bytes_per_hour"] / 1e6 for one in report["densities"]]
        for condition in report["settings"]["conditions"]:
            axis.plot(
                megabytes, [_share(_of(one["found"], condition)) for one in report["densities"]], "o-", label=condition
            )
        axis.set(xlabel="MB per hour of audio", ylabel="found, %", ylim=(-3, 103))
        axis.legend(fontsize=6, ncols=2)
    return [
        Picture("scale.svg", "Left: seconds to match three minutes of audio that is in the catalogue. Right: excerpts "
                "of ten seconds found."),
        Picture("scale-density.svg", "Recall against the size of the index, where only the most prominent landmarks "
                "of each reference are kept."),
    ]  # fmt: skip


# --- helpers ----------------------------------------------------------------------------------------------------------


def _costs(report: Report) -> Table:
    rows = []
    for one in report["sizes"]:
        memory = one["probe"]["memory"] or {}
        added = one["add"]
        rows.append(
            (
                _count(one["recordings"]),
                _count(one["hours"]),
                f"{one['landmarks'] / 1e6:.1f}",
                f"{one['bytes']['total'] / 1e9:.2f}",
                f"{one['bytes_per_hour'] / 1e6:.2f}",
                _count(one["lists"] or 0),
                f"{one['build_seconds'] / 60:.1f} (+{_count(one['added'])})",
                f"{one['compact_seconds'] / 60:.1f}",
                f"{added['audio_seconds'] / added['seconds']:.0f}" if added else "",
                f"{one['probe']['open_seconds']:.2f}",
                f"{memory['private_mb']:.0f}" if memory else "",
                f"{memory['mapped_mb']:.0f}" if memory else "",
            )
        )
    header = (
        "recordings", "hours", "landmarks, M", "GB", "MB/h", "lists", "build, min", "compact, min", "add, x real time",
        "open, s", "private, MB", "mapped, MB",
    )  # fmt: skip
    note = "Build: recordings drawn and added since the size before. Add: audio files, as `sourceprint add` does."
    return Table("Size of the index", header, rows, note)


def _times(report: Report) -> Table:
    rows = []
    for one in report["sizes"]:
        for kind in _KINDS:
            parts = [f"{_per_track(one, kind, part):.2f}" for part in _PARTS]
            total = f"{_per_track(one, kind, 'seconds'):.2f}"
            first = f"{one['probe']['first_seconds']:.2f}" if kind == _KINDS[0] else ""
            rows.append((_count(one["recordings"]), kind, *parts, total, first))
    header = ("recordings", "audio", *_PARTS, "all", "first file")
    note = "Seconds for three minutes of audio on one core, medians over whole recordings; the first file as it is."
    return Table("Matching three minutes of audio", header, rows, note)


def _recall(report: Report) -> Table:
    header = ("condition", *(_count(one["recordings"]) for one in report["sizes"]))
    rows = [
        (condition, *(_fraction(_of(one["found"], condition)) for one in report["sizes"]))
        for condition in report["settings"]["conditions"]
    ]
    rows.append(("all", *(_percent(*_all_found(one["found"])) for one in report["sizes"])))
    rows.append(
        ("drawn recordings reported", *(str(sum(c["drawn_reported"] for c in one["found"])) for one in report["sizes"]))
    )
    note = "Excerpts of 10 s found at the default threshold, by number of recordings in the catalogue."
    return Table("Recall at each size", header, rows, note)


def _strangers(report: Report) -> Table:
    rows = []
    for one in report["sizes"]:
        stated, hours = one["strangers"]["stated"], one["strangers"]["hours"]
        cells = [f"{sum(rate <= limit for rate in stated)} ({hours * limit / 1000:.2g})" for limit in LIMITS]
        rows.append((_count(one["recordings"]), f"{hours:.1f}", *cells))
    header = ("recordings", "hours", *(f"at {limit:g}" for limit in LIMITS))
    note = (
        "Passages reported, and expected (in brackets), at rates stated per 1 000 h; of music that is not to be found."
    )
    return Table("False matches at each size", header, rows, note)


def _extrapolation(report: Report) -> Table:
    """Fit a power law to the two parts that grow, over the sizes from 3 000 on, and carry it to a million."""
    fitted = [one for one in report["sizes"] if one["recordings"] >= 3_000] or report["sizes"]
    if len(fitted) < 2:
        return Table("A million recordings", ("quantity", "value"), [], "Needs at least two sizes.")
    rows = []
    for kind in _KINDS:
        total = _per_track(fitted[-1], kind, "fingerprint")
        for part in _PARTS[1:]:
            exponent, value = _power(fitted, _reader(kind, part))
            rows.append((f"{part}, {kind}", f"{value:.2f} s", f"size ^ {exponent:.2f}"))
            total += value
        rows.append((f"three minutes {kind}", f"{total:.1f} s", ""))
    last = fitted[-1]
    hours = last["hours"] / last["recordings"] * MILLION
    size = last["bytes_per_hour"] * hours
    rows.append(("index", f"{size / 1e9:.0f} GB", f"{last['bytes_per_hour'] / 1e6:.2f} MB/h"))
    note = (
        "A machine that keeps the index in its page cache needs that much memory; from an SSD, lists and landmarks are "
        "read at every query. Beyond, shards by recording on several machines use the same segments."
    )
    return Table("A million recordings, extrapolated", ("quantity", "value", "from"), rows, note)


def _reader(kind: str, part: str) -> Callable[[dict[str, Any]], float]:
    """Return the function that reads one part of a size."""
    return lambda one: _per_track(one, kind, part)


def _power(sizes: Sequence[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> tuple[float, float]:
    x = np.log([one["recordings"] for one in sizes])
    y = np.log([max(value(one), 1e-6) for one in sizes])
    slope, start = np.polyfit(x, y, 1)
    return float(slope), float(math.exp(start + slope * math.log(MILLION)))


def _probes(report: Report) -> Table:
    conditions = report["settings"]["conditions"]
    rows = [
        (
            str(one["nprobe"]),
            *(_fraction(_of(one["found"], condition)) for condition in conditions),
            _percent(*_all_found(one["found"])),
            f"{one['seconds']:.0f}",
        )
        for one in report["probes"]
    ]
    note = (
        f"{_count(report['sizes'][-1]['recordings'])} recordings; seconds for all excerpts, describing them included."
    )
    return Table("Lists visited", ("lists", *conditions, "all", "s"), rows, note)


def _exact(report: Report) -> Table:
    rows: list[tuple[str, ...]] = [
        (one["condition"], _fraction(one), _fraction(_of(report["exact"]["lists"], one["condition"])))
        for one in report["exact"]["exact"]
    ]
    rows.append(("all", *(_percent(*_all_found(report["exact"][what])) for what in ("exact", "lists"))))
    note = f"Excerpts of 10 s found in a catalogue of {report['exact']['recordings']} recordings."
    return Table("Exact search against inverted lists", ("condition", "exact", "lists"), rows, note)


def _densities(report: Report) -> Table:
    conditions = report["settings"]["conditions"]
    rows = [
        (
            f"{one['landmarks_per_second']:.1f}",
            f"{one['bytes_per_hour'] / 1e6:.2f}",
            *(_fraction(_of(one["found"], condition)) for condition in conditions),
            _percent(*_all_found(one["found"])),
        )
        for one in report["densities"]
    ]
    note = f"A catalogue of {_count(report['densities'][0]['recordings'])} recordings; excerpts of 10 s found."
    return Table("Size against recall", ("landmarks/s", "MB/h", *conditions, "all"), rows, note)


def _nearness(report: Report) -> Table:
    rows = []
    for one in report["nearness"]:
        for what in ("real", "drawn"):
            cells = [f"{value:.3f}" for value in one[what] or ()]
            rows += [(_count(one["size"]), what, *cells)] if cells else []
    header = ("descriptors", "", "10 %", "median", "90 %", "99 %")
    note = "Similarity of the nearest of so many descriptors to descriptors of unrelated, held-out music: quantiles."
    return Table("How near drawn descriptors come", header, rows, note)


def _per_track(size: dict[str, Any], kind: str, part: str) -> float:
    runs = size["probe"]["match"][kind]
    return float(median(run[part] / run["audio_seconds"] * TRACK_SECONDS for run in runs))


def _of(found: Sequence[dict[str, Any]], condition: str) -> dict[str, Any]:
    return next(one for one in found if one["condition"] == condition)


def _all_found(found: Sequence[dict[str, Any]]) -> tuple[int, int]:
    return sum(one["found"] for one in found), sum(one["trials"] for one in found)


def _share(one: dict[str, Any]) -> float:
    return 100.0 * int(one["found"]) / max(int(one["trials"]), 1)


def _fraction(one: dict[str, Any]) -> str:
    return f"{one['found']}/{one['trials']}"


def _percent(k: int, n: int) -> str:
    return f"{100 * k / max(n, 1):.1f} %"


def _count(n: float) -> str:
    return f"{round(n):,}".replace(",", " ")
