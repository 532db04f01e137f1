"""Find the audio that recordings share with other recordings of the same layer.

Without the audio, the stored landmarks of one recording are the query, their signs the descriptors. Some of them are
looked up, with many neighbours each, as copies stand beside each other there; hypotheses that several neighbours agree
on are verified with all landmarks (`alignment`). Where neighbours are all of copies that are known already, the others
are asked for again without those, so that many copies, or a piece that repeats itself, do not hide one.

A stretch is the same audio where its passage scores above chance for a comparison of the whole index with itself,
and is as dense as the same sound is: pieces that share a drum kit and a groove are not. Times are in seconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from index.search.alignment import Aligner, Alignment
from index.search.hypotheses import Hypothesis, Neighbours, QueryLandmarks, best_hypotheses, gather_votes
from index.search.significance import ChanceModel
from index.storage.layer_snapshot import LayerSnapshot
from index.storage.layers import BINS_PER_CELL, TIMES_PER_SECOND
from index.vectors.signs import vectors_of_signs

__all__ = ["EDGE_SECONDS", "SHORTEST_SECONDS", "SharedPassages", "shared_passages"]

EDGE_SECONDS = 0.5
"""How well the ends of a stretch are known: a descriptor sees so far to either side."""

SHORTEST_SECONDS = 3.0
"""Shorter stretches are not the same audio, but of recordings as short: drum fills and hits are common property."""

_LEAST_SAMPLE = 60
_NEIGHBOURS = 32  # itself included
_NPROBE = 4
_HYPOTHESES_PER_STEP = 32
_MOST_SEARCHES = 4  # one, and up to three without the copies that fill the neighbours
_MOST_PARTNERS = 32  # verified per search
_MOST_FAILURES = 3  # hypotheses about one pair that come to nothing before it is given up
_MOST_SPANS = 16
_CROWDED = 0.5  # of the landmarks looked up, that have neighbours in known copies only
_FALSE_IN_ALL = 0.01  # chance passages put up with in comparing the whole index with itself
# Synthesised pieces that share a drum kit reach 9 over 3 s and 6 over more; the same sound has 20 to 70, and 12 under
# other music as loud.
_LEAST_SCORE_PER_SECOND = 10.0
_SAME_LINE_SECONDS = 1.0
_LANDMARKS_PER_HOUR = 72_000

SharedPassages = dict[int, list[Alignment]]
"""By ordinal of another recording: its passages, the recording that was asked about taken for the track."""


@dataclass(slots=True, eq=False)
class _Asked:
    """One recording with its sampled landmarks, and the shared passages found so far."""

    ordinal: int
    query: QueryLandmarks
    sample: NDArray[np.int64]
    found: SharedPassages = field(default_factory=dict)


def shared_passages(
    view: LayerSnapshot,
    ordinals: Sequence[int],
    *,
    within: Sequence[Sequence[tuple[float, float]]] | None = None,
) -> Iterator[tuple[int, SharedPassages]]:
    """Yield each recording with the passages that others have in common with it.

    Parameters
    ----------
    view : LayerSnapshot
        The landmarks to compare.
    ordinals : sequence of int
        Recordings to compare with all others; looked up together.
    within : sequence of sequence of (float, float), optional
        For each of them, the stretches that matter, in seconds; by default all of it.
    """
    asked = []
    for place, ordinal in enumerate(ordinals):
        query = _own_landmarks(view, ordinal)
        if within is not None:
            query = query.only(_inside(query.seconds, within[place]))
        asked.append(_Asked(ordinal, query, _spread(query.seconds)))
    ends = np.cumsum([one.sample.size for one in asked])
    if not asked or not ends[-1]:
        yield from ((one.ordinal, one.found) for one in asked)
        return
    vectors = np.concatenate([one.query.vectors[0][one.sample] for one in asked])
    rows, similarity = view.search(vectors, _NEIGHBOURS, nprobe=_NPROBE)
    for one, end in zip(asked, ends.tolist(), strict=True):
        here = slice(end - one.sample.size, end)
        crowded = _heard(view, one, rows[here], similarity[here])
        for _ in range(_MOST_SEARCHES - 1):
            if not crowded:
                break
            left = np.ones(view.n_recordings, dtype=np.bool_)
            left[[one.ordinal, *one.found]] = False
            if not left.any():
                break
            crowded = _heard(view, one, *view.search(vectors[here], _NEIGHBOURS, nprobe=_NPROBE, allowed=left))
        yield one.ordinal, one.found


def _own_landmarks(view: LayerSnapshot, ordinal: int) -> QueryLandmarks:
    ticks, bins, codes = view.landmarks_of(ordinal)
    cells = (bins / BINS_PER_CELL).astype(np.float32)
    return QueryLandmarks(ticks / TIMES_PER_SECOND, cells, vectors_of_signs(codes)[None], (1.0,))


def _inside(seconds: NDArray[np.float64], stretches: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    inside = np.zeros(seconds.size, dtype=np.bool_)
    for start, end in stretches:
        inside |= (seconds >= start) & (seconds <= end)
    return inside


def _spread(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return about one landmark per second, at least `_LEAST_SAMPLE` if there are as many, evenly spread."""
    if not seconds.size:
        return np.empty(0, dtype=np.int64)
    length = float(seconds[-1] - seconds[0])
    slots = np.linspace(seconds[0], seconds[-1], max(_LEAST_SAMPLE, int(length)))
    return np.unique(np.searchsorted(seconds, slots, side="left"))


def _heard(view: LayerSnapshot, one: _Asked, rows: NDArray[np.int64], similarity: NDArray[np.float32]) -> bool:
    """Add the passages that the neighbours of a recording support; returns whether known copies may hide others."""
    owners = view.recording_of(rows)
    query = one.query.only(one.sample)
    others = np.where((owners == one.ordinal) | (rows < 0), -1, rows)
    found = _verified(view, one.query, Neighbours(query, view, others[None], similarity[None]))
    one.found |= {recording: passages for recording, passages in found.items() if recording not in one.found}
    known = np.isin(owners, [one.ordinal, *one.found]) & (rows >= 0)
    return float(np.mean(known.all(axis=1))) >= _CROWDED


def _verified(view: LayerSnapshot, query: QueryLandmarks, neighbours: Neighbours) -> SharedPassages:
    """Return the passages, by recording, of the neighbours' hypotheses, verified with all landmarks."""
    by_recording: dict[int, list[Hypothesis]] = {}
    hypotheses = best_hypotheses(gather_votes(neighbours), per_step=_HYPOTHESES_PER_STEP)
    for hypothesis in sorted(hypotheses, key=lambda one: -one.support):
        by_recording.setdefault(hypothesis.recording, []).append(hypothesis)
    if not by_recording:
        return {}
    aligner = Aligner(query, view)
    length = float(query.seconds[-1] - query.seconds[0])
    least = _least_score(view.n_landmarks, length)
    found = {}
    for recording in list(by_recording)[:_MOST_PARTNERS]:
        passages = _passages(aligner, query.seconds.size, by_recording[recording], least, length)
        if passages:
            found[recording] = passages
    return found


def _least_score(n_landmarks: int, seconds: float) -> float:
    """Return the score that chance reaches less than `_FALSE_IN_ALL` times when all recordings are compared."""
    model = ChanceModel.fit(np.empty(0), 0.0, seconds / 3600.0, n_landmarks, 1)
    hours = max(n_landmarks / _LANDMARKS_PER_HOUR, 1.0)
    return model.threshold(1000.0 * _FALSE_IN_ALL / hours)


def _passages(
    aligner: Aligner, n: int, hypotheses: Sequence[Hypothesis], least: float, length: float
) -> list[Alignment]:
    """Align the hypotheses about one pair, best first, each on the landmarks that those before left over."""
    free = np.ones(n, dtype=np.bool_)
    found: list[Alignment] = []
    failures = 0
    for hypothesis in hypotheses:
        if any(_lies_on(hypothesis, passage) for passage in found):
            continue
        passage = aligner.align(hypothesis, free.copy())
        if passage is not None and passage.score >= least and _is_sound(passage, length):
            found.append(passage)
            free[passage.landmarks] = False
        else:
            failures += 1
        if failures == _MOST_FAILURES or len(found) == _MOST_SPANS:
            break
    return found


def _lies_on(hypothesis: Hypothesis, passage: Alignment) -> bool:
    inside = passage.track_start_seconds <= hypothesis.track_seconds <= passage.track_end_seconds
    at = hypothesis.ratio * hypothesis.track_seconds + hypothesis.offset_seconds
    return inside and abs(passage.recording_at(hypothesis.track_seconds) - at) <= _SAME_LINE_SECONDS


def _is_sound(passage: Alignment, length: float) -> bool:
    """Whether a passage is long and dense enough for the same sound, of `length` seconds that were compared."""
    seconds = passage.track_end_seconds - passage.track_start_seconds
    least = min(SHORTEST_SECONDS - 2 * EDGE_SECONDS, 0.5 * length)
    return seconds >= least and passage.score >= _LEAST_SCORE_PER_SECOND * seconds
