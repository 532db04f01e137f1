"""Segments: immutable folders that hold some recordings and their landmarks in every layer.

    recordings.jsonl      one JSON object per recording
    offsets.npy           int64  [n + 1]  start of each line
    keys.npy              uint64 [n, 3]   short keys of id and audio digest, checksum of the line
    contents.npy          uint8  [n, 32]  SHA-256 of the added content
    exclusions.npy        int64  [m, 3]   excluded ranges, if there are any
    <layer>/bounds.npy    int64  [n + 1]  first row of each recording
    <layer>/times.npy     uint32 [rows]   1/4096 s
    <layer>/bins.npy      uint16 [rows]   1/64 cell
    <layer>/codes.npy     uint8  [rows, d / 8]  signs of the descriptor
    <layer>/checks.npy    uint64 [n]      checksum of each recording's rows
    <layer>/vectors.npy   float16 [rows, d]     while the layer is searched exactly
    <layer>/list_sizes.npy, list_codes.npy, list_rows.npy, list_checks.npy    once it is compressed (see
    `index.vectors.lists`)

Rows of a recording are contiguous and sorted by time. Everything is opened by memory map when a snapshot is taken, so
that a reader keeps its view even when a compaction deletes the files. The large files of a large index are not read
through for that: every recording and every list has a checksum of its own, which is compared when it is first used.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import xxhash
from numpy.typing import NDArray

from fingerprint.digests import FileEntry, hash_file
from index.storage.manifest import LayerEntry, SegmentEntry
from index.storage.recordings import TablePart
from index.storage.segment_rules import ascends, damaged, exclusions_fault, map_array, rows_fault
from index.vectors.lists import Lists

__all__ = ["Segment", "SegmentLayer", "check_file", "rows_check"]

_LARGE = {
    "recordings.jsonl", "times.npy", "bins.npy", "codes.npy", "vectors.npy", "list_codes.npy", "list_rows.npy",
}  # all other files are small  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class SegmentLayer:
    """One layer of an open segment; arrays are read-only views of memory maps.

    Attributes
    ----------
    folder : Path
        Its folder.
    bounds : ndarray [shape=(n_recordings + 1,), dtype=int64]
        First row of each recording.
    columns : mapping of str to ndarray
        As stored, by name, in the order of the layer's entry in the manifest.
    checks : ndarray [shape=(n_recordings,), dtype=uint64]
        Checksum of the rows of each recording (`rows_check`).
    checked : ndarray [shape=(n_recordings,), dtype=bool]
        Recordings that this process has compared with their checksum.
    lists : Lists or None
        If it is compressed.
    table : TablePart
        The recordings of the segment.
    """

    folder: Path
    bounds: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]
    checks: NDArray[np.uint64]
    checked: NDArray[np.bool_]
    lists: Lists | None
    table: TablePart

    @property
    def times(self) -> NDArray[np.uint32]:
        """In 1/4096 s [shape=(n_rows,)]."""
        return self.columns["times"]

    @property
    def bins(self) -> NDArray[np.uint16]:
        """In 1/64 cell [shape=(n_rows,)]."""
        return self.columns["bins"]

    @property
    def codes(self) -> NDArray[np.uint8]:
        """Signs of the descriptors [shape=(n_rows, d / 8)]."""
        return self.columns["codes"]

    @property
    def vectors(self) -> NDArray[np.float16] | None:
        """Descriptors [shape=(n_rows, d)], if the layer is exact."""
        return self.columns.get("vectors")

    def rows_of(self, position: int) -> dict[str, NDArray[Any]]:
        """Return the landmarks of a recording, by column; unchecked."""
        rows = slice(int(self.bounds[position]), int(self.bounds[position + 1]))
        return {name: column[rows] for name, column in self.columns.items()}

    def check(self, position: int) -> None:
        """Compare the rows of a recording with their checksum, and check their values, once per process.

        Raises
        ------
        IndexDamagedError
            If they differ, or are out of order or range.
        """
        if not self.checked[position]:
            rows = self.rows_of(position)
            if rows_check(rows.values()) != self.checks[position]:
                raise damaged(self.folder, f"landmarks of its recording {position} fail their checksum")
            if fault := rows_fault(rows["times"], rows.get("vectors"), self.table.duration_ms(position)):
                raise damaged(self.folder, f"landmarks of its recording {position} {fault}")
            self.checked[position] = True

    def content_checks(self, positions: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return a checksum of all columns but vectors of some recordings [shape=(n,)], exact or compressed.

        Raises
        ------
        IndexDamagedError
            If the layer is exact and a recording differs from its checksum.
        """
        if self.vectors is None:
            return self.checks[positions]
        checks = np.zeros(positions.size, dtype=np.uint64)
        for number, position in enumerate(positions.tolist()):
            self.check(position)
            checks[number] = rows_check(rows for name, rows in self.rows_of(position).items() if name != "vectors")
        return checks

    def check_rows(self, rows: NDArray[np.int64]) -> None:
        """Compare the recordings that these rows belong to with their checksums, each once per process.

        Raises
        ------
        IndexDamagedError
            If one differs.
        """
        positions = np.searchsorted(self.bounds, rows, side="right") - 1
        for position in np.unique(positions[~self.checked[positions]]).tolist():
            self.check(position)

    @property
    def n_rows(self) -> int:
        """Number of landmarks, including those of removed recordings."""
        return int(self.times.size)


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """An open segment.

    Attributes
    ----------
    folder : Path
        Its folder.
    name : str
        That of the folder.
    table : TablePart
        Its recordings, as they were added.
    contents : ndarray [shape=(n, 32), dtype=uint8]
        Digest of the added content.
    exclusions : ndarray [shape=(m, 3), dtype=int64]
        Excluded ranges: position, start and end in milliseconds, in this order.
    layers : dict of str to SegmentLayer
        Those in which it has landmarks.
    """

    folder: Path
    name: str
    table: TablePart
    contents: NDArray[np.uint8]
    exclusions: NDArray[np.int64]
    layers: dict[str, SegmentLayer]

    @classmethod
    def open(cls, folder: Path, entry: SegmentEntry, layers: Mapping[str, LayerEntry], *, check_all: bool) -> Self:
        """Open a segment, and check the files that locate its contents.

        Parameters
        ----------
        folder : Path
            Its folder.
        entry : SegmentEntry
            Its entry in the manifest.
        layers : mapping
            Layers of the index, by name.
        check_all : bool
            Compare the checksum of every file; otherwise not that of the large ones. Sizes are always compared.

        Raises
        ------
        IndexDamagedError
            If a file differs from its entry in the manifest, or has values out of range; names the file.
        FileNotFoundError
            If a file is gone, which a reader meets when a compaction has just finished.
        """
        for name, expected in entry.files.items():
            check_file(folder / name, expected, checksum=check_all or Path(name).name not in _LARGE)
        n, n_bytes = entry.n_recordings, entry.files["recordings.jsonl"].size
        offsets = map_array(folder / "offsets.npy", np.int64, (n + 1,))
        if not ascends(offsets, n_bytes):
            raise damaged(folder / "offsets.npy", f"does not divide {n_bytes} bytes")
        lines = np.memmap(folder / "recordings.jsonl", np.uint8, "r", shape=(n_bytes,)).view(np.ndarray)
        table = TablePart(lines, offsets, map_array(folder / "keys.npy", np.uint64, (n, 3)))
        exclusions: NDArray[np.int64] = np.empty((0, 3), dtype=np.int64)
        if "exclusions.npy" in entry.files:
            exclusions = map_array(folder / "exclusions.npy", np.int64, (None, 3))
        if fault := exclusions_fault(exclusions, n):
            raise damaged(folder / "exclusions.npy", fault)
        return cls(
            folder,
            entry.name,
            table,
            map_array(folder / "contents.npy", np.uint8, (n, 32)),
            exclusions,
            {name: _open_layer(folder / name, rows, layers[name], table) for name, rows in entry.landmarks.items()},
        )


def _open_layer(place: Path, n_rows: int, layer: LayerEntry, table: TablePart) -> SegmentLayer:
    n, columns = len(table.keys), layer.stored_columns
    lists = None
    if layer.tree is not None:
        sizes = map_array(place / "list_sizes.npy", np.uint32, (None,))
        if sizes.sum(dtype=np.int64) != n_rows:
            raise damaged(place / "list_sizes.npy", f"does not add up to {n_rows} landmarks")
        lists = Lists.of(
            sizes,
            map_array(place / "list_codes.npy", np.uint64, (layer.dimension // 64, n_rows)),
            map_array(place / "list_rows.npy", np.uint32, (n_rows,)),
            map_array(place / "list_checks.npy", np.uint64, (sizes.size,)),
        )
    bounds = map_array(place / "bounds.npy", np.int64, (n + 1,))
    if not ascends(bounds, n_rows):
        raise damaged(place / "bounds.npy", f"does not divide {n_rows} landmarks")
    return SegmentLayer(
        place,
        bounds,
        {one.name: map_array(place / f"{one.name}.npy", one.dtype, (n_rows, *one.shape)) for one in columns},
        map_array(place / "checks.npy", np.uint64, (n,)),
        np.zeros(n, dtype=np.bool_),
        lists,
        table,
    )


def rows_check(columns: Iterable[NDArray[Any]]) -> int:
    """Return the checksum of a recording's rows: XXH3-64 of its part of each column, as stored."""
    digest = xxhash.xxh3_64()
    for column in columns:
        digest.update(np.ascontiguousarray(column).data.cast("B") if column.size else b"")
    return digest.intdigest()


def check_file(path: Path, expected: FileEntry, *, checksum: bool) -> None:
    """Compare a file with its entry.

    Raises
    ------
    IndexDamagedError
        If its length, or with `checksum` its content, differs.
    FileNotFoundError
        If it does not exist.
    """
    try:
        size = path.stat().st_size
        found = hash_file(path) if checksum and size == expected.size else None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise damaged(path, f"cannot be read ({error.strerror})") from error
    if size != expected.size:
        raise damaged(path, f"has {size} bytes, should have {expected.size}")
    if checksum and found != expected:
        raise damaged(path, "fails its checksum")
