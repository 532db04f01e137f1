"""Keys of the caller's organisation: make, list, rotate, revoke."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from sourceprint.service.access.api_keys import ApiKey, KeyScope, issue_key, list_keys, revoke_key, rotate_key
from sourceprint.service.web.bodies import Body, Count, Moment, whole
from sourceprint.service.web.caller import Caller, needs
from sourceprint.service.web.problems import Refused, responses
from sourceprint.service.web.shapes import Words

__all__ = ["router"]

router = APIRouter(prefix="/v1/keys", tags=["keys"])

_Admin = Annotated[Caller, needs(KeyScope.ADMIN)]
_Overlap: Any = whole(60, 90 * 86_400)


class KeyRequest(Body):
    """A key that is wanted."""

    name: Words = Field(max_length=200, description="Its user, a person or a program")
    scopes: list[KeyScope] = Field(min_length=1, max_length=len(KeyScope))
    expires_at: Moment | None = None
    per_minute: Count | None = Field(None, description="Requests in a minute")
    budget: Count | None = Field(None, description="Searches in all")


class Rotation(Body):
    """How a key is rotated."""

    overlap_seconds: _Overlap = Field(86_400, description="How long the old key holds on")


class KeyView(BaseModel):
    """A key, without its secret."""

    id: str = Field(description="The visible part of the key")
    name: str
    scopes: list[KeyScope]
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    per_minute: int | None
    budget: int | None
    searches: int


class NewKey(KeyView):
    """A key that was just made, with its text: this once."""

    key: str


@router.post("", status_code=201, responses=responses(413))
def create_key(caller: _Admin, wanted: KeyRequest) -> NewKey:
    """Make a key; its text is shown this once, as only a digest of it is kept."""
    database = caller.server.database
    with database.writing() as connection:
        made, text = issue_key(
            connection, caller.organisation, wanted.name, wanted.scopes, at=database.now(), actor=caller.actor,
            expires_at=wanted.expires_at, per_minute=wanted.per_minute, budget=wanted.budget,
        )  # fmt: skip
    return NewKey(**_view(made).model_dump(), key=text)


@router.get("", responses=responses())
def get_keys(caller: _Admin) -> list[KeyView]:
    """List the keys of the organisation."""
    with caller.server.database.reading() as connection:
        return [_view(one) for one in list_keys(connection, caller.organisation)]


@router.post("/{key_id}/rotation", status_code=201, responses=responses(404, 413))
def create_successor(caller: _Admin, key_id: str, wanted: Rotation) -> NewKey:
    """Make the successor of a key; the old one expires after the overlap."""
    database = caller.server.database
    with database.writing() as connection:
        made, text = rotate_key(
            connection, caller.organisation, key_id, now=database.clock(),
            overlap=timedelta(seconds=wanted.overlap_seconds), actor=caller.actor,
        )  # fmt: skip
    return NewKey(**_view(made).model_dump(), key=text)


@router.delete("/{key_id}", status_code=204, responses=responses(404, 409))
def end_key(caller: _Admin, key_id: str) -> None:
    """Revoke a key; not the one that is used for it."""
    database = caller.server.database
    if caller.key is not None and key_id == caller.key.id:
        raise Refused(409, "own key", "a key does not revoke itself; use another one, or rotate it")
    with database.writing() as connection:
        revoke_key(connection, caller.organisation, key_id, at=database.now(), actor=caller.actor)


def _view(key: ApiKey) -> KeyView:
    return KeyView(
        **{name: getattr(key, name) for name in KeyView.model_fields if name != "scopes"}, scopes=list(key.scopes)
    )
