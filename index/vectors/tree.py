"""The coarse quantiser: a tree of centroids that says in which inverted list a descriptor is, and in which to look.

Level 0 has 64 centroids (k-means over a sample); every node has 8 children (k-means over its own members), so level `l`
has 64 x 8^l: hierarchical k-means, the vocabulary tree of Nister and Stewenius (CVPR 2006). A segment has its lists at
the level that suits its size, so a small one has few lists and a large one many, with one tree for all of them; and
when the catalogue has outgrown the deepest level, a deeper tree is trained.

A descriptor goes down the tree to the nearest child of the nearest child, by its *code* (`index.vectors.signs`), so
that its list depends on code and tree alone, not on the history of the index. A query keeps the 16 best nodes at every
level and looks into the best of them: with 32 768 lists that is 450 distances instead of 32 768.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from index.vectors import _kernels as _list_kernels
from index.vectors.exact import kmeans, threads

__all__ = ["BRANCHES", "MOST_LEVELS", "ROOTS", "Tree", "level_for", "levels_for"]

ROOTS = 64
BRANCHES = _list_kernels.BRANCHES
MOST_LEVELS = 5  # 262 144 lists: 67 MB of centroids, and lists of 1 800 descriptors at 100 000 tracks
LIST_LENGTH = 512  # descriptors per list that a segment aims at
LEAST_PER_LEAF = 64  # descriptors of the catalogue for each list of the deepest level
SAMPLE_PER_LEAF = 16
LEAST_SAMPLE = 65_536
SIGN_SCALE = 0.8  # a unit vector has about this product with the unit vector of its own signs
_ROUNDS = 8
_BEAM = 16
_ASSIGN_BATCH = 1 << 18


def levels_for(n_landmarks: int) -> int:
    """Return how many levels the tree of a catalogue of this size should have.

    >>> [levels_for(n) for n in (20_000, 330_000, 4_000_000, 460_000_000)]
    [1, 3, 4, 5]
    """
    return 1 + _level(n_landmarks / LEAST_PER_LEAF, MOST_LEVELS, math.floor)


def level_for(n_rows: int, n_levels: int) -> int:
    """Return the level of a tree with `n_levels` at which a segment of this size has its lists.

    >>> [level_for(n, 5) for n in (1_000, 330_000, 4_000_000, 460_000_000)]
    [0, 1, 2, 4]
    """
    return _level(n_rows / LIST_LENGTH, n_levels, round)


def _level(n_lists: float, n_levels: int, whole: Callable[[float], int]) -> int:
    return min(whole(math.log(max(n_lists / ROOTS, 1.0), BRANCHES)), n_levels - 1)


@dataclass(frozen=True, eq=False)
class Tree:
    """Centroids of all levels.

    Attributes
    ----------
    centroids : ndarray [shape=(64 + 64 * 8 + ..., d), dtype=float32]
        One level after the other; the children of centroid `i` of a level are `8 i` to `8 i + 7` of the next. All
        zeros: there is none. Every centroid there is has a child.
    """

    centroids: NDArray[np.float32]

    @classmethod
    def train(cls, codes: NDArray[np.uint64], *, n_levels: int) -> Self:
        """Train on a sample of codes [shape=(n, d / 64), dtype=uint64]; same sample, same tree."""
        n, words = codes.shape
        dimension = 64 * words
        scale = _scale(dimension)
        vectors = np.empty((n, dimension), dtype=np.float32)
        _list_kernels.unpack_all(codes, scale, vectors)
        levels = [kmeans(vectors, ROOTS)]
        members = cls(levels[0]).assign(codes, 0).astype(np.int64)
        for _ in range(n_levels - 1):
            order = np.argsort(members, kind="stable")
            vectors, members = vectors[order], members[order]
            n_nodes = len(levels[-1])
            centroids = np.empty((n_nodes * BRANCHES, dimension), dtype=np.float32)
            half_norms = np.empty(n_nodes * BRANCHES, dtype=np.float32)
            child = np.empty(n, dtype=np.int32)
            _list_kernels.split_nodes(
                vectors, np.searchsorted(members, np.arange(n_nodes + 1)), _ROUNDS, child,
                np.empty((BRANCHES, dimension), np.float32), np.empty(BRANCHES, np.int64), centroids, half_norms,
            )  # fmt: skip
            centroids[np.isinf(half_norms)] = 0.0
            families = centroids.reshape(n_nodes, BRANCHES, dimension)
            childless = ~families.any(axis=(1, 2))  # of the sample nothing got there, yet other descriptors may
            families[childless, 0] = levels[-1][childless]
            levels.append(centroids)
            members = members * BRANCHES + child
        return cls(np.concatenate(levels))

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.centroids.shape[1])

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Where each level starts among the centroids, and their number [shape=(n_levels + 1,), dtype=int64]."""
        starts = [0]
        while starts[-1] < len(self.centroids):
            starts.append(starts[-1] + ROOTS * BRANCHES ** (len(starts) - 1))
        return np.array(starts)

    @property
    def fault(self) -> str:
        """The fault of a tree that was read, or ""; its nodes are means of sign vectors."""
        n = len(self.centroids)
        if not n or self.first[-1] != n:
            return f"holds {n} centroids, which is no whole number of levels"
        if not np.all(self._squares <= 1.0):  # nor is NaN
            return "holds centroids longer than 1, or that are no numbers"
        if not self._squares[: self.first[1]].any():
            return "holds no centroid at its first level"
        return ""

    @property
    def n_levels(self) -> int:
        """Number of levels."""
        return int(self.first.size) - 1

    def n_lists(self, level: int) -> int:
        """Return the number of lists at one level."""
        return int(ROOTS * BRANCHES**level)

    def level_of(self, n_lists: int) -> int | None:
        """Return the level that has so many lists, or None."""
        return next((level for level in range(self.n_levels) if self.n_lists(level) == n_lists), None)

    def assign(self, codes: NDArray[np.uint64], level: int) -> NDArray[np.uint32]:
        """Return the list, at one level, of each code [shape=(n,), dtype=uint32]; uses the threads it may."""
        out = np.empty(len(codes), dtype=np.uint32)
        half_norms = self._half_norms

        def work(part: slice) -> None:
            scratch = np.empty(self.dimension, dtype=np.float32)
            scale = _scale(self.dimension)
            _list_kernels.assign(codes[part], scale, self.centroids, half_norms, self.first, level, scratch, out[part])

        parts = [slice(start, start + _ASSIGN_BATCH) for start in range(0, len(codes), _ASSIGN_BATCH)]
        with ThreadPoolExecutor(min(threads(), max(len(parts), 1))) as pool:
            for _ in pool.map(work, parts):
                pass
        return out

    def nearest(self, queries: NDArray[np.float32], n: int, *, n_levels: int | None = None) -> NDArray[np.int32]:
        """Return the `n` lists nearest to each query at every level, or at the first few.

        Parameters
        ----------
        queries : ndarray [shape=(q, d), dtype=float32]
            Unit vectors.
        n : int
            Lists wanted.
        n_levels : int, optional
            Levels wanted, from the first; by default all.

        Returns
        -------
        ndarray [shape=(n_levels, q, n), dtype=int32]
            Nearest first; -1 where there are fewer.
        """
        beam = max(n, _BEAM)
        first = self.first if n_levels is None else self.first[: n_levels + 1]
        out = np.empty((first.size - 1, len(queries), n), dtype=np.int32)
        nodes, nearness = np.empty((2, beam), np.int64), np.empty(beam, np.float32)
        _list_kernels.descend(queries, self.centroids, self._half_norms, first, beam, nodes[0], nodes[1], nearness, out)
        return out

    @cached_property
    def _half_norms(self) -> NDArray[np.float32]:
        """Half the squared norm of each centroid; infinite where there is none, so that nothing is near it."""
        return np.where(self._squares > 0, 0.5 * self._squares, np.inf).astype(np.float32)

    @cached_property
    def _squares(self) -> NDArray[np.float32]:
        with np.errstate(over="ignore", invalid="ignore"):
            squares: NDArray[np.float32] = np.einsum("ij,ij->i", self.centroids, self.centroids)
        return squares


def _scale(dimension: int) -> np.float32:
    return np.float32(SIGN_SCALE / math.sqrt(dimension))
