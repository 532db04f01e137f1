"""Licensees: all who have a licence, a use or a statement; one of them, with licences and statements."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from fingerprint.errors import UnknownRightsError, printable
from sourceprint.places import today
from sourceprint.royalties.overview.licence_words import licence_in_words
from sourceprint.royalties.overview.licensees import list_licensees, unstated_reports
from sourceprint.royalties.rights.rights import load_rights
from sourceprint.royalties.statements.register import list_statements
from sourceprint.service.console.back_office.shown_statements import draft_query, statement_address
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.people.approvals import list_open
from sourceprint.service.people.persons import names_by_actor
from sourceprint.service.people.roles import Role

__all__ = ["router"]

router = APIRouter(prefix="/console", include_in_schema=False, route_class=ConsoleRoute)

_CHANGING = (Role.CATALOGUER, Role.ACCOUNTANT)
_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.AUDITOR, *_CHANGING)]


@router.get("/licensees")
def show_licensees(visitor: _Reader) -> HTMLResponse:
    """Show the licensees, by name, and the changes of licences that wait."""
    database = visitor.server.database
    with visitor.caller.rights.reading() as connection:
        found = list_licensees(connection)
    with database.reading() as connection:
        names = names_by_actor(connection, visitor.organisation)
        waiting = list_open(connection, visitor.organisation, "licence", now=database.now())
    return page(
        "licensees.html", visitor.sign_in, here="licensees", licensees=found, waiting=waiting, names=names,
        may_change=visitor.has_role(*_CHANGING),
    )  # fmt: skip


@router.get("/licensee")
def show_licensee(visitor: _Reader, of: Annotated[str, Query(max_length=600)]) -> HTMLResponse:
    """Show a licensee: its licences in words, its reports and its statements."""
    rights = visitor.caller.rights
    with rights.reading() as connection:
        found = next((one for one in list_licensees(connection) if one.id == of), None)
        if found is None:
            raise UnknownRightsError(f"licensee {printable(of)!r:.80}: has no licence, use or statement on file")
        licences = load_rights(connection, licensee=of).licences.values()
        reports = unstated_reports(connection, of)
    now = today()
    return page(
        "licensee.html", visitor.sign_in, here="licensees", licensee=found,
        reports=[(one, draft_query(of, one.period)) for one in reports], address=statement_address,
        licences=[(one, dict(licence_in_words(one.on(now)))) for one in licences if one.licensee == of],
        today=now, statements=list_statements(rights, of)[::-1],
        sees_money=visitor.has_role(Role.ADMIN, Role.AUDITOR, Role.ACCOUNTANT),
    )  # fmt: skip
