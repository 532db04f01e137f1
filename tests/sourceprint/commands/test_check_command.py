"""`sourceprint check` as a pipeline sees it: lines, files, exit codes, and the recipes of the documentation."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from fingerprint import disk
from fingerprint.errors import DecodeError
from tests.audio_files import write_ffmpeg
from tests.command_line import RATE_HZ, catalogue, music, run, write
from tests.places import ROOT

HEAD = 'schema = "sourceprint/gate-policy/1"\nname = "p"\notherwise = "review"\n'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of s1, s2 and s3 that tests only read."""
    return catalogue(tmp_path_factory.mktemp("shared"), (1, 2, 3))


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a file that reuses s2, one that reuses nothing, and one that is too short."""
    folder = tmp_path_factory.mktemp("outputs")
    write(folder / "reuse.wav", 0.3 * music(2)[3 * RATE_HZ : 9 * RATE_HZ])
    write(folder / "clean.wav", music(77))
    write(folder / "short.wav", music(2)[: RATE_HZ // 10])
    write(folder / "silent.wav", np.zeros(5 * RATE_HZ, np.float32))
    return folder


def policy(folder: Path, text: str = "") -> Path:
    file = folder / "policy.toml"
    file.write_text(HEAD + text)
    return file


def test_a_line_per_file_and_an_exit_code(shared: Path, outputs: Path) -> None:
    result = run("check", outputs / "clean.wav", outputs / "reuse.wav", index=shared)
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert first == f"PASS    {outputs}/clean.wav  no match in 0:12.0"
    assert re.fullmatch(rf"BLOCK   {outputs}/reuse\.wav  [56]\.\d s of s2, confidence 0\.\d+: certain", second)
    assert re.fullmatch(
        r"2 files: 1 block, 0 review, 1 pass, 0 not checked; policy default \(sha256 [0-9a-f]{64}\)\n"
        r"not verified: index \(not signed\)\n",
        result.stderr,
    )
    clean = run("check", outputs / "clean.wav", index=shared)
    assert clean.exit_code == 0


def test_a_damaged_file_is_not_passed_unless_the_policy_says_so(shared: Path, tmp_path: Path) -> None:
    whole = write_ffmpeg(tmp_path / "whole.mp3", np.repeat(music(77), 4), container="mp3", codec="libmp3lame")
    data = bytearray(whole.read_bytes())
    data[len(data) // 2 : len(data) // 4 * 3] = bytes(len(data) // 4 * 3 - len(data) // 2)
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(data)
    refused = run("check", bad, "--format", "json", index=shared)
    assert refused.exit_code == 4
    (note,) = (one for one in json.loads(refused.stdout)["files"][0]["track"]["notes"] if " in all " in one)
    assert f"{bad}: not all of it was searched: {note}" in refused.stderr
    passed = run("check", bad, "--policy", policy(tmp_path, 'damaged = "pass"\n'), index=shared)
    assert passed.exit_code == 0
    assert re.fullmatch(rf"PASS    {bad}  no match in 0:\d\d\.\d; {note}\n", passed.stdout)


def test_quiet_prints_only_files_that_do_not_pass(shared: Path, outputs: Path, tmp_path: Path) -> None:
    result = run("check", outputs / "clean.wav", outputs / "reuse.wav", tmp_path / "no.wav", "--quiet", index=shared)
    assert result.exit_code == 4
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["BLOCK", "ERROR"]
    assert result.stderr == ""
    assert run("check", outputs / "clean.wav", "--quiet", index=shared).output == ""


def test_quiet_warns_of_recordings_that_are_not_in_the_index(shared: Path, outputs: Path, tmp_path: Path) -> None:
    wrong = policy(tmp_path, '[[rules]]\nid = "a"\naction = "block"\nrecordings = ["s2x"]\n')
    result = run("check", outputs / "clean.wav", "--policy", wrong, "--quiet", index=shared)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "the policy names recordings that are not in the index: s2x" in result.stderr


def test_fail_on_says_from_where_on(shared: Path, outputs: Path, tmp_path: Path) -> None:
    reviewing = policy(tmp_path)
    words: list[str | Path] = ["check", outputs / "reuse.wav", "--policy", reviewing]
    assert run(*words, index=shared).exit_code == 0
    assert run(*words, "--fail-on", "review", index=shared).exit_code == 1


def test_a_licence_passes_on_its_days_and_blocks_after_them(shared: Path, outputs: Path, tmp_path: Path) -> None:
    licensed = policy(
        tmp_path, '[[licensed]]\nreference = "L-1"\nrecordings = ["s2"]\nvalid_until = 2026-12-31\nmax_seconds = 8\n'
    )
    words: list[str | Path] = ["check", outputs / "reuse.wav", "--policy", licensed]
    within = run(*words, "--date", "2026-12-31", index=shared)
    assert within.exit_code == 0
    assert within.stdout.endswith(": licensed: L-1\n")
    after = run(*words, "--date", "2027-01-01", index=shared)
    assert after.exit_code == 1
    assert after.stdout.endswith(": outside_licence: L-1: valid_until 2026-12-31, checked for 2027-01-01\n")


def test_the_search_is_done_with_the_settings_of_the_policy(shared: Path, tmp_path: Path) -> None:
    y = music(2)
    slow = write(
        tmp_path / "slow.wav", np.interp(np.arange(0, y.size - 1, 0.55), np.arange(y.size), y).astype(np.float32)
    )
    thorough = policy(tmp_path, "thorough = true\nmax_false_per_1000h = 2.5\n")
    result = run("check", slow, "--policy", thorough, "--format", "json", index=shared)
    (file,) = json.loads(result.stdout)["files"]
    assert [found["recording_id"] for found in file["matches"]] == ["s2"]
    assert file["searched"]["max_false_per_1000h"] == 2.5
    assert json.loads(run("check", slow, "--format", "json", index=shared).stdout)["files"][0]["matches"] == []


def test_near_limit_passages_are_for_review_and_no_matches(shared: Path, tmp_path: Path) -> None:
    y = 0.2 * music(77)[: 8 * RATE_HZ]
    start, n = 3 * RATE_HZ, int(1.4 * RATE_HZ)
    y[start : start + n] += 0.2 * music(2)[8 * RATE_HZ : 8 * RATE_HZ + n]
    faint = write(tmp_path / "faint.wav", y)
    result = run("check", faint, "--format", "json", index=shared)
    assert result.exit_code == 0
    (file,) = json.loads(result.stdout)["files"]
    assert (file["decision"], file["status"], file["matches"]) == ("review", "no_match", [])
    (near,) = file["near_limit"]
    rate = near["passages"][0]["false_per_1000h"]
    assert near["recording_id"] == "s2"
    assert 1 < rate <= 1000
    assert near["policy_reason"] == f"below the limit of a match: about {rate:.2g} such in 1 000 h by chance"
    # A scan of the same file has no match, and the same digest of the settings.
    scanned = json.loads(run("match", faint, "--jsonl", index=shared).stdout)
    assert (scanned["status"], scanned["matches"]) == ("no_match", [])
    assert scanned["searched"] == file["searched"]
    wide = json.loads(run("match", faint, "--jsonl", "--max-false-per-1000h", f"{rate + 1}", index=shared).stdout)
    assert [found["recording_id"] for found in wide["matches"]] == ["s2"]
    words: list[str | Path] = ["check", faint, "--policy"]
    assert run(*words, policy(tmp_path), "--fail-on", "review", index=shared).exit_code == 1
    for text in ("near_limit_per_1000h = 0\n", f"near_limit_per_1000h = {rate - 1}\n"):
        without = run(*words, policy(tmp_path, text), "--fail-on", "review", index=shared)
        assert (without.exit_code, without.stdout) == (0, f"PASS    {faint}  no match in 0:08.0\n")


def test_fingerprint_files_are_checked_as_their_audio_is(shared: Path, outputs: Path, tmp_path: Path) -> None:
    assert run("fingerprint", outputs / "reuse.wav", "-o", tmp_path, "--role", "query", "--quiet").exit_code == 0
    result = run("check", tmp_path, index=shared)
    assert result.exit_code == 1
    assert re.match(rf"BLOCK   {tmp_path}/reuse.*\.spf  [56]\.\d s of s2, ", result.stdout)


# Files that cannot be checked never pass.


def test_a_path_that_is_mistyped_never_passes(shared: Path, outputs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for wrong, reason in (
        ("gone.wav", "no such file; check the spelling and the folder"),
        ("none/*.wav", "this pattern matches no file; check folder and spelling"),
        ("empty", "a folder without audio (it is empty); name the files themselves"),
    ):
        alone = run("check", tmp_path / wrong, index=shared)
        assert (alone.exit_code, alone.stdout) == (3, f"ERROR   {tmp_path}/{wrong}  {reason}\n")
        assert run("check", outputs / "clean.wav", tmp_path / wrong, index=shared).exit_code == 4
        assert run("check", outputs / "reuse.wav", tmp_path / wrong, index=shared).exit_code == 4
    assert run("check", index=shared).exit_code == 2
    empty = run("check", "", outputs / "clean.wav", index=shared)
    assert empty.exit_code == 2
    assert "FILE: is empty; a variable of the shell may not be set" in empty.stderr


def test_a_file_that_may_not_be_read_is_a_verdict_and_the_others_are_checked(
    shared: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = outputs / "clean.wav"

    really_open = disk.open_regular_file

    def opened(path: str | os.PathLike[str], name: str) -> io.BufferedReader:
        if Path(path) == refused:
            raise DecodeError(f"{name}: may not be read")
        return really_open(path, name)

    monkeypatch.setattr(os, "access", lambda path, *_: Path(path) != refused)
    monkeypatch.setattr(disk, "open_regular_file", opened)
    monkeypatch.setattr("fingerprint.audio.stream.open_regular_file", opened)
    result = run("check", refused, outputs / "reuse.wav", index=shared)
    assert result.exit_code == 4
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["ERROR", "BLOCK"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(shared: Path, tmp_path: Path) -> None:
    odd = write(tmp_path / "mix*[1]?.wav", music(77))
    assert run("check", odd, index=shared).exit_code == 0


def test_short_or_silent_files_pass_only_if_the_policy_says_so(shared: Path, outputs: Path, tmp_path: Path) -> None:
    words: list[str | Path] = ["check", outputs / "short.wav", outputs / "silent.wav", outputs / "clean.wav"]
    result = run(*words, index=shared)
    assert result.exit_code == 4
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["ERROR", "ERROR", "PASS"]
    lenient = policy(tmp_path, 'too_short = "pass"\nnot_enough_music = "pass"\n')
    passed = run(*words, "--policy", lenient, index=shared)
    assert passed.exit_code == 0
    assert f"PASS    {outputs}/short.wav  not searched, too_short: " in passed.stdout


def test_an_index_without_recordings_passes_nothing(outputs: Path, tmp_path: Path) -> None:
    index = catalogue(tmp_path, (1,))
    assert run("remove", "s1", index=index).exit_code == 0
    result = run("check", outputs / "clean.wav", index=index)
    assert (result.exit_code, result.stdout) == (5, "")
    assert "this index holds no recording, so every file would pass" in result.stderr
    assert run("check", outputs / "clean.wav", index=tmp_path / "none").exit_code == 5


def test_a_policy_that_cannot_be_used_stops_the_check(shared: Path, outputs: Path, tmp_path: Path) -> None:
    bad = policy(tmp_path, "tresholds = 1\n")
    result = run("check", outputs / "clean.wav", "--policy", bad, index=shared)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: policy {bad}: tresholds: there is no such key; ")
    bad.write_text('schema = "sourceprint/gate-policy/1"\nthorough = 1\nab = 2\n')
    lines = run("check", outputs / "clean.wav", "--policy", bad, index=shared).stderr.splitlines()
    assert [line.partition(f"policy {bad}: ")[2].split(" ")[0] for line in lines] == [
        "name", "otherwise", "thorough", "ab:",
    ]  # fmt: skip
    assert run("check", outputs / "clean.wav", "--policy", tmp_path / "no.toml", index=shared).exit_code == 2


def test_recordings_that_the_policy_names_and_the_index_has_not_are_said(
    shared: Path, outputs: Path, tmp_path: Path
) -> None:
    named = policy(tmp_path, '[[rules]]\nid = "r"\naction = "block"\nrecordings = ["s1", "s9", "t*"]\n')
    result = run("check", outputs / "clean.wav", "--policy", named, "--format", "json", index=shared)
    assert result.stderr.startswith("Note: the policy names recordings that are not in the index: s9\n")
    assert json.loads(result.stdout)["policy"]["unknown_recordings"] == ["s9"]


def test_a_policy_may_name_a_recording_by_an_id_that_it_had(shared: Path, outputs: Path, tmp_path: Path) -> None:
    shutil.copytree(shared, tmp_path / "index")
    assert run("amend", "s2", "--id", "two-of-now", index=tmp_path / "index").exit_code == 0
    named = policy(tmp_path, '[[rules]]\nid = "r"\naction = "block"\nrecordings = ["s2"]\n')
    result = run("check", outputs / "reuse.wav", "--policy", named, "--format", "json", index=tmp_path / "index")
    assert "not in the index" not in result.stderr
    (checked,) = json.loads(result.stdout)["files"]
    assert (result.exit_code, checked["decision"]) == (1, "block")


# Reports.


@pytest.mark.slow
def test_reports_for_machines_go_to_stdout_or_to_a_file_with_lines_beside(
    shared: Path, outputs: Path, tmp_path: Path
) -> None:
    words: list[str | Path] = ["check", outputs / "reuse.wav", tmp_path / "gone.wav", "--date", "2026-07-01"]
    for layout in ("json", "sarif", "junit", "github"):
        printed = run(*words, "--format", layout, index=shared)
        assert printed.exit_code == 4
        assert printed.stderr.startswith(f"Error: {tmp_path}/gone.wav: no such file")
        file = tmp_path / f"report.{layout}"
        written = run(*words, "--format", layout, "-o", file, index=shared)
        assert written.exit_code == 4
        assert [line.split()[0] for line in written.stdout.splitlines()] == ["BLOCK", "ERROR"]
        assert file.read_text() == printed.stdout
    text = run(*words, "-o", tmp_path / "report.txt", index=shared)
    assert (tmp_path / "report.txt").read_text() == text.stdout
    (case, _) = ET.fromstring((tmp_path / "report.junit").read_bytes()).findall("testsuite/testcase")
    assert case[0].tag == "failure"


def test_the_report_never_replaces_a_checked_file(shared: Path, outputs: Path) -> None:
    before = (outputs / "reuse.wav").read_bytes()
    result = run("check", outputs, "-o", outputs / "reuse.wav", "--format", "json", index=shared)
    assert result.exit_code == 2
    assert (outputs / "reuse.wav").read_bytes() == before


def test_a_check_writes_nothing_that_was_not_asked_for(shared: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.wav", music(77))
    before = sorted(path for folder in (shared, tmp_path) for path in folder.rglob("*"))
    assert run("check", tmp_path, "--format", "sarif", index=shared).exit_code == 0
    assert sorted(path for folder in (shared, tmp_path) for path in folder.rglob("*")) == before


def test_the_same_file_named_twice_is_checked_once(shared: Path, outputs: Path) -> None:
    result = run("check", outputs / "clean.wav", outputs / "clean.wav", index=shared)
    assert len(result.stdout.splitlines()) == 1


# The recipes.


def recipes() -> dict[str, str]:
    """Return the shell of each recipe in RECIPES.md, by heading: blocks of `run`, lines of `script`, or all of it."""
    text = (ROOT / "docs" / "recipes.md").read_text()
    found = {}
    for heading, language, block in re.findall(r"^## (.*?)\n.*?^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if language == "sh":
            found[heading] = block
            continue
        run_block = re.search(r"^( *)run: \|\n((?:\1  .*\n)+)", block, re.MULTILINE)
        script = re.search(r"^( *)script:\n((?:\1  - .*\n)+)", block, re.MULTILINE)
        if run_block:
            found[heading] = textwrap.dedent(run_block[2])
        else:
            assert script, f"{heading}: neither run nor script"
            found[heading] = re.sub(r"^ *- ", "", script[2], flags=re.MULTILINE)
    return found


@pytest.fixture(scope="module")
def workplace(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the command and the files that the recipes expect."""
    folder = tmp_path_factory.mktemp("workplace")
    program = folder / "bin" / "sourceprint"
    program.parent.mkdir()
    call = shlex.join([sys.executable, "-c", "import cli; cli.main()"])
    program.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {call} "$@"\n')
    program.chmod(0o755)
    assert run("export", folder / "catalogue.tar", "--quiet", index=shared).exit_code == 0
    return folder


_SHELLS = {"GitHub Actions": ["bash", "-e", "-o", "pipefail"], "GitLab CI": ["sh", "-e"], "A shell": ["sh"]}


def test_there_are_recipes_for_two_services_and_a_shell() -> None:
    assert list(recipes()) == ["GitHub Actions", "GitLab CI", "A shell"]


@pytest.mark.slow
@pytest.mark.parametrize("heading", ["GitHub Actions", "GitLab CI", "A shell"])
def test_a_recipe_lets_nothing_go_that_is_for_review(
    heading: str, workplace: Path, outputs: Path, tmp_path: Path
) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "reuse.wav").symlink_to(outputs / "reuse.wav")
    (tmp_path / "catalogue.tar").symlink_to(workplace / "catalogue.tar")
    policy(tmp_path)
    environment = {**os.environ, "PATH": f"{workplace / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        [*_SHELLS[heading], "-c", recipes()[heading]], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "REVIEW" in done.stdout
    assert "may be released" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("heading", ["GitHub Actions", "GitLab CI", "A shell"])
@pytest.mark.parametrize(("source", "code"), [("clean.wav", 0), ("reuse.wav", 1)])
def test_a_recipe_passes_clean_files_and_stops_reuse(
    heading: str, source: str, code: int, workplace: Path, outputs: Path, tmp_path: Path
) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / source).symlink_to(outputs / source)
    (tmp_path / "catalogue.tar").symlink_to(workplace / "catalogue.tar")
    policy(tmp_path, '[[rules]]\nid = "certain"\naction = "block"\nmin_confidence = 0.999\n')
    environment = {**os.environ, "PATH": f"{workplace / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        [*_SHELLS[heading], "-c", recipes()[heading]], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert ("BLOCK" in done.stdout) == (code == 1)
    (report,) = tmp_path.glob("check.*")
    assert report.stat().st_size > 0
