"""Backups: made while the server runs, put back whole on either kind of database, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import func, select, text

from benchmarks.service_processes import schema_of_its_own
from fingerprint.errors import SignInError, SourceprintError
from sourceprint.blind.blind_export import export_blind
from sourceprint.blind.blind_import import check_grant, import_blind
from sourceprint.blind.grants import Terms
from sourceprint.royalties.people import add_people
from sourceprint.royalties.rights.chain import chain_head
from sourceprint.royalties.rights.chain.verification import verify_chain
from sourceprint.royalties.rights.engine import find_place, open_engine
from sourceprint.service.log_feed import LogFeed
from sourceprint.service.people.invitations import find_invitation
from sourceprint.service.people.passkeys import list_passkeys
from sourceprint.service.people.persons import list_persons
from sourceprint.service.people.sign_ins import find_sign_in
from sourceprint.service.server import Server
from sourceprint.service.settings import settings_of
from sourceprint.service.store.clock import system_clock, time_text
from sourceprint.service.store.database import VERSION_TABLE, VERSIONS
from sourceprint.service.store.schema import outbox
from sourceprint.signatures import PrivateKey, PublicKey, create_key, load_public
from sourceprint.transparency import Checkpoint, verify_log
from tests.command_line import run
from tests.console_browser import cookies_of, link_for, new_person
from tests.places import ROOT
from tests.service_servers import TestService, running
from tests.sourceprint.service.test_scans_by_http import events, scan


def place_options(server: Server) -> list[str | Path]:
    options: list[str | Path] = ["--data", server.folder.root]
    return [*options, "--database", server.folder.database_place] if server.database.is_server else options


def backed_up(service: TestService, target: Path, *options: str) -> Path:
    done = run("backup", target, *place_options(service.server), *options)
    assert done.exit_code == 0, done.stderr
    return target


def put_back(backup: Path, data: Path, place: str = "", *options: str | Path) -> Result:
    return run("restore", backup, "--data", data, *(["--database", place] if "://" in place else []), *options)


def feed(server: Server) -> LogFeed:
    made = LogFeed(server.database, server.folder)
    made.feed()
    return made


def log_keys(folder: Path) -> list[PublicKey]:
    return [load_public(path) for path in sorted(folder.glob("*.pub"))]


@pytest.fixture
def other_place(database_place: str) -> Iterator[str]:
    """Yield another place of the same kind: an empty schema, or "" for a file in the data folder."""
    if "://" not in database_place:
        yield ""
        return
    with schema_of_its_own(database_place) as place:
        yield place


@pytest.mark.slow
def test_a_service_is_put_back_whole_on_either_kind_of_database(
    catalogued: TestService, other_place: str, music: Path, tmp_path: Path
) -> None:
    before = catalogued.server
    own = before.folder.organisation("main")
    add_people(own.rights(), ["Ann"])
    own.policies.mkdir()
    (own.policies / "strict.toml").write_text("x = 1\n")
    done = scan(catalogued, music / "reuse.wav", reference="mine").json()["id"]
    catalogued.work()
    old = feed(before).log.checkpoint()
    backup = backed_up(catalogued, tmp_path / "backup")
    with catalogued.client() as client:
        result = client.get(f"/v1/scans/{done}/result").json()
    key = catalogued.keys["main () {}"]
    with own.rights().reading() as connection:
        head = chain_head(connection)
    for number, place in enumerate(dict.fromkeys((other_place, ""))):  # from a server also into a file
        data = tmp_path / f"again-{number}"
        restored = put_back(backup, data, place)
        assert restored.exit_code == 0, restored.stderr
        before_serving = verify_log(data / "log", key=log_keys(data / "log-key"), older=old)
        assert before_serving.holds, before_serving.findings
        assert before_serving.predecessor is not None
        server = Server.open(settings_of({}, data=data, database=place or None), clock=catalogued.clock)
        with server.folder.organisation("main").rights().reading() as connection:
            assert chain_head(connection) == head
            assert verify_chain(connection).holds
        assert (data / "organisations" / "main" / "policies" / "strict.toml").read_text() == "x = 1\n"
        with running(server, catalogued.clock) as again:
            again.keys = {"main () {}": key}
            with again.client() as client:
                assert client.get(f"/v1/scans/{done}/result").json() == result
            added = scan(again, music / "reuse.wav").json()["id"]
            add_people(server.folder.organisation("main").rights(), ["Bob"])
            again.work()
            with again.client() as client:
                assert client.get(f"/v1/scans/{added}/result").json()["matches"] == result["matches"]
            log = feed(server).log
            found = verify_log(data / "log", key=log_keys(data / "log-key"), older=old)
            assert found.holds, found.findings
            assert found.predecessor is not None
            assert found.predecessor.size == Checkpoint.parse(old).size
            assert Checkpoint.parse(log.checkpoint()).origin != Checkpoint.parse(old).origin
            (event,) = [one for one in events(again) if one["event"] == "service.restored"]
            assert (event["actor"], event["data"]["size"]) == ("command:restore", found.predecessor.size)


def test_a_log_behind_a_checkpoint_kept_elsewhere_is_named_and_never_forked(
    sqlite_service: TestService, tmp_path: Path
) -> None:
    live = feed(sqlite_service.server)
    backup = backed_up(sqlite_service, tmp_path / "backup")
    n_kept = live.log.size
    sqlite_service.key("main", "scan")
    live.feed()
    kept = tmp_path / "kept.txt"
    kept.write_bytes(live.log.checkpoint())
    refused = put_back(backup, tmp_path / "same", "", "--checkpoint", kept, "--continue-log")
    assert refused.exit_code == 6
    assert f"entries {n_kept} to {n_kept} came after the backup" in refused.stderr
    assert not (tmp_path / "same").exists()
    restored = put_back(backup, tmp_path / "again", "", "--checkpoint", kept)
    assert (restored.exit_code, f"entries {n_kept} to {n_kept} of the log are lost" in restored.stderr) == (0, True)
    told = run("log", "verify", tmp_path / "again" / "log", "--checkpoint", kept, "--key",
               next((tmp_path / "again" / "log-key").glob("*.pub")))  # fmt: skip
    assert told.exit_code == 6
    assert (
        f"entries {n_kept} to {n_kept}: are lost: the log was put back from a backup of {n_kept} entries" in told.stdout
    )


def test_a_log_goes_on_where_nothing_came_after_the_backup(sqlite_service: TestService, tmp_path: Path) -> None:
    live = feed(sqlite_service.server)
    kept = tmp_path / "kept.txt"
    kept.write_bytes(live.log.checkpoint())
    backup = backed_up(sqlite_service, tmp_path / "backup")
    data = tmp_path / "again"
    assert put_back(backup, data, "", "--checkpoint", kept, "--continue-log").exit_code == 0
    server = Server.open(settings_of({}, data=data), clock=sqlite_service.clock)
    assert feed(server).log.size == live.log.size + 1
    server.database.close()
    found = verify_log(data / "log", key=log_keys(data / "log-key"), older=kept.read_bytes())
    assert (found.holds, found.predecessor) == (True, None)


def test_people_come_back_with_their_passkeys_and_sign_in_anew(
    service: TestService, other_place: str, tmp_path: Path
) -> None:
    ada = new_person(service)
    cookie, link = cookies_of(service, ada)["sourceprint"], link_for(service, new_person(service, "Bo", "reviewer"))
    backup = backed_up(service, tmp_path / "backup")
    assert put_back(backup, tmp_path / "again", other_place).exit_code == 0
    settings = settings_of({}, data=tmp_path / "again", database=other_place or None)
    server = Server.open(settings, clock=service.clock)
    with server.database.reading() as connection:
        assert sorted(one.name for one in list_persons(connection, "main")) == ["Ada", "Bo"]
        assert [one.name for one in list_passkeys(connection, ada.id)] == ["Test"]
        assert find_sign_in(connection, cookie, now=service.clock()) is None
        with pytest.raises(SignInError):
            find_invitation(connection, link.partition("#")[2], now=time_text(system_clock()))
    server.database.close()
    with service.server.database.reading() as connection:  # the service that goes on
        assert find_sign_in(connection, cookie, now=service.clock()) is not None


def test_audio_of_waiting_jobs_is_left_out_unless_asked_for(
    sqlite_catalogued: TestService, music: Path, tmp_path: Path
) -> None:
    waiting = scan(sqlite_catalogued, music / "reuse.wav").json()["id"]
    for name, options, state in (("without", (), "failed"), ("with", ("--uploads",), "done")):
        backup = backed_up(sqlite_catalogued, tmp_path / name, *options)
        assert len(list(backup.glob("uploads/*"))) == len(options)
        assert put_back(backup, tmp_path / f"{name}-again").exit_code == 0
        server = Server.open(settings_of({}, data=tmp_path / f"{name}-again"), clock=sqlite_catalogued.clock)
        with running(server, sqlite_catalogued.clock) as again:
            again.keys = dict(sqlite_catalogued.keys)
            again.work()
            with again.client() as client:
                found = client.get(f"/v1/scans/{waiting}").json()
        assert found["state"] == state
        assert (state == "done") or "submit it again" in json.dumps(found["error"])


def test_a_blind_index_as_catalogue_is_copied_with_its_grant(
    sqlite_service: TestService, index: Path, tmp_path: Path
) -> None:
    issuer = PrivateKey.generate("label")
    own = sqlite_service.server.folder.organisation("main")
    own.root.mkdir(parents=True)
    key, _ = create_key(own.keys, "tone")
    terms = Terms("Tone", key.public, date(2026, 1, 1), date(2027, 1, 1))
    export_blind(index, tmp_path / "blind.tar", terms=terms, issuer=issuer, secret=bytes(32))
    import_blind(tmp_path / "blind.tar", own.index, issuer=issuer.public, keys=own.keys, today=date(2026, 12, 2))
    backup = backed_up(sqlite_service, tmp_path / "backup")
    assert put_back(backup, tmp_path / "again").exit_code == 0
    again = tmp_path / "again" / "organisations" / "main"
    held = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (own.index, again / "index")
    ]
    assert len(held[0]) > 3
    assert held[0] == held[1]
    assert check_grant(again / "index", keys=again / "keys", today=date(2026, 12, 2)) is not None
    (backup / "organisations" / "main" / "index" / "grant.json").write_bytes(b"{}")
    refused = put_back(backup, tmp_path / "forged")
    assert (refused.exit_code, "grant.json" in refused.stderr) == (6, True), refused.stderr


def test_altered_files_and_files_in_the_way_are_named(sqlite_catalogued: TestService, tmp_path: Path) -> None:
    feed(sqlite_catalogued.server)
    backup = backed_up(sqlite_catalogued, tmp_path / "backup")
    names = json.loads((backup / "backup.json").read_text())["files"]
    assert {"service.sqlite", "organisations/main/index.tar", "log/checkpoint"} <= set(names)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (backup, *(backup / "log-key").glob("*.pem")))
    for name in sorted(names):
        broken = shutil.copytree(backup, tmp_path / "broken")
        data = (broken / name).read_bytes()
        (broken / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        refused = put_back(broken, tmp_path / "new")
        assert (refused.exit_code, f"{name}: was altered" in refused.stderr) == (6, True)
        (broken / name).unlink()
        assert f"{name}: is missing" in put_back(broken, tmp_path / "new").stderr
        shutil.rmtree(broken)
    (backup / "more").write_text("x")
    assert "more: is not a file of this backup" in put_back(backup, tmp_path / "new").stderr
    (backup / "more").unlink()
    assert not (tmp_path / "new").exists()
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("x")
    for refused, said in (
        (put_back(backup, full), "is not empty"),
        (put_back(full, tmp_path / "new"), "is no backup"),
        (run("backup", full, *place_options(sqlite_catalogued.server)), "is there already"),
        (run("backup", tmp_path / "b", "--data", full), "holds no service"),
        (run("backup", tmp_path / "data" / "b", *place_options(sqlite_catalogued.server)), "lies in the data folder"),
    ):
        assert (refused.exit_code, said in refused.stderr) == (2, True), refused.stderr
    assert [path.name for path in full.iterdir()] == ["mine"]


def killed(at: str, *words: str | Path) -> None:
    """Run a command that is killed where it calls a function."""
    module, _, name = at.rpartition(".")
    program = (
        f"import os, signal, sys, cli, {module} as module\n"
        f"module.{name} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "cli.main(sys.argv[1:])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program, *map(str, words)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_backup_or_restoration_that_was_killed_is_none(sqlite_catalogued: TestService, tmp_path: Path) -> None:
    feed(sqlite_catalogued.server)
    place = place_options(sqlite_catalogued.server)
    killed("sourceprint.service.backup.copies.entries_of", "backup", tmp_path / "backup", *place)
    (leftover,) = tmp_path.glob(".backup.*.tmp")
    assert not (tmp_path / "backup").exists()
    assert not list(leftover.rglob("backup.json"))
    backup = backed_up(sqlite_catalogued, tmp_path / "backup")
    assert not leftover.exists()
    before = sorted(backup.rglob("*"))
    refused = run("admin", "keys", "list", "--data", backup)
    assert (refused.exit_code, "is a backup, which a service would change" in refused.stderr) == (2, True)
    assert sorted(backup.rglob("*")) == before
    data = tmp_path / "again"
    killed("sourceprint.service.backup.restored._fail_jobs", "restore", backup, "--data", data)
    refused = run("admin", "keys", "list", "--data", data)
    assert (refused.exit_code, "a backup is being put back here" in refused.stderr) == (2, True)
    assert put_back(backup, data).exit_code == 0
    assert run("admin", "keys", "list", "--data", data).exit_code == 0


def test_backups_of_a_busy_service_go_on_from_its_log(service: TestService, other_place: str, tmp_path: Path) -> None:
    server, stopped = service.server, threading.Event()
    own = server.folder.organisation("main")
    add_people(own.rights(), ["Ann"])  # makes its tables, which two threads may not do at once
    feed(server)
    errors: list[SourceprintError] = []

    def work() -> None:
        made, number = LogFeed(server.database, server.folder), 0
        while not stopped.is_set():
            try:
                service.key("main", "scan")
                add_people(own.rights(), [f"Person {number}"])
                made.feed()
            except SourceprintError as error:
                errors.append(error)
            number += 1

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for number in range(3):
            backed_up(service, tmp_path / f"backup-{number}")
    finally:
        stopped.set()
        worker.join()
    assert errors == []
    for number in range(3):
        data = tmp_path / f"again-{number}"
        done = put_back(tmp_path / f"backup-{number}", data)
        assert done.exit_code == 0, done.stderr
        again = Server.open(settings_of({}, data=data), clock=service.clock)
        made = feed(again)
        with again.database.reading() as connection:
            n_entries = connection.scalar(select(func.count()).select_from(outbox))
        with again.folder.organisation("main").rights().reading() as connection:
            assert verify_chain(connection).holds
            n_chain = chain_head(connection).sequence
        again.database.close()
        noted = [entry for entry in map(json.loads, made.log.entries()) if entry["event"] == "rights.changed"]
        assert made.log.size == n_entries
        assert [entry["subject"] for entry in noted] == [f"chain:{one}" for one in range(1, n_chain + 1)]


def older(place: str, version: str) -> None:
    """Make the database of a service of an older version, with one organisation."""
    engine = open_engine(find_place(place), create=True, lock_seconds=5)
    with engine.connect() as connection:
        connection.execution_options(sourceprint_writes=True)
        with connection.begin():
            VERSIONS.upgrade(connection, version)
            connection.execute(text("INSERT INTO organisation (id, name, created_at) VALUES ('kept', 'Kept', '2026')"))
    engine.dispose()


def version_of(place: str) -> str:
    with open_engine(find_place(place), create=False, lock_seconds=5).connect() as connection:
        return str(connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")))


def test_a_service_of_an_older_version_is_backed_up_as_it_is_and_brought_to_this_one(
    database_place: str, other_place: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    on_server = "://" in database_place
    place = database_place if on_server else str(data / "service.sqlite")
    options: list[str | Path] = ["--data", data, *(["--database", place] if on_server else [])]
    older(place, "0001")
    assert run("backup", tmp_path / "backup", *options).exit_code == 0
    assert version_of(place) == version_of(str(tmp_path / "backup" / "service.sqlite")) == "0001"
    listed = run("admin", "organisations", "list", "--json", *options)
    assert [one["id"] for one in json.loads(listed.stdout)] == ["kept"]
    assert version_of(place) > "0001"
    copies = [path.name for path in data.glob("service.sqlite.*")]
    assert copies == ([] if on_server else ["service.sqlite.version-0001"])
    if copies:
        assert version_of(str(data / copies[0])) == "0001"
    assert put_back(tmp_path / "backup", tmp_path / "again", other_place).exit_code == 0
    listed = run("admin", "organisations", "list", "--json", "--data", tmp_path / "again",
                 *(["--database", other_place] if on_server else []))  # fmt: skip
    assert [one["id"] for one in json.loads(listed.stdout)] == ["kept"]


def test_a_service_of_a_newer_version_is_refused(database_place: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    place = database_place if "://" in database_place else str(data / "service.sqlite")
    older(place, "0001")
    engine = open_engine(find_place(place), create=False, lock_seconds=5)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    options: list[str | Path] = ["--data", data, *(["--database", place] if "://" in place else [])]
    for words in (("admin", "keys", "list"), ("backup", tmp_path / "backup")):
        refused = run(*words, *options)
        assert refused.exit_code == 5
        assert "its tables have version 9999" in refused.stderr
        assert "update sourceprint" in refused.stderr
    assert not (tmp_path / "backup").exists()
