"""Scans and checks: their lists, newest first, and one of them as it goes on, with its matches; erasure.

Reviewers submit and erase; admins and auditors read. A licensee sees the checks that it submitted itself, whose results
have the fields of its grant alone. The functions are those of the API: `sourceprint.service.web`.
"""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from fingerprint.errors import ParameterError
from sourceprint.evidence.pages.page import inset
from sourceprint.evidence.pages.words import in_odds, outcome
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.console.audio.job_lines import SCOPES, document_of, job_lines
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.line.evidence import list_evidence
from sourceprint.service.line.jobs import (
    CHECK,
    FAILED,
    QUEUED,
    RUNNING,
    SCAN,
    STATES,
    Job,
    count_before,
    count_states,
    list_jobs,
)
from sourceprint.service.people.roles import Role
from sourceprint.service.web.own_jobs import erase_job, find_own, send_evidence
from sourceprint.text.tables import clock, counted

__all__ = ["router"]

router = APIRouter(prefix="/console/scans", include_in_schema=False, route_class=ConsoleRoute)

_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.REVIEWER, Role.AUDITOR, Role.LICENSEE)]
_Worker = Annotated[Visitor, as_role(Role.REVIEWER, Role.LICENSEE)]
_PER_PAGE = 50


@router.get("")
def show_scans(
    visitor: _Reader,
    kind: Annotated[str, Query(max_length=10)] = "",
    state: Annotated[str, Query(max_length=10)] = "",
    reference: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[str, Query(max_length=64)] = "",
) -> HTMLResponse:
    """Show scans or checks, the newest first, with how many there are in each state."""
    kinds = _kinds(visitor)
    wanted = kind or kinds[0]
    if wanted not in kinds or state not in ("", *STATES):
        raise ParameterError(f"kind {kind!r:.20}, state {state!r:.20}: open the list anew, and choose from its ways")
    caller = visitor.caller
    by = caller.actor if caller.sees_own_alone else ""
    with visitor.server.database.reading() as connection:
        found = list_jobs(
            connection, visitor.organisation, wanted, state=state, reference=reference.strip(), after=after,
            limit=_PER_PAGE + 1, by=by, newest_first=True,
        )  # fmt: skip
        counts = count_states(connection, visitor.organisation, wanted, by=by)
    shown = found[:_PER_PAGE]

    def way(**named: str) -> str:
        kept = {"kind": wanted, "state": state, "reference": reference} | named
        return f"/console/scans?{urlencode({name: value for name, value in kept.items() if value})}"

    return page(
        "scans.html", visitor.sign_in, here="scans", lines=job_lines(visitor, shown, _outcome),
        counts=counts, kinds=kinds, kind=wanted, state=state,
        reference=reference, way=way, more=way(after=shown[-1].id) if len(found) > _PER_PAGE else "",
        may_submit=visitor.may(SCOPES[wanted]), is_open=counts[QUEUED] + counts[RUNNING] > 0 and not after, after=after,
    )  # fmt: skip


@router.get("/{job_id}")
def show_scan(visitor: _Reader, job_id: str) -> HTMLResponse:
    """Show one scan or check: its place in the line while it waits, its matches once it is done."""
    found = find_own(visitor.caller, job_id, *_kinds(visitor))
    with visitor.server.database.reading() as connection:
        before = count_before(connection, found) if found.state == QUEUED else 0
        kept = list_evidence(connection, found.id)
    track = _track(found)
    return page(
        "scan.html", visitor.sign_in, here="scans", job=found, line=job_lines(visitor, [found], _outcome)[0],
        before=before, track=track, clock=clock, in_odds=in_odds,
        matches=[] if track is None else track["matches"], report=_report(found), error=document_of(found.error),
        kept=kept, is_open=found.state in (QUEUED, RUNNING), may_erase=visitor.may(SCOPES[found.kind]),
        may_see_recordings=found.grant_id is None and visitor.may(KeyScope.CATALOGUE_READ, reading=True),
    )  # fmt: skip


@router.get("/{job_id}/evidence")
def show_evidence(visitor: _Reader, job_id: str) -> HTMLResponse:
    """Show the page of evidence that was made with the result; 409 with the reason where there is none."""
    found = find_own(visitor.caller, job_id, *_kinds(visitor))
    content = send_evidence(visitor.caller, found.id, found.kind, "page").body
    with visitor.server.database.reading() as connection:
        kept = list_evidence(connection, found.id)
    return page(
        "evidence.html", visitor.sign_in, here="scans", evidence=inset(bytes(content)), job=found,
        name=document_of(found.arguments)["name"], kept=kept,
    )  # fmt: skip


@router.post("/{job_id}/erasure")
def erase(visitor: _Worker, job_id: str) -> Response:
    """Erase audio, result and evidence of a scan or check for good."""
    found = find_own(visitor.caller, job_id, *_kinds(visitor))
    erase_job(visitor.caller, found.id, found.kind)
    return RedirectResponse(f"/console/scans/{found.id}", 303)


def _kinds(visitor: Visitor) -> list[str]:
    """Return the kinds that a visitor may see: checks alone for a licensee."""
    return [kind for kind in (SCAN, CHECK) if visitor.may(SCOPES[kind], reading=True)]


def _report(found: Job) -> dict[str, Any]:
    """Return the report of a check; empty for a scan, and before there is one."""
    return document_of(found.result) if found.kind == CHECK else {}


def _track(found: Job) -> dict[str, Any] | None:
    """Return the row of a scan result, which a check holds too; None where there is none."""
    result = document_of(found.result)
    files = result.get("files", []) if found.kind == CHECK else [result] if result else []
    return files[0] if files else None


def _outcome(found: Job) -> str:
    """Return the outcome of a job in a few words."""
    if found.erased_at:
        return "erased"
    if found.state == FAILED:
        return str(document_of(found.error).get("title", "failed"))
    track, report = _track(found), _report(found)
    if track is None:
        return str(report["not_scanned"][0]["reason"]) if report.get("not_scanned") else ""
    heard = counted(len(track["matches"]), "recording") if track["matches"] else outcome(track["status"])
    return f"{track['decision']}, {heard}" if "decision" in track else heard
