"""Random landmarks for the tests of the index, and the plain search that every index is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.folder.index import Index, LayerLandmarks, LayerSpec, Recording

SPEC = LayerSpec({"algorithm": "random/1"}, 64)
LAYERS = {"recording": SPEC}
NEVER, ALWAYS = 10**9, 16  # exact limits: never compressed, compressed as soon as it can be


def normalised(vectors: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return vectors scaled to length one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / lengths).astype(np.float32)
    return unit


def unit_vectors(n: int, seed: int, *, dimension: int = 64) -> NDArray[np.float32]:
    """Return `n` random unit vectors."""
    return normalised(np.random.default_rng(seed).normal(size=(n, dimension)))


def landmarks(n: int, seed: int, *, dimension: int = 64) -> LayerLandmarks:
    """Return `n` random landmarks of a recording of 100 s."""
    generator = np.random.default_rng(seed)
    times = np.sort(generator.uniform(0, 100, n))
    return LayerLandmarks(
        times, generator.uniform(0, 230, n).astype(np.float32), unit_vectors(n, seed, dimension=dimension)
    )


def fill(path: Path, counts: Mapping[str, int], *, exact_limit: int = NEVER, commit_landmarks: int = 10**9) -> Index:
    """Make an index of recordings with these ids and numbers of landmarks; the position is the seed."""
    index = Index.create(path, LAYERS)
    with index.writer(exact_limit=exact_limit, commit_landmarks=commit_landmarks) as writer:
        for seed, (name, n) in enumerate(counts.items()):
            writer.add(Recording(name, duration_ms=100_000), {"recording": landmarks(n, seed)})
    return index


def naive_search(
    vectors: NDArray[np.float32], rows: NDArray[np.int64], queries: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the `k` most similar rows per query by computing every cosine; -1 and -inf where there are fewer."""
    found = np.full((len(queries), k), -1, dtype=np.int64)
    similarity = np.full((len(queries), k), -np.inf, dtype=np.float32)
    for position, query in enumerate(queries):
        cosines = vectors @ query
        best = sorted(range(len(rows)), key=lambda i: (-cosines[i], rows[i]))[:k]
        found[position, : len(best)] = rows[best]
        similarity[position, : len(best)] = cosines[best]
    return found, similarity
