"""An index that is open: its content, at the last commit of any process.

Reading takes no lock. A snapshot is kept until a call finds that the index has changed.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fingerprint.arguments import expect_texts
from fingerprint.errors import CatalogueError
from index.folder.index import Index
from index.search.match import STANDARD, SearchOptions
from index.storage.recordings import Recording
from index.storage.snapshot import Snapshot
from sourceprint.blind.blind_import import index_facts
from sourceprint.places import index_place
from sourceprint.scans.scan import open_for
from sourceprint.text.tables import counted

__all__ = ["OpenIndex"]


class OpenIndex:
    """An open index, read by any number of threads.

    Parameters
    ----------
    path : Path
        The index folder.
    keys : Path, optional
        As for `open`.
    """

    def __init__(self, path: Path, *, keys: Path | None = None) -> None:
        self.path = path
        self._keys = keys
        self._is_closed = False
        self._snapshot: Snapshot | None = None
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index; calls that are under way in other threads go on to their end. Twice does no harm."""
        self._is_closed, self._snapshot = True, None

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else counted(len(self), "recording")
        return f"<Catalogue {str(self.path)!r}: {state}>"

    def __len__(self) -> int:
        return len(self.recordings)

    def __contains__(self, recording_id: object) -> bool:
        return recording_id in self._open()

    @property
    def recordings(self) -> Sequence[Recording]:
        """The recordings, in the order of the index; read when they are asked for. `list` sorts them by id."""
        return self._open().recordings

    @property
    def digest(self) -> str:
        """`sha256:` and a digest of the searchable content; results state it as `index.digest`."""
        return self._open().digest

    def recording(self, recording_id: str) -> Recording:
        """Return one recording.

        Parameters
        ----------
        recording_id : str
            Its id, or one that it had before.

        Raises
        ------
        UnknownRecordingError
            If it is not in the catalogue.
        """
        expect_texts(recording_id=recording_id)
        return self._open().by_id(recording_id)

    def info(self) -> dict[str, Any]:
        """Return size, content and parameters of the index: the JSON object that `info --json` prints."""
        return index_facts(self._folder())

    def _folder(self) -> Index:
        """Return the index at its last commit."""
        return Index(self.path, self._open())

    def _place(self) -> Path:
        """Return the folder; a blind index may be opened only while its grant holds."""
        return index_place(self.path, keys=self._keys)

    def _open(self, options: SearchOptions = STANDARD) -> Snapshot:
        """Return the last commit, open."""
        if self._is_closed:
            raise CatalogueError(f"{self.path}: this catalogue was closed; open it again")
        self._snapshot = snapshot = open_for(self._place(), options, reuse=self._snapshot)
        return snapshot
