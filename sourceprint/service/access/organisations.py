"""Organisations: everything belongs to one, and is invisible to the others."""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, insert, select, update

from fingerprint.errors import ParameterError, printable
from sourceprint.service.data_folder import check_id
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import organisation

__all__ = [
    "DEFAULT_ORGANISATION",
    "Organisation",
    "add_organisation",
    "close_organisation",
    "list_organisations",
    "organisation_name",
]

DEFAULT_ORGANISATION = "main"
"""Id of the organisation that a new server has."""

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation.

    Attributes
    ----------
    id : str
        1 to 40 lower-case letters, digits and hyphens.
    name : str
        For people.
    created_at : str
    closed_at : str or None
        Since when its keys are refused.
    """

    id: str
    name: str
    created_at: str
    closed_at: str | None = None


def add_organisation(connection: Connection, organisation_id: str, name: str, *, at: str, actor: str) -> Organisation:
    """Add an organisation.

    Raises
    ------
    ParameterError
        If the id is unsuitable or taken, or the name too long.
    """
    check_id(organisation_id)
    kept = printable(name.strip())
    if not 0 < len(kept) <= _LONGEST_NAME:
        raise ParameterError(f"name {name!r:.80}: must have 1 to {_LONGEST_NAME} characters")
    if _find(connection, organisation_id) is not None:
        raise ParameterError(f"organisation {organisation_id}: is there already; choose another id")
    connection.execute(insert(organisation), {"id": organisation_id, "name": kept, "created_at": at})
    note_event(
        connection, "organisation.added", at=at, actor=actor, organisation=organisation_id,
        subject=f"organisation:{organisation_id}",
    )  # fmt: skip
    return Organisation(organisation_id, kept, at)


def close_organisation(connection: Connection, organisation_id: str, *, at: str, actor: str) -> None:
    """Refuse the keys of an organisation from here on; its data stays.

    Raises
    ------
    ParameterError
        If there is no such organisation.
    """
    if _find(connection, organisation_id) is None:
        raise ParameterError(f"organisation {organisation_id:.60}: is not there")
    open_one = (organisation.c.id == organisation_id) & organisation.c.closed_at.is_(None)
    if connection.execute(update(organisation).where(open_one).values(closed_at=at)).rowcount:
        note_event(
            connection, "organisation.closed", at=at, actor=actor, organisation=organisation_id,
            subject=f"organisation:{organisation_id}",
        )  # fmt: skip


def list_organisations(connection: Connection) -> list[Organisation]:
    """Return the organisations, by id."""
    columns = (organisation.c.id, organisation.c.name, organisation.c.created_at, organisation.c.closed_at)
    return [Organisation(*row) for row in connection.execute(select(*columns).order_by(organisation.c.id))]


def organisation_name(connection: Connection, organisation_id: str) -> str:
    """Return the name of an organisation that is there."""
    return str(connection.scalar(select(organisation.c.name).where(organisation.c.id == organisation_id)))


def _find(connection: Connection, organisation_id: str) -> Row[tuple[str]] | None:
    return connection.execute(select(organisation.c.id).where(organisation.c.id == organisation_id)).first()
