"""Tables of rights brought in through the console: large ones, wrong rows named, nothing half done."""

from __future__ import annotations

from urllib.parse import unquote_plus

import httpx

from sourceprint.royalties.overview.search import search
from tests.console_browser import cookies_of, new_person, poster
from tests.service_servers import TestService

HEAD = "index_id,recording_title,isrc,work_title,writers,party,role,right,share\n"


def table(n: int, *, share: str = "100 %") -> bytes:
    rows = (f"A-{i},Title number {i} of a long list,,,,Northlight Records,,Master,{share}\n" for i in range(n))
    return (HEAD + "".join(rows)).encode()


def enter(client: httpx.Client, content: bytes, **query: str) -> httpx.Response:
    headers = {"Content-Type": "application/octet-stream"}
    return client.post(
        "/console/rights/tables", params={"name": "rights.csv", **query}, content=content, headers=headers
    )


def test_a_table_beyond_the_size_of_a_form_is_imported_or_refused_as_a_whole(service: TestService) -> None:
    rights, large = service.server.folder.organisation("main").rights(), table(2_000)
    assert len(large) > 100_000
    with poster(service, cookies_of(service, new_person(service, "Cy", "cataloguer"))) as client:
        refused = enter(client, large + b"B-1,Title B,,,,Northlight Records,,Master,140 %\n")
        assert refused.status_code == 422, refused.text
        told = refused.json()["detail"].splitlines()
        assert told[0] == "nothing was imported:"
        assert told[1].startswith("line 2002, share: "), told
        with rights.reading() as connection:
            assert search(connection, "Title number 7 of") == {}
        done = enter(client, large)
        assert done.status_code == 200, done.text
        assert "recording: 2000" in unquote_plus(done.json()["next"])
        assert "recording: 2000" in client.get(done.json()["next"]).text
        with rights.reading() as connection:
            assert [one.title for one in search(connection, "Title number 7 of")["recordings"].items] == [
                "Title number 7 of a long list"
            ]
        assert "written under New licence" in enter(client, b"x", name="rights.toml").text
        assert "Rights from a table" in client.get("/console/licensees").text
    with poster(service, cookies_of(service, new_person(service, "Bo", "reviewer"))) as client:
        assert enter(client, large).status_code == 403
