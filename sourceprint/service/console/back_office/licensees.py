"""Licensees: all who have a licence, a use or a statement."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from sourceprint.royalties.overview.licensees import list_licensees
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.people.roles import Role

__all__ = ["router"]

router = APIRouter(prefix="/console/licensees", include_in_schema=False, route_class=ConsoleRoute)

_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.CATALOGUER, Role.ACCOUNTANT, Role.AUDITOR)]


@router.get("")
def show_licensees(visitor: _Reader) -> HTMLResponse:
    """Show the licensees, by name."""
    with visitor.caller.rights.reading() as connection:
        found = list_licensees(connection)
    return page("licensees.html", visitor.sign_in, here="licensees", licensees=found)
