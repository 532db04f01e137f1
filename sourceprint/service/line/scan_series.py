"""Scans of one organisation in a row, by one process.

A process that is forked for one file spends a quarter of its time on pages of memory that it copies and maps anew. So
the process that has scanned a file waits a moment for the next one. It gets files of one organisation alone, for a
search in one state of one index with one set of options. Each file has limits of time and memory as if it were the
first (`sourceprint.workers`); the process ends with the first file that it cannot read, so that no other file is read
after a hostile one.
"""

import time
from collections import deque
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from index.search.match import SearchOptions
from index.storage.snapshot import Snapshot
from sourceprint.items import Item
from sourceprint.scans.scan import Scan, scan_each

__all__ = ["ScanSeries"]

_MOST_FILES = 64  # of one process
_IDLE_SECONDS = 5.0  # that it waits for the next file


@dataclass(slots=True, eq=False)
class _Process:
    """A process with the files that it was given."""

    organisation_id: str
    snapshot: Snapshot
    options: SearchOptions
    files: deque[Item]
    scans: Generator[Scan, None, None]
    n_files: int = 0
    done_at: float = 0.0

    def may_have(self, organisation_id: str, snapshot: Snapshot, options: SearchOptions) -> bool:
        """Whether it may read the next file, of an organisation and for a search."""
        return self.organisation_id == organisation_id and self.snapshot is snapshot and self.options == options


@dataclass(slots=True, eq=False)
class ScanSeries:
    """Scans, each by the process of the one before where that may have it."""

    _process: _Process | None = field(default=None, init=False)

    def scan(
        self, organisation_id: str, snapshot: Snapshot, item: Item, options: SearchOptions, traces: Path | None = None
    ) -> Scan:
        """Return the scan of a file.

        Parameters
        ----------
        organisation_id : str
            The organisation that the file belongs to.
        snapshot : Snapshot
            The index, which may be another organisation's.
        item : Item
        options : SearchOptions
        traces : Path, optional
            As `sourceprint.scans.scan.scan_each` takes it; the file then has a process of its own.

        Raises
        ------
        SourceprintError
            As `sourceprint.scans.scan.scan_files`.
        """
        if traces is not None:
            with closing(scan_each(snapshot, [item], options=options, traces=traces)) as scans:
                return next(scans)
        process = self._process_for(organisation_id, snapshot, options)
        process.files.append(item)
        process.n_files += 1
        try:
            scan = next(process.scans)
        except BaseException:
            self.end()
            raise
        process.done_at = time.monotonic()
        if scan.status == "decode_error" or process.n_files >= _MOST_FILES:
            self.end()
        return scan

    def rest(self) -> None:
        """End the process if it has waited for some seconds."""
        if self._process is not None and time.monotonic() - self._process.done_at > _IDLE_SECONDS:
            self.end()

    def end(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.scans.close()

    def _process_for(self, organisation_id: str, snapshot: Snapshot, options: SearchOptions) -> _Process:
        there = self._process
        if there is not None and there.may_have(organisation_id, snapshot, options):
            return there
        self.end()
        files: deque[Item] = deque()
        scans = scan_each(snapshot, iter(files.popleft, None), options=options)
        self._process = _Process(organisation_id, snapshot, options, files, scans)
        return self._process
