"""Which stretches of an alignment are claimed: those in which landmarks of the recording are found, and no gap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.search import _kernels
from index.search.alignment import ASIDE_SECONDS, Along
from index.search.claims import HeardStretch, supported
from tests import naive

DENSITY = 40.0  # landmarks of a query per second
Span = tuple[float, float]


def along(
    heard: Sequence[tuple[float, float, float]],
    *,
    seconds: float = 20.0,
    silent: Sequence[Span] = (),
    chance: float = 0.005,
    evidence: float = 4.0,
    cut_evidence: float = 1.0,
    seed: int = 0,
) -> Along:
    """Return the landmarks met along a line, from 0 to `seconds`.

    Parameters
    ----------
    heard : sequence of (float, float, float)
        Start, end, and how much of the query's landmarks the recording meets between.
    seconds : float
        Length of the query; its first and last landmark are met.
    silent : sequence of (float, float)
        Where the query has no landmarks.
    chance : float
        How many are met elsewhere, and beside the line.
    evidence, cut_evidence : float
        Of the landmarks that are met; within a quarter of a second of where `heard` starts and ends.
    seed : int
        Of the random draws.
    """
    rng = np.random.default_rng(seed)
    times = np.linspace(0.0, seconds, round(DENSITY * seconds) + 1)
    kept = ~np.any([(times > low) & (times < high) for low, high in silent], axis=0) if silent else times >= 0
    times = times[kept]
    rate, strength = np.full(times.size, chance), np.full(times.size, cut_evidence)
    for low, high, share in heard:
        inside = (times >= low) & (times <= high)
        rate[inside] = share
        strength[inside & (times > low + 0.25) & (times < high - 0.25)] = evidence
    met = rng.random(times.size) < rate
    met[[0, -1]] = True
    aside = np.where(rng.random((len(ASIDE_SECONDS), times.size)) < chance, 1.5, -0.05)
    recording = np.linspace(-10.0, seconds + 10.0, round(20 * (seconds + 20)))
    return Along(times, np.where(met, strength, -0.05), aside, recording)


def spans(found: Sequence[HeardStretch]) -> list[Span]:
    return [(one.start_seconds, one.end_seconds) for one in found]


def is_near(found: Sequence[HeardStretch], expected: Sequence[Span], *, within: float = 0.25) -> bool:
    ends = np.ravel(spans(found))
    return ends.shape == np.ravel(expected).shape and bool(np.abs(ends - np.ravel(expected)).max() <= within)


def test_a_source_that_goes_on_is_one_stretch() -> None:
    (one,) = supported(along([(0, 20, 0.4)]))
    assert (one.start_seconds, one.end_seconds) == (0.0, 20.0)
    assert 280 < one.n_landmarks < 360
    assert one.beyond_seconds == pytest.approx(0.03 + 20 / (one.n_landmarks - 1))


@pytest.mark.parametrize("gap", [0.75, 1.0, 2.0, 4.0, 8.0])
def test_a_gap_in_which_the_source_is_not_met_is_not_claimed(gap: float) -> None:
    heard = [(0.0, 6.0, 0.4), (6 + gap, 20.0, 0.4)]
    assert is_near(supported(along(heard)), [(0, 6), (6 + gap, 20)])


@pytest.mark.parametrize("seed", range(3))
def test_every_half_second_of_a_source_that_comes_and_goes_is_a_stretch_of_its_own(seed: int) -> None:
    heard = [(at, at + 0.6, 0.4) for at in np.arange(0.0, 20.0, 1.2)] + [(19.8, 20.0, 1.0)]
    found = supported(along(heard, seed=seed))
    claimed = sum(high - low for low, high in spans(found))
    assert 16 <= len(found) <= 18
    assert claimed == pytest.approx(10.2, abs=1.7)


def test_chance_meetings_in_a_gap_are_no_stretch() -> None:
    heard = [(0.0, 6.0, 0.4), (14.0, 20.0, 0.4)]
    for seed in range(5):
        assert is_near(supported(along(heard, chance=0.015, seed=seed)), [(0, 6), (14, 20)])


def test_landmarks_that_neighbouring_lines_meet_as_often_are_no_stretch() -> None:
    one = along([(0.0, 6.0, 0.4), (9.0, 11.0, 0.2), (14.0, 20.0, 0.4)])
    assert len(supported(one)) == 3
    one.aside[:, (one.seconds >= 9) & (one.seconds <= 11)] = 1.5  # a groove that both have
    assert is_near(supported(one), [(0, 6), (14, 20)])


def test_a_steady_sound_is_claimed_where_it_is_met() -> None:
    one = along([(0.0, 20.0, 0.9)])
    one.aside[:] = one.evidence
    assert spans(supported(one)) == [(0.0, 20.0)]


def test_a_gap_has_to_be_longer_where_the_source_is_buried() -> None:
    assert spans(supported(along([(0.0, 9.6, 0.07), (10.4, 20.0, 0.07)], cut_evidence=2.0))) == [(0.0, 20.0)]
    assert is_near(supported(along([(0.0, 7.0, 0.12), (13.0, 20.0, 0.12)])), [(0, 7), (13, 20)], within=0.8)


def test_silence_is_not_claimed_where_the_recording_has_sound() -> None:
    one = along([(0.0, 20.0, 0.4)], silent=[(6.0, 6.6), (12.0, 14.0)])
    assert is_near(supported(one), [(0, 6), (6.6, 12), (14, 20)])


def test_a_pause_of_the_recording_is_a_pause_of_the_use() -> None:
    one = along([(0.0, 20.0, 0.4)], silent=[(6.0, 6.6)])
    paused = one.recording_seconds[(one.recording_seconds < 6.0) | (one.recording_seconds > 6.6)]
    assert spans(supported(Along(one.seconds, one.evidence, one.aside, paused))) == [(0.0, 20.0)]


def test_landmarks_met_perfectly_up_to_a_gap_speak_against_a_cut() -> None:
    heard = [(0.0, 9.8, 0.25), (10.2, 20.0, 0.25)]
    assert spans(supported(along(heard, cut_evidence=5.0))) == [(0.0, 20.0)]
    assert len(supported(along([(0.0, 9.5, 0.4), (10.2, 20.0, 0.4)], cut_evidence=0.8))) == 2


def test_a_source_too_faint_for_any_level_is_claimed_where_it_is_met() -> None:
    seconds = np.linspace(0.0, 20.0, 801)
    evidence = np.full(801, -0.05)
    evidence[::80] = 5.0  # one landmark in two seconds
    one = Along(seconds, evidence, np.full((8, 801), -0.05), np.empty(0))
    (found,) = supported(one)
    assert (found.start_seconds, found.end_seconds, found.n_landmarks) == (0.0, 20.0, 11)


@given(
    st.lists(st.tuples(st.floats(0, 19), st.floats(0.1, 6), st.floats(0.0, 0.8)), max_size=5), st.integers(0, 2**31 - 1)
)
def test_stretches_come_in_order_start_and_end_with_a_landmark_and_do_not_overlap(
    heard: list[tuple[float, float, float]], seed: int
) -> None:
    one = along([(low, low + length, share) for low, length, share in heard], seed=seed)
    met = one.seconds[one.evidence >= 0.3]
    found = supported(one)
    ends = np.ravel(spans(found))
    assert np.all(np.diff(ends) > 0)
    assert np.isin(ends, met).all()
    for stretch in found:
        inside = np.count_nonzero((met >= stretch.start_seconds) & (met <= stretch.end_seconds))
        assert stretch.n_landmarks == inside >= 3
        assert 0 < stretch.beyond_seconds <= 0.3


# --- the kernel -------------------------------------------------------------------------------------------------------


@pytest.mark.kernels
@pytest.mark.parametrize("n", [0, 1, 2, 5, 7])
@pytest.mark.parametrize("seed", range(4))
def test_the_likeliest_states_are_as_good_as_the_best_of_all(n: int, seed: int) -> None:
    rng = np.random.default_rng([n, seed])
    met = rng.random(n) < 0.5
    weights, on_costs, off_costs = rng.uniform(0.5, 3, n), rng.uniform(0, 2, n), rng.uniform(0, 2, n)
    rates = np.array([0.01, 0.2, 0.6])
    states = np.full(n, -1, dtype=np.int64)
    scratch = np.zeros((2, 3)), np.zeros((n, 3), dtype=np.int64)
    _kernels.likeliest_states(met, weights, rates, on_costs, off_costs, 1.0, *scratch, states)
    given_ = met, weights, rates, on_costs, off_costs, 1.0
    assert np.isin(states, [0, 1, 2]).all()
    assert naive.states_total(states.tolist(), *given_) == pytest.approx(naive.likeliest_states(*given_))
