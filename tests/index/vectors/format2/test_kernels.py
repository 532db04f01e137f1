"""The kernels of trees and lists of format 2 against their plain twins, on random and on odd input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from index.vectors.format2 import _kernels as _list_kernels
from tests import naive

pytestmark = pytest.mark.kernels

BRANCHES = _list_kernels.BRANCHES
INF = np.float32(np.inf)
Levels = list[NDArray[np.float32]]


def random_codes(n: int, words: int, seed: int) -> NDArray[np.uint64]:
    return np.random.default_rng(seed).integers(0, 1 << 64, (n, words), dtype=np.uint64)


def random_levels(n_roots: int, n_levels: int, d: int, seed: int, *, dead: float = 0.2) -> Levels:
    """Return centroids of each level, some of them dead, with a living child for every living node."""
    rng = np.random.default_rng(seed)
    levels: Levels = []
    for level in range(n_levels):
        centroids = rng.normal(0, 0.1, (n_roots * BRANCHES**level, d)).astype(np.float32)
        gone = rng.random(len(centroids)) < dead
        gone[::BRANCHES] = False
        centroids[gone] = 0.0
        levels.append(centroids)
    return levels


def flat(levels: Levels) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Return the levels as the kernels take them: centroids, half norms, where each level starts."""
    centroids = np.concatenate(levels)
    half_norms = np.where(centroids.any(axis=1), 0.5 * (centroids**2).sum(axis=1), INF).astype(np.float32)
    return centroids, half_norms, np.cumsum([0, *(len(level) for level in levels)])


@pytest.mark.slow
@pytest.mark.parametrize(("word", "count"), [(0, 0), (1, 1), ((1 << 64) - 1, 64), (1 << 63, 1), (0x5555, 8)])
def test_bits_are_counted(word: int, count: int) -> None:
    assert _list_kernels.popcount(word) == count  # type: ignore[no-untyped-call]  # as all kernels are
    starts, rows, no_rows = np.array([0, 1]), np.zeros(1, np.uint32), np.full((1, 1), -1, np.int64)
    planes, scores = np.zeros((1, 1, 4), np.uint64), np.full((1, 1), -(1 << 31), np.int32)
    planes[0, 0, 0] = (1 << 64) - 1
    code, weights = np.array([[word]], np.uint64), np.zeros(_list_kernels.CHUNK, np.int32)
    lists, bounds, usable = np.zeros((1, 1), np.int32), np.array([0, 1]), np.ones(1, np.bool_)
    counted, ranks = np.ones(1, np.int64), np.zeros(1, np.int64)
    _list_kernels.scan(
        planes, lists, code, starts, counted, rows, 0, bounds, ranks, usable, True, 9, weights, scores, no_rows
    )
    assert scores.tolist() == [[count]]  # the compiled count


@pytest.mark.parametrize(
    ("n_roots", "n_levels", "beam", "n"), [(64, 1, 16, 5), (8, 3, 16, 16), (5, 2, 3, 3), (1, 3, 99, 99)]
)
def test_queries_keep_the_nearest_nodes_of_every_level(n_roots: int, n_levels: int, beam: int, n: int) -> None:
    levels = random_levels(n_roots, n_levels, 64, 4)
    queries = np.random.default_rng(5).normal(0, 0.125, (12, 64)).astype(np.float32)
    out = np.full((n_levels, 12, n), -2, np.int32)
    nodes = np.empty((2, beam), np.int64)
    _list_kernels.descend(queries, *flat(levels), beam, nodes[0], nodes[1], np.empty(beam, np.float32), out)
    for q, query in enumerate(queries):
        for level, kept in enumerate(naive.descend(query, levels, BRANCHES, beam)):
            assert out[level, q].tolist() == (kept + [-1] * n)[:n]
    living = [int(level.any(axis=1).sum()) for level in levels]
    assert (np.count_nonzero(out[-1, 0] >= 0)) <= living[-1]


def scanned(
    seed: int,
    *,
    n: int,
    words: int,
    n_lists: int,
    k: int,
    most_codes: int,
    usable: float = 1.0,
    gone: float = 0.0,
    alike: bool = False,
) -> list[list[tuple[int, int]]]:
    """Return the rows that the kernel finds in random lists, once the twin has found the same."""
    rng = np.random.default_rng(seed)
    codes = random_codes(n, words, seed)
    codes = codes[np.arange(n) % 3] if alike else codes
    list_of = rng.integers(0, n_lists, n)
    order = np.argsort(list_of, kind="stable")
    members = [np.flatnonzero(list_of == number).tolist() for number in range(n_lists)]
    starts = np.searchsorted(list_of[order], np.arange(n_lists + 1))
    numbers = rng.integers(-8, 8, (7, 64 * words))
    lists = np.array([rng.permutation(n_lists)[: max(n_lists - 2, 1)] for _ in numbers], np.int32)
    lists[0, 1:] = -1
    first_row = 11
    n_rows = first_row + n
    bounds = np.array([0, 5, 5, first_row, first_row, *np.sort(rng.integers(first_row, n_rows + 1, 6)), n_rows])
    ranks = rng.permutation(bounds.size - 1)
    ranks[rng.random(bounds.size - 1) < gone] = -1
    may = (rng.random(bounds.size - 1) < usable) & (ranks >= 0)
    rank_of_row, usable_rows = np.repeat(ranks, np.diff(bounds)), np.repeat(may, np.diff(bounds))
    counted = np.array([np.count_nonzero(rank_of_row[first_row + np.array(m, np.int64)] >= 0) for m in members])
    scores, best = np.full((7, k), -(1 << 31), np.int32), np.full((7, k), -1, np.int64)
    _list_kernels.scan(
        naive.bit_planes(numbers), lists, np.ascontiguousarray(codes[order].T), starts, counted,
        order.astype(np.uint32), first_row, bounds, ranks, may, bool(may.all()), most_codes,
        np.empty(_list_kernels.CHUNK, np.int32), scores, best,
    )  # fmt: skip
    found = [
        [(s, r) for s, r in zip(*pair, strict=True) if r >= 0]
        for pair in zip(scores.tolist(), best.tolist(), strict=True)
    ]
    assert found == naive.scan(numbers, lists, members, codes, first_row, rank_of_row, usable_rows, most_codes, k)
    return found


@pytest.mark.parametrize("words", [1, 2])
@pytest.mark.parametrize("usable", [1.0, 0.5, 0.0])
def test_the_best_codes_of_the_lists_are_found(words: int, usable: float) -> None:
    found = scanned(6, n=900, words=words, n_lists=5, k=4, most_codes=1 << 20, usable=usable)
    assert [len(line) for line in found] == [0 if usable == 0.0 else 4] * 7


def test_equal_codes_come_in_the_order_of_their_ranks() -> None:
    found = scanned(7, n=600, words=1, n_lists=4, k=5, most_codes=1 << 20, usable=1.0, alike=True)
    assert all(len({score for score, _ in line}) == 1 for line in found)


def test_a_search_ends_with_the_list_in_which_enough_was_weighed() -> None:
    short = scanned(8, n=400, words=1, n_lists=8, k=3, most_codes=60)
    assert short != scanned(8, n=400, words=1, n_lists=8, k=3, most_codes=1 << 20)


def test_removed_recordings_do_not_count_as_weighed() -> None:
    for seed in range(5):
        scanned(seed, n=400, words=1, n_lists=8, k=3, most_codes=60, gone=0.5)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_fewer_codes_than_wanted_are_all_found(n: int) -> None:
    found = scanned(9, n=n, words=1, n_lists=1, k=5, most_codes=1 << 20, usable=1.0)
    assert [len(line) for line in found] == [n] * 7


def test_a_scan_adds_to_the_results_of_other_segments() -> None:
    codes = random_codes(30, 1, 10)
    planes = naive.bit_planes(np.random.default_rng(11).integers(-8, 8, (3, 64)))
    bounds, usable, weights = np.array([0, 30]), np.ones(1, np.bool_), np.empty(_list_kernels.CHUNK, np.int32)
    lists = np.zeros((3, 1), np.int32)

    def scan(parts: list[slice]) -> tuple[Any, Any]:
        scores, best = np.full((3, 4), -(1 << 31), np.int32), np.full((3, 4), -1, np.int64)
        for part in parts:
            size = part.stop - part.start
            _list_kernels.scan(
                planes, lists, np.ascontiguousarray(codes[part].T), np.array([0, size]), np.array([size]),
                np.arange(size, dtype=np.uint32), part.start, bounds, np.zeros(1, np.int64), usable, True, 99,
                weights, scores, best,
            )  # fmt: skip
        return scores.tolist(), best.tolist()

    assert scan([slice(0, 7), slice(7, 30)]) == scan([slice(0, 30)]) == scan([slice(7, 30), slice(0, 7)])
