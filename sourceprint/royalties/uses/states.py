"""States of a use over time: possible changes, their author, time and reason; nothing is ever overwritten.

A use is stored in its first state; every later one is an event with its reason, and `TRANSITIONS` has the changes that
are allowed. A withdrawn use can be disputed, and so resolved, only where a person withdrew it. Attributing its track
again does not bring it back, as decisions go on to the use in its place.

A use with an open recording cannot become `claimed`, and becomes `resolved` only together with the recording
that it is of, which holds until the next change: so that no money goes to nobody. That recording is one of those that
claimed its time. The use keeps its id, passages, time and evidence; it gets the works of the recording.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from fingerprint.digests import exact_json
from fingerprint.errors import ParameterError, RightsError, StaleDecisionError, UnknownRightsError, printable
from sourceprint.royalties.rights.database import Database, actor, in_chunks, timestamp
from sourceprint.royalties.rights.rights import load_rights
from sourceprint.royalties.rights.schema import attribution, use, use_event
from sourceprint.royalties.uses.use import STATES, Use, use_from_json, use_to_json
from sourceprint.text.tables import table

__all__ = [
    "LONGEST_REASON",
    "PAYING",
    "TRANSITIONS",
    "StateChange",
    "change_state",
    "change_to_json",
    "contenders_of",
    "enter_changes",
    "expect_seen",
    "history_text",
    "lacks_recording",
    "last_changes",
    "latest_states",
    "name_recording",
    "use_history",
]

TRANSITIONS: dict[str, tuple[str, ...]] = {
    "claimed": ("disputed", "withdrawn"),
    "review": ("claimed", "disputed", "resolved", "withdrawn"),
    "unresolved": ("claimed", "disputed", "resolved", "withdrawn"),
    "disputed": ("resolved", "withdrawn"),
    "resolved": ("disputed", "withdrawn"),
    "withdrawn": ("disputed",),
}

PAYING = frozenset({"claimed", "resolved"})
LONGEST_REASON = 2000
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class StateChange:
    """One state of a use.

    Attributes
    ----------
    use_id, state, reason : str
        The reason of the first state is the rule that gave it.
    made_at : str
        UTC, to the second.
    made_by : str
    named : Use or None
        The use with the recording that was named with this change; None where none was.
    """

    use_id: str
    state: str
    reason: str
    made_at: str
    made_by: str
    named: Use | None = None

    def applied_to(self, use: Use) -> Use:
        """Return a use, given as it was attributed, in this state."""
        if self.named is None:
            return use.in_state(self.state, self.reason)
        return self.named.in_state(self.state, f"named {self.named.recording_id}: {self.reason}")


def change_to_json(change: StateChange) -> dict[str, str]:
    """Return a change as plain JSON types."""
    return {
        "use_id": change.use_id,
        "state": change.state,
        "recording_id": change.named.recording_id if change.named else "",
        "reason": change.reason,
        "made_at": change.made_at,
        "made_by": change.made_by,
    }


def change_state(
    database: Database,
    use_ids: Iterable[str],
    state: str,
    reason: str,
    by: str | None = None,
    *,
    recording_id: str = "",
    seen: Mapping[str, int] | None = None,
    now: datetime | None = None,
) -> list[StateChange]:
    """Give uses another state; all of them, or none if one cannot have it.

    Parameters
    ----------
    use_ids : iterable of str
        Of current uses.
    reason : str
        Why, in a sentence; it stays in the history.
    by, now : str or None, datetime or None
        Who decides, as `actor` has it, and when; by default now.
    recording_id : str
        Which of its contenders each use is of, where that was open; with `resolved` only.
    seen : mapping of str to int, or None
        Number of the last change of each use that the decider saw, as `last_changes` has it; None asks for none.

    Returns
    -------
    list of StateChange
        The changes entered, by id.

    Raises
    ------
    ParameterError
        If there is no such state, it is none in which a recording can be named, or the reason is empty or too long.
    UnknownRightsError
        If an id is not that of a use.
    RightsError
        If a use is superseded, cannot change from its state to this one, or it stays open whose it is.
    StaleDecisionError
        If a use was changed after the change that the decider saw; the message says by whom and when.
    """
    if state not in STATES:
        raise ParameterError(f"state {state!r:.40}: write one of {', '.join(STATES)}")
    if recording_id and state != "resolved":
        raise ParameterError(f"recording {printable(recording_id):.80}: is named with state resolved, not {state}")
    why = printable(reason.strip())
    if not why or len(why) > LONGEST_REASON:
        raise ParameterError(f"reason: write one of 1 to {LONGEST_REASON} characters (here: {len(why)})")
    wanted = sorted(set(use_ids))
    made_at, made_by = timestamp(now), actor(by)
    with database.writing() as connection:
        present = _first_states(connection, wanted)
        latest = latest_states(connection, wanted)
        if seen is not None:
            expect_seen(connection, {one: seen.get(one, 0) for one in wanted})
        for one in wanted:
            if one not in present:
                raise UnknownRightsError(
                    f"use {printable(one):.60}: not in {database.name}; list the uses for their ids"
                )
            if not present[one].current:
                raise RightsError(f"use {one}: superseded by a later attribution; change the use that took its place")
            first = present[one].use
            before = latest[one].state if one in latest else first.state
            possible = () if first.state == "withdrawn" else TRANSITIONS[before]
            if state not in possible:
                become = ", ".join(possible) or "nothing"
                raise RightsError(f"use {one}: is {before}, which can become {become}, not {state}")
            if not recording_id and state in PAYING and lacks_recording(first):
                raise RightsError(f"use {one}: {_open(first)}")
        changes = [StateChange(one, state, why, made_at, made_by) for one in wanted]
        if recording_id:
            changes = [
                replace(c, named=name_recording(connection, present[c.use_id].use, recording_id)) for c in changes
            ]
        enter_changes(connection, changes)
    return changes


def name_recording(connection: Connection, use: Use, recording_id: str) -> Use:
    """Return a use as one of the recording that a person says it is.

    Raises
    ------
    RightsError
        If the use is of a recording already, or this one did not claim its time or is not on file.
    """
    contenders = contenders_of(use)
    if recording_id not in contenders:
        whose = f"is of {printable(use.recording_id)} already" if use.recording_id else "may be of none that is on file"
        shown = ", ".join(printable(one) for one in contenders[:_SHOWN])
        may = f"may be of {shown}" if contenders else whose
        raise RightsError(
            f"use {use.id}: {may}, and cannot be named {printable(recording_id)!r:.80}; withdraw it, or correct the "
            "rights and attribute its track again"
        )
    rights = load_rights(connection, recording_ids=[recording_id])
    if recording_id not in rights.recordings:
        raise RightsError(f"recording {printable(recording_id):.80}: is not on file any more; name another contender")
    return replace(use.of(recording_id, rights.works_of(recording_id)), rights_revision=rights.revision)


def contenders_of(use: Use) -> tuple[str, ...]:
    """Return the ids of the recordings on file that a use without a recording may be of, sorted; none of a work."""
    return use.candidates if use.layer == "recording" else ()


def lacks_recording(use: Use) -> bool:
    """Return whether it is open whom the use would pay: its recording, or of a composition the work, is not known."""
    return not use.recording_id and (use.layer == "recording" or not use.work_ids)


def enter_changes(connection: Connection, changes: Iterable[StateChange]) -> None:
    """Enter changes that were found to be possible."""
    rows = [
        {
            "use_id": c.use_id,
            "state": c.state,
            "reason": c.reason,
            "document": exact_json(use_to_json(c.named)).decode() if c.named else "",
            "made_at": c.made_at,
            "made_by": c.made_by,
        }
        for c in changes
    ]
    if rows:
        connection.execute(insert(use_event), rows)


def latest_states(connection: Connection, use_ids: Iterable[str], *, at: str | None = None) -> dict[str, StateChange]:
    """Return the last change of each use that had any.

    Parameters
    ----------
    at : str or None
        Moment (UTC, as `timestamp` writes it) after which changes do not count.
    """
    latest: dict[str, StateChange] = {}
    for chunk in in_chunks(use_ids):
        query = select(use_event).where(use_event.c.use_id.in_(chunk)).order_by(use_event.c.id)
        if at is not None:
            query = query.where(use_event.c.made_at <= at)
        for row in connection.execute(query):
            latest[row.use_id] = _change(row)
    return latest


def last_changes(connection: Connection, use_ids: Iterable[str]) -> dict[str, int]:
    """Return the number of the last change of each use that had any."""
    found: dict[str, int] = {}
    for chunk in in_chunks(use_ids):
        of_these = select(use_event.c.use_id, func.max(use_event.c.id)).where(use_event.c.use_id.in_(chunk))
        found |= {row[0]: row[1] for row in connection.execute(of_these.group_by(use_event.c.use_id))}
    return found


def expect_seen(connection: Connection, seen: Mapping[str, int]) -> None:
    """Refuse a decision on uses that were changed after it was considered.

    Parameters
    ----------
    seen : mapping of str to int
        Number of the last change of each use that the decider saw; 0 is none.

    Raises
    ------
    StaleDecisionError
        The message says which decision was made, by whom and when.
    """
    found = last_changes(connection, seen)
    moved = sorted(one for one, number in seen.items() if found.get(one, 0) != number)
    if moved:
        change = latest_states(connection, moved[:1]).get(moved[0])
        made = "" if change is None else f": {change.state} by {change.made_by} at {change.made_at}: {change.reason}"
        more = f" (and {len(moved) - 1} more)" if len(moved) > 1 else ""
        raise StaleDecisionError(
            f"use {moved[0]}{more}: was changed meanwhile{made:.400}; look at it again, then decide"
        )


def use_history(connection: Connection, use_id: str) -> list[StateChange]:
    """Return all states that a use ever had, from the first; superseded uses have theirs too.

    Raises
    ------
    UnknownRightsError
        If the id is not that of a use.
    """
    first = _first_states(connection, [use_id]).get(use_id)
    if first is None:
        raise UnknownRightsError(f"use {printable(use_id):.60}: there is none of this id; list the uses for their ids")
    events = connection.execute(select(use_event).where(use_event.c.use_id == use_id).order_by(use_event.c.id))
    return [
        StateChange(use_id, first.use.state, first.use.state_rule, first.made_at, first.made_by),
        *map(_change, events),
    ]


def history_text(changes: Iterable[StateChange]) -> str:
    """Return the states of a use as lines for people: when, which, by whom, and why."""
    rows = []
    for change in changes:
        as_which = f" as {printable(change.named.recording_id)}" if change.named else ""
        rows.append((change.made_at, change.state + as_which, printable(change.made_by), printable(change.reason)))
    return table(rows)


def _change(row: Row[Any]) -> StateChange:
    named = use_from_json(json.loads(row.document)) if row.document else None
    return StateChange(row.use_id, row.state, row.reason, row.made_at, row.made_by, named)


def _open(use: Use) -> str:
    """Return why nobody would be paid for a use, and the remedy."""
    correct = "correct the rights and attribute its track again"
    if use.layer != "recording":
        return f"no work is on file for it, and nobody would be paid; {correct}"
    if contenders := contenders_of(use):
        which = ", ".join(printable(one) for one in contenders)
        return f"its recording is open, one of {which:.200}; resolve it and name the recording, or {correct}"
    return f"its recording is not on file, or not one alone, and nobody would be paid; {correct}"


@dataclass(frozen=True, slots=True)
class _First:
    use: Use
    made_at: str
    made_by: str
    current: bool


def _first_states(connection: Connection, use_ids: Iterable[str]) -> dict[str, _First]:
    """Return how uses were made; of one that was superseded and came back, the first time."""
    found: dict[str, _First] = {}
    for chunk in in_chunks(use_ids):
        query = (
            select(use.c.id, use.c.document, use.c.superseded_by, attribution.c.made_at, attribution.c.made_by)
            .join(attribution, attribution.c.id == use.c.attribution_id)
            .where(use.c.id.in_(chunk))
            .order_by(use.c.row_id)
        )
        for row in connection.execute(query):
            made = found.get(row.id) or _First(
                use_from_json(json.loads(row.document)), row.made_at, row.made_by, current=False
            )
            found[row.id] = replace(made, current=made.current or row.superseded_by is None)
    return found
