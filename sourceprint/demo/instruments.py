"""The sounds of synthesised music: tuned instruments that render one note, and drum kits.

A tuned instrument is a function of frequency in hertz, held seconds and sampling rate, and returns one note with its
release [shape=(n,), dtype=float32, peak 1]. Most of them scan a stack of single-cycle waves (bright to dark, vowel to
vowel), which costs two table look-ups per sample for any number of harmonics; waves hold no harmonic above 12 kHz
or 0.45 `sr`, so they do not alias. The same arguments give the same samples.

Sources: plucked string, Karplus and Strong 1983; frequency modulation, Chowning 1973.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

__all__ = ["INSTRUMENTS", "KIT_COUNT", "Instrument", "Kit", "drum_kit"]

Samples = NDArray[np.float32]
Instrument = Callable[[float, float, int], Samples]

TABLE_LENGTH: Final = 2048
HIGHEST_HARMONIC_HZ: Final = 12000.0
KIT_COUNT: Final = 4
VOWELS: Final[Mapping[str, tuple[tuple[float, float], ...]]] = {
    # Formants as (hertz, relative amplitude), a high voice.
    "a": ((800.0, 1.0), (1150.0, 0.6), (2900.0, 0.12), (3900.0, 0.06)),
    "o": ((450.0, 1.0), (800.0, 0.4), (2830.0, 0.08), (3800.0, 0.05)),
    "e": ((400.0, 1.0), (2000.0, 0.3), (2800.0, 0.18), (3600.0, 0.08)),
    "u": ((325.0, 1.0), (700.0, 0.2), (2700.0, 0.04), (3800.0, 0.02)),
}


# --- tuned instruments ------------------------------------------------------------------------------------------------


def electric_piano(hz: float, seconds: float, sr: int) -> Samples:
    """Return a note of two-operator frequency modulation whose brightness dies faster than its tone."""
    t = _times(seconds + 0.25, sr)
    turn = 2.0 * np.pi * hz * t
    body = (1.8 * np.exp(-4.0 * t) + 0.25) * np.sin(turn)
    tine = 0.3 * np.exp(-25.0 * t) * np.sin(14.0 * turn) if 16.0 * hz < 0.45 * sr else 0.0
    tone = np.sin(turn + body + tine)
    return _shaped(tone * np.exp(-1.1 * t), seconds, sr, attack=0.003, release=0.2)


def bell(hz: float, seconds: float, sr: int) -> Samples:
    """Return an inharmonic bell: frequency modulation at ratio 3.5."""
    t = _times(seconds + 0.8, sr)
    tone = np.sin(2.0 * np.pi * hz * t + 1.6 * np.exp(-2.5 * t) * np.sin(7.0 * np.pi * hz * t))
    return _shaped(tone * np.exp(-2.2 * t), seconds, sr, attack=0.002, release=0.8)


def organ(hz: float, seconds: float, sr: int) -> Samples:
    """Return a drawbar organ with a slow tremolo."""
    t = _times(seconds + 0.08, sr)
    drawbars = np.array([0.0, 1.0, 0.8, 0.5, 0.35, 0.0, 0.2, 0.0, 0.15])
    wave = _waves(np.interp(_harmonics(hz, sr), np.arange(9), drawbars, right=0.0))
    tone = _scan(wave, hz * t) * (1.0 + 0.12 * np.sin(2.0 * np.pi * 6.1 * t))
    return _shaped(tone, seconds, sr, attack=0.01, release=0.07)


def string_pad(hz: float, seconds: float, sr: int) -> Samples:
    """Return three detuned saws with a slow attack: a string machine."""
    t = _times(seconds + 0.6, sr)
    k = _harmonics(hz, sr)
    wave = _waves(1.0 / k / (1.0 + (k * hz / 2200.0) ** 2))
    saws = [_scan(wave, hz * detune * t + start) for detune, start in ((1.0, 0.0), (1.0031, 0.37), (0.9967, 0.71))]
    tone = np.sum(saws, axis=0)
    return _shaped(tone, seconds, sr, attack=0.25, release=0.6)


def saw_lead(hz: float, seconds: float, sr: int) -> Samples:
    """Return a saw through a low-pass filter that closes after the attack, with a late vibrato."""
    t = _times(seconds + 0.12, sr)
    cutoffs = np.array([9000.0, 5000.0, 2800.0, 1500.0, 900.0]) + hz
    k = _harmonics(hz, sr)
    wave = _waves(*(1.0 / k / (1.0 + (k * hz / cutoff) ** 4) for cutoff in cutoffs))
    position = 3.3 * (1.0 - np.exp(-5.0 * t))
    tone = _scan(wave, hz * t + _vibrato(t, hz, 0.0022, 5.4), position)
    return _shaped(tone, seconds, sr, attack=0.006, release=0.1)


def square_lead(hz: float, seconds: float, sr: int) -> Samples:
    """Return a square wave of an old sound chip."""
    t = _times(seconds + 0.05, sr)
    k = _harmonics(hz, sr)
    wave = _waves((k % 2) / k)
    tone = _scan(wave, hz * t + _vibrato(t, hz, 0.003, 6.0)) * np.exp(-0.8 * t)
    return _shaped(tone, seconds, sr, attack=0.002, release=0.04)


def brass(hz: float, seconds: float, sr: int) -> Samples:
    """Return a tone that is brighter the louder it is, with a scooped attack."""
    t = _times(seconds + 0.12, sr)
    k = _harmonics(hz, sr)
    wave = _waves(*(k**-slope for slope in (2.2, 1.6, 1.2, 0.9)))
    swell = np.clip(t / 0.09, 0.0, 1.0) * (0.75 + 0.25 * np.exp(-3.0 * t))
    scoop = -hz * 0.004 * np.exp(-t / 0.03)
    return _shaped(_scan(wave, hz * t + scoop * 0.03, 3.0 * swell**2), seconds, sr, attack=0.04, release=0.1)


def plucked_string(hz: float, seconds: float, sr: int) -> Samples:
    """Return a plucked string: a burst of noise in a delay line that loses its highs at each round."""
    n = round((seconds + 0.3) * sr)
    period = sr / hz - 0.5
    whole = int(period)
    share = period - whole
    loss = 0.996 ** (440.0 / hz)
    burst = np.zeros(n)
    burst[: whole + 1] = np.random.default_rng(whole).uniform(-1.0, 1.0, whole + 1)[:n]
    feedback = np.zeros(whole + 3)
    feedback[0] = 1.0
    # Half a sample of delay from the two-point mean, the rest by linear interpolation: in tune at low rates too.
    feedback[whole : whole + 3] -= 0.5 * loss * np.array([1.0 - share, 1.0, share])
    tone = signal.lfilter([1.0], feedback, signal.lfilter([0.5, 0.5], [1.0], burst))
    return _shaped(tone, seconds, sr, attack=0.001, release=0.25)


def voice(hz: float, seconds: float, sr: int) -> Samples:
    """Return a sung note: formants that move from one vowel to another, a scoop into the pitch, delayed vibrato."""
    t = _times(seconds + 0.1, sr)
    names = list(VOWELS)
    first = round(hz * 7.0) % len(names)
    k = _harmonics(hz, sr)
    wave = _waves(*(_formants(k * hz, VOWELS[names[(first + step) % len(names)]]) * k**-0.4 for step in (0, 1, 1)))
    cycles = hz * t - 0.05 * hz * 0.03 * np.exp(-t / 0.05) + _vibrato(t, hz, 0.006, 5.6)
    breath = 0.02 * np.random.default_rng(first).standard_normal(len(t))
    return _shaped(_scan(wave, cycles, np.clip(t / 0.35, 0.0, 2.0)) + breath, seconds, sr, attack=0.05, release=0.09)


def synth_bass(hz: float, seconds: float, sr: int) -> Samples:
    """Return a low saw with a quick filter sweep."""
    t = _times(seconds + 0.05, sr)
    cutoffs = np.array([2600.0, 1200.0, 600.0, 320.0])
    k = _harmonics(hz, sr)
    wave = _waves(*(1.0 / k / (1.0 + (k * hz / cutoff) ** 4) for cutoff in cutoffs))
    return _shaped(_scan(wave, hz * t, 2.6 * (1.0 - np.exp(-9.0 * t))), seconds, sr, attack=0.004, release=0.05)


def finger_bass(hz: float, seconds: float, sr: int) -> Samples:
    """Return a rounded bass guitar: a dozen harmonics, the higher ones dying first."""
    t = _times(seconds + 0.08, sr)
    k = _harmonics(hz, sr)[:12]
    wave = _waves(*(k**-slope for slope in (1.0, 1.7, 2.6)))
    tone = _scan(wave, hz * t, 2.0 * (1.0 - np.exp(-4.0 * t))) * np.exp(-1.3 * t)
    return _shaped(tone, seconds, sr, attack=0.006, release=0.08)


INSTRUMENTS: Final[Mapping[str, Instrument]] = {
    "electric_piano": electric_piano,
    "bell": bell,
    "organ": organ,
    "string_pad": string_pad,
    "saw_lead": saw_lead,
    "square_lead": square_lead,
    "brass": brass,
    "plucked_string": plucked_string,
    "voice": voice,
    "synth_bass": synth_bass,
    "finger_bass": finger_bass,
}


# --- drums ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kit:
    """Drum sounds at one sampling rate: by name, a few takes each, as no two strokes are the same."""

    takes: Mapping[str, tuple[Samples, ...]]


@functools.lru_cache(maxsize=2 * KIT_COUNT)
def drum_kit(number: int, sr: int) -> Kit:
    """Return kit `number` (0 to 3): kick, snare, clap, hat, open_hat, ride, crash, tom, shaker, three takes each.

    There are few kits on purpose: unrelated pieces share their drum sounds, as real ones do.
    """
    rng = np.random.default_rng([271, number])
    low, snap, tone, bright, decay = rng.uniform([45.0, 90.0, 160.0, 5000.0, 0.7], [62.0, 220.0, 230.0, 7500.0, 1.4])
    sounds: dict[str, Callable[[np.random.Generator], Samples]] = {
        "kick": lambda r: _kick(r, sr, low, snap, decay),
        "tom": lambda r: _kick(r, sr, 1.9 * low, 0.5 * snap, 0.8 * decay),
        "snare": lambda r: _noise_hit(r, sr, 1200.0, 0.13 * decay) + 0.7 * _ring(sr, tone, 0.07, 0.65 * decay),
        "clap": lambda r: _clap(r, sr),
        "hat": lambda r: _noise_hit(r, sr, bright, 0.035),
        "open_hat": lambda r: _noise_hit(r, sr, bright, 0.22),
        "ride": lambda r: 0.6 * _noise_hit(r, sr, 0.8 * bright, 0.3) + 0.4 * _ring(sr, 2950.0, 0.2, 1.5),
        "crash": lambda r: _noise_hit(r, sr, 0.6 * bright, 0.9),
        "shaker": lambda r: _noise_hit(r, sr, 0.9 * bright, 0.05, attack=0.015),
    }
    return Kit({name: tuple(_peak(make(rng)) for _ in range(3)) for name, make in sounds.items()})


def _kick(rng: np.random.Generator, sr: int, hz: float, sweep: float, decay: float) -> Samples:
    t = _times(0.4, sr)
    cycles = hz * t + sweep * 0.03 * (1.0 - np.exp(-t / 0.03))
    click = 0.25 * rng.standard_normal(len(t)) * np.exp(-t / 0.003)
    return np.asarray(np.sin(2.0 * np.pi * cycles) * np.exp(-t / (0.11 * decay)) + click, dtype=np.float32)


def _noise_hit(rng: np.random.Generator, sr: int, high_pass_hz: float, decay: float, attack: float = 0.001) -> Samples:
    t = _times(5.0 * decay, sr)
    sections = signal.butter(2, min(high_pass_hz, 0.4 * sr), btype="highpass", fs=sr, output="sos")
    noise = signal.sosfilt(sections, rng.standard_normal(len(t)))
    return np.asarray(noise * np.minimum(1.0, t / attack) * np.exp(-t / decay), dtype=np.float32)


def _clap(rng: np.random.Generator, sr: int) -> Samples:
    hit = _noise_hit(rng, sr, 1000.0, 0.06)
    out = np.zeros(len(hit) + round(0.04 * sr), dtype=np.float32)
    for delay, gain in ((0.0, 0.6), (0.011, 0.7), (0.024, 1.0)):
        start = round(delay * sr)
        out[start : start + len(hit)] += np.float32(gain) * hit
    return out


def _ring(sr: int, hz: float, decay: float, seconds: float) -> Samples:
    t = _times(seconds, sr)
    return np.asarray(np.sin(2.0 * np.pi * hz * t) * np.exp(-t / decay), dtype=np.float32)


# --- building blocks --------------------------------------------------------------------------------------------------


def _times(seconds: float, sr: int) -> NDArray[np.float64]:
    return np.arange(max(1, round(seconds * sr))) / sr


def _harmonics(hz: float, sr: int) -> NDArray[np.float64]:
    """Return the numbers 1, 2, 3 ... of the harmonics of `hz` that may sound."""
    highest = int(min(HIGHEST_HARMONIC_HZ, 0.45 * sr) / hz)
    return np.arange(1.0, max(1, min(highest, TABLE_LENGTH // 4)) + 1.0)


def _waves(*amplitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one cycle per set of harmonic amplitudes [shape=(n_sets, TABLE_LENGTH + 1)], each with its peak at 1."""
    stack = np.zeros((len(amplitudes), TABLE_LENGTH + 1))
    for row, amplitude in zip(stack, amplitudes, strict=True):
        count = len(amplitude)
        k = np.arange(1.0, count + 1.0)
        spectrum = np.zeros(TABLE_LENGTH // 2 + 1, dtype=np.complex128)
        # Quadratic phases (Schroeder 1970) keep the crest of bright waves low, as those of real instruments do.
        spectrum[1 : count + 1] = amplitude * np.exp(-1j * np.pi * k * (k - 1.0) / 24.0)
        row[:-1] = fft.irfft(spectrum, TABLE_LENGTH)
    stack[:, -1] = stack[:, 0]
    return np.asarray(stack / np.max(np.abs(stack), axis=1, keepdims=True), dtype=np.float64)


def _scan(
    waves: NDArray[np.float64], cycles: NDArray[np.float64], position: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the waves read at phase `cycles`; `position` moves through the stack, between neighbours by crossfade."""
    column = ((cycles % 1.0) * TABLE_LENGTH).astype(np.intp)
    if position is None:
        return np.asarray(waves[0][column])
    row = np.minimum(position.astype(np.intp), len(waves) - 2)
    share = position - row
    flat, start = waves.reshape(-1), row * (TABLE_LENGTH + 1) + column
    scanned: NDArray[np.float64] = (1.0 - share) * flat[start] + share * flat[start + TABLE_LENGTH + 1]
    return scanned


def _vibrato(t: NDArray[np.float64], hz: float, depth: float, rate_hz: float) -> NDArray[np.float64]:
    """Return the phase in cycles that a vibrato of relative `depth` adds, fading in over the first half second."""
    fade = np.clip((t - 0.15) / 0.35, 0.0, 1.0)
    return -fade * depth * hz / (2.0 * np.pi * rate_hz) * np.cos(2.0 * np.pi * rate_hz * t)


def _formants(hz: NDArray[np.float64], vowel: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    return 0.01 + sum((a / (1.0 + ((hz - f) / (60.0 + 0.05 * f)) ** 2) for f, a in vowel), np.zeros_like(hz))


def _shaped(tone: NDArray[np.float64], seconds: float, sr: int, *, attack: float, release: float) -> Samples:
    """Return `tone` with a linear attack, a cosine release after `seconds`, and its peak at 1."""
    n_attack, held = max(1, round(attack * sr)), min(len(tone), max(1, round(seconds * sr)))
    n_attack = min(n_attack, held)
    tone = tone.copy()
    tone[:n_attack] *= np.arange(n_attack) / n_attack
    n_release = min(len(tone) - held, max(1, round(release * sr)))
    tone[held : held + n_release] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(n_release) / max(1, n_release))
    return _peak(tone[: held + n_release])


def _peak(y: NDArray[np.floating]) -> Samples:
    return np.asarray(y / max(float(np.max(np.abs(y))), 1e-9), dtype=np.float32)
