"""Writing a run: rows are appended as files are done; a killed process loses none, a power cut the last few.

A row is handed to the operating system at once, so that a killed process loses none, and flushed to the disk with up to
63 others, or after two seconds: so much a power cut can cost, and the same command makes it again. One scan at a time
may write; the lock goes with the process that holds it.

The log gets one JSON object per line, each with `event` and `at` (UTC, RFC 3339). A path that is no UTF-8 is escaped,
and `name_quoted` (`to_quoted`, ...) beside it has its bytes, percent-encoded:

===============  =======================================================================================================
`session start`  `schema`, `version`, `arguments`, `index_digest`, `settings_digest`, `results_bytes`
`reserved`       `name`, and `to`: the place that is about to be made for it; on the disk before anything is there
`refused`        `name`, `reason`: it may be audio, and was not searched, or not all of it; once for all sessions
`passed over`    `name`, `reason`: it is in a folder and is no audio
`begun`          `name`: the work on it begins, for the first time or once more
`scanned`        `name` (as in the row), `status`, `again` (why, where it was scanned before), `timing_ms`;
                 `moved_from` if it is moved; after an error that nobody expected `fault`: its id and traceback
`known`          `name`, and `of`: the name of a file with the same content, whose result it has been given
`on disk`        `results_bytes`: all rows up to there are
`moved`          `name`, and `to`: where the file was moved after its row, which has that name, was on the disk
`put back`       `name`, and `of`: where it should have gone; it could not be moved, and its row has its old name again
`session end`    `ended` (done, interrupted, failed), `results_bytes`
===============  =======================================================================================================
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fingerprint.errors import EvidenceError, ParameterError, SourceprintError, printable
from fingerprint.new_files import open_ours, own_folder
from index.recheck.trace import trace_name
from index.storage.durable import publish_chunks, sync_folder
from index.storage.locks import claim, put_holder
from sourceprint.scans.results import ScanResult, read_result
from sourceprint.scans.run_folder import LOCK, LOG, OURS, RESULTS, SAFE_BYTES, TRACES, read_rows, refusals
from sourceprint.text.names import quoted, well_formed_json

__all__ = ["LOG_SCHEMA", "Entry", "Journal"]

LOG_SCHEMA = "sourceprint/run-log/1"
MOST_UNSYNCED = 64
SYNC_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Entry:
    """Fields of a row that are kept in memory.

    Attributes
    ----------
    start, stop : int
        Its bytes in the file.
    name : str
        Path of the file that it is about.
    moved_from : str
        Path that the file was found under, if the scan moved it, else "".
    sha256 : str
        Of that file; "" if unknown.
    n_bytes : int or None
        Size of that file on disk.
    index_digest, settings_digest : str
        Digests of the index and of the settings of its search.
    status : str
        As in the result.
    searched : bool
        Whether it could be searched.
    cut : str
        The note that its end is missing, or "".
    track_id : str
        The caller's own id of the track, or "".
    """

    start: int
    stop: int
    name: str
    moved_from: str
    sha256: str
    n_bytes: int | None
    index_digest: str
    settings_digest: str
    status: str
    searched: bool
    cut: str = ""
    track_id: str = ""


class Journal:
    """The one writer of a run; a context manager.

    Parameters
    ----------
    folder : Path
        The folder of the run; made with the folders above it if it is missing.

    Attributes
    ----------
    folder : Path
        The same.
    entries : dict
        By name, the row that counts.
    dropped_bytes : int
        Length of the unfinished tail that was taken off when the run was opened.

    Raises
    ------
    EvidenceError
        On entering, if the folder holds something else, is in use by another scan, cannot be written to, or its results
        are damaged before their end.
    OutputError
        On entering, if its lock is a file that somebody gave this name.
    StorageFullError
        On entering or later, if the disk is full; the rows before are safe.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self.dropped_bytes = 0
        self._results = self._log = self._lock = -1
        self._size = self._n_rows = self._n_unsynced = 0
        self._synced_at = 0.0

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stopped = kind is not None and issubclass(kind, KeyboardInterrupt | GeneratorExit)
        try:
            if kind is None or stopped:
                self.sync()
                self._tidy()
                self._end("interrupted" if stopped else "done")
            else:
                with suppress(SourceprintError):  # report the error that ended the session, not this one
                    self.sync()
                    self._end("failed")
        finally:
            self._release()

    def append(self, row: ScanResult) -> Entry:
        """Add a row, and flush it with others to the disk if it is time.

        Raises
        ------
        StorageFullError, EvidenceError
            If it cannot be written; no part of it remains.
        """
        line = json.dumps(row.raw, separators=(",", ":")).encode("ascii") + b"\n"
        with refusals(self.folder / RESULTS):
            try:
                _write(self._results, line)
            except BaseException:
                os.ftruncate(self._results, self._size)
                raise
        entry = self._note(row, self._size, self._size + len(line))
        self._n_unsynced += 1
        if self._n_unsynced >= MOST_UNSYNCED or time.monotonic() - self._synced_at >= SYNC_SECONDS:
            self.sync()
        return entry

    def log(self, event: str, **fields: Any) -> None:
        """Add an event to the log; errors as `append`."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        exact = {f"{key}_quoted": quoted(value) for key, value in fields.items() if isinstance(value, str)}
        fields |= {key: value for key, value in exact.items() if value}
        line = json.dumps(well_formed_json({"event": event, "at": at, **fields})).encode("ascii") + b"\n"
        with refusals(self.folder / LOG):
            _write(self._log, line)

    def flush_log(self) -> None:
        """Flush all events to the disk; errors as `append`."""
        with refusals(self.folder / LOG):
            os.fsync(self._log)

    def sync(self) -> None:
        """Flush all rows to the disk; errors as `append`."""
        if self._n_unsynced:
            with refusals(self.folder / RESULTS):
                os.fsync(self._results)
            self.log("on disk", **{SAFE_BYTES: self._size})
        self._n_unsynced = 0
        self._synced_at = time.monotonic()

    def row(self, entry: Entry) -> ScanResult:
        """Return the row of an entry.

        Raises
        ------
        EvidenceError
            If it cannot be read, or is not there any more.
        """
        with refusals(self.folder / RESULTS):
            data = os.pread(self._results, entry.stop - entry.start, entry.start)
        try:
            return read_result(json.loads(data))
        except (ValueError, ParameterError) as error:
            raise EvidenceError(
                f"{printable(self.folder / RESULTS)}: was changed while a scan was writing to it; try again"
            ) from error

    def _open(self) -> None:
        with refusals(self.folder):
            if os.path.lexists(self.folder) and not self.folder.is_dir():
                raise EvidenceError(f"{printable(self.folder)}: a file; give a folder for the run")
            missing = [place for place in (self.folder, *self.folder.parents) if not place.exists()]
            for place in reversed(missing):
                place.mkdir(exist_ok=True)
                sync_folder(place.parent)
            foreign = sorted(set(os.listdir(self.folder)) - OURS)
            if foreign and not (self.folder / RESULTS).is_file():
                raise EvidenceError(
                    f"{printable(self.folder)}: no run, and not empty (it holds {printable(foreign[0])}); give a new "
                    "folder, or that of a run"
                )
        self._take_lock()
        flags = os.O_RDWR | os.O_APPEND
        with refusals(self.folder / RESULTS):
            (self.folder / (RESULTS + ".tmp")).unlink(missing_ok=True)
            own_folder(self.folder / TRACES)
            for unfinished in (self.folder / TRACES).glob("*.tmp"):  # of workers that were killed
                unfinished.unlink()
            self._log = open_ours(self.folder / LOG, flags)
            self._results = open_ours(self.folder / RESULTS, flags)
            sync_folder(self.folder)
        self._read()
        with refusals(self.folder / LOG):
            length = os.fstat(self._log).st_size
            if length and os.pread(self._log, 1, length - 1) != b"\n":
                _write(self._log, b"\n")  # a line that was cut off stands alone

    def _take_lock(self) -> None:
        path = self.folder / LOCK
        with refusals(path):
            try:
                self._lock = claim(path)
            except BlockingIOError as error:
                holder = path.read_text("ascii", "replace").strip() or "unknown"
                raise EvidenceError(
                    f"{printable(self.folder)}: another scan (process {printable(holder)}) is writing to this run; "
                    "wait until it has finished, or give another folder"
                ) from error
            put_holder(self._lock, path)

    def _read(self) -> None:
        """Read the rows, and cut off an unfinished one at the end."""
        for line in read_rows(self.folder):
            self._note(line.result, line.start, line.stop)
        with refusals(self.folder / RESULTS):
            self.dropped_bytes = os.fstat(self._results).st_size - self._size
            os.ftruncate(self._results, self._size)
            os.fsync(self._results)

    def _note(self, result: ScanResult, start: int, stop: int) -> Entry:
        n_bytes = result.track.n_bytes
        entry = Entry(
            start,
            stop,
            result.path,
            result.moved_from,
            result.sha256,
            n_bytes if isinstance(n_bytes, int) else None,
            result.index_digest,
            result.settings_digest,
            result.status,
            result.searched,
            result.cut,
            result.track_id,
        )
        if result.moved_from:
            self.entries.pop(result.moved_from, None)
        self.entries[result.path] = entry
        self._n_rows += 1
        self._size = stop
        return entry

    def begin(self, **facts: Any) -> None:
        """Write to the log that a session starts, with facts about it, and flush the log; errors as `append`."""
        self.log("session start", schema=LOG_SCHEMA, **facts, **{SAFE_BYTES: self._size})
        self.flush_log()
        self._synced_at = time.monotonic()

    def _tidy(self) -> None:
        """Take out the rows that no longer count, and the traces that belong to none."""
        if self._n_rows == len(self.entries):
            return
        kept = sorted(self.entries.values(), key=lambda entry: entry.start)
        with refusals(self.folder / RESULTS):
            publish_chunks(self.folder / RESULTS, self._chunks(kept))
            self._size = (self.folder / RESULTS).stat().st_size
            wanted = {
                trace_name(entry.sha256, entry.index_digest, entry.settings_digest)
                for entry in kept
                if entry.status == "matched"
            }
            for path in (self.folder / TRACES).glob("*.spt"):
                if path.name not in wanted:
                    path.unlink()

    def _chunks(self, entries: Iterable[Entry]) -> Iterator[bytes]:
        for entry in entries:
            yield os.pread(self._results, entry.stop - entry.start, entry.start)

    def _end(self, how: str) -> None:
        self.log("session end", ended=how, **{SAFE_BYTES: self._size})
        self.flush_log()

    def _release(self) -> None:
        for descriptor in (self._results, self._log, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._results = self._log = self._lock = -1


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
