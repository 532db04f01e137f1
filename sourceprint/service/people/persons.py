"""The people of an organisation: added, given roles, removed. A removed person stays on file, as the log names them."""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, RowMapping, insert, select, update

from fingerprint.errors import ParameterError, UnknownRightsError, printable
from sourceprint.service.people.roles import Role, roles_in, valid_roles
from sourceprint.service.people.sign_ins import end_sign_ins
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import organisation, person

__all__ = [
    "FIRST_ROLES",
    "ServicePerson",
    "add_person",
    "change_roles",
    "find_person",
    "list_persons",
    "names_by_actor",
    "remove_person",
    "rename_person",
]

FIRST_ROLES = (Role.ADMIN, Role.CATALOGUER, Role.REVIEWER, Role.ACCOUNTANT)
"""Roles of the first person of an organisation."""

_ID = re.compile(r"[0-9a-f]{12}")
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class ServicePerson:
    """A person who may sign in.

    Attributes
    ----------
    id : str
        12 hexadecimal digits.
    organisation_id : str
    name : str
        For people.
    roles : tuple of Role
    created_at, created_by : str
    removed_at : str or None
        Since when every sign-in is refused.
    """

    id: str
    organisation_id: str
    name: str
    roles: tuple[Role, ...]
    created_at: str
    created_by: str
    removed_at: str | None = None

    @property
    def actor(self) -> str:
        """The person in entries of the log, and in the database of rights."""
        return f"person:{self.id}"


def add_person(
    connection: Connection, organisation_id: str, name: str, roles: Iterable[str], *, at: str, actor: str
) -> ServicePerson:
    """Add a person, who can sign in once a passkey was made with a one-time link.

    Raises
    ------
    ParameterError
        If the name or a role is unsuitable.
    UnknownRightsError
        If there is no such organisation.
    """
    kept, found = _valid_name(name), valid_roles(roles)
    open_one = (organisation.c.id == organisation_id) & organisation.c.closed_at.is_(None)
    if connection.scalar(select(organisation.c.id).where(open_one)) is None:
        raise UnknownRightsError(f"organisation {printable(organisation_id):.60}: is not there, or closed")
    made = ServicePerson(secrets.token_hex(6), organisation_id, kept, found, at, actor)
    row = {"id": made.id, "organisation_id": organisation_id, "name": kept, "roles": " ".join(found)}
    connection.execute(insert(person), row | {"created_at": at, "created_by": actor})
    _note(connection, "person.added", made, at=at, actor=actor, data={"roles": list(found)})
    return made


def rename_person(
    connection: Connection, organisation_id: str, person_id: str, name: str, *, at: str, actor: str
) -> None:
    """Change the name of a person; it is in no entry of the log, which has ids alone.

    Raises
    ------
    ParameterError
        If the name is unsuitable.
    UnknownRightsError
        If the organisation has no such person.
    """
    found = find_person(connection, organisation_id, person_id)
    connection.execute(update(person).where(person.c.id == found.id).values(name=_valid_name(name)))
    _note(connection, "person.renamed", found, at=at, actor=actor)


def change_roles(
    connection: Connection, organisation_id: str, person_id: str, roles: Iterable[str], *, at: str, actor: str
) -> None:
    """Give a person other roles, from the next request on.

    Raises
    ------
    ParameterError
        If a role is unknown, or the organisation would have no admin.
    UnknownRightsError
        If it has no such person.
    """
    found, wanted = find_person(connection, organisation_id, person_id), valid_roles(roles)
    if wanted == found.roles:
        return
    if Role.ADMIN not in wanted:
        _expect_another_admin(connection, found)
    connection.execute(update(person).where(person.c.id == found.id).values(roles=" ".join(wanted)))
    data = {"roles": list(wanted), "former": list(found.roles)}
    _note(connection, "person.roles_changed", found, at=at, actor=actor, data=data)


def remove_person(connection: Connection, organisation_id: str, person_id: str, *, at: str, actor: str) -> None:
    """Refuse every sign-in of a person from here on, and end those that are open.

    Raises
    ------
    ParameterError
        If the organisation would have no admin.
    UnknownRightsError
        If it has no such person.
    """
    found = find_person(connection, organisation_id, person_id)
    _expect_another_admin(connection, found)
    connection.execute(update(person).where(person.c.id == found.id).values(removed_at=at))
    end_sign_ins(connection, found.id, at=at)
    _note(connection, "person.removed", found, at=at, actor=actor)


def find_person(connection: Connection, organisation_id: str, person_id: str) -> ServicePerson:
    """Return a person of an organisation who was not removed.

    Raises
    ------
    UnknownRightsError
        If there is none.
    """
    own = (person.c.organisation_id == organisation_id) & (person.c.id == person_id) & person.c.removed_at.is_(None)
    found = _select(connection, own) if _ID.fullmatch(person_id) else []
    if not found:
        raise UnknownRightsError(f"person {printable(person_id):.40}: is not there")
    return found[0]


def list_persons(connection: Connection, organisation_id: str, *, removed: bool = False) -> list[ServicePerson]:
    """Return the people of an organisation, in the order in which they were added; with those removed, if wanted."""
    own = person.c.organisation_id == organisation_id
    return _select(connection, own if removed else own & person.c.removed_at.is_(None))


def names_by_actor(connection: Connection, organisation_id: str) -> dict[str, str]:
    """Return the names of an organisation's people by actor; removed ones too, as what they did stays."""
    return {one.actor: one.name for one in list_persons(connection, organisation_id, removed=True)}


def _expect_another_admin(connection: Connection, found: ServicePerson) -> None:
    """Refuse a change that takes its last admin from an organisation; its people are locked until then."""
    own = (person.c.organisation_id == found.organisation_id) & person.c.removed_at.is_(None)
    rows = connection.execute(select(person.c.id, person.c.roles).where(own).with_for_update())
    admins = {row.id for row in rows if Role.ADMIN in roles_in(row.roles)}
    if admins == {found.id}:
        raise ParameterError("the organisation would have no admin; make another person admin first")


def _valid_name(name: str) -> str:
    kept = printable(" ".join(name.split()))
    if not 0 < len(kept) <= _LONGEST_NAME:
        raise ParameterError(f"name {name!r:.80}: must have 1 to {_LONGEST_NAME} characters")
    return kept


def _note(
    connection: Connection,
    event: str,
    found: ServicePerson,
    *,
    at: str,
    actor: str,
    data: Mapping[str, Iterable[str]] | None = None,
) -> None:
    note_event(
        connection, event, at=at, actor=actor, organisation=found.organisation_id, subject=found.actor, data=data
    )


def _select(connection: Connection, condition: ColumnElement[bool]) -> list[ServicePerson]:
    query = select(person).where(condition).order_by(person.c.created_at, person.c.id)
    return [_person(row) for row in connection.execute(query).mappings()]


def _person(row: RowMapping) -> ServicePerson:
    names = ("id", "organisation_id", "name", "created_at", "created_by", "removed_at")
    return ServicePerson(**{name: row[name] for name in names}, roles=roles_in(row["roles"]))
