"""The kernels of alignment against their plain twins, on random and on odd input."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from index.search import _kernels
from index.storage.layers import BINS_PER_CELL, TIMES_PER_SECOND
from tests import naive
from tests.landmark_sets import normalised, unit_vectors

pytestmark = pytest.mark.kernels

REACH, SPREAD = _kernels.REACH_SECONDS, _kernels.SPREAD_CELLS
Line = tuple[float, float, float]


# --- evidence ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0.0, 0.003, -0.003, 0.02, 1.0])
def test_evidence_is_the_table_and_the_lag(lag: float) -> None:
    alike = np.linspace(-1.0, 1.0, 121)
    values = [float(_kernels.evidence_of(s, lag)) for s in alike]
    np.testing.assert_allclose(values, [naive.evidence_of(s, lag, _kernels) for s in alike], atol=1e-9)
    assert (np.diff(values) >= 0).all()  # more alike never speaks against


def test_evidence_falls_with_lag_and_keeps_its_limits() -> None:
    values = [float(_kernels.evidence_of(0.6, lag)) for lag in np.linspace(0, 0.1, 30)]
    assert (np.diff(values) <= 0).all()
    assert values[0] > values[-1]
    assert values[0] == float(_kernels.evidence_of(0.6, -0.0))
    for alike in (-1.0000001, -1.0, 1.0, 1.0000001):
        assert _kernels.EVIDENCE_LEAST <= _kernels.evidence_of(alike, 0.0) <= _kernels.EVIDENCE_MOST


# --- alignment --------------------------------------------------------------------------------------------------------


class Scene(NamedTuple):
    """A query, a reference, and the line on which part of the one lies on the other."""

    q_times: NDArray[np.float64]
    q_bins: NDArray[np.float32]
    q_vectors: NDArray[np.float32]
    r_ticks: NDArray[np.uint32]
    r_bins: NDArray[np.uint16]
    r_codes: NDArray[np.uint8]
    line: Line
    passage: tuple[float, float]

    @property
    def query(self) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        return self.q_times, self.q_bins, self.q_vectors

    @property
    def reference(self) -> tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.uint8]]:
        return self.r_ticks, self.r_bins, self.r_codes


def scene(
    seed: int, *, seconds: float = 12.0, density: float = 10.0, line: Line = (1.04, 5.0, -3.0), noise: float = 0.6
) -> Scene:
    """Return a query of which the middle half lies on the reference by `line`; all else is random."""
    rng = np.random.default_rng(seed)
    n = round(seconds * density)
    q_times = np.sort(rng.uniform(0, seconds, n))
    q_bins = rng.uniform(20, 200, n).astype(np.float32)
    q_vectors = unit_vectors(n, seed)
    passage = (seconds / 4, 3 * seconds / 4)
    same = (q_times >= passage[0]) & (q_times < passage[1]) & (rng.random(n) < 0.8)
    met = same.sum()
    r_times = np.r_[line[0] * q_times[same] + line[1] + rng.normal(0, 0.004, met), rng.uniform(0, 30, 2 * n)]
    r_cells = np.r_[q_bins[same] + line[2] + rng.normal(0, 0.2, met), rng.uniform(20, 200, 2 * n)]
    alike = normalised(q_vectors[same] + noise * unit_vectors(met, seed + 1000))
    codes = np.packbits(np.r_[alike, unit_vectors(2 * n, seed + 2000)] > 0, axis=1)
    order = np.argsort(r_times, kind="stable")
    ticks = np.rint(np.maximum(r_times, 0)[order] * TIMES_PER_SECOND).astype(np.uint32)
    return Scene(
        q_times, q_bins, q_vectors, ticks, np.rint(r_cells[order] * BINS_PER_CELL).astype(np.uint16), codes[order],
        line, passage,
    )  # fmt: skip


def confirmed(
    s: Scene,
    line: Line,
    *,
    first: int = 0,
    last: int | None = None,
    free: NDArray[np.bool_] | None = None,
    reach: float = REACH,
    spread: float = SPREAD,
) -> naive.Confirmed:
    """Return the landmarks that the kernel confirms, once the twin has confirmed the same."""
    n = s.q_times.size
    last = n if last is None else last
    free = np.ones(n, dtype=np.bool_) if free is None else free
    rows, similarity, evidence = np.full(n, -7), np.full(n, -7, dtype=np.float32), np.full(n, -7.0)
    pairs, known = np.full((n, _kernels.KNOWN), -1), np.empty((n, _kernels.KNOWN), dtype=np.float32)
    for first_pair in (0, 0, 1 << 32):  # nothing known, all known, and all of another recording known
        _kernels.confirm(
            *s.query, free, first, last, *s.reference, np.array(line), reach, spread, first_pair, pairs, known,
            rows, similarity, evidence,
        )  # fmt: skip
    twin = naive.confirm(*s.query, free, first, last, *s.reference, line, _kernels, reach=reach, spread=spread)
    part = slice(first, last)
    assert np.array_equal(rows[part], twin.rows[part])
    np.testing.assert_allclose(similarity[part], twin.similarity[part], atol=1e-5)
    np.testing.assert_allclose(evidence[part], twin.evidence[part], atol=1e-4)
    for untouched in (rows, similarity, evidence):
        assert (untouched[:first] == -7).all()
        assert (untouched[last:] == -7).all()
    return naive.Confirmed(rows, similarity.astype(np.float64), evidence)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reach", [0.0, REACH, 3.0])
def test_confirmation_of_random_scenes(seed: int, reach: float) -> None:
    s = scene(seed, seconds=6.0)
    found = confirmed(s, s.line, reach=reach, spread=SPREAD if reach < 1 else 40.0)
    assert (found.rows >= 0).any() == (reach > 0)


def test_confirmation_of_a_part_leaves_the_rest_alone() -> None:
    s = scene(5, seconds=6.0)
    confirmed(s, s.line, first=13, last=37)
    confirmed(s, s.line, first=20, last=20)


@pytest.mark.parametrize("line", [(1.0, -20.0, 0.0), (1.0, 1000.0, 0.0), (1.0, 5.0, 300.0), (0.3, -1.0, 0.0)])
def test_confirmation_beyond_the_ends_of_the_reference(line: Line) -> None:
    s = scene(6, seconds=6.0)
    found = confirmed(s, line)
    if line[0] == 1.0:
        assert (found.rows == -1).all()
        assert (found.evidence == _kernels.ABSENT).all()


def test_confirmation_in_an_empty_reference_and_of_an_empty_query() -> None:
    s = scene(7, seconds=3.0)
    empty = s._replace(r_ticks=s.r_ticks[:0], r_bins=s.r_bins[:0], r_codes=s.r_codes[:0])
    assert (confirmed(empty, s.line).rows == -1).all()
    confirmed(s._replace(q_times=s.q_times[:0], q_bins=s.q_bins[:0], q_vectors=s.q_vectors[:0]), s.line)


def test_confirmation_takes_the_most_alike_and_of_equals_the_first() -> None:
    vector = unit_vectors(1, 8)
    same, other = np.packbits(vector > 0, axis=1), np.packbits(vector < 0, axis=1)
    codes = np.concatenate([other, same, same, other])
    ticks = np.rint(np.array([4.99, 5.0, 5.001, 5.002]) * TIMES_PER_SECOND).astype(np.uint32)
    bins = np.full(4, 50 * BINS_PER_CELL, dtype=np.uint16)
    s = Scene(np.array([5.0]), np.array([50], np.float32), vector, ticks, bins, codes, (1.0, 0.0, 0.0), (0.0, 9.0))
    found = confirmed(s, s.line)
    assert found.rows[0] == 1
    assert found.similarity[0] == pytest.approx(np.abs(vector).sum() / 8, abs=1e-5)


def test_landmarks_that_are_not_free_weigh_nothing() -> None:
    s = scene(9, seconds=6.0)
    free = np.arange(s.q_times.size) % 3 > 0
    found = confirmed(s, s.line, free=free)
    assert (found.evidence[~free] == 0).all()
    assert (found.evidence[free] != 0).all()


def fitted(s: Scene, found: naive.Confirmed, first: int, last: int, start: Line) -> Line:
    """Return the line that the kernel fits, once the twin has fitted the same."""
    line = np.array(start)
    args = (s.q_times, s.q_bins, found.rows, found.evidence, s.r_ticks, s.r_bins, first, last)
    _kernels.fit_line(*args, line)
    np.testing.assert_allclose(line, naive.fit_line(*args, start, _kernels), rtol=1e-7, atol=1e-7)
    return float(line[0]), float(line[1]), float(line[2])


@pytest.mark.parametrize("seed", range(4))
def test_fit_finds_the_line_again(seed: int) -> None:
    s = scene(seed, line=(0.96, 4.0, 7.0))
    found = confirmed(s, s.line)
    inside = np.flatnonzero((s.q_times >= s.passage[0]) & (s.q_times < s.passage[1]))
    fit = fitted(s, found, int(inside[0]), int(inside[-1]) + 1, (0.965, 3.97, 6.8))
    assert fit[0] == pytest.approx(0.96, abs=0.003)
    assert fit[0] * 6.0 + fit[1] == pytest.approx(0.96 * 6.0 + 4.0, abs=0.005)
    assert fit[2] == pytest.approx(7.0, abs=0.1)


def test_fit_does_not_invent_a_slope() -> None:
    s = scene(10)
    n = s.q_times.size
    found = confirmed(s, s.line)
    short = int(np.searchsorted(s.q_times, s.passage[0] + 0.9 * _kernels.FIT_SECONDS))
    start = int(np.searchsorted(s.q_times, s.passage[0]))
    assert fitted(s, found, start, short, s.line)[0] == s.line[0]
    nothing = found._replace(rows=np.full(n, -1))
    assert fitted(s, nothing, 0, n, s.line) == s.line
    assert fitted(s, found, 5, 5, s.line) == s.line
    assert fitted(s, found._replace(evidence=np.full(n, _kernels.ABSENT)), 0, n, s.line) == s.line
    end = int(np.searchsorted(s.q_times, s.passage[1]))
    for side in (-1, 1):
        wrong = (s.line[0] * (1 + 3 * side * _kernels.FIT_STEP), s.line[1], s.line[2])
        clamped = fitted(s, found, start, end, wrong)
        assert clamped[0] == pytest.approx(wrong[0] * (1 - side * _kernels.FIT_STEP), rel=1e-9)


def run_of(
    q_times: NDArray[np.float64], evidence: NDArray[np.float64], first: int = 0, last: int | None = None
) -> tuple[float, int, int]:
    """Return the run that the kernel finds, once the twin has found the same."""
    last = q_times.size if last is None else last
    run, blocks = np.full(3, np.nan), np.full(int(q_times.max(initial=0) / _kernels.BLOCK_SECONDS) + 2, np.nan)
    _kernels.best_run(q_times, evidence, first, last, blocks, run)
    score, a, b = naive.best_run(q_times, evidence, first, last, _kernels)
    assert run[0] == pytest.approx(score, rel=1e-6, abs=1e-9)
    assert (int(run[1]), int(run[2])) == (a, b)
    return float(run[0]), int(run[1]), int(run[2])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("drift", [-1.0, -0.1, 0.5])
def test_best_run_of_random_evidence(seed: int, drift: float) -> None:
    rng = np.random.default_rng(seed)
    q_times = np.sort(rng.uniform(0, 14, 60))
    evidence = rng.normal(drift, 4.0 if seed % 2 else 30.0, 60)  # the latter falls by more than DROP now and then
    run_of(q_times, evidence)
    run_of(q_times, evidence, 17, 44)


def test_best_run_with_gaps_ties_and_nothing() -> None:
    q_times = np.array([0.0, 0.1, 7.0, 7.1, 7.2, 30.0])
    assert run_of(q_times, np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0]))[1:] == (0, 6)
    assert run_of(q_times, np.zeros(6)) == (0.0, 0, 0)
    assert run_of(q_times, np.full(6, -1.0)) == (0.0, 0, 0)
    assert run_of(q_times, np.array([3.0, 0.0, -9.0, 0.0, 0.0, 3.0]))[1:] == (0, 2)  # of equals the first
    assert run_of(q_times[:0], np.empty(0)) == (0.0, 0, 0)
    assert run_of(q_times, np.ones(6), 4, 4) == (0.0, 4, 4)
    assert run_of(q_times[:1], np.ones(1))[1:] == (0, 1)


def test_best_run_gives_up_far_below_its_maximum() -> None:
    q_times = np.arange(0.0, 60.0, _kernels.BLOCK_SECONDS)
    evidence = np.full(q_times.size, 8.0)
    evidence[40:60] = -1.2 * _kernels.DROP / 20
    assert run_of(q_times, evidence)[1:] == (60, 120)
    evidence[40:60] = -0.8 * _kernels.DROP / 20
    assert run_of(q_times, evidence)[1:] == (0, 120)


def test_evidence_within_a_block_is_worth_less_the_more_there_is() -> None:
    together, apart = np.full(4, 0.1), np.linspace(0.0, 3.0 * _kernels.BLOCK_SECONDS, 4)
    evidence = np.full(4, 5.0)
    assert run_of(together[:1], evidence[:1])[0] < run_of(together, evidence)[0] < run_of(apart, evidence)[0]


def grown(s: Scene, line: Line, at: float, free: NDArray[np.bool_] | None = None) -> naive.Grown:
    """Return where the kernel's passage ends up, once the twin's has ended up there."""
    n = s.q_times.size
    scales = np.log([0.85, 1.0, 1.18])
    vectors = np.stack([unit_vectors(n, 77), s.q_vectors, unit_vectors(n, 78)])  # only the middle scale fits
    free = np.ones(n, dtype=np.bool_) if free is None else free
    rows, similarity, evidence = np.full(n, -1), np.full(n, -1, dtype=np.float32), np.zeros(n)
    blocks = np.empty(int(s.q_times.max(initial=0) / _kernels.BLOCK_SECONDS) + 2)
    fit, run = np.array(line), np.zeros(3)
    pairs, known = np.full((3, n, _kernels.KNOWN), -1), np.empty((3, n, _kernels.KNOWN), dtype=np.float32)
    _kernels.grow(
        s.q_times, s.q_bins, vectors, scales, free, *s.reference, fit, at, 0, pairs, known,
        rows, similarity, evidence, blocks, run,
    )  # fmt: skip
    twin = naive.grow(s.q_times, s.q_bins, vectors, scales, free, *s.reference, line, at, _kernels)
    np.testing.assert_allclose(run[0], twin.run[0], rtol=1e-4, atol=1e-6)
    if run[0] > 0:
        assert (int(run[1]), int(run[2])) == twin.run[1:]
        np.testing.assert_allclose(fit, twin.line, rtol=1e-6, atol=1e-6)
        part = slice(int(run[1]), int(run[2]))
        assert np.array_equal(rows[part], twin.confirmed.rows[part])
        np.testing.assert_allclose(evidence[part], twin.confirmed.evidence[part], atol=1e-4)
    return twin


@pytest.mark.parametrize("seed", range(3))
def test_passages_grow_to_their_ends_and_no_further(seed: int) -> None:
    s = scene(seed, seconds=20.0, line=(1.03, 4.0, -3.0))
    ratio, offset, shift = s.line
    slope = 1.01 * ratio  # a hypothesis 1 % off, right where it was made
    found = grown(s, (slope, offset + (ratio - slope) * 9.0, shift + 0.5), 9.0)
    assert found.run[0] > 10 * _kernels.LEAST_SCORE
    assert s.q_times[found.run[1]] == pytest.approx(s.passage[0], abs=0.6)
    assert s.q_times[found.run[2] - 1] == pytest.approx(s.passage[1], abs=0.6)
    assert found.line[0] == pytest.approx(ratio, abs=0.002)


def test_passages_do_not_grow_from_nothing() -> None:
    s = scene(11, seconds=20.0)
    assert grown(s, (1.0, 300.0, 0.0), 10.0).run[0] == 0
    assert grown(s, s.line, 10.0, free=np.zeros(s.q_times.size, dtype=np.bool_)).run[0] == 0
    nobody = s._replace(q_times=s.q_times[:0], q_bins=s.q_bins[:0], q_vectors=s.q_vectors[:0])
    assert grown(nobody, s.line, 10.0).run[0] == 0


@pytest.mark.parametrize("seed", range(3))
def test_passages_on_wrong_lines_end_as_their_twins_do(seed: int) -> None:
    s = scene(seed, seconds=8.0)
    scores = [grown(s, (1.0, s.line[1] + aside, s.line[2]), 4.0).run[0] for aside in np.arange(0.5, 12.0, 0.5)]
    assert 0 in scores
    assert max(scores) < 4 * _kernels.LEAST_SCORE


def test_long_passages_are_followed_from_their_middle_to_both_ends() -> None:
    s = scene(12, seconds=180.0, density=4.0, noise=0.3)
    found = grown(s, s.line, 90.0)
    assert s.q_times[found.run[1]] == pytest.approx(s.passage[0], abs=1.0)
    assert s.q_times[found.run[2] - 1] == pytest.approx(s.passage[1], abs=1.0)


@pytest.mark.parametrize("seed", range(5))
def test_runs_are_trimmed_to_where_their_evidence_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for evidence in (rng.normal(0.2, 1.0, 40), rng.integers(-2, 3, 40).astype(np.float64), np.full(40, -0.05)):
        for a, b in ((0, 40), (3, 17), (20, 21)):
            assert _kernels.trim(evidence, a, b) == naive.trim(evidence, a, b)
