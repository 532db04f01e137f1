"""What a run comes to: files, hours, what was found in how many of them, what failed, and how sure the whole is.

In come the results of a run, one per file; out comes a `Summary`, as JSON or as text. Times are whole milliseconds
until they are shown; what several recordings match in a file at once counts once among the reused seconds.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from evidence.coverage import reused_by_recording_ms, reused_ms
from evidence.results import FileResult
from evidence.runs.rates import expected_false_matches
from fingerprint.errors import printable
from index.tables import counted

__all__ = ["MOST_SOURCES", "Source", "Summary", "summarise", "summary_text", "summary_to_json"]

MOST_SOURCES = 10  # named in a summary
MOST_REASONS = 10  # of failures, in a summary for people


@dataclass(frozen=True, slots=True)
class Source:
    """A recording that was found: its id, what is known about it, in how many files, and for how long in all."""

    asset_id: str
    isrc: str
    title: str
    artists: tuple[str, ...]
    files: int
    reused_ms: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run comes to.

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
        Length of what is matched, in all files.
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

    @property
    def failed_files(self) -> int:
        """Files that could not be searched."""
        return sum(self.failures.values())


def summarise(results: Iterable[FileResult]) -> Summary:
    """Return what a run comes to; the results are gone through once, and none is held."""
    statuses: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    sources: dict[str, Source] = {}
    searched_ms = whole_ms = n_matches = n_matched = 0
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
        whole_ms += reused_ms(result)
        for asset_id, covered_ms in reused_by_recording_ms(result).items():
            before = sources.get(asset_id)
            match = next(match for match in result.matches if match.asset_id == asset_id)
            sources[asset_id] = Source(
                asset_id,
                match.isrc,
                match.title,
                match.artists,
                1 + (before.files if before else 0),
                covered_ms + (before.reused_ms if before else 0),
            )
    total = math.fsum(expected)
    known = None if math.isnan(total) else total
    top = sorted(sources.values(), key=lambda source: (-source.reused_ms, source.asset_id))[:MOST_SOURCES]
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
    return f"{source.reused_ms / 1000:8.1f} s in {counted(source.files, 'file')}: {printable(source.asset_id)}{about}"
