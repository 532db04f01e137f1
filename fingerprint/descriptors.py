"""Fourth step: landmarks and the log spectrogram in, descriptors out.

A descriptor says what surrounds a landmark: the log spectrogram, slightly smoothed, sampled on a grid of
+-`patch_seconds` x +-`patch_semitones`; mean removed and unit norm (gain drops out), then projected by the trained
map and scaled to unit norm. Since the grid moves with the landmark along log frequency, the descriptor of a
transposed recording is the same; since the grid can be stretched in time (`scale`), a query played slower or faster
can be described as if it had not been.

The idea is that of SIFT (Lowe, IJCV 2004), with the spectrogram for the image.
"""

import numpy as np
from numpy.typing import NDArray

from fingerprint import _kernels
from fingerprint.errors import ParameterError
from fingerprint.landmarks import Landmarks
from fingerprint.params import Params, Projection

__all__ = ["check_projection", "describe", "patches", "smooth_cells"]


def smooth_cells(log_power: NDArray[np.float32], params: Params) -> NDArray[np.float32]:
    """Return the moving average of the log spectrogram, same shape, so that sampling a coarse grid does not alias."""
    out = np.empty_like(log_power)
    _kernels.box_smooth(log_power, params.smooth_frames, params.smooth_bins, np.empty_like(log_power), out)
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
        Reference seconds per second of this recording: 1.25 describes a query that plays a quarter faster than its
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
