"""The log of the organisation: its entries, the newest first, each with its number and its proof."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.people.persons import names_by_actor
from sourceprint.service.people.roles import Role
from sourceprint.service.web.log_entries import own_entries

__all__ = ["router"]

router = APIRouter(prefix="/console/log", include_in_schema=False, route_class=ConsoleRoute)

_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.AUDITOR)]
_MOST_ENTRIES = 2**40
_ON_A_PAGE = 100


@router.get("")
def show_log(visitor: _Reader, before: Annotated[int, Query(ge=0, le=_MOST_ENTRIES)] = _MOST_ENTRIES) -> HTMLResponse:
    """Show a page of the log, the newest entries first."""
    with visitor.server.database.reading() as connection:
        found = own_entries(connection, visitor.organisation, before=before, limit=_ON_A_PAGE + 1)
        names = names_by_actor(connection, visitor.organisation)
    shown = found[:_ON_A_PAGE]
    return page(
        "log.html", visitor.sign_in, here="log", entries=shown, names=names,
        more=shown[-1].index if len(found) > _ON_A_PAGE else None,
    )  # fmt: skip
