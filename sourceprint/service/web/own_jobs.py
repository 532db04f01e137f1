"""Jobs of the caller's organisation: found, with their evidence, and erased."""

import json
from typing import Any, Literal

from fastapi.responses import Response
from sqlalchemy import update

from sourceprint.service.line.evidence import EVIDENCE_CASE, EVIDENCE_PAGE, drop_evidence, find_evidence
from sourceprint.service.line.jobs import DONE, FAILED, QUEUED, Job, find_job
from sourceprint.service.problem_kinds import type_of
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import job as job_table
from sourceprint.service.web.caller import Caller
from sourceprint.service.web.problems import Refused, responses
from sourceprint.signatures import private_keys

__all__ = [
    "EVIDENCE_ABOUT",
    "EVIDENCE_ANSWER",
    "EVIDENCE_PATTERN",
    "EvidenceKind",
    "erase_job",
    "find_own",
    "send_evidence",
    "wanted_evidence",
]

EvidenceKind = Literal["page", "case"]
EVIDENCE_PATTERN = r"^(|page|case|page,case|case,page)$"
EVIDENCE_ABOUT = 'Evidence to make while the audio is there: "page", "case" or "page,case"'
EVIDENCE_ANSWER: dict[int | str, dict[str, Any]] = responses(404, 409) | {
    200: {
        "description": "The page (one HTML file that loads nothing) or the case (a ZIP file for `sourceprint verify`)",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("text/html", "application/zip")
        },
    }
}
"""Documentation of a route that sends evidence."""

_FILES = {EVIDENCE_PAGE: ("text/html; charset=utf-8", "html"), EVIDENCE_CASE: ("application/zip", "zip")}


def find_own(caller: Caller, job_id: str, *kinds: str) -> Job:
    """Return a job of the caller's organisation, for a licensee one of its own; 404 if there is none with this id."""
    with caller.server.database.reading() as connection:
        found = find_job(connection, caller.organisation, job_id)
    if found is None or found.kind not in kinds or (caller.sees_own_alone and found.created_by != caller.actor):
        raise Refused(404, "not found", f"{' or '.join(kinds)} {job_id[:64]}: is not there")
    return found


def wanted_evidence(caller: Caller, text: str, *, grant: str = "") -> tuple[str, ...]:
    """Return the kinds of evidence in a parameter.

    Raises
    ------
    Refused
        409, if a case is wanted, and the organisation has no key to sign with, or a grant is used.
    """
    wanted = tuple(sorted(filter(None, text.split(",")), reverse=True))
    if EVIDENCE_CASE not in wanted:
        return wanted
    if grant:
        detail = (
            "evidence=case: a case holds landmarks of recordings, which a grant does not give; ask for the page, or "
            "ask the owner of the catalogue"
        )
        raise Refused(409, "no case", detail)
    if next(private_keys(caller.server.folder.organisation(caller.organisation).keys), None) is None:
        detail = (
            "evidence=case: this organisation has no key to sign with; the operator makes one with `sourceprint keys "
            "create` in its folder keys/"
        )
        raise Refused(409, "no case", detail)
    return wanted


def send_evidence(caller: Caller, job_id: str, kind: str, evidence: EvidenceKind) -> Response:
    """Return the answer with the evidence of a job; 409 where there is none, with the reason and the remedy."""
    found = find_own(caller, job_id, kind)
    with caller.server.database.reading() as connection:
        document = find_evidence(connection, job_id, evidence)
    if document is None or document.content is None:
        if document is not None:
            reason = document.reason or ""
        elif found.erased_at:
            reason = "it was erased"
        elif found.state not in (DONE, FAILED):
            reason = f"it is {found.state}; ask again once it is done"
        elif found.state == FAILED:
            reason = "it failed"
        else:
            again = f"submit the audio again with evidence={evidence}"
            reason = f"none was asked for, and its audio is deleted with the outcome; {again}"
        raise Refused(409, "no evidence", f"{kind} {job_id}, evidence {evidence}: {reason}")
    media_type, ending = _FILES[evidence]
    headers = {"Content-Disposition": f'attachment; filename="{evidence}-{found.id}.{ending}"'}
    return Response(document.content, media_type=media_type, headers=headers)


def erase_job(caller: Caller, job_id: str, kind: str) -> None:
    """Erase audio, result and evidence of a job for good; that it was erased stays in the log; 409 if it is running."""
    found, server = find_own(caller, job_id, kind), caller.server
    with server.database.writing() as connection:
        at = server.database.now()
        final = job_table.c.state.in_((QUEUED, DONE, FAILED))
        same = (job_table.c.id == job_id) & final & job_table.c.erased_at.is_(None)
        empty = {"state": DONE if found.state == DONE else FAILED, "result": None, "upload": None, "erased_at": at}
        if found.state == QUEUED:
            detail = "it was erased before it was searched"
            empty |= {"error": json.dumps({"type": type_of("erased"), "title": "erased", "detail": detail})}
        changed = connection.execute(update(job_table).where(same).values(**empty)).rowcount
        if changed:
            drop_evidence(connection, [job_id])
            note_event(
                connection, f"{kind}.erased", at=at, organisation=caller.organisation, actor=caller.actor,
                subject=f"{kind}:{job_id}",
            )  # fmt: skip
    if not changed and not found.erased_at:
        detail = f"{kind} {job_id} is being searched; erase it once it is done"
        raise Refused(409, "running", detail, {"Retry-After": "5"})
    if found.upload is not None:
        (server.folder.uploads / found.upload).unlink(missing_ok=True)
