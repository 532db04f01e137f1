"""Songs made from a seed: melody, chords and bass as notes, for training and measuring the composition layer.

No corpus stands behind them: chords follow a few habits of tonal music, melodies walk the scale, rest on chord tones
and repeat their motifs, and a song has parts that come again. So two songs share as much as tonal music shares anyway.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOOPS", "PARTS", "Notes", "Song", "loop_song", "random_song"]

PARTS = ("melody", "chords", "bass")

MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}

# For each degree of the scale, from 0, how likely the next chord stands on each.
NEXT = np.array([
    [1, 3, 2, 6, 6, 5, 1],
    [2, 0, 1, 2, 7, 1, 1],
    [1, 2, 0, 4, 1, 5, 0],
    [5, 3, 1, 0, 6, 2, 1],
    [7, 1, 1, 3, 0, 5, 0],
    [2, 4, 2, 6, 4, 0, 1],
    [5, 0, 2, 1, 1, 2, 0],
], dtype=np.float64)  # fmt: skip

LOOPS = {
    "I-V-vi-IV": ("major", (0, 4, 5, 3)),
    "vi-IV-I-V": ("major", (5, 3, 0, 4)),
    "I-vi-IV-V": ("major", (0, 5, 3, 4)),
    "ii-V-I": ("major", (1, 4, 0, 0)),
    "i-VII-VI-V": ("minor", (0, 6, 5, 4)),
    "I-IV-V": ("major", (0, 3, 4, 4)),
    "12-bar": ("mixolydian", (0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4)),
    "Pachelbel": ("major", (0, 4, 5, 2, 3, 0, 3, 4)),
}
"""Progressions that thousands of songs share."""

Notes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Song:
    """Notes of a song.

    Attributes
    ----------
    notes : ndarray [shape=(n, 4), dtype=float64]
        Start and length in beats, MIDI pitch, and number of the part in `PARTS`.
    beats : float
        Length in beats.
    tempo : float
        Beats per minute.
    """

    notes: Notes
    beats: float
    tempo: float


def random_song(rng: np.random.Generator, *, seconds: float = 60.0) -> Song:
    """Return a song of about `seconds`."""
    mode = MODES[str(rng.choice(list(MODES), p=(0.5, 0.3, 0.1, 0.1)))]
    tonic = int(rng.integers(12))
    tempo = float(rng.uniform(62, 150))
    n_bars = max(8, round(seconds * tempo / 60.0 / 4.0))
    parts = [_section(rng, mode, tonic, n_bars=int(rng.choice((4, 8)))) for _ in range(int(rng.integers(2, 4)))]
    notes, at, last = [], 0, -1
    while at < n_bars:
        which = int(rng.integers(len(parts)))
        if which == last and rng.random() < 0.6:
            continue
        section, length = parts[which]
        moved = section.copy()
        moved[:, 0] += 4.0 * at
        notes.append(moved)
        at, last = at + length, which
    return Song(np.concatenate(notes), 4.0 * at, tempo)


def loop_song(rng: np.random.Generator, loop: str, *, seconds: float = 40.0) -> Song:
    """Return a song over one of `LOOPS`, in any key, with a melody of its own."""
    name, degrees = LOOPS[loop]
    tempo = float(rng.uniform(75, 135))
    n_bars = max(len(degrees), round(seconds * tempo / 60.0 / 4.0))
    pentatonic = (0, 2, 4, 7, 9) if name == "major" else (0, 3, 5, 7, 10)
    tonic = int(rng.integers(12))
    chords = [degrees[bar % len(degrees)] for bar in range(n_bars)]
    notes, _ = _section(rng, MODES[name], tonic, n_bars=n_bars, chords=chords, melody_scale=pentatonic)
    return Song(notes, 4.0 * n_bars, tempo)


def _section(
    rng: np.random.Generator,
    mode: tuple[int, ...],
    tonic: int,
    *,
    n_bars: int,
    chords: list[int] | None = None,
    melody_scale: tuple[int, ...] | None = None,
) -> tuple[Notes, int]:
    is_loop = chords is not None
    if chords is None:
        chords = [int(rng.choice((0, 0, 3, 5, 1)))]
        while len(chords) < n_bars:
            chords.append(int(rng.choice(7, p=NEXT[chords[-1]] / NEXT[chords[-1]].sum())))
        if rng.random() < 0.5:  # half of all sections repeat their first half
            chords[n_bars // 2 :] = chords[: n_bars - n_bars // 2]
    notes: list[tuple[float, float, float, float]] = []
    sevenths = rng.random() < 0.25
    two_a_bar = rng.random() < 0.3 and not is_loop
    for bar, degree in enumerate(chords):
        halves = ((0.0, 2.0, degree), (2.0, 2.0, int(rng.choice(7, p=NEXT[degree] / NEXT[degree].sum()))))
        for start, length, root in halves if two_a_bar and rng.random() < 0.5 else ((0.0, 4.0, degree),):
            tones = [_pitch(mode, tonic, root + step) for step in ((0, 2, 4, 6) if sevenths else (0, 2, 4))]
            if rng.random() < 0.06 and not is_loop:
                tones[1] += 1 if (tones[1] - tones[0]) % 12 == 3 else -1  # a borrowed chord
            notes += [(4.0 * bar + start, length, 48.0 + tone % 12, 1.0) for tone in tones]
            bass = tones[int(rng.choice((0, 0, 0, 0, 1, 2)))]
            notes.append((4.0 * bar + start, length, 36.0 + bass % 12, 2.0))
    return np.array(notes + _melody(rng, melody_scale or mode, mode, tonic, chords), dtype=np.float64), n_bars


def _melody(
    rng: np.random.Generator, scale: tuple[int, ...], mode: tuple[int, ...], tonic: int, chords: list[int]
) -> list[tuple[float, float, float, float]]:
    """Return a melody whose motifs, a rhythm and a shape of two bars each, come again."""
    motifs = []
    for _ in range(int(rng.integers(2, 4))):
        steps, at = [], float(rng.choice((0.0, 0.0, 0.5, 1.0)))
        while at < 8.0:
            length = float(rng.choice((0.5, 1.0, 1.5, 2.0, 3.0), p=(0.35, 0.35, 0.1, 0.15, 0.05)))
            move = int(
                rng.choice((-4, -3, -2, -1, 0, 1, 2, 3, 4), p=(0.03, 0.05, 0.12, 0.25, 0.1, 0.25, 0.12, 0.05, 0.03))
            )
            if rng.random() > 0.12:
                steps.append((at, min(length, 8.0 - at), move))
            at += length
        motifs.append(steps)
    notes = []
    place = int(rng.integers(-2, 8))  # in steps of the scale
    for first in range(0, len(chords), 2):
        for at, length, move in motifs[int(rng.integers(len(motifs)))]:
            bar = first + int(at // 4.0)
            if bar >= len(chords):
                break
            place = int(np.clip(place + move, -3, 11))
            pitch = _pitch(scale, tonic, place)
            if at % 2.0 == 0.0 and rng.random() < 0.7:
                tones = [_pitch(mode, tonic, chords[bar] + step) for step in (0, 2, 4)]
                pitch = min((tone + 12 * k for tone in tones for k in (-1, 0, 1, 2)), key=lambda x: abs(x - pitch))
            notes.append((4.0 * first + at, length * float(rng.choice((0.9, 0.7))), 60.0 + pitch, 0.0))
    return notes


def _pitch(scale: tuple[int, ...], tonic: int, place: int) -> int:
    """Return the semitones of a step of the scale above C."""
    octave, step = divmod(place, len(scale))
    return tonic % 12 + 12 * octave + scale[step]
