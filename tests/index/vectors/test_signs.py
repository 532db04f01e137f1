"""Signs of descriptors: the code that an index keeps, and its similarity to the descriptors."""

from __future__ import annotations

import numpy as np
import pytest

from index.vectors.signs import signs_of, vectors_of_signs, words_of
from tests.landmark_sets import unit_vectors


def test_a_bit_is_set_where_a_number_is_above_zero() -> None:
    vectors = unit_vectors(7, 0, dimension=128)
    vectors[0, :3] = [0.0, -0.0, 1e-9]
    expected = [
        [sum(128 >> bit for bit in range(8) if row[8 * byte + bit] > 0) for byte in range(16)] for row in vectors
    ]
    assert signs_of(vectors).tolist() == expected


def test_words_are_the_same_bytes() -> None:
    codes = signs_of(unit_vectors(5, 1, dimension=128))
    words = words_of(codes)
    assert words.shape == (5, 2)
    assert words.tobytes() == codes.tobytes()
    assert np.shares_memory(words, codes)
    assert int(words[3, 1]) == int.from_bytes(codes[3, 8:].tobytes(), "little")


@pytest.mark.parametrize("dimension", [64, 128])
def test_vectors_of_signs_have_these_signs_and_length_one(dimension: int) -> None:
    vectors = unit_vectors(300, 2, dimension=dimension)
    back = vectors_of_signs(signs_of(vectors))
    assert back.dtype == np.float32
    assert back.shape == vectors.shape
    np.testing.assert_array_equal(back > 0, vectors > 0)
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), 1.0, atol=1e-6)
    assert float((back * vectors).sum(axis=1).mean()) == pytest.approx(0.8, abs=0.02)


def test_of_nothing_there_are_no_signs() -> None:
    assert vectors_of_signs(signs_of(np.empty((0, 64)))).shape == (0, 64)
