"""Records of rights under a key: recordings, works, parties with their shares and licences, and their versions."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.rights.lookup import rights_to_json, rights_under_key
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.people.persons import names_by_actor
from sourceprint.service.people.roles import Role

__all__ = ["router"]

router = APIRouter(prefix="/console/rights", include_in_schema=False, route_class=ConsoleRoute)

_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.CATALOGUER, Role.REVIEWER, Role.ACCOUNTANT, Role.AUDITOR)]


@router.get("")
def show_records(visitor: _Reader, of: Annotated[str, Query(min_length=1, max_length=600)]) -> HTMLResponse:
    """Show the records of an id, ISRC or ISWC, as the API does."""
    with visitor.caller.rights.reading() as connection:
        found, history = rights_under_key(connection, of)
        shown = rights_to_json(found, of, history=history)
    with visitor.server.database.reading() as connection:
        names = names_by_actor(connection, visitor.organisation)
    return page(
        "rights.html", visitor.sign_in, here="search", of=of, found=shown["found"], history=shown["history"][::-1],
        names=names, percent=format_percent,
    )  # fmt: skip
