"""The pictures of docs/console.md, taken anew of a made-up office: python -m tests.console_pictures."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sourceprint.service.people.roles import Role
from tests.console_browser import Device, cookies_of, launched, pages_of
from tests.console_office import Office, office_at_work
from tests.places import ROOT
from tests.review_records import waiting

__all__ = ["FOLDER", "MOST_BYTES", "PICTURES", "Picture", "main"]

FOLDER = ROOT / "docs" / "console"
MOST_BYTES = 120_000
_COLOURS = 32
_DESK, _PHONE = (1280, 860), (390, 844)


@dataclass(frozen=True)
class Picture:
    """A page as a role sees it; `way` leads there from the first page."""

    name: str
    role: Role
    way: Callable[[Device, Office], None]
    size: tuple[int, int]
    scheme: str


def _to(address: str) -> Callable[[Device, Office], None]:
    def go(device: Device, _: Office) -> None:
        device.go(address)

    return go


def _use(device: Device, office: Office) -> None:
    found = next(one for one in waiting(office.rights) if one.track_name == "ember-loop-07.wav")
    page = device.go(f"/console/review/{found.id}")
    page.locator(".stage img").first.wait_for()
    page.evaluate("() => Promise.all([...document.images].map((one) => one.decode().catch(() => null)))")


def _statement(device: Device, office: Office) -> None:
    page = device.go("/console/statements")
    page.locator("#statements a").first.click()
    page.locator("#balances").wait_for()


def _check(device: Device, office: Office) -> None:
    page = device.go("/console/scans?kind=check")
    page.locator("#jobs a").first.click()
    page.get_by_text("done:").wait_for()


PICTURES = (
    Picture("home", Role.ADMIN, _to("/console"), _PHONE, "light"),
    Picture("queue", Role.REVIEWER, _to("/console/review"), _DESK, "light"),
    Picture("use", Role.REVIEWER, _use, (1000, 1010), "dark"),
    Picture("use-phone", Role.REVIEWER, _use, _PHONE, "dark"),
    Picture("statement", Role.ACCOUNTANT, _statement, _DESK, "light"),
    Picture("check", Role.LICENSEE, _check, _PHONE, "light"),
)


def main(folder: Path = FOLDER) -> None:
    """Take every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, office_at_work(Path(name)) as office, launched() as browser:
        origin = office.service.server.origin.text
        for one in PICTURES:
            cookie = cookies_of(office.service, office.people[one.role])["sourceprint"]
            size = {"width": one.size[0], "height": one.size[1]}
            with pages_of(browser, office.service, viewport=size, color_scheme=one.scheme) as device:
                device.context.add_cookies([{"name": "sourceprint", "value": cookie, "url": origin}])
                one.way(device, office)
                shot = Image.open(io.BytesIO(device.page.screenshot()))
            few = shot.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
            few.save(folder / f"{one.name}.png", optimize=True)


if __name__ == "__main__":
    main()
