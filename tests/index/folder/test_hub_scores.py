"""Hubs, recordings near everything: which these are, their effect on matches, and their storage."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.oddities import oddity
from fingerprint.errors import IndexDamagedError, ParameterError
from fingerprint.extract import fingerprint_signal
from fingerprint.landmarks import Fingerprint
from index.folder.hub_scores import LEAST_BOUND, LEAST_RECORDINGS, find_hubs, hub_scores
from index.folder.index import Index, LayerLandmarks, Recording
from index.folder.repair import repair_index
from index.folder.verification import verify_index
from index.folder.windows import COMPOSITION, composition_spec
from index.folder.writer import Writer
from index.search.match import STANDARD, match_track
from index.search.significance import ChanceModel
from index.storage.hubs import Hub
from index.storage.layers import recording_landmarks
from index.storage.manifest import layer_specs, read_manifest
from index.storage.snapshot import Snapshot
from sourceprint.text.index_text import info_text
from tests.command_line import RATE_HZ, music, run
from tests.landmark_sets import ALWAYS, LAYERS, NEVER, fill, landmarks, normalised

HUB = Hub(40.0, 15.0, 200, 2_000)
N_SONGS = 30


def leaning(n: int, seed: int, *, spread: float = 1.0) -> LayerLandmarks:
    """Return landmarks whose descriptors scatter round one centre, those of every seed round the same."""
    centre = np.random.default_rng(999).choice([-0.15, 0.15], size=64)
    generator = np.random.default_rng(seed)
    vectors = normalised(centre + spread * generator.normal(scale=1 / 8, size=(n, 64)))
    return LayerLandmarks(
        np.sort(generator.uniform(0, 100, n)), generator.uniform(0, 230, n).astype(np.float32), vectors
    )


def store_of(path: Path, recordings: dict[str, LayerLandmarks], *, exact_limit: int = NEVER) -> Index:
    """Make an index in a single commit."""
    index = Index.create(path, LAYERS)
    with index.writer(exact_limit=exact_limit) as writer:
        for name, marks in recordings.items():
            writer.add(Recording(name, duration_ms=100_000), {"recording": marks})
    return index


def songs(n: int = N_SONGS) -> dict[str, LayerLandmarks]:
    return {f"song{k:02d}": leaning(80, k) for k in range(n)}


def with_a_hub(path: Path, *, exact_limit: int = NEVER) -> Index:
    """Return an index of songs, and of a short recording in the middle of all descriptors."""
    return store_of(path, {"middle": leaning(10, 500, spread=0.2), **songs()}, exact_limit=exact_limit)


# Who is a hub.


@pytest.mark.parametrize("exact_limit", [NEVER, ALWAYS], ids=["exact", "compressed"])
def test_who_is_near_everything_is_a_hub_and_nobody_else(tmp_path: Path, exact_limit: int) -> None:
    snapshot = with_a_hub(tmp_path / "index", exact_limit=exact_limit).snapshot()
    assert list(snapshot.hubs) == ["middle"]
    hub = snapshot.hubs["middle"]
    assert hub.score > hub.bound > LEAST_BOUND
    assert hub.sample == 10 + 64 * N_SONGS
    factors = {r.id: snapshot.hub_factor(i) for i, r in enumerate(snapshot.recordings)}
    assert factors == {name: hub.score if name == "middle" else 1.0 for name in factors}


def test_a_hub_stays_one_where_it_gets_another_layer(tmp_path: Path) -> None:
    index = with_a_hub(tmp_path / "index")
    before = dict(index.snapshot().hubs)
    with index.writer(exact_limit=NEVER) as writer:
        writer.add_layer(COMPOSITION, composition_spec())
        writer.fill("middle", {"recording": leaning(10, 500, spread=0.2)})
    assert dict(index.snapshot().hubs) == before != {}
    with index.writer(exact_limit=NEVER) as writer:
        writer.fill("middle", {"recording": leaning(10, 500, spread=0.2)})
        writer.remove("middle")
    assert dict(index.snapshot().hubs) == {}


def test_scores_of_recordings_like_all_others_are_near_one(tmp_path: Path) -> None:
    scores = hub_scores(store_of(tmp_path / "index", songs()).snapshot().layer("recording"))
    assert scores.score.mean() == pytest.approx(1.0, abs=0.1)
    assert scores.score.max() < 4
    assert (scores.bound < scores.score).all()


def test_a_score_is_the_excess_over_the_share_of_landmarks(tmp_path: Path) -> None:
    view = with_a_hub(tmp_path / "index").snapshot().layer("recording")
    scores = hub_scores(view)
    counts = view.counts()
    slots = 2 * np.minimum(counts, 64)
    naive = sum(slots[r] * counts[0] / (counts.sum() - counts[r]) for r in range(1, len(counts)))
    assert scores.score[0] == pytest.approx(scores.neighbours[0] / naive)


def test_duplicates_do_not_make_each_other_hubs(tmp_path: Path) -> None:
    copies = {f"copy{k}": landmarks(20, 700) for k in range(5)}
    others = {f"song{k:02d}": landmarks(80, k) for k in range(N_SONGS)}
    snapshot = store_of(tmp_path / "index", {**copies, **others}).snapshot()
    scores = hub_scores(snapshot.layer("recording"))
    assert scores.neighbours[:5].sum() > 0
    assert (scores.bound[:5] < LEAST_BOUND).all()
    assert snapshot.hubs == {}


def test_copies_of_a_short_recording_are_fewer_than_make_a_hub(tmp_path: Path) -> None:
    copies = {f"copy{k}": landmarks(8, 700) for k in range(LEAST_RECORDINGS)}
    others = {f"song{k:02d}": landmarks(400, k) for k in range(10)}
    assert find_hubs(store_of(tmp_path / "index", {**copies, **others}).snapshot()) == {}


def test_hubs_do_not_depend_on_the_order_of_recordings(tmp_path: Path) -> None:
    recordings = {"middle": leaning(10, 500, spread=0.2), **songs()}
    one = store_of(tmp_path / "one", recordings).snapshot()
    other = store_of(tmp_path / "other", dict(reversed(recordings.items()))).snapshot()
    assert one.hubs
    assert dict(one.hubs) == dict(other.hubs)
    assert one.digest == other.digest


def test_few_recordings_have_no_hubs_and_no_file(tmp_path: Path) -> None:
    index = store_of(tmp_path / "index", songs(LEAST_RECORDINGS))
    assert index.snapshot().hubs == {}
    assert read_manifest(tmp_path / "index").hubs is None


# Effects.


def test_the_threshold_of_a_hub_is_higher_by_the_mean_excess_times_the_log_of_its_score() -> None:
    model = ChanceModel.fit(np.array([8.0, 9.0]), 0.02, 0.02, 300_000)
    for factor in (1.0, 12.0, 300.0):
        higher = model.times(factor)
        raised = higher.threshold(1.0) - model.threshold(1.0)
        assert raised == pytest.approx(model.mean_excess * math.log(factor))
        assert higher.false_per_1000h(30.0) == pytest.approx(factor * model.false_per_1000h(30.0))


@pytest.mark.parametrize("factor", [0.5, 0.0, math.inf, math.nan])
def test_a_factor_that_lowers_the_threshold_is_refused(factor: float) -> None:
    with pytest.raises(ParameterError, match=r"factor=.*: must be finite and at least 1"):
        ChanceModel(100.0, 2.0, 1.0).times(factor)


def _hubs_are(monkeypatch: pytest.MonkeyPatch, hubs: dict[str, Hub]) -> None:
    monkeypatch.setattr("index.folder.writer.find_hubs", lambda snapshot: dict(hubs))


def _catalogue(path: Path) -> Snapshot:
    """Return twelve pieces, a drone, test tones and a metronome."""
    index = Index.create(path, layer_specs())
    sounds = {f"s{k}": music(k) for k in range(12)}
    sounds |= {"drone": oddity("drone", 1, 40.0, sample_rate=RATE_HZ)}
    sounds |= {"tones": oddity("tones", 2, 40.0, sample_rate=RATE_HZ)}
    sounds |= {"clicks": oddity("clicks", 0, 40.0, sample_rate=RATE_HZ)}
    with index.writer() as writer:
        for name, y in sounds.items():
            fingerprint = fingerprint_signal(y)
            recording = Recording(name, duration_ms=round(1000 * fingerprint.duration_seconds))
            writer.add(recording, recording_landmarks(fingerprint))
    return index.snapshot()


def test_drones_tones_and_clicks_are_no_hubs_by_nature(tmp_path: Path) -> None:
    snapshot = _catalogue(tmp_path / "index")
    scores = dict(zip((r.id for r in snapshot.recordings), hub_scores(snapshot.layer("recording")).score, strict=True))
    assert max(scores["drone"], scores["tones"], scores["clicks"]) < 2
    assert snapshot.hubs == {}


def _query(y: NDArray[np.float32]) -> Fingerprint:
    return fingerprint_signal(y, role="track", scales=STANDARD.scales)


@pytest.mark.slow
def test_a_long_exact_use_of_a_hub_is_found_and_is_less_sure_by_its_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drone = oddity("drone", 1, 40.0, sample_rate=RATE_HZ)
    query = _query(np.concatenate([music(40, 6.0), drone[5 * RATE_HZ : 35 * RATE_HZ], music(3)]))
    rates = []
    for folder, hubs in (("plain", {}), ("hub", {"drone": HUB})):
        _hubs_are(monkeypatch, hubs)
        result = match_track(query, _catalogue(tmp_path / folder))
        found = {match.recording.id: match for match in result.matches}
        assert set(found) == {"drone", "s3"}
        assert found["drone"].track_seconds > 25
        rates.append({name: match.passages[0].false_per_1000h for name, match in found.items()})
    assert rates[1]["s3"] == rates[0]["s3"]
    assert rates[1]["drone"] >= rates[0]["drone"]


@pytest.mark.slow
def test_a_passage_of_a_hub_between_the_two_thresholds_is_no_match(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = _query(music(3)[3 * RATE_HZ : 6 * RATE_HZ])
    _hubs_are(monkeypatch, {})
    ((match),) = match_track(query, _catalogue(tmp_path / "plain")).matches
    assert match.recording.id == "s3"
    _hubs_are(monkeypatch, {"s3": Hub(1e30, 1e29, 10**9, 10)})
    assert match_track(query, _catalogue(tmp_path / "hub")).matches == ()


# How it is stored.


def test_hubs_are_looked_for_again_when_the_catalogue_has_doubled_and_on_compact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = store_of(tmp_path / "index", songs(20))
    assert read_manifest(tmp_path / "index").hubs is not None
    asked = []

    def count(snapshot: Snapshot) -> dict[str, Hub]:
        asked.append(len(snapshot.recordings))
        return {}

    monkeypatch.setattr("index.folder.writer.find_hubs", count)
    with index.writer() as writer:
        for k in range(20, 41):
            writer.add(Recording(f"song{k:02d}"), {"recording": leaning(80, k)})
            writer.commit()
        assert asked == [40]
        writer.compact()
        generation = read_manifest(tmp_path / "index").generation
        writer.compact()
    assert asked == [40, 41, 41]
    assert read_manifest(tmp_path / "index").generation == generation  # nothing had changed


def test_there_is_one_file_and_the_manifest_names_it(tmp_path: Path) -> None:
    index = with_a_hub(tmp_path / "index")
    with index.writer() as writer:
        for k in range(100, 140):
            writer.add(Recording(f"more{k}"), {"recording": leaning(80, k)})
    hubs = read_manifest(tmp_path / "index").hubs
    assert hubs is not None
    (path,) = (tmp_path / "index").glob("hubs-*")
    assert path.name == hubs.name
    assert hubs.computed_at == 10 + 80 * 70
    assert json.loads(path.read_text()) == {name: asdict(hub) for name, hub in index.snapshot().hubs.items()}


def test_a_removed_or_replaced_recording_is_no_hub(tmp_path: Path) -> None:
    removed, replaced = with_a_hub(tmp_path / "one"), with_a_hub(tmp_path / "two")
    digest = removed.digest
    with removed.writer() as writer:
        writer.remove("middle")
    with replaced.writer() as writer:
        writer.replace(Recording("middle"), {"recording": leaning(20, 501)})
    for index, n in ((removed, N_SONGS), (replaced, N_SONGS + 1)):
        assert (index.snapshot().hubs, len(index.snapshot().recordings)) == ({}, n)
        assert index.verify() == []
        assert len([*index.path.glob("hubs-*")]) == 1
    assert removed.digest != digest


def test_the_digest_tells_indexes_with_other_hubs_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = set()
    for number, hubs in enumerate(({}, {"song03": HUB}, {"song03": Hub(41.0, 15.0, 200, 2_000)}, {"song04": HUB})):
        _hubs_are(monkeypatch, hubs)
        digests.add(store_of(tmp_path / str(number), songs(12)).digest)
    assert len(digests) == 4


@pytest.mark.parametrize("harm", ["alter", "cut", "remove"])
def test_a_damaged_file_is_found_taken_out_and_made_again(tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "index"
    hubs = dict(with_a_hub(folder).snapshot().hubs)
    (path,) = folder.glob("hubs-*")
    data = path.read_bytes()
    if harm == "remove":
        path.unlink()
    else:
        path.write_bytes(data[:-3] if harm == "cut" else data[:20] + b"7" + data[21:])
    with pytest.raises(IndexDamagedError, match=path.name):
        Index.open(folder)
    (problem,) = verify_index(folder)
    assert (problem.path, problem.recordings, problem.n_recordings) == (path, (), 0)
    result = run("verify", index=folder)
    assert result.exit_code == 5
    assert "no recording is affected; the next add or remove computes it again" in result.stdout
    assert repair_index(folder) == [problem]
    index = Index.open(folder)
    assert index.snapshot().hubs == {}
    assert len(index.snapshot().recordings) == N_SONGS + 1
    with index.writer() as writer:
        writer.remove("song00")
    assert list(index.snapshot().hubs) == list(hubs)
    assert index.verify() == []


def test_a_writer_that_fails_leaves_no_file_and_can_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "index"
    index = with_a_hub(folder)
    before = sorted(folder.glob("hubs-*"))
    with index.writer() as writer:
        writer.remove("middle")
        with monkeypatch.context() as patch:
            patch.setattr(Writer, "_switch", _fail)
            with pytest.raises(RuntimeError, match="on purpose"):
                writer.commit()
        assert sorted(folder.glob("hubs-*")) == before
        writer.commit()
    assert index.snapshot().hubs == {}


def _fail(writer: Writer, manifest: object) -> None:
    raise RuntimeError("on purpose")


def test_an_index_made_before_there_were_hubs_has_none(tmp_path: Path) -> None:
    index = fill(tmp_path / "index", {"a": 30, "b": 30})
    manifest = read_manifest(tmp_path / "index")
    body = json.loads(manifest.to_bytes())
    del body["hubs"]
    assert type(manifest).from_body(body) == manifest
    assert index.snapshot().hub_factor(0) == 1.0


def test_info_shows_hubs_and_their_thresholds(tmp_path: Path) -> None:
    index = with_a_hub(tmp_path / "index")
    facts = index.info()
    (hub,) = facts["hubs"]
    assert hub == {"id": "middle", **asdict(index.snapshot().hubs["middle"])}
    assert json.loads(run("info", "--json", index=index.path).stdout)["hubs"] == [hub]
    text = info_text(facts)
    assert f"  middle                  {hub['score']:.0f} times" in text.splitlines()
    assert "a match with a hub counts above a threshold raised for that" in text
    assert "threshold" not in info_text({**facts, "hubs": []})
