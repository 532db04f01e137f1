"""Records of rights under a key, with their shares, licences and versions; and tables of rights brought in.

A table is taken as it is streamed, as large as an upload may be; all of it is imported, or nothing.
"""

from typing import Annotated, Any
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from fingerprint.errors import ParameterError
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.rights.lookup import rights_to_json, rights_under_key
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.people.persons import names_by_actor
from sourceprint.service.people.roles import Role
from sourceprint.service.web.acts.imports import import_file
from sourceprint.service.web.documents import FileName, document
from sourceprint.service.web.problems import Refused

__all__ = ["router"]

router = APIRouter(prefix="/console/rights", include_in_schema=False, route_class=ConsoleRoute)

_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.CATALOGUER, Role.REVIEWER, Role.ACCOUNTANT, Role.AUDITOR)]

_Writer = Annotated[Visitor, as_role(Role.CATALOGUER, Role.ACCOUNTANT)]
_MOST_FAULTS = 200


@router.get("/tables")
def show_tables(visitor: _Writer, done: Annotated[str, Query(max_length=500)] = "") -> HTMLResponse:
    """Show the form that takes a table of rights, and what the last one changed."""
    return page("rights_tables.html", visitor.sign_in, here="licensees", done=done)


@router.post("/tables")
async def enter_table(
    request: Request, visitor: _Writer, name: FileName, correct: Annotated[str, Query(max_length=2_000)] = ""
) -> dict[str, str]:
    """Import the table in the body of the request, as the API does; the answer leads to what it changed."""
    if name.endswith(".toml"):
        raise ParameterError("file: licences are written under New licence, where a second person may read them")
    async with document(request, visitor.caller, name) as path:
        try:
            report = await to_thread.run_sync(lambda: import_file(visitor.caller, path, name, correct=correct))
        except Refused as error:
            raise _with_rows(error) from error
    told = {kind: sum(counts[one] for one in ("added", "changed")) for kind, counts in report["applied"].items()}
    changed = ", ".join(f"{kind.replace('_', ' ')}: {n}" for kind, n in told.items() if n) or "nothing"
    return {"next": f"/console/rights/tables?{urlencode({'done': changed})}"}


def _with_rows(error: Refused) -> Refused:
    """Return a refusal that says what is wrong with each row, a line for each."""
    problems: list[dict[str, Any]] = (error.report or {}).get("problems", [])
    wrong = [one for one in problems if one["severity"] == "error"][:_MOST_FAULTS]
    lines = [f"{_place_of(one)}: {one['remedy']}" for one in wrong]
    return Refused(422, "import refused", "\n".join(["nothing was imported:", *lines]), report=error.report)


@router.get("")
def show_records(visitor: _Reader, of: Annotated[str, Query(min_length=1, max_length=600)]) -> HTMLResponse:
    """Show the records of an id, ISRC or ISWC, as the API does."""
    with visitor.caller.rights.reading() as connection:
        found, history = rights_under_key(connection, of)
        shown = rights_to_json(found, of, history=history)
    with visitor.server.database.reading() as connection:
        names = names_by_actor(connection, visitor.organisation)
    return page(
        "rights.html", visitor.sign_in, here="search", of=of, found=shown["found"], history=shown["history"][::-1],
        names=names, percent=format_percent,
    )  # fmt: skip


def _place_of(problem: dict[str, Any]) -> str:
    row = f"line {problem['row']}" if problem["row"] else ""
    return ", ".join(filter(None, (row, problem["column"]))) or str(problem["file"])
