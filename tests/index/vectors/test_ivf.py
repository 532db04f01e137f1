"""Search by FAISS in inverted lists against a plain computation; ties, filters, damage, and lists joined again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from index.vectors.exact import faiss, threads, use_threads
from index.vectors.ivf import LIST_FILES, CodeLists, Column, SegmentCodes, joined_codes, sorted_codes
from index.vectors.quantiser import BRANCHES, N_LEVELS, ROOTS, shipped_quantiser
from tests.landmark_sets import normalised

LEVELS = range(N_LEVELS)
SIZES = (700, 1, 0, 1300)  # of the segments
ERROR = 0.02  # of a similarity by FastScan, before it is scaled


def clustered(n: int, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    middles = shipped_quantiser().centroids[-40:]
    return normalised(middles[rng.integers(0, 40, n)] + 0.05 * rng.normal(size=(n, 64)))


def segment_of(vectors: NDArray[np.float32], level: int) -> SegmentCodes:
    columns = sorted_codes(*shipped_quantiser().encode(vectors), level)
    return SegmentCodes(shipped_quantiser(), level, *(whole(columns[name]) for name in LIST_FILES))


def whole(column: Column) -> NDArray[Any]:
    shape, kind, parts = column
    return np.concatenate([np.empty(0, kind), *parts]).astype(kind).reshape(shape)


def lists_of(
    segments: Sequence[SegmentCodes], ranks: NDArray[np.int64] | None = None, rows_each: int = 10
) -> tuple[CodeLists, NDArray[np.int64]]:
    first = np.cumsum([0, *(segment.n_rows for segment in segments)])
    starts = [np.arange(a, b, rows_each) for a, b in pairwise(first.tolist())]
    bounds = np.unique(np.concatenate([*starts, first]))
    ranks = np.arange(bounds.size - 1) if ranks is None else ranks
    level = segments[0].level
    return CodeLists(shipped_quantiser(), level, segments, first[:-1].tolist(), bounds, ranks), bounds


def everything(bounds: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.ones(bounds.size - 1, dtype=np.bool_)


def plain(vectors: NDArray[np.float32], queries: NDArray[np.float32], nprobe: int, level: int) -> NDArray[np.float32]:
    """Product of each query with what the code of each row stands for; -inf for rows of lists not visited."""
    cells, codes = shipped_quantiser().encode(vectors)
    nodes = cells // BRANCHES ** (N_LEVELS - 1 - level)
    visited = shipped_quantiser().nearest(queries, nprobe, level)
    products = queries @ shipped_quantiser().decode(codes).T
    there = (visited[:, :, None] == nodes[None, None]).any(axis=1)
    return np.where(there, products, np.float32(-np.inf))


@pytest.mark.parametrize("level", LEVELS)
def test_search_finds_the_best_of_the_lists_that_it_visits(level: int) -> None:
    vectors, queries = clustered(sum(SIZES), 1), clustered(300, 2)
    cuts = np.cumsum(SIZES)[:-1]
    lists, bounds = lists_of([segment_of(part, level) for part in np.split(vectors, cuts)])
    rows, similarity = lists.search(queries, 5, nprobe=4, usable=everything(bounds))
    products = plain(vectors, queries, 4, level)
    found = rows >= 0
    assert np.array_equal(found.sum(axis=1), np.minimum(np.isfinite(products).sum(axis=1), 5))
    assert np.all(similarity[~found] == -np.inf)
    mine = np.take_along_axis(products, np.where(found, rows, 0), axis=1)
    sure = found & (similarity < 1.0)
    assert np.abs(similarity[sure] - mine[sure] / shipped_quantiser().scale).max() < 2 * ERROR
    best = -np.sort(-products, axis=1)[:, :5]
    assert np.all(mine[found] >= best[found] - 2 * ERROR)
    assert np.all(np.diff(np.where(found, similarity, -1.0), axis=1) <= 0)


def test_blocks_are_those_of_faiss() -> None:
    vectors = clustered(500, 3)
    quantiser = shipped_quantiser()
    theirs = faiss.IndexIVFPQFastScan(faiss.IndexFlatL2(64), 64, 1, 16, 4, faiss.METRIC_INNER_PRODUCT)
    theirs.quantizer.add(np.zeros((1, 64), np.float32))
    theirs.pq, theirs.is_trained = quantiser.product, True
    theirs.add(vectors)
    there = faiss.downcast_InvertedLists(theirs.invlists)
    blocks = faiss.rev_swig_ptr(there.get_codes(0), 16 * there.block_size)
    cells = np.zeros(500, np.int32)
    ours = whole(sorted_codes(cells, quantiser.encode(vectors)[1], 0)["list_codes.npy"])
    assert np.array_equal(blocks, ours)


@pytest.mark.parametrize("level", LEVELS)
def test_lists_give_back_what_they_were_made_of(level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.vectors.ivf._GATHER", 256)
    cells, codes = shipped_quantiser().encode(clustered(1500, 4))
    segment = segment_of(clustered(1500, 4), level)
    assert segment.fault() == ""
    for deeper in LEVELS:
        columns = sorted_codes(*segment.by_row(), deeper)
        other = SegmentCodes(shipped_quantiser(), deeper, *(whole(columns[name]) for name in LIST_FILES))
        assert np.array_equal(other.by_row()[0], cells)
        assert np.array_equal(other.by_row()[1], codes)


def test_answers_depend_neither_on_segments_nor_on_the_order_of_recordings() -> None:
    """Many recordings are copies, so that ties decide: the first by rank is found, wherever it lies."""
    originals = clustered(60, 5).reshape(6, 10, 64)
    kinds = np.repeat(np.arange(6), 15)  # 15 copies of each
    names = np.arange(kinds.size)
    queries = np.concatenate([originals.reshape(-1, 64), clustered(100, 6)])
    answers = []
    for seed, cuts in ((0, ()), (1, (40,)), (2, (3, 4, 50, 88))):
        order = np.random.default_rng(seed).permutation(names)
        parts = [segment_of(originals[kinds[part]].reshape(-1, 64), 1) for part in np.split(order, cuts)]
        lists, bounds = lists_of(parts, ranks=order)
        rows, similarity = lists.search(queries, 4, nprobe=8, usable=everything(bounds))
        named = np.where(rows < 0, -1, order[rows // 10] * 10 + rows % 10)
        answers.append((named, similarity))
    for named, similarity in answers[1:]:
        assert np.array_equal(named, answers[0][0])
        assert np.array_equal(similarity, answers[0][1])
    first = answers[0][0][:60]
    assert np.array_equal(first // 10 % 15, np.tile(np.arange(4), (60, 1)))  # the copies of lowest rank


@pytest.mark.parametrize("share", [0.5, 0.01])
def test_only_usable_recordings_are_found_and_all_of_the_best(share: float) -> None:
    vectors, queries = clustered(4000, 7), clustered(200, 8)
    lists, bounds = lists_of([segment_of(vectors[:2500], 0), segment_of(vectors[2500:], 0)])
    usable = np.random.default_rng(9).random(bounds.size - 1) < share
    rows, _ = lists.search(queries, 2, nprobe=16, usable=usable)
    products = plain(vectors, queries, 16, 0)
    products[:, ~np.repeat(usable, np.diff(bounds))] = -np.inf
    found = rows >= 0
    assert usable[rows[found] // 10].all()
    assert np.array_equal(found.sum(axis=1), np.minimum(np.isfinite(products).sum(axis=1), 2))
    best = -np.sort(-products, axis=1)[:, :2]
    assert np.all(np.take_along_axis(products, np.where(found, rows, 0), axis=1)[found] >= best[found] - 2 * ERROR)
    again, _ = lists.search(queries, 2, nprobe=16, usable=everything(bounds))
    assert not np.array_equal(again, rows)  # the selection of the search before is forgotten


def test_threads_change_nothing() -> None:
    vectors, queries = clustered(3000, 10), clustered(500, 11)
    lists, bounds = lists_of([segment_of(vectors, 1)])
    before = threads()
    try:
        use_threads(1)
        one = lists.search(queries, 3, nprobe=8, usable=everything(bounds))
        use_threads(3)
        three = lists.search(queries, 3, nprobe=8, usable=everything(bounds))
    finally:
        use_threads(before)
    assert np.array_equal(one[0], three[0])
    assert np.array_equal(one[1], three[1])


def test_memory_maps_are_searched_as_they_are(tmp_path: Path) -> None:
    vectors = clustered(800, 12)
    made = segment_of(vectors, 0)
    arrays: dict[str, NDArray[Any]] = {}
    columns: tuple[NDArray[Any], ...] = (made.numbers, made.sizes, made.rows, made.codes)
    for name, array in zip(LIST_FILES, columns, strict=True):
        np.save(tmp_path / name, array)
        arrays[name] = np.load(tmp_path / name, mmap_mode="r")
    mapped = SegmentCodes(shipped_quantiser(), 0, *(arrays[name] for name in LIST_FILES))
    (lists, bounds), (plain_lists, _) = lists_of([mapped]), lists_of([made])
    expected = plain_lists.search(vectors[:50], 3, nprobe=8, usable=everything(bounds))
    found = lists.search(vectors[:50], 3, nprobe=8, usable=everything(bounds))
    assert np.array_equal(found[0], expected[0])


def test_an_empty_layer_has_no_neighbours() -> None:
    lists, bounds = lists_of([segment_of(np.empty((0, 64), np.float32), 0)])
    rows, similarity = lists.search(clustered(3, 13), 2, nprobe=8, usable=everything(bounds))
    assert (rows == -1).all()
    assert (similarity == -np.inf).all()


def test_rows_that_a_damaged_file_names_are_passed_over() -> None:
    vectors = clustered(600, 14)
    made = segment_of(vectors, 0)
    rows = made.rows.copy()
    rows[::3] = np.random.default_rng(15).integers(-(2**62), 2**62, rows[::3].size)
    lists, bounds = lists_of([replace(made, rows=rows)])
    for usable in (everything(bounds), np.arange(bounds.size - 1) % 2 == 0):
        found, similarity = lists.search(vectors, 4, nprobe=8, usable=usable)
        assert np.isin(found[found >= 0], np.delete(rows, np.s_[::3])).all()
        assert (similarity[found < 0] == -np.inf).all()
    cells, codes = replace(made, rows=rows).by_row()
    assert (cells.shape, codes.shape) == ((600,), (600, 8))


def test_codes_of_noise_find_rows_of_the_segment_only() -> None:
    made = segment_of(clustered(600, 16), 1)
    noise = np.random.default_rng(17).integers(0, 256, made.codes.size, dtype=np.uint8)
    lists, bounds = lists_of([replace(made, codes=noise)])
    found, similarity = lists.search(clustered(100, 18), 2, nprobe=8, usable=everything(bounds))
    assert found.max() < 600
    assert not np.isnan(similarity).any()


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    made = segment_of(clustered(600, 19), 0)
    numbers, sizes = made.numbers.copy(), made.sizes.copy()
    numbers[0], numbers[1] = numbers[1], numbers[0]
    sizes[0] += 1
    too_far = made.numbers.copy()
    too_far[-1] = ROOTS * BRANCHES ** (N_LEVELS - 1)
    wrong = {
        "names lists out of order or range": replace(made, numbers=numbers),
        "does not add up to 600 landmarks": replace(made, sizes=sizes),
        "bytes of codes": replace(made, codes=made.codes[:-1]),
        "lists and": replace(made, numbers=made.numbers[1:]),
    }
    for words, one in wrong.items():
        assert words in one.fault()
    assert replace(made, numbers=too_far).fault() == "names lists out of order or range"


@pytest.mark.parametrize("gather", [32, 320, 1 << 19])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 2), (2, 1), (1, 2)])
def test_joined_segments_have_the_lists_of_their_rows_sorted_at_once(
    monkeypatch: pytest.MonkeyPatch, gather: int, before: int, after: int
) -> None:
    """Whatever rows stay, whatever the levels, and however few are in memory at a time."""
    sets = [clustered(n, n) for n in (700, 3, 1300)]
    runs = [[slice(9, 650), slice(9, 9), slice(0, 5)], [], [slice(40, 1300), slice(1, 2)]]
    left = np.concatenate([part[run] for part, some in zip(sets, runs, strict=True) for run in some])
    expected = sorted_codes(*shipped_quantiser().encode(left), after)
    monkeypatch.setattr("index.vectors.ivf._GATHER", gather)
    made = joined_codes([(segment_of(part, before), some) for part, some in zip(sets, runs, strict=True)], after)
    joined = {name: whole((shape, kind, parts)) for name, shape, kind, parts in made}
    assert set(joined) == set(LIST_FILES)
    for name, array in joined.items():
        np.testing.assert_array_equal(array, whole(expected[name]))
        assert array.dtype == expected[name][1]
