"""The console in a real browser: pages that must stay quiet, devices that make passkeys, people who join."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from sourceprint.service.people.invitations import invite
from sourceprint.service.people.passkeys import Passkey, keep_passkey, list_passkeys
from sourceprint.service.people.persons import ServicePerson, add_person
from sourceprint.service.people.sign_ins import csrf_token, start_sign_in
from tests.service_servers import TestService

__all__ = ["Device", "cookies_of", "launched", "link_for", "new_person", "pages_of", "poster", "session_of"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def launched() -> Iterator[Browser]:
    """Yield the distribution's Chromium, without a window; skip the test where there is none."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no browser to test with: none of " + ", ".join(BROWSERS))
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []  # the sandbox refuses root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


def new_person(service: TestService, name: str = "Ada", *roles: str, organisation: str = "main") -> ServicePerson:
    """Return a person without passkeys."""
    database = service.server.database
    with database.writing() as connection:
        return add_person(connection, organisation, name, roles or ("admin",), at=database.now(), actor="test")


def link_for(service: TestService, person: ServicePerson) -> str:
    """Return a one-time link of a person."""
    database = service.server.database
    with database.writing() as connection:
        return service.server.link(invite(connection, person, now=database.clock(), actor="test"))


def cookies_of(service: TestService, person: ServicePerson) -> dict[str, str]:
    """Return the cookie of a new sign-in, as if a passkey had been used."""
    database = service.server.database
    with database.writing() as connection:
        made = Passkey(person.id * 5, "", "", person.id.encode(), b"key", 0, "")
        if all(one.id != made.id for one in list_passkeys(connection, person.id)):
            keep_passkey(connection, person, made, "Test", at=database.now(), actor="test")
        return {"sourceprint": start_sign_in(connection, person.id, made.id, now=database.clock())}


@dataclass
class Device:
    """A browser with an authenticator of its own.

    Parameters
    ----------
    context : BrowserContext
    service : TestService
    """

    context: BrowserContext
    service: TestService
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page = self.opened()
        self.cdp = self.context.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable")
        self.authenticator = self.new_authenticator()

    def opened(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._look)
        return page

    def _note(self, message: Any) -> None:
        if "Failed to load resource" not in message.text:  # a refusal that the test wanted
            self.complaints.append(message.text)

    def _look(self, request: Any) -> None:
        if not request.url.startswith(f"{self.service.server.origin.text}/"):
            self.complaints.append(f"elsewhere: {request.url}")

    def new_authenticator(self) -> str:
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        made = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return str(made["authenticatorId"])

    def change(self) -> None:
        """Lay the present authenticator aside, with its keys, and take an empty one."""
        self.cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.authenticator})
        self.authenticator = self.new_authenticator()

    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.authenticator})[
            "credentials"
        ]
        return found

    def keep(self, credential: dict[str, Any]) -> None:
        sent = {"authenticatorId": self.authenticator, "credential": credential}
        self.cdp.send("WebAuthn.addCredential", sent)

    def verify(self, verified: bool) -> None:
        self.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self.authenticator, "isUserVerified": verified})

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.service.server.origin.text}{path}")
        return self.page

    def join(self, link: str) -> Page:
        """Make the first passkey with a one-time link."""
        self.page.goto("about:blank")  # else a new fragment alone loads nothing
        self.page.goto(link)
        self.page.get_by_role("button", name="Make a passkey").click()
        self.page.wait_for_url("**/console")
        return self.page

    def sign_in(self) -> Page:
        self.go("/console/sign-in")
        self.page.get_by_role("button", name="Sign in with a passkey").click()
        self.page.wait_for_url("**/console")
        return self.page

    def refused(self) -> str:
        """Try to sign in, and return the words of the refusal."""
        self.go("/console/sign-in")
        self.page.get_by_role("button", name="Sign in with a passkey").click()
        told = self.page.locator("[data-told].bad")
        told.wait_for()
        return told.inner_text()

    def sign_out(self) -> None:
        self.page.get_by_role("button", name="Sign out").click()
        self.page.wait_for_url("**/console/sign-in")


@contextmanager
def pages_of(browser: Browser, service: TestService, **options: Any) -> Iterator[Device]:
    """Yield a device; an error on a page, or a request to elsewhere, fails the test."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(15_000)
    device = Device(context, service)
    try:
        yield device
        assert device.complaints == []
    finally:
        context.close()


def session_of(device: Device) -> dict[str, str]:
    """Return the cookies of a device."""
    return {str(one.get("name")): str(one.get("value")) for one in device.context.cookies()}


def poster(service: TestService, cookies: dict[str, str] | None = None, **headers: str) -> httpx.Client:
    """Return a client that sends what our own pages would."""
    origin = service.server.origin.text
    token = {"X-CSRF-Token": csrf_token(cookies["sourceprint"])} if cookies else {}
    made = httpx.Client(base_url=origin, cookies=cookies, headers={"Origin": origin, **token, **headers}, timeout=60)
    service.clients.append(made)
    return made
