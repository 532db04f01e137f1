"""A label's day and a licensee's day in a real browser: from the first sign-in to a statement issued by two people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from sourceprint.royalties.money import sum_of
from sourceprint.royalties.statements.register import list_statements, load_statement
from sourceprint.service.log_feed import LogFeed
from sourceprint.service.people.approvals import require_two
from sourceprint.service.people.persons import FIRST_ROLES, list_persons
from tests.console_browser import Device, launched, link_for, new_person, pages_of, poster, session_of
from tests.service_servers import TestService
from tests.sourceprint.service.test_from_folder_to_statement import _LICENCE, _PARTIES, _RIGHTS, _USAGE

pytestmark = pytest.mark.slow

POLICY = Path("sourceprint/royalties/uses/policies/matched-seconds.toml")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as made:
        yield made


def approve_first(device: Device) -> None:
    """Approve the one request that waits; the device verifies its person again."""
    page = device.go("/console/approvals")
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Nothing waits.").wait_for()


def test_a_labels_day_and_a_licensees_day(
    sqlite_catalogued: TestService, browser: Browser, music: Path, tmp_path: Path
) -> None:
    service, database = sqlite_catalogued, sqlite_catalogued.server.database
    own = service.server.folder.organisation("main")
    own.policies.mkdir(parents=True)
    careful = POLICY.read_text(encoding="utf-8").replace('claim_confidence = "0.99"', 'claim_confidence = "1"')
    (own.policies / "careful.toml").write_text(careful, encoding="utf-8")
    with database.writing() as connection:  # as the operator does
        require_two(connection, "main", ["statement", "licence"], at=database.now(), actor="command:admin")
    ada = new_person(service, "Ada", *FIRST_ROLES)
    lia = new_person(service, "Lia", "licensee", organisation="other")
    report = tmp_path / "usage.csv"
    report.write_text(_USAGE, encoding="utf-8")
    with (
        pages_of(browser, service) as of_ada,
        pages_of(browser, service) as of_bo,
        pages_of(browser, service) as of_lia,
    ):
        # The first admin signs in by the one-time link, and adds a colleague.
        page = of_ada.join(link_for(service, ada))
        of_ada.go("/console/people")
        page.locator("form:has(> p button.main) input[name=name]").fill("Bo")
        for role in ("cataloguer", "accountant"):
            page.locator(f"form:has(> p button.main) input[value={role}]").check()
        page.get_by_role("button", name="Add, and make a one-time link").click()
        of_bo.join(page.locator("#link").inner_text())

        # Rights come as tables; the licence is written in the console, and approved by the colleague.
        with poster(service, session_of(of_ada), **{"Content-Type": "application/octet-stream"}) as by_ada:
            for name, text in (("rights.csv", _RIGHTS), ("parties.tsv", _PARTIES)):
                sent = by_ada.post("/v1/rights/imports", params={"name": name}, content=text.encode())
                assert sent.status_code == 200, sent.text
        of_ada.go("/console/licence")
        page.locator("textarea[name=text]").fill(_LICENCE)
        page.get_by_role("button", name="Check").click()
        page.get_by_text("20 % of net revenue").wait_for()
        page.get_by_role("button", name="Propose it").click()
        page.get_by_text("Waits for a second person").wait_for()
        approve_first(of_bo)
        of_ada.go("/console/licensees")
        page.get_by_role("button", name="Put in force").click()
        page.get_by_role("heading", name="L-1").wait_for()

        # The licensee gets a blind grant, checks a track before its release, and sees no title.
        of_ada.go("/console/grants")
        page.locator("input[name=holder]").fill("other")
        page.get_by_role("button", name="Give the grant").click()
        page.get_by_role("heading", name="Given").wait_for()
        theirs = of_lia.join(link_for(service, lia))
        of_lia.go("/console/scans/new?kind=check")
        theirs.get_by_label("Catalogue").select_option(index=0)
        theirs.get_by_label("Audio or fingerprint files").set_input_files(music / "reuse.wav")
        theirs.get_by_role("button", name="Submit").click()
        theirs.wait_for_url("**/console/scans/*-*")
        service.work()
        theirs.get_by_text("done:").wait_for()
        assert theirs.get_by_text("Title A").count() == 0

        # What was released is scanned; the match waits for a person, who confirms it.
        of_ada.go("/console/scans/new?kind=scan")
        page.get_by_label("Audio or fingerprint files").set_input_files(music / "reuse.wav")
        page.get_by_role("button", name="Submit").click()
        page.wait_for_url("**/console/scans/*-*")
        scan_id = page.url.rpartition("/")[2]
        service.work()
        page.get_by_text("done: 1 recording").wait_for()
        asked = {"scans": [scan_id], "policy": "careful", "licensee": "P-TONE", "generated": "2026-08-20"}
        with poster(service, session_of(of_ada)) as by_ada:
            attributed = by_ada.post("/v1/attributions", json=asked)
            assert attributed.status_code == 200, attributed.text
        of_ada.go("/console/review")
        page.locator("[data-row]").first.click()
        page.get_by_role("button", name="Confirm").first.click()
        page.get_by_text("is confirmed").wait_for()

        # The accountant enters the usage, looks at the draft, and proposes it; the colleague approves; it is issued.
        of_ada.go("/console/usage")
        page.locator("form[data-upload] input[name=period]").fill("2026-Q3")
        page.locator("input[type=file]").set_input_files(report)
        page.get_by_role("button", name="Enter the report").click()
        page.get_by_text("20.00 EUR to pay, to 2 parties").wait_for()
        page.get_by_role("button", name="Propose to issue").click()
        page.get_by_text("Waits for a second person").wait_for()
        assert list_statements(own.rights()) == []
        approve_first(of_bo)
        of_ada.go("/console/statements")
        page.get_by_role("button", name="Issue").click()
        page.wait_for_url("**/console/statement?of=*")
        (entry,) = list_statements(own.rights())
        LogFeed(database, service.server.folder).feed()
        of_ada.go(f"/console/log?about=statement:{entry.id}")
        page.get_by_text("issued: 2026-Q3").wait_for()
        page.get_by_role("link", name="Proof of entry").first.wait_for()
    with database.reading() as connection:
        bo = next(one for one in list_persons(connection, "main") if one.name == "Bo")
    assert entry.issued_by == f"{ada.actor}, approved by {bo.actor}"
    balances = load_statement(own.rights(), entry.id).balances
    assert sum_of(one.paid for one in balances).text("EUR") == "20.00"
