"""The watcher of a server: it looks into watched folders, as `scan --watch` does, and submits what is ready.

Of several servers one looks into each folder: it holds the lease of the watch. After a restart all files of a folder
are looked at again; those on file with the same size and time of change are not even read.
"""

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

from fingerprint.errors import AudioError, SourceprintError
from fingerprint.extract import audio_digest
from sourceprint.scans.watch import FolderLook, SettledFiles, is_being_written
from sourceprint.service.line.watches import Watch, hold_watches, note_file, note_look, was_found
from sourceprint.service.store.database import ServiceDatabase

__all__ = ["Watcher"]

_LOG = logging.getLogger("sourceprint.service")
_EVERY_SECONDS = 2.0
_LEASE_SECONDS = 60
_NOTE_SECONDS = 30  # between two looks that are written down


class Watcher:
    """Looks into watched folders.

    Parameters
    ----------
    database : ServiceDatabase
    readable : sequence of Path
        Folders that the server may read.
    clock : callable
        Returns the time in seconds, of a clock that never goes back.
    """

    def __init__(
        self, database: ServiceDatabase, readable: Sequence[Path], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._readable = readable
        self._clock = clock
        self._owner = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._looks: dict[str, tuple[FolderLook, SettledFiles]] = {}
        self._noted: dict[str, float] = {}

    def look(self, stopping: Event | None = None) -> int:
        """Look into every folder that no other process looks after; return how many scans were submitted.

        It ends after the file in hand where `stopping` is set.
        """
        stopping = stopping or Event()
        held = hold_watches(self._database, self._owner, lease_seconds=_LEASE_SECONDS)
        self._looks = {one.id: self._looks[one.id] for one in held if one.id in self._looks}
        n = 0
        for one in held:
            error = ""
            try:
                n += self._look_into(one, stopping)
            except (SourceprintError, OSError) as fault:
                error = str(fault)
                self._looks.pop(one.id, None)  # what is ready is told once: look at all of it again
            now = self._clock()
            if error != (one.error or "") or now - self._noted.get(one.id, -float("inf")) >= _NOTE_SECONDS:
                self._noted[one.id] = now
                note_look(self._database, one, error)
        return n

    def _look_into(self, held: Watch, stopping: Event) -> int:
        folder = Path(held.folder)
        if not self._may_read(folder) or not folder.is_dir():
            raise FileNotFoundError(f"{folder} is not there, or is in no folder that this server may read")
        if held.id not in self._looks:
            settled = SettledFiles(held.settle_seconds)
            self._looks[held.id] = FolderLook([folder], [], settled, self._readable), settled
        look, settled = self._looks[held.id]
        batch = look.ready(self._clock())
        if batch is None:
            return 0
        for refusal in batch.refusals:
            if refusal.path is not None:
                note_file(
                    self._database, held, self._owner, refusal.path, signature=_signature(refusal.path),
                    reason=refusal.reason,
                )  # fmt: skip
        return sum(self._take(held, item.path, settled) for item in batch.items if not stopping.is_set())

    def _take(self, held: Watch, path: Path, settled: SettledFiles) -> bool:
        """Submit a file, if it is new; return whether it was."""
        signature = _signature(path)
        if is_being_written(path):
            settled.forget([path])
            return False
        with self._database.reading() as connection:
            if was_found(connection, held, path, signature):
                return False
        if not self._may_read(path):
            reason = "leads by a link to a file that this server may not read"
            return note_file(self._database, held, self._owner, path, signature=signature, reason=reason) and False
        try:
            sha256 = audio_digest(path)
        except AudioError as error:
            note_file(self._database, held, self._owner, path, signature=signature, reason=str(error))
            return False
        hold_watches(self._database, self._owner, lease_seconds=_LEASE_SECONDS)  # a long file takes its time
        return note_file(self._database, held, self._owner, path, signature=signature, sha256=sha256)

    def _may_read(self, path: Path) -> bool:
        real = os.path.realpath(path)  # `Path.resolve` raises where links lead in a circle
        return any(Path(real).is_relative_to(os.path.realpath(root)) for root in self._readable)


def _signature(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "gone"
    return f"{status.st_size} {status.st_mtime_ns}"
