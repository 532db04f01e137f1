"""Descriptors as vectors, and the door to FAISS.

`ExactVectors` computes every similarity: right, and simple, for layers of up to `EXACT_LIMIT` landmarks. Larger ones
are searched in inverted lists (`index.vectors.ivf`). Similarities are cosines.

FAISS facts that shaped this module: threads must not meet fork, so workers are spawned and call `use_threads(1)`; sums
in another order give other bytes, so k-means runs on one thread, and no product is left to BLAS, whose last bits depend
on its kernel and its number of threads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import ParameterError

__all__ = [
    "EXACT_LIMIT",
    "SEED",
    "ExactVectors",
    "as_vectors",
    "best_first",
    "check_vectors",
    "kmeans",
    "nearest_centroid",
    "search_lists",
    "threads",
    "use_threads",
]

faiss: Any = _faiss  # its type stubs describe the C++ methods, not the numpy ones that replace them
faiss.cvar.distance_compute_blas_threshold = 2**31 - 1  # queries in one call from which on FAISS would use BLAS

EXACT_LIMIT = 20_000  # landmarks; beyond, 20 000 queries (a track of 3 minutes) take more than a second on one thread
SEED = 20_240_613
_TRAIN_PER_CENTROID = 256
_KMEANS_ROUNDS = 10
_TIES = 6  # rows beyond those asked for, so that up to so many more copies of one recording are told apart
_STRIDE = 2_654_435_761  # Knuth's multiplier: consecutive queries start far apart
_MOST_ROWS = np.int64(1 << 62)
_QUERY_BATCH = 4096  # bounds the memory of one call into FAISS


def use_threads(n: int) -> None:
    """Let FAISS use `n` threads in this process; call with 1 in every worker.

    Raises
    ------
    ParameterError
        If `n` is below 1.
    """
    if n < 1:
        raise ParameterError(f"threads={n}: must be at least 1")
    faiss.omp_set_num_threads(n)


def threads() -> int:
    """Return how many threads this process may use."""
    return int(faiss.omp_get_max_threads())


def check_vectors(vectors: NDArray[np.floating[Any]], dimension: int, *, name: str) -> NDArray[np.float32]:
    """Return `vectors` as contiguous float32 [shape=(n, dimension)] once they are known to be sound.

    Raises
    ------
    ParameterError
        If shape or dtype is wrong, or a value is not finite.
    """
    array = np.asarray(vectors)
    if array.ndim != 2 or array.shape[1] != dimension:
        raise ParameterError(f"{name}: shape {array.shape}, must be (n, {dimension})")
    if not np.issubdtype(array.dtype, np.floating):
        raise ParameterError(f"{name}: dtype {array.dtype}, must be a floating type")
    checked = np.ascontiguousarray(array, dtype=np.float32)
    finite = np.isfinite(checked).all(axis=1)
    if not finite.all():
        raise ParameterError(f"{name}: row {int(np.argmin(finite))} holds NaN or infinity")
    return checked


def as_vectors(stored: NDArray[Any]) -> NDArray[np.float32]:
    """Return stored descriptors as float32 [shape=(n, d)]; those of whole numbers are brought to length one.

    >>> as_vectors(np.array([[127, 0], [-3, 4]], dtype=np.int8)).tolist()
    [[1.0, 0.0], [-0.6000000238418579, 0.800000011920929]]
    """
    vectors = stored.astype(np.float32)
    if stored.dtype.kind == "i":
        vectors /= np.sqrt(np.maximum(np.einsum("ij,ij->i", vectors, vectors), 1.0))[:, None]
    return vectors


class ExactVectors:
    """Exact search over all vectors of a small layer.

    Parameters
    ----------
    vectors : ndarray [shape=(n, d), dtype=float32]
        Unit vectors.
    rows : ndarray [shape=(n,), dtype=int64]
        Row number of each vector.
    """

    def __init__(self, vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        self._rows = rows
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        if rows.size:
            self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def search(
        self, queries: NDArray[np.float32], k: int, usable: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the `k` most similar rows of each query and their cosines, 1 at most, best first.

        Equally similar rows come in the order in which they were given. Where they are more than `k`, as copies of one
        recording are, those that count start at another place for every query, so that each copy is found by some.

        Parameters
        ----------
        queries : ndarray [shape=(q, d), dtype=float32]
            Unit vectors.
        k : int
            Neighbours per query.
        usable : ndarray [shape=(n,), dtype=bool], optional
            For each vector, in the order given: whether it may be found.

        Returns
        -------
        rows : ndarray [shape=(q, k), dtype=int64]
            -1 where there are fewer than `k`.
        similarity : ndarray [shape=(q, k), dtype=float32]
            -inf where the row is -1.
        """
        width = min(k + _TIES, self._rows.size)
        places, similarity = _empty_result(len(queries), max(k, width))
        options = {}
        if usable is not None:
            bits = np.packbits(usable, bitorder="little")
            selector = faiss.IDSelectorBitmap(self._rows.size, faiss.swig_ptr(bits))  # `bits` must outlive it
            options["params"] = faiss.SearchParameters(sel=selector)
        if width:
            for part in _batches(len(queries), _QUERY_BATCH):
                found_similarity, found = self._index.search(queries[part], width, **options)
                places[part, :width] = found
                similarity[part, :width] = np.where(found >= 0, found_similarity, -np.inf)
        first = np.arange(len(queries), dtype=np.int64) * _STRIDE % max(self._rows.size, 1)
        places, similarity = best_first(places, similarity, k, first_row=first)
        rows = np.full(places.shape, -1, dtype=np.int64)
        rows[places >= 0] = self._rows[places[places >= 0]]
        return rows, np.minimum(similarity, np.float32(1.0))


def best_first(
    rows: NDArray[np.int64],
    similarity: NDArray[np.float32],
    k: int,
    *,
    first_row: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Sort each line of candidates by falling similarity, ties by row, and keep `k`.

    With `first_row` [shape=(n_lines,)], ties go by row from that one on, and then from the start.

    >>> best_first(np.array([[7, 2, 5]]), np.array([[0.5, 0.5, 0.9]], dtype=np.float32), 2)
    (array([[5, 2]]), array([[0.9, 0.5]], dtype=float32))
    >>> best_first(np.array([[7, 2]]), np.array([[0.5, 0.5]], dtype=np.float32), 1, first_row=np.array([3]))
    (array([[7]]), array([[0.5]], dtype=float32))
    """
    place = rows if first_row is None else np.where(rows < first_row[:, None], rows + _MOST_ROWS, rows)
    order = np.argsort(place, axis=1, kind="stable")
    by_row = np.take_along_axis(similarity, order, axis=1)
    rank = np.argsort(-by_row, axis=1, kind="stable")[:, :k]
    order = np.take_along_axis(order, rank, axis=1)
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(similarity, order, axis=1)


def _empty_result(n_queries: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return np.full((n_queries, k), -1, dtype=np.int64), np.full((n_queries, k), -np.inf, dtype=np.float32)


def _batches(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def kmeans(vectors: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Return `n` centroids of vectors [shape=(m, d), m >= n] by k-means [shape=(n, d)]; seeded, on one thread."""
    clustering = faiss.Clustering(vectors.shape[1], n)
    clustering.niter = _KMEANS_ROUNDS
    clustering.seed = SEED
    clustering.min_points_per_centroid = 1
    clustering.max_points_per_centroid = _TRAIN_PER_CENTROID
    assigner = faiss.IndexFlatL2(vectors.shape[1])
    with _one_thread():
        clustering.train(np.ascontiguousarray(vectors, dtype=np.float32), assigner)
    centroids: NDArray[np.float32] = faiss.vector_to_array(clustering.centroids).reshape(n, -1)
    return centroids.astype(np.float32)


def search_lists(
    index: Any, queries: NDArray[np.float32], k: int, lists: NDArray[np.int64], selector: Any = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Search an index of FAISS with inverted lists in those that are given for each query, -1 for none.

    Parameters
    ----------
    index : faiss.IndexIVF
        The index.
    queries : ndarray [shape=(q, d), dtype=float32]
        Contiguous.
    k : int
        Results per query.
    lists : ndarray [shape=(q, nprobe), dtype=int64]
        Contiguous.
    selector : faiss.IDSelector, optional
        Of the ids that may be found.

    Returns
    -------
    ids : ndarray [shape=(q, k), dtype=int64]
        As FAISS gives them, -1 where there are fewer.
    values : ndarray [shape=(q, k), dtype=float32]
        Distances or products, best first.
    """
    ids, values = np.empty((len(queries), k), dtype=np.int64), np.empty((len(queries), k), dtype=np.float32)
    unused = np.zeros(lists.shape, dtype=np.float32)  # distances of the centroids
    options = faiss.SearchParametersIVF(nprobe=lists.shape[1])
    if selector is not None:
        options.sel = selector
    arrays = [faiss.swig_ptr(array) for array in (lists, unused, values, ids)]
    index.search_preassigned_c(len(queries), faiss.swig_ptr(queries), k, *arrays, False, options)
    return ids, values


def nearest_centroid(vectors: NDArray[np.float32], centroids: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the number of the centroid nearest to each vector [shape=(n,)]."""
    assigner = faiss.IndexFlatL2(centroids.shape[1])
    assigner.add(np.ascontiguousarray(centroids, dtype=np.float32))
    found: NDArray[np.int64] = assigner.search(np.ascontiguousarray(vectors, dtype=np.float32), 1)[1][:, 0]
    return found


@contextmanager
def _one_thread() -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # sums in another order give other bytes
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
