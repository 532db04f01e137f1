"""The log of the organisation, or of one thing: entries, the newest first, each with its number and its proof."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from sourceprint.royalties.overview.chain_places import THINGS, ChainPlace, chain_places
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.people.persons import names_by_actor
from sourceprint.service.people.roles import Role
from sourceprint.service.store.outbox import own_entries

__all__ = ["router"]

router = APIRouter(prefix="/console/log", include_in_schema=False, route_class=ConsoleRoute)

_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.AUDITOR)]
_MOST_ENTRIES = 2**40
_ON_A_PAGE = 100


@router.get("")
def show_log(
    visitor: _Reader,
    about: Annotated[str, Query(max_length=600)] = "",
    before: Annotated[int, Query(ge=0, le=_MOST_ENTRIES)] = _MOST_ENTRIES,
) -> HTMLResponse:
    """Show a page of the log, all of it or what is about one thing or by one actor; the newest entries first."""
    about = about.strip()
    places = _places(visitor, about)
    subjects = [about, *(f"chain:{one}" for one in places)] if about else []
    with visitor.server.database.reading() as connection:
        found = own_entries(connection, visitor.organisation, before=before, about=subjects, limit=_ON_A_PAGE + 1)
        names = names_by_actor(connection, visitor.organisation)
    shown = found[:_ON_A_PAGE]
    in_log = {one.entry["subject"] for one in found}
    waiting = [one for of, each in places.items() if f"chain:{of}" not in in_log for one in each]
    return page(
        "log.html", visitor.sign_in, here="log", entries=shown, names=names, about=about,
        places={f"chain:{of}": each for of, each in places.items()},
        waiting=waiting if before == _MOST_ENTRIES and len(found) <= _ON_A_PAGE else [],
        more=shown[-1].index if len(found) > _ON_A_PAGE else None,
    )  # fmt: skip


def _places(visitor: Visitor, about: str) -> dict[int, list[ChainPlace]]:
    """Return the changes of a thing of rights by the entry of the chain that covers them."""
    kind, _, thing_id = about.partition(":")
    if kind not in THINGS or not thing_id:
        return {}
    with visitor.caller.rights.reading() as connection:
        found = chain_places(connection, kind, thing_id)
    by_entry: dict[int, list[ChainPlace]] = {}
    for one in found:
        by_entry.setdefault(one.sequence, []).append(one)
    return by_entry
