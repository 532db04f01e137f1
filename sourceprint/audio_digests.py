"""Digests of audio that is not decoded now, as of files that may be known: a large file is hashed only if it is audio.

Hashing takes the longer the larger a file is, and a file of hundreds of gigabytes that is no audio, such as the image
of a disk, or next to nothing on a sparse disk, would be read for many minutes before a decoder refuses it in a moment.
"""

from contextlib import closing
from pathlib import Path
from typing import Final

from fingerprint.audio.stream import open_audio
from fingerprint.errors import DecodeError, printable
from fingerprint.extract import audio_digest, is_fingerprint_file
from sourceprint.faults import Fault
from sourceprint.items import Item
from sourceprint.workers import in_order

__all__ = ["MOST_UNTRIED_BYTES", "known_audio_digest"]

MOST_UNTRIED_BYTES: Final = 2**28
"""Size in bytes up to which a file is hashed whether or not it is audio: half a second of work."""

_TRIED_SECONDS: Final = 0.5  # of sound
_MOST_SECONDS: Final = 60.0  # that this may take


def known_audio_digest(path: Path) -> str:
    """Return the SHA-256 of an audio file, as `fingerprint.extract.audio_digest`; of a large one once it was decoded.

    The first half second is, in a process of its own.

    Raises
    ------
    AudioError
        If the file cannot be read, or is large and cannot be decoded; the message says why.
    """
    if not is_fingerprint_file(path) and _is_large(path):
        work = in_order(_try, [(None, path)], jobs=1, failed=lambda _, fault: fault, limit=lambda _: _MOST_SECONDS)
        with closing(work) as tried:
            for _, fault in tried:
                if fault is not None:
                    raise DecodeError(f"{printable(path)}: {Item(path).reason(fault)}")
    return audio_digest(path)


def _is_large(path: Path) -> bool:
    """Return whether a file has more than `MOST_UNTRIED_BYTES`; False where there is none that can be looked at."""
    try:
        return path.stat().st_size > MOST_UNTRIED_BYTES
    except (OSError, ValueError):  # opening it reports the error
        return False


def _try(path: Path) -> Fault | None:
    with open_audio(path, block_seconds=_TRIED_SECONDS) as stream:
        next(stream.blocks())
    return None
