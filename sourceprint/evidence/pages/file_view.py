"""Content of the page of one matched file: its passages with their figures, the search, limits, digests.

In come a result, its trace, and the audio that is at hand; out comes a plain record for the template, and the pictures
and excerpts that it refers to. The alignment is computed again from the trace (`index.recheck.recheck`): the page draws
the recomputed alignment, and where that differs from the result, it says so and draws nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fingerprint.errors import SourceprintError, VerificationError
from fingerprint.extract import is_fingerprint_file
from index.recheck.recheck import Rechecked, recheck
from index.recheck.trace import Trace
from index.recheck.trace_file import read_trace
from index.search.hypotheses import RATIO_SLACK
from sourceprint.evidence.pages.figures import PLOT, STAGE
from sourceprint.evidence.pages.geometry import LEAST_OF_LANE, Scale, rows_of_spans, time_ticks
from sourceprint.evidence.pages.page import Shelf
from sourceprint.evidence.pages.passages import (
    MOST_PICTURED,
    DrawnPassage,
    drawn_passages,
    label_of,
    passage_row,
)
from sourceprint.evidence.pages.recording_view import numbered
from sourceprint.evidence.pages.sounds import Sound, recording_sound, track_sound
from sourceprint.evidence.pages.words import LIMITS, share, span, verdict
from sourceprint.scans.results import ResultPassage, ScanResult
from sourceprint.scans.summary import reused_ms
from sourceprint.text.tables import clock, grouped

__all__ = ["FileView", "file_view", "recording_digests"]


@dataclass(frozen=True, slots=True)
class FileView:
    """A page to be made: the values for the template, and failures.

    Attributes
    ----------
    values : dict
        By the names that the template uses.
    remark : str
        Why the figures are missing, or "".
    no_audio : str
        Why nothing is drawn of the track's audio, though it was scanned as audio, or "".
    recordings : dict of str to str
        By id of each recording that was found: why nothing is drawn of its audio, or "".
    """

    values: dict[str, Any]
    remark: str
    no_audio: str
    recordings: dict[str, str]


def file_view(
    result: ScanResult,
    trace_path: Path,
    candidates: Mapping[str, Sequence[Path]],
    shelf: Shelf,
    *,
    with_audio: bool,
    audio: Path | None = None,
) -> FileView:
    """Return the content of a file's page; its pictures and excerpts are added to `shelf`.

    Parameters
    ----------
    result : ScanResult
        A file in which something was found.
    trace_path : Path
        Its trace.
    candidates : mapping
        Audio files by recording id (`sounds.CatalogueAudio.candidates`).
    shelf : Shelf
        Takes pictures and excerpts.
    with_audio : bool
        Whether excerpts may be on the page.
    audio : Path, optional
        The audio file of the track; by default the one that the result names.
    """
    trace: Trace | None = None
    checked: Rechecked | None = None
    remark = ""
    try:
        trace = read_trace(trace_path)
        checked = recheck(trace)
        _compare(result, trace, checked)
    except SourceprintError as error:
        remark, checked = str(error), None
    passages = _passages(result, checked)
    track = track_sound(result, audio)
    sounds = _recording_sounds(trace, candidates) if trace is not None else {}
    values: dict[str, Any] = {
        "result": result,
        "name": Path(result.name).name or result.name,
        "verdict": verdict(result, reused_ms(result)),
        "lanes": _lanes(result, passages),
        "lane_ticks": [
            asdict(tick) for tick in time_ticks(Scale(0.0, max(result.duration_ms, 1) / 1000, 0.0, 100.0), most=8)
        ],
        "rows": [passage_row(passage) for passage in passages],
        "passages": [],
        "remark": remark,
        "not_drawn": max(0, len(passages) - MOST_PICTURED) if checked is not None else 0,
        "with_audio": with_audio,
        "case": "",
        "tried": _tried(result, trace, checked),
        "limits": LIMITS,
        "digests": _digests(result),
        "stage": STAGE,
        "plot": PLOT,
    }
    if trace is not None and checked is not None:
        drawn = passages[:MOST_PICTURED]
        values["passages"] = drawn_passages(result, trace, checked, drawn, track, sounds, shelf, with_audio)
    no_audio = "" if is_fingerprint_file(Path(result.name)) else track.why_not
    return FileView(values, remark, no_audio, {name: sound.why_not for name, sound in sounds.items()})


def recording_digests(trace_path: Path) -> dict[str, str]:
    """Return the SHA-256 of the audio of the recordings of a trace, by id; none of a trace that cannot be used."""
    try:
        trace = read_trace(trace_path)
    except SourceprintError:
        return {}  # the page says why
    return {find.recording.id: find.recording.sha256 for part in trace.parts for find in part.passages}


def _compare(result: ScanResult, trace: Trace, checked: Rechecked) -> None:
    """Refuse a trace of something else, or one that does not give the result."""
    of_trace = (trace.sha256, trace.index_digest, trace.params_digest, trace.settings_digest)
    if of_trace != (result.sha256, result.index_digest, result.params_digest, result.settings_digest):
        raise VerificationError("the trace is of another file, index or search than the result; scan the file again")
    stated = [
        _placed(m.recording_id, s.track_start_ms, s.recording_start_ms, s.track_end_ms)
        for m in result.matches
        for s in m.passages
    ]
    found = [
        _placed(
            m.recording.id, 1000 * s.track_start_seconds, 1000 * s.recording_start_seconds, 1000 * s.track_end_seconds
        )
        for m in checked.matches
        for s in m.passages
    ]
    if len(stated) != len(found) or not all(map(_same_place, stated, found)):
        raise VerificationError(
            "the passages of the trace differ from those of the result: one of the two was altered; scan the file again"
        )


def _placed(recording_id: str, *milliseconds: float) -> tuple[str, tuple[float, ...]]:
    return recording_id, milliseconds


def _same_place(one: tuple[str, tuple[float, ...]], other: tuple[str, tuple[float, ...]]) -> bool:
    return one[0] == other[0] and all(abs(a - b) <= 2.0 for a, b in zip(one[1], other[1], strict=True))


def _passages(result: ScanResult, checked: Rechecked | None) -> list[DrawnPassage]:
    """Return all passages by track time; the recheck has them in the order of the result."""
    stated = [passage for match in result.matches for passage in match.passages]
    found = [passage for match in checked.matches for passage in match.passages] if checked is not None else []
    again = {id(one): other for one, other in zip(stated, found, strict=False)}
    return [DrawnPassage(number, match, one, again.get(id(one))) for number, match, one in numbered(result)]


def _recording_sounds(trace: Trace, candidates: Mapping[str, Sequence[Path]]) -> dict[str, Sound]:
    recordings = {find.recording.id: find.recording for part in trace.parts for find in part.passages}
    return {name: recording_sound(recording, candidates) for name, recording in recordings.items()}


def _lanes(result: ScanResult, passages: Sequence[DrawnPassage]) -> list[dict[str, Any]]:
    """Return a lane per recording, with as many rows as its passages need so that none lies on another."""
    whole = max(result.duration_ms, 1)
    lanes = []
    for match in result.matches:
        own = [passage for passage in passages if passage.match is match]
        spans = [(float(p.stated.track_start_ms), float(p.stated.track_end_ms)) for p in own]
        rows: dict[int, list[dict[str, Any]]] = {}
        for row, (start, end), passage in zip(
            rows_of_spans(spans, least=LEAST_OF_LANE * whole), spans, own, strict=True
        ):
            rows.setdefault(row, []).append(
                {
                    "number": passage.number,
                    "left": f"{100 * start / whole:.2f}",
                    "width": f"{100 * (end - start) / whole:.2f}",
                    "text": f"Passage {passage.number}: {_spans(passage.stated)}",
                }
            )
        lanes.append(
            {
                "label": label_of(match),
                "covered": f"{clock(match.track_match_ms / 1000)} ({share(match.track_match_ms, result.duration_ms)})",
                "rows": [rows[k] for k in sorted(rows)],
            }
        )
    return lanes


def _spans(passage: ResultPassage) -> str:
    here, there = (
        span(passage.track_start_ms, passage.track_end_ms),
        span(passage.recording_start_ms, passage.recording_end_ms),
    )
    return f"{here} of the track, {there} of the recording{f', {passage.stream_text}' if passage.stream_text else ''}"


def _tried(result: ScanResult, trace: Trace | None, checked: Rechecked | None) -> list[tuple[str, str]]:
    is_stated = result.index.recordings > 0  # a grant hides the size of the catalogue
    facts = [
        *([("Recordings searched", f"{result.recordings} of {result.index.recordings} in the index")] * is_stated),
        ("Method", f"{result.algorithm}, layer {' and '.join(sorted({match.layer for match in result.matches}))}"),
        ("Limit", _limit_text(result.max_false_per_1000h)),
    ]
    if trace is None:
        return facts
    parts = trace.parts
    decoys = sum(len(part.circumstances.decoy_scores) for part in parts)
    decoy_seconds = sum(part.circumstances.decoy_seconds for part in parts)
    facts += [
        ("Landmarks of the track", grouped(sum(part.n_landmarks for part in parts))),
        *(
            [("Landmarks of the catalogue", grouped(max(p.circumstances.n_catalogue_landmarks for p in parts)))]
            * is_stated
        ),
        ("Alignments tried", grouped(sum(part.n_hypotheses for part in parts))),
        (
            "Time scales",
            ", ".join(f"{scale:g}" for scale in trace.scales)
            + f" (each covers tempo within {100 * RATIO_SLACK:.0f} %)",
        ),
        (
            "Reversed track",
            f"{clock(decoy_seconds)} of it, played backwards, went through the same search; alignments found there, "
            f"which can only be chance: {decoys}. These, and figures from other music, give the probabilities",
        ),
    ]
    if checked is not None:
        facts.append(
            ("Score needed", f"{checked.score_threshold:.1f}, more where other recordings fit the same passage")
        )
    return facts


def _digests(result: ScanResult) -> list[tuple[str, str]]:
    return [
        ("SHA-256 of the track", result.sha256),
        ("Index", result.index_digest),
        ("Settings of the search", result.settings_digest or "not stated"),
        ("Parameters of the fingerprint", result.params_digest),
        ("Decoder", result.decoder or "not stated"),
    ]


def _limit_text(rate: float) -> str:
    return (
        "not stated"
        if math.isnan(rate)
        else f"at most {rate:g} false in 1 000 hours of such audio, as expected by chance"
    )
