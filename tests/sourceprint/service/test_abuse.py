"""Abuse: bytes that no client sends, bodies of the wrong kind, names that lead elsewhere, talkative messages."""

from __future__ import annotations

import errno
import io
import json
import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from sourceprint.service.line.jobs import DONE, claim, finish, heartbeat
from sourceprint.service.log_feed import LogFeed
from sourceprint.service.server import Server
from sourceprint.service.web import uploads
from tests.service_servers import SetClock, TestService, open_server, running
from tests.sourceprint.service.conftest import with_catalogue
from tests.sourceprint.service.test_scans_by_http import events

JSON = {"Content-Type": "application/json"}


def raw(service: TestService, data: bytes, *, drops: float = 0.0) -> bytes:
    """Return the begin of the answer to bytes that no client sends, and to drops that follow at intervals."""
    port = int(service.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=drops or 30) as connection:
        connection.sendall(data)
        while True:
            try:
                return connection.recv(65_536)
            except TimeoutError:
                assert drops, "no answer"
                connection.sendall(b"1\r\nx\r\n")


def left_behind(service: TestService) -> list[Any]:
    """Return uploads and scans."""
    with service.client() as client:
        return [*service.server.folder.uploads.iterdir(), *client.get("/v1/scans").json()["items"]]


@pytest.mark.parametrize("query", ["key=sp_", "key=sp%5f", "key=s%70%5F", "key=%2573p%255F", "key=SP_"])
def test_a_key_in_a_url_is_refused_however_it_is_encoded(sqlite_service: TestService, query: str) -> None:
    with sqlite_service.client() as client:
        refused = client.get(f"/v1/scans?{query}0123456789ab_secret")
        assert (refused.status_code, refused.json()["title"]) == (403, "key in URL")
        assert client.get("/v1/scans/sp%5F0123456789ab_x").status_code == 403
    assert [one["data"]["reason"] for one in events(sqlite_service) if one["event"] == "access.refused"] == (
        ["key in URL"] * 2
    )


def test_two_keys_in_one_request_are_refused(sqlite_service: TestService) -> None:
    keys = [sqlite_service.key(organisation, "scan") for organisation in ("main", "other")]
    with sqlite_service.client() as client:
        client.headers.pop("authorization")
        for pair in (keys, keys[:1] * 2):
            refused = client.get("/v1/scans", headers=[("Authorization", f"Bearer {key}") for key in pair])
            assert (refused.status_code, refused.json()["title"]) == (400, "two keys")


def test_no_answer_is_made_of_a_forged_host(sqlite_service: TestService) -> None:
    with sqlite_service.client() as client:
        answer = client.get("/v1/scans/", headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert "evil.example" not in answer.text


def test_no_header_of_an_answer_is_made_of_control_characters(sqlite_service: TestService) -> None:
    for request in (
        b"GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\x0bSet-Cookie: b\r\n\r\n",
        b"GET /health%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\n Set-Cookie: b\r\n\r\n",
    ):
        head = raw(sqlite_service, request).partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 ")
        assert b"set-cookie" not in head.lower()


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/scans", {"name": "a\r\nb.wav"}),
        ("/v1/scans", {"reference": "a\r\nb"}),
        ("/v1/checks", {"name": "a\nb.wav"}),
        ("/v1/catalogue/additions", {"id": "a\nb"}),
        ("/v1/catalogue/additions", {"id": "a", "name": "b\r\n"}),
        ("/v1/rights/imports", {"name": "a\n.csv"}),
        ("/v1/rights/imports", {"name": "../a.csv"}),
    ],
)
def test_names_with_line_breaks_are_refused(sqlite_service: TestService, path: str, query: dict[str, str]) -> None:
    with sqlite_service.client() as client:
        refused = client.post(path, params=query, content=b"x")
    assert refused.status_code == 422, refused.text
    assert left_behind(sqlite_service) == []


def test_an_idempotency_key_with_a_line_break_is_no_request(sqlite_service: TestService) -> None:
    with sqlite_service.client() as client:
        head = f"POST /v1/scans HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['authorization']}\r\n"
    for value in (b"a\x00b", b"a b", b"\xff", b"a\tb"):
        answer = raw(sqlite_service, head.encode() + b"Idempotency-Key: " + value + b"\r\nContent-Length: 1\r\n\r\nx")
        assert answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 422"), answer
    assert left_behind(sqlite_service) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\x", "a/../../b.wav", "%2e%2e%2fx"])
def test_a_name_never_becomes_a_path(sqlite_service: TestService, tmp_path: Path, name: str) -> None:
    with sqlite_service.client() as client:
        before = sorted(tmp_path.rglob("*"))
        sent = client.post("/v1/scans", params={"name": name}, content=b"x")
        assert (sent.status_code, sent.json()["name"]) == (202, name)
        assert client.post("/v1/rights/imports", params={"name": name}, content=b"x").status_code == 422
        for path in ("/v1/statements/S-1/files/", "/v1/statements/", "/v1/scans/", "/v1/checks/", "/v1/watches/"):
            assert client.get(path + name).status_code in (404, 405)
        assert client.post("/v1/checks", params={"policy": name}, content=b"x").status_code == 422
        assert client.post("/v1/checks", params={"grant": name}, content=b"x").status_code == 404
    made = {path for path in tmp_path.rglob("*") if path.is_file() and ".sqlite" not in path.suffix} - set(before)
    assert {path.parent for path in made} == {sqlite_service.server.folder.uploads}


def test_a_client_that_falls_silent_is_refused_and_leaves_nothing(
    sqlite_service: TestService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_SILENCE_SECONDS", 0.2)
    with sqlite_service.client() as client:
        head = f"POST /v1/scans HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['authorization']}\r\n"
    answer = raw(sqlite_service, f"{head}Content-Length: 5000\r\n\r\nhalf".encode())
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert left_behind(sqlite_service) == []


def test_an_upload_that_trickles_for_ever_is_refused(
    sqlite_service: TestService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_LONGEST_SECONDS", 0.3)
    with sqlite_service.client() as client:
        head = f"POST /v1/scans HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['authorization']}\r\n"
    answer = raw(sqlite_service, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(), drops=0.05)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert left_behind(sqlite_service) == []


@pytest.mark.parametrize(
    "path", ["/v1/scans", "/v1/checks", "/v1/catalogue/additions?id=A", "/v1/usage?licensee=P&period=2026"]
)
@pytest.mark.parametrize("body", ["Content-Length: 5000\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n400\r\nhalf"])
def test_a_body_that_is_cut_off_leaves_nothing(service: TestService, path: str, body: str) -> None:
    with service.client() as client:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['authorization']}\r\n"
        with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as connection:
            connection.sendall(f"{head}{body}".encode())
        assert [client.get(f"/v1/{kind}").json()["items"] for kind in ("scans", "checks", "catalogue/additions")] == [
            [], [], [],
        ]  # fmt: skip
    assert list(service.server.folder.uploads.iterdir()) == []
    assert service.work() == 0


@pytest.mark.slow
def test_a_small_file_of_an_hour_of_silence_is_an_outcome_and_the_worker_goes_on(
    sqlite_catalogued: TestService, music: Path
) -> None:
    bomb = io.BytesIO()
    with soundfile.SoundFile(bomb, "w", 8_000, 1, format="FLAC", subtype="PCM_16") as file:
        minute = np.zeros(60 * 8_000, dtype=np.int16)
        for _ in range(60):
            file.write(minute)
    assert len(bomb.getvalue()) < 200_000
    reuse = (music / "reuse.wav").read_bytes()
    claims_hours = (
        reuse[:4] + b"\xff\xff\xff\x7f" + reuse[8:40] + b"\xff\xff\xff\x7f" + reuse[44:]
    )  # sizes of file and samples
    with sqlite_catalogued.client() as client:
        ids = [
            client.post("/v1/scans", params={"name": "x"}, content=body).json()["id"]
            for body in (bomb.getvalue(), claims_hours, reuse)
        ]
        assert sqlite_catalogued.work() == 3
        found = [client.get(f"/v1/scans/{one}").json() for one in ids]
    assert [one["state"] for one in found] == ["done"] * 3
    assert [one["result"]["status"] for one in found] == ["not_enough_music", "matched", "matched"]
    assert left_behind(sqlite_catalogued)[0]["id"] == ids[0]  # no upload


def test_a_body_that_says_it_is_compressed_is_taken_as_it_is(sqlite_catalogued: TestService, music: Path) -> None:
    with sqlite_catalogued.client() as client:
        headers = {"Content-Encoding": "gzip"}
        body = (music / "own.wav").read_bytes()
        sent = client.post("/v1/scans", content=body, headers=headers)  # nothing is ever expanded on receipt
        assert sent.status_code == 202
        assert client.post("/v1/keys", content=b"\x1f\x8b\x08bomb", headers=headers | JSON).status_code in (400, 422)
    (kept,) = sqlite_catalogued.server.folder.uploads.iterdir()
    assert kept.read_bytes() == body


def test_oversized_and_strange_json_is_refused(tmp_path: Path, clock: SetClock) -> None:
    with running(open_server(tmp_path, "", clock, json_kb=10), clock) as service, service.client() as client:
        long = json.dumps({"name": "k" * 20_000, "scopes": ["scan"]})
        assert client.post("/v1/keys", content=long, headers=JSON).status_code == 413
        chunks = (long[at : at + 1_000].encode() for at in range(0, len(long), 1_000))
        assert client.post("/v1/keys", content=chunks, headers=JSON).status_code == 413
        deep = b'{"name": "k", "scopes": ' + b"[" * 4_000 + b"]" * 4_000 + b"}"
        for body in (b"[" * 9_000, deep, b"{", b"\xff", b"[]", b"1e999", b'{"name": 1, "scopes": ["scan"]}', b"NaN",
                     b'{"name": "k", "scopes": ["scan"], "budget": 1e400}', b'{"name": "\\ud800", "scopes": ["scan"]}',
                     b'{"name": "k", "name": "l", "scopes": [null]}'):  # fmt: skip
            refused = client.post("/v1/keys", content=body, headers=JSON)
            assert refused.status_code in (400, 422), (body, refused.text)
            assert refused.headers["content-type"] == "application/problem+json"
        for kind in ("text/plain", "application/xml", ""):
            refused = client.post(
                "/v1/keys", content=b'{"name": "k", "scopes": ["scan"]}', headers={"Content-Type": kind}
            )
            assert refused.status_code == 422, kind
        assert len(client.get("/v1/keys").json()) == 1


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "circle"])
@pytest.mark.parametrize("path", ["/v1/scans/batch", "/v1/catalogue/additions/batch"])
def test_a_batch_refuses_at_once_a_path_that_is_no_file(tmp_path: Path, clock: SetClock, kind: str, path: str) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    named = incoming / f"{kind}.wav"
    if kind == "folder":
        named.mkdir()
    elif kind == "pipe":
        os.mkfifo(named)
    elif kind == "circle":
        named.symlink_to(named)
    with running(open_server(tmp_path, "", clock, readable=(incoming,)), clock) as service, service.client() as client:
        refused = client.post(path, json={"files": [{"path": str(named), "id": "A"}][:1]} | {}, headers=JSON)
        assert refused.status_code in (404, 422), refused.text
        sent = {"files": [{"path": str(named)}]}
        refused = client.post(path, json=sent, headers=JSON)
        assert (refused.status_code, refused.json()["title"]) == (404, "not found")
        assert "is no regular file" in refused.json()["detail"]
        assert left_behind(service) == []


def test_refusals_and_outcomes_name_no_place_of_the_server(
    tmp_path: Path, clock: SetClock, music: Path, index: Path
) -> None:
    with running(open_server(tmp_path, "", clock), clock) as service:
        with_catalogue(service, index)
        own, client = service.server.folder.organisation("main"), service.client()
        said = []

        def ask(method: str, path: str, **sent: Any) -> Any:
            answer = client.request(method, path, **sent)
            said.append((path, answer.status_code, answer.text))
            return answer

        body = (music / "own.wav").read_bytes()
        imported = ask("POST", "/v1/rights/imports?name=l.toml", content=b"x")
        assert imported.json()["report"]["source"] == "l.toml"
        ask("POST", "/v1/usage?licensee=P&period=2026", content=b"\xff\xfe")
        taken = ask("POST", "/v1/catalogue/additions?id=A", content=body)
        service.work()
        assert ask("GET", taken.headers["location"]).json()["state"] == "failed"
        manifest = own.index / "manifest.json"
        manifest.write_bytes(b"broken")
        lost = [ask("POST", path, content=body).headers["location"] for path in ("/v1/scans", "/v1/checks?wait=0")]
        service.work()
        assert [ask("GET", path).json()["error"]["title"] for path in lost] == ["catalogue damaged"] * 2
        damaged = ask("GET", "/v1/catalogue")
        assert (damaged.status_code, damaged.json()["detail"].partition(":")[0]) == (503, "index/manifest.json")
        (own.root / "rights.sqlite").write_bytes(b"broken" * 1_000)
        own._opened.clear()
        assert ask("GET", "/v1/rights/A").status_code == 503
        service.server.folder.uploads.rmdir()
        assert ask("POST", "/v1/scans", content=body).status_code == 503
    assert [one for one in said if str(tmp_path) in one[2]] == []


def test_a_damaged_checkpoint_stops_no_work_and_no_draft(catalogued: TestService, music: Path) -> None:
    LogFeed(catalogued.server.database, catalogued.server.folder).feed()
    (catalogued.server.folder.log / "checkpoint").write_bytes(b"\xff damaged")
    with catalogued.client() as client:
        asked = {"name": "reuse.wav", "evidence": "page"}
        scan = client.post("/v1/scans", params=asked, content=(music / "reuse.wav").read_bytes()).headers["location"]
        assert catalogued.work() == 1
        assert client.get(scan).json()["state"] == "done"
        period = {"licensee": "P", "period": "2026-Q3"}
        draft = client.post("/v1/statements", json=period | {"draft": True}, headers=JSON)
        assert (draft.status_code, draft.json()["title"]) == (404, "not found")  # of party P
        for answer in (client.post("/v1/statements", json=period, headers=JSON), client.get("/v1/log/checkpoint")):
            assert (answer.status_code, answer.json()["title"]) == (503, "log damaged")
            assert answer.json()["detail"].startswith("log/checkpoint: no checkpoint")


def test_ended_keys_are_refused_by_http_wherever_the_clock_jumps(service: TestService) -> None:
    expiring = service.client("main", "scan", expires_at=service.clock.now + timedelta(hours=1))
    with service.client() as admin:
        made = [
            admin.post("/v1/keys", json={"name": name, "scopes": ["scan"]}, headers=JSON).json()
            for name in ("revoked", "rotated")
        ]
        asked = {"overlap_seconds": 600}
        successor = admin.post(f"/v1/keys/{made[1]['id']}/rotation", json=asked, headers=JSON).json()
        assert admin.delete(f"/v1/keys/{made[0]['id']}").status_code == 204
        assert admin.post(f"/v1/keys/{made[0]['id']}/rotation", json=asked, headers=JSON).status_code == 404

        def statuses() -> list[int]:
            texts = [one["key"] for one in (*made, successor)]
            headers = [{"Authorization": f"Bearer {text}"} for text in texts]
            return [*(admin.get("/v1/scans", headers=one).status_code for one in headers),
                    expiring.get("/v1/scans").status_code]  # fmt: skip

        assert statuses() == [401, 200, 200, 200]
        service.clock.pass_seconds(601)
        assert statuses() == [401, 401, 200, 200]
        service.clock.pass_seconds(3_600)
        assert statuses() == [401, 401, 200, 401]
        service.clock.pass_seconds(-86_400)
        assert statuses()[0] == 401  # what was revoked stays so, whatever the time


def test_a_clock_that_jumps_loses_and_doubles_no_job(catalogued: TestService, music: Path) -> None:
    body = (music / "reuse.wav").read_bytes()
    database = catalogued.server.database
    with catalogued.client() as client:
        ids = []
        for jump in (0.0, -86_400.0, 2 * 86_400.0, -86_400.0):
            catalogued.clock.pass_seconds(jump)
            ids.append(client.post("/v1/scans", params={"name": "x"}, content=body).json()["id"])
        (held,) = claim(database, "slow", lease_seconds=60)
        catalogued.clock.pass_seconds(-3_600)
        assert heartbeat(database, "slow", lease_seconds=60) == 1
        catalogued.clock.pass_seconds(86_400)
        assert catalogued.work() == 4  # the lease ran out, by the clock of now
        with database.writing() as connection:
            assert not finish(connection, held, DONE, at=database.now(), result="{}")
        results = [client.get(f"/v1/scans/{one}").json() for one in ids]
    assert [one["state"] for one in results] == ["done"] * 4
    assert {str(one["result"]["matches"]) for one in results} == {str(results[0]["result"]["matches"])}
    assert sum(one["event"] == "scan.done" for one in events(catalogued)) == 4


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_fills_while_uploading_is_named_and_leaves_nothing(
    sqlite_service: TestService, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, sqlite_service.client() as client:
        if call == "write":
            patch.setattr(uploads, "_write", full)
        else:
            patch.setattr(os, "fsync", full)
        for path in ("/v1/scans", "/v1/checks?wait=0", "/v1/catalogue/additions?id=A"):
            refused = client.post(path, content=b"x" * 3_000_000)
            assert refused.status_code == 507, refused.text
            assert str(sqlite_service.server.folder.root) not in refused.text
    assert left_behind(sqlite_service) == []
    with sqlite_service.client() as client:
        assert client.post("/v1/scans", params={"name": "x"}, content=b"x").status_code == 202


def test_two_servers_on_one_data_folder_answer_alike_and_share_the_log(
    catalogued: TestService, music: Path, clock: SetClock
) -> None:
    second = Server.open(catalogued.server.settings, clock=clock)
    with running(second, clock) as other, catalogued.client() as client:
        headers = {"Authorization": client.headers["authorization"]}
        sent = client.post("/v1/scans", params={"name": "x"}, content=(music / "reuse.wav").read_bytes(),
                           headers={"Idempotency-Key": "one"})  # fmt: skip
        again = httpx.post(f"{other.url}/v1/scans?name=x", content=(music / "reuse.wav").read_bytes(),
                           headers=headers | {"Idempotency-Key": "one"})  # fmt: skip
        assert again.json()["id"] == sent.json()["id"]
        feeds = [LogFeed(one.database, one.folder) for one in (catalogued.server, second)]
        assert other.work() == 1
        assert catalogued.work() == 0
        for feed in feeds * 2:
            feed.feed()
        roots = [httpx.get(f"{url}/v1/log/checkpoint", headers=headers).text for url in (catalogued.url, other.url)]
        assert roots[0] == roots[1] != ""
        location = sent.headers["location"]
        assert httpx.get(other.url + location, headers=headers).json() == client.get(location).json()
    assert sum(json.loads(one)["event"] == "scan.done" for one in feeds[0].log.entries()) == 1
