"""Stored signs in, query vectors out: what the index asks itself where no audio is at hand."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["vectors_of_signs"]


def vectors_of_signs(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the unit vectors that point where the signs of stored descriptors do.

    The cosine of such a vector with the descriptor itself is about 0.8, and shrinks by that factor with others.

    Parameters
    ----------
    codes : ndarray [shape=(n, d // 8), dtype=uint8]
        As `LayerView.landmarks_of` returns them.

    Returns
    -------
    ndarray [shape=(n, d), dtype=float32]
        Every number is +-1 / sqrt(d).
    """
    dimension = codes.shape[1] * 8
    signs = np.unpackbits(codes, axis=1).astype(np.float32)
    return np.ascontiguousarray((2.0 * signs - 1.0) / np.float32(np.sqrt(dimension)), dtype=np.float32)
