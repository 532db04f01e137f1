"""Evidence pages in a real browser: quiet, offline, by keyboard alone, in both colour schemes, on a phone."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, sync_playwright

from sourceprint.evidence.pages.addresses import page_address, recording_address
from sourceprint.evidence.pages.overview import overview
from sourceprint.evidence.pages.page import overview_page
from sourceprint.evidence.pages.recording_view import reuses_of
from sourceprint.scans.results import read_result
from tests.page_reports import a_run, report_of
from tests.scan_records import a_failure, a_match, a_passage, a_result

pytestmark = pytest.mark.slow  # all tests here read one site in a browser, which takes seconds to make and to end

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
AXE_OPTIONS = {"preload": False, "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
N_ROWS = 450
DECOMPOSED = "e\u0301tude.wav"  # as some systems name files


@dataclass(frozen=True, slots=True)
class Site:
    """Pages of a report with audio: those beside their assets, those that have all inside, and a long overview."""

    overview: Path
    cover: Path
    page: Path
    recording: Path
    single: Path
    many: Path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return the distribution's Chromium, without a window."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no browser to test with: none of " + ", ".join(BROWSERS))
    flags = ["--autoplay-policy=no-user-gesture-required", "--mute-audio"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # the sandbox refuses root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return pages that tests only read."""
    folder = tmp_path_factory.mktemp("site")
    scanned = a_run(folder)
    report_of(scanned, folder / "report", with_audio=True)
    report_of(scanned, folder / "single", with_audio=True, single_file=True)
    name = page_address(scanned.result("mix.wav"))
    rows = [
        a_result(f"in/gen-{k}.wav", [a_match(f"s{k % 7}", [a_passage(track_end_ms=10_500 + 10 * k)])] if k % 3 else [])
        for k in range(1, N_ROWS)
    ]
    results = [read_result(row) for row in [*rows, a_failure("in/broken.mp3"), a_result(f"in/{DECOMPOSED}")]]
    (folder / "many.html").write_bytes(
        overview_page(overview(results, {}, reuses_of(results)), title="Many files", inside=True)
    )
    return Site(
        folder / "report" / "index.html",
        folder / "report" / "cover.html",
        folder / "report" / name,
        folder / "report" / recording_address("s2"),
        folder / "single" / name,
        folder / "many.html",
    )


class Reader:
    """Opens pages in one browser; an error on a page, or a load from elsewhere, fails the test.

    Parameters
    ----------
    browser : Browser
        Where contexts are made.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._context = browser.new_context(viewport={"width": 1280, "height": 900})
        self._kept: dict[Path, tuple[Page, _Log]] = {}

    @contextmanager
    def reading(self, path: Path, *, width: int = 1280, **media: Any) -> Iterator[Page]:
        """Yield a page that is loaded once and only looked at, in some width and under some media."""
        if path not in self._kept:
            page = self._context.new_page()
            self._kept[path] = page, _Log(page)
            page.goto(path.as_uri())
        page, log = self._kept[path]
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(**{"media": "screen", "color_scheme": "light", "forced_colors": "none", **media})
        yield page
        log.expect_quiet()

    @contextmanager
    def opened(self, path: Path, **options: Any) -> Iterator[Page]:
        """Yield a page to be used and closed; with options, in a context of its own."""
        page = self._browser.new_page(**options) if options else self._context.new_page()
        log = _Log(page)
        try:
            page.goto(path.as_uri())
            yield page
            log.expect_quiet()
        finally:
            page.close()


class _Log:
    """Messages and requests of a page."""

    def __init__(self, page: Page) -> None:
        self._complaints: list[str] = []
        self._schemes: set[str] = set()
        page.on("console", lambda message: self._complaints.append(message.text))
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("request", lambda request: self._schemes.add(request.url.partition(":")[0]))
        page.on("requestfailed", self._refused)

    def _refused(self, request: Request) -> None:
        if request.resource_type == "media" and "ERR_ABORTED" in (request.failure or ""):
            return  # a player that has heard enough for now ends its own
        self._complaints.append(f"failed: {request.url[:80]}")

    def expect_quiet(self) -> None:
        assert self._complaints == []
        assert self._schemes <= {"file", "data"}


@pytest.fixture(scope="module")
def reader(browser: Browser) -> Reader:
    """Return a function that opens pages."""
    return Reader(browser)


def names_of(page: Page) -> list[str]:
    return page.locator("#rows th").all_inner_texts()


def is_playing(page: Page, passage: int, kind: str) -> bool:
    playing: bool = page.locator(f"#passage-{passage} audio.{kind}").evaluate("sound => !sound.paused")
    return playing


def time_of(page: Page, passage: int, kind: str) -> float:
    seconds: float = page.locator(f"#passage-{passage} audio.{kind}").evaluate("sound => sound.currentTime")
    return seconds


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Wait for something; Playwright's own way would need a policy that lets text be run as a script."""
    for _ in range(200):
        if holds():
            return
        page.wait_for_timeout(50)
    pytest.fail("it never came to hold")


@pytest.mark.slow
@pytest.mark.parametrize("which", ["overview", "cover", "page", "recording", "single", "many"])
def test_pages_open_without_complaints_and_load_nothing_from_elsewhere(reader: Reader, site: Site, which: str) -> None:
    with reader.reading(getattr(site, which)) as page:
        pictures: list[int] = page.evaluate("[...document.images].map(image => image.naturalWidth)")
        assert all(width > 100 for width in pictures)
        assert len(pictures) == (4 if which in ("page", "single") else 0)
        assert page.locator("#scheme").is_visible()  # so the script ran under the page's own policy


def test_the_table_sorts_and_filters_and_says_how(reader: Reader, site: Site) -> None:
    with reader.opened(site.many) as page:
        assert len(names_of(page)) == 200
        assert names_of(page)[:2] == ["gen-449.wav", "gen-448.wav"]  # most time matched
        outcome = page.locator("#table th[data-key=outcome]")
        assert outcome.get_attribute("aria-sort") == "ascending"
        outcome.locator("button").click()
        assert outcome.get_attribute("aria-sort") == "descending"
        assert names_of(page)[0] == "gen-447.wav"  # without a match, and the last by name
        outcome.locator("button").click()
        head = page.locator("#table th[data-key=reused]")
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "descending"
        assert page.locator("#table th[data-key=name]").get_attribute("aria-sort") is None
        assert names_of(page)[0] == "gen-449.wav"
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        page.locator("#table th[data-key=name] button").click()
        page.locator("#after").click()
        assert page.locator("#place").inner_text() == "201 to 400 of 451"
        assert names_of(page)[0] == "gen-199.wav"  # in order of number, not of letter
        page.locator("#words").fill("title of s3 gen-1")
        found = names_of(page)
        assert found
        assert all("gen-1" in name for name in found)
        assert page.locator("#shown").inner_text() == f"{len(found)} of 451 files"
        page.locator("#words").fill("\u00e9tude")  # as it is typed
        assert names_of(page) == [DECOMPOSED]
        page.locator("#words").fill("")
        page.locator("#choice").select_option("could not be read")
        assert names_of(page) == ["broken.mp3"]
        assert page.locator("#pages").is_hidden()


def test_players_play_switch_and_pause_by_key_at_the_same_place(reader: Reader, site: Site) -> None:
    with reader.opened(site.page) as page:
        page.locator("#passage-1 .play").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")  # to the slider: space on a button would press the button
        page.locator("#passage-1 input[type=range]").fill("3")
        page.keyboard.press(" ")
        until(page, lambda: time_of(page, 1, "track") > 3.1)
        assert page.locator("#passage-1 .cursor").is_visible()
        page.keyboard.down("s")
        page.keyboard.down("s")  # a key that is held down repeats
        page.keyboard.up("s")
        until(page, lambda: is_playing(page, 1, "recording"))
        assert not is_playing(page, 1, "track")
        ratio = float(page.locator("#passage-1 .player").get_attribute("data-ratio") or "nan")
        assert time_of(page, 1, "recording") >= ratio * time_of(page, 1, "track") - 0.1
        assert page.locator("#passage-1 .now").inner_text().startswith("recording: 0:0")
        assert page.locator(".player :is(output, [role=status], [aria-live])").count() == 0  # read out at every frame
        page.keyboard.press(" ")
        until(page, lambda: not is_playing(page, 1, "recording"))
        at = time_of(page, 1, "recording") / ratio
        page.keyboard.press("s")
        assert time_of(page, 1, "track") == pytest.approx(at, abs=0.1)


def test_only_one_passage_is_heard_at_a_time(reader: Reader, site: Site) -> None:
    with reader.opened(site.single) as page:
        page.locator("#passage-1 .play").click()
        until(page, lambda: time_of(page, 1, "track") > 0)
        page.locator("#passage-2 .play").click()
        until(page, lambda: time_of(page, 2, "track") > 0)
        assert not is_playing(page, 1, "track")
        assert page.locator("#passage-1 .play").inner_text() == "Play"
        assert page.locator("#passage-2 .play").inner_text() == "Pause"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["overview", "cover", "page", "recording"])
def test_pages_meet_wcag_aa_in_both_colour_schemes(reader: Reader, site: Site, which: str, scheme: Any) -> None:
    with reader.reading(getattr(site, which), color_scheme=scheme) as page:
        found = Axe().run(page, options=AXE_OPTIONS)
        assert found.violations_count == 0, found.generate_report()
        assert "color-contrast" in {rule["id"] for rule in found.response["passes"]}


def test_bars_differ_from_their_ground_in_forced_colours(reader: Reader, site: Site) -> None:
    def colour(page: Page, what: str) -> str:
        found: str = page.locator(what).first.evaluate("each => getComputedStyle(each).backgroundColor")
        return found

    with reader.reading(site.page, forced_colors="active") as page:
        assert colour(page, ".track a") != colour(page, ".track")
    with reader.reading(site.overview, forced_colors="active") as page:
        assert colour(page, "table.bars .bar") != colour(page, "body")


def test_the_scheme_follows_the_system_until_it_is_chosen(reader: Reader, site: Site) -> None:
    def paper(page: Page) -> str:
        colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return colour

    with reader.opened(site.page, color_scheme="dark") as page:
        dark = paper(page)
        page.locator("#scheme").click()
        light = paper(page)
        assert page.locator("#scheme").inner_text() == "Colours: light"
        page.locator("#scheme").click()
        assert (light, paper(page)) == ("rgb(255, 255, 255)", dark)
        assert dark != light


@pytest.mark.parametrize("which", ["overview", "page", "recording"])
def test_everything_is_reached_by_the_keyboard_alone(reader: Reader, site: Site, which: str) -> None:
    with reader.reading(getattr(site, which)) as page:
        page.evaluate(
            "document.addEventListener('focusin', event => event.target.dataset.reached = '1');"
            "document.querySelectorAll('audio').forEach(sound => sound.removeAttribute('controls'))"
        )
        wanted = (
            "[...document.querySelectorAll('a[href], button, input, select, [tabindex=\"0\"]')]"
            ".filter(each => !each.disabled && (each.classList.contains('skip') || each.offsetParent !== null))"
        )
        count: int = page.evaluate(f"{wanted}.length")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        for _ in range(count):
            page.keyboard.press("Tab")
        missed: list[str] = page.evaluate(f"{wanted}.filter(each => !each.dataset.reached).map(each => each.outerHTML)")
        assert missed == []


@pytest.mark.parametrize("which", ["overview", "cover", "page", "recording", "many"])
def test_a_phone_or_a_zoom_of_400_percent_scrolls_no_page_sideways(reader: Reader, site: Site, which: str) -> None:
    for width in (320, 360, 390):
        with reader.reading(getattr(site, which), width=width) as page:
            assert page.evaluate("document.documentElement.scrollWidth") == width


def test_times_of_hours_stand_apart_on_the_timeline_of_a_phone(reader: Reader, site: Site) -> None:
    with reader.opened(site.page) as page:
        page.set_viewport_size({"width": 320, "height": 900})
        boxes: list[list[float]] = page.evaluate(
            "() => {"
            " const axis = document.querySelector('.axis'), first = axis.firstElementChild;"
            " axis.replaceChildren(...[0, 13, 27, 40, 54, 67, 81, 94].map((at) => {"
            "  const tick = first.cloneNode(); tick.style.left = `${at}%`; tick.textContent = '1:00:00';"
            "  return tick; }));"
            " return [...axis.children].map((tick) => tick.getBoundingClientRect()).filter((box) => box.width)"
            "  .map((box) => [box.left, box.right]); }"
        )
        assert all(one[1] < other[0] for one, other in itertools.pairwise(boxes))


def test_names_of_any_script_keep_to_themselves(reader: Reader, site: Site) -> None:
    with reader.reading(site.page) as page:
        for what in ("cite", ".by", "h1", "td.t"):
            ways = page.locator(what).evaluate_all("all => all.map(each => getComputedStyle(each).unicodeBidi)")
            assert set(ways) == {"plaintext"}


def test_on_paper_all_passages_are_shown_in_light_without_controls(reader: Reader, site: Site) -> None:
    with reader.reading(site.page, media="print", color_scheme="dark") as page:
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.locator(".stage svg").evaluate_all("all => all.every(one => one.clientWidth > 100)")
        for what in (".player", ".switches", "#scheme"):
            assert not page.locator(what).first.is_visible()


def test_on_paper_the_names_of_files_have_room(reader: Reader, site: Site) -> None:
    with reader.reading(site.many, media="print", width=700) as page:
        widths: list[float] = page.evaluate(
            "['#table', '#table th'].map(each => document.querySelector(each).getBoundingClientRect().width)"
        )
        assert widths[1] > widths[0] / 5


def test_without_scripts_rows_are_there_and_players_have_controls(reader: Reader, site: Site) -> None:
    with reader.opened(site.many, java_script_enabled=False) as page:
        assert len(names_of(page)) == 200
        assert "The first 200 of 451 files" in page.locator("#shown").inner_text()
    with reader.opened(site.page, java_script_enabled=False) as page:
        assert page.locator("audio[controls]").count() == 4
        assert page.locator(".player .controls").first.is_hidden()


@pytest.mark.slow
def test_landmarks_and_lines_can_be_switched_off(reader: Reader, site: Site) -> None:
    with reader.opened(site.page) as page:
        figure = page.locator("#figure-1")
        assert figure.locator("path.joins").is_visible()
        figure.locator(".see-joins").uncheck()
        figure.locator(".see-dots").uncheck()
        assert not figure.locator("path.joins").is_visible()
        assert not figure.locator("path.dots").is_visible()
        figure.locator(".see-others").check()
        assert figure.locator("path.others").is_visible()
