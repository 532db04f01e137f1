"""The quantiser that ships: in which inverted list a descriptor lies, and the code that stands for it there.

Centroids form a tree of three levels, 256, 4 096 and 65 536, each with 16 children (Nister and Stewenius, CVPR 2006);
the code is that of a product quantiser with four bits for every four numbers (Jegou et al., TPAMI 2011). Both were
trained once, by `benchmarks.train_quantiser`. So a descriptor has the same list and code in every index, segment and
process, and segments are joined without its numbers. Its list is always that of the deepest level: a layer is searched
at the *level* that suits its size, where the lists of all descendants of a node are one, and goes to the next level
without its numbers too.
"""

import hashlib
import io
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from index.vectors.exact import faiss, search_lists

__all__ = [
    "BRANCHES",
    "CODEWORDS",
    "N_LEVELS",
    "ROOTS",
    "SHIPPED",
    "Quantiser",
    "level_for",
    "quantiser_bytes",
    "shipped_quantiser",
]

SHIPPED = Path(__file__).parent / "quantiser.npz"
ROOTS = 256
BRANCHES = 16
N_LEVELS = 3
CODEWORDS = 16
_LIST_LENGTH = 2_400  # descriptors per list, on average, from which on a layer is searched one level deeper
_BEAM = 8  # nodes kept from level to level, at least
_STEP = np.float32(1 / 256)  # of the numbers of centroids in the file


def level_for(n_landmarks: int) -> int:
    """Return the level at which a layer of this size is searched.

    >>> [level_for(n) for n in (20_000, 600_000, 6_000_000, 400_000_000)]
    [0, 0, 1, 2]
    """
    return sum(n_landmarks > _LIST_LENGTH * ROOTS * BRANCHES**level for level in range(N_LEVELS - 1))


@dataclass(frozen=True, eq=False)
class Quantiser:
    """Centroids and codebooks.

    Attributes
    ----------
    digest : str
        `sha256:` and the digest of its file.
    centroids : ndarray [shape=(256 + 4096 + 65536, d), dtype=float32]
        One level after the other; the children of node `i` of a level are `16 i` to `16 i + 15` of the next.
    codebooks : ndarray [shape=(m, 16, d / m), dtype=float32]
        Of each few numbers of a descriptor.
    scale : float
        Product of a unit descriptor with the vector that its code stands for, on average.
    """

    digest: str
    centroids: NDArray[np.float32]
    codebooks: NDArray[np.float32]
    scale: float

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Return the quantiser of a file that `quantiser_bytes` wrote."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            centroids = arrays["centroids"].astype(np.float32) * _STEP
            codebooks, scale = arrays["codebooks"], float(arrays["scale"])
        return cls("sha256:" + hashlib.sha256(data).hexdigest(), centroids, codebooks, scale)

    @property
    def dimension(self) -> int:
        """Length of a descriptor."""
        return int(self.centroids.shape[1])

    @property
    def n_lists(self) -> int:
        """Number of lists of the deepest level."""
        return int(ROOTS * BRANCHES ** (N_LEVELS - 1))

    @property
    def code_bytes(self) -> int:
        """Bytes of a code."""
        return len(self.codebooks) // 2

    @cached_property
    def product(self) -> Any:
        """The product quantiser, for FAISS."""
        made = faiss.ProductQuantizer(self.dimension, len(self.codebooks), 4)
        faiss.copy_array_to_vector(self.codebooks.reshape(-1), made.centroids)
        return made

    def encode(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return list [shape=(n,), dtype=int32] and code [shape=(n, code_bytes), dtype=uint8] of unit vectors.

        Neither depends on the other vectors, nor on the number of threads.
        """
        given = np.ascontiguousarray(vectors, dtype=np.float32)
        if not len(given):
            return np.empty(0, dtype=np.int32), np.empty((0, self.code_bytes), dtype=np.uint8)
        return self.nearest(given, 1, N_LEVELS - 1)[:, 0].astype(np.int32), self.product.compute_codes(given)

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the vectors that codes stand for [shape=(n, d), dtype=float32]; about `scale` long."""
        vectors: NDArray[np.float32] = self.product.decode(np.ascontiguousarray(codes))
        return vectors

    def nearest(self, vectors: NDArray[np.float32], n: int, level: int) -> NDArray[np.int64]:
        """Return the `n` nodes of a level nearest to each vector [shape=(q, n), dtype=int64], -1 where there are fewer.

        A vector goes down the tree with the nearest nodes of every level, `n` or 8 of them.
        """
        nodes = np.empty((len(vectors), 0), dtype=np.int64)
        for depth in range(level + 1):
            wanted = n if depth == level else max(n, _BEAM)
            if depth == 0:
                _, nodes = self._levels[0].search(vectors, min(wanted, ROOTS))
            else:
                nodes, _ = search_lists(self._levels[depth], vectors, wanted, nodes)
        found: NDArray[np.int64] = nodes
        return found

    @cached_property
    def _levels(self) -> list[Any]:
        """For FAISS: the first level as it is, the others with the children of a node in a list of their own."""
        first = 0
        made: list[Any] = []
        for depth in range(N_LEVELS):
            n = ROOTS * BRANCHES**depth
            centroids = np.ascontiguousarray(self.centroids[first : first + n])
            if depth == 0:
                made.append(faiss.IndexFlatL2(self.dimension))
                made[0].add(centroids)
            else:
                parents = n // BRANCHES
                level = faiss.IndexIVFFlat(made[0], self.dimension, parents)
                level.is_trained = True
                families = np.repeat(np.arange(parents), BRANCHES)
                level.add_core(n, faiss.swig_ptr(centroids), None, faiss.swig_ptr(families))
                made.append(level)
            first += n
        return made


@cache
def shipped_quantiser() -> Quantiser:
    """Return the quantiser that ships; read once per process."""
    return Quantiser.read(SHIPPED.read_bytes())


def quantiser_bytes(
    centroids: NDArray[np.float32], codebooks: NDArray[np.float32], scale: float, sources: NDArray[np.str_]
) -> bytes:
    """Return the file of a quantiser: arguments as the attributes, and the sources that it was trained on."""
    buffer = io.BytesIO()
    rounded = np.rint(centroids / _STEP)
    np.savez_compressed(
        buffer,
        centroids=np.clip(rounded, -128, 127).astype(np.int8),
        codebooks=codebooks.astype(np.float32),
        scale=np.float64(scale),
        sources=sources,
    )
    return buffer.getvalue()
