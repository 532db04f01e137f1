"""What a session searches, how, and until when: `index.scanning` with its arguments kept together."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, overload

from index.filters import EVERYTHING, Filter
from index.layers import RECORDING
from index.recording_list import Item
from index.scanning import Scan, Searched, scan_files, what_is_searched
from index.search import DEFAULT_FALSE_PER_1000H, STANDARD, SearchOptions

__all__ = ["Feed", "Search", "Stop"]


class Stop(Protocol):
    """Says whether to come to an end; `threading.Event` does."""

    def is_set(self) -> bool:
        """Whether to end after the files in hand."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched, and how; as the arguments of `index.scanning.scan_files`.

    `permit` is called before files are looked at, and before each is searched; it raises GrantError where the index may
    not be searched any more.
    """

    index: Path
    layer: str = RECORDING
    options: SearchOptions = STANDARD
    max_false_per_1000h: float = DEFAULT_FALSE_PER_1000H
    which: Filter = EVERYTHING
    jobs: int | None = None
    permit: Callable[[], object] = lambda: None

    def searched(self) -> Searched:
        """Return what would be searched now; errors as `scan_files`, and what `permit` raises."""
        self.permit()
        return what_is_searched(
            self.index,
            layer=self.layer,
            options=self.options,
            max_false_per_1000h=self.max_false_per_1000h,
            which=self.which,
        )

    def scans(self, items: Sequence[Item], traces: Path) -> Generator[Scan, None, None]:
        """Yield the scan of every item, in order, its trace in the folder `traces`; errors as `scan_files`."""
        return scan_files(
            self.index,
            items,
            layer=self.layer,
            options=self.options,
            max_false_per_1000h=self.max_false_per_1000h,
            which=self.which,
            jobs=self.jobs,
            traces=traces,
        )


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
