"""Watches: folders of the server whose new files become scans."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.line.watches import Watch, add_watch, find_watch, list_watched, list_watches, stop_watch
from sourceprint.service.routes.scans import ScanSettings, readable_path
from sourceprint.service.web.bodies import whole
from sourceprint.service.web.caller import Caller, needs
from sourceprint.service.web.job_views import Limit
from sourceprint.service.web.own_jobs import wanted_evidence
from sourceprint.service.web.problems import Refused, responses

__all__ = ["router"]

router = APIRouter(prefix="/v1/watches", tags=["watches"])

_Scanner = Annotated[Caller, needs(KeyScope.SCAN)]
_Settle: Any = whole(1, 86_400)


class WatchRequest(ScanSettings):
    """A folder to watch, and how to search the files in it."""

    folder: str = Field(min_length=1, max_length=4_096, description="In a folder that the server may read")
    settle_seconds: _Settle = Field(5, description="How long a file must have stayed the same")


class WatchView(BaseModel):
    """A watch."""

    id: str
    folder: str
    settle_seconds: int
    created_at: str
    stopped_at: str | None
    looked_at: str | None = Field(description="When it was last looked at, to half a minute; null: not yet")
    error: str | None = Field(description="Why the folder cannot be looked into; null if it can")


class WatchedFileView(BaseModel):
    """A file that a watch found."""

    path: str
    found_at: str
    job_id: str | None = Field(description="Its scan")
    reason: str | None = Field(description="Why it was not taken")


class WatchedPage(BaseModel):
    """Files in the order in which they were found."""

    items: list[WatchedFileView]
    next: int | None = Field(description="Give it as `after` for the next page; null on the last")


@router.post("", status_code=201, responses=responses(404, 409, 413))
def start_watch(caller: _Scanner, wanted: WatchRequest) -> WatchView:
    """Watch a folder: every file in it that is complete, now and later, becomes a scan, once by path and content."""
    if caller.key is not None and caller.key.budget is not None:
        detail = "a key with a budget cannot watch a folder, which has no end; use a key without"
        raise Refused(403, "endless search", detail)
    folder = readable_path(caller, wanted.folder)
    if not folder.is_dir():
        raise Refused(404, "not found", f"folder {wanted.folder!r:.200}: is no folder")
    arguments = wanted.arguments("", evidence=wanted_evidence(caller, wanted.evidence))
    with caller.server.database.writing() as connection:
        at = caller.server.database.now()
        made = add_watch(
            connection, caller.organisation, Path(folder), arguments, settle_seconds=wanted.settle_seconds, at=at,
            actor=caller.actor,
        )  # fmt: skip
    return _view(made)


@router.get("", responses=responses())
def get_watches(caller: _Scanner) -> list[WatchView]:
    """List the watches of the organisation, also those that were stopped."""
    with caller.server.database.reading() as connection:
        return [_view(one) for one in list_watches(connection, caller.organisation)]


@router.get("/{watch_id}/files", responses=responses(404))
def get_watched_files(
    caller: _Scanner,
    watch_id: str,
    after: Annotated[int, Query(ge=0, lt=2**40, description="`next` of the page before")] = 0,
    limit: Limit = 100,
) -> WatchedPage:
    """List the files that a watch found, each with its scan or the reason against one."""
    with caller.server.database.reading() as connection:
        found = list_watched(
            connection, find_watch(connection, caller.organisation, watch_id).id, after=after, limit=limit + 1
        )
    items = [WatchedFileView(path=o.path, found_at=o.found_at, job_id=o.job_id, reason=o.reason) for o in found[:limit]]
    return WatchedPage(items=items, next=found[limit - 1].sequence if len(found) > limit else None)


@router.delete("/{watch_id}", status_code=204, responses=responses(404))
def end_watch(caller: _Scanner, watch_id: str) -> None:
    """Take no more files of a folder; its scans stay."""
    with caller.server.database.writing() as connection:
        stop_watch(connection, caller.organisation, watch_id, at=caller.server.database.now(), actor=caller.actor)


def _view(watch: Watch) -> WatchView:
    known = asdict(watch)
    return WatchView(**{name: known[name] for name in WatchView.model_fields})
