"""Every page of the console in a real browser: WCAG in four states, and every control by keyboard alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from sourceprint.service.people.roles import Role
from tests.console_browser import Device, cookies_of, launched, link_for, pages_of
from tests.console_office import Office
from tests.sourceprint.service.console.test_console_browser import AXE_OPTIONS
from tests.sourceprint.service.console.test_every_link import pages_of_role
from tests.sourceprint.service.test_role_matrix import PAGES

pytestmark = pytest.mark.slow

STATES = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 390)]
FILES = {
    "GET /",
    "GET /console/",
    "GET /console/assets/{name}",
    "GET /console/review/{use_id}/picture/{number}/{side}",
    "GET /console/review/{use_id}/sound/{number}/{side}",
    "GET /console/statement/file",
}
"""Routes that give a file, or lead to another address."""

READ = {one for one in PAGES if one.startswith("GET ")} - FILES
"""Routes that give a page."""

# Who changes something on a page comes before who reads it.
ORDER = (Role.CATALOGUER, Role.REVIEWER, Role.ACCOUNTANT, Role.ADMIN, Role.LICENSEE)

_CONTROLS = """() => {
  const all = [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, audio[controls], [tabindex='0']")];
  const radios = new Set();
  window.controls = all.filter((one) => {
    if (one.disabled || one.tabIndex < 0 || !one.checkVisibility({visibilityProperty: true})) return false;
    if (one.type !== "radio") return true;
    if (radios.has(one.name)) return false;
    radios.add(one.name);
    return true;
  });
  return window.controls.map((one) => one.outerHTML.slice(0, 160));
}"""
_FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  const radio = one.type === "radio" ? window.controls.findIndex((other) => other.name === one.name) : -1;
  return {
    at: radio >= 0 ? radio : window.controls.indexOf(one),
    seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    inside: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    html: one.outerHTML.slice(0, 160),
  };
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as made:
        yield made


def walk(page: Page) -> list[object]:
    """Return what is wrong with the way by keyboard through a page, all of it unfolded."""
    faults: list[object] = []
    for summary in page.locator("#main summary").all():
        is_open = "one => one.parentElement.open"
        summary.focus()
        for key, after in (("Space", True), ("Escape", False), ("Enter", True)):
            page.keyboard.press(key)
            if summary.evaluate(is_open) != after:
                faults.append((key, summary.inner_text()))
    controls: list[str] = page.evaluate(_CONTROLS)
    page.evaluate("() => window.controls[0].focus()")  # the way past the head; all others are reached by Tab
    reached = {0}
    for _ in range(3 * len(controls) + 20):
        page.keyboard.press("Tab")
        focused: dict[str, Any] = page.evaluate(_FOCUSED)
        if focused["at"] == 0 and len(reached) > 1:
            break  # round to the first control
        if focused["at"] >= 0:
            reached.add(focused["at"])
            if not (focused["seen"] and focused["inside"]):
                faults.append(("focus not seen", focused))
    else:
        faults.append("no way back to the first control")
    missed = [controls[at] for at in range(len(controls)) if at not in reached]
    faults += [("missed", one) for one in missed]
    loose = page.locator("[onclick], [role=button]:not(button), [role=link]:not(a)").count()
    return [*faults, *(["a control that is none"] * loose)]


def axe(device: Device) -> dict[str, list[str]]:
    """Return what breaks WCAG in each state."""
    page, found = device.page, {}
    for scheme, width in STATES:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        wide = page.evaluate("document.documentElement.scrollWidth")
        faults = Axe().run(page, options=AXE_OPTIONS).response["violations"]
        found[f"{scheme} {width}"] = [one["id"] for one in faults] + ([f"{wide} wide"] if wide > width else [])
    page.set_viewport_size({"width": 1280, "height": 900})
    return {state: faults for state, faults in found.items() if faults}


def test_every_page_follows_wcag_and_works_by_keyboard_alone(office: Office, browser: Browser) -> None:
    service, origin = office.service, office.service.server.origin.text
    faults: dict[str, object] = {}
    looked: set[str] = set()

    def look(device: Device, route: str) -> None:
        looked.add(route)
        if found := [*axe(device).items(), *walk(device.page)]:
            faults[route] = found

    with pages_of(browser, service) as device:
        device.go("/console/sign-in")
        look(device, "GET /console/sign-in")
        device.page.goto(link_for(service, office.people[Role.AUDITOR]))
        device.page.locator("[data-person]").filter(has_text="Uma").wait_for()
        look(device, "GET /console/join")
    for role in ORDER:
        cookie = cookies_of(service, office.people[role])["sourceprint"]
        with pages_of(browser, service) as device:
            device.context.add_cookies([{"name": "sourceprint", "value": cookie, "url": origin}])
            for route, addresses in pages_of_role(office, role).items():
                if route not in READ - looked:
                    continue
                device.go(addresses[0])
                look(device, route)
    assert faults == {}, json.dumps(faults, indent=1)
    assert looked == READ
