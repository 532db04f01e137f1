"""Grants: those given and held; given by two people where wanted, and revoked."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from fingerprint.errors import UnknownRightsError, printable
from sourceprint.service.access.grants import FIELDS, OWNER_SEES, list_grants, matches_of, revoke_grant
from sourceprint.service.console.back_office.fields import end_of, limit
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Form, Visitor, as_role, field_of
from sourceprint.service.people.approvals import list_open
from sourceprint.service.people.persons import names_by_actor
from sourceprint.service.people.roles import Role
from sourceprint.service.web.acts.grants import give_grant
from sourceprint.service.web.second_person import SecondPersonNeeded

__all__ = ["router"]

router = APIRouter(prefix="/console/grants", include_in_schema=False, route_class=ConsoleRoute)

_Admin = Annotated[Visitor, as_role(Role.ADMIN)]
_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.AUDITOR)]
_MOST_MATCHES = 100


@router.get("")
def show_grants(visitor: _Reader) -> HTMLResponse:
    """Show the grants that the organisation gave or holds, and those that wait."""
    database = visitor.server.database
    with database.reading() as connection:
        found = list_grants(connection, visitor.organisation)
        waiting = list_open(connection, visitor.organisation, "grant", now=database.now())
        names = names_by_actor(connection, visitor.organisation)
        given = [one for one in found if one.owner_id == visitor.organisation]
        matches = {
            one.id: matches_of(connection, visitor.organisation, one.id, limit=_MOST_MATCHES)
            for one in given
            if one.owner_sees == "matches"
        }
    return page(
        "grants.html", visitor.sign_in, here="keys", given=given, held=[one for one in found if one not in given],
        matches=matches, waiting=waiting, names=names, now=database.now(), fields=FIELDS, owner_sees=OWNER_SEES,
        may_change=visitor.has_role(Role.ADMIN),
    )  # fmt: skip


@router.post("")
def give(visitor: _Admin, sent: Form) -> Response:
    """Give a grant, or propose it; or give what a second person approved."""
    approval_id = field_of(sent, "approval")
    try:
        if approval_id:
            asked = _approved(visitor, approval_id)
            give_grant(
                visitor.caller, asked["holder"], fields=asked["fields"].split(), owner_sees=asked["owner sees"],
                expires_at=datetime.fromisoformat(asked["expires"]) if asked["expires"] else None,
                budget=int(asked["budget"]) if asked["budget"] else None, approval_id=approval_id,
            )  # fmt: skip
        else:
            give_grant(
                visitor.caller, field_of(sent, "holder").strip(), fields=sent.get("field", []),
                owner_sees=field_of(sent, "owner_sees"),
                expires_at=end_of(sent, "expires", now=visitor.server.database.clock()), budget=limit(sent, "budget"),
            )  # fmt: skip
    except SecondPersonNeeded as error:
        return RedirectResponse(f"/console/grants#a-{error.approval_id}", 303)
    return RedirectResponse("/console/grants", 303)


@router.post("/{grant_id}/revocation")
def end_grant(visitor: _Admin, grant_id: str) -> Response:
    """Revoke a grant; checks that wait fail."""
    database = visitor.server.database
    with database.writing() as connection:
        revoke_grant(connection, visitor.organisation, grant_id, at=database.now(), actor=visitor.actor)
    return RedirectResponse("/console/grants", 303)


def _approved(visitor: Visitor, approval_id: str) -> dict[str, str]:
    database = visitor.server.database
    with database.reading() as connection:
        open_ones = list_open(connection, visitor.organisation, "grant", now=database.now())
    found = next((one.summary for one in open_ones if one.id == approval_id), None)
    if found is None:
        raise UnknownRightsError(f"approval {printable(approval_id):.40}: is not there, or was used")
    return found
