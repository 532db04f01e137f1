"""Inverted lists: the descriptors of a layer sorted by the nodes of the coarse tree, and the search through them.

A descriptor is kept as the signs of its numbers (`index.vectors.signs`): 8 bytes for 64 numbers. The estimated
similarity of a query is its scalar product with them. It finds more than a product quantiser of the same size
(measured on 333 000 real
landmarks and 20 000 distorted queries, true neighbour among the first two: exact 25.0 %, signs 20.3 %, product
quantiser of 8 bytes 18.5 %, of 16 bytes 21.6 %), needs no training, so codes never change, and is the code that
alignment reads anyway.

The search is ours and not FAISS' because a catalogue of 100 000 recordings needs row numbers of 4 bytes in
place of 8, lists without padding, so that small segments may have many, recordings that were removed or are filtered
out passed over in the scan itself, and checksums per list, so that nothing damaged is ever used. Its
speed is of the same order: 1.4 ns per code, 1.9 with FastScan on codes of 8 bytes, in two runs on a shared machine.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import xxhash
from numpy.typing import NDArray

from index.vectors import _kernels as _list_kernels
from index.vectors.signs import words_of
from index.vectors.tree import SIGN_SCALE, Tree, level_for

__all__ = ["NPROBE", "InvertedLists", "Lists", "list_checks", "sorted_by_list"]

NPROBE = 16  # lists visited per query, by default
MOST_CODES = 12_288  # weighed per query and segment; at 400 M landmarks 7 000 (4 lists) find as many excerpts as 28 000
_QUERY_BATCH = 4096
_GATHER = 1 << 20


@dataclass(frozen=True, eq=False)
class Lists:
    """The lists of one segment in one layer.

    Attributes
    ----------
    starts : ndarray [shape=(n_lists + 1,), dtype=int64]
        Where each list starts.
    codes : ndarray [shape=(d / 64, n), dtype=uint64]
        Codes in the order of the lists.
    rows : ndarray [shape=(n,), dtype=uint32]
        Row of each code in the segment, ascending within a list.
    checks : ndarray [shape=(n_lists,), dtype=uint64]
        Checksum of each list (`list_checks`).
    checked : ndarray [shape=(n_lists,), dtype=bool]
        Lists that this process has compared with their checksum.
    """

    starts: NDArray[np.int64]
    codes: NDArray[np.uint64]
    rows: NDArray[np.uint32]
    checks: NDArray[np.uint64]
    checked: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        sizes: NDArray[np.uint32],
        codes: NDArray[np.uint64],
        rows: NDArray[np.uint32],
        checks: NDArray[np.uint64],
    ) -> Self:
        """Return lists of these sizes, none of them checked."""
        starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        return cls(starts, codes, rows, checks, np.zeros(sizes.size, dtype=np.bool_))

    @property
    def n_lists(self) -> int:
        """Number of lists."""
        return int(self.checks.size)

    def first_damaged(self, numbers: NDArray[np.int32]) -> int | None:
        """Compare lists with their checksums, each once per process; returns one that is unsound, or None.

        A list that names rows which the segment does not have, or not in ascending order, is unsound too, even if its
        checksum agrees.
        """
        wanted = np.zeros(self.n_lists, dtype=np.bool_)
        wanted[numbers[numbers >= 0]] = True
        for number in np.flatnonzero(wanted & ~self.checked).tolist():
            part = self.rows[self.starts[number] : self.starts[number + 1]]
            is_sound = _check(self.codes, self.rows, self.starts, number) == self.checks[number]
            if not is_sound or (part[1:] <= part[:-1]).any() or part[-1:].max(initial=0) >= max(self.rows.size, 1):
                return int(number)
            self.checked[number] = True
        return None


def sorted_by_list(
    codes: NDArray[np.uint64], tree: Tree, level: int | None = None
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], Iterator[NDArray[np.uint64]]]:
    """Sort the descriptors of a segment into lists.

    Parameters
    ----------
    codes : ndarray [shape=(n, d / 64), dtype=uint64]
        In row order, usually memory-mapped.
    tree : Tree
        The coarse quantiser.
    level : int, optional
        Level of the tree whose nodes have a list each (default: the one that suits the size of the segment).

    Returns
    -------
    sizes : ndarray [shape=(n_lists,), dtype=uint32]
        Descriptors per list.
    rows : ndarray [shape=(n,), dtype=uint32]
        Rows in the order of the lists.
    parts : iterator of ndarray
        The codes in that order, word by word: consecutive parts of an array [shape=(d / 64, n)].
    """
    level = level_for(len(codes), tree.n_levels) if level is None else level
    lists = tree.assign(codes, level)
    sizes = np.bincount(lists, minlength=tree.n_lists(level)).astype(np.uint32)
    rows = np.empty(len(codes), dtype=np.uint32)
    position = np.concatenate([[0], np.cumsum(sizes[:-1], dtype=np.int64)])
    _list_kernels.sort_into_lists(lists, position, rows)

    def parts() -> Iterator[NDArray[np.uint64]]:
        for word in range(codes.shape[1]):
            for start in range(0, len(rows), _GATHER):
                yield codes[rows[start : start + _GATHER], word]

    return sizes, rows, parts()


def list_checks(sizes: NDArray[np.uint32], codes: NDArray[np.uint64], rows: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Return the checksum of each list: XXH3-64 of its codes, word by word, then of its rows, little-endian."""
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return np.array([_check(codes, rows, starts, number) for number in range(sizes.size)], dtype=np.uint64)


class InvertedLists:
    """Search through the lists of all segments of a layer.

    Parameters
    ----------
    tree : Tree
        The coarse quantiser of all segments.
    segments : sequence of Lists
        In row order.
    first_rows : sequence of int
        Row number of the first row of each segment.
    bounds : ndarray [shape=(n_stored + 1,), dtype=int64]
        First row of each recording of the layer, removed ones included.
    ranks : ndarray [shape=(n_stored,), dtype=int64], optional
        Place of each recording among equally similar ones, -1 for removed ones (default: the order of rows).
    """

    def __init__(
        self,
        tree: Tree,
        segments: Sequence[Lists],
        first_rows: Sequence[int],
        bounds: NDArray[np.int64],
        ranks: NDArray[np.int64] | None = None,
    ) -> None:
        self._tree = tree
        self._bounds = bounds
        self._ranks = np.arange(bounds.size - 1) if ranks is None else ranks
        levels = {tree.n_lists(level): level for level in range(tree.n_levels)}
        self._segments = [
            (levels[lists.n_lists], lists, first) for lists, first in zip(segments, first_rows, strict=True)
        ]
        self._counted = [self._sizes(lists, first) for _, lists, first in self._segments]
        self._n_levels = 1 + max((level for level, _, _ in self._segments), default=0)

    def search(
        self, queries: NDArray[np.float32], k: int, *, nprobe: int, usable: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], tuple[int, int] | None]:
        """Return the `k` rows found most similar to each query and their estimated cosines, best first.

        Equal ones come by rank of the recording, then by row.

        Parameters
        ----------
        queries : ndarray [shape=(q, d), dtype=float32]
            Unit vectors.
        k : int
            Neighbours per query.
        nprobe : int
            Lists visited per query and segment; more finds more and takes longer.
        usable : ndarray [shape=(n_stored,), dtype=bool]
            Recordings that may be found.

        Returns
        -------
        rows : ndarray [shape=(q, k), dtype=int64]
            -1 where fewer than `k` were found.
        similarity : ndarray [shape=(q, k), dtype=float32]
            -inf where the row is -1.
        damaged : (segment, list) or None
            A list that fails its checksum; then nothing was searched to the end.
        """
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        similarity = np.full((len(queries), k), -np.inf, dtype=np.float32)
        weights = np.empty(_list_kernels.CHUNK, dtype=np.int32)
        all_usable = bool(usable.all())
        for start in range(0, len(queries), _QUERY_BATCH):
            part = slice(start, start + _QUERY_BATCH)
            batch = np.ascontiguousarray(queries[part], dtype=np.float32)
            planes, step, total = _bit_planes(batch)
            nearest = self._tree.nearest(batch, nprobe, n_levels=self._n_levels)
            scores = np.full((len(batch), k), np.iinfo(np.int32).min, dtype=np.int32)
            for number, (level, lists, first_row) in enumerate(self._segments):
                damaged = lists.first_damaged(nearest[level])
                if damaged is not None:
                    return rows, similarity, (number, damaged)
                counted = self._count(number, nearest[level])
                _list_kernels.scan(
                    planes, nearest[level], lists.codes, lists.starts, counted, lists.rows, first_row, self._bounds,
                    self._ranks, usable, all_usable, MOST_CODES, weights, scores, rows[part],
                )  # fmt: skip
            found = rows[part] >= 0
            product = (2.0 * scores - total[:, None]) * step[:, None]
            similarity[part][found] = np.minimum(product / (SIGN_SCALE * math.sqrt(queries.shape[1])), 1.0)[found]
        return rows, similarity, None

    def _sizes(self, lists: Lists, first_row: int) -> NDArray[np.int64]:
        """Return how many codes of each list are of recordings that are not removed; -1 where that is to be counted."""
        first, last = np.searchsorted(self._bounds[:-1], [first_row, first_row + lists.rows.size])
        if self._ranks[first:last].min(initial=0) < 0:
            return np.full(lists.n_lists, -1, dtype=np.int64)
        return np.diff(lists.starts)

    def _count(self, number: int, wanted: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return how many codes of each list of a segment count; known of those wanted, which were compared before.

        Removed recordings do not count: a search scans as many lists as if they had never been there.
        """
        counted, (_, lists, first_row) = self._counted[number], self._segments[number]
        for one in np.unique(wanted[(wanted >= 0) & (counted[wanted] < 0)]).tolist():
            rows = first_row + lists.rows[lists.starts[one] : lists.starts[one + 1]].astype(np.int64)
            recordings = np.searchsorted(self._bounds, rows, side="right") - 1
            counted[one] = np.count_nonzero(self._ranks[recordings] >= 0)
        return counted


def _bit_planes(
    queries: NDArray[np.float32],
) -> tuple[NDArray[np.uint64], NDArray[np.float32], NDArray[np.int32]]:
    """Round queries to four bits per number.

    Returns
    -------
    planes : ndarray [shape=(q, d / 64, 4), dtype=uint64]
        Bits of weight 1, 2, 4 and -8.
    step : ndarray [shape=(q,), dtype=float32]
        Value of one unit.
    total : ndarray [shape=(q,), dtype=int32]
        Sum of the rounded numbers.
    """
    step = np.maximum(np.abs(queries).max(axis=1, initial=0.0), np.float32(1e-9)) / np.float32(7.5)
    rounded = np.clip(np.rint(queries / step[:, None]), -8, 7).astype(np.int8)
    planes = [words_of(np.packbits(rounded >> bit & 1, axis=1)) for bit in range(4)]
    return np.stack(planes, axis=-1), step, rounded.sum(axis=1, dtype=np.int32)


def _check(codes: NDArray[np.uint64], rows: NDArray[np.uint32], starts: NDArray[np.int64], number: int) -> int:
    part = slice(starts[number], starts[number + 1])
    digest = xxhash.xxh3_64()
    for word in codes:
        digest.update(word[part].data)
    digest.update(rows[part].data)
    return digest.intdigest()
