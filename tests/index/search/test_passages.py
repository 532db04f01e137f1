"""Where a passage ends: beyond its outermost landmarks by their mean distance, and never where it cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from index.search.alignment import Alignment
from index.search.claims import ends_of as ends_of_stretch
from index.search.claims import whole_of

HEARD = (0.0, 100.0)
LONG = 1000.0  # a reference that sets no limit


def passage(
    start: float, end: float, n: int = 11, *, recording: int = 0, ratio: float = 1.0, offset: float = 100.0
) -> Alignment:
    return Alignment(
        recording=recording,
        ratio=ratio,
        offset_seconds=offset,
        shift_cells=0.0,
        track_start_seconds=start,
        track_end_seconds=end,
        score=50.0,
        landmarks=np.arange(n, dtype=np.int64),
        seconds=np.linspace(start, end, n),
        rows=np.arange(n, dtype=np.int64),
        similarity=np.ones(n, dtype=np.float32),
        first=0,
        last=n,
        free=np.ones(n, dtype=np.bool_),
    )


def ends_of(
    one: Alignment, reported: list[Alignment], heard: tuple[float, float], recording_seconds: float
) -> tuple[float, float]:
    return ends_of_stretch(whole_of(one), one, [whole_of(other) for other in reported], heard, recording_seconds)


def test_a_passage_goes_on_for_the_mean_distance_of_its_landmarks() -> None:
    one = passage(20.0, 23.0, 11)
    assert ends_of(one, [one], HEARD, LONG) == pytest.approx((19.7, 23.3))


@pytest.mark.parametrize("n", [0, 1, 2, 11])
def test_it_goes_on_for_half_a_second_at_most(n: int) -> None:
    one = passage(20.0, 40.0, n)
    assert ends_of(one, [one], HEARD, LONG) == pytest.approx((19.5, 40.5))


def test_it_does_not_exceed_the_audible_part() -> None:
    one = passage(20.0, 40.0)
    assert ends_of(one, [one], (19.9, 40.2), LONG) == pytest.approx((19.9, 40.2))


def test_it_does_not_go_beyond_the_reference() -> None:
    # Reference time is 2 t - 39.8: it starts at t = 19.9, and 40.4 s of it end at t = 40.1.
    one = passage(20.0, 40.0, ratio=2.0, offset=-39.8)
    assert ends_of(one, [one], HEARD, 40.4) == pytest.approx((19.9, 40.1))


def test_it_goes_half_the_way_to_a_neighbour_at_most() -> None:
    before, one, after = passage(5.0, 19.6, recording=1), passage(20.0, 40.0), passage(40.2, 50.0, recording=2)
    assert ends_of(one, [before, one, after], HEARD, LONG) == pytest.approx((19.8, 40.1))
    assert ends_of(before, [before, one, after], HEARD, LONG)[1] == pytest.approx(19.8)
    assert ends_of(after, [before, one, after], HEARD, LONG)[0] == pytest.approx(40.1)


def test_passages_that_overlap_it_or_are_far_away_set_no_limit() -> None:
    one = passage(20.0, 40.0)
    others = [passage(15.0, 20.1, recording=1), passage(30.0, 60.0, recording=2), passage(70.0, 80.0, recording=3)]
    assert ends_of(one, [one, *others], HEARD, LONG) == pytest.approx((19.5, 40.5))


def test_it_never_ends_before_its_own_landmarks() -> None:
    one = passage(20.0, 40.0, ratio=1.0, offset=-21.0)  # by its line, the reference starts after the first landmark
    assert ends_of(one, [one], (20.5, 39.0), 18.0) == (20.0, 40.0)
