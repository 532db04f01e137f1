"""From neighbours to hypotheses: votes keep their units and their best scale, and lines stand out of chance."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index.search.hypotheses import (
    RATIO_SLACK,
    STEP_SECONDS,
    Hypothesis,
    Neighbours,
    QueryLandmarks,
    Votes,
    best_hypotheses,
    gather_votes,
)
from index.storage.layer_snapshot import LayerSnapshot
from index.storage.layers import BINS_PER_CELL, TIMES_PER_SECOND
from tests.landmark_sets import fill

SCALES = (0.85, 1.0, 1.18)


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> LayerSnapshot:
    """Return three recordings with 50, 40 and 30 random landmarks."""
    path: Path = tmp_path_factory.mktemp("voting") / "index"
    return fill(path, {"a": 50, "b": 40, "c": 30}).snapshot().layer("recording")


def neighbours(n: int, k: int = 2, *, n_scales: int = 3) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return neighbours of `n` query landmarks: none so far."""
    shape = (n_scales, n, k)
    return np.full(shape, -1, dtype=np.int64), np.full(shape, -np.inf, dtype=np.float32)


def gathered(layer: LayerSnapshot, rows: NDArray[np.int64], similarity: NDArray[np.float32]) -> Votes:
    n = rows.shape[1]
    vectors = np.empty((len(SCALES), n, 64), np.float32)
    query = QueryLandmarks(np.linspace(0.0, 0.5 * (n - 1), n), np.full(n, 100.25, np.float32), vectors, SCALES)
    return gather_votes(Neighbours(query, layer, rows, similarity))


# --- gather_votes -----------------------------------------------------------------------------------------------------


def test_votes_name_query_and_stored_landmark(layer: LayerSnapshot) -> None:
    rows, similarity = neighbours(4)
    rows[1, 0, 0], similarity[1, 0, 0] = 52, 0.9
    rows[0, 3, 1], similarity[0, 3, 1] = 60, 0.7
    rows[2, 1, 0], similarity[2, 1, 0] = 95, 0.8
    rows[2, 2, 0], similarity[2, 2, 0] = 91, 0.6
    votes = gathered(layer, rows, similarity)
    times, bins = layer.take(np.array([52, 60, 95, 91]))
    assert votes.recordings.tolist() == [1, 1, 2, 2]
    assert votes.landmarks.tolist() == [0, 3, 1, 2]
    assert votes.track_seconds.tolist() == [0.0, 1.5, 0.5, 1.0]
    assert votes.scales.tolist() == [1.0, 0.85, 1.18, 1.18]
    np.testing.assert_allclose(votes.recording_seconds, times / TIMES_PER_SECOND)
    np.testing.assert_allclose(votes.shifts, bins / BINS_PER_CELL - 100.25)
    assert (votes.weights > 0).all()
    assert np.argsort(-votes.weights).tolist() == [0, 2, 1, 3]  # by similarity: .9, .8, .7, .6
    assert np.diff(np.sort(votes.weights)) == pytest.approx(0.1, abs=1e-6)


def test_a_pair_votes_once_at_the_scale_where_it_is_most_alike(layer: LayerSnapshot) -> None:
    rows, similarity = neighbours(2)
    rows[:, 0, 0], similarity[:, 0, 0] = 10, (0.5, 0.6, 0.9)
    rows[:, 1, 0], similarity[:, 1, 0] = 11, (0.8, 0.7, 0.7)
    votes = gathered(layer, rows, similarity)
    assert votes.scales.tolist() == [1.18, 0.85]
    assert votes.weights[0] - votes.weights[1] == pytest.approx(0.1, abs=1e-6)


def test_lone_weak_and_missing_neighbours_do_not_vote(layer: LayerSnapshot) -> None:
    rows, similarity = neighbours(4)
    assert gathered(layer, rows, similarity).recordings.size == 0
    rows[1, 0, 0], similarity[1, 0, 0] = 10, 0.9
    assert gathered(layer, rows, similarity).recordings.size == 0  # alone in its recording
    rows[1, 1, 0], similarity[1, 1, 0] = 11, 0.01
    assert gathered(layer, rows, similarity).recordings.size == 0  # two, but one is like anything
    rows[1, 2, 1], similarity[1, 2, 1] = 12, 0.9
    assert gathered(layer, rows, similarity).landmarks.tolist() == [0, 2]
    empty = gathered(layer, *neighbours(0))
    assert all(column.size == 0 for column in empty)


def test_votes_come_by_recording_then_query_time(layer: LayerSnapshot) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(-1, layer.n_rows, (3, 40, 4))
    votes = gathered(layer, rows, np.where(rows >= 0, rng.uniform(0.3, 1, rows.shape), -np.inf).astype(np.float32))
    assert votes.recordings.size > 100
    order = np.lexsort((votes.track_seconds, layer.ranks[votes.recordings]))
    assert (votes.recordings[order] == votes.recordings).all()
    assert (votes.track_seconds[order] == votes.track_seconds).all()
    pairs = np.column_stack([votes.landmarks, votes.recordings, votes.recording_seconds, votes.shifts])
    assert len(np.unique(pairs, axis=0)) == len(pairs)


# --- best_hypotheses --------------------------------------------------------------------------------------------------


def line_votes(
    recording: int, ratio: float, offset: float, shift: float, times: NDArray[np.float64], *, seed: int = 0
) -> Votes:
    """Return votes along a line, a few milliseconds and a fifth of a cell off."""
    n = times.size
    rng = np.random.default_rng(seed)
    scale = min(SCALES, key=lambda s: abs(np.log(s / ratio)))
    return Votes(
        np.full(n, recording, np.int32),
        np.arange(n),
        times,
        ratio * times + offset + rng.normal(0, 0.005, n),
        shift + rng.normal(0, 0.2, n),
        np.full(n, scale),
        rng.uniform(0.3, 0.6, n),
    )


def noise_votes(n: int, *, seconds: float = 30.0, seed: int = 1, recordings: int = 5) -> Votes:
    rng = np.random.default_rng(seed)
    return Votes(
        rng.integers(0, recordings, n).astype(np.int32),
        rng.integers(0, n, n),
        rng.uniform(0, seconds, n),
        rng.uniform(0, 200, n),
        rng.uniform(-60, 60, n),
        rng.choice(SCALES, n),
        rng.uniform(0.05, 0.4, n),
    )


def together(*parts: Votes) -> Votes:
    whole = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    order = np.lexsort((whole[2], whole[0]))
    return Votes(*(column[order] for column in whole))


def fits(one: Hypothesis, recording: int, ratio: float, offset: float, shift: float) -> bool:
    at = one.track_seconds
    return (
        one.recording == recording
        and abs(one.ratio / ratio - 1) < 0.01
        and abs(one.ratio * at + one.offset_seconds - ratio * at - offset) < 0.03
        and abs(one.shift_cells - shift) < 1.0
    )


@pytest.mark.parametrize("ratio", [0.8, 0.93, 1.0, 1.07, 1.25])
def test_a_line_among_chance_votes_is_the_first_hypothesis_of_its_stretches(ratio: float) -> None:
    line = (3, ratio, 40.0, -6.0)
    times = np.sort(np.random.default_rng(2).uniform(9, 21, 40))
    hypotheses = best_hypotheses(together(line_votes(*line, times), noise_votes(400)), per_step=8)
    best = {int(s.track_seconds / STEP_SECONDS): s for s in reversed(hypotheses)}
    for step in range(3, 7):
        assert fits(best[step], *line), best[step]


def test_hypotheses_are_rationed_by_stretch_and_come_by_support() -> None:
    votes = together(line_votes(0, 1.0, 5.0, 0.0, np.arange(0, 30, 0.1)), noise_votes(3000, seed=3))
    for per_step in (1, 4):
        hypotheses = best_hypotheses(votes, per_step=per_step)
        steps = [int(one.track_seconds / STEP_SECONDS) for one in hypotheses]
        assert steps == sorted(steps)
        assert np.bincount(steps).tolist() == 10 * [per_step]
        for step in set(steps):
            support = [one.support for one, s in zip(hypotheses, steps, strict=True) if s == step]
            assert support == sorted(support, reverse=True)
            assert min(support) > 0


def test_a_strong_passage_does_not_crowd_out_a_weak_one_elsewhere_nor_a_second_line() -> None:
    strong = (0, 1.0, 5.0, 0.0)
    votes = together(
        line_votes(*strong, np.arange(0, 15, 0.05)),
        line_votes(1, 1.0, 60.0, 12.0, np.array([20.0, 20.6, 21.5])),
        line_votes(2, 0.9, 33.0, -4.0, np.arange(3, 6, 0.3)),
        line_votes(0, 1.0, 77.0, 0.0, np.arange(3, 6, 0.2)),
    )
    hypotheses = best_hypotheses(votes, per_step=4)
    assert any(fits(one, 1, 1.0, 60.0, 12.0) for one in hypotheses)
    assert any(fits(one, 2, 0.9, 33.0, -4.0) for one in hypotheses)
    assert any(fits(one, 0, 1.0, 77.0, 0.0) for one in hypotheses)
    assert sum(fits(one, *strong) and 3 <= one.track_seconds < 6 for one in hypotheses) == 1


def test_votes_that_nobody_supports_plant_nothing() -> None:
    assert best_hypotheses(noise_votes(0), per_step=5) == []
    alone = line_votes(0, 1.0, 5.0, 0.0, np.array([1.0]))
    assert best_hypotheses(alone, per_step=5) == []
    scattered = together(alone, line_votes(1, 1.0, 5.0, 0.0, np.array([1.5])))
    assert best_hypotheses(scattered, per_step=5) == []
    pair = line_votes(0, 1.0, 5.0, 0.0, np.array([1.0, 1.5]))
    assert len(best_hypotheses(pair, per_step=5)) == 1
    assert best_hypotheses(pair._replace(recording_seconds=np.array([6.0, 8.0])), per_step=5) == []
    assert best_hypotheses(pair._replace(shifts=np.array([0.0, 9.0])), per_step=5) == []


def test_slack_covers_ratios_between_two_time_scales() -> None:
    for low, high in pairwise(SCALES):
        assert low * (1 + RATIO_SLACK) > high * (1 - RATIO_SLACK)
    for ratio in np.linspace(SCALES[0] * (1 - 0.8 * RATIO_SLACK), SCALES[-1] * (1 + 0.8 * RATIO_SLACK), 15):
        hypotheses = best_hypotheses(line_votes(0, float(ratio), 5.0, 0.0, np.arange(0, 3, 0.2)), per_step=1)
        assert fits(hypotheses[0], 0, float(ratio), 5.0, 0.0)


def test_same_votes_same_hypotheses() -> None:
    votes = together(line_votes(3, 1.0, 5.0, 2.0, np.arange(0, 9, 0.2)), noise_votes(300))
    assert best_hypotheses(votes, per_step=6) == best_hypotheses(votes, per_step=6)
