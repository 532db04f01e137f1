"""Neighbours in, hypotheses out: which recording, at which pitch, tempo and offset.

Each neighbour of a query landmark votes for a line: recording time = ratio x query time + offset, in one recording,
at one pitch shift. Two votes of one recording support each other if one line passes through both (a Hough transform
evaluated only where there are votes; Ballard, Pattern Recognition 1981). In every few seconds of the query the best
supported votes become hypotheses, and the ratio that most of their supporters allow becomes their slope.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.search import _kernels
from index.storage.layer_snapshot import LayerSnapshot
from index.storage.layers import BINS_PER_CELL, TIMES_PER_SECOND

__all__ = [
    "RATIO_SLACK",
    "STEP_SECONDS",
    "Hypothesis",
    "Neighbours",
    "QueryLandmarks",
    "Votes",
    "best_hypotheses",
    "gather_votes",
]

RATIO_SLACK = 0.13
"""A vote at time scale s allows tempo ratios within this share of s."""

STEP_SECONDS = 3.0
"""Each stretch of the query of this length has its own hypotheses: a strong passage must not crowd out a weak one."""

_WINDOW_SECONDS = 6.0  # votes further apart do not support each other: a line drawn at 1 % off is lost by then
_JITTER_SECONDS = 0.05
_MAX_SHIFT_CELLS = 1.2
_MIN_SIMILARITY = 0.25
_HOUGH_BINS = 53  # over +-RATIO_SLACK, steps of half a percent


@dataclass(frozen=True, slots=True, eq=False)
class QueryLandmarks:
    """Landmarks and descriptors of a track, as the index is asked about them.

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
        """Return the query running backwards, described by `mirrored`: time t becomes `turn_seconds` - t."""
        return replace(
            self,
            seconds=np.ascontiguousarray(turn_seconds - self.seconds[::-1]),
            bins=np.ascontiguousarray(self.bins[::-1]),
            vectors=np.ascontiguousarray(mirrored[:, ::-1]),
        )

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "QueryLandmarks":
        """Return some of the landmarks, in order: `chosen` is a mask or the numbers of those."""
        return replace(self, seconds=self.seconds[chosen], bins=self.bins[chosen], vectors=self.vectors[:, chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """A query, forwards or backwards, and its neighbours.

    Attributes
    ----------
    query : QueryLandmarks
    layer : LayerSnapshot
        The landmarks searched.
    rows : ndarray [shape=(n_scales, n, k), dtype=int64]
        Landmarks of the layer, -1 for none.
    similarity : ndarray [shape=(n_scales, n, k), dtype=float32]
    allowed : ndarray [shape=(n_recordings,), dtype=bool] or None
        By ordinal: recordings that may vote; None for all.
    """

    query: QueryLandmarks
    layer: LayerSnapshot
    rows: NDArray[np.int64]
    similarity: NDArray[np.float32]
    allowed: NDArray[np.bool_] | None = None


class Votes(NamedTuple):
    """Votes, in order of recording (`LayerSnapshot.ranks`), then query time.

    Attributes
    ----------
    recordings : ndarray [shape=(n,), dtype=int32]
        Ordinals.
    landmarks : ndarray [shape=(n,), dtype=int64]
        Query landmark that voted.
    track_seconds, recording_seconds : ndarray [shape=(n,), dtype=float64]
        Where it lies and where its neighbour lies.
    shifts : ndarray [shape=(n,), dtype=float64]
        Cells from the query landmark up to its neighbour.
    scales : ndarray [shape=(n,), dtype=float64]
        Time scale of the descriptor that found it.
    weights : ndarray [shape=(n,), dtype=float64]
        Similarity above that of two unrelated descriptors.
    """

    recordings: NDArray[np.int32]
    landmarks: NDArray[np.int64]
    track_seconds: NDArray[np.float64]
    recording_seconds: NDArray[np.float64]
    shifts: NDArray[np.float64]
    scales: NDArray[np.float64]
    weights: NDArray[np.float64]


class Hypothesis(NamedTuple):
    """A recording, a line between both timelines, and the query time where its support is."""

    recording: int
    ratio: float
    offset_seconds: float
    shift_cells: float
    track_seconds: float
    support: float


def gather_votes(neighbours: Neighbours, usable: NDArray[np.bool_] | None = None) -> Votes:
    """Turn neighbours into votes; those in excluded ranges of their recordings have none.

    Parameters
    ----------
    neighbours : Neighbours
        Of a query.
    usable : ndarray [shape=(n,), dtype=bool], optional
        Query landmarks that may vote; by default all.

    Returns
    -------
    Votes
        One per pair of landmarks, at the scale where they are most alike; recordings with a single vote are left out.
    """
    query, layer, allowed = neighbours.query, neighbours.layer, neighbours.allowed
    rows = neighbours.rows if usable is None else np.where(usable[None, :, None], neighbours.rows, -1)
    n_scales, n, k = rows.shape
    scale_of = np.repeat(np.arange(n_scales), n * k)
    landmark = np.tile(np.repeat(np.arange(n), k), n_scales)
    flat_rows, flat_similarity = rows.reshape(-1), neighbours.similarity.reshape(-1)
    keep = np.flatnonzero((flat_rows >= 0) & (flat_similarity >= _MIN_SIMILARITY))
    pair = landmark[keep] * np.int64(max(layer.n_rows, 1)) + flat_rows[keep]
    order = np.lexsort((-flat_similarity[keep], pair))
    first = np.r_[True, pair[order][1:] != pair[order][:-1]] if order.size else np.empty(0, dtype=np.bool_)
    keep = keep[order[first]]
    recording = layer.recording_of(flat_rows[keep])
    if allowed is not None:
        keep, recording = keep[allowed[recording]], recording[allowed[recording]]
    if layer.has_exclusions:
        counted = ~layer.excluded(flat_rows[keep], recording)
        keep, recording = keep[counted], recording[counted]
    several = np.bincount(recording, minlength=1)[recording] > 1
    keep, recording = keep[several], recording[several]
    times, bins = layer.take(flat_rows[keep])
    at = landmark[keep]
    q_times = query.seconds[at]
    order = np.lexsort((flat_rows[keep], q_times, layer.ranks[recording]))
    return Votes(
        recording[order],
        at[order],
        q_times[order],
        times[order] / TIMES_PER_SECOND,
        bins[order] / BINS_PER_CELL - query.bins[at[order]],
        np.asarray(query.scales, dtype=np.float64)[scale_of[keep[order]]],
        flat_similarity[keep[order]].astype(np.float64) - (_MIN_SIMILARITY - 0.05),
    )


def best_hypotheses(votes: Votes, *, per_step: int) -> list[Hypothesis]:
    """Return the best supported hypotheses of each `STEP_SECONDS` of the query.

    Parameters
    ----------
    votes : Votes
        From `gather_votes`.
    per_step : int
        Hypotheses kept per stretch; more finds weaker reuse and costs time in proportion.

    Returns
    -------
    list of Hypothesis
        By stretch, then by descending support, ties by place among the votes.
    """
    n = votes.recordings.size
    if n == 0:
        return []
    bounds = np.r_[np.flatnonzero(np.r_[True, votes.recordings[1:] != votes.recordings[:-1]]), n]
    backing = np.zeros(n)
    line = (votes.track_seconds, votes.recording_seconds, votes.shifts, votes.scales, votes.weights)
    agree = (_WINDOW_SECONDS, RATIO_SLACK, _JITTER_SECONDS, _MAX_SHIFT_CELLS)
    _kernels.support(bounds, *line, *agree, backing)
    total = np.where(backing > 0, backing + votes.weights, 0.0)
    step = (votes.track_seconds / STEP_SECONDS).astype(np.int64)
    order = np.lexsort((np.arange(n), -total, step))
    order = order[total[order] > 0]
    group = np.searchsorted(bounds, order, side="right") - 1
    chosen = np.empty(order.size, dtype=np.int64)
    count = _kernels.distinct(order, step, votes.recordings, *line[:4], *agree[1:], per_step, chosen)
    group_of = dict(zip(order.tolist(), group.tolist(), strict=True))
    scratch = np.empty(_HOUGH_BINS)
    hypotheses = []
    for i in chosen[:count].tolist():
        first, last = int(bounds[group_of[i]]), int(bounds[group_of[i] + 1])
        ratio = _kernels.ratio_of_vote(i, first, last, *line, *agree, scratch)
        at = float(votes.track_seconds[i])
        offset = float(votes.recording_seconds[i]) - ratio * at
        hypotheses.append(
            Hypothesis(int(votes.recordings[i]), ratio, offset, float(votes.shifts[i]), at, float(total[i]))
        )
    return hypotheses
