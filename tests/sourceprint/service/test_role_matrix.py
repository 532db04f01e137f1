"""Every operation and every page with every role, and each other organisation's ids in the pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.console import decisions, entrance, own, pages, team
from sourceprint.service.console.audio import audio_pages
from sourceprint.service.console.back_office import office
from sourceprint.service.console.queue import all_uses, desk, match, one_use
from sourceprint.service.people.roles import Role
from tests.console_browser import cookies_of, new_person, poster
from tests.service_servers import TestService
from tests.sourceprint.service.test_access_matrix import INSTEAD, OPEN, SCOPES
from tests.sourceprint.service.test_scans_by_http import events

# The roles that bring each scope; an auditor has all of them, for reading alone.
ROLES = {
    "scan": {"reviewer"},
    "check": {"reviewer", "licensee"},
    "catalogue:read": {"cataloguer", "reviewer", "accountant"},
    "catalogue:write": {"cataloguer"},
    "rights": {"cataloguer", "accountant"},
    "decide": {"reviewer"},
    "statements": {"accountant"},
    "audit": {"admin"},
    "admin": {"admin"},
}
READERS = {"scan": {"admin"}, "check": {"admin"}, "catalogue:read": {"admin"}}  # for reading alone
MODULES = (pages, entrance, own, team, decisions, all_uses, desk, match, one_use, office, audio_pages)
ANYBODY, EVERYONE = {"nobody", *Role}, set(Role)
PAGES: dict[str, set[str]] = {
    "GET /": ANYBODY,
    "GET /console/": ANYBODY,
    "GET /console/assets/{name}": ANYBODY,
    "GET /console/sign-in": ANYBODY,
    "POST /console/sign-in/options": ANYBODY,
    "POST /console/sign-in": ANYBODY,
    "GET /console/join": ANYBODY,
    "POST /console/join/look": ANYBODY,
    "POST /console/join/options": ANYBODY,
    "POST /console/join": ANYBODY,
    "GET /console": {*EVERYONE},
    "GET /console/passkeys": {*EVERYONE},
    "POST /console/passkeys/options": {*EVERYONE},
    "POST /console/passkeys": {*EVERYONE},
    "POST /console/passkeys/{passkey_id}/name": {*EVERYONE},
    "POST /console/passkeys/{passkey_id}/removal": {*EVERYONE},
    "POST /console/sign-out": {*EVERYONE},
    "GET /console/approvals": {"admin", "cataloguer", "accountant", "auditor"},
    "POST /console/approvals/{approval_id}/options": {"admin", "cataloguer", "accountant"},
    "POST /console/approvals/{approval_id}": {"admin", "cataloguer", "accountant"},
    "POST /console/approvals/{approval_id}/rejection": {"admin", "cataloguer", "accountant"},
    "GET /console/people": {"admin", "auditor"},
    "POST /console/people": {"admin"},
    "POST /console/people/{person_id}/link": {"admin"},
    "POST /console/people/{person_id}/roles": {"admin"},
    "POST /console/people/{person_id}/removal": {"admin"},
    "POST /console/people/{person_id}/name": {"admin"},
    "GET /console/review": {"admin", "reviewer", "accountant", "auditor"},
    "GET /console/review/{use_id}": {"admin", "reviewer", "accountant", "auditor"},
    "GET /console/review/{use_id}/sound/{number}/{side}": {"admin", "reviewer", "auditor"},
    "GET /console/review/{use_id}/picture/{number}/{side}": {"admin", "reviewer", "auditor"},
    "POST /console/review/{use_id}": {"admin", "reviewer"},
    "POST /console/review/{use_id}/undo": {"admin", "reviewer"},
    "POST /console/review/{use_id}/comment": {"admin", "reviewer"},
    "POST /console/review/{use_id}/assignment": {"admin", "reviewer"},
    "POST /console/review/{use_id}/exclusion": {"admin", "reviewer"},
    "POST /console/review/{use_id}/allowance": {"admin", "reviewer"},
    "GET /console/review/allowances": {"admin", "reviewer", "accountant", "auditor"},
    "POST /console/review/allowances/{allowance_id}/end": {"admin", "reviewer"},
    "POST /console/review/bulk": {"admin", "reviewer"},
    "POST /console/review/bulk/decision": {"admin", "reviewer"},
    "GET /console/statements": {"admin", "accountant", "auditor"},
    "POST /console/statements": {"accountant"},
    "GET /console/statement": {"admin", "accountant", "auditor"},
    "GET /console/statement/part": {"admin", "accountant", "auditor"},
    "GET /console/statement/lines": {"admin", "accountant", "auditor"},
    "GET /console/statement/line": {"admin", "accountant", "auditor"},
    "GET /console/statement/files": {"admin", "accountant", "auditor"},
    "GET /console/statement/file": {"admin", "accountant", "auditor"},
    "GET /console/usage": {"admin", "reviewer", "accountant", "auditor"},
    "POST /console/usage": {"reviewer", "accountant"},
    "GET /console/licensees": {"admin", "cataloguer", "accountant", "auditor"},
    "GET /console/licensee": {"admin", "cataloguer", "accountant", "auditor"},
    "GET /console/licence": {"admin", "cataloguer", "accountant", "auditor"},
    "POST /console/licence/check": {"cataloguer", "accountant"},
    "POST /console/licence": {"cataloguer", "accountant"},
    "GET /console/grants": {"admin", "auditor"},
    "POST /console/grants": {"admin"},
    "POST /console/grants/{grant_id}/revocation": {"admin"},
    "GET /console/sign-ins": {"admin", "auditor"},
    "POST /console/sign-ins/{person_id}/end": {"admin"},
    "GET /console/keys": {"admin", "auditor"},
    "POST /console/keys": {"admin"},
    "POST /console/keys/{key_id}/rotation": {"admin"},
    "POST /console/keys/{key_id}/revocation": {"admin"},
    "GET /console/log": {"admin", "auditor"},
    "GET /console/rights/tables": {"cataloguer", "accountant"},
    "POST /console/rights/tables": {"cataloguer", "accountant"},
    "GET /console/rights": {"admin", "cataloguer", "reviewer", "accountant", "auditor"},
    "GET /console/search": {"admin", "cataloguer", "reviewer", "accountant", "auditor"},
    "GET /console/scans": {"admin", "reviewer", "auditor", "licensee"},
    "GET /console/scans/new": {"reviewer", "licensee"},
    "GET /console/scans/{job_id}": {"admin", "reviewer", "auditor", "licensee"},
    "GET /console/scans/{job_id}/evidence": {"admin", "reviewer", "auditor", "licensee"},
    "POST /console/scans/{job_id}/erasure": {"reviewer", "licensee"},
    "GET /console/additions": {"cataloguer", "auditor"},
    "GET /console/additions/{job_id}": {"cataloguer", "auditor"},
    "GET /console/recordings": {"admin", "cataloguer", "reviewer", "accountant", "auditor"},
    "GET /console/recordings/new": {"cataloguer"},
    "GET /console/recording": {"admin", "cataloguer", "reviewer", "accountant", "auditor"},
    "POST /console/recording": {"cataloguer"},
    "POST /console/recording/removal": {"cataloguer"},
}


def test_every_page_is_in_the_table() -> None:
    routes = [route for module in MODULES for route in module.router.routes]
    found = {f"{method} {one.path}" for one in routes if isinstance(one, APIRoute) for method in one.methods or ()}
    assert found == set(PAGES)
    assert not any(one.include_in_schema for one in routes if isinstance(one, APIRoute))
    assert set(ROLES) == set(KeyScope)


@pytest.mark.slow
@pytest.mark.parametrize("role", list(Role))
def test_every_operation_is_refused_to_every_other_role(sqlite_service: TestService, role: Role) -> None:
    person = new_person(sqlite_service, "Ada", role)
    with poster(sqlite_service, cookies_of(sqlite_service, person)) as client:
        for operation, scope in SCOPES.items():
            method, path = operation.split(" ")
            answer = client.request(method, path.replace("{", "").replace("}", ""))
            reads = role == "auditor" or role in READERS.get(scope, ())
            bringing = ROLES[scope] | ROLES.get(INSTEAD.get(operation, ""), set())
            allowed = role in bringing or (reads and method == "GET")
            assert (answer.status_code == 403) == (not allowed), (operation, role, answer.text)
            assert answer.status_code not in (401, 500), (operation, answer.text)
    refused = [one for one in events(sqlite_service) if one["event"] == "access.refused"]
    assert refused
    assert {one["actor"] for one in refused} == {person.actor}
    assert {operation for operation in SCOPES if operation in OPEN} == set()


@pytest.mark.slow
@pytest.mark.parametrize("role", ["nobody", *Role])
def test_every_page_is_refused_to_every_other_role(sqlite_service: TestService, role: str) -> None:
    cookies = {} if role == "nobody" else cookies_of(sqlite_service, new_person(sqlite_service, "Ada", role))
    order = sorted(PAGES, key=lambda one: one == "POST /console/sign-out")
    with poster(sqlite_service, cookies) as client:
        for operation in order:
            method, path = operation.split(" ")
            answer = client.request(
                method,
                re.sub(r"\{\w+\}", lambda found: "console.js" if found[0] == "{name}" else "none", path),
            )
            is_problem = answer.headers.get("content-type", "").startswith("application/problem")
            refused = is_problem and answer.json()["title"] in ("not signed in", "role missing")
            assert refused == (role not in PAGES[operation]), (operation, role, answer.text)
            assert answer.status_code < 500


def test_people_and_passkeys_of_another_organisation_are_invisible(service: TestService) -> None:
    ada = new_person(service)
    bo = new_person(service, "Bo of the other", organisation="other")
    own, theirs = cookies_of(service, ada), cookies_of(service, bo)
    with poster(service, own) as client, poster(service, theirs) as other:
        assert "Bo of the other" not in client.get("/console/people").text
        for path in ("link", "roles", "removal", "name"):
            answer = client.post(f"/console/people/{bo.id}/{path}", data={"role": "reviewer", "name": "x"})
            assert answer.status_code == 404, (path, answer.text)
        assert client.post(f"/console/sign-ins/{bo.id}/end").status_code == 404
        for path in ("name", "removal"):
            assert client.post(f"/console/passkeys/{bo.id * 5}/{path}", data={"name": "x"}).status_code == 404
        assert other.get("/console").status_code == 200
        assert "Bo of the other" in other.get("/console/people").text


def test_a_person_changes_through_the_api_only_from_our_own_pages(sqlite_service: TestService) -> None:
    cookies = cookies_of(sqlite_service, new_person(sqlite_service))
    wanted = {"name": "k", "scopes": ["scan"]}
    with poster(sqlite_service, cookies) as client:
        made = client.post("/v1/keys", json=wanted)
        assert (made.status_code, made.json()["created_by"][:7]) == (201, "person:")
        for name, value in (("Origin", "https://evil.example"), ("X-CSRF-Token", "0")):
            assert client.post("/v1/keys", json=wanted, headers={name: value}).status_code == 403
        assert len(client.get("/v1/keys").json()) == 1


@pytest.mark.slow
def test_a_licensee_checks_under_a_grant_and_sees_its_own_checks_without_titles(
    sqlite_catalogued: TestService, music: Path
) -> None:
    service, body = sqlite_catalogued, (music / "reuse.wav").read_bytes()
    with service.client() as owner:
        given = owner.post("/v1/grants", json={"holder": "other"}, headers={"Content-Type": "application/json"})
    maker, colleague = (new_person(service, name, "licensee", organisation="other") for name in ("Ada", "Bo"))
    asked = {"grant": given.json()["id"], "wait": 0}
    with poster(service, cookies_of(service, maker)) as own, poster(service, cookies_of(service, colleague)) as other:
        bare = own.post("/v1/checks", params={"wait": 0}, content=body)
        assert (bare.status_code, bare.json()["title"]) == (403, "grant missing")
        sent = own.post("/v1/checks", params=asked, content=body)
        assert sent.status_code == 202, sent.text
        service.work()
        shown = own.get(sent.headers["location"])
        (match,) = shown.json()["result"]["files"][0]["matches"]
        assert (match["recording_id"][:2], match["title"]) == ("r-", None)
        assert "Title A" not in shown.text
        assert [one["id"] for one in own.get("/v1/checks").json()["items"]] == [sent.json()["id"]]
        assert other.get("/v1/checks").json()["items"] == []
        assert other.get(sent.headers["location"]).status_code == 404
        assert own.get("/v1/scans").status_code == 403
