"""The kernels of the search for works against their plain twins, on random and on odd input."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.composition import shipped_model
from fingerprint.composition.windows import key_turns
from index.composition import _kernels
from tests import naive_works as naive

pytestmark = pytest.mark.kernels

Floats = NDArray[np.float32]
FREQUENCIES = shipped_model().frequencies
LIMITS = (np.float32(6.0), np.float32(2.5), np.float32(-1.5))


class Sides(NamedTuple):
    """Vectors of a query and of a recording, with all that their evidence needs."""

    query: NDArray[np.int8]
    left: tuple[Floats, Floats, Floats]
    recording: NDArray[np.int8]
    right: tuple[Floats, Floats]

    @property
    def columns(self) -> Floats:
        return np.ascontiguousarray(self.recording.T, dtype=np.float32)

    def evidence(self) -> NDArray[np.floating]:
        """Return the evidence of the twin [shape=(12, n_query, n)]."""
        likeness = naive.likeness_of_keys(self.query, self.recording, FREQUENCIES)
        limits = tuple(map(float, LIMITS))
        return np.array([naive.evidence(one, self.left, self.right, limits) for one in likeness])

    def scratch(self) -> tuple[Floats, Floats]:
        products, likeness = np.full((2, 12, len(self.recording)), np.nan, dtype=np.float32)
        return products, likeness


def sides(n_query: int, n: int, *, seed: int = 0, alike: bool = True) -> Sides:
    """Return random sides; the query plays some of the recording, a fifth higher."""
    rng = np.random.default_rng(seed)
    recording = np.clip(rng.normal(0, 32, (n, 64)), -127, 127).astype(np.int8)
    query = np.clip(rng.normal(0, 32, (n_query, 64)), -127, 127).astype(np.int8)
    if alike:
        m = min(n_query, n)
        query[:m] = recording[:m]
    gain = rng.uniform(1.5e-4, 2.5e-4, n_query).astype(np.float32)
    weight = rng.uniform(0.2, 1.0, n_query).astype(np.float32)
    left = rng.uniform(0, 900, n_query).astype(np.float32), gain, weight
    right = rng.uniform(0, 900, n).astype(np.float32), rng.uniform(0.5, 1.5, n).astype(np.float32)
    return Sides(query, left, recording, right)


@pytest.mark.parametrize(("n_query", "n"), [(1, 0), (1, 1), (3, 17)])
def test_likeness_is_that_of_the_twin(n_query: int, n: int) -> None:
    s = sides(n_query, n)
    expected = naive.likeness_of_keys(s.query, s.recording, FREQUENCIES)
    for i in range(n_query):
        products, out = s.scratch()
        _kernels.likeness_of_keys(s.query[i], s.columns, FREQUENCIES, *key_turns(), products, out)
        np.testing.assert_allclose(out, expected[:, i], atol=0.5)


@pytest.mark.parametrize(("n_query", "n"), [(0, 5), (1, 1), (4, 30), (25, 20)])
@pytest.mark.parametrize("alike", [False, True])
def test_scores_are_those_of_the_twin(n_query: int, n: int, alike: bool) -> None:
    s = sides(n_query, n, seed=n, alike=alike)
    best = np.full(12, np.nan, dtype=np.float32)
    rows = np.full((3, 12, n + 2), np.nan, dtype=np.float32)
    known = (s.columns, *s.right, FREQUENCIES, *key_turns(), *LIMITS)
    _kernels.best_scores(s.query, *s.left, *known, *s.scratch(), rows, best)
    cost, everything = float(_kernels.STEP_COST), np.ones(n_query, dtype=np.bool_)
    expected = [naive.best_alignment(one, everything, cost).max(initial=0.0) for one in s.evidence()]
    np.testing.assert_allclose(best, expected, atol=1e-3)
    if alike and n_query > 3:
        assert best.argmax() == 0
        assert best[0] > 1.0


@pytest.mark.parametrize("key", [0, 7])
def test_evidence_is_that_of_the_twin(key: int) -> None:
    s = sides(6, 11)
    out = np.full((6, 11), np.nan, dtype=np.float32)
    known = (s.columns, *s.right, FREQUENCIES, *key_turns(), *LIMITS)
    _kernels.evidence_of_key(s.query, *s.left, *known, *s.scratch(), key, out)
    np.testing.assert_allclose(out, s.evidence()[key], atol=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_an_alignment_adds_up_to_the_best_score_of_the_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    evidence = rng.normal(-0.3, 1.0, (14, 19)).astype(np.float32)
    open_rows = rng.random(14) < (1.0 if seed < 4 else 0.7)
    rows = np.full((3, 21), np.nan, dtype=np.float32)
    steps = np.full((14, 19), 99, dtype=np.int8)
    path = np.full((14, 2), -1, dtype=np.int64)
    length, score = _kernels.align(evidence, open_rows, rows, steps, path)
    cost = float(_kernels.STEP_COST)
    assert score == pytest.approx(naive.best_alignment(evidence, open_rows, cost).max(), abs=1e-4)
    pairs = path[:length][::-1]
    assert open_rows[pairs[:, 0]].all()
    moves = set(map(tuple, np.diff(pairs, axis=0).tolist()))
    assert moves <= {(1, 1), (1, 2), (2, 1)}
    skipped = sum(move != (1, 1) for move in map(tuple, np.diff(pairs, axis=0).tolist()))
    assert float(evidence[pairs[:, 0], pairs[:, 1]].sum()) - cost * skipped == pytest.approx(float(score), abs=1e-4)


def test_nothing_in_favour_is_no_alignment() -> None:
    evidence = np.full((4, 5), -1.0, dtype=np.float32)
    rows, steps = np.empty((3, 7), dtype=np.float32), np.empty((4, 5), dtype=np.int8)
    path = np.empty((4, 2), dtype=np.int64)
    assert _kernels.align(evidence, np.ones(4, dtype=np.bool_), rows, steps, path) == (0, 0.0)
    ones = np.ones((4, 5), dtype=np.float32)
    assert _kernels.align(ones, np.zeros(4, dtype=np.bool_), rows, steps, path) == (0, 0.0)


@pytest.mark.parametrize("n", [0, 1, 12])
def test_repeats_are_those_of_the_twin(n: int) -> None:
    vectors = sides(n, n).query
    vectors[n // 2 :] = vectors[: n - n // 2]
    out = np.full(n, np.nan, dtype=np.float32)
    _kernels.redundancy(vectors, 4, np.float32(0.2), np.float32(1e-5), out)
    np.testing.assert_allclose(out, naive.redundancy(vectors, 4, 0.2, 1e-5), rtol=1e-4)
