"""One writer at a time: an advisory lock on the file `lock` in the index folder.

The operating system owns the lock, so it is gone the moment the process that held it ends, however it ends: there are
no stale locks to remove. The file also holds the process number of the writer, for the message only; its content
decides nothing. Readers take no part in this: they lock files of their own, by `claim` (`index.storage.locks`).

Leases: keep a commit's files on disk while worker processes still need to open them.

A reader that has everything mapped needs no lease. One whose workers open the same commit minutes later does, as a
compaction deletes files that the manifest no longer names. A lease is a file `readers/<unique>.json` with the manifest
that the reader saw, byte for byte, and an exclusive `flock` on it for as long as the reader lives. The writer deletes
only files that neither the manifest nor a lease names, and the rest with a later commit. The lock is the operating
system's, so it ends with the process however that ends: a lease that nobody has locked is stale, and the next writer
deletes it. As leases mean nothing after a power cut, they are not flushed to the disk.

Nothing is deleted under a reader, even if a step in between fails:

1. The reader reads the manifest, then writes and locks its lease, then *reads the manifest again*, and starts over
   if that has changed. The writer switches the manifest first, and *lists the leases after that*. If the reader found
   its manifest still in place, every later switch, and so the listing after it, finds its lease complete. A listing
   that came before belongs to a writer that had switched to this very manifest, and deletes none of its files.
2. Between making the file and locking it, the writer may take it for stale and delete it, which it does under a shared
   lock. The reader looks its file up again once it has the lock (`index.storage.locks.claim`), and makes another.
3. A lease that is locked and cannot be read is being written at this moment, is damaged, or belongs to another version:
   while there is one, the writer deletes nothing.

Where no lease can be taken (read-only media, folders of others, full disks, file systems without locks), readers do
without: files that they have open stay; their workers may open a later commit.
"""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from fingerprint import disk
from fingerprint.errors import CatalogueError, IndexLockedError, OutputError
from fingerprint.new_files import open_ours, own_folder
from index.storage.durable import refusals
from index.storage.manifest import (
    MANIFEST_LIMIT_BYTES,
    MANIFEST_NAME,
    SIDE_FILE,
    Manifest,
    parse_manifest,
    read_manifest_bytes,
)

__all__ = ["CommitToken", "Lease", "WriterLock", "claim", "leased", "leased_manifest", "sweep"]


class WriterLock:
    """Context manager that holds the writer's lock of one index folder.

    Parameters
    ----------
    path : Path
        The lock file; created when missing, never deleted.

    Raises
    ------
    IndexLockedError
        On entering, if another writer holds the lock; names its process number.
    StorageFullError, CatalogueError
        On entering, if the folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        with refusals(self.path):
            descriptor = open_ours(self.path, os.O_RDWR)
            try:
                self._take(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            number = os.pread(descriptor, _MOST_HOLDER_BYTES, 0).decode("ascii", "replace").strip()
            holder = f"process {number}" if number else "another thread or process"  # one that has just begun
            raise IndexLockedError(
                f"{self.path.parent}: {holder} is writing to this index; wait until it has finished "
                "(reading and matching are possible meanwhile)"
            ) from error
        put_holder(descriptor, self.path)


def put_holder(descriptor: int, path: Path) -> None:
    """Write the number of this process to a lock that it holds, in the place of another.

    Raises
    ------
    OutputError
        If something else is in it: it is no lock, but a file that somebody gave this name.
    """
    if not _HOLDER.fullmatch(os.pread(descriptor, _MOST_HOLDER_BYTES, 0)):
        raise OutputError(f"{path}: holds no process number, so it is no lock; move it away")
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)


def claim(path: Path) -> int:
    """Open and lock a file, created when missing, that another process may delete while it is unlocked.

    Between opening and locking it another process may have locked and deleted it, or renamed it; the lock would then be
    on a file that `path` no longer names. So the name is looked up again under the lock.

    Returns
    -------
    int
        Descriptor, open for reading and writing, of the file that `path` names; the lock goes when it is closed.

    Raises
    ------
    BlockingIOError
        If another process holds the lock at this moment.
    OSError
        If the system refuses.
    """
    while True:
        descriptor = open_ours(path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


FOLDER_NAME = "readers"
_HOLDER = re.compile(rb"([0-9]+\n)?")
_MOST_HOLDER_BYTES = 32
_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class CommitToken:
    """One state of an index, to be handed to other processes; small and picklable.

    Attributes
    ----------
    generation : int
        Number of the commit.
    lease : str
        File name of the lease that keeps it; "" where none could be taken.
    sha256 : str
        SHA-256 of the manifest, 64 hexadecimal digits.
    """

    generation: int
    lease: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Lease:
    """A commit of the index whose files stay until the lease ends.

    Attributes
    ----------
    token : CommitToken
        Token by which other processes open the same state.
    manifest : Manifest
        The state.
    data : bytes
        The manifest as it is on the disk.
    """

    token: CommitToken
    manifest: Manifest
    data: bytes


@contextmanager
def leased(folder: Path) -> Iterator[Lease]:
    """Keep the files of the last commit inside the block; without an effect, but no error, where that is impossible.

    Parameters
    ----------
    folder : Path
        The index folder.

    Raises
    ------
    IndexMissingError, IndexFormatError, IndexDamagedError, CatalogueError
        As `index.storage.manifest.read_manifest`, or if the manifest changes all the time.
    """
    for _ in range(_ATTEMPTS):
        data = read_manifest_bytes(folder)
        manifest = parse_manifest(data, folder / MANIFEST_NAME)
        with _locked_file(folder / FOLDER_NAME, data) as name:
            if not name or read_manifest_bytes(folder) == data:
                token = CommitToken(manifest.generation, name, hashlib.sha256(data).hexdigest())
                yield Lease(token, manifest, data)
                return
    raise CatalogueError(f"{folder}: the index changed {_ATTEMPTS} times while it was being opened; try again")


def leased_manifest(folder: Path, token: CommitToken) -> Manifest:
    """Return the manifest that a lease keeps.

    Raises
    ------
    CatalogueError
        If the lease has ended, or is not the one that the token was made for.
    """
    path = folder / FOLDER_NAME / token.lease
    remedy = "it keeps what is being read from being deleted: leave it in place, and try again"
    with disk.refusals(path, CatalogueError, remedy=remedy):
        data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != token.sha256:
        raise CatalogueError(f"{path}: was altered while it was in use; leave it alone, and try again")
    return parse_manifest(data, path)


def sweep(folder: Path, manifest: Manifest) -> None:
    """Delete files that neither the manifest nor a live lease names, and stale leases; for the writer, after switching.

    Files that cannot be deleted are left for the next time.

    Parameters
    ----------
    folder : Path
        The index folder.
    manifest : Manifest
        The one in place.
    """
    with suppress(OSError):  # leftovers are removed next time
        (folder / (MANIFEST_NAME + ".tmp")).unlink(missing_ok=True)
    kept = {*manifest.parts(), *manifest.side_files()}
    for lease in list(_live_leases(folder / FOLDER_NAME)):
        if lease is None:
            return
        kept |= {*lease.parts(), *lease.side_files()}
    own_folder(folder / "segments")
    for part in (folder / "segments").iterdir():
        if f"segments/{part.name}" not in kept:
            shutil.rmtree(part, ignore_errors=True)
    for path in folder.iterdir():
        if SIDE_FILE.fullmatch(path.name) and path.name not in kept:
            with suppress(OSError):  # leftovers are removed next time
                path.unlink()


@contextmanager
def _locked_file(place: Path, data: bytes) -> Iterator[str]:
    """Keep a locked file with this content inside the block; yield its name, "" if the system refuses to make it."""
    path = place / f"{os.getpid()}-{secrets.token_hex(8)}.json"
    descriptor = _make(path, data)
    try:
        yield "" if descriptor is None else path.name
    finally:
        if descriptor is not None:
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)


def _make(path: Path, data: bytes) -> int | None:
    try:
        own_folder(path.parent)
        descriptor = _claim(path)
    except (OSError, OutputError):
        return None
    try:
        os.fchmod(descriptor, 0o644)  # other writers of the index must be able to read it, to see that it is stale
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)
        return None
    return descriptor


def _claim(path: Path) -> int:
    while True:
        try:
            return claim(path)
        except BlockingIOError:
            continue  # the writer is just finding out whether it is stale
        except OSError:
            with suppress(OSError):
                path.unlink()  # made, but not locked: this file system has no locks
            raise


def _live_leases(place: Path) -> Iterator[Manifest | None]:
    """Yield the manifests of live leases, None for one that cannot be read; delete the others."""
    if place.is_symlink():
        yield None  # these are none of ours
        return
    try:
        paths = sorted(place.glob("*.json"))
    except OSError:
        return
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        except OSError:
            yield None
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            yield _manifest_in(descriptor, path)
        else:
            with suppress(OSError):
                path.unlink()  # before the lock goes, so that a reader that was about to take it notices
        finally:
            os.close(descriptor)


def _manifest_in(descriptor: int, path: Path) -> Manifest | None:
    try:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return parse_manifest(file.read(MANIFEST_LIMIT_BYTES), path)
    except (OSError, CatalogueError):
        return None
