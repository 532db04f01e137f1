"""The review queue in a real browser: by keyboard alone, WCAG, both colour schemes, a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from sourceprint.royalties.uses.states import change_state
from tests.console_browser import launched, link_for, new_person, pages_of
from tests.review_records import fill_queue, waiting
from tests.service_servers import TestService
from tests.sourceprint.service.console.test_console_browser import AXE_OPTIONS, HOSTILE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as made:
        yield made


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_the_queue_is_worked_through_by_keyboard_alone(
    sqlite_service: TestService, browser: Browser, tmp_path: Path
) -> None:
    rights = sqlite_service.server.folder.organisation("main").rights()
    fill_queue(rights, tmp_path, 4)
    person = new_person(sqlite_service, "Bo", "reviewer")
    with pages_of(browser, sqlite_service) as device:
        device.join(link_for(sqlite_service, person))
        page = device.go("/console/review")
        press(page, "j", "j", "k")
        assert page.evaluate("document.activeElement.textContent") == "4.wav"
        press(page, "j", "Enter")
        page.get_by_role("heading", name="3.wav").wait_for()
        press(page, "k")
        page.get_by_role("heading", name="4.wav").wait_for()
        press(page, "a")
        page.get_by_text("assigned it to").wait_for()
        press(page, "c")
        page.get_by_text("is confirmed").wait_for()
        page.get_by_role("heading", name="3.wav").wait_for()
        press(page, "d")  # without a comment it asks for one
        assert "Say why in the comment" in page.locator("[data-told]").inner_text()
        page.keyboard.type("jc not our recording")  # letters in a comment are no keys
        press(page, "Escape", "d")
        page.get_by_role("heading", name="2.wav").wait_for()
        press(page, "u")
        page.get_by_role("heading", name="3.wav").wait_for()
        assert "undone: was disputed" in page.locator("#history").inner_text()
        press(page, "m")
        page.keyboard.type("only noise")
        press(page, "Escape", "x")
        page.get_by_role("heading", name="2.wav").wait_for()
        page.locator("#keys-switch").focus()
        press(page, "Enter", "c")  # the keys are off
        assert page.locator("#keys-switch").get_attribute("aria-pressed") == "false"
        page.locator("#keys-switch").focus()
        press(page, "Space", "n")
        page.get_by_role("heading", name="1.wav").wait_for()
        press(page, "l")
        page.get_by_role("heading", name="Review").wait_for()
    assert [one.track_name for one in waiting(rights)] == ["2.wav", "1.wav"]
    assert [one.track_name for one in waiting(rights, state="disputed")] == []


def test_every_page_of_the_queue_follows_wcag_in_both_schemes_and_fits_a_phone(
    sqlite_service: TestService, browser: Browser, tmp_path: Path
) -> None:
    rights = sqlite_service.server.folder.organisation("main").rights()
    found = fill_queue(rights, tmp_path, 4, title=HOSTILE)
    open_id = waiting(rights, state="unresolved")[0].id
    change_state(rights, [found[1].id], "disputed", HOSTILE, "key:0")
    person = new_person(sqlite_service, "Bo", "reviewer")
    faults: dict[str, list[str]] = {}
    with pages_of(browser, sqlite_service) as device:
        device.join(link_for(sqlite_service, person))

        def look(name: str) -> None:
            for scheme in ("light", "dark"):
                for width in (1280, 390):
                    device.page.set_viewport_size({"width": width, "height": 900})
                    device.page.emulate_media(color_scheme=scheme)
                    wide = device.page.evaluate("document.documentElement.scrollWidth")
                    assert wide <= width, (name, wide)
                    found_here = Axe().run(device.page, options=AXE_OPTIONS).response["violations"]
                    faults[f"{name} {scheme} {width}"] = [one["id"] for one in found_here]

        device.go("/console/review")
        look("list")
        device.page.get_by_role("button", name="Reject all").scroll_into_view_if_needed()
        device.page.get_by_label("Comment").fill("all of it")
        device.page.get_by_role("button", name="Reject all").click()
        device.page.get_by_role("heading", name="Reject 3 uses, 0.04 EUR?").wait_for()
        look("bulk")
        device.go(f"/console/review/{open_id}?state=unresolved")
        look("open use")
        device.go(f"/console/review/{found[1].id}?state=disputed")
        device.page.get_by_text("Exclude this stretch, or allow").click()
        device.page.get_by_label("Add a comment").fill(HOSTILE)
        device.page.get_by_role("button", name="Add").click()
        device.page.locator("ol.notes").get_by_text(HOSTILE).wait_for()
        look("disputed use")
        device.go(f"/console/review/{found[0].id}")
        device.page.get_by_text("Exclude this stretch, or allow").click()
        device.page.locator("form[action*=allowance]").get_by_label("Why").fill("a test")
        look("use with its rules")
        device.go("/console/review/allowances")
        look("allowances")
        device.go(f"/console/review/{found[0].id}")
        device.page.get_by_role("button", name="Confirm").click()
        device.page.get_by_text("is confirmed").wait_for()
        look("next use")
        assert device.page.title().startswith("2.wav")  # no script of a title ran
    assert {place: one for place, one in faults.items() if one} == {}
