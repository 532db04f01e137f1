"""Find damaged files of an index, and the recordings lost with them.

`verify_index` reads every byte of the index, compares it with the checksums of the manifest, and then checks their
contents: every rule of `docs/formats/index.md`, in every recording and every list. An index in which it finds nothing
can be opened, searched and changed. `index.folder.repair` acts on what it finds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerprint.digests import FileEntry, hash_file
from fingerprint.errors import CatalogueError, IndexDamagedError
from index.folder.salvage import parsed, salvaged
from index.storage.amendments import AMENDABLE, Amendments, ranges_array, read_amendments
from index.storage.hubs import read_hubs
from index.storage.manifest import Manifest, SegmentEntry, read_manifest
from index.storage.recordings import Recording, recording_from_json, rows_from_json, text_key
from index.storage.segment import Segment, SegmentLayer, unlisted_fault
from index.storage.snapshot import checked_tree
from index.vectors.format2.lists import TreeLists
from index.vectors.format2.tree import Tree
from index.vectors.ivf import SegmentCodes
from index.vectors.signs import signs_of, words_of

__all__ = ["DamagedFile", "Findings", "SegmentFindings", "examine", "verify_index"]

_GATHER = 1 << 20


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """One damaged file.

    Attributes
    ----------
    path : Path
        The file, or the folder of a layer.
    what : str
        The damage, in words.
    part : str
        Part of the index that it belongs to: "segments/NAME", "trees/NAME", or the name of the file of hubs or of
        amendments.
    lost : tuple of Recording
        The recordings to add again, as far as they can still be read.
    n_recordings : int
        How many there are; 0 if all that is damaged can be made again.
    """

    path: Path
    what: str
    part: str
    lost: tuple[Recording, ...]
    n_recordings: int

    @property
    def recordings(self) -> tuple[str, ...]:
        """Ids of the recordings to add again."""
        return tuple(recording.id for recording in self.lost)


@dataclass(slots=True, eq=False)
class SegmentFindings:
    """Findings on one segment.

    Attributes
    ----------
    entry : SegmentEntry
        Its entry in the manifest.
    faults : dict of Path to str
        The damage, by file.
    segment : Segment or None
        The segment, with everything made anew that was damaged and can be; None if nothing of it can be kept.
    lost : ndarray [shape=(n_recordings,), dtype=bool]
        Live recordings that cannot be kept.
    named : tuple of Recording
        Those of them that can still be read.
    """

    entry: SegmentEntry
    faults: dict[Path, str]
    segment: Segment | None
    lost: NDArray[np.bool_]
    named: tuple[Recording, ...] = ()


@dataclass(slots=True, eq=False)
class Findings:
    """Findings on an index.

    Attributes
    ----------
    segments : list of SegmentFindings
        In row order.
    trees : dict of str to Tree
        Sound ones, by layer of format 2.
    amendments : dict
        Amended lines, by segment and position; empty if their file is damaged.
    problems : list of DamagedFile
        Everything damaged; empty if all is well.
    """

    segments: list[SegmentFindings] = field(default_factory=list)
    trees: dict[str, Tree] = field(default_factory=dict)
    amendments: Amendments = field(default_factory=dict)
    problems: list[DamagedFile] = field(default_factory=list)


def verify_index(folder: Path, *, progress: Callable[[int], None] | None = None) -> list[DamagedFile]:
    """Compare every file that the manifest names with its checksum, and look at all that the files say.

    Works on indexes that are too damaged to be opened, as long as the manifest is sound. Files that the manifest does
    not name are leftovers of a killed run: they are never read, and are no problem.

    Parameters
    ----------
    folder : Path
        The index folder.
    progress : callable, optional
        Called with the number of bytes of every block read.

    Returns
    -------
    list of DamagedFile
        Empty if all is well.

    Raises
    ------
    IndexMissingError, IndexFormatError, IndexDamagedError
        As `read_manifest`.
    """
    return examine(folder, read_manifest(folder), progress=progress).problems


def examine(
    folder: Path, manifest: Manifest, *, compare: bool = True, progress: Callable[[int], None] | None = None
) -> Findings:
    """Return the damage in the state of an index that a manifest names, and the parts that can be kept.

    Parameters
    ----------
    folder : Path
        The index folder.
    manifest : Manifest
        The state.
    compare : bool
        Whether files are compared with the checksums in the manifest; False if that was done as they were written.
    progress : callable, optional
        As for `verify_index`.
    """
    found = Findings()

    def compared(path: Path, expected: FileEntry) -> str:
        return _compare(path, expected, progress, whole=compare)

    for name, layer in manifest.layers.items():
        if layer.tree is not None:
            place = folder / "trees" / layer.tree.name
            faults = {place / path: compared(place / path, entry) for path, entry in layer.tree.files.items()}
            if not any(faults.values()):
                try:
                    found.trees[name] = checked_tree(place, layer.tree, layer.dimension)
                except IndexDamagedError as error:
                    faults = {_path_of(error, place): error.fault}
            problems = [(path, what) for path, what in faults.items() if what]
            found.problems += [DamagedFile(path, what, f"trees/{layer.tree.name}", (), 0) for path, what in problems]
    ids: set[str] = set()
    for entry in manifest.segments:
        segment = _segment(folder / "segments" / entry.name, entry, manifest, found.trees, ids, compared)
        found.segments.append(segment)
        part, lost = f"segments/{entry.name}", int(np.count_nonzero(segment.lost))
        found.problems += [DamagedFile(path, what, part, segment.named, lost) for path, what in segment.faults.items()]
    if manifest.hubs is not None:
        path = folder / manifest.hubs.name
        what = compared(path, manifest.hubs.file)
        if not what:
            try:
                read_hubs(path)
            except IndexDamagedError as error:
                what = error.fault
        if what:
            found.problems.append(DamagedFile(path, what, manifest.hubs.name, (), 0))
    if manifest.amendments is not None:
        path = folder / manifest.amendments.name
        what = compared(path, manifest.amendments.file)
        if not what:
            found.amendments, what = _amendments(folder, manifest, found.segments, ids)
        if what:
            lost_now = list(_amended(manifest, found.segments))
            named = tuple(chain.from_iterable(names for names, _ in lost_now))
            count = sum(n for _, n in lost_now)
            found.problems.append(DamagedFile(path, what, manifest.amendments.name, named, count))
    return found


def _compare(path: Path, expected: FileEntry, progress: Callable[[int], None] | None, *, whole: bool) -> str:
    try:
        size = path.stat().st_size
        if size != expected.size:
            return f"has {size} bytes, should have {expected.size}"
        return "" if not whole or hash_file(path, progress=progress) == expected else "fails its checksum"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _segment(
    place: Path,
    entry: SegmentEntry,
    manifest: Manifest,
    trees: Mapping[str, Tree],
    ids: set[str],
    compared: Callable[[Path, FileEntry], str],
) -> SegmentFindings:
    """Examine one segment; `ids` are those of the live recordings before it, and get those in it."""
    faults = {
        place / name: what for name, expected in entry.files.items() if (what := compared(place / name, expected))
    }
    segment, bad = None, np.zeros(entry.n_recordings, dtype=np.bool_)
    if not faults:
        try:
            segment = Segment.open(place, entry, manifest.layers, check_all=False)
            faults, bad = _faults(segment, entry, trees, ids)
        except (FileNotFoundError, IndexDamagedError) as error:
            faults = {_path_of(error, place): getattr(error, "fault", "") or "is missing"}
    if faults:
        suspects = {str(path.relative_to(place)) for path in faults}
        segment = salvaged(place, entry, manifest.layers, suspects)
        bad = np.ones(entry.n_recordings, dtype=np.bool_) if segment is None else _faults(segment, entry, {}, ids)[1]
    alive = np.ones(entry.n_recordings, dtype=np.bool_)
    alive[list(entry.removed)] = False
    lost = bad & alive
    if segment is not None:
        kept = np.flatnonzero(alive & ~bad).tolist()
        ids |= {segment.table.read(position).id for position in kept}
    named = _named(place, segment, np.flatnonzero(lost).tolist())
    return SegmentFindings(entry, faults, segment, lost, named)


def _path_of(error: Exception, place: Path) -> Path:
    path = error.path if isinstance(error, IndexDamagedError) else getattr(error, "filename", None)
    return place if path is None else Path(path)


def _faults(
    segment: Segment, entry: SegmentEntry, trees: Mapping[str, Tree], ids: set[str]
) -> tuple[dict[Path, str], NDArray[np.bool_]]:
    """Return the damage of an open segment, by file, and flags of recordings that cannot be kept."""
    faults: dict[Path, str] = {}
    bad = np.zeros(entry.n_recordings, dtype=np.bool_)
    removed, seen = set(entry.removed), set(ids)
    ranges = {}
    counts = {name: np.diff(layer.bounds) for name, layer in segment.layers.items()}
    for position in range(entry.n_recordings):
        try:
            line = segment.table.stored_line(position)
            recording = recording_from_json(line)
            rows = {name: rows_from_json(line, name) for name in segment.layers}
        except IndexDamagedError:
            faults.setdefault(segment.folder / "recordings.jsonl", f"says nothing sound of its recording {position}")
            bad[position] = True
            continue
        ranges[position] = recording.excluded
        if segment.table.keys[position, :2].tolist() != [text_key(recording.id), text_key(recording.sha256)]:
            faults.setdefault(segment.folder / "keys.npy", f"has other keys than the line of its recording {position}")
        if rows != {name: int(counts[name][position]) for name in rows}:
            faults.setdefault(segment.folder / "recordings.jsonl", f"states other landmarks of recording {position}")
            bad[position] = True
        if position not in removed and recording.id in seen:
            faults.setdefault(segment.folder / "recordings.jsonl", f"has the id of another, {recording.id!r:.80}")
            bad[position] = True
        elif position not in removed:
            seen.add(recording.id)
    if not np.array_equal(ranges_array(ranges), segment.exclusions) and len(ranges) == entry.n_recordings:
        faults.setdefault(segment.folder / "exclusions.npy", "has other ranges than the lines of the recordings")
    for name, layer in segment.layers.items():
        _check_rows(layer, bad, faults)
        what = ""
        if isinstance(layer.lists, SegmentCodes):
            what = unlisted_fault(layer.lists.rows, layer.n_rows)
        elif layer.lists is not None and name in trees:
            what = _lists_fault(layer, layer.lists, trees[name])
        if what:
            faults.setdefault(layer.folder / "list_rows.npy", what)
    return faults, bad


def _check_rows(layer: SegmentLayer, bad: NDArray[np.bool_], faults: dict[Path, str]) -> None:
    for position, (first, last) in enumerate(pairwise(layer.bounds.tolist())):
        if bad[position]:
            continue
        try:
            layer.check(position)
        except IndexDamagedError as error:
            faults.setdefault(_path_of(error, layer.folder), error.fault)
            bad[position] = True
            continue
        rows = slice(first, last)
        if layer.vectors is not None and not np.array_equal(signs_of(layer.vectors[rows]), layer.codes[rows]):
            faults.setdefault(layer.folder / "codes.npy", f"has no signs of the descriptors of recording {position}")
            bad[position] = True


def _lists_fault(layer: SegmentLayer, lists: TreeLists, tree: Tree) -> str:
    if tree.level_of(lists.n_lists) is None:
        return f"has {lists.n_lists} lists, like no level of the tree"
    number = lists.first_damaged(np.arange(lists.n_lists, dtype=np.int32))
    if number is not None:
        return f"has a list, number {number}, that fails its checksum or is out of order"
    if what := unlisted_fault(lists.rows, layer.n_rows):
        return what
    words = words_of(layer.codes)
    for start in range(0, layer.n_rows, _GATHER):
        part = slice(start, start + _GATHER)
        if not np.array_equal(words[lists.rows[part]].T, lists.codes[:, part]):
            return "has lists with other codes than the rows they name"
    return ""


def _amendments(
    folder: Path, manifest: Manifest, segments: Sequence[SegmentFindings], ids: set[str]
) -> tuple[Mapping[str, Mapping[int, bytes]], str]:
    """Read the amendments; returns none, and the fault, if a line is not that of its recording.

    `ids` are those of all live recordings as the segments have them; no recording may be renamed to one of another.
    """
    new_ids: set[str] = set()
    try:
        amendments = read_amendments(folder, manifest.amendments)
        for found in segments:
            lines = amendments.get(found.entry.name, {}) if found.segment is not None else {}
            for position, line in lines.items():
                now = recording_from_json(line)
                if found.segment is None or found.lost[position] or position in found.entry.removed:
                    continue
                before = found.segment.table.stored_line(position)
                stored = recording_from_json(before)
                said = {name: getattr(now, name) for name in AMENDABLE}
                if now.id != stored.id:
                    if manifest.renamed.get(stored.id) != now.id or now.id in new_ids or now.id in ids:
                        return {}, f"gives recording {stored.id!r:.80} the id {now.id!r:.80}, which is not its own"
                    new_ids.add(now.id)
                is_same = replace(stored, id=now.id, **said) == now
                layers = found.segment.layers
                if not is_same or any(rows_from_json(line, one) != rows_from_json(before, one) for one in layers):
                    return {}, f"says more of recording {now.id!r:.80} than {', '.join(AMENDABLE)}"
    except CatalogueError as error:
        return {}, getattr(error, "fault", "") or "has a line that says nothing sound of a recording"
    return amendments, ""


def _amended(manifest: Manifest, segments: Sequence[SegmentFindings]) -> Iterator[tuple[tuple[Recording, ...], int]]:
    """Mark recordings whose amendments are lost as lost too; yield those of each segment, and how many there are."""
    positions = {} if manifest.amendments is None else manifest.amendments.recordings
    for found in segments:
        at = sorted(
            set(positions.get(found.entry.name, ())) - set(found.entry.removed) - set(np.flatnonzero(found.lost))
        )
        found.lost[at] = True
        if at:
            yield _named(Path(), found.segment, at), len(at)


def _named(place: Path, segment: Segment | None, positions: Sequence[int]) -> tuple[Recording, ...]:
    """Return recordings as far as their lines can be read, proven or not."""
    if not positions:
        return ()
    if segment is not None:
        table = segment.table
        lines = [table.lines[table.offsets[at] : table.offsets[at + 1]].tobytes() for at in positions]
    else:
        try:
            every = (place / "recordings.jsonl").read_bytes().split(b"\n")
        except OSError:
            return ()
        lines = [every[at] for at in positions if at < len(every)]
    return tuple(recording for line in lines if (recording := parsed(line)) is not None)
