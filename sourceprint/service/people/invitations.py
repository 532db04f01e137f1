"""One-time links: a person makes the first passkey with one, or a new one after losing all others.

A link holds for a day, once, until a newer one is made. Only its SHA-256 is kept. It is for one person, whose passkeys
from before it ends, with their sign-ins: a lost device opens nothing any more. Nobody makes a link for themselves: a
second admin does, or the operator on the server's terminal. Hand it over where you know who is there; an e-mail alone
proves nobody.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from fingerprint.errors import SignInError
from sourceprint.service.people.persons import ServicePerson, find_person
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import invitation, organisation, person

__all__ = ["LINK_HOURS", "Invitation", "find_invitation", "invite", "use_invitation"]

LINK_HOURS = 24
"""How long a link holds."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that holds.

    Attributes
    ----------
    id : str
    person : ServicePerson
        For whom.
    """

    id: str
    person: ServicePerson


def invite(connection: Connection, guest: ServicePerson, *, now: datetime, actor: str) -> str:
    """Make a link for a person, and return the secret text in it; earlier links of the person hold no longer.

    Raises
    ------
    SignInError
        If the person makes it for themselves.
    """
    if actor == guest.actor:
        raise SignInError("a link for oneself: another admin makes it; add further passkeys while you are signed in")
    at, token = time_text(now), secrets.token_urlsafe(32)
    unused = (invitation.c.person_id == guest.id) & invitation.c.used_at.is_(None)
    connection.execute(update(invitation).where(unused).values(expires_at=at))
    row = {
        "id": secrets.token_hex(8),
        "digest": _digest(token),
        "person_id": guest.id,
        "created_at": at,
        "created_by": actor,
        "expires_at": time_text(now + timedelta(hours=LINK_HOURS)),
    }
    connection.execute(insert(invitation), row)
    note_event(
        connection, "person.invited", at=at, actor=actor, organisation=guest.organisation_id, subject=guest.actor,
        data={"invitation": row["id"], "expires_at": row["expires_at"]},
    )  # fmt: skip
    return token


def find_invitation(connection: Connection, token: str, *, now: str) -> Invitation:
    """Return the link with a secret text.

    Raises
    ------
    SignInError
        If it is unknown, was used, has expired, or its person or organisation is gone.
    """
    query = (
        select(invitation.c.id, person.c.organisation_id, invitation.c.person_id)
        .join(person, person.c.id == invitation.c.person_id)
        .join(organisation, organisation.c.id == person.c.organisation_id)
        .where(
            invitation.c.digest == _digest(token),
            invitation.c.used_at.is_(None),
            invitation.c.expires_at > now,
            person.c.removed_at.is_(None),
            organisation.c.closed_at.is_(None),
        )
    )
    row = connection.execute(query).first()
    if row is None:
        raise SignInError("this link was used, has expired, or was replaced by a newer one; ask for a new one")
    return Invitation(row.id, find_person(connection, row.organisation_id, row.person_id))


def use_invitation(connection: Connection, found: Invitation, *, at: str) -> None:
    """Mark a link as used, in the transaction that keeps the passkey.

    Raises
    ------
    SignInError
        If it was used meanwhile.
    """
    unused = (invitation.c.id == found.id) & invitation.c.used_at.is_(None) & (invitation.c.expires_at > at)
    if connection.execute(update(invitation).where(unused).values(used_at=at)).rowcount != 1:
        raise SignInError("this link was used, has expired, or was replaced by a newer one; ask for a new one")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
