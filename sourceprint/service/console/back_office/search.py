"""Search: records, uses, statements, recordings and scans of the organisation, as far as a person may see them.

Scans are found by their own id and by what they found: a title, an owner, an ISRC.
"""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from sourceprint.royalties.overview.search import MOST, SearchHit, SearchHits, search
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.console.audio.job_lines import SCOPES
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.line.job_search import search_jobs
from sourceprint.service.line.jobs import CHECK, SCAN
from sourceprint.service.people.roles import Role
from sourceprint.service.web.recordings import find_own_recordings

__all__ = ["router"]

router = APIRouter(prefix="/console/search", include_in_schema=False, route_class=ConsoleRoute)

_READERS = (Role.ADMIN, Role.AUDITOR)
_MOST_CODES = 5  # each is looked for in every result
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
    words, found = " ".join(q.split()), dict[str, SearchHits]()
    if words:
        with visitor.caller.rights.reading() as connection:
            found = search(connection, words, kinds)
        found |= _in_the_catalogue(visitor, words)
        found |= _scans(
            visitor, words, [one.code for one in found["recordings"].items] if "recordings" in found else []
        )
    found = {kind: hits for kind, hits in found.items() if hits.items}
    return page("search.html", visitor.sign_in, here="search", q=words, found=found, kinds=kinds, most=MOST)


def _in_the_catalogue(visitor: Visitor, words: str) -> dict[str, SearchHits]:
    if not visitor.may(KeyScope.CATALOGUE_READ, reading=True):
        return {}
    found = find_own_recordings(visitor.caller, words, tag="", after="", limit=MOST)
    hits = [SearchHit(one.id, one.title, ", ".join(one.artists), one.isrc) for one in found.items]
    return {"in the catalogue": SearchHits(hits, found.next is not None)}


def _scans(visitor: Visitor, words: str, codes: list[str]) -> dict[str, SearchHits]:
    """Return the scans and checks that words name, or in which recordings of these codes were found."""
    kinds = [kind for kind in (SCAN, CHECK) if visitor.may(SCOPES[kind], reading=True)]
    if not kinds:
        return {}
    few = list(filter(None, codes))[:_MOST_CODES]
    with visitor.server.database.reading() as connection:
        found = search_jobs(connection, visitor.organisation, kinds, words, codes=few, limit=MOST + 1)
    hits = [SearchHit(job_id, name, "", reference) for job_id, name, reference in found]
    return {"scans": SearchHits(hits[:MOST], len(hits) > MOST)}
