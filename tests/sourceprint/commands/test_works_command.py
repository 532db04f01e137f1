"""The composition layer by command: added, filled in, kept in fingerprint files, and searched for works."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmarks.composition_renditions import Change, arrange, sound
from benchmarks.composition_songs import random_song
from fingerprint.composition import CompositionParams
from index.folder.index import Index
from index.folder.windows import CompositionLayer
from tests.command_line import RATE_HZ, run
from tests.places import ROOT

BOTH = ("--layers", "recording,composition")
N_SONGS = 8


def play(path: Path, number: int, seed: int, change: Change) -> Path:
    song, rng = random_song(np.random.default_rng((5, number)), seconds=40.0), np.random.default_rng((6, seed))
    soundfile.write(path, sound(arrange(song, rng, change), rng), RATE_HZ, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    for number in range(N_SONGS):
        play(folder / f"song{number}.wav", number, number, Change())
    return folder


@pytest.fixture(scope="module")
def cover(tmp_path_factory: pytest.TempPathFactory) -> Path:
    change = Change(semitones=3.0, tempo=1.08, drums=True)
    return play(tmp_path_factory.mktemp("covers") / "cover.wav", 4, 104, change)


@pytest.fixture(scope="module")
def both(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = tmp_path_factory.mktemp("both") / "index"
    assert run("add", songs, *BOTH, "--jobs", "1", index=index).exit_code == 0
    return index


def works(index: Path, *words: str | Path) -> dict[str, Any]:
    done = run("match", *words, "--layer", "composition", "--jobs", "1", "--jsonl", index=index)
    assert done.exit_code == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def windows(index: Path) -> dict[str, list[int]]:
    return {one.recording_id: one.windows.vectors.tolist() for one in CompositionLayer(Index.open(index).snapshot())}


def fields(value: Any) -> Any:
    """Return the names of the fields of a result, without its values."""
    if isinstance(value, dict):
        return {name: fields(below) for name, below in value.items()}
    return [fields(below) for below in value if isinstance(below, dict)] if isinstance(value, list) else None


@pytest.mark.slow
def test_a_replayed_transposed_song_is_found_with_spans_key_tempo_and_p(both: Path, cover: Path) -> None:
    result = works(both, cover)
    assert (result["schema"], result["status"], result["searched"]["recordings"]) == (
        "sourceprint/work-result/1",
        "matched",
        N_SONGS,
    )
    (match,) = result["matches"]
    assert (match["recording_id"], match["layer"], match["state"]) == ("song4", "composition", "claim")
    assert match["p_false"] <= 0.001
    best = match["passages"][0]
    assert best["transposition_semitones"] == 3
    assert best["tempo_percent"] == pytest.approx(108, abs=4)
    assert best["track_end_ms"] - best["track_start_ms"] > 20_000
    assert best["recording_start_ms"] == pytest.approx(1.08 * best["track_start_ms"], abs=1500)
    page = (ROOT / "docs" / "formats" / "work-result.md").read_text(encoding="utf-8")
    assert fields(result) == fields(json.loads(page.split("```json\n")[1].split("```")[0]))
    told = run("match", cover, "--layer", "composition", index=both).stdout
    assert "1 work found in 0:48" in told
    assert "song4: claim, by chance 1 in " in told
    assert "+3 st" in told


@pytest.mark.slow
def test_workers_filters_and_names_change_nothing_else(both: Path, cover: Path, songs: Path) -> None:
    alone = works(both, cover, "--only", "id:song4")
    assert alone["searched"] == {"layer": "composition", "only": ["id:song4"], "exclude": [], "recordings": 1}
    assert [match["recording_id"] for match in alone["matches"]] == ["song4"]
    assert works(both, cover, "--exclude", "id:song4")["matches"] == []
    words = ("match", cover, songs / "song0.wav", "--layer", "composition", "--json")
    one, two = (json.loads(run(*words, "--jobs", jobs, index=both).stdout) for jobs in ("1", "2"))
    for result in [*one, *two]:
        del result["timing_ms"]
    assert one == two
    assert [result["matches"][0]["recording_id"] for result in one] == ["song4", "song0"]


@pytest.mark.slow
def test_takes_of_one_title_are_no_rivals_and_are_named(both: Path, cover: Path, tmp_path: Path) -> None:
    takes, index = tmp_path / "takes", tmp_path / "index"
    shutil.copytree(both, index)
    takes.mkdir()
    for n in range(3):
        play(takes / f"take{n}.wav", 4, 200 + n, Change())
    run("add", takes, "--jobs", "1", index=index)
    apart = works(index, cover)["matches"]
    assert "claim" not in {match["state"] for match in apart}
    for name in ("song4", "take0", "take1", "take2"):
        said = run("amend", name, "--title", f"Four ({name})", "--artist", "Ada", index=index)
        assert said.exit_code == 0
    (match,) = works(index, cover)["matches"]
    assert match["state"] == "claim"
    assert sorted([match["recording_id"], *match["same_work"]]) == ["song4", "take0", "take1", "take2"]


@pytest.mark.slow
def test_an_index_is_filled_from_audio_and_its_recording_layer_stays(
    both: Path, songs: Path, cover: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    run("add", songs, "--jobs", "1", index=index)
    run("tag", "song2", "--add", "sync", index=index)
    run("exclude", "song3", "0-5", index=index)
    refused = run("match", cover, "--layer", "composition", index=index)
    assert refused.exit_code == 5
    assert "has no composition layer; give it one from the audio" in refused.stderr
    before = run("match", songs / "song3.wav", "--jsonl", index=index)
    filled = run("add", songs, "--layer", "composition", "--jobs", "1", index=index)
    assert "8 filled" in filled.stderr
    after = run("match", songs / "song3.wav", "--jsonl", index=index)
    assert json.loads(after.stdout)["matches"] == json.loads(before.stdout)["matches"]
    snapshot = Index.open(index).snapshot()
    assert snapshot.by_id("song2").tags == ("sync",)
    assert snapshot.by_id("song3").excluded == ((0, 5000),)
    assert {name: rows for name, rows in windows(index).items() if name != "song3"} == {
        name: rows for name, rows in windows(both).items() if name != "song3"
    }
    assert "8 unchanged" in run("add", songs, "--jobs", "1", index=index).stderr
    shutil.copy(cover, tmp_path / "more.wav")
    run("add", tmp_path / "more.wav", "--jobs", "1", index=index)  # the index remembers
    assert len(windows(index)) == N_SONGS + 1
    assert works(index, cover)["matches"][0]["recording_id"] == "more"


@pytest.mark.slow
def test_fingerprint_files_take_the_place_of_the_audio(both: Path, songs: Path, cover: Path, tmp_path: Path) -> None:
    prints, plain, index = tmp_path / "prints", tmp_path / "plain", tmp_path / "index"
    for folder, layers in ((prints, BOTH), (plain, ())):
        words = ["fingerprint", songs, "-o", folder, "--role", "recording", "--jobs", "1", *layers]
        assert run(*words).exit_code == 0
        assert "8 unchanged" in run(*words).stderr
    lacking = run("add", plain, *BOTH, "--jobs", "1", index=index)
    assert lacking.exit_code == 3
    assert "song0.spf: has no composition layer; make it again from the audio, with both layers" in lacking.stderr
    run("add", prints, *BOTH, "--jobs", "1", index=index)
    assert windows(index) == windows(both)
    track = run("match", prints / "song1.spf", "--layer", "composition", index=index)
    assert track.exit_code == 3
    assert "describes no track for the composition layer; give the audio" in track.stderr


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    unused = run("match", "a.wav", "--layer", "composition", "--thorough", "--explain", index=tmp_path)
    assert unused.exit_code == 2
    assert "--thorough, --explain: not for --layer composition" in unused.stderr
    unknown = run("add", "a.wav", "--layers", "recording,colour", index=tmp_path / "index")
    assert unknown.exit_code == 2
    assert "layer 'colour': there are recording and composition" in unknown.stderr
    role = run("fingerprint", "a.wav", "-o", tmp_path / "prints", "--role", "track", *BOTH)
    assert role.exit_code == 2
    assert "composition is a layer of recordings" in role.stderr


@pytest.mark.slow
def test_odd_files_are_told_and_cost_no_other(both: Path, cover: Path, tmp_path: Path) -> None:
    rng, folder = np.random.default_rng(0), tmp_path / "tracks"
    folder.mkdir()
    shutil.copy(cover, folder / "cover.wav")
    soundfile.write(folder / "short.wav", 0.1 * rng.standard_normal(4 * RATE_HZ), RATE_HZ)
    soundfile.write(folder / "silence.wav", np.zeros(20 * RATE_HZ), RATE_HZ)
    soundfile.write(folder / "noise.wav", 0.1 * rng.standard_normal(20 * RATE_HZ), RATE_HZ)
    (folder / "broken.mp3").write_bytes(b"ID3" + bytes(3000))
    done = run("match", folder, "--layer", "composition", "--json", index=both)
    assert done.exit_code == 4
    states = {Path(one["track"]["name"]).name: one["status"] for one in json.loads(done.stdout)}
    assert states == {
        "broken.mp3": "decode_error",
        "cover.wav": "matched",
        "noise.wav": "no_match",
        "short.wav": "too_short",
        "silence.wav": "not_enough_music",
    }
    assert f"takes {CompositionParams().window_seconds:.1f} s and more" in done.stderr
