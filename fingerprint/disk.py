"""Turn errors of the operating system into errors of ours.

Files from outside are opened here, if they are regular ones; small files are read whole.

A message names the file, the failed operation, the system's reason, what was kept safe, and the
remedy; by default the remedy follows from the system's error number.
"""

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fingerprint.errors import CatalogueError, DecodeError, SourceprintError, StorageFullError, printable

__all__ = ["decoded", "file_digest", "is_full", "open_regular_file", "read_small", "refusals"]

_BUFFER_BYTES = 1 << 18  # libsndfile asks for a kilobyte at a time
_MOST_HOLE_BYTES = 1 << 34  # of zeros that take no room on the disk: a name of a terabyte costs its maker nothing

_REMEDIES = {
    errno.ENOENT: "check the spelling and the folder",
    errno.EACCES: "see to its permissions",
    errno.EPERM: "see to its permissions",
    errno.EROFS: "name a place that is not read-only",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "check the folders in its path",
}


def is_full(error: OSError) -> bool:
    """Return whether the disk is full, or a quota reached."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def refusals(
    name: str | os.PathLike[str],
    failure: type[SourceprintError],
    what: str = "cannot be read",
    *,
    safe: str = "",
    remedy: str = "",
) -> Iterator[None]:
    """Turn an `OSError` inside the block into an error of ours.

    An error of another door inside the block, such as that of a file of the index, is worded anew for this file.

    Parameters
    ----------
    name : str or path-like
        The file, or its name in messages.
    failure : type
        The error to raise.
    what : str
        The failed operation, in words.
    safe : str
        Data that is safe all the same, where something was written.
    remedy : str
        Next step for the user; by default it follows from the number of the error.

    Raises
    ------
    StorageFullError
        If the disk is full or a quota reached.
    SourceprintError
        The `failure`, if anything else is refused.

    Examples
    --------
    >>> from fingerprint.errors import ParameterError
    >>> with refusals("a.csv", ParameterError, "this list is lost"):
    ...     open("nowhere/a.csv")
    Traceback (most recent call last):
    ...
    fingerprint.errors.ParameterError: a.csv: this list is lost (No such file or directory); check the spelling and ...
    """
    try:
        yield
    except (OSError, CatalogueError) as error:
        system = error if isinstance(error, OSError) else error.__cause__
        if isinstance(error, failure) or not isinstance(system, OSError):
            raise
        shown, kept = printable(name), f"{safe}; " if safe else ""
        if is_full(system):
            raise StorageFullError(
                f"{shown}: no space left on the disk; {kept}free some space and try again"
            ) from system
        remedy = remedy or _REMEDIES.get(system.errno or 0, "see to the disk it is on")
        raise failure(f"{shown}: {what} ({system.strerror or system}); {kept}{remedy}") from system


def read_small(
    path: Path,
    failure: type[SourceprintError],
    *,
    most: int,
    too_large: str,
    name: str = "",
    what: str = "cannot be read",
    remedy: str = "",
) -> bytes:
    """Return the content of a file that has at most `most` bytes.

    Parameters
    ----------
    path : Path
        The file.
    failure : type
        The error to raise.
    most : int
        Largest size in bytes; no more is read.
    too_large : str
        Message for a larger file.
    name : str
        The file's name in messages, by default its path.
    what, remedy : str
        As in `refusals`.

    Raises
    ------
    SourceprintError
        The `failure`, if the system refuses or the file is larger.
    """
    name = name or printable(path)
    with refusals(name, failure, what, remedy=remedy), path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise failure(f"{name}: {too_large}")
    return data


def decoded(data: bytes, name: str, failure: type[SourceprintError]) -> str:
    """Return bytes as text, in UTF-8 with or without a byte order mark.

    Raises
    ------
    SourceprintError
        The `failure`, if they are no UTF-8; the message says which byte.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise failure(
            f"{name}: not UTF-8 (byte 0x{error.object[error.start]:02x} at position {error.start}); save it as UTF-8"
        ) from error


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Parameters
    ----------
    path : str or path-like
        A regular file of any content, not empty.

    Returns
    -------
    str

    Raises
    ------
    DecodeError
        If it cannot be read, as `open_regular_file`.
    """
    name = printable(path)
    with (
        open_regular_file(path, name) as file,
        refusals(name, DecodeError, "reading failed", remedy="check the disk it is on"),
    ):
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_regular_file(path: str | os.PathLike[str], name: str) -> io.BufferedReader:
    """Return `path` opened for reading; never wait for a pipe to be written to.

    Parameters
    ----------
    path : str or path-like
        A regular file.
    name : str
        The file's name in messages.

    Raises
    ------
    DecodeError
        If it is missing, empty, may not be read, is no regular file, or consists of nothing but its length.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError as error:
        if os.path.islink(path):
            raise DecodeError(f"{name}: this link leads nowhere; mend or remove it") from error
        raise DecodeError(f"{name}: no such file; check the spelling and the folder") from error
    except PermissionError as error:
        raise DecodeError(f"{name}: may not be read by this user; change its permissions") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DecodeError(f"{name}: cannot be opened ({reason}); give the path of an audio file") from error
    status = os.fstat(descriptor)
    hole_bytes = _hole_bytes(descriptor, status.st_size) if stat.S_ISREG(status.st_mode) else 0
    if stat.S_ISREG(status.st_mode) and status.st_size and hole_bytes <= _MOST_HOLE_BYTES:
        return io.BufferedReader(io.FileIO(descriptor, "rb"), _BUFFER_BYTES)
    os.close(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise DecodeError(f"{name}: is a folder, not an audio file; give the files in it")
    if not stat.S_ISREG(status.st_mode):
        raise DecodeError(f"{name}: is a pipe or device, not a regular file; save the audio to a file first")
    if hole_bytes:
        raise DecodeError(
            f"{name}: {hole_bytes} bytes of it were never written, and take no room on the disk; at most "
            f"{_MOST_HOLE_BYTES} are read: copy or download it again"
        )
    raise DecodeError(f"{name}: empty file (0 bytes); copy or download it again")


def _hole_bytes(descriptor: int, size: int) -> int:
    """Return how many bytes of a large file were never written, once there are too many; 0 where that is not known."""
    if size <= _MOST_HOLE_BYTES:
        return 0
    n_bytes = at = 0
    try:
        while at < size and n_bytes <= _MOST_HOLE_BYTES:
            start = at
            try:
                at = os.lseek(descriptor, start, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:  # which says that no data follow
                    raise
                at = size
            n_bytes += at - start
            at = os.lseek(descriptor, at, os.SEEK_HOLE) if at < size else size
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError:
        return 0  # a file system that does not tell
    return n_bytes
