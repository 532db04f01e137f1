"""Short excerpts of audio files for the players of a page: spans of time in, MP3 files out.

MP3 is what every browser plays. Excerpts are mono, as the fingerprint hears them, at 44.1 kHz. A file is decoded once,
in blocks; an excerpt is encoded as soon as it is complete, so memory is bounded by how many overlap. The only door
to libsndfile in this part of the package; the same audio gives the same bytes.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from fingerprint.audio import open_audio

__all__ = ["MEDIA_TYPE", "RATE_HZ", "SUFFIX", "excerpts"]

RATE_HZ: Final = 44_100
"""Rate of the excerpts, in Hz."""

MEDIA_TYPE: Final = "audio/mpeg"
SUFFIX: Final = ".mp3"

_BLOCK_SECONDS = 5.0
_FULL_SCALE = 0.98  # decoded MP3 overshoots what was encoded


def excerpts(path: Path, spans: Sequence[tuple[float, float]]) -> list[bytes]:
    """Return the MP3 file of each span of an audio file.

    Parameters
    ----------
    path : Path
        An audio file.
    spans : sequence of (float, float)
        Start and end, in seconds; what lies outside the file is silence, so that all of them have their length.

    Raises
    ------
    DecodeError
        If the file cannot be read.
    """
    wanted = [(round(start * RATE_HZ), max(round(end * RATE_HZ), round(start * RATE_HZ) + 1)) for start, end in spans]
    under_way: dict[int, NDArray[np.float32]] = {}
    encoded: dict[int, bytes] = {}
    reached = 0
    with open_audio(path, sample_rate=RATE_HZ, block_seconds=_BLOCK_SECONDS) as stream:
        for block in stream.blocks():
            stop = reached + block.size
            for number, (first, last) in enumerate(wanted):
                low, high = max(first, reached), min(last, stop)
                if low < high:
                    held = under_way.setdefault(number, np.zeros(last - first, dtype=np.float32))
                    held[low - first : high - first] = block[low - reached : high - reached]
                if last <= stop and number not in encoded:
                    encoded[number] = _mp3(under_way.pop(number, np.zeros(last - first, dtype=np.float32)))
            reached = stop
            if len(encoded) == len(wanted):
                break
    for number, (first, last) in enumerate(wanted):
        if number not in encoded:
            encoded[number] = _mp3(under_way.pop(number, np.zeros(last - first, dtype=np.float32)))
    return [encoded[number] for number in range(len(wanted))]


def _mp3(y: NDArray[np.float32]) -> bytes:
    peak = float(np.abs(y).max())
    sink = io.BytesIO()
    soundfile.write(sink, y * (_FULL_SCALE / peak) if peak > _FULL_SCALE else y, RATE_HZ, format="MP3")
    return sink.getvalue()
