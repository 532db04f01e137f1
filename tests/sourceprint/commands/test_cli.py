"""The command: its output, on which stream, and its exit codes."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import pty
import re
import shlex
import subprocess
import sys
import termios
import types
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner

import cli
from fingerprint.errors import VerificationError
from fingerprint.params import Params
from index.explain.explanation import Question
from index.folder.index import Index
from index.search.filters import Filter
from index.search.match import DEFAULT_FALSE_PER_1000H, STANDARD, THOROUGH
from index.search.matches import Match, Passage, Transformation
from index.storage.recordings import Recording
from sourceprint.commands.terminal import Commands
from sourceprint.inputs import Item
from sourceprint.scans.results.result_text import odds
from sourceprint.scans.scan import Scan, Searched
from sourceprint.scans.scan_json import scan_result
from sourceprint.scans.scan_text import scan_block
from sourceprint.text.index_text import addition_text, compaction_text
from sourceprint.text.tables import clock, size_text
from tests.command_line import RATE_HZ, catalogue, matches, music, run, start, write
from tests.landmark_sets import fill
from tests.places import ROOT

COMMANDS = sorted(cli.sourceprint.commands)


def every_command(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words that name each command, and each group of commands, of a group."""
    for name, command in sorted(group.commands.items()):
        yield (*before, name)
        if isinstance(command, click.Group):
            yield from every_command(command, (*before, name))


def found_command(words: Sequence[str]) -> tuple[click.Command, Sequence[str]]:
    """Return the command or group that a line names after `sourceprint`, and the words that follow its name."""
    command: click.Command = cli.sourceprint
    while isinstance(command, click.Group) and words:
        command, words = command.commands[words[0]], words[1:]
    return command, words


EVERY_COMMAND = list(every_command(cli.sourceprint))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of s1, s2 and s3 that tests only read."""
    return catalogue(tmp_path_factory.mktemp("shared"), (1, 2, 3))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return an index of s1 and s2."""
    return catalogue(tmp_path, (1, 2))


@pytest.fixture
def excerpt(tmp_path: Path) -> Path:
    """Return a file of seconds 3 to 9 of s2, quieter."""
    return write(tmp_path / "excerpt.wav", 0.3 * music(2)[3 * RATE_HZ : 9 * RATE_HZ])


def ids(index: Path) -> list[str]:
    return [recording["id"] for recording in json.loads(run("list", "--json", index=index).stdout)]


# Help and usage.


def test_reference_of_the_commands_is_up_to_date(request: pytest.FixtureRequest) -> None:
    page = ROOT / "docs" / "cli.md"
    if request.config.getoption("snapshots") == "renew":
        page.write_text(cli.reference(), encoding="utf-8")
    written = page.read_text(encoding="utf-8")
    for words in EVERY_COMMAND:
        assert f"\n### sourceprint {' '.join(words)}\n" in written
    again = "pytest tests/sourceprint/commands/test_cli.py --snapshots=renew"
    assert again in written
    assert written == cli.reference(), f"docs/cli.md is stale; make it again: {again}"


def test_every_command_has_a_test_of_its_help() -> None:
    assert COMMANDS == [
        "add", "admin", "amend", "attribute", "audit", "backup", "bench", "check", "columns", "compact", "completion",
        "demo", "diff", "duplicates", "evidence", "exclude", "explain", "export", "fingerprint", "import", "info",
        "keys", "list", "log", "match", "remove", "replace", "report", "restore", "results", "reveal", "rights",
        "scan", "serve", "statement", "statements", "tag", "usage", "uses", "verify", "worker",
    ]  # fmt: skip


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_help_is_a_sentence_and_an_example_that_parses(words: tuple[str, ...]) -> None:
    command, _ = found_command(words)
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert command.help is not None
    sentence = command.help.split("\n\n")[0].replace("\n", " ")
    assert re.fullmatch(r"[A-Z][^.]+\.", sentence)
    found = re.search(r"^  Example: (sourceprint .*)$", result.stdout, re.MULTILINE)
    assert found, result.stdout
    program, *example = shlex.split(found[1])
    assert program == "sourceprint"
    assert tuple(example[: len(words)]) == words
    shown, arguments = found_command(example)
    assert not isinstance(shown, click.Group), "the example of a group is one of a command in it"
    shown.make_context(example[0], list(arguments)).close()
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{' '.join(words)} {parameter.opts}"
        else:
            assert parameter.metavar, f"{' '.join(words)} {parameter.name}"


def test_an_error_in_a_group_of_commands_is_one_message_and_its_exit_code() -> None:
    @click.command()
    def verify() -> None:
        raise VerificationError("one\nline")

    whole = Commands("sourceprint", commands=[click.Group("statement", commands=[verify])])
    result = CliRunner().invoke(whole, ["statement", "verify"], catch_exceptions=False)
    assert (result.exit_code, result.output) == (6, "Error: one\\nline\n")


def test_help_of_the_whole_lists_every_command_in_full() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in COMMANDS:
        assert len(re.findall(rf"^  {name} +[A-Z].*\.$", result.stdout, re.MULTILINE)) == 1, name
    assert "..." not in result.stdout.partition("Options:")[2]
    sections = re.findall(r"^([A-Z][a-z ]+):$", result.stdout, re.MULTILINE)
    assert sections == [
        "Options",
        "First",
        "Catalogue",
        "Matching",
        "Evidence",
        "Rights and money",
        "Service",
        "Upkeep",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion_script(shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_SOURCEPRINT_COMPLETE={shell}_complete" in result.stdout
    assert run("completion", "tcsh").exit_code == 2


@pytest.mark.parametrize(
    ("words", "completed"),
    [("sourceprint ma", ["match"]), ("sourceprint match --thor", ["--thorough"]), ("sourceprint rights sh", ["show"])],
)
def test_words_are_completed(words: str, completed: list[str]) -> None:
    asked = {"_SOURCEPRINT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    process = start(env={**os.environ, **asked})
    stdout, stderr = process.communicate(timeout=300)
    assert ([line.partition(",")[2] for line in stdout.splitlines()], stderr) == (completed, "")


def test_version() -> None:
    try:
        version = importlib.metadata.version("sourceprint")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("not installed")
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"sourceprint {version}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["match"], "Missing argument 'FILE...'"),
        (["add"], "Missing argument 'PATH...'"),
        (["frobnicate"], "No such command 'frobnicate'"),
        (["match", "a.wav", "--json", "--jsonl"], "--json and --jsonl: give one of them"),
        (["match", "a.wav", "--against", "s1"], "--against: names the recordings that --explain explains; give both"),
        (["list", "--json", "--jsonl"], "--json and --jsonl: give one of them"),
        (["match", "a.wav", "--jobs", "0"], "0 is not in the range x>=1"),
        (["match", "a.wav", "--max-false-per-1000h", "0"], "max_false_per_1000h=0.0: must be a number above 0"),
        (["match", "a.wav", "--max-false-per-1000h", "nan"], "max_false_per_1000h=nan: must be a number above 0"),
        (["match", "a.wav", "--layer", "colour"], "layer 'colour': unknown to this version of Sourceprint"),
        (["remove", "s1", "s9"], "recording 's9' is not in the index"),
    ],
)
def test_usage_errors_exit_with_2(shared: Path, words: list[str], message: str) -> None:
    result = run(*words, index=None if words == ["frobnicate"] else shared)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert ids(shared) == ["s1", "s2", "s3"]


@pytest.mark.parametrize(
    "words",
    [
        ["match", "a.wav"],
        ["match", "a.wav", "--json"],
        ["list"],
        ["info"],
        ["verify"],
        ["compact"],
        ["export", "a.tar"],
        ["remove", "x"],
        ["replace", "a.wav", "--json"],
    ],
)
def test_without_an_index_the_exit_code_is_5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wav").touch()
    result = run(*words, index=tmp_path / "none")
    assert result.exit_code == 5
    assert result.stdout == ""
    assert result.stderr == f"Error: {tmp_path}/none: no index here; add recordings to make one\n"
    assert not (tmp_path / "none").exists()


def test_the_index_is_that_of_the_option_or_the_variable_or_the_user(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCEPRINT_INDEX", str(tmp_path / "nowhere"))
    assert json.loads(run("info", "--json", index=own).stdout)["path"] == str(own)
    monkeypatch.setenv("SOURCEPRINT_INDEX", str(own))
    assert json.loads(run("info", "--json").stdout)["path"] == str(own)
    monkeypatch.delenv("SOURCEPRINT_INDEX")
    if sys.platform == "linux":
        place = f"{os.environ['XDG_DATA_HOME']}/sourceprint/index"
        assert run("info").stderr == f"Error: {place}: no index here; add recordings to make one\n"
        run("add", tmp_path / "music" / "s1.wav")
        assert ids(Path(place)) == ["s1"]


# Adding, replacing, removing, listing.


def test_add_prints_its_totals(tmp_path: Path) -> None:
    write(tmp_path / "m" / "b.flac", music(1))
    write(tmp_path / "m" / "a.wav", music(2))
    result = run("add", tmp_path / "m", index=tmp_path / "i")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert re.fullmatch(
        r"2 added; 0\.01 h of audio in \d+\.\d s, \d+ times real time\n"
        rf"index {tmp_path}/i: 2 recordings, 0\.01 h, \d+\.\d kB\n",
        result.stderr,
    )
    again = run("add", tmp_path / "m", index=tmp_path / "i")
    assert again.exit_code == 0
    assert again.stderr.startswith(f"2 unchanged\nindex {tmp_path}/i: 2 recordings, ")


def test_add_in_json(tmp_path: Path) -> None:
    write(tmp_path / "m" / "a.wav", music(2))
    result = run("add", tmp_path / "m", tmp_path / "gone.wav", "--json", "--quiet", index=tmp_path / "i")
    assert result.exit_code == 4
    report = json.loads(result.stdout)
    assert report.pop("seconds") > 0
    assert report.pop("index")["recordings"] == 1
    assert report == {
        "added": 1,
        "replaced": 0,
        "filled": 0,
        "unchanged": 0,
        "committed": 1,
        "failed": [{"name": f"{tmp_path}/gone.wav", "reason": "no such file; check the spelling and the folder"}],
        "other_files": [],
        "overlaps": [],
        "overlaps_found": 0,
        "audio_seconds": 12.0,
    }
    assert result.stderr == f"Error: {tmp_path}/gone.wav: no such file; check the spelling and the folder\n"


def test_list_and_its_forms(tmp_path: Path) -> None:
    write(tmp_path / "one.wav", music(1))
    write(tmp_path / "two.wav", music(2)[: 5 * RATE_HZ])
    (tmp_path / "list.tsv").write_text(
        "file\tid\ttitle\tartist\tisrc\ntwo.wav\ta-2\tTwo\tX|Y\t\none.wav\ta-1\tOne\tX\tUS-RC1-76-07839\n"
    )
    assert run("add", tmp_path / "list.tsv", index=tmp_path / "i").exit_code == 0
    result = run("list", index=tmp_path / "i")
    assert result.exit_code == 0
    assert result.stdout == (
        "id   title  artists  isrc          length  file\n"
        "a-1  One    X        USRC17607839  0:12.0  one.wav\n"
        "a-2  Two    X, Y                   0:05.0  two.wav\n"
    )
    document = json.loads(run("list", "--json", index=tmp_path / "i").stdout)
    lines = [json.loads(line) for line in run("list", "--jsonl", index=tmp_path / "i").stdout.splitlines()]
    assert document == lines
    assert lines[1] == {
        "id": "a-2",
        "title": "Two",
        "artists": ["X", "Y"],
        "isrc": "",
        "name": "two.wav",
        "sha256": lines[1]["sha256"],
        "duration_ms": 5000,
        "decoder": lines[1]["decoder"],
        "notes": [],
        "tags": [],
        "excluded": [],
    }
    assert re.fullmatch(r"[0-9a-f]{64}", lines[1]["sha256"])
    assert lines[1]["decoder"].startswith("libsndfile ")


def test_an_empty_list_has_its_header(own: Path) -> None:
    assert run("remove", "s1", "s2", index=own).exit_code == 0
    assert run("list", index=own).stdout == "id  title  artists  isrc  length  file\n"
    assert run("list", "--json", index=own).stdout == "[]\n"
    assert run("list", "--jsonl", index=own).stdout == ""


def test_files_of_one_name_get_ids_of_their_own(tmp_path: Path) -> None:
    first = write(tmp_path / "x" / "Intro.wav", music(1))
    second = write(tmp_path / "y" / "Intro.wav", music(2))
    third = write(tmp_path / "z" / "Intro.flac", music(3))
    result = run("add", first, second, index=tmp_path / "i")
    assert result.exit_code == 0
    longer = re.search(r"Note: .*/y/Intro\.wav: the id Intro belongs to other audio, so this is (.*)\n", result.stderr)
    assert longer
    assert re.fullmatch(r"Intro-[0-9a-f]{8}", longer[1])
    # The same ids, with or without other recordings.
    assert run("add", second, third, first, "--quiet", index=tmp_path / "i").exit_code == 0
    assert len(ids(tmp_path / "i")) == 3
    again = run("add", third, second, first, index=tmp_path / "i")
    assert again.stderr.startswith("3 unchanged\n")
    # A copy of a known file under the same name is nothing new.
    write(tmp_path / "w" / "Intro.wav", music(1))
    assert run("add", tmp_path / "w", index=tmp_path / "i").stderr.startswith("1 unchanged\n")


@pytest.mark.same_bytes
def test_the_same_audio_under_two_ids_is_added_and_said(own: Path, tmp_path: Path) -> None:
    copy = write(tmp_path / "copy.wav", music(1))
    copy_of_copy = write(tmp_path / "copy2.wav", music(1))
    result = run("add", copy, copy_of_copy, index=own)
    assert result.exit_code == 0
    assert f"Note: {copy}: the same audio is in the index as s1 too\n" in result.stderr
    assert f"Note: {copy_of_copy}: the same audio is in the index as s1, copy too\n" in result.stderr
    assert ids(own) == ["copy", "copy2", "s1", "s2"]


def test_an_id_in_a_list_must_be_new(own: Path, tmp_path: Path) -> None:
    write(tmp_path / "new.wav", music(3))
    write(tmp_path / "newer.wav", music(4))
    (tmp_path / "list.csv").write_text("path,id\nnew.wav,s1\nnew.wav,n\nnewer.wav,n\nnew.wav,n\n")
    result = run("add", tmp_path / "list.csv", index=own)
    assert result.exit_code == 4
    assert result.stderr.splitlines()[:2] == [
        f"Error: {tmp_path}/new.wav: the id s1 is in the index with other audio; replace it, or give another id",
        f"Error: {tmp_path}/newer.wav: the id n was given to {tmp_path}/new.wav before in this run; give another id",
    ]
    assert result.stderr.splitlines()[2].startswith("1 added, 1 unchanged, 2 failed; ")
    assert ids(own) == ["n", "s1", "s2"]


def test_replace_changes_the_audio_and_keeps_other_fields(tmp_path: Path) -> None:
    index = tmp_path / "i"
    write(tmp_path / "a.wav", music(1))
    (tmp_path / "list.csv").write_text("path,id,title,isrc\na.wav,a,One,USRC17607839\n")
    assert run("add", tmp_path / "list.csv", index=index).exit_code == 0
    write(tmp_path / "a.wav", music(2))
    result = run("replace", tmp_path / "a.wav", index=index)
    assert result.exit_code == 0
    assert result.stderr.startswith("1 replaced; ")
    (recording,) = json.loads(run("list", "--json", index=index).stdout)
    assert (recording["id"], recording["title"], recording["isrc"]) == ("a", "One", "USRC17607839")
    assert matches(index, write(tmp_path / "q1.wav", music(1)), write(tmp_path / "q2.wav", music(2))) == [[], ["a"]]
    assert run("replace", tmp_path / "a.wav", index=index).stderr.startswith("1 unchanged\n")
    (tmp_path / "list.csv").write_text("path,id,title\na.wav,a,Uno\n")
    again = run("add", tmp_path / "list.csv", index=index)
    assert "a is in the index under another title, artist or ISRC; amend changes them" in again.stderr
    assert run("replace", tmp_path / "list.csv", index=index).stderr.startswith("1 replaced; ")
    (recording,) = json.loads(run("list", "--json", index=index).stdout)
    assert (recording["title"], recording["isrc"]) == ("Uno", "USRC17607839")


def test_replace_needs_a_recording_and_one_file_for_it(own: Path, tmp_path: Path) -> None:
    write(tmp_path / "n.wav", music(3))
    write(tmp_path / "o.wav", music(4))
    (tmp_path / "list.csv").write_text("path,id\nn.wav,\nn.wav,s1\no.wav,s1\n")
    result = run("replace", tmp_path / "list.csv", index=own)
    assert result.exit_code == 4
    assert f"Error: {tmp_path}/n.wav: the index has no recording n to replace; add it\n" in result.stderr
    assert f"{tmp_path}/o.wav: the id s1 was given to {tmp_path}/n.wav before in this run" in result.stderr
    assert ids(own) == ["s1", "s2"]
    assert matches(own, tmp_path / "n.wav", tmp_path / "o.wav") == [["s1"], []]


def test_remove(own: Path, tmp_path: Path) -> None:
    result = run("remove", "s1", "s1", index=own)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "1 recording removed\n")
    assert ids(own) == ["s2"]
    assert matches(own, tmp_path / "music" / "s1.wav") == [[]]


def test_info(shared: Path) -> None:
    result = run("info", index=shared)
    assert result.exit_code == 0
    text = re.sub(
        r"(?<=  )(\d[\d.]* (k?B|MB)(, [\d.]+ MB per hour of audio)?)$", "SIZE", result.stdout, flags=re.MULTILINE
    )
    text = re.sub(r"sha256:[0-9a-f]{64}", "DIGEST", re.sub(r"\d+ landmarks", "N landmarks", text))
    facts = json.loads(run("info", "--json", index=shared).stdout)
    assert text.replace(" ", "") == (
        f"index{shared}\nformatversion3\nrecordings3,0.01h\nremoved,notyetcleared0\nsegments1\nsizeSIZE\n"
        + "".join(f"{part}SIZE\n" for part in facts["bytes"] if part != "total")
        + "digestDIGEST\nlayerrecordingexact,Nlandmarksof64values\nparametersDIGEST\n"
    )
    assert facts["layers"]["recording"]["digest"] == Params().digest
    assert facts["recordings"] == 3
    assert facts["bytes"]["total"] == sum(size for part, size in facts["bytes"].items() if part != "total")


def test_compact_prints_its_totals(tmp_path: Path) -> None:
    own = tmp_path / "index"
    fill(own, {f"r{i}": 30 for i in range(10)})
    run("remove", "r1", index=own)
    before = Index.open(own).info()
    result = run("compact", index=own)
    after = Index.open(own).info()
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == compaction_text(before, after) + "\n"
    assert result.stderr.startswith("segments 1 -> 1, removed, not yet cleared 1 -> 0, size ")
    assert after["bytes"]["total"] < before["bytes"]["total"]
    result = run("compact", "--quiet", index=own)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert len(ids(own)) == 9


def test_an_exported_index_is_imported_elsewhere(shared: Path, tmp_path: Path) -> None:
    archive, copy = tmp_path / "a.tar", tmp_path / "copy"
    result = run("export", archive, index=shared)
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split()[-1] for line in result.stdout.splitlines()[2:]] == [sha256, Index.open(shared).digest, "3"]
    facts = json.loads(run("import", archive, "--json", index=copy).stdout)
    assert facts == {
        "path": str(archive),
        "bytes": archive.stat().st_size,
        "sha256": sha256,
        "index_digest": Index.open(copy).digest,
        "recordings": 3,
    }
    assert ids(copy) == ["s1", "s2", "s3"]
    assert json.loads(run("export", archive, "--force", "--json", index=copy).stdout) == facts
    for command, message in (
        ("export", "a.tar: exists already; give another name, or --force to replace it"),
        ("import", "copy: not empty; give a new or an empty folder"),
    ):
        result = run(command, archive, index=copy)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
    archive.write_bytes(archive.read_bytes()[:-1])
    result = run("import", archive, index=tmp_path / "new")
    assert (result.exit_code, result.stdout) == (5, "")
    assert "take another copy of it, or export the index again" in result.stderr
    assert not (tmp_path / "new").exists()


def test_verify_and_repair(own: Path, tmp_path: Path) -> None:
    result = run("verify", index=own)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "all files are as they were written\n")
    run("add", write(tmp_path / "s3.wav", music(3)), index=own)
    path = next((own / "segments").glob("000001/*/times.npy"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    result = run("verify", index=own)
    assert result.exit_code == 5
    assert result.stdout == f"{path}: fails its checksum; it costs 1 recording: s2\n"
    assert "verify --repair keeps all that is sound" in result.stderr
    assert run("match", tmp_path / "s3.wav", index=own).exit_code == 5
    result = run("verify", "--repair", "--list", tmp_path / "music" / "lost.csv", index=own)
    assert (result.exit_code, result.stderr) == (
        0, f"repaired; 1 recording is lost, and stands in {tmp_path}/music/lost.csv: add that list again\n",
    )  # fmt: skip
    assert run("verify", index=own).exit_code == 0
    assert ids(own) == ["s1", "s3"]
    assert run("add", tmp_path / "music" / "lost.csv", index=own).stderr.startswith("1 added; ")
    assert run("verify", "--repair", index=own).stderr == "all files are as they were written\n"


def test_without_a_sound_manifest_repair_lists_readable_segments(own: Path, tmp_path: Path) -> None:
    path = own / "manifest.json"
    sound = path.read_bytes()
    path.write_bytes(sound.replace(b" ", b"  "))
    assert run("verify", index=own).exit_code == 5
    assert run("verify", "--repair", index=own).exit_code == 0
    assert path.read_bytes() == sound
    path.write_bytes(sound.replace(b'"generation": 1', b'"generation": 7'))
    result = run("verify", "--repair", "--list", tmp_path / "music" / "all.csv", index=own)
    assert (result.exit_code, result.stdout) == (5, "")
    assert (
        "manifest.json: fails its checksum; restore it from a copy, or run `sourceprint verify --repair`"
        in result.stderr
    )
    assert "cannot be repaired; the 2 recordings that can still be read stand in" in result.stderr
    assert run("add", tmp_path / "music" / "all.csv", index=tmp_path / "new").exit_code == 0
    assert ids(tmp_path / "new") == ["s1", "s2"]


# Matching.


def test_match_finds_the_excerpt_where_it_is(shared: Path, excerpt: Path) -> None:
    result = run("match", excerpt, index=shared)
    assert result.exit_code == 0
    assert result.stderr == ""
    heading, header, label, row = result.stdout.splitlines()
    assert heading == f"{excerpt}: 1 recording found in 0:06.0"
    names = ["in the track", "in the recording", "changed", "landmarks", "score/needed"]
    assert (re.split(r"  +", header.strip()), label) == (names, "  s2")
    figures = re.fullmatch(
        r"    0:00\.\d-0:0[56]\.\d  0:0[23]\.\d-0:0[89]\.\d     unchanged  \d+ +(\d+)/(\d+\.\d)",
        row,
    )
    assert figures
    assert float(figures[1]) > float(figures[2]) > 10


def test_match_prints_the_notes_on_a_track_beneath_it(shared: Path, excerpt: Path, tmp_path: Path) -> None:
    cut, strange = tmp_path / "cut.wav", write(tmp_path / "strange.wav", np.clip(5 * music(9), -1.0, 1.0))
    cut.write_bytes(excerpt.read_bytes()[:-22050])
    found, missed = run("match", cut, strange, index=shared).stdout.split(f"{strange}: ")
    assert found.splitlines()[-1].startswith("  note: truncated: header says 6.00 s, ")
    assert missed.splitlines() == [
        "no match in 0:12.0",
        "  note: clipped: more than 1% of the samples are at full scale",
    ]


def test_match_in_json_has_the_fields_of_the_standard(shared: Path, excerpt: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.wav", music(9))
    result = run("match", excerpt, other, "--json", index=shared)
    assert result.exit_code == 0
    found, missed = json.loads(result.stdout)
    fields = ["schema", "scan_id", "track", "index", "searched", "status", "reason", "matches", "timing_ms"]
    assert list(found) == fields
    assert list(found) == list(missed)
    assert found["schema"] == "sourceprint/scan-result/2"
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", found["scan_id"])
    assert found["track"]["name"] == str(excerpt)
    assert found["track"]["duration_ms"] == 6000
    snapshot = Index.open(shared).snapshot()
    assert found["index"] == {
        "digest": snapshot.digest,
        "algorithm": Params().algorithm,
        "params_digest": Params().digest,
        "recordings": 3,
    }
    assert (found["status"], missed["status"]) == ("matched", "no_match")
    (match,) = found["matches"]
    assert match["recording_id"] == "s2"
    assert match["layer"] == "recording"
    (segment,) = match["passages"]
    assert abs(segment["recording_start_ms"] - segment["track_start_ms"] - 3000) < 100
    assert abs(segment["track_end_ms"] - 6000) < 1000
    assert all(type(value) is int for key, value in segment.items() if key.endswith("_ms"))
    assert match["track_match_ms"] == segment["track_end_ms"] - segment["track_start_ms"]
    assert match["track_match_percentage"] == pytest.approx(match["track_match_ms"] / 60, abs=0.01)
    assert match["recording_match_percentage"] == pytest.approx(match["recording_match_ms"] / 120, abs=0.01)
    assert 0.99 < match["confidence"] <= 1
    assert missed["matches"] == []


def without_run(line: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(line)
    del fields["scan_id"], fields["timing_ms"]
    return fields


@pytest.mark.slow
@pytest.mark.same_bytes
def test_the_same_input_gives_the_same_output_in_order_however_many_work(tmp_path: Path) -> None:
    for seed in range(1, 6):
        write(tmp_path / "music" / f"s{seed}.wav", music(seed, 8.0))
    (tmp_path / "music" / "s2b.wav").write_text("no audio")
    outputs = []
    for jobs in ("1", "2"):
        index = tmp_path / jobs
        added = run("add", tmp_path / "music", "--jobs", jobs, index=index)
        assert added.exit_code == 4
        assert added.stderr.startswith(f"Error: {tmp_path}/music/s2b.wav: holds text, not audio")
        matched = run("match", tmp_path / "music", "--jsonl", "--jobs", jobs, index=index)
        assert matched.exit_code == 4
        outputs.append([without_run(line) for line in matched.stdout.splitlines()])
    assert outputs[0] == outputs[1]
    assert [[match["recording_id"] for match in line["matches"]] for line in outputs[0]] == [
        ["s1"],
        ["s2"],
        [],
        ["s3"],
        ["s4"],
        ["s5"],
    ]


def test_thorough_finds_much_slower_copies(shared: Path, tmp_path: Path) -> None:
    y = music(2)
    slow = np.interp(np.arange(0, y.size - 1, 0.55), np.arange(y.size), y).astype(np.float32)
    result = run("match", write(tmp_path / "slow.wav", slow), "--thorough", "--jsonl", index=shared)
    (match,) = json.loads(result.stdout)["matches"]
    assert match["recording_id"] == "s2"
    assert match["passages"][0]["speed_percent"] == pytest.approx(55, abs=0.5)


def test_match_hands_its_options_on(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()
    given: list[dict[str, Any]] = []

    def scan_files(index: Path, items: tuple[Item, ...], **options: Any) -> Generator[Scan, None, None]:
        given.append({"index": index, "items": items, **options})
        yield from ()

    monkeypatch.setattr("sourceprint.scans.scan.scan_files", scan_files)
    assert run("match", "a.wav", index=shared).exit_code == 0
    options = ["--thorough", "--layer", "x", "--max-false-per-1000h", "50", "--jobs", "3"]
    options += ["--only", "tag:x", "--only", "id:y", "--exclude", "tag:z"]
    options += ["--explain", "--against", "a", "--against", "b"]
    assert run("match", "b.wav", *options, index=shared).exit_code == 0
    usual = {"index": shared, "options": STANDARD, "jobs": None, "traces": None}
    assert given[0] == {**usual, "items": (Item(Path("a.wav")),), "question": None}
    which = Filter.parse(["tag:x", "id:y"], ["tag:z"])
    wide = replace(THOROUGH, layer="x", max_false_per_1000h=50.0, which=which)
    other = {"index": shared, "options": wide, "jobs": 3, "traces": None}
    assert given[1] == {**other, "items": (Item(Path("b.wav")),), "question": Question(("a", "b"))}


def test_quiet_and_colour(shared: Path, tmp_path: Path) -> None:
    clipped = write(tmp_path / "clipped.wav", np.clip(20 * music(5), -1, 1))
    assert run("add", clipped, "--quiet", index=tmp_path / "i").stderr == ""
    noted = run("add", clipped, index=tmp_path / "j")
    assert noted.stderr.startswith(f"Note: {clipped}: clipped: ")
    failed = run("match", tmp_path / "gone.wav", "--quiet", index=shared)
    assert failed.stderr == f"Error: {tmp_path}/gone.wav: no such file; check the spelling and the folder\n"
    assert failed.stdout == ""


def test_the_first_use_on_a_machine_says_that_it_compiles(
    shared: Path, excerpt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.search.match.is_compiled", lambda: False)
    said = "Note: compiling for this processor first, once: up to half a minute\n"
    assert run("match", excerpt, index=shared).stderr == said
    assert run("match", excerpt, "--quiet", index=shared).stderr == ""


def on_terminal(*args: str | Path, before: str = "", **variables: str) -> tuple[int, str]:
    """Run the command with a terminal for messages; return its exit code and the output on the terminal."""
    keeper, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    process = start(*args, before=before, stderr=terminal, env={**os.environ, **variables})
    os.close(terminal)
    received = b""
    with contextlib.suppress(OSError):  # how the end of a terminal is read
        while data := os.read(keeper, 4096):
            received += data
    os.close(keeper)
    process.communicate(timeout=300)
    return process.returncode, received.decode()


@pytest.mark.slow
@pytest.mark.parametrize(("variable", "coloured"), [("", True), ("1", False)])
def test_no_color_is_honoured_on_a_terminal(variable: str, coloured: bool) -> None:
    code, text = on_terminal("list", "--index", "nowhere", NO_COLOR=variable)
    assert code == 5
    assert ("\x1b[31mError: " in text) == coloured
    assert ("\x1b" in text) == coloured
    assert text.endswith("nowhere: no index here; add recordings to make one\r\n")


@pytest.mark.slow
def test_progress_is_for_terminals_and_long_runs(shared: Path, excerpt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "gone.wav: no such file; check the spelling and the folder"
    words: list[str | Path] = ["match", excerpt, "gone.wav", "--index", shared]
    code, text = on_terminal(
        *words, before="import sourceprint.commands.progress; sourceprint.commands.progress.PROGRESS_DELAY_SECONDS = 0"
    )
    assert code == 4
    assert "| 0/1 [" in text
    assert f"Error: \x1b[0m{message}\r\n" in text
    code, text = on_terminal(
        *words, before="import sourceprint.commands.progress as p; p.PROGRESS_DELAY_SECONDS = 3600"
    )
    assert (code, text.replace("\r", "")) == (4, f"\x1b[31mError: \x1b[0m{message}\n")
    monkeypatch.setattr("sourceprint.commands.progress.PROGRESS_DELAY_SECONDS", 0)
    assert run(*words).stderr == f"Error: {message}\n"


def test_a_reader_that_has_gone_is_no_error(shared: Path) -> None:
    process = start("list", "--index", shared)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(300) == 141


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("list >&-", "standard input or output: Bad file descriptor; check its redirection"),
        ("match - <&-", "standard input: cannot be read, or not kept in a file (Bad file descriptor); check its "
         "redirection, and the folder of temporary files (TMPDIR)"),
    ],
)  # fmt: skip
def test_a_stream_that_the_shell_has_closed_is_an_error(shared: Path, words: str, message: str) -> None:
    command = f'"$0" -m cli {words} --index "$1"'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, shared], env=environment, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode > 0, done.stdout, done.stderr) == (True, "", f"Error: {message}\n")


@pytest.mark.parametrize(("found_all", "code"), [(True, 0), (False, 4)])
def test_demo_takes_a_folder_or_the_next_free_one(
    found_all: bool, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []

    def run_demo(echo: Callable[[str], None], folder: Path, jobs: int, *, step: Callable[[], None]) -> bool:
        given.append((str(folder), jobs))
        folder.mkdir()
        step()
        echo("truth and findings")
        return found_all

    module = types.ModuleType("sourceprint.demo.demo")
    module.run_demo, module.N_STEPS = run_demo, 1  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sourceprint.demo.demo", module)
    monkeypatch.chdir(tmp_path)
    result = run("demo", "here", "--jobs", "3")
    assert (result.exit_code, result.stdout) == (code, "truth and findings\n")
    assert run("demo", "--jobs", "1").exit_code == run("demo", "--jobs", "1").exit_code == code
    assert given == [("here", 3), ("sourceprint-demo", 1), ("sourceprint-demo-2", 1)]


# The printed text, to the letter, from results made by hand.


def made_scan(**changes: Any) -> Scan:
    def segment(start: float, end: float, **more: Any) -> Passage:
        fields: dict[str, Any] = {
            "ratio": 1.1,
            "transformation": Transformation(-200.4, 110.04, 100.0),
            "score": 1014.4,
            "score_needed": 30.94,
            "aligned_landmarks": 120,
            "expected_by_chance": 0.8234,
            "p_false": 3.21987e-9,
            "false_per_1000h": 4.0e-5,
            "confidence": 0.9999994,
        }
        return Passage(start, end, start + 61.2, 61.2 + 1.1 * end, **{**fields, **more})

    first = Recording("boom\n1", "Boom \u97f3", ("X",), "USRC17607839", duration_ms=120_000)
    second = Recording("x" * 50, duration_ms=0)
    fields: dict[str, Any] = {
        "path": Path("a\tb.wav"),
        "searched": Searched("sha256:1", "landmark/1", "sha256:2", 7),
        "status": "matched",
        "matches": (
            Match(first, "recording", (segment(0.0, 10.0), segment(8.0, 20.04, also_fits=("twin",), p_false=0.2))),
            Match(
                second,
                "recording",
                (segment(30.0, 31.0, confidence=0.5, score=31.04, transformation=Transformation(0.0, 100.0, 125.0)),),
            ),
        ),
        "sha256": "0f" * 32,
        "decoder": "d",
        "duration_seconds": 40.0,
        "notes": ("odd.",),
        "fingerprint_seconds": 0.0104,
    }
    return Scan(**{**fields, **changes})


def test_the_table_of_a_match_fits_its_width() -> None:
    wide = [
        "a\\tb.wav: 2 recordings found in 0:40.0",
        "    in the track   in the recording  changed                       landmarks  score/needed",
        '  boom\\n1 "Boom \u97f3"',
        "    0:00.0-0:10.0  1:01.2-1:12.2     pitch -2.0 st, tempo +10.0 %  120        1014/30.9",
        "    0:08.0-0:20.0  1:09.2-1:23.2     pitch -2.0 st, tempo +10.0 %  120        1014/30.9",
        f"  {'x' * 46}...",
        "    0:30.0-0:31.0  1:31.2-1:35.3     speed +25.0 %, +3.9 st        120        31.0/30.9",
        '  boom\\n1 "Boom \u97f3": fits nearly as well: twin',
        "  note: odd.",
    ]
    assert scan_block(made_scan(), width=90).splitlines() == wide
    usual = scan_block(made_scan()).splitlines()
    assert usual == [line.replace("landmarks  ", "").replace("120        ", "") for line in wide]
    assert max(map(len, usual)) < 80
    assert scan_block(made_scan(), width=60).splitlines()[1:7] == [
        "    in the track   in the recording  score/needed",
        '  boom\\n1 "Boom \u97f3"',
        "    0:00.0-0:10.0  1:01.2-1:12.2     1014/30.9",
        "      pitch -2.0 st, tempo +10.0 %",
        "    0:08.0-0:20.0  1:09.2-1:23.2     1014/30.9",
        "      pitch -2.0 st, tempo +10.0 %",
    ]


def test_no_line_of_a_match_is_wider_than_80_but_its_name() -> None:
    scan = made_scan()
    late = replace(scan.matches[0].passages[0], track_start_seconds=36000.0, track_end_seconds=36010.0, streams=(1, 2))
    recording = replace(scan.matches[0].recording, title="A title of many words " * 9)
    others = tuple(f"another-{n}" for n in range(20))
    match = Match(recording, "recording", (replace(late, also_fits=others),))
    lines = scan_block(made_scan(matches=(match,), notes=("very odd " * 30,))).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.endswith('..."') for line in lines)


def test_the_line_of_a_query_without_matches() -> None:
    assert scan_block(made_scan(status="no_match", matches=())) == "a\\tb.wav: no match in 0:40.0\n  note: odd."
    assert scan_block(made_scan(status="too_short", reason="r", matches=())) == "a\\tb.wav: too_short"


def test_the_json_of_a_match() -> None:
    fields = scan_result(made_scan()).raw
    json.dumps(fields, allow_nan=False)
    assert fields["track"] == {
        "name": "a\tb.wav",
        "sha256": "0f" * 32,
        "duration_ms": 40000,
        "decoder": "d",
        "notes": ["odd."],
    }
    assert fields["searched"] == {
        "only": [],
        "exclude": [],
        "recordings": 7,
        "layer": "recording",
        "scales": [0.85, 1.0, 1.18],
        "max_false_per_1000h": 1.0,
        "settings_digest": None,
    }
    assert fields["timing_ms"] == {"fingerprint": 10, "search": 0, "verify": 0}
    first, second = fields["matches"]
    passages = first.pop("passages")
    assert first == {
        "recording_id": "boom\n1",
        "isrc": "USRC17607839",
        "title": "Boom \u97f3",
        "artists": ["X"],
        "layer": "recording",
        "recording_duration_ms": 120000,
        "track_match_ms": 20040,  # the union: the segments overlap by two seconds
        "track_match_percentage": 50.1,
        "recording_match_ms": 22044,
        "recording_match_percentage": 18.37,
        "confidence": 0.9999994,
    }
    assert passages[0] == {
        "track_start_ms": 0,
        "track_end_ms": 10000,
        "recording_start_ms": 61200,
        "recording_end_ms": 72200,
        "pitch_cents": -200.4,
        "speed_percent": 100.0,
        "tempo_percent": 110.04,
        "aligned_landmarks": 120,
        "expected_by_chance": 0.823,
        "p_false": 3.22e-9,
        "false_per_1000h": 4.0e-5,
        "confidence": 0.9999994,
        "excluded": False,
        "also_fits": [],
        "alternatives": [],
    }
    assert passages[1]["also_fits"] == ["twin"]
    assert (second["isrc"], second["title"], second["artists"]) == (None, None, [])
    assert second["recording_match_percentage"] == 0.0


def test_the_json_of_a_failure() -> None:
    scan = Scan(Path("a\udcff.wav"), Searched("sha256:1", "landmark/1", "sha256:2", 7), "decode_error", "why")
    fields = json.loads(json.dumps(scan_result(scan).raw))
    unknown: dict[str, object] = {"sha256": None, "duration_ms": None, "decoder": None, "notes": []}
    assert fields["track"] == {"name": "a\\udcff.wav", "name_quoted": "a%FF.wav", **unknown}
    assert (fields["status"], fields["reason"], fields["matches"]) == ("decode_error", "why", [])


def test_times_sizes_and_odds() -> None:
    assert [clock(s) for s in (0, 9.94, 9.96, 59.97, 3599.99)] == ["0:00.0", "0:09.9", "0:10.0", "1:00.0", "1:00:00.0"]
    assert [size_text(n) for n in (0, 999, 1e3, 2.34e9)] == ["0 B", "999 B", "1.0 kB", "2.3 GB"]
    assert [odds(p) for p in (1.0, 0.03, 1e-6, 1e-320)] == ["1 in 1", "1 in 33", "1 in 1000000", "1 in 10^300"]


def test_a_run_that_could_not_keep_all_says_so() -> None:
    counts = {"added": 3, "replaced": 0, "filled": 0, "unchanged": 1, "committed": 2}
    report = {**counts, "failed": [{}], "audio_seconds": 0.0}
    text = addition_text({**report, "seconds": 1.0, "index": None})
    assert text == "3 added, 1 unchanged, 1 failed; only 2 of 3 are in the index"


@pytest.mark.parametrize("name", ["match", "scan"])
def test_the_limit_that_help_states_is_that_of_the_search(name: str) -> None:
    (option,) = [option for option in cli.sourceprint.commands[name].params if option.name == "max_false_per_1000h"]
    assert option.default == DEFAULT_FALSE_PER_1000H
