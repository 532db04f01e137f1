"""Statements in the console without a browser: usage, a draft followed down, two people, files, others."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.register import list_statements, load_statement
from sourceprint.royalties.uses.states import change_state
from sourceprint.service.people.approvals import approve, find_approval, require_two
from tests.console_browser import cookies_of, new_person, poster
from tests.review_records import fill_queue
from tests.royalty_records import LICENSEE
from tests.service_servers import TestService

HOSTILE = '<img src=x onerror="document.title=1">'
USAGE = "track,territory,usages,net_revenue,currency\n1.wav,DE,100,40.00,EUR\n2.wav,DE,50,10.00,EUR\n"
Q3 = {"licensee": LICENSEE, "period": "2026-Q3"}


def rights_of(service: TestService) -> Database:
    return service.server.folder.organisation("main").rights()


@pytest.fixture
def claimed(service: TestService, tmp_path: Path) -> TestService:
    """Return a server with three confirmed uses of R1 and R2 in the third quarter, and one that waits."""
    found = fill_queue(rights_of(service), tmp_path, 3, title=HOSTILE)
    change_state(rights_of(service), [one.id for one in found], "claimed", "heard", "ann")
    return service


def enter(client: httpx.Client, text: str = USAGE, **query: str) -> httpx.Response:
    headers = {"Content-Type": "application/octet-stream"}
    return client.post("/console/usage", params=Q3 | query, content=text.encode(), headers=headers)


def fields_on(text: str) -> dict[str, str]:
    """Return the hidden fields of the form that issues a statement."""
    (form,) = re.findall(r'<form method="post" action="/console/statements".*?</form>', text, re.DOTALL)
    return {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)}


def links_on(text: str, way: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(rf'href="(/console/statement{way}\?[^"]*)"', text)]


def test_an_accountant_enters_usage_follows_a_draft_to_its_uses_and_issues_it(claimed: TestService) -> None:
    ada = new_person(claimed, "Ada", "accountant")
    with poster(claimed, cookies_of(claimed, ada)) as client:
        assert enter(client).json() == {"next": f"/console/statement?licensee={LICENSEE}&period=2026-Q3"}
        assert "draft" in client.get("/console/statements").text
        draft = client.get("/console/statement", params=Q3)
        assert draft.status_code == 200, draft.text
        payees = links_on(draft.text, "/part")
        assert payees
        part = client.get(payees[0]).text
        assert HOSTILE not in draft.text + part
        lines = client.get(links_on(part, "/lines")[0]).text
        line = client.get(links_on(lines, "/line")[0]).text
        exact = [Decimal(one) for one in re.findall(r'data-is="exact amount">([^<]*)<', line)]
        assert exact
        assert f"{sum(exact)} EUR, exactly" in line
        answer = client.post("/console/statements", data=fields_on(draft.text))
        assert answer.status_code == 303, answer.text
        (entry,) = list_statements(rights_of(claimed))
        assert entry.issued_by == ada.actor
        shown = client.get(answer.headers["location"]).text
        for words in ("issued on", f"Ada ({ada.actor})", entry.digest):
            assert words in shown, words
        assert fields_on(draft.text)["draft"].removeprefix("DRAFT") == entry.id.removeprefix("S")
        listed = client.get("/console/statement/files", params={"of": entry.id}).text
        assert "statement.json" in listed
        file = client.get("/console/statement/file", params={"of": entry.id, "name": "statement.csv"})
        made = load_statement(rights_of(claimed), entry.id)
        assert file.text.count("\n") > len(made.lines)
        again = client.get("/v1/statements").json()
        assert [one["id"] for one in again] == [entry.id]
    with poster(claimed, cookies_of(claimed, new_person(claimed, "Bo", organisation="other"))) as other:
        assert entry.id not in other.get("/console/statements").text
        for way in ("", "/files", "/part?kind=payable", "/lines?kind=payable", "/line?line=1", "/file?name=x"):
            separator = "&" if "?" in way else "?"
            got = other.get(f"/console/statement{way}{separator}of={entry.id}")
            assert got.status_code == 404, (way, got.text)


def test_refusals_of_a_usage_report_name_every_row(claimed: TestService) -> None:
    wrong = USAGE + "1.wav,Atlantis,3,1.00,EUR\n2.wav,FR,-4,1.00,EUR\n3.wav,FR,1,ten,EUR\n"
    with poster(claimed, cookies_of(claimed, new_person(claimed, "Ada", "accountant"))) as client:
        refused = enter(client, wrong)
        assert refused.status_code == 422
        for words in ("line 4", "line 5", "line 6", "Atlantis"):
            assert words in refused.json()["detail"], words
        assert enter(client, "").status_code == 422
        assert enter(client, period="2026-Q7").status_code == 422
        assert enter(client, licensee="P-NOBODY").status_code == 404
        assert "reported nothing yet" in client.get("/console/usage", params={"licensee": LICENSEE}).text
        assert enter(client).status_code == 200
        assert "Ada" in client.get("/console/usage", params={"licensee": LICENSEE}).text
        assert client.post("/v1/usage", params=Q3, content=USAGE.encode()).status_code == 200  # the scope, too


def test_a_statement_that_needs_two_is_proposed_approved_and_issued_as_its_draft_shows(claimed: TestService) -> None:
    database = claimed.server.database
    with database.writing() as connection:
        require_two(connection, "main", ["statement"], at=database.now(), actor="test")
    ada, bo = new_person(claimed, "Ada", "accountant"), new_person(claimed, "Bo")
    with poster(claimed, cookies_of(claimed, ada)) as client:
        enter(client)
        sent = fields_on(client.get("/console/statement", params=Q3).text)
        proposed = client.post("/console/statements", data=sent)
        approval_id = proposed.headers["location"].partition("#a-")[2]
        assert "Waits for a second person" in client.get("/console/statements").text
        assert list_statements(rights_of(claimed)) == []
        early = client.post("/console/statements", data=sent | {"approval": approval_id})
        assert early.status_code == 403
        with database.writing() as connection:
            found = find_approval(connection, "main", approval_id, now=database.now())
            assert found.summary["draft"] == sent["draft"]
            approve(connection, found, bo, reason="", at=database.now())
        ready = fields_on(client.get("/console/statements").text)
        assert ready == {"csrf": ready["csrf"], **sent, "approval": approval_id} | {"csrf": ready["csrf"]}
        # Usage that comes in between makes it another statement, which nobody approved.
        enter(client, USAGE.replace("100", "101"))
        stale = client.post("/console/statements", data=ready)
        assert (stale.status_code, "look at the new draft" in stale.text) == (409, True)
        assert list_statements(rights_of(claimed)) == []
        enter(client)
        issued = client.post("/console/statements", data=ready)
        assert issued.status_code == 303, issued.text
    (entry,) = list_statements(rights_of(claimed))
    assert entry.issued_by == f"{ada.actor}, approved by {bo.actor}"


def test_those_who_may_not_issue_see_no_button_and_are_refused(claimed: TestService) -> None:
    for role in ("admin", "auditor"):
        with poster(claimed, cookies_of(claimed, new_person(claimed, "Cy", role))) as client:
            shown = client.get("/console/statement", params=Q3)
            assert shown.status_code == 200
            assert 'action="/console/statements"' not in shown.text
            assert client.post("/console/statements", data=Q3).status_code == 403
            assert enter(client).status_code == 403
