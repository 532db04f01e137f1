"""Two people for a request that pays or publishes: one proposes it, another approves it, then it may be sent once.

An organisation names the kinds of requests for which it wants this. An approval is for one request, to the byte of its
digest, and lasts a week. Whoever proposed it does not approve it, nor does the person who made the key that proposed
it. Where nobody else could, an admin may *break the glass*: approve alone, with a reason that stands in the log.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, RowMapping, insert, select, update

from fingerprint.errors import ParameterError, SignInError, UnknownRightsError, printable
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.people.persons import ServicePerson, list_persons
from sourceprint.service.people.roles import Role, scopes_of
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import api_key, approval, organisation

__all__ = [
    "APPROVAL_DAYS",
    "KINDS",
    "Approval",
    "approve",
    "find_approval",
    "give_back",
    "list_approvals",
    "list_open",
    "may_approve",
    "needs_reason",
    "needs_two",
    "propose",
    "reject",
    "require_two",
    "take_approval",
]

KINDS = {"statement": KeyScope.STATEMENTS, "licence": KeyScope.RIGHTS, "grant": KeyScope.ADMIN}
"""Kinds of requests, with the scope that sends and approves them: statements issued, licences changed, blind or named
access to the catalogue given."""

APPROVAL_DAYS = 7
"""How long a proposal can be approved, and sent."""

_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Approval:
    """A proposal, approved or not.

    Attributes
    ----------
    id, organisation_id, kind : str
    request_digest : str
        SHA-256 of the request.
    summary : dict
        What the request says, for the person who approves it.
    proposed_at, proposed_by, expires_at : str
    decided_at, decided_by, decision, reason : str or None
        The decision is "approved" or "rejected".
    used_at : str or None
        Since when the request has been sent.
    """

    id: str
    organisation_id: str
    kind: str
    request_digest: str
    summary: dict[str, str]
    proposed_at: str
    proposed_by: str
    expires_at: str
    decided_at: str | None = None
    decided_by: str | None = None
    decision: str | None = None
    reason: str | None = None
    used_at: str | None = None


def require_two(connection: Connection, organisation_id: str, kinds: Iterable[str], *, at: str, actor: str) -> None:
    """Set for which kinds of requests an organisation wants two people.

    Raises
    ------
    ParameterError
        If a kind is unknown, or there is no such organisation.
    """
    wanted = set(kinds)
    if unknown := sorted(wanted.difference(KINDS)):
        raise ParameterError(f"kind {unknown[0]!r:.40}: is unknown; there are {', '.join(KINDS)}")
    kept = [kind for kind in KINDS if kind in wanted]
    own = organisation.c.id == organisation_id
    if connection.execute(update(organisation).where(own).values(two_people=" ".join(kept))).rowcount != 1:
        raise ParameterError(f"organisation {printable(organisation_id):.60}: is not there")
    note_event(
        connection, "organisation.two_people", at=at, actor=actor, organisation=organisation_id,
        subject=f"organisation:{organisation_id}", data={"kinds": kept},
    )  # fmt: skip


def needs_two(connection: Connection, organisation_id: str, kind: str) -> bool:
    """Return whether an organisation wants two people for a kind of request."""
    kinds = connection.scalar(select(organisation.c.two_people).where(organisation.c.id == organisation_id))
    return kind in (kinds or "").split()


def propose(
    connection: Connection,
    organisation_id: str,
    kind: str,
    request_digest: str,
    summary: Mapping[str, str],
    *,
    now: datetime,
    actor: str,
) -> Approval:
    """Return the open proposal of a request, which is made if there is none."""
    at = time_text(now)
    same = (approval.c.organisation_id == organisation_id) & (approval.c.request_digest == request_digest)
    still = (
        approval.c.used_at.is_(None) & (approval.c.expires_at > at) & approval.c.decision.is_distinct_from("rejected")
    )
    known = _select(connection, same & still & (approval.c.kind == kind))
    if known:
        return known[0]
    made = Approval(
        secrets.token_hex(8), organisation_id, kind, request_digest, dict(summary), at, actor,
        time_text(now + timedelta(days=APPROVAL_DAYS)),
    )  # fmt: skip
    row = {column.name: getattr(made, column.name) for column in approval.c}
    connection.execute(insert(approval), row | {"summary": json.dumps(made.summary)})
    _note(connection, "approval.proposed", made, at=at, actor=actor, data={"request": request_digest})
    return made


def approve(connection: Connection, found: Approval, person: ServicePerson, *, reason: str, at: str) -> None:
    """Approve a proposal.

    Raises
    ------
    SignInError
        If the person may not approve it.
    ParameterError
        If the glass would be broken without a reason, or the reason is too long.
    """
    if not may_approve(connection, found, person):
        raise SignInError("another person approves this: not the one who proposed it, and one with a role for it")
    alone = needs_reason(connection, found, person)
    kept = _valid_reason(reason)
    if alone and not kept:
        raise ParameterError("reason: nobody else may approve this; write why you do it alone")
    _decide(connection, found, person, "approved", kept, at=at)
    event = "approval.broken_glass" if alone else "approval.given"
    data = {"request": found.request_digest} | ({"reason": kept} if alone else {})
    _note(connection, event, found, at=at, actor=person.actor, data=data)


def reject(connection: Connection, found: Approval, person: ServicePerson, *, reason: str, at: str) -> None:
    """Reject a proposal, or take one's own back.

    Raises
    ------
    SignInError
        If the person may not.
    """
    own = found.proposed_by == person.actor
    if not own and not may_approve(connection, found, person):
        raise SignInError("this is for people with a role for it")
    _decide(connection, found, person, "rejected", _valid_reason(reason), at=at)
    _note(connection, "approval.rejected", found, at=at, actor=person.actor, data={"request": found.request_digest})


def may_approve(connection: Connection, found: Approval, person: ServicePerson) -> bool:
    """Return whether a person may approve a proposal, in company or alone."""
    if not _has_role_for(person, found.kind):
        return False
    return person.actor not in _proposers(connection, found) or needs_reason(connection, found, person)


def needs_reason(connection: Connection, found: Approval, person: ServicePerson) -> bool:
    """Return whether an admin would approve alone: it is their own proposal, and nobody else may approve it."""
    proposers = _proposers(connection, found)
    if person.actor not in proposers or Role.ADMIN not in person.roles:
        return False
    people = list_persons(connection, found.organisation_id)
    return not any(_has_role_for(one, found.kind) and one.actor not in proposers for one in people)


def take_approval(
    connection: Connection,
    organisation_id: str,
    approval_id: str,
    kind: str,
    request_digest: str,
    *,
    at: str,
    actor: str,
) -> str:
    """Use an approval for its request, and return who gave it.

    Raises
    ------
    SignInError
        If it is for another request, was not given, was used, or has expired.
    """
    same = (approval.c.organisation_id == organisation_id) & (approval.c.id == approval_id) & (approval.c.kind == kind)
    same &= approval.c.request_digest == request_digest
    ready = same & (approval.c.decision == "approved") & approval.c.used_at.is_(None) & (approval.c.expires_at > at)
    if connection.execute(update(approval).where(ready).values(used_at=at)).rowcount != 1:
        raise SignInError(
            f"approval {printable(approval_id):.40}: is for another request, was not given, was used, or has expired"
        )
    note_event(
        connection, "approval.used", at=at, actor=actor, organisation=organisation_id,
        subject=f"approval:{approval_id}", data={"request": request_digest},
    )  # fmt: skip
    return str(connection.scalar(select(approval.c.decided_by).where(approval.c.id == approval_id)))


def give_back(connection: Connection, organisation_id: str, approval_id: str, *, at: str, actor: str) -> None:
    """Make an approval usable again, whose request was refused and changed nothing."""
    same = (approval.c.organisation_id == organisation_id) & (approval.c.id == approval_id)
    connection.execute(update(approval).where(same).values(used_at=None))
    note_event(
        connection, "approval.given_back", at=at, actor=actor, organisation=organisation_id,
        subject=f"approval:{approval_id}",
    )  # fmt: skip


def find_approval(connection: Connection, organisation_id: str, approval_id: str, *, now: str) -> Approval:
    """Return a proposal of an organisation that waits for its decision.

    Raises
    ------
    UnknownRightsError
        If there is none.
    """
    same = (approval.c.organisation_id == organisation_id) & (approval.c.id == approval_id)
    found = _select(connection, same & approval.c.decision.is_(None) & (approval.c.expires_at > now))
    if not found:
        raise UnknownRightsError(f"approval {printable(approval_id):.40}: is not there, was decided, or has expired")
    return found[0]


def list_approvals(connection: Connection, organisation_id: str, *, limit: int = 100) -> list[Approval]:
    """Return the latest proposals of an organisation, the newest first."""
    query = select(approval).where(approval.c.organisation_id == organisation_id)
    rows = connection.execute(query.order_by(approval.c.proposed_at.desc(), approval.c.id).limit(limit)).mappings()
    return [_approval(row) for row in rows]


def list_open(connection: Connection, organisation_id: str, kind: str, *, now: str) -> list[Approval]:
    """Return the proposals of a kind that wait for their decision, or were approved and not sent yet, oldest first."""
    still = approval.c.used_at.is_(None) & (approval.c.expires_at > now)
    still &= approval.c.decision.is_distinct_from("rejected") & (approval.c.kind == kind)
    found = _select(connection, (approval.c.organisation_id == organisation_id) & still)
    return sorted(found, key=lambda one: (one.proposed_at, one.id))


def _proposers(connection: Connection, found: Approval) -> set[str]:
    """Return who proposed, and the person who made the key that did."""
    kind, _, own_id = found.proposed_by.partition(":")
    maker = connection.scalar(select(api_key.c.created_by).where(api_key.c.id == own_id)) if kind == "key" else None
    return {found.proposed_by, *filter(None, [maker])}


def _has_role_for(person: ServicePerson, kind: str) -> bool:
    return Role.ADMIN in person.roles or KINDS[kind] in scopes_of(person.roles, reading=False)


def _decide(
    connection: Connection, found: Approval, person: ServicePerson, decision: str, reason: str, *, at: str
) -> None:
    values = {"decision": decision, "decided_at": at, "decided_by": person.actor, "reason": reason or None}
    still = (approval.c.id == found.id) & approval.c.decision.is_(None)
    if connection.execute(update(approval).where(still).values(**values)).rowcount != 1:
        raise SignInError("this was decided meanwhile; load the page again")


def _valid_reason(reason: str) -> str:
    kept = printable(" ".join(reason.split()))
    if len(kept) > _LONGEST_REASON:
        raise ParameterError(f"reason: may have {_LONGEST_REASON} characters (here: {len(kept)})")
    return kept


def _note(connection: Connection, event: str, found: Approval, *, at: str, actor: str, data: Mapping[str, str]) -> None:
    note_event(
        connection, event, at=at, actor=actor, organisation=found.organisation_id, subject=f"approval:{found.id}",
        data={"kind": found.kind, **data},
    )  # fmt: skip


def _select(connection: Connection, condition: ColumnElement[bool]) -> list[Approval]:
    return [_approval(row) for row in connection.execute(select(approval).where(condition)).mappings()]


def _approval(row: RowMapping) -> Approval:
    return Approval(**{**row, "summary": json.loads(row["summary"])})
