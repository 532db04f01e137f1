"""Short excerpts of audio files for the players of a page: spans of time in, Opus files out.

Opus in Ogg is small, every current browser plays it, and goes to any place in it to the millisecond; in MP3, Chromium
was off by up to 0.1 s, so that two players could not be kept in step. Excerpts are mono, as the fingerprint hears them.
A file is decoded once, in blocks; an excerpt is encoded as soon as it is complete, so memory is bounded by how many
overlap. The only door to libsndfile in this part of the package; the same audio gives the same bytes.
"""

import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from fingerprint.audio import open_audio

__all__ = ["MEDIA_TYPE", "RATE_HZ", "SUFFIX", "excerpts"]

RATE_HZ: Final = 48_000
"""Rate of the excerpts, in Hz."""

MEDIA_TYPE: Final = "audio/ogg"
SUFFIX: Final = ".ogg"

_BLOCK_SECONDS = 5.0
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FULL_SCALE = 0.98  # what is decoded overshoots what was encoded


def excerpts(path: Path, spans: Sequence[tuple[float, float]]) -> list[bytes]:
    """Return the Opus file of each span of an audio file.

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
                    encoded[number] = _opus(under_way.pop(number, np.zeros(last - first, dtype=np.float32)))
            reached = stop
            if len(encoded) == len(wanted):
                break
    for number, (first, last) in enumerate(wanted):
        if number not in encoded:
            encoded[number] = _opus(under_way.pop(number, np.zeros(last - first, dtype=np.float32)))
    return [encoded[number] for number in range(len(wanted))]


def _opus(y: NDArray[np.float32]) -> bytes:
    peak = float(np.abs(y).max())
    sink = io.BytesIO()
    level = _FULL_SCALE / peak if peak > _FULL_SCALE else 1.0
    soundfile.write(sink, y * level, RATE_HZ, format="OGG", subtype="OPUS")
    return _without_serial(sink.getvalue())


def _without_serial(data: bytes) -> bytes:
    """Return an Ogg file with 0 for its serial number, which is drawn at random (RFC 3533, section 6)."""
    pages, at = [], 0
    while at < len(data):
        n_segments = data[at + 26]
        end = at + 27 + n_segments + sum(data[at + 27 : at + 27 + n_segments])
        page = data[at : at + 14] + bytes(4) + data[at + 18 : at + 22] + bytes(4) + data[at + 26 : end]
        pages.append(page[:22] + _checksum(page) + page[26:])
        at = end
    return b"".join(pages)


def _checksum(page: bytes) -> bytes:
    """Return the CRC-32 of a page of Ogg, which is that of zlib with all bits the other way round and from 0."""
    mirrored = ~zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) & 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2).to_bytes(4, "little")
