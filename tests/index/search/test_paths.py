"""Alignments of one recording on one path share the track between them; uses of another place keep their claims."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.search.alignment import Alignment
from index.search.claims import Span, apart


def line(start: float, end: float, *, at: float, ratio: float = 1.0, score: float = 50.0) -> Alignment:
    """Return an alignment of track seconds `start` to `end`, of which the first lies at `at` in the recording."""
    nothing = np.empty(0, dtype=np.int64)
    return Alignment(
        recording=0,
        ratio=ratio,
        offset_seconds=at - ratio * start,
        shift_cells=0.0,
        track_start_seconds=start,
        track_end_seconds=end,
        score=score,
        landmarks=nothing,
        seconds=np.empty(0),
        rows=nothing,
        similarity=np.empty(0, dtype=np.float32),
        first=0,
        last=1,
        free=np.ones(1, dtype=np.bool_),
    )


def tangent(at: float, reach: float, score: float = 50.0) -> Alignment:
    """Return an alignment that follows the sweep t -> 0.9 t + 0.005 t^2 round `at`."""
    ratio = 0.9 + 0.01 * at
    start = at - reach
    return line(start, at + reach, at=0.9 * at + 0.005 * at**2 - ratio * reach, ratio=ratio, score=score)


def cut(*alignments: Alignment) -> list[list[Span]]:
    return apart(alignments, [[(one.track_start_seconds, one.track_end_seconds)] for one in alignments])


def test_tangents_of_a_sweep_meet_halfway_between_the_places_where_they_touch() -> None:
    first, second, third = tangent(4.0, 4.0, score=20.0), tangent(10.0, 4.0, score=90.0), tangent(15.0, 4.0)
    assert cut(third, first, second) == [
        [pytest.approx((12.5, 19.0))],
        [pytest.approx((0.0, 7.0))],
        [pytest.approx((7.0, 12.5))],
    ]


def test_a_stronger_line_keeps_the_overlap_and_the_weaker_the_rest() -> None:
    strong = line(5.0, 10.0, at=30.0, score=90.0)
    assert cut(strong, line(3.0, 11.0, at=28.2)) == [[(5.0, 10.0)], [(3.0, 5.0), (10.0, 11.0)]]
    assert cut(line(6.0, 10.1, at=31.2), strong) == [[], [(5.0, 10.0)]]  # a sliver is no passage


def test_another_place_another_pitch_and_another_recording_keep_their_overlap() -> None:
    one = line(0.0, 10.0, at=20.0, score=90.0)
    for other in (
        line(2.0, 8.0, at=24.0),
        dataclasses.replace(line(2.0, 8.0, at=22.2), shift_cells=21.0),
        dataclasses.replace(line(2.0, 8.0, at=22.2), recording=1),
    ):
        assert cut(one, other) == [[(0.0, 10.0)], [(2.0, 8.0)]]


def test_lines_across_the_slope_of_a_sweep_are_one_path() -> None:
    across = dataclasses.replace(line(2.0, 8.0, at=22.2), shift_cells=3.6)  # 1.2 semitones
    assert cut(line(0.0, 10.0, at=20.0, score=90.0), across) == [[(0.0, 10.0)], []]


def test_time_that_the_stronger_does_not_claim_stays_with_the_weaker() -> None:
    alignments = [line(0.0, 10.0, at=20.0, score=90.0), line(2.0, 8.0, at=22.2)]
    kept = apart(alignments, [[(0.0, 3.0), (6.0, 10.0)], [(2.0, 8.0)]])
    assert kept == [[(0.0, 3.0), (6.0, 10.0)], [(3.0, 6.0)]]


def test_adjoining_spans_of_one_alignment_stay_two() -> None:
    alignments = [line(0.0, 10.0, at=20.0), line(20.0, 30.0, at=40.0)]
    spans = [[(0.0, 3.0), (3.0, 10.0)], [(20.0, 30.0)]]
    assert apart(alignments, spans) == spans


lines = st.builds(
    line,
    st.integers(0, 40).map(float),
    st.integers(41, 80).map(float),
    at=st.integers(0, 3).map(float),
    ratio=st.sampled_from([0.8, 0.98, 1.0, 1.05]),
    score=st.sampled_from([20.0, 50.0, 90.0]),
)


@given(st.lists(lines, min_size=1, max_size=5), st.permutations(range(5)))
def test_nothing_is_lost_but_slivers_and_the_order_does_not_matter(found: list[Alignment], order: list[int]) -> None:
    found = list({(one.score, one.track_start_seconds, one.track_end_seconds): one for one in found}.values())
    kept = cut(*found)
    again = [k for k in order if k < len(found)]
    assert cut(*(found[k] for k in again)) == [kept[k] for k in again]
    for at in np.arange(0.125, 80.0, 1.7):
        claimed = any(one.track_start_seconds < at < one.track_end_seconds for one in found)
        near = any(low - 0.25 <= at <= high + 0.25 for spans in kept for low, high in spans)
        assert near or not claimed
