"""Scan results as label tracks of Audacity: for each matched file one of the file, and one per recording found in it.

`NAME.track.txt` is imported beside the matched track, `NAME.recording.ID.txt` beside the recording: the first has
every passage with the recording it comes from and those that fit nearly as well, the others have the same passages in
the time of one recording. A line is start, end and text with tabs between them, seconds with six decimals, UTF-8, by
start; text from outside is escaped so that it stays on its line. Files that matched nothing have no labels.
"""

from collections.abc import Iterable

from sourceprint.scans.results import ResultMatch, ResultPassage, ScanResult
from sourceprint.text.names import one_line, safe_names
from sourceprint.text.tables import clock, confidence_text

__all__ = ["audacity_labels"]

_ID_BYTES = 80  # with that of the track and both endings within the 255 bytes that a file name may have


def audacity_labels(results: Iterable[ScanResult]) -> dict[str, bytes]:
    """Return the label files by their names, sorted."""
    matched = [result for result in results if result.matches]
    names = safe_names(result.name for result in matched)
    files = {}
    for result in matched:
        name = names[result.name]
        files[f"{name}.track.txt"] = _labels(
            (passage.track_start_ms, passage.track_end_ms, _in_track(found, passage))
            for found in result.matches
            for passage in found.passages
        )
        by_recording: dict[str, list[ResultPassage]] = {}
        for found in result.matches:  # one recording may be found in more than one layer
            by_recording.setdefault(found.recording_id, []).extend(found.passages)
        ids = safe_names(by_recording, max_bytes=_ID_BYTES)
        for recording_id, passages in by_recording.items():
            files[f"{name}.recording.{ids[recording_id]}.txt"] = _labels(
                (passage.recording_start_ms, passage.recording_end_ms, _in_recording(result, passage))
                for passage in passages
            )
    return dict(sorted(files.items()))


def _labels(labels: Iterable[tuple[int, int, str]]) -> bytes:
    lines = (f"{_seconds(start)}\t{_seconds(end)}\t{one_line(text)}\n" for start, end, text in sorted(labels))
    return "".join(lines).encode()


def _in_track(found: ResultMatch, passage: ResultPassage) -> str:
    title = f' "{found.title}"' if found.title else ""
    return (
        f"{found.recording_id}{title} {_span(passage.recording_start_ms, passage.recording_end_ms)}{_figures(passage)}"
        f"{_others(passage)}"
    )


def _in_recording(result: ScanResult, passage: ResultPassage) -> str:
    return f"{result.name} {_span(passage.track_start_ms, passage.track_end_ms)}{_figures(passage)}"


def _others(passage: ResultPassage) -> str:
    return f", fits nearly as well: {', '.join(passage.also_fits)}" if passage.also_fits else ""


def _figures(passage: ResultPassage) -> str:
    change = f"pitch {passage.pitch_cents / 100 + 0.0:+.2f} st, tempo {passage.tempo_percent:.1f} %"
    where = f", in {passage.stream_text} of the track" if passage.stream_text else ""
    return f", {change}, speed {passage.speed_percent:.1f} %, confidence {confidence_text(passage.confidence)}{where}"


def _span(start_ms: int, end_ms: int) -> str:
    return f"{clock(start_ms / 1000)}-{clock(end_ms / 1000)}"


def _seconds(ms: int) -> str:
    return f"{ms // 1000}.{ms % 1000:03}000"
