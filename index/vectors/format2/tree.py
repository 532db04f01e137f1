"""The tree of centroids that leads to the inverted lists of signs.

Level 0 has 64 centroids, every node has 8 children, and a segment has its lists at the level that suits its size. A
query keeps the 16 best nodes at every level and looks into the best of them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from index.vectors.format2 import _kernels as _list_kernels

__all__ = ["SIGN_SCALE", "Tree"]

ROOTS = 64
BRANCHES = _list_kernels.BRANCHES
SIGN_SCALE = 0.8  # a unit vector has about this product with the unit vector of its own signs
_BEAM = 16


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
