"""Inverted lists of signs: 8 bytes for 64 numbers, sorted by the nodes of a tree, and the search through them.

The estimated similarity of a query is its scalar product with the signs. Lists have checksums, which are compared when
they are first used.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import xxhash
from numpy.typing import NDArray

from index.vectors.format2 import _kernels as _list_kernels
from index.vectors.format2.tree import SIGN_SCALE, Tree
from index.vectors.signs import words_of

__all__ = ["NPROBE_2", "TreeLists", "TreeSearch"]

NPROBE_2 = 16  # lists visited per query, by default

MOST_CODES = 12_288  # weighed per query and segment; at 400 M landmarks 7 000 (4 lists) find as many excerpts as 28 000
_QUERY_BATCH = 4096


@dataclass(frozen=True, eq=False)
class TreeLists:
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


class TreeSearch:
    """Search through the lists of all segments of a layer.

    Parameters
    ----------
    tree : Tree
        The coarse quantiser of all segments.
    segments : sequence of TreeLists
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
        segments: Sequence[TreeLists],
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

    def _sizes(self, lists: TreeLists, first_row: int) -> NDArray[np.int64]:
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
