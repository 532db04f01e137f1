"""Statements: make, list, show, fetch their files."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from sourceprint.royalties.statements.files.statement_json import statement_to_json
from sourceprint.royalties.statements.register import list_statements, load_statement
from sourceprint.royalties.uses.policy import shipped_policies
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.web.acts import statements as acts
from sourceprint.service.web.bodies import Body, Truth
from sourceprint.service.web.caller import Caller, needs
from sourceprint.service.web.problems import responses
from sourceprint.service.web.second_person import ApprovalId
from sourceprint.service.web.shapes import Currency, PeriodText, one_of

__all__ = ["router"]

router = APIRouter(prefix="/v1/statements", tags=["statements"])

_Accountant = Annotated[Caller, needs(KeyScope.STATEMENTS)]
_ShippedPolicy: Any = one_of(shipped_policies())


class StatementRequest(Body):
    """A statement that is wanted."""

    licensee: str = Field(min_length=1, max_length=200)
    period: PeriodText = Field(description="As 2026-Q3, 2026-07, 2026, or 2026-07-01--2026-07-14")
    policy: _ShippedPolicy | None = Field(None, description="A shipped one; by default that of the uses")
    currency: Currency | None = None
    draft: Truth = Field(False, description="Compute it, and keep nothing")
    provisional: Truth = Field(False, description="For a period that has not ended; owed by nobody")
    expect: str = Field("", max_length=700, description="Id of a draft: a statement with other lines is not issued")


class StatementItem(BaseModel):
    """One statement of the list."""

    id: str
    licensee: str
    currency: str
    period: str
    issued_on: str
    issued_at: str
    issued_by: str
    digest: str


@router.post("", responses=responses(404, 409, 413, 507))
def make_statement(caller: _Accountant, wanted: StatementRequest, approval: ApprovalId = "") -> dict[str, Any]:
    """Compute a licensee's statement for a period; the answer is its statement.json.

    It is signed where the organisation has a key, and issued unless it is a draft or provisional. The usage is the
    report on file. An issued statement holds the newest checkpoint of the log. Where the organisation wants two people
    to issue one, the first request is a proposal (409), and the same with its approval issues it.
    """
    made = acts.make_statement(
        caller, licensee=wanted.licensee, period=wanted.period, policy=wanted.policy or "",
        currency=wanted.currency or "", draft=wanted.draft, provisional=wanted.provisional, expect=wanted.expect,
        approval_id=approval,
    )  # fmt: skip
    return statement_to_json(made)


@router.get("", responses=responses())
def get_statements(
    caller: _Accountant, licensee: Annotated[str, Query(max_length=200, description="Only of this party")] = ""
) -> list[StatementItem]:
    """List the statements that were issued, in the order of issue."""
    database = caller.server.folder.organisation(caller.organisation).rights()
    return [StatementItem(**asdict(one)) for one in list_statements(database, licensee)]


# Ids hold that of the licensee, which may have slashes: the longer paths come first.
@router.get(
    "/{statement_id:path}/files/{name:path}",
    response_class=FileResponse,
    responses=responses(404, 409, 507),
)
def get_file(caller: _Accountant, statement_id: str, name: str) -> FileResponse:
    """Fetch a file of a statement, as it was issued, to the byte."""
    return FileResponse(acts.statement_file(caller, statement_id, name), filename=Path(name).name)


@router.get("/{statement_id:path}/files", responses=responses(404, 409, 507))
def get_files(caller: _Accountant, statement_id: str) -> list[str]:
    """List the files of a statement: pages, CSV, Parquet, JSON, DSR-shaped TSV, checksums and signature."""
    _, names = acts.statement_files(caller, statement_id)
    return names


@router.get("/{statement_id:path}", responses=responses(404, 409))
def get_statement(caller: _Accountant, statement_id: str) -> dict[str, Any]:
    """Show a statement that was issued: its statement.json."""
    database = caller.server.folder.organisation(caller.organisation).rights()
    return statement_to_json(load_statement(database, statement_id))
