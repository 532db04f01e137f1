"""Grants: an organisation lets another one check tracks against its catalogue, without giving the catalogue away.

The holder of a grant gets verdicts, with the fields of recordings that the grant names; every other field is left out
before the report is written down, and ids become tokens that mean nothing outside the grant. So do digests of the
index; lengths of recordings and their number are left out always. Audio and reports stay the holder's. The owner sees
counts, or which recordings were matched and for how long, as the grant says; never the tracks.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, insert, or_, select, update

from fingerprint.errors import GrantError, ParameterError, UnknownRightsError, printable
from sourceprint.scans.scan_json import uuid7
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import grant, grant_match, organisation

__all__ = [
    "FIELDS",
    "OWNER_SEES",
    "CatalogueGrant",
    "add_grant",
    "count_matches",
    "find_grant",
    "hide_fields",
    "hide_in",
    "list_grants",
    "matches_of",
    "revoke_grant",
    "shown_digest",
    "shown_id",
    "spend_grant",
]

FIELDS = ("recording_id", "title", "artists", "isrc")
"""Fields of recordings that a grant may show."""

OWNER_SEES = ("counts", "matches")
"""Fields of the holder's checks that the owner sees."""

_TOKEN_DIGITS = 24
_ABOUT_LENGTH = ("recording_duration_ms", "recording_match_percentage")  # either tells the length of a recording


@dataclass(frozen=True, slots=True)
class CatalogueGrant:
    """A grant.

    Attributes
    ----------
    id, owner_id, holder_id : str
    secret : str
        Makes tokens of ids; shown to nobody.
    fields : tuple of str
        Of `FIELDS`; empty for a blind catalogue.
    owner_sees : str
        Of `OWNER_SEES`.
    created_at : str
    expires_at, revoked_at : str or None
    budget : int or None
        Checks in all.
    searches, matched : int
        Checks so far, and those in which something was found.
    """

    id: str
    owner_id: str
    holder_id: str
    secret: str
    fields: tuple[str, ...]
    owner_sees: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    budget: int | None
    searches: int
    matched: int

    def fault(self, now: str) -> str:
        """Return why it does not hold at a time; "" if it does."""
        if self.revoked_at is not None:
            return "was revoked"
        return "has expired" if self.expires_at is not None and self.expires_at <= now else ""


def add_grant(
    connection: Connection,
    owner_id: str,
    holder_id: str,
    *,
    fields: Iterable[str],
    owner_sees: str,
    expires_at: datetime | None,
    budget: int | None,
    at: str,
    actor: str,
) -> CatalogueGrant:
    """Let an organisation check tracks against the catalogue of another.

    Raises
    ------
    ParameterError
        If the holder is the owner, or a field or the owner's view is unknown.
    UnknownRightsError
        If there is no such holder.
    """
    wanted = set(fields)
    if unknown := sorted(wanted.difference(FIELDS)):
        raise ParameterError(f"field {unknown[0]!r:.40}: is unknown; there are {', '.join(FIELDS)}")
    if owner_sees not in OWNER_SEES:
        raise ParameterError(f"owner_sees={owner_sees!r:.40}: must be {' or '.join(OWNER_SEES)}")
    if holder_id == owner_id:
        raise ParameterError("holder: is the owner of the catalogue, who needs no grant")
    open_one = (organisation.c.id == holder_id) & organisation.c.closed_at.is_(None)
    if connection.scalar(select(organisation.c.id).where(open_one)) is None:
        raise UnknownRightsError(f"organisation {printable(holder_id):.60}: is not there")
    shown = " ".join(name for name in FIELDS if name in wanted)
    row = {
        "id": str(uuid7()),
        "owner_id": owner_id,
        "holder_id": holder_id,
        "fields": shown,
        "owner_sees": owner_sees,
        "secret": secrets.token_hex(32),
        "created_at": at,
        "created_by": actor,
        "expires_at": None if expires_at is None else time_text(expires_at),
        "budget": budget,
    }
    connection.execute(insert(grant), row)
    for side in (owner_id, holder_id):
        note_event(
            connection, "grant.given", at=at, actor=actor, organisation=side, subject=f"grant:{row['id']}",
            data={"holder": holder_id, "fields": shown.split(), "owner_sees": owner_sees},
        )  # fmt: skip
    return _one(connection, grant.c.id == row["id"], str(row["id"]))


def revoke_grant(connection: Connection, owner_id: str, grant_id: str, *, at: str, actor: str) -> None:
    """End a grant; checks that wait fail.

    Raises
    ------
    UnknownRightsError
        If the owner gave no such grant.
    """
    given = _one(connection, and_(grant.c.owner_id == owner_id, grant.c.id == grant_id), grant_id)
    if given.revoked_at is None:
        connection.execute(update(grant).where(grant.c.id == grant_id).values(revoked_at=at))
        for side in (owner_id, given.holder_id):
            note_event(connection, "grant.revoked", at=at, actor=actor, organisation=side, subject=f"grant:{grant_id}")


def list_grants(connection: Connection, organisation_id: str) -> list[CatalogueGrant]:
    """Return the grants that an organisation gave or holds, in the order in which they were given."""
    sides = or_(grant.c.owner_id == organisation_id, grant.c.holder_id == organisation_id)
    return [_grant(row) for row in connection.execute(select(grant).where(sides).order_by(grant.c.id)).mappings()]


def find_grant(connection: Connection, grant_id: str, *, now: str, holder_id: str = "") -> CatalogueGrant:
    """Return a grant that holds.

    Parameters
    ----------
    connection : Connection
    grant_id : str
    now : str
    holder_id : str
        Its holder; "" for any.

    Raises
    ------
    UnknownRightsError
        If the holder has no such grant.
    GrantError
        If it was revoked or has expired.
    """
    held = and_(grant.c.id == grant_id, *([grant.c.holder_id == holder_id] if holder_id else []))
    found = _one(connection, held, grant_id)
    if fault := found.fault(now):
        raise GrantError(f"grant {grant_id}: {fault}; ask the owner of the catalogue")
    return found


def spend_grant(connection: Connection, found: CatalogueGrant) -> bool:
    """Count a check of a grant, and return whether its budget allows it; if not, it is not counted."""
    allowed = grant.c.id == found.id
    if found.budget is not None:
        allowed &= grant.c.searches < grant.c.budget
    return connection.execute(update(grant).where(allowed).values(searches=grant.c.searches + 1)).rowcount == 1


def count_matches(connection: Connection, grant_id: str, recordings: Mapping[str, int], *, at: str) -> None:
    """Count a check that found something, and keep which recordings, if the owner may see that.

    Parameters
    ----------
    connection : Connection
    grant_id : str
    recordings : mapping of str to int
        How much of each was found, in milliseconds.
    at : str
    """
    if not recordings:
        return
    connection.execute(update(grant).where(grant.c.id == grant_id).values(matched=grant.c.matched + 1))
    if _one(connection, grant.c.id == grant_id, grant_id).owner_sees == "matches":
        rows = [
            {"grant_id": grant_id, "at": at, "recording_id": recording_id, "matched_ms": matched_ms}
            for recording_id, matched_ms in recordings.items()
        ]
        connection.execute(insert(grant_match), rows)


def matches_of(connection: Connection, owner_id: str, grant_id: str, *, limit: int) -> list[dict[str, Any]]:
    """Return the latest recordings that were matched under a grant; none unless its owner may see them.

    Raises
    ------
    UnknownRightsError
        If the owner gave no such grant.
    """
    _one(connection, and_(grant.c.owner_id == owner_id, grant.c.id == grant_id), grant_id)
    columns = (grant_match.c.at, grant_match.c.recording_id, grant_match.c.matched_ms)
    query = select(*columns).where(grant_match.c.grant_id == grant_id).order_by(grant_match.c.id.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def hide_fields(report: dict[str, Any], given: CatalogueGrant) -> dict[str, Any]:
    """Return a report of the gate with only those fields of recordings that a grant shows; ids become tokens."""
    shown = {name: hide_in(value, given) if name == "files" else value for name, value in report.items()}
    shown["index"] = _hidden_index(report["index"], given)
    if "recording_id" not in given.fields:  # which ids of a policy the catalogue has is for its owner to say
        shown["policy"] = shown["policy"] | {"unknown_recordings": []}
    return shown


def hide_in(value: Any, given: CatalogueGrant, *, unstated: int | None = None) -> Any:
    """Return a JSON value with only those fields of recordings that a grant shows.

    Parameters
    ----------
    value : JSON value
    given : CatalogueGrant
    unstated : int, optional
        Stands for lengths of recordings and their number; 0 where a reader wants a number.
    """
    if isinstance(value, list):
        return [hide_in(one, given, unstated=unstated) for one in value]
    if not isinstance(value, dict):
        return value
    shown: dict[str, Any] = {}
    for name, one in value.items():
        if name == "recording_id":
            shown[name] = shown_id(one, given)
        elif name == "also_fits":
            shown[name] = [shown_id(other, given) for other in one]
        elif name in _ABOUT_LENGTH:
            shown[name] = unstated
        elif name in ("index", "searched") and isinstance(one, dict):
            shown[name] = _hidden_index(one, given) | {"recordings": unstated}
        elif name in FIELDS and name not in given.fields:
            shown[name] = [] if name == "artists" else None
        elif name == "policy_reason" and not set(FIELDS) <= set(given.fields):
            shown[name] = None  # a sentence may name another recording
        else:
            shown[name] = hide_in(one, given, unstated=unstated)
    return shown


def _hidden_index(stated: dict[str, Any], given: CatalogueGrant) -> dict[str, Any]:
    digest = stated.get("digest")
    return stated if digest is None else stated | {"digest": shown_digest(digest, given)}


def shown_digest(digest: str, given: CatalogueGrant) -> str:
    """Return the token that stands for the digest of an index under a grant: another one after each change."""
    return f"i-{_token(digest, given)}"


def shown_id(recording_id: str, given: CatalogueGrant) -> str:
    """Return the id of a recording, or the token that stands for it under a grant."""
    if "recording_id" in given.fields:
        return recording_id
    return f"r-{_token(recording_id, given)}"


def _token(text: str, given: CatalogueGrant) -> str:
    return hmac.new(given.secret.encode(), text.encode("utf-8"), hashlib.sha256).hexdigest()[:_TOKEN_DIGITS]


def _one(connection: Connection, condition: ColumnElement[bool], grant_id: str) -> CatalogueGrant:
    row = connection.execute(select(grant).where(condition)).mappings().first()
    if row is None:
        raise UnknownRightsError(f"grant {printable(grant_id)!r:.70}: is not there; GET /v1/grants lists yours")
    return _grant(row)


def _grant(row: RowMapping) -> CatalogueGrant:
    fields = {name: row[name] for name in CatalogueGrant.__dataclass_fields__ if name != "fields"}
    return CatalogueGrant(fields=tuple(row["fields"].split()), **fields)
