"""A log on the disk: readers without a lock, one writer at a time.

The checkpoint says which entries count. An append writes entries, then hashes, then the new checkpoint, each file
whole and flushed before the next:

1. bundles of entries, then tiles of hashes; they lie beyond the checkpoint, so no reader looks at them
2. the signed checkpoint as `checkpoint.next`
3. its rename to `checkpoint`
4. partial tiles whose full tile is there are deleted

A log may change its key. The first append with the new key finds a checkpoint by the former one: it is signed by both,
and a copy of it stays in `key-changes/`, for those who know one of the two.

A crash before 2 loses the append: its leftovers are replaced by the next one. After 2 the append is finished by the
next one that opens the log, as a reader may have seen the checkpoint just before the power went: no two checkpoints
are ever signed that do not follow from each other.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from fingerprint import disk
from fingerprint.errors import LogDamagedError, LogError, ParameterError, VerificationError, printable
from fingerprint.new_files import open_ours
from index.storage.durable import sync_folder
from sourceprint.signatures import PrivateKey, PublicKey
from sourceprint.transparency.checkpoint import MOST_CHECKPOINT_BYTES, Checkpoint, expect_origin
from sourceprint.transparency.succession import find_predecessor
from sourceprint.transparency.tiles import (
    TILE_WIDTH,
    TileFolder,
    bundle_bytes,
    content,
    drop_leftovers,
    drop_partials,
    entries_name,
    put,
    tile_name,
)
from sourceprint.transparency.tree import (
    consistency_path,
    inclusion_path,
    leaf_hash,
    peaks,
    peaks_root,
    subtree,
    tree_root,
)

__all__ = ["CHANGES_NAME", "CHECKPOINT_NAME", "Log", "LogReader"]

CHECKPOINT_NAME = "checkpoint"
CHANGES_NAME = "key-changes"
_NEXT_NAME = "checkpoint.next"
_LOCK_NAME = "lock"
_LOCK_SECONDS = 30.0
_LOCK_PAUSE_SECONDS = 0.005


class LogReader:
    """A log that is read; entries that others append meanwhile are seen.

    Parameters
    ----------
    folder : Path
        Folder of the log.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: tuple[bytes, TileFolder] | None = None

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint, as it is on the disk.

        Raises
        ------
        LogError
            If there is no log, or the system refuses.
        """
        data = content(self.folder / CHECKPOINT_NAME, MOST_CHECKPOINT_BYTES)
        if data is None:
            raise LogError(f"{printable(self.folder)}: holds no log: there is no file `checkpoint`; check the path")
        return data

    @property
    def size(self) -> int:
        """Number of entries by the newest checkpoint; errors as `view`."""
        return self.view()[0].size

    def view(self) -> tuple[Checkpoint, TileFolder]:
        """Return the newest checkpoint, and the entries and hashes of exactly its tree, whatever is appended later.

        Raises
        ------
        VerificationError
            If the checkpoint is malformed.
        LogError
            As `checkpoint`.
        """
        data = self.checkpoint()
        checkpoint = Checkpoint.parse(data, str(self.folder / CHECKPOINT_NAME))
        if self._seen is None or self._seen[0] != data:
            self._seen = data, TileFolder(self.folder, checkpoint.size)
        return checkpoint, self._seen[1]

    def entry(self, index: int) -> bytes:
        """Return one entry.

        Raises
        ------
        ParameterError
            If there is none.
        VerificationError, LogError
            If a file is missing or damaged, or the system refuses.
        """
        return self.view()[1].entry(index)

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the entries from `start` to before `stop`, by default all; errors as `entry`."""
        return self.view()[1].entries(start, stop)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the proof that an entry is in the log of `size` entries, by default of the newest checkpoint.

        Raises
        ------
        ParameterError
            If the log has not that many entries.
        VerificationError, LogError
            As `entry`.
        """
        _, tiles = self.view()
        return inclusion_path(index, _size_within(tiles, size), tiles.node)

    def consistency_proof(self, old_size: int, size: int | None = None) -> list[bytes]:
        """Return the proof that the log of `size` entries begins with the older one; errors as `inclusion_proof`."""
        _, tiles = self.view()
        return consistency_path(old_size, _size_within(tiles, size), tiles.node)

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first `size` entries, by default all; errors as `inclusion_proof`."""
        _, tiles = self.view()
        return tree_root(_size_within(tiles, size), tiles.node)

    def key_changes(self) -> Iterator[tuple[str, Checkpoint]]:
        """Yield the checkpoints that two keys signed when the log changed its key, in order, each after its name.

        Raises
        ------
        VerificationError
            If one is malformed.
        LogError
            If the system refuses.
        """
        folder = self.folder / CHANGES_NAME
        with disk.refusals(folder, LogError):
            names = os.listdir(folder) if folder.is_dir() else []
        for number in sorted(int(name) for name in names if name.isascii() and name.isdigit()):
            name = f"{CHANGES_NAME}/{number}"
            yield name, Checkpoint.parse(content(self.folder / name, MOST_CHECKPOINT_BYTES) or b"", name)

    def disagreement(self, kept: Checkpoint, keys: Sequence[PublicKey] = ()) -> str:
        """Return how a checkpoint that was kept elsewhere disagrees with this log; "" if the log goes on from it.

        Parameters
        ----------
        kept : Checkpoint
            Of this log, or of the log that it goes on from since a backup was put back.
        keys : sequence of PublicKey
            Keys of the log; one of them must have signed both checkpoints. With none, signatures are not verified.
        """
        newest, tiles = self.view()
        if keys:
            try:
                kept.verify(keys, "the checkpoint")
                newest.verify(keys, "the newest checkpoint of the log given")
            except VerificationError as error:
                return str(error)
        if kept.origin != newest.origin:
            before = find_predecessor(tiles, kept.origin)
            if before is None:
                return f"the log given is {printable(newest.origin)}, another one; give the log of the checkpoint"
            if kept.size > before.size:
                return (
                    f"the log given, {printable(newest.origin)}, is an older state of the same log: it was put back "
                    f"from a backup of {before.size} entries ({printable(before.at)}), and entries {before.size} to "
                    f"{kept.size - 1} are lost; ask its operator for them"
                )
        if kept.size > newest.size:
            return f"the log given has {newest.size} entries: it was cut, or is an older copy"
        if tree_root(kept.size, tiles.node) != kept.root:
            return f"the first {kept.size} entries of the log given have another root: it was rewritten"
        return ""


class Log(LogReader):
    """A log that is appended to. Several may be open on one folder, in any processes: appends take turns.

    Parameters
    ----------
    folder : Path
        Folder of the log.
    signer : PrivateKey
        Key of the log.
    origin : str
        Name of the log, and of its key in signatures.
    former : sequence of PrivateKey
        Keys that it had before. The first checkpoint after one of them is signed by both.

    Raises
    ------
    ParameterError
        If the origin is unsuitable.
    """

    def __init__(self, folder: Path, *, signer: PrivateKey, origin: str, former: Sequence[PrivateKey] = ()) -> None:
        super().__init__(folder)
        expect_origin(origin)
        self.origin = origin
        self._signer = signer
        self._former = tuple(former)
        self._edge: tuple[bytes, _Edge] | None = None  # of the checkpoint with these bytes

    @classmethod
    def open(cls, folder: Path, *, signer: PrivateKey, origin: str, former: Sequence[PrivateKey] = ()) -> Self:
        """Return the log in a folder; an empty one is made where there is nothing.

        An append that was cut short is finished or dropped. The checkpoint must be by this key or a former one, and
        the hashes and entries at its edge must lead to its root.

        Raises
        ------
        ParameterError
            If the origin is unsuitable.
        VerificationError
            If the log is damaged: nothing is appended to one that cannot be proven.
        LogError
            If it is another log's folder, another process does not let go of it, or the system refuses.
        StorageFullError
            If the disk is full.
        """
        log = cls(folder, signer=signer, origin=origin, former=former)
        with disk.refusals(folder, LogError, "cannot be made"):
            folder.mkdir(parents=True, exist_ok=True)
        with log._writing():
            pass
        return log

    def append(self, entries: Sequence[bytes], *, start: int | None = None) -> range:
        """Append entries; on return they are on the disk, under a signed checkpoint.

        Parameters
        ----------
        entries : sequence of bytes
            Each of at most 65 535 bytes.
        start : int, optional
            Number that the first one must get. Entries that are in the log already, from an attempt whose end was not
            seen, are compared and not appended again: with numbers kept where the entries come from, each is in the log
            once, whatever fails.

        Returns
        -------
        range
            The numbers of the entries.

        Raises
        ------
        ParameterError
            If an entry is too long.
        VerificationError
            If the log is damaged, has other entries from `start` on, or fewer than `start`.
        LogError, StorageFullError
            As `open`. The entries may be in the log all the same if the system refused at the very end.
        """
        bundle_bytes(entries)  # refuses an entry that is too long before anything is written
        with self._writing() as (checkpoint, edge):
            first = edge.size if start is None else start
            n_there = self._expect_same(entries, first, edge.size)
            if n_there < len(entries):
                self._publish(edge.appended(self.folder, entries[n_there:]), checkpoint)
            return range(first, first + len(entries))

    def _expect_same(self, entries: Sequence[bytes], start: int, size: int) -> int:
        """Return how many of the entries are in the log already, from number `start` on."""
        if not 0 <= start <= size:
            raise VerificationError(
                f"{printable(self.folder)}: entry {start} is to be appended, but the log has {size}: it was cut, or "
                "put back from a backup; put back the newest copy of it before anything else is logged"
            )
        there = list(self.entries(start, start + len(entries)))
        for number, (old, new) in enumerate(zip(there, entries, strict=False), start):
            if old != new:
                raise VerificationError(
                    f"{printable(self.folder)}: entry {number} is another than the one to be appended under its "
                    "number: two writers number their entries apart; compare both before anything else is logged"
                )
        return len(there)

    def _publish(self, edge: "_Edge", last: Checkpoint | None) -> None:
        """Make the checkpoint of an edge that is on the disk the newest one."""
        upcoming = Checkpoint(self.origin, edge.size, edge.root()).signed(self._signer)
        if last is not None and not last.signed_by(self._signer.public):
            for key in self._former:
                upcoming = upcoming.signed(key) if last.signed_by(key.public) else upcoming
        drop_leftovers(self.folder, 0 if last is None else last.size, edge.size)
        data = upcoming.to_bytes()
        self._edge = None  # unless all of it succeeds, the next append looks at the disk
        put(self.folder, _NEXT_NAME, data)
        self._promote()
        self._edge = data, edge
        self._keep_change(upcoming)
        for name in _full_since(0 if last is None else last.size, edge.size):
            drop_partials(self.folder, name)

    def _keep_change(self, checkpoint: Checkpoint) -> None:
        """Keep a copy of a checkpoint by which the log changes its key."""
        name = f"{CHANGES_NAME}/{checkpoint.size}"
        by_former = any(checkpoint.signed_by(key.public) for key in self._former)
        if by_former and checkpoint.signed_by(self._signer.public) and not os.path.lexists(self.folder / name):
            put(self.folder, name, checkpoint.to_bytes())

    def _promote(self) -> None:
        with disk.refusals(self.folder / CHECKPOINT_NAME, LogError, "cannot be written"):
            os.replace(self.folder / _NEXT_NAME, self.folder / CHECKPOINT_NAME)
            sync_folder(self.folder)

    @contextmanager
    def _writing(self) -> Iterator[tuple[Checkpoint, "_Edge"]]:
        """Hold the lock of the writer; yield the checkpoint and the edge of its tree."""
        with _locked(self.folder / _LOCK_NAME):
            self._finish()
            checkpoint, tiles = self.view()
            data = self.checkpoint()
            if self._edge is None or self._edge[0] != data:
                self._expect_mine(checkpoint)
                self._edge = data, _Edge.read(tiles, checkpoint)
                self._keep_change(checkpoint)  # an append that was cut short may not have done it
            yield checkpoint, self._edge[1]

    def _finish(self) -> None:
        """Finish the append whose checkpoint was written but may not have its name; make the first checkpoint."""
        data = content(self.folder / _NEXT_NAME, MOST_CHECKPOINT_BYTES)
        if data is not None:
            self._expect_next(Checkpoint.parse(data, str(self.folder / _NEXT_NAME)))
            self._promote()
        elif not os.path.lexists(self.folder / CHECKPOINT_NAME):
            if os.path.lexists(self.folder / "tile"):
                raise VerificationError(
                    f"{printable(self.folder)}: holds entries, but its checkpoint is missing; put it back from a "
                    "backup: a new one would be another log"
                )
            self._publish(_Edge(0, [], []), None)

    def _expect_next(self, upcoming: Checkpoint) -> None:
        """Make sure that an upcoming checkpoint is of this log, matches the disk, and extends the last."""
        self._expect_mine(upcoming)
        tiles = TileFolder(self.folder, upcoming.size)
        _Edge.read(tiles, upcoming)
        if os.path.lexists(self.folder / CHECKPOINT_NAME):
            last, _ = self.view()
            if last.size > upcoming.size or tree_root(last.size, tiles.node) != last.root:
                raise VerificationError(
                    f"{printable(self.folder / _NEXT_NAME)}: does not go on from the checkpoint beside it: files of "
                    "two copies of the log were mixed; put back one whole copy, the newest"
                )

    def _expect_mine(self, checkpoint: Checkpoint) -> None:
        where = printable(self.folder)
        if checkpoint.origin != self.origin:
            raise LogError(
                f"{where}: is the log {printable(checkpoint.origin)}, not {self.origin}: another one, or an older "
                "state of this one, from before a backup was put back; put back its newest copy, or name its own "
                "folder for each"
            )
        keys = [self._signer.public, *(key.public for key in self._former)]
        checkpoint.verify(keys, str(self.folder / CHECKPOINT_NAME))


class _Edge:
    """The right edge of a tree: the hashes and entries of its partial tiles, which the next append goes on with."""

    def __init__(self, size: int, levels: list[list[bytes]], bundle: list[bytes]) -> None:
        self.size = size
        self._levels = levels  # by level of tiles: hashes of the partial one
        self._bundle = bundle

    @classmethod
    def read(cls, tiles: TileFolder, checkpoint: Checkpoint) -> Self:
        """Return the edge of a log on the disk, which must lead to the root of the checkpoint."""
        size, levels, level = checkpoint.size, list[list[bytes]](), 0
        while n_hashes := size >> 8 * level:
            number, width = divmod(n_hashes, TILE_WIDTH)
            levels.append(tiles.tile(level, number) if width else [])
            level += 1
        number, width = divmod(size, TILE_WIDTH)
        bundle = tiles.bundle(number) if width else []
        edge = cls(size, levels, bundle)
        if [leaf_hash(entry) for entry in bundle] != (levels[0] if levels else []):
            raise LogDamagedError(entries_name(number, width), "has an entry that does not fit to its hash")
        if edge.root() != checkpoint.root:
            raise LogDamagedError(CHECKPOINT_NAME, f"the hashes of {size} entries do not lead to its root")
        return edge

    def root(self) -> bytes:
        """Return the root of the tree."""
        return peaks_root([peak for hashes in reversed(self._levels) for peak in peaks(hashes)])

    def appended(self, folder: Path, entries: Sequence[bytes]) -> "_Edge":
        """Return the edge after some entries, whose files it writes: bundles, then tiles."""
        number = self.size // TILE_WIDTH
        bundle = [*self._bundle, *entries]
        for at in range(0, len(bundle), TILE_WIDTH):
            part = bundle[at : at + TILE_WIDTH]
            put(folder, entries_name(number + at // TILE_WIDTH, len(part)), bundle_bytes(part))
        levels, new, level = [], [leaf_hash(entry) for entry in entries], 0
        while new or level < len(self._levels):
            before = self._levels[level] if level < len(self._levels) else []
            number = (self.size >> 8 * level) // TILE_WIDTH
            hashes, full = [*before, *new], []
            for at in range(0, len(hashes) if new else 0, TILE_WIDTH):
                part = hashes[at : at + TILE_WIDTH]
                put(folder, tile_name(level, number + at // TILE_WIDTH, len(part)), b"".join(part))
                if len(part) == TILE_WIDTH:
                    full.append(subtree(part))
            levels.append(hashes[len(full) * TILE_WIDTH :])
            new, level = full, level + 1
        return _Edge(self.size + len(entries), levels, bundle[len(bundle) // TILE_WIDTH * TILE_WIDTH :])


def _full_since(old_size: int, size: int) -> Iterator[str]:
    """Yield the names of bundles and tiles that are full by now and were not."""
    level = 0
    while size >> 8 * (level + 1):
        for number in range((old_size >> 8 * level) // TILE_WIDTH, (size >> 8 * level) // TILE_WIDTH):
            yield tile_name(level, number)
            if level == 0:
                yield entries_name(number)
        level += 1


def _size_within(tiles: TileFolder, size: int | None) -> int:
    if size is None:
        return tiles.size
    if not 0 <= size <= tiles.size:
        raise ParameterError(f"size {size}: the log has {tiles.size} entries; give 0 to {tiles.size}")
    return size


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of the writer; wait for another process to let go of it."""
    with disk.refusals(path, LogError, "cannot be locked"):
        descriptor = open_ours(path, os.O_RDWR)
    try:
        until = time.monotonic() + _LOCK_SECONDS
        while not _is_locked(descriptor, path):
            if time.monotonic() > until:
                raise LogError(
                    f"{printable(path.parent)}: another process has been writing to this log for "
                    f"{_LOCK_SECONDS:.0f} s; wait until it has finished, or find its cause"
                )
            time.sleep(_LOCK_PAUSE_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int, path: Path) -> bool:
    with disk.refusals(path, LogError, "cannot be locked", remedy="keep the log on a file system that has locks"):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
