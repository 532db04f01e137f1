"""Changes of time and pitch whose time maps are known exactly.

Every function takes mono audio `y` [shape=(n,), dtype=float32] and `sr` in hertz. All follow one convention::

    source_seconds = ratio * output_seconds + offset_seconds

`resample_speed` and `phase_vocoder` have offset 0. Rubber Band (`rubber_band_stretch`) anchors its time map half an
analysis window after the start; `rubber_band_offset` states by how much. `shift` is what callers want: tempo and pitch
together, by either engine.

Sources: phase vocoder, Flanagan and Golden 1966; phases renewed at attacks, Robel 2003.
"""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import fft, ndimage, signal

from benchmarks.codecs import fit_length
from benchmarks.spectral import istft
from fingerprint.errors import ParameterError

__all__ = ["Engine", "phase_vocoder", "resample_speed", "rubber_band_offset", "rubber_band_stretch", "shift"]

Samples = NDArray[np.float32]
Engine = Literal["rubber_band", "phase_vocoder"]
"""What changes the tempo: Rubber Band (needs pedalboard) or the phase vocoder of this module (needs SciPy alone)."""

STRETCH_LIMITS = (0.25, 4.0)


def resample_speed(y: Samples, sr: int, speed: float) -> Samples:
    """Return `y` played `speed` times as fast, pitch and time together: `ratio` = `speed`, offset 0."""
    _require_stretch("speed", speed)
    if speed == 1.0:
        return y
    return cast("Samples", soxr.resample(y, sr * speed, sr, quality="HQ"))


def phase_vocoder(y: Samples, sr: int, tempo: float) -> Samples:
    """Return `y` at `tempo` times its tempo and its own pitch: `ratio` = `tempo`, offset 0.

    A plain phase vocoder (window 80-90 ms) that takes the phases of the source afresh at each attack, so that attacks
    keep their place; it has no phase locking. Rougher than Rubber Band, and needs nothing but SciPy.
    """
    _require_stretch("tempo", tempo)
    if tempo == 1.0:
        return y
    n_fft = 2 ** round(np.log2(0.08 * sr))
    hop = n_fft // 8
    n_out = round(len(y) / tempo)
    centres = np.round(np.arange(n_out // hop + 2) * (tempo * hop)).astype(np.intp)
    padded = np.pad(y, (n_fft // 2 + hop, n_fft + int(tempo * hop)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)
    window = signal.get_window("hann", n_fft).astype(np.float32)
    spectrum = fft.rfft(frames[np.minimum(centres + hop, len(frames) - 1)] * window, axis=1)
    earlier = np.angle(fft.rfft(frames[np.minimum(centres, len(frames) - 1)] * window, axis=1))
    angle = np.angle(spectrum)
    advance = np.arange(n_fft // 2 + 1) * (2.0 * np.pi * hop / n_fft)
    deviation = angle - earlier - advance
    total = np.cumsum(advance + deviation - 2.0 * np.pi * np.round(deviation / (2.0 * np.pi)), axis=0)
    fresh = np.zeros(len(centres), dtype=np.intp)
    attacks = np.round(_attacks(y, sr) / (tempo * hop)).astype(np.intp)
    fresh[attacks] = attacks
    fresh = np.maximum.accumulate(fresh)
    phase = total - total[fresh] + angle[fresh]
    return istft((np.abs(spectrum) * np.exp(1j * phase)).astype(np.complex64), n_fft, hop, n_out)


def rubber_band_stretch(y: Samples, sr: int, tempo: float) -> Samples:
    """Return `y` at `tempo` times its tempo by Rubber Band (through pedalboard): offset as in `rubber_band_offset`.

    The faster of its two engines, on purpose: the "high quality" one rounds its hop and drifts from the stated ratio by
    up to 0.15 % (85 ms in a minute, measured), this one stays within 3 ms.

    Raises
    ------
    ImportError
        Without the package `pedalboard` (extra `bench`).
    """
    import pedalboard

    _require_stretch("tempo", tempo)
    if tempo == 1.0:
        return y
    stretched = pedalboard.time_stretch(y[np.newaxis], sr, stretch_factor=tempo, high_quality=False)
    return fit_length(stretched[0], round(len(y) / tempo))


def rubber_band_offset(sr: int, tempo: float) -> float:
    """Return the source time in seconds of the first output sample of `rubber_band_stretch`.

    Its transients keep their place inside the analysis window (2048 samples at 48 kHz, halved with the rate), so what
    it maps onto itself is a point 0.54 windows in, not the start (measured with clicks, seven sampling rates).
    """
    window = 2.0 ** np.ceil(np.log2(2048.0 * sr / 48000.0))
    return float(0.54 * window / sr * (1.0 - tempo))


def shift(
    y: Samples, sr: int, *, tempo: float = 1.0, pitch_semitones: float = 0.0, engine: Engine = "rubber_band"
) -> tuple[Samples, float]:
    """Return `y` at `tempo` times its tempo and `pitch_semitones` higher, and the offset in seconds; `ratio` = `tempo`.

    Stretched by `engine` first, then resampled for the pitch, so that timing rests on the stretch alone (the built-in
    pitch shifters of both engines would add a drift or a delay of their own).
    """
    speed = 2.0 ** (pitch_semitones / 12.0)
    if engine == "rubber_band":
        stretched, offset = rubber_band_stretch(y, sr, tempo / speed), rubber_band_offset(sr, tempo / speed)
    else:
        stretched, offset = phase_vocoder(y, sr, tempo / speed), 0.0
    return resample_speed(stretched, sr, speed), offset


def _attacks(y: Samples, sr: int) -> NDArray[np.intp]:
    """Return the samples at which the energy of the highs jumps by 8 dB over the 45 ms before."""
    block, past = max(1, round(0.005 * sr)), 9
    highs = np.square(np.diff(y, prepend=y[:1]))
    energy = np.add.reduceat(highs, np.arange(0, len(y), block)) + 1e-9
    before = np.convolve(energy, np.ones(past) / past)[: len(energy)]
    rise = energy[1:] / before[:-1]
    peaks = rise == ndimage.maximum_filter1d(rise, past)
    return np.flatnonzero(peaks & (rise > 6.3) & (energy[1:] > 1e-4 * energy.max())) * block + block


def _require_stretch(name: str, value: float) -> None:
    low, high = STRETCH_LIMITS
    if not low <= value <= high:
        raise ParameterError(f"{name}={value}: must lie between {low} and {high}")
