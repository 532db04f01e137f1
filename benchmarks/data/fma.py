"""The layout of the Free Music Archive dataset: tracks by id in numbered folders, and ``tracks.csv``.

A track lies in ``<first three digits>/<six digits>.mp3``. ``tracks.csv`` has three header lines: a group per column
(``album``, ``artist``, ``set``, ``track``), a name within the group, and a third with ``track_id`` alone; then one row
per track, its id first. It is looked for in the folder of the audio, in its parent, and in ``fma_metadata`` in either.

Source of a track: its artist. Lengths come from the files: the column ``duration`` is that of the whole track, and
three of the four subsets hold clips of 30 s.

Format: Defferrard et al., "FMA: a dataset for music analysis", ISMIR 2017, and the repository that goes with it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.data.files import FolderCorpus, probe
from benchmarks.data.lists import CorpusError, TrackRow

__all__ = ["is_fma", "read_fma"]

Column = tuple[str, str]

SUBSETS = ("small", "medium", "large", "full")  # each holds those before it
_TRACK = re.compile(r"\d{3}/(\d{6})\.\w+")
_NEEDED: tuple[Column, ...] = (("track", "title"), ("artist", "id"))
_LONGEST_FIELD = 2**24  # biographies


def is_fma(root: Path, files: Sequence[Path]) -> bool:
    """Return whether all `files` are named and placed as tracks of this dataset are."""
    return bool(files) and all(_TRACK.fullmatch(path.relative_to(root).as_posix()) for path in files)


def read_fma(root: Path, files: Sequence[Path], unread: Sequence[str] = ()) -> FolderCorpus:
    """Return `files` under `root` as a corpus, with their fields from ``tracks.csv``.

    Files that cannot be read or are not in ``tracks.csv``, and tracks of the subset that the folder is named after
    (``fma_small``) that have no file, are listed in `unusable` with the reason.

    Raises
    ------
    CorpusError
        If there is no ``tracks.csv``, it has other columns, or not one track can be used.
    """
    table = _find_table(root)
    by_id = {int(path.stem): path for path in files}
    subset = root.resolve().name.removeprefix("fma_")
    within = SUBSETS[: SUBSETS.index(subset) + 1] if subset in SUBSETS else ()
    rows, unusable = [], list(unread)
    for track, cells in _read_table(table):
        path = by_id.pop(track, None)
        if path is None:
            if cells.get(("set", "subset")) in within:
                unusable.append(f"{track // 1000:03d}/{track:06d}.mp3 (of the subset {subset}, not there)")
            continue
        file = path.relative_to(root).as_posix()
        seconds, why = probe(path)
        if not cells["artist", "id"]:
            why = f"{table.name} names no artist"
        if why:
            unusable.append(f"{file} ({why})")
            continue
        title = " - ".join(filter(None, (cells.get(("artist", "name")), cells["track", "title"])))
        genre = cells.get(("track", "genre_top"), "")
        rows.append(TrackRow(file, title, seconds, f"artist {cells['artist', 'id']}", genre=genre))
    unusable += [f"{path.relative_to(root).as_posix()} (not in {table.name})" for path in by_id.values()]
    if not rows:
        raise CorpusError(f"{root}: none of its {len(files)} tracks can be used; the first: {unusable[0]}")
    return FolderCorpus(root, tuple(sorted(rows, key=lambda row: row.file)), adapter="FMA", unusable=tuple(unusable))


# --- helpers ----------------------------------------------------------------------------------------------------------


def _find_table(root: Path) -> Path:
    above = root.resolve().parent
    places = [folder / name for folder in (root, above) for name in ("tracks.csv", "fma_metadata/tracks.csv")]
    for place in places:
        if place.is_file():
            return place
    raise CorpusError(
        f"{root}: holds numbered tracks as the FMA dataset does, but there is no tracks.csv to say whose they are; put "
        f"it there or into {above / 'fma_metadata'}"
    )


def _read_table(path: Path) -> Iterator[tuple[int, Mapping[Column, str]]]:
    """Yield the id of each track and its cells by (group, name)."""
    longest = csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            reader = csv.reader(lines)
            groups, names, third = (next(reader, []) for _ in range(3))
            columns = list(zip(groups, names, strict=False))
            lacking = [f"{group}/{name}" for group, name in _NEEDED if (group, name) not in columns]
            if lacking or third[:1] != ["track_id"]:
                problem = f"no column {lacking[0]}" if lacking else "the third line does not start with track_id"
                raise CorpusError(f"{path}: {problem}; expected the three header lines of the FMA dataset")
            for cells in reader:
                place = f"{path}:{reader.line_num}"
                if len(cells) != len(columns):
                    raise CorpusError(f"{place}: {len(cells)} fields, the header has {len(columns)}")
                if not cells[0].isdecimal():
                    raise CorpusError(f"{place}: track_id is {cells[0]!r}; expected a number")
                yield int(cells[0]), dict(zip(columns, cells, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: not a CSV file in UTF-8 ({error}); download it again") from error
    finally:
        csv.field_size_limit(longest)
