"""Effects made on the spectrogram: resynthesis from mel magnitudes, and the harmonic or percussive part alone.

Every function takes mono audio `y` [shape=(n,), dtype=float32] and `sr` in hertz and returns as many samples with the
same timing: sample `i` of the output belongs to sample `i` of the input.

Sources: fast Griffin-Lim, Perraudin et al. 2013; mel scale of Slaney's Auditory Toolbox, 1998; harmonic-percussive
separation, Fitzgerald 2010.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, signal

from benchmarks.distortion.codecs import at_rate, fit_length

__all__ = ["griffin_lim_mel", "harmonic_percussive", "istft", "mel_filters", "stft"]

Samples = NDArray[np.float32]

MEL_RATE_HZ, MEL_N_FFT, MEL_HOP = 22050, 1024, 256
MEL_FLOOR = 1e-5


def griffin_lim_mel(
    y: Samples, sr: int, rng: np.random.Generator, *, n_mels: int = 80, iterations: int = 32
) -> Samples:
    """Return `y` rebuilt from the magnitudes of a mel spectrogram alone, as a neural vocoder would have to.

    At 22 050 Hz, window 1024, hop 256: mel magnitudes, back to linear ones by the pseudo-inverse, phases from
    `iterations` rounds of fast Griffin-Lim (momentum 0.99) starting at random.
    """
    return at_rate(y, sr, MEL_RATE_HZ, lambda wide: _griffin_lim_mel(wide, rng, n_mels, iterations))


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


def harmonic_percussive(y: Samples, sr: int) -> tuple[Samples, Samples]:
    """Return the harmonic and the percussive part of `y`, which add up to it: median filters of 31 frames and bins."""
    n_fft = 2 ** round(np.log2(0.08 * sr))
    spectrum = stft(y, n_fft, n_fft // 4)
    magnitude = np.abs(spectrum)
    harmonic = ndimage.median_filter(magnitude, size=(31, 1), mode="reflect") ** 2
    percussive = ndimage.median_filter(magnitude, size=(1, 31), mode="reflect") ** 2
    share = harmonic / np.maximum(harmonic + percussive, 1e-20)
    tones = istft(spectrum * share, n_fft, n_fft // 4, len(y))
    return tones, y - tones


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
