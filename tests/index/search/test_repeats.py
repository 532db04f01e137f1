"""Repeats of a loop are found together, each as the stretch that it plays; music that plays on is one passage."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.extract import fingerprint_signal
from index.folder.index import Index, Recording
from index.search.match import STANDARD, match_track
from index.search.matches import Match
from index.storage.layers import recording_landmarks
from index.storage.manifest import layer_specs
from index.storage.snapshot import Snapshot
from sourceprint.demo.synthesis import synthesize
from sourceprint.demo.transformations import resample_speed
from tests.command_line import RATE_HZ, music

Samples = NDArray[np.float32]
SECONDS = 26.0


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Return three songs, s1 to s3."""
    index = Index.create(tmp_path_factory.mktemp("repeats") / "index", layer_specs())
    with index.writer() as writer:
        for seed in range(1, 4):
            landmarks = recording_landmarks(fingerprint_signal(music(seed, SECONDS)))
            writer.add(Recording(f"s{seed}", duration_ms=round(1000 * SECONDS)), landmarks)
    return index.snapshot()


def cut(seed: int, start: float, seconds: float) -> Samples:
    return music(seed, SECONDS)[round(start * RATE_HZ) : round((start + seconds) * RATE_HZ)]


@functools.cache
def others() -> Samples:
    """Return music that is not in the catalogue."""
    return music(77, 8.0)


def found(y: Samples, catalogue: Snapshot) -> dict[str, Match]:
    query = fingerprint_signal(y, role="track", scales=STANDARD.scales)
    return {match.recording.id: match for match in match_track(query, catalogue).matches}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "start", "ratio"), [(1, 9.0, 1.0), (1, 14.3, 1.0), (2, 12.0, 1.0), (3, 7.7, 1.06), (2, 5.2, 0.94)]
)
def test_thirty_repeats_of_a_second_are_thirty_passages(
    catalogue: Snapshot, seed: int, start: float, ratio: float
) -> None:
    once = resample_speed(cut(seed, start, 1.0), RATE_HZ, ratio) if ratio != 1 else cut(seed, start, 1.0)
    period = once.size / RATE_HZ
    matches = found(np.tile(once, 30), catalogue)
    assert list(matches) == [f"s{seed}"]
    passages = matches[f"s{seed}"].passages
    middles = [(one.track_start_seconds + one.track_end_seconds) / 2 for one in passages]
    assert {int(at / period) for at in middles} == set(range(30))
    assert matches[f"s{seed}"].track_seconds > 0.7 * 30 * period
    for one in passages:
        assert start - 0.3 < one.recording_start_seconds < one.recording_end_seconds < start + 1.3


def test_a_loop_within_other_music_is_claimed_where_it_is_played(catalogue: Snapshot) -> None:
    y = np.concatenate([others(), np.tile(cut(3, 7.7, 1.0), 8), others()])
    match = found(y, catalogue)["s3"]
    assert match.passages[0].track_start_seconds > 7.5
    assert match.passages[-1].track_end_seconds < 16.5
    assert 5.0 < match.track_seconds < 8.5


def test_a_passage_that_repeats_and_plays_on_is_one(catalogue: Snapshot, tmp_path: Path) -> None:
    """A recording that is one loop of two seconds, played once from its start to its end."""
    looped = np.tile(cut(1, 9.0, 2.0), 10)
    index = Index.create(tmp_path / "index", layer_specs())
    with index.writer() as writer:
        writer.add(Recording("loop", duration_ms=20_000), recording_landmarks(fingerprint_signal(looped)))
    (passage,) = found(looped, index.snapshot())["loop"].passages
    assert passage.track_end_seconds - passage.track_start_seconds > 18.0
    assert passage.ratio == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("parts", [("drums",), ("drums", "lead", "chords", "bass")], ids=["drums", "band"])
def test_a_foreign_loop_is_no_match_however_often_it_is_played(catalogue: Snapshot, parts: tuple[str, ...]) -> None:
    for seed in (101, 104, 108):
        foreign = synthesize(seed, 6.0, sample_rate=RATE_HZ, parts=parts)[3 * RATE_HZ : 4 * RATE_HZ]
        assert found(np.tile(foreign, 20), catalogue) == {}
