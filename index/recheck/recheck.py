"""A trace in, its matches out: every passage is aligned and decided again, without the index and without the audio.

The same functions do it as in the search (`Aligner`, `settle`), on the same numbers, so a sound trace gives the same
matches to the last digit; on another kind of processor the last digits of a score may differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import VerificationError, printable
from index.recheck.trace import Trace, TracedFind, TracedPart
from index.search.alignment import Aligner, Alignment, QueryLandmarks
from index.search.matches import Match, MatchResult, Passage, in_sequence
from index.search.significance import Candidate, settle
from index.storage.layers import BINS_PER_CELL, TIMES_PER_SECOND

__all__ = ["Pairs", "Rechecked", "recheck"]

_ON_THE_LINE_SECONDS = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Landmarks of a query that met their counterpart in a recording, in order of query time.

    Attributes
    ----------
    track_seconds, recording_seconds : ndarray [shape=(n,), dtype=float64]
    query_bins, reference_bins : ndarray [shape=(n,), dtype=float64]
        Frequencies, in cells.
    similarity : ndarray [shape=(n,), dtype=float64]
        Correlation of the two descriptors, -1 to 1.
    """

    track_seconds: NDArray[np.float64]
    recording_seconds: NDArray[np.float64]
    query_bins: NDArray[np.float64]
    reference_bins: NDArray[np.float64]
    similarity: NDArray[np.float64]

    def of_segment(self, segment: Passage) -> "Pairs":
        """Return those that belong to one segment: in its span of the query, and on its line."""
        along = segment.recording_start_seconds + segment.ratio * (self.track_seconds - segment.track_start_seconds)
        return self._only(
            (self.track_seconds >= segment.track_start_seconds)
            & (self.track_seconds <= segment.track_end_seconds)
            & (np.abs(self.recording_seconds - along) <= _ON_THE_LINE_SECONDS)
        )

    @property
    def pitch_cells(self) -> NDArray[np.float64]:
        """Cells from each reference landmark up to its query landmark [shape=(n,)]: the pitch shift."""
        return self.query_bins - self.reference_bins

    def _only(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Pairs":
        return Pairs(*(getattr(self, name)[chosen] for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class Rechecked:
    """What came out of a trace.

    Attributes
    ----------
    matches : tuple of Match
        As the search reported them.
    pairs : mapping of str to Pairs
        By recording id.
    score_threshold : float
        Score from which on an alignment is reported; of a query in parts, the highest.
    """

    matches: tuple[Match, ...]
    pairs: Mapping[str, Pairs]
    score_threshold: float


def recheck(trace: Trace) -> Rechecked:
    """Compute the matches again.

    Raises
    ------
    VerificationError
        If a passage of the trace does not align at all.
    """
    pairs: dict[str, list[Pairs]] = {}
    results = []
    for part in trace.parts:
        candidates = [_candidate(find, number) for number, find in enumerate(part.finds)]
        for find, candidate in zip(part.finds, candidates, strict=True):
            pairs.setdefault(find.recording.id, []).append(_pairs(find, candidate.passage))
        results.append(_settled(part, candidates))
    whole = in_sequence(results)
    return Rechecked(
        whole.matches, {name: _in_order(several) for name, several in pairs.items()}, whole.score_threshold
    )


def _settled(part: TracedPart, candidates: list[Candidate]) -> MatchResult:
    model = part.circumstances.model()
    matches, _ = settle(candidates, part.circumstances, model)
    threshold = model.threshold(part.circumstances.max_false_per_1000h)
    return MatchResult(matches, part.n_landmarks, part.n_hypotheses, threshold, 0.0, 0.0)


class _Kept:
    """The landmarks of one recording that a trace has kept."""

    def __init__(self, find: TracedFind) -> None:
        self._find = find

    def landmarks_of(self, ordinal: int) -> tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.uint8]]:
        return self._find.reference_times, self._find.reference_bins, self._find.reference_codes

    def counted_of(self, ordinal: int) -> None:
        return None


def _candidate(find: TracedFind, number: int) -> Candidate:
    query = QueryLandmarks(find.seconds, find.bins, find.vectors, find.scales)
    aligner = Aligner(query, _Kept(find))
    passage: Alignment | None = None
    for piece in find.pieces:
        line = (piece.ratio, piece.offset_seconds, piece.shift_cells)
        found = aligner.weigh(number, line, piece.first, piece.last, piece.free)
        if found is None:
            raise VerificationError(
                f"recording {printable(find.recording.id)}: nothing in the landmarks speaks for the passage at "
                f"{find.seconds[piece.first]:.1f} s; they were altered"
            )
        passage = found if passage is None else passage.joined(found)
    if passage is None:
        raise VerificationError(f"recording {printable(find.recording.id)}: a passage without any piece")
    whole = passage
    return Candidate(
        whole,
        find.seconds[whole.landmarks],
        find.recording,
        find.rivals,
        find.hub_factor,
        find.also_fits,
        lambda: aligner.expected_by_chance(whole),
    )


def _pairs(find: TracedFind, passage: Alignment) -> Pairs:
    return Pairs(
        find.seconds[passage.landmarks],
        find.reference_times[passage.rows] / TIMES_PER_SECOND,
        find.bins[passage.landmarks].astype(np.float64),
        find.reference_bins[passage.rows] / BINS_PER_CELL,
        passage.similarity.astype(np.float64),
    )


def _in_order(several: list[Pairs]) -> Pairs:
    joined = Pairs(*(np.concatenate([getattr(pairs, name) for pairs in several]) for name in Pairs.__slots__))
    return joined._only(np.argsort(joined.track_seconds, kind="stable"))
