"""The check of a whole log: every entry, every hash, the checkpoint, and an older checkpoint kept elsewhere.

All entries are read once, in order, in little memory. Two roots are computed beside each other: from the entries, and
from the stored hashes of leaves. The root that the checkpoint states says which of both is right where they differ.
"""

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fingerprint.errors import LogDamagedError, VerificationError, printable
from sourceprint.signatures import PublicKey
from sourceprint.transparency.checkpoint import Checkpoint
from sourceprint.transparency.log import CHECKPOINT_NAME, LogReader
from sourceprint.transparency.succession import Predecessor, find_predecessor
from sourceprint.transparency.tiles import (
    MOST_BUNDLE_BYTES,
    TILE_WIDTH,
    TileFolder,
    bundle_bytes,
    content,
    entries_name,
    parse_bundle,
    partial_widths,
    tile_name,
    width_at,
)
from sourceprint.transparency.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    leaf_hash,
    peaks,
    peaks_root,
    subtree,
    tree_root,
)

__all__ = ["KeyChange", "LogFinding", "LogVerdict", "verify_log"]

_MOST_NAMED = 20  # findings of one kind

_RESTORE = "put the file back from a backup, and find out who can write to the folder"
_REWRITTEN = (
    "keep both checkpoints, whose signatures are the evidence, and ask the holder of the key for the entries that the "
    "older one covers"
)


@dataclass(frozen=True, slots=True)
class LogFinding:
    """One thing that is wrong with a log.

    Attributes
    ----------
    kind : str
        `checkpoint`, `older_checkpoint`, `missing`, `malformed`, `altered_entry`, `altered_tile`, `rewritten`, `cut`,
        `behind` or `key_change`.
    where : str
        The file in the folder, and the entry.
    what : str
        The fault.
    remedy : str
        Remedy.
    """

    kind: str
    where: str
    what: str
    remedy: str

    @property
    def text(self) -> str:
        """The finding as one line."""
        return f"{self.where}: {self.what}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A change of the key of a log.

    Attributes
    ----------
    size : int
        Entries at the first checkpoint that the new key signed, together with the former one.
    signers : tuple of str
        Ids of the given keys that signed it.
    n_unknown : int
        Signatures by keys that were not given.
    """

    size: int
    signers: tuple[str, ...]
    n_unknown: int


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """The outcome of a check.

    Attributes
    ----------
    folder : Path
        Folder of the log.
    checkpoint : Checkpoint or None
        The one in the folder; None if it is none.
    is_trusted : bool
        Whether it is signed by the key that was given; False where none was given.
    older : Checkpoint or None
        The one kept elsewhere, where one was given.
    findings : tuple of LogFinding
        All that is wrong, at most 20 of a kind.
    n_findings : int
        All of them.
    key_changes : tuple of KeyChange
        Changes of the key, in order.
    predecessor : Predecessor or None
        How the log goes on from that of the older checkpoint, if that has another name.
    """

    folder: Path
    checkpoint: Checkpoint | None
    is_trusted: bool
    older: Checkpoint | None
    findings: tuple[LogFinding, ...]
    n_findings: int
    key_changes: tuple[KeyChange, ...] = ()
    predecessor: Predecessor | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong and the key is trusted."""
        return self.is_trusted and not self.n_findings

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON types (`sourceprint/log-verdict/1`)."""
        checkpoint = self.checkpoint
        return {
            "schema": "sourceprint/log-verdict/1",
            "folder": str(self.folder),
            "holds": self.holds,
            "consistent": not self.n_findings,
            "trusted": self.is_trusted,
            "origin": None if checkpoint is None else checkpoint.origin,
            "size": None if checkpoint is None else checkpoint.size,
            "root": None if checkpoint is None else base64.b64encode(checkpoint.root).decode("ascii"),
            "older_size": None if self.older is None else self.older.size,
            "key_changes": [asdict(change) for change in self.key_changes],
            "predecessor": None if self.predecessor is None else asdict(self.predecessor),
            "n_findings": self.n_findings,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def insist(self) -> None:
        """Raise a `VerificationError` if the log does not hold."""
        if self.n_findings:
            first = self.findings[0]
            raise VerificationError(f"{printable(self.folder)}: the log does not hold: {first.where}: {first.what}")
        if not self.is_trusted:
            raise VerificationError(
                f"{printable(self.folder)}: consistent, but anybody could have made it: give --key with the public key "
                "of the log"
            )


def verify_log(folder: Path, *, key: PublicKey | Sequence[PublicKey] | None, older: bytes | None = None) -> LogVerdict:
    """Check a folder of tiles.

    Parameters
    ----------
    folder : Path
        Folder of the log.
    key : PublicKey, sequence of PublicKey, or None
        Key of the log, or its keys where it has changed them. Without one, nothing is trusted.
    older : bytes, optional
        A checkpoint of the same log that was kept elsewhere.

    Returns
    -------
    LogVerdict

    Raises
    ------
    LogError
        If there is no log, or the system refuses.
    """
    findings, keys = _Findings(), (key,) if isinstance(key, PublicKey) else tuple(key or ())
    log = LogReader(folder)
    checkpoint = _signed(log.checkpoint(), CHECKPOINT_NAME, "checkpoint", keys, findings)
    kept = None if older is None else _signed(older, "older checkpoint", "older_checkpoint", keys, findings)
    changes: tuple[KeyChange, ...] = ()
    before = None
    if checkpoint is not None and findings.counts["checkpoint"]:
        _tell_successor(log, checkpoint, keys, findings)
    elif checkpoint is not None:
        tiles = TileFolder(folder, checkpoint.size)
        before = _predecessor(kept, checkpoint, tiles)
        _FileCheck(tiles, checkpoint, _same_log(kept, checkpoint, before, findings), findings).run()
        if not findings.counts.total():
            changes = _key_changes(log, checkpoint, tiles, keys, findings)
    is_trusted = bool(keys) and checkpoint is not None and not findings.counts["checkpoint"]
    found = tuple(findings.named), findings.counts.total()
    return LogVerdict(folder, checkpoint, is_trusted, kept, *found, changes, before)


class _Findings:
    """Findings so far: all counted, the first of each kind named."""

    def __init__(self) -> None:
        self.named: list[LogFinding] = []
        self.counts: Counter[str] = Counter()

    def add(self, kind: str, where: str, what: str, remedy: str = _RESTORE) -> None:
        self.counts[kind] += 1
        if self.counts[kind] <= _MOST_NAMED:
            self.named.append(LogFinding(kind, where, what, remedy))


def _signed(data: bytes, name: str, kind: str, keys: Sequence[PublicKey], findings: _Findings) -> Checkpoint | None:
    """Return a checkpoint, after noting its faults; None if it is none."""
    checkpoint = None
    try:
        checkpoint = Checkpoint.parse(data, name)
        if keys:
            checkpoint.verify(keys, name)
    except VerificationError as error:
        what, _, remedy = str(error).removeprefix(f"{name}: ").rpartition("; ")
        findings.add(kind, name, what, remedy)
    return checkpoint


def _tell_successor(log: LogReader, checkpoint: Checkpoint, keys: Sequence[PublicKey], findings: _Findings) -> None:
    """Note that a given key was followed by the one that signed the newest checkpoint."""
    if any(checkpoint.signed_by(key) for key in keys):
        return
    try:
        changes = [(name, change) for name, change in log.key_changes() if change.origin == checkpoint.origin]
    except VerificationError:
        return
    for name, change in changes:
        for key in (key for key in keys if change.signed_by(key)):
            findings.add(
                "key_change",
                name,
                f"the log changed its key at {change.size} entries, and key {key.id} ({key.name}) signed that",
                "get the new key from the owner of the log, by the way you got this one, and give both with --key",
            )


def _key_changes(
    log: LogReader, checkpoint: Checkpoint, tiles: TileFolder, keys: Sequence[PublicKey], findings: _Findings
) -> tuple[KeyChange, ...]:
    """Return the changes of the key of a sound log, after noting their faults."""
    found = []
    try:
        for name, change in log.key_changes():
            if change.size > checkpoint.size or tree_root(change.size, tiles.node) != change.root:
                findings.add("key_change", name, "states other entries than the log has", _REWRITTEN)
                continue
            signers = change.verify(keys, name) if any(change.signed_by(key) for key in keys) else ()
            ids = tuple(key.id for key in signers)
            found.append(KeyChange(change.size, ids, len(change.signatures) - len(ids)))
    except VerificationError as error:
        findings.add("key_change", "key-changes", str(error).rpartition("; ")[0], _RESTORE)
    return tuple(found)


def _predecessor(kept: Checkpoint | None, checkpoint: Checkpoint, tiles: TileFolder) -> Predecessor | None:
    """Return how the log goes on from that of a checkpoint of another name."""
    if kept is None or kept.origin == checkpoint.origin:
        return None
    try:
        return find_predecessor(tiles, kept.origin)
    except LogDamagedError:  # the check of the files names it
        return None


def _same_log(
    kept: Checkpoint | None, checkpoint: Checkpoint, before: Predecessor | None, findings: _Findings
) -> Checkpoint | None:
    """Return the older checkpoint if it can be compared with the newer one."""
    if kept is None or findings.counts["older_checkpoint"]:
        return None
    where = "older checkpoint"
    if before is not None and kept.size > before.size:
        findings.add(
            "behind",
            f"entries {before.size} to {kept.size - 1}",
            f"are lost: the log was put back from a backup of {before.size} entries (entry {before.entry}, "
            f"{printable(before.at)}), where the checkpoint kept elsewhere states {kept.size}",
            "keep that checkpoint, ask the operator for the lost entries, and from now on keep checkpoints of this log",
        )
        return None
    if kept.origin != checkpoint.origin and before is None:
        other = f"is of the log {printable(kept.origin)}, not of {printable(checkpoint.origin)}"
        findings.add("older_checkpoint", where, other, "give one of this log")
        return None
    if kept.size > checkpoint.size:
        findings.add(
            "cut",
            CHECKPOINT_NAME,
            f"states {checkpoint.size} entries, where the one kept elsewhere states {kept.size}: entries were removed, "
            "or an older copy of the log was put back",
            _REWRITTEN,
        )
        return None
    return kept


class _Leaves:
    """The leaves of a tree, read in order: the roots of every 256, and those after the last of these."""

    def __init__(self, older_size: int) -> None:
        self.level_1: list[bytes] = []
        self._tail: list[bytes] = []
        self._older_size = older_size
        self._older_tail: list[bytes] = []

    def add(self, leaves: list[bytes]) -> None:
        """Add the leaves of the next tile; all but the last are full."""
        if len(self.level_1) == self._older_size // TILE_WIDTH:
            self._older_tail = leaves[: self._older_size % TILE_WIDTH]
        if len(leaves) == TILE_WIDTH:
            self.level_1.append(subtree(leaves))
        else:
            self._tail = leaves

    def root(self) -> bytes:
        return peaks_root([*peaks(self.level_1), *peaks(self._tail)])

    def older_root(self) -> bytes:
        return peaks_root([*peaks(self.level_1[: self._older_size // TILE_WIDTH]), *peaks(self._older_tail)])


def _hashes_in(data: bytes, *, of_entries: bool) -> list[bytes]:
    """Return the hashes in a tile, or of the entries in a bundle; none of a bundle that cannot be read."""
    if of_entries:
        return [leaf_hash(one) for one in parse_bundle(data) or ()]
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


class _FileCheck:
    """The check of entries and tiles against a checkpoint whose signature is not in doubt."""

    def __init__(
        self, tiles: TileFolder, checkpoint: Checkpoint, older: Checkpoint | None, findings: _Findings
    ) -> None:
        older_size = 0 if older is None else older.size
        self.tiles, self.checkpoint, self.older, self.findings = tiles, checkpoint, older, findings
        self.by_entries, self.by_tiles = _Leaves(older_size), _Leaves(older_size)
        self.differing: list[int] = []  # entries whose hash is another than the stored one

    def run(self) -> None:
        self._read()
        root = self.checkpoint.root
        entries_lead, tiles_lead = self.by_entries.root() == root, self.by_tiles.root() == root
        for index in self.differing:
            self._tell_differing(index, entries_lead, tiles_lead)
        if not entries_lead and not tiles_lead:
            if not self.findings.counts.total():
                self._tell_rewritten()
            self._check_partials(self.by_tiles, by_entries=False, proven=False)
            return
        right = self.by_entries if entries_lead else self.by_tiles
        self._check_upper(right.level_1)
        self._check_partials(right, by_entries=entries_lead, proven=True)
        if self.older is not None and right.older_root() != self.older.root:
            self.findings.add(
                "rewritten",
                f"entries 0 to {self.older.size - 1}",
                "do not lead to the root of the checkpoint kept elsewhere: rewritten by the holder of the key",
                _REWRITTEN,
            )

    def _read(self) -> None:
        for number in range(-(-self.checkpoint.size // TILE_WIDTH)):
            entries, stored = self._bundle(number), self._tile(0, number)
            leaves = stored if entries is None else [leaf_hash(entry) for entry in entries]
            if leaves is None:
                leaves = [EMPTY_ROOT] * width_at(self.checkpoint.size, 0, number)  # no leaf has this hash
            stored = leaves if stored is None else stored
            self.by_entries.add(leaves)
            self.by_tiles.add(stored)
            if leaves != stored:
                first = number * TILE_WIDTH
                self.differing += [first + at for at, leaf in enumerate(leaves) if leaf != stored[at]]

    def _tell_differing(self, index: int, entries_lead: bool, tiles_lead: bool) -> None:
        number = index // TILE_WIDTH
        width = width_at(self.checkpoint.size, 0, number)
        if not entries_lead and not tiles_lead and width == TILE_WIDTH:
            above = self._above(number)
            entries_lead, tiles_lead = above == self.by_entries.level_1[number], above == self.by_tiles.level_1[number]
        if tiles_lead:
            self.findings.add(
                "altered_entry", f"{entries_name(number, width)}, entry {index}", "is not the entry that was logged"
            )
        elif entries_lead:
            self.findings.add(
                "altered_tile", f"{tile_name(0, number, width)}, hash of entry {index}", "is not the hash of this entry"
            )
        else:
            self.findings.add(
                "altered_entry",
                f"{entries_name(number, width)}, entry {index}",
                f"does not fit to its hash in {tile_name(0, number, width)}, and neither leads to the signed root",
            )

    def _tell_rewritten(self) -> None:
        """Name the entries that were altered together with their hashes, as far as the level above still tells."""
        size = self.checkpoint.size
        for number, found in enumerate(self.by_entries.level_1):
            above = self._above(number)
            if above is not None and above != found:
                first = number * TILE_WIDTH
                self.findings.add(
                    "altered_entry",
                    f"{entries_name(number)} and {tile_name(0, number)}",
                    f"some of the entries {first} to {first + TILE_WIDTH - 1} were altered together with their hashes",
                )
        if not self.findings.counts.total():
            self.findings.add(
                "altered_entry",
                f"entries 0 to {size - 1}" if size else CHECKPOINT_NAME,
                "entries and hashes fit to each other, but lead to another root than the signed one: they were altered "
                "together, or are of another log",
            )

    def _above(self, number: int) -> bytes | None:
        """Return the stored hash of a full tile of leaves, silently none where it cannot be read."""
        try:
            return self.tiles.tile(1, number // TILE_WIDTH)[number % TILE_WIDTH]
        except LogDamagedError:
            return None

    def _check_upper(self, hashes: list[bytes]) -> None:
        level = 1
        while hashes:
            above = []
            for number in range(-(-len(hashes) // TILE_WIDTH)):
                part = hashes[number * TILE_WIDTH : (number + 1) * TILE_WIDTH]
                for at, stored in enumerate(self._tile(level, number) or part):
                    if stored != part[at]:
                        name = tile_name(level, number, len(part))
                        self.findings.add("altered_tile", f"{name}, hash {at}", "is not the hash of the level below it")
                if len(part) == TILE_WIDTH:
                    above.append(subtree(part))
            hashes, level = above, level + 1

    def _check_partials(self, right: _Leaves, *, by_entries: bool, proven: bool) -> None:
        """Compare partial tiles that wider ones followed: a reader with an older checkpoint may be given them.

        Parameters
        ----------
        right : _Leaves
        by_entries : bool
            Whether the leaves are the hashes of the entries, and not the stored ones.
        proven : bool
            Whether they lead to the signed root; if not, only leaves are compared.
        """
        level, hashes = 0, right.level_1
        while n_hashes := self.checkpoint.size >> 8 * level:
            for number in range(-(-n_hashes // TILE_WIDTH)):
                width = width_at(self.checkpoint.size, level, number)
                names = [partial(tile_name, level, number), *([partial(entries_name, number)] if level == 0 else [])]
                for name in names:
                    for earlier in partial_widths(self.tiles.folder, name()):
                        if earlier < width:
                            found = hashes[number * TILE_WIDTH :] if level else self._leaves(number, by_entries)
                            self._check_partial(name(earlier), name(width), found[:earlier], proven=proven)
            if not proven:
                return
            if level:
                full = range(0, len(hashes) - TILE_WIDTH + 1, TILE_WIDTH)
                hashes = [subtree(hashes[at : at + TILE_WIDTH]) for at in full]
            level += 1

    def _leaves(self, number: int, by_entries: bool) -> list[bytes]:
        """Return the hashes of the leaves of a tile; none where they cannot be read, which is a finding already."""
        try:
            return [leaf_hash(one) for one in self.tiles.bundle(number)] if by_entries else self.tiles.tile(0, number)
        except LogDamagedError:
            return []

    def _check_partial(self, name: str, wider: str, right: list[bytes], *, proven: bool) -> None:
        """Compare a partial tile, or bundle of entries, with its right hashes; none are known if the list is empty."""
        of_entries = name.startswith(entries_name(0).rpartition("/")[0])
        data = content(self.tiles.folder / name, MOST_BUNDLE_BYTES)
        if data is None or not right:
            return
        if _hashes_in(data, of_entries=of_entries) == right:
            return
        kind = "altered_entry" if of_entries else "altered_tile"
        whole = content(self.tiles.folder / wider, MOST_BUNDLE_BYTES) or b""
        if not proven:
            self.findings.add(
                kind, name, f"is not the beginning of {wider}, and nothing proves either: one was altered"
            )
        elif _hashes_in(whole, of_entries=of_entries)[: len(right)] == right:
            entries = parse_bundle(whole) if of_entries else None
            n_bytes = len(right) * HASH_BYTES if entries is None else len(bundle_bytes(entries[: len(right)]))
            remedy = f"write the first {n_bytes} bytes of that file over it, and find out who can write to the folder"
            self.findings.add(kind, name, f"is not the beginning of {wider}, which leads to the signed root", remedy)
        else:
            self.findings.add(kind, name, "does not lead to the signed root")

    def _bundle(self, number: int) -> list[bytes] | None:
        try:
            return self.tiles.bundle(number)
        except LogDamagedError as error:
            self._tell_damaged(error)
            return None

    def _tile(self, level: int, number: int) -> list[bytes] | None:
        try:
            return self.tiles.tile(level, number)
        except LogDamagedError as error:
            self._tell_damaged(error)
            return None

    def _tell_damaged(self, error: LogDamagedError) -> None:
        what = f"{error.fault}, though the checkpoint states {self.checkpoint.size} entries: the log was cut or altered"
        self.findings.add("missing" if error.fault == "is missing" else "malformed", error.name, what)
