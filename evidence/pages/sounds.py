"""Which audio files may be shown and heard on a page: those whose digest is the one that the evidence states.

In come the path of a result, or the files of a catalogue; out comes a `Sound`: the path where the file is what it was,
or a sentence that says why nothing is drawn of it.
"""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evidence.results import FileResult
from fingerprint.audio import file_digest
from fingerprint.errors import AudioError, printable
from fingerprint.sources import is_fingerprint_file
from index.recording_list import Item
from index.recordings import Recording

__all__ = ["Catalogue", "Sound", "query_sound", "recording_sound"]


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


class Catalogue:
    """Audio files by the recordings that they may be: by the id in a list, or the name without its suffix.

    Parameters
    ----------
    items : iterable of Item
        As `index.intake.collect` returns them. Nothing is opened here.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._paths: dict[str, list[Path]] = {}
        for item in items:
            for name in dict.fromkeys((item.id, item.path.stem)):
                if name and not is_fingerprint_file(item.path):
                    self._paths.setdefault(name, []).append(item.path)

    def candidates(self, ids: Iterable[str]) -> dict[str, tuple[Path, ...]]:
        """Return the files that each of these recordings may be of; of two files of one name, both.

        Examples
        --------
        >>> Catalogue([Item(Path("a/one.wav")), Item(Path("b/one.wav"))]).candidates(["one-0123abcd"])
        {'one-0123abcd': (PosixPath('a/one.wav'), PosixPath('b/one.wav'))}
        """
        found = {}
        for asset_id in ids:
            # The second file of a name has a few digits of its digest in its id.
            plain = re.sub(r"-[0-9a-f]{8,}\Z", "", asset_id)
            paths = dict.fromkeys(self._paths.get(asset_id, []) + self._paths.get(plain, []))
            if paths:
                found[asset_id] = tuple(paths)
        return found


def query_sound(result: FileResult) -> Sound:
    """Return the audio file of a result, if it is still the one that was scanned."""
    path = Path(result.name)
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
    for path in paths:
        if _digest(path) == recording.sha256:
            return Sound(path)
    return Sound(None, "A file of the recording's name was given with --catalogue, but it is not the one in the index.")


@functools.lru_cache(maxsize=4096)
def _digest(path: Path) -> str:
    """Return the SHA-256 of a file; "" where it cannot be read. A catalogue's file is asked for once per page."""
    try:
        return file_digest(path)
    except AudioError:
        return ""
