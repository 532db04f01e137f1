"""Sign-ins that hold, for admins: who, with which passkey, since when; and ended on the word of an admin."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.people.persons import find_person
from sourceprint.service.people.roles import Role
from sourceprint.service.people.sign_ins import IDLE_MINUTES, LONGEST_HOURS, list_sign_ins, sign_out

__all__ = ["router"]

router = APIRouter(prefix="/console/sign-ins", include_in_schema=False, route_class=ConsoleRoute)

_Admin = Annotated[Visitor, as_role(Role.ADMIN)]
_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.AUDITOR)]


@router.get("")
def show_sign_ins(visitor: _Reader) -> HTMLResponse:
    """Show the sign-ins that hold."""
    database = visitor.server.database
    with database.reading() as connection:
        found = list_sign_ins(connection, visitor.organisation, now=database.clock())
    return page(
        "sign_ins.html", visitor.sign_in, here="people", sign_ins=found, own=visitor.sign_in.id,
        may_change=visitor.has_role(Role.ADMIN), minutes=IDLE_MINUTES, hours=LONGEST_HOURS,
    )  # fmt: skip


@router.post("/{person_id}/end")
def end_of_person(visitor: _Admin, person_id: str) -> Response:
    """End all sign-ins of a person."""
    database = visitor.server.database
    with database.writing() as connection:
        found = find_person(connection, visitor.organisation, person_id)
        sign_out(connection, visitor.organisation, found.id, at=database.now(), actor=visitor.actor)
    return RedirectResponse("/console/sign-ins", 303)
