"""Deadlines: a dispute that nobody answers in time lapses, as the settings of the server say.

Only a decision answers a dispute. The use is then withdrawn, so that nobody pays for it, or resolved, so that it is
paid; the history of the use and the log name the deadline. An open recording stays disputed: it could not be paid.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from fingerprint.errors import RightsError
from sourceprint.royalties.rights.database import Database, timestamp
from sourceprint.royalties.rights.schema import use, use_event
from sourceprint.royalties.uses.states import change_state
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.outbox import note_event

__all__ = ["BY", "LAPSES_TO", "lapse_disputes", "lapses_on"]

BY = "deadline"
"""Who a lapse is by, in the history of a use and in the log."""

LAPSES_TO = ("withdrawn", "resolved")
"""States that a lapsed dispute may give."""


def lapses_on(disputed_at: str, days: int) -> str:
    """Return the day, YYYY-MM-DD, on which a dispute lapses.

    Examples
    --------
    >>> lapses_on("2026-12-02T10:00:00Z", 30)
    '2027-01-01'
    """
    return (datetime.fromisoformat(disputed_at) + timedelta(days=days)).date().isoformat()


def lapse_disputes(
    rights: Database, database: ServiceDatabase, organisation: str, *, days: int, state: str
) -> Sequence[str]:
    """Give the uses of an organisation a state whose dispute is so many days old; return their ids.

    Parameters
    ----------
    rights : Database
        Of the organisation.
    database : ServiceDatabase
        For the log.
    organisation : str
    days : int
        0 lets none lapse.
    state : str
        Of `LAPSES_TO`.
    """
    if not days:
        return []
    now = database.clock().astimezone(UTC)
    before = timestamp(now - timedelta(days=days))
    last = select(func.max(use_event.c.id)).group_by(use_event.c.use_id)
    query = (
        select(use_event.c.use_id, use_event.c.id)
        .join(use, use.c.id == use_event.c.use_id)
        .where(use_event.c.id.in_(last), use_event.c.state == "disputed", use_event.c.made_at <= before)
        .where(use.c.superseded_by.is_(None))
        .order_by(use_event.c.id)
    )
    with rights.reading() as connection:
        old = connection.execute(query).all()
    lapsed = []
    for use_id, number in old:
        try:
            reason = f"nobody answered the dispute in {days} days"
            change_state(rights, [use_id], state, reason, BY, seen={use_id: number}, now=now)
        except RightsError:  # decided just now, or its recording is open
            continue
        lapsed.append(use_id)
        with database.writing() as connection:
            note_event(
                connection, "use.lapsed", at=database.now(), organisation=organisation, actor=BY,
                subject=f"use:{use_id}", data={"state": state, "days": days},
            )  # fmt: skip
    return lapsed
