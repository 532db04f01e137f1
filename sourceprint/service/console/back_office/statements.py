"""Statements: those that were issued, by licensee and period, and those that wait for their second person."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from sourceprint.royalties.overview.licensees import list_licensees
from sourceprint.royalties.statements.register import list_statements
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.people.persons import names_by_actor
from sourceprint.service.people.roles import Role

__all__ = ["router"]

router = APIRouter(prefix="/console/statements", include_in_schema=False, route_class=ConsoleRoute)

_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.ACCOUNTANT, Role.AUDITOR)]


@router.get("")
def show_statements(visitor: _Reader, licensee: Annotated[str, Query(max_length=200)] = "") -> HTMLResponse:
    """Show the statements that were issued, the newest first."""
    rights = visitor.caller.rights
    with rights.reading() as connection:
        licensees = {one.id: one.name for one in list_licensees(connection)}
    with visitor.server.database.reading() as connection:
        names = names_by_actor(connection, visitor.organisation)
    return page(
        "statements.html", visitor.sign_in, here="statements", statements=list_statements(rights, licensee)[::-1],
        licensees=licensees, licensee=licensee, names=names,
    )  # fmt: skip
