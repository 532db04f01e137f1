"""Plan a session: files that are known, files with the content of another, and files to search.

The inputs are items (`sourceprint.inputs`) and the rows on record. A file is known by its kind (audio, or a fingerprint
file in place of audio) and SHA-256, where a row with the same index and settings has them. Reading a file to hash it
takes time, so only those are read that could be known: whose size a row has, or, among the files of the session
themselves, whose size and ends another has.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fingerprint.errors import printable
from fingerprint.extract import is_fingerprint_file
from sourceprint.audio_digests import known_audio_digest
from sourceprint.faults import Fault, contained
from sourceprint.items import Item, Refusal
from sourceprint.scans.journal import Entry

__all__ = ["Content", "Plan", "Territory", "by_suspicion", "content_of", "make_plan", "size_of"]

_PROBE_BYTES = 4096

Content = tuple[bool, str]
"""Identity of a file's content: whether it is a fingerprint file, and the SHA-256 of the audio."""


@dataclass(slots=True)
class Plan:
    """Items of a session by action, in their order.

    Attributes
    ----------
    kept : list of Entry
        Rows that stand as they are.
    copies : list of (Item, Entry)
        Files whose content has a row under another name, or with another id of the caller's.
    search : list of Item
        Files to be searched.
    followers : dict
        By position in `search`, the items that have the content of that file.
    again : dict
        By name of a file in `search` or `followers` that has a row already, why that does not stand: "other index",
        "other settings", "other content" or "failed before".
    """

    kept: list[Entry] = field(default_factory=list)
    copies: list[tuple[Item, Entry]] = field(default_factory=list)
    search: list[Item] = field(default_factory=list)
    followers: dict[int, list[Item]] = field(default_factory=dict)
    again: dict[str, str] = field(default_factory=dict)


def make_plan(
    items: Sequence[Item],
    entries: Iterable[Entry],
    *,
    index_digest: str,
    settings_digest: str,
    retry_failed: bool = False,
    step: Callable[[], None] = lambda: None,
) -> Plan:
    """Return the plan for some items.

    Parameters
    ----------
    items : sequence of Item
        The files, each once.
    entries : iterable of Entry
        The rows on record, one per name.
    index_digest, settings_digest : str
        Digests of the index and of the settings of this session.
    retry_failed : bool
        Whether files that failed are searched again.
    step : callable
        Called once for each item that has been looked at.
    """
    by_name = {entry.name: entry for entry in entries}
    wanted = (index_digest, settings_digest)
    valid = {name: entry for name, entry in by_name.items() if (entry.index_digest, entry.settings_digest) == wanted}
    sizes = {entry.n_bytes for entry in valid.values()}
    known: dict[Content, Entry] = {}
    for entry in sorted(valid.values(), key=lambda entry: not entry.searched):  # one that could be searched goes first
        if entry.sha256:
            known.setdefault((is_fingerprint_file(Path(entry.name)), entry.sha256), entry)
    plan = Plan()
    for item in items:
        name = str(item.path)
        found = _found(item.path, valid.get(name), known) if size_of(item.path) in sizes else None
        if found is None or (retry_failed and not found.searched):
            if (before := by_name.get(name)) is not None:
                plan.again[name] = _why(before, found, index_digest, settings_digest)
            plan.search.append(item)
        elif found.name == name and item.id in ("", found.track_id):
            plan.kept.append(found)
        else:
            plan.copies.append((item, found))
        step()
    _find_followers(plan)
    return plan


def by_suspicion(plan: Plan, suspects: Container[str]) -> Iterator[Plan]:
    """Yield the files to search in parts, in order: each suspect alone, the files between two of them together.

    Parameters
    ----------
    plan : Plan
        Its copies and the rows that stand are in none of the parts.
    suspects : container of str
        Names of files.
    """
    part = Plan(again=plan.again)
    for position, item in enumerate(plan.search):
        is_suspect = str(item.path) in suspects
        if is_suspect and part.search:
            yield part
            part = Plan(again=plan.again)
        if position in plan.followers:
            part.followers[len(part.search)] = plan.followers[position]
        part.search.append(item)
        if is_suspect:
            yield part
            part = Plan(again=plan.again)
    if part.search:
        yield part


def content_of(path: Path) -> Content | None:
    """Return the identity of a file's content; None if it cannot be read."""
    digest = contained(lambda: known_audio_digest(path))
    return None if isinstance(digest, Fault) else (is_fingerprint_file(path), digest)


def size_of(path: Path) -> int | None:
    """Return the size of a file in bytes; None if there is none that can be read."""
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):  # a name with a zero byte
        return None


class Territory:
    """Folders in which nothing is scanned: that of the run, and the one that files are moved to.

    Parameters
    ----------
    folders : iterable of Path
        They need not exist.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = [Path(os.path.realpath(folder)) for folder in folders]
        self._real: dict[Path, Path] = {}

    def outside(self, items: Iterable[Item], *, named: Iterable[Path] = ()) -> tuple[list[Item], list[Refusal]]:
        """Return the items that lie elsewhere, each file once, in order; and refusals of those `named` that do not."""
        explicit = set(named)
        taken: dict[Path, Item] = {}
        refused: dict[Path, Refusal] = {}
        for item in items:
            parent = item.path.parent
            if parent not in self._real:
                self._real[parent] = Path(os.path.realpath(parent))
            real = self._real[parent]
            if any(real.is_relative_to(folder) for folder in self._folders):
                if item.path in explicit:
                    reason = "lies in the folder of the run, or where files are moved to; scan a copy elsewhere"
                    refused[item.path] = Refusal(printable(item.path), reason)
                continue
            taken.setdefault(real / item.path.name, item)
        return list(taken.values()), list(refused.values())


def _found(path: Path, own: Entry | None, known: Mapping[Content, Entry]) -> Entry | None:
    """Return the row of a file's content: its own, or that of another name."""
    content = content_of(path)
    if content is None:
        return own if own is not None and not own.sha256 else None  # it could not be read then, and cannot be now
    return own if own is not None and own.sha256 == content[1] else known.get(content)


def _why(before: Entry, found: Entry | None, index_digest: str, settings_digest: str) -> str:
    if before.index_digest != index_digest:
        return "other index"
    if before.settings_digest != settings_digest:
        return "other settings"
    return "other content" if found is None else "failed before"


def _find_followers(plan: Plan) -> None:
    """Take files out of the search whose content another file in it has."""
    by_size: dict[tuple[bool, int | None], list[int]] = defaultdict(list)
    for position, item in enumerate(plan.search):
        by_size[is_fingerprint_file(item.path), size_of(item.path)].append(position)
    leaders: dict[int, int] = {}
    for (_, size), positions in by_size.items():
        if size is None or len(positions) == 1:
            continue
        for alike in _groups(positions, lambda position: _probe(plan.search[position].path)):
            for same in _groups(alike, lambda position: content_of(plan.search[position].path)):
                leaders.update(dict.fromkeys(same[1:], same[0]))
    if not leaders:
        return
    place: dict[int, int] = {}
    search: list[Item] = []
    for position, item in enumerate(plan.search):
        if position in leaders:
            plan.followers.setdefault(place[leaders[position]], []).append(item)
        else:
            place[position] = len(search)
            search.append(item)
    plan.search = search


def _groups(positions: Iterable[int], key: Callable[[int], object]) -> list[list[int]]:
    """Return the positions with equal keys, of which there are several; those whose key is None are like no other."""
    groups: dict[object, list[int]] = defaultdict(list)
    for position in positions:
        found = key(position)
        if found is not None:
            groups[found].append(position)
    return [group for group in groups.values() if len(group) > 1]


def _probe(path: Path) -> str | None:
    """Return a digest of both ends of a file, which differ in nearly all files that differ; None if unreadable."""
    if not path.is_file():
        return None
    try:
        with path.open("rb", buffering=0) as file:
            head = file.read(_PROBE_BYTES)
            file.seek(-min(_PROBE_BYTES, os.fstat(file.fileno()).st_size), os.SEEK_END)
            return hashlib.sha256(head + file.read(_PROBE_BYTES)).hexdigest()
    except OSError:
        return None
