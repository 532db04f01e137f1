"""The demo's music: recordings, tracks that reuse passages of them, and the truth about each passage.

Twelve recordings of `sourceprint.demo.synthesis` are the catalogue; the tracks, from other seeds, borrow from them. A
passage is altered on its way as generators and remixers do: another pitch, another tempo, other music on top, a
resynthesis from a coarse mel spectrogram.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from sourceprint.demo.synthesis import synthesize
from sourceprint.demo.transformations import griffin_lim_mel, mix, phase_vocoder, resample_speed, rms

__all__ = [
    "CATALOGUE",
    "CLEAN_TRACKS",
    "GENERATED",
    "HOST_SEEDS",
    "N_RECORDINGS",
    "PASSAGES",
    "PASSAGE_SECONDS",
    "RECORDING_SECONDS",
    "SAMPLE_RATE",
    "TRACK_SECONDS",
    "HiddenPassage",
    "hide",
    "recording_name",
    "write_music",
]

Samples = NDArray[np.float32]
SAMPLE_RATE = 22050
N_RECORDINGS, RECORDING_SECONDS = 12, 40.0
TRACK_SECONDS, PASSAGE_SECONDS = 30.0, 11.0
CLEAN_TRACKS = ("Track 7", "Track 8")
HOST_SEEDS = {
    "Track 1": 911,
    "Track 2": 904,
    "Track 3": 918,
    "Track 4": 920,
    "Track 5": 921,
    "Track 6": 923,
    "Track 7": 905,
    "Track 8": 924,
}
"""Seeds of the tracks' own music. Some seeds have the same drum sounds in the same groove as a recording: that would be
reuse too, and is found, so they are left out here."""

CATALOGUE, GENERATED = "catalogue", "generated"
_FADE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class HiddenPassage:
    """One passage of a recording in a track: its transformation, and its place.

    Attributes
    ----------
    track, story : str
        The track, and the passage's transformation in words.
    recording : int
        Number of the recording, from 1.
    from_seconds, at_seconds : float
        Where it begins in the recording and in the track.
    semitones, tempo, speed : float
        Pitch up, tempo alone, and pitch and time together; 0, 1 and 1 for none.
    under_db : float or None
        Level of the track's own music that goes on over it, relative to it; None where it stops.
    resynthesised : bool
        Whether it is rebuilt from a mel spectrogram.
    """

    track: str
    story: str
    recording: int
    from_seconds: float
    at_seconds: float
    semitones: float = 0.0
    tempo: float = 1.0
    speed: float = 1.0
    under_db: float | None = None
    resynthesised: bool = False

    @property
    def ratio(self) -> float:
        """Seconds of the recording per second of the track."""
        return self.tempo * self.speed

    @property
    def cents(self) -> float:
        """Pitch in the track above that in the recording."""
        return 100.0 * self.semitones + 1200.0 * math.log2(self.speed)

    @property
    def until_seconds(self) -> float:
        """Where it ends in the track."""
        return self.at_seconds + PASSAGE_SECONDS / self.ratio


PASSAGES = (
    HiddenPassage("Track 1", "three semitones higher", 7, 14.0, 8.0, semitones=3.0),
    HiddenPassage("Track 2", "a tenth slower, same pitch", 5, 20.0, 10.0, tempo=0.9),
    HiddenPassage("Track 3", "as loud as other music on top of it", 8, 6.0, 12.0, under_db=0.0),
    HiddenPassage(
        "Track 4", "rebuilt from a mel spectrogram, as a neural vocoder would", 11, 15.0, 9.0, resynthesised=True
    ),
    HiddenPassage("Track 5", "first of two sources: higher and faster", 3, 9.0, 2.0, semitones=2.0, tempo=1.08),
    HiddenPassage("Track 5", "second of two sources: lower", 9, 22.0, 17.0, semitones=-2.0),
    HiddenPassage(
        "Track 6", "played 6 % faster, pitch and all, under other music", 6, 18.0, 14.0, speed=1.06, under_db=-3.0
    ),
)
"""Hidden passages and their places."""


def recording_name(number: int) -> str:
    """Return the name of a recording, which is its id in the index too."""
    return f"Recording {number}"


def write_music(name: str, music: Path) -> None:
    """Write one recording or track as a WAV file into its folder under `music`."""
    kind, _, number = name.partition(" ")
    if kind == "Recording":
        y = _recording(int(number))
    else:
        y = synthesize(HOST_SEEDS[name], TRACK_SECONDS, sample_rate=SAMPLE_RATE)
        for place, passage in enumerate(PASSAGES):
            if passage.track == name:
                y = hide(passage, _recording(passage.recording), y, np.random.default_rng([3, place]))
    y = y * np.float32(0.9 / max(0.9, float(np.max(np.abs(y)))))
    folder = music / (CATALOGUE if kind == "Recording" else GENERATED)
    soundfile.write(folder / f"{name}.wav", y, SAMPLE_RATE, subtype="PCM_16")


def hide(passage: HiddenPassage, recording: Samples, host: Samples, rng: np.random.Generator) -> Samples:
    """Return `host` with the passage in its place, at the level of the music that was there, joined by short fades."""
    begin = round(passage.from_seconds * SAMPLE_RATE)
    y = recording[begin : begin + round(PASSAGE_SECONDS * SAMPLE_RATE)]
    pitch = 2.0 ** (passage.semitones / 12.0)
    y = resample_speed(phase_vocoder(y, SAMPLE_RATE, passage.tempo / pitch), SAMPLE_RATE, pitch)
    y = resample_speed(y, SAMPLE_RATE, passage.speed)
    if passage.resynthesised:
        y = griffin_lim_mel(y, SAMPLE_RATE, rng)
    at = round(passage.at_seconds * SAMPLE_RATE)
    there = slice(at, at + len(y))
    y = y[: len(host[there])]
    if passage.under_db is not None:
        y = mix(y, host[there], snr_db=-passage.under_db)
    y = y * np.float32(rms(host[there]) / max(rms(y), 1e-9))
    fade = np.ones(len(y), dtype=np.float32)
    n = round(_FADE_SECONDS * SAMPLE_RATE)
    fade[:n] = np.linspace(0.0, 1.0, n)
    fade[-n:] = fade[:n][::-1]
    out = host.copy()
    out[there] = fade * y + (1.0 - fade) * host[there]
    return out


def _recording(number: int) -> Samples:
    return synthesize(number, RECORDING_SECONDS, sample_rate=SAMPLE_RATE, album=number // 4)
