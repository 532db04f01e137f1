"""Passkeys in a real browser with an authenticator of its own: made, used, refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from fingerprint.errors import SignInError
from sourceprint.service.people.origins import Origin
from sourceprint.service.people.passkeys import list_passkeys, verify_sign_in
from tests.console_browser import launched, link_for, new_person, pages_of, poster, session_of
from tests.service_servers import TestService
from tests.sourceprint.service.test_scans_by_http import events

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as made:
        yield made


def test_a_person_joins_by_a_link_adds_a_second_key_and_signs_in_without_a_name(
    service: TestService, browser: Browser
) -> None:
    ada = new_person(service)
    link = link_for(service, ada)
    with pages_of(browser, service) as device:
        assert "Ada" in device.join(link).locator("h1").inner_text()
        first = session_of(device)
        assert len(device.credentials()) == 1
        page = device.go("/console/passkeys")
        page.get_by_label("Name of the device").fill("Second")
        page.get_by_role("button", name="Add a passkey").click()
        told = page.locator("[data-told].bad")
        told.wait_for()  # one device makes one
        assert told.inner_text() == "This device has a passkey of yours already."
        device.change()
        page.get_by_role("button", name="Add a passkey").click()
        page.get_by_role("button", name="Remove the passkey Second").wait_for()
        device.sign_out()
        assert device.sign_in().locator("h1").inner_text() == "Ada"
        second = session_of(device)
        assert first.keys() == second.keys() == {"sourceprint"}
        assert first != second
        (cookie,) = device.context.cookies()
        assert (cookie.get("httpOnly"), cookie.get("sameSite"), cookie.get("secure")) == (True, "Lax", False)
        with service.server.database.reading() as connection:
            assert {one.name for one in list_passkeys(connection, ada.id)} == {"This device", "Second"}
        device.page.goto("about:blank")
        device.page.goto(link)
        told = device.page.locator("[data-told].bad")
        told.wait_for()
        assert "was used" in told.inner_text()
    names = [entry["event"] for entry in events(service) if entry["subject"] == ada.actor]
    assert names == ["person.added", "person.invited", "passkey.added", "passkey.added", "person.signed_out",
                     "person.signed_in"]  # fmt: skip


def test_a_device_that_does_not_verify_its_person_signs_nobody_in(
    sqlite_service: TestService, browser: Browser
) -> None:
    with pages_of(browser, sqlite_service) as device:
        device.join(link_for(sqlite_service, new_person(sqlite_service)))
        device.sign_out()
        device.verify(False)
        assert device.refused() == "Your device did not verify you, or the time was up. Try again."
        careless = device.page.evaluate(
            """async () => {
              const options = await post("/console/sign-in/options", {});
              options.userVerification = "discouraged";
              const credential = await sign(options);
              try {
                await post("/console/sign-in", { credential });
                return "in";
              } catch (error) {
                return error.message;
              }
            }"""
        )
        assert "user was not verified" in careless
        assert session_of(device) == {}


def test_a_copied_key_whose_counter_went_back_is_refused_and_the_log_names_its_person(
    sqlite_service: TestService, browser: Browser
) -> None:
    ada = new_person(sqlite_service)
    with pages_of(browser, sqlite_service) as device:
        device.join(link_for(sqlite_service, ada))
        device.sign_out()
        (copy,) = device.credentials()
        device.sign_in()
        device.sign_out()
        device.change()
        device.keep(copy)
        assert "may have been copied" in device.refused()
    refused = [entry["data"] for entry in events(sqlite_service) if entry["event"] == "sign_in.refused"]
    assert [one["claimed_person"] for one in refused] == [ada.id]


def test_another_origin_and_a_replayed_challenge_are_refused(sqlite_service: TestService, browser: Browser) -> None:
    bodies: list[str] = []
    with pages_of(browser, sqlite_service) as device:
        device.join(link_for(sqlite_service, new_person(sqlite_service)))
        device.sign_out()
        device.page.on(
            "request", lambda one: bodies.append(one.post_data or "") if one.url.endswith("/console/sign-in") else None
        )
        device.sign_in()
        device.sign_out()
        (body,) = filter(None, bodies)
        again = poster(sqlite_service).post("/console/sign-in", json=json.loads(body))
        assert again.status_code == 403
        assert "was answered before" in again.json()["detail"]
        elsewhere = Origin.parse("http://localhost:1")
        with sqlite_service.server.database.writing() as connection, pytest.raises(SignInError, match="origin"):
            verify_sign_in(connection, json.loads(body)["credential"], elsewhere, at="")
        device.page.goto(f"{sqlite_service.url}/console/sign-in")  # by its number
        assert "other address" in device.page.locator("h1").inner_text().lower()
        device.complaints.clear()  # that was another origin, on purpose


def test_a_challenge_of_one_purpose_is_none_of_another_and_an_old_one_is_refused(
    sqlite_service: TestService, browser: Browser
) -> None:
    with pages_of(browser, sqlite_service) as device:
        device.join(link_for(sqlite_service, new_person(sqlite_service)))
        other = device.page.evaluate(
            """async () => {
              const options = await post("/console/passkeys/options", {});
              const { challenge } = options;
              const credential = await sign({ challenge, rpId: "localhost", userVerification: "required" });
              try {
                await post("/console/sign-in", { credential });
                return "in";
              } catch (error) {
                return error.message;
              }
            }"""
        )
        assert "was for something else" in other
        device.page.evaluate("async () => { window.kept = await sign(await post('/console/sign-in/options', {})); }")
        sqlite_service.clock.pass_seconds(301)
        old = device.page.evaluate(
            "async () => { try { await post('/console/sign-in', { credential: window.kept }); return 'in'; }"
            " catch (error) { return error.message; } }"
        )
        assert "has expired" in old


def test_a_removed_key_is_refused_and_ends_the_sign_in_that_began_with_it(
    sqlite_service: TestService, browser: Browser
) -> None:
    with pages_of(browser, sqlite_service) as device:
        page = device.join(link_for(sqlite_service, new_person(sqlite_service)))
        (first,) = device.credentials()
        device.go("/console/passkeys")
        page.get_by_label("Name of the device").fill("Second")
        device.change()
        page.get_by_role("button", name="Add a passkey").click()
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Remove the passkey This device").click()
        page.wait_for_url("**/console/sign-in?next=/console/passkeys")
        device.change()
        device.keep(first)
        assert "not accepted here" in device.refused()


def test_a_second_admin_lets_a_person_in_again_whose_lost_keys_open_nothing(
    sqlite_service: TestService, browser: Browser
) -> None:
    ada, bo = new_person(sqlite_service), new_person(sqlite_service, "Bo", "reviewer")
    with pages_of(browser, sqlite_service) as lost, pages_of(browser, sqlite_service) as admins:
        lost.join(link_for(sqlite_service, bo))
        page = admins.join(link_for(sqlite_service, ada))
        admins.go("/console/people")
        page.get_by_role("button", name="New link for Bo").click()
        link = page.locator("#link").inner_text()
        assert lost.go("/console").locator("h1").inner_text() == "Bo"  # until the link is used
        with pages_of(browser, sqlite_service) as found:
            found.join(link)
        lost.go("/console")
        assert lost.page.url.endswith("/console/sign-in?next=/console")
        assert "not accepted here" in lost.refused()
        assert page.get_by_role("button", name="New link for Ada").count() == 0
        with poster(sqlite_service, session_of(admins)) as client:
            csrf = page.locator("meta[name=csrf]").get_attribute("content") or ""
            own = client.post(f"/console/people/{ada.id}/link", headers={"X-CSRF-Token": csrf})
        assert own.status_code == 403
        assert "another admin makes it" in own.json()["detail"]
