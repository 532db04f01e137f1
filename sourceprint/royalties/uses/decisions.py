"""Decisions of people on uses, when an attribution puts other uses in their place.

A decision on a superseded use goes on to the new use of the same track, layer, recording and works whose passages are
the same one by one, each end moved by less than a second. Where there is none, it is asked for again: every new use of
the same recording or works in the track, or of the same time, is put into review with a reason that names the earlier
decision, unless it is withdrawn or has a decision that went on. Where there is no such use either, the report names the
decision.

Three kinds of changes are made by attributions and not by people; their reasons start with `ASKED_AGAIN`, `CONFLICT` or
`NO_CONFLICT`. The second is a review of time that a fuller scan gave to another use; the third ends it.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, select

from fingerprint.errors import RightsError
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.rights.schema import use as use_table
from sourceprint.royalties.uses.states import StateChange, latest_states, name_recording
from sourceprint.royalties.uses.use import Use, use_from_json

__all__ = ["CONFLICT", "NO_CONFLICT", "Decided", "carry_over", "overlap", "same_subject", "stored_uses"]

CONFLICT = "conflict: "
NO_CONFLICT = "no conflict any more: "
ASKED_AGAIN = "decide again: "
_CARRIED = re.compile(r"(carried over from U[0-9a-f]{24}: )+")
MOVED_MS = 1000
"""A decision holds while each end of each passage has moved by less than this."""


@dataclass(slots=True)
class Decided:
    """The decisions on superseded uses, carried over or asked again.

    Attributes
    ----------
    changes : list of StateChange
        To be entered: decisions that went on, and reviews that ask again.
    carried_over, asked_again : int
        Decisions.
    without_use : list of str
        Ids of superseded uses with a decision, without a use in their place.
    """

    changes: list[StateChange] = field(default_factory=list)
    carried_over: int = 0
    asked_again: int = 0
    without_use: list[str] = field(default_factory=list)


def carry_over(
    connection: Connection, gone: Sequence[str], new: Sequence[Use], *, made_by: str, made_at: str
) -> Decided:
    """Carry the decisions on superseded uses over to the new uses, and return the changes to enter.

    A use that comes back has older decisions of its own: a decision on the use in its place is later.

    Parameters
    ----------
    gone : sequence of str
        Ids of the uses that are superseded.
    new : sequence of Use
        Those that take their place, as the policy gives them.
    made_by, made_at : str
        Of the attribution.
    """
    found = Decided()
    latest = latest_states(connection, gone)
    made_here = (CONFLICT, NO_CONFLICT)
    decided = {use_id: change for use_id, change in latest.items() if not change.reason.startswith(made_here)}
    if not decided:
        return found
    already = latest_states(connection, [use.id for use in new])
    of_track: dict[str, list[Use]] = {}
    for use in new:
        of_track.setdefault(use.track_sha256, []).append(use)
    followed: set[str] = set()
    open_decisions: list[tuple[Use, StateChange]] = []
    for old in stored_uses(connection, decided):
        change = decided[old.id]
        follower = next((use for use in of_track.get(old.track_sha256, ()) if _is_in_place(use, old)), None)
        if follower is None:
            open_decisions.append((old, change))
        elif follower.id in already and _decision(already[follower.id]) == _decision(change):
            followed.add(follower.id)
        elif carried := _carried(connection, change, follower, made_by, made_at):
            followed.add(follower.id)
            found.changes.append(carried)
            found.carried_over += 1
        else:
            open_decisions.append((old, change))
    for old, change in open_decisions:
        asked = [
            StateChange(use.id, "review", f"{ASKED_AGAIN}{_told(old, change)}", made_at, made_by)
            for use in of_track.get(old.track_sha256, ())
            if use.id not in followed and use.state != "withdrawn" and (same_subject(use, old) or overlap(use, old))
        ]
        found.changes += asked
        found.asked_again += bool(asked)
        if not asked:
            found.without_use.append(old.id)
    return found


def same_subject(one: Use, other: Use) -> bool:
    """Return whether two uses of a track are of the same recording, else the same works, else the same index id."""
    if one.layer != other.layer:
        return False
    if one.recording_id or other.recording_id:
        return one.recording_id == other.recording_id
    if one.layer == "composition" and (one.work_ids or other.work_ids):
        return one.work_ids == other.work_ids
    return one.index_id == other.index_id


def overlap(one: Use, other: Use) -> bool:
    """Return whether two uses of a track count any of the same time."""
    return any(
        mine.start_ms < its.end_ms and its.start_ms < mine.end_ms for mine in one.passages for its in other.passages
    )


def stored_uses(connection: Connection, use_ids: Iterable[str]) -> list[Use]:
    """Return the uses on file among these ids, as they were attributed, each once, in the order of their ids."""
    documents: dict[str, str] = {}
    for chunk in in_chunks(sorted(use_ids)):
        query = select(use_table.c.id, use_table.c.document).where(use_table.c.id.in_(chunk))
        documents |= {row.id: row.document for row in connection.execute(query.order_by(use_table.c.row_id))}
    return [use_from_json(json.loads(documents[use_id])) for use_id in sorted(documents)]


def _is_in_place(use: Use, old: Use) -> bool:
    """Return whether a use is the same as an old one, but for ends that moved a little."""
    if (use.layer, use.recording_id, use.work_ids) != (old.layer, old.recording_id, old.work_ids):
        return False
    return len(use.passages) == len(old.passages) and all(
        abs(after - before) < MOVED_MS
        for mine, its in zip(use.passages, old.passages, strict=True)
        for after, before in (
            (mine.start_ms, its.start_ms),
            (mine.end_ms, its.end_ms),
            (mine.recording_start_ms, its.recording_start_ms),
            (mine.recording_end_ms, its.recording_end_ms),
        )
    )


def _carried(
    connection: Connection, decided: StateChange, follower: Use, made_by: str, made_at: str
) -> StateChange | None:
    """Return the decision on a superseded use as one on the use in its place; None where it cannot be."""
    reason = f"carried over from {decided.use_id}: {_CARRIED.sub('', decided.reason)}"
    if decided.reason.startswith(ASKED_AGAIN):
        reason = decided.reason  # the question stays as it is
    change = StateChange(follower.id, decided.state, reason, made_at, made_by)
    if decided.named is None:
        return change
    try:
        return replace(change, named=name_recording(connection, follower, decided.named.recording_id))
    except RightsError:  # the recording that was named is not on file any more
        return None


def _decision(change: StateChange) -> tuple[str, str]:
    """Return the state that was given, and the recording that was named with it."""
    return change.state, change.named.recording_id if change.named else ""


def _told(old: Use, change: StateChange) -> str:
    named = f" as {change.named.recording_id}" if change.named else ""
    if change.reason.startswith(ASKED_AGAIN):
        return change.reason.removeprefix(ASKED_AGAIN)
    earlier = _CARRIED.sub("", change.reason)
    return f"{old.id} was {change.state}{named} by {change.made_by} on {change.made_at[:10]}: {earlier}"
