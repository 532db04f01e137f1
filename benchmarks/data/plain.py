"""A folder of audio without lists: every file is music, and the first folder it lies in says who it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.data.files import FolderCorpus, probe
from benchmarks.data.lists import CorpusError, TrackRow

__all__ = ["read_plain"]


def read_plain(root: Path, files: Sequence[Path], unread: Sequence[str] = ()) -> FolderCorpus:
    """Return `files` under `root` as a corpus; unreadable ones are listed in `unusable` with the reason.

    The source of a file is the first folder below `root` (an artist, an album), or the file itself where it lies in
    `root`. Lengths come from the headers; nothing is decoded.

    Raises
    ------
    CorpusError
        If not one file can be read.
    """
    rows, unusable = [], list(unread)
    for path in files:
        inside = path.relative_to(root)
        seconds, why = probe(path)
        if why:
            unusable.append(f"{inside.as_posix()} ({why})")
        else:
            rows.append(TrackRow(inside.as_posix(), inside.stem, seconds, inside.parts[0]))
    if not rows:
        raise CorpusError(f"{root}: none of its {len(files)} audio files can be read; the first: {unusable[0]}")
    return FolderCorpus(root, tuple(rows), adapter="folder of audio", unusable=tuple(unusable))
