"""Reworking of a source by a producer: plays over it, cuts and re-orders it, swells into it, masters it to death.

Every function takes mono audio (`y` [shape=(n,), dtype=float32], `sr` in hertz) and returns as many samples. All but
`reordered` keep the timing: sample `i` of the output belongs to sample `i` of the input.

Band and mixing are ours, dynamics are pedalboard's, tempo and beats librosa's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.distortion.effects import band_limit, reverberate
from fingerprint.errors import ParameterError
from fingerprint.kernel_cache import one_by_one, share_safely
from sourceprint.demo.arrangement import compose
from sourceprint.demo.synthesis import synthesize
from sourceprint.demo.transformations import mix, resample_speed

__all__ = ["accompany", "loudness_war", "reordered", "reverse_reverb"]

Samples = NDArray[np.float32]

BAND_PARTS = ("drums", "bass", "chords", "pad")
BANDS_TRIED = 12
FIRST_SEED = 700_000  # far from those of any corpus
CROSSOVERS_HZ = (200.0, 2500.0)
COMPRESSOR = {"threshold_db": -30.0, "ratio": 6.0, "attack_ms": 2.0, "release_ms": 80.0}
LIMITER = {"threshold_db": -1.0, "release_ms": 30.0}
CEILING = 0.9


def accompany(y: Samples, sr: int, rng: np.random.Generator, *, snr_db: float) -> Samples:
    """Return `y` with a band that was never heard with it, `snr_db` decibels below `y` by RMS over the whole excerpt.

    Drums, bass, chords and pad are synthesised: of `BANDS_TRIED` songs the one nearest in tempo to `y`, or to half or
    twice its tempo, resampled to that tempo and started on a beat of `y`. Its key is its own.
    """
    tempo, first_beat = _beats(y, sr)
    seeds = FIRST_SEED + rng.choice(10_000, BANDS_TRIED, replace=False)
    seconds = len(y) / sr
    speeds = {int(seed): _octave_folded(tempo / compose(int(seed), 1.0).tempo_bpm) for seed in seeds}
    seed = min(speeds, key=lambda one: (abs(np.log(speeds[one])), one))
    # From the eighth bar on, so that everyone plays; a bar more than needed, to start on the beat.
    beat = 60.0 / compose(seed, 1.0).tempo_bpm
    skipped = 32 * beat - first_beat * speeds[seed]
    band = synthesize(seed, skipped + (seconds + 2.0) * speeds[seed], sample_rate=sr, parts=BAND_PARTS)
    played = resample_speed(band[max(0, round(skipped * sr)) :], sr, speeds[seed])[: len(y)]
    return mix(y, played, snr_db=snr_db)


def reordered(
    y: Samples, sr: int, rng: np.random.Generator, *, piece_seconds: float, crossfade_seconds: float = 0.01
) -> Samples:
    """Return `y` cut into pieces of about `piece_seconds`, all of one length, in another order.

    No piece follows the one that it followed before. Neighbours are crossfaded at equal power.

    Raises
    ------
    ParameterError
        If `y` holds fewer than three such pieces.
    """
    n = round(len(y) / (piece_seconds * sr))
    if n < 3:
        raise ParameterError(f"{len(y) / sr:.2f} s hold {n} pieces of {piece_seconds} s; at least 3 are needed")
    order = rng.permutation(n)
    while np.any(np.diff(order) == 1):
        order = rng.permutation(n)
    edges = np.round(np.linspace(0, len(y), n + 1)).astype(np.intp)
    half = round(crossfade_seconds * sr / 2)
    padded = np.pad(y, half)
    out = np.zeros(len(y) + 2 * half, dtype=np.float32)
    rise = np.sin(np.linspace(0.0, np.pi / 2, 2 * half, dtype=np.float32))
    at = 0
    for piece in order:
        taken = padded[edges[piece] : edges[piece + 1] + 2 * half].copy()
        taken[: 2 * half] *= rise
        taken[len(taken) - 2 * half :] *= rise[::-1]
        out[at : at + len(taken)] += taken
        at += len(taken) - 2 * half
    return out[half : half + len(y)]


def reverse_reverb(y: Samples, sr: int, response: Samples) -> Samples:
    """Return `y` in a room that answers before it is asked: the reverberation runs backwards into each sound."""
    swelling: Samples = reverberate(np.ascontiguousarray(y[::-1]), sr, response)[::-1]
    return np.ascontiguousarray(swelling)


def loudness_war(y: Samples, sr: int, *, drive_db: float) -> Samples:
    """Return `y` as loud as it gets: three bands compressed 6:1, raised by `drive_db`, limited, and clipped.

    The bands meet at `CROSSOVERS_HZ` and add up to the input; `COMPRESSOR` and `LIMITER` are settings of pedalboard.

    Raises
    ------
    ImportError
        Without the package `pedalboard` (extra `bench`).
    """
    import pedalboard

    loud = y * np.float32(0.9 / max(float(np.max(np.abs(y), initial=0.0)), 1e-9))
    low = band_limit(loud, sr, high_hz=CROSSOVERS_HZ[0])
    high = band_limit(loud, sr, low_hz=CROSSOVERS_HZ[1])
    bands = [pedalboard.Compressor(**COMPRESSOR)(band, sr) for band in (low, loud - low - high, high)]
    driven: Samples = sum(bands[1:], bands[0]) * np.float32(10.0 ** (drive_db / 20.0))
    mastered: Samples = np.clip(pedalboard.Limiter(**LIMITER)(driven, sr), -CEILING, CEILING)
    return mastered.astype(np.float32, copy=False)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _beats(y: Samples, sr: int) -> tuple[float, float]:
    """Return the tempo of `y` in beats per minute and when its first beat falls; 120 and 0 where it has none.

    A line through the beats: the tempo that librosa gives beside them is rounded to some 2 %, half a beat after 10 s.
    """
    beats = _beat_tracker()(y=y, sr=sr, units="time")[1]
    if len(beats) < 4:
        return 120.0, 0.0
    period, first = np.polyfit(np.arange(len(beats)), beats, 1)
    return float(60.0 / period), float(first % period)


@functools.cache
def _beat_tracker() -> Callable[..., Any]:
    """Return librosa's, all kernels of which are compiled: other processes may want them compiled at the same time."""
    share_safely()
    with one_by_one("librosa"):
        import librosa

        librosa.beat.beat_track(y=np.random.default_rng(0).standard_normal(22_050).astype(np.float32), sr=22_050)
    tracker: Callable[..., Any] = librosa.beat.beat_track
    return tracker


def _octave_folded(ratio: float) -> float:
    """Return the ratio within 0.71 and 1.41 that differs from `ratio` by whole octaves."""
    return float(2.0 ** (np.log2(ratio) - np.round(np.log2(ratio))))
