"""Audio files to fingerprints: landmarks of a log-frequency spectrogram, with a descriptor of each neighbourhood.

Its public face:

    fingerprint_file("song.flac")                       the fingerprint of a file, as recording or as track
    fingerprint_signal(y)                               of mono samples at Params().sample_rate
    track_parts(path, scales=STANDARD.scales)           of a track, in parts, as `index.match_track` takes them
    decode("song.flac"), open_audio("song.flac")        mono samples at one rate

In reading order:

streams       every audio stream of a track in turn
extract       all of it for one file, in pieces; or from the fingerprint file that stands for the audio
audio         a file in any format as mono samples
spectrogram   samples as power on a log-frequency axis
landmarks     local maxima of that, their descriptors, and the fingerprint that they make
composition   melody and harmony of windows of 5.9 s, as vectors: the second layer
spf_files     fingerprint files, written and read; spf_header: the JSON at their start
params        all that two fingerprints must share to be comparable, and the trained projection
_kernels      inner loops
disk          the door to the system: files opened, refusals worded
arguments     arguments of Python callers, checked
digests       digests, and the JSON that they are taken of
errors        everything that goes wrong on purpose
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fingerprint.audio.stream import AudioStream, decode, open_audio
    from fingerprint.errors import SourceprintError
    from fingerprint.extract import (
        fingerprint_file,
        fingerprint_parts,
        fingerprint_signal,
        recording_of,
        track_parts,
    )
    from fingerprint.landmarks import Fingerprint
    from fingerprint.params import Params
    from fingerprint.streams import TrackStreams
else:

    def __getattr__(name: str) -> Any:
        for home, names in _HOMES.items():
            if name in names:
                return getattr(importlib.import_module(home), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "AudioStream",
    "Fingerprint",
    "Params",
    "SourceprintError",
    "TrackStreams",
    "decode",
    "fingerprint_file",
    "fingerprint_parts",
    "fingerprint_signal",
    "open_audio",
    "recording_of",
    "track_parts",
]

_HOMES = {
    "fingerprint.audio.stream": ("AudioStream", "decode", "open_audio"),
    "fingerprint.errors": ("SourceprintError",),
    "fingerprint.extract": (
        "fingerprint_file",
        "fingerprint_parts",
        "fingerprint_signal",
        "recording_of",
        "track_parts",
    ),
    "fingerprint.landmarks": ("Fingerprint",),
    "fingerprint.params": ("Params",),
    "fingerprint.streams": ("TrackStreams",),
}
