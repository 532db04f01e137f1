"""Every operation with every scope, and every object with the key of another organisation."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import httpx
import pytest

from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.line.arguments import ScanArguments
from sourceprint.service.line.watches import add_watch
from sourceprint.service.log_feed import LogFeed
from tests.service_servers import TestService
from tests.sourceprint.service.test_scans_by_http import events

# The scope of each operation; the service's own description is compared with this table, not the other way round.
SCOPES = {
    "POST /v1/scans": "scan",
    "POST /v1/scans/batch": "scan",
    "GET /v1/scans": "scan",
    "GET /v1/scans/{scan_id}": "scan",
    "GET /v1/scans/{scan_id}/result": "scan",
    "GET /v1/scans/{scan_id}/evidence/{evidence}": "scan",
    "DELETE /v1/scans/{scan_id}": "scan",
    "POST /v1/watches": "scan",
    "GET /v1/watches": "scan",
    "GET /v1/watches/{watch_id}/files": "scan",
    "DELETE /v1/watches/{watch_id}": "scan",
    "POST /v1/checks": "check",
    "GET /v1/checks": "check",
    "GET /v1/checks/{check_id}": "check",
    "GET /v1/catalogue": "catalogue:read",
    "GET /v1/catalogue/recordings": "catalogue:read",
    "GET /v1/catalogue/recordings/{recording_id}": "catalogue:read",
    "GET /v1/checks/{check_id}/evidence/{evidence}": "check",
    "DELETE /v1/checks/{check_id}": "check",
    "POST /v1/catalogue/additions": "catalogue:write",
    "POST /v1/catalogue/additions/batch": "catalogue:write",
    "GET /v1/catalogue/additions": "catalogue:write",
    "GET /v1/catalogue/additions/{addition_id}": "catalogue:write",
    "PATCH /v1/catalogue/recordings/{recording_id}": "catalogue:write",
    "DELETE /v1/catalogue/recordings/{recording_id}": "catalogue:write",
    "POST /v1/rights/imports": "rights",
    "GET /v1/rights/{key}": "rights",
    "POST /v1/attributions": "decide",
    "GET /v1/uses": "decide",
    "POST /v1/uses/decisions": "decide",
    "GET /v1/uses/{use_id}/history": "decide",
    "POST /v1/usage": "decide",
    "POST /v1/statements": "statements",
    "GET /v1/statements": "statements",
    "GET /v1/statements/{statement_id}": "statements",
    "GET /v1/statements/{statement_id}/files": "statements",
    "GET /v1/statements/{statement_id}/files/{name}": "statements",
    "GET /v1/log/checkpoint": "audit",
    "GET /v1/log/key": "audit",
    "GET /v1/log/entries": "audit",
    "GET /v1/log/entries/{index}/proof": "audit",
    "GET /v1/log/consistency": "audit",
    "GET /v1/keys": "admin",
    "POST /v1/keys": "admin",
    "POST /v1/keys/{key_id}/rotation": "admin",
    "DELETE /v1/keys/{key_id}": "admin",
    "GET /v1/webhooks": "admin",
    "POST /v1/webhooks": "admin",
    "DELETE /v1/webhooks/{webhook_id}": "admin",
    "GET /v1/webhooks/{webhook_id}/deliveries": "admin",
    "POST /v1/grants": "admin",
    "GET /v1/grants": "check",
    "GET /v1/grants/{grant_id}/matches": "admin",
    "DELETE /v1/grants/{grant_id}": "admin",
}
INSTEAD = {"POST /v1/usage": "statements"}  # where another scope does as well
OPEN = {"GET /health", "GET /ready", "GET /metrics"}


def operations(service: TestService) -> dict[str, dict[str, Any]]:
    paths = httpx.get(f"{service.url}/openapi.json").json()["paths"]
    return {f"{method.upper()} {path}": one for path, methods in paths.items() for method, one in methods.items()}


def test_every_operation_is_in_the_table_and_says_that_it_needs_a_key(sqlite_service: TestService) -> None:
    found = operations(sqlite_service)
    assert set(found) == set(SCOPES) | OPEN
    assert {name for name, one in found.items() if "security" not in one} == OPEN


@pytest.mark.slow
def test_every_operation_is_refused_without_a_key_and_with_every_other_scope(sqlite_service: TestService) -> None:
    clients = {scope: sqlite_service.client("main", scope) for scope in KeyScope}
    for operation, wanted in SCOPES.items():
        method, path = operation.split(" ")
        path = path.replace("{", "").replace("}", "")
        answer = httpx.request(method, sqlite_service.url + path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, f'Bearer scope="{wanted}"'), operation
        for scope, client in clients.items():
            answer = client.request(method, path)
            held = scope in (wanted, INSTEAD.get(operation))
            assert (answer.status_code == 403) == (not held), (operation, scope, answer.text)
            assert answer.status_code != 401
            assert answer.status_code < 500, (operation, answer.text)


@pytest.mark.slow
def test_every_object_of_an_organisation_is_invisible_to_another(catalogued: TestService, music: Path) -> None:
    with catalogued.client() as own, catalogued.client("other") as other:
        body, server = (music / "reuse.wav").read_bytes(), catalogued.server
        with server.database.writing() as connection:
            watch_id = add_watch(
                connection,
                "main",
                music,
                ScanArguments(name=""),
                settle_seconds=5,
                at=server.database.now(),
                actor="test",
            ).id
        ids = {
            "scan_id": own.post("/v1/scans?evidence=page", content=body).json()["id"],
            "check_id": own.post("/v1/checks?wait=0&evidence=page", content=body).json()["id"],
            "addition_id": own.post("/v1/catalogue/additions?id=N", content=body).json()["id"],
            "recording_id": "A",
            "key": "A",
            "use_id": "U0123456789abcdef01234567",
            "statement_id": "S-1",
            "evidence": "page",
            "watch_id": watch_id,
            "name": "index.html",
            "index": "0",
        }
        json_body = {"Content-Type": "application/json"}
        made = own.post("/v1/keys", json={"name": "k", "scopes": ["scan"]}, headers=json_body)
        ids["key_id"] = made.json()["id"]
        given = own.post("/v1/grants", json={"holder": "other"}, headers=json_body)
        ids["grant_id"] = given.json()["id"]
        ids["webhook_id"] = "01a23810-2620-7d6c-9541-9f877bf74494"
        catalogued.work()
        LogFeed(catalogued.server.database, catalogued.server.folder).feed()
        # Objects are read before they are deleted.
        order = ["GET", "PATCH", "POST", "DELETE"]
        named = sorted((one for one in SCOPES if "{" in one), key=lambda one: order.index(one.split()[0]))
        for operation, (client, status) in itertools.product(named, ((other, 404), (own, None))):
            method, path = operation.split(" ")
            sent: dict[str, Any] = {"json": {}, "headers": json_body} if method in ("PATCH", "POST") else {}
            answer = client.request(method, path.format(**ids), **sent)
            if status is not None:
                assert answer.status_code == status, (operation, answer.text)
            elif (
                not set(ids)
                .difference(("webhook_id", "use_id", "statement_id", "key"))
                .isdisjoint(part[1:-1] for part in path.split("/") if part.startswith("{") and part != "{name}")
            ):
                assert answer.status_code < 300, (operation, answer.text)
        for path in ("/v1/scans", "/v1/checks", "/v1/catalogue/additions", "/v1/catalogue/recordings"):
            assert other.get(path).json()["items"] == []
        for path in ("/v1/statements", "/v1/webhooks", "/v1/watches"):
            assert other.get(path).json() == []
        assert {one["name"] for one in other.get("/v1/keys").json()} == {"test"}
        assert [one["id"] for one in other.get("/v1/grants").json()] == [ids["grant_id"]]  # which it holds


def test_a_key_in_a_url_is_refused_and_every_refusal_is_in_the_log(service: TestService) -> None:
    with service.client("main", "scan") as client:
        key = client.headers["authorization"].removeprefix("Bearer ")
        assert client.get(f"/v1/scans?api_key={key}").status_code == 403
        assert client.get("/v1/keys").status_code == 403
    headers = {"Authorization": f"Bearer {key[:-1]}_"}
    assert httpx.get(f"{service.url}/v1/scans", headers=headers).status_code == 401
    refused = [(entry["actor"], entry["data"]) for entry in events(service) if entry["event"] == "access.refused"]
    assert refused == [
        ("unknown", {"reason": "key in URL"}),
        (f"key:{key[3:15]}", {"reason": "scope admin"}),
        ("unknown", {"reason": "unknown key", "claimed_key": key[3:15]}),
    ]


@pytest.mark.slow
def test_a_grant_shows_the_fields_that_it_names_and_the_owner_sees_no_track(
    catalogued: TestService, music: Path
) -> None:
    body, json_body = (music / "reuse.wav").read_bytes(), {"Content-Type": "application/json"}
    with catalogued.client() as owner, catalogued.client("other") as holder:
        blind = owner.post("/v1/grants", json={"holder": "other", "budget": 1}, headers=json_body).json()
        named = owner.post(
            "/v1/grants",
            json={"holder": "other", "fields": ["recording_id"], "owner_sees": "matches"},
            headers=json_body,
        ).json()
        digest = owner.get("/v1/catalogue").json()["digest"]
        results = []
        for one in (blind, named):
            sent = holder.post(
                "/v1/checks", params={"grant": one["id"], "wait": 0, "name": "secret name"}, content=body
            )
            assert sent.status_code == 202, sent.text
            catalogued.work()
            report = holder.get(sent.headers["location"]).json()["result"]
            (file,) = report["files"]
            assert (file["index"]["recordings"], file["searched"]["recordings"]) == (None, None)
            assert report["index"]["digest"] == file["index"]["digest"] != digest
            assert digest not in str(report)
            assert {(one["recording_duration_ms"], one["recording_match_percentage"]) for one in file["matches"]} == {
                (None, None)
            }
            results.append(file["matches"])
        assert results[0][0]["recording_id"].startswith("r-")
        assert "Title A" not in str(results)
        assert (results[1][0]["recording_id"], results[1][0]["title"]) == ("A", None)
        spent = holder.post("/v1/checks", params={"grant": blind["id"], "wait": 0}, content=body)
        assert (spent.status_code, spent.json()["title"]) == (429, "budget spent")
        assert digest not in str([one for one in events(catalogued) if one["event"].startswith("check.")])
        seen = [owner.get(f"/v1/grants/{one['id']}/matches").json() for one in (blind, named)]
        assert seen[0] == []
        assert [(row["recording_id"], sorted(row)) for row in seen[1]] == [("A", ["at", "matched_ms", "recording_id"])]
        counts = {one["id"]: (one["searches"], one["matched"]) for one in owner.get("/v1/grants").json()}
        assert counts == {blind["id"]: (1, 1), named["id"]: (1, 1)}
        assert owner.delete(f"/v1/grants/{named['id']}").status_code == 204
        assert holder.post("/v1/checks", params={"grant": named["id"]}, content=body).status_code == 403
        stolen = owner.post("/v1/checks", params={"grant": blind["id"]}, content=body)
        assert stolen.status_code == 404


@pytest.mark.parametrize("limit", ["rate", "budget"])
def test_limits_of_a_key_are_kept(sqlite_catalogued: TestService, music: Path, limit: str) -> None:
    limits = {"per_minute": 2} if limit == "rate" else {"budget": 2}
    with sqlite_catalogued.client("main", "scan", **limits) as client:
        answers = [client.post("/v1/scans", content=(music / "own.wav").read_bytes()) for _ in range(3)]
    assert [one.status_code for one in answers] == [202, 202, 429]
    assert answers[2].json()["title"] == {"rate": "too many requests", "budget": "budget spent"}[limit]
    assert len(list(sqlite_catalogued.server.folder.uploads.iterdir())) == 2
    refused = [entry["data"] for entry in events(sqlite_catalogued) if entry["event"] == "access.refused"]
    assert refused == ([{"reason": "budget"}] if limit == "budget" else [])


def test_asking_again_for_the_same_job_and_a_refused_grant_cost_no_search(service: TestService, music: Path) -> None:
    body = (music / "own.wav").read_bytes()
    with service.client("main", "scan", "check", budget=1) as client:
        headers = {"Idempotency-Key": "k"}
        again = [client.post("/v1/scans", content=body, headers=headers) for _ in range(3)]
        assert len({one.json()["id"] for one in again}) == 1
    with service.client("main", "check", "admin", budget=2) as client:
        refused = client.post("/v1/checks?grant=none&wait=0", content=body)
        assert (refused.status_code, refused.json()["detail"].startswith("grant 'none': is not there")) == (404, True)
        made = {one["searches"] for one in client.get("/v1/keys").json()}
        assert made == {0, 1}
    assert len(list(service.server.folder.uploads.iterdir())) == 1
