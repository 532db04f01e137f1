"""Synthesised music in the shape of a corpus, for machines without one.

Catalogue: albums of three tracks; tracks of one album (one `source`) share kit, band and tempo range as recordings of
one artist do. Unrelated pieces draw from the same few kits, instruments, grooves, keys and tempi, so they share those
as real ones do; a sampled loop, which would be reuse, no two of them share. Ambiences and rooms are artificial too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.data.lists import CorpusError, PairRow, SoundRow, TrackRow
from benchmarks.distortion.effects import coloured_noise, synthetic_room
from sourceprint.demo.synthesis import synthesize

__all__ = ["SyntheticCorpus"]

Samples = NDArray[np.float32]

ALBUMS: Final = 8
TRACKS_PER_ALBUM: Final = 3
STRANGERS: Final = 6
AMBIENCE_SECONDS: Final = 20.0
ROOMS: Final = {  # seconds to -60 dB, reverberation over direct sound in decibels
    "small room": (0.4, -3.0),
    "stairwell": (1.2, 2.0),
    "studio": (0.7, 0.0),
    "hall": (1.8, 3.0),
    "garage": (1.0, 4.0),
    "church": (3.0, 5.0),
}


@dataclass(frozen=True, slots=True)
class SyntheticCorpus:
    """Synthesised music: 24 tracks in eight albums, and six strangers to the catalogue.

    Attributes
    ----------
    seed : int
        Which music; other seeds share no piece.
    seconds : float
        Length of each track.
    """

    seed: int = 0
    seconds: float = 45.0
    pairs: tuple[PairRow, ...] = ()

    @property
    def name(self) -> str:
        """Name to show in a table."""
        return "synthesised"

    @property
    def music(self) -> tuple[TrackRow, ...]:
        """The catalogue: eight albums of three tracks."""
        return tuple(
            TrackRow(
                f"album{album:02d}/track{track}", f"Album {album}, track {track}", self.seconds, f"album{album:02d}"
            )
            for album in range(ALBUMS)
            for track in range(TRACKS_PER_ALBUM)
        )

    @property
    def generated(self) -> tuple[TrackRow, ...]:
        """Music in which nothing should match."""
        return tuple(
            TrackRow(f"stranger{i:02d}/track0", f"Stranger {i}", self.seconds, f"stranger{i:02d}")
            for i in range(STRANGERS)
        )

    @property
    def noises(self) -> tuple[SoundRow, ...]:
        """Artificial ambiences."""
        return tuple(SoundRow(f"ambience/{name}", name, AMBIENCE_SECONDS, name) for name in _AMBIENCES)

    @property
    def rooms(self) -> tuple[SoundRow, ...]:
        """Artificial impulse responses."""
        return tuple(SoundRow(f"room/{name}", name, seconds, name) for name, (seconds, _) in ROOMS.items())

    def path(self, file: str) -> None:
        """Return None: these recordings exist in memory only."""
        return

    def load(self, file: str, *, sample_rate: int) -> Samples:
        """Return `file` as mono samples [shape=(n,)] at `sample_rate` hertz; `CorpusError` as `load_stereo`."""
        kind, _, name = file.partition("/")
        if kind == "ambience" and name in _AMBIENCES:
            rng = np.random.default_rng([self.seed, 1, *name.encode()])
            made = _AMBIENCES[name](round(AMBIENCE_SECONDS * sample_rate), sample_rate, rng)
            return np.asarray(made * (0.5 / np.max(np.abs(made))), dtype=np.float32)
        if kind == "room" and name in ROOMS:
            rng = np.random.default_rng([self.seed, 2, *name.encode()])
            seconds, wet_db = ROOMS[name]
            return synthetic_room(sample_rate, rng, rt60_seconds=seconds, wet_db=wet_db)
        stereo = self.load_stereo(file, sample_rate=sample_rate)
        mono: Samples = 0.5 * (stereo[0] + stereo[1])
        return mono

    def load_stereo(self, file: str, *, sample_rate: int) -> Samples:
        """Return both channels [shape=(2, n), read-only] of a piece at `sample_rate` hertz.

        Raises
        ------
        CorpusError
            For a name that is in none of the lists.
        """
        files = [row.file for row in (*self.music, *self.generated)]
        if file not in files:
            raise CorpusError(f"{file}: not in the synthesised corpus; choose one of {files[0]} ... {files[-1]}")
        number = files.index(file)
        album = number // TRACKS_PER_ALBUM if number < len(self.music) else None
        return _synthesized(1000 * self.seed + number, album, self.seconds, sample_rate)

    def missing(self) -> tuple[str, ...]:
        """Return nothing: synthesised music cannot be missing."""
        return ()


# --- helpers ----------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=16)
def _synthesized(seed: int, album: int | None, seconds: float, sample_rate: int) -> Samples:
    """Keep the last few recordings: a benchmark cuts many excerpts out of one. Shared, so read-only."""
    y = synthesize(seed, seconds, sample_rate=sample_rate, channels=2, album=album)
    y.flags.writeable = False
    return y


def _swelling(slope: float, lowest: float) -> Callable[[int, int, np.random.Generator], NDArray[np.float64]]:
    """Return a maker of noise of `slope` decibels per octave, swelling between `lowest` and 1 once a second or so."""

    def make(n: int, sr: int, rng: np.random.Generator) -> NDArray[np.float64]:
        swell = np.interp(np.arange(n) / sr, np.arange(n // sr + 2), rng.uniform(lowest, 1.0, n // sr + 2))
        return coloured_noise(n, sr, rng, slope_db_per_octave=slope) * swell

    return make


def _hum(n: int, sr: int, rng: np.random.Generator) -> NDArray[np.float64]:
    t = np.arange(n) / sr
    mains = sum(np.sin(2.0 * np.pi * (50.0 * k * t + rng.random())) / k for k in range(1, 13))
    return np.asarray(mains + 0.3 * coloured_noise(n, sr, rng, slope_db_per_octave=-3.0))


def _crackle(n: int, sr: int, rng: np.random.Generator) -> NDArray[np.float64]:
    clicks = np.where(rng.random(n) < 12.0 / sr, rng.standard_normal(n), 0.0)
    return np.convolve(clicks, 0.8 ** np.arange(30), "same") + 0.02 * rng.standard_normal(n)


_AMBIENCES: Final[dict[str, Callable[[int, int, np.random.Generator], NDArray[np.float64]]]] = {
    "wind": _swelling(-6.0, 0.1),
    "rain": _swelling(-1.0, 0.7),
    "hum": _hum,
    "surf": _swelling(-4.0, 0.05),
    "crackle": _crackle,
    "traffic": _swelling(-5.0, 0.5),
}
