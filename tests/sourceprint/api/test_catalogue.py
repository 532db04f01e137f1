"""The Python interface: the same findings and words as the commands, from audio of any kind and in any thread."""

from __future__ import annotations

import io
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import sourceprint
from index.folder.index import Index
from sourceprint.processes import in_this_process
from tests.command_line import RATE_HZ, catalogue, music, run, write


@pytest.fixture(scope="module")
def label(tmp_path_factory: pytest.TempPathFactory) -> sourceprint.Catalogue:
    """Return an open catalogue of three recordings of 12 s; beside its folder are tracks to match."""
    folder = tmp_path_factory.mktemp("label")
    index = catalogue(folder, [1, 2, 3])
    for seed in (1, 2, 7):
        write(folder / "tracks" / f"t{seed}.wav", excerpt(seed))
    write(folder / "tracks" / "short.wav", music(1)[:2000])
    return sourceprint.open(index)


def excerpt(seed: int) -> NDArray[np.float32]:
    return music(seed)[2 * RATE_HZ : 10 * RATE_HZ]


def tracks(label: sourceprint.Catalogue) -> Path:
    return label.path.parent / "tracks"


def same(record: dict[str, Any]) -> dict[str, Any]:
    """Return a result without the fields that differ from run to run."""
    return {key: value for key, value in record.items() if key not in ("scan_id", "timing_ms")}


def rows(*paths: Path, index: Path) -> list[dict[str, Any]]:
    done = run("match", *paths, "--jsonl", "--quiet", index=index)
    return [same(json.loads(line)) for line in done.stdout.splitlines()]


def found(result: sourceprint.ScanResult) -> list[tuple[str, int, int]]:
    return [
        (match.recording_id, passage.track_start_ms, passage.recording_end_ms)
        for match in result.matches
        for passage in match.passages
    ]


# --- matches ----------------------------------------------------------------------------------------------------


def test_match_is_the_row_of_the_command(label: sourceprint.Catalogue) -> None:
    for name in ("t1.wav", "t7.wav"):
        track = tracks(label) / name
        result = label.match(track)
        assert [same(result.to_dict())] == rows(track, index=label.path)
        assert result.searched
    assert [match.recording_id for match in label.match(tracks(label) / "t1.wav").matches] == ["s1"]
    assert label.match(tracks(label) / "t7.wav").status == "no_match"
    assert label.digest == result.index_digest


def test_scan_is_the_rows_of_the_commands_with_a_run_and_without(label: sourceprint.Catalogue, tmp_path: Path) -> None:
    folder = tracks(label)
    with in_this_process():
        results = list(label.scan(folder))
        assert [same(result.to_dict()) for result in results] == rows(folder, index=label.path)
        assert [result.status for result in results] == ["too_short", "matched", "matched", "no_match"]
        kept = list(label.scan([folder], run=tmp_path / "api"))
        run("scan", folder, "--out", tmp_path / "command", "--quiet", index=label.path)
        again = list(label.scan([folder], run=tmp_path / "api"))
    by_command = sourceprint.read_results(tmp_path / "command")
    timeless = [{**one.to_dict(), "timing_ms": None} for one in by_command]
    assert [{**one.to_dict(), "timing_ms": None} for one in kept] == timeless
    assert [one.to_dict() for one in again] == [one.to_dict() for one in kept]
    assert run("diff", tmp_path / "api", tmp_path / "command", "--exit-code").exit_code == 0
    log = [json.loads(line) for line in (tmp_path / "api" / "log.jsonl").read_text().splitlines()]
    assert sum(event["event"] == "scanned" for event in log) == 4  # the second time, nothing was searched


def test_settings_are_those_of_the_command(label: sourceprint.Catalogue) -> None:
    track = tracks(label) / "t1.wav"
    filtered = label.match(track, only=["id:s2", "id:s3"], exclude=["id:s3"])
    options = ("--only", "id:s2", "--only", "id:s3", "--exclude", "id:s3")
    done = run("match", track, *options, "--json", "--quiet", index=label.path)
    assert [same(filtered.to_dict())] == [same(one) for one in json.loads(done.stdout)]
    assert filtered.status == "no_match"
    with pytest.raises(sourceprint.UnknownRecordingError, match="s9"):
        label.match(track, only=["id:s9"])
    for take in (label.scan, label.check, label.add_all):
        with pytest.raises(sourceprint.ParameterError, match="bytes is no path; audio in memory goes to match"):
            take([b"RIFF"])  # type: ignore[list-item]
    with pytest.raises(sourceprint.ParameterError, match=r"only='id:s1': must be a list of words"):
        label.match(track, only="id:s1")
    with pytest.raises(sourceprint.ParameterError, match="max_false_per_1000h=0"):
        label.scan(track, max_false_per_1000h=0)


def test_check_is_the_report_of_the_command(label: sourceprint.Catalogue, tmp_path: Path) -> None:
    paths = [tracks(label), tmp_path / "nowhere.wav"]
    (tmp_path / "p.toml").write_text(
        'schema = "sourceprint/gate-policy/1"\nname = "p"\notherwise = "review"\n', encoding="utf-8"
    )
    with in_this_process():
        dated = {"policy": tmp_path / "p.toml", "fail_on": "review", "day": date(2026, 7, 1)}
        words: list[str | Path] = ["--policy", tmp_path / "p.toml", "--fail-on", "review", "--date", "2026-07-01"]
        for options, named in (({}, []), (dated, words)):
            report = label.check(paths, **options)  # type: ignore[arg-type]
            done = run("check", *paths, *named, "--format", "json", "--quiet", index=label.path)
            assert report.to_dict() == json.loads(done.stdout)
            assert report.exit_code == done.exit_code == 4
        lines = run("check", *paths, "--fail-on", "review", "--policy", tmp_path / "p.toml", index=label.path)
    assert str(report).splitlines()[:-1] == lines.stdout.splitlines()
    assert str(report).splitlines()[-1] == lines.stderr.splitlines()[0]
    with pytest.raises(sourceprint.ParameterError, match="fail_on='pass': must be 'review' or 'block'"):
        label.check(paths, fail_on="pass")  # type: ignore[arg-type]
    with pytest.raises(sourceprint.EvidenceError, match=r"none\.toml"):
        label.check(paths, policy="none.toml")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bytes", "file", "stream", "mono", "channels first", "channels last", "float64"])
def test_audio_of_every_kind_gives_the_same_matches(label: sourceprint.Catalogue, kind: str) -> None:
    track, y = tracks(label) / "t1.wav", excerpt(1)
    given: dict[str, tuple[Any, str]] = {
        "bytes": (track.read_bytes(), "audio"),
        "file": (held := track.open("rb"), str(track)),
        "stream": (io.BytesIO(track.read_bytes()), "audio"),
        "mono": (y, "audio"),
        "channels first": (np.stack([y, y]), "audio"),
        "channels last": (np.stack([y, y], axis=1), "audio"),
        "float64": (y.astype(float), "audio"),
    }
    audio, name = given[kind]
    rate = None if kind in ("bytes", "file", "stream") else RATE_HZ
    result = label.match(audio, sample_rate=rate)
    ((recording, start, end),) = found(result)
    ((as_file, file_start, file_end),) = found(label.match(track))
    assert (recording, result.name) == (as_file, name)
    assert abs(start - file_start) < 50  # the file has 16 bits
    assert abs(end - file_end) < 50
    assert label.match(audio if rate else track, sample_rate=rate, name="mine").name == "mine"
    if kind == "mono":
        assert label.match(y, sample_rate=RATE_HZ).sha256 == result.sha256
    held.close()


def test_samples_are_those_of_a_wav_file_of_floats(label: sourceprint.Catalogue, tmp_path: Path) -> None:
    y = np.stack([excerpt(1), excerpt(2)])
    write(tmp_path / "floats.wav", y.T, subtype="FLOAT")
    as_array = label.match(y, sample_rate=RATE_HZ).to_dict()
    as_file = label.match(tmp_path / "floats.wav").to_dict()
    assert as_array["matches"] == as_file["matches"]
    assert {match["recording_id"] for match in as_array["matches"]} == {"s1", "s2"}
    assert as_array["track"]["duration_ms"] == 8000


# --- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("audio", "rate", "message"),
    [
        (np.zeros(9), None, "sample_rate: is missing"),
        (np.zeros(9), 10, "sample_rate=10: must be a whole number within 2000-768000; give the rate in Hz"),
        (np.zeros(9), 44100.5, "sample_rate=44100.5: must be a whole number"),
        (np.zeros(9, np.int16), 44100, "dtype int16, must be floats of full scale 1.0; of 16 bits, give y / 32768"),
        (np.zeros((2, 3, 4)), 44100, r"shape \(2, 3, 4\), must be \(n,\)"),
        (np.zeros((100, 100)), 44100, r"shape \(100, 100\), one axis must be that of 1-64 channels"),
        (np.zeros((2, 2)), 44100, r"shape \(2, 2\), one axis must be that of 1-64 channels"),
        (np.zeros(0), 44100, r"shape \(0,\), must have at least one sample"),
        (np.array([0.0, np.nan]), 44100, "holds NaN"),
        (np.array([0.0, 1e300]), 44100, "holds NaN, infinity or a number beyond 32 bits"),
        ("a.wav", 44100, "sample_rate=44100: is for arrays; a path has its own rate"),
        (b"abc", 44100, "sample_rate=44100: is for arrays; an encoded file has its own rate"),
        (io.BytesIO(b"abc"), 44100, "sample_rate=44100: is for arrays; a file object has its own rate"),
        (io.StringIO("abc"), None, "is a file object of text"),
        (io.TextIOWrapper(io.BytesIO(b"RIFF\xac"), "utf-8"), None, "is a file object of text; open the file with mode"),
        ([0.1, 0.2], 44100, "audio: is of type list"),
        ("https://host/a.mp3", None, "is a URL, and nothing is fetched"),
        ("", None, "is an empty path"),
    ],
)
def test_files_that_are_no_audio_are_refused_by_name(
    label: sourceprint.Catalogue, audio: Any, rate: Any, message: str
) -> None:
    with pytest.raises(sourceprint.ParameterError, match=message):
        label.match(audio, sample_rate=rate)


def test_audio_that_cannot_be_searched_raises_and_never_passes_for_no_match(label: sourceprint.Catalogue) -> None:
    with pytest.raises(sourceprint.DecodeError, match=r"nowhere\.wav: no such file"):
        label.match("nowhere.wav")
    with pytest.raises(sourceprint.DecodeError, match=r"^mine: "):
        label.match(b"no audio at all", name="mine")
    with pytest.raises(sourceprint.TooShortError, match=r"short\.wav: "):
        label.match(tracks(label) / "short.wav")
    with pytest.raises(sourceprint.NotEnoughMusicError, match=r"^audio: "):
        label.match(np.zeros(5 * RATE_HZ), sample_rate=RATE_HZ)


def test_a_scan_warns_of_unusable_results(label: sourceprint.Catalogue, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.warns(sourceprint.InputWarning, match="a folder without audio"), in_this_process():
        (missing,) = label.scan([tmp_path / "empty", tmp_path / "nowhere.wav"])
    assert (missing.searched, missing.status) == (False, "decode_error")
    with pytest.warns(sourceprint.InputWarning, match="a folder without audio"), in_this_process():
        assert list(label.scan(tmp_path / "empty", run=tmp_path / "run")) == []
    with pytest.raises(sourceprint.ParameterError, match="retry_failed=True: applies to a stored scan"):
        label.scan(tmp_path, retry_failed=True)


# --- recordings -------------------------------------------------------------------------------------------------------


def test_recordings_are_added_replaced_and_removed(tmp_path: Path) -> None:
    with sourceprint.create(tmp_path / "index") as made:
        added = made.add(music(1), sample_rate=RATE_HZ, id="A-1", title="One", artists="Ann", tags=["sync"])
        assert (added.id, added.title, added.artists, added.tags) == ("A-1", "One", ("Ann",), ("sync",))
        assert added.duration_ms == 12_000
        assert made.add(music(1), sample_rate=RATE_HZ, id="A-1", title="One") == added
        with pytest.warns(sourceprint.InputWarning, match="under another title"):
            made.add(music(1), sample_rate=RATE_HZ, id="A-1", title="Two")
        with pytest.raises(sourceprint.DuplicateRecordingError, match="is in the index with other audio"):
            made.add(music(2), sample_rate=RATE_HZ, id="A-1")
        replaced = made.add(music(2), sample_rate=RATE_HZ, id="A-1", title="New", replace=True)
        assert (replaced.title, replaced.sha256 == added.sha256) == ("New", False)
        made.add(io.BytesIO(write(tmp_path / "x.wav", music(3)).read_bytes()), isrc="GB-AYE-12-34567")
        assert [one.id for one in made.recordings] == ["A-1", "GBAYE1234567"]
        assert ("A-1" in made, "A-2" in made, len(made)) == (True, False, 2)
        assert [match.recording_id for match in made.match(excerpt(2), sample_rate=RATE_HZ).matches] == ["A-1"]
        assert made.remove("A-1") == 1
        assert made.match(excerpt(2), sample_rate=RATE_HZ).status == "no_match"
        assert made.info()["recordings"] == 1
        for wrong, error, message in [
            ({"id": "A-1", "replace": True}, sourceprint.UnknownRecordingError, "'A-1' is not in the index"),
            ({}, sourceprint.ParameterError, "audio without a file name needs one"),
            ({"id": ""}, sourceprint.ParameterError, "id='': is empty"),
            ({"isrc": "nonsense"}, sourceprint.ParameterError, "nonsense"),
            ({"id": "x" * 513}, sourceprint.ParameterError, "must be a text of 1 to 512 characters"),
        ]:
            with pytest.raises(error, match=message):
                made.add(music(1), sample_rate=RATE_HZ, **wrong)  # type: ignore[arg-type]
        with pytest.raises(sourceprint.TooShortError, match=r"^tiny: "):
            made.add(music(1)[:900], sample_rate=RATE_HZ, id="B", name="tiny")
        with pytest.raises(sourceprint.DecodeError, match="is a folder"):
            made.add(tmp_path, id="B")
        with pytest.raises(sourceprint.UnknownRecordingError, match="A-1"):
            made.remove("A-1", "GBAYE1234567")
        assert len(made) == 1  # all or none


def test_many_recordings_are_added_as_by_the_command(tmp_path: Path) -> None:
    for seed in (1, 2):
        write(tmp_path / "music" / f"s{seed}.wav", music(seed))
    (tmp_path / "music" / "broken.wav").write_bytes(b"RIFF" + bytes(40))
    made = sourceprint.create(tmp_path / "api")
    with in_this_process():
        report = made.add_all(tmp_path / "music")
        assert str(report).splitlines()[0] == "2 added, 1 failed"
        assert repr(made.recordings) == "<2 recordings>"
        done = run("add", tmp_path / "music", "--json", "--quiet", index=tmp_path / "command")
    assert [(outcome.recording_id, outcome.kind) for outcome in report.outcomes][1:] == [
        ("s1", "added"),
        ("s2", "added"),
    ]
    assert [outcome.name for outcome in report.failures] == [str(tmp_path / "music" / "broken.wav")]
    said, theirs = report.to_dict(), json.loads(done.stdout)
    assert said["index"]["digest"] == theirs["index"]["digest"] == made.digest
    assert {key: said[key] for key in ("added", "committed", "failed")} == {
        key: theirs[key] for key in ("added", "committed", "failed")
    }
    with in_this_process():
        assert [outcome.kind for outcome in made.add_all([tmp_path / "music" / "s1.wav"]).outcomes] == ["unchanged"]


def test_changes_without_audio_are_those_of_the_commands(label: sourceprint.Catalogue, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("id,title,mood\ns3,Three,calm\n")
    python, command = (Path(shutil.copytree(label.path, tmp_path / name)) for name in ("python", "command"))
    changed = sourceprint.open(python)
    assert changed.tag("s1", "s2", add=["sync", "label-7"]) == 2
    assert changed.tag("s1", remove=["sync"]) == 1
    assert changed.exclude("s1", "0:00-0:02.5").excluded == ((0, 2500),)
    with pytest.warns(sourceprint.InputWarning, match=r"^s1: only 1\.5 s at a stretch counts"):
        assert changed.exclude("s1", (4000, 12000), "11-12").excluded == ((0, 2500), (4000, 12000))
    assert changed.exclude("s2", *changed.recording("s1").excluded[:1], clear=True).excluded == ((0, 2500),)
    amended = changed.amend("s2", title="Two", artists=["Ann", " Ben "], isrc="gb-aye-12-34567", id="S-2")
    assert (amended.id, amended.title, amended.artists, amended.isrc) == ("S-2", "Two", ("Ann", "Ben"), "GBAYE1234567")
    assert changed.amend("S-2", artists="Cid", isrc="") == changed.recording("s2")
    with (
        pytest.warns(sourceprint.InputWarning, match=r"sheet\.csv: columns read: 'id', 'title'"),
        pytest.warns(sourceprint.InputWarning, match=r"sheet\.csv: columns ignored: mood"),
    ):
        assert changed.amend_all(sheet) == 1
    for words in (
        ["tag", "s1", "s2", "--add", "sync", "--add", "label-7"],
        ["tag", "s1", "--remove", "sync"],
        ["exclude", "s1", "0:00-0:02.5"],
        ["exclude", "s1", "4-12", "11-12"],
        ["exclude", "s2", "0-2.5", "--clear"],
        ["amend", "s2", "--title", "Two", "--artist", "Ann", "--artist", " Ben ", "--isrc", "gb-aye-12-34567"],
        ["amend", "s2", "--id", "S-2"],
        ["amend", "S-2", "--artist", "Cid", "--isrc", ""],
        ["amend", "--list", sheet],
    ):
        assert run(*words, "--quiet", index=command).exit_code == 0
    theirs = sourceprint.open(command)
    assert list(changed.recordings) == list(theirs.recordings)
    assert changed.digest == theirs.digest != label.digest


def test_a_change_that_is_none_is_refused_and_nothing_is_changed(label: sourceprint.Catalogue) -> None:
    before = list(label.recordings)
    untyped: Any = label
    for change, error, message in (
        (lambda: label.tag("s1"), sourceprint.ParameterError, r"^nothing to change; give add=\[...\] or remove="),
        (lambda: label.tag(add=["a"]), sourceprint.ParameterError, "^ids: are missing"),
        (lambda: label.tag("s1", add="ab"), sourceprint.ParameterError, "^add='ab': must be a list of words"),
        (lambda: label.tag("s1", "x", add=["a"]), sourceprint.UnknownRecordingError, "'x' is not in the index"),
        (lambda: label.exclude("s1"), sourceprint.ParameterError, "^nothing to exclude; give ranges"),
        (lambda: label.exclude("s1", "9"), sourceprint.ParameterError, "must be START-END"),
        (lambda: untyped.exclude("s1", (5, 5.5)), sourceprint.ParameterError, "must be start and end in whole millis"),
        (lambda: untyped.exclude("s1", 5), sourceprint.ParameterError, "must be start and end in whole millis"),
        (lambda: label.exclude("s1", "20-30"), sourceprint.ParameterError, "starts after the recording has ended"),
        (lambda: label.amend("s1"), sourceprint.ParameterError, "^nothing to correct; give title, artists, isrc or id"),
        (lambda: label.amend("s1", isrc="x"), sourceprint.ParameterError, "ISRC"),
        (lambda: untyped.amend("s1", title=5), sourceprint.ParameterError, "title"),
        (lambda: untyped.amend("s1", artists=[5]), sourceprint.ParameterError, "artist"),
        (lambda: label.amend("s1", id="s2"), sourceprint.DuplicateRecordingError, "s2"),
        (lambda: label.amend_all("none.csv"), sourceprint.ParameterError, r"none\.csv"),
    ):
        with pytest.raises(error, match=message):
            change()
    assert list(label.recordings) == before


# --- open, closed, and in threads -------------------------------------------------------------------------------------


def test_an_index_is_made_opened_and_closed(tmp_path: Path) -> None:
    place = tmp_path / "index"
    with pytest.raises(sourceprint.IndexMissingError, match="index"):
        sourceprint.open(place)
    made = sourceprint.create(str(place))
    assert repr(made) == f"<Catalogue {str(place)!r}: 0 recordings>"
    with pytest.raises(sourceprint.CatalogueError, match="holds an index already"):
        sourceprint.create(place)
    assert sourceprint.create(place, exist_ok=True).digest == made.digest
    (tmp_path / "file").write_text("x")
    with pytest.raises(sourceprint.IndexFormatError, match="a file, not a folder"):
        sourceprint.create(tmp_path / "file")
    with sourceprint.open(place) as opened:
        assert len(opened) == 0
    opened.close()
    assert repr(opened) == f"<Catalogue {str(place)!r}: closed>"
    for call in (opened.info, lambda: opened.recordings, lambda: opened.match("a.wav"), lambda: opened.remove("a")):
        with pytest.raises(sourceprint.CatalogueError, match="was closed; open it again"):
            call()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["exact", "compressed"])
def test_many_threads_match_on_one_index_while_one_adds(tmp_path: Path, kind: str) -> None:
    index = catalogue(tmp_path / "label", [1, 2, 3])
    if kind == "compressed":
        with Index.open(index).writer(exact_limit=64) as writer:
            writer.compact()
    given = [excerpt(seed) for seed in (1, 2, 3, 7)]
    assert sourceprint.open(index).info()["layers"]["recording"]["kind"] == kind

    def matched(opened: sourceprint.Catalogue, y: NDArray[np.float32]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = opened.match(y, sample_rate=RATE_HZ).to_dict()["matches"]
        return found

    first = sourceprint.open(index)
    one_by_one = [matched(first, y) for y in given]
    assert [[match["recording_id"] for match in matches] for matches in one_by_one] == [["s1"], ["s2"], ["s3"], []]
    label = sourceprint.open(index)  # nothing in it is loaded yet: threads meet where that is done
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(matched, [label] * 8, given * 2))
        adding = pool.submit(label.add, music(4), sample_rate=RATE_HZ, id="s4")
        meanwhile = list(pool.map(matched, [label] * 4, given))
        assert adding.result().id == "s4"
    assert together == one_by_one * 2
    assert meanwhile == one_by_one
    assert [match["recording_id"] for match in matched(label, excerpt(4))] == ["s4"]  # seen by the next call


def test_changes_by_another_process_are_seen_by_the_next_call(tmp_path: Path) -> None:
    index = catalogue(tmp_path, [1])
    label = sourceprint.open(index)
    assert label.match(excerpt(2), sample_rate=RATE_HZ).status == "no_match"
    write(tmp_path / "more" / "s2.wav", music(2))
    assert run("add", tmp_path / "more", "--quiet", index=index).exit_code == 0
    assert label.match(excerpt(2), sample_rate=RATE_HZ).status == "matched"
    assert run("remove", "s2", "--quiet", index=index).exit_code == 0
    assert run("compact", "--quiet", index=index).exit_code == 0
    assert label.match(excerpt(2), sample_rate=RATE_HZ).status == "no_match"
    assert [one.id for one in label.recordings] == ["s1"]


def test_an_encoded_file_may_be_of_any_format(label: sourceprint.Catalogue) -> None:
    held = io.BytesIO()
    soundfile.write(held, excerpt(3), RATE_HZ, format="FLAC")
    assert [match.recording_id for match in label.match(held.getvalue(), name="x.flac").matches] == ["s3"]
