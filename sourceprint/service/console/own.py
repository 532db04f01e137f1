"""Pages about the signed-in person: the first page, and their passkeys."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from sourceprint.service.console.open_work import open_work
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import AnyVisitor, ConsoleRoute, Form
from sourceprint.service.people.challenges import take_challenge
from sourceprint.service.people.passkeys import (
    challenge_in,
    keep_passkey,
    list_passkeys,
    registration_options,
    remove_passkey,
    rename_passkey,
    verified_passkey,
)
from sourceprint.service.web.bodies import Body

__all__ = ["router"]

router = APIRouter(prefix="/console", include_in_schema=False, route_class=ConsoleRoute)


class NewPasskey(Body):
    """A further passkey of the signed-in person."""

    credential: dict[str, Any]
    name: str = Field(max_length=200)


@router.get("")
def show_first_page(visitor: AnyVisitor) -> HTMLResponse:
    """Show the first page: the person, what waits for them, and their roles."""
    with visitor.server.database.reading() as connection:
        n_passkeys = len(list_passkeys(connection, visitor.person.id))
    return page("home.html", visitor.sign_in, here="home", n_passkeys=n_passkeys, work=open_work(visitor))


@router.get("/passkeys")
def show_passkeys(visitor: AnyVisitor) -> HTMLResponse:
    """Show the passkeys of the signed-in person."""
    with visitor.server.database.reading() as connection:
        found = list_passkeys(connection, visitor.person.id)
    return page("passkeys.html", visitor.sign_in, here="passkeys", passkeys=found, used=visitor.sign_in.passkey_id)


@router.post("/passkeys/options")
def get_options(visitor: AnyVisitor) -> JSONResponse:
    """Give a challenge for a further passkey."""
    database, purpose = visitor.server.database, f"add:{visitor.sign_in.id}"
    with database.writing() as connection:
        options = registration_options(connection, visitor.person, visitor.server.origin, purpose, now=database.clock())
    return JSONResponse(options)


@router.post("/passkeys")
def add_passkey(visitor: AnyVisitor, new: NewPasskey) -> dict[str, str]:
    """Keep a further passkey."""
    database = visitor.server.database
    take_challenge(database, challenge_in(new.credential), f"add:{visitor.sign_in.id}")
    made = verified_passkey(new.credential, visitor.server.origin)
    with database.writing() as connection:
        keep_passkey(connection, visitor.person, made, new.name, at=database.now(), actor=visitor.actor)
    return {}


@router.post("/passkeys/{passkey_id}/name")
def name_passkey(visitor: AnyVisitor, passkey_id: str, sent: Form) -> Response:
    """Change the name of a passkey."""
    with visitor.server.database.writing() as connection:
        rename_passkey(connection, visitor.person, passkey_id, sent.get("name", [""])[0])
    return RedirectResponse("/console/passkeys", 303)


@router.post("/passkeys/{passkey_id}/removal")
def end_passkey(visitor: AnyVisitor, passkey_id: str) -> Response:
    """Refuse a passkey from here on."""
    database = visitor.server.database
    with database.writing() as connection:
        remove_passkey(connection, visitor.person, passkey_id, at=database.now(), actor=visitor.actor)
    return RedirectResponse("/console/passkeys", 303)
