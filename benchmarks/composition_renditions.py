"""One song played in many ways: arrangement, instruments, key, tempo, tuning, drums, room, loudness.

- `arrange`: the tones that one rendition of a song has, in seconds.
- `magnitudes`: these tones straight as the magnitude spectra that the composition layer analyses, in milliseconds, for
  training.
- `sound`: the same tones as samples, for measuring. Its instruments are other ones: plucked, struck and blown tones in
  the time domain, so that training never heard them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.composition_songs import Song
from fingerprint.composition.params import CompositionParams

__all__ = ["Change", "Tones", "arrange", "magnitudes", "sound"]

N_HARMONICS = 14
PARTIALS_KEPT_HZ = 5400.0
CYCLE = 4096  # numbers of one cycle of a tone


@dataclass(frozen=True, slots=True)
class Change:
    """How a rendition differs from the song.

    Attributes
    ----------
    semitones : float
        Transposition.
    tempo : float
        Speed, times that of the song.
    kept : tuple of str
        Parts that are played, of `composition_songs.PARTS`.
    drums : bool
        Whether there are drums.
    """

    semitones: float = 0.0
    tempo: float = 1.0
    kept: tuple[str, ...] = ("melody", "chords", "bass")
    drums: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Tones:
    """Tones of a rendition.

    Attributes
    ----------
    table : ndarray [shape=(n, 5), dtype=float64]
        Start and end in seconds, MIDI pitch, amplitude, instrument.
    harmonics : ndarray [shape=(n_instruments, N_HARMONICS), dtype=float64]
        Amplitudes of the harmonics of each instrument.
    decay : ndarray [shape=(n_instruments,), dtype=float64]
        Seconds in which a held tone falls to 1/e; infinite for a steady one.
    glide, vibrato : ndarray [shape=(n_instruments,), dtype=float64]
        Semitones from below which a tone slides up, and by which it wavers.
    hits : ndarray [shape=(n_hits, 3), dtype=float64]
        Drums: second, amplitude, and kind: 0 low, 1 middle, 2 high.
    seconds : float
        Length.
    """

    table: NDArray[np.float64]
    harmonics: NDArray[np.float64]
    decay: NDArray[np.float64]
    glide: NDArray[np.float64]
    vibrato: NDArray[np.float64]
    hits: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    seconds: float = 0.0


def arrange(song: Song, rng: np.random.Generator, change: Change = Change()) -> Tones:
    """Return the tones of a rendition; what `change` does not say is drawn."""
    beat = 60.0 / song.tempo / change.tempo
    rows, instruments = [], [_instrument(rng) for _ in range(4)]
    if rng.random() < 0.35:  # a voice sings the melody
        instruments[0] = _voice(rng)
    loudness = rng.uniform(0.35, 1.0, size=3)
    loudness[0] *= rng.choice((1.0, 1.4))
    octaves = (int(rng.choice((-1, 0, 0, 0, 1))), int(rng.choice((0, 0, 0, 1))), int(rng.choice((-1, 0, 0))))
    style = str(rng.choice(("as written", "block", "arpeggio", "off beat", "pad")))
    left_out = rng.uniform(0.0, 0.12)
    played = {"melody": 0, "chords": 1, "bass": 2}
    for start, length, pitch, part in song.notes:
        number = int(part)
        if number not in {played[name] for name in change.kept} or rng.random() < left_out:
            continue
        amplitude = loudness[number] * rng.uniform(0.7, 1.1)
        at, shift = beat * start + abs(rng.normal(0.0, 0.012)), pitch + change.semitones + 12 * octaves[number]
        if number == 1:
            for inner, inner_length in _strokes(style, length, rng, place=int(pitch)):
                rows.append((at + beat * inner, at + beat * (inner + inner_length), shift, 0.5 * amplitude, 1.0))
            continue
        lasts = beat * length * rng.uniform(0.75, 1.0)
        rows.append((at, at + lasts, shift, amplitude, float(number)))
        if number == 2 and rng.random() < 0.3:
            rows.append((at, at + lasts, shift + 12, 0.5 * amplitude, 2.0))
        if number == 0 and rng.random() < 0.06:  # a second voice in thirds, or an ornament
            rows.append(
                (at, at + 0.5 * lasts, shift + float(rng.choice((-5, -4, -3, 1, 2, 3, 4))), 0.5 * amplitude, 3.0)
            )
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return Tones(
        table=table[np.argsort(table[:, 0], kind="stable")],
        harmonics=np.stack([one[0] for one in instruments]),
        decay=np.array([one[1] for one in instruments]),
        glide=np.array([one[2] for one in instruments]),
        vibrato=np.array([one[3] for one in instruments]),
        hits=_drums(song.beats, beat, rng) if change.drums else np.empty((0, 3)),
        seconds=song.beats * beat,
    )


def magnitudes(tones: Tones, rng: np.random.Generator, params: CompositionParams) -> NDArray[np.float32]:
    """Return magnitude spectra [shape=(n_frames, n_fft // 2 + 1), dtype=float32] of a rendition, in a drawn room."""
    n_frames = max(1, int(tones.seconds * params.sample_rate / params.hop_length))
    power = np.zeros((n_frames, params.n_fft // 2 + 1), dtype=np.float64)
    phases = rng.uniform(0.0, 2.0 * np.pi, size=len(tones.table))
    rate = params.sample_rate / params.hop_length
    bin_hz = params.sample_rate / params.n_fft
    _add_tones(
        power,
        tones.table,
        tones.harmonics,
        tones.decay,
        tones.glide,
        tones.vibrato,
        phases,
        rate,
        bin_hz,
        PARTIALS_KEPT_HZ,
    )
    for at, amplitude, kind in tones.hits:
        low, high = ((0.0, 160.0), (150.0, 2500.0), (2500.0, 5500.0))[int(kind)]
        band = slice(int(low / bin_hz), int(high / bin_hz) + 1)
        for step in range(3):
            t = int(at * rate) + step
            if t < n_frames:
                burst = power[t, band]
                burst += (amplitude * 0.35**step) ** 2 * 3.0 * rng.exponential(1.0, size=burst.size)
    tail = float(rng.choice((0.0, 0.25, 0.5, 0.7)))  # of the power, from one frame to the next
    for t in range(1, n_frames):
        power[t] += tail * 0.5 * power[t - 1]
    tilt = (np.arange(power.shape[1]) + 10.0) ** rng.uniform(-0.9, 0.3)
    floor = 10.0 ** rng.uniform(-6.0, -3.0) * float(power.mean() + 1e-12)
    power = (power + floor * rng.exponential(1.0, size=power.shape)) * tilt
    if rng.random() < 0.5:  # compressed
        level = power.sum(axis=1, keepdims=True)
        power *= (level / max(float(level.max()), 1e-12) + 0.02) ** -rng.uniform(0.2, 0.6)
    spectra: NDArray[np.float32] = (300.0 * np.sqrt(power)).astype(np.float32)
    return spectra


def sound(tones: Tones, rng: np.random.Generator, *, sample_rate: int = 11025) -> NDArray[np.float32]:
    """Return samples of a rendition [shape=(n,), dtype=float32], at most 0.9 in absolute value."""
    n = int((tones.seconds + 0.5) * sample_rate)
    y = np.zeros(n)
    kinds = [str(rng.choice(("pluck", "struck", "blown", "saw"))) for _ in range(len(tones.harmonics))]
    bright = rng.uniform(0.6, 2.2, size=len(kinds))
    for start, end, pitch, amplitude, number in tones.table:
        i = int(number)
        first, length = int(start * sample_rate), int((end - start + 0.15) * sample_rate)
        length = min(length, n - first)
        if length < 64:
            continue
        t = np.arange(length) / sample_rate
        semitones = pitch - tones.glide[i] * np.exp(-t / 0.07)
        semitones = semitones + tones.vibrato[i] * np.sin(2 * np.pi * 5.5 * t) * np.minimum(1.0, 3.0 * t)
        phase = 2.0 * np.pi * np.cumsum(440.0 * 2.0 ** ((semitones - 69.0) / 12.0)) / sample_rate
        y[first : first + length] += amplitude * _wave(kinds[i], phase, t, float(bright[i]), float(end - start))
    for at, amplitude, kind in tones.hits:
        length = min(int(0.18 * sample_rate), n - int(at * sample_rate))
        if length < 64:
            continue
        t = np.arange(length) / sample_rate
        noise = rng.standard_normal(length)
        if kind == 0:
            burst = np.sin(2 * np.pi * (50.0 * t + 4.0 * (1.0 - np.exp(-t / 0.03)))) * np.exp(-t / 0.06)
        elif kind == 1:
            burst = 0.6 * noise * np.exp(-t / 0.05)
        else:
            burst = 0.4 * np.diff(noise, prepend=0.0) * np.exp(-t / 0.025)
        y[int(at * sample_rate) : int(at * sample_rate) + length] += 1.2 * amplitude * burst
    if rng.random() < 0.7:
        y = _room(y, rng, sample_rate)
    y /= max(float(np.abs(y).max()), 1e-9)
    if rng.random() < 0.5:
        y = np.tanh(2.5 * y)
    samples: NDArray[np.float32] = (0.9 * y / max(float(np.abs(y).max()), 1e-9)).astype(np.float32)
    return samples


def _instrument(rng: np.random.Generator) -> tuple[NDArray[np.float64], float, float, float]:
    order = np.arange(1, N_HARMONICS + 1)
    levels = order ** -rng.uniform(0.5, 2.6) * rng.uniform(0.3, 1.0, size=N_HARMONICS)
    if rng.random() < 0.15:
        levels[1::2] *= 0.1  # as a clarinet
    if rng.random() < 0.3:
        levels *= 1.0 + 2.5 * np.exp(-(((order - rng.uniform(1, 9)) / 1.5) ** 2))
    decay = float(rng.choice((0.25, 0.6, 1.5, 1e9)))
    return levels / np.sqrt((levels**2).sum()), decay, 0.0, float(rng.choice((0.0, 0.0, 0.1)))


def _voice(rng: np.random.Generator) -> tuple[NDArray[np.float64], float, float, float]:
    order = np.arange(1, N_HARMONICS + 1)
    levels = order**-1.0 * (0.4 + 2.0 * np.exp(-(((order - rng.uniform(2, 6)) / 1.8) ** 2)))
    return levels / np.sqrt((levels**2).sum()), 1e9, float(rng.uniform(0.3, 2.0)), float(rng.uniform(0.1, 0.6))


def _strokes(style: str, length: float, rng: np.random.Generator, *, place: int) -> list[tuple[float, float]]:
    """Return starts and lengths in beats at which a chord tone is struck."""
    if style == "block":
        return [(float(b), 0.9) for b in range(int(length))]
    if style == "arpeggio":
        first = (place % 3) * 0.5
        return [(first + 1.5 * k, 0.6) for k in range(int(length / 1.5)) if first + 1.5 * k < length]
    if style == "off beat":
        return [(b + 0.5, 0.4) for b in range(int(length))]
    if style == "pad":
        return [(0.0, length * 1.05)]
    return [(0.0, length * rng.uniform(0.7, 1.0))]


def _drums(beats: float, beat: float, rng: np.random.Generator) -> NDArray[np.float64]:
    loud = rng.uniform(0.2, 0.9)
    swing, eighths = rng.uniform(0.5, 0.62), rng.random() < 0.7
    hits = []
    for b in range(int(beats)):
        hits.append((beat * b, loud, 0.0 if b % 2 == 0 else 1.0))
        hits.append((beat * b, 0.5 * loud, 2.0))
        if eighths:
            hits.append((beat * (b + swing), 0.4 * loud, 2.0))
    return np.array(hits, dtype=np.float64)


def _wave(
    kind: str, phase: NDArray[np.float64], t: NDArray[np.float64], bright: float, lasts: float
) -> NDArray[np.float64]:
    """Return a tone: one cycle read at each phase, a bright one that fades and a dull one that stays."""
    release = np.clip((lasts + 0.12 - t) / 0.12, 0.0, 1.0) * np.minimum(1.0, t / 0.008)
    at = (phase * (CYCLE / (2.0 * np.pi))).astype(np.int64) & (CYCLE - 1)
    x = 2.0 * np.pi * np.arange(CYCLE) / CYCLE
    k = np.arange(1, 12)[:, None]
    sine = np.sin(x)[at]
    if kind == "pluck":
        sharp = (np.sin(k * x) / k).sum(axis=0)[at]
        wave = np.exp(-3.0 * t) * sharp + np.exp(-0.9 * t) * sine
    elif kind == "struck":  # frequency modulation
        sharp = np.sin(x + bright * np.sin(x))[at] - sine
        wave = (np.exp(-t / 0.3) * sharp + sine) * np.exp(-t / 1.2)
    elif kind == "blown":
        wave = np.tanh(bright * (np.sin(x) + 0.3 * np.sin(2 * x)))[at] * np.minimum(1.0, t / 0.06)
    else:
        wave = (np.sin(k * x) / k**bright).sum(axis=0)[at]
    return np.asarray(wave * release)


def _room(y: NDArray[np.float64], rng: np.random.Generator, sample_rate: int) -> NDArray[np.float64]:
    length = int(rng.uniform(0.2, 1.2) * sample_rate)
    response = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    response *= rng.uniform(0.1, 0.5) / np.sqrt((response**2).sum())
    size = 1 << math.ceil(math.log2(y.size + length))
    wet = np.fft.irfft(np.fft.rfft(y, size) * np.fft.rfft(response, size), size)[: y.size]
    return np.asarray(y + wet)


@njit(cache=True, nogil=True)
def _add_tones(
    power: NDArray[np.float64],
    table: NDArray[np.float64],
    harmonics: NDArray[np.float64],
    decay: NDArray[np.float64],
    glide: NDArray[np.float64],
    vibrato: NDArray[np.float64],
    phases: NDArray[np.float64],
    rate: float,
    bin_hz: float,
    highest_hz: float,
) -> None:
    """Add the main lobes of a Hann window for each harmonic of each tone, in each frame where it sounds."""
    n_frames, n_bins = power.shape
    half_window = 0.5 * 4.0 / rate  # of four frames; a tone fades in and out over it
    for i in range(table.shape[0]):
        start, end, pitch, amplitude = table[i, 0], table[i, 1], table[i, 2], table[i, 3]
        instrument = int(table[i, 4])
        for t in range(max(0, int((start - half_window) * rate)), min(n_frames, int((end + half_window) * rate) + 1)):
            now = t / rate
            covered = min(end, now + half_window) - max(start, now - half_window)
            if covered <= 0.0:
                continue
            since = max(0.0, now - start)
            gain = amplitude * min(1.0, covered / half_window) * math.exp(-since / decay[instrument])
            bent = pitch - glide[instrument] * math.exp(-since / 0.07)
            bent += vibrato[instrument] * math.sin(2.0 * math.pi * 5.5 * now + phases[i])
            f0 = 440.0 * 2.0 ** ((bent - 69.0) / 12.0)
            for h in range(harmonics.shape[1]):
                f = (h + 1) * f0
                if f > highest_hz:
                    break
                level = gain * harmonics[instrument, h]
                x = f / bin_hz
                k0 = int(x)
                for k in range(max(0, k0 - 1), min(n_bins, k0 + 3)):
                    d = abs(x - k)
                    if d < 1e-6:
                        lobe = 1.0
                    elif abs(d - 1.0) < 1e-6:
                        lobe = 0.5
                    else:
                        lobe = math.sin(math.pi * d) / (math.pi * d) / (1.0 - d * d)
                    power[t, k] += (level * lobe) ** 2
