"""Third step: log-frequency power in, landmarks out.

A landmark is a cell that exceeds all others within +-`peak_frames` x +-`peak_bins` and stands above the mean of its
surroundings. Landmarks are rationed per half second, the ration shared out over frequency bands, so that a bass line
or a hi-hat keeps landmarks of its own under a full mix. Positions are refined below one cell in both directions by a
parabola through the log power.

Peaks are picked on power, not on its logarithm: the logarithm differs between maths libraries, a comparison of sums
does not.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fingerprint import _kernels
from fingerprint.params import Params

__all__ = ["SILENCE_POWER", "Landmarks", "find_landmarks", "quota_frames"]

SILENCE_POWER = 1e-6
"""Cells below this power, a tone of about -108 dB of full scale, are silence."""


class Landmarks(NamedTuple):
    """Landmarks in order of time, then frequency.

    Attributes
    ----------
    frames : ndarray [shape=(n,), dtype=float64]
        Position in time, in frames of the array searched, below one frame.
    bins : ndarray [shape=(n,), dtype=float64]
        Position in frequency, in cells, below one cell.
    prominence : ndarray [shape=(n,), dtype=float32]
        Height of the peak above the mean of its surroundings, in units of natural log power.
    """

    frames: NDArray[np.float64]
    bins: NDArray[np.float64]
    prominence: NDArray[np.float32]


def quota_frames(params: Params) -> int:
    """Return the length in frames of the blocks over which landmarks are rationed."""
    return round(params.quota_seconds * params.frames_per_second)


def find_landmarks(
    power: NDArray[np.float32],
    log_power: NDArray[np.float32],
    params: Params,
    *,
    density: float,
    first_frame: int = 0,
    last_frame: int | None = None,
) -> Landmarks:
    """Find the landmarks of rows `first_frame` to `last_frame` of a log-frequency spectrogram.

    Parameters
    ----------
    power, log_power : ndarray [shape=(n_frames, n_bins), dtype=float32]
        Power per cell and its natural logarithm over a floor.
    params : Params
        Parameters of the analysis.
    density : float
        Landmarks kept per second, at most. More makes buried and short reuse easier to find, and the index larger.
    first_frame, last_frame : int
        Range searched; the rows outside it only serve as neighbours. `first_frame` must be a multiple of
        `quota_frames(params)` frames from the start of the recording for the rations to be the same however it is cut.

    Returns
    -------
    Landmarks
        With `frames` counted from row 0 of `power`.
    """
    n_frames, n_bins = power.shape
    last = n_frames if last_frame is None else last_frame
    # Two maxima cannot stand closer than the neighbourhood allows, bar one on each side of an excluded cell.
    most = (last - first_frame) * n_bins // 4 + 1
    found = np.empty((most, 2), dtype=np.int64)
    floor = np.full(n_frames, SILENCE_POWER, dtype=np.float32)
    count = _kernels.local_maxima(power, first_frame, last, params.peak_frames, params.peak_bins, floor, found)
    peaks = found[:count]
    height = np.empty(count, dtype=np.float32)
    _kernels.prominence(log_power, peaks, params.contrast_frames, params.contrast_bins, height)
    above = height > 0
    peaks, height = peaks[above], height[above]
    kept = _ration(peaks, height, first_frame, density, params)
    peaks, height = peaks[kept], height[kept]
    frames = peaks[:, 0] + _vertex(power, peaks, 0)
    bins = peaks[:, 1] + _vertex(power, peaks, 1)
    order = np.lexsort((bins, frames))
    return Landmarks(frames[order], bins[order], height[order])


def _ration(
    peaks: NDArray[np.int64], height: NDArray[np.float32], first_frame: int, density: float, params: Params
) -> NDArray[np.intp]:
    """Choose the most prominent peaks of each half second: an equal share for each band, then the best of the rest."""
    block_frames = quota_frames(params)
    ration = round(density * block_frames / params.frames_per_second)
    block = (peaks[:, 0] - first_frame) // block_frames
    band = peaks[:, 1] * params.n_bands // params.n_bins
    chosen = _rank(-height, block * params.n_bands + band) < ration // params.n_bands
    # Those chosen come first in their block; the others follow by height.
    return np.flatnonzero(_rank(np.where(chosen, -np.inf, -height), block) < ration)


def _rank(key: NDArray[np.floating], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rank each item within its group by ascending key, equal keys in order of appearance."""
    order = np.lexsort((key, group))
    grouped = group[order]
    starts = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]]) if grouped.size else np.empty(0, dtype=np.int64)
    position = np.arange(group.size) - np.repeat(starts, np.diff(np.r_[starts, group.size]))
    rank = np.empty(group.size, dtype=np.int64)
    rank[order] = position
    return rank


def _vertex(power: NDArray[np.float32], peaks: NDArray[np.int64], axis: int) -> NDArray[np.float64]:
    """Offset in -0.5..0.5 of the vertex of the parabola through the log power of a peak and its two neighbours."""
    t, b = peaks[:, 0], peaks[:, 1]
    step_t, step_b = (1, 0) if axis == 0 else (0, 1)
    tiny = 1e-20
    before = np.log(power[t - step_t, b - step_b].astype(np.float64) + tiny)
    here = np.log(power[t, b].astype(np.float64) + tiny)
    after = np.log(power[t + step_t, b + step_b].astype(np.float64) + tiny)
    bend = np.minimum(before - 2 * here + after, -1e-6)
    vertex: NDArray[np.float64] = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    return vertex
