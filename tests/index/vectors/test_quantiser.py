"""The quantiser that ships: its lists and codes against plain distances, and its file."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from index.vectors.exact import threads, use_threads
from index.vectors.quantiser import (
    BRANCHES,
    N_LEVELS,
    ROOTS,
    Quantiser,
    level_for,
    quantiser_bytes,
    shipped_quantiser,
)
from tests.landmark_sets import normalised

FIRST = np.cumsum([0, *(ROOTS * BRANCHES**level for level in range(N_LEVELS))])


def near_centroids(n: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors that lie about as far from their centroid as descriptors do."""
    rng = np.random.default_rng(seed)
    leaves = shipped_quantiser().centroids[FIRST[-2] :]
    noise = rng.normal(size=(n, leaves.shape[1])) * 0.05
    return normalised(leaves[rng.integers(0, len(leaves), n)] + noise)


def nodes(level: int) -> NDArray[np.float32]:
    return shipped_quantiser().centroids[FIRST[level] : FIRST[level + 1]]


def distances(vectors: NDArray[np.float32], level: int) -> NDArray[np.float32]:
    centroids = nodes(level)
    found: NDArray[np.float32] = (centroids**2).sum(axis=1) - 2.0 * vectors @ centroids.T
    return found


def test_a_changed_quantiser_would_make_every_index_another() -> None:
    assert shipped_quantiser().digest == "sha256:b3fa680d005c8cde3c392da04bf234bdc6077ecdcb8992e14ad358455bc35e0a"
    assert (shipped_quantiser().n_lists, shipped_quantiser().code_bytes, shipped_quantiser().dimension) == (
        65536,
        8,
        64,
    )


def test_children_stand_behind_each_other_and_their_parent_is_their_middle() -> None:
    for level in range(1, N_LEVELS):
        families = nodes(level).reshape(-1, BRANCHES, 64)
        apart = np.linalg.norm(families.mean(axis=1) - nodes(level - 1), axis=1)
        assert np.median(apart) < 0.15  # some have more members than others
        others = np.linalg.norm(np.roll(families.mean(axis=1), 1, axis=0) - nodes(level - 1), axis=1)
        assert np.median(apart) < 0.5 * np.median(others)


def test_the_first_level_is_searched_exactly_and_the_others_nearly_so() -> None:
    vectors = near_centroids(300, 1)
    for level in range(N_LEVELS):
        right = np.argsort(distances(vectors, level), axis=1, kind="stable")[:, :8]
        found = shipped_quantiser().nearest(vectors, 8, level)
        if level == 0:
            assert np.array_equal(found, right)
        shared = [np.intersect1d(a, b).size for a, b in zip(found, right, strict=True)]
        assert np.mean(shared) > 5.5
        value = np.take_along_axis(distances(vectors, level), found, axis=1)
        assert np.all(np.diff(value, axis=1) > -1e-5)  # the nearest first


def test_the_list_of_a_descriptor_is_nearly_always_the_nearest() -> None:
    vectors = near_centroids(500, 2)
    cells, _ = shipped_quantiser().encode(vectors)
    assert np.mean(cells == np.argmin(distances(vectors, N_LEVELS - 1), axis=1)) > 0.9


def test_more_lists_than_there_are_end_with_nothing() -> None:
    found = shipped_quantiser().nearest(near_centroids(2, 3), 300, 0)
    assert np.array_equal(np.sort(found[:, :ROOTS], axis=1), np.arange(ROOTS)[None].repeat(2, 0))
    deeper = shipped_quantiser().nearest(near_centroids(2, 3), 300, 1)
    assert deeper.shape == (2, 300)
    assert deeper.max() < ROOTS * BRANCHES


def test_a_code_stands_for_the_nearest_codewords() -> None:
    quantiser, vectors = shipped_quantiser(), near_centroids(200, 4)
    _, codes = quantiser.encode(vectors)
    parts = vectors.reshape(200, len(quantiser.codebooks), -1)
    far = ((parts[:, :, None] - quantiser.codebooks[None]) ** 2).sum(axis=3)
    halves = np.stack([codes & 15, codes >> 4], axis=2).reshape(200, -1)
    assert np.array_equal(halves, far.argmin(axis=2))
    plain = np.take_along_axis(quantiser.codebooks[None], halves[:, :, None, None], axis=2).reshape(200, -1)
    assert np.allclose(quantiser.decode(codes), plain)
    assert np.einsum("ij,ij->i", plain, vectors).mean() == pytest.approx(quantiser.scale, abs=0.15)


def test_lists_and_codes_depend_on_the_vector_alone() -> None:
    vectors = near_centroids(300, 5)
    cells, codes = shipped_quantiser().encode(vectors)
    alone = [shipped_quantiser().encode(vectors[i : i + 1]) for i in range(20)]
    assert np.array_equal(np.concatenate([one[0] for one in alone]), cells[:20])
    assert np.array_equal(np.concatenate([one[1] for one in alone]), codes[:20])
    before = threads()
    try:
        for n in (1, 2, 3):
            use_threads(n)
            again = Quantiser.read(_file()).encode(vectors)
            assert np.array_equal(again[0], cells)
            assert np.array_equal(again[1], codes)
    finally:
        use_threads(before)


def test_no_vectors_have_no_codes() -> None:
    cells, codes = shipped_quantiser().encode(np.empty((0, 64), np.float32))
    assert (cells.shape, codes.shape) == ((0,), (0, 8))


def test_a_file_keeps_centroids_to_its_step_and_names_its_sources() -> None:
    made = shipped_quantiser()
    data = quantiser_bytes(made.centroids, made.codebooks, made.scale, np.array(["one", "two"]))
    again = Quantiser.read(data)
    assert np.array_equal(again.centroids, made.centroids)
    assert np.array_equal(again.codebooks, made.codebooks)
    assert again.scale == made.scale
    assert again.digest != made.digest  # the sources are others


def test_levels_grow_with_the_layer() -> None:
    sizes = [0, 1_000, 600_000, 700_000, 9_000_000, 10_000_000, 500_000_000]
    assert [level_for(n) for n in sizes] == [0, 0, 0, 1, 1, 2, 2]


def _file() -> bytes:
    made = shipped_quantiser()
    return quantiser_bytes(made.centroids, made.codebooks, made.scale, np.array(["one"]))
