"""Additions to the catalogue: their list, newest first, and one of them as it goes on."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.console.audio.job_lines import document_of, job_lines
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.line.jobs import ADDITION, FAILED, QUEUED, RUNNING, Job, count_before, count_states, list_jobs
from sourceprint.service.people.roles import Role
from sourceprint.service.web.own_jobs import find_own

__all__ = ["router"]

router = APIRouter(prefix="/console/additions", include_in_schema=False, route_class=ConsoleRoute)

_Reader = Annotated[Visitor, as_role(Role.CATALOGUER, Role.AUDITOR)]
_PER_PAGE = 50


@router.get("")
def show_additions(visitor: _Reader, after: Annotated[str, Query(max_length=64)] = "") -> HTMLResponse:
    """Show additions, the newest first, with how many there are in each state."""
    with visitor.server.database.reading() as connection:
        found = list_jobs(
            connection, visitor.organisation, ADDITION, after=after, limit=_PER_PAGE + 1, newest_first=True
        )
        counts = count_states(connection, visitor.organisation, ADDITION)
    return page(
        "additions.html", visitor.sign_in, here="recordings", lines=job_lines(visitor, found[:_PER_PAGE], _outcome),
        counts=counts, more=found[_PER_PAGE - 1].id if len(found) > _PER_PAGE else "",
        is_open=counts[QUEUED] + counts[RUNNING] > 0 and not after, may_add=visitor.may(KeyScope.CATALOGUE_WRITE),
    )  # fmt: skip


@router.get("/{job_id}")
def show_addition(visitor: _Reader, job_id: str) -> HTMLResponse:
    """Show one addition: its place in the line while it waits, its recording once it is done."""
    found = find_own(visitor.caller, job_id, ADDITION)
    with visitor.server.database.reading() as connection:
        before = count_before(connection, found) if found.state == QUEUED else 0
    return page(
        "addition.html", visitor.sign_in, here="recordings", job=found, line=job_lines(visitor, [found], _outcome)[0],
        before=before, result=document_of(found.result), error=document_of(found.error),
        is_open=found.state in (QUEUED, RUNNING),
    )  # fmt: skip


def _outcome(found: Job) -> str:
    """Return the outcome of an addition in a few words."""
    if found.state == FAILED:
        return str(document_of(found.error).get("title", "failed"))
    return str(document_of(found.result).get("kind", ""))
