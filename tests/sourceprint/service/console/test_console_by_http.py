"""The console without a browser: its headers, and requests that no page of ours sends."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from fastapi import Response

from sourceprint.service.people.invitations import find_invitation
from sourceprint.service.people.passkeys import remove_passkeys
from sourceprint.service.people.persons import FIRST_ROLES, remove_person
from sourceprint.service.people.sign_ins import csrf_token
from sourceprint.service.server import Server
from sourceprint.service.settings import settings_of
from sourceprint.service.web.sign_in_cookie import keep_sign_in
from tests.console_browser import cookies_of, link_for, new_person, poster
from tests.service_servers import TestService
from tests.sourceprint.service.test_scans_by_http import events


def test_every_page_loads_our_own_files_alone_and_stands_in_no_frame(sqlite_service: TestService) -> None:
    with poster(sqlite_service, cookies_of(sqlite_service, new_person(sqlite_service))) as client:
        pages = [client.get(path) for path in ("/console", "/console/people", "/console/passkeys", "/console/join")]
        client.cookies.clear()
        pages.append(client.get("/console/sign-in"))
    reviewer = new_person(sqlite_service, "Bo", "reviewer")
    with poster(sqlite_service, cookies_of(sqlite_service, reviewer), Accept="text/html") as client:
        pages.append(client.get("/console/people"))
    assert [one.status_code for one in pages] == [200, 200, 200, 200, 200, 403]
    for one in pages:
        policy = one.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert (one.headers["x-frame-options"], one.headers["cache-control"]) == ("DENY", "no-store")
        assert one.headers["x-content-type-options"] == "nosniff"
        assert all(
            word not in one.text for word in ("<style", "style=", " onclick", "javascript:", "http://", "https://")
        )


def test_a_change_needs_our_own_origin_and_the_token_of_the_sign_in(sqlite_service: TestService) -> None:
    ada = new_person(sqlite_service)
    cookies = cookies_of(sqlite_service, ada)
    token, other = csrf_token(cookies["sourceprint"]), csrf_token("another")
    sent = {"name": "Bo", "role": "reviewer"}
    origin = sqlite_service.server.origin.text
    with poster(sqlite_service, cookies) as client:
        del client.headers["X-CSRF-Token"]
        for headers, form, status in (
            ({"Origin": "https://evil.example"}, sent | {"csrf": token}, 403),
            ({"Origin": "null"}, sent | {"csrf": token}, 403),
            ({"Origin": origin, "Sec-Fetch-Site": "same-site"}, sent | {"csrf": token}, 403),
            ({"Origin": origin}, sent, 403),
            ({"Origin": origin}, sent | {"csrf": other}, 403),
            ({"Origin": origin}, sent | {"csrf": token}, 200),
        ):
            answer = client.post("/console/people", data=form, headers=headers)
            assert answer.status_code == status, (headers, form, answer.text)
        bare = client.post("/console/people", data=sent | {"csrf": token}, headers={"Origin": ""})
        assert bare.status_code == 403
        assert client.get("/console/people").text.count(">Bo<") == 1


def test_a_sign_in_ends_unused_after_its_time_and_with_its_passkey_and_person(service: TestService) -> None:
    new_person(service, "Keeps the role")
    ada, database = new_person(service), service.server.database

    def status(cookies: dict[str, str]) -> int:
        with poster(service, cookies) as client:
            return client.get("/console").status_code

    unused = cookies_of(service, ada)
    service.clock.pass_seconds(29 * 60)
    assert status(unused) == 200
    service.clock.pass_seconds(29 * 60)
    assert status(unused) == 200  # its use counts anew
    service.clock.pass_seconds(31 * 60)
    assert status(unused) == 401
    used = cookies_of(service, ada)
    for _ in range(24):
        service.clock.pass_seconds(29 * 60)
        assert status(used) == 200
    service.clock.pass_seconds(29 * 60)
    assert status(used) == 401
    with_passkey, with_person = cookies_of(service, ada), cookies_of(service, new_person(service, "Bo", "reviewer"))
    with database.writing() as connection:
        remove_passkeys(connection, ada, at=database.now(), actor="test")
    assert [status(with_passkey), status(with_person)] == [401, 200]
    with poster(service, with_person) as client:
        person_id = client.get("/console").text.partition("person:")[2][:12]
    with database.writing() as connection:
        remove_person(connection, "main", person_id, at=database.now(), actor="test")
    assert status(with_person) == 401


def test_a_signed_out_and_a_made_up_cookie_open_nothing_and_each_sign_in_has_a_new_one(
    sqlite_service: TestService,
) -> None:
    ada = new_person(sqlite_service)
    first, second = cookies_of(sqlite_service, ada), cookies_of(sqlite_service, ada)
    assert first != second
    with poster(sqlite_service, first) as client:
        left = client.post("/console/sign-out", data={"csrf": csrf_token(first["sourceprint"])})
        assert (left.status_code, left.headers["location"]) == (303, "/console/sign-in")
        assert 'sourceprint=""' in left.headers["set-cookie"]
    for cookie, status in ((first, 401), (second, 200), ({"sourceprint": "chosen-by-another"}, 401)):
        with poster(sqlite_service, cookie) as client:
            assert client.get("/console").status_code == status


def test_tries_from_one_address_are_few_a_minute_and_refusals_are_in_the_log(sqlite_service: TestService) -> None:
    new_person(sqlite_service)
    with poster(sqlite_service) as client:
        answers = [client.post("/console/join/look", json={"token": f"guess {n}"}).status_code for n in range(25)]
        assert answers == [403] * 20 + [429] * 5
        assert client.post("/console/sign-in/options").headers["retry-after"].isdigit()
    assert [entry["event"] for entry in events(sqlite_service)].count("sign_in.refused") == 20


@pytest.mark.parametrize(
    "body",
    [{}, {"credential": []}, {"credential": {}}, {"credential": {"id": 1, "response": {"clientDataJSON": 5}}},
     {"credential": {"id": "é", "response": {"clientDataJSON": "bnVsbA"}}},
     {"credential": {"id": "AA", "response": {"clientDataJSON": "eyJjaGFsbGVuZ2UiOiAiQUEifQ"}}}],
)  # fmt: skip
def test_an_answer_that_is_none_is_refused(sqlite_service: TestService, body: dict[str, object]) -> None:
    with poster(sqlite_service) as client:
        answer = client.post("/console/sign-in", json=body)
    assert answer.status_code in (403, 422)
    assert answer.json()["status"] == answer.status_code


def test_the_address_of_the_server_and_one_with_a_stroke_lead_to_the_console(sqlite_service: TestService) -> None:
    for path in ("/", "/console/"):
        led = httpx.get(sqlite_service.url + path)
        assert (led.status_code, led.headers["location"]) == (303, "/console")


def test_the_log_of_requests_names_the_person_by_id(
    sqlite_service: TestService, caplog: pytest.LogCaptureFixture
) -> None:
    ada = new_person(sqlite_service)
    with (
        caplog.at_level("INFO", "sourceprint.service"),
        poster(sqlite_service, cookies_of(sqlite_service, ada)) as client,
    ):
        assert client.get("/console/people").status_code == 200
    (record,) = [one for one in caplog.records if one.message == "request"]
    assert record.facts["actor"] == ada.actor  # type: ignore[attr-defined]


def test_a_link_leads_to_our_own_pages_alone(sqlite_service: TestService) -> None:
    with poster(sqlite_service, cookies_of(sqlite_service, new_person(sqlite_service))) as client:
        for wanted, got in (
            ("/console/people", "/console/people"),
            ("https://evil.example", "/console"),
            ("//evil.example/console", "/console"),
            ("/console//evil.example", "/console"),
            ("/console\\evil", "/console"),
            ("/console/people\n", "/console"),
            ("javascript:alert(1)", "/console"),
        ):
            answer = client.get("/console/sign-in", params={"next": wanted})
            assert (answer.status_code, answer.headers["location"]) == (303, got)
        client.cookies.clear()
        page = client.get("/console/sign-in", params={"next": "https://evil.example"})
        assert 'data-next="/console"' in page.text
        led = client.get("/console/people", headers={"Accept": "text/html"})
        assert (led.status_code, led.headers["location"]) == (303, "/console/sign-in?next=/console/people")


def test_the_secret_of_a_link_is_nowhere_kept_and_it_expires(service: TestService) -> None:
    token = link_for(service, new_person(service)).partition("#")[2]
    with poster(service) as client:
        found = client.post("/console/join/look", json={"token": token})
        assert found.json() == {"person": "Ada", "organisation": "main"}
        service.clock.pass_seconds(24 * 3600)
        assert client.post("/console/join/look", json={"token": token}).status_code == 403
    assert token not in str(events(service))
    with service.server.database.reading() as connection:
        assert token not in str(connection.exec_driver_sql("SELECT * FROM invitation").all())


def test_a_new_service_has_a_key_and_a_link_for_its_first_admin(tmp_path: Path) -> None:
    server = Server.open(settings_of({}, data=tmp_path / "data"))
    first = server.first_key()
    assert first is not None
    assert server.first_key() is None
    server.listens_at(8123)
    assert server.link(first[1]) == f"http://localhost:8123/console/join#{first[1]}"
    with server.database.reading() as connection:
        guest = find_invitation(connection, first[1], now=server.database.now()).person
    assert (guest.organisation_id, guest.roles) == ("main", FIRST_ROLES)
    server.database.close()
    behind = Server.open(settings_of({"SOURCEPRINT_ORIGIN": "https://console.tone.example"}, data=tmp_path / "data"))
    behind.listens_at(8123)
    answer = Response()
    keep_sign_in(answer, behind, "secret")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-sourceprint=secret;")
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= {one.strip() for one in cookie.split(";")}
    assert "domain" not in cookie
    behind.database.close()
