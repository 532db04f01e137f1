"""Exact search against plain search, and the k-means that coarse centroids come from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.errors import ParameterError
from index.vectors.exact import ExactVectors, best_first, check_vectors, faiss, kmeans, use_threads
from tests.landmark_sets import naive_search, unit_vectors


@pytest.mark.parametrize("n", [0, 1, 3, 500])
@pytest.mark.parametrize("k", [1, 4])
def test_exact_search_equals_plain_search(n: int, k: int) -> None:
    vectors, queries = unit_vectors(n, 3), unit_vectors(20, 4)
    rows = np.arange(n, dtype=np.int64) * 3 + 7
    found, similarity = ExactVectors(vectors, rows).search(queries, k)
    expected, cosines = naive_search(vectors, rows, queries, k)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(similarity, cosines, atol=1e-6)
    assert found.dtype == np.int64
    assert similarity.dtype == np.float32


@pytest.mark.parametrize("n", [0, 1, 9, 500])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_filter_keeps_the_usable_results_of_plain_search(n: int, share: float) -> None:
    vectors, queries = unit_vectors(n, 3), unit_vectors(20, 4)
    rows = np.arange(n, dtype=np.int64) * 3 + 7
    usable = np.random.default_rng(5).random(3 * n + 8) < share
    found, similarity = ExactVectors(vectors, rows).search(queries, 4, usable[rows])
    left = usable[rows]
    expected, cosines = naive_search(vectors[left], rows[left], queries, 4)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(similarity, cosines, atol=1e-6)


def test_equal_vectors_come_in_the_order_of_their_rows() -> None:
    vectors = np.repeat(unit_vectors(2, 5), 3, axis=0)
    found, similarity = ExactVectors(vectors, np.arange(6)).search(vectors[3:4], 3)
    assert found.tolist() == [[3, 4, 5]]
    assert similarity.max() <= 1.0


def test_no_query_has_no_neighbours() -> None:
    found, similarity = ExactVectors(unit_vectors(5, 1), np.arange(5)).search(unit_vectors(0, 2), 3)
    assert found.shape == similarity.shape == (0, 3)


def test_best_first_puts_missing_values_last() -> None:
    similarity = np.array([[-np.inf, 0.2, 0.2, 0.9]], dtype=np.float32)
    rows, ordered = best_first(np.array([[-1, 9, 4, 6]]), similarity, 4)
    assert rows.tolist() == [[6, 4, 9, -1]]
    assert ordered[0, 3] == -np.inf


def test_k_means_gives_means_of_their_nearest_rows() -> None:
    vectors = (np.repeat(unit_vectors(8, 6), 40, axis=0) + 0.01 * unit_vectors(320, 7)).astype(np.float32)
    centroids = kmeans(vectors, 8)
    assert centroids.shape == (8, 64)
    assert centroids.dtype == np.float32
    nearest = np.linalg.norm(vectors[:, None] - centroids[None], axis=2).argmin(axis=1)
    assert set(nearest.tolist()) == set(range(8))
    for number, centroid in enumerate(centroids):
        np.testing.assert_allclose(centroid, vectors[nearest == number].mean(axis=0), atol=1e-5)


@pytest.mark.same_bytes
def test_k_means_gives_the_same_bytes_on_any_number_of_threads() -> None:
    vectors = unit_vectors(3000, 8)
    before = faiss.omp_get_max_threads()
    try:
        use_threads(2)
        one = kmeans(vectors, 64)
        assert faiss.omp_get_max_threads() == 2
        use_threads(1)
        assert kmeans(vectors, 64).tobytes() == one.tobytes()
    finally:
        use_threads(before)


def test_k_means_of_as_many_vectors_as_centroids_is_the_vectors() -> None:
    vectors = unit_vectors(64, 9)
    centroids = kmeans(vectors, 64)
    np.testing.assert_allclose(np.sort(centroids, axis=0), np.sort(vectors, axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.zeros((3, 32), np.float32), r"x: shape \(3, 32\), must be \(n, 64\)"),
        (np.zeros(64, np.float32), r"x: shape \(64,\)"),
        (np.zeros((3, 64), np.int32), "x: dtype int32"),
        (np.full((3, 64), np.nan, np.float32), "x: row 0 holds NaN"),
        (np.vstack([np.ones((2, 64)), np.full((1, 64), np.inf)]), "x: row 2 holds NaN or infinity"),
    ],
)
def test_unsound_vectors_are_refused(vectors: NDArray[np.float32], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        check_vectors(vectors, 64, name="x")


def test_no_threads_are_refused() -> None:
    with pytest.raises(ParameterError, match="threads=0: must be at least 1"):
        use_threads(0)
