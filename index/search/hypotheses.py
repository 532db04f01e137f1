"""Neighbours in, hypotheses out: which recording, at which pitch, tempo and offset.

Each neighbour of a query landmark votes for a line: reference time = ratio x query time + offset, in one recording,
at one pitch shift. Two votes of one recording support each other if one line passes through both (a Hough transform
evaluated only where there are votes; Ballard, Pattern Recognition 1981). In every few seconds of the query the best
supported votes become seeds, and the ratio that most of their supporters allow becomes their slope.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.search import _kernels
from index.storage.layers import BINS_PER_CELL, TIMES_PER_SECOND
from index.storage.snapshot import LayerView

__all__ = ["RATIO_SLACK", "SEED_STEP_SECONDS", "Hits", "Seed", "gather_hits", "plant_seeds"]

RATIO_SLACK = 0.13
"""A vote at time scale s allows tempo ratios within this share of s."""

SEED_STEP_SECONDS = 3.0
"""Each stretch of the query of this length has its own seeds: a strong passage must not crowd out a weak one."""

_WINDOW_SECONDS = 6.0  # votes further apart do not support each other: a line drawn at 1 % off is lost by then
_JITTER_SECONDS = 0.05
_MAX_SHIFT_CELLS = 1.2
_MIN_SIMILARITY = 0.25
_HOUGH_BINS = 53  # over +-RATIO_SLACK, steps of half a percent


class Hits(NamedTuple):
    """Votes, in order of recording, then query time.

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
        Similarity above what any two descriptors have.
    """

    recordings: NDArray[np.int32]
    landmarks: NDArray[np.int64]
    track_seconds: NDArray[np.float64]
    recording_seconds: NDArray[np.float64]
    shifts: NDArray[np.float64]
    scales: NDArray[np.float64]
    weights: NDArray[np.float64]


class Seed(NamedTuple):
    """A hypothesis: recording, line, and the query time where its support is."""

    recording: int
    ratio: float
    offset_seconds: float
    shift_cells: float
    track_seconds: float
    support: float


def gather_hits(
    layer: LayerView,
    track_seconds: NDArray[np.float64],
    query_bins: NDArray[np.float32],
    scales: tuple[float, ...],
    rows: NDArray[np.int64],
    similarity: NDArray[np.float32],
    *,
    allowed: NDArray[np.bool_] | None = None,
) -> Hits:
    """Turn neighbours into votes; those in excluded ranges of their recordings have none.

    Parameters
    ----------
    layer : LayerView
        The landmarks searched.
    track_seconds, query_bins : ndarray [shape=(n,)]
        Query landmarks.
    scales : tuple of float
        Time scales of the search.
    rows, similarity : ndarray [shape=(n_scales, n, k)]
        What `LayerView.search` returned for each scale.
    allowed : ndarray [shape=(n_recordings,), dtype=bool], optional
        By ordinal: recordings that may vote; by default all.

    Returns
    -------
    Hits
        One per pair of landmarks, at the scale where they are most alike; recordings with a single hit are left out.
    """
    n_scales, n, k = rows.shape
    scale_of = np.repeat(np.arange(n_scales), n * k)
    landmark = np.tile(np.repeat(np.arange(n), k), n_scales)
    flat_rows, flat_similarity = rows.reshape(-1), similarity.reshape(-1)
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
    votes = np.bincount(recording, minlength=1)
    several = votes[recording] > 1
    keep, recording = keep[several], recording[several]
    times, bins = layer.take(flat_rows[keep])
    at = landmark[keep]
    q_times = track_seconds[at]
    order = np.lexsort((flat_rows[keep], q_times, recording))
    return Hits(
        recording[order],
        at[order],
        q_times[order],
        times[order] / TIMES_PER_SECOND,
        bins[order] / BINS_PER_CELL - query_bins[at[order]],
        np.asarray(scales, dtype=np.float64)[scale_of[keep[order]]],
        flat_similarity[keep[order]].astype(np.float64) - (_MIN_SIMILARITY - 0.05),
    )


def plant_seeds(hits: Hits, *, per_step: int) -> list[Seed]:
    """Return the best supported hypotheses of each `SEED_STEP_SECONDS` of the query.

    Parameters
    ----------
    hits : Hits
        From `gather_hits`.
    per_step : int
        Seeds kept per stretch; more finds weaker reuse and costs time in proportion.

    Returns
    -------
    list of Seed
        By stretch, then by descending support, ties by recording and offset.
    """
    n = hits.recordings.size
    if n == 0:
        return []
    bounds = np.r_[np.flatnonzero(np.r_[True, hits.recordings[1:] != hits.recordings[:-1]]), n]
    backing = np.zeros(n)
    line = (hits.track_seconds, hits.recording_seconds, hits.shifts, hits.scales, hits.weights)
    agree = (_WINDOW_SECONDS, RATIO_SLACK, _JITTER_SECONDS, _MAX_SHIFT_CELLS)
    _kernels.support(bounds, *line, *agree, backing)
    total = np.where(backing > 0, backing + hits.weights, 0.0)
    step = (hits.track_seconds / SEED_STEP_SECONDS).astype(np.int64)
    order = np.lexsort((np.arange(n), -total, step))
    order = order[total[order] > 0]
    group = np.searchsorted(bounds, order, side="right") - 1
    chosen = np.empty(order.size, dtype=np.int64)
    count = _kernels.distinct(order, step, hits.recordings, *line[:4], *agree[1:], per_step, chosen)
    group_of = dict(zip(order.tolist(), group.tolist(), strict=True))
    votes = np.empty(_HOUGH_BINS)
    seeds = []
    for i in chosen[:count].tolist():
        first, last = int(bounds[group_of[i]]), int(bounds[group_of[i] + 1])
        ratio = _kernels.ratio_of_seed(i, first, last, *line, *agree, votes)
        at = float(hits.track_seconds[i])
        offset = float(hits.recording_seconds[i]) - ratio * at
        seeds.append(Seed(int(hits.recordings[i]), ratio, offset, float(hits.shifts[i]), at, float(total[i])))
    return seeds
