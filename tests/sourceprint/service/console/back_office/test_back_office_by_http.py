"""The pages of the back office without a browser: what they show and change, and nothing of another organisation."""

from __future__ import annotations

import html
import re
from pathlib import Path

from sourceprint.service.log_feed import LogFeed
from sourceprint.service.people.approvals import approve, find_approval, require_two
from sourceprint.service.people.persons import ServicePerson
from tests.console_browser import cookies_of, new_person, poster
from tests.review_records import fill_queue
from tests.royalty_records import LICENSEE
from tests.service_servers import TestService

HOSTILE = '<img src=x onerror="document.title=1">'


def test_a_key_is_shown_once_and_made_rotated_and_revoked_in_the_name_of_its_admin(service: TestService) -> None:
    ada = new_person(service)
    with poster(service, cookies_of(service, ada)) as client:
        sent = {"name": HOSTILE, "scope": ["scan", "check"], "budget": "7", "expires": "2027-01-31"}
        made = client.post("/console/keys", data=sent)
        key = made.text.partition('id="new-key">')[2].partition("<")[0]
        assert key.startswith("sp_")
        listed = client.get("/console/keys").text
        assert key not in listed
        assert HOSTILE not in made.text + listed
        for words in (f"sp_{key[3:15]}_…", "0 of 7", "until 2027-01-31 00:00 UTC", "Ada"):
            assert words in listed, words
        assert client.get("/v1/scans", headers={"Authorization": f"Bearer {key}"}).status_code == 200
        rotated = client.post(f"/console/keys/{key[3:15]}/rotation", data={"overlap": "3600"})
        assert rotated.text.count('id="new-key"') == 1
        assert client.post(f"/console/keys/{key[3:15]}/revocation", data={}).status_code == 303
        assert "revoked 2026-12-02" in client.get("/console/keys").text
        for field, value in (("expires", "2026-12-02"), ("budget", "many"), ("scope", "all"), ("name", " ")):
            assert client.post("/console/keys", data=sent | {field: value}).status_code == 422, field
    with poster(service, cookies_of(service, new_person(service, "Bo", organisation="other"))) as other:
        assert "sp_" not in other.get("/console/keys").text
        for way in ("rotation", "revocation"):
            assert other.post(f"/console/keys/{key[3:15]}/{way}", data={"overlap": "3600"}).status_code == 404


def test_search_finds_by_title_owner_isrc_and_id_what_the_role_may_see(service: TestService, tmp_path: Path) -> None:
    rights = service.server.folder.organisation("main").rights()
    (use, *_) = fill_queue(rights, tmp_path, 1, title=f"Blue Lïght {HOSTILE}")
    with poster(service, cookies_of(service, new_person(service))) as client:

        def found(text: str) -> str:
            answer = client.get("/console/search", params={"q": text})
            assert answer.status_code == 200
            return answer.text

        for text in ("blue lïght", "BLUE LÏGHT", "GB-UM7-10-29604", "gbum71029604", "Blue", "R1"):
            assert "Recordings" in found(text), text
        assert HOSTILE not in found("blue")
        assert "Parties" in found("P-BLUE")
        assert "Uses" in found(use.id)
        assert "1.wav" in found("1.WAV")
        assert "Licences" in found("LIC-1")
        assert "Nothing has this title" in found("%")
        for key, words in (("R1", "owner"), ("W1", "Shares"), ("P-BLUE", "Shares"), ("LIC-1", "in words")):
            shown = client.get("/console/rights", params={"of": key})
            assert (shown.status_code, words in shown.text, HOSTILE in shown.text) == (200, True, False), key
        assert client.get("/console/search", params={"q": "x" * 513}).status_code == 422
    with poster(service, cookies_of(service, new_person(service, "Cy", "cataloguer"))) as cataloguer:
        text = cataloguer.get("/console/search", params={"q": use.id}).text
        assert "Nothing has this title" in text
    with poster(service, cookies_of(service, new_person(service, "Bo", organisation="other"))) as other:
        assert "Nothing has this title" in other.get("/console/search", params={"q": "Blue"}).text


def test_the_log_lists_own_entries_alone_each_with_its_number(service: TestService) -> None:
    ada, bo = new_person(service), new_person(service, "Bo", organisation="other")
    LogFeed(service.server.database, service.server.folder).feed()
    with poster(service, cookies_of(service, ada)) as client:
        text = client.get("/console/log").text
    assert f"person:{ada.id}" in text
    assert bo.id not in text
    assert "person.added" in text


def two_for(service: TestService, *kinds: str) -> None:
    with service.server.database.writing() as connection:
        require_two(connection, "main", kinds, at=service.server.database.now(), actor="test")


def approved_by(service: TestService, person: ServicePerson, location: str) -> str:
    """Approve the proposal that an answer leads to, and return its id."""
    approval_id = location.partition("#a-")[2]
    database = service.server.database
    with database.writing() as connection:
        found = find_approval(connection, "main", approval_id, now=database.now())
        approve(connection, found, person, reason="", at=database.now())
    return approval_id


def test_a_licence_is_shown_in_words_and_changed_by_two_people(service: TestService, tmp_path: Path) -> None:
    rights = service.server.folder.organisation("main").rights()
    fill_queue(rights, tmp_path, 1)
    two_for(service, "licence")
    cy, bo = new_person(service, "Cy", "cataloguer"), new_person(service, "Bo")
    with poster(service, cookies_of(service, cy)) as client:
        assert "LIC-1" in client.get("/console/licensee", params={"of": LICENSEE}).text
        shown = client.get("/console/licence", params={"of": "LIC-1"}).text
        for words in ("from 2026-01-01 until 2026-12-31", "12.5 % of net revenue", "Worldwide", "everything"):
            assert words in shown, words
        text = html.unescape(shown.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0])
        wrong = client.post("/console/licence/check", data={"text": text.replace("EUR", "EURO"), "of": "LIC-1"})
        assert (wrong.status_code, "currency" in wrong.text) == (422, True)
        changed = text.replace('royalty_rate = "12.5 %"', 'royalty_rate = "15 %"')
        checked = client.post("/console/licence/check", data={"text": changed, "of": "LIC-1"}).text
        assert "12.5 % of net revenue" in checked
        assert "15 % of net revenue" in checked
        same = client.post("/console/licence/check", data={"text": text, "of": "LIC-1"}).text
        assert "nothing to change" in same
        proposed = client.post("/console/licence", data={"text": changed, "correct": ""})
        assert proposed.status_code == 303, proposed.text
        assert "12.5 % of net revenue" in client.get("/console/licence", params={"of": "LIC-1"}).text
        assert "Waits for a second person" in client.get("/console/licensees").text
        assert "royalty_rate = &#34;15 %&#34;" in client.get("/console/approvals").text
        approval_id = approved_by(service, bo, proposed.headers["location"])
        assert "Put in force" in client.get("/console/licensees").text
        done = client.post("/console/licence", data={"approval": approval_id})
        assert done.status_code == 303, done.text
        after = client.get(done.headers["location"]).text
        assert "15 % of net revenue" in after
        assert f"{cy.actor}, approved by {bo.actor}" in after
        assert client.post("/console/licence", data={"approval": approval_id}).status_code == 404  # used
    with poster(service, cookies_of(service, new_person(service, "Di", organisation="other"))) as other:
        assert other.get("/console/licence", params={"of": "LIC-1"}).status_code == 404
        assert other.get("/console/licensee", params={"of": LICENSEE}).status_code == 404
        assert other.get("/console/rights", params={"of": "R1"}).status_code == 404


def test_the_log_of_a_use_names_each_change_and_its_entry(service: TestService, tmp_path: Path) -> None:
    rights = service.server.folder.organisation("main").rights()
    (use, *_) = fill_queue(rights, tmp_path, 1)
    ada, bo = new_person(service), new_person(service, "Bo", "reviewer")
    with poster(service, cookies_of(service, bo)) as client:
        seen = client.get(f"/console/review/{use.id}").text.partition('name="seen" value="')[2].partition('"')[0]
        sent = {"seen": seen, "state": "disputed", "comment": "not ours"}
        assert client.post(f"/console/review/{use.id}", data=sent).status_code == 303
    with poster(service, cookies_of(service, ada)) as client:
        waiting = client.get("/console/log", params={"about": f"use:{use.id}"}).text
        assert "Not in the log yet" in waiting
        assert "disputed: not ours" in waiting
        LogFeed(service.server.database, service.server.folder).feed()
        text = client.get("/console/log", params={"about": f"use:{use.id}"}).text
        assert "Not in the log yet" not in text
        for words in ("use.decided", "disputed: not ours", "attributed", ">Bo</span>", "rights.changed"):
            assert words in text, words
        proof = re.findall(r'href="(/v1/log/entries/\d+/proof)"', text)
        assert len(proof) == 3  # the decision as the service notes it, and both changes in the chain
        assert client.get(proof[0]).json()["schema"] == "sourceprint/log-proof/1"
        assert "person.signed_in" not in client.get("/console/log", params={"about": f"key:{use.id}"}).text
        assert "use.decided" in client.get("/console/log", params={"about": bo.actor}).text
    with poster(service, cookies_of(service, new_person(service, "Di", organisation="other"))) as other:
        assert "use.decided" not in other.get("/console/log", params={"about": f"use:{use.id}"}).text


def test_a_grant_is_given_by_two_people_and_revoked(service: TestService) -> None:
    two_for(service, "grant")
    ada, bo = new_person(service), new_person(service, "Bo")
    with poster(service, cookies_of(service, ada)) as client:
        sent = {"holder": "other", "field": ["title"], "owner_sees": "matches", "budget": "9", "expires": "2027-01-31"}
        proposed = client.post("/console/grants", data=sent)
        assert proposed.status_code == 303, proposed.text
        approval_id = approved_by(service, bo, proposed.headers["location"])
        assert client.post("/console/grants", data={"approval": approval_id}).status_code == 303
        shown = client.get("/console/grants").text
        for words in ("until 2027-01-31", "0 of 9", "title"):
            assert words in shown, words
        grant_id = re.findall(r"/console/grants/([^/]+)/revocation", shown)[0]
        for field, value in (("holder", "nobody"), ("holder", "main"), ("field", "bpm"), ("budget", "0")):
            assert client.post("/console/grants", data=sent | {field: value}).status_code in (303, 404, 409, 422)
        with poster(service, cookies_of(service, new_person(service, "Di", organisation="other"))) as other:
            assert grant_id in other.get("/console/grants").text
            assert other.post(f"/console/grants/{grant_id}/revocation").status_code == 404
        assert client.post(f"/console/grants/{grant_id}/revocation").status_code == 303
        assert "was revoked" in client.get("/console/grants").text


def test_an_admin_renames_a_person_and_ends_sign_ins(service: TestService) -> None:
    ada, bo = new_person(service), new_person(service, "Bo", "reviewer")
    cookies = cookies_of(service, bo)
    with poster(service, cookies_of(service, ada)) as client, poster(service, cookies) as theirs:
        assert client.post(f"/console/people/{bo.id}/name", data={"name": f"Bo {HOSTILE}"}).status_code == 303
        assert theirs.get("/console").status_code == 200
        shown = client.get("/console/sign-ins").text
        assert "Bo &lt;img" in shown
        assert HOSTILE not in shown + client.get("/console/people").text
        assert client.post(f"/console/sign-ins/{bo.id}/end").status_code == 303
        assert theirs.get("/console", headers={"Accept": "application/json"}).status_code == 401
        assert client.post(f"/console/people/{bo.id}/name", data={"name": " "}).status_code == 422
