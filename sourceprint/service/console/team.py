"""The people of an organisation, for its admins: add, change roles, make a one-time link, remove; auditors read."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Form, Visitor, as_role, field_of
from sourceprint.service.people.invitations import LINK_HOURS, invite
from sourceprint.service.people.passkeys import last_uses
from sourceprint.service.people.persons import (
    ServicePerson,
    add_person,
    change_roles,
    find_person,
    list_persons,
    remove_person,
    rename_person,
)
from sourceprint.service.people.roles import Role

__all__ = ["router"]

router = APIRouter(prefix="/console/people", include_in_schema=False, route_class=ConsoleRoute)

_Admin = Annotated[Visitor, as_role(Role.ADMIN)]
_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.AUDITOR)]


@router.get("")
def show_people(visitor: _Reader) -> HTMLResponse:
    """Show the people of the organisation, with their roles and passkeys."""
    with visitor.server.database.reading() as connection:
        return _people_page(connection, visitor)


@router.post("")
def invite_person(visitor: _Admin, sent: Form) -> HTMLResponse:
    """Add a person, and show the one-time link: this once."""
    database = visitor.server.database
    with database.writing() as connection:
        added = add_person(
            connection, visitor.organisation, sent.get("name", [""])[0], sent.get("role", []), at=database.now(),
            actor=visitor.actor,
        )  # fmt: skip
        return _with_link(connection, visitor, added)


@router.post("/{person_id}/link")
def make_link(visitor: _Admin, person_id: str) -> HTMLResponse:
    """Make a new one-time link for a person who lost all passkeys, and show it: this once."""
    with visitor.server.database.writing() as connection:
        return _with_link(connection, visitor, find_person(connection, visitor.organisation, person_id))


@router.post("/{person_id}/roles")
def set_roles(visitor: _Admin, person_id: str, sent: Form) -> Response:
    """Give a person other roles."""
    database = visitor.server.database
    with database.writing() as connection:
        change_roles(
            connection, visitor.organisation, person_id, sent.get("role", []), at=database.now(), actor=visitor.actor
        )
    return RedirectResponse("/console/people", 303)


@router.post("/{person_id}/name")
def set_name(visitor: _Admin, person_id: str, sent: Form) -> Response:
    """Give a person another name."""
    database = visitor.server.database
    with database.writing() as connection:
        rename_person(
            connection, visitor.organisation, person_id, field_of(sent, "name"), at=database.now(), actor=visitor.actor
        )
    return RedirectResponse("/console/people", 303)


@router.post("/{person_id}/removal")
def end_person(visitor: _Admin, person_id: str) -> Response:
    """Refuse every sign-in of a person from here on."""
    database = visitor.server.database
    with database.writing() as connection:
        remove_person(connection, visitor.organisation, person_id, at=database.now(), actor=visitor.actor)
    return RedirectResponse("/console/people", 303)


def _with_link(connection: Connection, visitor: Visitor, guest: ServicePerson) -> HTMLResponse:
    token = invite(connection, guest, now=visitor.server.database.clock(), actor=visitor.actor)
    return _people_page(connection, visitor, guest=guest, link=visitor.server.link(token))


def _people_page(
    connection: Connection, visitor: Visitor, *, guest: ServicePerson | None = None, link: str = ""
) -> HTMLResponse:
    people = list_persons(connection, visitor.organisation)
    return page(
        "people.html", visitor.sign_in, here="people", people=people, uses=last_uses(connection, visitor.organisation),
        roles=list(Role), may_change=Role.ADMIN in visitor.person.roles, guest=guest, link=link, hours=LINK_HOURS,
    )  # fmt: skip
