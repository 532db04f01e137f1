"""Evidence by HTTP: page and case are those of the command, made before the audio goes, erased with the result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select

from sourceprint.service.hooks.webhooks import add_webhook
from sourceprint.service.line.retention import erase_old_results
from sourceprint.service.log_feed import LogFeed
from sourceprint.service.store.schema import delivery, evidence
from sourceprint.signatures import create_key, load_private, only_private
from sourceprint.transparency.log import Log, LogReader
from tests.command_line import run
from tests.service_servers import TestService
from tests.sourceprint.service.test_scans_by_http import scan


def with_key(service: TestService) -> Path:
    keys = service.server.folder.organisation("main").keys
    keys.mkdir(parents=True)
    create_key(keys, "label")
    return keys


def kept(service: TestService) -> int:
    with service.server.database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(evidence)) or 0


def test_page_and_case_are_those_of_the_command_and_the_case_verifies(
    catalogued: TestService, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = with_key(catalogued)
    LogFeed(catalogued.server.database, catalogued.server.folder).feed()
    log = catalogued.server.folder.log
    monkeypatch.chdir(music)
    index = catalogued.server.folder.organisation("main").index
    assert run("scan", "reuse.wav", "--index", index, "--out", tmp_path / "run", "--quiet").exit_code == 0
    made = run(
        "evidence", tmp_path / "run", "reuse.wav", "-o", tmp_path / "case.zip", "--keys", keys, "--log", log, "--quiet"
    )
    assert made.exit_code == 0, made.stderr
    monkeypatch.chdir(tmp_path)  # where no file of that name is
    scan_id = scan(catalogued, music / "reuse.wav", evidence="page,case").json()["id"]
    catalogued.work()
    with catalogued.client() as client:
        page = client.get(f"/v1/scans/{scan_id}/evidence/page")
        case = client.get(f"/v1/scans/{scan_id}/evidence/case")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"data:image/png;base64," in page.content  # the audio was there
    assert case.content == (tmp_path / "case.zip").read_bytes()
    (tmp_path / "from-api.zip").write_bytes(case.content)
    (public,) = keys.glob("*.pub")
    LogFeed(catalogued.server.database, catalogued.server.folder).feed()  # the log has grown since
    verified = run("verify", tmp_path / "from-api.zip", "--key", public, "--log", log)
    assert verified.exit_code == 0, verified.stderr
    assert "begins with exactly these; signature not verified: give --log-key" in verified.stdout
    (log_public,) = catalogued.server.folder.log_key.glob("*.pub")
    for key, code, said in (
        (log_public, 0, "not compared with the log: give --log; signed by its key"),
        (public, 6, "log-checkpoint.txt: not signed by key"),
    ):
        told = run("verify", tmp_path / "from-api.zip", "--key", public, "--log-key", key)
        assert (told.exit_code, said in told.stdout) == (code, True), told.stdout
    assert list(catalogued.server.folder.uploads.iterdir()) == []


def test_a_log_that_was_rewritten_with_its_own_key_disagrees_with_a_case_and_a_webhook(
    sqlite_catalogued: TestService, music: Path, tmp_path: Path
) -> None:
    server, keys = sqlite_catalogued.server, with_key(sqlite_catalogued)
    LogFeed(server.database, server.folder).feed()
    with server.database.writing() as connection:
        add_webhook(connection, "main", "https://example.org/", [], at=server.database.now(), actor="test")
    scan_id = scan(sqlite_catalogued, music / "reuse.wav", evidence="case").json()["id"]
    sqlite_catalogued.work()
    with sqlite_catalogued.client() as client:
        (tmp_path / "case.zip").write_bytes(client.get(f"/v1/scans/{scan_id}/evidence/case").content)
    with server.database.reading() as connection:
        told = json.loads(connection.scalar(select(delivery.c.body)) or "")
    assert told["log_checkpoint"] == LogReader(server.folder.log).checkpoint().decode("utf-8")
    (tmp_path / "kept.txt").write_text(told["log_checkpoint"], encoding="utf-8")
    origin, entries = LogReader(server.folder.log).view()[0].origin, list(LogReader(server.folder.log).entries())
    log_key = load_private(only_private(server.folder.log_key))
    rewritten = Log.open(tmp_path / "rewritten", signer=log_key, origin=origin)
    rewritten.append([*entries[:-1], b'{"event": "nothing"}', b"{}"])
    cut = Log.open(tmp_path / "cut", signer=log_key, origin=origin)
    cut.append(entries[:-1])
    (public,) = keys.glob("*.pub")
    (log_public,) = server.folder.log_key.glob("*.pub")
    for folder, fault in ((rewritten.folder, "it was rewritten"), (cut.folder, "it was cut")):
        found = run("verify", tmp_path / "case.zip", "--key", public, "--log", folder)
        assert (found.exit_code, fault in found.stdout) == (6, True), found.stdout
        assert run("log", "verify", folder, "--key", log_public).exit_code == 0  # alone it proves nothing
        assert run("log", "verify", folder, "--key", log_public, "--checkpoint", tmp_path / "kept.txt").exit_code == 6


def test_evidence_that_is_not_there_is_refused_with_reason_and_remedy(
    sqlite_catalogued: TestService, music: Path
) -> None:
    refused = scan(sqlite_catalogued, music / "reuse.wav", evidence="case")
    assert (refused.status_code, "has no key to sign with" in refused.json()["detail"]) == (409, True)
    assert scan(sqlite_catalogued, music / "reuse.wav", evidence="pages").status_code == 422
    plain = scan(sqlite_catalogued, music / "reuse.wav").json()["id"]
    clean = scan(sqlite_catalogued, music / "own.wav", evidence="page").json()["id"]
    with sqlite_catalogued.client() as client:
        said = [client.get(f"/v1/scans/{plain}/evidence/page").json()["detail"]]
        sqlite_catalogued.work()
        answers = [client.get(f"/v1/scans/{one}/evidence/page") for one in (plain, clean)]
    assert [one.status_code for one in answers] == [409, 409]
    said += [one.json()["detail"].partition("evidence page: ")[2] for one in answers]
    assert "it is queued" in said[0]
    assert said[1:] == [
        "none was asked for, and its audio is deleted with the outcome; submit the audio again with evidence=page",
        "nothing was found in own.wav, so there is no evidence",
    ]


def test_erasure_and_retention_take_evidence_with_them(catalogued: TestService, music: Path) -> None:
    ids = [scan(catalogued, music / "reuse.wav", evidence="page").json()["id"] for _ in range(2)]
    with catalogued.client() as client:
        body = (music / "reuse.wav").read_bytes()
        check_id = client.post("/v1/checks?wait=0&evidence=page&name=reuse.wav", content=body).json()["id"]
        catalogued.work()
        assert client.get(f"/v1/checks/{check_id}/evidence/page").status_code == 200
        assert kept(catalogued) == 3
        assert client.delete(f"/v1/scans/{ids[0]}").status_code == 204
        assert client.delete(f"/v1/checks/{check_id}").status_code == 204
        erased = client.get(f"/v1/scans/{ids[0]}/evidence/page")
    assert (erased.status_code, erased.json()["detail"].endswith("it was erased")) == (409, True)
    assert kept(catalogued) == 1
    catalogued.clock.pass_seconds(86_400 * 2)
    assert erase_old_results(catalogued.server.database, catalogued.server.folder.uploads, days=1) == 1
    assert kept(catalogued) == 0


def test_a_page_under_a_grant_shows_the_fields_of_the_grant_alone(catalogued: TestService, music: Path) -> None:
    body, json_body = (music / "reuse.wav").read_bytes(), {"Content-Type": "application/json"}
    pages = []
    with catalogued.client() as owner, catalogued.client("other") as holder:
        digest = owner.get("/v1/catalogue").json()["digest"]
        for fields in ([], ["title"]):
            asked = {"holder": "other", "fields": fields}
            grant = owner.post("/v1/grants", content=json.dumps(asked), headers=json_body).json()["id"]
            query = {"grant": grant, "wait": 0, "name": "track.wav", "evidence": "page"}
            check_id = holder.post("/v1/checks", params=query, content=body).json()["id"]
            catalogued.work()
            page = holder.get(f"/v1/checks/{check_id}/evidence/page")
            assert page.status_code == 200, page.text
            assert owner.get(f"/v1/checks/{check_id}/evidence/page").status_code == 404
            pages.append(page.text)
            refused = holder.post("/v1/checks", params={**query, "evidence": "case"}, content=body)
            assert (refused.status_code, "which a grant does not give" in refused.json()["detail"]) == (409, True)
    assert ["Title A" in page for page in pages] == [False, True]
    assert [">A<" in page or "A.wav" in page for page in pages] == [False, False]
    assert all("data:image/png;base64," in page and "Landmarks of the track" in page for page in pages)
    hidden = ("Recordings searched", "Landmarks of the catalogue", digest)
    assert [words for page in pages for words in hidden if words in page] == []
