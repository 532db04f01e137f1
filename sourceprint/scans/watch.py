"""Following folders that grow: files are scanned once they have stopped changing, and carried off if that is asked for.

`watchfiles` says when something happens in the folders; what is there is then looked up as `sourceprint.inputs` finds
it, so that nothing depends on having seen every event, and files that were there before count as well. A file is
ready when
its size and its time of change have stayed the same for a while. Names that downloads have until they are done (.part,
.tmp, .crdownload, a leading dot) are no names of audio, and are passed over like all others.
"""

import os
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import watchfiles

from fingerprint.errors import ParameterError, printable
from sourceprint.inputs import Item, Refusal, collect
from sourceprint.scans.moves import Mover
from sourceprint.scans.plan import Territory
from sourceprint.scans.session import Outcome, Session, Stop

__all__ = ["UNFINISHED", "SettledFiles", "follow"]

UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".download")
"""How names end that downloads and copies have until they are done: their changes are no reason to look."""

LOOK_AGAIN_SECONDS = 60.0  # where a file system reports no changes, as some networks' do
_WAIT_MS = 500

Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that are ready, and what cannot be used; each is reported once."""

    items: tuple[Item, ...]
    refusals: tuple[Refusal, ...]


class SettledFiles:
    """Tells which files have stopped changing.

    Parameters
    ----------
    seconds : float
        How long size and time of change must have stayed the same.

    Raises
    ------
    ParameterError
        If `seconds` is below 0 or no number.
    """

    def __init__(self, seconds: float) -> None:
        if not 0 <= seconds < float("inf"):
            raise ParameterError(f"settle={seconds}: must be a number of seconds from 0")
        self._seconds = seconds
        self._waiting: dict[Path, tuple[Signature, float]] = {}
        self._done: dict[Path, Signature] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether a file may still be changing."""
        return bool(self._waiting)

    def ready(self, paths: Iterable[Path], now: float) -> list[Path]:
        """Return those of all files there are that have stopped changing, each once until it changes again.

        Parameters
        ----------
        paths : iterable of Path
            All files; those that are not among them any more are forgotten.
        now : float
            Time in seconds, of a clock that never goes back.
        """
        found: list[Path] = []
        waiting: dict[Path, tuple[Signature, float]] = {}
        done: dict[Path, Signature] = {}
        for path in paths:
            signature = _signature(path)
            if signature is None:
                continue
            if self._done.get(path) == signature:
                done[path] = signature
                continue
            before, since = self._waiting.get(path, (None, now))
            since = since if before == signature else now
            if now - since >= self._seconds:
                done[path] = signature
                found.append(path)
            else:
                waiting[path] = (signature, since)
        self._waiting, self._done = waiting, done
        return found

    def forget(self, paths: Iterable[Path]) -> None:
        """Take files that come under these names for new ones, whatever their time of change."""
        for path in paths:
            self._done.pop(path, None)

    def is_unchanged(self, path: Path) -> bool:
        """Whether a file is as it was when it was ready."""
        signature = _signature(path)
        return signature is not None and self._done.get(path) == signature


def follow(
    session: Session,
    paths: Sequence[Path],
    *,
    stop: Stop,
    settle_seconds: float = 5.0,
    move_to: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Outcome, None, None]:
    """Scan what is in some folders, and what comes, until a stop is asked for; yield what became of each file.

    Parameters
    ----------
    session : Session
        By which to scan, entered.
    paths : sequence of Path
        Folders to follow; a file among them is scanned at the start.
    stop : Stop
        When it is set, the files in hand are finished, and no other is begun.
    settle_seconds : float
        How long a file must have stayed the same.
    move_to : Path, optional
        Where files go once their results are on the disk, which name that place (`sourceprint.scans.moves`). Those that
        could not be searched stay where they are, and so do files that are named in `paths` themselves.
    clock : callable
        Returns the time in seconds, of a clock that never goes back.

    Raises
    ------
    ParameterError
        If none of the paths is a folder, or `settle_seconds` is out of range.
    EvidenceError, StorageFullError, CatalogueError
        As `Session.scan`, and if a file cannot be moved.
    """
    folders = [path for path in paths if path.is_dir()]
    if not folders:
        raise ParameterError("there is no folder to follow among the paths given; make it, or scan without --watch")
    settled = SettledFiles(settle_seconds)
    mover = None
    if move_to is not None:
        mover = Mover(session.journal, move_to, folders, is_unchanged=settled.is_unchanged)
    territory = Territory([session.journal.folder, *([] if move_to is None else [move_to])])
    files = [path for path in paths if not path.is_dir()]
    batches = _batches(folders, files, territory, settled, stop, clock)
    with closing(batches):
        for batch in batches:
            session.refuse(batch.refusals)
            for refusal in batch.refusals:
                yield Outcome(refusal.name, "failed", (refusal.reason,))
            yield from session.scan(session.plan(batch.items), stop=stop, mover=mover)
            settled.forget(item.path for item in batch.items if not os.path.lexists(item.path))


def _batches(
    folders: Sequence[Path],
    files: Sequence[Path],
    territory: Territory,
    settled: SettledFiles,
    stop: Stop,
    clock: Callable[[], float],
) -> Generator[Batch, None, None]:
    """Yield what is ready, as it becomes so."""
    if files:
        items, refusals = territory.outside(collect(files, lists=False).items, named=files)
        yield Batch(tuple(items), tuple(refusals))
    told: set[Refusal] = set()
    looked_at = -float("inf")
    with closing(_wake_ups(folders, stop)) as wake_ups:
        for has_changed in wake_ups:
            now = clock()
            if not (has_changed or settled.is_waiting or now - looked_at >= LOOK_AGAIN_SECONDS):
                continue
            looked_at = now
            there: list[Item] = []
            refusals = []
            for folder in folders:
                inputs = collect([folder], lists=False)
                there += inputs.items
                # That a folder holds no audio yet is what it is watched for.
                refusals += [refusal for refusal in inputs.refusals if refusal.name != printable(folder)]
            items, _ = territory.outside(there)
            ready = set(settled.ready([item.path for item in items], now))
            new = [refusal for refusal in refusals if refusal not in told]
            told.update(new)
            if ready or new:
                yield Batch(tuple(item for item in items if item.path in ready), tuple(new))


def _wake_ups(folders: Sequence[Path], stop: Stop) -> Generator[bool, None, None]:
    """Yield every half second, and earlier when something has changed in the folders: whether to look what is there."""
    is_first = True  # what came before the watch began was seen by nobody
    changes = watchfiles.watch(
        *folders,
        watch_filter=lambda _, path: _may_matter(path),
        stop_event=stop,
        rust_timeout=_WAIT_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    with closing(changes):
        for changed in changes:
            if stop.is_set():
                return
            yield bool(changed) or is_first
            is_first = False


def _may_matter(path: str) -> bool:
    name = os.path.basename(path)
    return not name.startswith(".") and not name.lower().endswith(UNFINISHED)


def _signature(path: Path) -> Signature | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino
