"""Nearest neighbours of descriptors: the only module that talks to FAISS.

Two ways of holding the vectors of a layer, chosen by size:

- `ExactVectors`: every similarity is computed. Right, and simple, up to `EXACT_LIMIT` landmarks.
- `CompressedVectors`: an inverted file (IVF) whose lists hold 16-byte product-quantised codes (PQ 32 x 4 bits,
  FastScan), memory-mapped from the segments. What was trained is a `Codec`: coarse centroids and a codebook.

The codebook describes the vectors themselves, not what is left after subtracting a coarse centroid. That costs under
1 % of the hits and buys two things: search is 4 times faster (one look-up table per query instead of one per probe),
and a catalogue that has outgrown its coarse centroids gets new ones without touching a single code: nothing drifts.

Measured on 333 000 real landmarks and 85 000 distorted queries, k = 4, one thread, hits = true neighbours found: exact
0.335 hits per query in 760 us; 512 lists with 8, 16, 32, 64 probes .296, .311, .319, .324 in 16, 23, 39, 66 us (about
the square root of the size is the best number of lists; 2048 lists and 64 probes: .321 in 59 us). With residual codes
16 probes gave .313 in 112 us. A codec trained on the first 25 000 landmarks alone lost less than 1 % of these hits.

Similarities are cosines: exact ones from `ExactVectors`, estimates from `CompressedVectors`. FAISS facts that shaped
this module: `swig_ptr` of a temporary dangles, so every array handed over is held by a name; `add_core` corrupts
FastScan indexes, so codes are computed by the quantiser and packed by `index.lists`; FAISS reads FastScan lists into
memory when it opens its own files, so the lists are mounted from ours; threads must not meet fork, so workers are
spawned and call `use_threads(1)`.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray

from fingerprint.errors import ParameterError
from index.lists import CODE_BYTES, list_capacities, list_offsets

__all__ = [
    "EXACT_LIMIT",
    "NPROBE",
    "Codec",
    "CompressedVectors",
    "ExactVectors",
    "MountedLists",
    "check_vectors",
    "lists_for",
    "use_threads",
]

faiss: Any = _faiss  # its type stubs describe the C++ methods, not the numpy ones that replace them

EXACT_LIMIT = 20_000  # landmarks; beyond, 20 000 queries (a track of 3 minutes) take more than a second on one thread
NPROBE = 16  # lists visited per query, by default
N_SUBQUANTISERS = 32
SEED = 20_240_613
_TRAIN_PER_LIST = 64  # k-means sees at most this many vectors per list
_KMEANS_ROUNDS = 10
_QUERY_BATCH = 4096  # bounds the memory of one call into FAISS
_ENCODE_BATCH = 65_536


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


def lists_for(n_landmarks: int) -> int:
    """Return how many inverted lists suit a catalogue: a power of two, at most 65536.

    It is near the square root of the size, which finds most for the time, up to a million landmarks; beyond, lists are
    kept from growing longer than about 1024, which bounds the cost of a query.

    >>> lists_for(25_000), lists_for(333_000), lists_for(4_000_000), lists_for(420_000_000)
    (128, 512, 4096, 65536)
    """
    wanted = max(n_landmarks**0.5, n_landmarks / 1024, 1.0)
    return int(min(65_536, 2 ** round(math.log2(wanted))))


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


class ExactVectors:
    """Exact search over all vectors of a small layer.

    Parameters
    ----------
    vectors : ndarray [shape=(n, d), dtype=float32]
        Unit vectors.
    rows : ndarray [shape=(n,), dtype=int64]
        Row number of each vector, ascending.
    """

    def __init__(self, vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        self._rows = rows
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        if rows.size:
            self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the `k` most similar rows of each query and their cosines, best first, ties by row.

        Returns
        -------
        rows : ndarray [shape=(q, k), dtype=int64]
            -1 where there are fewer than `k`.
        similarity : ndarray [shape=(q, k), dtype=float32]
            -inf where the row is -1.
        """
        rows, similarity = _empty_result(len(queries), k)
        width = min(k, self._rows.size)
        if width:
            for part in _batches(len(queries), _QUERY_BATCH):
                found_similarity, found = self._index.search(queries[part], width)
                rows[part, :width] = self._rows[found]
                similarity[part, :width] = found_similarity
        return best_first(rows, np.minimum(similarity, np.float32(1.0)), k)


@dataclass(frozen=True, slots=True, eq=False)
class Codec:
    """What is trained once and shared by all segments of a layer: coarse centroids and codebook.

    Attributes
    ----------
    coarse : ndarray [shape=(n_lists, d), dtype=float32]
        Centroids of the inverted lists (Euclidean).
    codebook : ndarray [shape=(32, 16, d // 32), dtype=float32]
        Per sub-quantiser its 16 code words.
    """

    coarse: NDArray[np.float32]
    codebook: NDArray[np.float32]

    @classmethod
    def train(cls, sample: NDArray[np.float32], *, n_lists: int) -> Self:
        """Train on a sample of unit vectors [shape=(n, d), n >= n_lists]; same sample, same codec.

        Raises
        ------
        ParameterError
            If the sample is smaller than the number of lists or of code words, or `d` is no multiple of 32.
        """
        vectors = check_vectors(sample, np.shape(sample)[-1], name="sample")
        dimension = vectors.shape[1]
        if dimension % N_SUBQUANTISERS:
            raise ParameterError(f"dimension={dimension}: must be a multiple of {N_SUBQUANTISERS} to be compressed")
        if len(vectors) < max(n_lists, 16):
            raise ParameterError(f"sample of {len(vectors)} vectors: too few to train {n_lists} lists")
        with _one_thread():
            quantiser = faiss.ProductQuantizer(dimension, N_SUBQUANTISERS, 4)
            quantiser.cp.seed = SEED
            quantiser.cp.min_points_per_centroid = 1
            quantiser.cp.max_points_per_centroid = 1024
            quantiser.train(vectors)
        words = faiss.vector_to_array(quantiser.centroids)
        codebook = words.reshape(N_SUBQUANTISERS, 16, dimension // N_SUBQUANTISERS).astype(np.float32)
        return cls(_kmeans(vectors, n_lists), codebook)

    def relisted(self, sample: NDArray[np.float32], *, n_lists: int) -> "Codec":
        """Return a codec with the same codebook and new coarse centroids: codes stay valid, lists change."""
        return Codec(_kmeans(sample, n_lists), self.codebook)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.coarse.shape[1])

    @property
    def n_lists(self) -> int:
        """Number of inverted lists."""
        return int(self.coarse.shape[0])

    def assign(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the list of each vector [shape=(n,), dtype=int64]."""
        lists = np.empty(len(vectors), dtype=np.int64)
        quantiser = _flat(self.coarse)
        for part in _batches(len(vectors), _ENCODE_BATCH):
            _, found = quantiser.search(np.ascontiguousarray(vectors[part], dtype=np.float32), 1)
            lists[part] = found[:, 0]
        return lists

    def encode(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the codes [shape=(n, 16), dtype=uint8]: even sub-quantisers in the low four bits."""
        codes = np.empty((len(vectors), CODE_BYTES), dtype=np.uint8)
        quantiser = self._product_quantiser()
        for part in _batches(len(vectors), _ENCODE_BATCH):
            codes[part] = quantiser.compute_codes(np.ascontiguousarray(vectors[part], dtype=np.float32))
        return codes

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the vectors that codes stand for [shape=(n, d), dtype=float32]."""
        words = np.empty((len(codes), N_SUBQUANTISERS), dtype=np.intp)
        words[:, 0::2] = codes & 15
        words[:, 1::2] = codes >> 4
        return self.codebook[np.arange(N_SUBQUANTISERS), words].reshape(len(codes), self.dimension)

    def _product_quantiser(self) -> Any:
        quantiser = faiss.ProductQuantizer(self.dimension, N_SUBQUANTISERS, 4)
        faiss.copy_array_to_vector(np.ascontiguousarray(self.codebook, dtype=np.float32).ravel(), quantiser.centroids)
        return quantiser


@dataclass(slots=True, eq=False)
class MountedLists:
    """The lists file of one segment, memory-mapped by FAISS; stays readable when the file is deleted.

    Attributes
    ----------
    n_rows : int
        Rows of the segment: every row number in the lists must be below.
    """

    n_rows: int
    _lists: Any

    @classmethod
    def mount(cls, path: Path, sizes: NDArray[np.uint32], n_rows: int) -> Self:
        """Map a lists file whose length was checked against `sizes`.

        Raises
        ------
        OSError
            If the file cannot be opened.
        """
        path.open("rb").close()  # FAISS reports a missing file as RuntimeError; this gives the plain one
        table = np.zeros((sizes.size, 3), dtype=np.uint64)  # size, capacity, offset of each list
        table[:, 0] = sizes
        table[:, 1] = list_capacities(sizes)
        offsets = list_offsets(sizes)
        table[:, 2] = offsets[:-1]
        lists = faiss.OnDiskInvertedLists()
        lists.nlist = int(sizes.size)
        lists.code_size = CODE_BYTES
        lists.filename = str(path)
        lists.read_only = True
        lists.prefetch_nthread = 0
        lists.totsize = int(offsets[-1])
        lists.lists.resize(int(sizes.size))
        faiss.memcpy(lists.lists.data(), faiss.swig_ptr(table), table.nbytes)
        try:
            lists.do_mmap()
        except RuntimeError as error:
            raise FileNotFoundError(str(path)) from error
        return cls(n_rows, lists)

    @property
    def raw(self) -> Any:
        """The FAISS object."""
        return self._lists


class CompressedVectors:
    """Search over the mounted lists of all segments of a layer.

    Parameters
    ----------
    codec : Codec
        The codec of all segments.
    segments : sequence of MountedLists
        In row order.
    first_rows : sequence of int
        Row number of the first row of each segment.
    """

    def __init__(self, codec: Codec, segments: Sequence[MountedLists], first_rows: Sequence[int]) -> None:
        self._segments = list(zip(segments, first_rows, strict=True))
        self._coarse = _flat(codec.coarse)
        self._index = faiss.IndexIVFPQFastScan(
            self._coarse, codec.dimension, codec.n_lists, N_SUBQUANTISERS, 4, faiss.METRIC_L2
        )
        self._index.by_residual = False
        words = np.ascontiguousarray(codec.codebook, dtype=np.float32).ravel()
        faiss.copy_array_to_vector(words, self._index.pq.centroids)
        self._index.is_trained = True
        self._n_lists = codec.n_lists
        self._turn = threading.Lock()  # the index object is pointed at one segment after the other

    def search(
        self, queries: NDArray[np.float32], k: int, *, nprobe: int = NPROBE
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the `k` rows found most similar to each query and their estimated cosines, best first, ties by row.

        Parameters
        ----------
        queries : ndarray [shape=(q, d), dtype=float32]
            Unit vectors.
        k : int
            Neighbours per query.
        nprobe : int
            Lists visited per query; more finds more and takes longer.

        Returns
        -------
        rows : ndarray [shape=(q, k), dtype=int64]
            -1 where fewer than `k` were found. A row number outside its segment, which only a damaged lists file
            can hold, is given as -2.
        similarity : ndarray [shape=(q, k), dtype=float32]
            -inf where the row is negative.
        """
        rows, similarity = _empty_result(len(queries), k)
        probes = min(nprobe, self._n_lists)
        for part in _batches(len(queries), _QUERY_BATCH):
            batch = np.ascontiguousarray(queries[part], dtype=np.float32)
            distance_to_list, lists = self._coarse.search(batch, probes)
            found_rows, found_similarity = [], []
            for segment, first_row in self._segments:
                distance, local = self._search_segment(segment, batch, k, lists, distance_to_list)
                missing = local < 0
                row = local + first_row
                row[missing] = -1
                row[local >= segment.n_rows] = -2
                found_rows.append(row)
                found_similarity.append(np.where(missing, -np.inf, 1.0 - 0.5 * distance).astype(np.float32))
            if found_rows:
                rows[part], similarity[part] = best_first(
                    np.concatenate(found_rows, axis=1), np.concatenate(found_similarity, axis=1), k
                )
        return rows, np.minimum(similarity, np.float32(1.0))

    def _search_segment(
        self,
        segment: MountedLists,
        batch: NDArray[np.float32],
        k: int,
        lists: NDArray[np.int64],
        distance_to_list: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        with self._turn:
            self._index.nprobe = lists.shape[1]
            self._index.ntotal = segment.n_rows
            self._index.replace_invlists(segment.raw, False)
            distance, local = self._index.search_preassigned(batch, k, lists, distance_to_list)
        return distance, local


def best_first(
    rows: NDArray[np.int64], similarity: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Sort each line of candidates by falling similarity, ties by row, and keep `k`.

    >>> best_first(np.array([[7, 2, 5]]), np.array([[0.5, 0.5, 0.9]], dtype=np.float32), 2)
    (array([[5, 2]]), array([[0.9, 0.5]], dtype=float32))
    """
    order = np.argsort(rows, axis=1, kind="stable")
    by_row = np.take_along_axis(similarity, order, axis=1)
    rank = np.argsort(-by_row, axis=1, kind="stable")[:, :k]
    order = np.take_along_axis(order, rank, axis=1)
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(similarity, order, axis=1)


def _empty_result(n_queries: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return np.full((n_queries, k), -1, dtype=np.int64), np.full((n_queries, k), -np.inf, dtype=np.float32)


def _batches(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def _flat(centroids: NDArray[np.float32]) -> Any:
    index = faiss.IndexFlatL2(centroids.shape[1])
    index.add(np.ascontiguousarray(centroids, dtype=np.float32))
    return index


def _kmeans(vectors: NDArray[np.float32], n_lists: int) -> NDArray[np.float32]:
    clustering = faiss.Clustering(vectors.shape[1], n_lists)
    clustering.niter = _KMEANS_ROUNDS
    clustering.seed = SEED
    clustering.min_points_per_centroid = 1
    clustering.max_points_per_centroid = _TRAIN_PER_LIST
    assigner = faiss.IndexFlatL2(vectors.shape[1])
    with _one_thread():
        clustering.train(np.ascontiguousarray(vectors, dtype=np.float32), assigner)
    centroids: NDArray[np.float32] = faiss.vector_to_array(clustering.centroids).reshape(n_lists, -1)
    return centroids.astype(np.float32)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # sums in another order give other bytes
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
