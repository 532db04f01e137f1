"""The archive format: a whole index as the bytes of one tar file, and reading them back without trusting any.

`manifest.json` comes first (in the archive of a blind index, second: before it is `grant.json`, which holds the digest
of the manifest), then every file that it names, by path, without anything that depends on time, place or
user; `FORMAT.md` has the details. The manifest has size and checksum of every file, hence no byte of an archive is
unaccounted for: a reader works out from the manifest what every header must be, and refuses an archive that differs
anywhere. Headers are compared, never interpreted, so links, devices and paths that lead elsewhere need no treatment of
their own. The manifest itself is checked before anything is made of its names (`index.storage.manifest_rules`).
"""

import os
import re
import stat
import tarfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from fingerprint.digests import FileEntry
from fingerprint.disk import refusals
from fingerprint.errors import IndexDamagedError, IndexFormatError, ParameterError
from index.storage.manifest import GRANT_NAME, MANIFEST_LIMIT_BYTES, MANIFEST_NAME, Manifest, parse_manifest

__all__ = ["ArchiveReader", "Progress", "archived", "ending", "header", "members", "padding"]

BLOCK_BYTES = 1 << 20
GRANT_LIMIT_BYTES = 1 << 16

_SIZE_FIELD = slice(124, 135)  # of a tar header: octal digits

Progress = Callable[[int], None]  # is told the number of bytes of every block


def members(manifest: Manifest) -> list[tuple[str, FileEntry]]:
    """Return path and entry of every file that the manifest names, by path."""
    parts = manifest.parts().items()
    found = {f"{part}/{name}": entry for part, files in parts for name, entry in files.items()}
    return sorted({**found, **manifest.side_files()}.items(), key=itemgetter(0))


def header(name: str, size: int) -> bytes:
    """Return the tar header of a member: one block, or three where the size does not fit in it."""
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o644
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def padding(size: int) -> bytes:
    """Return the padding of a member's last block, for a content of this size."""
    return bytes(-size % tarfile.BLOCKSIZE)


def ending(position: int) -> bytes:
    """Return the tar end-of-archive padding after `position`: two empty blocks, and the rest of a record."""
    return bytes(2 * tarfile.BLOCKSIZE + -(position + 2 * tarfile.BLOCKSIZE) % tarfile.RECORDSIZE)


def archived(folder: Path, manifest: Manifest, data: bytes, *, grant: bytes | None = None) -> Iterator[bytes]:
    """Yield the archive of an index in blocks.

    Parameters
    ----------
    folder : Path
        The index folder.
    manifest : Manifest
        The state to archive; its files must stay meanwhile.
    data : bytes
        The manifest as it is on the disk.
    grant : bytes, optional
        Of a blind index.

    Raises
    ------
    IndexDamagedError
        If a file cannot be read or fails its checksum.
    """
    position = 0
    first = {} if grant is None else {GRANT_NAME: grant}
    first[MANIFEST_NAME] = data
    for name, entry in [*((name, FileEntry(len(held), "")) for name, held in first.items()), *members(manifest)]:
        start, rest = header(name, entry.size), padding(entry.size)
        yield start
        if name in first:
            yield first[name]
        else:
            yield from _checked(folder / name, entry)
        yield rest
        position += len(start) + entry.size + len(rest)
    yield ending(position)


def _checked(path: Path, entry: FileEntry) -> Iterator[bytes]:
    """Yield a file of the index in blocks, and raise an error after the last if it is not as it was written."""
    digest, size = sha256(), 0
    remedy = "run `sourceprint verify` to see which recordings to add again"
    with refusals(path, IndexDamagedError, remedy=remedy), path.open("rb", buffering=0) as file:
        while block := file.read(min(BLOCK_BYTES, entry.size + 1 - size)):
            digest.update(block)
            size += len(block)
            yield block
    if FileEntry(size, digest.hexdigest()) != entry:
        raise IndexDamagedError(f"{path}: fails its checksum; {remedy}")


class ArchiveReader:
    """An archive that is read from start to end, and hashed on the way.

    Every method raises `ParameterError` where the system cannot read on, and `IndexDamagedError` where the archive is
    not as it must be.

    Attributes
    ----------
    path : Path
        The archive, for messages.
    position : int
        Bytes read so far.
    hash
        Their SHA-256, as `hashlib` has it.
    """

    def __init__(self, path: Path, file: BinaryIO, progress: Progress | None) -> None:
        self.path = path
        self.position = 0
        self.hash = sha256()
        self._file = file
        self._progress = progress
        self._next_header = b""

    @property
    def size(self) -> int | None:
        """Length in bytes; None if it shows only at its end."""
        status = os.fstat(self._file.fileno())
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def grant(self) -> bytes | None:
        """Read the grant, if that comes first, and return its bytes; None in an archive of an index that is not blind.

        Raises
        ------
        IndexDamagedError
            If it is longer than any grant.
        """
        self._next_header = self.read(tarfile.BLOCKSIZE)
        size = _stated_size(self._next_header)
        if self._next_header != header(GRANT_NAME, size):
            return None
        if size > GRANT_LIMIT_BYTES:
            raise self.damaged(f"has a grant of {size} bytes, more than {GRANT_LIMIT_BYTES}")
        data = self.read(size)
        self.expect(padding(size))
        self._next_header = b""
        return data

    def manifest(self) -> tuple[Manifest, bytes]:
        """Read the manifest, which comes next, and return it and its bytes.

        Raises
        ------
        IndexFormatError
            If the file is no archive of an index, or of another format version.
        IndexDamagedError
            If the manifest is unsound, or the archive is not as long as it says.
        """
        start = self._next_header or self.read(tarfile.BLOCKSIZE)
        size = _stated_size(start)
        if start != header(MANIFEST_NAME, size):
            raise IndexFormatError(f"{self.path}: not an exported index; give a file that export wrote")
        if size > MANIFEST_LIMIT_BYTES:
            raise self.damaged(f"has a manifest of {size} bytes, more than {MANIFEST_LIMIT_BYTES}")
        data = self.read(size)
        self.expect(padding(size))
        try:
            manifest = parse_manifest(data, self.path / MANIFEST_NAME)
        except IndexDamagedError as error:
            raise self.damaged(f"has an unsound manifest: it {error.fault}") from error
        length = self.position
        for name, entry in members(manifest):
            length += len(header(name, entry.size)) + entry.size + len(padding(entry.size))
        length += len(ending(length))
        if self.size not in (None, length):
            raise self.damaged(f"has {self.size} bytes, should have {length}")
        return manifest, data

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, at most a block or the limit of a manifest."""
        parts = []
        while size:
            with refusals(self.path, ParameterError, remedy="see to the disk"):
                part = self._file.read(min(size, BLOCK_BYTES))
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
        """Read `expected`, or fail if the file has other bytes there."""
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


def _stated_size(block: bytes) -> int:
    """Return the size that a header states; 0 where it states none."""
    digits = block[_SIZE_FIELD]
    return int(digits, 8) if re.fullmatch(rb"[0-7]{11}", digits) else 0
