"""What stands for a piece of music: its audio file, or a fingerprint file that was made of it.

Whoever needs a fingerprint asks here, and gets the same from both. A fingerprint file is known by its name, which ends
in .spf; what is in it says which audio it stands for.
"""

from collections.abc import Iterator
from pathlib import Path

from fingerprint.audio.stream import file_digest
from fingerprint.extract import Fingerprint, fingerprint_file, fingerprint_parts
from fingerprint.spf_files import SUFFIX, read_contents, read_recording, read_track

__all__ = ["audio_digest", "audio_name", "is_fingerprint_file", "recording_of", "track_parts"]


def is_fingerprint_file(path: Path) -> bool:
    """Return whether the name says that this is a fingerprint file.

    Examples
    --------
    >>> is_fingerprint_file(Path("song.SPF")), is_fingerprint_file(Path("song.mp3"))
    (True, False)
    """
    return path.suffix.lower() == SUFFIX


def recording_of(path: Path) -> Fingerprint:
    """Return the fingerprint of a reference; arguments and errors as `fingerprint_file` or `files.read_recording`."""
    return read_recording(path) if is_fingerprint_file(path) else fingerprint_file(path)


def track_parts(path: Path, *, scales: tuple[float, ...]) -> Iterator[Fingerprint]:
    """Yield the fingerprint of a query in parts; arguments and errors as `fingerprint_parts` or `files.read_track`."""
    if is_fingerprint_file(path):
        return read_track(path, scales=scales)
    return fingerprint_parts(path, scales=scales)


def audio_digest(path: Path) -> str:
    """Return the SHA-256 of the audio file, in hexadecimal; of a fingerprint file, that of the audio it stands for.

    Raises
    ------
    AudioError
        If the file cannot be read, or is no sound fingerprint file.
    """
    return read_contents(path).sha256 if is_fingerprint_file(path) else file_digest(path)


def audio_name(path: Path) -> str:
    """Return the name of the audio file; errors as `audio_digest`, for fingerprint files only."""
    return read_contents(path).name if is_fingerprint_file(path) else path.name
