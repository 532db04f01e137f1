"""Search in inverted lists against a plain computation over the lists looked into; and lists that were damaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import xxhash
from numpy.typing import NDArray

from index.vectors import lists as lists_module
from index.vectors.lists import InvertedLists, Lists, list_checks, sorted_by_list
from index.vectors.signs import signs_of, words_of
from index.vectors.tree import SIGN_SCALE, Tree, level_for
from tests import naive
from tests.landmark_sets import naive_search, normalised, unit_vectors

SIZES = (700, 1, 0, 1300)  # of the segments


def clustered(n: int, seed: int, *, dimension: int = 64) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    centres = unit_vectors(50, 1, dimension=dimension)
    return normalised(centres[rng.integers(0, 50, n)] + 0.08 * rng.normal(size=(n, dimension)))


def codes_of(vectors: NDArray[np.float32]) -> NDArray[np.uint64]:
    return words_of(signs_of(vectors))


def lists_of(codes: NDArray[np.uint64], tree: Tree) -> Lists:
    sizes, rows, parts = sorted_by_list(codes, tree)
    sorted_codes = np.concatenate([np.empty(0, np.uint64), *parts]).reshape(codes.shape[::-1])
    return Lists.of(sizes, sorted_codes, rows, list_checks(sizes, sorted_codes, rows))


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree.train(codes_of(clustered(3000, 2)), n_levels=2)


@pytest.fixture(autouse=True)
def _short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "index.vectors.tree.LIST_LENGTH", 4
    )  # so that segments of a test have lists at different levels


def bounds_of(n: int) -> NDArray[np.int64]:
    """Recordings of 10 rows, and some without any."""
    return np.unique(np.concatenate([np.arange(0, n, 10), [n]])).repeat(2)[1:]


def plain_search(
    tree: Tree,
    segments: Sequence[NDArray[np.uint64]],
    queries: NDArray[np.float32],
    k: int,
    *,
    nprobe: int,
    usable_rows: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The search as one would write it down: round the query to 16 steps, and weigh all that lies in its lists."""
    found = np.full((len(queries), k), -1, np.int64)
    similarity = np.full((len(queries), k), -np.inf)
    first = np.cumsum([0, *(len(codes) for codes in segments)])
    levels = [tree.centroids[a:b] for a, b in zip(tree.first[:-1], tree.first[1:], strict=True)]
    d = queries.shape[1]
    for q, query in enumerate(queries):
        step = np.float32(np.abs(query).max()) / np.float32(7.5)
        rounded = np.clip(np.rint(query / step), -8, 7).astype(np.int64)
        probes = naive.descend(query, levels, 8, max(nprobe, 16))
        pairs = []
        for codes, first_row in zip(segments, first[:-1].tolist(), strict=True):
            level = level_for(len(codes), tree.n_levels)
            list_of = tree.assign(codes, level)
            for row in np.flatnonzero(np.isin(list_of, probes[level][:nprobe])).tolist():
                if usable_rows[first_row + row]:
                    product = int(naive.sign_vectors(codes[row : row + 1], 1.0)[0] @ rounded)
                    pairs.append((-product, first_row + row))
        for i, (product, row) in enumerate(sorted(pairs)[:k]):
            found[q, i] = row
            similarity[q, i] = min(-product * float(step) / (SIGN_SCALE * np.sqrt(d)), 1.0)
    return found, similarity


@pytest.mark.slow
@pytest.mark.parametrize("nprobe", [1, 4, 16, 1000])
@pytest.mark.parametrize("usable", [1.0, 0.5, 0.0])
def test_a_search_equals_a_plain_computation_over_the_lists_looked_into(tree: Tree, nprobe: int, usable: float) -> None:
    segments = [codes_of(clustered(n, 20 + n)) for n in SIZES if n]
    first_rows = np.cumsum([0, *(len(codes) for codes in segments)])[:-1].tolist()
    bounds = bounds_of(sum(SIZES))
    may = np.random.default_rng(3).random(bounds.size - 1) < usable
    parts = [lists_of(codes, tree) for codes in segments]
    assert {part.n_lists for part in parts} == {64, 512}
    queries = clustered(30, 4)
    rows, similarity, damage = InvertedLists(tree, parts, first_rows, bounds).search(
        queries, 5, nprobe=nprobe, usable=may
    )
    assert damage is None
    usable_rows = np.repeat(may, np.diff(bounds))
    expected, estimated = plain_search(tree, segments, queries, 5, nprobe=nprobe, usable_rows=usable_rows)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_allclose(similarity, estimated, atol=1e-5)
    assert (rows >= 0).any() == (usable > 0)


def test_vectors_of_several_words_are_searched_alike() -> None:
    codes = codes_of(clustered(400, 5, dimension=192))
    tree = Tree.train(codes, n_levels=1)
    queries = clustered(10, 6, dimension=192)
    search = InvertedLists(tree, [lists_of(codes, tree)], [0], np.array([0, 400]))
    rows, similarity, _ = search.search(queries, 3, nprobe=8, usable=np.ones(1, np.bool_))
    expected, estimated = plain_search(tree, [codes], queries, 3, nprobe=8, usable_rows=np.ones(400, np.bool_))
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_allclose(similarity, estimated, atol=1e-5)


def test_more_queries_than_a_batch_are_all_answered(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    codes, queries = codes_of(clustered(300, 7)), clustered(25, 8)
    search = InvertedLists(tree, [lists_of(codes, tree)], [0], np.array([0, 300]))
    whole = search.search(queries, 3, nprobe=4, usable=np.ones(1, np.bool_))
    monkeypatch.setattr(lists_module, "_QUERY_BATCH", 4)
    parts = search.search(queries, 3, nprobe=4, usable=np.ones(1, np.bool_))
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_array_equal(whole[1], parts[1])


@pytest.mark.slow
def test_search_in_lists_agrees_with_plain_search(tree: Tree) -> None:
    vectors = clustered(3000, 9)
    source = np.random.default_rng(10).integers(0, 3000, 300)
    queries = normalised(vectors[source] + 0.02 * np.random.default_rng(11).normal(size=(300, 64)))
    search = InvertedLists(tree, [lists_of(codes_of(vectors), tree)], [0], np.array([0, 3000]))
    rows, similarity, _ = search.search(queries, 4, nprobe=16, usable=np.ones(1, np.bool_))
    exact, cosines = naive_search(vectors, np.arange(3000), queries, 4)
    assert np.mean(exact[:, 0] == source) > 0.99
    assert np.mean((rows == source[:, None]).any(axis=1)) > 0.9
    true = np.einsum("ij,ij->i", queries, vectors[rows[:, 0]])
    assert np.abs(similarity[:, 0] - true).mean() < 0.1
    assert similarity.max() <= 1.0
    assert cosines.dtype == similarity.dtype == np.float32


def test_equal_codes_come_in_the_order_of_their_rows_over_segments(tree: Tree) -> None:
    vectors = np.repeat(clustered(1, 12), 3, axis=0)
    parts = [lists_of(codes_of(vectors), tree) for _ in range(2)]
    search = InvertedLists(tree, parts, [3, 0], np.array([0, 6]))
    rows, similarity, _ = search.search(vectors[:1], 5, nprobe=16, usable=np.ones(1, np.bool_))
    assert rows.tolist() == [[0, 1, 2, 3, 4]]
    assert len(set(similarity[0].tolist())) == 1


def test_fewer_than_wanted_are_given_as_missing(tree: Tree) -> None:
    vectors = clustered(3, 13)
    search = InvertedLists(tree, [lists_of(codes_of(vectors), tree)], [100], np.array([0, 100, 103]))
    rows, similarity, damage = search.search(vectors, 5, nprobe=999, usable=np.array([False, True]))
    assert sorted(rows[0, :3].tolist()) == [100, 101, 102]
    assert (rows[:, 3:] == -1).all()
    assert np.isneginf(similarity[:, 3:]).all()
    assert np.isfinite(similarity[:, :3]).all()
    assert damage is None


def test_no_queries_and_no_segments_have_no_answers(tree: Tree) -> None:
    nothing = InvertedLists(tree, [], [], np.array([0]))
    rows, similarity, damage = nothing.search(clustered(2, 14), 3, nprobe=4, usable=np.empty(0, np.bool_))
    assert (rows == -1).all()
    assert np.isneginf(similarity).all()
    assert damage is None
    assert nothing.search(clustered(0, 14), 3, nprobe=4, usable=np.empty(0, np.bool_))[0].shape == (0, 3)


def test_a_search_in_a_segment_ends_when_enough_was_weighed(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    codes, queries = codes_of(clustered(2000, 15)), clustered(10, 16)
    search = InvertedLists(tree, [lists_of(codes, tree)], [0], np.array([0, 2000]))
    usable = np.ones(1, np.bool_)
    one = search.search(queries, 4, nprobe=1, usable=usable)[0]
    many = search.search(queries, 4, nprobe=64, usable=usable)[0]
    monkeypatch.setattr(lists_module, "MOST_CODES", 1)
    nearest = tree.nearest(queries, 64)[1]
    sizes = np.diff(search._segments[0][1].starts)
    short = search.search(queries, 4, nprobe=64, usable=usable)[0]
    expected = np.where((sizes[nearest[:, 0]] > 0)[:, None], one, short)
    np.testing.assert_array_equal(short, expected)
    assert (short != many).any()


@pytest.mark.parametrize("n", [0, 1, 800])
@pytest.mark.parametrize("dimension", [64, 128])
def test_lists_hold_every_row_once_where_the_tree_says(monkeypatch: pytest.MonkeyPatch, n: int, dimension: int) -> None:
    monkeypatch.setattr(lists_module, "_GATHER", 100)
    tree = Tree.train(codes_of(clustered(500, 17, dimension=dimension)), n_levels=2)
    codes = codes_of(clustered(n, 18, dimension=dimension))
    sizes, rows, parts = sorted_by_list(codes, tree)
    pieces = list(parts)
    assert all(len(piece) <= 100 for piece in pieces)
    np.testing.assert_array_equal(np.concatenate([np.empty(0, np.uint64), *pieces]), codes[rows].T.ravel())
    level = level_for(n, 2)
    list_of = tree.assign(codes, level)
    assert sizes.dtype == rows.dtype == np.uint32
    assert sizes.size == tree.n_lists(level)
    for number, part in enumerate(np.split(rows, np.cumsum(sizes)[:-1])):
        assert part.tolist() == np.flatnonzero(list_of == number).tolist()


def test_the_checksum_of_a_list_is_that_of_its_codes_and_rows(tree: Tree) -> None:
    codes = np.arange(10, dtype=np.uint64).reshape(2, 5)
    rows = np.array([4, 0, 1, 2, 3], dtype=np.uint32)
    checks = list_checks(np.array([1, 0, 4], dtype=np.uint32), codes, rows)
    texts = [
        codes[0, :1].tobytes() + codes[1, :1].tobytes() + rows[:1].tobytes(),
        b"",
        codes[0, 1:].tobytes() + codes[1, 1:].tobytes() + rows[1:].tobytes(),
    ]
    assert checks.tolist() == [xxhash.xxh3_64_intdigest(text) for text in texts]
    assert checks.dtype == np.uint64


@pytest.mark.parametrize("what", ["codes", "rows", "checks"])
def test_damage_to_any_list_is_noticed_when_it_is_looked_into(tree: Tree, what: str) -> None:
    vectors = clustered(600, 19)
    sound = lists_of(codes_of(vectors), tree)
    bounds, usable = np.array([0, 600]), np.ones(1, np.bool_)
    for number in np.flatnonzero(np.diff(sound.starts))[::7].tolist():
        start = sound.starts[number]
        codes, rows, checks = sound.codes.copy(), sound.rows.copy(), sound.checks.copy()
        codes[0, start] ^= np.uint64(what == "codes")
        rows[start] ^= np.uint32(what == "rows")
        checks[number] ^= np.uint64(what == "checks")
        bad = Lists(sound.starts, codes, rows, checks, np.zeros(sound.n_lists, np.bool_))
        search = InvertedLists(tree, [lists_of(codes_of(vectors[:9]), tree), bad], [0, 9], np.array([0, 609]))
        damage = search.search(vectors[:50], 2, nprobe=600, usable=usable)[2]
        assert damage == (1, number)
        assert not bad.checked[number]
        assert search.search(vectors[:50], 2, nprobe=600, usable=usable)[2] == (1, number)
    assert InvertedLists(tree, [sound], [0], bounds).search(vectors, 2, nprobe=600, usable=usable)[2] is None


def test_damage_to_lists_that_no_query_looks_into_costs_nothing(tree: Tree) -> None:
    vectors = clustered(600, 21)
    sound = lists_of(codes_of(vectors), tree)
    level = 1 if sound.n_lists == 512 else 0
    looked_into = tree.nearest(vectors[:1], 2)[level, 0]
    search = InvertedLists(tree, [sound], [0], np.array([0, 600]))
    right = search.search(vectors[:1], 2, nprobe=2, usable=np.ones(1, np.bool_))
    np.testing.assert_array_equal(np.flatnonzero(sound.checked), np.sort(looked_into))
    checks = sound.checks + np.uint64(1)
    checks[looked_into] -= np.uint64(1)
    bad = Lists(sound.starts, sound.codes, sound.rows, checks, np.zeros(sound.n_lists, np.bool_))
    again = InvertedLists(tree, [bad], [0], np.array([0, 600])).search(
        vectors[:1], 2, nprobe=2, usable=np.ones(1, np.bool_)
    )
    assert again[2] is None
    np.testing.assert_array_equal(again[0], right[0])


def test_a_list_is_compared_with_its_checksum_once(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = lists_module._check, []

    def counted(*args: object) -> int:
        calls.append(args[-1])
        return real(*args)  # type: ignore[arg-type]

    vectors = clustered(600, 22)
    parts = lists_of(codes_of(vectors), tree)
    monkeypatch.setattr(lists_module, "_check", counted)
    search = InvertedLists(tree, [parts], [0], np.array([0, 600]))
    for _ in range(3):
        search.search(vectors[:20], 2, nprobe=16, usable=np.ones(1, np.bool_))
    assert len(calls) == len(set(calls)) == np.count_nonzero(parts.checked) > 16


def test_rows_beyond_the_segment_are_refused_despite_a_valid_checksum(tree: Tree) -> None:
    vectors = clustered(600, 23)
    sound = lists_of(codes_of(vectors), tree)
    rows = sound.rows.copy()
    rows[-1] = 600
    sizes = np.diff(sound.starts).astype(np.uint32)
    forged = Lists.of(sizes, sound.codes, rows, list_checks(sizes, sound.codes, rows))
    search = InvertedLists(tree, [forged], [0], np.array([0, 600]))
    damage = search.search(vectors, 2, nprobe=600, usable=np.ones(1, np.bool_))[2]
    assert damage == (0, int(np.flatnonzero(sizes)[-1]))
