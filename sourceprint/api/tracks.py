"""Tracks against an index, as results: one in this process, or many, kept in a run or not."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from fingerprint.errors import AudioError, DecodeError, NotEnoughMusicError, ParameterError, TooShortError
from fingerprint.streams import notes_on_unsearched
from index.search.match import SearchOptions
from index.storage.snapshot import Snapshot
from sourceprint.catalogue.column_settings import remembered_columns
from sourceprint.inputs import collect
from sourceprint.items import Item, Refusal
from sourceprint.lists import ListReading
from sourceprint.processes import in_this_process
from sourceprint.scans.results import ScanResult
from sourceprint.scans.run_inputs import run_inputs
from sourceprint.scans.scan import Scan, scan_files
from sourceprint.scans.scan_json import scan_result
from sourceprint.scans.session import Session
from sourceprint.sheets.columns import ColumnMap

__all__ = [
    "AUDIO_ERRORS",
    "InputWarning",
    "Paths",
    "list_columns",
    "list_reading",
    "match_one",
    "named_paths",
    "scan_into_run",
    "scan_many",
]

Paths: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

AUDIO_ERRORS: dict[str, type[AudioError]] = {
    error.status: error for error in (DecodeError, TooShortError, NotEnoughMusicError)
}
"""The error for each status of audio that cannot be used."""


class InputWarning(UserWarning):
    """Something that was named could not be used, or not all of it was searched; everything else was done."""


def match_one(snapshot: Snapshot, item: Item, options: SearchOptions) -> ScanResult:
    """Return the result of one track, searched in this process.

    Raises
    ------
    AudioError
        If it could not be searched, as a result that says so is easily taken for one without matches.
    """
    scans = scan_files(snapshot.folder, [item], options=options, jobs=1, reuse=snapshot)
    with in_this_process(), closing(scans):
        (scan,) = scans
    if scan.failed:
        raise AUDIO_ERRORS[scan.status](f"{item.name}: {scan.reason}")
    _warn_of_unsearched(scan)
    return scan_result(scan)


def scan_many(
    snapshot: Snapshot, paths: Sequence[str], options: SearchOptions, *, jobs: int | None
) -> Iterator[ScanResult]:
    """Yield the result of every file that paths name, in their order; warn of unusable ones."""
    inputs = collect(paths, reading=list_reading(snapshot.folder, only_paths=True))
    _warn_of(inputs.refusals)
    scans = scan_files(snapshot.folder, inputs.items, options=options, jobs=jobs, reuse=snapshot)
    with closing(scans):
        for scan in scans:
            _warn_of_unsearched(scan)
            yield scan_result(scan)


def scan_into_run(session: Session, index: Path, paths: Sequence[str]) -> Iterator[ScanResult]:
    """Yield the row of every file that paths name: first those on record, then the others as they are written."""
    with session:
        inputs = run_inputs(paths, run=session.journal.folder, reading=list_reading(index, only_paths=True))
        session.refuse(inputs.refusals)
        session.pass_over(inputs.others)
        _warn_of(inputs.refusals)
        plan = session.plan(inputs.items)
        for entry in plan.kept:
            yield session.journal.row(entry)
        with closing(session.scan(plan)) as outcomes:
            for outcome in outcomes:
                if outcome.entry is not None:
                    yield session.journal.row(outcome.entry)
        late = inputs.late()
        session.refuse(late)
        _warn_of(late)


def named_paths(paths: Paths) -> list[str]:
    """Return paths as texts; one that is given alone counts as a list of one.

    Raises
    ------
    ParameterError
        If one of them is no path.
    """
    named = list(paths) if isinstance(paths, Iterable) and not isinstance(paths, str | os.PathLike) else [paths]
    for path in named:
        if not isinstance(path, str | os.PathLike):
            raise ParameterError(
                f"paths: {type(path).__name__} is no path; audio in memory goes to match() or add(), one at a time"
            )
    return [os.fspath(path) for path in named]


def list_reading(index: Path, *, only_paths: bool = False) -> ListReading:
    """Return how lists are read: as was said of lists for this index before."""
    return ListReading(list_columns(index), only_paths=only_paths)


def list_columns(index: Path) -> ColumnMap:
    """Return the fields of columns of lists, as was said of lists for this index before."""
    return ColumnMap(by_options=False).over(remembered_columns(index))


def _warn_of(refusals: Sequence[Refusal]) -> None:
    for refusal in refusals:
        warnings.warn(str(refusal), InputWarning, stacklevel=3)


def _warn_of_unsearched(scan: Scan) -> None:
    if scan.unsearched:
        said = f"{scan.name}: not all of it was searched: {notes_on_unsearched(scan.notes)}"
        warnings.warn(said, InputWarning, stacklevel=3)
