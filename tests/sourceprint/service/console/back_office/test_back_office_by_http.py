"""The pages of the back office without a browser: what they show and change, and nothing of another organisation."""

from __future__ import annotations

from pathlib import Path

from sourceprint.service.log_feed import LogFeed
from tests.console_browser import cookies_of, new_person, poster
from tests.review_records import fill_queue
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
