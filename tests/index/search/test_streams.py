"""Passages of two streams at one place of a recording become one, with all alternatives."""

from __future__ import annotations

from dataclasses import replace

from index.search.matches import Alternative, Match, MatchResult, Passage, Transformation, not_claimed
from index.search.streams import in_streams
from index.storage.recordings import Recording

SAME = Transformation(0.0, 100.0, 100.0)


def result(score: float, *beside: str, late: float = 0.0) -> MatchResult:
    """Return the match of one stream: ten seconds of "r", which other recordings fit as well."""
    span = (5.0 + late, 15.0 + late, 40.0 + late, 50.0 + late, 1.0, SAME, score)
    others = tuple(Alternative(Recording(name), True, *span, 90, 1.0) for name in beside)
    passage = Passage(*span, 100, 1.0, 1e-9, 1e-6, 0.99, also_fits=beside, alternatives=others)
    return MatchResult((Match(Recording("r"), "recording", (passage,)),), 400, 20, 30.0, 0.0, 0.0)


def test_one_passage_in_two_streams_names_alternatives_of_either() -> None:
    (match,) = in_streams({1: result(100.0, "a", "b"), 2: result(200.0, "b", "c", late=0.2)}).matches
    (passage,) = match.passages
    assert (passage.score, set(passage.streams)) == (200.0, {1, 2})
    assert passage.also_fits == ("b", "c", "a")
    assert [other.recording.id for other in passage.alternatives] == ["b", "c", "a"]


def test_near_limit_passages_of_all_streams_exclude_matched_recordings() -> None:
    near = replace(result(20.0), matches=(), near=result(20.0).matches)
    whole = in_streams({1: near, 2: replace(near, near=result(25.0).matches)})
    assert whole.matches == ()
    (match,) = whole.near
    assert (match.passages[0].score, set(match.passages[0].streams)) == (25.0, {1, 2})
    assert not_claimed(whole.near, whole.matches) == whole.near
    found = in_streams({1: near, 2: result(200.0, late=8.0)})
    assert len(found.near) == 1
    assert not_claimed(found.near, found.matches) == ()  # seconds of it are claimed already
    elsewhere = in_streams({1: near, 2: result(200.0, late=10.0)})
    assert not_claimed(elsewhere.near, elsewhere.matches) == elsewhere.near


def test_passages_at_other_times_stay_apart_with_their_own() -> None:
    (match,) = in_streams({1: result(100.0, "a"), 2: result(200.0, "b", late=8.0)}).matches
    assert [(one.streams, one.also_fits) for one in match.passages] == [((1,), ("a",)), ((2,), ("b",))]
