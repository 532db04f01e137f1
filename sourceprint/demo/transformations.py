"""Transformations of music that generators and remixers apply, with nothing beyond SciPy and soxr.

Level and mixture, speed, tempo, and resynthesis from a coarse mel spectrogram. The demo alters its passages with them,
and the benchmarks build their distortions on them.

Every function takes mono audio `y` [shape=(n,), dtype=float32, full scale +-1] and most of them its rate `sr` in hertz.
Time maps are exact::

    source_seconds = ratio * output_seconds        (offset 0; ratio 1 unless it says otherwise)

Sources: phase vocoder, Flanagan and Golden 1966; phases renewed at attacks, Robel 2003; fast Griffin-Lim, Perraudin et
al. 2013; mel scale of Slaney's Auditory Toolbox, 1998.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import fft, ndimage, signal

from fingerprint.errors import ParameterError

__all__ = [
    "at_rate",
    "expect_stretch",
    "fit_length",
    "griffin_lim_mel",
    "istft",
    "mel_filters",
    "mix",
    "phase_vocoder",
    "resample_speed",
    "rms",
    "stft",
]

Samples = NDArray[np.float32]

STRETCH_LIMITS = (0.25, 4.0)
MEL_RATE_HZ, MEL_N_FFT, MEL_HOP = 22050, 1024, 256
MEL_FLOOR = 1e-5


def rms(y: Samples) -> float:
    """Return the root mean square of `y` (0 for an empty array)."""
    return float(np.sqrt(np.mean(np.square(y, dtype=np.float64)))) if len(y) else 0.0


def mix(y: Samples, other: Samples, *, snr_db: float) -> Samples:
    """Return `y` plus `other`, scaled so that `y` is `snr_db` decibels above it by RMS over the whole excerpt.

    Raises
    ------
    ParameterError
        When one of them is silent or their lengths differ: no ratio of levels exists then.
    """
    if len(y) != len(other):
        raise ParameterError(f"the two signals to mix have {len(y)} and {len(other)} samples; cut them to one length")
    level, other_level = rms(y), rms(other)
    if level == 0.0 or other_level == 0.0:
        silent = "first" if level == 0.0 else "second"
        raise ParameterError(
            f"the {silent} signal to mix is silent, so a ratio of {snr_db} dB cannot be set; leave it out"
        )
    return y + other * np.float32(level / other_level * 10.0 ** (-snr_db / 20.0))


def resample_speed(y: Samples, sr: int, speed: float) -> Samples:
    """Return `y` played `speed` times as fast, pitch and time together: `ratio` = `speed`, offset 0."""
    expect_stretch("speed", speed)
    if speed == 1.0:
        return y
    return cast("Samples", soxr.resample(y, sr * speed, sr, quality="HQ"))


def phase_vocoder(y: Samples, sr: int, tempo: float) -> Samples:
    """Return `y` at `tempo` times its tempo and its own pitch: `ratio` = `tempo`, offset 0.

    A plain phase vocoder (window 80-90 ms) that takes the phases of the source afresh at each attack, so that attacks
    keep their place (slowed down by half or more, some begin up to 40 ms early); it has no phase locking. Rougher than
    Rubber Band, and needs nothing but SciPy. Memory grows with length, by about 8 MB per second of output at 22 050 Hz.
    """
    expect_stretch("tempo", tempo)
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


def griffin_lim_mel(
    y: Samples, sr: int, rng: np.random.Generator, *, n_mels: int = 80, iterations: int = 32
) -> Samples:
    """Return `y` rebuilt from the magnitudes of a mel spectrogram alone, as a neural vocoder would have to.

    At 22 050 Hz, window 1024, hop 256: mel magnitudes, back to linear ones by the pseudo-inverse, phases from
    `iterations` rounds of fast Griffin-Lim (momentum 0.99) starting at random.
    """
    return at_rate(y, sr, MEL_RATE_HZ, lambda wide: _griffin_lim_mel(wide, rng, n_mels, iterations))


def mel_filters(sr: int, n_fft: int, n_mels: int) -> Samples:
    """Return triangular mel filters of unit area [shape=(n_mels, n_fft // 2 + 1)], Slaney's scale, 0 Hz to `sr` / 2."""
    # Linear up to 1 kHz (15 mel), logarithmic above: 27 mel per factor 6.4.
    top = 15.0 + 27.0 * np.log(sr / 2000.0) / np.log(6.4)
    mel = np.linspace(0.0, top, n_mels + 2)
    hz = np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * 6.4 ** ((mel - 15.0) / 27.0))
    bins = np.arange(n_fft // 2 + 1) * (sr / n_fft)
    rising = (bins - hz[:-2, np.newaxis]) / np.diff(hz)[:-1, np.newaxis]
    falling = (hz[2:, np.newaxis] - bins) / np.diff(hz)[1:, np.newaxis]
    area = 2.0 / (hz[2:] - hz[:-2])
    filters: Samples = (np.maximum(0.0, np.minimum(rising, falling)) * area[:, np.newaxis]).astype(np.float32)
    return filters


def stft(y: Samples, n_fft: int, hop: int) -> NDArray[np.complex64]:
    """Return Hann-windowed spectra [shape=(n_frames, n_fft // 2 + 1)]; frame `t` is centred on sample `t * hop`."""
    padded = np.pad(y, (n_fft // 2, n_fft // 2 + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    window = signal.get_window("hann", n_fft).astype(np.float32)
    return cast("NDArray[np.complex64]", fft.rfft(frames * window, axis=1))


def istft(spectrum: NDArray[np.complex64], n_fft: int, hop: int, n: int) -> Samples:
    """Return the signal of `n` samples whose `stft` is nearest to `spectrum`; `hop` divides `n_fft`."""
    window = signal.get_window("hann", n_fft).astype(np.float32)
    frames = fft.irfft(spectrum, n_fft, axis=1) * window
    n_frames, overlap = len(frames), n_fft // hop
    total = np.zeros((n_frames + overlap - 1, hop), dtype=np.float32)
    weight = np.zeros_like(total)
    for i in range(overlap):
        part = slice(i * hop, (i + 1) * hop)
        total[i : i + n_frames] += frames[:, part]
        weight[i : i + n_frames] += np.square(window[part])
    total /= np.maximum(weight, np.float32(1e-3))
    return fit_length(total.reshape(-1)[n_fft // 2 :], n)


def at_rate(y: Samples, sr: int, other_sr: int, change: Callable[[Samples], Samples]) -> Samples:
    """Return `change(y)` carried out at `other_sr` hertz: resampled there and back, `len(y)` samples again."""
    if other_sr == sr:
        return fit_length(change(y), len(y))
    changed = change(soxr.resample(y, sr, other_sr, quality="HQ"))
    return fit_length(soxr.resample(changed, other_sr, sr, quality="HQ"), len(y))


def fit_length(y: Samples, n: int) -> Samples:
    """Return `y` cut or padded with zeros at the end to `n` samples, as contiguous float32."""
    if len(y) < n:
        y = np.pad(y, (0, n - len(y)))
    return np.ascontiguousarray(y[:n], dtype=np.float32)


def expect_stretch(name: str, value: float) -> None:
    """Raise ParameterError if a speed or tempo is beyond the limits of the functions here."""
    low, high = STRETCH_LIMITS
    if not low <= value <= high:
        raise ParameterError(f"{name}={value}: must lie between {low} and {high}")


def _griffin_lim_mel(wide: Samples, rng: np.random.Generator, n_mels: int, iterations: int) -> Samples:
    basis = mel_filters(MEL_RATE_HZ, MEL_N_FFT, n_mels)
    mel = np.maximum(np.abs(stft(wide, MEL_N_FFT, MEL_HOP)) @ basis.T, MEL_FLOOR)
    magnitude = np.maximum(mel @ np.linalg.pinv(basis).T, 0.0).astype(np.float32)
    phase = np.exp(2j * np.pi * rng.random(magnitude.shape)).astype(np.complex64)
    previous = np.zeros_like(phase)
    for _ in range(iterations):
        rebuilt = stft(istft(magnitude * phase, MEL_N_FFT, MEL_HOP, len(wide)), MEL_N_FFT, MEL_HOP)
        phase = rebuilt - np.complex64(0.99 / 1.99) * previous
        phase /= np.maximum(np.abs(phase), 1e-12)
        previous = rebuilt
    return istft(magnitude * phase, MEL_N_FFT, MEL_HOP, len(wide))


def _attacks(y: Samples, sr: int) -> NDArray[np.intp]:
    """Return the samples at which the energy of the highs jumps by 8 dB over the 45 ms before."""
    block, past = max(1, round(0.005 * sr)), 9
    highs = np.square(np.diff(y, prepend=y[:1]))
    energy = np.add.reduceat(highs, np.arange(0, len(y), block)) + 1e-9
    before = np.convolve(energy, np.ones(past) / past)[: len(energy)]
    rise = energy[1:] / before[:-1]
    peaks = rise == ndimage.maximum_filter1d(rise, past)
    return np.flatnonzero(peaks & (rise > 6.3) & (energy[1:] > 1e-4 * energy.max())) * block + block
