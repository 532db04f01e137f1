"""Segments: immutable folders that hold some recordings and their landmarks in every layer.

    recordings.jsonl      one JSON object per recording
    offsets.npy           int64  [n + 1]  start of each line
    keys.npy              uint64 [n, 3]   short keys of id and audio digest, checksum of the line
    contents.npy          uint8  [n, 32]  SHA-256 of the added content
    exclusions.npy        int64  [m, 3]   excluded ranges, if there are any
    <layer>/bounds.npy    int64  [n + 1]  first row of each recording
    <layer>/checks.npy    uint64 [n]      checksum of each recording's rows
    <layer>/<column>.npy  [rows, ...]     each column of the layer, such as
            times.npy     uint32 [rows]   1/4096 s
            bins.npy      uint16 [rows]   1/64 cell
            codes.npy     uint8  [rows, d / 8]  signs of the descriptor
            vectors.npy   float16 [rows, d]     while the layer is searched exactly
    <layer>/list_*.npy    once it is compressed: codes in inverted lists (`index.vectors.ivf`)

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
from index.storage.format2 import open_tree_lists
from index.storage.manifest import LayerEntry, SegmentEntry
from index.storage.recordings import TablePart
from index.storage.segment_rules import ascends, damaged, exclusions_fault, map_array, rows_fault
from index.vectors.format2.lists import TreeLists
from index.vectors.ivf import LIST_FILES, SegmentCodes
from index.vectors.quantiser import shipped_quantiser

__all__ = ["Segment", "SegmentLayer", "check_file", "files_of", "open_lists", "rows_check", "unlisted_fault"]

_SMALL = {
    "offsets.npy", "keys.npy", "contents.npy", "exclusions.npy", "bounds.npy", "checks.npy",
    "list_numbers.npy", "list_sizes.npy", "list_checks.npy",
}  # all other files are large in a large index  # fmt: skip


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
    lists : SegmentCodes or TreeLists or None
        If it is compressed; the latter in format 2.
    table : TablePart
        The recordings of the segment.
    files : mapping of str to FileEntry
        Size and checksum of its files, by name.
    """

    folder: Path
    bounds: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]
    checks: NDArray[np.uint64]
    checked: NDArray[np.bool_]
    lists: SegmentCodes | TreeLists | None
    table: TablePart
    files: Mapping[str, FileEntry]

    @property
    def times(self) -> NDArray[np.uint32]:
        """In 1/4096 s [shape=(n_rows,)]."""
        return self.columns["times"]

    @property
    def bins(self) -> NDArray[np.uint16]:
        """In 1/64 cell [shape=(n_rows,)]; zeros in a layer without frequencies."""
        return self.columns.get("bins", np.broadcast_to(np.uint16(0), self.times.shape))

    @property
    def codes(self) -> NDArray[np.uint8]:
        """Signs of the descriptors [shape=(n_rows, d / 8)]."""
        return self.columns["codes"]

    @property
    def vectors(self) -> NDArray[Any] | None:
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

    def check_lists(self) -> None:
        """Compare the files of the lists with their checksums, before anything of them is copied.

        Raises
        ------
        IndexDamagedError
            If one differs, or the lists do not have every row once.
        """
        for name in LIST_FILES:
            check_file(self.folder / name, self.files[name], checksum=True)
        if isinstance(self.lists, SegmentCodes) and (fault := unlisted_fault(self.lists.rows, self.n_rows)):
            raise damaged(self.folder / "list_rows.npy", fault)

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
            check_file(folder / name, expected, checksum=check_all or Path(name).name in _SMALL)
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
            {
                name: _open_layer(folder / name, rows, layers[name], table, files_of(name, entry.files))
                for name, rows in entry.landmarks.items()
            },
        )


def files_of(layer: str, files: Mapping[str, FileEntry]) -> dict[str, FileEntry]:
    """Return the files of one layer of a segment, by name in its folder."""
    return {name.partition("/")[2]: entry for name, entry in files.items() if name.startswith(f"{layer}/")}


def unlisted_fault(rows: NDArray[Any], n_rows: int) -> str:
    """Return the fault of the rows of all lists, which must be every row once; or ""."""
    seen = np.zeros(n_rows, dtype=np.bool_)
    seen[rows[(rows >= 0) & (rows < n_rows)]] = True
    return "" if seen.all() else "has rows in two lists, or of no landmark, and others in none"


def _open_layer(
    place: Path, n_rows: int, layer: LayerEntry, table: TablePart, files: Mapping[str, FileEntry]
) -> SegmentLayer:
    n, columns = len(table.keys), layer.stored_columns
    lists: SegmentCodes | TreeLists | None = None
    if layer.tree is not None:
        lists = open_tree_lists(place, n_rows, layer.dimension)
    elif layer.quantiser is not None:
        lists = open_lists(place, n_rows, layer.quantiser.level)
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
        files,
    )


def open_lists(place: Path, n_rows: int, level: int) -> SegmentCodes:
    """Open the lists of a compressed layer that is searched at one level of the quantiser that ships.

    Raises
    ------
    IndexDamagedError
        If a file has another form than lists of so many rows.
    FileNotFoundError
        If one is gone.
    """
    numbers = map_array(place / "list_numbers.npy", np.uint32, (None,))
    sizes = map_array(place / "list_sizes.npy", np.uint32, numbers.shape)
    rows = map_array(place / "list_rows.npy", np.int64, (n_rows,))
    codes = map_array(place / "list_codes.npy", np.uint8, (None,))
    lists = SegmentCodes(shipped_quantiser(), level, numbers, sizes, rows, codes)
    if fault := lists.fault():
        raise damaged(place / "list_sizes.npy", fault)
    return lists


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
