"""The log: every entry once and in order despite failures; changes by the command line included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from fingerprint.errors import VerificationError
from sourceprint.royalties.people import add_people
from sourceprint.royalties.rights.chain import chain_head
from sourceprint.service.log_feed import LogFeed
from sourceprint.service.store.schema import outbox
from sourceprint.signatures import PublicKey, load_public
from sourceprint.transparency.entry_proof import EntryProof
from sourceprint.transparency.verification import verify_log
from tests.command_line import run
from tests.service_servers import TestService


def feed_of(service: TestService) -> LogFeed:
    return LogFeed(service.server.database, service.server.folder)


def public_key(service: TestService) -> Path:
    return next(service.server.folder.log_key.glob("*.pub"))


def entries(service: TestService) -> list[dict[str, str]]:
    return [json.loads(entry) for entry in feed_of(service).log.entries()]


def test_entries_are_appended_once_in_order_and_the_log_verifies(service: TestService) -> None:
    feed = feed_of(service)
    first = feed.feed()
    service.key("main", "scan")
    assert feed.feed() == 1
    assert feed.feed() == 0
    assert feed.log.size == first + 1
    with service.server.database.reading() as connection:
        rows = connection.execute(select(outbox.c.log_index, outbox.c.entry).order_by(outbox.c.sequence)).all()
    assert [row.log_index for row in rows] == list(range(first + 1))
    assert [bytes(row.entry) for row in rows] == list(feed.log.entries())
    assert verify_log(service.server.folder.log, key=load_public(public_key(service))).holds


def test_an_append_whose_end_was_not_seen_is_not_repeated(
    service: TestService, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = feed_of(service)
    append = feed.log.append

    def crashing(*args: object, **kwargs: object) -> range:
        append(*args, **kwargs)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(feed.log, "append", crashing)
    with pytest.raises(KeyboardInterrupt):
        feed.feed()
    again = feed_of(service)
    assert again.feed() == 0
    service.key("main", "scan")
    assert again.feed() == 1
    assert len({entry["id"] for entry in entries(service)}) == again.log.size


def test_a_log_that_was_put_back_from_a_backup_is_named(service: TestService) -> None:
    feed = feed_of(service)
    feed.feed()
    with service.server.database.writing() as connection:
        last = connection.scalar(select(func.max(outbox.c.sequence)))
        connection.execute(update(outbox).where(outbox.c.sequence == last).values(entry=b"{}"))
        connection.execute(update(outbox).where(outbox.c.sequence == last).values(log_index=feed.log.size + 5))
    with pytest.raises(VerificationError, match="was cut, or put back from a backup"):
        feed.log.append([b"{}"], start=feed.log.size + 5)


def test_changes_of_rights_by_any_program_are_in_the_log(service: TestService) -> None:
    rights = service.server.folder.organisation("main").rights()
    feed_of(service).feed()
    before = len(entries(service))
    add_people(rights, ["Ann"])
    feed = feed_of(service)
    feed.feed(chains=False)
    assert len(entries(service)) == before
    feed.feed()
    (entry,) = entries(service)[before:]
    with rights.reading() as connection:
        head = chain_head(connection)
    assert (entry["event"], entry["organisation"]) == ("rights.changed", "main")
    assert entry["subject"] == f"chain:{head.sequence}"
    assert entry["data"]["hash"] == head.hash  # type: ignore[index]
    assert "Ann" not in json.dumps(entries(service))
    assert feed.feed() == 0


def test_an_auditor_proves_an_entry_and_that_the_log_only_grew(service: TestService) -> None:
    feed_of(service).feed()
    key = load_public(public_key(service))
    with service.client("main", "audit") as auditor:
        old = auditor.get("/v1/log/checkpoint").text
        old_size = int(old.splitlines()[1])
        feed_of(service).feed()  # the auditor's own key
        page = auditor.get("/v1/log/entries", params={"limit": 1}).json()
        assert page["next"] == page["items"][0]["index"] == 0
        proof = auditor.get("/v1/log/entries/0/proof").content
        checkpoint = EntryProof.parse(proof, "proof").verify(key)
        assert checkpoint.size == old_size + 1
        grown = auditor.get("/v1/log/consistency", params={"old_size": old_size}).json()
        assert (grown["old_size"], grown["size"]) == (old_size, old_size + 1)
        assert auditor.get("/v1/log/consistency", params={"old_size": 10**6}).status_code == 404
    with service.client("other", "audit") as stranger:
        assert stranger.get("/v1/log/entries/0/proof").status_code == 404
        listed = stranger.get("/v1/log/entries").json()["items"]
        assert {one["entry"]["organisation"] for one in listed} == {"other"}


def test_the_log_gets_a_new_key_while_the_server_runs(service: TestService) -> None:
    feed, folder = feed_of(service), service.server.folder
    feed.feed()
    old_key = load_public(public_key(service))
    old = feed.log.checkpoint()
    options: list[str | Path] = ["--data", folder.root]
    if service.server.database.is_server:
        options += ["--database", folder.database_place]
    done = run("admin", "log", "rotate-key", *options)
    assert done.exit_code == 0, done.stderr
    new_key = PublicKey.parse(done.stdout.strip())
    service.key("main", "scan")
    assert feed.feed() == 1  # the feed that was open before
    (event,) = [one for one in entries(service) if one["event"] == "log.key_changed"]
    assert event["data"] == {  # type: ignore[comparison-overlap]
        "from": old_key.fingerprint, "to": new_key.fingerprint, "public_key": new_key.text,
    }  # fmt: skip
    found = verify_log(folder.log, key=[old_key, new_key], older=old)
    assert found.holds
    assert [one.signers for one in found.key_changes] == [(old_key.id, new_key.id)]
    with service.client("main", "audit") as auditor:
        assert auditor.get("/v1/log/key").text == done.stdout
    files = {key.id: folder.log_key / f"{key.name}.pub" for key in (old_key, new_key)}
    told = run("log", "verify", folder.log, "--key", files[old_key.id], "--key", files[new_key.id])
    assert f"signed by key {old_key.id} and key {new_key.id}" in told.stdout
    told = run("log", "verify", folder.log, "--key", files[old_key.id])
    assert (told.exit_code, "get the new key from the owner of the log" in told.stdout) == (6, True)
