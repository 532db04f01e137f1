"""Judgement of excerpts, from matches made by hand; clips are cut where there is sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks import trials
from benchmarks.judging import LOOSEST, cut_clip, judge
from benchmarks.trials import TRIAL_RATE_HZ, Excerpt, Made
from index.search.matches import Match, Passage, Transformation
from index.storage.recordings import Recording

EXCERPT = Excerpt(4, "a.ogg", "A", "someone", 30.0, "")
SLOWER = Made("", "made", ratio=0.9, pitch_semitones=2.0, end_seconds=11.11)


def segment(
    query: tuple[float, float],
    reference: tuple[float, float],
    *,
    score: float = 100.0,
    rate: float = 1e-6,
    cents: float = 0.0,
    also_fits: tuple[str, ...] = (),
) -> Passage:
    ratio = (reference[1] - reference[0]) / (query[1] - query[0])
    change = Transformation.of_line(ratio, cents)
    return Passage(*query, *reference, ratio, change, score, 50, 5.0, 1e-9, rate, 0.99, also_fits)


def match(name: str, *passages: Passage) -> Match:
    return Match(Recording(name), "recording", passages)


def test_errors_are_those_of_pitch_tempo_and_place() -> None:
    # A query of 0.9 times the tempo, two semitones up: at 1 s it plays 30.9 s of the recording, at 11 s 39.9 s.
    found = match("a.ogg", segment((1.0, 11.0), (31.0, 40.04), cents=195.0))
    out = judge([found], EXCERPT, SLOWER, in_order=True)
    assert (out["found"], out["first"], out["others"]) == (True, True, [])
    assert out["cents_error"] == pytest.approx(5.0)
    assert out["ratio_error_percent"] == pytest.approx(100 * (0.904 / 0.9 - 1))
    assert out["place_error"] == pytest.approx((31.0 + 40.04) / 2 - (30.9 + 39.9) / 2)
    assert out["start_error"] == pytest.approx(1.0)
    assert out["end_error"] == pytest.approx(0.11)


def test_speed_counts_as_pitch() -> None:
    found = match("a.ogg", segment((0.0, 10.0), (30.0, 40.6), cents=100.9))
    made = Made("", "made", ratio=1.06, pitch_semitones=12 * np.log2(1.06), end_seconds=9.43)
    assert judge([found], EXCERPT, made, in_order=True)["cents_error"] < 0.1


def test_place_of_a_piece_counts_from_where_it_was_cut() -> None:
    found = match("a.ogg", segment((0.0, 3.0), (34.6, 37.3)))
    out = judge([found], EXCERPT, SLOWER, 5.0, whole=False, in_order=True)
    assert out["place_error"] == pytest.approx(abs(35.95 - (30.0 + 0.9 * 6.5)))
    assert "start_error" not in out
    assert "place_error" not in judge([found], EXCERPT, SLOWER, 5.0, whole=False, in_order=False)


def test_a_score_below_every_threshold_is_known_but_not_found() -> None:
    weak = match("a.ogg", segment((0.0, 5.0), (30.0, 35.0), score=21.0, rate=1.2))
    other = match("b.ogg", segment((0.0, 4.0), (3.0, 7.0), score=12.0, rate=LOOSEST / 2))
    noise = match("c.ogg", segment((0.0, 4.0), (3.0, 7.0), score=7.0, rate=LOOSEST * 2))
    out = judge([weak, other, noise], EXCERPT, SLOWER, in_order=True)
    assert (out["found"], out["first"], out["score"], out["false_per_1000h"]) == (False, False, 21.0, 1.2)
    assert [one["id"] for one in out["others"]] == ["b.ogg"]
    assert "cents_error" not in out
    none = judge([], EXCERPT, SLOWER, in_order=True)
    assert (none["found"], none["score"], none["false_per_1000h"]) == (False, 0.0, None)


def test_first_is_who_explains_most_of_the_query_at_the_threshold() -> None:
    right = match("a.ogg", segment((0.0, 4.0), (30.0, 34.0)))
    longer = match("b.ogg", segment((4.0, 10.0), (0.0, 6.0)))
    only_weakly_longer = match(
        "c.ogg", segment((4.0, 6.0), (0.0, 2.0)), segment((0.0, 9.0), (0.0, 9.0), score=15.0, rate=5.0)
    )
    assert judge([right, longer], EXCERPT, SLOWER, in_order=True)["first"] is False
    out = judge([right, only_weakly_longer], EXCERPT, SLOWER, in_order=True)
    assert out["first"] is True
    assert [one["score"] for one in out["others"]] == [100.0]


def test_duplicate_that_took_its_place_is_told() -> None:
    twin = match("twin.ogg", segment((0.0, 9.0), (30.0, 39.0), also_fits=("a.ogg",)))
    out = judge([twin], EXCERPT, SLOWER, in_order=True)
    assert (out["found"], out["only_also_fits"]) == (False, True)
    weak = match("twin.ogg", segment((0.0, 9.0), (30.0, 39.0), rate=5.0, also_fits=("a.ogg",)))
    assert judge([weak], EXCERPT, SLOWER, in_order=True)["only_also_fits"] is False


def test_second_source_is_neither_wrong_nor_the_drawn_one() -> None:
    made = Made("", "made", end_seconds=10.0, also=("b.ogg",))
    second = match("b.ogg", segment((0.0, 9.0), (3.0, 12.0)))
    out = judge([second], EXCERPT, made, in_order=True)
    assert (out["found"], out["also_found"], out["others"]) == (False, ["b.ogg"], [])


@pytest.fixture
def half_silent(tmp_path: Path) -> tuple[Excerpt, Made]:
    """Return an excerpt that is silent for 6 s, then a rising ramp, and the same at 0.8 times its tempo."""
    n = 10 * TRIAL_RATE_HZ
    y = np.where(np.arange(n) < 6 * TRIAL_RATE_HZ, 0.0, np.arange(n) / n).astype(np.float32)
    np.save(tmp_path / "y.npy", np.stack([y, y]))
    out = np.interp(np.arange(round(n / 0.8)) * 0.8, np.arange(n), y)
    soundfile.write(tmp_path / "y.flac", out, TRIAL_RATE_HZ, subtype="PCM_16")
    excerpt = Excerpt(0, "a.ogg", "A", "someone", 0.0, str(tmp_path / "y.npy"))
    return excerpt, Made(str(tmp_path / "y.flac"), "made", ratio=0.8, end_seconds=12.5)


@pytest.mark.parametrize("seconds", [1.0, 2.0, 3.0])
def test_clip_is_cut_where_there_is_sound_and_says_where(half_silent: tuple[Excerpt, Made], seconds: float) -> None:
    excerpt, made = half_silent
    starts = set()
    for number in range(12):
        numbered = Excerpt(number, "a.ogg", "A", "someone", 0.0, excerpt.path)
        y, begin = cut_clip(made, numbered, seconds)
        assert len(y) == round(seconds * TRIAL_RATE_HZ)
        assert np.sqrt(np.mean(y**2)) > 0.1
        # The value of the ramp is its place in the excerpt.
        assert made.to_source(begin + seconds) == pytest.approx(10.0 * y[-1], abs=0.01)
        assert cut_clip(made, numbered, seconds)[1] == begin
        starts.add(begin)
    assert len(starts) > 2


def test_clip_as_long_as_the_excerpt_is_all_of_it(half_silent: tuple[Excerpt, Made]) -> None:
    excerpt, made = half_silent
    y, begin = cut_clip(made, excerpt, 20.0)
    assert (len(y), begin) == (round(12.5 * TRIAL_RATE_HZ), 0.0)


def test_clip_of_near_silence_is_the_loudest_there_is(tmp_path: Path) -> None:
    n = 10 * trials.TRIAL_RATE_HZ
    y = np.zeros(n, dtype=np.float32)
    y[7 * TRIAL_RATE_HZ : round(7.05 * TRIAL_RATE_HZ)] = 0.5  # a click: no whole second is as loud as a quarter of all
    np.save(tmp_path / "y.npy", y)
    soundfile.write(tmp_path / "y.flac", y, TRIAL_RATE_HZ, subtype="PCM_16")
    excerpt = Excerpt(0, "a.ogg", "A", "someone", 0.0, str(tmp_path / "y.npy"))
    clip, begin = cut_clip(Made(str(tmp_path / "y.flac"), "made", end_seconds=10.0), excerpt, 1.0)
    assert 6.0 <= begin <= 7.0
    assert clip.any()
