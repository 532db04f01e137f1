"""Filters, rooms, dynamics, and the harmonic or percussive part alone: the effects that leave time and pitch alone.

Every function takes mono audio `y` [shape=(n,), dtype=float32, full scale +-1], most of them its rate `sr` in hertz,
and returns float32 of the same length. Filters are zero-phase or shorter than a millisecond, and the direct sound of a
room is its time zero: sample `i` of the output belongs to sample `i` of the input.

Sources: biquads, Bristow-Johnson's Audio EQ Cookbook; harmonic-percussive separation, Fitzgerald 2010.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, signal

from fingerprint.errors import ParameterError
from sourceprint.demo.transformations import istft, rms, stft

__all__ = [
    "Band",
    "band_limit",
    "coloured_noise",
    "equalise",
    "harmonic_percussive",
    "limit",
    "loop_excerpt",
    "reverberate",
    "synthetic_room",
]

Samples = NDArray[np.float32]
Band = tuple[Literal["low_shelf", "peak", "high_shelf"], float, float, float]
"""One section of an equaliser: kind, frequency in hertz, gain in decibels, quality factor."""


def band_limit(y: Samples, sr: int, *, low_hz: float | None = None, high_hz: float | None = None) -> Samples:
    """Return `y` between `low_hz` and `high_hz`, 48 dB per octave, zero phase; an edge beyond `sr` / 2 does nothing."""
    for kind, edge in (("highpass", low_hz), ("lowpass", high_hz)):
        if edge is not None and edge <= 0.0:
            raise ParameterError(f"{kind} edge {edge} Hz: must be above zero, or None for no edge")
        if edge is not None and edge < 0.49 * sr:
            sections = signal.butter(4, edge, btype=kind, fs=sr, output="sos")
            y = signal.sosfiltfilt(sections, y).astype(np.float32)
    return y


def equalise(y: Samples, sr: int, bands: tuple[Band, ...]) -> Samples:
    """Return `y` after a chain of shelves and bells, less those at or above `sr` / 2, which would have no effect."""
    sections = [_biquad(band, sr) for band in bands if band[1] < 0.49 * sr]
    if not sections:
        return y
    out: Samples = signal.sosfilt(np.array(sections), y).astype(np.float32)
    return out


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


def synthetic_room(sr: int, rng: np.random.Generator, *, rt60_seconds: float = 1.6, wet_db: float = 3.0) -> Samples:
    """Return an impulse response: the direct sound, then noise that dies by 60 dB in `rt60_seconds`, highs first.

    `wet_db` is the energy of the tail over that of the direct sound (`+3`: the room is louder than the instrument).
    """
    n = max(2, round(rt60_seconds * sr))
    t = np.arange(n) / sr
    tail = rng.standard_normal(n) * 10.0 ** (-3.0 * t / rt60_seconds)
    dark = signal.sosfilt(signal.butter(1, min(2500.0, 0.45 * sr), fs=sr, output="sos"), tail)
    tail = np.where(t < 0.15 * rt60_seconds, tail, dark)
    tail[: max(1, round(0.004 * sr))] = 0.0
    response = tail * np.sqrt(10.0 ** (wet_db / 10.0) / np.sum(tail**2))
    response[0] = 1.0
    impulse: Samples = response.astype(np.float32)
    return impulse


def reverberate(y: Samples, sr: int, response: Samples, *, wet: float = 1.0) -> Samples:
    """Return `wet` parts of `y` heard in a room and `1 - wet` parts dry, both at the level of `y`.

    Time zero of `response` is where most of its energy arrives within 10 ms, so attacks stay where they were. In rooms
    whose reflections rival the direct sound, an attack is nonetheless heard up to 40 ms late: there it is spread out.
    """
    if not 0.0 <= wet <= 1.0:
        raise ParameterError(f"wet={wet}: must lie between 0 (dry) and 1 (room only)")
    arriving = signal.fftconvolve(
        np.square(response), signal.get_window("hann", round(0.01 * sr), fftbins=False), "same"
    )
    direct = int(np.argmax(arriving))
    heard: Samples = signal.fftconvolve(y, response)[direct : direct + len(y)].astype(np.float32)
    heard *= rms(y) / max(rms(heard), 1e-12)
    return wet * heard + (1.0 - wet) * y


def limit(y: Samples, sr: int, *, drive_db: float, ceiling: float = 0.9) -> Samples:
    """Return `y` normalised, raised by `drive_db`, and held below `ceiling` by a look-ahead limiter of 10 ms."""
    loud = y * (10.0 ** (drive_db / 20.0) / max(float(np.max(np.abs(y), initial=0.0)), 1e-12))
    window = 2 * round(0.005 * sr) + 1
    gain = np.minimum(1.0, ceiling / np.maximum(np.abs(loud), 1e-12))
    # The mean of minima over one window never exceeds the gain that its centre needs, so the ceiling holds exactly.
    gain = ndimage.uniform_filter1d(ndimage.minimum_filter1d(gain, window), window)
    limited: Samples = (loud * gain).astype(np.float32)
    return limited


def loop_excerpt(y: Samples, n: int, rng: np.random.Generator) -> Samples:
    """Return `n` samples of `y` from a random place, looped where it is shorter; avoids its near-silent stretches.

    Raises
    ------
    ParameterError
        When `y` is empty or silent throughout.
    """
    overall = rms(y)
    if overall == 0.0:
        raise ParameterError(f"a clip of {len(y)} samples is silent; take it out of the resources")
    looped = y if len(y) >= 2 * n else np.tile(y, -(-(len(y) + n) // len(y)))
    energy = np.concatenate([[0.0], np.cumsum(np.square(looped, dtype=np.float64))])
    starts = len(y) - n + 1 if len(y) >= n else len(y)
    level = np.sqrt((energy[n : n + starts] - energy[:starts]) / n)
    audible = np.flatnonzero(level >= min(0.3 * overall, float(level.max())))
    start = int(audible[int(rng.integers(len(audible)))])
    return looped[start : start + n]


def coloured_noise(n: int, sr: int, rng: np.random.Generator, *, slope_db_per_octave: float) -> Samples:
    """Return `n` samples of Gaussian noise with a tilted spectrum (0 white, -3 pink, -6 brown) and unit RMS."""
    spectrum = fft.rfft(rng.standard_normal(n))
    hz = np.maximum(fft.rfftfreq(n, 1.0 / sr), 20.0)
    noise = fft.irfft(spectrum * (hz / 1000.0) ** (slope_db_per_octave / (20.0 * np.log10(2.0))), n)
    coloured: Samples = (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
    return coloured


def _biquad(band: Band, sr: int) -> list[float]:
    """Return one second-order section by the Audio EQ Cookbook."""
    kind, hz, gain_db, q = band
    a = 10.0 ** (gain_db / 40.0)
    w = 2.0 * np.pi * hz / sr
    cos, alpha = np.cos(w), np.sin(w) / (2.0 * q)
    if kind == "peak":
        b0, b1, b2, a0, a1, a2 = 1 + alpha * a, -2 * cos, 1 - alpha * a, 1 + alpha / a, -2 * cos, 1 - alpha / a
    else:
        sign = 1.0 if kind == "low_shelf" else -1.0
        root = 2.0 * np.sqrt(a) * alpha
        b0 = a * ((a + 1) - sign * (a - 1) * cos + root)
        b1 = sign * 2 * a * ((a - 1) - sign * (a + 1) * cos)
        b2 = a * ((a + 1) - sign * (a - 1) * cos - root)
        a0 = (a + 1) + sign * (a - 1) * cos + root
        a1 = -sign * 2 * ((a - 1) + sign * (a + 1) * cos)
        a2 = (a + 1) + sign * (a - 1) * cos - root
    return [float(c / a0) for c in (b0, b1, b2, a0, a1, a2)]
