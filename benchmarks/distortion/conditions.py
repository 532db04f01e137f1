"""The rows of the robustness table: named distortions, each with its parameters, target and exact time map.

A `Condition` takes an excerpt and returns it as `distortions.Distorted`: the new samples, and where they
came from. `pitch_semitones` is the audible change, changes of speed included; `tempo_percent` and
`speed_percent` say how it was made, as results do: *speed* is pitch and time together, *tempo* time alone.

Rules that all conditions keep: excerpts are mono or stereo and come back mono (only `out_of_phase` returns stereo);
levels of mixtures are set by RMS over the excerpt; the result is scaled down, never clipped, where it would exceed full
scale; the same generator state gives the same samples. A distortion that cannot be done to this excerpt, or on this
machine, raises `NotApplicableError`, to be counted and reported. Names that end in `_pv` use the plain phase vocoder of
`benchmarks.distortion.effects` and need no package beyond the base installation; their twins use Rubber Band.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.distortion import codecs, effects, reworking, timepitch
from benchmarks.distortion.distortions import Distorted, mono, require_excerpt, within_scale
from benchmarks.distortion.resources import NotApplicableError, Resources, draw_addition, draw_room
from sourceprint.demo import transformations

__all__ = ["CONDITIONS", "HELD_OUT_TARGETS", "Condition", "conditions"]

Samples = NDArray[np.float32]
Group = Literal[
    "clean",
    "everyday",
    "buried",
    "buried_deep",
    "resynthesis",
    "thorough",
    "parts",
    "reworked",
    "codecs",
    "vocoder",
]
Effect = Callable[[Samples, int, np.random.Generator, Resources], tuple[Samples, float]]
"""An excerpt, its rate, a generator and resources in; the new excerpt and source seconds per output second out."""

HELD_OUT_TARGETS: Mapping[str, float] = {"everyday": 0.98, "white_noise_0db": 0.96, "music_-6db": 0.88}
"""Higher targets, by name or group, for sources that nothing was tuned or trained on."""

SILENT_SIDE_DB = -40.0
EQUALISER: tuple[effects.Band, ...] = (
    ("low_shelf", 150.0, -9.0, 0.7),
    ("peak", 800.0, 9.0, 1.0),
    ("peak", 2500.0, -9.0, 1.0),
    ("high_shelf", 5000.0, 6.0, 0.7),
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of the robustness table.

    Attributes
    ----------
    name, group
        `name` is unique; `group` collects rows that share a target.
    parameters
        Everything needed to repeat it elsewhere, in plain numbers and words.
    effect
        The pure function behind `apply`.
    target
        Share of queries to be found at the default threshold, or None where nothing was promised.
    ratio, pitch_semitones, tempo_percent, speed_percent
        The requested change (100 = unchanged). The actual one is in `Distorted.ratio`: the engines round tempo by up
        to 0.2 %.
    stereo
        Whether it needs both channels.
    partner
        Whether it mixes in another passage of the catalogue (`Resources.catalogue`), which is to be found as well.
    in_order
        Whether one line maps output to source; without, places cannot be judged.
    package
        A package beyond the base installation that it needs, or "".
    """

    name: str
    group: Group
    parameters: Mapping[str, float | str]
    effect: Effect = field(repr=False)
    target: float | None = None
    ratio: float = 1.0
    pitch_semitones: float = 0.0
    tempo_percent: float = 100.0
    speed_percent: float = 100.0
    stereo: bool = False
    partner: bool = False
    in_order: bool = True
    package: str = ""

    @property
    def held_out_target(self) -> float | None:
        """Share to be found on sources that nothing was tuned or trained on, or None where nothing was promised."""
        return HELD_OUT_TARGETS.get(self.name, HELD_OUT_TARGETS.get(self.group, self.target))

    def apply(self, y: Samples, sr: int, rng: np.random.Generator, resources: Resources) -> Distorted:
        """Return the excerpt `y` [shape=(n,) or (2, n)] under this condition.

        Raises
        ------
        NotApplicableError
            When the condition is meaningless for `y` or lacks a package or a resource.
        ParameterError
            For an excerpt that is empty, too short, silent or not finite, or resources of another sampling rate.
        """
        if self.package and importlib.util.find_spec(self.package) is None:
            raise NotApplicableError(f"{self.name} needs the package {self.package}; pip install 'sourceprint[bench]'")
        require_excerpt(y, sr, resources)
        out, ratio = self.effect(within_scale(y if self.stereo else mono(y)), sr, rng, resources)
        return Distorted(within_scale(out), ratio, 0.0, self.pitch_semitones, self.name)


def conditions(*groups: Group) -> tuple[Condition, ...]:
    """Return the conditions of `groups` (of all groups when none is named), in table order."""
    return tuple(c for c in CONDITIONS.values() if not groups or c.group in groups)


# --- the table --------------------------------------------------------------------------------------------------------


def _table() -> Iterator[Condition]:
    yield _still("mp3_128k", "clean", {"kbps": 128}, functools.partial(codecs.mp3, kbps=128), 0.99)
    yield _still("mp3_64k", "everyday", {"kbps": 64}, functools.partial(codecs.mp3, kbps=64), 0.97)
    yield _still("mp3_v9", "everyday", {"vbr": "V9"}, functools.partial(codecs.mp3_variable, quality=9), 0.97)
    yield _still("gsm", "everyday", {"codec": "GSM 06.10", "sample_rate_hz": 8000}, codecs.gsm, 0.97)
    yield _still("phone", "everyday", {"low_hz": 300, "high_hz": 3400, "sample_rate_hz": 8000}, _phone, 0.97)
    yield Condition("reverb", "everyday", {"wet": 1.0, "response": "drawn from the rooms"}, _heavy_reverb, 0.97)
    bands = "; ".join(f"{kind} {hz:g} Hz {gain:+g} dB q {q:g}" for kind, hz, gain, q in EQUALISER)
    yield _still("eq", "everyday", {"bands": bands}, functools.partial(effects.equalise, bands=EQUALISER), 0.97)
    limiter = {"drive_db": 15.0, "ceiling": 0.9, "look_ahead_ms": 5.0}
    yield _still("limiter", "everyday", limiter, functools.partial(effects.limit, drive_db=15.0), 0.97)
    for percent in (-6, -4, -2, 2, 4, 6):
        yield _speed(f"speed_{percent:+d}%", "everyday", 1.0 + percent / 100.0, 0.97)
    for tempo in (0.85, 0.9, 0.95, 1.05, 1.1, 1.15, 1.2):
        yield from _shift(f"tempo_{tempo:g}", "everyday", 0.97, tempo=tempo)
    for semitones in (-4, -3, -2, -1, 1, 2, 3, 4):
        yield from _shift(f"pitch_{semitones:+d}", "everyday", 0.97, pitch_semitones=semitones)
    yield from _shift("pitch_+2_tempo_1.1", "everyday", 0.97, tempo=1.1, pitch_semitones=2)
    yield from _shift("pitch_-3_tempo_0.9", "everyday", 0.97, tempo=0.9, pitch_semitones=-3)

    yield _mixed("white_noise_0db", "buried", "white noise", 0.0, 0.92)
    yield _mixed("ambience_0db", "buried", "ambience", 0.0, 0.92)
    yield _mixed("music_0db", "buried", "music", 0.0, 0.92)
    yield _mixed("music_-6db", "buried_deep", "music", -6.0, 0.80)

    mel = {"n_mels": 80, "sample_rate_hz": 22050, "n_fft": 1024, "hop_length": 256, "iterations": 32}
    yield Condition("mel80_griffin_lim", "resynthesis", mel, _mel, 0.97)

    for semitones in (-9, -6, 6, 9, 12):
        yield from _shift(f"pitch_{semitones:+d}", "thorough", 0.90, pitch_semitones=semitones)
    for tempo in (0.5, 0.67, 0.75, 1.33, 1.5):
        yield from _shift(f"tempo_{tempo:g}", "thorough", 0.90, tempo=tempo)
    for speed in (0.66, 0.8, 1.25, 1.5):
        yield _speed(f"speed_{speed:g}", "thorough", speed, 0.90)

    split = {"median_filters": "31 x 31", "mask": "soft, power 2"}
    yield _still("harmonic_only", "parts", split, lambda y, sr: effects.harmonic_percussive(y, sr)[0], 0.85)
    yield _still("percussive_only", "parts", split, lambda y, sr: effects.harmonic_percussive(y, sr)[1], 0.85)
    yield _still("below_400hz", "parts", {"high_hz": 400}, functools.partial(effects.band_limit, high_hz=400.0), 0.85)
    yield _still("above_2khz", "parts", {"low_hz": 2000}, functools.partial(effects.band_limit, low_hz=2000.0), 0.85)
    yield _still("centre_removed", "parts", {"kept": "left - right"}, _side, 0.85, stereo=True)
    yield _still("out_of_phase", "parts", {"right": "-left"}, lambda y, sr: np.stack([mono(y), -mono(y)]), None)

    band = {"low_hz": 400, "high_hz": 2000}
    yield _still("400hz_to_2khz", "parts", band, functools.partial(effects.band_limit, low_hz=400.0, high_hz=2000.0))

    for name, snr_db in (("accompaniment_0db", 0.0), ("accompaniment_-3db", -3.0)):
        yield _accompanied(name, snr_db)
    yield dataclasses.replace(_mixed("two_sources", "reworked", "catalogue", 0.0, None), partner=True)
    for seconds in (2.0, 1.0):
        yield _reordered(f"reordered_{seconds:g}s", seconds)
    swelling: dict[str, float | str] = {"wet": 1.0, "response": "drawn from the rooms", "direction": "backwards"}
    yield Condition("reverse_reverb", "reworked", swelling, _reverse_reverb)
    yield dataclasses.replace(
        _still(
            "loudness_war", "reworked", _loud_parameters(), functools.partial(reworking.loudness_war, drive_db=20.0)
        ),
        package="pedalboard",
    )

    for kbps in (32, 16):
        yield _still(f"aac_{kbps}k", "codecs", {"kbps": kbps}, functools.partial(codecs.aac, kbps=kbps))
    for kbps in (24, 12, 6):
        yield _still(f"opus_{kbps}k", "codecs", {"kbps": kbps}, functools.partial(codecs.opus, kbps=kbps))
    yield _still("mp3_24k", "codecs", {"kbps": 24, "sample_rate_hz": 22050}, _low_mp3)


def _still(
    name: str,
    group: Group,
    parameters: Mapping[str, float | str],
    change: Callable[[Samples, int], Samples],
    target: float | None = None,
    *,
    stereo: bool = False,
) -> Condition:
    """Return a condition that moves nothing in time or pitch and draws nothing at random."""

    def effect(y: Samples, sr: int, rng: np.random.Generator, resources: Resources) -> tuple[Samples, float]:
        return change(y, sr), 1.0

    return Condition(name, group, parameters, effect, target, stereo=stereo)


def _speed(name: str, group: Group, speed: float, target: float) -> Condition:
    def effect(y: Samples, sr: int, rng: np.random.Generator, resources: Resources) -> tuple[Samples, float]:
        return transformations.resample_speed(y, sr, speed), speed

    pitch = 12.0 * float(np.log2(speed))
    return Condition(
        name, group, {"speed": speed, "method": "resampling"}, effect, target, speed, pitch, speed_percent=100.0 * speed
    )


def _shift(
    name: str, group: Group, target: float, *, tempo: float = 1.0, pitch_semitones: float = 0.0
) -> Iterator[Condition]:
    """Yield the condition by Rubber Band, with the target, and by the phase vocoder, in a group of its own, without."""

    def by(engine: timepitch.Engine) -> Condition:
        def effect(y: Samples, sr: int, rng: np.random.Generator, resources: Resources) -> tuple[Samples, float]:
            return timepitch.shift(y, sr, tempo=tempo, pitch_semitones=pitch_semitones, engine=engine)

        parameters: dict[str, float | str] = {"tempo": tempo, "pitch_semitones": pitch_semitones, "engine": engine}
        return Condition(
            name, group, parameters, effect, target, tempo, pitch_semitones, 100.0 * tempo, package="pedalboard"
        )

    yield by("rubber_band")
    yield dataclasses.replace(by("phase_vocoder"), name=f"{name}_pv", group="vocoder", target=None, package="")


def _mixed(
    name: str,
    group: Group,
    what: Literal["white noise", "ambience", "music", "catalogue"],
    snr_db: float,
    target: float | None,
) -> Condition:
    def effect(y: Samples, sr: int, rng: np.random.Generator, resources: Resources) -> tuple[Samples, float]:
        return transformations.mix(y, draw_addition(what, len(y), rng, resources), snr_db=snr_db), 1.0

    return Condition(name, group, {"added": what, "snr_db": snr_db}, effect, target)


def _accompanied(name: str, snr_db: float) -> Condition:
    def effect(y: Samples, sr: int, rng: np.random.Generator, resources: Resources) -> tuple[Samples, float]:
        return reworking.accompany(y, sr, rng, snr_db=snr_db), 1.0

    parameters: dict[str, float | str] = {
        "added": "synthesised " + ", ".join(reworking.BAND_PARTS),
        "snr_db": snr_db,
        "tempo": f"that of the excerpt; nearest of {reworking.BANDS_TRIED} songs, resampled",
    }
    return Condition(name, "reworked", parameters, effect)


def _reordered(name: str, seconds: float) -> Condition:
    def effect(y: Samples, sr: int, rng: np.random.Generator, resources: Resources) -> tuple[Samples, float]:
        return reworking.reordered(y, sr, rng, piece_seconds=seconds), 1.0

    order = "random, no piece after its predecessor"
    parameters: dict[str, float | str] = {"piece_seconds": seconds, "crossfade_seconds": 0.01, "order": order}
    return Condition(name, "reworked", parameters, effect, in_order=False)


def _loud_parameters() -> dict[str, float | str]:
    compressor = ", ".join(f"{key} {value:g}" for key, value in reworking.COMPRESSOR.items())
    limiter = ", ".join(f"{key} {value:g}" for key, value in reworking.LIMITER.items())
    crossovers = ", ".join(f"{hz:g}" for hz in reworking.CROSSOVERS_HZ)
    return {
        "drive_db": 20.0,
        "crossovers_hz": crossovers,
        "compressor": compressor,
        "limiter": limiter,
        "clip": reworking.CEILING,
    }


def _reverse_reverb(y: Samples, sr: int, rng: np.random.Generator, resources: Resources) -> tuple[Samples, float]:
    return reworking.reverse_reverb(y, sr, draw_room(rng, resources)), 1.0


def _heavy_reverb(y: Samples, sr: int, rng: np.random.Generator, resources: Resources) -> tuple[Samples, float]:
    return effects.reverberate(y, sr, draw_room(rng, resources)), 1.0


def _mel(y: Samples, sr: int, rng: np.random.Generator, resources: Resources) -> tuple[Samples, float]:
    return transformations.griffin_lim_mel(y, sr, rng), 1.0


def _phone(y: Samples, sr: int) -> Samples:
    narrow = effects.band_limit(y, sr, low_hz=300.0, high_hz=3400.0)
    return transformations.at_rate(narrow, sr, 8000, lambda low: low)


def _low_mp3(y: Samples, sr: int) -> Samples:
    return transformations.at_rate(y, sr, 22050, lambda low: codecs.mp3(low, 22050, kbps=24))


def _side(y: Samples, sr: int) -> Samples:
    if y.ndim == 1:
        raise NotApplicableError("centre_removed needs a stereo excerpt; this one is mono")
    side: Samples = 0.5 * (y[0] - y[1])
    level = 20.0 * np.log10(max(transformations.rms(side), 1e-12) / transformations.rms(y.reshape(-1)))
    if level < SILENT_SIDE_DB:
        raise NotApplicableError(
            f"nothing is left without the centre: sides at {level:.0f} dB, the limit is {SILENT_SIDE_DB:.0f} dB"
        )
    return side


CONDITIONS: Mapping[str, Condition] = {condition.name: condition for condition in _table()}
