"""Sign-ins: the time from a passkey to its end, which a browser carries as a random text in a cookie.

Only the SHA-256 of the text is kept. A sign-in ends half an hour after its last use, twelve hours after its start, when
the person signs out, and when their passkey, their person or their organisation ends. Each start makes a new text.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update

from sourceprint.service.people.roles import Role, roles_in
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import challenge, invitation, organisation, passkey, person, sign_in

__all__ = [
    "IDLE_MINUTES",
    "LONGEST_HOURS",
    "OpenSignIn",
    "SignIn",
    "csrf_token",
    "end_all",
    "end_sign_in",
    "end_sign_ins",
    "find_sign_in",
    "is_due",
    "keep_open",
    "list_sign_ins",
    "roles_signed_in",
    "sign_out",
    "start_sign_in",
]

IDLE_MINUTES = 30
"""A sign-in ends after so many minutes without use."""

LONGEST_HOURS = 12
"""A sign-in ends so many hours after its start."""

_TOUCH_SECONDS = 60  # use is written down once in so long
_KEPT_DAYS = 30


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that holds, with its person.

    Attributes
    ----------
    id : str
    person_id, organisation_id, organisation_name, name : str
    roles : tuple of Role
    passkey_id : str
        The passkey that it began with.
    last_used_at, expires_at : str
    csrf : str
        Sent with every change; another site cannot know it.
    """

    id: str
    person_id: str
    organisation_id: str
    organisation_name: str
    name: str
    roles: tuple[Role, ...]
    passkey_id: str
    last_used_at: str
    expires_at: str
    csrf: str

    @property
    def actor(self) -> str:
        """The person in entries of the log, and in the database of rights."""
        return f"person:{self.person_id}"


@dataclass(frozen=True, slots=True)
class OpenSignIn:
    """A sign-in that holds, as it is listed.

    Attributes
    ----------
    id : str
    organisation_id, person_id, name : str
        Of the person.
    passkey : str
        The name of the passkey that it began with.
    created_at, last_used_at, expires_at : str
    """

    id: str
    organisation_id: str
    person_id: str
    name: str
    passkey: str
    created_at: str
    last_used_at: str
    expires_at: str


def start_sign_in(connection: Connection, person_id: str, passkey_id: str, *, now: datetime) -> str:
    """Start a sign-in, and return the text for the cookie, which nobody can ask for again."""
    token = secrets.token_urlsafe(32)
    at, old = time_text(now), time_text(now - timedelta(days=_KEPT_DAYS))
    connection.execute(delete(sign_in).where(sign_in.c.expires_at < old))
    row = {
        "id": secrets.token_hex(8),
        "digest": _digest(token),
        "person_id": person_id,
        "passkey_id": passkey_id,
        "created_at": at,
        "last_used_at": at,
        "expires_at": time_text(now + timedelta(hours=LONGEST_HOURS)),
    }
    connection.execute(insert(sign_in), row)
    return token


def find_sign_in(connection: Connection, token: str, *, now: datetime) -> SignIn | None:
    """Return the sign-in of a cookie, if it holds."""
    columns = (sign_in, person.c.organisation_id, person.c.name, person.c.roles, organisation.c.name.label("of"))
    query = _open(select(*columns), now).where(sign_in.c.digest == _digest(token))
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    names = ("id", "person_id", "organisation_id", "name", "passkey_id", "last_used_at", "expires_at")
    return SignIn(
        **{name: row[name] for name in names}, organisation_name=row["of"], roles=roles_in(row["roles"]),
        csrf=csrf_token(token),
    )  # fmt: skip


def list_sign_ins(connection: Connection, organisation_id: str, *, now: datetime) -> list[OpenSignIn]:
    """Return the sign-ins of an organisation's people that hold, in the order in which they began."""
    ids = (sign_in.c.id, person.c.organisation_id, sign_in.c.person_id, person.c.name, passkey.c.name.label("passkey"))
    times = (sign_in.c.created_at, sign_in.c.last_used_at, sign_in.c.expires_at)
    query = _open(select(*ids, *times), now).where(person.c.organisation_id == organisation_id)
    return [OpenSignIn(*row) for row in connection.execute(query.order_by(sign_in.c.created_at, sign_in.c.id))]


def roles_signed_in(connection: Connection, *, now: datetime) -> dict[str, set[Role]]:
    """Return the roles of the people who are signed in, by organisation."""
    found: dict[str, set[Role]] = {}
    query = _open(select(person.c.organisation_id, person.c.roles).distinct().select_from(sign_in), now)
    for row in connection.execute(query):
        found.setdefault(row.organisation_id, set()).update(roles_in(row.roles))
    return found


def _open(query: Select[Any], now: datetime) -> Select[Any]:
    """Return a query of sign-ins that finds those that hold."""
    return (
        query.join(person, person.c.id == sign_in.c.person_id)
        .join(organisation, organisation.c.id == person.c.organisation_id)
        .join(passkey, passkey.c.id == sign_in.c.passkey_id)
        .where(
            sign_in.c.ended_at.is_(None),
            sign_in.c.expires_at > time_text(now),
            sign_in.c.last_used_at > time_text(now - timedelta(minutes=IDLE_MINUTES)),
            person.c.removed_at.is_(None),
            passkey.c.removed_at.is_(None),
            organisation.c.closed_at.is_(None),
        )
    )


def keep_open(connection: Connection, found: SignIn, *, now: datetime) -> None:
    """Write down that a sign-in was used."""
    connection.execute(update(sign_in).where(sign_in.c.id == found.id).values(last_used_at=time_text(now)))


def is_due(found: SignIn, *, now: datetime) -> bool:
    """Return whether the last use that was written down is old enough to be replaced."""
    return found.last_used_at <= time_text(now - timedelta(seconds=_TOUCH_SECONDS))


def end_sign_in(connection: Connection, sign_in_id: str, *, at: str) -> None:
    """End a sign-in."""
    still = (sign_in.c.id == sign_in_id) & sign_in.c.ended_at.is_(None)
    connection.execute(update(sign_in).where(still).values(ended_at=at))


def end_sign_ins(connection: Connection, person_id: str, *, at: str) -> None:
    """End all sign-ins of a person."""
    still = (sign_in.c.person_id == person_id) & sign_in.c.ended_at.is_(None)
    connection.execute(update(sign_in).where(still).values(ended_at=at))


def sign_out(connection: Connection, organisation_id: str, person_id: str, *, at: str, actor: str) -> None:
    """End all sign-ins of a person on the word of somebody else, with an entry of the log."""
    end_sign_ins(connection, person_id, at=at)
    note_event(
        connection, "person.signed_out", at=at, actor=actor, organisation=organisation_id, subject=f"person:{person_id}"
    )


def end_all(connection: Connection, *, at: str) -> None:
    """End all sign-ins, one-time links and challenges, as of a service that was put back: they may have ended since."""
    connection.execute(update(sign_in).where(sign_in.c.ended_at.is_(None)).values(ended_at=at))
    connection.execute(update(invitation).where(invitation.c.used_at.is_(None)).values(expires_at=at))
    connection.execute(delete(challenge))


def csrf_token(token: str) -> str:
    """Return the text that changes carry, made of the text in the cookie: one cannot be had from the other."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
