"""Content of the overview of a report: a row per file, a row per recording, counts by outcome, distributions, digests.

In come the results of a scan; out comes a plain record for the template. Files come in the order in which they want
attention: matched, matched with no recording that is the only one, not searched or not in whole, and the rest.
"""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sourceprint.evidence.pages.addresses import recording_address
from sourceprint.evidence.pages.listing import ListedColumn, listing
from sourceprint.evidence.pages.recording_view import Reuse, recording_row
from sourceprint.evidence.pages.words import by_chance_share, hours_text, outcome, share, title_and_id
from sourceprint.scans.results import ScanResult
from sourceprint.scans.summary import expected_false_matches, q_values, reused_by_recording_ms, reused_ms
from sourceprint.text.names import in_number_order
from sourceprint.text.tables import clock, grouped

__all__ = ["by_attention", "outcome_of", "overview", "stated_by_all"]

_MOST_SOURCES = 15
_MOST_FAILURES = 500
_MOST_VALUES = 5
_MOST_OTHERS = 3
_LEAST_P = 1e-300  # results of other programs may state 0

_FILES = (
    ListedColumn("name", "File", link="page"),
    ListedColumn("outcome", "Outcome", "order"),
    ListedColumn("duration", "Length", "clock"),
    ListedColumn("recordings", "Recordings", "count"),
    ListedColumn("reused", "Matched", "clock"),
    ListedColumn("share", "Share", "percent"),
    ListedColumn("source", "Main recording", link="source_page"),
    ListedColumn("p", "By chance", "odds"),
    ListedColumn("q", "q-value", "exponent"),
)
_RECORDINGS = (
    ListedColumn("name", "Recording", link="page"),
    ListedColumn("tracks", "Tracks", "count"),
    ListedColumn("reused", "Matched", "clock"),
    ListedColumn("share", "Of the recording", "percent"),
    ListedColumn("most", "Most in", link="most_page"),
    ListedColumn("p", "By chance", "odds"),
    ListedColumn("others", "Also fits", "count"),
)


def overview(results: Sequence[ScanResult], pages: Mapping[str, str], reuses: Sequence[Reuse]) -> dict[str, Any]:
    """Return the content of the overview.

    Parameters
    ----------
    results : sequence of ScanResult
        In any order.
    pages : mapping of str to str
        Address of the page of each file that has one, by name.
    reuses : sequence of Reuse
        The recordings that are found or named in them (`recording_view.reuses_of`).
    """
    rates = q_values(results)
    folder = common_folder([result.name for result in results])
    rows = [_row(result, pages.get(result.name, ""), rates, folder) for result in by_attention(results)]
    searched_ms = sum(result.duration_ms for result in results if result.searched)
    reused = sum(map(reused_ms, results))
    n_matched = sum(bool(result.matches) for result in results)
    n_matches = sum(len(result.matches) for result in results)
    expected = expected_false_matches(results)
    outcomes = Counter(map(outcome_of, results))
    failures = sorted(
        (result for result in results if not result.searched), key=lambda result: in_number_order(result.name)
    )
    partly = sorted(
        (result for result in results if result.searched and result.unsearched_streams),
        key=lambda result: in_number_order(result.name),
    )
    listed = [_failure(result, folder) for result in [*failures, *partly]]
    not_whole = f"{grouped(len(partly))} more not in whole; listed below" if partly else "listed below"
    return {
        "files": listing(_FILES, rows, noun="file", order="those with findings first", by="outcome", choices="outcome"),
        "recordings": listing(
            _RECORDINGS,
            [recording_row(reuse, pages, folder) for reuse in reuses],
            noun="recording",
            order="those with most time matched first",
            by="-reused",
        ),
        "has_unresolved": any(result.matches and _is_unresolved(result) for result in results),
        "folder": folder,
        "tiles": [
            ("Files", grouped(len(results)), f"{hours_text(searched_ms)} searched"),
            ("Files matched", grouped(n_matched), f"{share(n_matched, len(results))} of the files"),
            ("Time matched", clock(reused / 1000), f"{share(reused, searched_ms)} of the searched time"),
            ("Not searched", grouped(len(failures)), not_whole if listed else "all files could be read"),
        ],
        "outcome_bars": _bars([(name, n, str(n)) for name, n in sorted(outcomes.items(), key=lambda p: (-p[1], p[0]))]),
        "chance_bars": _bars(_by_chance(results)),
        "source_bars": _bars(_sources(results)),
        "discovery": by_chance_share(None if math.isnan(expected) else expected, n_matches),
        "failures": listed[:_MOST_FAILURES],
        "n_failures": len(listed),
        "digests": [
            ("Index", stated_by_all(results, "index_digest")),
            ("Settings of the search", stated_by_all(results, "settings_digest")),
            ("Parameters of the fingerprint", stated_by_all(results, "params_digest")),
            ("Method", stated_by_all(results, "algorithm")),
        ],
    }


def by_attention(results: Sequence[ScanResult]) -> list[ScanResult]:
    """Return results in the order of the overview: within an outcome by time matched, then by name as people count."""
    return sorted(results, key=lambda result: (_attention(result), -reused_ms(result), in_number_order(result.name)))


def outcome_of(result: ScanResult) -> str:
    """Return the outcome of a file, in words."""
    words = outcome(result.status)
    if result.matches and _is_unresolved(result):
        words = "matched, unresolved"
    return f"{words}, not all searched" if result.searched and result.unsearched_streams else words


def common_folder(names: Sequence[str]) -> str:
    """Return the folder that all names begin with, with its last separator; "" if there is none.

    Examples
    --------
    >>> common_folder(["drop/a/1.wav", "drop/b/1.wav"]), common_folder(["/1.wav", "2.wav"])
    ('drop/', '')
    """
    try:
        folder = os.path.commonpath([os.path.dirname(name) for name in names])
    except ValueError:
        return ""
    start = folder if folder.endswith(os.sep) else folder + os.sep
    return start if folder and all(name.startswith(start) for name in names) else ""


def stated_by_all(results: Sequence[ScanResult], field: str) -> list[str]:
    """Return the values of a field in results: one value, unless scans were mixed."""
    values = sorted({getattr(result, field) for result in results} - {""})
    return _first(values) or ["not stated"]


def _first(values: Sequence[str]) -> list[str]:
    more = [f"and {len(values) - _MOST_VALUES} more"] if len(values) > _MOST_VALUES else []
    return [*values[:_MOST_VALUES], *more]


def _attention(result: ScanResult) -> int:
    if result.matches:
        return 1 if _is_unresolved(result) else 0
    return 3 if result.searched and not result.unsearched_streams else 2


def _is_unresolved(result: ScanResult) -> bool:
    """Return whether every recording that was found has another that fits as well or nearly so."""
    return all(match.also_fits for match in result.matches)


def _failure(result: ScanResult, folder: str) -> dict[str, str]:
    streams = ", ".join(map(str, result.unsearched_streams))
    reason = f"audio stream {streams} could not be searched" if result.searched else result.reason
    return {
        "name": result.name[len(folder) :],
        "outcome": outcome_of(result),
        "reason": reason or "no reason stated",
    }


def _row(result: ScanResult, page: str, rates: Mapping[tuple[str, str], float], folder: str) -> dict[str, Any]:
    found = bool(result.matches)
    reused = reused_ms(result)
    best = min(result.matches, key=lambda match: (match.p_false, match.recording_id), default=None)
    source = result.matches[0] if result.matches else None
    q = min((rates[result.name, match.recording_id] for match in result.matches), default=1.0)
    return {
        "page": page,
        "name": result.name[len(folder) :],
        "outcome": outcome_of(result),
        "duration": result.duration_ms or None,
        "recordings": len(result.matches) if found else None,
        "reused": reused if found else None,
        "share": round(100 * reused / result.duration_ms, 1) if found and result.duration_ms else None,
        "source": _first_named(title_and_id(source.title, source.recording_id), source.also_fits) if source else None,
        "source_page": recording_address(source.recording_id) if source else "",
        "p": best.p_false if best else None,
        "q": float(f"{q:.2g}") if found else None,
    }


def _first_named(label: str, others: Sequence[str]) -> str:
    more = [f"{len(others) - _MOST_OTHERS} others"] if len(others) > _MOST_OTHERS else []
    return " or ".join([label, *others[:_MOST_OTHERS], *more])


def _bars(rows: Sequence[tuple[str, float, str]]) -> list[dict[str, str]]:
    """Return labels, lengths in percent of the longest, and texts."""
    longest = max((amount for _, amount, _ in rows), default=0) or 1
    return [{"label": label, "length": f"{100 * amount / longest:.1f}", "text": text} for label, amount, text in rows]


def _by_chance(results: Sequence[ScanResult]) -> list[tuple[str, float, str]]:
    """Return how many matches have which probability by chance, by powers of ten."""
    levels = Counter(
        min(9, max(0, math.floor(-math.log10(max(match.p_false, _LEAST_P)) + 1e-9)))
        for result in results
        for match in result.matches
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
            labels[match.recording_id] = title_and_id(match.title, match.recording_id)
    ordered = sorted(reused.items(), key=lambda pair: (-pair[1], pair[0]))
    rows: list[tuple[str, float, str]] = [
        (labels[recording_id], ms, clock(ms / 1000)) for recording_id, ms in ordered[:_MOST_SOURCES]
    ]
    if rest := ordered[_MOST_SOURCES:]:
        total = sum(ms for _, ms in rest)
        rows.append((f"{len(rest)} others together", total, clock(total / 1000)))
    return rows
