"""Inverted lists on disk: the compressed vectors of a segment, in the block layout that FAISS FastScan reads directly.

A lists file holds the lists 0, 1, 2... of a coarse quantiser one after the other, nothing between them. A list of `m`
vectors has room for `c = 32 * ceil(m / 32)` of them:

- `c * 16` bytes of codes in blocks of 32 vectors (512 bytes): for every pair of sub-quantisers (2p, 2p + 1), 32 bytes;
  the first 16 belong to sub-quantiser 2p, the others to 2p + 1; byte `j` of either holds vector `ORDER[j]` of the block
  in its low four bits and vector `16 + ORDER[j]` in its high four. Unused places are zero;
- `c * 8` bytes of row numbers (int64, little-endian), ascending; unused places are -1.

The sizes `m` stand in an array of their own, so every offset follows from them. Writing this layout ourselves, instead
of letting FAISS keep its lists in memory, is what allows segments to be memory-mapped, and to be merged list by list in
bounded memory without decoding a single vector: codes never drift.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLOCK",
    "CODE_BYTES",
    "Lists",
    "codes_by_row",
    "list_capacities",
    "list_offsets",
    "merge_lists",
    "pack_codes",
    "pack_lists",
    "unpack_codes",
]

BLOCK = 32  # vectors per block
CODE_BYTES = 16  # bytes per vector: 32 sub-quantisers of 4 bits
ENTRY_BYTES = CODE_BYTES + 8  # with the row number

_ORDER = np.array([0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15])
_INVERSE = np.argsort(_ORDER)


@dataclass(frozen=True, slots=True)
class Lists:
    """One lists file.

    Attributes
    ----------
    sizes : ndarray [shape=(n_lists,), dtype=uint32]
        Vectors per list.
    data : ndarray [shape=(n_bytes,), dtype=uint8]
        The file, usually memory-mapped.
    """

    sizes: NDArray[np.uint32]
    data: NDArray[np.uint8]

    def offsets(self) -> NDArray[np.int64]:
        """Return the offset in bytes of every list, and the length of the file last [shape=(n_lists + 1,)]."""
        return list_offsets(self.sizes)

    def codes(self, number: int, offset: int) -> NDArray[np.uint8]:
        """Return the codes of the list that starts at `offset` [shape=(m, 16), two sub-quantisers per byte]."""
        size = int(self.sizes[number])
        return unpack_codes(self.data[offset : offset + _room(size) * CODE_BYTES])[:size]

    def rows(self, number: int, offset: int) -> NDArray[np.int64]:
        """Return the row numbers of the list that starts at `offset` [shape=(m,)]."""
        size = int(self.sizes[number])
        start = offset + _room(size) * CODE_BYTES
        return self.data[start : start + size * 8].view("<i8").astype(np.int64, copy=False)


def list_capacities(sizes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the room of each list in vectors: its size rounded up to whole blocks."""
    return (sizes.astype(np.int64) + BLOCK - 1) // BLOCK * BLOCK


def list_offsets(sizes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the offset in bytes of every list, and the length of the file last [shape=(n_lists + 1,), dtype=int64]."""
    offsets = np.zeros(sizes.size + 1, dtype=np.int64)
    np.cumsum(list_capacities(sizes) * ENTRY_BYTES, out=offsets[1:])
    return offsets


def pack_codes(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return codes in blocks of 32.

    Parameters
    ----------
    codes : ndarray [shape=(m, 16), dtype=uint8]
        Even sub-quantisers in the low four bits, odd ones in the high four.

    Returns
    -------
    ndarray [shape=(ceil(m / 32) * 512,), dtype=uint8]
        The blocks; unused places are zero.
    """
    n_blocks = -(-len(codes) // BLOCK)
    nibbles = np.zeros((n_blocks * BLOCK, CODE_BYTES, 2), dtype=np.uint8)
    nibbles[: len(codes), :, 0] = codes & 15
    nibbles[: len(codes), :, 1] = codes >> 4
    halves = nibbles.reshape(n_blocks, 2, 16, CODE_BYTES, 2)[:, :, _ORDER]  # block, half, place, pair, parity
    packed = halves[:, 0] | (halves[:, 1] << 4)
    return np.ascontiguousarray(packed.transpose(0, 2, 3, 1)).reshape(-1)


def unpack_codes(blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Undo `pack_codes`: from blocks [shape=(n_blocks * 512,)] to codes [shape=(n_blocks * 32, 16)]."""
    packed = blocks.reshape(-1, CODE_BYTES, 2, 16).transpose(0, 3, 1, 2)[:, _INVERSE]  # block, vector, pair, parity
    halves = np.stack([packed & 15, packed >> 4], axis=1)
    codes: NDArray[np.uint8] = (halves[..., 0] | (halves[..., 1] << 4)).reshape(-1, CODE_BYTES)
    return codes


def pack_lists(
    assignment: NDArray[np.int64], codes: NDArray[np.uint8], n_lists: int
) -> tuple[NDArray[np.uint32], Iterator[memoryview]]:
    """Sort vectors into lists.

    Parameters
    ----------
    assignment : ndarray [shape=(n,), dtype=int64]
        List of each row.
    codes : ndarray [shape=(n, 16), dtype=uint8]
        Code of each row.
    n_lists : int
        Number of lists.

    Returns
    -------
    sizes : ndarray [shape=(n_lists,), dtype=uint32]
        Vectors per list.
    chunks : iterator of memoryview
        The lists file, one list at a time.
    """
    sizes = np.bincount(assignment, minlength=n_lists).astype(np.uint32)
    order = np.argsort(assignment, kind="stable")

    def chunks() -> Iterator[memoryview]:
        end = np.cumsum(sizes, dtype=np.int64)
        for number in np.flatnonzero(sizes).tolist():
            rows = order[end[number] - sizes[number] : end[number]]
            yield from _list_chunks(codes[rows], rows)

    return sizes, chunks()


def merge_lists(
    sources: Sequence[Lists], row_maps: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.uint32], Iterator[memoryview]]:
    """Join the lists of several segments, leaving out dead rows and renumbering the others.

    The result is byte for byte what `pack_lists` gives for the surviving vectors in their new order.

    Parameters
    ----------
    sources : sequence of Lists
        All with the same coarse quantiser.
    row_maps : sequence of ndarray [shape=(n_rows_of_source,), dtype=int64]
        New number of each row, ascending over all sources; -1 leaves the row out.

    Returns
    -------
    sizes, chunks
        As `pack_lists`; one list of every source is held at a time.
    """
    starts = [source.offsets() for source in sources]
    n_lists = sources[0].sizes.size

    sizes = np.zeros(n_lists, dtype=np.uint32)
    for source, start, row_map in zip(sources, starts, row_maps, strict=True):
        for number in np.flatnonzero(source.sizes).tolist():
            sizes[number] += np.count_nonzero(row_map[source.rows(number, start[number])] >= 0)

    def chunks() -> Iterator[memoryview]:
        for number in np.flatnonzero(sizes).tolist():
            codes, rows = [], []
            for source, start, row_map in zip(sources, starts, row_maps, strict=True):
                if source.sizes[number]:
                    new_rows = row_map[source.rows(number, start[number])]
                    alive = new_rows >= 0
                    codes.append(source.codes(number, start[number])[alive])
                    rows.append(new_rows[alive])
            yield from _list_chunks(np.concatenate(codes), np.concatenate(rows))

    return sizes, chunks()


def codes_by_row(source: Lists, row_map: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    """Put the code of every surviving row where the row goes: `out[row_map[row]] = code` [shape=(n, 16)]."""
    start = source.offsets()
    for number in np.flatnonzero(source.sizes).tolist():
        new_rows = row_map[source.rows(number, start[number])]
        alive = new_rows >= 0
        out[new_rows[alive]] = source.codes(number, start[number])[alive]


def _room(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _list_chunks(codes: NDArray[np.uint8], rows: NDArray[np.int64]) -> Iterator[memoryview]:
    padded = np.full(_room(rows.size), -1, dtype="<i8")
    padded[: rows.size] = rows
    yield pack_codes(codes).data
    yield padded.data.cast("B")
