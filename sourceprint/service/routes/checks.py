"""Checks: the gate before a release, as one call; short audio is answered at once."""

import asyncio
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import Response as RawResponse
from pydantic import BaseModel, ConfigDict, Field

from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.line.arguments import CheckArguments
from sourceprint.service.line.jobs import CHECK, DONE, FAILED, Job
from sourceprint.service.web.caller import Caller, needs
from sourceprint.service.web.job_views import (
    IdempotencyKey,
    JobsPage,
    JobsQuery,
    JobView,
    job_view,
    jobs_page,
    submit,
)
from sourceprint.service.web.own_jobs import (
    EVIDENCE_ABOUT,
    EVIDENCE_ANSWER,
    EVIDENCE_PATTERN,
    EvidenceKind,
    erase_job,
    find_own,
    send_evidence,
    wanted_evidence,
)
from sourceprint.service.web.problems import Refused, responses
from sourceprint.service.web.shapes import Day, Line, PolicyName
from sourceprint.service.web.uploads import AUDIO_BODY, receive

__all__ = ["router"]

router = APIRouter(prefix="/v1/checks", tags=["checks"])

_Checker = Annotated[Caller, needs(KeyScope.CHECK)]
_WAIT = "Seconds to wait for the verdict; the server has a limit of its own, by default 30, which is the default"
_LOOK_SECONDS = 0.05


class CheckQuery(BaseModel):
    """Parameters of a check."""

    model_config = ConfigDict(extra="forbid")

    name: Line = Field("audio", min_length=1, max_length=1_000, description="Name of the track")
    reference: Line = Field("", max_length=200, description="Your own id, echoed")
    policy: PolicyName | None = Field(None, description="Name of a release policy; by default the one that ships")
    day: Day | None = Field(None, description="Of the release, on which licences must hold; by default today, UTC")
    fail_on: Literal["block", "review"] = Field("block", description="From which decision on `exit_code` is 1")
    evidence: str = Field("", pattern=EVIDENCE_PATTERN, description=EVIDENCE_ABOUT)
    grant: str = Field("", max_length=64, description="By which another organisation's catalogue is checked against")
    wait: float | None = Field(None, ge=0, le=300, allow_inf_nan=False, description=_WAIT)


@router.post(
    "",
    status_code=200,
    openapi_extra=AUDIO_BODY,
    responses=responses(404, 408, 409, 413, 507)
    | {202: {"model": JobView, "description": "Not done in time: ask for the check again with its id"}},
)
async def submit_check(
    request: Request,
    response: Response,
    caller: _Checker,
    query: Annotated[CheckQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> JobView:
    """Check a track against a release policy: the body is the audio file or its fingerprint file.

    `result` is the report that `sourceprint check --json` prints, `result.exit_code` its exit code.
    """
    server = caller.server
    _expect_policy(caller, query.policy)
    arguments = CheckArguments(
        name=query.name,
        policy=query.policy or "",
        day=query.day or "",
        fail_on=query.fail_on,
        evidence=wanted_evidence(caller, query.evidence, grant=query.grant),
    )
    upload = await receive(request, server.folder.uploads, limit_mb=server.settings.upload_mb, name=query.name)

    def add() -> str:
        made = False
        try:
            job_id, made = submit(
                caller, CHECK, arguments, upload=upload, reference=query.reference, priority=0,
                idempotency_key=idempotency_key, grant_id=query.grant or None, searches=1,
            )  # fmt: skip
        finally:
            if not made:
                upload.discard()
        return job_id

    job_id = await to_thread.run_sync(add)
    longest = server.settings.wait_seconds
    found = await _done_within(caller, job_id, longest if query.wait is None else min(query.wait, longest))
    response.headers["Location"] = f"/v1/checks/{job_id}"
    response.status_code = 200 if found.state in (DONE, FAILED) else 202
    return job_view(found)


@router.get("", responses=responses())
def list_checks(caller: _Checker, query: Annotated[JobsQuery, Query()]) -> JobsPage:
    """List checks in the order in which they were submitted, without their reports."""
    return jobs_page(caller, CHECK, query)


@router.get("/{check_id}", responses=responses(404))
def get_check(caller: _Checker, check_id: str) -> JobView:
    """Get a check, with its report once it is done."""
    return job_view(find_own(caller, check_id, CHECK))


@router.get("/{check_id}/evidence/{evidence}", responses=EVIDENCE_ANSWER, response_class=RawResponse)
def get_evidence(caller: _Checker, check_id: str, evidence: EvidenceKind) -> Response:
    """Get the page of evidence or the signed case of a check that was submitted with `evidence`."""
    return send_evidence(caller, check_id, CHECK, evidence)


@router.delete("/{check_id}", status_code=204, responses=responses(404, 409))
def erase_check(caller: _Checker, check_id: str) -> None:
    """Erase audio, report and evidence of a check for good; that it was erased stays in the log."""
    erase_job(caller, check_id, CHECK)


async def _done_within(caller: Caller, job_id: str, seconds: float) -> Job:
    """Return a job once it is final, or as it is when the time is over."""
    until = asyncio.get_running_loop().time() + seconds
    while True:
        found = await to_thread.run_sync(find_own, caller, job_id, CHECK)
        if found.state in (DONE, FAILED) or asyncio.get_running_loop().time() >= until:
            return found
        await asyncio.sleep(_LOOK_SECONDS)


def _expect_policy(caller: Caller, name: str | None) -> None:
    folder = caller.server.folder.organisation(caller.organisation).policies
    if name is not None and not (folder / f"{name}.toml").is_file():
        names = ", ".join(sorted(path.stem for path in folder.glob("*.toml"))) or "none"
        detail = (
            f"policy {name!r:.64}: the organisation has no such policy, it has {names:.400}; name one, leave out "
            f"policy for the default, or ask the operator for the file {name:.64}.toml"
        )
        raise Refused(404, "not found", detail)
