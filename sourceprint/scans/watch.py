"""Watch folders (--watch): scan files once they stop changing, and move them away on request (--move-to).

`watchfiles` reports events in the folders; the folders are then listed as by `sourceprint.inputs`, so that nothing
depends on having seen every event, and files that were there before count as well. A file is ready when its size and
its time of change have stayed the same for a while; it is scanned again whenever they change.

A writer may pause for longer, so a file that is known to be incomplete is not carried off: one whose header promises
more than is there (its result has the note "truncated"), and one that a process has open for writing, as far as the
system tells (Linux does, on local disks). The first is looked at again when it grows, the second when it is closed.
Where a header cannot say how long the file will be (a stream of mp3 or AAC frames, a WAV that was written into a pipe)
and the writer is on another machine, only the time to settle helps. A file that another takes the place of, under the
same name, is a new file; its result takes the place of the first.

Names that downloads and copies have until they are done (`sourceprint.folders.names`) wait until they are renamed. When
the watch ends, files that are not ready, still have such a name, or are incomplete, are reported, each with its reason.
"""

import errno
import fcntl
import os
import signal
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import watchfiles

from fingerprint.errors import ParameterError, printable
from sourceprint.folders.listing import Folders
from sourceprint.folders.names import is_unfinished
from sourceprint.inputs import collect
from sourceprint.items import Item, OtherFile, Refusal
from sourceprint.scans.moves import Mover
from sourceprint.scans.plan import Territory
from sourceprint.scans.run_inputs import Stop
from sourceprint.scans.session import Outcome, Session

__all__ = ["FolderLook", "SettledFiles", "follow", "is_being_written"]

LOOK_AGAIN_SECONDS = 60.0  # where a file system reports no changes, as some networks' do
_WAIT_MS = 500

Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that are ready, and inputs that cannot be used, each of them once; and all files that are no audio."""

    items: tuple[Item, ...]
    refusals: tuple[Refusal, ...]
    others: tuple[OtherFile, ...] = ()


class SettledFiles:
    """Tells which files have stopped changing.

    Parameters
    ----------
    seconds : float
        How long size and time of change must have stayed the same.

    Attributes
    ----------
    unfinished : tuple of Path
        Files that wait for another name, as the caller found them last.

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
        self._open: set[Path] = set()
        self.unfinished: tuple[Path, ...] = ()

    @property
    def is_waiting(self) -> bool:
        """Whether a file has not stayed the same for long enough, or was closed by its writer since it was ready."""
        return bool(self._waiting) or not all(map(is_being_written, self._open))

    @property
    def waiting(self) -> tuple[Path, ...]:
        """Files that have not stayed the same for long enough yet."""
        return tuple(self._waiting)

    @property
    def being_written(self) -> tuple[Path, ...]:
        """Files that were ready, and could not be moved as a process has them open for writing."""
        return tuple(self._open)

    def ready(self, paths: Iterable[Path], now: float) -> list[Path]:
        """Return those of all files there are that have stopped changing, each once until it changes or is closed.

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
                if path in self._open and not is_being_written(path):
                    self._open.discard(path)
                    found.append(path)
                continue
            before, since = self._waiting.get(path, (None, now))
            since = since if before == signature else now
            if now - since >= self._seconds:
                done[path] = signature
                found.append(path)
            else:
                waiting[path] = (signature, since)
        self._waiting, self._done = waiting, done
        self._open &= done.keys()
        return found

    def forget(self, paths: Iterable[Path]) -> None:
        """Treat files that arrive under these names as new ones, even with an old time of change."""
        for path in paths:
            self._done.pop(path, None)

    def is_unchanged(self, path: Path) -> bool:
        """Whether a file is as it was when it was ready."""
        signature = _signature(path)
        return signature is not None and self._done.get(path) == signature

    def may_go(self, path: Path) -> bool:
        """Whether a file is as it was when it was ready, and closed; one that is open is ready again when it is."""
        if not self.is_unchanged(path):
            return False
        if is_being_written(path):
            self._open.add(path)
            return False
        return True


def is_being_written(path: Path) -> bool:
    """Return whether a process has a file open for writing; False where the system does not tell.

    A lease for reading is granted on files alone that nobody has open for writing (fcntl(2), "Leases"). It is given
    back at once; a writer that comes in between waits for that, and sends the process a signal that nobody minds.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except AttributeError:  # macOS has no leases
        return False
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(descriptor)
    return False


def follow(
    session: Session,
    paths: Sequence[Path],
    *,
    stop: Stop,
    settle_seconds: float = 5.0,
    move_to: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Outcome, None, None]:
    """Scan the files in some folders, and new ones, until a stop is requested; yield the outcome of each file.

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
        could not be searched or are incomplete stay where they are, and so do files that are named in `paths`
        themselves.
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
        raise ParameterError("--watch: no folder among the paths; name a folder, or scan without --watch")
    settled = SettledFiles(settle_seconds)
    mover = None
    if move_to is not None:
        mover = Mover(session.journal, move_to, folders, is_unchanged=settled.may_go)
    ours = [session.journal.folder, *([] if move_to is None else [move_to])]
    files = [path for path in paths if not path.is_dir()]
    batches = _batches(folders, files, ours, settled, stop, clock)
    with closing(batches):
        for batch in batches:
            session.refuse(batch.refusals)
            session.pass_over(batch.others)
            for refusal in batch.refusals:
                yield Outcome(refusal.name, "failed", (refusal.reason,))
            yield from session.scan(session.plan(batch.items), stop=stop, mover=mover)
            settled.forget(item.path for item in batch.items if not os.path.lexists(item.path))
    yield from _left(session, settled, folders)


def _left(session: Session, settled: SettledFiles, folders: Sequence[Path]) -> Generator[Outcome, None, None]:
    """Report the files in the folders that are not done when the watch ends; yield the outcome of each."""
    changing = "not searched: it was still changing when the watch ended; run the command again"
    named = "not searched: it still had the name of an unfinished download or copy when the watch ended"
    left = [*((path, changing) for path in settled.waiting), *((path, named) for path in settled.unfinished)]
    for path, reason in left:
        refusal = Refusal(printable(path), reason, path)
        session.refuse([refusal])
        yield Outcome(refusal.name, "failed", (refusal.reason,))
    for name, note in session.cut.items():
        path = Path(name)
        if os.path.lexists(path) and any(path.is_relative_to(folder) for folder in folders):
            yield session.leave(path, f"incomplete when the watch ended ({note}); its result is of what was there")
    for path in settled.being_written:
        yield session.leave(
            path, "still open for writing when the watch ended, so it was not moved; its result is safe"
        )


def _batches(
    folders: Sequence[Path],
    files: Sequence[Path],
    ours: Sequence[Path],
    settled: SettledFiles,
    stop: Stop,
    clock: Callable[[], float],
) -> Generator[Batch, None, None]:
    """Yield files as they become ready; files in the folders that are `ours` are skipped."""
    look = FolderLook(folders, ours, settled)
    if files:
        items, refusals = Territory(ours).outside(collect(files, lists=False).items, named=files)
        yield Batch(tuple(items), tuple(refusals))
    looked_at = -float("inf")
    with closing(_wake_ups(folders, stop)) as wake_ups:
        for has_changed in wake_ups:
            now = clock()
            if not (has_changed or settled.is_waiting or now - looked_at >= LOOK_AGAIN_SECONDS):
                continue
            looked_at = now
            batch = look.ready(now)
            if batch is not None:
                yield batch


class FolderLook:
    """Lists folders, again and again, and tells what has become ready in them.

    Parameters
    ----------
    folders : sequence of Path
    ours : sequence of Path
        Folders in them that are skipped.
    settled : SettledFiles
    within : sequence of Path
        Folders that may be read, as for `Folders`.
    """

    def __init__(
        self, folders: Sequence[Path], ours: Sequence[Path], settled: SettledFiles, within: Sequence[Path] = ()
    ) -> None:
        self._folders = folders
        self._settled = settled
        self._territory = Territory(ours)
        self._lister = Folders(without=ours, within=within)
        self._told: set[Refusal] = set()
        self._seen: set[OtherFile] = set()

    def ready(self, now: float) -> Batch | None:
        """Return files that are ready, each once, and inputs that cannot be used; None if there is nothing new.

        Parameters
        ----------
        now : float
            Time in seconds, of a clock that never goes back.
        """
        there: list[Item] = []
        refusals: list[Refusal] = []
        others: list[OtherFile] = []
        for folder in self._folders:
            inputs = collect([folder], lists=False, folders=self._lister)
            there += inputs.items
            # A watched folder may hold no audio yet.
            refusals += [refusal for refusal in inputs.refusals if refusal.path not in (None, folder)]
            others += inputs.others
        items, _ = self._territory.outside(there)
        self._settled.unfinished = tuple(item.path for item in items if is_unfinished(item.path))
        paths = [item.path for item in items if not is_unfinished(item.path)]
        paths += [one.path for one in refusals if one.path is not None]
        ready = set(self._settled.ready(paths, now))
        new = tuple(refusal for refusal in refusals if refusal.path in ready and refusal not in self._told)
        self._told.update(new)
        if not ready and set(others) == self._seen:
            return None
        self._seen = set(others)
        return Batch(tuple(item for item in items if item.path in ready), new, tuple(others))


def _wake_ups(folders: Sequence[Path], stop: Stop) -> Generator[bool, None, None]:
    """Yield every half second, and earlier when something has changed in the folders: whether to list them."""
    is_first = True  # earlier files raised no event
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
    return not is_unfinished(path)


def _signature(path: Path) -> Signature | None:
    try:
        status = path.stat()
    except OSError:
        try:
            status = path.lstat()  # of a link that leads nowhere
        except OSError:
            return None
    return status.st_size, status.st_mtime_ns, status.st_ino
