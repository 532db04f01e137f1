"""The commands of the log: JSON, exit codes, files that cannot be used. What people read is in the snapshots."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sourceprint.signatures import PrivateKey
from sourceprint.transparency import Log
from tests.command_line import run

ENTRIES = [b'{"action":"scan"}', b"\xff", b"", b"a\x1b[31m\nb"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a log and its public key, in which the commands run."""
    signer = PrivateKey(bytes(32), "tone")
    (tmp_path / "log.pub").write_text(f"{signer.public.text}\n", encoding="ascii")
    Log.open(tmp_path / "log", signer=signer, origin="log.example/tone").append(ENTRIES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_verdicts_as_json(place: Path) -> None:
    sound = run("log", "verify", "log", "--key", "log.pub", "--checkpoint", "log/checkpoint", "--json")
    verdict = json.loads(sound.stdout)
    assert (sound.exit_code, verdict["holds"], verdict["size"], verdict["older_size"]) == (0, True, 4, 4)
    (place / "log/tile/0/000.p/4").write_bytes(bytes(128))
    altered = run("log", "verify", "log", "--key", "log.pub", "--json")
    verdict = json.loads(altered.stdout)
    assert (altered.exit_code, verdict["holds"], verdict["consistent"], verdict["trusted"]) == (6, False, False, True)
    assert [finding["kind"] for finding in verdict["findings"]] == ["altered_tile"] * 4
    assert altered.stderr.startswith(
        "Error: log: the log does not hold: tile/0/000.p/4, hash of entry 0: is not the hash"
    )


def test_entries_are_printed_on_one_line_each(place: Path) -> None:
    shown = run("log", "show", "log")
    assert shown.stdout.splitlines()[3:] == ['0  {"action":"scan"}', "1  base64:/w==", "2  ", r"3  a\x1b[31m\nb"]
    listed = json.loads(run("log", "show", "log", "--json", "--from", "1", "--limit", "1").stdout)
    assert (listed["size"], listed["entries"]) == (4, [{"index": 1, "entry": "/w==", "text": None}])
    assert listed["checkpoint"].encode() == (place / "log/checkpoint").read_bytes()
    assert json.loads(run("log", "show", "log", "--json", "--from", "9").stdout)["entries"] == []


def test_a_proof_is_written_once_and_checked(place: Path) -> None:
    assert run("log", "prove", "log", "3", "-o", "proof.json").exit_code == 0
    data = (place / "proof.json").read_bytes()
    assert run("log", "prove", "log", "3").stdout.encode() == data
    again = run("log", "prove", "log", "2", "-o", "proof.json")
    assert (again.exit_code, (place / "proof.json").read_bytes()) == (2, data)
    assert "is there already; name another file, or give --force" in again.stderr
    checked = run("log", "check-proof", "proof.json", "--key", "log.pub", "--json")
    assert checked.exit_code == 0
    assert json.loads(checked.stdout) == {
        "schema": "sourceprint/log-proof-verdict/1", "holds": True, "consistent": True, "origin": "log.example/tone",
        "size": 4, "index": 3, "entry": "YRtbMzFtCmI=",
    }  # fmt: skip
    unknown = run("log", "check-proof", "proof.json")
    assert (unknown.exit_code, unknown.stdout.partition(":")[0]) == (6, "NOT VERIFIED")
    (place / "proof.json").write_bytes(data.replace(b'"index": 3', b'"index": 2'))
    altered = run("log", "check-proof", "proof.json", "--key", "log.pub")
    assert (altered.exit_code, altered.stdout) == (6, "")
    assert altered.stderr.startswith("Error: proof.json: entry 2 is not proven")
    assert run("log", "prove", "log", "2", "-o", "proof.json", "--force").exit_code == 0
    assert run("log", "check-proof", "proof.json", "--key", "log.pub").exit_code == 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["verify", "nowhere"], 5, "nowhere: holds no log: there is no file `checkpoint`; check the path"),
        (["show", "log.pub"], 5, "log.pub: holds no log"),
        (["prove", "log", "4"], 2, "entry 4: the log has 4 entries, numbered from 0"),
        (["verify", "log", "--key", "none.pub"], 2, "none.pub: cannot be read (No such file or directory)"),
        (["verify", "log", "--key", "log/checkpoint"], 2, "log/checkpoint: no public key"),
        (["verify", "log", "--checkpoint", "none"], 2, "none: cannot be read (No such file or directory)"),
        (["verify", "log", "--checkpoint", "log.pub", "--key", "log.pub"], 6, "older checkpoint: no checkpoint"),
        (["check-proof", "log.pub", "--key", "log.pub"], 2, "log.pub: is not valid JSON; give a proof that"),
        (["check-proof", "none"], 2, "none: cannot be read (No such file or directory)"),
        (["prove", "log", "0", "-o", "nowhere/proof.json"], 2, "proof.json: cannot be written (No such file"),
    ],
)
def test_unusable_input_is_named(place: Path, words: list[str], code: int, told: str) -> None:
    done = run("log", *words)
    assert done.exit_code == code
    assert told in done.stderr
