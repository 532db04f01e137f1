"""Changes of time and pitch by Rubber Band, and by either engine, whose time maps are known exactly.

Every function takes mono audio `y` [shape=(n,), dtype=float32] and `sr` in hertz. All follow one convention::

    source_seconds = ratio * output_seconds        (offset 0: attacks hold it within a few milliseconds)

The phase vocoder of `sourceprint.demo.transformations` is exact; Rubber Band rounds, and `rubber_band_ratio` gives
the rounded value. `shift` is the common entry: tempo and pitch together by either engine, and the exact ratio.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from sourceprint.demo.transformations import expect_stretch, fit_length, phase_vocoder, resample_speed

__all__ = ["Engine", "rubber_band_ratio", "rubber_band_stretch", "shift"]

Samples = NDArray[np.float32]
Engine = Literal["rubber_band", "phase_vocoder"]
"""Engines that change the tempo: Rubber Band (needs pedalboard) or our phase vocoder (needs SciPy alone)."""


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

    expect_stretch("tempo", tempo)
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
    expect_stretch("tempo", tempo)
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
