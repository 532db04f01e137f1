"""Two people for what pays or publishes: proposed by one, approved by another, sent once; alone with a reason."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from fingerprint.errors import ParameterError, SignInError
from sourceprint.service.people.approvals import (
    Approval,
    approve,
    find_approval,
    list_approvals,
    may_approve,
    reject,
    require_two,
)
from sourceprint.service.people.persons import ServicePerson
from tests.console_browser import cookies_of, launched, link_for, new_person, pages_of, poster
from tests.service_servers import TestService
from tests.sourceprint.service.test_scans_by_http import events

GRANT = {"holder": "other", "fields": ["title"], "owner_sees": "counts"}
JSON = {"Content-Type": "application/json"}
LICENCE = b'[[licence]]\nid = "L-1"\n'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as made:
        yield made


def wanting_two(service: TestService, *kinds: str) -> TestService:
    with service.server.database.writing() as connection:
        require_two(connection, "main", kinds, at=service.server.database.now(), actor="test")
    return service


def waiting(service: TestService, answer: httpx.Response) -> Approval:
    """Return the proposal that an answer names."""
    assert (answer.status_code, answer.json()["title"]) == (409, "second person needed"), answer.text
    approval_id = answer.json()["detail"].rpartition(" ")[2]
    with service.server.database.reading() as connection:
        return find_approval(connection, "main", approval_id, now=service.server.database.now())


def decide(service: TestService, found: Approval, person: ServicePerson, reason: str = "") -> None:
    with service.server.database.writing() as connection:
        approve(connection, found, person, reason=reason, at=service.server.database.now())


def approvals_in_log(service: TestService) -> list[tuple[str, str]]:
    return [(one["event"], one["actor"]) for one in events(service) if one["event"].startswith("approval.")]


def test_a_request_waits_for_another_person_and_is_then_taken_once(service: TestService) -> None:
    wanting_two(service, "grant")
    ada, bo = new_person(service), new_person(service, "Bo")
    with poster(service, cookies_of(service, ada), **JSON) as client:
        found = waiting(service, client.post("/v1/grants", json=GRANT))
        assert waiting(service, client.post("/v1/grants", json=GRANT)).id == found.id  # asked again, proposed once
        assert (found.proposed_by, found.summary["fields"]) == (ada.actor, "title")
        early = client.post("/v1/grants", json=GRANT, headers={"X-Approval": found.id})
        assert (early.status_code, "was not given" in early.json()["detail"]) == (403, True)
        with pytest.raises(SignInError, match="another person"):
            decide(service, found, ada, "I want it")
        decide(service, found, bo)
        other = client.post("/v1/grants", json=GRANT | {"fields": []}, headers={"X-Approval": found.id})
        assert (other.status_code, "for another request" in other.json()["detail"]) == (403, True)
        assert client.post("/v1/grants", json=GRANT, headers={"X-Approval": found.id}).status_code == 201
        again = client.post("/v1/grants", json=GRANT, headers={"X-Approval": found.id})
        assert (again.status_code, "was used" in again.json()["detail"]) == (403, True)
    assert [one["event"] for one in events(service)].count("grant.given") == 2  # to either side, once
    assert approvals_in_log(service) == [
        ("approval.proposed", ada.actor), ("approval.given", bo.actor), ("approval.used", ada.actor),
    ]  # fmt: skip


def test_a_key_proposes_and_neither_its_maker_nor_a_role_without_the_scope_approves(
    sqlite_service: TestService,
) -> None:
    wanting_two(sqlite_service, "statement")
    ada = new_person(sqlite_service, "Ada", "admin", "accountant")
    bo, cy = (new_person(sqlite_service, *one) for one in (("Bo", "reviewer"), ("Cy", "accountant")))
    with poster(sqlite_service, cookies_of(sqlite_service, ada), **JSON) as client:
        made = client.post("/v1/keys", json={"name": "k", "scopes": ["statements"]}).json()["key"]
    asked = {"licensee": "suno", "period": "2026-Q1"}
    with httpx.Client(base_url=sqlite_service.url, headers={"Authorization": f"Bearer {made}"}) as client:
        draft = client.post("/v1/statements", json=asked | {"draft": True})
        assert "second person" not in draft.text
        found = waiting(sqlite_service, client.post("/v1/statements", json=asked))
        with sqlite_service.server.database.reading() as connection:
            assert [may_approve(connection, found, one) for one in (ada, bo, cy)] == [False, False, True]
        decide(sqlite_service, found, cy)
        tried = client.post("/v1/statements", json=asked, headers={"X-Approval": found.id})
        assert tried.status_code in (404, 409, 422), tried.text  # there is nothing to state
        again = client.post("/v1/statements", json=asked, headers={"X-Approval": found.id})
        assert again.json()["detail"] == tried.json()["detail"]  # the approval was given back
    names = [name for name, _ in approvals_in_log(sqlite_service)]
    assert names == ["approval.proposed", "approval.given", *["approval.used", "approval.given_back"] * 2]


def test_an_only_admin_breaks_the_glass_with_a_reason_that_stands_in_the_log(sqlite_service: TestService) -> None:
    wanting_two(sqlite_service, "licence")
    ada = new_person(sqlite_service, "Ada", "admin", "cataloguer")
    with poster(sqlite_service, cookies_of(sqlite_service, ada)) as client:

        def send(**headers: str) -> httpx.Response:
            return client.post("/v1/rights/imports?name=licences.toml", content=LICENCE, headers=headers)

        assert client.post("/v1/rights/imports?name=licences.toml&dry_run=true", content=LICENCE).status_code != 409
        found = waiting(sqlite_service, send())
        with pytest.raises(ParameterError, match="write why you do it alone"):
            decide(sqlite_service, found, ada, "  ")
        decide(sqlite_service, found, ada, "the second admin is on leave")
        assert "second person" not in send(**{"X-Approval": found.id}).text
    (entry,) = [one for one in events(sqlite_service) if one["event"] == "approval.broken_glass"]
    assert (entry["actor"], entry["data"]["reason"]) == (ada.actor, "the second admin is on leave")


def test_a_rejected_and_an_expired_proposal_open_nothing(sqlite_service: TestService) -> None:
    wanting_two(sqlite_service, "grant")
    ada, bo = new_person(sqlite_service), new_person(sqlite_service, "Bo")
    database = sqlite_service.server.database
    with sqlite_service.client("main", "admin") as client:
        client.headers.update(JSON)
        found = waiting(sqlite_service, client.post("/v1/grants", json=GRANT))
        with database.writing() as connection:
            reject(connection, found, bo, reason="too much", at=database.now())
        with database.writing() as connection, pytest.raises(SignInError, match="decided meanwhile"):
            approve(connection, found, ada, reason="", at=database.now())
        assert client.post("/v1/grants", json=GRANT, headers={"X-Approval": found.id}).status_code == 403
        fresh = waiting(sqlite_service, client.post("/v1/grants", json=GRANT))
        assert fresh.id != found.id
        decide(sqlite_service, fresh, ada)
        sqlite_service.clock.pass_seconds(7 * 86_400)
        assert client.post("/v1/grants", json=GRANT, headers={"X-Approval": fresh.id}).status_code == 403
        with database.reading() as connection:
            assert list_approvals(connection, "other") == []


@pytest.mark.slow
def test_the_second_person_approves_with_a_passkey_at_the_console(
    sqlite_service: TestService, browser: Browser
) -> None:
    wanting_two(sqlite_service, "grant")
    bo = new_person(sqlite_service, "Bo")
    with sqlite_service.client("main", "admin") as client, pages_of(browser, sqlite_service) as device:
        client.headers.update(JSON)
        found = waiting(sqlite_service, client.post("/v1/grants", json=GRANT))
        page = device.join(link_for(sqlite_service, bo))
        device.go("/console/approvals")
        assert "Give access to the catalogue" in page.locator("section.waiting").inner_text()
        device.verify(False)
        page.get_by_role("button", name="Approve").click()
        page.locator("[data-told].bad").wait_for()
        device.verify(True)
        page.get_by_role("button", name="Approve").click()
        page.get_by_text("Nothing waits.").wait_for()
        assert client.post("/v1/grants", json=GRANT, headers={"X-Approval": found.id}).status_code == 201
    assert ("approval.given", bo.actor) in approvals_in_log(sqlite_service)
