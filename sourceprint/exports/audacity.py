"""Scan results as label tracks of Audacity: for each matched file one of the file, and one per recording found in it.

`NAME.query.txt` is imported beside the matched file, `NAME.reference.ASSET.txt` beside the recording: the first has
every passage with the recording it comes from, the others have the same passages in the time of one recording. A line
is start, end and text with tabs between them, seconds with six decimals, UTF-8, by start; text from outside is escaped
so that it stays on its line. Files that matched nothing have no labels.
"""

from collections.abc import Iterable

from sourceprint.scans.results import ResultMatch, ResultPassage, ScanResult
from sourceprint.text.names import one_line, safe_names
from sourceprint.text.tables import clock, confidence_text

__all__ = ["audacity_labels"]

_ASSET_BYTES = 80  # with that of the query and both endings within the 255 bytes that a file name may have


def audacity_labels(results: Iterable[ScanResult]) -> dict[str, bytes]:
    """Return the label files by their names, sorted."""
    matched = [result for result in results if result.matches]
    names = safe_names(result.name for result in matched)
    files = {}
    for result in matched:
        name = names[result.name]
        files[f"{name}.query.txt"] = _labels(
            (segment.track_start_ms, segment.track_end_ms, _of_query(found, segment))
            for found in result.matches
            for segment in found.passages
        )
        by_asset: dict[str, list[ResultPassage]] = {}
        for found in result.matches:  # one recording may be found in more than one layer
            by_asset.setdefault(found.recording_id, []).extend(found.passages)
        assets = safe_names(by_asset, max_bytes=_ASSET_BYTES)
        for recording_id, segments in by_asset.items():
            files[f"{name}.reference.{assets[recording_id]}.txt"] = _labels(
                (segment.recording_start_ms, segment.recording_end_ms, _of_reference(result, segment))
                for segment in segments
            )
    return dict(sorted(files.items()))


def _labels(labels: Iterable[tuple[int, int, str]]) -> bytes:
    lines = (f"{_seconds(start)}\t{_seconds(end)}\t{one_line(text)}\n" for start, end, text in sorted(labels))
    return "".join(lines).encode()


def _of_query(found: ResultMatch, segment: ResultPassage) -> str:
    title = f' "{found.title}"' if found.title else ""
    return (
        f"{found.recording_id}{title} {_span(segment.recording_start_ms, segment.recording_end_ms)}{_figures(segment)}"
    )


def _of_reference(result: ScanResult, segment: ResultPassage) -> str:
    return f"{result.name} {_span(segment.track_start_ms, segment.track_end_ms)}{_figures(segment)}"


def _figures(segment: ResultPassage) -> str:
    change = f"pitch {segment.pitch_cents / 100 + 0.0:+.2f} st, tempo {segment.tempo_percent:.1f} %"
    return f", {change}, speed {segment.speed_percent:.1f} %, confidence {confidence_text(segment.confidence)}"


def _span(start_ms: int, end_ms: int) -> str:
    return f"{clock(start_ms / 1000)}-{clock(end_ms / 1000)}"


def _seconds(ms: int) -> str:
    return f"{ms // 1000}.{ms % 1000:03}000"
