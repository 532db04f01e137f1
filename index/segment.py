"""Segments: immutable folders that hold some recordings and their landmarks in every layer.

    recordings.jsonl      one JSON object per recording
    offsets.npy           int64  [n + 1]  start of each line
    keys.npy              uint64 [n, 2]   short keys of id and audio digest
    contents.npy          uint8  [n, 32]  digest of what was added
    exclusions.npy        int64  [m, 3]   excluded ranges: position, start and end in ms; left out where there are none
    <layer>/bounds.npy    int64  [n + 1]  first row of each recording
    <layer>/times.npy     uint32 [rows]   1/4096 s
    <layer>/bins.npy      uint16 [rows]   1/64 cell
    <layer>/codes.npy     uint8  [rows, d / 8]  signs of the descriptor
    <layer>/vectors.npy   float16 [rows, d]     while the layer is searched exactly
    <layer>/lists.bin, <layer>/sizes.npy        once it is compressed (see `index.lists`)

Rows of a recording are contiguous and sorted by time. Everything is opened by memory map when a snapshot is taken, so
that a reader keeps what it sees even when a compaction deletes the files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import IndexDamagedError
from index.durable import FileEntry, hash_file
from index.lists import Lists, list_offsets
from index.manifest import LayerEntry, SegmentEntry
from index.recordings import TablePart
from index.vectors import MountedLists

__all__ = ["Segment", "SegmentLayer", "check_file", "damaged", "map_array"]

_LARGE = {
    "recordings.jsonl",
    "times.npy",
    "bins.npy",
    "codes.npy",
    "vectors.npy",
    "lists.bin",
}  # all other files are small


@dataclass(frozen=True, slots=True, eq=False)
class SegmentLayer:
    """One layer of an open segment; arrays are read-only views of memory maps.

    Attributes
    ----------
    bounds : ndarray [shape=(n_recordings + 1,), dtype=int64]
        First row of each recording.
    times, bins, codes : ndarray
        As stored.
    vectors : ndarray [shape=(n_rows, d), dtype=float16] or None
        If the layer is exact.
    lists : Lists or None
        If it is compressed...
    mounted : MountedLists or None
        ...and the same, for FAISS.
    """

    bounds: NDArray[np.int64]
    times: NDArray[np.uint32]
    bins: NDArray[np.uint16]
    codes: NDArray[np.uint8]
    vectors: NDArray[np.float16] | None
    lists: Lists | None
    mounted: MountedLists | None

    @property
    def n_rows(self) -> int:
        """Landmarks, those of removed recordings included."""
        return int(self.times.size)


class Segment:
    """An open segment.

    Parameters
    ----------
    folder : Path
        Its folder.
    entry : SegmentEntry
        What the manifest says of it.
    layers : mapping
        Layers of the index, by name.
    check_all : bool
        Compare the checksum of every file; otherwise not that of the large ones. Sizes are always compared.

    Raises
    ------
    IndexDamagedError
        If a file differs from what the manifest says; names the file.
    FileNotFoundError
        If a file is gone, which a reader meets when a compaction has just finished.
    """

    def __init__(self, folder: Path, entry: SegmentEntry, layers: Mapping[str, LayerEntry], *, check_all: bool) -> None:
        self.folder = folder
        self.name = entry.name
        for name, expected in entry.files.items():
            check_file(folder / name, expected, checksum=check_all or Path(name).name not in _LARGE)
        n = entry.n_recordings
        offsets = self._array("offsets.npy", np.int64, (n + 1,))
        self.table = TablePart(
            np.memmap(folder / "recordings.jsonl", np.uint8, "r").view(np.ndarray),
            offsets,
            self._array("keys.npy", np.uint64, (n, 2)),
        )
        self.contents = self._array("contents.npy", np.uint8, (n, 32))
        self.exclusions: NDArray[np.int64] = np.empty((0, 3), dtype=np.int64)
        if "exclusions.npy" in entry.files:
            self.exclusions = self._array("exclusions.npy", np.int64, (None, 3))
        self.layers = {name: self._open_layer(name, rows, layers[name], n) for name, rows in entry.landmarks.items()}

    def _open_layer(self, name: str, n_rows: int, layer: LayerEntry, n_recordings: int) -> SegmentLayer:
        vectors, lists, mounted = None, None, None
        if layer.codec is None:
            vectors = self._array(f"{name}/vectors.npy", np.float16, (n_rows, layer.dimension))
        else:
            sizes = self._array(f"{name}/sizes.npy", np.uint32, (None,))
            path = self.folder / name / "lists.bin"
            if path.stat().st_size != list_offsets(sizes)[-1]:
                raise damaged(path, "does not fit the sizes of its lists")
            lists = Lists(sizes, np.memmap(path, np.uint8, "r").view(np.ndarray))
            mounted = MountedLists.mount(path, sizes, n_rows)
        return SegmentLayer(
            self._array(f"{name}/bounds.npy", np.int64, (n_recordings + 1,)),
            self._array(f"{name}/times.npy", np.uint32, (n_rows,)),
            self._array(f"{name}/bins.npy", np.uint16, (n_rows,)),
            self._array(f"{name}/codes.npy", np.uint8, (n_rows, layer.dimension // 8)),
            vectors,
            lists,
            mounted,
        )

    def _array(self, name: str, dtype: Any, shape: tuple[int | None, ...]) -> NDArray[Any]:
        return map_array(self.folder / name, dtype, shape)


def map_array(path: Path, dtype: Any, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Memory-map a `.npy` file that must have this type and shape (None: any length)."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise
    except (ValueError, OSError, SyntaxError, EOFError, TypeError, TokenError, UserWarning) as error:
        raise damaged(path, "has no readable header") from error
    fits = len(array.shape) == len(shape) and all(b in (None, a) for a, b in zip(array.shape, shape, strict=True))
    if array.dtype != np.dtype(dtype).newbyteorder("<") or not fits:
        raise damaged(path, f"holds {array.dtype} {array.shape}, expected {np.dtype(dtype)} {shape}")
    plain: NDArray[Any] = np.asarray(array)
    return plain


def check_file(path: Path, expected: FileEntry, *, checksum: bool) -> None:
    """Compare a file with its entry.

    Raises
    ------
    IndexDamagedError
        If its length, or with `checksum` its content, differs.
    FileNotFoundError
        If it does not exist.
    """
    size = path.stat().st_size
    if size != expected.size:
        raise damaged(path, f"has {size} bytes, should have {expected.size}")
    if checksum and hash_file(path) != expected:
        raise damaged(path, "fails its checksum")


def damaged(path: Path, what: str) -> IndexDamagedError:
    """Return the error for a damaged file."""
    return IndexDamagedError(
        f"{path}: {what}; restore it from a copy, or run verify to see which recordings to add again to a new index"
    )
