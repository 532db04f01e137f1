"""Jobs as the API shows them, page by page; and their submission, once for each idempotency key."""

import hashlib
import json
from typing import Annotated, Any, Literal

from fastapi import Header, Query
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from sourceprint.service.access.grants import find_grant, spend_grant
from sourceprint.service.line.arguments import (
    AdditionArguments,
    CheckArguments,
    ScanArguments,
    encode_arguments,
)
from sourceprint.service.line.jobs import Job, add_jobs, find_repeated, list_jobs
from sourceprint.service.store.outbox import note_event
from sourceprint.service.web.caller import BUDGET_SPENT, Caller
from sourceprint.service.web.problems import Refused
from sourceprint.service.web.shapes import Line
from sourceprint.service.web.uploads import Upload

__all__ = [
    "IdempotencyKey",
    "JobView",
    "JobsPage",
    "JobsQuery",
    "Limit",
    "job_view",
    "jobs_page",
    "submit",
]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same request answers with the same job; with another request it is refused",
    ),
]  # fmt: skip
Limit = Annotated[int, Query(ge=1, le=1000, description="Most objects of one page")]


class JobsQuery(BaseModel):
    """Parameters of a list of jobs."""

    state: Literal["", "queued", "running", "done", "failed"] = Field("", description="Only in this state")
    reference: Line = Field("", max_length=200, description="Only with this id of yours")
    after: str = Field("", max_length=64, description="`next` of the page before")
    limit: int = Field(100, ge=1, le=1000, description="Most objects of one page")


class JobView(BaseModel):
    """A job: a scan, a check or an addition."""

    id: str
    kind: Literal["scan", "check", "addition"]
    state: Literal["queued", "running", "done", "failed"]
    reference: str | None = Field(description="Your own id, as it was given; null if none was")
    name: str = Field(description="Name of the track or recording")
    created_at: str
    started_at: str | None
    finished_at: str | None
    erased_at: str | None = Field(description="Since when its audio and result are erased")
    result: dict[str, Any] | None = Field(description="Once it is done; not in lists")
    error: dict[str, Any] | None = Field(description="Why it failed: type, title and detail, as of a problem")


class JobsPage(BaseModel):
    """A page of jobs, in the order in which they were submitted."""

    items: list[JobView]
    next: str | None = Field(description="Give it as `after` for the next page; null on the last")


def job_view(job: Job, *, whole: bool = True) -> JobView:
    """Return a job as the API shows it; without its result unless it is shown as a whole."""
    return JobView(
        id=job.id,
        kind=job.kind,  # type: ignore[arg-type]
        state=job.state,  # type: ignore[arg-type]
        reference=job.reference or None,
        name=json.loads(job.arguments)["name"],
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        erased_at=job.erased_at,
        result=json.loads(job.result) if whole and job.result else None,
        error=json.loads(job.error) if job.error else None,
    )


def jobs_page(caller: Caller, kind: str, query: JobsQuery) -> JobsPage:
    """Return a page of the jobs of the caller's organisation; for a licensee of those that it submitted."""
    with caller.server.database.reading() as connection:
        found = list_jobs(
            connection, caller.organisation, kind, state=query.state, reference=query.reference, after=query.after,
            limit=query.limit + 1, by=caller.actor if caller.sees_own_alone else "",
        )  # fmt: skip
    shown = found[: query.limit]
    more = len(found) > query.limit
    return JobsPage(items=[job_view(one, whole=False) for one in shown], next=shown[-1].id if more else None)


def submit(
    caller: Caller,
    kind: str,
    arguments: ScanArguments | CheckArguments | AdditionArguments,
    *,
    upload: Upload | None,
    reference: str = "",
    priority: int = 1,
    idempotency_key: str | None = None,
    grant_id: str | None = None,
    searches: int = 0,
) -> tuple[str, bool]:
    """Add a job, with its entry in the log; return its id, and whether it is new.

    Raises
    ------
    Refused
        403 if a licensee names no grant; 409 if the idempotency key was used for another request; 429 if the budget of
        the key or grant is spent.
    UnknownRightsError, GrantError
        If the organisation holds no such grant, or it does not hold any more.
    """
    if caller.sees_own_alone and grant_id is None:
        raise Refused(403, "grant missing", "a licensee checks under a grant; name it with grant=ID")
    with caller.noting_budget():
        return _submit(
            caller, kind, arguments, upload, reference, priority, idempotency_key, grant_id, searches=searches
        )


def _submit(
    caller: Caller,
    kind: str,
    arguments: ScanArguments | CheckArguments | AdditionArguments,
    upload: Upload | None,
    reference: str,
    priority: int,
    idempotency_key: str | None,
    grant_id: str | None,
    *,
    searches: int,
) -> tuple[str, bool]:
    database, kept = caller.server.database, encode_arguments(arguments)
    asked = [kind, kept, reference, grant_id, "" if upload is None else upload.sha256]
    request_digest = hashlib.sha256(json.dumps(asked).encode("utf-8")).hexdigest()
    with database.writing() as connection:
        if idempotency_key is not None:
            if database.is_server:  # or two at once would find nothing, and the second fail
                lock = func.hashtext(f"{caller.organisation} {idempotency_key}")
                connection.execute(select(func.pg_advisory_xact_lock(lock)))
            known = find_repeated(connection, caller.organisation, idempotency_key)
            if known is not None and known.request_digest != request_digest:
                detail = f"Idempotency-Key {idempotency_key}: was used for another request; choose a new key"
                raise Refused(409, "idempotency key used", detail)
            if known is not None:
                return known.id, False
        at = database.now()
        if searches:  # of a new job alone: asking again for the same one costs nothing
            caller.spend(connection, searches)
        if grant_id is not None:
            given = find_grant(connection, grant_id, now=at, holder_id=caller.organisation)
            if not spend_grant(connection, given):
                detail = f"grant {grant_id}: its {given.budget} checks are made; ask the owner for more"
                raise Refused(429, BUDGET_SPENT, detail)
        row = {
            "arguments": kept,
            "priority": priority,
            "reference": reference,
            "upload": None if upload is None else upload.path.name,
            "grant_id": grant_id,
            "idempotency_key": idempotency_key,
            "request_digest": request_digest,
        }
        (job_id,) = add_jobs(connection, caller.organisation, kind, [row], at=at, by=caller.actor)
        data = {"sha256": upload.sha256} if upload is not None else {}
        note_event(
            connection, f"{kind}.submitted", at=at, organisation=caller.organisation, actor=caller.actor,
            subject=f"{kind}:{job_id}", data=data | ({"grant": grant_id} if grant_id else {}),
        )  # fmt: skip
    return job_id, True
