"""A log that changes its key: signed by both at the change, verified with a list of keys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fingerprint.errors import VerificationError
from sourceprint.signatures import PrivateKey
from sourceprint.transparency import Checkpoint, EntryProof, Log, LogReader, verify_log
from sourceprint.transparency import log as log_module
from sourceprint.transparency import tiles as tiles_module

OLD, NEW = PrivateKey(bytes(32), "log"), PrivateKey(bytes(31) + b"1", "log-2")
BOTH = [OLD.public, NEW.public]
ORIGIN = "log.example/tone"


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a log of 300 entries by the old key."""
    Log.open(tmp_path / "log", signer=OLD, origin=ORIGIN).append([b"entry %d" % number for number in range(300)])
    return tmp_path / "log"


def changed(folder: Path) -> Log:
    return Log.open(folder, signer=NEW, origin=ORIGIN, former=[OLD])


def signers(data: bytes) -> list[PrivateKey]:
    return [key for key in (OLD, NEW) if Checkpoint.parse(data).signed_by(key.public)]


def test_the_checkpoint_of_the_change_is_by_both_and_kept(folder: Path) -> None:
    before = LogReader(folder).checkpoint()
    log = changed(folder)
    log.append([b"the change"])
    at_change = log.checkpoint()
    assert signers(at_change) == [OLD, NEW]
    log.append([b"after it"])
    assert signers(log.checkpoint()) == [NEW]
    assert (folder / "key-changes" / "301").read_bytes() == at_change
    found = verify_log(folder, key=BOTH, older=before)
    assert found.holds
    assert [(one.size, one.signers, one.n_unknown) for one in found.key_changes] == [
        (301, (OLD.public.id, NEW.public.id), 0)
    ]
    assert verify_log(folder, key=BOTH, older=at_change).holds
    only_new = verify_log(folder, key=NEW.public)
    assert only_new.holds
    assert only_new.key_changes[0].n_unknown == 1
    assert EntryProof.of(log, 300).verify(BOTH).size == 302


def test_who_knows_only_the_former_key_is_told_of_the_change(folder: Path) -> None:
    log = changed(folder)
    for entry in (b"the change", b"after it"):
        log.append([entry])
    found = verify_log(folder, key=OLD.public)
    assert not found.holds
    assert [one.kind for one in found.findings] == ["checkpoint", "key_change"]
    assert f"changed its key at 301 entries, and key {OLD.public.id}" in found.findings[1].text
    stranger = verify_log(folder, key=PrivateKey.generate("else").public)
    assert [one.kind for one in stranger.findings] == ["checkpoint"]


def test_a_change_that_was_cut_short_is_kept_by_the_next_append(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = tiles_module.put

    def stopping(place: Path, name: str, data: bytes) -> None:
        if name.startswith("key-changes"):
            raise KeyboardInterrupt
        put(place, name, data)

    monkeypatch.setattr(log_module, "put", stopping)
    with pytest.raises(KeyboardInterrupt):
        changed(folder).append([b"the change"])
    monkeypatch.setattr(log_module, "put", put)
    assert signers(LogReader(folder).checkpoint()) == [OLD, NEW]
    changed(folder).append([b"after it"])
    assert signers((folder / "key-changes" / "301").read_bytes()) == [OLD, NEW]
    assert verify_log(folder, key=BOTH).holds


def test_an_altered_change_is_named(folder: Path) -> None:
    changed(folder).append([b"the change"])
    kept = folder / "key-changes" / "301"
    sound = kept.read_bytes()
    kept.write_bytes(sound.replace(b"\n301\n", b"\n300\n"))
    (found,) = verify_log(folder, key=BOTH).findings
    assert (found.kind, found.what) == ("key_change", "states other entries than the log has")
    kept.write_bytes(sound[:-9] + b"AAAAAAA=\n")
    (found,) = verify_log(folder, key=BOTH).findings
    assert found.kind == "key_change"
    kept.write_bytes(b"")
    (found,) = verify_log(folder, key=BOTH).findings
    assert "no checkpoint" in found.what


def test_the_new_key_alone_may_not_take_over(folder: Path) -> None:
    with pytest.raises(VerificationError, match="not signed by key"):
        Log.open(folder, signer=NEW, origin=ORIGIN)
