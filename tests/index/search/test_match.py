"""The whole search on synthesised music: the right recordings, where and how they are used, and nothing else."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from benchmarks.distortion.conditions import CONDITIONS
from benchmarks.distortion.resources import Resources
from fingerprint.errors import IndexFormatError, ParameterError
from fingerprint.extract import fingerprint_signal
from fingerprint.landmarks import Fingerprint
from fingerprint.params import Params
from index.folder.index import Index, Recording
from index.search.alignment import FLOOR_SCORE
from index.search.match import (
    DEFAULT_FALSE_PER_1000H,
    STANDARD,
    THOROUGH,
    SearchOptions,
    examine,
    match_track,
    settings_digest,
)
from index.search.matches import Match, MatchResult, Passage, union_seconds
from index.search.significance import ChanceModel
from index.storage.layers import recording_landmarks
from index.storage.manifest import RECORDING, layer_specs
from index.storage.snapshot import Snapshot
from index.vectors.exact import EXACT_LIMIT
from sourceprint.demo.synthesis import synthesize
from sourceprint.demo.transformations import phase_vocoder, resample_speed
from tests.landmark_sets import ALWAYS

RATE, SR = 22050, Params().sample_rate  # music is distorted at the former, fingerprinted at the latter
SONGS, SONG_SECONDS = 10, 50.0
STRANGERS = range(100, 105)

Samples = NDArray[np.float32]


@functools.cache
def song(seed: int, seconds: float = SONG_SECONDS) -> Samples:
    y = synthesize(seed, seconds, sample_rate=RATE, album=seed // 2 if seed < 50 else None)
    y.setflags(write=False)
    return y


@functools.cache
def other(seed: int, seconds: float = 30.0) -> Samples:
    """Return music without drums, to stand round and under passages: pieces share drum sounds and grooves."""
    y = synthesize(seed, seconds, sample_rate=RATE, parts=("lead", "chords", "bass", "colour", "pad"))
    y.setflags(write=False)
    return y


def at_analysis_rate(y: Samples) -> Samples:
    resampled: Samples = soxr.resample(y, RATE, SR)
    return resampled


def excerpt(seed: int, start: float, seconds: float) -> Samples:
    return song(seed)[round(start * RATE) : round((start + seconds) * RATE)]


def build(path: Path, songs: Iterable[tuple[str, Samples]], *, exact_limit: int = EXACT_LIMIT) -> Index:
    index = Index.create(path, layer_specs())
    with index.writer(exact_limit=exact_limit) as writer:
        for name, y in songs:
            fingerprint = fingerprint_signal(at_analysis_rate(y))
            recording = Recording(name, duration_ms=round(1000 * fingerprint.duration_seconds))
            writer.add(recording, recording_landmarks(fingerprint))
    return index


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Return ten songs, two of each album, named song0 to song9."""
    folder = tmp_path_factory.mktemp("search") / "index"
    return build(folder, [(f"song{k}", song(k)) for k in range(SONGS)]).snapshot()


@pytest.fixture(scope="module")
def boundary_errors() -> list[float]:
    """Collect how far passages are off at their ends, in seconds."""
    return []


def query_of(y: Samples, options: SearchOptions = STANDARD) -> Fingerprint:
    return fingerprint_signal(at_analysis_rate(y), role="track", scales=options.scales)


def search(
    y: Samples, snapshot: Snapshot, options: SearchOptions = STANDARD, *, limit: float = DEFAULT_FALSE_PER_1000H
) -> MatchResult:
    return match_track(query_of(y, options), snapshot, options=replace(options, max_false_per_1000h=limit))


def between_strangers(passage: Samples, before: float = 9.0, after: float = 7.0) -> tuple[Samples, float, float]:
    """Return a query in which `passage` stands between other music, and where it starts and ends."""
    level = np.float32(np.sqrt(np.mean(passage**2) / np.mean(other(200) ** 2)))
    parts = [level * other(200)[: round(before * RATE)], passage, level * other(201)[: round(after * RATE)]]
    y = np.concatenate(parts).astype(np.float32)
    return y, before, before + passage.size / RATE


def only(result: MatchResult, name: str) -> Match:
    assert [match.recording.id for match in result.matches] == [name]
    return result.matches[0]


def one_segment(result: MatchResult, name: str) -> Passage:
    match = only(result, name)
    assert len(match.passages) == 1
    return match.passages[0]


# --- one source -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "mp3_64k", "eq", "white_noise_0db", "speed_+4%", "speed_-6%", "tempo_0.85_pv", "tempo_1.15_pv",
        "pitch_+3_pv", "pitch_-4_pv", "pitch_+2_tempo_1.1_pv", "pitch_-3_tempo_0.9_pv", "mel80_griffin_lim",
    ],
)  # fmt: skip
def test_a_distorted_passage_is_found_where_it_is(catalogue: Snapshot, name: str, boundary_errors: list[float]) -> None:
    condition = CONDITIONS[name]
    rng = np.random.default_rng(sum(map(ord, name)))
    seed, start = int(rng.integers(SONGS)), float(rng.uniform(5, 30))
    distorted = condition.apply(excerpt(seed, start, 12.0), RATE, rng, Resources(RATE))
    y, begins, ends = between_strangers(distorted.y)
    found = one_segment(search(y, catalogue), f"song{seed}")
    errors = [found.track_start_seconds - begins, found.track_end_seconds - ends]
    assert np.abs(errors).max() < 0.9
    boundary_errors += np.abs(errors).tolist()
    assert found.recording_start_seconds == pytest.approx(start, abs=0.9)
    assert found.recording_end_seconds == pytest.approx(start + 12.0, abs=0.9)
    at = (found.track_start_seconds + found.track_end_seconds) / 2
    middle = (found.recording_start_seconds + found.recording_end_seconds) / 2
    assert middle == pytest.approx(start + distorted.to_source(at - begins), abs=0.05)
    assert found.ratio == pytest.approx(distorted.ratio, rel=0.005)
    change = found.transformation
    assert change.heard_cents == pytest.approx(100 * distorted.pitch_semitones, abs=20)
    assert change.tempo_percent == pytest.approx(condition.tempo_percent, abs=0.5)
    assert change.speed_percent == pytest.approx(condition.speed_percent, abs=0.5)


def test_boundaries_are_right_within_a_third_of_a_second(boundary_errors: list[float]) -> None:
    """Half of all, as is promised; a descriptor sees 0.6 s to either side, so the first and the last are often lost."""
    if len(boundary_errors) < 10:
        pytest.skip("says something only after the tests that measure boundaries")
    assert np.median(boundary_errors) < 0.3


def test_a_passage_comes_with_its_figures(catalogue: Snapshot) -> None:
    y, *_ = between_strangers(excerpt(3, 20.0, 12.0))
    result = search(y, catalogue)
    match = only(result, "song3")
    found = match.passages[0]
    assert match.layer == RECORDING
    assert result.n_landmarks == query_of(y).times.size
    assert result.n_hypotheses > 10
    assert found.score > result.score_threshold > FLOOR_SCORE
    assert found.aligned_landmarks > 60
    assert found.expected_by_chance < 0.2 * found.aligned_landmarks
    assert 0 < found.false_per_1000h < DEFAULT_FALSE_PER_1000H
    assert 0 < found.p_false < 1e-3
    assert 0.99 < found.confidence < 1
    assert found.also_fits == ()
    assert result.search_seconds > 0
    assert result.verify_seconds > 0


@pytest.mark.slow
@pytest.mark.same_bytes
def test_same_query_same_answer(catalogue: Snapshot) -> None:
    query = query_of(between_strangers(excerpt(6, 8.0, 8.0))[0])
    assert match_track(query, catalogue).matches == match_track(query, catalogue).matches


@pytest.mark.slow
def test_a_whole_recording_is_found_whole(catalogue: Snapshot) -> None:
    found = one_segment(search(song(4), catalogue), "song4")
    assert found.track_start_seconds == pytest.approx(0, abs=0.3)
    assert found.track_end_seconds == pytest.approx(SONG_SECONDS, abs=0.7)  # it fades
    assert found.recording_start_seconds == pytest.approx(found.track_start_seconds, abs=0.02)


@pytest.mark.slow
def test_a_song_of_the_same_album_is_another_song(catalogue: Snapshot) -> None:
    for k in range(SONGS):
        assert [match.recording.id for match in search(excerpt(k, 10.0, 15.0), catalogue).matches] == [f"song{k}"]


@pytest.mark.slow
def test_a_compressed_index_finds_the_same(tmp_path: Path) -> None:
    songs = [(f"song{k}", song(k)) for k in range(SONGS)]
    snapshot = build(tmp_path / "index", songs, exact_limit=ALWAYS).snapshot()
    assert snapshot.layer(RECORDING).kind == "compressed"
    y, begins, ends = between_strangers(resample_speed(excerpt(7, 12.0, 12.0), RATE, 1.03))
    found = one_segment(search(y, snapshot), "song7")
    assert found.track_start_seconds == pytest.approx(begins, abs=0.3)
    assert found.track_end_seconds == pytest.approx(ends, abs=0.3)
    assert found.transformation.speed_percent == pytest.approx(103, abs=0.3)


# --- several sources --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_sources_mixed_are_both_found(catalogue: Snapshot) -> None:
    y = np.float32(0.2) * other(204)
    first, second = slice(2 * RATE, 17 * RATE), slice(9 * RATE, 24 * RATE)
    y[first] += excerpt(1, 10.0, 15.0)
    y[second] += excerpt(8, 30.0, 15.0)
    found = {match.recording.id: match.passages for match in search(y, catalogue).matches}
    assert set(found) == {"song1", "song8"}
    for name, part, start in (("song1", first, 10.0), ("song8", second, 30.0)):
        passages = found[name]
        assert passages[0].track_start_seconds == pytest.approx(part.start / RATE, abs=0.6)
        assert passages[-1].track_end_seconds == pytest.approx(part.stop / RATE, abs=0.6)
        assert passages[0].recording_start_seconds == pytest.approx(start, abs=0.6)
        assert union_seconds([(one.track_start_seconds, one.track_end_seconds) for one in passages]) > 0.85 * 15.0


def test_a_recording_hidden_by_a_louder_one_is_found_on_looking_again(catalogue: Snapshot) -> None:
    y = excerpt(1, 10.0, 12.0) + np.float32(0.5) * excerpt(8, 30.0, 12.0)
    found = []
    for rounds in (1, 2):
        options = replace(STANDARD, hypotheses_per_step=1, rounds=rounds)
        found.append({match.recording.id for match in search(y, catalogue, options).matches})
    assert found == [{"song1"}, {"song1", "song8"}]


def test_sources_in_turn_are_found_in_turn(catalogue: Snapshot) -> None:
    order = [(5, 3.0), (0, 20.0), (9, 33.0)]
    y = np.concatenate([excerpt(seed, start, 8.0) for seed, start in order])
    result = search(y, catalogue)
    spans = sorted((m.passages[0].track_start_seconds, m.recording.id) for m in result.matches)
    assert [name for _, name in spans] == ["song5", "song0", "song9"]
    np.testing.assert_allclose([at for at, _ in spans], [0, 8, 16], atol=0.5)
    covered = [match.track_seconds for match in result.matches]
    assert covered == sorted(covered, reverse=True)


@pytest.mark.slow
def test_one_source_used_twice_gives_two_passages(catalogue: Snapshot) -> None:
    y, *_ = between_strangers(np.concatenate([excerpt(2, 30.0, 8.0), other(202)[: 6 * RATE], excerpt(2, 8.0, 8.0)]))
    first, second = only(search(y, catalogue), "song2").passages
    assert first.track_start_seconds == pytest.approx(9, abs=0.3)
    assert first.recording_start_seconds == pytest.approx(30, abs=0.4)
    assert second.track_start_seconds == pytest.approx(9 + 14, abs=0.3)
    assert second.recording_start_seconds == pytest.approx(8, abs=0.4)


def test_a_loop_is_as_many_passages_as_it_was_played(catalogue: Snapshot) -> None:
    y, *_ = between_strangers(np.tile(excerpt(2, 20.0, 5.0), 3))
    passages = only(search(y, catalogue), "song2").passages
    starts = [segment.track_start_seconds for segment in passages]
    np.testing.assert_allclose(starts, [9, 14, 19], atol=0.5)
    np.testing.assert_allclose([segment.recording_start_seconds for segment in passages], 20, atol=0.5)


@pytest.mark.slow
def test_a_stretch_of_other_music_divides_a_passage(catalogue: Snapshot) -> None:
    passage = excerpt(6, 15.0, 16.0).copy()
    passage[7 * RATE : round(8.5 * RATE)] = other(203)[: round(1.5 * RATE)]
    y, begins, ends = between_strangers(passage)
    first, second = only(search(y, catalogue), "song6").passages
    edges = [first.track_start_seconds, first.track_end_seconds, second.track_start_seconds, second.track_end_seconds]
    np.testing.assert_allclose(edges, [begins, begins + 7, begins + 8.5, ends], atol=0.3)
    figures = ("score", "p_false", "false_per_1000h", "confidence", "ratio", "transformation")
    assert all(getattr(first, name) == getattr(second, name) for name in figures)  # one finding
    assert first.aligned_landmarks + second.aligned_landmarks > 250


def switched(
    y: Samples, on: float, off: float, filler: Samples | float = 0.0
) -> tuple[Samples, list[tuple[float, float]]]:
    """Return `y` switched on and off in turn, `filler` in the gaps, and the spans in which it is on."""
    t = np.arange(y.size) / RATE
    spans = [(float(at), min(float(at) + on, y.size / RATE)) for at in np.arange(0.0, y.size / RATE, on + off)]
    return np.where(np.mod(t, on + off) < on, y, filler).astype(np.float32), spans


def claimed(match: Match, spans: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the seconds that a match claims beyond spans, and those of the spans that it does not claim."""
    named = [(one.track_start_seconds, one.track_end_seconds) for one in match.passages]
    both = union_seconds(named + spans)
    return both - union_seconds(spans), both - union_seconds(named)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("on", "off"), [(0.5, 0.5), (1.2, 0.8), (1.2, 2.8), (2.0, 2.0), (3.0, 3.0), (3.0, 1.0), (6.0, 6.0)]
)
@pytest.mark.parametrize("gap", ["silence", "music"])
def test_switched_passages_are_claimed_where_audible(catalogue: Snapshot, on: float, off: float, gap: str) -> None:
    y, spans = switched(excerpt(5, 12.0, 24.0), on, off, other(202)[: 24 * RATE] if gap == "music" else 0.0)
    result = search(y, catalogue)
    if on < 1 and not result.matches:
        return  # too little in one piece to be found
    beyond, short = claimed(only(result, "song5"), spans)
    assert beyond - short < (0.03 if on >= 1 else 0.08) * 24.0
    assert beyond < (0.05 if on >= 2 else 0.1) * 24.0
    if on >= 2:
        assert short < 0.05 * 24.0


def test_two_recordings_in_turn_have_half_of_the_track_each(catalogue: Snapshot) -> None:
    one, another = excerpt(1, 10.0, 24.0), excerpt(8, 10.0, 24.0)
    y, spans = switched(one, 2.0, 2.0, another)
    found = {match.recording.id: match for match in search(y, catalogue).matches}
    assert set(found) == {"song1", "song8"}
    others = [(low + 2.0, high + 2.0) for low, high in spans]
    for name, true in (("song1", spans), ("song8", others)):
        beyond, short = claimed(found[name], true)
        assert beyond < 0.03 * 24.0
        assert short < 0.05 * 24.0


def test_a_recording_over_which_another_comes_and_goes_is_claimed_throughout(catalogue: Snapshot) -> None:
    on_and_off, spans = switched(excerpt(8, 10.0, 24.0), 3.0, 3.0)
    y = excerpt(1, 10.0, 24.0) + np.float32(1.5) * on_and_off
    found = {match.recording.id: match for match in search(y, catalogue).matches}
    assert found["song1"].track_seconds > 0.8 * 24.0
    beyond, short = claimed(found["song8"], spans)
    assert beyond < 0.03 * 24.0
    assert short < 0.25 * 24.0


@pytest.mark.slow
@pytest.mark.same_bytes
@pytest.mark.parametrize(("n_copies", "step"), [(2, 0.0), (2, 0.1), (4, 0.0), (4, 0.1)])
def test_duplicates_are_named_beside_each_other(tmp_path: Path, n_copies: int, step: float) -> None:
    songs = [(f"song{k}", song(k)) for k in range(4)]
    copies = [(f"copy{k}", np.float32(1 - step * k) * song(2)) for k in range(1, n_copies)]
    snapshot = build(tmp_path / "index", songs + copies).snapshot()
    y, *_ = between_strangers(excerpt(2, 20.0, 12.0))
    result = search(y, snapshot)
    assert len(result.matches) == 1
    (found,) = result.matches[0].passages
    same = {"song2", *(name for name, _ in copies)}
    assert {result.matches[0].recording.id, *found.also_fits} == same
    assert result.matches[0].recording.id not in found.also_fits


# --- nothing ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("options", [STANDARD, THOROUGH], ids=["standard", "thorough"])
def test_music_that_is_not_there_matches_nothing(catalogue: Snapshot, options: SearchOptions) -> None:
    for seed in STRANGERS:
        result = search(song(seed, 40.0), catalogue, options)
        assert result.matches == (), seed
        assert result.n_hypotheses > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "options"),
    [
        (105, STANDARD),
        (110, STANDARD),
        (111, STANDARD),
        pytest.param(
            131, STANDARD, marks=pytest.mark.xfail(strict=True, reason="a groove whose rivals are many and all weak")
        ),
        (105, THOROUGH),
        (110, THOROUGH),
        (111, THOROUGH),
        (133, THOROUGH),
        (136, THOROUGH),
    ],
)
def test_shared_drum_sounds_and_grooves_are_no_match(catalogue: Snapshot, seed: int, options: SearchOptions) -> None:
    assert search(song(seed, 40.0), catalogue, options).matches == ()


@pytest.mark.slow
def test_rivals_are_seen_where_songs_share_a_groove(catalogue: Snapshot) -> None:
    """The best match left by the decoys falls to the rivals beside it, at the loosest limit too."""
    loose = search(song(111, 40.0), catalogue, limit=1e6)
    best = max((segment for match in loose.matches for segment in match.passages), key=lambda segment: segment.score)
    alone = ChanceModel.fit(np.empty(0), 0.0, 40.0 / 3600.0, 1).false_per_1000h(best.score)
    assert best.false_per_1000h > 100.0 * alone


def test_pieces_in_another_order_are_no_rivals_of_each_other(catalogue: Snapshot) -> None:
    pieces = song(2)[10 * RATE : 20 * RATE].reshape(5, -1)
    found = search(np.concatenate([pieces[k] for k in (3, 0, 4, 2, 1)]), catalogue).matches
    assert [match.recording.id for match in found] == ["song2"]
    assert found[0].track_seconds > 6.0


@pytest.mark.slow
def test_an_album_mate_in_the_catalogue_costs_no_match(catalogue: Snapshot) -> None:
    """song0 and song1 share kit and tempo range; rivals must not take true reuse."""
    for k in range(SONGS):
        found = search(song(k)[12 * RATE : 22 * RATE], catalogue).matches
        assert found
        assert found[0].recording.id == f"song{k}"


@pytest.mark.slow
def test_noise_and_tones_match_nothing(catalogue: Snapshot) -> None:
    t = np.arange(20 * RATE) / RATE
    rng = np.random.default_rng(0)
    chord = np.sin(2 * np.pi * np.outer([220, 277.2, 329.6, 440], t)).sum(axis=0) * (1 + np.sin(2 * np.pi * 2 * t))
    clicks = (rng.random(t.size) < 3e-4).astype(np.float32)
    for y in (0.1 * rng.standard_normal(t.size), 0.1 * chord, clicks):
        assert search(y.astype(np.float32), catalogue).matches == ()


@pytest.mark.slow
def test_music_running_backwards_matches_nothing(catalogue: Snapshot) -> None:
    for k in range(4):
        assert search(np.ascontiguousarray(song(k)[::-1]), catalogue).matches == ()


def test_an_empty_catalogue_matches_nothing(tmp_path: Path) -> None:
    result = search(excerpt(0, 5.0, 10.0), Index.create(tmp_path / "index", layer_specs()).snapshot())
    assert (result.matches, result.n_hypotheses) == ((), 0)


def test_a_recording_that_was_removed_is_not_found(tmp_path: Path) -> None:
    index = build(tmp_path / "index", [(f"song{k}", song(k)) for k in range(3)])
    y, *_ = between_strangers(excerpt(1, 20.0, 12.0))
    only(search(y, index.snapshot()), "song1")
    with index.writer() as writer:
        writer.remove("song1")
    assert search(y, index.snapshot()).matches == ()


# --- short, slow and fast ---------------------------------------------------------------------------------------------


def test_queries_shorter_than_a_window_are_answered(catalogue: Snapshot) -> None:
    for seconds in (0.55, 0.8, 1.5):
        result = search(excerpt(5, 22.0, seconds), catalogue)
        assert {match.recording.id for match in result.matches} <= {"song5"}
        for match in result.matches:
            assert match.track_seconds <= seconds + 1e-4


def test_a_part_without_landmarks_is_answered(catalogue: Snapshot) -> None:
    query = query_of(excerpt(5, 22.0, 5.0))
    silent = replace(
        query, times=query.times[:0], bins=query.bins[:0], prominence=query.prominence[:0],
        vectors=query.vectors[:, :0], mirrored=query.mirrored[:, :0],
    )  # fmt: skip
    assert match_track(silent, catalogue).matches == ()


@pytest.mark.slow
def test_three_seconds_suffice(catalogue: Snapshot) -> None:
    for k in range(4):
        y, begins, ends = between_strangers(excerpt(k, 18.0, 3.0))
        found = one_segment(search(y, catalogue), f"song{k}")
        assert found.track_start_seconds == pytest.approx(begins, abs=0.4)
        assert found.track_end_seconds == pytest.approx(ends, abs=0.4)


@pytest.mark.slow
def test_a_part_that_starts_later_gives_the_same_passages_later(catalogue: Snapshot) -> None:
    query = query_of(between_strangers(excerpt(3, 20.0, 12.0))[0])
    later = replace(query, times=query.times + 600.0, start_seconds=600.0)
    here, there = (one_segment(match_track(q, catalogue), "song3") for q in (query, later))
    assert there.track_start_seconds - here.track_start_seconds == pytest.approx(600, abs=1e-6)
    assert there.track_end_seconds - here.track_end_seconds == pytest.approx(600, abs=1e-6)
    assert there.recording_start_seconds == pytest.approx(here.recording_start_seconds, abs=1e-3)
    assert there.score == pytest.approx(here.score, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("tempo", [0.6, 1.45])
def test_thorough_finds_copies_beyond_the_standard_range(catalogue: Snapshot, tempo: float) -> None:
    slow, begins, ends = between_strangers(phase_vocoder(excerpt(8, 15.0, 12.0), RATE, tempo))
    found = one_segment(search(slow, catalogue, THOROUGH), "song8")
    assert found.track_start_seconds == pytest.approx(begins, abs=0.9)
    assert found.track_end_seconds == pytest.approx(ends, abs=0.9)
    assert found.transformation.tempo_percent == pytest.approx(100 * tempo, abs=0.5)
    assert found.transformation.pitch_cents == pytest.approx(0, abs=20)


# --- limits and refusals ----------------------------------------------------------------------------------------------


def test_allowing_fewer_false_matches_only_takes_away(catalogue: Snapshot) -> None:
    y, *_ = between_strangers(excerpt(3, 20.0, 1.5), before=4.0, after=4.0)
    results = [search(y, catalogue, limit=limit) for limit in (1e5, 1.0, 1e-5)]
    thresholds = [result.score_threshold for result in results]
    assert thresholds == sorted(set(thresholds))
    found = [{match.recording.id for match in result.matches} for result in results]
    assert found[0] >= found[1] >= found[2]
    for limit, result in zip((1e5, 1.0, 1e-5), results, strict=True):
        assert all(s.false_per_1000h <= limit for match in result.matches for s in match.passages)


def test_near_limit_passages_change_no_match(catalogue: Snapshot) -> None:
    y, *_ = between_strangers(excerpt(3, 20.0, 1.5), before=4.0, after=4.0)
    query = query_of(y)
    for limit in (1.0, 1e-5):
        usual = replace(STANDARD, max_false_per_1000h=limit)
        near = replace(usual, near_limit_per_1000h=1e5)
        assert settings_digest(near, None) == settings_digest(usual, None)
        without, both = (examine(query, catalogue, options=one) for one in (usual, near))
        assert both.result.matches == without.result.matches
        assert [one.reported for one in both.candidates] == [one.reported for one in without.candidates]
        assert [one.alternatives for one in both.candidates] == [[] for _ in both.candidates]
        assert without.result.near == ()
        passages = [one for match in both.result.near for one in match.passages]
        assert passages
        assert all(limit < one.false_per_1000h <= 1e5 for one in passages)
    with pytest.raises(ParameterError, match=r"near_limit_per_1000h=-1: must be a number from 0"):
        replace(STANDARD, near_limit_per_1000h=-1)


def test_queries_made_for_another_search_are_refused(catalogue: Snapshot) -> None:
    y = at_analysis_rate(excerpt(0, 5.0, 5.0))
    with pytest.raises(ParameterError, match=r"time scales 1 .* 0\.85, 1, 1\.18 .* with role='track' and scales="):
        match_track(fingerprint_signal(y, role="track"), catalogue)
    with pytest.raises(ParameterError, match=r"0 mirrored descriptors for [1-9].* make it with role='track'"):
        match_track(fingerprint_signal(y, scales=STANDARD.scales), catalogue)
    other = replace(fingerprint_signal(y, role="track", scales=STANDARD.scales), params_digest="sha256:0")
    with pytest.raises(
        IndexFormatError, match=r"parameters sha256:0, layer 'recording' of the index with sha256:[0-9a-f]"
    ):
        match_track(other, catalogue)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_bad_limits_are_refused(catalogue: Snapshot, limit: float) -> None:
    with pytest.raises(ParameterError, match=r"max_false_per_1000h=.*: must be a number above 0"):
        search(excerpt(0, 5.0, 5.0), catalogue, limit=limit)


def test_unknown_layers_are_refused(catalogue: Snapshot) -> None:
    with pytest.raises(ParameterError, match="layer 'work': this index has only recording"):
        match_track(query_of(excerpt(0, 5.0, 5.0)), catalogue, options=replace(STANDARD, layer="work"))


def test_digests_of_settings_stay_as_they_are(catalogue: Snapshot) -> None:
    """Runs that were begun with these settings go on: the hashed text keeps its words."""
    usual = "sha256:5495b9bb47231791700a37cf4969031c7dae4f8eda5bf973b7cbc1902fb0a13b"
    assert settings_digest(STANDARD, None) == usual
    wide = replace(THOROUGH, max_false_per_1000h=2.5)
    assert settings_digest(wide, None) == "sha256:92dabdf95e7e0c6c84058284e54d4d8b726855340d54af6c01e483134963aa8d"
    other = replace(STANDARD, hypotheses_per_step=7, nprobe=None)
    mask = np.array([True, False, True])
    assert settings_digest(other, mask) == "sha256:c12d81fef4e5221e099115ec9ef07cdeabbf52e9eb9eb2da0e302b96b4f6b285"
    changed = [
        replace(STANDARD, layer="work"),
        replace(STANDARD, max_false_per_1000h=2.0),
        replace(STANDARD, scales=(1.0,)),
        replace(STANDARD, neighbours=3),
        replace(STANDARD, hypotheses_per_step=13),
        replace(STANDARD, rounds=1),
        replace(STANDARD, max_decoy_seconds=30.0),
        replace(STANDARD, nprobe=16),
    ]
    # Of `which`, the recordings count, not the words; passages near the limit are in no result.
    assert len(changed) == len(SearchOptions.__slots__) - 2
    assert len({usual, *(settings_digest(options, None) for options in changed)}) == 1 + len(changed)


@pytest.mark.slow
def test_a_match_with_kernels_on_disk_does_without_the_compiler(tmp_path: Path) -> None:
    # Its imports take longer than all others of a match.
    code = (
        "import sys, numpy as np\n"
        "from fingerprint.extract import fingerprint_signal\n"
        "from index.folder.index import Index, Recording\n"
        "from index.search.match import STANDARD, match_track\n"
        "from index.storage.layers import recording_landmarks\n"
        "from index.storage.manifest import layer_specs\n"
        "y = np.random.default_rng(0).standard_normal(5 * 11025).astype(np.float32)\n"
        "index = Index.create(sys.argv[1], layer_specs())\n"
        "with index.writer(exact_limit=16) as writer:\n"
        "    for name, music in (('one', y), ('other', np.roll(y, 11025))):\n"
        "        writer.add(Recording(name, duration_ms=5000), recording_landmarks(fingerprint_signal(music)))\n"
        "track = fingerprint_signal(y, role='track', scales=STANDARD.scales)\n"
        "found = match_track(track, index.snapshot()).matches\n"
        "print([match.recording.id for match in found], 'numba.np.arraymath' in sys.modules)\n"
    )
    for turn in ("compiled", "loaded"):
        line = [sys.executable, "-c", code, str(tmp_path / turn)]
        done = subprocess.run(line, check=True, capture_output=True, text=True)
    assert done.stdout == "['one'] False\n"
