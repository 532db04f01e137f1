"""New segments: from recordings just fingerprinted, or from older segments that are joined, thinned or compressed.

A segment is complete and on the disk before the manifest names it. Columns are copied in slices of whole runs of live
recordings, lists range by range (`index.vectors.ivf.joined_codes`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerprint.digests import FileEntry, canonical_json
from index.storage.amendments import contents_of, exclusions_of, ranges_array
from index.storage.durable import make_folder, sync_folder, write_array, write_chunks
from index.storage.layers import Prepared, PreparedLayer
from index.storage.manifest import LayerEntry, SegmentEntry
from index.storage.recordings import TablePart, line_check, recording_to_json, text_key
from index.storage.segment import Segment, SegmentLayer, rows_check
from index.vectors.exact import as_vectors
from index.vectors.ivf import SegmentCodes, joined_codes, sorted_codes
from index.vectors.quantiser import shipped_quantiser
from index.vectors.signs import vectors_of_signs

__all__ = ["MergeSource", "merge_segments", "write_segment"]

Lists = Iterator[tuple[str, tuple[int, ...], type[np.generic], Iterator[NDArray[Any]]]]
"""Files of inverted lists, to be written in this order: name, shape, type, and the array in consecutive parts."""

_ENCODED_AT_ONCE = 1 << 16  # rows: bounds the memory of descriptors on their way to a code


@dataclass(frozen=True, slots=True, eq=False)
class MergeSource:
    """A segment to be joined with others.

    Attributes
    ----------
    segment : Segment
        Open segment.
    alive : ndarray [shape=(n_recordings,), dtype=bool]
        Which of its recordings live.
    amended : mapping
        By position: lines that take the place of stored ones.
    """

    segment: Segment
    alive: NDArray[np.bool_]
    amended: Mapping[int, bytes] = field(default_factory=dict)

    def table(self) -> TablePart:
        """Return the recordings as they are now."""
        return replace(self.segment.table, amended=self.amended)

    def exclusions(self, first: int) -> NDArray[np.int64]:
        """Return excluded ranges of live recordings [shape=(m, 3)], whose positions are counted from `first`."""
        ranges = exclusions_of(self.table(), self.segment.exclusions)
        ranges = ranges[self.alive[ranges[:, 0]]]
        positions = first + np.cumsum(self.alive) - 1
        return np.column_stack([positions[ranges[:, 0]], ranges[:, 1:]])

    def counts(self, layer: str) -> NDArray[np.int64]:
        """Return the landmarks of each live recording; zeros if the segment lacks the layer."""
        found = self.segment.layers.get(layer)
        if found is None:
            return np.zeros(int(np.count_nonzero(self.alive)), dtype=np.int64)
        return np.diff(found.bounds)[self.alive]

    def runs(self, layer: SegmentLayer) -> list[slice]:
        """Return the rows of live recordings as few slices, ascending."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], self.alive, [False]]).astype(np.int8)))
        rows = layer.bounds[edges]
        return [slice(int(a), int(b)) for a, b in zip(rows[0::2], rows[1::2], strict=True) if b > a]

    def check(self, layer: SegmentLayer) -> None:
        """Compare the rows to copy with their checksums, so that damage never gets a new checksum."""
        for position in np.flatnonzero(self.alive).tolist():
            layer.check(position)
        if isinstance(layer.lists, SegmentCodes):
            layer.check_lists()


def write_segment(
    folder: Path,
    items: Sequence[Prepared],
    layers: Mapping[str, LayerEntry],
    kept: Mapping[str, tuple[SegmentCodes, Sequence[slice]]] = MappingProxyType({}),
) -> SegmentEntry:
    """Write recordings as a new segment and flush it; nothing refers to it yet.

    Parameters
    ----------
    folder : Path
        Folder to create.
    items : sequence of Prepared
        At least one recording.
    layers : mapping
        Layers of the index.
    kept : mapping
        By compressed layer, lists that hold the codes of these recordings already, and where their rows are in them, in
        the order of `items`. A layer that is not among them needs the descriptors.

    Returns
    -------
    SegmentEntry
        Its entry for the manifest.

    Raises
    ------
    StorageFullError
        If the disk is full.
    """
    make_folder(folder)
    lines = []
    for item in items:
        counts = {name: int(layer.times.size) for name, layer in item.layers.items()}
        lines.append(canonical_json({**recording_to_json(item.recording), "landmarks": counts}) + b"\n")
    keys = np.array([[text_key(item.recording.id), text_key(item.recording.sha256)] for item in items], dtype=np.uint64)
    contents = np.frombuffer(b"".join(item.content for item in items), dtype=np.uint8).reshape(-1, 32)
    exclusions = ranges_array({position: item.recording.excluded for position, item in enumerate(items)})
    files = _write_records(folder, lines, keys, contents, exclusions)
    landmarks = {}
    for name, entry in layers.items():
        n_each = [item.layers[name].times.size if name in item.layers else 0 for item in items]
        parts = [item.layers[name] for item in items if name in item.layers]
        n_rows = sum(n_each)
        if not n_rows:
            continue
        columns = {one.name: _added_rows(parts, one.name) for one in entry.stored_columns}
        lists: Lists | None = None
        if entry.quantiser is not None:
            level = entry.quantiser.level
            lists = joined_codes([kept[name]], level) if name in kept else _sorted_items(parts, level)
        files |= _write_layer(folder, name, np.array(n_each), entry, columns, lists)
        landmarks[name] = n_rows
    return _finish(folder, len(items), landmarks, files)


def merge_segments(
    folder: Path,
    sources: Sequence[MergeSource],
    layers: Mapping[str, LayerEntry],
) -> SegmentEntry:
    """Write the live recordings of several segments, in order, as one new segment and flush it.

    Codes are copied as they are; a layer that is compressed only now gets them from its descriptors.

    Parameters
    ----------
    folder : Path
        Folder to create.
    sources : sequence of MergeSource
        With at least one live recording in all.
    layers : mapping
        Layers of the index, as they are to be.

    Returns
    -------
    SegmentEntry
        Its entry for the manifest.

    Raises
    ------
    StorageFullError
        If the disk is full.
    IndexDamagedError
        If data to copy fails its checksum.
    """
    make_folder(folder)
    lines = (source.table().line(int(position)) for source in sources for position in np.flatnonzero(source.alive))
    keys = np.concatenate([source.table().current_keys()[source.alive] for source in sources])
    contents = np.concatenate(
        [contents_of(source.table(), source.segment.contents)[source.alive] for source in sources]
    )
    firsts = np.cumsum([0, *(np.count_nonzero(source.alive) for source in sources[:-1])])
    exclusions = np.concatenate([source.exclusions(int(first)) for source, first in zip(sources, firsts, strict=True)])
    files = _write_records(folder, lines, keys, contents, exclusions)
    landmarks = {}
    for name, entry in layers.items():
        counts = np.concatenate([source.counts(name) for source in sources])
        present = [(source, source.segment.layers[name]) for source in sources if name in source.segment.layers]
        n_rows = int(counts.sum())
        if not n_rows:
            continue
        for source, layer in present:
            source.check(layer)
        columns = {one.name: _joined_rows(present, one.name) for one in entry.stored_columns}
        lists = None if entry.quantiser is None else _joined_lists(present, entry.quantiser.level)
        files |= _write_layer(folder, name, counts, entry, columns, lists)
        landmarks[name] = n_rows
    return _finish(folder, len(keys), landmarks, files)


def _added_rows(parts: Sequence[PreparedLayer], column: str) -> Iterator[NDArray[Any]]:
    """Yield the rows of one column, recording by recording."""
    return (part.columns[column] for part in parts)


def _joined_rows(sources: Sequence[tuple[MergeSource, SegmentLayer]], column: str) -> Iterator[NDArray[Any]]:
    """Yield the rows of live recordings of one column, run by run."""
    return (layer.columns[column][run] for source, layer in sources for run in source.runs(layer))


def _write_records(
    folder: Path,
    lines: Iterable[bytes],
    keys: NDArray[np.uint64],
    contents: NDArray[np.uint8],
    exclusions: NDArray[np.int64],
) -> dict[str, FileEntry]:
    ends = [0]
    checks = []

    def counted() -> Iterator[bytes]:
        for line in lines:
            ends.append(ends[-1] + len(line))
            checks.append(line_check(line))
            yield line

    files = {
        "recordings.jsonl": write_chunks(folder / "recordings.jsonl", _joined(counted())),
        "offsets.npy": _write_whole(folder / "offsets.npy", np.array(ends, dtype=np.int64)),
        "keys.npy": _write_whole(
            folder / "keys.npy", np.column_stack([keys[:, :2], np.array(checks, dtype=np.uint64)])
        ),
        "contents.npy": _write_whole(folder / "contents.npy", contents),
    }
    if exclusions.size:
        files["exclusions.npy"] = _write_whole(folder / "exclusions.npy", exclusions)
    return files


def _write_layer(
    folder: Path,
    name: str,
    counts: NDArray[np.int64],
    layer: LayerEntry,
    columns: Mapping[str, Iterable[NDArray[Any]]],
    lists: Lists | None,
) -> dict[str, FileEntry]:
    place = folder / name
    make_folder(place)
    bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    n_rows = int(bounds[-1])
    files = {"bounds.npy": _write_whole(place / "bounds.npy", bounds)}
    written = {}
    for one in layer.stored_columns:
        path, shape = place / f"{one.name}.npy", (n_rows, *one.shape)
        files[path.name] = write_array(path, columns[one.name], shape=shape, dtype=one.dtype)
        written[one.name] = np.asarray(np.load(path, mmap_mode="r"))
    spans = zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    checks = np.array([rows_check(column[a:b] for column in written.values()) for a, b in spans], dtype=np.uint64)
    files["checks.npy"] = _write_whole(place / "checks.npy", checks)
    for list_file, shape, dtype, parts in lists or ():
        files[list_file] = write_array(place / list_file, parts, shape=shape, dtype=dtype)
    return {f"{name}/{path}": entry for path, entry in files.items()}


def _sorted_items(parts: Sequence[PreparedLayer], level: int) -> Lists:
    """Return the files of the lists of recordings that are added."""
    coder = shipped_quantiser()
    pairs = [coder.encode(as_vectors(part.columns["vectors"])) for part in parts]
    cells, codes = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return ((name, *one) for name, one in sorted_codes(cells, codes, level).items())


def _joined_lists(sources: Sequence[tuple[MergeSource, SegmentLayer]], level: int) -> Lists:
    """Return the files of the lists of live recordings; codes are kept, or made of descriptors, or of their signs."""
    parts = []
    for source, layer in sources:
        runs = source.runs(layer)
        if isinstance(layer.lists, SegmentCodes):
            parts.append((layer.lists, runs))
        elif runs:
            encoded = [_encoded(layer, run) for run in runs]
            cells, codes = (np.concatenate(side) for side in zip(*encoded, strict=True))
            parts.append((SegmentCodes.of(cells, codes, shipped_quantiser(), level), [slice(0, cells.size)]))
    return joined_codes(parts, level)


def _encoded(layer: SegmentLayer, run: slice) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return list and code of each row of a run."""
    pairs = []
    for start in range(run.start, run.stop, _ENCODED_AT_ONCE):
        rows, vectors = slice(start, min(start + _ENCODED_AT_ONCE, run.stop)), layer.vectors
        given = vectors_of_signs(layer.codes[rows]) if vectors is None else as_vectors(vectors[rows])
        pairs.append(shipped_quantiser().encode(given))
    return np.concatenate([cells for cells, _ in pairs]), np.concatenate([codes for _, codes in pairs])


def _joined(chunks: Iterable[bytes | memoryview], size: int = 1 << 20) -> Iterator[bytes]:
    """Gather small chunks into few large ones: one system call per list would dominate the time."""
    waiting: list[bytes | memoryview] = []
    total = 0
    for chunk in chunks:
        waiting.append(chunk)
        total += len(chunk)
        if total >= size:
            yield b"".join(waiting)
            waiting, total = [], 0
    yield b"".join(waiting)


def _write_whole(path: Path, array: NDArray[np.generic]) -> FileEntry:
    return write_array(path, [array], shape=array.shape, dtype=array.dtype)


def _finish(folder: Path, n_recordings: int, landmarks: dict[str, int], files: dict[str, FileEntry]) -> SegmentEntry:
    for name in landmarks:
        sync_folder(folder / name)
    sync_folder(folder)
    sync_folder(folder.parent)
    return SegmentEntry(folder.name, n_recordings, landmarks, dict(sorted(files.items())), ())
