"""Keep every recording of a damaged segment that the remaining files prove.

A damaged file costs as little as it can. Offsets, keys, excluded ranges, bounds and checksums follow from the lines
and the rows. Lists stay if their files are sound; else they are made of the signs of the descriptors. A line is proven
by its checksum in `keys`, the rows of a recording by theirs in `checks`, and a whole file by its SHA-256 in the
manifest. Everything else is lost.
"""

from collections.abc import Mapping, Set
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerprint.digests import FileEntry
from fingerprint.errors import IndexDamagedError
from index.storage.amendments import ranges_array
from index.storage.layers import prepare, with_signs
from index.storage.manifest import LayerEntry, SegmentEntry
from index.storage.recordings import Recording, TablePart, line_check, recording_from_json, rows_from_json, text_key
from index.storage.segment import Segment, SegmentLayer, files_of, open_lists, rows_check
from index.storage.segment_rules import ascends, map_array
from index.vectors.ivf import LIST_FILES

__all__ = ["parsed", "salvaged"]

_MOST_HEADER = 1024  # bytes before the numbers of a file


def salvaged(folder: Path, entry: SegmentEntry, layers: Mapping[str, LayerEntry], bad: Set[str]) -> Segment | None:
    """Return a segment with everything made anew that follows from its sound files; damaged lists are left out.

    Parameters
    ----------
    folder : Path
        Its folder.
    entry : SegmentEntry
        Its entry in the manifest.
    layers : mapping
        Layers of the index, by name.
    bad : set of str
        Files that are not to be trusted as a whole, by path inside the folder.

    Returns
    -------
    Segment or None
        None if nothing in it can be told apart any more. A recording that is lost fails its checks.
    """
    try:
        table, recordings = _table(folder, entry, bad)
        opened = {}
        for name, n_rows in entry.landmarks.items():
            opened[name] = _layer(folder, name, n_rows, entry.files, layers[name], table, bad)
    except (IndexDamagedError, OSError):
        return None
    exclusions = ranges_array({at: one.excluded for at, one in enumerate(recordings) if one is not None})
    segment = Segment(folder, entry.name, table, np.empty((0, 32), np.uint8), exclusions, opened)
    are_whole = all(one.lists is not None or layers[name].is_exact for name, one in opened.items())
    if "contents.npy" not in bad and are_whole:
        return replace(segment, contents=map_array(folder / "contents.npy", np.uint8, (len(recordings), 32)))
    return replace(segment, contents=_contents(segment, recordings, layers))


def parsed(line: bytes) -> Recording | None:
    """Return the recording of a line, proven or not; None if there is none in it."""
    try:
        return recording_from_json(line)
    except IndexDamagedError:
        return None


def _table(folder: Path, entry: SegmentEntry, bad: Set[str]) -> tuple[TablePart, list[Recording | None]]:
    n = entry.n_recordings
    data = np.frombuffer((folder / "recordings.jsonl").read_bytes(), dtype=np.uint8)
    if "offsets.npy" in bad:
        offsets = np.concatenate([[0], 1 + np.flatnonzero(data == ord("\n"))]).astype(np.int64)
    else:
        offsets = map_array(folder / "offsets.npy", np.int64, (n + 1,))
    if offsets.size != n + 1 or not ascends(offsets, entry.files["recordings.jsonl"].size):
        raise IndexDamagedError("lines cannot be told apart")
    lines = [data[a:b].tobytes() for a, b in pairwise(offsets.tolist())]
    recordings = [parsed(line) for line in lines]
    if "recordings.jsonl" in bad:
        checks = map_array(folder / "keys.npy", np.uint64, (n, 3))[:, 2]
        if "keys.npy" in bad:
            raise IndexDamagedError("nothing proves the lines")
    else:
        checks = np.array([line_check(line) for line in lines], dtype=np.uint64)
    known = [(0, 0) if one is None else (text_key(one.id), text_key(one.sha256)) for one in recordings]
    keys = np.column_stack([np.array(known, dtype=np.uint64), checks])
    return TablePart(data, offsets, keys), recordings


def _layer(
    folder: Path,
    name: str,
    n_rows: int,
    files: Mapping[str, FileEntry],
    layer: LayerEntry,
    table: TablePart,
    bad: Set[str],
) -> SegmentLayer:
    n = len(table.keys)
    if f"{name}/bounds.npy" in bad:
        counts = [rows_from_json(table.stored_line(position), name) for position in range(n)]
        bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    else:
        bounds = map_array(folder / name / "bounds.npy", np.int64, (n + 1,))
    if not ascends(bounds, n_rows):
        raise IndexDamagedError("rows cannot be told apart")

    columns, paths = {}, set()
    for one in layer.stored_columns:
        path = f"{name}/{one.name}.npy"
        columns[one.name] = _column(folder / path, files[path].size, one.dtype, (n_rows, *one.shape))
        paths.add(path)
    if f"{name}/checks.npy" not in bad:
        checks = map_array(folder / name / "checks.npy", np.uint64, (n,))
    elif bad & paths:
        raise IndexDamagedError("nothing proves the rows")
    else:
        spans = pairwise(bounds.tolist())
        checks = np.array([rows_check(one[a:b] for one in columns.values()) for a, b in spans], dtype=np.uint64)
    checked = np.zeros(n, dtype=np.bool_)
    lists = None
    if layer.quantiser is not None and not bad & {f"{name}/{file}" for file in LIST_FILES}:
        lists = open_lists(folder / name, n_rows, layer.quantiser.level)
    return SegmentLayer(folder / name, bounds, columns, checks, checked, lists, table, files_of(name, files))


def _column(path: Path, size: int, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Map the rows of a file that should have `size` bytes, without trusting its header; fewer if it was cut."""
    kind = np.dtype(dtype).newbyteorder("<")
    row_bytes = kind.itemsize * int(np.prod(shape[1:], dtype=object))
    header = size - row_bytes * shape[0]
    if not 0 < header <= _MOST_HEADER:
        raise IndexDamagedError("rows cannot be told apart")
    n_rows = min(shape[0], max(path.stat().st_size - header, 0) // row_bytes)
    if not n_rows:
        return np.empty((0, *shape[1:]), dtype=kind)
    mapped: NDArray[Any] = np.memmap(path, kind, "r", header, (n_rows, *shape[1:])).view(np.ndarray)
    return mapped


def _contents(
    segment: Segment, recordings: list[Recording | None], layers: Mapping[str, LayerEntry]
) -> NDArray[np.uint8]:
    """Return the digests of the added content; in a compressed layer by signs, as the descriptors are gone.

    So the digest of the index is another, as it must be where lists are made of signs: they find other neighbours.
    """
    contents = np.zeros((len(recordings), 32), dtype=np.uint8)
    for position, recording in enumerate(recordings):
        rows = {}
        for name, layer in segment.layers.items():
            columns = layer.rows_of(position)
            if columns["times"].size:
                rows[name] = with_signs(columns, layers[name])
        try:
            if recording is not None:
                contents[position] = np.frombuffer(prepare(recording, rows, layers).content, dtype=np.uint8)
        except ValueError:
            continue  # it is lost, as its checks say
    return contents
