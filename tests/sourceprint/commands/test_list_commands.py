"""Lists go through the commands as people have them; a mapping of columns holds for the next list too."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from tests.command_line import music, run, write

LABEL = "ISRC,Song Name (final),Artist,Label,File,Territory,Owner share %\n"


@pytest.fixture(scope="module")
def label(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("label")
    write(folder / "audio" / "one.wav", music(1, 6.0))
    write(folder / "audio" / unicodedata.normalize("NFC", "\u00c4.wav"), music(2, 6.0))
    rows = "QZAAA2600001,One,Ann,Blue,one.wav,World,100\nQZAAA2600002,Two,Bob,Blue,A\u0308.wav,DE,50\n"
    (folder / "label.csv").write_text(LABEL.replace("Song Name (final)", "Name") + rows, encoding="utf-8")
    return folder


def test_a_column_map_is_kept_with_the_index_shown_and_forgotten(label: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    words = ("--audio-root", label / "audio", "--quiet", "--jobs", "1")
    added = run("add", label / "label.csv", *words, "--columns", "Name=title", index=index)
    assert (added.exit_code, added.stderr) == (0, "")
    listed = json.loads(run("list", "--json", index=index).stdout)
    assert [(one["id"], one["title"], one["artists"], one["isrc"]) for one in listed] == [
        ("QZAAA2600001", "One", ["Ann"], "QZAAA2600001"),
        ("QZAAA2600002", "Two", ["Bob"], "QZAAA2600002"),
    ]
    assert run("columns", index=index).stdout == "Name=title\n"
    again = run("add", label / "label.csv", *words[:2], "--json", index=index)
    assert (again.exit_code, json.loads(again.stdout)["unchanged"]) == (0, 2)
    assert "'Name' as title" in again.stderr
    run("columns", "--forget", index=index)
    assert json.loads(run("columns", "--json", index=index).stdout) == {"columns": {}, "ignored": []}
    (index / "columns.json").write_text("{}", encoding="utf-8")
    spoilt = run("add", label / "label.csv", *words, index=index)
    assert (spoilt.exit_code, "sourceprint columns --forget" in spoilt.stderr) == (5, True)
    run("columns", "--forget", index=index)

    tracks = label / "tracks.csv"
    tracks.write_text("Track,WAV\n1,audio/one.wav\n2,audio/ome.wav\n", encoding="utf-8")
    (label / "tracks.txt").write_text("audio/one.wav\n\n", encoding="utf-8")
    matched = run("match", tracks, "--jsonl", "--jobs", "1", index=index)
    assert (matched.exit_code, len(matched.stdout.splitlines())) == (4, 1)
    assert f"'ome.wav': no such file in '{label}/audio', where the nearest name is 'one.wav'" in matched.stderr
    assert run("match", f"@{label}/tracks.txt", "--quiet", "--jobs", "1", index=index).exit_code == 0
    checked = run("check", tracks, "--jobs", "1", index=index)
    assert (checked.exit_code, "ome.wav" in checked.stdout) == (4, True)
    scanned = run("scan", tracks, "--out", tmp_path / "run", "--jobs", "1", "--quiet", index=index)
    assert scanned.exit_code == 4

    amended = run("amend", "QZAAA2600001", "--title", "Uno", "--id", "one", index=index)
    assert (amended.exit_code, amended.stderr) == (0, "1 recording changed\n")
    kept = run("scan", tracks, "--out", tmp_path / "run", "--jobs", "1", index=index)
    assert "1 file on record already" in kept.stderr, "a correction asks for no new scan"
    assert run("tag", "QZAAA2600001", index=index).stdout.count("Uno") == 1
    for wrong in ((), ("one",), ("one", "--list", tracks), ("--list", tracks, "--title", "x")):
        assert run("amend", *wrong, index=index).exit_code == 2


def test_many_files_that_are_not_there_are_told_as_few_and_a_count(label: Path, tmp_path: Path) -> None:
    rows = "".join(f"{n}.wav,T\n" for n in range(100, 140))
    (tmp_path / "list.csv").write_text(f"path,title\n{rows}", encoding="utf-8")
    result = run("add", tmp_path / "list.csv", "--json", index=tmp_path / "index")
    assert result.exit_code == 3
    assert len(json.loads(result.stdout)["failed"]) == 40
    told = [line for line in result.stderr.splitlines() if "no such file" in line]
    assert len(told) <= 11
    assert any("more like these" in line for line in told)


def test_a_column_that_would_be_lost_stops_add_before_anything_is_done(label: Path, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("File,Final titles\none.wav,One\n", encoding="utf-8")
    words = ("add", tmp_path / "l.csv", "--audio-root", label / "audio", "--jobs", "1")
    result = run(*words, index=tmp_path / "index")
    assert (result.exit_code, (tmp_path / "index").exists()) == (2, False)
    assert "column 'Final titles' looks like a title and would go unused" in result.stderr
    assert run(*words, "--ignore-columns", "Final titles", index=tmp_path / "index").exit_code == 0
    assert "Final titles (ignored)" in run("columns", index=tmp_path / "index").stdout


def test_the_callers_own_id_of_a_track_stands_in_every_result(label: Path, tmp_path: Path) -> None:
    index, words = tmp_path / "index", ("--jobs", "1", "--quiet")
    run("add", label / "audio" / "one.wav", *words, index=index)
    (label / "own.csv").write_text("path,id\naudio/one.wav,order 7\n", encoding="utf-8")
    matched = run("match", label / "own.csv", "--jsonl", "--jobs", "1", index=index)
    assert json.loads(matched.stdout)["track"]["id"] == "order 7"
    checked = run("check", label / "own.csv", "--format", "json", "--jobs", "1", index=index)
    assert [one["track"]["id"] for one in json.loads(checked.stdout)["files"]] == ["order 7"]

    def scanned(place: str) -> list[str | None]:
        assert run("scan", label / place, "--out", tmp_path / "run", *words, index=index).exit_code == 0
        rows = run("results", tmp_path / "run", "--format", "jsonl").stdout.splitlines()
        return [json.loads(row)["track"].get("id") for row in rows]

    assert scanned("audio/one.wav") == [None]
    assert scanned("own.csv") == ["order 7"]
    assert scanned("audio/one.wav") == ["order 7"], "a list that was given once holds"
    (label / "own.csv").write_text("path,id\naudio/one.wav,order 8\n", encoding="utf-8")
    assert scanned("own.csv") == ["order 8"]
    table = run("results", tmp_path / "run", "--format", "csv").stdout.splitlines()
    assert (table[0].rpartition(",")[2], table[1].rpartition(",")[2]) == ("track_id", "order 8")
