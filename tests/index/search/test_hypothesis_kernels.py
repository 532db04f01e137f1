"""The kernels of voting against their plain twins, on random and on odd input."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from index.search import _kernels
from tests import naive

pytestmark = pytest.mark.kernels

WINDOW, SLACK, JITTER, MAX_SHIFT = 6.0, 0.13, 0.05, 1.2


class Votes(NamedTuple):
    """Votes, by recording and query time."""

    recordings: NDArray[np.int32]
    q_times: NDArray[np.float64]
    r_times: NDArray[np.float64]
    shifts: NDArray[np.float64]
    scales: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def bounds(self) -> NDArray[np.int64]:
        """Where each recording begins, and the end."""
        n = self.recordings.size
        new = np.flatnonzero(np.diff(self.recordings)) + 1
        return np.array([0, *new, n] if n else [0], dtype=np.int64)


def random_votes(seed: int, n: int = 60, n_recordings: int = 4) -> Votes:
    """Return votes of which some lie on a line, some at the same query time and some are exact twins."""
    rng = np.random.default_rng(seed)
    q_times = rng.uniform(0, 20, n)
    q_times[: n // 5] = q_times[n // 5 : 2 * (n // 5)]
    scales = rng.choice([0.85, 1.0, 1.18], n)
    on_line = rng.random(n) < 0.6
    r_times = np.where(on_line, 30 + q_times * scales * rng.uniform(0.97, 1.03, n), rng.uniform(0, 60, n))
    shifts = np.where(on_line, rng.normal(3, 0.6, n), rng.uniform(-100, 100, n))
    recordings = np.sort(rng.integers(0, n_recordings, n)).astype(np.int32)
    order = np.lexsort((q_times, recordings))
    return Votes(recordings, q_times[order], r_times[order], shifts[order], scales[order], rng.random(n))


def backing(votes: Votes) -> NDArray[np.float64]:
    """Return the kernel's support, once the twin has counted the same."""
    out = np.zeros(votes.recordings.size)
    _kernels.support(votes.bounds, *votes[1:], WINDOW, SLACK, JITTER, MAX_SHIFT, out)
    twin = naive.support(*votes, window=WINDOW, slack=SLACK, jitter=JITTER, max_shift=MAX_SHIFT)
    np.testing.assert_allclose(out, twin, atol=1e-9)
    return out


def taken(votes: Votes, step_seconds: float, per_step: int) -> list[int]:
    """Return the votes that the kernel keeps apart, best support first, once the twin has kept the same."""
    total = backing(votes)
    step = (votes.q_times / step_seconds).astype(np.int64)
    order = np.lexsort((np.arange(total.size), -total, step)).astype(np.int64)
    out = np.full(order.size, -1, dtype=np.int64)
    count = _kernels.distinct(order, step, *votes[:5], SLACK, JITTER, MAX_SHIFT, per_step, out)
    found: list[int] = out[:count].tolist()
    apart = naive.distinct(order, step, *votes[:5], slack=SLACK, jitter=JITTER, max_shift=MAX_SHIFT, per_step=per_step)
    assert found == apart
    return found


def slope_through(votes: Votes, vote: int, n_votes: int = 53) -> float:
    """Return the kernel's ratio for one hit among all of its recording, once the twin has come to the same."""
    first, last = (int(x) for x in np.searchsorted(votes.recordings, votes.recordings[vote] + np.array([0, 1])))
    scratch = np.full(n_votes, np.nan)
    ratio = _kernels.ratio_of_vote(vote, first, last, *votes[1:], WINDOW, SLACK, JITTER, MAX_SHIFT, scratch)
    own = [column[first:last] for column in votes[1:]]
    twin = naive.ratio_of_vote(
        vote - first, *own, window=WINDOW, slack=SLACK, jitter=JITTER, max_shift=MAX_SHIFT, n_votes=n_votes
    )
    assert ratio == pytest.approx(twin, rel=1e-9)
    return float(ratio)


def on_one_line(ratio: float, n: int = 40, *, scale: float = 1.0, shift: float = 2.0) -> Votes:
    q_times = np.sort(np.random.default_rng(3).uniform(0, 5, n))
    ones = np.ones(n)
    return Votes(np.zeros(n, np.int32), q_times, 7 + ratio * q_times, shift * ones, scale * ones, ones)


@pytest.mark.parametrize("seed", range(5))
def test_support_of_random_votes(seed: int) -> None:
    assert np.count_nonzero(backing(random_votes(seed))) > 10


@pytest.mark.parametrize("n", [0, 1, 2])
def test_voting_with_hardly_any_hits(n: int) -> None:
    votes = random_votes(1, n=n, n_recordings=1)
    backing(votes)
    assert min(n, 1) <= len(taken(votes, 3.0, 5)) <= n
    if n:
        assert slope_through(votes, 0) > 0


def test_support_counts_everyone_on_the_line_once_and_nobody_else() -> None:
    votes = on_one_line(1.02)
    apart = np.abs(np.subtract.outer(votes.q_times, votes.q_times))
    expected = ((apart >= naive.LEAST_APART_SECONDS) & (apart <= WINDOW)).sum(axis=1)
    np.testing.assert_allclose(backing(votes), expected)
    assert not backing(votes._replace(recordings=np.arange(40, dtype=np.int32))).any()
    assert not backing(votes._replace(shifts=np.linspace(0.0, 80.0, 40))).any()
    assert not backing(votes._replace(r_times=votes.r_times[::-1].copy())).any()
    assert not backing(votes._replace(q_times=np.zeros(40))).any()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("per_step", [1, 3, 100])
def test_distinct_votes_of_random_votes(seed: int, per_step: int) -> None:
    votes = random_votes(seed)
    found = taken(votes, 3.0, per_step)
    steps = np.bincount((votes.q_times[found] / 3.0).astype(int))
    assert 0 < steps.max() <= per_step
    assert len(found) == len(set(found))


def test_distinct_votes_of_one_line_are_one_per_step() -> None:
    votes = on_one_line(1.0)
    found = taken(votes, 1.0, 9)
    assert sorted(votes.q_times[found].astype(int)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", range(5))
def test_slopes_of_random_votes(seed: int) -> None:
    votes = random_votes(seed)
    slopes = [slope_through(votes, i) for i in range(votes.recordings.size)]
    assert len({round(slope, 3) for slope in slopes}) > 10


@pytest.mark.parametrize("ratio", [0.9, 1.0, 1.0321, 1.11])
def test_slope_of_a_line_is_its_slope(ratio: float) -> None:
    assert slope_through(on_one_line(ratio), 0) == pytest.approx(ratio, abs=0.006)
    assert slope_through(on_one_line(ratio * 0.85, scale=0.85), 39) == pytest.approx(ratio * 0.85, abs=0.006)


def test_slope_without_agreement_is_that_of_the_descriptor() -> None:
    assert slope_through(on_one_line(3.0), 5) == 1.0
    assert slope_through(on_one_line(1.0, n=1, scale=0.85), 0) == 0.85
    assert slope_through(on_one_line(1.1)._replace(weights=np.zeros(40)), 5) == 1.0
