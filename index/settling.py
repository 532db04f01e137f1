"""Passages in, matches out: which of them chance does not explain, where they end, and how sure that is.

The last step of a search, and of its recheck (`index.rechecking`): both hand the same things to `settle`, so that what
was found and what is found again can only differ if the passages do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.alignment import Alignment
from index.decision import DEFAULT_FALSE_PER_1000H, ChanceModel
from index.recordings import Recording
from index.result import Match, Segment, Transformation, outside_exclusions

__all__ = ["Candidate", "Circumstances", "Verdict", "ends_of", "settle"]

_MOST_GAP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the decision on a query, or on a part of a long one, goes by besides the passages themselves.

    Attributes
    ----------
    layer : str
        What was searched.
    cells_per_octave : float
        Cells of its log-frequency axis.
    start_seconds, duration_seconds : float
        Where the audio starts in its file, and its length.
    decoy_scores : tuple of float
        Scores of the distinct alignments of the reversed query.
    decoy_seconds : float
        How much of the query was searched in reverse.
    n_catalogue_landmarks : int
        Landmarks that were searched.
    n_scales : int
        Time scales that were tried.
    max_false_per_1000h : float
        How many false matches are put up with in 1 000 hours of audio scanned.
    """

    layer: str
    cells_per_octave: float
    start_seconds: float
    duration_seconds: float
    decoy_scores: tuple[float, ...]
    decoy_seconds: float
    n_catalogue_landmarks: int
    n_scales: int
    max_false_per_1000h: float

    def model(self) -> ChanceModel:
        """Return the tail of chance alignments."""
        return ChanceModel.fit(
            np.array(self.decoy_scores),
            self.decoy_seconds / 3600.0,
            self.duration_seconds / 3600.0,
            self.n_catalogue_landmarks,
            self.n_scales,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A passage that is to be decided on.

    Attributes
    ----------
    passage : Alignment
    query_seconds : ndarray [shape=(n_aligned,), dtype=float64]
        Where in the query its aligned landmarks lie.
    recording : Recording
        What it would be a passage of.
    rivals : tuple of float
        Scores of whatever else fits the same part of the query, and of the same recording off the passage's line.
    hub_factor : float
        How many times more often chance meets this recording.
    also_fits : tuple of str
        Ids of other recordings that fit nearly as well.
    expected_by_chance : callable
        Returns how many landmarks of the passage would be confirmed at offsets that mean nothing; asked for those
        that are reported.
    """

    passage: Alignment
    query_seconds: NDArray[np.float64]
    recording: Recording
    rivals: tuple[float, ...]
    hub_factor: float
    also_fits: tuple[str, ...]
    expected_by_chance: Callable[[], float]


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What was decided on one candidate: the tail that it had to beat, and whether it did."""

    candidate: Candidate
    tail: ChanceModel
    reported: bool


def settle(
    candidates: Sequence[Candidate], circumstances: Circumstances
) -> tuple[tuple[Match, ...], tuple[Verdict, ...]]:
    """Decide on every candidate, and put what is reported together by recording.

    Returns
    -------
    matches : tuple of Match
        By descending covered seconds of the query, ties by recording id.
    verdicts : tuple of Verdict
        One per candidate, in their order.
    """
    model = circumstances.model()
    no_chance = model.threshold(DEFAULT_FALSE_PER_1000H)
    verdicts = []
    for candidate in candidates:
        # Rivals and hubs only raise the threshold.
        tail = model.beside([score for score in candidate.rivals if score < no_chance]).times(candidate.hub_factor)
        verdicts.append(
            Verdict(candidate, tail, candidate.passage.score >= tail.threshold(circumstances.max_false_per_1000h))
        )
    reported = [verdict for verdict in verdicts if verdict.reported]
    found: dict[str, list[Segment]] = {}
    recordings = {verdict.candidate.recording.id: verdict.candidate.recording for verdict in reported}
    heard = (circumstances.start_seconds, circumstances.start_seconds + circumstances.duration_seconds)
    for verdict in reported:
        candidate = verdict.candidate
        others = [other.candidate.passage for other in reported]
        ends = ends_of(candidate.passage, others, heard, candidate.recording.duration_ms / 1000.0)
        segment = _segment(verdict, ends, circumstances.cells_per_octave)
        pieces = outside_exclusions(segment, candidate.recording.excluded, candidate.query_seconds)
        found.setdefault(candidate.recording.id, []).extend(pieces)
    matches = [
        Match(recordings[name], circumstances.layer, tuple(sorted(segments, key=lambda s: s.query_start_seconds)))
        for name, segments in found.items()
        if segments
    ]
    matches.sort(key=lambda match: (-match.query_seconds, match.recording.id))
    return tuple(matches), tuple(verdicts)


def ends_of(
    passage: Alignment, reported: list[Alignment], heard: tuple[float, float], reference_seconds: float
) -> tuple[float, float]:
    """Return where a passage starts and ends in the query: beyond its outermost landmarks by their mean distance.

    What was reused goes on for as long, on average, as its landmarks are apart (the largest of n draws falls short of
    the end by a share 1 / n). Not beyond the query, the reference, or half the way to a neighbour.
    """
    start, end = passage.query_start_seconds, passage.query_end_seconds
    gap = min((end - start) / max(passage.landmarks.size - 1, 1), _MOST_GAP_SECONDS)
    low = max(heard[0], start - gap, -passage.offset_seconds / passage.ratio)
    high = min(heard[1], end + gap, (reference_seconds - passage.offset_seconds) / passage.ratio)
    for other in reported:
        if other.query_end_seconds <= start:
            low = max(low, (other.query_end_seconds + start) / 2)
        elif other.query_start_seconds >= end:
            high = min(high, (end + other.query_start_seconds) / 2)
    return min(low, start), max(high, end)


def _segment(verdict: Verdict, ends: tuple[float, float], cells_per_octave: float) -> Segment:
    candidate, tail = verdict.candidate, verdict.tail
    passage = candidate.passage
    cents = -passage.shift_cells * 1200.0 / cells_per_octave
    return Segment(
        query_start_seconds=ends[0],
        query_end_seconds=ends[1],
        reference_start_seconds=max(0.0, passage.reference_at(ends[0])),
        reference_end_seconds=passage.reference_at(ends[1]),
        ratio=passage.ratio,
        transformation=Transformation.of_line(passage.ratio, cents),
        score=passage.score,
        aligned_landmarks=int(passage.landmarks.size),
        expected_by_chance=candidate.expected_by_chance(),
        p_false=tail.p_false(passage.score),
        false_per_1000h=tail.false_per_1000h(passage.score),
        confidence=tail.confidence(passage.score),
        also_fits=candidate.also_fits,
    )
