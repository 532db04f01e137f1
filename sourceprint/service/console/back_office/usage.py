"""Usage reports: those on file, and a file to enter a further one, row by row or not at all."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from sourceprint.royalties.overview.licensees import list_licensees
from sourceprint.royalties.statements.usage_reports import reports_of
from sourceprint.service.console.back_office.shown_statements import StatementQuery, draft_query, statement_address
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.people.persons import names_by_actor
from sourceprint.service.people.roles import Role
from sourceprint.service.web.acts.imports import enter_report
from sourceprint.service.web.documents import FileName
from sourceprint.service.web.shapes import PeriodText

__all__ = ["router"]

router = APIRouter(prefix="/console/usage", include_in_schema=False, route_class=ConsoleRoute)

_ENTERING = (Role.REVIEWER, Role.ACCOUNTANT)
_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.AUDITOR, *_ENTERING)]
_Reporter = Annotated[Visitor, as_role(*_ENTERING)]


@router.get("")
def show_usage(
    visitor: _Reader,
    licensee: Annotated[str, Query(max_length=600)] = "",
    period: Annotated[str, Query(max_length=30)] = "",
) -> HTMLResponse:
    """Show the usage reports of a licensee, and the form to enter one."""
    with visitor.caller.rights.reading() as connection:
        licensees = {one.id: one.name for one in list_licensees(connection)}
        reports = reports_of(connection, licensee)[::-1] if licensee else []
    with visitor.server.database.reading() as connection:
        names = names_by_actor(connection, visitor.organisation)
    return page(
        "usage.html", visitor.sign_in, here="statements", licensees=licensees, licensee=licensee, period=period,
        reports=reports, names=names, may_enter=visitor.has_role(*_ENTERING),
    )  # fmt: skip


@router.post("")
async def enter_usage(
    request: Request,
    visitor: _Reporter,
    licensee: Annotated[str, Query(min_length=1, max_length=200)],
    period: Annotated[PeriodText, Query()],
    restate: Annotated[str, Query(max_length=2_000)] = "",
    name: FileName = "usage.csv",
) -> dict[str, str]:
    """Enter the usage report in the body of the request, as the API does."""
    await enter_report(request, visitor.caller, name, licensee=licensee, period=period, reason=restate)
    draft = visitor.has_role(Role.ACCOUNTANT) and not restate
    here = f"/console/usage?{statement_address(StatementQuery(licensee=licensee)).partition('?')[2]}"
    return {"next": statement_address(draft_query(licensee, period)) if draft else here}
