"""Keys of the API: made, found by the text that a caller sends, rotated, revoked.

A key is one text, `sp_<id>_<secret>`. The id is shown in lists and in the log. Of the secret, 256 random bits, only the
SHA-256 is kept, so the database reveals no key, and a lost key is replaced by a new one. (A slow hash is for passwords,
which can be guessed; this cannot.)

A key belongs to one organisation, has scopes, may expire, and may have a budget of searches, as someone who may ask a
catalogue without end can map it. A rotated key goes on for a while beside its successor: they are of one *line*, and
share its budget and its rate.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, insert, select, update

from fingerprint.errors import ParameterError, UnknownRightsError, printable
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import api_key, organisation

__all__ = [
    "ApiKey",
    "KeyScope",
    "find_key",
    "issue_key",
    "key_id_in",
    "list_keys",
    "revoke_key",
    "rotate_key",
    "spend",
    "valid_scopes",
]

_KEY = re.compile(r"sp_(?P<id>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
_LONGEST_NAME = 200


class KeyScope(StrEnum):
    """Permissions of a key."""

    SCAN = "scan"
    CHECK = "check"
    CATALOGUE_READ = "catalogue:read"
    CATALOGUE_WRITE = "catalogue:write"
    RIGHTS = "rights"
    DECIDE = "decide"
    STATEMENTS = "statements"
    AUDIT = "audit"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is on file, without its secret.

    Attributes
    ----------
    id : str
        12 hexadecimal digits: the visible part.
    organisation_id : str
    name : str
        For people.
    scopes : tuple of Scope
    created_at, created_by : str
    expires_at, revoked_at : str or None
    per_minute : int or None
        Requests in a minute; None is the default of the server.
    budget : int or None
        Searches in all; None is no limit.
    searches : int
        Searches of its line so far.
    line : str
        Id of the first of the keys that it succeeds, its own if it succeeds none.
    """

    id: str
    organisation_id: str
    name: str
    scopes: tuple[KeyScope, ...]
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    per_minute: int | None
    budget: int | None
    searches: int
    line: str

    @property
    def actor(self) -> str:
        """The key in entries of the log."""
        return f"key:{self.id}"


def issue_key(
    connection: Connection,
    organisation_id: str,
    name: str,
    scopes: Iterable[str],
    *,
    at: str,
    actor: str,
    expires_at: datetime | None = None,
    per_minute: int | None = None,
    budget: int | None = None,
    line: str | None = None,
) -> tuple[ApiKey, str]:
    """Make a key, and return it with its text, which nobody can ask for again; with a budget of 0 it searches nothing.

    A key of a line of earlier ones goes on with the searches of that.

    Raises
    ------
    ParameterError
        If a scope is unknown or none is given, the name is too long, or a limit is out of range.
    UnknownRightsError
        If there is no such organisation.
    """
    kept = printable(name.strip())
    if not 0 < len(name.strip()) <= _LONGEST_NAME:
        raise ParameterError(f"name {name!r:.80}: must have 1 to {_LONGEST_NAME} characters")
    for limit, value, least in (("per_minute", per_minute, 1), ("budget", budget, 0)):
        if value is not None and not least <= value < 2**31:
            raise ParameterError(f"{limit}={value}: must be {least} to {2**31 - 1}")
    if connection.scalar(select(organisation.c.id).where(organisation.c.id == organisation_id)) is None:
        raise UnknownRightsError(f"organisation {organisation_id:.60}: is not there")
    found = valid_scopes(scopes)
    secret = secrets.token_urlsafe(32)
    row = {
        "id": secrets.token_hex(6),
        "organisation_id": organisation_id,
        "name": kept,
        "digest": _digest(secret),
        "scopes": " ".join(found),
        "created_at": at,
        "created_by": actor,
        "expires_at": None if expires_at is None else time_text(expires_at),
        "per_minute": per_minute,
        "budget": budget,
        "line": line,
    }
    connection.execute(insert(api_key), row)
    note_event(
        connection, "key.issued", at=at, actor=actor, organisation=organisation_id, subject=f"key:{row['id']}",
        data={"scopes": list(found), "expires_at": row["expires_at"]},
    )  # fmt: skip
    (made,) = _select(connection, api_key.c.id == row["id"])
    return made, f"sp_{row['id']}_{secret}"


def rotate_key(
    connection: Connection, organisation_id: str, key_id: str, *, now: datetime, overlap: timedelta, actor: str
) -> tuple[ApiKey, str]:
    """Make the successor of a key, with the same scopes and limits; the old one expires after the overlap.

    The successor of a key that expires is valid for as long as that was when it was made. Its searches and those of the
    old one count together: both may make what their budget has left, none if that is spent.

    Raises
    ------
    UnknownRightsError
        If the organisation has no such key that holds.
    ParameterError
        If the overlap is negative.
    """
    if overlap < timedelta(0):
        raise ParameterError(f"overlap of {overlap.total_seconds():g} s: must not be negative")
    old = _own_key(connection, organisation_id, key_id)
    if old.revoked_at is not None:
        raise UnknownRightsError(f"key {key_id:.40}: was revoked; issue a new one")
    expires_at = None
    if old.expires_at is not None:
        expires_at = now + (datetime.fromisoformat(old.expires_at) - datetime.fromisoformat(old.created_at))
    made, text = issue_key(
        connection, organisation_id, old.name, old.scopes, at=time_text(now), actor=actor, expires_at=expires_at,
        per_minute=old.per_minute, budget=old.budget, line=old.line,
    )  # fmt: skip
    until = min(filter(None, (time_text(now + overlap), old.expires_at)))
    connection.execute(update(api_key).where(api_key.c.id == key_id).values(expires_at=until))
    note_event(
        connection, "key.rotated", at=time_text(now), actor=actor, organisation=organisation_id,
        subject=f"key:{key_id}", data={"successor": made.id, "expires_at": until},
    )  # fmt: skip
    return made, text


def revoke_key(connection: Connection, organisation_id: str, key_id: str, *, at: str, actor: str) -> None:
    """Refuse a key from here on; twice does no harm.

    Raises
    ------
    UnknownRightsError
        If the organisation has no such key.
    """
    if _own_key(connection, organisation_id, key_id).revoked_at is None:
        connection.execute(update(api_key).where(api_key.c.id == key_id).values(revoked_at=at))
        note_event(connection, "key.revoked", at=at, actor=actor, organisation=organisation_id, subject=f"key:{key_id}")


def list_keys(connection: Connection, organisation_id: str) -> list[ApiKey]:
    """Return the keys of an organisation, in the order in which they were made."""
    return _select(connection, api_key.c.organisation_id == organisation_id)


def key_id_in(text: str) -> str:
    """Return the id in the text of a key, "" where it is none: for messages and the log, as anyone can write an id."""
    found = _KEY.fullmatch(text)
    return found["id"] if found else ""


def find_key(connection: Connection, text: str, *, now: str) -> ApiKey | None:
    """Return the key that a caller sent, if it holds: known, not revoked, not expired, its organisation not closed."""
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    query = _with_line().add_columns(organisation.c.closed_at).where(api_key.c.id == found["id"])
    query = query.join(organisation, organisation.c.id == api_key.c.organisation_id)
    row = connection.execute(query).mappings().first()
    if row is None or not hmac.compare_digest(row["digest"], _digest(found["secret"])):
        return None
    if row["revoked_at"] or row["closed_at"] or (row["expires_at"] and row["expires_at"] <= now):
        return None
    return _key(row)


def spend(connection: Connection, key: ApiKey, searches: int) -> bool:
    """Count searches of the line of a key, and return whether its budget allows them; if not, none are counted."""
    allowed = api_key.c.id == key.line
    if key.budget is not None:
        allowed &= api_key.c.searches + searches <= key.budget
    counted = update(api_key).where(allowed).values(searches=api_key.c.searches + searches)
    return connection.execute(counted).rowcount == 1


def valid_scopes(scopes: Iterable[str]) -> tuple[KeyScope, ...]:
    """Return scopes, each once, in the order of `KeyScope`.

    Raises
    ------
    ParameterError
        If one is unknown, or there is none.
    """
    known = [scope.value for scope in KeyScope]
    wanted = list(scopes)
    for scope in wanted:
        if scope not in known:
            raise ParameterError(f"scope {scope!r:.40}: is unknown; there are {', '.join(known)}")
    if not wanted:
        raise ParameterError(f"scopes: none are given; choose from {', '.join(known)}")
    return tuple(scope for scope in KeyScope if scope in wanted)


def _own_key(connection: Connection, organisation_id: str, key_id: str) -> ApiKey:
    own = _select(connection, (api_key.c.organisation_id == organisation_id) & (api_key.c.id == key_id))
    if not own:
        raise UnknownRightsError(f"key {printable(key_id):.40}: organisation {organisation_id:.60} has no such key")
    return own[0]


def _select(connection: Connection, condition: ColumnElement[bool]) -> list[ApiKey]:
    query = _with_line().where(condition).order_by(api_key.c.created_at, api_key.c.id)
    return [_key(row) for row in connection.execute(query).mappings()]


def _with_line() -> Select[Any]:
    """Return the query of keys with the searches of their lines."""
    first = api_key.alias()
    columns = [column for column in api_key.c if column.name != "searches"]
    same = first.c.id == func.coalesce(api_key.c.line, api_key.c.id)
    return select(*columns, first.c.searches).join_from(api_key, first, same)


def _key(row: RowMapping) -> ApiKey:
    scopes = tuple(KeyScope(scope) for scope in row["scopes"].split())
    names = ("created_at", "created_by", "expires_at", "revoked_at", "per_minute", "budget", "searches")
    more = {name: row[name] for name in names} | {"line": row["line"] or row["id"]}
    return ApiKey(row["id"], row["organisation_id"], row["name"], scopes, **more)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()
