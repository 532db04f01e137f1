"""The state of a use over time: which changes are possible, who made them, when and why; nothing is ever overwritten.

A use is stored in its first state; every later one is an event with its reason. `TRANSITIONS` is the whole of what is
allowed:

==============  ======================================================================================
from            to
==============  ======================================================================================
`claimed`       disputed, withdrawn
`review`        claimed, disputed, resolved, withdrawn
`unresolved`    claimed, disputed, resolved, withdrawn
`disputed`      resolved, withdrawn
`resolved`      disputed, withdrawn
`withdrawn`     disputed, where a person withdrew it: so what was withdrawn by mistake can be resolved; attributing its
                track again does not bring it back, as decisions go on to the use in its place
==============  ======================================================================================
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, insert, select

from fingerprint.errors import ParameterError, RightsError, UnknownRightsError, printable
from royalties.rights.database import Database, actor, timestamp
from royalties.rights.schema import attribution, use, use_event
from royalties.uses.use import STATES

__all__ = ["TRANSITIONS", "StateChange", "change_state", "enter_changes", "in_chunks", "latest_states", "use_history"]

TRANSITIONS: dict[str, tuple[str, ...]] = {
    "claimed": ("disputed", "withdrawn"),
    "review": ("claimed", "disputed", "resolved", "withdrawn"),
    "unresolved": ("claimed", "disputed", "resolved", "withdrawn"),
    "disputed": ("resolved", "withdrawn"),
    "resolved": ("disputed", "withdrawn"),
    "withdrawn": ("disputed",),
}

_LONGEST_REASON = 2000
_CHUNK = 900  # parameters of one statement: SQLite may be built with a limit of 999
T = TypeVar("T")


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
    """

    use_id: str
    state: str
    reason: str
    made_at: str
    made_by: str


def change_state(
    database: Database,
    use_ids: Iterable[str],
    state: str,
    reason: str,
    by: str | None = None,
    *,
    now: datetime | None = None,
) -> list[StateChange]:
    """Give uses another state; all of them, or none if one cannot have it.

    Parameters
    ----------
    database : Database
    use_ids : iterable of str
        Of current uses.
    state : str
        Of `STATES`.
    reason : str
        Why, in a sentence; it stays in the history.
    by : str or None
        Who; None asks the environment.
    now : datetime or None
        When; None is now.

    Returns
    -------
    list of StateChange
        What was entered, by id.

    Raises
    ------
    ParameterError
        If there is no such state, or the reason is empty or too long.
    UnknownRightsError
        If an id is not that of a use.
    RightsError
        If a use is superseded, or cannot change from its state to this one.
    """
    if state not in STATES:
        raise ParameterError(f"state {state!r:.40}: write one of {', '.join(STATES)}")
    why = printable(reason.strip())
    if not why or len(why) > _LONGEST_REASON:
        raise ParameterError(f"reason: write why, in 1 to {_LONGEST_REASON} characters (here: {len(why)})")
    wanted = sorted(set(use_ids))
    made_at, made_by = timestamp(now), actor(by)
    with database.writing() as connection:
        present = _first_states(connection, wanted)
        latest = latest_states(connection, wanted)
        for one in wanted:
            if one not in present:
                raise UnknownRightsError(
                    f"use {printable(one):.60}: not in {database.name}; list the uses for their ids"
                )
            if not present[one].current:
                raise RightsError(f"use {one}: superseded by a later attribution; change the use that took its place")
            before = latest[one].state if one in latest else present[one].state
            possible = () if present[one].state == "withdrawn" else TRANSITIONS[before]
            if state not in possible:
                named = ", ".join(possible) or "nothing"
                raise RightsError(f"use {one}: is {before}, which can become {named}, not {state}")
        changes = [StateChange(one, state, why, made_at, made_by) for one in wanted]
        enter_changes(connection, changes)
    return changes


def enter_changes(connection: Connection, changes: Iterable[StateChange]) -> None:
    """Enter changes that were found to be possible."""
    rows = [
        {"use_id": c.use_id, "state": c.state, "reason": c.reason, "made_at": c.made_at, "made_by": c.made_by}
        for c in changes
    ]
    if rows:
        connection.execute(insert(use_event), rows)


def latest_states(connection: Connection, use_ids: Iterable[str], *, at: str | None = None) -> dict[str, StateChange]:
    """Return the last change of each use that had any.

    Parameters
    ----------
    connection : Connection
    use_ids : iterable of str
    at : str or None
        Moment (UTC, as `timestamp` writes it) after which changes do not count.
    """
    latest: dict[str, StateChange] = {}
    for chunk in in_chunks(use_ids):
        query = select(use_event).where(use_event.c.use_id.in_(chunk)).order_by(use_event.c.id)
        if at is not None:
            query = query.where(use_event.c.made_at <= at)
        for row in connection.execute(query):
            latest[row.use_id] = StateChange(row.use_id, row.state, row.reason, row.made_at, row.made_by)
    return latest


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
        StateChange(use_id, first.state, first.rule, first.made_at, first.made_by),
        *(StateChange(use_id, row.state, row.reason, row.made_at, row.made_by) for row in events),
    ]


def in_chunks(items: Iterable[T], size: int = _CHUNK) -> Iterator[list[T]]:
    """Yield lists of at most so many items.

    Examples
    --------
    >>> list(in_chunks("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


@dataclass(frozen=True, slots=True)
class _First:
    state: str
    rule: str
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
            document = json.loads(row.document)
            made = found.get(row.id) or _First(
                document["state"], document["state_rule"], row.made_at, row.made_by, False
            )
            found[row.id] = replace(made, current=made.current or row.superseded_by is None)
    return found
