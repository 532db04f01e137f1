"""The speed report: stages, rates against the decoder, and the figures and tables from them."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmarks import speed, speed_audio, speed_report, speed_steps
from benchmarks.data.corpus import SyntheticCorpus, open_corpus
from benchmarks.part import Job, as_text
from benchmarks.stage_clock import OTHER, StageClock
from fingerprint.errors import ParameterError, SourceprintError

HERE = "tests/benchmarks/test_speed.py"


def spend(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        sum(range(100))


def first_stage(seconds: float) -> None:
    spend(seconds)


def second_stage(seconds: float) -> None:
    spend(seconds)


class TestStageClock:
    def test_time_goes_to_the_innermost_stage_and_adds_up(self) -> None:
        began = time.process_time()
        with StageClock({f"{HERE}:first_stage": "one", f"{HERE}:second_stage": "two"}) as clock:
            first_stage(0.3)
            second_stage(0.1)
            spend(0.1)
        total = time.process_time() - began
        assert set(clock.seconds) == {"one", "two", OTHER}
        assert clock.seconds["one"] == pytest.approx(0.3, abs=0.05)
        assert clock.seconds["two"] == pytest.approx(0.1, abs=0.05)
        assert sum(clock.seconds.values()) == pytest.approx(total, abs=0.02)

    def test_function_goes_before_its_file(self) -> None:
        with StageClock({HERE: "file", f"{HERE}:sorting": "sort"}) as clock:
            sorting()
        assert clock.seconds["sort"] > 0.8 * sum(clock.seconds.values())

    def test_time_in_one_long_call_counts_for_the_caller(self) -> None:
        with StageClock({f"{HERE}:sorting": "sort"}) as clock:
            sorting()
        assert clock.seconds["sort"] > 0.8 * sum(clock.seconds.values())

    def test_timer_and_handler_are_as_before(self) -> None:
        before = signal.getsignal(signal.SIGPROF)
        with pytest.raises(ValueError, match="inside"), StageClock({}):
            raise ValueError("inside")
        assert signal.getsignal(signal.SIGPROF) == before
        assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def sorting() -> None:
    np.sort(np.random.default_rng(0).standard_normal(3_000_000))


class TestAudio:
    @pytest.mark.slow
    def test_tracks_have_their_length_in_every_format_and_are_made_once(self, tmp_path: Path) -> None:
        corpus = SyntheticCorpus(seconds=4.0)
        made = {"n": 2, "seconds": 6.0, "seed": 0, "formats": ("wav", "mp3", "m4a", "opus")}
        files, missing = speed_audio.tracks(corpus, corpus.music, tmp_path, **made)  # type: ignore[arg-type]
        assert set(files) | set(missing) == {"wav", "mp3", "m4a", "opus"}
        assert {"wav", "mp3"} <= set(files)
        for name, paths in files.items():
            decoder = "libsndfile" if name in ("wav", "mp3") else "FFmpeg"
            for path in paths:
                assert speed_steps._decode_alone(path, decoder) == pytest.approx(6.0, abs=0.1), path
        one, other = (soundfile.read(path)[0] for path in files["wav"])
        assert not np.array_equal(one, other)
        before = {path: Path(path).stat().st_mtime_ns for paths in files.values() for path in paths}
        assert speed_audio.tracks(corpus, corpus.music, tmp_path, **made)[0] == files  # type: ignore[arg-type]
        assert {path: Path(path).stat().st_mtime_ns for path in before} == before

    def test_format_that_cannot_be_written_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(path: Path, y: object) -> None:
            raise ValueError("no such codec")

        monkeypatch.setattr(speed_audio, "FORMATS", {"odd": refuse, "wav": speed_audio.FORMATS["wav"]})
        corpus = SyntheticCorpus(seconds=4.0)
        files, missing = speed_audio.tracks(corpus, corpus.music, tmp_path, n=1, seconds=2.0, seed=0)
        assert list(files) == ["wav"]
        assert missing == {"odd": "cannot be written with the libraries here: no such codec"}
        assert sorted(path.name for path in tmp_path.rglob("track*")) == ["track0.wav"]

    def test_endless_file_lasts(self, tmp_path: Path) -> None:
        corpus = SyntheticCorpus(seconds=4.0)
        files, _ = speed_audio.tracks(corpus, corpus.music, tmp_path, n=1, seconds=5.0, seed=0, formats=("mp3",))
        long = speed_audio.endless(files["mp3"][0], tmp_path / "long.mp3", seconds=5.0, hours=0.01)
        assert speed_steps._decode_alone(long, "FFmpeg") == pytest.approx(36.0, rel=0.05)


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> str:
    corpus = SyntheticCorpus(seconds=8.0)
    folder = tmp_path_factory.mktemp("audio")
    files, _ = speed_audio.tracks(corpus, corpus.music, folder, n=1, seconds=8.0, seed=0, formats=("wav",))
    return files["wav"][0]


class TestSteps:
    @pytest.mark.slow
    def test_formats_are_measured_in_a_process_of_its_own(self, wav: str, tmp_path: Path) -> None:
        got = speed_steps.run_step("formats", files={"wav": [wav]}, folder=str(tmp_path), repeats=1)["wav"]
        assert got["audio_seconds"] == pytest.approx(8.0)
        assert got["bytes_per_hour"] == pytest.approx(44100 * 4 * 3600, rel=0.01)
        assert got["decoder"].startswith("libsndfile")
        assert 0.0 < got["limit_seconds"] < got["add_seconds"]

    @pytest.mark.slow
    def test_stages_of_adding_and_matching_are_told_apart(self, wav: str, tmp_path: Path) -> None:
        # The clock looks every so often: of too little audio it would miss a short stage now and then.
        added = speed_steps._add_stages(files=[wav] * 30, folder=str(tmp_path), repeats=1)
        assert added["audio_seconds"] == pytest.approx(240.0, abs=0.5)
        assert {"decode", "spectrogram", "landmarks", "descriptors"} <= set(added["seconds"])
        matched = speed_steps._match(index=str(tmp_path / "warm"), files=[wav] * 6, repeats=1)
        assert matched["matches"] == [1] * 6
        stages = matched["stages"]["seconds"]
        assert {"decode", "spectrogram", "descriptors", "search", "alignment"} <= set(stages)
        # Stages are read off file names: were one renamed, its time would end up here.
        assert stages.get(OTHER, 0.0) < 0.3 * sum(stages.values())

    def test_every_stage_names_a_place_that_exists(self) -> None:
        places = {place.partition(":")[0] for place in (*speed_steps.ADD_STAGES, *speed_steps.MATCH_STAGES)}
        assert len(places) > 8
        assert [place for place in sorted(places) if not (speed_steps.ROOT / place).exists()] == []

    @pytest.mark.slow
    def test_failure_of_a_process_is_told(self) -> None:
        with pytest.raises(SourceprintError, match="measuring info failed"):
            speed_steps.run_step("info", index="/nowhere")
        with pytest.raises(SourceprintError, match="sourceprint info --index /nowhere failed"):
            speed_steps.command_seconds("info", "--index", "/nowhere")

    @pytest.mark.slow
    def test_one_process_gets_about_as_much_as_one_process(self) -> None:
        assert 0.2 < speed_steps.machine_gain(1, seconds=0.1) < 5.0


def hand_made() -> dict[str, Any]:
    stages = {"decode": 2.0, "spectrogram": 1.0, "landmarks": 0.5, "a new stage": 0.4, OTHER: 0.1}
    match = {**stages, "search": 3.0, "alignment": 1.0}
    return {
        "part": "speed",
        "facts": {
            "machine": {"cpu": "C", "cores": 2, "memory_gb": 8, "system": "S"},
            "date_utc": "2026-01-01T00:00:00",
            "versions": {"python": "3"},
            "params_digest": "sha256:0",
            "commit": "0",
        },
        "corpus": {"name": "made by hand", "recordings": 3, "hours": 0.5, "missing": []},
        "settings": {"seed": 0, "quick": False, "track_seconds": 180.0, "tracks": 3, "repeats": 3, "strangers": True},
        "formats": {
            "mp3": {
                "audio_seconds": 900.0,
                "limit_seconds": 1.0,
                "add_seconds": 2.0,
                "decoder": "D",
                "bytes_per_hour": 6e7,
            },
            "wav": {
                "audio_seconds": 900.0,
                "limit_seconds": 0.1,
                "add_seconds": 3.0,
                "decoder": "D",
                "bytes_per_hour": 6e8,
            },
        },
        "formats_missing": {"opus": "cannot be written with the libraries here: no encoder"},
        "match": {
            "catalogue": {"audio_seconds": 900.0, "processor_seconds": 9.0, "peak_mb": 300.0, "matches": [1]},
            "strangers": {"audio_seconds": 900.0, "processor_seconds": 4.5, "peak_mb": 310.0, "matches": [0]},
        },
        "stages": {
            "add": {"audio_seconds": 720.0, "seconds": stages},
            "catalogue": {"audio_seconds": 720.0, "seconds": match},
            "strangers": {"audio_seconds": 720.0, "seconds": match},
        },
        "jobs": {
            "files": 4,
            "runs": [
                {"jobs": 1, "audio_seconds": 3600.0, "elapsed_seconds": 10.0, "peak_mb": 320.0},
                {"jobs": 2, "audio_seconds": 3600.0, "elapsed_seconds": 8.0, "peak_mb": 330.0},
            ],
            "machine_gain": {"2": 1.5},
        },
        "start": {"help": 0.1, "match, new process": 2.5},
        "memory": {"libraries alone": 200.0, "add": 320.0, "match": 310.0, "add a 3-hour file": 650.0},
        "index": {
            "hours": 0.5,
            "recordings": 3,
            "landmarks": 1000,
            "kind": "compressed",
            "lists": 8,
            "bytes": {"lists": 1_000_000, "codes": 400_000, "manifest": 100, "total": 1_400_100},
            "bytes_per_hour": 2_800_200,
        },
    }


class TestReport:
    def test_shares_are_in_order_and_sum_to_one(self) -> None:
        got = speed_report.shares({"search": 1.0, "decode": 2.0, "strange": 1.0, "voting": 0.0})
        assert list(got) == ["decode", "search", "strange"]
        assert got["decode"] == 0.5
        assert sum(got.values()) == pytest.approx(1.0)

    def test_figures_are_rates_ratios_and_the_worst_memory(self) -> None:
        got = {figure.name: figure for figure in speed_report.figures(hand_made())}
        assert got["adding from mp3"].value == 450.0
        assert got["adding from mp3"].met is True
        assert got["adding from mp3, of decoding alone"].value == 50.0
        assert got["matching music of the catalogue"].value == 100.0
        assert got["matching music of the catalogue"].met is False
        assert got["matching other music"].met is True
        assert got["2 jobs over 1"].value == pytest.approx(1.25)
        assert "1.50" in got["2 jobs over 1"].detail
        assert got["index"].value == pytest.approx(2.8002)
        assert (got["peak memory"].value, got["peak memory"].met) == (650.0, False)

    def test_tables_name_missing_measurements(self) -> None:
        tables = {table.title: table for table in speed_report.tables(hand_made())}
        formats = tables["Adding, x real time on one core"]
        assert list(formats.rows[0]) == ["mp3", "450", "900", "50", "60", "D"]
        assert "Not measured: opus, cannot be written with the libraries here: no encoder." in formats.note
        stages = tables["Share of processor time by stage, percent"]
        rows = {row[0]: list(row[1:]) for row in stages.rows}
        assert rows["decode"] == ["50.0", "25.0", "25.0"]
        assert rows["search"] == ["-", "37.5", "37.5"]
        assert rows["a new stage"] == ["10.0", "5.0", "5.0"]
        assert rows["seconds per hour of audio"] == ["20.0", "40.0", "40.0"]
        index = tables["Index, kB per hour of catalogue"]
        assert list(index.rows[0]) == ["inverted lists: codes and row numbers", "2000", "71.4"]
        assert list(index.rows[-1]) == ["together", "2800", "100"]
        assert "Speed and size: 3 recordings" in as_text(speed.PART, hand_made())

    @pytest.mark.slow
    def test_pictures_are_drawn_and_the_same_every_time(self, tmp_path: Path) -> None:
        names = [picture.name for picture in speed_report.pictures(hand_made(), tmp_path)]
        assert names == ["speed-stages.svg", "speed-formats.svg", "speed-index.svg"]
        first = [(tmp_path / name).read_bytes() for name in names]
        speed_report.pictures(hand_made(), tmp_path)
        assert [(tmp_path / name).read_bytes() for name in names] == first
        assert min(map(len, first)) > 5000


class TestMeasure:
    @pytest.mark.parametrize("quick", [True, False])
    def test_report_of_a_run_is_complete(self, quick: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ready = hand_made()
        info = {**ready["index"], "layers": {"recording": {"kind": "exact", "landmarks": 9, "lists": None}}}
        asked = []

        def step(name: str, **given: Any) -> dict[str, Any]:
            asked.append(name)
            if name == "match":
                stages = {"stages": ready["stages"]["add"]} if given.get("staged", True) else {}
                return {**ready["match"]["catalogue"], "first_seconds": 1.0, "elapsed_seconds": 2.0, **stages}
            run = {"audio_seconds": 3600.0, "elapsed_seconds": 10.0, "peak_mb": 320.0}
            known: dict[str, dict[str, Any]] = {
                "formats": ready["formats"],
                "add_stages": ready["stages"]["add"],
                "info": info,
            }
            return known.get(name, run)

        monkeypatch.setattr(speed, "catalogue", lambda *_, **__: tmp_path / "index")
        monkeypatch.setattr(speed, "tracks", lambda *_, **__: ({"mp3": [wav_of(tmp_path)]}, {"opus": "no encoder"}))
        monkeypatch.setattr(speed, "endless", lambda *_, **__: "long.mp3")
        monkeypatch.setattr(speed, "run_step", step)
        monkeypatch.setattr(speed, "machine_gain", lambda *_, **__: 1.9)
        monkeypatch.setattr(speed, "command_seconds", lambda *_, **__: 0.5)
        report = speed.measure(Job(SyntheticCorpus(), tmp_path, quick=quick))
        json.dumps(report, allow_nan=False)
        assert asked.count("match") == (2 if quick else 3)
        assert report["formats_missing"] == {"opus": "no encoder"}
        assert ("add a 3-hour file" in report["memory"]) is not quick
        assert ("match, first ever: kernels are compiled" in report["start"]) is not quick
        assert "stages" not in report["match"]["catalogue"]
        assert len(speed_report.tables(report)) == 7

    def test_without_mp3_nothing_is_measured(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(speed, "catalogue", lambda *_, **__: tmp_path / "index")
        monkeypatch.setattr(speed, "tracks", lambda *_, **__: ({}, {"mp3": "cannot be written"}))
        with pytest.raises(ParameterError, match="mp3 cannot be written: install soundfile"):
            speed.measure(Job(SyntheticCorpus(), tmp_path))


def wav_of(folder: Path) -> str:
    path = folder / "short.wav"
    soundfile.write(path, np.zeros(8000), 8000)
    return str(path)


def test_places_are_absolute_in_any_folder_of_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job = Job(SyntheticCorpus(seconds=8.0), Path("cache"), options={"check": Path("a"), "words": "b"})
    assert job.cache == tmp_path / "cache"
    assert job.options == {"check": tmp_path / "a", "words": "b"}
    Path("songs").mkdir()
    soundfile.write("songs/a.wav", np.zeros(8000), 8000)
    monkeypatch.setenv("SOURCEPRINT_CORPUS", "songs")
    (row,) = open_corpus().music
    assert open_corpus().path(row.file) == tmp_path / "songs" / "a.wav"
