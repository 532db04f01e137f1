"""Results of a search: speed told from tempo and pitch, lengths counted once, parts of a long query put together."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.search.matches import Match, MatchResult, Passage, Transformation, in_sequence, union_seconds
from index.storage.recordings import Recording

times = st.floats(0, 100, allow_subnormal=False)


def segment(
    start: float,
    end: float,
    *,
    reference: float | None = None,
    ratio: float = 1.0,
    cents: float = 0.0,
    score: float = 50.0,
    p: float = 1e-6,
) -> Passage:
    """Return a passage of the query that starts at `reference` in the recording, by default at the same time."""
    at = start if reference is None else reference
    return Passage(
        track_start_seconds=start,
        track_end_seconds=end,
        recording_start_seconds=at,
        recording_end_seconds=at + ratio * (end - start),
        ratio=ratio,
        transformation=Transformation.of_line(ratio, cents),
        score=score,
        aligned_landmarks=20,
        expected_by_chance=0.5,
        p_false=p,
        false_per_1000h=1e6 * p,
        confidence=1 - p,
    )


def match(name: str, *passages: Passage) -> Match:
    return Match(Recording(name), "recording", passages)


def result(*matches: Match, threshold: float = 30.0) -> MatchResult:
    return MatchResult(matches, 100, 40, threshold, 0.5, 0.25)


# --- transformations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [0.5, 0.8, 0.94, 0.99, 1.01, 1.06, 1.5])
def test_pitch_and_time_that_move_together_are_speed(ratio: float) -> None:
    cents = 1200 * math.log2(ratio)
    assert Transformation.of_line(ratio, cents) == Transformation(0.0, 100.0, 100 * ratio)
    assert Transformation.of_line(ratio, cents + 5).speed_percent == 100 * ratio


@given(st.floats(0.5, 2.0), st.floats(-1300, 1300))
def test_speed_tempo_and_pitch_together_give_the_measured_values(ratio: float, cents: float) -> None:
    t = Transformation.of_line(ratio, cents)
    assert t.speed_percent * t.tempo_percent / 1e4 == pytest.approx(ratio)
    assert t.heard_cents == pytest.approx(t.pitch_cents + 1200 * math.log2(t.speed_percent / 100))
    assert t.heard_cents == pytest.approx(cents, abs=25.1)
    if t.speed_percent != 100:
        assert (t.pitch_cents, t.tempo_percent) == (0.0, 100.0)


@pytest.mark.parametrize(
    ("ratio", "cents"), [(1.2, 0.0), (0.85, 0.0), (1.0, 300.0), (1.0, -50.0), (1.1, 200.0), (1.06, -100.9)]
)
def test_pitch_and_time_that_move_apart_are_pitch_and_tempo(ratio: float, cents: float) -> None:
    assert Transformation.of_line(ratio, cents) == Transformation(cents, 100 * ratio, 100.0)


def test_no_change_is_no_change_of_speed() -> None:
    t = Transformation.of_line(1.0004, 3.0)
    assert t.speed_percent == 100
    assert t.tempo_percent == pytest.approx(100, abs=0.1)


# --- matches ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(times, times).map(lambda s: (min(s), max(s))), max_size=8))
def test_the_union_counts_every_moment_once(spans: list[tuple[float, float]]) -> None:
    edges = sorted({edge for span in spans for edge in span})
    pieces = [(a, b) for a, b in itertools.pairwise(edges) if any(s <= a and b <= e for s, e in spans)]
    assert union_seconds(spans) == pytest.approx(sum(b - a for a, b in pieces))
    assert union_seconds(spans[::-1]) == union_seconds(spans)


def test_a_match_is_as_sure_as_its_best_passage_and_counts_overlaps_once() -> None:
    m = match(
        "a", segment(0, 10, reference=50, p=1e-3), segment(8, 20, reference=20, p=1e-7), segment(30, 35, reference=52)
    )
    assert m.p_false == 1e-7
    assert m.confidence == 1 - 1e-7
    assert m.track_seconds == pytest.approx(25)
    assert m.recording_seconds == pytest.approx(22)


# --- parts ------------------------------------------------------------------------------------------------------------


def test_one_part_is_itself() -> None:
    whole = result(match("b", segment(0, 20)), match("a", segment(3, 9), segment(30, 33)))
    assert in_sequence([whole]) == whole


def test_no_parts_are_an_empty_result() -> None:
    assert in_sequence([]) == MatchResult((), 0, 0, 0.0, 0, 0)


def test_near_limit_passages_continue_over_a_cut() -> None:
    parts = [result(match("a", segment(0, 10, reference=20))), result(match("a", segment(10, 14, reference=30)))]
    near = [replace(part, matches=(), near=part.matches) for part in parts]
    assert in_sequence(near).matches == ()
    (whole,) = in_sequence(near).near
    assert [(one.track_start_seconds, one.track_end_seconds) for one in whole.passages] == [(0, 14)]


def test_parts_add_up() -> None:
    whole = in_sequence([result(threshold=30.0), result(match("a", segment(700, 710)), threshold=41.0)])
    assert (whole.n_landmarks, whole.n_hypotheses, whole.score_threshold) == (200, 80, 41.0)
    assert (whole.search_seconds, whole.verify_seconds) == (1.0, 0.5)
    assert [m.recording.id for m in whole.matches] == ["a"]


def test_a_passage_that_the_cut_divided_is_whole_again() -> None:
    ratio = 1.1
    first = segment(580, 599.8, reference=40, ratio=ratio, score=60, p=1e-9)
    second = segment(600.2, 640, reference=40 + ratio * 20.2, ratio=ratio, score=55, p=1e-7)
    first, second = replace(first, also_fits=("x", "y")), replace(second, also_fits=("y", "z"))
    (found,) = in_sequence([result(match("a", first)), result(match("a", second))]).matches
    (whole,) = found.passages
    assert (whole.track_start_seconds, whole.track_end_seconds) == (580, 640)
    assert whole.recording_start_seconds == 40
    assert whole.recording_end_seconds == pytest.approx(40 + ratio * 60)
    assert whole.ratio == pytest.approx(ratio)
    assert (whole.score, whole.aligned_landmarks, whole.expected_by_chance) == (115, 40, 1.0)
    assert (whole.p_false, whole.confidence) == (first.p_false, first.confidence)
    assert whole.also_fits == ("x", "y", "z")


@pytest.mark.parametrize(
    "second",
    [
        segment(600, 620, reference=200),  # elsewhere in the recording
        segment(612, 620),  # after a gap
        segment(600.3, 620),  # after a gap in which its landmarks would have been met
        segment(600, 620, ratio=1.1),  # at another tempo
        segment(595, 620),  # beside it, not after it
        segment(600, 620, cents=200.0),  # in another key
    ],
)
def test_passages_that_do_not_continue_each_other_stay_two(second: Passage) -> None:
    first = segment(580, 599.5)
    for parts in ([result(match("a", first)), result(match("a", second))], [result(match("a", first, second))]):
        (found,) = in_sequence(parts).matches
        assert found.passages == (first, second)


def test_a_passage_goes_on_though_another_began_meanwhile() -> None:
    first, meanwhile, second = segment(500, 599.5), segment(550, 560, reference=10), segment(600, 620)
    (found,) = in_sequence([result(match("a", first, meanwhile)), result(match("a", second))]).matches
    assert [(s.track_start_seconds, s.track_end_seconds) for s in found.passages] == [(500, 620), (550, 560)]


def test_passages_of_one_part_stay_apart_but_for_traces_of_the_first_schema() -> None:
    first, second = segment(580, 582), segment(582.3, 584)
    together = [result(match("a", first, second))]
    assert in_sequence(together).matches[0].passages == (first, second)
    (whole,) = in_sequence(together, version=1).matches[0].passages
    assert (whole.track_start_seconds, whole.track_end_seconds) == (580, 584)
    apart = [result(match("a", first)), result(match("a", segment(584, 590)))]
    assert len(in_sequence(apart).matches[0].passages) == 2
    assert len(in_sequence(apart, version=1).matches[0].passages) == 1


def test_matches_of_all_parts_come_by_length_then_id() -> None:
    parts = [
        result(match("c", segment(0, 30)), match("b", segment(40, 60))),
        result(match("a", segment(610, 630)), match("b", segment(650, 690))),
    ]
    whole = in_sequence(parts)
    assert [(m.recording.id, m.track_seconds) for m in whole.matches] == [("b", 60), ("c", 30), ("a", 20)]
    assert len(whole.matches[0].passages) == 2
    assert np.all(np.diff([s.track_start_seconds for s in whole.matches[0].passages]) > 0)
