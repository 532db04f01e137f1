"""Challenges that a passkey signs: single use, five minutes, for one purpose; kept as digests until they are taken."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert

from fingerprint.errors import SignInError
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.schema import challenge

__all__ = ["CHALLENGE_MINUTES", "new_challenge", "take_challenge"]

CHALLENGE_MINUTES = 5
"""How long a challenge may be answered."""


def new_challenge(connection: Connection, purpose: str, *, now: datetime) -> bytes:
    """Return a new challenge for a purpose, such as "sign-in" or "join:ID"; those that expired are deleted."""
    connection.execute(delete(challenge).where(challenge.c.expires_at <= time_text(now)))
    made = secrets.token_bytes(32)
    until = time_text(now + timedelta(minutes=CHALLENGE_MINUTES))
    connection.execute(insert(challenge), {"digest": _digest(made), "purpose": purpose, "expires_at": until})
    return made


def take_challenge(database: ServiceDatabase, answered: bytes, purpose: str) -> None:
    """Take a challenge, in a transaction of its own: it is spent also if the rest of the answer is refused.

    Raises
    ------
    SignInError
        If it was not given for this purpose, was taken before, or has expired.
    """
    given = (challenge.c.digest == _digest(answered)) & (challenge.c.purpose == purpose)
    with database.writing() as connection:
        taken = connection.execute(delete(challenge).where(given, challenge.c.expires_at > database.now())).rowcount
    if taken != 1:
        raise SignInError("the challenge was answered before, has expired or was for something else; try again")


def _digest(made: bytes) -> str:
    return hashlib.sha256(made).hexdigest()
