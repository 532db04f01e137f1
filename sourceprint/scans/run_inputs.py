"""Inputs of one session of a run: its files, and the index to search with its settings.

Its files are the named ones, and audio that comes into their folders meanwhile; never those in the folder of the run.
`Feed` ends a search early on request.
"""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, overload

from index.search.match import STANDARD, SearchOptions
from index.storage.snapshot import Snapshot
from sourceprint.folders.listing import Folders
from sourceprint.inputs import NamedInputs, appeared, collect
from sourceprint.items import Item, OtherFile, Refusal
from sourceprint.lists import ListReading
from sourceprint.scans.plan import Territory
from sourceprint.scans.scan import Scan, Searched, open_for, scan_files, what_is_searched

__all__ = ["Feed", "RunInputs", "Search", "Stop", "run_inputs"]


@dataclass(frozen=True, slots=True, eq=False)
class RunInputs:
    """Files of one session.

    Attributes
    ----------
    items : list of Item
        Files to be scanned, in order.
    refusals : list of Refusal
        Named files and folders that cannot be used.
    others : tuple of OtherFile
        Files in folders that are no audio.
    notes : tuple of str
        On how lists were read.
    """

    items: list[Item]
    refusals: list[Refusal]
    others: tuple[OtherFile, ...]
    notes: tuple[str, ...]
    _paths: Sequence[str | os.PathLike[str]]
    _named: NamedInputs
    _folders: Folders

    def late(self) -> tuple[Refusal, ...]:
        """Return refusals of audio that has come into the folders since they were listed."""
        return appeared(self._paths, self._named, self._folders)


def run_inputs(paths: Sequence[str | os.PathLike[str]], *, run: Path, reading: ListReading | None = None) -> RunInputs:
    """Return the files that paths name, without those in the folder of the run.

    Parameters
    ----------
    paths : sequence of str or path-like
        Files, folders and lists, as `sourceprint.inputs.collect` takes them.
    run : Path
        The folder of the run.
    reading : ListReading, optional
        How lists are read.

    Raises
    ------
    ParameterError
        If a list as a whole is wrong.
    """
    folders = Folders(without=[run])
    named = collect(paths, folders=folders, reading=reading)
    items, refused = Territory([run]).outside(named.items, named=map(Path, paths))
    return RunInputs(items, [*named.refusals, *refused], named.others, named.notes, paths, named, folders)


@dataclass(slots=True)
class Search:
    """Index and settings of a session, as for `sourceprint.scans.scan.scan_files`. The index is opened once.

    `permit` is called before files are looked at, and before each is searched; it raises GrantError where the index may
    not be searched any more.
    """

    index: Path
    options: SearchOptions = STANDARD
    jobs: int | None = None
    permit: Callable[[], object] = lambda: None
    _snapshot: Snapshot | None = field(init=False, default=None)

    def searched(self) -> Searched:
        """Return index state and settings of a search made now; errors as `scan_files`, and those of `permit`."""
        self.permit()
        self._snapshot = open_for(self.index, self.options, reuse=self._snapshot)
        return what_is_searched(self._snapshot, self.options)

    def scans(
        self, items: Sequence[Item], traces: Path, *, begun: Callable[[Path], object] = lambda _: None
    ) -> Generator[Scan, None, None]:
        """Yield the scan of every item, in order, its trace in the folder `traces`; the rest as `scan_files`."""
        return scan_files(
            self.index,
            items,
            options=self.options,
            jobs=self.jobs,
            traces=traces,
            reuse=self._snapshot,
            begun=begun,
        )


class Stop(Protocol):
    """A signal to end a scan, such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Whether to end after the files in hand."""


class Feed(Sequence[Item]):
    """Items that come to an end when they are asked to, or when searching is permitted no longer."""

    def __init__(self, items: Sequence[Item], stop: Stop | None, permit: Callable[[], object]) -> None:
        self._items = items
        self._stop = stop
        self._permit = permit

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, at: int) -> Item: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Item]: ...

    def __getitem__(self, at: int | slice) -> Item | Sequence[Item]:
        return self._items[at]

    def __iter__(self) -> Iterator[Item]:
        for item in self._items:
            if self._stop is not None and self._stop.is_set():
                return
            self._permit()
            yield item
