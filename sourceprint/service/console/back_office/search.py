"""Search: records, uses and statements of the organisation, as far as the roles of the person may see them."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from sourceprint.royalties.overview.search import MOST, search
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.people.roles import Role

__all__ = ["router"]

router = APIRouter(prefix="/console/search", include_in_schema=False, route_class=ConsoleRoute)

_READERS = (Role.ADMIN, Role.AUDITOR)
_ANYONE = (Role.CATALOGUER, Role.REVIEWER, Role.ACCOUNTANT)
_MAY_SEE = {
    "recordings": _ANYONE,
    "works": _ANYONE,
    "parties": _ANYONE,
    "licences": (Role.CATALOGUER, Role.ACCOUNTANT),
    "uses": (Role.REVIEWER, Role.ACCOUNTANT),
    "statements": (Role.ACCOUNTANT,),
}
_Searcher = Annotated[Visitor, as_role(*_READERS, *_ANYONE)]


@router.get("")
def show_found(visitor: _Searcher, q: Annotated[str, Query(max_length=512)] = "") -> HTMLResponse:
    """Show the records that a text names."""
    kinds = [kind for kind, roles in _MAY_SEE.items() if visitor.has_role(*_READERS, *roles)]
    found = {}
    if q.strip():
        with visitor.caller.rights.reading() as connection:
            found = search(connection, q, kinds)
    return page("search.html", visitor.sign_in, here="search", q=q.strip(), found=found, kinds=kinds, most=MOST)
