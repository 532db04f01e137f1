"""The coarse tree: trained the same from the same, every list reached from where its descriptors lie."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index.vectors.signs import signs_of, vectors_of_signs, words_of
from index.vectors.tree import (
    BRANCHES,
    LEAST_PER_LEAF,
    LIST_LENGTH,
    MOST_LEVELS,
    ROOTS,
    SIGN_SCALE,
    Tree,
    level_for,
    levels_for,
)
from tests import naive
from tests.landmark_sets import normalised, unit_vectors

N_LEVELS = 3


def clustered_codes(n: int, seed: int, *, dimension: int = 64, n_clusters: int = 90) -> NDArray[np.uint64]:
    """Return codes that lie in clusters, as those of music do."""
    rng = np.random.default_rng(seed)
    centres = unit_vectors(n_clusters, 1, dimension=dimension)
    vectors = centres[rng.integers(0, n_clusters, n)] + 0.08 * rng.normal(size=(n, dimension))
    return words_of(signs_of(vectors))


def vectors_of(codes: NDArray[np.uint64]) -> NDArray[np.float64]:
    d = 64 * codes.shape[1]
    return naive.sign_vectors(codes, SIGN_SCALE / np.sqrt(d))


def levels_of(tree: Tree) -> list[NDArray[np.float32]]:
    return [tree.centroids[a:b] for a, b in zip(tree.first[:-1], tree.first[1:], strict=True)]


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree.train(clustered_codes(4000, 2), n_levels=N_LEVELS)


@pytest.mark.parametrize("dimension", [64, 128])
@pytest.mark.parametrize("n_levels", [1, 2, 3])
def test_a_tree_has_64_roots_and_8_branches_at_every_node(dimension: int, n_levels: int) -> None:
    tree = Tree.train(clustered_codes(500, 3, dimension=dimension), n_levels=n_levels)
    sizes = [ROOTS * BRANCHES**level for level in range(n_levels)]
    assert tree.centroids.shape == (sum(sizes), dimension)
    assert tree.centroids.dtype == np.float32
    assert (tree.n_levels, tree.dimension) == (n_levels, dimension)
    assert [len(level) for level in levels_of(tree)] == sizes == [tree.n_lists(level) for level in range(n_levels)]
    assert [tree.level_of(size) for size in sizes] == list(range(n_levels))
    assert tree.level_of(65) is tree.level_of(ROOTS * BRANCHES**n_levels) is None


@pytest.mark.same_bytes
def test_the_same_sample_gives_the_same_tree() -> None:
    one, two = (Tree.train(clustered_codes(1000, 4), n_levels=2) for _ in range(2))
    assert one.centroids.tobytes() == two.centroids.tobytes()
    assert Tree.train(clustered_codes(1000, 5), n_levels=2).centroids.tobytes() != one.centroids.tobytes()


def test_a_deeper_tree_has_the_same_upper_levels() -> None:
    codes = clustered_codes(1000, 6)
    shallow, deep = Tree.train(codes, n_levels=1), Tree.train(codes, n_levels=2)
    assert deep.centroids[:ROOTS].tobytes() == shallow.centroids.tobytes()


@pytest.mark.parametrize("level", range(N_LEVELS))
def test_a_code_lies_where_greedy_descent_leads(tree: Tree, level: int) -> None:
    codes = clustered_codes(200, 7)
    lists = tree.assign(codes, level)
    assert lists.dtype == np.uint32
    plain = naive.assign(vectors_of(codes), levels_of(tree), level, BRANCHES)
    assert np.mean(lists == plain) > 0.95
    for vector, chosen, best in zip(vectors_of(codes), lists, plain, strict=True):
        values = naive.nearness(vector, levels_of(tree)[level])
        assert values[chosen] == pytest.approx(values[best], abs=1e-6)  # the same, but for ties


def test_lists_of_a_level_lie_within_those_of_the_level_above(tree: Tree) -> None:
    codes = clustered_codes(500, 8)
    lists = [tree.assign(codes, level).astype(np.int64) for level in range(N_LEVELS)]
    for upper, lower in itertools.pairwise(lists):
        np.testing.assert_array_equal(lower // BRANCHES, upper)
    assert len(set(lists[-1].tolist())) > 2 * len(set(lists[0].tolist()))


@pytest.mark.parametrize("n", [1, 5, 16, 40])
def test_the_nearest_lists_are_those_of_a_beam_search(tree: Tree, n: int) -> None:
    queries = unit_vectors(20, 9)
    nearest = tree.nearest(queries, n)
    assert nearest.dtype == np.int32
    for q, query in enumerate(queries):
        for level, kept in enumerate(naive.descend(query, levels_of(tree), BRANCHES, max(n, 16))):
            assert nearest[level, q].tolist() == (kept + [-1] * n)[:n]


def test_a_query_for_all_lists_gets_every_list_that_there_is(tree: Tree) -> None:
    nearest = tree.nearest(unit_vectors(2, 10), 6000)
    for level, centroids in enumerate(levels_of(tree)):
        expected = np.flatnonzero(centroids.any(axis=1)).tolist()
        assert sorted(nearest[level, 0][nearest[level, 0] >= 0].tolist()) == expected


@pytest.mark.parametrize(("n_sample", "copies"), [(64, 1), (65, 1), (3000, 1), (1, 100), (5, 40)])
def test_every_code_lies_in_a_list_that_queries_reach(n_sample: int, copies: int) -> None:
    tree = Tree.train(np.repeat(clustered_codes(n_sample, 11), copies, axis=0), n_levels=N_LEVELS)
    codes = words_of(np.random.default_rng(12).integers(0, 256, (5000, 8), dtype=np.uint8))
    for level, centroids in enumerate(levels_of(tree)):
        assert centroids[tree.assign(codes, level)].any(axis=1).all()
    for upper, lower in itertools.pairwise(levels_of(tree)):
        has_child = lower.reshape(len(upper), BRANCHES, -1).any(axis=(1, 2))
        np.testing.assert_array_equal(has_child, upper.any(axis=1))


def test_a_sample_of_one_code_many_times_trains_a_tree_that_finds_it() -> None:
    codes = np.repeat(clustered_codes(1, 13), 100, axis=0)
    tree = Tree.train(codes, n_levels=2)
    assert np.isfinite(tree.centroids).all()
    lists = tree.assign(codes, 1)
    assert (lists == lists[0]).all()
    query = vectors_of_signs(codes[:1].view(np.uint8))
    assert lists[0] in tree.nearest(query, 64 * BRANCHES)[1, 0].tolist()


def test_near_queries_find_the_list_of_their_code_among_the_first(tree: Tree) -> None:
    rng = np.random.default_rng(14)
    codes = clustered_codes(400, 15)
    queries = normalised(vectors_of_signs(codes.view(np.uint8)) + 0.05 * rng.normal(size=(400, 64)))
    for level in range(N_LEVELS):
        found = (tree.nearest(queries, 16)[level] == tree.assign(codes, level)[:, None]).any(axis=1)
        assert found.mean() > 0.8


def test_no_codes_and_no_queries_are_nowhere(tree: Tree) -> None:
    assert tree.assign(np.empty((0, 1), np.uint64), 2).shape == (0,)
    assert tree.nearest(np.empty((0, 64), np.float32), 4).shape == (N_LEVELS, 0, 4)


@given(n=st.integers(0, 10**10))
def test_a_tree_is_as_deep_as_its_catalogue_has_descriptors_for(n: int) -> None:
    n_levels = levels_for(n)
    assert 1 <= n_levels <= MOST_LEVELS
    assert n_levels == 1 or n >= LEAST_PER_LEAF * ROOTS * BRANCHES ** (n_levels - 1) * (1 - 1e-9)
    assert n_levels == MOST_LEVELS or n <= LEAST_PER_LEAF * ROOTS * BRANCHES**n_levels * (1 + 1e-9)
    assert n_levels <= levels_for(2 * n)


@given(n=st.integers(0, 10**10), n_levels=st.integers(1, MOST_LEVELS))
def test_the_lists_of_a_segment_are_about_as_long_as_they_should_be(n: int, n_levels: int) -> None:
    level = level_for(n, n_levels)
    assert 0 <= level < n_levels
    length = n / (ROOTS * BRANCHES**level)
    assert level == 0 or length >= LIST_LENGTH / BRANCHES**0.5 * 0.999
    assert level == n_levels - 1 or length <= LIST_LENGTH * BRANCHES**0.5 * 1.001
