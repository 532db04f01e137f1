"""The obvious, slow twin of every kernel of the search for works, in plain Python and numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_alignment", "evidence", "likeness_of_keys", "redundancy"]

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]


def likeness_of_keys(query: Integers, recording: Integers, frequencies: Integers) -> Floats:
    """Inner products of all pairs [shape=(12, n_query, n)], the query some semitones higher."""
    one = query[:, ::2].astype(np.float64) + 1j * query[:, 1::2]
    other = recording[:, ::2].astype(np.float64) + 1j * recording[:, 1::2]
    turns = [np.exp(-2j * np.pi * (frequencies + 1) * k / 12) for k in range(12)]
    return np.array([((one * turn) @ other.conj().T).real for turn in turns])


def evidence(
    likeness: Floats, left: tuple[Floats, Floats, Floats], right: tuple[Floats, Floats], limits: tuple[float, ...]
) -> Floats:
    """Standardised likeness within bounds, less the threshold, by the weight of the query's window."""
    (offset, gain, weight), (r_offset, r_gain), (most, threshold, least) = left, right, limits
    standardised = (likeness - offset[:, None] - r_offset) * gain[:, None] * r_gain
    bounded: Floats = np.maximum(np.minimum(standardised, most) - threshold, least) * weight[:, None]
    return bounded


def best_alignment(evidence: Floats, open_rows: NDArray[np.bool_], cost: float) -> Floats:
    """The score of the best alignment that ends at each pair, by trying all ways there."""
    n_query, n = evidence.shape
    scores = np.zeros((n_query + 2, n + 2))
    for i in range(n_query):
        for j in range(n):
            before = max(scores[i + 1, j + 1], scores[i + 1, j] - cost, scores[i, j + 1] - cost)
            scores[i + 2, j + 2] = max(0.0, evidence[i, j] + before) if open_rows[i] else 0.0
    return scores[2:, 2:]


def redundancy(vectors: Integers, reach: int, floor: float, scale: float) -> Floats:
    """How many windows near each are like it."""
    products = vectors.astype(np.float64) @ vectors.T * scale
    at = np.arange(len(vectors))
    near = np.abs(at[:, None] - at) <= reach
    counted: Floats = np.maximum(products - floor, 0.0) / (1.0 - floor) * near
    return np.asarray(counted.sum(axis=1))
