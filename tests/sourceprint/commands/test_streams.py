"""Files with several audio streams: all of them are searched, on one timeline, and none is passed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sourceprint
from fingerprint.streams import TrackStreams
from index.search.match import STANDARD
from tests.audio_files import tone, write_streams
from tests.command_line import RATE_HZ, catalogue, music, run

SILENCE = np.zeros(12 * RATE_HZ, np.float32)
SINE = tone(12.0, rate_hz=RATE_HZ, frequency_hz=220.0)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return catalogue(tmp_path_factory.mktemp("catalogue"), [1, 2])


def result_of(path: Path, index: Path, *, code: int = 0) -> dict[str, Any]:
    found = run("match", path, "--jsonl", "--quiet", index=index)
    assert found.exit_code == code, found.stderr
    result: dict[str, Any] = json.loads(found.stdout)
    return result


def said(result: dict[str, Any]) -> list[tuple[str, int, int, list[int]]]:
    """Return id, start, end (whole seconds) and streams of each passage."""
    return [
        (
            match["recording_id"],
            passage["track_start_ms"] // 1000,
            -(-passage["track_end_ms"] // 1000),
            passage["streams"],
        )
        for match in result["matches"]
        for passage in match["passages"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signals", "found"),
    [
        ((SINE, music(1)), [("s1", 0, 12, [2])]),
        ((SILENCE, music(2)), [("s2", 0, 12, [2])]),
        ((music(1), SILENCE, music(2)), [("s1", 0, 12, [1]), ("s2", 0, 12, [3])]),
        ((music(3), SINE), []),
    ],
)
@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("matroska", "flac")])
def test_sound_is_found_in_whichever_stream_it_is(
    index: Path, tmp_path: Path, signals: tuple[Any, ...], found: list[Any], container: str, codec: str
) -> None:
    path = write_streams(tmp_path / "film", signals, container=container, codec=codec)
    result = result_of(path, index)
    assert sorted(said(result)) == found
    assert result["track"]["streams"] == len(signals)
    assert result["track"]["duration_ms"] == pytest.approx(12_000, abs=150)
    n_quiet = sum("too little music" in note for note in result["track"]["notes"])
    assert n_quiet == sum(not np.any(y) for y in signals)


def test_a_passage_in_two_streams_at_one_place_is_one(index: Path, tmp_path: Path) -> None:
    louder = 0.5 * music(1) + 0.02 * music(3)
    result = result_of(write_streams(tmp_path / "film.mkv", [louder, music(1)]), index)
    assert said(result) == [("s1", 0, 12, [1, 2])]
    (match,) = result["matches"]
    assert match["track_match_ms"] <= 12_000


def test_streams_that_overlap_in_time_count_no_second_twice(index: Path, tmp_path: Path) -> None:
    first, second = music(1)[: 8 * RATE_HZ], music(1)[4 * RATE_HZ :]
    result = result_of(write_streams(tmp_path / "film.mkv", [first, second], delays_seconds=[0.0, 4.0]), index)
    (match,) = result["matches"]
    assert said(result) == [("s1", 0, 8, [1]), ("s1", 4, 12, [2])]
    assert match["track_match_ms"] == pytest.approx(12_000, abs=200)
    assert match["recording_match_ms"] == pytest.approx(12_000, abs=200)


def test_times_of_all_streams_are_those_of_the_file(index: Path, tmp_path: Path) -> None:
    path = write_streams(tmp_path / "film.mkv", [SINE, music(1)], delays_seconds=[0.0, 5.0])
    result = result_of(path, index)
    ((_, start, end, streams),) = said(result)
    assert (start, end, streams) == (5, 17, [2])
    assert result["track"]["duration_ms"] == pytest.approx(17_000, abs=100)
    assert "stream 2 of 2: starts at 5.00 s: the file holds no sound before" in result["track"]["notes"]


def test_a_file_with_one_stream_says_nothing_of_streams(index: Path, tmp_path: Path) -> None:
    result = result_of(write_streams(tmp_path / "a.mkv", [music(1)]), index)
    assert "streams" not in result["track"]
    assert all("streams" not in passage for match in result["matches"] for passage in match["passages"])


def test_none_of_several_streams_with_music_is_no_music(index: Path, tmp_path: Path) -> None:
    result = result_of(write_streams(tmp_path / "film.mkv", [SILENCE, SILENCE]), index, code=3)
    assert result["status"] == "not_enough_music"
    assert result["reason"].startswith("none of its 2 audio streams could be searched: stream 1 of 2: holds too little")


def test_too_many_streams_are_refused(index: Path, tmp_path: Path) -> None:
    short = music(1)[:RATE_HZ]
    result = result_of(write_streams(tmp_path / "film.mkv", [short] * 33), index, code=3)
    assert result["reason"] == (
        "holds 33 audio streams, at most 32 are looked at; cut it into files with fewer streams"
    )
    assert (
        len(list(TrackStreams(write_streams(tmp_path / "32.mkv", [short] * 32), scales=STANDARD.scales).parts())) == 32
    )


def with_unknown_second(path: Path, signals: list[Any]) -> Path:
    """Write two streams, the second of them in a coding that nobody knows."""
    data = write_streams(path, signals, container="mp4", codec="aac").read_bytes()
    for known in (b"mp4a", b"esds"):
        at = data.rindex(known)
        data = data[:at] + b"zzzz" + data[at + 4 :]
    path.write_bytes(data)
    return path


@pytest.mark.slow
def test_a_stream_that_cannot_be_decoded_is_never_passed_over(index: Path, tmp_path: Path) -> None:
    found = with_unknown_second(tmp_path / "found.mp4", [music(1), music(2)])
    result = result_of(found, index, code=4)
    assert (result["status"], said(result)) == ("matched", [("s1", 0, 12, [1])])
    assert result["track"]["unsearched_streams"] == [2]
    assert result["track"]["notes"][-1].startswith("stream 2 of 2: not searched: no audio could be decoded (no decoder")
    nothing = with_unknown_second(tmp_path / "nothing.mp4", [music(3), music(2)])
    result = result_of(nothing, index, code=3)
    assert result["status"] == "decode_error"
    assert result["reason"].startswith(
        "nothing was found, and not all of it was searched: stream 2 of 2: not searched: "
    )
    policy = tmp_path / "policy.toml"
    policy.write_text('schema = "sourceprint/gate-policy/1"\nname = "all"\notherwise = "review"\n')
    checked = run("check", found, nothing, "--policy", policy, "--format", "json", index=index)
    assert checked.exit_code == 4, checked.stderr
    assert [file["decision"] for file in json.loads(checked.stdout)["files"]] == ["error", "error"]


def test_python_warns_of_a_stream_that_cannot_be_decoded(index: Path, tmp_path: Path) -> None:
    found = with_unknown_second(tmp_path / "found.mp4", [music(1), music(2)])
    label = sourceprint.open(index)
    with pytest.warns(sourceprint.InputWarning, match=r"found\.mp4: not all of it was searched: stream 2 of 2"):
        assert label.match(found).unsearched_streams == (2,)
    nothing = with_unknown_second(tmp_path / "nothing.mp4", [music(3), music(2)])
    with pytest.raises(sourceprint.DecodeError, match=r"nothing\.mp4: nothing was found, and not all of it"):
        label.match(nothing)


def test_a_run_says_that_it_is_incomplete_until_it_is_not(index: Path, tmp_path: Path) -> None:
    found = with_unknown_second(tmp_path / "found.mp4", [music(1), music(2)])
    for _ in range(2):
        scanned = run("scan", found, "--out", tmp_path / "run", index=index)
        assert scanned.exit_code == 4
        assert "1 file with audio streams that could not be searched" in scanned.stderr


@pytest.mark.slow
def test_evidence_of_a_file_with_streams_is_computed_again(index: Path, tmp_path: Path) -> None:
    film = write_streams(tmp_path / "film.mkv", [SINE, music(1), music(1)])
    out = tmp_path / "run"
    assert run("scan", film, "--out", out, "--quiet", index=index).exit_code == 0
    case = tmp_path / "case.zip"
    assert run("keys", "create").exit_code == 0
    made = run("evidence", out, "film.mkv", "-o", case)
    assert made.exit_code == 0, made.stderr
    verified = run("verify", case, "--any-key")
    assert verified.exit_code == 0, verified.stderr
    report = run("report", out, "--out", tmp_path / "pages", "--with-audio")
    assert report.exit_code == 0, report.stderr
    assert len(list((tmp_path / "pages" / "assets").glob("*-track.png"))) == 1
    assert len(list((tmp_path / "pages" / "assets").glob("*-track.ogg"))) == 1
    (page,) = (tmp_path / "pages" / "files").glob("*.html")
    assert "<dt>Audio stream</dt><dd>2, 3</dd>" in page.read_text("utf-8")


def test_a_recording_is_one_stream(tmp_path: Path) -> None:
    one = write_streams(tmp_path / "one.mkv", [SILENCE, music(1)])
    two = write_streams(tmp_path / "two.mkv", [music(1), music(2)])
    added = run("add", one, two, index=tmp_path / "index")
    assert added.exit_code == 4
    assert "one.mkv: streams: 2 audio streams, of which only 2 holds music; that one is described" in added.stderr
    refusal = "two.mkv: holds 2 audio streams, and music in 1 and 2 of them: it would be one recording; give each as a"
    assert refusal in added.stderr
    made = run("fingerprint", one, two, "-o", tmp_path / "prints")
    assert made.exit_code == 4
    assert refusal in made.stderr
    assert [path.name for path in (tmp_path / "prints").glob("*.spf")] == ["one.spf"]
    found = run("match", tmp_path / "prints" / "one.spf", "--jsonl", index=tmp_path / "index")
    assert [match["recording_id"] for match in json.loads(found.stdout)["matches"]] == ["one"]


@pytest.mark.slow
@pytest.mark.corpus
def test_streams_of_real_music_are_found(corpus: Path, tmp_path: Path) -> None:
    import soundfile

    paths = sorted((corpus / "music").glob("*.ogg"))[:2]
    assert len(paths) == 2
    excerpts = []
    for path in paths:
        y, rate_hz = soundfile.read(path, frames=20 * 44100, dtype="float32", always_2d=True)
        excerpts.append(np.ascontiguousarray(y.mean(axis=1)))
    assert run("add", *paths, "--quiet", index=tmp_path / "index").exit_code == 0
    film = write_streams(tmp_path / "film.mp4", excerpts, rate_hz=rate_hz, container="mp4", codec="aac")
    result = result_of(film, tmp_path / "index")
    assert {(match["recording_id"], tuple(match["passages"][0]["streams"])) for match in result["matches"]} == {
        (path.stem, (number,)) for number, path in enumerate(paths, start=1)
    }
