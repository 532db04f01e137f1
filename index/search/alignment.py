"""Align hypotheses with the stored landmarks: extent and score of each passage.

A hypothesis predicts where each query landmark should meet a landmark of the recording. `align` looks there, in the
stored landmarks, and scores each pair: a log-likelihood ratio of "same sound" against "chance" for each query landmark,
from the similarity of descriptor and stored signs where a landmark is met, slightly negative where none is. The passage
is the run of half seconds with the highest sum (Kadane), the local alignment of sequence comparison (Smith and
Waterman, 1981) along a line. The line is fitted again to the confirmed landmarks, the search widened, and so on until
the passage stops growing.

Landmarks in excluded ranges of the recording are not there.

Scores are in natural log units. They are not probabilities: `index.search.significance` derives those, by the scores of
decoys.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import ParameterError
from index.search import _kernels
from index.search.hypotheses import Hypothesis, QueryLandmarks
from index.storage.layers import TIMES_PER_SECOND

__all__ = ["ASIDE_SECONDS", "FLOOR_SCORE", "Aligner", "Alignment", "Along", "RecordingLandmarks", "ratio_through"]

FLOOR_SCORE = 6.0
"""Weaker alignments are not followed; chance alignments are counted from this score on."""

_MOST_BEND = 1.5  # between a line and the one through two passages on it; more comes of ends that nearly coincide
_MIN_EVIDENCE = 1.0  # of a landmark that is counted as aligned
_LONGEST_SECONDS = float(1 << 20)  # twelve days, the longest audio that an index holds
_Stored = tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.uint8]]
ASIDE_SECONDS = (-11.3, -7.9, -5.3, -3.1, 3.1, 5.3, 7.9, 11.3)
"""Distances from a line, in seconds, of the parallel lines that measure chance."""


class RecordingLandmarks(Protocol):
    """The landmarks of recordings, by ordinal: those of a layer, or those that a trace has kept of it."""

    def landmarks_of(self, ordinal: int) -> _Stored:
        """Return times, bins and codes, as `LayerSnapshot.landmarks_of`."""

    def counted_of(self, ordinal: int) -> NDArray[np.int64] | None:
        """Return the landmarks outside excluded ranges, by number from the recording's first; None if all are.

        Errors as `LayerSnapshot.counted_of`.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """A passage of the query laid on a passage of a recording.

    Attributes
    ----------
    recording : int
        Ordinal of the recording.
    ratio, offset_seconds, shift_cells : float
        Recording time = ratio x query time + offset; recording cell = query cell + shift.
    track_start_seconds, track_end_seconds : float
        The passage in the query.
    score : float
        Sum of compressed log-likelihood ratios, natural log units.
    landmarks : ndarray [shape=(n_aligned,), dtype=int64]
        Query landmarks confirmed in the passage, ascending.
    seconds : ndarray [shape=(n_aligned,), dtype=float64]
        Where in the query they lie.
    rows : ndarray [shape=(n_aligned,), dtype=int64]
        Landmark of the recording that each of them met, counted from the recording's first.
    similarity : ndarray [shape=(n_aligned,), dtype=float32]
        Their similarity.
    first, last : int
        The query landmarks [first, last) that the score is the sum over; the passage may begin later and end earlier.
    free : ndarray [shape=(n,), dtype=bool]
        Query landmarks that counted when it was weighed, all others being explained by better alignments.
    pieces : tuple of Alignment
        Those that it was joined from, in order of query time; empty if it was found whole.
    """

    recording: int
    ratio: float
    offset_seconds: float
    shift_cells: float
    track_start_seconds: float
    track_end_seconds: float
    score: float
    landmarks: NDArray[np.int64]
    seconds: NDArray[np.float64]
    rows: NDArray[np.int64]
    similarity: NDArray[np.float32]
    first: int
    last: int
    free: NDArray[np.bool_]
    pieces: "tuple[Alignment, ...]" = ()

    @property
    def weighed(self) -> "tuple[Alignment, ...]":
        """The alignments that were weighed: its pieces, or itself."""
        return self.pieces or (self,)

    @property
    def recording_start_seconds(self) -> float:
        """Start of the passage in the recording."""
        return max(0.0, self.recording_at(self.track_start_seconds))

    @property
    def recording_end_seconds(self) -> float:
        """End of the passage in the recording."""
        return self.recording_at(self.track_end_seconds)

    def recording_at(self, track_seconds: float) -> float:
        """Return the time in the recording that a query time lies on."""
        return self.ratio * track_seconds + self.offset_seconds

    def joined(self, later: "Alignment") -> "Alignment":
        """Return this passage and a later one on the same line as one, on the line through both."""
        start, end = self.recording_at(self.track_start_seconds), later.recording_at(later.track_end_seconds)
        ratio = ratio_through(start, end, later.track_end_seconds - self.track_start_seconds, near=self.ratio)
        weight, other = self.landmarks.size, later.landmarks.size
        return Alignment(
            recording=self.recording,
            ratio=ratio,
            offset_seconds=start - ratio * self.track_start_seconds,
            shift_cells=(weight * self.shift_cells + other * later.shift_cells) / max(weight + other, 1),
            track_start_seconds=self.track_start_seconds,
            track_end_seconds=later.track_end_seconds,
            score=self.score + later.score,
            landmarks=np.concatenate((self.landmarks, later.landmarks)),
            seconds=np.concatenate((self.seconds, later.seconds)),
            rows=np.concatenate((self.rows, later.rows)),
            similarity=np.concatenate((self.similarity, later.similarity)),
            first=self.first,
            last=later.last,
            free=self.free & later.free,
            pieces=self.weighed + later.weighed,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Along:
    """Evidence along an alignment, from its start to its end, and on parallel lines.

    Attributes
    ----------
    seconds : ndarray [shape=(n,), dtype=float64]
        Times of all query landmarks there, whether or not a better passage explains them.
    evidence : ndarray [shape=(n,), dtype=float64]
        Evidence of each for the alignment.
    aside : ndarray [shape=(len(ASIDE_SECONDS), n), dtype=float64]
        The same on parallel lines, where it is chance.
    recording_seconds : ndarray [shape=(m,), dtype=float64]
        When in the query the landmarks of the recording should be heard, ascending.
    """

    seconds: NDArray[np.float64]
    evidence: NDArray[np.float64]
    aside: NDArray[np.float64]
    recording_seconds: NDArray[np.float64]

    def expected_by_chance(self, low: float = -np.inf, high: float = np.inf) -> float:
        """Return the number of query landmarks that chance alone would align between two query times, in seconds.

        It is counted: the landmarks that align on the parallel lines, as a mean over these lines.
        """
        here = (self.seconds >= low) & (self.seconds <= high)
        return int(np.count_nonzero(self.aside[:, here] >= _MIN_EVIDENCE)) / len(self.aside)


def ratio_through(start: float, end: float, track_seconds: float, *, near: float) -> float:
    """Return the ratio of the line through two places of a recording that lie `track_seconds` apart in the track.

    Places that coincide, or nearly so, tell no ratio: it is then that of the line they were found `near`.

    Examples
    --------
    >>> ratio_through(10.0, 21.0, 10.0, near=1.0), ratio_through(10.0, 10.1, 0.0, near=1.0)
    (1.1, 1.0)
    """
    if track_seconds <= 0:
        return near
    ratio = (end - start) / track_seconds
    return ratio if near / _MOST_BEND <= ratio <= near * _MOST_BEND else near


class Aligner:
    """Aligns hypotheses about one query with the recordings of one layer; keeps its scratch space between them.

    Raises
    ------
    ParameterError
        If the times of the query are not finite and ascending, or lie before its start: the kernels do not look again.
    """

    def __init__(self, query: QueryLandmarks, recordings: RecordingLandmarks) -> None:
        n = query.seconds.size
        _check_times(query.seconds)
        self._query = query
        self._recordings = recordings
        self._log_scales = np.log(query.scales)
        self._read: dict[int, _Stored] = {}
        self._all = np.ones(n, dtype=np.bool_)
        self._rows = np.empty(n, dtype=np.int64)
        self._similarity = np.empty(n, dtype=np.float32)
        self._evidence = np.empty(n)
        self._known_pairs = np.full((len(query.scales), n, _kernels.KNOWN), -1, dtype=np.int64)
        self._known = np.empty((len(query.scales), n, _kernels.KNOWN), dtype=np.float32)
        self._blocks = np.empty(int(query.seconds[-1] / _kernels.BLOCK_SECONDS) + 2 if n else 0)

    def align(self, hypothesis: Hypothesis, free: NDArray[np.bool_] | None = None) -> Alignment | None:
        """Grow the passage round a hypothesis.

        Parameters
        ----------
        hypothesis : Hypothesis
            Where to look.
        free : ndarray [shape=(n,), dtype=bool], optional
            Query landmarks that no better passage explains; the others count neither for nor against. The alignment
            keeps it, so it must not change any more.

        Returns
        -------
        Alignment or None
            The passage on the line that was fitted last, with its score; None if no run of landmarks there has more
            evidence for the line than against it.
        """
        query = self._query
        usable = self._all if free is None else free
        line = np.array([hypothesis.ratio, hypothesis.offset_seconds, hypothesis.shift_cells])
        run = np.zeros(3)
        stored, counted = self._stored(hypothesis.recording)
        _kernels.grow(
            query.seconds, query.bins, query.vectors, self._log_scales, usable,
            *stored, line, hypothesis.track_seconds, _first_pair(hypothesis.recording), self._known_pairs, self._known,
            self._rows, self._similarity, self._evidence, self._blocks, run,
        )  # fmt: skip
        return self._alignment(hypothesis.recording, line, run, counted, usable)

    def weigh(
        self, recording: int, line: tuple[float, float, float], first: int, last: int, free: NDArray[np.bool_]
    ) -> Alignment | None:
        """Return the alignment of the query landmarks [first, last) on a given line, without growing it.

        Parameters
        ----------
        recording : int
            Ordinal of the recording.
        line : tuple of float
            Ratio, offset in seconds, shift in cells.
        first, last : int
            As in the alignment.
        free : ndarray [shape=(n,), dtype=bool]
            As given to `align`.
        """
        query = self._query
        run = np.zeros(3)
        stored, counted = self._stored(recording)
        scale = int(np.argmin(np.abs(self._log_scales - np.log(line[0]))))
        _kernels.confirm(
            query.seconds, query.bins, query.vectors[scale], free, first, last, *stored, np.array(line),
            _kernels.REACH_SECONDS, _kernels.SPREAD_CELLS,
            _first_pair(recording), self._known_pairs[scale], self._known[scale],
            self._rows, self._similarity, self._evidence,
        )  # fmt: skip
        _kernels.best_run(query.seconds, self._evidence, first, last, self._blocks, run)
        return self._alignment(recording, np.array(line), run, counted, free)

    def along(self, alignment: Alignment) -> Along:
        """Return the evidence along an alignment; each piece on its own line, up to half the way to the next."""
        query = self._query
        stored, _ = self._stored(alignment.recording)
        first = int(np.searchsorted(query.seconds, alignment.track_start_seconds, side="left"))
        last = int(np.searchsorted(query.seconds, alignment.track_end_seconds, side="right"))
        pieces = alignment.weighed
        between = [(one.track_end_seconds + two.track_start_seconds) / 2 for one, two in pairwise(pieces)]
        cuts = [first, *np.searchsorted(query.seconds, between).tolist(), last]
        heard = [-np.inf, *between, np.inf]
        evidence, recording_seconds = [], []
        for piece, (a, b), (low, high) in zip(pieces, pairwise(cuts), pairwise(heard), strict=True):
            evidence.append(self._evidence_on(piece, a, b))
            at = (stored[0] / TIMES_PER_SECOND - piece.offset_seconds) / piece.ratio
            recording_seconds.append(at[(at >= low) & (at < high)])
        return Along(
            seconds=query.seconds[first:last],
            evidence=np.concatenate(evidence),
            aside=np.stack([self._evidence_on(alignment, first, last, aside) for aside in ASIDE_SECONDS]),
            recording_seconds=np.concatenate(recording_seconds),
        )

    def _evidence_on(self, line: Alignment, first: int, last: int, aside: float = 0.0) -> NDArray[np.float64]:
        """Return how much each query landmark of [first, last) speaks for a line, or one `aside` seconds from it."""
        query = self._query
        stored, _ = self._stored(line.recording)
        scale = int(np.argmin(np.abs(self._log_scales - np.log(line.ratio))))
        _kernels.confirm(
            query.seconds, query.bins, query.vectors[scale], self._all, first, last, *stored,
            np.array([line.ratio, line.offset_seconds + aside, line.shift_cells]),
            _kernels.REACH_SECONDS, _kernels.SPREAD_CELLS,
            _first_pair(line.recording), self._known_pairs[scale], self._known[scale],
            self._rows, self._similarity, self._evidence,
        )  # fmt: skip
        return self._evidence[first:last].copy()

    def _alignment(
        self,
        recording: int,
        line: NDArray[np.float64],
        run: NDArray[np.float64],
        counted: NDArray[np.int64] | None,
        free: NDArray[np.bool_],
    ) -> Alignment | None:
        """Return the run in the scratch space as an alignment; None if the run is empty."""
        if run[0] <= 0:
            return None
        query, first, last = self._query, int(run[1]), int(run[2])
        a, b = _kernels.trim(self._evidence, first, last)
        aligned = a + np.flatnonzero((self._rows[a:b] >= 0) & (self._evidence[a:b] >= _MIN_EVIDENCE))
        return Alignment(
            recording=recording,
            ratio=float(line[0]),
            offset_seconds=float(line[1]),
            shift_cells=float(line[2]),
            track_start_seconds=float(query.seconds[a]),
            track_end_seconds=float(query.seconds[b - 1]),
            score=float(run[0]),
            landmarks=aligned,
            seconds=query.seconds[aligned],
            rows=self._rows[aligned] if counted is None else counted[self._rows[aligned]],
            similarity=self._similarity[aligned],
            first=first,
            last=last,
            free=free,
        )

    def _stored(self, recording: int) -> tuple[_Stored, NDArray[np.int64] | None]:
        """Return the landmarks of a recording that count, and their numbers where those are not all."""
        if recording not in self._read:
            times, bins, codes = self._recordings.landmarks_of(recording)
            counted = self._recordings.counted_of(recording)
            if counted is not None:
                return (times[counted], bins[counted], codes[counted]), counted
            self._read[recording] = (times, bins, codes)  # in the index, not in memory
        return self._read[recording], None


def _first_pair(recording: int) -> int:
    """Return the number from which on pairs with the landmarks of a recording are numbered."""
    return int(recording) << 32


def _check_times(seconds: NDArray[np.float64]) -> None:
    if not seconds.size:
        return
    if not (np.isfinite(seconds[[0, -1]]).all() and np.all(np.diff(seconds) >= 0)):
        raise ParameterError("times of the query: must be finite and ascending; sort its landmarks by time")
    if not -_kernels.BLOCK_SECONDS < seconds[0] <= seconds[-1] <= _LONGEST_SECONDS:
        raise ParameterError(
            f"times of the query: from {seconds[0]:.3f} to {seconds[-1]:.3f} s, must lie between 0 and "
            f"{_LONGEST_SECONDS:.0f} s; cut the track in parts"
        )
