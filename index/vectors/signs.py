"""Descriptors as the signs of their numbers: the code that an index keeps, one bit per number, 8 bytes for 64.

Vectors in, codes out, and back to vectors where the index asks itself and no audio is at hand. Bits stand as
`numpy.packbits` puts them.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["signs_of", "vectors_of_signs", "words_of"]


def signs_of(vectors: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Return one bit per number of vectors [shape=(n, d)], set where it is above zero [shape=(n, d / 8)].

    >>> signs_of(np.array([[0.5, -0.5, 0.0, 0.1, -0.3, -0.3, -0.3, 0.2]]))
    array([[145]], dtype=uint8)
    """
    return np.packbits(vectors > 0, axis=-1)


def words_of(codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return codes [shape=(n, d / 8), dtype=uint8] as 64-bit words [shape=(n, d / 64)], without copying."""
    return codes.view("<u8")


def vectors_of_signs(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the unit vectors that point where the signs of stored descriptors do.

    The cosine of such a vector with the descriptor itself is about 0.8, and shrinks by that factor with others.

    Parameters
    ----------
    codes : ndarray [shape=(n, d / 8), dtype=uint8]
        As `signs_of` and `LayerSnapshot.landmarks_of` return them.

    Returns
    -------
    ndarray [shape=(n, d), dtype=float32]
        Every number is +-1 / sqrt(d).
    """
    length = np.float32(1.0 / math.sqrt(8 * codes.shape[1]))
    return np.where(np.unpackbits(codes, axis=1), length, -length)
