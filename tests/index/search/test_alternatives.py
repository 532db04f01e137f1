"""Copies in the catalogue: every one is named beside the one that is reported, with figures of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from benchmarks.distortion import codecs, effects
from benchmarks.distortion.conditions import EQUALISER
from fingerprint.extract import fingerprint_signal
from fingerprint.landmarks import Fingerprint
from fingerprint.params import Params
from index.folder.index import Index, Recording
from index.recheck.recheck import recheck
from index.recheck.trace import Trace, traced_part
from index.recheck.trace_file import trace_from_bytes, trace_to_bytes
from index.search import alternatives, shared
from index.search.match import STANDARD, examine, match_track
from index.search.matches import Alternative, Match, MatchResult, Passage
from index.search.overlaps import find_overlaps
from index.storage.layers import recording_landmarks
from index.storage.manifest import layer_specs
from index.storage.snapshot import Snapshot
from index.vectors.exact import EXACT_LIMIT
from sourceprint.demo.synthesis import synthesize

RATE, SR = 22050, Params().sample_rate
SECONDS = 24.0
SONGS = range(3)
SHIFT_SECONDS = 2.0

Samples = NDArray[np.float32]


@functools.cache
def song(seed: int) -> Samples:
    y = synthesize(seed, SECONDS, sample_rate=RATE)
    y.setflags(write=False)
    return y


def as_mp3(y: Samples) -> Samples:
    return codecs.mp3(y, RATE, kbps=64)


def equalised(y: Samples) -> Samples:
    return codecs.mp3(effects.equalise(y, RATE, EQUALISER), RATE, kbps=48)


def shifted(y: Samples) -> Samples:
    return np.concatenate([song(50)[: round(SHIFT_SECONDS * RATE)], y])


COPIES: dict[str, Callable[[Samples], Samples]] = {"mp3": as_mp3, "equalised": equalised, "shifted": shifted}


@functools.cache
def described(seed: int, kind: str = "") -> Fingerprint:
    return of(COPIES[kind](song(seed)) if kind else song(seed))


def of(y: Samples) -> Fingerprint:
    return fingerprint_signal(soxr.resample(y, RATE, SR))


def track(y: Samples) -> Fingerprint:
    return fingerprint_signal(soxr.resample(y, RATE, SR), role="track", scales=STANDARD.scales)


@functools.cache
def excerpt(seed: int) -> Fingerprint:
    """Return the track: ten seconds of a song, from the eighth on, as MP3."""
    return track(as_mp3(song(seed)[8 * RATE : 18 * RATE]))


def build(
    path: Path, commits: Iterable[Sequence[tuple[str, Fingerprint]]], *, exact_limit: int = EXACT_LIMIT
) -> Snapshot:
    index = Index.create(path, layer_specs())
    for commit in commits:
        with index.writer(exact_limit=exact_limit) as writer:
            for name, fingerprint in commit:
                recording = Recording(name, duration_ms=round(1000 * fingerprint.duration_seconds))
                writer.add(recording, recording_landmarks(fingerprint))
    return index.snapshot()


def only(result: MatchResult) -> tuple[Match, Passage]:
    (match,) = result.matches
    (passage,) = match.passages
    return match, passage


def names(result: MatchResult) -> list[tuple[str, list[tuple[str, ...]]]]:
    return [(match.recording.id, [passage.also_fits for passage in match.passages]) for match in result.matches]


def times(result: MatchResult) -> list[float]:
    """Return where everything lies; the last digits depend on where a search begins."""
    passages = [passage for match in result.matches for passage in match.passages]
    every: list[Passage | Alternative] = [*passages, *(one for passage in passages for one in passage.alternatives)]
    return [
        at
        for one in every
        for at in (
            *(one.track_start_seconds, one.track_end_seconds, one.recording_start_seconds, one.recording_end_seconds),
            one.aligned_landmarks,
        )
    ]


# --- one copy ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("exact_limit", [EXACT_LIMIT, 100], ids=["exact", "compressed"])
def test_a_copy_is_named_with_its_own_figures_whichever_was_added_first(
    tmp_path: Path, kind: str, exact_limit: int
) -> None:
    originals = [(f"song{seed}", described(seed)) for seed in SONGS]
    copies = [(f"copy{seed}", described(seed, kind)) for seed in SONGS]
    two_commits = build(tmp_path / "two", [originals, copies], exact_limit=exact_limit)
    one_commit = build(tmp_path / "one", [[*copies, *originals]], exact_limit=exact_limit)
    for seed in SONGS:
        result = match_track(excerpt(seed), two_commits)
        again = match_track(excerpt(seed), one_commit)
        assert names(again) == names(result)
        assert times(again) == pytest.approx(times(result), abs=0.005)
        match, passage = only(result)
        (other,) = passage.alternatives
        assert {match.recording.id, other.recording.id} == {f"song{seed}", f"copy{seed}"}
        assert passage.also_fits == (other.recording.id,)
        assert other.same_audio
        starts = {
            match.recording.id: passage.recording_start_seconds,
            other.recording.id: other.recording_start_seconds,
        }
        assert starts[f"song{seed}"] == pytest.approx(8.0, abs=0.1)
        assert starts[f"copy{seed}"] == pytest.approx(8.0 + SHIFT_SECONDS * (kind == "shifted"), abs=0.1)
        assert other.track_start_seconds == pytest.approx(0.0, abs=0.2)
        assert other.track_end_seconds == pytest.approx(10.0, abs=0.2)
        assert 0.7 * passage.aligned_landmarks < other.aligned_landmarks
        assert 0.7 * passage.score < other.score <= passage.score
        assert other.expected_by_chance < 0.2 * other.aligned_landmarks


def test_a_copy_off_the_filter_is_named_and_never_found(tmp_path: Path) -> None:
    """Else a search of part of the catalogue would pay one owner for music that may be another's."""
    snapshot = build(tmp_path / "index", [[("song", described(0)), ("copy", described(0, "mp3"))]])
    for looked_for, other in (("song", "copy"), ("copy", "song")):
        allowed = np.array([recording.id == looked_for for recording in snapshot.recordings])
        match, passage = only(match_track(excerpt(0), snapshot, allowed=allowed))
        assert match.recording.id == looked_for
        assert passage.also_fits == (other,)


def test_a_longer_copy_wins_and_a_shorter_one_is_named_where_it_fits(tmp_path: Path) -> None:
    half = of(song(0)[: 13 * RATE])
    snapshot = build(tmp_path / "index", [[("half", half), ("whole", described(0, "equalised"))]])
    match, passage = only(match_track(excerpt(0), snapshot))
    assert match.recording.id == "whole"
    (other,) = passage.alternatives
    assert other.recording.id == "half"
    assert other.track_start_seconds == pytest.approx(0.0, abs=0.2)
    assert other.track_end_seconds == pytest.approx(5.0, abs=0.5)


def test_a_copy_that_goes_on_alone_is_a_match_from_there(tmp_path: Path) -> None:
    """Of a copy so poor that the clean half wins its part, only the part beyond that half is reported."""
    noise = np.random.default_rng(0).normal(0.0, 0.5 * float(np.std(song(0))), song(0).size).astype(np.float32)
    half = of(song(0)[: 15 * RATE])
    snapshot = build(tmp_path / "index", [[("half", half), ("poor", of(song(0) + noise))]])
    result = match_track(excerpt(0), snapshot)
    assert [match.recording.id for match in result.matches] == ["half", "poor"]
    (first,), (second,) = (match.passages for match in result.matches)
    assert first.also_fits == ("poor",)
    assert second.also_fits == ()
    assert second.track_start_seconds >= first.track_end_seconds - 0.01
    assert second.track_end_seconds == pytest.approx(10.0, abs=0.3)


def test_in_a_mash_up_each_recording_has_its_own_copy_beside_it(tmp_path: Path) -> None:
    recordings = [
        (f"{name}{seed}", described(seed, kind)) for seed in (0, 1) for name, kind in (("a", ""), ("b", "mp3"))
    ]
    snapshot = build(tmp_path / "index", [recordings])
    mixed = song(0)[8 * RATE : 18 * RATE] + song(1)[3 * RATE : 13 * RATE]
    result = match_track(track(mixed), snapshot)
    for match in result.matches:
        assert all(name[-1] == match.recording.id[-1] for passage in match.passages for name in passage.also_fits)
    named = [{match.recording.id, *match.passages[0].also_fits} for match in result.matches]
    assert sorted(map(sorted, named)) == [["a0", "b0"], ["a1", "b1"]]


# --- many copies ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twenty_one() -> list[tuple[str, Fingerprint]]:
    """Return a song and twenty copies: some equal to it in every bit, the others not."""
    kinds = [described(0), *(described(0, kind) for kind in COPIES)]
    copies = [(f"copy{k:02}", kinds[k % len(kinds)]) for k in range(20)]
    return [("song", described(0)), *copies, *((f"song{seed}", described(seed)) for seed in SONGS if seed)]


@pytest.mark.slow
@pytest.mark.parametrize("exact_limit", [EXACT_LIMIT, 100], ids=["exact", "compressed"])
def test_twenty_copies_are_named_in_any_order(
    tmp_path: Path, twenty_one: list[tuple[str, Fingerprint]], exact_limit: int
) -> None:
    snapshot = build(tmp_path / "index", [twenty_one[:9], twenty_one[9:]], exact_limit=exact_limit)
    turned = build(tmp_path / "turned", [twenty_one[::-1]], exact_limit=exact_limit)
    result = match_track(excerpt(0), snapshot)
    match, passage = only(result)
    copies = {name for name, _ in twenty_one[:21]}
    assert {match.recording.id, *passage.also_fits} == copies
    assert len(passage.also_fits) == 20
    scores = [other.score for other in passage.alternatives]
    assert scores == sorted(scores, reverse=True)
    again = match_track(excerpt(0), turned)
    assert names(again) == names(result)
    assert times(again) == pytest.approx(times(result), abs=0.005)


def test_copies_that_fill_all_neighbours_hide_no_other(
    tmp_path: Path, twenty_one: list[tuple[str, Fingerprint]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_NEIGHBOURS", 9)
    snapshot = build(tmp_path / "index", [twenty_one], exact_limit=100)
    _, passage = only(match_track(excerpt(0), snapshot))
    assert len(passage.also_fits) == 20
    monkeypatch.setattr(shared, "_MOST_SEARCHES", 1)
    monkeypatch.setattr(shared, "_NEIGHBOURS", 2)
    _, passage = only(match_track(excerpt(0), snapshot))
    assert len(passage.also_fits) < 20


def test_of_more_copies_than_are_named_the_best_are(
    tmp_path: Path, twenty_one: list[tuple[str, Fingerprint]], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = build(tmp_path / "index", [twenty_one])
    _, passage = only(match_track(excerpt(0), snapshot))
    monkeypatch.setattr(alternatives, "MOST_ALTERNATIVES", 7)
    _, cut = only(match_track(excerpt(0), snapshot))
    assert cut.also_fits == passage.also_fits[:7]


def test_every_pair_of_twenty_one_copies_is_known(tmp_path: Path, twenty_one: list[tuple[str, Fingerprint]]) -> None:
    snapshot = build(tmp_path / "index", [twenty_one], exact_limit=100)
    found = [overlap for overlaps in find_overlaps(snapshot) for overlap in overlaps]
    assert {(one.first, one.second) for one in found} == {
        (a, b) for a, _ in twenty_one[:21] for b, _ in twenty_one[:21] if a < b
    }
    assert {one.kind for one in found} == {"duplicate"}


# --- recomputed -------------------------------------------------------------------------------------------------------


@pytest.mark.same_bytes
def test_a_trace_gives_the_alternatives_again(tmp_path: Path) -> None:
    recordings = [("song", described(0)), ("copy", described(0, "shifted")), ("half", of(song(0)[: 13 * RATE]))]
    snapshot = build(tmp_path / "index", [recordings])
    examination = examine(excerpt(0), snapshot)
    part = traced_part(examination, snapshot)
    view = snapshot.layer("recording")
    trace = Trace("ab" * 32, snapshot.digest, view.digest, "sha256:1", 100.0, STANDARD.scales, (part,))
    again = recheck(trace_from_bytes(trace_to_bytes(trace), name="track.spt"))
    assert again.matches == examination.result.matches
    assert len(again.matches[0].passages[0].alternatives) == 2
