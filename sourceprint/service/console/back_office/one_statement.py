"""One statement from the top down, issued or a draft: payees, recordings and works, lines, uses; and its files."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse, HTMLResponse

from sourceprint.royalties.statements.earlier.audit_windows import last_open_day
from sourceprint.royalties.statements.files.drill_down import DrillDown
from sourceprint.royalties.statements.register import list_statements
from sourceprint.service.console.back_office.shown_statements import (
    StatementQuery,
    shown_statement,
    statement_address,
)
from sourceprint.service.console.pages import page
from sourceprint.service.console.queue.decision import with_names
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.people.approvals import needs_two
from sourceprint.service.people.persons import names_by_actor
from sourceprint.service.people.roles import Role
from sourceprint.service.web.acts.statements import statement_file, statement_files
from sourceprint.service.web.problems import Refused

__all__ = ["router"]

router = APIRouter(prefix="/console/statement", include_in_schema=False, route_class=ConsoleRoute)

_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.ACCOUNTANT, Role.AUDITOR)]
_Wanted = Annotated[StatementQuery, Depends(StatementQuery)]
_Text = Annotated[str, Query(max_length=600)]
_Page = Annotated[int, Query(ge=1, le=1_000_000)]
_ON_A_PAGE = 100


@router.get("")
def show_statement(visitor: _Reader, wanted: _Wanted) -> HTMLResponse:
    """Show what a statement owes to whom, what it holds, and the proof of its sums."""
    shown = shown_statement(visitor, wanted)
    values: dict[str, Any] = {"issued": None, "open_until": None, "files": []}
    if wanted.of:
        with visitor.caller.rights.reading() as connection:
            values["open_until"] = last_open_day(connection, shown.statement.issued_on, shown.statement.licences)
        known = list_statements(visitor.caller.rights, shown.statement.licensee.id)
        values["issued"] = next(one for one in known if one.id == wanted.of)
    with visitor.server.database.reading() as connection:
        names = names_by_actor(connection, visitor.organisation)
        needs_second = needs_two(connection, visitor.organisation, "statement")
    return _page(
        visitor, "statement.html", wanted, shown, parts=shown.parts(), needs_second=needs_second,
        told=partial(with_names, people=names),
        may_issue=visitor.has_role(Role.ACCOUNTANT) and not wanted.of and not wanted.so_far, **values,
    )  # fmt: skip


@router.get("/part")
def show_part(visitor: _Reader, wanted: _Wanted, kind: _Text, party: _Text = "", number: _Page = 1) -> HTMLResponse:
    """Show the recordings and works in the lines of a payee, or in those of a kind that nobody is paid for."""
    shown = _expect(shown_statement(visitor, wanted), kind, party)
    found = shown.subjects(kind, party)
    return _page(
        visitor, "statement_part.html", wanted, shown, kind=kind, party=party, part=shown.part(kind, party),
        **_paged(found, number, wanted, "/part", kind=kind, party=party),
    )  # fmt: skip


@router.get("/lines")
def show_lines(
    visitor: _Reader,
    wanted: _Wanted,
    kind: _Text,
    party: _Text = "",
    recording: _Text = "",
    work: _Text = "",
    number: _Page = 1,
) -> HTMLResponse:
    """Show the lines of a payee or kind for one recording and work."""
    shown = _expect(shown_statement(visitor, wanted), kind, party, (recording, work))
    paged = _paged(
        shown.lines(kind, party, (recording, work)), number, wanted, "/lines", kind=kind, party=party,
        recording=recording, work=work,
    )  # fmt: skip
    return _page(
        visitor, "statement_lines.html", wanted, shown, kind=kind, party=party, part=shown.part(kind, party),
        subject=shown.subject(recording, work), group=shown.written(paged["items"]), **paged,
    )  # fmt: skip


@router.get("/line")
def show_line(visitor: _Reader, wanted: _Wanted, line: _Page, number: _Page = 1) -> HTMLResponse:
    """Show the uses of one line, each with its exact amount and how it came about."""
    shown = shown_statement(visitor, wanted)
    found = shown.line(line)
    if found is None:
        raise Refused(404, "not found", f"line {line}: the statement has {len(shown.statement.lines)} lines")
    start = (number - 1) * _ON_A_PAGE
    (written,) = shown.written([found])["lines"]
    return _page(
        visitor, "statement_line.html", wanted, shown, line=written, kind=found.kind, party=found.party_id,
        part=shown.part(found.kind, found.party_id), recording=found.recording_id, work=found.work_id,
        items=shown.uses(found, start, _ON_A_PAGE), first=start + 1, count=len(found.contributions),
        **_ways(len(found.contributions), number, wanted, "/line", line=line),
    )  # fmt: skip


@router.get("/files")
def show_files(visitor: _Reader, wanted: _Wanted) -> HTMLResponse:
    """List the files of a statement, which are written when they are first asked for."""
    shown = shown_statement(visitor, wanted)
    _, names = statement_files(visitor.caller, wanted.of)
    return _page(visitor, "statement_files.html", wanted, shown, files=names)


@router.get("/file")
def get_file(visitor: _Reader, of: _Text, name: _Text) -> FileResponse:
    """Give a file of a statement, as it was issued, to the byte."""
    return FileResponse(statement_file(visitor.caller, of, name), filename=Path(name).name)


def _expect(shown: DrillDown, kind: str, party: str, subject: tuple[str, str] | None = None) -> DrillDown:
    if not shown.has(kind, party, subject):
        raise Refused(404, "not found", "the statement has no such lines")
    return shown


def _paged(found: Any, number: int, wanted: StatementQuery, where: str, **query: str) -> dict[str, Any]:
    start = (number - 1) * _ON_A_PAGE
    return {
        "items": found[start : start + _ON_A_PAGE],
        "first": start + 1,
        "count": len(found),
        **_ways(len(found), number, wanted, where, **query),
    }


def _ways(count: int, number: int, wanted: StatementQuery, where: str, **query: Any) -> dict[str, str]:
    """Return the addresses of the page before and after; "" where there is none."""
    before, after = number > 1, number * _ON_A_PAGE < count
    return {
        "earlier": statement_address(wanted, where, **query, number=number - 1) if before else "",
        "later": statement_address(wanted, where, **query, number=number + 1) if after else "",
    }


def _page(visitor: Visitor, template: str, wanted: StatementQuery, shown: DrillDown, **values: Any) -> HTMLResponse:
    def address(where: str = "", **query: Any) -> str:
        return statement_address(wanted, where, **query)

    return page(
        template, visitor.sign_in, here="statements", wanted=wanted, address=address, facts=shown.summary(), **values
    )
