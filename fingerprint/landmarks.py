"""Third step: log-frequency power in, landmarks and their descriptors out; together they are a fingerprint.

A landmark is a cell that exceeds all others within +-`peak_frames` x +-`peak_bins` and exceeds the mean of its
surroundings. Landmarks are rationed per half second, the ration shared out over frequency bands, so that a bass line
or a hi-hat keeps landmarks of its own under a full mix. Positions are refined below one cell in both directions by a
parabola through the log power. Peaks are picked on power, not on its logarithm: the logarithm differs between maths
libraries, a comparison of sums does not.

A descriptor is the neighbourhood of a landmark: the log spectrogram, slightly smoothed, sampled on a grid of
+-`patch_seconds` x +-`patch_semitones`; mean removed and unit norm (gain drops out), then projected by the trained
map and scaled to unit norm. Since the grid moves with the landmark along log frequency, the descriptor of a
transposed recording is the same; since the grid can be stretched in time (`scale`), a track played slower or faster
can be described as if it had not been. The idea is that of SIFT (Lowe, IJCV 2004), with the spectrogram for the image.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fingerprint import _kernels
from fingerprint.errors import ParameterError
from fingerprint.params import Params, Projection

__all__ = [
    "MIN_LANDMARKS",
    "MIN_SECONDS",
    "SILENCE_POWER",
    "Fingerprint",
    "Landmarks",
    "Role",
    "check_projection",
    "describe",
    "find_landmarks",
    "patches",
    "quota_frames",
    "role_of",
    "smooth_cells",
]

SILENCE_POWER = 1e-6
"""Cells below this power, a tone of about -108 dB of full scale, are silence."""


Role = Literal["recording", "track"]
"""For what a fingerprint is made: to enter an index as a recording, or to be searched in one as a track."""

_ROLES: dict[str, Role] = {"recording": "recording", "track": "track", "reference": "recording", "query": "track"}

MIN_SECONDS = 0.5
"""Shorter audio holds too few landmarks to identify anything."""

MIN_LANDMARKS = 8
"""Audio with fewer landmarks, digital silence for one, identifies nothing."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """Landmarks of one audio file, or of a part of it, with their descriptors.

    Attributes
    ----------
    times : ndarray [shape=(n,), dtype=float64]
        Landmark times in seconds, ascending.
    bins : ndarray [shape=(n,), dtype=float32]
        Landmark frequencies in cells of the log-frequency axis.
    prominence : ndarray [shape=(n,), dtype=float32]
        Height above the surroundings, natural log power.
    scales : tuple of float
        Time scales at which the landmarks are described.
    vectors : ndarray [shape=(n_scales, n, dimension), dtype=float32]
        Descriptors, unit norm.
    mirrored : ndarray [shape=(n_scales, n, dimension) or (0, 0, dimension), dtype=float32]
        Descriptors of the same music running backwards; of tracks only.
    start_seconds, duration_seconds : float
        Where the audio described starts in the file, and its length.
    params_digest : str
        Digest of the parameters.
    name, sha256, decoder : str
        File name, SHA-256 of the file's bytes (hex) and decoder; empty for signals.
    notes : tuple of str
        Sentences on anything odd about the audio.
    stream : int
        Which audio stream of the file, from 1; 0 where that was not asked for.
    """

    times: NDArray[np.float64]
    bins: NDArray[np.float32]
    prominence: NDArray[np.float32]
    scales: tuple[float, ...]
    vectors: NDArray[np.float32]
    mirrored: NDArray[np.float32]
    start_seconds: float
    duration_seconds: float
    params_digest: str
    name: str = ""
    sha256: str = ""
    decoder: str = ""
    notes: tuple[str, ...] = ()
    stream: int = 0


def role_of(word: str) -> Role:
    """Return the role that a word names; `reference` and `query` are older words for recording and track.

    Raises
    ------
    ParameterError
        If it names none.

    Examples
    --------
    >>> role_of("track"), role_of("reference")
    ('track', 'recording')
    """
    if not isinstance(word, str) or word not in _ROLES:
        raise ParameterError(f"role={word!r:.80}: must be 'recording' or 'track'")
    return _ROLES[word]


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
    greatest = np.empty_like(power)
    _kernels.row_maxima(power, params.peak_bins, greatest)
    half = (params.peak_frames, params.peak_bins)
    count = _kernels.local_maxima(power, greatest, first_frame, last, *half, floor, found)
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


def smooth_cells(log_power: NDArray[np.float32], params: Params) -> NDArray[np.float32]:
    """Return the moving average of the log spectrogram, same shape, so that sampling a coarse grid does not alias."""
    out = np.empty_like(log_power)
    row = np.empty(log_power.shape[1], dtype=np.float32)
    _kernels.box_smooth(log_power, params.smooth_frames, params.smooth_bins, row, out)
    return out


def patches(
    smooth: NDArray[np.float32], landmarks: Landmarks, params: Params, *, scale: float = 1.0
) -> NDArray[np.float32]:
    """Sample the surroundings of each landmark.

    Parameters
    ----------
    smooth : ndarray [shape=(n_frames, n_bins), dtype=float32]
        From `smooth_cells`.
    landmarks : Landmarks
        Positions in that array.
    params : Params
        Parameters of the analysis.
    scale : float
        Seconds of the source per second of this audio: 1.25 describes a track that plays a quarter faster than its
        source.

    Returns
    -------
    ndarray [shape=(n, patch_times * patch_bins), dtype=float32]
        Time-major grids with zero mean and unit norm; all zero where the surroundings are flat.
    """
    reach = params.patch_seconds * params.frames_per_second / scale
    semitone = params.bins_per_octave / 12
    in_time = np.linspace(-reach, reach, params.patch_times)
    in_bins = np.linspace(-params.patch_semitones * semitone, params.patch_semitones * semitone, params.patch_bins)
    out = np.empty((landmarks.frames.size, params.patch_times * params.patch_bins), dtype=np.float32)
    _kernels.sample_patches(smooth, landmarks.frames, landmarks.bins, in_time, in_bins, out)
    return out


def describe(patch: NDArray[np.float32], projection: Projection) -> NDArray[np.float32]:
    """Project patches and scale them to unit norm; a flat patch gives zeros and is like nothing.

    Parameters
    ----------
    patch : ndarray [shape=(n, patch_size), dtype=float32]
        From `patches`.
    projection : Projection
        The trained map.

    Returns
    -------
    ndarray [shape=(n, dimension), dtype=float32]
        Descriptors.
    """
    out = np.empty((len(patch), projection.matrix.shape[1]), dtype=np.float32)
    _kernels.project(np.ascontiguousarray(patch, dtype=np.float32), projection.matrix, projection.offset, out)
    return out


def check_projection(projection: Projection, params: Params) -> None:
    """Raise ParameterError unless `projection` is the one that `params` names, and of the right shape."""
    expected = (params.patch_times * params.patch_bins, params.dimension)
    if projection.matrix.shape != expected:
        raise ParameterError(
            f"the projection has shape {projection.matrix.shape}, the parameters ask for {expected}; "
            "train one for these parameters with benchmarks/train_projection.py"
        )
    if projection.digest != params.projection_digest:
        raise ParameterError(
            f"the projection is {projection.digest}, the parameters name {params.projection_digest}; "
            "pass the projection that the index was made with"
        )


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
