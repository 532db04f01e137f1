"""Content of the page about a report: the scan, its totals, its gaps, and how to check it.

The results of a scan, their dates, and the parts that could not be shown become a plain record for the template.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sourceprint.evidence.pages.addresses import SUMS
from sourceprint.evidence.pages.overview import outcome_of, stated_by_all
from sourceprint.evidence.pages.words import LIMITS, by_chance_share, hours_text
from sourceprint.scans.results import ScanResult
from sourceprint.scans.run_folder import SessionTimes
from sourceprint.scans.summary import expected_false_matches, reused_ms
from sourceprint.signatures import PublicKey
from sourceprint.text.tables import clock, counted, grouped

__all__ = ["HOW_TO_READ", "cover"]

_MOST_MISSING = 1000

HOW_TO_READ = (
    ("Matched", "Sound of a recording of the catalogue is in the file, as far as these figures go."),
    (
        "Passage",
        "A stretch of a file that agrees with a stretch of a recording, landmark by landmark, along one line of time.",
    ),
    (
        "Landmark",
        "A local maximum of sound energy, at a time and a frequency. Two sounds agree where many of theirs lie in the "
        "same places to each other, whatever was done to pitch, tempo or loudness.",
    ),
    (
        "By chance",
        "The probability that chance gives such a file, in this catalogue, an alignment as good. The smaller, the "
        "surer; none under 1 in 10\u2079 is claimed.",
    ),
    (
        "Confidence",
        "The probability that an alignment is not chance, if one file in about ten is taken to hold reuse before "
        "anything is searched.",
    ),
    (
        "q-value",
        "The share of matches made by chance that is expected in a list of this match and all better ones.",
    ),
    (
        "Also fits",
        "Another recording that holds the same audio, or fits nearly as well: the sound may come from either.",
    ),
    (
        "Matched, unresolved",
        "Each recording that was found in the file has another that also fits.",
    ),
    (
        "Not searched",
        "Nothing is known about the file. No match is different: the file was searched, and nothing was found.",
    ),
)
"""Terms of a report and their meanings."""


def cover(
    results: Sequence[ScanResult],
    missing: Sequence[tuple[str, str]],
    sessions: Sequence[SessionTimes],
    *,
    signer: PublicKey | None,
    names: str,
    heard: str = "",
) -> dict[str, Any]:
    """Return the content of the page.

    Parameters
    ----------
    results : sequence of ScanResult
        Of the scan.
    missing : sequence of (str, str)
        Names of files whose page or case is not whole, or without their audio, and why.
    sessions : sequence of SessionTimes
        When they were scanned; empty if that is not on record.
    signer : PublicKey or None
        Who signed the cases, if there are any.
    names : str
        Folder that all names begin with.
    heard : str
        How much of the recordings' audio was found, if any was given.
    """
    n_matched = sum(bool(result.matches) for result in results)
    n_matches = sum(len(result.matches) for result in results)
    recordings = {match.recording_id for result in results for match in result.matches}
    expected = expected_false_matches(results)
    outcomes = Counter(map(outcome_of, results))
    searched_ms = sum(result.duration_ms for result in results if result.searched)
    return {
        "scanned": [
            ("Files", [counted(len(results), "file", groups=True) + (f" in {names}" if names else "")]),
            ("Searched", [f"{hours_text(searched_ms)} of audio"]),
            ("When", _when(sessions)),
            ("Index", stated_by_all(results, "index_digest")),
            ("Recordings", _searched(results)),
            ("Layer", _several(result.search.layer or "not stated" for result in results)),
            ("Time scales", _several(_scales(result) for result in results)),
            ("Limit", _several(_limit(result) for result in results)),
            ("Settings of the search", stated_by_all(results, "settings_digest")),
            ("Parameters of the fingerprint", stated_by_all(results, "params_digest")),
            ("Method", stated_by_all(results, "algorithm")),
        ],
        "outcomes": sorted(outcomes.items(), key=lambda pair: (-pair[1], pair[0])),
        "found": (
            f"{counted(n_matched, 'file', groups=True)} matched {counted(len(recordings), 'recording', groups=True)}, "
            f"for {clock(sum(map(reused_ms, results)) / 1000)} in all."
            if n_matched
            else "No file was matched."
        ),
        "discovery": by_chance_share(None if math.isnan(expected) else expected, n_matches),
        "missing": [(name[len(names) :], why) for name, why in missing[:_MOST_MISSING]],
        "n_missing": len(missing),
        "heard": heard,
        "terms": HOW_TO_READ,
        "limits": LIMITS,
        "signer": None if signer is None else {"id": signer.id, "name": signer.name, "text": signer.text},
        "sums": SUMS,
    }


def _when(sessions: Sequence[SessionTimes]) -> list[str]:
    if not sessions:
        return ["not on record"]
    first, last = min(s.started for s in sessions), max(s.ended or s.started for s in sessions)
    versions = sorted({session.version for session in sessions if session.version})
    by = f", by Sourceprint {' and '.join(versions)}" if versions else ""
    started = counted(len(sessions), "session", groups=True)
    return [f"{first} to {last} (UTC), in {started}{by}"]


def _searched(results: Sequence[ScanResult]) -> list[str]:
    return _several(
        f"{grouped(r.recordings)} of {grouped(r.index.recordings)} in the index{_filter(r)}" for r in results
    )


def _filter(result: ScanResult) -> str:
    only = f"; only {', '.join(result.search.only)}" if result.search.only else ""
    return only + (f"; without {', '.join(result.search.exclude)}" if result.search.exclude else "")


def _scales(result: ScanResult) -> str:
    return ", ".join(f"{scale:g}" for scale in result.search.scales) or "not stated"


def _limit(result: ScanResult) -> str:
    rate = result.max_false_per_1000h
    return (
        "not stated" if math.isnan(rate) else f"{rate:g} false matches in 1 000 hours of audio, as expected by chance"
    )


def _several(values: Iterable[str]) -> list[str]:
    """Return the values that occur, each once; those of most files first."""
    counts = Counter(values)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    if len(ordered) <= 1:
        return ordered or ["not stated"]
    return [f"{value} ({counted(counts[value], 'file', groups=True)})" for value in ordered]
