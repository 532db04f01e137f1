"""The pages of the console in a real browser: WCAG, both colour schemes, a phone, the keyboard alone, hostile names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from sourceprint.service.people.approvals import propose
from tests.console_browser import launched, link_for, new_person, pages_of
from tests.service_servers import TestService

pytestmark = pytest.mark.slow

AXE_OPTIONS = {"preload": False, "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
PAGES = ("/console", "/console/people", "/console/passkeys", "/console/approvals")
HOSTILE = '<img src=x onerror="document.title=1"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as made:
        yield made


def test_every_page_follows_wcag_in_both_schemes_and_fits_a_phone(
    sqlite_service: TestService, browser: Browser
) -> None:
    ada, database = new_person(sqlite_service, "Ada", "admin"), sqlite_service.server.database
    new_person(sqlite_service, HOSTILE, "reviewer")
    with database.writing() as connection:
        summary = {"holder": HOSTILE, "fields": "title isrc"}
        propose(connection, "main", "grant", "0" * 64, summary, now=database.clock(), actor=ada.actor)
    link = link_for(sqlite_service, ada)
    with pages_of(browser, sqlite_service) as device:
        found: dict[str, list[str]] = {}

        def look(path: str) -> None:
            for scheme in ("light", "dark"):
                for width in (1280, 390):
                    device.page.set_viewport_size({"width": width, "height": 900})
                    device.page.emulate_media(color_scheme=scheme)
                    wide = device.page.evaluate("document.documentElement.scrollWidth")
                    assert wide <= width, (path, wide)
                    faults = Axe().run(device.page, options=AXE_OPTIONS).response["violations"]
                    found[f"{path} {scheme} {width}"] = [one["id"] for one in faults]

        device.go("/console/sign-in")
        look("/console/sign-in")
        device.page.goto("about:blank")
        device.page.goto(link)
        device.page.locator("[data-person]").filter(has_text="Ada").wait_for()
        look("/console/join")
        device.page.set_viewport_size({"width": 1280, "height": 900})
        device.join(link)
        for path in PAGES:
            device.go(path)
            assert "Sourceprint" in device.page.title()
            look(path)
        assert {place: faults for place, faults in found.items() if faults} == {}
        device.go("/console/people")
        assert device.page.get_by_text(HOSTILE).count() >= 1  # as text
        device.page.get_by_role("button", name="New link for <img").click()
        device.page.locator("#link").wait_for()
        assert HOSTILE in device.page.locator(".notice").inner_text()


def test_a_person_joins_and_signs_in_by_keyboard_alone(sqlite_service: TestService, browser: Browser) -> None:
    with pages_of(browser, sqlite_service) as device:
        page = device.page
        page.goto(link_for(sqlite_service, new_person(sqlite_service)))
        page.locator("[data-person]").filter(has_text="Ada").wait_for()
        page.locator("input[name=person]").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/console")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # skips to the content
        assert page.evaluate("document.activeElement.id") == "main"
        page.get_by_role("button", name="Sign out").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/sign-in")
        for _ in range(3):
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Sign in with a passkey"
        page.keyboard.press("Enter")
        page.wait_for_url("**/console")
