"""Find the alternatives of each candidate: other recordings that may be meant as well.

Catalogues hold copies: the album and the single, a remaster, the same track under two labels. Which of them wins a
passage is chance, and the landmarks that it leaves over look like a passage of the other. So for every candidate that
may be reported, the stored landmarks of its recording in that stretch are compared with the whole layer (`shared`), and
the query is aligned with each recording that holds the same audio, as if the candidate were not there. The best fit is
reported, of equal copies the one with the lesser id; the others are named beside it with figures of their own. Passages
that lie where a copy lies are left out: the copy explains them. Where a copy goes on alone, it is a passage of its own
from there.

Recordings that the query fits nearly as well without holding the same audio (`Candidate.related`) are named alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.search.alignment import FLOOR_SCORE, Aligner, Alignment
from index.search.hypotheses import Hypothesis, QueryLandmarks
from index.search.passages import AlternativeAlignment, Candidate, echoes, on_one_line, overlap, worth_deciding
from index.search.shared import EDGE_SECONDS, SharedPassages, shared_passages
from index.storage.snapshot import Snapshot

__all__ = ["MOST_ALTERNATIVES", "name_alternatives"]

MOST_ALTERNATIVES = 32
"""Recordings named beside a passage: the best."""

_STRETCH_SECONDS = 6.0  # of the recording, at least, compared with others: copies share the audio around a passage too
_SAME_SECONDS = 0.01
_LEAST_SECONDS = 1.0  # a copy that goes on for less beyond a passage has no passage of its own


def name_alternatives(
    candidates: Sequence[Candidate],
    snapshot: Snapshot,
    aligner: Aligner,
    query: QueryLandmarks,
    layer: str,
    least_score: float,
    allowed: NDArray[np.bool_] | None = None,
) -> list[Candidate]:
    """Name the alternatives of candidates, and drop candidates that alternatives explain.

    Parameters
    ----------
    candidates : sequence of Candidate
        All candidates of the search.
    snapshot : Snapshot
        The commit that was searched.
    aligner : Aligner
        Of the query and the layer.
    query : QueryLandmarks
        The track.
    layer : str
        The layer that was searched.
    least_score : float
        Candidates below, but for repeats of those above, are not reported, and need no alternatives.
    allowed : ndarray [shape=(n_recordings,), dtype=bool], optional
        By ordinal: recordings that are looked for; by default all. Copies among the others are named all the same: a
        search for part of the catalogue must not credit audio that may be another's.

    Returns
    -------
    list of Candidate
        Those that are left, by recording, then by query time.
    """
    worth = sorted(worth_deciding(candidates, least_score), key=_strongest_first)
    if not worth:
        return list(candidates)
    copies = _Copies(snapshot, layer, aligner, query.seconds, allowed)
    copies.look_up(worth)
    left = {id(candidate): candidate for candidate in candidates}
    for candidate in worth:
        if id(candidate) in left:
            alternatives = copies.settle(candidate)
            for other in list(left.values()):
                if other is not candidate and not copies.keep(other, candidate.alignment, alternatives):
                    del left[id(other)]
    ranks = snapshot.layer(layer).ranks
    return sorted(left.values(), key=lambda one: (ranks[one.alignment.recording], one.alignment.track_start_seconds))


def _strongest_first(candidate: Candidate) -> tuple[float, float]:
    return -candidate.alignment.score, candidate.alignment.track_start_seconds


class _Copies:
    """The recordings that share audio with the candidates of one query."""

    def __init__(
        self,
        snapshot: Snapshot,
        layer: str,
        aligner: Aligner,
        seconds: NDArray[np.float64],
        allowed: NDArray[np.bool_] | None,
    ) -> None:
        self._snapshot = snapshot
        self._view = snapshot.layer(layer)
        self._aligner = aligner
        self._seconds = seconds
        self._allowed = allowed
        self._shared: dict[int, SharedPassages] = {}

    def look_up(self, candidates: Sequence[Candidate]) -> None:
        """Compare the stretches of recordings that candidates use with the whole layer."""
        stretches: dict[int, list[tuple[float, float]]] = {}
        for candidate in candidates:
            alignment = candidate.alignment
            start, end = alignment.recording_start_seconds, alignment.recording_end_seconds
            beyond = max(EDGE_SECONDS, (_STRETCH_SECONDS - (end - start)) / 2)
            stretches.setdefault(alignment.recording, []).append((start - beyond, end + beyond))
        asked = shared_passages(self._view, list(stretches), within=list(stretches.values()))
        self._shared = dict(asked)

    def settle(self, candidate: Candidate) -> list[AlternativeAlignment]:
        """Let the best of a candidate and its twins take its place; note and return the others, those not named too."""
        first = candidate.alignment
        copies = [first, *self._copies(first)]
        best = min((one for one in copies if self._is_looked_for(one)), key=self._rank)
        known = {alignment.recording for alignment in copies}
        others = [(one, True) for one in copies] + [
            (one, False) for ordinal, one in candidate.related.items() if ordinal not in known
        ]
        inside = [(self._within(one, best), same) for one, same in others if one.recording != best.recording]
        alternatives = sorted(
            (AlternativeAlignment(one, same) for one, same in inside if one is not None and one.score > FLOOR_SCORE),
            key=lambda other: self._rank(other.alignment),
        )
        named = list(dict.fromkeys(other.alignment.recording for other in alternatives))[:MOST_ALTERNATIVES]
        candidate.alignment = best
        candidate.alternatives = [other for other in alternatives if other.alignment.recording in named]
        return alternatives

    def _is_looked_for(self, alignment: Alignment) -> bool:
        return self._allowed is None or bool(self._allowed[alignment.recording])

    def keep(self, candidate: Candidate, better: Alignment, alternatives: Sequence[AlternativeAlignment]) -> bool:
        """Cut a candidate to where it goes on beyond an alternative of a better one; returns whether any is left.

        One that lies on another line is left out if it is no more than an echo: a copy that repeats itself.
        """
        passage = candidate.alignment
        every = (better, *(other.alignment for other in alternatives))
        copies = [one for one in every if one.recording == passage.recording]
        if not any(on_one_line(passage, one) and overlap(passage, one) > 0 for one in copies if one is not better):
            return not copies or not echoes(passage, better)
        start, end = passage.track_start_seconds, passage.track_end_seconds
        parts = [(start, min(end, better.track_start_seconds)), (max(start, better.track_end_seconds), end)]
        start, end = max(parts, key=lambda part: part[1] - part[0])
        if end - start < _LEAST_SECONDS:
            return False
        left = self._aligner.align(_on_line_of(passage, (start + end) / 2), passage.free & ~self._in_span(better))
        if left is None or left.score <= FLOOR_SCORE:
            return False
        candidate.alignment = left
        return True

    def _copies(self, first: Alignment) -> Iterator[Alignment]:
        """Yield the query aligned with every recording that shares audio with a passage of it, line by line."""
        for ordinal, passages in self._shared.get(first.recording, {}).items():
            found: list[Alignment] = []
            for shared in passages:
                copy = self._copy(first, ordinal, shared)
                if copy is not None and not any(_lies_on(copy, known) for known in found):
                    found.append(copy)
            yield from found

    def _copy(self, first: Alignment, ordinal: int, shared: Alignment) -> Alignment | None:
        """Return the query on another recording: on its own line to the first recording, and from there on."""
        if _is_identity(shared) and self._equal(first.recording, ordinal):
            pieces = tuple(replace(piece, recording=ordinal) for piece in first.pieces)
            return replace(first, recording=ordinal, pieces=pieces)
        whole: Alignment | None = None
        for piece in first.weighed:
            start = max(piece.recording_start_seconds, shared.track_start_seconds)
            end = min(piece.recording_end_seconds, shared.track_end_seconds)
            if end <= start:
                continue
            hypothesis = Hypothesis(
                recording=ordinal,
                ratio=piece.ratio * shared.ratio,
                offset_seconds=shared.recording_at(piece.offset_seconds),
                shift_cells=piece.shift_cells + shared.shift_cells,
                track_seconds=((start + end) / 2 - piece.offset_seconds) / piece.ratio,
                support=piece.score,
            )
            part = self._aligner.align(hypothesis, piece.free)
            if part is None:
                continue
            if whole is None:
                whole = part
            elif part.track_start_seconds > whole.track_end_seconds:
                whole = whole.joined(part)
        return whole

    def _within(self, alignment: Alignment, span: Alignment) -> Alignment | None:
        """Return an alignment on the part of the query that another one covers."""
        low, high = span.track_start_seconds - EDGE_SECONDS, span.track_end_seconds + EDGE_SECONDS
        if low <= alignment.track_start_seconds and alignment.track_end_seconds <= high:
            return alignment
        start, end = max(low, alignment.track_start_seconds), min(high, alignment.track_end_seconds)
        if end <= start:
            return None
        return self._aligner.align(_on_line_of(alignment, (start + end) / 2), alignment.free & self._in_span(span))

    def _in_span(self, span: Alignment) -> NDArray[np.bool_]:
        return (self._seconds >= span.track_start_seconds) & (self._seconds <= span.track_end_seconds)

    def _equal(self, one: int, other: int) -> bool:
        """Whether two recordings have the same landmarks, to the last bit, and the same of them count."""
        times, bins, codes = self._view.landmarks_of(one)
        other_times, other_bins, other_codes = self._view.landmarks_of(other)
        if not np.array_equal(times, other_times) or not np.array_equal(bins, other_bins):
            return False
        if not np.array_equal(codes, other_codes):
            return False
        counted, also = (self._view.counted_of(ordinal) for ordinal in (one, other))
        return counted is also or (counted is not None and also is not None and np.array_equal(counted, also))

    def _rank(self, alignment: Alignment) -> tuple[Any, ...]:
        return -alignment.score, int(self._view.kinds[alignment.recording]), self._snapshot.apart(alignment.recording)


def _is_identity(shared: Alignment) -> bool:
    middle = (shared.track_start_seconds + shared.track_end_seconds) / 2
    return abs(shared.recording_at(middle) - middle) < _SAME_SECONDS


def _lies_on(alignment: Alignment, known: Alignment) -> bool:
    return overlap(alignment, known) > 0 and on_one_line(alignment, known)


def _on_line_of(alignment: Alignment, track_seconds: float) -> Hypothesis:
    line = (alignment.ratio, alignment.offset_seconds, alignment.shift_cells)
    return Hypothesis(alignment.recording, *line, track_seconds, alignment.score)
