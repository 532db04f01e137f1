"""Distorted excerpts with exact time maps, and random ones to train on.

The result of every distortion says where each moment of it came from (`Distorted`)::

    source_seconds = ratio * output_seconds + offset_seconds        output_hz = source_hz * 2 ** (pitch_semitones / 12)

so a landmark at (t, f) of the source is expected at (`to_output(t)`, f * 2 ** (pitch_semitones / 12)).
`random_training_distortion` draws chains of distortions for learning the descriptor projection; the fixed rows of the
robustness table stand in `benchmarks.distortion.conditions`.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.distortion import codecs, effects, timepitch
from benchmarks.distortion.resources import Resources, draw_addition, draw_room
from fingerprint.errors import ParameterError
from sourceprint.demo import transformations

__all__ = ["Distorted", "Recipe", "mono", "random_training_distortion", "require_excerpt", "within_scale"]

Samples = NDArray[np.float32]

SHORTEST_SECONDS = 0.25
FULL_SCALE = 0.99


@dataclass(frozen=True, slots=True)
class Distorted:
    """Distorted samples `y` [shape=(n,) or (2, n)] and the exact map back to the source; see the module's formulas."""

    y: Samples
    ratio: float
    offset_seconds: float
    pitch_semitones: float
    description: str

    def to_source(self, output_seconds: float) -> float:
        """Return the time in the source of a time in the output."""
        return self.ratio * output_seconds + self.offset_seconds

    def to_output(self, source_seconds: float) -> float:
        """Return the time in the output of a time in the source."""
        return (source_seconds - self.offset_seconds) / self.ratio


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of `random_training_distortion`: probabilities per step, ranges of the draws.

    Steps are independent and run in this order: part, time and pitch, filter, reverb, addition, limiter, resynthesis or
    codec. Within a step the probabilities add up to at most 1; the rest leaves the excerpt alone.
    """

    part: float = 0.06
    pitch: float = 0.30
    tempo: float = 0.20
    pitch_and_tempo: float = 0.15
    speed: float = 0.10
    tilt: float = 0.30
    band: float = 0.15
    reverb: float = 0.15
    music: float = 0.35
    ambience: float = 0.15
    white_noise: float = 0.10
    limiter: float = 0.10
    mel: float = 0.12
    mp3: float = 0.20
    gsm: float = 0.08
    opus: float = 0.08
    pitch_semitones: float = 5.0
    wide_pitch: float = 0.15
    wide_pitch_semitones: float = 12.0
    tempo_change: float = 0.15
    snr_db: tuple[float, float] = (-6.0, 12.0)


def random_training_distortion(
    y: Samples, sr: int, rng: np.random.Generator, resources: Resources, *, recipe: Recipe | None = None
) -> Distorted:
    """Return the excerpt `y` [shape=(n,) or (2, n)] under a random chain of distortions, with its exact time map.

    Without pedalboard, the phase vocoder does all stretching; without music in `resources`, ambience is added instead.

    Raises
    ------
    ParameterError
        As `Condition.apply`.
    """
    require_excerpt(y, sr, resources)
    recipe = recipe or Recipe()
    y = within_scale(mono(y))
    done: list[str] = []

    if rng.random() < recipe.part:
        kept = int(rng.integers(2))
        y = _audible(effects.harmonic_percussive(y, sr)[kept], y)
        done.append(("harmonic", "percussive")[kept])

    y, ratio, semitones = _random_shift(y, sr, rng, recipe, done)

    step = _choice(rng, tilt=recipe.tilt, band=recipe.band)
    if step == "tilt":
        gain = float(rng.uniform(-12.0, 12.0))
        y = effects.equalise(y, sr, (("low_shelf", 300.0, gain, 0.5), ("high_shelf", 2500.0, -gain, 0.5)))
        done.append(f"tilt {gain:+.1f} dB")
    elif step == "band":
        low, high = float(np.exp(rng.uniform(np.log(80.0), np.log(500.0)))), float(rng.uniform(1500.0, 4500.0))
        y = _audible(effects.band_limit(y, sr, low_hz=low, high_hz=high), y)
        done.append(f"band {low:.0f}-{high:.0f} Hz")

    if rng.random() < recipe.reverb:
        wet = float(rng.uniform(0.4, 1.0))
        y = effects.reverberate(y, sr, draw_room(rng, resources), wet=wet)
        done.append(f"reverb {wet:.2f}")

    what = _choice(rng, music=recipe.music, ambience=recipe.ambience, white_noise=recipe.white_noise)
    if what == "music" and not resources.music:
        what = "ambience"
    if what:
        snr = float(rng.uniform(*recipe.snr_db))
        y = transformations.mix(y, draw_addition(what.replace("_", " "), len(y), rng, resources), snr_db=snr)
        done.append(f"{what} at {snr:+.1f} dB")

    if rng.random() < recipe.limiter:
        drive = float(rng.uniform(6.0, 18.0))
        y = effects.limit(y, sr, drive_db=drive)
        done.append(f"limiter {drive:.0f} dB")

    y = within_scale(y)
    last = _choice(rng, mel=recipe.mel, mp3=recipe.mp3, gsm=recipe.gsm, opus=recipe.opus)
    if last == "mel":
        y = transformations.griffin_lim_mel(y, sr, rng)
    elif last == "mp3":
        kbps = int(rng.choice([16, 24, 32, 48]))
        y = transformations.at_rate(y, sr, 22050, lambda low: codecs.mp3(low, 22050, kbps=kbps))
        last = f"mp3 {kbps}k"
    elif last == "gsm":
        y = codecs.gsm(y, sr)
    elif last == "opus":
        kbps = int(rng.choice([6, 12, 24]))
        y = codecs.opus(y, sr, kbps=kbps)
        last = f"opus {kbps}k"
    done.extend([last] if last else [])
    return Distorted(within_scale(y), ratio, 0.0, semitones, ", ".join(done) or "unchanged")


def _random_shift(
    y: Samples, sr: int, rng: np.random.Generator, recipe: Recipe, done: list[str]
) -> tuple[Samples, float, float]:
    """Return `y` after one random change of time and pitch, its exact ratio and semitones; append to `done`."""
    step = _choice(
        rng, pitch=recipe.pitch, tempo=recipe.tempo, pitch_and_tempo=recipe.pitch_and_tempo, speed=recipe.speed
    )
    if not step:
        return y, 1.0, 0.0
    reach = recipe.wide_pitch_semitones if rng.random() < recipe.wide_pitch else recipe.pitch_semitones
    semitones = float(rng.uniform(-reach, reach)) if "pitch" in step else 0.0
    tempo = float(rng.uniform(1.0 - recipe.tempo_change, 1.0 + recipe.tempo_change)) if step != "pitch" else 1.0
    if step == "speed":
        done.append(f"speed {tempo:.3f}")
        return transformations.resample_speed(y, sr, tempo), tempo, 12.0 * float(np.log2(tempo))
    rubber_band = importlib.util.find_spec("pedalboard") is not None and rng.random() < 0.7
    engine: timepitch.Engine = "rubber_band" if rubber_band else "phase_vocoder"
    y, ratio = timepitch.shift(y, sr, tempo=tempo, pitch_semitones=semitones, engine=engine)
    done.append(f"pitch {semitones:+.2f} st, tempo {tempo:.3f} ({engine})")
    return y, ratio, semitones


# --- helpers ----------------------------------------------------------------------------------------------------------


def _choice(rng: np.random.Generator, **probabilities: float) -> str:
    """Return one of the names by its probability, or "" with the rest to 1."""
    draw = rng.random()
    for name, probability in probabilities.items():
        if draw < probability:
            return name
        draw -= probability
    return ""


def _audible(part: Samples, whole: Samples) -> Samples:
    """Return `part`, or `whole` where nothing but rounding noise is left of it (a drum solo has no harmonic part)."""
    return part if transformations.rms(part) > 0.003 * transformations.rms(whole) else whole


def mono(y: Samples) -> Samples:
    """Return the mean of the channels, or the left one where they cancel."""
    if y.ndim == 1:
        return y
    middle: Samples = 0.5 * (y[0] + y[1])
    return middle if transformations.rms(middle) > 0.01 * transformations.rms(y.reshape(-1)) else y[0]


def within_scale(y: Samples) -> Samples:
    """Return `y` as contiguous float32, scaled down where it exceeds full scale: nothing is ever clipped."""
    peak = float(np.max(np.abs(y), initial=0.0))
    return np.ascontiguousarray(y if peak <= FULL_SCALE else y * (FULL_SCALE / peak), dtype=np.float32)


def require_excerpt(y: Samples, sr: int, resources: Resources) -> None:
    """Check that `y` can be distorted.

    Raises
    ------
    ParameterError
        For an excerpt that is too short, silent, not finite or of another shape than (n,) or (2, n), and for
        resources of another sampling rate.
    """
    if resources.sample_rate != sr:
        raise ParameterError(
            f"the resources are at {resources.sample_rate} Hz, the excerpt at {sr} Hz; load both at one sampling rate"
        )
    if y.ndim > 2 or (y.ndim == 2 and len(y) != 2):
        raise ParameterError(f"an excerpt of shape {y.shape}: expected (n,) for mono or (2, n) for stereo")
    if y.shape[-1] < SHORTEST_SECONDS * sr:
        raise ParameterError(
            f"an excerpt of {y.shape[-1] / sr:.3f} s: distortions need at least {SHORTEST_SECONDS} s; cut a longer one"
        )
    if not np.all(np.isfinite(y)):
        raise ParameterError(
            "the excerpt holds NaN or infinite samples; decode it with fingerprint.audio.stream, which removes them"
        )
    if not np.any(y):
        raise ParameterError("the excerpt is silent; draw another one")
