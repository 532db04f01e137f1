"""A corpus by its lists: ``music.tsv`` and the lists beside it, as `benchmarks.data.corpus` describes them."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.data.files import FolderCorpus
from benchmarks.data.lists import CorpusError, pair_row, read_list, sound_row, stranger_row, track_row

__all__ = ["ENVIRONMENT_VARIABLE", "MANIFEST", "no_such_folder", "read_corpus"]

ENVIRONMENT_VARIABLE = "SOURCEPRINT_CORPUS"
MANIFEST = "music.tsv"


def no_such_folder(path: Path) -> CorpusError:
    """Return the error for a missing corpus folder."""
    return CorpusError(
        f"{path}: no such folder; set {ENVIRONMENT_VARIABLE} to a corpus, or unset it for synthesised music"
    )


def read_corpus(path: str | os.PathLike[str]) -> FolderCorpus:
    """Return the lists of a corpus, checked; audio files are looked at only when they are loaded.

    Parameters
    ----------
    path : path
        The folder, or its list of music under any name.

    Raises
    ------
    CorpusError
        For a folder or a list of music that does not exist, a list without the columns it needs, a row with a field
        missing or a value that cannot be; the message names file and row.
    """
    given = Path(path)
    music = given / MANIFEST if given.is_dir() else given
    root = music.parent
    if not given.exists():
        raise no_such_folder(given)
    if not music.is_file():
        raise CorpusError(f"{music}: missing; a corpus needs at least this list")
    rows = read_list(music, track_row)
    if not rows:
        raise CorpusError(f"{music}: lists no recording; a corpus needs at least one")
    return FolderCorpus(
        folder=root,
        music=rows,
        generated=read_list(root / "generated.tsv", stranger_row),
        noises=read_list(root / "noise.tsv", sound_row),
        rooms=read_list(root / "rooms.tsv", sound_row),
        pairs=read_list(root / "ai_pairs.tsv", pair_row, unique=False),
        adapter=music.name,
    )
