"""A run on the disk: the folder that `sourceprint scan` writes, as everything else reads it.

===================  ===================================================================================================
`results.jsonl`      one scan result per file (`index.scan_json.scan_to_row`), as UTF-8 JSON Lines in the order in which
                     files were done; the last row of a name is the one that counts. The row of a file that was moved
                     has the name of the place where it went, and takes the place of what was on record under the old
`log.jsonl`          what happened and when, one object per event (`evidence.runs.journal`). No result depends on it: it
                     tells where a tail that a power cut damaged begins, which moves a killed session left unfinished,
                     and which version of the program made which row
`traces/*.spt`       of each file that was matched, what a recheck of its matches needs, by the SHA-256 of the file and
                     eight digits of a digest of what it was searched in, and how (`index.trace_file.trace_name`)
`lock`               held by the scan that writes to the folder
===================  ===================================================================================================

Rows are only ever appended, until the end of a session takes out those that no longer count. A process or machine that
dies may leave an unfinished line at the end, which is no row: the file that it is about is scanned again. A damaged
line anywhere else is an error, as nobody can say which result was lost.

A file is known by its content, the index and the settings, not by the version of the program: rows of an older version
stand, so that an update does not make thousands of files be searched again. A session that finds such rows says so;
whoever wants what the new version finds gives another folder.
"""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from evidence.results import FileResult, read_result
from fingerprint.digests import is_sha256
from fingerprint.errors import CatalogueError, EvidenceError, ParameterError, StorageFullError, printable
from index.trace_names import trace_name

__all__ = [
    "LOCK",
    "LOG",
    "OURS",
    "RESULTS",
    "SAFE_BYTES",
    "TRACES",
    "Line",
    "Run",
    "latest_results",
    "read_events",
    "read_lines",
    "refusals",
]

RESULTS = "results.jsonl"
LOG = "log.jsonl"
TRACES = "traces"
LOCK = "lock"
OURS = frozenset({RESULTS, RESULTS + ".tmp", LOG, TRACES, LOCK})
"""Names in the folder of a run that a scan makes there."""

SAFE_BYTES = "results_bytes"
"""Field of an event of the log: so much of `results.jsonl` was on the disk, whole, at that time."""

_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class Run:
    """What a run has found so far; a scan may be writing to it meanwhile.

    Attributes
    ----------
    folder : Path
        Where it is.
    """

    folder: Path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the run in a folder.

        Raises
        ------
        EvidenceError
            If there is no folder, or it holds no run.
        """
        if not path.is_dir():
            what = "a file, not the folder of a run" if path.exists() else "no such folder"
            raise EvidenceError(f"{printable(path)}: {what}; give the folder that scan --out wrote")
        if not (path / RESULTS).is_file():
            raise EvidenceError(f"{printable(path)}: holds no {RESULTS}; give the folder that scan --out wrote")
        return cls(path)

    def results(self) -> tuple[FileResult, ...]:
        """Return the result of every file, in order of name.

        Raises
        ------
        EvidenceError
            If a line is damaged, or is no scan result of this version; the message names it.
        """
        return tuple(sorted(latest_results(self.folder), key=lambda result: result.name))

    def trace_path(self, result: FileResult) -> Path:
        """Return where the trace of a file is, if there is one: files that were matched have one.

        Raises
        ------
        EvidenceError
            If the digest of the result is none, so that it cannot name a file.
        """
        if not is_sha256(result.sha256):
            raise EvidenceError(f"{printable(result.name)}: its result states no SHA-256; scan the file again")
        return self.folder / TRACES / trace_name(result.sha256, result.index_digest, result.settings_digest)


@dataclass(frozen=True, slots=True)
class Line:
    """A row, and where in the file it is.

    Attributes
    ----------
    start, stop : int
        Bytes from the start of the file, its line break included.
    result : FileResult
        What it says.
    """

    start: int
    stop: int
    result: FileResult


def read_lines(folder: Path) -> Iterator[Line]:
    """Yield the rows of a run in the order in which they were written, up to a tail that was never finished.

    Raises
    ------
    EvidenceError
        If a line before that is damaged, or is no scan result of this version.
    """
    path = folder / RESULTS
    with refusals(path), path.open("rb") as file:
        yield from _lines_of(file, folder)


def latest_results(folder: Path) -> Iterator[FileResult]:
    """Yield the result of every file, of which none is held; order and errors as `read_lines`."""
    path = folder / RESULTS
    # Opened once: a scan that comes to its end puts another file in the place of this one, with rows elsewhere in it.
    with refusals(path), path.open("rb") as file:
        counts: dict[str, int] = {}
        for line in _lines_of(file, folder):
            if line.result.moved_from:
                counts.pop(line.result.moved_from, None)
            counts[line.result.name] = line.start
        file.seek(0)
        for line in _lines_of(file, folder):
            if counts.get(line.result.name) == line.start:
                yield line.result


def _lines_of(file: BinaryIO, folder: Path) -> Iterator[Line]:
    safe = _safe_bytes(folder)
    start = 0
    for number, line in enumerate(file, start=1):
        if not line.endswith(b"\n"):
            return
        stop = start + len(line)
        try:
            result = _result_of(line)
        except ParameterError as error:
            if safe is not None and start >= safe:
                return  # never acknowledged as being on the disk: a power cut left it like this
            raise EvidenceError(
                f"{printable(folder / RESULTS)}, line {number}: {error}; restore the file from a copy, or delete this "
                "line to have its file scanned again"
            ) from error
        yield Line(start, stop, result)
        start = stop


def read_events(folder: Path, *kinds: str) -> Iterator[dict[str, Any]]:
    """Yield the events of some kinds in the log of a run, in order; lines that were cut off are passed over.

    Raises
    ------
    EvidenceError
        If there is a log that cannot be read.
    """
    path = folder / LOG
    starts = tuple(f'{{"event": "{kind}"'.encode("ascii") for kind in kinds)
    with refusals(path):
        try:
            lines = path.open("rb")
        except FileNotFoundError:
            return
        with lines:
            for line in lines:
                if line.startswith(starts):
                    try:
                        yield json.loads(line)
                    except (ValueError, RecursionError):
                        continue


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the system refuses inside the block into errors that say what becomes of the run.

    Raises
    ------
    StorageFullError
        If the disk is full or a quota reached.
    EvidenceError
        If anything else is refused.
    """
    try:
        yield
    except StorageFullError:
        raise
    except (OSError, CatalogueError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(cause, OSError):
            raise
        if cause.errno in _FULL:
            raise StorageFullError(
                f"{printable(path)}: no space left on the disk; the results before are safe; free some space and run "
                "the command again"
            ) from error
        raise EvidenceError(
            f"{printable(path)}: cannot be used ({cause.strerror}); the results before are safe; see to the disk and "
            "the permissions, or give another folder"
        ) from error


def _result_of(line: bytes) -> FileResult:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ParameterError("is damaged") from error
    return read_result(record)


def _safe_bytes(folder: Path) -> int | None:
    """Return how much of the results the log says is on the disk; None if it does not say."""
    found: int | None = None
    for event in read_events(folder, "session start", "on disk", "session end"):
        value = event.get(SAFE_BYTES)
        if isinstance(value, int):
            found = value
    return found
