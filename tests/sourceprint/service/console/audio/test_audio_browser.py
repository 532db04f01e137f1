"""Pages about audio in a real browser: files sent, progress followed, evidence seen; WCAG, a phone, the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Route

from tests.console_browser import cookies_of, launched, link_for, new_person, pages_of, poster
from tests.service_servers import TestService
from tests.sourceprint.service.console.test_console_browser import AXE_OPTIONS
from tests.sourceprint.service.test_scans_by_http import scan

pytestmark = pytest.mark.slow

HOSTILE = '<img src=x onerror="document.title=1"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as made:
        yield made


def test_a_track_is_sent_followed_and_seen_with_its_evidence_by_keyboard_alone(
    sqlite_catalogued: TestService, browser: Browser, music: Path
) -> None:
    person = new_person(sqlite_catalogued, "Bo", "reviewer")
    with pages_of(browser, sqlite_catalogued) as device:
        device.join(link_for(sqlite_catalogued, person))
        page = device.go("/console/scans")
        page.get_by_role("link", name="Scan tracks").focus()
        page.keyboard.press("Enter")
        page.get_by_label("Audio or fingerprint files").focus()
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Space")
        chooser.value.set_files(music / "reuse.wav")
        page.keyboard.press("Tab")
        page.keyboard.type("job-77")
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/scans/*-*")
        page.get_by_text("queued: next of your organisation").wait_for()
        sqlite_catalogued.work()
        page.get_by_text("done: 1 recording").wait_for()  # without loading the page again
        assert page.locator("[data-live]").get_attribute("data-live") == "off"
        assert "job-77" in page.locator("dl.facts").inner_text()
        page.get_by_role("link", name="See the evidence").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Passage 1 of 1").wait_for()
        assert page.get_by_role("heading", level=1).count() == 1
        picture = page.locator(".stage img").first
        assert picture.evaluate("one => one.complete && one.naturalWidth > 100")
        assert picture.evaluate("one => getComputedStyle(one).left !== '0px'")  # the style of the page counts
        page.get_by_role("checkbox", name="matched landmarks").uncheck()
        assert not page.locator("svg .dots").first.is_visible()
        page.get_by_role("link", name="Back to the scan").focus()
        page.keyboard.press("Enter")
        page.locator("summary").focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Erase for good").focus()
        page.keyboard.press("Enter")
        page.get_by_text("done: erased").wait_for()
        assert page.get_by_text("Title A").count() == 0


def test_a_file_that_is_sent_again_after_a_broken_connection_is_one_job_and_refusals_are_shown(
    sqlite_catalogued: TestService, browser: Browser, music: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.wav").touch()
    person = new_person(sqlite_catalogued, "Bo", "reviewer")

    def breaking(route: Route) -> None:
        route.fetch()
        route.abort()

    with pages_of(browser, sqlite_catalogued) as device:
        device.join(link_for(sqlite_catalogued, person))
        page = device.go("/console/scans/new?kind=check")
        page.get_by_label("Audio or fingerprint files").set_input_files([music / "own.wav", tmp_path / "empty.wav"])
        page.route("**/v1/checks?*", breaking)
        page.get_by_role("button", name="Submit").click()
        page.get_by_text("0 submitted, 2 refused").wait_for()
        assert "the connection broke" in page.locator("[data-sent]").inner_text()
        page.unroute("**/v1/checks?*")
        page.get_by_role("button", name="Submit").click()
        page.get_by_text("1 submitted, 1 refused").wait_for()
        assert "the body is empty" in page.locator("[data-sent]").inner_text()
    with poster(sqlite_catalogued, cookies_of(sqlite_catalogued, person)) as client:
        (only,) = client.get("/v1/checks").json()["items"]
        assert only["name"] == "own.wav"


def test_a_recording_is_added_changed_taken_back_and_removed(
    sqlite_catalogued: TestService, browser: Browser, music: Path
) -> None:
    person = new_person(sqlite_catalogued, "Bo", "cataloguer")
    title, artists = f"Grey\u200fLine {HOSTILE}", ("Ann", "Ben \u200b& Co")
    opened = sqlite_catalogued.server.catalogue("main")
    assert opened is not None
    with pages_of(browser, sqlite_catalogued) as device:
        device.join(link_for(sqlite_catalogued, person))
        page = device.go("/console/recordings/new")
        main = page.locator("#main")
        main.get_by_label("Audio or fingerprint file").set_input_files(music / "C.wav")
        main.get_by_role("textbox", name="Id").fill("C/1 ?#%")
        main.get_by_role("textbox", name="Title").fill(title)
        main.get_by_role("textbox", name="Artists").fill("\n".join(artists))
        main.get_by_role("textbox", name="ISRC").fill("gb-um7-10-29604")
        main.get_by_role("textbox", name="Tags").fill("sync\nlabel-7")
        page.get_by_role("button", name="Add", exact=True).click()
        page.wait_for_url("**/console/additions/*-*")
        sqlite_catalogued.work()
        page.get_by_text("done: added").wait_for()
        page.get_by_role("link", name="The recording").click()
        main.get_by_role("textbox", name="Artists").wait_for()
        made = opened.recording("C/1 ?#%")
        assert (made.title, made.artists, made.isrc) == (title, artists, "GBUM71029604")
        assert (made.tags, made.excluded) == (("label-7", "sync"), ())
        main.get_by_role("textbox", name="Title").fill("Other")
        main.get_by_role("textbox", name="Artists").fill("")
        page.get_by_role("button", name="Save the words").click()
        page.get_by_role("button", name="Undo").click()
        page.get_by_role("heading", name="Grey").wait_for()
        assert opened.recording("C/1 ?#%") == made  # to the letter, with what no eye can see
        main.get_by_role("textbox", name="Ranges").fill("0:01-0:02\n3-4.5")
        page.get_by_role("button", name="Save the ranges").click()
        page.get_by_text("0:01-0:02, 0:03-0:04.5").wait_for()
        main.get_by_role("textbox", name="Tags").fill("label-7\nnew")
        page.get_by_role("button", name="Save the tags").click()
        page.get_by_text("label-7, new").wait_for()
        page.get_by_role("button", name="Undo").click()
        page.get_by_text("label-7, sync").wait_for()
        page.get_by_role("link", name="Replace its audio").click()
        main.get_by_label("Audio or fingerprint file").set_input_files(music / "own.wav")
        page.get_by_role("button", name="Replace", exact=True).click()
        page.wait_for_url("**/console/additions/*-*")
        sqlite_catalogued.work()
        page.get_by_text("done: replaced").wait_for()
        now = opened.recording("C/1 ?#%")
        assert (now.title, now.tags, now.excluded) == (title, made.tags, ((1000, 2000), (3000, 4500)))
        assert now.sha256 != made.sha256
        page.get_by_role("link", name="The recording").click()
        page.locator("summary").click()
        page.get_by_role("button", name="Remove from the catalogue").click()
        page.get_by_text("is removed").wait_for()
        assert len(opened) == 2
        assert page.title().startswith("Recordings")  # no script of a title ran


def test_every_page_follows_wcag_in_both_schemes_and_fits_a_phone(
    sqlite_catalogued: TestService, browser: Browser, music: Path
) -> None:
    service, body = sqlite_catalogued, (music / "reuse.wav").read_bytes()
    ada, lee = (
        new_person(service, "Ada", "cataloguer", "reviewer"),
        new_person(service, "Lee", "licensee", organisation="other"),
    )
    with service.client() as owner:
        given = owner.post("/v1/grants", json={"holder": "other"}, headers={"Content-Type": "application/json"})
        grant = given.json()["id"]
    with poster(service, cookies_of(service, ada)) as client:
        words = {"part": "words", "title": HOSTILE, "artists": HOSTILE, "isrc": ""}
        assert client.post("/console/recording", params={"id": "A"}, data=words).status_code == 200
    scan_id = scan(service, music / "reuse.wav", evidence="page", reference=HOSTILE, name=HOSTILE).json()["id"]
    with poster(service, cookies_of(service, lee)) as client:
        sent = client.post("/v1/checks", params={"grant": grant, "wait": 0, "evidence": "page"}, content=body)
        check_id = sent.json()["id"]
    service.work()
    with service.client() as key:
        addition = key.post("/v1/catalogue/additions", params={"id": "N"}, content=body).json()["id"]
    waits = scan(service, music / "own.wav").json()["id"]
    read = [f"/console/scans{rest}" for rest in ("", "/new", f"/{waits}", f"/{scan_id}", f"/{scan_id}/evidence")]
    read += ["/console/recordings", "/console/recording?id=A", "/console/recordings/new?replace=A"]
    read += ["/console/recordings/new", "/console/additions", f"/console/additions/{addition}"]
    own = [f"/console/scans{rest}" for rest in ("", "/new", f"/{check_id}", f"/{check_id}/evidence")]
    faults: dict[str, list[str]] = {}
    for person, paths in ((ada, read), (lee, own)):
        with pages_of(browser, service) as device:
            device.join(link_for(service, person))
            for path in paths:
                page = device.go(path)
                for scheme in ("light", "dark"):
                    for width in (1280, 390):
                        page.set_viewport_size({"width": width, "height": 900})
                        page.emulate_media(color_scheme=scheme)
                        wide = page.evaluate("document.documentElement.scrollWidth")
                        assert wide <= width, (path, wide)
                        found = Axe().run(page, options=AXE_OPTIONS).response["violations"]
                        faults[f"{path} {scheme} {width}"] = [one["id"] for one in found]
                assert page.title().endswith("Sourceprint")  # no script of a title ran
                assert page.locator("img[src=x]").count() == 0
    assert {place: one for place, one in faults.items() if one} == {}


def test_progress_is_seen_without_javascript_by_loading_the_page_again(
    sqlite_catalogued: TestService, browser: Browser, music: Path
) -> None:
    scan_id = scan(sqlite_catalogued, music / "reuse.wav", evidence="page").json()["id"]
    origin = sqlite_catalogued.server.origin
    cookies = cookies_of(sqlite_catalogued, new_person(sqlite_catalogued, "Bo", "reviewer"))
    with pages_of(browser, sqlite_catalogued, java_script_enabled=False) as device:
        device.context.add_cookies([{"name": "sourceprint", "value": cookies["sourceprint"], "url": origin.text}])
        page = device.go(f"/console/scans/{scan_id}")
        assert "queued" in page.locator(".verdict").inner_text()
        sqlite_catalogued.work()
        page.reload()
        assert "done: 1 recording" in page.locator(".verdict").inner_text()
        page.get_by_role("link", name="See the evidence").click()
        assert page.get_by_role("heading", name="Passage 1 of 1").is_visible()
        page.get_by_role("link", name="Back to the scan").click()
        page.locator("summary").click()
        page.get_by_role("button", name="Erase for good").click()
        assert "done: erased" in page.locator(".verdict").inner_text()
