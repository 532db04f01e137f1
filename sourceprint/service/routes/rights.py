"""Rights: import recordings, works, parties, shares and licences; show records."""

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request

from sourceprint.royalties.rights.lookup import rights_to_json, rights_under_key
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.web.acts.imports import import_file
from sourceprint.service.web.caller import Caller, needs
from sourceprint.service.web.documents import DOCUMENT_BODY, FileName, document
from sourceprint.service.web.problems import responses
from sourceprint.service.web.second_person import ApprovalId

__all__ = ["router"]

router = APIRouter(prefix="/v1/rights", tags=["rights"])

_Rights = Annotated[Caller, needs(KeyScope.RIGHTS)]


@router.post("/imports", openapi_extra=DOCUMENT_BODY, responses=responses(408, 409, 413, 507))
async def import_document(
    request: Request,
    caller: _Rights,
    name: FileName,
    shares: Annotated[Literal["percent", "fraction"] | None, Query(description="Unit of bare numbers")] = None,
    partial: Annotated[bool, Query(description="Import the sound records, and report the rest")] = False,
    dry_run: Annotated[bool, Query(description="Import nothing, report the changes")] = False,
    correct: Annotated[
        str, Query(max_length=2_000, description="Reason why the record on file was wrong from the start")
    ] = "",
    approval: ApprovalId = "",
) -> dict[str, Any]:
    """Import one file: a table, a label's spreadsheet, or licences as TOML; the report is that of `rights import`.

    With wrong rows nothing is imported unless `partial` is given: the answer is 422, with the report in `report`.

    Where the organisation wants two people for licences, the first request with a TOML file is a proposal (409), and
    the same with its approval imports it.
    """
    async with document(request, caller, name) as path:

        def bring_in() -> dict[str, Any]:
            return import_file(
                caller, path, name, shares=shares, partial=partial, dry_run=dry_run, correct=correct,
                approval_id=approval,
            )  # fmt: skip

        return await to_thread.run_sync(bring_in)


@router.get("/{key:path}", responses=responses(404))
def show_rights(caller: _Rights, key: str) -> dict[str, Any]:
    """Show the records of an id, ISRC or ISWC, as `rights show --json` does."""
    with caller.server.folder.organisation(caller.organisation).rights().reading() as connection:
        found, history = rights_under_key(connection, key)
        return rights_to_json(found, key, history=history)
