"""Carrying off files that are done, out of a folder that is watched: none is overwritten, none is seen half-moved.

The place is the same as in the folder that the file comes from, below the one it goes to. A name that is taken gets the
first 8 digits of the SHA-256 of the file before its suffix, or all of them. The name is reserved by making an empty
file, then the file takes its place in one step; between file systems it is copied beside it first, and removed where it
was once the copy is on the disk.
"""

import errno
import os
import shutil
from pathlib import Path

from evidence.runs.folder import refusals
from fingerprint.errors import EvidenceError, printable
from index.durable import sync_folder

__all__ = ["move"]


def move(path: Path, folder: Path, *, below: Path, sha256: str) -> Path:
    """Move a file and return where it is now.

    Parameters
    ----------
    path : Path
        The file, somewhere in `below`.
    folder : Path
        Where it goes; made if it is missing.
    below : Path
        The folder that takes the place of `folder`.
    sha256 : str
        Of the file, for a name that is taken; 64 hexadecimal digits.

    Raises
    ------
    EvidenceError
        If it cannot be moved; it is where it was.
    StorageFullError
        If the disk is full; likewise.
    """
    wanted = folder / path.relative_to(below)
    with refusals(wanted):
        wanted.parent.mkdir(parents=True, exist_ok=True)
        target = _reserved(wanted, sha256)
        try:
            try:
                os.replace(path, target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                _carry(path, target)
        except BaseException:
            _drop_reservation(target, path)
            raise
        sync_folder(target.parent)
    return target


def _reserved(wanted: Path, sha256: str) -> Path:
    names = [wanted.name, *(f"{wanted.stem}-{digits}{wanted.suffix}" for digits in (sha256[:8], sha256))]
    for name in names:
        target = wanted.with_name(name)
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        except FileExistsError:
            continue
        return target
    raise EvidenceError(
        f"{printable(wanted)}: this name and those with its digest are taken; give another folder to move files to"
    )


def _carry(path: Path, target: Path) -> None:
    """Move a file to another file system, onto its reservation."""
    beside = target.with_name(f".{target.name}.part")
    try:
        shutil.copy2(path, beside)
        descriptor = os.open(beside, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(target.parent)
    path.unlink()


def _drop_reservation(target: Path, path: Path) -> None:
    if os.path.lexists(path) and target.stat().st_size == 0:
        target.unlink()
