"""Amendments: changes to a recording's metadata after it was added.

Segments never change, so a change is a line of its own. All amended recordings of an index are in one file,
`amendments-<number>.jsonl`, one line each, which takes the place of the line in the segment. Every change writes a new
file through a commit of the writer; joining segments takes the lines into the new one.

In memory, amendments are lines by segment and position (`Amendments`), and `TablePart.amended` shows them through.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerprint.digests import canonical_json
from index.storage.durable import sync_folder, write_chunks
from index.storage.manifest import AmendmentsEntry, SegmentEntry
from index.storage.recordings import Recording, TablePart, recording_to_json, tags_from_json
from index.storage.segment import check_file
from index.storage.segment_rules import damaged

__all__ = [
    "AMENDABLE",
    "Amendments",
    "amendments_path",
    "contents_of",
    "exclusions_of",
    "of_live",
    "ranges_array",
    "read_amendments",
    "tags_digest",
    "with_changes",
    "write_amendments",
]

AMENDABLE = ("title", "artists", "isrc", "tags", "excluded")
"""Fields of a recording that an amendment may change; and the id, if the manifest has the rename."""

Amendments = Mapping[str, Mapping[int, bytes]]
"""Lines by name of the segment, then by position in it."""


def read_amendments(folder: Path, entry: AmendmentsEntry | None) -> dict[str, dict[int, bytes]]:
    """Read the amendments that the manifest names.

    Raises
    ------
    IndexDamagedError
        If the file differs from its checksum, or its lines from the manifest.
    FileNotFoundError
        If it is gone, which a reader meets when a writer has just replaced it.
    """
    if entry is None:
        return {}
    path = folder / entry.name
    check_file(path, entry.file, checksum=True)
    lines = path.read_bytes().splitlines(keepends=True)
    if len(lines) != sum(map(len, entry.recordings.values())):
        raise damaged(path, f"has {len(lines)} lines, which is not what the manifest says")
    rest = iter(lines)
    return {segment: {place: next(rest) for place in places} for segment, places in entry.recordings.items()}


def amendments_path(folder: Path, number: int) -> Path:
    """Return the place of a file of amendments."""
    return folder / f"amendments-{number:06d}.jsonl"


def write_amendments(path: Path, amendments: Amendments) -> AmendmentsEntry:
    """Write a new file of amendments and flush it; nothing refers to it yet.

    Raises
    ------
    StorageFullError
        If the disk is full.
    """
    ordered = {name: dict(sorted(lines.items())) for name, lines in sorted(amendments.items()) if lines}
    file = write_chunks(path, [b"".join(line for lines in ordered.values() for line in lines.values())])
    sync_folder(path.parent)
    return AmendmentsEntry(path.name, file, {segment: tuple(lines) for segment, lines in ordered.items()})


def with_changes(
    amendments: Amendments, changes: Mapping[str, Mapping[int, Recording]], tables: Mapping[str, TablePart]
) -> dict[str, dict[int, bytes]]:
    """Return amendments with some recordings changed; who is as the segment says has none.

    Parameters
    ----------
    amendments : Amendments
        As they are.
    changes : mapping
        By segment and position: recordings as they are to be.
    tables : mapping
        By segment: its recordings as they were added.
    """
    changed = {name: dict(lines) for name, lines in amendments.items()}
    for name, recordings in changes.items():
        lines = changed.setdefault(name, {})
        for position, recording in recordings.items():
            lines.pop(position, None)
            if recording != tables[name].read(position):
                lines[position] = _amended_line(tables[name].stored_line(position), recording)
    return changed


def of_live(amendments: Amendments, segments: Iterable[SegmentEntry]) -> dict[str, dict[int, bytes]]:
    """Return the amendments of recordings that live in these segments."""
    removed = {entry.name: set(entry.removed) for entry in segments}
    live = {
        name: {position: line for position, line in lines.items() if position not in removed[name]}
        for name, lines in amendments.items()
        if name in removed
    }
    return {name: lines for name, lines in live.items() if lines}


def tags_digest(recording: Recording) -> NDArray[np.uint8]:
    """Return the digest of tags and excluded ranges, to join to the content's by exclusive or [shape=(32,)].

    Zeros where there are none; so the content can be brought up to date without the audio, and is the same whether a
    recording was added with a tag or got it later.
    """
    return _digest(recording.id, recording.tags, recording.excluded)


def contents_of(table: TablePart, stored: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the contents of a segment's recordings as they are now [shape=(n, 32)]."""
    if not table.amended:
        return stored
    contents = stored.copy()
    for position in table.amended:
        before, now = (tags_from_json(line) for line in (table.stored_line(position), table.line(position)))
        contents[position] ^= _digest(*before) ^ _digest(*now)
    return contents


def exclusions_of(table: TablePart, stored: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the excluded ranges of a segment's recordings as they are now.

    Parameters
    ----------
    table : TablePart
        The recordings.
    stored : ndarray [shape=(m, 3), dtype=int64]
        Position, start and end in milliseconds, in this order, as the segment has them.

    Returns
    -------
    ndarray [shape=(m, 3), dtype=int64]
        The same, in order of position and start.
    """
    if not table.amended:
        return stored
    kept = stored[~np.isin(stored[:, 0], list(table.amended))]
    ranges = np.concatenate([kept, ranges_array({p: tags_from_json(table.line(p))[2] for p in table.amended})])
    return ranges[np.lexsort((ranges[:, 1], ranges[:, 0]))]


def ranges_array(ranges: Mapping[int, Sequence[Sequence[int]]]) -> NDArray[np.int64]:
    """Return excluded ranges, given by position, as `exclusions_of` does."""
    rows = [(position, *pair) for position, pairs in ranges.items() for pair in pairs]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _amended_line(stored: bytes, recording: Recording) -> bytes:
    now = recording_to_json(recording)
    changed = {name: now[name] for name in ("id", "title", "artists", "isrc", "tags", "excluded")}
    return canonical_json({**json.loads(stored), **changed}) + b"\n"


def _digest(recording_id: str, tags: Sequence[str], excluded: Sequence[Sequence[int]]) -> NDArray[np.uint8]:
    if not tags and not excluded:
        return np.zeros(32, dtype=np.uint8)
    content = {"id": recording_id, "tags": tags, "excluded": excluded}
    return np.frombuffer(hashlib.sha256(canonical_json(content)).digest(), dtype=np.uint8)
