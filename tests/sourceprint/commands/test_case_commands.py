"""Output and exit codes of `evidence` and `verify`."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sourceprint.evidence.cases import verdict
from sourceprint.evidence.cases.archive import RESULT, open_archive, pack
from sourceprint.evidence.pages import report
from sourceprint.signatures import create_key, load_private
from tests.command_line import RATE_HZ, music, run, write


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run over two files: in song.wav is s1, in nothing.wav nothing."""
    folder = tmp_path_factory.mktemp("made")
    write(folder / "music" / "s1.wav", music(1, 30.0))
    assert run("add", folder / "music", "--quiet", index=folder / "index").exit_code == 0
    write(folder / "in" / "song.wav", np.concatenate([music(70, 6.0), music(1, 30.0)[5 * RATE_HZ : 14 * RATE_HZ]]))
    write(folder / "in" / "nothing.wav", music(72, 8.0))
    done = run("scan", folder / "in", "--out", folder / "RUN", "--jobs", "1", "--quiet", index=folder / "index")
    assert done.exit_code == 0, done.stderr
    return folder / "RUN"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Return a folder with one key, tone."""
    create_key(tmp_path / "keys", "tone")
    return tmp_path / "keys"


@pytest.mark.slow
def test_a_case_is_made_and_verified_without_index_and_audio(made: Path, keys: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "RUN"
    shutil.copytree(made, alone)
    case = tmp_path / "case.zip"
    result = run(
        "evidence", alone, "song.wav", "-o", case, "--keys", keys, "--note", "for the file", "--date", "2026-01-31"
    )
    assert result.exit_code == 0, result.stderr
    key = load_private(keys / "tone.pem").public
    digest, _, name = result.stdout.strip().partition("  ")
    assert (len(digest), name) == (64, str(case))
    check = f"`sourceprint verify {case} --key {keys / 'tone.pub'}` checks it"
    assert result.stderr == f"Note: signed by key {key.id} (tone); {check}\n"
    shutil.rmtree(alone)

    checked = run("verify", case, "--key", keys / "tone.pub")
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert checked.stdout.startswith(f"{case}: holds.\n")
    assert f"by key {key.id}, which you gave as tone" in checked.stdout
    assert " on 2026-01-31, as its maker says\n  note    for the file\n" in checked.stdout
    assert "aligned_landmarks" in checked.stdout
    assert "\nWhat it does not prove\n" in checked.stdout

    stranger = run("verify", case)
    assert stranger.exit_code == 6
    what = "NOT VERIFIED: consistent, but signed with a key that nobody vouches for: fingerprint"
    assert stranger.stdout.startswith(f"{case}: {what} {key.fingerprint}\n")
    assert "nobody has said whose key that is: give --key" in stranger.stdout
    assert stranger.stderr.startswith(f"Error: {case}: not verified: it is signed, but nobody vouches for the key")
    anybody = run("verify", case, "--any-key")
    assert (anybody.exit_code, anybody.stderr) == (0, "")
    assert anybody.stdout == stranger.stdout
    assert run("verify", case, "--key", key.fingerprint).stdout.startswith(f"{case}: holds.\n")
    assert run("verify", case, "--key", key.fingerprint[::-1]).exit_code == 6
    assert "give one of them" in run("verify", case, "--key", keys / "tone.pub", "--any-key").stderr


@pytest.mark.slow
@pytest.mark.same_bytes
def test_the_same_command_gives_the_same_case(made: Path, keys: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        command = ("evidence", made, "song", "-o", tmp_path / name, "--sign-with", keys / "tone.pem", "--quiet")
        result = run(*command)
        assert (result.exit_code, result.stderr) == (0, "")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_no_key_is_made_unasked_and_the_only_one_signs(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "user-data" / "sourceprint" / "keys"
    without = run("evidence", made, "song", "-o", tmp_path / "a.zip")
    assert without.exit_code == 2
    assert f"{folder}: holds no private key; make one with `sourceprint keys create`" in without.stderr
    assert list(tmp_path.iterdir()) == []
    assert run("keys", "create").exit_code == 0
    first = run("evidence", made, "song", "-o", tmp_path / "a.zip", "--json")
    assert json.loads(first.stdout)["signer_id"] == load_private(folder / "key.pem").public.id
    create_key(folder, "another")
    several = run("evidence", made, "song", "-o", tmp_path / "c.zip")
    assert several.exit_code == 2
    assert "holds 2 private keys (another.pem, key.pem); name one of them" in several.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("RUN", "song2"), "song2: no file of this run has that name or SHA-256"),
        (("RUN", ".wav"), "nothing.wav, "),
        (("RUN", "nothing.wav"), "nothing was found in it"),
        (("NONE", "song"), "no such folder; give the folder that a scan wrote"),
    ],
)
def test_evidence_of_an_impossible_input_is_a_usage_error(
    made: Path, keys: Path, tmp_path: Path, words: tuple[str, str], message: str
) -> None:
    result = run("evidence", made.with_name(words[0]), words[1], "-o", tmp_path / "case.zip", "--keys", keys)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert not (tmp_path / "case.zip").exists()


def test_no_key_is_made_for_a_file_that_is_not_there(made: Path, tmp_path: Path) -> None:
    assert run("evidence", made, "song2", "-o", tmp_path / "case.zip").exit_code == 2
    assert not (tmp_path / "user-data").exists()


def test_an_existing_file_is_replaced_only_by_force(made: Path, keys: Path, tmp_path: Path) -> None:
    case = tmp_path / "case.zip"
    case.write_text("mine")
    command = ("evidence", made, "song", "-o", case, "--keys", keys, "--quiet")
    refused = run(*command)
    assert (refused.exit_code, case.read_text()) == (2, "mine")
    assert "is there already; name another file, or give --force" in refused.stderr
    assert run(*command, "--force").exit_code == 0
    assert run("verify", case, "--key", keys / "tone.pub").exit_code == 0


@pytest.fixture
def case(made: Path, keys: Path, tmp_path: Path) -> Path:
    assert run("evidence", made, "song", "-o", tmp_path / "case.zip", "--keys", keys, "--quiet").exit_code == 0
    return tmp_path / "case.zip"


def test_a_changed_case_exits_with_6_and_names_the_fault(case: Path) -> None:
    members = dict(open_archive(case.read_bytes(), name="case").members)
    members[RESULT] = members[RESULT].replace(b'"recording_id": "s1"', b'"recording_id": "s2"')
    case.write_bytes(pack(members))
    result = run("verify", case)
    assert result.exit_code == 6
    assert result.stdout.startswith(f"{case}: DOES NOT HOLD: 3 things are wrong.\n")
    assert result.stderr == (
        f"Error: {case}: does not hold: result.json is not the file that SHA256SUMS lists; "
        "s2: recording_id is stated as s2, but the landmarks give s1; "
        "README.txt: is not what Sourceprint writes for the other files\n"
    )


def test_a_truncated_case_exits_with_6_and_another_file_with_2(case: Path) -> None:
    case.write_bytes(case.read_bytes()[:-100])
    result = run("verify", case)
    assert result.exit_code == 6
    assert "it was cut short" in result.stderr
    case.write_bytes(b"words")
    result = run("verify", case)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"Error: {case}: is no case; give the file that `sourceprint evidence` made\n"
    assert run("verify", case.with_name("none.zip")).exit_code == 2


def test_a_file_that_ends_the_process_which_looks_at_it_is_told(
    made: Path, keys: Path, case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = "ended the process that worked on it, twice (exit code 9)"
    monkeypatch.setattr(verdict, "check_case", lambda *_, **__: os._exit(9))
    result = run("verify", case, "--any-key")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"case.zip: {ended}" in result.stderr
    monkeypatch.setattr(report, "file_view", lambda *_, **__: os._exit(9))
    result = run("evidence", made, "song.wav", "-o", tmp_path / "new.zip", "--keys", keys)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"song.wav: {ended}" in result.stderr
    assert not (tmp_path / "new.zip").exists()


def test_another_key_exits_with_6_and_one_of_several_is_enough(case: Path, keys: Path) -> None:
    create_key(keys, "other")
    result = run("verify", case, "--key", keys / "other.pub")
    assert result.exit_code == 6
    assert "which was given as the signer's" in result.stderr
    assert run("verify", case, "--key", keys / "other.pub", "--key", keys / "tone.pub").exit_code == 0
    private = run("verify", case, "--key", keys / "tone.pem")
    assert private.exit_code == 2
    assert "must never leave its owner" in private.stderr


def test_the_verdict_is_one_json_document(case: Path, keys: Path) -> None:
    result = run("verify", case, "--key", keys / "tone.pub", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    verdict: dict[str, Any] = json.loads(result.stdout)
    assert (verdict["schema"], verdict["holds"], verdict["signer_is_given"]) == (
        "sourceprint/case-verdict/1",
        True,
        True,
    )
    assert {figure["of"] for figure in verdict["figures"]} == {"s1", "s1, passage 1"}
    case.write_bytes(case.read_bytes()[:-1])
    broken = run("verify", case, "--json")
    assert broken.exit_code == 6
    assert json.loads(broken.stdout)["holds"] is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("case.zip", "--repair"), "--repair: is for an index; leave it out for a case"),
        (("case.zip", "--index", "x"), "--index: is for an index; leave it out for a case"),
        (("--json",), "--json goes with a case"),
        (("--key", "x.pub"), "--key goes with a case"),
    ],
)
def test_options_of_the_other_kind_are_refused(options: tuple[str, ...], message: str) -> None:
    result = run("verify", *options)
    assert result.exit_code == 2
    assert message in result.stderr
