"""Pages of scans and checks without a browser: lists, one of them in each state, erasure, other people."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from sourceprint.signatures import create_key
from tests.console_browser import cookies_of, new_person, poster
from tests.service_servers import TestService
from tests.sourceprint.service.test_scans_by_http import events, scan

HOSTILE = '<img src=x onerror="document.title=1">'


def live(text: str) -> str:
    """Return whether a page asks for news: "on" or "off"."""
    found = re.search(r'data-live="(\w+)"', text)
    assert found, text
    return found[1]


def test_scans_are_listed_from_the_newest_with_counts_and_pages(service: TestService, music: Path) -> None:
    ids = [scan(service, music / "own.wav", name=f"{n}.wav", reference="odd" * (n % 2)).json()["id"] for n in range(53)]
    person = new_person(service, "Bo", "auditor")
    with poster(service, cookies_of(service, person)) as client:
        first = client.get("/console/scans").text
        shown = re.findall(r'href="/console/scans/([0-9a-f-]{36})"', first)
        assert shown == ids[::-1][:50]
        assert "53 queued</a>" in first
        assert live(first) == "on"
        (more,) = re.findall(r'href="([^"]+)" rel="next"', first)
        second = client.get(more.replace("&amp;", "&")).text
        assert re.findall(r'href="/console/scans/([0-9a-f-]{36})"', second) == ids[::-1][50:]
        assert (live(second), 'rel="next"' in second) == ("off", False)
        odd = client.get("/console/scans", params={"reference": "odd"}).text
        assert odd.count('data-is="reference">odd<') == 26
        assert "None here" in client.get("/console/scans", params={"state": "done"}).text
        for wrong in ({"kind": "addition"}, {"state": "lost"}):
            assert client.get("/console/scans", params=wrong).status_code == 422


def test_one_scan_shows_its_place_then_its_matches_and_is_erased_by_a_person(
    catalogued: TestService, music: Path
) -> None:
    waits = scan(catalogued, music / "own.wav").json()["id"]
    scan_id = scan(catalogued, music / "reuse.wav", name=HOSTILE, reference=HOSTILE).json()["id"]
    failed = scan(catalogued, music / "reuse.wav", only="id:none").json()["id"]
    person = new_person(catalogued, "Bo", "reviewer")
    with poster(catalogued, cookies_of(catalogued, person), Accept="text/html") as client:
        path = f"/console/scans/{scan_id}"
        text = client.get(path).text
        assert "queued: 1 of your organisation before it" in text
        assert (live(text), HOSTILE in text) == ("on", False)
        catalogued.work()
        text = client.get(path).text
        for words in (
            "done: 1 recording",
            "Title A",
            "0:12.0 of the track",
            "100.0 %",
            "0:05.0 \u2013 0:17.0",
            "Erase for",
        ):
            assert words in text, words
        assert (live(text), HOSTILE in text, text.count("&lt;img")) == ("off", False, 3)
        listed = client.get("/console/scans").text
        assert (HOSTILE in listed, "no match" in listed, "1 recording" in listed) == (False, True, True)
        assert "failed" in client.get(f"/console/scans/{failed}").text
        assert client.post(f"{path}/erasure").headers["location"] == path
        text = client.get(path).text
        assert ("done: erased" in text, "Title A" in text, "Erase for good" in text) == (True, False, False)
        assert client.get(f"/console/scans/{waits}").status_code == 200
        assert client.get("/console/scans/none").status_code == 404
    (noted,) = [one for one in events(catalogued) if one["event"] == "scan.erased"]
    assert (noted["actor"], noted["subject"]) == (person.actor, f"scan:{scan_id}")


def test_scans_of_another_organisation_are_not_there_and_a_change_needs_our_own_page(
    sqlite_service: TestService, music: Path
) -> None:
    scan_id = scan(sqlite_service, music / "own.wav", name="secret.wav").json()["id"]
    other = new_person(sqlite_service, "Cy", "reviewer", organisation="other")
    with poster(sqlite_service, cookies_of(sqlite_service, other)) as client:
        assert "secret.wav" not in client.get("/console/scans").text
        assert "0 queued" in client.get("/console/scans").text
        assert client.get(f"/console/scans/{scan_id}").status_code == 404
        assert client.post(f"/console/scans/{scan_id}/erasure").status_code == 404
    person = new_person(sqlite_service, "Bo", "reviewer")
    with poster(sqlite_service, cookies_of(sqlite_service, person)) as client:
        for name, value in (("Origin", "https://evil.example"), ("X-CSRF-Token", "0")):
            answer = client.post(f"/console/scans/{scan_id}/erasure", headers={name: value})
            assert answer.status_code == 403
    with poster(sqlite_service, cookies_of(sqlite_service, new_person(sqlite_service, "Di", "auditor"))) as client:
        assert "Erase" not in client.get(f"/console/scans/{scan_id}").text


def test_evidence_stands_in_the_console_under_a_policy_without_inline_style_or_script(
    catalogued: TestService, music: Path
) -> None:
    keys = catalogued.server.folder.organisation("main").keys
    keys.mkdir(parents=True)
    create_key(keys, "label")
    with_both = scan(catalogued, music / "reuse.wav", name=HOSTILE, evidence="page,case").json()["id"]
    plain, clean = (scan(catalogued, music / f"{name}.wav", **asked).json()["id"] for name, asked in (
        ("reuse", {}), ("own", {"evidence": "page"}),
    ))  # fmt: skip
    catalogued.work()
    with catalogued.client() as key:
        whole = key.get(f"/v1/scans/{with_both}/evidence/page").text
    for role in ("reviewer", "admin", "auditor"):
        person = new_person(catalogued, "Bo", role)
        with poster(catalogued, cookies_of(catalogued, person), Accept="text/html") as client:
            answer = client.get(f"/console/scans/{with_both}/evidence")
            policy, text = answer.headers["content-security-policy"], answer.text
            (sheet,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
            assert f"style-src 'self' 'sha256-{digest}'; img-src 'self' data:" in policy
            assert ("unsafe" in policy, "script-src 'self';" in policy, ' style="' in text) == (False, True, False)
            assert (HOSTILE in text, text.count("<script"), "Passage 1" in text) == (False, 1, True)
            assert text.count(' data-at="') == whole.count(' style="') > 5
            for kind, is_whole in (("page", whole.encode()), ("case", None)):
                assert f'/v1/scans/{with_both}/evidence/{kind}" download' in text
                sent = client.get(f"/v1/scans/{with_both}/evidence/{kind}")
                assert sent.status_code == 200
                assert is_whole in (None, sent.content)
            assert "submit the track again" in client.get(f"/console/scans/{plain}").text
            assert "nothing was found" in client.get(f"/console/scans/{clean}").text
            for scan_id, words in ((plain, "none was asked for"), (clean, "nothing was found")):
                answer = client.get(f"/console/scans/{scan_id}/evidence")
                assert (answer.status_code, words in answer.text) == (409, True)
    other = new_person(catalogued, "Cy", "admin", organisation="other")
    with poster(catalogued, cookies_of(catalogued, other)) as client:
        assert client.get(f"/console/scans/{with_both}/evidence").status_code == 404


def test_a_page_that_asks_for_news_by_itself_keeps_no_sign_in_open(sqlite_service: TestService) -> None:
    cookies = cookies_of(sqlite_service, new_person(sqlite_service))
    with poster(sqlite_service, cookies) as client:
        for unattended, status in (({}, 200), ({"X-Unattended": "1"}, 401)):
            sqlite_service.clock.pass_seconds(20 * 60)
            assert client.get("/console/scans", headers=unattended).status_code == 200
            sqlite_service.clock.pass_seconds(20 * 60)
            assert client.get("/console/scans", headers=unattended).status_code == status


@pytest.mark.slow
def test_a_licensee_sees_its_own_checks_with_the_fields_of_the_grant_alone(
    catalogued: TestService, music: Path
) -> None:
    body, json_body = (music / "reuse.wav").read_bytes(), {"Content-Type": "application/json"}
    with catalogued.client() as owner:
        grants = [
            owner.post("/v1/grants", json={"holder": "other", "fields": fields}, headers=json_body).json()["id"]
            for fields in ([], ["title"])
        ]
    maker, colleague = (new_person(catalogued, name, "licensee", organisation="other") for name in ("Ada", "Bo"))
    owners = new_person(catalogued, "Cy", "admin")
    with (
        poster(catalogued, cookies_of(catalogued, maker)) as own,
        poster(catalogued, cookies_of(catalogued, colleague)) as other,
        poster(catalogued, cookies_of(catalogued, owners)) as owner_page,
    ):
        for grant, is_titled in zip(grants, (False, True), strict=True):
            sent = own.post("/v1/checks", params={"grant": grant, "wait": 0, "name": "t.wav"}, content=body)
            check_id = sent.json()["id"]
            catalogued.work()
            text = own.get(f"/console/scans/{check_id}").text
            assert ("Title A" in text, "done: block, 1 recording" in text) == (is_titled, True)
            assert "r-" in text
            assert check_id in own.get("/console/scans").text
            for stranger in (other, owner_page):
                assert stranger.get(f"/console/scans/{check_id}").status_code == 404
                assert check_id not in stranger.get("/console/scans?kind=check").text
        assert own.get("/console/scans", params={"kind": "scan"}).status_code == 422
        assert own.post(f"/console/scans/{check_id}/erasure").status_code == 303
        assert "done: erased" in own.get(f"/console/scans/{check_id}").text
