"""Figures of reports: how they are written, and two states of the core side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from benchmarks.harness import markdown_table
from benchmarks.part import Figure, Report
from benchmarks.parts import PARTS, load_part

__all__ = ["before_and_after", "change", "figures_of", "shown"]

_NONE: Final = Figure("", None, "")


def figures_of(reports: Mapping[str, Report]) -> Iterator[tuple[str, Figure]]:
    """Yield every figure of every report, with the name of its part."""
    for name, report in reports.items():
        for figure in load_part(name).figures(report):
            yield name, figure


def shown(value: float | None, unit: str) -> str:
    """Return a figure with its unit and as many digits as make sense.

    Examples
    --------
    >>> shown(97.46, "%"), shown(0.056, "s"), shown(409.3, "x real time"), shown(3.0, ""), shown(None, "%")
    ('97.5 %', '0.06 s', '409 x real time', '3', 'not measured')
    """
    if value is None:
        return "not measured"
    return f"{_digits(value, unit)} {unit}".strip()


def before_and_after(
    reports: Mapping[str, Report], before: Mapping[str, Report], titles: Mapping[str, str]
) -> list[str]:
    """Return blocks of Markdown that hold the figures of earlier reports beside those of now, part by part."""
    if not before:
        return ["There are no earlier reports to compare with."]
    earlier = {(part, figure.name): figure for part, figure in figures_of(before)}
    now = {(part, figure.name): figure for part, figure in figures_of(reports)}
    blocks, count = [], {"better": 0, "worse": 0, "the same": 0}
    for part in PARTS:
        keys = [key for key in dict.fromkeys([*earlier, *now]) if key[0] == part and part in before]
        rows = []
        for key in keys:
            old, new = earlier.get(key), now.get(key)
            unit = (new or old or _NONE).unit
            difference, verdict = change(old, new)
            if verdict in count:
                count[verdict] += 1
            cells = [shown(figure.value if figure else None, unit) for figure in (old, new)]
            rows.append((key[1], *cells, difference, verdict))
        if rows:
            blocks += [f"### {titles[part]}", markdown_table(("what", "before", "now", "change", ""), rows)]
    states = [_states(reports) for reports in (before, reports)]
    said = ", ".join(f"{n} {word}" for word, n in count.items())
    first = [titles[part] for part in reports if part not in before]
    if first:
        blocks.append(f"No earlier report to compare with: {', '.join(first)}.")
    other = [
        titles[part] for part in reports if part in before and _conditions(reports[part]) != _conditions(before[part])
    ]
    if other:
        what = "On other music, on other numbers of excerpts, in another version or with another seed before"
        blocks.insert(0, f"{what}: {', '.join(other)}.")
    return [
        f"Before: {states[0]}. Now: {states[1]}. Of the figures measured in both, {said}. A change within the "
        "intervals that the parts state proves nothing.",
        *blocks,
    ]


def change(old: Figure | None, new: Figure | None) -> tuple[str, str]:
    """Return how far a figure has moved, with its unit, and whether that is better, worse, or no comparison at all."""
    if new is None or new.value is None:
        return "", "not measured now"
    if old is None or old.value is None:
        return "", "new"
    if _digits(old.value, new.unit) == _digits(new.value, new.unit):
        return "", "the same"
    difference = new.value - old.value
    verdict = "better" if (difference > 0) == (new.better == "higher") else "worse"
    unit = "points" if new.unit == "%" else new.unit
    return f"{'+' if difference > 0 else ''}{_digits(difference, new.unit)} {unit}".strip(), verdict


# --- helpers ----------------------------------------------------------------------------------------------------------


def _digits(value: float, unit: str) -> str:
    if unit == "%":
        return f"{value:.1f}".removesuffix(".0")
    if unit == "s":
        return f"{value:.2f}"
    if value == round(value):
        return f"{value:.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _states(reports: Mapping[str, Report]) -> str:
    """Return the commits that were measured; one word where it is one."""
    commits = dict.fromkeys(str(report["facts"]["commit"]) for report in reports.values())
    return f"commit {', '.join(commits)}"


def _conditions(report: Report) -> tuple[object, ...]:
    """Return the settings that must agree between two reports that are compared."""
    corpus, settings = report["corpus"], report["settings"]
    return corpus["name"], corpus["recordings"], settings["quick"], settings["seed"], settings.get("per_condition")
