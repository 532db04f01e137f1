"""The last decision on a use, taken back by the person who made it: a further change, which restores the state before.

Nothing is deleted: the history shows the decision, and that it was taken back. Money follows the states, so a statement
that was issued in between is adjusted by the next one, as after any other change.
"""

from datetime import datetime

from fingerprint.errors import RightsError
from sourceprint.royalties.rights.database import Database, actor, timestamp
from sourceprint.royalties.uses.states import (
    LONGEST_REASON,
    StateChange,
    enter_changes,
    expect_seen,
    use_history,
)

__all__ = ["UNDONE", "undo_change", "undoable"]

UNDONE = "undone: "
"""Reasons of changes that take a decision back start with this."""


def undoable(history: list[StateChange], by: str) -> bool:
    """Return whether a person may take the last change of a use back: it is their own, and takes none back itself."""
    return len(history) > 1 and history[-1].made_by == by and not history[-1].reason.startswith(UNDONE)


def undo_change(
    database: Database, use_id: str, by: str | None = None, *, seen: int, now: datetime | None = None
) -> StateChange:
    """Take the last decision on a use back, and return the change that restores the state before.

    Parameters
    ----------
    by, now : str or None, datetime or None
        Who, as `actor` has it, and when; by default now.
    seen : int
        Number of the decision, as `last_changes` has it.

    Raises
    ------
    UnknownRightsError
        If the id is not that of a use.
    StaleDecisionError
        If it was changed after that.
    RightsError
        If the last change is of another person, or takes one back itself.
    """
    made_by = actor(by)
    with database.writing() as connection:
        history = use_history(connection, use_id)
        expect_seen(connection, {use_id: seen})
        if not undoable(history, made_by):
            last = history[-1]
            raise RightsError(
                f"use {use_id}: its last change, {last.state} by {last.made_by}, is no decision of yours that can be "
                "undone; decide anew"
            )
        last, before = history[-1], history[-2]
        reason = f"{UNDONE}was {last.state}: {last.reason}"[:LONGEST_REASON]
        change = StateChange(use_id, before.state, reason, timestamp(now), made_by, before.named)
        enter_changes(connection, [change])
    return change
