"""Figures, pictures and excerpts of each passage of a file.

In come the passages of a result with their recheck, and the audio that is at hand; out come plain
records for the template, in order of the track, with the addresses of files on the shelf. Each audio file is
read once for the pictures, and once for the excerpts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import UNSET

from fingerprint.errors import AudioError
from fingerprint.params import Params
from index.recheck.recheck import Rechecked
from index.recheck.trace import Trace, TracedPassage
from index.search.matches import Passage
from index.search.significance import LEAST_P
from sourceprint.evidence.pages.addresses import recording_address
from sourceprint.evidence.pages.figures import SpectraFigure, pitch_figure, plane_figure, spectra_figure
from sourceprint.evidence.pages.page import Shelf
from sourceprint.evidence.pages.sounds import MEDIA_TYPE, SUFFIX, Sound, excerpts
from sourceprint.evidence.pages.spectra import Stretch, picture, pooled_cells, shades
from sourceprint.evidence.pages.words import by_chance, by_chance_rate, changed, in_odds, is_brief, span
from sourceprint.scans.results import ResultMatch, ResultPassage, ScanResult
from sourceprint.text.tables import confidence_text, counted

__all__ = ["MOST_PICTURED", "Passage", "drawn_passages", "label_of", "passage_row"]

MOST_PICTURED = 40
"""Passages of one file that are drawn, at most; the others stand in the table."""

_EXCERPT_AROUND_SECONDS = 2.0
_EXCERPT_SECONDS = 30.0
_COLUMNS_PER_SECOND = 40.0
_MOST_COLUMNS = 1056  # the width of a spectrogram in its drawing


@dataclass(frozen=True, slots=True)
class DrawnPassage:
    """A passage of a result.

    Attributes
    ----------
    number : int
        From 1, in order of the track.
    match : ResultMatch
        The recording that it is of.
    stated : ResultPassage
        As the result has it.
    aligned : Passage or None
        As it came out of the trace; None where that could not be used.
    """

    number: int
    match: ResultMatch
    stated: ResultPassage
    aligned: Passage | None


def passage_row(passage: DrawnPassage) -> dict[str, Any]:
    """Return the figures of a passage as texts, for its row in the table of all passages."""
    stated = passage.stated
    return {
        "number": passage.number,
        "label": label_of(passage.match),
        "track": span(stated.track_start_ms, stated.track_end_ms),
        "stream": stated.stream_text,
        "recording": span(stated.recording_start_ms, stated.recording_end_ms),
        "changed": changed(stated),
        "landmarks": f"{stated.aligned_landmarks}",
        "odds": in_odds(stated.p_false),
        "confidence": confidence_text(stated.confidence),
        "drawn": passage.number <= MOST_PICTURED and passage.aligned is not None,
        "also_fits": [
            {"id": name, "page": recording_address(name), "figures": alternative_texts(stated, name)}
            for name in stated.also_fits
        ],
    }


def alternative_texts(stated: ResultPassage, recording_id: str) -> list[str]:
    """Return where another recording fits a passage, and how well; nothing where a result names it alone."""
    return [
        f"{'the same audio, ' if one.same_audio else ''}{span(one.track_start_ms, one.track_end_ms)} of the track at "
        f"{span(one.recording_start_ms, one.recording_end_ms)} of it, {changed(one)}, "
        f"{counted(one.aligned_landmarks, 'landmark')}"
        for one in stated.alternatives
        if one.recording_id == recording_id
    ]


def label_of(match: ResultMatch) -> dict[str, str]:
    """Return id, title, artists and ISRC of a recording, and the address of its page from the folder of the report."""
    return {
        "id": match.recording_id,
        "page": recording_address(match.recording_id),
        "title": match.title or "",
        "artists": ", ".join(match.artists),
        "isrc": match.isrc or "",
    }


def drawn_passages(
    result: ScanResult,
    trace: Trace,
    checked: Rechecked,
    passages: Sequence[DrawnPassage],
    track: Sound,
    sounds: Mapping[str, Sound],
    shelf: Shelf,
    with_audio: bool,
) -> list[dict[str, Any]]:
    """Return the figures of passages, and put pictures and excerpts on the shelf.

    Parameters
    ----------
    result : ScanResult
        The file that they are passages of.
    trace : Trace
        Of that file.
    checked : Rechecked
        Recheck of the trace.
    passages : sequence of DrawnPassage
        Those to be drawn.
    track : Sound
        Audio of the file.
    sounds : mapping of str to Sound
        Audio of the recordings, by id.
    shelf : Shelf
        Takes pictures and excerpts.
    with_audio : bool
        Whether excerpts may be on the page.
    """
    cells_per_octave = trace.parts[0].circumstances.cells_per_octave
    drawn: list[dict[str, Any]] = []
    for passage in passages:
        aligned = passage.aligned
        if aligned is None:
            continue
        pairs = checked.pairs[passage.match.recording_id].of_passage(aligned)
        axis = {"fmin_hz": trace.fmin_hz, "cells_per_octave": cells_per_octave}
        sound = sounds[passage.match.recording_id]
        drawn.append(
            {
                "number": passage.number,
                "label": label_of(passage.match),
                "row": passage_row(passage),
                "decision": by_chance(passage.stated),
                "facts": _facts(passage.stated, aligned, checked.score_threshold),
                "spectra": spectra_figure(aligned, pairs, _finds(trace, passage.match.recording_id, aligned), **axis),
                "plane": plane_figure(aligned, pairs),
                "is_brief": is_brief(passage.stated),
                "pitch": pitch_figure(aligned, pairs, cells_per_octave=cells_per_octave),
                "images": {"track": "", "recording": ""},
                "missing": [why for why in (track.why_not, sound.why_not) if why],
                "audio": {"track": "", "recording": ""},
                "excerpt": _excerpt(result, aligned),
                "stream": _stream(aligned),
            }
        )
    if trace.params_digest != Params().digest:
        for entry in drawn:
            entry["missing"] = [
                "The index was made with other parameters than this version's, so no spectrogram is drawn."
            ]
    else:
        _add_pictures(drawn, passages, track, sounds, shelf)
    if with_audio:
        _add_excerpts(drawn, passages, track, sounds, shelf)
    return drawn


def _facts(stated: ResultPassage, passage: Passage, threshold: float) -> list[tuple[str, str]]:
    streams = () if stated.streams is UNSET else stated.streams
    return [
        *([("Audio stream", ", ".join(map(str, streams)))] if streams else []),
        ("Pitch", f"{stated.pitch_cents:+.0f} cents".replace("-0 ", "0 ").replace("+0 ", "0 ")),
        ("Tempo, speed", f"{stated.tempo_percent:.1f} %, {stated.speed_percent:.1f} %"),
        ("Landmarks", f"{stated.aligned_landmarks}, {stated.expected_by_chance:.1f} by chance"),
        ("Probability", f"{_at_most(stated)}{in_odds(stated.p_false)} by chance"),
        ("Rate", f"{by_chance_rate(stated)}, by chance"),
        ("Confidence", confidence_text(stated.confidence)),
        ("Score", f"{passage.score:.1f}; {threshold:.1f} was needed"),
    ]


def _at_most(passage: ResultPassage) -> str:
    return "at most " if passage.p_false <= LEAST_P else ""


def _finds(trace: Trace, recording_id: str, passage: Passage) -> list[TracedPassage]:
    return [
        find
        for part in trace.parts
        for find in part.passages
        if part.stream == _stream(passage)
        and find.recording.id == recording_id
        and find.seconds[0] <= passage.track_end_seconds
        and find.seconds[-1] >= passage.track_start_seconds
    ]


def _stream(passage: Passage) -> int:
    """Return the audio stream that the figures of a passage are of; 0 where the file has one."""
    return passage.streams[0] if passage.streams else 0


def _excerpt(result: ScanResult, passage: Passage) -> dict[str, float]:
    """Return where the excerpts of a passage lie: in the track, and along its line in the recording."""
    start = max(0.0, passage.track_start_seconds - _EXCERPT_AROUND_SECONDS)
    end = min(passage.track_end_seconds + _EXCERPT_AROUND_SECONDS, result.duration_ms / 1000, start + _EXCERPT_SECONDS)
    there = passage.recording_start_seconds + passage.ratio * (start - passage.track_start_seconds)
    return {
        "start": round(start, 3),
        "length": round(end - start, 3),
        "ratio": round(passage.ratio, 6),
        "there": round(there, 3),
    }


def _by_sound(
    drawn: Sequence[dict[str, Any]], passages: Sequence[DrawnPassage], track: Sound, sounds: Mapping[str, Sound]
) -> list[tuple[str, Path, int, list[dict[str, Any]]]]:
    """Return the passages drawn from each audio stream at hand, so that each is read once."""
    groups: list[tuple[str, Path, int, list[dict[str, Any]]]] = []
    if track.path is not None:
        groups += [
            ("track", track.path, stream, [entry for entry in drawn if entry["stream"] == stream])
            for stream in sorted({entry["stream"] for entry in drawn})
        ]
    for recording_id in dict.fromkeys(passage.match.recording_id for passage in passages):
        path = sounds[recording_id].path
        if path is not None:
            groups.append(("recording", path, 0, [entry for entry in drawn if entry["label"]["id"] == recording_id]))
    return groups


def _add_pictures(
    drawn: Sequence[dict[str, Any]],
    passages: Sequence[DrawnPassage],
    track: Sound,
    sounds: Mapping[str, Sound],
    shelf: Shelf,
) -> None:
    params = Params()
    for kind, path, stream, entries in _by_sound(drawn, passages, track, sounds):
        stretches = [_stretch(entry["spectra"], kind) for entry in entries]
        try:
            several = pooled_cells(path, stretches, params, stream=stream)
        except AudioError as error:
            for entry in entries:
                entry["missing"].append(f"The audio could not be decoded: {error}.")
            continue
        for entry, stretch, power in zip(entries, stretches, several, strict=True):
            image = picture(shades(power, stretch, params))
            entry["images"][kind] = shelf.put(f"{entry['number']}-{kind}.png", image, "image/png")


def _stretch(figure: SpectraFigure, kind: str) -> Stretch:
    length = figure.track_seconds[1] - figure.track_seconds[0]
    n_columns = max(24, min(_MOST_COLUMNS, math.floor(length * _COLUMNS_PER_SECOND)))
    start, end = figure.track_seconds if kind == "track" else figure.recording_seconds
    return Stretch(start, end, n_columns)


def _add_excerpts(
    drawn: Sequence[dict[str, Any]],
    passages: Sequence[DrawnPassage],
    track: Sound,
    sounds: Mapping[str, Sound],
    shelf: Shelf,
) -> None:
    for kind, path, stream, entries in _by_sound(drawn, passages, track, sounds):
        spans = []
        for entry in entries:
            where = entry["excerpt"]
            start, pace = (where["start"], 1.0) if kind == "track" else (where["there"], where["ratio"])
            spans.append((start, start + pace * where["length"]))
        try:
            several = excerpts(path, spans, stream=stream)
        except AudioError as error:
            for entry in entries:
                if (why := f"The audio could not be decoded: {error}.") not in entry["missing"]:
                    entry["missing"].append(why)
            continue
        for entry, data in zip(entries, several, strict=True):
            entry["audio"][kind] = shelf.put(f"{entry['number']}-{kind}{SUFFIX}", data, MEDIA_TYPE)
