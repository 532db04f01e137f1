"""Every link and form of every page that a role sees, followed: nobody is led to a page that refuses them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urldefrag, urljoin, urlsplit

import pytest
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from starlette.routing import Match

from sourceprint.service.people.roles import Role
from tests.console_office import Office
from tests.sourceprint.service.test_role_matrix import MODULES, PAGES

pytestmark = pytest.mark.slow

_MOST_ADDRESSES = 400
# Reached by a one-time link or without a sign-in, by a shorter address, or by name from a page that is.
NOT_LINKED = {"GET /console/", "GET /console/assets/{name}", "GET /console/join", "GET /console/sign-in"}


class Ways(HTMLParser):
    """The addresses of a page's links and pictures, and the method and address of each of its forms."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[tuple[str, str]] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids.add(given.get("id", ""))
        self.links += [given[name] for name in ("href", "src") if given.get(name)]
        if tag == "form" and "action" in given:
            self.forms.append((given.get("method", "get").upper(), given["action"]))


def route_of(method: str, path: str) -> APIRoute | None:
    """Return the route of the console that answers a path, None where the API does."""
    scope = {"type": "http", "path": path, "method": method, "headers": []}
    found = [route for module in MODULES for route in module.router.routes if isinstance(route, APIRoute)]
    route = next((one for one in found if one.matches(scope)[0] is Match.FULL), None)
    assert route is not None or path.startswith("/v1/"), f"{method} {path} is no page"
    return route


@pytest.mark.parametrize("role", list(Role))
def test_nobody_is_led_to_a_page_that_refuses_them_or_says_nothing(office: Office, role: Role) -> None:
    ahead = ["/console"]
    if role in PAGES["GET /console/search"]:
        ahead += [f"/console/search?q={words}" for words in ("QZABC2600101", "quist", "ember", "NL-TW", "P-TONEWORKS")]
    seen = set(ahead)
    ids: dict[str, set[str]] = {}
    fragments: list[tuple[str, str, str]] = []
    faults: list[object] = []
    reached: set[str] = set()
    with office.client(role) as client:
        while ahead:
            address = ahead.pop(0)
            route = route_of("GET", urlsplit(address).path)
            answer = client.get(address)
            if answer.status_code != 200:
                faults.append((address, answer.status_code))
            if route is not None:
                reached.add(f"GET {route.path}")
                known = {one.alias for one in get_flat_params(route.dependant)}
                faults += [(address, name) for name, _ in parse_qsl(urlsplit(address).query) if name not in known]
            if "text/html" not in answer.headers.get("content-type", ""):
                continue
            ways = Ways(answer.text)
            ids[address] = ways.ids
            for method, action in ways.forms:
                sent_to = route_of(method, urlsplit(urljoin(address, action)).path)
                if sent_to is not None and role not in PAGES[f"{method} {sent_to.path}"]:
                    faults.append((address, method, action))
            for link in ways.links:
                whole, fragment = urldefrag(urljoin(address, link))
                fragments += [(address, whole, fragment)] if fragment else []
                if whole not in seen and not re.match("[a-z]+:", whole):
                    seen.add(whole)
                    ahead.append(whole)
            assert len(seen) < _MOST_ADDRESSES
    assert faults == []
    assert [one for one in fragments if one[1] in ids and one[2] not in ids[one[1]]] == []
    own = {one for one, roles in PAGES.items() if role in roles and one.startswith("GET /console")}
    assert own - reached - NOT_LINKED == set()
