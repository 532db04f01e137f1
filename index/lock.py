"""One writer at a time: an advisory lock on the file `lock` in the index folder.

The operating system owns the lock, so it is gone the moment the process that held it ends, however it ends: there are
no stale locks to remove. The file also holds the process number of the writer, for the message only; its content
decides nothing. Readers take no part in this: they lock files of their own, by `claim` (`index.leases`).
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from fingerprint.errors import IndexLockedError
from index.durable import refusals

__all__ = ["WriterLock", "claim"]


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
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
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
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise IndexLockedError(
                f"{self.path.parent}: process {holder} is writing to this index; wait until it has finished "
                "(reading and matching are possible meanwhile)"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)


def claim(path: Path) -> int:
    """Open a file that may be deleted by whoever finds it unlocked, created when missing, and lock it.

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
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
