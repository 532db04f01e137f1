"""Changes of time and pitch whose time maps are known exactly.

Every function takes mono audio `y` [shape=(n,), dtype=float32] and `sr` in hertz. All follow one convention::

    source_seconds = ratio * output_seconds        (offset 0: attacks hold it within a few milliseconds)

`resample_speed` and `phase_vocoder` do what they are told; Rubber Band rounds, and `rubber_band_ratio` says to what.
`shift` is what callers want: tempo and pitch together by either engine, and the exact ratio.

Sources: phase vocoder, Flanagan and Golden 1966; phases renewed at attacks, Robel 2003.
"""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import fft, ndimage, signal

from benchmarks.distortion.codecs import fit_length
from benchmarks.distortion.spectral import istft
from fingerprint.errors import ParameterError

__all__ = ["Engine", "phase_vocoder", "resample_speed", "rubber_band_ratio", "rubber_band_stretch", "shift"]

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
    keep their place (slowed down by half or more, some begin up to 40 ms early); it has no phase locking. Rougher than
    Rubber Band, and needs nothing but SciPy. Memory grows with length, by about 8 MB per second of output at 22 050 Hz.
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
    """Return `y` at about `tempo` times its tempo by Rubber Band (its finer engine, through pedalboard).

    The exact `ratio` is `rubber_band_ratio(tempo, sr)`: the engine moves by whole samples and does not make up for the
    rounding, which amounts to 0.2 % and would be 100 ms after a minute. It runs at 22 050 or 44 100 Hz, whichever is
    needed, since the rounding depends on the rate. (The faster engine does not drift, but it bends low steady tones by
    up to a semitone where it takes them for attacks.)

    Raises
    ------
    ImportError
        Without the package `pedalboard` (extra `bench`).
    """
    import pedalboard

    _require_stretch("tempo", tempo)
    if tempo == 1.0:
        return y
    rate = _rubber_band_rate(sr)
    at_rate = y if sr == rate else soxr.resample(y, sr, rate, quality="HQ")
    stretched = pedalboard.time_stretch(at_rate[np.newaxis], rate, stretch_factor=tempo)[0]
    back = stretched if sr == rate else soxr.resample(stretched, rate, sr, quality="HQ")
    return fit_length(back, round(len(y) / tempo))


def rubber_band_ratio(tempo: float, sr: int) -> float:
    """Return the source seconds per output second of `rubber_band_stretch`: the quotient of its two hops.

    The rule for the hops is the engine's own; checked by attacks at 14 ratios from 0.3 to 3: exact to 0.01 %.
    """
    _require_stretch("tempo", tempo)
    if tempo == 1.0:
        return 1.0
    stretch = 1.0 / tempo
    hop_out = 256.0
    if stretch > 1.5:
        hop_out = 2.0 ** (8.0 + 2.0 * np.log10(stretch - 0.5))
    elif stretch < 1.0:
        hop_out = 2.0 ** (8.0 + 2.0 * np.log10(stretch))
    hop_out = min(max(hop_out, 128.0), 512.0 if _rubber_band_rate(sr) == 44100 else 256.0)
    hop_in = int(hop_out / stretch)
    return hop_in / round(hop_in * stretch)


def shift(
    y: Samples, sr: int, *, tempo: float = 1.0, pitch_semitones: float = 0.0, engine: Engine = "rubber_band"
) -> tuple[Samples, float]:
    """Return `y` at `tempo` times its tempo and `pitch_semitones` higher, and the exact `ratio`; offset 0.

    Stretched by `engine` first, then resampled for the pitch, so that timing rests on the stretch alone (the pitch
    shifters built into such engines add delays of their own).
    """
    speed = 2.0 ** (pitch_semitones / 12.0)
    stretch = tempo / speed
    if engine == "rubber_band":
        stretched, ratio = rubber_band_stretch(y, sr, stretch), rubber_band_ratio(stretch, sr)
    else:
        stretched, ratio = phase_vocoder(y, sr, stretch), stretch
    return resample_speed(stretched, sr, speed), ratio * speed


def _rubber_band_rate(sr: int) -> int:
    return 22050 if sr <= 22050 else 44100


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
