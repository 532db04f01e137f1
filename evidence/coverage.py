"""How much of a file is reused: what several passages or recordings cover at once counts once.

In comes a result; out come whole milliseconds of the file that was searched.
"""

from collections.abc import Iterable

from evidence.results import FileResult, FoundSegment
from index.result import union_seconds

__all__ = ["reused_by_recording_ms", "reused_ms"]


def reused_ms(result: FileResult) -> int:
    """Return the milliseconds of a file that any recording covers."""
    return _covered_ms(segment for match in result.matches for segment in match.segments)


def reused_by_recording_ms(result: FileResult) -> dict[str, int]:
    """Return the milliseconds of a file that each recording covers, by id, in the order of the result.

    A recording may be found in more than one layer.
    """
    segments: dict[str, list[FoundSegment]] = {}
    for match in result.matches:
        segments.setdefault(match.asset_id, []).extend(match.segments)
    return {asset_id: _covered_ms(found) for asset_id, found in segments.items()}


def _covered_ms(segments: Iterable[FoundSegment]) -> int:
    # The union is the same in any unit of time.
    return round(union_seconds([(segment.query_start_ms, segment.query_end_ms) for segment in segments]))
