"""A whole index as one file, and back: `sourceprint export` and `sourceprint import`.

The same state of an index gives the same file, byte for byte, so that the SHA-256 of the file identifies it
(`index.folder.archive`). Both directions stream. The export is written beside its target and renamed when it is
complete. The import goes into a working folder beside the index (`fingerprint.new_files`), which becomes the index by
being renamed once everything in it is verified and flushed. The next run clears leftovers of a killed one.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fingerprint import disk
from fingerprint.errors import CatalogueError, IndexDamagedError, IndexLockedError, ParameterError
from fingerprint.new_files import is_device, new_file, new_folder
from index.folder.archive import ArchiveReader, Progress, archived, ending, header, members, padding
from index.folder.verification import examine
from index.storage.durable import make_folder, pour, refusals, sync_folder, write_chunks
from index.storage.locks import leased
from index.storage.manifest import Manifest, publish_manifest, refuse_blind
from index.storage.snapshot import Snapshot

__all__ = [
    "Approval",
    "Archive",
    "archive_to_json",
    "check_target",
    "export_index",
    "import_index",
    "pack_blind",
]

Approval = Callable[[bytes, bytes], Mapping[str, bytes]]
"""Is given a grant and the manifest it comes with, raises an error if they are not to be trusted, and returns what is
to stand in the folder beside the index, by name."""


@dataclass(frozen=True, slots=True)
class Archive:
    """Counts and digest of an archive that was written or read.

    Attributes
    ----------
    path : Path
        The archive.
    size : int
        Its length in bytes.
    sha256 : str
        Its SHA-256, 64 hexadecimal digits.
    digest : str
        Digest of the index in it (`Snapshot.digest`).
    n_recordings : int
        Recordings in the index.
    """

    path: Path
    size: int
    sha256: str
    digest: str
    n_recordings: int


def export_index(folder: Path, target: Path, *, force: bool = False, progress: Progress | None = None) -> Archive:
    """Write the state of the last commit as one file; writers may go on meanwhile.

    Every file of the index is compared with its checksum on the way.

    Parameters
    ----------
    folder : Path
        The index folder.
    target : Path
        The archive; appears under this name when it is complete and on the disk.
    force : bool
        Replace `target` if it exists.
    progress : callable, optional
        Called with the number of bytes of every block written.

    Raises
    ------
    ParameterError
        If `target` exists, or lies inside the index.
    IndexMissingError, IndexFormatError, IndexDamagedError
        If the index cannot be opened, or a file fails its checksum.
    StorageFullError, CatalogueError
        If the disk is full, the system refuses, or the same archive is being written by another process; the target is
        as it was.
    GrantError
        If the index is blind: it is for whom it was made for.
    """
    with leased(folder) as lease:
        refuse_blind(folder, lease.manifest, action="exported")
        check_target(folder, target, force=force)
        snapshot = Snapshot.of(folder, lease.manifest)
        busy = CatalogueError(
            f"{target}: another process is exporting to it; wait until it has finished, or give another name"
        )
        with refusals(target), new_file(target, busy=busy) as descriptor:
            written = pour(descriptor, _told(archived(folder, lease.manifest, lease.data), progress))
            check_target(folder, target, force=force)
        return Archive(target, written.size, written.sha256, snapshot.digest, len(snapshot.recordings))


def pack_blind(
    place: Path,
    manifest: Manifest,
    grant: bytes,
    target: Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> Archive:
    """Write a blind index, just made in a folder that nobody else uses, as one file with its grant in front.

    Parameters
    ----------
    place : Path
        Its folder.
    manifest : Manifest
        Its manifest.
    grant : bytes
        For whom it is.
    target, force, progress
        As for `export_index`.

    Raises
    ------
    ParameterError, IndexDamagedError, StorageFullError, CatalogueError
        As `export_index`.
    """
    data = manifest.to_bytes()
    with refusals(target), new_file(target) as descriptor:
        written = pour(descriptor, _told(archived(place, manifest, data, grant=grant), progress))
        check_target(place, target, force=force)
    snapshot = Snapshot.of(place, manifest)
    return Archive(target, written.size, written.sha256, snapshot.digest, len(snapshot.recordings))


def import_index(
    archive: Path, folder: Path, *, approve: Approval | None = None, progress: Progress | None = None
) -> Archive:
    """Make an index from an archive; on return all of it is verified and on the disk.

    Parameters
    ----------
    archive : Path
        File that `export_index` wrote.
    folder : Path
        The index folder to make; may exist if it is empty.
    approve : callable, optional
        Looks at the grant of a blind index before anything is unpacked; must be given for these, and only for these.
    progress : callable, optional
        Called with the number of bytes of every block read.

    Raises
    ------
    ParameterError
        If the folder holds anything, the archive cannot be read, or it is blind and no trusted issuer is given,
        or the other way round.
    IndexFormatError
        If the file is no such archive, or of another format version.
    IndexDamagedError
        If it is cut, altered or unsound.
    IndexLockedError
        If another process is importing to the same folder.
    StorageFullError
        If the disk is full; nothing is left.
    """
    folder = Path(os.path.realpath(folder))
    _check_new(folder)
    with disk.refusals(archive, ParameterError, remedy="give a file that export wrote"):
        file = archive.open("rb", buffering=0)
    with file:
        source = ArchiveReader(archive, file, progress)
        grant = source.grant()
        manifest, data = source.manifest()
        beside = _approved(source, grant, manifest, data, approve)
        with _importing(folder) as place:
            _unpack(source, manifest, place)
            for name, content in {"lock": b"", **beside}.items():
                write_chunks(place / name, [content])
            snapshot = _opened(archive, place, manifest)
            publish_manifest(place, data)
            digest, n_recordings = snapshot.digest, len(snapshot.recordings)
    return Archive(archive, source.position, source.hash.hexdigest(), digest, n_recordings)


def archive_to_json(archive: Archive) -> dict[str, Any]:
    """Return facts about an archive, as JSON has them: `path`, `bytes`, `sha256`, `index_digest`, `recordings`."""
    return {
        "path": str(archive.path),
        "bytes": archive.size,
        "sha256": archive.sha256,
        "index_digest": archive.digest,
        "recordings": archive.n_recordings,
    }


def _approved(
    source: ArchiveReader, grant: bytes | None, manifest: Manifest, data: bytes, approve: Approval | None
) -> Mapping[str, bytes]:
    if (grant is None) != (manifest.blind is None):
        raise source.damaged("is a blind index without its grant, or has the grant of another")
    if grant is not None and approve is None:
        raise ParameterError(
            f"{source.path}: a blind index; name its issuer with --from and their public key (.pub), "
            "which they gave you by another way"
        )
    if grant is None and approve is not None:
        raise ParameterError(f"{source.path}: not a blind index, so it has no signature; leave out --from to import it")
    return {} if grant is None or approve is None else approve(grant, data)


def _told(chunks: Iterator[bytes], progress: Progress | None) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        if progress is not None:
            progress(len(chunk))


def check_target(folder: Path, target: Path, *, force: bool) -> None:
    """Refuse a place for an archive that is a folder, lies inside the index in `folder`, or is taken.

    Raises
    ------
    ParameterError
        If it is.
    """
    if target.is_dir():
        raise ParameterError(f"{target}: is a folder; name a file to export to")
    if folder.resolve() in target.resolve().parents:
        raise ParameterError(f"{target}: lies inside the index; give a place outside it")
    if os.path.lexists(target) and not force and not is_device(target):
        raise ParameterError(f"{target}: exists already; give another name, or --force to replace it")


def _check_new(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"{folder}: a file, not a folder; give a new or an empty folder")
    if folder.exists() and any(folder.iterdir()):
        raise ParameterError(f"{folder}: not empty; give a new or an empty folder")


@contextmanager
def _importing(folder: Path) -> Iterator[Path]:
    """Yield an empty place beside `folder`; it becomes `folder` at the end of the block, or is deleted if it fails."""
    busy = IndexLockedError(f"{folder}: another process is importing to it; wait until it has finished")
    with refusals(folder), new_folder(folder, busy=busy) as place:
        yield place
        _check_new(folder)


def _unpack(source: ArchiveReader, manifest: Manifest, place: Path) -> None:
    made = [place / "segments"]
    make_folder(made[0])
    for name, entry in members(manifest):
        path = place / name
        for folder in reversed([path.parent, *path.parent.parents]):
            if place in folder.parents and not folder.exists():
                make_folder(folder)
                made.append(folder)
        source.expect(header(name, entry.size))
        write_chunks(path, source.blocks(name, entry))
        source.expect(padding(entry.size))
    source.expect(ending(source.position))
    source.finish()
    for folder in made:
        sync_folder(folder)


def _opened(archive: Path, place: Path, manifest: Manifest) -> Snapshot:
    """Open the unpacked index after checking its values: its checksums agree even if no index wrote them."""
    found = examine(place, manifest, compare=False)
    if found.problems:
        what = f"{found.problems[0].path.relative_to(place)}: {found.problems[0].what}"
        raise IndexDamagedError(f"{archive}: does not hold a sound index ({what}); export the index again")
    return Snapshot.of(place, manifest)
