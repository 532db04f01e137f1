"""Both sides of a match in a real browser: players that follow the passage by keys alone, pictures, WCAG."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.console_browser import launched, link_for, new_person, pages_of
from tests.service_servers import TestService
from tests.sourceprint.service.console.queue.test_match_by_http import keeping as keeping
from tests.sourceprint.service.console.queue.test_match_by_http import with_match
from tests.sourceprint.service.console.test_console_browser import AXE_OPTIONS

pytestmark = pytest.mark.slow


def wait_until(page: Page, true: str) -> None:
    """Wait for an expression to be true; the policy of the pages keeps playwright's own wait from evaluating one."""
    for _ in range(100):
        if page.evaluate(true):
            return
        page.wait_for_timeout(100)
    raise AssertionError(true)


def test_both_sides_are_played_in_step_by_keys_and_seen(keeping: TestService, music: Path, tmp_path: Path) -> None:
    use = with_match(keeping, music, tmp_path, evidence="page")
    person = new_person(keeping, "Bo", "reviewer")
    with launched() as browser, pages_of(browser, keeping) as device:
        device.join(link_for(keeping, person))
        page = device.go(f"/console/review/{use.id}")
        wait_until(page, "[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
        assert page.locator(".stage img").count() == 2
        now = page.locator(".player .now")
        assert now.inner_text() == "generated track: 0:00.0"
        page.keyboard.press("p")
        wait_until(page, "document.querySelector('audio.track').currentTime > 0.2")
        page.keyboard.press("s")
        wait_until(page, "document.querySelector('audio.recording').currentTime > 0.3")
        assert page.evaluate("document.querySelector('audio.track').paused")
        page.keyboard.press("p")
        assert now.inner_text().startswith("recording: 0:05")  # the passage begins there
        assert page.locator(".cursor").is_visible()
        for scheme in ("light", "dark"):
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                found = Axe().run(page, options=AXE_OPTIONS).response["violations"]
                assert [one["id"] for one in found] == [], (scheme, width)
