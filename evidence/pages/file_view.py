"""What the page of one matched file says: its passages with their figures, what was tried, limits, digests.

In come a result, its trace, and the audio that is at hand; out comes a plain record for the template, and the pictures
and excerpts that it refers to. The alignment is computed again from the trace (`index.rechecking`): what is drawn is
what came out, and where that is not what the result says, the page says so and draws nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evidence.pages.excerpts import MEDIA_TYPE, SUFFIX, excerpts
from evidence.pages.figures import (
    PLOT,
    STAGE,
    SpectraFigure,
    pitch_figure,
    plane_figure,
    spectra_figure,
)
from evidence.pages.geometry import Scale, time_ticks
from evidence.pages.shelf import Shelf
from evidence.pages.sounds import Sound, query_sound, recording_sound
from evidence.pages.spectra import Stretch, picture, pooled_cells, shades
from evidence.pages.words import LIMITS, by_chance, changed, count, share, span, verdict
from evidence.results import FileResult, Found, FoundSegment
from fingerprint.errors import AudioError, SourceprintError, VerificationError, printable
from fingerprint.params import Params
from index.rechecking import Rechecked, recheck
from index.result import Segment, union_seconds
from index.scan_text import odds
from index.tables import clock
from index.trace import Trace, TracedFind
from index.trace_file import read_trace

__all__ = ["MOST_PICTURED", "FileView", "file_view", "reused_ms"]

MOST_PICTURED = 40
"""Passages of one file that are drawn, at most; the others stand in the table."""

_EXCERPT_AROUND_SECONDS = 2.0
_EXCERPT_SECONDS = 30.0
_COLUMNS_PER_SECOND = 40.0
_MOST_COLUMNS = 1056  # the width of a spectrogram in its drawing


@dataclass(frozen=True, slots=True)
class FileView:
    """A page to be: what the template is given, and what went wrong.

    Attributes
    ----------
    values : dict
        By the names that the template uses.
    remark : str
        Why the figures are missing, or "".
    """

    values: dict[str, Any]
    remark: str


@dataclass(frozen=True, slots=True)
class _Passage:
    """A segment of the result, and what the recheck made of it; None where that is missing."""

    number: int
    match: Found
    stated: FoundSegment
    segment: Segment | None


def reused_ms(result: FileResult) -> int:
    """Return the milliseconds of a file that any recording covers."""
    return round(
        union_seconds([(float(s.query_start_ms), float(s.query_end_ms)) for m in result.matches for s in m.segments])
    )


def file_view(
    result: FileResult,
    trace_path: Path,
    candidates: Mapping[str, Sequence[Path]],
    shelf: Shelf,
    *,
    with_audio: bool,
) -> FileView:
    """Return what the page of a file says, and put its pictures and excerpts on the shelf.

    Parameters
    ----------
    result : FileResult
        A file in which something was found.
    trace_path : Path
        Its trace.
    candidates : mapping
        Audio files by recording id (`sounds.Catalogue.candidates`).
    shelf : Shelf
        Takes pictures and excerpts.
    with_audio : bool
        Whether excerpts may be on the page.
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
    query = query_sound(result)
    sounds = _recording_sounds(trace, candidates) if trace is not None else {}
    values: dict[str, Any] = {
        "result": result,
        "name": Path(result.name).name or result.name,
        "verdict": verdict(result, reused_ms(result)),
        "lanes": _lanes(result, passages),
        "lane_ticks": [
            asdict(tick) for tick in time_ticks(Scale(0.0, max(result.duration_ms, 1) / 1000, 0.0, 100.0), most=8)
        ],
        "rows": [_row(passage, result) for passage in passages],
        "passages": [],
        "remark": remark,
        "not_drawn": max(0, len(passages) - MOST_PICTURED) if checked is not None else 0,
        "with_audio": with_audio,
        "tried": _tried(result, trace, checked),
        "limits": LIMITS,
        "digests": _digests(result),
        "stage": STAGE,
        "plot": PLOT,
    }
    if trace is not None and checked is not None:
        drawn = passages[:MOST_PICTURED]
        values["passages"] = _drawn(result, trace, checked, drawn, query, sounds, shelf, with_audio)
    return FileView(values, remark)


def _compare(result: FileResult, trace: Trace, checked: Rechecked) -> None:
    """Refuse a trace that is about something else, or does not give what the result says."""
    of_trace = (trace.sha256, trace.index_digest, trace.params_digest, trace.settings_digest)
    if of_trace != (result.sha256, result.index_digest, result.params_digest, result.settings_digest):
        raise VerificationError("the trace is of another file, index or search than the result; scan the file again")
    stated = [
        _placed(m.asset_id, s.query_start_ms, s.asset_start_ms, s.query_end_ms)
        for m in result.matches
        for s in m.segments
    ]
    found = [
        _placed(
            m.recording.id, 1000 * s.query_start_seconds, 1000 * s.reference_start_seconds, 1000 * s.query_end_seconds
        )
        for m in checked.matches
        for s in m.segments
    ]
    if len(stated) != len(found) or not all(map(_same_place, stated, found)):
        raise VerificationError("the trace gives other passages than the result states; one of them was altered")


def _placed(asset_id: str, *milliseconds: float) -> tuple[str, tuple[float, ...]]:
    return asset_id, milliseconds


def _same_place(one: tuple[str, tuple[float, ...]], other: tuple[str, tuple[float, ...]]) -> bool:
    return one[0] == other[0] and all(abs(a - b) <= 2.0 for a, b in zip(one[1], other[1], strict=True))


def _passages(result: FileResult, checked: Rechecked | None) -> list[_Passage]:
    """Return all segments by query time; the recheck has them in the order of the result."""
    again: list[Segment | None] = []
    if checked is not None:
        again = [segment for match in checked.matches for segment in match.segments]
    stated = [(match, segment) for match in result.matches for segment in match.segments]
    again = again or [None] * len(stated)
    paired = [(match, segment, other) for (match, segment), other in zip(stated, again, strict=True)]
    paired.sort(key=lambda three: (three[1].query_start_ms, three[1].query_end_ms, three[0].asset_id))
    return [_Passage(number, *three) for number, three in enumerate(paired, start=1)]


def _recording_sounds(trace: Trace, candidates: Mapping[str, Sequence[Path]]) -> dict[str, Sound]:
    recordings = {find.recording.id: find.recording for part in trace.parts for find in part.finds}
    return {name: recording_sound(recording, candidates) for name, recording in recordings.items()}


def _lanes(result: FileResult, passages: Sequence[_Passage]) -> list[dict[str, Any]]:
    whole = max(result.duration_ms, 1)
    lanes = []
    for match in result.matches:
        own = [passage for passage in passages if passage.match is match]
        lanes.append(
            {
                "label": _label(match),
                "covered": f"{clock(match.query_match_ms / 1000)} ({share(match.query_match_ms, result.duration_ms)})",
                "bars": [
                    {
                        "number": passage.number,
                        "left": f"{100 * passage.stated.query_start_ms / whole:.2f}",
                        "width": f"{100 * (passage.stated.query_end_ms - passage.stated.query_start_ms) / whole:.2f}",
                        "text": f"Passage {passage.number}: {_spans(passage.stated)}",
                    }
                    for passage in own
                ],
            }
        )
    return lanes


def _row(passage: _Passage, result: FileResult) -> dict[str, Any]:
    segment = passage.stated
    return {
        "number": passage.number,
        "label": _label(passage.match),
        "query": span(segment.query_start_ms, segment.query_end_ms),
        "recording": span(segment.asset_start_ms, segment.asset_end_ms),
        "changed": changed(segment),
        "landmarks": f"{segment.aligned_landmarks}",
        "odds": odds(segment.p_false),
        "confidence": f"{math.floor(segment.confidence * 1e6) / 1e6:.6f}",
        "drawn": passage.number <= MOST_PICTURED and passage.segment is not None,
        "also_fits": segment.also_fits,
    }


def _label(match: Found) -> dict[str, str]:
    return {"id": match.asset_id, "title": match.title, "artists": ", ".join(match.artists), "isrc": match.isrc}


def _spans(segment: FoundSegment) -> str:
    here, there = span(segment.query_start_ms, segment.query_end_ms), span(segment.asset_start_ms, segment.asset_end_ms)
    return f"{here} of the track, {there} of the recording"


def _drawn(
    result: FileResult,
    trace: Trace,
    checked: Rechecked,
    passages: Sequence[_Passage],
    query: Sound,
    sounds: Mapping[str, Sound],
    shelf: Shelf,
    with_audio: bool,
) -> list[dict[str, Any]]:
    cells_per_octave = trace.parts[0].circumstances.cells_per_octave
    drawn: list[dict[str, Any]] = []
    for passage in passages:
        segment = passage.segment
        if segment is None:
            continue
        pairs = checked.pairs[passage.match.asset_id].of_segment(segment)
        axis = {"fmin_hz": trace.fmin_hz, "cells_per_octave": cells_per_octave}
        sound = sounds[passage.match.asset_id]
        drawn.append(
            {
                "number": passage.number,
                "label": _label(passage.match),
                "row": _row(passage, result),
                "decision": by_chance(passage.stated),
                "score": f"{segment.score:.1f}",
                "threshold": f"{checked.score_threshold:.1f}",
                "spectra": spectra_figure(segment, pairs, _finds(trace, passage.match.asset_id, segment), **axis),
                "plane": plane_figure(segment, pairs),
                "pitch": pitch_figure(segment, pairs, cells_per_octave=cells_per_octave),
                "images": {},
                "missing": [why for why in (query.why_not, sound.why_not) if why],
                "audio": {},
                "excerpt": _excerpt(result, segment),
            }
        )
    if trace.params_digest != Params().digest:
        for entry in drawn:
            entry["missing"] = [
                "The index was made with other parameters than this version's, so no spectrogram is drawn."
            ]
    else:
        _add_pictures(drawn, passages, query, sounds, shelf)
    if with_audio:
        _add_excerpts(drawn, passages, query, sounds, shelf)
    return drawn


def _finds(trace: Trace, asset_id: str, segment: Segment) -> list[TracedFind]:
    return [
        find
        for part in trace.parts
        for find in part.finds
        if find.recording.id == asset_id
        and find.seconds[0] <= segment.query_end_seconds
        and find.seconds[-1] >= segment.query_start_seconds
    ]


def _excerpt(result: FileResult, segment: Segment) -> dict[str, float]:
    """Return where the excerpts of a passage lie: in the track, and along its line in the recording."""
    start = max(0.0, segment.query_start_seconds - _EXCERPT_AROUND_SECONDS)
    end = min(segment.query_end_seconds + _EXCERPT_AROUND_SECONDS, result.duration_ms / 1000, start + _EXCERPT_SECONDS)
    there = segment.reference_start_seconds + segment.ratio * (start - segment.query_start_seconds)
    return {
        "start": round(start, 3),
        "length": round(end - start, 3),
        "ratio": round(segment.ratio, 6),
        "there": round(there, 3),
    }


def _by_sound(
    drawn: Sequence[dict[str, Any]], passages: Sequence[_Passage], query: Sound, sounds: Mapping[str, Sound]
) -> list[tuple[str, Path, list[dict[str, Any]]]]:
    """Return what is drawn of each audio file at hand, so that each is read once."""
    groups: list[tuple[str, Path, list[dict[str, Any]]]] = []
    if query.path is not None:
        groups.append(("query", query.path, list(drawn)))
    for asset_id in dict.fromkeys(passage.match.asset_id for passage in passages):
        path = sounds[asset_id].path
        if path is not None:
            groups.append(("recording", path, [entry for entry in drawn if entry["label"]["id"] == asset_id]))
    return groups


def _add_pictures(
    drawn: Sequence[dict[str, Any]],
    passages: Sequence[_Passage],
    query: Sound,
    sounds: Mapping[str, Sound],
    shelf: Shelf,
) -> None:
    params = Params()
    for kind, path, entries in _by_sound(drawn, passages, query, sounds):
        stretches = [_stretch(entry["spectra"], kind) for entry in entries]
        try:
            several = pooled_cells(path, stretches, params)
        except AudioError as error:
            for entry in entries:
                entry["missing"].append(f"The audio could not be decoded: {error}.")
            continue
        for entry, stretch, power in zip(entries, stretches, several, strict=True):
            image = picture(shades(power, stretch, params))
            entry["images"][kind] = shelf.put(f"{entry['number']}-{kind}.png", image, "image/png")


def _stretch(figure: SpectraFigure, kind: str) -> Stretch:
    length = figure.query_seconds[1] - figure.query_seconds[0]
    n_columns = max(24, min(_MOST_COLUMNS, math.floor(length * _COLUMNS_PER_SECOND)))
    start, end = figure.query_seconds if kind == "query" else figure.reference_seconds
    return Stretch(start, end, n_columns)


def _add_excerpts(
    drawn: Sequence[dict[str, Any]],
    passages: Sequence[_Passage],
    query: Sound,
    sounds: Mapping[str, Sound],
    shelf: Shelf,
) -> None:
    for kind, path, entries in _by_sound(drawn, passages, query, sounds):
        spans = []
        for entry in entries:
            where = entry["excerpt"]
            start, pace = (where["start"], 1.0) if kind == "query" else (where["there"], where["ratio"])
            spans.append((start, start + pace * where["length"]))
        try:
            several = excerpts(path, spans)
        except AudioError as error:
            for entry in entries:
                entry["missing"].append(f"The audio could not be decoded: {error}.")
            continue
        for entry, data in zip(entries, several, strict=True):
            entry["audio"][kind] = shelf.put(f"{entry['number']}-{kind}{SUFFIX}", data, MEDIA_TYPE)


def _tried(result: FileResult, trace: Trace | None, checked: Rechecked | None) -> list[tuple[str, str]]:
    facts = [
        ("Recordings searched", f"{result.recordings} of {result.tracks} in the index"),
        ("Method", f"{result.algorithm}, layer {' and '.join(sorted({match.layer for match in result.matches}))}"),
        ("Limit", f"{_plain(result.max_false_per_1000h)} false matches put up with in 1 000 hours of audio"),
    ]
    if trace is None:
        return facts
    parts = trace.parts
    decoys = sum(len(part.circumstances.decoy_scores) for part in parts)
    decoy_seconds = sum(part.circumstances.decoy_seconds for part in parts)
    facts += [
        ("Landmarks of the track", count(sum(part.n_landmarks for part in parts), "landmark")),
        (
            "Landmarks of the catalogue",
            count(max(part.circumstances.n_catalogue_landmarks for part in parts), "landmark"),
        ),
        ("Alignments tried", count(sum(part.n_hypotheses for part in parts), "hypothetical line")),
        ("Time scales", ", ".join(f"{scale:g}" for scale in trace.scales) + " (each covers tempo within 13 %)"),
        (
            "Reversed track",
            f"{clock(decoy_seconds)} of it, played backwards, went through the same search: {decoys} distinct chance "
            "alignments, from which the tail of chance is estimated",
        ),
    ]
    if checked is not None:
        facts.append(
            ("Score needed", f"{checked.score_threshold:.1f}, more where other recordings fit the same passage")
        )
    return facts


def _digests(result: FileResult) -> list[tuple[str, str]]:
    return [
        ("SHA-256 of the track", result.sha256),
        ("Index", result.index_digest),
        ("Settings of the search", result.settings_digest or "not stated"),
        ("Parameters of the fingerprint", result.params_digest),
        ("Decoder", result.decoder or "not stated"),
    ]


def _plain(x: float) -> str:
    return "an unstated number of" if math.isnan(x) else f"{x:g}"
