"""Totals of a run: files, hours, matches, failures, and the false discovery rate.

From results, one per track, it computes milliseconds of reuse, q-values, and a `Summary` as JSON or as text. Audio that
several passages or recordings cover counts once.

Every match states how many as good chance would produce in 1000 hours of such audio. Over the hours of a batch, that is
a number of expected false matches at each threshold; divided by the number of matches that are at least as good, it is
the false discovery rate at that threshold. The q-value of a match is the lowest such rate of all thresholds that still
take it in (Storey, *Journal of the Royal Statistical Society* B 64, 2002, with all tracks taken to be without a true
match, which errs on the side of caution). All hours count at every threshold, those of tracks that were searched with a
stricter limit too: where limits differ, q-values are greater than they need be, never less.

Durations are milliseconds, rates per 1000 hours; q-values and rates of discovery go from 0 to 1.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from fingerprint.errors import printable
from index.search.matches import union_seconds
from index.search.significance import LEAST_P
from sourceprint.scans.results import ResultPassage, ScanResult
from sourceprint.text.tables import counted

__all__ = [
    "MOST_SOURCES",
    "Source",
    "Summary",
    "expected_false_matches",
    "q_values",
    "reused_by_recording_ms",
    "reused_ms",
    "summarise",
    "summary_text",
    "summary_to_json",
]

MOST_SOURCES = 10  # recordings named in a summary
MOST_REASONS = 10  # of failures, in a summary for people

_MS_PER_HOUR = 3_600_000


def reused_ms(result: ScanResult) -> int:
    """Return the milliseconds of a file that any recording covers."""
    return _covered_ms(passage for match in result.matches for passage in match.passages)


def reused_by_recording_ms(result: ScanResult) -> dict[str, int]:
    """Return the milliseconds of a file that each recording covers, by id, in the order of the result.

    A recording may be found in more than one layer.
    """
    passages: dict[str, list[ResultPassage]] = {}
    for match in result.matches:
        passages.setdefault(match.recording_id, []).extend(match.passages)
    return {recording_id: _covered_ms(found) for recording_id, found in passages.items()}


def _covered_ms(passages: Iterable[ResultPassage]) -> int:
    # The union is the same in any unit of time.
    return round(union_seconds([(passage.track_start_ms, passage.track_end_ms) for passage in passages]))


def expected_false_matches(results: Iterable[ScanResult]) -> float:
    """Return how many false matches the limits that the files were searched with let through, as expected by chance.

    Returns
    -------
    float
        Sum over the searched files of hours times `max_false_per_1000h` / 1000; NaN if a result states no limit.
    """
    return math.fsum(
        result.duration_ms / _MS_PER_HOUR * result.max_false_per_1000h / 1000 for result in results if result.searched
    )


def q_values(results: Iterable[ScanResult]) -> dict[tuple[str, str], float]:
    """Return the q-value of every match, by name of the file and id of the recording.

    Parameters
    ----------
    results : iterable of ScanResult
        A batch; the hours of all its searched files count, matched or not.

    Returns
    -------
    dict
        From 1e-9, below which no probability is claimed, to 1; of two matches, the one with the lower rate by chance
        never has the higher q-value. A recording that a file matches in several layers counts once, with its best
        match.
    """
    hours = 0.0
    rates: dict[tuple[str, str], float] = {}
    for result in results:
        hours += result.duration_ms / _MS_PER_HOUR if result.searched else 0.0
        for match in result.matches:
            key = (result.name, match.recording_id)
            rates[key] = min(match.false_per_1000h, rates.get(key, math.inf))
    ordered = sorted(rates, key=lambda key: (rates[key], key))
    found: dict[tuple[str, str], float] = {}
    lowest = 1.0
    n_as_good = len(ordered)
    for position in range(len(ordered) - 1, -1, -1):
        rate = rates[ordered[position]]
        if position + 1 < len(ordered) and rates[ordered[position + 1]] > rate:
            n_as_good = position + 1  # equal rates share a threshold
        lowest = min(lowest, hours * rate / 1000 / n_as_good)
        found[ordered[position]] = max(lowest, LEAST_P)
    return {key: found[key] for key in ordered}


@dataclass(frozen=True, slots=True)
class Source:
    """A matched recording: its id, its metadata, the number of files that reuse it, and the length reused in all."""

    recording_id: str
    isrc: str
    title: str
    artists: tuple[str, ...]
    files: int
    reused_ms: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals of a run.

    Attributes
    ----------
    files : int
        Files on record.
    searched_ms : int
        Length of those that could be searched.
    by_status : dict
        Number of files by status, the most frequent first.
    matched_files, matches : int
        Files in which something was found, and recordings found in them: one in two files counts twice.
    reused_ms : int
        Matched length, in all files.
    sources : int
        Distinct recordings that were found.
    top_sources : tuple of Source
        Those with the longest reuse, at most `MOST_SOURCES`, by descending length, then id.
    failures : dict
        Number of files by reason, the most frequent first.
    expected_false_matches : float or None
        Matches that chance is expected to have put among `matches`; None where a result states no limit.
    false_discovery_rate : float or None
        The same as a share of `matches`, at most 1; None where nothing was matched either.
    incomplete_files : int
        Files of which an audio stream could not be searched, though something was found in the others.
    truncated_files : int
        Searched files that end before their header says, and were searched as far as they go.
    """

    files: int
    searched_ms: int
    by_status: dict[str, int]
    matched_files: int
    matches: int
    reused_ms: int
    sources: int
    top_sources: tuple[Source, ...]
    failures: dict[str, int]
    expected_false_matches: float | None
    false_discovery_rate: float | None
    incomplete_files: int
    truncated_files: int

    @property
    def failed_files(self) -> int:
        """Files that could not be searched."""
        return sum(self.failures.values())


def summarise(results: Iterable[ScanResult]) -> Summary:
    """Return the totals of a run; the results are read once, and none is kept in memory."""
    statuses: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    sources: dict[str, Source] = {}
    searched_ms = whole_ms = n_matches = n_matched = n_incomplete = n_truncated = 0
    expected: list[float] = []
    for result in results:
        statuses[result.status] += 1
        if not result.searched:
            failures[result.reason or result.status] += 1
            continue
        searched_ms += result.duration_ms
        expected.append(expected_false_matches([result]))
        n_matches += len(result.matches)
        n_matched += bool(result.matches)
        n_incomplete += bool(result.unsearched_streams)
        n_truncated += bool(result.cut)
        whole_ms += reused_ms(result)
        for recording_id, covered_ms in reused_by_recording_ms(result).items():
            before = sources.get(recording_id)
            match = next(match for match in result.matches if match.recording_id == recording_id)
            sources[recording_id] = Source(
                recording_id,
                match.isrc or "",
                match.title or "",
                match.artists,
                1 + (before.files if before else 0),
                covered_ms + (before.reused_ms if before else 0),
            )
    total = math.fsum(expected)
    known = None if math.isnan(total) else total
    top = sorted(sources.values(), key=lambda source: (-source.reused_ms, source.recording_id))[:MOST_SOURCES]
    return Summary(
        files=statuses.total(),
        searched_ms=searched_ms,
        by_status=_by_number(statuses),
        matched_files=n_matched,
        matches=n_matches,
        reused_ms=whole_ms,
        sources=len(sources),
        top_sources=tuple(top),
        failures=_by_number(failures),
        expected_false_matches=known,
        false_discovery_rate=min(1.0, known / n_matches) if known is not None and n_matches else None,
        incomplete_files=n_incomplete,
        truncated_files=n_truncated,
    )


def summary_to_json(summary: Summary) -> dict[str, Any]:
    """Return a summary as plain JSON types: its fields, lengths in milliseconds; `failures` as name and number."""
    record = asdict(summary)
    record["top_sources"] = [{**source, "artists": list(source["artists"])} for source in record["top_sources"]]
    record["failures"] = [{"reason": reason, "files": n} for reason, n in summary.failures.items()]
    for name in ("expected_false_matches", "false_discovery_rate"):
        value = record[name]
        record[name] = None if value is None else float(f"{value:.4g}")
    return record


def summary_text(summary: Summary) -> str:
    """Return a summary for people: some lines, without a line break at the end."""
    lines = [
        f"{counted(summary.files, 'file')} on record: "
        + (", ".join(f"{n} {status.replace('_', ' ')}" for status, n in summary.by_status.items()) or "none yet")
        + f"; {summary.searched_ms / 3_600_000:.2f} h searched"
    ]
    if summary.matches:
        lines.append(
            f"{summary.reused_ms / 1000:.0f} s reused in {counted(summary.matched_files, 'file')}, "
            f"from {counted(summary.sources, 'recording')}:"
        )
        lines += [f"  {_source_text(source)}" for source in summary.top_sources]
        if summary.sources > len(summary.top_sources):
            lines.append(f"  and {summary.sources - len(summary.top_sources)} more")
    if summary.expected_false_matches is not None and summary.searched_ms:
        share = summary.false_discovery_rate
        lines.append(
            f"expected by chance: {summary.expected_false_matches:.2g} of {counted(summary.matches, 'match')}"
            + ("" if share is None else f" (false-discovery rate {100 * share:.2g} %)")
        )
    if summary.incomplete_files:
        lines.append(f"{counted(summary.incomplete_files, 'file')} with audio streams that could not be searched")
    if summary.truncated_files:
        lines.append(f"{counted(summary.truncated_files, 'file')} truncated: searched as far as the audio goes")
    if summary.failures:
        lines.append(f"{counted(summary.failed_files, 'file')} could not be searched:")
        reasons = list(summary.failures.items())
        lines += [f"  {n}: {printable(reason)}" for reason, n in reasons[:MOST_REASONS]]
        if len(reasons) > MOST_REASONS:
            lines.append(f"  {sum(n for _, n in reasons[MOST_REASONS:])}: other reasons")
    return "\n".join(lines)


def _by_number(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _source_text(source: Source) -> str:
    title = " - ".join(part for part in (", ".join(source.artists), source.title) if part)
    about = f" ({printable(title)})" if title else ""
    return (
        f"{source.reused_ms / 1000:8.1f} s in {counted(source.files, 'file')}: {printable(source.recording_id)}{about}"
    )
