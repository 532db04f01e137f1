"""Moving a file onto a place that was reserved for it: none is overwritten, none is seen half-moved.

The place is the same as in the folder that the file comes from, below the one it goes to. A name that is taken gets the
first 8 digits of the SHA-256 of the file before its suffix, or all of them, or all of them and a number from 2. It is
reserved by making an empty file, whose place the file then takes in one step. Between file systems it is copied beside
it first, under a name that starts with a dot and ends in .part; only when the copy is on the disk is the file removed
where it was, and the copy takes the place of the reservation.

So the file is where it was, or in its place, or whole in that copy; and while it is not in its place, that is empty.
`evidence.runs.carrying` brings moves to their end that were interrupted.
"""

import errno
import itertools
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from evidence.runs.folder import refusals
from index.durable import publish_chunks, sync_folder

__all__ = ["drop_reservation", "finish_copy", "has_copy", "is_reserved", "move", "reserve"]

_BLOCK_BYTES = 1 << 20


def reserve(wanted: Path, *, sha256: str, is_free: Callable[[Path], bool], announce: Callable[[Path], None]) -> Path:
    """Make an empty file as the place of another, flush it to the disk, and return it.

    Parameters
    ----------
    wanted : Path
        The place that would be best; folders above it are made if they are missing.
    sha256 : str
        Of the file, for a name that is taken; 64 hexadecimal digits.
    is_free : callable
        Whether a name may be used as far as anybody knows; what there is on the disk is never used.
    announce : callable
        Called with the place before it is made.

    Raises
    ------
    EvidenceError, StorageFullError
        If the system refuses; nothing is reserved.
    """
    with refusals(wanted):
        wanted.parent.mkdir(parents=True, exist_ok=True)
        places = _places(wanted, sha256)
        while True:
            place = next(places)
            if os.path.lexists(place) or not is_free(place):
                continue
            announce(place)
            try:
                os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
            except FileExistsError:
                continue  # somebody was faster
            sync_folder(place.parent)
            return place


def is_reserved(place: Path) -> bool:
    """Whether there is an empty file and nothing else."""
    try:
        found = os.lstat(place)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


def move(path: Path, place: Path) -> None:
    """Move a file onto its reservation; on return it is on the disk.

    Raises
    ------
    EvidenceError, StorageFullError
        If the system refuses. While `place` is reserved still, the file is where it was, or in the copy beside `place`.
    """
    with refusals(place):
        try:
            os.replace(path, place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            publish_chunks(_copy_of(place), _blocks(path))
            shutil.copystat(path, _copy_of(place))
            os.unlink(path)
            sync_folder(path.parent)
            os.replace(_copy_of(place), place)
        sync_folder(place.parent)
        sync_folder(path.parent)


def has_copy(place: Path) -> bool:
    """Whether a move was interrupted when the copy beside the place was whole."""
    return os.path.lexists(_copy_of(place))


def finish_copy(place: Path) -> None:
    """Let the copy beside a reservation take its place; errors as `move`."""
    with refusals(place):
        os.replace(_copy_of(place), place)
        sync_folder(place.parent)


def drop_reservation(place: Path) -> None:
    """Remove a reservation and what was copied for it, where they are; errors as `move`."""
    copy = _copy_of(place)
    with refusals(place):
        for path in (copy.with_name(copy.name + ".tmp"), copy, place):
            path.unlink(missing_ok=True)


def _places(wanted: Path, sha256: str) -> Iterator[Path]:
    yield wanted
    ends = itertools.chain((sha256[:8], sha256), (f"{sha256}-{n}" for n in itertools.count(2)))
    for end in ends:
        yield wanted.with_name(f"{wanted.stem}-{end}{wanted.suffix}")


def _copy_of(place: Path) -> Path:
    return place.with_name(f".{place.name}.part")


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            yield block
