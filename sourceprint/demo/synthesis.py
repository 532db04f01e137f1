"""Seeded music-like recordings: a composed song, played by synthesised instruments, panned, in a small room.

For the demo, the tests and every benchmark that must run without a corpus. Pieces of other seeds are unrelated, yet
share tempi, keys, progressions, rhythms and drum sounds (see `arrangement`): a fair test to tell them apart.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from fingerprint.errors import ParameterError
from sourceprint.demo.arrangement import Part, Song, compose
from sourceprint.demo.instruments import INSTRUMENTS, drum_kit

__all__ = ["PARTS", "synthesize"]

Samples = NDArray[np.float32]

PARTS: Final = ("drums", "lead", "chords", "bass", "colour", "pad")
PEAK: Final = 0.85
DRUM_MIX: Final = {  # sound: level, position
    "kick": (0.75, 0.0),
    "snare": (0.45, 0.05),
    "clap": (0.40, -0.05),
    "hat": (0.18, 0.30),
    "open_hat": (0.18, 0.30),
    "ride": (0.16, -0.35),
    "crash": (0.25, -0.40),
    "tom": (0.50, 0.25),
    "shaker": (0.12, -0.25),
}


def synthesize(
    seed: int,
    duration_seconds: float,
    *,
    sample_rate: int = 22050,
    channels: Literal[1, 2] = 1,
    album: int | None = None,
    parts: Collection[str] = PARTS,
) -> Samples:
    """Return the recording of `seed` [shape=(n,), or (2, n) for two channels; dtype=float32, peak 0.85].

    Parameters
    ----------
    seed
        Which piece. The same seed gives the same samples, and the same notes at any sampling rate.
    duration_seconds
        Length in seconds; the piece goes on through its form for as long as asked, and fades in the last half second.
    sample_rate
        In hertz, 8000 to 96000.
    channels
        1 for the mean of left and right, 2 for both.
    album
        Pieces with the same album share tempo (within 4 %), kit and band; None leaves all to the seed.
    parts
        Which of `PARTS` to play: ``("lead",)`` is the melody alone.

    Raises
    ------
    ParameterError
        For a negative seed, a duration that is not above zero, another number of channels, a sampling rate out of
        range, or an unknown part.

    Examples
    --------
    >>> synthesize(1, 2.0).shape
    (44100,)
    """
    _require(seed, duration_seconds, sample_rate, channels, parts)
    song = compose(seed, duration_seconds, album=album)
    n = round(duration_seconds * sample_rate)
    clock = _Clock(song, np.random.default_rng([17, seed]))
    dry = np.zeros((2, n), dtype=np.float32)
    send = np.zeros(n, dtype=np.float32)
    if "drums" in parts:
        _play_drums(song, clock, sample_rate, dry, send)
    for part in song.parts:
        if part.name in parts:
            _play(part, clock, sample_rate, dry, send)
    # Mixed and mastered: a light room, then a soft knee that rounds peaks above it.
    left, right = _room(sample_rate)
    dry[0] += signal.oaconvolve(send, left)[:n]
    dry[1] += signal.oaconvolve(send, right)[:n]
    dry -= np.mean(dry, axis=1, keepdims=True)
    mixed = np.tanh(1.3 * dry / max(float(np.percentile(np.abs(dry), 99.9)), 1e-9))
    n_fade = min(n, round(0.5 * sample_rate))
    mixed[:, n - n_fade :] *= np.linspace(1.0, 0.0, n_fade, dtype=np.float32)
    out = mixed if channels == 2 else 0.5 * (mixed[0] + mixed[1])
    return np.ascontiguousarray(out * (PEAK / max(float(np.max(np.abs(out))), 1e-9)), dtype=np.float32)


class _Clock:
    """From beats to seconds: tempo, swing on the off-beats, and the looseness of players."""

    def __init__(self, song: Song, rng: np.random.Generator) -> None:
        self._beat_seconds = 60.0 / song.tempo_bpm
        self._swing = song.swing
        self._looseness = song.looseness_seconds
        self._rng = rng

    def seconds(self, beat: float) -> float:
        """Return when `beat` is played this time."""
        off_beat = 1.0 - abs(2.0 * (beat % 1.0) - 1.0)
        swung = beat + self._swing * off_beat
        return max(0.0, swung * self._beat_seconds + self._looseness * float(self._rng.standard_normal()))

    def length(self, beats: float) -> float:
        """Return a length in seconds, on a grid of 1/32 s so that rendered notes can be used again."""
        return max(1, round(32.0 * beats * self._beat_seconds)) / 32.0


def _play(part: Part, clock: _Clock, sr: int, dry: Samples, send: Samples) -> None:
    instrument = INSTRUMENTS[part.instrument]
    line = np.zeros(dry.shape[1], dtype=np.float32)
    rendered: dict[tuple[int, float], Samples] = {}
    for note in part.notes:
        key = (note.midi, clock.length(note.beats))
        if key not in rendered:
            rendered[key] = instrument(440.0 * 2.0 ** ((note.midi - 69) / 12.0), key[1], sr)
        _add(line, rendered[key], clock.seconds(note.beat), sr, note.velocity)
    line *= np.float32(part.level)
    left, right = _gains(part.pan)
    dry[0] += left * line
    dry[1] += right * line
    send += np.float32(part.room) * line
    if part.name == "pad":
        # The same a moment later on the other side: width, and something that is left when the centre is removed.
        late = round(0.011 * sr)
        dry[0, late:] += np.float32(0.5 * right) * line[: len(line) - late]


def _play_drums(song: Song, clock: _Clock, sr: int, dry: Samples, send: Samples) -> None:
    kit = drum_kit(song.kit, sr)
    lines = {sound: np.zeros(dry.shape[1], dtype=np.float32) for sound in dict.fromkeys(s.sound for s in song.strokes)}
    for number, stroke in enumerate(song.strokes):
        takes = kit.takes[stroke.sound]
        _add(lines[stroke.sound], takes[number % len(takes)], clock.seconds(stroke.beat), sr, stroke.velocity)
    for sound, line in lines.items():
        level, pan = DRUM_MIX[sound]
        line *= np.float32(level)
        left, right = _gains(pan)
        dry[0] += left * line
        dry[1] += right * line
        send += np.float32(0.02 if sound == "kick" else 0.12) * line


def _add(line: Samples, sound: Samples, at_seconds: float, sr: int, gain: float) -> None:
    start = round(at_seconds * sr)
    stop = min(len(line), start + len(sound))
    if start < stop:
        line[start:stop] += np.float32(gain) * sound[: stop - start]


def _gains(pan: float) -> tuple[np.float32, np.float32]:
    """Return left and right gains of equal power for a position from -1 to 1."""
    angle = 0.25 * np.pi * (1.0 + pan)
    return np.float32(np.cos(angle)), np.float32(np.sin(angle))


@functools.lru_cache(maxsize=4)
def _room(sr: int) -> tuple[Samples, Samples]:
    """Return the impulse responses of a small room, left and right: noise that dies by 60 dB in 0.7 s."""
    rng = np.random.default_rng(19)
    t = np.arange(round(0.6 * sr)) / sr
    tails = signal.lfilter([0.35], [1.0, -0.65], rng.standard_normal((2, len(t))) * 10.0 ** (-3.0 * t / 0.7))
    tails[:, : round(0.012 * sr)] = 0.0
    tails *= 1.5 / np.sqrt(np.sum(tails**2, axis=1, keepdims=True))
    return tails[0].astype(np.float32), tails[1].astype(np.float32)


def _require(seed: int, duration_seconds: float, sample_rate: int, channels: int, parts: Collection[str]) -> None:
    if seed < 0:
        raise ParameterError(f"seed={seed}: must not be negative")
    if not 0.0 < duration_seconds <= 3600.0:
        raise ParameterError(f"duration_seconds={duration_seconds}: must lie above 0 and be at most 3600")
    if not 8000 <= sample_rate <= 96000:
        raise ParameterError(f"sample_rate={sample_rate}: must lie between 8000 and 96000 Hz")
    if channels not in (1, 2):
        raise ParameterError(f"channels={channels}: must be 1 or 2")
    unknown = sorted(set(parts) - set(PARTS))
    if unknown or not parts:
        raise ParameterError(f"parts={sorted(parts)}: choose some of {', '.join(PARTS)}")
