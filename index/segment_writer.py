"""New segments: from recordings just fingerprinted, or from older segments that are joined, thinned or compressed.

A segment is complete and on the disk before the manifest names it. Columns are copied in slices of whole runs of live
recordings, inverted lists one list at a time, so joining large segments takes little memory.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.amendments import contents_of, exclusions_of, ranges_array
from index.durable import FileEntry, make_folder, sync_folder, write_array, write_chunks
from index.landmark_rows import Prepared
from index.lists import CODE_BYTES, Lists, codes_by_row, merge_lists, pack_lists
from index.manifest import LayerEntry, SegmentEntry, canonical_json
from index.recordings import TablePart, recording_to_json, text_key
from index.segment import Segment, SegmentLayer
from index.vectors import Codec

__all__ = ["Source", "merge_segments", "write_segment"]

_DECODE_BATCH = 65_536  # vectors


@dataclass(frozen=True, slots=True, eq=False)
class Source:
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

    def row_map(self, layer: SegmentLayer, first_row: int) -> NDArray[np.int64]:
        """Return the new number of each row, counted from `first_row`; -1 for rows of removed recordings."""
        new_rows = np.full(layer.n_rows, -1, dtype=np.int64)
        for run in self.runs(layer):
            new_rows[run] = np.arange(first_row, first_row + run.stop - run.start)
            first_row += run.stop - run.start
        return new_rows


def write_segment(
    folder: Path, items: Sequence[Prepared], layers: Mapping[str, LayerEntry], codecs: Mapping[str, Codec]
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
    codecs : mapping
        Codec of each compressed layer.

    Returns
    -------
    SegmentEntry
        What the manifest has to say of it.

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
        columns = _Columns((p.times for p in parts), (p.bins for p in parts), (p.codes for p in parts))
        files |= _write_columns(folder, name, np.array(n_each), columns, entry.dimension)
        vectors = (part.vectors for part in parts)
        files |= _write_vectors(folder, name, vectors, n_rows, entry.dimension, codecs.get(name))
        landmarks[name] = n_rows
    return _finish(folder, len(items), landmarks, files)


def merge_segments(
    folder: Path,
    sources: Sequence[Source],
    layers: Mapping[str, LayerEntry],
    *,
    old_codecs: Mapping[str, Codec],
    new_codecs: Mapping[str, Codec],
) -> SegmentEntry:
    """Write the live recordings of several segments, in order, as one new segment and flush it.

    A layer whose codec stays keeps its codes as they are; one that becomes compressed is encoded from its exact
    vectors; one that gets new lists keeps its codes and moves them.

    Parameters
    ----------
    folder : Path
        Folder to create.
    sources : sequence of Source
        With at least one live recording in all.
    layers : mapping
        Layers of the index.
    old_codecs, new_codecs : mapping
        Codec of each compressed layer, before and after.

    Returns
    -------
    SegmentEntry
        What the manifest has to say of it.

    Raises
    ------
    StorageFullError
        If the disk is full.
    """
    make_folder(folder)
    lines = (source.table().line(int(position)) for source in sources for position in np.flatnonzero(source.alive))
    keys = np.concatenate([source.segment.table.keys[source.alive] for source in sources])
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
        columns = _Columns(
            (layer.times[run] for source, layer in present for run in source.runs(layer)),
            (layer.bins[run] for source, layer in present for run in source.runs(layer)),
            (layer.codes[run] for source, layer in present for run in source.runs(layer)),
        )
        files |= _write_columns(folder, name, counts, columns, entry.dimension)
        old, new = old_codecs.get(name), new_codecs.get(name)
        if old is None:
            vectors = (part for source, layer in present for part in _exact_parts(source, layer))
            files |= _write_vectors(folder, name, vectors, n_rows, entry.dimension, new)
        elif new is not None:
            files |= _move_lists(folder, name, present, n_rows, old, new)
        landmarks[name] = n_rows
    return _finish(folder, len(keys), landmarks, files)


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """The per-landmark arrays of a layer, each in consecutive parts."""

    times: Iterable[NDArray[np.uint32]]
    bins: Iterable[NDArray[np.uint16]]
    codes: Iterable[NDArray[np.uint8]]


def _write_records(
    folder: Path,
    lines: Iterable[bytes],
    keys: NDArray[np.uint64],
    contents: NDArray[np.uint8],
    exclusions: NDArray[np.int64],
) -> dict[str, FileEntry]:
    ends = [0]

    def counted() -> Iterator[bytes]:
        for line in lines:
            ends.append(ends[-1] + len(line))
            yield line

    files = {
        "recordings.jsonl": write_chunks(folder / "recordings.jsonl", _joined(counted())),
        "offsets.npy": _write_whole(folder / "offsets.npy", np.array(ends, dtype=np.int64)),
        "keys.npy": _write_whole(folder / "keys.npy", keys),
        "contents.npy": _write_whole(folder / "contents.npy", contents),
    }
    if exclusions.size:
        files["exclusions.npy"] = _write_whole(folder / "exclusions.npy", exclusions)
    return files


def _write_columns(
    folder: Path, name: str, counts: NDArray[np.int64], columns: _Columns, dimension: int
) -> dict[str, FileEntry]:
    layer = folder / name
    make_folder(layer)
    bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    n_rows = int(bounds[-1])
    width = dimension // 8
    return {
        f"{name}/bounds.npy": _write_whole(layer / "bounds.npy", bounds),
        f"{name}/times.npy": write_array(layer / "times.npy", columns.times, shape=(n_rows,), dtype=np.uint32),
        f"{name}/bins.npy": write_array(layer / "bins.npy", columns.bins, shape=(n_rows,), dtype=np.uint16),
        f"{name}/codes.npy": write_array(layer / "codes.npy", columns.codes, shape=(n_rows, width), dtype=np.uint8),
    }


def _write_vectors(
    folder: Path,
    name: str,
    vectors: Iterable[NDArray[np.float16]],
    n_rows: int,
    dimension: int,
    codec: Codec | None,
) -> dict[str, FileEntry]:
    if codec is None:
        path = folder / name / "vectors.npy"
        return {f"{name}/vectors.npy": write_array(path, vectors, shape=(n_rows, dimension), dtype=np.float16)}
    assignment = np.empty(n_rows, dtype=np.int64)
    codes = np.empty((n_rows, CODE_BYTES), dtype=np.uint8)
    row = 0
    for part in vectors:
        exact = part.astype(np.float32)
        assignment[row : row + len(part)] = codec.assign(exact)
        codes[row : row + len(part)] = codec.encode(exact)
        row += len(part)
    sizes, chunks = pack_lists(assignment, codes, codec.n_lists)
    return _write_lists(folder, name, sizes, chunks)


def _move_lists(
    folder: Path, name: str, present: Sequence[tuple[Source, SegmentLayer]], n_rows: int, old: Codec, new: Codec
) -> dict[str, FileEntry]:
    lists: list[Lists] = []
    row_maps = []
    first_row = 0
    for source, layer in present:
        if layer.lists is not None:
            lists.append(layer.lists)
            row_maps.append(source.row_map(layer, first_row))
            first_row += int(source.counts(name).sum())
    if old is new:
        sizes, chunks = merge_lists(lists, row_maps)
        return _write_lists(folder, name, sizes, chunks)
    codes = np.empty((n_rows, CODE_BYTES), dtype=np.uint8)
    for source_lists, row_map in zip(lists, row_maps, strict=True):
        codes_by_row(source_lists, row_map, codes)
    assignment = np.empty(n_rows, dtype=np.int64)
    for start in range(0, n_rows, _DECODE_BATCH):
        assignment[start : start + _DECODE_BATCH] = new.assign(new.decode(codes[start : start + _DECODE_BATCH]))
    sizes, chunks = pack_lists(assignment, codes, new.n_lists)
    return _write_lists(folder, name, sizes, chunks)


def _write_lists(
    folder: Path, name: str, sizes: NDArray[np.uint32], chunks: Iterable[memoryview]
) -> dict[str, FileEntry]:
    return {
        f"{name}/sizes.npy": _write_whole(folder / name / "sizes.npy", sizes),
        f"{name}/lists.bin": write_chunks(folder / name / "lists.bin", _joined(chunks)),
    }


def _exact_parts(source: Source, layer: SegmentLayer) -> Iterator[NDArray[np.float16]]:
    if layer.vectors is not None:
        for run in source.runs(layer):
            for start in range(run.start, run.stop, _DECODE_BATCH):
                yield layer.vectors[start : min(start + _DECODE_BATCH, run.stop)]


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
    return SegmentEntry(folder.name, n_recordings, landmarks, dict(sorted(files.items())))
