"""What is given to commands: folders in which everything counts, unreadable files, standard input, odd names."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow.json
import pytest

from sourceprint.exports.kinds import TEXTS
from sourceprint.gate.verdict import decide
from tests.command_line import RATE_HZ, catalogue, music, run, write

UNREADABLE = "may not be read by this user; change its permissions"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of s1 that tests only read."""
    return catalogue(tmp_path_factory.mktemp("shared"), (1,))


@pytest.fixture(scope="module")
def stolen(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a WAV file of seconds 3 to 9 of s1."""
    path = write(tmp_path_factory.mktemp("stolen") / "a.wav", music(1)[3 * RATE_HZ : 9 * RATE_HZ])
    return path.read_bytes()


@pytest.fixture
def outputs(tmp_path: Path, stolen: bytes) -> Path:
    """Return a folder of sound under a name that does not say so, an archive, and files that are no audio."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    (folder / "stolen").write_bytes(stolen)
    (folder / "notes.txt").write_text("text")
    (folder / "cover.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    with zipfile.ZipFile(folder / "songs.zip", "w") as archive:
        archive.writestr("one.wav", stolen)
    return folder


ARCHIVE = "a zip archive that holds audio (one.wav); unpack it, and give the folder"
OTHER_FILES = [{"name": "cover.png", "reason": "image"}, {"name": "notes.txt", "reason": "text"}]
OTHERS = "2 other files, not taken for audio: 1 image, 1 text"


def test_check_takes_a_folder_by_content_and_lists_skipped_files(outputs: Path, index: Path) -> None:
    found = run("check", outputs, index=index)
    assert found.exit_code == 4
    lines = found.stdout.splitlines()
    assert lines[0] == f"ERROR   {outputs}/songs.zip  {ARCHIVE}"
    assert lines[1].startswith(f"BLOCK   {outputs}/stolen  ")
    assert found.stderr.splitlines()[1] == OTHERS
    (outputs / "songs.zip").unlink()
    report = json.loads(run("check", outputs, "--format", "json", "--quiet", index=index).stdout)
    assert (report["exit_code"], report["not_scanned"]) == (1, [])
    assert report["other_files"] == [{**one, "name": f"{outputs}/{one['name']}"} for one in OTHER_FILES]
    (outputs / "stolen").unlink()
    nothing = run("check", outputs, index=index)
    assert nothing.exit_code == 3
    assert f"a folder without audio ({OTHERS}); name the files themselves" in nothing.stdout


def test_files_that_arrive_during_a_check_fail_it(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "out" / "fine.wav", music(9, 3.0))

    def decide_late(*args: Any, **options: Any) -> object:
        write(tmp_path / "out" / "late.wav", music(9, 3.0))
        return decide(*args, **options)

    monkeypatch.setattr("sourceprint.gate.check.decide", decide_late)
    found = run("check", tmp_path / "out", index=index)
    assert found.exit_code == 4
    assert f"ERROR   {tmp_path}/out/late.wav  came into the folder while" in found.stdout


def test_match_scan_add_and_fingerprint_take_a_folder_by_its_content(
    outputs: Path, index: Path, tmp_path: Path
) -> None:
    refused = f"Error: {outputs}/songs.zip: {ARCHIVE}\n"
    found = run("match", outputs, "--jsonl", index=index)
    assert (found.exit_code, found.stderr) == (4, f"{refused}Note: {OTHERS}\n")
    assert [json.loads(line)["track"]["name"] for line in found.stdout.splitlines()] == [f"{outputs}/stolen"]

    other_files = [{**one, "name": f"{outputs}/{one['name']}"} for one in OTHER_FILES]
    for _ in range(2):  # gone on with, it is told again
        scanned = run("scan", outputs, "--out", tmp_path / "run", "--json", index=index)
        assert scanned.exit_code == 4
        session = json.loads(scanned.stdout)["session"]
        assert session["refused"] == [{"name": f"{outputs}/songs.zip", "reason": ARCHIVE}]
        assert session["other_files"] == other_files
        assert scanned.stderr.splitlines()[-2:] == ["1 refused: not searched, or not all of it, as told above", OTHERS]
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [event["name"] for event in log if event["event"] == "refused"] == [f"{outputs}/songs.zip"]
    assert len([event for event in log if event["event"] == "passed over"]) == 2

    added = run("add", outputs, "--json", index=tmp_path / "new")
    assert added.exit_code == 4
    report = json.loads(added.stdout)
    assert (report["added"], report["failed"]) == (1, [{"name": f"{outputs}/songs.zip", "reason": ARCHIVE}])
    assert report["other_files"] == other_files
    described = run("fingerprint", outputs, "-o", tmp_path / "prints", "--role", "recording", "--json")
    assert described.exit_code == 4
    assert json.loads(described.stdout)["other_files"] == other_files


@pytest.fixture
def unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file that may not be read: simulated, as permissions do not hold back the superuser."""
    path = write(tmp_path / "u.wav", music(1, 3.0))
    real = os.open

    def refusing(name: Any, *args: Any, **options: Any) -> int:
        if os.fspath(name) == str(path):
            raise PermissionError(13, "Permission denied", os.fspath(name))
        return real(name, *args, **options)

    monkeypatch.setattr(os, "open", refusing)
    monkeypatch.setattr(os, "access", lambda name, *_, **__: os.fspath(name) != str(path))
    return path


def test_one_file_that_may_not_be_read_costs_no_other(
    tmp_path: Path, index: Path, stolen: bytes, unreadable: Path
) -> None:
    fine = tmp_path / "a.wav"
    fine.write_bytes(stolen)
    error = f"Error: {unreadable}: {UNREADABLE}\n"
    matched = run("match", fine, unreadable, "--jsonl", "--quiet", index=index)
    assert (matched.exit_code, matched.stderr) == (4, error)
    assert [json.loads(line)["status"] for line in matched.stdout.splitlines()] == ["matched", "decode_error"]
    added = run("add", fine, unreadable, "--quiet", "--json", index=tmp_path / "new")
    assert (added.exit_code, added.stderr, json.loads(added.stdout)["added"]) == (4, error, 1)
    described = run("fingerprint", fine, unreadable, "-o", tmp_path / "prints", "--quiet", "--role", "recording")
    assert (described.exit_code, described.stderr) == (4, error)
    assert run("check", fine, unreadable, "--quiet", index=index).exit_code == 4
    assert run("scan", fine, unreadable, "--out", tmp_path / "run", "--quiet", index=index).exit_code == 4


def test_a_file_that_may_not_be_read_alone_leaves_nothing_to_do(tmp_path: Path, index: Path, unreadable: Path) -> None:
    assert run("match", unreadable, index=index).exit_code == 3
    assert run("check", unreadable, index=index).exit_code == 3
    assert run("scan", unreadable, "--out", tmp_path / "run", index=index).exit_code == 3
    assert run("fingerprint", unreadable, "-o", tmp_path / "prints").exit_code == 3
    assert run("add", unreadable, index=tmp_path / "new").exit_code == 3


def test_sound_from_standard_input_is_matched_and_checked(index: Path, stolen: bytes) -> None:
    found = run("match", "-", "--jsonl", index=index, stdin=stolen)
    (line,) = found.stdout.splitlines()
    track, status = json.loads(line)["track"], json.loads(line)["status"]
    assert (found.exit_code, track["name"], status) == (0, "standard input", "matched")
    assert run("match", "-", "--name", "mix.wav", index=index, stdin=stolen).stdout.startswith("mix.wav: ")
    checked = run("check", "-", "--name", "mix.wav", index=index, stdin=stolen)
    assert (checked.exit_code, checked.stdout[:16]) == (1, "BLOCK   mix.wav ")
    empty = run("match", "-", index=index, stdin=b"")
    assert empty.exit_code == 3
    assert "Error: standard input: empty file (0 bytes)" in empty.stderr


def test_sound_from_standard_input_is_added_under_an_id(tmp_path: Path, stolen: bytes) -> None:
    new = tmp_path / "new"
    refused = run("add", "-", index=new, stdin=stolen)
    assert refused.exit_code == 2
    assert "audio from standard input needs an id or a name; give --id or --name" in refused.stderr
    assert run("add", "-", "--id", "first", index=new, stdin=stolen).exit_code == 0
    assert run("add", "-", "--name", "second.wav", index=new, stdin=stolen + b"tail").exit_code == 0
    listed = json.loads(run("list", "--json", index=new).stdout)
    assert [(one["id"], one["name"]) for one in listed] == [("first", "standard input"), ("second", "second.wav")]


def test_standard_input_is_refused_where_it_cannot_be_kept_or_named(tmp_path: Path, index: Path) -> None:
    scanned = run("scan", "-", "--out", tmp_path / "run", index=index, stdin=b"x")
    assert scanned.exit_code == 3
    assert "Error: -: standard input cannot be taken here; save it to a file, and name that" in scanned.stderr
    named = run("match", tmp_path / "a.wav", "--name", "b.wav", index=index)
    assert named.exit_code == 2
    assert "--name: names audio from standard input; give the path - too" in named.stderr
    for paths in ([tmp_path], [tmp_path / "a.wav", tmp_path / "b.wav"]):
        refused = run("add", "--id", "x", *paths, index=tmp_path / "new")
        assert (refused.exit_code, "--id: is the id of one recording" in refused.stderr) == (2, True)


def test_a_url_is_refused_as_one(index: Path, tmp_path: Path) -> None:
    reason = "is a URL, and nothing is fetched from the network; download it first, and name the file"
    for command in ("match", "check", "scan", "add"):
        options = ["--out", str(tmp_path / "run")] if command == "scan" else []
        refused = run(command, "https://host/a.mp3?x=[1]", *options, index=index)
        assert refused.exit_code == 3, command
        assert f"https://host/a.mp3?x=[1]: {reason}" in refused.stderr or reason in refused.stdout
        assert "https://host/a.mp3" in refused.stderr + refused.stdout


@pytest.mark.parametrize("command", ["match", "check", "scan", "add", "replace", "fingerprint"])
def test_an_empty_path_is_refused(command: str, index: Path, tmp_path: Path) -> None:
    needed = {"scan": "--out", "fingerprint": "-o"}.get(command)
    options = [needed, str(tmp_path / "made")] if needed else []
    refused = run(command, "", *options, index=None if command == "fingerprint" else index)
    assert refused.exit_code == 2
    assert "is empty; a variable of the shell may not be set" in refused.stderr


def test_a_name_that_is_no_utf_8_is_the_same_everywhere_and_json_that_others_read(
    tmp_path: Path, index: Path, stolen: bytes
) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/lat\xe9n.wav"))
    path.write_bytes(stolen)
    name = f"{tmp_path}/lat\\udce9n.wav"

    def names(lines: str | bytes) -> list[str]:
        data = lines.encode() if isinstance(lines, str) else lines
        return [track["name"] for track in pyarrow.json.read_json(io.BytesIO(data)).column("track").to_pylist()]

    matched = run("match", path, "--jsonl", index=index)
    assert names(matched.stdout) == [name]
    assert json.loads(matched.stdout)["track"]["name_quoted"].endswith("/lat%E9n.wav")
    assert json.loads(run("match", path, "--json", index=index).stdout)[0]["track"]["name"] == name
    for _ in range(2):
        assert run("scan", path, "--out", tmp_path / "run", "--quiet", index=index).exit_code == 0
    assert names((tmp_path / "run" / "results.jsonl").read_bytes()) == [name]
    pyarrow.json.read_json(tmp_path / "run" / "log.jsonl")
    for form in TEXTS:
        exported = run("results", tmp_path / "run", "--format", form).stdout
        assert "lat\\udce9n.wav" in exported.replace("\\\\", "\\"), form
    assert json.loads(run("check", path, "--format", "json", index=index).stdout)["files"][0]["track"]["name"] == name
    sarif = json.loads(run("check", path, "--format", "sarif", index=index).stdout)
    assert sarif["runs"][0]["artifacts"][0]["location"]["uri"].endswith("/lat%E9n.wav")
    suite = ET.fromstring(run("check", path, "--format", "junit", index=index).stdout)
    assert [case.get("name") for case in suite.iter("testcase")] == [name]
    added = run("add", path, "--jobs", "1", index=tmp_path / "new")
    assert added.exit_code == 0
    pyarrow.json.read_json(io.BytesIO(run("list", "--jsonl", index=tmp_path / "new").stdout.encode()))
