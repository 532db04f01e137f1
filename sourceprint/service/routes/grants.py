"""Grants: check-only access to a catalogue, given by its owner to another organisation."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.access.grants import FIELDS, CatalogueGrant, list_grants, matches_of, revoke_grant
from sourceprint.service.web.acts import grants as acts
from sourceprint.service.web.bodies import Body, Count, Moment
from sourceprint.service.web.caller import Caller, needs
from sourceprint.service.web.job_views import Limit
from sourceprint.service.web.problems import responses
from sourceprint.service.web.second_person import ApprovalId
from sourceprint.service.web.shapes import one_of

__all__ = ["router"]

router = APIRouter(prefix="/v1/grants", tags=["grants"])

_Admin = Annotated[Caller, needs(KeyScope.ADMIN)]
_Checker = Annotated[Caller, needs(KeyScope.CHECK)]
_Field: Any = one_of(FIELDS)


class GrantRequest(Body):
    """A grant that is wanted."""

    holder: str = Field(min_length=1, max_length=40, description="Organisation that may check against this catalogue")
    fields: list[_Field] = Field([], max_length=len(FIELDS), description=f"That it sees, of {', '.join(FIELDS)}")
    owner_sees: Literal["counts", "matches"] = "counts"
    expires_at: Moment | None = None
    budget: Count | None = Field(None, description="Checks in all")


class GrantView(BaseModel):
    """A grant, as owner and holder see it."""

    id: str
    owner: str
    holder: str
    fields: list[str]
    owner_sees: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    budget: int | None
    searches: int
    matched: int = Field(description="Checks in which something was found")


class GrantMatch(BaseModel):
    """A recording that was matched under a grant; nothing of the track."""

    at: str
    recording_id: str
    matched_ms: int


@router.post("", status_code=201, responses=responses(404, 409, 413))
def give_grant(caller: _Admin, wanted: GrantRequest, approval: ApprovalId = "") -> GrantView:
    """Let another organisation check tracks against this catalogue, blind or with named fields.

    Where the organisation wants two people for this, the first request is a proposal (409), and the same with its
    approval gives the grant.
    """
    given = acts.give_grant(
        caller, wanted.holder, fields=wanted.fields, owner_sees=wanted.owner_sees, expires_at=wanted.expires_at,
        budget=wanted.budget, approval_id=approval,
    )  # fmt: skip
    return _view(given)


@router.get("", responses=responses())
def get_grants(caller: _Checker) -> list[GrantView]:
    """List the grants that this organisation gave or holds."""
    with caller.server.database.reading() as connection:
        return [_view(one) for one in list_grants(connection, caller.organisation)]


@router.get("/{grant_id}/matches", responses=responses(404))
def get_matches(caller: _Admin, grant_id: str, limit: Limit = 100) -> list[GrantMatch]:
    """List the latest recordings that were matched under a grant of this organisation, if it may see them."""
    with caller.server.database.reading() as connection:
        return [GrantMatch(**row) for row in matches_of(connection, caller.organisation, grant_id, limit=limit)]


@router.delete("/{grant_id}", status_code=204, responses=responses(404))
def end_grant(caller: _Admin, grant_id: str) -> None:
    """Revoke a grant; checks that wait fail."""
    database = caller.server.database
    with database.writing() as connection:
        revoke_grant(connection, caller.organisation, grant_id, at=database.now(), actor=caller.actor)


def _view(one: CatalogueGrant) -> GrantView:
    return GrantView(
        id=one.id,
        owner=one.owner_id,
        holder=one.holder_id,
        fields=list(one.fields),
        owner_sees=one.owner_sees,
        created_at=one.created_at,
        expires_at=one.expires_at,
        revoked_at=one.revoked_at,
        budget=one.budget,
        searches=one.searches,
        matched=one.matched,
    )
