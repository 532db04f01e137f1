"""Repair: a new commit without damaged data, which keeps everything proven sound.

Segments with damage are written anew from the parts that `index.folder.verification` could keep. New files are opened
before the manifest names them; until then the old state is in place, even if the process is killed. An index of format
2 becomes one of the present format where that can be.
"""

import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from fingerprint.digests import pretty_json
from fingerprint.errors import IndexDamagedError, SourceprintError
from index.folder.salvage import parsed
from index.folder.verification import DamagedFile, Findings, SegmentFindings, examine
from index.storage.amendments import amendments_path, of_live, write_amendments
from index.storage.durable import make_parts
from index.storage.locks import WriterLock, sweep
from index.storage.manifest import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    Manifest,
    SegmentEntry,
    parse_manifest,
    publish_manifest,
    read_manifest,
    read_manifest_bytes,
    refuse_blind,
    refuse_old,
    write_manifest,
)
from index.storage.recordings import Recording
from index.storage.segment_writer import MergeSource, merge_segments
from index.storage.snapshot import Snapshot

__all__ = ["readable_recordings", "repair_index"]


def repair_index(folder: Path) -> list[DamagedFile]:
    """Remove damaged data from the index, keep the rest, and return the damaged files that `verify_index` found.

    A recording goes only if nothing proves its line or its landmarks any more, or if it was amended and the file of
    amendments is damaged: without that, nobody knows which parts of it must not count.

    Raises
    ------
    IndexLockedError
        If another process is writing.
    IndexFormatError
        If the index is one of format 2 whose layers are compressed: that is never written to.
    IndexMissingError, IndexDamagedError
        As `read_manifest`: without a sound manifest there is nothing to go by. One that says the right things in
        another layout is written as it should be.
    GrantError
        If the index is blind.
    StorageFullError
        If the disk is full; the index is as it was.
    """
    data = read_manifest_bytes(folder)
    refuse_blind(folder, _parsed(data, folder), action="repaired")
    with WriterLock(folder / "lock"):
        data = read_manifest_bytes(folder)
        manifest = _parsed(data, folder)
        found = examine(folder, manifest)
        if found.problems and not all(layer.is_exact for layer in manifest.layers.values()):
            refuse_old(folder, manifest, action="repaired")
        as_written = pretty_json(msgspec.json.decode(data))
        if as_written != data:
            what = "is not as it was written"
            found.problems.insert(0, DamagedFile(folder / MANIFEST_NAME, what, MANIFEST_NAME, (), 0))
            publish_manifest(folder, as_written)
        if any(problem.part != MANIFEST_NAME for problem in found.problems):
            made: list[Path] = []
            try:
                repaired = _repaired(folder, manifest, found, made)
                Snapshot.of(folder, repaired)
                write_manifest(folder, repaired)
            except BaseException:
                if read_manifest(folder).generation == manifest.generation:
                    for path in made:
                        _discard(path)
                raise
            sweep(folder, repaired)
    return found.problems


def readable_recordings(folder: Path) -> list[Recording]:
    """Return all recordings that can be read in the segments of an index whose manifest is lost, by id.

    Nothing is proven without the manifest: recordings that had been removed may be among them.
    """
    found: dict[str, Recording] = {}
    for path in sorted((folder / "segments").glob("*/recordings.jsonl")):
        with suppress(OSError):
            for line in path.read_bytes().splitlines():
                if (recording := parsed(line)) is not None:
                    found[recording.id] = recording
    return [found[name] for name in sorted(found)]


def _parsed(data: bytes, folder: Path) -> Manifest:
    """Parse a manifest whose layout may be another than that it was written in; its checksum must hold."""
    path = folder / MANIFEST_NAME
    try:
        return parse_manifest(data, path)
    except IndexDamagedError:
        with suppress(ValueError, RecursionError, SourceprintError):
            return parse_manifest(pretty_json(msgspec.json.decode(data)), path)
        raise


def _repaired(folder: Path, manifest: Manifest, found: Findings, made: list[Path]) -> Manifest:
    """Write the new parts, list them in `made`, and return the manifest that names them."""
    number, layers = manifest.next_name, manifest.layers
    sources = [_source(segment, found) for segment in found.segments]
    make_parts(folder)
    entries: list[SegmentEntry] = []
    for segment, source in zip(found.segments, sources, strict=True):
        if not segment.faults and not segment.lost.any():
            entries.append(segment.entry)
        elif source is not None and source.alive.any():
            path = _noted(folder / "segments" / f"{number:06d}", made)
            entries.append(merge_segments(path, [source], layers))
            number += 1
    amendments = manifest.amendments
    live = of_live(found.amendments, entries)
    if not live:
        amendments = None
    elif live != found.amendments:
        amendments = write_amendments(_noted(amendments_path(folder, number), made), live)
        number += 1
    changes = {"segments": tuple(entries), "hubs": None, "amendments": amendments, "format_version": FORMAT_VERSION}
    return manifest.successor(next_name=number, **changes)


def _source(segment: SegmentFindings, found: Findings) -> MergeSource | None:
    if segment.segment is None:
        return None
    alive = ~segment.lost
    alive[list(segment.entry.removed)] = False
    return MergeSource(segment.segment, alive, found.amendments.get(segment.entry.name, {}))


def _noted(path: Path, made: list[Path]) -> Path:
    _discard(path)  # left by a repair that was killed
    made.append(path)
    return path


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
