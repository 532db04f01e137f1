"""Traces: the data of one track's search, enough to recompute its matches without the index and without the audio.

For every passage that was reported, a `Trace` holds the landmarks of the track that its score is the sum over, with
their descriptors, those of the recording around the passage, the line through both, and the scores of chance and of
rivals that the passage had to beat; of every alternative the landmarks of its recording and its line.
`index.recheck.recheck` computes the same matches from it, bit by bit.

It cannot show that nothing else was in the index: the scores of decoys and rivals are as the search stated
them.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.search.alignment import ASIDE_SECONDS, Alignment
from index.search.hypotheses import QueryLandmarks
from index.search.match import Examination
from index.search.passages import Candidate
from index.search.significance import Circumstances
from index.storage.layer_snapshot import LayerSnapshot
from index.storage.layers import TIMES_PER_SECOND
from index.storage.recordings import Recording
from index.storage.snapshot import Snapshot

__all__ = [
    "SUFFIX",
    "Trace",
    "TracedAlternative",
    "TracedPart",
    "TracedPassage",
    "TracedPiece",
    "trace_name",
    "traced_part",
]

_REACH_SECONDS = max(ASIDE_SECONDS) + 0.5  # beyond a passage, as far as it is compared with chance


@dataclass(frozen=True, slots=True, eq=False)
class TracedPiece:
    """One alignment of a passage, as it was weighed.

    Attributes
    ----------
    ratio, offset_seconds, shift_cells : float
        Recording time = ratio x track time + offset; recording cell = track cell + shift.
    first, last : int
        The landmarks [first, last) of the passage that its score is the sum over.
    free : ndarray [shape=(n,), dtype=bool]
        Landmarks of the passage that no better passage had taken.
    """

    ratio: float
    offset_seconds: float
    shift_cells: float
    first: int
    last: int
    free: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class TracedAlternative:
    """Another recording beside a reported passage, laid on the landmarks of the track that the passage has.

    Attributes
    ----------
    recording : Recording
        As the catalogue described it.
    same_audio : bool
        Whether the index says that both recordings hold the same audio there; as stated.
    pieces : tuple of TracedPiece
        In order of query time.
    recording_times, recording_bins, recording_codes : ndarray
        As those of a `TracedPassage`.
    """

    recording: Recording
    same_audio: bool
    pieces: tuple[TracedPiece, ...]
    recording_times: NDArray[np.uint32]
    recording_bins: NDArray[np.uint16]
    recording_codes: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class TracedPassage:
    """One reported passage.

    Attributes
    ----------
    recording : Recording
        The recording, as the catalogue described it.
    rivals : tuple of float
        As those of a `Candidate`.
    hub_factor : float
        How many times more often chance meets this recording.
    also_fits : tuple of str
        Ids of other recordings that fit nearly as well, as stated; traces of schema 2 have `alternatives` instead.
    alternatives : tuple of TracedAlternative
        Other recordings that hold the same audio or fit nearly as well, the best first.
    pieces : tuple of TracedPiece
        In order of query time.
    seconds : ndarray [shape=(n,), dtype=float64]
        Times of the landmarks of the track, ascending.
    bins : ndarray [shape=(n,), dtype=float32]
        Their frequencies, in cells.
    scales : tuple of float
        Time scales at which the passage was weighed.
    vectors : ndarray [shape=(n_scales, n, dimension), dtype=float32]
        Descriptors.
    recording_times : ndarray [shape=(m,), dtype=uint32]
        Times of the recording's landmarks from 12 s before the passage to 12 s after it, in 1/4096 s, ascending.
    recording_bins : ndarray [shape=(m,), dtype=uint16]
        Their frequencies, in 1/64 cell.
    recording_codes : ndarray [shape=(m, dimension // 8), dtype=uint8]
        Signs of their descriptors.
    """

    recording: Recording
    rivals: tuple[float, ...]
    hub_factor: float
    also_fits: tuple[str, ...]
    alternatives: "tuple[TracedAlternative, ...]"
    pieces: tuple[TracedPiece, ...]
    seconds: NDArray[np.float64]
    bins: NDArray[np.float32]
    scales: tuple[float, ...]
    vectors: NDArray[np.float32]
    recording_times: NDArray[np.uint32]
    recording_bins: NDArray[np.uint16]
    recording_codes: NDArray[np.uint8]

    @property
    def laid(self) -> "tuple[TracedPassage | TracedAlternative, ...]":
        """All that is aligned with the landmarks of the track: the passage itself, then its alternatives."""
        return (self, *self.alternatives)


@dataclass(frozen=True, slots=True, eq=False)
class TracedPart:
    """A track, or ten minutes of a long one.

    Attributes
    ----------
    circumstances : Circumstances
        Inputs of the decision.
    n_landmarks, n_hypotheses : int
        Landmarks of the track, and alignments tried.
    passages : tuple of TracedPassage
        Those that were reported.
    stream : int
        Number, from 1, of the audio stream that it is of; 0 where the file has one.
    """

    circumstances: Circumstances
    n_landmarks: int
    n_hypotheses: int
    passages: tuple[TracedPassage, ...]
    stream: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Trace of one track.

    Attributes
    ----------
    sha256 : str
        Of the file, in hexadecimal.
    index_digest, params_digest, settings_digest : str
        State of the index, parameters of the fingerprint, settings of the search, as in the result.
    fmin_hz : float
        Centre of cell 0, in Hz.
    scales : tuple of float
        Time scales that were tried.
    parts : tuple of TracedPart
        In order of time.
    version : int
        Version of the schema, and of the rules by which its search reported: 1 bridged gaps in which nothing was found.
    """

    sha256: str
    index_digest: str
    params_digest: str
    settings_digest: str
    fmin_hz: float
    scales: tuple[float, ...]
    parts: tuple[TracedPart, ...]
    version: int = 2


def traced_part(examination: Examination, snapshot: Snapshot, *, stream: int = 0) -> TracedPart:
    """Return the trace of a search in `snapshot`; of one audio stream of a file with several."""
    view = snapshot.layer(examination.circumstances.layer)
    passages = tuple(
        _traced(candidate, examination.query, view) for candidate in examination.candidates if candidate.reported
    )
    result = examination.result
    return TracedPart(examination.circumstances, result.n_landmarks, result.n_hypotheses, passages, stream)


def _traced(candidate: Candidate, query: QueryLandmarks, view: LayerSnapshot) -> TracedPassage:
    alignment = candidate.alignment
    alternatives = candidate.alternatives
    everything = [alignment, *(other.alignment for other in alternatives)]
    pieces = [piece for one in everything for piece in one.weighed]
    first, last = min(piece.first for piece in pieces), max(piece.last for piece in pieces)
    scales = sorted({_scale_of(line, query.scales) for line in (*everything, *pieces)})
    times, bins, codes = _landmarks_round(alignment, query, view)
    return TracedPassage(
        recording=candidate.recording,
        rivals=candidate.rivals,
        hub_factor=candidate.hub_factor,
        also_fits=(),
        alternatives=tuple(
            TracedAlternative(
                other.recording,
                other.same_audio,
                _pieces(other.alignment, first, last),
                *_landmarks_round(other.alignment, query, view),
            )
            for other in alternatives
        ),
        pieces=_pieces(alignment, first, last),
        seconds=query.seconds[first:last].copy(),
        bins=query.bins[first:last].copy(),
        scales=tuple(query.scales[scale] for scale in scales),
        vectors=query.vectors[scales, first:last].copy(),
        recording_times=times,
        recording_bins=bins,
        recording_codes=codes,
    )


def _pieces(alignment: Alignment, first: int, last: int) -> tuple[TracedPiece, ...]:
    """Return the pieces of an alignment, counted from query landmark `first`."""
    return tuple(
        TracedPiece(
            piece.ratio,
            piece.offset_seconds,
            piece.shift_cells,
            piece.first - first,
            piece.last - first,
            piece.free[first:last].copy(),
        )
        for piece in alignment.weighed
    )


def _landmarks_round(
    alignment: Alignment, query: QueryLandmarks, view: LayerSnapshot
) -> tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.uint8]]:
    """Return the landmarks of a recording that count, from 12 s before a passage to 12 s after it."""
    pieces = alignment.weighed
    seconds = query.seconds[min(piece.first for piece in pieces) : max(piece.last for piece in pieces)]
    ends = [line.recording_at(float(at)) for line in (alignment, *pieces) for at in (seconds[0], seconds[-1])]
    times, bins, codes = view.landmarks_of(alignment.recording)
    counted = view.counted_of(alignment.recording)
    if counted is not None:
        times, bins, codes = times[counted], bins[counted], codes[counted]
    low, high = max(0.0, min(ends) - _REACH_SECONDS), max(ends) + _REACH_SECONDS
    window = slice(*np.searchsorted(times, [low * TIMES_PER_SECOND, high * TIMES_PER_SECOND]).tolist())
    return np.array(times[window]), np.array(bins[window]), np.array(codes[window])


def _scale_of(line: Alignment, scales: tuple[float, ...]) -> int:
    return int(np.argmin(np.abs(np.log(scales) - np.log(line.ratio))))


SUFFIX = ".spt"


def trace_name(sha256: str, index_digest: str, settings_digest: str) -> str:
    """Return the name of the trace of one audio file, searched in one state of an index with some settings.

    A second search of the same audio, in another index or with other settings, has a trace of its own.

    Examples
    --------
    >>> trace_name("ab" * 32, "sha256:1", "sha256:2")[-24:]
    'bababababab-86095f8f.spt'
    """
    search = hashlib.sha256(f"{index_digest} {settings_digest}".encode()).hexdigest()
    return f"{sha256}-{search[:8]}{SUFFIX}"
