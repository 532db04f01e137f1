"""Requests that wait for a second person: shown, approved with a passkey, rejected."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from fingerprint.errors import SignInError
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Form, Visitor, as_role
from sourceprint.service.people.approvals import (
    approve,
    find_approval,
    list_approvals,
    may_approve,
    needs_reason,
    reject,
)
from sourceprint.service.people.challenges import take_challenge
from sourceprint.service.people.passkeys import challenge_in, sign_in_options, verify_sign_in
from sourceprint.service.people.persons import list_persons
from sourceprint.service.people.roles import Role
from sourceprint.service.web.bodies import Body
from sourceprint.text.templates import lines_of

__all__ = ["router"]

router = APIRouter(prefix="/console/approvals", include_in_schema=False, route_class=ConsoleRoute)

_Decider = Annotated[Visitor, as_role(Role.ADMIN, Role.CATALOGUER, Role.ACCOUNTANT)]
_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.CATALOGUER, Role.ACCOUNTANT, Role.AUDITOR)]


class SignedApproval(Body):
    """An approval that a passkey signs."""

    credential: dict[str, Any]
    reason: str = Field("", max_length=2_000)


@router.get("")
def show_approvals(visitor: _Reader) -> HTMLResponse:
    """Show the requests that wait, with what they say, and those that were decided."""
    with visitor.server.database.reading() as connection:
        now = visitor.server.database.now()
        found = list_approvals(connection, visitor.organisation)
        waiting = [
            (one, may_approve(connection, one, visitor.person), needs_reason(connection, one, visitor.person))
            for one in found
            if one.decision is None and one.expires_at > now
        ]
        people = list_persons(connection, visitor.organisation, removed=True)
    return page(
        "approvals.html", visitor.sign_in, here="approvals", waiting=waiting, me=visitor.actor,
        decided=[one for one in found if one.decision], names={one.actor: one.name for one in people},
        lines_of=lines_of,
    )  # fmt: skip


@router.post("/{approval_id}/options")
def get_options(visitor: _Decider, approval_id: str) -> JSONResponse:
    """Give a challenge for the approval of one request."""
    database = visitor.server.database
    with database.writing() as connection:
        found = find_approval(connection, visitor.organisation, approval_id, now=database.now())
        purpose = f"approve:{found.id}:{visitor.sign_in.id}"
        return JSONResponse(sign_in_options(connection, visitor.server.origin, purpose, now=database.clock()))


@router.post("/{approval_id}")
def give_approval(visitor: _Decider, approval_id: str, sent: SignedApproval) -> dict[str, str]:
    """Approve a request; the device verifies its person again."""
    database = visitor.server.database
    with database.reading() as connection:
        found = find_approval(connection, visitor.organisation, approval_id, now=database.now())
    take_challenge(database, challenge_in(sent.credential), f"approve:{found.id}:{visitor.sign_in.id}")
    with database.writing() as connection:
        at = database.now()
        signer, _ = verify_sign_in(connection, sent.credential, visitor.server.origin, at=at)
        if signer.id != visitor.person.id:
            raise SignInError("this is the passkey of another person; sign out first")
        approve(connection, found, visitor.person, reason=sent.reason, at=at)
    return {}


@router.post("/{approval_id}/rejection")
def give_rejection(visitor: _Decider, approval_id: str, sent: Form) -> Response:
    """Reject a request, or take one's own back."""
    database = visitor.server.database
    with database.writing() as connection:
        at = database.now()
        found = find_approval(connection, visitor.organisation, approval_id, now=at)
        reject(connection, found, visitor.person, reason=sent.get("reason", [""])[0], at=at)
    return RedirectResponse("/console/approvals", 303)
