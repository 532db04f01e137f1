"""Material for distortions: ambiences, rooms and other music, loaded at one sampling rate.

Without ambiences or rooms the artificial ones of `effects` take their place, so that every condition but the
mixing of music runs anywhere. `benchmarks.data.corpus` loads real ones.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.distortion import effects
from fingerprint.errors import ParameterError, SourceprintError

__all__ = ["Clip", "NotApplicableError", "Resources", "draw_addition", "draw_ambience", "draw_music", "draw_room"]

Samples = NDArray[np.float32]


class NotApplicableError(SourceprintError):
    """A distortion that makes no sense for this excerpt (no centre to remove) or lacks a package or a resource here."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A sound to mix in or a room to convolve with: mono samples at the rate of the `Resources` that hold it."""

    name: str
    source: str
    y: Samples


@dataclass(frozen=True, slots=True)
class Resources:
    """Clips for the distortions, all at `sample_rate` hertz.

    Attributes
    ----------
    sample_rate : int
        In hertz.
    noises, rooms, music : tuple of Clip
        Ambiences, impulse responses, other music, of which nothing is to be found.
    catalogue : tuple of Clip
        Passages of the catalogue to be found beside the excerpt; of other sources than the excerpt.
    """

    sample_rate: int
    noises: tuple[Clip, ...] = ()
    rooms: tuple[Clip, ...] = ()
    music: tuple[Clip, ...] = ()
    catalogue: tuple[Clip, ...] = ()

    def without(self, *sources: str) -> Resources:
        """Return the same resources less the music of `sources`: nothing is to be mixed with a sibling of itself."""
        return dataclasses.replace(self, music=tuple(clip for clip in self.music if clip.source not in sources))


def draw_addition(what: str, n: int, rng: np.random.Generator, resources: Resources) -> Samples:
    """Return `n` samples of "music", "catalogue", "ambience" or "white noise" to mix in.

    Raises
    ------
    NotApplicableError
        When music or a passage of the catalogue is asked for and the resources hold none.
    ParameterError
        For any other word.
    """
    if what == "music":
        return draw_music(n, rng, resources)
    if what == "catalogue":
        return draw_music(n, rng, dataclasses.replace(resources, music=resources.catalogue))
    if what == "ambience":
        return draw_ambience(n, rng, resources)
    if what == "white noise":
        return rng.standard_normal(n, dtype=np.float32)
    raise ParameterError(f"cannot mix in {what!r}; choose music, catalogue, ambience or white noise")


def draw_room(rng: np.random.Generator, resources: Resources) -> Samples:
    """Return one impulse response; an artificial one (1.0 to 2.5 s to -60 dB) where the resources have none."""
    if resources.rooms:
        return resources.rooms[int(rng.integers(len(resources.rooms)))].y
    return effects.synthetic_room(resources.sample_rate, rng, rt60_seconds=float(rng.uniform(1.0, 2.5)))


def draw_ambience(n: int, rng: np.random.Generator, resources: Resources) -> Samples:
    """Return `n` samples of ambience; coloured noise (-2 to -6 dB per octave) that swells, where there is none."""
    if resources.noises:
        return effects.loop_excerpt(resources.noises[int(rng.integers(len(resources.noises)))].y, n, rng)
    sr = resources.sample_rate
    noise = effects.coloured_noise(n, sr, rng, slope_db_per_octave=float(rng.uniform(-6.0, -2.0)))
    knots = np.arange(n // sr + 2)
    swell = np.interp(np.arange(n) / sr, knots, rng.uniform(0.3, 1.0, len(knots)))
    return (noise * swell).astype(np.float32)


def draw_music(n: int, rng: np.random.Generator, resources: Resources) -> Samples:
    """Return `n` samples of other music.

    Raises
    ------
    NotApplicableError
        When the resources hold none.
    """
    if not resources.music:
        raise NotApplicableError("no other music among the resources; load some, from another source than the excerpt")
    return effects.loop_excerpt(resources.music[int(rng.integers(len(resources.music)))].y, n, rng)
