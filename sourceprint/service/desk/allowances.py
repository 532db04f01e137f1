"""Allowances: recordings that a licensee may use without being asked, with who allowed it and why.

The uses of that recording by that licensee which wait are rejected when the allowance is made, and those that are
attributed later by the housekeeper of the server: with the reason of the allowance, in the name of its person. Uses
that were decided before are left alone, as a statement may have paid them; a rejection that is undone is not repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, insert, or_, select, update

from fingerprint.errors import ParameterError, RightsError
from sourceprint.royalties.review.waiting import WAITING
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.schema import attribution, use, use_event
from sourceprint.royalties.uses.decisions import stored_uses
from sourceprint.royalties.uses.states import LONGEST_REASON, change_state, last_changes, latest_states
from sourceprint.scans.scan_json import uuid7
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import allowance

__all__ = ["Allowance", "add_allowance", "apply_allowances", "end_allowance", "list_allowances"]

ALLOWED = "allowed: "
"""Reasons of rejections by an allowance start with this."""

_SECONDS = len("2026-12-02T10:00:00")  # times of rights are to the second


@dataclass(frozen=True, slots=True)
class Allowance:
    """One recording that one licensee may use.

    Attributes
    ----------
    id, licensee, recording_id, reason, made_at, made_by : str
    """

    id: str
    licensee: str
    recording_id: str
    reason: str
    made_at: str
    made_by: str


def add_allowance(
    connection: Connection, organisation: str, licensee: str, recording_id: str, reason: str, *, at: str, by: str
) -> None:
    """Let a licensee use a recording; its uses are rejected by `apply_allowances`.

    Raises
    ------
    ParameterError
        If there is no reason, or the recording is open.
    """
    text, longest = reason.strip(), LONGEST_REASON - len(ALLOWED)
    if not recording_id:
        raise ParameterError("recording: is open; name it first, or reject this use alone")
    if not 1 <= len(text) <= longest:
        raise ParameterError(f"reason: say in 1 to {longest} characters why this is allowed; it stays in the history")
    made = {"id": str(uuid7()), "licensee": licensee, "recording_id": recording_id, "reason": text}
    connection.execute(
        insert(allowance), made | {"organisation_id": organisation, "made_at": at, "made_by": by}
    )  # fmt: skip
    note_event(
        connection, "allowance.made", at=at, organisation=organisation, actor=by, subject=f"allowance:{made['id']}",
        data={"licensee": licensee, "recording": recording_id},
    )  # fmt: skip


def end_allowance(connection: Connection, organisation: str, allowance_id: str, *, at: str, by: str) -> None:
    """End an allowance: uses that are attributed later wait again. What it rejected stays rejected.

    Raises
    ------
    ParameterError
        If there is none of this id that holds.
    """
    same = (allowance.c.id == allowance_id) & (allowance.c.organisation_id == organisation)
    query = update(allowance).where(same, allowance.c.ended_at.is_(None)).values(ended_at=at, ended_by=by)
    if not connection.execute(query).rowcount:
        raise ParameterError(f"allowance {allowance_id!r:.50}: is not there, or ended before; load the page again")
    note_event(
        connection, "allowance.ended", at=at, organisation=organisation, actor=by, subject=f"allowance:{allowance_id}"
    )


def list_allowances(connection: Connection, organisation: str) -> list[Allowance]:
    """Return the allowances of an organisation that hold, the newest first."""
    column = allowance.c
    columns = (column.id, column.licensee, column.recording_id, column.reason, column.made_at, column.made_by)
    query = select(*columns).where(column.organisation_id == organisation, column.ended_at.is_(None))
    return [Allowance(*row) for row in connection.execute(query.order_by(column.id.desc()))]


def apply_allowances(rights: Database, held: Sequence[Allowance]) -> list[str]:
    """Reject the uses that allowances are about, and return their ids; those that are decided meanwhile are left."""
    rejected = []
    for one in held:
        with rights.reading() as connection:
            seen = _uses_of(connection, one)
        for use_id, number in seen.items():
            try:
                reason = f"{ALLOWED}{one.reason}"
                change_state(rights, [use_id], "withdrawn", reason, one.made_by, seen={use_id: number})
            except RightsError:  # decided, or superseded, just now
                continue
            rejected.append(use_id)
    return rejected


def _uses_of(connection: Connection, one: Allowance) -> dict[str, int]:
    """Return the uses that an allowance rejects, each with the number of its last change."""
    query = (
        select(use.c.id, attribution.c.made_at)
        .join(attribution, attribution.c.id == use.c.attribution_id)
        .where(use.c.superseded_by.is_(None), use.c.licensee == one.licensee)
        .where(or_(use.c.recording_id == one.recording_id, use.c.id.in_(_named(one.recording_id))))
    )
    made = {row.id: str(row.made_at) for row in connection.execute(query)}
    last = latest_states(connection, made)
    allowed = set(connection.scalars(select(use_event.c.use_id).where(use_event.c.reason.startswith(ALLOWED))))
    found = []
    for each in stored_uses(connection, made):
        change = last.get(each.id)
        now = each if change is None else change.applied_to(each)
        is_later = change is None and made[each.id][:_SECONDS] >= one.made_at[:_SECONDS]
        is_meant = each.id not in allowed and now.recording_id == one.recording_id
        if is_meant and (now.state in WAITING or (is_later and now.state == "claimed")):
            found.append(each.id)
    numbers = last_changes(connection, found)
    return {use_id: numbers.get(use_id, 0) for use_id in found}


def _named(recording_id: str) -> Select[tuple[str]]:
    """Return a query for the uses that a person named as those of a recording."""
    return select(use_event.c.use_id).where(use_event.c.document.contains(f'"{recording_id}"', autoescape=True))
