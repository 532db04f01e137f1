"""A report on rights and money as tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.part import Figure, Picture, Report, Table
from benchmarks.royalties_steps import MONTHS

__all__ = ["figures", "pictures", "tables"]

IMPORT_SECONDS: Final = 60.0
ATTRIBUTE_SECONDS: Final = 30.0
GROWTH: Final = 1.5
"""Limit of the ratio of memory for four times the data, without the memory of the program itself."""

MONTH_GROWTH: Final = 1.2
"""How many times as long the statement of the last month may take as that of the first, in seconds of processor."""

_WORDS: Final = {
    "import": "import of a new catalogue",
    "import again": "import again: nothing changes",
    "import changes": "import with one recording of a hundred changed",
    "export": "export",
    "import export": "import of an export: nothing changes",
    "check": "check of the whole catalogue",
    "import spreadsheet": "import from one spreadsheet",
    "attribute": "attribution",
    "attribute again": "attribution again: nothing changes",
    "statement": "statement, computed and kept",
    "statement again": "statement again: the one that is kept",
    "write": "statement written in all formats",
    "audit": "audit of the statement",
    **{name: f"statement of month {number} of {len(MONTHS)}, computed and kept" for name, number in MONTHS.items()},
}
_OF_SEGMENTS: Final = frozenset(
    {"attribute", "attribute again", "statement", "statement again", "write", "audit", *MONTHS}
)


def figures(report: Report) -> list[Figure]:
    """Return the figures that are compared between versions."""
    full = not report["settings"]["quick"]
    large = max(row["recordings"] for row in report["steps"])
    checks = sum(row["checks"] for row in report["steps"])
    failed = sum(len(row["failures"]) for row in report["steps"])
    made = []
    for name, row in _by_step(report, large, "SQLite").items():
        target = {"import": IMPORT_SECONDS, "attribute": ATTRIBUTE_SECONDS}.get(name)
        made.append(
            Figure(
                _title(row),
                row["seconds"],
                "s",
                "lower",
                f"{_amount(row)}, {row['processor_seconds']:.0f} s of processor",
                target if full else None,
                headline=target is not None,
            )
        )
    made += [
        Figure(_title(row), row["seconds"], "s", "lower", _amount(row))
        for row in _by_step(report, large, "PostgreSQL").values()
    ]
    made += [figure for name in ("import", "attribute") if (figure := _growth(report, name, target=full)) is not None]
    if (later := _later_months(report, target=full)) is not None:
        made.append(later)
    made.append(
        Figure(
            "checks of rights and money that fail", float(failed), "", "lower", f"n={checks}", target=0.0, headline=True
        )
    )
    return made


def tables(report: Report) -> list[Table]:
    """Return the tables."""
    header = ("step", "database", "of", "time, s", "processor, s", "peak, MB", "of it, MB", "load", "outcome")
    made = [
        Table(
            "Cost of each step",
            header,
            [
                (
                    _WORDS[row["step"]],
                    row["database"],
                    _amount(row),
                    f"{row['seconds']:.1f}",
                    f"{row['processor_seconds']:.1f}",
                    _whole(row["peak_mb"]),
                    _whole(row["before_mb"]),
                    "" if row["load"] is None else f"{row['load']:.1f}",
                    ", ".join(f"{_thousands(n)} {what}" for what, n in row["counts"].items() if n),
                )
                for row in report["steps"]
            ],
            "*Load* is how many processes wanted a processor on average in the last minute, this one among them. "
            "A statement that is written was read back before; its peak includes that.",
        )
    ]
    failures = [(_WORDS[row["step"]], row["database"], text) for row in report["steps"] for text in row["failures"]]
    if failures:
        made.append(Table("Failures", ("step", "database", "failure"), failures))
    return made


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Return no pictures: the tables say it."""
    return []


def _by_step(report: Report, recordings: int, database: str) -> dict[str, dict[str, Any]]:
    return {
        row["step"]: row for row in report["steps"] if row["recordings"] == recordings and row["database"] == database
    }


def _growth(report: Report, name: str, *, target: bool) -> Figure | None:
    """Return how many times as much memory a step takes of the large catalogue, None where that is not known."""
    sizes = sorted({row["recordings"] for row in report["steps"]})
    rows = [_by_step(report, size, "SQLite").get(name) for size in sizes]
    if len(rows) != 2 or any(row is None or row["before_mb"] is None for row in rows):
        return None
    small, large = (row["peak_mb"] - row["before_mb"] for row in rows if row is not None)
    return Figure(
        f"memory of {_WORDS[name]}, of four times as much",
        large / small if small > 0 else None,
        "x",
        "lower",
        f"{small:.0f} and {large:.0f} MB beyond the program itself",
        GROWTH if target else None,
        headline=True,
    )


def _later_months(report: Report, *, target: bool) -> Figure | None:
    """Return how many times as long the statement of the last month takes as that of the first, None without them."""
    months = [row for row in report["steps"] if row["step"] in MONTHS]
    if not months:
        return None
    first, last = (row["processor_seconds"] for row in (months[0], months[-1]))
    return Figure(
        f"time of the statement of month {MONTHS[months[-1]['step']]}, of month 1",
        last / first if first else None,
        "x",
        "lower",
        f"{first:.2f} and {last:.2f} s of processor, {_thousands(months[0]['tracks'])} tracks a month",
        MONTH_GROWTH if target else None,
        headline=True,
    )


def _title(row: Mapping[str, Any]) -> str:
    return f"{_WORDS[row['step']]}, {row['database']}"


def _amount(row: Mapping[str, Any]) -> str:
    if row["step"] in _OF_SEGMENTS:
        return f"{_thousands(row['segments'])} segments of {_thousands(row['tracks'])} tracks"
    return f"{_thousands(row['recordings'])} recordings, {_thousands(row['shares'])} shares"


def _thousands(n: int) -> str:
    return f"{n:,}".replace(",", " ")


def _whole(megabytes: float | None) -> str:
    return "" if megabytes is None else f"{megabytes:.0f}"
