"""The review queue without a browser: decisions and their names, two people at once, whole lists, other people."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import insert

from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.uses.states import use_history
from sourceprint.service.line.jobs import SCAN
from sourceprint.service.people.persons import ServicePerson
from sourceprint.service.store.schema import evidence, job
from tests.console_browser import cookies_of, new_person, poster
from tests.review_records import fill_queue, waiting
from tests.royalty_records import a_match, a_passage, a_scan_result
from tests.service_servers import TestService
from tests.sourceprint.service.test_scans_by_http import events

HOSTILE = '<img src=x onerror="document.title=1">'


def rights_of(service: TestService, organisation: str = "main") -> Database:
    return service.server.folder.organisation(organisation).rights()


def last_states(service: TestService, use_id: str) -> list[tuple[str, str]]:
    with rights_of(service).reading() as connection:
        return [(one.state, one.made_by) for one in use_history(connection, use_id)][1:]


def seen_on(text: str) -> str:
    found = re.search(r'name="seen" value="(\d+)"', text)
    assert found, text
    return found[1]


@pytest.fixture
def reviewer(service: TestService) -> ServicePerson:
    return new_person(service, "Bo", "reviewer")


def test_a_decision_names_its_person_in_rights_and_log_and_leads_to_the_next_use(
    service: TestService, reviewer: ServicePerson, tmp_path: Path
) -> None:
    longest, middle, _ = fill_queue(rights_of(service), tmp_path, 3, title=HOSTILE)
    with poster(service, cookies_of(service, reviewer)) as client:
        listed = client.get("/console/review")
        assert "3 uses, 0.04 EUR" in listed.text
        assert HOSTILE not in listed.text
        assert "&lt;img" in listed.text
        shown = client.get(f"/console/review/{longest.id}")
        for words in ("1 of 3", "30.000 \u2013 37.000", "100.0 %", "1.0e-12", "LIC-1", "Blue", "GBUM71029604", ">Gen<"):
            assert words in shown.text, words
        sent = {"seen": seen_on(shown.text), "state": "claimed", "comment": ""}
        answer = client.post(f"/console/review/{longest.id}", data=sent)
        assert answer.headers["location"] == f"/console/review/{middle.id}?done={longest.id}"
        following = client.get(answer.headers["location"])
        assert "is confirmed" in following.text
        undone = client.post(f"/console/review/{longest.id}/undo", data={"seen": seen_on(following.text)})
        assert undone.headers["location"] == f"/console/review/{longest.id}"
        assert client.get(undone.headers["location"]).text.count(">Bo</td>") == 2  # decision and undoing
        again = client.post(f"/console/review/{longest.id}/undo", data={"seen": sent["seen"]})
        assert again.status_code == 409
    assert last_states(service, longest.id) == [("claimed", reviewer.actor), ("review", reviewer.actor)]
    noted = [one for one in events(service) if one["event"] in ("use.decided", "use.undone")]
    assert [(one["event"], one["actor"], one["subject"], one["data"]) for one in noted] == [
        ("use.decided", reviewer.actor, f"use:{longest.id}", {"state": "claimed"}),
        ("use.undone", reviewer.actor, f"use:{longest.id}", {"state": "review"}),
    ]


def test_the_second_reviewer_sees_who_decided_and_keeps_the_comment(
    sqlite_service: TestService, tmp_path: Path
) -> None:
    use_id = fill_queue(rights_of(sqlite_service), tmp_path, 1)[0].id
    bo, cy = (new_person(sqlite_service, name, "reviewer") for name in ("Bo", "Cy"))
    path = f"/console/review/{use_id}"
    mine, theirs = cookies_of(sqlite_service, bo), cookies_of(sqlite_service, cy)
    with poster(sqlite_service, mine) as first, poster(sqlite_service, theirs, Accept="text/html") as second:
        seen = seen_on(second.get(path).text)
        assert first.post(path, data={"seen": seen, "state": "claimed"}).status_code == 303
        late = second.post(path, data={"seen": seen, "state": "withdrawn", "comment": "only noise"})
        assert late.status_code == 409
        assert f"was changed meanwhile: claimed by Bo ({bo.actor}) at 20" in late.text
        assert "only noise</textarea>" in late.text
        assert seen_on(late.text) != seen
        other = second.post(f"{path}/undo", data={"seen": seen_on(late.text)})
        assert (other.status_code, "is no decision of yours" in other.text) == (422, True)
    assert last_states(sqlite_service, use_id) == [("claimed", bo.actor)]


def test_what_cannot_be_decided_says_why_and_changes_nothing(sqlite_service: TestService, tmp_path: Path) -> None:
    use_id = fill_queue(rights_of(sqlite_service), tmp_path, 1)[0].id
    open_id = waiting(rights_of(sqlite_service), state="unresolved")[0].id
    person = new_person(sqlite_service, "Bo", "reviewer")
    with poster(sqlite_service, cookies_of(sqlite_service, person), Accept="text/html") as client:
        for path, sent, words in (
            (use_id, {"seen": "0", "state": "disputed", "comment": " "}, "say why this is disputed"),
            (use_id, {"seen": "0", "state": "review", "comment": "x"}, "is no decision"),
            (use_id, {"state": "claimed"}, "load the page again"),
            (use_id, {"seen": "0", "state": "withdrawn", "comment": "x" * 2001}, "1 to 2000 characters"),
            (open_id, {"seen": "0", "state": "claimed"}, "its recording is open"),
            (open_id, {"seen": "0", "state": "resolved", "recording": "R1"}, "cannot be named"),
        ):
            answer = client.post(f"/console/review/{path}", data=sent)
            assert answer.status_code == 422, answer.text
            assert words in answer.text.replace("&#39;", "'"), (sent, answer.text)
        assert client.post("/console/review/U0", data={"seen": "0", "state": "claimed"}).status_code == 404
        named = client.post(
            f"/console/review/{open_id}", data={"seen": "0", "state": "resolved", "recording": "R4"},
            params={"state": "unresolved"},
        )  # fmt: skip
        assert named.headers["location"] == f"/console/review?state=unresolved&done={open_id}"
        assert 'as <span class="mark">R4</span>' in client.get(f"/console/review/{open_id}").text
        for query in ({"state": "claimed"}, {"after": "x"}):
            assert client.get("/console/review", params=query).status_code == 422
    assert last_states(sqlite_service, use_id) == []


def test_a_filtered_list_is_decided_at_once_after_its_sum_was_shown(service: TestService, tmp_path: Path) -> None:
    found = fill_queue(rights_of(service), tmp_path, 5)
    person = new_person(service, "Bo", "reviewer")
    with poster(service, cookies_of(service, person)) as client:
        only = {"recording": "R1"}
        shown = client.post("/console/review/bulk", params=only, data={"state": "withdrawn", "comment": "silence"})
        assert "Reject 3 uses, 0.04 EUR?" in shown.text
        digest = re.findall(r'name="digest" value="(\w+)"', shown.text)[0]
        sent = {"state": "withdrawn", "comment": "silence", "digest": digest}
        assert last_states(service, found[0].id) == []
        path = f"/console/review/{found[0].id}"
        assert client.post(path, data={"seen": "0", "state": "claimed"}).status_code == 303
        stale = client.post("/console/review/bulk/decision", params=only, data=sent)
        assert (stale.status_code, "nothing was decided" in stale.text) == (409, True)
        shown = client.post("/console/review/bulk", params=only, data={"state": "withdrawn", "comment": "silence"})
        assert "Reject 2 uses, 0.02 EUR?" in shown.text
        sent["digest"] = re.findall(r'name="digest" value="(\w+)"', shown.text)[0]
        done = client.post("/console/review/bulk/decision", params=only, data=sent)
        assert (done.status_code, done.headers["location"]) == (303, "/console/review?recording=R1")
        assert "Nothing waits under these filters" in client.get(done.headers["location"]).text
        assert client.post("/console/review/bulk", params=only, data={"state": "claimed"}).status_code == 422
        unresolved = {"state": "unresolved"}
        refused = client.post("/console/review/bulk", params=unresolved, data={"state": "claimed"})
        assert (refused.status_code, "no use that can be decided so" in refused.text) == (422, True)
    assert [one.track_name for one in waiting(rights_of(service))] == ["4.wav", "2.wav"]
    assert last_states(service, found[2].id) == [("withdrawn", person.actor)]
    (noted,) = [one for one in events(service) if one["event"] == "uses.decided"]
    assert (noted["actor"], noted["data"]["uses"]) == (person.actor, 2)


def test_a_decision_needs_our_own_page_and_uses_of_another_organisation_are_not_there(
    sqlite_service: TestService, tmp_path: Path
) -> None:
    use_id = fill_queue(rights_of(sqlite_service), tmp_path, 1)[0].id
    sent, path = {"seen": "0", "state": "claimed"}, f"/console/review/{use_id}"
    other = new_person(sqlite_service, "Cy", "admin", organisation="other")
    with poster(sqlite_service, cookies_of(sqlite_service, other)) as client:
        assert "Nothing waits" in client.get("/console/review").text
        assert client.get(path).status_code == 404
        for address in (path, f"{path}/undo"):
            assert client.post(address, data=sent).status_code in (404, 422), address
        assert client.get("/console/review", params={"done": use_id}).text.count(use_id) == 0
    person = new_person(sqlite_service, "Bo", "reviewer")
    with poster(sqlite_service, cookies_of(sqlite_service, person)) as client:
        for name, value in (("Origin", "https://evil.example"), ("X-CSRF-Token", "0")):
            for address in (path, f"{path}/undo", "/console/review/bulk", "/console/review/bulk/decision"):
                assert client.post(address, data=sent, headers={name: value}).status_code == 403
    assert last_states(sqlite_service, use_id) == []


def test_who_reads_sees_the_queue_without_forms_and_a_licensee_sees_nothing(
    sqlite_service: TestService, tmp_path: Path
) -> None:
    use_id = fill_queue(rights_of(sqlite_service), tmp_path, 1)[0].id
    for role, status in (("auditor", 200), ("accountant", 200), ("licensee", 403), ("cataloguer", 403)):
        with poster(sqlite_service, cookies_of(sqlite_service, new_person(sqlite_service, "Di", role))) as client:
            for path in ("/console/review", f"/console/review/{use_id}"):
                answer = client.get(path)
                assert (answer.status_code, "1.wav" in answer.text) == (status, status == 200), (role, path)
                assert 'class="decide"' not in answer.text
            first_page = client.get("/console").text
            assert ('href="/console/review"' in first_page) == (status == 200)


def test_a_use_leads_to_the_evidence_page_of_its_newest_scan_for_who_may_open_it(
    sqlite_service: TestService, tmp_path: Path
) -> None:
    use_id = fill_queue(rights_of(sqlite_service), tmp_path, 1)[0].id
    played = a_passage(1_000, 6_000, 30_000, pitch_cents=-38.0)
    result = json.dumps(a_scan_result("1.wav", a_match("R1", played)))
    columns = {"kind": SCAN, "state": "done", "priority": 1, "reference": "", "arguments": '{"name": "1.wav"}'}
    made = {"created_at": "2026-12-02T10:00:00.000Z", "created_by": "test", "result": result}
    with sqlite_service.server.database.writing() as connection:
        for job_id, organisation, content in (("a", "main", b"x"), ("b", "main", None), ("c", "other", b"x")):
            connection.execute(insert(job), {"id": job_id, "organisation_id": organisation, **columns, **made})
            connection.execute(insert(evidence), {"job_id": job_id, "kind": "page", "content": content})
    for role, is_linked in (("reviewer", True), ("auditor", True), ("accountant", False), ("admin", True)):
        with poster(sqlite_service, cookies_of(sqlite_service, new_person(sqlite_service, "Bo", role))) as client:
            text = client.get(f"/console/review/{use_id}").text
            assert ("/console/scans/a/evidence" in text, "-38 cents" in text) == (is_linked, is_linked), role
            assert "/scans/b" not in text
            assert "/scans/c" not in text
            answer = client.get("/v1/scans/a/evidence/page")
            assert answer.status_code == (200 if is_linked else 403)
