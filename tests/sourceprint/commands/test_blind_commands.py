"""A blind index through the commands: keys, export, import, match, reveal; and fingerprints without names."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import sourceprint
from fingerprint.errors import GrantError
from fingerprint.spf_files import read_contents
from sourceprint import places
from sourceprint.blind.blind_import import import_blind
from sourceprint.blind.tokens import TOKEN
from sourceprint.signatures import load_public
from tests.command_line import RATE_HZ, catalogue, matches, music, run, write

EXPIRES = "2999-12-31"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an index of s1 to s12, keys of label and tone, blind.tar and the index imported from it."""
    folder = tmp_path_factory.mktemp("made")
    catalogue(folder, range(1, 13))
    for name in ("label", "tone"):
        assert run("keys", "create", "--name", name, "-o", folder / name).exit_code == 0
    assert run("keys", "secret", "--keys", folder / "label").exit_code == 0
    result = export(folder, folder / "blind.tar")
    assert result.exit_code == 0, result.stderr
    issuer = load_public(folder / "label" / "label.pub")
    import_blind(folder / "blind.tar", folder / "blind", issuer=issuer, keys=folder / "tone", today=places.today())
    return folder


@pytest.fixture
def tone(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands of a test be those of the licensee."""
    monkeypatch.setenv("SOURCEPRINT_KEYS", str(made / "tone"))


def export(made: Path, target: Path, *options: str | Path, licensee: str = "Tone Machines") -> Any:
    return run(
        "export", target, "--blind", "--licensee", licensee, "--licensee-key", made / "tone" / "tone.pub",
        "--expires", EXPIRES, "--keys", made / "label", *options, index=made / "index",
    )  # fmt: skip


def excerpts(folder: Path) -> list[Path]:
    """Write excerpts: quieter, beside other music, and of music outside the catalogue."""
    paths = []
    for seed in (2, 5, 9, 40):
        y = music(seed)[3 * RATE_HZ : 9 * RATE_HZ]
        paths.append(write(folder / f"quiet-{seed}.wav", 0.3 * y))
        paths.append(write(folder / f"mixed-{seed}.wav", 0.4 * y + 0.1 * music(60 + seed)[: y.size]))
    return paths


# Keys.


def test_a_new_key_is_shown_by_its_public_half(tmp_path: Path) -> None:
    created = run("keys", "create", "--name", "tone", "-o", tmp_path)
    assert created.exit_code == 0
    assert created.stdout == (tmp_path / "tone.pub").read_text()
    assert created.stderr.startswith(f"Note: the private key is {tmp_path / 'tone.pem'}")
    shown = json.loads(run("keys", "show", "--keys", tmp_path, "--json").stdout)
    key = load_public(tmp_path / "tone.pub")
    about = {"id": key.id, "fingerprint": key.fingerprint, "name": "tone", "public_key": key.text}
    assert shown == [{**about, "private": True, "path": str(tmp_path / "tone.pem")}]
    assert run("keys", "show", tmp_path / "tone.pub").stdout == (
        f"{key.id}  public   {key.text}\n  fingerprint {key.fingerprint}\n"
    )
    assert run("keys", "show", "--keys", tmp_path).stdout == (
        f"{key.id}  private  {key.text}\n  fingerprint {key.fingerprint}\n"
    )
    again = run("keys", "create", "--name", "tone", "-o", tmp_path)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "keys are never overwritten" in again.stderr


def test_keys_are_kept_in_a_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = run("keys", "show")
    assert nothing.exit_code == 2
    assert "holds no key; make one" in nothing.stderr
    facts = json.loads(run("keys", "create", "--json").stdout)
    assert facts["path"] == str(tmp_path / "user-data" / "sourceprint" / "keys" / "key.pem")
    monkeypatch.setenv("SOURCEPRINT_KEYS", str(tmp_path / "elsewhere"))
    assert json.loads(run("keys", "create", "--json").stdout)["path"] == str(tmp_path / "elsewhere" / "key.pem")


# A label and a licensee.


@pytest.mark.slow
def test_finds_of_the_full_index_are_those_of_the_blind_one_and_reveal_names_them(
    made: Path, tone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = excerpts(tmp_path)
    full = [json.loads(line) for line in run("match", *files, "--jsonl", index=made / "index").stdout.splitlines()]
    found = run("match", *files, "--jsonl", index=made / "blind")
    assert found.exit_code == 0, found.stderr
    (tmp_path / "results.jsonl").write_text(found.stdout)
    tokens = {match["recording_id"] for line in found.stdout.splitlines() for match in json.loads(line)["matches"]}
    assert {token[:6] for token in tokens} == {"blind-"}
    assert not any(match["title"] for line in found.stdout.splitlines() for match in json.loads(line)["matches"])

    monkeypatch.setenv("SOURCEPRINT_KEYS", str(made / "label"))
    revealed = run("reveal", tmp_path / "results.jsonl", index=made / "index")
    assert (revealed.exit_code, revealed.stderr) == (0, f"{len(tokens)} recordings revealed\n")
    for before, after in zip(full, map(json.loads, revealed.stdout.splitlines()), strict=True):
        assert [match["recording_id"] for match in after["matches"]] == [
            match["recording_id"] for match in before["matches"]
        ]
        for one, other in zip(before["matches"], after["matches"], strict=True):
            for a, b in zip(one["passages"], other["passages"], strict=True):
                for name in ("track_start_ms", "track_end_ms", "recording_start_ms", "recording_end_ms"):
                    assert abs(a[name] - b[name]) <= 500
    assert sum(bool(line["matches"]) for line in full) == 6


def test_the_report_of_the_gate_is_revealed_too(
    made: Path, tone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = write(tmp_path / "quiet.wav", 0.3 * music(5)[3 * RATE_HZ : 9 * RATE_HZ])
    checked = run("check", quiet, "--format", "json", index=made / "blind")
    assert checked.exit_code == 1, checked.stderr
    assert TOKEN.search(checked.stdout)
    (tmp_path / "report.json").write_text(checked.stdout)
    monkeypatch.setenv("SOURCEPRINT_KEYS", str(made / "label"))
    revealed = run("reveal", tmp_path / "report.json", "--quiet", index=made / "index")
    assert (revealed.exit_code, revealed.stderr) == (0, "")
    assert not TOKEN.search(revealed.stdout)
    plain = TOKEN.sub("s5", checked.stdout)
    assert json.loads(revealed.stdout) == json.loads(plain)


def test_reveal_counts_unresolved_recordings(made: Path, tmp_path: Path) -> None:
    token = "blind-0123456789abcdef-" + "a" * 26
    (tmp_path / "r.jsonl").write_text(json.dumps({"matches": [{"recording_id": token}]}) + "\n")
    options = (tmp_path / "r.jsonl", "--keys", made / "label")
    result = run("reveal", *options, "-o", tmp_path / "out.jsonl", index=made / "index")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        "Note: 1 token not resolved: another label's, or of recordings that were removed since\n0 recordings revealed\n"
    )
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "r.jsonl").read_bytes()
    again = run("reveal", *options, "-o", tmp_path / "out.jsonl", index=made / "index")
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_reveal_needs_the_secret_and_the_results(made: Path, tmp_path: Path) -> None:
    without = run("reveal", tmp_path / "r.jsonl", "--keys", made / "tone", index=made / "index")
    assert without.exit_code == 2
    assert "tokens can be resolved only with the one they were made with" in without.stderr
    missing = run("reveal", tmp_path / "r.jsonl", "--keys", made / "label", index=made / "index")
    assert missing.exit_code == 2
    assert "cannot be read (No such file or directory)" in missing.stderr


def test_import_asks_whom_to_trust_and_whose_key_it_is(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnamed = run("import", made / "blind.tar", index=tmp_path / "b")
    assert unnamed.exit_code == 2
    assert "name its issuer with --from" in unnamed.stderr
    words = ("import", made / "blind.tar", "--from", made / "label" / "label.pub")
    stranger = run(*words, "--keys", made / "label", index=tmp_path / "b")
    assert stranger.exit_code == 5
    assert "for Tone Machines, whose private key" in stranger.stderr
    monkeypatch.setattr(places, "datetime", _Clock)
    late = run(*words, "--keys", made / "tone", index=tmp_path / "b")
    assert (late.exit_code, list(tmp_path.iterdir())) == (5, [])
    assert "begins on" in late.stderr
    monkeypatch.undo()
    good = run(*words, "--keys", made / "tone", "--json", index=tmp_path / "b")
    assert good.exit_code == 0
    assert json.loads(good.stdout)["recordings"] == 12


class _Clock:
    """A clock that is set back."""

    @staticmethod
    def now(_: object) -> _Clock:
        return _Clock()

    @staticmethod
    def date() -> date:
        return date(2000, 1, 1)


def test_every_command_that_opens_the_index_asks_for_the_grant(made: Path, tmp_path: Path) -> None:
    audio = write(tmp_path / "a.wav", music(1))
    for words in (
        ("match", audio), ("info",), ("list",), ("duplicates",), ("verify",), ("compact",), ("add", audio),
        ("replace", audio), ("remove", "x"), ("tag", "x", "--add", "y"), ("exclude", "x", "0-1"),
        ("export", tmp_path / "b.tar"),
    ):  # fmt: skip
        result = run(*words, index=made / "blind")
        assert result.exit_code == 5, (words, result.stderr)
        assert "the grant is for Tone Machines, whose private key" in result.stderr
        assert result.stdout == ""


def test_a_blind_index_is_searched_and_nothing_else(made: Path, tone: None, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in sorted((made / "blind").rglob("*")) if path.is_file()}
    audio = write(tmp_path / "a.wav", music(1))
    token = json.loads(run("list", "--json", index=made / "blind").stdout)[0]["id"]
    listed = write(tmp_path / f"{token}.wav", music(2))
    for words in (
        ("add", audio), ("replace", listed), ("remove", token), ("tag", token, "--add", "y"),
        ("exclude", token, "0-1"), ("compact",), ("verify", "--repair"), ("export", tmp_path / "b.tar"),
    ):  # fmt: skip
        result = run(*words, index=made / "blind")
        assert result.exit_code == 5, (words, result.stderr)
        assert "a blind index" in result.stderr
    assert {path: path.read_bytes() for path in sorted((made / "blind").rglob("*")) if path.is_file()} == before
    [[found]] = matches(made / "blind", audio)
    assert TOKEN.fullmatch(found)
    assert run("verify", index=made / "blind").exit_code == 0


def test_a_scan_ends_when_the_grant_expires_meanwhile(
    made: Path, tone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path / "drop" / f"{name}.wav", music(ord(name)))
    days = [date(2998, 1, 1)] * 6  # when the command, the session and its plan begin, and before two files
    monkeypatch.setattr(places, "today", lambda: days.pop() if days else date(3000, 1, 1))
    result = run("scan", tmp_path / "drop", "--out", tmp_path / "RUN", "--jobs", "1", index=made / "blind")
    assert result.exit_code == 5
    assert "the grant for Tone Machines expired on 2999-12-31" in result.stderr
    assert len((tmp_path / "RUN" / "results.jsonl").read_bytes().splitlines()) == 2


def test_python_opens_a_blind_index_while_its_grant_holds_and_changes_nothing(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(GrantError):
        sourceprint.open(made / "blind")
    blind = sourceprint.open(made / "blind", keys=made / "tone")
    monkeypatch.setenv("SOURCEPRINT_KEYS", str(made / "tone"))
    assert blind.info() == json.loads(run("info", "--json", index=made / "blind").stdout)
    assert blind.info()["grant"]["licensee"] == "Tone Machines"
    y = music(3)[RATE_HZ : 9 * RATE_HZ]
    (found,) = blind.match(y, sample_rate=RATE_HZ).matches
    assert TOKEN.fullmatch(found.recording_id)
    with pytest.raises(GrantError, match="only searched"):
        blind.add(y, sample_rate=RATE_HZ, id="new")
    with pytest.raises(GrantError, match="only searched"):
        blind.remove(found.recording_id)
    monkeypatch.setattr(places, "today", lambda: date(3000, 1, 1))
    for call in (blind.info, lambda: blind.match(y, sample_rate=RATE_HZ), lambda: blind.scan(tmp_path)):
        with pytest.raises(GrantError, match="expired on 2999-12-31"):
            call()


def test_info_says_whose_index_it_is_for_whom_and_until_when(made: Path, tone: None) -> None:
    grant = json.loads(run("info", "--json", index=made / "blind").stdout)["grant"]
    assert (grant["licensee"], grant["issuer"], grant["expires"]) == ("Tone Machines", "label", EXPIRES)
    assert grant["licensee_key"] == load_public(made / "tone" / "tone.pub").id
    text = run("info", index=made / "blind").stdout
    assert f"  licensee                Tone Machines (key {grant['licensee_key']})\n" in text
    assert f"  expires                 {EXPIRES}\n" in text
    assert "grant" not in json.loads(run("info", "--json", index=made / "index").stdout)


def test_blind_exports_ask_for_their_options(made: Path, tmp_path: Path) -> None:
    for words, message in [
        (("--blind",), "--blind needs --licensee, --licensee-key, --expires too"),
        (("--licensee", "Tone"), "--licensee goes with --blind"),
        (("--sign-with", "x"), "--sign-with goes with --blind"),
    ]:
        result = run("export", tmp_path / "b.tar", *words, index=made / "index")
        assert result.exit_code == 2
        assert message in result.stderr
    wrong: list[tuple[tuple[str | Path, ...], str]] = [
        (("--keys", tmp_path), "holds no private key; make one"),
        (("--sign-with", made / "tone" / "tone.pub"), "a private key is a file NAME.pem"),
        (("--expires", "2001-01-01"), "expires 2001-01-01: lies before today"),
        (("--licensee-key", made / "tone" / "tone.pem"), "a private key, which must never leave its owner"),
    ]
    for options, message in wrong:
        result = export(made, tmp_path / "b.tar", *options)
        assert result.exit_code == 2, result.stderr
        assert message in result.stderr
    shutil.copytree(made / "label", tmp_path / "two")
    shutil.copy(made / "tone" / "tone.pem", tmp_path / "two")
    several = export(made, tmp_path / "b.tar", "--keys", tmp_path / "two")
    assert (several.exit_code, (tmp_path / "b.tar").exists()) == (2, False)
    assert "holds 2 private keys (label.pem, tone.pem); name one of them" in several.stderr
    assert export(made, tmp_path / "b.tar", "--sign-with", made / "label" / "label.pem").exit_code == 0


def test_the_secret_of_tokens_is_made_by_its_own_command_alone_and_once(made: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    assert run("keys", "create", "-o", keys).exit_code == 0
    without = export(made, tmp_path / "b.tar", "--keys", keys)
    assert without.exit_code == 2
    assert f"{keys}/blind.secret: there is no such file" in without.stderr
    assert "make it with `sourceprint keys secret`" in without.stderr
    assert sorted(path.name for path in keys.iterdir()) == ["key.pem", "key.pub"]
    first = run("keys", "secret", "--keys", keys)
    assert (first.exit_code, first.stdout) == (0, f"{keys}/blind.secret\n")
    assert first.stderr.startswith("Note: keep a copy of it in a safe place")
    secret = (keys / "blind.secret").read_bytes()
    second = run("keys", "secret", "--keys", keys)
    assert (second.exit_code, second.stdout) == (2, "")
    assert "exists already, and secrets are never overwritten" in second.stderr
    assert (keys / "blind.secret").read_bytes() == secret
    assert export(made, tmp_path / "b.tar", "--keys", keys).exit_code == 0


# Fingerprints without names.


def test_an_anonymous_fingerprint_holds_no_name(made: Path, tmp_path: Path) -> None:
    audio = write(tmp_path / "music" / "my secret song.wav", music(3))
    digest = hashlib.sha256(audio.read_bytes()).hexdigest()
    words = ("fingerprint", audio, "-o", tmp_path / "prints", "--role", "query", "--quiet")
    made_files = run(*words, "--anonymous")
    target = tmp_path / "prints" / f"{digest[:16]}.spf"
    assert (made_files.exit_code, made_files.stdout) == (0, f"{target}\n")
    data = target.read_bytes()
    assert b"secret" not in data
    assert os.fsencode(tmp_path) not in data
    assert read_contents(target).name == digest[:16]
    assert matches(made / "index", target) == [["s3"]]
    report = json.loads(run(*words, "--anonymous", "--json").stdout)
    assert (report["made"], report["unchanged"], target.read_bytes()) == (0, 1, data)
    assert run(*words).stdout == f"{tmp_path / 'prints' / 'my secret song.spf'}\n"


def test_an_ordinary_fingerprint_tells_the_name_of_the_file_and_no_folder(tmp_path: Path) -> None:
    audio = write(tmp_path / "folder with a name" / "song.wav", music(3))
    run("fingerprint", audio, "-o", tmp_path / "prints", "--role", "query", "--quiet")
    data = (tmp_path / "prints" / "song.spf").read_bytes()
    assert b'"name":"song.wav"' in data
    assert b"folder with a name" not in data
    assert os.fsencode(tmp_path) not in data
