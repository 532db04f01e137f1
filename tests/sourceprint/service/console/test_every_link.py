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
from tests.console_browser import cookies_of, new_person, poster
from tests.console_office import RECORDINGS, Office
from tests.sourceprint.service.test_role_matrix import MODULES, PAGES

pytestmark = pytest.mark.slow

_MOST_ADDRESSES = 400
# Reached by a one-time link or without a sign-in, by a shorter address, or by name from a page that is.
NOT_LINKED = {"GET /console/", "GET /console/assets/{name}", "GET /console/join", "GET /console/sign-in"}

# Pages about one object, by its id in the path or the query.
BY_QUERY = ("licence", "licensee", "recording", "rights", "statement", "statement/files", "statement/lines")
OF_OBJECTS = {one for one in PAGES if "{" in one and "passkey" not in one and "assets" not in one}
OF_OBJECTS |= {f"GET /console/{one}" for one in BY_QUERY}


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
        if given.get("data-ceremony") == "approve":  # sent by the script of the page
            self.forms += [("POST", f"/console/approvals/{given['data-id']}{rest}") for rest in ("", "/options")]


def route_of(method: str, path: str) -> APIRoute | None:
    """Return the route of the console that answers a path, None where the API does."""
    scope = {"type": "http", "path": path, "method": method, "headers": []}
    found = [route for module in MODULES for route in module.router.routes if isinstance(route, APIRoute)]
    route = next((one for one in found if one.matches(scope)[0] is Match.FULL), None)
    assert route is not None or path.startswith("/v1/"), f"{method} {path} is no page"
    return route


def start_of(role: Role) -> list[str]:
    """Return the addresses from which a role finds all others: the first page, and searches."""
    searches = [f"/console/search?q={words}" for words in ("QZABC2600101", "quist", "ember", "NL-TW", "P-TONEWORKS")]
    return ["/console", *(searches if role in PAGES["GET /console/search"] else [])]


def pages_of_role(office: Office, role: Role) -> dict[str, list[str]]:
    """Return the addresses of each page that a role reaches, by route."""
    ahead, found = start_of(role), dict[str, list[str]]()
    seen = set(ahead)
    with office.client(role) as client:
        while ahead:
            address = ahead.pop(0)
            answer = client.get(address)
            route = route_of("GET", urlsplit(address).path)
            if route is not None:
                found.setdefault(f"GET {route.path}", []).append(address)
            if route is None or "text/html" not in answer.headers.get("content-type", ""):
                continue
            ways = Ways(answer.text)
            for method, action in ways.forms:
                if method == "POST" and (sent_to := route_of(method, urlsplit(urljoin(address, action)).path)):
                    found.setdefault(f"POST {sent_to.path}", []).append(urljoin(address, action))
            links = {urldefrag(urljoin(address, one))[0] for one in ways.links}
            new = sorted(one for one in links - seen if not re.match("[a-z]+:", one))
            seen.update(new)
            ahead += new
    return found


@pytest.mark.parametrize("role", list(Role))
def test_nobody_is_led_to_a_page_that_refuses_them_or_says_nothing(office: Office, role: Role) -> None:
    ahead = start_of(role)
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


def test_no_page_shows_or_changes_an_object_of_another_organisation(office: Office) -> None:
    addresses = {
        (route.split()[0], address)
        for role in set(Role) - {Role.LICENSEE}  # who is of the other organisation
        for route, found in pages_of_role(office, role).items()
        for address in found
        if route in OF_OBJECTS and ("{" in route or "?" in address)
    }
    tried = {f"{method} {route.path}" for method, one in addresses if (route := route_of(method, urlsplit(one).path))}
    assert tried == OF_OBJECTS
    roles = sorted(set(Role) - {Role.LICENSEE})
    eve = new_person(office.service, "Eve", *roles, organisation="other")
    secrets = [title for title, _, _ in RECORDINGS.values()] + ["Mara Quist", "Toneworks Audio", "harbour_mix"]
    faults = []
    with poster(office.service, cookies_of(office.service, eve), Accept="text/html") as client:
        for method, address in sorted(addresses):
            answer = client.request(method, address)
            shown = [one for one in secrets if one in answer.text]
            if shown or answer.status_code not in ((404,) if method == "GET" else (404, 409, 422)):
                faults.append((method, address, answer.status_code, shown))
    assert faults == []
