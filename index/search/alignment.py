"""Hypotheses in, aligned passages out: how far a line holds, and how much speaks for it.

A hypothesis says where each query landmark should meet a landmark of the reference. `align` looks there, in the
stored landmarks, and weighs what it finds: a log-likelihood ratio of "same sound" against "chance" for each query
landmark, from the similarity of descriptor and stored signs where a landmark is met, slightly negative where none is.
The passage is the run of half seconds with the highest sum (Kadane), the local alignment of sequence comparison
(Smith and Waterman, 1981) along a line. The line is fitted again to what was confirmed, the search widened, and so on
until the passage stops growing.

Landmarks in excluded ranges of the reference are not there.

Scores are in natural log units. They are not probabilities: `decision` turns them into those by what decoys score.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.search import _kernels
from index.search.hypotheses import Seed

__all__ = ["ASIDE_SECONDS", "Aligner", "Alignment", "QueryLandmarks", "References"]

_MIN_EVIDENCE = 1.0  # of a landmark that is counted as aligned
_Reference = tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.uint8]]
ASIDE_SECONDS = (-11.3, -7.9, -5.3, -3.1, 3.1, 5.3, 7.9, 11.3)
"""How far to either side of a line the lines lie that mean nothing."""


class References(Protocol):
    """The landmarks of references, by ordinal: those of a layer, or those that a trace has kept of it."""

    def landmarks_of(self, ordinal: int) -> _Reference:
        """Return times, bins and codes, as `LayerView.landmarks_of`."""

    def counted_of(self, ordinal: int) -> NDArray[np.int64] | None:
        """Return which of them count, None for all, as `LayerView.counted_of`."""


@dataclass(frozen=True, slots=True, eq=False)
class QueryLandmarks:
    """What alignment needs of a query.

    Attributes
    ----------
    seconds : ndarray [shape=(n,), dtype=float64]
        Landmark times, ascending.
    bins : ndarray [shape=(n,), dtype=float32]
        Landmark frequencies in cells.
    vectors : ndarray [shape=(n_scales, n, dimension), dtype=float32]
        Descriptors at each time scale.
    scales : tuple of float
        The time scales.
    """

    seconds: NDArray[np.float64]
    bins: NDArray[np.float32]
    vectors: NDArray[np.float32]
    scales: tuple[float, ...]

    def reversed(self, mirrored: NDArray[np.float32], turn_seconds: float) -> "QueryLandmarks":
        """Return the query running backwards, described by `mirrored`: what was at t comes at `turn_seconds` - t."""
        return replace(
            self,
            seconds=np.ascontiguousarray(turn_seconds - self.seconds[::-1]),
            bins=np.ascontiguousarray(self.bins[::-1]),
            vectors=np.ascontiguousarray(mirrored[:, ::-1]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """A passage of the query laid on a passage of a reference.

    Attributes
    ----------
    recording : int
        Ordinal of the reference.
    ratio, offset_seconds, shift_cells : float
        Reference time = ratio x query time + offset; reference cell = query cell + shift.
    track_start_seconds, track_end_seconds : float
        The passage in the query.
    score : float
        Sum of compressed log-likelihood ratios, natural log units.
    landmarks : ndarray [shape=(n_aligned,), dtype=int64]
        Query landmarks confirmed in the passage, ascending.
    rows : ndarray [shape=(n_aligned,), dtype=int64]
        Landmark of the reference that each of them met, counted from the reference's first.
    similarity : ndarray [shape=(n_aligned,), dtype=float32]
        Their similarity.
    first, last : int
        The query landmarks [first, last) that the score is the sum over; the passage may begin later and end earlier.
    """

    recording: int
    ratio: float
    offset_seconds: float
    shift_cells: float
    track_start_seconds: float
    track_end_seconds: float
    score: float
    landmarks: NDArray[np.int64]
    rows: NDArray[np.int64]
    similarity: NDArray[np.float32]
    first: int
    last: int

    @property
    def recording_start_seconds(self) -> float:
        """Start of the passage in the reference."""
        return max(0.0, self.recording_at(self.track_start_seconds))

    @property
    def recording_end_seconds(self) -> float:
        """End of the passage in the reference."""
        return self.recording_at(self.track_end_seconds)

    def recording_at(self, track_seconds: float) -> float:
        """Return the reference time that a query time lies on."""
        return self.ratio * track_seconds + self.offset_seconds

    def joined(self, later: "Alignment") -> "Alignment":
        """Return this passage and a later one on the same line as one, on the line through both."""
        start, end = self.recording_at(self.track_start_seconds), later.recording_at(later.track_end_seconds)
        ratio = (end - start) / (later.track_end_seconds - self.track_start_seconds)
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
            rows=np.concatenate((self.rows, later.rows)),
            similarity=np.concatenate((self.similarity, later.similarity)),
            first=self.first,
            last=later.last,
        )


class Aligner:
    """Aligns hypotheses about one query with the references of one layer; keeps its scratch space between them."""

    def __init__(self, query: QueryLandmarks, references: References) -> None:
        n = query.seconds.size
        self._query = query
        self._references = references
        self._log_scales = np.log(query.scales)
        self._all = np.ones(n, dtype=np.bool_)
        self._rows = np.empty(n, dtype=np.int64)
        self._similarity = np.empty(n, dtype=np.float32)
        self._evidence = np.empty(n)
        self._blocks = np.empty(int(query.seconds[-1] / _kernels.BLOCK_SECONDS) + 2 if n else 0)

    def align(self, seed: Seed, free: NDArray[np.bool_] | None = None) -> Alignment | None:
        """Grow the passage round a hypothesis.

        Parameters
        ----------
        seed : Seed
            The hypothesis.
        free : ndarray [shape=(n,), dtype=bool], optional
            Query landmarks that no better passage explains; the others count neither for nor against.

        Returns
        -------
        Alignment or None
            None where nothing speaks for it.
        """
        query = self._query
        line = np.array([seed.ratio, seed.offset_seconds, seed.shift_cells])
        run = np.zeros(3)
        reference, counted = self._reference(seed.recording)
        _kernels.grow(
            query.seconds, query.bins, query.vectors, self._log_scales, self._all if free is None else free,
            *reference, line, seed.track_seconds,
            self._rows, self._similarity, self._evidence, self._blocks, run,
        )  # fmt: skip
        return self._passage(seed.recording, line, run, counted)

    def weigh(
        self, recording: int, line: tuple[float, float, float], first: int, last: int, free: NDArray[np.bool_]
    ) -> Alignment | None:
        """Return what `align` made of the query landmarks [first, last) on the line where it ended, and nothing else.

        Parameters
        ----------
        recording : int
            Ordinal of the reference.
        line : tuple of float
            Ratio, offset in seconds, shift in cells.
        first, last : int
            As in the alignment.
        free : ndarray [shape=(n,), dtype=bool]
            As given to `align`.
        """
        query = self._query
        run = np.zeros(3)
        reference, counted = self._reference(recording)
        scale = int(np.argmin(np.abs(self._log_scales - np.log(line[0]))))
        _kernels.confirm(
            query.seconds, query.bins, query.vectors[scale], free, first, last, *reference, np.array(line),
            _kernels.REACH_SECONDS, _kernels.SPREAD_CELLS, self._rows, self._similarity, self._evidence,
        )  # fmt: skip
        _kernels.best_run(query.seconds, self._evidence, first, last, self._blocks, run)
        return self._passage(recording, np.array(line), run, counted)

    def expected_by_chance(self, passage: Alignment) -> float:
        """Return how many landmarks of a passage would be confirmed at offsets that mean nothing.

        The mean over lines parallel to the passage's, some seconds to either side.
        """
        query = self._query
        reference, _ = self._reference(passage.recording)
        first = int(np.searchsorted(query.seconds, passage.track_start_seconds, side="left"))
        last = int(np.searchsorted(query.seconds, passage.track_end_seconds, side="right"))
        scale = int(np.argmin(np.abs(self._log_scales - np.log(passage.ratio))))
        total = 0
        for aside in ASIDE_SECONDS:
            line = np.array([passage.ratio, passage.offset_seconds + aside, passage.shift_cells])
            _kernels.confirm(
                query.seconds, query.bins, query.vectors[scale], self._all, first, last, *reference, line,
                _kernels.REACH_SECONDS, _kernels.SPREAD_CELLS, self._rows, self._similarity, self._evidence,
            )  # fmt: skip
            total += int(np.count_nonzero(self._evidence[first:last] >= _MIN_EVIDENCE))
        return total / len(ASIDE_SECONDS)

    def _passage(
        self,
        recording: int,
        line: NDArray[np.float64],
        run: NDArray[np.float64],
        counted: NDArray[np.int64] | None,
    ) -> Alignment | None:
        """Return what stands in the scratch space as an alignment; None if the run is empty."""
        if run[0] <= 0:
            return None
        query, first, last = self._query, int(run[1]), int(run[2])
        a, b = _trim(self._evidence, first, last)
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
            rows=self._rows[aligned] if counted is None else counted[self._rows[aligned]],
            similarity=self._similarity[aligned],
            first=first,
            last=last,
        )

    def _reference(self, recording: int) -> tuple[_Reference, NDArray[np.int64] | None]:
        """Return the landmarks of a recording that count, and their numbers where those are not all."""
        times, bins, codes = self._references.landmarks_of(recording)
        counted = self._references.counted_of(recording)
        if counted is None:
            return (times, bins, codes), None
        return (times[counted], bins[counted], codes[counted]), counted


def _trim(evidence: NDArray[np.float64], a: int, b: int) -> tuple[int, int]:
    """Move the ends of a run inwards to where the sum of the evidence between them is largest."""
    total = np.cumsum(evidence[a:b])
    end = int(np.argmax(total)) + 1
    start = int(np.argmax(np.cumsum(evidence[a : a + end][::-1])))
    return a + end - 1 - start, a + end
