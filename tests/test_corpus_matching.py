"""Real music: distorted excerpts find their recordings, places and changes; generated music finds nothing.

Runs where SOURCEPRINT_CORPUS names the corpus. One track per source, so that no two are of one album.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.data.corpus import FolderCorpus, load_resources, read_corpus
from benchmarks.data.lists import TrackRow
from benchmarks.distortion import codecs, effects
from benchmarks.distortion.conditions import CONDITIONS, EQUALISER
from benchmarks.distortion.resources import Resources
from fingerprint.audio.stream import decode
from fingerprint.extract import fingerprint_file, fingerprint_signal
from fingerprint.params import Params
from index.folder.index import Index, Recording
from index.search.match import STANDARD, THOROUGH, match_track
from index.storage.layers import recording_landmarks
from index.storage.manifest import layer_specs
from index.storage.snapshot import Snapshot

pytestmark = pytest.mark.corpus

RATE = 22050
N_TRACKS, N_STRANGERS = 10, 16
EXCERPT_SECONDS = 10.0
CASES = [
    "mp3_64k", "reverb", "eq", "speed_+4%", "tempo_0.9_pv", "tempo_1.15_pv", "pitch_+2_pv", "pitch_-3_tempo_0.9_pv",
    "limiter", "mel80_griffin_lim",
]  # fmt: skip


@pytest.fixture(scope="module")
def lists(request: pytest.FixtureRequest) -> FolderCorpus:
    return read_corpus(request.getfixturevalue("corpus"))


@pytest.fixture(scope="module")
def tracks(lists: FolderCorpus) -> list[TrackRow]:
    """Return the first long enough track of each source, by name of the source."""
    chosen: dict[str, TrackRow] = {}
    for row in sorted(lists.music, key=lambda row: (row.source, row.file)):
        if 60 <= row.seconds <= 240:
            chosen.setdefault(row.source, row)
    assert len(chosen) >= N_TRACKS
    return list(chosen.values())[:N_TRACKS]


@pytest.fixture(scope="module")
def catalogue(lists: FolderCorpus, tracks: list[TrackRow], tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    index = Index.create(tmp_path_factory.mktemp("corpus") / "index", layer_specs())
    with index.writer() as writer:
        for row in tracks:
            fingerprint = fingerprint_file(lists.path(row.file))
            recording = Recording(row.file, sha256=fingerprint.sha256, duration_ms=round(1000 * row.seconds))
            writer.add(recording, recording_landmarks(fingerprint))
    return index.snapshot()


@pytest.fixture(scope="module")
def resources(lists: FolderCorpus) -> Resources:
    return load_resources(lists, sample_rate=RATE, music=[])


def resampled(y: NDArray[np.float32], folder: Path) -> NDArray[np.float32]:
    """Return `y` as the command would read it: from a file, at the rate of the analysis."""
    file = folder / "query.wav"
    soundfile.write(file, y, RATE, subtype="FLOAT")
    return decode(file, sample_rate=Params().sample_rate)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_distorted_excerpts_are_located(
    name: str, lists: FolderCorpus, tracks: list[TrackRow], catalogue: Snapshot, resources: Resources, tmp_path: Path
) -> None:
    rng = np.random.default_rng(CASES.index(name))
    row = tracks[CASES.index(name) % len(tracks)]
    start = float(rng.uniform(0.25, 0.75)) * (row.seconds - EXCERPT_SECONDS)
    y = lists.load(row.file, sample_rate=RATE)[round(start * RATE) : round((start + EXCERPT_SECONDS) * RATE)]
    condition = CONDITIONS[name]
    distorted = condition.apply(y, RATE, rng, resources)
    query = fingerprint_signal(resampled(distorted.y, tmp_path), role="track", scales=STANDARD.scales)
    matches = match_track(query, catalogue).matches
    assert [match.recording.id for match in matches] == [row.file]
    found = max(matches[0].passages, key=lambda segment: segment.score)
    seconds = distorted.y.size / RATE
    assert found.track_start_seconds < 1.5
    assert found.track_end_seconds > seconds - 1.5
    for at, heard_at in (
        (found.track_start_seconds, found.recording_start_seconds),
        (found.track_end_seconds, found.recording_end_seconds),
    ):
        assert heard_at == pytest.approx(start + distorted.to_source(at), abs=0.1)
    assert found.ratio == pytest.approx(distorted.ratio, rel=0.01)
    assert found.transformation.heard_cents == pytest.approx(100 * distorted.pitch_semitones, abs=25)
    assert found.transformation.tempo_percent == pytest.approx(condition.tempo_percent, abs=1)
    assert found.transformation.speed_percent == pytest.approx(condition.speed_percent, abs=1)


@pytest.mark.slow
def test_generated_music_finds_nothing(lists: FolderCorpus, catalogue: Snapshot) -> None:
    rows = sorted(lists.generated, key=lambda row: row.file)
    rows = [row for row in rows if row.seconds >= 10][:: max(1, len(rows) // N_STRANGERS)][:N_STRANGERS]
    assert len(rows) >= N_STRANGERS // 2
    for row in rows:
        query = fingerprint_file(lists.path(row.file), role="track", scales=STANDARD.scales)
        assert match_track(query, catalogue).matches == (), row.file


@pytest.mark.slow
def test_a_track_finds_itself_and_no_other(lists: FolderCorpus, tracks: list[TrackRow], catalogue: Snapshot) -> None:
    for row in tracks[:4]:
        query = fingerprint_file(lists.path(row.file), role="track", scales=STANDARD.scales)
        matches = match_track(query, catalogue).matches
        assert [match.recording.id for match in matches] == [row.file]
        assert matches[0].track_seconds > 0.95 * query.duration_seconds


@pytest.mark.slow
@pytest.mark.parametrize("part", ["highscoremusic", "backbay-lounge"])
def test_a_copy_of_a_match_is_named_and_no_residue_of_it_matched(
    lists: FolderCorpus, tmp_path: Path, part: str
) -> None:
    rate = 44_100
    (row,) = (row for row in lists.music if part in row.file)
    y = lists.load(row.file, sample_rate=rate)[5 * rate : 50 * rate]
    copy = effects.equalise(codecs.mp3(y, rate, kbps=128), rate, EQUALISER)
    recordings = {
        "original": y,
        "same": codecs.mp3(y, rate, kbps=128),
        "shifted": np.concatenate([np.zeros(2 * rate, np.float32), copy]),
    }
    index = Index.create(tmp_path / "index", layer_specs())
    for name, samples in recordings.items():
        with index.writer() as writer:
            described = fingerprint_signal(soxr.resample(samples, rate, Params().sample_rate))
            recording = Recording(name, duration_ms=round(1000 * described.duration_seconds))
            writer.add(recording, recording_landmarks(described))
    used = codecs.mp3(y[15 * rate : 30 * rate], rate, kbps=96)
    query = fingerprint_signal(soxr.resample(used, rate, Params().sample_rate), role="track", scales=STANDARD.scales)
    (match,) = match_track(query, index.snapshot()).matches
    for passage in match.passages:
        assert {match.recording.id, *passage.also_fits} == set(recordings)
        starts = {match.recording.id: passage.recording_start_seconds - passage.track_start_seconds}
        starts |= {
            one.recording.id: one.recording_start_seconds - one.track_start_seconds for one in passage.alternatives
        }
        assert starts == pytest.approx({"original": 15.0, "same": 15.0, "shifted": 17.0}, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("on", "off"), [(1.2, 2.8), (2.0, 2.0), (3.0, 3.0), (4.0, 4.0)])
def test_intermittent_passages_are_claimed_where_audible(
    lists: FolderCorpus, tracks: list[TrackRow], catalogue: Snapshot, on: float, off: float
) -> None:
    """Two recordings of the catalogue in turn, and one with silence between."""
    rate = Params().sample_rate
    ys = [lists.load(row.file, sample_rate=rate)[12 * rate : 44 * rate] for row in tracks[:3]]
    is_on = np.mod(np.arange(ys[0].size) / rate, on + off) < on
    for first, second in ((ys[0], ys[1]), (ys[1], ys[2]), (ys[2], np.zeros_like(ys[2]))):
        y = np.where(is_on, first, second)
        query = fingerprint_signal(y, role="track", scales=STANDARD.scales)
        claimed = {match.recording.id: match.track_seconds for match in match_track(query, catalogue).matches}
        truth = {
            row.file: 100 * (is_on if track is first else ~is_on).mean()
            for row, track in zip(tracks, ys, strict=False)
            if track is first or track is second
        }
        assert set(claimed) == set(truth)
        for name, share in truth.items():
            assert 100 * claimed[name] / 32.0 - share < 8.0
            if min(on, off) >= 2.0:
                assert share - 100 * claimed[name] / 32.0 < 8.0


@pytest.mark.slow
def test_a_loop_of_a_second_is_found_at_nearly_all_of_its_repeats(
    lists: FolderCorpus, tracks: list[TrackRow], catalogue: Snapshot
) -> None:
    rate = Params().sample_rate
    shares = []
    for row in tracks[:6]:
        start = round(0.4 * row.seconds * rate)
        once = lists.load(row.file, sample_rate=rate)[start : start + rate]
        query = fingerprint_signal(np.tile(once, 30), role="track", scales=STANDARD.scales)
        matches = match_track(query, catalogue).matches
        assert [match.recording.id for match in matches] in ([], [row.file])
        shares.append(matches[0].track_seconds / 30.0 if matches else 0.0)
    assert np.median(shares) > 0.8


def test_half_and_double_speed_are_one_passage_of_a_thorough_search(
    lists: FolderCorpus, tracks: list[TrackRow], catalogue: Snapshot
) -> None:
    rate = Params().sample_rate
    for row, speed in zip(tracks, (0.5, 1.5, 2.0), strict=False):
        y = lists.load(row.file, sample_rate=rate)[20 * rate : 40 * rate]
        query = fingerprint_signal(soxr.resample(y, rate * speed, rate), role="track", scales=THOROUGH.scales)
        (match,) = match_track(query, catalogue, options=THOROUGH).matches
        assert match.recording.id == row.file
        assert match.track_seconds > 0.8 * 20 / speed
        longest = max(match.passages, key=lambda one: one.track_end_seconds - one.track_start_seconds)
        assert longest.transformation.speed_percent == pytest.approx(100 * speed, abs=1)
