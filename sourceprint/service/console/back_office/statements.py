"""Statements: those that were issued, those that wait for their second person, and reports that no statement has."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from sourceprint.royalties.overview.licensees import list_licensees, unstated_reports
from sourceprint.royalties.statements.register import list_statements
from sourceprint.service.console.back_office.shown_statements import StatementQuery, draft_query, statement_address
from sourceprint.service.console.pages import page
from sourceprint.service.console.queue.decision import with_names
from sourceprint.service.console.visitors import ConsoleRoute, Form, Visitor, as_role, field_of
from sourceprint.service.people.approvals import list_open
from sourceprint.service.people.persons import names_by_actor
from sourceprint.service.people.roles import Role
from sourceprint.service.web.acts.statements import make_statement
from sourceprint.service.web.second_person import SecondPersonNeeded

__all__ = ["router"]

router = APIRouter(prefix="/console/statements", include_in_schema=False, route_class=ConsoleRoute)

_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.ACCOUNTANT, Role.AUDITOR)]
_Accountant = Annotated[Visitor, as_role(Role.ACCOUNTANT)]


@router.get("")
def show_statements(visitor: _Reader, licensee: Annotated[str, Query(max_length=600)] = "") -> HTMLResponse:
    """Show the statements that wait, the reports that no statement has, and the statements that were issued."""
    rights, database = visitor.caller.rights, visitor.server.database
    with rights.reading() as connection:
        licensees = {one.id: one.name for one in list_licensees(connection)}
        reports = unstated_reports(connection, licensee)
    with database.reading() as connection:
        names = names_by_actor(connection, visitor.organisation)
        waiting = list_open(connection, visitor.organisation, "statement", now=database.now())
    issued = list_statements(rights, licensee)[::-1]
    return page(
        "statements.html", visitor.sign_in, here="statements", statements=issued, licensees=licensees,
        licensee=licensee, names=names, told=partial(with_names, people=names), waiting=waiting,
        reports=[(one, draft_query(one.licensee, one.period)) for one in reports],
        may_issue=visitor.has_role(Role.ACCOUNTANT), address=statement_address,
    )  # fmt: skip


@router.post("")
def issue(visitor: _Accountant, sent: Form) -> Response:
    """Issue the statement that a draft shows, or propose it, where the organisation wants two people for this."""
    try:
        made = make_statement(
            visitor.caller, licensee=field_of(sent, "licensee"), period=field_of(sent, "period"),
            policy=field_of(sent, "policy"), currency=field_of(sent, "currency"), expect=field_of(sent, "draft"),
            approval_id=field_of(sent, "approval"),
        )  # fmt: skip
    except SecondPersonNeeded as error:
        return RedirectResponse(f"/console/statements#a-{error.approval_id}", 303)
    return RedirectResponse(statement_address(StatementQuery(made.id)), 303)
