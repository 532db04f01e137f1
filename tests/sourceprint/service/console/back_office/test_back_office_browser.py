"""The back office in a real browser: WCAG in both schemes on phone and desk, faults of a report, the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.register import list_statements
from sourceprint.royalties.uses.states import change_state
from sourceprint.service.log_feed import LogFeed
from tests.console_browser import launched, link_for, new_person, pages_of
from tests.review_records import fill_queue
from tests.royalty_records import LICENSEE
from tests.service_servers import TestService
from tests.sourceprint.service.console.test_console_browser import AXE_OPTIONS, HOSTILE

pytestmark = pytest.mark.slow

USAGE = "track,territory,usages,net_revenue,currency\n1.wav,DE,100,40.00,EUR\n2.wav,DE,50,10.00,EUR\n"
WRONG = USAGE + "1.wav,Atlantis,3,1.00,EUR\n3.wav,FR,-1,1.00,EUR\n"
Q3 = {"licensee": LICENSEE, "period": "2026-Q3"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as made:
        yield made


@pytest.fixture
def rights(sqlite_service: TestService, tmp_path: Path) -> Database:
    """Return rights with confirmed uses, and the hostile title of R1."""
    found = sqlite_service.server.folder.organisation("main").rights()
    uses = fill_queue(found, tmp_path, 3, title=HOSTILE)
    change_state(found, [one.id for one in uses], "claimed", "heard", "ann")
    return found


def test_pages_follow_wcag_fit_a_phone_and_work_by_keyboard_alone(
    sqlite_service: TestService, browser: Browser, rights: Database, tmp_path: Path
) -> None:
    service, report = sqlite_service, tmp_path / "usage.csv"
    ada = new_person(service, "Ada", "admin", "cataloguer", "reviewer", "accountant")
    with pages_of(browser, service) as device:
        page = device.page
        found: dict[str, list[str]] = {}

        def look(path: str) -> None:
            for scheme in ("light", "dark"):
                for width in (1280, 390):
                    page.set_viewport_size({"width": width, "height": 900})
                    page.emulate_media(color_scheme=scheme)
                    wide = page.evaluate("document.documentElement.scrollWidth")
                    assert wide <= width, (path, wide)
                    faults = Axe().run(page, options=AXE_OPTIONS).response["violations"]
                    found[f"{path} {scheme} {width}"] = [one["id"] for one in faults]
            page.set_viewport_size({"width": 1280, "height": 900})
            assert "Sourceprint" in page.title()

        device.join(link_for(service, ada))
        device.go(f"/console/usage?{urlencode(Q3)}")
        report.write_text(WRONG, encoding="utf-8")
        page.locator("input[type=file]").set_input_files(report)
        page.get_by_role("button", name="Enter the report").press("Enter")
        page.locator("[data-faults] li").first.wait_for()
        assert page.locator("[data-faults] li").count() == 2
        look("/console/usage")
        report.write_text(USAGE, encoding="utf-8")
        page.locator("input[type=file]").set_input_files(report)
        page.get_by_role("button", name="Enter the report").press("Enter")
        page.wait_for_url("**/console/statement?*")
        look("draft")
        page.get_by_role("button", name="Issue").press("Enter")
        page.wait_for_url("**/console/statement?of=*")
        (issued,) = list_statements(rights)
        look("statement")
        for name, way in (("part", "#balances a"), ("lines", "#subjects a"), ("line", "#lines tbody a")):
            page.locator(way).first.press("Enter")
            page.wait_for_url(f"**/console/statement/{name}?*")
            look(name)
        assert page.locator("#uses tbody tr").count() >= 1
        LogFeed(service.server.database, service.server.folder).feed()
        device.go("/console")
        page.locator("header input[name=q]").fill("gbum7102-9604")
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/search?*")
        assert page.get_by_text(HOSTILE).count() == 1  # as text
        look("search")
        page.locator("#main .hits a").first.press("Enter")
        page.wait_for_url("**/console/rights?*")
        look("rights")
        for path in (
            "/console/statements",
            f"/console/statement/files?{urlencode({'of': issued.id})}",
            "/console/licensees",
            f"/console/licensee?{urlencode({'of': LICENSEE})}",
            "/console/licence?of=LIC-1",
            "/console/licence",
            "/console/grants",
            "/console/log",
            f"/console/log?{urlencode({'about': f'statement:{issued.id}'})}",
            "/console/sign-ins",
            "/console/people",
        ):
            device.go(path)
            look(path)
        device.go("/console/keys")
        page.locator("input[name=name]").fill(HOSTILE)
        page.get_by_role("checkbox", name="scan").press("Space")
        page.get_by_role("button", name="Make a key").press("Enter")
        page.locator("#new-key").wait_for()
        look("/console/keys")
    assert {place: faults for place, faults in found.items() if faults} == {}
