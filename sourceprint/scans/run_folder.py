"""A run on the disk: the folder that `sourceprint scan` writes, as everything else reads it.

===================  ===================================================================================================
`results.jsonl`      one scan result per file (`sourceprint.scans.scan_json.scan_row`), as UTF-8 JSON Lines in the order
                     in which files were done; the last row of a name is the one that counts. The row of a file that was
                     moved has the name of its new place, and replaces the row of its old name
`log.jsonl`          events and their times, one object per event (`sourceprint.scans.journal`). No result depends on
                     it but that of a file that sessions were killed at: it tells which files were in hand then, where a
                     tail that a power cut damaged begins, which moves a killed session left unfinished, and
                     which version of the program made which row
`traces/*.spt`       the trace of each matched file, for a recheck, by the SHA-256 of the file and
                     eight digits of a digest of index and settings (`index.recheck.trace.trace_name`)
`lock`               held by the scan that writes to the folder
===================  ===================================================================================================

Rows are only ever appended, until the end of a session takes out those that no longer count. Rows of version 1 and 2 of
scan results stand side by side. A process or machine that dies may leave an unfinished line at the end, which is no
row: its file is scanned again. A damaged line anywhere else is an error, as nobody can say which result was lost. A log
of which the end was lost tells less, never anything that is not so.

A file is known by its content, the index and the settings, not by the version of the program: rows of an older version
stand, so that an update does not search thousands of files again. A session that finds such rows says so; a new folder
gets the results of the new version. Where a version claims other seconds of the same search, its settings have another
digest (`index.search.match.settings_digest`), and the files are searched again.

`results_of` also takes a file of results (`sourceprint.scans.result_file`): of several rows of a name the last counts,
and a file that was moved counts under its new name alone.
"""

import json
import os
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from fingerprint import disk
from fingerprint.digests import is_sha256
from fingerprint.errors import EvidenceError, ParameterError, printable
from index.recheck.trace import trace_name
from sourceprint.scans.result_file import ResultFile, is_check_report
from sourceprint.scans.results import ScanResult, read_result
from sourceprint.text.names import path_text

__all__ = [
    "LOCK",
    "LOG",
    "OURS",
    "RESULTS",
    "SAFE_BYTES",
    "TRACES",
    "Run",
    "SessionTimes",
    "StoredRow",
    "expect_elsewhere",
    "latest_results",
    "made_by_others",
    "not_searched",
    "read_events",
    "read_rows",
    "refusals",
    "results_of",
    "session_times",
    "suspects",
    "unfinished_moves",
]

RESULTS = "results.jsonl"
LOG = "log.jsonl"
TRACES = "traces"
LOCK = "lock"
OURS = frozenset({RESULTS, RESULTS + ".tmp", LOG, TRACES, LOCK})
"""Names in the folder of a run that a scan makes there."""

_PATHS = frozenset({"name", "to", "of", "moved_from"})  # fields of events

SAFE_BYTES = "results_bytes"
"""Field of an event of the log: so much of `results.jsonl` was on the disk, whole, at that time."""


@dataclass(frozen=True, slots=True)
class Run:
    """Results of a run so far; a scan may be writing to it meanwhile.

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
            if not path.exists():
                raise EvidenceError(f"{printable(path)}: no such folder; give the folder that a scan wrote")
            kind = "the report of a check" if path.is_file() and is_check_report(path) else "a file"
            raise EvidenceError(
                f"{printable(path)}: {kind}, not the folder of a run; give the folder that `sourceprint scan FILES "
                "--out RUN` wrote, or make pages of a few files with `sourceprint match FILES --report DIR`"
            )
        if not (path / RESULTS).is_file():
            raise EvidenceError(f"{printable(path)}: holds no {RESULTS}; give the folder that a scan wrote")
        return cls(path)

    def results(self) -> tuple[ScanResult, ...]:
        """Return the result of every file, in order of name.

        Raises
        ------
        EvidenceError
            If a line is damaged, or is no scan result of this version; the message names it.
        """
        return tuple(sorted(latest_results(self.folder), key=lambda result: result.name))

    def trace_path(self, result: ScanResult) -> Path:
        """Return the path of the trace of a file; only files that were matched have one there.

        Raises
        ------
        EvidenceError
            If the result states no SHA-256, which names the trace.
        """
        if not is_sha256(result.sha256):
            raise EvidenceError(f"{printable(result.name)}: its result states no SHA-256; scan the file again")
        return self.folder / TRACES / trace_name(result.sha256, result.index_digest, result.settings_digest)


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row, and where in the file it is.

    Attributes
    ----------
    start, stop : int
        Bytes from the start of the file, its line break included.
    result : ScanResult
        The result in it.
    """

    start: int
    stop: int
    result: ScanResult


def read_rows(folder: Path) -> Iterator[StoredRow]:
    """Yield the rows of a run in the order in which they were written, up to a tail that was never finished.

    Raises
    ------
    EvidenceError
        If a line before that is damaged, or is no scan result of this version.
    """
    path = folder / RESULTS
    with refusals(path), path.open("rb") as file:
        yield from _rows_of(file, folder)


def latest_results(folder: Path) -> Iterator[ScanResult]:
    """Yield the result of every file, of which none is held; order and errors as `read_rows`."""
    path = folder / RESULTS
    # Opened once: a scan that comes to its end puts another file in the place of this one, with rows elsewhere in it.
    with refusals(path), path.open("rb") as file:
        counts: dict[str, int] = {}
        for line in _rows_of(file, folder):
            if line.result.moved_from:
                counts.pop(line.result.moved_from, None)
            counts[line.result.path] = line.start
        file.seek(0)
        for line in _rows_of(file, folder):
            if counts.get(line.result.path) == line.start:
                yield line.result


def _rows_of(file: BinaryIO, folder: Path) -> Iterator[StoredRow]:
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
        yield StoredRow(start, stop, result)
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
                        event = json.loads(line)
                        paths = {
                            key: path_text(event[key], event.get(f"{key}_quoted", "")) for key in _PATHS & event.keys()
                        }
                    except (ValueError, TypeError, RecursionError):
                        continue
                    yield event | paths


def refusals(path: Path) -> AbstractContextManager[None]:
    """Refusals while a run is used, as `StorageFullError` or `EvidenceError`; the results before are safe."""
    remedy = "see to the disk and the permissions, or give another folder"
    return disk.refusals(path, EvidenceError, "cannot be used", safe="the results before are safe", remedy=remedy)


def _result_of(line: bytes) -> ScanResult:
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


def made_by_others(folder: Path, names: Container[str], version: str) -> dict[str, int]:
    """Return how many rows on record other versions of the program made, by version, in order of version.

    Parameters
    ----------
    folder : Path
        Of the run.
    names : container of str
        The names on record.
    version : str
        The version that does not count as another.
    """
    makers: dict[str, str] = {}
    at_work = ""
    for event in read_events(folder, "session start", "scanned", "known", "put back"):
        name = event.get("name")
        if event["event"] == "session start":
            at_work = str(event.get("version", ""))
        elif not isinstance(name, str):
            continue
        elif event["event"] == "scanned":
            makers[name] = at_work
        elif (maker := makers.get(str(event.get("of")))) is not None:
            makers[name] = maker
    counts = Counter(maker for name, maker in makers.items() if name in names and maker not in ("", version))
    return dict(sorted(counts.items()))


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """When a session was at work, in UTC as RFC 3339 has it, and in which version; "" where the log does not say."""

    started: str
    ended: str
    version: str


def session_times(folder: Path) -> tuple[SessionTimes, ...]:
    """Return the sessions of a run that the log tells of; the end of one is that of its last event."""
    found: list[SessionTimes] = []
    for event in read_events(folder, "session start", "scanned", "known", "on disk", "session end"):
        at = str(event.get("at", ""))
        if event["event"] == "session start":
            found.append(SessionTimes(at, "", str(event.get("version", ""))))
        elif found:
            found[-1] = SessionTimes(found[-1].started, at, found[-1].version)
    return tuple(found)


def suspects(folder: Path) -> dict[str, int]:
    """Return how many sessions in a row ended without a word while they had a file in hand, by its name.

    One that ends such a session may have ended it, as where memory runs out; a row of the file clears it.
    """
    found: dict[str, int] = {}
    in_hand: set[str] = set()
    for event in read_events(folder, "session start", "begun", "scanned", "known", "session end"):
        name = event.get("name")
        if event["event"] == "session start":
            for one in in_hand:
                found[one] = found.get(one, 0) + 1
            in_hand.clear()
        elif event["event"] == "session end":
            in_hand.clear()
        elif isinstance(name, str) and event["event"] == "begun":
            in_hand.add(name)
        else:
            for done in (str(name), str(event.get("moved_from"))):
                in_hand.discard(done)
                found.pop(done, None)
    for one in in_hand:
        found[one] = found.get(one, 0) + 1
    return found


def not_searched(folder: Path) -> set[tuple[str, str, str]]:
    """Return the inputs that sessions did not search: "refused" or "passed over", name and reason."""
    events = read_events(folder, "refused", "passed over")
    return {(str(event["event"]), str(event.get("name")), str(event.get("reason"))) for event in events}


def unfinished_moves(folder: Path) -> dict[Path, Path]:
    """Return, by place that the last session reserved for a file, where the file was, if the log has no move of it.

    To be asked before another session begins.
    """
    reserved: dict[Path, Path] = {}
    for event in read_events(folder, "session start", "reserved", "moved"):
        if event["event"] == "session start":
            reserved.clear()
        elif event["event"] == "moved":
            reserved.pop(Path(str(event.get("to"))), None)
        elif isinstance(event.get("name"), str) and isinstance(event.get("to"), str):
            reserved[Path(event["to"])] = Path(event["name"])
    return reserved


def expect_elsewhere(target: Path, place: Path) -> None:
    """Refuse an output that would overwrite the results that it is made from, or another file of their run.

    Parameters
    ----------
    target : Path
        Where the output goes.
    place : Path
        As of `results_of`.

    Raises
    ------
    EvidenceError
        If `target` is the file of results, or belongs to the run.
    """
    source, output = Path(os.path.realpath(place)), Path(os.path.realpath(target))
    in_run = output.is_relative_to(source) and output != source and output.relative_to(source).parts[0] in OURS
    if in_run or (output == source and source.is_file()):
        raise EvidenceError(f"{printable(target)}: is the results file itself; name another file")


def results_of(place: Path) -> tuple[ScanResult, ...]:
    """Return the results of a run or in a file, the latest row per name, in order of name.

    Parameters
    ----------
    place : Path
        The folder of a run, or a file of JSON Lines.

    Raises
    ------
    EvidenceError
        If there is nothing at `place`, the folder is none of a run, or a line is no scan result; the message names it.
    """
    if (place / RESULTS).is_file():
        return Run.open(place).results()
    if not place.is_file():
        what = f"is a folder without {RESULTS}, so no run" if place.is_dir() else "there is no such run or file"
        raise EvidenceError(
            f"{printable(place)}: {what}; name the folder of a scan, or a file of results, as "
            "`sourceprint match --jsonl` prints them"
        )
    latest: dict[str, ScanResult] = {}
    try:
        with disk.refusals(place, EvidenceError):
            for _, result in ResultFile(place):
                if result.moved_from:
                    latest.pop(result.moved_from, None)
                latest[result.path] = result
    except ParameterError as error:
        raise EvidenceError(str(error)) from error
    return tuple(latest[name] for name in sorted(latest))
