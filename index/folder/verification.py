"""Finding out what is damaged, and what to add again.

`verify_index` reads every byte of the index and compares it with the checksums of the manifest. `repair_index` takes
damaged segments out of the manifest, so that the rest can be used and what was in them can be added again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fingerprint.digests import FileEntry, hash_file
from index.storage.locks import WriterLock, sweep
from index.storage.manifest import Manifest, SegmentEntry, read_manifest, refuse_blind, write_manifest

__all__ = ["DamagedFile", "repair_index", "verify_index"]


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """One damaged file.

    Attributes
    ----------
    path : Path
        The file.
    what : str
        What is wrong with it, in words.
    part : str
        What it belongs to: "segments/NAME", "trees/NAME", or the name of the file of hubs or of amendments.
    recordings : tuple of str
        Ids of the recordings to add again, as far as they can still be read.
    n_recordings : int
        How many there are; 0 for what the next commit computes again by itself.
    """

    path: Path
    what: str
    part: str
    recordings: tuple[str, ...]
    n_recordings: int


def verify_index(folder: Path, *, progress: Callable[[int], None] | None = None) -> list[DamagedFile]:
    """Compare every file that the manifest names with its checksum.

    Works on indexes that are too damaged to be opened, as long as the manifest is sound. Files that the manifest does
    not name are leftovers of a killed run: they are never read, and are no problem.

    Parameters
    ----------
    folder : Path
        The index folder.
    progress : callable, optional
        Called with the number of bytes of every block read.

    Returns
    -------
    list of DamagedFile
        Empty if all is well.

    Raises
    ------
    IndexMissingError, IndexFormatError, IndexDamagedError
        As `read_manifest`.
    """
    manifest = read_manifest(folder)
    problems = []
    for segment in manifest.segments:
        place = folder / "segments" / segment.name
        ids = None
        for name, expected in segment.files.items():
            what = _compare(place / name, expected, progress)
            if what:
                ids = _live_ids(place / "recordings.jsonl", segment) if ids is None else ids
                problems.append(DamagedFile(place / name, what, f"segments/{segment.name}", ids, segment.n_live))
    for layer_name, layer in manifest.layers.items():
        if layer.tree is None:
            continue
        users = [segment for segment in manifest.segments if layer_name in segment.landmarks]
        for name, expected in layer.tree.files.items():
            path = folder / "trees" / layer.tree.name / name
            what = _compare(path, expected, progress)
            if what:
                affected = [
                    _live_ids(folder / "segments" / segment.name / "recordings.jsonl", segment) for segment in users
                ]
                count = sum(segment.n_live for segment in users)
                ids = tuple(recording_id for part in affected for recording_id in part)
                problems.append(DamagedFile(path, what, f"trees/{layer.tree.name}", ids, count))
    if manifest.hubs is not None:
        path = folder / manifest.hubs.name
        what = _compare(path, manifest.hubs.file, progress)
        if what:
            problems.append(DamagedFile(path, what, manifest.hubs.name, (), 0))
    amendments = manifest.amendments
    if amendments is not None:
        what = _compare(folder / amendments.name, amendments.file, progress)
        if what:
            ids = _amended_ids(folder, manifest)
            count = sum(
                len(set(amendments.recordings.get(segment.name, ())) - set(segment.removed))
                for segment in manifest.segments
            )
            problems.append(DamagedFile(folder / amendments.name, what, amendments.name, ids, count))
    return problems


def repair_index(folder: Path) -> list[DamagedFile]:
    """Take everything damaged out of the index and return what `verify_index` found; what is sound stays.

    Where the file of amendments is damaged, the recordings that it is about go: without it, nobody knows which parts of
    them must not count.

    Raises
    ------
    IndexLockedError
        If another process is writing.
    IndexMissingError, IndexFormatError, IndexDamagedError
        As `read_manifest`: without a sound manifest there is nothing to go by.
    GrantError
        If the index is blind.
    """
    refuse_blind(folder, read_manifest(folder), action="repaired")
    with WriterLock(folder / "lock"):
        problems = verify_index(folder)
        if problems:
            manifest = read_manifest(folder)
            bad = {problem.part for problem in problems}
            layers = dict(manifest.layers)
            segments = [segment for segment in manifest.segments if f"segments/{segment.name}" not in bad]
            for name, layer in manifest.layers.items():
                if layer.tree is not None and f"trees/{layer.tree.name}" in bad:
                    layers[name] = replace(layer, tree=None)
                    segments = [segment for segment in segments if name not in segment.landmarks]
            amendments = manifest.amendments
            if amendments is not None and amendments.name in bad:
                segments = [_without(segment, amendments.recordings.get(segment.name, ())) for segment in segments]
                segments = [segment for segment in segments if segment.n_live]
                amendments = None
            changes = {"layers": layers, "segments": tuple(segments), "hubs": None, "amendments": amendments}
            write_manifest(folder, manifest.successor(**changes))
            sweep(folder, read_manifest(folder))
    return problems


def _compare(path: Path, expected: FileEntry, progress: Callable[[int], None] | None) -> str:
    try:
        size = path.stat().st_size
        if size != expected.size:
            return f"has {size} bytes, should have {expected.size}"
        return "" if hash_file(path, progress=progress) == expected else "fails its checksum"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _without(segment: SegmentEntry, positions: tuple[int, ...]) -> SegmentEntry:
    return replace(segment, removed=tuple(sorted({*segment.removed, *positions})))


def _amended_ids(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """Return the ids of amended recordings, which the lines of their segments tell as well."""
    recordings = {} if manifest.amendments is None else manifest.amendments.recordings
    ids: list[str] = []
    for segment in manifest.segments:
        others = set(range(segment.n_recordings)) - set(recordings.get(segment.name, ()))
        if len(others) < segment.n_recordings:
            ids += _live_ids(folder / "segments" / segment.name / "recordings.jsonl", _without(segment, tuple(others)))
    return tuple(ids)


def _live_ids(path: Path, segment: SegmentEntry) -> tuple[str, ...]:
    """Return the ids of live recordings, those that can be read: the file itself may be the damaged one."""
    ids = []
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return ()
    for position, line in enumerate(lines[: segment.n_recordings]):
        try:
            recording_id = json.loads(line)["id"]
        except (ValueError, KeyError, TypeError):
            continue
        if position not in segment.removed and isinstance(recording_id, str):
            ids.append(recording_id)
    return tuple(ids)
