"""Files that survive a power cut: everything in the index folder is written through this module.

A file is written under its own name in a folder that nothing refers to yet, flushed to the disk, and only then named by
the manifest; the manifest itself is written beside the old one and renamed over it. The order is always the same: data,
`fsync` of the file, `fsync` of its folder, rename, `fsync` of the folder. A crash between any two of these steps leaves
either the old state or the new one. Files outside the index are written by `fingerprint.new_files`.

Every file gets its size and SHA-256 while it is being written, without a second pass. A full disk becomes
`StorageFullError`, in every call that notices it; other refusals of the system become `CatalogueError`.
"""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fingerprint import disk
from fingerprint.digests import FileEntry
from fingerprint.errors import CatalogueError
from fingerprint.new_files import new_file

__all__ = [
    "create_private",
    "make_folder",
    "make_parts",
    "pour",
    "publish",
    "publish_chunks",
    "refusals",
    "switch",
    "sync_folder",
    "write_array",
    "write_chunks",
]


def write_chunks(path: Path, chunks: Iterable[bytes | memoryview]) -> FileEntry:
    """Write a new file from consecutive chunks, flush it to the disk and return its size and checksum.

    Raises
    ------
    StorageFullError
        If the disk is full; the unfinished file is removed.
    CatalogueError
        If the system refuses otherwise; for one, if `path` exists: files of the index are never overwritten.
    """
    with refusals(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o644)
        try:
            entry = pour(descriptor, chunks)
            os.fsync(descriptor)
            return entry
        except BaseException:
            _discard(path)
            raise
        finally:
            os.close(descriptor)


def pour(descriptor: int, chunks: Iterable[bytes | memoryview]) -> FileEntry:
    """Write consecutive chunks to an open file and return their size and checksum.

    Raises
    ------
    OSError
        If the system refuses: call it within `refusals`.
    """
    digest = hashlib.sha256()
    size = 0
    for chunk in chunks:
        view = memoryview(chunk).cast("B") if len(chunk) else memoryview(b"")
        digest.update(view)
        size += len(view)
        while view:
            view = view[os.write(descriptor, view) :]
    return FileEntry(size, digest.hexdigest())


def write_array(path: Path, parts: Iterable[NDArray[Any]], *, shape: tuple[int, ...], dtype: DTypeLike) -> FileEntry:
    """Write consecutive parts of one array as a `.npy` file (version 1.0, C order, little-endian).

    Parameters
    ----------
    path : Path
        File to create.
    parts : iterable of ndarray
        Slices along the first axis, in order; only one is held at a time.
    shape : tuple of int
        Shape of the whole.
    dtype : dtype
        Type on disk.

    Returns
    -------
    FileEntry
        Size and checksum of the file.

    Raises
    ------
    StorageFullError
        If the disk is full.
    """
    stored = np.dtype(dtype).newbyteorder("<")

    def chunks() -> Iterator[memoryview]:
        header = BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": np.lib.format.dtype_to_descr(stored), "fortran_order": False, "shape": shape}
        )
        yield memoryview(header.getvalue())
        for part in parts:
            if part.size:
                yield np.ascontiguousarray(part, dtype=stored).data.cast("B")

    return write_chunks(path, chunks())


def publish(path: Path, data: bytes) -> None:
    """Replace the content of `path` in one step: readers get the old content or the new, never a mixture.

    On return the new content is on the disk.

    Raises
    ------
    StorageFullError
        If the disk is full; `path` is as it was.
    OutputError
        If there is a link, a folder or a pipe (`fingerprint.new_files.expect_place`).
    CatalogueError
        If the system refuses otherwise.
    """
    publish_chunks(path, [data])


def publish_chunks(path: Path, chunks: Iterable[bytes | memoryview]) -> FileEntry:
    """Replace the content of `path` as `publish` does, from consecutive chunks, of which only one is held at a time."""
    with refusals(path), new_file(path) as descriptor:
        return pour(descriptor, chunks)


def switch(path: Path, data: bytes, *, temporary: Path) -> None:
    """Replace the content of `path` as `publish` does, by way of a file whose name a format states."""
    with refusals(temporary):
        _discard(temporary)
    write_chunks(temporary, [data])
    with refusals(path):
        try:
            os.replace(temporary, path)
        except BaseException:
            _discard(temporary)
            raise
    sync_folder(path.parent)


def create_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read, in one step; on return it is on the disk.

    Raises
    ------
    FileExistsError
        If `path` exists; it is as it was.
    StorageFullError, CatalogueError
        If the disk is full, or the system refuses otherwise; nothing is left.
    """
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    try:
        with refusals(path), new_file(path, mode=0o600, replace=False) as descriptor:
            pour(descriptor, [data])
    except CatalogueError as error:
        if isinstance(error.__cause__, FileExistsError):
            raise error.__cause__ from None
        raise


def make_folder(folder: Path) -> None:
    """Create a folder; errors as `write_chunks`."""
    with refusals(folder):
        os.mkdir(folder)


def make_parts(folder: Path) -> None:
    """Create the folder of segments of an index, if it is missing: some copies lack empty ones."""
    if not (folder / "segments").exists():
        make_folder(folder / "segments")


def sync_folder(folder: Path) -> None:
    """Flush the names in `folder` to the disk; errors as `write_chunks`."""
    with refusals(folder):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def refusals(path: Path) -> AbstractContextManager[None]:
    """Refusals while the index is written, as `StorageFullError` or `CatalogueError`."""
    remedy = "see to the disk and the permissions of the folder"
    return disk.refusals(path, CatalogueError, "cannot be written", safe="earlier commits are safe", remedy=remedy)


def _discard(path: Path) -> None:
    path.unlink(missing_ok=True)
