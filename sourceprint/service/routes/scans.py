"""Scans: submit audio or name files of the server, ask for their state, fetch results, erase."""

import os
from pathlib import Path
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import Response as RawResponse
from pydantic import BaseModel, ConfigDict, Field

from fingerprint.errors import ParameterError, printable
from index.search.match import DEFAULT_FALSE_PER_1000H
from sourceprint.folders.listing import Folders
from sourceprint.inputs import collect
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.line.arguments import ScanArguments, encode_arguments
from sourceprint.service.line.jobs import DONE, SCAN, Job, add_jobs, find_repeated
from sourceprint.service.line.objects import checked_object, is_object
from sourceprint.service.store.outbox import note_event
from sourceprint.service.web.bodies import Body
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
from sourceprint.service.web.shapes import FilterWord, Line
from sourceprint.service.web.uploads import AUDIO_BODY, receive

__all__ = ["ScanSettings", "readable_path", "readable_source", "router"]

router = APIRouter(prefix="/v1/scans", tags=["scans"])

_Scanner = Annotated[Caller, needs(KeyScope.SCAN)]
_BATCH_PRIORITY = 2  # after tracks that someone waits for
_MOST_IN_BATCH = 10_000


class ScanSettings(BaseModel):
    """Effort and filter of a search."""

    model_config = ConfigDict(extra="forbid")

    thorough: bool = Field(False, description="Search tempo and speed from half to double; three times as slow")
    max_false_per_1000h: float = Field(
        DEFAULT_FALSE_PER_1000H, gt=0, le=1e6, allow_inf_nan=False, description="False matches in 1 000 hours"
    )
    only: list[FilterWord] = Field([], max_length=1_000, description='Recordings to search: "id:ID" or "tag:TAG"')
    exclude: list[FilterWord] = Field([], max_length=1_000, description="Recordings not to search")
    evidence: str = Field("", pattern=EVIDENCE_PATTERN, description=EVIDENCE_ABOUT)

    def arguments(self, name: str, *, path: str = "", evidence: tuple[str, ...] = ()) -> ScanArguments:
        """Return them as arguments of a job; ParameterError if one is out of range."""
        arguments = ScanArguments(
            name=printable(name),  # that of a file may hold anything
            path=path,
            evidence=evidence,
            thorough=self.thorough,
            max_false_per_1000h=self.max_false_per_1000h,
            only=tuple(self.only),
            exclude=tuple(self.exclude),
        )
        arguments.options()
        return arguments


class ScanQuery(ScanSettings):
    """Parameters of one scan."""

    name: Line = Field("audio", min_length=1, max_length=1_000, description="Name of the track")
    reference: Line = Field("", max_length=200, description="Your own id, echoed")


class NamedFile(Body):
    """One file of a batch."""

    path: str = Field(
        min_length=1, max_length=4_096, description="In a folder, or below a prefix s3://..., that the server may read"
    )
    name: Line = Field(default="", max_length=1_000, description="Name of the track; by default the path")
    reference: Line = Field(default="", max_length=200)


class FilesBatch(ScanSettings):
    """Files that the server may read."""

    files: list[NamedFile] = Field(min_length=1, max_length=_MOST_IN_BATCH)


class FolderBatch(ScanSettings):
    """A folder that the server may read, with all that is in it."""

    folder: str = Field(min_length=1, max_length=4_096)


class BatchView(BaseModel):
    """Scans of a batch, in the order of its files, and the refused files."""

    ids: list[str]
    refused: list[dict[str, str]] = Field(description="Files of a folder that may be audio and cannot be used")


@router.post("", status_code=202, openapi_extra=AUDIO_BODY, responses=responses(408, 409, 413, 507))
async def submit_scan(
    request: Request,
    response: Response,
    caller: _Scanner,
    query: Annotated[ScanQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> JobView:
    """Submit a track: the body is the audio file or its fingerprint file."""
    arguments = query.arguments(query.name, evidence=wanted_evidence(caller, query.evidence))
    upload = await receive(
        request, caller.server.folder.uploads, limit_mb=caller.server.settings.upload_mb, name=query.name
    )

    def add() -> Job:
        made = False
        try:
            job_id, made = submit(
                caller,
                SCAN,
                arguments,
                upload=upload,
                reference=query.reference,
                idempotency_key=idempotency_key,
                searches=1,
            )
        finally:
            if not made:
                upload.discard()
        return find_own(caller, job_id, SCAN)

    added = await to_thread.run_sync(add)
    response.headers["Location"] = f"/v1/scans/{added.id}"
    return job_view(added)


@router.post("/batch", status_code=202, responses=responses(404, 409, 413))
def submit_batch(
    caller: _Scanner, batch: FilesBatch | FolderBatch, idempotency_key: IdempotencyKey = None
) -> BatchView:
    """Submit many files that the server may read; they wait behind single scans."""
    if isinstance(batch, FilesBatch):
        named, refused = [(readable_source(caller, one.path), one) for one in batch.files], []
    else:
        readable = caller.server.settings.readable
        found = collect([str(readable_path(caller, batch.folder))], lists=False, folders=Folders(within=readable))
        named = [(str(item.path), NamedFile(path=str(item.path))) for item in found.items]
        refused = [{"name": one.name, "reason": one.reason} for one in found.refusals]
    if len(named) > _MOST_IN_BATCH:
        raise ParameterError(f"batch of {len(named)} files: may have {_MOST_IN_BATCH}; submit it in parts")
    evidence, rows = wanted_evidence(caller, batch.evidence), []
    for at, (path, one) in enumerate(named):
        kept = encode_arguments(batch.arguments(one.name or one.path, path=path, evidence=evidence))
        row = {"arguments": kept, "reference": one.reference, "priority": _BATCH_PRIORITY}
        rows.append(row | ({"idempotency_key": f"{idempotency_key}#{at}"} if idempotency_key else {}))
    with caller.server.database.writing() as connection:
        if idempotency_key and rows and find_repeated(connection, caller.organisation, f"{idempotency_key}#0"):
            known = (
                find_repeated(connection, caller.organisation, f"{idempotency_key}#{at}") for at in range(len(rows))
            )
            pairs = list(zip(known, rows, strict=True))
            if any(one is None or one.arguments != row["arguments"] for one, row in pairs):
                detail = f"Idempotency-Key {idempotency_key}: was used for another batch; choose a new key"
                raise Refused(409, "idempotency key used", detail)
            return BatchView(ids=[one.id for one, _ in pairs if one is not None], refused=refused)
    with caller.noting_budget(), caller.server.database.writing() as connection:
        caller.spend(connection, len(rows))
        at_time = caller.server.database.now()
        ids = add_jobs(connection, caller.organisation, SCAN, rows, at=at_time, by=caller.actor)
        note_event(
            connection, "batch.submitted", at=at_time, organisation=caller.organisation, actor=caller.actor,
            subject=f"scan:{ids[0]}" if ids else "", data={"scans": len(ids)},
        )  # fmt: skip
    return BatchView(ids=ids, refused=refused)


@router.get("", responses=responses())
def list_scans(caller: _Scanner, query: Annotated[JobsQuery, Query()]) -> JobsPage:
    """List scans in the order in which they were submitted, without their results."""
    return jobs_page(caller, SCAN, query)


@router.get("/{scan_id}", responses=responses(404))
def get_scan(caller: _Scanner, scan_id: str) -> JobView:
    """Get a scan, with its result once it is done."""
    return job_view(find_own(caller, scan_id, SCAN))


@router.get("/{scan_id}/result", responses=responses(404, 409), response_class=RawResponse)
def get_result(caller: _Scanner, scan_id: str) -> Response:
    """Get the result alone: the row that the command `scan` writes, as application/json."""
    found = find_own(caller, scan_id, SCAN)
    if found.state != DONE or found.result is None:
        state = "erased" if found.erased_at else found.state
        raise Refused(409, "no result", f"scan {scan_id} is {state}; only a scan that is done has a result")
    return RawResponse(found.result, media_type="application/json")


@router.get("/{scan_id}/evidence/{evidence}", responses=EVIDENCE_ANSWER, response_class=RawResponse)
def get_evidence(caller: _Scanner, scan_id: str, evidence: EvidenceKind) -> Response:
    """Get the page of evidence or the signed case of a scan that was submitted with `evidence`."""
    return send_evidence(caller, scan_id, SCAN, evidence)


@router.delete("/{scan_id}", status_code=204, responses=responses(404, 409))
def erase_scan(caller: _Scanner, scan_id: str) -> None:
    """Erase audio, result and evidence of a scan for good; that it was erased stays in the log."""
    erase_job(caller, scan_id, SCAN)


def readable_source(caller: Caller, named: str) -> str:
    """Return the path of a file, or the URL of an object, that the server may read.

    Raises
    ------
    Refused
        403 if a path is elsewhere, 404 if it leads to no regular file.
    ParameterError
        If an object is elsewhere.
    """
    if is_object(named):
        return checked_object(named, caller.server.settings.objects)
    path = readable_path(caller, named)
    if not os.path.isfile(path):  # no folder, device or pipe, which a worker would wait for
        raise Refused(404, "not found", f"path {named!r:.200}: is no regular file; name one that is there")
    return str(path)


def readable_path(caller: Caller, named: str) -> Path:
    """Return a path that the server may read; 403 if it is elsewhere, or leads there by a link."""
    path = Path(named)
    if "\0" not in named and path.is_absolute():
        real = Path(os.path.realpath(path))  # `resolve` raises where links lead in a circle
        if any(real.is_relative_to(os.path.realpath(root)) for root in caller.server.settings.readable):
            return path
    detail = f"path {named!r:.200}: is in no folder that this server may read; its operator names them"
    raise Refused(403, "path refused", detail)
