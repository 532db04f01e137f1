"""Short excerpts of audio files for the players of a page: spans of time in, Opus files out.

Opus in Ogg is small, every current browser plays it, and goes to any place in it to the millisecond; in MP3, Chromium
was off by up to 0.1 s, so that two players could not be kept in step. Excerpts are mono, as the fingerprint hears them.
A file is decoded once, in blocks; an excerpt is encoded as soon as it is complete, so memory is bounded by how many
overlap. The only door to libsndfile in this part of the package; the same audio gives the same bytes.

Which audio files may be shown and heard on a page: those whose digest is the one that the evidence states.

In come the path of a result, or the files of a catalogue; out comes a `Sound`: the path if the file is unchanged, or a
sentence on why nothing is drawn of it.
"""

import functools
import io
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from fingerprint.audio.stream import open_audio
from fingerprint.errors import AudioError, printable
from fingerprint.extract import is_fingerprint_file
from index.storage.recordings import Recording
from sourceprint.audio_digests import known_audio_digest
from sourceprint.items import Item
from sourceprint.scans.results import ResultMatch, ScanResult

__all__ = ["MEDIA_TYPE", "RATE_HZ", "SUFFIX", "CatalogueAudio", "Sound", "excerpts", "recording_sound", "track_sound"]

RATE_HZ: Final = 48_000
"""Rate of the excerpts, in Hz."""

MEDIA_TYPE: Final = "audio/ogg"
SUFFIX: Final = ".ogg"

_BLOCK_SECONDS = 5.0
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FULL_SCALE = 0.98  # decoded audio overshoots the encoded


def excerpts(path: Path, spans: Sequence[tuple[float, float]], *, stream: int = 0) -> list[bytes]:
    """Return the Opus file of each span of an audio file.

    Parameters
    ----------
    path : Path
        An audio file.
    spans : sequence of (float, float)
        Start and end, in seconds; time outside the file is silence, so that all of them have their length.
    stream : int
        Which audio stream of the file, from 1; 0 where it has one.

    Raises
    ------
    DecodeError
        If the file cannot be read.
    """
    wanted = [(round(start * RATE_HZ), max(round(end * RATE_HZ), round(start * RATE_HZ) + 1)) for start, end in spans]
    under_way: dict[int, NDArray[np.float32]] = {}
    encoded: dict[int, bytes] = {}
    reached = 0
    with open_audio(path, sample_rate=RATE_HZ, block_seconds=_BLOCK_SECONDS, stream=stream) as audio:
        for block in audio.blocks():
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


@dataclass(frozen=True, slots=True)
class Sound:
    """An audio file that is known to be the right one, or why there is none.

    Attributes
    ----------
    path : Path or None
        The file.
    why_not : str
        A sentence, where there is none; else "".
    """

    path: Path | None
    why_not: str = ""


class CatalogueAudio:
    """Audio files by the recordings that they may be: by id, title or ISRC in a list, by name, or by digest.

    Parameters
    ----------
    items : iterable of Item
        As `sourceprint.inputs.collect` returns them. Nothing is opened before a recording is looked for.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        items = [item for item in items if not is_fingerprint_file(item.path)]
        self._undigested = iter(dict.fromkeys(item.path for item in items))
        self._by_digest: dict[str, Path] = {}
        self._paths: dict[str, list[Path]] = {}
        for item in items:
            for name in {_compared(name) for name in (item.id, item.title, item.isrc, item.path.stem)}:
                if name:
                    self._paths.setdefault(name, []).append(item.path)

    def candidates(
        self, matches: Iterable[ResultMatch], digests: Callable[[], Mapping[str, str]] = dict
    ) -> dict[str, tuple[Path, ...]]:
        """Return the files that the recording of each match may be of, by its id; of two files of one name, both.

        A file of the recording's digest comes before all files that have its name and another digest.

        Parameters
        ----------
        matches : iterable of ResultMatch
        digests : callable
            Returns the SHA-256 of the audio of recordings by id.
        """
        found = {}
        stated = digests() if self._paths else {}
        for match in matches:
            # The second file of a name has a few digits of its digest in its id.
            plain = re.sub(r"-[0-9a-f]{8,}\Z", "", match.recording_id)
            names = {_compared(name or "") for name in (match.recording_id, plain, match.title, match.isrc)}
            paths = sorted({path for name in names for path in self._paths.get(name, ())})
            sha256 = stated.get(match.recording_id, "")
            if sha256 and sha256 not in map(_digest, paths) and (path := self._of_digest(sha256)) is not None:
                paths = [path]
            if paths:
                found[match.recording_id] = tuple(paths)
        return found

    def _of_digest(self, sha256: str) -> Path | None:
        """Return the file of a digest; files are hashed as far as the search for it goes, and each once."""
        if sha256 and sha256 not in self._by_digest:
            for path in self._undigested:
                digest = _digest(path)
                self._by_digest.setdefault(digest, path)
                if digest == sha256:
                    break
        return self._by_digest.get(sha256) if sha256 else None


def _compared(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def track_sound(result: ScanResult, at: Path | None = None) -> Sound:
    """Return the audio file of a result, `at` a path or where the result says, if it is the one that was scanned."""
    path = Path(result.path) if at is None else at
    if is_fingerprint_file(path):
        return Sound(None, "The track was scanned as a fingerprint file, which holds landmarks and no audio.")
    digest = _digest(path)
    if not digest:
        where = "" if path.is_absolute() else ", as seen from the folder where this page was made"
        return Sound(None, f"The audio of the track is not at {printable(path)}{where}, or cannot be read.")
    if digest != result.sha256:
        return Sound(None, f"The file at {printable(path)} is not the one that was scanned: its digest differs.")
    return Sound(path)


def recording_sound(recording: Recording, candidates: Mapping[str, Sequence[Path]]) -> Sound:
    """Return the audio file of a recording, if one of the candidates has its digest."""
    if not recording.sha256:
        return Sound(None, "The index states no digest of the recording's audio, as a blind index does not.")
    paths = candidates.get(recording.id, ())
    if not paths:
        return Sound(None, "The audio of the recording was not given with --catalogue.")
    digests = [_digest(path) for path in paths]
    if recording.sha256 in digests:
        return Sound(paths[digests.index(recording.sha256)])
    if not any(digests):
        where = printable(paths[0])
        return Sound(
            None, f"The audio of the recording, which --catalogue names, is not at {where}, or cannot be read."
        )
    return Sound(None, "A file of the recording's name was given with --catalogue, but it is not the one in the index.")


@functools.lru_cache(maxsize=4096)
def _digest(path: Path) -> str:
    """Return the SHA-256 of a file; "" where it cannot be read. A catalogue's file is asked for once per page."""
    try:
        return known_audio_digest(path)
    except AudioError:
        return ""
