"""Files that are done, moved to another folder: the row of each names its new place, and none is lost or overwritten.

The place is the same as in the folder that the file comes from, below the one it goes to. A name that is taken gets the
first 8 digits of the SHA-256 of the file before its suffix, or all of them, or all of them and a number from 2. An
empty file reserves the place; the file replaces it in one step. Between file systems a whole copy replaces it, and
then the file is removed where it was. No link is followed: neither in the place, nor in a folder above it.

A file is moved in four steps, each on the disk before the next: the log names the place; the place is reserved; the row
is written, under the name of the place; the file goes there. If the process ends in between, the next session
(`finish_moves`) finds the place empty: with a row it moves the file there, without one it removes the reservation, as
if nothing had been looked at; or it finds the copy in its place, and removes the file where it was. A place whose name
has another content on record is not given again, so that no result is lost when files of the same name come again and
again.
"""

import errno
import itertools
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fingerprint.errors import EvidenceError, StorageFullError
from fingerprint.extract import is_fingerprint_file
from fingerprint.new_files import new_file, own_folder
from index.storage.durable import pour, sync_folder
from sourceprint.scans.journal import Entry, Journal
from sourceprint.scans.plan import content_of
from sourceprint.scans.run_folder import refusals, unfinished_moves
from sourceprint.scans.scan_json import renamed_row

__all__ = ["Mover", "drop_reservation", "finish_moves", "is_reserved", "move", "reserve"]

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
        Whether no record uses a name; names that exist on the disk are never used.
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
        If the system refuses; the file is where it was.
    """
    with refusals(place):
        try:
            os.replace(path, place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(path, place)
            os.unlink(path)
        sync_folder(place.parent)
        sync_folder(path.parent)


def drop_reservation(place: Path) -> None:
    """Remove a reservation, where it is; errors as `move`."""
    with refusals(place):
        place.unlink(missing_ok=True)


def _places(wanted: Path, sha256: str) -> Iterator[Path]:
    yield wanted
    ends = itertools.chain((sha256[:8], sha256), (f"{sha256}-{n}" for n in itertools.count(2)))
    for end in ends:
        yield wanted.with_name(f"{wanted.stem}-{end}{wanted.suffix}")


def _copy(path: Path, place: Path) -> None:
    found = os.stat(path)
    with new_file(place) as descriptor:
        pour(descriptor, _blocks(path))
        os.utime(descriptor, ns=(found.st_atime_ns, found.st_mtime_ns))
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode))


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


class Mover:
    """Moves files out of some folders, and tells where to before their rows are written.

    Parameters
    ----------
    journal : Journal
        Of the run.
    folder : Path
        Where files go; made if it is missing.
    out_of : sequence of Path
        Folders that files come from; other files are not moved.
    is_unchanged : callable
        Whether a file is still as it was when it was handed to the scan; any other stays.
    """

    def __init__(
        self, journal: Journal, folder: Path, out_of: Sequence[Path], *, is_unchanged: Callable[[Path], bool]
    ) -> None:
        self._journal = journal
        self._folder = folder
        self._out_of = tuple(out_of)
        self._is_unchanged = is_unchanged

    def wants(self, path: Path) -> bool:
        """Whether a file is to be moved, if it could be searched."""
        return self._below(path) is not None and self._is_unchanged(path)

    def reserve(self, path: Path, sha256: str) -> Path:
        """Return the place that a file gets; the next row must have its name.

        Parameters
        ----------
        path : Path
            A file that `wants` is true of.
        sha256 : str
            Of its row.

        Raises
        ------
        EvidenceError, StorageFullError
            If the system refuses, or the file lies in no folder that files come from; nothing is reserved.
        """

        def is_free(place: Path) -> bool:
            entry = self._journal.entries.get(str(place))
            return entry is None or entry.sha256 == sha256

        def announce(place: Path) -> None:
            self._journal.log("reserved", name=str(path), to=str(place))
            self._journal.flush_log()

        below = self._below(path)
        wanted = self._folder / (path.name if below is None else path.relative_to(below))
        with refusals(wanted):
            self._folder.mkdir(parents=True, exist_ok=True)
            for folder in reversed(wanted.parents):
                if self._folder in folder.parents:
                    own_folder(folder)  # no file goes through a link that leads elsewhere
        return reserve(wanted, sha256=sha256, is_free=is_free, announce=announce)

    def bring(self, entry: Entry) -> None:
        """Move the file of a row that has just been written; one that somebody has taken away is let go.

        Raises
        ------
        EvidenceError, StorageFullError
            If the system refuses. The file is where it was then, and its row has its old name again.
        """
        self._journal.sync()
        _bring(self._journal, entry)

    def _below(self, path: Path) -> Path | None:
        return next((folder for folder in self._out_of if path.is_relative_to(folder)), None)


def finish_moves(journal: Journal) -> None:
    """Finish the moves that the last session left unfinished; call it before this session begins.

    A file that cannot be moved gets its old name back in its row.

    Raises
    ------
    EvidenceError, StorageFullError
        If the system refuses anything else.
    """
    for place, path in unfinished_moves(journal.folder).items():
        entry = journal.entries.get(str(place))
        if entry is None or entry.moved_from != str(path):
            if is_reserved(place):
                drop_reservation(place)
            continue
        content = (is_fingerprint_file(place), entry.sha256)
        if not is_reserved(place):
            if content_of(path) == content_of(place) == content:
                _finish_copy(path, place)
                journal.log("moved", name=str(path), to=str(place))
        elif content_of(path) == content:
            try:
                _bring(journal, entry)
            except (EvidenceError, StorageFullError):
                if is_reserved(place):
                    raise
        else:
            drop_reservation(place)  # taken away or altered meanwhile; its result stays on record


def _finish_copy(path: Path, place: Path) -> None:
    """Remove a file of which the copy has its place; errors as `move`."""
    with refusals(place):
        if not os.path.samefile(path, place):
            path.unlink()
            sync_folder(path.parent)


def _bring(journal: Journal, entry: Entry) -> None:
    path, place = Path(entry.moved_from), Path(entry.name)
    try:
        move(path, place)
    except (EvidenceError, StorageFullError):
        if not is_reserved(place):
            raise
        if os.path.lexists(path):
            _put_back(journal, entry)
            drop_reservation(place)
            raise
        drop_reservation(place)
        return
    journal.log("moved", name=entry.moved_from, to=entry.name)


def _put_back(journal: Journal, entry: Entry) -> None:
    """Write the row of a file that could not be moved under the name that it has, instead of the other."""
    row = renamed_row(journal.row(entry), entry.moved_from, moved_from=entry.name)
    journal.append(row)
    journal.log("put back", name=entry.moved_from, of=entry.name)
    journal.sync()
