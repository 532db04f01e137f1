"""The search for works: what is found in another key, tempo and arrangement, and what is never claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.composition_renditions import Change, arrange, sound
from benchmarks.composition_songs import LOOPS, Song, loop_song, random_song
from fingerprint.composition import CompositionWindows, describe, describe_track
from fingerprint.errors import ParameterError
from index.composition import RecordedWork, WorkMatch, search_works
from index.composition.cohort import shipped_cohort
from index.composition.decision import ChanceOfWork, State, chance_of, state_of

RATE = 11025
N_SONGS = 12


def song(number: int) -> Song:
    return random_song(np.random.default_rng((1, number)), seconds=45.0)


def played(notes: Song, seed: int, change: Change) -> NDArray[np.float32]:
    rng = np.random.default_rng((2, seed))
    return sound(arrange(notes, rng, change), rng)


@pytest.fixture(scope="module")
def catalogue() -> list[RecordedWork]:
    return [RecordedWork(f"song{k}", describe(played(song(k), k, Change(drums=k % 2 == 0)))) for k in range(N_SONGS)]


def found(y: NDArray[np.float32], catalogue: Sequence[RecordedWork]) -> tuple[WorkMatch, ...]:
    return search_works(describe_track(y), catalogue)


@pytest.mark.parametrize(
    ("number", "change"),
    [(0, Change()), (3, Change(semitones=-5.0, tempo=1.1)), (7, Change(semitones=3.0, tempo=0.88, drums=True))],
)
def test_another_rendition_is_found_with_key_tempo_and_spans(
    number: int, change: Change, catalogue: list[RecordedWork]
) -> None:
    (match,) = found(played(song(number), 100 + number, change), catalogue)
    assert match.recording_id == f"song{number}"
    assert match.state == "claim"
    assert match.chance.p <= 0.001
    best = match.passages[0]
    assert best.transposition_semitones == round(change.semitones)
    assert best.tempo_ratio == pytest.approx(change.tempo, rel=0.04)
    assert best.recording_start - best.track_start * change.tempo == pytest.approx(0.0, abs=1.5)
    assert best.track_end - best.track_start > 25.0


def test_an_excerpt_is_located(catalogue: list[RecordedWork]) -> None:
    whole = song(5)
    beat = whole.tempo / 60.0
    late = whole.notes[whole.notes[:, 0] >= 16.0 * beat].copy()
    late[:, 0] -= 16.0 * beat
    y = played(Song(late, whole.beats - 16.0 * beat, whole.tempo), 105, Change(semitones=2.0))
    (match,) = found(y, catalogue)
    assert match.recording_id == "song5"
    assert match.passages[0].recording_start - match.passages[0].track_start == pytest.approx(16.0, abs=1.5)


def test_two_works_in_one_track_are_both_found(catalogue: list[RecordedWork]) -> None:
    pieces = [played(song(k), 200 + k, Change(semitones=float(k)))[: 30 * RATE] for k in (2, 4)]
    matches = {match.recording_id: match for match in found(np.concatenate(pieces), catalogue)}
    assert set(matches) == {"song2", "song4"}
    assert matches["song2"].passages[0].track_end < 35.0
    assert matches["song4"].passages[0].track_start > 25.0


def test_recordings_of_one_work_are_no_rivals(catalogue: list[RecordedWork]) -> None:
    takes = [RecordedWork(f"take{k}", describe(played(song(1), 300 + k, Change())), "work") for k in range(4)]
    query = played(song(1), 310, Change(semitones=1.0))
    others = [one for one in catalogue if one.recording_id != "song1"]
    (match,) = found(query, [*others, *takes])
    assert match.work_id == "work"
    assert match.state == "claim"
    apart = found(query, [*others, *(one._replace(work_id="") for one in takes)])
    assert all(match.state == "review" for match in apart if match.recording_id.startswith("take"))


@pytest.mark.parametrize("loop", list(LOOPS))
def test_a_loop_of_common_chords_is_never_claimed(loop: str, catalogue: list[RecordedWork]) -> None:
    y = played(loop_song(np.random.default_rng((3, len(loop))), loop, seconds=40.0), 400, Change(drums=True))
    assert [match for match in found(y, catalogue) if match.state == "claim"] == []


@pytest.mark.parametrize("kind", ["silence", "noise", "clicks", "drone", "short"])
def test_odd_audio_matches_nothing(kind: str, catalogue: list[RecordedWork]) -> None:
    n = 30 * RATE
    t = np.arange(n) / RATE
    y = {
        "silence": np.zeros(n),
        "noise": np.random.default_rng(0).standard_normal(n),
        "clicks": (np.arange(n) % 5512 == 0).astype(float),
        "drone": np.sin(2 * np.pi * 110.0 * t) + np.sin(2 * np.pi * 165.0 * t),
        "short": np.sin(2 * np.pi * 220.0 * t)[:RATE],
    }[kind].astype(np.float32)
    assert found(y, catalogue) == ()


def test_unrelated_songs_are_not_claimed(catalogue: list[RecordedWork]) -> None:
    matches = [found(played(song(50 + k), 500 + k, Change()), catalogue) for k in range(6)]
    assert [match for of_one in matches for match in of_one if match.state == "claim"] == []


def test_an_empty_catalogue_matches_nothing() -> None:
    assert found(played(song(0), 600, Change()), []) == ()


def test_a_short_recording_does_no_harm(catalogue: list[RecordedWork]) -> None:
    nothing = RecordedWork("nothing", describe(np.zeros(10, dtype=np.float32)))
    (match,) = found(played(song(6), 700, Change()), [nothing, *catalogue])
    assert match.recording_id == "song6"


def test_windows_of_other_parameters_are_refused(catalogue: list[RecordedWork]) -> None:
    other = replace(catalogue[0].windows, params_digest="sha256:other")
    with pytest.raises(ParameterError, match=r"sha256:other.*describe the audio again"):
        search_works([other], catalogue)
    with pytest.raises(ParameterError, match="describe the audio again"):
        search_works([catalogue[0].windows], [RecordedWork("one", other)])


def test_cohort_is_160_loops() -> None:
    cohort = shipped_cohort()
    assert len(cohort) == 160
    assert min(len(one.vectors) for one in cohort) > 10
    assert all(isinstance(one, CompositionWindows) and one.vectors.any() for one in cohort)


# --- decision ---------------------------------------------------------------------------------------------------------


def test_p_falls_with_the_score_and_keeps_its_limits() -> None:
    rivals = [30.0 - k for k in range(30)]
    values = [chance_of(score, rivals).p for score in np.linspace(0.0, 400.0, 60)]
    assert (np.diff(values) <= 0).all()
    assert values[0] == 1.0
    assert values[-1] == 1e-6


@pytest.mark.parametrize("rivals", [[], [3.0], [3.0, 2.0]])
def test_too_few_rivals_say_nothing(rivals: list[float]) -> None:
    assert chance_of(1000.0, rivals).p == 1.0


def test_p_of_the_greatest_of_many_exponential_scores_is_uniform() -> None:
    rng = np.random.default_rng(4)
    values = []
    for _ in range(2000):
        scores = np.sort(rng.exponential(100.0, 300))[::-1]
        values.append(chance_of(scores[0], scores[1:].tolist()).p)
    for p in (0.5, 0.1, 0.02):
        assert np.mean(np.array(values) <= p) == pytest.approx(p, abs=0.03 + 0.2 * p)


@pytest.mark.parametrize(
    ("p", "n_near", "seconds", "ratio", "expected"),
    [
        (1e-4, 0, 30.0, 1.0, "claim"),
        (1e-4, 3, 30.0, 1.0, "review"),
        (1e-4, 0, 11.9, 1.0, "review"),
        (1e-4, 0, 30.0, 1.4, "review"),
        (0.002, 0, 30.0, 1.0, "review"),
        (0.03, 0, 30.0, 1.0, "silence"),
    ],
)
def test_state(p: float, n_near: int, seconds: float, ratio: float, expected: State) -> None:
    assert state_of(ChanceOfWork(p, 9.0, n_near), seconds=seconds, tempo_ratio=ratio) == expected
