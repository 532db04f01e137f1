"""Comments on uses in review, and to whom these are assigned; notes are only added to, each with its person."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from fingerprint.errors import ParameterError
from sourceprint.royalties.uses.states import LONGEST_REASON
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import use_note

__all__ = ["ASSIGNMENT", "COMMENT", "UseNote", "add_note", "assignments", "notes_of"]

COMMENT, ASSIGNMENT = "comment", "assignment"

_EVENTS = {COMMENT: "use.commented", ASSIGNMENT: "use.assigned"}


@dataclass(frozen=True, slots=True)
class UseNote:
    """A comment, or an assignment.

    Attributes
    ----------
    kind : str
        "comment" or "assignment".
    content : str
        The comment; or the actor that the use is assigned to, "" for nobody.
    made_at, made_by : str
    """

    kind: str
    content: str
    made_at: str
    made_by: str


def add_note(
    connection: Connection, organisation: str, use_id: str, kind: str, content: str, *, at: str, by: str
) -> None:
    """Add a comment or an assignment; the log has the assignment, and of a comment that it was made.

    Raises
    ------
    ParameterError
        If a comment is empty or too long.
    """
    text = content.strip()
    if kind == COMMENT and not 1 <= len(text) <= LONGEST_REASON:
        raise ParameterError(f"comment: write one of 1 to {LONGEST_REASON} characters (here: {len(text)})")
    values = {"organisation_id": organisation, "use_id": use_id, "kind": kind, "content": text}
    connection.execute(insert(use_note), values | {"made_at": at, "made_by": by})
    note_event(
        connection, _EVENTS[kind], at=at, organisation=organisation, actor=by, subject=f"use:{use_id}",
        data={"to": text} if kind == ASSIGNMENT else {},
    )  # fmt: skip


def notes_of(connection: Connection, organisation: str, use_id: str) -> list[UseNote]:
    """Return the notes on a use, from the first."""
    column = use_note.c
    query = select(column.kind, column.content, column.made_at, column.made_by).where(
        column.organisation_id == organisation, column.use_id == use_id
    )
    return [UseNote(*row) for row in connection.execute(query.order_by(column.id))]


def assignments(connection: Connection, organisation: str, *, to: Callable[[str], bool] = bool) -> dict[str, str]:
    """Return the actor that each use is assigned to, by use.

    Parameters
    ----------
    to : callable
        Only assignments to actors for which it is true; by default to anybody.
    """
    column = use_note.c
    last = select(func.max(column.id)).where(column.organisation_id == organisation, column.kind == ASSIGNMENT)
    query = select(column.use_id, column.content).where(column.id.in_(last.group_by(column.use_id)))
    return {use_id: actor for use_id, actor in connection.execute(query) if to(actor)}
