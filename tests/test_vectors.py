"""The two ways of holding vectors against plain search, and the block layout against FAISS itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss as _faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fingerprint.errors import ParameterError
from index.lists import BLOCK, Lists, codes_by_row, list_offsets, merge_lists, pack_codes, pack_lists, unpack_codes
from index.vectors import (
    Codec,
    CompressedVectors,
    ExactVectors,
    MountedLists,
    best_first,
    check_vectors,
    lists_for,
    use_threads,
)
from tests.landmark_sets import naive_search, normalised, unit_vectors

faiss: Any = _faiss


def clustered(n: int, seed: int, *, n_clusters: int = 50) -> NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    centres = unit_vectors(n_clusters, 1)
    return normalised(centres[generator.integers(0, n_clusters, n)] + 0.08 * generator.normal(size=(n, 64)))


def write_lists(path: Path, codec: Codec, vectors: NDArray[np.float32]) -> Lists:
    sizes, chunks = pack_lists(codec.assign(vectors), codec.encode(vectors), codec.n_lists)
    path.write_bytes(b"".join(chunks))
    return Lists(sizes, np.fromfile(path, dtype=np.uint8))


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec.train(clustered(4000, 2), n_lists=32)


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


def test_equal_vectors_come_in_the_order_of_their_rows() -> None:
    vectors = np.repeat(unit_vectors(2, 5), 3, axis=0)
    found, _ = ExactVectors(vectors, np.arange(6)).search(vectors[3:4], 3)
    assert found.tolist() == [[3, 4, 5]]


def test_best_first_puts_what_is_missing_last() -> None:
    similarity = np.array([[-np.inf, 0.2, 0.2, 0.9]], dtype=np.float32)
    rows, ordered = best_first(np.array([[-1, 9, 4, 6]]), similarity, 4)
    assert rows.tolist() == [[6, 4, 9, -1]]
    assert ordered[0, 3] == -np.inf


@given(n=st.integers(0, 100), seed=st.integers(0, 5))
def test_packing_codes_can_be_undone(n: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 256, (n, 16), dtype=np.uint8)
    packed = pack_codes(codes)
    assert packed.size == -(-n // BLOCK) * 512
    unpacked = unpack_codes(packed)
    np.testing.assert_array_equal(unpacked[:n], codes)
    assert not unpacked[n:].any()


def test_our_lists_are_those_of_faiss(codec: Codec, tmp_path: Path) -> None:
    vectors = clustered(1500, 6)
    ours = write_lists(tmp_path / "lists.bin", codec, vectors)
    coarse = faiss.IndexFlatL2(64)
    coarse.add(codec.coarse)
    index = faiss.IndexIVFPQFastScan(coarse, 64, codec.n_lists, 32, 4, faiss.METRIC_L2)
    index.by_residual = False
    words = codec.codebook.ravel()
    faiss.copy_array_to_vector(words, index.pq.centroids)
    index.is_trained = True
    index.add(vectors)
    theirs = faiss.downcast_InvertedLists(index.invlists)
    offsets = ours.offsets()
    for number in range(codec.n_lists):
        size = theirs.list_size(number)
        assert size == ours.sizes[number]
        if size:
            n_bytes = -(-size // BLOCK) * 512
            start = int(offsets[number])
            expected = faiss.rev_swig_ptr(theirs.get_codes(number), n_bytes)
            np.testing.assert_array_equal(ours.data[start : start + n_bytes], expected)
            np.testing.assert_array_equal(ours.rows(number, start), faiss.rev_swig_ptr(theirs.get_ids(number), size))
    mounted = MountedLists.mount(tmp_path / "lists.bin", ours.sizes, len(vectors))
    queries = clustered(200, 7)
    rows, similarity = CompressedVectors(codec, [mounted], [0]).search(queries, 4, nprobe=8)
    index.nprobe = 8
    distance, expected_rows = index.search(queries, 4)
    expected_rows, expected_similarity = best_first(expected_rows, (1 - 0.5 * distance).astype(np.float32), 4)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(similarity, np.minimum(expected_similarity, 1))


def test_compressed_search_finds_what_plain_search_finds(codec: Codec, tmp_path: Path) -> None:
    vectors = clustered(3000, 8)
    generator = np.random.default_rng(9)
    source = generator.integers(0, len(vectors), 300)
    queries = normalised(vectors[source] + 0.02 * generator.normal(size=(300, 64)))
    parts = [vectors[:1000], vectors[1000:1001], vectors[1001:]]
    mounted = []
    for number, part in enumerate(parts):
        lists = write_lists(tmp_path / str(number), codec, part)
        mounted.append(MountedLists.mount(tmp_path / str(number), lists.sizes, len(part)))
    search = CompressedVectors(codec, mounted, [0, 1000, 1001])
    rows, similarity = search.search(queries, 4, nprobe=32)
    expected, _ = naive_search(vectors, np.arange(3000), queries, 4)
    assert np.mean(expected[:, 0] == source) > 0.99
    assert np.mean((rows == source[:, None]).any(axis=1)) >= 0.95
    true = np.einsum("ij,ij->i", queries, vectors[rows[:, 0]])
    assert np.abs(similarity[:, 0] - true).mean() < 0.05
    fewer, _ = search.search(queries, 4, nprobe=1)
    assert 0.5 < np.mean((fewer == source[:, None]).any(axis=1)) <= np.mean((rows == source[:, None]).any(axis=1))


def test_a_mounted_file_stays_readable_when_it_is_deleted(codec: Codec, tmp_path: Path) -> None:
    vectors = clustered(500, 10)
    lists = write_lists(tmp_path / "lists.bin", codec, vectors)
    mounted = MountedLists.mount(tmp_path / "lists.bin", lists.sizes, 500)
    search = CompressedVectors(codec, [mounted], [0])
    before = search.search(vectors, 2)
    (tmp_path / "lists.bin").unlink()
    after = search.search(vectors, 2)
    np.testing.assert_array_equal(before[0], after[0])
    with pytest.raises(FileNotFoundError):
        MountedLists.mount(tmp_path / "lists.bin", lists.sizes, 500)


def test_more_neighbours_than_vectors_are_given_as_missing(codec: Codec, tmp_path: Path) -> None:
    vectors = clustered(3, 11)
    lists = write_lists(tmp_path / "lists.bin", codec, vectors)
    mounted = MountedLists.mount(tmp_path / "lists.bin", lists.sizes, 3)
    rows, similarity = CompressedVectors(codec, [mounted], [100]).search(vectors, 5, nprobe=99)
    assert sorted(rows[0, :3]) == [100, 101, 102]
    assert rows[0, 3:].tolist() == [-1, -1]
    assert np.isneginf(similarity[0, 3:]).all()


def test_a_row_number_outside_its_segment_is_reported(codec: Codec, tmp_path: Path) -> None:
    vectors = clustered(64, 12)
    lists = write_lists(tmp_path / "lists.bin", codec, vectors)
    mounted = MountedLists.mount(tmp_path / "lists.bin", lists.sizes, 10)
    rows, _ = CompressedVectors(codec, [mounted], [0]).search(vectors, 1, nprobe=32)
    assert set(rows[:, 0].tolist()) - set(range(10)) == {-2}


def test_merged_lists_are_those_of_the_survivors(codec: Codec, tmp_path: Path) -> None:
    vectors = clustered(700, 13)
    alive = np.random.default_rng(14).random(700) < 0.6
    new_rows = np.where(alive, np.cumsum(alive) - 1, -1)
    sources = [write_lists(tmp_path / "a", codec, vectors[:300]), write_lists(tmp_path / "b", codec, vectors[300:])]
    sizes, chunks = merge_lists(sources, [new_rows[:300], new_rows[300:]])
    expected = write_lists(tmp_path / "c", codec, vectors[alive])
    np.testing.assert_array_equal(sizes, expected.sizes)
    assert b"".join(chunks) == expected.data.tobytes()
    assert expected.data.size == list_offsets(expected.sizes)[-1]
    codes = np.zeros((int(alive.sum()), 16), dtype=np.uint8)
    codes_by_row(sources[0], new_rows[:300], codes)
    codes_by_row(sources[1], new_rows[300:], codes)
    np.testing.assert_array_equal(codes, codec.encode(vectors[alive]))


def test_decoding_gives_the_words_of_the_codebook(codec: Codec) -> None:
    vectors = clustered(200, 15)
    decoded = codec.decode(codec.encode(vectors))
    parts, words = vectors.reshape(200, 32, 2), decoded.reshape(200, 32, 2)
    for sub in range(32):
        distance = ((parts[:, sub, None] - codec.codebook[sub][None]) ** 2).sum(axis=2)
        nearest = codec.codebook[sub][distance.argmin(axis=1)]
        np.testing.assert_allclose(words[:, sub], nearest, atol=1e-6)
    np.testing.assert_array_equal(codec.encode(decoded), codec.encode(vectors))


def test_training_is_repeatable_and_new_lists_keep_the_codes(codec: Codec) -> None:
    again = Codec.train(clustered(4000, 2), n_lists=32)
    np.testing.assert_array_equal(again.coarse, codec.coarse)
    np.testing.assert_array_equal(again.codebook, codec.codebook)
    more = codec.relisted(clustered(4000, 2), n_lists=64)
    assert more.n_lists == 64
    vectors = clustered(100, 16)
    np.testing.assert_array_equal(more.encode(vectors), codec.encode(vectors))


def test_assignment_is_to_the_nearest_centroid(codec: Codec) -> None:
    vectors = clustered(300, 17)
    distance = ((vectors[:, None] - codec.coarse[None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(codec.assign(vectors), distance.argmin(axis=1))


def test_training_survives_a_catalogue_of_one_sound() -> None:
    same = np.repeat(unit_vectors(1, 18), 500, axis=0)
    codec = Codec.train(same, n_lists=16)
    assert np.isfinite(codec.coarse).all()
    assert np.isfinite(codec.codebook).all()


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


def test_impossible_training_is_refused() -> None:
    with pytest.raises(ParameterError, match="sample of 20 vectors: too few to train 32 lists"):
        Codec.train(unit_vectors(20, 1), n_lists=32)
    with pytest.raises(ParameterError, match="dimension=48: must be a multiple of 32"):
        Codec.train(unit_vectors(100, 1, dimension=48), n_lists=4)
    with pytest.raises(ParameterError, match="threads=0"):
        use_threads(0)


@given(st.integers(0, 10**10))
def test_the_number_of_lists_is_a_power_of_two_within_bounds(n: int) -> None:
    lists = lists_for(n)
    assert 1 <= lists <= 65_536
    assert lists & (lists - 1) == 0
    assert lists <= lists_for(n * 4)
