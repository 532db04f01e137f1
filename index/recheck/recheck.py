"""A trace in, its matches out: every passage is aligned and decided again, without the index and without the audio.

The same functions do it as in the search (`Aligner`, `decide`), on the same numbers, so a sound trace gives the same
matches to the last digit; on another kind of processor the last digits of a score may differ. A trace of an earlier
schema is computed by the rules of its search.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import VerificationError, printable
from index.recheck.trace import Trace, TracedAlternative, TracedPart, TracedPassage
from index.search.alignment import Aligner, Alignment
from index.search.claims import supported, whole_of
from index.search.hypotheses import QueryLandmarks
from index.search.matches import Match, MatchResult, Passage, in_sequence
from index.search.passages import AlternativeAlignment, Candidate
from index.search.significance import decide
from index.search.streams import in_streams
from index.storage.layers import BINS_PER_CELL, TIMES_PER_SECOND

__all__ = ["Pairs", "Rechecked", "recheck"]

_ON_THE_LINE_SECONDS = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Landmarks of a track that met their counterpart in a recording, in order of track time.

    Attributes
    ----------
    track_seconds, recording_seconds : ndarray [shape=(n,), dtype=float64]
    track_bins, recording_bins : ndarray [shape=(n,), dtype=float64]
        Frequencies, in cells.
    similarity : ndarray [shape=(n,), dtype=float64]
        Correlation of the two descriptors, -1 to 1.
    streams : ndarray [shape=(n,), dtype=int64]
        Number of the audio stream, from 1; 0 where the file has one.
    """

    track_seconds: NDArray[np.float64]
    recording_seconds: NDArray[np.float64]
    track_bins: NDArray[np.float64]
    recording_bins: NDArray[np.float64]
    similarity: NDArray[np.float64]
    streams: NDArray[np.int64]

    def of_passage(self, passage: Passage) -> "Pairs":
        """Return those that belong to one passage: in its span of one stream of the track, and on its line."""
        along = passage.recording_start_seconds + passage.ratio * (self.track_seconds - passage.track_start_seconds)
        return self._only(
            (self.track_seconds >= passage.track_start_seconds)
            & (self.track_seconds <= passage.track_end_seconds)
            & (np.abs(self.recording_seconds - along) <= _ON_THE_LINE_SECONDS)
            & (self.streams == (passage.streams[0] if passage.streams else 0))
        )

    @property
    def pitch_cells(self) -> NDArray[np.float64]:
        """Cells from each landmark of the recording up to that of the track [shape=(n,)]: the pitch shift."""
        return self.track_bins - self.recording_bins

    def _only(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Pairs":
        return Pairs(*(getattr(self, name)[chosen] for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class Rechecked:
    """Matches recomputed from a trace.

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
    results: dict[int, list[MatchResult]] = {}
    for part in trace.parts:
        names = [traced.recording.id for traced in part.passages]
        candidates = [_candidate(traced, names.index(traced.recording.id), trace.version) for traced in part.passages]
        for traced, candidate in zip(part.passages, candidates, strict=True):
            pairs.setdefault(traced.recording.id, []).append(_pairs(traced, candidate.alignment, part.stream))
        results.setdefault(part.stream, []).append(_decided(part, candidates, trace.version))
    whole = in_streams({stream: in_sequence(several, version=trace.version) for stream, several in results.items()})
    return Rechecked(
        whole.matches, {name: _in_order(several) for name, several in pairs.items()}, whole.score_threshold
    )


def _decided(part: TracedPart, candidates: list[Candidate], version: int) -> MatchResult:
    model = part.circumstances.model()
    matches = decide(candidates, part.circumstances, model, version=version)
    threshold = model.threshold(part.circumstances.max_false_per_1000h)
    return MatchResult(matches, part.n_landmarks, part.n_hypotheses, threshold, 0.0, 0.0)


class _Kept:
    """The landmarks of one recording that a trace has kept."""

    def __init__(self, traced: TracedPassage | TracedAlternative) -> None:
        self._traced = traced

    def landmarks_of(self, ordinal: int) -> tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.uint8]]:
        return self._traced.recording_times, self._traced.recording_bins, self._traced.recording_codes

    def counted_of(self, ordinal: int) -> None:
        return None


def _candidate(traced: TracedPassage, number: int, version: int) -> Candidate:
    query = QueryLandmarks(traced.seconds, traced.bins, traced.vectors, traced.scales)
    aligner = Aligner(query, _Kept(traced))
    whole = _aligned(traced, number, query, aligner)
    candidate = Candidate(whole)
    candidate.recording = traced.recording
    candidate.rivals = traced.rivals
    candidate.hub_factor = traced.hub_factor
    for other in traced.alternatives:
        beside = Aligner(query, _Kept(other))
        alternative = AlternativeAlignment(_aligned(other, number, query, beside), other.same_audio)
        alternative.recording = other.recording
        alternative.along = beside.along(alternative.alignment)
        candidate.alternatives.append(alternative)
    candidate.also_fits = traced.also_fits or candidate.ids_of_alternatives
    candidate.along = aligner.along(whole)
    candidate.stretches = supported(candidate.along) if version > 1 else (whole_of(whole),)
    return candidate


def _aligned(
    traced: TracedPassage | TracedAlternative, number: int, query: QueryLandmarks, aligner: Aligner
) -> Alignment:
    whole: Alignment | None = None
    for piece in traced.pieces:
        line = (piece.ratio, piece.offset_seconds, piece.shift_cells)
        found = aligner.weigh(number, line, piece.first, piece.last, piece.free)
        if found is None:
            raise VerificationError(
                f"recording {printable(traced.recording.id)}: nothing in the landmarks speaks for the passage at "
                f"{query.seconds[piece.first]:.1f} s; they were altered"
            )
        if whole is not None and found.track_start_seconds < whole.track_end_seconds:
            raise VerificationError(
                f"recording {printable(traced.recording.id)}: the pieces of a passage are not in order; they were "
                "altered"
            )
        whole = found if whole is None else whole.joined(found)
    if whole is None:
        raise VerificationError(
            f"recording {printable(traced.recording.id)}: a passage has no pieces; they were taken out"
        )
    return whole


def _pairs(traced: TracedPassage, alignment: Alignment, stream: int) -> Pairs:
    return Pairs(
        alignment.seconds,
        traced.recording_times[alignment.rows] / TIMES_PER_SECOND,
        traced.bins[alignment.landmarks].astype(np.float64),
        traced.recording_bins[alignment.rows] / BINS_PER_CELL,
        alignment.similarity.astype(np.float64),
        np.full(alignment.rows.size, stream, dtype=np.int64),
    )


def _in_order(several: list[Pairs]) -> Pairs:
    joined = Pairs(*(np.concatenate([getattr(pairs, name) for pairs in several]) for name in Pairs.__slots__))
    return joined._only(np.argsort(joined.track_seconds, kind="stable"))
