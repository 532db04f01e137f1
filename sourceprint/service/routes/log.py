"""The transparency log: checkpoints, entries of the caller's organisation, and proofs.

Entries of other organisations are hashes to this one: proofs need no more. A log alone proves nothing against the
holder of its key, so take a checkpoint now and then, and keep it where the server's operator cannot change it.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.log_keys import public_log_key
from sourceprint.service.store.outbox import own_entries
from sourceprint.service.store.schema import outbox
from sourceprint.service.web.caller import Caller, needs
from sourceprint.service.web.job_views import Limit
from sourceprint.service.web.problems import Refused, responses
from sourceprint.transparency.entry_proof import EntryProof
from sourceprint.transparency.log import LogReader

__all__ = ["router"]

router = APIRouter(prefix="/v1/log", tags=["log"])

_Auditor = Annotated[Caller, needs(KeyScope.AUDIT)]
_MOST_ENTRIES = 2**40
_TEXT = responses(404) | {200: {"content": {"text/plain": {}}}}


class LogEntry(BaseModel):
    """One entry of the log."""

    index: int = Field(description="Its number in the log")
    entry: dict[str, Any]


class LogPage(BaseModel):
    """Entries of the organisation, in the order of the log."""

    items: list[LogEntry]
    next: int | None = Field(description="Give it as `after` for the next page; null on the last")


class Consistency(BaseModel):
    """A proof that the log of an earlier checkpoint is the beginning of the log of this one (RFC 9162)."""

    old_size: int
    size: int
    proof: list[str] = Field(description="Hashes, hexadecimal")
    checkpoint: str


@router.get(
    "/checkpoint",
    response_class=Response,
    responses=responses(404) | {200: {"content": {"text/plain": {}}}},
)
def get_checkpoint(caller: _Auditor) -> Response:
    """Get the newest checkpoint: a signed note (C2SP), to be kept elsewhere."""
    return Response(_log(caller).view()[0].to_bytes(), media_type="text/plain; charset=utf-8")


@router.get(
    "/key",
    response_class=Response,
    responses=responses(404) | {200: {"content": {"text/plain": {}}}},
)
def get_key(caller: _Auditor) -> Response:
    """Get the public key of the log, as `sourceprint log verify --key` takes it."""
    with caller.server.database.reading() as connection:
        file = public_log_key(caller.server.folder, connection)
    if not file.exists():
        raise Refused(404, "not found", "the log has no entry yet")
    return Response(file.read_bytes(), media_type="text/plain; charset=utf-8")


@router.get("/entries", responses=responses())
def list_entries(
    caller: _Auditor,
    after: Annotated[int, Query(ge=-1, lt=_MOST_ENTRIES, description="`next` of the page before")] = -1,
    limit: Limit = 100,
) -> LogPage:
    """List the entries of this organisation."""
    with caller.server.database.reading() as connection:
        found = own_entries(connection, caller.organisation, after=after, limit=limit + 1)
    items = [LogEntry(index=one.index, entry=one.entry) for one in found[:limit]]
    return LogPage(items=items, next=items[-1].index if len(found) > limit else None)


@router.get("/entries/{index}/proof", responses=responses(404, 409))
def prove_entry(caller: _Auditor, index: int) -> dict[str, Any]:
    """Prove that an entry of this organisation is in the log: a document that is checked without the log."""
    own = (outbox.c.organisation_id == caller.organisation) & (outbox.c.log_index == index)
    if 0 <= index < _MOST_ENTRIES:
        with caller.server.database.reading() as connection:
            there = connection.scalar(select(outbox.c.sequence).where(own)) is not None
        if there and index < _log(caller).size:
            return EntryProof.of(_log(caller), index).to_json()
    raise Refused(404, "not found", f"entry {index}: this organisation has none of that number in the log")


@router.get("/consistency", responses=responses(404, 409))
def prove_consistency(
    caller: _Auditor,
    old_size: Annotated[int, Query(ge=1, lt=_MOST_ENTRIES, description="Of a checkpoint that you hold")],
) -> Consistency:
    """Prove that the log only grew since a checkpoint."""
    log = _log(caller)
    checkpoint, _ = log.view()
    if old_size > checkpoint.size:
        raise Refused(404, "not found", f"old_size={old_size}: the log has {checkpoint.size} entries")
    proof = log.consistency_proof(old_size, checkpoint.size)
    text = checkpoint.to_bytes().decode("utf-8")
    return Consistency(old_size=old_size, size=checkpoint.size, proof=[one.hex() for one in proof], checkpoint=text)


def _log(caller: Caller) -> LogReader:
    folder = caller.server.folder.log
    if not (folder / "checkpoint").exists():
        raise Refused(404, "not found", "the log has no entry yet")
    return LogReader(folder)
