"""A whole index as one file, and back: `sourceprint export` and `sourceprint import`.

The file is an uncompressed tar archive: `manifest.json`, then every file that it names, by path, without anything that
depends on time, place or user. So a state of the index has one archive, byte for byte, and its SHA-256 stands for it.
The manifest has size and checksum of every file, hence no byte of the archive is unaccounted for: importing works out
from the manifest what every header must be, and refuses an archive that differs anywhere. Headers are compared, never
interpreted; nothing but their size limits what a forged archive could name, since links, devices, and paths that lead
elsewhere are no names that an index has.

Both directions stream in blocks of `BLOCK_BYTES`. The export is written beside its target and renamed when it is
complete. The import goes into a hidden folder beside the index, `.NAME.importing`, which becomes the index by being
renamed once everything in it is verified and flushed; what a killed import leaves there is cleared by the next.
"""

import os
import re
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from fingerprint.errors import (
    CatalogueError,
    IndexDamagedError,
    IndexFormatError,
    IndexLockedError,
    ParameterError,
)
from index.durable import FileEntry, make_folder, pour, refusals, sync_folder, write_chunks
from index.leases import leased
from index.lock import WriterLock, claim
from index.manifest import MANIFEST_NAME, Manifest, parse_manifest, publish_manifest
from index.opening import open_manifest
from index.snapshot import Snapshot

__all__ = ["Archive", "archive_to_json", "export_index", "import_index"]

BLOCK_BYTES = 1 << 20
MANIFEST_LIMIT_BYTES = 1 << 28  # of one that is imported: it is held in memory; a million recordings take a tenth

_PART = re.compile(r"(segments|codecs)/[a-z0-9_]+(-[0-9]+)?")
_FILE = re.compile(r"([a-z0-9_]+/)?[a-z0-9_]+\.[a-z]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SIZE_FIELD = slice(124, 135)  # of a tar header: octal digits

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Archive:
    """What was written or read.

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
    """
    with leased(folder) as lease:
        _check_target(folder, target, force=force)
        snapshot = Snapshot(open_manifest(folder, lease.manifest))
        with _replacing(target) as descriptor:
            written = pour(descriptor, _told(_archived(folder, lease.manifest, lease.data), progress))
            _check_target(folder, target, force=force)
        return Archive(target, written.size, written.sha256, snapshot.digest, len(snapshot.recordings))


def import_index(archive: Path, folder: Path, *, progress: Progress | None = None) -> Archive:
    """Make an index from an archive; on return all of it is verified and on the disk.

    Parameters
    ----------
    archive : Path
        What `export_index` wrote.
    folder : Path
        The index folder to make; may exist if it is empty.
    progress : callable, optional
        Called with the number of bytes of every block read.

    Raises
    ------
    ParameterError
        If the folder holds anything, or the archive cannot be read.
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
    try:
        file = archive.open("rb", buffering=0)
    except OSError as error:
        raise ParameterError(f"{archive}: cannot be read ({error.strerror}); give a file that export wrote") from error
    with file:
        source = _Source(archive, file, progress)
        manifest, data = _read_manifest(source)
        with _importing(folder) as place:
            _unpack(source, manifest, place)
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


def _members(manifest: Manifest) -> list[tuple[str, FileEntry]]:
    """Return path and entry of every file that the manifest names, by path."""
    parts = manifest.parts().items()
    return sorted(((f"{part}/{name}", entry) for part, files in parts for name, entry in files.items()), key=_path)


def _path(member: tuple[str, FileEntry]) -> str:
    return member[0]


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o644
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def _end(position: int) -> bytes:
    """Return what ends an archive whose last member ends at `position`: two empty blocks, and the rest of a record."""
    return bytes(2 * tarfile.BLOCKSIZE + -(position + 2 * tarfile.BLOCKSIZE) % tarfile.RECORDSIZE)


def _archived(folder: Path, manifest: Manifest, data: bytes) -> Iterator[bytes]:
    position = 0
    for name, entry in [(MANIFEST_NAME, FileEntry(len(data), "")), *_members(manifest)]:
        header, padding = _header(name, entry.size), _padding(entry.size)
        yield header
        if name == MANIFEST_NAME:
            yield data
        else:
            yield from _checked(folder / name, entry)
        yield padding
        position += len(header) + entry.size + len(padding)
    yield _end(position)


def _checked(path: Path, entry: FileEntry) -> Iterator[bytes]:
    """Yield a file of the index in blocks, and raise an error after the last if it is not as it was written."""
    digest, size = sha256(), 0
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(min(BLOCK_BYTES, entry.size + 1 - size)):
                digest.update(block)
                size += len(block)
                yield block
    except OSError as error:
        raise IndexDamagedError(
            f"{path}: cannot be read ({error.strerror}); run verify to see which recordings to add again"
        ) from error
    if FileEntry(size, digest.hexdigest()) != entry:
        raise IndexDamagedError(f"{path}: fails its checksum; run verify to see which recordings to add again")


def _told(chunks: Iterator[bytes], progress: Progress | None) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        if progress is not None:
            progress(len(chunk))


def _check_target(folder: Path, target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise ParameterError(f"{target}: a folder; give the name of a file to export to")
    if folder.resolve() in target.resolve().parents:
        raise ParameterError(f"{target}: lies inside the index; give a place outside it")
    if target.exists() and not force:
        raise ParameterError(f"{target}: exists already; give another name, or --force to replace it")


@contextmanager
def _replacing(target: Path) -> Iterator[int]:
    """Yield a descriptor to write to; the file becomes `target` at the end of the block, or is deleted if it fails."""
    temporary = target.with_name(f".{target.name}.exporting")
    with refusals(target):
        try:
            descriptor = claim(temporary)
        except BlockingIOError as error:
            raise CatalogueError(
                f"{target}: another process is exporting to it; wait until it has finished, or give another name"
            ) from error
        try:
            os.ftruncate(descriptor, 0)
            yield descriptor
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
    sync_folder(target.parent)


class _Source:
    """An archive that is read from start to end, and hashed on the way."""

    def __init__(self, path: Path, file: BinaryIO, progress: Progress | None) -> None:
        self.path = path
        self.position = 0
        self.hash = sha256()
        self._file = file
        self._progress = progress

    @property
    def size(self) -> int | None:
        """Length in bytes; None if it shows only at its end."""
        status = os.fstat(self._file.fileno())
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, at most a block or what a manifest may have."""
        parts = []
        while size:
            try:
                part = self._file.read(min(size, BLOCK_BYTES))
            except OSError as error:
                raise ParameterError(f"{self.path}: cannot be read ({error.strerror}); see to the disk") from error
            if not part:
                raise self.damaged("is cut short")
            parts.append(part)
            size -= len(part)
            self.position += len(part)
            self.hash.update(part)
            if self._progress is not None:
                self._progress(len(part))
        return b"".join(parts)

    def expect(self, expected: bytes) -> None:
        """Read what must come next."""
        start = self.position
        if self.read(len(expected)) != expected:
            raise self.damaged(f"was altered between bytes {start} and {self.position}")

    def blocks(self, name: str, entry: FileEntry) -> Iterator[bytes]:
        """Yield the content of a file in blocks, and raise an error after the last if it fails its checksum."""
        digest, rest = sha256(), entry.size
        while rest:
            block = self.read(min(rest, BLOCK_BYTES))
            digest.update(block)
            rest -= len(block)
            yield block
        if digest.hexdigest() != entry.sha256:
            raise self.damaged(f"was altered: {name} in it fails its checksum")

    def finish(self) -> None:
        """Make sure that nothing follows."""
        if self._file.read(1):
            raise self.damaged("has more behind its end")

    def damaged(self, what: str) -> IndexDamagedError:
        """Return the error for a damaged archive."""
        return IndexDamagedError(f"{self.path}: {what}; take another copy of it, or export the index again")


def _read_manifest(source: _Source) -> tuple[Manifest, bytes]:
    header = source.read(tarfile.BLOCKSIZE)
    digits = header[_SIZE_FIELD]
    size = int(digits, 8) if re.fullmatch(rb"[0-7]{11}", digits) else 0
    if header != _header(MANIFEST_NAME, size):
        raise IndexFormatError(f"{source.path}: not an exported index; give a file that export wrote")
    if size > MANIFEST_LIMIT_BYTES:
        raise source.damaged(f"has a manifest of {size} bytes, more than {MANIFEST_LIMIT_BYTES}")
    data = source.read(size)
    source.expect(_padding(size))
    try:
        manifest = parse_manifest(data, source.path / MANIFEST_NAME)
        _check_names(manifest)
    except IndexDamagedError as error:
        raise source.damaged("has an unsound manifest") from error
    length = source.position
    for name, entry in _members(manifest):
        length += len(_header(name, entry.size)) + entry.size + len(_padding(entry.size))
    length += len(_end(length))
    if source.size not in (None, length):
        raise source.damaged(f"has {source.size} bytes, should have {length}")
    return manifest, data


def _check_names(manifest: Manifest) -> None:
    """Refuse a manifest with names, sizes or checksums that none of ours has, before anything is made of them."""
    parts = manifest.parts()
    n_parts = len(manifest.segments) + sum(layer.codec is not None for layer in manifest.layers.values())
    sound = len(parts) == n_parts and all(_PART.fullmatch(part) for part in parts)
    for files in parts.values():
        for name, entry in files.items():
            sound = sound and _FILE.fullmatch(name) is not None and len(name) < 100
            sound = sound and type(entry.size) is int and 0 <= entry.size < 1 << 60
            sound = sound and isinstance(entry.sha256, str) and _SHA256.fullmatch(entry.sha256) is not None
    if not sound:
        raise IndexDamagedError(f"{MANIFEST_NAME}: names files that an index cannot have")


def _check_new(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"{folder}: a file, not a folder; give a new or an empty folder")
    if folder.exists() and any(folder.iterdir()):
        raise ParameterError(f"{folder}: not empty; give a new or an empty folder")


@contextmanager
def _importing(folder: Path) -> Iterator[Path]:
    """Yield an empty place beside `folder`; it becomes `folder` at the end of the block, or is deleted if it fails."""
    place = folder.with_name(f".{folder.name}.importing")
    with refusals(folder):
        place.mkdir(parents=True, exist_ok=True)
    try:
        lock = WriterLock(place / "lock").__enter__()
    except IndexLockedError as error:
        raise IndexLockedError(f"{folder}: another process is importing to it; wait until it has finished") from error
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    try:
        with refusals(folder):
            for left in place.iterdir():  # by an import that was killed
                if left.is_dir():
                    shutil.rmtree(left)
                elif left.name != "lock":
                    left.unlink()
        yield place
        _check_new(folder)
        with refusals(folder):
            os.replace(place, folder)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    finally:
        lock.__exit__(None, None, None)
    sync_folder(folder.parent)


def _unpack(source: _Source, manifest: Manifest, place: Path) -> None:
    made = [place / "segments", place / "codecs"]
    for folder in made:
        make_folder(folder)
    for name, entry in _members(manifest):
        path = place / name
        for folder in reversed([path.parent, *path.parent.parents]):
            if place in folder.parents and not folder.exists():
                make_folder(folder)
                made.append(folder)
        source.expect(_header(name, entry.size))
        write_chunks(path, source.blocks(name, entry))
        source.expect(_padding(entry.size))
    source.expect(_end(source.position))
    source.finish()
    for folder in made:
        sync_folder(folder)


def _opened(archive: Path, place: Path, manifest: Manifest) -> Snapshot:
    """Open what was unpacked: checksums say that it is what was exported, not that an index wrote it."""
    try:
        return Snapshot(open_manifest(place, manifest))
    except (ArithmeticError, AttributeError, CatalogueError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise IndexDamagedError(f"{archive}: what it holds is no sound index; export the index again") from error
