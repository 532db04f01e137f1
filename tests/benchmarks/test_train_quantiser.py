"""Training a quantiser: the same bytes whatever the threads, and one that serves descriptors it has not seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks import train_quantiser
from benchmarks.scale_catalogue import Landscape
from index.vectors.exact import threads, use_threads
from index.vectors.quantiser import Quantiser
from tests.landmark_sets import normalised


def clustered(n: int, seed: int) -> NDArray[np.float32]:
    middles = np.random.default_rng(1).normal(size=(300, 64))
    rng = np.random.default_rng(seed)
    return normalised(middles[rng.integers(0, 300, n)] + 0.3 * rng.normal(size=(n, 64)))


def test_the_same_descriptors_give_the_same_file_for_any_number_of_threads() -> None:
    before, files = threads(), []
    try:
        for n in (1, 2):
            use_threads(n)
            files.append(train_quantiser.train(clustered(6_000, 2), ["b", "a"]))
    finally:
        use_threads(before)
    assert files[0] == files[1]
    made = Quantiser.read(files[0])
    unseen = clustered(500, 3)
    cells, codes = made.encode(unseen)
    of_code = np.einsum("ij,ij->i", made.decode(codes), unseen).mean()
    assert 0.4 < made.scale < 0.9
    assert abs(of_code - made.scale) < 0.1
    assert np.unique(cells).size > 200  # 300 clusters


def test_a_sample_goes_on_with_drawn_recordings_where_the_music_ends() -> None:
    rng = np.random.default_rng(4)
    vectors = clustered(900, 4)
    music = Landscape(
        ["a"],
        ["a"],
        np.array([0, 900]),
        np.sort(rng.uniform(0.0, 60.0, 900)),
        rng.uniform(0.0, 200.0, 900).astype(np.float32),
        vectors,
        rng.random(900).astype(np.float32),
        np.array([60.0]),
    )
    few = train_quantiser.sample(music, 500)
    assert np.array_equal(few, vectors[:500].astype(np.float16).astype(np.float32))
    many = train_quantiser.sample(music, 6_000)
    assert many.shape == (6_000, 64)
    assert np.array_equal(many[:500], few)
    assert np.linalg.norm(many, axis=1).max() < 1.001
    assert len(np.unique(many[900:], axis=0)) > 5_000
