"""Third step: where a track follows a recording: both spans, transposition and tempo.

The local alignment is followed back from its end; then again on the windows of the track that are left, so that a song
that is played in two pieces gives two passages. Their scores add up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerprint.composition import CompositionModel, CompositionParams, CompositionWindows
from index.composition import _kernels
from index.composition.evidence import EvidenceRule, QuerySide, RecordingSide, evidence_of

__all__ = ["WorkPassage", "passages_of"]

MOST_PASSAGES = 8
LEAST_SHARE = 0.25  # of the best passage's score: what a further one must have


@dataclass(frozen=True, slots=True)
class WorkPassage:
    """A stretch of a track that plays a stretch of a recorded work.

    Attributes
    ----------
    track_start, track_end, recording_start, recording_end : float
        Both spans, in seconds.
    transposition_semitones : int
        How much higher the track is than the recording, -5 to 6; octaves count nothing.
    tempo_ratio : float
        Seconds of the recording per second of the track.
    score : float
        Evidence of the alignment.
    """

    track_start: float
    track_end: float
    recording_start: float
    recording_end: float
    transposition_semitones: int
    tempo_ratio: float
    score: float


def passages_of(
    query: QuerySide,
    recording: RecordingSide,
    windows: tuple[CompositionWindows, CompositionWindows],
    key: int,
    model: CompositionModel,
    params: CompositionParams,
    rule: EvidenceRule,
) -> tuple[WorkPassage, ...]:
    """Return the passages in one key and at one time scale, best first; none shares a window of the track.

    `windows` are those of the track and of the recording, and `key` the semitones by which the track is raised to meet
    the recording.
    """
    evidence = evidence_of(query, recording, key, model, rule)
    n_query, n = evidence.shape
    if not n_query or not n:
        return ()
    open_rows = np.ones(n_query, dtype=np.bool_)
    rows = np.empty((3, n + 2), dtype=np.float32)
    steps = np.empty((n_query, n), dtype=np.int8)
    path = np.empty((n_query, 2), dtype=np.int64)
    found: list[WorkPassage] = []
    while len(found) < MOST_PASSAGES:
        length, score = _kernels.align(evidence, open_rows, rows, steps, path)
        if not length or (found and score < LEAST_SHARE * found[0].score):
            break
        pairs = path[:length][::-1]
        found.append(_passage(pairs, float(score), windows, key, params))
        open_rows[pairs[0, 0] : pairs[-1, 0] + 1] = False
    return tuple(found)


def _passage(
    pairs: NDArray[np.int64],
    score: float,
    windows: tuple[CompositionWindows, CompositionWindows],
    key: int,
    params: CompositionParams,
) -> WorkPassage:
    track, recording = windows
    length = params.window_seconds
    start, end = float(track.time[pairs[0, 0]]), float(track.time[pairs[-1, 0]]) + length / track.scale
    first, last = float(recording.time[pairs[0, 1]]), float(recording.time[pairs[-1, 1]]) + length
    down = -key % 12
    return WorkPassage(
        track_start=start,
        track_end=min(end, track.duration_seconds),
        recording_start=first,
        recording_end=min(last, recording.duration_seconds),
        transposition_semitones=down if down <= 6 else down - 12,
        tempo_ratio=_tempo_ratio(pairs, params) * track.scale,
        score=score,
    )


def _tempo_ratio(pairs: NDArray[np.int64], params: CompositionParams) -> float:
    """Return windows of the recording per window of the track, drawn to 1 where the path is short."""
    x = pairs[:, 0] - pairs[:, 0].mean()
    y = pairs[:, 1] - pairs[:, 1].mean()
    prior = (params.window_rows / params.window_step) ** 3 / 12.0  # as if a window's length had been followed evenly
    return float((x @ y + prior) / (x @ x + prior))
