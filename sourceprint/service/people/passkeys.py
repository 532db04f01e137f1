"""Passkeys: the public keys of people's devices, as W3C WebAuthn has them; the only door to `webauthn`.

A device makes a key pair for this service and keeps the private half. It signs our challenge after it has verified its
person by fingerprint, face or PIN; no biometric data leaves it. Keys are discoverable: a person signs in without a
name. Kept are the public key, the counter of signatures, a name, and the time of the last use.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import webauthn
from sqlalchemy import ColumnElement, Connection, RowMapping, func, insert, select, update
from webauthn.helpers import base64url_to_bytes, options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from fingerprint.errors import ParameterError, SignInError, UnknownRightsError, printable
from sourceprint.service.people.challenges import CHALLENGE_MINUTES, new_challenge
from sourceprint.service.people.origins import Origin
from sourceprint.service.people.persons import ServicePerson, find_person
from sourceprint.service.people.sign_ins import end_sign_ins
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import organisation, passkey, person

__all__ = [
    "Passkey",
    "challenge_in",
    "claimed_owner",
    "keep_passkey",
    "last_uses",
    "list_passkeys",
    "registration_options",
    "remove_passkey",
    "remove_passkeys",
    "rename_passkey",
    "sign_in_options",
    "verified_passkey",
    "verify_sign_in",
]

_LONGEST_NAME = 100
_MOST_PASSKEYS = 20  # of one person
_REFUSED = "this passkey is not accepted here; sign in with another one, or ask an admin for a new link"


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey on file.

    Attributes
    ----------
    id : str
        SHA-256 of the id that the device gave.
    person_id : str
        "" before it is kept.
    name : str
        For people: "Laptop", "Key on the ring".
    credential_id, public_key : bytes
    sign_count : int
        Signatures so far, as the device counts; 0 where it does not count.
    transports : str
        Ways to the device, separated by spaces.
    created_at : str
    last_used_at : str or None
    """

    id: str
    person_id: str
    name: str
    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: str
    created_at: str = ""
    last_used_at: str | None = None


def registration_options(
    connection: Connection, guest: ServicePerson, origin: Origin, purpose: str, *, now: datetime
) -> dict[str, Any]:
    """Return what a browser needs to make a passkey for a person, as JSON, with a new challenge."""
    known = list_passkeys(connection, guest.id)
    selection = AuthenticatorSelectionCriteria(
        resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
    )
    options = webauthn.generate_registration_options(
        rp_id=origin.host, rp_name="Sourceprint", user_name=guest.name, user_display_name=guest.name,
        user_id=guest.id.encode("ascii"), challenge=new_challenge(connection, purpose, now=now),
        timeout=CHALLENGE_MINUTES * 60_000, authenticator_selection=selection,
        exclude_credentials=[PublicKeyCredentialDescriptor(one.credential_id) for one in known],
    )  # fmt: skip
    return options_to_json_dict(options)


def sign_in_options(connection: Connection, origin: Origin, purpose: str, *, now: datetime) -> dict[str, Any]:
    """Return what a browser needs to sign a new challenge with any passkey of this service, as JSON."""
    options = webauthn.generate_authentication_options(
        rp_id=origin.host, challenge=new_challenge(connection, purpose, now=now), timeout=CHALLENGE_MINUTES * 60_000,
        user_verification=UserVerificationRequirement.REQUIRED,
    )  # fmt: skip
    return options_to_json_dict(options)


def challenge_in(answer: dict[str, Any]) -> bytes:
    """Return the challenge that an answer of a browser states.

    Raises
    ------
    SignInError
        If it states none.
    """
    try:
        stated = json.loads(base64url_to_bytes(answer["response"]["clientDataJSON"]))
        return base64url_to_bytes(stated["challenge"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SignInError("the answer of the browser is not one of a passkey; try again") from error


def verified_passkey(answer: dict[str, Any], origin: Origin) -> Passkey:
    """Return the passkey in an answer of a browser, whose challenge was taken (`challenges.take_challenge`).

    Raises
    ------
    SignInError
        If the answer is from another origin, its person was not verified, or it is no such answer.
    """
    try:
        made = webauthn.verify_registration_response(
            credential=answer, expected_challenge=challenge_in(answer), expected_rp_id=origin.host,
            expected_origin=origin.text, require_user_verification=True,
        )  # fmt: skip
        ways = answer["response"].get("transports") or []
    except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SignInError(f"the passkey cannot be taken: {printable(str(error)):.200}") from error
    transports = " ".join(
        str(way)[:20] for way in ways[:10] if str(way).isascii() and str(way).replace("-", "").isalnum()
    )
    own_id = hashlib.sha256(made.credential_id).hexdigest()
    return Passkey(own_id, "", "", made.credential_id, made.credential_public_key, made.sign_count, transports)


def keep_passkey(
    connection: Connection, owner: ServicePerson, made: Passkey, name: str, *, at: str, actor: str
) -> Passkey:
    """Keep a new passkey of a person.

    Raises
    ------
    ParameterError
        If the name is unsuitable, or the person has too many passkeys.
    SignInError
        If the passkey is on file already.
    """
    kept = replace(made, person_id=owner.id, name=_valid_name(name), created_at=at)
    if connection.scalar(select(passkey.c.id).where(passkey.c.id == made.id)) is not None:
        raise SignInError("this passkey is on file already; use it to sign in")
    if len(list_passkeys(connection, owner.id)) >= _MOST_PASSKEYS:
        raise ParameterError(f"a person may have {_MOST_PASSKEYS} passkeys; remove one first")
    row = {column.name: getattr(kept, column.name) for column in passkey.c if column.name != "removed_at"}
    connection.execute(insert(passkey), row)
    note_event(
        connection, "passkey.added", at=at, actor=actor, organisation=owner.organisation_id, subject=owner.actor,
        data={"passkey": made.id},
    )  # fmt: skip
    return kept


def verify_sign_in(
    connection: Connection, answer: dict[str, Any], origin: Origin, *, at: str
) -> tuple[ServicePerson, Passkey]:
    """Return the person whose passkey signed an answer, whose challenge was taken, and count the signature.

    Raises
    ------
    SignInError
        If the passkey is unknown or was removed, its person or organisation is gone, the origin is another, the person
        was not verified, or the counter went back, as that of a copied key does.
    """
    raw_id = answer.get("id")
    try:
        own_id = hashlib.sha256(base64url_to_bytes(raw_id if isinstance(raw_id, str) else "")).hexdigest()
    except ValueError as error:
        raise SignInError(_REFUSED) from error
    query = (
        select(passkey, person.c.organisation_id)
        .join(person, person.c.id == passkey.c.person_id)
        .join(organisation, organisation.c.id == person.c.organisation_id)
        .where(
            passkey.c.id == own_id, passkey.c.removed_at.is_(None), person.c.removed_at.is_(None),
            organisation.c.closed_at.is_(None),
        )
    )  # fmt: skip
    row = connection.execute(query).mappings().first()
    if row is None:
        raise SignInError(_REFUSED)
    found = _passkey(row)
    try:
        signed = webauthn.verify_authentication_response(
            credential=answer, expected_challenge=challenge_in(answer), expected_rp_id=origin.host,
            expected_origin=origin.text, credential_public_key=found.public_key, credential_current_sign_count=0,
            require_user_verification=True,
        )  # fmt: skip
    except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SignInError(f"the sign-in is refused: {printable(str(error)):.200}") from error
    owner = find_person(connection, row["organisation_id"], found.person_id)
    handle = answer["response"].get("userHandle")
    if handle and base64url_to_bytes(handle) != owner.id.encode("ascii"):
        raise SignInError(_REFUSED)
    count = signed.new_sign_count  # 0 for ever where the device does not count
    forward = passkey.c.sign_count < count if count else passkey.c.sign_count == 0
    counted = update(passkey).where(passkey.c.id == own_id, forward).values(sign_count=count, last_used_at=at)
    if connection.execute(counted).rowcount != 1:
        raise SignInError("the counter of this passkey went back: it may have been copied; remove it, and use another")
    return owner, found


def claimed_owner(connection: Connection, answer: dict[str, Any]) -> ServicePerson | None:
    """Return the person to whom a refused answer would belong, for the log: nothing is proven."""
    raw_id = answer.get("id")
    try:
        own_id = hashlib.sha256(base64url_to_bytes(raw_id if isinstance(raw_id, str) else "")).hexdigest()
        query = select(person.c.id, person.c.organisation_id).join(passkey, passkey.c.person_id == person.c.id)
        row = connection.execute(query.where(passkey.c.id == own_id)).first()
        return None if row is None else find_person(connection, row.organisation_id, row.id)
    except (ValueError, UnknownRightsError):
        return None


def last_uses(connection: Connection, organisation_id: str) -> dict[str, tuple[int, str]]:
    """Return the number of passkeys and the last use of any, "" without one, by person; without those who have none."""
    query = (
        select(passkey.c.person_id, func.count(), func.max(passkey.c.last_used_at))
        .join(person, person.c.id == passkey.c.person_id)
        .where(person.c.organisation_id == organisation_id, passkey.c.removed_at.is_(None))
        .group_by(passkey.c.person_id)
    )
    return {str(person_id): (int(n), str(at or "")) for person_id, n, at in connection.execute(query)}


def list_passkeys(connection: Connection, person_id: str) -> list[Passkey]:
    """Return the passkeys of a person, in the order in which they were made."""
    return _select(connection, passkey.c.person_id == person_id)


def rename_passkey(connection: Connection, owner: ServicePerson, passkey_id: str, name: str) -> None:
    """Change the name of a passkey.

    Raises
    ------
    ParameterError
        If the name is unsuitable.
    UnknownRightsError
        If the person has no such passkey.
    """
    found = _own(connection, owner, passkey_id)
    connection.execute(update(passkey).where(passkey.c.id == found.id).values(name=_valid_name(name)))


def remove_passkey(connection: Connection, owner: ServicePerson, passkey_id: str, *, at: str, actor: str) -> None:
    """Refuse a passkey from here on, with the sign-ins that began with it.

    Raises
    ------
    ParameterError
        If it is the only one: nobody could sign in.
    UnknownRightsError
        If the person has no such passkey.
    """
    _own(connection, owner, passkey_id)
    if len(list_passkeys(connection, owner.id)) == 1:
        raise ParameterError("this is your only passkey; add another one before you remove it")
    _remove(connection, owner, [passkey_id], at=at, actor=actor)


def remove_passkeys(connection: Connection, owner: ServicePerson, *, at: str, actor: str) -> None:
    """Refuse all passkeys that a person has, and end the person's sign-ins: a one-time link replaces them."""
    _remove(connection, owner, [one.id for one in list_passkeys(connection, owner.id)], at=at, actor=actor)
    end_sign_ins(connection, owner.id, at=at)


def _remove(connection: Connection, owner: ServicePerson, ids: Iterable[str], *, at: str, actor: str) -> None:
    for passkey_id in ids:
        connection.execute(update(passkey).where(passkey.c.id == passkey_id).values(removed_at=at))
        note_event(
            connection, "passkey.removed", at=at, actor=actor, organisation=owner.organisation_id,
            subject=owner.actor, data={"passkey": passkey_id},
        )  # fmt: skip


def _own(connection: Connection, owner: ServicePerson, passkey_id: str) -> Passkey:
    found = _select(connection, (passkey.c.person_id == owner.id) & (passkey.c.id == passkey_id))
    if not found:
        raise UnknownRightsError(f"passkey {printable(passkey_id):.40}: is not there")
    return found[0]


def _valid_name(name: str) -> str:
    kept = printable(" ".join(name.split()))
    if not 0 < len(kept) <= _LONGEST_NAME:
        raise ParameterError(f"name {name!r:.80}: must have 1 to {_LONGEST_NAME} characters")
    return kept


def _select(connection: Connection, condition: ColumnElement[bool]) -> list[Passkey]:
    query = select(passkey).where(condition, passkey.c.removed_at.is_(None))
    rows = connection.execute(query.order_by(passkey.c.created_at, passkey.c.id)).mappings()
    return [_passkey(row) for row in rows]


def _passkey(row: RowMapping) -> Passkey:
    names = (column.name for column in passkey.c if column.name != "removed_at")
    return Passkey(**{name: row[name] for name in names})
