"""Carrying off files that are done, so that the row of each names the place where the file is.

A file is moved in four steps, each on the disk before the next: the log says which place is made for it; the place is
made (`evidence.runs.moving`); the row is written, under the name of the place; the file goes there. Whatever ends the
process in between, the next session finds the place empty: with a row it brings the file there, without one it removes
the place and the file is as if it had never been looked at. A place whose name another content has on record is not
given again, so that no result is lost when files of the same name come again and again.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from evidence.results import read_result
from evidence.runs.history import unfinished_moves
from evidence.runs.journal import Entry, Journal
from evidence.runs.moving import drop_reservation, finish_copy, has_copy, is_reserved, move, reserve
from evidence.runs.planning import content_of
from fingerprint.errors import EvidenceError, StorageFullError
from fingerprint.sources import is_fingerprint_file
from index.scan_json import renamed_row

__all__ = ["Mover", "finish_moves"]


class Mover:
    """Moves files out of some folders, and tells where to before their rows are written.

    Parameters
    ----------
    journal : Journal
        Of the run.
    folder : Path
        Where files go; made if it is missing.
    out_of : sequence of Path
        Folders that files come from; what lies in none of them stays.
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
    """Bring to an end what the last session left unfinished; to be called before this one begins.

    A file that cannot be moved gets its old name back in its row.

    Raises
    ------
    EvidenceError, StorageFullError
        If the system refuses anything else.
    """
    for place, path in unfinished_moves(journal.folder).items():
        if not is_reserved(place):
            continue
        entry = journal.entries.get(str(place))
        if entry is None or entry.moved_from != str(path):
            drop_reservation(place)
        elif content_of(path) == (is_fingerprint_file(place), entry.sha256):
            try:
                _bring(journal, entry)
            except (EvidenceError, StorageFullError):
                if is_reserved(place):
                    raise
        elif has_copy(place):
            finish_copy(place)
            journal.log("moved", name=str(path), to=str(place))
        else:
            drop_reservation(place)  # taken away or altered meanwhile; what was found in it stays on record


def _bring(journal: Journal, entry: Entry) -> None:
    path, place = Path(entry.moved_from), Path(entry.name)
    try:
        move(path, place)
    except (EvidenceError, StorageFullError):
        if not is_reserved(place) or (has_copy(place) and not os.path.lexists(path)):
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
    journal.append(row, read_result(row))
    journal.log("put back", name=entry.moved_from, of=entry.name)
    journal.sync()
