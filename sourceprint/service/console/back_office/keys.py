"""Keys of the API: listed without their secrets, made and rotated (their text is shown once), revoked."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from fingerprint.errors import ParameterError
from sourceprint.service.access.api_keys import KeyScope, issue_key, list_keys, revoke_key, rotate_key
from sourceprint.service.console.back_office.fields import end_of, limit
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Form, Visitor, as_role, field_of
from sourceprint.service.people.persons import names_by_actor
from sourceprint.service.people.roles import Role

__all__ = ["router"]

router = APIRouter(prefix="/console/keys", include_in_schema=False, route_class=ConsoleRoute)

_Admin = Annotated[Visitor, as_role(Role.ADMIN)]
_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.AUDITOR)]
_OVERLAPS = {"3600": "an hour", "86400": "a day", "604800": "a week"}


@router.get("")
def show_keys(visitor: _Reader) -> HTMLResponse:
    """Show the keys of the organisation."""
    return _keys_page(visitor)


@router.post("")
def make_key(visitor: _Admin, sent: Form) -> HTMLResponse:
    """Make a key, and show its text: this once."""
    database = visitor.server.database
    expires_at = end_of(sent, "expires", now=database.clock())
    with database.writing() as connection:
        made, text = issue_key(
            connection, visitor.organisation, field_of(sent, "name"), sent.get("scope", []), at=database.now(),
            actor=visitor.actor, expires_at=expires_at, per_minute=limit(sent, "per_minute"),
            budget=limit(sent, "budget"),
        )  # fmt: skip
    return _keys_page(visitor, made=made.name, text=text)


@router.post("/{key_id}/rotation")
def make_successor(visitor: _Admin, key_id: str, sent: Form) -> HTMLResponse:
    """Make the successor of a key, and show its text: this once; the old one expires after the overlap."""
    database, overlap = visitor.server.database, field_of(sent, "overlap")
    if overlap not in _OVERLAPS:
        raise ParameterError(f"overlap {overlap!r:.40}: choose from {', '.join(_OVERLAPS)} seconds")
    with database.writing() as connection:
        made, text = rotate_key(
            connection, visitor.organisation, key_id, now=database.clock(), overlap=timedelta(seconds=int(overlap)),
            actor=visitor.actor,
        )  # fmt: skip
    return _keys_page(visitor, made=made.name, text=text)


@router.post("/{key_id}/revocation")
def end_key(visitor: _Admin, key_id: str) -> Response:
    """Refuse a key from here on."""
    database = visitor.server.database
    with database.writing() as connection:
        revoke_key(connection, visitor.organisation, key_id, at=database.now(), actor=visitor.actor)
    return RedirectResponse("/console/keys", 303)


def _keys_page(visitor: Visitor, *, made: str = "", text: str = "") -> HTMLResponse:
    database = visitor.server.database
    with database.reading() as connection:
        keys = list_keys(connection, visitor.organisation)
        names = names_by_actor(connection, visitor.organisation)
    return page(
        "keys.html", visitor.sign_in, here="keys", keys=keys, now=database.now(), names=names, scopes=list(KeyScope),
        overlaps=_OVERLAPS, may_change=visitor.has_role(Role.ADMIN), made=made, text=text,
        per_minute=visitor.server.settings.per_minute,
    )  # fmt: skip
