"""Tables, compared figures and pictures of a calibration report. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import plotting
from benchmarks.part import Figure, Picture, Report, Table
from benchmarks.reliability import FACTOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ALL", "BASE", "BOTH", "OWN_DECOY", "STRANGERS", "figures", "pictures", "tables"]

ALL: Final = "all real music above"
BASE: Final = "the catalogue"
BOTH: Final = "held out and development"
OWN_DECOY: Final = "backwards, itself in the catalogue"
STRANGERS: Final = "other music"

Row = dict[str, Any]

_ESTIMATED: Final = {"p": "by decoys", "score": "by decoys, by score", "stated": "from stated rates"}


def tables(report: Report) -> list[Table]:
    """Return the tables of a calibration report."""
    made = []
    for length, words in ((10.0, "pieces of ten seconds"), (0.0, "whole recordings")):
        ours = [row for row in report["sets"] if row["length"] == length and row["sources"] != BOTH]
        rows = [cells for row in ours for cells in _probability_rows(row)]
        header = ("queries", "n", "stated", "expected", "observed", "observed / stated", "within a factor of 3")
        made.append(Table(f"Stated against observed: {words}", header, rows, _unsearchable(report, length)))
    made.append(_rates_table(report))
    made.append(_circumstances_table(report))
    made += _batch_tables(report)
    made.append(_strongest_table(report))
    return made


def figures(report: Report) -> list[Figure]:
    """Return the figures that are compared between versions."""
    whole = _find(report, ALL, 0.0)
    pieces = _find(report, ALL, 10.0)
    made = []
    if whole is not None:
        default = _at(whole["rates"], 1.0)
        detail = f"{whole['hours']:.1f} h, {default['expected']:.3f} expected"
        made.append(
            Figure("false matches on music that is not in the catalogue, at the default", default["observed"], "",
                   "lower", detail, 0.0, True)
        )  # fmt: skip
    tested = [row for row in _apart(report) if row["tests"]]
    told = [(row, one) for row in tested for one in row["probabilities"] if one["verdict"] != "cannot be told"]
    wrong = [pair for pair in told if pair[1]["verdict"] != "holds"]
    detail = f"{len(told)} can be told: " + ("; ".join(_briefly(*pair) for pair in wrong) or "all hold")
    made.append(Figure("stated probabilities off by more than a factor of 3", len(wrong), "", "lower", detail, 0.0))
    made += [
        Figure(
            f"observed over stated at {_power(one['stated'])}, {words}", one["factor"], "x", "lower",
            f"{_interval(one)}, {one['observed']} of {row['queries']}"
        )
        for row, words in ((pieces, "pieces of 10 s"), (whole, "whole recordings"))
        if row is not None
        for one in row["probabilities"]
        if one["expected"] >= 5.0 or one["observed"] >= 5
    ]  # fmt: skip
    for batch in report["batches"][:1]:  # the catalogue as it is comes first
        one = _at(batch["p"]["levels"], 0.1, "level")
        made.append(
            Figure("false discoveries where decoys estimate 10 %", 100.0 * one["true_rate"], "%", "lower",
                   f"{one['false']} of {one['matches']}", 30.0)
        )  # fmt: skip
    return made


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Write the pictures of a calibration report into `folder`."""
    made = []
    with plotting.picture(folder / "calibration_reliability.svg", width=10.4, height=4.9, columns=2) as axes:
        for axis, length, words in zip(axes, (10.0, 0.0), ("pieces of ten seconds", "whole recordings"), strict=True):
            _draw_reliability(axis, [row for row in report["sets"] if row["length"] == length and row["tests"]], words)
    made.append(
        Picture(
            "calibration_reliability.svg",
            "Share of queries up to each stated rate, where nothing is to be found. On the dashed line the stated rate "
            "is true; in the band within a factor of three. A triangle hangs from the end of the interval "
            "where nothing was observed: the data reach no further.",
        )
    )
    with plotting.picture(folder / "calibration_circumstances.svg", width=8.6, height=6.2) as (axis,):
        _draw_circumstances(axis, report)
    made.append(
        Picture(
            "calibration_circumstances.svg",
            "Observed over stated false matches, pieces of ten seconds, by query and catalogue.",
        )
    )
    with plotting.picture(folder / "calibration_discovery.svg", width=6.4, height=4.8) as (axis,):
        _draw_discovery(axis, report)
    made.append(
        Picture(
            "calibration_discovery.svg",
            "False discovery rate of a batch of which one query in ten reuses the catalogue: estimated without the "
            "truth, and true.",
        )
    )
    return made


# --- tables -----------------------------------------------------------------------------------------------------------


def _probability_rows(row: Row) -> list[list[str]]:
    """Return a row per threshold that can show something; the thresholds below are one row."""
    cells = []
    shown = [one for one in row["probabilities"] if one["expected"] >= 0.5 or one["observed"]]
    for one in shown or row["probabilities"][:1]:
        verdict = one["verdict"] if row["tests"] else "tests nothing"
        cells.append(
            [_label(row), str(row["queries"]), _power(one["stated"]), _count(one["expected"]), _seen(one),
             f"{_digits(one['factor'])} ({_interval(one)})", verdict]
        )  # fmt: skip
    rest = [one for one in row["probabilities"] if one not in shown]
    if shown and rest and row["tests"]:
        cells.append(
            [_label(row), str(row["queries"]), f"{_power(rest[0]['stated'])} and less", _count(rest[0]["expected"]),
             "0", "-", "no data"]
        )  # fmt: skip
    return cells


def _rates_table(report: Report) -> Table:
    rows = [row for row in report["sets"] if row["length"] == 0.0 and row["tests"] and row["sources"] != BOTH]
    limits = sorted(report["settings"]["limits"])
    header = ("whole recordings", "hours", *(f"{limit:,.0f} per 1 000 h".replace(",", " ") for limit in limits))
    cells = []
    for row in rows:
        known = [_at(row["rates"], limit) for limit in limits]
        cells.append([_label(row), f"{row['hours']:.2f}", *(_of_expected(one) for one in known)])
    note = "Matches reported at a limit, of how many false ones were to be expected there; the first is the default."
    return Table("Matches reported where nothing is, by the rate allowed", header, cells, note)


def _circumstances_table(report: Report) -> Table:
    header = ("queries", "catalogue", "n", "at 0.1", "at 0.01", "at the default, of expected")
    cells = []
    for row in report["circumstances"]:
        tenth, hundredth = (_at(row["probabilities"], t) for t in (0.1, 0.01))
        cells.append(
            [row["name"], row["catalogue"], str(row["queries"]), _verdict_cell(tenth), _verdict_cell(hundredth),
             _of_expected(_at(row["rates"], 1.0))]
        )  # fmt: skip
    note = "Pieces of ten seconds; observed over stated with its interval."
    if report["refused"]:
        note += (
            f" {len(report['refused'])} silent recording(s) have no landmarks and are refused by the catalogue; as "
            "queries they are answered at once and count as without a match."
        )
    return Table("The same by circumstance", header, cells, note)


def _batch_tables(report: Report) -> list[Table]:
    levels = [one["level"] for one in report["batches"][0]["p"]["levels"]] if report["batches"] else []
    cells = []
    for batch in report["batches"]:
        for estimator, words in _ESTIMATED.items():
            cells.append(
                [batch["catalogue"], batch["share"], str(batch["queries"]), words,
                 *(_rate_cell(one) for one in batch[estimator]["levels"])]
            )  # fmt: skip
    header = ("catalogue", "reuse", "queries", "estimated", *(f"{100 * level:g} %" for level in levels))
    note = (
        "True share of false ones among the matches accepted at an estimated share, with its interval and their number."
    )
    return [Table("False discovery rate of a batch: true, where so much is estimated", header, cells, note)]


def _strongest_table(report: Report) -> Table:
    named: dict[tuple[str, str], list[str]] = {}
    for row in _apart(report):
        if row["tests"]:
            for one in row["strongest"][:3]:
                named.setdefault(
                    (one["file"], one["best"]),
                    [_label(row), f"{one['p_false']:.1e}", one["file"], f"{one['start_seconds']:.0f} s", one["best"]],
                )
    header = ("queries", "stated", "recording", "from", "found")
    return Table(
        "The least that was stated, to be listened to: some may share material",
        header,
        sorted(named.values(), key=lambda cells: float(cells[1]))[:12],
    )


def _unsearchable(report: Report, length: float) -> str:
    counts: dict[str, int] = {}
    for row in _apart(report):
        if row["length"] == length:
            for status, n in row["unsearchable"].items():
                counts[status] = counts.get(status, 0) + n
    if not counts:
        return ""
    listed = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in sorted(counts.items()))
    return f"Queries that could not be searched, counted as without a match: {listed}."


def _apart(report: Report) -> list[Row]:
    """Return the rows of which none holds the queries of another."""
    return [row for row in report["sets"] if row["name"] != ALL and row["sources"] != BOTH]


def _label(row: Row) -> str:
    return f"{row['name']}, {row['sources']}" if row["sources"] else row["name"]


def _find(report: Report, name: str, length: float) -> Row | None:
    return next((row for row in report["sets"] if (row["name"], row["length"]) == (name, length)), None)


def _at(rows: Iterable[Row], value: float, key: str = "stated") -> Row:
    return next(row for row in rows if abs(row[key] / value - 1) < 1e-6)


def _power(value: float) -> str:
    return f"{value:g}" if value >= 1e-3 else f"{value:.0e}".replace("e-0", "e-")


def _digits(value: float) -> str:
    return "0" if value == 0 else f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _count(value: float) -> str:
    return f"{value:.1f}" if value >= 0.1 else f"{value:.0e}".replace("e-0", "e-")


def _interval(one: Row) -> str:
    return f"{_digits(one['low'])}-{_digits(one['high'])}"


def _seen(one: Row) -> str:
    return f"{one['observed']} in {one['recordings']}" if one["observed"] else "0"


def _of_expected(one: Row) -> str:
    return f"{one['observed']} of {_count(one['expected'])}"


def _verdict_cell(one: Row) -> str:
    return f"{_digits(one['factor'])} ({_interval(one)}) {one['verdict']}"


def _rate_cell(one: Row) -> str:
    if not one["matches"]:
        return "none"
    return f"{100 * one['true_rate']:.1f} ({100 * one['low']:.1f}-{100 * one['high']:.1f}) of {one['matches']}"


def _briefly(row: Row, one: Row) -> str:
    length = "10 s" if row["length"] else "whole"
    return f"{_label(row)} ({length}) at {_power(one['stated'])}: {_digits(one['factor'])} x"


# --- pictures ---------------------------------------------------------------------------------------------------------

_LEAST: Final = 1e-6
_LINES: Final = {  # colour, marker, and how far aside it stands
    "music": (plotting.BLUE, "o", 1.0),
    "music backwards": (plotting.ORANGE, "s", 0.93),
    "music at other speeds": (plotting.GREEN, "D", 1.08),
    "generated music": (plotting.GREY, "^", 0.87),
    "synthesised strangers": (plotting.RED, "X", 1.16),
}


def _draw_reliability(axis: Axes, rows: Sequence[Row], title: str) -> None:
    edge = [0.3 * _LEAST, 1.0]
    axis.fill_between(edge, [x / FACTOR for x in edge], [x * FACTOR for x in edge], color="#e8eef4", lw=0, zorder=0)
    axis.plot(edge, edge, color="black", lw=0.9, ls="--", zorder=1)
    for name, (colour, marker, aside) in _LINES.items():
        row = next((row for row in rows if row["name"] == name and row["sources"] in ("", BOTH)), None)
        if row is not None:
            _draw_line(axis, row, colour, marker, aside)
    axis.set(xscale="log", yscale="log", xlim=(0.5 * _LEAST, 0.2), ylim=(0.5 * _LEAST, 0.6), title=title)
    axis.set(xlabel="stated probability of a false match", ylabel="share of queries that stated as little")
    axis.text(0.03, 0.045, "as stated", rotation=38, ha="center", va="bottom", fontsize=8)
    axis.legend(loc="lower right", fontsize=8.5, handlelength=1.4, title="nothing of it is in the catalogue",
                title_fontsize=8.5, alignment="left")  # fmt: skip


def _draw_line(axis: Axes, row: Row, colour: str, marker: str, aside: float) -> None:
    """Draw the points of a data set; where nothing was observed, the end of the interval, down to one in n."""
    points = sorted((*row["probabilities"], *row["between"]), key=lambda one: -one["stated"])
    seen = [one for one in points if one["observed"]]
    x = [one["stated"] * aside for one in seen]
    y, low, high = ([one[key] * one["stated"] for one in seen] for key in ("factor", "low", "high"))
    label = f"{row['name']} (n = {row['queries']:,})".replace(",", " ")
    axis.plot(x, y, color=colour, marker=marker, ms=4.5, lw=1.4, label=label, zorder=3)
    axis.vlines(x, low, high, color=colour, lw=1.1, alpha=0.75, zorder=2)
    for one in points:
        if not one["observed"] and one["expected"] >= 1.0:
            axis.plot([one["stated"] * aside], [one["high"] * one["stated"]], color=colour, marker=7, ms=5, zorder=3)
    limit = 1.0 / max(row["queries"], 1)
    axis.plot([limit], [0.5 * _LEAST], color=colour, marker="|", ms=12, mew=2.2, clip_on=False, zorder=4)


def _draw_circumstances(axis: Axes, report: Report) -> None:
    rows = list(reversed(report["circumstances"]))
    axis.axvspan(1 / FACTOR, FACTOR, color="#e8eef4", lw=0, zorder=0)
    axis.axvline(1.0, color="black", lw=0.9, ls="--", zorder=1)
    least, most = 0.02, 100.0
    for y, row in enumerate(rows):
        for stated, colour, aside in ((0.1, plotting.BLUE, 0.14), (0.01, plotting.RED, -0.14)):
            one = _at(row["probabilities"], stated)
            at = y + aside
            axis.hlines(at, max(one["low"], least), min(max(one["high"], least), most), color=colour, lw=1.3, zorder=2)
            if one["observed"]:
                axis.plot([min(one["factor"], most)], [at], color=colour, marker="o", ms=5, zorder=3)
            else:
                axis.plot([least], [at], color=colour, marker=4, ms=5, zorder=3, clip_on=False)
    axis.set_yticks(range(len(rows)), [_circumstance(row) for row in rows], fontsize=8.5)
    axis.set(xscale="log", xlim=(least, most), ylim=(-0.6, len(rows) - 0.4))
    axis.set_xticks([0.03, 0.1, 1 / 3, 1, 3, 10, 30, 100], ["0.03", "0.1", "1/3", "1", "3", "10", "30", "100"])
    axis.minorticks_off()
    axis.grid(axis="y", visible=False)
    axis.set(xlabel="false matches observed / stated", title="False matches by query and catalogue")
    for label, colour in (("stated 0.1", plotting.BLUE), ("stated 0.01", plotting.RED)):
        axis.plot([], [], color=colour, marker="o", ms=5, lw=1.3, label=label)
    axis.legend(loc="upper left", bbox_to_anchor=(0.0, -0.1), ncols=2, fontsize=8.5)


def _circumstance(row: Row) -> str:
    return f"{row['name']} in {row['catalogue']}  (n = {row['queries']})"


def _draw_discovery(axis: Axes, report: Report) -> None:
    edge = [0.003, 1.0]
    axis.fill_between(edge, [x / FACTOR for x in edge], [x * FACTOR for x in edge], color="#e8eef4", lw=0, zorder=0)
    axis.plot(edge, edge, color="black", lw=0.9, ls="--", zorder=1)
    colours = (plotting.BLUE, plotting.ORANGE, plotting.GREEN, plotting.PURPLE)
    batches = [batch for batch in report["batches"] if batch["share"] == "one in ten"]
    for batch, colour in zip(batches, colours, strict=False):
        for estimator, style in (("p", "-"), ("stated", ":")):
            line = [point for point in batch[estimator]["line"] if point[0] > 0]
            axis.plot(
                [x for x, _ in line], [y for _, y in line], color=colour, ls=style, lw=1.5,
                label=batch["catalogue"] if estimator == "p" else None, zorder=3,
            )  # fmt: skip
            for one in batch[estimator]["levels"]:
                if estimator == "p" and one["matches"] and batch is batches[0]:
                    axis.vlines(one["level"], one["low"], one["high"], color=colour, lw=1.0, alpha=0.6, zorder=2)
    axis.plot([], [], color="black", lw=1.5, label="estimated by decoys")
    axis.plot([], [], color="black", ls=":", lw=1.5, label="from stated rates")
    axis.set(xscale="log", yscale="log", xlim=(0.005, 1.0), ylim=(0.003, 1.0))
    axis.set(xlabel="estimated share of false matches", ylabel="true share of false matches")
    axis.set(title="False discoveries in a batch: estimated and true")
    axis.legend(fontsize=8.5, loc="lower right")
