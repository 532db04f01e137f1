"""Ways in and out: sign in with a passkey, make the first one with a one-time link, sign out."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import Field
from starlette.responses import Response

from fingerprint.errors import SignInError
from sourceprint.service.access.organisations import organisation_name
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import AnyVisitor, ConsoleRoute, Knocking, expect_own_host, own_path
from sourceprint.service.people.challenges import take_challenge
from sourceprint.service.people.invitations import find_invitation, use_invitation
from sourceprint.service.people.passkeys import (
    challenge_in,
    claimed_owner,
    keep_passkey,
    registration_options,
    remove_passkeys,
    sign_in_options,
    verified_passkey,
    verify_sign_in,
)
from sourceprint.service.people.persons import rename_person
from sourceprint.service.people.sign_ins import end_sign_in, start_sign_in
from sourceprint.service.store.outbox import note_event
from sourceprint.service.web.bodies import Body
from sourceprint.service.web.caller import Serving
from sourceprint.service.web.sign_in_cookie import forget_sign_in, keep_sign_in, signed_in

__all__ = ["router"]

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

_SIGN_IN = "sign-in"


class PasskeyAnswer(Body):
    """The answer of a browser to a challenge."""

    credential: dict[str, Any]


class LinkToken(Body):
    """The secret text of a one-time link."""

    token: str = Field(max_length=200)


class FirstPasskey(LinkToken):
    """A passkey that was made with a one-time link."""

    credential: dict[str, Any]
    person: str = Field(max_length=200)
    name: str = Field(max_length=200)


@router.get("/")
@router.get("/console/")
def go_to_console() -> Response:
    """Lead people who open the server's address, or that of the console with a stroke after it, to the console."""
    return RedirectResponse("/console", 303)


@router.get("/console/sign-in")
def show_sign_in(request: Request, server: Serving, next_: Annotated[str, Query(alias="next")] = "") -> Response:
    """Show the page on which people sign in."""
    expect_own_host(request, server)
    if signed_in(request, server) is not None:
        return RedirectResponse(own_path(next_), 303)
    return page("sign_in.html", next_=own_path(next_))


@router.post("/console/sign-in/options")
def get_sign_in_options(door: Knocking) -> JSONResponse:
    """Give a challenge for any passkey of this service."""
    database = door.server.database
    with database.writing() as connection:
        return JSONResponse(sign_in_options(connection, door.server.origin, _SIGN_IN, now=database.clock()))


@router.post("/console/sign-in")
def sign_in(door: Knocking, answer: PasskeyAnswer) -> Response:
    """Start a sign-in, if a passkey signed the challenge and the device verified its person."""
    database = door.server.database
    try:
        take_challenge(database, challenge_in(answer.credential), _SIGN_IN)
        with database.writing() as connection:
            at = database.now()
            person, used = verify_sign_in(connection, answer.credential, door.server.origin, at=at)
            token = start_sign_in(connection, person.id, used.id, now=database.clock())
            note_event(
                connection, "person.signed_in", at=at, actor=person.actor, organisation=person.organisation_id,
                subject=person.actor, data={"passkey": used.id},
            )  # fmt: skip
    except SignInError as error:
        with database.reading() as connection:
            claimed = claimed_owner(connection, answer.credential)
        door.note_refusal(str(error), claimed)
        raise
    response = JSONResponse({})
    keep_sign_in(response, door.server, token)
    return response


@router.get("/console/join")
def show_join(request: Request, server: Serving) -> HTMLResponse:
    """Show the page of a one-time link; the browser keeps its secret, which stands after the #, to itself."""
    expect_own_host(request, server)
    return page("join.html")


@router.post("/console/join/look")
def look_at_link(door: Knocking, link: LinkToken) -> dict[str, str]:
    """Say for whom a one-time link is."""
    database = door.server.database
    try:
        with database.reading() as connection:
            guest = find_invitation(connection, link.token, now=database.now()).person
            return {"person": guest.name, "organisation": organisation_name(connection, guest.organisation_id)}
    except SignInError as error:
        door.note_refusal(str(error))
        raise


@router.post("/console/join/options")
def get_join_options(door: Knocking, link: LinkToken) -> JSONResponse:
    """Give a challenge for the first passkey of the person of a link."""
    database = door.server.database
    with database.writing() as connection:
        now = database.clock()
        found = find_invitation(connection, link.token, now=database.now())
        options = registration_options(connection, found.person, door.server.origin, f"join:{found.id}", now=now)
    return JSONResponse(options | {"excludeCredentials": []})


@router.post("/console/join")
def join(door: Knocking, first: FirstPasskey) -> Response:
    """Keep the passkey that was made with a link, in place of all earlier ones, and start a sign-in."""
    database, server = door.server.database, door.server
    try:
        with database.reading() as connection:
            found = find_invitation(connection, first.token, now=database.now())
        take_challenge(database, challenge_in(first.credential), f"join:{found.id}")
        made = verified_passkey(first.credential, server.origin)
        with database.writing() as connection:  # link, passkey and sign-in together, or none of them
            at, guest = database.now(), found.person
            use_invitation(connection, found, at=at)
            remove_passkeys(connection, guest, at=at, actor=guest.actor)
            if " ".join(first.person.split()) != guest.name:
                rename_person(connection, guest.organisation_id, guest.id, first.person, at=at, actor=guest.actor)
            kept = keep_passkey(connection, guest, made, first.name, at=at, actor=guest.actor)
            token = start_sign_in(connection, guest.id, kept.id, now=database.clock())
    except SignInError as error:
        door.note_refusal(str(error))
        raise
    response = JSONResponse({})
    keep_sign_in(response, server, token)
    return response


@router.post("/console/sign-out")
def sign_out(visitor: AnyVisitor) -> Response:
    """End the sign-in."""
    database = visitor.server.database
    with database.writing() as connection:
        at = database.now()
        end_sign_in(connection, visitor.sign_in.id, at=at)
        note_event(
            connection, "person.signed_out", at=at, actor=visitor.actor, organisation=visitor.organisation,
            subject=visitor.actor,
        )  # fmt: skip
    response = RedirectResponse("/console/sign-in", 303)
    forget_sign_in(response, visitor.server)
    return response
