"""The catalogue: add, replace, remove, correct, tag and exclude recordings; list and search them."""

from pathlib import PurePath
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from index.storage.recordings import Recording, recording_to_json
from sourceprint.identifiers.isrc import validate
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.line.arguments import AdditionArguments, encode_arguments
from sourceprint.service.line.jobs import ADDITION, add_jobs
from sourceprint.service.routes.scans import readable_source
from sourceprint.service.store.outbox import note_event
from sourceprint.service.web.bodies import Body, Truth
from sourceprint.service.web.caller import Caller, needs
from sourceprint.service.web.job_views import (
    IdempotencyKey,
    JobsPage,
    JobsQuery,
    JobView,
    Limit,
    job_view,
    jobs_page,
    submit,
)
from sourceprint.service.web.own_jobs import find_own
from sourceprint.service.web.problems import responses
from sourceprint.service.web.recordings import (
    RecordingChange,
    change_own_recording,
    find_own_recording,
    find_own_recordings,
    remove_own_recording,
)
from sourceprint.service.web.shapes import Isrc, Line, TagText
from sourceprint.service.web.uploads import AUDIO_BODY, receive

__all__ = ["router"]

router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"])

_Reader = Annotated[Caller, needs(KeyScope.CATALOGUE_READ)]
_Writer = Annotated[Caller, needs(KeyScope.CATALOGUE_WRITE)]


class AdditionQuery(BaseModel):
    """Metadata of a recording that is added."""

    model_config = ConfigDict(extra="forbid")

    id: Line = Field(min_length=1, max_length=512, description="Of the recording in the catalogue")
    name: Line = Field("", max_length=1_000, description="Name of the audio file; by default the id")
    title: Line = Field("", max_length=1_000)
    artist: list[Line] = Field([], max_length=100, description="In order of billing; may be repeated")
    isrc: Isrc | None = None
    tag: list[TagText] = Field([], max_length=100, description="May be repeated")
    replace: bool = Field(False, description="Whether the recording is there and gets other audio")
    reference: Line = Field("", max_length=200, description="Your own id, echoed")


class NamedRecording(Body):
    """A recording whose audio the server may read."""

    path: str = Field(min_length=1, max_length=4_096, description="In a folder, or below a prefix s3://...")
    id: Line = Field("", max_length=512, description="By default the ISRC, else the name without ending")
    title: Line = Field("", max_length=1_000)
    artists: list[Line] = Field([], max_length=100)
    isrc: Isrc | None = None
    tags: list[TagText] = Field([], max_length=100)
    reference: Line = Field("", max_length=200)


class AdditionBatch(Body):
    """Recordings to be added or replaced."""

    files: list[NamedRecording] = Field(min_length=1, max_length=10_000)
    replace: Truth = Field(False, description="Whether the recordings are there and get other audio")


class AdditionIds(BaseModel):
    """Additions of a batch, in its order."""

    ids: list[str]


class CatalogueView(BaseModel):
    """The catalogue as a whole."""

    recordings: int
    digest: str | None = Field(description="Of the searchable content; results state it as `index.digest`")


class RecordingsPage(BaseModel):
    """A page of recordings, by id."""

    items: list[dict[str, Any]]
    next: str | None = Field(description="Give it as `after` for the next page; null on the last")


@router.get("", responses=responses())
def get_catalogue(caller: _Reader) -> CatalogueView:
    """Get the number of recordings and the digest of the catalogue."""
    opened = caller.server.catalogue(caller.organisation)
    return CatalogueView(
        recordings=0 if opened is None else len(opened), digest=None if opened is None else opened.digest
    )


@router.post(
    "/additions",
    status_code=202,
    openapi_extra=AUDIO_BODY,
    responses=responses(408, 409, 413, 507),
)
async def add_recording(
    request: Request,
    response: Response,
    caller: _Writer,
    query: Annotated[AdditionQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> JobView:
    """Add or replace a recording: the body is its audio file or fingerprint file."""
    arguments = AdditionArguments(
        name=query.name or query.id,
        id=query.id,
        title=query.title,
        artists=tuple(query.artist),
        isrc=validate(query.isrc) if query.isrc else "",
        tags=tuple(query.tag),
        replace=query.replace,
    )
    server = caller.server
    upload = await receive(request, server.folder.uploads, limit_mb=server.settings.upload_mb, name=arguments.name)

    def add() -> JobView:
        made = False
        try:
            job_id, made = submit(
                caller, ADDITION, arguments, upload=upload, reference=query.reference, idempotency_key=idempotency_key
            )
        finally:
            if not made:
                upload.discard()
        return job_view(find_own(caller, job_id, ADDITION))

    added = await to_thread.run_sync(add)
    response.headers["Location"] = f"/v1/catalogue/additions/{added.id}"
    return added


@router.post("/additions/batch", status_code=202, responses=responses(404, 413))
def add_named_recordings(caller: _Writer, batch: AdditionBatch) -> AdditionIds:
    """Add or replace recordings whose audio lies where the server may read it."""
    rows = []
    for one in batch.files:
        path = readable_source(caller, one.path)
        isrc = validate(one.isrc) if one.isrc else ""
        Recording(one.id or "checked here", one.title, tuple(one.artists), tags=tuple(one.tags))  # or it raises
        arguments = AdditionArguments(
            name=PurePath(path).name, path=path, id=one.id, title=one.title, artists=tuple(one.artists), isrc=isrc,
            tags=tuple(one.tags), replace=batch.replace,
        )  # fmt: skip
        rows.append({"arguments": encode_arguments(arguments), "reference": one.reference})
    with caller.server.database.writing() as connection:
        at = caller.server.database.now()
        ids = add_jobs(connection, caller.organisation, ADDITION, rows, at=at, by=caller.actor)
        note_event(
            connection, "batch.submitted", at=at, organisation=caller.organisation, actor=caller.actor,
            subject=f"addition:{ids[0]}", data={"additions": len(ids)},
        )  # fmt: skip
    return AdditionIds(ids=ids)


@router.get("/additions", responses=responses())
def list_additions(caller: _Writer, query: Annotated[JobsQuery, Query()]) -> JobsPage:
    """List additions in the order in which they were submitted."""
    return jobs_page(caller, ADDITION, query)


@router.get("/additions/{addition_id}", responses=responses(404))
def get_addition(caller: _Writer, addition_id: str) -> JobView:
    """Get an addition, with its outcome once it is done."""
    return job_view(find_own(caller, addition_id, ADDITION))


@router.get("/recordings", responses=responses())
def list_recordings(
    caller: _Reader,
    q: Annotated[str, Query(max_length=200, description="Only with this in id, title, artists or ISRC")] = "",
    tag: Annotated[str, Query(max_length=200, description="Only with this tag")] = "",
    after: Annotated[str, Query(max_length=512, description="`next` of the page before")] = "",
    limit: Limit = 100,
) -> RecordingsPage:
    """List recordings by id, or search them."""
    found = find_own_recordings(caller, q, tag=tag, after=after, limit=limit)
    return RecordingsPage(items=[recording_to_json(one) for one in found.items], next=found.next)


@router.get("/recordings/{recording_id:path}", responses=responses(404))
def get_recording(caller: _Reader, recording_id: str) -> dict[str, Any]:
    """Get one recording, by its id or one that it had before."""
    return recording_to_json(find_own_recording(caller, recording_id))


@router.patch("/recordings/{recording_id:path}", responses=responses(404, 409, 413))
def change_recording(caller: _Writer, recording_id: str, change: RecordingChange) -> dict[str, Any]:
    """Correct words, give or take tags, exclude ranges of one recording."""
    return recording_to_json(change_own_recording(caller, recording_id, change))


@router.delete("/recordings/{recording_id:path}", status_code=204, responses=responses(404, 409))
def remove_recording(caller: _Writer, recording_id: str) -> None:
    """Remove a recording: it is found no more; results that name it stay."""
    remove_own_recording(caller, recording_id)
