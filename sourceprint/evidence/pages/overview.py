"""What the overview of a report says: a row per file, counts by outcome, distributions, failures, digests.

In come the results of a scan; out comes a plain record for the template. The rows go into the page as JSON, which its
script sorts, filters and shows in pages of 200; the first 200 stand in the page as they are, for readers without
scripts. Times are milliseconds until they are shown.
"""

import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from fingerprint.errors import printable
from sourceprint.evidence.pages.words import by_chance_share, hours_text, in_odds, outcome, share
from sourceprint.scans.results import ResultMatch, ScanResult
from sourceprint.scans.summary import expected_false_matches, q_values, reused_by_recording_ms, reused_ms
from sourceprint.text.tables import clock, grouped

__all__ = ["PAGE_ROWS", "overview", "rows_as_json"]

PAGE_ROWS = 200
"""Rows of the table that are shown at a time."""

_LONGEST_TITLE = 80
_MOST_SOURCES = 15
_MOST_FAILURES = 500
_MOST_DIGESTS = 5

_COLUMNS = ("page", "name", "outcome", "duration", "recordings", "reused", "share", "source", "p", "q")


def overview(results: Sequence[ScanResult], pages: Mapping[str, str]) -> dict[str, Any]:
    """Return what the overview says.

    Parameters
    ----------
    results : sequence of ScanResult
        In order of name.
    pages : mapping of str to str
        Address of the page of each file that has one, by name.
    """
    rates = q_values(results)
    folder = _common_folder([result.name for result in results])
    rows = [_row(result, pages.get(result.name, ""), rates, folder) for result in results]
    searched_ms = sum(result.duration_ms for result in results if result.searched)
    reused = sum(row["reused"] for row in rows)
    n_matched = sum(bool(result.matches) for result in results)
    n_matches = sum(len(result.matches) for result in results)
    expected = expected_false_matches(results)
    outcomes = Counter(outcome(result.status) for result in results)
    failures = [result for result in results if not result.searched]
    return {
        "rows_json": rows_as_json(rows),
        "rows": [_shown(row) for row in rows[:PAGE_ROWS]],
        "n_rows": len(rows),
        "folder": folder,
        "page_rows": PAGE_ROWS,
        "outcomes": [name for name, _ in sorted(outcomes.items(), key=lambda pair: (-pair[1], pair[0]))],
        "tiles": [
            ("Files", grouped(len(results)), f"{hours_text(searched_ms)} searched"),
            ("Files matched", grouped(n_matched), f"{share(n_matched, len(results))} of the files"),
            ("Time matched", clock(reused / 1000), f"{share(reused, searched_ms)} of what was searched"),
            ("Not searched", grouped(len(failures)), "listed below" if failures else "all files could be read"),
        ],
        "outcome_bars": _bars([(name, n, str(n)) for name, n in sorted(outcomes.items(), key=lambda p: (-p[1], p[0]))]),
        "chance_bars": _bars(_by_chance(results)),
        "source_bars": _bars(_sources(results)),
        "discovery": by_chance_share(None if math.isnan(expected) else expected, n_matches),
        "failures": [_failure(result, folder) for result in failures[:_MOST_FAILURES]],
        "n_failures": len(failures),
        "digests": _digests(results),
    }


def rows_as_json(rows: Sequence[Mapping[str, Any]]) -> Markup:
    r"""Return rows as JSON that may stand in a script element of a page: nothing in it can end the element.

    Examples
    --------
    >>> print(rows_as_json([{"name": "</script>&", "p": 0.5}]))
    {"columns": ["name", "p"], "rows": [["\u003c/script\u003e\u0026", 0.5]]}
    """
    columns = [name for name in _COLUMNS if not rows or name in rows[0]]
    text = json.dumps({"columns": columns, "rows": [[row[name] for name in columns] for row in rows]})
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def _label(match: ResultMatch) -> str:
    """Return the title, cut where it would fill the table, and the id, which is never cut."""
    title = match.title or ""
    if len(title) > _LONGEST_TITLE:
        title = title[: _LONGEST_TITLE - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return f"{title} ({match.recording_id})" if title else match.recording_id


def _failure(result: ScanResult, folder: str) -> dict[str, str]:
    return {
        "name": result.name[len(folder) :],
        "outcome": outcome(result.status),
        "reason": result.reason or "no reason stated",
    }


def _common_folder(names: Sequence[str]) -> str:
    """Return the folder that all names begin with, with its last separator; "" if there is none.

    Examples
    --------
    >>> _common_folder(["drop/a/1.wav", "drop/b/1.wav"]), _common_folder(["/1.wav", "2.wav"])
    ('drop/', '')
    """
    try:
        folder = os.path.commonpath([os.path.dirname(name) for name in names])
    except ValueError:
        return ""
    start = folder if folder.endswith(os.sep) else folder + os.sep
    return start if folder and all(name.startswith(start) for name in names) else ""


def _row(result: ScanResult, page: str, rates: Mapping[tuple[str, str], float], folder: str) -> dict[str, Any]:
    reused = reused_ms(result)
    best = min(result.matches, key=lambda match: (match.p_false, match.recording_id), default=None)
    source = result.matches[0] if result.matches else None
    return {
        "page": page,
        "name": printable(result.name[len(folder) :]),
        "outcome": outcome(result.status),
        "duration": result.duration_ms,
        "recordings": len(result.matches),
        "reused": reused,
        "share": round(100 * reused / result.duration_ms, 1) if result.duration_ms else 0.0,
        "source": printable(" or ".join([_label(source), *source.also_fits])) if source else "",
        "p": best.p_false if best else None,
        "q": float(f"{min(rates[result.name, m.recording_id] for m in result.matches):.2g}")
        if result.matches
        else None,
    }


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    found = row["recordings"] > 0
    return {
        **row,
        "duration": clock(row["duration"] / 1000) if row["duration"] else "",
        "recordings": str(row["recordings"]) if found else "",
        "reused": clock(row["reused"] / 1000) if found else "",
        "share": f"{row['share']:.1f} %" if found else "",
        "p": in_odds(row["p"]) if found else "",
        "q": f"{row['q']:.1e}" if found else "",
    }


def _bars(rows: Sequence[tuple[str, float, str]]) -> list[dict[str, str]]:
    """Return labels, lengths in percent of the longest, and texts."""
    longest = max((amount for _, amount, _ in rows), default=0) or 1
    return [{"label": label, "length": f"{100 * amount / longest:.1f}", "text": text} for label, amount, text in rows]


def _by_chance(results: Sequence[ScanResult]) -> list[tuple[str, float, str]]:
    """Return how many matches have which probability by chance, by powers of ten."""
    levels = Counter(
        min(9, max(0, math.floor(-math.log10(match.p_false) + 1e-9))) for result in results for match in result.matches
    )
    if not levels:
        return []
    names = {0: "over 1 in 10", 9: "1 in 10\u2079 or less"}
    low = min(levels)
    return [
        (names.get(level, f"1 in {grouped(10**level)} to {grouped(10 ** (level + 1))}"), n, str(n))
        for level, n in ((level, levels[level]) for level in range(low, 10))
    ]


def _sources(results: Sequence[ScanResult]) -> list[tuple[str, float, str]]:
    reused: Counter[str] = Counter()
    labels: dict[str, str] = {}
    for result in results:
        reused.update(reused_by_recording_ms(result))
        for match in result.matches:
            labels[match.recording_id] = _label(match)
    ordered = sorted(reused.items(), key=lambda pair: (-pair[1], pair[0]))
    rows: list[tuple[str, float, str]] = [
        (labels[recording_id], ms, clock(ms / 1000)) for recording_id, ms in ordered[:_MOST_SOURCES]
    ]
    if rest := ordered[_MOST_SOURCES:]:
        total = sum(ms for _, ms in rest)
        rows.append((f"{len(rest)} others together", total, clock(total / 1000)))
    return rows


def _digests(results: Sequence[ScanResult]) -> list[tuple[str, list[str]]]:
    """Return what the results state of index, settings and parameters: one value each, unless scans were mixed."""
    facts: list[tuple[str, list[str]]] = []
    for title, field in (
        ("Index", "index_digest"),
        ("Settings of the search", "settings_digest"),
        ("Parameters of the fingerprint", "params_digest"),
        ("Method", "algorithm"),
    ):
        values = sorted({getattr(result, field) for result in results} - {""})
        shown = values[:_MOST_DIGESTS] + ([f"and {len(values) - _MOST_DIGESTS} more"] if values[_MOST_DIGESTS:] else [])
        facts.append((title, shown or ["not stated"]))
    return facts
