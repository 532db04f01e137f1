"""Songs made from a seed, their renditions, the model that is trained on them, and the report of works found."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import composition, composition_report, train_composition
from benchmarks.composition import Query, excerpt, searched
from benchmarks.composition_renditions import Change, arrange, magnitudes, sound
from benchmarks.composition_songs import LOOPS, PARTS, loop_song, random_song
from benchmarks.train_composition import Settings, cohort_bytes, model_bytes
from fingerprint.composition import CompositionParams, CompositionWindows, describe, describe_track
from fingerprint.composition.model import parse_model
from index.composition import RecordedWork

PARAMS = CompositionParams(model_digest="none")
SMALL = Settings(n_pairs=12, seconds=16.0, n_background=8)


def test_a_song_is_made_of_its_seed() -> None:
    one, again, other = (random_song(np.random.default_rng(seed), seconds=40.0) for seed in (5, 5, 6))
    assert np.array_equal(one.notes, again.notes)
    assert one.notes.shape != other.notes.shape or not np.array_equal(one.notes, other.notes)
    assert set(one.notes[:, 3]) == set(range(len(PARTS)))
    assert 30.0 < one.beats * 60.0 / one.tempo < 80.0


@pytest.mark.parametrize("loop", list(LOOPS))
def test_a_loop_repeats_its_chords(loop: str) -> None:
    song = loop_song(np.random.default_rng(0), loop, seconds=40.0)
    bars = len(LOOPS[loop][1])
    chords = song.notes[(song.notes[:, 3] == 1.0)]
    first, second = (
        {(row[0] % (4 * bars), row[2]) for row in chords if start <= row[0] < start + 4 * bars and row[1] == 4.0}
        for start in (0.0, 4.0 * bars)
    )
    assert len(first) >= 2 * bars
    assert len(first & second) >= 0.5 * len(first)


def test_a_rendition_is_transposed_and_changes_its_speed() -> None:
    song = random_song(np.random.default_rng(1), seconds=20.0)
    plain, moved = (
        arrange(song, np.random.default_rng(2), change) for change in (Change(), Change(semitones=3.0, tempo=1.25))
    )
    assert moved.seconds == pytest.approx(plain.seconds / 1.25)
    assert moved.table[:, 2].mean() - plain.table[:, 2].mean() == pytest.approx(3.0, abs=0.7)
    assert arrange(song, np.random.default_rng(2), Change(kept=("bass",))).table[:, 4].tolist().count(0.0) == 0


def test_sound_and_spectra_are_finite_and_of_the_length_asked() -> None:
    rng = np.random.default_rng(3)
    song = random_song(rng, seconds=10.0)
    tones = arrange(song, rng, Change(drums=True))
    y = sound(tones, rng)
    assert y.dtype == np.float32
    assert y.size == int((tones.seconds + 0.5) * 11025)
    assert np.abs(y).max() == pytest.approx(0.9)
    spectra = magnitudes(tones, rng, PARAMS)
    assert spectra.shape == (int(tones.seconds * 11025 / 1024), 2049)
    assert np.isfinite(spectra).all()
    assert spectra.min() >= 0.0


def test_training_gives_the_same_bytes_again() -> None:
    one = model_bytes(SMALL, PARAMS)
    assert model_bytes(SMALL, PARAMS) == one
    assert model_bytes(replace(SMALL, seed=23), PARAMS) != one
    model = parse_model(one, "small")
    assert model.real.shape == (32, 48)
    assert len(model.background) == 8
    assert model.background.any(axis=1).all()
    assert not (model.frequencies == 6).any()


@pytest.mark.slow
def test_the_model_and_the_cohort_that_ship_are_made_again() -> None:
    assert train_composition.main(["--check"]) == 0


def test_files_are_written_where_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(train_composition, "model_bytes", lambda settings, params: model_bytes(SMALL, params))
    monkeypatch.setattr(train_composition, "cohort_bytes", lambda settings, model, params: b"cohort")
    assert train_composition.main(["--out", str(tmp_path)]) == 0
    assert parse_model((tmp_path / "model.npz").read_bytes(), "model").real.shape == (32, 48)
    assert (tmp_path / "cohort.npz").read_bytes() == b"cohort"
    assert train_composition.main(["--check"]) == 1
    assert "DIFFERENT" in capsys.readouterr().out


def test_a_cohort_has_twenty_songs_of_each_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_composition, "LOOPS_EACH", 1)
    model = parse_model(model_bytes(SMALL, PARAMS), "small")
    data = cohort_bytes(SMALL, model, PARAMS)
    assert cohort_bytes(SMALL, model, PARAMS) == data
    with np.load(io.BytesIO(data)) as arrays:
        assert len(arrays["ends"]) == len(LOOPS)
        assert arrays["ends"][-1] == len(arrays["vectors"])


def test_a_rendition_is_searched_with_and_without_its_work() -> None:
    song = random_song(np.random.default_rng(7), seconds=60.0)
    catalogue = [
        RecordedWork(f"song {k}", describe(excerpt(one, 0.0, 60.0, Change(), np.random.default_rng(k))), f"song {k}")
        for k, one in enumerate([song, *(random_song(np.random.default_rng(20 + k), seconds=60.0) for k in range(4))])
    ]
    y = excerpt(song, 10.0, 40.0, Change(semitones=4.0), np.random.default_rng(9))
    query = Query("rendition", "song 0", describe_track(y), "song 0", start_seconds=10.0, change=Change(semitones=4.0))
    row = searched(query, catalogue)
    assert row["top"]
    assert row["p"] <= 0.01
    assert abs(row["place"]["start_error"]) < 1.5
    assert row["place"]["transposition_right"]
    assert row["chance"]["p"] > row["p"]
    alone = searched(replace(query, itself="song 0"), catalogue)
    assert (alone["top"], alone["p"], alone["state"]) == (False, 1.0, "silence")


def test_a_catalogue_in_two_parts_gives_the_same_standings_as_in_one() -> None:
    songs = [composition._distractor((0, 14, number)) for number in range(5)]
    own = [one._replace(work_id=one.recording_id) for one in songs]
    rng = np.random.default_rng((0, 14, 0))
    _ = rng.integers(-6, 7), rng.random()  # as for the first of them
    song = random_song(rng, seconds=80.0)
    y = excerpt(song, 0.0, 40.0, Change(), np.random.default_rng(9))
    query = Query("rendition", "a", describe_track(y), "further 0")

    def followed(catalogue: list[RecordedWork], cohort: list[CompositionWindows] | None) -> list[tuple[str, float]]:
        composition._prepare(catalogue, cohort)
        return composition._followed(query)

    whole = composition._standings([query], [followed(own, None)])
    parts = composition._standings([query], [[*followed(own[:2], None), *followed(own[2:], [])]])
    assert whole == parts
    assert whole[0]["top"]
    composition._prepare([])


def test_report_counts_and_draws(tmp_path: Path) -> None:
    place = {"start_error": 0.2, "tempo_error": 0.01, "transposition_right": True, "covered": 0.9}
    chance = {"p": 0.004, "state": "claim"}
    known = {"kind": "rendition", "known": True, "top": True, "p": 0.002, "state": "review", "search_seconds": 1.0}
    rows = [
        {**known, "name": "a", "place": place, "chance": {"p": 0.5, "state": "silence"}},
        {**known, "name": "b", "top": False, "p": 1.0, "state": "silence", "chance": chance},
        {"kind": "loops", "name": "c", "known": False, "search_seconds": 1.0, "chance": {"p": 1.0, "state": "silence"}},
    ]
    sizes = [{"recordings": 40, "hours": 1.25, "queries": [{"kind": "rendition, melody only", "top": True, "p": 0.05}]}]
    report = {"queries": rows, "catalogue": {"recordings": 2, "hours": 0.1}, "sizes": sizes}
    found, by_chance, grown, places, _ = composition_report.tables(report)
    assert found.rows[0][:3] == ["rendition", "2", "0.50 (0.09-0.91)"]
    assert by_chance.rows[-1][1] == "3"
    assert by_chance.rows[-1][2].startswith("0.3333 (")
    assert by_chance.rows[-1][-1] == "1"
    assert grown.rows == [["40", "1.2", "1.00 (0.21-1.00)", "0.00 (0.00-0.79)", "", ""]]
    assert places.rows[0] == ["start error, s", "0.20", "0.20"]
    values = {figure.name: figure.value for figure in composition_report.figures(report)}
    assert values["work on top, rendition"] == 50.0
    assert values["work on top, version"] is None
    assert [picture.name for picture in composition_report.pictures(report, tmp_path)] == ["composition.svg"]
    assert (tmp_path / "composition.svg").stat().st_size > 1000
    assert composition_report.pictures({"queries": []}, tmp_path) == []


def test_the_part_is_whole() -> None:
    assert composition.PART.name == "composition"
    assert "by chance" in composition.PART.about.lower()
