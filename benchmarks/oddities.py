"""Seeded sounds that resemble everything or nothing: loops, drones, test tones, clicks, noise and silence.

They are hard for statistics of chance: a loop repeats its one accident for a minute, a drone or a tone has
the same surroundings everywhere, silence has none. Each is a function of its kind and number; two numbers of one kind
share nothing but the kind.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from benchmarks.distortion.effects import coloured_noise
from fingerprint.errors import ParameterError
from sourceprint.demo.synthesis import synthesize

__all__ = ["KINDS", "oddity"]

Samples = NDArray[np.float32]

KINDS: Final = ("loop", "drone", "tones", "clicks", "noise", "silence")
PEAK: Final = 0.5
HISS: Final = 2.0**-12  # half the silences are digital zero, the others a hiss of -83 dB, peak to peak this loud
_SEEDS: Final = 50_000  # of loops: away from the seeds of other synthesised music


def oddity(kind: str, number: int, seconds: float, *, sample_rate: int = 22050) -> Samples:
    """Return a sound [shape=(n,), dtype=float32, peak 0.5 but for silence].

    Parameters
    ----------
    kind : str
        One of `KINDS`. "loop": two to five seconds of a synthesised piece, again and again; "drone": a chord held with
        slow beats; "tones": sines in steps, sweeps, pairs as of a telephone; "clicks": a metronome; "noise": white to
        brown; "silence": digital zero if `number` is even, else a hiss of -83 dB.
    number : int
        Which of the kind.
    seconds : float
        Length.
    sample_rate : int
        In hertz.

    Raises
    ------
    ParameterError
        For another kind, a negative number or a length that is not above zero.

    Examples
    --------
    >>> oddity("drone", 0, 2.0).shape
    (44100,)
    """
    if kind not in KINDS or number < 0 or not seconds > 0:
        raise ParameterError(
            f"kind={kind!r}, number={number}, seconds={seconds}: choose a kind of {', '.join(KINDS)}, a number from 0 "
            "and a length above 0"
        )
    rng = np.random.default_rng([KINDS.index(kind), number])
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    y = _MAKERS[kind](t, number, sample_rate, rng)
    peak = float(np.max(np.abs(y)))
    return (y * (PEAK / peak) if kind != "silence" and peak > 0 else y).astype(np.float32)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _loop(t: NDArray[np.float64], number: int, sr: int, rng: np.random.Generator) -> NDArray[np.float64]:
    length = round(float(rng.uniform(2.0, 5.0)) * sr)
    piece = synthesize(_SEEDS + number, 20.0, sample_rate=sr)
    return np.resize(piece[len(piece) // 2 :][:length], t.size).astype(np.float64)


def _drone(t: NDArray[np.float64], number: int, sr: int, rng: np.random.Generator) -> NDArray[np.float64]:
    root = 55.0 * 2.0 ** float(rng.uniform(0.0, 1.5))
    y = np.zeros(t.size)
    for semitones in rng.choice([0, 3, 4, 7, 10, 12, 14, 19], size=4, replace=False):
        for partial in range(1, 7):
            hz = partial * root * 2.0 ** ((semitones + float(rng.normal(0.0, 0.03))) / 12.0)
            if hz > 0.45 * sr:
                break
            swell = 1.0 + 0.7 * np.sin(2 * np.pi * (float(rng.uniform(0.05, 0.4)) * t + float(rng.random())))
            y += swell / partial * np.sin(2 * np.pi * (hz * t + float(rng.random())))
    return y


def _tones(t: NDArray[np.float64], number: int, sr: int, rng: np.random.Generator) -> NDArray[np.float64]:
    every = float(rng.uniform(0.4, 2.0))
    step = (t / every).astype(np.intp)
    highest = 0.4 * sr
    if number % 3 == 0:  # a sweep, again and again
        low, high = float(rng.uniform(50.0, 200.0)), float(rng.uniform(0.5, 1.0)) * highest
        return np.asarray(signal.chirp(t % (8 * every), low, 8 * every, high, method="logarithmic"))
    tones = rng.uniform(100.0, highest / 2, size=(1 + number % 3, int(step[-1]) + 1))[:, step]
    sounding = (t % every) < 0.8 * every
    phases = np.cumsum(tones, axis=1) * (2 * np.pi / sr)
    return np.asarray(np.sin(phases).sum(axis=0) * sounding)


def _clicks(t: NDArray[np.float64], number: int, sr: int, rng: np.random.Generator) -> NDArray[np.float64]:
    beat = 60.0 / float(rng.uniform(60.0, 180.0))
    since = t % beat
    accent = np.where((t / beat).astype(np.intp) % 4 == 0, 1.5, 1.0) * float(rng.uniform(800.0, 2000.0))
    return np.asarray(np.sin(2 * np.pi * accent * since) * np.exp(-since / 0.01))


def _noise(t: NDArray[np.float64], number: int, sr: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return coloured_noise(t.size, sr, rng, slope_db_per_octave=-3.0 * (number % 3)).astype(np.float64)


def _silence(t: NDArray[np.float64], number: int, sr: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return (number % 2) * HISS * (rng.random(t.size) - 0.5)


_MAKERS: Final = {
    "loop": _loop,
    "drone": _drone,
    "tones": _tones,
    "clicks": _clicks,
    "noise": _noise,
    "silence": _silence,
}
