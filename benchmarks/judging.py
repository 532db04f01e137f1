"""Search for a distorted excerpt, whole or a piece of it, and judge the answer for the robustness table.

An excerpt is *found* when the right recording is among the reported matches at the default threshold. Every search is
made with nothing held back, so that the score of the right recording is known where it is not found, and recall at
other thresholds too. Apart from that a trial says whether the right recording came first, whether it is only named as
one that fits as well (`also_fits`: a duplicate took its place), how far pitch, tempo and boundaries are off, and which
other recordings were reported. These are kept by name, to be listened to: two recordings of one source may well share
material. Where a second passage of the catalogue was mixed in, that one counts as right too, but not as found.
"""

from __future__ import annotations

import functools
import math
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.catalogues import LAYER, Side
from benchmarks.distortion.conditions import CONDITIONS
from benchmarks.distortion.distortions import mono
from benchmarks.trials import QUIETEST, TRIAL_RATE_HZ, Excerpt, Made, Trial, make, side_of
from fingerprint.errors import AudioError
from fingerprint.extract import fingerprint_file
from fingerprint.landmarks import Fingerprint
from index.folder.index import Index
from index.search.match import DEFAULT_FALSE_PER_1000H, STANDARD, THOROUGH, SearchOptions, match_track
from index.search.matches import Match, Passage
from index.storage.snapshot import Snapshot
from sourceprint.demo.transformations import rms

__all__ = ["LOOSEST", "WHOLE", "Question", "ask", "cut_clip", "judge"]

WHOLE = 0.0
"""As the length of a clip: the whole excerpt, at any length."""

LOOSEST = 1000.0
"""Other recordings that are stated to be commoner than this by chance, per 1 000 hours, are not kept."""

_EVERYTHING = 1e12
_STEP_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Question:
    """A trial, the lengths of its pieces to search for, and the indexes to search.

    Attributes
    ----------
    trial : Trial
        The distorted excerpt.
    seconds : tuple of float
        Lengths of the pieces, as they are heard; `WHOLE` for all of it.
    indexes : tuple of str
        Folders; () for the index of the side that scores the excerpt.
    nprobe : int or None
        Inverted lists visited; None for as many as a search visits by default.
    """

    trial: Trial
    seconds: tuple[float, ...] = (WHOLE,)
    indexes: tuple[str, ...] = ()
    nprobe: int | None = None


def ask(question: Question, cache: Path) -> list[dict[str, Any]]:
    """Return the answers to a question, as plain JSON types: one answer per length and index, lengths outermost.

    For workers prepared by `benchmarks.trials.open_worker`; the distorted excerpt is kept in `cache`.
    """
    trial = question.trial
    side = side_of(trial.excerpt)
    indexes = question.indexes or (side.index,)
    made = make(trial, cache)
    common = {
        "condition": trial.condition,
        "number": trial.excerpt.number,
        "file": trial.excerpt.file,
        "source": trial.excerpt.source,
        "start_seconds": trial.excerpt.start_seconds,
        "description": made.description,
        "found": False,
    }
    if made.status == "not applicable":
        nothing = common | {"status": made.status, "why": made.why}
        return [nothing | {"seconds": s, "index": i} for s in question.seconds for i in range(len(indexes))]
    condition = CONDITIONS.get(trial.condition)
    thorough = condition is not None and condition.group == "thorough"
    options = replace(THOROUGH if thorough else STANDARD, layer=LAYER, max_false_per_1000h=_EVERYTHING)
    if question.nprobe is not None:
        options = replace(options, nprobe=question.nprobe)
    in_order = condition is None or condition.in_order
    answers = []
    for seconds in question.seconds:
        known = common | {"status": "searched", "seconds": seconds}
        started = time.perf_counter()
        try:
            query, clip_start = _described(made, trial.excerpt, seconds, side, options)
        except AudioError as error:  # too short, not enough music: nothing can be found, and that counts
            answers += [known | {"status": error.status, "index": i} for i in range(len(indexes))]
            continue
        known["fingerprint_seconds"] = time.perf_counter() - started
        for number, index in enumerate(indexes):
            started = time.perf_counter()
            result = match_track(query, _snapshot(index), options=options)
            timed = known | {"index": number, "match_seconds": time.perf_counter() - started}
            whole = seconds == WHOLE
            answers.append(timed | judge(result.matches, trial.excerpt, made, clip_start, whole, in_order=in_order))
    return answers


def judge(
    matches: Iterable[Match],
    excerpt: Excerpt,
    made: Made,
    clip_start: float = 0.0,
    whole: bool = True,
    *,
    in_order: bool,
) -> dict[str, Any]:
    """Return the result of a search for an excerpt, as plain JSON types.

    Parameters
    ----------
    matches : iterable of Match
        Found with nothing held back.
    excerpt, made : Excerpt, Made
        The excerpt to be found, and its place in the distorted file.
    clip_start : float
        Where in the file the query begins, in seconds.
    whole : bool
        Whether the query holds the whole excerpt, so that its boundaries can be judged.
    in_order : bool
        Whether one line maps the file to the excerpt, so that places can be judged.
    """
    listed = list(matches)
    reported = [match for match in map(_as_reported, listed) if match is not None]
    reported.sort(key=lambda match: (-match.track_seconds, match.recording.id))
    right = [match for match in reported if match.recording.id == excerpt.file]
    own = [s for match in listed if match.recording.id == excerpt.file for s in match.passages]
    others = [match for match in listed if match.recording.id not in (excerpt.file, *made.also)]
    out: dict[str, Any] = {
        "found": bool(right),
        "first": bool(right) and reported[0].recording.id == excerpt.file,
        "only_also_fits": not right and any(excerpt.file in s.also_fits for match in reported for s in match.passages),
        "also_found": [name for name in made.also if any(match.recording.id == name for match in reported)],
        "score": max((s.score for s in own), default=0.0),
        "false_per_1000h": min((s.false_per_1000h for s in own), default=None),
        "others": [
            {"id": match.recording.id} | _segment(max(match.passages, key=lambda s: s.score))
            for match in others
            if min(s.false_per_1000h for s in match.passages) <= LOOSEST
        ],
    }
    if right:
        best = max(right[0].passages, key=lambda s: s.score)
        out |= _segment(best)
        out |= {
            "cents_error": abs(_cents(best) - 100.0 * made.pitch_semitones),
            "ratio_error_percent": 100.0 * abs(best.ratio / made.ratio - 1.0),
        }
        if in_order:
            middle = clip_start + (best.track_start_seconds + best.track_end_seconds) / 2
            meant = excerpt.start_seconds + made.to_source(middle)
            out["place_error"] = abs((best.recording_start_seconds + best.recording_end_seconds) / 2 - meant)
        if in_order and whole:
            out["start_error"] = abs(best.track_start_seconds - made.begin_seconds)
            out["end_error"] = abs(best.track_end_seconds - made.end_seconds)
    return out


def cut_clip(made: Made, excerpt: Excerpt, seconds: float) -> tuple[NDArray[np.float32], float]:
    """Return a piece of a distorted excerpt [shape=(n,) or (2, n)] that is no pause, and where it begins in the file.

    All conditions are cut at about the same place of the source: the loudness of the excerpt before it was distorted
    decides, and a draw by its number.
    """
    y, length = made.load(), made.end_seconds - made.begin_seconds
    if seconds >= length:
        return y, 0.0
    source = mono(np.load(excerpt.path))
    reach = len(source) / TRIAL_RATE_HZ - seconds * made.ratio
    starts = np.arange(0.0, max(reach, 0.0) + 1e-9, _STEP_SECONDS)
    first = np.round(starts * TRIAL_RATE_HZ).astype(np.intp)
    n = round(seconds * made.ratio * TRIAL_RATE_HZ)
    loudness = np.array([rms(source[at : at + n]) for at in first])
    sounding = np.flatnonzero(loudness >= QUIETEST * rms(source))
    rng = np.random.default_rng([excerpt.number, 5])
    chosen = int(sounding[int(rng.random() * len(sounding))]) if len(sounding) else int(np.argmax(loudness))
    at = made.begin_seconds + (float(starts[chosen]) - made.offset_seconds) / made.ratio
    at = min(max(at, made.begin_seconds), made.end_seconds - seconds)
    begin = round(at * TRIAL_RATE_HZ)
    return y[..., begin : begin + round(seconds * TRIAL_RATE_HZ)], begin / TRIAL_RATE_HZ


# --- helpers ----------------------------------------------------------------------------------------------------------


@functools.cache
def _snapshot(index: str) -> Snapshot:
    return Index.open(index).snapshot()


def _described(
    made: Made, excerpt: Excerpt, seconds: float, side: Side, options: SearchOptions
) -> tuple[Fingerprint, float]:
    """Return the fingerprint of a piece, and its start; by way of a file, as its downmix is measured too."""
    params, projection = side.load()

    def described(path: str | Path) -> Fingerprint:
        return fingerprint_file(path, role="track", scales=options.scales, params=params, projection=projection)

    if seconds == WHOLE:
        return described(made.path), 0.0
    y, begin = cut_clip(made, excerpt, seconds)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "query.wav"
        soundfile.write(path, y.T, TRIAL_RATE_HZ, subtype="PCM_16")
        return described(path), begin


def _as_reported(match: Match) -> Match | None:
    """Return a match with the segments that pass the default threshold, None if none does."""
    kept = tuple(s for s in match.passages if s.false_per_1000h <= DEFAULT_FALSE_PER_1000H)
    return replace(match, passages=kept) if kept else None


def _segment(segment: Passage) -> dict[str, Any]:
    return {
        "score": segment.score,
        "false_per_1000h": segment.false_per_1000h,
        "query_span": [segment.track_start_seconds, segment.track_end_seconds],
        "reference_span": [segment.recording_start_seconds, segment.recording_end_seconds],
        "ratio": segment.ratio,
        "cents": _cents(segment),
    }


def _cents(segment: Passage) -> float:
    change = segment.transformation
    return change.pitch_cents + 1200.0 * math.log2(change.speed_percent / 100.0)
