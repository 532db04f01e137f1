"""Pages of recordings without a browser: found, changed and taken back, removed, with their owners; other people."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.rows import row_of
from sourceprint.royalties.rights.schema import recording
from tests.console_browser import cookies_of, new_person, poster
from tests.royalty_records import a_recording, some_rights, store_rights
from tests.service_servers import TestService
from tests.sourceprint.service.test_scans_by_http import events

HOSTILE = '<img src=x onerror="document.title=1">'
PAGE = "/console/recording"


def stored(service: TestService, recording_id: str = "A") -> tuple[str, tuple[str, ...], str, tuple[str, ...], object]:
    opened = service.server.catalogue("main")
    assert opened is not None
    found = opened.recording(recording_id)
    return found.title, found.artists, found.isrc, found.tags, found.excluded


def test_recordings_are_searched_by_title_artist_isrc_tag_and_id(sqlite_catalogued: TestService) -> None:
    person = new_person(sqlite_catalogued, "Bo", "cataloguer")
    with poster(sqlite_catalogued, cookies_of(sqlite_catalogued, person)) as client:
        words = {"part": "words", "title": "Blue <b>", "artists": "Ann\nBen & Co", "isrc": "gb-um7-10-29604"}
        assert client.post(PAGE, params={"id": "A"}, data=words).status_code == 200
        assert client.post(PAGE, params={"id": "A"}, data={"part": "tags", "tags": "sync"}).status_code == 200
        assert "2 in the catalogue" in client.get("/console/recordings").text
        for query in ({"q": "blue"}, {"q": "ben &"}, {"q": "GB-UM7-10-29604"}, {"q": "um71029"}, {"tag": "sync"}):
            text = client.get("/console/recordings", params=query).text
            assert ("Blue &lt;b&gt;" in text, "Title B" in text) == (True, False), query
        assert "No recording fits" in client.get("/console/recordings", params={"q": "none"}).text


def test_every_change_is_taken_back_by_its_undo_and_names_the_person(catalogued: TestService) -> None:
    person = new_person(catalogued, "Bo", "cataloguer")
    first = stored(catalogued)
    with poster(catalogued, cookies_of(catalogued, person), Accept="text/html") as client:

        def change(**sent: str) -> str:
            answer = client.post(PAGE, params={"id": "A"}, data=sent)
            assert answer.status_code == 200, answer.text
            assert HOSTILE not in answer.text
            return answer.text

        text = change(part="words", title=HOSTILE, artists=f"{HOSTILE}\n Ben ", isrc="GBUM71029604")
        assert stored(catalogued) == (HOSTILE, (HOSTILE, "Ben"), "GBUM71029604", (), ())
        assert '<textarea name="title" hidden aria-hidden="true">\nTitle A</textarea>' in text
        change(part="words", title="Title A", artists="", isrc="")
        change(part="tags", tags="sync\nlabel-7")
        change(part="tags", tags="label-7\nnew")
        assert stored(catalogued)[3] == ("label-7", "new")
        assert "0:01-0:02.5" in change(part="excluded", excluded="0:01-0:02.5\n3-4")
        assert stored(catalogued)[4] == ((1000, 2500), (3000, 4000))
        change(part="tags", tags="")
        change(part="excluded", excluded="")
        assert stored(catalogued) == first
        for sent, words in (
            ({"part": "words", "isrc": "GB1"}, "isrc: "),
            ({"part": "tags", "tags": "a,b"}, "must be a tag"),
            ({"part": "excluded", "excluded": "4-3"}, "4-3"),
            ({"part": "excluded", "excluded": "30-40"}, "30"),
            ({"part": "all"}, "must be one of"),
        ):
            answer = client.post(PAGE, params={"id": "A"}, data=sent)
            assert (answer.status_code, words in answer.text) == (422, True), (sent, answer.text)
        assert (
            ">\n4-3</textarea>"
            in client.post(PAGE, params={"id": "A"}, data={"part": "excluded", "excluded": "4-3"}).text
        )
        assert stored(catalogued) == first
        gone = client.post(f"{PAGE}/removal", params={"id": "A"})
        assert "is removed" in client.get(gone.headers["location"]).text
        assert client.get(PAGE, params={"id": "A"}).status_code == 404
    noted = [one for one in events(catalogued) if one["event"].startswith("recording.")]
    assert {(one["actor"], one["subject"]) for one in noted} == {(person.actor, "recording:A")}
    assert [one["event"] for one in noted].count("recording.changed") == 7
    assert noted[-1]["event"] == "recording.removed"


def test_owners_are_those_that_the_rights_have_today(catalogued: TestService) -> None:
    person = new_person(catalogued, "Bo", "accountant")
    with poster(catalogued, cookies_of(catalogued, person)) as client:
        assert "have no recording with this id" in client.get(PAGE, params={"id": "A"}).text
        rights = catalogued.server.folder.organisation("main").rights()
        store_rights(rights, some_rights({"R1": ("W1",)}, owner_of={"R1": "P-BLUE"}))
        with rights.changing(source="test", by="tester") as change:
            apply_records(change, recording, [row_of(a_recording("R1", index_id="A"))])
        text = client.get(PAGE, params={"id": "A"}).text
        assert all(words in text for words in ("Owners today", ">Blue<", "100 %", "W1")), text
        assert 'name="part"' not in text


def test_recordings_of_another_organisation_are_not_there_and_a_change_needs_our_own_page(
    sqlite_catalogued: TestService, music: Path
) -> None:
    with sqlite_catalogued.client() as key:
        sent = key.post("/v1/catalogue/additions", params={"id": "N"}, content=(music / "C.wav").read_bytes())
    addition = f"/console/additions/{sent.json()['id']}"
    before = stored(sqlite_catalogued)
    other = new_person(sqlite_catalogued, "Cy", "cataloguer", organisation="other")
    with poster(sqlite_catalogued, cookies_of(sqlite_catalogued, other)) as client:
        assert "0 in the catalogue" in client.get("/console/recordings").text
        assert client.get(PAGE, params={"id": "A"}).status_code == 404
        assert client.get("/console/recordings/new", params={"replace": "A"}).status_code == 404
        assert client.post(PAGE, params={"id": "A"}, data={"part": "tags", "tags": "x"}).status_code == 404
        assert client.post(f"{PAGE}/removal", params={"id": "A"}).status_code == 404
        assert client.get(addition).status_code == 404
        assert "0 queued" in client.get("/console/additions").text
    person = new_person(sqlite_catalogued, "Bo", "cataloguer")
    with poster(sqlite_catalogued, cookies_of(sqlite_catalogued, person)) as client:
        assert "queued: next of your organisation" in client.get(addition).text
        sqlite_catalogued.work()
        assert "done: added" in client.get(addition).text
        assert client.get("/console/recordings/new", params={"replace": "N"}).status_code == 200
        for name, value in (("Origin", "https://evil.example"), ("X-CSRF-Token", "0")):
            for path in (PAGE, f"{PAGE}/removal"):
                answer = client.post(path, params={"id": "A"}, data={"part": "tags"}, headers={name: value})
                assert answer.status_code == 403
    assert stored(sqlite_catalogued) == before


def test_a_link_to_a_recording_leads_back_to_it_after_the_sign_in_and_a_wrong_one_is_refused_on_a_page(
    sqlite_catalogued: TestService,
) -> None:
    with poster(sqlite_catalogued, Accept="text/html") as stranger:
        led = stranger.get(PAGE, params={"id": "A/1 &b"})
        assert led.headers["location"] == "/console/sign-in?next=/console/recording%3Fid%3DA%252F1%2B%2526b"
        assert 'data-next="/console/recording?id=A%2F1+%26b"' in stranger.get(led.headers["location"]).text
        for wrong in ("/console/recording?id=//evil.example", "/console?\\evil.example", "//evil.example?id=A"):
            assert 'data-next="/console"' in stranger.get("/console/sign-in", params={"next": wrong}).text
    cookies = cookies_of(sqlite_catalogued, new_person(sqlite_catalogued))
    with poster(sqlite_catalogued, cookies, Accept="text/html") as client:
        answer = client.get(PAGE)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
        assert "query.id: Field required" in answer.text


@pytest.mark.parametrize("role", ["admin", "reviewer", "accountant", "auditor"])
def test_who_reads_sees_a_recording_without_forms(sqlite_catalogued: TestService, role: str) -> None:
    with poster(sqlite_catalogued, cookies_of(sqlite_catalogued, new_person(sqlite_catalogued, "Di", role))) as client:
        text = client.get(PAGE, params={"id": "A"}).text
        assert ("Title A" in text, "Change it" in text, "Remove" in text) == (True, False, False)


def test_the_second_of_two_cataloguers_is_told_and_keeps_the_own_words(sqlite_catalogued: TestService) -> None:
    ada, bo = (new_person(sqlite_catalogued, name, "cataloguer") for name in ("Ada", "Bo"))

    def seen_by(client: httpx.Client) -> str:
        found = re.search(r'name="seen" value="([0-9a-f]{64})"', client.get("/console/recording?id=A").text)
        assert found
        return found[1]

    words = {"part": "words", "artists": "", "isrc": ""}
    with (
        poster(sqlite_catalogued, cookies_of(sqlite_catalogued, ada)) as first,
        poster(sqlite_catalogued, cookies_of(sqlite_catalogued, bo)) as second,
    ):
        seen = seen_by(first)
        assert seen_by(second) == seen
        sent = first.post("/console/recording?id=A", data=words | {"title": "By Ada", "seen": seen})
        assert sent.status_code == 200, sent.text
        late = second.post("/console/recording?id=A", data=words | {"title": "By Bo", "seen": seen})
        assert late.status_code == 409
        assert "somebody else changed it meanwhile" in late.text
        assert 'value="By Bo"' in late.text
        assert ">By Ada<" in late.text
        tags = {"part": "tags", "tags": "late", "seen": seen}
        assert second.post("/console/recording?id=A", data=tags).status_code == 409
        again = second.post("/console/recording?id=A", data=words | {"title": "By Bo", "seen": seen_by(second)})
        assert again.status_code == 200
