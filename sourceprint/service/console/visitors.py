"""Who opens a page of the console: a signed-in person with the right roles, on our own origin; refusals as pages."""

import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote

from anyio import to_thread
from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from fingerprint.errors import SourceprintError
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.api_words import in_console_words
from sourceprint.service.console.pages import page
from sourceprint.service.people.persons import ServicePerson, find_person
from sourceprint.service.people.roles import Role, scopes_of
from sourceprint.service.people.sign_ins import SignIn
from sourceprint.service.server import Server
from sourceprint.service.store.outbox import note_event
from sourceprint.service.web.caller import Caller, Serving
from sourceprint.service.web.problems import Refused, status_of
from sourceprint.service.web.sign_in_cookie import (
    CSRF_HEADER,
    expect_csrf,
    expect_own_origin,
    is_reading,
    signed_in,
)

__all__ = ["AnyVisitor", "ConsoleRoute", "Door", "Form", "Knocking", "Visitor", "as_role", "field_of", "own_path"]

_KNOCKS_PER_MINUTE = 20  # of one address, at the doors that need no sign-in
_MOST_FORM_BYTES = 64_000
_OWN_PATH = re.compile(r"/console(?:/[A-Za-z0-9_-]+)*(?:\?[A-Za-z0-9_.~%&=+*-]*)?")


class ConsoleRoute(APIRoute):
    """A route whose refusals are pages, where a browser asks for one; without a sign-in it leads to that page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        plain = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await plain(request)
            except (HTTPException, SourceprintError, RequestValidationError) as error:
                if "text/html" not in request.headers.get("accept", ""):
                    raise
                if isinstance(error, Refused) and error.status_code == 401:
                    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                    return RedirectResponse(f"/console/sign-in?next={quote(asked)}", 303)
                status, title, detail = status_of(request, error)
                detail = in_console_words(detail)
                return page("refused.html", status=status, code=status, title_=title, detail=detail)

        return handler


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person on a page of ours.

    Attributes
    ----------
    sign_in : SignIn
    person : ServicePerson
    server : Server
    """

    sign_in: SignIn
    person: ServicePerson
    server: Server

    @property
    def organisation(self) -> str:
        """Id of the person's organisation: everything that is read or written belongs to it."""
        return self.sign_in.organisation_id

    @property
    def actor(self) -> str:
        """The person in entries of the log, and in the database of rights."""
        return self.sign_in.actor

    @property
    def caller(self) -> Caller:
        """The person as a caller of the API, whose functions the pages share."""
        return Caller(self.sign_in, self.server)

    def has_role(self, *roles: Role) -> bool:
        """Return whether the person has one of some roles."""
        return not set(roles).isdisjoint(self.person.roles)

    def may(self, scope: KeyScope, *, reading: bool = False) -> bool:
        """Return whether the roles bring a scope, for a request that only reads, or for any."""
        return scope in scopes_of(self.person.roles, reading=reading)


@dataclass(frozen=True, slots=True)
class Door:
    """A request to a door that needs no sign-in.

    Attributes
    ----------
    server : Server
    """

    server: Server
    _address: str

    def note_refusal(self, reason: str, claimed: ServicePerson | None = None) -> None:
        """Enter a refused sign-in into the log, at most 60 in a minute from one address."""
        if self.server.rates.take(f"refused {self._address}", 60):
            return
        told = {"reason": reason} | ({} if claimed is None else {"claimed_person": claimed.id})
        with self.server.database.writing() as connection:
            note_event(
                connection, "sign_in.refused", at=self.server.database.now(), actor="unknown",
                organisation="" if claimed is None else claimed.organisation_id, data=told,
            )  # fmt: skip


def expect_own_host(request: Request, server: Serving) -> None:
    """Refuse a page under another name than that to which passkeys are bound."""
    if (request.url.hostname or "").lower() != server.origin.host:
        raise Refused(421, "other address", f"the console is at {server.origin.text}/console; open it there")


def knock(request: Request, server: Serving) -> Door:
    """Return a request that changes something without a sign-in; 403 from other origins, 429 if there are too many."""
    expect_own_host(request, server)
    expect_own_origin(request, server)
    address = request.client.host if request.client else ""
    if wait := server.rates.take(f"door {address}", _KNOCKS_PER_MINUTE):
        told = {"Retry-After": str(int(wait) + 1)}
        raise Refused(429, "too many tries", f"wait {int(wait) + 1} s, then try again", told)
    return Door(server, address)


Knocking = Annotated[Door, Depends(knock)]


async def visit(request: Request, server: Serving) -> Visitor:
    """Return the person who opens a page; 401 without a sign-in, 403 for a change that is not from our pages."""
    fields: dict[str, list[str]] = {}
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        fields = await _form(request)
    request.state.form = fields
    token = request.headers.get(CSRF_HEADER, "") or fields.get("csrf", [""])[0]
    return await to_thread.run_sync(_visit, request, server, token)


AnyVisitor = Annotated[Visitor, Depends(visit)]
"""A signed-in person, whatever the roles."""


def sent_form(request: Request, _visitor: AnyVisitor) -> dict[str, list[str]]:
    """Return the fields of a form whose sender may change something."""
    fields: dict[str, list[str]] = request.state.form
    return fields


Form = Annotated[dict[str, list[str]], Depends(sent_form)]
"""The fields of a form, each with its values."""


def field_of(sent: Mapping[str, list[str]], name: str) -> str:
    """Return the first value of a field of a form; "" where it has none."""
    return sent.get(name, [""])[0]


def as_role(*roles: Role) -> Any:
    """Return the dependency of a route: a visitor with one of these roles; a refusal is an entry of the log."""

    def visitor_with_role(visitor: AnyVisitor) -> Visitor:
        if not visitor.has_role(*roles):
            with visitor.server.database.writing() as connection:
                note_event(
                    connection, "access.refused", at=visitor.server.database.now(), organisation=visitor.organisation,
                    actor=visitor.actor, data={"reason": f"role {' or '.join(roles)}"},
                )  # fmt: skip
            raise Refused(403, "role missing", f"this page is for the role {' or '.join(roles)}; ask an admin for it")
        return visitor

    return Depends(visitor_with_role)


def own_path(text: str) -> str:
    """Return a path of the console that a link named, with its query, or the first page: never an address elsewhere.

    Examples
    --------
    >>> own_path("/console/recording?id=A%2F1"), own_path("//evil.example/console"), own_path("/console/../x")
    ('/console/recording?id=A%2F1', '/console', '/console')
    """
    return text if _OWN_PATH.fullmatch(text) else "/console"


def _visit(request: Request, server: Server, token: str) -> Visitor:
    expect_own_host(request, server)
    found = signed_in(request, server)
    if found is None:
        raise Refused(401, "not signed in", f"sign in at {server.origin.text}/console/sign-in")
    if not is_reading(request):
        expect_own_origin(request, server)
        expect_csrf(found, token)
    with server.database.reading() as connection:
        person = find_person(connection, found.organisation_id, found.person_id)
    return Visitor(found, person, server)


async def _form(request: Request) -> dict[str, list[str]]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_FORM_BYTES:
            raise Refused(413, "body too long", f"a form may have {_MOST_FORM_BYTES // 1000} kB")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=200)
    except ValueError as error:
        raise Refused(422, "invalid request", "the body is no form") from error
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields
