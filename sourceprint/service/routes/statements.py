"""Statements: make, list, show, fetch their files."""

import shutil
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from fingerprint.errors import ParameterError
from sourceprint.places import today
from sourceprint.royalties.money import currency_exponent
from sourceprint.royalties.periods import Period
from sourceprint.royalties.statements.files.folder import write_statement
from sourceprint.royalties.statements.files.statement_json import statement_to_json
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.register import list_statements, load_statement
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.policy import load_policy, shipped_policies
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.web.bodies import Body, Truth
from sourceprint.service.web.caller import Caller, needs
from sourceprint.service.web.problems import Refused, responses
from sourceprint.service.web.second_person import ApprovalId, second_person
from sourceprint.service.web.shapes import Currency, PeriodText, one_of
from sourceprint.signatures import PrivateKey, load_private, only_private, private_keys
from sourceprint.transparency import Checkpoint

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
    own = caller.server.folder.organisation(caller.organisation)
    if wanted.currency is not None:
        _expect_currency(wanted.currency)
    kept = not (wanted.draft or wanted.provisional)
    key = _key(caller) if kept else None
    checkpoint = caller.server.folder.checkpoint() if kept else None
    asked = {"licensee": wanted.licensee, "period": wanted.period, "policy": wanted.policy or ""}
    asked |= {"currency": wanted.currency or ""}
    with second_person(caller, "statement", asked, approval) if kept else nullcontext(caller.actor) as by:
        made = issue_statement(
            own.rights(), licensee=wanted.licensee, period=Period.parse(wanted.period),
            issued_on=today().isoformat(), policy=None if wanted.policy is None else load_policy(wanted.policy),
            currency=wanted.currency, by=by, draft=wanted.draft, provisional=wanted.provisional,
            signer="" if key is None else key.public.text, today=today(),
            log_checkpoint=None if checkpoint is None else Checkpoint.parse(checkpoint),
        )  # fmt: skip
    return statement_to_json(made)


@router.get("", responses=responses())
def get_statements(
    caller: _Accountant, licensee: Annotated[str, Query(max_length=200, description="Only of this party")] = ""
) -> list[StatementItem]:
    """List the statements that were issued, in the order of issue."""
    database = caller.server.folder.organisation(caller.organisation).rights()
    return [StatementItem(**asdict(one)) for one in list_statements(database, licensee)]


@router.get("/{statement_id}", responses=responses(404, 409))
def get_statement(caller: _Accountant, statement_id: str) -> dict[str, Any]:
    """Show a statement that was issued: its statement.json."""
    return statement_to_json(_issued(caller, statement_id))


@router.get("/{statement_id}/files", responses=responses(404, 409, 507))
def get_files(caller: _Accountant, statement_id: str) -> list[str]:
    """List the files of a statement: pages, CSV, Parquet, JSON, DSR-shaped TSV, checksums and signature."""
    folder = _files(caller, statement_id)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@router.get(
    "/{statement_id}/files/{name:path}",
    response_class=FileResponse,
    responses=responses(404, 409, 507),
)
def get_file(caller: _Accountant, statement_id: str, name: str) -> FileResponse:
    """Fetch a file of a statement, as it was issued, to the byte."""
    folder = _files(caller, statement_id)
    if name not in [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]:
        raise Refused(404, "not found", f"file {name[:200]}: is not one of statement {statement_id[:64]}")
    return FileResponse(folder / name, filename=Path(name).name)


def _expect_currency(code: str) -> None:
    try:
        currency_exponent(code)
    except ParameterError as error:
        raise Refused(404, "not found", str(error)) from error


def _issued(caller: Caller, statement_id: str) -> Statement:
    return load_statement(caller.server.folder.organisation(caller.organisation).rights(), statement_id)


def _files(caller: Caller, statement_id: str) -> Path:
    """Return the folder of a statement's files, which are written when they are first asked for."""
    own, found = caller.server.folder.organisation(caller.organisation), _issued(caller, statement_id)
    folder = own.statements / found.id
    if not folder.exists():
        signed = bool(found.signer)
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with caller.server.making_files:
            if not folder.exists():
                part = folder.with_name(f"{folder.name}.part")
                shutil.rmtree(part, ignore_errors=True)
                write_statement(found, part, key=_key(caller) if signed else None)
                part.rename(folder)
    return folder


def _key(caller: Caller) -> PrivateKey | None:
    keys = caller.server.folder.organisation(caller.organisation).keys
    return load_private(only_private(keys)) if next(private_keys(keys), None) is not None else None
