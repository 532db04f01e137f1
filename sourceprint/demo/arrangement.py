"""Seeded composition: from a seed to a song of notes and drum strokes, before any sound is made.

A song has a form (intro, verses, choruses, a bridge), a chord progression for each kind of section, a melody of four
phrases (A A' B A) that returns varied, a bass line and a drum pattern with fills, and a band that plays them. Pieces
with other seeds draw from the same small sets of tempi, keys, progressions and rhythms, so unrelated songs share all of
these, as real ones do.

Times are in beats from the start of the song; pitches are MIDI note numbers (69 = 440 Hz).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from sourceprint.demo.instruments import KIT_COUNT

__all__ = ["Note", "Part", "Section", "Song", "Stroke", "compose"]

SectionKind = Literal["intro", "verse", "chorus", "bridge"]
FORM: Final[tuple[SectionKind, ...]] = ("intro", "verse", "chorus", "verse", "chorus", "bridge", "chorus")
BARS: Final[dict[SectionKind, int]] = {"intro": 2, "verse": 8, "chorus": 8, "bridge": 4}
BEATS_PER_BAR: Final = 4

TEMPI: Final = (78, 84, 90, 96, 100, 104, 110, 116, 120, 124, 128, 140)
MODES: Final = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10), "dorian": (0, 2, 3, 5, 7, 9, 10)}
PROGRESSIONS: Final = {  # scale degrees, one chord per bar
    "major": ((0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 4, 3), (1, 4, 0, 0), (0, 2, 3, 4)),
    "minor": ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4), (0, 5, 3, 4), (5, 6, 0, 0), (0, 2, 6, 3)),
    "dorian": ((0, 3, 0, 3), (0, 6, 3, 0), (0, 1, 3, 0), (0, 4, 3, 3)),
}
MELODY_RHYTHMS: Final = (  # durations in beats, two bars; negative = rest
    (1, 0.5, 0.5, 1, 1, 1.5, 0.5, 2),
    (0.5, 0.5, 1, 0.5, 0.5, 1, -0.5, 0.5, 1, 2),
    (1.5, 0.5, 1.5, 0.5, 1, 1, -2),
    (-0.5, 0.5, 0.5, 0.5, 1, 1, 0.75, 0.75, 0.5, -2),
    (2, 1, 1, 3, -1),
    (0.75, 0.75, 0.5, 1, 1, 0.75, 0.75, 0.5, -2),
    (0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1, -2),
)
BASS_RHYTHMS: Final = (  # (beat, duration, chord member: 0 root, 1 third, 2 fifth, 3 octave)
    ((0, 1, 0), (1, 1, 0), (2, 1, 0), (3, 1, 2)),
    tuple((i / 2, 0.5, 0) for i in range(8)),
    ((0, 1.5, 0), (1.5, 0.5, 0), (2.5, 1, 3), (3.5, 0.5, 2)),
    ((0, 0.5, 0), (0.75, 0.5, 0), (1.5, 0.5, 3), (2.5, 0.5, 2), (3.25, 0.5, 0)),
    ((0, 1, 0), (1, 1, 1), (2, 1, 2), (3, 1, 3)),
    ((0, 3.5, 0), (3.5, 0.5, 2)),
)
DRUM_GROOVES: Final = (  # sixteenths at which each drum is struck
    {"kick": (0, 8, 10), "snare": (4, 12), "hat": (0, 2, 4, 6, 8, 10, 12, 14)},
    {"kick": (0, 4, 8, 12), "clap": (4, 12), "open_hat": (2, 6, 10, 14), "hat": (0, 4, 8, 12)},
    {"kick": (0, 3, 6, 10), "snare": (4, 12, 15), "hat": tuple(range(16))},
    {"kick": (0, 7, 10), "snare": (4, 12), "shaker": tuple(range(0, 16, 2)), "ride": (0, 6, 12)},
    {"kick": (0, 10), "snare": (8,), "hat": (0, 4, 6, 8, 12, 14)},
    {"kick": (0, 6, 8, 14), "clap": (4, 12), "hat": (0, 3, 6, 8, 11, 14), "open_hat": (10,)},
)
COMPING: Final = (  # (beat, duration) of chords within a bar
    ((0, 4),),
    ((0, 2), (2, 2)),
    ((0, 0.5), (1.5, 0.5), (3, 0.5)),
    ((0.5, 0.5), (1.5, 0.5), (2.5, 0.5), (3.5, 0.5)),
    ((0, 1), (1, 1), (2, 1), (3, 1)),
)
LEADS: Final = ("saw_lead", "square_lead", "voice", "electric_piano", "brass", "plucked_string", "voice", "organ")
CHORDS: Final = ("electric_piano", "organ", "plucked_string", "string_pad", "electric_piano")
BASSES: Final = ("synth_bass", "finger_bass", "finger_bass", "synth_bass")
COLOURS: Final = ("bell", "plucked_string", "square_lead", "electric_piano")


@dataclass(frozen=True, slots=True)
class Note:
    """One note: start and length in beats, MIDI pitch, loudness from 0 to 1."""

    beat: float
    beats: float
    midi: int
    velocity: float


@dataclass(frozen=True, slots=True)
class Stroke:
    """One drum stroke: time in beats, sound, loudness from 0 to 1."""

    beat: float
    sound: str
    velocity: float


@dataclass(frozen=True, slots=True)
class Part:
    """Part of one player: instrument, position from -1 (left) to 1 (right), level, share sent to the room."""

    name: str
    instrument: str
    pan: float
    level: float
    room: float
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One stretch of the form: its kind and its first bar."""

    kind: SectionKind
    first_bar: int
    n_bars: int


@dataclass(frozen=True, slots=True)
class Song:
    """A composition: everything that `sourceprint.demo.synthesis` needs to play it."""

    tempo_bpm: float
    swing: float
    looseness_seconds: float
    kit: int
    sections: tuple[Section, ...]
    parts: tuple[Part, ...]
    strokes: tuple[Stroke, ...]


def compose(seed: int, duration_seconds: float, *, album: int | None = None) -> Song:
    """Return the song of `seed`, long enough for `duration_seconds`.

    Songs of one `album` share tempo (within 4 %), kit, feel and most of the band; without one, each seed draws its own.
    """
    style = np.random.default_rng([11, seed] if album is None else [12, album])
    rng = np.random.default_rng([13, seed])
    tempo = float(style.choice(TEMPI)) * (1.0 if album is None else float(rng.uniform(0.96, 1.04)))
    swing = float(style.choice([0.0, 0.0, 0.0, 0.12, 0.18]))
    looseness = float(style.choice([0.001, 0.006, 0.010]))
    kit = int(style.integers(KIT_COUNT))
    band = [str(style.choice(names)) for names in (LEADS, CHORDS, BASSES, COLOURS)]
    mode = str(style.choice(["major", "minor", "minor", "dorian"]))
    key = int(rng.choice([0, 2, 4, 5, 7, 9, 9, 10]))

    material = {kind: _Material(rng, mode, key, bars) for kind, bars in BARS.items()}
    sections = tuple(_form(duration_seconds * tempo / 60.0 / BEATS_PER_BAR))
    lead: list[Note] = []
    chords: list[Note] = []
    bass: list[Note] = []
    colour: list[Note] = []
    pad: list[Note] = []
    strokes: list[Stroke] = []
    for number, section in enumerate(sections):
        it = material[section.kind]
        full = section.kind == "chorus"
        start = section.first_bar * BEATS_PER_BAR
        if section.kind != "intro":
            lead += it.melody(rng, start, 0.9 if full else 0.75)
            bass += it.bass(start, 0.9)
        if section.kind != "bridge":
            chords += it.chords(start, 0.8 if full else 0.6)
        if full or section.kind == "bridge":
            pad += it.pad(start, 0.7)
        if full or section.kind == "intro" or number % 4 == 3:
            colour += it.arpeggio(start, 0.6)
        strokes += it.drums(rng, section, start)

    parts = (
        Part("lead", band[0], float(rng.uniform(-0.15, 0.15)), 0.50, 0.25, tuple(lead)),
        Part("chords", band[1], float(rng.uniform(-0.6, -0.25)), 0.22, 0.20, tuple(chords)),
        Part("bass", band[2], 0.0, 0.50, 0.03, tuple(bass)),
        Part("colour", band[3], float(rng.uniform(0.3, 0.7)), 0.22, 0.30, tuple(colour)),
        Part("pad", "string_pad", float(rng.uniform(0.1, 0.4)), 0.14, 0.30, tuple(pad)),
    )
    return Song(tempo, swing, looseness, kit, sections, parts, tuple(strokes))


def _form(n_bars: float) -> Iterator[Section]:
    """Yield sections in the order of FORM, again from the first verse where it ends, until `n_bars` are filled."""
    bar, number = 0, 0
    while bar < n_bars:
        kind = FORM[number] if number < len(FORM) else FORM[1 + (number - 1) % (len(FORM) - 1)]
        yield Section(kind, bar, BARS[kind])
        bar += BARS[kind]
        number += 1


class _Material:
    """Material of one kind of section; each time it returns, the same material is played, slightly varied."""

    def __init__(self, rng: np.random.Generator, mode: str, key: int, n_bars: int) -> None:
        self.scale = MODES[mode]
        self.key = key
        self.n_bars = n_bars
        choices: Sequence[tuple[int, ...]] = PROGRESSIONS[mode]
        self.progression = choices[int(rng.integers(len(choices)))]
        self.bass_rhythm = BASS_RHYTHMS[int(rng.integers(len(BASS_RHYTHMS)))]
        self.comping = COMPING[int(rng.integers(len(COMPING)))]
        groove = DRUM_GROOVES[int(rng.integers(len(DRUM_GROOVES)))]
        self.groove = {sound: [step for step in steps if rng.random() > 0.06] for sound, steps in groove.items()}
        self.ghost = int(rng.choice([3, 7, 9, 11, 15]))
        self.arpeggio_order = rng.permutation(4)
        self.arpeggio_step = float(rng.choice([0.25, 0.5, 0.5]))
        first, second = self._phrase(rng), self._phrase(rng)
        self.phrases = (first, first, second, first)

    def melody(self, rng: np.random.Generator, start: int, velocity: float) -> list[Note]:
        """Return phrases A A' B A of two bars each: steps fitted to the chords, a few notes changed at each return."""
        notes = []
        for i in range(self.n_bars // 2):
            beat = float(start + 2 * BEATS_PER_BAR * i)
            for duration, degree in self.phrases[i % 4]:
                if duration > 0:
                    moved = degree + int(rng.choice([-1, 1])) if rng.random() < 0.12 else degree
                    midi = self._tuned(moved, beat - start, on_beat=beat % 2.0 == 0.0)
                    notes.append(Note(beat, 0.92 * duration, midi, velocity * float(rng.uniform(0.8, 1.0))))
                beat += abs(duration)
        return notes

    def bass(self, start: int, velocity: float) -> list[Note]:
        """Return the bass line: one pattern, moved along the chords."""
        notes = []
        for bar in range(self.n_bars):
            degree = self._degree(bar)
            root = self._pitch(degree, 31)
            low = 31 + (root - 31) % 12
            for at, beats, member in self.bass_rhythm:
                midi = low + self._pitch(degree + (0, 2, 4, 7)[member], 31) - root
                notes.append(
                    Note(start + BEATS_PER_BAR * bar + at, 0.9 * beats, midi, velocity * (0.85 if at else 1.0))
                )
        return notes

    def chords(self, start: int, velocity: float) -> list[Note]:
        """Return three-voice chords in one rhythm, each voice in the octave about middle C."""
        return [
            Note(start + BEATS_PER_BAR * bar + at, 0.9 * beats, midi, velocity)
            for bar in range(self.n_bars)
            for at, beats in self.comping
            for midi in self._voicing(bar, 55)
        ]

    def pad(self, start: int, velocity: float) -> list[Note]:
        """Return one held chord per bar."""
        return [
            Note(start + BEATS_PER_BAR * bar, float(BEATS_PER_BAR), midi, velocity)
            for bar in range(self.n_bars)
            for midi in self._voicing(bar, 60)
        ]

    def arpeggio(self, start: int, velocity: float) -> list[Note]:
        """Return broken chords, two octaves above the bass."""
        step = self.arpeggio_step
        notes = []
        for bar in range(self.n_bars):
            triad = self._voicing(bar, 67)
            pitches = [*triad, triad[0] + 12]
            for i in range(int(BEATS_PER_BAR / step)):
                midi = pitches[self.arpeggio_order[i % 4]]
                at = start + BEATS_PER_BAR * bar + i * step
                notes.append(Note(at, 0.9 * step, midi, velocity * (0.8 if i % 4 else 1.0)))
        return notes

    def drums(self, rng: np.random.Generator, section: Section, start: int) -> list[Stroke]:
        """Return the groove, with a crash at the start, a ghost note now and then, and a fill in each fourth bar."""
        strokes = [Stroke(float(start), "crash", 0.5)] if section.kind == "chorus" else []
        for bar in range(self.n_bars):
            base = start + BEATS_PER_BAR * bar
            fill = bar % 4 == 3 and section.kind != "intro"
            for sound, steps in self.groove.items():
                if section.kind == "intro" and sound not in ("hat", "shaker", "ride", "kick"):
                    continue
                strokes += [
                    Stroke(base + step / 4, sound, (1.0 if step % 4 == 0 else 0.7) * float(rng.uniform(0.8, 1.0)))
                    for step in steps
                    if not (fill and step >= 12)
                ]
            if rng.random() < 0.3:
                strokes.append(Stroke(base + self.ghost / 4, "snare", 0.25))
            if fill:
                struck = [(i, str(rng.choice(["snare", "tom", "kick"]))) for i in range(4) if rng.random() < 0.85]
                strokes += [Stroke(base + (12 + i) / 4, sound, 0.6 + 0.1 * i) for i, sound in struck]
        return strokes

    def _phrase(self, rng: np.random.Generator) -> list[tuple[float, int]]:
        """Return two bars of (duration, scale degree): a walk in small steps; after a leap it turns back."""
        degree, last = int(rng.integers(0, 6)), 0
        phrase = []
        for duration in MELODY_RHYTHMS[int(rng.integers(len(MELODY_RHYTHMS)))]:
            phrase.append((float(duration), degree))
            if abs(last) > 2:
                step = -int(np.sign(last)) * int(rng.integers(1, 3))
            else:
                step = int(rng.choice([-4, -2, -1, -1, 0, 1, 1, 2, 3, 4]))
            degree = int(np.clip(degree + step, -3, 10))
            last = step
        return phrase

    def _degree(self, bar: int) -> int:
        return self.progression[bar % len(self.progression)]

    def _pitch(self, degree: int, base: int) -> int:
        octave, step = divmod(degree, 7)
        return base + self.key % 12 + 12 * octave + self.scale[step]

    def _voicing(self, bar: int, lowest: int) -> list[int]:
        """Return the triad of a bar, each voice moved by octaves to lie within one octave above `lowest`."""
        pitches = [self._pitch(self._degree(bar) + third, lowest) for third in (0, 2, 4)]
        return sorted(lowest + (midi - lowest) % 12 for midi in pitches)

    def _tuned(self, degree: int, beat: float, on_beat: bool) -> int:
        """Return the pitch of a melody note: strong beats take the nearest note of the chord."""
        if on_beat:
            root = self._degree(int(beat // BEATS_PER_BAR))
            near = range(degree - 2, degree + 3)
            degree = min(near, key=lambda d: ((d - root) % 7 not in (0, 2, 4), abs(d - degree), d))
        return self._pitch(degree, 60)
