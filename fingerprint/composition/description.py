"""All steps for one recording or one track: mono samples in, windows with their vectors out.

- `describe`, `describe_track`: samples at hand, or in blocks.
- `CompositionListener`: the same for samples on their way to somebody else, so that one decoder serves two layers.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerprint.arguments import expect_scales
from fingerprint.composition.model import CompositionModel, shipped_model
from fingerprint.composition.params import CompositionParams
from fingerprint.composition.salience import RowBuilder, SpectrumMaker, peaks_of
from fingerprint.composition.windows import background_of, row_spectra, window_vectors
from fingerprint.errors import ParameterError

__all__ = ["TRACK_SCALES", "CompositionListener", "CompositionWindows", "describe", "describe_track", "windows_of_rows"]

TRACK_SCALES = (0.84, 1.0, 1.19)
"""Time scales at which a track is described, in seconds of a recording per second of the track."""


@dataclass(frozen=True, slots=True, eq=False)
class CompositionWindows:
    """The windows of one recording, or of one track at one time scale, in order of time.

    Attributes
    ----------
    time : ndarray [shape=(n,), dtype=float32]
        Start of each window, in seconds from the start of the audio.
    vectors : ndarray [shape=(n, 64), dtype=int8]
        Melody and harmony of each window, as a vector of length 254; zeros where there is no pitch.
    background_mean, background_sd : ndarray [shape=(n,), dtype=float16]
        Mean and standard deviation of each vector's likeness to other music, each in its best key.
    duration_seconds : float
        Length of the audio.
    scale : float
        Seconds of a recording per second of this audio.
    params_digest : str
        Digest of the parameters that made them.
    """

    time: NDArray[np.float32]
    vectors: NDArray[np.int8]
    background_mean: NDArray[np.float16]
    background_sd: NDArray[np.float16]
    duration_seconds: float
    scale: float
    params_digest: str


def describe(
    samples: NDArray[np.float32] | Iterable[NDArray[np.float32]], *, params: CompositionParams | None = None
) -> CompositionWindows:
    """Return the windows of a recording.

    Parameters
    ----------
    samples : ndarray [shape=(n,), dtype=float32], or iterable of such
        Mono samples at 11 025 Hz, whole or in consecutive blocks, as `AudioStream.blocks` gives them. How
        they are cut changes nothing. Of an hour, 3 MB are held.
    params : CompositionParams, optional
        Parameters of the analysis; by default those of this version.

    Returns
    -------
    CompositionWindows
        One window for each 0.743 s; none if the audio is shorter than 5.9 s.

    Raises
    ------
    ParameterError
        If samples are not one-dimensional or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(12 * 11025) / 11025
    >>> tune = np.sin(2 * np.pi * 220 * 2 ** (np.floor(t % 4) / 6) * t).astype(np.float32)
    >>> describe(tune).vectors.shape
    (9, 64)
    """
    (whole,) = describe_track(samples, scales=(1.0,), params=params)
    return whole


def describe_track(
    samples: NDArray[np.float32] | Iterable[NDArray[np.float32]],
    *,
    scales: tuple[float, ...] = TRACK_SCALES,
    params: CompositionParams | None = None,
) -> tuple[CompositionWindows, ...]:
    """Return the windows of a track at several time scales, all from one analysis; otherwise as `describe`.

    At scale 1.19 the track is stretched so many times, to meet a recording that is slower than it; `time` still counts
    seconds of the track.
    """
    expect_scales(scales)
    listener = CompositionListener(params)
    for block in [samples] if isinstance(samples, np.ndarray) else samples:
        listener.add(block)
    return listener.windows(scales)


class CompositionListener:
    """Describes samples that are handed to it block by block, as `describe` and `describe_track` do.

    Parameters
    ----------
    params : CompositionParams, optional
        Parameters of the analysis; by default those of this version.
    """

    def __init__(self, params: CompositionParams | None = None) -> None:
        self._params = params or CompositionParams()
        self._spectra = SpectrumMaker(self._params)
        self._rows = RowBuilder(self._params)
        self._n_samples = 0

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next samples.

        Raises
        ------
        ParameterError
            If they are not one-dimensional or not finite.
        """
        if block.ndim != 1 or block.dtype.kind not in "fiu" or not np.isfinite(block).all():
            raise ParameterError(
                f"samples have shape {block.shape}, type {block.dtype} or non-finite values; must be finite mono "
                "samples [shape=(n,)]"
            )
        self._n_samples += block.size
        for magnitudes in self._spectra.add(np.ascontiguousarray(block, dtype=np.float32)):
            self._rows.add(peaks_of(magnitudes, self._params))

    def windows(self, scales: tuple[float, ...] = (1.0,)) -> tuple[CompositionWindows, ...]:
        """Return the windows of all samples at each time scale; nothing can be added after this."""
        for magnitudes in self._spectra.rest():
            self._rows.add(peaks_of(magnitudes, self._params))
        rows, seconds = self._rows.rows(), self._n_samples / self._params.sample_rate
        model = shipped_model()
        return tuple(windows_of_rows(rows, seconds, model, self._params, scale=scale) for scale in scales)


def windows_of_rows(
    rows: NDArray[np.float32],
    duration_seconds: float,
    model: CompositionModel,
    params: CompositionParams,
    *,
    scale: float = 1.0,
) -> CompositionWindows:
    """Return the windows of the rows of a `RowBuilder`."""
    vectors = window_vectors(row_spectra(rows, params, scale=scale), model, params)
    mean, sd = background_of(vectors, model, params)
    time = (np.arange(len(vectors)) * params.step_seconds / scale).astype(np.float32)
    return CompositionWindows(time, vectors, mean, sd, duration_seconds, scale, params.digest)
