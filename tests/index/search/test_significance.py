"""Scores to probabilities: monotone, each the inverse of the other, and never surer than the prior allows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.errors import ParameterError
from index.search.alignment import FLOOR_SCORE
from index.search.significance import LEAST_FALSE_PER_1000H, LEAST_P, ChanceModel

LANDMARKS = 300_000
scores = st.floats(0, 300)
excesses = st.lists(st.floats(0.01, 80), max_size=40)
hours = st.floats(1e-4, 2.0)


def fit(*excess: float, decoy_hours: float = 0.02, hours: float = 0.02, n_landmarks: int = LANDMARKS) -> ChanceModel:
    """Return the model after decoys that exceeded the floor by so much."""
    return ChanceModel.fit(FLOOR_SCORE + np.array(excess), decoy_hours, hours, n_landmarks)


@given(excesses, hours, scores, scores)
def test_higher_scores_are_never_less_sure(excess: list[float], length: float, a: float, b: float) -> None:
    model = fit(*excess, decoy_hours=length, hours=length)
    low, high = sorted((a, b))
    assert model.false_per_1000h(high) <= model.false_per_1000h(low)
    assert model.p_false(high) <= model.p_false(low)
    assert model.confidence(high) >= model.confidence(low)


@given(excesses, hours, scores)
def test_probabilities_are_probabilities(excess: list[float], length: float, score: float) -> None:
    model = fit(*excess, decoy_hours=length, hours=length)
    assert 0 <= model.p_false(score) <= 1
    assert 0 < model.confidence(score) <= 1
    assert model.false_per_1000h(score) >= 0


@given(excesses, st.floats(LEAST_FALSE_PER_1000H, 1e7))
def test_the_threshold_is_where_the_rate_is_the_limit(excess: list[float], limit: float) -> None:
    model = fit(*excess)
    threshold = model.threshold(limit)
    assert threshold >= FLOOR_SCORE
    if threshold > FLOOR_SCORE:
        assert model.false_per_1000h(threshold) == pytest.approx(limit, rel=1e-9)
    else:
        assert model.false_per_1000h(FLOOR_SCORE) <= limit


@given(excesses, st.floats(1e-6, 1e3), st.floats(1.0, 1e3))
def test_allowing_more_lowers_the_threshold(excess: list[float], limit: float, factor: float) -> None:
    model = fit(*excess)
    assert model.threshold(limit * factor) <= model.threshold(limit)


@given(excesses, st.floats(1e-3, 1.0))
def test_decoys_never_make_the_tail_lighter_than_the_prior(excess: list[float], decoy_hours: float) -> None:
    prior = fit(decoy_hours=0.0)
    model = fit(*excess, decoy_hours=decoy_hours)
    assert model.rate_per_hour >= prior.rate_per_hour
    assert model.mean_excess >= prior.mean_excess
    for score in (FLOOR_SCORE, 15.0, 40.0):
        assert model.false_per_1000h(score) >= prior.false_per_1000h(score)


@given(excesses, st.floats(0.01, 80))
def test_one_more_decoy_never_lowers_the_rate(excess: list[float], one: float) -> None:
    assert fit(*excess, one).rate_per_hour >= fit(*excess).rate_per_hour


def test_more_and_better_decoys_raise_the_threshold() -> None:
    thresholds = [fit(*(n * [4.0])).threshold(1.0) for n in (0, 5, 20, 100)]
    assert thresholds == sorted(set(thresholds))
    better = [fit(*(20 * [excess])).threshold(1.0) for excess in (1.0, 10.0, 40.0)]
    assert better == sorted(set(better))


def test_with_many_decoys_the_tail_is_theirs() -> None:
    rng = np.random.default_rng(0)
    model = fit(*rng.exponential(9.0, 20_000), decoy_hours=10.0)
    assert model.mean_excess == pytest.approx(9.0, rel=0.05)
    assert model.rate_per_hour == pytest.approx(2000.0, rel=0.05)
    assert model.false_per_1000h(FLOOR_SCORE) == pytest.approx(2e6, rel=0.05)
    assert model.false_per_1000h(FLOOR_SCORE + 9.0) == pytest.approx(2e6 / math.e, rel=0.1)


def test_decoys_below_the_floor_do_not_count() -> None:
    low = ChanceModel.fit(np.array([0.0, FLOOR_SCORE / 2, FLOOR_SCORE]), 1e-4, 0.1, LANDMARKS)
    assert low == ChanceModel.fit(np.empty(0), 1e-4, 0.1, LANDMARKS)
    assert low.rate_per_hour < ChanceModel.fit(np.full(3, FLOOR_SCORE + 1), 1e-4, 0.1, LANDMARKS).rate_per_hour


@given(excesses, excesses)
def test_rivals_never_make_a_passage_surer(excess: list[float], rivals: list[float]) -> None:
    model = fit(*excess)
    beside = model.beside([FLOOR_SCORE + rival for rival in rivals])
    assert beside.mean_excess >= model.mean_excess
    assert (beside.rate_per_hour, beside.hours) == (model.rate_per_hour, model.hours)
    assert beside.threshold(1.0) >= model.threshold(1.0)


def test_one_weak_rival_may_be_another_mix_two_are_common_property() -> None:
    model = fit()
    assert model.beside([]) == model.beside([FLOOR_SCORE + 25.0]) == model
    assert model.beside([FLOOR_SCORE + 25.0, FLOOR_SCORE - 1.0, FLOOR_SCORE]) == model
    two = model.beside([FLOOR_SCORE + 25.0, FLOOR_SCORE + 15.0])
    assert two.mean_excess == pytest.approx((2 * model.mean_excess + 40.0) / 4)
    assert two.false_per_1000h(60.0) > 100.0 > 1e-3 > model.false_per_1000h(60.0)


def test_a_larger_catalogue_has_more_chances() -> None:
    small, large = (fit(n_landmarks=n) for n in (300_000, 3_000_000))
    assert large.rate_per_hour == pytest.approx(10**0.25 * small.rate_per_hour)
    assert large.threshold(1.0) > small.threshold(1.0)
    assert fit(n_landmarks=0).rate_per_hour > 0


def test_a_longer_query_has_more_chances_at_the_same_threshold() -> None:
    short, long = (fit(hours=h) for h in (0.01, 1.0))
    assert long.threshold(1.0) == short.threshold(1.0)
    assert long.p_false(20.0) > short.p_false(20.0)
    assert long.confidence(20.0) < short.confidence(20.0)
    # Rare events: the probability is the expected number.
    score = long.threshold(1.0)
    assert long.p_false(score) == pytest.approx(1e-3, rel=1e-3)
    assert short.p_false(score) == pytest.approx(1e-5, rel=1e-3)
    rare = short.threshold(1e-3)
    assert short.p_false(rare) == pytest.approx(1e-8, rel=1e-7)


def test_no_probability_is_claimed_beyond_the_fitted_tail() -> None:
    model = fit()
    assert model.p_false(1e9) == LEAST_P > 0
    assert model.false_per_1000h(1e9) == LEAST_FALSE_PER_1000H > 0
    assert model.confidence(1e9) < 1
    assert model.p_false(0.0) == model.p_false(FLOOR_SCORE)


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan, math.inf])
def test_limits_that_no_test_can_keep_are_refused(limit: float) -> None:
    with pytest.raises(ParameterError, match=r"max_false_per_1000h=.*: must be above 0 and finite; no test is certain"):
        fit().threshold(limit)


def test_lengths_below_zero_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"decoy_hours=-1\.0, hours=0\.02: lengths cannot be negative"):
        fit(decoy_hours=-1.0)
    with pytest.raises(ParameterError, match="hours=-2: lengths cannot be negative"):
        fit(hours=-2)
